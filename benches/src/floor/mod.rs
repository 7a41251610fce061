//! The floor: what it costs only to read every file and write the same bytes
//! to one file. No image of uncompressed files can be built for less.
//!
//! `walk` finds the files and their lengths, `copy` moves the bytes. The files
//! lie in the output one after the other in path order, so all positions are
//! known before the first byte is read, and threads need not wait for one
//! another.

pub mod copy;
pub mod walk;
