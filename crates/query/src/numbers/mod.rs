//! Numbers as PostgreSQL has them: their types, casts, arithmetic, functions and totals.
//!
//! DataFusion computes with 64-bit integers that wrap around and decimals whose scale belongs to the
//! column. PostgreSQL's integers overflow with an error, and each `numeric` has digits of its own. So
//! everything that computes with numbers goes through functions of this module:
//!
//! 1. `types.rs` says which number type an Arrow type is, and which one two of them meet in.
//! 2. `codec.rs` is `numeric` as Arrow cells, `convert.rs` turns numbers of one type into another.
//! 3. `plan.rs` puts functions in the place of operators, casts and comparisons, while DataFusion
//!    resolves a syntax tree (`semantics.rs` asks it), and again over the finished plan.
//! 4. `nodes.rs` brings columns of several number types together, `groups.rs` sorts and groups
//!    numerics by value.
//! 5. `arith.rs` and `math.rs` are the functions, `choose.rs` those that take one of their
//!    arguments, `totals.rs` and `ordered.rs` the aggregates.

mod arith;
mod choose;
mod codec;
mod convert;
pub(crate) mod groups;
mod math;
mod nodes;
mod ordered;
mod plan;
mod totals;
mod types;

use std::sync::Arc;

use datafusion::logical_expr::{AggregateUDF, ScalarUDF};

pub(crate) use codec::encoded;
pub use codec::numeric_text;
pub(crate) use convert::{convert, texts_of};
pub(crate) use nodes::reconciled;
pub(crate) use plan::{
    between, binary, case, cast, in_list, is_numeric, key, nullif, restored, unified,
};
pub(crate) use types::Kind;

/// Scalar functions over numbers, under PostgreSQL's names and our own.
pub(crate) fn scalar_functions() -> Vec<Arc<ScalarUDF>> {
    let mut list = arith::functions();
    list.extend(math::functions());
    list.extend(choose::functions());
    list
}

/// Aggregates over numbers.
pub(crate) fn aggregates() -> Vec<Arc<AggregateUDF>> {
    let mut list = totals::aggregates();
    list.extend(ordered::aggregates());
    list
}
