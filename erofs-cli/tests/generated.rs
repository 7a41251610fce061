//! The help, the manual page and the completions, which are made from the definition of
//! the arguments and must be the same as in `erofs-cli/generated`.
//!
//! `UPDATE_GENERATED=1 cargo test -p erofs-cli --test generated` makes them anew.

use std::fs;
use std::path::{Path, PathBuf};

use clap_complete::Shell;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("generated")
}

/// The arguments, with only the version number in place of the lines for scripts.
fn command() -> clap::Command {
    erofs_cli::command().display_name("mkfs-erofs").version(env!("CARGO_PKG_VERSION"))
}

#[track_caller]
fn check(name: &str, made: &[u8]) {
    let path = folder().join(name);
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        fs::create_dir_all(folder()).expect("there is room");
        fs::write(&path, made).expect("there is room");
    }
    let there = fs::read(&path).expect("is in the repository");
    assert!(there == made, "{name} is not that of these arguments: see {}", file!());
}

#[test]
fn the_help_is_current() {
    // As wide as without a terminal.
    let mut command = command().term_width(100);
    let (short, long) = (command.render_help(), command.render_long_help());
    check("help.txt", format!("{short}\n{long}").as_bytes());
}

#[test]
fn the_manual_page_is_current() {
    let mut page = Vec::new();
    clap_mangen::Man::new(command()).render(&mut page).expect("is in memory");
    let text = String::from_utf8_lossy(&page);
    for part in ["store\\-paths", "\\-\\-tar", "ztailpacking"] {
        assert!(text.contains(part), "{part}");
    }
    check("mkfs-erofs.1", &page);
}

#[test]
fn the_completions_are_current() {
    for (shell, name) in [
        (Shell::Bash, "mkfs-erofs.bash"),
        (Shell::Zsh, "_mkfs-erofs"),
        (Shell::Fish, "mkfs-erofs.fish"),
    ] {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut command(), "mkfs-erofs", &mut script);
        assert!(String::from_utf8_lossy(&script).contains("store-paths"), "{name}");
        check(name, &script);
    }
}
