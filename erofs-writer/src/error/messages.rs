//! Compares all messages of the library with `messages.txt`. With `UPDATE_GOLDEN=1` the
//! file is written again, and its diff shows which words have changed.

use std::error::Error as _;
use std::fmt::{Display, Write as _};
use std::path::Path;

use super::*;
use crate::codec::Algorithm;
use crate::ere::EreError;
use crate::options::KernelVersion;

/// Makes a function that returns the name of a variant, and the names of all. It does
/// not compile if a variant is missing here.
macro_rules! names {
    ($function:ident: $of:ident { $($variant:ident),* $(,)? }) => {
        fn $function(value: &$of) -> (&'static str, &'static [&'static str]) {
            let name = match value {
                $($of::$variant { .. } => stringify!($variant),)*
            };
            (name, &[$(stringify!($variant)),*])
        }
    };
}

names!(error: Error {
    Read, Changed, Reader, Write, Output, Tree, StorePaths, Tar, Nar, BinaryCache, Manifest,
    Image, Verify,
    FileContexts, CompressHints,
    Options, Full, Cancelled,
});
names!(output: OutputErrorKind {
    NotAFile, Appends, NotWritable, NotReadable, InsideSource, Twice, TooSmall,
});
names!(tree: TreeErrorKind {
    BadName, Exists, NotFound, NotADirectory, Root,
        DirectoryHardLink, ForeignInode, BadSymlinkTarget,
    BadDeviceNumber, Owner, BadTimestamp, FileTooLarge, TooMuchData, TooSparse, NotAsStored, TooManyChunks, XattrNamespace, XattrName, XattrValue, XattrBody,
    NotCompact,
});
names!(store_paths: StorePathsError { Empty, Relative, NoName, Clash });
names!(tar: TarErrorKind {
    Empty, ErofsImage, Truncated, Checksum, Number, Pax, Sparse, SparseIndex, Metadata, Global, Type,
    Path, LongPath,
    LinkTarget, LinkToDirectory,
});
names!(nar: NarErrorKind {
    NoNar, Truncated, Expected, Type, Padding, LongString, Name, Order, TooDeep, Trailing,
    NoDirectory, Export, StorePath,
});
names!(cache: BinaryCacheErrorKind {
    NoCache, NotInStore, NotFound, OtherPath, Field, Url, Compression, Signature, NarSize, NarHash,
});
names!(manifest: ManifestErrorKind {
    Format, LongLine, Fields, Value, Escape, Quote, Word, Unsupported, Type, Path, NoParent,
    LinkTarget, NoContents, Length, Outside,
});
names!(image: ImageErrorKind {
    NoMagic, Checksum, Features, Devices, Truncated, Malformed, Pcluster, Loop,
});
names!(verify: VerifyErrorKind {
    Image, Head, Field, Missing, Excess, Unlinked, Linked, Target, Xattr, ExcessXattr, HiddenXattr,
    Bytes, Place,
});
names!(file_contexts: FileContextsErrorKind {
    Compiled, NotAscii, Incomplete, Excess, Type, Pattern, TooLarge, Context,
});
names!(hints: CompressHintsErrorKind { Size, Algorithm, NoPattern, Pattern, TooMany, TooLarge });
names!(options: OptionsError {
    BlockSize, ChunkSize, ChunkSizeForBlockSize, PclusterSize, PclusterSizeForBlockSize,
    MaxExtentLen, Alignment, Codec, BlockSizeForDevices, Label, XattrPrefix, TooManyXattrPrefixes, RootXattrLen,
    Offset, BuildTime, NeedsWideAddresses, DirectoriesNeedCodec, DirectoriesBesideStored, FilesBesideStaying, InodesBesideStaying,
    VerityHash, VeritySalt, NoVerity, KernelVersion, TargetKernel,
});
names!(limit: Limit {
    Inodes, Blocks, WideBlocks, Pclusters, SharedXattrs, Devices, DeviceBlocks,
});
names!(ere: EreError {
    Nul, Escape, BackReference, Group, Repeat, RepeatedAnchor, Interval, Bracket, Range, Hyphens,
    Class, Collating, Height, TooLarge,
});

/// Adds a line for each value. There must be a value of each variant.
fn section<T: Display>(
    out: &mut String,
    title: &str,
    names: fn(&T) -> (&'static str, &'static [&'static str]),
    values: &[T],
) {
    let _ = writeln!(out, "# {title}");
    let mut found = Vec::new();
    let mut all: &[&str] = &[];
    for value in values {
        let (name, those) = names(value);
        let text = value.to_string();
        assert!(!text.contains('\n') && !text.ends_with('.'), "{title}::{name}: {text}");
        let _ = writeln!(out, "{name}: {text}");
        all = those;
        if found.last() != Some(&name) {
            found.push(name);
        }
    }
    assert_eq!(found, all, "of {title} each variant has a message here, in this order");
}

fn of_image(inside: &[u8], kind: ImageErrorKind) -> Error {
    Error::Image { path: "/host/image".into(), inside: inside.into(), offset: 1024, kind }
}

fn errors() -> Vec<Error> {
    let system = || io::Error::other("what the system said");
    let path = || PathBuf::from("/host/path");
    vec![
        Error::Read { path: path(), source: system() },
        Error::Changed { path: path(), change: Change::Replaced },
        Error::Changed { path: path(), change: Change::Length { before: 5000, now: 4096 } },
        Error::Changed { path: path(), change: Change::Bytes { offset: 4711 } },
        Error::Reader { path: path(), kind: ReaderErrorKind::Overfull },
        Error::Write { path: Some(path()), source: system() },
        Error::Write { path: None, source: system() },
        Error::Output { path: path(), kind: OutputErrorKind::NotAFile },
        Error::Tree { path: b"/image/path".to_vec(), kind: TreeErrorKind::Exists },
        Error::StorePaths(StorePathsError::Empty),
        Error::Tar { path: path(), offset: 512, kind: TarErrorKind::Pax },
        Error::Nar { path: path(), offset: 96, kind: NarErrorKind::Padding },
        Error::BinaryCache { path: path(), kind: BinaryCacheErrorKind::NotFound },
        Error::Manifest { path: path(), line: 7, kind: ManifestErrorKind::Fields },
        of_image(b"/", ImageErrorKind::NoMagic),
        of_image(b"/", ImageErrorKind::Checksum),
        of_image(b"/image/path", ImageErrorKind::Truncated),
        Error::Verify { path: b"/image/path".to_vec(), kind: VerifyErrorKind::Missing },
        Error::FileContexts { path: path(), line: 7, kind: FileContextsErrorKind::NotAscii },
        Error::CompressHints { path: path(), line: 7, kind: CompressHintsErrorKind::NoPattern },
        Error::Options(OptionsError::MaxExtentLen),
        Error::Full(Limit::Blocks),
        Error::Cancelled,
    ]
}

fn of_trees() -> Vec<TreeErrorKind> {
    use TreeErrorKind::*;
    let name = || b"user.name".to_vec();
    vec![
        BadName,
        Exists,
        NotFound,
        NotADirectory,
        Root,
        DirectoryHardLink,
        ForeignInode,
        BadSymlinkTarget,
        BadDeviceNumber,
        Owner { field: "uid", id: 4_294_967_295, offset: 1 },
        Owner { field: "gid", id: 5, offset: -10 },
        BadTimestamp,
        FileTooLarge { len: u64::MAX },
        TooMuchData { max: 1 << 44 },
        TooSparse { len: 1 << 62, stored: 4 << 30 },
        NotAsStored { why: "its blocks have another size" },
        TooManyChunks { chunks: 1 << 50 },
        XattrNamespace { name: b"other.name".to_vec() },
        XattrName { name: name() },
        XattrValue { name: name(), len: 65_536 },
        XattrBody { len: 300_000 },
        NotCompact,
    ]
}

fn of_images(out: &mut String) {
    section(
        out,
        "ImageErrorKind",
        image,
        &[
            ImageErrorKind::NoMagic,
            ImageErrorKind::Checksum,
            ImageErrorKind::Features { bits: 0x200 },
            ImageErrorKind::Devices { needed: 1, given: 2 },
            ImageErrorKind::Truncated,
            ImageErrorKind::Malformed { what: "a rule is broken" },
            ImageErrorKind::Pcluster { algorithm: Algorithm::Zstd },
            ImageErrorKind::Loop,
        ],
    );
}

fn of_verifying(out: &mut String) {
    let name = || b"user.name".to_vec();
    let field = |name, found: &str, expected: &str| VerifyErrorKind::Field {
        name,
        found: found.into(),
        expected: expected.into(),
    };
    section(
        out,
        "VerifyErrorKind",
        verify,
        &[
            VerifyErrorKind::Image { offset: 1024, kind: ImageErrorKind::Checksum },
            VerifyErrorKind::Head,
            field("mode", "0644", "0755"),
            field("the type", "of a file", "of a directory"),
            VerifyErrorKind::Missing,
            VerifyErrorKind::Excess,
            VerifyErrorKind::Unlinked,
            VerifyErrorKind::Linked { other: b"/other/path".to_vec() },
            VerifyErrorKind::Target,
            VerifyErrorKind::Xattr { name: name() },
            VerifyErrorKind::ExcessXattr { name: name() },
            VerifyErrorKind::HiddenXattr { name: name() },
            VerifyErrorKind::Bytes { offset: 4711 },
            VerifyErrorKind::Place { offset: 4096 },
        ],
    );
}

fn of_inputs(out: &mut String) {
    let path = |path: &str| PathBuf::from(path);
    section(
        out,
        "StorePathsError",
        store_paths,
        &[
            StorePathsError::Empty,
            StorePathsError::Relative { path: path("a/b") },
            StorePathsError::NoName { path: path("/a/..") },
            StorePathsError::Clash { first: path("/a/c"), second: path("/b/c") },
        ],
    );
    let (link, target) = (b"a/link".to_vec(), b"b".to_vec());
    section(
        out,
        "TarErrorKind",
        tar,
        &[
            TarErrorKind::Empty,
            TarErrorKind::ErofsImage,
            TarErrorKind::Truncated,
            TarErrorKind::Checksum,
            TarErrorKind::Number { field: "size" },
            TarErrorKind::Pax,
            TarErrorKind::Sparse,
            TarErrorKind::SparseIndex,
            TarErrorKind::Metadata { len: 1 << 30 },
            TarErrorKind::Global,
            TarErrorKind::Type { flag: b'Q' },
            TarErrorKind::Path { path: b"a/../b".to_vec() },
            TarErrorKind::LongPath { path: b"a/b".to_vec() },
            TarErrorKind::LinkTarget { path: link.clone(), target: target.clone() },
            TarErrorKind::LinkToDirectory { path: link, target },
        ],
    );
    section(
        out,
        "FileContextsErrorKind",
        file_contexts,
        &[
            FileContextsErrorKind::Compiled,
            FileContextsErrorKind::NotAscii,
            FileContextsErrorKind::Incomplete,
            FileContextsErrorKind::Excess { word: "word".into() },
            FileContextsErrorKind::Type { word: "-x".into() },
            FileContextsErrorKind::Pattern { at: 4, what: "what is wrong".into() },
            FileContextsErrorKind::TooLarge,
            FileContextsErrorKind::Context { len: 65_536 },
        ],
    );
    of_hints(out);
    of_nars(out);
    of_manifests(out);
}

fn of_manifests(out: &mut String) {
    let path = || b"b".to_vec();
    section(
        out,
        "ManifestErrorKind",
        manifest,
        &[
            ManifestErrorKind::Format,
            ManifestErrorKind::LongLine,
            ManifestErrorKind::Fields,
            ManifestErrorKind::Value { field: "mode" },
            ManifestErrorKind::Escape,
            ManifestErrorKind::Quote,
            ManifestErrorKind::Word { word: path() },
            ManifestErrorKind::Unsupported { what: "why something is not done" },
            ManifestErrorKind::Type,
            ManifestErrorKind::Path { path: path() },
            ManifestErrorKind::NoParent { path: b"/a/b".to_vec() },
            ManifestErrorKind::LinkTarget { target: b"/c".to_vec() },
            ManifestErrorKind::NoContents { len: 100 },
            ManifestErrorKind::Length { said: 100, found: 99 },
            ManifestErrorKind::Outside { path: b"../b".to_vec() },
        ],
    );
}

fn of_nars(out: &mut String) {
    let path = || b"b".to_vec();
    section(
        out,
        "NarErrorKind",
        nar,
        &[
            NarErrorKind::NoNar,
            NarErrorKind::Truncated,
            NarErrorKind::Expected { word: "target" },
            NarErrorKind::Type,
            NarErrorKind::Padding,
            NarErrorKind::LongString { len: 1 << 40, max: 1 << 16 },
            NarErrorKind::Name { name: b"a/b".to_vec() },
            NarErrorKind::Order { name: path(), last: b"c".to_vec() },
            NarErrorKind::TooDeep,
            NarErrorKind::Trailing,
            NarErrorKind::NoDirectory,
            NarErrorKind::Export,
            NarErrorKind::StorePath { path: path() },
        ],
    );
    section(
        out,
        "BinaryCacheErrorKind",
        cache,
        &[
            BinaryCacheErrorKind::NoCache,
            BinaryCacheErrorKind::NotInStore { store: "/nix/store".into() },
            BinaryCacheErrorKind::NotFound,
            BinaryCacheErrorKind::OtherPath { found: "/nix/store/b".into() },
            BinaryCacheErrorKind::Field { field: "NarHash" },
            BinaryCacheErrorKind::Url { url: "../b.nar".into() },
            BinaryCacheErrorKind::Compression { name: "br".into() },
            BinaryCacheErrorKind::Signature,
            BinaryCacheErrorKind::NarSize { said: 120, found: 112 },
            BinaryCacheErrorKind::NarHash { said: "sha256:0".into(), found: "sha256:1".into() },
        ],
    );
}

fn of_hints(out: &mut String) {
    section(
        out,
        "CompressHintsErrorKind",
        hints,
        &[
            CompressHintsErrorKind::Size { word: "100".into() },
            CompressHintsErrorKind::Algorithm { word: "2".into() },
            CompressHintsErrorKind::NoPattern,
            CompressHintsErrorKind::Pattern(EreError::Group { at: 3 }),
            CompressHintsErrorKind::TooMany,
            CompressHintsErrorKind::TooLarge,
        ],
    );
}

fn of_options(out: &mut String) {
    use OptionsError::*;
    section(
        out,
        "OptionsError",
        options,
        &[
            BlockSize,
            ChunkSize,
            ChunkSizeForBlockSize { chunk: 512, block: 4096 },
            PclusterSize,
            PclusterSizeForBlockSize { pcluster: 512, block: 4096 },
            MaxExtentLen,
            Alignment,
            Codec(SettingError::Lz4Level),
            Codec(SettingError::LzmaDictSize),
            BlockSizeForDevices { block: 4096, needed: 512 },
            Label,
            XattrPrefix,
            TooManyXattrPrefixes,
            RootXattrLen,
            Offset,
            BuildTime,
            NeedsWideAddresses,
            DirectoriesNeedCodec,
            DirectoriesBesideStored,
            FilesBesideStaying,
            InodesBesideStaying,
            VerityHash,
            VeritySalt,
            NoVerity,
            KernelVersion,
            TargetKernel {
                feature: "what is asked for",
                since: self::KernelVersion::new(6, 1),
                target: self::KernelVersion::new(5, 4),
            },
        ],
    );
}

fn of_patterns(out: &mut String) {
    let at = 3;
    section(
        out,
        "EreError",
        ere,
        &[
            EreError::Nul { at },
            EreError::Escape { at },
            EreError::BackReference { at },
            EreError::Group { at },
            EreError::Repeat { at },
            EreError::RepeatedAnchor { at },
            EreError::Interval { at },
            EreError::Bracket { at },
            EreError::Range { at },
            EreError::Hyphens { at },
            EreError::Class { at },
            EreError::Collating { at },
            EreError::Height { at },
            EreError::TooLarge,
        ],
    );
}

#[test]
fn messages_are_those_that_were_reviewed() {
    let mut out = String::new();
    section(&mut out, "Error", error, &errors());
    for error in errors() {
        // The message of a source is not repeated in the message of the error.
        let source = error.source().map(ToString::to_string);
        assert!(source.is_none_or(|source| !error.to_string().contains(&source)));
    }
    section(
        &mut out,
        "OutputErrorKind",
        output,
        &[
            OutputErrorKind::NotAFile,
            OutputErrorKind::Appends,
            OutputErrorKind::NotWritable,
            OutputErrorKind::NotReadable,
            OutputErrorKind::InsideSource,
            OutputErrorKind::Twice,
            OutputErrorKind::TooSmall { needed: 8192, available: 4096 },
        ],
    );
    section(&mut out, "TreeErrorKind", tree, &of_trees());
    of_images(&mut out);
    of_verifying(&mut out);
    of_inputs(&mut out);
    of_options(&mut out);
    of_patterns(&mut out);
    use Limit::{Blocks, DeviceBlocks, Devices, Inodes, Pclusters, SharedXattrs, WideBlocks};
    let limits = [Inodes, Blocks, WideBlocks, Pclusters, SharedXattrs, Devices, DeviceBlocks];
    section(&mut out, "Limit", limit, &limits);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/error/messages.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1") {
        std::fs::write(&file, &out).expect("a golden file can be written");
    }
    let reviewed = std::fs::read_to_string(&file).expect("is in the repository");
    for (number, (reviewed, made)) in reviewed.lines().zip(out.lines()).enumerate() {
        assert_eq!(made, reviewed, "messages.txt:{}: UPDATE_GOLDEN=1 writes it", number + 1);
    }
    assert_eq!(out.lines().count(), reviewed.lines().count(), "UPDATE_GOLDEN=1 writes it");
}
