//! Changes of single paths, and layers of a container that become one tree.

use erofs_writer::source::Tar;
use erofs_writer::{Content, Error, Metadata, Node, Rdev, Tree, TreeErrorKind, Whiteouts};
use testdata::archive::Archive;

use crate::{image, paths};

fn layer(bytes: &[u8]) -> Tree {
    Tar::stream("layer", bytes, std::env::temp_dir()).read().unwrap()
}

#[test]
fn layers_of_a_container_are_merged() {
    let base = Archive::default().dir("etc/").file("etc/old", b"1").file("etc/kept", b"2");
    let base = base.dir("var/").file("var/gone", b"3").finish();
    let upper = Archive::default().dir("etc/").file("etc/.wh.old", b"").file("etc/new", b"4");
    let upper = upper.dir("var/").file("var/.wh..wh..opq", b"").file("var/new", b"5").finish();
    let mut tree = layer(&base);
    let mut over = layer(&upper);
    over.convert_aufs().unwrap();
    tree.overlay(over).unwrap();
    let expected = ["/", "/etc", "/etc/kept", "/etc/new", "/var", "/var/new"];
    assert_eq!(paths(&tree), expected);
    // The source can also convert the layer itself, and whiteouts can be kept.
    let over = || {
        let tar = Tar::stream("layer", &upper[..], std::env::temp_dir());
        tar.convert_aufs(true).read().unwrap()
    };
    let mut other = layer(&base);
    other.overlay(over()).unwrap();
    assert!(image(&other) == image(&tree));
    let mut kept = layer(&base);
    kept.overlay_with(over(), Whiteouts::Keep).unwrap();
    let old = kept.get("etc/old").unwrap();
    assert!(matches!(old.node(), Node::CharDevice(Rdev { major: 0, minor: 0 })));
}

#[test]
fn single_paths_are_changed() {
    let mut tree = Tree::new(Metadata::new(0o755));
    tree.create_dir_all("etc/conf.d", Metadata::new(0o755)).unwrap();
    let file = |text: &[u8]| Node::File(Content::from_bytes(text));
    let id = tree.insert("etc/conf.d/a", Metadata::new(0o644), file(b"a")).unwrap();
    tree.hard_link("a", id).unwrap();
    let new = tree.replace("etc/conf.d/a", Metadata::new(0o600), file(b"other")).unwrap();
    assert_ne!(new, id);
    tree.get_mut("a").unwrap().metadata_mut().uid = 5;
    tree.set_metadata("etc", Metadata::new(0o700)).unwrap();
    tree.remove("etc/conf.d").unwrap();
    assert_eq!(paths(&tree), ["/", "/a", "/etc"]);
    assert_eq!(tree.get("a").unwrap().metadata().uid, 5);
    // Ids that the upper tree gave are ids of another tree.
    let mut upper = Tree::new(Metadata::new(0o755));
    let foreign = upper.insert("x", Metadata::new(0o644), file(b"x")).unwrap();
    tree.overlay(upper).unwrap();
    match tree.hard_link("y", foreign) {
        Err(Error::Tree { kind: TreeErrorKind::ForeignInode, .. }) => {}
        other => panic!("{other:?}"),
    }
    let here = tree.get("x").unwrap().id();
    tree.hard_link("y", here).unwrap();
    assert_eq!(tree.get("a").unwrap().id(), id, "ids of the tree itself stay");
}
