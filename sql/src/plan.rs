//! What a statement becomes.
//!
//! A [`Plan`] is made once from the text and one catalogue snapshot, and run many times with
//! different parameters. Point and batch plans hold all they need; [`Plan::Query`] keeps the
//! syntax tree for DataFusion.

use std::sync::Arc;

use model::{Column, ColumnType, IndexDef, Name, Notes, Sequence, Table, View};
use sqlparser::ast;
pub use sqlparser::ast::Query;

use crate::access::Access;
use crate::expr::Expr;
pub use crate::operate::Operation;

/// A statement ready to run.
#[derive(Debug, Clone)]
pub struct Planned {
    /// What to do.
    pub plan: Plan,
    /// Types of the parameters `$1..`, declared or inferred. For [`Plan::Query`] and what holds
    /// one, those that the client declared; the query engine knows the rest.
    pub params: Vec<Option<ColumnType>>,
    /// Version of the catalogue that the plan was made from.
    pub catalog_version: u64,
}

/// What to do.
#[derive(Debug, Clone)]
pub enum Plan {
    /// Nothing: an empty statement.
    Empty,
    /// `SELECT` without `FROM` that our own evaluator can answer: one row.
    Values(Vec<Output>),
    /// One record by key or digest.
    PointGet(Get),
    /// Records by a list of keys.
    BatchGet(Get),
    /// Records by a condition that secondary indexes answer.
    IndexGet(Arc<IndexGet>),
    /// Everything else that gives rows: DataFusion.
    Query(Box<ast::Query>),
    /// INSERT, UPSERT, REPLACE.
    Insert(Insert),
    /// UPDATE.
    Update(Update),
    /// DELETE.
    Delete(Delete),
    /// COPY FROM STDIN.
    CopyIn {
        /// How rows are stored; its source is [`InsertSource::Copied`].
        insert: Insert,
        /// How they are written.
        options: CopyOptions,
    },
    /// COPY TO STDOUT.
    CopyOut {
        /// What gives the rows, planned as it would be alone.
        plan: Box<Plan>,
        /// How they are to be written.
        options: CopyOptions,
    },
    /// TRUNCATE.
    Truncate {
        /// The sets.
        tables: Vec<Arc<Table>>,
        /// Only records whose last update is not after this, milliseconds since 1970-01-01 UTC.
        before_lut_ms: Option<u64>,
        /// Sequences that begin anew.
        restart: Vec<Arc<Sequence>>,
    },
    /// CREATE TABLE.
    CreateTable {
        /// The declaration; its `oid` is 0.
        table: Table,
        /// What is said of it beyond its columns.
        notes: Notes,
        /// Sequences that number its columns.
        sequences: Vec<Sequence>,
        /// Whether an existing declaration is no error.
        if_not_exists: bool,
    },
    /// ALTER TABLE.
    AlterTable {
        /// The table; `None` where IF EXISTS found none.
        table: Option<Arc<Table>>,
        /// What changes, in order.
        changes: Vec<TableChange>,
    },
    /// CREATE TABLE AS, SELECT INTO.
    CreateTableAs(CreateTableAs),
    /// CREATE VIEW.
    CreateView {
        /// The view; its columns are known once the query is planned.
        view: View,
        /// The query.
        query: Box<ast::Query>,
        /// Names of its columns, where the statement gives them.
        names: Vec<String>,
        /// Whether one of this name is replaced.
        or_replace: bool,
    },
    /// COMMENT ON.
    Comment {
        /// Namespace and name of the relation.
        relation: (String, String),
        /// Its column; empty for the relation itself.
        column: String,
        /// The comment; `None` takes it away.
        text: Option<String>,
    },
    /// CREATE SEQUENCE.
    CreateSequence {
        /// The sequence.
        sequence: Sequence,
        /// Whether a relation of this name is no error.
        if_not_exists: bool,
    },
    /// CREATE INDEX.
    CreateIndex(NewIndex),
    /// DROP INDEX.
    DropIndex(Vec<DroppedIndex>),
    /// SHOW INDEXES: of one set, of one namespace, or all.
    ShowIndexes {
        /// Namespace, or all.
        namespace: Option<String>,
        /// Set, or all.
        set: Option<String>,
    },
    /// STAT INDEX: numbers of one index.
    StatIndex {
        /// Namespace.
        namespace: String,
        /// Name.
        name: String,
    },
    /// ALTER SEQUENCE .. RESTART.
    RestartSequences {
        /// Each with the number that comes next, its start where none is given.
        sequences: Vec<(Arc<Sequence>, Option<i64>)>,
    },
    /// DROP SEQUENCE.
    DropSequence {
        /// Those that exist.
        sequences: Vec<Arc<Sequence>>,
        /// What is to be said of the others.
        missing: Vec<String>,
    },
    /// DROP VIEW.
    DropView {
        /// Those that exist.
        views: Vec<Arc<View>>,
        /// What is to be said of the others.
        missing: Vec<String>,
        /// Whether views that read them go with them.
        cascade: bool,
    },
    /// DROP TABLE.
    DropTable {
        /// Namespace and set of those that exist.
        tables: Vec<Arc<Table>>,
        /// What is to be said of the others.
        missing: Vec<String>,
        /// Whether views that read them go with them.
        cascade: bool,
    },
    /// CREATE NAMESPACE, CREATE SCHEMA.
    CreateNamespace {
        /// Its name.
        name: String,
        /// Words of the configuration file, `-` in them, and their values.
        settings: Vec<(String, String)>,
        /// Whether one of this name is no error.
        if_not_exists: bool,
        /// The command's tag.
        tag: &'static str,
    },
    /// DROP NAMESPACE, DROP SCHEMA.
    DropNamespace {
        /// Names of those that exist.
        names: Vec<String>,
        /// Whether their tables go with them.
        cascade: bool,
        /// The command's tag.
        tag: &'static str,
    },
    /// ALTER NAMESPACE .. SET, ALTER TABLE .. SET, SET CONFIG .. FOR NAMESPACE.
    AlterNamespace {
        /// The namespace; `None` where nothing is to be done.
        name: Option<String>,
        /// The set that the settings are for.
        set: Option<String>,
        /// Words of the configuration file, `-` in them, and their values.
        settings: Vec<(String, String)>,
        /// The command's tag.
        tag: &'static str,
    },
    /// SET CONFIG of the node itself.
    SetConfig {
        /// The setting, `-` in its name.
        name: String,
        /// Its value.
        value: String,
    },
    /// SHOW CONFIG.
    ShowConfig {
        /// A pattern of LIKE for names.
        like: Option<String>,
        /// Only of this namespace.
        namespace: Option<String>,
    },
    /// SHOW STATS: of one namespace, or of all.
    ShowStats(Option<String>),
    /// SHOW LATENCIES: of one namespace, or of all.
    ShowLatencies(Option<String>),
    /// SHOW NAMESPACES.
    ShowNamespaces,
    /// SHOW SETS, SHOW TABLES: of one namespace, or of all.
    ShowSets(Option<String>),
    /// SHOW BINS of a namespace, optionally one set.
    ShowBins {
        /// Namespace, or all.
        namespace: Option<String>,
        /// Set, or all.
        set: Option<String>,
    },
    /// EXPLAIN.
    Explain {
        /// Whether to run it and count.
        analyze: bool,
        /// FORMAT JSON.
        json: bool,
        /// The statement explained.
        plan: Box<Plan>,
    },
    /// OPERATE.
    Operate(Operate),
    /// EXECUTE .. ON, AGGREGATE.
    Call(Call),
    /// REGISTER MODULE.
    RegisterModule {
        /// File name, or the module's alone.
        file: String,
        /// Lua.
        source: String,
    },
    /// REMOVE MODULE.
    RemoveModule(String),
    /// DESC MODULE.
    DescModule(String),
    /// SHOW MODULES.
    ShowModules,
    /// ASINFO: a request as Aerospike's info protocol words it.
    Info(String),
    /// What concerns the session alone.
    Session(Session),
}

/// One column of the answer.
#[derive(Debug, Clone)]
pub struct Output {
    /// Column name.
    pub name: String,
    /// Its value.
    pub expr: Expr,
}

/// A read of one or many records by key.
#[derive(Debug, Clone)]
pub struct Get {
    /// The set.
    pub table: Arc<Table>,
    /// The key or keys. [`Plan::PointGet`] has exactly one [`KeyLookup`].
    pub keys: Keys,
    /// Bins that output and filter need.
    pub bins: Vec<Name>,
    /// Whether all bins are needed, whatever `bins` says (`to_json(rec)`).
    pub all_bins: bool,
    /// What else must be true of the record.
    pub filter: Option<Expr>,
    /// Columns of the answer.
    pub output: Vec<Output>,
    /// LIMIT.
    pub limit: Option<Expr>,
    /// OFFSET.
    pub offset: Option<Expr>,
    /// Whether a transaction block holds the records from here on: FOR UPDATE, FOR SHARE.
    pub lock: bool,
}

/// A read of records by their values.
#[derive(Debug, Clone)]
pub struct IndexGet {
    /// What is read of them: its keys are none, its filter is the whole condition.
    pub get: Get,
    /// The ways to them; which one is taken is decided when the values are known.
    pub accesses: Vec<Access>,
    /// ORDER BY what an index is over: one way, one range.
    pub order: Option<Order>,
    /// The same as a query, for when no index is cheaper than reading the whole set.
    pub query: Box<ast::Query>,
}

/// Rows in the order of an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    /// From the greatest value to the least.
    pub descending: bool,
    /// Whether rows without a value, which no index holds, would be among the answer: behind the
    /// others. (Where they come first there is no such plan.)
    pub nulls: bool,
}

/// Keys as the statement gives them.
#[derive(Debug, Clone)]
pub enum Keys {
    /// Each on its own: `PK = x`, `PK IN (..)`, `PK = a OR PK = b`.
    Each(Vec<KeyLookup>),
    /// An array, of the type of the key: `PK = ANY($1)`.
    Any(Expr),
}

/// One record's identity.
#[derive(Debug, Clone)]
pub enum KeyLookup {
    /// One expression per key column, already of that column's type. NULL matches nothing.
    Key(Vec<Expr>),
    /// A digest: blob of 20 bytes, or 40 hexadecimal digits.
    Digest(Expr),
}

/// INSERT, UPSERT, REPLACE.
#[derive(Debug, Clone)]
pub struct Insert {
    /// The set. May be unknown to the catalogue: then it is undeclared and begins with this write.
    pub table: Arc<Table>,
    /// The target columns, in the order of the rows' values: key columns and bins. Every declared
    /// column that the statement does not name stands at the end where it has a default.
    pub columns: Vec<Column>,
    /// Where the rows come from.
    pub source: InsertSource,
    /// What to do when the record is there.
    pub on_conflict: OnConflict,
    /// Time to live of this statement, seconds; `None` = session and table decide.
    pub ttl: Option<Expr>,
    /// Conditions that the rows must not make false.
    pub checks: Vec<Check>,
    /// RETURNING.
    pub returning: Vec<Output>,
}

/// CREATE TABLE AS.
#[derive(Debug, Clone)]
pub struct CreateTableAs {
    /// Namespace.
    pub namespace: String,
    /// Set.
    pub name: String,
    /// Names of the first columns, where the statement gives them.
    pub names: Vec<String>,
    /// Columns and rows.
    pub query: Box<ast::Query>,
    /// Whether a relation of this name is no error.
    pub if_not_exists: bool,
    /// Whether the rows are wanted.
    pub with_data: bool,
}

/// CREATE INDEX.
#[derive(Debug, Clone)]
pub struct NewIndex {
    /// Namespace.
    pub namespace: String,
    /// The index.
    pub def: IndexDef,
    /// Whether one of this name is no error.
    pub if_not_exists: bool,
    /// Whether the statement ends when the index is built.
    pub waits: bool,
    /// Further keys, which are not part of the index.
    pub left_out: Vec<String>,
}

/// One name of a DROP INDEX.
#[derive(Debug, Clone)]
pub enum DroppedIndex {
    /// An index that is there.
    There {
        /// Namespace.
        namespace: String,
        /// Name.
        name: String,
    },
    /// None of the name: what is to be said of it.
    Missing(String),
}

/// A CHECK constraint.
#[derive(Debug, Clone)]
pub struct Check {
    /// Its name.
    pub name: String,
    /// The condition; NULL is as good as true.
    pub expr: Expr,
}

/// Rows of an INSERT.
#[derive(Debug, Clone)]
pub enum InsertSource {
    /// VALUES: each row as long as [`Insert::columns`], each value already of its column's type.
    Values(Vec<Vec<Expr>>),
    /// INSERT .. SELECT: the query gives the first columns, `defaults` the rest.
    Query {
        /// The query.
        query: Box<ast::Query>,
        /// Values of the columns after those that the query gives.
        defaults: Vec<Expr>,
        /// Whether the query has to end before the first row is written: it reads the set.
        whole: bool,
    },
    /// COPY: the client gives the first columns, `defaults` the rest.
    Copied {
        /// Values of the columns after those that the client gives.
        defaults: Vec<Expr>,
    },
}

/// One change of a declared table.
#[derive(Debug, Clone)]
pub enum TableChange {
    /// ADD COLUMN.
    AddColumn {
        /// The column.
        column: Column,
        /// What records that are there get: the default.
        fill: Option<Expr>,
    },
    /// DROP COLUMN: their bins go.
    DropColumns(Vec<String>),
    /// RENAME COLUMN: of a key the declaration alone, else every record's bin.
    RenameColumn {
        /// Its name.
        from: String,
        /// Its new name.
        to: String,
    },
    /// A column declared anew under its name.
    Column {
        /// The column.
        new: Column,
        /// Whether it must be looked for records without a value.
        check_null: bool,
    },
    /// ADD PRIMARY KEY: every record moves to its new key.
    PrimaryKey(Vec<Column>),
    /// What is said of the table from here on.
    Notes(Notes),
    /// ADD CHECK: every record is held to it.
    AddCheck {
        /// The new one.
        check: Check,
        /// What is said of the table with it.
        notes: Notes,
    },
}

/// How rows are written in a COPY.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyOptions {
    /// Format.
    pub format: CopyFormat,
    /// What stands between two values.
    pub delimiter: u8,
    /// What stands for NULL.
    pub null: String,
    /// Whether the first line names the columns.
    pub header: CopyHeader,
    /// Quote of CSV.
    pub quote: u8,
    /// What stands before a quote inside quotes, in CSV.
    pub escape: u8,
    /// Columns that CSV always quotes; `*` = all.
    pub force_quote: Option<Vec<String>>,
    /// Columns in which the text of NULL is text.
    pub force_not_null: Vec<String>,
    /// Columns in which the text of NULL is NULL even in quotes.
    pub force_null: Vec<String>,
}

/// Format of a COPY.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CopyFormat {
    /// Lines with backslashes.
    Text,
    /// Comma-separated values.
    Csv,
    /// PostgreSQL's binary rows.
    Binary,
}

/// The first line of a COPY.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CopyHeader {
    /// Is a row.
    None,
    /// Names the columns; read over.
    Line,
    /// Names the columns, which must be the right ones.
    Match,
}

/// What an INSERT does to a record that exists.
#[derive(Debug, Clone)]
pub enum OnConflict {
    /// Error 23505 (`record_exists_action = create_only`).
    Error,
    /// Leave it (`ON CONFLICT DO NOTHING`).
    Nothing,
    /// Merge bins (`UPSERT`, `record_exists_action = update`).
    Merge,
    /// Replace the record (`REPLACE`, `record_exists_action = replace`).
    Replace,
    /// `ON CONFLICT DO UPDATE SET ..`: `excluded` columns are [`crate::expr::Row::excluded`].
    Update {
        /// Bins and their new values.
        assignments: Vec<Assignment>,
        /// WHERE of the DO UPDATE.
        filter: Option<Expr>,
    },
    /// Error unless it exists (`record_exists_action = update_only`).
    UpdateOnly,
    /// Replace it; error unless it exists (`record_exists_action = replace_only`).
    ReplaceOnly,
}

/// `SET column = expr`.
#[derive(Debug, Clone)]
pub struct Assignment {
    /// The bin's column.
    pub column: Column,
    /// The new value, already of the column's type; NULL removes the bin.
    pub expr: Expr,
}

/// OPERATE.
#[derive(Debug, Clone)]
pub struct Operate {
    /// The set.
    pub table: Arc<Table>,
    /// The record: one key or digest.
    pub keys: Keys,
    /// What is done to it.
    pub operations: Vec<Operation>,
    /// The bins of the operations that answer.
    pub output: Vec<Name>,
    /// Conditions that the record must not make false.
    pub checks: Vec<Check>,
}

/// Which records an UPDATE or DELETE is about.
#[derive(Debug, Clone)]
pub enum Target {
    /// Those of these keys that pass the filter, which is checked under the record's lock.
    Keys(Keys, Option<Expr>),
    /// Those of a scan that pass the filter, checked again under the record's lock. The scan may be
    /// one of these ways through secondary indexes.
    Scan(Option<Expr>, Vec<Access>),
    /// What our evaluator cannot say: a query whose columns are `DIGEST` (text), `GEN` (int), and
    /// then, for an UPDATE, the new value of each assignment. Applied to each record whose
    /// generation is still the same; records that changed meanwhile are asked for again.
    Query(Box<ast::Query>),
}

/// A user's function on records: each alone, or their stream.
#[derive(Debug, Clone)]
pub struct Call {
    /// Whether it is a function on a stream.
    pub aggregate: bool,
    /// Module.
    pub module: String,
    /// Function, which the column of the answer is named after.
    pub function: String,
    /// Arguments.
    pub args: Arc<[model::Value]>,
    /// The set.
    pub table: Arc<Table>,
    /// Its records; never a [`Target::Query`].
    pub target: Target,
    /// Records at most.
    pub limit: Option<u64>,
}

impl Call {
    /// Whether the answer is rows: of a stream, or of one record by its key. A function on all
    /// records of a set answers their number.
    pub fn answers(&self) -> bool {
        self.aggregate || matches!(self.target, Target::Keys(..))
    }
}

/// UPDATE.
#[derive(Debug, Clone)]
pub struct Update {
    /// The set.
    pub table: Arc<Table>,
    /// Which records.
    pub target: Target,
    /// New values. With [`Target::Query`] only the columns count: the query gives the values.
    pub assignments: Vec<Assignment>,
    /// Time to live of this statement, seconds.
    pub ttl: Option<Expr>,
    /// Conditions that the rows must not make false.
    pub checks: Vec<Check>,
    /// RETURNING, of the records as they are after the update.
    pub returning: Vec<Output>,
    /// Names of what RETURNING gives where the query computes it, in its last columns.
    pub returned: Vec<String>,
}

/// DELETE.
#[derive(Debug, Clone)]
pub struct Delete {
    /// The set.
    pub table: Arc<Table>,
    /// Which records.
    pub target: Target,
    /// RETURNING, of the records as they were.
    pub returning: Vec<Output>,
    /// Names of what RETURNING gives where the query computes it, in its last columns.
    pub returned: Vec<String>,
}

/// Statements that concern the session alone; the server runs them.
#[derive(Debug, Clone)]
pub enum Session {
    /// SET, SET LOCAL, SET name value. The value as text; `None` = DEFAULT.
    Set {
        /// Setting, lower case.
        name: String,
        /// Value.
        value: Option<String>,
        /// Whether it ends with the transaction.
        local: bool,
    },
    /// SHOW name, GET name; `all` for all.
    Show(String),
    /// RESET name; `all` for all.
    Reset(String),
    /// BEGIN, START TRANSACTION, with the settings that its modes are.
    Begin(Vec<(&'static str, &'static str)>),
    /// SET TRANSACTION, SET SESSION CHARACTERISTICS.
    SetTransaction {
        /// The settings that the modes are.
        modes: Vec<(&'static str, &'static str)>,
        /// Whether they are for all transactions to come.
        session: bool,
    },
    /// COMMIT, END.
    Commit,
    /// ROLLBACK, ABORT.
    Rollback,
    /// SAVEPOINT name.
    Savepoint(String),
    /// RELEASE name.
    Release(String),
    /// ROLLBACK TO name.
    RollbackTo(String),
    /// PREPARE name AS statement.
    Prepare {
        /// Name.
        name: String,
        /// Declared parameter types, by SQL name.
        types: Vec<String>,
        /// The statement's text.
        statement: String,
    },
    /// EXECUTE name (args): arguments are constants.
    Execute {
        /// Name.
        name: String,
        /// Arguments.
        args: Vec<Expr>,
    },
    /// DEALLOCATE name; `None` for all.
    Deallocate(Option<String>),
    /// DECLARE name CURSOR FOR query.
    Declare {
        /// Name.
        name: String,
        /// Whether it outlives the transaction.
        hold: bool,
        /// The query.
        query: Box<ast::Query>,
    },
    /// FETCH and MOVE: forward only.
    Fetch {
        /// Cursor.
        name: String,
        /// Rows at most; `None` = all that are left.
        count: Option<u64>,
        /// Whether rows are skipped instead of given.
        skip: bool,
    },
    /// CLOSE name; `None` for all.
    Close(Option<String>),
    /// DISCARD ALL | PLANS | SEQUENCES | TEMP.
    Discard(String),
    /// Accepted and does nothing: LISTEN, UNLISTEN, LOCK TABLE, VACUUM, ...
    Accepted {
        /// The command tag to answer.
        tag: String,
        /// What the client might expect and does not get.
        warning: Option<&'static str>,
    },
}
