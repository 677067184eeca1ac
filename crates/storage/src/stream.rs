//! The log being written: appends gather in a commit group, the flusher makes groups durable.
//!
//! 1. An appender encodes its record, takes the mutex for as long as a copy takes, and leaves with
//!    a location, an LSN and a ticket.
//! 2. The flusher (one thread) ends the open group on a 4 KiB boundary with a group-end record,
//!    writes it with one write, syncs the device, and completes the group's tickets. Appends go
//!    into the next group meanwhile.
//! 3. A group lies in one block. When the next record does not fit, the group is ended and the next
//!    one begins a new block, with the block's header in front.
//! 4. When nothing is pending for a second, and on a clean stop, an empty group is written.
//!
//! Always true: group g+1 is written only after g was synced, so a readable group end g+1 proves
//! that g was durable; written pages are never written again; bytes can be read from memory until
//! they can be read from the device; after a failed write or sync nothing is ever written again.
//!
//! With [`Durability::Memory`] there is no flusher: whoever fills a group writes it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, RwLock};
use std::time::Duration;

use model::{Error, ErrorKind, Result};

use crate::Durability;
use crate::block::{BlockHeader, PAGE};
use crate::device::Device;
use crate::flat::{self, GROUP_END_MIN, GroupEnd};
use crate::ticket::{Done, Ticket};

/// Idle time after which the last group is proven by an empty one.
const IDLE: Duration = Duration::from_secs(1);
/// Bytes that may wait for the device; more are refused. Aerospike's `max-write-cache`.
const QUEUE_MAX: usize = 64 << 20;
/// Size at which a group is written when nobody waits for it: small against a block, large against
/// the mean of 2 KiB that the padding of a group wastes.
const MEMORY_GROUP: usize = 1 << 20;

/// Where a record went.
#[derive(Debug, Clone)]
pub(crate) struct Placed {
    pub(crate) block: u64,
    pub(crate) offset: u32,
    pub(crate) lsn: u64,
    pub(crate) done: Arc<Done>,
}

/// What readers need to know of a block.
#[derive(Debug, Default)]
pub(crate) struct BlockState {
    pub(crate) seed: u32,
    /// Records below this offset are on the device; 0 for a block that is not in use.
    pub(crate) on_device: AtomicU32,
}

/// A commit group on its way.
struct Group {
    block: u64,
    /// Offset in the block of `bytes[0]`, which is the block's header in its first group.
    at: u32,
    bytes: Vec<u8>,
    count: u32,
    base_lsn: u64,
    done: Arc<Done>,
}

impl Group {
    fn end(&self) -> u32 {
        self.at + self.bytes.len() as u32
    }

    /// Where its records begin.
    fn start(&self) -> u32 {
        self.at.max(PAGE as u32)
    }

    fn holds(&self, block: u64, offset: u32) -> bool {
        self.block == block && (self.at..self.end()).contains(&offset)
    }

    fn record(&self, offset: u32) -> Option<&[u8]> {
        let bytes = &self.bytes[(offset - self.at) as usize..];
        bytes.get(..flat::Header::parse(bytes)?.size)
    }
}

/// Where writing goes on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tail {
    pub(crate) header: BlockHeader,
    /// End of the last group that was ended in it.
    pub(crate) end: u32,
}

/// Where the log stood when it was opened.
#[derive(Debug)]
pub(crate) struct Start {
    pub(crate) tail: Option<Tail>,
    pub(crate) next_block: u64,
    pub(crate) next_sequence: u64,
    pub(crate) next_lsn: u64,
    pub(crate) next_group: u64,
    /// Whether the last group still lacks one behind it that proves it.
    pub(crate) unproved: bool,
    pub(crate) blocks: Vec<BlockState>,
}

struct State {
    tail: Option<Tail>,
    /// Whether the header of `tail` still has to be written.
    header_due: bool,
    open: Option<Group>,
    /// Ended groups, oldest first; the first may be on its way to the device.
    ended: VecDeque<Arc<Group>>,
    queued: usize,
    next_block: u64,
    next_sequence: u64,
    next_incarnation: u64,
    next_lsn: u64,
    next_group: u64,
    unproved: bool,
    flusher_waits: bool,
    stopping: bool,
}

impl State {
    /// The group that holds these bytes, if it is not on the device yet.
    fn group(&self, block: u64, offset: u32) -> Option<&Group> {
        let ended = self.ended.iter().map(|group| &**group);
        ended.chain(&self.open).find(|group| group.holds(block, offset))
    }
}

/// What the appenders, the readers and the flusher share.
pub(crate) struct Stream {
    devices: Vec<Arc<dyn Device>>,
    block_size: u32,
    storage_id: u128,
    durability: Durability,
    state: Mutex<State>,
    wake: Condvar,
    blocks: RwLock<Vec<BlockState>>,
    failed: OnceLock<Error>,
    pub(crate) groups_written: AtomicU64,
}

impl Stream {
    /// The log as recovery left it. `opened` tells this life's block incarnations from earlier ones.
    pub(crate) fn new(
        devices: Vec<Arc<dyn Device>>,
        (block_size, storage_id, opened): (u32, u128, u64),
        durability: Durability,
        start: Start,
    ) -> Stream {
        let state = State {
            tail: start.tail,
            header_due: false,
            open: None,
            ended: VecDeque::new(),
            queued: 0,
            next_block: start.next_block,
            next_sequence: start.next_sequence,
            next_incarnation: opened << 32 | 1,
            next_lsn: start.next_lsn,
            next_group: start.next_group,
            unproved: start.unproved,
            flusher_waits: false,
            stopping: false,
        };
        Stream {
            devices,
            block_size,
            storage_id,
            durability,
            state: Mutex::new(state),
            wake: Condvar::new(),
            blocks: RwLock::new(start.blocks),
            failed: OnceLock::new(),
            groups_written: AtomicU64::new(0),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics while writing the log")
    }

    /// Device and offset of the first byte of a block.
    pub(crate) fn place(&self, block: u64) -> (&Arc<dyn Device>, u64) {
        let n = self.devices.len() as u64;
        (&self.devices[(block % n) as usize], block / n * u64::from(self.block_size))
    }

    /// Why nothing can be written any more, if so.
    pub(crate) fn failure(&self) -> Option<&Error> {
        self.failed.get()
    }

    /// Appends finished records, one behind the other, and says where the first went. They are in
    /// one group or in groups that follow each other.
    pub(crate) fn append(&self, record: &mut [u8], copies: usize) -> Result<Placed> {
        let mut state = self.lock();
        self.check_open(&state)?;
        let first = self.push(&mut state, record)?;
        for _ in 1..copies {
            self.push(&mut state, record)?;
        }
        match self.durability {
            Durability::Memory => self.write_full_groups(&mut state)?,
            Durability::Commit | Durability::Interval(_) if state.flusher_waits => {
                self.wake.notify_all()
            }
            Durability::Commit | Durability::Interval(_) => {}
        }
        Ok(first)
    }

    fn check_open(&self, state: &State) -> Result<()> {
        if let Some(error) = self.failed.get() {
            let detail = format!(
                "storage takes no more writes because a write failed: {error}; reads go on; \
                 repair the device and restart the node"
            );
            return Err(Error::new(ErrorKind::Unavailable, detail));
        }
        if state.stopping {
            return Err(Error::new(ErrorKind::Unavailable, "storage is closed"));
        }
        if state.queued > QUEUE_MAX {
            let detail = format!(
                "{} bytes wait for the device, at most {QUEUE_MAX} may; write more slowly",
                state.queued
            );
            return Err(Error::new(ErrorKind::Unavailable, detail));
        }
        Ok(())
    }

    fn push(&self, state: &mut State, record: &mut [u8]) -> Result<Placed> {
        self.make_room(state, record.len())?;
        let seed = state.tail.as_ref().map_or(0, |tail| tail.header.seed());
        let group = state.open.as_mut().expect("make_room opened a group");
        let offset = group.end();
        flat::seal(record, seed, offset);
        group.bytes.extend_from_slice(record);
        group.count += 1;
        let lsn = state.next_lsn;
        state.next_lsn += 1;
        state.queued += record.len();
        Ok(Placed { block: group.block, offset, lsn, done: group.done.clone() })
    }

    /// Sees to it that a group is open and has room for `size` bytes and its end.
    fn make_room(&self, state: &mut State, size: usize) -> Result<()> {
        let needed = (size + GROUP_END_MIN) as u32;
        if let Some(group) = &state.open {
            let limit = state.tail.as_ref().map_or(0, |tail| tail.header.data_end);
            if group.end() + needed <= limit {
                return Ok(());
            }
            self.end_group(state);
        }
        if state.tail.as_ref().is_none_or(|t| t.end + needed > t.header.data_end) {
            self.open_block(state)?;
        }
        self.open_group(state);
        Ok(())
    }

    fn open_group(&self, state: &mut State) {
        let tail = state.tail.as_ref().expect("a block is open");
        let (at, bytes) = match std::mem::take(&mut state.header_due) {
            true => (0, tail.header.encode()),
            false => (tail.end, Vec::new()),
        };
        let (base_lsn, done) = (state.next_lsn, Arc::default());
        state.open = Some(Group { block: tail.header.id, at, bytes, count: 0, base_lsn, done });
    }

    /// Ends the open group: a group-end record up to the next page.
    fn end_group(&self, state: &mut State) {
        let (Some(mut group), Some(tail)) = (state.open.take(), state.tail.as_mut()) else {
            return;
        };
        let end = group.end();
        let size = (end as usize + GROUP_END_MIN).next_multiple_of(PAGE) - end as usize;
        let mut mark = Vec::with_capacity(size);
        let (start, count, base_lsn) = (group.start(), group.count, group.base_lsn);
        GroupEnd { group: state.next_group, start, count, base_lsn }.encode(size, &mut mark);
        flat::seal(&mut mark, tail.header.seed(), end);
        group.bytes.extend_from_slice(&mark);
        state.next_group += 1;
        state.unproved = count > 0;
        tail.end = group.end();
        state.ended.push_back(Arc::new(group));
    }

    /// Makes the next free block the one that is written. Devices that are full are passed over.
    fn open_block(&self, state: &mut State) -> Result<()> {
        let size = u64::from(self.block_size);
        let n = self.devices.len() as u64;
        let most = self.devices.iter().map(|d| d.capacity() / size).max().unwrap_or(0);
        let mut id = state.next_block;
        loop {
            let (device, offset) = self.place(id);
            if offset / size >= most {
                let capacity = self.devices.iter().map(|d| d.capacity()).sum();
                return Err(crate::device::no_space("storage", id / n * size + size, capacity));
            }
            if offset + size <= device.capacity() {
                device.grow(offset + size)?;
                break;
            }
            id += 1;
        }
        let header = BlockHeader {
            storage_id: self.storage_id,
            id,
            incarnation: state.next_incarnation,
            sequence: state.next_sequence,
            base_lsn: state.next_lsn,
            first_group: state.next_group,
            previous: state.tail.map_or(0, |t| t.header.id),
            previous_end: state.tail.map_or(0, |t| t.end),
            data_end: self.block_size,
        };
        self.set_block(id, header.seed());
        state.next_block = id + 1;
        state.next_sequence += 1;
        state.next_incarnation += 1;
        state.tail = Some(Tail { header, end: PAGE as u32 });
        state.header_due = true;
        Ok(())
    }

    fn set_block(&self, id: u64, seed: u32) {
        let mut blocks = self.blocks.write().expect("nobody panics with the block table");
        if blocks.len() <= id as usize {
            blocks.resize_with(id as usize + 1, BlockState::default);
        }
        blocks[id as usize] = BlockState { seed, on_device: AtomicU32::new(0) };
    }

    /// Checksum seed of a block, and up to where its records are on the device.
    pub(crate) fn block(&self, id: u64) -> Option<(u32, u32)> {
        let blocks = self.blocks.read().expect("nobody panics with the block table");
        let block = blocks.get(usize::try_from(id).ok()?)?;
        Some((block.seed, block.on_device.load(Ordering::Acquire)))
    }

    /// A copy of a record that is not on the device yet, and the ticket of its group.
    pub(crate) fn buffered(&self, block: u64, offset: u32) -> Option<(Vec<u8>, Ticket)> {
        let state = self.lock();
        let group = state.group(block, offset)?;
        Some((group.record(offset)?.to_vec(), self.ticket(&group.done)))
    }

    /// The ticket of the group of a record that is not on the device yet.
    pub(crate) fn pending(&self, block: u64, offset: u32) -> Option<Ticket> {
        let (_, on_device) = self.block(block)?;
        if offset < on_device {
            return None;
        }
        Some(self.ticket(&self.lock().group(block, offset)?.done))
    }

    /// What a caller must wait for before it answers.
    pub(crate) fn ticket(&self, done: &Arc<Done>) -> Ticket {
        match self.durability {
            Durability::Commit => Ticket::of(done),
            Durability::Interval(_) | Durability::Memory => Ticket::done(),
        }
    }

    /// The flusher's life.
    pub(crate) fn run(&self) {
        while let Some(group) = self.next_group() {
            let outcome = self.write_group(&group);
            self.group_written(&mut self.lock(), &group, &outcome);
            // Outside the mutex: waking a thousand writers takes its time.
            group.done.complete(outcome);
            self.grow_ahead();
        }
    }

    /// The next group to write, waiting for one; `None` when there will be none any more.
    fn next_group(&self) -> Option<Arc<Group>> {
        let mut state = self.lock();
        loop {
            if self.failed.get().is_some() {
                return None;
            }
            if let Some(group) = state.ended.front() {
                return Some(group.clone());
            }
            if state.open.is_some() {
                self.end_group(&mut state);
            } else if state.stopping {
                return None;
            } else {
                state = self.wait(state);
            }
        }
    }

    /// Waits for work; after a second without any, an unproved group makes some.
    fn wait<'a>(&'a self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        state.flusher_waits = true;
        if state.unproved {
            let waited = self.wake.wait_timeout(state, IDLE);
            let (guard, timeout) = waited.expect("nobody panics while writing the log");
            state = guard;
            if timeout.timed_out() && state.open.is_none() && state.ended.is_empty() {
                self.prove(&mut state);
            }
        } else {
            state = self.wake.wait(state).expect("nobody panics while writing the log");
        }
        state.flusher_waits = false;
        state
    }

    /// Ends an empty group. On a full device the last group stays unproved.
    fn prove(&self, state: &mut State) {
        state.unproved = false;
        if state.open.is_none() && self.make_room(state, 0).is_err() {
            return;
        }
        self.end_group(state);
    }

    fn write_group(&self, group: &Group) -> Result<()> {
        let (device, offset) = self.place(group.block);
        device.write_at(offset + u64::from(group.at), &group.bytes)?;
        if self.durability != Durability::Memory {
            device.sync()?;
        }
        Ok(())
    }

    /// Takes note of how the oldest ended group fared. After a failure groups stay readable.
    fn group_written(&self, state: &mut State, group: &Group, outcome: &Result<()>) {
        if let Err(error) = outcome {
            tracing::error!(%error, "storage takes no more writes");
            let _ = self.failed.set(error.clone());
            let waiting = state.ended.iter().map(|group| &group.done);
            for done in waiting.chain(state.open.as_ref().map(|group| &group.done)) {
                done.complete(outcome.clone());
            }
            return;
        }
        let blocks = self.blocks.read().expect("nobody panics with the block table");
        blocks[group.block as usize].on_device.store(group.end(), Ordering::Release);
        drop(blocks);
        state.ended.pop_front();
        state.queued = state.queued.saturating_sub(group.bytes.len());
        self.groups_written.fetch_add(1, Ordering::Relaxed);
    }

    /// Gives the next block its place on the device while nobody waits for it. What goes wrong here
    /// is told to whoever needs that block.
    fn grow_ahead(&self) {
        let next = self.lock().next_block;
        let (device, offset) = self.place(next);
        let needed = offset + u64::from(self.block_size);
        if device.size() < needed && needed <= device.capacity() {
            let _ = device.grow(needed);
        }
    }

    fn write_full_groups(&self, state: &mut State) -> Result<()> {
        if state.open.as_ref().is_some_and(|group| group.bytes.len() >= MEMORY_GROUP) {
            self.end_group(state);
        }
        self.write_ended(state)
    }

    fn write_ended(&self, state: &mut State) -> Result<()> {
        while let Some(group) = state.ended.front().cloned() {
            let outcome = self.write_group(&group);
            self.group_written(state, &group, &outcome);
            group.done.complete(outcome.clone());
            outcome?;
        }
        Ok(())
    }

    /// Refuses further appends and lets the flusher finish what is pending. False if it was
    /// stopped before.
    pub(crate) fn stop(&self) -> bool {
        let stopped = std::mem::replace(&mut self.lock().stopping, true);
        self.wake.notify_all();
        !stopped
    }

    /// Writes what is pending and proves it. Only when no flusher runs.
    pub(crate) fn settle(&self) -> Result<()> {
        if let Some(error) = self.failed.get() {
            return Err(error.clone());
        }
        let mut state = self.lock();
        self.end_group(&mut state);
        if state.unproved {
            self.prove(&mut state);
        }
        self.write_ended(&mut state)
    }

    /// Bytes of blocks in use, the superblocks' included.
    pub(crate) fn used_bytes(&self) -> u64 {
        let n = self.devices.len() as u64;
        self.lock().next_block.max(n) * u64::from(self.block_size)
    }
}
