//! Reading: one record, a batch, a scan, a count.

use futures::StreamExt;
use index::Entry;
use model::{
    Digest, Error, ErrorKind, Head, Name, PartitionId, Record, Result, Rows, ValueRef, Wanted,
};
use storage::{BinSelect, Pin, Place, Read, Ticket};
use store::{Bins, ScanCursor, ScanPosition, renewal};

use crate::metrics::Timer;
use crate::{Namespace, expiry_hours};

/// Index entries looked at under one lock round of a scan.
const SCAN_STEP: usize = 512;

/// Device reads of one batch under way at once.
pub(crate) const READS_AT_ONCE: usize = 128;

/// Records of a batch that are brought close at once: their lines fit the cache next to the
/// processor.
pub(crate) const MEMORY_READS_AT_ONCE: usize = 32;

/// Takes the entries of the digest at `place` of a batch off the front of `rest`.
fn matches_of<'a>(
    place: usize,
    rest: &mut &'a [(usize, Entry)],
) -> impl Iterator<Item = Entry> + Clone + use<'a> {
    let count = rest.iter().take_while(|(of, _)| *of == place).count();
    let (mine, others) = rest.split_at(count);
    *rest = others;
    mine.iter().map(|(_, entry)| *entry)
}

fn select(bins: Bins<'_>) -> BinSelect<'_> {
    match bins {
        Bins::All => BinSelect::All,
        Bins::None => BinSelect::None,
        Bins::Named(names) => BinSelect::Named(names),
    }
}

/// A record with the name of its set.
pub type OfSet = (Name, Record);

/// What a look-up found, and what its reader has to wait for before telling anybody.
pub struct Found {
    /// The record, if it is there.
    pub record: Option<Record>,
    /// Set where the newest version is not durable yet.
    pub ticket: Option<Ticket>,
}

/// Records that were read before they are changed, so that the change, which holds the record's
/// lock, does not wait for a device. What it finds there under another location by then it reads
/// itself.
#[derive(Default)]
pub struct ReadAhead<'a> {
    /// A location means the same record as long as this is held.
    _pin: Option<Pin<'a>>,
    found: Vec<Located>,
}

impl ReadAhead<'_> {
    /// The record at this location, if it was read.
    fn take(&mut self, entry: &Entry) -> Option<Located> {
        let place = self.found.iter().position(|f| f.entry.location == entry.location)?;
        Some(self.found.swap_remove(place))
    }
}

/// A record with its place.
pub(crate) struct Located {
    pub(crate) entry: Entry,
    pub(crate) record: Record,
    pub(crate) ticket: Option<Ticket>,
    /// Its bytes are damaged: of the record only the digest is right.
    pub(crate) damaged: bool,
}

impl Located {
    pub(crate) fn of(entry: Entry, read: Read) -> Located {
        Located { entry, record: read.record, ticket: read.durable, damaged: false }
    }
}

/// Passes those records on that have not expired, and counts them.
struct Living<'a, R> {
    rows: &'a mut R,
    now_ms: u64,
    count: usize,
}

impl<R: Rows> Rows for Living<'_, R> {
    #[inline]
    fn record(&mut self, head: &Head<'_>) -> bool {
        if head.expired(self.now_ms) {
            return false;
        }
        self.count += 1;
        self.rows.record(head)
    }

    #[inline]
    fn bin(&mut self, place: usize, value: ValueRef<'_>) {
        self.rows.bin(place, value);
    }
}

impl Namespace {
    /// The record, if it is there and has not expired.
    pub fn get(&self, digest: &Digest, bins: Bins<'_>, now_ms: u64) -> Result<Found> {
        let _timer = match self.storage.immediate() {
            true => Timer::of_few(&self.metrics.read),
            false => Some(Timer::of(&self.metrics.read)),
        };
        let _pin = self.storage.pin();
        self.find(digest, self.index.get(digest), bins, now_ms)
    }

    /// Like [`Namespace::get`], without keeping the thread while a device reads.
    pub async fn get_async(&self, digest: &Digest, bins: Bins<'_>, now_ms: u64) -> Result<Found> {
        if self.storage.immediate() {
            return self.get(digest, bins, now_ms);
        }
        let _timer = Timer::of(&self.metrics.read);
        let _pin = self.storage.pin();
        self.find_async(digest, self.index.get(digest), bins, now_ms).await
    }

    async fn find_async(
        &self,
        digest: &Digest,
        entries: impl Iterator<Item = Entry> + Clone,
        bins: Bins<'_>,
        now_ms: u64,
    ) -> Result<Found> {
        for entry in entries.clone().filter(|entry| !entry.tombstone) {
            let units = crate::units_of(&entry);
            let read = self.storage.read_async(entry.location, units, Some(digest), select(bins));
            if let Some(read) = read.await? {
                return Ok(self.found(&entry, read.record, read.durable, now_ms));
            }
        }
        Ok(Found { record: None, ticket: self.pending_delete(entries) })
    }

    /// What to wait for before telling that a record is not there: a delete that is not durable
    /// yet.
    fn pending_delete(&self, entries: impl Iterator<Item = Entry>) -> Option<Ticket> {
        let mut tombstones = entries.filter(|entry| entry.tombstone);
        tombstones.find_map(|entry| self.storage.pending(entry.location))
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
            return Ok(self.found(&found.entry, found.record, found.ticket, now_ms));
        }
        Ok(Found { record: None, ticket: self.pending_delete(entries) })
    }

    /// What a look-up by key tells of the record that it has read.
    fn found(&self, entry: &Entry, record: Record, ticket: Option<Ticket>, now_ms: u64) -> Found {
        if record.expired(now_ms) {
            return Found { record: None, ticket };
        }
        if record.void_time != 0 {
            self.touch_if_due(entry.set_id, &record, now_ms);
        }
        Found { record: Some(record), ticket }
    }

    /// Gives a record that was read its whole time to live again, if less than
    /// `default-read-touch-ttl-pct` of it is left. The read does not wait for that to be durable,
    /// and succeeds even if nothing can be written.
    fn touch_if_due(&self, set_id: u16, record: &Record, now_ms: u64) {
        let pct = self.settings().read_touch_pct.into();
        let Some(mut renew) = renewal(record, pct, now_ms) else { return };
        let Some(set) = self.sets.get(set_id) else { return };
        if let Err(error) = self.modify(&set.name, &record.digest, None, now_ms, &mut renew) {
            tracing::debug!(digest = %record.digest, %error, "a read could not touch its record");
        }
    }

    /// The records of these digests, in their order. Index misses of the batch overlap.
    pub fn get_many(
        &self,
        digests: &[Digest],
        bins: Bins<'_>,
        now_ms: u64,
    ) -> Result<(Vec<Option<Record>>, Option<Ticket>)> {
        let _timer = Timer::of(&self.metrics.batch_read);
        let _pin = self.storage.pin();
        let mut newest = None;
        let mut records = Vec::with_capacity(digests.len());
        let mut entries = Vec::with_capacity(digests.len().min(MEMORY_READS_AT_ONCE));
        for digests in digests.chunks(MEMORY_READS_AT_ONCE) {
            entries.clear();
            self.index.get_batch(digests, &mut entries);
            for (_, entry) in &entries {
                self.storage.prefetch(entry.location, crate::units_of(entry));
            }
            let mut rest = &entries[..];
            for (place, digest) in digests.iter().enumerate() {
                let mine = matches_of(place, &mut rest);
                let found = self.find(digest, mine, bins, now_ms)?;
                newest = found.ticket.or(newest.take());
                records.push(found.record);
            }
        }
        Ok((records, newest))
    }

    /// Like [`Namespace::get_many`], without keeping the thread while devices read, and with many of
    /// their reads under way at once.
    pub async fn get_many_async(
        &self,
        digests: &[Digest],
        bins: Bins<'_>,
        now_ms: u64,
    ) -> Result<(Vec<Option<Record>>, Option<Ticket>)> {
        if self.storage.immediate() {
            return self.get_many(digests, bins, now_ms);
        }
        let _timer = Timer::of(&self.metrics.batch_read);
        let _pin = self.storage.pin();
        let mut entries = Vec::with_capacity(digests.len());
        self.index.get_batch(digests, &mut entries);
        let mut rest = &entries[..];
        let reads = digests.iter().enumerate().map(|(place, digest)| {
            self.find_async(digest, matches_of(place, &mut rest), bins, now_ms)
        });
        let reads: Vec<_> = reads.collect();
        let mut found = futures::stream::iter(reads).buffered(READS_AT_ONCE);
        let mut newest = None;
        let mut records = Vec::with_capacity(digests.len());
        while let Some(one) = found.next().await {
            let one = one?;
            newest = one.ticket.or(newest.take());
            records.push(one.record);
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
                return Ok(Some(Located::of(entry, read)));
            }
        }
        Ok(None)
    }

    /// Reads records that are about to be changed, without keeping the thread while a device reads.
    /// What cannot be read is left to the change.
    pub async fn read_ahead(&self, digests: &[Digest]) -> ReadAhead<'_> {
        if self.storage.immediate() {
            return ReadAhead::default();
        }
        let pin = self.storage.pin();
        let reads: Vec<_> = digests.iter().map(|digest| self.read_one_ahead(digest)).collect();
        let mut reads = futures::stream::iter(reads).buffer_unordered(READS_AT_ONCE);
        let mut found = Vec::new();
        while let Some(read) = reads.next().await {
            found.extend(read);
        }
        ReadAhead { _pin: Some(pin), found }
    }

    async fn read_one_ahead(&self, digest: &Digest) -> Option<Located> {
        for entry in self.index.get(digest).filter(|entry| !entry.tombstone) {
            let (units, all) = (crate::units_of(&entry), BinSelect::All);
            let read = self.storage.read_async(entry.location, units, Some(digest), all).await;
            if let Ok(Some(read)) = read {
                return Some(Located::of(entry, read));
            }
        }
        None
    }

    /// The live record, expired or not, for whoever may do without reading it: one that is damaged
    /// is given with the error, and its bins, key and times are lost. Of it only the 82 bits of the
    /// digest that the index compares are known to be right.
    pub(crate) fn locate_damaged(
        &self,
        digest: &Digest,
        ahead: &mut ReadAhead<'_>,
    ) -> Result<(Option<Located>, Option<Error>)> {
        let mut damaged = None;
        for entry in self.index.get(digest).filter(|entry| !entry.tombstone) {
            if let Some(found) = ahead.take(&entry).filter(|found| found.record.digest == *digest) {
                return Ok((Some(Located { entry, ..found }), None));
            }
            match self.read_entry(&entry, Some(digest), Bins::All) {
                Ok(Some(read)) => return Ok((Some(Located::of(entry, read)), None)),
                Ok(None) => {}
                Err(error) if error.kind == ErrorKind::Corrupt => damaged = Some((entry, error)),
                Err(error) => return Err(error),
            }
        }
        let Some((entry, error)) = damaged else { return Ok((None, None)) };
        let record = Record {
            digest: *digest,
            key: None,
            bins: Vec::new(),
            generation: entry.generation,
            lut_ms: 0,
            void_time: 0,
            size: 0,
        };
        Ok((Some(Located { entry, record, ticket: None, damaged: true }), Some(error)))
    }

    /// What an entry points at; `None` where that is another record than the expected one.
    pub(crate) fn read_entry(
        &self,
        entry: &Entry,
        expected: Option<&Digest>,
        bins: Bins<'_>,
    ) -> Result<Option<Read>> {
        self.storage.read(entry.location, crate::units_of(entry), expected, select(bins))
    }

    /// What an entry points at, whichever record it is, without keeping the thread while a device
    /// reads.
    pub(crate) async fn read_entry_async(
        &self,
        entry: &Entry,
        bins: Bins<'_>,
    ) -> Result<Option<Read>> {
        let units = crate::units_of(entry);
        self.storage.read_async(entry.location, units, None, select(bins)).await
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
        let _timer = Timer::of(&self.metrics.scan);
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

    /// Like [`Namespace::scan`], of all sets but those that `hidden` says yes to; each record comes
    /// with its set.
    pub fn scan_sets(
        &self,
        hidden: impl Fn(&str) -> bool,
        bins: Bins<'_>,
        cursor: &mut ScanCursor,
        max: usize,
        now_ms: u64,
    ) -> Result<(Vec<OfSet>, Option<Ticket>)> {
        let _timer = Timer::of(&self.metrics.scan);
        let mut records = Vec::new();
        let mut ticket = None;
        self.walk(cursor, |_, entry| {
            let set = self.sets.get(entry.set_id).filter(|set| !hidden(&set.name));
            let Some(set) = set.filter(|_| !entry.tombstone) else { return Ok(true) };
            if let Some(read) = self.read_entry(entry, None, bins)? {
                if !read.record.expired(now_ms) {
                    records.push((set.name.clone(), read.record));
                }
                ticket = read.durable.or(ticket.take());
            }
            Ok(records.len() < max)
        })?;
        Ok((records, ticket))
    }

    /// Where a scan goes on that has seen the record of this digest, in its partition.
    pub fn scan_position_after(&self, digest: &Digest) -> ScanPosition {
        ScanPosition(self.index.position_after(digest).to_words())
    }

    /// Shows `rows` the next records of a set in place, at most about `max`, and moves the cursor
    /// on.
    pub fn visit(
        &self,
        set: &str,
        wanted: Wanted<'_>,
        cursor: &mut ScanCursor,
        max: usize,
        now_ms: u64,
        rows: &mut impl Rows,
    ) -> Result<Option<Ticket>> {
        let _timer = Timer::of(&self.metrics.scan);
        let Some((set_id, _)) = self.sets.by_name(set) else {
            cursor.partition = cursor.end;
            return Ok(None);
        };
        let mut living = Living { rows, now_ms, count: 0 };
        let mut ticket = None;
        let mut places = Vec::with_capacity(SCAN_STEP);
        while living.count < max
            && let Some(partition) = cursor.partition_id()
        {
            places.clear();
            // Taken anew for each step, as in `walk`.
            let _pin = self.storage.pin();
            let mut last = cursor.position.map(|p| index::ScanPosition::from_words(partition, p.0));
            let most = SCAN_STEP.min(max - living.count);
            let more = self.index.scan_each(partition, last, most, |position, entry| {
                last = Some(position.past());
                if entry.set_id == set_id && !entry.tombstone {
                    let units = crate::units_of(&entry);
                    places.push(Place { location: entry.location, units });
                }
            });
            ticket = self.storage.visit(&places, wanted, &mut living)?.or(ticket);
            if more {
                cursor.position = last.map(|last| ScanPosition(last.to_words()));
            } else {
                (cursor.partition, cursor.position) = (cursor.partition + 1, None);
            }
        }
        Ok(ticket)
    }

    /// Calls `each` for the entries from the cursor on until it says stop (`false`), and leaves the
    /// cursor behind the last entry that it saw. Entries that are equal in all compared bits, as a
    /// record's tombstone and its next life, are not parted: it may be called for the rest of them.
    pub(crate) fn walk(
        &self,
        cursor: &mut ScanCursor,
        mut each: impl FnMut(PartitionId, &Entry) -> Result<bool>,
    ) -> Result<()> {
        let mut step = Vec::with_capacity(SCAN_STEP);
        while let Some(partition) = cursor.partition_id() {
            step.clear();
            // Taken anew for each step: nothing is kept from being recycled for a whole scan.
            let _pin = self.storage.pin();
            let after = cursor.position.map(|p| index::ScanPosition::from_words(partition, p.0));
            let more = self.index.scan(partition, after, SCAN_STEP, &mut step);
            let mut stop = false;
            for (n, (position, entry)) in step.iter().enumerate() {
                let past = position.past();
                cursor.position = Some(ScanPosition(past.to_words()));
                stop |= !each(partition, entry)?;
                if stop && step.get(n + 1).is_none_or(|(next, _)| next.past() != past) {
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
