//! What the Postgres wire needs of the database behind it.
//!
//! A statement's way: [`Backend::parse`] cuts the text, [`Backend::prepare`] plans one statement
//! and says its parameters and columns, [`Backend::execute`] runs it with parameters and gives an
//! [`Answer`]. Rows that are at hand come as values; others stream in [`Chunk`]s from a
//! [`RowSource`], which the wire keeps between the Executes of a portal.
//!
//! Any of these futures may be dropped at any await: on cancel, timeout or shutdown. A write that
//! has begun on a record must then still end well.
//!
//! A statement for which [`Backend::session`] gives a command is run by the wire itself and never
//! executed, with one exception: `DECLARE` is executed for the rows of its query.

use std::borrow::Cow;
use std::future::Future;
use std::sync::Arc;

use model::{ColumnType, Value};
use query::arrow::array::RecordBatch;
use sql::plan::{CopyOptions, Session as Command};
use sql::{Lifted, SqlResult};

use super::state::SessionState;
use super::types;

/// A database that the wire can serve. Static dispatch: a point get boxes nothing.
pub trait Backend: Send + Sync + 'static {
    /// One statement as cut out of a text.
    type Parsed: Send;
    /// A planned statement. Shared by the portals made of it.
    type Statement: Send + Sync + 'static;
    /// Rows that are not all at hand.
    type Rows: RowSource;
    /// Records that were found by key.
    type Found<'s>: Found;

    /// Names of the namespaces. The first one is where a connection lands that asks for no
    /// namespace by name.
    fn namespaces(&self) -> Vec<String>;

    /// Cuts a text into statements; empty ones are left out. Positions in errors count from the
    /// text's start.
    fn parse(&self, session: &SessionState, text: &str) -> SqlResult<Vec<Self::Parsed>>;

    /// Plans a statement. `declared` are the OIDs that the client gave for `$1..`, 0 where it gave
    /// none; it may be shorter than the list of parameters. A declared text, varchar or unknown is
    /// no reason to refuse: the wire turns any declared type into the one that the plan wants.
    fn prepare(
        &self,
        session: &SessionState,
        parsed: Self::Parsed,
        declared: &[u32],
    ) -> impl Future<Output = SqlResult<Prepared<Self::Statement>>> + Send;

    /// Whether the plan is the one that every session of its namespace would get, and the catalogue
    /// is still that of its making.
    fn serves_all(&self, statement: &Self::Statement) -> bool;

    /// A text with its literals replaced by parameters, where that can be done.
    fn lift(&self, text: &str) -> Option<Lifted>;

    /// Whether a statement may run as the template of texts whose literals were lifted, so that each
    /// literal means what a parameter of the type that the plan wants means.
    fn takes_literals(&self, statement: &Self::Statement) -> bool;

    /// Looks up the records of a statement that reads by key: their rows go out without being made
    /// first. `None` where the statement is another one and [`Backend::execute`] runs it.
    fn find<'s>(
        &self,
        session: &SessionState,
        statement: &'s Self::Statement,
        params: &[Option<Value>],
    ) -> impl Future<Output = SqlResult<Option<Self::Found<'s>>>> + Send;

    /// Runs a statement. Each parameter has the stored form of its [`Prepared::params`] type. When
    /// the catalogue has changed since the statement was planned, it is planned again, and if its
    /// columns differ the answer is 0A000 "cached plan must not change result type".
    fn execute(
        &self,
        session: &mut SessionState,
        statement: &Arc<Self::Statement>,
        params: Vec<Option<Value>>,
    ) -> impl Future<Output = SqlResult<Answer<Self::Rows>>> + Send;

    /// Stores rows of a COPY FROM STDIN, values in the stored form of the columns of its
    /// [`CopyIn`]; how many were stored.
    fn copy(
        &self,
        session: &mut SessionState,
        statement: &Arc<Self::Statement>,
        rows: Vec<Row>,
    ) -> impl Future<Output = SqlResult<u64>> + Send;

    /// The session's own command, if the statement is one.
    fn session<'a>(&self, statement: &'a Self::Statement) -> Option<&'a Command>;

    /// Whether the statement may write: 25006 in a read-only transaction.
    fn writes(&self, statement: &Self::Statement) -> Writes;

    /// The records of a transaction block that begins.
    fn begin(&self) -> Arc<store::Transaction>;

    /// Makes what the session's transaction block has written happen, all of it or, with an error,
    /// nothing.
    fn commit(&self, session: &SessionState) -> impl Future<Output = SqlResult<()>> + Send;

    /// Takes back what a COPY of the session's transaction block has stored before its end.
    fn rollback(&self, session: &SessionState) -> impl Future<Output = SqlResult<()>> + Send;

    /// Values of the constant arguments of `EXECUTE name (..)`. `types` are the parameters of that
    /// statement; as many as `args`.
    fn constants(
        &self,
        session: &SessionState,
        args: &[sql::expr::Expr],
        types: &[Option<ColumnType>],
    ) -> SqlResult<Vec<Option<Value>>>;
}

/// Records that were found by key.
pub trait Found: Send {
    /// Gives every row, one value per [`Field`] in the stored form of its [`ColumnType`]; how many
    /// they were.
    fn each(
        &self,
        params: &[Option<Value>],
        row: impl FnMut(&[Option<Cow<'_, Value>>]) -> SqlResult<()>,
    ) -> SqlResult<u64>;
}

/// What a statement writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writes {
    /// Nothing.
    Nothing,
    /// Records: inside a transaction block they wait for its COMMIT.
    InBlock,
    /// What no ROLLBACK brings back: declarations, TRUNCATE, settings of the node.
    AtOnce,
}

/// A statement that is planned.
#[derive(Debug)]
pub struct Prepared<S> {
    /// The plan.
    pub statement: S,
    /// The type that the plan wants each parameter in; `None` = as the client sends it, text if it
    /// does not say.
    pub params: Vec<Option<ColumnType>>,
    /// OIDs to announce for parameters whose plan type is not what the statement says (`oid[]`);
    /// usually empty.
    pub param_oids: Vec<u32>,
    /// Columns of the rows; `None` where there are no rows. For `DECLARE` those of its query; for
    /// other commands of the session they are not asked.
    pub columns: Option<Vec<Field>>,
}

/// A column of the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Name.
    pub name: String,
    /// The table's OID, or 0.
    pub table_oid: u32,
    /// The column's number in its table from 1, or 0.
    pub attnum: i16,
    /// Type on the wire.
    pub oid: u32,
    /// Type modifier, or -1.
    pub typmod: i32,
    /// Type of the values in [`Chunk::Values`].
    pub column_type: ColumnType,
}

impl Field {
    /// A column of no table.
    pub fn new(name: impl Into<String>, column_type: ColumnType) -> Field {
        Field {
            name: name.into(),
            table_oid: 0,
            attnum: 0,
            oid: types::oid_of(column_type),
            typmod: types::typmod_of(column_type),
            column_type,
        }
    }

    /// A column of no table, of a type that may have no [`ColumnType`] (name, interval, ..).
    pub fn of_oid(name: impl Into<String>, oid: u32) -> Field {
        let column_type = types::column_type(oid).unwrap_or(ColumnType::Text);
        Field { oid, ..Field::new(name, column_type) }
    }
}

/// What a statement gives.
#[derive(Debug)]
pub enum Answer<R> {
    /// No rows.
    Done(Tag),
    /// Rows at hand: a point or batch get, RETURNING, SHOW.
    Values(Tag, Vec<Row>),
    /// Rows to come.
    Stream(Tag, R),
    /// COPY FROM STDIN: rows are asked of the client.
    CopyIn(CopyIn),
    /// COPY TO STDOUT.
    CopyOut(CopyOut<R>),
}

/// What a COPY FROM STDIN wants.
#[derive(Debug)]
pub struct CopyIn {
    /// The set, for messages.
    pub table: String,
    /// The columns of the client's rows.
    pub columns: Vec<Field>,
    /// How they are written.
    pub options: CopyOptions,
}

/// What a COPY TO STDOUT gives.
#[derive(Debug)]
pub struct CopyOut<R> {
    /// Columns of the rows.
    pub columns: Vec<Field>,
    /// How they are to be written.
    pub options: CopyOptions,
    /// The rows: values or a stream.
    pub rows: Box<Answer<R>>,
}

/// A row: one value per [`Field`], in the stored form of its [`ColumnType`]; `None` = NULL.
pub type Row = Vec<Option<Value>>;

/// What CommandComplete says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tag {
    /// Just this: `CREATE TABLE`, `SHOW`, `EXPLAIN`. Nothing at all is the empty statement.
    Text(&'static str),
    /// The same for a word that is not known before.
    Named(String),
    /// A count of records after the word: `Count("INSERT 0", 3)`.
    Count(&'static str, u64),
    /// The word and how many rows were given: `Rows("SELECT")`, `Rows("INSERT 0")` for RETURNING.
    Rows(&'static str),
}

impl Tag {
    /// The count that the tag itself tells.
    pub fn count(&self) -> u64 {
        match self {
            Tag::Count(_, count) => *count,
            Tag::Text(_) | Tag::Named(_) | Tag::Rows(_) => 0,
        }
    }
}

/// Some rows.
#[derive(Debug)]
pub enum Chunk {
    /// As values.
    Values(Vec<Row>),
    /// As Arrow columns, one per [`Field`].
    Arrow(RecordBatch),
    /// No rows, but something to tell.
    Notice(Notice),
}

/// Rows that come as they are asked for.
pub trait RowSource: Send + 'static {
    /// The next rows, `None` at the end.
    fn next(&mut self) -> impl Future<Output = SqlResult<Option<Chunk>>> + Send;
}

/// A NoticeResponse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// `WARNING`, `NOTICE`, `INFO`, `LOG`, `DEBUG`.
    pub severity: &'static str,
    /// SQLSTATE.
    pub sqlstate: &'static str,
    /// One sentence.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

impl Notice {
    /// A warning.
    pub fn warning(sqlstate: &'static str, message: impl Into<String>) -> Notice {
        Notice { severity: "WARNING", sqlstate, message: message.into(), hint: None }
    }

    /// A notice, SQLSTATE 00000.
    #[allow(clippy::self_named_constructors)] // PostgreSQL's own word for this severity.
    pub fn notice(message: impl Into<String>) -> Notice {
        Notice { severity: "NOTICE", sqlstate: "00000", message: message.into(), hint: None }
    }
}
