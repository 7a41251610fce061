//! Building again with an earlier image whose contents of store paths are trusted.

use std::fs;
use std::path::{Path, PathBuf};

use erofs_writer::codec::zstd;
use erofs_writer::{Base, Change, Codec, Error, ImageWriter, Options, Tails, Timestamp, Tree};
use tempfile::TempDir;
use testdata::raw::Rule;
use testdata::trees::{mixed, noise, text};
use testdata::verify;

use crate::compressed::{lz4, pclusters};
use crate::support::{fixed, image, verify};

/// Names of store paths.
const LIB: &str = "0c3k8z5v7q1w2x4y6a8b9d0f1g2h3i4j-lib-1.0";
const APP: &str = "1c3k8z5v7q1w2x4y6a8b9d0f1g2h3i4j-app-2.0";
const DOC: &str = "2c3k8z5v7q1w2x4y6a8b9d0f1g2h3i4j-doc";
/// The same library, built again.
const NEXT: &str = "3c3k8z5v7q1w2x4y6a8b9d0f1g2h3i4j-lib-1.1";

/// A store on the host.
struct Store(TempDir);

impl Store {
    /// Three store paths that share and repeat contents, with long and short files, and
    /// a file that is in none.
    fn new() -> Self {
        let store = Store(tempfile::tempdir().unwrap());
        let long = text(1, 5 << 20);
        let inner = &long[700_000..1_000_000];
        for path in [LIB, APP] {
            store.put(path, "long.txt", &long);
            store.put(path, "original.c", &[noise(2, 3000), text(3, 90_000)].concat());
        }
        store.put(LIB, "repeats.c", &[text(4, 5000), inner.to_vec()].concat());
        store.put(LIB, "itself.c", &[text(5, 60_000), noise(6, 100), text(5, 60_000)].concat());
        store.put(APP, "noise.bin", &noise(8, 700_000));
        store.put(APP, "mixed.bin", &mixed(9, 300_000));
        store.put(APP, "zeros.bin", &vec![0; 5 << 20]);
        for seed in 20_u8..120 {
            let path = [LIB, APP, DOC][usize::from(seed) % 3];
            store.put(path, &format!("many-{seed}.h"), &text(seed.into(), usize::from(seed) * 97));
        }
        store.put("", "loose", &text(7, 50_000));
        store
    }

    fn path(&self, path: &str, name: &str) -> PathBuf {
        self.0.path().join(path).join(name)
    }

    fn put(&self, path: &str, name: &str, bytes: &[u8]) {
        fs::create_dir_all(self.0.path().join(path)).unwrap();
        fs::write(self.path(path, name), bytes).unwrap();
    }

    fn tree(&self) -> Tree {
        let mut tree = Tree::from_dir(self.0.path()).unwrap();
        tree.clamp_times(Timestamp::from_sec(0));
        tree
    }

    /// Lets the library be another one, of which most files are the same.
    fn exchange(&self) {
        fs::rename(self.0.path().join(LIB), self.0.path().join(NEXT)).unwrap();
        self.put(NEXT, "repeats.c", &[text(44, 6000), text(3, 90_000)].concat());
        fs::remove_file(self.path(NEXT, "itself.c")).unwrap();
        self.put(NEXT, "new.c", &[text(45, 70_000), text(5, 60_000)].concat());
    }

    /// Changes bytes of a file, but not its length.
    fn lie(&self, path: &str, name: &str) {
        let mut bytes = fs::read(self.path(path, name)).unwrap();
        let at = bytes.len() / 2;
        bytes[at..at + 10].fill(b'!');
        fs::write(self.path(path, name), bytes).unwrap();
    }
}

fn modes() -> Vec<Options> {
    let zstd =
        |level| Codec::Zstd(zstd::Settings::default().with_level(zstd::Level::new(level).unwrap()));
    let with = |codec| fixed().codec(codec);
    vec![
        lz4(9),
        lz4(5).tails(Tails::Inline).dedupe(true),
        lz4(5).tails(Tails::Fragments).dedupe(true).pcluster_size(pclusters(16_384)),
        with(zstd(3)).pcluster_size(pclusters(65_536)).tails(Tails::Fragments),
        with(zstd(3))
            .pcluster_size(pclusters(65_536))
            .tails(Tails::AllFragments)
            .dedupe(true)
            .share_identical(false),
        with(zstd(1)).pcluster_size(pclusters(131_072)).tails(Tails::AllFragments).dedupe(true),
    ]
}

fn trusting(options: &Options) -> Options {
    options.clone().rebuildable(true).trust_store_names(true)
}

/// Writes an image to be a base.
fn old(store: &Store, options: &Options) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("base.erofs");
    fs::write(&path, image(&store.tree(), trusting(options))).unwrap();
    (dir, path)
}

/// The image of the store with a base, and how many bytes were taken from that.
fn based(store: &Store, options: Options, base: &Path) -> Result<(Vec<u8>, u64), Error> {
    let base = Base::open(base).unwrap();
    let output = erofs_writer::SeekWriter::new(std::io::Cursor::new(Vec::new()));
    let summary = ImageWriter::new(options).base(&base).write(&store.tree(), &output)?;
    Ok((output.into_inner().into_inner(), summary.taken_bytes))
}

#[test]
fn trust_changes_no_byte() {
    for (mode, options) in modes().into_iter().enumerate() {
        let store = Store::new();
        let (_dir, base) = old(&store, &options);
        assert!(Base::open(&base).unwrap().has_facts());
        let (same, taken) = based(&store, trusting(&options), &base).unwrap();
        assert!(same == fs::read(&base).unwrap(), "mode {mode}: nothing has changed");
        assert!(taken >= 5 << 20, "mode {mode}: only {taken} bytes are taken");

        store.exchange();
        let expected = image(&store.tree(), trusting(&options));
        let (found, taken) = based(&store, trusting(&options), &base).unwrap();
        assert!(found == expected, "mode {mode}: a store path has changed");
        // Of the few parts of a packed inode all may change.
        let is_packed = options.get_tails() == Tails::AllFragments;
        assert!(is_packed || taken >= 1 << 20, "mode {mode}: only {taken} bytes are taken");
        // What follows the image is all that trust changes.
        let plain = image(&store.tree(), options.clone());
        assert!(found.len() > plain.len() && found[..plain.len()] == plain, "mode {mode}");
        // Also where it is used for the last time, and again from what was made so.
        assert!(based(&store, options.trust_store_names(true), &base).unwrap().0 == plain);
        fs::write(&base, &found).unwrap();
        let options = trusting(&modes()[mode]);
        assert!(based(&store, options, &base).unwrap().0 == found, "mode {mode}: again");
    }
}

#[test]
fn an_image_of_trusted_contents_is_right() {
    let store = Store::new();
    let options = &modes()[2];
    let (_dir, base) = old(&store, options);
    store.exchange();
    let (found, _) = based(&store, trusting(options), &base).unwrap();
    // Only the checker of rules knows how long the file is.
    let check =
        verify::Options { allow: &[Rule::BlockCount, Rule::Padding], ..verify::Options::default() };
    verify(&found, &store.tree(), &check);
}

#[test]
fn files_of_store_paths_are_not_read() {
    for options in [lz4(9), lz4(5).dedupe(true), modes()[5].clone()] {
        let store = Store::new();
        let (_dir, base) = old(&store, &options);
        store.lie(LIB, "long.txt");
        let (found, _) = based(&store, trusting(&options), &base).unwrap();
        assert!(found == fs::read(&base).unwrap(), "the old contents are taken");
        // Without trust they are read.
        let distrusting = options.clone().rebuildable(true);
        let (found, _) = based(&store, distrusting.clone(), &base).unwrap();
        assert!(found == image(&store.tree(), distrusting), "the new contents are read");
        // Another length, and files that are in no store path, are noticed in any case.
        store.put(LIB, "long.txt", b"short");
        store.lie("", "loose");
        let (found, _) = based(&store, trusting(&options), &base).unwrap();
        assert!(found == image(&store.tree(), trusting(&options)));
    }
}

#[test]
fn false_trust_is_noticed_where_files_are_read() {
    let store = Store::new();
    let (_dir, base) = old(&store, &lz4(9));
    store.lie(LIB, "long.txt");
    // Nothing can be taken at another level.
    let error = based(&store, trusting(&lz4(8)), &base).unwrap_err();
    let Error::Changed { path, change: Change::Bytes { .. } } = &error else { panic!("{error}") };
    assert!(path.ends_with("long.txt"), "{error}");
    // Verifying reads everything.
    let base = &Base::open(&base).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("new.erofs");
    let mut writer = ImageWriter::new(trusting(&lz4(9))).base(base).verify(true);
    let error = writer.write_path(&store.tree(), &path).unwrap_err();
    assert!(matches!(error, Error::Verify { .. } | Error::Changed { .. }), "{error}");
    assert!(!path.exists());
}

#[test]
fn of_a_base_without_facts_everything_is_read() {
    let store = Store::new();
    let dir = tempfile::tempdir().unwrap();
    let base = dir.path().join("base.erofs");
    for options in modes() {
        fs::write(&base, image(&store.tree(), options.clone().rebuildable(true))).unwrap();
        assert!(!Base::open(&base).unwrap().has_facts());
        let expected = image(&store.tree(), trusting(&options));
        assert!(based(&store, trusting(&options), &base).unwrap().0 == expected);
    }
}

#[test]
fn damaged_facts_are_none() {
    let store = Store::new();
    let options = &modes()[2];
    let (_dir, base) = old(&store, options);
    let good = fs::read(&base).unwrap();
    let facts = good.windows(8).rposition(|bytes| bytes == b"erofsFC2").unwrap();
    for at in (facts..good.len()).step_by((good.len() - facts) / 9) {
        let mut bad = good.clone();
        bad[at] ^= 0x5a;
        fs::write(&base, &bad).unwrap();
        assert!(Base::open(&base).unwrap().why_not().is_none());
        let (found, _) = based(&store, trusting(options), &base).unwrap();
        assert!(found == good, "changed at {at}");
        fs::write(&base, &good[..at]).unwrap();
        assert!(based(&store, trusting(options), &base).unwrap().0 == good, "cut at {at}");
    }
}

#[test]
fn a_name_of_several_contents_is_not_trusted() {
    let store = Store::new();
    let other = format!("other/{LIB}");
    store.put(&other, "long.txt", &text(99, 5 << 20));
    let options = lz4(5).dedupe(true);
    let (_dir, base) = old(&store, &options);
    // The table does not depend on chance.
    assert!(fs::read(&base).unwrap() == image(&store.tree(), trusting(&options)));
    for path in [LIB, &other] {
        store.lie(path, "long.txt");
        let (found, _) = based(&store, trusting(&options), &base).unwrap();
        assert!(found == image(&store.tree(), trusting(&options)), "{path}");
    }
}
