//! Reading: one record, a batch, a scan, a count.

use index::Entry;
use model::{Digest, ErrorKind, PartitionId, Record, Result};
use storage::{BinSelect, Read, Ticket};
use store::{Bins, ScanCursor, ScanPosition};

use crate::{Namespace, expiry_hours};

/// Index entries looked at under one lock round of a scan.
const SCAN_STEP: usize = 512;

/// What a look-up found, and what its reader has to wait for before telling anybody.
pub struct Found {
    /// The record, if it is there.
    pub record: Option<Record>,
    /// Set where the newest version is not durable yet.
    pub ticket: Option<Ticket>,
}

/// A record with its place.
pub(crate) struct Located {
    pub(crate) entry: Entry,
    pub(crate) record: Record,
    pub(crate) ticket: Option<Ticket>,
}

impl Namespace {
    /// The record, if it is there and has not expired.
    pub fn get(&self, digest: &Digest, bins: Bins<'_>, now_ms: u64) -> Result<Found> {
        self.find(digest, self.index.get(digest), bins, now_ms)
    }

    /// What the index entries that match a digest lead to.
    fn find(
        &self,
        digest: &Digest,
        entries: impl Iterator<Item = Entry> + Clone,
        bins: Bins<'_>,
        now_ms: u64,
    ) -> Result<Found> {
        if let Some(found) = self.locate(digest, entries.clone(), bins)? {
            let record = (!found.record.expired(now_ms)).then_some(found.record);
            return Ok(Found { record, ticket: found.ticket });
        }
        // A delete that is not durable yet must not be told of.
        let mut tombstones = entries.filter(|entry| entry.tombstone);
        let ticket = tombstones.find_map(|entry| self.storage.pending(entry.location));
        Ok(Found { record: None, ticket })
    }

    /// The records of these digests, in their order. Index misses of the batch overlap.
    pub fn get_many(
        &self,
        digests: &[Digest],
        bins: Bins<'_>,
        now_ms: u64,
    ) -> Result<(Vec<Option<Record>>, Option<Ticket>)> {
        let mut entries = Vec::with_capacity(digests.len());
        self.index.get_batch(digests, &mut entries);
        let mut rest = &entries[..];
        let mut newest = None;
        let mut records = Vec::with_capacity(digests.len());
        for (place, digest) in digests.iter().enumerate() {
            let count = rest.iter().take_while(|(of, _)| *of == place).count();
            let (mine, others) = rest.split_at(count);
            rest = others;
            let mine = mine.iter().map(|(_, entry)| *entry);
            let found = self.find(digest, mine, bins, now_ms)?;
            newest = found.ticket.or(newest.take());
            records.push(found.record);
        }
        Ok((records, newest))
    }

    /// The live record among entries that share 82 digest bits, expired or not.
    pub(crate) fn locate(
        &self,
        digest: &Digest,
        entries: impl Iterator<Item = Entry>,
        bins: Bins<'_>,
    ) -> Result<Option<Located>> {
        for entry in entries.filter(|entry| !entry.tombstone) {
            if let Some(read) = self.read_entry(&entry, Some(digest), bins)? {
                return Ok(Some(Located { entry, record: read.record, ticket: read.durable }));
            }
        }
        Ok(None)
    }

    /// What an entry points at; `None` where that is another record than the expected one.
    pub(crate) fn read_entry(
        &self,
        entry: &Entry,
        expected: Option<&Digest>,
        bins: Bins<'_>,
    ) -> Result<Option<Read>> {
        let bins = match bins {
            Bins::All => BinSelect::All,
            Bins::None => BinSelect::None,
            Bins::Named(names) => BinSelect::Named(names),
        };
        self.storage.read(entry.location, index::units_of(entry.size_class), expected, bins)
    }

    /// The next records of a set, at most `max`, and moves the cursor on.
    pub fn scan(
        &self,
        set: &str,
        bins: Bins<'_>,
        cursor: &mut ScanCursor,
        max: usize,
        now_ms: u64,
    ) -> Result<(Vec<Record>, Option<Ticket>)> {
        let mut records = Vec::new();
        let mut ticket = None;
        let Some((set_id, _)) = self.sets.by_name(set) else {
            cursor.partition = cursor.end;
            return Ok((records, None));
        };
        self.walk(cursor, |_, entry| {
            if entry.set_id != set_id || entry.tombstone {
                return Ok(true);
            }
            if let Some(read) = self.read_entry(entry, None, bins)? {
                if !read.record.expired(now_ms) {
                    records.push(read.record);
                }
                ticket = read.durable.or(ticket.take());
            }
            Ok(records.len() < max)
        })?;
        Ok((records, ticket))
    }

    /// Calls `each` for the entries from the cursor on until it says stop (`false`), and leaves the
    /// cursor behind the last entry that it saw.
    pub(crate) fn walk(
        &self,
        cursor: &mut ScanCursor,
        mut each: impl FnMut(PartitionId, &Entry) -> Result<bool>,
    ) -> Result<()> {
        let mut step = Vec::with_capacity(SCAN_STEP);
        while let Some(partition) = cursor.partition_id() {
            step.clear();
            let after = cursor.position.map(|p| index::ScanPosition::from_words(partition, p.0));
            let more = self.index.scan(partition, after, SCAN_STEP, &mut step);
            for (position, entry) in &step {
                cursor.position = Some(ScanPosition(position.to_words()));
                if !each(partition, entry)? {
                    return Ok(());
                }
            }
            if !more {
                cursor.partition += 1;
                cursor.position = None;
            }
        }
        Ok(())
    }

    /// Records of a set that have not expired. Reads records only where the hour of their death is
    /// this one.
    pub fn count(&self, set: &str, now_ms: u64) -> Result<u64> {
        use std::sync::atomic::Ordering::Relaxed;
        let Some((set_id, set)) = self.sets.by_name(set) else { return Ok(0) };
        let objects = set.objects.load(Relaxed);
        if self.mortal.load(Relaxed) == 0 {
            return Ok(objects);
        }
        let this_hour = expiry_hours(u32::try_from(now_ms / 1000).unwrap_or(u32::MAX));
        let mut count = 0;
        self.walk(&mut ScanCursor::all(), |_, entry| {
            let mine = entry.set_id == set_id && !entry.tombstone;
            count += u64::from(mine && self.alive(entry, this_hour, now_ms)?);
            Ok(true)
        })?;
        Ok(count)
    }

    fn alive(&self, entry: &Entry, this_hour: u32, now_ms: u64) -> Result<bool> {
        match entry.expiry_hours {
            0 => Ok(true),
            hour if hour != this_hour => Ok(hour > this_hour),
            _ => match self.read_entry(entry, None, Bins::None) {
                Ok(read) => Ok(read.is_some_and(|read| !read.record.expired(now_ms))),
                Err(error) if error.kind == ErrorKind::Corrupt => Ok(true),
                Err(error) => Err(error),
            },
        }
    }
}
