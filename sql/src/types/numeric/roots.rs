//! Roots, logarithms, powers: computed with more digits than are shown, then rounded.

use super::arith::{DISPLAY_MAX, SIGNIFICANT_MIN, division_scale};
use super::{Decimal, Numeric, overflow};
use crate::{SqlError, SqlResult};

/// Digits of a whole power at most; PostgreSQL's numbers end there too.
const POWER_DIGITS_MAX: f64 = 131_072.0;
/// Largest power of ten of a power that is no whole one: that of e to the 6000, as in PostgreSQL.
const EXPONENT_MAX: f64 = 2605.76;
/// Digits beyond those that are shown.
const GUARD: usize = 12;

impl Numeric {
    /// The square root; 2201F below zero.
    pub fn sqrt(&self) -> SqlResult<Numeric> {
        match self {
            Numeric::Finite(number) if !number.negative => {
                let (weight, _) = number.weight();
                let half = (weight + 1) * 2 - 1;
                let scale = (SIGNIFICANT_MIN - half).max(number.scale as i64);
                number.sqrt(scale.clamp(0, DISPLAY_MAX) as usize).checked()
            }
            Numeric::Finite(_) | Numeric::MinusInfinity => {
                Err(SqlError::new("2201F", "cannot take square root of a negative number"))
            }
            special => Ok(special.clone()),
        }
    }

    /// e to this power.
    pub fn exp(&self) -> SqlResult<Numeric> {
        match self {
            Numeric::MinusInfinity => Ok(Numeric::from(0)),
            Numeric::Finite(number) => {
                let magnitude = self.to_f64() * std::f64::consts::LOG10_E;
                if magnitude.abs() >= EXPONENT_MAX {
                    return vanished(magnitude);
                }
                let scale = result_scale(magnitude, number.scale)?;
                let digits = scale + GUARD + magnitude.max(0.0) as usize;
                number.exp(digits).at_scale(scale).checked()
            }
            special => Ok(special.clone()),
        }
    }

    /// The natural logarithm; 2201E at zero and below.
    pub fn ln(&self) -> SqlResult<Numeric> {
        let Numeric::Finite(number) = self.positive()? else { return Ok(self.clone()) };
        let scale = logarithm_scale(number.ln_magnitude(), number.scale);
        number.ln(scale + GUARD).at_scale(scale).checked()
    }

    /// The logarithm to this base; 2201E at zero and below.
    pub fn log(&self, base: &Numeric) -> SqlResult<Numeric> {
        let (Numeric::Finite(number), Numeric::Finite(base)) = (self.positive()?, base.positive()?)
        else {
            return Ok(Numeric::NaN);
        };
        let size = number.ln_magnitude() / base.ln_magnitude();
        let scale = logarithm_scale(size, number.scale.max(base.scale));
        let digits = scale + GUARD;
        let (numerator, divisor) = (number.ln(digits), base.ln(digits));
        if divisor.is_zero() {
            return Err(super::division_by_zero());
        }
        numerator.div(&divisor, scale).checked()
    }

    fn positive(&self) -> SqlResult<&Numeric> {
        match self.signum() {
            1 => Ok(self),
            0 => Err(SqlError::new("2201E", "cannot take logarithm of zero")),
            _ => Err(SqlError::new("2201E", "cannot take logarithm of a negative number")),
        }
    }

    /// This to the power `exponent`; 2201F where there is no real power.
    pub fn pow(&self, exponent: &Numeric) -> SqlResult<Numeric> {
        let one = Numeric::from(1);
        if *self == one || exponent.signum() == 0 && *exponent != Numeric::NaN {
            return match (self, exponent) {
                (Numeric::Finite(a), Numeric::Finite(b)) => {
                    let scale = (SIGNIFICANT_MIN as usize).max(a.scale).max(b.scale);
                    Decimal::of(1).at_scale(scale).checked()
                }
                _ => Ok(one),
            };
        }
        let (Numeric::Finite(base), Numeric::Finite(power)) = (self, exponent) else {
            return self.pow_special(exponent);
        };
        let whole = power.truncated(0);
        let is_whole = whole.cmp(power).is_eq();
        if base.is_zero() {
            return match power.negative {
                true => Err(SqlError::new("2201F", "zero raised to a negative power is undefined")),
                false => Decimal::zero((SIGNIFICANT_MIN as usize).max(base.scale)).checked(),
            };
        }
        if base.negative && !is_whole {
            let message = "a negative number raised to a non-integer power yields a complex result";
            return Err(SqlError::new("2201F", message));
        }
        let size = base.abs_f64().log10() * exponent.to_f64();
        let scale = match is_whole {
            true if size > POWER_DIGITS_MAX => return Err(overflow()),
            true => (SIGNIFICANT_MIN as usize).max(base.scale),
            false => result_scale(size, base.scale.max(power.scale))?,
        };
        let odd = is_whole && whole.magnitude.digits().ends_with(['1', '3', '5', '7', '9']);
        let positive = Decimal::new(false, base.magnitude.clone(), base.scale);
        let result = match Numeric::Finite(whole).to_i64().filter(|_| is_whole) {
            Some(n) if n.unsigned_abs() < 100_000 => positive.power(n, scale),
            _ if size.abs() >= EXPONENT_MAX => return vanished(size),
            _ => {
                let digits = scale + GUARD + size.max(0.0) as usize;
                let more = exponent.to_f64().abs().log10().max(0.0) as usize;
                positive.ln(digits + more).mul(power).exp(digits)
            }
        };
        let result = result.at_scale(scale);
        Decimal::new(base.negative && odd, result.magnitude, scale).checked()
    }

    fn pow_special(&self, exponent: &Numeric) -> SqlResult<Numeric> {
        let result = self.to_f64().powf(exponent.to_f64());
        Ok(match result {
            f64::INFINITY => Numeric::Infinity,
            f64::NEG_INFINITY => Numeric::MinusInfinity,
            0.0 => Numeric::from(0),
            _ => Numeric::NaN,
        })
    }
}

/// A power too large to be computed, or too small to be told from zero.
fn vanished(size: f64) -> SqlResult<Numeric> {
    if size > 0.0 { Err(overflow()) } else { Decimal::zero(DISPLAY_MAX as usize).checked() }
}

/// Digits after the point of a result of about ten to the `size`.
fn result_scale(size: f64, scale: usize) -> SqlResult<usize> {
    if size > POWER_DIGITS_MAX {
        return Err(overflow());
    }
    let significant = SIGNIFICANT_MIN - (size.max(-2000.0) as i64);
    Ok(significant.max(scale as i64).clamp(0, DISPLAY_MAX) as usize)
}

/// Digits after the point of a logarithm of about this size.
fn logarithm_scale(size: f64, scale: usize) -> usize {
    let digits = if size == 0.0 { 0 } else { size.abs().log10() as i64 };
    (SIGNIFICANT_MIN - digits).max(scale as i64).clamp(0, DISPLAY_MAX) as usize
}

impl Decimal {
    fn abs_f64(&self) -> f64 {
        Numeric::Finite(self.clone()).to_f64().abs()
    }

    /// About the natural logarithm, also of what is beyond a double.
    fn ln_magnitude(&self) -> f64 {
        let digits = self.magnitude.digits();
        let head: f64 = digits[..digits.len().min(17)].parse().unwrap_or(1.0);
        let exponent = digits.len() as f64 - digits.len().min(17) as f64 - self.scale as f64;
        head.ln() + exponent * std::f64::consts::LN_10
    }

    /// The square root with this many digits after the point, rounded.
    pub(super) fn sqrt(&self, scale: usize) -> Decimal {
        // One digit more than is shown, and an even number of them under the root.
        let wanted = 2 * (scale + 1);
        let under = match wanted.checked_sub(self.scale) {
            Some(up) => self.magnitude.shifted_up(up),
            None => self.truncated(wanted as i64).magnitude,
        };
        Decimal::new(false, under.sqrt(), scale + 1).at_scale(scale)
    }

    /// A whole power by squaring; of a negative one the inverse, with this many digits.
    fn power(&self, n: i64, scale: usize) -> Decimal {
        let mut result = Decimal::of(1);
        let mut square = self.clone();
        // A number near 1 to a large power needs its digits, but not all of them.
        let kept = scale + GUARD + 2 * n.unsigned_abs().max(1).ilog10() as usize;
        let kept = if n < 0 { kept * 2 + self.magnitude.len() } else { kept };
        let mut rest = n.unsigned_abs();
        while rest > 0 {
            if rest % 2 == 1 {
                result = cut(result.mul(&square), kept);
            }
            rest /= 2;
            if rest > 0 {
                square = cut(square.mul(&square), kept);
            }
        }
        match n < 0 && !result.is_zero() {
            true => Decimal::of(1).div(&result, scale),
            false => result,
        }
    }

    /// e to this power by its series, with this many digits after the point.
    fn exp(&self, digits: usize) -> Decimal {
        // Halved until it is small; the result is squared as often.
        let mut halvings = 0;
        let size = self.abs_f64();
        while size / f64::from(1u32 << halvings) > 0.1 && halvings < 30 {
            halvings += 1;
        }
        let digits = digits + halvings;
        let small = self.div(&Decimal::of(1 << halvings), digits);
        let mut sum = Decimal::of(1).at_scale(digits);
        let mut term = sum.clone();
        for n in 1.. {
            term = cut(term.mul(&small), digits).div(&Decimal::of(n), digits);
            if term.is_zero() {
                break;
            }
            sum = sum.add(&term);
        }
        (0..halvings).fold(sum, |power, _| cut(power.mul(&power), digits))
    }

    /// The natural logarithm of a positive number, with this many digits after the point.
    fn ln(&self, digits: usize) -> Decimal {
        // By roots towards 1, then 2 * artanh((x - 1) / (x + 1)).
        let one = Decimal::of(1);
        let working = digits + GUARD + self.magnitude.len();
        let mut x = self.at_scale(working.max(self.scale));
        let mut doublings = 0;
        while x.add(&one.negated()).abs_f64() > 0.01 && doublings < 60 {
            x = x.sqrt(working);
            doublings += 1;
        }
        let ratio = x.add(&one.negated()).div(&x.add(&one), working);
        let square = cut(ratio.mul(&ratio), working);
        let (mut sum, mut power) = (ratio.clone(), ratio);
        for n in (3..).step_by(2) {
            power = cut(power.mul(&square), working);
            let term = power.div(&Decimal::of(n), working);
            if term.is_zero() {
                break;
            }
            sum = sum.add(&term);
        }
        sum.mul(&Decimal::of(2i64 << doublings)).at_scale(digits)
    }
}

/// A product with no more digits after the point than these.
fn cut(number: Decimal, digits: usize) -> Decimal {
    if number.scale > digits { number.at_scale(digits) } else { number }
}

/// Variance and deviation of `count` numbers with these sums, as PostgreSQL computes them from
/// exact sums; `None` where there are too few.
pub fn spread(
    count: i64,
    sum: &Numeric,
    squares: &Numeric,
    sample: bool,
    root: bool,
) -> SqlResult<Option<Numeric>> {
    let (Numeric::Finite(sum), Numeric::Finite(squares)) = (sum, squares) else {
        return Ok((count > i64::from(sample)).then_some(Numeric::NaN));
    };
    if count < 1 + i64::from(sample) {
        return Ok(None);
    }
    let n = Decimal::of(count);
    let numerator = n.mul(squares).add(&sum.mul(sum).negated());
    if numerator.is_zero() || numerator.negative {
        return Ok(Some(Numeric::from(0)));
    }
    let divisor = n.mul(&Decimal::of(count - i64::from(sample)));
    let scale = division_scale(&numerator, &divisor);
    let variance = numerator.div(&divisor, scale);
    let result = if root { variance.sqrt(scale) } else { variance };
    result.checked().map(Some)
}
