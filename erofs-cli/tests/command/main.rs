//! The command against a hostile world: input that is bad or changes, outputs
//! that refuse, signals, devices; and against the world of its callers: other
//! surroundings, the lines they run, the store they mount.
//!
//! Whatever goes wrong, there is one message that names the path, nothing
//! under the final name and no other file; an image that was there stays.

mod attributes;
mod base;
mod bombs;
mod callers;
mod compression;
mod decoders;
mod determinism;
mod devices;
mod disks;
mod documented;
mod ends;
mod faults;
mod flags;
mod habits;
mod hosts;
mod images;
mod labels;
mod lists;
mod manifest;
mod merge;
mod messages;
mod nix;
mod oldway;
mod order;
mod outputs;
mod place;
mod races;
mod readme;
mod refusal;
mod reports;
mod signals;
mod signatures;
mod sources;
mod stopped;
mod store;
mod take;
mod tar;
mod tar_index;
mod terminal;
mod verified;
mod verity;
mod wide;
mod xattrs;
