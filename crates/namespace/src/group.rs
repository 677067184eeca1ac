//! Atomic groups: changes of several records that happen together or not at all.
//!
//! The locks of all records are taken in one order, the generations are compared with those that the
//! caller expects, every change is decided, and all new versions are one append: one part of one
//! commit group, recovered whole or not at all. Readers may see some records changed a moment
//! before the others.

use model::{Digest, Error, ErrorKind, Key, Result};
use storage::{Ticket, Write, WriteKind};
use store::{Change, Expect, GroupChange, Outcome};

use crate::Namespace;
use crate::modify::NewRecord;
use crate::read::{Located, ReadAhead};

/// A change with the record as it is and as it will be.
struct Decided<'a> {
    of: &'a GroupChange<'a>,
    old: Option<Located>,
    existed: bool,
    /// `None` = deleted.
    new: Option<NewRecord>,
    key: Option<Key>,
}

impl Namespace {
    /// Applies all changes or none. A record that is not as expected gives
    /// [`ErrorKind::GenerationMismatch`] and nothing has changed. The outcomes, in the order of the changes,
    /// hold once the ticket is done.
    pub fn apply(
        &self,
        group: &[GroupChange<'_>],
        now_ms: u64,
        ahead: &mut ReadAhead<'_>,
    ) -> Result<(Vec<Outcome>, Option<Ticket>)> {
        let now_ms = self.lut_of(now_ms);
        let _pin = self.storage.pin();
        let _gate = self.gate.read().unwrap_or_else(|poisoned| poisoned.into_inner());
        self.drop_durable_tombstones();
        let _locks = self.lock_records(group)?;
        let mut decided = Vec::with_capacity(group.len());
        let mut seen = None;
        for of in group {
            let (old, damage) = self.locate_damaged(&of.digest, ahead)?;
            if let Some(error) = damage {
                return Err(error);
            }
            // Even a group that changes nothing says what it has seen.
            seen = old.as_ref().and_then(|old| old.ticket.clone()).or(seen);
            decided.extend(self.decide(of, old, now_ms)?);
        }
        let ticket = self.write_group(&decided, now_ms)?;
        // In the order of the group, without those that change nothing.
        let mut decided = decided.iter().peekable();
        let outcome = |of: &GroupChange<'_>| match decided
            .next_if(|decided| decided.of.digest == of.digest)
        {
            Some(decided) => Outcome {
                existed: decided.existed,
                generation: decided.new.as_ref().map_or(0, |new| new.generation),
                void_time: decided.new.as_ref().map_or(0, |new| new.void_time),
                changed: true,
            },
            None => Outcome { existed: false, generation: 0, void_time: 0, changed: false },
        };
        Ok((group.iter().map(outcome).collect(), ticket.or(seen)))
    }

    fn lock_records(
        &self,
        group: &[GroupChange<'_>],
    ) -> Result<Vec<std::sync::MutexGuard<'_, ()>>> {
        let mut digests: Vec<Digest> = group.iter().map(|change| change.digest).collect();
        digests.sort_unstable();
        if let Some(twice) = digests.windows(2).find(|pair| pair[0] == pair[1]) {
            let detail = format!("record {} is in a group twice; change it once", twice[0]);
            return Err(Error::new(ErrorKind::Parameter, detail));
        }
        let mut stripes: Vec<usize> = digests.iter().map(crate::stripe_of).collect();
        stripes.sort_unstable();
        stripes.dedup();
        Ok(stripes.into_iter().map(|stripe| crate::lock(&self.locks[stripe])).collect())
    }

    /// What a change does to a record; `None` = nothing.
    fn decide<'a>(
        &self,
        of: &'a GroupChange<'a>,
        old: Option<Located>,
        now_ms: u64,
    ) -> Result<Option<Decided<'a>>> {
        let seen = old.as_ref().map(|old| &old.record).filter(|record| !record.expired(now_ms));
        let existed = seen.is_some();
        let as_expected = match of.expect {
            Expect::Any => true,
            Expect::Absent => !existed,
            Expect::Generation(expected) => seen.is_some_and(|r| r.generation == expected),
        };
        if !as_expected {
            let found =
                seen.map_or("absent".to_string(), |r| format!("generation {}", r.generation));
            let detail = format!("record {} is {found}, not as expected; read it again", of.digest);
            return Err(Error::new(ErrorKind::GenerationMismatch, detail));
        }
        let (new, key) = match &of.change {
            Change::Keep => return Ok(None),
            Change::Delete if old.is_none() => return Ok(None),
            Change::Delete => (None, None),
            Change::Write { bins, replace, ttl } => {
                self.check_writes(of.set)?;
                let new = self.merge(of.set, seen, bins.clone(), *replace, *ttl, now_ms)?;
                (Some(new), of.key.cloned().or_else(|| seen.and_then(|r| r.key.clone())))
            }
        };
        Ok(Some(Decided { of, old, existed, new, key }))
    }

    fn write_group(&self, decided: &[Decided<'_>], now_ms: u64) -> Result<Option<Ticket>> {
        if decided.is_empty() {
            return Ok(None);
        }
        let writes: Vec<Write<'_>> = decided.iter().map(|one| one.write(now_ms)).collect();
        let appended = self.storage.append_all(&writes)?;
        for (one, appended) in decided.iter().zip(&appended) {
            let digest = &one.of.digest;
            let Some(new) = &one.new else {
                if let Some(old) = &one.old {
                    self.bury(digest, old, appended)?;
                }
                continue;
            };
            self.put_in_place(digest, one.key.as_ref(), new, one.old.as_ref(), appended)?;
        }
        Ok(appended.last().map(|appended| appended.ticket.clone()))
    }
}

impl Decided<'_> {
    fn write(&self, now_ms: u64) -> Write<'_> {
        let (kind, bins, generation, void_time) = match &self.new {
            Some(new) => (WriteKind::Record, &new.bins[..], new.generation, new.void_time),
            None => {
                let generation = self.old.as_ref().map_or(1, |old| old.record.generation);
                (WriteKind::Tombstone, &[][..], generation, 0)
            }
        };
        Write {
            kind,
            digest: self.of.digest,
            set: self.of.set,
            key: self.key.as_ref(),
            bins,
            generation,
            lut_ms: now_ms,
            void_time,
        }
    }
}
