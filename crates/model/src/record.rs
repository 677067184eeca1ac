//! A record as it leaves the store.

use std::sync::Arc;

use crate::{Digest, Key, Value};

/// A name of a bin or a set, shared between the records that use it.
pub type Name = Arc<str>;

/// One record: its identity, its bins and its metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The record's 20-byte name.
    pub digest: Digest,
    /// The user key, where it was stored.
    pub key: Option<Key>,
    /// Bins that have a value, in the order in which they were first written.
    pub bins: Vec<(Name, Value)>,
    /// Number of writes, modulo 2^16, never 0.
    pub generation: u16,
    /// Last update time, milliseconds since 1970-01-01 UTC.
    pub lut_ms: u64,
    /// Second since 1970-01-01 UTC from which the record is gone; 0 = never.
    pub void_time: u32,
    /// Bytes that the record takes in storage, header and padding included.
    pub size: u32,
}

impl Record {
    /// The value of the bin of this name.
    pub fn bin(&self, name: &str) -> Option<&Value> {
        self.bins.iter().find(|(n, _)| &**n == name).map(|(_, v)| v)
    }

    /// Whole seconds that the record has left at `now_ms`; -1 = it never dies.
    pub fn ttl_s(&self, now_ms: u64) -> i64 {
        ttl_s(self.void_time, now_ms)
    }

    /// Whether the record has expired at `now_ms` (milliseconds since 1970-01-01 UTC).
    pub fn expired(&self, now_ms: u64) -> bool {
        expired(self.void_time, now_ms)
    }
}

/// What [`Record::ttl_s`] says of what dies in second `void_time`.
pub(crate) fn ttl_s(void_time: u32, now_ms: u64) -> i64 {
    match void_time {
        0 => -1,
        void_time => ((u64::from(void_time) * 1000).saturating_sub(now_ms) / 1000) as i64,
    }
}

/// Whether what dies in second `void_time` has at `now_ms`.
pub(crate) fn expired(void_time: u32, now_ms: u64) -> bool {
    void_time != 0 && u64::from(void_time) * 1000 <= now_ms
}
