//! The codec of each file.

use std::collections::{HashMap, HashSet};

use crate::options::{FileCodec, Options};
use crate::tree::{InodeId, Tree};

/// The codecs of files: that of a rule, or else the default.
#[derive(Debug)]
pub(crate) struct Codecs {
    default: Option<FileCodec>,
    by_rule: HashMap<InodeId, Option<FileCodec>>,
}

impl Codecs {
    pub(crate) fn new(tree: &Tree, options: &Options) -> Self {
        let mut codecs = Codecs { default: options.default_codec(), by_rule: HashMap::new() };
        if options.compress_rules.is_empty() {
            return codecs;
        }
        let mut seen = HashSet::new();
        for entry in tree.walk().filter(|entry| entry.content().is_some()) {
            let path = entry.path().strip_prefix(b"/").unwrap_or(entry.path());
            // If a file has several names, the first one counts.
            if seen.insert(entry.arena_id()) {
                let codec = options.codec_by_rule(path);
                codecs.by_rule.extend(codec.map(|codec| (entry.arena_id(), codec)));
            }
        }
        codecs
    }

    /// The codec of the file `id`; `None` if it is not compressed.
    pub(crate) fn of(&self, id: InodeId) -> Option<FileCodec> {
        self.by_rule.get(&id).copied().unwrap_or(self.default)
    }
}
