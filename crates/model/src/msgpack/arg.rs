//! Arguments of operations: values, and two that are none.

use std::cmp::Ordering;

use crate::Value;

/// An argument of an operation on a list or a map.
#[derive(Debug, Clone, PartialEq)]
pub enum Arg {
    /// A value.
    Value(Value),
    /// A list with something inside that is no value.
    List(Vec<Arg>),
    /// Above every value: as the end of a range it leaves nothing out.
    Infinity,
    /// Equal to anything; inside a list to all that comes from there on, if there is something.
    Wildcard,
}

impl Arg {
    /// Where `value` stands to this argument.
    pub fn order_of(&self, value: &Value) -> Ordering {
        match (self, value) {
            (Arg::Value(this), value) => value.cmp(this),
            (Arg::Infinity, _) => Ordering::Less,
            (Arg::Wildcard, _) => Ordering::Equal,
            (Arg::List(pattern), Value::List(items)) => order_of_items(pattern, items),
            // Of another type, so that only the type counts.
            (Arg::List(_), value) => value.cmp(&Value::list(Vec::new())),
        }
    }

    /// Whether `value` is what this argument means.
    pub fn matches(&self, value: &Value) -> bool {
        self.order_of(value) == Ordering::Equal
    }

    /// The value, if it is one.
    pub fn into_value(self) -> Option<Value> {
        match self {
            Arg::Value(value) => Some(value),
            _ => None,
        }
    }
}

fn order_of_items(pattern: &[Arg], items: &[Value]) -> Ordering {
    for (arg, item) in pattern.iter().zip(items) {
        if *arg == Arg::Wildcard {
            return Ordering::Equal;
        }
        let order = arg.order_of(item);
        if order != Ordering::Equal {
            return order;
        }
    }
    items.len().cmp(&pattern.len())
}

impl From<Value> for Arg {
    fn from(value: Value) -> Arg {
        Arg::Value(value)
    }
}
