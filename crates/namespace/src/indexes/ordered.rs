//! The records of a range in the order of its values: a merge of what the trees have next.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use model::{Digest, Error, ErrorKind, IndexType, Result, Value};
use sindex::{Span, key};
use storage::Ticket;
use store::{Bins, IndexRange, OrderedCursor};

use super::keys::key_of;
use super::query::{Question, STEP};
use super::scan::{along, directed};
use super::{IndexBug, Secondary, tag_of};
use crate::Namespace;
use crate::metrics::Timer;
use crate::read::OfSet;

/// Fewest and most entries that are taken from a tree at once.
const AHEAD: (usize, usize) = (4, 256);

/// A place in the trees: key and tag.
type Place = (u128, u64);

impl Namespace {
    /// The next records of a range in the order of their values, at most `max`, and moves the cursor
    /// on. They hold once the ticket is done. From scans, a whole one at each call, where the index
    /// was being built when the walk began.
    #[expect(clippy::too_many_arguments, reason = "a question, how far it is, and what is wanted")]
    pub async fn index_ordered(
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
        let question = Question::new(&index, range, bins, now_ms)?;
        // An index that was made anew since the walk began may be one that is not ready.
        cursor.by_scan |= !index.ready();
        if cursor.by_scan {
            cursor.pending.clear();
            return self.scan_ordered(&question, descending, cursor, max);
        }
        let _timer = Timer::of(&self.metrics.query);
        let mut walk = Walk { question, descending, records: Vec::new(), newest: None };
        self.walk_on(&mut walk, cursor, max).await?;
        Ok((walk.records, walk.newest))
    }

    async fn walk_on(
        &self,
        walk: &mut Walk<'_>,
        cursor: &mut OrderedCursor,
        max: usize,
    ) -> Result<()> {
        let index = walk.question.index;
        self.give_pending(walk, cursor, max).await?;
        let (spans, _) = index.spans(&walk.question.asked);
        let after = cursor.last.as_ref().and_then(|last| place_behind(last, walk.descending));
        let [span] = spans[..] else {
            // A range without a value has no span.
            cursor.done = true;
            return Ok(());
        };
        let mut merge = Merge::new(index, span, after, walk.descending, max);
        while walk.records.len() < max {
            let left = (max - walk.records.len()).min(STEP);
            let mut next = Vec::with_capacity(left);
            while next.len() < left
                && let Some(place) = merge.next()
            {
                let tied = index.is_of_bytes() && key::alike(place.0) != (place.0..=place.0);
                if !tied {
                    next.push(place);
                    continue;
                }
                self.give(walk, cursor, &std::mem::take(&mut next)).await?;
                let ties = merge.alike(place);
                self.sort_ties(walk, cursor, &ties).await?;
                self.give_pending(walk, cursor, max).await?;
                break;
            }
            self.give(walk, cursor, &next).await?;
            if merge.is_empty() && cursor.pending.is_empty() {
                cursor.done = true;
                return Ok(());
            }
        }
        Ok(())
    }

    /// Gives the records of these places, whose keys tell their values.
    async fn give(
        &self,
        walk: &mut Walk<'_>,
        cursor: &mut OrderedCursor,
        places: &[Place],
    ) -> Result<()> {
        let tags: Vec<u64> = places.iter().map(|(_, tag)| *tag).collect();
        let _pin = self.storage.pin();
        let (found, ticket) = self.records_of_each(&tags, &walk.question).await?;
        walk.newest = ticket.or(walk.newest.take());
        for ((key, _), found) in places.iter().zip(found) {
            for of in found {
                // It is in the walk where the first of its values is.
                let first = walk.first_value(&of);
                if let Some(value) = first.filter(|value| key_of(value) == Some(*key)) {
                    self.give_one(walk, cursor, value, of);
                }
            }
        }
        Ok(())
    }

    fn give_one(
        &self,
        walk: &mut Walk<'_>,
        cursor: &mut OrderedCursor,
        value: Value,
        (set, record): OfSet,
    ) {
        let digest = record.digest;
        cursor.last = Some((value, digest));
        if cursor.given.insert(digest) || self.has_bug(IndexBug::GivesTwice) {
            walk.records.push((set, walk.question.only(record)));
        }
    }

    /// Reads the values of records that share a place in the order of keys, and leaves them to be
    /// given in the order of the values themselves.
    async fn sort_ties(
        &self,
        walk: &mut Walk<'_>,
        cursor: &mut OrderedCursor,
        ties: &[Place],
    ) -> Result<()> {
        let mut tags: Vec<u64> = ties.iter().map(|(_, tag)| *tag).collect();
        tags.sort_unstable();
        tags.dedup();
        let alike = key::alike(ties[0].0);
        let mut pending: Vec<(Value, Digest)> = Vec::with_capacity(tags.len());
        for tags in tags.chunks(STEP) {
            let _pin = self.storage.pin();
            let (found, ticket) = self.records_of(tags, &walk.question).await?;
            walk.newest = ticket.or(walk.newest.take());
            for of in found {
                let first = walk.first_value(&of);
                let here = |value: &Value| key_of(value).is_some_and(|key| alike.contains(&key));
                pending.extend(first.filter(here).map(|value| (value, of.1.digest)));
            }
        }
        if !self.has_bug(IndexBug::TiesUnsorted) {
            pending.sort_by(|a, b| along(a, b, walk.descending));
        }
        cursor.pending = VecDeque::from(pending);
        Ok(())
    }

    /// Gives those that are sorted already, as far as they still have the values that they were sorted
    /// by.
    async fn give_pending(
        &self,
        walk: &mut Walk<'_>,
        cursor: &mut OrderedCursor,
        max: usize,
    ) -> Result<()> {
        while walk.records.len() < max && !cursor.pending.is_empty() {
            let left = (max - walk.records.len()).min(STEP).min(cursor.pending.len());
            let next: Vec<_> = cursor.pending.drain(..left).collect();
            let tags: Vec<u64> = next.iter().map(|(_, digest)| tag_of(digest)).collect();
            let _pin = self.storage.pin();
            let (found, ticket) = self.records_of_each(&tags, &walk.question).await?;
            walk.newest = ticket.or(walk.newest.take());
            for ((value, digest), found) in next.into_iter().zip(found) {
                let same = found.into_iter().find(|(_, record)| record.digest == digest);
                let same = same.filter(|of| walk.first_value(of).as_ref() == Some(&value));
                cursor.last = Some((value.clone(), digest));
                if let Some(of) = same {
                    self.give_one(walk, cursor, value, of);
                }
            }
        }
        Ok(())
    }

    /// [`Namespace::records_of`], tag by tag.
    async fn records_of_each(
        &self,
        tags: &[u64],
        question: &Question<'_>,
    ) -> Result<(Vec<Vec<OfSet>>, Option<Ticket>)> {
        let (found, ticket) = self.records_of(tags, question).await?;
        let mut found = found.into_iter().peekable();
        let of_tag = |tag: &u64| {
            let mut of = Vec::new();
            while let Some(one) = found.next_if(|(_, record)| tag_of(&record.digest) == *tag) {
                of.push(one);
            }
            of
        };
        Ok((tags.iter().map(of_tag).collect(), ticket))
    }
}

/// A call's part of a walk.
struct Walk<'a> {
    question: Question<'a>,
    descending: bool,
    records: Vec<OfSet>,
    newest: Option<Ticket>,
}

impl Walk<'_> {
    /// The value of a record in the range that the walk comes to first.
    fn first_value(&self, (set, record): &OfSet) -> Option<Value> {
        let values = self.question.values(record, set).into_iter();
        values.min_by(|a, b| directed(a, b, self.descending))
    }
}

/// The last place of those that share the order with what was given last.
fn place_behind((value, digest): &(Value, Digest), descending: bool) -> Option<Place> {
    let key = key_of(value)?;
    let alike = match value {
        Value::String(_) | Value::Blob(_) => key::alike(key),
        _ => key..=key,
    };
    Some(match descending {
        _ if alike.start() == alike.end() => (key, tag_of(digest)),
        false => (*alike.end(), u64::MAX),
        true => (*alike.start(), 0),
    })
}

/// The entries of all trees in one order.
struct Merge<'a> {
    index: &'a Secondary,
    span: Span,
    descending: bool,
    /// Entries that are taken from a tree at once.
    ahead: usize,
    /// What was taken from each tree and not given, and the last that was taken.
    trees: Vec<(VecDeque<Place>, Option<Place>)>,
    /// The next place of each tree, as an order that is smallest first, with the tree.
    heap: BinaryHeap<Reverse<(Place, usize)>>,
}

impl<'a> Merge<'a> {
    fn new(
        index: &'a Secondary,
        span: Span,
        after: Option<Place>,
        descending: bool,
        max: usize,
    ) -> Merge<'a> {
        let trees = index.entries.trees();
        let ahead = (2 * max / trees).clamp(AHEAD.0, AHEAD.1);
        let trees = vec![(VecDeque::new(), after); trees];
        let mut merge = Merge { index, span, descending, ahead, trees, heap: BinaryHeap::new() };
        (0..merge.trees.len()).for_each(|tree| merge.push(tree));
        merge
    }

    fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }

    fn next(&mut self) -> Option<Place> {
        let Reverse((place, tree)) = self.heap.pop()?;
        self.push(tree);
        Some(self.turned(place))
    }

    /// The place and those that come next and share its place in the order of keys.
    fn alike(&mut self, first: Place) -> Vec<Place> {
        let alike = key::alike(first.0);
        let mut places = vec![first];
        while let Some(Reverse((next, _))) = self.heap.peek()
            && alike.contains(&self.turned(*next).0)
        {
            places.extend(self.next());
        }
        places
    }

    /// Puts the next entry of a tree among those to choose from.
    fn push(&mut self, tree: usize) {
        let (taken, last) = &mut self.trees[tree];
        if taken.is_empty() {
            let entries = &self.index.entries;
            taken.extend(entries.walk(tree, self.span, *last, self.descending, self.ahead));
            *last = taken.back().copied().or(*last);
        }
        if let Some(place) = taken.pop_front() {
            self.heap.push(Reverse((self.turned(place), tree)));
        }
    }

    /// A place by which the walk is upwards.
    fn turned(&self, (key, tag): Place) -> Place {
        if self.descending { (!key, !tag) } else { (key, tag) }
    }
}
