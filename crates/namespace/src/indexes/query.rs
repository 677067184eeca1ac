//! The records of a range, partition by partition.

use std::sync::Arc;

use futures::StreamExt;
use index::{Entry, ScanPosition as Place};
use model::{Collection, Name, PARTITIONS, PartitionId, Record, Result, Value};
use sindex::Span;
use storage::{Read, Ticket};
use store::{Bins, IndexCount, IndexRange, ScanCursor, ScanPosition};

use super::values::Asked;
use super::{Fields, IndexBug, Secondary};
use crate::Namespace;
use crate::catalogue::Set;
use crate::metrics::Timer;
use crate::read::{MEMORY_READS_AT_ONCE, OfSet, READS_AT_ONCE};

/// Records that are looked up at once: for each time all entries of the range in a tree are gone over.
pub(super) const STEP: usize = 2048;

/// Bits of a tag behind the partition.
const BEHIND_PARTITION: u32 = 64 - PARTITIONS.ilog2();

/// A question to one index, while it is answered.
pub(super) struct Question<'a> {
    pub(super) index: &'a Secondary,
    pub(super) asked: Asked,
    /// Bins that are to be given.
    pub(super) bins: Bins<'a>,
    /// Bins that are read: those, and what the index is over.
    names: Option<Vec<Name>>,
    pub(super) now_ms: u64,
}

impl<'a> Question<'a> {
    pub(super) fn new(
        index: &'a Secondary,
        range: &IndexRange,
        bins: Bins<'a>,
        now_ms: u64,
    ) -> Result<Question<'a>> {
        let asked = Asked::of(range, index.def.value_type)?;
        let names = index.extract.only_bin().and_then(|own| match bins {
            Bins::All => None,
            Bins::None => Some(vec![own.clone()]),
            Bins::Named(names) if names.contains(own) => Some(names.to_vec()),
            Bins::Named(names) => Some(names.iter().chain([own]).cloned().collect()),
        });
        Ok(Question { index, asked, bins, names, now_ms })
    }

    /// The bins to read.
    pub(super) fn to_read(&self) -> Bins<'_> {
        self.names.as_deref().map_or(Bins::All, Bins::Named)
    }

    /// Whether the record is in the range.
    pub(super) fn holds(&self, record: &Record, set: &str) -> bool {
        let mut holds = false;
        self.index.extract.each(&Fields::of(record, set), |value| {
            holds = holds || self.asked.holds(value);
        });
        holds
    }

    /// The values of the record that are in the range.
    pub(super) fn values(&self, record: &Record, set: &str) -> Vec<Value> {
        let mut values = Vec::new();
        self.index.extract.each(&Fields::of(record, set), |value| {
            if self.asked.holds(value) {
                values.push(value.clone());
            }
        });
        values
    }

    /// The record with those bins that are wanted.
    pub(super) fn only(&self, mut record: Record) -> Record {
        match self.bins {
            Bins::All => {}
            Bins::None => record.bins.clear(),
            Bins::Named(names) => record.bins.retain(|(name, _)| names.contains(name)),
        }
        record
    }
}

impl Namespace {
    /// How many entries of an index are in a range. Counting ends at about `at_most`.
    pub fn index_count(&self, name: &str, range: &IndexRange, at_most: u64) -> Result<IndexCount> {
        let index = self.index_named(name)?;
        let asked = Asked::of(range, index.def.value_type)?;
        let (spans, whole) = index.spans(&asked);
        let entries = index.entries.count(&spans, at_most);
        let mortal = self.mortal.load(std::sync::atomic::Ordering::Relaxed);
        let once = index.def.collection == Collection::Scalar;
        let exact = index.ready() && whole && once && mortal == 0 && entries < at_most;
        Ok(IndexCount { entries, exact })
    }

    /// The next records of a range, at most about `max`, and moves the cursor on. They hold once the
    /// ticket is done. From scans while the index is being built.
    pub async fn index_scan(
        &self,
        name: &str,
        range: &IndexRange,
        bins: Bins<'_>,
        cursor: &mut ScanCursor,
        max: usize,
        now_ms: u64,
    ) -> Result<(Vec<OfSet>, Option<Ticket>)> {
        let index = self.index_named(name)?;
        let question = Question::new(&index, range, bins, now_ms)?;
        if !index.ready() {
            return self.scan_for(&question, cursor, max);
        }
        let _timer = Timer::of(&self.metrics.query);
        let (spans, _) = index.spans(&question.asked);
        let (mut records, mut newest) = (Vec::new(), None);
        while records.len() < max && !cursor.done() {
            let most = STEP.min(max - records.len());
            // Of several trees, where each has few.
            let mut tags = Vec::new();
            while tags.len() < most
                && let Some(partition) = cursor.partition_id()
            {
                let left = most - tags.len();
                tags.extend(self.next_tags(&index, &spans, partition, cursor, left));
            }
            let _pin = self.storage.pin();
            let (found, ticket) = self.records_of(&tags, &question).await?;
            newest = ticket.or(newest);
            records.extend(found.into_iter().map(|(set, record)| (set, question.only(record))));
        }
        Ok((records, newest))
    }

    /// The next tags of a range at a cursor, and moves it behind them.
    fn next_tags(
        &self,
        index: &Secondary,
        spans: &[Span],
        partition: PartitionId,
        cursor: &mut ScanCursor,
        most: usize,
    ) -> Vec<u64> {
        let first = u64::from(partition.get()) << BEHIND_PARTITION;
        let after = match cursor.position {
            Some(position) => Some(self.index.tag_at(Place::from_words(partition, position.0))),
            None => first.checked_sub(1),
        };
        // A step ends with its tree.
        let together = self.partitions_together();
        let end = cursor.end.min((partition.get() / together + 1) * together);
        let last = u64::from(end - 1) << BEHIND_PARTITION | ((1 << BEHIND_PARTITION) - 1);
        let tags = index.entries.tags(index.entries.tree_of(first), spans, after, last, most);
        match tags.last().filter(|_| tags.len() >= most) {
            Some(last) if !self.has_bug(IndexBug::SkipsRest) => {
                let past = self.index.position_past(*last);
                cursor.partition = past.partition().get();
                cursor.position = Some(ScanPosition(past.to_words()));
            }
            _ => (cursor.partition, cursor.position) = (end, None),
        }
        tags
    }

    /// Reads the records of these tags, in their order, and gives those that are in the range now.
    pub(super) async fn records_of(
        &self,
        tags: &[u64],
        question: &Question<'_>,
    ) -> Result<(Vec<OfSet>, Option<Ticket>)> {
        let mut newest = None;
        let mut records = Vec::with_capacity(tags.len());
        // Neighbours are mostly of one set.
        let mut known: Option<(u16, Arc<Set>)> = None;
        let mut take = |entry: &Entry, read: Option<Read>| {
            if known.as_ref().is_none_or(|(id, _)| *id != entry.set_id) {
                known = self.sets.get(entry.set_id).map(|set| (entry.set_id, set));
            }
            let (Some(read), Some((_, set))) = (read, &known) else { return };
            newest = read.durable.or(newest.take());
            let expired =
                read.record.expired(question.now_ms) && !self.has_bug(IndexBug::GivesExpired);
            let fits = question.index.covers(&set.name)
                && (question.holds(&read.record, &set.name) || self.has_bug(IndexBug::NoRecheck));
            if fits && !expired {
                records.push((set.name.clone(), read.record));
            }
        };
        let bins = question.to_read();
        let mut entries = Vec::with_capacity(tags.len());
        self.index.get_tags(tags, &mut entries);
        entries.retain(|entry| !entry.tombstone);
        if self.storage.immediate() {
            for entries in entries.chunks(MEMORY_READS_AT_ONCE) {
                let ahead = entries.iter().map(|entry| (entry.location, crate::units_of(entry)));
                ahead.for_each(|(location, units)| self.storage.prefetch(location, units));
                for entry in entries {
                    take(entry, self.read_entry(entry, None, bins)?);
                }
            }
        } else {
            let reads: Vec<_> =
                entries.iter().map(|entry| self.read_entry_async(entry, bins)).collect();
            let mut reads = futures::stream::iter(reads).buffered(READS_AT_ONCE);
            for entry in &entries {
                take(entry, reads.next().await.transpose()?.flatten());
            }
        }
        Ok((records, newest))
    }
}
