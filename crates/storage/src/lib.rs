//! Devices, write blocks, flat records, group commit, recovery.
//!
//! A [`Storage`] is the log of one namespace on one or more [`Device`]s. A write:
//!
//! 1. [`Storage::append`] looks up the ids of set and bins (`dictionary.rs`); new names are appended
//!    to the log first, twice.
//! 2. The record is encoded (`flat.rs`, `value.rs`) and copied into the open commit group
//!    (`stream.rs`); the caller gets its location, LSN and a [`Ticket`].
//! 3. The flusher writes and syncs the group; the ticket is done, the answer may go out.
//!
//! A read ([`Storage::read`]) takes the record from the group that is not yet on the device, else
//! with one device read; checksum and digest are verified each time. A restart (`recover.rs`) reads
//! every block, oldest first, and tells what it finds; the index is built from that.
//!
//! Always true: what was acknowledged is found again or gives an error, never an older version; a
//! delete is a tombstone and stays; a flipped byte costs at most the record that it is in; the log
//! is only appended to. Where everything lies: tables in `block.rs` and `flat.rs`.
//!
//! Left to others: which copy of a record is the live one, expiry, truncation of what is in memory
//! (`namespace`). Left for the next release: defragmentation, so a device fills up; footers and
//! checkpoints, so a restart reads everything; direct I/O.

mod block;
mod device;
mod dictionary;
mod flat;
mod recover;
mod sim;
mod stream;
mod ticket;
mod value;

use std::cell::RefCell;
use std::fmt;
use std::sync::{Arc, Mutex, RwLock, RwLockReadGuard};
use std::thread::JoinHandle;

use model::{Digest, Error, ErrorKind, Key, Name, Record, Result, Value, limits};

pub use device::{Device, FileDevice, MemoryDevice};
pub use flat::BinSelect;
pub use recover::{Damage, Recovered};
pub use sim::{Faults, SimDevice};
pub use ticket::Ticket;

use block::{Found, PAGE, Superblock};
use dictionary::{Dictionary, Family};
use flat::{Content, GROUP_END_MIN, Header, Kind, Metadata, UNIT};
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
    /// Bytes that the devices can grow to.
    pub capacity_bytes: u64,
    /// Commit groups written since the storage was opened.
    pub groups_written: u64,
    /// What recovery found wrong.
    pub damage: Damage,
}

/// The log of one namespace.
pub struct Storage {
    stream: Arc<Stream>,
    devices: Vec<Arc<dyn Device>>,
    superblock: Superblock,
    dictionary: RwLock<Dictionary>,
    record_size_max: usize,
    damage: Damage,
    flusher: Mutex<Option<JoinHandle<()>>>,
}

impl Storage {
    /// Opens the storage on these devices, or formats them if all are empty, and tells `each` what
    /// the log holds, oldest first.
    pub fn open(
        devices: Vec<Arc<dyn Device>>,
        options: &Options,
        each: &mut dyn FnMut(Recovered<'_>),
    ) -> Result<Storage> {
        options.check()?;
        let superblock = open_superblocks(&devices, options)?;
        let id = superblock.storage_id;
        let recovery = recover::recover(&devices, id, options.block_size, each)?;
        let life = (options.block_size, id, superblock.opened);
        let stream = Stream::new(devices.clone(), life, options.durability, recovery.start);
        if let Some((block, offset, len)) = recovery.torn {
            tracing::warn!(block, offset, "the last commit group is torn, it is left out");
            let (device, at) = stream.place(block);
            device.write_at(at + u64::from(offset), &vec![0; len as usize])?;
        }
        // What was found may still be in a cache, and is about to be shown.
        devices.iter().try_for_each(|device| device.sync())?;
        stream.settle()?;
        let room = options.block_size as usize - PAGE - GROUP_END_MIN;
        let storage = Storage {
            stream: Arc::new(stream),
            devices,
            superblock,
            dictionary: RwLock::new(recovery.dictionary),
            record_size_max: room.min(options.record_size_max as usize),
            damage: recovery.damage,
            flusher: Mutex::new(None),
        };
        if options.durability != Durability::Memory {
            storage.start_flusher(&options.namespace)?;
        }
        Ok(storage)
    }

    fn start_flusher(&self, namespace: &str) -> Result<()> {
        let stream = self.stream.clone();
        let thread = std::thread::Builder::new().name(format!("flush-{namespace}"));
        let thread = thread.spawn(move || stream.run())?;
        *self.flusher.lock().expect("starting and stopping do not panic") = Some(thread);
        Ok(())
    }

    /// Appends a write. It is readable at once, and durable when its ticket is done.
    pub fn append(&self, write: &Write<'_>) -> Result<Appended> {
        let (set_id, bin_ids) = self.ids(write)?;
        SCRATCH.with_borrow_mut(|record| {
            let kind = match write.kind {
                WriteKind::Record => Kind::Record,
                WriteKind::Tombstone => Kind::Tombstone,
            };
            let content = Content {
                kind,
                digest: write.digest,
                set_id,
                key: write.key,
                bin_ids: &bin_ids,
                bins: write.bins,
                generation: write.generation,
                lut_ms: write.lut_ms,
                void_time: write.void_time,
            };
            flat::encode(&content, record);
            let appended = self.append_encoded(record, set_id);
            record.shrink_to(SCRATCH_MAX);
            appended
        })
    }

    fn append_encoded(&self, record: &mut [u8], set_id: u16) -> Result<Appended> {
        if record.len() > self.record_size_max {
            let detail = format!(
                "the record takes {} bytes, at most {} are allowed; split it, or raise the \
                 namespace's max-record-size and write-block-size",
                record.len(),
                self.record_size_max
            );
            return Err(Error::new(ErrorKind::RecordTooBig, detail));
        }
        let placed = self.stream.append(record, 1)?;
        Ok(Appended {
            location: self.location(placed.block, placed.offset),
            units: (record.len() / UNIT) as u32,
            lsn: placed.lsn,
            set_id,
            ticket: self.stream.ticket(&placed.done),
        })
    }

    /// Appends the fact that every record of the set (`None`: of all sets) with a last update time
    /// not after `before_lut_ms` is gone.
    pub fn append_truncate(&self, set: Option<&str>, before_lut_ms: u64) -> Result<Ticket> {
        let set_id = match set {
            None => flat::EVERY_SET,
            Some(set) => self.intern(Family::Set, set)?,
        };
        let mut record = Vec::new();
        flat::encode_truncate(set_id, before_lut_ms, &mut record);
        let placed = self.stream.append(&mut record, 2)?;
        // The second copy is in the same group or a later one; one copy is enough to be durable.
        Ok(self.stream.ticket(&placed.done))
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
        self.stream.append(&mut record, 2)?;
        dictionary.put(family, id, name);
        Ok(id)
    }

    fn names(&self) -> RwLockReadGuard<'_, Dictionary> {
        self.dictionary.read().expect("nobody panics with the dictionary")
    }

    fn location(&self, block: u64, offset: u32) -> u64 {
        (block * u64::from(self.superblock.block_size) + u64::from(offset)) / UNIT as u64
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
        let byte = location.saturating_mul(UNIT as u64);
        let size = u64::from(self.superblock.block_size);
        let (block, offset) = (byte / size, (byte % size) as u32);
        let (seed, bytes, durable) = self.fetch(block, offset, units_hint)?;
        let header = Header::verify(&bytes, seed, offset);
        let header = header.ok_or_else(|| self.corrupt(block, offset, "fails its checksum"))?;
        if expected.is_some_and(|expected| *expected != header.digest) {
            return Ok(None);
        }
        self.decode(&header, &bytes[..header.size], bins, durable).map(Some)
    }

    /// While what is at `location` is not durable: what to wait for before it is acted upon.
    pub fn pending(&self, location: u64) -> Option<Ticket> {
        let byte = location.saturating_mul(UNIT as u64);
        let size = u64::from(self.superblock.block_size);
        self.stream.pending(byte / size, (byte % size) as u32)
    }

    /// Seed of the block, the bytes of the record, and the ticket while it is not durable.
    fn fetch(
        &self,
        block: u64,
        offset: u32,
        units_hint: u32,
    ) -> Result<(u32, Vec<u8>, Option<Ticket>)> {
        let unknown = || self.corrupt(block, offset, "is not in use");
        let (seed, on_device) = self.stream.block(block).ok_or_else(unknown)?;
        if offset >= on_device {
            if let Some((bytes, ticket)) = self.stream.buffered(block, offset) {
                return Ok((seed, bytes, Some(ticket)));
            }
            // Not in memory any more: then it has just reached the device.
            let (_, on_device) = self.stream.block(block).ok_or_else(unknown)?;
            if offset >= on_device {
                return Err(unknown());
            }
        }
        Ok((seed, self.fetch_from_device(block, offset, units_hint)?, None))
    }

    fn fetch_from_device(&self, block: u64, offset: u32, units_hint: u32) -> Result<Vec<u8>> {
        let (device, start) = self.stream.place(block);
        let at = start + u64::from(offset);
        let room = (self.superblock.block_size - offset) as usize;
        let mut bytes = vec![0; (units_hint.max(3) as usize).saturating_mul(UNIT).min(room)];
        device.read_at(at, &mut bytes)?;
        let whole = Header::parse(&bytes).map_or(0, |header| header.size.min(room));
        if whole > bytes.len() {
            let read = bytes.len();
            bytes.resize(whole, 0);
            device.read_at(at + read as u64, &mut bytes[read..])?;
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
        let name = self.stream.place(block).0.name();
        let detail = format!(
            "what is stored on {name}, block {block} offset {offset}, {what}; write the record \
             again or restore it from a backup"
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

    /// The shared form of a bin's name, if it has ever been written.
    pub fn bin_name(&self, name: &str) -> Option<Name> {
        let names = self.names();
        names.id(Family::Bin, name).and_then(|id| names.bin_name(id).cloned())
    }

    /// Largest record, bytes, header and padding included.
    pub fn record_size_max(&self) -> usize {
        self.record_size_max
    }

    /// Numbers for operators.
    pub fn stats(&self) -> Stats {
        Stats {
            used_bytes: self.stream.used_bytes(),
            capacity_bytes: self.devices.iter().map(|device| device.capacity()).sum(),
            groups_written: self.stream.groups_written.load(std::sync::atomic::Ordering::Relaxed),
            damage: self.damage,
        }
    }

    /// Why nothing can be written any more, if a write or sync failed.
    pub fn failure(&self) -> Option<Error> {
        self.stream.failure().cloned()
    }

    /// Stops cleanly: what is pending is written, proven and synced, and the devices are marked.
    /// Later appends are refused, reads go on. Closing twice does nothing.
    pub fn close(&self) -> Result<()> {
        if !self.stop_flusher() {
            return Ok(());
        }
        self.stream.settle()?;
        self.devices.iter().try_for_each(|device| device.sync())?;
        write_superblocks(&self.devices, &Superblock { clean: true, ..self.superblock.clone() })
    }

    /// Refuses further appends and waits for the flusher. False if that was done before.
    fn stop_flusher(&self) -> bool {
        let mut flusher = self.flusher.lock().expect("starting and stopping do not panic");
        let first = self.stream.stop();
        if let Some(thread) = flusher.take() {
            thread.join().expect("the flusher does not panic");
        }
        first
    }
}

/// Without [`Storage::close`] a drop writes what is pending and marks nothing.
impl Drop for Storage {
    fn drop(&mut self) {
        self.stop_flusher();
    }
}

/// Scratch memory kept per thread for encoding, at most.
const SCRATCH_MAX: usize = 64 << 10;

thread_local! {
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
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
