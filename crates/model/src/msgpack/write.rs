//! Values to bytes.

use super::{
    Arg, EXT_COMPARE, INFINITY, LIST_ORDERED, MAP_KEY_ORDERED, MAP_PAIRS, MAP_VALUE_ORDERED,
    WILDCARD,
};
use crate::{ListOrder, MapOrder, Value, ValueType};

/// One value as bytes.
pub fn encode(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    put_value(&mut out, value);
    out
}

/// Appends one value.
pub fn put_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Nil => put_nil(out),
        Value::Bool(b) => put_bool(out, *b),
        Value::Integer(n) => put_integer(out, *n),
        Value::Double(d) => put_double(out, *d),
        Value::String(text) => put_text(out, ValueType::String, text.as_bytes()),
        Value::Blob(bytes) => put_text(out, ValueType::Blob, bytes),
        Value::GeoJson(text) => put_text(out, ValueType::GeoJson, text.as_bytes()),
        Value::Hll(bytes) => put_text(out, ValueType::Hll, bytes),
        Value::List(list) => {
            let flags = match list.order {
                ListOrder::Unordered => 0,
                ListOrder::Ordered => LIST_ORDERED,
            };
            put_list_header(out, list.len() + usize::from(flags != 0));
            put_flags(out, flags);
            list.iter().for_each(|item| put_value(out, item));
        }
        Value::Map(map) => {
            let flags = match map.order {
                MapOrder::Unordered => 0,
                MapOrder::KeyOrdered => MAP_KEY_ORDERED,
                MapOrder::KeyValueOrdered => MAP_KEY_ORDERED | MAP_VALUE_ORDERED,
            };
            put_map(out, flags, map);
        }
    }
}

/// Appends an argument of an operation.
pub fn put_arg(out: &mut Vec<u8>, arg: &Arg) {
    match arg {
        Arg::Value(value) => put_value(out, value),
        Arg::List(args) => {
            put_list_header(out, args.len());
            args.iter().for_each(|arg| put_arg(out, arg));
        }
        Arg::Infinity => out.extend([0xd4, EXT_COMPARE, INFINITY]),
        Arg::Wildcard => out.extend([0xd4, EXT_COMPARE, WILDCARD]),
    }
}

/// Appends pairs that a client is to keep in this order: it makes a list of pairs of them, not a map.
pub fn put_pairs(out: &mut Vec<u8>, pairs: &[(Value, Value)]) {
    put_map(out, MAP_PAIRS, pairs);
}

fn put_map(out: &mut Vec<u8>, flags: u8, pairs: &[(Value, Value)]) {
    put_map_header(out, pairs.len() + usize::from(flags != 0));
    if flags != 0 {
        put_flags(out, flags);
        put_nil(out);
    }
    for (key, value) in pairs {
        put_value(out, key);
        put_value(out, value);
    }
}

/// Appends the extension element of a collection's flags, if there are any.
fn put_flags(out: &mut Vec<u8>, flags: u8) {
    if flags != 0 {
        out.extend([0xc7, 0, flags]);
    }
}

/// Appends nil.
pub fn put_nil(out: &mut Vec<u8>) {
    out.push(0xc0);
}

/// Appends true or false.
pub fn put_bool(out: &mut Vec<u8>, value: bool) {
    out.push(0xc2 + u8::from(value));
}

/// Appends an integer in its shortest form.
pub fn put_integer(out: &mut Vec<u8>, n: i64) {
    match n {
        -32..=0x7f => out.push(n as u8),
        0x80..=0xff => out.extend([0xcc, n as u8]),
        0x100..=0xffff => put_wide(out, 0xcd, &(n as u16).to_be_bytes()),
        0x1_0000..=0xffff_ffff => put_wide(out, 0xce, &(n as u32).to_be_bytes()),
        0x1_0000_0000.. => put_wide(out, 0xcf, &n.to_be_bytes()),
        -0x80..=-33 => out.extend([0xd0, n as u8]),
        -0x8000..=-0x81 => put_wide(out, 0xd1, &(n as i16).to_be_bytes()),
        -0x8000_0000..=-0x8001 => put_wide(out, 0xd2, &(n as i32).to_be_bytes()),
        _ => put_wide(out, 0xd3, &n.to_be_bytes()),
    }
}

/// Appends a double.
pub fn put_double(out: &mut Vec<u8>, d: f64) {
    put_wide(out, 0xcb, &d.to_be_bytes());
}

/// Appends a string, a blob, a GeoJSON text or a sketch: bytes behind their type.
pub fn put_text(out: &mut Vec<u8>, value_type: ValueType, bytes: &[u8]) {
    put_raw_header(out, bytes.len() + 1);
    out.push(value_type as u8);
    out.extend_from_slice(bytes);
}

/// Appends text without a type, as names inside expressions are written.
pub fn put_raw(out: &mut Vec<u8>, bytes: &[u8]) {
    put_raw_header(out, bytes.len());
    out.extend_from_slice(bytes);
}

fn put_raw_header(out: &mut Vec<u8>, size: usize) {
    match size {
        0..=31 => out.push(0xa0 | size as u8),
        32..=0xff => out.extend([0xd9, size as u8]),
        _ => put_size(out, 0xda, size),
    }
}

/// Appends the header of a list of `count` elements.
pub fn put_list_header(out: &mut Vec<u8>, count: usize) {
    match count {
        0..=15 => out.push(0x90 | count as u8),
        _ => put_size(out, 0xdc, count),
    }
}

/// Appends the header of a map of `count` pairs.
pub fn put_map_header(out: &mut Vec<u8>, count: usize) {
    match count {
        0..=15 => out.push(0x80 | count as u8),
        _ => put_size(out, 0xde, count),
    }
}

/// Appends a size of 16 bits behind `marker`, or one of 32 bits behind the marker that follows it.
fn put_size(out: &mut Vec<u8>, marker: u8, size: usize) {
    match u16::try_from(size) {
        Ok(size) => put_wide(out, marker, &size.to_be_bytes()),
        Err(_) => put_wide(out, marker + 1, &(size as u32).to_be_bytes()),
    }
}

fn put_wide(out: &mut Vec<u8>, marker: u8, bytes: &[u8]) {
    out.push(marker);
    out.extend_from_slice(bytes);
}
