//! Keys: numbers that are in the order of values.
//!
//! Integers, doubles, bools and cells of the sphere are their keys. A string or a blob is cut to its
//! first 12 bytes, and 4 more make the key:
//!
//! | value | last 4 bytes of the key |
//! |---|---|
//! | at most 12 bytes | its length: the key is the value |
//! | longer | 13 or more: a hash of the whole |
//!
//! So short values are in order, a longer one comes behind its own beginning, and only longer values
//! that agree in their first 12 bytes share a place in the order, where they are told apart by the
//! hash. To find an equal value is one look-up however long a beginning they share; a range that
//! begins or ends within such values takes all of that beginning, and the records decide.

use std::ops::RangeInclusive;

use crate::Span;

/// Bytes of a string or a blob that are in its key.
pub const PREFIX: usize = 12;

/// The key of an integer.
pub fn of_integer(integer: i64) -> u128 {
    u128::from(integer as u64 ^ 1 << 63)
}

/// The integer that has this key.
pub fn integer_of(key: u128) -> i64 {
    (key as u64 ^ 1 << 63) as i64
}

/// The key of a double, in the order of IEEE 754 `totalOrder`.
pub fn of_double(double: f64) -> u128 {
    let bits = double.to_bits();
    u128::from(if bits >> 63 == 1 { !bits } else { bits | 1 << 63 })
}

/// The key of a truth value.
pub fn of_bool(truth: bool) -> u128 {
    u128::from(truth)
}

/// The key of a string or a blob.
pub fn of_bytes(bytes: &[u8]) -> u128 {
    let last = match bytes.len() {
        short @ 0..=PREFIX => short as u32,
        // Never the length of a short one.
        _ => hash(bytes).max(PREFIX as u32 + 1),
    };
    padded(bytes, 0) << 32 | u128::from(last)
}

/// Whether a key tells the whole value: of numbers always, of strings and blobs where they are short.
pub fn is_whole(bytes: &[u8]) -> bool {
    bytes.len() <= PREFIX
}

/// The keys that share their place in the order with this one of [`of_bytes`].
pub fn alike(key: u128) -> RangeInclusive<u128> {
    match key as u32 {
        0..=SHORT => key..=key,
        _ => key & !LAST | u128::from(SHORT + 1)..=key | LAST,
    }
}

/// Keys of values from these bytes on.
pub fn from_bytes(bytes: &[u8]) -> u128 {
    *alike(of_bytes(bytes)).start()
}

/// Keys of values up to these bytes.
pub fn to_bytes(bytes: &[u8]) -> u128 {
    *alike(of_bytes(bytes)).end()
}

/// Keys of values that begin with these bytes.
pub fn beginning_with(bytes: &[u8]) -> Span {
    match is_whole(bytes) {
        true => (of_bytes(bytes), padded(bytes, 0xff) << 32 | LAST),
        false => (from_bytes(bytes), to_bytes(bytes)),
    }
}

const SHORT: u32 = PREFIX as u32;
/// The last 4 bytes of a key.
const LAST: u128 = u32::MAX as u128;

fn padded(bytes: &[u8], with: u8) -> u128 {
    let at = |i: usize| bytes.get(i).copied().unwrap_or(with);
    (0..PREFIX).fold(0, |prefix, i| prefix << 8 | u128::from(at(i)))
}

/// FNV-1a, 64 bits folded to 32. Who makes values that collide makes his own look-ups slower.
fn hash(bytes: &[u8]) -> u32 {
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    (hash ^ hash >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_order() {
        let integers = [i64::MIN, -2, -1, 0, 1, i64::MAX];
        assert!(integers.is_sorted_by(|a, b| of_integer(*a) < of_integer(*b)));
        integers.iter().for_each(|n| assert_eq!(integer_of(of_integer(*n)), *n));
        let doubles = [f64::NEG_INFINITY, -1.5, -f64::MIN_POSITIVE, 0.0, 1e-300, f64::INFINITY];
        assert!(doubles.is_sorted_by(|a, b| of_double(*a) < of_double(*b)));
        assert!(of_double(f64::INFINITY) < of_double(f64::NAN));
    }

    #[test]
    fn strings_keep_their_order_but_for_long_beginnings() {
        let texts =
            ["", "\0", "\0\0", "a", "a\0", "aaaaaaaaaaaa", "aaaaaaaaaaaab", "aaaaaaaaaaab", "b"];
        assert!(texts.is_sorted_by(|a, b| of_bytes(a.as_bytes()) < of_bytes(b.as_bytes())));
        let long = |end: &str| of_bytes(format!("https://www.aerie.example/{end}").as_bytes());
        assert_ne!(long("a"), long("b"));
        assert_eq!(alike(long("a")), alike(long("b")));
        assert_eq!(alike(of_bytes(b"short")), of_bytes(b"short")..=of_bytes(b"short"));
    }

    #[test]
    fn what_begins_alike_is_one_span() {
        let cases: [(&str, &[&str], &[&str]); 3] = [
            ("a", &["a", "a\0", "ab", "azzzzzzzzzzzzzzz"], &["", "`zzz", "b"]),
            ("", &["", "\u{10ffff}\u{10ffff}\u{10ffff}\u{10ffff}"], &[]),
            ("https://www.aerie", &["https://www.aerie", "https://www.aerie/x"], &["https://wwx"]),
        ];
        for (start, inside, outside) in cases {
            let (from, to) = beginning_with(start.as_bytes());
            let within = |text: &&str| (from..=to).contains(&of_bytes(text.as_bytes()));
            assert!(inside.iter().all(within), "{start}");
            assert!(!outside.iter().any(within), "{start}");
        }
    }
}
