//! Functions that describe the catalogue: types, relations, indexes, sizes.

use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray, Int64Array, StringBuilder};
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, Volatility};

use super::{
    Returns, add as add_function, arg, each_number, numbers, quoted_ident, text_type, texts,
};
use crate::catalog;
use crate::error::external;
use crate::session::Context;

pub(super) fn add(list: &mut Vec<Arc<ScalarUDF>>) {
    use Volatility::{Immutable, Stable};
    add_function(list, "format_type", Immutable, text_type(), format_type);
    add_function(list, "pg_get_expr", Immutable, text_type(), |args| {
        Ok(ColumnarValue::Array(texts(args, 0)?))
    });
    add_function(list, "pg_get_indexdef", Stable, text_type(), index_definition);
    add_function(list, "pg_get_viewdef", Stable, text_type(), view_definition);
    add_function(list, "obj_description", Stable, text_type(), |args| {
        let context = Context::of(&args.config_options)?;
        each_number(args, |oid| catalog::objects::comment(oid, 0, context))
    });
    add_function(list, "col_description", Stable, text_type(), column_comment);
    add_function(list, "pg_get_serial_sequence", Stable, text_type(), serial_sequence);
    add_function(list, "pg_get_constraintdef", Stable, text_type(), |args| {
        let context = Context::of(&args.config_options)?;
        let pretty = matches!(
            args.args.get(1),
            Some(ColumnarValue::Scalar(ScalarValue::Boolean(Some(true))))
        );
        each_number(args, |oid| {
            if let Some(check) = catalog::objects::check_of(oid, context) {
                return Some(sql::check_definition(&check.text, pretty));
            }
            let table = catalog::table_of_index(oid, context)?;
            Some(format!("PRIMARY KEY ({})", key_columns(&table)))
        })
    });
    let int = || Returns::Fixed(DataType::Int64, None);
    // Vectors of the catalogue count from 0; arrays are `sql::functions`'.
    add_function(list, "aeriedb_vector_upper", Immutable, int(), |args| {
        let Some(array) = arg(args, 0)? else { return Ok(ScalarValue::Int64(None).into()) };
        let Some(lists) = array.as_list_opt::<i32>() else {
            return Ok(ScalarValue::Int64(None).into());
        };
        let last: Int64Array = lists.iter().map(|list| list.map(|l| l.len() as i64 - 1)).collect();
        Ok(ColumnarValue::Array(Arc::new(last)))
    });
    add_function(list, "aeriedb_vector_lower", Immutable, int(), |_| {
        Ok(ColumnarValue::Scalar(ScalarValue::Int64(Some(0))))
    });
    for name in [
        "pg_table_size",
        "pg_total_relation_size",
        "pg_relation_size",
        "pg_indexes_size",
        "pg_database_size",
    ] {
        add_function(list, name, Stable, Returns::Fixed(DataType::Int64, None), sizes);
    }
}

fn format_type(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let oids = numbers(args, 0)?;
    let mods = match arg(args, 1)? {
        Some(_) => Some(numbers(args, 1)?),
        None => None,
    };
    let mut builder = StringBuilder::new();
    for (i, oid) in oids.as_primitive::<Int64Type>().iter().enumerate() {
        let typmod = mods.as_ref().map(|mods| mods.as_primitive::<Int64Type>());
        let typmod = typmod.filter(|mods| mods.is_valid(i)).map_or(-1, |mods| mods.value(i));
        builder.append_option(oid.map(|oid| catalog::format_type(oid, typmod)));
    }
    Ok(ColumnarValue::Array(Arc::new(builder.finish())))
}

/// By the view's id or its name.
fn view_definition(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let context = Context::of(&args.config_options)?;
    let of = |oid: i64| {
        catalog::objects::view_of(oid, context).map(|view| catalog::objects::definition(&view))
    };
    match args.args.first().map(ColumnarValue::data_type) {
        Some(DataType::Utf8) => super::each_text(args, |name| {
            let oid = catalog::registered::find("regclass", name, context).map_err(external)?;
            Ok(oid.and_then(|oid| of(oid.into())))
        }),
        _ => each_number(args, of),
    }
}

/// The sequence that numbers a column, by the names of its table and of the column.
fn serial_sequence(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let context = Context::of(&args.config_options)?;
    let (tables, columns) = (texts(args, 0)?, texts(args, 1)?);
    let mut builder = StringBuilder::new();
    for pair in tables.as_string::<i32>().iter().zip(columns.as_string::<i32>()) {
        let (Some(table), Some(column)) = pair else {
            builder.append_null();
            continue;
        };
        let oid = catalog::registered::read("regclass", table, context).map_err(external)?;
        let found = catalog::objects::owned_sequence(oid, column, context);
        let name = |(namespace, name): (String, String)| {
            format!("{}.{}", quoted_ident(&namespace), quoted_ident(&name))
        };
        builder.append_option(found.map(name));
    }
    Ok(ColumnarValue::Array(Arc::new(builder.finish())))
}

fn column_comment(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let context = Context::of(&args.config_options)?;
    let (oids, places) = (numbers(args, 0)?, numbers(args, 1)?);
    let mut builder = StringBuilder::new();
    let pairs = oids.as_primitive::<Int64Type>().iter().zip(places.as_primitive::<Int64Type>());
    for (oid, place) in pairs {
        let both = oid.zip(place);
        let comment = both.and_then(|(oid, n)| catalog::objects::comment(oid, n, context));
        builder.append_option(comment);
    }
    Ok(ColumnarValue::Array(Arc::new(builder.finish())))
}

fn key_columns(table: &model::Table) -> String {
    let names: Vec<String> = table.key.iter().map(|column| quoted_ident(&column.name)).collect();
    names.join(", ")
}

/// The whole definition, or the name of one column where its number is given.
fn index_definition(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let context = Context::of(&args.config_options)?;
    let oids = numbers(args, 0)?;
    let places = match arg(args, 1)? {
        Some(_) => Some(numbers(args, 1)?),
        None => None,
    };
    let mut builder = StringBuilder::new();
    for (i, oid) in oids.as_primitive::<Int64Type>().iter().enumerate() {
        let place = places.as_ref().map(|places| places.as_primitive::<Int64Type>());
        let place = place.filter(|places| places.is_valid(i)).map_or(0, |places| places.value(i));
        let table = oid.and_then(|oid| catalog::table_of_index(oid, context));
        let primary = table.and_then(|table| definition(&table, place));
        let secondary = || {
            let index = catalog::secondary::of_oid(oid?, context)?;
            Some(if place > 0 { index.key() } else { index.definition() })
        };
        builder.append_option(primary.or_else(secondary));
    }
    Ok(ColumnarValue::Array(Arc::new(builder.finish())))
}

fn definition(table: &model::Table, place: i64) -> Option<String> {
    if place > 0 {
        return table.key.get(place as usize - 1).map(|column| quoted_ident(&column.name));
    }
    Some(catalog::index_definition(table))
}

/// Sizes of sets are told by `SHOW SETS`; the catalogue has no number at hand for them.
fn sizes(_: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    Ok(ColumnarValue::Scalar(ScalarValue::Int64(Some(0))))
}
