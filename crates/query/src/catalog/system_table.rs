//! System relations as tables of a query.
//!
//! A query that names one plans with its columns alone; its rows are made when the query is run,
//! from the catalogue as it then is, and only in the columns that the query reads.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::catalog::Session;
use datafusion::common::Result;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::datasource::{TableProvider, TableType};
use datafusion::logical_expr::Expr;
use datafusion::physical_plan::ExecutionPlan;

use super::grid::{self, Grid};
use super::lists::{Attribute, Relation};
use super::{TABLE_OID, information, pg};
use crate::session::Context;

/// A relation of `pg_catalog` or `information_schema`.
#[derive(Debug)]
pub(crate) struct SystemTable {
    relation: &'static Relation,
    /// Its columns and, behind them, `tableoid` where the statement mentions it.
    schema: SchemaRef,
}

impl SystemTable {
    /// The relation with those hidden columns that the statement mentions.
    pub(crate) fn new(relation: &'static Relation, mentioned: &[String]) -> SystemTable {
        let mut fields: Vec<_> = relation.columns.iter().map(grid::field).collect();
        if mentioned.iter().any(|name| name == TABLE_OID) {
            fields.push(grid::field(&HIDDEN));
        }
        SystemTable { relation, schema: Arc::new(Schema::new(fields)) }
    }

    fn column(&self, grid: &Grid, place: usize) -> ArrayRef {
        match self.relation.columns.get(place) {
            Some(column) => grid.column(column),
            None => Arc::new(Int64Array::from(vec![i64::from(self.relation.oid); grid.len()])),
        }
    }

    fn rows(&self, session: &dyn Session) -> Result<Grid> {
        let context = Context::of(session.config_options())?;
        Ok(match self.relation.schema {
            "information_schema" => information::grid(self.relation.name, context, session),
            _ => pg::grid(self.relation, context, session),
        })
    }
}

static HIDDEN: Attribute = Attribute { name: TABLE_OID, kind: "oid", not_null: true };

#[async_trait]
impl TableProvider for SystemTable {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        _: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let grid = self.rows(session)?;
        let all: Vec<usize> = (0..self.schema.fields().len()).collect();
        let places = projection.unwrap_or(&all);
        let schema = Arc::new(self.schema.project(places)?);
        let arrays = places.iter().map(|place| self.column(&grid, *place)).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(grid.len()));
        let batch = RecordBatch::try_new_with_options(schema.clone(), arrays, &options)?;
        Ok(MemorySourceConfig::try_new_exec(&[vec![batch]], schema, None)?)
    }
}
