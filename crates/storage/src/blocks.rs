//! The blocks of all devices: which are free, what the others hold, and how a block is given back.
//!
//! A block is free, then open (a stream fills it), then sealed; defragmentation makes a sealed block
//! a victim and, once nothing of it is needed, gives it back ([`Blocks::wipe`]): readers that may
//! still look at it are waited for, its header is overwritten with zeros, the devices are synced,
//! the zeros are read back. Only then may another block's header claim it, and only then do the
//! rules for tombstones stop counting on what was in it.
//!
//! Always true: the live units of a block are those of the records that were appended to it and not
//! released; some blocks are kept back for copies, so that space can always be won, and some of
//! these for tombstones, so that deleting works on a full device.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering::*};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, RwLock, RwLockReadGuard};
use std::time::Duration;

use model::{Error, ErrorKind, Result};

use crate::block::{BlockHeader, CHECKPOINT, COPIES, PAGE, WRITES};
use crate::device::{Device, no_space};
use crate::epoch::Epochs;
use crate::flat::UNIT;
use crate::footer::Summary;
use crate::heads::Heads;
use crate::recent::Recent;
use crate::{Sabotage, Sabotaged};

/// What a block is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Use {
    Free,
    /// A stream or checkpoint fills it.
    Open,
    Sealed,
    /// Its records are being copied.
    Victim,
    /// Of a checkpoint.
    Checkpoint,
    /// Something in it cannot be read: kept as it is, so that this stays known.
    Damaged,
}

impl Use {
    fn of(byte: u8) -> Use {
        use Use::*;
        [Free, Open, Sealed, Victim, Checkpoint, Damaged][usize::from(byte)]
    }
}

/// One block.
#[derive(Debug)]
pub(crate) struct Block {
    used: AtomicU8,
    pub(crate) seed: u32,
    pub(crate) incarnation: u64,
    pub(crate) sequence: u64,
    /// The next LSN when it was opened.
    pub(crate) base_lsn: u64,
    /// 16-byte units of live records, rounded up to size classes.
    live: AtomicU32,
    /// Of a block of copies: the live units that it had when it was full; 0 = not known.
    packed: AtomicU32,
    stream: u16,
    pub(crate) tombstones: AtomicU32,
    pub(crate) mortal: AtomicU32,
    pub(crate) system: AtomicU32,
    pub(crate) tombstone_lsn: AtomicU64,
}

impl Block {
    fn free() -> Block {
        Block {
            used: AtomicU8::new(Use::Free as u8),
            seed: 0,
            incarnation: 0,
            sequence: 0,
            base_lsn: 0,
            live: AtomicU32::new(0),
            packed: AtomicU32::new(0),
            stream: WRITES,
            tombstones: AtomicU32::new(0),
            mortal: AtomicU32::new(0),
            system: AtomicU32::new(0),
            tombstone_lsn: AtomicU64::new(0),
        }
    }

    pub(crate) fn of(header: &BlockHeader, used: Use) -> Block {
        Block {
            used: AtomicU8::new(used as u8),
            seed: header.seed(),
            incarnation: header.incarnation,
            sequence: header.sequence,
            base_lsn: header.base_lsn,
            stream: header.stream,
            ..Block::free()
        }
    }

    /// A block whose header is lost: what it held is unknown, and it may be as old as any.
    pub(crate) fn unreadable() -> Block {
        Block { used: AtomicU8::new(Use::Damaged as u8), seed: UNKNOWN_SEED, ..Block::free() }
    }

    pub(crate) fn used(&self) -> Use {
        Use::of(self.used.load(Acquire))
    }

    pub(crate) fn set_used(&self, used: Use) {
        self.used.store(used as u8, Release);
    }

    /// Whether it may hold records.
    pub(crate) fn holds_records(&self) -> bool {
        !matches!(self.used(), Use::Free | Use::Checkpoint)
    }

    pub(crate) fn live_units(&self) -> u32 {
        self.live.load(Acquire)
    }

    /// It is full: from here on records only leave it.
    pub(crate) fn seal(&self) {
        self.packed.store(self.live_units(), Release);
        self.set_used(Use::Sealed);
    }

    /// Whether copying the block once more wins nothing: it holds copies, as close together as they
    /// get, and hardly any of them has died since.
    pub(crate) fn is_packed(&self) -> bool {
        let live = self.live_units();
        let packed = match self.packed.load(Acquire) {
            0 => {
                self.packed.store(live, Release);
                live
            }
            packed => packed,
        };
        self.stream == COPIES && u64::from(live) * 20 > u64::from(packed) * 19
    }

    pub(crate) fn summary(&self) -> Summary {
        Summary {
            tombstones: self.tombstones.load(Relaxed),
            mortal: self.mortal.load(Relaxed),
            system: self.system.load(Relaxed),
            tombstone_lsn: self.tombstone_lsn.load(Relaxed),
        }
    }

    pub(crate) fn set_summary(&self, summary: &Summary) {
        self.tombstones.store(summary.tombstones, Relaxed);
        self.mortal.store(summary.mortal, Relaxed);
        self.system.store(summary.system, Relaxed);
        self.tombstone_lsn.store(summary.tombstone_lsn, Relaxed);
    }
}

/// Who asks for a block: each may go deeper into what is kept back than the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Purpose {
    Write,
    Checkpoint,
    Delete,
    Copy,
}

/// Blocks to give out.
#[derive(Debug)]
struct Space {
    /// Given back, in order of ids: the front of a device fills first.
    free: BTreeSet<u64>,
    /// Ids from here on were never used.
    unused: u64,
    next_sequence: u64,
    next_incarnation: u64,
}

/// How the blocks stood when the storage was opened.
#[derive(Debug, Default)]
pub(crate) struct Start {
    pub(crate) blocks: Vec<Option<Block>>,
    pub(crate) next_sequence: u64,
    pub(crate) next_lsn: u64,
}

/// Free and all blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Room {
    pub(crate) free: u64,
    pub(crate) all: u64,
    pub(crate) reserve: u64,
}

impl Room {
    /// Free blocks that are not for this purpose.
    pub(crate) fn kept_from(&self, purpose: Purpose) -> u64 {
        match purpose {
            Purpose::Write => self.reserve,
            Purpose::Checkpoint => self.reserve.div_ceil(2),
            Purpose::Delete => self.reserve / 2,
            Purpose::Copy => 0,
        }
    }
}

/// The blocks of one storage.
pub(crate) struct Blocks {
    pub(crate) devices: Vec<Arc<dyn Device>>,
    pub(crate) block_size: u32,
    pub(crate) storage_id: u128,
    table: RwLock<Vec<Block>>,
    /// What reads need of those in the table that hold records.
    heads: Heads,
    space: Mutex<Space>,
    /// Told when a block was given back, and when one was taken.
    changed: Condvar,
    pub(crate) epochs: Epochs,
    pub(crate) recent: Recent,
    /// The next LSN, or one that was.
    pub(crate) next_lsn: AtomicU64,
    /// Tombstones with a greater LSN are needed by a checkpoint.
    pub(crate) checkpoint_lsn: AtomicU64,
    /// Blocks that the next checkpoint needs and has not found.
    pub(crate) wanted: AtomicU64,
    /// Free blocks that are set aside for a checkpoint: writes do not get them.
    pub(crate) promised: AtomicU64,
    failed: OnceLock<Error>,
    pub(crate) closed: AtomicBool,
    sabotage: Sabotaged,
    pub(crate) wiped: AtomicU64,
}

impl Blocks {
    pub(crate) fn new(
        devices: Vec<Arc<dyn Device>>,
        (block_size, storage_id, opened): (u32, u128, u64),
        recent: usize,
        start: Start,
        sabotage: Sabotaged,
    ) -> Blocks {
        let n = devices.len() as u64;
        // Block 0 of each device is the superblock's.
        let unused = (start.blocks.len() as u64).max(n);
        let is_free = |id: &u64| start.blocks.get(*id as usize).is_some_and(Option::is_none);
        let space = Space {
            free: (n..unused).filter(is_free).collect(),
            unused,
            next_sequence: start.next_sequence,
            next_incarnation: opened << 32 | 1,
        };
        let table: Vec<Block> =
            start.blocks.into_iter().map(|block| block.unwrap_or_else(Block::free)).collect();
        let most = |device: &Arc<dyn Device>| device.capacity() / u64::from(block_size) + 1;
        let most = devices.iter().map(most).max().unwrap_or(0).saturating_mul(n);
        let heads = Heads::new(most.max(unused));
        for (id, block) in table.iter().enumerate().filter(|(_, block)| block.holds_records()) {
            heads.set(id as u64, Some((block.seed, block_size)));
        }
        Blocks {
            devices,
            block_size,
            storage_id,
            table: RwLock::new(table),
            heads,
            space: Mutex::new(space),
            changed: Condvar::new(),
            epochs: Epochs::default(),
            recent: Recent::new(recent),
            next_lsn: AtomicU64::new(start.next_lsn),
            checkpoint_lsn: AtomicU64::new(u64::MAX),
            wanted: AtomicU64::new(0),
            promised: AtomicU64::new(0),
            failed: OnceLock::new(),
            closed: AtomicBool::new(false),
            sabotage,
            wiped: AtomicU64::new(0),
        }
    }

    pub(crate) fn sabotaged(&self, bug: Sabotage) -> bool {
        self.sabotage.is(bug)
    }

    pub(crate) fn table(&self) -> RwLockReadGuard<'_, Vec<Block>> {
        self.table.read().expect("nobody panics with the block table")
    }

    fn space(&self) -> MutexGuard<'_, Space> {
        self.space.lock().expect("nobody panics while counting blocks")
    }

    /// Device and offset of the first byte of a block.
    pub(crate) fn place(&self, block: u64) -> (&Arc<dyn Device>, u64) {
        let size = u64::from(self.block_size);
        // Most namespaces have one device, and divisions take longer than all the rest here.
        if let [only] = &self.devices[..] {
            return (only, block * size);
        }
        let n = self.devices.len() as u64;
        (&self.devices[(block % n) as usize], block / n * size)
    }

    pub(crate) fn location(&self, block: u64, offset: u32) -> u64 {
        (block * u64::from(self.block_size) + u64::from(offset)) / UNIT as u64
    }

    /// Block and offset of a location.
    pub(crate) fn at(&self, location: u64) -> (u64, u32) {
        let byte = location.saturating_mul(UNIT as u64);
        // A power of two, and a shift is quicker than a division.
        let bits = self.block_size.trailing_zeros();
        (byte >> bits, (byte & u64::from(self.block_size - 1)) as u32)
    }

    /// Checksum seed of a block, and up to where its records are on the device.
    pub(crate) fn block(&self, id: u64) -> Option<(u32, u32)> {
        self.heads.get(id)
    }

    /// The records of a block are on the device up to here.
    pub(crate) fn reached(&self, id: u64, end: u32) {
        self.heads.reach(id, end);
    }

    /// Counts units of a live record into its block.
    pub(crate) fn hold(&self, block: u64, units: u32) {
        if let Some(block) = self.table().get(block as usize) {
            block.live.fetch_add(units, AcqRel);
        }
    }

    /// Counts units of a record that is not live any more out of its block.
    pub(crate) fn release(&self, block: u64, units: u32) {
        if let Some(block) = self.table().get(block as usize) {
            block.live.fetch_sub(units, AcqRel);
        }
    }

    /// Why nothing can be written any more, if so.
    pub(crate) fn failure(&self) -> Option<&Error> {
        self.failed.get()
    }

    /// From here on nothing is written: what the device did with its cache is unknown.
    pub(crate) fn fail(&self, error: &Error) {
        if self.failed.set(error.clone()).is_ok() {
            tracing::error!(%error, "storage takes no more writes; reads go on");
        }
        self.changed.notify_all();
    }

    pub(crate) fn check_sound(&self) -> Result<()> {
        let Some(error) = self.failed.get() else { return Ok(()) };
        let detail = format!(
            "storage takes no more writes because a write failed: {error}; reads go on; repair \
             the device and restart the node"
        );
        Err(Error::new(ErrorKind::Unavailable, detail))
    }

    /// Blocks that a device can hold records in.
    fn blocks_of(&self, device: &dyn Device) -> u64 {
        (device.capacity() / u64::from(self.block_size)).saturating_sub(1)
    }

    /// How many blocks are free.
    pub(crate) fn room(&self) -> Room {
        let space = self.space();
        self.room_in(&space)
    }

    fn room_in(&self, space: &Space) -> Room {
        let n = self.devices.len() as u64;
        let left = |(i, device): (usize, &Arc<dyn Device>)| {
            // The first id of this device that was never used, as a number on the device.
            let next = (space.unused + n - 1 - i as u64) / n;
            (self.blocks_of(&**device) + 1).saturating_sub(next.max(1))
        };
        let unused: u64 = self.devices.iter().enumerate().map(left).sum();
        let all: u64 = self.devices.iter().map(|device| self.blocks_of(&**device)).sum();
        let reserve: u64 = if all < 6 { all / 3 } else { (all / 10).clamp(2, 8) };
        Room { free: space.free.len() as u64 + unused, all, reserve }
    }

    /// Takes a free block and makes its device large enough; its header's id, incarnation and
    /// sequence.
    pub(crate) fn take(&self, purpose: Purpose) -> Result<(u64, u64, u64)> {
        let mut space = self.space();
        let room = self.room_in(&space);
        let promised = match purpose {
            Purpose::Write => self.promised.load(Acquire),
            _ => 0,
        };
        if room.free <= room.kept_from(purpose) + promised {
            let capacity = self.devices.iter().map(|d| d.capacity()).sum();
            let size = u64::from(self.block_size);
            return Err(no_space("storage", capacity + size, capacity));
        }
        let id = match space.free.pop_first() {
            Some(id) => id,
            None => self.take_unused(&mut space)?,
        };
        let sequence = space.next_sequence;
        let incarnation = match self.sabotaged(Sabotage::IgnoreIncarnation) {
            true => 1,
            false => space.next_incarnation,
        };
        space.next_sequence += 1;
        space.next_incarnation += 1;
        drop(space);
        if purpose == Purpose::Checkpoint {
            let one_less = |n: u64| n.checked_sub(1);
            let _none_left = self.promised.fetch_update(AcqRel, Acquire, one_less);
        }
        self.changed.notify_all();
        Ok((id, incarnation, sequence))
    }

    /// The next id that was never used. Devices that are full are passed over.
    fn take_unused(&self, space: &mut Space) -> Result<u64> {
        let size = u64::from(self.block_size);
        loop {
            let id = space.unused;
            let (device, offset) = self.place(id);
            if offset + size <= device.capacity() {
                device.grow(offset + size)?;
                space.unused += 1;
                return Ok(id);
            }
            space.unused += 1;
        }
    }

    /// Gives the next block its place on the device while nobody waits for it. What goes wrong here
    /// is told to whoever needs that block.
    pub(crate) fn grow_ahead(&self) {
        if let Some((device, needed)) = self.growth() {
            let _ = device.grow(needed);
        }
    }

    /// Whether [`Blocks::grow_ahead`] has something to do.
    pub(crate) fn wants_growth(&self) -> bool {
        self.growth().is_some()
    }

    /// The device that lacks the place of the next block, and the size that it then has.
    fn growth(&self) -> Option<(&Arc<dyn Device>, u64)> {
        let space = self.space();
        let next = space.unused;
        if !space.free.is_empty() {
            return None;
        }
        drop(space);
        let (device, offset) = self.place(next);
        let needed = offset + u64::from(self.block_size);
        (device.size() < needed && needed <= device.capacity()).then_some((device, needed))
    }

    /// Enters a block that was taken; nothing of it is on the device yet.
    pub(crate) fn enter(&self, id: u64, block: Block) {
        let mut table = self.table.write().expect("nobody panics with the block table");
        while table.len() <= id as usize {
            table.push(Block::free());
        }
        self.heads.set(id, block.holds_records().then_some((block.seed, 0)));
        table[id as usize] = block;
    }

    /// Gives blocks back. Every record of theirs that is needed is durable elsewhere.
    pub(crate) fn wipe(&self, ids: &[u64]) -> Result<()> {
        if ids.is_empty() {
            return Ok(());
        }
        self.check_sound()?;
        if !self.sabotaged(Sabotage::SkipGrace) {
            self.epochs.wait();
        }
        if self.devices.len() > 1 {
            // A footer on one device may be proved by a block on another, which goes now.
            self.sync_all()?;
        }
        self.try_wipe(ids).inspect_err(|error| self.fail(error))?;
        let mut table = self.table.write().expect("nobody panics with the block table");
        let mut space = self.space();
        for id in ids {
            self.heads.set(*id, None);
            table[*id as usize] = Block::free();
            space.free.insert(*id);
        }
        drop((space, table));
        self.wiped.fetch_add(ids.len() as u64, Relaxed);
        self.changed.notify_all();
        Ok(())
    }

    fn try_wipe(&self, ids: &[u64]) -> Result<()> {
        let mut page = vec![0; PAGE];
        for id in ids {
            let (device, at) = self.place(*id);
            device.write_at(at, &page)?;
        }
        self.sync_all()?;
        for id in ids {
            let (device, at) = self.place(*id);
            device.read_at(at, &mut page)?;
            if page.iter().any(|byte| *byte != 0) {
                let detail = format!("{} did not take what was written to it", device.name());
                return Err(Error::new(ErrorKind::Io, detail));
            }
            page.fill(0);
        }
        Ok(())
    }

    /// Gives back blocks of a checkpoint, which nobody reads while the node runs.
    pub(crate) fn forget(&self, ids: &[u64]) {
        let mut table = self.table.write().expect("nobody panics with the block table");
        let mut space = self.space();
        for id in ids {
            self.heads.set(*id, None);
            table[*id as usize] = Block::free();
            space.free.insert(*id);
        }
        drop((space, table));
        self.changed.notify_all();
    }

    /// Syncs every device.
    pub(crate) fn sync_all(&self) -> Result<()> {
        if self.sabotaged(Sabotage::SkipSync) {
            return Ok(());
        }
        self.devices.iter().try_for_each(|device| device.sync())
    }

    /// The LSN below which a tombstone that lies in block `inside` protects from nothing: every
    /// other block was opened later, so none can hold an older version of what it deletes; and the
    /// checkpoint has seen the delete. (Had it not, its entry would point at a block that was given
    /// back, with nothing to explain it, and the restart would read the whole log.)
    pub(crate) fn tombstone_floor(&self, inside: u64) -> u64 {
        if self.sabotaged(Sabotage::DropTombstones) {
            return u64::MAX;
        }
        let table = self.table();
        let others = table
            .iter()
            .enumerate()
            .filter(|(id, block)| *id as u64 != inside && block.holds_records());
        let oldest = others.map(|(_, block)| block.base_lsn).min().unwrap_or(u64::MAX);
        oldest.min(self.checkpoint_lsn.load(Acquire).saturating_add(1))
    }

    /// Waits until blocks come or go, or this long.
    pub(crate) fn wait_for_change(&self, most: Duration) {
        let space = self.space();
        if !self.closed.load(Acquire) {
            drop(self.changed.wait_timeout(space, most));
        }
    }

    /// No block is taken any more; whoever waits is woken.
    pub(crate) fn close(&self) {
        let space = self.space();
        self.closed.store(true, Release);
        drop(space);
        self.changed.notify_all();
    }

    /// Bytes of blocks in use, the superblocks' included.
    pub(crate) fn used_bytes(&self) -> u64 {
        let room = self.room();
        (room.all - room.free + self.devices.len() as u64) * u64::from(self.block_size)
    }

    /// Bytes of live records.
    pub(crate) fn live_bytes(&self) -> u64 {
        let table = self.table();
        let live = table.iter().filter(|block| block.used() != Use::Free);
        live.map(|block| u64::from(block.live_units()) * UNIT as u64).sum()
    }

    /// Bytes of blocks that a checkpoint takes.
    pub(crate) fn checkpoint_blocks(&self) -> Vec<u64> {
        let table = self.table();
        let of = table.iter().enumerate().filter(|(_, block)| block.used() == Use::Checkpoint);
        of.map(|(id, _)| id as u64).collect()
    }

    /// A header for a block that was taken.
    pub(crate) fn header(
        &self,
        (id, incarnation, sequence): (u64, u64, u64),
        stream: u16,
        base_lsn: u64,
    ) -> BlockHeader {
        let last = if stream == CHECKPOINT { 0 } else { PAGE as u32 };
        BlockHeader {
            storage_id: self.storage_id,
            id,
            incarnation,
            sequence,
            base_lsn,
            first_group: 0,
            previous: 0,
            previous_end: 0,
            data_end: self.block_size - last,
            stream,
        }
    }
}

/// The seed of a block whose header cannot be read.
const UNKNOWN_SEED: u32 = u32::MAX;
