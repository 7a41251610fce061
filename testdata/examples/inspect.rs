//! Looks at an image by hand:
//!
//! ```sh
//! cargo run -p testdata --example inspect -- check IMAGE
//! cargo run -p testdata --example inspect -- dump IMAGE
//! cargo run -p testdata --example inspect -- verify IMAGE FOLDER
//! ```

#![expect(clippy::print_stdout, reason = "printing is what it is for")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use testdata::verify::{Options, verify_image};
use testdata::{dump, host, raw};

fn main() -> ExitCode {
    let args: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let words: Vec<&Path> = args.iter().map(PathBuf::as_path).collect();
    let result = match words[..] {
        [verb, image] if verb == Path::new("check") => check(image),
        [verb, image] if verb == Path::new("dump") => {
            raw::Image::open(image).map(|image| dump::dump(&image)).map_err(|e| e.to_string())
        }
        [verb, image, folder] if verb == Path::new("verify") => verify(image, folder),
        _ => Err("usage: inspect check|dump IMAGE, or inspect verify IMAGE FOLDER".into()),
    };
    match result {
        Ok(text) => {
            println!("{}", text.trim_end());
            ExitCode::SUCCESS
        }
        Err(text) => {
            println!("{}", text.trim_end());
            ExitCode::FAILURE
        }
    }
}

fn check(image: &Path) -> Result<String, String> {
    let image = raw::Image::open(image).map_err(|error| error.to_string())?;
    raw::check(&image).map(|report| format!("{report:?}")).map_err(|found| found.to_string())
}

fn verify(image: &Path, folder: &Path) -> Result<String, String> {
    let expected = host::snapshot(folder).map_err(|error| error.to_string())?;
    verify_image(image, &expected, &Options::default()).map(|verified| format!("{verified:?}"))
}
