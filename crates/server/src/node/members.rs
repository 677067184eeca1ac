//! The namespaces of a running node, which come and go, and the threads of each.
//!
//! Readers take an [`Arc`] of the list as it is and hold no lock afterwards; a namespace that is
//! dropped meanwhile lives until its last reader is done.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use model::{Error, ErrorKind, Result};
use namespace::Namespace;

use super::now_ms;

/// How often a namespace looks for what is due: sweeps and checkpoints are counted in seconds.
const TICK: Duration = Duration::from_secs(1);

/// A change of the list moves the catalogue's version by this much, beyond what a namespace that
/// is being dropped may still add to its own version.
const VERSION_STEP: u64 = 1 << 32;

/// Who is there, as of one moment.
#[derive(Default)]
pub(super) struct List {
    /// By name.
    namespaces: Vec<Arc<Namespace>>,
    /// What the versions of the namespaces are added to.
    version: u64,
}

impl List {
    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<Namespace>> {
        self.namespaces.iter()
    }

    pub(super) fn get(&self, name: &str) -> Result<&Arc<Namespace>> {
        self.namespaces.iter().find(|n| n.name() == name).ok_or_else(|| {
            let known: Vec<&str> = self.namespaces.iter().map(|n| n.name()).collect();
            let detail = format!("namespace {name:?} does not exist; there are {known:?}");
            Error::new(ErrorKind::NamespaceNotFound, detail)
        })
    }

    /// Grows whenever a namespace comes, goes, or changes its tables.
    pub(super) fn catalogue_version(&self) -> u64 {
        let versions: u64 = self.namespaces.iter().map(|n| n.catalogue_version()).sum();
        self.version + versions
    }
}

/// The list and the threads.
#[derive(Default)]
pub(super) struct Members {
    list: RwLock<Arc<List>>,
    threads: Mutex<Vec<(String, Threads)>>,
}

impl Members {
    /// The list as it is now.
    pub(super) fn now(&self) -> Arc<List> {
        self.list.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Looks at the list as it is now, for as long as nothing is waited for: nobody counts who has it.
    pub(super) fn with<T>(&self, look: impl FnOnce(&List) -> T) -> T {
        look(&self.list.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Lets a namespace serve, with its threads. No other of this name may be there.
    pub(super) fn add(&self, namespace: Namespace) -> Result<()> {
        let namespace = Arc::new(namespace);
        let name = namespace.name().to_string();
        let threads = Threads::start(&namespace)?;
        self.threads.lock().unwrap_or_else(PoisonError::into_inner).push((name, threads));
        self.change(|namespaces| {
            namespaces.push(namespace);
            namespaces.sort_by(|a, b| a.name().cmp(b.name()));
        });
        Ok(())
    }

    /// Takes a namespace out of the list, closes it and ends its threads.
    pub(super) fn remove(&self, name: &str) -> Result<()> {
        let namespace = self.now().get(name)?.clone();
        self.change(|namespaces| namespaces.retain(|n| n.name() != name));
        self.stop(&namespace)
    }

    /// Closes every namespace and ends all threads; reads go on. The first error is given, all are
    /// logged.
    pub(super) fn close(&self) -> Result<()> {
        let mut first = Ok(());
        for namespace in self.now().iter() {
            if let Err(error) = self.stop(namespace) {
                tracing::error!(namespace = namespace.name(), %error, "closing failed");
                first = first.and(Err(error));
            }
        }
        first
    }

    fn change(&self, change: impl FnOnce(&mut Vec<Arc<Namespace>>)) {
        let mut list = self.list.write().unwrap_or_else(PoisonError::into_inner);
        let mut namespaces = list.namespaces.clone();
        change(&mut namespaces);
        let gone = list.iter().filter(|n| namespaces.iter().all(|m| m.name() != n.name()));
        let gone: u64 = gone.map(|n| n.catalogue_version()).sum();
        *list = Arc::new(List { namespaces, version: list.version + gone + VERSION_STEP });
    }

    fn stop(&self, namespace: &Namespace) -> Result<()> {
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        let at = threads.iter().position(|(name, _)| name == namespace.name());
        let threads = at.map(|at| threads.swap_remove(at).1);
        match threads {
            Some(threads) => threads.close(namespace),
            // Closed before.
            None => Ok(()),
        }
    }
}

impl Drop for Members {
    fn drop(&mut self) {
        // Errors are logged; there is nobody to tell.
        let _ = self.close();
    }
}

/// What works for one namespace in the background.
struct Threads {
    /// Dropping it ends the clock's thread.
    stop: Sender<()>,
    clock: JoinHandle<()>,
    defrag: JoinHandle<()>,
    builds: JoinHandle<()>,
}

impl Threads {
    fn start(namespace: &Arc<Namespace>) -> Result<Threads> {
        let (stop, stopped) = channel();
        let of = namespace.clone();
        let clock = spawn("tick", namespace, move || {
            while stopped.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                of.tick(now_ms());
            }
        })?;
        let of = namespace.clone();
        let defrag = spawn("defrag", namespace, move || of.run_defrag())?;
        let of = namespace.clone();
        let builds = spawn("sindex", namespace, move || of.run_builds())?;
        Ok(Threads { stop, clock, defrag, builds })
    }

    /// Nothing is swept while the namespace closes; defragmentation and builds end with it.
    fn close(self, namespace: &Namespace) -> Result<()> {
        drop(self.stop);
        join("tick", namespace, self.clock);
        let closed = namespace.close();
        join("defrag", namespace, self.defrag);
        join("sindex", namespace, self.builds);
        closed
    }
}

fn spawn(
    what: &str,
    namespace: &Namespace,
    work: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>> {
    let name = format!("{what} {}", namespace.name());
    Builder::new().name(name).spawn(work).map_err(|error| {
        Error::new(ErrorKind::Unavailable, format!("cannot start a thread: {error}; try again"))
    })
}

fn join(what: &str, namespace: &Namespace, thread: JoinHandle<()>) {
    if thread.join().is_err() {
        tracing::error!(namespace = namespace.name(), "the thread for {what} had panicked");
    }
}
