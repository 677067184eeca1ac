//! Reads on threads that wait for one read each.
//!
//! Every device has a pool of its own: a slow or dying device must not hold the threads that the
//! others need. Threads are started when a read finds none idle, and stay.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};

use super::access::Access;
use super::{Request, WAITING_MAX, answer};

/// The threads that read one device.
pub(super) struct Pool {
    shared: Arc<Shared>,
    threads_max: usize,
}

struct Shared {
    access: Arc<Access>,
    state: Mutex<State>,
    /// A read waits, or the pool is closed.
    wake: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Request>,
    threads: Vec<JoinHandle<()>>,
    /// Threads that wait for `wake`.
    idle: usize,
    closed: bool,
}

impl Pool {
    /// A pool that has no thread yet.
    pub(super) fn new(access: Arc<Access>, threads_max: usize) -> Pool {
        let (state, wake) = (Mutex::default(), Condvar::new());
        Pool { shared: Arc::new(Shared { access, state, wake }), threads_max }
    }

    /// Takes a read, or gives it back if too many wait or no thread can be had.
    pub(super) fn submit(&self, request: Request) -> Result<(), Request> {
        let mut state = self.shared.lock();
        if state.waiting.len() >= WAITING_MAX {
            return Err(request);
        }
        let more = state.waiting.len() >= state.idle && state.threads.len() < self.threads_max;
        if more && let Err(error) = self.start_thread(&mut state) {
            tracing::warn!(%error, "no more threads for reading");
            if state.threads.is_empty() {
                return Err(request);
            }
        }
        state.waiting.push_back(request);
        drop(state);
        self.shared.wake.notify_one();
        Ok(())
    }

    fn start_thread(&self, state: &mut State) -> io::Result<()> {
        let shared = self.shared.clone();
        let name = "device-read".to_string();
        state.threads.push(thread::Builder::new().name(name).spawn(move || shared.run())?);
        Ok(())
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics with the reads")
    }

    fn run(&self) {
        while let Some(Request { offset, len, done }) = self.next() {
            answer(done, self.access.read(offset, len));
        }
    }

    /// The next read, waiting for one; `None` once the pool is closed and nothing is left.
    fn next(&self) -> Option<Request> {
        let mut state = self.lock();
        loop {
            if let Some(request) = state.waiting.pop_front() {
                return Some(request);
            }
            if state.closed {
                return None;
            }
            state.idle += 1;
            state = self.wake.wait(state).expect("nobody panics with the reads");
            state.idle -= 1;
        }
    }
}

/// Waits until every read is answered.
impl Drop for Pool {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.closed = true;
        let threads = std::mem::take(&mut state.threads);
        drop(state);
        self.shared.wake.notify_all();
        for thread in threads {
            // The last owner of the device may be an answer that one of these threads gives.
            if thread.thread().id() != thread::current().id() {
                thread.join().expect("reading does not panic");
            }
        }
    }
}
