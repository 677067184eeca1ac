//! Values as PostgreSQL's input functions read them.

use std::num::IntErrorKind;

use model::{ColumnType, Value, json};

use super::{array, numeric, time};
use crate::{SqlError, SqlResult};

/// Reads a value as PostgreSQL's input function of the type does: 22P02 when the text is not of
/// the type, 22003 or 22008 when it is out of range, 22001 when it is too long.
pub fn parse_text(t: ColumnType, text: &str) -> SqlResult<Value> {
    use ColumnType::*;
    Ok(match t {
        Int2 | Int4 | Int8 => Value::Integer(integer(t, text)?),
        Float4 => Value::Double(double(t, text)?),
        Float8 => Value::Double(double(t, text)?),
        Text | Varchar(None) => Value::String(text.to_string()),
        Varchar(Some(n)) => Value::String(fitting(text.to_string(), n)?),
        Bytea => Value::Blob(bytes(text)?),
        Hll => Value::Hll(bytes(text)?),
        Bool => Value::Bool(boolean(text)?),
        Jsonb => json::parse(text).map_err(|e| bad(t, text).detail(e.detail))?,
        GeoJson => Value::GeoJson(geojson(text)?),
        Timestamptz => Value::Integer(time::parse_timestamp(text, true)?),
        Timestamp => Value::Integer(time::parse_timestamp(text, false)?),
        Date => Value::Integer(time::parse_date(text)?),
        Numeric { precision, scale } => Value::String(numeric::parse(text, precision, scale)?),
        Uuid => Value::Blob(uuid(text)?),
        Int8Array => array::parse(Int8, text)?,
        Float8Array => array::parse(Float8, text)?,
        TextArray => array::parse(Text, text)?,
        BoolArray => array::parse(Bool, text)?,
    })
}

fn bad(t: ColumnType, text: &str) -> SqlError {
    let name = match t {
        ColumnType::Jsonb => "json".to_string(),
        other => other.to_string(),
    };
    let shown: String = text.chars().take(100).collect();
    SqlError::new("22P02", format!("invalid input syntax for type {name}: \"{shown}\""))
}

fn out_of_range(t: ColumnType, text: &str) -> SqlError {
    SqlError::new("22003", format!("value \"{text}\" is out of range for type {t}"))
}

/// Checks that an integer fits the type.
pub(super) fn in_range(t: ColumnType, n: i64) -> SqlResult<i64> {
    let fits = match t {
        ColumnType::Int2 => i16::try_from(n).is_ok(),
        ColumnType::Int4 => i32::try_from(n).is_ok(),
        _ => true,
    };
    let error = || SqlError::new("22003", format!("{t} out of range"));
    if fits { Ok(n) } else { Err(error()) }
}

fn integer(t: ColumnType, text: &str) -> SqlResult<i64> {
    let trimmed = text.trim();
    let (negative, digits) = match trimmed.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, trimmed),
    };
    let parsed = match digits.get(..2) {
        Some("0x" | "0X") => hex_integer(negative, &digits[2..]),
        _ => trimmed.parse::<i64>(),
    };
    match parsed {
        Ok(n) => in_range(t, n).map_err(|_| out_of_range(t, text)),
        Err(e) => match e.kind() {
            IntErrorKind::PosOverflow | IntErrorKind::NegOverflow => Err(out_of_range(t, text)),
            _ => Err(bad(t, text)),
        },
    }
}

fn hex_integer(negative: bool, digits: &str) -> Result<i64, std::num::ParseIntError> {
    let sign = if negative { "-" } else { "" };
    i64::from_str_radix(&format!("{sign}{digits}"), 16)
}

fn double(t: ColumnType, text: &str) -> SqlResult<f64> {
    let trimmed = text.trim();
    let value: f64 = trimmed.parse().map_err(|_| bad(t, text))?;
    let named = trimmed.bytes().any(|b| matches!(b, b'n' | b'N'));
    let rounded = float4(t, value);
    let nonzero = || {
        let mantissa = trimmed.split(['e', 'E']).next().unwrap_or_default();
        mantissa.bytes().any(|b| (b'1'..=b'9').contains(&b))
    };
    let lost = rounded.is_infinite() || (rounded == 0.0 && nonzero());
    if lost && !named { Err(out_of_range(t, text)) } else { Ok(rounded) }
}

/// Rounds to 32 bits where the type has no more.
pub(super) fn float4(t: ColumnType, value: f64) -> f64 {
    if t == ColumnType::Float4 { f64::from(value as f32) } else { value }
}

fn boolean(text: &str) -> SqlResult<bool> {
    let lower = text.trim().to_ascii_lowercase();
    let begins = |word: &str, least: usize| lower.len() >= least && word.starts_with(&lower);
    if lower == "1" || lower == "on" || begins("true", 1) || begins("yes", 1) {
        Ok(true)
    } else if lower == "0" || begins("off", 2) || begins("false", 1) || begins("no", 1) {
        Ok(false)
    } else {
        Err(bad(ColumnType::Bool, text))
    }
}

/// Cuts trailing spaces that do not fit; anything else that does not fit is 22001.
pub(super) fn fitting(mut text: String, n: u32) -> SqlResult<String> {
    let Some((cut, _)) = text.char_indices().nth(n as usize) else { return Ok(text) };
    if text[cut..].bytes().all(|b| b == b' ') {
        text.truncate(cut);
        return Ok(text);
    }
    Err(SqlError::new("22001", format!("value too long for type character varying({n})")))
}

fn bytes(text: &str) -> SqlResult<Vec<u8>> {
    match text.strip_prefix("\\x") {
        Some(hex) => hex_bytes(hex),
        None => escaped_bytes(text),
    }
}

fn hex_bytes(text: &str) -> SqlResult<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() / 2);
    let mut high = None;
    for c in text.chars().filter(|c| !c.is_ascii_whitespace()) {
        let digit = c
            .to_digit(16)
            .ok_or_else(|| SqlError::new("22023", format!("invalid hexadecimal digit: \"{c}\"")))?
            as u8;
        match high.take() {
            None => high = Some(digit),
            Some(high) => out.push(high << 4 | digit),
        }
    }
    match high {
        None => Ok(out),
        Some(_) => Err(SqlError::new("22023", "invalid hexadecimal data: odd number of digits")),
    }
}

fn escaped_bytes(text: &str) -> SqlResult<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = match (first, tail) {
            (b'\\', [b'\\', tail @ ..]) => {
                out.push(b'\\');
                tail
            }
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', tail @ ..]) => {
                out.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                tail
            }
            (b'\\', _) => return Err(bad(ColumnType::Bytea, text)),
            (byte, tail) => {
                out.push(*byte);
                tail
            }
        };
    }
    Ok(out)
}

fn geojson(text: &str) -> SqlResult<String> {
    let value = json::parse(text).map_err(|e| bad(ColumnType::GeoJson, text).detail(e.detail))?;
    let kind = match &value {
        Value::Map(pairs) => pairs.iter().find(|(k, _)| *k == Value::String("type".into())),
        _ => None,
    };
    match kind {
        Some((_, Value::String(_))) => Ok(text.to_string()),
        _ => Err(bad(ColumnType::GeoJson, text)
            .hint("GeoJSON is an object with a \"type\", such as {\"type\": \"Point\", ..}")),
    }
}

fn uuid(text: &str) -> SqlResult<Vec<u8>> {
    let error = || bad(ColumnType::Uuid, text);
    let trimmed = text.trim();
    let inner = trimmed.strip_prefix('{').and_then(|t| t.strip_suffix('}')).unwrap_or(trimmed);
    let mut digits = String::with_capacity(32);
    for (i, group) in inner.split('-').enumerate() {
        let whole = group.len() % 4 == 0 && !group.is_empty();
        if !whole || i > 7 || !group.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(error());
        }
        digits.push_str(group);
    }
    if digits.len() != 32 {
        return Err(error());
    }
    hex_bytes(&digits).map_err(|_| error())
}
