//! Lists of what is read first.

use std::fs;

use crate::callers::place;
use crate::place::Place;
use crate::refusal::refusal_of;

fn bytes(place: &Place, path: &str) -> Vec<u8> {
    fs::read(place.path(path)).expect("is readable")
}

/// A place whose DIR has three files that are not compressed, and their bytes.
fn with_files() -> (Place, [Vec<u8>; 3]) {
    let place = place();
    let files = [b'a', b'b', b'c'].map(|byte| vec![byte; 8192]);
    for (name, bytes) in ["one", "two", "three"].iter().zip(&files) {
        fs::write(place.path("DIR").join(name), bytes).expect("is writable");
    }
    (place, files)
}

/// Where `part` begins in the image.
fn position(image: &[u8], part: &[u8]) -> usize {
    let mut blocks = image.chunks(4096).enumerate();
    blocks.find(|(_, block)| *block == &part[..4096]).expect("is in the image").0
}

#[test]
fn the_list_decides_what_comes_first() {
    let (place, [one, two, three]) = with_files();
    for (list, expected) in [
        ("/two\nthree\n", ["two", "three", "one"]),
        ("three\r\n\n//one/\nthree\n/none\n", ["three", "one", "two"]),
        ("three", ["three", "one", "two"]),
    ] {
        place.file("list", list);
        let done = place.run("--order=list --order list --verify IMG DIR");
        assert_eq!((done.code(), done.stderr.as_str()), (Some(0), ""), "{list:?}");
        let image = bytes(&place, "IMG");
        let mut found = [("one", &one), ("two", &two), ("three", &three)];
        found.sort_by_key(|(_, bytes)| position(&image, bytes));
        assert_eq!(found.map(|(name, _)| name), expected, "{list:?}");
    }
}

#[test]
fn a_list_without_effect_gives_a_note() {
    let (place, _) = with_files();
    place.run("PLAIN DIR").succeeded();
    for list in ["", "\n/none\nDIR/one\n"] {
        place.file("list", list);
        let done = place.run("--order=list IMG DIR");
        assert_eq!(done.code(), Some(0));
        let note = "note: --order=list: no effect: the image has none of its paths";
        assert!(done.stderr.contains(note), "{}", done.stderr);
        assert!(bytes(&place, "IMG") == bytes(&place, "PLAIN"));
        assert_eq!(place.run("--quiet --order=list IMG DIR").stderr, "");
    }
}

#[test]
fn paths_of_a_store_image_begin_with_their_names() {
    let (place, [one, two, _]) = with_files();
    fs::create_dir_all(place.path("store/x-1")).expect("is writable");
    for name in ["one", "two"] {
        fs::copy(place.path("DIR").join(name), place.path("store/x-1").join(name)).expect("room");
    }
    place.file("paths", place.path("store/x-1").display().to_string());
    place.file("list", "x-1/two\n");
    place.run("--order=list --store-paths paths IMG").succeeded();
    let image = bytes(&place, "IMG");
    assert!(position(&image, &two) < position(&image, &one));
}

#[test]
fn a_list_that_cannot_be_read_makes_no_image() {
    let place = Place::with_source();
    let message = refusal_of(&place, 1, "--order=list IMG source");
    assert_eq!(message, "list: cannot be read: No such file or directory (os error 2)");
    let message = refusal_of(&place, 1, "--order=source IMG source");
    assert_eq!(message, "source: cannot be read: Is a directory (os error 21)");
    place.file("list", [&b"a\n"[..], &[b'x'; 70_000]].concat());
    let message = refusal_of(&place, 1, "--order=list IMG source");
    assert_eq!(message, "list: cannot be read: line 2 has more than 65536 bytes");
    place.file("list", "a\n");
    let done = place.run("--order=list list source");
    assert_eq!(done.code(), Some(1), "{}", done.stderr);
    assert_eq!(bytes(&place, "list"), b"a\n");
}
