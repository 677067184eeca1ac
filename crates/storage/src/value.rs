//! Values as bytes: one tag byte, then as little as the value needs.
//!
//! | tag | value | after the tag |
//! |---|---|---|
//! | 0x00 | nil (inside lists and maps only) | – |
//! | 0x01, 0x02 | false, true | – |
//! | 0x03, 0x04, 0x05, 0x06 | integer | 1, 2, 4, 8 bytes, signed little-endian |
//! | 0x07 | double | 8 bytes, IEEE 754 bits little-endian |
//! | 0x08, 0x09, 0x0a, 0x0b | string, blob, GeoJSON, HLL | length as LEB128, bytes |
//! | 0x0c, 0x0d | list, map | 3 bytes: size of what follows; count as LEB128, elements or pairs |
//! | 0x0e, 0x0f, 0x10 | ordered list, key-ordered, key-value-ordered map | the same |
//! | 0x40..=0x7f | string of 0..=63 bytes | bytes |
//! | 0x80..=0xff | integer -16..=111 | – |
//!
//! The size in front of a list or map lets a reader step over a bin that nobody asked for. Other
//! tags are unused. Decoding any bytes whatever gives a value or [`ErrorKind::Corrupt`].

use std::borrow::Cow;

use model::limits::NESTING_MAX;
use model::{
    Error, ErrorKind, Key, List, ListOrder, Map, MapOrder, Result, Value, ValueRef, ValueType,
};

const NIL: u8 = 0x00;
const FALSE: u8 = 0x01;
const TRUE: u8 = 0x02;
const INT8: u8 = 0x03;
const INT16: u8 = 0x04;
const INT32: u8 = 0x05;
const INT64: u8 = 0x06;
const DOUBLE: u8 = 0x07;
const STRING: u8 = 0x08;
const BLOB: u8 = 0x09;
const GEOJSON: u8 = 0x0a;
const HLL: u8 = 0x0b;
const LIST: u8 = 0x0c;
const MAP: u8 = 0x0d;
const ORDERED_LIST: u8 = 0x0e;
const KEY_ORDERED_MAP: u8 = 0x0f;
const KEY_VALUE_ORDERED_MAP: u8 = 0x10;
const SHORT_STRING: u8 = 0x40;
const SHORT_STRING_MAX: usize = 63;
const SMALL_INT: u8 = 0x80;
const SMALL_INT_MIN: i64 = -16;
const SMALL_INT_MAX: i64 = 111;
/// Bytes of the size in front of a list or map: enough for 16 MiB, more than the largest record.
const SIZE_BYTES: usize = 3;

/// Appends `value` to `out`.
pub(crate) fn encode(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Nil => out.push(NIL),
        Value::Bool(b) => out.push(if *b { TRUE } else { FALSE }),
        Value::Integer(n) => encode_integer(*n, out),
        Value::Double(d) => {
            out.push(DOUBLE);
            out.extend_from_slice(&d.to_bits().to_le_bytes());
        }
        Value::String(s) => encode_string(s, out),
        Value::Blob(b) => encode_bytes(BLOB, b, out),
        Value::GeoJson(s) => encode_bytes(GEOJSON, s.as_bytes(), out),
        Value::Hll(b) => encode_bytes(HLL, b, out),
        Value::List(list) => encode_sized(list_tag(list.order), out, |out| {
            put_varint(list.len(), out);
            list.iter().for_each(|item| encode(item, out));
        }),
        Value::Map(map) => encode_sized(map_tag(map.order), out, |out| {
            put_varint(map.len(), out);
            map.iter().for_each(|(k, v)| {
                encode(k, out);
                encode(v, out);
            });
        }),
    }
}

fn list_tag(order: ListOrder) -> u8 {
    match order {
        ListOrder::Unordered => LIST,
        ListOrder::Ordered => ORDERED_LIST,
    }
}

fn map_tag(order: MapOrder) -> u8 {
    match order {
        MapOrder::Unordered => MAP,
        MapOrder::KeyOrdered => KEY_ORDERED_MAP,
        MapOrder::KeyValueOrdered => KEY_VALUE_ORDERED_MAP,
    }
}

/// Appends a user key, as the value that it is.
pub(crate) fn encode_key(key: &Key, out: &mut Vec<u8>) {
    match key {
        Key::Integer(n) => encode_integer(*n, out),
        Key::String(s) => encode_string(s, out),
        Key::Blob(b) => encode_bytes(BLOB, b, out),
    }
}

fn encode_integer(n: i64, out: &mut Vec<u8>) {
    if (SMALL_INT_MIN..=SMALL_INT_MAX).contains(&n) {
        out.push(SMALL_INT + (n - SMALL_INT_MIN) as u8);
    } else if let Ok(n) = i8::try_from(n) {
        out.extend_from_slice(&[INT8, n as u8]);
    } else if let Ok(n) = i16::try_from(n) {
        out.push(INT16);
        out.extend_from_slice(&n.to_le_bytes());
    } else if let Ok(n) = i32::try_from(n) {
        out.push(INT32);
        out.extend_from_slice(&n.to_le_bytes());
    } else {
        out.push(INT64);
        out.extend_from_slice(&n.to_le_bytes());
    }
}

fn encode_string(s: &str, out: &mut Vec<u8>) {
    if s.len() > SHORT_STRING_MAX {
        return encode_bytes(STRING, s.as_bytes(), out);
    }
    out.push(SHORT_STRING + s.len() as u8);
    out.extend_from_slice(s.as_bytes());
}

fn encode_bytes(tag: u8, bytes: &[u8], out: &mut Vec<u8>) {
    out.push(tag);
    put_varint(bytes.len(), out);
    out.extend_from_slice(bytes);
}

/// A size that does not fit its three bytes, 16 MiB, belongs to a record that is refused for its
/// plain size.
fn encode_sized(tag: u8, out: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>)) {
    out.push(tag);
    let at = out.len();
    out.extend_from_slice(&[0; SIZE_BYTES]);
    body(out);
    let size = (out.len() - at - SIZE_BYTES) as u32;
    out[at..at + SIZE_BYTES].copy_from_slice(&size.to_le_bytes()[..SIZE_BYTES]);
}

/// Appends `n` as LEB128.
pub(crate) fn put_varint(mut n: usize, out: &mut Vec<u8>) {
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

fn corrupt(what: &str) -> Error {
    Error::new(ErrorKind::Corrupt, format!("stored bytes are not a value: {what}"))
}

/// Takes `n` bytes off the front of `input`.
#[inline]
pub(crate) fn take<'a>(input: &mut &'a [u8], n: usize) -> Result<&'a [u8]> {
    let (head, tail) = input.split_at_checked(n).ok_or_else(|| corrupt("they end too early"))?;
    *input = tail;
    Ok(head)
}

/// Takes `N` bytes off the front of `input`.
#[inline]
pub(crate) fn take_array<const N: usize>(input: &mut &[u8]) -> Result<[u8; N]> {
    let (head, tail) = input.split_first_chunk().ok_or_else(|| corrupt("they end too early"))?;
    *input = tail;
    Ok(*head)
}

/// Takes a LEB128 number of at most 32 bits.
#[inline]
pub(crate) fn take_varint(input: &mut &[u8]) -> Result<usize> {
    match **input {
        [byte, ref rest @ ..] if byte & 0x80 == 0 => {
            *input = rest;
            Ok(usize::from(byte))
        }
        _ => take_long_varint(input),
    }
}

fn take_long_varint(input: &mut &[u8]) -> Result<usize> {
    let mut n = 0u64;
    for shift in (0..35).step_by(7) {
        let [byte] = take_array(input)?;
        n |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(n as usize);
        }
    }
    Err(corrupt("a length has more than 32 bits"))
}

fn take_bytes<'a>(input: &mut &'a [u8]) -> Result<&'a [u8]> {
    let n = take_varint(input)?;
    take(input, n)
}

fn take_size(input: &mut &[u8]) -> Result<usize> {
    let [a, b, c] = take_array(input)?;
    Ok(u32::from_le_bytes([a, b, c, 0]) as usize)
}

fn take_sized<'a>(input: &mut &'a [u8]) -> Result<&'a [u8]> {
    let size = take_size(input)?;
    take(input, size)
}

fn text(bytes: &[u8]) -> Result<&str> {
    std::str::from_utf8(bytes).map_err(|_| corrupt("text is not UTF-8"))
}

/// Takes one value off the front of `input`.
pub(crate) fn decode(input: &mut &[u8]) -> Result<Value> {
    decode_within(input, NESTING_MAX)
}

fn decode_within(input: &mut &[u8], depth_left: usize) -> Result<Value> {
    borrow_within(input, depth_left).map(ValueRef::into_value)
}

/// Takes one value off the front of `input`, and leaves its bytes where they are.
#[inline]
pub(crate) fn borrow<'a>(input: &mut &'a [u8]) -> Result<ValueRef<'a>> {
    match take_integer(input) {
        Some(n) => Ok(ValueRef::Integer(n)),
        None => borrow_within(input, NESTING_MAX),
    }
}

/// Takes an integer off the front of `input`, if one of less than 8 bytes is there: most are.
#[inline]
pub(crate) fn take_integer(input: &mut &[u8]) -> Option<i64> {
    let (n, rest) = match **input {
        [tag @ SMALL_INT..=u8::MAX, ref rest @ ..] => {
            (i64::from(tag - SMALL_INT) + SMALL_INT_MIN, rest)
        }
        [INT8, a, ref rest @ ..] => (i8::from_le_bytes([a]).into(), rest),
        [INT16, a, b, ref rest @ ..] => (i16::from_le_bytes([a, b]).into(), rest),
        [INT32, a, b, c, d, ref rest @ ..] => (i32::from_le_bytes([a, b, c, d]).into(), rest),
        _ => return None,
    };
    *input = rest;
    Some(n)
}

fn borrow_within<'a>(input: &mut &'a [u8], depth_left: usize) -> Result<ValueRef<'a>> {
    let [tag] = take_array(input)?;
    Ok(match tag {
        FALSE => ValueRef::Bool(false),
        TRUE => ValueRef::Bool(true),
        INT8 => ValueRef::Integer(i8::from_le_bytes(take_array(input)?).into()),
        INT16 => ValueRef::Integer(i16::from_le_bytes(take_array(input)?).into()),
        INT32 => ValueRef::Integer(i32::from_le_bytes(take_array(input)?).into()),
        INT64 => ValueRef::Integer(i64::from_le_bytes(take_array(input)?)),
        DOUBLE => ValueRef::Double(f64::from_bits(u64::from_le_bytes(take_array(input)?))),
        STRING => ValueRef::String(text(take_bytes(input)?)?),
        BLOB => ValueRef::Blob(take_bytes(input)?),
        GEOJSON => ValueRef::GeoJson(text(take_bytes(input)?)?),
        HLL => ValueRef::Hll(take_bytes(input)?),
        SHORT_STRING..SMALL_INT => {
            ValueRef::String(text(take(input, usize::from(tag - SHORT_STRING))?)?)
        }
        SMALL_INT.. => ValueRef::Integer(i64::from(tag - SMALL_INT) + SMALL_INT_MIN),
        other => ValueRef::Other(Cow::Owned(decode_nested(other, input, depth_left)?)),
    })
}

fn decode_nested(tag: u8, input: &mut &[u8], depth_left: usize) -> Result<Value> {
    match tag {
        NIL => Ok(Value::Nil),
        LIST => decode_list(input, depth_left, ListOrder::Unordered),
        ORDERED_LIST => decode_list(input, depth_left, ListOrder::Ordered),
        MAP => decode_map(input, depth_left, MapOrder::Unordered),
        KEY_ORDERED_MAP => decode_map(input, depth_left, MapOrder::KeyOrdered),
        KEY_VALUE_ORDERED_MAP => decode_map(input, depth_left, MapOrder::KeyValueOrdered),
        unknown => Err(corrupt(&format!("tag {unknown:#04x} is unknown"))),
    }
}

/// The depth below a list or map, and how many elements its bytes can hold at most.
fn enter(body: &mut &[u8], depth_left: usize) -> Result<(usize, usize)> {
    let depth = depth_left.checked_sub(1).ok_or_else(|| corrupt("it nests too deep"))?;
    let count = take_varint(body)?;
    if count > body.len() {
        return Err(corrupt("a count is larger than its bytes"));
    }
    Ok((depth, count))
}

fn decode_list(input: &mut &[u8], depth_left: usize, order: ListOrder) -> Result<Value> {
    let mut body = take_sized(input)?;
    let (depth, count) = enter(&mut body, depth_left)?;
    let items = (0..count).map(|_| decode_within(&mut body, depth)).collect::<Result<_>>()?;
    Ok(Value::List(List { items, order }))
}

fn decode_map(input: &mut &[u8], depth_left: usize, order: MapOrder) -> Result<Value> {
    let mut body = take_sized(input)?;
    let (depth, count) = enter(&mut body, depth_left)?;
    let pairs: Vec<(Value, Value)> = (0..count)
        .map(|_| Ok((decode_within(&mut body, depth)?, decode_within(&mut body, depth)?)))
        .collect::<Result<_>>()?;
    Ok(Value::Map(Map::new(pairs, order)))
}

/// Steps over one value and says its type.
#[inline]
pub(crate) fn skip(input: &mut &[u8]) -> Result<ValueType> {
    match take_integer(input) {
        Some(_) => Ok(ValueType::Integer),
        None => skip_any(input),
    }
}

fn skip_any(input: &mut &[u8]) -> Result<ValueType> {
    let [tag] = take_array(input)?;
    let (value_type, size) = match tag {
        NIL => (ValueType::Nil, 0),
        FALSE | TRUE => (ValueType::Bool, 0),
        INT8 => (ValueType::Integer, 1),
        INT16 => (ValueType::Integer, 2),
        INT32 => (ValueType::Integer, 4),
        INT64 => (ValueType::Integer, 8),
        DOUBLE => (ValueType::Double, 8),
        STRING => (ValueType::String, take_varint(input)?),
        BLOB => (ValueType::Blob, take_varint(input)?),
        GEOJSON => (ValueType::GeoJson, take_varint(input)?),
        HLL => (ValueType::Hll, take_varint(input)?),
        LIST | ORDERED_LIST => (ValueType::List, take_size(input)?),
        MAP | KEY_ORDERED_MAP | KEY_VALUE_ORDERED_MAP => (ValueType::Map, take_size(input)?),
        SHORT_STRING..SMALL_INT => (ValueType::String, usize::from(tag - SHORT_STRING)),
        SMALL_INT.. => (ValueType::Integer, 0),
        unknown => return Err(corrupt(&format!("tag {unknown:#04x} is unknown"))),
    };
    take(input, size)?;
    Ok(value_type)
}

/// Takes a user key off the front of `input`.
pub(crate) fn decode_key(input: &mut &[u8]) -> Result<Key> {
    match borrow_key(input)? {
        ValueRef::Integer(n) => Ok(Key::Integer(n)),
        ValueRef::String(s) => Ok(Key::String(s.to_string())),
        ValueRef::Blob(b) => Ok(Key::Blob(b.to_vec())),
        other => Err(no_key(&other)),
    }
}

/// Takes a user key off the front of `input`, and leaves its bytes where they are: a value of one
/// of the types that keys have.
#[inline]
pub(crate) fn borrow_key<'a>(input: &mut &'a [u8]) -> Result<ValueRef<'a>> {
    match borrow(input)? {
        key @ (ValueRef::Integer(_) | ValueRef::String(_) | ValueRef::Blob(_)) => Ok(key),
        other => Err(no_key(&other)),
    }
}

fn no_key(value: &ValueRef<'_>) -> Error {
    corrupt(&format!("a key of type {}", value.value_type()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Nil),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Integer),
            (-200i64..200).prop_map(Value::Integer),
            any::<u64>().prop_map(|bits| Value::Double(f64::from_bits(bits))),
            ".{0,80}".prop_map(Value::String),
            "[a-z]{0,10}".prop_map(Value::GeoJson),
            prop::collection::vec(any::<u8>(), 0..200).prop_map(Value::Blob),
            prop::collection::vec(any::<u8>(), 0..20).prop_map(Value::Hll),
        ];
        leaf.prop_recursive(5, 40, 6, |inner| {
            prop_oneof![
                (prop::collection::vec(inner.clone(), 0..6), list_orders())
                    .prop_map(|(items, order)| Value::List(List::new(items, order))),
                (prop::collection::vec((inner.clone(), inner), 0..6), map_orders())
                    .prop_map(|(pairs, order)| Value::Map(Map::new(pairs, order))),
            ]
        })
    }

    fn list_orders() -> impl Strategy<Value = ListOrder> {
        prop_oneof![Just(ListOrder::Unordered), Just(ListOrder::Ordered)]
    }

    fn map_orders() -> impl Strategy<Value = MapOrder> {
        use MapOrder::*;
        prop_oneof![Just(Unordered), Just(KeyOrdered), Just(KeyValueOrdered)]
    }

    fn encoded(value: &Value) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode(value, &mut bytes);
        bytes
    }

    proptest! {
        #[test]
        fn what_goes_in_comes_out(value in values()) {
            let bytes = encoded(&value);
            let mut rest = bytes.as_slice();
            let decoded = decode(&mut rest).unwrap();
            prop_assert_eq!(&decoded, &value);
            // Equality does not look at the orders; the bytes do.
            prop_assert_eq!(encoded(&decoded), bytes.as_slice());
            prop_assert!(rest.is_empty());
            let mut rest = bytes.as_slice();
            prop_assert_eq!(skip(&mut rest).unwrap(), value.value_type());
            prop_assert!(rest.is_empty());
        }

        #[test]
        fn any_bytes_give_a_value_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = decode(&mut bytes.as_slice());
            let _ = skip(&mut bytes.as_slice());
            let _ = decode_key(&mut bytes.as_slice());
        }

        #[test]
        fn a_changed_value_gives_a_value_or_an_error(
            value in values(), at in any::<prop::sample::Index>(), byte in any::<u8>(),
        ) {
            let mut bytes = encoded(&value);
            let at = at.index(bytes.len());
            bytes[at] = byte;
            let _ = decode(&mut bytes.as_slice());
            let _ = decode(&mut &bytes[..at]);
        }
    }

    #[test]
    fn sizes() {
        let size = |value: Value| encoded(&value).len();
        assert_eq!(size(Value::Integer(-16)), 1);
        assert_eq!(size(Value::Integer(111)), 1);
        assert_eq!(size(Value::Integer(-128)), 2);
        assert_eq!(size(Value::Integer(i64::MIN)), 9);
        assert_eq!(size(Value::String("a".repeat(63))), 64);
        assert_eq!(size(Value::String("a".repeat(64))), 66);
        assert_eq!(size(Value::Bool(true)), 1);
    }

    #[test]
    fn nesting_is_bounded() {
        let nest = |n| (0..n).fold(Value::Nil, |v, _| Value::list(vec![v]));
        assert!(decode(&mut encoded(&nest(NESTING_MAX)).as_slice()).is_ok());
        let deeper = encoded(&nest(NESTING_MAX + 1));
        assert_eq!(decode(&mut deeper.as_slice()).unwrap_err().kind, ErrorKind::Corrupt);
    }
}
