//! Listings on standard output, written as the image is read.

use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;
use std::path::Path;

use erofs_writer::source::Image;

use super::{lines, table};
use crate::args::ListForm;
use crate::exit::Failure;

/// Lists an image.
pub(super) fn list(
    image: &Path,
    paths: &[Vec<u8>],
    form: ListForm,
    json: bool,
) -> Result<(), Failure> {
    let mut out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    let mut failed = None;
    let usage = Image::open(image)?.list(paths, |listed| {
        let written = match (form, json) {
            (ListForm::Table, _) => Ok(()),
            (ListForm::Files, true) => lines::json(&mut out, listed),
            (ListForm::Files, false) => lines::text(&mut out, listed),
        };
        match written {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        }
    });
    let end = match (&usage, failed, form) {
        (_, Some(error), _) => Err(error),
        (Ok(usage), None, ListForm::Table) => table::write(&mut out, usage, json),
        _ => Ok(()),
    };
    // What was listed before an error is worth having.
    let end = end.and_then(|()| out.flush());
    let (_, unwritten) = out.into_parts();
    drop(unwritten);
    usage?;
    end.map_err(|source| Failure::Listing { source })
}
