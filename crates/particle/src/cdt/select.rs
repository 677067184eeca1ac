//! Which elements of a list or a map an operation means.
//!
//! Answers have an order that clients see. It is Aerospike's, as far as its clients' tests tell:
//!
//! - what is picked by place or key comes in the order of the places;
//! - what is picked by rank comes in the order of the ranks; of a list that is not ordered, lowest
//!   last where fewer elements lie below the span than above it;
//! - what is picked by value comes in the order of the places in a list, of the ranks in a map;
//! - ranks themselves ascend, but those of several values come value by value as they were given.

use std::cmp::Ordering;
use std::ops::Range;

use model::msgpack::Arg;
use model::{ErrorKind, List, ListOrder, Map, Result, Value};

use super::error;
use super::op::{Interval, Pick};

/// Elements with places: what lists and maps have in common.
pub(super) trait Elements {
    fn len(&self) -> usize;
    fn value(&self, at: usize) -> &Value;
    /// The pairs, if the elements have keys.
    fn pairs(&self) -> Option<&[(Value, Value)]>;
    /// Whether places are ranks.
    fn is_ranked(&self) -> bool;
}

impl Elements for List {
    fn len(&self) -> usize {
        self.items.len()
    }

    fn value(&self, at: usize) -> &Value {
        &self.items[at]
    }

    fn pairs(&self) -> Option<&[(Value, Value)]> {
        None
    }

    fn is_ranked(&self) -> bool {
        self.order == ListOrder::Ordered
    }
}

impl Elements for Map {
    fn len(&self) -> usize {
        self.pairs.len()
    }

    fn value(&self, at: usize) -> &Value {
        &self.pairs[at].1
    }

    fn pairs(&self) -> Option<&[(Value, Value)]> {
        Some(&self.pairs)
    }

    fn is_ranked(&self) -> bool {
        false
    }
}

/// The elements that are meant.
#[derive(Debug, PartialEq)]
pub(super) struct Picked {
    /// Their places, in the order of the answer.
    pub(super) places: Vec<usize>,
    /// In which order ranks are answered.
    pub(super) ranks: Ranks,
    /// Whether one element was asked for, so that the answer is no list.
    pub(super) single: bool,
}

/// In which order ranks are answered.
#[derive(Debug, PartialEq)]
pub(super) enum Ranks {
    AsPicked,
    Ascending,
    /// In the order of these places.
    Of(Vec<usize>),
}

/// Finds the elements that `pick` means, or all but those.
pub(super) fn picked(of: &impl Elements, pick: &Pick, inverted: bool) -> Result<Picked> {
    let many = |places, ranks| Picked { places, ranks, single: false };
    let found = match pick {
        Pick::Index(_) | Pick::Rank(_) | Pick::Key(_) | Pick::First(_) if inverted => {
            let detail = "one element is picked, so that the others cannot be meant";
            return Err(error(ErrorKind::Parameter, detail));
        }
        Pick::Index(index) => one(Some(place(*index, of.len())?)),
        Pick::Rank(rank) => one(Some(at_rank(of, place(*rank, of.len())?))),
        Pick::First(value) => one(equal(of, value).first().copied()),
        Pick::Key(key) => one(pairs(of)?.binary_search_by(|(known, _)| key.order_of(known)).ok()),
        Pick::Indexes(span) => many(span.within(of.len()).collect(), Ranks::AsPicked),
        Pick::Keys(keys) => many(with_keys(pairs(of)?, keys), Ranks::AsPicked),
        Pick::KeyInterval(interval) => {
            let pairs = pairs(of)?;
            many(between(pairs.len(), interval, |i| &pairs[i].0).collect(), Ranks::AsPicked)
        }
        Pick::KeyRelative(key, span) => {
            let pairs = pairs(of)?;
            let base = below(pairs.len(), key, |i| &pairs[i].0);
            many(span.relative_to(base, pairs.len()).collect(), Ranks::AsPicked)
        }
        Pick::Ranks(span) => many(at_ranks(of, span.within(of.len())), Ranks::Ascending),
        Pick::ValueRelative(value, span) => {
            let lower = (0..of.len()).filter(|i| value.order_of(of.value(*i)) == Ordering::Less);
            let range = span.relative_to(lower.count(), of.len());
            many(at_ranks(of, range), Ranks::Ascending)
        }
        Pick::Value(value) => many(equal(of, value), Ranks::Ascending),
        Pick::ValueInterval(interval) => many(in_interval(of, interval), Ranks::Ascending),
        Pick::Values(values) => {
            let given = with_values(of, values);
            let mut places = given.clone();
            places.sort_unstable();
            many(places, Ranks::Of(given))
        }
    };
    Ok(if inverted { others(of, pick, found) } else { found })
}

fn one(place: Option<usize>) -> Picked {
    Picked { places: place.into_iter().collect(), ranks: Ranks::AsPicked, single: true }
}

/// All places that were not picked.
fn others(of: &impl Elements, pick: &Pick, picked: Picked) -> Picked {
    let mut rest = vec![true; of.len()];
    picked.places.iter().for_each(|i| rest[*i] = false);
    let by_place = matches!(pick, Pick::Values(_)) || picked.ranks == Ranks::AsPicked;
    let order = if by_place || of.pairs().is_none() { (0..of.len()).collect() } else { ranked(of) };
    let ranks = match picked.ranks {
        Ranks::AsPicked => Ranks::AsPicked,
        _ => Ranks::Ascending,
    };
    Picked { places: order.into_iter().filter(|i| rest[*i]).collect(), ranks, single: false }
}

/// The place that `index` means among `len`: one that is there.
pub(super) fn place(index: i64, len: usize) -> Result<usize> {
    let from_end = if index < 0 { len as i128 } else { 0 };
    let at = usize::try_from(i128::from(index) + from_end).ok().filter(|at| *at < len);
    at.ok_or_else(|| {
        let detail = format!("there is no element {index} among {len}, counted from 0");
        error(ErrorKind::NotApplicable, detail)
    })
}

/// All places, the lowest value first; of equal values the first.
pub(super) fn ranked(of: &impl Elements) -> Vec<usize> {
    let mut order: Vec<usize> = (0..of.len()).collect();
    if !of.is_ranked() {
        order.sort_by(|a, b| of.value(*a).cmp(of.value(*b)));
    }
    order
}

fn at_rank(of: &impl Elements, rank: usize) -> usize {
    if of.is_ranked() {
        return rank;
    }
    let mut order: Vec<usize> = (0..of.len()).collect();
    let by_value = |a: &usize, b: &usize| of.value(*a).cmp(of.value(*b)).then(a.cmp(b));
    *order.select_nth_unstable_by(rank, by_value).1
}

fn at_ranks(of: &impl Elements, range: Range<usize>) -> Vec<usize> {
    let lowest_last = !of.is_ranked() && of.pairs().is_none() && range.start < of.len() - range.end;
    let mut places = ranked(of)[range].to_vec();
    if lowest_last {
        places.reverse();
    }
    places
}

/// How many of `len` ascending values lie below `arg`.
fn below<'a>(len: usize, arg: &Arg, value: impl Fn(usize) -> &'a Value) -> usize {
    boundary(len, |i| arg.order_of(value(i)) == Ordering::Less)
}

/// The places of ascending values in an interval.
fn between<'a>(
    len: usize,
    interval: &Interval,
    value: impl Fn(usize) -> &'a Value,
) -> Range<usize> {
    let start = below(len, &interval.from, &value);
    let end = interval.to.as_ref().map_or(len, |to| below(len, to, &value));
    start..end.max(start)
}

/// The places of ascending values that are `arg`.
fn run<'a>(len: usize, arg: &Arg, value: impl Fn(usize) -> &'a Value) -> Range<usize> {
    below(len, arg, &value)..boundary(len, |i| arg.order_of(value(i)) != Ordering::Greater)
}

/// The first of `len` places where `before` no longer holds.
fn boundary(len: usize, before: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (0, len);
    while low < high {
        let middle = low + (high - low) / 2;
        if before(middle) { low = middle + 1 } else { high = middle }
    }
    low
}

fn equal(of: &impl Elements, value: &Arg) -> Vec<usize> {
    if of.is_ranked() {
        return run(of.len(), value, |i| of.value(i)).collect();
    }
    fitting(of, |known| value.matches(known))
}

fn in_interval(of: &impl Elements, interval: &Interval) -> Vec<usize> {
    if of.is_ranked() {
        return between(of.len(), interval, |i| of.value(i)).collect();
    }
    fitting(of, |value| {
        interval.from.order_of(value) != Ordering::Less
            && interval.to.as_ref().is_none_or(|to| to.order_of(value) == Ordering::Less)
    })
}

/// The places of the values that fit: in their own order, in a map by rank.
fn fitting(of: &impl Elements, fits: impl Fn(&Value) -> bool) -> Vec<usize> {
    let mut places: Vec<usize> = (0..of.len()).filter(|i| fits(of.value(*i))).collect();
    if of.pairs().is_some() {
        places.sort_by(|a, b| of.value(*a).cmp(of.value(*b)));
    }
    places
}

/// The places of each of these values in turn, none of them twice.
fn with_values(of: &impl Elements, values: &[Arg]) -> Vec<usize> {
    let order = ranked(of);
    let mut seen = vec![false; of.len()];
    let mut found = Vec::new();
    for value in values {
        let places = &order[run(order.len(), value, |rank| of.value(order[rank]))];
        found.extend(places.iter().filter(|i| !std::mem::replace(&mut seen[**i], true)));
    }
    found
}

fn with_keys(pairs: &[(Value, Value)], keys: &[Arg]) -> Vec<usize> {
    let find = |key: &Arg| pairs.binary_search_by(|(known, _)| key.order_of(known)).ok();
    let mut places: Vec<usize> = keys.iter().filter_map(find).collect();
    places.sort_unstable();
    places.dedup();
    places
}

fn pairs(of: &impl Elements) -> Result<&[(Value, Value)]> {
    of.pairs().ok_or_else(|| error(ErrorKind::Parameter, "the elements of a list have no keys"))
}
