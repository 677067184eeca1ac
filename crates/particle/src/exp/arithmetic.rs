//! Comparison and computation of values. What has no result, a division by zero for one, is unknown.

use std::cmp::Ordering;

use model::Value;

use super::tree::Arithmetic;

/// How two values stand to each other; doubles as numbers, so that a NaN stands nowhere and the two
/// zeros are one.
pub(super) fn order(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Double(left), Value::Double(right)) => left.partial_cmp(right),
        _ => Some(left.cmp(right)),
    }
}

/// The result of numbers that were checked to be of the types that `what` takes.
pub(super) fn compute(what: Arithmetic, values: &[&Value]) -> Option<Value> {
    match values {
        [Value::Integer(first), rest @ ..] => integers(what, *first, rest),
        [Value::Double(first), rest @ ..] => doubles(what, *first, rest),
        _ => None,
    }
}

fn integers(what: Arithmetic, first: i64, rest: &[&Value]) -> Option<Value> {
    let numbers = || {
        rest.iter().map(|value| match value {
            Value::Integer(number) => Some(*number),
            _ => None,
        })
    };
    let fold = |with: fn(i64, i64) -> Option<i64>| {
        numbers().try_fold(first, |result, number| with(result, number?))
    };
    let result = match what {
        Arithmetic::Add => fold(|a, b| Some(a.wrapping_add(b))),
        Arithmetic::Subtract if rest.is_empty() => Some(first.wrapping_neg()),
        Arithmetic::Subtract => fold(|a, b| Some(a.wrapping_sub(b))),
        Arithmetic::Multiply => fold(|a, b| Some(a.wrapping_mul(b))),
        Arithmetic::Divide if rest.is_empty() => 1i64.checked_div(first),
        Arithmetic::Divide => fold(|a, b| (b != 0).then(|| a.wrapping_div(b))),
        Arithmetic::Modulo => fold(|a, b| (b != 0).then(|| a.wrapping_rem(b))),
        Arithmetic::Absolute => Some(first.wrapping_abs()),
        Arithmetic::And => fold(|a, b| Some(a & b)),
        Arithmetic::Or => fold(|a, b| Some(a | b)),
        Arithmetic::Xor => fold(|a, b| Some(a ^ b)),
        Arithmetic::Not => Some(!first),
        Arithmetic::ShiftLeft => fold(|a, by| shifted(by, || a << by, 0)),
        Arithmetic::ShiftRight => fold(|a, by| shifted(by, || (a as u64 >> by) as i64, 0)),
        Arithmetic::ShiftRightSigned => fold(|a, by| shifted(by, || a >> by, a >> 63)),
        Arithmetic::Count => Some(first.count_ones().into()),
        Arithmetic::FindFirst => found(first, rest, |bits| bits.leading_zeros()),
        Arithmetic::FindLast => found(first, rest, |bits| 63 - bits.trailing_zeros()),
        Arithmetic::Minimum => fold(|a, b| Some(a.min(b))),
        Arithmetic::Maximum => fold(|a, b| Some(a.max(b))),
        Arithmetic::ToDouble => return Some(Value::Double(first as f64)),
        Arithmetic::ToInteger => Some(first),
        Arithmetic::Power | Arithmetic::Logarithm | Arithmetic::Floor | Arithmetic::Ceiling => None,
    };
    result.map(Value::Integer)
}

/// A shift by 64 places or more leaves `beyond`; one by fewer than none is nothing.
fn shifted(by: i64, shift: impl Fn() -> i64, beyond: i64) -> Option<i64> {
    match by {
        0..=63 => Some(shift()),
        64.. => Some(beyond),
        _ => None,
    }
}

/// The place, from the highest bit on, of the bit that is looked for; -1 if there is none.
fn found(number: i64, wanted: &[&Value], place: fn(i64) -> u32) -> Option<i64> {
    let [Value::Bool(wanted)] = wanted else { return None };
    let bits = if *wanted { number } else { !number };
    Some(if bits == 0 { -1 } else { place(bits).into() })
}

fn doubles(what: Arithmetic, first: f64, rest: &[&Value]) -> Option<Value> {
    let numbers = || {
        rest.iter().map(|value| match value {
            Value::Double(number) => Some(*number),
            _ => None,
        })
    };
    let fold = |with: fn(f64, f64) -> f64| {
        numbers().try_fold(first, |result, number| Some(with(result, number?)))
    };
    let result = match what {
        Arithmetic::Add => fold(|a, b| a + b),
        Arithmetic::Subtract if rest.is_empty() => Some(-first),
        Arithmetic::Subtract => fold(|a, b| a - b),
        Arithmetic::Multiply => fold(|a, b| a * b),
        Arithmetic::Divide if rest.is_empty() => Some(first.recip()),
        Arithmetic::Divide => fold(|a, b| a / b),
        Arithmetic::Power => fold(f64::powf),
        Arithmetic::Logarithm => fold(|number, base| number.ln() / base.ln()),
        Arithmetic::Absolute => Some(first.abs()),
        Arithmetic::Floor => Some(first.floor()),
        Arithmetic::Ceiling => Some(first.ceil()),
        Arithmetic::Minimum => fold(f64::min),
        Arithmetic::Maximum => fold(f64::max),
        Arithmetic::ToDouble => Some(first),
        Arithmetic::ToInteger => return to_integer(first).map(Value::Integer),
        _ => None,
    };
    result.map(Value::Double)
}

/// Without its fraction; what is no 64-bit integer then has no result.
fn to_integer(number: f64) -> Option<i64> {
    let whole = number.trunc();
    let fits = (-(2f64.powi(63))..2f64.powi(63)).contains(&whole);
    fits.then_some(whole as i64)
}
