//! Expressions: what a client asks of a record before or instead of an operation.
//!
//! 1. An expression travels as msgpack, `[operation, argument ..]` or a value. [`Expression::decode`]
//!    turns it into a tree (`decode.rs`, `tree.rs`) and checks it once: numbers of arguments, types,
//!    depth, size. What is wrong is `Parameter`.
//! 2. [`Expression::metadata`] decides a filter from what the index knows of a record, where that is
//!    enough, so that the record need not be read.
//! 3. [`Expression::holds`] and [`Expression::value`] evaluate it on a record (`evaluate.rs`, with
//!    `arithmetic.rs` and `call.rs`, which calls the operations on lists, maps, bits and sketches).
//! 4. [`read_op`] and [`write_op`] are the operations that give or store a value (`operation.rs`).
//!
//! There are three truth values: a bin that is not there or of another type is *unknown*, and so is
//! what follows from it, unless the rest decides alone (`false and unknown` is false). A filter that is
//! unknown filters the record out.
//!
//! An expression is someone else's program, so its time and memory are bounded: no loop, no recursion,
//! each `let` evaluated once, at most [`STEPS_MAX`] steps, of which long values cost more; beyond that
//! the result is unknown.

mod arithmetic;
mod call;
mod decode;
mod evaluate;
mod operation;
mod regex;
#[cfg(test)]
mod tests;
mod tree;

use model::{Digest, Key, Record, Result, Value};

pub use operation::{read_op, write_op};
pub use tree::Type;

use evaluate::{Computed, Evaluation};
use tree::Node;

/// Most bytes of an expression.
pub const SIZE_MAX: usize = 1 << 20;
/// Deepest nesting of an expression. Clients nest once for each infix operator.
pub const DEPTH_MAX: usize = 128;
/// Most operations on lists, maps, bits and sketches in one expression, since each may read or copy
/// a whole record; and most regular expressions, since each takes memory.
pub const CALLS_MAX: usize = 1_000;
/// Most steps of one evaluation: about a second of them.
pub const STEPS_MAX: u64 = 1 << 26;

/// An expression that may be evaluated on any record.
#[derive(Debug)]
pub struct Expression {
    root: Node,
    result: Type,
    of_content: bool,
}

/// What is known of a record without reading it. `None` is not known.
#[derive(Debug, Clone, Copy, Default)]
pub struct Meta<'a> {
    /// The record's name.
    pub digest: Option<Digest>,
    /// The set's name, empty for none.
    pub set: Option<&'a str>,
    /// Last update time, milliseconds since 1970.
    pub lut_ms: Option<u64>,
    /// Second since 1970 from which the record is gone; 0 = never.
    pub void_time: Option<u32>,
    /// Bytes that the record takes in storage.
    pub size: Option<u32>,
    /// Whether the user key is stored.
    pub key_stored: Option<bool>,
    /// Whether what is there is the tombstone of a record.
    pub tombstone: bool,
    /// The time of the evaluation, milliseconds since 1970.
    pub now_ms: u64,
}

/// What is read of a record: its bins and its key.
pub trait Bins {
    /// The value of the bin of this name.
    fn bin(&self, name: &str) -> Option<&Value>;
    /// The user key, where it was stored.
    fn key(&self) -> Option<&Key>;
}

/// A record to evaluate an expression on.
#[derive(Clone, Copy)]
pub struct View<'a> {
    /// Its metadata.
    pub meta: Meta<'a>,
    /// Its bins.
    pub bins: &'a dyn Bins,
}

/// The element that a path has come to, for the loop variables of an expression in that path.
#[derive(Debug, Clone, Copy)]
pub struct Element<'a> {
    /// Its key, in a map.
    pub key: Option<&'a Value>,
    /// Its value.
    pub value: &'a Value,
    /// Its place.
    pub index: usize,
}

impl Bins for Record {
    fn bin(&self, name: &str) -> Option<&Value> {
        self.bin(name)
    }

    fn key(&self) -> Option<&Key> {
        self.key.as_ref()
    }
}

impl<'a> Meta<'a> {
    /// All that a record which has been read tells.
    pub fn of(record: &Record, set: &'a str, now_ms: u64) -> Meta<'a> {
        Meta {
            digest: Some(record.digest),
            set: Some(set),
            lut_ms: Some(record.lut_ms),
            void_time: Some(record.void_time),
            size: Some(record.size),
            key_stored: Some(record.key.is_some()),
            tombstone: false,
            now_ms,
        }
    }
}

impl Expression {
    /// The expression that these bytes are.
    pub fn decode(bytes: &[u8]) -> Result<Expression> {
        decode::expression(bytes, false)
    }

    /// The same of bytes that stand in a path. Paths do not nest: each could run for each element of
    /// the one around it.
    pub(crate) fn decode_in_path(bytes: &[u8]) -> Result<Expression> {
        decode::expression(bytes, true)
    }

    /// The expression that these bytes are, if it can filter: it gives true or false.
    pub fn decode_filter(bytes: &[u8]) -> Result<Expression> {
        let expression = decode::expression(bytes, false)?;
        if expression.result.fits(Type::Bool) {
            return Ok(expression);
        }
        let detail = format!("a filter gives true or false, not a {:?}", expression.result);
        Err(model::Error::new(model::ErrorKind::Parameter, detail))
    }

    /// What it gives.
    pub fn result_type(&self) -> Type {
        self.result
    }

    /// Whether it gives the same for a record as long as that is not written: it asks for bins, key and
    /// set, and not for size or times.
    pub fn is_of_content(&self) -> bool {
        self.of_content
    }

    /// Whether the filter holds, where metadata alone decides it.
    pub fn metadata(&self, meta: &Meta) -> Option<bool> {
        Evaluation::new(*meta, None, None).run(&self.root).truth()
    }

    /// Whether the filter holds. Unknown does not.
    pub fn holds(&self, record: &View) -> bool {
        let result = Evaluation::new(record.meta, Some(record.bins), None).run(&self.root);
        result.truth() == Some(true)
    }

    /// The value; `None` if it is unknown or nothing that a bin could hold.
    pub fn value(&self, record: &View) -> Option<Value> {
        Evaluation::new(record.meta, Some(record.bins), None).run(&self.root).into_value()
    }

    /// What it gives of an element of a list or a map that a path has come to. It takes from `steps`,
    /// at first [`STEPS_MAX`], so that all elements of a path together are bounded as one evaluation is.
    pub fn of_element(
        &self,
        element: Element,
        record: Option<&View>,
        steps: &mut u64,
    ) -> ElementResult {
        let meta = record.map(|record| record.meta).unwrap_or_default();
        let bins = record.map(|record| record.bins);
        let mut evaluation = Evaluation::new(meta, bins, Some(element)).with_steps(*steps);
        let computed = evaluation.run(&self.root);
        *steps = *evaluation.steps();
        match computed {
            Computed::Remove => ElementResult::Remove,
            other => other.into_value().map_or(ElementResult::Unknown, ElementResult::Value),
        }
    }
}

/// What an expression says of an element of a path.
#[derive(Debug, Clone, PartialEq)]
pub enum ElementResult {
    /// Nothing can be said.
    Unknown,
    /// This value.
    Value(Value),
    /// It is to be removed.
    Remove,
}
