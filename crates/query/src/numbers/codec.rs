//! `numeric` in a column: bytes whose order is the order of the numbers.
//!
//! A numeric is a cell of Arrow type LargeBinary, which nothing else is here:
//!
//! | bytes | what |
//! |---|---|
//! | 1 | class: -Infinity, negative, zero, positive, Infinity, NaN |
//! | 3 | finite and not zero: digits before the point, biased |
//! | n | its decimal digits from the first that is not zero to the last, two a byte, plus one |
//! | 1 | 0, the end of the digits; these, the exponent and the digits inverted where negative |
//! | 2 | digits shown after the point |
//!
//! All but the last two bytes are the [`key`]: numbers that are equal have the same one, however
//! many digits they show. So bytes sort as numbers do, and 1.5 and 1.50 differ in their tail only.

use sql::types::numeric::{Decimal, Numeric};

const MINUS_INFINITY: u8 = 1;
const NEGATIVE: u8 = 2;
const ZERO: u8 = 3;
const POSITIVE: u8 = 4;
const INFINITY: u8 = 5;
const NAN: u8 = 6;

/// Added to the exponent, so that it is never negative: numbers have 2^18 digits at most.
const BIAS: i64 = 1 << 20;
/// Bytes before the digits.
const HEAD: usize = 4;
/// Bytes of the scale.
const TAIL: usize = 2;

/// Writes a numeric's bytes to `out`, which is emptied first.
pub(crate) fn encode(number: &Numeric, out: &mut Vec<u8>) {
    out.clear();
    let scale = match number {
        Numeric::Finite(decimal) => {
            put_decimal(decimal, out);
            decimal.scale() as u16
        }
        special => {
            out.push(match special {
                Numeric::MinusInfinity => MINUS_INFINITY,
                Numeric::Infinity => INFINITY,
                _ => NAN,
            });
            0
        }
    };
    out.extend(scale.to_be_bytes());
}

fn put_decimal(decimal: &Decimal, out: &mut Vec<u8>) {
    let digits = decimal.digits();
    let digits = digits.as_bytes();
    if digits.is_empty() {
        return out.push(ZERO);
    }
    let exponent = digits.len() as i64 - decimal.scale() as i64 + BIAS;
    let zeros = digits.iter().rev().take_while(|digit| **digit == b'0').count();
    out.push(if decimal.is_negative() { NEGATIVE } else { POSITIVE });
    out.extend(&(exponent as u32).to_be_bytes()[1..]);
    for pair in digits[..digits.len() - zeros].chunks(2) {
        let low = pair.get(1).map_or(0, |digit| digit - b'0');
        out.push((pair[0] - b'0') * 10 + low + 1);
    }
    out.push(0);
    if decimal.is_negative() {
        out[1..].iter_mut().for_each(|byte| *byte = !*byte);
    }
}

/// A numeric's bytes.
pub(crate) fn encoded(number: &Numeric) -> Vec<u8> {
    let mut out = Vec::with_capacity(16);
    encode(number, &mut out);
    out
}

/// The numeric of these bytes; NaN where they are none.
pub(crate) fn decode(bytes: &[u8]) -> Numeric {
    decode_finite(bytes).map_or(Numeric::NaN, |number| number)
}

fn decode_finite(bytes: &[u8]) -> Option<Numeric> {
    let (key, scale) = bytes.split_at_checked(bytes.len().checked_sub(TAIL)?)?;
    let scale = usize::from(u16::from_be_bytes(scale.try_into().ok()?));
    let class = *key.first()?;
    let invert = match class {
        POSITIVE => 0,
        NEGATIVE => 0xff,
        ZERO => return Some(Numeric::Finite(Decimal::of_digits(false, b"", scale))),
        INFINITY => return Some(Numeric::Infinity),
        MINUS_INFINITY => return Some(Numeric::MinusInfinity),
        _ => return None,
    };
    let exponent =
        key.get(1..HEAD)?.iter().fold(0i64, |n, byte| n << 8 | i64::from(byte ^ invert)) - BIAS;
    // As many digits as the scale says: zeros behind the last were left out.
    let length = usize::try_from(exponent + scale as i64).ok()?;
    let mut digits = Vec::with_capacity(length + 1);
    for byte in key.get(HEAD..key.len() - 1)? {
        let pair = (byte ^ invert).checked_sub(1).filter(|pair| *pair < 100)?;
        digits.extend([b'0' + pair / 10, b'0' + pair % 10]);
    }
    digits.resize(length, b'0');
    Some(Numeric::Finite(Decimal::of_digits(class == NEGATIVE, &digits, scale)))
}

/// The part that numbers of the same value have in common, in the order of the values.
pub(crate) fn key(bytes: &[u8]) -> &[u8] {
    &bytes[..bytes.len().saturating_sub(TAIL)]
}

/// A numeric as PostgreSQL prints it.
pub fn numeric_text(bytes: &[u8]) -> String {
    decode(bytes).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Numeric {
        Numeric::parse(text, 0, 0).expect("a number")
    }

    /// In ascending order.
    const NUMBERS: [&str; 24] = [
        "-Infinity",
        "-123456789012345678901234567890123456789012345.6789",
        "-100",
        "-99.99",
        "-10",
        "-1.50",
        "-1.49999",
        "-1",
        "-0.10",
        "-0.001",
        "0.000",
        "0.0000000000000000000000000001",
        "0.001",
        "0.0010001",
        "0.1",
        "1",
        "1.05",
        "9.9",
        "10",
        "12.345600",
        "99999999",
        "1e40",
        "Infinity",
        "NaN",
    ];

    #[test]
    fn what_is_written_is_read() {
        for text in NUMBERS {
            let number = number(text);
            assert_eq!(decode(&encoded(&number)), number, "{text}");
        }
        assert_eq!(numeric_text(&encoded(&number("12.345600"))), "12.345600");
    }

    #[test]
    fn bytes_sort_as_numbers_and_keys_equal_as_values() {
        for pair in NUMBERS.windows(2) {
            let (a, b) = (encoded(&number(pair[0])), encoded(&number(pair[1])));
            assert!(a < b && key(&a) < key(&b), "{pair:?}");
        }
        let (a, b) = (encoded(&number("1.5")), encoded(&number("1.500")));
        assert!(a < b && key(&a) == key(&b));
        assert_eq!(key(&encoded(&number("0"))), key(&encoded(&number("-0.00"))));
    }

    #[test]
    fn other_bytes_are_no_number() {
        for bytes in [&b""[..], b"\x04", b"\x04\x00\x00", b"\x09\x00\x00\x00\x00\x00\x00"] {
            assert_eq!(decode(bytes), Numeric::NaN);
        }
    }
}
