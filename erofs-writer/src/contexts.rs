//! SELinux labels, from a file of contexts as policies have it.
//!
//! Patterns without special characters are looked up by path. All others form one
//! automaton, which reads a path once, however many patterns there are.

mod automaton;
mod line;
mod pattern;
mod read;
mod rules;

use std::collections::HashMap;
use std::path::Path;

use crate::error::Result;
use crate::tree::{InodeId, Tree, Xattrs, components};

use line::FileType;
pub use rules::FileContexts;

/// The attribute that holds a label.
const NAME: &[u8] = b"security.selinux";

impl FileContexts {
    /// Reads the file `path`, and the files that belong to it, if they exist: `.homedirs`
    /// and `.local` have further lines; `.subs` and `.subs_dist` have starts of paths
    /// that stand for others. Compiled files are not needed. A file may have 8 MiB.
    ///
    /// # Errors
    /// [`Error::Read`](crate::Error::Read), and
    /// [`Error::FileContexts`](crate::Error::FileContexts) for a line that cannot be
    /// read.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        read::open(path.as_ref())
    }

    /// Reads a file of contexts from memory. Errors call it `name`.
    ///
    /// # Errors
    /// [`Error::FileContexts`](crate::Error::FileContexts) for a line that cannot be
    /// read.
    pub fn parse(name: impl AsRef<Path>, text: &[u8]) -> Result<Self> {
        read::parse(name.as_ref(), text)
    }
}

impl Tree {
    /// Gives every inode the label that `contexts` has for its path below `mount_point`,
    /// as the attribute `security.selinux`. Inodes without such a label lose the one they
    /// have. A file with several names gets the label of its first name in the order of
    /// paths.
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
