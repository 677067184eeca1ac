//! Records, indexes and ranges of the model: what should be, said as plainly as possible.

use std::collections::BTreeMap;
use std::ops::Bound;

use model::msgpack::{encode, put_integer, put_list_header, put_raw};
use model::{Collection, Digest, IndexDef, IndexSource, IndexType, Key, Name, Value};
use store::IndexRange;

use crate::Random;

pub(crate) const SETS: [&str; 2] = ["a", "b"];

/// A record as it should be.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Version {
    pub(crate) bins: BTreeMap<&'static str, Value>,
    pub(crate) void_time: u32,
    pub(crate) lut_ms: u64,
}

impl Version {
    pub(crate) fn alive(&self, now_ms: u64) -> bool {
        self.void_time == 0 || u64::from(self.void_time) * 1000 > now_ms
    }
}

/// Records by number.
pub(crate) type State = BTreeMap<i64, Version>;

pub(crate) fn set_of(number: i64) -> &'static str {
    SETS[number as usize / 2 % SETS.len()]
}

pub(crate) fn digest_of(number: i64) -> Digest {
    Key::Integer(number).digest(set_of(number))
}

pub(crate) fn number_of(record: &model::Record) -> i64 {
    match record.key {
        Some(Key::Integer(number)) => number,
        _ => panic!("a record without its key: {record:?}"),
    }
}

const TEXTS: [&str; 9] = [
    "",
    "b",
    "https://www.",
    "https://www.aerie",
    "https://www.aerie.example/",
    "https://www.aerie.example/a",
    "https://www.aerie.example/a\0",
    "https://www.aerie.example/b",
    "httpz",
];

/// A number between 0 and 11.
fn small(random: &mut Random) -> i64 {
    random.below(12) as i64
}

/// What a write says of each bin; `None` takes it away.
pub(crate) fn written(random: &mut Random) -> Vec<(&'static str, Option<Value>)> {
    let mut bins = vec![("id", Some(Value::Integer(random.below(1 << 40) as i64)))];
    for name in ["n", "t", "l", "d"] {
        if random.one_in(3) {
            continue;
        }
        let value = match (name, random.below(10)) {
            (_, 0) => None,
            // Of a type that the index leaves out.
            (_, 1) => Some(Value::Bool(true)),
            ("n", _) => Some(Value::Integer(small(random))),
            ("t", _) => Some(Value::String((*random.of(&TEXTS)).to_string())),
            ("d", _) => Some(Value::Double(small(random) as f64 / 2.0 - 1.0)),
            _ => {
                let count = random.below(5);
                let items: Vec<_> = (0..count).map(|_| Value::Integer(small(random))).collect();
                Some(Value::list(items))
            }
        };
        bins.push((name, value));
    }
    bins
}

/// The indexes that come and go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Over {
    /// Bin n in set a.
    N,
    /// Bin n in all sets.
    NOfAll,
    /// Bin t in set b.
    T,
    /// The elements of bin l in set a.
    L,
    /// Bin d of records whose n is above 5, in all sets.
    DWhereN,
    /// n + 1 in set b.
    NPlusOne,
}

impl Over {
    pub(crate) const ALL: [Over; 6] =
        [Over::N, Over::NOfAll, Over::T, Over::L, Over::DWhereN, Over::NPlusOne];

    pub(crate) fn name(self) -> String {
        format!("{self:?}")
    }

    fn set(self) -> Option<&'static str> {
        match self {
            Over::N | Over::L => Some("a"),
            Over::T | Over::NPlusOne => Some("b"),
            Over::NOfAll | Over::DWhereN => None,
        }
    }

    fn value_type(self) -> IndexType {
        match self {
            Over::N | Over::NOfAll | Over::L | Over::NPlusOne => IndexType::Integer,
            Over::T => IndexType::String,
            Over::DWhereN => IndexType::Double,
        }
    }

    pub(crate) fn def(self) -> IndexDef {
        let bin = match self {
            Over::N | Over::NOfAll => "n",
            Over::T => "t",
            Over::L => "l",
            Over::DWhereN => "d",
            Over::NPlusOne => "",
        };
        let n = || operation(81, &[encode(&Value::Integer(2)), raw("n")]);
        let number = |n| encode(&Value::Integer(n));
        IndexDef {
            name: self.name().into(),
            set: self.set().map(Name::from),
            source: match self {
                Over::NPlusOne => IndexSource::Expression(operation(20, &[n(), number(1)]).into()),
                _ => IndexSource::Bin { bin: bin.into(), context: None },
            },
            collection: if self == Over::L { Collection::List } else { Collection::Scalar },
            value_type: self.value_type(),
            filter: (self == Over::DWhereN).then(|| operation(3, &[n(), number(5)]).into()),
        }
    }

    /// The values under which the index has a record.
    pub(crate) fn values(self, number: i64, version: &Version) -> Vec<Value> {
        if self.set().is_some_and(|set| set != set_of(number)) {
            return Vec::new();
        }
        let bin = |name: &str| version.bins.get(name).cloned();
        let n = match bin("n") {
            Some(Value::Integer(n)) => Some(n),
            _ => None,
        };
        let values = match self {
            Over::N | Over::NOfAll => bin("n").into_iter().collect(),
            Over::T => bin("t").into_iter().collect(),
            Over::DWhereN => bin("d").filter(|_| n.is_some_and(|n| n > 5)).into_iter().collect(),
            Over::NPlusOne => n.map(|n| Value::Integer(n + 1)).into_iter().collect(),
            Over::L => match bin("l") {
                Some(Value::List(list)) => list.to_vec(),
                _ => Vec::new(),
            },
        };
        let fits = |value: &Value| value.value_type() == self.value_type().value_type();
        values.into_iter().filter(fits).collect()
    }

    /// A range of it.
    pub(crate) fn range(self, random: &mut Random) -> IndexRange {
        if random.one_in(6) {
            return IndexRange::Between(Bound::Unbounded, Bound::Unbounded);
        }
        let mut value = || match self.value_type() {
            IndexType::String => Value::String((*random.of(&TEXTS)).to_string()),
            IndexType::Double => Value::Double(small(random) as f64 / 2.0 - 1.0),
            _ => Value::Integer(small(random)),
        };
        let (one, other) = (value(), value());
        let (low, high) = if one <= other { (one, other) } else { (other, one) };
        match random.below(6) {
            0 => IndexRange::Equal(low),
            1 if self == Over::T => IndexRange::Prefix(high),
            1 => IndexRange::Between(Bound::Unbounded, Bound::Included(high)),
            2 => IndexRange::Between(Bound::Excluded(low), Bound::Excluded(high)),
            3 => IndexRange::Between(Bound::Excluded(low), Bound::Unbounded),
            _ => IndexRange::Between(Bound::Included(low), Bound::Included(high)),
        }
    }
}

/// Whether a value is in a range.
pub(crate) fn is_in(value: &Value, range: &IndexRange) -> bool {
    match range {
        IndexRange::Equal(equal) => value == equal,
        IndexRange::Prefix(start) => match (value, start) {
            (Value::String(value), Value::String(start)) => value.starts_with(start.as_str()),
            _ => false,
        },
        IndexRange::Between(low, high) => {
            let above = match low {
                Bound::Included(low) => value >= low,
                Bound::Excluded(low) => value > low,
                Bound::Unbounded => true,
            };
            above
                && match high {
                    Bound::Included(high) => value <= high,
                    Bound::Excluded(high) => value < high,
                    Bound::Unbounded => true,
                }
        }
        IndexRange::Geo(_) => false,
    }
}

fn operation(code: i64, arguments: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::new();
    put_list_header(&mut out, arguments.len() + 1);
    put_integer(&mut out, code);
    arguments.iter().for_each(|argument| out.extend(argument));
    out
}

fn raw(name: &str) -> Vec<u8> {
    let mut out = Vec::new();
    put_raw(&mut out, name.as_bytes());
    out
}
