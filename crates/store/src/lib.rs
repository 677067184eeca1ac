//! What a statement may ask of a key-value core.
//!
//! [`Store`] has two ends: the node itself implements it, and later a remote cluster does. It is
//! async with static dispatch: a get that memory can answer completes at its first poll and boxes
//! nothing. Everything a statement does to one record goes through [`Store::modify`], atomically:
//! the closure sees the record and says what becomes of it.
//!
//! Always true: an answer is given only when it is as durable as the namespace promises, for writes
//! and for reads of what was just written; a record that has expired or was truncated is absent.

mod group;
mod indexes;
mod locks;
mod merge;
mod metrics;
mod renewal;
mod transaction;
mod walk;

use std::future::Future;
use std::sync::Arc;

use model::{
    Catalog, Digest, Error, IndexDef, Key, Name, Object, ObjectKind, PartitionId, Record, Result,
    Rows, Table, TypeSet, Value, Wanted,
};

pub use group::{Expect, GroupChange};
pub use indexes::{IndexCount, IndexInfo, IndexRange, OrderedCursor};
pub use locks::Locks;
pub use merge::merged;
pub use metrics::{Histogram, Latency, Stat};
pub use renewal::renewal;
pub use transaction::{Savepoint, Transaction, View};
pub use walk::IndexWalk;

/// Where a record is: namespace, set and key.
#[derive(Debug, Clone, Copy)]
pub struct Address<'a> {
    /// Namespace, exact name.
    pub namespace: &'a str,
    /// Set, exact name; empty for the null set.
    pub set: &'a str,
    /// The record's name.
    pub digest: Digest,
    /// The user key, which a write stores beside the bins; `None` when only the digest is known.
    pub key: Option<&'a Key>,
}

/// Which bins of a record are wanted.
#[derive(Debug, Clone, Copy)]
pub enum Bins<'a> {
    /// Every bin.
    All,
    /// Metadata only.
    None,
    /// These, where the record has them.
    Named(&'a [Name]),
}

/// When a written record dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ttl {
    /// After the default of set or namespace.
    #[default]
    Default,
    /// Never.
    Never,
    /// When it would have died without this write.
    Keep,
    /// This many seconds from now.
    Seconds(u32),
}

/// What a change meets.
#[derive(Debug, Clone, Copy)]
pub enum Seen<'a> {
    /// No record.
    Absent,
    /// The record, with all bins.
    Record(&'a Record),
    /// A record whose stored bytes are damaged. [`Change::Delete`] takes it away, and a
    /// [`Change::Write`] that replaces, as if there were none, supersedes it; for anything else the
    /// error is the answer.
    Damaged(&'a Error),
}

impl<'a> Seen<'a> {
    /// The record if there is one, for a change that cannot do without reading it.
    pub fn record(self) -> Result<Option<&'a Record>> {
        match self {
            Seen::Absent => Ok(None),
            Seen::Record(record) => Ok(Some(record)),
            Seen::Damaged(error) => Err(error.clone()),
        }
    }
}

/// What becomes of a record.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// Nothing.
    Keep,
    /// Bins are written; `None` removes the bin.
    Write {
        /// Bins and their new values, in order.
        bins: Vec<(Name, Option<Value>)>,
        /// Whether bins that are not named go away, instead of staying as they are.
        replace: bool,
        /// Time to live.
        ttl: Ttl,
    },
    /// The record is deleted, by a tombstone that outlives restarts.
    Delete,
}

/// What a [`Store::modify`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// Whether the record was there before.
    pub existed: bool,
    /// Generation after the change; 0 when the record is absent after it.
    pub generation: u16,
    /// Second since 1970-01-01 UTC from which the record is gone; 0 = never, or absent.
    pub void_time: u32,
    /// Whether anything was written.
    pub changed: bool,
}

/// One record of [`Store::modify_many`].
#[derive(Debug, Clone)]
pub struct Target {
    /// The record's name.
    pub digest: Digest,
    /// The user key.
    pub key: Option<Key>,
}

/// A resumable scan over some partitions of a set, in digest order inside a partition.
#[derive(Debug, Clone)]
pub struct ScanCursor {
    /// Partition that the next batch begins in.
    pub partition: u16,
    /// One past the last partition of the scan.
    pub end: u16,
    /// Opaque position inside the partition; `None` at its start.
    pub position: Option<ScanPosition>,
}

/// A place between two records of a partition, of the store's own making.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScanPosition(pub [u64; 3]);

impl ScanCursor {
    /// A scan of the partitions `start..end`.
    pub fn new(start: u16, end: u16) -> ScanCursor {
        ScanCursor { partition: start, end, position: None }
    }

    /// A scan of all partitions.
    pub fn all() -> ScanCursor {
        ScanCursor::new(0, model::PARTITIONS)
    }

    /// Whether the scan has seen everything.
    pub fn done(&self) -> bool {
        self.partition >= self.end
    }

    /// The partition that the next batch begins in.
    pub fn partition_id(&self) -> Option<PartitionId> {
        (!self.done()).then(|| PartitionId::new(self.partition)).flatten()
    }
}

/// What a namespace says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamespaceInfo {
    /// Name.
    pub name: String,
    /// Where records live: `memory` or `device`.
    pub storage_engine: &'static str,
    /// When a write is answered: `commit`, `interval 50 ms` or `memory`.
    pub durability: String,
    /// Records, expired ones that were not yet removed included.
    pub objects: u64,
    /// Tombstones in the log: deletes that older versions of their records may still lie behind.
    pub tombstones: u64,
    /// Bytes of memory that the index takes, everything counted.
    pub index_bytes: u64,
    /// Bytes of storage used.
    pub used_bytes: u64,
    /// Bytes of storage at most.
    pub capacity_bytes: u64,
    /// Time to live of new records, seconds; 0 = never.
    pub default_ttl_s: u32,
    /// Copies of each record that were asked for.
    pub replication_factor: u32,
    /// Why writes are refused, if they are; deletes go on unless the device failed.
    pub stop_writes: Option<String>,
}

/// What a set says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetInfo {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Records.
    pub objects: u64,
    /// Bytes of storage that its live records take.
    pub bytes: u64,
    /// Whether `CREATE TABLE` declared it.
    pub declared: bool,
}

/// What is known of a bin of a set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BinInfo {
    /// Namespace.
    pub namespace: String,
    /// Set.
    pub set: String,
    /// Name.
    pub name: Name,
    /// Every type that it has ever held.
    pub types: TypeSet,
}

/// How far a sequence is, as far as the store knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Given {
    /// A number of the sequence.
    pub last: i64,
    /// Whether that one may have been given, so that the next one comes after it.
    pub called: bool,
}

/// A key-value core. See the crate's page for what is always true.
pub trait Store: Send + Sync + 'static {
    /// The namespaces and tables as they are now.
    fn catalog(&self) -> Arc<Catalog>;

    /// The version of the catalogue as it is now.
    fn catalog_version(&self) -> u64 {
        self.catalog().version
    }

    /// The record, or `None` where there is none.
    fn get(
        &self,
        at: Address<'_>,
        bins: Bins<'_>,
    ) -> impl Future<Output = Result<Option<Record>>> + Send;

    /// The records of these digests, in their order.
    fn get_many(
        &self,
        namespace: &str,
        set: &str,
        digests: &[Digest],
        bins: Bins<'_>,
    ) -> impl Future<Output = Result<Vec<Option<Record>>>> + Send;

    /// Changes one record atomically: `change` sees it under its lock and says what becomes of it.
    /// An error from `change` leaves the record as it was. Where the device has no room for a
    /// moment `change` is asked again later: only its last answer counts.
    fn modify<F>(&self, at: Address<'_>, change: F) -> impl Future<Output = Result<Outcome>> + Send
    where
        F: FnMut(Seen<'_>) -> Result<Change> + Send;

    /// Changes many records, each atomically, none together, and waits once for all to be durable.
    /// `change` is told the target's number. Stops at the first error: the records before it stay
    /// changed.
    fn modify_many<F>(
        &self,
        namespace: &str,
        set: &str,
        targets: &[Target],
        change: F,
    ) -> impl Future<Output = Result<Vec<Outcome>>> + Send
    where
        F: FnMut(usize, Seen<'_>) -> Result<Change> + Send;

    /// Changes records of one namespace all together or not at all. A record that is not as expected
    /// gives [`ErrorKind::GenerationMismatch`](model::ErrorKind::GenerationMismatch), and nothing
    /// has changed. The outcomes are in the order of the changes.
    fn apply(
        &self,
        namespace: &str,
        group: &[GroupChange<'_>],
    ) -> impl Future<Output = Result<Vec<Outcome>>> + Send;

    /// The next records of a scan of one set, at most about `max`, and moves the cursor on. A
    /// record that is there during the whole scan is seen exactly once; one that comes or goes
    /// meanwhile, at most once.
    fn scan(
        &self,
        namespace: &str,
        set: &str,
        bins: Bins<'_>,
        cursor: &mut ScanCursor,
        max: usize,
    ) -> impl Future<Output = Result<Vec<Record>>> + Send;

    /// Like [`Store::scan`], of all sets of the users; each record comes with its set.
    fn scan_sets(
        &self,
        namespace: &str,
        bins: Bins<'_>,
        cursor: &mut ScanCursor,
        max: usize,
    ) -> impl Future<Output = Result<Vec<(Name, Record)>>> + Send;

    /// Where a scan goes on that has seen the record of this digest, in its partition.
    fn scan_position_after(&self, namespace: &str, digest: &Digest) -> Result<ScanPosition>;

    /// The next records of a scan of one set in place: [`Store::scan`] without a copy of what is
    /// read. After an error `rows` may have been shown a part of a record.
    fn visit<R: Rows>(
        &self,
        namespace: &str,
        set: &str,
        wanted: Wanted<'_>,
        cursor: &mut ScanCursor,
        max: usize,
        rows: &mut R,
    ) -> impl Future<Output = Result<()>> + Send {
        async move {
            let bins = Bins::Named(wanted.bins);
            let records = self.scan(namespace, set, bins, cursor, max).await?;
            records.iter().for_each(|record| record.give(wanted, rows));
            Ok(())
        }
    }

    /// The number of records of a set, expired ones not counted.
    fn count(&self, namespace: &str, set: &str) -> impl Future<Output = Result<u64>> + Send;

    /// Deletes every record of a set whose last update is not after `before_lut_ms` (milliseconds
    /// since 1970-01-01 UTC), or every record if `None`.
    fn truncate(
        &self,
        namespace: &str,
        set: &str,
        before_lut_ms: Option<u64>,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Declares a table, or replaces its declaration. Durable on return. `oid` is given by the
    /// store for a new table.
    fn declare(&self, table: Table) -> impl Future<Output = Result<()>> + Send;

    /// Forgets a declaration and the set's secondary indexes, deletes its records and its bin catalogue.
    fn drop_table(&self, namespace: &str, name: &str) -> impl Future<Output = Result<()>> + Send;

    /// Makes an object of this name, or replaces it. Durable on return.
    fn define(
        &self,
        namespace: &str,
        name: &str,
        object: Object,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Forgets an object, if it is there.
    fn undefine(
        &self,
        namespace: &str,
        kind: ObjectKind,
        name: &str,
    ) -> impl Future<Output = Result<()>> + Send;

    /// How far the numbers of a sequence may have been given; `None` before the first.
    fn sequence(
        &self,
        namespace: &str,
        name: &str,
    ) -> impl Future<Output = Result<Option<Given>>> + Send;

    /// Notes how far the numbers of a sequence may be given from now on. Durable on return.
    fn set_sequence(
        &self,
        namespace: &str,
        name: &str,
        given: Given,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Makes a secondary index. Durable on return; it is built in the background while writes go on,
    /// at once where there is nothing to build. [`ErrorKind::IndexExists`](model::ErrorKind) where the
    /// name is taken.
    fn create_index(
        &self,
        namespace: &str,
        def: IndexDef,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Forgets a secondary index; whether there was one. `drop_table` forgets those of the set.
    fn drop_index(&self, namespace: &str, name: &str) -> impl Future<Output = Result<bool>> + Send;

    /// Secondary indexes of one namespace, or of all, by name. The catalogue has them, too, without
    /// their numbers.
    fn indexes(&self, namespace: Option<&str>) -> Result<Vec<IndexInfo>>;

    /// How many entries of an index are in a range. Counting ends when about `at_most` are counted.
    /// An index that is not ready counts what it has so far, which may be fewer than match.
    fn index_count(
        &self,
        namespace: &str,
        index: &str,
        range: &IndexRange,
        at_most: u64,
    ) -> Result<IndexCount>;

    /// The next records of a range, at most about `max`, each with its set, and moves the cursor on.
    /// Each is as it is when it is read, and in the range then. A record that is in the range during
    /// the whole walk is seen exactly once, any other at most once. An answer without records is not
    /// the end: [`ScanCursor::done`] is.
    ///
    /// Partition by partition, in the order of digests inside, as [`Store::scan`] goes, so that
    /// [`Store::scan_position_after`] of the last digest is where it goes on.
    fn index_scan(
        &self,
        namespace: &str,
        index: &str,
        range: &IndexRange,
        bins: Bins<'_>,
        cursor: &mut ScanCursor,
        max: usize,
    ) -> impl Future<Output = Result<Vec<(Name, Record)>>> + Send;

    /// The same in the order of the indexed values, those that are equal in the order of
    /// partitions and digests, or all against it. A record stands where its first value in the range, in that order, is.
    /// A record whose indexed values do not change meanwhile is seen exactly once, any other at most
    /// once. Shapes have no order: [`ErrorKind::Parameter`](model::ErrorKind).
    #[expect(clippy::too_many_arguments, reason = "a question, how far it is, and what is wanted")]
    fn index_ordered(
        &self,
        namespace: &str,
        index: &str,
        range: &IndexRange,
        descending: bool,
        bins: Bins<'_>,
        cursor: &mut OrderedCursor,
        max: usize,
    ) -> impl Future<Output = Result<Vec<(Name, Record)>>> + Send;

    /// Namespaces, by name.
    fn namespaces(&self) -> Vec<NamespaceInfo>;

    /// Sets of a namespace, by name.
    fn sets(&self, namespace: &str) -> Result<Vec<SetInfo>>;

    /// Bins of a set, in the order in which they were first written.
    fn bins(&self, namespace: &str, set: &str) -> Result<Vec<BinInfo>>;

    /// Numbers of one namespace, or of all.
    fn stats(&self, namespace: Option<&str>) -> Result<Vec<Stat>>;

    /// Latencies of one namespace, or of all.
    fn latencies(&self, namespace: Option<&str>) -> Result<Vec<Latency>>;

    /// Makes a namespace with these settings (configuration words and their values), durably.
    fn create_namespace(
        &self,
        name: &str,
        settings: &[(String, String)],
    ) -> impl Future<Output = Result<()>> + Send;

    /// Changes dynamic settings of a namespace (or, with `set`, of one of its sets) while it runs,
    /// durably.
    fn alter_namespace(
        &self,
        name: &str,
        set: Option<&str>,
        settings: &[(String, String)],
    ) -> impl Future<Output = Result<()>> + Send;

    /// Forgets a namespace that was made with `create_namespace` and deletes its data.
    fn drop_namespace(&self, name: &str) -> impl Future<Output = Result<()>> + Send;

    /// Milliseconds since 1970-01-01 UTC, the store's clock.
    fn now_ms(&self) -> u64;
}
