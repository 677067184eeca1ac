//! A namespace against a `BTreeMap`, through random operations, clean stops and crashes.

mod rows;

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{Column, ColumnType, Key, Name, Record, Result, Table, Value};
use namespace::{Namespace, Options, Settings};
use proptest::test_runner::{RngAlgorithm, TestRng};
use rows::visited;
use storage::{Device, Durability, MemoryDevice, SimDevice, Storage};
use store::{Bins, Change, ScanCursor, Ttl};

const SET: &str = "people";
const NOW: u64 = 1_800_000_000_000;

fn options() -> Options {
    Options {
        name: "test".to_string(),
        storage_engine: "device",
        settings: Settings::default(),
        replication_factor: 1,
        shards_per_partition: 1,
    }
}

fn open(device: Arc<dyn Device>, now_ms: u64) -> Namespace {
    let storage = storage::Options {
        block_size: storage::Options::BLOCK_SIZE_MIN,
        durability: Durability::Commit,
        ..storage::Options::new("test", 7)
    };
    let open = |ignore_checkpoint| {
        let storage = storage::Options { ignore_checkpoint, ..storage.clone() };
        Storage::open(vec![device.clone()], &storage)
    };
    Namespace::open(options(), now_ms, open).expect("the namespace opens")
}

fn key(n: i64) -> Key {
    Key::Integer(n)
}

fn bins(value: i64) -> Vec<(Name, Option<Value>)> {
    vec![
        (Name::from("n"), Some(Value::Integer(value))),
        (Name::from("s"), (value % 3 != 0).then(|| Value::String(format!("text {value}")))),
    ]
}

fn modify(
    namespace: &Namespace,
    key_number: i64,
    now_ms: u64,
    change: impl FnMut(Option<&Record>) -> Result<Change>,
) -> Result<store::Outcome> {
    let key = key(key_number);
    let mut change = change;
    let (outcome, ticket) =
        namespace.modify(SET, &key.digest(SET), Some(&key), now_ms, &mut change)?;
    ticket.map_or(Ok(()), |ticket| ticket.wait_blocking())?;
    Ok(outcome)
}

fn put(namespace: &Namespace, number: i64, value: i64, ttl: Ttl) -> Result<store::Outcome> {
    modify(namespace, number, NOW, |_| Ok(Change::Write { bins: bins(value), replace: false, ttl }))
}

fn get(namespace: &Namespace, number: i64, now_ms: u64) -> Option<Record> {
    let digest = key(number).digest(SET);
    namespace.get(&digest, Bins::All, now_ms).expect("nothing is damaged").record
}

fn everything(namespace: &Namespace, step: usize, now_ms: u64) -> BTreeMap<i64, i64> {
    let mut cursor = ScanCursor::all();
    let mut found = BTreeMap::new();
    while !cursor.done() {
        let scan = namespace.scan(SET, Bins::All, &mut cursor, step, now_ms);
        for record in scan.expect("nothing is damaged").0 {
            let Some(Key::Integer(number)) = record.key else { panic!("a foreign record") };
            let Some(Value::Integer(value)) = record.bin("n") else { panic!("no bin n") };
            assert!(found.insert(number, *value).is_none(), "record {number} seen twice");
        }
    }
    found
}

fn check(namespace: &Namespace, model: &BTreeMap<i64, i64>, step: usize) {
    assert_eq!(everything(namespace, step, NOW), *model);
    let visited = visited(namespace, SET, &[Name::from("none"), Name::from("n")], step, NOW);
    let visited = visited.expect("nothing is damaged");
    assert_eq!(visited.len(), model.len(), "each once");
    for record in visited {
        let Some(Key::Integer(number)) = record.key else { panic!("a foreign record") };
        assert_eq!(record.bins, [(Name::from("n"), Value::Integer(model[&number]))]);
    }
    assert_eq!(namespace.count(SET, NOW).expect("counted"), model.len() as u64);
    for (&number, &value) in model {
        let record = get(namespace, number, NOW).expect("the record is there");
        assert_eq!(record.bin("n"), Some(&Value::Integer(value)));
        assert_eq!(record.bin("s").is_some(), value % 3 != 0, "NULL removes a bin");
    }
    let digests: Vec<_> = (0..20).map(|n| key(n).digest(SET)).collect();
    let (records, _) = namespace.get_many(&digests, Bins::None, NOW).expect("read");
    for (number, record) in (0..).zip(records) {
        assert_eq!(record.is_some(), model.contains_key(&number), "record {number}");
    }
}

#[test]
fn random_operations_and_restarts_equal_a_map() {
    use proptest::prelude::Rng;
    for seed in 0..6_u8 {
        let mut rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]);
        let device: Arc<dyn Device> = Arc::new(MemoryDevice::new(64 << 20));
        let mut namespace = open(device.clone(), NOW);
        let mut model = BTreeMap::new();
        for round in 0..400 {
            let number = i64::from(rng.next_u32() % 40);
            let value = i64::from(rng.next_u32() % 1000);
            match rng.next_u32() % 100 {
                0..60 => {
                    let outcome = put(&namespace, number, value, Ttl::Never).expect("written");
                    let old = model.insert(number, value);
                    assert_eq!(outcome.existed, old.is_some());
                }
                60..90 => {
                    let done = modify(&namespace, number, NOW, |_| Ok(Change::Delete));
                    let outcome = done.expect("deleted");
                    assert_eq!(outcome.existed, model.remove(&number).is_some());
                }
                90..96 => {
                    let done = modify(&namespace, number, NOW, |_| Ok(Change::Keep));
                    assert_eq!(done.expect("kept").existed, model.contains_key(&number));
                }
                96 if round > 100 => {
                    let ticket = namespace.truncate(Some(SET), None, NOW).expect("truncated");
                    ticket.expect("the set is known").wait_blocking().expect("durable");
                    model.clear();
                }
                _ => {
                    namespace.close().expect("closed");
                    drop(namespace);
                    namespace = open(device.clone(), NOW);
                    check(&namespace, &model, 7);
                }
            }
        }
        check(&namespace, &model, 1000);
        let objects: u64 = namespace.set_infos().iter().map(|set| set.objects).sum();
        assert_eq!(objects, model.len() as u64);
    }
}

#[test]
fn generations_count_and_writers_of_one_record_take_turns() {
    let namespace = open(Arc::new(MemoryDevice::new(64 << 20)), NOW);
    put(&namespace, 1, 0, Ttl::Never).expect("written");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..100 {
                    modify(&namespace, 1, NOW, |record| {
                        let Some(Value::Integer(n)) = record.and_then(|r| r.bin("n")) else {
                            panic!("the record is there")
                        };
                        let bins = vec![(Name::from("n"), Some(Value::Integer(n + 1)))];
                        Ok(Change::Write { bins, replace: false, ttl: Ttl::Keep })
                    })
                    .expect("written");
                }
            });
        }
    });
    let record = get(&namespace, 1, NOW).expect("the record is there");
    assert_eq!(record.bin("n"), Some(&Value::Integer(400)));
    assert_eq!(record.generation, 401);
}

#[test]
fn records_die_on_time_and_stay_dead() {
    let device: Arc<dyn Device> = Arc::new(MemoryDevice::new(64 << 20));
    let namespace = open(device.clone(), NOW);
    put(&namespace, 1, 5, Ttl::Never).expect("written");
    put(&namespace, 1, 7, Ttl::Seconds(60)).expect("written");
    put(&namespace, 2, 7, Ttl::Seconds(7200)).expect("written");
    put(&namespace, 2, 8, Ttl::Keep).expect("written");
    let later = NOW + 61_000;
    assert!(get(&namespace, 1, NOW + 59_000).is_some());
    assert!(get(&namespace, 1, later).is_none());
    assert_eq!(namespace.count(SET, NOW).expect("counted"), 2);
    assert_eq!(namespace.count(SET, later).expect("counted"), 1);
    assert_eq!(everything(&namespace, 10, later), BTreeMap::from([(2, 8)]));
    namespace.close().expect("closed");
    drop(namespace);
    let namespace = open(device, later);
    assert!(get(&namespace, 1, NOW).is_none(), "the older version without end must not return");
    assert!(get(&namespace, 2, NOW + 7_300_000).is_none(), "KEEP keeps the end");
}

#[test]
fn truncate_up_to_a_time_holds_after_a_restart() {
    let device: Arc<dyn Device> = Arc::new(MemoryDevice::new(64 << 20));
    let namespace = open(device.clone(), NOW);
    let write = |number, now| {
        let change = |_: Option<&Record>| {
            Ok(Change::Write { bins: bins(1), replace: true, ttl: Ttl::Never })
        };
        modify(&namespace, number, now, change).expect("written");
    };
    write(1, NOW);
    write(2, NOW + 10);
    let truncate = |before, now| namespace.truncate(Some(SET), Some(before), now);
    assert!(truncate(NOW + 20, NOW + 20).is_err(), "not past yet");
    truncate(NOW + 5, NOW + 20).expect("truncated");
    assert_eq!(everything(&namespace, 10, NOW), BTreeMap::from([(2, 1)]));
    namespace.close().expect("closed");
    drop(namespace);
    assert_eq!(everything(&open(device, NOW + 30), 10, NOW), BTreeMap::from([(2, 1)]));
}

#[test]
fn declarations_and_bins_outlive_a_restart_and_a_drop_does_too() {
    let device: Arc<dyn Device> = Arc::new(MemoryDevice::new(64 << 20));
    let namespace = open(device.clone(), NOW);
    put(&namespace, 1, 1, Ttl::Never).expect("written");
    let column = |name: &str, column_type| Column {
        name: name.to_string(),
        column_type,
        not_null: true,
        default: Some("7".to_string()),
    };
    let table = Table {
        namespace: "test".to_string(),
        name: "t".to_string(),
        key: vec![column("id", ColumnType::Int8)],
        columns: vec![column("price", ColumnType::Numeric { precision: 9, scale: 2 })],
        declared: true,
        ttl_s: Some(30),
        oid: 0,
    };
    namespace.declare(table, NOW).expect("declared");
    let before = namespace.tables();
    assert_eq!(before.tables.keys().collect::<Vec<_>>(), ["people", "t"]);
    assert_eq!(before.tables["people"].columns.len(), 2);
    assert_eq!(before.tables["t"].ttl_s, Some(30));
    namespace.close().expect("closed");
    drop(namespace);
    let namespace = open(device.clone(), NOW);
    assert_eq!(namespace.tables(), before);
    for table in ["t", SET] {
        namespace.drop_table(table, NOW).expect("dropped");
    }
    assert!(namespace.tables().tables.is_empty());
    namespace.close().expect("closed");
    drop(namespace);
    assert!(open(device, NOW).tables().tables.is_empty());
}

/// What was acknowledged is there after a crash that keeps any subset of what was not synced.
#[test]
fn acknowledged_changes_outlive_crashes() {
    use proptest::prelude::Rng;
    for seed in 0..40_u64 {
        let mut rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed as u8 + 1; 32]);
        let mut device = Arc::new(SimDevice::new(32 << 20));
        let mut model = BTreeMap::new();
        for crash in 0..3 {
            let namespace = open(device.clone(), NOW);
            check(&namespace, &model, 100);
            for _ in 0..30 {
                let number = i64::from(rng.next_u32() % 10);
                let value = i64::from(rng.next_u32() % 1000);
                if !rng.next_u32().is_multiple_of(3) {
                    put(&namespace, number, value, Ttl::Never).expect("written");
                    model.insert(number, value);
                } else {
                    modify(&namespace, number, NOW, |_| Ok(Change::Delete)).expect("deleted");
                    model.remove(&number);
                }
            }
            let crashed = device.crash(seed << 8 | crash);
            drop(namespace);
            device = Arc::new(crashed);
        }
    }
}

/// With `default-read-touch-ttl-pct` a read of a record that has little of its life left renews it.
#[test]
fn a_read_touches_a_record_that_is_about_to_die() {
    let namespace = open(Arc::new(MemoryDevice::new(16 << 20)), NOW);
    put(&namespace, 1, 5, Ttl::Seconds(100)).expect("written");
    let void_time = |now_ms| get(&namespace, 1, now_ms).expect("it lives").void_time;
    let first = void_time(NOW);
    assert_eq!(void_time(NOW + 90_000), first, "no read touches unless it is told to");
    let settings = Settings { read_touch_pct: 50, ..(*namespace.settings()).clone() };
    namespace.change_settings(settings).expect("a percentage");
    assert_eq!(void_time(NOW + 40_000), first, "60 % are left");
    void_time(NOW + 60_000);
    assert_eq!(void_time(NOW + 60_000), first + 60, "40 % were left");
    let touched = get(&namespace, 1, NOW + 130_000).expect("it would be dead");
    assert_eq!(touched.bin("n"), Some(&Value::Integer(5)));
    assert_eq!(touched.key, Some(key(1)));
    void_time(NOW + 200_400);
    void_time(NOW + 270_400);
    let last = void_time(NOW + 270_400);
    assert_eq!(last, first + 271, "renewed between seconds it lives no longer than it was given");
}
