//! What survives: restarts, crashes, flipped bytes, failing and full devices.
//!
//! [`Model`] plays the part of `namespace`: it keeps what recovery and appends tell, newest last.

mod crash;
mod damage;
mod faults;
mod restart;

use std::collections::HashMap;
use std::sync::Arc;

use model::{Digest, Error, Key, Name, Result, Value};
use storage::{
    Appended, BinSelect, Device, Durability, Item, ItemKind, Options, Said, Storage, Write,
    WriteKind,
};

/// What is known of a key: where its newest version is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entry {
    Record { location: u64, units: u32 },
    Tombstone,
    Damaged { location: u64, units: u32 },
}

/// A storage and the index over it.
pub(crate) struct Model {
    pub(crate) storage: Storage,
    pub(crate) index: HashMap<Digest, Entry>,
}

pub(crate) fn options() -> Options {
    let block_size = Options::BLOCK_SIZE_MIN;
    Options { block_size, ..Options::new("test", 7) }
}

pub(crate) fn digest(key: i64) -> Digest {
    Key::Integer(key).digest("set")
}

/// The bins of a version: version and filling depend on each other, so that a mixture shows.
pub(crate) fn bins(version: i64, size: usize) -> Vec<(Name, Value)> {
    let filling = (0..size).map(|i| (i as i64 * 31 + version * 7) as u8).collect();
    vec![(Name::from("v"), Value::Integer(version)), (Name::from("f"), Value::Blob(filling))]
}

impl Entry {
    fn of(item: &Item) -> Entry {
        let (location, units) = (item.location, item.units);
        match item.kind {
            ItemKind::Record => Entry::Record { location, units },
            ItemKind::Tombstone => Entry::Tombstone,
            ItemKind::Damaged => Entry::Damaged { location, units },
        }
    }
}

/// A digest as far as recovery tells it.
pub(crate) fn short(digest: &Digest) -> Digest {
    let mut short = Digest([0; 20]);
    short.0[..11].copy_from_slice(&digest.0[..11]);
    short
}

impl Model {
    pub(crate) fn open(devices: Vec<Arc<dyn Device>>, options: &Options) -> Result<Model> {
        let (storage, mut replay) = Storage::open(devices, options)?;
        let mut index = HashMap::new();
        for pass in 0..replay.passes() {
            for mut items in replay.pass(pass)? {
                items.sort_unstable_by(Item::order);
                for of in items.chunk_by(Item::same_record) {
                    index.insert(of[0].digest(), Entry::of(&of[0]));
                }
            }
        }
        Ok(Model { storage, index })
    }

    pub(crate) fn put(&mut self, key: i64, version: i64, size: usize) -> Result<Appended> {
        let appended = put(&self.storage, key, version, size)?;
        let (location, units) = (appended.location, appended.units);
        self.index.insert(short(&digest(key)), Entry::Record { location, units });
        Ok(appended)
    }

    pub(crate) fn delete(&mut self, key: i64) -> Result<Appended> {
        let appended = delete(&self.storage, key)?;
        self.index.insert(short(&digest(key)), Entry::Tombstone);
        Ok(appended)
    }

    /// The version of a key; checks that the record is the one that was written.
    pub(crate) fn get(&self, key: i64) -> Result<Option<i64>> {
        match self.index.get(&short(&digest(key))) {
            None | Some(Entry::Tombstone) => Ok(None),
            Some(Entry::Record { location, units } | Entry::Damaged { location, units }) => {
                get(&self.storage, key, *location, *units).map(Some)
            }
        }
    }
}

pub(crate) fn put(storage: &Storage, key: i64, version: i64, size: usize) -> Result<Appended> {
    storage.append(&Write {
        kind: WriteKind::Record,
        digest: digest(key),
        set: "set",
        key: Some(&Key::Integer(key)),
        bins: &bins(version, size),
        generation: version as u16,
        lut_ms: 1_000 + version as u64,
        void_time: 0,
    })
}

pub(crate) fn delete(storage: &Storage, key: i64) -> Result<Appended> {
    storage.append(&Write {
        kind: WriteKind::Tombstone,
        digest: digest(key),
        set: "set",
        key: None,
        bins: &[],
        generation: 1,
        lut_ms: 5_000,
        void_time: 0,
    })
}

pub(crate) fn get(storage: &Storage, key: i64, location: u64, units: u32) -> Result<i64> {
    let read = storage.read(location, units, Some(&digest(key)), BinSelect::All)?;
    let read = read.expect("the record is there");
    assert!(!read.tombstone);
    assert_eq!(storage.set_name(read.set_id).as_deref(), Some("set"));
    assert_eq!(read.record.key, Some(Key::Integer(key)));
    let [(_, Value::Integer(version)), (_, Value::Blob(filling))] = read.record.bins.as_slice()
    else {
        panic!("wrong bins: {:?}", read.record.bins);
    };
    assert_eq!(read.record.bins, bins(*version, filling.len()));
    assert_eq!(read.record.generation, *version as u16);
    Ok(*version)
}

pub(crate) fn memory_options() -> Options {
    Options { durability: Durability::Memory, ..options() }
}

/// The error of an opening that must fail.
pub(crate) fn refused(devices: Vec<Arc<dyn Device>>, options: &Options) -> Error {
    Model::open(devices, options).err().expect("opening must be refused")
}

pub(crate) fn truncate(set_id: Option<u16>, before_lut_ms: u64) -> Said {
    Said::Truncate { set_id, before_lut_ms }
}
