//! The help, the manual page and the completions, which are made from the definition of
//! the arguments and must be the same as in `erofs-cli/generated`.
//!
//! `UPDATE_GENERATED=1 cargo test -p erofs-cli --test generated` makes them anew.

mod completions;
mod manual;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

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
    let page = manual::page(command());
    let text = String::from_utf8_lossy(&page);
    for part in ["store\\-paths", "\\-\\-tar", "\\fBztailpacking\\fR", ".SH EXAMPLES"] {
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
        let script = completions::script(shell, command());
        assert!(String::from_utf8_lossy(&script).contains("store-paths"), "{name}");
        check(name, &script);
    }
}

/// What bash proposes for the last of `words`, which it has split as it does.
fn proposed(words: &[&str]) -> String {
    let last = words.len() - 1;
    let script = format!(
        "source {}\ncomplete -p mkfs.erofs >/dev/null || exit 1\n\
         COMP_WORDS=(\"$@\") COMP_CWORD={last}\n_mkfs__erofs__all \"$1\" \"${{@: -1}}\" \"${{@: -2:1}}\"\n\
         echo \"${{COMPREPLY[@]}}\"",
        folder().join("mkfs-erofs.bash").display()
    );
    let output = Command::new("bash")
        .args(["--norc", "-c", &script, "bash"])
        .args(words)
        .stderr(Stdio::inherit())
        .output()
        .expect("bash is here");
    assert!(output.status.success(), "{words:?}");
    String::from_utf8(output.stdout).expect("is text").trim_end().to_owned()
}

/// `scripts/fresh.sh` asks zsh and fish.
#[test]
fn bash_knows_the_words_of_values() {
    for name in ["mkfs-erofs", "mkfs.erofs"] {
        assert_eq!(proposed(&[name, "-z", "lz4"]), "lz4 lz4hc");
        assert_eq!(proposed(&[name, "-zzs"]), "-zzstd");
        assert_eq!(
            proposed(&[name, "-E", "ztailpacking,frag"]),
            "ztailpacking,fragments ztailpacking,fragdedupe"
        );
        assert_eq!(proposed(&[name, "-Eall"]), "-Eall-fragments");
        assert_eq!(proposed(&[name, "-C", "65"]), "65536");
        assert_eq!(proposed(&[name, "--tar", "="]), "f i");
        assert_eq!(proposed(&[name, "--tar", "=", "f"]), "f");
        assert_eq!(proposed(&[name, "--store"]), "--store-paths");
    }
}
