//! `pg_catalog` and `information_schema`, made in memory from the live catalogue.
//!
//! Which relations there are, with which columns, is PostgreSQL 15's own list (`lists.rs`); a table
//! here is a [`SystemTable`](system_table::SystemTable), whose rows are a [`Grid`](grid::Grid): what
//! differs from defaults. Relations of things that we have not are there and empty. Object ids are
//! stable: a table's own, its primary key's index derived from it, a namespace's from its name.

mod grid;
mod information;
mod lists;
pub(crate) mod objects;
mod pg;
pub(crate) mod registered;
pub(crate) mod routines;
pub(crate) mod secondary;
mod system_table;

use std::sync::Arc;

use model::Table;

use crate::functions::quoted_ident;
use crate::session::Context;
pub(crate) use lists::type_named;
pub(crate) use registered::format_type;
pub(crate) use system_table::SystemTable;

pub(crate) use lists::{Relation, find};

/// The function whose rows stand in a list as those of a table do.
pub(crate) const KEYWORDS: &str = "pg_get_keywords";

/// The system column that queries of system tables may name.
pub(crate) const TABLE_OID: &str = "tableoid";

/// OID of `pg_catalog`, PostgreSQL's own.
const PG_CATALOG_OID: u32 = 11;
/// OID of `information_schema`, as initdb gives it in PostgreSQL 15.
const INFORMATION_SCHEMA_OID: u32 = 13_184;
/// OID of the bootstrap user.
pub(crate) const OWNER_OID: u32 = 10;
/// Indexes are numbered above all tables, whose OIDs are below 2^31.
const INDEX_BIT: u32 = 1 << 31;

/// The OID of a namespace, from its name: FNV-1a in 24 bits, above PostgreSQL's own ids.
pub(crate) fn namespace_oid(name: &str) -> u32 {
    match name {
        "pg_catalog" => PG_CATALOG_OID,
        "information_schema" => INFORMATION_SCHEMA_OID,
        _ => 20_000 + (fnv(name) & 0xff_ffff),
    }
}

fn fnv(text: &str) -> u32 {
    let step = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    text.bytes().fold(0x811c_9dc5, step)
}

/// Every table with its namespace, in order.
fn tables(context: &Context) -> impl Iterator<Item = &Arc<Table>> {
    context.catalog.namespaces.values().flat_map(|namespace| namespace.tables.values())
}

/// Tables that have a primary key: generated keys are no column.
fn keyed(context: &Context) -> impl Iterator<Item = &Arc<Table>> {
    tables(context).filter(|table| !table.key.is_empty())
}

fn index_oid(table: &Table) -> u32 {
    table.oid | INDEX_BIT
}

/// The name of a table's primary key, as PostgreSQL would name it.
pub(crate) fn index_name(table: &Table) -> String {
    format!("{}_pkey", table.name)
}

/// The statement that would make a table's primary key as an index.
pub(crate) fn index_definition(table: &Table) -> String {
    let columns: Vec<String> = table.key.iter().map(|column| quoted_ident(&column.name)).collect();
    format!(
        "CREATE UNIQUE INDEX {} ON {}.{} USING hash ({})",
        quoted_ident(&index_name(table)),
        quoted_ident(&table.namespace),
        quoted_ident(&table.name),
        columns.join(", ")
    )
}

/// The table whose primary key has this OID.
pub(crate) fn table_of_index(oid: i64, context: &Context) -> Option<Arc<Table>> {
    keyed(context).find(|table| i64::from(index_oid(table)) == oid).cloned()
}
