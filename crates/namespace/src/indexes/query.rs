//! Answers of an index from scans of its records.

use std::cmp::Ordering;

use model::{Digest, Error, ErrorKind, IndexType, Record, Result, Value};
use storage::Ticket;
use store::{Bins, IndexCount, IndexRange, OrderedCursor, ScanCursor};

use super::Secondary;
use super::values::{Asked, Fields, order};
use crate::Namespace;
use crate::read::OfSet;

/// Records of a scan at once.
const STEP: usize = 1000;

impl Namespace {
    /// Entries of an index in a range.
    pub fn index_count(&self, name: &str, range: &IndexRange, _: u64) -> Result<IndexCount> {
        let index = self.index_named(name)?;
        Asked::of(range, index.def.value_type)?;
        let sets = self.sets.all().into_iter().filter(|set| index.covers(&set.name));
        let entries = sets.map(|set| set.objects.load(std::sync::atomic::Ordering::Relaxed)).sum();
        Ok(IndexCount { entries, exact: false })
    }

    /// The next records of a range, at most `max`, and moves the cursor on. They hold once the ticket
    /// is done.
    pub fn index_scan(
        &self,
        name: &str,
        range: &IndexRange,
        bins: Bins<'_>,
        cursor: &mut ScanCursor,
        max: usize,
        now_ms: u64,
    ) -> Result<(Vec<OfSet>, Option<Ticket>)> {
        let index = self.index_named(name)?;
        let asked = Asked::of(range, index.def.value_type)?;
        let hidden = |set: &str| !index.covers(set);
        let (mut records, mut newest) = (Vec::new(), None);
        while records.len() < max && !cursor.done() {
            let left = max - records.len();
            let (found, ticket) = self.scan_sets(hidden, Bins::All, cursor, left, now_ms)?;
            newest = ticket.or(newest);
            let fits = found.into_iter().filter(|of| !index.values(of, &asked).is_empty());
            records.extend(fits.map(|(set, record)| (set, only(record, bins))));
        }
        Ok((records, newest))
    }

    /// The next records of a range in the order of their values, at most `max`, and moves the cursor
    /// on. They hold once the ticket is done.
    #[expect(clippy::too_many_arguments, reason = "a question, how far it is, and what is wanted")]
    pub fn index_ordered(
        &self,
        name: &str,
        range: &IndexRange,
        descending: bool,
        bins: Bins<'_>,
        cursor: &mut OrderedCursor,
        max: usize,
        now_ms: u64,
    ) -> Result<(Vec<OfSet>, Option<Ticket>)> {
        let index = self.index_named(name)?;
        if index.def.value_type == IndexType::Geo {
            let detail = format!("shapes have no order, and the index {name:?} is of shapes");
            return Err(Error::new(ErrorKind::Parameter, detail));
        }
        let asked = Asked::of(range, index.def.value_type)?;
        let hidden = |set: &str| !index.covers(set);
        let (mut best, mut newest) = (Vec::new(), None);
        let mut scan = ScanCursor::all();
        while !scan.done() {
            let (found, ticket) = self.scan_sets(hidden, Bins::All, &mut scan, STEP, now_ms)?;
            newest = ticket.or(newest);
            for of in found {
                let values = index.values(&of, &asked).into_iter();
                let value = values.min_by(|a, b| directed(a, b, descending));
                if let Some(value) = value
                    && !cursor.given.contains(&of.1.digest)
                    && is_after(&value, &of.1.digest, cursor, descending)
                {
                    best.push((value, of));
                }
            }
            best.sort_by(|(a, (_, of_a)), (b, (_, of_b))| {
                directed(a, b, descending).then(place(&of_a.digest).cmp(&place(&of_b.digest)))
            });
            best.truncate(max);
        }
        cursor.done = best.len() < max;
        if let Some((value, (_, record))) = best.last() {
            cursor.last = Some((value.clone(), record.digest));
        }
        cursor.given.extend(best.iter().map(|(_, (_, record))| record.digest));
        let records = best.into_iter().map(|(_, (set, record))| (set, only(record, bins)));
        Ok((records.collect(), newest))
    }
}

impl Secondary {
    /// The values of a record that are in the range.
    fn values(&self, (set, record): &OfSet, asked: &Asked) -> Vec<Value> {
        let mut values = Vec::new();
        self.extract.each(&Fields::of(record, set), |value| {
            if asked.holds(value) {
                values.push(value.clone());
            }
        });
        values
    }
}

fn directed(a: &Value, b: &Value, descending: bool) -> Ordering {
    let order = order(a, b).unwrap_or(Ordering::Equal);
    if descending { order.reverse() } else { order }
}

/// The place of a record among those of the same value.
fn place(digest: &Digest) -> (u128, Digest) {
    (index::Index::order(digest), *digest)
}

fn is_after(value: &Value, digest: &Digest, cursor: &OrderedCursor, descending: bool) -> bool {
    cursor.last.as_ref().is_none_or(|(last, at)| {
        directed(value, last, descending).then(place(digest).cmp(&place(at))).is_gt()
    })
}

/// The record with those bins that are wanted.
fn only(mut record: Record, bins: Bins<'_>) -> Record {
    match bins {
        Bins::All => {}
        Bins::None => record.bins.clear(),
        Bins::Named(names) => record.bins.retain(|(name, _)| names.contains(name)),
    }
    record
}
