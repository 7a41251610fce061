//! How each file is compressed.

use std::collections::{HashMap, HashSet};

use crate::options::{FileCodec, Options};
use crate::tree::{InodeId, Tree};

/// Tells files apart that rules do.
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
            // Of several names the first counts.
            if seen.insert(entry.arena_id()) {
                let codec = options.codec_by_rule(path);
                codecs.by_rule.extend(codec.map(|codec| (entry.arena_id(), codec)));
            }
        }
        codecs
    }

    /// How the file `id` is compressed, if it is.
    pub(crate) fn of(&self, id: InodeId) -> Option<FileCodec> {
        self.by_rule.get(&id).copied().unwrap_or(self.default)
    }
}
