//! Reading the source into a tree.

use std::fs::{self, File};
use std::io::{self, BufReader};
use std::mem;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use erofs_writer::source::{
    ArchiveFormat, Directory, Image, ImageData, Manifest, parse_store_paths,
};
use erofs_writer::{Canceller, Error, Event, ImageErrorKind, Tree, Whiteouts};

use crate::archive;
use crate::excludes::Excludes;
use crate::exit::Failure;
use crate::inputs;
use crate::job::{Job, Source};
use crate::nix;
use crate::replaced;

/// The handler of events.
pub(crate) type OnEvent<'a> = dyn FnMut(Event) -> ControlFlow<()> + Send + 'a;

/// Reads the source of `job`, without what is excluded. Takes the excludes out of the
/// job. `notes` gets notes about what was read.
pub(crate) fn read(
    job: &mut Job,
    canceller: &Canceller,
    on_event: &mut OnEvent<'_>,
    notes: &mut Vec<String>,
) -> Result<Tree, Failure> {
    let excludes = mem::take(&mut job.excludes);
    let tree = tree(job, &excludes, canceller, on_event, notes)?;
    notes.extend(excludes.idle());
    Ok(tree)
}

/// The tree of the source, without what is excluded.
fn tree(
    job: &Job,
    excludes: &Excludes,
    canceller: &Canceller,
    on_event: &mut OnEvent<'_>,
    notes: &mut Vec<String>,
) -> Result<Tree, Failure> {
    match &job.source {
        Source::Layers { paths, data, converts_aufs, .. } => {
            let read = |path: &PathBuf| {
                let mut tree = layer(job, path, *data, excludes, canceller, &mut *on_event)?;
                if *converts_aufs {
                    tree.convert_aufs()?;
                }
                Ok::<_, Failure>(tree)
            };
            // Between directories, marks are entries like all others, as there.
            let whiteouts = match paths.iter().any(|path| is_image(path)) {
                true => Whiteouts::Keep,
                false => Whiteouts::Ignore,
            };
            let mut trees = paths.iter().map(read);
            let mut tree = trees.next().expect("one is there at least")?;
            for upper in trees {
                tree.overlay_with(upper?, whiteouts)?;
            }
            inputs::check_tree(job, excludes, &tree)?;
            Ok(tree)
        }
        Source::Store { .. } => {
            let tree = nix::store(job, excludes, canceller, on_event, notes)?;
            inputs::check_tree(job, excludes, &tree)?;
            Ok(tree)
        }
        Source::Cached { .. } => {
            let tree = nix::cached(job, excludes, canceller, on_event, notes)?;
            inputs::check_tree(job, excludes, &tree)?;
            Ok(tree)
        }
        Source::Nar(file) => {
            let mut nar = archive::open_nar(file.as_deref())?.strip_case_hack(job.strip_case_hack);
            if !excludes.is_empty() {
                nar = nar.keep(|found| excludes.keep(found.path()));
            }
            Ok(nar.canceller(canceller).on_event(on_event).read()?)
        }
        Source::Manifest { file, format, contents } => {
            let mut manifest = manifest(file, contents.as_deref())?
                .hard_links(job.hard_links)
                .xattrs(job.xattrs)
                .strip_case_hack(job.strip_case_hack);
            if let Some(format) = format {
                manifest = manifest.format(*format);
            }
            if !excludes.is_empty() {
                manifest = manifest.keep(|found| excludes.keep(found.path()));
            }
            Ok(manifest.canceller(canceller).on_event(on_event).read()?)
        }
        Source::Tar { file, said, converts_aufs, index } => {
            let mut archive = archive::open(file.as_deref(), *said)?
                .index(*index)
                .hard_links(job.hard_links)
                .xattrs(job.xattrs)
                .strip_case_hack(job.strip_case_hack)
                .convert_aufs(*converts_aufs);
            if !excludes.is_empty() {
                archive = archive.keep(|found| excludes.keep(found.path()));
            }
            Ok(archive.canceller(canceller).on_event(on_event).read()?)
        }
    }
}

/// Whether a source is a file, and so an image.
fn is_image(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| !found.is_dir())
}

fn layer(
    job: &Job,
    path: &Path,
    data: ImageData,
    excludes: &Excludes,
    canceller: &Canceller,
    on_event: &mut OnEvent<'_>,
) -> Result<Tree, Failure> {
    if is_image(path) {
        let source = image(job, path, excludes)?.data(data);
        let tree = source.canceller(canceller).on_event(on_event).read();
        return tree.map_err(|error| of_image(path, error));
    }
    let source = directory(job, path, excludes);
    Ok(source.canceller(canceller).on_event(on_event).read()?)
}

fn image<'a>(job: &Job, path: &Path, excludes: &'a Excludes) -> Result<Image<'a>, Failure> {
    let mut source = Image::open(path)?
        .hard_links(job.hard_links)
        .xattrs(job.xattrs)
        .strip_case_hack(job.strip_case_hack);
    if !excludes.is_empty() {
        source = source.keep(|found| excludes.keep(found.path()));
    }
    Ok(source)
}

/// The error of a source that is a file, with advice if it is no image.
fn of_image(path: &Path, error: Error) -> Failure {
    if !matches!(error, Error::Image { kind: ImageErrorKind::NoMagic, .. }) {
        return error.into();
    }
    let why = match replaced::format(path) {
        Some(format @ ArchiveFormat::Nar) => format!("is {format}; to pack it, give --nar"),
        Some(format @ (ArchiveFormat::Tar | ArchiveFormat::Compressed(_))) => {
            format!("is {format}; to pack what is in an archive, give --tar=f")
        }
        Some(format) => format!("is {format}, which cannot be read here"),
        None => "is neither a directory nor an EROFS image; for an archive give --tar=f".to_owned(),
    };
    Failure::Invalid { path: path.to_owned(), why }
}

fn directory<'a>(job: &Job, path: &Path, excludes: &'a Excludes) -> Directory<'a> {
    let mut source = Directory::new(path)
        .hard_links(job.hard_links)
        .xattrs(job.xattrs)
        .strip_case_hack(job.strip_case_hack);
    // A filter costs making the path of each directory.
    if !excludes.is_empty() {
        source = source.keep(|found| excludes.keep(found.path()));
    }
    if let Some(threads) = job.threads {
        source = source.threads(threads);
    }
    source
}

/// Opens the manifest `file`, with contents in another directory if there is one.
fn manifest<'a>(file: &Path, contents: Option<&Path>) -> Result<Manifest<'a>, Failure> {
    let manifest = match file == Path::new("-") {
        true => Manifest::from_reader("standard input", io::stdin()),
        false => Manifest::open(file)?,
    };
    Ok(match contents {
        Some(dir) => manifest.contents_in(dir),
        None => manifest,
    })
}

/// The paths in the file `list`; `-` is standard input.
pub(crate) fn read_list(list: &Path) -> Result<Vec<PathBuf>, Failure> {
    if list != Path::new("-") {
        return read_paths(list);
    }
    let unreadable = |source| Error::Read { path: "standard input".into(), source };
    Ok(parse_store_paths(io::stdin().lock()).map_err(unreadable)?)
}

/// The paths in the file `list`, one a line.
pub(crate) fn read_paths(list: &Path) -> Result<Vec<PathBuf>, Failure> {
    let paths = File::open(list).and_then(|file| parse_store_paths(BufReader::new(file)));
    Ok(paths.map_err(|source| Error::Read { path: list.to_owned(), source })?)
}
