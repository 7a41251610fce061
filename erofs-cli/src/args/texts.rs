//! Texts of the help and of the version that are not those of a flag.

/// The forms of a line.
pub(super) const USAGE: &str = "mkfs-erofs [OPTIONS] FILE SOURCE
       mkfs-erofs [OPTIONS] --store-paths LIST FILE [STORE]
       mkfs-erofs [OPTIONS] --tar=f|i FILE [ARCHIVE]
       mkfs-erofs --list[=files|table] [--json] FILE [PATH]...
       mkfs-erofs --extract=DIR [OPTIONS] FILE [PATH]...";

/// Scripts that want a certain version of mkfs.erofs look for `(erofs-utils) X.Y` in the
/// first line, or take its last or third word. Scripts that want a compressor look for
/// its name after `available compressors:`. The third line names this program.
pub(super) const VERSION: &str = concat!(
    "(erofs-utils) 1.9.4\navailable compressors: lz4, lz4hc\nmkfs-erofs (erofs-writer) ",
    env!("CARGO_PKG_VERSION"),
    ", which takes the flags of that version"
);

/// The names of flags for which tests of callers search the help.
pub(super) const JOINED: &str =
    "Values of short flags may be joined to them: -b#, -C#, -T#, -x#, -zX, -UX.";
