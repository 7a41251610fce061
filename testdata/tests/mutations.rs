//! Damage that a bug of a writer would do to an image is found and named. Most of it
//! passes `fsck.erofs`, and some of it a kernel mount.

#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::fs;

use testdata::raw::inode::{Inode, Run};
use testdata::raw::model::{self, Data, Model, Node};
use testdata::raw::superblock::repair_checksum;
use testdata::raw::zmap::Entry;
use testdata::raw::{Findings, Image, Rule, check};
use testdata::skip::{Oracle, have};

use common::{PeerImage, sample_tree};

/// A good image, decoded, in memory.
struct Patient {
    bytes: Vec<u8>,
    model: Model,
}

impl Patient {
    /// None, and a note, if there is no `mkfs.erofs`.
    fn new(args: &[&str]) -> Option<Self> {
        if !have(Oracle::Mkfs) {
            return None;
        }
        let source = sample_tree();
        let bytes = fs::read(PeerImage::new(source.path(), args).path()).unwrap();
        let mut found = Findings::default();
        let model = model::read(&Image::from_bytes(bytes.clone()), &mut found).unwrap();
        assert_eq!(found, Findings::default());
        Some(Self { bytes, model })
    }

    fn node(&self, path: &str) -> &Node {
        let mut nodes = self.model.inodes.values();
        nodes.find(|node| node.path == path.as_bytes()).unwrap()
    }

    fn inode(&self, path: &str) -> &Inode {
        &self.node(path).inode
    }

    fn runs(&self, path: &str) -> &[Run] {
        match &self.node(path).data {
            Data::Flat(runs) => runs,
            other => panic!("{path} is not flat but {other:?}"),
        }
    }

    /// The findings after `damage`, with the checksum corrected.
    fn after(&self, damage: impl FnOnce(&mut [u8])) -> Findings {
        let mut bytes = self.bytes.clone();
        damage(&mut bytes);
        repair_checksum(&mut bytes);
        check(&Image::from_bytes(bytes)).expect_err("damage is found")
    }
}

fn at(offset: u64) -> usize {
    usize::try_from(offset).unwrap()
}

#[track_caller]
fn only(found: &Findings, rules: &[Rule]) {
    let mut broken: Vec<_> = found.list.iter().map(|finding| finding.rule).collect();
    broken.sort();
    broken.dedup();
    let mut rules = rules.to_vec();
    rules.sort();
    assert_eq!(broken, rules, "{found}");
}

#[test]
fn a_flipped_byte_in_the_first_block_breaks_the_checksum() {
    let Some(patient) = Patient::new(&[]) else {
        return;
    };
    let mut bytes = patient.bytes;
    bytes[4000] ^= 1;
    let found = check(&Image::from_bytes(bytes)).unwrap_err();
    assert!(found.has(Rule::Checksum), "{found}");
}

#[test]
fn swapped_directory_blocks_are_out_of_order() {
    let Some(patient) = Patient::new(&[]) else {
        return;
    };
    let start = at(patient.runs("/many")[0].at);
    let found = patient.after(|bytes| {
        for place in start..start + 4096 {
            bytes.swap(place, place + 4096);
        }
    });
    only(&found, &[Rule::DirBlockOrder]);
}

#[test]
fn garbage_behind_the_last_name_is_slack() {
    let Some(patient) = Patient::new(&[]) else {
        return;
    };
    let entries = &patient.node("/many").dirents;
    let run = patient.runs("/many")[0];
    let ends = (0..run.len / 4096).map(|number| {
        let block = run.at + number * 4096;
        let last = entries.iter().rfind(|entry| (block..block + 4096).contains(&entry.at)).unwrap();
        (at(block), at(block + last.nameoff) + last.name.len())
    });
    let (block, end) =
        { ends }.find(|(block, end)| end + 2 < block + 4096).expect("a block that is not full");
    // One byte further on; a byte directly after the name makes the name longer.
    for place in [end + 1, block + 4095] {
        let found = patient.after(|bytes| bytes[place] = b'x');
        only(&found, &[Rule::DirSlack]);
    }
}

#[test]
fn a_wrong_link_count_is_found() {
    let Some(patient) = Patient::new(&["-E", "force-inode-compact"]) else {
        return;
    };
    let file = at(patient.inode("/many/sub/link").at);
    let dir = at(patient.inode("/many").at);
    only(&patient.after(|bytes| bytes[file + 6] = 1), &[Rule::Nlink]);
    only(&patient.after(|bytes| bytes[dir + 6] += 1), &[Rule::Nlink]);
}

#[test]
fn an_inline_tail_may_not_cross_a_block() {
    let Some(patient) = Patient::new(&[]) else {
        return;
    };
    // Claims to have one byte more than fits after its inode.
    let inode = patient.inode("/size-4000");
    let room = 4096 - inode.end() % 4096;
    let size = u32::try_from(room + 1).unwrap().to_le_bytes();
    let place = at(inode.at) + 8;
    let found = patient.after(|bytes| bytes[place..place + 4].copy_from_slice(&size));
    assert!(found.has(Rule::InlineTail), "{found}");

    // A whole block cannot be inline at all.
    let found = patient.after(|bytes| bytes[place..place + 4].copy_from_slice(&[0, 16, 0, 0]));
    assert!(found.has(Rule::InlineTail), "{found}");
}

#[test]
fn wrong_filter_bits_are_found() {
    let Some(patient) = Patient::new(&["-E", "xattr-name-filter"]) else {
        return;
    };
    let place = at(patient.node("/").xattrs.as_ref().unwrap().at);
    let found = patient.after(|bytes| bytes[place + 1] ^= 4);
    only(&found, &[Rule::XattrFilter]);
}

#[test]
fn an_xattr_body_must_be_used_up_and_its_padding_zero() {
    let Some(patient) = Patient::new(&["-x", "65535"]) else {
        return;
    };
    let body = patient.node("/").xattrs.as_ref().unwrap();
    let entry = at(body.inline[0].at);
    // user.root of 300 bytes: longer, and it runs past the body.
    let found = patient.after(|bytes| bytes[entry + 3] += 1);
    assert!(found.has(Rule::XattrBody), "{found}");
    let found = patient.after(|bytes| bytes[entry + 1] = 9);
    assert!(found.has(Rule::XattrName), "{found}");
}

#[test]
fn a_number_of_inodes_that_looks_like_minix_is_found() {
    let Some(patient) = Patient::new(&[]) else {
        return;
    };
    for magic in [0x137f_u16, 0x138f, 0x2468, 0x2478] {
        for bytes_of_magic in [magic.to_le_bytes(), magic.to_be_bytes()] {
            let found = patient.after(|bytes| {
                bytes[1040..1042].copy_from_slice(&bytes_of_magic);
            });
            only(&found, &[Rule::MinixMagic, Rule::InodeCount]);
        }
    }
}

#[test]
fn address_bits_of_an_extended_inode_must_be_zero() {
    let Some(patient) = Patient::new(&["-E", "force-inode-extended"]) else {
        return;
    };
    let inode = at(patient.inode("/size-8192").at);
    let found = patient.after(|bytes| bytes[inode + 6] = 1);
    assert!(found.has(Rule::InodeNb), "{found}");
    let found = patient.after(|bytes| bytes[inode + 0x30] = 1);
    only(&found, &[Rule::Reserved]);
}

#[test]
fn a_time_in_a_compact_inode_is_found() {
    let Some(patient) = Patient::new(&["-E", "force-inode-compact"]) else {
        return;
    };
    let inode = at(patient.inode("/size-8192").at);
    only(&patient.after(|bytes| bytes[inode + 12] = 1), &[Rule::InodeTime]);
    only(&patient.after(|bytes| bytes[inode + 28] = 1), &[Rule::Reserved]);
    let other = patient.inode("/zeros").get("i_ino").to_le_bytes();
    let found = patient.after(|bytes| bytes[inode + 20..inode + 24].copy_from_slice(&other[..4]));
    only(&found, &[Rule::InodeSerial]);
}

#[test]
fn data_over_metadata_is_an_overlap_and_beyond_the_end_is_outside() {
    let Some(patient) = Patient::new(&["-E", "force-inode-compact"]) else {
        return;
    };
    let inode = at(patient.inode("/size-8192").at);
    let found = patient.after(|bytes| bytes[inode + 16..inode + 20].fill(0));
    assert!(found.has(Rule::Overlap), "{found}");
    let found = patient.after(|bytes| bytes[inode + 18] = 0xff);
    assert!(found.has(Rule::OutOfImage), "{found}");
}

#[test]
fn bytes_behind_the_end_of_a_file_must_be_zero() {
    let Some(patient) = Patient::new(&["-E", "noinline_data"]) else {
        return;
    };
    let run = patient.runs("/size-4095")[0];
    let found = patient.after(|bytes| bytes[at(run.at + run.len)] = 1);
    only(&found, &[Rule::Padding]);
}

#[test]
fn a_directory_entry_must_tell_the_truth() {
    let Some(patient) = Patient::new(&[]) else {
        return;
    };
    let entries = &patient.node("/").dirents;
    let find = |name: &[u8]| entries.iter().find(|entry| entry.name == name).unwrap();
    let (file, dots) = (at(find(b"text").at), at(find(b"..").at));
    only(&patient.after(|bytes| bytes[file + 10] = 7), &[Rule::DirType]);
    only(&patient.after(|bytes| bytes[file + 11] = 1), &[Rule::Reserved]);
    let found = patient.after(|bytes| bytes[dots] ^= 1);
    only(&found, &[Rule::DirDots]);
    let first = at(entries[0].at);
    let found = patient.after(|bytes| bytes[first + 8] += 1);
    assert!(found.has(Rule::DirNameOffset), "{found}");
}

#[test]
fn a_cut_image_is_found() {
    let Some(patient) = Patient::new(&[]) else {
        return;
    };
    let mut bytes = patient.bytes;
    bytes.pop();
    let found = check(&Image::from_bytes(bytes)).unwrap_err();
    assert!(found.has(Rule::BlockCount), "{found}");
}

#[test]
fn feature_bits_must_be_known_and_needed() {
    let Some(patient) = Patient::new(&[]) else {
        return;
    };
    only(&patient.after(|bytes| bytes[1024 + 0x50] = 4), &[Rule::UnneededFeature]);
    only(&patient.after(|bytes| bytes[1024 + 0x51] = 2), &[Rule::UnknownFeature]);
    let Some(patient) = Patient::new(&["--chunksize=4096"]) else {
        return;
    };
    only(&patient.after(|bytes| bytes[1024 + 0x50] = 0), &[Rule::MissingFeature]);
}

#[test]
fn a_wrong_chunk_address_is_outside() {
    let Some(patient) = Patient::new(&["--chunksize=4096"]) else {
        return;
    };
    let Data::Chunks(map) = &patient.node("/mixed").data else {
        panic!("not chunked");
    };
    let place = at(map.at);
    let found = patient.after(|bytes| bytes[place + 2] = 1);
    assert!(found.has(Rule::OutOfImage), "{found}");
}

#[test]
fn a_wrong_cluster_index_is_found() {
    for args in [&["-zlz4hc"][..], &["-zlz4hc", "-C16384"]] {
        if !have(Oracle::Mkfs) {
            return;
        }
        let source = sample_tree();
        let mut bytes = fs::read(PeerImage::new(source.path(), args).path()).unwrap();
        let image = Image::from_bytes(bytes.clone());
        let model = model::read(&image, &mut Findings::default()).unwrap();
        let mut nodes = model.inodes.values();
        let node = nodes.find(|node| node.path == b"/zeros").unwrap();
        let Data::Compressed(map) = &node.data else {
            panic!("not compressed");
        };
        let is_distance = |entry: &Entry| matches!(entry, Entry::Next { back: Some(_), .. });
        let number = map.entries.iter().position(is_distance).unwrap();
        assert!(number < 3, "in a pack of two");
        bytes[at(map.at) + 8 + 8 * (number / 2) + 2 * (number % 2)] ^= 0x10;
        let found = check(&Image::from_bytes(bytes)).unwrap_err();
        assert!(found.has(Rule::ZIndex), "{args:?}\n{found}");
    }
}
