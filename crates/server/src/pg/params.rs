//! Parameters of a Bind: from the client's encoding to the stored form that the plan wants.
//!
//! A value is read as the type on the wire (what the client declared, else what the plan has), then
//! turned into the plan's type. Text-like wire types are read as the plan's type at once, so a
//! driver may send anything as varchar.

use model::{ColumnType, Value, json};
use sql::types::{format_text, parse_text};
use sql::{SqlError, SqlResult};

use super::frontend::not_utf8;
use super::numeric;
use super::rows::{EPOCH_DAYS, EPOCH_MICROS, interval_text};
use super::types::{self, oid};

/// The type that a parameter has on the wire.
pub(crate) fn wire_oid(declared: Option<u32>, planned: Option<ColumnType>) -> u32 {
    match declared {
        None | Some(0 | oid::UNKNOWN) => planned.map_or(oid::TEXT, types::oid_of),
        Some(declared) => declared,
    }
}

/// Reads one parameter.
pub(crate) fn decode(
    oid: u32,
    planned: Option<ColumnType>,
    binary: bool,
    bytes: &[u8],
) -> SqlResult<Value> {
    if binary && !types::is_text(oid) {
        return coerce(oid, decode_binary(oid, bytes)?, planned);
    }
    let text = utf8(bytes)?;
    if types::is_text(oid) {
        return match planned {
            Some(planned) => parse_text(planned, text),
            None => Ok(Value::String(text.to_string())),
        };
    }
    coerce(oid, decode_text(oid, text)?, planned)
}

fn utf8(bytes: &[u8]) -> SqlResult<&str> {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => Ok(text),
        _ => Err(not_utf8()),
    }
}

fn decode_text(oid: u32, text: &str) -> SqlResult<Value> {
    if let Some(element) = types::element_of(oid) {
        return array_text(element, text);
    }
    match types::column_type(oid) {
        Some(column_type) => parse_text(column_type, text),
        None => Ok(Value::String(text.to_string())),
    }
}

/// `{1,NULL,"two words"}`, one dimension.
fn array_text(element: u32, text: &str) -> SqlResult<Value> {
    let malformed = || {
        SqlError::new("22P02", format!("malformed array literal: \"{text}\""))
            .hint("write {a,b,NULL,\"two words\"}")
    };
    let inner = text.trim().strip_prefix('{').and_then(|t| t.strip_suffix('}'));
    let mut rest = inner.ok_or_else(malformed)?.trim();
    let mut items = Vec::new();
    while !rest.is_empty() {
        let (item, quoted, after) = array_item(rest).ok_or_else(malformed)?;
        items.push(match item.as_str() {
            word if !quoted && word.eq_ignore_ascii_case("null") => Value::Nil,
            word => decode_text(element, word)?,
        });
        rest = match after.strip_prefix(',') {
            Some(more) if !more.trim().is_empty() => more.trim_start(),
            None if after.is_empty() => after,
            _ => return Err(malformed()),
        };
    }
    Ok(Value::list(items))
}

/// The first element of an array's text, whether it was quoted, and what follows it.
fn array_item(text: &str) -> Option<(String, bool, &str)> {
    let mut item = String::new();
    if let Some(body) = text.strip_prefix('"') {
        let mut chars = body.char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => return Some((item, true, body[at + 1..].trim_start())),
                '\\' => item.push(chars.next()?.1),
                other => item.push(other),
            }
        }
        return None;
    }
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            ',' => return plain_item(item, &text[at..]),
            '\\' => item.push(chars.next()?.1),
            '"' | '{' | '}' => return None,
            other => item.push(other),
        }
    }
    plain_item(item, "")
}

fn plain_item(item: String, rest: &str) -> Option<(String, bool, &str)> {
    let item = item.trim().to_string();
    (!item.is_empty()).then_some((item, false, rest))
}

fn bad_binary(oid: u32) -> SqlError {
    SqlError::new("22P03", format!("incorrect binary data format in bind parameter of type {oid}"))
}

fn decode_binary(oid: u32, bytes: &[u8]) -> SqlResult<Value> {
    let bad = || bad_binary(oid);
    Ok(match oid {
        oid::BOOL => match bytes {
            [b] => Value::Bool(*b != 0),
            _ => return Err(bad()),
        },
        oid::INT2 => Value::Integer(i16::from_be_bytes(exact(oid, bytes)?).into()),
        oid::INT4 => Value::Integer(i32::from_be_bytes(exact(oid, bytes)?).into()),
        oid::INT8 => Value::Integer(i64::from_be_bytes(exact(oid, bytes)?)),
        oid::OID | oid::XID | oid::REGPROC | oid::REGCLASS | oid::REGTYPE | oid::REGNAMESPACE => {
            Value::Integer(u32::from_be_bytes(exact(oid, bytes)?).into())
        }
        oid::FLOAT4 => Value::Double(f32::from_be_bytes(exact(oid, bytes)?).into()),
        oid::FLOAT8 => Value::Double(f64::from_be_bytes(exact(oid, bytes)?)),
        oid::NUMERIC => Value::String(numeric::decode(bytes).ok_or_else(bad)?),
        oid::BYTEA => Value::Blob(bytes.to_vec()),
        oid::UUID => Value::Blob(exact::<16>(oid, bytes)?.to_vec()),
        oid::JSON => json::parse(utf8(bytes)?).map_err(json_error)?,
        oid::JSONB => match bytes.split_first() {
            Some((1, text)) => json::parse(utf8(text)?).map_err(json_error)?,
            _ => return Err(bad()),
        },
        oid::DATE => Value::Integer(i64::from(i32::from_be_bytes(exact(oid, bytes)?)) + EPOCH_DAYS),
        oid::TIMESTAMP | oid::TIMESTAMPTZ => {
            let micros = i64::from_be_bytes(exact(oid, bytes)?);
            Value::Integer(micros.checked_add(EPOCH_MICROS).ok_or_else(bad)?)
        }
        oid::TIME => {
            let micros = i64::from_be_bytes(exact(oid, bytes)?);
            Value::String(interval_text(0, 0, micros))
        }
        oid::INTERVAL => {
            let raw = i128::from_be_bytes(exact(oid, bytes)?);
            Value::String(interval_text(raw as i32, (raw >> 32) as i32, (raw >> 64) as i64))
        }
        _ => match types::element_of(oid) {
            Some(_) => decode_array(oid, bytes)?,
            None => {
                let message = format!("no binary input for parameters of type {oid}");
                return Err(SqlError::unsupported(message).hint("send it as text"));
            }
        },
    })
}

fn exact<const N: usize>(oid: u32, bytes: &[u8]) -> SqlResult<[u8; N]> {
    bytes.try_into().map_err(|_| bad_binary(oid))
}

fn json_error(error: model::Error) -> SqlError {
    SqlError::new("22P02", error.detail)
}

/// One dimension, or none where the array is empty.
fn decode_array(oid: u32, bytes: &[u8]) -> SqlResult<Value> {
    let mut rest = bytes;
    let mut word = || -> SqlResult<u32> {
        let (head, tail) = rest.split_first_chunk::<4>().ok_or_else(|| bad_binary(oid))?;
        rest = tail;
        Ok(u32::from_be_bytes(*head))
    };
    let (dimensions, _has_null, element) = (word()?, word()?, word()?);
    if dimensions == 0 {
        return Ok(Value::list(Vec::new()));
    }
    if dimensions > 1 {
        return Err(SqlError::unsupported("arrays of several dimensions are not supported")
            .hint("send the value as jsonb"));
    }
    let (count, _lower) = (word()? as usize, word()?);
    if count > rest.len() / 4 {
        return Err(bad_binary(oid));
    }
    let mut items = Vec::with_capacity(count);
    for _ in 0..count {
        items.push(array_element(oid, element, &mut rest)?);
    }
    if rest.is_empty() { Ok(Value::list(items)) } else { Err(bad_binary(oid)) }
}

fn array_element(oid: u32, element: u32, rest: &mut &[u8]) -> SqlResult<Value> {
    let (head, tail) = rest.split_first_chunk::<4>().ok_or_else(|| bad_binary(oid))?;
    *rest = tail;
    let length = u32::from_be_bytes(*head);
    if length == u32::MAX {
        return Ok(Value::Nil);
    }
    let (item, tail) = rest.split_at_checked(length as usize).ok_or_else(|| bad_binary(oid))?;
    *rest = tail;
    match types::element_of(element) {
        Some(_) => Err(bad_binary(oid)),
        None if types::is_text(element) => Ok(Value::String(utf8(item)?.to_string())),
        None => decode_binary(element, item),
    }
}

/// A value of a wire type in the stored form of the type that the plan wants.
pub(crate) fn coerce(oid: u32, value: Value, planned: Option<ColumnType>) -> SqlResult<Value> {
    use ColumnType::*;
    let Some(planned) = planned else { return Ok(value) };
    if let (Some(element), Value::List(items)) = (types::element_of(oid), &value) {
        return coerce_list(element, items, planned);
    }
    let own = types::column_type(oid).unwrap_or(Text);
    match (own, planned) {
        _ if own == planned => Ok(value),
        // What the core keeps as it is.
        (Int2 | Int4, Int8) | (Float4, Float8) | (_, Jsonb) => Ok(value),
        (Varchar(_), Text) | (Timestamp, Timestamptz) | (Timestamptz, Timestamp) => Ok(value),
        (Bytea, Hll) => match value {
            Value::Blob(bytes) => Ok(Value::Hll(bytes)),
            other => Ok(other),
        },
        _ => {
            let mut text = String::new();
            format_text(own, &value, &mut text);
            parse_text(planned, &text)
        }
    }
}

fn coerce_list(element: u32, items: &[Value], planned: ColumnType) -> SqlResult<Value> {
    let wanted = types::element_type(planned);
    if wanted.is_none() && planned != ColumnType::Jsonb {
        let message = format!("an array was given where {planned} is wanted");
        return Err(SqlError::new("42804", message).hint("give one value, or use = ANY($1)"));
    }
    let each = |item: &Value| match item {
        Value::Nil => Ok(Value::Nil),
        item => coerce(element, item.clone(), wanted),
    };
    Ok(Value::List(items.iter().map(each).collect::<SqlResult<_>>()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binary(oid: u32, planned: Option<ColumnType>, bytes: &[u8]) -> Result<Value, &'static str> {
        decode(oid, planned, true, bytes).map_err(|e| e.sqlstate)
    }

    fn text(oid: u32, planned: Option<ColumnType>, text: &str) -> Result<Value, &'static str> {
        decode(oid, planned, false, text.as_bytes()).map_err(|e| e.sqlstate)
    }

    #[test]
    fn declared_types_are_turned_into_the_planned_ones() {
        let int8 = Some(ColumnType::Int8);
        assert_eq!(text(oid::VARCHAR, int8, "7"), Ok(Value::Integer(7)));
        assert_eq!(text(oid::UNKNOWN, None, "x"), Ok(Value::String("x".into())));
        assert_eq!(binary(oid::VARCHAR, int8, b"7"), Ok(Value::Integer(7)));
        assert_eq!(binary(oid::INT4, int8, &[0, 0, 0, 7]), Ok(Value::Integer(7)));
        assert_eq!(
            binary(oid::INT2, Some(ColumnType::Text), &[0, 7]),
            Ok(Value::String("7".into()))
        );
        assert_eq!(text(oid::VARCHAR, int8, "x"), Err("22P02"));
        assert_eq!(wire_oid(Some(oid::INT4), int8), oid::INT4);
        assert_eq!(wire_oid(Some(0), int8), oid::INT8);
        assert_eq!(wire_oid(None, None), oid::TEXT);
    }

    #[test]
    fn binary_values() {
        assert_eq!(binary(oid::BOOL, None, &[1]), Ok(Value::Bool(true)));
        assert_eq!(binary(oid::DATE, None, &[0; 4]), Ok(Value::Integer(EPOCH_DAYS)));
        assert_eq!(binary(oid::TIMESTAMPTZ, None, &[0; 8]), Ok(Value::Integer(EPOCH_MICROS)));
        assert_eq!(binary(oid::UUID, None, &[7; 16]), Ok(Value::Blob(vec![7; 16])));
        assert_eq!(binary(oid::JSONB, None, b"\x01[1]"), Ok(Value::list(vec![Value::Integer(1)])));
        assert_eq!(
            binary(oid::TIME, None, &1_500_000i64.to_be_bytes()),
            Ok(Value::String("00:00:01.5".into()))
        );
        for oid in [
            oid::BOOL,
            oid::INT4,
            oid::FLOAT8,
            oid::NUMERIC,
            oid::UUID,
            oid::JSONB,
            oid::INT8_ARRAY,
        ] {
            assert_eq!(binary(oid, None, b"\x02\x03\x04"), Err("22P03"), "{oid}");
        }
        assert_eq!(binary(oid::TIMESTAMP, None, &i64::MAX.to_be_bytes()), Err("22P03"));
    }

    #[test]
    fn arrays_in_both_formats() {
        let expected = Ok(Value::list(vec![Value::Integer(1), Value::Nil]));
        let array = Some(ColumnType::Int8Array);
        assert_eq!(text(1007, array, "{1, NULL}"), expected);
        assert_eq!(text(oid::UNKNOWN, None, "{1}"), Ok(Value::String("{1}".into())));
        let mut bytes = Vec::new();
        for word in [1, 1, oid::INT4, 2, 1, 4, 1, u32::MAX] {
            bytes.extend_from_slice(&word.to_be_bytes());
        }
        assert_eq!(binary(1007, array, &bytes), expected);
        assert_eq!(binary(1007, None, &bytes[..27]), Err("22P03"));
        assert_eq!(binary(1007, Some(ColumnType::Int8), &bytes), Err("42804"));
        let words = Value::list(vec![Value::String("a b".into()), Value::String("q\"".into())]);
        assert_eq!(text(oid::TEXT_ARRAY, None, r#"{"a b","q\""}"#), Ok(words));
        for bad in ["", "{", "{1", "{1,}", "{,1}", "{\"a}", "{{1}}"] {
            assert_eq!(text(1007, array, bad), Err("22P02"), "{bad}");
        }
    }
}
