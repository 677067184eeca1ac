//! HyperLogLog: how many different elements a set has, and how much it has in common with others,
//! from a few kilobytes.
//!
//! A request is `[operation, argument ..]` in msgpack. It becomes a [`Read`] or an [`Edit`]
//! (`decode.rs`), which SQL and expressions build as well; those run on [`Sketch`]es (`run.rs`). The
//! numbers come from `estimate.rs`.
//!
//! # An element
//!
//! An element is a value, hashed in its msgpack bytes (as [`model::msgpack::encode`] writes them) by
//! MurmurHash3 x64 128, seed 0. Of a sketch with `p` index bits and `q` min-hash bits it changes one
//! register:
//!
//! | what | from the hash |
//! |---|---|
//! | which register | the lowest `p` bits of the first 64 |
//! | min-hash | the `q` bits above them |
//! | rank | 1 + the zeros below the lowest set bit of the last 64, at most 63 |
//!
//! The register becomes the largest of what it was and `rank << q | min-hash`. That is a HyperLogLog
//! for `q = 0`, otherwise a HyperMinHash (Yu and Weber 2020), whose equal registers tell how alike
//! two sets are. Unions of sketches are as if all elements had been added to one.
//!
//! # Bytes, layout 0
//!
//! | bytes | what |
//! |---|---|
//! | 0 | layout: 0 |
//! | 1 | index bits `p`, 4 to 16 |
//! | 2 | min-hash bits `q`: 0, or 4 to 51; `p + q` at most 64 |
//! | 3-10 | the count that refresh-count worked out, big-endian; 0 if it is not known |
//! | 11- | `2^p` registers of `6 + q` bits, one behind the other, the first bit of each byte its highest; filled up with zeros to a whole byte |
//!
//! Hash and layout are stored in records and never change; another layout would have another number.
//! They give the bytes and counts that the suites of the official clients expect of a server.

mod decode;
mod estimate;
mod hash;
mod run;
mod sketch;
#[cfg(test)]
mod tests;

use model::{Error, ErrorKind, Result, Value};

use crate::{Modified, arguments};

pub use sketch::{Shape, Sketch};

/// The answer to a request on a bin; `None` where there is no bin.
pub fn read(bin: Option<&Value>, payload: &[u8]) -> Result<Option<Value>> {
    let (operation, values) = arguments::operation(payload)?;
    let read = Read::decode(operation, &values)?;
    sketch_of(bin)?.map(|sketch| read.on(&sketch)).transpose()
}

/// What a request makes of a bin, and its answer.
pub fn modify(bin: Option<Value>, payload: &[u8]) -> Result<Modified> {
    let (operation, values) = arguments::operation(payload)?;
    let edit = Edit::decode(operation, &values)?;
    Ok(match edit.on(sketch_of(bin.as_ref())?)? {
        Some((sketch, result)) => Modified { bin: Some(Value::Hll(sketch.into_bytes())), result },
        None => Modified { bin, result: None },
    })
}

fn sketch_of(bin: Option<&Value>) -> Result<Option<Sketch>> {
    match bin {
        None => Ok(None),
        Some(Value::Hll(bytes)) => Sketch::from_bytes(bytes).map(Some),
        Some(other) => {
            let found = other.value_type();
            let detail = format!("a HyperLogLog operation works on a sketch, not on a {found}");
            Err(Error::new(ErrorKind::BinType, detail))
        }
    }
}

/// When an [`Edit`] may happen, and what follows if it may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WriteFlags {
    /// Only if there is no sketch yet.
    pub create_only: bool,
    /// Only if there is one.
    pub update_only: bool,
    /// What is denied leaves the sketch as it is, without an error.
    pub no_fail: bool,
    /// A union may make the sketch less precise, as the least precise of its parts is.
    pub allow_fold: bool,
}

/// The bits that a request names; what it leaves out is taken from the sketch that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bits {
    /// Index bits.
    pub index: Option<i64>,
    /// Min-hash bits.
    pub min_hash: Option<i64>,
}

/// What is done to a sketch.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// Makes it empty, or makes an empty one.
    Init(Bits),
    /// Adds elements, to a new sketch if there is none. Answers how many changed it.
    Add {
        /// The elements.
        elements: Vec<Value>,
        /// The shape of a new sketch.
        bits: Bits,
    },
    /// Takes in other sketches.
    Union(Vec<Sketch>),
    /// Works the count out and keeps it. Answers it.
    RefreshCount,
    /// Makes it less precise: as many index bits.
    Fold(i64),
}

/// An operation that writes.
#[derive(Debug, Clone, PartialEq)]
pub struct Edit {
    /// When it may happen.
    pub flags: WriteFlags,
    /// What it does.
    pub change: Change,
}

/// An operation that reads.
#[derive(Debug, Clone, PartialEq)]
pub enum Read {
    /// The number of elements.
    Count,
    /// The sketch of this set and others together.
    Union(Vec<Sketch>),
    /// The number of elements of all together.
    UnionCount(Vec<Sketch>),
    /// The number of elements that are in each.
    IntersectCount(Vec<Sketch>),
    /// The share of the elements of all that is in each, 0 to 1.
    Similarity(Vec<Sketch>),
    /// Index bits and min-hash bits, as a list.
    Describe,
    /// 1 if all these elements may have been added, else 0.
    MayContain(Vec<Value>),
}

impl Read {
    /// The answer of a sketch.
    pub fn on(&self, sketch: &Sketch) -> Result<Value> {
        run::read(self, sketch)
    }
}

impl Edit {
    /// The sketch after this edit, and its answer; `None` if the edit is denied and need not fail.
    pub fn on(&self, sketch: Option<Sketch>) -> Result<Option<(Sketch, Option<Value>)>> {
        run::edit(self, sketch)
    }
}
