//! Reading a set through secondary indexes, as a statement sees it.
//!
//! A walk goes through one or several ranges, of one index or several, and gives each record once. In
//! a transaction block what the block has written up to the walk's beginning comes at the end, since
//! the index does not know it; whether it is in a range the caller has to see, as of every record.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use model::{Digest, Record, Result};

use crate::{Bins, IndexRange, ScanCursor, Store, View};

/// Partitions that are gone through together where there are several ranges: what was given of them is
/// remembered meanwhile.
const TOGETHER: u16 = 256;

/// How far a walk is.
#[derive(Debug)]
pub struct IndexWalk {
    namespace: String,
    set: String,
    /// Indexes and their ranges.
    reaches: Vec<(String, IndexRange)>,
    /// Partitions that are not begun yet.
    rest: Range<u16>,
    /// The range that is being read, and how far it is.
    at: usize,
    cursor: ScanCursor,
    /// Partitions that are gone through now.
    now: Range<u16>,
    /// Records of these that were given, where there are several ranges.
    given: HashSet<Digest>,
    /// What the block has written.
    own: HashMap<Digest, Option<Record>>,
    done: bool,
}

impl IndexWalk {
    /// A walk through these ranges of the indexes of these names, in some partitions.
    pub fn new<S: Store>(
        view: &View<S>,
        (namespace, set): (&str, &str),
        reaches: Vec<(String, IndexRange)>,
        partitions: Range<u16>,
    ) -> IndexWalk {
        let here = |digest: &Digest| partitions.contains(&digest.partition().get());
        let mut own = view.written_in(namespace, set);
        own.retain(|digest, _| here(digest));
        let mut walk = IndexWalk {
            namespace: namespace.to_string(),
            set: set.to_string(),
            rest: partitions,
            at: 0,
            cursor: ScanCursor::new(0, 0),
            now: 0..0,
            given: HashSet::new(),
            own,
            done: false,
            reaches,
        };
        walk.go_on();
        walk
    }

    /// Whether there is nothing more.
    pub fn done(&self) -> bool {
        self.done
    }

    /// The next records, at most about `max`; perhaps none before the end.
    pub async fn next<S: Store>(
        &mut self,
        view: &View<S>,
        bins: Bins<'_>,
        max: usize,
    ) -> Result<Vec<Record>> {
        let Some((index, range)) = self.reaches.get(self.at) else {
            self.done = true;
            return Ok(self.own.drain().filter_map(|(_, record)| record).collect());
        };
        let store = view.store();
        let scan = store.index_scan(&self.namespace, index, range, bins, &mut self.cursor, max);
        let found = scan.await?;
        let several = self.reaches.len() > 1;
        let mut records = Vec::with_capacity(found.len());
        for (set, record) in found {
            let new = *set == *self.set && !self.own.contains_key(&record.digest);
            if new && (!several || self.given.insert(record.digest)) {
                records.push(record);
            }
        }
        if self.cursor.done() {
            self.at += 1;
            self.go_on();
        }
        Ok(records)
    }

    /// Begins the next range, or the first one of further partitions.
    fn go_on(&mut self) {
        if self.at == self.reaches.len() || self.now.is_empty() {
            let several = self.reaches.len() > 1;
            let step = if several { TOGETHER } else { u16::MAX };
            let end = self.rest.start.saturating_add(step).min(self.rest.end);
            self.now = self.rest.start..end;
            self.rest.start = end;
            self.given.clear();
            if !self.now.is_empty() {
                self.at = 0;
            } else {
                self.at = self.reaches.len();
                self.done = self.own.is_empty();
            }
        }
        self.cursor = ScanCursor::new(self.now.start, self.now.end);
    }
}
