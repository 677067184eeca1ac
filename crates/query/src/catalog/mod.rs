//! `pg_catalog` and `information_schema`, made in memory from the live catalogue.
//!
//! A table here is a [`Grid`]: a line that names its columns with types and defaults, and rows that
//! give what differs. Object ids are stable: a table's own, its primary key's index and row type
//! derived from it, a namespace's from its name. Columns that no client was seen to ask for are
//! left out.

mod grid;
mod information;
mod pg;
mod type_list;

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::datasource::TableProvider;
use model::Table;

use crate::session::Context;
use type_list::TYPES;

/// A system table by schema and name; `None` if there is none of this name.
pub(crate) fn table(
    schema: &str,
    name: &str,
    context: &Context,
) -> Option<Result<Arc<dyn TableProvider>>> {
    let grid = match schema {
        "pg_catalog" => pg::grid(name, context)?,
        "information_schema" => information::grid(name, context)?,
        _ => return None,
    };
    Some(grid.into_table())
}

/// OID of `pg_catalog`, PostgreSQL's own.
const PG_CATALOG_OID: u32 = 11;
/// OID of `information_schema`, as initdb gives it in PostgreSQL 15.
const INFORMATION_SCHEMA_OID: u32 = 13_184;
/// OID of the bootstrap user.
const OWNER_OID: u32 = 10;
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

/// The namespace of this OID.
pub(crate) fn namespace_name(oid: i64, context: &Context) -> Option<String> {
    let system = ["pg_catalog", "information_schema"].into_iter();
    let own = context.catalog.namespaces.keys().map(String::as_str);
    system.chain(own).find(|name| i64::from(namespace_oid(name)) == oid).map(str::to_string)
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

/// The table whose primary key has this OID.
pub(crate) fn table_of_index(oid: i64, context: &Context) -> Option<Arc<Table>> {
    keyed(context).find(|table| i64::from(index_oid(table)) == oid).cloned()
}

/// The name of the table, index or system table of this OID, with its namespace where that is not
/// the session's.
pub(crate) fn relation_name(oid: i64, context: &Context) -> Option<String> {
    let shown = |namespace: &str, name: &str| match namespace == context.session.namespace {
        true => name.to_string(),
        false => format!("{namespace}.{name}"),
    };
    if let Some(table) = tables(context).find(|table| i64::from(table.oid) == oid) {
        return Some(shown(&table.namespace, &table.name));
    }
    if let Some(table) = table_of_index(oid, context) {
        return Some(shown(&table.namespace, &index_name(&table)));
    }
    pg::SYSTEM_TABLES.iter().find(|(_, known)| i64::from(*known) == oid).map(|(n, _)| n.to_string())
}

/// The OID of the relation that this text names: exact, then without regard to case.
pub(crate) fn relation_oid(text: &str, context: &Context) -> Option<u32> {
    let parts = parts(text);
    let (namespace, name) = match &parts[..] {
        [name] => (None, name),
        [.., namespace, name] => (Some(namespace), name),
        [] => return None,
    };
    let wanted = namespace.map_or(&context.session.namespace, |(name, _)| name);
    let quoted = namespace.is_none_or(|(_, quoted)| *quoted);
    if let Some((_, found)) = context.catalog.resolve(wanted, quoted) {
        if let Some(table) = found.resolve(&name.0, name.1) {
            return Some(table.oid);
        }
        let index = found.tables.values().find(|table| index_name(table) == name.0);
        if let Some(table) = index.filter(|table| !table.key.is_empty()) {
            return Some(index_oid(table));
        }
    }
    let system = namespace.is_none_or(|(name, _)| name == "pg_catalog");
    let known = pg::SYSTEM_TABLES.iter().find(|(known, _)| system && *known == name.0);
    known.map(|(_, oid)| *oid)
}

/// The parts of a dotted name, and whether each was quoted.
fn parts(text: &str) -> Vec<(String, bool)> {
    let mut parts = Vec::new();
    let mut part = String::new();
    let (mut inside, mut quoted) = (false, false);
    for c in text.chars() {
        match c {
            '"' => {
                inside = !inside;
                quoted = true;
            }
            '.' if !inside => {
                parts.push((std::mem::take(&mut part), std::mem::take(&mut quoted)));
            }
            c => part.push(c),
        }
    }
    parts.push((part, quoted));
    parts
}

/// The OID of a type by any of its names.
pub(crate) fn type_oid(name: &str) -> Option<u32> {
    let name = name.trim().trim_start_matches("pg_catalog.").trim_matches('"').to_lowercase();
    if let Some(element) = name.strip_suffix("[]") {
        let element = TYPES.iter().find(|t| t.name == element || t.sql_name == element)?;
        return Some(element.array);
    }
    TYPES.iter().find(|t| t.name == name || t.sql_name == name).map(|t| t.oid)
}

/// A type's SQL name with its modifier.
pub(crate) fn format_type(oid: i64, typmod: i64) -> String {
    if let Some(element) = TYPES.iter().find(|t| t.array != 0 && i64::from(t.array) == oid) {
        return format!("{}[]", format_type(element.oid.into(), typmod));
    }
    let Some(known) = TYPES.iter().find(|t| i64::from(t.oid) == oid) else {
        return if oid == 0 { "-".to_string() } else { "???".to_string() };
    };
    match known.name {
        "varchar" if typmod >= 4 => format!("character varying({})", typmod - 4),
        "bpchar" if typmod >= 4 => format!("character({})", typmod - 4),
        "numeric" if typmod >= 4 => {
            format!("numeric({},{})", (typmod - 4) >> 16, (typmod - 4) & 0xffff)
        }
        _ => known.sql_name.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_by_name_and_back() {
        assert_eq!(type_oid("int8"), Some(20));
        assert_eq!(type_oid("pg_catalog.text[]"), Some(1009));
        assert_eq!(format_type(1043, 24), "character varying(20)");
        assert_eq!(format_type(1700, (10 << 16 | 2) + 4), "numeric(10,2)");
        assert_eq!(format_type(1016, -1), "bigint[]");
        assert_eq!(parts("a.\"B.c\""), [("a".to_string(), false), ("B.c".to_string(), true)]);
    }
}
