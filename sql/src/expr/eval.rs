//! Expressions computed for a row.

use std::borrow::Cow;
use std::cmp::Ordering;

use model::{ColumnType, Key, List, Map, Record, Value, decode_composite, encode_composite};

use super::{Cmp, Expr, Node, Pseudo, Row, functions};
use crate::types::numeric::{self, Op};
use crate::types::{self, DAY_US, jsonb_text};
use crate::{SqlError, SqlResult};

/// The value; `None` = NULL.
pub(super) fn eval(expr: &Expr, row: &Row) -> SqlResult<Option<Value>> {
    let bool = |truth: Option<bool>| truth.map(Value::Bool);
    Ok(match &expr.node {
        Node::Const(_) | Node::Param(_) | Node::Bin(_) => value(expr, row)?.map(Cow::into_owned),
        Node::Key { index, of, .. } => match key(row) {
            Some(key) => key_column(expr.column_type, key, *index, *of)?,
            None => None,
        },
        Node::NextVal(namespace, name) => {
            let draw = row.draw.ok_or_else(no_numbers)?;
            Some(Value::Integer(draw.number(namespace, name)?))
        }
        Node::RandomUuid => {
            let bits = row.draw.ok_or_else(no_numbers)?.random();
            Some(Value::Blob(types::random_uuid(bits).to_vec()))
        }
        Node::WholeKey => key(row).map(|key| key_value(expr.column_type, key)),
        Node::Pseudo(pseudo) => row.record.and_then(|record| self::pseudo(*pseudo, record, row)),
        Node::Excluded(name) => row.excluded.and_then(|excluded| excluded(name)),
        Node::Not(_) | Node::And(_) | Node::Or(_) | Node::Compare(..) | Node::In { .. } => {
            bool(truth(expr, row)?)
        }
        Node::Distinct { .. } | Node::IsNull { .. } | Node::IsBool { .. } => {
            bool(truth(expr, row)?)
        }
        Node::Any { .. } | Node::Like { .. } | Node::Matches(..) => bool(truth(expr, row)?),
        Node::Case { whens, otherwise } => {
            for (when, then) in whens {
                if truth(when, row)? == Some(true) {
                    return eval(then, row);
                }
            }
            otherwise.as_ref().map_or(Ok(None), |e| eval(e, row))?
        }
        Node::Arith(op, a, b) => match (eval(a, row)?, eval(b, row)?) {
            (Some(x), Some(y)) => {
                Some(arith(*op, (a.column_type, x), (b.column_type, y), expr.column_type)?)
            }
            _ => None,
        },
        Node::Neg(inner) => match eval(inner, row)? {
            None => None,
            Some(value) => Some(negate(inner.column_type, value)?),
        },
        Node::Concat(a, b) => match (eval(a, row)?, eval(b, row)?) {
            (Some(x), Some(y)) => Some(concat(x, y)?),
            _ => None,
        },
        Node::Cast(inner) => match eval(inner, row)? {
            None => None,
            Some(value) => {
                let value = types::cast(inner.column_type, expr.column_type, value)?;
                (value != Value::Nil || expr.column_type == ColumnType::Jsonb).then_some(value)
            }
        },
        Node::Coerce(inner) => match eval(inner, row)? {
            None => None,
            Some(value) => Some(types::coerce(expr.column_type, value)?),
        },
        Node::List(parts) => {
            let item = |part| Ok(eval(part, row)?.unwrap_or(Value::Nil));
            Some(Value::List(parts.iter().map(item).collect::<SqlResult<_>>()?))
        }
        Node::Member { text, sides } => match (eval(&sides.0, row)?, eval(&sides.1, row)?) {
            (Some(value), Some(path)) => match member(value, &path) {
                Some(Value::Nil) if *text => None,
                Some(found) if *text => Some(Value::String(jsonb_text(&found))),
                found => found,
            },
            _ => None,
        },
        Node::Call(function, args) => functions::call(*function, expr.column_type, args, row)?,
    })
}

/// The value; borrowed where it stands somewhere already.
pub(super) fn value<'a>(expr: &'a Expr, row: &Row<'a>) -> SqlResult<Option<Cow<'a, Value>>> {
    Ok(match &expr.node {
        Node::Const(value) => value.as_ref().map(Cow::Borrowed),
        Node::Param(index) => {
            row.params.get(*index).and_then(|value| value.as_ref()).map(Cow::Borrowed)
        }
        Node::Bin(name) => match row.record.and_then(|r| r.bin(name)) {
            None | Some(Value::Nil) => None,
            Some(value) => Some(of_column(expr.column_type, value)?),
        },
        _ => eval(expr, row)?.map(Cow::Owned),
    })
}

/// The value of a boolean expression, without a [`Value`] around it.
pub(super) fn truth(expr: &Expr, row: &Row) -> SqlResult<Option<bool>> {
    Ok(match &expr.node {
        Node::Not(inner) => truth(inner, row)?.map(|b| !b),
        Node::And(parts) => junction(parts, row, false)?,
        Node::Or(parts) => junction(parts, row, true)?,
        Node::Compare(op, a, b) => match (eval(a, row)?, eval(b, row)?) {
            (Some(x), Some(y)) => compare(*op, (a.column_type, &x), (b.column_type, &y)),
            _ => None,
        },
        Node::Distinct { negated, sides } => {
            let (a, b) = &**sides;
            let same = match (eval(a, row)?, eval(b, row)?) {
                (None, None) => true,
                (Some(x), Some(y)) => {
                    compare(Cmp::Eq, (a.column_type, &x), (b.column_type, &y)) == Some(true)
                }
                _ => false,
            };
            Some(same == *negated)
        }
        Node::IsNull { negated, inner } => Some(eval(inner, row)?.is_none() != *negated),
        Node::IsBool { negated, wanted, inner } => {
            Some((truth(inner, row)? == *wanted) != *negated)
        }
        Node::In { negated, inner, list } => {
            let found =
                any(Cmp::Eq, inner, row, list.iter().map(|e| Ok((e.column_type, eval(e, row)?))))?;
            found.map(|b| b != *negated)
        }
        Node::Any { op, all, inner, array } => {
            let Some(Value::List(items)) = eval(array, row)? else { return Ok(None) };
            let element = element_type(array.column_type);
            let items = items.into_iter().map(|v| Ok((element, (v != Value::Nil).then_some(v))));
            match all {
                false => any(*op, inner, row, items)?,
                true => any(op.negated(), inner, row, items)?.map(|b| !b),
            }
        }
        Node::Like { negated, fold, escape, sides } => {
            match (eval(&sides.0, row)?, eval(&sides.1, row)?) {
                (Some(Value::String(text)), Some(Value::String(pattern))) => {
                    Some(like(&text, &pattern, *escape, *fold)? != *negated)
                }
                _ => None,
            }
        }
        Node::Matches(matcher, bin) => match value(bin, row)? {
            Some(value) => matcher.matches(&value),
            None => None,
        },
        _ => match eval(expr, row)? {
            Some(Value::Bool(b)) => Some(b),
            _ => None,
        },
    })
}

/// AND (`decisive` = false) or OR (`decisive` = true): the decisive value wins over NULL.
fn junction(parts: &[Expr], row: &Row, decisive: bool) -> SqlResult<Option<bool>> {
    let mut result = Some(!decisive);
    for part in parts {
        match truth(part, row)? {
            Some(b) if b == decisive => return Ok(Some(decisive)),
            Some(_) => {}
            None => result = None,
        }
    }
    Ok(result)
}

fn any(
    op: Cmp,
    inner: &Expr,
    row: &Row,
    items: impl Iterator<Item = SqlResult<(ColumnType, Option<Value>)>>,
) -> SqlResult<Option<bool>> {
    let left = eval(inner, row)?;
    let mut result = Some(false);
    for item in items {
        let (t, item) = item?;
        match (&left, &item) {
            (Some(x), Some(y)) => match compare(op, (inner.column_type, x), (t, y)) {
                Some(true) => return Ok(Some(true)),
                Some(false) => {}
                None => result = None,
            },
            _ => result = None,
        }
    }
    Ok(result)
}

impl Cmp {
    fn negated(self) -> Cmp {
        match self {
            Cmp::Eq => Cmp::Ne,
            Cmp::Ne => Cmp::Eq,
            Cmp::Lt => Cmp::Ge,
            Cmp::Le => Cmp::Gt,
            Cmp::Gt => Cmp::Le,
            Cmp::Ge => Cmp::Lt,
        }
    }
}

/// The type of an array's elements.
pub(crate) fn element_type(array: ColumnType) -> ColumnType {
    match array {
        ColumnType::Int8Array => ColumnType::Int8,
        ColumnType::Float8Array => ColumnType::Float8,
        ColumnType::TextArray => ColumnType::Text,
        ColumnType::BoolArray => ColumnType::Bool,
        _ => ColumnType::Jsonb,
    }
}

fn compare(op: Cmp, a: (ColumnType, &Value), b: (ColumnType, &Value)) -> Option<bool> {
    let Some(order) = order(a, b) else {
        // Values of different types: never equal, never in order.
        return match op {
            Cmp::Eq => Some(false),
            Cmp::Ne => Some(true),
            _ => None,
        };
    };
    Some(op.holds(order))
}

/// The order of two values; `None` where values of their types have none.
pub(super) fn order(a: (ColumnType, &Value), b: (ColumnType, &Value)) -> Option<Ordering> {
    let digits = |t| matches!(t, ColumnType::Numeric { .. });
    Some(match (a.1, b.1) {
        (Value::String(x), Value::String(y)) if digits(a.0) && digits(b.0) => {
            numeric::compare(x, y)
        }
        (Value::String(x), y) if digits(a.0) => order_doubles(numeric::to_f64(x), number(y)?),
        (x, Value::String(y)) if digits(b.0) => order_doubles(number(x)?, numeric::to_f64(y)),
        (Value::Double(x), Value::Double(y)) => order_doubles(*x, *y),
        (Value::Integer(x), Value::Double(y)) => order_doubles(*x as f64, *y),
        (Value::Double(x), Value::Integer(y)) => order_doubles(*x, *y as f64),
        (x, y) if x.value_type() == y.value_type() => x.cmp(y),
        _ => return None,
    })
}

/// Numbers as doubles.
fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Integer(n) => Some(*n as f64),
        Value::Double(d) => Some(*d),
        _ => None,
    }
}

/// As PostgreSQL orders doubles: NaN is equal to itself and above all others, -0 is 0.
fn order_doubles(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}

/// A bin's value where its type is the column's.
fn of_column(t: ColumnType, value: &Value) -> SqlResult<Cow<'_, Value>> {
    match (t.stored_as(), value) {
        (None, value) => Ok(Cow::Borrowed(value)),
        (Some(stored), value) if stored == value.value_type() => Ok(Cow::Borrowed(value)),
        (Some(model::ValueType::Double), Value::Integer(n)) => {
            Ok(Cow::Owned(Value::Double(*n as f64)))
        }
        (Some(_), value) => {
            let message = "cached plan must not change result type";
            Err(SqlError::unsupported(message)
                .detail(format!("A bin described as {t} holds a {}.", value.value_type()))
                .hint("run the statement again; a bin of several types is read as jsonb"))
        }
    }
}

fn key<'a>(row: &Row<'a>) -> Option<&'a Key> {
    row.record.and_then(|r| r.key.as_ref()).or(row.key)
}

/// A part of the key as its column's value.
fn key_column(t: ColumnType, key: &Key, index: usize, of: usize) -> SqlResult<Option<Value>> {
    if of == 1 {
        return Ok(Some(key_value(t, key)));
    }
    let Key::Blob(blob) = key else { return Ok(None) };
    let parts = decode_composite(blob)?;
    Ok(parts.get(index).map(|part| key_value(t, part)))
}

fn key_value(t: ColumnType, key: &Key) -> Value {
    match (t, key) {
        (ColumnType::Bool, Key::Integer(n)) => Value::Bool(*n != 0),
        (ColumnType::Text, Key::Integer(n)) => Value::String(n.to_string()),
        (ColumnType::Text, Key::Blob(b)) => Value::String(model::json::hex(b)),
        (_, Key::Integer(n)) => Value::Integer(*n),
        (_, Key::String(s)) => Value::String(s.clone()),
        (_, Key::Blob(b)) => Value::Blob(b.clone()),
    }
}

fn pseudo(pseudo: Pseudo, record: &Record, row: &Row) -> Option<Value> {
    Some(match pseudo {
        Pseudo::Digest => Value::String(record.digest.to_string()),
        Pseudo::Edigest => Value::String(to_base64(&record.digest.0)),
        Pseudo::Gen => Value::Integer(record.generation.into()),
        Pseudo::Ttl => Value::Integer(record.ttl_s(row.now_ms)),
        Pseudo::Lut => Value::Integer(i64::try_from(record.lut_ms).ok()?.checked_mul(1000)?),
        Pseudo::SetName => Value::String(row.set.to_string()),
        Pseudo::RecordSize => Value::Integer(record.size.into()),
    })
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Bytes in base64.
pub fn to_base64(bytes: &[u8]) -> String {
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let bits =
            chunk.iter().fold(0u32, |n, b| n << 8 | u32::from(*b)) << (8 * (3 - chunk.len()));
        for i in 0..4 {
            match i <= chunk.len() {
                true => out.push(BASE64[(bits >> (18 - 6 * i) & 63) as usize] as char),
                false => out.push('='),
            }
        }
    }
    out
}

/// Reads base64; `None` when it is none.
pub fn from_base64(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=');
    let mut out = Vec::with_capacity(digits.len() * 3 / 4);
    let (mut bits, mut held) = (0u32, 0);
    for byte in digits.bytes() {
        let digit = BASE64.iter().position(|b| *b == byte)? as u32;
        bits = (bits << 6 | digit) & 0xff_ffff;
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push((bits >> held) as u8);
        }
    }
    Some(out)
}

fn out_of_range(t: ColumnType) -> SqlError {
    SqlError::new("22003", format!("{t} out of range"))
}

/// Arithmetic of operands whose types were made fit when the expression was compiled.
fn arith(
    op: Op,
    (ta, a): (ColumnType, Value),
    (tb, b): (ColumnType, Value),
    t: ColumnType,
) -> SqlResult<Value> {
    use ColumnType::*;
    match (a, b) {
        (Value::Integer(x), Value::Integer(y)) => {
            // Moments differ in microseconds, dates in days: shifts of one by the other.
            let y = if matches!(t, Timestamp | Timestamptz) && tb == Date {
                y.checked_mul(DAY_US).ok_or_else(|| out_of_range(t))?
            } else {
                y
            };
            let n = integers(op, x, y, t)?;
            match types::coerce(t, Value::Integer(n)) {
                Ok(value) => Ok(value),
                Err(_) => Err(out_of_range(t)),
            }
        }
        (Value::Double(x), Value::Double(y)) => doubles(op, x, y, t),
        (Value::String(x), Value::String(y)) => numeric::compute(op, &x, &y).map(Value::String),
        (a, b) => {
            let message =
                format!("operator does not exist: {ta} {} {tb}", super::display::sign(op));
            Err(SqlError::new("42883", message).detail(format!(
                "The values are {} and {}.",
                a.value_type(),
                b.value_type()
            )))
        }
    }
}

fn integers(op: Op, x: i64, y: i64, t: ColumnType) -> SqlResult<i64> {
    if matches!(op, Op::Div | Op::Rem) && y == 0 {
        return Err(numeric::division_by_zero());
    }
    let result = match op {
        Op::Add => x.checked_add(y),
        Op::Sub => x.checked_sub(y),
        Op::Mul => x.checked_mul(y),
        Op::Div => x.checked_div(y),
        Op::Rem => Some(x.wrapping_rem(y)),
    };
    result.ok_or_else(|| out_of_range(t))
}

fn doubles(op: Op, x: f64, y: f64, t: ColumnType) -> SqlResult<Value> {
    if matches!(op, Op::Div | Op::Rem) && y == 0.0 {
        return Err(numeric::division_by_zero());
    }
    let result = match op {
        Op::Add => x + y,
        Op::Sub => x - y,
        Op::Mul => x * y,
        Op::Div => x / y,
        Op::Rem => x % y,
    };
    if result.is_infinite() && x.is_finite() && y.is_finite() {
        return Err(SqlError::new("22003", "value out of range: overflow"));
    }
    types::coerce(t, Value::Double(result))
}

fn negate(t: ColumnType, value: Value) -> SqlResult<Value> {
    match value {
        Value::Integer(n) => n.checked_neg().map(Value::Integer).ok_or_else(|| out_of_range(t)),
        Value::Double(d) => Ok(Value::Double(-d)),
        Value::String(s) => numeric::compute(Op::Sub, "0", &s).map(Value::String),
        other => Err(SqlError::new(
            "42883",
            format!("operator does not exist: - {}", other.value_type()),
        )),
    }
}

/// `||`: text joined, lists joined, maps merged.
fn concat(a: Value, b: Value) -> SqlResult<Value> {
    Ok(match (a, b) {
        (Value::String(x), Value::String(y)) => Value::String(x + &y),
        (Value::Blob(x), Value::Blob(y)) => Value::Blob([x, y].concat()),
        (Value::List(x), Value::List(y)) => {
            Value::List(List::new([x.items, y.items].concat(), x.order))
        }
        (Value::List(mut x), y) => {
            x.push(y);
            Value::List(List::new(x.items, x.order))
        }
        (x, Value::List(mut y)) => {
            y.insert(0, x);
            Value::List(List::new(y.items, y.order))
        }
        (Value::Map(x), Value::Map(y)) => {
            let order = x.order;
            Value::Map(Map::new(x.into_iter().chain(y).collect(), order))
        }
        (x, y) => Value::list(vec![x, y]),
    })
}

/// A member of a map by key, or of a list by index from 0, negative from the end.
fn member(value: Value, path: &Value) -> Option<Value> {
    match (value, path) {
        (Value::Map(pairs), Value::String(name)) => {
            let is = |key: &Value| match key {
                Value::String(s) => s == name,
                other => jsonb_text(other) == *name,
            };
            pairs.into_iter().find(|(key, _)| is(key)).map(|(_, value)| value)
        }
        (Value::List(items), Value::Integer(n)) => {
            let index = if *n < 0 { items.len() as i64 + n } else { *n };
            items.into_iter().nth(usize::try_from(index).ok()?)
        }
        (Value::GeoJson(text), Value::String(_)) => member(model::json::parse(&text).ok()?, path),
        _ => None,
    }
}

/// Whether a text fits a pattern of LIKE, whatever their case.
pub fn is_like(text: &str, pattern: &str) -> SqlResult<bool> {
    like(text, pattern, Some('\\'), true)
}

/// LIKE: `%` any run of characters, `_` one. Steps are bounded by the product of both lengths.
fn like(text: &str, pattern: &str, escape: Option<char>, fold: bool) -> SqlResult<bool> {
    let lower = |s: &str| if fold { s.to_lowercase() } else { s.to_string() };
    let text: Vec<char> = lower(text).chars().collect();
    let mut wanted = Vec::new();
    let pattern = lower(pattern);
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        wanted.push(match c {
            c if Some(c) == escape => {
                let literal = chars.next().ok_or_else(|| {
                    SqlError::new("22025", "LIKE pattern must not end with escape character")
                })?;
                Wanted::Char(literal)
            }
            '%' => Wanted::Run,
            '_' => Wanted::One,
            c => Wanted::Char(c),
        });
    }
    Ok(matches(&text, &wanted))
}

#[derive(Clone, Copy, PartialEq)]
enum Wanted {
    Char(char),
    One,
    Run,
}

fn matches(text: &[char], wanted: &[Wanted]) -> bool {
    let (mut t, mut w) = (0, 0);
    let mut run: Option<(usize, usize)> = None;
    while t < text.len() {
        match wanted.get(w) {
            Some(Wanted::Run) => {
                run = Some((w, t));
                w += 1;
            }
            Some(Wanted::One) => (t, w) = (t + 1, w + 1),
            Some(Wanted::Char(c)) if *c == text[t] => (t, w) = (t + 1, w + 1),
            _ => match &mut run {
                Some((at, from)) => {
                    *from += 1;
                    (t, w) = (*from, *at + 1);
                }
                None => return false,
            },
        }
    }
    wanted[w..].iter().all(|rest| *rest == Wanted::Run)
}

/// The key that these values of key columns make, for EXPLAIN.
pub(crate) fn key_of(values: Vec<Value>) -> Option<Key> {
    let one = |value| match value {
        Value::Integer(n) => Some(Key::Integer(n)),
        Value::Bool(b) => Some(Key::Integer(b.into())),
        Value::String(s) => Some(Key::String(s)),
        Value::Blob(b) => Some(Key::Blob(b)),
        _ => None,
    };
    let parts: Vec<Key> = values.into_iter().map(one).collect::<Option<_>>()?;
    if parts.len() == 1 { parts.into_iter().next() } else { Some(encode_composite(&parts)) }
}

fn no_numbers() -> SqlError {
    SqlError::new("XX000", "an expression draws numbers where there are none")
}
