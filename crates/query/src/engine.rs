//! Queries from syntax tree to rows.
//!
//! 1. [`Engine::prepare`] makes the tree digestible (`rewrite`), lets DataFusion resolve it against
//!    one catalogue snapshot (`tables`), and gives what PostgreSQL means and DataFusion does not
//!    (`semantics`). What comes out has typed parameters and a fixed list of columns.
//! 2. [`Engine::execute`] puts the parameters in, lets DataFusion optimize, and starts the plan.
//!    Rows stream as they are polled for.
//!
//! Both plan on threads of their own. One `SessionState` holds all functions and rules; each
//! statement takes a copy whose configuration carries its session. Nothing here writes.

use std::fmt;
use std::io::ErrorKind;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use datafusion::common::metadata::ScalarAndMetadata;
use datafusion::common::{ParamValues, Result};
use datafusion::execution::context::SessionState;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::{SendableRecordBatchStream, SessionStateBuilder};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::physical_plan::display::DisplayableExecutionPlan;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use datafusion::prelude::SessionConfig;
use datafusion::sql::planner::{ParserOptions, PlannerContext, SqlToRel};
use datafusion::sql::sqlparser::ast;
use futures::StreamExt;
use model::{ColumnType, Value};
use sql::{SqlError, SqlResult};
use store::Store;
use tokio_util::sync::CancellationToken;

use crate::columns::scalar_of;
use crate::decorrelate::decorrelate;
use crate::error::sql_error;
use crate::interrupt::{self, interruptible};
use crate::planner::Planner;
use crate::scan::CountRecords;
use crate::session::{Context, SessionInfo};
use crate::tables::Tables;
use crate::{functions, lateral, membership, names, nesting, ordered, rewrite, semantics, types};

/// Limits of an [`Engine`].
#[derive(Debug, Clone)]
pub struct Options {
    /// Bytes that all running queries may take together for sorting, grouping and joining.
    pub memory_size: usize,
    /// Folder for what does not fit there, which is the engine's own: what an earlier one has left
    /// in it is removed. `None` takes a folder of the system's for temporary files.
    pub spill_folder: Option<PathBuf>,
    /// Bytes that all running queries may put there together.
    pub spill_size: u64,
    /// Streams that one query reads a set with, and partitions of its joins and aggregates.
    pub parallelism: usize,
    /// Rows of a batch at most.
    pub batch_rows: usize,
}

impl Default for Options {
    /// 512 MiB and 16 GiB, as many streams as there are processors, and DataFusion's own batch size.
    fn default() -> Options {
        let parallelism = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Options {
            memory_size: 512 << 20,
            spill_folder: None,
            spill_size: 16 << 30,
            parallelism,
            batch_rows: 8192,
        }
    }
}

/// Runs queries over a store.
pub struct Engine<S: Store> {
    store: Arc<S>,
    state: SessionState,
    planner: Planner,
}

impl<S: Store> fmt::Debug for Engine<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Engine")
    }
}

/// A column of a query's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Name, as PostgreSQL would name it.
    pub name: String,
    /// OID of its type on the wire.
    pub oid: u32,
    /// Type modifier, or -1.
    pub typmod: i32,
    /// The type that its cells are values of.
    pub column_type: ColumnType,
}

/// A query that is planned, without its parameters.
#[derive(Debug, Clone)]
pub struct Prepared {
    plan: Arc<LogicalPlan>,
    params: Arc<[Option<ColumnType>]>,
    fields: Arc<[Field]>,
}

impl Prepared {
    /// Types of `$1..`: declared, else inferred, else text.
    pub fn params(&self) -> &[Option<ColumnType>] {
        &self.params
    }

    /// Columns of the answer.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }
}

impl<S: Store> Engine<S> {
    /// An engine over this store.
    pub fn new(store: Arc<S>, options: Options) -> SqlResult<Engine<S>> {
        let runtime = runtime(&options).map_err(sql_error)?;
        let config = config(&options);
        let mut state = SessionStateBuilder::new()
            .with_config(config)
            .with_runtime_env(runtime)
            .with_default_features()
            .with_type_planner(Arc::new(semantics::Types))
            .with_physical_optimizer_rules(physical_rules::<S>())
            .build();
        functions::register(&mut state).map_err(sql_error)?;
        let planner = Planner::new(options.parallelism.min(4))?;
        Ok(Engine { store, state, planner })
    }

    /// Plans a query. `declared` are the types of `$1..` that the client declared.
    pub async fn prepare(
        &self,
        query: &ast::Query,
        session: &SessionInfo,
        declared: &[Option<ColumnType>],
    ) -> SqlResult<Prepared> {
        let state = self.state_for(session);
        let (store, query, declared) = (self.store.clone(), query.clone(), declared.to_vec());
        self.planner.run(move || prepare(store, state, query, &declared)).await
    }

    /// Starts a planned query. `params` are the values of `$1..` in their types' stored form. Once
    /// `cancel` is cancelled, a poll of the stream soon ends in an error.
    pub async fn execute(
        &self,
        prepared: &Prepared,
        params: &[Option<Value>],
        session: &SessionInfo,
        cancel: &CancellationToken,
    ) -> SqlResult<SendableRecordBatchStream> {
        let state = self.state_for(session);
        let task = state.task_ctx();
        let plan = self.physical(state, prepared, params).await?;
        let plan = interruptible(plan, cancel).map_err(sql_error)?;
        execute_stream(plan, task).map_err(sql_error)
    }

    /// The lines of EXPLAIN. With `analyze` the query is run, and each node tells what it did;
    /// `cancel` ends it.
    pub async fn explain(
        &self,
        prepared: &Prepared,
        params: &[Option<Value>],
        analyze: bool,
        session: &SessionInfo,
        cancel: &CancellationToken,
    ) -> SqlResult<Vec<String>> {
        let state = self.state_for(session);
        let task = state.task_ctx();
        let mut plan = self.physical(state, prepared, params).await?;
        let begun = Instant::now();
        let mut rows = 0;
        if analyze {
            plan = interruptible(plan, cancel).map_err(sql_error)?;
            let mut stream = execute_stream(plan.clone(), task).map_err(sql_error)?;
            while let Some(batch) = stream.next().await {
                rows += batch.map_err(sql_error)?.num_rows();
            }
        }
        let shown = match analyze {
            true => DisplayableExecutionPlan::with_metrics(plan.as_ref()),
            false => DisplayableExecutionPlan::new(plan.as_ref()),
        };
        let mut lines = interrupt::shown(&shown.indent(false).to_string());
        if analyze {
            let ms = begun.elapsed().as_secs_f64() * 1000.0;
            lines.extend([format!("Rows: {rows}"), format!("Execution Time: {ms:.3} ms")]);
        }
        Ok(lines)
    }

    async fn physical(
        &self,
        state: SessionState,
        prepared: &Prepared,
        params: &[Option<Value>],
    ) -> SqlResult<Arc<dyn ExecutionPlan>> {
        let plan = prepared.plan.clone();
        let values = param_values(prepared, params)?;
        let job = move || {
            let plan = plan.as_ref().clone();
            let plan = if values.is_empty() {
                plan
            } else {
                plan.replace_params_with_values(&ParamValues::List(values)).map_err(sql_error)?
            };
            let plan = futures::executor::block_on(state.create_physical_plan(&plan));
            plan.map_err(sql_error)
        };
        self.planner.run(job).await
    }

    fn state_for(&self, session: &SessionInfo) -> SessionState {
        let mut state = self.state.clone();
        state.config_mut().options_mut().extensions.insert(Context {
            session: session.clone(),
            catalog: self.store.catalog(),
            now_ms: self.store.now_ms(),
        });
        // Hands the configuration to expressions, so it comes after the session is in it.
        state.mark_start_execution();
        state
    }
}

fn runtime(options: &Options) -> Result<Arc<RuntimeEnv>> {
    let pool = Arc::new(FairSpillPool::new(options.memory_size));
    let mut disk = DiskManagerBuilder::default().with_max_temp_directory_size(options.spill_size);
    if let Some(folder) = &options.spill_folder {
        let emptied = match std::fs::remove_dir_all(folder) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => std::fs::create_dir_all(folder),
        };
        emptied.map_err(|error| {
            let what = format!("the folder {} of queries' files: {error}", folder.display());
            std::io::Error::new(error.kind(), what)
        })?;
        disk.set_mode(DiskManagerMode::Directories(vec![folder.clone()]));
    }
    RuntimeEnvBuilder::new().with_memory_pool(pool).with_disk_manager_builder(disk).build_arc()
}

fn config(options: &Options) -> SessionConfig {
    let mut config = SessionConfig::new()
        .with_information_schema(false)
        .with_create_default_catalog_and_schema(false)
        .with_target_partitions(options.parallelism)
        .with_batch_size(options.batch_rows);
    let all = config.options_mut();
    all.sql_parser.map_string_types_to_utf8view = false;
    all.sql_parser.collect_spans = true;
    // Aggregates of JSON keep the order of a subquery.
    all.sql_parser.enable_subquery_sort_elimination = false;
    all.sql_parser.dialect = datafusion::common::config::Dialect::PostgreSQL;
    // It compares marks of columns, too, which joins and projections do not keep alike.
    all.execution.skip_physical_aggregate_schema_check = true;
    all.execution.time_zone = Some("+00:00".into());
    // Small answers are the rule: rows that fit a batch are not worth spreading over cores.
    all.optimizer.enable_round_robin_repartition = false;
    config
}

/// What makes a physical plan better: DataFusion's rules without the one that moves filters down a
/// second time. It knows columns by name, so that above a join whose sides both have a column `b` it
/// asks the wrong one (55.2); and our scans have been given their filters before.
fn physical_rules<S: Store>() -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    let mut rules = PhysicalOptimizer::new().rules;
    rules.retain(|rule| !rule.name().starts_with("FilterPushdown"));
    rules.push(Arc::new(CountRecords::<S>::new()));
    rules
}

/// Everything of planning that needs no parameters.
fn prepare<S: Store>(
    store: Arc<S>,
    state: SessionState,
    mut query: ast::Query,
    declared: &[Option<ColumnType>],
) -> SqlResult<Prepared> {
    let context = Context::of(state.config_options()).map_err(sql_error)?.clone();
    nesting::check(&query)?;
    let names = names::of_query(&query);
    rewrite::query(&mut query, &context)?;
    let mentioned = rewrite::mentioned_pseudo_columns(&query);
    let tables = Tables::new(store, &state, &context, mentioned);
    let plan = match logical(&tables, query.clone(), declared).map_err(sql_error) {
        // Two expressions of a select list look alike to DataFusion: the client is told `names`.
        Err(error) if error.sqlstate == "42701" => {
            rewrite::number_items(&mut query);
            logical(&tables, query, declared).map_err(sql_error)?
        }
        planned => planned?,
    };
    let plan = membership::spelled_out(plan).map_err(sql_error)?;
    let plan = lateral::flattened(plan).map_err(sql_error)?;
    let plan = decorrelate(plan).map_err(sql_error)?;
    let plan = ordered::ordered(plan).map_err(sql_error)?;
    let plan = semantics::apply(plan, &state).map_err(sql_error)?;
    let params = semantics::param_types(&plan, declared).map_err(sql_error)?;
    let options = state.config_options();
    let plan = state.analyzer().execute_and_check(plan, options, |_, _| {}).map_err(sql_error)?;
    let plan = semantics::wire_types(plan).map_err(sql_error)?;
    let fields = fields(&plan, &names);
    Ok(Prepared { plan: Arc::new(plan), params: params.into(), fields: fields.into() })
}

fn logical<S: Store>(
    tables: &Tables<'_, S>,
    query: ast::Query,
    declared: &[Option<ColumnType>],
) -> Result<LogicalPlan> {
    let known = |t: &Option<ColumnType>| t.map(|t| Arc::new(types::field("", t)));
    let mut planning =
        PlannerContext::new().with_prepare_param_data_types(declared.iter().map(known).collect());
    let options = ParserOptions {
        parse_float_as_decimal: false,
        map_string_types_to_utf8view: false,
        collect_spans: true,
        ..ParserOptions::new()
    };
    SqlToRel::new_with_options(tables, options)
        .sql_statement_to_plan_with_context(ast::Statement::Query(Box::new(query)), &mut planning)
}

/// The answer's columns: types from the plan, names from the syntax tree where it tells one for
/// each column.
fn fields(plan: &LogicalPlan, names: &names::Names) -> Vec<Field> {
    let schema = plan.schema();
    let count = schema.fields().len();
    let field = |(i, field): (usize, &Arc<datafusion::arrow::datatypes::Field>)| Field {
        name: names.get(i, count).unwrap_or_else(|| field.name()).to_string(),
        oid: types::field_oid(field),
        typmod: types::field_typmod(field),
        column_type: types::column_type(field),
    };
    schema.fields().iter().enumerate().map(field).collect()
}

fn param_values(
    prepared: &Prepared,
    params: &[Option<Value>],
) -> SqlResult<Vec<ScalarAndMetadata>> {
    let types = &prepared.params;
    if params.len() < types.len() {
        let message =
            format!("the query needs {} parameters, {} were given", types.len(), params.len());
        return Err(SqlError::new("08P01", message));
    }
    let value = |(value, kind): (&Option<Value>, &Option<ColumnType>)| {
        let scalar = scalar_of(value.as_ref(), kind.unwrap_or(ColumnType::Text))?;
        Ok(ScalarAndMetadata::from(scalar))
    };
    params.iter().zip(types.iter()).map(value).collect()
}
