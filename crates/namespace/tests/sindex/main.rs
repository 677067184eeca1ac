//! Secondary indexes against a map, while records change, expire, are truncated and moved, indexes
//! come, are built and go, the namespace is stopped and loses its power.
//!
//! Two ways. `run.rs` is a scheduler: one seed says which of many steps comes next, queries among them
//! that take a few records at a time and have changes in between; every row is compared with what the
//! map says at that moment. `threads.rs` lets threads race inside of the steps.
//!
//! What is checked of a query (`query.rs`): every row is in the range when it is given, none comes
//! twice, the order is the promised one, and every record that was in the range from the query's first
//! step to its last was given. Of the indexes: when nothing is under way, they are what the records
//! say, entry by entry.
//!
//! `AERIE_MODEL_RUNS=100000 cargo test --release -p namespace --test sindex` runs more of them,
//! `AERIE_MODEL_SEED=n` one of them again. With `--features sabotage` the indexes get one bug after
//! the other, each of which must be noticed.

mod model_of;
mod query;
mod run;
mod threads;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use namespace::IndexBug;

/// What went wrong, in words.
pub(crate) type Checked<T = ()> = Result<T, String>;

/// SplitMix64.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.next() % n.max(1)
    }

    pub(crate) fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    pub(crate) fn of<'a, T>(&mut self, some: &'a [T]) -> &'a T {
        &some[self.below(some.len() as u64) as usize]
    }
}

type Run = fn(u64, Option<IndexBug>) -> Checked;

/// One run; what went wrong, if anything.
fn one(run: Run, seed: u64, bug: Option<IndexBug>) -> Checked {
    catch_unwind(AssertUnwindSafe(|| run(seed, bug))).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        Err(text.unwrap_or_else(|| "a panic".to_string()))
    })
}

fn number_from(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// Runs seeds on some threads until one fails; its seed and what went wrong.
fn first_failure(
    run: Run,
    seeds: std::ops::Range<u64>,
    bug: Option<IndexBug>,
) -> Option<(u64, String)> {
    let next = AtomicU64::new(seeds.start);
    let failed = std::sync::Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while failed.lock().expect("no panic").is_none() {
                    let seed = next.fetch_add(1, Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    if let Err(error) = one(run, seed, bug) {
                        failed.lock().expect("no panic").get_or_insert((seed, error));
                    }
                }
            });
        }
    });
    failed.into_inner().expect("no panic")
}

fn seeds(default: u64) -> std::ops::Range<u64> {
    match number_from("AERIE_MODEL_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number_from("AERIE_MODEL_RUNS").unwrap_or(default),
    }
}

#[test]
fn queries_tell_what_is_there() {
    let seeds = seeds(60);
    let count = seeds.end - seeds.start;
    if let Some((seed, error)) = first_failure(run::run, seeds, None) {
        panic!("seed {seed}: {error}");
    }
    println!("{count} runs");
}

#[test]
fn queries_tell_what_is_there_while_threads_race() {
    // A hundredth of the others: a run takes as much longer.
    let seeds = seeds(500);
    let seeds = seeds.start..seeds.start + (seeds.end - seeds.start).div_ceil(100);
    if let Some((seed, error)) = first_failure(threads::run, seeds, None) {
        panic!("seed {seed}: {error}");
    }
}

/// Each bug is noticed, or the tests above prove nothing.
#[test]
#[cfg_attr(not(feature = "sabotage"), ignore = "needs --features sabotage")]
fn every_bug_is_noticed() {
    let most = number_from("AERIE_MODEL_RUNS").unwrap_or(5_000);
    let quiet = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| ()));
    let missed: Vec<_> = IndexBug::ALL
        .into_iter()
        .filter(|bug| {
            // One that only races show.
            let run = if *bug == IndexBug::RemovesFirst { threads::run } else { run::run };
            let found = first_failure(run, 0..most, Some(*bug));
            match &found {
                Some((seed, error)) => println!("{bug:?}: seed {seed}: {error}"),
                None => println!("{bug:?}: not noticed in {most} runs"),
            }
            found.is_none()
        })
        .collect();
    std::panic::set_hook(quiet);
    assert_eq!(missed, []);
}
