//! ALTER TABLE: the declaration, and the records that have to follow it.
//!
//! Each step leaves every record readable under the declaration that holds, so that a node that
//! stops in the middle has lost nothing; the statement is given again then. Other sessions write
//! meanwhile: records are changed one by one under their locks, and what came in under the old
//! declaration is looked for once more under the new one.

use std::collections::HashSet;
use std::sync::Arc;

use futures::stream::{FuturesUnordered, StreamExt};
use model::{ErrorKind, Name, Notes, Object, Record, Table, Value};
use sql::expr::{Expr, Row};
use sql::plan::{Check, TableChange};
use sql::{SqlError, SqlResult};
use store::{Bins, Change, Expect, GroupChange, ScanCursor, Seen, Store, Target, Ttl};

use super::{checks, keys, row};

/// Records that are read, and at most written together, at once.
const BATCH: usize = 256;
/// Batches that wait for the device together: they share its syncs.
const GROUPS_AT_ONCE: usize = 16;
/// How often records that others changed meanwhile are tried again.
const ROUNDS: usize = 16;

/// Makes the changes, one after the other.
pub(super) async fn alter<S: Store>(
    store: &S,
    table: &Arc<Table>,
    changes: &[TableChange],
) -> SqlResult<()> {
    let mut now = (**table).clone();
    for change in changes {
        let before = now.clone();
        change.apply(&mut now);
        one(store, &before, &now, change).await?;
    }
    Ok(())
}

async fn one<S: Store>(
    store: &S,
    before: &Table,
    after: &Table,
    change: &TableChange,
) -> SqlResult<()> {
    let declare = || store.declare(after.clone());
    match change {
        TableChange::AddColumn { column, fill } => {
            let value = fill_value(store, fill.as_ref())?;
            if column.not_null
                && value.is_none()
                && store.count(&before.namespace, &before.name).await? > 0
            {
                return Err(has_nulls(before, &column.name));
            }
            declare().await?;
            let Some(value) = value else { return Ok(()) };
            let name = Name::from(column.name.as_str());
            rewrite(store, after, |record| match record.bin(&name) {
                None => vec![(name.clone(), Some(value.clone()))],
                Some(_) => Vec::new(),
            })
            .await
        }
        TableChange::DropColumns(columns) => {
            declare().await?;
            drop_bins(store, after, columns.iter()).await
        }
        TableChange::RenameColumn { from, to } => {
            if before.columns.iter().any(|column| column.name == *from) {
                let (from, to) = (Name::from(from.as_str()), Name::from(to.as_str()));
                rewrite(store, before, |record| match record.bin(&from) {
                    None => Vec::new(),
                    value => vec![(to.clone(), value.cloned()), (from.clone(), None)],
                })
                .await?;
            }
            Ok(declare().await?)
        }
        TableChange::Column { new, check_null } => {
            if *check_null {
                let mut cursor = ScanCursor::all();
                while !cursor.done() {
                    let records = scan(store, before, &mut cursor).await?;
                    if records.iter().any(|record| record.bin(&new.name).is_none()) {
                        return Err(has_nulls(before, &new.name));
                    }
                }
            }
            Ok(declare().await?)
        }
        TableChange::Notes(notes) => {
            let (namespace, name) = (&after.namespace, &after.name);
            Ok(store.define(namespace, name, Object::Notes(notes.clone())).await?)
        }
        TableChange::AddCheck { check, notes } => add_check(store, after, check, notes).await,
        TableChange::PrimaryKey(_) => {
            while rekey(store, before, after).await? > 0 {}
            declare().await?;
            while rekey(store, before, after).await? > 0 {}
            drop_bins(store, after, after.key.iter().map(|column| &column.name)).await
        }
    }
}

/// Declares the check first, so that no row comes in past it while those that are there are looked
/// at; one that does not hold takes it back.
async fn add_check<S: Store>(
    store: &S,
    table: &Table,
    check: &Check,
    notes: &Notes,
) -> SqlResult<()> {
    let declare =
        |notes: &Notes| store.define(&table.namespace, &table.name, Object::Notes(notes.clone()));
    declare(notes).await?;
    let mut cursor = ScanCursor::all();
    while !cursor.done() {
        for record in scan(store, table, &mut cursor).await? {
            let row = row(&table.name, Some(&record), None, &[], store.now_ms());
            if checks::fails(check, &row)? {
                let mut before = notes.clone();
                before.checks.retain(|other| other.name != check.name);
                declare(&before).await?;
                return Err(checks::violated_by_some_row(check, table));
            }
        }
    }
    Ok(())
}

fn fill_value<S: Store>(store: &S, fill: Option<&Expr>) -> SqlResult<Option<Value>> {
    let row = Row { now_ms: store.now_ms(), ..Row::default() };
    fill.map_or(Ok(None), |fill| fill.eval(&row))
}

async fn scan<S: Store>(
    store: &S,
    table: &Table,
    cursor: &mut ScanCursor,
) -> SqlResult<Vec<Record>> {
    Ok(store.scan(&table.namespace, &table.name, Bins::All, cursor, BATCH).await?)
}

/// Writes what `bins` says into every record, each under its lock. Times to live stay.
async fn rewrite<S: Store>(
    store: &S,
    table: &Table,
    bins: impl Fn(&Record) -> Vec<(Name, Option<Value>)> + Send + Sync,
) -> SqlResult<()> {
    let mut cursor = ScanCursor::all();
    while !cursor.done() {
        let records = scan(store, table, &mut cursor).await?;
        let due = records.into_iter().filter(|record| !bins(record).is_empty());
        let targets: Vec<Target> =
            due.map(|record| Target { digest: record.digest, key: None }).collect();
        let change = |_: usize, seen: Seen<'_>| {
            let bins = seen.record()?.map(&bins).unwrap_or_default();
            Ok(match bins.is_empty() {
                true => Change::Keep,
                false => Change::Write { bins, replace: false, ttl: Ttl::Keep },
            })
        };
        store.modify_many(&table.namespace, &table.name, &targets, change).await?;
    }
    Ok(())
}

/// Takes bins out of every record that has them.
async fn drop_bins<S: Store>(
    store: &S,
    table: &Table,
    names: impl Iterator<Item = &String>,
) -> SqlResult<()> {
    let names: Vec<Name> = names.map(|name| Name::from(name.as_str())).collect();
    rewrite(store, table, |record| {
        let there = names.iter().filter(|name| record.bin(name).is_some());
        there.map(|name| (name.clone(), None)).collect()
    })
    .await
}

/// A record that is to move, and where.
struct Move {
    record: Record,
    target: Target,
}

/// Moves every record that is not there yet to the key that its bins make; how many those were. The
/// bins stay in the record: until the key is declared they are its columns.
async fn rekey<S: Store>(store: &S, before: &Table, after: &Table) -> SqlResult<u64> {
    let mut moved = 0;
    let mut moving = FuturesUnordered::new();
    let mut cursor = ScanCursor::all();
    while !cursor.done() {
        let records = scan(store, before, &mut cursor).await?;
        let mut moves = Vec::with_capacity(records.len());
        for record in records {
            let target = target(after, &record)?;
            if target.digest != record.digest {
                moves.push(Move { record, target });
            }
        }
        moved += moves.len() as u64;
        moving.push(move_all(store, after, moves));
        if moving.len() == GROUPS_AT_ONCE {
            moving.next().await.transpose()?;
        }
    }
    while moving.next().await.transpose()?.is_some() {}
    Ok(moved)
}

/// Where a record belongs under its new key. One that has lost the bins since has its key already.
fn target(after: &Table, record: &Record) -> SqlResult<Target> {
    let mut values = Vec::with_capacity(after.key.len());
    for column in &after.key {
        match record.bin(&column.name) {
            Some(value) => values.push(value.clone()),
            None if record.key.as_ref().is_some_and(|key| is_at(after, record, key)) => {
                return Ok(Target { digest: record.digest, key: None });
            }
            None => return Err(has_nulls(after, &column.name)),
        }
    }
    Ok(keys::named(after, keys::composite(values)?))
}

/// Whether the record is one of the new declaration: its key is no generated one.
fn is_at(after: &Table, record: &Record, key: &model::Key) -> bool {
    let generated = matches!(key, model::Key::Blob(bytes) if bytes.len() == 16);
    !generated && key.digest(&after.name) == record.digest
}

async fn move_all<S: Store>(store: &S, after: &Table, mut moves: Vec<Move>) -> SqlResult<()> {
    for _ in 0..ROUNDS {
        check_distinct(after, &moves)?;
        if moves.is_empty() || apply(store, after, &moves).await? {
            return Ok(());
        }
        moves = changed(store, after, moves).await?;
    }
    Err(SqlError::new("40001", "could not serialize access due to concurrent update")
        .hint("other writers kept changing the rows; try again"))
}

/// Moves the records together; false where others changed one of them.
async fn apply<S: Store>(store: &S, after: &Table, moves: &[Move]) -> SqlResult<bool> {
    let set = after.name.as_str();
    let now_ms = store.now_ms();
    let both = |one: &'_ Move| {
        let record = &one.record;
        let bins = record.bins.iter().map(|(n, v)| (n.clone(), Some(v.clone()))).collect();
        let ttl = match record.ttl_s(now_ms) {
            -1 => Ttl::Never,
            left => Ttl::Seconds(u32::try_from(left.max(1)).unwrap_or(u32::MAX)),
        };
        (bins, ttl)
    };
    let group: Vec<GroupChange<'_>> = moves
        .iter()
        .flat_map(|one| {
            let (bins, ttl) = both(one);
            let old = GroupChange {
                set,
                digest: one.record.digest,
                key: None,
                expect: Expect::Generation(one.record.generation),
                change: Change::Delete,
            };
            let new = GroupChange {
                set,
                digest: one.target.digest,
                key: one.target.key.as_ref(),
                expect: Expect::Absent,
                change: Change::Write { bins, replace: true, ttl },
            };
            [old, new]
        })
        .collect();
    match store.apply(&after.namespace, &group).await {
        Ok(_) => Ok(true),
        Err(error) if error.kind == ErrorKind::GenerationMismatch => Ok(false),
        // A group has to fit into a write block.
        Err(error) if error.kind == ErrorKind::RecordTooBig && moves.len() > 1 => {
            let (left, right) = moves.split_at(moves.len() / 2);
            let left = Box::pin(apply(store, after, left)).await?;
            Ok(Box::pin(apply(store, after, right)).await? && left)
        }
        Err(error) => Err(error.into()),
    }
}

/// The records of the moves as they are now; an error where a new key is taken.
async fn changed<S: Store>(store: &S, after: &Table, moves: Vec<Move>) -> SqlResult<Vec<Move>> {
    let (namespace, set) = (&after.namespace, &after.name);
    let olds: Vec<_> = moves.iter().map(|one| one.record.digest).collect();
    let olds = store.get_many(namespace, set, &olds, Bins::All).await?;
    let news: Vec<_> = moves.iter().map(|one| one.target.digest).collect();
    let news = store.get_many(namespace, set, &news, Bins::None).await?;
    let mut again = Vec::new();
    for ((one, old), new) in moves.iter().zip(olds).zip(news) {
        // A record that is gone was moved, or deleted by others.
        let Some(record) = old else { continue };
        if new.is_some() {
            return Err(duplicate(after, &one.record));
        }
        let target = target(after, &record)?;
        again.push(Move { record, target });
    }
    Ok(again)
}

fn check_distinct(after: &Table, moves: &[Move]) -> SqlResult<()> {
    let mut seen = HashSet::with_capacity(moves.len());
    match moves.iter().find(|one| !seen.insert(one.target.digest)) {
        Some(twice) => Err(duplicate(after, &twice.record)),
        None => Ok(()),
    }
}

fn duplicate(after: &Table, record: &Record) -> SqlError {
    let values: Vec<_> = after.key.iter().map(|c| record.bin(&c.name).cloned()).collect();
    let message = format!("could not create unique index \"{}_pkey\"", after.name);
    SqlError::new("23505", message)
        .of_table(after)
        .of_constraint(format!("{}_pkey", after.name))
        .detail(format!("Key {} is duplicated.", keys::describe(after, &values)))
}

fn has_nulls(table: &Table, column: &str) -> SqlError {
    let message =
        format!("column \"{column}\" of relation \"{}\" contains null values", table.name);
    SqlError::new("23502", message)
        .hint("UPDATE the rows first, or give the column a DEFAULT")
        .of_table(table)
        .of_column(column)
}
