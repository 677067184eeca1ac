//! Threads that run functions, and the states that they keep.
//!
//! A function may compute for as long as its caller lets it; on the threads that serve sockets it
//! would keep everybody waiting. So functions have threads of their own, few of them, and a queue
//! that is refused when it is full. A thread starts when there is work and no idle one, and ends
//! with the pool.

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};

use crate::failure::Failure;
use crate::module::Modules;
use crate::sandbox::Sandbox;

/// Jobs that may wait.
const WAITING_MAX: usize = 10_000;
/// States that a thread keeps, each with its module.
const STATES_MAX: usize = 32;
/// Stack of a thread: Lua's C stack is at most 200 calls deep.
const STACK_SIZE: usize = 4 << 20;

/// Work for a thread of the pool.
type Job = Box<dyn FnOnce(&mut States) + Send>;

/// The threads.
pub(crate) struct Pool {
    shared: Arc<Shared>,
    threads_max: usize,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    wake: Condvar,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    threads: usize,
    idle: usize,
    closed: bool,
}

impl Pool {
    pub(crate) fn new(threads_max: usize) -> Pool {
        Pool { shared: Arc::default(), threads_max: threads_max.max(1) }
    }

    /// Has a thread do this. A job that is refused, or lost in a panic, is dropped with its callback.
    pub(crate) fn run(&self, job: Job) -> Result<(), Failure> {
        let mut queue = self.shared.queue.lock();
        if queue.jobs.len() >= WAITING_MAX {
            return Err(Failure::Busy);
        }
        queue.jobs.push_back(job);
        if queue.idle < queue.jobs.len() && queue.threads < self.threads_max {
            let shared = self.shared.clone();
            let thread = std::thread::Builder::new().name("udf".to_string());
            match thread.stack_size(STACK_SIZE).spawn(move || work(&shared)) {
                Ok(_) => queue.threads += 1,
                Err(error) if queue.threads == 0 => {
                    tracing::error!("no thread for functions: {error}");
                    queue.jobs.pop_back();
                    return Err(Failure::Busy);
                }
                Err(_) => {}
            }
        }
        self.shared.wake.notify_one();
        Ok(())
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.queue.lock().closed = true;
        self.shared.wake.notify_all();
    }
}

/// One thread, from its first job on.
fn work(shared: &Shared) {
    let mut states = States::default();
    while let Some(job) = next(shared) {
        if std::panic::catch_unwind(AssertUnwindSafe(|| job(&mut states))).is_err() {
            tracing::error!("a function ended in a panic");
            states = States::default();
        }
    }
}

fn next(shared: &Shared) -> Option<Job> {
    let mut queue = shared.queue.lock();
    loop {
        if queue.closed {
            queue.threads -= 1;
            return None;
        }
        if let Some(job) = queue.jobs.pop_front() {
            return Some(job);
        }
        queue.idle += 1;
        shared.wake.wait(&mut queue);
        queue.idle -= 1;
    }
}

/// States of one thread, of the modules as they are registered.
#[derive(Default)]
pub(crate) struct States {
    /// The newest last.
    states: Vec<(String, Sandbox)>,
    modules: Option<Arc<Modules>>,
}

impl States {
    /// A state of this module, out of those that are kept.
    pub(crate) fn take(&mut self, modules: &Arc<Modules>, name: &str) -> Result<Sandbox, Failure> {
        if !self.modules.as_ref().is_some_and(|known| Arc::ptr_eq(known, modules)) {
            self.states.clear();
            self.modules = Some(modules.clone());
        }
        match self.states.iter().position(|(known, _)| known == name) {
            Some(at) => Ok(self.states.remove(at).1),
            None => Sandbox::new(modules, name),
        }
    }

    /// Keeps a state whose last call went well.
    pub(crate) fn keep(&mut self, modules: &Arc<Modules>, name: &str, state: Sandbox) {
        let current = self.modules.as_ref().is_some_and(|known| Arc::ptr_eq(known, modules));
        if current && state.keeps() {
            if self.states.len() >= STATES_MAX {
                self.states.remove(0);
            }
            self.states.push((name.to_string(), state));
        }
    }
}
