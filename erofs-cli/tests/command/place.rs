//! A folder with everything that a run of the command needs, and the result of a run.

use std::fs::{self, File, Permissions};
use std::io::{Read, Seek};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// The command that is tested.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_mkfs-erofs");

/// The user and group of somebody who may do nothing special.
pub(crate) const NOBODY: u32 = 65534;

/// No run of these tests takes a tenth of this; one that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(300);

/// A folder of its own, which everybody may enter.
pub(crate) struct Place {
    dir: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().expect("there is room");
        fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).expect("is mine");
        Place { dir }
    }

    /// The same with a small tree in `source`.
    pub(crate) fn with_source() -> Self {
        let place = Place::new();
        place.file("source/a/file", "some bytes");
        place.file("source/b", "other bytes");
        place
    }

    pub(crate) fn root(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    /// Makes a file, and the folders it lies in.
    pub(crate) fn file(&self, path: &str, contents: impl AsRef<[u8]>) {
        let path = self.path(path);
        let parent = path.parent().expect("lies in a folder");
        fs::create_dir_all(parent).expect("there is room");
        fs::write(path, contents).expect("there is room");
    }

    pub(crate) fn folder(&self, path: &str) {
        fs::create_dir_all(self.path(path)).expect("there is room");
    }

    /// The command, to be run in this folder.
    pub(crate) fn command(&self) -> Command {
        self.command_of(PROGRAM)
    }

    /// `program`, by which signals are not ignored. What runs in the background may ignore
    /// some, and so does all that it starts.
    pub(crate) fn listening(&self, program: impl AsRef<Path>) -> Command {
        let mut command = self.command_of("env");
        command.arg("--default-signal").arg(program.as_ref());
        command
    }

    /// `program` in the same surroundings.
    pub(crate) fn command_of(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        command.current_dir(self.dir.path()).env_remove("SOURCE_DATE_EPOCH").stdin(Stdio::null());
        command
    }

    /// The command as nobody runs it. The program is put where nobody can
    /// reach it; who is not root is nobody enough.
    pub(crate) fn command_of_nobody(&self) -> Command {
        if !is_root() {
            return self.command();
        }
        let program = self.path("mkfs-erofs");
        if !program.exists() {
            // By another process: one that another test starts while this one
            // has the file open for writing would keep it open, and a file
            // that is written to cannot be run.
            let copied = Command::new("cp").arg(PROGRAM).arg(&program).status();
            assert!(copied.expect("there is a cp").success(), "{} not made", program.display());
        }
        let mut command = self.command_of(program);
        command.uid(NOBODY).gid(NOBODY);
        command
    }

    /// Runs the command with the words of `line`.
    pub(crate) fn run(&self, line: &str) -> Run {
        Run::of(self.command().args(line.split_whitespace()))
    }

    /// Runs it, which must succeed, and returns the image.
    pub(crate) fn image(&self, line: &str, image: &str) -> Vec<u8> {
        self.run(line).succeeded();
        fs::read(self.path(image)).expect("was written")
    }

    /// The names in a folder.
    pub(crate) fn names(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(folder)).expect("is there");
        let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
        let mut names: Vec<String> = entries.map(|entry| name(entry.expect("readable"))).collect();
        names.sort();
        names
    }
}

/// The result of a finished run.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    pub(crate) fn of(command: &mut Command) -> Self {
        Started::new(command).finish()
    }

    pub(crate) fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Checks that it went well and complained about nothing.
    #[track_caller]
    pub(crate) fn succeeded(&self) {
        assert_eq!((self.code(), self.stderr.as_str()), (Some(0), ""), "{self:?}");
    }

    pub(crate) fn was_killed_by(&self) -> Option<i32> {
        self.status.signal()
    }
}

/// A run that is not finished. Its output goes to files, which never fill up
/// and never end the wait too late.
pub(crate) struct Started {
    child: std::process::Child,
    stdout: File,
    stderr: File,
    shown: String,
}

impl Started {
    pub(crate) fn new(command: &mut Command) -> Self {
        let files = [(); 2].map(|()| tempfile::tempfile().expect("there is room"));
        let [stdout, stderr] = files;
        let same = |file: &File| Stdio::from(file.try_clone().expect("there are descriptors"));
        command.stdout(same(&stdout)).stderr(same(&stderr));
        let shown = format!("{command:?}");
        let child = command.spawn().unwrap_or_else(|error| panic!("{shown}: {error}"));
        Started { child, stdout, stderr, shown }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has ended.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("is ours").is_some()
    }

    /// Sends it a signal, by its name without SIG.
    pub(crate) fn signal(&self, signal: &str) {
        assert!(kill(signal, &self.id().to_string()), "{}: no {signal}", self.shown);
    }

    /// Waits for its end.
    pub(crate) fn finish(mut self) -> Run {
        let start = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("is ours") {
                break status;
            }
            if start.elapsed() > PATIENCE {
                // The panic is the answer, whether or not this works.
                let _ = self.child.kill().and_then(|()| self.child.wait());
                panic!("{} does not end", self.shown);
            }
            thread::sleep(Duration::from_millis(2));
        };
        Run { status, stdout: text(&mut self.stdout), stderr: text(&mut self.stderr) }
    }
}

fn text(file: &mut File) -> String {
    let mut bytes = Vec::new();
    file.rewind().and_then(|()| file.read_to_end(&mut bytes)).expect("is a file of ours");
    String::from_utf8(bytes).expect("is text")
}

/// Sends a process a signal, by its name without SIG. Did it get it?
pub(crate) fn kill(signal: &str, process: &str) -> bool {
    // A small system has no program of that name, but every shell knows it.
    let script = "kill -s \"$0\" \"$1\" 2>/dev/null";
    let status = Command::new("sh").args(["-c", script, signal, process]).status();
    status.expect("there is a shell").success()
}

/// Whether this process may do everything.
pub(crate) fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0)
}
