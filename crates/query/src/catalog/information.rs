//! The views of `information_schema`.

use model::{Column, ColumnType};

use super::grid::{Cell, Grid, Row};
use super::{index_name, keyed, tables};
use crate::session::Context;
use crate::types::typmod;

/// The view of this name.
pub(super) fn grid(name: &str, context: &Context) -> Option<Grid> {
    Some(match name {
        "schemata" => schemata(context),
        "tables" => all_tables(context),
        "columns" => columns(context),
        "table_constraints" => constraints(context),
        "key_column_usage" => key_columns(context),
        "views" => Grid::empty(
            "table_catalog:name table_schema:name table_name:name view_definition:text \
             check_option:text is_updatable:text is_insertable_into:text",
        ),
        "referential_constraints" => Grid::empty(
            "constraint_catalog:name constraint_schema:name constraint_name:name \
             unique_constraint_catalog:name unique_constraint_schema:name \
             unique_constraint_name:name match_option:text update_rule:text delete_rule:text",
        ),
        "constraint_column_usage" => Grid::empty(
            "table_catalog:name table_schema:name table_name:name column_name:name \
             constraint_catalog:name constraint_schema:name constraint_name:name",
        ),
        "routines" => Grid::empty(
            "specific_catalog:name specific_schema:name specific_name:name routine_schema:name \
             routine_name:name routine_type:text data_type:text",
        ),
        "sequences" => Grid::empty(
            "sequence_catalog:name sequence_schema:name sequence_name:name data_type:text",
        ),
        "triggers" => Grid::empty("trigger_schema:name trigger_name:name event_object_table:name"),
        _ => return None,
    })
}

fn catalog(context: &Context) -> Cell {
    context.session.database.as_str().into()
}

fn schemata(context: &Context) -> Grid {
    let system = ["information_schema", "pg_catalog"].into_iter();
    let names = system.chain(context.catalog.namespaces.keys().map(String::as_str));
    let rows = names.map(|name| -> Row {
        vec![
            ("catalog_name", catalog(context)),
            ("schema_name", name.into()),
            ("schema_owner", context.session.user.as_str().into()),
        ]
    });
    Grid::new(
        "catalog_name:name schema_name:name schema_owner:name default_character_set_name:name",
        rows.collect(),
    )
}

fn all_tables(context: &Context) -> Grid {
    let rows = tables(context).map(|table| -> Row {
        vec![
            ("table_catalog", catalog(context)),
            ("table_schema", table.namespace.as_str().into()),
            ("table_name", table.name.as_str().into()),
            ("table_type", "BASE TABLE".into()),
        ]
    });
    Grid::new(
        "table_catalog:name table_schema:name table_name:name table_type:text \
         self_referencing_column_name:name reference_generation:text is_insertable_into:text=YES \
         is_typed:text=NO commit_action:text",
        rows.collect(),
    )
}

const COLUMNS: &str = "table_catalog:name table_schema:name table_name:name column_name:name \
    ordinal_position:int4 column_default:text is_nullable:text data_type:text \
    character_maximum_length:int4 character_octet_length:int4 numeric_precision:int4 \
    numeric_precision_radix:int4 numeric_scale:int4 datetime_precision:int4 interval_type:text \
    interval_precision:int4 collation_name:name domain_name:name udt_catalog:name udt_schema:name \
    udt_name:name is_self_referencing:text=NO is_identity:text=NO identity_generation:text \
    identity_start:text identity_increment:text is_generated:text=NEVER \
    generation_expression:text is_updatable:text=YES";

fn columns(context: &Context) -> Grid {
    let mut rows = Vec::new();
    for table in tables(context) {
        let key = table.key.iter().map(|column| (column, true));
        let all = key.chain(table.columns.iter().map(|column| (column, false)));
        for ((column, is_key), number) in all.zip(1i64..) {
            let mut row = column_row(column, is_key || column.not_null);
            row.extend([
                ("table_catalog", catalog(context)),
                ("table_schema", table.namespace.as_str().into()),
                ("table_name", table.name.as_str().into()),
                ("ordinal_position", number.into()),
                ("udt_catalog", catalog(context)),
                ("udt_schema", "pg_catalog".into()),
            ]);
            rows.push(row);
        }
    }
    Grid::new(COLUMNS, rows)
}

fn column_row(column: &Column, not_null: bool) -> Row {
    let oid = crate::types::column_oid(column.column_type);
    let whole = super::format_type(oid.into(), -1);
    let array = whole.ends_with("[]");
    let data_type = if array { "ARRAY".to_string() } else { whole };
    let modifier = i64::from(typmod(column.column_type));
    let (length, precision, radix, scale): (_, _, Option<i64>, _) = match column.column_type {
        ColumnType::Varchar(Some(n)) => (Some(i64::from(n)), None, None, None),
        ColumnType::Int2 => (None, Some(16), Some(2), Some(0)),
        ColumnType::Int4 => (None, Some(32), Some(2), Some(0)),
        ColumnType::Int8 => (None, Some(64), Some(2), Some(0)),
        ColumnType::Float4 => (None, Some(24), Some(2), None),
        ColumnType::Float8 => (None, Some(53), Some(2), None),
        ColumnType::Numeric { .. } if modifier > 0 => {
            (None, Some((modifier - 4) >> 16), Some(10), Some((modifier - 4) & 0xffff))
        }
        _ => (None, None, None, None),
    };
    vec![
        ("column_name", column.name.as_str().into()),
        ("column_default", column.default.as_deref().into()),
        ("is_nullable", if not_null { "NO" } else { "YES" }.into()),
        ("data_type", data_type.into()),
        ("character_maximum_length", length.into()),
        ("numeric_precision", precision.into()),
        ("numeric_precision_radix", radix.into()),
        ("numeric_scale", scale.into()),
        ("udt_name", udt_name(oid).into()),
    ]
}

fn udt_name(oid: u32) -> String {
    let types = super::TYPES.iter();
    let found = types.clone().find(|t| t.oid == oid).map(|t| t.name.to_string());
    let array = || types.clone().find(|t| t.array == oid).map(|t| format!("_{}", t.name));
    found.or_else(array).unwrap_or_default()
}

fn constraints(context: &Context) -> Grid {
    let rows = keyed(context).map(|table| -> Row {
        vec![
            ("constraint_catalog", catalog(context)),
            ("constraint_schema", table.namespace.as_str().into()),
            ("constraint_name", index_name(table).into()),
            ("table_catalog", catalog(context)),
            ("table_schema", table.namespace.as_str().into()),
            ("table_name", table.name.as_str().into()),
        ]
    });
    Grid::new(
        "constraint_catalog:name constraint_schema:name constraint_name:name table_catalog:name \
         table_schema:name table_name:name constraint_type:text=PRIMARY_KEY is_deferrable:text=NO \
         initially_deferred:text=NO enforced:text=YES",
        rows.map(|mut row: Row| {
            row.push(("constraint_type", "PRIMARY KEY".into()));
            row
        })
        .collect(),
    )
}

fn key_columns(context: &Context) -> Grid {
    let mut rows: Vec<Row> = Vec::new();
    for table in keyed(context) {
        for (column, number) in table.key.iter().zip(1i64..) {
            rows.push(vec![
                ("constraint_catalog", catalog(context)),
                ("constraint_schema", table.namespace.as_str().into()),
                ("constraint_name", index_name(table).into()),
                ("table_catalog", catalog(context)),
                ("table_schema", table.namespace.as_str().into()),
                ("table_name", table.name.as_str().into()),
                ("column_name", column.name.as_str().into()),
                ("ordinal_position", number.into()),
            ]);
        }
    }
    Grid::new(
        "constraint_catalog:name constraint_schema:name constraint_name:name table_catalog:name \
         table_schema:name table_name:name column_name:name ordinal_position:int4 \
         position_in_unique_constraint:int4",
        rows,
    )
}
