//! The log being written: appends gather in a commit group, the flusher makes groups durable.
//!
//! A storage has two streams: what users write, and the copies that defragmentation makes.
//!
//! 1. An appender encodes its record, takes the mutex for as long as a copy takes, and leaves with
//!    a location, an LSN and a ticket.
//! 2. The flusher (one thread) ends the open group on a 4 KiB boundary with a group-end record,
//!    writes it with one write, syncs the device, and completes the group's tickets. Appends go
//!    into the next group meanwhile. With [`Durability::Commit`] a group is ended as soon as
//!    somebody waits for it and the flusher is free, else when it is large enough or old enough.
//!    Who waits and has nothing else to do may do the flusher's work ([`Stream::write_here`]).
//! 3. A group lies in one block. When the next record does not fit, the group is ended and the next
//!    one begins a new block, with the block's header in front. Behind the last group of a block
//!    comes its footer.
//! 4. When nothing is pending for a second, an empty group is written; on a clean stop, the footer.
//!
//! Always true: group g+1 is written only after g was synced, so a readable group end g+1 proves
//! that g was durable; written pages are never written again in the life of their block; bytes can
//! be read from memory until they can be read from the device; after a failed write or sync nothing
//! is ever written again.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, Weak};
use std::time::Duration;

use model::{Error, ErrorKind, Result, ValueType, size_class};

use crate::block::{BlockHeader, PAGE, WRITES};
use crate::blocks::{Block, Blocks, Purpose, Use};
use crate::device::AlignedBuf;
use crate::flat::{self, GROUP_END_MIN, GroupEnd, Kind, UNIT};
use crate::footer::{Builder, Described};
use crate::ticket::{Done, Ticket};
use crate::{Durability, Sabotage};

/// Idle time after which the last group is proven by an empty one; age at which at the latest a group
/// is written that nobody waits for.
const IDLE: Duration = Duration::from_secs(1);
/// Bytes that may wait for the device; more are refused. Aerospike's `max-write-cache`.
const QUEUE_MAX: usize = 64 << 20;
/// Size at which a group is written when nobody waits for it: small against a block, large against
/// the mean of 2 KiB that the padding of a group wastes.
const LAZY_GROUP: usize = 1 << 20;

/// Where a record went.
#[derive(Debug, Clone)]
pub(crate) struct Placed {
    pub(crate) block: u64,
    pub(crate) offset: u32,
    pub(crate) lsn: u64,
    pub(crate) done: Arc<Done>,
}

/// A record to append.
pub(crate) struct Encoded<'a> {
    /// Finished but for its checksum.
    pub(crate) bytes: &'a mut [u8],
    /// What its block's footer says of it; offset and LSN are filled in here.
    pub(crate) described: Described,
    pub(crate) shape: &'a [(u16, ValueType)],
}

/// A commit group on its way.
struct Group {
    block: u64,
    /// Offset in the block of `bytes[0]`, which is the block's header in its first group.
    at: u32,
    bytes: AlignedBuf,
    seed: u32,
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

/// What the flusher writes, in order.
#[derive(Clone)]
enum Work {
    Group(Arc<Group>),
    Footer { block: u64, at: u32, bytes: Arc<AlignedBuf> },
}

/// Where writing goes on.
struct Tail {
    header: BlockHeader,
    /// End of the last group that was ended in it.
    end: u32,
    footer: Builder,
}

struct State {
    tail: Option<Tail>,
    /// The block before `tail`, and where its data ends.
    previous: (u64, u32),
    /// Whether the header of `tail` still has to be written.
    header_due: bool,
    open: Option<Group>,
    /// Ended groups and footers, oldest first; the first may be on its way to the device.
    queue: VecDeque<Work>,
    queued: usize,
    next_lsn: u64,
    next_group: u64,
    /// Whether the last group still lacks one behind it that proves it.
    unproved: bool,
    durability: Durability,
    /// Whether the open group is to be written without waiting for more.
    hurry: bool,
    flusher_waits: bool,
    /// Whether somebody, the flusher or another, writes the oldest piece of work.
    writing: bool,
    stopping: bool,
}

impl State {
    /// The group that holds these bytes, if it is not on the device yet.
    fn group(&self, block: u64, offset: u32) -> Option<&Group> {
        let ended = self.queue.iter().filter_map(|work| match work {
            Work::Group(group) => Some(&**group),
            Work::Footer { .. } => None,
        });
        ended.chain(&self.open).find(|group| group.holds(block, offset))
    }

    /// How long the open group may wait for more records; `None` = not at all.
    fn patience(&self) -> Option<Duration> {
        let group = self.open.as_ref()?;
        if self.hurry || self.stopping || group.bytes.len() >= LAZY_GROUP {
            return None;
        }
        match self.durability {
            Durability::Commit => None,
            Durability::Interval(ms) => Some(Duration::from_millis(ms.into())),
            Durability::Memory => Some(IDLE),
        }
    }
}

/// What the appenders, the readers and the flusher of one stream share.
pub(crate) struct Stream {
    me: Weak<Stream>,
    blocks: Arc<Blocks>,
    id: u16,
    state: Mutex<State>,
    wake: Condvar,
    pub(crate) groups_written: AtomicU64,
    pub(crate) bytes_written: AtomicU64,
}

impl Stream {
    pub(crate) fn new(blocks: Arc<Blocks>, id: u16, durability: Durability) -> Arc<Stream> {
        let next_lsn = blocks.next_lsn.load(Ordering::Acquire);
        let state = State {
            tail: None,
            previous: (0, 0),
            header_due: false,
            open: None,
            queue: VecDeque::new(),
            queued: 0,
            next_lsn,
            next_group: 1,
            unproved: false,
            durability,
            hurry: false,
            flusher_waits: false,
            writing: false,
            stopping: false,
        };
        Arc::new_cyclic(|me| Stream {
            me: me.clone(),
            blocks,
            id,
            state: Mutex::new(state),
            wake: Condvar::new(),
            groups_written: AtomicU64::new(0),
            bytes_written: AtomicU64::new(0),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics while writing the log")
    }

    /// When later appends are answered.
    pub(crate) fn set_durability(&self, durability: Durability) {
        self.lock().durability = durability;
        self.wake.notify_all();
    }

    /// Appends records, one behind the other, and says where they went. With `together` all are in
    /// one group: they survive a crash together or not at all.
    pub(crate) fn append(
        &self,
        records: &mut [Encoded<'_>],
        purpose: Purpose,
        together: bool,
    ) -> Result<Vec<Placed>> {
        let mut state = self.lock();
        self.check_open(&state)?;
        let whole: usize = records.iter().map(|record| record.bytes.len()).sum();
        let mut placed = Vec::with_capacity(records.len());
        if together {
            self.make_room(&mut state, whole, purpose)?;
        }
        for record in records {
            if !together {
                self.make_room(&mut state, record.bytes.len(), purpose)?;
            }
            placed.push(self.push(&mut state, record));
        }
        if self.id == WRITES {
            self.blocks.next_lsn.store(state.next_lsn, Ordering::Release);
        }
        let group = state.open.as_ref();
        let first = group.is_some_and(|group| group.count == placed.len() as u32);
        let due = match state.durability {
            // Whoever waits for it wakes the flusher.
            Durability::Commit => group.is_some_and(|group| group.bytes.len() >= LAZY_GROUP),
            _ => first || state.patience().is_none(),
        };
        if state.flusher_waits && (due || !state.queue.is_empty()) {
            self.wake.notify_all();
        }
        Ok(placed)
    }

    /// Bytes that one group can hold, at most: what [`Stream::append`] may be given together.
    pub(crate) fn group_max(&self) -> usize {
        self.blocks.block_size as usize - 2 * PAGE - GROUP_END_MIN
    }

    fn check_open(&self, state: &State) -> Result<()> {
        self.blocks.check_sound()?;
        if state.stopping {
            return Err(Error::new(ErrorKind::Unavailable, "storage is closed"));
        }
        if state.queued > QUEUE_MAX {
            let detail = format!(
                "{} bytes wait for the device, at most {QUEUE_MAX} may; write more slowly",
                state.queued
            );
            return Err(Error::new(ErrorKind::DeviceOverload, detail));
        }
        Ok(())
    }

    /// Puts a record into the open group, which has room for it.
    fn push(&self, state: &mut State, record: &mut Encoded<'_>) -> Placed {
        let (Some(group), Some(tail)) = (&mut state.open, &mut state.tail) else {
            unreachable!("make_room opened a group");
        };
        let offset = group.end();
        record.described.offset = offset;
        if self.id == WRITES {
            record.described.lsn = state.next_lsn;
            state.next_lsn += 1;
        }
        flat::seal(record.bytes, group.seed, offset);
        group.bytes.extend_from_slice(record.bytes);
        group.count += 1;
        tail.footer.add(&record.described, record.shape);
        if let Some(block) = self.blocks.table().get(group.block as usize) {
            block.set_summary(&tail.footer.summary);
        }
        if record.described.kind == Kind::Record {
            let units = record.described.units;
            let class = size_class::class_of(units).map_or(units, size_class::units_of);
            self.blocks.hold(group.block, class);
        }
        state.queued += record.bytes.len();
        let lsn = record.described.lsn;
        Placed { block: group.block, offset, lsn, done: group.done.clone() }
    }

    /// Sees to it that a group is open and has room for `size` bytes and its end.
    fn make_room(&self, state: &mut State, size: usize, purpose: Purpose) -> Result<()> {
        let fits = |tail: &Tail, end: u32| {
            let end = (end as usize + size + GROUP_END_MIN).next_multiple_of(PAGE) as u32;
            end + tail.footer.size(end) <= self.blocks.block_size
        };
        match (&state.open, &state.tail) {
            (Some(group), Some(tail)) if fits(tail, group.end()) => return Ok(()),
            (Some(_), _) => self.end_group(state),
            _ => {}
        }
        if !state.tail.as_ref().is_some_and(|tail| fits(tail, tail.end)) {
            self.open_block(state, purpose)?;
        }
        self.open_group(state);
        Ok(())
    }

    fn open_group(&self, state: &mut State) {
        let tail = state.tail.as_ref().expect("a block is open");
        let mut bytes = AlignedBuf::new();
        let mut at = tail.end;
        if std::mem::take(&mut state.header_due) {
            bytes.extend_from_slice(&tail.header.encode());
            at = 0;
        }
        state.open = Some(Group {
            block: tail.header.id,
            at,
            bytes,
            seed: tail.header.seed(),
            count: 0,
            base_lsn: state.next_lsn,
            done: Arc::new(Done::new(self.me.clone())),
        });
    }

    /// Ends the open group: a group-end record up to the next page.
    fn end_group(&self, state: &mut State) {
        let (Some(mut group), Some(tail)) = (state.open.take(), state.tail.as_mut()) else {
            return;
        };
        let end = group.end();
        let size = (end as usize + GROUP_END_MIN).next_multiple_of(PAGE) - end as usize;
        let mut mark = Vec::with_capacity(size);
        let (start, base_lsn) = (group.start(), group.base_lsn);
        // Copies carry LSNs of their own.
        let count = if self.id == WRITES { group.count } else { 0 };
        GroupEnd { group: state.next_group, start, count, base_lsn }.encode(size, &mut mark);
        flat::seal(&mut mark, group.seed, end);
        group.bytes.extend_from_slice(&mark);
        state.next_group += 1;
        state.unproved = group.count > 0;
        state.hurry = false;
        tail.end = group.end();
        state.queue.push_back(Work::Group(Arc::new(group)));
    }

    /// Puts the footer of the block that is full behind its last group.
    fn seal_block(&self, state: &mut State) {
        let Some(tail) = state.tail.take() else { return };
        let (header, size) = (tail.header, self.blocks.block_size);
        state.previous = (header.id, tail.end);
        if state.header_due {
            // Nothing was ever written to it: it stays claimed until the next restart.
            state.header_due = false;
            return;
        }
        let footer = tail.footer.finish(header.seed(), tail.end, size);
        let mut bytes = AlignedBuf::new();
        bytes.extend_from_slice(&footer);
        let at = size - bytes.len() as u32;
        state.queue.push_back(Work::Footer { block: header.id, at, bytes: Arc::new(bytes) });
    }

    /// Makes a free block the one that is written.
    fn open_block(&self, state: &mut State, purpose: Purpose) -> Result<()> {
        let taken = self.blocks.take(purpose)?;
        self.seal_block(state);
        let base_lsn = match self.id {
            WRITES => state.next_lsn,
            _ => self.blocks.next_lsn.load(Ordering::Acquire),
        };
        let (previous, previous_end) = state.previous;
        let header = BlockHeader {
            first_group: state.next_group,
            previous,
            previous_end,
            ..self.blocks.header(taken, self.id, base_lsn)
        };
        self.blocks.enter(header.id, Block::of(&header, Use::Open));
        state.tail = Some(Tail { header, end: PAGE as u32, footer: Builder::default() });
        state.header_due = true;
        Ok(())
    }

    /// A copy of a record that is not on the device yet, and the ticket of its group.
    pub(crate) fn buffered(&self, block: u64, offset: u32) -> Option<(Vec<u8>, Ticket)> {
        let state = self.lock();
        let group = state.group(block, offset)?;
        let ticket = ticket(&state, &group.done);
        Some((group.record(offset)?.to_vec(), ticket))
    }

    /// The ticket of the group of a record that is not on the device yet.
    pub(crate) fn pending(&self, block: u64, offset: u32) -> Option<Ticket> {
        let state = self.lock();
        Some(ticket(&state, &state.group(block, offset)?.done))
    }

    /// What a caller must wait for before it answers.
    pub(crate) fn ticket(&self, done: &Arc<Done>) -> Ticket {
        ticket(&self.lock(), done)
    }

    /// The flusher's life.
    pub(crate) fn run(&self) {
        while let Some(work) = self.next_work() {
            self.work_off(&work);
            self.blocks.grow_ahead();
        }
    }

    /// Does the flusher's work on this thread, up to what is appended by now; unless somebody is at
    /// it, or more is to be done than writing, when the flusher is woken.
    pub(crate) fn write_here(&self) {
        if self.blocks.wants_growth() {
            return self.wake_flusher();
        }
        let mut state = self.lock();
        if state.writing || state.open.is_none() || self.blocks.failure().is_some() {
            return;
        }
        self.end_group(&mut state);
        for _ in 0..state.queue.len() {
            let Some(work) = state.queue.front().cloned() else { return };
            if state.writing {
                return;
            }
            state.writing = true;
            drop(state);
            self.work_off(&work);
            state = self.lock();
        }
    }

    /// Tells the flusher that somebody waits for the open group.
    pub(crate) fn wake_flusher(&self) {
        if self.lock().flusher_waits {
            self.wake.notify_all();
        }
    }

    /// Writes a piece of work, the oldest, which nobody else writes.
    fn work_off(&self, work: &Work) {
        let outcome = self.write(work);
        self.written(&mut self.lock(), work, &outcome);
        // Outside the mutex: waking a thousand writers takes its time.
        if let Work::Group(group) = work {
            group.done.complete(outcome);
        }
    }

    /// What to write next, waiting for it; `None` when there will be nothing any more.
    fn next_work(&self) -> Option<Work> {
        let mut state = self.lock();
        loop {
            if self.blocks.failure().is_some() {
                self.give_up(&mut state);
                return None;
            }
            if state.writing {
                state = self.wait(state, None);
                continue;
            }
            if let Some(work) = state.queue.front().cloned() {
                state.writing = true;
                return Some(work);
            }
            match state.patience() {
                None if state.open.is_some() => self.end_group(&mut state),
                None if state.stopping => return None,
                patience => state = self.wait(state, patience),
            }
        }
    }

    /// Waits for work, or until the open group was patient enough; after a second without any, an
    /// unproved group makes some.
    fn wait<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        patience: Option<Duration>,
    ) -> MutexGuard<'a, State> {
        state.flusher_waits = true;
        let waited = self.wake.wait_timeout(state, patience.unwrap_or(IDLE));
        let (mut state, timeout) = waited.expect("nobody panics while writing the log");
        state.flusher_waits = false;
        if timeout.timed_out() && !state.writing {
            match &state.open {
                Some(_) => state.hurry = true,
                None if state.unproved && state.queue.is_empty() => self.prove(&mut state),
                None => {}
            }
        }
        state
    }

    /// Ends an empty group. On a full device the last group stays unproved.
    fn prove(&self, state: &mut State) {
        state.unproved = false;
        let fits = state.tail.as_ref().is_some_and(|tail| {
            let end = tail.end + PAGE as u32;
            end + tail.footer.size(end) <= self.blocks.block_size
        });
        match (fits, state.open.is_none()) {
            (true, true) => self.open_group(state),
            // The footer proves it as well.
            (false, true) => return self.seal_block(state),
            _ => {}
        }
        self.end_group(state);
    }

    fn write(&self, work: &Work) -> Result<()> {
        let (block, at, bytes) = match work {
            Work::Group(group) => (group.block, group.at, &group.bytes),
            Work::Footer { block, at, bytes } => (*block, *at, &**bytes),
        };
        let (device, offset) = self.blocks.place(block);
        device.write_at(offset + u64::from(at), bytes)?;
        self.bytes_written.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        match work {
            Work::Group(group) => {
                self.blocks.recent.put(block, group.seed, at, bytes);
                match self.blocks.sabotaged(Sabotage::SkipSync) {
                    true => Ok(()),
                    false => device.sync(),
                }
            }
            // A later sync covers it; without it the records are read.
            Work::Footer { .. } => Ok(()),
        }
    }

    /// Takes note of how the oldest piece of work fared. After a failure groups stay readable.
    fn written(&self, state: &mut State, work: &Work, outcome: &Result<()>) {
        state.writing = false;
        if let Err(error) = outcome {
            self.blocks.fail(error);
            self.give_up(state);
            return self.wake.notify_all();
        }
        state.queue.pop_front();
        let more = !state.queue.is_empty() || state.open.is_some() || state.stopping;
        if state.flusher_waits && more {
            self.wake.notify_all();
        }
        match work {
            Work::Group(group) => {
                self.blocks.reached(group.block, group.end());
                state.queued = state.queued.saturating_sub(group.bytes.len());
                self.groups_written.fetch_add(1, Ordering::Relaxed);
            }
            Work::Footer { block, .. } => {
                self.blocks.table()[*block as usize].seal();
            }
        }
    }

    /// Tells everybody who waits that nothing is written any more.
    fn give_up(&self, state: &mut State) {
        let Some(error) = self.blocks.failure() else { return };
        let queued = state.queue.iter().filter_map(|work| match work {
            Work::Group(group) => Some(&group.done),
            Work::Footer { .. } => None,
        });
        for done in queued.chain(state.open.as_ref().map(|group| &group.done)) {
            done.complete(Err(error.clone()));
        }
    }

    /// Returns once everything appended before is durable.
    pub(crate) fn flush(&self) -> Result<()> {
        let mut state = self.lock();
        if let Some(error) = self.blocks.failure() {
            return Err(error.clone());
        }
        self.end_group(&mut state);
        let last = state.queue.iter().rev().find_map(|work| match work {
            Work::Group(group) => Some(group.done.clone()),
            Work::Footer { .. } => None,
        });
        self.wake.notify_all();
        drop(state);
        last.map_or(Ok(()), |done| Ticket::of(&done).wait_blocking())
    }

    /// Refuses further appends and lets the flusher finish what is pending: the open block gets its
    /// footer, which proves it. False if it was stopped before.
    pub(crate) fn stop(&self) -> bool {
        let mut state = self.lock();
        let stopped = std::mem::replace(&mut state.stopping, true);
        if !stopped {
            self.end_group(&mut state);
            self.seal_block(&mut state);
        }
        drop(state);
        self.wake.notify_all();
        !stopped
    }

    /// Bytes that wait for the device.
    pub(crate) fn queued_bytes(&self) -> u64 {
        self.lock().queued as u64
    }
}

fn ticket(state: &State, done: &Arc<Done>) -> Ticket {
    match state.durability {
        Durability::Commit => Ticket::of(done),
        Durability::Interval(_) | Durability::Memory => Ticket::done(),
    }
}

const _: () = assert!(UNIT * 4 == GROUP_END_MIN);
