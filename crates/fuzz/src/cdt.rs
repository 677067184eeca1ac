//! Operations on lists and maps as nobody would send them: payloads of random bytes, and ones that are
//! nearly right, cut and changed, against bins of every kind.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use arbitrary::{Result, Unstructured};
use model::{List, ListOrder, Map, MapOrder, Value, msgpack};
use particle::cdt;

use crate::Target;

/// Most bytes that an operation adds beside its own: a list that is filled up with nil, twice.
const GROWTH_MAX: usize = 3 << 20;
/// Changed payloads of a case, beside the one that it begins with.
const CHANGED: usize = 8;

/// Lists and maps.
#[derive(Default)]
pub struct Cdt;

/// A bin, and what is sent to it.
pub struct Sent {
    bin: Option<Value>,
    payloads: Vec<Vec<u8>>,
}

impl fmt::Display for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.bin)?;
        self.payloads.iter().try_for_each(|payload| write!(f, "\n{payload:02x?}"))
    }
}

impl Target for Cdt {
    type Input = Sent;

    fn renew(&mut self) {}

    fn input(&self, bytes: &[u8]) -> Result<Sent> {
        let mut u = Unstructured::new(bytes);
        let bin = if u.ratio(1, 8)? { None } else { Some(value(&mut u, 4)?) };
        let first =
            if u.ratio(1, 8)? { Vec::from(u.bytes(u.len() / 2)?) } else { payload(&mut u)? };
        let mut payloads = vec![first];
        while payloads.len() <= CHANGED && !u.is_empty() {
            let changed = changed(&mut u, &payloads[payloads.len() - 1])?;
            payloads.push(changed);
        }
        Ok(Sent { bin, payloads })
    }

    fn feed(&mut self, input: &Sent) -> std::result::Result<(), String> {
        let mut bin = input.bin.clone();
        for payload in &input.payloads {
            // A panic is noticed by who looks on.
            let fed = catch_unwind(AssertUnwindSafe(|| feed(bin.clone(), payload)));
            let Ok(next) = fed else { return Ok(()) };
            bin = next?;
        }
        Ok(())
    }
}

/// Sends one payload every way; the bin afterwards.
fn feed(bin: Option<Value>, payload: &[u8]) -> std::result::Result<Option<Value>, String> {
    if let Ok(value) = msgpack::decode(payload) {
        round(&value)?;
    }
    if let Ok(Some(answer)) = cdt::read(bin.as_ref(), payload) {
        round(&answer.into_value())?;
    }
    let before = bin.as_ref().map_or(0, |bin| msgpack::encode(bin).len());
    let Ok(modified) = cdt::modify(bin.clone(), payload) else { return Ok(bin) };
    if let Some(bin) = &modified.bin {
        round(bin)?;
        let size = msgpack::encode(bin).len();
        if size > before + payload.len() + GROWTH_MAX {
            return Err(format!("{} bytes make {before} bytes {size}", payload.len()));
        }
    }
    Ok(modified.bin)
}

/// What is written reads back as the same.
fn round(value: &Value) -> std::result::Result<(), String> {
    let bytes = msgpack::encode(value);
    match msgpack::decode(&bytes) {
        Ok(back) if msgpack::encode(&back) == bytes => Ok(()),
        other => Err(format!("{value:?} reads back as {other:?}")),
    }
}

fn value(u: &mut Unstructured, depth: u32) -> Result<Value> {
    let kinds = if depth == 0 { 8 } else { 12 };
    Ok(match u.int_in_range(0..=kinds)? {
        0 => Value::Nil,
        1 => Value::Bool(u.arbitrary()?),
        2 => Value::Double(u.arbitrary()?),
        3 => Value::String(["", "a", "ab"][u.choose_index(3)?].into()),
        4 => Value::Blob(vec![u.arbitrary()?]),
        5 => Value::GeoJson("{}".into()),
        6 => Value::Integer(u.arbitrary()?),
        7 | 8 => Value::Integer(u.int_in_range(-3..=5)?),
        9 | 10 => {
            let order = *u.choose(&[ListOrder::Unordered, ListOrder::Ordered])?;
            let items = (0..u.int_in_range(0..=5)?).map(|_| value(u, depth - 1));
            Value::List(List::new(items.collect::<Result<_>>()?, order))
        }
        _ => {
            let pairs = (0..u.int_in_range(0..=5)?)
                .map(|_| Ok((value(u, 0)?, value(u, depth - 1)?)))
                .collect::<Result<_>>()?;
            let orders = [MapOrder::Unordered, MapOrder::KeyOrdered, MapOrder::KeyValueOrdered];
            Value::Map(Map::new(pairs, *u.choose(&orders)?))
        }
    })
}

/// An operation with arguments of the kinds that operations take, in any order.
fn payload(u: &mut Unstructured) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    if u.ratio(1, 6)? {
        with_path(u, &mut out)?;
        return Ok(out);
    }
    if u.ratio(1, 2)? {
        msgpack::put_list_header(&mut out, 3);
        msgpack::put_integer(&mut out, 0xff);
        let steps = u.int_in_range(0..=4)?;
        msgpack::put_list_header(&mut out, 2 * steps);
        for _ in 0..steps {
            let kind = u.choose(&[0x10, 0x11, 0x13, 0x20, 0x21, 0x22, 0x23, 0x04, 0x2a])?;
            let create = u.choose(&[0, 0x40, 0x80, 0xc0, 0x1c0])?;
            msgpack::put_integer(&mut out, kind | create);
            arg(u, &mut out)?;
        }
    }
    let count = u.int_in_range(0..=5)?;
    msgpack::put_list_header(&mut out, count + 1);
    msgpack::put_integer(&mut out, u.int_in_range(0..=112)?);
    for _ in 0..count {
        arg(u, &mut out)?;
    }
    Ok(out)
}

/// An operation on the elements that a path leads to.
fn with_path(u: &mut Unstructured, out: &mut Vec<u8>) -> Result<()> {
    let makes = u.arbitrary()?;
    msgpack::put_list_header(out, 3 + usize::from(makes));
    msgpack::put_integer(out, 0xfe);
    let levels = u.int_in_range(1..=3)?;
    msgpack::put_list_header(out, 2 * levels);
    for _ in 0..levels {
        let kind = *u.choose(&[0x04, 0x04, 0x04, 0x204, 0x2a, 0x10, 0x22])?;
        msgpack::put_integer(out, kind);
        match kind {
            0x04 | 0x204 => expression(u, out)?,
            _ => arg(u, out)?,
        }
    }
    let flags = u.choose(&[0, 1, 2, 3, 0x10, 0x11, 0x13])?;
    msgpack::put_integer(out, flags | if makes { 4 } else { 0 });
    if makes { expression(u, out) } else { Ok(()) }
}

/// Something about an element: its value, key or place, that with a number, true, or that it goes.
fn expression(u: &mut Unstructured, out: &mut Vec<u8>) -> Result<()> {
    let variable = |u: &mut Unstructured, out: &mut Vec<u8>| {
        out.extend([0x93, 122, u.int_in_range(1..=7)?, u.int_in_range(0..=2)?]);
        Ok(())
    };
    match u.int_in_range(0..=4)? {
        0 => out.push(0xc3),
        1 => out.extend([0x91, 100]),
        2 => variable(u, out)?,
        _ => {
            out.extend([0x93, *u.choose(&[1, 3, 5, 20, 22])?]);
            variable(u, out)?;
            out.push(u.int_in_range(0..=5)?);
        }
    }
    Ok(())
}

fn arg(u: &mut Unstructured, out: &mut Vec<u8>) -> Result<()> {
    match u.int_in_range(0..=7)? {
        0 => out.extend([0xd4, 0xff, u.int_in_range(0..=1)?]),
        1 => msgpack::put_integer(out, *u.choose(&[1, 5, 7, 8, 17, 0x1_0005, 0x1_0007])?),
        2 => msgpack::put_integer(out, u.arbitrary()?),
        3 => msgpack::put_integer(out, u.int_in_range(0..=1 << 21)?),
        _ => msgpack::put_value(out, &value(u, 3)?),
    }
    Ok(())
}

/// A payload with something changed, put in, left out or cut off.
fn changed(u: &mut Unstructured, payload: &[u8]) -> Result<Vec<u8>> {
    let mut out = payload.to_vec();
    if out.is_empty() {
        return Ok(vec![u.arbitrary()?]);
    }
    let at = u.choose_index(out.len())?;
    match u.int_in_range(0..=4)? {
        0 => out[at] = u.arbitrary()?,
        1 => out[at] = *u.choose(&[0x90, 0x9f, 0xdd, 0xdf, 0xc7, 0xd4, 0xcf, 0xdb, 0xc0, 0xff])?,
        2 => out.insert(at, u.arbitrary()?),
        3 => drop(out.remove(at)),
        _ => out.truncate(at),
    }
    Ok(out)
}
