//! Records as a scan shows them: in place, without a copy of any of them.
//!
//! Whoever reads many records gives a [`Rows`]. For each record the store calls [`Rows::record`],
//! then [`Rows::bin`] for those of the wanted bins that the record has.

use std::borrow::Cow;

use crate::{Digest, Name, Record, Value, ValueType};

/// A value that stands in somebody else's bytes.
#[derive(Debug, Clone, PartialEq)]
pub enum ValueRef<'a> {
    /// True or false.
    Bool(bool),
    /// A 64-bit signed integer.
    Integer(i64),
    /// A 64-bit IEEE 754 number.
    Double(f64),
    /// UTF-8 text.
    String(&'a str),
    /// Bytes.
    Blob(&'a [u8]),
    /// A GeoJSON object, as text.
    GeoJson(&'a str),
    /// A HyperLogLog sketch, as bytes.
    Hll(&'a [u8]),
    /// A list, a map or nil.
    Other(Cow<'a, Value>),
}

impl<'a> From<&'a Value> for ValueRef<'a> {
    fn from(value: &'a Value) -> ValueRef<'a> {
        match value {
            Value::Bool(b) => ValueRef::Bool(*b),
            Value::Integer(n) => ValueRef::Integer(*n),
            Value::Double(d) => ValueRef::Double(*d),
            Value::String(s) => ValueRef::String(s),
            Value::Blob(b) => ValueRef::Blob(b),
            Value::GeoJson(s) => ValueRef::GeoJson(s),
            Value::Hll(b) => ValueRef::Hll(b),
            Value::Nil | Value::List(_) | Value::Map(_) => ValueRef::Other(Cow::Borrowed(value)),
        }
    }
}

impl<'a> From<&'a crate::Key> for ValueRef<'a> {
    fn from(key: &'a crate::Key) -> ValueRef<'a> {
        match key {
            crate::Key::Integer(n) => ValueRef::Integer(*n),
            crate::Key::String(s) => ValueRef::String(s),
            crate::Key::Blob(b) => ValueRef::Blob(b),
        }
    }
}

impl ValueRef<'_> {
    /// The value on its own.
    pub fn into_value(self) -> Value {
        match self {
            ValueRef::Bool(b) => Value::Bool(b),
            ValueRef::Integer(n) => Value::Integer(n),
            ValueRef::Double(d) => Value::Double(d),
            ValueRef::String(s) => Value::String(s.to_string()),
            ValueRef::Blob(b) => Value::Blob(b.to_vec()),
            ValueRef::GeoJson(s) => Value::GeoJson(s.to_string()),
            ValueRef::Hll(b) => Value::Hll(b.to_vec()),
            ValueRef::Other(value) => value.into_owned(),
        }
    }

    /// Its type.
    pub fn value_type(&self) -> ValueType {
        match self {
            ValueRef::Bool(_) => ValueType::Bool,
            ValueRef::Integer(_) => ValueType::Integer,
            ValueRef::Double(_) => ValueType::Double,
            ValueRef::String(_) => ValueType::String,
            ValueRef::Blob(_) => ValueType::Blob,
            ValueRef::GeoJson(_) => ValueType::GeoJson,
            ValueRef::Hll(_) => ValueType::Hll,
            ValueRef::Other(value) => value.value_type(),
        }
    }
}

/// What of each record is wanted, beside its metadata.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Whether the user key is.
    pub key: bool,
    /// These bins, each once.
    pub bins: &'a [Name],
}

/// A record but for its bins. The fields are those of [`Record`].
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "said in Record")]
pub struct Head<'a> {
    pub digest: Digest,
    /// `None` also where it is not wanted.
    pub key: Option<ValueRef<'a>>,
    pub generation: u16,
    pub lut_ms: u64,
    pub void_time: u32,
    pub size: u32,
}

impl Head<'_> {
    /// Whether the record has expired at `now_ms` (milliseconds since 1970-01-01 UTC).
    pub fn expired(&self, now_ms: u64) -> bool {
        crate::record::expired(self.void_time, now_ms)
    }

    /// Whole seconds that the record has left at `now_ms`; -1 = it never dies.
    pub fn ttl_s(&self, now_ms: u64) -> i64 {
        crate::record::ttl_s(self.void_time, now_ms)
    }
}

/// Takes the records of a scan, one after the other. Where the scan ends in an error, what it has
/// given before may be half a record.
pub trait Rows: Send {
    /// Begins a record. `false`: its bins are not wanted.
    fn record(&mut self, head: &Head<'_>) -> bool;

    /// A bin of this record, by its place among those that are wanted. They come in any order.
    fn bin(&mut self, place: usize, value: ValueRef<'_>);
}

impl Record {
    /// Gives `rows` what is wanted of this record.
    pub fn give(&self, wanted: Wanted<'_>, rows: &mut impl Rows) {
        let head = Head {
            digest: self.digest,
            key: self.key.as_ref().filter(|_| wanted.key).map(ValueRef::from),
            generation: self.generation,
            lut_ms: self.lut_ms,
            void_time: self.void_time,
            size: self.size,
        };
        if !rows.record(&head) {
            return;
        }
        for (place, name) in wanted.bins.iter().enumerate() {
            if let Some(value) = self.bin(name) {
                rows.bin(place, value.into());
            }
        }
    }
}
