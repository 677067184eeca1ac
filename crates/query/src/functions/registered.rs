//! Values of `regclass`, `regtype` and their like: OIDs that print as a name.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Int64Array, StringArray, StringBuilder, StructArray,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Int64Type};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, Volatility};

use super::{Returns, add as add_function, arg, missing, text_type, texts};
use crate::catalog::registered;
use crate::error::external;
use crate::session::Context;
use crate::types;

pub(super) fn add(list: &mut Vec<Arc<ScalarUDF>>) {
    use Volatility::{Immutable, Stable};
    for (cast, lookup, kind) in KINDS {
        let returns = || Returns::Fixed(DataType::Int64, Some(kind));
        add_function(list, cast, Stable, returns(), read);
        add_function(list, lookup, Stable, returns(), find);
    }
    add_function(list, "aeriedb_reg_text", Stable, text_type(), text);
    add_function(list, "aeriedb_reg_wire", Stable, Returns::Named(wire_type()), wire);
    add_function(list, "aeriedb_oid", Immutable, Returns::Fixed(DataType::Int64, Some("oid")), int);
    add_function(list, "pg_typeof", Stable, Returns::Fixed(DataType::Int64, Some("regtype")), kind);
}

/// The type of a literal that has none.
const UNKNOWN: u32 = 705;

/// What casts to it, what looks up or gives NULL, and the type.
const KINDS: [(&str, &str, &str); 6] = [
    ("aeriedb_regclass", "to_regclass", "regclass"),
    ("aeriedb_regtype", "to_regtype", "regtype"),
    ("aeriedb_regproc", "to_regproc", "regproc"),
    ("aeriedb_regprocedure", "to_regprocedure", "regprocedure"),
    ("aeriedb_regnamespace", "to_regnamespace", "regnamespace"),
    ("aeriedb_regrole", "to_regrole", "regrole"),
];

/// The type that a function of [`KINDS`] returns.
fn kind_of(args: &ScalarFunctionArgs) -> &str {
    types::mark(&args.return_field).unwrap_or_default()
}

/// The type of an argument.
fn kind(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let field = args.arg_fields.first().ok_or_else(|| missing(0))?;
    let oid = if field.data_type().is_null() { UNKNOWN } else { types::field_oid(field) };
    Ok(ColumnarValue::Scalar(ScalarValue::Int64(Some(oid.into()))))
}

/// A number as it is, a text as the name of something that there must be.
fn read(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let array = arg(args, 0)?.ok_or_else(|| missing(0))?;
    if array.data_type() != &DataType::Utf8 {
        return Ok(ColumnarValue::Array(cast(&array, &DataType::Int64)?));
    }
    let context = Context::of(&args.config_options)?;
    let oid = |text: Option<&str>| {
        text.map(|text| registered::read(kind_of(args), text, context).map(i64::from)).transpose()
    };
    let oids = array.as_string::<i32>().iter().map(oid);
    let oids: Int64Array = oids.collect::<Result<_, _>>().map_err(external)?;
    Ok(ColumnarValue::Array(Arc::new(oids)))
}

/// NULL for names of nothing.
fn find(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let names = texts(args, 0)?;
    let context = Context::of(&args.config_options)?;
    let oid = |text: Option<&str>| match text {
        Some(text) if text.trim().parse::<u32>().is_err() => {
            registered::find(kind_of(args), text, context).ok().flatten().map(i64::from)
        }
        _ => None,
    };
    let oids: Int64Array = names.as_string::<i32>().iter().map(oid).collect();
    Ok(ColumnarValue::Array(Arc::new(oids)))
}

/// The names of the argument's values.
fn names(args: &ScalarFunctionArgs) -> Result<(Int64Array, StringArray)> {
    let context = Context::of(&args.config_options)?;
    let kind = args.arg_fields.first().and_then(|field| types::mark(field)).unwrap_or_default();
    let oids = numbers(args)?;
    let mut builder = StringBuilder::new();
    for oid in &oids {
        builder.append_option(oid.map(|oid| registered::print(kind, oid, context)));
    }
    Ok((oids, builder.finish()))
}

fn text(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    Ok(ColumnarValue::Array(Arc::new(names(args)?.1)))
}

/// The form that the wire takes: text shows the name, binary the number.
fn wire(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let (oids, names) = names(args)?;
    let DataType::Struct(fields) = wire_type() else { unreachable!("it is a struct") };
    let nulls = oids.nulls().cloned();
    let columns: Vec<ArrayRef> = vec![Arc::new(oids), Arc::new(names)];
    Ok(ColumnarValue::Array(Arc::new(StructArray::new(fields, columns, nulls))))
}

fn wire_type() -> DataType {
    let fields = [("oid", DataType::Int64), ("name", DataType::Utf8)];
    DataType::Struct(fields.map(|(name, kind)| Field::new(name, kind, true)).to_vec().into())
}

fn numbers(args: &ScalarFunctionArgs) -> Result<Int64Array> {
    let array = arg(args, 0)?.ok_or_else(|| missing(0))?;
    Ok(cast(&array, &DataType::Int64)?.as_primitive::<Int64Type>().clone())
}

fn int(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    Ok(ColumnarValue::Array(Arc::new(numbers(args)?)))
}
