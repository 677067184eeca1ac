//! Looks on while cases run: panics, also those that the server catches, hangs, and memory.

use std::backtrace::Backtrace;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError};
use std::time::{Duration, Instant};

/// Longest time of a case. What waits for a timeout of the session is done long before, also in an
/// unoptimized build on a busy machine.
const HANGS_AFTER: Duration = Duration::from_secs(60);
/// Memory of the process at most: several times what a node with its few tables needs, and the
/// 512 MiB that queries may take together.
const MEMORY_MAX: u64 = 4 << 30;
/// How often the watchdog looks.
const LOOK: Duration = Duration::from_millis(200);
/// Lines of a panic's backtrace that are shown.
const FRAMES_SHOWN: usize = 40;

/// Panics since the last look; the hook is the process's.
static PANICS: Mutex<Vec<String>> = Mutex::new(Vec::new());
static HOOK: Once = Once::new();

/// The case that runs.
#[derive(Default)]
struct Running {
    case: u64,
    input: String,
    since: Option<Instant>,
}

/// Watches until it is dropped.
pub(crate) struct Watch {
    running: Arc<Mutex<Running>>,
    /// Holds the input that runs, for the case that it ends the process at once.
    file: PathBuf,
}

impl Watch {
    pub(crate) fn start(seed: u64) -> Watch {
        HOOK.call_once(|| std::panic::set_hook(Box::new(note)));
        let running = Arc::new(Mutex::new(Running::default()));
        let file = std::env::temp_dir().join(format!("aerie-fuzz-{}", std::process::id()));
        println!("seed {seed}; should the process die, its last case is in {}", file.display());
        let weak = Arc::downgrade(&running);
        std::thread::spawn(move || {
            while let Some(running) = weak.upgrade() {
                look(&lock(&running));
                drop(running);
                std::thread::sleep(LOOK);
            }
        });
        Watch { running, file }
    }

    pub(crate) fn begin(&self, case: u64, input: &str) {
        // It only serves a process that dies.
        let _ = fs::write(&self.file, format!("case {case}\n{input}\n"));
        *lock(&self.running) =
            Running { case, input: input.to_string(), since: Some(Instant::now()) };
    }

    /// The case has ended; the panics that happened meanwhile.
    pub(crate) fn end(&self) -> Vec<String> {
        lock(&self.running).since = None;
        std::mem::take(&mut *lock(&PANICS))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.file);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The panic hook. Its backtrace takes seconds in a build with debug information, so it is there
/// with `RUST_BACKTRACE=1` only.
fn note(panic: &std::panic::PanicHookInfo<'_>) {
    let trace = Backtrace::capture().to_string();
    let ours = trace.lines().skip_while(|line| !line.contains("begin_panic")).skip(1);
    let shown: Vec<&str> = ours.take(FRAMES_SHOWN).collect();
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    let message = panic.payload_as_str().unwrap_or("a panic").replace('\n', " ");
    lock(&PANICS).push(format!("panic at {place}: {message}\n{}", shown.join("\n")));
}

/// Ends the process where a case will never end by itself.
fn look(running: &Running) {
    let Some(since) = running.since else { return };
    let wrong = if since.elapsed() > HANGS_AFTER {
        format!("no end after {HANGS_AFTER:?}")
    } else if memory() > MEMORY_MAX {
        format!("{} MiB of memory", memory() >> 20)
    } else {
        return;
    };
    eprintln!("case {}: {wrong}\n{}", running.case, running.input);
    std::process::exit(2);
}

/// Resident memory of the process, bytes.
fn memory() -> u64 {
    const PAGE: u64 = 4096;
    let pages = fs::read_to_string("/proc/self/statm").ok();
    let pages = pages.and_then(|text| text.split_whitespace().nth(1)?.parse::<u64>().ok());
    pages.unwrap_or(0) * PAGE
}
