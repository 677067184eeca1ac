//! The rows of `pg_catalog`.
//!
//! Tables, their keys and what the server is come from the live catalogue (`tables.rs`,
//! `server.rs`); functions, types, operators and casts from PostgreSQL's own lists (`lists.rs`).
//! Every other relation is there and empty.

mod server;
mod tables;

use std::collections::HashSet;

use datafusion::catalog::Session;

use super::KEYWORDS;
use super::grid::{Cell, Grid, Row};
use super::lists::{self, Relation};
use super::{objects, secondary};
use crate::session::Context;

/// The rows of a relation.
pub(super) fn grid(relation: &Relation, context: &Context, session: &dyn Session) -> Grid {
    let listed = |defaults, list| Grid::new(defaults, lists::rows(relation, list));
    match relation.name {
        "pg_namespace" => tables::namespaces(context),
        "pg_class" => tables::classes(context),
        "pg_attribute" => tables::attributes(context),
        "pg_attrdef" => tables::defaults(context),
        "pg_index" => tables::indexes(context),
        "pg_constraint" => tables::constraints(context),
        "pg_tables" => tables::pg_tables(context),
        "pg_indexes" => tables::pg_indexes(context),
        "pg_stat_progress_create_index" => Grid::new("", secondary::building(context)),
        "pg_stat_all_tables"
        | "pg_stat_user_tables"
        | "pg_statio_all_tables"
        | "pg_statio_user_tables"
        | "pg_stat_xact_all_tables"
        | "pg_stat_xact_user_tables" => tables::statistics(context),
        "pg_views" => Grid::new("", objects::pg_views(context)),
        "pg_description" => Grid::new("", objects::descriptions(context)),
        "pg_sequences" => Grid::new("", objects::pg_sequences(context)),
        "pg_sequence" => Grid::new("", objects::pg_sequence(context)),
        "pg_database" => server::databases(context),
        "pg_roles" | "pg_authid" => server::roles(context),
        "pg_user" | "pg_shadow" => server::users(context),
        "pg_settings" => server::settings(context),
        "pg_tablespace" => server::tablespaces(),
        "pg_stat_activity" => server::activity(context),
        "pg_stat_database" => server::database_statistics(context),
        "pg_timezone_names" | "pg_timezone_abbrevs" => server::time_zones(),
        "pg_proc" => Grid::new(FUNCTION, functions(relation, session)),
        "pg_type" => {
            listed("typnamespace=11 typowner=10 typisdefined=t typtypmod=-1", lists::TYPES)
        }
        "pg_aggregate" => {
            listed("aggfinalmodify=r aggmfinalmodify=r", include_str!("../data/pg_aggregate.txt"))
        }
        "pg_operator" => {
            listed("oprnamespace=11 oprowner=10", include_str!("../data/pg_operator.txt"))
        }
        "pg_cast" => listed("", lists::CASTS),
        "pg_opclass" => listed("opcnamespace=11 opcowner=10", lists::OPERATOR_CLASSES),
        "pg_opfamily" => {
            listed("opfnamespace=11 opfowner=10", include_str!("../data/pg_opfamily.txt"))
        }
        "pg_am" => listed("", include_str!("../data/pg_am.txt")),
        "pg_language" => listed("lanowner=10", include_str!("../data/pg_language.txt")),
        KEYWORDS => listed("", include_str!("../data/pg_get_keywords.txt")),
        "pg_collation" => {
            listed("collnamespace=11 collowner=10", include_str!("../data/pg_collation.txt"))
        }
        _ => Grid::empty(),
    }
}

const FUNCTION: &str = "pronamespace=11 proowner=10";

/// PostgreSQL's functions of the names that can be called here, and those that types are made of.
pub(super) fn functions(relation: &Relation, session: &dyn Session) -> Vec<Row> {
    let names: HashSet<&str> = session
        .scalar_functions()
        .keys()
        .chain(session.aggregate_functions().keys())
        .chain(session.window_functions().keys())
        .map(String::as_str)
        .collect();
    let casts = lists::cast_functions();
    let mut rows = lists::rows(relation, lists::FUNCTIONS);
    rows.retain(|row| {
        let name = row.iter().find(|(column, _)| *column == "proname");
        let known = matches!(name, Some((_, Cell::Text(name))) if names.contains(&**name));
        known
            || row.iter().any(|(column, cell)| is_internal(column, cell))
            || matches!(&row[..], [("oid", Cell::Int(oid)), ..] if casts.contains(oid))
    });
    rows
}

/// OIDs of `cstring` and `internal`, which only functions that SQL does not call take and give.
const INTERNAL: [i64; 2] = [2275, 2281];

fn is_internal(column: &str, cell: &Cell) -> bool {
    match (column, cell) {
        ("prorettype", Cell::Int(oid)) => INTERNAL.contains(oid),
        ("proargtypes", Cell::Ints(oids)) => oids.iter().any(|oid| INTERNAL.contains(oid)),
        _ => false,
    }
}
