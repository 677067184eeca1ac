//! The index of a namespace: digests to shards, a lock around each shard, counts.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use model::{Digest, Error, ErrorKind, PARTITIONS, PartitionId, Result};
use parking_lot::Mutex;

use crate::arena::{self, Arena};
use crate::entry::Entry;
use crate::shard::Shard;

pub use bulk::Keep;

/// Most shards per partition.
const SHARDS_MAX: u16 = 64;
/// Look-ups of a batch in flight at a time: enough to hide memory's latency, and their lines stay
/// in the first-level cache until they are used.
const BATCH: usize = 32;

/// Bits of a partition number.
const PARTITION_BITS: u32 = PARTITIONS.ilog2();
/// Bits of [`Index::order`] behind the partition's.
const ORDER_BITS: u32 = 128 - PARTITION_BITS;

/// How an [`Index`] is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Shards per partition, a power of two from 1 to 64. A shard takes 64 B when empty and at
    /// least one page of 1 KiB when not, so it should hold a few hundred records: 8 for ten
    /// million records on a node, 64 for a hundred million and more. Too few cost speed when
    /// growing, too many cost memory; it works either way.
    pub shards_per_partition: u16,
}

impl Default for Options {
    fn default() -> Options {
        Options { shards_per_partition: 8 }
    }
}

/// The entries of one namespace. Every method may be called from any thread.
pub struct Index {
    shard_bits: u32,
    shards: Box<[Locked]>,
    counts: Box<[AtomicU64]>,
    arena: Arena,
}

/// A shard and its lock, in a cache line of their own.
#[repr(align(64))]
struct Locked(Mutex<Shard>);

const _: () = assert!(size_of::<Locked>() == 64);

impl Index {
    /// An empty index.
    pub fn new(options: Options) -> Result<Index> {
        let shards = options.shards_per_partition;
        if !shards.is_power_of_two() || shards > SHARDS_MAX {
            let detail = format!(
                "{shards} shards per partition were asked for; give a power of two from 1 to 64"
            );
            return Err(Error::new(ErrorKind::Parameter, detail));
        }
        let all = usize::from(PARTITIONS) * usize::from(shards);
        Ok(Index {
            shard_bits: shards.ilog2(),
            shards: (0..all).map(|_| Locked(Mutex::new(Shard::new()))).collect(),
            counts: (0..PARTITIONS).map(|_| AtomicU64::new(0)).collect(),
            arena: Arena::new(),
        })
    }

    /// The entries that match the digest: usually none or one, oldest first.
    pub fn get(&self, digest: &Digest) -> Matches {
        let mut matches = Matches::default();
        self.visit(self.locate(digest), |entry| matches.push(entry));
        matches
    }

    /// Looks up many digests at once, two to three times as fast as one by one. For each match, in
    /// the order of `digests`, `out` gets the digest's place in `digests` and the entry.
    pub fn get_batch(&self, digests: &[Digest], out: &mut Vec<(usize, Entry)>) {
        for (group, digests) in digests.chunks(BATCH).enumerate() {
            let mut homes = [Home::default(); BATCH];
            let homes = &mut homes[..digests.len()];
            for (home, digest) in homes.iter_mut().zip(digests) {
                *home = self.locate(digest);
                arena::prefetch(&self.shards[home.shard]);
            }
            for home in &*homes {
                let shard = self.shards[home.shard].0.lock();
                shard.prefetch(&self.arena, home.tag);
            }
            for (n, &home) in homes.iter().enumerate() {
                self.visit(home, |entry| out.push((group * BATCH + n, entry)));
            }
        }
    }

    /// Adds an entry. The caller knows that the record has none yet.
    ///
    /// Fails with [`ErrorKind::NoSpace`], and has no effect, when there is no memory for it or the
    /// shard has over three million entries. Panics when a field of the entry is out of its range.
    pub fn insert(&self, digest: &Digest, entry: Entry) -> Result<()> {
        let Home { shard, tag } = self.locate(digest);
        let mut guard = self.shards[shard].0.lock();
        guard.insert(&self.arena, tag, entry)?;
        self.count(digest.partition()).fetch_add(1, Relaxed);
        Ok(())
    }

    /// Puts `new` in the place of the record's entry that points at `old_location`, in one step.
    /// False, and no effect, when there is no such entry any more. Panics like [`Index::insert`].
    #[must_use = "false says that somebody else moved the record"]
    pub fn replace(&self, digest: &Digest, old_location: u64, new: Entry) -> bool {
        let Home { shard, tag } = self.locate(digest);
        self.shards[shard].0.lock().replace(&self.arena, tag, old_location, new)
    }

    /// Takes out and returns the record's entry that points at `location`, if there is one.
    pub fn remove(&self, digest: &Digest, location: u64) -> Option<Entry> {
        let Home { shard, tag } = self.locate(digest);
        let mut guard = self.shards[shard].0.lock();
        let entry = guard.remove(&self.arena, tag, location)?;
        self.count(digest.partition()).fetch_sub(1, Relaxed);
        Some(entry)
    }

    /// Appends the next `max` entries of a partition to `out`, in digest order; `None` starts, the
    /// last position of the last answer goes on. Returns false when the partition's end was
    /// reached.
    ///
    /// An entry that is there from the first call to the last is given exactly once, whatever is
    /// inserted, removed, replaced, grown or shrunk between the calls. For that, entries that are
    /// equal in all compared bits are never parted, and `out` may get more than `max` by these.
    /// (Going on from within such a group is exact unless one of the group was removed since.)
    ///
    /// Panics when `after` is of another partition.
    pub fn scan(
        &self,
        partition: PartitionId,
        after: Option<ScanPosition>,
        max: usize,
        out: &mut Vec<(ScanPosition, Entry)>,
    ) -> bool {
        self.scan_each(partition, after, max, |position, entry| out.push((position, entry)))
    }

    /// [`Index::scan`], which gives `each` the entries one by one. It is called under a shard's lock
    /// and must not call the index.
    #[inline]
    pub fn scan_each(
        &self,
        partition: PartitionId,
        after: Option<ScanPosition>,
        max: usize,
        mut each: impl FnMut(ScanPosition, Entry),
    ) -> bool {
        assert!(after.is_none_or(|a| a.partition == partition), "{after:?} in {partition}");
        let first = after.map_or(0, |a| a.shard);
        let mut left = max;
        for (shard, locked) in (0..).zip(self.shards_of(partition)).skip(usize::from(first)) {
            if left == 0 {
                return true;
            }
            let after = after.filter(|a| a.shard == shard).map(|a| (a.tag, a.rank));
            let emitted = locked.0.lock().scan(&self.arena, after, left, |tag, rank, entry| {
                each(ScanPosition { partition, shard, tag, rank }, entry);
            });
            left = left.saturating_sub(emitted);
        }
        left == 0
    }

    /// Where a scan goes on that has seen the record of this digest, and what comes before it in the
    /// order of digests. Entries that are equal to it in all compared bits count as seen.
    pub fn position_after(&self, digest: &Digest) -> ScanPosition {
        let Home { shard, tag } = self.locate(digest);
        let shard = shard & ((1 << self.shard_bits) - 1);
        let partition = digest.partition();
        ScanPosition { partition, shard: shard as u16, tag, rank: u32::MAX }
    }

    /// Takes out all entries of a partition and returns how many. Not one step: entries inserted
    /// meanwhile may stay.
    pub fn drop_partition(&self, partition: PartitionId) -> u64 {
        let mut dropped = 0;
        for locked in self.shards_of(partition) {
            let mut shard = locked.0.lock();
            let count = shard.clear(&self.arena) as u64;
            self.count(partition).fetch_sub(count, Relaxed);
            dropped += count;
        }
        dropped
    }

    /// Takes out the entries of a partition that `keep` says no to, and returns them with their tags
    /// ([`Index::tag_of`]). Each shard is one step; `keep` must not call the index.
    pub fn retain(
        &self,
        partition: PartitionId,
        mut keep: impl FnMut(&Entry) -> bool,
    ) -> Vec<(u64, Entry)> {
        let mut removed = Vec::new();
        let mut dead = Vec::new();
        for (number, locked) in (0..).zip(self.shards_of(partition)) {
            let mut shard = locked.0.lock();
            dead.clear();
            shard.scan(&self.arena, None, usize::MAX, |tag, _, entry| {
                if !keep(&entry) {
                    dead.push((tag, entry.location));
                }
            });
            let before = removed.len();
            let tag_of = |tag| self.tag_at(ScanPosition { partition, shard: number, tag, rank: 0 });
            let taken = dead
                .iter()
                .filter_map(|&(tag, at)| Some((tag_of(tag), shard.remove(&self.arena, tag, at)?)));
            removed.extend(taken);
            self.count(partition).fetch_sub((removed.len() - before) as u64, Relaxed);
        }
        removed
    }

    /// The place of a digest in the order of the index: the partition first, then the digest's
    /// bytes from the third on, as far as they fit (116 bits; the index compares 70 at most).
    pub fn order(digest: &Digest) -> u128 {
        let (bytes, _) = digest.0[2..].split_first_chunk().expect("a digest has 20 bytes");
        let partition = u128::from(digest.partition().get());
        partition << ORDER_BITS | u128::from_be_bytes(*bytes) >> PARTITION_BITS
    }

    /// The first 64 bits of [`Index::order`]: the partition, and 52 bits that hardly any two digests
    /// of it share.
    pub fn tag_of(digest: &Digest) -> u64 {
        (Index::order(digest) >> 64) as u64
    }

    /// The tag of the records at a place of a scan.
    pub fn tag_at(&self, at: ScanPosition) -> u64 {
        let behind = 64 - PARTITION_BITS - self.shard_bits;
        let shard = u64::from(at.partition.get()) << self.shard_bits | u64::from(at.shard);
        shard << behind | at.tag >> (64 - behind)
    }

    /// Where a scan goes on that has seen the records of this tag.
    pub fn position_past(&self, tag: u64) -> ScanPosition {
        let (shard, _, last) = self.locate_tag(tag);
        let partition = PartitionId::new((shard >> self.shard_bits) as u16);
        let partition = partition.expect("a tag begins with a partition");
        let shard = shard & ((1 << self.shard_bits) - 1);
        ScanPosition { partition, shard: shard as u16, tag: last, rank: u32::MAX }
    }

    /// The entries of this tag: usually none or one.
    pub fn get_tag(&self, tag: u64) -> Matches {
        let (shard, first, last) = self.locate_tag(tag);
        let mut matches = Matches::default();
        let shard = self.shards[shard].0.lock();
        shard.range(&self.arena, first, last, |entry| matches.push(entry));
        matches
    }

    /// [`Index::get_tag`] of many tags at once, as [`Index::get_batch`] is of many digests: the entries
    /// in the order of the tags.
    pub fn get_tags(&self, tags: &[u64], out: &mut Vec<Entry>) {
        for tags in tags.chunks(BATCH) {
            for tag in tags {
                arena::prefetch(&self.shards[self.locate_tag(*tag).0]);
            }
            for tag in tags {
                let (shard, first, _) = self.locate_tag(*tag);
                self.shards[shard].0.lock().prefetch(&self.arena, first);
            }
            for tag in tags {
                let (shard, first, last) = self.locate_tag(*tag);
                let shard = self.shards[shard].0.lock();
                shard.range(&self.arena, first, last, |entry| out.push(entry));
            }
        }
    }

    /// Number of entries, tombstones included.
    pub fn len(&self) -> u64 {
        self.counts.iter().map(|c| c.load(Relaxed)).sum()
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of entries of a partition, tombstones included.
    pub fn partition_len(&self, partition: PartitionId) -> u64 {
        self.count(partition).load(Relaxed)
    }

    /// Bytes of memory held: pages in use or free for later use, overflow pages, headers, counts.
    pub fn memory_bytes(&self) -> u64 {
        let fixed = size_of_val(&*self.shards) + size_of_val(&*self.counts);
        (self.arena.memory_bytes() + fixed) as u64
    }

    /// Walks over everything, one shard at a time, and fails with [`ErrorKind::Internal`] at the
    /// first shard that breaks a promise of the index. For tests and for operators in doubt.
    pub fn check(&self) -> Result<()> {
        self.shards.iter().try_for_each(|s| s.0.lock().check(&self.arena))
    }

    fn visit(&self, home: Home, found: impl FnMut(Entry)) {
        self.shards[home.shard].0.lock().get(&self.arena, home.tag, found);
    }

    fn count(&self, partition: PartitionId) -> &AtomicU64 {
        &self.counts[usize::from(partition.get())]
    }

    fn shards_of(&self, partition: PartitionId) -> &[Locked] {
        let first = usize::from(partition.get()) << self.shard_bits;
        &self.shards[first..first + (1 << self.shard_bits)]
    }

    /// The shard of a tag in the whole index, and what its entries are between there.
    fn locate_tag(&self, tag: u64) -> (usize, u64, u64) {
        let known = PARTITION_BITS + self.shard_bits;
        let first = tag << known;
        ((tag >> (64 - known)) as usize, first, first | ((1 << known) - 1))
    }

    /// Where a digest belongs: its order's bits name partition, shard and tag, one behind the other.
    fn locate(&self, digest: &Digest) -> Home {
        let order = Index::order(digest);
        Home {
            shard: (order >> (ORDER_BITS - self.shard_bits)) as usize,
            tag: (order << (PARTITION_BITS + self.shard_bits) >> 64) as u64,
        }
    }
}

/// Shard number in the whole index, and tag.
#[derive(Clone, Copy, Default)]
struct Home {
    shard: usize,
    tag: u64,
}

/// Where a scan stands: the place of one entry in the order of digests. Means something to the
/// index that gave it, and to a later one of the same records and [`Options`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ScanPosition {
    partition: PartitionId,
    shard: u16,
    tag: u64,
    /// Place among the entries of the same tag.
    rank: u32,
}

impl ScanPosition {
    /// The partition that is scanned.
    pub fn partition(&self) -> PartitionId {
        self.partition
    }

    /// The place behind all entries that are equal to the one here in all compared bits. To go on from
    /// here is exact whatever becomes of these, if all that there were have been seen: one of them
    /// that is taken out and put in again stands behind the others.
    pub fn past(self) -> ScanPosition {
        ScanPosition { rank: u32::MAX, ..self }
    }

    /// The place inside the partition as three numbers, for a cursor that leaves the process.
    pub fn to_words(&self) -> [u64; 3] {
        [self.shard.into(), self.tag, self.rank.into()]
    }

    /// The place that [`ScanPosition::to_words`] wrote. Other numbers are some other place.
    pub fn from_words(partition: PartitionId, [shard, tag, rank]: [u64; 3]) -> ScanPosition {
        ScanPosition { partition, shard: shard as u16, tag, rank: rank as u32 }
    }
}

/// The entries that match a digest, oldest first. No allocation unless there are two or more.
#[derive(Clone, Debug, Default)]
pub struct Matches {
    first: Option<Entry>,
    rest: std::collections::VecDeque<Entry>,
}

impl Matches {
    fn push(&mut self, entry: Entry) {
        match self.first {
            None => self.first = Some(entry),
            Some(_) => self.rest.push_back(entry),
        }
    }
}

impl Iterator for Matches {
    type Item = Entry;

    fn next(&mut self) -> Option<Entry> {
        let next = self.first.take()?;
        self.first = self.rest.pop_front();
        Some(next)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = usize::from(self.first.is_some()) + self.rest.len();
        (left, Some(left))
    }
}

impl ExactSizeIterator for Matches {}

mod bulk;
#[cfg(test)]
mod tests;
