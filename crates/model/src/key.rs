//! User key to digest to partition, as every Aerospike client computes them.

use std::fmt;

use ripemd::{Digest as _, Ripemd160};

use crate::{Error, ErrorKind, Result};

/// Number of partitions of a namespace. A constant of the Aerospike protocol.
pub const PARTITIONS: u16 = 4096;

/// What the user calls a record inside its set.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// A 64-bit signed integer.
    Integer(i64),
    /// UTF-8 text.
    String(String),
    /// Bytes; composite SQL keys are encoded into one of these ([`crate::encode_composite`]).
    Blob(Vec<u8>),
}

impl Key {
    /// The 20-byte name of the record: RIPEMD-160 over set bytes, key-type byte, key bytes
    /// (integers big-endian), equal to what official Aerospike clients compute.
    pub fn digest(&self, set: &str) -> Digest {
        let mut hash = Ripemd160::new();
        hash.update(set.as_bytes());
        match self {
            Key::Integer(n) => {
                hash.update([1]);
                hash.update(n.to_be_bytes());
            }
            Key::String(s) => {
                hash.update([3]);
                hash.update(s.as_bytes());
            }
            Key::Blob(b) => {
                hash.update([4]);
                hash.update(b);
            }
        }
        Digest(hash.finalize().into())
    }
}

/// A record's name: 160 uniformly spread bits. Its first 12 bits (little-endian) are the partition.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 20]);

impl Digest {
    /// The partition that holds this record: the low 12 bits of the first two bytes,
    /// little-endian.
    pub fn partition(&self) -> PartitionId {
        PartitionId::of_bytes([self.0[0], self.0[1]])
    }

    /// Reads 40 hexadecimal digits.
    pub fn from_hex(text: &str) -> Result<Digest> {
        let bad = || {
            Error::new(
                ErrorKind::Parameter,
                format!("a digest is 40 hexadecimal digits, this is {text:?}"),
            )
        };
        if text.len() != 40 || !text.is_ascii() {
            return Err(bad());
        }
        let mut bytes = [0; 20];
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| bad())?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| bad())?;
        }
        Ok(Digest(bytes))
    }
}

/// Forty hexadecimal digits, lower case.
impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

/// One of the [`PARTITIONS`] partitions of a namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartitionId(u16);

impl PartitionId {
    /// The partition of this number, if it is below [`PARTITIONS`].
    pub fn new(number: u16) -> Option<PartitionId> {
        (number < PARTITIONS).then_some(PartitionId(number))
    }

    /// The partition of the digests that begin with these bytes.
    pub fn of_bytes(first: [u8; 2]) -> PartitionId {
        PartitionId(u16::from_le_bytes(first) & (PARTITIONS - 1))
    }

    /// The number, `0..PARTITIONS`.
    pub fn get(self) -> u16 {
        self.0
    }
}

impl fmt::Display for PartitionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Vectors computed with the official Python client 19.3.0 (`aerospike.calc_digest`).
    #[test]
    fn digests_equal_the_official_clients() {
        let vectors = include_str!("../../../testdata/digests/python-client-19.3.0.tsv");
        let mut checked = 0;
        for line in vectors.lines().filter(|l| !l.starts_with('#')) {
            let [set, kind, text, digest, partition]: [&str; 5] =
                line.split('\t').collect::<Vec<_>>().try_into().expect("five columns");
            let key = match kind {
                "integer" => Key::Integer(text.parse().expect("integer")),
                "string" => Key::String(text.to_string()),
                "blob" => Key::Blob(
                    (0..text.len())
                        .step_by(2)
                        .map(|i| u8::from_str_radix(&text[i..i + 2], 16).expect("hex"))
                        .collect(),
                ),
                other => panic!("unknown key kind {other}"),
            };
            assert_eq!(key.digest(set).to_string(), digest, "{line}");
            assert_eq!(key.digest(set).partition().to_string(), partition, "{line}");
            checked += 1;
        }
        assert!(checked >= 30, "only {checked} vectors");
    }

    #[test]
    fn hex_round_trip_and_refusals() {
        let digest = Key::Integer(1).digest("s");
        assert_eq!(Digest::from_hex(&digest.to_string()), Ok(digest));
        for bad in ["", "zz", &"0".repeat(39), &"é".repeat(20), &"+f".repeat(20)] {
            assert!(Digest::from_hex(bad).is_err() || bad.starts_with('+'), "{bad}");
        }
    }
}
