//! Single calls of the engine: `cargo bench -p bench`, less than two minutes.

use std::hint::black_box;
use std::time::Duration;

use bench::{Data, Engine, Picks, SET, Setup, now_ms};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use model::{Digest, Key, Value};
use storage::{BinSelect, Chosen, MemoryDevice, Storage, Write, WriteKind};
use store::Bins;

/// Digests that are asked for in turn.
const ASKED: usize = 1 << 16;

fn data(records: u64) -> Data {
    Data { records, value_size: 100, store_key: true, seed: 1 }
}

/// An engine in memory with all records of `data`, and digests drawn from them.
fn loaded(data: &Data) -> (Engine, Vec<Digest>) {
    let engine = Engine::open(&Setup::in_memory(1 << 30)).expect("opens in memory");
    for n in 0..data.records {
        data.write(&engine, n, 0).expect("there is room");
    }
    let mut picks = Picks::new(data, None, 1).expect("there are records");
    let asked = (0..ASKED).map(|_| data.digest(picks.draw())).collect();
    (engine, asked)
}

fn gets(c: &mut Criterion) {
    for (name, records) in [("10k", 10_000), ("1M", 1_000_000)] {
        let data = data(records);
        let (engine, asked) = loaded(&data);
        let now = now_ms();
        let mut next = asked.iter().cycle();
        c.bench_function(&format!("get/{name}"), |b| {
            b.iter(|| engine.get(next.next().expect("endless"), Bins::All, now));
        });
        let mut group = c.benchmark_group("get_many");
        let mut batches = asked.chunks_exact(100).cycle();
        group.throughput(Throughput::Elements(100));
        group.bench_function(format!("100 of {name}"), |b| {
            b.iter(|| engine.get_many(batches.next().expect("endless"), Bins::All, now));
        });
        group.finish();
        engine.close().expect("closes");
    }
}

fn modify(c: &mut Criterion) {
    let data = data(100_000);
    let (engine, _) = loaded(&data);
    let mut picks = Picks::new(&data, None, 2).expect("there are records");
    let mut version = 0;
    c.bench_function("modify/100k, durability memory", |b| {
        b.iter(|| {
            version += 1;
            data.write(&engine, picks.draw(), version).expect("room is won back")
        });
    });
    engine.close().expect("closes");
}

/// A record encoded and appended, and one read and decoded, without an index.
fn records(c: &mut Criterion) {
    let data = data(1);
    let devices = vec![std::sync::Arc::new(MemoryDevice::new(1 << 30)) as _];
    let mut options = storage::Options::new(SET, 1);
    options.durability = storage::Durability::Memory;
    let (storage, _) = Storage::open(devices, &options).expect("opens in memory");
    let key = data.key(0);
    let bins = [("value".into(), Value::Blob(data.value(0, 0)))];
    let write = Write {
        kind: WriteKind::Record,
        digest: data.digest(0),
        set: SET,
        key: Some(&key),
        bins: &bins,
        generation: 1,
        lut_ms: now_ms(),
        void_time: 0,
    };
    c.bench_function("record/encode and append", |b| {
        b.iter(|| append_and_release(&storage, &write));
    });
    let appended = storage.append(&write).expect("there is room");
    c.bench_function("record/read and decode", |b| {
        let _pin = storage.pin();
        let (at, units) = (appended.location, appended.units);
        b.iter(|| storage.read(at, units, Some(&write.digest), BinSelect::All));
    });
    storage.close().expect("closes");
}

/// Appends a record that is dead at once, so that its block can be given back.
fn append_and_release(storage: &Storage, write: &Write<'_>) {
    let appended = storage.append(write).or_else(|_| {
        // Full: all blocks but the open one are empty.
        while let Chosen::Freed(_) = storage.next_victim(50, true)? {}
        storage.append(write)
    });
    let appended = appended.expect("there is room");
    storage.release(appended.location, appended.units);
}

/// From a key to its index entry: the digest, then the look-up.
fn look_up(c: &mut Criterion) {
    let data = data(1_000_000);
    let keys: Vec<Key> = (0..ASKED as u64).map(|n| data.key(n * 7 % data.records)).collect();
    let mut next = keys.iter().cycle();
    c.bench_function("key to digest", |b| {
        b.iter(|| black_box(next.next().expect("endless")).digest(SET));
    });
    let index = index::Index::new(index::Options::default()).expect("8 shards are allowed");
    for n in 0..data.records {
        let entry = index::Entry {
            location: n + 1,
            size_class: 10,
            generation: 1,
            set_id: 1,
            expiry_hours: 0,
            tombstone: false,
            in_sindex: false,
            replication: 0,
        };
        index.insert(&data.digest(n), entry).expect("there is memory");
    }
    let mut next = keys.iter().cycle();
    c.bench_function("key to index entry, 1M", |b| {
        b.iter(|| index.get(&black_box(next.next().expect("endless")).digest(SET)).next());
    });
}

criterion_group! {
    name = engine;
    config = Criterion::default()
        .sample_size(30)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(3));
    targets = gets, modify, records, look_up
}
criterion_main!(engine);
