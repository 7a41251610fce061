//! What a NAR has, and how it becomes a part of a tree.

use std::sync::Arc;

use crate::error::{Error, NarErrorKind, Result, TreeErrorKind};
use crate::source::nar::input::Input;
use crate::time::Timestamp;
use crate::tree::{
    Children, Content, InodeId, Kind, Metadata, Name, Tree, is_valid_name, without_case_hack,
};

/// The most directories above an entry, as in a tar archive.
const DEPTH_MAX: usize = 2048;
/// The most bytes of a name or of the target of a symlink that are read. An image has less,
/// and its error says which.
const STRING_MAX: u64 = 64 << 10;

/// An entry of a NAR. A directory is followed by its entries, and these by an end.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Without one for the root of a NAR, and for an end.
    name: Option<Name>,
    kind: EntryKind,
}

#[derive(Debug)]
enum EntryKind {
    Directory,
    End,
    File { content: Content, is_executable: bool },
    Symlink(Box<[u8]>),
}

/// Reads one NAR from its first string to its last parenthesis.
pub(crate) fn read(input: &mut Input<'_>) -> Result<Vec<Entry>> {
    let start = input.pos();
    if input.word()?.as_deref() != Some(b"nix-archive-1") {
        return Err(input.error(start, NarErrorKind::NoNar));
    }
    let mut entries = Vec::new();
    // The names that were read last in each open directory.
    let mut open: Vec<Option<Name>> = Vec::new();
    let mut name = None;
    loop {
        if node(input, &mut entries, name.take())? {
            if open.len() == DEPTH_MAX {
                return Err(input.error(input.pos(), NarErrorKind::TooDeep));
            }
            open.push(None);
        } else if !open.is_empty() {
            // The end of the entry that this is the node of.
            input.expect(")")?;
        }
        name = next_name(input, &mut entries, &mut open)?;
        if name.is_none() {
            return Ok(entries);
        }
    }
}

/// Reads a node, of a directory only the beginning. Returns whether it is one.
fn node(input: &mut Input<'_>, entries: &mut Vec<Entry>, name: Option<Name>) -> Result<bool> {
    input.expect("(")?;
    input.expect("type")?;
    let start = input.pos();
    let kind = match input.word()?.as_deref() {
        Some(b"directory") => EntryKind::Directory,
        Some(b"symlink") => {
            input.expect("target")?;
            EntryKind::Symlink(input.string(STRING_MAX)?.into())
        }
        Some(b"regular") => {
            let start = input.pos();
            let mut word = input.word()?;
            let is_executable = word.as_deref() == Some(b"executable");
            if is_executable {
                input.expect("")?;
                word = input.word()?;
            }
            if word.as_deref() != Some(b"contents") {
                return Err(input.error(start, NarErrorKind::Expected { word: "contents" }));
            }
            EntryKind::File { content: input.contents()?, is_executable }
        }
        _ => return Err(input.error(start, NarErrorKind::Type)),
    };
    let is_directory = matches!(kind, EntryKind::Directory);
    entries.push(Entry { name, kind });
    if !is_directory {
        input.expect(")")?;
    }
    Ok(is_directory)
}

/// The name of the next entry, after directories that end before it have been ended. None
/// at the end of the NAR.
fn next_name(
    input: &mut Input<'_>,
    entries: &mut Vec<Entry>,
    open: &mut Vec<Option<Name>>,
) -> Result<Option<Name>> {
    while let Some(last) = open.last_mut() {
        let start = input.pos();
        match input.word()?.as_deref() {
            Some(b"entry") => {
                input.expect("(")?;
                input.expect("name")?;
                let name: Name = entry_name(input, last.as_ref())?.into();
                *last = Some(Arc::clone(&name));
                input.expect("node")?;
                return Ok(Some(name));
            }
            Some(b")") => {
                entries.push(Entry { name: None, kind: EntryKind::End });
                open.pop();
                if !open.is_empty() {
                    input.expect(")")?;
                }
            }
            _ => return Err(input.error(start, NarErrorKind::Expected { word: "entry" })),
        }
    }
    Ok(None)
}

/// Reads the name of an entry, which comes after the one with the name `last`.
fn entry_name(input: &mut Input<'_>, last: Option<&Name>) -> Result<Vec<u8>> {
    let start = input.pos();
    let name = input.string(STRING_MAX)?;
    if !is_valid_name(&name) {
        return Err(input.error(start, NarErrorKind::Name { name }));
    }
    match last {
        Some(last) if name[..] <= last[..] => {
            let last = last.to_vec();
            Err(input.error(start, NarErrorKind::Order { name, last }))
        }
        _ => Ok(name),
    }
}

/// Whether these are the entries of a directory.
pub(crate) fn is_directory(entries: &[Entry]) -> bool {
    matches!(entries.first(), Some(Entry { kind: EntryKind::Directory, .. }))
}

/// The metadata that everything in a store has.
fn metadata(mode: u16) -> Metadata {
    Metadata::new(mode).with_mtime(Timestamp::from_sec(0))
}

/// The metadata of every directory in a store.
pub(crate) fn directory_metadata() -> Metadata {
    metadata(0o555)
}

/// Makes inodes of `entries`, to which no path leads yet. Returns the first one, which
/// `path` names in messages.
pub(crate) fn add(
    tree: &mut Tree,
    entries: Vec<Entry>,
    path: &[u8],
    strips_case_hack: bool,
) -> Result<InodeId> {
    let mut open: Vec<(InodeId, Vec<(Name, InodeId)>)> = Vec::new();
    let mut first = None;
    for Entry { name, kind } in entries {
        let (is_directory, is_end) =
            (matches!(kind, EntryKind::Directory), matches!(kind, EntryKind::End));
        if is_end {
            let (id, children) = open.pop().expect("ends are those of directories");
            fill(tree, id, children, (path, strips_case_hack))?;
            continue;
        }
        let id = match kind {
            EntryKind::Directory | EntryKind::End => {
                tree.add(directory_metadata(), Kind::Directory(Children::new()))?
            }
            EntryKind::File { content, is_executable } => {
                let mode = if is_executable { 0o555 } else { 0o444 };
                tree.add(metadata(mode), Kind::File(content))?
            }
            EntryKind::Symlink(target) => tree.add(metadata(0o777), Kind::Symlink(target))?,
        };
        first.get_or_insert(id);
        if let (Some((_, children)), Some(name)) = (open.last_mut(), name) {
            children.push((name, id));
        }
        if is_directory {
            open.push((id, Vec::new()));
        }
    }
    Ok(first.expect("a NAR has a root"))
}

/// Gives the directory `id` its children.
fn fill(
    tree: &mut Tree,
    id: InodeId,
    mut children: Vec<(Name, InodeId)>,
    (path, strips_case_hack): (&[u8], bool),
) -> Result<()> {
    let expected = children.len();
    if strips_case_hack {
        for (name, _) in &mut children {
            let stripped = without_case_hack(name);
            if stripped.len() < name.len() {
                *name = stripped.into();
            }
        }
    }
    let target = tree.children_mut(id);
    target.extend(children);
    match target.len() == expected {
        true => Ok(()),
        // Two names can become the same one only if suffixes are stripped.
        false => Err(Error::tree(path, TreeErrorKind::Exists)),
    }
}
