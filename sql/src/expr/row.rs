//! What an expression sees while it is evaluated.

use model::{Key, Record, Value};

use crate::SqlResult;

/// Gives the value of a column by its name.
pub type Excluded<'a> = dyn Fn(&str) -> Option<Value> + Sync + 'a;

/// What an expression takes from outside, each time anew.
pub trait Draw: Sync {
    /// The next number of a sequence, by namespace and name.
    fn number(&self, namespace: &str, name: &str) -> SqlResult<i64>;

    /// 128 bits that nobody can guess.
    fn random(&self) -> u128;
}

/// A record with what surrounds it. The default is a row of nothing: for constants.
#[derive(Clone, Copy, Default)]
pub struct Row<'a> {
    /// The record.
    pub record: Option<&'a Record>,
    /// The user key, where the record does not hold it but the statement does.
    pub key: Option<&'a Key>,
    /// The set's name.
    pub set: &'a str,
    /// Values of the row that an INSERT proposed, by column name.
    pub excluded: Option<&'a Excluded<'a>>,
    /// Where numbers of sequences come from.
    pub draw: Option<&'a dyn Draw>,
    /// Values of `$1..`, in the stored representation of their types; `None` = NULL.
    pub params: &'a [Option<Value>],
    /// The statement's time, milliseconds since 1970-01-01 UTC.
    pub now_ms: u64,
}
