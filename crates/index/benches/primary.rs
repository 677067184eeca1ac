//! What the primary index costs: bytes of memory and processor time a record.
//!
//! `cargo bench --profile dist -p index -- [RECORDS] [SHARDS_PER_PARTITION]`, by default 10 million
//! records and 8 shards. Rates are per second of the thread's processor time (Linux; wall time
//! elsewhere), so that a busy machine does not spoil them. Prints one Markdown table. Without
//! cargo's `--bench`, as `cargo test --all-targets` does it, a small smoke run.

use std::fs;
use std::hint::black_box;
use std::time::Instant;

use index::{ENTRY_SIZE, Entry, Index, Keep, Options};
use model::{Digest, PARTITIONS, PartitionId};

/// Digests made ahead of each timed stretch: long against the clock's cost, short against caches.
const STRETCH: u64 = 16_384;
const BATCH: usize = 32;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let numbers: Vec<u64> = arguments.iter().filter_map(|a| a.parse().ok()).collect();
    let smoke = !arguments.iter().any(|a| a == "--bench");
    let records = *numbers.first().unwrap_or(if smoke { &20_000 } else { &10_000_000 });
    let shards_per_partition = *numbers.get(1).unwrap_or(&8) as u16;

    let resident = resident_bytes();
    let index = Index::new(Options { shards_per_partition }).expect("options");
    println!("{records} records, {shards_per_partition} shards per partition\n");
    println!("| measured | value |\n|---|---|");
    let rate = in_order(records, |n, digest| index.insert(digest, entry(n)).expect("memory"));
    row("insert", rate);
    per_record("memory_bytes()", index.memory_bytes(), records);
    per_record("resident memory gained", resident_bytes() - resident, records);

    row("get, hit", hits(&index, records, 1));
    row(
        "get, miss",
        at_random(records, records, 2, |_, digest| {
            assert_eq!(index.get(digest).len(), 0);
        }),
    );
    row("get_batch of 32, hit", batches(&index, records));
    row(
        "replace",
        at_random(0, records, 3, |n, digest| {
            assert!(index.replace(digest, n, Entry { generation: 2, ..entry(n) }));
        }),
    );
    row("scan, 1000 a call", scan(&index, records));
    row("get, hit, two threads, sum", two_threads(&index, records));
    bulk(&index, records);
    row(
        "remove, every second",
        in_order(records / 2, |n, _| {
            assert!(index.remove(&digest(2 * n), 2 * n).is_some());
        }),
    );
    println!("| entries left | {} |", index.len());
    if smoke {
        index.check().expect("kept promises");
    }
}

fn row(what: &str, rate: f64) {
    println!("| {what} | {:.2} M/s |", rate / 1e6);
}

fn per_record(what: &str, bytes: u64, records: u64) {
    println!("| {what} | {:.2} B a record |", bytes as f64 / records as f64);
}

/// Calls `work` for records 0 to `count`; gives calls a second.
fn in_order(count: u64, work: impl FnMut(u64, &Digest)) -> f64 {
    timed(count, |n| n, work)
}

/// Calls `work` for `count` random records of `base..base + count`.
fn at_random(base: u64, count: u64, seed: u64, work: impl FnMut(u64, &Digest)) -> f64 {
    timed(count, |n| base + mix(n ^ seed << 56) % count, work)
}

fn timed(count: u64, pick: impl Fn(u64) -> u64, mut work: impl FnMut(u64, &Digest)) -> f64 {
    let mut clock = Clock::default();
    for start in (0..count).step_by(STRETCH as usize) {
        let numbers = (start..count.min(start + STRETCH)).map(&pick);
        let keys: Vec<(u64, Digest)> = numbers.map(|n| (n, digest(n))).collect();
        clock.run(|| keys.iter().for_each(|(n, digest)| work(*n, digest)));
    }
    clock.rate(count)
}

fn hits(index: &Index, records: u64, seed: u64) -> f64 {
    at_random(0, records, seed, |n, digest| {
        let entry = index.get(digest).next().expect("a stored record");
        assert_eq!(entry.location, n);
    })
}

fn batches(index: &Index, records: u64) -> f64 {
    let mut clock = Clock::default();
    let mut out = Vec::new();
    for start in (0..records).step_by(STRETCH as usize) {
        let numbers = (start..records.min(start + STRETCH)).map(|n| mix(n) % records);
        let digests: Vec<Digest> = numbers.map(digest).collect();
        clock.run(|| {
            for batch in digests.chunks(BATCH) {
                out.clear();
                index.get_batch(batch, &mut out);
                assert_eq!(out.len(), batch.len());
            }
        });
    }
    clock.rate(records)
}

fn scan(index: &Index, records: u64) -> f64 {
    let (mut clock, mut out, mut seen) = (Clock::default(), Vec::new(), 0);
    clock.run(|| {
        for partition in (0..PARTITIONS).filter_map(PartitionId::new) {
            let mut after = None;
            loop {
                out.clear();
                let more = index.scan(partition, after, 1000, &mut out);
                seen += black_box(&out).len() as u64;
                after = out.last().map(|(position, _)| *position);
                if !more {
                    break;
                }
            }
        }
    });
    assert_eq!(seen, records);
    clock.rate(records)
}

fn bulk(index: &Index, records: u64) {
    // Twice, because memory that the process touches for the first time costs several times more.
    drop(dump_and_load(index, records, "first"));
    let loaded = dump_and_load(index, records, "second");
    per_record("memory_bytes() when loaded", loaded.memory_bytes(), records);
    let (mut each, mut update, mut sum) = (Clock::default(), Clock::default(), 0);
    let shards = 0..loaded.shard_count();
    each.run(|| shards.clone().for_each(|n| loaded.for_each(n, &mut |e| sum += e.location)));
    assert_eq!(sum, (0..records).sum::<u64>());
    row("for_each", each.rate(records));
    update.run(|| {
        for shard in shards {
            loaded.update_shard(shard, &mut |entry| {
                entry.location += 1;
                Keep::Yes
            });
        }
    });
    row("update_shard, every location", update.rate(records));
    drop(loaded);
    row("fill_partition", fill(&empty_like(index), records));
}

/// A part of the index at a time: long against the clock's cost, short enough that a dump is in
/// caches when it is loaded, as one that was just read.
fn dump_and_load(index: &Index, records: u64, time: &str) -> Index {
    let (mut dump, mut load) = (Clock::default(), Clock::default());
    let (loaded, shards) = (empty_like(index), index.shard_count());
    let (mut bytes, mut counts, mut sum) = (Vec::new(), Vec::new(), 0);
    for part in (0..shards).step_by(256) {
        let part = part..shards.min(part + 256);
        bytes.clear();
        counts.clear();
        dump.run(|| counts.extend(part.clone().map(|n| index.dump_shard(n, &mut bytes))));
        load.run(|| {
            let mut rest = &bytes[..];
            for (n, &count) in part.zip(&counts) {
                let (shard, behind) = rest.split_at(count as usize * ENTRY_SIZE);
                loaded.load_shard(n, shard, &mut |entry| sum += entry.location).expect("a dump");
                rest = behind;
            }
        });
    }
    assert_eq!((loaded.len(), sum), (records, (0..records).sum::<u64>()));
    row(&format!("dump_shard, {time} time"), dump.rate(records));
    row(&format!("load_shard with a visit, {time} time"), load.rate(records));
    loaded
}

fn empty_like(index: &Index) -> Index {
    let shards_per_partition = index.shards_per_partition();
    Index::new(Options { shards_per_partition }).expect("options")
}

fn fill(index: &Index, records: u64) -> f64 {
    let mut numbers = vec![Vec::new(); usize::from(PARTITIONS)];
    for n in 0..records as u32 {
        numbers[usize::from(digest(n.into()).partition().get())].push(n);
    }
    let mut clock = Clock::default();
    for (partition, numbers) in (0..PARTITIONS).filter_map(PartitionId::new).zip(numbers) {
        let made = numbers.into_iter().map(|n| (digest(n.into()), entry(n.into())));
        let mut sorted: Vec<(Digest, Entry)> = made.collect();
        sorted.sort_by_key(|(digest, _)| Index::order(digest));
        clock.run(|| index.fill_partition(partition, &sorted).expect("memory"));
    }
    assert_eq!(index.len(), records);
    clock.rate(records)
}

fn two_threads(index: &Index, records: u64) -> f64 {
    std::thread::scope(|scope| {
        let threads = [4, 5].map(|seed| scope.spawn(move || hits(index, records, seed)));
        threads.map(|t| t.join().expect("no panic")).iter().sum()
    })
}

fn entry(n: u64) -> Entry {
    Entry {
        location: n,
        size_class: 6,
        generation: 1,
        set_id: 1,
        expiry_hours: 0,
        tombstone: false,
        in_sindex: false,
        replication: 0,
    }
}

/// A digest as random as RIPEMD-160's, at a fraction of its cost.
fn digest(n: u64) -> Digest {
    let mut bytes = [0; 20];
    for (part, to) in (0..).zip(bytes.chunks_mut(8)) {
        to.copy_from_slice(&mix(n << 2 | part).to_le_bytes()[..to.len()]);
    }
    Digest(bytes)
}

/// SplitMix64's finish.
fn mix(n: u64) -> u64 {
    let z = n.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}

/// Adds up the processor time of this thread over timed stretches.
#[derive(Default)]
struct Clock {
    nanoseconds: u64,
}

impl Clock {
    fn run(&mut self, work: impl FnOnce()) {
        let (processor, wall) = (processor_nanoseconds(), Instant::now());
        work();
        self.nanoseconds += match (processor, processor_nanoseconds()) {
            (Some(before), Some(after)) => after - before,
            _ => wall.elapsed().as_nanos() as u64,
        };
    }

    fn rate(&self, count: u64) -> f64 {
        count as f64 / (self.nanoseconds.max(1) as f64 / 1e9)
    }
}

fn processor_nanoseconds() -> Option<u64> {
    let text = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split_whitespace().next()?.parse().ok()
}

fn resident_bytes() -> u64 {
    let text = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|l| l.strip_prefix("VmRSS:"));
    let kib: Option<u64> = line.and_then(|l| l.split_whitespace().next()?.parse().ok());
    kib.unwrap_or(0) * 1024
}
