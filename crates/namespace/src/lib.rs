//! One node's records of one namespace: index and storage moved together.
//!
//! A read ([`Namespace::get`]): index entry, one storage read (which verifies checksum and digest),
//! then expiry. A write ([`Namespace::modify`]): the record's lock, the record as it is, the
//! caller's decision, one append, the index entry moved to the new place, the catalogue of bins
//! told. In the background: [`Namespace::run_defrag`] moves records out of blocks that are mostly
//! dead, [`Namespace::tick`] removes what has expired, evicts, and writes checkpoints. An open
//! (`open.rs`): the checkpoint and what the log says beyond it become the index.
//!
//! Always true: the index points at the newest version of each record, or at a tombstone that is
//! not durable yet; only the holder of a record's lock moves its entry, or who holds the gate alone;
//! counters, live units of blocks and catalogue change with the entry. An answer carries the
//! [`Ticket`] that it has to wait for, so that nobody sees what a crash could take back.
//!
//! Nothing here reads the time of day: `now_ms` is milliseconds since 1970-01-01 UTC.

mod catalogue;
mod checkpoint;
mod declare;
mod defrag;
mod group;
mod indexes;
mod metrics;
mod modify;
mod nsup;
mod open;
mod read;
mod settings;
mod truncate;

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, RwLock};

use index::{Entry, Index};
use model::{Digest, Error, ErrorKind, Result};
use storage::{Storage, Ticket};
use store::NamespaceInfo;

use crate::catalogue::Sets;
pub use crate::indexes::IndexBug;
use crate::indexes::Indexes;
use crate::metrics::Metrics;
use crate::nsup::Due;
pub use crate::nsup::Swept;
pub use crate::read::{Found, OfSet, ReadAhead};
pub use crate::settings::{Compression, Durability, SetSettings, Settings};

/// The set that keeps table declarations. Not for users.
pub const TABLES_SET: &str = "aerie$tables";

/// The set that keeps definitions of secondary indexes. Not for users.
pub const INDEXES_SET: &str = "aerie$indexes";

/// What the names of the system's own sets begin with, like [`TABLES_SET`].
const SYSTEM_SETS: &str = "aerie$";

/// Record locks: enough that two busy records rarely share one, 64 KiB or so in all.
const LOCKS: usize = 4096;

/// What a namespace is, beside its storage.
#[derive(Debug, Clone)]
pub struct Options {
    /// Name, checked with [`model::limits::check_namespace`].
    pub name: String,
    /// `memory` or `device`: what `SHOW NAMESPACES` says.
    pub storage_engine: &'static str,
    /// What may change later.
    pub settings: Settings,
    /// Copies of each record that were asked for.
    pub replication_factor: u32,
    /// Shards of each partition in the index: 8 for about 10 million records, 64 for 100 million.
    pub shards_per_partition: u16,
}

/// One namespace of this node. All methods are thread safe.
pub struct Namespace {
    options: Options,
    settings: RwLock<Arc<Settings>>,
    index: Index,
    storage: Storage,
    /// Striped by digest; held across a record's read-modify-write.
    locks: Box<[Mutex<()>]>,
    /// Held shared by every write, alone by a truncate while it walks the index.
    gate: RwLock<()>,
    sets: Sets,
    indexes: Indexes,
    /// Tombstones in the index that go as soon as they are durable: digest, location, ticket.
    pending_tombstones: Mutex<VecDeque<(Digest, u64, Ticket)>>,
    /// Records with a void-time, expired ones included.
    mortal: AtomicU64,
    /// Records are never written with a last update time below this: the latest truncate's.
    lut_floor_ms: AtomicU64,
    /// Why writes are refused, if they are.
    stop_writes: RwLock<Option<String>>,
    metrics: Metrics,
    /// When what is done from time to time was done last, and by whom it is being done.
    due: Mutex<Due>,
}

impl Namespace {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.options.name
    }

    /// What may change while it runs, as it is now.
    pub fn settings(&self) -> Arc<Settings> {
        self.settings.read().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }

    /// Changes the settings, from the next operation on. Refused as a whole if one makes no sense.
    pub fn change_settings(&self, settings: Settings) -> Result<()> {
        settings.check()?;
        self.storage.set_durability(settings.durability);
        self.storage.set_compression(settings.compression);
        self.storage.set_record_size_max(settings.record_size_max);
        *self.settings.write().unwrap_or_else(|poisoned| poisoned.into_inner()) =
            Arc::new(settings);
        Ok(())
    }

    /// Grows with every change that [`Namespace::tables`] shows.
    pub fn catalogue_version(&self) -> u64 {
        self.sets.version()
    }

    /// What it says of itself.
    pub fn info(&self) -> NamespaceInfo {
        let (stats, settings) = (self.storage.stats(), self.settings());
        let stop_writes = self.stopped();
        NamespaceInfo {
            name: self.options.name.clone(),
            storage_engine: self.options.storage_engine,
            durability: settings.durability.to_string(),
            objects: self.sets.objects(),
            tombstones: stats.tombstones,
            index_bytes: self.index.memory_bytes(),
            used_bytes: stats.used_bytes,
            capacity_bytes: stats.capacity_bytes,
            default_ttl_s: settings.default_ttl_s,
            replication_factor: self.options.replication_factor,
            stop_writes,
        }
    }

    /// Writes a checkpoint and what is pending, syncs, and marks a clean stop. Later writes are
    /// refused, and the background ends.
    pub fn close(&self) -> Result<()> {
        if self.keeps_checkpoints()
            && self.storage.failure().is_none()
            && let Err(error) = self.checkpoint()
        {
            tracing::warn!(%error, "no checkpoint; the next start reads the log");
        }
        let closed = self.storage.close();
        self.end_builds();
        closed
    }

    /// Compares everything that is counted twice, and fails with [`ErrorKind::Internal`] at the first
    /// difference: entries of the index against counters of sets and live units of blocks. For tests
    /// and for operators in doubt; writers wait meanwhile.
    pub fn check(&self) -> Result<()> {
        let _gate = self.gate.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        self.index.check()?;
        let mut blocks = HashMap::<u64, u32>::new();
        let mut sets = HashMap::<u16, (u64, u64)>::new();
        let mut mortal = 0;
        for shard in 0..self.index.shard_count() {
            self.index.for_each(shard, &mut |entry| {
                if entry.tombstone {
                    return;
                }
                *blocks.entry(self.storage.block_of(entry.location)).or_default() +=
                    units_of(entry);
                let of = sets.entry(entry.set_id).or_default();
                *of = (of.0 + 1, of.1 + bytes_of(entry));
                mortal += u64::from(entry.expiry_hours != 0);
            });
        }
        let differ = |what: String| Err(Error::new(ErrorKind::Internal, what));
        for (block, live) in self.storage.live_units() {
            let indexed = blocks.remove(&block).unwrap_or(0);
            if indexed != live {
                return differ(format!("block {block}: {live} live units, {indexed} in the index"));
            }
        }
        if let Some((block, _)) = blocks.iter().next() {
            return differ(format!("the index points into block {block}, which is not in use"));
        }
        for (id, set) in self.sets.with_ids() {
            let counted = (set.objects.load(Ordering::Relaxed), set.bytes.load(Ordering::Relaxed));
            let indexed = sets.get(&id).copied().unwrap_or_default();
            if counted != indexed {
                return differ(format!("set {}: {counted:?}, in the index {indexed:?}", set.name));
            }
        }
        match self.mortal.load(Ordering::Relaxed) {
            counted if counted == mortal => Ok(()),
            counted => differ(format!("{counted} mortal records, in the index {mortal}")),
        }
    }

    fn lock_record(&self, digest: &Digest) -> MutexGuard<'_, ()> {
        lock(&self.locks[stripe_of(digest)])
    }

    fn lock_tombstones(&self) -> MutexGuard<'_, VecDeque<(Digest, u64, Ticket)>> {
        lock(&self.pending_tombstones)
    }

    /// Takes tombstones out of the index whose durability nobody can doubt any more.
    fn drop_durable_tombstones(&self) {
        let mut pending = self.lock_tombstones();
        while pending.front().is_some_and(|(_, _, ticket)| ticket.outcome().is_some()) {
            if let Some((digest, location, _)) = pending.pop_front() {
                self.index.remove(&digest, location);
            }
        }
    }

    fn count_mortal(&self, before: bool, after: bool) {
        match (before, after) {
            (false, true) => self.mortal.fetch_add(1, Ordering::Relaxed),
            (true, false) => self.mortal.fetch_sub(1, Ordering::Relaxed),
            _ => 0,
        };
    }
}

/// The lock of a record.
fn stripe_of(digest: &Digest) -> usize {
    let [.., a, b] = digest.0;
    usize::from(u16::from_le_bytes([a, b])) % LOCKS
}

/// A lock whose holder panicked guards nothing that is half done: every change is one append.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// An entry whose fields say nothing yet.
const BLANK: Entry = Entry {
    location: 0,
    size_class: 0,
    generation: 1,
    set_id: 0,
    expiry_hours: 0,
    tombstone: false,
    in_sindex: false,
    replication: 0,
};

/// The size class of a record of this many 16-byte units.
fn class_of(units: u32) -> Result<u8> {
    index::class_of(units).ok_or_else(|| {
        let detail = format!("a record of {units} units has no size class");
        Error::new(ErrorKind::RecordTooBig, detail)
    })
}

/// Hours since 2025-01-01 UTC at which the index calls a record mortal; exact to the hour, rounded
/// down, so that a candidate is never missed. 0 = never.
fn expiry_hours(void_time: u32) -> u32 {
    const MAX: u32 = (1 << 17) - 1;
    match void_time {
        0 => 0,
        s => (s.saturating_sub(EPOCH_S) / 3600).clamp(1, MAX),
    }
}

/// The first second of an hour of [`expiry_hours`].
fn second_of(hour: u32) -> u32 {
    EPOCH_S + hour * 3600
}

/// 2025-01-01 UTC, where the hours of the index begin.
const EPOCH_S: u32 = 1_735_689_600;

/// Bytes that a record of this entry takes, rounded up to its size class.
fn bytes_of(entry: &Entry) -> u64 {
    u64::from(units_of(entry)) * 16
}

fn units_of(entry: &Entry) -> u32 {
    index::units_of(entry.size_class)
}
