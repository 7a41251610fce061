//! Proof that the writer is right, by readers that share no code with it.

#![allow(clippy::unwrap_used, reason = "tests")]

mod algorithms;
mod base;
mod boundary;
mod cancel;
mod changes;
mod chunks;
mod codec_tools;
mod codecs;
mod compressed;
mod dedupe;
mod determinism;
mod docs;
mod errors;
mod extract;
mod faults;
mod fragments;
mod golden;
mod images;
mod inline;
mod lz4;
mod merge;
mod metabox;
mod order;
mod outputs;
mod peers_bugs;
mod roundtrip;
mod sharing;
mod sparse;
mod spool;
mod staying;
mod support;
mod tar;
mod tar_index;
mod tar_rules;
mod tidy;
mod trusted;
mod verified;
mod verity;
mod wide;
