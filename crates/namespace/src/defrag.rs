//! Winning room back: what is live in a victim moves to a new place.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use index::Entry;
use model::{ErrorKind, Result};
use storage::{Chosen, Victim, VictimRecord};

use crate::metrics::Timer;
use crate::{Namespace, units_of};

/// How often the need for room is looked at when nothing happens.
const LOOK: Duration = Duration::from_millis(200);

impl Namespace {
    /// Wins room back while free blocks run short, until the namespace is closed: the life of a
    /// thread.
    pub fn run_defrag(&self) {
        while !self.storage.closed() {
            match self.defrag_step() {
                Ok(true) => {}
                Ok(false) => self.storage.wait_for_change(LOOK),
                Err(error) => {
                    if self.storage.failure().is_some() {
                        return;
                    }
                    tracing::warn!(namespace = self.options.name, %error, "defragmentation waits");
                    self.storage.wait_for_change(LOOK);
                }
            }
        }
    }

    /// Gives one block back, if room is short; false if there was nothing to do.
    pub fn defrag_step(&self) -> Result<bool> {
        self.defrag(false)
    }

    /// Gives the best block back, short of room or not. For tests and for measuring.
    pub fn defrag_now(&self) -> Result<bool> {
        self.defrag(true)
    }

    fn defrag(&self, eager: bool) -> Result<bool> {
        self.drop_durable_tombstones();
        let lwm_pct = self.settings().defrag_lwm_pct;
        match self.storage.next_victim(lwm_pct, eager)? {
            Chosen::Nothing => Ok(false),
            Chosen::Freed(_) => Ok(true),
            Chosen::Victim(victim) => {
                let _timer = Timer::of(&self.metrics.defrag);
                match self.empty(&victim) {
                    Ok(()) => self.storage.finish_victim(victim),
                    Err(error) => {
                        self.storage.abandon_victim(&victim);
                        Err(error)
                    }
                }
            }
        }
    }

    /// Moves what is needed out of a victim.
    fn empty(&self, victim: &Victim) -> Result<()> {
        for n in 0..victim.len() {
            if let Some(record) = self.storage.victim_record(victim, n) {
                self.place_record(victim, n, &record)?;
            }
        }
        Ok(())
    }

    fn place_record(&self, victim: &Victim, n: usize, record: &VictimRecord) -> Result<()> {
        let _gate = self.gate.read().unwrap_or_else(|poisoned| poisoned.into_inner());
        let _lock = self.lock_record(&record.digest);
        let mut entries = self.index.get(&record.digest);
        match entries.clone().find(|entry| entry.location == record.location) {
            // Its reads are errors, and stay so: the block is kept.
            Some(entry) if record.damaged && !entry.tombstone => Ok(()),
            Some(entry) if !entry.tombstone => self.move_record(victim, n, record, &entry),
            found => {
                // A newer version is known: nothing depends on this one.
                let newer = entries.any(|entry| entry.location != record.location);
                let ends = record.tombstone || record.void_time != 0;
                if ends && !newer {
                    self.storage.keep_tombstone(victim, n)?;
                }
                if let Some(entry) = found {
                    self.index.remove(&record.digest, entry.location);
                }
                Ok(())
            }
        }
    }

    fn move_record(
        &self,
        victim: &Victim,
        n: usize,
        record: &VictimRecord,
        entry: &Entry,
    ) -> Result<()> {
        let copy = self.storage.copy(victim, n)?;
        let size_class = crate::class_of(copy.units)?;
        let new = Entry { location: copy.location, size_class, ..*entry };
        if !self.index.replace(&record.digest, entry.location, new) {
            let detail =
                format!("the index entry of record {} moved under its lock", record.digest);
            return Err(model::Error::new(ErrorKind::Internal, detail));
        }
        self.storage.release(entry.location, units_of(entry));
        let (before, after) = (crate::bytes_of(entry), crate::bytes_of(&new));
        self.sets.count(entry.set_id, 0, after as i64 - before as i64);
        self.metrics.moved.fetch_add(1, Relaxed);
        Ok(())
    }
}
