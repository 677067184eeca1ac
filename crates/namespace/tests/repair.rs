//! What a write does where a device has lost bytes, or has no room for the moment.

use std::sync::Arc;

use model::{ErrorKind, Key, Name, Value};
use namespace::{Namespace, Options, ReadAhead, Settings};
use storage::{Device, Durability, MemoryDevice, Storage};
use store::{Bins, Change, Seen, Ttl};

const SET: &str = "people";
const NOW: u64 = 1_800_000_000_000;

fn open(device: &Arc<dyn Device>, durability: Durability) -> Namespace {
    let options = Options {
        name: "test".to_string(),
        storage_engine: "device",
        settings: Settings { stop_writes_used_pct: 0, ..Settings::default() },
        replication_factor: 1,
        shards_per_partition: 1,
    };
    Namespace::open(options, NOW, |ignore_checkpoint| {
        let storage = storage::Options {
            block_size: storage::Options::BLOCK_SIZE_MIN,
            durability,
            ignore_checkpoint,
            ..storage::Options::new("test", 7)
        };
        Storage::open(vec![device.clone()], &storage)
    })
    .expect("the namespace opens")
}

fn write(text: &str) -> Change {
    let bins = vec![(Name::from("t"), Some(Value::String(text.to_string())))];
    Change::Write { bins, replace: true, ttl: Ttl::Default }
}

fn change(namespace: &Namespace, n: i64, change: Change) -> model::Result<store::Outcome> {
    let key = Key::Integer(n);
    let mut once = |_: Seen<'_>| Ok(change.clone());
    let digest = key.digest(SET);
    let ahead = &mut ReadAhead::default();
    let (outcome, ticket) = namespace.change(SET, &digest, Some(&key), NOW, ahead, &mut once)?;
    ticket.map_or(Ok(()), |ticket| ticket.wait_blocking())?;
    Ok(outcome)
}

fn text(namespace: &Namespace, n: i64) -> model::Result<Option<String>> {
    let found = namespace.get(&Key::Integer(n).digest(SET), Bins::All, NOW)?;
    Ok(found.record.map(|record| match record.bin("t") {
        Some(Value::String(text)) => text.clone(),
        other => panic!("bin t is {other:?}"),
    }))
}

/// Changes one byte of every version of these texts.
fn damage(device: &Arc<dyn Device>, texts: &[&str]) {
    let mut image = vec![0; device.size() as usize];
    device.read_at(0, &mut image).unwrap();
    for text in texts {
        let places = image.windows(text.len()).enumerate();
        let places: Vec<usize> =
            places.filter(|(_, bytes)| *bytes == text.as_bytes()).map(|(at, _)| at).collect();
        assert!(!places.is_empty(), "{text} is on the device");
        for at in places {
            device.write_at(at as u64, &[image[at] ^ 1]).unwrap();
        }
    }
}

/// Three records lose a byte, while the node runs or between two runs. One is deleted, one is
/// replaced, one is let alone: it stays an error, also for a write that would keep what it holds.
fn damaged_records_are_deleted_and_replaced(between_runs: bool) {
    let device: Arc<dyn Device> = Arc::new(MemoryDevice::new(16 << 20));
    let mut namespace = open(&device, Durability::Commit);
    for n in 0..6 {
        change(&namespace, n, write(&format!("the text of {n}"))).unwrap();
    }
    let damaged = ["the text of 1", "the text of 2", "the text of 3"];
    if between_runs {
        drop(namespace);
        damage(&device, &damaged);
        namespace = open(&device, Durability::Commit);
    } else {
        damage(&device, &damaged);
    }
    let corrupt = |namespace: &Namespace, n| {
        assert_eq!(text(namespace, n).unwrap_err().kind, ErrorKind::Corrupt, "record {n}");
    };
    (1..4).for_each(|n| corrupt(&namespace, n));
    let merging = Change::Write { bins: Vec::new(), replace: false, ttl: Ttl::Default };
    for refused in [merging, Change::Keep] {
        assert_eq!(change(&namespace, 1, refused).unwrap_err().kind, ErrorKind::Corrupt);
    }
    let read = &mut |_: Option<&model::Record>| panic!("there is nothing to see");
    let error = namespace.modify(SET, &Key::Integer(1).digest(SET), None, NOW, read).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Corrupt);

    let deleted = change(&namespace, 1, Change::Delete).unwrap();
    assert!(deleted.existed && deleted.changed, "{deleted:?}");
    let replaced = change(&namespace, 2, write("a new text")).unwrap();
    assert!(replaced.existed && replaced.generation == 1, "{replaced:?}");
    let repaired = |namespace: &Namespace| {
        assert_eq!(text(namespace, 1).unwrap(), None);
        assert_eq!(text(namespace, 2).unwrap().as_deref(), Some("a new text"));
        corrupt(namespace, 3);
        assert_eq!(text(namespace, 4).unwrap().as_deref(), Some("the text of 4"));
        namespace.check().unwrap();
    };
    repaired(&namespace);
    // Defragmentation, a crash and a clean stop with its checkpoint bring nothing back.
    while namespace.defrag_now().unwrap() {}
    repaired(&namespace);
    drop(namespace);
    let namespace = open(&device, Durability::Commit);
    repaired(&namespace);
    namespace.close().unwrap();
    drop(namespace);
    repaired(&open(&device, Durability::Commit));
}

#[test]
fn a_record_that_is_damaged_while_the_node_runs_can_be_repaired() {
    damaged_records_are_deleted_and_replaced(false);
}

#[test]
fn a_record_that_is_damaged_between_two_runs_can_be_repaired() {
    damaged_records_are_deleted_and_replaced(true);
}

/// Overwrites fill a device on which next to nothing is live: there is room to be won. Live records
/// fill it: there is none.
#[test]
fn room_may_be_won_while_what_is_stored_is_dead() {
    let device: Arc<dyn Device> = Arc::new(MemoryDevice::new(4 << 20));
    let namespace = open(&device, Durability::Memory);
    let text = "x".repeat(4_000);
    let error = (0..).find_map(|n| change(&namespace, n % 3, write(&text)).err());
    assert_eq!(error.map(|error| error.kind), Some(ErrorKind::NoSpace));
    assert!(namespace.may_win_room(SET));
    while_there_is_none(&namespace, || change(&namespace, 1, write(&text)).is_ok());

    let mut n = 0;
    while_there_is_none(&namespace, || {
        while change(&namespace, n, write(&text)).is_ok() {
            n += 1;
        }
        !namespace.may_win_room(SET)
    });
    assert!(n > 600, "{n} records of 4 kB in 4 MiB");
    namespace.close().unwrap();
    assert!(!namespace.may_win_room(SET));
}

/// Wins room back until `done`, a block at a time.
fn while_there_is_none(namespace: &Namespace, mut done: impl FnMut() -> bool) {
    let tries = (0..1000).position(|_| done() || namespace.defrag_step().is_err());
    assert!(tries.is_some(), "{:?}", namespace.stats());
}
