//! Answers of an index that is not built yet: from the records of its sets, all of them.

use std::cmp::Ordering;

use index::Index as Primary;
use model::{Digest, Result, Value};
use storage::Ticket;
use store::{OrderedCursor, ScanCursor};

use super::query::{Question, STEP};
use super::values::order;
use crate::Namespace;
use crate::read::OfSet;

impl Namespace {
    /// The next records of a range. One step of the scan, so that it may answer nothing, and can be
    /// given up.
    pub(super) fn scan_for(
        &self,
        question: &Question<'_>,
        cursor: &mut ScanCursor,
        max: usize,
    ) -> Result<(Vec<OfSet>, Option<Ticket>)> {
        let (found, ticket) = self.scan_step(question, cursor, max)?;
        let fits = found.into_iter().filter(|(set, record)| question.holds(record, set));
        Ok((fits.map(|(set, record)| (set, question.only(record))).collect(), ticket))
    }

    /// The next records of a range in the order of their values: the best of all that come behind
    /// those that were given.
    pub(super) fn scan_ordered(
        &self,
        question: &Question<'_>,
        descending: bool,
        cursor: &mut OrderedCursor,
        max: usize,
    ) -> Result<(Vec<OfSet>, Option<Ticket>)> {
        let (mut best, mut newest) = (Vec::new(), None);
        let mut scan = ScanCursor::all();
        while !scan.done() {
            let (found, ticket) = self.scan_step(question, &mut scan, STEP)?;
            newest = ticket.or(newest);
            for (set, record) in found {
                let values = question.values(&record, &set).into_iter();
                let first = values.min_by(|a, b| directed(a, b, descending));
                let Some(value) = first.filter(|_| !cursor.given.contains(&record.digest)) else {
                    continue;
                };
                let at = (value, record.digest);
                let behind =
                    cursor.last.as_ref().is_none_or(|last| along(&at, last, descending).is_gt());
                if behind {
                    best.push((at, (set, record)));
                }
            }
            best.sort_by(|(a, _), (b, _)| along(a, b, descending));
            best.truncate(max);
        }
        cursor.done = best.len() < max;
        let mut records = Vec::with_capacity(best.len());
        for (at, (set, record)) in best {
            cursor.given.insert(record.digest);
            cursor.last = Some(at);
            records.push((set, question.only(record)));
        }
        Ok((records, newest))
    }

    fn scan_step(
        &self,
        question: &Question<'_>,
        cursor: &mut ScanCursor,
        max: usize,
    ) -> Result<(Vec<OfSet>, Option<Ticket>)> {
        let hidden = |set: &str| !question.index.covers(set);
        self.scan_sets(hidden, question.to_read(), cursor, max, question.now_ms)
    }
}

/// The order of two values along a walk.
pub(super) fn directed(a: &Value, b: &Value, descending: bool) -> Ordering {
    let order = order(a, b).unwrap_or(Ordering::Equal);
    if descending { order.reverse() } else { order }
}

/// The order of two records along a walk, by value, then by partition and digest.
pub(super) fn along(a: &(Value, Digest), b: &(Value, Digest), descending: bool) -> Ordering {
    let place = |digest: &Digest| (Primary::order(digest), *digest);
    let order = place(&a.1).cmp(&place(&b.1));
    let order = if descending { order.reverse() } else { order };
    directed(&a.0, &b.0, descending).then(order)
}
