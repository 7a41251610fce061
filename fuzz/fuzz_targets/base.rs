//! An earlier image with any bytes in the place of some of its own, also in its tables, the
//! hashes of which are made right again. A build that does not trust it has the right
//! contents, and the same bytes if the tables are not forged. One that trusts it ends.
#![no_main]

use std::fs;
use std::io::Cursor;
use std::path::PathBuf;
use std::sync::OnceLock;

use arbitrary::Arbitrary;
use erofs_writer::codec::{lz4, zstd};
use erofs_writer::source::Image;
use erofs_writer::{
    Base, Codec, Error, ImageUuid, ImageWriter, Options, PclusterSize, SeekWriter, Tails,
    Timestamp, Tree,
};
use libfuzzer_sys::fuzz_target;
use testdata::entry::{Compare, diff};
use testdata::expected;
use testdata::trees::{noise, text};
use twox_hash::XxHash3_64;

#[derive(Debug, Arbitrary)]
struct Case {
    mode: u8,
    trusts: bool,
    forges: bool,
    /// Places, counted from the end if that is said, and the bytes that come there.
    edits: Vec<(u16, bool, [u8; 2])>,
}

/// What all cases begin with.
struct Start {
    base: PathBuf,
    tree: Tree,
    /// The image in each mode.
    images: Vec<Vec<u8>>,
}

fn modes() -> [Options; 4] {
    let pclusters = |bytes| PclusterSize::new(bytes).expect("is valid");
    let lz4 = Options::new().uuid(ImageUuid::None).codec(Codec::Lz4(lz4::Level::FAST));
    let zstd = lz4.clone().codec(Codec::Zstd(zstd::Settings::default()));
    [
        lz4.clone().tails(Tails::Inline),
        lz4.dedupe(true).pcluster_size(pclusters(16_384)).tails(Tails::Fragments),
        zstd.clone().dedupe(true).pcluster_size(pclusters(65_536)).tails(Tails::AllFragments),
        zstd.full_indexes(true),
    ]
    .map(|options| options.rebuildable(true).trust_store_names(true))
}

fn build(tree: &Tree, options: Options, base: Option<&Base>) -> Result<Vec<u8>, Error> {
    let output = SeekWriter::new(Cursor::new(Vec::new()));
    let mut writer = ImageWriter::new(options);
    if let Some(base) = base {
        writer = writer.base(base);
    }
    writer.write(tree, &output)?;
    Ok(output.into_inner().into_inner())
}

fn start() -> Start {
    let place = std::env::temp_dir().join(format!("erofs-writer-fuzz-{}", std::process::id()));
    let store = place.join("0c3k8z5v7q1w2x4y6a8b9d0f1g2h3i4j-name");
    fs::create_dir_all(&store).expect("is writable");
    let inner = text(1, 40_000);
    for (name, bytes) in [
        ("a", inner.clone()),
        ("b", [text(2, 5000), inner[3000..].to_vec()].concat()),
        ("c", [noise(3, 5000), vec![0; 70_000]].concat()),
        ("d", text(4, 300)),
        ("e", text(4, 300)),
    ] {
        fs::write(store.join(name), bytes).expect("is writable");
    }
    let mut tree = Tree::from_dir(&place).expect("is readable");
    tree.clamp_times(Timestamp::from_sec(0));
    let images = modes().map(|options| build(&tree, options, None).expect("is possible"));
    Start { base: place.with_extension("base"), tree, images: images.into() }
}

/// Makes the hash of the table with this magic right.
fn forge(bytes: &mut [u8], magic: &[u8; 8]) {
    let Some(at) = bytes.windows(8).rposition(|window| window == magic) else { return };
    let Some((header, rest)) = bytes[at..].split_at_mut_checked(32) else { return };
    let len = u64::from_le_bytes(header[8..16].try_into().expect("8 bytes"));
    let payload = usize::try_from(len).ok().and_then(|len| rest.get(..len));
    if let Some(payload) = payload {
        header[16..24].copy_from_slice(&XxHash3_64::oneshot(payload).to_le_bytes());
    }
}

fuzz_target!(|case: Case| {
    static START: OnceLock<Start> = OnceLock::new();
    let Start { base, tree, images } = START.get_or_init(start);
    let mode = usize::from(case.mode) % images.len();
    let mut bytes = images[mode].clone();
    for (place, is_last, new) in case.edits {
        let place = usize::from(place) % (bytes.len() - 2);
        let place = if is_last { bytes.len() - 2 - place } else { place };
        bytes[place..place + 2].copy_from_slice(&new);
    }
    if case.forges {
        forge(&mut bytes, b"erofsRCP");
        forge(&mut bytes, b"erofsFC2");
    }
    fs::write(base, bytes).expect("is writable");
    let base = Base::open(base).expect("is readable");
    let options = modes()[mode].clone();
    if case.trusts {
        match build(tree, options, Some(&base)) {
            Ok(_) | Err(Error::Changed { .. }) => return,
            Err(error) => panic!("{error}"),
        }
    }
    let options = options.trust_store_names(false);
    let found = build(tree, options, Some(&base)).expect("is possible");
    if !case.forges {
        let expected = build(tree, modes()[mode].clone().trust_store_names(false), None);
        assert!(found == expected.expect("is possible"), "a base has changed bytes");
    }
    let found = Image::from_reader("it", found).read().expect("was written by us");
    let [found, expected] =
        [&found, tree].map(|tree| expected::snapshot(tree).expect("is readable"));
    if let Err(text) = diff(&expected, &found, Compare::ALL) {
        panic!("{text}");
    }
});
