//! Scans, joins and aggregates as DataFusion tables over a [`store::Store`], and the system
//! catalogue.
//!
//! What the statement planner could not turn into reads by key comes here as a syntax tree:
//!
//! 1. [`Engine::prepare`] plans it once (`engine.rs`): the tree is made digestible (`rewrite.rs`),
//!    names are looked up in one catalogue snapshot (`tables.rs`, `catalog/`), PostgreSQL's meaning
//!    of literals and casts (`semantics.rs`) and of numbers (`numbers/`) is put in.
//! 2. [`Engine::execute`] puts parameters in and starts it. Sets are read by `table.rs`: by key
//!    (`get.rs`), by scan, or only counted (`scan.rs`); records become Arrow columns in
//!    `columns.rs`.
//! 3. Batches stream to the caller as it polls. [`field_oid`] says how a column goes over the wire,
//!    [`batch_values`] turns rows into values that can be stored.
//!
//! Always true: a scan reads no bin that the query does not need, a bad record is an error and
//! never left out, a dropped stream reads no more, and nothing here writes. An error comes out as
//! [`sql::SqlError`] with PostgreSQL's SQLSTATE ([`sql_error`]). Parsing, plans by key, writes and
//! the wire are left to others.

mod calls;
mod catalog;
mod cells;
mod collect;
mod columns;
mod decorrelate;
mod engine;
mod error;
mod from_rows;
mod functions;
mod get;
mod interrupt;
mod lateral;
mod membership;
mod names;
mod nesting;
mod numbers;
mod operators;
mod ordered;
mod planner;
mod rewrite;
mod scan;
mod semantics;
mod session;
mod table;
mod tables;
mod text;
mod types;

pub use columns::{base64, batch_values, unbase64};
pub use datafusion::arrow;
pub use datafusion::execution::SendableRecordBatchStream;
pub use engine::{Engine, Field, Options, Prepared};
pub use error::sql_error;
pub use functions::sequences::Numbers;
pub use numbers::numeric_text;
pub use session::{KnownSetting, SessionInfo, Settings};
pub use types::{PG_TYPE, PG_TYPMOD, column_type, field_oid};
