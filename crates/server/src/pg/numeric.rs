//! `numeric` in binary: groups of four decimal digits, the weight of the first one, a sign and the
//! number of digits shown after the point. Inside it is always text.

use bytes::BufMut;

const NEGATIVE: u16 = 0x4000;
const NAN: u16 = 0xc000;
const INFINITY: u16 = 0xd000;
const MINUS_INFINITY: u16 = 0xf000;
/// Most digits after the point, PostgreSQL's limit.
const SCALE_MAX: usize = 16_383;
/// Most digits before the point, PostgreSQL's limit.
const DIGITS_MAX: usize = 131_072;

/// Appends the binary form of a number written as text, exponent allowed; `None` if it is none.
pub(crate) fn encode(text: &str, out: &mut Vec<u8>) -> Option<()> {
    let special = match text {
        "NaN" => Some(NAN),
        "Infinity" => Some(INFINITY),
        "-Infinity" => Some(MINUS_INFINITY),
        _ => None,
    };
    if let Some(sign) = special {
        [0, 0, sign, 0].into_iter().for_each(|n| out.put_u16(n));
        return Some(());
    }
    let (sign, digits, point) = digits(text)?;
    let scale = digits.len().saturating_sub(point);
    let before = point.div_ceil(4);
    let mut padded = vec![0; before * 4 - point];
    padded.extend(digits);
    padded.resize(padded.len().next_multiple_of(4), 0);
    let groups: Vec<u16> =
        padded.chunks(4).map(|g| g.iter().fold(0, |sum, d| sum * 10 + u16::from(*d))).collect();
    let leading = groups.iter().take_while(|g| **g == 0).count();
    let trailing = groups[leading..].iter().rev().take_while(|g| **g == 0).count();
    let kept = &groups[leading..groups.len() - trailing];
    let weight = if kept.is_empty() { 0 } else { before as i64 - 1 - leading as i64 };
    out.put_u16(kept.len() as u16);
    out.put_i16(weight as i16);
    out.put_u16(if kept.is_empty() { 0 } else { sign });
    out.put_u16(scale as u16);
    kept.iter().for_each(|g| out.put_u16(*g));
    Some(())
}

/// Sign, decimal digits, and how many of them stand before the point.
fn digits(text: &str) -> Option<(u16, Vec<u8>, usize)> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((m, e)) => (m, e.parse::<i64>().ok()?),
        None => (text, 0),
    };
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => (NEGATIVE, rest),
        None => (0, mantissa.strip_prefix('+').unwrap_or(mantissa)),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all: Vec<u8> =
        whole.bytes().chain(fraction.bytes()).map(|b| b.wrapping_sub(b'0')).collect();
    if all.is_empty() || all.iter().any(|d| *d > 9) {
        return None;
    }
    shift(sign, all, whole.len() as i64 + exponent)
}

/// Puts zeros where an exponent moved the point beyond the digits.
fn shift(sign: u16, mut all: Vec<u8>, point: i64) -> Option<(u16, Vec<u8>, usize)> {
    if point < 0 {
        let zeros = usize::try_from(-point).ok().filter(|n| *n <= SCALE_MAX)?;
        all.splice(0..0, std::iter::repeat_n(0, zeros));
    }
    let point = usize::try_from(point.max(0)).ok().filter(|n| *n <= DIGITS_MAX)?;
    if all.len() < point {
        all.resize(point, 0);
    }
    (all.len() - point <= SCALE_MAX).then_some((sign, all, point))
}

/// The text of a number in binary; `None` if the bytes are none.
pub(crate) fn decode(bytes: &[u8]) -> Option<String> {
    let word = |i: usize| Some(u16::from_be_bytes(bytes.get(2 * i..2 * i + 2)?.try_into().ok()?));
    let (count, weight) = (usize::from(word(0)?), word(1)? as i16);
    let (sign, scale) = (word(2)?, usize::from(word(3)?));
    if bytes.len() != 8 + 2 * count || scale > SCALE_MAX {
        return None;
    }
    let negative = match sign {
        0 => false,
        NEGATIVE => true,
        NAN => return Some("NaN".into()),
        INFINITY => return Some("Infinity".into()),
        MINUS_INFINITY => return Some("-Infinity".into()),
        _ => return None,
    };
    let groups: Vec<u16> = (0..count).map(|i| word(4 + i)).collect::<Option<_>>()?;
    if groups.iter().any(|g| *g > 9999) {
        return None;
    }
    Some(print(negative, &groups, i64::from(weight), scale))
}

fn print(negative: bool, groups: &[u16], weight: i64, scale: usize) -> String {
    use std::fmt::Write;
    let group = |place: i64| {
        usize::try_from(weight - place).ok().and_then(|i| groups.get(i)).copied().unwrap_or(0)
    };
    let mut whole = String::new();
    (0..=weight).rev().for_each(|place| {
        let _ = write!(whole, "{:04}", group(place));
    });
    let mut fraction = String::new();
    (1..=scale.div_ceil(4) as i64).for_each(|place| {
        let _ = write!(fraction, "{:04}", group(-place));
    });
    fraction.truncate(scale);
    let whole = whole.trim_start_matches('0');
    let zero = whole.is_empty() && fraction.bytes().all(|b| b == b'0');
    let sign = if negative && !zero { "-" } else { "" };
    let whole = if whole.is_empty() { "0" } else { whole };
    let point = if scale > 0 { "." } else { "" };
    format!("{sign}{whole}{point}{fraction}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> String {
        let mut out = Vec::new();
        encode(text, &mut out).expect("a number");
        out.iter().map(|b| format!("{b:02x}")).collect()
    }

    /// What `SELECT encode(numeric_send($1), 'hex')` of PostgreSQL 15 gives.
    const VECTORS: &str = include_str!("numeric_vectors.txt");

    #[test]
    fn numbers_equal_postgresql_both_ways() {
        let mut count = 0;
        for line in VECTORS.lines() {
            let (text, bytes) = line.split_once(' ').expect("number and bytes");
            assert_eq!(hex(text), bytes, "{text}");
            let raw: Vec<u8> = (0..bytes.len())
                .step_by(2)
                .map(|i| u8::from_str_radix(&bytes[i..i + 2], 16).expect("hexadecimal"))
                .collect();
            assert_eq!(decode(&raw).as_deref(), Some(text));
            count += 1;
        }
        assert!(count >= 25);
    }

    #[test]
    fn exponents_and_what_is_no_number() {
        assert_eq!(hex("1e20"), hex("100000000000000000000"));
        assert_eq!(hex("1.5E-7"), hex("0.00000015"));
        assert_eq!(hex("+00012.50"), hex("12.50"));
        for bad in ["", "-", ".", "1x", "1e", "1e999999999", "1e-999999999", "--1", "0x10", "1..2"]
        {
            assert_eq!(encode(bad, &mut Vec::new()), None, "{bad}");
        }
    }

    #[test]
    fn bad_bytes_are_no_number() {
        assert_eq!(decode(&[]), None);
        assert_eq!(decode(&[0, 1, 0, 0, 0, 0, 0, 0]), None, "a group is missing");
        assert_eq!(decode(&[0, 1, 0, 0, 0, 0, 0, 0, 0xff, 0xff]), None, "a group of 65535");
        assert_eq!(decode(&[0, 0, 0, 0, 0x12, 0x34, 0, 0]), None, "an unknown sign");
    }
}
