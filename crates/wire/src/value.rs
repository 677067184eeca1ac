//! Between the bytes of a bin and [`Value`].

use model::{Error, ErrorKind, Key, Value, ValueType, msgpack};

use crate::Malformed;

type Result<T> = model::Result<T>;

/// Particle types that clients of some languages serialized objects into. Their bytes are kept as a
/// blob's.
const LANGUAGE_BLOBS: std::ops::RangeInclusive<u8> = 7..=12;

/// The value of these bytes; `None` where they say that there is none.
pub fn read(particle: u8, bytes: &[u8]) -> Result<Option<Value>> {
    if LANGUAGE_BLOBS.contains(&particle) {
        return Ok(Some(Value::Blob(bytes.to_vec())));
    }
    let kind = ValueType::from_particle(particle).ok_or(Malformed("a value of unknown type"))?;
    Ok(Some(match kind {
        ValueType::Nil => return Ok(None),
        ValueType::Integer => Value::Integer(integer(bytes)?),
        ValueType::Double => Value::Double(f64::from_bits(integer(bytes)? as u64)),
        ValueType::String => Value::String(text(bytes)?),
        ValueType::Blob => Value::Blob(bytes.to_vec()),
        ValueType::Bool => match bytes {
            [byte] => Value::Bool(*byte != 0),
            _ => return Err(Malformed("a bool is not 1 byte long").into()),
        },
        ValueType::Hll => Value::Hll(bytes.to_vec()),
        ValueType::GeoJson => Value::GeoJson(geo(bytes)?),
        ValueType::Map | ValueType::List => collection(kind, bytes)?,
    }))
}

/// Appends the bytes of a value and returns its particle type.
pub fn put(value: &Value, out: &mut Vec<u8>) -> u8 {
    match value {
        Value::Nil => {}
        Value::Bool(b) => out.push(u8::from(*b)),
        Value::Integer(n) => out.extend_from_slice(&n.to_be_bytes()),
        Value::Double(n) => out.extend_from_slice(&n.to_bits().to_be_bytes()),
        Value::String(text) => out.extend_from_slice(text.as_bytes()),
        Value::Blob(bytes) | Value::Hll(bytes) => out.extend_from_slice(bytes),
        Value::GeoJson(text) => {
            // No flags and no cells: nobody but the server itself ever looks at those.
            out.extend_from_slice(&[0; GEO_HEADER]);
            out.extend_from_slice(text.as_bytes());
        }
        Value::List(_) | Value::Map(_) => msgpack::put_value(out, value),
    }
    value.value_type() as u8
}

/// The key that a key's field holds: a particle type and bytes.
pub fn key(field: &[u8]) -> Result<Key> {
    let (particle, bytes) = field.split_first().ok_or(Malformed("a key without a type"))?;
    match ValueType::from_particle(*particle) {
        Some(ValueType::Integer) => integer(bytes).map(Key::Integer),
        Some(ValueType::String) => text(bytes).map(Key::String),
        Some(ValueType::Blob) => Ok(Key::Blob(bytes.to_vec())),
        _ => Err(Malformed("a key is an integer, a string or a blob").into()),
    }
}

/// A list or a map, which its type has to agree with.
fn collection(kind: ValueType, bytes: &[u8]) -> Result<Value> {
    let value = msgpack::decode(bytes)?;
    if value.value_type() == kind {
        return Ok(value);
    }
    let detail = format!("a {kind} that is sent as {}", value.value_type());
    Err(Error::new(ErrorKind::Parameter, detail))
}

/// Bytes of GeoJSON before its cells: flags, and how many cells there are.
const GEO_HEADER: usize = 3;

/// The text behind the cells of GeoJSON.
fn geo(bytes: &[u8]) -> Result<String> {
    const WRONG: Malformed = Malformed("GeoJSON that is shorter than its cells");
    let ([_, cells @ ..], rest) = bytes.split_first_chunk::<GEO_HEADER>().ok_or(WRONG)?;
    let cells = usize::from(u16::from_be_bytes(*cells)) * 8;
    text(rest.get(cells..).ok_or(WRONG)?)
}

fn integer(bytes: &[u8]) -> Result<i64> {
    let bytes = bytes.try_into().map_err(|_| Malformed("a number is not 8 bytes long"))?;
    Ok(i64::from_be_bytes(bytes))
}

fn text(bytes: &[u8]) -> Result<String> {
    let text = std::str::from_utf8(bytes).map_err(|_| Malformed("a text is not UTF-8"))?;
    Ok(text.to_owned())
}
