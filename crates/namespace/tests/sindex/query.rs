//! A query under way, and what is to be said of its rows.

use std::collections::{BTreeMap, BTreeSet};

use futures::executor::block_on;
use model::{Digest, ErrorKind, Name, Record, Value};
use namespace::Namespace;
use store::{Bins, IndexRange, OrderedCursor, ScanCursor};

use crate::model_of::{Over, State, Version, is_in, number_of};
use crate::{Checked, Random};

pub(crate) struct Query {
    over: Over,
    range: IndexRange,
    way: Way,
    bins: Option<Vec<Name>>,
    max: usize,
    /// Records that have been in the range since the query began, with the value that they are sorted
    /// by.
    always: BTreeMap<i64, Option<Value>>,
    given: BTreeSet<i64>,
}

enum Way {
    /// With the digest that came last.
    Unordered(ScanCursor, Option<Digest>),
    /// With the value that came last, and whether the walk goes down.
    Ordered(OrderedCursor, Option<Value>, bool),
}

/// What a step of a query has come to.
pub(crate) enum Step {
    More,
    Done,
}

impl Query {
    pub(crate) fn begin(random: &mut Random, over: Over, state: &State, now_ms: u64) -> Query {
        let way = match random.below(4) {
            0 => Way::Ordered(OrderedCursor::default(), None, false),
            1 => Way::Ordered(OrderedCursor::default(), None, true),
            _ => {
                let start = if random.one_in(4) { random.below(4096) as u16 } else { 0 };
                Way::Unordered(ScanCursor::new(start, 4096), None)
            }
        };
        let bins = match random.below(3) {
            0 => None,
            1 => Some(vec!["id".into()]),
            _ => Some(vec!["id".into(), "n".into()]),
        };
        let mut query = Query {
            over,
            range: over.range(random),
            way,
            bins,
            max: 1 + random.below(5) as usize,
            always: BTreeMap::new(),
            given: BTreeSet::new(),
        };
        for (number, version) in state.iter().filter(|(_, version)| version.alive(now_ms)) {
            if query.is_asked(*number) && query.holds(*number, version) {
                query.always.insert(*number, query.first(*number, version));
            }
        }
        query
    }

    /// Tells that a record is like that now.
    pub(crate) fn note(&mut self, number: i64, version: Option<&Version>, now_ms: u64) {
        let stays = version.is_some_and(|version| {
            version.alive(now_ms)
                && self.holds(number, version)
                && self.always.get(&number) == Some(&self.first(number, version))
        });
        if !stays {
            self.always.remove(&number);
        }
    }

    /// Takes the next rows.
    pub(crate) fn step(
        &mut self,
        namespace: &Namespace,
        state: &State,
        now_ms: u64,
    ) -> Checked<Step> {
        let (name, max) = (self.over.name(), self.max);
        let bins = self.bins.clone();
        let bins = bins.as_deref().map_or(Bins::All, Bins::Named);
        let rows = match &mut self.way {
            Way::Unordered(cursor, _) => {
                block_on(namespace.index_scan(&name, &self.range, bins, cursor, max, now_ms))
            }
            Way::Ordered(cursor, _, down) => {
                let (range, down) = (&self.range, *down);
                block_on(namespace.index_ordered(&name, range, down, bins, cursor, max, now_ms))
            }
        };
        let rows = match rows {
            Ok((rows, _)) => rows,
            // It was dropped meanwhile.
            Err(error) if error.kind == ErrorKind::IndexNotFound => return Ok(Step::Done),
            Err(error) => return Err(format!("{self}: {error}")),
        };
        for (_, record) in &rows {
            self.judge(record, state, now_ms)?;
        }
        let done = match &self.way {
            Way::Unordered(cursor, _) => cursor.done(),
            Way::Ordered(cursor, ..) => cursor.done,
        };
        if !done {
            return Ok(Step::More);
        }
        match self.always.keys().find(|number| !self.given.contains(number)) {
            Some(missed) => Err(format!("{self}: record {missed} was not given")),
            None => Ok(Step::Done),
        }
    }

    fn judge(&mut self, record: &Record, state: &State, now_ms: u64) -> Checked {
        let number = number_of(record);
        let wrong = |what: &str| Err(format!("{self}: record {number} {what}"));
        let Some(version) = state.get(&number).filter(|version| version.alive(now_ms)) else {
            return wrong("is not there");
        };
        if !self.holds(number, version) {
            return wrong("is not in the range");
        }
        let wanted = |name: &&&str| match &self.bins {
            None => true,
            Some(names) => names.iter().any(|wanted| **wanted == ***name),
        };
        let expected: Vec<_> = version.bins.iter().filter(|(name, _)| wanted(name)).collect();
        let found: BTreeMap<&str, &Value> =
            record.bins.iter().map(|(name, value)| (&**name, value)).collect();
        if found.len() != expected.len()
            || expected.iter().any(|(name, value)| found.get(**name) != Some(value))
        {
            return wrong("has other bins");
        }
        let first = self.first(number, version);
        if self.given.contains(&number) {
            return wrong("came twice");
        }
        let in_order = match &self.way {
            Way::Unordered(_, last) => {
                let place = index::Index::tag_of;
                last.as_ref().is_none_or(|last| place(last) <= place(&record.digest))
            }
            Way::Ordered(_, last, down) => {
                let last = last.as_ref();
                last.is_none_or(|last| {
                    let first = first.as_ref().expect("an order goes by values");
                    if *down { last >= first } else { last <= first }
                })
            }
        };
        if !in_order {
            return wrong("is out of order");
        }
        match &mut self.way {
            Way::Unordered(_, last) => *last = Some(record.digest),
            Way::Ordered(_, last, _) => *last = first,
        }
        self.given.insert(number);
        Ok(())
    }

    /// Whether the query looks at the record's partition.
    fn is_asked(&self, number: i64) -> bool {
        match &self.way {
            Way::Unordered(cursor, _) => {
                crate::model_of::digest_of(number).partition().get() >= cursor.partition
            }
            Way::Ordered(..) => true,
        }
    }

    fn holds(&self, number: i64, version: &Version) -> bool {
        self.over.values(number, version).iter().any(|value| is_in(value, &self.range))
    }

    /// The value in the range that an ordered walk comes to first.
    fn first(&self, number: i64, version: &Version) -> Option<Value> {
        let Way::Ordered(_, _, down) = &self.way else { return None };
        let values = self.over.values(number, version).into_iter();
        let fits = values.filter(|value| is_in(value, &self.range));
        if *down { fits.max() } else { fits.min() }
    }
}

impl std::fmt::Display for Query {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let way = match &self.way {
            Way::Unordered(cursor, _) => format!("at {cursor:?}"),
            Way::Ordered(cursor, _, down) => format!("down {down} behind {:?}", cursor.last),
        };
        write!(f, "{:?} {:?} {way}", self.over, self.range)
    }
}
