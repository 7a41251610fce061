//! Requests to end. A thread of its own waits for them, so that they are heard at once,
//! even while other threads compute or wait for a read that does not end.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use erofs_writer::Canceller;
use signal_hook::consts::{
    SIGALRM, SIGHUP, SIGINT, SIGPROF, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGVTALRM, SIGXCPU,
    SIGXFSZ,
};
use signal_hook::iterator::Signals;
use signal_hook::low_level::{emulate_default_handler, exit};

use crate::exit;
use crate::progress::Progress;

/// The signals that end a process if it does not listen.
const REQUESTS: [i32; 10] =
    [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGALRM, SIGUSR1, SIGUSR2, SIGXCPU, SIGVTALRM, SIGPROF];

/// How long cleaning up and the message about it may take. A file system that does not
/// answer, or a terminal that takes nothing, is not waited for any longer.
const PATIENCE: Duration = Duration::from_millis(600);

const RUNNING: u8 = 0;
/// The thread that waits for signals is ending the process.
const ENDING: u8 = 1;
/// The run has ended by itself.
const DONE: u8 = 2;

/// Hears requests to end, from the moment it is made.
#[derive(Debug)]
pub(crate) struct Watch {
    state: Arc<AtomicU8>,
    /// Closed when the run is over.
    running: Mutex<Option<mpsc::Sender<()>>>,
}

/// The parts of a run that a request to end deals with.
struct Run {
    state: Arc<AtomicU8>,
    canceller: Canceller,
    progress: Progress,
    output: PathBuf,
    /// Whether the old content of the output is lost.
    overwrites: Arc<AtomicBool>,
    /// If the run itself has to clean up, tells when it is over.
    over: Option<mpsc::Receiver<()>>,
}

impl Watch {
    /// Listens on behalf of a run that makes `output`. Signals that the caller lets the
    /// process ignore, as nohup does, stay ignored.
    pub(crate) fn new(
        output: &Path,
        canceller: &Canceller,
        progress: &Progress,
        overwrites: &Arc<AtomicBool>,
    ) -> io::Result<Self> {
        Watch::start(output, canceller, progress, overwrites, false)
    }

    /// The same where a run that is cancelled removes by itself what is not complete: a
    /// request to end waits for it.
    pub(crate) fn waiting(
        output: &Path,
        canceller: &Canceller,
        progress: &Progress,
        overwrites: &Arc<AtomicBool>,
    ) -> io::Result<Self> {
        Watch::start(output, canceller, progress, overwrites, true)
    }

    fn start(
        output: &Path,
        canceller: &Canceller,
        progress: &Progress,
        overwrites: &Arc<AtomicBool>,
        waits: bool,
    ) -> io::Result<Self> {
        let ignored = ignored();
        if !ignored(SIGXFSZ) {
            // Then a write beyond the limit is an error, which has a message.
            signal_hook::flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)))?;
        }
        let heard = REQUESTS.into_iter().filter(|signal| !ignored(*signal));
        let mut signals = Signals::new(heard)?;
        let state = Arc::new(AtomicU8::new(RUNNING));
        let (running, over) = mpsc::channel();
        let run = Run {
            state: state.clone(),
            canceller: canceller.clone(),
            progress: progress.clone(),
            output: output.to_path_buf(),
            overwrites: overwrites.clone(),
            over: waits.then_some(over),
        };
        let watch = thread::Builder::new().name("signals".to_owned()).spawn(move || {
            if let Some(signal) = signals.forever().next() {
                end(run, signal);
            }
        });
        if watch.is_err() {
            // No thread can be started. Then signals do what they do by default. The next
            // run removes unfinished files.
            for signal in REQUESTS.into_iter().filter(|signal| !ignored(*signal)) {
                let always = Arc::new(AtomicBool::new(true));
                signal_hook::flag::register_conditional_default(signal, always)?;
            }
        }
        Ok(Watch { state, running: Mutex::new(Some(running)) })
    }

    /// Tells that the run is over. If a signal is already ending the process, this waits
    /// for that, so that the process ends by the signal.
    pub(crate) fn done(&self) {
        if !begin(&self.state, DONE) {
            drop(self.running.lock().unwrap_or_else(PoisonError::into_inner).take());
            loop {
                thread::park();
            }
        }
    }
}

/// Changes the state of a run that is going on. Returns whether it was.
fn begin(state: &AtomicU8, next: u8) -> bool {
    state.compare_exchange(RUNNING, next, Ordering::SeqCst, Ordering::SeqCst).is_ok()
}

/// Ends the process because of `signal`.
fn end(run: Run, signal: i32) -> ! {
    if begin(&run.state, ENDING) {
        // Two threads, so that neither has to wait for what the other waits for.
        let (cleaned_up, wait) = mpsc::channel::<()>();
        let told = cleaned_up.clone();
        let over = run.over;
        let clean_up = move || {
            run.canceller.cancel();
            // Nothing is sent, and the end is all that there is to wait for.
            let _ = over.map(|over| over.recv());
            drop(cleaned_up);
        };
        let tell = move || {
            run.progress.end();
            if run.overwrites.load(Ordering::Relaxed) {
                exit::lost(&run.output);
            }
            exit::interrupted(&run.output);
            drop(told);
        };
        // If only one thread can be started, cleaning up matters more.
        let _ = thread::Builder::new().spawn(clean_up);
        let _ = thread::Builder::new().spawn(tell);
        let _ = wait.recv_timeout(PATIENCE);
    }
    // The first process of a container is not ended by its own signals.
    if process::id() != 1 {
        // The parent process sees that it was this signal, as if nobody had listened.
        let _ = emulate_default_handler(signal);
    }
    exit(128 + signal)
}

/// Tells which signals this process ignored when it began.
fn ignored() -> impl Fn(i32) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status
        .lines()
        .find_map(|line| u64::from_str_radix(line.strip_prefix("SigIgn:")?.trim(), 16).ok())
        .unwrap_or(0);
    move |signal| mask & (1 << (signal - 1)) != 0
}
