//! Devices that fail and devices that are full; many writers at once.

use std::sync::Arc;
use std::time::Duration;

use model::ErrorKind;
use storage::{Faults, SimDevice, Storage};

use crate::{Model, get, options, put, truncate};

#[test]
fn nothing_is_written_after_a_failure() {
    let sync = Faults { syncs_fail: true, ..Faults::default() };
    let write = Faults { writes_fail: true, ..Faults::default() };
    for (faults, hasten) in [(&sync, false), (&sync, true), (&write, false), (&write, true)] {
        let device = Arc::new(SimDevice::new(4 << 20));
        let mut model = Model::open(vec![device.clone()], &options()).unwrap();
        model.put(1, 1, 100).unwrap().ticket.wait_blocking().unwrap();
        assert!(model.storage.failure().is_none());

        device.set_faults(faults.clone());
        let appended = model.put(2, 1, 100).unwrap();
        if hasten {
            appended.ticket.hasten();
        }
        let error = appended.ticket.wait_blocking().unwrap_err();
        assert_eq!(error.kind, ErrorKind::Io);
        // The device may be fine again: what it has done with the pages is unknown all the same.
        device.set_faults(Faults::default());
        let writes = device.writes();
        let error = model.put(3, 1, 100).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unavailable);
        assert!(error.detail.contains("a write failed"), "{error}");
        assert!(model.storage.failure().is_some());
        assert_eq!(model.get(1).unwrap(), Some(1), "reads go on");
        let read = model.storage.read(
            appended.location,
            appended.units,
            Some(&crate::digest(2)),
            storage::BinSelect::None,
        );
        let ticket = read.unwrap().unwrap().durable.expect("it is not durable");
        assert_eq!(ticket.outcome().unwrap().unwrap_err().kind, ErrorKind::Io);
        assert_eq!(model.storage.close().unwrap_err().kind, ErrorKind::Io);
        drop(model);
        assert_eq!(device.writes(), writes);
        let model = Model::open(vec![Arc::new(device.crash(0))], &options()).unwrap();
        assert_eq!(model.get(1).unwrap(), Some(1));
    }
}

#[test]
fn reads_that_fail_say_so() {
    let device = Arc::new(SimDevice::new(4 << 20));
    let mut model = Model::open(vec![device.clone()], &options()).unwrap();
    model.put(1, 1, 100).unwrap().ticket.wait_blocking().unwrap();
    device.set_faults(Faults { reads_fail: true, ..Faults::default() });
    assert_eq!(model.get(1).unwrap_err().kind, ErrorKind::Io);
    device.set_faults(Faults::default());
    assert_eq!(model.get(1).unwrap(), Some(1));
}

#[test]
fn a_full_device_refuses_writes_and_keeps_the_rest() {
    let device = Arc::new(SimDevice::new(1 << 20));
    let mut model = Model::open(vec![device.clone()], &options()).unwrap();
    let mut count = 0;
    let error = loop {
        match model.put(count, 1, 5000) {
            Ok(_) => count += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind, ErrorKind::NoSpace);
    assert!(error.detail.contains("add a device"), "{error}");
    assert_eq!(model.put(1, 2, 5000).unwrap_err().kind, ErrorKind::NoSpace);
    let stats = model.storage.stats();
    assert_eq!((stats.free_blocks, stats.all_blocks), (2, 7), "kept back for copies and deletes");
    assert_eq!((stats.used_bytes, stats.capacity_bytes), (6 << 17, 1 << 20));
    model.delete(0).expect("deleting works on a full device");
    model.delete(0).unwrap().ticket.wait_blocking().unwrap();
    assert_eq!(model.get(0).unwrap(), None);
    model.storage.close().unwrap();
    drop(model);
    let mut model = Model::open(vec![device.clone()], &options()).unwrap();
    assert_eq!(model.put(1, 2, 5000).unwrap_err().kind, ErrorKind::NoSpace);
    assert!((1..count).all(|key| model.get(key).unwrap() == Some(1)));
    drop(model);

    // More room was configured.
    let device = Arc::new(SimDevice::from_image(device.image(), 2 << 20));
    let mut model = Model::open(vec![device], &options()).unwrap();
    model.put(1, 2, 5000).unwrap().ticket.wait_blocking().unwrap();
    assert_eq!((model.get(0).unwrap(), model.get(1).unwrap()), (None, Some(2)));
}

/// One sync answers many writers.
#[test]
fn writers_share_syncs() {
    const THREADS: i64 = 16;
    const WRITES: i64 = 40;
    let device = Arc::new(SimDevice::new(32 << 20));
    let (storage, _) = Storage::open(vec![device.clone()], &options()).unwrap();
    device.set_faults(Faults { sync_takes: Duration::from_millis(2), ..Faults::default() });
    let before = device.syncs();
    let mut lsns: Vec<u64> = std::thread::scope(|scope| {
        let writer = |thread: i64| {
            let storage = &storage;
            move || {
                let write = |i: i64| {
                    let key = thread * WRITES + i;
                    let appended = put(storage, key, i, 700).unwrap();
                    let (location, units) = (appended.location, appended.units);
                    assert_eq!(get(storage, key, location, units).unwrap(), i);
                    if thread % 4 == 0 {
                        appended.ticket.hasten();
                    }
                    appended.ticket.wait_blocking().unwrap();
                    assert_eq!(get(storage, key, location, units).unwrap(), i);
                    appended.lsn
                };
                (0..WRITES).map(write).collect::<Vec<u64>>()
            }
        };
        let threads: Vec<_> = (0..THREADS).map(|t| scope.spawn(writer(t))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let syncs = device.syncs() - before;
    assert!(syncs < (THREADS * WRITES) as u64 / 2, "{syncs} syncs");
    lsns.sort_unstable();
    lsns.dedup();
    assert_eq!(lsns.len() as i64, THREADS * WRITES);
    drop(storage);
    let model = Model::open(vec![Arc::new(device.crash(1))], &options()).unwrap();
    for key in 0..THREADS * WRITES {
        assert_eq!(model.get(key).unwrap(), Some(key % WRITES));
    }
}

/// Who waits may do the flusher's work. The flusher may come first, but not each time.
#[test]
fn a_writer_makes_its_write_durable() {
    let device = Arc::new(SimDevice::new(4 << 20));
    let (storage, _) = Storage::open(vec![device.clone()], &options()).unwrap();
    let alone = |key: &i64| {
        let ticket = put(&storage, *key, 1, 10).unwrap().ticket;
        ticket.hasten();
        let known = ticket.outcome().is_some();
        ticket.wait_blocking().unwrap();
        known
    };
    assert!((0..20).filter(alone).count() > 10);
    drop(storage);
    let model = Model::open(vec![Arc::new(device.crash(1))], &options()).unwrap();
    assert!((0..20).all(|key| model.get(key).unwrap() == Some(1)));
}

#[tokio::test]
async fn tickets_are_awaited() {
    let device = Arc::new(SimDevice::new(4 << 20));
    let (storage, _) = Storage::open(vec![device.clone()], &options()).unwrap();
    let tickets: Vec<_> = (0..100).map(|key| put(&storage, key, 1, 10).unwrap().ticket).collect();
    for ticket in &tickets {
        ticket.clone().wait().await.unwrap();
    }
    assert!(tickets.iter().all(|ticket| ticket.outcome() == Some(Ok(()))));
    storage.append_marker(truncate(None, 1)).unwrap().1.wait().await.unwrap();
    let failing = Faults { syncs_fail: true, ..Faults::default() };
    device.set_faults(failing);
    assert!(put(&storage, 1, 1, 10).unwrap().ticket.wait().await.is_err());
}

/// After a quiet second the last group is proven by an empty one, once.
#[test]
fn an_idle_storage_proves_its_last_group() {
    let device = Arc::new(SimDevice::new(4 << 20));
    let (storage, _) = Storage::open(vec![device.clone()], &options()).unwrap();
    put(&storage, 1, 1, 10).unwrap().ticket.wait_blocking().unwrap();
    let mut patience = 1500;
    while storage.stats().groups_written < 2 {
        patience -= 1;
        assert!(patience > 0, "no empty group was written");
        std::thread::sleep(Duration::from_millis(20));
    }
    // Nothing but the footer is left to write at the end.
    let writes = device.writes();
    drop(storage);
    assert_eq!(device.writes(), writes + 1);
}
