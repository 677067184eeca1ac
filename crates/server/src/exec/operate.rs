//! OPERATE: the operations run under the record's lock.

use model::{Name, Record, Table, Value};
use sql::operate::{Effect, apply};
use sql::plan::Operate;
use sql::{SqlError, SqlResult};
use store::{Change, Seen, Store, Ttl};

use super::write::{Carried, Writer};
use super::{Rows, keys};

/// What OPERATE did.
pub(super) struct Done {
    /// Records that were changed.
    pub(super) count: u64,
    /// One row of answers, where operations answer and the record was there or is now.
    pub(super) rows: Rows,
}

impl<S: Store> Writer<'_, S> {
    pub(super) async fn operate(&self, operate: &Operate) -> SqlResult<Done> {
        let table = &operate.table;
        let targets = keys::targets(table, &operate.keys, &self.constants())?;
        let reads = operate.operations.iter().all(|operation| operation.reads());
        let ttl = self.ttl(None, Ttl::Default)?;
        let mut carried = Carried::default();
        let mut answers = None;
        let change = |i: usize, seen: Seen<'_>| {
            let record = seen.record()?;
            if record.is_none() && reads {
                return Ok(Change::Keep);
            }
            if record.is_none() && targets[i].key.is_none() {
                return carried.carry(Err(no_record(table)));
            }
            let bins = record.map_or(&[][..], |record| &record.bins[..]);
            let done = apply(&operate.operations, bins);
            let done = carried.carry(done.and_then(|done| {
                check(table, &done.effect)?;
                Ok(done)
            }))?;
            answers = Some(done.answers);
            let change = match done.effect {
                Effect::None => Change::Keep,
                Effect::Delete if record.is_none() => Change::Keep,
                Effect::Delete => Change::Delete,
                Effect::Write(bins) => match stays(record, &bins) {
                    true => Change::Write { bins, replace: false, ttl },
                    false if record.is_none() => Change::Keep,
                    false => Change::Delete,
                },
            };
            carried.carry(self.checked(&operate.checks, table, &targets[i], record, change))
        };
        let done = self.store.modify_many(&table.namespace, &table.name, &targets, change).await;
        let outcomes = carried.unwrap(done)?;
        let count = outcomes.iter().filter(|outcome| outcome.changed).count() as u64;
        let rows = answers.into_iter().filter(|_| !operate.output.is_empty()).collect();
        Ok(Done { count, rows })
    }
}

/// Whether any bin is left: a record without bins does not exist.
fn stays(record: Option<&Record>, bins: &[(Name, Option<Value>)]) -> bool {
    let old = record.map_or(&[][..], |record| &record.bins[..]);
    let goes = |name: &Name| bins.iter().any(|(gone, value)| gone == name && value.is_none());
    bins.iter().any(|(_, value)| value.is_some()) || old.iter().any(|(name, _)| !goes(name))
}

/// Holds what is written to the table's declaration.
fn check(table: &Table, effect: &Effect) -> SqlResult<()> {
    let Effect::Write(bins) = effect else { return Ok(()) };
    for (name, value) in bins.iter().filter(|_| table.declared) {
        let column = table.columns.iter().find(|column| **name == *column.name);
        let Some(column) = column else {
            let message =
                format!("column \"{name}\" of relation \"{}\" does not exist", table.name);
            return Err(
                SqlError::new("42703", message).hint("ALTER TABLE .. ADD COLUMN declares it")
            );
        };
        match value {
            None if column.not_null => return Err(super::write::null_violation(table, name)),
            None => {}
            Some(value) => {
                let stored = column.column_type.stored_as();
                if stored.is_some_and(|stored| stored != value.value_type()) {
                    let message = format!(
                        "column \"{name}\" is of type {} but the operation gives a {}",
                        column.column_type,
                        value.value_type()
                    );
                    return Err(SqlError::new("42804", message).hint("UPDATE .. SET casts"));
                }
            }
        }
    }
    Ok(())
}

fn no_record(table: &Table) -> SqlError {
    let message = format!("no row of \"{}\" has this digest", table.name);
    SqlError::new("02000", message).hint("a record is made with WHERE PK = ..")
}
