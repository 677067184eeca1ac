//! Devices, write blocks, flat records, group commit, defragmentation, checkpoints, restart.
//!
//! A [`Storage`] is the log of one namespace on one or more [`Device`]s. A write:
//!
//! 1. [`Storage::append`] (`append.rs`) looks up the ids of set and bins (`dictionary.rs`); new names are appended
//!    to the log first, twice.
//! 2. The record is encoded (`flat.rs`, `value.rs`) and copied into the open commit group
//!    (`stream.rs`); the caller gets its location, LSN and a [`Ticket`].
//! 3. The flusher writes and syncs the group; the ticket is done, the answer may go out.
//!
//! A read ([`Storage::read`], `read.rs`) takes the record from the group that is not yet on the device, from
//! the blocks that were written last (`recent.rs`), from what is read often (`record_cache.rs`),
//! else with one device read; checksum and digest are verified each time. Whoever looks up a
//! location and reads it holds a [`Pin`] meanwhile. A scan reads many records in place
//! ([`Storage::visit`], `visit.rs`).
//!
//! Space is won back block by block (`defrag.rs`): what is still live in a victim is copied to the
//! second stream, then the block is given back (`blocks.rs`). A checkpoint (`checkpoint.rs`) keeps
//! the index; a restart (`recover.rs`, `salvage.rs`) begins with it and reads the rest from footers
//! (`footer.rs`) or records.
//!
//! Always true: what was acknowledged is found again or gives an error, never an older version; a
//! delete is a tombstone and stays, until nothing is left that it could protect from; a flipped byte
//! costs at most the record that it is in. `FORMAT.md` says where everything lies.
//!
//! Left to others: which copy of a record is the live one, expiry, truncation of what is in memory
//! (`namespace`).

mod append;
mod block;
mod blocks;
mod checkpoint;
mod defrag;
mod device;
mod dictionary;
mod epoch;
mod flat;
mod footer;
mod heads;
mod marker;
mod read;
mod recent;
mod record_cache;
mod recover;
mod sabotage;
mod salvage;
mod sim;
mod stream;
mod superblocks;
mod ticket;
mod value;
mod visit;

use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::*};
use std::sync::{Arc, Mutex, MutexGuard, RwLock, RwLockReadGuard};
use std::thread::JoinHandle;
use std::time::Duration;

use model::{Digest, Error, ErrorKind, Key, Name, Record, Result, Value, limits};

pub use checkpoint::CheckpointWriter;
pub use defrag::{Chosen, Victim, VictimRecord};
pub use device::{
    AlignedBuf, BackedMemory, Backend, Device, Direct, FileDevice, FileOptions, MemoryDevice,
    ReadDone,
};
pub use epoch::Pin;
pub use flat::BinSelect;
pub use marker::{Marker, Said};
pub use recover::{Item, ItemKind, Progress, Replay};
pub use sabotage::{Sabotage, Sabotaged};
pub use salvage::Damage;
pub use sim::{Faults, SimDevice};
pub use ticket::Ticket;
pub use visit::Place;

use block::{COPIES, Superblock, WRITES};
use blocks::Blocks;
use dictionary::{Dictionary, Family};
use marker::Markers;
use record_cache::RecordCache;
use stream::Stream;

/// When a write counts as done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// When a device sync has covered it.
    Commit,
    /// At once; a sync follows within this many milliseconds, a power cut may lose what is younger.
    Interval(u32),
    /// At once; written to the device when a MiB has gathered or a second has passed, never synced
    /// for the write's sake.
    Memory,
}

/// How records are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// As they are.
    None,
    /// LZ4 blocks: quick.
    Lz4,
    /// Zstandard of this level, 1 to 9: smaller.
    Zstd(u8),
}

impl fmt::Display for Durability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Durability::Commit => write!(f, "commit"),
            Durability::Interval(ms) => write!(f, "interval {ms} ms"),
            Durability::Memory => write!(f, "memory"),
        }
    }
}

/// How a [`Storage`] is opened.
#[derive(Debug, Clone)]
pub struct Options {
    /// Namespace whose records these are.
    pub namespace: String,
    /// Name of the storage itself, used when it is formatted: any number that was never used
    /// before, so that leftovers of an earlier life of the device can never be taken for valid.
    pub storage_id: u128,
    /// Size of a block: a power of two, 128 KiB to 8 MiB. Fixed when the device is formatted.
    pub block_size: u32,
    /// Largest record, bytes; at most what a block holds.
    pub record_size_max: u32,
    /// When a write counts as done.
    pub durability: Durability,
    /// How records are stored.
    pub compression: Compression,
    /// How many of the blocks written last are kept in memory.
    pub recent_blocks: usize,
    /// Bytes of memory for records that are read often; 0 = none.
    pub record_cache_bytes: u64,
    /// Threads that a restart may use.
    pub threads: usize,
    /// Bytes that a restart may take for what it reads from the log; more is read in passes.
    pub recovery_memory: u64,
    /// Whether a restart reads the log even where there is a checkpoint.
    pub ignore_checkpoint: bool,
    /// A bug that is to be made, for tests of the tests.
    pub sabotage: Sabotaged,
}

impl Options {
    /// Smallest block size.
    pub const BLOCK_SIZE_MIN: u32 = 128 << 10;
    /// Largest block size.
    pub const BLOCK_SIZE_MAX: u32 = 8 << 20;

    /// Blocks of 8 MiB, records of up to 1 MiB, durable when answered.
    pub fn new(namespace: &str, storage_id: u128) -> Options {
        Options {
            namespace: namespace.to_string(),
            storage_id,
            block_size: Options::BLOCK_SIZE_MAX,
            record_size_max: limits::RECORD_SIZE_DEFAULT as u32,
            durability: Durability::Commit,
            compression: Compression::None,
            recent_blocks: 0,
            record_cache_bytes: 0,
            threads: std::thread::available_parallelism().map_or(2, |n| n.get()),
            recovery_memory: 4 << 30,
            ignore_checkpoint: false,
            sabotage: Sabotaged::default(),
        }
    }

    fn check(&self) -> Result<()> {
        limits::check_namespace(&self.namespace)?;
        let range = Options::BLOCK_SIZE_MIN..=Options::BLOCK_SIZE_MAX;
        if !self.block_size.is_power_of_two() || !range.contains(&self.block_size) {
            let detail = format!(
                "a write block of {} bytes was asked for; give a power of two from 128K to 8M",
                self.block_size
            );
            return Err(Error::new(ErrorKind::Parameter, detail));
        }
        Ok(())
    }
}

/// What a write stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteKind {
    /// A record.
    Record,
    /// The fact that the record was deleted.
    Tombstone,
}

/// One write.
#[derive(Debug, Clone, Copy)]
pub struct Write<'a> {
    /// Record or tombstone.
    pub kind: WriteKind,
    /// The record's name.
    pub digest: Digest,
    /// Its set; empty for the null set.
    pub set: &'a str,
    /// The user key, if it is to be stored.
    pub key: Option<&'a Key>,
    /// Every bin of the record.
    pub bins: &'a [(Name, Value)],
    /// Generation.
    pub generation: u16,
    /// Last update time, ms since 1970-01-01 UTC; 48 bits.
    pub lut_ms: u64,
    /// Second since 1970-01-01 UTC from which the record is gone; 0 = never.
    pub void_time: u32,
}

/// Where a write went.
#[derive(Debug, Clone)]
pub struct Appended {
    /// Where it is, in 16-byte units.
    pub location: u64,
    /// Length in 16-byte units.
    pub units: u32,
    /// Its place in the order of all writes.
    pub lsn: u64,
    /// The id of its set.
    pub set_id: u16,
    /// Done once the write is durable.
    pub ticket: Ticket,
}

/// What a read found.
#[derive(Debug, Clone)]
pub struct Read {
    /// The record, with the bins that were asked for.
    pub record: Record,
    /// The id of its set.
    pub set_id: u16,
    /// Whether it is a tombstone: the record is deleted.
    pub tombstone: bool,
    /// While the record is not durable: what to wait for before it is shown to anybody.
    pub durable: Option<Ticket>,
}

/// Numbers for operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stats {
    /// Bytes of blocks in use.
    pub used_bytes: u64,
    /// Bytes of live records, rounded up to size classes.
    pub live_bytes: u64,
    /// Bytes that the devices can grow to.
    pub capacity_bytes: u64,
    /// Blocks that can be written.
    pub free_blocks: u64,
    /// Blocks in all.
    pub all_blocks: u64,
    /// Free blocks that writes do not get: deletes, checkpoints and defragmentation need them.
    pub reserved_blocks: u64,
    /// Commit groups written since the storage was opened.
    pub groups_written: u64,
    /// Bytes written for users, commit marks and padding included.
    pub written_bytes: u64,
    /// Bytes written by defragmentation.
    pub copied_bytes: u64,
    /// Blocks that defragmentation has given back.
    pub freed_blocks: u64,
    /// Bytes that wait for the device.
    pub queued_bytes: u64,
    /// Bytes of memory that the blocks written last take.
    pub recent_bytes: u64,
    /// Reads by key that were answered from the record cache.
    pub record_cache_hits: u64,
    /// Reads by key that looked into the record cache in vain.
    pub record_cache_misses: u64,
    /// Bytes of memory that the record cache takes.
    pub record_cache_bytes: u64,
    /// Records and tombstones of which the log holds tombstones.
    pub tombstones: u64,
    /// What recovery found wrong.
    pub damage: Damage,
}

/// The log of one namespace.
pub struct Storage {
    blocks: Arc<Blocks>,
    writes: Arc<Stream>,
    copies: Arc<Stream>,
    often: RecordCache,
    superblock: Superblock,
    dictionary: RwLock<Dictionary>,
    markers: Mutex<Markers>,
    compression: Mutex<Compression>,
    record_size_max: AtomicUsize,
    /// Number of the last checkpoint that was begun.
    checkpoints: AtomicU64,
    damage: Damage,
    flushers: Mutex<Vec<JoinHandle<()>>>,
}

impl Storage {
    /// Opens the storage on these devices, or formats them if all are empty. What the log holds is
    /// in the [`Replay`].
    pub fn open(devices: Vec<Arc<dyn Device>>, options: &Options) -> Result<(Storage, Replay)> {
        Storage::open_watched(devices, options, Box::new(|_| ()))
    }

    /// Like [`Storage::open`], and tells `progress` how far it is, from several threads.
    pub fn open_watched(
        devices: Vec<Arc<dyn Device>>,
        options: &Options,
        progress: Box<dyn Fn(Progress) + Send + Sync>,
    ) -> Result<(Storage, Replay)> {
        options.check()?;
        let superblock = superblocks::open(&devices, options)?;
        let life = (options.block_size, superblock.storage_id, superblock.opened);
        let recovery = recover::recover(devices, life, options, progress)?;
        let blocks = recovery.blocks;
        let stream = |id, durability| Stream::new(blocks.clone(), id, durability);
        let storage = Storage {
            writes: stream(WRITES, options.durability),
            // Defragmentation waits for whole victims, not for records.
            copies: stream(COPIES, Durability::Memory),
            blocks,
            often: RecordCache::new(options.record_cache_bytes),
            superblock,
            dictionary: RwLock::new(recovery.dictionary),
            markers: Mutex::new(recovery.markers),
            compression: Mutex::new(options.compression),
            record_size_max: AtomicUsize::new(options.record_size_max as usize),
            checkpoints: AtomicU64::new(recovery.checkpoints),
            damage: recovery.damage,
            flushers: Mutex::default(),
        };
        for (stream, what) in [(&storage.writes, "flush"), (&storage.copies, "copy")] {
            let stream = stream.clone();
            let thread = std::thread::Builder::new().name(format!("{what}-{}", options.namespace));
            storage.flushers().push(thread.spawn(move || stream.run())?);
        }
        Ok((storage, recovery.replay))
    }

    fn flushers(&self) -> MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.flushers.lock().expect("starting and stopping do not panic")
    }

    fn first_device(&self) -> &Arc<dyn Device> {
        &self.blocks.devices[0]
    }

    /// Changes when later writes are answered.
    pub fn set_durability(&self, durability: Durability) {
        self.writes.set_durability(durability);
    }

    /// Changes how later records are stored.
    pub fn set_compression(&self, compression: Compression) {
        *self.compression.lock().expect("setting does not panic") = compression;
    }

    /// Changes the largest record, bytes.
    pub fn set_record_size_max(&self, bytes: u32) {
        self.record_size_max.store(bytes as usize, Relaxed);
    }

    /// Holds what is looked up from now on in its place until it was read: take it before the
    /// look-up in the index.
    pub fn pin(&self) -> Pin<'_> {
        self.blocks.epochs.pin()
    }

    fn names(&self) -> RwLockReadGuard<'_, Dictionary> {
        self.dictionary.read().expect("nobody panics with the dictionary")
    }

    /// The id of a set that has ever been written; 0 for the null set.
    pub fn set_id(&self, name: &str) -> Option<u16> {
        self.names().id(Family::Set, name)
    }

    /// The id of a set, given now if it is new.
    pub fn intern_set(&self, name: &str) -> Result<u16> {
        self.intern(Family::Set, name)
    }

    /// The set of this id.
    pub fn set_name(&self, id: u16) -> Option<Name> {
        self.names().set_name(id).cloned()
    }

    /// Every set that has ever been written, the null set included.
    pub fn set_names(&self) -> Vec<Name> {
        self.names().all(Family::Set)
    }

    /// Every bin name that has ever been written.
    pub fn bin_names(&self) -> Vec<Name> {
        self.names().all(Family::Bin)
    }

    /// The bin of this id.
    pub fn bin_name_of(&self, id: u16) -> Option<Name> {
        self.names().bin_name(id).cloned()
    }

    /// The shared form of a bin's name, if it has ever been written.
    pub fn bin_name(&self, name: &str) -> Option<Name> {
        let names = self.names();
        names.id(Family::Bin, name).and_then(|id| names.bin_name(id).cloned())
    }

    /// Largest record, bytes, header and padding included.
    pub fn record_size_max(&self) -> usize {
        self.writes.group_max().min(self.record_size_max.load(Relaxed))
    }

    /// Counts a record out of the live ones of its block: its index entry was moved or removed.
    /// `units` is its length rounded up to its size class.
    pub fn release(&self, location: u64, units: u32) {
        self.blocks.release(self.blocks.at(location).0, units);
    }

    /// Counts units into the live ones of a block, by its number.
    pub fn hold_in_block(&self, block: u64, units: u32) {
        self.blocks.hold(block, units);
    }

    /// Live 16-byte units of every block that holds records, for checks.
    pub fn live_units(&self) -> Vec<(u64, u32)> {
        let table = self.blocks.table();
        let used = table.iter().enumerate().filter(|(_, block)| block.holds_records());
        used.map(|(id, block)| (id as u64, block.live_units())).collect()
    }

    /// The block that a location is in.
    pub fn block_of(&self, location: u64) -> u64 {
        self.blocks.at(location).0
    }

    /// The LSN that the next write gets.
    pub fn next_lsn(&self) -> u64 {
        self.blocks.next_lsn.load(Acquire)
    }

    /// Returns once everything appended before is durable, whatever the durability.
    pub fn flush(&self) -> Result<()> {
        self.writes.flush()?;
        self.copies.flush()
    }

    /// Waits until blocks are taken or given back, or this long.
    pub fn wait_for_change(&self, most: Duration) {
        self.blocks.wait_for_change(most);
    }

    /// Whether reads are answered from memory, without waiting for a device.
    pub fn immediate(&self) -> bool {
        self.blocks.devices.iter().all(|device| device.immediate())
    }

    /// Bytes of a block.
    pub fn block_size(&self) -> u32 {
        self.blocks.block_size
    }

    /// How the devices are read, for operators.
    pub fn backends(&self) -> Vec<&'static str> {
        self.blocks.devices.iter().map(|device| device.backend()).collect()
    }

    /// Numbers for operators.
    pub fn stats(&self) -> Stats {
        let room = self.blocks.room();
        let table = self.blocks.table();
        let tombstones = table.iter().map(|block| u64::from(block.tombstones.load(Relaxed))).sum();
        drop(table);
        let often = self.often.used();
        Stats {
            used_bytes: self.blocks.used_bytes(),
            live_bytes: self.blocks.live_bytes(),
            capacity_bytes: self.blocks.devices.iter().map(|device| device.capacity()).sum(),
            free_blocks: room.free,
            all_blocks: room.all,
            reserved_blocks: room.reserve,
            groups_written: self.writes.groups_written.load(Relaxed),
            written_bytes: self.writes.bytes_written.load(Relaxed),
            copied_bytes: self.copies.bytes_written.load(Relaxed),
            freed_blocks: self.blocks.wiped.load(Relaxed),
            queued_bytes: self.writes.queued_bytes(),
            recent_bytes: self.blocks.recent.memory_bytes(),
            record_cache_hits: often.hits,
            record_cache_misses: often.misses,
            record_cache_bytes: often.bytes,
            tombstones,
            damage: self.damage,
        }
    }

    /// Whether it was closed.
    pub fn closed(&self) -> bool {
        self.blocks.closed.load(Acquire)
    }

    /// Why nothing can be written any more, if a write or sync failed.
    pub fn failure(&self) -> Option<Error> {
        self.blocks.failure().cloned()
    }

    /// Stops cleanly: what is pending is written, proven and synced, and the devices are marked.
    /// Later appends are refused, reads go on. Closing twice does nothing.
    pub fn close(&self) -> Result<()> {
        if !self.stop() {
            return Ok(());
        }
        if let Some(error) = self.blocks.failure() {
            return Err(error.clone());
        }
        self.blocks.sync_all()?;
        let clean = Superblock { clean: true, ..self.superblock.clone() };
        superblocks::write(&self.blocks.devices, &clean)
    }

    /// Refuses further appends and waits for the flushers. False if that was done before.
    fn stop(&self) -> bool {
        let mut flushers = self.flushers();
        let first = self.writes.stop() & self.copies.stop();
        self.blocks.close();
        for thread in flushers.drain(..) {
            thread.join().expect("the flusher does not panic");
        }
        first
    }
}

/// Without [`Storage::close`] a drop writes what is pending and marks nothing.
impl Drop for Storage {
    fn drop(&mut self) {
        self.stop();
    }
}
