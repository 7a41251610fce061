//! NARs made by hand, word by word, and of directories; and binary caches of them.

use std::fmt::Write as _;
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use erofs_writer::source::NarHash;
use sha2::{Digest, Sha256};

/// A NAR that is being made.
#[derive(Clone, Debug, Default)]
pub struct Nar {
    bytes: Vec<u8>,
}

impl Nar {
    /// One that has its first word.
    #[must_use]
    pub fn new() -> Self {
        Nar::default().word(b"nix-archive-1")
    }

    /// With a string.
    #[must_use]
    pub fn word(mut self, bytes: &[u8]) -> Self {
        self = self.number(bytes.len().try_into().unwrap());
        self.bytes.extend_from_slice(bytes);
        self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
        self
    }

    /// With several strings.
    #[must_use]
    pub fn words(self, words: &[&str]) -> Self {
        words.iter().fold(self, |nar, word| nar.word(word.as_bytes()))
    }

    /// With a number.
    #[must_use]
    pub fn number(mut self, number: u64) -> Self {
        self.bytes.extend_from_slice(&number.to_le_bytes());
        self
    }

    /// With these bytes as they are.
    #[must_use]
    pub fn raw(mut self, bytes: &[u8]) -> Self {
        self.bytes.extend_from_slice(bytes);
        self
    }

    /// With the node of a file.
    #[must_use]
    pub fn file(self, contents: &[u8]) -> Self {
        self.words(&["(", "type", "regular", "contents"]).word(contents).words(&[")"])
    }

    /// With the beginning of an entry, up to its node.
    #[must_use]
    pub fn entry(self, name: &[u8]) -> Self {
        self.words(&["entry", "(", "name"]).word(name).words(&["node"])
    }

    /// The bytes.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }

    /// With the node of what is at `path` on the host.
    #[must_use]
    pub fn host(mut self, path: &Path) -> Self {
        let found = fs::symlink_metadata(path).unwrap();
        self = self.words(&["(", "type"]);
        if found.is_symlink() {
            let target = fs::read_link(path).unwrap();
            self = self.words(&["symlink", "target"]).word(target.as_os_str().as_bytes());
        } else if found.is_file() {
            self = self.words(&["regular"]);
            if found.permissions().mode() & 0o100 != 0 {
                self = self.words(&["executable", ""]);
            }
            self = self.words(&["contents"]).word(&fs::read(path).unwrap());
        } else {
            self = self.words(&["directory"]);
            let mut names: Vec<_> =
                fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            names.sort();
            for name in names {
                self = self.entry(name.as_bytes()).host(&path.join(&name)).words(&[")"]);
            }
        }
        self.words(&[")"])
    }
}

/// The NAR of what is at `path` on the host.
#[must_use]
pub fn of_host(path: &Path) -> Vec<u8> {
    Nar::new().host(path).finish()
}

/// A binary cache in a folder.
#[derive(Clone, Debug)]
pub struct Cache {
    /// The folder.
    pub folder: PathBuf,
    /// The program that compresses, or `none`.
    compression: &'static str,
}

impl Cache {
    /// An empty cache in `folder`, which is made. The compression is `none`, `xz`, `zstd`,
    /// `bzip2` or `gzip`.
    #[must_use]
    pub fn new(folder: &Path, compression: &'static str) -> Self {
        fs::create_dir_all(folder.join("nar")).unwrap();
        fs::write(folder.join("nix-cache-info"), "StoreDir: /nix/store\nPriority: 40\n").unwrap();
        Cache { folder: folder.to_owned(), compression }
    }

    /// The file that tells about the store path with the basename `name`.
    #[must_use]
    pub fn narinfo(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{}.narinfo", &name[..32]))
    }

    /// Adds what is at `path` on the host as the store path with the basename `name`, with
    /// references to others. Returns the path of the NAR.
    pub fn add(&self, path: &Path, name: &str, references: &[&str]) -> PathBuf {
        self.put(&of_host(path), name, references)
    }

    /// Adds a NAR.
    pub fn put(&self, nar: &[u8], name: &str, references: &[&str]) -> PathBuf {
        let hash = NarHash(Sha256::digest(nar).into());
        let file = match self.compression {
            "none" => format!("nar/{name}.nar"),
            program => format!("nar/{name}.nar.{program}"),
        };
        let mut text = String::new();
        let references = references.join(" ");
        let (size, compression) = (nar.len(), self.compression);
        write!(
            text,
            "StorePath: /nix/store/{name}\nURL: {file}\nCompression: {compression}\n\
             NarHash: {hash}\nNarSize: {size}\nReferences: {references}\n"
        )
        .unwrap();
        fs::write(self.narinfo(name), text).unwrap();
        let file = self.folder.join(file);
        let bytes = if compression == "none" { nar.to_vec() } else { packed(compression, nar) };
        fs::write(&file, bytes).unwrap();
        file
    }
}

/// What `program` makes of `bytes`.
fn packed(program: &str, bytes: &[u8]) -> Vec<u8> {
    let mut child = Command::new(program)
        .args(["-c", "-1"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let bytes = bytes.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&bytes).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success());
    output.stdout
}
