//! Operations at a fixed rate, whatever the engine does: an open loop.
//!
//! Arrivals are Poisson's. A latency counts from the moment at which the operation was meant to
//! start, so that a stall is felt by all that should have happened meanwhile. A sleeping thread wakes
//! up to 0.1 ms late; that is inside the figures.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use model::{Error, ErrorKind, Result};
use namespace::Namespace;
use rand::SeedableRng;
use rand::rngs::SmallRng;
use rand_distr::{Distribution, Exp};
use store::Bins;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use crate::data::{Data, Picks};
use crate::engine::now_ms;
use crate::meter::Latencies;

/// Reads that may be under way at once; later ones start late, and that counts.
const UNDER_WAY_MAX: u32 = 16 << 10;

/// The intended starts of operations.
pub(crate) struct Arrivals {
    rng: SmallRng,
    gap: Exp<f64>,
    next: Instant,
}

impl Arrivals {
    /// So many a second, from now on.
    pub(crate) fn new(per_s: u32, seed: u64) -> Result<Arrivals> {
        let gap = Exp::new(f64::from(per_s)).ok().filter(|_| per_s > 0);
        let zero = || Error::new(ErrorKind::Parameter, "a rate of 0 a second; give 1 or more");
        let gap = gap.ok_or_else(zero)?;
        Ok(Arrivals { rng: SmallRng::seed_from_u64(seed), gap, next: Instant::now() })
    }

    /// Waits for the next one and says when it was meant to be.
    pub(crate) fn wait(&mut self) -> Instant {
        self.next += Duration::from_secs_f64(self.gap.sample(&mut self.rng));
        std::thread::sleep(self.next.saturating_duration_since(Instant::now()));
        self.next
    }
}

/// Reads at a fixed rate and what they came to.
#[derive(Default)]
pub(crate) struct Reads {
    stop: AtomicBool,
    latencies: Mutex<Option<Latencies>>,
    wrong: AtomicU64,
    error: Mutex<Option<Error>>,
}

impl Reads {
    /// Reads records at random, and checks them, until [`Reads::stop`].
    pub(crate) fn run(
        self: &Arc<Reads>,
        namespace: &Arc<Namespace>,
        data: &Arc<Data>,
        mut picks: Picks,
        mut arrivals: Arrivals,
        handle: &Handle,
    ) {
        let under_way = Arc::new(Semaphore::new(UNDER_WAY_MAX as usize));
        while !self.stop.load(Relaxed) {
            let intended = arrivals.wait();
            let permit = loop {
                match under_way.clone().try_acquire_owned() {
                    Ok(permit) => break permit,
                    Err(_) => std::thread::sleep(Duration::from_millis(1)),
                }
            };
            let (n, reads) = (picks.draw(), self.clone());
            let (namespace, data) = (namespace.clone(), data.clone());
            handle.spawn(async move {
                let outcome = namespace.get_async(&data.digest(n), Bins::All, now_ms()).await;
                lock(&reads.latencies).get_or_insert_with(Latencies::new).add(intended.elapsed());
                if let Err(error) = outcome.and_then(|found| data.check(n, found.record.as_ref())) {
                    reads.wrong.fetch_add(1, Relaxed);
                    lock(&reads.error).get_or_insert(error);
                }
                drop(permit);
            });
        }
        // All that is under way comes to its end.
        while under_way.available_permits() < UNDER_WAY_MAX as usize {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Ends the reads.
    pub(crate) fn stop(&self) {
        self.stop.store(true, Relaxed);
    }

    /// The latencies since this was asked last.
    pub(crate) fn take(&self) -> Latencies {
        lock(&self.latencies).take().unwrap_or_else(Latencies::new)
    }

    /// An error if a read failed or found what was never written.
    pub(crate) fn check(&self) -> Result<()> {
        match lock(&self.error).clone() {
            None => Ok(()),
            Some(error) => {
                let wrong = self.wrong.load(Relaxed);
                let detail = format!("{wrong} reads went wrong, the first: {error}");
                Err(Error::new(error.kind, detail))
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
