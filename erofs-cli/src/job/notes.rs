//! Notes about arguments that have no effect, or less than they say.

use crate::args::Args;
use crate::suboptions::{self, Suboption};

/// The notes about all flags, except those whose values are checked elsewhere.
pub(super) fn notes(args: &Args, words: &[Suboption]) -> Vec<String> {
    let idle_carets = words
        .iter()
        .filter(|word| word.has_idle_caret())
        .map(|word| format!("{word}: the ^ has no effect"));
    let mut notes: Vec<String> = idle_carets.collect();
    notes.extend(suboptions::undone(words));
    notes.extend(idle_compression(args, words));
    notes.extend(idle_tar(args));
    notes.extend(idle_store(args));
    notes.extend(idle_trust(args));
    notes.extend(unaligned(args, words));
    notes.extend(large_blocks(args));
    notes
}

/// Notes about arguments that need `-z` and are given without it.
fn idle_compression(args: &Args, words: &[Suboption]) -> Vec<String> {
    let flags = [
        ("-C", args.pcluster_size.is_some()),
        ("--max-extent-bytes", args.max_extent_bytes.is_some()),
        ("--compress-hints", args.compress_hints.is_some()),
        ("--base", args.rebuild.base.is_some()),
        ("--rebuildable", args.rebuild.rebuildable),
        ("--trust-store-names", args.rebuild.trust_store_names),
    ];
    let flags = flags.into_iter().filter(|(_, given)| *given).map(|(flag, _)| flag.to_owned());
    let words = words.iter().filter(|word| word.needs_codec()).map(Suboption::to_string);
    let idle = flags.chain(words).filter(|_| !args.compresses());
    idle.map(|flag| format!("{flag}: without -z nothing is compressed")).collect()
}

/// Notes about arguments that need `--tar` and are given without it.
fn idle_tar(args: &Args) -> Vec<String> {
    let flags = [
        ("--aufs", args.source.aufs && args.source.store_paths.is_some()),
        ("--sort", args.source.sort.is_some()),
        ("--ungzip", args.source.ungzip.is_some()),
        ("--unxz", args.source.unxz.is_some()),
    ];
    let idle = flags.into_iter().filter(|(_, given)| *given && args.source.tar.is_none());
    idle.map(|(flag, _)| format!("{flag}: without --tar there is no archive")).collect()
}

/// Notes about arguments that undo a default of `--store-paths` and are given without it.
fn idle_store(args: &Args) -> Vec<String> {
    let flags =
        [("--keep-hard-links", args.source.keep_hard_links), ("--keep-owners", args.keep_owners)];
    let idle = flags.into_iter().filter(|(_, given)| *given && args.source.store_paths.is_none());
    idle.map(|(flag, _)| format!("{flag}: without --store-paths they are kept anyway")).collect()
}

/// The note about trust in names where there is nothing to trust, now or later.
fn idle_trust(args: &Args) -> Option<String> {
    let rebuild = &args.rebuild;
    let is_idle = rebuild.trust_store_names && !rebuild.rebuildable && rebuild.base.is_none();
    is_idle
        .then(|| "--trust-store-names: without --base or --rebuildable it has no effect".to_owned())
}

/// The note about an alignment that is not kept: after a chunk or a block that is shared,
/// data is not aligned.
fn unaligned(args: &Args, words: &[Suboption]) -> Option<String> {
    let dsunit = args.dsunit.filter(|blocks| *blocks > 1)?;
    let block_len = u64::from(args.block_size.unwrap_or_default().bytes());
    if let Some(size) = args.chunksize.filter(|size| size.bytes() / block_len < u64::from(dsunit)) {
        return Some(format!(
            "--dsunit={dsunit}: chunks of {size} bytes are shorter and are not aligned"
        ));
    }
    let shares_blocks = args.compress.is_none() && suboptions::ask_for_dedupe(words) == Some(true);
    shares_blocks
        .then(|| format!("--dsunit={dsunit}: files that share blocks by -E dedupe are not aligned"))
}

/// The note about large blocks: the version of a kernel does not tell how large its pages
/// are.
fn large_blocks(args: &Args) -> Option<String> {
    let (version, size) = (args.target_kernel?, args.block_size?);
    (size.bytes() > 4096).then(|| {
        format!(
            "-b {size}: Linux {version} can mount this only if its pages have {size} bytes or more"
        )
    })
}
