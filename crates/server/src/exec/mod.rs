//! Running plans: the database behind the Postgres wire.
//!
//! 1. [`Executor::prepare`] plans a statement against the catalogue as it is, and asks the query
//!    engine for parameters and columns where DataFusion is to run it.
//! 2. [`Executor::execute`] looks whether the catalogue has moved on, plans again if so (a
//!    statement keeps the columns that it described), and runs the plan.
//!
//! Point and batch statements run here, over the [`Store`], without DataFusion or Arrow.

mod admin;
mod alter;
mod background;
mod by_index;
mod checks;
mod ddl;
mod explain;
mod functions;
mod get;
pub(crate) mod indexes;
mod info;
mod introspection;
mod keys;
mod operate;
mod plan_json;
mod sequences;
mod set_config;
mod show;
mod write;

use std::ops::Deref;
use std::sync::{Arc, Mutex};

use model::{ColumnType, ErrorKind, Key, Name, Object, Record, Value};
use query::SessionInfo;
use sql::expr::{Expr, Row};
use sql::plan::{
    Delete, Get, Insert, InsertSource, OnConflict, Operate, Output, Plan, Planned, Query,
    Session as Command, Target, Update,
};
use sql::{Lifted, Parsed, Scope, SqlError, SqlResult};
use store::{Locks, Store, Transaction, Ttl, View};

pub use admin::Operated;
pub use background::ArrowRows;
use background::Queries;
use sequences::{Sequences, SessionNumbers};

use crate::pg::{
    Answer, Backend, CopyIn, CopyOut, Field, Notice, Prepared, SessionState, Tag, Writes,
    column_type, known_settings,
};

/// Rows as values in their stored representation.
type Rows = Vec<Vec<Option<Value>>>;

/// The database behind the Postgres wire, over any store.
pub struct Executor<S: Store> {
    store: Arc<S>,
    queries: Queries<S>,
    locks: Arc<Locks>,
    sequences: Arc<Sequences<S>>,
}

/// A statement that was prepared.
pub struct Statement {
    parsed: Parsed,
    declared: Vec<Option<ColumnType>>,
    /// As planned at first. Nobody counts who uses it: sessions that share the statement would do so
    /// in the same place of memory.
    first: Ready,
    /// As planned against the newest catalogue that it ran with, where that is another.
    newest: Mutex<Option<Arc<Ready>>>,
}

/// A plan of a [`Statement`].
enum Planning<'s> {
    First(&'s Ready),
    Newest(Arc<Ready>),
}

impl Deref for Planning<'_> {
    type Target = Ready;

    fn deref(&self) -> &Ready {
        match self {
            Planning::First(ready) => ready,
            Planning::Newest(ready) => ready,
        }
    }
}

impl Statement {
    /// The plan that it ran with last.
    fn newest(&self) -> Planning<'_> {
        match &*lock(&self.newest) {
            Some(ready) => Planning::Newest(ready.clone()),
            None => Planning::First(&self.first),
        }
    }
}

/// A plan with what the wire has to know of it.
struct Ready {
    planned: Planned,
    /// Where DataFusion runs it.
    query: Option<query::Prepared>,
    params: Vec<Option<ColumnType>>,
    columns: Option<Vec<Field>>,
}

impl Ready {
    /// A plan that is part of this one, to be run alone.
    fn with_plan(&self, plan: &Plan) -> Ready {
        Ready {
            planned: Planned {
                plan: plan.clone(),
                params: self.planned.params.clone(),
                ..self.planned
            },
            query: self.query.clone(),
            params: self.params.clone(),
            columns: columns(plan, self.query.as_ref()),
        }
    }
}

/// What a session's settings mean to a statement.
struct Session {
    info: SessionInfo,
    record_ttl: Option<Ttl>,
}

impl<S: Operated> Executor<S> {
    /// An executor over this store; `options` are the limits of its queries.
    pub fn new(store: Arc<S>, options: query::Options) -> SqlResult<Executor<S>> {
        let queries = Queries::new(store.clone(), options)?;
        let sequences = Arc::new(Sequences::new(store.clone()));
        Ok(Executor { queries, store, locks: Arc::default(), sequences })
    }

    /// The locks that transaction blocks hold.
    pub fn locks(&self) -> Arc<Locks> {
        self.locks.clone()
    }

    /// What a session's settings mean to a statement.
    fn settings(&self, session: &SessionState) -> SqlResult<Session> {
        let record_ttl = match session.settings.get("record_ttl").map(str::parse::<i64>) {
            Some(Ok(-1)) => Some(Ttl::Never),
            Some(Ok(seconds)) if seconds > 0 => u32::try_from(seconds).ok().map(Ttl::Seconds),
            _ => None,
        };
        Ok(Session { info: self.session_info(session), record_ttl })
    }

    fn session_info(&self, session: &SessionState) -> SessionInfo {
        let settings = session.settings.clone();
        SessionInfo {
            user: session.user.clone(),
            database: session.database.clone(),
            namespace: session.namespace().to_string(),
            pid: session.pid,
            settings: Arc::new(move |name: &str| settings.get(name).map(str::to_string)),
            known_settings: known_settings(),
            transaction: session.block.clone(),
            numbers: Some(Arc::new(self.numbers(session))),
        }
    }

    fn numbers(&self, session: &SessionState) -> SessionNumbers<S> {
        SessionNumbers { sequences: self.sequences.clone(), drawn: session.drawn.clone() }
    }

    async fn ready(
        &self,
        session: &SessionState,
        parsed: &Parsed,
        declared: &[Option<ColumnType>],
    ) -> SqlResult<Ready> {
        let catalog = self.store.catalog();
        let scope = Scope {
            catalog: &catalog,
            namespace: session.namespace(),
            insert: record_exists_action(session)?,
            params: declared,
        };
        let planned = sql::plan(parsed, &scope)?;
        let query = match query_of(&planned.plan) {
            Some(query) => Some(
                self.queries.prepare(query, self.session_info(session), &planned.params).await?,
            ),
            None => None,
        };
        let params = match &query {
            Some(query) => merged(&planned.params, query.params()),
            None => planned.params.clone(),
        };
        let columns = columns(&planned.plan, query.as_ref());
        Ok(Ready { planned, query, params, columns })
    }

    /// The statement as planned against the catalogue of now. A statement whose columns would
    /// differ from those that it described is refused, as PostgreSQL does.
    async fn current<'s>(
        &self,
        session: &SessionState,
        statement: &'s Statement,
    ) -> SqlResult<Planning<'s>> {
        let version = self.store.catalog_version();
        if statement.first.planned.catalog_version == version {
            return Ok(Planning::First(&statement.first));
        }
        let ready = statement.newest();
        if ready.planned.catalog_version == version {
            return Ok(ready);
        }
        let again = Arc::new(self.ready(session, &statement.parsed, &statement.declared).await?);
        if again.columns != ready.columns || again.params != ready.params {
            return Err(SqlError::unsupported("cached plan must not change result type")
                .hint("the columns of a set have changed; prepare the statement again"));
        }
        *lock(&statement.newest) = Some(again.clone());
        Ok(Planning::Newest(again))
    }

    async fn run(
        &self,
        session: &mut SessionState,
        ready: &Ready,
        params: &[Option<Value>],
    ) -> SqlResult<Answer<ArrowRows>> {
        let store = &*self.store;
        let view = View::new(self.store.clone(), session.block.clone()).waiting_for(&self.locks);
        let drawn = session.drawn.clone();
        let writer = |settings| write::Writer {
            store: &view,
            queries: &self.queries,
            session: settings,
            params,
            now_ms: store.now_ms(),
            sequences: &self.sequences,
            drawn: &drawn,
        };
        let done = Ok(Answer::Done(Tag::Text("")));
        match &ready.planned.plan {
            Plan::Empty => done,
            Plan::PointGet(get) | Plan::BatchGet(get) => {
                let rows = get::find(store, session.block.as_deref(), get, params)
                    .await?
                    .rows(get, params)?;
                Ok(Answer::Values(Tag::Rows("SELECT"), rows))
            }
            Plan::IndexGet(plan) => self.index_get(session, ready, plan, params).await,
            Plan::Values(output) => {
                let row = Row { params, now_ms: store.now_ms(), ..Row::default() };
                Ok(Answer::Values(Tag::Rows("SELECT"), vec![outputs(output, &row)?]))
            }
            Plan::Query(_) | Plan::Session(Command::Declare { .. }) => {
                if let Plan::Query(query) = &ready.planned.plan {
                    set_config::apply(query, session)?;
                }
                if session.block.is_some()
                    && let Plan::Query(query) = &ready.planned.plan
                    && !query.locks.is_empty()
                {
                    let message = "FOR UPDATE and FOR SHARE hold only rows that are chosen by key";
                    session.notice(Notice::warning("0A000", message));
                }
                let query = ready.query.as_ref().ok_or_else(no_query)?;
                let rows = self.queries.start(query, params, self.session_info(session))?;
                Ok(Answer::Stream(Tag::Rows("SELECT"), rows))
            }
            Plan::Insert(insert) => {
                let settings = self.settings(session)?;
                let written = writer(&settings).insert(insert).await?;
                Ok(answer("INSERT 0", written, returning(&insert.returning)))
            }
            Plan::CopyIn { insert, options } => {
                let defaults = match &insert.source {
                    InsertSource::Copied { defaults } => defaults.len(),
                    _ => 0,
                };
                let given = &insert.columns[..insert.columns.len() - defaults];
                Ok(Answer::CopyIn(CopyIn {
                    table: insert.table.name.clone(),
                    columns: given.iter().map(|c| Field::new(&*c.name, c.column_type)).collect(),
                    options: options.clone(),
                }))
            }
            Plan::CopyOut { plan, options } => {
                let alone = ready.with_plan(plan);
                let rows = Box::pin(self.run(session, &alone, params)).await?;
                Ok(Answer::CopyOut(CopyOut {
                    columns: alone.columns.unwrap_or_default(),
                    options: options.clone(),
                    rows: Box::new(rows),
                }))
            }
            Plan::Update(update) => {
                let settings = self.settings(session)?;
                let written = writer(&settings).update(update).await?;
                Ok(answer("UPDATE", written, columns(&ready.planned.plan, ready.query.as_ref())))
            }
            Plan::Delete(delete) => {
                let settings = self.settings(session)?;
                let written = writer(&settings).delete(delete).await?;
                Ok(answer("DELETE", written, columns(&ready.planned.plan, ready.query.as_ref())))
            }
            Plan::Comment { relation, column, text } => {
                self.comment(relation, column, text.as_deref()).await
            }
            Plan::CreateSequence { sequence, if_not_exists } => {
                self.create_sequence(session, sequence, *if_not_exists).await
            }
            Plan::CreateIndex(new) => self.create_index(session, new).await,
            Plan::DropIndex(dropped) => self.drop_indexes(session, dropped).await,
            Plan::ShowIndexes { namespace, set } => {
                indexes::show(store, namespace.as_deref(), set.as_deref())
            }
            Plan::StatIndex { namespace, name } => indexes::stat(store, namespace, name),
            Plan::RestartSequences { sequences } => {
                for (sequence, next) in sequences {
                    self.restart(sequence, *next).await?;
                }
                Ok(Answer::Done(Tag::Text("ALTER SEQUENCE")))
            }
            Plan::DropSequence { sequences, missing } => {
                self.drop_sequences(session, sequences, missing).await
            }
            Plan::Truncate { tables, before_lut_ms, restart } => {
                for table in tables {
                    view.truncate(&table.namespace, &table.name, *before_lut_ms).await?;
                }
                for sequence in restart {
                    self.restart(sequence, None).await?;
                }
                Ok(Answer::Done(Tag::Text("TRUNCATE TABLE")))
            }
            Plan::CreateTable { table, notes, sequences, if_not_exists } => {
                self.create_table(session, table, (notes, sequences), *if_not_exists).await
            }
            Plan::AlterTable { table, changes } => {
                if let Some(table) = table {
                    alter::alter(store, table, changes).await?;
                }
                Ok(Answer::Done(Tag::Text("ALTER TABLE")))
            }
            Plan::CreateTableAs(create) => {
                Box::pin(self.create_table_as(session, create, ready, params)).await
            }
            Plan::CreateView { view, names, or_replace, .. } => {
                self.create_view(session, view, names, *or_replace, ready).await
            }
            Plan::DropView { views, missing, cascade } => {
                self.drop_views(session, views, missing, *cascade).await
            }
            Plan::DropTable { tables, missing, cascade } => {
                self.drop_tables(session, tables, missing, *cascade).await
            }
            Plan::CreateNamespace { name, settings, if_not_exists, tag } => {
                self.create_namespace(session, name, settings, *if_not_exists, tag).await
            }
            Plan::DropNamespace { names, cascade, tag } => {
                self.drop_namespaces(names, *cascade, tag).await
            }
            Plan::AlterNamespace { name, set, settings, tag } => {
                if let Some(name) = name {
                    self.alter_namespace(session, name, set.as_deref(), settings).await?;
                }
                Ok(Answer::Done(Tag::Text(tag)))
            }
            Plan::SetConfig { name, value } => self.set_config(session, name, value),
            Plan::ShowConfig { like, namespace } => {
                self.config(like.as_deref(), namespace.as_deref())
            }
            Plan::ShowStats(namespace) => admin::stats(store, namespace.as_deref()),
            Plan::ShowLatencies(namespace) => admin::latencies(store, namespace.as_deref()),
            Plan::ShowNamespaces => Ok(show::namespaces(store)),
            Plan::ShowSets(namespace) => show::sets(store, namespace.as_deref()),
            Plan::ShowBins { namespace, set } => {
                show::bins(store, namespace.as_deref(), set.as_deref())
            }
            Plan::Operate(operate) => {
                let settings = self.settings(session)?;
                let done = writer(&settings).operate(operate).await?;
                Ok(match operate.output[..] {
                    [] => Answer::Done(Tag::Count("OPERATE", done.count)),
                    _ => Answer::Values(Tag::Rows("OPERATE"), done.rows),
                })
            }
            Plan::Call(call) => self.call(session, call, params).await,
            Plan::RegisterModule { file, source } => self.register_module(file, source).await,
            Plan::RemoveModule(file) => self.remove_module(file).await,
            Plan::DescModule(file) => functions::describe(store, file),
            Plan::ShowModules => Ok(functions::modules(store)),
            Plan::Info(request) => info::info(store, request),
            Plan::Explain { analyze, json, plan } => {
                let lines = self.explain(session, ready, plan, *analyze, params).await?;
                let lines = if *json { vec![plan_json::of_lines(&lines)] } else { lines };
                let row = |line| vec![Some(Value::String(line))];
                Ok(Answer::Values(Tag::Text("EXPLAIN"), lines.into_iter().map(row).collect()))
            }
            Plan::Session(_) => Err(SqlError::new("XX000", "the session runs its own commands")),
        }
    }

    async fn create_table(
        &self,
        session: &mut SessionState,
        table: &model::Table,
        (notes, sequences): (&model::Notes, &[model::Sequence]),
        if_not_exists: bool,
    ) -> SqlResult<Answer<ArrowRows>> {
        let catalog = self.store.catalog();
        match ddl::is_taken(&catalog, &table.namespace, &table.name) {
            true => {
                let hint = "DROP TABLE it first, or say CREATE TABLE IF NOT EXISTS";
                ddl::taken(session, &table.name, if_not_exists, hint)?;
            }
            false => {
                let (namespace, set) = (&table.namespace, &table.name);
                // First: a table never stands there without its checks.
                self.store.define(namespace, set, Object::Notes(notes.clone())).await?;
                for sequence in sequences {
                    let object = Object::Sequence(sequence.clone());
                    self.store.define(namespace, &sequence.name, object).await?;
                }
                self.store.declare(table.clone()).await?;
                if let Some(block) = &session.block
                    && self.store.count(namespace, set).await? == 0
                {
                    block.emptied(namespace, set);
                }
            }
        }
        Ok(Answer::Done(Tag::Text("CREATE TABLE")))
    }
}

impl<S: Operated> Backend for Executor<S> {
    type Parsed = Parsed;
    type Statement = Statement;
    type Rows = ArrowRows;
    type Found<'s> = get::Found<'s>;

    fn namespaces(&self) -> Vec<String> {
        let mut names: Vec<String> = self.store.catalog().namespaces.keys().cloned().collect();
        // `test` is where Aerospike's own tools begin.
        names.sort_by_key(|name| (name != "test", name.clone()));
        names
    }

    fn parse(&self, _session: &SessionState, text: &str) -> SqlResult<Vec<Parsed>> {
        sql::parse(introspection::answer(text).unwrap_or(text))
    }

    async fn prepare(
        &self,
        session: &SessionState,
        parsed: Parsed,
        declared: &[u32],
    ) -> SqlResult<Prepared<Statement>> {
        let (known, param_oids) = introspection::params(&parsed.text);
        let declared = declared.iter().map(|oid| declared_type(*oid));
        let declared: Vec<_> = if known.is_empty() { declared.collect() } else { known };
        let first = self.ready(session, &parsed, &declared).await?;
        Ok(Prepared {
            params: first.params.clone(),
            columns: first.columns.clone(),
            param_oids,
            statement: Statement { parsed, declared, first, newest: Mutex::default() },
        })
    }

    fn serves_all(&self, statement: &Statement) -> bool {
        let ready = statement.newest();
        let own = match &ready.planned.plan {
            Plan::PointGet(_) | Plan::BatchGet(_) | Plan::Values(_) | Plan::IndexGet(_) => true,
            // What DataFusion has planned knows the session that asked.
            Plan::Insert(_) | Plan::Update(_) | Plan::Delete(_) => ready.query.is_none(),
            _ => false,
        };
        own && ready.planned.catalog_version == self.store.catalog_version()
    }

    fn lift(&self, text: &str) -> Option<Lifted> {
        sql::lift(text)
    }

    fn takes_literals(&self, statement: &Statement) -> bool {
        // Where nothing is declared, the literals themselves say the types.
        let table = |table: &model::Table| table.declared;
        match &statement.newest().planned.plan {
            Plan::PointGet(get) | Plan::BatchGet(get) => table(&get.table),
            Plan::IndexGet(plan) => table(&plan.get.table),
            Plan::Insert(insert) => table(&insert.table),
            Plan::Update(update) => table(&update.table),
            Plan::Delete(delete) => table(&delete.table),
            _ => false,
        }
    }

    async fn find<'s>(
        &self,
        session: &SessionState,
        statement: &'s Statement,
        params: &[Option<Value>],
    ) -> SqlResult<Option<get::Found<'s>>> {
        let ready = self.current(session, statement).await?;
        let get = match &ready.planned.plan {
            Plan::PointGet(get) | Plan::BatchGet(get) => get,
            Plan::IndexGet(plan) => {
                let view = View::new(self.store.clone(), session.block.clone());
                let hits = by_index::find(&view, plan, params).await?;
                return Ok(hits.map(|hits| get::Found::new(ready, hits)));
            }
            _ => return Ok(None),
        };
        let hits = get::find(&*self.store, session.block.as_deref(), get, params).await?;
        Ok(Some(get::Found::new(ready, hits)))
    }

    async fn execute(
        &self,
        session: &mut SessionState,
        statement: &Arc<Statement>,
        params: Vec<Option<Value>>,
    ) -> SqlResult<Answer<ArrowRows>> {
        let ready = self.current(session, statement).await?;
        self.run(session, &ready, &params).await
    }

    fn session<'a>(&self, statement: &'a Statement) -> Option<&'a Command> {
        sql::session_command(&statement.parsed)
    }

    async fn copy(
        &self,
        session: &mut SessionState,
        statement: &Arc<Statement>,
        rows: Rows,
    ) -> SqlResult<u64> {
        let ready = self.current(session, statement).await?;
        let Plan::CopyIn { insert, .. } = &ready.planned.plan else {
            return Err(SqlError::new("XX000", "rows came for a statement that is no COPY"));
        };
        let (namespace, set) = (&insert.table.namespace, &insert.table.name);
        // A block may load a set that it has emptied itself with any number of rows.
        let block = session.block.clone().filter(|block| !block.loads(namespace, set));
        let view = View::new(self.store.clone(), block);
        let settings = self.settings(session)?;
        let writer = write::Writer {
            store: &view,
            queries: &self.queries,
            session: &settings,
            params: &[],
            now_ms: self.store.now_ms(),
            sequences: &self.sequences,
            drawn: &session.drawn,
        };
        Ok(writer.copied(insert, rows).await?.count)
    }

    async fn rollback(&self, session: &SessionState) -> SqlResult<()> {
        let Some(block) = &session.block else { return Ok(()) };
        for (namespace, set) in block.loaded() {
            self.store.truncate(&namespace, &set, None).await?;
        }
        Ok(())
    }

    fn writes(&self, statement: &Statement) -> Writes {
        fn writes(plan: &Plan) -> Writes {
            match plan {
                Plan::Insert(_) | Plan::Update(_) | Plan::Delete(_) => Writes::InBlock,
                Plan::Operate(operate) => match operate.operations.iter().all(|o| o.reads()) {
                    true => Writes::Nothing,
                    false => Writes::InBlock,
                },
                Plan::CopyIn { .. } => Writes::InBlock,
                Plan::Truncate { .. } | Plan::CreateTable { .. } | Plan::DropTable { .. } => {
                    Writes::AtOnce
                }
                Plan::Comment { .. }
                | Plan::CreateSequence { .. }
                | Plan::RestartSequences { .. }
                | Plan::DropSequence { .. } => Writes::AtOnce,
                Plan::CreateIndex(_) | Plan::DropIndex(_) => Writes::AtOnce,
                Plan::CreateTableAs(_) | Plan::CreateView { .. } | Plan::DropView { .. } => {
                    Writes::AtOnce
                }
                Plan::AlterTable { .. } => Writes::AtOnce,
                Plan::RegisterModule { .. } | Plan::RemoveModule(_) => Writes::AtOnce,
                Plan::Call(call) if !call.aggregate => Writes::AtOnce,
                Plan::CreateNamespace { .. } | Plan::DropNamespace { .. } => Writes::AtOnce,
                Plan::AlterNamespace { .. } | Plan::SetConfig { .. } => Writes::AtOnce,
                Plan::Explain { analyze: true, plan, .. } => writes(plan),
                _ => Writes::Nothing,
            }
        }
        writes(&statement.newest().planned.plan)
    }

    fn begin(&self) -> Arc<Transaction> {
        Arc::new(Transaction::new(self.locks.clone()))
    }

    async fn commit(&self, session: &SessionState) -> SqlResult<()> {
        let Some(block) = &session.block else { return Ok(()) };
        let strict = matches!(
            session.settings.get("transaction_isolation"),
            Some("serializable" | "repeatable read")
        );
        block.commit(&*self.store, strict).await.map_err(commit_error)
    }

    fn constants(
        &self,
        _session: &SessionState,
        args: &[Expr],
        types: &[Option<ColumnType>],
    ) -> SqlResult<Vec<Option<Value>>> {
        let row = Row { now_ms: self.store.now_ms(), ..Row::default() };
        let constant = |(arg, wanted): (&Expr, &Option<ColumnType>)| {
            let value = arg.eval(&row)?;
            match (value, wanted) {
                (Some(Value::String(text)), Some(wanted)) => {
                    sql::types::parse_text(*wanted, &text).map(Some)
                }
                (Some(value), Some(wanted)) => sql::types::coerce(*wanted, value).map(Some),
                (value, _) => Ok(value),
            }
        };
        args.iter().zip(types).map(constant).collect()
    }
}

/// The type that a client's declaration settles. Text settles nothing: drivers declare it for
/// whatever they send as text, and the context knows better.
fn declared_type(oid: u32) -> Option<ColumnType> {
    column_type(oid).filter(|t| !matches!(t, ColumnType::Text | ColumnType::Varchar(_)))
}

fn answer(
    word: &'static str,
    written: write::Written,
    returning: Option<Vec<Field>>,
) -> Answer<ArrowRows> {
    match returning {
        None => Answer::Done(Tag::Count(word, written.count)),
        Some(_) => Answer::Values(Tag::Rows(word), written.rows),
    }
}

/// The query that DataFusion has to plan for a statement's own answer.
fn query_of(plan: &Plan) -> Option<&Query> {
    match plan {
        Plan::Query(query) | Plan::Session(Command::Declare { query, .. }) => Some(query),
        Plan::CreateTableAs(create) => Some(&create.query),
        Plan::CreateView { query, .. } => Some(query),
        Plan::CopyOut { plan, .. } => query_of(plan),
        Plan::Explain { plan, .. } => match &**plan {
            Plan::Update(update) => target_query(&update.target),
            Plan::Delete(delete) => target_query(&delete.target),
            Plan::Insert(insert) => source_query(insert),
            plan => query_of(plan),
        },
        Plan::Update(update) => target_query(&update.target),
        Plan::Delete(delete) => target_query(&delete.target),
        Plan::Insert(insert) => source_query(insert),
        _ => None,
    }
}

fn target_query(target: &Target) -> Option<&Query> {
    match target {
        Target::Query(query) => Some(query),
        _ => None,
    }
}

fn source_query(insert: &Insert) -> Option<&Query> {
    match &insert.source {
        InsertSource::Query { query, .. } => Some(query),
        _ => None,
    }
}

/// Columns of the answer; `None` where there are no rows.
fn columns(plan: &Plan, query: Option<&query::Prepared>) -> Option<Vec<Field>> {
    match plan {
        Plan::Values(output) => Some(fields(output)),
        Plan::PointGet(get) | Plan::BatchGet(get) => Some(get_fields(get)),
        Plan::IndexGet(plan) => Some(get_fields(&plan.get)),
        Plan::Query(_) | Plan::Session(Command::Declare { .. }) => {
            query.map(|query| query.fields().iter().map(query_field).collect())
        }
        Plan::Insert(insert) => returning(&insert.returning),
        Plan::Update(Update { returned, .. }) | Plan::Delete(Delete { returned, .. })
            if !returned.is_empty() =>
        {
            query.map(|query| last_fields(query, returned))
        }
        Plan::Update(update) => returning(&update.returning),
        Plan::Delete(delete) => returning(&delete.returning),
        Plan::ShowConfig { .. } => Some(admin::config_fields()),
        Plan::ShowStats(_) => Some(admin::stat_fields()),
        Plan::ShowLatencies(_) => Some(admin::latency_fields()),
        Plan::ShowIndexes { .. } => Some(indexes::index_fields()),
        Plan::StatIndex { .. } => Some(indexes::stat_fields()),
        Plan::ShowNamespaces => Some(show::namespace_fields()),
        Plan::ShowSets(_) => Some(show::set_fields()),
        Plan::ShowBins { .. } => Some(show::bin_fields()),
        Plan::Operate(operate) => operate_fields(operate),
        Plan::Call(call) => functions::call_fields(call),
        Plan::DescModule(_) => Some(functions::source_fields()),
        Plan::ShowModules => Some(functions::module_fields()),
        Plan::Info(_) => Some(info::info_fields()),
        Plan::Explain { json, .. } => {
            let text = Field::new("QUERY PLAN", ColumnType::Text);
            Some(vec![if *json { Field { oid: plan_json::OID, ..text } } else { text }])
        }
        _ => None,
    }
}

/// The last columns of a query under these names.
fn last_fields(query: &query::Prepared, names: &[String]) -> Vec<Field> {
    let fields = query.fields();
    let last = &fields[fields.len().saturating_sub(names.len())..];
    let named = |(field, name): (&query::Field, &String)| Field {
        name: name.as_str().into(),
        ..query_field(field)
    };
    last.iter().zip(names).map(named).collect()
}

fn returning(output: &[Output]) -> Option<Vec<Field>> {
    (!output.is_empty()).then(|| fields(output))
}

/// A column for each operation that answers, named as its bin.
fn operate_fields(operate: &Operate) -> Option<Vec<Field>> {
    let field = |bin: &Name| Field::new(&**bin, ColumnType::Jsonb);
    (!operate.output.is_empty()).then(|| operate.output.iter().map(field).collect())
}

fn fields(output: &[Output]) -> Vec<Field> {
    output.iter().map(|o| Field::new(o.name.as_str(), o.expr.column_type())).collect()
}

/// Columns of a get know where they come from.
fn get_fields(get: &Get) -> Vec<Field> {
    let mut fields = fields(&get.output);
    for (field, output) in fields.iter_mut().zip(&get.output) {
        let Some(name) = output.expr.as_column() else { continue };
        let columns = get.table.key.iter().chain(&get.table.columns);
        let place = columns.zip(1..).find(|(column, _)| **name == *column.name);
        if let Some((_, attnum)) = place {
            field.table_oid = get.table.oid;
            field.attnum = attnum;
        }
    }
    fields
}

fn query_field(field: &query::Field) -> Field {
    Field { typmod: field.typmod, ..Field::of_oid(field.name.as_str(), field.oid) }
}

/// Parameter types: what the dialect knows, else what the query engine infers.
fn merged(
    known: &[Option<ColumnType>],
    inferred: &[Option<ColumnType>],
) -> Vec<Option<ColumnType>> {
    let count = known.len().max(inferred.len());
    let at = |types: &[Option<ColumnType>], i: usize| types.get(i).copied().flatten();
    (0..count).map(|i| at(known, i).or_else(|| at(inferred, i))).collect()
}

/// Why a transaction block did not happen.
fn commit_error(error: model::Error) -> SqlError {
    match error.kind {
        ErrorKind::GenerationMismatch => {
            let message = "could not serialize access due to concurrent update";
            let hint = "The transaction might succeed if retried.";
            SqlError::new("40001", message).detail(error.detail).hint(hint)
        }
        _ => error.into(),
    }
}

fn no_query() -> SqlError {
    SqlError::new("XX000", "a query was not planned before it was run")
}

fn outputs(output: &[Output], row: &Row<'_>) -> SqlResult<Vec<Option<Value>>> {
    output.iter().map(|column| column.expr.eval(row)).collect()
}

fn passes(filter: Option<&Expr>, row: &Row<'_>) -> SqlResult<bool> {
    filter.map_or(Ok(true), |filter| filter.is_true(row))
}

/// What expressions see of a record.
fn row<'a>(
    set: &'a str,
    record: Option<&'a Record>,
    key: Option<&'a Key>,
    params: &'a [Option<Value>],
    now_ms: u64,
) -> Row<'a> {
    Row { record, key, set, params, now_ms, ..Row::default() }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// What a plain INSERT does to a record that is there.
fn record_exists_action(session: &SessionState) -> SqlResult<OnConflict> {
    Ok(match session.settings.get("record_exists_action").unwrap_or("create_only") {
        "create_only" => OnConflict::Error,
        "update" => OnConflict::Merge,
        "replace" => OnConflict::Replace,
        "update_only" => OnConflict::UpdateOnly,
        "replace_only" => OnConflict::ReplaceOnly,
        other => {
            let message = format!("record_exists_action \"{other}\" is unknown");
            return Err(SqlError::new("22023", message));
        }
    })
}
