//! The same tree and options give the same bytes, whatever else differs.

use std::fs::{self, File};
use std::num::NonZeroUsize;
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use erofs_writer::codec::lz4::Level;
use erofs_writer::source::StorePaths;
use erofs_writer::{
    ChunkSize, Codec, Content, HardLinks, ImageWriter, InodeId, Metadata, Node, Options,
    PclusterSize, Tails, Tree,
};
use testdata::mount::Tmpfs;
use testdata::skip::{Oracle, have};
use testdata::trees::{CASES, merged, noise};
use testdata::{mount, tools};

use crate::dedupe::repetitive;
use crate::support::{assert_same, fixed, image, image_by};

/// All small boundary trees in one, and files that repeat each other.
fn everything() -> Tree {
    let small: Vec<_> = CASES.iter().filter(|case| !case.large).copied().collect();
    let mut tree = merged(&small);
    tree.insert("repeats", Metadata::new(0o755), Node::Directory).unwrap();
    for (name, data) in repetitive() {
        let node = Node::File(Content::from_bytes(data));
        tree.insert(format!("repeats/{name}"), Metadata::new(0o644), node).unwrap();
    }
    tree
}

fn ways() -> [Options; 10] {
    let lz4 = |level| Codec::Lz4(Level::new(level).unwrap());
    [
        Options::new().codec(lz4(0)),
        Options::new().codec(lz4(1)).tails(Tails::Fragments),
        fixed().codec(lz4(9)).dedupe(true),
        Options::new().codec(lz4(1)).tails(Tails::AllFragments).dedupe(true),
        fixed().codec(lz4(12)).pcluster_size(PclusterSize::new(65_536).unwrap()),
        Options::new(),
        fixed(),
        Options::new().chunk_size(ChunkSize::new(4096).unwrap()),
        Options::new().dedupe(true),
        Options::new().data_alignment(4).unwrap().image_alignment(16).unwrap(),
    ]
}

#[test]
fn the_number_of_threads_does_not_matter() {
    let tree = everything();
    for options in ways() {
        let with = |threads| image_by(threads, &tree, options.clone());
        let one = with(1);
        for threads in [2, 8] {
            assert_same(&one, &with(threads), &format!("{threads} threads"));
        }
        assert_same(&one, &image(&tree, options), "as many threads as processors");
    }
}

#[test]
fn a_file_gets_the_same_bytes_as_memory() {
    let tree = everything();
    let dir = tempfile::tempdir().unwrap();
    for (number, options) in ways().into_iter().enumerate() {
        let path = dir.path().join(number.to_string());
        ImageWriter::new(options.clone()).write_path(&tree, &path).unwrap();
        assert_same(&image(&tree, options), &fs::read(&path).unwrap(), "file and memory");
    }
}

/// Puts the tree together again in another order.
fn rebuilt(tree: &Tree, shuffle: impl FnOnce(&mut Vec<usize>)) -> Tree {
    let entries: Vec<_> = tree.walk().collect();
    let mut order: Vec<usize> = (1..entries.len()).collect();
    shuffle(&mut order);
    let mut copy = Tree::new(entries[0].metadata().clone());
    let mut known = std::collections::BTreeMap::<InodeId, InodeId>::new();
    // A parent may come after its children, which then wait.
    while !order.is_empty() {
        let before = order.len();
        order.retain(|index| {
            let entry = &entries[*index];
            let parent = entry.path().iter().rposition(|byte| *byte == b'/').unwrap();
            if copy.get(&entry.path()[..parent]).is_none() {
                return true;
            }
            match known.get(&entry.id()) {
                Some(id) => copy.hard_link(entry.path(), *id).unwrap(),
                None => {
                    let (metadata, node) = (entry.metadata().clone(), entry.node());
                    let id = copy.insert(entry.path(), metadata, node).unwrap();
                    known.insert(entry.id(), id);
                }
            }
            false
        });
        assert!(order.len() < before);
    }
    copy
}

#[test]
fn the_order_of_insertion_does_not_matter() {
    let cases: Vec<_> =
        CASES.iter().filter(|case| !case.large && case.name != "deep").copied().collect();
    let tree = merged(&cases);
    let backwards = rebuilt(&tree, |order| order.reverse());
    let shuffled = rebuilt(&tree, |order| {
        order.sort_by_key(|index| index.wrapping_mul(0x9e37_79b9) % 65_537);
    });
    for options in ways() {
        let first = image(&tree, options.clone());
        assert_same(&first, &image(&backwards, options.clone()), "backwards");
        assert_same(&first, &image(&shuffled, options), "shuffled");
    }
}

#[test]
fn inodes_that_were_removed_leave_no_trace() {
    let tree = everything();
    let mut more = tree.clone();
    more.insert("zzz", Metadata::new(0o755), Node::Directory).unwrap();
    more.insert("zzz/f", Metadata::new(0o755), Node::Fifo).unwrap();
    more.retain(|entry| entry.path() != b"/zzz");
    assert_same(&image(&tree, Options::new()), &image(&more, Options::new()), "removed");
}

#[test]
fn the_uuid_follows_from_the_content_and_from_all_of_it() {
    let uuid = |tree: &Tree, options: Options| {
        let image = image(tree, options);
        <[u8; 16]>::try_from(&image[1024 + 0x30..1024 + 0x40]).unwrap()
    };
    let tree = |last: u8, mtime: i64| {
        let mut tree = testdata::trees::Builder::new();
        let mut bytes = noise(1, 2_000_000);
        bytes.push(last);
        tree.file("large", bytes);
        tree.file("small", vec![last]);
        let mut tree = tree.done();
        tree.update_metadata(|metadata| {
            metadata.mtime = erofs_writer::Timestamp::from_sec(mtime);
        });
        tree
    };
    let first = uuid(&tree(1, 1), Options::new());
    assert_eq!(first, uuid(&tree(1, 1), Options::new()));
    // RFC 9562: version 8, variant 10.
    assert_eq!((first[6] >> 4, first[8] >> 6), (8, 2));
    let others = [
        uuid(&tree(2, 1), Options::new()),
        uuid(&tree(1, 2), Options::new()),
        uuid(&tree(1, 1), Options::new().label("label".parse().unwrap())),
        uuid(&tree(1, 1), Options::new().image_alignment(1024).unwrap()),
    ];
    for other in others {
        assert_ne!(first, other);
    }
}

/// Three store paths: a directory, a file and a symlink. `copies` are files
/// with the same content as others.
fn fill_store(store: &Path, reversed: bool, linked: bool) -> Vec<PathBuf> {
    let dir = store.join("aaa-dir");
    fs::create_dir(&dir).unwrap();
    fs::create_dir(dir.join("bin")).unwrap();
    let mut files: Vec<(PathBuf, usize)> = (0..40_usize)
        .map(|number| {
            let sub = if number % 2 == 0 { "bin" } else { "." };
            (dir.join(sub).join(format!("file {number}")), 100 + number % 7 * 4000)
        })
        .collect();
    files.push((store.join("bbb-file"), 12_100));
    if reversed {
        files.reverse();
    }
    let mut first_of = std::collections::BTreeMap::<usize, PathBuf>::new();
    for (path, len) in &files {
        match first_of.get(len) {
            Some(first) if linked => fs::hard_link(first, path).unwrap(),
            _ => fs::write(path, noise(9, *len)).unwrap(),
        }
        fs::set_permissions(path, fs::Permissions::from_mode(0o444)).unwrap();
        first_of.insert(*len, path.clone());
    }
    symlink("bbb-file", store.join("ccc-link")).unwrap();
    for name in [dir.join("bin"), dir] {
        fs::set_permissions(name, fs::Permissions::from_mode(0o555)).unwrap();
    }
    ["aaa-dir", "bbb-file", "ccc-link"].map(|name| store.join(name)).into()
}

#[test]
fn how_the_host_stores_the_same_store_paths_does_not_matter() {
    let first = tempfile::tempdir().unwrap();
    let paths = fill_store(first.path(), false, false);
    let expected = image(&Tree::from_store_paths(&paths).unwrap(), Options::new());
    let mut listed_otherwise = paths.clone();
    listed_otherwise.reverse();
    listed_otherwise.push(paths[0].clone());
    let again = Tree::from_store_paths(listed_otherwise).unwrap();
    assert_same(&expected, &image(&again, Options::new()), "the order of the list");

    for (reversed, linked) in [(true, false), (false, true), (true, true)] {
        let dir = tempfile::tempdir().unwrap();
        let paths = fill_store(dir.path(), reversed, linked);
        let tree = Tree::from_store_paths(paths).unwrap();
        let about = format!("reversed {reversed}, linked {linked}");
        assert_same(&expected, &image(&tree, Options::new()), &about);
    }
    if have(Oracle::KernelMount) {
        let tmpfs = Tmpfs::new(8 << 20).unwrap();
        let paths = fill_store(tmpfs.path(), true, true);
        let tree = Tree::from_store_paths(paths).unwrap();
        assert_same(&expected, &image(&tree, Options::new()), "another file system");
        let elsewhere = ["aaa-dir", "bbb-file", "ccc-link"].map(|name| format!("/store/{name}"));
        let tree = StorePaths::new(elsewhere).store_directory(tmpfs.path()).read().unwrap();
        assert_same(&expected, &image(&tree, Options::new()), "a store elsewhere");
    }
}

#[test]
fn kept_hard_links_do_not_depend_on_the_order_of_reading() {
    let mut images = Vec::new();
    for (reversed, threads) in [(false, 1), (true, 1), (false, 4), (true, 4)] {
        let dir = tempfile::tempdir().unwrap();
        let paths = fill_store(dir.path(), reversed, true);
        let source = StorePaths::new(paths)
            .hard_links(HardLinks::Keep)
            .threads(NonZeroUsize::new(threads).unwrap());
        images.push(image(&source.read().unwrap(), Options::new()));
    }
    for other in &images[1..] {
        assert_same(&images[0], other, "hard links");
    }
}

#[test]
fn holes_of_the_host_and_written_zeros_give_the_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let len = (3 << 20) + 1000;
    let data = [(0, 5000), (700_000, 100), (2 << 20, 65_536)];
    for name in ["holes", "zeros"] {
        fs::create_dir(dir.path().join(name)).unwrap();
        let sub = dir.path().join(name).join("store");
        fs::create_dir(&sub).unwrap();
        let file = File::create(sub.join("file")).unwrap();
        let end = File::create(sub.join("all")).unwrap();
        if name == "zeros" {
            file.write_all_at(&vec![0; len], 0).unwrap();
            end.write_all_at(&vec![0; 2 << 20], 0).unwrap();
        }
        file.set_len(u64::try_from(len).unwrap()).unwrap();
        end.set_len(2 << 20).unwrap();
        for (at, len) in data {
            file.write_all_at(&noise(at, len), at).unwrap();
        }
    }
    for options in ways().into_iter().chain([Options::new().holes(false)]) {
        let of = |name: &str| {
            let path = dir.path().join(name).join("store");
            image(&Tree::from_store_paths([path]).unwrap(), options.clone())
        };
        assert_same(&of("holes"), &of("zeros"), "holes");
    }
}

/// Not a test: what the next one runs in processes of their own.
#[test]
#[ignore = "a part of another test"]
fn child_writes_an_image() {
    let (Some(store), Some(output)) =
        (std::env::var_os("TEST_CHILD_STORE"), std::env::var_os("TEST_CHILD_OUTPUT"))
    else {
        return;
    };
    let paths = ["aaa-dir", "bbb-file", "ccc-link"].map(|name| Path::new(&store).join(name));
    let tree = Tree::from_store_paths(paths).unwrap();
    ImageWriter::new(Options::new()).write_path(&tree, output).unwrap();
}

#[test]
fn the_environment_of_the_process_does_not_matter() {
    let store = tempfile::tempdir().unwrap();
    let paths = fill_store(store.path(), false, false);
    let expected = image(&Tree::from_store_paths(&paths).unwrap(), Options::new());
    let dir = tempfile::tempdir().unwrap();
    let settings = [
        ("022", "/", [("TZ", "UTC"), ("LANG", "C"), ("LC_ALL", "C")]),
        ("077", "/tmp", [("TZ", "Asia/Kathmandu"), ("LANG", "tr_TR.UTF-8"), ("LC_ALL", "")]),
        ("000", "/usr", [("SOURCE_DATE_EPOCH", "5"), ("RAYON_NUM_THREADS", "3"), ("HOME", "/")]),
    ];
    for (number, (umask, cwd, variables)) in settings.into_iter().enumerate() {
        let output = dir.path().join(number.to_string());
        let mut command = Command::new("sh");
        command.args(["-c", "umask $0; exec \"$@\"", umask]);
        command.arg(std::env::current_exe().unwrap());
        command.args(["--ignored", "--exact", "determinism::child_writes_an_image"]);
        command.current_dir(cwd).envs(variables);
        command.env("TEST_CHILD_STORE", store.path()).env("TEST_CHILD_OUTPUT", &output);
        tools::run(&mut command).unwrap();
        assert_same(&expected, &fs::read(&output).unwrap(), &format!("{variables:?}"));
        let mode = fs::metadata(&output).unwrap().permissions().mode() & 0o777;
        let umask = u32::from_str_radix(umask, 8).unwrap();
        assert_eq!(mode, 0o644 & !umask, "the umask applies to the file itself");
    }
}

#[test]
fn the_probe_image_is_what_an_empty_tree_gives_but_for_the_checksum() {
    let options = fixed().checksum(false).uuid(erofs_writer::ImageUuid::None);
    let mut ours = image(&Tree::new(Metadata::new(0o755)), options);
    // The hand-made one does not say that it holds times.
    ours[1024 + 8] &= !2;
    assert_same(&mount::empty_image(), &ours, "the smallest image");
}
