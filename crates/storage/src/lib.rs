//! Devices, write blocks, flat records, group commit, defragmentation, checkpoints, restart.
//!
//! A [`Storage`] is the log of one namespace on one or more [`Device`]s. A write:
//!
//! 1. [`Storage::append`] looks up the ids of set and bins (`dictionary.rs`); new names are appended
//!    to the log first, twice.
//! 2. The record is encoded (`flat.rs`, `value.rs`) and copied into the open commit group
//!    (`stream.rs`); the caller gets its location, LSN and a [`Ticket`].
//! 3. The flusher writes and syncs the group; the ticket is done, the answer may go out.
//!
//! A read ([`Storage::read`]) takes the record from the group that is not yet on the device, from
//! the blocks that were written last (`recent.rs`), from what is read often (`record_cache.rs`),
//! else with one device read; checksum and digest are verified each time. Whoever looks up a
//! location and reads it holds a [`Pin`] meanwhile.
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

mod block;
mod blocks;
mod checkpoint;
mod defrag;
mod device;
mod dictionary;
mod epoch;
mod flat;
mod footer;
mod marker;
mod recent;
mod record_cache;
mod recover;
mod sabotage;
mod salvage;
mod sim;
mod stream;
mod ticket;
mod value;

use std::cell::RefCell;
use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::*};
use std::sync::{Arc, Mutex, MutexGuard, RwLock, RwLockReadGuard};
use std::thread::JoinHandle;
use std::time::Duration;

use model::{Digest, Error, ErrorKind, Key, Name, Record, Result, Value, ValueType, limits};

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

use block::{COPIES, Found, Superblock, WRITES};
use blocks::{Blocks, Purpose};
use dictionary::{Dictionary, Family};
use flat::{Content, Header, KEY_SHAPE, Kind, Metadata, UNIT};
use footer::{Described, TAG_SIZE};
use marker::Markers;
use record_cache::RecordCache;
use recover::tag_of;
use stream::{Encoded, Placed, Stream};

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
    /// Its set.
    pub set: Name,
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
        let superblock = open_superblocks(&devices, options)?;
        let life = (options.block_size, superblock.storage_id, superblock.opened);
        let recovery = recover::recover(devices, life, options, progress)?;
        let blocks = recovery.blocks;
        let stream = |id, durability| Arc::new(Stream::new(blocks.clone(), id, durability));
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

    /// Appends a write. It is readable at once, and durable when its ticket is done.
    pub fn append(&self, write: &Write<'_>) -> Result<Appended> {
        let mut appended = self.append_all(std::slice::from_ref(write))?;
        appended.pop().ok_or_else(|| Error::new(ErrorKind::Internal, "an append gave no place"))
    }

    /// Appends writes that survive a crash together or not at all: they are one part of one commit
    /// group, so they have to fit into a write block.
    pub fn append_all(&self, writes: &[Write<'_>]) -> Result<Vec<Appended>> {
        let ids = writes.iter().map(|write| self.ids(write)).collect::<Result<Vec<_>>>()?;
        SCRATCH.with_borrow_mut(|scratch| {
            let placed = self.append_encoded(writes, &ids, scratch);
            scratch.iter_mut().for_each(|record| record.shrink_to(SCRATCH_MAX));
            scratch.truncate(SCRATCH_RECORDS);
            placed
        })
    }

    fn append_encoded(
        &self,
        writes: &[Write<'_>],
        ids: &[(u16, Vec<u16>)],
        scratch: &mut Vec<Vec<u8>>,
    ) -> Result<Vec<Appended>> {
        let compression = *self.compression.lock().expect("setting does not panic");
        if scratch.len() < writes.len() {
            scratch.resize_with(writes.len(), Vec::new);
        }
        let mut shapes = Vec::with_capacity(writes.len());
        for ((write, (set_id, bin_ids)), record) in writes.iter().zip(ids).zip(&mut *scratch) {
            let plain = flat::encode(&content(write, *set_id, bin_ids), compression, record);
            check_size(plain, limits::RECORD_SIZE_MAX)?;
            check_size(record.len(), self.record_size_max())?;
            shapes.push(shape(write, bin_ids));
        }
        let whole: usize = scratch[..writes.len()].iter().map(Vec::len).sum();
        if whole > self.writes.group_max() {
            let detail = format!(
                "a group of {} writes takes {whole} bytes, a write block holds {}; write less at \
                 once, or raise write-block-size",
                writes.len(),
                self.writes.group_max()
            );
            return Err(Error::new(ErrorKind::RecordTooBig, detail));
        }
        let deletes = writes.iter().all(|write| write.kind == WriteKind::Tombstone);
        let purpose = if deletes { Purpose::Delete } else { Purpose::Write };
        let records = writes.iter().zip(ids).zip(&mut *scratch).zip(&shapes);
        let mut encoded: Vec<Encoded<'_>> = records
            .map(|(((write, (set_id, _)), record), shape)| Encoded {
                described: describe(write, *set_id, record.len()),
                bytes: record,
                shape,
            })
            .collect();
        let together = !self.blocks.sabotaged(Sabotage::SplitGroups);
        let placed = self.writes.append(&mut encoded, purpose, together)?;
        let appended = placed.into_iter().zip(encoded).zip(ids);
        Ok(appended
            .map(|((placed, encoded), (set_id, _))| self.appended(&placed, &encoded, *set_id))
            .collect())
    }

    fn appended(&self, placed: &Placed, encoded: &Encoded<'_>, set_id: u16) -> Appended {
        Appended {
            location: self.blocks.location(placed.block, placed.offset),
            units: encoded.described.units,
            lsn: placed.lsn,
            set_id,
            ticket: match self.blocks.sabotaged(Sabotage::AnswerEarly) {
                true => Ticket::done(),
                false => self.writes.ticket(&placed.done),
            },
        }
    }

    /// Appends a marker, twice, which counts for everything that was written before.
    pub fn append_marker(&self, said: Said) -> Result<(Marker, Ticket)> {
        let mut record = Vec::new();
        let kind = match &said {
            Said::Truncate { set_id, before_lut_ms } => {
                let set_id = set_id.unwrap_or(flat::EVERY_SET);
                flat::encode_truncate(set_id, *before_lut_ms, &mut record);
                Kind::Truncate
            }
            Said::Evict { void_until, void_until_there, partitions, spared } => {
                let limits = (*void_until, *void_until_there, *partitions);
                flat::encode_evict(limits, spared, &mut record);
                Kind::Evict
            }
        };
        let placed = self.append_system(kind, &mut record)?;
        let mut markers = self.markers();
        for placed in &placed {
            markers.note(
                placed.lsn,
                said.clone(),
                self.blocks.location(placed.block, placed.offset),
            );
        }
        let place = self.blocks.location(placed[0].block, placed[0].offset);
        let marker = markers.at(place).cloned();
        drop(markers);
        let marker = marker.ok_or_else(|| Error::new(ErrorKind::Internal, "a marker is gone"))?;
        // One copy is enough to be durable, and the second is in the same group or a later one.
        Ok((marker, self.writes.ticket(&placed[0].done)))
    }

    /// Appends a name or marker at two places, both or none.
    fn append_system(&self, kind: Kind, record: &mut [u8]) -> Result<Vec<Placed>> {
        let mut second = record.to_vec();
        let described = Described {
            kind,
            tag: [0; TAG_SIZE],
            offset: 0,
            units: (record.len() / UNIT) as u32,
            generation: 0,
            void_time: 0,
            set_id: 0,
            lsn: 0,
        };
        let encoded = |bytes| Encoded { bytes, described, shape: &[] };
        let mut both = [encoded(record), encoded(&mut second)];
        self.writes.append(&mut both, Purpose::Delete, true)
    }

    /// The markers that still count.
    pub fn all_markers(&self) -> Vec<Marker> {
        self.markers().0.clone()
    }

    fn markers(&self) -> MutexGuard<'_, Markers> {
        self.markers.lock().expect("nobody panics with the markers")
    }

    fn ids(&self, write: &Write<'_>) -> Result<(u16, Vec<u16>)> {
        let dictionary = self.names();
        let set = dictionary.id(Family::Set, write.set);
        let bins = write.bins.iter().map(|(name, _)| dictionary.id(Family::Bin, name));
        if let (Some(set), Some(bins)) = (set, bins.collect()) {
            return Ok((set, bins));
        }
        drop(dictionary);
        let set = self.intern(Family::Set, write.set)?;
        let bins = write.bins.iter().map(|(name, _)| self.intern(Family::Bin, name));
        Ok((set, bins.collect::<Result<_>>()?))
    }

    /// The id of a name, given now if it is new. The dictionary stays locked until the name is in
    /// the log: nobody can use the id earlier.
    fn intern(&self, family: Family, name: &str) -> Result<u16> {
        if let Some(id) = self.names().id(family, name) {
            return Ok(id);
        }
        let mut dictionary = self.dictionary.write().expect("nobody panics with the dictionary");
        if let Some(id) = dictionary.id(family, name) {
            return Ok(id);
        }
        let kind = match family {
            Family::Set => {
                limits::check_set(name)?;
                Kind::SetName
            }
            Family::Bin => {
                limits::check_bin(name)?;
                Kind::BinName
            }
        };
        let id = dictionary.next_id(family)?;
        let mut record = Vec::new();
        flat::encode_name(kind, id, name, &mut record);
        for placed in self.append_system(kind, &mut record)? {
            let place = self.blocks.location(placed.block, placed.offset);
            dictionary.put(family, id, name, Some(place));
        }
        Ok(id)
    }

    fn names(&self) -> RwLockReadGuard<'_, Dictionary> {
        self.dictionary.read().expect("nobody panics with the dictionary")
    }

    /// Reads the record at `location`: from memory while it is not yet on the device, else with one
    /// device read of `units_hint` units, which may be a little more than the record has. What is
    /// there must be whole, else the answer is [`ErrorKind::Corrupt`]. `None` where a record other
    /// than the expected one is there: its digest shares the bits that the index compares.
    pub fn read(
        &self,
        location: u64,
        units_hint: u32,
        expected: Option<&Digest>,
        bins: BinSelect<'_>,
    ) -> Result<Option<Read>> {
        let at = self.blocks.at(location);
        let (seed, found) = self.in_memory(location, expected.is_some())?;
        if let Some((bytes, durable)) = found {
            return self.verify(at, seed, &bytes, durable, expected, bins);
        }
        let bytes = self.fetch(at.0, at.1, units_hint)?;
        let read = self.verify(at, seed, &bytes, None, expected, bins)?;
        self.keep(location, seed, &bytes, expected, read.as_ref());
        Ok(read)
    }

    /// Like [`Storage::read`], without keeping the thread while the device reads.
    pub async fn read_async(
        &self,
        location: u64,
        units_hint: u32,
        expected: Option<&Digest>,
        bins: BinSelect<'_>,
    ) -> Result<Option<Read>> {
        let at = self.blocks.at(location);
        let (seed, found) = self.in_memory(location, expected.is_some())?;
        if let Some((bytes, durable)) = found {
            return self.verify(at, seed, &bytes, durable, expected, bins);
        }
        let bytes = self.fetch_async(at.0, at.1, units_hint).await?;
        let read = self.verify(at, seed, &bytes, None, expected, bins)?;
        self.keep(location, seed, &bytes, expected, read.as_ref());
        Ok(read)
    }

    /// Keeps what was read from a device and was right, if somebody asked for this record.
    fn keep(
        &self,
        location: u64,
        seed: u32,
        bytes: &[u8],
        expected: Option<&Digest>,
        read: Option<&Read>,
    ) {
        if let (Some(_), Some(read)) = (expected, read) {
            self.often.put(location, seed, &bytes[..read.record.size as usize]);
        }
    }

    fn verify(
        &self,
        (block, offset): (u64, u32),
        seed: u32,
        bytes: &[u8],
        durable: Option<Ticket>,
        expected: Option<&Digest>,
        bins: BinSelect<'_>,
    ) -> Result<Option<Read>> {
        let mut header = Header::verify(bytes, seed, offset);
        if self.blocks.sabotaged(Sabotage::SkipChecksum) {
            header = Header::parse(bytes).filter(|header| header.size <= bytes.len());
        }
        let header = header.ok_or_else(|| self.corrupt(block, offset, "fails its checksum"))?;
        if expected.is_some_and(|expected| *expected != header.digest) {
            return Ok(None);
        }
        self.decode(&header, &bytes[..header.size], bins, durable).map(Some)
    }

    /// While what is at `location` is not durable: what to wait for before it is acted upon.
    pub fn pending(&self, location: u64) -> Option<Ticket> {
        let (block, offset) = self.blocks.at(location);
        let (_, on_device) = self.blocks.block(block)?;
        if offset < on_device {
            return None;
        }
        self.writes.pending(block, offset)
    }

    /// Seed of the block, and the bytes of the record with the ticket while it is not durable, if
    /// they are in memory. `by_key` says that somebody asked for this record.
    #[expect(clippy::type_complexity, reason = "two optional halves of one answer")]
    fn in_memory(
        &self,
        location: u64,
        by_key: bool,
    ) -> Result<(u32, Option<(Kept, Option<Ticket>)>)> {
        let (block, offset) = self.blocks.at(location);
        let unknown = || self.corrupt(block, offset, "is not in use");
        let (seed, on_device) = self.blocks.block(block).ok_or_else(unknown)?;
        if offset >= on_device {
            if let Some((bytes, ticket)) = self.writes.buffered(block, offset) {
                return Ok((seed, Some((Kept::Copied(bytes), Some(ticket)))));
            }
            // A copy shows nothing that its original did not.
            if let Some((bytes, _)) = self.copies.buffered(block, offset) {
                return Ok((seed, Some((Kept::Copied(bytes), None))));
            }
            // Not in memory any more: then it has just reached the device.
            let (_, on_device) = self.blocks.block(block).ok_or_else(unknown)?;
            if offset >= on_device {
                return Err(unknown());
            }
        }
        let recent = self.blocks.recent.record(block, seed, offset).map(Kept::Copied);
        let often = || self.often.get(location, seed, by_key).map(Kept::Cached);
        Ok((seed, recent.or_else(often).map(|bytes| (bytes, None))))
    }

    /// Where a record is on its device, and how much of it to read.
    fn extent(&self, block: u64, offset: u32, units_hint: u32) -> (&Arc<dyn Device>, u64, usize) {
        let (device, start) = self.blocks.place(block);
        let room = (self.superblock.block_size - offset) as usize;
        let size = (units_hint.max(3) as usize).saturating_mul(UNIT).min(room);
        (device, start + u64::from(offset), size)
    }

    /// How many bytes of a record are still missing.
    fn missing(&self, bytes: &[u8], offset: u32) -> usize {
        let room = (self.superblock.block_size - offset) as usize;
        let whole = Header::parse(bytes).map_or(0, |header| header.size.min(room));
        whole.saturating_sub(bytes.len())
    }

    fn fetch(&self, block: u64, offset: u32, units_hint: u32) -> Result<Vec<u8>> {
        let (device, at, size) = self.extent(block, offset, units_hint);
        let mut bytes = vec![0; size];
        device.read_at(at, &mut bytes)?;
        let missing = self.missing(&bytes, offset);
        if missing > 0 {
            bytes.resize(size + missing, 0);
            device.read_at(at + size as u64, &mut bytes[size..])?;
        }
        Ok(bytes)
    }

    async fn fetch_async(&self, block: u64, offset: u32, units_hint: u32) -> Result<Vec<u8>> {
        let (device, at, size) = self.extent(block, offset, units_hint);
        if device.immediate() {
            return self.fetch(block, offset, units_hint);
        }
        let mut bytes = read_later(device, at, size).await?;
        let missing = self.missing(&bytes, offset);
        if missing > 0 {
            bytes.extend(read_later(device, at + size as u64, missing).await?);
        }
        Ok(bytes)
    }

    fn decode(
        &self,
        header: &Header,
        bytes: &[u8],
        bins: BinSelect<'_>,
        durable: Option<Ticket>,
    ) -> Result<Read> {
        let wrong = |what: &str| {
            Error::new(ErrorKind::Corrupt, format!("stored record {} {what}", header.digest))
        };
        if !matches!(header.kind, Kind::Record | Kind::Tombstone) {
            return Err(wrong("is no record of a user"));
        }
        let names = self.names();
        let meta = Metadata::decode(bytes, header)?;
        let set = names.set_name(meta.set_id).cloned();
        let set = set.ok_or_else(|| wrong("is in a set whose name cannot be read"))?;
        let (key, bins) = meta.decode_body(&names, bins)?;
        let record = Record {
            digest: header.digest,
            key,
            bins,
            generation: header.generation,
            lut_ms: header.lut_ms,
            void_time: meta.void_time,
            size: header.size as u32,
        };
        let tombstone = header.kind == Kind::Tombstone;
        Ok(Read { record, set, set_id: meta.set_id, tombstone, durable })
    }

    fn corrupt(&self, block: u64, offset: u32, what: &str) -> Error {
        let name = self.blocks.place(block).0.name();
        let detail = format!(
            "what is stored on {name}, block {block} offset {offset}, {what}; delete or replace the \
             record by its key, or restore it from a backup"
        );
        Error::new(ErrorKind::Corrupt, detail)
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

    /// Whether a write would find a free block, were its own full.
    pub fn has_room(&self) -> bool {
        let room = self.blocks.room();
        room.free > room.reserve
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
        write_superblocks(&self.blocks.devices, &clean)
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

/// The bytes of a record from memory.
enum Kept {
    /// From a buffer that goes on being written.
    Copied(Vec<u8>),
    /// From the record cache.
    Cached(Arc<[u8]>),
}

impl std::ops::Deref for Kept {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Kept::Copied(bytes) => bytes,
            Kept::Cached(bytes) => bytes,
        }
    }
}

/// Refuses a record that is too large.
fn check_size(size: usize, most: usize) -> Result<()> {
    if size <= most {
        return Ok(());
    }
    let detail = format!(
        "the record takes {size} bytes, at most {most} are allowed; split it, or raise the \
         namespace's max-record-size and write-block-size"
    );
    Err(Error::new(ErrorKind::RecordTooBig, detail))
}

async fn read_later(device: &Arc<dyn Device>, at: u64, size: usize) -> Result<Vec<u8>> {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    // Nobody may be waiting any more: a cancelled statement.
    device.read_later(at, size, Box::new(move |bytes| drop(sender.send(bytes))));
    let lost = || Error::new(ErrorKind::Io, "a device gave no answer to a read");
    receiver.await.map_err(|_| lost())?
}

fn content<'a>(write: &Write<'a>, set_id: u16, bin_ids: &'a [u16]) -> Content<'a> {
    Content {
        kind: kind_of(write),
        digest: write.digest,
        set_id,
        key: write.key,
        bin_ids,
        bins: write.bins,
        generation: write.generation,
        lut_ms: write.lut_ms,
        void_time: write.void_time,
    }
}

fn kind_of(write: &Write<'_>) -> Kind {
    match write.kind {
        WriteKind::Record => Kind::Record,
        WriteKind::Tombstone => Kind::Tombstone,
    }
}

/// Ids and types of key and bins.
fn shape(write: &Write<'_>, bin_ids: &[u16]) -> Vec<(u16, ValueType)> {
    let key = write.key.map(|key| {
        let key_type = match key {
            Key::Integer(_) => ValueType::Integer,
            Key::String(_) => ValueType::String,
            Key::Blob(_) => ValueType::Blob,
        };
        (KEY_SHAPE, key_type)
    });
    let bins = bin_ids.iter().zip(write.bins).map(|(id, (_, value))| (*id, value.value_type()));
    key.into_iter().chain(bins).collect()
}

fn describe(write: &Write<'_>, set_id: u16, size: usize) -> Described {
    Described {
        kind: kind_of(write),
        tag: tag_of(&write.digest),
        offset: 0,
        units: (size / UNIT) as u32,
        generation: write.generation,
        void_time: write.void_time,
        set_id,
        lsn: 0,
    }
}

/// Scratch memory kept per thread for encoding a record, at most, and for how many.
const SCRATCH_MAX: usize = 64 << 10;
const SCRATCH_RECORDS: usize = 4;

thread_local! {
    static SCRATCH: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// Reads the superblocks, formats empty devices, and writes that the storage was opened once more.
fn open_superblocks(devices: &[Arc<dyn Device>], options: &Options) -> Result<Superblock> {
    if devices.is_empty() {
        let detail = format!("namespace {} has no device; name at least one", options.namespace);
        return Err(Error::new(ErrorKind::Parameter, detail));
    }
    let mut found = Vec::new();
    for device in devices {
        found.push(match Superblock::read(&**device)? {
            Found::Nothing => None,
            Found::Superblock(superblock) => Some(superblock),
        });
    }
    let first = found.iter().flatten().max_by_key(|s| s.opened).cloned();
    let mut superblock = first.unwrap_or_else(|| Superblock {
        storage_id: options.storage_id,
        opened: 0,
        block_size: options.block_size,
        clean: false,
        device: 0,
        devices: devices.len() as u16,
        namespace: options.namespace.clone(),
    });
    check_superblock(devices, &found, &superblock, options)?;
    if found.contains(&None) {
        format(devices, &superblock)?;
    }
    let (opened, clean) = (superblock.opened, superblock.clean);
    tracing::info!(namespace = options.namespace, opened, clean, "opening storage");
    superblock.opened += 1;
    superblock.clean = false;
    write_superblocks(devices, &superblock)?;
    Ok(superblock)
}

fn check_superblock(
    devices: &[Arc<dyn Device>],
    found: &[Option<Superblock>],
    expected: &Superblock,
    options: &Options,
) -> Result<()> {
    let refuse = |device: &Arc<dyn Device>, what: String| {
        Err(Error::new(ErrorKind::Parameter, format!("{} {what}", device.name())))
    };
    if expected.namespace != options.namespace {
        let what = format!(
            "holds namespace {}, not {}; name another device, or correct the namespace",
            expected.namespace, options.namespace
        );
        return refuse(&devices[0], what);
    }
    if expected.block_size != options.block_size {
        let what = format!(
            "was formatted with write blocks of {} bytes, not {}; correct write-block-size",
            expected.block_size, options.block_size
        );
        return refuse(&devices[0], what);
    }
    for (i, (device, found)) in devices.iter().zip(found).enumerate() {
        let Some(found) = found else {
            // Before its first opening a storage may be half formatted; later a device has data.
            if expected.opened > 0 {
                let what = "is empty, but other devices of the namespace have data; name the \
                            device that was there before";
                return refuse(device, what.to_string());
            }
            continue;
        };
        let belongs = (found.storage_id, found.devices) == (expected.storage_id, expected.devices);
        if !belongs || usize::from(found.device) != i || devices.len() != usize::from(found.devices)
        {
            let what = format!(
                "is device {} of {} of a storage, here it is given as {} of {}; name all devices \
                 of the namespace in the order in which they were formatted",
                found.device + 1,
                found.devices,
                i + 1,
                devices.len()
            );
            return refuse(device, what);
        }
    }
    Ok(())
}

/// Makes room for superblock and first block, and writes superblocks of a storage never opened.
fn format(devices: &[Arc<dyn Device>], superblock: &Superblock) -> Result<()> {
    let needed = 2 * u64::from(superblock.block_size);
    for device in devices {
        if device.capacity() < needed {
            let detail = format!(
                "{} may have {} bytes, two write blocks need {needed}; raise its size or lower \
                 write-block-size",
                device.name(),
                device.capacity()
            );
            return Err(Error::new(ErrorKind::Parameter, detail));
        }
        block::check_unused(&**device, u64::from(superblock.block_size))?;
        device.grow(needed)?;
    }
    write_superblocks(devices, superblock)
}

fn write_superblocks(devices: &[Arc<dyn Device>], superblock: &Superblock) -> Result<()> {
    for (i, device) in devices.iter().enumerate() {
        Superblock { device: i as u16, ..superblock.clone() }.write(&**device)?;
    }
    Ok(())
}
