//! Deleting a whole set at once, durably.

use model::{Error, ErrorKind, Result};
use storage::Ticket;
use store::{Bins, ScanCursor};

use crate::Namespace;

/// The time up to which a truncate without a time goes.
pub(crate) const EVERYTHING: u64 = u64::MAX;

impl Namespace {
    /// Deletes every record of `set` whose last update is not after `before_lut_ms`, or every
    /// record if `None`. One marker in the log makes it outlive a restart. Writers wait meanwhile:
    /// the walk takes about a second for 50 million index entries.
    pub fn truncate(
        &self,
        set: &str,
        before_lut_ms: Option<u64>,
        now_ms: u64,
    ) -> Result<Option<Ticket>> {
        if before_lut_ms.is_some_and(|before| before >= now_ms) {
            let detail = "truncate up to a time that is not past yet; leave the time out";
            return Err(Error::new(ErrorKind::Parameter, detail));
        }
        if self.sets.by_name(set).is_none() {
            return Ok(None);
        }
        let _gate = self.gate.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        let before_lut_ms = before_lut_ms.unwrap_or(EVERYTHING);
        let ticket = self.storage.append_truncate(Some(set), before_lut_ms)?;
        self.remove_until(Some(set), before_lut_ms)?;
        Ok(Some(ticket))
    }

    /// Takes records out of the index whose last update is not after `before_lut_ms`; reads them
    /// only if that is not everything.
    pub(crate) fn remove_until(&self, set: Option<&str>, before_lut_ms: u64) -> Result<()> {
        let set_id = match set.map(|name| self.sets.by_name(name)) {
            None => None,
            Some(Some((id, _))) => Some(id),
            Some(None) => return Ok(()),
        };
        let mut dead = Vec::new();
        self.walk(&mut ScanCursor::all(), |partition, entry| {
            if set_id.is_none_or(|id| id == entry.set_id)
                && !entry.tombstone
                && (before_lut_ms == EVERYTHING || self.updated_until(entry, before_lut_ms)?)
            {
                dead.push((partition, entry.location));
            }
            Ok(true)
        })?;
        dead.sort_unstable();
        for group in dead.chunk_by(|a, b| a.0 == b.0) {
            let removed = self.index.retain(group[0].0, |entry| {
                group.binary_search_by_key(&entry.location, |(_, location)| *location).is_err()
            });
            removed.iter().for_each(|entry| self.uncount(entry));
        }
        Ok(())
    }

    fn updated_until(&self, entry: &index::Entry, before_lut_ms: u64) -> Result<bool> {
        match self.read_entry(entry, None, Bins::None) {
            Ok(read) => Ok(read.is_some_and(|read| read.record.lut_ms <= before_lut_ms)),
            Err(error) if error.kind == ErrorKind::Corrupt => Ok(false),
            Err(error) => Err(error),
        }
    }
}
