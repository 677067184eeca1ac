//! What lists and maps have in common: elements picked by key, value, index or rank.

use std::cmp::Ordering;

use model::Value;

use super::Operation;
use crate::{SqlError, SqlResult};

/// By what elements are picked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pick {
    Key,
    KeyList,
    /// From the first on, up to before the second; nil is no bound.
    KeyRange,
    Value,
    ValueList,
    ValueRange,
    /// Place; negative from the end.
    Index,
    IndexRange,
    /// Place in the order of the values; negative from the highest.
    Rank,
    RankRange,
}

impl Pick {
    /// Whether one element is meant, which must be there.
    pub(super) fn is_single(self) -> bool {
        matches!(self, Pick::Index | Pick::Rank)
    }
}

/// Places of the elements that the operation picks, in ascending order.
pub(super) fn picked(
    operation: &Operation,
    pick: Pick,
    elements: &[(&Value, &Value)],
) -> SqlResult<Vec<usize>> {
    let (first, second) = (operation.arg(0), operation.arg(1));
    let those = |fits: &dyn Fn(&(&Value, &Value)) -> bool| {
        Ok((0..elements.len()).filter(|i| fits(&elements[*i])).collect())
    };
    let listed = |value: &Value| matches!(first, Value::List(items) if items.contains(value));
    let ranged = |value: &Value| {
        (*first == Value::Nil || value >= first) && (*second == Value::Nil || value < second)
    };
    match pick {
        Pick::Key => those(&|(key, _)| *key == first),
        Pick::KeyList => those(&|(key, _)| listed(key)),
        Pick::KeyRange => those(&|(key, _)| ranged(key)),
        Pick::Value => those(&|(_, value)| *value == first),
        Pick::ValueList => those(&|(_, value)| listed(value)),
        Pick::ValueRange => those(&|(_, value)| ranged(value)),
        Pick::Index => Ok(vec![place(operation, elements.len())?]),
        Pick::IndexRange => Ok(range(operation, elements.len()).collect()),
        Pick::Rank | Pick::RankRange => {
            let mut ranked: Vec<usize> = (0..elements.len()).collect();
            ranked.sort_by(|a, b| by_value(elements[*a], elements[*b]));
            let mut found = match pick {
                Pick::Rank => vec![ranked[place(operation, elements.len())?]],
                _ => ranked[range(operation, elements.len())].to_vec(),
            };
            found.sort_unstable();
            Ok(found)
        }
    }
}

fn by_value(a: (&Value, &Value), b: (&Value, &Value)) -> Ordering {
    a.1.cmp(b.1).then_with(|| a.0.cmp(b.0))
}

/// The place that the first argument means among `count` elements.
pub(super) fn place(operation: &Operation, count: usize) -> SqlResult<usize> {
    let index = operation.index(0).unwrap_or(0);
    let from = if index < 0 { index.saturating_add(count as i64) } else { index };
    usize::try_from(from).ok().filter(|place| *place < count).ok_or_else(|| {
        let message = format!("bin \"{}\" has no element {index}", operation.name());
        SqlError::new("2202E", message).detail(format!("It has {count}, counted from 0."))
    })
}

/// The places that `(start [, count])` mean among `count` elements, as far as they are there.
pub(super) fn range(operation: &Operation, count: usize) -> std::ops::Range<usize> {
    let length = count as i64;
    let start = operation.index(0).unwrap_or(0);
    let start = if start < 0 { start.saturating_add(length) } else { start };
    let wanted = operation.index(1).filter(|wanted| *wanted >= 0).unwrap_or(i64::MAX);
    let end = start.saturating_add(wanted).clamp(0, length);
    start.clamp(0, end) as usize..end as usize
}

/// `a + b` of numbers of one kind.
pub(super) fn sum(operation: &Operation, a: &Value, b: &Value) -> SqlResult<Value> {
    match (a, b) {
        (Value::Integer(a), Value::Integer(b)) => a.checked_add(*b).map(Value::Integer),
        (Value::Double(a), Value::Double(b)) => Some(Value::Double(a + b)),
        (Value::Double(a), Value::Integer(b)) => Some(Value::Double(a + *b as f64)),
        (Value::Integer(_), Value::Double(_)) => {
            return Err(SqlError::new("42804", "a double cannot be added to an integer")
                .hint("WRITE the bin as a double first"));
        }
        (other, _) => return Err(operation.kind_error(other, "number")),
    }
    .ok_or_else(|| SqlError::new("22003", "bigint out of range"))
}
