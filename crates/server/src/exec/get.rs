//! Reads by key: no DataFusion, no Arrow.

use model::Value;
use sql::expr::Row;
use sql::plan::Get;
use sql::{SqlError, SqlResult};
use store::{Address, Bins, Store, View};

use super::{Rows, keys, row};

/// The rows of a point or batch get.
pub(super) async fn get<S: Store>(
    view: &View<S>,
    get: &Get,
    params: &[Option<Value>],
) -> SqlResult<Rows> {
    let now_ms = view.now_ms();
    let no_record = Row { params, now_ms, ..Row::default() };
    let targets = keys::targets(&get.table, &get.keys, &no_record)?;
    let bins = match (get.all_bins, &get.bins[..]) {
        (true, _) => Bins::All,
        (false, []) => Bins::None,
        (false, names) => Bins::Named(names),
    };
    if get.lock {
        view.hold(targets.iter().map(|target| target.digest)).await?;
    }
    let (namespace, set) = (get.table.namespace.as_str(), get.table.name.as_str());
    let records = match &targets[..] {
        [] => Vec::new(),
        [one] => {
            let at = Address { namespace, set, digest: one.digest, key: one.key.as_ref() };
            vec![view.get(at, bins).await?]
        }
        many => {
            let digests: Vec<_> = many.iter().map(|target| target.digest).collect();
            view.get_many(namespace, set, &digests, bins).await?
        }
    };
    let mut skip = bound(get.offset.as_ref(), &no_record, "OFFSET")?.unwrap_or(0);
    let mut left = bound(get.limit.as_ref(), &no_record, "LIMIT")?.unwrap_or(u64::MAX);
    let mut rows = Vec::with_capacity(records.len());
    for (target, record) in targets.iter().zip(&records) {
        let Some(record) = record else { continue };
        let row = row(set, Some(record), target.key.as_ref(), params, now_ms);
        if !super::passes(get.filter.as_ref(), &row)? {
            continue;
        }
        if skip > 0 {
            skip -= 1;
            continue;
        }
        if left == 0 {
            break;
        }
        left -= 1;
        rows.push(super::outputs(&get.output, &row)?);
    }
    Ok(rows)
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
