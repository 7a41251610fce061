//! The lines with which programs call mkfs.erofs. Lines with built flags are run by
//! both tools, and the mounted trees are compared with each other and with the tree
//! that the flags should make of the source. The others are refused with the name of
//! the flag. Lines with archives are in `tar.rs`.

mod expected;

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use testdata::entry::{Compare, Kind, Snapshot, diff};
use testdata::mount::KernelMount;
use testdata::skip::{Oracle, have};
use testdata::{host, tools};

use crate::place::{PROGRAM, Place, Run};
use crate::refusal::refusal_of;

/// The source of all callers: the common kinds of files.
pub(crate) fn place() -> Place {
    let place = Place::new();
    place.file("DIR/usr/bin/tool", vec![7; 20_000]);
    place.file("DIR/usr/share/doc/text", "some text\n".repeat(1000));
    place.file("DIR/usr/share/doc/same", "some text\n".repeat(1000));
    place.file("DIR/etc/passwd", "root:x:0:0:root:/root:/bin/sh\n");
    place.file("DIR/empty", "");
    place.folder("DIR/var/empty");
    symlink("../usr/bin/tool", place.path("DIR/etc/link")).expect("free");
    fs::hard_link(place.path("DIR/etc/passwd"), place.path("DIR/etc/passwd-")).expect("free");
    let mode = |path: &str, mode| {
        fs::set_permissions(place.path(path), Permissions::from_mode(mode)).expect("is mine");
    };
    mode("DIR", 0o755);
    mode("DIR/usr/bin/tool", 0o4755);
    mode("DIR/etc/passwd", 0o640);
    let _ = Command::new("chown").args(["-h", "1000:100"]).arg(place.path("DIR/empty")).status();
    let _ = Command::new("setfattr")
        .args(["-n", "user.note", "-v", "value"])
        .arg(place.path("DIR/usr/bin/tool"))
        .status();
    // mkfs.erofs drops fractions of a second.
    let touch = ["-h", "-d", "2020-02-02 02:02:02"];
    for path in host::snapshot(&place.path("DIR")).expect("is readable").keys() {
        let path = host::host_path(&place.path("DIR"), path);
        let touched = Command::new("touch").args(touch).arg(path).status();
        assert!(touched.expect("there is a touch").success());
    }
    place
}

/// A policy for that source, at two places.
const CONTEXTS: &str = "\
/.*                     system_u:object_r:root_t:s0
/(vendor/)?usr(/.*)?    system_u:object_r:usr_t:s0
/(vendor/)?usr/bin/.*   -- system_u:object_r:bin_t:s0
/etc/passwd-?           system_u:object_r:passwd_t:s0
";

/// The labels that it gives the source, mounted at `mount_point`.
fn labels(mount_point: &str) -> BTreeMap<&'static str, &'static str> {
    let passwd = match mount_point {
        "" => "system_u:object_r:passwd_t:s0",
        _ => "system_u:object_r:root_t:s0",
    };
    let root = "system_u:object_r:root_t:s0";
    let usr = "system_u:object_r:usr_t:s0";
    BTreeMap::from([
        ("/", root),
        ("/empty", root),
        ("/etc", root),
        ("/etc/link", root),
        ("/etc/passwd", passwd),
        ("/etc/passwd-", passwd),
        ("/usr", usr),
        ("/usr/bin", usr),
        ("/usr/bin/tool", "system_u:object_r:bin_t:s0"),
        ("/usr/share", usr),
        ("/usr/share/doc", usr),
        ("/usr/share/doc/same", usr),
        ("/usr/share/doc/text", usr),
        ("/var", root),
        ("/var/empty", root),
    ])
}

/// The paths that the regular expressions of lines leave out, by caller.
const GONE: &[(&str, &[&str])] = &[
    ("a NixOS module of 2022", &["/var", "/usr/share/doc/same"]),
    ("kiwi, by LZ4", &["/var/empty"]),
    ("kiwi", &["/usr/share/doc", "/var/empty", "/empty", "/etc/link"]),
    ("osbuild", &["/var/empty", "/etc/link"]),
];

pub(crate) const UUID: &str = "eb176051-bd15-49b7-9e6b-462e0b467019";

/// Lines that need no archive and no compression but by LZ4, by caller. HINTS and
/// FC are files that the test makes.
const LINES: &[(&str, &str)] = &[
    (
        "a NixOS module of 2022",
        "--force-uid=0 --force-gid=0 -L nix-store -U {UUID} -T 0 --exclude-regex=^(var|.*/doc/same$) IMG DIR",
    ),
    ("microvm.nix, uncompressed", "-T 0 --all-root -L nix-store --mount-point=/nix/store IMG DIR"),
    ("systemd-repart", "-U {UUID} --quiet IMG DIR"),
    // The words after the source are from $SYSTEMD_REPART_MKFS_OPTIONS_EROFS, which
    // systemd splits at blanks.
    (
        "systemd-repart, options of the environment",
        "-U {UUID} --quiet IMG DIR --hard-dereference   --all-root -T 1700000000",
    ),
    (
        "mkosi, options of the environment",
        "-U {UUID} --quiet -zlz4hc,level=12 IMG DIR -Efragments,dedupe -C65536",
    ),
    ("containerd", "--quiet -Enoinline_data IMG DIR"),
    (
        "containerd, layers of a fixed size",
        "--quiet -Enoinline_data -b4096 -U {UUID} -T0 --mkfs-time IMG DIR",
    ),
    ("kata", "-zlz4hc -Enoinline_data IMG DIR"),
    ("systemd-repart, compressed", "-U {UUID} --quiet -zlz4hc,level=12 IMG DIR"),
    ("containerd, compressed", "--quiet -Enoinline_data -zlz4 -C 65536 IMG DIR"),
    ("Yocto, compressed", "-zlz4 IMG DIR"),
    ("Yocto, compressed more", "-zlz4hc IMG DIR"),
    ("osbuild, compressed", "IMG DIR --quiet -z lz4 -E ztailpacking -C 65536"),
    (
        "microvm.nix",
        "-zlz4hc -Eztailpacking -Efragments -T 0 --all-root -L nix-store --mount-point=/nix/store IMG DIR",
    ),
    (
        "Flatcar",
        "-zlz4hc,12 -C65536 -Efragments,ztailpacking -U00000000-0000-0000-0000-000000000000 --all-root IMG DIR",
    ),
    ("Fedora CoreOS, which names no algorithm", "-Efragments IMG DIR"),
    ("Fedora CoreOS, before", "IMG DIR --quiet -z lz4hc -E all-fragments,fragdedupe=inode"),
    (
        "kiwi, by LZ4",
        "-Eall-fragments,fragdedupe=inode -C 1048576 -z lz4hc,level=6 --exclude-regex=^var/.*$ -L KIWI IMG DIR",
    ),
    (
        "buildroot",
        "-zlz4hc,9 --compress-hints HINTS -T 1700000000 -U 00000000-0000-0000-0000-000000000000 -C65536 -Ededupe -Efragments -Eall-fragments -Eztailpacking IMG DIR",
    ),
    (
        "avocado, compressed",
        "-U 00000000-0000-0000-0000-000000000000 -x -1 --all-root -zlz4 IMG DIR",
    ),
    ("lorax, by LZ4", "IMG DIR -z lz4hc -Ededupe,all-fragments -C 65536"),
    ("lorax, uncompressed", "IMG DIR -Ededupe,all-fragments"),
    (
        "microvm.nix, before",
        "-zlz4hc -Ededupe -Eztailpacking -Efragments -T 0 --all-root -L nix-store IMG DIR",
    ),
    ("several algorithms", "-z lz4:lz4hc,12 -C65536 --max-extent-bytes=131072 IMG DIR"),
    ("Bottlerocket", "--file-contexts=FC --all-root -T 1700000000 -z lz4hc,12 -C 262144 IMG DIR"),
    (
        "Android, without owners",
        "-z lz4hc,9 --compress-hints HINTS -b 4096 --mount-point /vendor --file-contexts FC -T 1700000000 -U {UUID} -C 65536 -E legacy-compress IMG DIR",
    ),
    ("osbuild", "IMG DIR --quiet --exclude-regex var/.* --exclude-regex ^etc/link$"),
    ("osbuild, packed", "IMG DIR --quiet -z lz4hc,9 -E all-fragments,force-inode-compact -T0"),
    ("osbuild, shared", "IMG DIR --quiet -z lz4 -E dedupe -C 131072"),
    ("linglong", "-zlz4hc,9 -b4096 IMG DIR"),
    (
        "archiso, compressed",
        "--quiet -U 87f8f9ba-2c2a-5d4b-8f3c-000000000000 -zlz4hc,12 -E ztailpacking -- IMG DIR",
    ),
    ("initos", "--all-root --force-uid=0 -T0 -zlz4 IMG DIR"),
    (
        "kiwi",
        "-Eall-fragments,fragdedupe=inode -C 1048576 -z lz4hc,level=6 --exclude-regex=^usr/share/doc$ --exclude-regex=^usr/share/doc/.*$ --exclude-regex=^var/.*$ --exclude-regex=(^|/)(empty|link)$ IMG DIR",
    ),
    ("buildroot, two algorithms", "-zlz4hc,12:lz4 -T 1700000000 -C65536 IMG DIR"),
    ("AOSP, in chunks", "-z lz4 --chunksize 4096 -b 4096 -T 1700000000 -U {UUID} IMG DIR"),
    ("podman's driver, uncompressed", "-x1 --all-root -U clear -T 0 IMG DIR"),
    ("Yocto", "IMG DIR"),
    ("avocado", "-U 00000000-0000-0000-0000-000000000000 -x -1 --all-root IMG DIR"),
    ("archiso, uncompressed", "-U 87f8f9ba-2c2a-5d4b-8f3c-000000000000 -- IMG DIR"),
    ("buildroot, uncompressed", "-T 1700000000 -U 00000000-0000-0000-0000-000000000000 IMG DIR"),
    ("OpenWrt, uncompressed", "-Uclear --all-root -T1700000000 --ignore-mtime -x-1 IMG DIR"),
    (
        "Android, uncompressed",
        "-b 4096 --mount-point /vendor -T 1700000000 -U {UUID} --chunksize 4096 IMG DIR",
    ),
    (
        "ghaf, uncompressed",
        "-T 0 --all-root -L nix-store --mount-point=/nix/store --workers=4 IMG DIR",
    ),
    (
        "ghaf",
        "-Eztailpacking -Efragments --workers=4 -zzstd,3 -E48bit -T 0 --all-root -L nix-store IMG DIR",
    ),
    ("ghaf, image", "-zzstd -T 1 --all-root -L nix-store IMG --hard-dereference DIR"),
    ("systemd-repart, by zstd", "-U {UUID} --quiet -zzstd,level=12 IMG DIR"),
    ("containerd, by zstd", "--quiet -C 65536 -zzstd IMG DIR"),
    ("image-builder", "IMG DIR --quiet -z lzma -E dedupe,all-fragments -C 131072"),
    ("lorax", "IMG DIR -z zstd,8 -Ededupe,all-fragments -C 65536"),
    ("kiwi, by LZMA", "-Eall-fragments,fragdedupe=inode -C 1048576 -z lzma,level=6 IMG DIR"),
    (
        "buildroot, by LZMA",
        "-zlzma,6 --compress-hints HINTS -T 1700000000 -C65536 -Ededupe IMG DIR",
    ),
    ("buildroot, by deflate", "-zdeflate,9 -T 1700000000 -C65536 IMG DIR"),
    ("libdeflate", "-zlibdeflate,12 -Eztailpacking IMG DIR"),
    (
        "OpenWrt",
        "-C262144 -Efragments,dedupe,ztailpacking -Uclear --all-root -T1700000000 --ignore-mtime -x-1 -zlzma,109 IMG DIR",
    ),
    ("archiso", "-U 87f8f9ba-2c2a-5d4b-8f3c-000000000000 -zlzma,109 -E ztailpacking -- IMG DIR"),
    (
        "several algorithms of all kinds",
        "-zlz4hc,12:zstd,15 -C65536 --compress-hints HINTS2 IMG DIR",
    ),
];

#[test]
fn callers_lines_give_the_tree_that_mkfs_erofs_gives() {
    if !have(Oracle::KernelMount) {
        return;
    }
    let place = place();
    place.file("HINTS", "# sizes\n4096 \\.so$\n0 share/doc/.*text\n16384 0 usr/bin/\n");
    place.file("HINTS2", "65536 1 \\.so$\n16384 0 usr/bin/\n");
    place.file("FC", CONTEXTS);
    let source = host::snapshot(&place.path("DIR")).expect("is readable");
    let peer = have(Oracle::Mkfs).then(|| tools::program("mkfs.erofs").expect("is there"));
    for (caller, line) in LINES {
        let line = line.replace("{UUID}", UUID);
        let run = |program: &Path| Run::of(place.command_of(program).args(line.split_whitespace()));
        let tree = |run: Run| -> Snapshot {
            assert_eq!(run.code(), Some(0), "{caller}: {run:?}");
            let mount = KernelMount::new(&place.path("IMG")).expect("is an image");
            let tree = host::snapshot(mount.path()).expect("is readable");
            fs::remove_file(place.path("IMG")).expect("was written");
            tree
        };
        let ours = tree(run(Path::new(PROGRAM)));
        let gone = GONE.iter().find(|(name, _)| name == caller).map_or(&[][..], |(_, gone)| gone);
        let mount_point = if line.contains("/vendor") { "/vendor" } else { "" };
        let labels = line.contains("--file-contexts").then(|| labels(mount_point));
        let expected = expected::tree(&source, &line, gone, labels.as_ref());
        let wrong = |text| panic!("{caller}: {text}");
        diff(&expected, &ours, Compare::ALL).unwrap_or_else(wrong);
        if let Some(peer) = &peer {
            let run = run(peer);
            // 1.9.4 does not survive a hint of another pcluster size beside
            // -E all-fragments.
            if run.was_killed_by().is_none() || !line.contains("HINTS") {
                diff(&tree(run), &ours, Compare::ALL).unwrap_or_else(wrong);
            }
        }
    }
}

/// buildroot packs inside fakeroot, by which files have owners and devices that the
/// host does not have.
#[test]
fn what_fakeroot_shows_is_what_is_packed() {
    if !have(Oracle::Fakeroot) || !have(Oracle::KernelMount) {
        return;
    }
    let place = place();
    place.folder("DIR/dev");
    let script = r#"
        chown -h -R 0:0 DIR && chown 1000:100 DIR/empty && chmod 2755 DIR/var
        mknod -m 600 DIR/dev/console c 5 1
        "$@" -zlz4hc,12:lz4 -T 1700000000 -U 00000000-0000-0000-0000-000000000000 IMG DIR
    "#;
    let mut command = place.command_of("fakeroot");
    command.args(["--", "sh", "-euc", script, "sh", PROGRAM]);
    let run = Run::of(&mut command);
    assert_eq!(run.code(), Some(0), "{run:?}");
    let mount = KernelMount::new(&place.path("IMG")).expect("is an image");
    let tree = host::snapshot(mount.path()).expect("is readable");
    let entry = |path: &str| &tree[path.as_bytes()];
    assert_eq!((entry("/empty").uid, entry("/empty").gid), (1000, 100));
    let owners = tree.iter().filter(|(path, _)| *path != b"/empty");
    assert!(owners.clone().all(|(_, entry)| (entry.uid, entry.gid) == (0, 0)), "{tree:?}");
    assert_eq!(entry("/var").mode & 0o7777, 0o2755);
    assert_eq!(entry("/dev/console").kind, Kind::CharDevice);
    assert_eq!(entry("/dev/console").mode & 0o7777, 0o600);
    assert_eq!(entry("/dev/console").mtime_sec, 1_700_000_000);
}

/// dracut packs a folder into an image inside of it, in one that is left out.
#[test]
fn an_image_inside_its_source_is_made_where_it_is_left_out() {
    if !have(Oracle::KernelMount) {
        return;
    }
    let place = place();
    let before = host::snapshot(&place.path("DIR")).expect("is readable");
    place.folder("DIR/squash_root");
    for compressed in ["-z lz4hc ", ""] {
        let image = "DIR/squash_root/erofs-root.img";
        let run =
            place.run(&format!("--exclude-path=squash_root -E fragments {compressed}{image} DIR"));
        assert_eq!(run.code(), Some(0), "{run:?}");
        let mount = KernelMount::new(&place.path(image)).expect("is an image");
        let mut tree = host::snapshot(mount.path()).expect("is readable");
        // The folder with the image has made it newer.
        let root = tree.get_mut(&b"/"[..]).expect("is there");
        (root.mtime_sec, root.mtime_nsec) = (before[&b"/"[..]].mtime_sec, 0);
        diff(&before, &tree, Compare::ALL).unwrap_or_else(|text| panic!("{text}"));
    }
}

#[test]
fn identities_are_those_that_were_asked_for() {
    if !have(Oracle::Blkid) {
        return;
    }
    let place = place();
    let found = |line: &str| {
        place.run(line).succeeded();
        tools::blkid(&place.path("IMG")).expect("is recognised")
    };
    let of = found(&format!("-U {UUID} --quiet IMG DIR -L some-label"));
    assert_eq!((of["UUID"].as_str(), of["LABEL"].as_str()), (UUID, "some-label"));
    for none in ["-Uclear", "-U 00000000-0000-0000-0000-000000000000"] {
        assert!(!found(&format!("{none} IMG DIR")).contains_key("UUID"), "{none}");
    }
}

/// With the fork of mkfs.erofs that has this flag, and with ours.
#[test]
fn the_list_of_a_closure_with_the_flags_of_ghaf_gives_the_tree_of_mkfs_erofs() {
    if !have(Oracle::Mkfs) || !have(Oracle::KernelMount) {
        return;
    }
    let place = place();
    let store = place.path("DIR").display().to_string();
    place.file("list", format!("{store}/usr\n{store}/etc\n{store}/empty\n"));
    let line = "-T 1 --all-root --workers=2 -L nix-store IMG --hard-dereference --nix-closure list";
    place.run(line).succeeded();
    tools::mkfs(
        ["-T1", "--all-root", "-x-1", "--hard-dereference", "--exclude-path=var"]
            .map(std::ffi::OsString::from)
            .into_iter()
            .chain(["THEIRS", "DIR"].map(|path| place.path(path).into())),
    )
    .expect("makes an image");
    let [ours, theirs] = ["IMG", "THEIRS"].map(|image| {
        let mount = KernelMount::new(&place.path(image)).expect("is an image");
        host::snapshot(mount.path()).expect("is readable")
    });
    diff(&theirs, &ours, Compare::ALL).unwrap_or_else(|text| panic!("{text}"));
}

/// Lines that are refused, each with the flag that is named: the first one that is not
/// built.
const REFUSED: &[(&str, &str, &str)] = &[
    (
        "Android",
        "-z lz4hc,9 --compress-hints F -b 4096 --mount-point /m --product-out D --fs-config-file F IMG DIR",
        "--product-out",
    ),
    ("Android, owners", "--product-out=D --fs-config-file=F IMG DIR", "--product-out"),
    ("Android, owners of files", "--fs-config-file=F IMG DIR", "--fs-config-file"),
    ("Android, blocks", "--block-list-file=F IMG DIR", "--block-list-file"),
];

#[test]
fn callers_lines_that_cannot_be_served_are_refused_by_the_name_of_a_flag() {
    let place = place();
    for (caller, line, flag) in REFUSED {
        let message = refusal_of(&place, 2, &line.replace("{UUID}", UUID));
        let why = message.strip_prefix(&format!("{flag}: ")).unwrap_or_default();
        assert!(!why.is_empty(), "{caller}: {message}");
        assert!(why.ends_with("not built yet") || why.starts_with("this tool"), "{why}");
    }
}

/// containerd and osbuild set a folder for temporary files: nothing is left there.
#[test]
fn a_folder_for_temporary_files_stays_empty() {
    let place = place();
    place.folder("tmp");
    let lines = ["-Efragments -zlz4hc IMG DIR", "--quiet -Enoinline_data IMG DIR"];
    for line in lines {
        let mut command = place.command();
        command.args(line.split(' ')).env("TMPDIR", place.path("tmp"));
        assert_eq!(Run::of(&mut command).code(), Some(0), "{line}");
        assert!(place.names("tmp").is_empty(), "{line}");
    }
}

#[test]
fn kata_finds_the_names_of_flags_in_the_program() {
    let program = fs::read(PROGRAM).expect("is there");
    for name in [&b"\0mkfs-time\0"[..], b"\0sort\0"] {
        assert!(program.windows(name.len()).any(|bytes| bytes == name), "{name:?}");
    }
}

/// containerd asks for the help to find out whether there is a tar mode.
#[test]
fn the_help_offers_archives_and_no_flag_that_is_refused() {
    let run = Place::new().run("--help");
    run.succeeded();
    assert!(run.stdout.contains("--tar="), "{}", run.stdout);
    for flag in ["--zfeature-bits", "--product-out", "--blobdev", "--s3"] {
        let offered = |line: &str| {
            line.trim_start()
                .strip_prefix(flag)
                .is_some_and(|rest| rest.starts_with([' ', '=', '[']))
        };
        assert!(!run.stdout.lines().any(offered), "{flag}");
    }
}
