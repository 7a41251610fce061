//! Earlier images from which a build takes what it would encode in the same way.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::encode::{Earlier, Known, PartPlace, Recipe};
use crate::error::{Error, Result};
use crate::facts::Facts;
use crate::format::{to_u64, to_usize};
use crate::image::{Image, Input};
use crate::recipes::{Made, Recipes};
use crate::table::HEADER_LEN;
use crate::tree::StoredExtent;

/// An earlier image. A build [takes from it](crate::ImageWriter::base) the pclusters that
/// it would make in the same way.
///
/// The image has to be [rebuildable](crate::Options::rebuildable). The table that follows
/// it then has a hash for each part of a file: of its bytes, the codec, and everything
/// else that decides how it is encoded. Where a build meets the same hash, it takes what
/// the image has, wherever that is, once that has been decoded and is the same as the
/// source. So the new image has the same bytes as without a base, and is made faster.
///
/// Of another file, a damaged image, or one of another version of this crate, nothing is
/// taken. Only who makes an image with a false table on purpose can change something: how
/// well contents are compressed, but not the contents; these only if the build
/// [trusts names of store paths](crate::Options::trust_store_names).
///
/// ```
/// use erofs_writer::{Base, ImageWriter, Options, Tree};
/// use erofs_writer::codec::lz4::Level;
/// use erofs_writer::Codec;
///
/// # let dir = tempfile::tempdir()?;
/// # let (old, new) = (dir.path().join("old.erofs"), dir.path().join("new.erofs"));
/// let options = Options::new().codec(Codec::Lz4(Level::MAX)).rebuildable(true);
/// let tree = Tree::from_dir("src")?;
/// ImageWriter::new(options.clone()).write_path(&tree, &old)?;
///
/// let base = Base::open(&old)?;
/// let summary = ImageWriter::new(options).base(&base).write_path(&tree, &new)?;
/// assert!(summary.taken_bytes > 0);
/// assert_eq!(std::fs::read(&old)?, std::fs::read(&new)?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Base {
    /// `None` if nothing can be taken.
    image: Option<Image>,
    made: HashMap<u64, PartPlace>,
    vain: HashSet<u64>,
    facts: Option<Facts>,
    /// The file that it was read from.
    file: Arc<File>,
    why_not: Option<&'static str>,
    taken: AtomicU64,
}

impl Base {
    /// Opens the image in the file or block device `path`. It must not change before the
    /// build is done, but a new image may replace it.
    ///
    /// # Errors
    /// [`Error::Read`] if it cannot be opened. It is no error if it holds no image, or
    /// nothing that can be taken: [`Base::why_not`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let failed = |error| Error::read(path, error);
        // Opening a pipe would wait for a writer.
        let stat = fs::metadata(path).map_err(failed)?;
        if !stat.is_file() && !stat.file_type().is_block_device() {
            let why = "is not a file or a block device";
            return Err(failed(io::Error::new(io::ErrorKind::InvalidInput, why)));
        }
        let file = Arc::new(File::open(path).map_err(failed)?);
        Ok(match Image::open(path.into(), vec![Input::File(Arc::clone(&file))]) {
            Ok(image) => Self::new(image, file),
            Err(_) => Self::without("it is no EROFS image, or a damaged one", file),
        })
    }

    fn without(why_not: &'static str, file: Arc<File>) -> Self {
        Base {
            image: None,
            made: HashMap::new(),
            vain: HashSet::new(),
            facts: None,
            file,
            why_not: Some(why_not),
            taken: AtomicU64::new(0),
        }
    }

    fn new(image: Image, file: Arc<File>) -> Self {
        let Some((recipes, facts)) = read_tables(&image) else {
            let why_not = "it was not made to be rebuilt, or its table is damaged";
            return Self::without(why_not, file);
        };
        let block_bits = image.block_bits();
        let place = |block: u64| block.checked_mul(1 << block_bits);
        let made = recipes.made.iter().filter_map(|made| {
            let pos = place(made.block)?;
            let Made { recipe, nid, offset, check, .. } = *made;
            Some((recipe, PartPlace { nid, offset, pos, check }))
        });
        Base {
            made: made.collect(),
            vain: recipes.vain.into_iter().collect(),
            facts,
            file,
            image: Some(image),
            why_not: None,
            taken: AtomicU64::new(0),
        }
    }

    /// Why nothing can be taken from it; `None` if that is possible.
    pub fn why_not(&self) -> Option<&str> {
        self.why_not
    }

    /// Whether it is in this file or block device.
    pub(crate) fn is_in(&self, file: &File) -> io::Result<bool> {
        let id = |file: &File| {
            file.metadata().map(|stat| match stat.file_type().is_block_device() {
                true => (true, stat.rdev(), 0),
                false => (false, stat.dev(), stat.ino()),
            })
        };
        Ok(id(&self.file)? == id(file)?)
    }

    /// Whether it was made with [`Options::trust_store_names`](crate::Options), so that
    /// files of store paths need not be read again.
    pub fn has_facts(&self) -> bool {
        self.facts.is_some()
    }
}

/// The tables that follow an image.
fn read_tables(image: &Image) -> Option<(Recipes, Option<Facts>)> {
    let recipes = read_table(image, image.end(), Recipes::len_after)?;
    let next = image.end().checked_add(to_u64(recipes.len()))?;
    let facts = read_table(image, next, Facts::len_after);
    Some((Recipes::of_bytes(&recipes)?, facts.and_then(|facts| Facts::of_bytes(&facts))))
}

/// The bytes of a table that begins at `pos` with a header, from which `len_after` tells
/// how many bytes follow.
fn read_table(
    image: &Image,
    pos: u64,
    len_after: impl Fn(&[u8]) -> Option<usize>,
) -> Option<Vec<u8>> {
    let mut bytes = vec![0; to_usize(HEADER_LEN)];
    image.read(&mut bytes, pos).ok()?;
    let len = len_after(&bytes)?;
    // Nothing is reserved for bytes that are not there.
    let end = pos.checked_add(HEADER_LEN)?;
    image.has(end, len).then_some(())?;
    bytes.resize(bytes.len() + len, 0);
    image.read(&mut bytes[to_usize(HEADER_LEN)..], end).ok()?;
    Some(bytes)
}

impl Earlier for Base {
    fn find(&self, recipe: Recipe) -> Option<Known> {
        match self.made.get(&recipe.0) {
            Some(place) => Some(Known::Made(*place)),
            None => self.vain.contains(&recipe.0).then_some(Known::Vain),
        }
    }

    fn extents(
        &self,
        place: PartPlace,
        len: usize,
        data: Option<&[u8]>,
    ) -> Option<Vec<StoredExtent>> {
        let image = self.image.as_ref()?;
        let inode = image.inode(place.nid).ok()?;
        image.extents_of(&inode, place.offset, len, data).ok()?
    }

    fn facts(&self) -> Option<&Facts> {
        self.facts.as_ref()
    }

    fn read(&self, buf: &mut [u8], pos: u64) -> bool {
        self.image.as_ref().is_some_and(|image| image.read(buf, pos).is_ok())
    }

    fn taken(&self, len: u64) {
        self.taken.fetch_add(len, Ordering::Relaxed);
    }

    fn taken_bytes(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }
}
