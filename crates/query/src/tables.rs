//! What names in a query mean: sets of the store, tables of the system catalogue, functions.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::catalog::TableProvider;
use datafusion::catalog::cte_worktable::CteWorkTable;
use datafusion::common::config::ConfigOptions;
use datafusion::common::{Column, DFSchema, DataFusionError, Result, ScalarValue, TableReference};
use datafusion::datasource::{ViewTable, provider_as_source};
use datafusion::execution::context::SessionState;
use datafusion::logical_expr::planner::{ContextProvider, ExprPlanner, TypePlanner};
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::{
    AggregateUDF, Expr, HigherOrderUDF, LogicalPlanBuilder, ScalarUDF, TableSource, WindowUDF,
};
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use sql::SqlError;
use store::Store;

use crate::catalog;
use crate::error::{external, near};
use crate::session::Context;
use crate::table::SetTable;
use crate::{operators, semantics};

/// One statement's names.
pub(crate) struct Tables<'a, S> {
    store: Arc<S>,
    state: &'a SessionState,
    context: &'a Context,
    /// Hidden columns that the statement mentions somewhere.
    mentioned: Vec<String>,
    types: Arc<dyn TypePlanner>,
    planners: Vec<Arc<dyn ExprPlanner>>,
}

impl<'a, S: Store> Tables<'a, S> {
    pub(crate) fn new(
        store: Arc<S>,
        state: &'a SessionState,
        context: &'a Context,
        mentioned: Vec<String>,
    ) -> Tables<'a, S> {
        let types = Arc::new(semantics::Types);
        let mut planners: Vec<Arc<dyn ExprPlanner>> = vec![Arc::new(operators::Operators)];
        planners.extend(state.expr_planners().iter().cloned());
        Tables { store, state, context, mentioned, types, planners }
    }

    fn set(&self, namespace: &str, name: &str) -> Option<Arc<dyn TableSource>> {
        let table = self.context.catalog.namespaces.get(namespace)?.tables.get(name)?;
        let table = SetTable::new(self.store.clone(), table.clone(), &self.mentioned);
        Some(provider_as_source(Arc::new(table)))
    }

    fn unknown(&self, schema: Option<&str>, name: &str) -> DataFusionError {
        let shown = match schema {
            Some(schema) => format!("{schema}.{name}"),
            None => name.to_string(),
        };
        let error = SqlError::new("42P01", format!("relation \"{shown}\" does not exist"));
        let namespace = schema.unwrap_or(&self.context.session.namespace);
        let tables = self.context.catalog.namespaces.get(namespace).map(|n| &n.tables);
        let known = tables.into_iter().flatten().map(|(name, _)| name.as_str());
        external(match near(name, known) {
            Some(other) => error.hint(format!("perhaps you meant the table \"{other}\"")),
            None => error,
        })
    }
}

impl<S: Store> ContextProvider for Tables<'_, S> {
    fn get_table_source(&self, name: TableReference) -> Result<Arc<dyn TableSource>> {
        let (schema, table) = (name.schema(), name.table());
        let system = |schema| {
            let relation = catalog::find(schema, table)?;
            let table = catalog::SystemTable::new(relation, &self.mentioned);
            Some(provider_as_source(Arc::new(table)))
        };
        let found = match schema {
            Some(schema) => system(schema).or_else(|| self.set(schema, table)),
            None => {
                self.set(&self.context.session.namespace, table).or_else(|| system("pg_catalog"))
            }
        };
        found.ok_or_else(|| self.unknown(schema, table))
    }

    fn get_table_function_source(
        &self,
        name: &str,
        args: Vec<Expr>,
    ) -> Result<Arc<dyn TableSource>> {
        let function = self.state.table_functions().get(name).cloned().ok_or_else(|| {
            external(SqlError::new("42883", format!("function {name} does not exist")))
        })?;
        let simplify = SimplifyContext::builder()
            .with_config_options(self.state.config_options().clone())
            .build();
        let simplifier = ExprSimplifier::new(simplify);
        let schema = DFSchema::empty();
        let constant = |arg| simplifier.simplify(simplifier.coerce(arg, &schema)?);
        let args = args.into_iter().map(constant).collect::<Result<Vec<_>>>()?;
        let small = args.iter().all(|arg| matches!(arg, Expr::Literal(ScalarValue::Int32(_), _)));
        let args: Vec<_> = args.into_iter().map(wide).collect();
        let args = datafusion::catalog::TableFunctionArgs::new(&args, self.state);
        let provider = function.create_table_provider_with_args(args)?;
        if small && provider.schema().fields().iter().all(|f| f.data_type() == &DataType::Int64) {
            return integers(provider);
        }
        Ok(provider_as_source(provider))
    }

    fn create_cte_work_table(&self, name: &str, schema: SchemaRef) -> Result<Arc<dyn TableSource>> {
        Ok(provider_as_source(Arc::new(CteWorkTable::new(name, schema))))
    }

    fn get_expr_planners(&self) -> &[Arc<dyn ExprPlanner>] {
        &self.planners
    }

    fn get_type_planner(&self) -> Option<Arc<dyn TypePlanner>> {
        Some(self.types.clone())
    }

    fn get_function_meta(&self, name: &str) -> Option<Arc<ScalarUDF>> {
        found(self.state.scalar_functions(), name)
    }

    fn get_higher_order_meta(&self, name: &str) -> Option<Arc<HigherOrderUDF>> {
        found(self.state.higher_order_functions(), name)
    }

    fn get_aggregate_meta(&self, name: &str) -> Option<Arc<AggregateUDF>> {
        found(self.state.aggregate_functions(), name)
    }

    fn get_window_meta(&self, name: &str) -> Option<Arc<WindowUDF>> {
        found(self.state.window_functions(), name)
    }

    fn get_variable_type(&self, _: &[String]) -> Option<DataType> {
        None
    }

    fn options(&self) -> &ConfigOptions {
        self.state.config_options()
    }

    fn udf_names(&self) -> Vec<String> {
        self.state.scalar_functions().keys().cloned().collect()
    }

    fn higher_order_function_names(&self) -> Vec<String> {
        Vec::new()
    }

    fn udaf_names(&self) -> Vec<String> {
        self.state.aggregate_functions().keys().cloned().collect()
    }

    fn udwf_names(&self) -> Vec<String> {
        self.state.window_functions().keys().cloned().collect()
    }
}

/// DataFusion's functions in FROM take bigints.
fn wide(arg: Expr) -> Expr {
    match arg {
        Expr::Literal(ScalarValue::Int32(n), metadata) => {
            Expr::Literal(ScalarValue::Int64(n.map(i64::from)), metadata)
        }
        other => other,
    }
}

/// What a function of integers gives, as integers.
fn integers(provider: Arc<dyn TableProvider>) -> Result<Arc<dyn TableSource>> {
    let plan = LogicalPlanBuilder::scan("numbers", provider_as_source(provider), None)?;
    let narrow = |column: Column| {
        let name = column.name.clone();
        operators::call("aeriedb_int4", vec![Expr::Column(column)]).alias(name)
    };
    let columns: Vec<_> = plan.schema().columns().into_iter().map(narrow).collect();
    let plan = plan.project(columns)?.build()?;
    Ok(provider_as_source(Arc::new(ViewTable::new(plan, None))))
}

/// The function of this name, with or without `pg_catalog` before it.
fn found<F>(functions: &HashMap<String, Arc<F>>, name: &str) -> Option<Arc<F>> {
    functions.get(name.strip_prefix("pg_catalog.").unwrap_or(name)).cloned()
}
