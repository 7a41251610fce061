//! Images compressed by zstd, deflate and LZMA through all readers, in every combination
//! that LZ4 has.

use erofs_writer::{BlockSize, Codec, CompressRule, KernelVersion, Options, PclusterSize};
use erofs_writer::{Tails, Tree, ere::Ere};
use testdata::trees::{Builder, CASES, merged, mixed, noise, text};
use testdata::verify;

use crate::compressed::{come_back_in_blocks_of_every_size, ends, lz4, pclusters};
use crate::support::{assert_same, decoded, fixed, image, image_by, incompat, try_image, verify};

/// One quick codec of each algorithm.
const ALGORITHMS: [&str; 3] = ["zstd,3", "deflate,6", "lzma,1"];

fn by(codec: &str) -> Options {
    fixed().codec(codec.parse::<Codec>().unwrap())
}

#[track_caller]
fn comes_back(tree: &Tree, options: Options) {
    verify(&image(tree, options), tree, &verify::Options::default());
}

#[test]
fn files_come_back_at_every_level() {
    let tree = ends(100_000);
    let zstd = (1..=22).map(|level| format!("zstd,{level}"));
    let deflate = (0..=12).map(|level| format!("libdeflate,{level}"));
    let lzma = (0..=9).chain([100, 103, 106, 109]).map(|level| format!("lzma,{level}"));
    for codec in zstd.chain(deflate).chain(lzma) {
        for size in [4096, 65_536] {
            comes_back(&tree, by(&codec).pcluster_size(pclusters(size)));
        }
    }
}

#[test]
fn settings_of_lzma_come_back() {
    let tree = ends(60_000);
    for contexts in ["lc=0", "lc=4", "lc=0,lp=4", "lc=2,lp=2,pb=0", "pb=4"] {
        for dict_size in [4096, 5000, 8 << 20] {
            comes_back(&tree, by(&format!("lzma,1,{contexts},dictsize={dict_size}")));
        }
    }
}

#[test]
fn long_files_come_back_with_pclusters_of_every_size() {
    let mut tree = Builder::new();
    for len in [300_000, (4 << 20) - 1, (4 << 20) + 4097] {
        tree.file(format!("text-{len}"), text(1, len));
        tree.file(format!("mixed-{len}"), mixed(2, len));
        tree.file(format!("zeros-{len}"), vec![0; len]);
    }
    let tree = tree.done();
    let check = verify::Options { random_reads: 16, ..verify::Options::default() };
    let cases = [
        ("zstd,3", 4096),
        ("zstd,9", 16_384),
        ("zstd,1", 131_072),
        ("zstd,15", 262_144),
        ("zstd,3", 1 << 20),
        ("deflate,1", 4096),
        ("deflate,9", 65_536),
        ("libdeflate,10", 1 << 20),
        ("lzma,0", 4096),
        ("lzma,1", 1 << 20),
    ];
    for (codec, size) in cases {
        for full in [false, true] {
            let options = by(codec).pcluster_size(pclusters(size)).full_indexes(full);
            verify(&image(&tree, options), &tree, &check);
        }
    }
}

#[test]
fn all_boundary_trees_come_back() {
    let small: Vec<_> = CASES.iter().filter(|case| !case.large && case.extract).copied().collect();
    let tree = merged(&small);
    for codec in ALGORITHMS {
        comes_back(&tree, by(codec));
        comes_back(&tree, by(codec).pcluster_size(pclusters(16_384)));
    }
}

#[test]
fn ends_come_back_wherever_they_go() {
    let tree = ends(2 << 20);
    for codec in ALGORITHMS {
        for tails in [Tails::Inline, Tails::Fragments, Tails::AllFragments] {
            for dedupe in [false, true] {
                for size in [4096, 65_536] {
                    let options = by(codec).pcluster_size(pclusters(size)).tails(tails);
                    let options = options.dedupe(dedupe);
                    comes_back(&tree, options.clone());
                    comes_back(&tree, options.wide_addresses(true));
                }
            }
        }
        comes_back(&tree, by(codec).max_extent_len(20_000).unwrap());
    }
}

#[test]
fn blocks_of_every_size_come_back() {
    for codec in ALGORITHMS {
        for tails in [Tails::Blocks, Tails::Inline, Tails::Fragments] {
            come_back_in_blocks_of_every_size(&by(codec).tails(tails));
        }
    }
}

#[test]
fn repeats_come_back() {
    let part = mixed(7, 300_000);
    let mut tree = Builder::new();
    for number in 0..6 {
        let before = text(number, 5000 * usize::try_from(number).unwrap());
        tree.file(format!("{number}"), [&before[..], &part[..]].concat());
    }
    let tree = tree.done();
    for codec in ALGORITHMS {
        for size in [4096, 65_536] {
            let options = by(codec).pcluster_size(pclusters(size));
            let deduped = image(&tree, options.clone().dedupe(true));
            let plain = image(&tree, options);
            assert!(deduped.len() * 2 < plain.len(), "{codec}: {} bytes", deduped.len());
            verify(&deduped, &tree, &verify::Options::default());
        }
    }
}

/// The records after the superblock, of so many bytes.
fn records(image: &[u8], len: usize) -> &[u8] {
    &image[1024 + 128..][..len]
}

#[test]
fn windows_and_dictionaries_are_announced() {
    let mut tree = Builder::new();
    tree.file("a", mixed(1, 900_000));
    let tree = tree.done();
    for (codec, bit) in [("zstd", 3), ("deflate", 2), ("lzma", 1)] {
        let built = image(&tree, by(codec));
        assert_eq!(incompat(&built), 3, "{codec} needs the records of algorithms");
        assert_eq!(decoded(&built).sb.get("u1"), 1 << bit);
    }
    // As mkfs.erofs has it: zstd has eight times the pcluster, as a logarithm less 10;
    // 1 MiB at most. LZMA has four times the pcluster, from 32 KiB to 8 MiB. Deflate has
    // the logarithm of one window.
    let cases: &[(&str, u32, &[u8])] = &[
        ("zstd", 4096, &[6, 0, 0, 5]),
        ("zstd", 65_536, &[6, 0, 0, 9]),
        ("zstd", 131_072, &[6, 0, 0, 10]),
        ("zstd", 1 << 20, &[6, 0, 0, 10]),
        ("zstd,19,dictsize=1024", 65_536, &[6, 0, 0, 0]),
        ("zstd,19,dictsize=32768", 65_536, &[6, 0, 0, 5]),
        ("zstd,19,dictsize=1048576", 4096, &[6, 0, 0, 10]),
        ("lzma", 4096, &[14, 0, 0, 0x80, 0, 0, 0, 0]),
        ("lzma", 65_536, &[14, 0, 0, 0, 4, 0, 0, 0]),
        ("lzma", 1 << 20, &[14, 0, 0, 0, 0x40, 0, 0, 0]),
        ("lzma,1,dictsize=4096", 65_536, &[14, 0, 0, 0x10, 0, 0, 0, 0]),
        ("lzma,1,dictsize=8388608", 4096, &[14, 0, 0, 0, 0x80, 0, 0, 0]),
        ("deflate", 65_536, &[6, 0, 15, 0]),
        ("deflate,9,dictsize=512", 65_536, &[6, 0, 9, 0]),
    ];
    for (codec, size, expected) in cases {
        let built = image(&tree, by(codec).pcluster_size(pclusters(*size)));
        assert_eq!(records(&built, expected.len()), *expected, "{codec}, {size}");
        verify(&built, &tree, &verify::Options::default());
    }
}

#[test]
fn several_algorithms_may_be_in_one_image() {
    let mut tree = Builder::new();
    for (seed, name) in (0..).zip(["a.txt", "b.so", "c.txt", "d", "e.py", "f.py"]) {
        tree.file(name, mixed(seed, 200_000));
        tree.file(format!("2-{name}"), text(seed, 60_000));
    }
    let tree = tree.done();
    let rule = |pattern: &str, codec: &str, size| {
        let rule = CompressRule::new(Ere::new(pattern).unwrap());
        rule.codec(codec.parse::<Codec>().unwrap()).pcluster_size(pclusters(size))
    };
    let rules = [
        rule("txt$", "zstd,9", 65_536),
        rule("so$", "lzma,1", 16_384),
        rule("py$", "deflate,9", 4096),
    ];
    for tails in [Tails::Blocks, Tails::Inline, Tails::Fragments, Tails::AllFragments] {
        for dedupe in [false, true] {
            let options = lz4(9).compress_rules(rules.clone()).tails(tails).dedupe(dedupe);
            let built = image(&tree, options);
            if tails != Tails::AllFragments {
                // All records, each after its length, in the order of their numbers.
                assert_eq!(decoded(&built).sb.get("u1"), 0b1111);
                let records = records(&built, 48);
                assert_eq!([records[0], records[16], records[32], records[40]], [14, 14, 6, 6]);
            }
            verify(&built, &tree, &verify::Options::default());
        }
    }
}

#[test]
fn what_does_not_become_smaller_is_stored_as_it_is() {
    let mut tree = Builder::new();
    for len in [100, 4096, 5000, 70_000, 5 << 20] {
        tree.file(format!("{len}"), noise(3, len));
    }
    let tree = tree.done();
    let plain = image(&tree, fixed()).len();
    for codec in ALGORITHMS {
        for size in [4096, 65_536] {
            let compressed = image(&tree, by(codec).pcluster_size(pclusters(size)));
            assert_eq!(compressed.len(), plain, "nothing was compressed");
            assert_eq!(incompat(&compressed), 0, "so no feature is needed");
            verify(&compressed, &tree, &verify::Options::default());
        }
    }
}

#[test]
fn noise_of_few_symbols_is_compressed() {
    // Without any match: digits of base 64 have six bits in eight.
    let mut tree = Builder::new();
    let digits = noise(9, 5 << 20).iter().map(|byte| b'0' + byte % 64).collect::<Vec<u8>>();
    tree.file("digits", digits);
    let tree = tree.done();
    for codec in ALGORITHMS {
        let built = image(&tree, by(codec).pcluster_size(pclusters(65_536)));
        assert!(built.len() < (5 << 20) / 100 * 80, "{codec}: {} bytes", built.len());
        verify(&built, &tree, &verify::Options::default());
    }
}

#[test]
fn images_do_not_depend_on_threads() {
    let tree = ends(4 << 20);
    for codec in ["zstd,9", "deflate,6", "lzma,0"] {
        for tails in [Tails::Inline, Tails::AllFragments] {
            let options = || by(codec).pcluster_size(pclusters(65_536)).tails(tails).dedupe(true);
            let one = image_by(1, &tree, options());
            for threads in [2, 7] {
                assert_same(&one, &image_by(threads, &tree, options()), "threads");
            }
        }
    }
}

/// Images of mkfs.erofs with `-E48bit` differ from run to run, as its threads leave gaps of
/// what they had in memory.
#[test]
fn images_of_the_48_bit_layout_are_the_same_in_each_run() {
    let tree = ends(4 << 20);
    for codec in ALGORITHMS {
        let options = || {
            by(codec).pcluster_size(pclusters(65_536)).tails(Tails::Fragments).wide_addresses(true)
        };
        let first = image_by(2, &tree, options());
        for threads in [1, 3, 2] {
            assert_same(&first, &image_by(threads, &tree, options()), "a further run");
        }
    }
}

/// A deflate stream that begins with a stored block that is not the last one begins with a
/// zero byte, and readers skip zeros before a stream.
#[test]
fn noise_before_text_is_no_stored_block_that_begins_with_zero() {
    let mut tree = Builder::new();
    for len in [100, 1000, 3000, 4000, 5000, 20_000] {
        let bytes = [noise(1, len), text(2, 200_000), noise(3, len), text(4, 50_000)].concat();
        tree.file(format!("{len}"), bytes);
    }
    let tree = tree.done();
    for codec in ["deflate,0", "deflate,6", "libdeflate,12", "zstd,3", "lzma,1"] {
        for size in [4096, 65_536] {
            for tails in [Tails::Blocks, Tails::Fragments] {
                comes_back(&tree, by(codec).pcluster_size(pclusters(size)).tails(tails));
            }
        }
    }
}

#[test]
fn older_kernels_are_refused() {
    let mut tree = Builder::new();
    tree.file("a", text(1, 90_000));
    let tree = tree.done();
    for (codec, algorithm, major, minor) in
        [("zstd", "zstd", 6, 10), ("deflate", "deflate", 6, 6), ("lzma", "LZMA", 5, 16)]
    {
        let options = |minor| by(codec).target_kernel(KernelVersion::new(major, minor));
        let error = try_image(&tree, options(minor - 1)).unwrap_err().to_string();
        let before = KernelVersion::new(major, minor - 1);
        let needed = KernelVersion::new(major, minor);
        let expected = format!(
            "Linux {before} cannot mount files compressed by {algorithm}: they need {needed}"
        );
        assert_eq!(error, expected);
        verify(&image(&tree, options(minor)), &tree, &verify::Options::default());
    }
}

#[test]
fn blocks_of_64_kib_have_pclusters_of_a_mebibyte() {
    let tree = ends(300_001);
    for codec in ["zstd,15", "deflate,9", "lzma,1"] {
        let options = by(codec)
            .block_size(BlockSize::new(65_536).unwrap())
            .pcluster_size(PclusterSize::new(1 << 20).unwrap());
        comes_back(&tree, options);
    }
}
