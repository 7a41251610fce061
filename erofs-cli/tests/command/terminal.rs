//! The command on a terminal: the line about the work at all widths, notes beside it, and
//! Ctrl-C.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::pty::{self, OpenptFlags};
use rustix::termios::{self, Winsize};

use crate::place::{PROGRAM, Place};
use crate::stopped::slow_source;

/// No test here takes a tenth of this.
const PATIENCE: Duration = Duration::from_secs(120);

/// A terminal of a certain width, and a program that runs in it.
struct Terminal {
    child: Child,
    keyboard: File,
    shown: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

impl Terminal {
    /// Starts `command` in a terminal with so many columns, which it may be controlled by.
    fn start(columns: u16, command: &mut Command) -> Self {
        let controller = pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        pty::grantpt(&controller).expect("is ours");
        pty::unlockpt(&controller).expect("is ours");
        let name = pty::ptsname(&controller, Vec::new()).expect("has a name");
        let terminal = OpenOptions::new()
            .read(true)
            .write(true)
            .open(OsStr::from_bytes(name.as_bytes()))
            .expect("can be opened");
        let size = Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        termios::tcsetwinsize(&terminal, size).expect("is a terminal");
        let same = || Stdio::from(terminal.try_clone().expect("there are descriptors"));
        command.env("TERM", "xterm").stdin(same()).stdout(same()).stderr(same());
        let child = command.spawn().expect("can be run");
        // Else this process keeps the terminal open.
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        drop(terminal);
        let keyboard = File::from(controller);
        let mut screen = keyboard.try_clone().expect("there are descriptors");
        let shown = Arc::new(Mutex::new(Vec::new()));
        let into = shown.clone();
        let reader = thread::spawn(move || {
            let mut bytes = [0; 4096];
            loop {
                match screen.read(&mut bytes) {
                    Ok(0) => break,
                    Ok(len) => into.lock().expect("no panic").extend_from_slice(&bytes[..len]),
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    // The last program that had it open has ended.
                    Err(_) => break,
                }
            }
        });
        Terminal { child, keyboard, shown, reader }
    }

    fn text(&self) -> String {
        String::from_utf8(self.shown.lock().expect("no panic").clone()).expect("is text")
    }

    /// Waits until `text` was shown.
    fn wait_for(&self, text: &str) {
        let start = Instant::now();
        while !self.text().contains(text) {
            assert!(start.elapsed() < PATIENCE, "{text} is shown: {:?}", self.text());
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn types(&mut self, bytes: &[u8]) {
        self.keyboard.write_all(bytes).expect("takes a key");
    }

    /// Waits for the end, and returns the code and what was shown.
    fn finish(mut self) -> (Option<i32>, String) {
        let status = self.child.wait().expect("is ours");
        self.reader.join().expect("no panic");
        let text = String::from_utf8(self.shown.lock().expect("no panic").clone());
        (status.code(), text.expect("is text"))
    }
}

/// The texts between movements of the cursor.
fn pieces(shown: &str) -> Vec<String> {
    let mut out = vec![String::new()];
    let mut chars = shown.chars();
    while let Some(char) = chars.next() {
        match char {
            '\x1b' => {
                // A sequence ends in a letter.
                let end =
                    chars.by_ref().skip_while(|char| *char == '[').find(char::is_ascii_alphabetic);
                assert!(end.is_some(), "{shown:?}");
                out.push(String::new());
            }
            '\r' | '\n' => out.push(String::new()),
            char => out.last_mut().expect("one at least").push(char),
        }
    }
    out.retain(|piece| !piece.trim().is_empty());
    out
}

#[test]
fn the_line_about_the_work_fits_all_widths() {
    let place = Place::new();
    slow_source(&place);
    for columns in [20, 33, 50, 80, 140] {
        let mut command = place.command();
        command.args(["-zzstd,9", "-C65536", "--workers=1", "IMG", "source"]);
        let (code, shown) = Terminal::start(columns, &mut command).finish();
        assert_eq!(code, Some(0), "{shown:?}");
        let pieces = pieces(&shown);
        let summary =
            pieces.iter().position(|piece| piece.starts_with("IMG: ")).expect("a summary");
        let (drawn, _) = pieces.split_at(summary);
        // The rest of the width is filled with blanks.
        let widest = drawn.iter().map(|line| line.trim_end().len()).max();
        assert!(widest.is_some_and(|widest| widest < usize::from(columns)), "{columns}: {drawn:?}");
        assert!(
            drawn.iter().all(|line| line.len() <= usize::from(columns)),
            "{columns}: {drawn:?}"
        );
        let compressing = drawn.iter().filter(|line| line.starts_with("compressing"));
        let with_percent = compressing.filter(|line| line.contains(" %")).count();
        assert!(with_percent > 1, "{columns}: {drawn:?}");
        if columns >= 80 {
            for part in ["MiB of ", "/s", " left", "[="] {
                assert!(drawn.iter().any(|line| line.contains(part)), "{part}: {drawn:?}");
            }
        }
        // The line is gone when the summary comes.
        let before = shown.split("IMG: ").next().expect("has a start");
        assert!(before.ends_with("\x1b[2K") || before.ends_with("\r"), "{before:?}");
    }
}

#[test]
fn of_an_archive_that_comes_by_a_pipe_bytes_are_counted() {
    let place = Place::new();
    place.file("source/file", vec![7; 300_000]);
    let script = "tar -cf TAR source && { cat TAR; sleep 0.8; } | \"$0\" --tar=f IMG";
    let mut command = place.command_of("bash");
    command.args(["-c", script, PROGRAM]);
    let (code, shown) = Terminal::start(80, &mut command).finish();
    assert_eq!(code, Some(0), "{shown:?}");
    let counts =
        |piece: &String| piece.starts_with("reading the source  30") && piece.contains(" KiB read");
    assert!(pieces(&shown).iter().any(counts), "{shown:?}");
}

#[test]
fn notes_are_lines_of_their_own() {
    let place = Place::with_source();
    let mut command = place.command();
    command.args(["-C65536", "IMG", "source"]);
    let (code, shown) = Terminal::start(80, &mut command).finish();
    assert_eq!(code, Some(0));
    let note = "mkfs-erofs: note: -C: without -z nothing is compressed";
    assert!(pieces(&shown).iter().any(|piece| piece == note), "{shown:?}");
}

#[test]
fn who_is_to_type_an_archive_is_told() {
    let place = Place::new();
    let mut terminal =
        Terminal::start(80, place.command().args(["--tar=f", "--no-progress", "IMG"]));
    terminal.wait_for("standard input is a terminal");
    // The end of what is typed, which a terminal tells only to the read that waits.
    let start = Instant::now();
    while terminal.child.try_wait().expect("is ours").is_none() {
        assert!(start.elapsed() < PATIENCE, "it ends: {:?}", terminal.text());
        terminal.types(b"\x04");
        thread::sleep(Duration::from_millis(20));
    }
    let (code, shown) = terminal.finish();
    assert_eq!(code, Some(1), "{shown:?}");
    assert!(shown.contains("standard input: is empty"), "{shown:?}");
    assert!(!place.path("IMG").exists());
}

#[test]
fn ctrl_c_ends_the_loop_of_a_shell() {
    let place = Place::new();
    slow_source(&place);
    let script =
        "for n in 1 2 3; do \"$0\" -zlzma,9 --workers=1 IMG source; echo \"went on\"; done";
    let mut command = place.listening("setsid");
    command.args(["--ctty", "--wait", "bash", "-c", script, PROGRAM]);
    let mut terminal = Terminal::start(80, &mut command);
    terminal.wait_for("compressing");
    terminal.types(b"\x03");
    let (code, shown) = terminal.finish();
    assert_ne!(code, Some(0), "{shown:?}");
    assert!(shown.contains("IMG: interrupted"), "{shown:?}");
    assert!(!shown.contains("went on"), "{shown:?}");
    assert!(!place.path("IMG").exists());
}
