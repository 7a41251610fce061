//! The ways in which Nix projects make an image of a store today, beside ours:
//! how long they take, how large the image is, and how soon it can be read.

use std::ffi::OsStr;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::thread::available_parallelism;

use anyhow::{Context, Result};

use super::contender::{ARCHIVE, Contender, LABEL, NIXPKGS, Programs};
use super::first::{first_program, read_first};
use super::reading::{FileSystem, Stored, Way, count_inodes, mount_all, read_all};
use super::reflink::command;
use super::series::{Runs, Series, image_len};
use super::table::{bytes, cpu, median, peak, wall};

/// The flags of microvm.nix, for mkfs.erofs and for ours.
const MICROVM: &str = "-zlz4hc -Eztailpacking -Efragments";
/// Where the store paths lie in an image of ext4.sh.
pub(crate) const EXT4_STORE: &str = "nix/store";
const EXT4: &str = include_str!("ext4.sh");

/// A way to make an image.
#[derive(Clone, Debug)]
pub struct Alternative {
    contender: Contender,
    file_system: FileSystem,
}

impl AsRef<Contender> for Alternative {
    fn as_ref(&self) -> &Contender {
        &self.contender
    }
}

/// All of them, for the store paths of a corpus.
pub fn all(programs: &Programs, corpus: &Path) -> Result<Vec<Alternative>> {
    let list = corpus.join("store-paths");
    let text = fs::read_to_string(&list).with_context(|| format!("{}", list.display()))?;
    let paths: Vec<&Path> = text.lines().map(Path::new).collect();
    let store = paths.first().and_then(|path| path.parent()).context("no store paths")?;
    let with = |kind, store| {
        move |contender| {
            let file_system = FileSystem { kind, store };
            Alternative { contender, file_system }
        }
    };
    let (erofs, squashfs, ext4) =
        (with("erofs", ""), with("squashfs", ""), with("ext4", EXT4_STORE));
    Ok(vec![
        erofs(programs.ours_store("ours", &list)),
        erofs(programs.ours_store(&format!("ours, {MICROVM}"), &list).with_flags(MICROVM)),
        erofs(tar_pipe(programs, store, &list)),
        erofs(microvm(programs, store)),
        squashfs(make_squashfs(programs, &paths)?),
        ext4(make_ext4(&list)),
    ])
}

/// The virtual machines of nixpkgs: an archive of the listed paths, from which
/// the folder of the store is cut, as is what Nix adds to names on macOS.
fn tar_pipe(programs: &Programs, store: &Path, list: &Path) -> Contender {
    let flags = [&NIXPKGS[..], &ARCHIVE].concat().join(" ");
    let script = format!(
        "set -o pipefail; tar --create --absolute-names --verbatim-files-from \
         --transform \"flags=rSh;s|$1/||\" \
         --transform 'flags=rSh;s|~nix~case~hack~[[:digit:]]\\+||g' \
         --files-from \"$2\" | \"$3\" {flags} \"$4\""
    );
    let words = [OsStr::new("-c"), script.as_ref(), "bash".as_ref(), store.as_ref()];
    let before = words.into_iter().chain([list.as_os_str(), programs.peer.as_os_str()]);
    Contender::new("mkfs.erofs, tar pipe of nixpkgs", Path::new("bash"), before, [""; 0])
        .that_needs(&programs.peer)
}

/// microvm.nix, but for bubblewrap, whose folder of bind mounts looks like the
/// corpus.
fn microvm(programs: &Programs, store: &Path) -> Contender {
    let flags = MICROVM.split(' ');
    let more = ["-T", "0", "--all-root", "-L", LABEL, "--mount-point=/nix/store", "--quiet"];
    Contender::new("mkfs.erofs, microvm.nix", &programs.peer, flags.chain(more), [store])
}

/// ISO images and netboot of nixpkgs.
fn make_squashfs(programs: &Programs, paths: &[&Path]) -> Result<Contender> {
    let processors = available_parallelism()?.to_string();
    let after = "-no-hardlinks -keep-as-directory -all-root -b 1048576 \
                 -comp zstd -Xcompression-level 19 -root-mode 0755 -no-progress -processors"
        .split_whitespace();
    let name = "squashfs, make-squashfs.nix";
    Ok(Contender::new(name, &programs.mksquashfs, paths, after.chain([processors.as_str()])))
}

/// SD images of nixpkgs.
pub(crate) fn make_ext4(list: &Path) -> Contender {
    let before = [OsStr::new("-c"), EXT4.as_ref(), "sh".as_ref(), list.as_ref()];
    Contender::new("ext4, make-ext4-fs.nix", Path::new("sh"), before, [""; 0])
        .that_needs(Path::new("mke2fs"))
}

/// Builds images in all these ways and reads them; a table for people and
/// Markdown.
pub fn compare(all: &[Alternative], series: &Series, store: &Path) -> Result<String> {
    let contenders: Vec<Contender> = all.iter().map(|a| a.contender.clone()).collect();
    let series = &Series { keep: true, ..series.clone() };
    let built = series.run(&contenders, image_len, |_| remove_trees(&series.work))?;
    remove_trees(&series.work)?;
    let (first, whole) = if rustix::process::geteuid().is_root() {
        read(all, series, store)?
    } else {
        (Vec::new(), Vec::new())
    };
    for number in 0..all.len() {
        fs::remove_file(series.kept(number))?;
    }
    Ok(markdown(&built, &first, &whole))
}

/// The times until a program is read, and until all is.
fn read(all: &[Alternative], series: &Series, store: &Path) -> Result<(Vec<Runs>, Vec<Runs>)> {
    let inodes = count_inodes(store)?;
    let program = first_program(store)?;
    let mut files = Vec::new();
    for (number, alternative) in all.iter().enumerate() {
        let Alternative { contender, file_system } = alternative;
        let (name, ours, path) = (contender.name.clone(), contender.is_ours(), series.kept(number));
        files.push(Stored { name, ours, path, file_system: *file_system });
    }
    let first = read_first(&files, &program, series.rounds)?;
    let images = mount_all(&files, inodes)?;
    let whole = read_all(&images, Way::ColdTar, series.rounds)?;
    Ok((first, whole))
}

/// Removes the copies that ext4.sh leaves, read-only as they are.
pub(crate) fn remove_trees(work: &Path) -> Result<()> {
    for entry in fs::read_dir(work).with_context(|| format!("{}", work.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "tree") {
            command("chmod", &["-R".as_ref(), "u+w".as_ref(), path.as_os_str()])?;
            fs::remove_dir_all(&path)?;
        }
    }
    Ok(())
}

fn markdown(built: &[Runs], first: &[Runs], whole: &[Runs]) -> String {
    let mut text = String::from(
        "| image | build s | CPU s | peak MB | size MB | first file ms | all files s |\n\
         |---|--:|--:|--:|--:|--:|--:|\n",
    );
    for (number, runs) in built.iter().enumerate() {
        let _ = write!(
            text,
            "| {} | {:.2} | {:.2} | {:.0} | {:.1} |",
            runs.name,
            median(runs, wall),
            median(runs, cpu),
            median(runs, peak) * 1024.0 / 1e6,
            median(runs, bytes) / 1e6,
        );
        // Without root nothing is read.
        let first = first.get(number).map(|runs| format!("{:.1}", median(runs, wall) * 1e3));
        let whole = whole.get(number).map(|runs| format!("{:.2}", median(runs, wall)));
        for figure in [first, whole] {
            let _ = write!(text, " {} |", figure.as_deref().unwrap_or("-"));
        }
        text.push('\n');
    }
    text
}
