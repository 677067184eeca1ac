//! Conversion between types: casts of known types, and coercion of values of unknown provenance.

use model::{ColumnType, Value, json};

use super::text_in::{fitting, float4, in_range};
use super::{DAY_US, numeric, parse_text, text_of};
use crate::{SqlError, SqlResult};

/// Whether `CAST(from AS to)` means anything.
pub(crate) fn can_cast(from: ColumnType, to: ColumnType) -> bool {
    use ColumnType::*;
    let text = |t| matches!(t, Text | Varchar(_));
    let number = |t| matches!(t, Int2 | Int4 | Int8 | Float4 | Float8 | Numeric { .. });
    let moment = |t| matches!(t, Date | Timestamp | Timestamptz);
    let array = |t| matches!(t, Int8Array | Float8Array | TextArray | BoolArray);
    let bytes = |t| matches!(t, Bytea | Hll);
    text(from)
        || text(to)
        || from == to
        || to == Jsonb
        || from == Jsonb
        || number(from) && number(to)
        || moment(from) && moment(to)
        || array(from) && array(to)
        || bytes(from) && bytes(to)
        || from == Bool && matches!(to, Int4 | Int8)
        || to == Bool && matches!(from, Int2 | Int4 | Int8)
}

/// `CAST(value AS to)`, of types for which [`can_cast`].
pub(crate) fn cast(from: ColumnType, to: ColumnType, value: Value) -> SqlResult<Value> {
    use ColumnType::*;
    if matches!(value, Value::Nil) {
        return Ok(value);
    }
    match (from, to, value) {
        (from, to, value) if from == to => Ok(value),
        (Text | Varchar(_), Varchar(Some(n)), Value::String(s)) => {
            Ok(Value::String(s.chars().take(n as usize).collect()))
        }
        (Text | Varchar(_), Text | Varchar(_), value) => Ok(value),
        (Text | Varchar(_), to, Value::String(s)) => parse_text(to, &s),
        (Jsonb, Text | Varchar(_), value) => cast(Text, to, Value::String(jsonb_text(&value))),
        (Bool, Text | Varchar(_), Value::Bool(b)) => {
            cast(Text, to, Value::String((if b { "true" } else { "false" }).into()))
        }
        (from, Text | Varchar(_), value) => cast(Text, to, Value::String(text_of(from, &value))),
        (Date, Timestamp | Timestamptz, Value::Integer(days)) => {
            days.checked_mul(DAY_US).map(Value::Integer).ok_or_else(|| range("timestamp"))
        }
        (Timestamp | Timestamptz, Date, Value::Integer(us)) => {
            Ok(Value::Integer(us.div_euclid(DAY_US)))
        }
        (Timestamp | Timestamptz, Timestamp | Timestamptz, value) => Ok(value),
        (Bool, Int4 | Int8, Value::Bool(b)) => Ok(Value::Integer(b.into())),
        (Int2 | Int4 | Int8, Bool, Value::Integer(n)) => Ok(Value::Bool(n != 0)),
        (GeoJson, Jsonb, Value::GeoJson(s)) => parse_text(Jsonb, &s),
        (Date | Timestamp | Timestamptz | Numeric { .. } | Uuid, Jsonb, value) => {
            Ok(jsonb_of(from, value))
        }
        (_, to, value) => coerce(to, value),
    }
}

/// A value as `jsonb` shows it: numerics are numbers, moments text.
fn jsonb_of(from: ColumnType, value: Value) -> Value {
    let text = text_of(from, &value);
    match from {
        ColumnType::Numeric { .. } => json::parse(&text).unwrap_or(Value::String(text)),
        _ => Value::String(text),
    }
}

/// The text of a jsonb value: a string is itself, anything else its JSON.
pub(crate) fn jsonb_text(value: &Value) -> String {
    match value {
        Value::String(s) => s.clone(),
        other => json::print(other),
    }
}

/// Turns a value of whatever provenance into the stored representation of a column's type, as an
/// assignment does: ranges are checked, lengths too, numerics rounded; 42804 where it cannot be.
pub fn coerce(t: ColumnType, value: Value) -> SqlResult<Value> {
    use ColumnType::*;
    Ok(match (t, value) {
        (_, Value::Nil) => Value::Nil,
        (Jsonb, value) => value,
        (Int2 | Int4 | Int8, Value::Integer(n)) => Value::Integer(in_range(t, n)?),
        (Int2 | Int4 | Int8, Value::Double(d)) => Value::Integer(in_range(t, integer(t, d)?)?),
        (Int2 | Int4 | Int8, Value::String(s)) if is_decimal(&s) => {
            let n = numeric::to_i64(&s).ok_or_else(|| range(&t.to_string()))?;
            Value::Integer(in_range(t, n)?)
        }
        (Float4 | Float8, Value::Integer(n)) => Value::Double(float4(t, n as f64)),
        (Float4 | Float8, Value::Double(d)) => Value::Double(float4(t, d)),
        (Text | Varchar(None), Value::String(s)) => Value::String(s),
        (Varchar(Some(n)), Value::String(s)) => Value::String(fitting(s, n)?),
        (Text | Varchar(_), value @ (Value::Integer(_) | Value::Double(_) | Value::Bool(_))) => {
            coerce(t, Value::String(text_of(Text, &value)))?
        }
        (Text | Varchar(_), value @ (Value::List(_) | Value::Map(_))) => {
            coerce(t, Value::String(json::print(&value)))?
        }
        (Bytea, Value::Blob(b) | Value::Hll(b)) => Value::Blob(b),
        (Hll, Value::Blob(b) | Value::Hll(b)) => Value::Hll(b),
        (Bool, Value::Bool(b)) => Value::Bool(b),
        (Timestamptz | Timestamp | Date, Value::Integer(n)) => Value::Integer(n),
        (Numeric { .. }, Value::Integer(n)) => parse_text(t, &n.to_string())?,
        (Numeric { .. }, value @ Value::Double(_)) => parse_text(t, &text_of(Float8, &value))?,
        (Uuid, Value::Blob(b)) if b.len() == 16 => Value::Blob(b),
        (GeoJson, Value::GeoJson(s)) => Value::GeoJson(s),
        (GeoJson, value @ Value::Map(_)) => parse_text(t, &json::print(&value))?,
        (Int8Array, Value::List(items)) => list(Int8, items.items)?,
        (Float8Array, Value::List(items)) => list(Float8, items.items)?,
        (TextArray, Value::List(items)) => list(Text, items.items)?,
        (BoolArray, Value::List(items)) => list(Bool, items.items)?,
        (t, Value::String(s)) => parse_text(t, &s)?,
        (t, value) => {
            let message = format!("a value of type {} does not fit type {t}", value.value_type());
            return Err(SqlError::new("42804", message)
                .hint("rewrite the expression or cast it to the column's type"));
        }
    })
}

/// `1.5` and `-2e3`, but not `5`, which the integer's own input function reads.
fn is_decimal(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.clone().any(|b| b == b'.')
        && bytes.all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'+' | b'e' | b'E'))
}

fn list(element: ColumnType, items: Vec<Value>) -> SqlResult<Value> {
    let one = |item| match item {
        Value::List(inner) => list(element, inner.items),
        item => coerce(element, item),
    };
    Ok(Value::List(items.into_iter().map(one).collect::<SqlResult<_>>()?))
}

/// The nearest integer, halves to even, as PostgreSQL rounds doubles.
fn integer(t: ColumnType, d: f64) -> SqlResult<i64> {
    let rounded = d.round_ties_even();
    // 2^63 itself is the first double that does not fit.
    let fits = (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&rounded);
    if fits { Ok(rounded as i64) } else { Err(range(&t.to_string())) }
}

fn range(what: &str) -> SqlError {
    SqlError::new("22003", format!("{what} out of range"))
}
