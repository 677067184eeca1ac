//! asyncpg's question about types that it does not know, int8[] among them.
//!
//! It asks with a recursive query over domains, composite types and ranges, correlated sub-selects
//! in each row. Here there are only base types and arrays of them, so a join answers the same.

use model::ColumnType;

/// What only asyncpg's query names.
const MARK: &str = "typeinfo_tree(";

/// OID of `oid[]`, in which it sends the types asked for.
const OID_ARRAY: u32 = 1028;

const ANSWER: &str = "SELECT t.oid, 'pg_catalog' AS ns, t.typname AS name, t.typtype AS kind,
    NULL AS basetype, CASE WHEN t.typelem <> 0 THEN t.typelem END AS elemtype, ',' AS elemdelim,
    NULL AS range_subtype, NULL AS attrtypoids, NULL AS attrnames, 0 AS depth,
    NULL AS basetype_name, e.typname AS elemtype_name, NULL AS range_subtype_name
    FROM pg_catalog.pg_type t LEFT JOIN pg_catalog.pg_type e ON t.typelem = e.oid
    WHERE t.oid = ANY($1)";

/// The query to run in place of `text`, if it is asyncpg's.
pub(super) fn answer(text: &str) -> Option<&'static str> {
    let asked = text.trim_start().starts_with("WITH RECURSIVE") && text.contains(MARK);
    asked.then_some(ANSWER)
}

/// The parameters of that query, in our own types and as they are announced; nothing for others.
pub(super) fn params(text: &str) -> (Vec<Option<ColumnType>>, Vec<u32>) {
    match text == ANSWER {
        true => (vec![Some(ColumnType::Int8Array)], vec![OID_ARRAY]),
        false => (Vec::new(), Vec::new()),
    }
}
