//! The promise of a commit group: kept once its bytes are durable.

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

use model::Result;
use tokio::sync::Notify;

use crate::stream::Stream;

/// How a commit group ended, once it has.
#[derive(Debug)]
pub(crate) struct Done {
    outcome: OnceLock<Result<()>>,
    notify: Notify,
    /// Whose flusher is told when somebody begins to wait.
    stream: Weak<Stream>,
    awaited: AtomicBool,
}

impl Done {
    /// Of a group of this stream.
    pub(crate) fn new(stream: Weak<Stream>) -> Done {
        let (outcome, notify, awaited) = (OnceLock::new(), Notify::new(), AtomicBool::new(false));
        Done { outcome, notify, stream, awaited }
    }

    /// Wakes the flusher when the first of those who wait comes.
    fn ask(&self) {
        if self.outcome.get().is_none()
            && !self.awaited.swap(true, Ordering::Relaxed)
            && let Some(stream) = self.stream.upgrade()
        {
            stream.wake_flusher();
        }
    }

    /// Tells everybody who waits. Only the first outcome counts.
    pub(crate) fn complete(&self, outcome: Result<()>) {
        let _ = self.outcome.set(outcome);
        self.notify.notify_waiters();
    }
}

/// A claim on the durability of an append. Cheap to clone; needs no particular runtime.
#[derive(Debug, Clone, Default)]
pub struct Ticket(Option<Arc<Done>>);

impl Ticket {
    /// A ticket with nothing to wait for.
    pub fn done() -> Ticket {
        Ticket(None)
    }

    pub(crate) fn of(done: &Arc<Done>) -> Ticket {
        Ticket(Some(done.clone()))
    }

    /// The outcome, if it is known.
    pub fn outcome(&self) -> Option<Result<()>> {
        match &self.0 {
            None => Some(Ok(())),
            Some(done) => done.outcome.get().cloned(),
        }
    }

    /// Returns once the append is durable, or cannot become so.
    pub async fn wait(&self) -> Result<()> {
        let Some(done) = &self.0 else { return Ok(()) };
        done.ask();
        loop {
            // Asked for before the look: a completion in between is not missed.
            let notified = done.notify.notified();
            if let Some(outcome) = done.outcome.get() {
                return outcome.clone();
            }
            notified.await;
        }
    }

    /// Writes and syncs what the append waits for on this thread, if nobody is at it: cheaper than
    /// two changes of threads for who has nothing else to do. [`wait`](Ticket::wait) tells how it went.
    pub fn hasten(&self) {
        if let Some(done) = &self.0
            && done.outcome.get().is_none()
            && let Some(stream) = done.stream.upgrade()
        {
            stream.write_here();
        }
    }

    /// Like [`wait`](Ticket::wait), blocking the thread.
    pub fn wait_blocking(&self) -> Result<()> {
        struct Unpark(Thread);
        impl Wake for Unpark {
            fn wake(self: Arc<Self>) {
                self.0.unpark();
            }
        }
        let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
        let mut context = Context::from_waker(&waker);
        let mut wait = pin!(self.wait());
        loop {
            match wait.as_mut().poll(&mut context) {
                Poll::Ready(outcome) => return outcome,
                Poll::Pending => std::thread::park(),
            }
        }
    }
}
