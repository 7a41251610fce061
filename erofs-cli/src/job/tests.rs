//! Command lines of today's callers of mkfs.erofs, and what single flags do.

use erofs_writer::codec::lz4::Level;
use erofs_writer::source::ImageData;
use erofs_writer::{
    BlockSize, ChunkSize, Codec, InodeForm, Label, PclusterSize, Uuid, XattrPrefix,
};

use super::*;
use crate::archive::Said;

mod metadata;

const UUID: &str = "c1b9d5a2-f162-11cf-9ece-0020afc76f16";

fn parse(line: &str) -> Result<Job, UsageError> {
    parse_at(line, None)
}

fn parse_at(line: &str, epoch: Option<&str>) -> Result<Job, UsageError> {
    crate::parse(line.split_whitespace().map(OsString::from), epoch.map(OsString::from))
}

fn job(line: &str) -> Job {
    parse(line).unwrap_or_else(|error| panic!("{line}: {error}"))
}

fn refusal(line: &str) -> String {
    let error = parse(line).map(|job| panic!("{line}: {job:?}")).expect_err("just seen");
    let text = error.to_string();
    let source = std::error::Error::source(&error).map(|source| format!(": {source}"));
    // The first line of a message of the parser is enough.
    let first = text.lines().next().unwrap_or_default();
    format!("{first}{}", source.unwrap_or_default())
}

/// The default options for a directory.
fn defaults() -> Options {
    Options::new()
}

fn label(label: &str) -> Label {
    Label::new(label).expect("short")
}

fn uuid(uuid: &str) -> ImageUuid {
    ImageUuid::Fixed(Uuid::parse_str(uuid).expect("is one"))
}

fn layers(path: &str) -> Source {
    let (data, paths) = (ImageData::Leave, vec![path.into()]);
    Source::Layers { paths, data, has_block_size: false, converts_aufs: false }
}

#[test]
fn callers_that_use_no_compression_get_the_right_job() {
    let directory = |path: &str| layers(path);

    // Systems built with Nixpkgs before 2023, and some still.
    let line = "--force-uid=0 --force-gid=0 -L nix-store \
                -U eb176051-bd15-49b7-9e6b-462e0b467019 -T 0 --exclude-regex=^([^a]|(a([^b]))) \
                IMG .";
    let found = job(line);
    assert_eq!(found.source, directory("."));
    assert_eq!(found.output, PathBuf::from("IMG"));
    assert_eq!(found.options, Options::store_image().xattr_share_above(2));
    assert_eq!((found.owners.user.force, found.owners.group.force), (Some(0), Some(0)));
    assert_eq!((found.build_time, found.file_times), (BuildTime::At(0), FileTimes::Build));
    assert!(!found.excludes.keep(b"b") && found.excludes.keep(b"ab"));

    // microvm.nix, without its compression.
    let found = job("-T 0 --all-root -L nix-store --mount-point=/nix/store IMG store");
    assert_eq!(found.options, defaults().label(label("nix-store")));
    assert_eq!((found.owners.user.force, found.owners.group.force), (Some(0), Some(0)));

    // systemd-repart, with the words of a variable after the positional arguments.
    let found = job(&format!("-U {UUID} --quiet IMG ROOT --hard-dereference -b 4096"));
    assert!(matches!(&found.source, Source::Layers { paths, has_block_size: true, .. }
        if paths == &[PathBuf::from("ROOT")]));
    assert_eq!(found.hard_links, HardLinks::Ignore);
    assert_eq!(found.report.summary, Summary::Nothing);
    assert_eq!(found.options, defaults().uuid(uuid(UUID)));

    // systemd-repart with its compression, and other callers with theirs.
    let compressed = |level, size: Option<u32>| {
        let options = defaults().codec(Codec::Lz4(Level::new(level).expect("is one")));
        match size {
            Some(size) => options.pcluster_size(PclusterSize::new(size).expect("is one")),
            None => options,
        }
    };
    assert_eq!(
        job("-U clear -zlz4hc,level=12 IMG R").options,
        compressed(12, None).uuid(ImageUuid::None)
    );
    assert_eq!(job("-zlz4 IMG DIR").options, compressed(0, None));
    assert_eq!(job("-C 262144 -z lz4hc,12 IMG DIR").options, compressed(12, Some(262_144)));
    assert_eq!(
        job("-C64k -zlz4hc -Elegacy-compress I D").options,
        compressed(9, Some(65_536)).full_indexes(true)
    );
    let notes = job("-C65536 IMG DIR").notes;
    assert_eq!(notes, ["-C: without -z nothing is compressed"]);

    // containerd, a directory.
    let found = job("--quiet -Enoinline_data IMG DIR");
    assert_eq!(found.options, defaults().inline_data(false));
}

#[test]
fn callers_that_change_owners_times_or_excludes_get_the_right_job() {
    // osbuild.
    let found = job("IMG SRC --quiet --exclude-regex ^boot/ --exclude-regex ^proc/");
    assert!(!found.excludes.keep(b"proc/1") && found.excludes.keep(b"proc"));

    // archiso.
    let source = layers("-dir");
    assert_eq!(job(&format!("-U {UUID} -- IMG -dir")).source, source);

    // avocado.
    let found = job("-U 00000000-0000-0000-0000-000000000000 -x -1 --all-root IMG DIR");
    assert_eq!(found.options, defaults().uuid(ImageUuid::None).xattr_share_above(0));
    assert!(!found.xattrs);

    // OpenWrt, without its compression.
    let found = job("-Uclear --all-root -T1700000000 --ignore-mtime -x-1 IMG DIR");
    assert_eq!(
        (found.build_time, found.file_times),
        (BuildTime::At(1_700_000_000), FileTimes::Build)
    );
    assert!(!found.xattrs);

    // Yocto.
    let found = job("IMG DIR");
    assert_eq!(found.options, defaults());
    assert_eq!((found.build_time, found.file_times), (BuildTime::None, FileTimes::Keep));
    assert_eq!(found.hard_links, HardLinks::Keep);
    assert!(found.xattrs);
}

#[test]
fn callers_that_use_what_is_not_built_are_told_its_name() {
    for (line, expected) in [
        (
            "-z lz4 --compress-hints F -b 4096 --mount-point M --product-out D IMG DIR",
            "--product-out: this tool does not do what only Android needs",
        ),
        (
            "--tar META BLOB1 BLOB2",
            "BLOB2: only directories and an image can be laid over each other",
        ),
        ("--oci IMG", "--oci: this tool reads no network; fetch the files first"),
        (
            "--incremental=data IMG DIR",
            "--incremental: this tool never changes an image; it writes a new one",
        ),
    ] {
        assert_eq!(refusal(line), expected, "{line}");
    }
}

#[test]
fn archives_come_from_a_file_or_from_standard_input() {
    let source = |line: &str| job(line).source;
    let tar = |file: Option<&str>, said, converts_aufs| Source::Tar {
        file: file.map(PathBuf::from),
        said,
        converts_aufs,
        index: false,
    };
    let nixpkgs = "--quiet --force-uid=0 -L nix-store -T 0 --hard-dereference --tar=f IMG";
    assert_eq!(source(nixpkgs), tar(None, None, false));
    assert_eq!(job(nixpkgs).hard_links, HardLinks::Ignore);
    assert_eq!(job("--tar IMG").hard_links, HardLinks::Keep);
    let containerd = "--tar=f --aufs --quiet -Enoinline_data -b4096 --sort=none -U clear IMG";
    assert_eq!(source(containerd), tar(None, None, true));
    let last = "--tar=f --ungzip --unxz IMG FILE";
    assert_eq!(source(last), tar(Some("FILE"), Some(Said::Xz), false));
    let last = "--tar=f --unlzma --gzip IMG FILE";
    assert_eq!(source(last), tar(Some("FILE"), Some(Said::Gzip), false));
    assert!(job("--tar --ovlfs-strip IMG").strips_overlay);
    let containerd = "--tar=i --aufs --quiet --sort=none -U clear IMG";
    let index = Source::Tar { file: None, said: None, converts_aufs: true, index: true };
    assert_eq!(source(containerd), index);
    let block_size = BlockSize::new(512).expect("is one");
    assert_eq!(job("--tar=i IMG").options, defaults().block_size(block_size));
    let containerd = "--tar=i --aufs --quiet -b4096 -T0 --mkfs-time --sort=none -U clear IMG";
    assert_eq!(source(containerd), index);
    let options = defaults().block_size(block_size).uuid(ImageUuid::None);
    assert_eq!(job(containerd).options, options);
    assert!(!job("--ovlfs-strip=0 IMG DIR").strips_overlay);
}

/// Callers send some flags with every mode, and mkfs.erofs takes them.
#[test]
fn what_an_index_has_no_use_for_is_noted_and_changes_nothing() {
    let index = || defaults().block_size(BlockSize::new(512).expect("is one"));
    let without = "an index has no contents of files";
    for (flag, shown) in [
        ("-z lz4", "-z lz4"),
        ("-zzstd,level=3", "-z zstd,level=3"),
        ("-C65536", "-C 65536"),
        ("--max-extent-bytes=1", "--max-extent-bytes=1"),
        ("--compress-hints=F", "--compress-hints=F"),
        ("--chunksize=4096", "--chunksize=4096"),
        ("--dsunit=8", "--dsunit=8"),
        ("-Ededupe", "-E dedupe"),
        ("-Eforce-inode-blockmap", "-E force-inode-blockmap"),
        ("-Elegacy-compress", "-E legacy-compress"),
        ("-Efragments", "-E fragments"),
    ] {
        let found = job(&format!("--tar=i {flag} IMG"));
        assert_eq!(found.notes, [format!("{shown}: {without}")], "{flag}");
        assert!(found.options == index() && found.hints.is_none(), "{flag}");
    }
    let found = job("--tar=i -b 4k IMG");
    let note = "-b 4096: an index has the blocks of its archive, of 512 bytes";
    assert_eq!((found.notes, found.options), (vec![note.to_owned()], index()));
    assert!(job("--tar=i -b512 --dsunit=1 -E^dedupe IMG").notes.is_empty());
    let nosbcrc = job("--tar=i -Enosbcrc,legacy-compress IMG");
    assert_eq!(nosbcrc.options, index().checksum(false));
    assert_eq!(refusal("--tar=i --unxz IMG"), "--tar=i contradicts --unxz");
}

#[test]
fn values_may_be_attached_or_not_and_the_last_one_wins() {
    for line in
        ["-b4096 -x-1 -T5 IMG DIR", "-b 4k -x -1 -T 0x5 IMG DIR", "IMG -T7 -x9 -T 5 DIR -x -1"]
    {
        let found = job(line);
        assert_eq!(found.build_time, BuildTime::At(5), "{line}");
        assert!(!found.xattrs, "{line}");
    }
    assert_eq!(job("-L a -L b I D").options, defaults().label(label("b")));
    assert_eq!(job("-L -b I D").options, defaults().label(label("-b")), "as getopt reads it");
    assert_eq!(job("--hard-d --exclude-reg=x I D").hard_links, HardLinks::Ignore);
    assert_eq!(job("--quiet --quiet I D").report.summary, Summary::Nothing);
}

#[test]
fn layout_flags_set_the_options_of_their_name() {
    let line = "-b 0x2000 --chunksize=65536 --dsunit 8 --fsalignblks=16 --offset=4096 \
                --root-xattr-isize=64 --xattr-prefix=user.a. --xattr-prefix user.b. --workers 3 \
                -x 010 --clean --clean=data IMG DIR";
    let prefix = |text: &str| XattrPrefix::new(text).expect("is one");
    let options = defaults()
        .block_size(BlockSize::new(8192).expect("is one"))
        .chunk_size(ChunkSize::new(65536).expect("is one"))
        .data_alignment(8)
        .and_then(|options| options.image_alignment(16))
        .and_then(|options| options.offset(4096))
        .and_then(|options| options.root_xattr_len(64))
        .and_then(|options| options.xattr_prefixes([prefix("user.a."), prefix("user.b.")]))
        .expect("all can be")
        .xattr_share_above(8);
    assert_eq!(job(line).options, options);
    assert_eq!(job(line).threads, NonZeroUsize::new(3));
    assert_eq!(job("-x 2147483647 I D").options, defaults().xattr_share_above(u32::MAX));
    assert_eq!(
        job("-Eforce-inode-extended I D").options,
        defaults().inode_form(InodeForm::Extended)
    );
}

#[test]
fn times_are_treated_as_the_peer_treats_them() {
    use BuildTime::{At, Now};
    let times = |line: &str, epoch: Option<&str>| {
        let found = parse_at(&format!("{line} I D"), epoch).expect("is a job");
        (found.build_time, found.file_times)
    };
    let none = (BuildTime::None, FileTimes::Keep);
    assert_eq!(times("", None), none);
    assert_eq!(times("--mkfs-time", None), none);
    assert_eq!(times("-T9", None), (At(9), FileTimes::Build));
    assert_eq!(times("-T9 --mkfs-time", None), (At(9), FileTimes::Keep));
    assert_eq!(times("-T9 --mkfs-time --all-time", None), (At(9), FileTimes::Build));
    assert_eq!(times("-T9 --all-time --mkfs-time", None), (At(9), FileTimes::Keep));
    assert_eq!(times("-T9 --mkfs-time --ignore-mtime", None), (At(9), FileTimes::Build));
    assert_eq!(times("--all-time", None), (Now, FileTimes::Build));
    assert_eq!(times("--ignore-mtime", None), (Now, FileTimes::Build));
    assert_eq!(times("--ignore-mtime --preserve-mtime", None), none);
    assert_eq!(times("--preserve-mtime --ignore-mtime", None), (Now, FileTimes::Build));
    assert_eq!(times("-Eforce-inode-compact", None), (Now, FileTimes::Build));
    assert_eq!(times("-Eforce-inode-compact --preserve-mtime", None), none);
    assert_eq!(times("--preserve-mtime -Eforce-inode-compact", None), (Now, FileTimes::Build));
    assert_eq!(times("", Some("7")), (At(7), FileTimes::Clamp));
    assert_eq!(times("", Some("")), (At(0), FileTimes::Clamp));
    assert_eq!(times("", Some("0010")), (At(10), FileTimes::Clamp), "never octal");
    assert_eq!(times("-T9", Some("7")), (At(7), FileTimes::Clamp));
    assert_eq!(times("-T9 --mkfs-time", Some("7")), (At(7), FileTimes::Clamp));
    assert_eq!(times("--ignore-mtime", Some("7")), (At(7), FileTimes::Build));
    for wrong in ["x", "-1", "1.5", " 1", "0x10", "9223372036854775808"] {
        let error = parse_at("I D", Some(wrong)).expect_err("no time").to_string();
        assert_eq!(error, format!("invalid value '{wrong}' for 'SOURCE_DATE_EPOCH'"));
    }
}

#[test]
fn of_owner_flags_the_last_one_wins() {
    let forced = |line: &str| {
        let owners = job(&format!("{line} I D")).owners;
        (owners.user.force, owners.group.force)
    };
    assert_eq!(forced("--force-uid=5 --all-root"), (Some(0), Some(0)));
    assert_eq!(forced("--all-root --force-uid=5"), (Some(5), Some(0)));
    assert_eq!(forced("--force-gid=5"), (None, Some(5)));
    let owners = job("--force-uid 1 --uid-offset=0x10 --gid-offset 020 I D").owners;
    assert_eq!(owners.user, Owner { force: Some(1), offset: 16 });
    assert_eq!(owners.group, Owner { force: None, offset: 16 });
    assert_eq!(job("--uid-offset=-100000 I D").owners.user.offset, -100_000);
}

#[test]
fn store_mode_has_its_own_defaults() {
    let store = |list: &str, store: Option<&str>, keep_times| Source::Store {
        list: list.into(),
        store: store.map(PathBuf::from),
        keep_owners: false,
        keep_times,
    };
    let found = job("--store-paths LIST IMG");
    assert_eq!(found.source, store("LIST", None, false));
    assert_eq!(found.hard_links, HardLinks::Ignore);
    assert!(!found.xattrs);
    assert_eq!((found.build_time, found.file_times), (BuildTime::At(0), FileTimes::Build));
    let options = Options::store_image().xattr_share_above(2);
    assert_eq!(found.options, options);

    let line =
        "--nix-closure - IMG STORE -x 2 -L other -Uclear -T1 --force-uid=3 --strip-case-hack";
    let found = job(line);
    assert_eq!(found.source, store("-", Some("STORE"), false));
    assert!(found.xattrs && found.strip_case_hack);
    assert_eq!((found.build_time, found.file_times), (BuildTime::At(1), FileTimes::Build));
    assert_eq!(found.options, defaults().label(label("other")).uuid(ImageUuid::None));
    assert_eq!(found.owners.user.force, Some(3));

    let found = parse_at("--store-paths L I -T1", Some("7")).expect("is a job");
    assert_eq!((found.build_time, found.file_times), (BuildTime::At(1), FileTimes::Build));
    let found = parse_at("--store-paths L I --preserve-mtime", Some("7")).expect("is a job");
    assert_eq!(found.source, store("L", None, true));
    assert_eq!((found.build_time, found.file_times), (BuildTime::At(7), FileTimes::Clamp));
}

#[test]
fn each_default_of_store_mode_has_a_flag_that_changes_it() {
    let line = "--store-paths L I --keep-owners --preserve-mtime --keep-hard-links -x2 \
                --root-mode=1775 -L a -Urandom";
    let found = job(line);
    let store = None;
    let source = Source::Store { list: "L".into(), store, keep_owners: true, keep_times: true };
    assert_eq!(found.source, source);
    assert_eq!((found.hard_links, found.root_mode), (HardLinks::Keep, Some(0o1775)));
    assert!(found.xattrs && found.random_uuid && found.notes.is_empty());
    assert_eq!((found.build_time, found.file_times), (BuildTime::None, FileTimes::Keep));
    assert_eq!(job("--store-paths L I").root_mode, None);
    let notes = job("--keep-owners --keep-hard-links I D").notes;
    let note = "without --store-paths they are kept anyway";
    assert_eq!(notes, [format!("--keep-hard-links: {note}"), format!("--keep-owners: {note}")]);
    let links = |line: &str| job(&format!("{line} --store-paths L I")).hard_links;
    assert_eq!(links("--keep-hard-links --hard-dereference"), HardLinks::Ignore);
    assert_eq!(links("--hard-dereference --keep-hard-links"), HardLinks::Keep);
    for mode in ["", "8", "0o755", "10000", "-1", "rwx", "+755"] {
        let found = refusal(&format!("--root-mode={mode} I D"));
        assert!(found.contains("--root-mode"), "{mode}: {found}");
    }
}

#[test]
fn values_that_cannot_be_used_are_refused_with_their_flag() {
    for (line, expected) in [
        ("-L 1234567890123456 I D", "'-L <LABEL>': a label has at most 15 bytes"),
        ("-U nope I D", "'-U <UUID>': must be 'clear', 'random' or a UUID"),
        ("-U c1b9d5a2-f162-11cf-9ece-0020afc76f1g I D", "'-U <UUID>': "),
        ("-b 4095 I D", "'-b <SIZE>': the block size must be a power of two"),
        ("-b 128k I D", "'-b <SIZE>': the block size must be a power of two"),
        ("-b -4096 I D", "'-b <SIZE>': out of range"),
        ("-b x I D", "'-b <SIZE>': not a whole number"),
        ("-d 10 I D", "'-d <0-9>': 10 is not in 0..=9"),
        ("-T -1 I D", "'-T <SECONDS>': out of range"),
        ("-T 18446744073709551615 I D", "'-T <SECONDS>': out of range"),
        ("-x many I D", "'-x <N>': not a whole number"),
        ("--force-uid=-1 I D", "'--force-uid <UID>': out of range"),
        ("--force-gid=4294967295 I D", "'--force-gid <GID>': this number is reserved"),
        ("--uid-offset=4294967296 I D", "'--uid-offset <N>': out of range"),
        ("--gid-offset=-4294967296 I D", "'--gid-offset <N>': out of range"),
        ("--chunksize=5000 I D", "'--chunksize <SIZE>': the chunk size must be a power of two"),
        ("--workers=-1 I D", "'--workers <N>': out of range"),
        ("--xattr-prefix=no I D", "'--xattr-prefix <PREFIX>': an xattr prefix starts with"),
        ("--clean=rvsp I D", "'--clean[=<data>]'"),
        ("-Efragmnts I D", "'-E <WORD,...>': there is no 'fragmnts'; did you mean 'fragments'?"),
        ("-Ezz I D", "'-E <WORD,...>': there is no 'zz'"),
        ("--add-file=a I D", "invalid value 'a' for '--add-file <PATH=FILE>': there is no = in it"),
        (
            "--add-file==b I D",
            "invalid value '=b' for '--add-file <PATH=FILE>': a path is missing before or after the =",
        ),
        ("--exclude-regex=( I D", "invalid value '(' for '--exclude-regex <REGEX>': "),
    ] {
        let found = refusal(line);
        assert!(found.contains(expected), "{line}: {found}");
        assert!(found.starts_with("invalid value '"), "{line}: {found}");
    }
}

#[test]
fn flags_that_contradict_each_other_are_both_named() {
    for (line, first, second) in [
        ("-b 8192 --chunksize 4096 I D", "-b", "--chunksize=4096"),
        ("--file-contexts=A --file-contexts B I D", "--file-contexts=A", "--file-contexts=B"),
        ("-x -1 --file-contexts A I D", "-x -1", "--file-contexts=A"),
    ] {
        let found = refusal(line);
        assert!(found.contains(first) && found.contains(second), "{line}: {found}");
    }
    assert_eq!(refusal(""), "FILE is missing");
    assert_eq!(
        refusal("IMG"),
        "SOURCE (or --store-paths LIST, --tar, --nar or --manifest) is missing"
    );
    assert!(refusal("--store-paths L").contains("FILE is missing"));
    assert!(refusal("--no-such-flag I D").contains("'--no-such-flag'"));
}

#[test]
fn labels_come_from_one_file_and_go_by_where_the_image_is_mounted() {
    let labels = |mount_point: &str| {
        Some(Labels { file: "F".into(), mount_point: mount_point.as_bytes().to_vec() })
    };
    assert_eq!(job("--mount-point=/nix/store I D").labels, None);
    assert_eq!(job("--file-contexts=F I D").labels, labels(""));
    let line = "--file-contexts=F --mount-point /vendor/ --file-contexts F I D";
    assert_eq!(job(line).labels, labels("/vendor/"));
    // The xattrs of a store are ignored. Labels are given all the same.
    let store = job("--store-paths L --file-contexts F I");
    assert!(!store.xattrs && store.labels == labels(""));
}

#[test]
fn flags_without_an_effect_are_noted() {
    assert_eq!(job("--exclude-path=/etc I D").notes.len(), 1);
    assert_eq!(job("-E^nosbcrc I D").notes, ["-E ^nosbcrc: the ^ has no effect"]);
    assert!(job("-E^inline_data --exclude-path=etc/a I D").notes.is_empty());
    let notes = |line: &str| job(&format!("{line} I D")).notes;
    let undone = "-E force-inode-compact: -E force-inode-extended comes later and counts";
    assert_eq!(notes("-Eforce-inode-compact -Eforce-inode-extended"), [undone]);
    let shorter = "--dsunit=512: chunks of 4096 bytes are shorter and are not aligned";
    assert_eq!(notes("--dsunit=512 --chunksize=4096"), [shorter]);
    let shared = "--dsunit=8: files that share blocks by -E dedupe are not aligned";
    assert_eq!(notes("--dsunit=8 -Ededupe"), [shared]);
    assert!(notes("--dsunit=8 -Ededupe -zlz4").is_empty());
    assert!(notes("--dsunit=8 --chunksize=32768").is_empty());
    let pages = "-b 16384: Linux 6.1 can mount this only if its pages have 16384 bytes or more";
    assert_eq!(notes("-b16k --target-kernel=6.1"), [pages]);
    assert!(notes("-b4096 --target-kernel=6.1").is_empty() && notes("-b16k").is_empty());
}

#[test]
fn flags_that_say_what_is_the_case_are_taken() {
    let zones = ["--MZ", "--MZ=0", "--MZ --MZ=0", "--MZ=i", "--MZ=id", "--MZ=di"];
    for line in zones.into_iter().chain(["--zD=0", "--async-queue-limit=4", "--workers=0"]) {
        let found = job(&format!("{line} I D"));
        assert!(found.notes.is_empty(), "{line}");
        assert_eq!(found.options, defaults());
        assert_eq!(found.threads.is_some(), line == "--workers=0");
    }
    assert_eq!(job("--workers=0 I D").threads, Some(NonZeroUsize::MIN));
}

#[test]
fn levels_and_quiet_say_what_is_told() {
    let report = |line: &str| job(&format!("{line} I D")).report;
    let told =
        |summary, progress, notes, phase_times| Report { summary, progress, notes, phase_times };
    let (short, long) = (Summary::Text { details: false }, Summary::Text { details: true });
    assert_eq!(report("-d3"), told(long, true, true, false));
    assert_eq!(report(""), told(short, true, true, false));
    assert_eq!(report("-d0"), told(Summary::Nothing, false, false, false));
    assert_eq!(report("-d 1 --json"), told(Summary::Json, false, false, false));
    assert_eq!(report("-d9"), told(long, true, true, true));
    assert_eq!(report("-d9 --quiet"), told(Summary::Nothing, false, false, false));
    // Callers always send one flag, and their users ask for the other.
    assert_eq!(report("--quiet --json"), told(Summary::Json, false, false, false));
    assert_eq!(report("--no-progress"), told(short, false, true, false));
}
