//! Gets from memory.

use std::time::{Duration, Instant};

use model::{Digest, Error, ErrorKind, Result};
use rand::SeedableRng;
use rand::rngs::SmallRng;
use rand::seq::SliceRandom;
use storage::{Device, MemoryDevice};
use store::Bins;

use crate::data::{Data, Picks};
use crate::engine::{Engine, Setup, now_ms};
use crate::load::{in_threads, load};
use crate::options::Args;
use crate::report::Report;

/// Digests that are asked for in turn: far more than caches hold, and read in order themselves.
const ASKED: usize = 1 << 20;
const WARM_UP: Duration = Duration::from_secs(2);
/// Reads of memory, one after the other, of which each tells the place of the next.
const LINKS: u64 = 1 << 22;
/// Most memory for them, bytes.
const MEMORY_MAX: u64 = 2 << 30;
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
    report.fact("memory_read_ns", memory_read_ns(size.min(MEMORY_MAX))?);
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

/// What one read of memory costs whose place the read before it tells, in an area of this size: the
/// floor under gets, each of which waits for an index entry and then for the record.
fn memory_read_ns(bytes: u64) -> Result<f64> {
    let memory = MemoryDevice::new(bytes);
    memory.grow(bytes)?;
    let links = LINKS.min(bytes / 64);
    let stride = (bytes / links) & !63;
    let mut order: Vec<u32> = (0..links as u32).collect();
    order.shuffle(&mut SmallRng::seed_from_u64(1));
    for (from, to) in order.iter().zip(order.iter().cycle().skip(1)) {
        memory.write_at(u64::from(*from) * stride, &u64::from(*to).to_le_bytes())?;
    }
    let (mut at, mut word) = (0, [0; 8]);
    let begun = Instant::now();
    for _ in 0..links {
        memory.read_at(at * stride, &mut word)?;
        at = u64::from_le_bytes(word);
    }
    Ok(begun.elapsed().as_nanos() as f64 / links as f64)
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
