//! Questions to secondary indexes.

use std::collections::{HashSet, VecDeque};
use std::ops::Bound;
use std::sync::Arc;

use model::{Digest, IndexDef, Value};

/// Which values of an index are asked for. They are of the index's type, else nothing is found.
#[derive(Debug, Clone, PartialEq)]
pub enum IndexRange {
    /// Those between two ends. Everything is between two ends that are unbounded.
    Between(Bound<Value>, Bound<Value>),
    /// This value.
    Equal(Value),
    /// Strings or blobs that begin with this one.
    Prefix(Value),
    /// Shapes by a GeoJSON text: points in that region, and regions with that point in them.
    Geo(String),
}

/// What an index says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexInfo {
    /// Namespace.
    pub namespace: String,
    /// What it is over.
    pub def: Arc<IndexDef>,
    /// Whether it is built. Until then its questions are answered from scans.
    pub ready: bool,
    /// How much of it is built, percent.
    pub built_pct: u8,
    /// Entries: one for each different value of each record; of shapes one for each cell.
    pub entries: u64,
    /// Bytes of memory that it takes, everything counted.
    pub bytes: u64,
    /// Different values in it, an estimate; at most `entries`.
    pub distinct: u64,
}

/// How many entries a range has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct IndexCount {
    /// Entries, never fewer than there are records that match.
    pub entries: u64,
    /// Whether this is the number of records that match: nothing in the index expires, a value stands
    /// in it whole, a record is in it once, and no limit of counting was reached.
    pub exact: bool,
}

/// A resumable walk over an index in the order of its values. Begins as its default; what is in it is
/// the store's.
#[derive(Debug, Clone, Default)]
pub struct OrderedCursor {
    /// The last record that was given, with the value for which it was.
    pub last: Option<(Value, Digest)>,
    /// Records that were given: one whose value changes meanwhile does not come twice. 32 bytes or
    /// so for each, so a walk over very many records should sort instead.
    pub given: HashSet<Digest>,
    /// Records that are sorted already and come next, with the values that they were sorted by.
    pub pending: VecDeque<(Value, Digest)>,
    /// Whether the walk is one of scans, since the index was not ready when it began.
    pub by_scan: bool,
    /// Whether the walk has seen everything.
    pub done: bool,
}
