//! Deleting a whole set, or the whole namespace, at once and durably.

use std::sync::atomic::Ordering::Relaxed;

use model::{Error, ErrorKind, PartitionId, Result};
use storage::{Said, Ticket};
use store::{Bins, ScanCursor};

use crate::Namespace;
use crate::catalogue::is_own;
use crate::indexes::IndexBug;

/// The time up to which a truncate without a time goes.
pub(crate) const EVERYTHING: u64 = u64::MAX;

impl Namespace {
    /// Deletes every record of `set` (`None`: of every set of the users) whose last update is not
    /// after `before_lut_ms`, or every record if `None`. One marker a set in the log makes it
    /// outlive a restart. Writers wait meanwhile: the walk takes about a second for 50 million index
    /// entries.
    pub fn truncate(
        &self,
        set: Option<&str>,
        before_lut_ms: Option<u64>,
        now_ms: u64,
    ) -> Result<Option<Ticket>> {
        if before_lut_ms.is_some_and(|before| before >= now_ms) {
            let detail = "truncate up to a time that is not past yet; leave the time out";
            return Err(Error::new(ErrorKind::Parameter, detail));
        }
        let sets = match set {
            Some(name) => self.sets.by_name(name).map(|(id, _)| id).into_iter().collect(),
            None => self.user_sets(),
        };
        let before_lut_ms = before_lut_ms.unwrap_or(EVERYTHING);
        let _gate = self.gate.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        let mut newest = None;
        for set_id in &sets {
            let said = Said::Truncate { set_id: Some(*set_id), before_lut_ms };
            newest = Some(self.storage.append_marker(said)?.1);
        }
        if before_lut_ms != EVERYTHING {
            self.lut_floor_ms.fetch_max(before_lut_ms + 1, Relaxed);
        }
        self.remove_until(&sets, before_lut_ms)?;
        Ok(newest)
    }

    /// The ids of all sets but the system's own.
    fn user_sets(&self) -> Vec<u16> {
        let all = self.storage.set_names();
        let users = all.iter().filter(|name| !is_own(name));
        users.filter_map(|name| self.storage.set_id(name)).collect()
    }

    /// Takes records of these sets out of the index whose last update time is not after this; reads
    /// them only if that is not everything. The caller holds the gate, or is alone.
    pub(crate) fn remove_until(&self, sets: &[u16], before_lut_ms: u64) -> Result<()> {
        let mut dead: Vec<(PartitionId, u64)> = Vec::new();
        self.walk(&mut ScanCursor::all(), |partition, entry| {
            if sets.contains(&entry.set_id)
                && !entry.tombstone
                && (before_lut_ms == EVERYTHING || self.updated_until(entry, before_lut_ms)?)
            {
                dead.push((partition, entry.location));
            }
            Ok(true)
        })?;
        self.remove_dead(dead, self.has_bug(IndexBug::TruncateForgets));
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
