//! What a bin can hold.

use std::cmp::Ordering;
use std::fmt;

use crate::{List, Map, MapOrder};

/// The value of a bin, or of an element inside a list or a map. Each value carries its own type.
#[derive(Debug, Clone)]
pub enum Value {
    /// Nothing. Appears only inside lists and maps: a bin without a value is an absent bin.
    Nil,
    /// True or false.
    Bool(bool),
    /// A 64-bit signed integer.
    Integer(i64),
    /// UTF-8 text.
    String(String),
    /// Values in a row.
    List(List),
    /// Keys with their values.
    Map(Map),
    /// Bytes.
    Blob(Vec<u8>),
    /// A 64-bit IEEE 754 number.
    Double(f64),
    /// A GeoJSON object, as text.
    GeoJson(String),
    /// A HyperLogLog sketch, as bytes.
    Hll(Vec<u8>),
}

/// The type of a [`Value`]. The numbers are Aerospike's particle types where it has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum ValueType {
    /// No value.
    Nil = 0,
    /// 64-bit integer.
    Integer = 1,
    /// 64-bit double.
    Double = 2,
    /// Text.
    String = 3,
    /// Bytes.
    Blob = 4,
    /// Boolean.
    Bool = 17,
    /// HyperLogLog.
    Hll = 18,
    /// Map.
    Map = 19,
    /// List.
    List = 20,
    /// GeoJSON.
    GeoJson = 23,
}

impl ValueType {
    /// Every type, in the order of their numbers.
    pub const ALL: [ValueType; 10] = [
        ValueType::Nil,
        ValueType::Integer,
        ValueType::Double,
        ValueType::String,
        ValueType::Blob,
        ValueType::Bool,
        ValueType::Hll,
        ValueType::Map,
        ValueType::List,
        ValueType::GeoJson,
    ];

    /// The type of this particle number.
    pub fn from_particle(number: u8) -> Option<ValueType> {
        ValueType::ALL.into_iter().find(|t| *t as u8 == number)
    }

    /// Aerospike's name of the type, lower case.
    pub fn name(self) -> &'static str {
        match self {
            ValueType::Nil => "nil",
            ValueType::Integer => "integer",
            ValueType::Double => "double",
            ValueType::String => "string",
            ValueType::Blob => "blob",
            ValueType::Bool => "bool",
            ValueType::Hll => "hll",
            ValueType::Map => "map",
            ValueType::List => "list",
            ValueType::GeoJson => "geojson",
        }
    }
}

impl fmt::Display for ValueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of [`ValueType`]s, one bit each: what a bin has ever held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct TypeSet(u32);

impl TypeSet {
    /// The set with nothing in it.
    pub const EMPTY: TypeSet = TypeSet(0);

    /// This set with `value_type` in it.
    #[must_use]
    pub fn with(self, value_type: ValueType) -> TypeSet {
        TypeSet(self.0 | 1 << value_type as u8)
    }

    /// Whether `value_type` is in the set.
    pub fn contains(self, value_type: ValueType) -> bool {
        self.0 & 1 << value_type as u8 != 0
    }

    /// The one type in the set, if there is exactly one.
    pub fn single(self) -> Option<ValueType> {
        (self.0.count_ones() == 1)
            .then(|| ValueType::from_particle(self.0.trailing_zeros() as u8))
            .flatten()
    }

    /// The types in the set, in the order of their numbers.
    pub fn iter(self) -> impl Iterator<Item = ValueType> {
        ValueType::ALL.into_iter().filter(move |t| self.contains(*t))
    }

    /// The set as bits, bit n for particle type n.
    pub fn bits(self) -> u32 {
        self.0
    }

    /// The set of these bits.
    pub fn from_bits(bits: u32) -> TypeSet {
        TypeSet(bits)
    }
}

impl Value {
    /// An unordered list of these values.
    pub fn list(items: impl Into<List>) -> Value {
        Value::List(items.into())
    }

    /// An unordered map of these pairs. Of pairs with equal keys the last one stays.
    pub fn map(pairs: impl IntoIterator<Item = (Value, Value)>) -> Value {
        Value::Map(Map::new(pairs.into_iter().collect(), MapOrder::Unordered))
    }

    /// The type.
    pub fn value_type(&self) -> ValueType {
        match self {
            Value::Nil => ValueType::Nil,
            Value::Bool(_) => ValueType::Bool,
            Value::Integer(_) => ValueType::Integer,
            Value::String(_) => ValueType::String,
            Value::List(_) => ValueType::List,
            Value::Map(_) => ValueType::Map,
            Value::Blob(_) => ValueType::Blob,
            Value::Double(_) => ValueType::Double,
            Value::GeoJson(_) => ValueType::GeoJson,
            Value::Hll(_) => ValueType::Hll,
        }
    }

    /// The rank of the type among values of mixed types, as Aerospike's lists and maps order them:
    /// nil, bool, integer, string, list, map, blob, double, GeoJSON; HLL last.
    fn rank(&self) -> u8 {
        match self {
            Value::Nil => 0,
            Value::Bool(_) => 1,
            Value::Integer(_) => 2,
            Value::String(_) => 3,
            Value::List(_) => 4,
            Value::Map(_) => 5,
            Value::Blob(_) => 6,
            Value::Double(_) => 7,
            Value::GeoJson(_) => 8,
            Value::Hll(_) => 9,
        }
    }
}

/// A total order: first by type rank, then by value; doubles by IEEE 754 `totalOrder`.
impl Ord for Value {
    fn cmp(&self, other: &Value) -> Ordering {
        match (self, other) {
            (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
            (Value::Integer(a), Value::Integer(b)) => a.cmp(b),
            (Value::String(a), Value::String(b)) => a.cmp(b),
            (Value::List(a), Value::List(b)) => a.cmp(b),
            (Value::Map(a), Value::Map(b)) => a.cmp(b),
            (Value::Blob(a), Value::Blob(b)) | (Value::Hll(a), Value::Hll(b)) => a.cmp(b),
            (Value::Double(a), Value::Double(b)) => a.total_cmp(b),
            (Value::GeoJson(a), Value::GeoJson(b)) => a.cmp(b),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Value) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Value) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Value {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn type_sets() {
        let one = TypeSet::EMPTY.with(ValueType::GeoJson);
        assert_eq!(one.single(), Some(ValueType::GeoJson));
        let two = one.with(ValueType::Bool);
        assert_eq!(two.single(), None);
        assert_eq!(two.iter().collect::<Vec<_>>(), [ValueType::Bool, ValueType::GeoJson]);
        assert_eq!(TypeSet::from_bits(two.bits()), two);
    }
}
