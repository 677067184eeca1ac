//! Sums, products, quotients, and the digits that PostgreSQL gives them.

use std::cmp::Ordering;

use super::magnitude::Magnitude;
use super::{Decimal, Numeric, division_by_zero};
use crate::SqlResult;

/// Digits that a quotient or a root shows at least.
pub(super) const SIGNIFICANT_MIN: i64 = 16;
/// Most digits after the point of a result that has no end of its own.
pub(super) const DISPLAY_MAX: i64 = 1000;

/// Which arithmetic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Op {
    /// `+`
    Add,
    /// `-`
    Sub,
    /// `*`
    Mul,
    /// `/`
    Div,
    /// `%`
    Rem,
}

impl Numeric {
    /// Computes; 22012 and 22003 as in PostgreSQL.
    pub fn compute(&self, op: Op, other: &Numeric) -> SqlResult<Numeric> {
        let (Numeric::Finite(a), Numeric::Finite(b)) = (self, other) else {
            return self.compute_special(op, other);
        };
        match op {
            Op::Add => a.add(b).checked(),
            Op::Sub => a.add(&b.negated()).checked(),
            Op::Mul => a.mul(b).checked(),
            Op::Div | Op::Rem if b.is_zero() => Err(division_by_zero()),
            Op::Div => a.div(b, division_scale(a, b)).checked(),
            Op::Rem => a.rem(b).checked(),
        }
    }

    /// Where an operand is infinite or no number.
    fn compute_special(&self, op: Op, other: &Numeric) -> SqlResult<Numeric> {
        use Numeric::{Finite, Infinity, MinusInfinity, NaN};
        let infinite = |sign: i8| if sign < 0 { MinusInfinity } else { Infinity };
        Ok(match (op, self, other) {
            (_, NaN, _) | (_, _, NaN) => NaN,
            (Op::Sub, a, b) => return a.compute_special(Op::Add, &b.neg()),
            (Op::Add, Finite(_), b) => b.clone(),
            (Op::Add, a, Finite(_)) => a.clone(),
            (Op::Add, a, b) if a == b => a.clone(),
            (Op::Add, ..) => NaN,
            (Op::Mul, a, b) => match a.signum() * b.signum() {
                0 => NaN,
                sign => infinite(sign),
            },
            (Op::Div | Op::Rem, _, Finite(b)) if b.is_zero() => return Err(division_by_zero()),
            (Op::Div, Finite(_), _) => Finite(Decimal::zero(0)),
            (Op::Div, a, b @ Finite(_)) => infinite(a.signum() * b.signum()),
            (Op::Div, ..) => NaN,
            (Op::Rem, a @ Finite(_), _) => a.clone(),
            (Op::Rem, ..) => NaN,
        })
    }

    /// `-x`
    pub fn neg(&self) -> Numeric {
        match self {
            Numeric::NaN => Numeric::NaN,
            Numeric::Infinity => Numeric::MinusInfinity,
            Numeric::MinusInfinity => Numeric::Infinity,
            Numeric::Finite(number) => Numeric::Finite(number.negated()),
        }
    }

    /// `abs(x)`
    pub fn abs(&self) -> Numeric {
        if self.signum() < 0 { self.neg() } else { self.clone() }
    }

    /// -1, 0 or 1; 1 for NaN, which is more than everything.
    pub fn signum(&self) -> i8 {
        match self {
            Numeric::MinusInfinity => -1,
            Numeric::Infinity | Numeric::NaN => 1,
            Numeric::Finite(number) if number.is_zero() => 0,
            Numeric::Finite(number) if number.negative => -1,
            Numeric::Finite(_) => 1,
        }
    }

    /// Rounded half away from zero to this many digits after the point; fewer than none round
    /// before it.
    pub fn round(&self, places: i64) -> Numeric {
        self.map(|number| number.rounded(places))
    }

    /// Cut to this many digits after the point; fewer than none cut before it.
    pub fn trunc(&self, places: i64) -> Numeric {
        self.map(|number| number.truncated(places))
    }

    /// The largest whole number that is not more.
    pub fn floor(&self) -> Numeric {
        self.map(|number| number.whole(true))
    }

    /// The smallest whole number that is not less.
    pub fn ceil(&self) -> Numeric {
        self.map(|number| number.whole(false))
    }

    /// The quotient cut to a whole number: `div(a, b)`.
    pub fn div_trunc(&self, other: &Numeric) -> SqlResult<Numeric> {
        let (Numeric::Finite(a), Numeric::Finite(b)) = (self, other) else {
            return self.compute_special(Op::Div, other);
        };
        if b.is_zero() {
            return Err(division_by_zero());
        }
        let scale = a.scale.max(b.scale);
        let (x, y) = (a.at_scale(scale), b.at_scale(scale));
        let quotient = x.magnitude.div_rem(&y.magnitude).0;
        Decimal::new(a.negative != b.negative, quotient, 0).checked()
    }

    /// Without the zeros behind its last digit that is none.
    pub fn trim_scale(&self) -> Numeric {
        self.map(|number| number.at_scale(number.scale_min()))
    }

    /// Digits after the point that the value needs; `None` where it is no number.
    pub fn min_scale(&self) -> Option<usize> {
        let Numeric::Finite(number) = self else { return None };
        Some(number.scale_min())
    }

    fn map(&self, of: impl Fn(&Decimal) -> Decimal) -> Numeric {
        match self {
            Numeric::Finite(number) => Numeric::Finite(of(number)),
            special => special.clone(),
        }
    }
}

impl Decimal {
    pub(super) fn add(&self, other: &Decimal) -> Decimal {
        let scale = self.scale.max(other.scale);
        let a = self.magnitude.shifted_up(scale - self.scale);
        let b = other.magnitude.shifted_up(scale - other.scale);
        if self.negative == other.negative {
            return Decimal::new(self.negative, a.add(&b), scale);
        }
        match a.cmp(&b) {
            Ordering::Less => Decimal::new(other.negative, b.sub(&a), scale),
            _ => Decimal::new(self.negative, a.sub(&b), scale),
        }
    }

    pub(super) fn mul(&self, other: &Decimal) -> Decimal {
        let product = self.magnitude.mul(&other.magnitude);
        Decimal::new(self.negative != other.negative, product, self.scale + other.scale)
    }

    /// The quotient with this many digits after the point, rounded half away from zero.
    pub(super) fn div(&self, other: &Decimal, scale: usize) -> Decimal {
        let negative = self.negative != other.negative;
        let up = (scale + other.scale) as i64 - self.scale as i64;
        let (a, b) = match usize::try_from(up) {
            Ok(up) => (self.magnitude.shifted_up(up), other.magnitude.clone()),
            Err(_) => {
                let down = up.unsigned_abs() as usize;
                (self.magnitude.clone(), other.magnitude.shifted_up(down))
            }
        };
        Decimal::new(negative, a.div_rounded(&b), scale)
    }

    /// What is left of a division cut to a whole number, with the dividend's sign.
    fn rem(&self, other: &Decimal) -> Decimal {
        let scale = self.scale.max(other.scale);
        let (a, b) = (self.at_scale(scale), other.at_scale(scale));
        Decimal::new(self.negative, a.magnitude.div_rem(&b.magnitude).1, scale)
    }

    fn whole(&self, down: bool) -> Decimal {
        let (quotient, rest) = match self.scale > self.magnitude.len() {
            true => (Magnitude::ZERO, self.magnitude.clone()),
            false => self.magnitude.div_rem(&Magnitude::power_of_ten(self.scale)),
        };
        let away = !rest.is_zero() && self.negative == down;
        let whole = if away { quotient.add(&Magnitude::Small(1)) } else { quotient };
        Decimal::new(self.negative, whole, 0)
    }

    fn scale_min(&self) -> usize {
        let digits = self.magnitude.digits();
        let zeros = digits.len() - digits.trim_end_matches('0').len();
        if digits.is_empty() { 0 } else { self.scale.saturating_sub(zeros) }
    }

    /// PostgreSQL's weight, the power of 10000 of the first group of four digits, and that group.
    pub(super) fn weight(&self) -> (i64, u32) {
        if self.is_zero() {
            return (0, 0);
        }
        let length = self.magnitude.len();
        let exponent = length as i64 - 1 - self.scale as i64;
        let weight = exponent.div_euclid(4);
        let digits = (exponent - weight * 4 + 1) as usize;
        let first = match length.checked_sub(digits) {
            Some(rest) => self.magnitude.div_rem(&Magnitude::power_of_ten(rest)).0,
            None => self.magnitude.shifted_up(digits - length),
        };
        let Magnitude::Small(first) = first else { return (weight, 0) };
        (weight, first as u32)
    }
}

/// Digits after the point of a quotient, as PostgreSQL chooses them: 16 significant at least.
pub(super) fn division_scale(a: &Decimal, b: &Decimal) -> usize {
    let ((wa, fa), (wb, fb)) = (a.weight(), b.weight());
    let quotient = wa - wb - i64::from(fa <= fb);
    let scale = SIGNIFICANT_MIN - quotient * 4;
    scale.max(a.scale as i64).max(b.scale as i64).clamp(0, DISPLAY_MAX) as usize
}
