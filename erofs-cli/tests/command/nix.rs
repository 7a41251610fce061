//! What Nix stores: NARs, exports, binary caches and registrations. `scripts/nix.sh` does the
//! same with caches that Nix has made.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use testdata::nar::{self, Cache, Nar};
use testdata::skip::{Oracle, have};

use crate::place::{Place, Run};
use crate::refusal::refusal_of;

const FIRST: &str = "q2hligwvhvf827syj12a763874xbd7bv-first";
const SECOND: &str = "n7ygyjwjnz3ypmfknzaf991y95pnn1y0-second";
const LINK: &str = "aal1pz8ylfgkvfz00zzx5waadrfgyqgl-link";
const NAMES: [&str; 3] = [FIRST, SECOND, LINK];

/// A store in `store`, a list of its paths, and an image of them, `WANTED`.
fn store() -> Place {
    let place = Place::new();
    let first = format!("store/{FIRST}");
    place.file(&format!("{first}/bin/run"), "#!/bin/sh\n");
    place.file(&format!("{first}/share/empty"), "");
    place.file(&format!("{first}/share/odd näme"), "odd\n".repeat(3000));
    place.file(&format!("{first}/share/noise"), noise(700_000));
    place.folder(&format!("{first}/nothing"));
    symlink("../share", place.path(&format!("{first}/bin/up"))).expect("free");
    fs::set_permissions(place.path(&format!("{first}/bin/run")), Permissions::from_mode(0o555))
        .expect("is mine");
    place.file(&format!("store/{SECOND}"), noise(5000));
    symlink(format!("/nix/store/{SECOND}"), place.path(&format!("store/{LINK}"))).expect("free");
    canonical(&place.path("store"));
    let line = |name: &&str| format!("/nix/store/{name}\n");
    place.file("LIST", NAMES.iter().map(line).collect::<String>());
    place.image("--quiet --store-paths LIST WANTED store", "WANTED");
    place
}

/// Bytes that hardly repeat.
fn noise(len: u32) -> Vec<u8> {
    (0..len)
        .map(|at| {
            at.wrapping_mul(2_654_435_761).to_be_bytes()
                [usize::try_from(at % 3).expect("less than 3")]
        })
        .collect()
}

/// Gives files and folders the modes of a store.
fn canonical(path: &Path) {
    let found = fs::symlink_metadata(path).expect("is there");
    if found.is_dir() {
        for entry in fs::read_dir(path).expect("is there") {
            canonical(&entry.expect("is there").path());
        }
        fs::set_permissions(path, Permissions::from_mode(0o755)).expect("is mine");
    }
    if found.is_dir() || found.permissions().mode() & 0o111 != 0 && found.is_file() {
        fs::set_permissions(path, Permissions::from_mode(0o555)).expect("is mine");
    } else if found.is_file() {
        fs::set_permissions(path, Permissions::from_mode(0o444)).expect("is mine");
    }
}

/// A binary cache of the store in `folder`.
fn cache(place: &Place, folder: &str, compression: &'static str) -> Cache {
    let cache = Cache::new(&place.path(folder), compression);
    for name in NAMES {
        let references: &[&str] = if name == LINK { &[SECOND] } else { &[name] };
        cache.add(&place.path("store").join(name), name, references);
    }
    cache
}

fn same(place: &Place, image: &str) {
    let read = |name: &str| fs::read(place.path(name)).expect("is there");
    assert!(read(image) == read("WANTED"), "{image} differs");
}

#[test]
fn an_image_from_a_cache_is_the_one_from_the_store() {
    let place = store();
    let programs = [
        ("xz", Oracle::Xz),
        ("zstd", Oracle::Zstd),
        ("bzip2", Oracle::Bzip2),
        ("gzip", Oracle::Gzip),
    ];
    let compressions = programs.iter().filter(|(_, oracle)| have(*oracle)).map(|(name, _)| *name);
    for compression in compressions.chain(["none"]) {
        cache(&place, compression, compression);
        for workers in ["1", "3"] {
            let run = place.run(&format!(
                "--quiet --store-paths LIST --binary-cache {compression} IMG --workers={workers}"
            ));
            run.succeeded();
            assert_eq!(run.stderr, "", "{compression}");
            same(&place, "IMG");
        }
    }
    let flags = "--quiet -zzstd,5 -C65536 -Eall-fragments,dedupe --exclude-regex=empty";
    let wanted = place.image(&format!("{flags} --store-paths LIST A store"), "A");
    for compression in ["none", "zstd"] {
        let line = format!("{flags} --store-paths LIST --binary-cache {compression} B");
        assert!(place.image(&line, "B") == wanted, "{compression}");
    }
    let url = format!("file://{}", place.path("none").display());
    place.image(&format!("--quiet --store-paths LIST --binary-cache {url} IMG"), "IMG");
    same(&place, "IMG");
}

#[test]
fn a_cache_may_be_made_of_links() {
    let place = store();
    let cache = cache(&place, "real", "none");
    place.folder("linked/nar");
    for file in ["nix-cache-info".into(), format!("nar/{FIRST}.nar")] {
        symlink(cache.folder.join(&file), place.path("linked").join(&file)).expect("free");
    }
    symlink(cache.narinfo(FIRST), place.path("linked").join(format!("{}.narinfo", &FIRST[..32])))
        .expect("free");
    place.file("ONE", format!("/nix/store/{FIRST}"));
    let wanted = place.image("--quiet --store-paths ONE A --binary-cache real", "A");
    assert!(place.image("--quiet --store-paths ONE B --binary-cache linked", "B") == wanted);
}

#[test]
fn what_a_cache_says_is_checked() {
    let place = store();
    let line = "--quiet --store-paths LIST --binary-cache CACHE IMG";
    let refused = |change: &dyn Fn(&Cache)| {
        fs::remove_dir_all(place.path("CACHE")).ok();
        change(&cache(&place, "CACHE", "none"));
        refusal_of(&place, 1, line)
    };
    let edit = |from: &'static str, to: &'static str| {
        refused(&|cache| {
            let text = fs::read_to_string(cache.narinfo(SECOND)).expect("is there");
            assert!(text.contains(from), "{from} in {text}");
            fs::write(cache.narinfo(SECOND), text.replace(from, to)).expect("is mine");
        })
    };
    let narinfo = "CACHE/n7ygyjwjnz3ypmfknzaf991y95pnn1y0.narinfo";
    let path = format!("/nix/store/{SECOND}");
    let nar = format!("CACHE/nar/{SECOND}.nar");
    let size = "its NAR should have 5113 bytes, but 5112 were found";
    assert_eq!(edit("NarSize: 5112", "NarSize: 5113"), format!("{path}: {size}"));
    let size = "its NAR should have 5111 bytes, but 5112 were found";
    assert_eq!(edit("NarSize: 5112", "NarSize: 5111"), format!("{path}: {size}"));
    let found = edit(
        "NarHash: sha256:",
        "NarHash: sha256:0000000000000000000000000000000000000000000000000000\nX:",
    );
    assert!(
        found.starts_with(&format!("{path}: its NAR should have the hash sha256:0000")),
        "{found}"
    );
    let wrong = |field| format!("{narinfo}: the {field} is missing, is there twice, or is wrong");
    assert_eq!(edit("NarHash", "X"), wrong("NarHash"));
    assert_eq!(
        edit("-second\n", "-other\n"),
        format!(
            "{path}: in its place the binary cache has /nix/store/n7ygyjwjnz3ypmfknzaf991y95pnn1y0-other"
        )
    );
    let outside = "its NAR is not in the folder of the binary cache";
    assert_eq!(
        edit("URL: nar/", "URL: ../nar/"),
        format!("{narinfo}: {outside}: ../nar/{SECOND}.nar")
    );
    assert_eq!(
        edit(": none", ": br"),
        format!("{narinfo}: its NAR is compressed by br, which is not decoded")
    );
    assert!(edit(": none", ": xz").starts_with(&format!("{nar}: cannot be read: ")));
    let gone = refused(&|cache| fs::remove_file(cache.narinfo(SECOND)).expect("is there"));
    assert_eq!(gone, format!("{path}: the binary cache does not have it"));
    let gone =
        refused(&|cache| fs::remove_file(cache.folder.join("nix-cache-info")).expect("is there"));
    assert_eq!(
        gone,
        "CACHE: this is not the folder of a binary cache: it has no nix-cache-info with a StoreDir"
    );
    let elsewhere = refused(&|cache| {
        fs::write(cache.folder.join("nix-cache-info"), "StoreDir: /gnu/store\n").expect("is mine")
    });
    assert_eq!(
        elsewhere,
        format!(
            "/nix/store/{FIRST}: this is not a store path of /gnu/store, for which the binary cache is"
        )
    );
    let flipped = refused(&|cache| {
        let file = cache.folder.join(format!("nar/{SECOND}.nar"));
        let mut bytes = fs::read(&file).expect("is there");
        bytes[2000] ^= 1;
        fs::write(&file, bytes).expect("is mine");
    });
    assert!(
        flipped.starts_with(&format!("{path}: its NAR should have the hash sha256:")),
        "{flipped}"
    );
    let longer = refused(&|cache| {
        let file = cache.folder.join(format!("nar/{SECOND}.nar"));
        let bytes = fs::read(&file).expect("is there");
        fs::write(&file, [&bytes[..], &[0; 9]].concat()).expect("is mine");
    });
    assert_eq!(longer, format!("{path}: its NAR should have 5112 bytes, but 5113 were found"));
}

#[test]
fn no_bomb_is_decoded_further_than_its_size() {
    let place = store();
    let cache = cache(&place, "CACHE", "xz");
    let zeros = vec![0; 64 << 20];
    let bomb = Nar::new().file(&zeros).finish();
    cache.put(&bomb, SECOND, &[]);
    let text = fs::read_to_string(cache.narinfo(SECOND)).expect("is there");
    fs::write(cache.narinfo(SECOND), text.replace("NarSize: ", "NarSize: 100\nX:"))
        .expect("is mine");
    let found = refusal_of(&place, 1, "--quiet --store-paths LIST --binary-cache CACHE IMG");
    let expected = "its NAR should have 100 bytes, but 101 were found";
    assert_eq!(found, format!("/nix/store/{SECOND}: {expected}"));
}

#[test]
fn references_that_a_list_lacks_are_named() {
    let place = store();
    cache(&place, "CACHE", "none");
    place.file("SOME", format!("/nix/store/{FIRST}\n/nix/store/{LINK}\n"));
    let run = place.run("--store-paths SOME --binary-cache CACHE IMG --no-progress");
    let note = format!(
        "mkfs-erofs: note: SOME: lacks 1 of the store paths to which others refer, such as \
         /nix/store/{SECOND}, to which /nix/store/{LINK} refers\n"
    );
    assert_eq!((run.code(), run.stderr), (Some(0), note));
}

#[test]
fn keys_decide_what_is_trusted() {
    let place = store();
    cache(&place, "CACHE", "none");
    let key = "k-1:+UC3VrDvrHMlV2xIg31qhtNuSWjwKAkzPY6YxVP4J3o=";
    let line = format!("--store-paths LIST --binary-cache CACHE --trusted-public-key {key} IMG");
    let found = refusal_of(&place, 1, &line);
    assert_eq!(found, format!("/nix/store/{FIRST}: no trusted key has signed it"));
    // What Nix has signed.
    let name = "n7ygyjwjnz3ypmfknzaf991y95pnn1y0-b";
    place.file("b/f", "y\n");
    let signed = Cache::new(&place.path("SIGNED"), "none");
    signed.add(&place.path("b"), name, &[]);
    let text = fs::read_to_string(signed.narinfo(name)).expect("is there");
    assert!(text.contains("18lxjaibssr0hvgg2rmxk614k31fpxibmjvlnqqbbrrcvv5p2nik"), "{text}");
    let signature = "Sig: k-1:JbUN+iPNtYYlcHANUcRdxO+b58lYJrKGKBifQGnOfpBzIMyuJ3WCJNdM+9jsHU9\
        zavdIFaC2V2/hyLSs4ZFYBQ==\n";
    fs::write(signed.narinfo(name), text + signature).expect("is mine");
    place.file("ONE", format!("/nix/store/{name}"));
    let line =
        format!("--quiet --store-paths ONE --binary-cache SIGNED --trusted-public-key {key} IMG");
    place.run(&line).succeeded();
}

#[test]
fn a_registration_is_the_same_from_all_that_tell_it() {
    let place = store();
    let cache = cache(&place, "CACHE", "zstd");
    let facts = |name: &str| {
        let text = fs::read_to_string(cache.narinfo(name)).expect("is there");
        let field = |field: &str| {
            let mut lines = text.lines().filter_map(|line| line.strip_prefix(field));
            lines.next().expect("is there").to_owned()
        };
        (field("NarHash: "), field("NarSize: "), field("References: "))
    };
    let mut sorted = NAMES;
    sorted.sort_unstable();
    let entry = |name: &str| {
        let (hash, size, reference) = facts(name);
        format!("/nix/store/{name}\n{hash}\n{size}\n\n1\n/nix/store/{reference}\n")
    };
    let registration: String = sorted.iter().map(|name| entry(name)).collect();
    // Paths that the list lacks do not matter, and neither does the order.
    let other = registration.lines().take(6).collect::<Vec<_>>().join("\n").replace("aal1", "aal2");
    place.file("REGISTRATION", format!("{other}\n{}", NAMES.map(entry).concat()));
    let object = |name: &str| {
        let (hash, size, reference) = facts(name);
        format!(
            r#""/nix/store/{name}": {{"narHash": "{hash}", "narSize": {size},
            "references": ["/nix/store/{reference}"], "ca": null}}"#
        )
    };
    place.file("JSON", format!("{{{}}}", NAMES.map(object).join(",")));
    let from_store = "--store-paths LIST IMG store";
    for line in [
        format!("{from_store} --registration=REGISTRATION"),
        format!("{from_store} --registration=JSON"),
        "--store-paths LIST IMG --binary-cache CACHE --registration".to_owned(),
    ] {
        place.run(&format!("--quiet {line}")).succeeded();
        fs::remove_dir_all(place.path("OUT")).ok();
        place.run("--extract=OUT IMG nix-path-registration").succeeded();
        let file = place.path("OUT/nix-path-registration");
        assert_eq!(fs::read_to_string(&file).expect("is there"), registration, "{line}");
        assert_eq!(fs::metadata(&file).expect("is there").permissions().mode() & 0o7777, 0o444);
        fs::remove_file(place.path("IMG")).expect("is there");
    }
    place.file("SHORT", entry(FIRST));
    let found = refusal_of(&place, 1, &format!("{from_store} --registration=SHORT"));
    assert_eq!(found, format!("SHORT: it does not have /nix/store/{SECOND}"));
    place.file("WRONG", "{");
    let found = refusal_of(&place, 1, &format!("{from_store} --registration=WRONG"));
    assert!(found.starts_with("WRONG: EOF while parsing"), "{found}");
    let found = refusal_of(&place, 1, &format!("{from_store} --registration=NONE"));
    assert!(found.starts_with("NONE: cannot be read"), "{found}");
}

#[test]
fn nars_and_exports_are_packed_from_files_and_streams() {
    let place = store();
    let first = place.path("store").join(FIRST);
    place.file("NAR", nar::of_host(&first));
    let line = format!("--quiet -T0 --all-root A store/{FIRST}");
    let wanted = place.image(&line, "A");
    assert!(place.image("--quiet -T0 --nar B NAR", "B") == wanted);
    let mut export = Nar::default();
    for name in NAMES {
        let mut one = Nar::default().number(1).finish();
        one.extend(nar::of_host(&place.path("store").join(name)));
        let path = format!("/nix/store/{name}");
        let rest = Nar::default().number(0x4558_494e).word(path.as_bytes()).number(0).word(b"");
        one.extend(rest.number(0).finish());
        export = export.raw(&one);
    }
    place.file("EXPORT", export.number(0).finish());
    let identity = "-L nix-store -U eb176051-bd15-49b7-9e6b-462e0b467019 -T0";
    place.image(&format!("--quiet {identity} --nar IMG EXPORT"), "IMG");
    same(&place, "IMG");
    for (program, input) in [("xz", "EXPORT"), ("zstd", "EXPORT"), ("cat", "EXPORT")] {
        let mut command = std::process::Command::new("sh");
        let line = format!(
            "{program} < {input} | {} --quiet {identity} --nar IMG -",
            crate::place::PROGRAM
        );
        Run::of(command.current_dir(place.root()).args(["-c", &line])).succeeded();
        same(&place, "IMG");
    }
    fs::remove_file(place.path("IMG")).expect("is there");
    place.file("SHORT", &fs::read(place.path("NAR")).expect("is there")[..5000]);
    let found = refusal_of(&place, 1, "--nar IMG SHORT");
    assert!(found.starts_with("SHORT: at byte ") && found.ends_with("is truncated"), "{found}");
    place.file("FILE", nar::of_host(&place.path("store").join(SECOND)));
    let found = refusal_of(&place, 1, "--nar IMG FILE");
    assert!(found.ends_with("the root of an image has to be a directory, and this is none"));
    let run = place.run("--nar NAR NAR");
    assert!(run.stderr.contains("would be part of its own source"), "{run:?}");
}
