//! Digests, and bytes as text and back.

use md5::{Digest, Md5};
use sha2::{Sha224, Sha256, Sha384, Sha512};

use super::{Call, Datum, Family, text};
use crate::{SqlError, SqlResult};

pub(super) const FAMILY: Family = &[
    ("md5(text) text", |c| text(hex(&Md5::digest(c.text(0))))),
    ("md5(bytea) text", |c| text(hex(&Md5::digest(c.bytes(0))))),
    ("sha224(bytea) bytea", |c| Ok(Datum::Bytes(Sha224::digest(c.bytes(0)).to_vec()))),
    ("sha256(bytea) bytea", |c| Ok(Datum::Bytes(Sha256::digest(c.bytes(0)).to_vec()))),
    ("sha384(bytea) bytea", |c| Ok(Datum::Bytes(Sha384::digest(c.bytes(0)).to_vec()))),
    ("sha512(bytea) bytea", |c| Ok(Datum::Bytes(Sha512::digest(c.bytes(0)).to_vec()))),
    ("encode(bytea, text) text", encode),
    ("decode(text, text) bytea", decode),
];

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn unknown(format: &str) -> SqlError {
    SqlError::new("22023", format!("unrecognized encoding: \"{format}\""))
        .hint("encodings are hex, base64 and escape")
}

fn encode(c: &Call<'_>) -> SqlResult<Datum> {
    let bytes = c.bytes(0);
    match c.text(1).to_ascii_lowercase().as_str() {
        "hex" => text(hex(bytes)),
        "base64" => text(base64(bytes)),
        "escape" => {
            let mut out = String::new();
            for byte in bytes {
                match byte {
                    b'\\' => out.push_str("\\\\"),
                    0 | 128..=255 => out.push_str(&format!("\\{byte:03o}")),
                    plain => out.push(char::from(*plain)),
                }
            }
            text(out)
        }
        other => Err(unknown(other)),
    }
}

fn decode(c: &Call<'_>) -> SqlResult<Datum> {
    let given = c.text(0);
    let bytes = match c.text(1).to_ascii_lowercase().as_str() {
        "hex" => crate::types::parse_text(model::ColumnType::Bytea, &format!("\\x{given}"))?,
        "escape" => crate::types::parse_text(model::ColumnType::Bytea, given)?,
        "base64" => {
            let plain: String = given.chars().filter(|c| !c.is_ascii_whitespace()).collect();
            let bad = || SqlError::new("22023", "invalid base64 end sequence");
            if !plain.len().is_multiple_of(4) {
                return Err(bad().hint(
                    "Input data is missing padding, is truncated, or is otherwise corrupted.",
                ));
            }
            let bytes = crate::expr::from_base64(&plain).ok_or_else(|| {
                let odd = |c: &char| !c.is_ascii_alphanumeric() && !"+/=".contains(*c);
                let symbol = plain.chars().find(odd).unwrap_or('=');
                SqlError::new(
                    "22023",
                    format!("invalid symbol \"{symbol}\" found while decoding base64 sequence"),
                )
            })?;
            return Ok(Datum::Bytes(bytes));
        }
        other => return Err(unknown(other)),
    };
    match bytes {
        model::Value::Blob(bytes) => Ok(Datum::Bytes(bytes)),
        _ => Ok(Datum::Null),
    }
}

/// Base64 with PostgreSQL's line ends after 76 characters.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for (i, chunk) in bytes.chunks(3).enumerate() {
        if i > 0 && i % 19 == 0 {
            out.push('\n');
        }
        let at = |i: usize| u32::from(chunk.get(i).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for digit in 0..4 {
            let index = (bits >> (18 - 6 * digit) & 63) as usize;
            out.push(if digit <= chunk.len() { char::from(DIGITS[index]) } else { '=' });
        }
    }
    out
}
