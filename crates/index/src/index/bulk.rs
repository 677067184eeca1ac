//! Whole shards at a time: dumped into a checkpoint, loaded from one, built from sorted entries,
//! and changed after a restart.
//!
//! A checkpoint is the dumps of all shards, 0 to [`Index::shard_count`], and what its writer adds
//! to tell them apart and to find damage. A dump is packed entries of [`crate::ENTRY_SIZE`] bytes
//! in the order of the digests. It says nothing of the bits that name its shard, so it belongs
//! into the shard of that number of an index with the same [`crate::Options`] and no other.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use model::{Digest, Error, ErrorKind, PartitionId, Result};

use super::Index;
use crate::entry::{Entry, Words};
use crate::shard;

/// Whether an entry stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// It stays.
    Yes,
    /// It is taken out.
    No,
}

impl Index {
    /// Number of shards: partitions times shards per partition. The shards of partition `p` are
    /// numbered from `p * shards_per_partition` on.
    pub fn shard_count(&self) -> u32 {
        self.shards.len() as u32
    }

    /// Shards per partition, as in the index's [`crate::Options`].
    pub fn shards_per_partition(&self) -> u16 {
        1 << self.shard_bits
    }

    /// Appends a shard's entries, packed, to `out`, and returns how many they are: the shard as it
    /// is at one moment. Panics when there is no such shard.
    pub fn dump_shard(&self, shard: u32, out: &mut Vec<u8>) -> u32 {
        let guard = self.shards[shard as usize].0.lock();
        guard.dump(&self.arena, out);
        guard.len() as u32
    }

    /// Fills an empty shard with what [`Index::dump_shard`] wrote, then gives `visit` each entry,
    /// in order and without a lock. Threads may load different shards at once.
    ///
    /// Fails with [`ErrorKind::Corrupt`] when no dump has these bytes (a length that is no multiple
    /// of 20, tags out of order, an entry with generation 0 or the spare bit, over three million
    /// entries), with [`ErrorKind::NoSpace`] when there is no memory, and with
    /// [`ErrorKind::Internal`] when the shard has entries. Then it is as before, and `visit` had
    /// none. Panics when there is no such shard.
    pub fn load_shard(
        &self,
        shard: u32,
        bytes: &[u8],
        visit: &mut dyn FnMut(&Entry),
    ) -> Result<()> {
        let entries = shard::parse(bytes)?;
        self.build_shard(shard as usize, entries.clone())?;
        entries.for_each(|words| visit(&Entry::unpack(words)));
        Ok(())
    }

    /// Fills an empty partition with entries that are sorted by [`Index::order`]; of equals, the
    /// oldest first. Several times as fast as inserts, and threads may fill different partitions
    /// at once.
    ///
    /// Nothing else may change the partition meanwhile. Fails with [`ErrorKind::Internal`] when the
    /// partition has entries, or a digest is of another partition or out of order, and with
    /// [`ErrorKind::NoSpace`] like [`Index::insert`]. Then the partition is as before. Panics when
    /// a field of an entry is out of its range.
    pub fn fill_partition(&self, partition: PartitionId, sorted: &[(Digest, Entry)]) -> Result<()> {
        if !sorted.is_sorted_by_key(|(digest, _)| Index::order(digest)) {
            return Err(not_filled(partition, "they are not in the index's order"));
        }
        let ends = [sorted.first(), sorted.last()];
        if ends.into_iter().flatten().any(|(digest, _)| digest.partition() != partition) {
            return Err(not_filled(partition, "some are of another partition"));
        }
        let first = usize::from(partition.get()) << self.shard_bits;
        let mut rest = sorted;
        for shard in first..first + (1 << self.shard_bits) {
            let count = rest.partition_point(|(digest, _)| self.locate(digest).shard == shard);
            let (entries, behind) = rest.split_at(count);
            rest = behind;
            let packed: Vec<Words> =
                entries.iter().map(|(digest, e)| e.pack(self.locate(digest).tag)).collect();
            if let Err(error) = self.build_shard(shard, packed.into_iter()) {
                (first..shard).for_each(|built| self.clear_shard(built));
                return Err(error);
            }
        }
        Ok(())
    }

    /// Gives `change` each entry of a shard, in order: it may change every field, and says whether
    /// the entry stays. Returns how many did not. One step under the shard's lock, so `change` must
    /// not call the index; nothing has changed if it panics. Panics when there is no such shard or
    /// a field is out of its range.
    pub fn update_shard(&self, shard: u32, change: &mut dyn FnMut(&mut Entry) -> Keep) -> u32 {
        let mut guard = self.shards[shard as usize].0.lock();
        let dropped = guard.update(&self.arena, change);
        self.count_of(shard as usize).fetch_sub(dropped as u64, Relaxed);
        dropped as u32
    }

    /// Gives `f` each entry of a shard, in order. One step under the shard's lock, so `f` must not
    /// call the index. Panics when there is no such shard.
    pub fn for_each(&self, shard: u32, f: &mut dyn FnMut(&Entry)) {
        self.shards[shard as usize].0.lock().for_each(&self.arena, f);
    }

    fn build_shard(
        &self,
        shard: usize,
        entries: impl ExactSizeIterator<Item = Words>,
    ) -> Result<()> {
        let mut guard = self.shards[shard].0.lock();
        guard.build(&self.arena, entries)?;
        self.count_of(shard).fetch_add(guard.len() as u64, Relaxed);
        Ok(())
    }

    fn clear_shard(&self, shard: usize) {
        let count = self.shards[shard].0.lock().clear(&self.arena);
        self.count_of(shard).fetch_sub(count as u64, Relaxed);
    }

    fn count_of(&self, shard: usize) -> &AtomicU64 {
        &self.counts[shard >> self.shard_bits]
    }
}

fn not_filled(partition: PartitionId, why: &str) -> Error {
    let detail = format!(
        "partition {partition} of the index was to be filled with sorted entries, but {why}; \
         take the entries of that one partition and sort them by Index::order"
    );
    Error::new(ErrorKind::Internal, detail)
}
