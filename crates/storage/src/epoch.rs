//! Grace periods: a block is recycled only when nobody can still be reading what was in it.
//!
//! A reader pins before it looks up a location and lets go after the read. Two generations of
//! counters take turns: [`Epochs::wait`] sends newcomers to the other generation and returns once
//! the old one is empty, so every pin that was there when it was called is gone.

use std::cell::Cell;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

/// Counters per generation, each in a cache line of its own, so that threads rarely meet.
const SLOTS: usize = 16;
/// Pause between looks: a pin lasts as long as a device read.
const PAUSE: Duration = Duration::from_micros(50);

#[repr(align(64))]
#[derive(Debug, Default)]
struct Counter(AtomicUsize);

/// The pins of one storage.
#[derive(Debug, Default)]
pub(crate) struct Epochs {
    generation: AtomicUsize,
    active: [[Counter; SLOTS]; 2],
    turn: Mutex<()>,
}

/// While it lives, no block that was in use when it was taken is given to other records.
#[derive(Debug)]
pub struct Pin<'a>(&'a AtomicUsize);

impl Drop for Pin<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

impl Epochs {
    pub(crate) fn pin(&self) -> Pin<'_> {
        loop {
            let generation = self.generation.load(SeqCst);
            let counter = &self.active[generation][slot()].0;
            counter.fetch_add(1, SeqCst);
            if self.generation.load(SeqCst) == generation {
                return Pin(counter);
            }
            // A waiter may have looked before the count: be counted where it does not matter.
            counter.fetch_sub(1, SeqCst);
        }
    }

    /// Returns when every pin that was there at the call is gone.
    pub(crate) fn wait(&self) {
        let _turn = self.turn.lock().expect("waiting does not panic");
        let old = self.generation.load(SeqCst);
        self.generation.store(1 - old, SeqCst);
        while self.active[old].iter().any(|counter| counter.0.load(SeqCst) != 0) {
            std::thread::sleep(PAUSE);
        }
    }
}

fn slot() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static SLOT: Cell<usize> = Cell::new(NEXT.fetch_add(1, SeqCst) % SLOTS);
    }
    SLOT.get()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicU64};

    use super::*;

    /// Readers use what a writer takes away; after a grace period nobody does.
    #[test]
    fn nobody_uses_what_a_grace_period_has_passed() {
        const ITEMS: usize = 4;
        let epochs = Epochs::default();
        let current = AtomicUsize::new(0);
        let users: [AtomicU64; ITEMS] = Default::default();
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while !stop.load(SeqCst) {
                        let pin = epochs.pin();
                        let item = &users[current.load(SeqCst)];
                        item.fetch_add(1, SeqCst);
                        std::thread::yield_now();
                        item.fetch_sub(1, SeqCst);
                        drop(pin);
                    }
                });
            }
            for turn in 0..2000 {
                let old = turn % ITEMS;
                current.store((turn + 1) % ITEMS, SeqCst);
                epochs.wait();
                assert_eq!(users[old].load(SeqCst), 0, "turn {turn}");
            }
            stop.store(true, SeqCst);
        });
    }
}
