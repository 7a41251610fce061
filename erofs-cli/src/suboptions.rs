//! The words of `-E`: a comma-joined list, each word perhaps with `^` before it and
//! `=VALUE` after it, read as mkfs.erofs 1.9.3 reads it.

use std::fmt::{self, Write as _};

use erofs_writer::{InodeForm, Options, PclusterSize, Shown, Tails};

use crate::number;

/// The meaning of a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    InodeForm(InodeForm),
    /// Whether chunk maps have 8-byte indexes.
    ChunkIndexes(bool),
    NoChecksum,
    NoInlineData,
    InlineData,
    XattrNameFilter,
    /// Xattr prefixes do not lie in the packed inode. They never do here.
    PlainXattrPrefixes,
    Dedupe,
    FullIndexes,
    InlinePclusters,
    WideAddresses,
    /// Fragments, with the pcluster size of the packed inode if one is given.
    Fragments(Tails, Option<PclusterSize>),
    ShareFragments(bool),
    OmitDots,
}

const COMPACT: &str = "force-inode-compact";

const WORDS: &[(&str, Word)] = &[
    ("ztailpacking", Word::InlinePclusters),
    ("fragments", Word::Fragments(Tails::Fragments, None)),
    ("all-fragments", Word::Fragments(Tails::AllFragments, None)),
    ("fragdedupe", Word::ShareFragments(true)),
    ("dedupe", Word::Dedupe),
    ("dot-omitted", Word::OmitDots),
    ("48bit", Word::WideAddresses),
    ("inline_data", Word::InlineData),
    ("noinline_data", Word::NoInlineData),
    (COMPACT, Word::InodeForm(InodeForm::Compact)),
    ("force-inode-extended", Word::InodeForm(InodeForm::Extended)),
    ("force-inode-blockmap", Word::ChunkIndexes(false)),
    ("force-chunk-indexes", Word::ChunkIndexes(true)),
    ("legacy-compress", Word::FullIndexes),
    ("nosbcrc", Word::NoChecksum),
    ("xattr-name-filter", Word::XattrNameFilter),
    ("plain-xattr-prefixes", Word::PlainXattrPrefixes),
];

/// Each word as it is typed, with a line about it. Those of one purpose stand together.
pub(crate) const HELP: &[(&str, &str)] = &[
    ("ztailpacking", "store the end of a compressed file after its inode (Linux 5.17)"),
    ("fragments[=SIZE]", "compress the ends of files together, in pclusters of SIZE (Linux 6.1)"),
    ("all-fragments[=SIZE]", "so with whole files: the smallest images, slower reads (Linux 6.1)"),
    (
        "fragdedupe[=full|inode|off]",
        "whether fragments with the same bytes are stored once [default: full]",
    ),
    ("dedupe", "store bytes that repeat in compressed files once (Linux 6.1)"),
    ("^dedupe", "let files with the same contents not share their blocks either"),
    ("dot-omitted", "leave the entry . out of directories (Linux 6.15)"),
    ("48bit", "allow more than 16 TiB, and times in compact inodes (Linux 6.15)"),
    ("^inline_data", "store no end of a file after its inode; also noinline_data"),
    ("force-inode-compact", "inodes of 32 bytes, all of one time and owners below 65536"),
    ("force-inode-extended", "inodes of 64 bytes, also where 32 are enough"),
    ("force-chunk-indexes", "chunk maps with 8 bytes a chunk"),
    ("force-inode-blockmap", "chunk maps with 4 bytes a chunk [default where they are enough]"),
    ("legacy-compress", "lcluster indexes of 8 bytes, in place of compact ones"),
    ("nosbcrc", "no checksum in the superblock"),
    ("^xattr-name-filter", "no filter with which Linux 6.6 skips inodes that lack an attribute"),
    ("plain-xattr-prefixes", "accepted: prefixes of --xattr-prefix are always plain"),
];

/// The help of `-E`.
pub(crate) fn long_help() -> String {
    let mut text = "Extended options, joined by commas; ^ before one turns it off\n".to_owned();
    for (word, help) in HELP {
        let _ = write!(text, "\n{word}\n    {help}");
    }
    text
}

/// One word as typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Suboption {
    name: &'static str,
    word: Word,
    negated: bool,
}

impl Suboption {
    /// Whether this word makes all times the same, because compact inodes need that.
    pub(crate) fn implies_ignore_mtime(&self) -> bool {
        self.name == COMPACT
    }

    /// Whether it has an effect only where files are compressed.
    pub(crate) fn needs_codec(&self) -> bool {
        use Word::*;
        !self.negated
            && matches!(
                self.word,
                FullIndexes | InlinePclusters | Fragments(..) | ShareFragments(_)
            )
    }

    /// Whether it is about the way in which contents are stored.
    pub(crate) fn is_of_contents(&self) -> bool {
        let is_stored = matches!(self.word, Word::Dedupe | Word::ChunkIndexes(false));
        self.needs_codec() || is_stored && !self.negated
    }

    /// Whether it has a `^` without effect, as in mkfs.erofs.
    pub(crate) fn has_idle_caret(&self) -> bool {
        use Word::*;
        self.negated
            && !matches!(
                self.word,
                InlineData
                    | XattrNameFilter
                    | Dedupe
                    | FullIndexes
                    | InlinePclusters
                    | Fragments(..)
                    | ShareFragments(_)
                    | WideAddresses
                    | OmitDots
            )
    }
}

impl fmt::Display for Suboption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "-E {}{}", if self.negated { "^" } else { "" }, self.name)
    }
}

/// The reason why a list of words cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SuboptionError {
    Unknown { word: String, similar: Option<&'static str> },
    EmptyValue { name: &'static str },
    Value { name: &'static str },
    WrongValue { name: &'static str, value: String },
}

impl fmt::Display for SuboptionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SuboptionError::Unknown { word, similar: Some(similar) } => {
                write!(f, "there is no '{}'; did you mean '{similar}'?", Shown::new(word))
            }
            SuboptionError::Unknown { word, similar: None } => {
                write!(f, "there is no '{}'", Shown::new(word))
            }
            SuboptionError::EmptyValue { name } => write!(f, "'{name}=' needs a value"),
            SuboptionError::Value { name } => write!(f, "'{name}' takes no value"),
            SuboptionError::WrongValue { name, value } => {
                write!(f, "'{}' is not a value of '{name}'", Shown::new(value))
            }
        }
    }
}

impl std::error::Error for SuboptionError {}

/// Reads one argument of `-E`. A comma at the end is ignored.
pub(crate) fn parse(list: &str) -> Result<Vec<Suboption>, SuboptionError> {
    let list = list.strip_suffix(',').unwrap_or(list);
    if list.is_empty() {
        return Ok(Vec::new());
    }
    list.split(',').map(suboption).collect()
}

fn suboption(text: &str) -> Result<Suboption, SuboptionError> {
    let (negated, bare) = match text.strip_prefix('^') {
        Some(bare) => (true, bare),
        None => (false, text),
    };
    let (typed, value) = match bare.split_once('=') {
        Some((typed, value)) => (typed, Some(value)),
        None => (bare, None),
    };
    let Some((name, word)) = WORDS.iter().find(|(name, _)| *name == typed) else {
        return Err(SuboptionError::Unknown { word: typed.to_owned(), similar: similar(typed) });
    };
    let word = match (value, *word) {
        (None, word) => word,
        (Some(""), _) => return Err(SuboptionError::EmptyValue { name }),
        (Some(_), _) if negated => return Err(SuboptionError::Value { name }),
        (Some(text), Word::Fragments(fragments, _)) => {
            let size = number::with_unit(text).ok().and_then(|size| PclusterSize::new(size).ok());
            let wrong = || SuboptionError::WrongValue { name, value: text.to_owned() };
            Word::Fragments(fragments, Some(size.ok_or_else(wrong)?))
        }
        (Some("full"), Word::ShareFragments(_)) => Word::ShareFragments(true),
        // Equal whole files share their data in any case.
        (Some("inode" | "off"), Word::ShareFragments(_)) => Word::ShareFragments(false),
        (Some(text), Word::ShareFragments(_)) => {
            return Err(SuboptionError::WrongValue { name, value: text.to_owned() });
        }
        (Some(_), _) => return Err(SuboptionError::Value { name }),
    };
    Ok(Suboption { name, word, negated })
}

/// The word that differs least from `typed`, if it differs by no more than a typing error
/// or two.
fn similar(typed: &str) -> Option<&'static str> {
    // Using - for _, or _ for -, is no error of this kind.
    let typed = typed.replace('_', "-");
    WORDS
        .iter()
        .map(|(name, _)| (strsim::levenshtein(&typed, &name.replace('_', "-")), *name))
        .min()
        .filter(|(edits, name)| *edits <= name.len() / 4)
        .map(|(_, name)| name)
}

/// Applies words in the order in which they were typed. `compresses` tells whether files
/// are compressed, which matters for some words.
pub(crate) fn apply(words: &[Suboption], compresses: bool, options: Options) -> Options {
    let mut options = options;
    for suboption in words {
        let negated = suboption.negated;
        options = match suboption.word {
            Word::InodeForm(form) => options.inode_form(form),
            Word::ChunkIndexes(on) => options.chunk_indexes(on),
            Word::NoChecksum => options.checksum(false),
            Word::NoInlineData => options.inline_data(false),
            Word::InlineData => options.inline_data(!negated),
            Word::XattrNameFilter => options.xattr_name_filter(!negated),
            Word::PlainXattrPrefixes => options,
            Word::FullIndexes => options.full_indexes(!negated),
            Word::Fragments(_, Some(size)) => options.packed_pcluster_size(size),
            Word::InlinePclusters | Word::Fragments(_, None) => options,
            Word::ShareFragments(on) => options.share_fragments(on && !negated),
            Word::Dedupe => options.share_identical(!negated),
            Word::WideAddresses => options.wide_addresses(!negated),
            Word::OmitDots => options.omit_dots(!negated),
        };
    }
    if let Some(tails) = tails(words) {
        options = options.tails(tails);
    }
    match has_dedupe(words, compresses) {
        Some(on) => options.dedupe(on),
        None => options,
    }
}

/// Where the ends of files go. Of the words about fragments the last one counts, and
/// likewise of those about inline pclusters. With both, ends of files are fragments. That
/// is so with mkfs.erofs as well, where only the end of the packed inode is then inline.
/// `None` if there is no such word.
fn tails(words: &[Suboption]) -> Option<Tails> {
    let (mut inline, mut fragments) = (None, None);
    for Suboption { word, negated, .. } in words {
        match word {
            Word::InlinePclusters if *negated => inline = Some(Tails::Blocks),
            Word::InlinePclusters => inline = Some(Tails::Inline),
            Word::Fragments(..) if *negated => fragments = Some(Tails::Blocks),
            Word::Fragments(tails, _) => fragments = Some(*tails),
            _ => {}
        }
    }
    match (fragments, inline) {
        (Some(Tails::Blocks), Some(inline)) => Some(inline),
        (fragments, inline) => fragments.or(inline),
    }
}

/// Whether the last word about deduplication asks for it; `None` if there is none.
pub(crate) fn ask_for_dedupe(words: &[Suboption]) -> Option<bool> {
    let last = words.iter().rfind(|suboption| suboption.word == Word::Dedupe);
    last.map(|suboption| !suboption.negated)
}

/// Whether the last word about wide addresses rules them out.
pub(crate) fn rule_out_wide_addresses(words: &[Suboption]) -> bool {
    let last = words.iter().rfind(|suboption| suboption.word == Word::WideAddresses);
    last.is_some_and(|suboption| suboption.negated)
}

/// Notes about words that a later word of the same kind undoes.
pub(crate) fn undone(words: &[Suboption]) -> impl Iterator<Item = String> {
    let last = |sort: fn(&Word) -> bool| words.iter().rfind(|suboption| sort(&suboption.word));
    let form = last(|word| matches!(word, Word::InodeForm(_)));
    let indexes = last(|word| matches!(word, Word::ChunkIndexes(_)));
    words.iter().filter_map(move |suboption| {
        let last = match suboption.word {
            Word::InodeForm(_) => form,
            Word::ChunkIndexes(_) => indexes,
            _ => None,
        };
        let last = last.filter(|last| last.word != suboption.word)?;
        Some(format!("{suboption}: {last} comes later and counts"))
    })
}

/// Whether pclusters are shared. Kernels that support fragments support that as well, and
/// with fragments mkfs.erofs shares some, unless it is told not to. `None` if the words say
/// nothing.
fn has_dedupe(words: &[Suboption], compresses: bool) -> Option<bool> {
    let is_fragments = |suboption: &&Suboption| matches!(suboption.word, Word::Fragments(..));
    let last = words.iter().rfind(is_fragments).filter(|_| compresses);
    ask_for_dedupe(words).or(last.map(|suboption| !suboption.negated))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(list: &str) -> Options {
        let words = parse(list).expect("the words are known");
        apply(&words, true, Options::new())
    }

    #[test]
    fn each_word_does_what_it_does_in_the_peer() {
        let new = Options::new;
        let own_block = new().inline_data(false);
        assert_eq!(options("noinline_data"), own_block);
        assert_eq!(options("^inline_data"), own_block);
        assert_eq!(options("^noinline_data"), own_block);
        assert_eq!(options("^inline_data,inline_data"), new());
        assert_eq!(options("nosbcrc"), new().checksum(false));
        assert_eq!(options("^xattr-name-filter"), new().xattr_name_filter(false));
        assert_eq!(options("xattr-name-filter,plain-xattr-prefixes"), new());
        assert_eq!(options("force-chunk-indexes"), new().chunk_indexes(true));
        assert_eq!(options("force-inode-blockmap"), new());
        assert_eq!(options("force-inode-extended"), new().inode_form(InodeForm::Extended));
        assert_eq!(options("force-inode-compact"), new().inode_form(InodeForm::Compact));
        assert_eq!(options("^dedupe,^fragments"), new().share_identical(false));
        assert_eq!(options("legacy-compress"), new().full_indexes(true));
        assert_eq!(options("ztailpacking"), new().tails(Tails::Inline));
        assert_eq!(options("ztailpacking,^ztailpacking"), new());
        for both in ["ztailpacking,fragments", "fragments,ztailpacking"] {
            assert_eq!(options(both), options("fragments"), "{both}");
        }
        for inline in ["ztailpacking,fragments,^fragments", "fragments,ztailpacking,^fragments"] {
            assert_eq!(options(inline), options("ztailpacking"), "{inline}");
        }
        assert_eq!(options("dedupe"), new().dedupe(true));
        assert_eq!(options("^dedupe,dedupe"), new().dedupe(true));
        // Kernels that support fragments support shared pclusters as well.
        let tails = || new().tails(Tails::Fragments).dedupe(true);
        assert_eq!(options("fragments"), tails());
        let size = PclusterSize::new(65_536).expect("is one");
        assert_eq!(options("fragments=64k"), tails().packed_pcluster_size(size));
        assert_eq!(options("fragments,all-fragments"), tails().tails(Tails::AllFragments));
        assert_eq!(options("^dedupe,fragments"), tails().dedupe(false).share_identical(false));
        let words = parse("fragments").expect("is a word");
        let without_codec = apply(&words, false, Options::new());
        assert_eq!(without_codec, tails().dedupe(false));
        assert_eq!(options("all-fragments,^fragments"), new());
        assert_eq!(options("fragments,fragdedupe=full"), tails());
        assert_eq!(options("fragments,fragdedupe=inode"), tails().share_fragments(false));
        assert_eq!(options("fragments,fragdedupe=off"), tails().share_fragments(false));
        assert_eq!(options("fragments,^fragdedupe"), tails().share_fragments(false));
        assert_eq!(options("48bit"), new().wide_addresses(true));
        assert_eq!(options("48bit,^48bit,^dot-omitted"), new().wide_addresses(false));
        assert_eq!(options(""), new());
        assert_eq!(options("nosbcrc,"), new().checksum(false));
    }

    #[test]
    fn dots_are_left_out_only_with_wide_addresses() {
        let new = Options::new;
        assert_eq!(options("dot-omitted"), new().omit_dots(true));
        assert_eq!(options("dot-omitted,^dot-omitted"), new().wide_addresses(true));
        let rules_out = |list: &str| rule_out_wide_addresses(&parse(list).expect("known words"));
        assert!(rules_out("^48bit") && rules_out("48bit,^48bit"));
        assert!(!rules_out("^48bit,48bit") && !rules_out("dot-omitted"));
    }

    #[test]
    fn every_word_has_a_line_of_help() {
        let shown = |word: &str| {
            HELP.iter().any(|(typed, help)| {
                let bare = typed.trim_start_matches('^').split(['[', '=']).next();
                bare == Some(word) || help.ends_with(&format!("also {word}"))
            })
        };
        for (word, _) in WORDS {
            assert!(shown(word), "{word}");
        }
        for (typed, _) in HELP {
            parse(typed.split('[').next().expect("a word")).expect(typed);
        }
    }

    #[test]
    fn unknown_words_get_a_proposal_when_one_is_close() {
        let similar = |typed: &str| match parse(typed) {
            Err(SuboptionError::Unknown { similar, .. }) => similar,
            other => panic!("{typed}: {other:?}"),
        };
        assert_eq!(similar("fragmnets"), Some("fragments"));
        assert_eq!(similar("noinline-data"), Some("noinline_data"));
        assert_eq!(similar("^inlinedata"), Some("inline_data"));
        assert_eq!(similar("force-inode-extend"), Some("force-inode-extended"));
        assert_eq!(similar("compress"), None);
        assert_eq!(similar("nosbcrc,,48bit"), None);
        assert_eq!(similar("^"), None);
    }

    #[test]
    fn values_are_taken_only_where_there_are_any() {
        assert_eq!(parse("nosbcrc=1"), Err(SuboptionError::Value { name: "nosbcrc" }));
        let wrong =
            |name, value: &str| Err(SuboptionError::WrongValue { name, value: value.into() });
        assert_eq!(parse("fragments=100"), wrong("fragments", "100"));
        assert_eq!(parse("fragdedupe=some"), wrong("fragdedupe", "some"));
        assert_eq!(parse("^fragments=4096"), Err(SuboptionError::Value { name: "fragments" }));
        assert_eq!(parse("fragments="), Err(SuboptionError::EmptyValue { name: "fragments" }));
    }

    #[test]
    fn of_words_of_one_sort_the_last_one_counts() {
        let list = "force-inode-compact,nosbcrc,force-inode-extended";
        let extended = Options::new().inode_form(InodeForm::Extended).checksum(false);
        assert_eq!(options(list), extended);
        let notes = |list: &str| -> Vec<String> {
            undone(&parse(list).expect("the words are known")).collect()
        };
        let note = "-E force-inode-compact: -E force-inode-extended comes later and counts";
        assert_eq!(notes(list), [note]);
        assert_eq!(options("force-chunk-indexes,force-inode-blockmap"), Options::new());
        let note = "-E force-chunk-indexes: -E force-inode-blockmap comes later and counts";
        assert_eq!(notes("force-chunk-indexes,force-inode-blockmap"), [note]);
        assert!(notes("force-inode-compact,force-chunk-indexes,force-inode-compact").is_empty());
    }
}
