//! What may end a statement early: a cancel request, its timeout, the node's shutdown.
//!
//! A statement is a future; [`Guard::run`] polls it first, so what memory can answer pays nothing,
//! and races it only when it has to wait. Ending it is dropping it.

use std::future::{Future, pending, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use sql::{SqlError, SqlResult};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::wire::{Failure, Wire, shutting_down};
use crate::listener::Stop;

/// Where a cancel request finds a session. A request that finds it idle does nothing.
#[derive(Debug, Default)]
pub(crate) struct Interrupt {
    running: AtomicBool,
    cancelled: AtomicBool,
    notify: Notify,
}

impl Interrupt {
    pub(crate) fn cancel(&self) {
        if self.running.load(Ordering::SeqCst) {
            self.cancelled.store(true, Ordering::SeqCst);
            self.notify.notify_waiters();
        }
    }

    fn error(&self) -> Option<SqlError> {
        let message = "canceling statement due to user request";
        self.cancelled.load(Ordering::SeqCst).then(|| SqlError::new("57014", message))
    }
}

/// Watches over the statements of one session.
pub(crate) struct Guard {
    interrupt: Arc<Interrupt>,
    stop: Arc<Stop>,
    deadline: Option<Instant>,
}

impl Guard {
    pub(crate) fn new(interrupt: Arc<Interrupt>, stop: Arc<Stop>) -> Guard {
        Guard { interrupt, stop, deadline: None }
    }

    /// From here on a cancel request counts.
    pub(crate) fn arm(&self) {
        self.interrupt.cancelled.store(false, Ordering::SeqCst);
        self.interrupt.running.store(true, Ordering::SeqCst);
    }

    pub(crate) fn disarm(&self) {
        self.interrupt.running.store(false, Ordering::SeqCst);
    }

    /// A statement begins; zero is no limit.
    pub(crate) fn begin(&mut self, timeout: Duration) {
        self.deadline = (!timeout.is_zero()).then(|| Instant::now() + timeout);
    }

    /// Runs a part of the statement. When it has to wait, finished replies go out first. The work
    /// is pinned by who has it: moving it here would copy thousands of bytes.
    pub(crate) async fn run<T>(
        &self,
        wire: &mut Wire,
        mut work: Pin<&mut impl Future<Output = SqlResult<T>>>,
    ) -> Result<T, Failure> {
        self.check()?;
        if let Poll::Ready(result) = futures::poll!(work.as_mut()) {
            return Ok(result?);
        }
        wire.flush_finished().await?;
        let mut cancelled = pin!(self.interrupt.notify.notified());
        cancelled.as_mut().enable();
        self.check()?;
        tokio::select! {
            biased;
            result = work => Ok(result?),
            () = cancelled => Err(self.interrupt.error().unwrap_or_else(timed_out).into()),
            () = passed(self.deadline) => Err(timed_out().into()),
            () = poll_fn(|cx| self.stop.poll_over(cx)) => Err(Failure::Fatal(shutting_down())),
        }
    }

    /// Whether the statement was ended already; for work that never waits.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        if self.stop.is_over() {
            return Err(Failure::Fatal(shutting_down()));
        }
        if let Some(error) = self.interrupt.error() {
            return Err(error.into());
        }
        match self.deadline {
            Some(deadline) if deadline <= Instant::now() => Err(timed_out().into()),
            _ => Ok(()),
        }
    }
}

fn timed_out() -> SqlError {
    SqlError::new("57014", "canceling statement due to statement timeout")
}

async fn passed(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => pending().await,
    }
}
