//! What a function may use of time and memory, and whether it has used it up.
//!
//! Once something is used up it stays so until the next call begins: a function that catches the
//! error gets the next one at its next step.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::failure::Failure;

/// What one state may use.
#[derive(Debug)]
pub(crate) struct Budget {
    /// Bytes of memory at most, Lua's and those of bytes values together.
    pub(crate) memory: usize,
    /// Bytes of the bytes values, which lie outside of Lua.
    outside: AtomicUsize,
    run: Mutex<Run>,
    tripped: AtomicU8,
}

#[derive(Debug, Clone)]
struct Run {
    deadline: Instant,
    /// How long that is, for the message.
    limit: Duration,
    cancelled: Arc<AtomicBool>,
}

const NOT: u8 = 0;
const TIME: u8 = 1;
const MEMORY: u8 = 2;
const CANCELLED: u8 = 3;

impl Budget {
    pub(crate) fn new(memory: usize) -> Budget {
        let run =
            Run { deadline: Instant::now(), limit: Duration::ZERO, cancelled: Arc::default() };
        Budget {
            memory,
            outside: AtomicUsize::new(0),
            run: Mutex::new(run),
            tripped: AtomicU8::new(NOT),
        }
    }

    /// A call begins, which may run until `deadline`, for `limit`, or until it is cancelled.
    pub(crate) fn begin(&self, deadline: Instant, limit: Duration, cancelled: &Arc<AtomicBool>) {
        *self.run.lock() = Run { deadline, limit, cancelled: cancelled.clone() };
        self.tripped.store(NOT, Relaxed);
    }

    /// Whether the call may go on; an error that no function can catch if not.
    pub(crate) fn check(&self) -> mlua::Result<()> {
        if self.tripped.load(Relaxed) == NOT {
            let run = self.run.lock();
            if run.cancelled.load(Relaxed) {
                self.tripped.store(CANCELLED, Relaxed);
            } else if Instant::now() >= run.deadline {
                self.tripped.store(TIME, Relaxed);
            }
        }
        match self.failure() {
            Some(failure) => Err(mlua::Error::external(failure)),
            None => Ok(()),
        }
    }

    /// Memory is used up.
    pub(crate) fn out_of_memory(&self) -> mlua::Error {
        self.tripped.store(MEMORY, Relaxed);
        mlua::Error::external(Failure::Memory { limit: self.memory })
    }

    /// What the call has used up.
    pub(crate) fn failure(&self) -> Option<Failure> {
        match self.tripped.load(Relaxed) {
            TIME => Some(Failure::Time { limit: self.run.lock().limit }),
            MEMORY => Some(Failure::Memory { limit: self.memory }),
            CANCELLED => Some(Failure::Cancelled),
            _ => None,
        }
    }

    /// Bytes outside of Lua.
    pub(crate) fn outside(&self) -> usize {
        self.outside.load(Relaxed)
    }

    /// A bytes value has another size.
    pub(crate) fn resized(&self, from: usize, to: usize) {
        self.outside.fetch_add(to.wrapping_sub(from), Relaxed);
    }
}
