//! The command `mkfs-erofs`. Everything is in the library of this crate, so
//! that tests and fuzzers can call it.

#![forbid(unsafe_code)]

use std::env;
use std::process::ExitCode;

fn main() -> ExitCode {
    erofs_cli::run(env::args_os().skip(1), env::var_os("SOURCE_DATE_EPOCH"))
}
