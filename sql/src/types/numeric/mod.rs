//! `numeric`: decimal numbers of any size that remember how many digits they show after the point.
//!
//! 1. [`Numeric`] is read from text ([`Numeric::parse`]) and printed again with the digits it had.
//! 2. `arith.rs` computes, and chooses the digits of a result as PostgreSQL does.
//! 3. `roots.rs` has what is no rational arithmetic: roots, logarithms, powers.
//! 4. `magnitude.rs` are the natural numbers below.
//!
//! Stored, a numeric is its text; the functions over texts are for the evaluator of single records.

mod arith;
mod magnitude;
mod roots;
#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::fmt;

pub use arith::Op;
use magnitude::Magnitude;
pub use roots::spread;

use crate::{SqlError, SqlResult};

/// Most digits after the point, PostgreSQL's limit.
const SCALE_MAX: usize = 16_383;
/// Most digits before the point, PostgreSQL's limit.
const WHOLE_MAX: usize = 131_072;

/// A decimal number, one of the infinities, or not a number.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Numeric {
    /// Less than every number.
    MinusInfinity,
    /// A number.
    Finite(Decimal),
    /// More than every number.
    Infinity,
    /// Not a number: equal to itself, and more than everything else.
    NaN,
}

/// `±magnitude * 10^-scale`; zero has no sign.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Decimal {
    negative: bool,
    magnitude: Magnitude,
    /// Digits after the point.
    scale: usize,
}

impl Decimal {
    fn new(negative: bool, magnitude: Magnitude, scale: usize) -> Decimal {
        Decimal { negative: negative && !magnitude.is_zero(), magnitude, scale }
    }

    fn zero(scale: usize) -> Decimal {
        Decimal::new(false, Magnitude::ZERO, scale)
    }

    fn of(n: i64) -> Decimal {
        Decimal::new(n < 0, Magnitude::Small(n.unsigned_abs().into()), 0)
    }

    /// Whether it is less than zero.
    pub fn is_negative(&self) -> bool {
        self.negative
    }

    /// Whether it is zero.
    pub fn is_zero(&self) -> bool {
        self.magnitude.is_zero()
    }

    /// Digits after the point.
    pub fn scale(&self) -> usize {
        self.scale
    }

    /// Its decimal digits without the point and without leading zeros; none for zero.
    pub fn digits(&self) -> String {
        self.magnitude.digits()
    }

    /// The number of these decimal digits, of which `scale` stand after the point.
    pub fn of_digits(negative: bool, digits: &[u8], scale: usize) -> Decimal {
        Decimal::new(negative, Magnitude::of_digits(digits), scale)
    }

    /// The same number with this many digits after the point, rounded half away from zero.
    fn at_scale(&self, scale: usize) -> Decimal {
        let magnitude = match scale.checked_sub(self.scale) {
            Some(more) => self.magnitude.shifted_up(more),
            None => self.magnitude.rounded_down_by(self.scale - scale),
        };
        Decimal::new(self.negative, magnitude, scale)
    }

    /// Rounded to a multiple of ten to the `-places`, half away from zero.
    fn rounded(&self, places: i64) -> Decimal {
        if let Ok(scale) = usize::try_from(places) {
            return self.at_scale(scale.min(SCALE_MAX));
        }
        let zeros = places.unsigned_abs().min(WHOLE_MAX as u64 + 1) as usize;
        let cut = self.magnitude.rounded_down_by(self.scale + zeros);
        Decimal::new(self.negative, cut.shifted_up(zeros), 0)
    }

    /// The same as [`Decimal::rounded`], but towards zero.
    fn truncated(&self, places: i64) -> Decimal {
        let scale = usize::try_from(places).unwrap_or(0).min(SCALE_MAX);
        let zeros = places.min(0).unsigned_abs().min(WHOLE_MAX as u64 + 1) as usize;
        if zeros == 0 && scale >= self.scale {
            return self.at_scale(scale);
        }
        let by = self.scale - scale.min(self.scale) + zeros;
        let cut = match by > self.magnitude.len() {
            true => Magnitude::ZERO,
            false => self.magnitude.div_rem(&Magnitude::power_of_ten(by)).0,
        };
        Decimal::new(self.negative, cut.shifted_up(zeros), scale)
    }

    fn negated(&self) -> Decimal {
        Decimal::new(!self.negative, self.magnitude.clone(), self.scale)
    }

    /// Refused where PostgreSQL could not store it.
    fn checked(self) -> SqlResult<Numeric> {
        match self.magnitude.len() > WHOLE_MAX + self.scale || self.scale > SCALE_MAX {
            true => Err(overflow()),
            false => Ok(Numeric::Finite(self)),
        }
    }

    fn read(text: &str) -> Option<Decimal> {
        let (negative, rest) = match text.as_bytes().first()? {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
            Some((m, e)) => (m, e.parse::<i32>().ok()?),
            None => (rest, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if whole.len() + fraction.len() == 0 || !digits(whole) || !digits(fraction) {
            return None;
        }
        let shift = exponent.unsigned_abs() as usize;
        if shift > SCALE_MAX || whole.len() > WHOLE_MAX || fraction.len() > SCALE_MAX {
            return None;
        }
        let magnitude = match fraction.is_empty() {
            true => Magnitude::of_digits(whole.as_bytes()),
            false => Magnitude::of_digits(format!("{whole}{fraction}").as_bytes()),
        };
        Some(match exponent {
            ..=-1 => Decimal::new(negative, magnitude, fraction.len() + shift),
            _ => {
                let zeros = shift.saturating_sub(fraction.len());
                let scale = fraction.len().saturating_sub(shift);
                Decimal::new(negative, magnitude.shifted_up(zeros), scale)
            }
        })
    }
}

impl Ord for Decimal {
    /// By value: 1.5 and 1.50 are equal.
    fn cmp(&self, other: &Decimal) -> Ordering {
        match (self.negative, other.negative) {
            (false, true) => return Ordering::Greater,
            (true, false) => return Ordering::Less,
            _ => {}
        }
        let order = match self.scale.cmp(&other.scale) {
            Ordering::Equal => self.magnitude.cmp(&other.magnitude),
            Ordering::Less => {
                self.magnitude.shifted_up(other.scale - self.scale).cmp(&other.magnitude)
            }
            Ordering::Greater => {
                self.magnitude.cmp(&other.magnitude.shifted_up(self.scale - other.scale))
            }
        };
        if self.negative { order.reverse() } else { order }
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Decimal) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.magnitude.digits();
        let sign = if self.negative { "-" } else { "" };
        let width = self.scale + 1;
        let padded = format!("{digits:0>width$}");
        let (whole, fraction) = padded.split_at(padded.len() - self.scale);
        let point = if self.scale > 0 { "." } else { "" };
        write!(f, "{sign}{whole}{point}{fraction}")
    }
}

impl Numeric {
    /// Reads a numeric of this precision (0 = any) and scale; 22P02 and 22003 as in PostgreSQL.
    pub fn parse(text: &str, precision: u8, scale: u8) -> SqlResult<Numeric> {
        let trimmed = text.trim();
        let numeric = match special(trimmed) {
            Some(special) => special,
            None => Numeric::Finite(Decimal::read(trimmed).ok_or_else(|| {
                SqlError::new("22P02", format!("invalid input syntax for type numeric: \"{text}\""))
            })?),
        };
        numeric.fitted(precision, scale)
    }

    /// The number as a column of this precision (0 = any) and scale takes it.
    pub fn fitted(self, precision: u8, scale: u8) -> SqlResult<Numeric> {
        let number = match self {
            Numeric::Finite(number) if precision > 0 => number.at_scale(scale.into()),
            Numeric::Infinity | Numeric::MinusInfinity if precision > 0 => {
                return Err(field_overflow().detail(format!(
                    "A field with precision {precision}, scale {scale} cannot hold an infinite \
                     value."
                )));
            }
            other => return Ok(other),
        };
        if number.magnitude.len() > usize::from(precision) {
            return Err(field_overflow().detail(format!(
                "A field with precision {precision}, scale {scale} must round to an absolute \
                 value less than 10^{}.",
                i32::from(precision) - i32::from(scale)
            )));
        }
        Ok(Numeric::Finite(number))
    }

    /// The number that a double's shortest 15 digits say, as PostgreSQL's cast does.
    pub fn of_f64(n: f64) -> Numeric {
        Numeric::of_float(n, 14)
    }

    /// The number that a float's 6 digits say, as PostgreSQL's cast does.
    pub fn of_f32(n: f32) -> Numeric {
        Numeric::of_float(n.into(), 5)
    }

    fn of_float(n: f64, digits: usize) -> Numeric {
        match n {
            n if n.is_nan() => Numeric::NaN,
            f64::INFINITY => Numeric::Infinity,
            f64::NEG_INFINITY => Numeric::MinusInfinity,
            n => {
                let text = format!("{n:.digits$e}");
                let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
                let short = match mantissa.contains('.') {
                    true => mantissa.trim_end_matches('0').trim_end_matches('.'),
                    false => mantissa,
                };
                let number = Decimal::read(&format!("{short}e{exponent}"));
                number.map_or(Numeric::NaN, Numeric::Finite)
            }
        }
    }

    /// The nearest double; an infinity where there is none.
    pub fn to_f64(&self) -> f64 {
        match self {
            Numeric::NaN => f64::NAN,
            Numeric::Infinity => f64::INFINITY,
            Numeric::MinusInfinity => f64::NEG_INFINITY,
            Numeric::Finite(number) => number.to_string().parse().unwrap_or(f64::NAN),
        }
    }

    /// The nearest integer, halves away from zero; `None` where it has more than 64 bits.
    pub fn to_i64(&self) -> Option<i64> {
        let Numeric::Finite(number) = self else { return None };
        let whole = number.at_scale(0);
        let Magnitude::Small(n) = whole.magnitude else { return None };
        let n = i128::try_from(n).ok()?;
        i64::try_from(if whole.negative { -n } else { n }).ok()
    }
}

impl From<i64> for Numeric {
    fn from(n: i64) -> Numeric {
        Numeric::Finite(Decimal::of(n))
    }
}

impl From<i32> for Numeric {
    fn from(n: i32) -> Numeric {
        Numeric::from(i64::from(n))
    }
}

impl From<i128> for Numeric {
    fn from(n: i128) -> Numeric {
        Numeric::Finite(Decimal::new(n < 0, Magnitude::Small(n.unsigned_abs()), 0))
    }
}

impl Ord for Numeric {
    /// PostgreSQL's order: by value, NaN last.
    fn cmp(&self, other: &Numeric) -> Ordering {
        let rank = |n: &Numeric| match n {
            Numeric::MinusInfinity => 0,
            Numeric::Finite(_) => 1,
            Numeric::Infinity => 2,
            Numeric::NaN => 3,
        };
        match (self, other) {
            (Numeric::Finite(a), Numeric::Finite(b)) => a.cmp(b),
            (a, b) => rank(a).cmp(&rank(b)),
        }
    }
}

impl PartialOrd for Numeric {
    fn partial_cmp(&self, other: &Numeric) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Numeric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Numeric::NaN => f.write_str("NaN"),
            Numeric::Infinity => f.write_str("Infinity"),
            Numeric::MinusInfinity => f.write_str("-Infinity"),
            Numeric::Finite(number) => number.fmt(f),
        }
    }
}

fn special(text: &str) -> Option<Numeric> {
    let is = |names: &[&str]| names.iter().any(|n| n.eq_ignore_ascii_case(text));
    if is(&["nan"]) {
        Some(Numeric::NaN)
    } else if is(&["infinity", "+infinity", "inf", "+inf"]) {
        Some(Numeric::Infinity)
    } else if is(&["-infinity", "-inf"]) {
        Some(Numeric::MinusInfinity)
    } else {
        None
    }
}

/// A stored numeric; what is none counts as NaN.
fn stored(text: &str) -> Numeric {
    special(text).or_else(|| Decimal::read(text).map(Numeric::Finite)).unwrap_or(Numeric::NaN)
}

/// Reads a numeric of this precision (0 = any) and scale.
pub(crate) fn parse(text: &str, precision: u8, scale: u8) -> SqlResult<String> {
    Ok(Numeric::parse(text, precision, scale)?.to_string())
}

/// The order of two numerics: -Infinity first, NaN last.
pub(crate) fn compare(a: &str, b: &str) -> Ordering {
    stored(a).cmp(&stored(b))
}

/// Computes with two numerics.
pub(crate) fn compute(op: Op, a: &str, b: &str) -> SqlResult<String> {
    Ok(stored(a).compute(op, &stored(b))?.to_string())
}

/// Rounded half away from zero to this many digits after the point; fewer than none round before
/// it.
pub(crate) fn round(text: &str, places: i64) -> String {
    stored(text).round(places).to_string()
}

/// Cut to a whole number: towards zero, or down or up where there was a fraction.
pub(crate) fn whole(text: &str, direction: i8) -> String {
    let number = stored(text);
    match direction {
        0 => number.trunc(0),
        ..0 => number.floor(),
        _ => number.ceil(),
    }
    .to_string()
}

/// The nearest integer, halves away from zero.
pub(crate) fn to_i64(text: &str) -> Option<i64> {
    stored(text).to_i64()
}

/// The nearest double.
pub(crate) fn to_f64(text: &str) -> f64 {
    stored(text).to_f64()
}

pub(crate) fn division_by_zero() -> SqlError {
    SqlError::new("22012", "division by zero")
}

fn overflow() -> SqlError {
    SqlError::new("22003", "value overflows numeric format")
        .hint("131072 digits before the point and 16383 after it are the most")
}

fn field_overflow() -> SqlError {
    SqlError::new("22003", "numeric field overflow")
}
