//! Rows of the catalogue about views, sequences, checks and comments.

use std::sync::Arc;

use model::{Check, Column, Notes, Sequence, Table, View, relation_oid};

use super::grid::{Cell, Row};
use super::{namespace_oid, tables};
use crate::session::Context;
use crate::types::column_oid;

/// Checks are numbered above indexes: by their table's id and their own name.
const CHECK_BITS: u32 = 0b11 << 30;

/// Every view, in order.
pub(super) fn views(context: &Context) -> impl Iterator<Item = &Arc<View>> {
    context.catalog.objects.values().flat_map(|objects| objects.views.values())
}

/// Every sequence, in order.
pub(super) fn sequences(context: &Context) -> impl Iterator<Item = &Arc<Sequence>> {
    context.catalog.objects.values().flat_map(|objects| objects.sequences.values())
}

pub(super) fn view_oid(view: &View) -> u32 {
    relation_oid(&view.namespace, &view.name)
}

pub(super) fn sequence_oid(sequence: &Sequence) -> u32 {
    relation_oid(&sequence.namespace, &sequence.name)
}

/// Namespace and name of the view or sequence of this OID.
pub(super) fn name_of(oid: i64, context: &Context) -> Option<(&str, &str)> {
    let views = views(context).map(|view| (view.namespace.as_str(), view.name.as_str()));
    let sequences = sequences(context).map(|s| (s.namespace.as_str(), s.name.as_str()));
    views.chain(sequences).find(|(namespace, name)| i64::from(relation_oid(namespace, name)) == oid)
}

/// The OID of the view or sequence of this name.
pub(super) fn oid_of(namespace: &str, name: &str, quoted: bool, context: &Context) -> Option<u32> {
    let objects = context.catalog.objects(namespace);
    let view = objects.view(name, quoted).map(|view| view_oid(view));
    view.or_else(|| objects.sequence(name, quoted).map(|sequence| sequence_oid(sequence)))
}

/// The view of this OID.
pub(crate) fn view_of(oid: i64, context: &Context) -> Option<Arc<View>> {
    views(context).find(|view| i64::from(view_oid(view)) == oid).cloned()
}

/// Rows of `pg_class`.
pub(super) fn classes(context: &Context) -> Vec<Row> {
    let view = |view: &Arc<View>| -> Row {
        vec![
            ("oid", view_oid(view).into()),
            ("relname", view.name.as_str().into()),
            ("relnamespace", namespace_oid(&view.namespace).into()),
            ("relkind", "v".into()),
            ("relhasrules", true.into()),
            ("relreplident", "n".into()),
            ("relnatts", (view.columns.len() as i64).into()),
        ]
    };
    let sequence = |sequence: &Arc<Sequence>| -> Row {
        vec![
            ("oid", sequence_oid(sequence).into()),
            ("relname", sequence.name.as_str().into()),
            ("relnamespace", namespace_oid(&sequence.namespace).into()),
            ("relkind", "S".into()),
            ("relam", 0u32.into()),
            ("relreplident", "n".into()),
            ("relnatts", 3i64.into()),
        ]
    };
    views(context).map(view).chain(sequences(context).map(sequence)).collect()
}

/// Relations of `pg_attribute` with their columns.
pub(super) fn columns(context: &Context) -> impl Iterator<Item = (u32, &[Column])> {
    views(context).map(|view| (view_oid(view), &view.columns[..]))
}

/// Number of a table's checks.
pub(super) fn check_count(table: &Table, context: &Context) -> i64 {
    checks(table, context).len() as i64
}

fn checks<'c>(table: &Table, context: &'c Context) -> &'c [Check] {
    match table.declared {
        true => context.catalog.objects(&table.namespace).checks(&table.name),
        false => &[],
    }
}

fn check_oid(table: &Table, check: &Check) -> u32 {
    relation_oid(&table.name, &check.name) ^ table.oid | CHECK_BITS
}

/// Every check with its table.
pub(super) fn all_checks(context: &Context) -> impl Iterator<Item = (&Arc<Table>, &Check)> {
    tables(context).flat_map(|table| checks(table, context).iter().map(move |check| (table, check)))
}

/// The check of this OID.
pub(crate) fn check_of(oid: i64, context: &Context) -> Option<&Check> {
    let found =
        all_checks(context).find(|(table, check)| i64::from(check_oid(table, check)) == oid);
    found.map(|(_, check)| check)
}

/// Rows of `pg_constraint` about checks.
pub(super) fn constraints(context: &Context) -> Vec<Row> {
    let row = |(table, check): (&Arc<Table>, &Check)| -> Row {
        let columns = table.key.iter().chain(&table.columns).zip(1i64..);
        let used = sql::check_columns(&check.text);
        let used = columns.filter(|(column, _)| used.contains(&column.name)).map(|(_, n)| n);
        vec![
            ("oid", check_oid(table, check).into()),
            ("conname", check.name.as_str().into()),
            ("connamespace", namespace_oid(&table.namespace).into()),
            ("contype", "c".into()),
            ("conrelid", table.oid.into()),
            ("conindid", 0u32.into()),
            ("connoinherit", false.into()),
            ("conkey", Cell::Ints(used.collect())),
            ("conbin", check.text.as_str().into()),
        ]
    };
    all_checks(context).map(row).collect()
}

/// Every comment: the relation's OID, the number of its column or 0, the text.
fn comments(context: &Context) -> impl Iterator<Item = (u32, i64, &str)> {
    let all = context.catalog.objects.iter();
    let notes = all.flat_map(|(namespace, objects)| {
        objects.notes.iter().map(move |(name, notes)| (namespace, name, notes))
    });
    notes.flat_map(move |(namespace, name, notes): (_, _, &Arc<Notes>)| {
        let table = context.catalog.namespaces.get(namespace).and_then(|n| n.tables.get(name));
        let view = context.catalog.objects(namespace).views.get(name);
        let number = move |column: &str| {
            let mut columns: Vec<&str> = Vec::new();
            columns.extend(
                table.iter().flat_map(|t| t.key.iter().chain(&t.columns)).map(name_of_column),
            );
            columns.extend(view.iter().flat_map(|view| &view.columns).map(name_of_column));
            Some(columns.iter().position(|c| *c == column)? as i64 + 1)
        };
        notes.comments.iter().filter_map(move |(column, text)| {
            let number = if column.is_empty() { Some(0) } else { number(column) };
            Some((relation_oid(namespace, name), number?, text.as_str()))
        })
    })
}

fn name_of_column(column: &Column) -> &str {
    &column.name
}

/// The comment on a relation, or on its column of this number.
pub(crate) fn comment(oid: i64, number: i64, context: &Context) -> Option<String> {
    let found = comments(context).find(|(o, n, _)| i64::from(*o) == oid && *n == number);
    found.map(|(_, _, text)| text.to_string())
}

/// Rows of `pg_description`.
pub(super) fn descriptions(context: &Context) -> Vec<Row> {
    let row = |(oid, number, text): (u32, i64, &str)| -> Row {
        vec![
            ("objoid", oid.into()),
            ("classoid", 1259u32.into()),
            ("objsubid", number.into()),
            ("description", text.into()),
        ]
    };
    comments(context).map(row).collect()
}

/// Rows of `pg_views`.
pub(super) fn pg_views(context: &Context) -> Vec<Row> {
    let owner = context.session.user.as_str();
    let row = |view: &Arc<View>| -> Row {
        vec![
            ("schemaname", view.namespace.as_str().into()),
            ("viewname", view.name.as_str().into()),
            ("viewowner", owner.into()),
            ("definition", definition(view).into()),
        ]
    };
    views(context).map(row).collect()
}

/// A view's query as `pg_get_viewdef` gives it: as it was written.
pub(crate) fn definition(view: &View) -> String {
    format!(" {};", view.text)
}

/// Rows of `pg_sequence`.
pub(super) fn pg_sequence(context: &Context) -> Vec<Row> {
    let row = |sequence: &Arc<Sequence>| -> Row {
        vec![
            ("seqrelid", sequence_oid(sequence).into()),
            ("seqtypid", column_oid(sequence.column_type).into()),
            ("seqstart", sequence.start.into()),
            ("seqincrement", sequence.increment.into()),
            ("seqmax", sequence.max.into()),
            ("seqmin", sequence.min.into()),
            ("seqcache", 1i64.into()),
            ("seqcycle", sequence.cycle.into()),
        ]
    };
    sequences(context).map(row).collect()
}

/// Namespace and name of the sequence of this OID.
pub(crate) fn sequence_name(oid: i64, context: &Context) -> Option<(String, String)> {
    let found = sequences(context).find(|sequence| i64::from(sequence_oid(sequence)) == oid)?;
    Some((found.namespace.clone(), found.name.clone()))
}

/// Whether a column is an identity column: `a` of GENERATED ALWAYS, `d` of BY DEFAULT, else empty.
pub(super) fn identity(table: &Table, column: &Column, context: &Context) -> &'static str {
    let sequences = context.catalog.objects(&table.namespace).sequences.values();
    let owners = sequences.filter_map(|sequence| sequence.owner.as_ref());
    let mut owned = owners.filter(|owner| owner.table == table.name && owner.column == column.name);
    match owned.find_map(|owner| owner.identity) {
        Some(true) => "a",
        Some(false) => "d",
        None => "",
    }
}

/// Rows of `pg_sequences`.
pub(super) fn pg_sequences(context: &Context) -> Vec<Row> {
    let owner = context.session.user.as_str();
    let row = |sequence: &Arc<Sequence>| -> Row {
        vec![
            ("schemaname", sequence.namespace.as_str().into()),
            ("sequencename", sequence.name.as_str().into()),
            ("sequenceowner", owner.into()),
            ("data_type", column_oid(sequence.column_type).into()),
            ("start_value", sequence.start.into()),
            ("min_value", sequence.min.into()),
            ("max_value", sequence.max.into()),
            ("increment_by", sequence.increment.into()),
            ("cycle", sequence.cycle.into()),
            ("cache_size", 1i64.into()),
        ]
    };
    sequences(context).map(row).collect()
}

/// Namespace and name of the sequence that numbers a column of the table of this OID.
pub(crate) fn owned_sequence(
    oid: u32,
    column: &str,
    context: &Context,
) -> Option<(String, String)> {
    let of = |sequence: &&Arc<Sequence>| {
        sequence.owner.as_ref().is_some_and(|owner| {
            relation_oid(&sequence.namespace, &owner.table) == oid && owner.column == column
        })
    };
    let sequence = sequences(context).find(of)?;
    Some((sequence.namespace.clone(), sequence.name.clone()))
}
