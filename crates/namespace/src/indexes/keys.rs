//! Values and ranges of them as keys of the trees.

use std::ops::Bound;

use model::{IndexType, Value};
use particle::geo::Shape;
use sindex::{Span, key};

use super::Secondary;
use super::maintain::Fields;
use super::values::{Asked, plain};

impl Secondary {
    /// The keys of a record, each once, in order.
    pub(super) fn keys(&self, record: &Fields<'_>) -> Vec<u128> {
        let mut keys = Vec::new();
        self.extract.each(record, |value| keys_of(value, &mut keys));
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// Where in the trees the values of a range are, and whether nothing else is there.
    pub(super) fn spans(&self, asked: &Asked) -> (Vec<Span>, bool) {
        match asked {
            Asked::Between(from, to) => between(self.def.value_type, from, to),
            Asked::Prefix(start) => match bytes_of(start) {
                Some(bytes) if self.is_of_bytes() => {
                    (vec![key::beginning_with(bytes)], key::is_whole(bytes))
                }
                _ => (Vec::new(), true),
            },
            Asked::Shape(shape) => {
                let ranges = shape.cell_ranges().into_iter();
                (ranges.map(|(from, to)| (from.into(), to.into())).collect(), false)
            }
        }
    }

    pub(super) fn is_of_bytes(&self) -> bool {
        matches!(self.def.value_type, IndexType::String | IndexType::Blob)
    }
}

/// The key of a value that has an order; `None` for shapes and what cannot be indexed.
pub(super) fn key_of(value: &Value) -> Option<u128> {
    Some(match value {
        Value::Integer(integer) => key::of_integer(*integer),
        Value::Double(double) => key::of_double(plain(*double)),
        Value::Bool(truth) => key::of_bool(*truth),
        value => key::of_bytes(bytes_of(value)?),
    })
}

fn keys_of(value: &Value, keys: &mut Vec<u128>) {
    match key_of(value) {
        Some(key) => keys.push(key),
        None => {
            let shape = Shape::of(value);
            keys.extend(shape.iter().flat_map(Shape::cells).map(u128::from));
        }
    }
}

fn bytes_of(value: &Value) -> Option<&[u8]> {
    match value {
        Value::String(text) => Some(text.as_bytes()),
        Value::Blob(bytes) => Some(bytes),
        _ => None,
    }
}

fn between(of: IndexType, from: &Bound<Value>, to: &Bound<Value>) -> (Vec<Span>, bool) {
    let nothing = (Vec::new(), true);
    let fits = |bound: &Bound<Value>| match bound {
        Bound::Included(end) | Bound::Excluded(end) => end.value_type() == of.value_type(),
        Bound::Unbounded => true,
    };
    if !fits(from) || !fits(to) {
        return nothing;
    }
    let (start, whole_start) = match from {
        Bound::Unbounded => (Some(0), true),
        Bound::Included(value) => low(value),
        Bound::Excluded(value) => match high(value) {
            (Some(end), true) => (end.checked_add(1), true),
            _ => low(value),
        },
    };
    let (end, whole_end) = match to {
        Bound::Unbounded => (Some(u128::MAX), true),
        Bound::Included(value) => high(value),
        Bound::Excluded(value) => match low(value) {
            (Some(start), true) => (start.checked_sub(1), true),
            _ => high(value),
        },
    };
    match (start, end) {
        (Some(start), Some(end)) if start <= end => {
            let equal = matches!((from, to), (Bound::Included(a), Bound::Included(b)) if a == b);
            match key_of_end(from).filter(|_| equal) {
                // However many share its place in the order.
                Some(key) => (vec![(key, key)], whole_start),
                None => (vec![(start, end)], whole_start && whole_end),
            }
        }
        _ => nothing,
    }
}

fn key_of_end(end: &Bound<Value>) -> Option<u128> {
    match end {
        Bound::Included(value) => key_of(value),
        _ => None,
    }
}

/// The least key that a value or what shares its place has, and whether nothing shares it.
fn low(value: &Value) -> (Option<u128>, bool) {
    match bytes_of(value) {
        Some(bytes) => (Some(key::from_bytes(bytes)), key::is_whole(bytes)),
        None => (key_of(value), true),
    }
}

/// The greatest.
fn high(value: &Value) -> (Option<u128>, bool) {
    match bytes_of(value) {
        Some(bytes) => (Some(key::to_bytes(bytes)), key::is_whole(bytes)),
        None => (key_of(value), true),
    }
}
