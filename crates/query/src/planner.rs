//! Threads with stacks deep enough to plan on.
//!
//! DataFusion plans by recursion, and a connection's thread has 2 MiB of stack. Planning runs on a
//! few threads of our own: nothing there waits for a socket or a device, so few are enough.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use sql::{SqlError, SqlResult};
use tokio::sync::oneshot;

/// `sql::DEPTH_MAX` levels of a statement at 1 MiB each, far more than a level's frames should take
/// in an unoptimized build. Untouched stack costs nothing.
const STACK_SIZE: usize = 64 << 20;

type Job = Box<dyn FnOnce() + Send>;

/// The planning threads. They end when this is dropped.
#[derive(Debug)]
pub(crate) struct Planner {
    jobs: Sender<Job>,
}

impl Planner {
    pub(crate) fn new(threads: usize) -> SqlResult<Planner> {
        let (jobs, queue) = channel::<Job>();
        let queue = Arc::new(Mutex::new(queue));
        for number in 0..threads.max(1) {
            let queue = queue.clone();
            std::thread::Builder::new()
                .name(format!("plan-{number}"))
                .stack_size(STACK_SIZE)
                .spawn(move || work(&queue))
                .map_err(|e| SqlError::new("53000", format!("cannot start a thread: {e}")))?;
        }
        Ok(Planner { jobs })
    }

    /// Runs `job` on one of the threads. A panic there is this statement's error.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> SqlResult<T> + Send + 'static,
    ) -> SqlResult<T> {
        let (answer, result) = oneshot::channel();
        let job = move || {
            let outcome = catch_unwind(AssertUnwindSafe(job)).unwrap_or_else(|_| {
                Err(SqlError::new("XX000", "the query planner failed on this statement")
                    .hint("this is a defect; a simpler form of the statement may work"))
            });
            drop(answer.send(outcome));
        };
        let gone = |_| SqlError::new("57P01", "the query engine is shutting down");
        self.jobs.send(Box::new(job)).map_err(|_| gone(()))?;
        result.await.unwrap_or_else(|_| Err(gone(())))
    }
}

fn work(queue: &Mutex<Receiver<Job>>) {
    loop {
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match job {
            Ok(job) => job(),
            Err(_) => return,
        }
    }
}
