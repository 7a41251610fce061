//! The commands of README.md run as they stand, and those of all documents are commands
//! that there can be.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use crate::place::{PROGRAM, Place, Run};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The blocks of code in a document: indented by four blanks, or fenced.
fn blocks(text: &str) -> Vec<String> {
    let mut found = vec![String::new()];
    let mut fenced = false;
    for line in text.lines() {
        let is_fence = line.trim_start().starts_with("```");
        fenced ^= is_fence;
        let code = if fenced { Some(line) } else { line.strip_prefix("    ") };
        match code.filter(|_| !is_fence) {
            Some(code) => {
                let block = found.last_mut().expect("one at least");
                block.push_str(code);
                block.push('\n');
            }
            None => found.push(String::new()),
        }
    }
    found.retain(|block| !block.is_empty());
    found
}

/// The commands in a block, with the lines that a backslash joins.
fn commands(block: &str) -> Vec<String> {
    let joined = block.replace("\\\n", " ");
    let lines = joined.lines().map(|line| line.split("  #").next().unwrap_or_default().trim());
    lines.filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// What other tests run, or what needs the machine of a user.
const ELSEWHERE: &[&str] = &[
    "scripts/",
    "cargo ",
    "nix run ",
    "nix profile ",
    "apt ",
    "mount ",
    "sudo ",
    "let ",
    "ImageWriter::",
    "zgrep ",
    "veritysetup ",
];

/// Programs that stand in for those of Nix and of containers.
fn programs(place: &Place) {
    let programs = [
        ("nix-store", "printf '%s\\n' STORE/aaa-one STORE/bbb-two"),
        ("nix", "exit 0"),
        ("docker", "tar -C rootfs -c ."),
    ];
    for (name, script) in programs {
        let script = script.replace("STORE", &place.path("nix/store").display().to_string());
        let name = format!("bin/{name}");
        place.file(&name, format!("#!/bin/sh\n{script}\n"));
        fs::set_permissions(place.path(&name), PermissionsExt::from_mode(0o755)).expect("is mine");
    }
    symlink(PROGRAM, place.path("bin/mkfs-erofs")).expect("free");
}

/// A place with all that the commands name.
fn place() -> Place {
    let place = Place::new();
    programs(&place);
    for name in ["nix/store/aaa-one/bin/one", "nix/store/bbb-two/share/two", "nix/store/ccc-other"]
    {
        place.file(name, name.repeat(1000));
    }
    place.file("rootfs/usr/share/doc/text", "some text");
    place.file("rootfs/etc/passwd", "root:x:0:0::/:/bin/sh\n");
    place.file("build/app", "a program");
    place.file("rootfs.list", "dir / 0755 0 0\nfile /app 0755 0 0 app\n");
    let tar = place.command_of("tar").args(["-C", "rootfs", "-cf", "rootfs.tar", "."]).status();
    assert!(tar.expect("there is one").success());
    fs::copy(place.path("rootfs.tar"), place.path("layer.tar")).expect("there is room");
    let list = format!("{0}/aaa-one\n{0}/bbb-two\n", place.path("nix/store").display());
    for name in ["store-paths", "today"] {
        place.file(name, &list);
    }
    for image in ["base.erofs", "app.erofs"] {
        place.run(&format!("-Enoinline_data {image} rootfs")).succeeded();
    }
    place.run("-zlz4hc --rebuildable old.erofs rootfs").succeeded();
    place
}

#[test]
fn the_commands_of_the_readme_run_as_they_stand() {
    let text = fs::read_to_string(repository().join("README.md")).expect("is in the repository");
    let place = place();
    // Nobody writes into the store of this machine.
    let store = place.path("nix/store").display().to_string();
    let path = format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", place.path("bin").display());
    let mut count = 0;
    for command in blocks(&text).iter().flat_map(|block| commands(block)) {
        // A cache is made by Nix alone.
        let needs_nix = command.contains("--binary-cache");
        if ELSEWHERE.iter().any(|start| command.starts_with(start)) || needs_nix {
            continue;
        }
        let script = command.replace("/nix/store", &store);
        let mut shell = place.command_of("/bin/bash");
        shell.args(["-euo", "pipefail", "-c", &script]).env("PATH", &path).env("REGEX", "^ccc");
        let run = Run::of(&mut shell);
        assert_eq!(run.code(), Some(0), "{command}: {}", run.stderr);
        count += 1;
    }
    assert!(count >= 12, "only {count} commands were found");
}

/// A block of code in a document, and the text before it.
fn texts_and_blocks(text: &str) -> Vec<(String, String)> {
    let mut found = vec![(String::new(), String::new())];
    for line in text.lines() {
        let is_in_block = !found[found.len() - 1].1.is_empty();
        match line.strip_prefix("    ") {
            Some(code) => {
                let block = &mut found.last_mut().expect("one at least").1;
                block.push_str(code);
                block.push('\n');
            }
            None if line.is_empty() => {}
            None => {
                if is_in_block {
                    found.push((String::new(), String::new()));
                }
                found.last_mut().expect("one at least").0 = line.to_owned();
            }
        }
    }
    found
}

#[test]
fn the_example_about_images_prints_what_it_says() {
    let text =
        fs::read_to_string(repository().join("docs/images.md")).expect("is in the repository");
    let found = texts_and_blocks(&text);
    let place = Place::new();
    programs(&place);
    let path = format!("{}:/usr/bin:/bin", place.path("bin").display());
    let run = |script: &str| {
        let mut shell = place.command_of("/bin/bash");
        let run = Run::of(shell.args(["-euo", "pipefail", "-c", script]).env("PATH", &path));
        assert_eq!(run.code(), Some(0), "{script}: {}", run.stderr);
        run.stdout
    };
    let (_, tree) = found.iter().find(|(_, block)| block.contains("mkdir ")).expect("a tree");
    run(tree);
    let mut count = 0;
    for pair in found.windows(2) {
        let [(_, command), (before, printed)] = pair else { continue };
        // There may be no jq.
        if before == "prints" && command.starts_with("mkfs-erofs ") && !command.contains("jq ") {
            assert_eq!(run(command), *printed, "{command}");
            count += 1;
        }
    }
    assert_eq!(count, 2, "the list and the table");
}

/// The words of a simple command, as a shell splits them: quotes hold blanks together, and
/// the command ends at a sign of the shell.
fn words(command: &str) -> Vec<String> {
    let mut words = vec![];
    let mut word = None::<String>;
    let mut quote = None;
    for char in command.chars() {
        match (quote, char) {
            (Some(open), char) if char == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(char);
                word.get_or_insert_default();
            }
            (None, '|' | '>' | '<' | '&' | ';' | '#' | ')') => break,
            (None, ' ') => words.extend(word.take()),
            (_, char) => word.get_or_insert_default().push(char),
        }
    }
    words.extend(word);
    words
}

/// Whether the command takes these words, which may be of a form for readers.
fn is_taken(words: &[String]) -> bool {
    let is_form =
        |word: &String| word.contains("...") || word.starts_with('[') || word.contains('$');
    if words.iter().any(is_form) {
        return true;
    }
    match erofs_cli::parse(words.iter().map(OsString::from), None) {
        Ok(_) => true,
        // Those that make no image.
        Err(error) => error.to_string().starts_with("--list and --extract"),
    }
}

#[test]
fn the_commands_of_all_documents_can_be_given() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for folder in ["", "docs"] {
        for file in fs::read_dir(repository().join(folder)).expect("is a folder") {
            let path = file.expect("can be read").path();
            if path.extension().is_none_or(|extension| extension != "md") {
                continue;
            }
            let text = fs::read_to_string(&path).expect("is text");
            for command in blocks(&text).iter().flat_map(|block| commands(block)) {
                let start = ["mkfs-erofs ", "mkfs.erofs "].iter().find_map(|name| {
                    // It may come after others, but is a word.
                    let at = command.find(name)?;
                    let is_word = at == 0 || command[..at].ends_with(' ');
                    is_word.then_some(at + name.len())
                });
                let Some(start) = start else { continue };
                count += 1;
                if !is_taken(&words(&command[start..])) {
                    wrong.push(format!("{}: {command}", path.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "these are no commands:\n{}", wrong.join("\n"));
    assert!(count > 30, "only {count} commands were found");
}
