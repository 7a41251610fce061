//! Reading the NARs of a binary cache, several at a time.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::cancel::{Stop, StopOnPanic};
use crate::error::{BinaryCacheErrorKind, Error, Result};
use crate::pool;
use crate::source::cache::hash::NarHash;
use crate::source::cache::narinfo::{Compression, NarInfo};
#[cfg(feature = "decoders")]
use crate::source::decode::Decoder;
use crate::source::nar::entries::{self, Entry};
use crate::source::nar::input::{Bytes, Input, Place, Watch};
use crate::source::spool::{Spool, unspooled};
use crate::tree::{FileId, HostDir, HostFile, open_named};

/// The NARs to be read.
pub(super) struct Nars<'a> {
    folder: &'a Path,
    spool_dir: &'a Path,
    infos: &'a [&'a NarInfo],
    workers: usize,
    /// The folders of files, each of which is found once.
    dirs: Mutex<HashMap<PathBuf, Arc<HostDir>>>,
}

/// What was read.
pub(super) struct Read {
    /// In the order of the NARs.
    pub(super) nars: Vec<Vec<Entry>>,
    /// The files that the NARs are in.
    pub(super) files: Vec<FileId>,
    pub(super) spools: Vec<Arc<File>>,
}

/// What one worker or all of them have read, with the number of each NAR.
#[derive(Default)]
struct Done {
    nars: Vec<(usize, Vec<Entry>, FileId)>,
    spools: Vec<Arc<File>>,
    /// The error of the first NAR that has one, of those that were begun.
    error: Option<(usize, Error)>,
}

impl<'a> Nars<'a> {
    pub(super) fn new(
        folder: &'a Path,
        spool_dir: &'a Path,
        infos: &'a [&'a NarInfo],
        workers: usize,
    ) -> Self {
        Nars { folder, spool_dir, infos, workers, dirs: Mutex::default() }
    }
}

/// Reads all of `nars`. The longest come first, so that no worker is left with one at the
/// end.
pub(super) fn read_all(
    nars: &Nars<'_>,
    stop: &dyn Stop,
    report: &(dyn Fn(u64) + Sync),
) -> Result<Read> {
    let mut order: Vec<usize> = (0..nars.infos.len()).collect();
    order.sort_by_key(|number| Reverse(nars.infos[*number].info.nar_size));
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Done::default());
    let has_failed = AtomicUsize::new(0);
    pool::crew(nars.workers, || {
        let _guard = StopOnPanic(stop);
        let mut spool = Spool::one_of(nars.spool_dir, nars.workers);
        while has_failed.load(Ordering::Relaxed) == 0 {
            let Some(number) = order.get(next.fetch_add(1, Ordering::Relaxed)) else { break };
            let watch = Watch { stop, report };
            let read = nars.infos[*number].read(nars, &mut spool, watch);
            let mut done = locked(&done);
            match read {
                Ok((entries, file)) => done.nars.push((*number, entries, file)),
                Err(error) => {
                    has_failed.store(1, Ordering::Relaxed);
                    if done.error.as_ref().is_none_or(|(known, _)| number < known) {
                        done.error = Some((*number, error));
                    }
                }
            }
        }
        let spools = spool.finish();
        let mut done = locked(&done);
        match spools {
            Ok(spools) => done.spools.extend(spools),
            Err(source) => {
                let error = unspooled(nars.spool_dir, source);
                done.error.get_or_insert((usize::MAX, error));
            }
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, error)) = done.error {
        return Err(error);
    }
    done.nars.sort_unstable_by_key(|(number, ..)| *number);
    let files = done.nars.iter().map(|(.., file)| *file).collect();
    let nars = done.nars.into_iter().map(|(_, entries, _)| entries).collect();
    Ok(Read { nars, files, spools: done.spools })
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl NarInfo {
    /// Reads the NAR, and checks that it is what this says. Returns its file, too.
    #[cfg_attr(
        not(feature = "decoders"),
        allow(unused_variables, reason = "without decoders nothing is spooled")
    )]
    fn read(
        &self,
        nars: &Nars<'_>,
        spool: &mut Spool,
        watch: Watch<'_>,
    ) -> Result<(Vec<Entry>, FileId)> {
        let path = nars.folder.join(&self.url);
        let failed = |error| Error::read(&path, error);
        let file = open_named(&path).map_err(failed)?;
        let stat = file.metadata().map_err(failed)?;
        let id = FileId::of_metadata(&stat);
        let said = self.info.nar_size;
        // One byte more shows that there are more.
        let limit = said.saturating_add(1);
        let (bytes, place) = match self.compression {
            Compression::None => {
                let part = nars.part(&path, &file).map_err(failed)?;
                let place = Place::Part { file: Arc::new(part), len: stat.len() };
                (Bytes::file(Arc::new(file), 0), place)
            }
            #[cfg(feature = "decoders")]
            Compression::By(compression) => {
                let decoder = Decoder::after(Vec::new(), file, Some(compression));
                let reader = Box::new(decoder.map_err(failed)?);
                (Bytes::stream(reader), Place::Spool(spool))
            }
        };
        let bytes = bytes.hashed().limited(limit).watched(watch);
        let mut input = Input::new(&path, bytes, place);
        let read = entries::read(&mut input).and_then(|entries| {
            input.end()?;
            Ok(entries)
        });
        let (found, hash) = input.finish();
        let wrong = |kind| Error::cache(&self.info.path, kind);
        match read {
            // An error of the NAR comes from its wrong length.
            Ok(_) | Err(Error::Nar { .. }) if found > said => {
                return Err(wrong(BinaryCacheErrorKind::NarSize { said, found }));
            }
            Ok(_) if found < said => {
                return Err(wrong(BinaryCacheErrorKind::NarSize { said, found }));
            }
            _ => {}
        }
        let entries = read?;
        let (said, found) = (self.info.nar_hash, NarHash(hash));
        match said == found {
            true => Ok((entries, id)),
            false => {
                let (said, found) = (said.to_string(), found.to_string());
                Err(wrong(BinaryCacheErrorKind::NarHash { said, found }))
            }
        }
    }
}

impl Nars<'_> {
    /// The file `path`, which is open as `file`, to be opened again. A symlink may lead to
    /// it, as in a cache that is made of links.
    fn part(&self, path: &Path, file: &File) -> io::Result<HostFile> {
        let path = fs::canonicalize(path)?;
        let folder = path.parent().unwrap_or(Path::new("/"));
        let known = locked(&self.dirs).get(folder).cloned();
        let dir = match known {
            Some(dir) => dir,
            None => {
                let (dir, _) = HostDir::named(folder, false)?;
                locked(&self.dirs).entry(folder.to_owned()).or_insert(dir).clone()
            }
        };
        let name = path.file_name().unwrap_or(OsStr::new(""));
        HostFile::new(&dir, name.as_encoded_bytes().into(), file)
    }
}
