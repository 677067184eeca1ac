//! A namespace as a server runs it, without the server.

use std::fmt;
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use model::{Error, ErrorKind, Result};
use namespace::{Namespace, Settings};
use storage::{
    Backend, Device, Direct, Durability, FileDevice, FileOptions, MemoryDevice, Storage,
};

/// Milliseconds since 1970-01-01 UTC.
pub fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

/// How a namespace is opened.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Data files or block devices; none = in memory.
    pub paths: Vec<PathBuf>,
    /// Bytes of all of them together.
    pub size: u64,
    /// Bytes of a write block.
    pub block_size: u32,
    /// Shards per partition of the index.
    pub shards: u16,
    /// When a write is answered.
    pub durability: Durability,
    /// Who waits for reads.
    pub backend: Backend,
    /// Whether the page cache is passed by.
    pub direct: Direct,
    /// Seconds between checkpoints.
    pub checkpoint_period_s: u32,
    /// Whether the whole log is read although there is a checkpoint.
    pub ignore_checkpoint: bool,
}

impl Setup {
    /// A namespace in memory of this many bytes.
    pub fn in_memory(size: u64) -> Setup {
        Setup {
            paths: Vec::new(),
            size,
            block_size: 8 << 20,
            shards: 8,
            durability: Durability::Memory,
            backend: Backend::Auto,
            direct: Direct::Auto,
            checkpoint_period_s: 300,
            ignore_checkpoint: false,
        }
    }

    fn devices(&self) -> Result<Vec<Arc<dyn Device>>> {
        if self.paths.is_empty() {
            return Ok(vec![Arc::new(MemoryDevice::new(self.size))]);
        }
        let each = self.size / self.paths.len() as u64;
        let options =
            FileOptions { direct: self.direct, backend: self.backend, ..FileOptions::default() };
        let open = |path: &PathBuf| Ok(Arc::new(FileDevice::open_with(path, each, &options)?) as _);
        self.paths.iter().map(open).collect()
    }

    /// The server's defaults, but that writes never stop: a measurement fills a device further.
    fn settings(&self) -> Settings {
        Settings {
            durability: self.durability,
            checkpoint_period_s: self.checkpoint_period_s,
            stop_writes_used_pct: 0,
            stop_writes_avail_pct: 0,
            ..Settings::default()
        }
    }
}

/// A part of an opening: what was read, from the first word about it to the last.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Phase {
    pub(crate) what: &'static str,
    pub(crate) took: Duration,
    pub(crate) bytes: u64,
}

/// A namespace and its threads. Without [`Engine::close`] its end is that of a process that dies,
/// but that what is pending is still written.
pub struct Engine {
    namespace: Arc<Namespace>,
    stop: Option<Sender<()>>,
    threads: Vec<JoinHandle<()>>,
    pub(crate) phases: Vec<Phase>,
}

impl Deref for Engine {
    type Target = Namespace;

    fn deref(&self) -> &Namespace {
        &self.namespace
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("phases", &self.phases).finish_non_exhaustive()
    }
}

impl Engine {
    /// Opens the namespace, or makes it.
    pub fn open(setup: &Setup) -> Result<Engine> {
        let phases = Arc::new(Mutex::new(Vec::<(Phase, Instant)>::new()));
        let devices = setup.devices()?;
        let namespace = Namespace::open(
            namespace::Options {
                name: "bench".to_string(),
                storage_engine: if setup.paths.is_empty() { "memory" } else { "device" },
                settings: setup.settings(),
                replication_factor: 1,
                shards_per_partition: setup.shards,
            },
            now_ms(),
            |ignore_checkpoint| {
                let options = storage::Options {
                    block_size: setup.block_size,
                    durability: setup.durability,
                    ignore_checkpoint: ignore_checkpoint || setup.ignore_checkpoint,
                    ..storage::Options::new("bench", rand::random())
                };
                let phases = phases.clone();
                let progress = move |told: storage::Progress| {
                    let mut phases = phases.lock().unwrap_or_else(PoisonError::into_inner);
                    let place = phases.iter().position(|(phase, _)| phase.what == told.what);
                    let place = place.unwrap_or_else(|| {
                        let nothing = Phase { what: told.what, took: Duration::ZERO, bytes: 0 };
                        phases.push((nothing, Instant::now()));
                        phases.len() - 1
                    });
                    let (phase, begun) = &mut phases[place];
                    phase.took = begun.elapsed();
                    phase.bytes = phase.bytes.max(told.done);
                };
                Storage::open_watched(devices.clone(), &options, Box::new(progress))
            },
        )?;
        let phases = phases.lock().unwrap_or_else(PoisonError::into_inner);
        let phases = phases.iter().map(|(phase, _)| *phase).collect();
        Engine { namespace: Arc::new(namespace), stop: None, threads: Vec::new(), phases }
            .with_threads()
    }

    fn with_threads(mut self) -> Result<Engine> {
        let (stop, stopped) = channel();
        self.stop = Some(stop);
        let of = self.namespace.clone();
        self.spawn("tick", move || {
            while stopped.recv_timeout(Duration::from_secs(1)) == Err(RecvTimeoutError::Timeout) {
                of.tick(now_ms());
            }
        })?;
        let of = self.namespace.clone();
        self.spawn("defrag", move || of.run_defrag())?;
        let of = self.namespace.clone();
        self.spawn("sindex", move || of.run_builds())?;
        Ok(self)
    }

    fn spawn(&mut self, name: &str, work: impl FnOnce() + Send + 'static) -> Result<()> {
        let thread = std::thread::Builder::new().name(name.to_string()).spawn(work);
        self.threads.push(thread.map_err(|e| failed("cannot start a thread", &e))?);
        Ok(())
    }

    /// The namespace, for those who outlive a borrow.
    pub fn shared(&self) -> Arc<Namespace> {
        self.namespace.clone()
    }

    /// A number of `SHOW STATS`.
    pub fn stat(&self, name: &str) -> Result<u64> {
        let found = self.namespace.stats().into_iter().find(|stat| stat.name == name);
        let value = found.and_then(|stat| stat.value.parse().ok());
        value.ok_or_else(|| Error::new(ErrorKind::Internal, format!("no number is named {name}")))
    }

    /// Stops cleanly.
    pub fn close(mut self) -> Result<()> {
        drop(self.stop.take());
        let closed = self.namespace.close();
        for thread in self.threads.drain(..) {
            let panicked = Error::new(ErrorKind::Internal, "a background thread panicked");
            thread.join().map_err(|_| panicked)?;
        }
        closed
    }
}

/// An error of the operating system, with what was tried.
pub(crate) fn failed(what: &str, error: &std::io::Error) -> Error {
    Error::new(ErrorKind::Io, format!("{what}: {error}"))
}
