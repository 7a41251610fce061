//! The command lines that are compared.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// The UUID that NixOS gives its store images.
const UUID: &str = "eb176051-bd15-49b7-9e6b-462e0b467019";
pub(super) const LABEL: &str = "nix-store";

/// The flags of nixpkgs, whatever the source.
pub(super) const NIXPKGS: [&str; 9] =
    ["--quiet", "--force-uid=0", "--force-gid=0", "-T", "0", "-L", LABEL, "-U", UUID];
/// Those for an archive.
pub(super) const ARCHIVE: [&str; 2] = ["--hard-dereference", "--tar=f"];

/// A command under a name.
#[derive(Clone, Debug)]
pub struct Contender {
    /// How the table calls it. Ours begin with "ours".
    pub name: String,
    program: PathBuf,
    /// The program that has to be there: the command, or the one that it runs.
    needs: PathBuf,
    before: Vec<OsString>,
    after: Vec<OsString>,
    /// The flags that [`Contender::with_flags`] added, for people.
    flags: String,
}

impl Contender {
    pub(super) fn new<B: AsRef<OsStr>, A: AsRef<OsStr>>(
        name: &str,
        program: &Path,
        before: impl IntoIterator<Item = B>,
        after: impl IntoIterator<Item = A>,
    ) -> Self {
        let owned = |word: &OsStr| word.to_owned();
        Self {
            name: name.to_owned(),
            program: program.to_owned(),
            needs: program.to_owned(),
            before: before.into_iter().map(|w| owned(w.as_ref())).collect(),
            after: after.into_iter().map(|w| owned(w.as_ref())).collect(),
            flags: String::new(),
        }
    }

    /// The same with more flags.
    #[must_use]
    pub fn with_flags(mut self, flags: &str) -> Self {
        self.before.extend(flags.split_whitespace().map(OsString::from));
        flags.clone_into(&mut self.flags);
        self
    }

    /// The same, for a program that runs this one.
    #[must_use]
    pub(super) fn that_needs(mut self, program: &Path) -> Self {
        self.needs = program.to_owned();
        self
    }

    /// The same, with what the command reports in a file beside the image.
    #[must_use]
    #[cfg(feature = "figures")]
    pub(crate) fn with_report(self) -> Self {
        let script = "for image; do :; done; exec \"$@\" >\"$image.json\"";
        let words = ["-c", script, "sh"].map(OsString::from).into_iter();
        let words = words.chain([self.program.into_os_string(), "--json".into()]);
        Self { program: "sh".into(), before: words.chain(self.before).collect(), ..self }
    }

    /// Is this a command of this project, not a peer or the floor?
    #[must_use]
    pub fn is_ours(&self) -> bool {
        self.name.starts_with("ours")
    }

    /// Whether the program that it needs is there. A bare name is looked for in PATH.
    #[must_use]
    pub fn is_installed(&self) -> bool {
        if self.needs.components().count() > 1 {
            return self.needs.is_file();
        }
        std::env::var_os("PATH").is_some_and(|path| {
            std::env::split_paths(&path).any(|dir| dir.join(&self.needs).is_file())
        })
    }

    /// The path of the program that it needs, for the report of missing ones.
    #[must_use]
    pub fn needs(&self) -> &Path {
        &self.needs
    }

    /// Its name with the flags that it was given.
    #[must_use]
    pub fn shown(&self) -> String {
        format!("{} {}", self.name, self.flags).trim_end().to_owned()
    }

    /// The command line that writes `out`.
    #[must_use]
    pub fn command(&self, out: &Path) -> Vec<OsString> {
        let mut command = vec![self.program.clone().into_os_string()];
        command.extend_from_slice(&self.before);
        command.push(out.into());
        command.extend_from_slice(&self.after);
        command
    }
}

impl AsRef<Contender> for Contender {
    fn as_ref(&self) -> &Contender {
        self
    }
}

/// Where the programs are.
#[derive(Clone, Debug)]
pub struct Programs {
    /// `mkfs-erofs` of this project.
    pub ours: PathBuf,
    /// `mkfs.erofs` of erofs-utils.
    pub peer: PathBuf,
    /// `mksquashfs` of squashfs-tools.
    pub mksquashfs: PathBuf,
    /// The floor of this crate.
    pub floor: PathBuf,
}

impl Programs {
    /// Ours, from a list of store paths.
    #[must_use]
    pub fn ours_store(&self, name: &str, list: &Path) -> Contender {
        let list = list.as_os_str();
        let before = [OsStr::new("--quiet"), OsStr::new("--store-paths"), list];
        Contender::new(name, &self.ours, before, [""; 0])
    }

    /// Ours, from a directory.
    #[must_use]
    pub fn ours_directory(&self, dir: &Path) -> Contender {
        let before = ["--quiet", "--all-root", "-T", "0", "-L", LABEL, "-U", UUID];
        Contender::new("ours, directory", &self.ours, before, [dir])
    }

    /// mkfs.erofs with the flags nixpkgs gives it, from a directory.
    #[must_use]
    pub fn peer_directory(&self, dir: &Path) -> Contender {
        Contender::new("mkfs.erofs", &self.peer, NIXPKGS, [dir])
    }

    /// Ours and mkfs.erofs, from the archive of a directory that GNU tar makes
    /// meanwhile, with the flags nixpkgs gives them.
    #[must_use]
    pub fn of_pipe(&self, dir: &Path) -> [Contender; 2] {
        let flags = [&NIXPKGS[..], &ARCHIVE].concat().join(" ");
        let script = format!("tar -C \"$1\" -cf - . | \"$2\" {flags} \"$3\"");
        [("ours, pipe", &self.ours), ("mkfs.erofs", &self.peer)].map(|(name, program)| {
            let words = [OsStr::new("-c"), script.as_ref(), "sh".as_ref(), dir.as_ref()];
            let before = words.into_iter().chain([program.as_os_str()]);
            Contender::new(name, Path::new("sh"), before, [""; 0]).that_needs(program)
        })
    }

    /// The same from an archive that is a file.
    #[must_use]
    pub fn of_archive(&self, archive: &Path) -> [Contender; 2] {
        [("ours, archive", &self.ours), ("mkfs.erofs", &self.peer)].map(|(name, program)| {
            Contender::new(name, program, NIXPKGS.iter().chain(&ARCHIVE), [archive])
        })
    }

    /// mksquashfs with more flags, which come last.
    #[must_use]
    pub fn squashfs_directory(&self, dir: &Path, flags: &str) -> Contender {
        let after = "-quiet -no-progress -noappend -all-root -no-xattrs -no-hardlinks \
                     -mkfs-time 0 -all-time 0";
        let after = after.split_whitespace().chain(flags.split_whitespace());
        let contender = Contender::new("mksquashfs", &self.mksquashfs, [dir], after);
        Contender { flags: flags.to_owned(), ..contender }
    }

    /// The floor, from a directory.
    #[must_use]
    pub fn floor_directory(&self, dir: &Path) -> Contender {
        Contender::new("floor", &self.floor, ["--quiet"], [dir])
    }

    /// The floor, from a list of store paths.
    #[must_use]
    pub fn floor_store(&self, list: &Path) -> Contender {
        let before = [OsStr::new("--quiet"), "--store-paths".as_ref(), list.as_os_str()];
        Contender::new("floor", &self.floor, before, [""; 0])
    }
}
