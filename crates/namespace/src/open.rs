//! Opening: the checkpoint and what the log says beyond it become the index.
//!
//! 1. The checkpoint's shards are loaded as they are, if there is one. What markers newer than the
//!    checkpoint remove is taken out again.
//! 2. The log's items come in passes, by partition. Of each record the item with the greatest LSN
//!    counts. Without a checkpoint they fill empty partitions; with one they are applied to it:
//!    newer items replace or remove; an older one counts only where the checkpoint's entry points at
//!    a block that was given back since - defragmentation has moved the record, and this is where.
//! 3. One walk over the index counts the sets and the live units of the blocks.
//!
//! Where the checkpoint and the blocks contradict each other, all is thrown away and the whole log
//! is read. Shards and partitions are worked on by several threads.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::*};
use std::sync::{Arc, Mutex, RwLock};

use index::{Entry, Index, Keep};
use model::{Error, ErrorKind, Key, Name, PARTITIONS, PartitionId, Result};
use storage::{Item, ItemKind, Marker, Replay, Said, Storage};
use store::{Bins, ScanCursor};

use crate::catalogue::Sets;
use crate::indexes::Indexes;
use crate::metrics::Metrics;
use crate::nsup::Due;
use crate::truncate::EVERYTHING;
use crate::{BLANK, LOCKS, Namespace, Options, TABLES_SET, class_of, expiry_hours, second_of};

/// The replication state of an entry of the checkpoint whose record is not where it was, until the
/// log has told where it is.
const ASTRAY: u8 = 3;

/// What becomes of the index while the log is read.
struct Rebuild<'a> {
    index: &'a Index,
    markers: Vec<Marker>,
    /// Whether a checkpoint is below what the log says, and its LSN.
    has_checkpoint: bool,
    checkpoint_lsn: u64,
    stale: Vec<bool>,
    /// 16-byte units of a block.
    block_units: u64,
    now_ms: u64,
    threads: usize,
}

impl Namespace {
    /// Opens a namespace: `open` makes the storage, and is asked a second time, then to ignore the
    /// checkpoint (`true`), if the first does not lead to an index.
    pub fn open(
        options: Options,
        now_ms: u64,
        open: impl Fn(bool) -> Result<(Storage, Replay)>,
    ) -> Result<Namespace> {
        model::limits::check_namespace(&options.name)?;
        options.settings.check()?;
        let (storage, replay) = open(false)?;
        let has_checkpoint = replay.checkpoint().is_some();
        match Namespace::build(options.clone(), now_ms, storage, replay) {
            Err(error) if has_checkpoint => {
                let namespace = &options.name;
                tracing::warn!(namespace, %error, "the checkpoint cannot be used; reading the log");
                let (storage, replay) = open(true)?;
                Namespace::build(options, now_ms, storage, replay)
            }
            built => built,
        }
    }

    fn build(
        options: Options,
        now_ms: u64,
        storage: Storage,
        mut replay: Replay,
    ) -> Result<Namespace> {
        let shards_per_partition = options.shards_per_partition;
        let index = Index::new(index::Options { shards_per_partition })?;
        let sets = Sets::new();
        if let Some((extra, shards)) = replay.checkpoint() {
            if shards != index.shard_count() {
                return Err(contradiction("it was made with other partition-tree-sprigs"));
            }
            let known = sets.decode(extra, |id| storage.set_name(id));
            known.ok_or_else(|| contradiction("its catalogue is damaged"))?;
        }
        let rebuild = Rebuild {
            index: &index,
            markers: storage.all_markers(),
            has_checkpoint: replay.checkpoint().is_some(),
            checkpoint_lsn: replay.checkpoint_lsn(),
            stale: replay.stale_blocks(),
            block_units: u64::from(storage.block_size()) / 16,
            now_ms,
            threads: replay.threads(),
        };
        rebuild.load(&replay)?;
        for pass in 0..replay.passes() {
            rebuild.apply(replay.pass(pass)?)?;
        }
        let mortal = rebuild.count(&storage, &sets)?;
        note_shapes(&replay, &storage, &sets);
        let mut lut_floor_ms = 0;
        let mut late = Vec::new();
        for marker in &rebuild.markers {
            if let Said::Truncate { set_id, before_lut_ms } = marker.said
                && before_lut_ms != EVERYTHING
            {
                lut_floor_ms = lut_floor_ms.max(before_lut_ms + 1);
                if marker.lsn > rebuild.checkpoint_lsn {
                    late.push((set_id, before_lut_ms));
                }
            }
        }
        drop(replay);
        let namespace = Namespace {
            settings: RwLock::new(Arc::new(options.settings.clone())),
            options,
            index,
            storage,
            locks: (0..LOCKS).map(|_| Mutex::new(())).collect(),
            gate: RwLock::new(()),
            sets,
            indexes: Indexes::new(),
            pending_tombstones: Mutex::default(),
            mortal: AtomicU64::new(mortal),
            lut_floor_ms: AtomicU64::new(lut_floor_ms),
            stop_writes: RwLock::default(),
            metrics: Metrics::default(),
            due: Mutex::new(Due::default()),
        };
        for (set_id, before_lut_ms) in late {
            namespace.remove_until(set_id.as_slice(), before_lut_ms)?;
        }
        namespace.load_declarations(now_ms)?;
        namespace.load_indexes(now_ms)?;
        namespace.sets.forget_empty();
        Ok(namespace)
    }

    fn load_declarations(&self, now_ms: u64) -> Result<()> {
        let mut cursor = ScanCursor::all();
        while !cursor.done() {
            let (records, _) = self.scan(TABLES_SET, Bins::All, &mut cursor, 1000, now_ms)?;
            for record in records {
                if let Some(Key::String(name)) = &record.key {
                    let table = crate::declare::table_of(&self.options.name, name, &record)?;
                    let set = self.ensure_set(self.storage.intern_set(name)?);
                    self.sets.declare(&set, Some(table));
                }
            }
        }
        Ok(())
    }
}

fn contradiction(what: &str) -> Error {
    Error::new(ErrorKind::Corrupt, format!("the checkpoint does not fit: {what}"))
}

fn note_shapes(replay: &Replay, storage: &Storage, sets: &Sets) {
    for (set_id, bin, types) in replay.shapes() {
        let Some(name) = storage.set_name(set_id) else { continue };
        let set = sets.ensure(set_id, &name);
        match bin {
            Replay::KEY => sets.restore(&set, None, types),
            id => {
                if let Some(name) = storage.bin_name_of(id) {
                    sets.restore(&set, Some(&name), types);
                }
            }
        }
    }
}

/// Objects and bytes of the sets, and live units of the blocks, as one thread counted them.
#[derive(Default)]
struct Counted {
    sets: Vec<(i64, i64)>,
    blocks: Vec<u32>,
    mortal: u64,
}

fn slot<T: Default + Clone>(of: &mut Vec<T>, at: usize) -> &mut T {
    if of.len() <= at {
        of.resize(at + 1, T::default());
    }
    &mut of[at]
}

impl Rebuild<'_> {
    /// Runs `work` for every number below `count`, on some threads, each with a state of its own.
    fn in_parallel<S: Default + Send>(
        &self,
        count: u32,
        work: impl Fn(&mut S, u32) -> Result<()> + Sync,
    ) -> Result<Vec<S>> {
        let next = AtomicU64::new(0);
        let run = || -> Result<S> {
            let mut state = S::default();
            loop {
                let n = next.fetch_add(1, Relaxed);
                if n >= u64::from(count) {
                    return Ok(state);
                }
                work(&mut state, n as u32)
                    .inspect_err(|_| next.store(u64::from(count), Relaxed))?;
            }
        };
        std::thread::scope(|scope| {
            let others: Vec<_> = (1..self.threads).map(|_| scope.spawn(run)).collect();
            let mut states = vec![run()?];
            for thread in others {
                states.push(thread.join().expect("building the index does not panic")?);
            }
            Ok(states)
        })
    }

    /// Loads the checkpoint, without what markers that are newer have removed.
    fn load(&self, replay: &Replay) -> Result<()> {
        if !self.has_checkpoint {
            return Ok(());
        }
        let whole =
            replay.load_shards(&|shard, bytes| self.index.load_shard(shard, bytes, &mut |_| ()))?;
        if !whole {
            return Err(contradiction("it is damaged"));
        }
        let newer: Vec<&Marker> =
            self.markers.iter().filter(|marker| marker.lsn > self.checkpoint_lsn).collect();
        let shards_per_partition = u32::from(self.index.shards_per_partition());
        self.in_parallel(self.index.shard_count(), |_: &mut (), shard| {
            let partition = PartitionId::new((shard / shards_per_partition) as u16);
            let partition = partition.expect("shards are counted by partitions");
            self.index.update_shard(shard, &mut |entry| {
                let void_time = match entry.expiry_hours {
                    0 => 0,
                    // Eviction goes by whole hours.
                    hour => second_of(hour),
                };
                let removes = |marker: &&Marker| {
                    let lsn = self.checkpoint_lsn;
                    marker.removes(lsn, partition, entry.set_id, void_time) == Some(true)
                };
                if entry.tombstone || newer.iter().any(removes) {
                    return Keep::No;
                }
                if self.is_stale(entry.location) {
                    entry.replication = ASTRAY;
                }
                Keep::Yes
            });
            Ok(())
        })?;
        Ok(())
    }

    /// Whether a location in the checkpoint is in a block that was given back since.
    fn is_stale(&self, location: u64) -> bool {
        let block = (location / self.block_units) as usize;
        self.stale.get(block).copied().unwrap_or(true)
    }

    /// Applies the items of one pass.
    fn apply(&self, items: Vec<Vec<Item>>) -> Result<()> {
        let items: Vec<Mutex<Vec<Item>>> = items.into_iter().map(Mutex::new).collect();
        self.in_parallel(PARTITIONS.into(), |_: &mut (), n| {
            let partition = PartitionId::new(n as u16).expect("it is below the number of them");
            let mut items = std::mem::take(&mut *crate::lock(&items[n as usize]));
            items.sort_unstable_by(Item::order);
            let newest = items.chunk_by(Item::same_record).map(|of| &of[0]);
            if !self.has_checkpoint && !items.is_empty() {
                let alive = newest.filter(|item| self.alive(partition, item));
                let entries = alive.map(|item| Ok((item.digest(), entry_of(item)?)));
                return self.index.fill_partition(partition, &entries.collect::<Result<Vec<_>>>()?);
            }
            for item in newest {
                self.apply_one(partition, item)?;
            }
            Ok(())
        })?;
        Ok(())
    }

    /// Applies the newest item of a record on top of the checkpoint.
    fn apply_one(&self, partition: PartitionId, item: &Item) -> Result<()> {
        let digest = item.digest();
        let known: Vec<Entry> = self.index.get(&digest).collect();
        let alive = self.alive(partition, item);
        if item.lsn <= self.checkpoint_lsn {
            for entry in known.iter().filter(|entry| entry.replication == ASTRAY) {
                match alive {
                    true => drop(self.index.replace(&digest, entry.location, entry_of(item)?)),
                    false => drop(self.index.remove(&digest, entry.location)),
                }
            }
            return Ok(());
        }
        for entry in &known {
            self.index.remove(&digest, entry.location);
        }
        if alive { self.index.insert(&digest, entry_of(item)?) } else { Ok(()) }
    }

    /// Whether a version is there as far as the item tells.
    fn alive(&self, partition: PartitionId, item: &Item) -> bool {
        let expired = item.void_time != 0 && u64::from(item.void_time) * 1000 <= self.now_ms;
        let removes = |marker: &Marker| {
            // What may be a record of any set stays, so that its reads are errors.
            item.kind == ItemKind::Record
                && marker.removes(item.lsn, partition, item.set_id, item.void_time) == Some(true)
        };
        item.kind != ItemKind::Tombstone && !expired && !self.markers.iter().any(removes)
    }

    /// Counts everything, and finds entries that point nowhere. Returns the mortal records.
    fn count(&self, storage: &Storage, sets: &Sets) -> Result<u64> {
        let this_hour = expiry_hours(u32::try_from(self.now_ms / 1000).unwrap_or(u32::MAX));
        let lost = AtomicBool::new(false);
        let counted =
            self.in_parallel(self.index.shard_count(), |counted: &mut Counted, shard| {
                self.index.update_shard(shard, &mut |entry| {
                    if entry.replication == ASTRAY {
                        // It has expired since; anything else must have been found elsewhere.
                        let mortal = entry.expiry_hours != 0 && entry.expiry_hours <= this_hour;
                        lost.fetch_or(!mortal, Relaxed);
                        return Keep::No;
                    }
                    let of = slot(&mut counted.sets, entry.set_id.into());
                    of.0 += 1;
                    of.1 += crate::bytes_of(entry) as i64;
                    let block = entry.location / self.block_units;
                    *slot(&mut counted.blocks, block as usize) += crate::units_of(entry);
                    counted.mortal += u64::from(entry.expiry_hours != 0);
                    Keep::Yes
                });
                Ok(())
            })?;
        if lost.into_inner() {
            return Err(contradiction("it points at blocks that hold something else"));
        }
        let mut mortal = 0;
        for counted in counted {
            mortal += counted.mortal;
            for (id, (objects, bytes)) in counted.sets.iter().enumerate().filter(|(_, c)| c.0 > 0) {
                let name = storage.set_name(id as u16).unwrap_or_else(|| Name::from(""));
                sets.ensure(id as u16, &name);
                sets.count(id as u16, *objects, *bytes);
            }
            for (block, units) in counted.blocks.iter().enumerate().filter(|(_, units)| **units > 0)
            {
                storage.hold_in_block(block as u64, *units);
            }
        }
        Ok(mortal)
    }
}

fn entry_of(item: &Item) -> Result<Entry> {
    Ok(Entry {
        location: item.location,
        size_class: class_of(item.units)?,
        generation: item.generation,
        set_id: item.set_id,
        expiry_hours: expiry_hours(item.void_time),
        ..BLANK
    })
}
