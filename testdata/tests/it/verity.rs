//! Hash trees by the library: which outputs can have them, and that nothing but the image
//! decides about them. That they are right is tested with the command, against veritysetup.

use std::fs;
use std::io::Cursor;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt;

use erofs_writer::{
    Error, Event, ImageWriter, Options, OptionsError, OutputErrorKind, Phase, SeekWriter, Summary,
    Tree, Verity, VerityHash, VeritySalt, VeritySummary,
};
use testdata::trees::{Builder, noise, text};

use crate::support::{decoded, fixed, image};

fn tree() -> Tree {
    let mut tree = Builder::new();
    tree.file("blocks", noise(1, 900_000));
    tree.file("text", text(2, 300_000));
    tree.done()
}

fn sealed() -> Options {
    fixed().verity(Verity::new())
}

/// An image with the options, and its summary.
fn by(threads: usize, options: Options) -> (Vec<u8>, Summary) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image");
    let threads = NonZeroUsize::new(threads).unwrap();
    let summary = ImageWriter::new(options).threads(threads).write_path(&tree(), &path).unwrap();
    (fs::read(path).unwrap(), summary)
}

fn verity(summary: Summary) -> VeritySummary {
    summary.verity.unwrap()
}

#[test]
fn nothing_but_the_image_decides_about_a_tree() {
    for options in [sealed(), sealed().uuid(Options::new().get_uuid())] {
        let (one, summary) = by(1, options.clone());
        let (many, other) = by(5, options.clone());
        assert!(one == many);
        let found = verity(summary.clone());
        assert_eq!(found, verity(other));
        let start = usize::try_from(found.hash_offset).unwrap();
        assert_eq!(found.data_len(), summary.bytes_out);
        assert!(one[..start] == image(&tree(), fixed().uuid(options.get_uuid())));
        decoded(&one[..start]);
    }
}

#[test]
fn a_salt_follows_the_uuid_unless_it_is_given() {
    let root = |options: Options| verity(by(2, options).1).root_hash;
    let of = |salt| sealed().verity(Verity::new().salt(salt).unwrap());
    let (plain, salted) = (of(VeritySalt::None), of(VeritySalt::Given(vec![1])));
    let roots = [root(sealed()), root(plain), root(salted)];
    assert!(roots[0] != roots[1] && roots[1] != roots[2] && roots[0] != roots[2]);
    let derived = verity(by(2, sealed()).1).salt;
    assert_eq!(root(of(VeritySalt::Given(derived))), roots[0]);
    let long = verity(by(2, sealed().verity(Verity::new().hash(VerityHash::Sha512))).1);
    assert_eq!((long.root_hash.len(), long.root_hash_hex().len()), (64, 128));
}

#[test]
fn outputs_that_cannot_be_read_back_are_refused() {
    let output = SeekWriter::new(Cursor::new(Vec::new()));
    let refused = ImageWriter::new(sealed()).write(&tree(), &output);
    assert!(matches!(refused, Err(Error::Write { .. })), "{refused:?}");
    assert!(output.into_inner().into_inner().is_empty());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image");
    let file = fs::File::create(&path).unwrap();
    let refused = ImageWriter::new(sealed()).write(&tree(), &file);
    assert!(matches!(refused, Err(Error::Write { .. })), "{refused:?}");
    assert_eq!(fs::metadata(&path).unwrap().len(), 0);
    let tree_path = folder.path().join("tree");
    let written = ImageWriter::new(sealed()).verity_path(&path).write_path(&tree(), &path);
    let kind = |error| match error {
        Error::Output { kind, .. } => kind,
        error => panic!("{error:?}"),
    };
    assert_eq!(kind(written.unwrap_err()), OutputErrorKind::Twice);
    let idle = ImageWriter::new(fixed()).verity_path(&tree_path).write_path(&tree(), &path);
    assert!(matches!(idle, Err(Error::Options(OptionsError::NoVerity))), "{idle:?}");
    assert!(!tree_path.exists());
}

#[test]
fn a_given_file_may_have_its_tree_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tree");
    let output = tempfile::tempfile().unwrap();
    let mut writer = ImageWriter::new(sealed()).verity_path(&path);
    let apart = verity(writer.write(&tree(), &output).unwrap());
    let (all, summary) = by(2, sealed());
    let after = verity(summary);
    assert_eq!(apart.root_hash, after.root_hash);
    let start = usize::try_from(after.hash_offset).unwrap();
    assert!(fs::read(&path).unwrap() == all[start..]);
    assert_eq!(output.metadata().unwrap().len(), after.hash_offset);
}

#[test]
fn a_build_that_ends_while_it_hashes_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let [path, hashes] = ["image", "tree"].map(|name| folder.path().join(name));
    let stop = |event| match event {
        Event::Phase(Phase::Seal) => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    };
    let mut writer = ImageWriter::new(sealed()).verity_path(&hashes).on_event(stop);
    assert!(matches!(writer.write_path(&tree(), &path), Err(Error::Cancelled)));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    // A file that is written in place has no superblock then.
    let output = tempfile::tempfile().unwrap();
    let mut writer = ImageWriter::new(sealed()).on_event(stop);
    assert!(matches!(writer.write(&tree(), &output), Err(Error::Cancelled)));
    let mut magic = [0; 4];
    output.read_exact_at(&mut magic, 1024).unwrap();
    assert_eq!(magic, [0; 4]);
}
