//! Changes of several records that happen together or not at all.

use model::{Digest, Key, Record};

use crate::Change;

/// Which version of a record a change is meant for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// Any, or none.
    Any,
    /// None: the record is not there.
    Absent,
    /// The one of this generation.
    Generation(u16),
}

impl Expect {
    /// The version that was read.
    pub fn of(record: Option<&Record>) -> Expect {
        record.map_or(Expect::Absent, |record| Expect::Generation(record.generation))
    }
}

/// A change of one record in a group.
#[derive(Debug, Clone)]
pub struct GroupChange<'a> {
    /// Its set.
    pub set: &'a str,
    /// Its digest; once in a group.
    pub digest: Digest,
    /// The user key, if it is to be stored.
    pub key: Option<&'a Key>,
    /// The version that the change is meant for.
    pub expect: Expect,
    /// What becomes of it. [`Change::Keep`] holds the others to the version that was read.
    pub change: Change,
}
