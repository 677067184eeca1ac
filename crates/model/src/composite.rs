//! Composite primary keys as one blob whose byte order is the order of the columns.
//!
//! Each part is a type byte and then: an integer big-endian with its sign bit flipped; text or
//! bytes with every 0x00 written as 0x00 0xff and 0x00 0x00 at the end, so that a prefix sorts
//! before what it begins (the encoding of FoundationDB's tuple layer).

use crate::{Error, ErrorKind, Key, Result};

const INTEGER: u8 = 1;
const STRING: u8 = 3;
const BLOB: u8 = 4;

/// The blob key of these parts, in order.
pub fn encode_composite(parts: &[Key]) -> Key {
    let mut out = Vec::new();
    for part in parts {
        match part {
            Key::Integer(n) => {
                out.push(INTEGER);
                out.extend_from_slice(&(*n as u64 ^ 1 << 63).to_be_bytes());
            }
            Key::String(s) => push_escaped(STRING, s.as_bytes(), &mut out),
            Key::Blob(b) => push_escaped(BLOB, b, &mut out),
        }
    }
    Key::Blob(out)
}

fn push_escaped(kind: u8, bytes: &[u8], out: &mut Vec<u8>) {
    out.push(kind);
    for &byte in bytes {
        out.push(byte);
        if byte == 0 {
            out.push(0xff);
        }
    }
    out.extend_from_slice(&[0, 0]);
}

/// The parts of a blob made by [`encode_composite`].
pub fn decode_composite(mut blob: &[u8]) -> Result<Vec<Key>> {
    let bad = || Error::new(ErrorKind::Corrupt, "the blob is not a composite key");
    let mut parts = Vec::new();
    while let Some((&kind, rest)) = blob.split_first() {
        blob = rest;
        if kind == INTEGER {
            let (number, rest) = blob.split_first_chunk::<8>().ok_or_else(bad)?;
            parts.push(Key::Integer((u64::from_be_bytes(*number) ^ 1 << 63) as i64));
            blob = rest;
            continue;
        }
        let mut bytes = Vec::new();
        loop {
            match blob {
                [0, 0, rest @ ..] => {
                    blob = rest;
                    break;
                }
                [0, 0xff, rest @ ..] => {
                    bytes.push(0);
                    blob = rest;
                }
                [0, ..] | [] => return Err(bad()),
                [byte, rest @ ..] => {
                    bytes.push(*byte);
                    blob = rest;
                }
            }
        }
        parts.push(match kind {
            STRING => Key::String(String::from_utf8(bytes).map_err(|_| bad())?),
            BLOB => Key::Blob(bytes),
            _ => return Err(bad()),
        });
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip_keeps_the_order() {
        let text = |s: &str| Key::String(s.into());
        let mut rows = vec![
            vec![Key::Integer(i64::MIN), text("b")],
            vec![Key::Integer(-1), text("")],
            vec![Key::Integer(-1), text("a")],
            vec![Key::Integer(-1), text("a\0")],
            vec![Key::Integer(-1), text("a\0b")],
            vec![Key::Integer(-1), text("ab")],
            vec![Key::Integer(0), Key::Blob(vec![0, 0, 1])],
            vec![Key::Integer(7), text("z")],
        ];
        let encoded: Vec<Key> = rows.iter().map(|r| encode_composite(r)).collect();
        assert!(encoded.is_sorted(), "{encoded:?}");
        for (row, key) in rows.drain(..).zip(encoded) {
            let Key::Blob(blob) = key else { panic!("composite keys are blobs") };
            assert_eq!(decode_composite(&blob), Ok(row));
        }
    }

    #[test]
    fn foreign_bytes_are_refused() {
        for bad in [&[9, 1, 0, 0][..], &[1, 2, 3], &[3, b'a'], &[3, 0, 1], &[3, 0xff, 0, 0]] {
            assert!(decode_composite(bad).is_err(), "{bad:?}");
        }
    }
}
