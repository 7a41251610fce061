//! Taking an image apart: its files are listed, or extracted.

mod lines;
mod list;
mod table;

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use erofs_writer::source::Image;
use erofs_writer::{Canceller, Extractor, LeftOut, LeftOutKind, Shown};

use crate::args::{Args, ListForm};
use crate::exit::{self, Failure};
use crate::progress::Progress;
use crate::signals::Watch;
use crate::usage::UsageError;

/// What is done with an image.
#[derive(Debug)]
pub(crate) struct Take {
    image: PathBuf,
    /// What of it, or all if there are none.
    paths: Vec<Vec<u8>>,
    how: How,
    threads: Option<NonZeroUsize>,
    quiet: bool,
    progress: bool,
}

#[derive(Debug)]
enum How {
    List { form: ListForm, json: bool },
    Extract { dir: PathBuf, overwrites: bool, owners: bool, xattrs: bool },
}

impl Take {
    /// What `args` ask for. None if they ask for an image to be made.
    pub(crate) fn new(args: &Args) -> Result<Option<Self>, UsageError> {
        let take = &args.take;
        let how = match (take.list, &take.extract) {
            (Some(form), _) => How::List { form, json: args.report.json },
            (None, Some(dir)) => How::Extract {
                dir: dir.clone(),
                overwrites: take.overwrite,
                owners: !take.no_same_owner,
                xattrs: !take.no_xattrs,
            },
            (None, None) => return Ok(None),
        };
        let paths = args.sources.iter().cloned().map(PathBuf::into_os_string);
        let quiet = args.report.quiet || args.report.level < 2;
        Ok(Some(Take {
            image: args.file.clone().ok_or_else(|| UsageError::missing("FILE"))?,
            paths: paths.map(OsString::into_vec).collect(),
            how,
            threads: args.workers,
            quiet,
            progress: !quiet && !args.report.no_progress,
        }))
    }
}

/// Does it.
pub(crate) fn take(take: &Take) -> Result<(), Failure> {
    match &take.how {
        How::List { form, json } => list::list(&take.image, &take.paths, *form, *json),
        How::Extract { dir, .. } => {
            let canceller = Canceller::new();
            let progress = Progress::new(take.progress);
            let overwrites = Arc::new(AtomicBool::new(false));
            let watch = Watch::waiting(dir, &canceller, &progress, &overwrites);
            let watch = watch.map_err(|source| Failure::Signals { source })?;
            let result = extract(take, &canceller, &progress);
            progress.end();
            if let Ok(left_out) = &result {
                let notes = left_out.iter().filter(|_| !take.quiet);
                notes.for_each(|left_out| exit::note(&note(left_out)));
            }
            watch.done();
            result.map(drop)
        }
    }
}

fn extract(
    take: &Take,
    canceller: &Canceller,
    progress: &Progress,
) -> Result<Vec<LeftOut>, Failure> {
    let How::Extract { dir, overwrites, owners, xattrs } = &take.how else {
        return Ok(Vec::new());
    };
    let on_event = |event| {
        progress.event(event);
        ControlFlow::Continue(())
    };
    let source = Image::open(&take.image)?.xattrs(*xattrs);
    let tree = source.canceller(canceller).on_event(on_event).read()?;
    let mut extractor = Extractor::new()
        .overwrite(*overwrites)
        .xattrs(*xattrs)
        .canceller(canceller)
        .on_event(on_event);
    if !owners {
        extractor = extractor.owners(false);
    }
    if let Some(threads) = take.threads {
        extractor = extractor.threads(threads);
    }
    let extractor = take.paths.iter().fold(extractor, |all, path| all.path(&path[..]));
    let extracted = extractor.extract(&tree, dir)?;
    // Before the process ends, that would take time for nothing.
    std::mem::forget(tree);
    Ok(extracted.left_out)
}

/// The note about what was left out.
fn note(left_out: &LeftOut) -> String {
    let LeftOut { kind, count, path, .. } = left_out;
    let hint = match kind {
        LeftOutKind::Owner => "; --no-same-owner asks for this",
        LeftOutKind::Xattr => "; --no-xattrs leaves all of them out",
        _ => "",
    };
    format!("note: {kind}, {count} in all, such as of {}{hint}", Shown::bytes(path))
}
