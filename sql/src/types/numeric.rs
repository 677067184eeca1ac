//! Numerics as strings of digits: reading, rounding, comparing, computing.
//!
//! Reading, rounding and comparing know no limit of digits. Arithmetic goes through
//! `rust_decimal`, 28 digits; what does not fit is 22003.

use std::cmp::Ordering;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use crate::{SqlError, SqlResult};

/// Most digits before or after the point; PostgreSQL allows more, nobody stores more.
const DIGITS_MAX: usize = 16_383;

/// A number's sign, digits before and digits after the point.
struct Digits {
    negative: bool,
    whole: String,
    fraction: String,
}

impl Digits {
    /// Reads `-12.5e3`; `None` when it is no number.
    fn read(text: &str) -> Option<Digits> {
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
        if shift > DIGITS_MAX || whole.len() > DIGITS_MAX || fraction.len() > DIGITS_MAX {
            return None;
        }
        let mut whole = whole.to_string();
        let mut fraction = fraction.to_string();
        if exponent > 0 {
            let moved = fraction.len().min(shift);
            whole.push_str(&fraction[..moved]);
            whole.push_str(&"0".repeat(shift - moved));
            fraction.drain(..moved);
        } else if shift > 0 {
            let padded = format!("{}{whole}", "0".repeat(shift));
            let cut = padded.len() - shift;
            fraction = format!("{}{fraction}", &padded[cut..]);
            whole = padded[..cut].to_string();
        }
        Some(Digits { negative, whole: whole.trim_start_matches('0').to_string(), fraction })
    }

    fn is_zero(&self) -> bool {
        self.whole.is_empty() && self.fraction.bytes().all(|b| b == b'0')
    }

    /// Rounded half away from zero to `scale` digits after the point.
    fn round(mut self, scale: usize) -> Digits {
        if self.fraction.len() <= scale {
            self.fraction.push_str(&"0".repeat(scale - self.fraction.len()));
            return self;
        }
        let up = self.fraction.as_bytes()[scale] >= b'5';
        self.fraction.truncate(scale);
        if up {
            let mut digits = format!("0{}{}", self.whole, self.fraction).into_bytes();
            for digit in digits.iter_mut().rev() {
                if *digit < b'9' {
                    *digit += 1;
                    break;
                }
                *digit = b'0';
            }
            let digits = String::from_utf8(digits).unwrap_or_default();
            let cut = digits.len() - scale;
            self.whole = digits[..cut].trim_start_matches('0').to_string();
            self.fraction = digits[cut..].to_string();
        }
        self
    }

    fn print(&self) -> String {
        let sign = if self.negative && !self.is_zero() { "-" } else { "" };
        let whole = if self.whole.is_empty() { "0" } else { &self.whole };
        match self.fraction.is_empty() {
            true => format!("{sign}{whole}"),
            false => format!("{sign}{whole}.{}", self.fraction),
        }
    }
}

/// Reads a numeric of this precision (0 = any) and scale.
pub(super) fn parse(text: &str, precision: u8, scale: u8) -> SqlResult<String> {
    let trimmed = text.trim();
    if let Some(special) = special(trimmed) {
        return Ok(special.to_string());
    }
    let digits = Digits::read(trimmed).ok_or_else(|| {
        SqlError::new("22P02", format!("invalid input syntax for type numeric: \"{text}\""))
    })?;
    if precision == 0 {
        return Ok(digits.print());
    }
    let digits = digits.round(scale.into());
    if digits.whole.len() > usize::from(precision - scale) {
        return Err(SqlError::new("22003", "numeric field overflow").detail(format!(
            "A field with precision {precision}, scale {scale} must round to an absolute value \
             less than 10^{}.",
            precision - scale
        )));
    }
    Ok(digits.print())
}

fn special(text: &str) -> Option<&'static str> {
    let is = |names: &[&str]| names.iter().any(|n| n.eq_ignore_ascii_case(text));
    if is(&["nan"]) {
        Some("NaN")
    } else if is(&["infinity", "+infinity", "inf", "+inf"]) {
        Some("Infinity")
    } else if is(&["-infinity", "-inf"]) {
        Some("-Infinity")
    } else {
        None
    }
}

/// The order of two numerics: -Infinity first, NaN last.
pub(crate) fn compare(a: &str, b: &str) -> Ordering {
    let rank = |s: &str| match s {
        "-Infinity" => 0,
        "Infinity" => 2,
        "NaN" => 3,
        _ => 1,
    };
    let (Some(x), Some(y)) = (Digits::read(a), Digits::read(b)) else {
        return rank(a).cmp(&rank(b));
    };
    let sign = |d: &Digits| {
        if d.is_zero() {
            0
        } else if d.negative {
            -1
        } else {
            1
        }
    };
    if sign(&x) != sign(&y) {
        return sign(&x).cmp(&sign(&y));
    }
    let by_size = x.whole.len().cmp(&y.whole.len()).then_with(|| x.whole.cmp(&y.whole));
    let fraction = |d: &Digits| d.fraction.trim_end_matches('0').to_string();
    let by_size = by_size.then_with(|| fraction(&x).cmp(&fraction(&y)));
    if sign(&x) < 0 { by_size.reverse() } else { by_size }
}

/// Which arithmetic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    Add,
    Sub,
    Mul,
    Div,
    Rem,
}

/// Computes with two numerics.
pub(crate) fn compute(op: Op, a: &str, b: &str) -> SqlResult<String> {
    if special(a).is_some() || special(b).is_some() {
        return Ok("NaN".to_string());
    }
    let (x, y) = (decimal(a)?, decimal(b)?);
    if matches!(op, Op::Div | Op::Rem) && y.is_zero() {
        return Err(division_by_zero());
    }
    let result = match op {
        Op::Add => x.checked_add(y),
        Op::Sub => x.checked_sub(y),
        Op::Mul => x.checked_mul(y),
        Op::Rem => x.checked_rem(y),
        Op::Div => x.checked_div(y).map(|q| at_scale(q, division_scale(a, b))),
    };
    let mut result = result.ok_or_else(out_of_range)?;
    if result.is_zero() {
        result.set_sign_positive(true);
    }
    Ok(result.to_string())
}

/// Scale of a quotient as PostgreSQL chooses it: at least 16 significant digits.
fn division_scale(a: &str, b: &str) -> u32 {
    let weight = |text: &str| {
        let digits = Digits::read(text);
        let Some(d) = digits.filter(|d| !d.is_zero()) else { return (0, 0) };
        let all =
            format!("{:0>width$}{}", d.whole, d.fraction, width = d.whole.len().div_ceil(4) * 4);
        let groups = d.whole.len().div_ceil(4) as i32;
        let padded = format!("{all}000");
        let group = |i: usize| padded.get(4 * i..4 * i + 4).and_then(|g| g.parse::<i32>().ok());
        let first = (0..).map_while(|i| group(i).map(|g| (i, g))).find(|(_, g)| *g > 0);
        first.map_or((0, 0), |(i, g)| (groups - 1 - i as i32, g))
    };
    let ((wa, fa), (wb, fb)) = (weight(a), weight(b));
    let quotient = wa - wb - i32::from(fa <= fb);
    let scale = |s: &str| s.split_once('.').map_or(0, |(_, f)| f.len() as i32);
    (16 - quotient * 4).max(scale(a)).max(scale(b)).clamp(0, 28) as u32
}

fn at_scale(value: Decimal, scale: u32) -> Decimal {
    let mut rounded =
        value.round_dp_with_strategy(scale, rust_decimal::RoundingStrategy::MidpointAwayFromZero);
    rounded.rescale(scale);
    rounded
}

fn decimal(text: &str) -> SqlResult<Decimal> {
    Decimal::from_str_exact(text).map_err(|_| out_of_range())
}

/// Rounded half away from zero to this many digits after the point; fewer than none round before
/// it.
pub(crate) fn round(text: &str, scale: i64) -> String {
    let Some(digits) = Digits::read(text) else { return text.to_string() };
    if scale >= 0 {
        return digits.round(scale.min(DIGITS_MAX as i64) as usize).print();
    }
    let places = scale.unsigned_abs().min(DIGITS_MAX as u64) as usize;
    let shifted = Digits::read(&format!("{}e-{places}", digits.print()));
    let rounded = shifted.map(|d| d.round(0).print()).unwrap_or_default();
    Digits::read(&format!("{rounded}e{places}")).map_or_else(|| "0".into(), |d| d.print())
}

/// Cut to a whole number: towards zero, or down or up where there was a fraction.
pub(crate) fn whole(text: &str, direction: i8) -> String {
    let Some(digits) = Digits::read(text) else { return text.to_string() };
    let exact = digits.fraction.bytes().all(|b| b == b'0');
    let away = !exact && (direction < 0) == digits.negative && direction != 0;
    let cut = Digits { fraction: String::new(), ..digits }.print();
    match (away, direction < 0) {
        (false, _) => cut,
        (true, true) => compute(Op::Sub, &cut, "1").unwrap_or(cut),
        (true, false) => compute(Op::Add, &cut, "1").unwrap_or(cut),
    }
}

/// The nearest integer, halves away from zero.
pub(super) fn to_i64(text: &str) -> Option<i64> {
    Digits::read(text)?.round(0).print().parse().ok()
}

/// The nearest double.
pub(crate) fn to_f64(text: &str) -> f64 {
    match text {
        "NaN" => f64::NAN,
        "Infinity" => f64::INFINITY,
        "-Infinity" => f64::NEG_INFINITY,
        text => text
            .parse()
            .unwrap_or_else(|_| decimal(text).ok().and_then(|d| d.to_f64()).unwrap_or(0.0)),
    }
}

pub(crate) fn division_by_zero() -> SqlError {
    SqlError::new("22012", "division by zero")
}

fn out_of_range() -> SqlError {
    SqlError::new("22003", "value overflows numeric format")
        .hint("arithmetic keeps 28 digits; cast to double precision for larger numbers")
}
