//! Exports: NARs one after the other, each followed by the store path that it is.

use crate::error::{Error, NarErrorKind, Result, StorePathsError, TreeErrorKind};
use crate::source::nar::entries;
use crate::source::nar::input::Input;
use crate::tree::{Metadata, Tree, components, is_valid_name};

/// The number before a NAR. Before the end, it is 0.
const NAR: u64 = 1;
/// The number after a NAR.
const MAGIC: u64 = 0x4558_494e;
/// The most bytes of a store path.
const PATH_MAX: u64 = 4096;
/// The most bytes of a signature.
const SIGNATURE_MAX: u64 = 64 << 10;
/// The most references of all store paths.
const REFERENCES_MAX: u64 = 1 << 26;

/// Whether the next number is one that begins an export, or ends an empty one.
pub(super) fn is_next(input: &mut Input<'_>) -> Result<bool> {
    Ok(input.peek_number()?.is_some_and(|number| number <= NAR))
}

/// Reads an export.
pub(super) fn read(input: &mut Input<'_>, strips_case_hack: bool) -> Result<Tree> {
    let mut tree = Tree::new(Metadata::new(0o755));
    let mut references = 0;
    while flag(input)? {
        let entries = entries::read(input)?;
        let start = input.pos();
        if input.number()? != MAGIC {
            return Err(input.error(start, NarErrorKind::Export));
        }
        let start = input.pos();
        let path = input.string(PATH_MAX)?;
        let name = components(&path).next_back().unwrap_or_default().to_vec();
        let count = input.number()?;
        references += count.min(REFERENCES_MAX + 1);
        if references > REFERENCES_MAX {
            return Err(input.error(start, NarErrorKind::Export));
        }
        for _ in 0..count {
            input.string(PATH_MAX)?;
        }
        let _deriver = input.string(PATH_MAX)?;
        if flag(input)? {
            input.string(SIGNATURE_MAX)?;
        }
        let path_in_image = [b"/", &name[..]].concat();
        if !path.starts_with(b"/") || !is_valid_name(&name) {
            return Err(input.error(start, NarErrorKind::StorePath { path }));
        }
        let id = entries::add(&mut tree, entries, &path_in_image, strips_case_hack)?;
        if tree.children_mut(Tree::ROOT).insert(name.into(), id).is_some() {
            return Err(Error::tree(path_in_image, TreeErrorKind::Exists));
        }
    }
    input.end()?;
    if tree.children(Tree::ROOT).is_none_or(|children| children.is_empty()) {
        return Err(StorePathsError::Empty.into());
    }
    tree.shrink();
    Ok(tree)
}

/// Reads a number that is 1 if something follows: a NAR, or the signature of an old export.
fn flag(input: &mut Input<'_>) -> Result<bool> {
    let start = input.pos();
    match input.number()? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(input.error(start, NarErrorKind::Export)),
    }
}
