//! Images that are indexes of tar archives: contents stay there.

use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use erofs_writer::codec::lz4::Level;
use erofs_writer::source::Tar;
use erofs_writer::{
    BlockSize, Codec, Error, ImageUuid, ImageWriter, Limit, Node, Options, OptionsError, Tails,
    TarErrorKind, Tree,
};
use testdata::archive::{Archive, Header};
use testdata::entry::{Compare, diff};
use testdata::mount::KernelMount;
use testdata::raw::superblock::repair_checksum;
use testdata::raw::{Findings, Image, Rule, check, model};
use testdata::skip::{Oracle, have};
use testdata::trees::{noise, text};
use testdata::{dump, expected, golden, host, tools, verify};

use crate::support::{assert_same, decoded, fixed, image, incompat, try_image, verify};
use crate::tar::{host_tree, stream};

/// An archive in a file, with what lies beside it.
struct Packed {
    dir: tempfile::TempDir,
}

impl Packed {
    fn new(bytes: &[u8]) -> Self {
        let packed = Packed { dir: tempfile::tempdir().unwrap() };
        fs::write(packed.archive(), bytes).unwrap();
        packed
    }

    /// Of the folder `source`, by `program`, which is GNU tar or bsdtar.
    fn of(source: &Path, program: &str, options: &str) -> Self {
        let packed = Packed::new(&[]);
        let mut tar = Command::new(program);
        tar.args(options.split(' ')).arg("-cf").arg(packed.archive()).arg("-C").arg(source);
        assert!(tar.arg(".").status().unwrap().success(), "{program} {options}");
        packed
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn archive(&self) -> PathBuf {
        self.path("archive.tar")
    }

    fn index(&self) -> Tree {
        Tar::open(self.archive()).unwrap().index(true).read().unwrap()
    }
}

fn small() -> Options {
    fixed().block_size(BlockSize::new(512).unwrap())
}

/// A root, a file of several blocks and a bit, one of a byte, and an empty one.
fn archive() -> Archive {
    Archive::default()
        .dir(".")
        .file("long", &text(1, 5000))
        .dir("d")
        .file("d/byte", b"x")
        .hard_link("d/again", "long")
        .file("empty", b"")
}

#[test]
fn an_index_shows_what_the_archive_holds() {
    let source = host_tree();
    for (program, options) in [
        ("tar", "--format=gnu"),
        ("tar", "--format=gnu --sparse"),
        ("tar", "--format=posix --sparse --sparse-version=0.1"),
        ("tar", "--format=posix --sparse --sparse-version=1.0 --xattrs"),
        ("bsdtar", "--format=pax"),
    ] {
        let packed = Packed::of(source.path(), program, options);
        let tree = packed.index();
        let full = expected::snapshot(&Tree::from_tar(packed.archive()).unwrap()).unwrap();
        diff(&full, &expected::snapshot(&tree).unwrap(), Compare::ALL)
            .unwrap_or_else(|text| panic!("{program} {options}: {text}"));
        let image = image(&tree, small());
        assert!(image.len() < 64 * 1024, "{program} {options}: {} bytes", image.len());
        let devices = [&*packed.archive()];
        verify(&image, &tree, &verify::Options { devices: &devices, ..Default::default() });
        let file = File::open(packed.archive()).unwrap();
        let streamed = Tar::stream("a pipe", file, "/no/such/directory").index(true);
        assert_same(&image, &self::image(&streamed.read().unwrap(), small()), options);
    }
}

#[test]
fn an_archive_may_be_appended_to_its_index() {
    if !have(Oracle::KernelMount) {
        return;
    }
    let source = host_tree();
    let packed = Packed::of(source.path(), "tar", "--format=posix --sparse");
    let tree = packed.index();
    // Room at the end of the image comes before the archive, too.
    for options in [small(), small().image_alignment(64).unwrap()] {
        let mut both = image(&tree, options);
        both.extend(fs::read(packed.archive()).unwrap());
        fs::write(packed.path("both"), both).unwrap();
        let mount = KernelMount::new(&packed.path("both")).unwrap();
        let found = host::snapshot(mount.path()).unwrap();
        diff(&expected::snapshot(&tree).unwrap(), &found, Compare::ALL)
            .unwrap_or_else(|text| panic!("{text}"));
        drop(mount);
        fs::remove_file(packed.path("both")).unwrap();
    }
}

#[test]
fn an_index_is_what_the_index_of_mkfs_erofs_is() {
    if !have(Oracle::Mkfs) {
        return;
    }
    let packed = Packed::of(host_tree().path(), "tar", "--format=posix --xattrs");
    let theirs = packed.path("theirs");
    // Of files from the second of the build it would drop the nanoseconds.
    let flags = ["--tar=i", "-T0", "--mkfs-time"].map(Path::new);
    tools::mkfs([&flags[..], &[&*theirs, &*packed.archive()]].concat()).unwrap();
    let tree = packed.index();
    // It does not say that there are chunks.
    let devices = [&*packed.archive()];
    let expected = expected::snapshot(&tree).unwrap();
    let allow = &[Rule::MissingFeature];
    let options = verify::Options { devices: &devices, allow, ..Default::default() };
    verify::verify_image(&theirs, &expected, &options).unwrap_or_else(|text| panic!("{text}"));
    let tables = [image(&tree, small()), fs::read(theirs).unwrap()].map(|image| {
        let model = model::read(&Image::from_bytes(image), &mut Findings::default()).unwrap();
        let device = &model.devices[0];
        assert_eq!(device.uniaddr, model.sb.blocks());
        (model.devices.len(), device.blocks, device.tag.clone(), model.sb.block_size())
    });
    assert_eq!(tables[0], tables[1]);
}

#[test]
fn a_small_index_as_text() {
    let hole: &[(&str, &[u8])] = &[
        ("GNU.sparse.size", b"1500"),
        ("GNU.sparse.map", b"0,512,1024,476"),
        ("GNU.sparse.numblocks", b"2"),
    ];
    let data = noise(7, 988);
    let archive = archive().pax(b'x', hole).file("sparse", &data);
    let packed = Packed::new(&archive.finish());
    let uuid = erofs_writer::Uuid::from_u128(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff);
    let image = image(&packed.index(), small().uuid(ImageUuid::Fixed(uuid)));
    golden::compare("tar-index", &dump::dump(&Image::from_bytes(image.clone())));
    let devices = [&*packed.archive()];
    let options = verify::Options { devices: &devices, ..Default::default() };
    verify(&image, &packed.index(), &options);
}

#[test]
fn an_index_of_nothing_has_its_device_all_the_same() {
    let packed = Packed::new(&Archive::default().dir("d").file("empty", b"").finish());
    let tree = packed.index();
    let image = image(&tree, small());
    assert_eq!(decoded(&image).devices[0].blocks, 4);
    let devices = [&*packed.archive()];
    verify(&image, &tree, &verify::Options { devices: &devices, ..Default::default() });
}

#[test]
fn an_archive_may_begin_within_a_file() {
    let packed = Packed::new(&[]);
    let mut file = File::options().read(true).write(true).open(packed.archive()).unwrap();
    let bytes = archive().finish();
    file.write_all(&[&[0xee; 1000][..], &bytes].concat()).unwrap();
    file.seek(SeekFrom::Start(1000)).unwrap();
    let within = Tar::in_file("a file", file).unwrap().index(true).read().unwrap();
    let alone = Packed::new(&bytes);
    assert_same(&image(&within, small()), &image(&alone.index(), small()), "the place");
    let content = |tree: &Tree| expected::snapshot(tree).unwrap();
    diff(&content(&alone.index()), &content(&within), Compare::ALL).unwrap();
}

#[test]
fn contents_are_not_read_and_do_not_change_the_image() {
    let build = |bytes: &[u8]| {
        let derived = small().uuid(ImageUuid::FromContent);
        image(&stream(bytes).index(true).read().unwrap(), derived)
    };
    let one = build(&Archive::default().file("a", &[1; 600]).finish());
    assert_same(&one, &build(&Archive::default().file("a", &[2; 600]).finish()), "contents");
    assert!(one != build(&Archive::default().file("a", &[1; 601]).finish()), "the length counts");

    let bytes = archive().finish();
    let tree = stream(&bytes).index(true).read().unwrap();
    let error = expected::snapshot(&tree).unwrap_err();
    assert!(error.to_string().contains("were not kept"), "{error}");
    // Truncation is noticed all the same, also in contents.
    for cut in [100, 700, bytes.len() - 1124] {
        let result = stream(&bytes[..cut]).index(true).read();
        let Err(Error::Tar { kind: TarErrorKind::Truncated, .. }) = result else {
            panic!("{cut}: {result:?}");
        };
    }
}

#[test]
fn pieces_of_sparse_files_have_to_be_whole_blocks() {
    let read = |map: &str, len: &str, stored: usize| {
        let records: &[(&str, &[u8])] =
            &[("GNU.sparse.size", len.as_bytes()), ("GNU.sparse.map", map.as_bytes())];
        let archive = Archive::default().pax(b'x', records).file("sparse", &noise(1, stored));
        let packed = Packed::new(&archive.finish());
        let full = Tree::from_tar(packed.archive()).unwrap();
        let tree = Tar::open(packed.archive()).unwrap().index(true).read()?;
        let devices = [&*packed.archive()];
        let options = verify::Options { devices: &devices, ..Default::default() };
        let snapshots = [&full, &tree].map(|tree| expected::snapshot(tree).unwrap());
        diff(&snapshots[0], &snapshots[1], Compare::ALL).unwrap();
        verify(&image(&tree, small()), &tree, &options);
        Ok(decoded(&image(&tree, small())))
    };
    for (map, len, stored) in [
        // A hole at the start, one at the end, several, none, nothing else.
        ("4096,4096", "8192", 4096),
        ("0,4096,8192,0", "8192", 4096),
        ("0,512,1024,512,65536,100", "65636", 1124),
        ("0,512,512,512,1024,77", "1101", 1101),
        ("", "3000", 0),
        ("100,0", "100", 0),
    ] {
        read(map, len, stored).unwrap_or_else(|error: Error| panic!("{map}: {error}"));
    }
    for (map, len, stored) in [
        ("1,511", "1024", 511),
        ("0,100", "1024", 100),
        ("0,100,512,100", "612", 200),
        ("0,512,1024,100,2048,512", "2560", 1124),
        // After blocks that are right, a file of exbibytes.
        ("512,512", "1000000000000000000", 512),
    ] {
        let Err(Error::Tar { kind, .. }) = read(map, len, stored) else { panic!("{map}") };
        assert_eq!(kind, TarErrorKind::SparseIndex, "{map}");
    }
}

/// The header of a file whose length has more digits than the field.
fn long_file(len: u64) -> [u8; 512] {
    let mut header = Header::new(b'0', "long", 0);
    header.set(124, &[0x80, 0, 0, 0]).set(128, &len.to_be_bytes());
    header.block()
}

#[test]
fn a_file_of_more_than_a_tebibyte_has_two_chunks() {
    let packed = Packed::new(&[]);
    let len = (1 << 40) + 1000;
    let file = File::options().write(true).open(packed.archive()).unwrap();
    file.write_all_at(&long_file(len), 0).unwrap();
    for at in [0, (1 << 40) - 4, len - 4] {
        file.write_all_at(b"here", 512 + at).unwrap();
    }
    file.set_len(512 + (1 << 40) + 1024 + 1024).unwrap();
    let image = image(&packed.index(), small());
    fs::write(packed.path("image"), &image).unwrap();
    decoded(&image);
    if !have(Oracle::KernelMount) {
        return;
    }
    let devices = [&*packed.archive()];
    let mount = KernelMount::with_devices(&packed.path("image"), &devices).unwrap();
    let long = File::open(mount.path().join("long")).unwrap();
    assert_eq!(long.metadata().unwrap().len(), len);
    for at in [0, (1 << 40) - 4, len - 4] {
        let mut found = [0; 4];
        long.read_exact_at(&mut found, at).unwrap();
        assert_eq!(&found, b"here", "{at}");
    }
}

#[test]
fn an_archive_of_two_tebibytes_is_too_long() {
    let packed = Packed::new(&[]);
    let file = File::options().write(true).open(packed.archive()).unwrap();
    // The header, the end, and 3 blocks of the image are blocks as well.
    for (blocks, fits) in [((1_u64 << 32) - 7, true), ((1 << 32) - 6, false), (1 << 33, false)] {
        file.write_all_at(&long_file(blocks * 512), 0).unwrap();
        file.set_len((blocks + 3) * 512).unwrap();
        match try_image(&packed.index(), small().wide_addresses(false)) {
            Ok(image) => {
                assert!(fits, "{blocks}");
                assert_eq!(decoded(&image).sb.blocks(), 3);
            }
            Err(Error::Full(Limit::DeviceBlocks)) => assert!(!fits, "{blocks}"),
            Err(error) => panic!("{blocks}: {error}"),
        }
        // Wide addresses come by themselves, and only then.
        let image = image(&packed.index(), small());
        assert_eq!(incompat(&image) & 0x80 == 0, fits, "{blocks}");
        let codec = small().codec(Codec::Lz4(Level::MAX));
        assert_eq!(try_image(&packed.index(), codec).is_ok(), fits, "{blocks}");
    }
}

#[test]
fn an_index_needs_blocks_of_its_archive() {
    let bytes = archive().finish();
    for block in [1024, 4096] {
        let options = fixed().block_size(BlockSize::new(block).unwrap());
        let result = try_image(&stream(&bytes).index(true).read().unwrap(), options);
        let Err(Error::Options(OptionsError::BlockSizeForDevices { block: found, .. })) = result
        else {
            panic!("{block}: {result:?}");
        };
        assert_eq!(found, block);
    }
    let output = erofs_writer::SeekWriter::new(std::io::Cursor::new(Vec::new()));
    let tree = stream(&bytes).index(true).read().unwrap();
    let summary = ImageWriter::new(small()).write(&tree, &output).unwrap();
    assert_eq!(summary.device_bytes, 5001);
    assert_eq!(summary.oldest_kernel.to_string(), "6.4");
    assert_eq!(summary.bytes_out, 2048);
}

#[test]
fn trees_of_several_archives_have_several_devices() {
    let one = Packed::new(&archive().finish());
    let two = Packed::new(&Archive::default().file("two", &noise(2, 7000)).dir("d").finish());
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("three"), text(3, 40_000)).unwrap();
    fs::write(folder.path().join("four"), text(3, 40_000)).unwrap();
    let tree = || {
        let mut tree = one.index();
        tree.overlay(two.index()).unwrap();
        tree.overlay(Tree::from_dir(folder.path()).unwrap()).unwrap();
        tree
    };
    let lz4 = crate::compressed::lz4(9).block_size(BlockSize::new(512).unwrap());
    let chunks = small().chunk_size("4096".parse().unwrap());
    let fragments = lz4.clone().tails(Tails::AllFragments).dedupe(true);
    let pclusters = lz4.pcluster_size("8192".parse().unwrap());
    for options in [small(), small().dedupe(true), chunks, fragments, pclusters] {
        let image = image(&tree(), options);
        assert_eq!(decoded(&image).devices.len(), 2);
        let devices = [&*one.archive(), &two.archive()];
        verify(&image, &tree(), &verify::Options { devices: &devices, ..Default::default() });
    }
}

#[test]
fn there_are_devices_enough() {
    let tree = |count: usize| {
        let mut tree = stream(&archive().finish()).index(true).read().unwrap();
        for number in 1..count {
            let name = format!("{number}");
            let bytes = Archive::default().file(&name, name.as_bytes()).finish();
            tree.overlay(stream(&bytes).index(true).read().unwrap()).unwrap();
        }
        tree
    };
    assert_eq!(decoded(&image(&tree(1024), small())).devices.len(), 1024);
    let error = try_image(&tree(1025), small()).unwrap_err();
    assert!(matches!(error, Error::Full(Limit::Devices)), "{error}");
}

/// A content that is taken to another tree brings its device along.
#[test]
fn contents_can_be_moved_to_another_tree() {
    let packed = Packed::new(&archive().finish());
    let from = packed.index();
    let entry = from.get("long").unwrap();
    let Node::File(content) = entry.node() else { panic!("is a file") };
    let mut tree = Tree::new(erofs_writer::Metadata::new(0o755));
    tree.insert("moved", entry.metadata().clone(), Node::File(content)).unwrap();
    let devices = [&*packed.archive()];
    let options = verify::Options { devices: &devices, ..Default::default() };
    verify(&image(&tree, small()), &tree, &options);
}

#[test]
fn damage_to_a_device_table_is_found() {
    let good = image(&stream(&archive().finish()).index(true).read().unwrap(), small());
    assert_eq!(decoded(&good).devices[0].at, 1152);
    for (what, at, rule) in [
        ("the place", 1152 + 0x44, Rule::DeviceTable),
        ("its high bits", 1152 + 0x4a, Rule::DeviceTable),
        ("the tag", 1152 + 5, Rule::DeviceTable),
        ("reserved", 1152 + 0x4c, Rule::Reserved),
        ("the length", 1152 + 0x40, Rule::OutOfImage),
        ("the number of devices", 1024 + 0x56, Rule::DeviceTable),
        ("the feature", 1024 + 0x50, Rule::MissingFeature),
    ] {
        let mut bytes = good.clone();
        bytes[at] ^= if what == "the feature" { 8 } else { bytes[at].max(1) };
        repair_checksum(&mut bytes);
        let found = check(&Image::from_bytes(bytes)).expect_err(what);
        assert!(found.has(rule), "{what}: {found}");
    }
}
