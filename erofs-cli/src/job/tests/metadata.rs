//! Flags about inodes, directories and the smallest image.

use super::*;

#[test]
fn inodes_and_directories_are_compressed() {
    let options = |line: &str| job(&format!("{line} I D")).options;
    let codec = |text: &str| text.parse::<Codec>().expect("a codec");
    let size = |bytes| PclusterSize::new(bytes).expect("a size");
    let boxed = |text, bytes| defaults().metabox_codec(codec(text)).metabox_pcluster_size(bytes);
    assert_eq!(options("-m4096:lz4"), boxed("lz4", size(4096)));
    assert_eq!(options("-m 64k:zstd,19"), boxed("zstd,19", size(65_536)));
    let both = boxed("lz4", size(4096)).codec(codec("lz4"));
    assert_eq!(options("-zlz4 -m4096"), both);
    assert_eq!(options("-zlz4:zstd,3 -m4096:0"), both);
    let second = boxed("zstd,3", size(4096)).codec(codec("lz4"));
    assert_eq!(options("-zlz4:zstd,3 -m4096:1"), second);
    let directories = defaults().codec(codec("lz4")).compress_directories(true);
    for line in ["-zlz4 --zD", "-zlz4 --zD=1", "-zlz4 --zD=0 --zD"] {
        assert_eq!(options(line), directories, "{line}");
    }
    assert_eq!(options("-zlz4 --zD --zD=0"), defaults().codec(codec("lz4")));
    for (line, message) in [
        ("-m4096", "-m 4096: there is no -z, so name an algorithm, as in -m 4096:lz4"),
        ("-zlz4 -m4096:1", "-m 4096:1: -z has no algorithm 1, as it has 1"),
        ("-m4096:lz5", "invalid value '-m 4096:lz5' for '-m'"),
        ("-zlz4 -m512", "-m 512 contradicts blocks of 4096 bytes (-b)"),
        ("--zD", "--zD: directories are compressed as files or inodes are, so give -z or -m"),
        ("-zlz4 -m4096 -E^48bit", "-m 4096 contradicts -E ^48bit"),
        ("-Edot-omitted,^48bit", "-E dot-omitted contradicts -E ^48bit"),
        ("-E^48bit,dot-omitted", "-E dot-omitted contradicts -E ^48bit"),
        ("--MZ=d", "invalid value 'd' for '--MZ[=<0|i|id>]'"),
    ] {
        let said = refusal(&format!("{line} I D"));
        assert!(said.starts_with(message), "{line}: {said}");
    }
}

#[test]
fn the_smallest_image_is_one_flag() {
    let of = |line: &str| job(&format!("{line} I D"));
    let all = "--small: this is -z lzma,level=109 -C 1048576 -E all-fragments,dedupe,dot-omitted \
               --zD -m 65536:lzma,level=109";
    assert_eq!(of("--small").notes, [all]);
    assert_eq!(of("--small").options, defaults().small());
    let version = |minor| erofs_writer::KernelVersion::new(6, minor);
    let older = of("--small --target-kernel=6.12");
    assert_eq!(older.options, defaults().target_kernel(version(12)).small());
    let note = "--small: this is -z lzma,level=109 -C 1048576 -E all-fragments,dedupe --zD";
    assert_eq!(older.notes, [note]);
    // Other flags change a part of it, wherever they stand.
    let changed = of("-zzstd,19 -C65536 --small -Efragments,^dedupe --zD=0 -m4096 -E^dot-omitted");
    let note = "--small: this is -z zstd,level=19 -C 65536 -E fragments -m 4096:zstd,level=19";
    assert_eq!(changed.notes, [note]);
    let refused = |line: &str| refusal(&format!("{line} I D"));
    assert_eq!(refused("--small -E^48bit"), "--small contradicts -E ^48bit");
    assert_eq!(refusal("--small --tar=i I"), "--small contradicts --tar=i");
}
