//! Changing one record.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use index::Entry;
use model::{Digest, Error, ErrorKind, Key, Name, Record, Result, Value, limits};
use storage::{Appended, Ticket, Write, WriteKind};
use store::{Change, Outcome, Seen, Ttl};

use crate::catalogue::{self, Set};
use crate::indexes::{Fields, IndexBug};
use crate::metrics::Timer;
use crate::read::{Located, ReadAhead};
use crate::{BLANK, Namespace, SYSTEM_SETS, bytes_of, class_of, expiry_hours, units_of};

/// Share of what writes can take that live records may fill before nobody waits for room any more,
/// percent: above it a block is won back by copying four others, and records that are large against
/// a block never fill much more.
const CROWDED_PCT: u64 = 80;

/// The bins that a write leaves, and when the record dies.
pub(crate) struct NewRecord {
    pub(crate) bins: Vec<(Name, Value)>,
    pub(crate) void_time: u32,
    pub(crate) generation: u16,
}

impl Namespace {
    /// Changes one record atomically: `change` sees it (`None` if absent) under its lock and says
    /// what becomes of it. The outcome holds once the ticket is done; without a ticket it holds. A
    /// record that is damaged gives [`ErrorKind::Corrupt`].
    pub fn modify(
        &self,
        set: &str,
        digest: &Digest,
        key: Option<&Key>,
        now_ms: u64,
        change: &mut dyn FnMut(Option<&Record>) -> Result<Change>,
    ) -> Result<(Outcome, Option<Ticket>)> {
        let ahead = &mut ReadAhead::default();
        self.change(set, digest, key, now_ms, ahead, &mut |seen| change(seen.record()?))
    }

    /// Like [`Namespace::modify`], and can delete or replace a record that is damaged: the tombstone
    /// or the new version, of generation 1, supersedes it.
    pub fn change(
        &self,
        set: &str,
        digest: &Digest,
        key: Option<&Key>,
        now_ms: u64,
        ahead: &mut ReadAhead<'_>,
        change: &mut dyn FnMut(Seen<'_>) -> Result<Change>,
    ) -> Result<(Outcome, Option<Ticket>)> {
        let now_ms = self.lut_of(now_ms);
        let _timer = Timer::of(&self.metrics.write);
        let _pin = self.storage.pin();
        let _gate = self.gate.read().unwrap_or_else(|poisoned| poisoned.into_inner());
        self.drop_durable_tombstones();
        let _lock = self.lock_record(digest);
        let (stale, damage) = self.locate_damaged(digest, ahead)?;
        let whole = stale.as_ref().filter(|_| damage.is_none());
        let seen = whole.map(|found| &found.record).filter(|r| !r.expired(now_ms));
        let existed = seen.is_some() || damage.is_some();
        let decision = change(match (&damage, seen) {
            (Some(error), _) => Seen::Damaged(error),
            (None, Some(record)) => Seen::Record(record),
            (None, None) => Seen::Absent,
        })?;
        if let Some(error) = damage
            && !matches!(decision, Change::Delete | Change::Write { replace: true, .. })
        {
            return Err(error);
        }
        let own = match decision {
            Change::Keep => None,
            _ => self.own_set(set, stale.as_ref().filter(|_| existed))?,
        };
        let set = own.as_deref().unwrap_or(set);
        match decision {
            Change::Keep => {
                let (generation, void_time) =
                    seen.map_or((0, 0), |record| (record.generation, record.void_time));
                let outcome = Outcome { existed, generation, void_time, changed: false };
                Ok((outcome, stale.and_then(|found| found.ticket)))
            }
            Change::Delete => self.delete(set, digest, stale, existed, now_ms),
            Change::Write { bins, replace, ttl } => {
                self.check_writes(set)?;
                let new = self.merge(set, seen, bins, replace, ttl, now_ms)?;
                let old_key = seen.and_then(|record| record.key.clone());
                let key = key.or(old_key.as_ref());
                let (generation, void_time) = (new.generation, new.void_time);
                let ticket = self.write(set, digest, key, new, stale.as_ref(), now_ms)?;
                Ok((Outcome { existed, generation, void_time, changed: true }, Some(ticket)))
            }
        }
    }

    /// The set that a record is in, where it is another one than its writer says, who may know the
    /// digest alone: a record stays in its set. The system's own are refused to who does not name
    /// them.
    fn own_set(&self, said: &str, found: Option<&Located>) -> Result<Option<Name>> {
        let own = found.and_then(|found| self.sets.get(found.entry.set_id));
        let Some(own) = own.filter(|own| *own.name != *said) else { return Ok(None) };
        if own.name.starts_with(SYSTEM_SETS) {
            let detail = format!("the record is one of the system's own set {}", own.name);
            return Err(Error::new(ErrorKind::Forbidden, detail));
        }
        Ok(Some(own.name.clone()))
    }

    /// The record after a write of `bins` over what is there.
    pub(crate) fn merge(
        &self,
        set: &str,
        seen: Option<&Record>,
        bins: Vec<(Name, Option<Value>)>,
        replace: bool,
        ttl: Ttl,
        now_ms: u64,
    ) -> Result<NewRecord> {
        let old = match seen {
            Some(record) if !replace => record.bins.clone(),
            _ => Vec::with_capacity(bins.len()),
        };
        let merged = store::merged(old, bins)?;
        let generation = match seen.map_or(0, |record| record.generation) {
            u16::MAX => 1,
            generation => generation + 1,
        };
        let void_time = self.void_time(set, seen, ttl, now_ms)?;
        Ok(NewRecord { bins: merged, void_time, generation })
    }

    fn void_time(&self, set: &str, seen: Option<&Record>, ttl: Ttl, now_ms: u64) -> Result<u32> {
        let default = || {
            let settings = self.settings();
            let of_set = settings.of_set(set).and_then(|set| set.default_ttl_s);
            let declared = || self.sets.by_name(set).and_then(|(_, set)| set.ttl_s());
            of_set.or_else(declared).unwrap_or(settings.default_ttl_s)
        };
        let seconds = match (ttl, seen) {
            (Ttl::Keep, Some(record)) => return Ok(record.void_time),
            (Ttl::Never, _) => 0,
            (Ttl::Seconds(s), _) => s,
            (Ttl::Default | Ttl::Keep, _) => default(),
        };
        if seconds > limits::TTL_MAX_S {
            let detail = format!(
                "a time to live of {seconds} s is longer than ten years ({} s)",
                limits::TTL_MAX_S
            );
            return Err(Error::new(ErrorKind::Parameter, detail));
        }
        match seconds {
            0 => Ok(0),
            // Rounded up, so that a record never dies early.
            s => Ok(u32::try_from(now_ms.div_ceil(1000) + u64::from(s)).unwrap_or(u32::MAX)),
        }
    }

    fn write(
        &self,
        set: &str,
        digest: &Digest,
        key: Option<&Key>,
        new: NewRecord,
        old: Option<&Located>,
        now_ms: u64,
    ) -> Result<Ticket> {
        limits::check_set(set)?;
        if let Some(key) = key {
            limits::check_key(key)?;
        }
        if self.has_bug(IndexBug::ChangesFirst)
            && let Some((id, set)) = self.sets.by_name(set)
        {
            let fields = Fields { digest: *digest, set: &set.name, key, bins: &new.bins };
            let change = self.index_change(digest, old, Some((id, fields)));
            self.index_new(&change);
            self.unindex_old(&change, 1);
        }
        let appended = self.storage.append(&Write {
            kind: WriteKind::Record,
            digest: *digest,
            set,
            key,
            bins: &new.bins,
            generation: new.generation,
            lut_ms: now_ms,
            void_time: new.void_time,
        })?;
        self.put_in_place(digest, key, &new, old, &appended)?;
        Ok(appended.ticket)
    }

    /// Lets the indexes and the catalogue show a new version that was appended.
    pub(crate) fn put_in_place(
        &self,
        digest: &Digest,
        key: Option<&Key>,
        new: &NewRecord,
        old: Option<&Located>,
        appended: &Appended,
    ) -> Result<()> {
        let set_id = appended.set_id;
        let set = self.ensure_set(set_id);
        let entry = Entry {
            location: appended.location,
            size_class: class_of(appended.units)?,
            generation: new.generation,
            set_id,
            expiry_hours: expiry_hours(new.void_time),
            ..BLANK
        };
        let fields = Fields { digest: *digest, set: &set.name, key, bins: &new.bins };
        let change = self.index_change(digest, old, Some((set_id, fields)));
        if self.has_bug(IndexBug::RemovesFirst) {
            self.unindex_old(&change, 1);
            std::thread::yield_now();
        } else {
            self.index_new(&change);
        }
        let old_entry = old.map(|old| &old.entry);
        self.place(digest, old_entry, entry).inspect_err(|_| {
            self.unindex_new(&change, usize::from(old.is_some()));
        })?;
        self.unindex_old(&change, 1);
        if self.has_bug(IndexBug::RemovesFirst) {
            std::thread::yield_now();
            self.index_new(&change);
        }
        self.sets.note(&set, key.map(catalogue::key_type), catalogue::bin_types(&new.bins));
        Ok(())
    }

    /// The set of this id in storage's dictionary.
    pub(crate) fn ensure_set(&self, id: u16) -> Arc<Set> {
        self.sets.get(id).unwrap_or_else(|| {
            let name = self.storage.set_name(id).unwrap_or_else(|| Name::from(""));
            self.sets.ensure(id, &name)
        })
    }

    /// Points the primary index at a record's new place and counts the change.
    pub(crate) fn place(&self, digest: &Digest, old: Option<&Entry>, new: Entry) -> Result<()> {
        let bytes = |entry: &Entry| bytes_of(entry) as i64;
        match old {
            Some(old) => {
                self.replace(digest, old, new)?;
                self.storage.release(old.location, units_of(old));
                self.sets.count(old.set_id, -1, -bytes(old));
            }
            None => self.index.insert(digest, new).inspect_err(|_| {
                self.storage.release(new.location, units_of(&new));
            })?,
        }
        self.sets.count(new.set_id, 1, bytes(&new));
        self.count_mortal(old.is_some_and(|o| o.expiry_hours != 0), new.expiry_hours != 0);
        Ok(())
    }

    /// Swaps an entry whose record's lock is held.
    fn replace(&self, digest: &Digest, old: &Entry, new: Entry) -> Result<()> {
        if self.index.replace(digest, old.location, new) {
            return Ok(());
        }
        let detail = format!("the index entry of record {digest} moved under its lock");
        Err(Error::new(ErrorKind::Internal, detail))
    }

    /// Takes a record, whose entry is gone, out of the counters.
    pub(crate) fn uncount(&self, entry: &Entry) {
        self.storage.release(entry.location, units_of(entry));
        self.sets.count(entry.set_id, -1, -(bytes_of(entry) as i64));
        self.count_mortal(entry.expiry_hours != 0, false);
    }

    fn delete(
        &self,
        set: &str,
        digest: &Digest,
        old: Option<Located>,
        existed: bool,
        now_ms: u64,
    ) -> Result<(Outcome, Option<Ticket>)> {
        let outcome = Outcome { existed, generation: 0, void_time: 0, changed: existed };
        let Some(old) = old else { return Ok((outcome, None)) };
        let appended = self.storage.append(&Write {
            kind: WriteKind::Tombstone,
            digest: *digest,
            set,
            key: None,
            bins: &[],
            generation: old.record.generation,
            lut_ms: now_ms,
            void_time: 0,
        })?;
        self.bury(digest, &old, &appended)?;
        Ok((outcome, Some(appended.ticket)))
    }

    /// Puts a tombstone in the place of a record until it is durable.
    pub(crate) fn bury(&self, digest: &Digest, old: &Located, appended: &Appended) -> Result<()> {
        let location = appended.location;
        let entry = Entry {
            location,
            size_class: class_of(appended.units)?,
            generation: old.record.generation,
            set_id: old.entry.set_id,
            tombstone: true,
            ..BLANK
        };
        let change = self.index_change(digest, Some(old), None);
        self.replace(digest, &old.entry, entry)?;
        self.uncount(&old.entry);
        if !self.has_bug(IndexBug::DeleteForgets) {
            self.unindex_old(&change, 0);
        }
        if appended.ticket.outcome().is_some() {
            self.index.remove(digest, location);
        } else {
            self.lock_tombstones().push_back((*digest, location, appended.ticket.clone()));
        }
        Ok(())
    }

    /// The last update time of a write at this time: never before a truncate that it survives.
    pub(crate) fn lut_of(&self, now_ms: u64) -> u64 {
        now_ms.max(self.lut_floor_ms.load(Relaxed))
    }

    /// Whether a write into this set that found no room may find some in a moment: the set takes
    /// writes, and enough of what is stored is dead for defragmentation to win it back.
    pub fn may_win_room(&self, set: &str) -> bool {
        let stats = self.storage.stats();
        let blocks = stats.all_blocks.saturating_sub(stats.reserved_blocks);
        let most = blocks * u64::from(self.storage.block_size());
        !self.storage.closed()
            && self.storage.failure().is_none()
            && self.check_writes(set).is_ok()
            && stats.live_bytes * 100 < most * CROWDED_PCT
    }

    /// Refuses a write into a namespace or set that takes none.
    pub(crate) fn check_writes(&self, set: &str) -> Result<()> {
        if let Some(reason) = self.stopped() {
            let detail = format!("namespace {} takes no writes: {reason}", self.options.name);
            return Err(Error::new(ErrorKind::NoSpace, detail));
        }
        let settings = self.settings();
        let Some(limits) = settings.of_set(set) else { return Ok(()) };
        let Some((_, known)) = self.sets.by_name(set) else { return Ok(()) };
        let full = |has: u64, most: u64| most != 0 && has >= most;
        let objects = known.objects.load(Relaxed);
        if full(objects, limits.stop_writes_count) {
            let detail = format!(
                "set {set} has {objects} records, its stop-writes-count is {}; delete some or raise it",
                limits.stop_writes_count
            );
            return Err(Error::new(ErrorKind::NoSpace, detail));
        }
        let bytes = known.bytes.load(Relaxed);
        if full(bytes, limits.stop_writes_size) {
            let detail = format!(
                "set {set} has {bytes} bytes, its stop-writes-size is {}; delete some or raise it",
                limits.stop_writes_size
            );
            return Err(Error::new(ErrorKind::NoSpace, detail));
        }
        Ok(())
    }
}
