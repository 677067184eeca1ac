//! What happens by itself as time goes by: records expire and are evicted, writes stop and go on,
//! checkpoints are written. Aerospike's namespace supervisor.
//!
//! The index knows the hour in which a record dies. Of hours that are past all records go; of the
//! present hour those that, when read, have expired. Eviction goes by the same hours: the records
//! that would die first are told to go by one marker in the log, whole hours and, where an hour has
//! more than may go, a share of the partitions. Neither writes a tombstone for each record:
//! defragmentation leaves one where an older version may still lie somewhere.

use std::ops::Range;
use std::sync::atomic::Ordering::Relaxed;

use index::Entry;
use model::{ErrorKind, PARTITIONS, PartitionId, Result};
use storage::Said;
use store::{Bins, ScanCursor};

use crate::indexes::IndexBug;
use crate::metrics::Timer;
use crate::{Namespace, expiry_hours, second_of};

/// Bytes that a restart has to read of the log after which a checkpoint is due before its time, in
/// bytes of a checkpoint, and at least.
const CHECKPOINT_EVERY: u64 = 8;
const CHECKPOINT_MIN: u64 = 256 << 20;
/// Bytes of a record from which on blocks have footers, about, and a restart reads a part of the
/// log only: at most so much of it.
const FOOTERS_FROM: u64 = 320;
const FOOTERS_SHARE: u64 = 16;
/// A checkpoint is due at the latest when so many times all that the devices hold has been written:
/// tombstones wait for it.
const CHECKPOINT_TURNS: u64 = 2;

/// When what is done from time to time was done last, ms since 1970.
#[derive(Debug, Default)]
pub(crate) struct Due {
    swept_ms: u64,
    checkpoint_ms: u64,
    /// Bytes that were written in all when the last checkpoint began.
    checkpoint_at: u64,
    checkpoint_lsn: u64,
    /// Entries of the index when it began.
    checkpoint_len: u64,
}

/// What a sweep did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Records that had expired and are gone from memory.
    pub expired: u64,
    /// Records that were evicted.
    pub evicted: u64,
}

impl Namespace {
    /// Does what is due at this time. Called every second or so, by one thread.
    pub fn tick(&self, now_ms: u64) {
        self.drop_durable_tombstones();
        self.judge_writes();
        let settings = self.settings();
        let mut due = crate::lock(&self.due);
        if due.swept_ms == 0 {
            (due.swept_ms, due.checkpoint_ms) = (now_ms, now_ms);
        }
        let since = |last: u64| now_ms.saturating_sub(last) / 1000;
        let sweep =
            settings.nsup_period_s != 0 && since(due.swept_ms) >= settings.nsup_period_s.into();
        let stats = self.storage.stats();
        let written = stats.written_bytes + stats.copied_bytes;
        let index_bytes = self.index.len() * 20;
        let log = written - due.checkpoint_at;
        let footers = stats.live_bytes >= FOOTERS_FROM * self.index.len();
        let replay = if footers { log / FOOTERS_SHARE } else { log };
        let late = settings.checkpoint_period_s != 0
            && since(due.checkpoint_ms) >= settings.checkpoint_period_s.into();
        // The first of a life, and those of an index that grows, come early: a checkpoint takes the
        // place of the one before it, and on a device that is busy finds hardly more.
        let len = self.index.len();
        let early = due.checkpoint_lsn == 0 || len > due.checkpoint_len + due.checkpoint_len / 50;
        let much = if early { log } else { replay }
            > (CHECKPOINT_EVERY * index_bytes).max(CHECKPOINT_MIN)
            || log > (CHECKPOINT_TURNS * stats.capacity_bytes).max(CHECKPOINT_MIN);
        let news = self.storage.next_lsn() != due.checkpoint_lsn;
        // A late checkpoint waits until the log is worth it, so that it never costs most of the
        // writing.
        let worth = log * CHECKPOINT_EVERY >= index_bytes;
        let checkpoint = self.keeps_checkpoints() && news && (much || (late && worth));
        if sweep {
            due.swept_ms = now_ms;
        }
        let before = (due.checkpoint_ms, due.checkpoint_at, due.checkpoint_lsn, due.checkpoint_len);
        if checkpoint {
            due.checkpoint_len = len;
            due.checkpoint_ms = now_ms;
            due.checkpoint_at = written;
            due.checkpoint_lsn = self.storage.next_lsn();
        }
        drop(due);
        let name = &self.options.name;
        if sweep && let Err(error) = self.sweep(now_ms) {
            tracing::warn!(namespace = name, %error, "the sweep for expired records failed");
        }
        if checkpoint && let Err(error) = self.checkpoint() {
            tracing::warn!(namespace = name, %error, "no checkpoint was written");
            let mut due = crate::lock(&self.due);
            // It is due again as soon as there is room for it.
            (due.checkpoint_ms, due.checkpoint_at, due.checkpoint_lsn, due.checkpoint_len) = before;
        }
    }

    /// Removes records that have expired, then evicts if more room is used than is wished for.
    pub fn sweep(&self, now_ms: u64) -> Result<Swept> {
        let _timer = Timer::of(&self.metrics.nsup);
        let mut swept = Swept::default();
        if self.mortal.load(Relaxed) > 0 {
            // Entries of neighbours in a tree go together.
            for first in (0..PARTITIONS).step_by(self.partitions_together().into()) {
                swept.expired += self.expire(first..first + self.partitions_together(), now_ms)?;
            }
        }
        swept.evicted = self.evict()?;
        self.metrics.expired.fetch_add(swept.expired, Relaxed);
        self.metrics.evicted.fetch_add(swept.evicted, Relaxed);
        if swept != Swept::default() {
            let Swept { expired, evicted } = swept;
            tracing::info!(namespace = self.options.name, expired, evicted, "swept");
        }
        Ok(swept)
    }

    fn expire(&self, partitions: Range<u16>, now_ms: u64) -> Result<u64> {
        let this_hour = expiry_hours(u32::try_from(now_ms / 1000).unwrap_or(u32::MAX));
        let mut dead = Vec::new();
        let mut cursor = ScanCursor::new(partitions.start, partitions.end);
        self.walk(&mut cursor, |partition, entry| {
            let gone = match entry.expiry_hours {
                _ if entry.tombstone => false,
                0 => false,
                hour if hour < this_hour => true,
                hour if hour > this_hour => false,
                _ => self.has_expired(entry, now_ms)?,
            };
            if gone {
                dead.push((partition, entry.location));
            }
            Ok(true)
        })?;
        if dead.is_empty() {
            return Ok(0);
        }
        let _gate = self.gate.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        Ok(self.remove_dead(dead, self.has_bug(IndexBug::ExpiryForgets)))
    }

    fn has_expired(&self, entry: &Entry, now_ms: u64) -> Result<bool> {
        match self.read_entry(entry, None, Bins::None) {
            Ok(read) => Ok(read.is_some_and(|read| read.record.expired(now_ms))),
            Err(error) if error.kind == ErrorKind::Corrupt => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Takes the entries with these locations out of the indexes, where they are still there. The
    /// caller holds the gate, or is alone. `forgets` leaves the secondary indexes as they are.
    pub(crate) fn remove_dead(&self, mut dead: Vec<(PartitionId, u64)>, forgets: bool) -> u64 {
        dead.sort_unstable();
        let mut removed = Vec::new();
        for dead in dead.chunk_by(|a, b| a.0 == b.0) {
            let of = dead[0].0;
            removed.extend(
                self.index.retain(of, |entry| dead.binary_search(&(of, entry.location)).is_err()),
            );
        }
        removed.iter().for_each(|(_, entry)| self.uncount(entry));
        let count = removed.len() as u64;
        if !forgets {
            self.unindex(&mut removed, 0);
        }
        count
    }

    /// Evicts some of the records that would die first, if more room is used than is wished for.
    fn evict(&self) -> Result<u64> {
        let settings = self.settings();
        let stats = self.storage.stats();
        let used_pct = stats.live_bytes * 100 / stats.capacity_bytes.max(1);
        if settings.evict_used_pct == 0 || used_pct < settings.evict_used_pct.into() {
            return Ok(0);
        }
        let spared: Vec<u16> = settings
            .sets
            .iter()
            .filter(|(_, set)| set.disable_eviction)
            .filter_map(|(name, _)| self.storage.set_id(name))
            .collect();
        let mortal = |entry: &Entry| {
            entry.expiry_hours != 0 && !entry.tombstone && !spared.contains(&entry.set_id)
        };
        let mut hours = std::collections::BTreeMap::<u32, u64>::new();
        for shard in 0..self.index.shard_count() {
            self.index.for_each(shard, &mut |entry| {
                if mortal(entry) {
                    *hours.entry(entry.expiry_hours).or_default() += 1;
                }
            });
        }
        let all: u64 = hours.values().sum();
        let wanted = (all * u64::from(settings.evict_tenths_pct)).div_ceil(1000);
        let Some((hour, partitions)) = eviction(&hours, wanted) else { return Ok(0) };
        let goes = |partition: PartitionId, entry: &Entry| {
            let there = partition.get() < partitions;
            mortal(entry) && entry.expiry_hours < if there { hour + 1 } else { hour }
        };
        let said = Said::Evict {
            void_until: second_of(hour),
            void_until_there: second_of(hour + 1),
            partitions,
            spared: spared.clone(),
        };
        let gate = self.gate.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        let (_, ticket) = self.storage.append_marker(said)?;
        // Nothing was written in between: what the marker means is what is removed here.
        let mut removed = Vec::new();
        for partition in (0..PARTITIONS).filter_map(PartitionId::new) {
            removed.extend(self.index.retain(partition, |entry| !goes(partition, entry)));
        }
        removed.iter().for_each(|(_, entry)| self.uncount(entry));
        let evicted = removed.len() as u64;
        self.unindex(&mut removed, 0);
        drop(gate);
        ticket.wait_blocking()?;
        tracing::info!(namespace = self.options.name, evicted, used_pct, "evicted");
        Ok(evicted)
    }

    /// Decides whether writes are taken, and says so when that changes.
    fn judge_writes(&self) {
        let now = self.reason_to_stop();
        let mut stopped = self.stop_writes.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        if *stopped == now {
            return;
        }
        let namespace = &self.options.name;
        match (&*stopped, &now) {
            (_, Some(reason)) => tracing::warn!(namespace, reason, "writes stop"),
            _ => tracing::info!(namespace, "writes go on"),
        }
        *stopped = now;
    }

    /// Why writes are refused, as of the last tick.
    pub(crate) fn stopped(&self) -> Option<String> {
        self.stop_writes.read().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }

    fn reason_to_stop(&self) -> Option<String> {
        if let Some(error) = self.storage.failure() {
            return Some(format!("a device failed: {error}"));
        }
        let (settings, stats) = (self.settings(), self.storage.stats());
        let used = stats.live_bytes * 100 / stats.capacity_bytes.max(1);
        let most = settings.stop_writes_used_pct;
        if most != 0 && used >= most.into() {
            return Some(format!(
                "{used} % of storage is used by records, stop-writes-used-pct is {most}; delete \
                 records, raise it or add a device"
            ));
        }
        let budget = settings.index_memory_budget;
        let index_bytes = self.index.memory_bytes();
        if budget != 0 && index_bytes >= budget {
            return Some(format!(
                "the index takes {index_bytes} bytes of memory, indexes-memory-budget is {budget}; \
                 delete records or raise it"
            ));
        }
        let available = stats.free_blocks * 100 / stats.all_blocks.max(1);
        let least = settings.stop_writes_avail_pct;
        // Few free blocks are normal while defragmentation has dead data to win back.
        let reclaimable = used + 10 < 100 - u64::from(least);
        if least != 0 && available < least.into() && !reclaimable {
            return Some(format!(
                "{available} % of the write blocks are free, stop-writes-avail-pct is {least}; \
                 delete records or add a device"
            ));
        }
        None
    }
}

/// The first hour that stays, and the partitions below which it goes too, so that about `wanted`
/// records are evicted; `None` if nothing is.
fn eviction(hours: &std::collections::BTreeMap<u32, u64>, wanted: u64) -> Option<(u32, u16)> {
    let mut gone = 0;
    for (hour, count) in hours {
        if gone + count > wanted {
            let share = (wanted - gone) * u64::from(PARTITIONS) / count;
            let some = gone > 0 || share > 0;
            return some.then_some((*hour, share as u16));
        }
        gone += count;
    }
    let (last, _) = hours.last_key_value()?;
    Some((last + 1, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_are_evicted_as_wanted() {
        let hours = [(5, 100), (6, 1000), (9, 50)].into_iter().collect();
        assert_eq!(eviction(&hours, 100), Some((6, 0)));
        assert_eq!(eviction(&hours, 50), Some((5, 2048)));
        assert_eq!(eviction(&hours, 600), Some((6, 2048)));
        assert_eq!(eviction(&hours, 0), None);
        assert_eq!(eviction(&hours, 5000), Some((10, 0)));
        assert_eq!(eviction(&Default::default(), 10), None);
    }
}
