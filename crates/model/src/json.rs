//! Lists and maps as JSON text and back: what `jsonb` shows of a value.

use serde_json::Value as Json;

use crate::limits::NESTING_MAX;
use crate::{Error, ErrorKind, Result, Value};

/// The value that JSON text means. Numbers that fit 64 signed bits become integers, others
/// doubles; objects become maps with string keys.
pub fn parse(text: &str) -> Result<Value> {
    let json: Json = serde_json::from_str(text)
        .map_err(|e| Error::new(ErrorKind::Parameter, format!("invalid JSON: {e}")))?;
    from_json(&json, NESTING_MAX)
}

fn from_json(json: &Json, depth_left: usize) -> Result<Value> {
    let deeper = || {
        let detail = format!("the JSON nests deeper than {NESTING_MAX} levels");
        depth_left.checked_sub(1).ok_or_else(|| Error::new(ErrorKind::Parameter, detail))
    };
    Ok(match json {
        Json::Null => Value::Nil,
        Json::Bool(b) => Value::Bool(*b),
        Json::Number(n) => match n.as_i64() {
            Some(integer) => Value::Integer(integer),
            None => Value::Double(n.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(s) => Value::String(s.clone()),
        Json::Array(items) => {
            let left = deeper()?;
            Value::List(items.iter().map(|v| from_json(v, left)).collect::<Result<_>>()?)
        }
        Json::Object(fields) => {
            let left = deeper()?;
            let pair =
                |(k, v): (&String, &Json)| Ok((Value::String(k.clone()), from_json(v, left)?));
            Value::map(fields.iter().map(pair).collect::<Result<Vec<_>>>()?)
        }
    })
}

/// The value as PostgreSQL prints `jsonb`: a space after colon and comma. What JSON cannot hold is
/// text: blobs as `\x` and hexadecimal digits, map keys as their own text, NaN and infinities by
/// name. GeoJSON stands as the object it is.
pub fn print(value: &Value) -> String {
    let mut out = String::new();
    print_into(value, &mut out);
    out
}

/// Like [`print()`], appended to `out`.
pub fn print_into(value: &Value, out: &mut String) {
    match value {
        Value::Nil => out.push_str("null"),
        Value::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        Value::Integer(n) => out.push_str(&n.to_string()),
        Value::Double(d) => print_double(*d, out),
        Value::String(s) => print_string(s, out),
        Value::Blob(b) | Value::Hll(b) => print_string(&hex(b), out),
        Value::GeoJson(s) => out.push_str(s),
        Value::List(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push_str(", ");
                }
                print_into(item, out);
            }
            out.push(']');
        }
        Value::Map(pairs) => {
            out.push('{');
            for (i, (key, item)) in in_order(pairs).into_iter().enumerate() {
                if i > 0 {
                    out.push_str(", ");
                }
                match key {
                    Value::String(s) => print_string(s, out),
                    Value::Blob(b) => print_string(&hex(b), out),
                    other => print_string(&print(other), out),
                }
                out.push_str(": ");
                print_into(item, out);
            }
            out.push('}');
        }
    }
}

/// The pairs in jsonb's order, which is that of the keys' lengths first.
fn in_order(pairs: &[(Value, Value)]) -> Vec<&(Value, Value)> {
    let length = |pair: &&(Value, Value)| match &pair.0 {
        Value::String(key) => key.len(),
        _ => 0,
    };
    let mut sorted: Vec<_> = pairs.iter().collect();
    // Stable: keys of one length stay in the order of their bytes.
    sorted.sort_by_key(length);
    sorted
}

/// `\x` and two hexadecimal digits a byte, as PostgreSQL prints `bytea`.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    let mut text = String::with_capacity(2 + 2 * bytes.len());
    text.push_str("\\x");
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn print_double(d: f64, out: &mut String) {
    match serde_json::Number::from_f64(d) {
        Some(number) => out.push_str(&number.to_string()),
        None if d.is_nan() => out.push_str("\"NaN\""),
        None => out.push_str(if d > 0.0 { "\"Infinity\"" } else { "\"-Infinity\"" }),
    }
}

fn print_string(text: &str, out: &mut String) {
    out.push_str(&Json::String(text.to_string()).to_string());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip() {
        let text = r#"{"a": [1, 2.5, null, true, "x\"y"], "b": {"c": -9223372036854775808}}"#;
        assert_eq!(print(&parse(text).expect("valid")), text);
    }

    #[test]
    fn what_json_cannot_hold() {
        let value = Value::map([
            (Value::Integer(7), Value::Blob(vec![0xde, 0xad])),
            (Value::String("n".into()), Value::Double(f64::NAN)),
        ]);
        assert_eq!(print(&value), r#"{"7": "\\xdead", "n": "NaN"}"#);
    }

    #[test]
    fn bad_json_and_deep_json_are_errors() {
        assert!(parse("{").is_err());
        assert!(parse(&("[".repeat(100) + &"]".repeat(100))).is_err());
        assert!(parse(&("[".repeat(100_000) + &"]".repeat(100_000))).is_err());
    }
}
