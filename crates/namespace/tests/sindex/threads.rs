//! Threads that race: some change records, one builds, truncates and sweeps, others ask. Which of them
//! comes when is not in anybody's hands, so that less is said of a query's rows: a record of a kind
//! that never leaves the range comes exactly once, one that is out of it never.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use futures::executor::block_on;
use model::{Collection, IndexDef, IndexSource, IndexType, Key, Name, Value};
use namespace::{IndexBug, Namespace, Options, Settings};
use storage::{Device, MemoryDevice, Storage};
use store::{Bins, Change, IndexRange, OrderedCursor, ScanCursor, Ttl};

use crate::model_of::number_of;
use crate::{Checked, Random};

const START_MS: u64 = 1_800_000_000_000;
const RECORDS: u64 = 96;
/// Changes of each writer.
const CHANGES: u64 = 1_500;

/// What becomes of a record.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// It is written again and again, its value stays.
    Still,
    /// Its value changes and stays in the range.
    Moving,
    /// It comes and goes, into the range and out of it, expires and is deleted.
    Wild,
}

fn kind_of(number: i64) -> Kind {
    [Kind::Still, Kind::Moving, Kind::Wild][number as usize % 3]
}

/// The values of the range: 10 to 19.
fn is_inside(value: i64) -> bool {
    (10..20).contains(&value)
}

fn range() -> IndexRange {
    use std::ops::Bound::{Excluded, Included};
    IndexRange::Between(Included(Value::Integer(10)), Excluded(Value::Integer(20)))
}

fn index(name: &str, collection: Collection, bin: &str) -> IndexDef {
    IndexDef {
        name: name.into(),
        set: Some("s".into()),
        source: IndexSource::Bin { bin: bin.into(), context: None },
        collection,
        value_type: IndexType::Integer,
        filter: None,
    }
}

fn open() -> Namespace {
    let options = Options {
        name: "test".to_string(),
        storage_engine: "memory",
        settings: Settings::default(),
        replication_factor: 1,
        shards_per_partition: 1,
    };
    let storage = storage::Options::new("test", 7);
    let device = Arc::new(MemoryDevice::new(96 << 20));
    let devices = || vec![device.clone() as Arc<dyn Device>];
    Namespace::open(options, START_MS, |_| Storage::open(devices(), &storage)).expect("it opens")
}

fn put(namespace: &Namespace, number: i64, value: i64, ttl: Ttl, now_ms: u64) {
    let bins = vec![
        (Name::from("n"), Some(Value::Integer(value))),
        (Name::from("l"), Some(Value::list(vec![Value::Integer(value), Value::Integer(50)]))),
        (Name::from("x"), Some(Value::Integer(number))),
    ];
    let write = Change::Write { bins, replace: false, ttl };
    change(namespace, number, write, now_ms);
}

fn change(namespace: &Namespace, number: i64, change: Change, now_ms: u64) {
    let key = Key::Integer(number);
    let mut decide = |_: Option<&model::Record>| Ok(change.clone());
    namespace.modify("s", &key.digest("s"), Some(&key), now_ms, &mut decide).expect("a change");
}

/// One run.
pub(crate) fn run(seed: u64, bug: Option<IndexBug>) -> Checked {
    let namespace = &open();
    namespace.order_bug(bug);
    let made = |def| namespace.create_index(def, START_MS).map(drop).map_err(|e| e.to_string());
    made(index("n", Collection::Scalar, "n"))?;
    for number in 0..RECORDS as i64 {
        put(namespace, number, 10 + number % 10, Ttl::Never, START_MS);
    }
    made(index("l", Collection::List, "l"))?;
    let (clock, stop) = (&AtomicU64::new(START_MS), &AtomicBool::new(false));
    std::thread::scope(|scope| {
        let write = |part: u64| {
            let mut random = Random(seed.wrapping_mul(31) + part);
            (0..CHANGES).for_each(|_| change_one(namespace, &mut random, part, clock));
        };
        let writers: Vec<_> = (0..2).map(|part| scope.spawn(move || write(part))).collect();
        let housekeeper = scope.spawn(move || keep_house(namespace, seed, clock, stop));
        let asking: Vec<_> =
            (0..2).map(|part| scope.spawn(move || ask(namespace, part, clock, stop))).collect();
        let ended = writers.into_iter().all(|writer| writer.join().is_ok());
        stop.store(true, Relaxed);
        housekeeper.join().map_err(|_| "a panic while keeping house".to_string())??;
        for asker in asking {
            asker.join().map_err(|_| "a panic while asking".to_string())??;
        }
        if ended { Ok(()) } else { Err("a panic while writing".to_string()) }
    })?;
    while namespace.build_step().map_err(|error| error.to_string())? {}
    namespace.check_indexes().map_err(|error| error.to_string())
}

/// Each writer has records of its own, so that what they should be is known.
fn change_one(namespace: &Namespace, random: &mut Random, part: u64, clock: &AtomicU64) {
    let number = (random.below(RECORDS / 2) * 2 + part) as i64;
    let now_ms = clock.load(Relaxed);
    match (kind_of(number), random.below(10)) {
        (Kind::Still, _) => put(namespace, number, 10 + number % 10, Ttl::Never, now_ms),
        (Kind::Moving, _) => {
            let value = 10 + random.below(10) as i64;
            put(namespace, number, value, Ttl::Never, now_ms);
        }
        (Kind::Wild, 0..3) => change(namespace, number, Change::Delete, now_ms),
        (Kind::Wild, 3) => put(namespace, number, 15, Ttl::Seconds(1), now_ms),
        (Kind::Wild, _) => {
            put(namespace, number, random.below(30) as i64, Ttl::Never, now_ms);
        }
    }
}

/// Builds, lets time pass, sweeps, defragments, makes and drops an index.
fn keep_house(namespace: &Namespace, seed: u64, clock: &AtomicU64, stop: &AtomicBool) -> Checked {
    let mut random = Random(seed ^ 0xdead);
    let wrong = |error: model::Error| format!("keeping house: {error}");
    while !stop.load(Relaxed) {
        let now_ms = clock.load(Relaxed);
        match random.below(40) {
            0 => drop(clock.fetch_add(random.below(1500), Relaxed)),
            1 => drop(namespace.sweep(now_ms).map_err(wrong)?),
            2 => drop(namespace.defrag_now().map_err(wrong)?),
            3 => {
                let dropped = namespace.drop_index("again", now_ms).map_err(wrong)?.0;
                if !dropped {
                    let again = index("again", Collection::Scalar, "n");
                    namespace.create_index(again, now_ms).map_err(wrong)?;
                }
            }
            _ => {
                for _ in 0..200 {
                    namespace.build_step().map_err(wrong)?;
                }
            }
        }
    }
    Ok(())
}

fn ask(namespace: &Namespace, part: u64, clock: &AtomicU64, stop: &AtomicBool) -> Checked {
    let mut turn = part;
    loop {
        let last = stop.load(Relaxed);
        turn += 1;
        let name = ["n", "l"][(turn / 2 % 2) as usize];
        match turn % 3 {
            0 => ordered(namespace, name, turn.is_multiple_of(2), clock)?,
            _ => unordered(namespace, name, clock)?,
        }
        if last {
            return Ok(());
        }
    }
}

fn unordered(namespace: &Namespace, name: &str, clock: &AtomicU64) -> Checked {
    let (mut given, mut cursor, range) = (BTreeSet::new(), ScanCursor::all(), range());
    while !cursor.done() {
        let now_ms = clock.load(Relaxed);
        let rows = namespace.index_scan(name, &range, Bins::All, &mut cursor, 7, now_ms);
        for (_, record) in block_on(rows).map_err(|error| error.to_string())?.0 {
            judge(&record, &mut given)?;
        }
    }
    complete(&given, |kind| kind != Kind::Wild)
}

fn ordered(namespace: &Namespace, name: &str, down: bool, clock: &AtomicU64) -> Checked {
    let (mut given, mut cursor, range) = (BTreeSet::new(), OrderedCursor::default(), range());
    let mut last = None;
    while !cursor.done {
        let now_ms = clock.load(Relaxed);
        let rows = namespace.index_ordered(name, &range, down, Bins::All, &mut cursor, 7, now_ms);
        for (_, record) in block_on(rows).map_err(|error| error.to_string())?.0 {
            let value = judge(&record, &mut given)?;
            let in_order = |last: i64| if down { last >= value } else { last <= value };
            if !last.is_none_or(in_order) {
                return Err(format!("{value} comes behind {last:?}"));
            }
            last = Some(value);
        }
    }
    complete(&given, |kind| kind == Kind::Still)
}

/// A row is in the range, and the first of its record. Gives its value.
fn judge(record: &model::Record, given: &mut BTreeSet<i64>) -> Checked<i64> {
    let number = number_of(record);
    let Some(Value::Integer(value)) = record.bin("n") else {
        return Err(format!("record {number} has no value"));
    };
    if !is_inside(*value) {
        return Err(format!("record {number} has {value}, which is outside"));
    }
    match given.insert(number) {
        true => Ok(*value),
        false => Err(format!("record {number} came twice")),
    }
}

fn complete(given: &BTreeSet<i64>, always: impl Fn(Kind) -> bool) -> Checked {
    let missed = (0..RECORDS as i64).find(|n| always(kind_of(*n)) && !given.contains(n));
    missed.map_or(Ok(()), |missed| Err(format!("record {missed} was not given")))
}
