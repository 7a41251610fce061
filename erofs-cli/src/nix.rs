//! Reading store paths, from a store or from a binary cache, with their registration.

use std::env;
use std::path::{Path, PathBuf};

use erofs_writer::source::{BinaryCache, StorePaths};
use erofs_writer::{Canceller, Content, Error, Metadata, Node, Shown, Tree};

use crate::excludes::Excludes;
use crate::exit::Failure;
use crate::job::{Job, Registration, Source};
use crate::registration;
use crate::source::{OnEvent, read_list};

/// The name of the registration in an image, as Nixpkgs has it.
const REGISTRATION: &str = "nix-path-registration";

/// Reads the store paths of a list, without what is excluded.
pub(crate) fn store(
    job: &Job,
    excludes: &Excludes,
    canceller: &Canceller,
    on_event: &mut OnEvent<'_>,
    notes: &mut Vec<String>,
) -> Result<Tree, Failure> {
    let Source::Store { list, store, keep_owners, keep_times } = &job.source else {
        panic!("only called for lists of store paths");
    };
    let listed = read_list(list)?;
    let told = told(job, list, &listed, notes)?;
    let paths = StorePaths::new(listed).keep_owners(*keep_owners).keep_times(*keep_times);
    let paths = match store {
        Some(store) => paths.store_directory(store),
        None => paths,
    };
    let source = store_paths(job, paths, excludes);
    let tree = source.canceller(canceller).on_event(on_event).read();
    with_registration(tree.map_err(|error| in_list(list, error))?, told)
}

/// Reads the store paths of a list from a binary cache, without what is excluded.
pub(crate) fn cached(
    job: &Job,
    excludes: &Excludes,
    canceller: &Canceller,
    on_event: &mut OnEvent<'_>,
    notes: &mut Vec<String>,
) -> Result<Tree, Failure> {
    let Source::Cached { list, folder, keys } = &job.source else {
        panic!("only called for binary caches");
    };
    let listed = read_list(list)?;
    let mut told = told(job, list, &listed, notes)?;
    let cache = BinaryCache::open(folder)?.trusted_public_keys(keys.iter().cloned());
    let found = cache.closure(listed).map_err(|error| in_list(list, error))?;
    // A file that tells the same has told the references, too.
    if told.is_none() {
        let missing = found.missing_references();
        let first = missing.first().map(|first| (&*first.path, &*first.referrer));
        notes.extend(first.map(|first| lacks(list, missing.len(), first)));
    }
    if job.registration == Some(Registration::OfSource) {
        told = Some(found.registration());
    }
    let mut source = found
        .spool_dir(env::temp_dir())
        // The image is written once, so the spool need not keep what has been read.
        .empty_spool(true)
        .strip_case_hack(job.strip_case_hack);
    if !excludes.is_empty() {
        source = source.keep(|found| excludes.keep(found.path()));
    }
    if let Some(threads) = job.threads {
        source = source.threads(threads);
    }
    let tree = source.canceller(canceller).on_event(on_event).read()?;
    with_registration(tree, told)
}

fn store_paths<'a>(job: &Job, paths: StorePaths<'a>, excludes: &'a Excludes) -> StorePaths<'a> {
    let mut source =
        paths.hard_links(job.hard_links).xattrs(job.xattrs).strip_case_hack(job.strip_case_hack);
    // A filter costs making the path of each directory.
    if !excludes.is_empty() {
        source = source.keep(|found| excludes.keep(found.path()));
    }
    if let Some(threads) = job.threads {
        source = source.threads(threads);
    }
    source
}

/// The registration that a file tells, if it is to tell one.
fn told(
    job: &Job,
    list: &Path,
    listed: &[PathBuf],
    notes: &mut Vec<String>,
) -> Result<Option<Vec<u8>>, Failure> {
    let Some(Registration::OfFile(file)) = &job.registration else { return Ok(None) };
    let (text, missing) = registration::of_file(file, listed)?;
    let first = missing.first_key_value().map(|(path, referrer)| (&**path, &**referrer));
    notes.extend(first.map(|first| lacks(list, missing.len(), first)));
    Ok(Some(text))
}

/// `tree` with the registration.
fn with_registration(mut tree: Tree, text: Option<Vec<u8>>) -> Result<Tree, Failure> {
    if let Some(text) = text {
        let node = Node::File(Content::from_bytes(text));
        tree.insert(REGISTRATION, Metadata::new(0o444), node)?;
    }
    Ok(tree)
}

/// An error of the list, or another one.
fn in_list(list: &Path, error: Error) -> Failure {
    match error {
        Error::StorePaths(source) => Failure::List { list: list.to_owned(), source },
        other => other.into(),
    }
}

/// The note about references that a list lacks.
fn lacks(list: &Path, count: usize, (path, referrer): (&Path, &Path)) -> String {
    format!(
        "{}: lacks {count} of the store paths to which others refer, such as {}, to which {} \
         refers",
        Shown::new(list),
        Shown::new(path),
        Shown::new(referrer)
    )
}
