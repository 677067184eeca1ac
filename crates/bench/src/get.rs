//! Gets from memory.

use std::time::{Duration, Instant};

use model::{Digest, Error, ErrorKind, Result};
use store::Bins;

use crate::data::{Data, Picks};
use crate::engine::{Engine, Setup, now_ms};
use crate::load::{in_threads, load};
use crate::options::Args;
use crate::report::Report;

/// Digests that are asked for in turn: far more than caches hold, and read in order themselves.
const ASKED: usize = 1 << 20;
const WARM_UP: Duration = Duration::from_secs(2);
/// Gets between two looks at the clock.
const ROUND: usize = 12_800;

pub(crate) fn run(args: &Args) -> Result<Report> {
    let data = args.data(1_000_000, 100);
    let size = args.size_for(&data)?;
    let shards = args.setup(&[], size, data.records).shards;
    let engine = Engine::open(&Setup { shards, ..Setup::in_memory(args.size.unwrap_or(size)) })?;
    load(&engine, &data, args.threads)?;
    data.check_sample(&engine, 10_000)?;
    let asked = asked(args, &data)?;
    let seconds = Duration::from_secs(args.seconds.unwrap_or(5));
    let mut report = Report::new("get");
    report.fact("records", data.records);
    report.fact("keys", args.zipf.map_or("uniform".to_string(), |theta| format!("zipf {theta}")));
    report.fact("key_to_digest_ns", digest_ns(&data));
    report.table("gets", &["call", "threads", "ns_per_get", "gets_per_s"]);
    for (call, batch) in [("get", 1), ("get_many 32", 32), ("get_many 100", 100)] {
        for threads in [1, 2] {
            measure(&engine, &asked, batch, threads, WARM_UP)?;
            let per_s = measure(&engine, &asked, batch, threads, seconds)?;
            let ns = f64::from(threads) * 1e9 / per_s;
            report.row([call.into(), threads.into(), ns.into(), per_s.into()]);
        }
    }
    engine.close()?;
    Ok(report)
}

fn asked(args: &Args, data: &Data) -> Result<Vec<Digest>> {
    let mut picks = Picks::new(data, args.zipf, args.seed)?;
    Ok((0..ASKED).map(|_| data.digest(picks.draw())).collect())
}

/// What it costs to come from a key to its digest.
fn digest_ns(data: &Data) -> f64 {
    let keys: Vec<_> = (0..data.records.min(100_000)).map(|n| data.key(n)).collect();
    let begun = Instant::now();
    for key in &keys {
        std::hint::black_box(key.digest(crate::SET));
    }
    begun.elapsed().as_nanos() as f64 / keys.len() as f64
}

/// Gets per second of all threads together, each of them beginning elsewhere.
fn measure(
    engine: &Engine,
    asked: &[Digest],
    batch: usize,
    threads: u8,
    time: Duration,
) -> Result<f64> {
    let gets = std::sync::atomic::AtomicU64::new(0);
    let begun = Instant::now();
    in_threads(threads, |thread| {
        let now = now_ms();
        let start = usize::from(thread) * asked.len() / usize::from(threads);
        let (before, after) = asked.split_at(start);
        let mut batches = after.chunks_exact(batch).chain(before.chunks_exact(batch)).cycle();
        let mut done = 0;
        while begun.elapsed() < time {
            for digests in batches.by_ref().take(ROUND / batch) {
                get(engine, digests, now)?;
                done += digests.len() as u64;
            }
        }
        gets.fetch_add(done, std::sync::atomic::Ordering::Relaxed);
        Ok(())
    })?;
    Ok(gets.into_inner() as f64 / begun.elapsed().as_secs_f64())
}

fn get(engine: &Engine, digests: &[Digest], now: u64) -> Result<()> {
    let all_there = match digests {
        [digest] => engine.get(digest, Bins::All, now)?.record.is_some(),
        digests => {
            let (records, _) = engine.get_many(digests, Bins::All, now)?;
            records.iter().all(Option::is_some)
        }
    };
    match all_there {
        true => Ok(()),
        false => Err(Error::new(ErrorKind::NotFound, "a record that was loaded is gone")),
    }
}
