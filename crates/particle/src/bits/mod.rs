//! Operations on the bits of a blob: Aerospike's bitwise operations.
//!
//! A request is `[operation, argument ..]` in msgpack, or `[255, context, [operation, argument ..]]`
//! for a blob inside a list or a map. It becomes a [`Read`] or an [`Edit`] (`decode.rs`), which is
//! also what SQL and expressions build; those run on bytes (`run.rs`, over `region.rs`).
//!
//! Bit 0 is the most significant bit of the first byte. A negative offset counts from the end. What
//! is not there at all is `NotApplicable`, a request that no blob could answer is `Parameter`. An
//! absent bin reads as nothing; only resize and insert make one.

mod decode;
mod region;
mod run;
#[cfg(test)]
mod tests;

use model::{Error, ErrorKind, Result, Value};

use crate::{Modified, arguments, cdt};

/// The answer to a request on a bin; `None` where there is no bin.
pub fn read(bin: Option<&Value>, payload: &[u8]) -> Result<Option<Value>> {
    let (path, operation, values) = arguments::operation_inside(payload)?;
    let read = Read::decode(operation, &values)?;
    let Some(bin) = bin else { return Ok(None) };
    read.on(blob(cdt::find(bin, &path)?)?).map(Some)
}

/// What a request makes of a bin. Edits of bits answer nothing.
pub fn modify(bin: Option<Value>, payload: &[u8]) -> Result<Modified> {
    let (path, operation, values) = arguments::operation_inside(payload)?;
    let edit = Edit::decode(operation, &values)?;
    let edited = |value: &Value| edit.on(Some(blob(value)?));
    let bin = match bin {
        None if path.is_empty() => edit.on(None)?.map(Value::Blob),
        None => {
            let detail = "the context leads into a bin that is not there";
            return Err(Error::new(ErrorKind::BinNotFound, detail));
        }
        Some(mut bin) => {
            // A context that may make something would make a list, in which there are no bits.
            cdt::change(&mut bin, &path, cdt::Family::List, |value| {
                if let Some(bytes) = edited(value)? {
                    *value = Value::Blob(bytes);
                }
                Ok(())
            })?;
            Some(bin)
        }
    };
    Ok(Modified { bin, result: None })
}

fn blob(value: &Value) -> Result<&[u8]> {
    match value {
        Value::Blob(bytes) => Ok(bytes),
        other => {
            let detail =
                format!("a bit operation works on a blob, not on a {}", other.value_type());
            Err(Error::new(ErrorKind::BinType, detail))
        }
    }
}

/// Most bits that an operation on numbers takes.
const NUMBER_BITS_MAX: i64 = 64;

/// A run of bits: `size` of them from `offset` on, which counts from the end if it is negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// The first bit.
    pub offset: i64,
    /// How many bits.
    pub size: i64,
}

/// What is asked of a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// The bits themselves, aligned to the left, filled up with zeros.
    Bits,
    /// How many are set.
    Count,
    /// The place in the range of the first bit of this value, or -1.
    First(bool),
    /// The place in the range of the last bit of this value, or -1.
    Last(bool),
    /// The bits as a number of at most 64 bits.
    Integer {
        /// Whether the first bit is a sign, in two's complement.
        signed: bool,
    },
}

/// An operation that reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Read {
    /// Which bits.
    pub range: Range,
    /// What of them.
    pub question: Question,
}

/// When an [`Edit`] may happen, and what follows if it may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WriteFlags {
    /// Only if there is no blob yet.
    pub create_only: bool,
    /// Only if there is one.
    pub update_only: bool,
    /// What is denied leaves the blob as it is, without an error.
    pub no_fail: bool,
    /// A range that goes past the end is cut there.
    pub partial: bool,
}

/// How a resize may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ResizeFlags {
    /// Bytes come and go at the front instead of the end.
    pub from_front: bool,
    /// Never to fewer bytes.
    pub grow_only: bool,
    /// Never to more bytes.
    pub shrink_only: bool,
}

/// How bits and a value of the same length become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Combine {
    /// The value's bits.
    Set,
    /// Set in either.
    Or,
    /// Set in one of both.
    Xor,
    /// Set in both.
    And,
}

/// What happens to a sum that has no room in its bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overflow {
    /// It is `NotApplicable`.
    Fail,
    /// The largest or smallest number that has room.
    Saturate,
    /// Its low bits.
    Wrap,
}

/// What is done to a blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Makes it `size` bytes long, with zeros where it grows.
    Resize {
        /// Bytes afterwards.
        size: i64,
        /// How.
        flags: ResizeFlags,
    },
    /// Puts bytes in front of byte `offset`; past the end, with zeros between.
    Insert {
        /// A byte's place.
        offset: i64,
        /// What comes in.
        bytes: Vec<u8>,
    },
    /// Takes bytes out.
    Remove {
        /// The first byte.
        offset: i64,
        /// How many.
        size: i64,
    },
    /// Combines bits with as many of a value.
    Combine {
        /// How.
        how: Combine,
        /// Which bits.
        range: Range,
        /// At least as many bits, aligned to the left.
        value: Vec<u8>,
    },
    /// Turns every bit over.
    Not(Range),
    /// Moves bits to the left inside their range; to the right if `right`.
    Shift {
        /// Which bits.
        range: Range,
        /// By how many places, not negative.
        by: i64,
        /// To the right.
        right: bool,
    },
    /// Adds a number to the bits as a number; subtracts it if `subtract`.
    Add {
        /// Which bits, at most 64.
        range: Range,
        /// The number, of which the low `range.size` bits count.
        number: i64,
        /// Whether both have a sign, in two's complement.
        signed: bool,
        /// What an overflow does.
        overflow: Overflow,
        /// Subtract it.
        subtract: bool,
    },
    /// Sets the bits to the low bits of a number.
    SetInteger {
        /// Which bits, at most 64.
        range: Range,
        /// The number.
        number: i64,
    },
}

/// An operation that writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// When it may happen.
    pub flags: WriteFlags,
    /// What it does.
    pub change: Change,
}

impl Read {
    /// The answer on these bytes.
    pub fn on(&self, bytes: &[u8]) -> Result<Value> {
        run::read(self, bytes)
    }
}

impl Edit {
    /// The blob after this edit of `blob`; `None` if the edit is denied and need not fail.
    pub fn on(&self, blob: Option<&[u8]>) -> Result<Option<Vec<u8>>> {
        run::edit(self, blob)
    }
}
