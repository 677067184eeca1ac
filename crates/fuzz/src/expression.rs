//! Expressions, and operations on bits and sketches, as no client would write them: decoded and, where
//! they are valid, evaluated on one record.
//!
//! Most are well typed, with a mistake now and then; in some of them bytes are changed afterwards.
//! Nothing of a node is needed.

use std::collections::BTreeMap;
use std::fmt;

use arbitrary::{Result, Unstructured};
use model::msgpack::{put_integer, put_list_header, put_map_header, put_raw, put_value};
use model::{Digest, Key, Value};
use particle::exp::{self, Bins, Expression, Meta, View};
use particle::{bits, hll};

use crate::Target;

/// Deepest nesting that is made on purpose; one kind of case goes beyond what is allowed.
const DEPTH: usize = 5;

/// What evaluates.
#[derive(Default)]
pub struct Expressions(Option<Bag>);

struct Bag(BTreeMap<&'static str, Value>);

impl Bins for Bag {
    fn bin(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    fn key(&self) -> Option<&Key> {
        Some(&Key::Integer(7))
    }
}

/// Names and types of the record's bins.
const BINS: [(&str, i64); 8] = [
    ("i", INTEGER),
    ("d", DOUBLE),
    ("s", STRING),
    ("b", BLOB),
    ("l", LIST),
    ("m", MAP),
    ("h", HLL),
    ("g", GEO),
];

fn bag() -> Bag {
    let integers = |numbers: &[i64]| {
        Value::list(numbers.iter().map(|n| Value::Integer(*n)).collect::<Vec<_>>())
    };
    let shape = hll::Shape::new(6, 4);
    let sketch = shape.map(|shape| {
        let mut sketch = hll::Sketch::new(shape);
        (0..50).for_each(|n| _ = sketch.add(&Value::Integer(n)));
        Value::Hll(sketch.into_bytes())
    });
    let pairs = (0..5).map(|n| (Value::Integer(n), integers(&[n, 2 * n])));
    Bag(BTreeMap::from([
        ("i", Value::Integer(42)),
        ("d", Value::Double(-1.5)),
        ("s", Value::String("some text".into())),
        ("b", Value::Blob(vec![0xA5; 40])),
        ("l", integers(&[3, 1, 2, 5])),
        ("m", Value::map(pairs)),
        ("h", sketch.unwrap_or(Value::Nil)),
        ("g", Value::GeoJson(r#"{"type":"Point","coordinates":[1,2]}"#.into())),
    ]))
}

/// A payload, and who is given it.
pub struct Payload {
    to: To,
    bytes: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
enum To {
    Expression,
    ReadOperation,
    WriteOperation,
    Bits,
    Sketches,
}

impl fmt::Display for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.to, model::json::hex(&self.bytes))
    }
}

impl Target for Expressions {
    type Input = Payload;

    fn renew(&mut self) {
        self.0.get_or_insert_with(bag);
    }

    fn input(&self, bytes: &[u8]) -> Result<Payload> {
        let mut u = Unstructured::new(bytes);
        let to = *u.choose(&[
            To::Expression,
            To::Expression,
            To::Expression,
            To::ReadOperation,
            To::WriteOperation,
            To::Bits,
            To::Sketches,
        ])?;
        let mut bytes = Vec::new();
        match to {
            To::Expression if u.ratio(1, 50)? => nest(&mut u, &mut bytes)?,
            To::Expression => {
                let wanted = u.int_in_range(BOOL..=HLL)?;
                expression(&mut u, wanted, DEPTH, &mut bytes)?;
            }
            To::ReadOperation | To::WriteOperation => {
                let wanted = u.int_in_range(BOOL..=HLL)?;
                put_list_header(&mut bytes, 2);
                expression(&mut u, wanted, DEPTH, &mut bytes)?;
                put_integer(&mut bytes, u.int_in_range(0..=32)?);
            }
            _ => operation(&mut u, &mut bytes)?,
        }
        if u.ratio(1, 4)? {
            damage(&mut u, &mut bytes)?;
        }
        Ok(Payload { to, bytes })
    }

    fn feed(&mut self, input: &Payload) -> std::result::Result<(), String> {
        let Some(bag) = &self.0 else { return Err("no record".into()) };
        let bytes = &input.bytes;
        let view = View { meta: meta(), bins: bag };
        // An error is as good as an answer.
        match input.to {
            To::Expression => return evaluated(bytes, &view),
            To::ReadOperation => drop(exp::read_op(bytes, &view)),
            To::WriteOperation => drop(exp::write_op(bag.bin("i").cloned(), bytes, &view)),
            To::Bits => {
                drop(bits::read(bag.bin("b"), bytes));
                drop(bits::modify(bag.bin("b").cloned(), bytes));
            }
            To::Sketches => {
                drop(hll::read(bag.bin("h"), bytes));
                drop(hll::modify(bag.bin("h").cloned(), bytes));
            }
        }
        Ok(())
    }
}

fn meta() -> Meta<'static> {
    Meta {
        digest: Some(Digest([9; 20])),
        set: Some("demo"),
        lut_ms: Some(1_000),
        void_time: Some(900),
        size: Some(256),
        key_stored: Some(true),
        tombstone: false,
        now_ms: 5_000,
    }
}

/// What metadata decides stays so when the record has been read.
fn evaluated(bytes: &[u8], view: &View) -> std::result::Result<(), String> {
    let Ok(expression) = Expression::decode(bytes) else { return Ok(()) };
    let first = expression.metadata(&view.meta);
    let blind = expression.metadata(&Meta { now_ms: 5_000, ..Meta::default() });
    let value = expression.value(view);
    for decided in [first, blind].into_iter().flatten() {
        if value != Some(Value::Bool(decided)) {
            return Err(format!("metadata says {decided}, the record {value:?}"));
        }
    }
    Ok(())
}

/// Types by their numbers in the protocol.
const BOOL: i64 = 1;
const INTEGER: i64 = 2;
const STRING: i64 = 3;
const LIST: i64 = 4;
const MAP: i64 = 5;
const BLOB: i64 = 6;
const DOUBLE: i64 = 7;
const GEO: i64 = 8;
const HLL: i64 = 9;

/// Operations that give a type: number and types of arguments.
const OPERATIONS: &[(i64, i64, &[i64])] = &[
    (BOOL, 1, &[INTEGER, INTEGER]),
    (BOOL, 2, &[STRING, STRING]),
    (BOOL, 3, &[DOUBLE, DOUBLE]),
    (BOOL, 5, &[LIST, LIST]),
    (BOOL, 6, &[MAP, MAP]),
    (BOOL, 8, &[GEO, GEO]),
    (BOOL, 9, &[INTEGER, LIST]),
    (BOOL, 16, &[BOOL, BOOL, BOOL]),
    (BOOL, 17, &[BOOL, BOOL]),
    (BOOL, 18, &[BOOL]),
    (BOOL, 19, &[BOOL, BOOL]),
    (BOOL, 71, &[]),
    (BOOL, 72, &[]),
    (INTEGER, 20, &[INTEGER, INTEGER]),
    (INTEGER, 21, &[INTEGER]),
    (INTEGER, 22, &[INTEGER, INTEGER, INTEGER]),
    (INTEGER, 23, &[INTEGER, INTEGER]),
    (INTEGER, 26, &[INTEGER, INTEGER]),
    (INTEGER, 27, &[INTEGER]),
    (INTEGER, 30, &[DOUBLE]),
    (INTEGER, 32, &[INTEGER, INTEGER]),
    (INTEGER, 35, &[INTEGER]),
    (INTEGER, 36, &[INTEGER, INTEGER]),
    (INTEGER, 37, &[INTEGER, INTEGER]),
    (INTEGER, 38, &[INTEGER, INTEGER]),
    (INTEGER, 39, &[INTEGER]),
    (INTEGER, 40, &[INTEGER, BOOL]),
    (INTEGER, 41, &[INTEGER, BOOL]),
    (INTEGER, 50, &[INTEGER, INTEGER]),
    (INTEGER, 67, &[]),
    (INTEGER, 69, &[]),
    (INTEGER, 74, &[]),
    (DOUBLE, 20, &[DOUBLE, DOUBLE]),
    (DOUBLE, 23, &[DOUBLE]),
    (DOUBLE, 24, &[DOUBLE, DOUBLE]),
    (DOUBLE, 25, &[DOUBLE, DOUBLE]),
    (DOUBLE, 28, &[DOUBLE]),
    (DOUBLE, 31, &[INTEGER]),
    (DOUBLE, 51, &[DOUBLE, DOUBLE]),
    (STRING, 70, &[]),
    (LIST, 101, &[MAP]),
    (LIST, 102, &[MAP]),
];

/// Operations of the modules: module, number, types of arguments, of the subject and the result.
const CALLS: &[(i64, i64, &[i64], i64, i64)] = &[
    (0, 16, &[], LIST, INTEGER),
    (0, 17, &[INTEGER], LIST, INTEGER),
    (0, 24, &[INTEGER, INTEGER, INTEGER], LIST, LIST),
    (0, 96, &[], MAP, INTEGER),
    (0, 97, &[INTEGER, INTEGER], MAP, LIST),
    (64, 1, &[INTEGER], LIST, LIST),
    (64, 2, &[LIST], LIST, LIST),
    (64, 13, &[], LIST, LIST),
    (64, 67, &[INTEGER, LIST], MAP, MAP),
    (64, 75, &[], MAP, MAP),
    (1, 50, &[INTEGER, INTEGER], BLOB, BLOB),
    (1, 51, &[INTEGER, INTEGER], BLOB, INTEGER),
    (1, 54, &[INTEGER, INTEGER], BLOB, INTEGER),
    (65, 0, &[INTEGER], BLOB, BLOB),
    (65, 1, &[INTEGER, BLOB], BLOB, BLOB),
    (65, 7, &[INTEGER, INTEGER], BLOB, BLOB),
    (65, 8, &[INTEGER, INTEGER, INTEGER], BLOB, BLOB),
    (2, 50, &[], HLL, INTEGER),
    (2, 51, &[HLL], HLL, HLL),
    (2, 53, &[HLL], HLL, INTEGER),
    (2, 56, &[LIST], HLL, INTEGER),
    (66, 1, &[LIST], HLL, HLL),
];

/// An expression that gives this type, but for a mistake now and then.
fn expression(
    u: &mut Unstructured<'_>,
    wanted: i64,
    depth: usize,
    out: &mut Vec<u8>,
) -> Result<()> {
    let wanted = if u.ratio(1, 200)? { u.int_in_range(0..=9)? } else { wanted };
    if depth == 0 || u.is_empty() {
        return leaf(u, wanted, out);
    }
    match u.int_in_range(0..=11)? {
        0 | 1 => leaf(u, wanted, out),
        2 => scoped(u, wanted, depth, out),
        3 => cond(u, wanted, depth, out),
        4 if wanted == BOOL => regex(u, depth, out),
        4..=6 => call(u, wanted, depth, out),
        _ => plain(u, wanted, depth, out),
    }
}

fn plain(u: &mut Unstructured<'_>, wanted: i64, depth: usize, out: &mut Vec<u8>) -> Result<()> {
    let fitting: Vec<_> = OPERATIONS.iter().filter(|(gives, ..)| *gives == wanted).collect();
    if fitting.is_empty() {
        return call(u, wanted, depth, out);
    }
    let (_, code, arguments) = u.choose(&fitting)?;
    put_list_header(out, arguments.len() + 1);
    put_integer(out, *code);
    arguments.iter().try_for_each(|argument| expression(u, *argument, depth - 1, out))
}

fn regex(u: &mut Unstructured<'_>, depth: usize, out: &mut Vec<u8>) -> Result<()> {
    const PARTS: [&str; 13] = [
        "a",
        "[^x]",
        "\\(",
        "\\)",
        "*",
        "+",
        "{1,500}",
        "\\{2\\}",
        "(",
        ")",
        "|",
        "[[:alpha:]]",
        "$",
    ];
    let count = u.int_in_range(0..=9)?;
    let pattern: String = (0..count).map(|_| u.choose(&PARTS).copied()).collect::<Result<_>>()?;
    put_list_header(out, 4);
    put_integer(out, 7);
    put_integer(out, u.int_in_range(0..=15)?);
    put_raw(out, pattern.as_bytes());
    expression(u, STRING, depth - 1, out)
}

/// A value, a bin, a variable, nothing known.
fn leaf(u: &mut Unstructured<'_>, wanted: i64, out: &mut Vec<u8>) -> Result<()> {
    let bin = BINS.iter().find(|(_, kind)| *kind == wanted);
    match (u.int_in_range(0..=20)?, bin) {
        (0, _) => {
            put_list_header(out, 1);
            put_integer(out, 0);
        }
        (1, _) => {
            put_list_header(out, 2);
            put_integer(out, 124);
            put_raw(out, &[b'v', b'0' + wanted as u8]);
        }
        (2, _) => out.extend([0xD4, 0xFF, u.int_in_range(0..=2)?]),
        (3..=9, Some((name, kind))) => {
            put_list_header(out, 3);
            put_integer(out, 81);
            put_integer(out, *kind);
            put_raw(out, if u.ratio(1, 8)? { b"none" } else { name.as_bytes() });
        }
        _ => literal(u, wanted, out)?,
    }
    Ok(())
}

fn literal(u: &mut Unstructured<'_>, wanted: i64, out: &mut Vec<u8>) -> Result<()> {
    let value = match wanted {
        BOOL => Value::Bool(u.arbitrary()?),
        INTEGER if u.ratio(1, 6)? => Value::Integer(u.arbitrary()?),
        INTEGER => Value::Integer(u.int_in_range(-10..=70)?),
        STRING => Value::String("text".repeat(u.int_in_range(0..=9)?)),
        LIST => Value::list(vec![Value::Integer(u.int_in_range(0..=5)?), Value::Nil]),
        MAP => Value::map([(Value::Integer(u.int_in_range(0..=5)?), Value::Bool(true))]),
        BLOB => Value::Blob(vec![u.arbitrary()?; u.int_in_range(0..=20)?]),
        DOUBLE => Value::Double(u.arbitrary()?),
        GEO => {
            let text = r#"{"type":"AeroCircle","coordinates":[[1,2],1000]}"#;
            Value::GeoJson(text.into())
        }
        HLL => Value::Hll(vec![u.arbitrary()?; u.int_in_range(0..=90)?]),
        _ => Value::Nil,
    };
    if wanted == LIST {
        put_list_header(out, 2);
        put_integer(out, 126);
    }
    put_value(out, &value);
    Ok(())
}

/// `let`, with variables that may be made of those before them.
fn scoped(u: &mut Unstructured<'_>, wanted: i64, depth: usize, out: &mut Vec<u8>) -> Result<()> {
    let count = u.int_in_range(1..=4)?;
    put_list_header(out, 2 * count + 2);
    put_integer(out, 125);
    for _ in 0..count {
        // Leaves name variables by their types.
        let kind = u.int_in_range(BOOL..=HLL)?;
        put_raw(out, &[b'v', b'0' + kind as u8]);
        expression(u, kind, depth - 1, out)?;
    }
    expression(u, wanted, depth - 1, out)
}

fn cond(u: &mut Unstructured<'_>, wanted: i64, depth: usize, out: &mut Vec<u8>) -> Result<()> {
    let count = u.int_in_range(1..=3)?;
    put_list_header(out, 2 * count + 2);
    put_integer(out, 123);
    for _ in 0..count {
        expression(u, BOOL, depth - 1, out)?;
        expression(u, wanted, depth - 1, out)?;
    }
    expression(u, wanted, depth - 1, out)
}

fn call(u: &mut Unstructured<'_>, wanted: i64, depth: usize, out: &mut Vec<u8>) -> Result<()> {
    let fitting: Vec<_> = CALLS.iter().filter(|(.., gives)| *gives == wanted).collect();
    if fitting.is_empty() {
        return leaf(u, wanted, out);
    }
    let (module, number, arguments, subject, _) = u.choose(&fitting)?;
    put_list_header(out, 5);
    put_integer(out, 127);
    put_integer(out, wanted);
    put_integer(out, *module);
    put_list_header(out, arguments.len() + 1);
    put_integer(out, *number);
    for argument in *arguments {
        expression(u, *argument, depth - 1, out)?;
    }
    expression(u, *subject, depth - 1, out)
}

/// An operation of any number, in a context in some cases.
fn operation(u: &mut Unstructured<'_>, out: &mut Vec<u8>) -> Result<()> {
    const STEPS: [i64; 10] = [0x10, 0x11, 0x13, 0x20, 0x21, 0x22, 0x23, 0x50, 0xE2, 4];
    if u.ratio(1, 5)? {
        let steps = u.int_in_range(0..=3)?;
        put_list_header(out, 3);
        put_integer(out, 255);
        put_list_header(out, 2 * steps);
        for _ in 0..steps {
            put_integer(out, *u.choose(&STEPS)?);
            put_integer(out, u.int_in_range(-2..=5)?);
        }
    }
    let count = u.int_in_range(0..=5)?;
    put_list_header(out, count + 1);
    put_integer(out, u.int_in_range(0..=57)?);
    for _ in 0..count {
        match u.int_in_range(0..=3)? {
            0 => put_value(out, &Value::Blob(vec![u.arbitrary()?; u.int_in_range(0..=20)?])),
            1 => put_value(out, &Value::Bool(u.arbitrary()?)),
            2 => put_integer(out, u.arbitrary()?),
            _ => put_integer(out, u.int_in_range(-9..=70)?),
        }
    }
    Ok(())
}

/// Deeper than is allowed, and headers that promise more than there is.
fn nest(u: &mut Unstructured<'_>, out: &mut Vec<u8>) -> Result<()> {
    let depth = *u.choose(&[exp::DEPTH_MAX - 1, exp::DEPTH_MAX, exp::DEPTH_MAX + 1, 100_000])?;
    for _ in 0..depth {
        put_list_header(out, 2);
        put_integer(out, *u.choose(&[18, 126, 27])?);
    }
    match u.arbitrary()? {
        true => put_value(out, &Value::Bool(true)),
        false => put_map_header(out, usize::from(u.arbitrary::<u16>()?) << 16),
    }
    Ok(())
}

fn damage(u: &mut Unstructured<'_>, bytes: &mut Vec<u8>) -> Result<()> {
    for _ in 0..u.int_in_range(1..=4)? {
        let at = u.choose_index(bytes.len().max(1))?.min(bytes.len());
        match u.int_in_range(0..=4)? {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, u.arbitrary()?),
            2 => bytes.splice(at..at, [0xDD, 0xFF, 0xFF, 0xFF, u.arbitrary()?]).for_each(drop),
            3 => bytes.extend([0xC0, 0x90, 0x80]),
            _ if at < bytes.len() => bytes[at] = u.arbitrary()?,
            _ => {}
        }
    }
    Ok(())
}
