//! Arrow values as PostgreSQL prints them: what a cast to text gives.

use std::fmt::Write;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringArray, StringBuilder};
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::arrow::datatypes::{
    DataType, Field, Float32Type, Float64Type, TimestampMicrosecondType,
};
use datafusion::arrow::temporal_conversions::timestamp_us_to_datetime;
use sql::SqlResult;
use sql::functions::Datum;

use crate::error::sql_error;
use crate::numbers::texts_of;
use crate::{functions, types};

/// An array as text.
pub(crate) fn to_text(array: &ArrayRef, field: &Field) -> SqlResult<ArrayRef> {
    match array.data_type() {
        DataType::Utf8 => return Ok(array.clone()),
        DataType::LargeBinary => return Ok(texts_of(array)),
        _ => {}
    }
    if let (Some(_), Some(named)) = (types::registered(field), array.as_struct_opt()) {
        return Ok(named.column(1).clone());
    }
    let mut builder = StringBuilder::with_capacity(array.len(), array.len() * 8);
    let plain = match array.data_type() {
        DataType::Float32 | DataType::Float64 | DataType::Binary | DataType::List(_) => None,
        DataType::FixedSizeBinary(_) | DataType::Timestamp(_, _) => None,
        DataType::Interval(_) | DataType::Duration(_) | DataType::Time64(_) => {
            return spans(array, field);
        }
        _ => Some(cast(array, &DataType::Utf8)?),
    };
    if let Some(plain) = plain {
        return Ok(plain);
    }
    let array = match array.data_type() {
        DataType::Timestamp(_, zone) => {
            let unit = datafusion::arrow::datatypes::TimeUnit::Microsecond;
            cast(array, &DataType::Timestamp(unit, zone.clone()))?
        }
        _ => array.clone(),
    };
    let mut text = String::new();
    for i in 0..array.len() {
        if array.is_null(i) {
            builder.append_null();
            continue;
        }
        text.clear();
        print(&array, i, field, &mut text)?;
        builder.append_value(&text);
    }
    Ok(Arc::new(builder.finish()))
}

fn spans(array: &ArrayRef, field: &Field) -> SqlResult<ArrayRef> {
    let t = functions::type_of(field, false);
    let values = functions::datums(array, field).map_err(sql_error)?;
    let text = |value: &Datum| (*value != Datum::Null).then(|| value.print(&t));
    Ok(Arc::new(values.iter().map(text).collect::<StringArray>()))
}

fn cast(array: &ArrayRef, to: &DataType) -> SqlResult<ArrayRef> {
    let options = CastOptions { safe: false, ..CastOptions::default() };
    cast_with_options(array, to, &options).map_err(|e| sql_error(e.into()))
}

fn print(array: &ArrayRef, i: usize, field: &Field, out: &mut String) -> SqlResult<()> {
    match array.data_type() {
        DataType::Float32 => {
            print_float(array.as_primitive::<Float32Type>().value(i).into(), 6, true, out)
        }
        DataType::Float64 => {
            print_float(array.as_primitive::<Float64Type>().value(i), 15, false, out);
        }
        DataType::Binary => out.push_str(&model::json::hex(array.as_binary::<i32>().value(i))),
        DataType::FixedSizeBinary(_) => {
            print_uuid(array.as_fixed_size_binary().value(i), out);
        }
        DataType::Timestamp(_, zone) => {
            let micros = array.as_primitive::<TimestampMicrosecondType>().value(i);
            print_timestamp(micros, zone.is_some(), out);
        }
        DataType::List(item) => print_list(&array.as_list::<i32>().value(i), item, out)?,
        _ => {
            let text = to_text(&array.slice(i, 1), field)?;
            out.push_str(text.as_string::<i32>().value(0));
        }
    }
    Ok(())
}

/// The shortest digits that read back as the same number; with an exponent where PostgreSQL
/// writes one.
fn print_float(d: f64, digits_max: i32, single: bool, out: &mut String) {
    if d.is_nan() {
        return out.push_str("NaN");
    }
    if d.is_infinite() {
        return out.push_str(if d > 0.0 { "Infinity" } else { "-Infinity" });
    }
    let scientific = if single { format!("{:e}", d as f32) } else { format!("{d:e}") };
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..digits_max).contains(&exponent) {
        let _ = if single { write!(out, "{}", d as f32) } else { write!(out, "{d}") };
    } else {
        let sign = if exponent < 0 { '-' } else { '+' };
        let _ = write!(out, "{digits}e{sign}{:02}", exponent.abs());
    }
}

fn print_uuid(bytes: &[u8], out: &mut String) {
    for (i, byte) in bytes.iter().enumerate() {
        if matches!(i, 4 | 6 | 8 | 10) {
            out.push('-');
        }
        let _ = write!(out, "{byte:02x}");
    }
}

fn print_timestamp(micros: i64, zone: bool, out: &mut String) {
    match timestamp_us_to_datetime(micros) {
        Some(time) => {
            let _ = write!(out, "{}", time.format("%Y-%m-%d %H:%M:%S%.6f"));
            if out.contains('.') {
                let kept = out.trim_end_matches('0').trim_end_matches('.').len();
                out.truncate(kept);
            }
        }
        None => out.push_str(if micros > 0 { "infinity" } else { "-infinity" }),
    }
    if zone {
        out.push_str("+00");
    }
}

fn print_list(items: &ArrayRef, item: &Field, out: &mut String) -> SqlResult<()> {
    let texts = to_text(items, item)?;
    let texts: &StringArray = texts.as_string::<i32>();
    let boolean = item.data_type() == &DataType::Boolean;
    out.push('{');
    for i in 0..texts.len() {
        if i > 0 {
            out.push(',');
        }
        match texts.is_null(i) {
            true => out.push_str("NULL"),
            false if item.data_type().is_nested() => out.push_str(texts.value(i)),
            false if boolean => out.push_str(&texts.value(i)[..1]),
            false => print_element(texts.value(i), out),
        }
    }
    out.push('}');
    Ok(())
}

/// One element of an array, in quotes where the array's own marks are in it.
fn print_element(text: &str, out: &mut String) {
    let special = |c: char| c.is_whitespace() || matches!(c, '{' | '}' | ',' | '"' | '\\');
    if !text.is_empty() && !text.eq_ignore_ascii_case("null") && !text.contains(special) {
        return out.push_str(text);
    }
    out.push('"');
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
}

/// The 16 bytes of a UUID's text, with or without hyphens and braces.
pub(crate) fn parse_uuid(text: &str) -> Option<[u8; 16]> {
    let text = text.trim();
    let text = text.strip_prefix('{').and_then(|t| t.strip_suffix('}')).unwrap_or(text);
    let digits: Vec<u8> = text.bytes().filter(|b| *b != b'-').collect();
    parse_hex(&digits)?.try_into().ok()
}

/// The bytes that `\x..` or a text with octal escapes means.
pub(crate) fn parse_bytea(text: &str) -> Option<Vec<u8>> {
    if let Some(digits) = text.strip_prefix("\\x") {
        let digits: Vec<u8> = digits.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
        return parse_hex(&digits);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        rest = match (first, tail) {
            (b'\\', [b'\\', after @ ..]) => {
                bytes.push(b'\\');
                after
            }
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..]) => {
                bytes.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                after
            }
            (b'\\', _) => return None,
            _ => {
                bytes.push(first);
                tail
            }
        };
    }
    Some(bytes)
}

fn parse_hex(digits: &[u8]) -> Option<Vec<u8>> {
    let digit = |b: u8| (b as char).to_digit(16).map(|d| d as u8);
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    digits.chunks(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::arrow::array::{BinaryArray, Float64Array, TimestampMicrosecondArray};

    fn printed(array: ArrayRef) -> Vec<String> {
        let field = Field::new("c", array.data_type().clone(), true);
        let texts = to_text(&array, &field).expect("prints");
        texts.as_string::<i32>().iter().map(|t| t.unwrap_or("NULL").to_string()).collect()
    }

    #[test]
    fn prints_as_postgres_does() {
        let floats = [1.0, 0.1, 1e15, 1e14, 1e-5, 0.0001, f64::NAN, -0.0];
        assert_eq!(
            printed(Arc::new(Float64Array::from(floats.to_vec()))),
            ["1", "0.1", "1e+15", "100000000000000", "1e-05", "0.0001", "NaN", "-0"]
        );
        let times = TimestampMicrosecondArray::from(vec![0, 1_500_000]).with_timezone("+00:00");
        let times = printed(Arc::new(times));
        assert_eq!(times, ["1970-01-01 00:00:00+00", "1970-01-01 00:00:01.5+00"]);
        assert_eq!(printed(Arc::new(BinaryArray::from(vec![&b"\x00\xff"[..]]))), ["\\x00ff"]);
    }

    #[test]
    fn reads_uuid_and_bytea() {
        assert!(parse_uuid("A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11").is_some());
        assert!(parse_uuid("a0eebc99").is_none());
        assert_eq!(parse_bytea("\\x00ff"), Some(vec![0, 255]));
        assert_eq!(parse_bytea("a\\001\\\\"), Some(b"a\x01\\".to_vec()));
        assert_eq!(parse_bytea("\\xzz"), None);
    }
}
