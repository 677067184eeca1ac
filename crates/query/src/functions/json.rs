//! Access to parts of JSON: `->`, `->>` and their friends.

use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray, StringBuilder};
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::common::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, Volatility};
use model::{Value, json};

use super::{Returns, add as add_function, arg, each_text, missing, numbers, text_type, texts};

pub(super) fn add(list: &mut Vec<Arc<ScalarUDF>>) {
    use Volatility::Immutable;
    let jsonb = || Returns::Fixed(DataType::Utf8, Some("jsonb"));
    add_function(list, "jsonb_get", Immutable, jsonb(), |args| {
        part(args, |value| Some(json::print(value)))
    });
    add_function(list, "jsonb_get_text", Immutable, text_type(), |args| {
        part(args, |value| match value {
            Value::Nil => None,
            Value::String(text) => Some(text.clone()),
            other => Some(json::print(other)),
        })
    });
    for name in ["jsonb_typeof", "json_typeof"] {
        add_function(list, name, Immutable, text_type(), |args| {
            each_text(args, |text| Ok(json::parse(text).ok().map(|v| kind(&v).to_string())))
        });
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Nil => "null",
        Value::Bool(_) => "boolean",
        Value::Integer(_) | Value::Double(_) => "number",
        Value::List(_) => "array",
        Value::Map(_) | Value::GeoJson(_) => "object",
        _ => "string",
    }
}

/// The part of each JSON that a name or a number picks.
fn part(
    args: &ScalarFunctionArgs,
    show: impl Fn(&Value) -> Option<String>,
) -> Result<ColumnarValue> {
    let input = texts(args, 0)?;
    let by_number = arg(args, 1)?.ok_or_else(|| missing(1))?.data_type().is_integer();
    let (places, names) = match by_number {
        true => (Some(numbers(args, 1)?), None),
        false => (None, Some(texts(args, 1)?)),
    };
    let mut builder = StringBuilder::new();
    for (i, text) in input.as_string::<i32>().iter().enumerate() {
        let value = text.and_then(|text| json::parse(text).ok());
        let place = places.as_ref().map(|p| p.as_primitive::<Int64Type>());
        let name = names.as_ref().map(|n| n.as_string::<i32>());
        let found = value.as_ref().and_then(|value| match (value, place, name) {
            (Value::List(items), Some(place), _) if place.is_valid(i) => {
                let at = place.value(i);
                let at = if at < 0 { at + items.len() as i64 } else { at };
                items.get(usize::try_from(at).ok()?)
            }
            (Value::Map(pairs), _, Some(name)) if name.is_valid(i) => {
                let named = |key: &Value| matches!(key, Value::String(s) if s == name.value(i));
                pairs.iter().find(|(key, _)| named(key)).map(|(_, value)| value)
            }
            _ => None,
        });
        builder.append_option(found.and_then(&show));
    }
    Ok(ColumnarValue::Array(Arc::new(builder.finish())))
}
