//! An event handler that breaks ends the build, in whatever phase.

use std::io::Cursor;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use erofs_writer::{Error, Event, ImageWriter, Phase, SeekWriter, Tree};
use testdata::trees::{Builder, noise};

use crate::support::{fixed, has_magic};

const PHASES: [Phase; 5] = [Phase::Check, Phase::Plan, Phase::Place, Phase::Write, Phase::Finish];

fn tree() -> Tree {
    let mut tree = Builder::new();
    for number in 0..50_u32 {
        tree.file(format!("f{number}"), noise(number.into(), 200_000));
    }
    tree.done()
}

#[test]
fn events_come_in_order_and_progress_reaches_the_total() {
    let mut phases = Vec::new();
    let mut last = None;
    let output = SeekWriter::new(Cursor::new(Vec::new()));
    let summary = ImageWriter::new(fixed())
        .on_event(|event| {
            match event {
                Event::Phase(phase) => phases.push(phase),
                Event::Progress { done, total } => {
                    assert!(last.is_none_or(|(before, _)| before <= done));
                    last = Some((done, total));
                }
                other => panic!("{other:?}"),
            }
            ControlFlow::Continue(())
        })
        .write(&tree(), &output)
        .unwrap();
    assert_eq!(phases, PHASES);
    let timed: Vec<_> = summary.times.iter().map(|(phase, _)| *phase).collect();
    assert_eq!(timed, PHASES);
    let (done, total) = last.unwrap();
    assert_eq!(done, total);
}

#[test]
fn a_break_in_any_phase_ends_the_build_without_an_image() {
    let tree = tree();
    for threads in [1, 2] {
        for stop in PHASES {
            broken_off(&tree, threads, |event| event == Event::Phase(stop));
        }
        for part in [0, 2] {
            broken_off(&tree, threads, |event| match event {
                Event::Progress { done, total } => done * 2 >= total * part,
                _ => false,
            });
        }
    }
}

/// Builds until `stop` and checks what is left of it, in memory and in files.
fn broken_off(tree: &Tree, threads: usize, stop: impl Fn(Event) -> bool + Sync) {
    let threads = NonZeroUsize::new(threads).unwrap();
    let handler = |event| match stop(event) {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(()),
    };
    let output = SeekWriter::new(Cursor::new(Vec::new()));
    let result = ImageWriter::new(fixed()).threads(threads).on_event(handler).write(tree, &output);
    assert!(matches!(result, Err(Error::Cancelled)), "{result:?}");
    assert!(!has_magic(&output.into_inner().into_inner(), 0));

    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("image.erofs");
    std::fs::write(&path, b"before").unwrap();
    let result =
        ImageWriter::new(fixed()).threads(threads).on_event(handler).write_path(tree, &path);
    assert!(matches!(result, Err(Error::Cancelled)), "{result:?}");
    assert_eq!(std::fs::read(&path).unwrap(), b"before");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}
