//! Values as PostgreSQL's output functions print them.

use std::fmt::Write;

use model::{ColumnType, Value, json};

use super::{array, time};

/// Appends a value as PostgreSQL's output function of the type prints it. A value that does not
/// have the type's stored representation is printed as JSON.
pub fn format_text(t: ColumnType, value: &Value, out: &mut String) {
    use ColumnType::*;
    // Writing to a String does not fail.
    let _ = match (t, value) {
        (Bool, Value::Bool(b)) => out.write_char(if *b { 't' } else { 'f' }),
        (Int2 | Int4 | Int8, Value::Integer(n)) => write!(out, "{n}"),
        (Float4, Value::Double(d)) => write_exponent(&format!("{:e}", *d as f32), 6, out),
        (Float8, Value::Double(d)) => write_exponent(&format!("{d:e}"), 15, out),
        (Text | Varchar(_) | Numeric { .. }, Value::String(s)) => out.write_str(s),
        (Bytea | Hll, Value::Blob(b) | Value::Hll(b)) => out.write_str(&json::hex(b)),
        (Uuid, Value::Blob(b)) if b.len() == 16 => write_uuid(b, out),
        (GeoJson, Value::GeoJson(s)) => out.write_str(s),
        (Timestamptz, Value::Integer(us)) => time::write_timestamp(*us, true, out),
        (Timestamp, Value::Integer(us)) => time::write_timestamp(*us, false, out),
        (Date, Value::Integer(days)) => time::write_date(*days, out),
        (Int8Array, Value::List(items)) => array::write(Int8, items, out),
        (Float8Array, Value::List(items)) => array::write(Float8, items, out),
        (TextArray, Value::List(items)) => array::write(Text, items, out),
        (BoolArray, Value::List(items)) => array::write(Bool, items, out),
        (Text | Varchar(_), other) => out.write_str(&plain(other)),
        (_, other) => {
            json::print_into(other, out);
            Ok(())
        }
    };
}

/// The same as a string of its own.
pub(crate) fn text_of(t: ColumnType, value: &Value) -> String {
    let mut out = String::new();
    format_text(t, value, &mut out);
    out
}

/// A value as text by its own type.
fn plain(value: &Value) -> String {
    match value {
        Value::Blob(b) | Value::Hll(b) => json::hex(b),
        Value::Bool(b) => (if *b { "true" } else { "false" }).to_string(),
        Value::Double(_) => text_of(ColumnType::Float8, value),
        other => json::print(other),
    }
}

/// Lays out the shortest digits of a number as C's `%g` would: an exponent below -4 or from
/// `exponent_min` on is written.
fn write_exponent(shortest: &str, exponent_min: i32, out: &mut String) -> std::fmt::Result {
    let Some((mantissa, exponent)) = shortest.split_once('e') else {
        return out.write_str(match shortest {
            "inf" => "Infinity",
            "-inf" => "-Infinity",
            other => other,
        });
    };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if exponent < -4 || exponent >= exponent_min {
        let sign = if exponent < 0 { '-' } else { '+' };
        return write!(out, "{mantissa}e{sign}{:02}", exponent.abs());
    }
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |m| ("-", m));
    out.write_str(sign)?;
    let digits: String = mantissa.chars().filter(|c| *c != '.').collect();
    if exponent < 0 {
        let zeros = "0".repeat(exponent.unsigned_abs() as usize - 1);
        return write!(out, "0.{zeros}{digits}");
    }
    let whole = exponent as usize + 1;
    match digits.len() > whole {
        true => write!(out, "{}.{}", &digits[..whole], &digits[whole..]),
        false => write!(out, "{digits}{}", "0".repeat(whole - digits.len())),
    }
}

fn write_uuid(bytes: &[u8], out: &mut String) -> std::fmt::Result {
    for (i, byte) in bytes.iter().enumerate() {
        if matches!(i, 4 | 6 | 8 | 10) {
            out.write_char('-')?;
        }
        write!(out, "{byte:02x}")?;
    }
    Ok(())
}
