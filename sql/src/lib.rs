//! The AQL/SQL dialect: text in, plan out. No I/O.
//!
//! A statement's way:
//!
//! 1. [`parse`] cuts a text into statements. What only aql says (`SHOW SETS`, `UPSERT INTO`,
//!    `TRUNCATE .. UPTO`) and what concerns the session is read by the front parser in `front.rs`;
//!    the rest goes to sqlparser, PostgreSQL's dialect.
//! 2. [`plan()`] turns one statement into a [`plan::Plan`] against one catalogue snapshot: names are
//!    resolved (`resolve.rs`), expressions compiled ([`expr`]), keys found (`stmt/keys.rs`).
//! 3. What the plans by key cannot say becomes [`plan::Plan::Query`], made digestible for
//!    DataFusion by [`rewrite::prepare_query`].
//!
//! [`operate`] and [`mod@matches`] hold what aql alone does to a record and asks of it.
//! [`functions`] are PostgreSQL's functions on single values, shared with the query engine.
//!
//! Always true: no text makes this crate panic or recurse without bound, and every error says where
//! and what to try. Running plans, transactions and settings are left to others.

pub mod access;
mod deparse;
mod dialect;
pub mod error;
mod explain;
pub mod expr;
mod front;
pub mod functions;
mod lift;
pub mod matches;
pub mod operate;
mod parse;
pub mod particles;
pub mod plan;
mod resolve;
pub mod rewrite;
mod stmt;
pub mod types;

use model::{Catalog, ColumnType};

pub use deparse::{check_columns, check_definition};
pub use error::{About, SqlError, SqlResult};
pub use explain::{Way, explain_lines};
pub use lift::{Lifted, Literal, lift};
pub use parse::{Parsed, parse, session_command};
pub use stmt::keys::digest_from_text;

use plan::{OnConflict, Planned};

/// Longest statement text, bytes. PostgreSQL allows 1 GiB; nobody types more than this.
pub const TEXT_MAX: usize = 1 << 20;
/// Deepest nesting of parentheses, subqueries and operators.
pub const DEPTH_MAX: usize = 64;
/// Most parameters of a statement: the wire counts them in 16 bits.
pub const PARAMS_MAX: usize = 65_535;

/// What a statement is planned against.
pub struct Scope<'a> {
    /// What is known of the sets.
    pub catalog: &'a Catalog,
    /// Namespace of names that give none.
    pub namespace: &'a str,
    /// What a plain INSERT does to a record that exists: the session's `record_exists_action`.
    pub insert: OnConflict,
    /// Types that the client declared for `$1..`.
    pub params: &'a [Option<ColumnType>],
}

/// Plans one statement.
pub fn plan(parsed: &Parsed, scope: &Scope) -> SqlResult<Planned> {
    stmt::plan(parsed, scope)
}
