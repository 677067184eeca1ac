//! The threads that serve connections: one per core, each with a runtime of its own.
//!
//! A connection stays on the thread that took it, so a request is read, answered and waited for
//! without another thread being woken: on a runtime that shares its tasks the threads wake each other
//! for every ninth point get, which costs more than the get. What computes for long runs elsewhere
//! (`exec/background.rs`), since nobody takes the others off a thread that is busy.

use std::cell::OnceCell;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};

use tokio::runtime::{Builder, Handle};
use tokio::task::{Id, JoinSet};
use tokio_util::sync::{CancellationToken, DropGuard};

thread_local! {
    /// The connections of the thread that this is, if it serves any.
    static SERVED: OnceCell<Arc<AtomicUsize>> = const { OnceCell::new() };
}

/// Whether this thread serves one connection and nobody else, so that it may as well wait for a
/// device itself.
pub fn serves_one() -> bool {
    SERVED.with(|served| served.get().is_some_and(|count| count.load(Ordering::Relaxed) == 1))
}

/// The threads. Dropping the last of these ends them, and with them what they still serve.
#[derive(Clone)]
pub struct Workers(Arc<Threads>);

struct Threads {
    first: Worker,
    others: Vec<Worker>,
}

struct Worker {
    runtime: Handle,
    connections: Arc<AtomicUsize>,
    /// Both taken when dropped.
    stop: Option<DropGuard>,
    thread: Option<JoinHandle<()>>,
}

impl Workers {
    /// As many threads as the process may use cores at once, or as `TOKIO_WORKER_THREADS` says, the
    /// variable that tokio's own runtimes go by.
    pub fn start() -> io::Result<Workers> {
        let asked = std::env::var("TOKIO_WORKER_THREADS").ok().and_then(|n| n.parse().ok());
        let count = asked.or(thread::available_parallelism().ok()).map_or(1, |n| n.get());
        let first = Worker::start(0)?;
        let others = (1..count).map(Worker::start).collect::<io::Result<_>>()?;
        Ok(Workers(Arc::new(Threads { first, others })))
    }

    /// Serves a connection on the thread that has the fewest, as one of `tasks`.
    pub fn serve(
        &self,
        tasks: &mut JoinSet<()>,
        connection: impl Future<Output = ()> + Send + 'static,
    ) -> Id {
        let connections = |worker: &Worker| worker.connections.load(Ordering::Relaxed);
        let (first, others) = (&self.0.first, &self.0.others);
        let worker =
            others.iter().fold(first, |a, b| if connections(b) < connections(a) { b } else { a });
        let place = Place::on(&worker.connections);
        let serve = async move {
            let _place = place;
            connection.await;
        };
        tasks.spawn_on(serve, &worker.runtime).id()
    }
}

impl Worker {
    fn start(number: usize) -> io::Result<Worker> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let connections = Arc::<AtomicUsize>::default();
        let served = connections.clone();
        let thread = thread::Builder::new()
            .name(format!("worker {number}"))
            .stack_size(crate::STACK_SIZE)
            .spawn(move || {
                SERVED.with(|cell| _ = cell.set(served));
                runtime.block_on(stopped.cancelled());
            })?;
        Ok(Worker {
            runtime: handle,
            connections,
            stop: Some(stop.drop_guard()),
            thread: Some(thread),
        })
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        drop(self.stop.take());
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("a thread that serves connections had panicked");
        }
    }
}

/// A connection's place on its thread, counted until it is dropped.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn on(connections: &Arc<AtomicUsize>) -> Place {
        connections.fetch_add(1, Ordering::Relaxed);
        Place(connections.clone())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn connections_are_spread_and_a_panic_ends_only_its_own() {
        let workers = Workers::start().unwrap();
        let mut tasks = JoinSet::new();
        workers.serve(&mut tasks, async { panic!("a connection that fails") });
        assert!(tasks.join_next().await.is_some_and(|ended| ended.is_err()));
        let threads = || [&workers.0.first].into_iter().chain(&workers.0.others);
        let served =
            || threads().map(|w| w.connections.load(Ordering::Relaxed)).collect::<Vec<_>>();
        let mut waiting = Vec::new();
        for _ in threads() {
            let (end, ended) = oneshot::channel::<()>();
            workers.serve(&mut tasks, async { drop(ended.await) });
            waiting.push(end);
        }
        assert!(served().iter().all(|count| *count == 1));
        drop(waiting);
        while let Some(ended) = tasks.join_next().await {
            ended.unwrap();
        }
        assert!(served().iter().all(|count| *count == 0));
    }
}
