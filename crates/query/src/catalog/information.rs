//! The rows of the views of `information_schema`.

use datafusion::catalog::Session;
use model::{Check, Column, Table};

use super::grid::{Cell, Grid, Row};
use super::lists::{relations, type_named, type_of};
use super::{index_name, keyed, objects, routines, tables};
use crate::session::Context;
use crate::types::{column_oid, typmod};

/// The rows of the view of this name.
pub(super) fn grid(name: &str, context: &Context, session: &dyn Session) -> Grid {
    match name {
        "routines" => routines::grid(context, session),
        "parameters" => routines::parameters(context, session),
        "schemata" => schemata(context),
        "tables" => all_tables(context),
        "columns" => columns(context),
        "views" => views(context),
        "check_constraints" => check_constraints(context),
        "element_types" => element_types(context),
        "table_constraints" => constraints(context),
        "key_column_usage" => key_columns(context),
        "constraint_column_usage" => constraint_columns(context),
        "table_privileges" | "role_table_grants" => table_privileges(context),
        "column_privileges" | "role_column_grants" => column_privileges(context),
        "character_sets" => character_sets(context),
        "enabled_roles" => Grid::new("", vec![vec![("role_name", user(context))]]),
        "applicable_roles" | "administrable_role_authorizations" => Grid::empty(),
        "information_schema_catalog_name" => {
            Grid::new("", vec![vec![("catalog_name", catalog(context))]])
        }
        _ => Grid::empty(),
    }
}

fn catalog(context: &Context) -> Cell {
    context.session.database.as_str().into()
}

fn user(context: &Context) -> Cell {
    context.session.user.as_str().into()
}

fn schemata(context: &Context) -> Grid {
    let system = ["information_schema", "pg_catalog"].into_iter();
    let names = system.chain(context.catalog.namespaces.keys().map(String::as_str));
    let rows = names.map(|name| -> Row {
        vec![
            ("catalog_name", catalog(context)),
            ("schema_name", name.into()),
            ("schema_owner", user(context)),
        ]
    });
    Grid::new("", rows.collect())
}

/// Database, schema and name of a table, in the columns that most views have.
fn table_name(context: &Context, schema: &str, name: &str) -> Row {
    vec![
        ("table_catalog", catalog(context)),
        ("table_schema", schema.into()),
        ("table_name", name.into()),
    ]
}

fn name_of(context: &Context, table: &Table) -> Row {
    table_name(context, &table.namespace, &table.name)
}

fn all_tables(context: &Context) -> Grid {
    let mut rows: Vec<Row> = tables(context).map(|table| name_of(context, table)).collect();
    for row in &mut rows {
        row.extend([("table_type", "BASE TABLE".into()), ("is_insertable_into", "YES".into())]);
    }
    for view in objects::views(context) {
        let mut row = table_name(context, &view.namespace, &view.name);
        row.extend([("table_type", "VIEW".into()), ("is_insertable_into", "NO".into())]);
        rows.push(row);
    }
    for relation in relations() {
        let mut row = table_name(context, relation.schema, relation.name);
        let kind = if relation.kind == "r" { "BASE TABLE" } else { "VIEW" };
        row.extend([("table_type", kind.into()), ("is_insertable_into", "NO".into())]);
        rows.push(row);
    }
    Grid::new("is_typed=NO", rows)
}

const VIEW: &str = "check_option=NONE is_updatable=NO is_insertable_into=NO \
    is_trigger_updatable=NO is_trigger_deletable=NO is_trigger_insertable_into=NO";

fn views(context: &Context) -> Grid {
    let rows = objects::views(context).map(|view| -> Row {
        let mut row = table_name(context, &view.namespace, &view.name);
        row.push(("view_definition", objects::definition(view).into()));
        row
    });
    Grid::new(VIEW, rows.collect())
}

/// Database, schema and name of a check.
fn check_name(context: &Context, table: &Table, check: &Check) -> Row {
    vec![
        ("constraint_catalog", catalog(context)),
        ("constraint_schema", table.namespace.as_str().into()),
        ("constraint_name", check.name.as_str().into()),
    ]
}

fn check_constraints(context: &Context) -> Grid {
    let rows = objects::all_checks(context).map(|(table, check)| -> Row {
        let mut row = check_name(context, table, check);
        row.push(("check_clause", format!("({})", check.text).into()));
        row
    });
    Grid::new("", rows.collect())
}

const COLUMNS: &str = "is_self_referencing=NO is_identity=NO is_generated=NEVER \
    identity_cycle=NO is_updatable=YES udt_schema=pg_catalog";

fn columns(context: &Context) -> Grid {
    let mut rows = Vec::new();
    for table in tables(context) {
        for (column, number, is_key) in table_columns(table) {
            let mut row = name_of(context, table);
            row.extend([
                ("column_name", column.name.as_str().into()),
                ("column_default", default_of(table, column, context)),
                ("ordinal_position", number.into()),
                ("is_nullable", yes_or_no(!is_key && !column.not_null)),
                ("udt_catalog", catalog(context)),
            ]);
            row.extend(of_type(column_oid(column.column_type), typmod(column.column_type), number));
            let identity = match objects::identity(table, column, context) {
                "a" => Some("ALWAYS"),
                "d" => Some("BY DEFAULT"),
                _ => None,
            };
            if let Some(identity) = identity {
                row.extend([
                    ("is_identity", "YES".into()),
                    ("identity_generation", identity.into()),
                ]);
            }
            rows.push(row);
        }
    }
    for view in objects::views(context) {
        for (column, number) in view.columns.iter().zip(1i64..) {
            let mut row = table_name(context, &view.namespace, &view.name);
            row.extend([
                ("column_name", column.name.as_str().into()),
                ("ordinal_position", number.into()),
                ("is_nullable", "YES".into()),
                ("udt_catalog", catalog(context)),
                ("is_updatable", "NO".into()),
            ]);
            row.extend(of_type(column_oid(column.column_type), typmod(column.column_type), number));
            rows.push(row);
        }
    }
    for relation in relations() {
        for (column, number) in relation.columns.iter().zip(1i64..) {
            let mut row = table_name(context, relation.schema, relation.name);
            row.extend([
                ("column_name", column.name.into()),
                ("ordinal_position", number.into()),
                ("is_nullable", yes_or_no(!column.not_null)),
                ("udt_catalog", catalog(context)),
                ("is_updatable", "NO".into()),
            ]);
            row.extend(of_type(type_named(column.kind).unwrap_or_default(), -1, number));
            rows.push(row);
        }
    }
    Grid::new(COLUMNS, rows)
}

/// An identity column has no default.
fn default_of(table: &Table, column: &Column, context: &Context) -> Cell {
    match objects::identity(table, column, context) {
        "" => column.default.as_deref().into(),
        _ => Cell::Null,
    }
}

fn yes_or_no(yes: bool) -> Cell {
    if yes { "YES" } else { "NO" }.into()
}

/// The columns of a table with their numbers, and whether each is part of the key.
fn table_columns(table: &Table) -> impl Iterator<Item = (&Column, i64, bool)> {
    let key = table.key.iter().map(|column| (column, true));
    let all = key.chain(table.columns.iter().map(|column| (column, false)));
    all.zip(1i64..).map(|((column, is_key), number)| (column, number, is_key))
}

/// The most bytes of a text, as PostgreSQL tells it for text without a length.
const OCTETS_MAX: i64 = 1 << 30;
/// The most bytes of a character in UTF-8.
const CHARACTER_OCTETS: i64 = 4;

/// What the type alone decides of a column.
fn of_type(oid: u32, modifier: i32, number: i64) -> Row {
    let array = type_of(oid).is_some_and(|known| known.element != 0 && known.size == -1);
    let name = if array { "ARRAY".to_string() } else { super::format_type(oid.into(), -1) };
    let modifier = i64::from(modifier);
    let udt = type_of(oid).map(|known| known.name);
    let mut row: Row = vec![
        ("data_type", name.into()),
        ("udt_name", udt.into()),
        ("dtd_identifier", number.to_string().into()),
    ];
    let numeric = |precision: i64, radix: i64, scale: Option<i64>| -> Row {
        vec![
            ("numeric_precision", precision.into()),
            ("numeric_precision_radix", radix.into()),
            ("numeric_scale", scale.into()),
        ]
    };
    row.extend(match udt.unwrap_or_default() {
        "int2" => numeric(16, 2, Some(0)),
        "int4" => numeric(32, 2, Some(0)),
        "int8" => numeric(64, 2, Some(0)),
        "float4" => numeric(24, 2, None),
        "float8" => numeric(53, 2, None),
        "numeric" if modifier > 0 => {
            numeric((modifier - 4) >> 16, 10, Some((modifier - 4) & 0xffff))
        }
        "numeric" => vec![("numeric_precision_radix", 10i64.into())],
        "varchar" | "bpchar" if modifier > 0 => vec![
            ("character_maximum_length", (modifier - 4).into()),
            ("character_octet_length", ((modifier - 4) * CHARACTER_OCTETS).into()),
        ],
        "text" | "varchar" => vec![("character_octet_length", OCTETS_MAX.into())],
        "date" => vec![("datetime_precision", 0i64.into())],
        "time" | "timestamp" | "timestamptz" | "interval" => {
            vec![("datetime_precision", 6i64.into())]
        }
        _ => Vec::new(),
    });
    row
}

/// The elements of columns that are arrays.
fn element_types(context: &Context) -> Grid {
    let mut rows = Vec::new();
    for table in tables(context) {
        for (column, number, _) in table_columns(table) {
            let known = type_of(column_oid(column.column_type));
            let Some(element) = known.and_then(|known| type_of(known.element)) else { continue };
            rows.push(vec![
                ("object_catalog", catalog(context)),
                ("object_schema", table.namespace.as_str().into()),
                ("object_name", table.name.as_str().into()),
                ("collection_type_identifier", number.to_string().into()),
                ("data_type", element.sql_name.into()),
                ("udt_catalog", catalog(context)),
                ("udt_name", element.name.into()),
                ("dtd_identifier", format!("a{number}").into()),
            ]);
        }
    }
    Grid::new("object_type=TABLE udt_schema=pg_catalog", rows)
}

/// Database, schema and name of a table's primary key.
fn constraint_name(context: &Context, table: &Table) -> Row {
    vec![
        ("constraint_catalog", catalog(context)),
        ("constraint_schema", table.namespace.as_str().into()),
        ("constraint_name", index_name(table).into()),
    ]
}

fn constraints(context: &Context) -> Grid {
    let mut rows = Vec::new();
    let defaults = [("is_deferrable", "NO"), ("initially_deferred", "NO"), ("enforced", "YES")];
    for table in keyed(context) {
        let mut row = constraint_name(context, table);
        row.extend(name_of(context, table));
        row.push(("constraint_type", "PRIMARY KEY".into()));
        row.push(("nulls_distinct", "YES".into()));
        row.extend(defaults.map(|(name, value)| (name, value.into())));
        rows.push(row);
    }
    for table in tables(context) {
        for (_, number, _) in table_columns(table).filter(|(c, _, is_key)| *is_key || c.not_null) {
            let (schema, oid) = (super::namespace_oid(&table.namespace), table.oid);
            let mut row = constraint_name(context, table);
            row.retain(|(name, _)| *name != "constraint_name");
            row.extend(name_of(context, table));
            row.push(("constraint_name", format!("{schema}_{oid}_{number}_not_null").into()));
            row.push(("constraint_type", "CHECK".into()));
            row.extend(defaults.map(|(name, value)| (name, value.into())));
            rows.push(row);
        }
    }
    for (table, check) in objects::all_checks(context) {
        let mut row = check_name(context, table, check);
        row.extend(name_of(context, table));
        row.push(("constraint_type", "CHECK".into()));
        row.extend(defaults.map(|(name, value)| (name, value.into())));
        rows.push(row);
    }
    Grid::new("", rows)
}

fn key_columns(context: &Context) -> Grid {
    let mut rows: Vec<Row> = Vec::new();
    for table in keyed(context) {
        for (column, number) in table.key.iter().zip(1i64..) {
            let mut row = constraint_name(context, table);
            row.extend(name_of(context, table));
            row.push(("column_name", column.name.as_str().into()));
            row.push(("ordinal_position", number.into()));
            rows.push(row);
        }
    }
    Grid::new("", rows)
}

fn constraint_columns(context: &Context) -> Grid {
    let mut rows: Vec<Row> = Vec::new();
    for table in keyed(context) {
        for column in &table.key {
            let mut row = constraint_name(context, table);
            row.extend(name_of(context, table));
            row.push(("column_name", column.name.as_str().into()));
            rows.push(row);
        }
    }
    Grid::new("", rows)
}

/// What may be granted of a column, and of a table besides.
const OF_COLUMN: [&str; 4] = ["SELECT", "INSERT", "UPDATE", "REFERENCES"];
const OF_TABLE: [&str; 3] = ["DELETE", "TRUNCATE", "TRIGGER"];

fn privilege(context: &Context, name: &'static str) -> Row {
    vec![
        ("grantor", user(context)),
        ("grantee", user(context)),
        ("privilege_type", name.into()),
        ("is_grantable", "YES".into()),
        ("with_hierarchy", yes_or_no(name == "SELECT")),
    ]
}

/// There is one user, who owns everything.
fn table_privileges(context: &Context) -> Grid {
    let mut rows = Vec::new();
    for table in tables(context) {
        for held in OF_COLUMN.into_iter().chain(OF_TABLE) {
            let mut row = name_of(context, table);
            row.extend(privilege(context, held));
            rows.push(row);
        }
    }
    Grid::new("", rows)
}

fn column_privileges(context: &Context) -> Grid {
    let mut rows = Vec::new();
    for table in tables(context) {
        for (column, _, _) in table_columns(table) {
            for held in OF_COLUMN {
                let mut row = name_of(context, table);
                row.push(("column_name", column.name.as_str().into()));
                row.extend(privilege(context, held));
                rows.push(row);
            }
        }
    }
    Grid::new("", rows)
}

fn character_sets(context: &Context) -> Grid {
    let row = vec![
        ("character_set_name", "UTF8".into()),
        ("character_repertoire", "UCS".into()),
        ("form_of_use", "UTF8".into()),
        ("default_collate_catalog", catalog(context)),
        ("default_collate_schema", "pg_catalog".into()),
        ("default_collate_name", "C".into()),
    ];
    Grid::new("", vec![row])
}

#[cfg(test)]
mod tests {
    use model::ColumnType;

    use super::*;

    #[test]
    fn a_column_is_described_by_its_type() {
        let sized = ColumnType::Numeric { precision: 10, scale: 2 };
        let row = of_type(column_oid(sized), typmod(sized), 3);
        assert!(row.contains(&("numeric_precision", 10i64.into())));
        assert!(row.contains(&("dtd_identifier", "3".into())));
        let row = of_type(column_oid(ColumnType::TextArray), -1, 1);
        assert!(row.contains(&("data_type", "ARRAY".into())));
        assert!(row.contains(&("udt_name", "_text".into())));
    }
}
