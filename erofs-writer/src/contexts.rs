//! SELinux labels, from a file of contexts as policies have them.
//!
//! Patterns without anything special in them are looked up by path; all others
//! are one automaton, which goes over a path once, however many there are.

mod automaton;
mod line;
mod pattern;
mod read;

use std::collections::HashMap;
use std::path::Path;

use crate::error::Result;
use crate::tree::{InodeId, Tree, Xattrs, components};

use automaton::Automaton;
use line::FileType;

/// The attribute that holds a label.
const NAME: &[u8] = b"security.selinux";

/// SELinux labels for paths: what a file of contexts ("file_contexts") says.
///
/// Lines are a pattern, a type of file that may be left out, and a context. The
/// last one that matches counts, but patterns that name one path go before
/// regular expressions. `<<none>>` stands for no label.
///
/// A pattern matches whole paths. It is one of PCRE2, as SELinux has them,
/// without what needs backtracking and what policies do not use: references
/// back, looking around, possessive repetitions, options, Unicode classes.
///
/// ```
/// use erofs_writer::{Content, FileContexts, Metadata, Node, Tree};
///
/// let text = b"/opt(/.*)?       system_u:object_r:usr_t:s0\n\
///              /opt/.*\\.so -- system_u:object_r:lib_t:s0\n";
/// let contexts = FileContexts::parse("file_contexts", text)?;
/// let mut tree = Tree::new(Metadata::new(0o755));
/// let file = Node::File(Content::from_bytes(*b"\x7fELF"));
/// tree.insert("libx.so", Metadata::new(0o755), file)?;
/// tree.apply_file_contexts(&contexts, "/opt");
/// let label = |path| tree.get(path)?.metadata().xattrs.get("security.selinux");
/// assert_eq!(label("/"), Some(&b"system_u:object_r:usr_t:s0"[..]));
/// assert_eq!(label("libx.so"), Some(&b"system_u:object_r:lib_t:s0"[..]));
/// # Ok::<(), erofs_writer::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct FileContexts {
    rules: Vec<Rule>,
    /// The rules for single paths, in the order of the file.
    literals: HashMap<Vec<u8>, Vec<usize>>,
    /// The rules of the automaton's patterns.
    patterns: Vec<usize>,
    automaton: Option<Automaton>,
    /// What replaces the starts of paths, and what then replaces those.
    substitutions: [Vec<Substitution>; 2],
}

#[derive(Debug)]
struct Rule {
    of: Option<FileType>,
    /// None if there is to be no label.
    context: Option<Box<[u8]>>,
}

#[derive(Debug)]
struct Substitution {
    from: Vec<u8>,
    to: Vec<u8>,
}

impl FileContexts {
    /// Reads the file `path`, and where they are there those that belong to it:
    /// further lines in `.homedirs` and `.local`, and in `.subs` and
    /// `.subs_dist` starts of paths that stand for others. Compiled files are
    /// not needed. A file may have 8 MiB.
    ///
    /// # Errors
    /// [`Error::Read`](crate::Error::Read), and
    /// [`Error::FileContexts`](crate::Error::FileContexts) for a line that is
    /// none.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        read::open(path.as_ref())
    }

    /// Reads a file of contexts from memory. `name` is what errors call it.
    ///
    /// # Errors
    /// [`Error::FileContexts`](crate::Error::FileContexts) for a line that is
    /// none.
    pub fn parse(name: impl AsRef<Path>, text: &[u8]) -> Result<Self> {
        read::parse(name.as_ref(), text)
    }

    /// The rule that decides about `path`, which is absolute.
    fn rule(&self, path: &[u8], of: FileType) -> Option<usize> {
        let replaced = self.replaced(path);
        let path = replaced.as_deref().unwrap_or(path);
        let fits = |rule: &usize| self.rules[*rule].of.is_none_or(|only| only == of);
        let literals = self.literals.get(path);
        let literal = literals.and_then(|rules| rules.iter().copied().rfind(fits));
        if literal.is_some() {
            return literal;
        }
        let automaton = self.automaton.as_ref()?;
        let mut last = None;
        // To PCRE2, a path also ends before a final newline.
        for path in [Some(path), path.strip_suffix(b"\n")].into_iter().flatten() {
            automaton.each_match(path, |pattern| {
                last = last.max(Some(self.patterns[pattern]).filter(fits));
            });
        }
        last
    }

    /// What stands for `path`, if something else does.
    fn replaced(&self, path: &[u8]) -> Option<Vec<u8>> {
        let mut replaced = None;
        for list in &self.substitutions {
            let path = replaced.as_deref().unwrap_or(path);
            let now = list.iter().rev().find_map(|substitution| substitution.of(path));
            replaced = now.or(replaced);
        }
        replaced
    }
}

impl Substitution {
    /// `path` after it, if it is about `path`.
    fn of(&self, path: &[u8]) -> Option<Vec<u8>> {
        let rest = path.strip_prefix(&*self.from)?;
        let rest = match (rest, &*self.to) {
            ([], _) => rest,
            ([b'/', rest @ ..], b"/") => rest,
            ([b'/', ..], _) => rest,
            _ => return None,
        };
        Some([&*self.to, rest].concat())
    }
}

impl Tree {
    /// Gives every inode the label that `contexts` has for its path below
    /// `mount_point`, as attribute `security.selinux`, and takes their labels
    /// away from those for which there is none. A file with several names gets
    /// the label of the first in the order of paths.
    pub fn apply_file_contexts(&mut self, contexts: &FileContexts, mount_point: impl AsRef<[u8]>) {
        let mut prefix = Vec::new();
        for name in components(mount_point.as_ref()) {
            prefix.push(b'/');
            prefix.extend_from_slice(name);
        }
        let mut rules: Vec<Option<(InodeId, Option<usize>)>> = vec![None; self.arena_len()];
        for entry in self.walk() {
            let id = entry.arena_id();
            let rule = &mut rules[id.index()];
            if rule.is_none() {
                let mut path = prefix.clone();
                if entry.path() != b"/" || path.is_empty() {
                    path.extend_from_slice(entry.path());
                }
                let of = FileType::of(&self.inode(id).kind);
                *rule = Some((id, contexts.rule(&path, of)));
            }
        }
        // Inodes with nothing but the same label share it.
        let mut labels: HashMap<usize, Xattrs> = HashMap::new();
        for (id, rule) in rules.into_iter().flatten() {
            let xattrs = &mut self.inode_mut(id).metadata.xattrs;
            xattrs.retain(|name, _| name != NAME);
            let context = rule.and_then(|rule| contexts.rules[rule].context.as_deref());
            let (Some(rule), Some(context)) = (rule, context) else {
                continue;
            };
            if xattrs.is_empty() {
                let label = || Xattrs::from_iter([(NAME.to_vec(), context.to_vec())]);
                *xattrs = labels.entry(rule).or_insert_with(label).clone();
            } else {
                xattrs.set(NAME, context);
            }
        }
    }
}

#[cfg(test)]
mod tests;
