//! Stopping and starting, cleanly and not; what an opening refuses.

use std::sync::Arc;

use model::{ErrorKind, Key, Name, Value, ValueType};
use storage::{
    BinSelect, Device, FileDevice, ItemKind, MemoryDevice, Options, Replay, Storage, Write,
    WriteKind,
};

use crate::{Model, delete, digest, get, memory_options, options, put, refused, short, truncate};

const MIB: u64 = 1 << 20;

/// Writes, overwrites and deletes in a few lives; every life sees all earlier ones.
fn lives(device: Arc<dyn Device>, options: &Options, clean: bool) {
    let mut last_lsn = 0;
    for life in 0..5 {
        let mut model = Model::open(vec![device.clone()], options).unwrap();
        for key in 0..100 {
            let expected = match key % 3 {
                _ if life == 0 => None,
                0 if key % 2 == 0 => None,
                _ => Some(life - 1),
            };
            assert_eq!(model.get(key).unwrap(), expected, "life {life} key {key}");
        }
        for key in 0..100 {
            let appended = model.put(key, life, 3000 + key as usize).unwrap();
            assert!(appended.lsn > last_lsn, "LSNs never come again");
            last_lsn = appended.lsn;
            assert_eq!(model.get(key).unwrap(), Some(life), "readable at once");
        }
        for key in (0..100).step_by(6) {
            last_lsn = model.delete(key).unwrap().lsn;
        }
        if clean {
            model.storage.close().unwrap();
            let error = model.put(1, 1, 1).unwrap_err();
            assert_eq!(error.kind, ErrorKind::Unavailable);
            assert_eq!(model.get(1).unwrap(), Some(life), "reads go on after closing");
        } else if options.durability == storage::Durability::Memory {
            model.storage.close().unwrap();
        }
    }
}

#[test]
fn memory_keeps_everything() {
    lives(Arc::new(MemoryDevice::new(16 * MIB)), &memory_options(), true);
    lives(Arc::new(MemoryDevice::new(16 * MIB)), &options(), true);
}

#[test]
fn a_drop_without_closing_loses_nothing() {
    lives(Arc::new(MemoryDevice::new(16 * MIB)), &options(), false);
}

#[test]
fn files_keep_everything() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data");
    for _ in 0..2 {
        let _ = std::fs::remove_file(&path);
        lives(Arc::new(FileDevice::open(&path, 16 * MIB).unwrap()), &options(), true);
    }
    // The device is closed and opened anew.
    let device = Arc::new(FileDevice::open(&path, 16 * MIB).unwrap());
    let model = Model::open(vec![device], &options()).unwrap();
    assert_eq!(model.get(1).unwrap(), Some(4));
}

#[test]
fn two_devices_share_the_log() {
    let devices: Vec<Arc<dyn Device>> =
        vec![Arc::new(MemoryDevice::new(2 * MIB)), Arc::new(MemoryDevice::new(4 * MIB))];
    let mut model = Model::open(devices.clone(), &options()).unwrap();
    let mut count = 0;
    let full = loop {
        match model.put(count, 1, 10_000) {
            Ok(_) => count += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(full.kind, ErrorKind::NoSpace);
    assert!(full.detail.contains("raise its size"), "{full}");
    assert!(count >= 330, "both devices are filled, the larger one to its end: {count}");
    model.storage.close().unwrap();
    let model = Model::open(devices.clone(), &options()).unwrap();
    for key in 0..count {
        assert_eq!(model.get(key).unwrap(), Some(1));
    }
    drop(model);

    let swapped: Vec<_> = devices.iter().rev().cloned().collect();
    let error = refused(swapped, &options());
    assert!(error.detail.contains("in the order"), "{error}");
    let error = refused(devices[..1].to_vec(), &options());
    assert!(error.detail.contains("name all devices"), "{error}");
    let replaced = vec![devices[0].clone(), Arc::new(MemoryDevice::new(4 * MIB))];
    let error = refused(replaced, &options());
    assert!(error.detail.contains("is empty, but other devices"), "{error}");
}

#[test]
fn openings_that_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data");
    let device = Arc::new(FileDevice::open(&path, 16 * MIB).unwrap());
    Model::open(vec![device.clone()], &options()).unwrap();

    let error = FileDevice::open(&path, 16 * MIB).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Forbidden);
    assert!(error.detail.contains("in use by another node"), "{error}");
    let error = FileDevice::open(&folder.path().join("none/data"), MIB).unwrap_err();
    assert!(error.detail.contains("none/data"), "{error}");

    let other = Options { namespace: "other".to_string(), ..options() };
    let error = refused(vec![device.clone()], &other);
    assert!(error.detail.contains("holds namespace test, not other"), "{error}");
    let larger = Options { block_size: 1 << 20, ..options() };
    let error = refused(vec![device.clone()], &larger);
    assert!(error.detail.contains("correct write-block-size"), "{error}");
    let odd = Options { block_size: 100_000, ..options() };
    let error = refused(vec![device.clone()], &odd);
    assert!(error.detail.contains("power of two"), "{error}");
    let error = refused(vec![], &options());
    assert!(error.detail.contains("no device"), "{error}");
    let error = refused(vec![Arc::new(storage::SimDevice::new(4096))], &options());
    assert!(error.detail.contains("raise its size"), "{error}");

    let foreign = folder.path().join("foreign");
    std::fs::write(&foreign, "PK\u{3}\u{4} this is somebody's archive").unwrap();
    let foreign: Arc<dyn Device> = Arc::new(FileDevice::open(&foreign, 16 * MIB).unwrap());
    let error = refused(vec![foreign], &options());
    assert!(error.detail.contains("is not AerieDB storage"), "{error}");

    // A newer release wrote it: the version is at 12, the checksum at 8.
    let mut page = vec![0; 8192];
    device.read_at(0, &mut page).unwrap();
    for copy in page.chunks_mut(4096) {
        copy[12] = 9;
        let crc = crc32c::crc32c_append(crc32c::crc32c(&copy[..8]), &copy[12..]);
        copy[8..12].copy_from_slice(&crc.to_le_bytes());
    }
    device.write_at(0, &page).unwrap();
    let error = refused(vec![device.clone()], &options());
    assert!(error.detail.contains("storage format 9"), "{error}");

    // The superblock was wiped, the data was not.
    device.write_at(0, &[0; 8192]).unwrap();
    Model::open(vec![device.clone()], &options()).expect("nothing was ever written to it");
    let mut model = Model::open(vec![device.clone()], &options()).unwrap();
    model.put(1, 1, 1).unwrap();
    drop(model);
    device.write_at(0, &[0; 8192]).unwrap();
    let error = refused(vec![device.clone()], &options());
    assert!(error.detail.contains("its blocks hold data"), "{error}");
}

/// Everything that recovery tells, and that names are shared and wanted bins are decoded.
#[test]
fn recovery_tells_everything() {
    let device: Arc<dyn Device> = Arc::new(MemoryDevice::new(4 * MIB));
    let (storage, _) = Storage::open(vec![device.clone()], &options()).unwrap();
    let key = Key::String("k".into());
    let value = Value::map([(Value::String("a".into()), Value::list(vec![Value::Nil]))]);
    let bins = [(Name::from("m"), value), (Name::from("d"), Value::Double(0.5))];
    let write = Write {
        kind: WriteKind::Record,
        digest: digest(1),
        set: "",
        key: Some(&key),
        bins: &bins,
        generation: 65_535,
        lut_ms: (1 << 48) - 1,
        void_time: u32::MAX,
    };
    let first = storage.append(&write).unwrap();
    assert_eq!((first.set_id, storage.set_id("")), (0, Some(0)));
    storage.append_marker(truncate(None, 17)).unwrap();
    let s = storage.intern_set("s").unwrap();
    storage.append_marker(truncate(Some(s), 18)).unwrap();
    let tombstone = delete(&storage, 2).unwrap();
    assert_eq!(storage.bin_names(), [Name::from("m"), Name::from("d")]);
    assert!(storage.bin_name("x").is_none());
    storage.close().unwrap();
    drop(storage);

    let (storage, mut replay) = Storage::open(vec![device], &options()).unwrap();
    let shapes: Vec<_> = replay.shapes().collect();
    let bit = |of| model::TypeSet::EMPTY.with(of).bits();
    let double = (0, 1, bit(ValueType::Double));
    let key_shape = (0, Replay::KEY, bit(ValueType::String));
    assert_eq!(shapes, [(0, 0, bit(ValueType::Map)), double, key_shape]);
    let items: Vec<_> = replay.pass(0).unwrap().into_iter().flatten().collect();
    let of = |n| items.iter().find(|item| item.digest() == short(&digest(n))).unwrap();
    assert_eq!((of(1).kind, of(2).kind, items.len()), (ItemKind::Record, ItemKind::Tombstone, 2));
    assert_eq!((of(1).generation, of(1).void_time), (write.generation, write.void_time));
    assert_eq!((of(2).location, of(2).set_id), (tombstone.location, tombstone.set_id));
    let said: Vec<_> = storage.all_markers().into_iter().map(|m| (m.said, m.lsn)).collect();
    assert_eq!(said[0].0, truncate(None, 17));
    assert_eq!(said[1].0, truncate(Some(1), 18));
    assert!(of(1).lsn < said[0].1 && said[0].1 < said[1].1 && said[1].1 < of(2).lsn);
    assert_eq!(storage.set_names(), [Name::from(""), Name::from("s"), Name::from("set")]);
    let select = [Name::from("d")];
    for hint in [0, first.units, first.units + 2000] {
        let read =
            |bins| storage.read(first.location, hint, Some(&digest(1)), bins).unwrap().unwrap();
        assert_eq!(read(BinSelect::All).record.bins, bins);
        assert_eq!(read(BinSelect::Named(&select)).record.bins, bins[1..]);
        assert_eq!(read(BinSelect::None).record.bins, []);
        assert_eq!(read(BinSelect::None).record.key, Some(key.clone()));
    }
    let read = storage.read(tombstone.location, 3, None, BinSelect::All).unwrap().unwrap();
    assert!(read.tombstone && read.durable.is_none());
    let other = storage.read(first.location, 8, Some(&digest(2)), BinSelect::All).unwrap();
    assert!(other.is_none(), "a record of another key");
    for nowhere in [0, 1, first.location + 1, first.location + 100_000, u64::MAX] {
        let error = storage.read(nowhere, 8, None, BinSelect::All).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Corrupt);
    }
}

#[test]
fn records_have_a_limit() {
    let device: Arc<dyn Device> = Arc::new(MemoryDevice::new(4 * MIB));
    let small = Options { record_size_max: 10_000, ..options() };
    let (storage, _) = Storage::open(vec![device.clone()], &small).unwrap();
    let error = put(&storage, 1, 1, 10_000).unwrap_err();
    assert_eq!(error.kind, ErrorKind::RecordTooBig);
    assert!(error.detail.contains("at most 10000"), "{error}");
    put(&storage, 1, 1, 9_900).unwrap();
    drop(storage);

    // No limit but the block: the largest record has a block of its own.
    let (storage, _) = Storage::open(vec![device], &options()).unwrap();
    let most = storage.record_size_max();
    for key in 0..3 {
        let size = most - 48;
        let appended = put(&storage, key, 1, size).unwrap();
        assert_eq!(appended.units as usize * 16, most);
        assert_eq!(get(&storage, key, appended.location, appended.units).unwrap(), 1);
        appended.ticket.wait_blocking().unwrap();
        assert_eq!(get(&storage, key, appended.location, appended.units).unwrap(), 1);
    }
}

/// Records that are read twice come from memory, until their block is written anew.
#[test]
fn the_record_cache_answers_what_was_read_before() {
    let device = Arc::new(MemoryDevice::new(16 * MIB));
    let options = Options { record_cache_bytes: MIB, ..options() };
    let mut model = Model::open(vec![device.clone()], &options).unwrap();
    for key in 0..50 {
        model.put(key, 1, 1000).unwrap();
    }
    model.storage.close().unwrap();
    let stats = || {
        let stats = model.storage.stats();
        (stats.record_cache_hits, stats.record_cache_misses, stats.record_cache_bytes > 50_000)
    };
    assert_eq!(stats(), (0, 0, false));
    for key in 0..50 {
        assert_eq!(model.get(key).unwrap(), Some(1));
    }
    assert_eq!(stats(), (0, 50, true));
    // Bytes that change on the device are not looked at again; what was read is still right.
    let size = device.size();
    device.write_at(MIB / 8, &vec![0x5a; (size - MIB / 8) as usize]).unwrap();
    for key in 0..50 {
        assert_eq!(model.get(key).unwrap(), Some(1));
    }
    assert_eq!(stats(), (50, 50, true));
}

/// What fails its checksum is never kept.
#[test]
fn a_damaged_record_does_not_enter_the_record_cache() {
    let device = Arc::new(MemoryDevice::new(16 * MIB));
    let options = Options { record_cache_bytes: MIB, ..options() };
    let mut model = Model::open(vec![device.clone()], &options).unwrap();
    let at = model.put(1, 1, 1000).unwrap().location * 16;
    model.storage.close().unwrap();
    let mut byte = [0];
    device.read_at(at + 500, &mut byte).unwrap();
    device.write_at(at + 500, &[byte[0] ^ 1]).unwrap();
    for _ in 0..2 {
        assert_eq!(model.get(1).unwrap_err().kind, ErrorKind::Corrupt);
    }
    assert_eq!(model.storage.stats().record_cache_bytes, 0);
    device.write_at(at + 500, &byte).unwrap();
    assert_eq!(model.get(1).unwrap(), Some(1));
}
