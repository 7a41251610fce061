//! Texts of the help and of the version that are not those of a flag.

use std::sync::LazyLock;

/// The forms of a line.
pub(super) const USAGE: &str = "mkfs-erofs [OPTIONS] FILE SOURCE
       mkfs-erofs [OPTIONS] --store-paths LIST FILE [STORE]
       mkfs-erofs [OPTIONS] --store-paths LIST --binary-cache DIR FILE
       mkfs-erofs [OPTIONS] --tar=f|i FILE [ARCHIVE]
       mkfs-erofs [OPTIONS] --nar FILE [ARCHIVE]
       mkfs-erofs [OPTIONS] --manifest MANIFEST FILE [DIR]
       mkfs-erofs --list[=files|table] [--json] FILE [PATH]...
       mkfs-erofs --extract=DIR [OPTIONS] FILE [PATH]...";

/// The names of an algorithm, as mkfs.erofs lists them, and whether this build has it.
const COMPRESSORS: [(&str, bool); 4] = [
    ("lz4, lz4hc", cfg!(feature = "lz4")),
    ("lzma", cfg!(feature = "lzma")),
    ("deflate, libdeflate", cfg!(feature = "deflate")),
    ("zstd", cfg!(feature = "zstd")),
];

/// The version. Scripts that want a certain version of mkfs.erofs look for
/// `(erofs-utils) X.Y` in the first line, or take its last or third word. Scripts that
/// want a compressor look for its name after `available compressors:`. The third line
/// names this program.
pub(super) fn version() -> &'static str {
    static TEXT: LazyLock<String> = LazyLock::new(|| {
        let built = COMPRESSORS.iter().filter(|(_, is_built)| *is_built);
        let names: Vec<_> = built.map(|(names, _)| *names).collect();
        format!(
            "(erofs-utils) 1.9.4\navailable compressors: {}\nmkfs-erofs (erofs-writer) {}, \
             which takes the flags of that version",
            names.join(", "),
            env!("CARGO_PKG_VERSION"),
        )
    });
    &TEXT
}

/// The names of flags for which tests of callers search the help.
pub(super) const JOINED: &str =
    "Values of short flags may be joined to them: -b#, -C#, -T#, -x#, -zX, -UX.";
