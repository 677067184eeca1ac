//! What can happen inside one record: list, map, bit and HyperLogLog operations, and expressions.
//!
//! An operation is a bin's value and the bytes that a client sent in, and a value (with, if it
//! modifies, the bin's next value) out. Nothing here knows a namespace, a lock or a clock: whoever
//! calls holds the record. An operation that fails leaves the bin as it was.

mod arguments;
pub mod bits;
pub mod cdt;
pub mod exp;
pub mod geo;
pub mod hll;

use model::Value;

/// What an operation that modifies did. Its answer is a value, but of operations on lists and maps,
/// which can answer [`cdt::Answer::Pairs`].
#[derive(Debug, Clone, PartialEq)]
pub struct Modified<A = Value> {
    /// The bin afterwards; `None` is no bin.
    pub bin: Option<Value>,
    /// What the operation answers; `None` is nothing.
    pub result: Option<A>,
}
