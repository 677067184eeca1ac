//! The promise of a commit group: kept once its bytes are durable.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

use model::Result;
use tokio::sync::Notify;

/// How a commit group ended, once it has.
#[derive(Debug, Default)]
pub(crate) struct Done {
    outcome: OnceLock<Result<()>>,
    notify: Notify,
}

impl Done {
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
        loop {
            // Asked for before the look: a completion in between is not missed.
            let notified = done.notify.notified();
            if let Some(outcome) = done.outcome.get() {
                return outcome.clone();
            }
            notified.await;
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
