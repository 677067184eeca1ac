//! Tables, their columns and keys in `pg_catalog`, and the system relations themselves.

use model::{Column, Table};

use super::super::grid::{Cell, Grid, Row};
use super::super::lists::{self, relations, type_named, type_of};
use super::super::{
    INFORMATION_SCHEMA_OID, PG_CATALOG_OID, index_definition, index_name, index_oid, keyed,
    namespace_oid, objects, secondary, tables,
};
use crate::session::Context;
use crate::types::{column_oid, typmod};

/// OIDs of access methods.
const HEAP: u32 = 2;
const HASH: u32 = 405;

pub(super) fn namespaces(context: &Context) -> Grid {
    let own = context.catalog.namespaces.keys().map(|name| (namespace_oid(name), name.as_str()));
    let system = [(PG_CATALOG_OID, "pg_catalog"), (INFORMATION_SCHEMA_OID, "information_schema")];
    let row =
        |(oid, name): (u32, &str)| -> Row { vec![("oid", oid.into()), ("nspname", name.into())] };
    Grid::new("nspowner=10", system.into_iter().chain(own).map(row).collect())
}

const CLASS: &str = "relowner=10 reltuples=-1 relpersistence=p relkind=r relispopulated=t \
    relreplident=d";

pub(super) fn classes(context: &Context) -> Grid {
    let own = tables(context)
        .map(|t| table_class(t, context))
        .chain(keyed(context).map(|t| index_class(t)))
        .chain(secondary::all(context).map(|index| index.class()));
    let system = relations().iter().map(|relation| -> Row {
        let table = relation.kind == "r";
        vec![
            ("oid", relation.oid.into()),
            ("relname", relation.name.into()),
            ("relnamespace", namespace_oid(relation.schema).into()),
            ("relam", if table { HEAP } else { 0 }.into()),
            ("relkind", relation.kind.into()),
            ("relreplident", "n".into()),
            ("relnatts", (relation.columns.len() as i64).into()),
        ]
    });
    Grid::new(CLASS, own.chain(objects::classes(context)).chain(system).collect())
}

fn table_class(table: &Table, context: &Context) -> Row {
    vec![
        ("oid", table.oid.into()),
        ("relname", table.name.as_str().into()),
        ("relnamespace", namespace_oid(&table.namespace).into()),
        ("relfilenode", table.oid.into()),
        ("relam", HEAP.into()),
        ("relhasindex", (!table.key.is_empty() || secondary::is_on(table, context)).into()),
        ("relnatts", ((table.key.len() + table.columns.len()) as i64).into()),
        ("relchecks", objects::check_count(table, context).into()),
    ]
}

fn index_class(table: &Table) -> Row {
    vec![
        ("oid", index_oid(table).into()),
        ("relname", index_name(table).into()),
        ("relnamespace", namespace_oid(&table.namespace).into()),
        ("relfilenode", index_oid(table).into()),
        ("relam", HASH.into()),
        ("relkind", "i".into()),
        ("relreplident", "n".into()),
        ("relnatts", (table.key.len() as i64).into()),
    ]
}

const ATTRIBUTE: &str = "attstattarget=-1 attcacheoff=-1 atttypmod=-1 attislocal=t";

pub(super) fn attributes(context: &Context) -> Grid {
    let mut rows = Vec::new();
    for table in tables(context) {
        for (column, number, is_key) in columns(table) {
            let mut row = attribute(table.oid, column, number, is_key || column.not_null);
            let identity = objects::identity(table, column, context);
            if !identity.is_empty() {
                row.retain(|(name, _)| *name != "atthasdef");
                row.extend([("attidentity", identity.into()), ("atthasdef", false.into())]);
            }
            rows.push(row);
        }
    }
    for table in keyed(context) {
        for (column, number) in table.key.iter().zip(1i64..) {
            rows.push(attribute(index_oid(table), column, number, false));
        }
    }
    for (relation, columns) in objects::columns(context) {
        let numbered = columns.iter().zip(1i64..);
        rows.extend(numbered.map(|(column, number)| attribute(relation, column, number, false)));
    }
    rows.extend(system_attributes());
    Grid::new(ATTRIBUTE, rows)
}

/// The columns of a table with their numbers, and whether each is part of the key.
fn columns(table: &Table) -> impl Iterator<Item = (&Column, i64, bool)> {
    let key = table.key.iter().map(|column| (column, true));
    let all = key.chain(table.columns.iter().map(|column| (column, false)));
    all.zip(1i64..).map(|((column, is_key), number)| (column, number, is_key))
}

fn attribute(relation: u32, column: &Column, number: i64, not_null: bool) -> Row {
    let mut row = vec![
        ("attrelid", relation.into()),
        ("attname", column.name.as_str().into()),
        ("attnum", number.into()),
        ("atttypmod", i64::from(typmod(column.column_type)).into()),
        ("attnotnull", not_null.into()),
        ("atthasdef", column.default.is_some().into()),
    ];
    row.extend(of_type(column_oid(column.column_type)));
    row
}

/// What the type alone decides of a column.
fn of_type(oid: u32) -> Row {
    let Some(known) = type_of(oid) else { return vec![("atttypid", oid.into())] };
    vec![
        ("atttypid", oid.into()),
        ("attlen", known.size.into()),
        ("attndims", i64::from(known.element != 0).into()),
        ("attbyval", known.by_value.into()),
        ("attalign", known.align.into()),
        ("attstorage", known.storage.into()),
        ("attcollation", known.collation.into()),
    ]
}

fn system_attributes() -> impl Iterator<Item = Row> {
    relations().iter().flat_map(|relation| {
        relation.columns.iter().zip(1i64..).map(|(column, number)| {
            let mut row: Row = vec![
                ("attrelid", relation.oid.into()),
                ("attname", column.name.into()),
                ("attnum", number.into()),
                ("attnotnull", column.not_null.into()),
            ];
            row.extend(of_type(type_named(column.kind).unwrap_or_default()));
            row
        })
    })
}

pub(super) fn defaults(context: &Context) -> Grid {
    let mut rows = Vec::new();
    for table in tables(context) {
        for (column, number, _) in columns(table) {
            if let Some(default) = &column.default
                && objects::identity(table, column, context).is_empty()
            {
                rows.push(vec![
                    ("oid", (table.oid ^ 1 << 30 ^ number as u32).into()),
                    ("adrelid", table.oid.into()),
                    ("adnum", number.into()),
                    ("adbin", default.as_str().into()),
                ]);
            }
        }
    }
    Grid::new("", rows)
}

const INDEX: &str = "indisunique=t indisprimary=t indimmediate=t indisvalid=t indisready=t \
    indislive=t";

pub(super) fn indexes(context: &Context) -> Grid {
    let rows = keyed(context).map(|table| -> Row {
        let types = table.key.iter().map(|column| column_oid(column.column_type));
        let collation = |oid| type_of(oid).map_or(0, |t| i64::from(t.collation));
        let count = table.key.len() as i64;
        vec![
            ("indexrelid", index_oid(table).into()),
            ("indrelid", table.oid.into()),
            ("indnatts", count.into()),
            ("indnkeyatts", count.into()),
            ("indkey", Cell::Ints((1..=count).collect())),
            ("indcollation", Cell::Ints(types.clone().map(collation).collect())),
            ("indclass", Cell::Ints(types.map(lists::operator_class).collect())),
            ("indoption", Cell::Ints(vec![0; table.key.len()])),
        ]
    });
    let rows = rows.chain(secondary::all(context).map(|index| index.index()));
    Grid::new(INDEX, rows.collect())
}

const CONSTRAINT: &str = "contype=p convalidated=t conislocal=t connoinherit=t";

pub(super) fn constraints(context: &Context) -> Grid {
    let rows = keyed(context).map(|table| -> Row {
        vec![
            ("oid", index_oid(table).into()),
            ("conname", index_name(table).into()),
            ("connamespace", namespace_oid(&table.namespace).into()),
            ("conrelid", table.oid.into()),
            ("conindid", index_oid(table).into()),
            ("conkey", Cell::Ints((1..=table.key.len() as i64).collect())),
        ]
    });
    Grid::new(CONSTRAINT, rows.chain(objects::constraints(context)).collect())
}

pub(super) fn pg_tables(context: &Context) -> Grid {
    let owner = context.session.user.as_str();
    let own = tables(context).map(|table| -> Row {
        vec![
            ("schemaname", table.namespace.as_str().into()),
            ("tablename", table.name.as_str().into()),
            ("tableowner", owner.into()),
            ("hasindexes", (!table.key.is_empty() || secondary::is_on(table, context)).into()),
        ]
    });
    let system =
        relations().iter().filter(|relation| relation.kind == "r").map(|relation| -> Row {
            vec![
                ("schemaname", relation.schema.into()),
                ("tablename", relation.name.into()),
                ("tableowner", owner.into()),
                ("hasindexes", false.into()),
            ]
        });
    Grid::new("hasrules=f hastriggers=f rowsecurity=f", own.chain(system).collect())
}

pub(super) fn pg_indexes(context: &Context) -> Grid {
    let rows = keyed(context).map(|table| -> Row {
        vec![
            ("schemaname", table.namespace.as_str().into()),
            ("tablename", table.name.as_str().into()),
            ("indexname", index_name(table).into()),
            ("indexdef", index_definition(table).into()),
        ]
    });
    let rows = rows.chain(secondary::all(context).map(|index| index.listed()));
    Grid::new("", rows.collect())
}

/// Which tables there are; nothing is counted for each.
pub(super) fn statistics(context: &Context) -> Grid {
    let rows = tables(context).map(|table| -> Row {
        vec![
            ("relid", table.oid.into()),
            ("schemaname", table.namespace.as_str().into()),
            ("relname", table.name.as_str().into()),
        ]
    });
    Grid::new("", rows.collect())
}
