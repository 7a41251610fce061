//! The rules of a file of contexts, and the choice of the one that decides about a path.

use std::collections::HashMap;

use super::automaton::Automaton;
use super::line::FileType;

/// SELinux labels for paths: the contents of a file of contexts ("file_contexts").
///
/// A line has a pattern, a type of file, which may be left out, and a context. The last
/// line that matches counts, but patterns that name one path take precedence over regular
/// expressions. `<<none>>` stands for no label.
///
/// A pattern matches whole paths. It is a pattern of PCRE2, as with SELinux, without the
/// parts that need backtracking and that policies do not use: back-references,
/// lookaround, possessive repetitions, options, Unicode classes.
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
    pub(super) rules: Vec<Rule>,
    /// The rules for single paths, in the order of the file.
    pub(super) literals: HashMap<Vec<u8>, Vec<usize>>,
    /// The rules of the automaton's patterns.
    pub(super) patterns: Vec<usize>,
    pub(super) automaton: Option<Automaton>,
    /// Replacements of the starts of paths, and then replacements of the results.
    pub(super) substitutions: [Vec<Substitution>; 2],
}

#[derive(Debug)]
pub(super) struct Rule {
    pub(super) of: Option<FileType>,
    /// `None` if there is to be no label.
    pub(super) context: Option<Box<[u8]>>,
}

#[derive(Debug)]
pub(super) struct Substitution {
    pub(super) from: Vec<u8>,
    pub(super) to: Vec<u8>,
}

impl FileContexts {
    /// The rule that decides about `path`, which is absolute.
    pub(super) fn rule(&self, path: &[u8], of: FileType) -> Option<usize> {
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
        // For PCRE2, a path also ends before a newline at its end.
        for path in [Some(path), path.strip_suffix(b"\n")].into_iter().flatten() {
            automaton.each_match(path, |pattern| {
                last = last.max(Some(self.patterns[pattern]).filter(fits));
            });
        }
        last
    }

    /// The path that stands for `path`, if there is one.
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
    /// `path` after the substitution, if that applies to `path`.
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
