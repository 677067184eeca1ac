//! Natural numbers of any size: 128 bits while they suffice, else limbs of nine decimal digits.
//!
//! Decimal limbs, because what is asked of them is decimal: shifting by powers of ten, counting
//! digits, printing.

use std::cmp::Ordering;

/// What one limb counts to.
const BASE: u64 = 1_000_000_000;
/// Decimal digits of a limb.
const LIMB_DIGITS: usize = 9;

/// A natural number. Equal numbers have equal representations.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Magnitude {
    Small(u128),
    /// More than 128 bits: limbs, the lowest first, the highest not zero.
    Large(Vec<u32>),
}

use Magnitude::{Large, Small};

impl Magnitude {
    pub(super) const ZERO: Magnitude = Small(0);

    pub(super) fn is_zero(&self) -> bool {
        *self == Small(0)
    }

    /// The number of these decimal digits.
    pub(super) fn of_digits(digits: &[u8]) -> Magnitude {
        // 10^38 is less than 2^128.
        if digits.len() <= 38 {
            return Small(digits.iter().fold(0, |n, d| n * 10 + u128::from(d - b'0')));
        }
        let limb = |chunk: &[u8]| chunk.iter().fold(0, |n, d| n * 10 + u32::from(d - b'0'));
        of_limbs(digits.rchunks(LIMB_DIGITS).map(limb).collect())
    }

    /// The decimal digits, without leading zeros; none for zero.
    pub(super) fn digits(&self) -> String {
        match self {
            Small(0) => String::new(),
            Small(n) => n.to_string(),
            Large(limbs) => {
                let (last, rest) = limbs.split_last().unwrap_or((&0, &[]));
                let rest: String = rest.iter().rev().map(|limb| format!("{limb:09}")).collect();
                format!("{last}{rest}")
            }
        }
    }

    /// How many decimal digits the number has; none for zero.
    pub(super) fn len(&self) -> usize {
        let of = |n: u128| n.checked_ilog10().map_or(0, |log| log as usize + 1);
        match self {
            Small(n) => of(*n),
            Large(limbs) => {
                let last = limbs.last().copied().unwrap_or(0);
                (limbs.len() - 1) * LIMB_DIGITS + of(last.into())
            }
        }
    }

    pub(super) fn add(&self, other: &Magnitude) -> Magnitude {
        if let (Small(a), Small(b)) = (self, other)
            && let Some(sum) = a.checked_add(*b)
        {
            return Small(sum);
        }
        let (a, b) = (limbs(self), limbs(other));
        let mut sum = Vec::with_capacity(a.len().max(b.len()) + 1);
        let mut carry = 0;
        for i in 0..a.len().max(b.len()) {
            let digit = at(&a, i) + at(&b, i) + carry;
            sum.push((digit % BASE) as u32);
            carry = digit / BASE;
        }
        sum.push(carry as u32);
        of_limbs(sum)
    }

    /// The difference; `other` is not larger.
    pub(super) fn sub(&self, other: &Magnitude) -> Magnitude {
        if let (Small(a), Small(b)) = (self, other) {
            return Small(a - b);
        }
        let (a, b) = (limbs(self), limbs(other));
        let mut difference = Vec::with_capacity(a.len());
        let mut borrow = 0;
        for i in 0..a.len() {
            let digit = at(&a, i) + BASE - at(&b, i) - borrow;
            difference.push((digit % BASE) as u32);
            borrow = 1 - digit / BASE;
        }
        of_limbs(difference)
    }

    pub(super) fn mul(&self, other: &Magnitude) -> Magnitude {
        if let (Small(a), Small(b)) = (self, other)
            && let Some(product) = a.checked_mul(*b)
        {
            return Small(product);
        }
        let (a, b) = (limbs(self), limbs(other));
        let mut product = vec![0u32; a.len() + b.len()];
        for (i, x) in a.iter().enumerate() {
            let mut carry = 0;
            for (j, y) in b.iter().enumerate() {
                let digit = u64::from(product[i + j]) + u64::from(*x) * u64::from(*y) + carry;
                product[i + j] = (digit % BASE) as u32;
                carry = digit / BASE;
            }
            product[i + b.len()] = carry as u32;
        }
        of_limbs(product)
    }

    /// Quotient and remainder; the divisor is not zero.
    pub(super) fn div_rem(&self, divisor: &Magnitude) -> (Magnitude, Magnitude) {
        if let (Small(a), Small(b)) = (self, divisor) {
            return (Small(a / b), Small(a % b));
        }
        if self.cmp(divisor) == Ordering::Less {
            return (Magnitude::ZERO, self.clone());
        }
        let (a, b) = (limbs(self), limbs(divisor));
        match &b[..] {
            [one] => {
                let (quotient, rest) = short_division(&a, (*one).into());
                (of_limbs(quotient), Small(rest.into()))
            }
            _ => long_division(a, b),
        }
    }

    /// The number times ten to the `n`.
    pub(super) fn shifted_up(&self, n: usize) -> Magnitude {
        if self.is_zero() || n == 0 {
            return self.clone();
        }
        if let Small(value) = self
            && let Some(power) = u32::try_from(n).ok().and_then(|n| 10u128.checked_pow(n))
            && let Some(product) = value.checked_mul(power)
        {
            return Small(product);
        }
        let mut shifted = vec![0; n / LIMB_DIGITS];
        shifted.extend(limbs(self));
        of_limbs(shifted).mul(&Small(10u128.pow((n % LIMB_DIGITS) as u32)))
    }

    /// Ten to the `n`.
    pub(super) fn power_of_ten(n: usize) -> Magnitude {
        Small(1).shifted_up(n)
    }

    /// The quotient by ten to the `n`, halves away from zero.
    pub(super) fn rounded_down_by(&self, n: usize) -> Magnitude {
        if n > self.len() {
            return Magnitude::ZERO;
        }
        self.div_rounded(&Magnitude::power_of_ten(n))
    }

    /// The quotient, halves away from zero.
    pub(super) fn div_rounded(&self, divisor: &Magnitude) -> Magnitude {
        let (quotient, rest) = self.div_rem(divisor);
        match rest.add(&rest).cmp(divisor) {
            Ordering::Less => quotient,
            _ => quotient.add(&Small(1)),
        }
    }

    /// The largest number whose square is not larger than this.
    pub(super) fn sqrt(&self) -> Magnitude {
        if let Small(n) = self {
            return Small(n.isqrt());
        }
        // Newton's method from above: falls until it is there.
        let mut root = Magnitude::power_of_ten(self.len().div_ceil(2));
        loop {
            let next = root.add(&self.div_rem(&root).0).div_rem(&Small(2)).0;
            if next.cmp(&root) != Ordering::Less {
                return root;
            }
            root = next;
        }
    }
}

impl Ord for Magnitude {
    fn cmp(&self, other: &Magnitude) -> Ordering {
        match (self, other) {
            (Small(a), Small(b)) => a.cmp(b),
            (Small(_), Large(_)) => Ordering::Less,
            (Large(_), Small(_)) => Ordering::Greater,
            (Large(a), Large(b)) => {
                a.len().cmp(&b.len()).then_with(|| a.iter().rev().cmp(b.iter().rev()))
            }
        }
    }
}

impl PartialOrd for Magnitude {
    fn partial_cmp(&self, other: &Magnitude) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

fn at(limbs: &[u32], i: usize) -> u64 {
    limbs.get(i).copied().unwrap_or(0).into()
}

fn limbs(n: &Magnitude) -> Vec<u32> {
    match n {
        Large(limbs) => limbs.clone(),
        Small(n) => {
            let mut rest = *n;
            let mut limbs = Vec::with_capacity(5);
            while rest > 0 {
                limbs.push((rest % u128::from(BASE)) as u32);
                rest /= u128::from(BASE);
            }
            limbs
        }
    }
}

fn of_limbs(mut limbs: Vec<u32>) -> Magnitude {
    while limbs.last() == Some(&0) {
        limbs.pop();
    }
    let step = |n: u128, limb: &u32| n.checked_mul(BASE.into())?.checked_add((*limb).into());
    match limbs.iter().rev().try_fold(0, step) {
        Some(n) => Small(n),
        None => Large(limbs),
    }
}

fn short_division(a: &[u32], b: u64) -> (Vec<u32>, u64) {
    let mut quotient = vec![0; a.len()];
    let mut rest = 0;
    for i in (0..a.len()).rev() {
        let digit = rest * BASE + u64::from(a[i]);
        quotient[i] = (digit / b) as u32;
        rest = digit % b;
    }
    (quotient, rest)
}

/// Knuth's algorithm D in base 10^9; the divisor has two limbs at least.
fn long_division(a: Vec<u32>, b: Vec<u32>) -> (Magnitude, Magnitude) {
    let factor = BASE / (at(&b, b.len() - 1) + 1);
    let scaled = |n: &[u32]| {
        let mut out = Vec::with_capacity(n.len() + 1);
        let mut carry = 0;
        for limb in n {
            let digit = u64::from(*limb) * factor + carry;
            out.push((digit % BASE) as u32);
            carry = digit / BASE;
        }
        out.push(carry as u32);
        out
    };
    let (mut a, b) = (scaled(&a), scaled(&b));
    let n = b.len() - 1;
    let mut quotient = vec![0; a.len() - n];
    for j in (0..a.len() - n).rev() {
        let top = at(&a, j + n) * BASE + at(&a, j + n - 1);
        let (mut guess, mut rest) = (top / at(&b, n - 1), top % at(&b, n - 1));
        while guess >= BASE || guess * at(&b, n - 2) > rest * BASE + at(&a, j + n - 2) {
            guess -= 1;
            rest += at(&b, n - 1);
            if rest >= BASE {
                break;
            }
        }
        if subtract(&mut a[j..=j + n], &b[..n], guess) {
            guess -= 1;
            add_back(&mut a[j..=j + n], &b[..n]);
        }
        quotient[j] = guess as u32;
    }
    let (rest, _) = short_division(&a[..n], factor);
    (of_limbs(quotient), of_limbs(rest))
}

/// `a -= b * factor`; whether that went below zero.
fn subtract(a: &mut [u32], b: &[u32], factor: u64) -> bool {
    let mut borrow = 0i64;
    for (i, limb) in a.iter_mut().enumerate() {
        let product = at(b, i) * factor;
        let digit = i64::from(*limb) - borrow - (product % BASE) as i64;
        *limb = digit.rem_euclid(BASE as i64) as u32;
        borrow = (product / BASE) as i64 - digit.div_euclid(BASE as i64);
    }
    borrow > 0
}

fn add_back(a: &mut [u32], b: &[u32]) {
    let mut carry = 0;
    for (i, limb) in a.iter_mut().enumerate() {
        let digit = u64::from(*limb) + at(b, i) + carry;
        *limb = (digit % BASE) as u32;
        carry = digit / BASE;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A number of `limbs` limbs from a seed; many limbs at the edges.
    fn number(seed: u64, limbs: usize) -> Magnitude {
        let mut state = seed;
        let limb = |_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            match state >> 60 {
                0..4 => 0,
                4..8 => 999_999_999,
                _ => ((state >> 20) % BASE) as u32,
            }
        };
        of_limbs((0..limbs).map(limb).collect())
    }

    #[test]
    fn division_undoes_multiplication() {
        for seed in 0..2_000 {
            let a = number(seed, 1 + seed as usize % 9);
            let b = number(seed + 7_777, 1 + seed as usize % 5).add(&Small(1));
            let rest = b.sub(&Small(1));
            let whole = a.mul(&b).add(&rest);
            assert_eq!(whole.div_rem(&b), (a.clone(), rest.clone()), "{a:?} {b:?}");
            assert_eq!(whole.sub(&rest).sub(&a.mul(&b)), Small(0));
            assert_eq!(Magnitude::of_digits(whole.digits().as_bytes()), whole);
            assert_eq!(whole.len(), whole.digits().len());
        }
    }

    #[test]
    fn roots_are_the_largest() {
        for seed in 0..300 {
            let n = number(seed, 1 + seed as usize % 12);
            let root = n.sqrt();
            let next = root.add(&Small(1));
            assert!(root.mul(&root) <= n && n < next.mul(&next), "{n:?}");
        }
    }

    #[test]
    fn shifts() {
        assert_eq!(Small(12).shifted_up(3), Small(12_000));
        assert_eq!(Small(12).shifted_up(60).len(), 62);
        assert_eq!(Small(12_500).rounded_down_by(3), Small(13));
        assert_eq!(Small(12_499).rounded_down_by(3), Small(12));
        assert_eq!(Small(7).rounded_down_by(1), Small(1));
        assert_eq!(Small(7).rounded_down_by(2), Small(0));
    }
}
