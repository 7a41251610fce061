//! Packs a directory without its object files, tells how far it is, and stops when
//! Enter is pressed: `cargo run --example progress -- DIR IMAGE`.

#![allow(clippy::print_stderr, reason = "it is a program")]

use std::error::Error;
use std::io::stdin;
use std::ops::ControlFlow;
use std::path::Path;
use std::thread;

use erofs_writer::source::Directory;
use erofs_writer::{Canceller, Event, HardLinks, ImageWriter, Options, Summary, Timestamp};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args_os().skip(1);
    let (Some(dir), Some(image)) = (args.next(), args.next()) else {
        return Err("usage: progress DIR IMAGE".into());
    };
    let canceller = Canceller::new();
    let stop = canceller.clone();
    thread::spawn(move || {
        if stdin().read_line(&mut String::new()).is_ok_and(|len| len > 0) {
            stop.cancel();
        }
    });
    let summary = pack(dir.as_ref(), image.as_ref(), &canceller, |event| match event {
        Event::Phase(phase) => eprintln!("{phase}"),
        Event::Progress { done, total } => eprintln!("{done} of {total} bytes"),
        _ => {}
    })?;
    eprintln!("{} bytes shared", summary.shared_bytes);
    Ok(())
}

/// Packs what is in `dir`, unless `canceller` is told to cancel.
pub fn pack(
    dir: &Path,
    image: &Path,
    canceller: &Canceller,
    mut tell: impl FnMut(Event) + Send,
) -> Result<Summary, Box<dyn Error>> {
    // One handler hears of the source and of the build.
    let mut on_event = |event| {
        tell(event);
        ControlFlow::Continue(())
    };
    let mut tree = Directory::new(dir)
        .keep(|found| !found.path().ends_with(b".o"))
        .hard_links(HardLinks::Ignore)
        .canceller(canceller)
        .on_event(&mut on_event)
        .read()?;
    tree.update_metadata(|metadata| {
        (metadata.uid, metadata.gid) = (0, 0);
        metadata.mtime = Timestamp::from_sec(1);
    });
    let mut writer = ImageWriter::new(Options::new()).canceller(canceller).on_event(on_event);
    Ok(writer.write_path(&tree, image)?)
}
