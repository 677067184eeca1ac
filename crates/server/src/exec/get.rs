//! Reads by key: no DataFusion, no Arrow.
//!
//! [`find`] looks the records up; [`Found`] makes rows of them, whose values are the records' own
//! wherever a column is all that is asked for.

use std::borrow::Cow;
use std::slice;

use model::{Record, Value};
use sql::expr::Row;
use sql::plan::{Get, Plan};
use sql::{SqlError, SqlResult};
use store::{Address, Bins, Store, Target, Transaction};

use super::{Planning, Rows, keys, row};

/// Records that a get found.
pub(super) struct Hits {
    records: Records,
    now_ms: u64,
    /// Whether the filter was asked already.
    filtered: bool,
}

enum Records {
    One(Target, Option<Record>),
    Many(Vec<Target>, Vec<Option<Record>>),
}

impl Records {
    fn each(&self) -> impl Iterator<Item = (&Target, &Record)> {
        let (targets, records) = match self {
            Records::One(target, record) => (slice::from_ref(target), slice::from_ref(record)),
            Records::Many(targets, records) => (&targets[..], &records[..]),
        };
        let pairs = targets.iter().zip(records);
        pairs.filter_map(|(target, record)| Some((target, record.as_ref()?)))
    }
}

/// Looks up the records of a point or batch get.
pub(super) async fn find<S: Store>(
    store: &S,
    block: Option<&Transaction>,
    get: &Get,
    params: &[Option<Value>],
) -> SqlResult<Hits> {
    let now_ms = store.now_ms();
    let no_record = Row { params, now_ms, ..Row::default() };
    let bins = match (get.all_bins, &get.bins[..]) {
        (true, _) => Bins::All,
        (false, []) => Bins::None,
        (false, names) => Bins::Named(names),
    };
    let (namespace, set) = (get.table.namespace.as_str(), get.table.name.as_str());
    let mut targets = keys::targets(&get.table, &get.keys, &no_record)?;
    if let Some(block) = block.filter(|_| get.lock) {
        for target in &targets {
            block.hold(&target.digest).await?;
        }
    }
    let records = match targets.len() {
        1 => {
            let one = targets.swap_remove(0);
            let at = Address { namespace, set, digest: one.digest, key: one.key.as_ref() };
            let record = match block {
                None => store.get(at, bins).await?,
                Some(block) => block.get(store, at, bins).await?,
            };
            Records::One(one, record)
        }
        _ => {
            let digests: Vec<_> = targets.iter().map(|target| target.digest).collect();
            let records = match block {
                None => store.get_many(namespace, set, &digests, bins).await?,
                Some(block) => block.get_many(store, namespace, set, &digests, bins).await?,
            };
            Records::Many(targets, records)
        }
    };
    Ok(Hits { records, now_ms, filtered: false })
}

impl Hits {
    /// Records that were found otherwise, and pass the filter.
    pub(super) fn of(records: Vec<Record>, now_ms: u64) -> Hits {
        let target = |record: &Record| Target { digest: record.digest, key: record.key.clone() };
        let targets = records.iter().map(target).collect();
        let records = Records::Many(targets, records.into_iter().map(Some).collect());
        Hits { records, now_ms, filtered: true }
    }

    /// Gives every row of the answer; how many they were.
    pub(super) fn each(
        &self,
        get: &Get,
        params: &[Option<Value>],
        mut give: impl FnMut(&[Option<Cow<'_, Value>>]) -> SqlResult<()>,
    ) -> SqlResult<u64> {
        let now_ms = self.now_ms;
        let no_record = Row { params, now_ms, ..Row::default() };
        let (mut skip, limit) = bounds(get, &no_record)?;
        let mut values = Vec::with_capacity(get.output.len());
        let mut given = 0;
        for (target, record) in self.records.each() {
            if given == limit {
                break;
            }
            let row = row(&get.table.name, Some(record), target.key.as_ref(), params, now_ms);
            if !self.filtered && !super::passes(get.filter.as_ref(), &row)? {
                continue;
            }
            if skip > 0 {
                skip -= 1;
                continue;
            }
            values.clear();
            for output in &get.output {
                values.push(output.expr.value(&row)?);
            }
            give(&values)?;
            given += 1;
        }
        Ok(given)
    }

    /// The rows, with values of their own.
    pub(super) fn rows(&self, get: &Get, params: &[Option<Value>]) -> SqlResult<Rows> {
        let mut rows = Vec::new();
        self.each(get, params, |row| {
            rows.push(row.iter().map(|value| value.clone().map(Cow::into_owned)).collect());
            Ok(())
        })?;
        Ok(rows)
    }
}

/// What a statement that reads by key has found.
pub struct Found<'s> {
    ready: Planning<'s>,
    hits: Hits,
}

impl<'s> Found<'s> {
    pub(super) fn new(ready: Planning<'s>, hits: Hits) -> Found<'s> {
        Found { ready, hits }
    }
}

impl crate::pg::Found for Found<'_> {
    fn each(
        &self,
        params: &[Option<Value>],
        row: impl FnMut(&[Option<Cow<'_, Value>>]) -> SqlResult<()>,
    ) -> SqlResult<u64> {
        match &self.ready.planned.plan {
            Plan::PointGet(get) | Plan::BatchGet(get) => self.hits.each(get, params, row),
            Plan::IndexGet(plan) => self.hits.each(&plan.get, params, row),
            _ => Ok(0),
        }
    }
}

/// OFFSET and LIMIT.
pub(super) fn bounds(get: &Get, row: &Row<'_>) -> SqlResult<(u64, u64)> {
    let skip = bound(get.offset.as_ref(), row, "OFFSET")?.unwrap_or(0);
    Ok((skip, bound(get.limit.as_ref(), row, "LIMIT")?.unwrap_or(u64::MAX)))
}

/// The number that a LIMIT or OFFSET gives.
fn bound(expr: Option<&sql::expr::Expr>, row: &Row<'_>, what: &str) -> SqlResult<Option<u64>> {
    let Some(expr) = expr else { return Ok(None) };
    match expr.eval(row)? {
        None => Ok(None),
        Some(Value::Integer(n)) => u64::try_from(n).map(Some).map_err(|_| {
            let sqlstate = if what == "LIMIT" { "2201W" } else { "2201X" };
            SqlError::new(sqlstate, format!("{what} must not be negative"))
        }),
        Some(_) => Err(SqlError::new("42804", format!("argument of {what} must be an integer"))),
    }
}
