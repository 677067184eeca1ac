//! A set as a DataFusion table: which filters it takes, and which node reads it.
//!
//! 1. Planning asks [`SetTable::supports_filters_pushdown`]: whatever can be evaluated on one
//!    record's columns is taken (Exact), so that a LIMIT reaches the node.
//! 2. Physical planning asks [`SetTable::scan`]: filters that name keys or digests become a
//!    [`BatchGet`], those that secondary indexes answer an [`IndexRange`], everything else a
//!    [`SetScan`]. Each reads only the bins that output and
//!    filters need.
//!
//! Writing through DataFusion is refused: its hooks may be handed "all rows" by mistake.

mod index_range;
mod ways;

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::catalog::Session;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::datasource::{TableProvider, TableType};
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{
    BinaryExpr, Expr, Operator, TableProviderFilterPushDown, Volatility,
};
use datafusion::physical_plan::ExecutionPlan;
use model::{ColumnType, Digest, Key, Table, Value, encode_composite};
use store::Store;

use crate::columns::{SetColumn, Source, pseudo_column, unbase64, value_of, visible_columns};
use crate::get::BatchGet;
use crate::scan::{Reader, SetScan};
pub(crate) use index_range::IndexCount;
use index_range::IndexRange;

/// A set that a statement reads.
pub(crate) struct SetTable<S> {
    store: Arc<S>,
    table: Arc<Table>,
    columns: Vec<SetColumn>,
    schema: SchemaRef,
}

impl<S> fmt::Debug for SetTable<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SetTable({}.{})", self.table.namespace, self.table.name)
    }
}

impl<S: Store> SetTable<S> {
    /// The table with its visible columns and those hidden ones that the statement mentions.
    pub(crate) fn new(store: Arc<S>, table: Arc<Table>, mentioned: &[String]) -> SetTable<S> {
        let hidden = mentioned.iter().filter_map(|name| pseudo_column(&table, name));
        let columns: Vec<_> = visible_columns(&table).into_iter().chain(hidden).collect();
        let schema = schema_of(&columns);
        SetTable { store, table, columns, schema }
    }

    fn reader(&self, output: &[usize], filter_columns: &[usize]) -> Reader<S> {
        let mut wanted = output.to_vec();
        wanted.extend(filter_columns.iter().filter(|i| !output.contains(i)));
        let columns: Vec<_> = wanted.iter().map(|i| self.columns[*i].clone()).collect();
        let schema = schema_of(&columns);
        Reader {
            store: self.store.clone(),
            table: self.table.clone(),
            columns: columns.into(),
            schema,
            output: output.len(),
            filter: None,
        }
    }
}

fn schema_of(columns: &[SetColumn]) -> SchemaRef {
    Arc::new(Schema::new(columns.iter().map(SetColumn::field).collect::<Vec<_>>()))
}

#[async_trait]
impl<S: Store> TableProvider for SetTable<S> {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        let answer = |filter: &&Expr| match evaluable(filter) {
            true => TableProviderFilterPushDown::Exact,
            false => TableProviderFilterPushDown::Unsupported,
        };
        Ok(filters.iter().map(answer).collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let all = || (0..self.columns.len()).collect();
        let output: Vec<usize> = projection.cloned().unwrap_or_else(all);
        let (keys, rest) = self.split(filters);
        let estimate = self.estimate();
        let way = match &keys {
            None => ways::choose(&*self.store, &self.table, &self.columns, &rest, estimate),
            Some(_) => None,
        };
        let filter = conjunction(rest);
        let needed: Vec<usize> = match &filter {
            None => Vec::new(),
            Some(filter) => {
                let names = filter.column_refs();
                let at = |c: &&datafusion::common::Column| self.schema.index_of(&c.name).ok();
                let mut found: Vec<usize> = names.iter().filter_map(at).collect();
                found.sort_unstable();
                found
            }
        };
        let mut reader = self.reader(&output, &needed);
        if let Some(filter) = filter {
            let schema = DFSchema::try_from(reader.schema.as_ref().clone())?;
            let filter = unqualified(filter)?;
            reader.filter = Some(state.create_physical_expr(filter, &schema)?);
        }
        if let Some(keys) = keys {
            return Ok(Arc::new(BatchGet::new(reader, keys, limit)));
        }
        if let Some(way) = way {
            let streams = state.config().target_partitions();
            return Ok(Arc::new(IndexRange::new(reader, way, streams, limit)));
        }
        let partitions = match (&reader.filter, limit) {
            // A few records are had sooner by one reader than by several that each fetch as many.
            (None, Some(_)) => 1,
            _ => state.config().target_partitions(),
        };
        Ok(Arc::new(SetScan::new(reader, partitions, limit, estimate)))
    }
}

impl<S: Store> SetTable<S> {
    /// About how many records the set has, for the order of joins.
    fn estimate(&self) -> Option<usize> {
        let sets = self.store.sets(&self.table.namespace).ok()?;
        let set = sets.iter().find(|set| set.name == self.table.name)?;
        usize::try_from(set.objects).ok()
    }

    /// The records that the filters name, if they do, and the filters that are left to check.
    fn split(&self, filters: &[Expr]) -> (Option<Vec<Wanted>>, Vec<Expr>) {
        for (i, filter) in filters.iter().enumerate() {
            if let Some(keys) = self.named_by(filter) {
                let mut rest = filters.to_vec();
                rest.remove(i);
                return (Some(distinct(keys)), rest);
            }
        }
        match self.composite(filters) {
            Some(key) => (Some(vec![self.wanted(key)]), filters.to_vec()),
            None => (None, filters.to_vec()),
        }
    }

    /// The records that one filter names: `key = x`, `key IN (..)`, an OR of such.
    fn named_by(&self, filter: &Expr) -> Option<Vec<Wanted>> {
        match filter {
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
                let mut keys = self.named_by(left)?;
                keys.extend(self.named_by(right)?);
                Some(keys)
            }
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) => {
                match (&**left, &**right) {
                    (Expr::Column(c), Expr::Literal(value, _))
                    | (Expr::Literal(value, _), Expr::Column(c)) => {
                        self.named(self.column(&c.name)?, value)
                    }
                    _ => None,
                }
            }
            Expr::InList(list) if !list.negated => {
                let Expr::Column(c) = &*list.expr else { return None };
                let column = self.column(&c.name)?;
                let mut keys = Vec::with_capacity(list.list.len());
                for item in &list.list {
                    let Expr::Literal(value, _) = item else { return None };
                    keys.extend(self.named(column, value)?);
                }
                Some(keys)
            }
            _ => None,
        }
    }

    fn column(&self, name: &str) -> Option<&SetColumn> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The records whose key or digest is this value; none if it is NULL.
    fn named(&self, column: &SetColumn, value: &ScalarValue) -> Option<Vec<Wanted>> {
        let one = |digest: Option<Digest>| {
            digest.map(|digest| Wanted { digest, key: None }).into_iter().collect()
        };
        let whole = match column.source {
            Source::Key(_) => self.table.key.len() == 1,
            Source::WholeKey | Source::Digest | Source::Edigest => true,
            _ => false,
        };
        if !whole {
            return None;
        }
        let Some(value) = value_of(value, column.column_type)? else { return Some(Vec::new()) };
        Some(match (&column.source, value) {
            (Source::Digest, Value::String(hex)) => one(Digest::from_hex(&hex).ok()),
            (Source::Edigest, Value::String(text)) => {
                one(unbase64(&text).and_then(|bytes| bytes.try_into().ok()).map(Digest))
            }
            (_, value) => {
                let text = column.column_type == ColumnType::Text && !self.table.declared;
                let number = match &value {
                    // Keys of several types are shown as text, so the text may stand for a number.
                    Value::String(s) if text => {
                        s.parse().ok().filter(|n: &i64| n.to_string() == *s)
                    }
                    _ => None,
                };
                let keys = number.map(Key::Integer).into_iter().chain(key_of(value));
                keys.map(|key| self.wanted(key)).collect()
            }
        })
    }

    /// The composite key, where the filters fix each of its parts.
    fn composite(&self, filters: &[Expr]) -> Option<Key> {
        if self.table.key.len() < 2 {
            return None;
        }
        let fixed = |part: usize| {
            filters.iter().find_map(|filter| {
                let Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) = filter else {
                    return None;
                };
                let ((Expr::Column(c), Expr::Literal(value, _))
                | (Expr::Literal(value, _), Expr::Column(c))) = (&**left, &**right)
                else {
                    return None;
                };
                let column = self.column(&c.name)?;
                (column.source == Source::Key(part)).then(|| value_of(value, column.column_type))?
            })
        };
        let parts: Option<Vec<Key>> =
            (0..self.table.key.len()).map(|part| key_of(fixed(part)??)).collect();
        Some(encode_composite(&parts?))
    }

    fn wanted(&self, key: Key) -> Wanted {
        Wanted { digest: key.digest(&self.table.name), key: Some(key) }
    }
}

/// A record that a statement names.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) digest: Digest,
    pub(crate) key: Option<Key>,
}

fn distinct(mut wanted: Vec<Wanted>) -> Vec<Wanted> {
    let mut seen = std::collections::HashSet::with_capacity(wanted.len());
    wanted.retain(|one| seen.insert(one.digest));
    wanted
}

fn key_of(value: Value) -> Option<Key> {
    Some(match value {
        Value::Integer(n) => Key::Integer(n),
        Value::Bool(b) => Key::Integer(b.into()),
        Value::String(s) => Key::String(s),
        Value::Blob(b) => Key::Blob(b),
        _ => return None,
    })
}

/// Whether the reading node can evaluate the filter on its own columns, with the same result each
/// time.
fn evaluable(filter: &Expr) -> bool {
    let mut able = true;
    let walked = filter.apply(|expr| {
        able = match expr {
            Expr::ScalarFunction(call) => {
                call.func.signature().volatility != Volatility::Volatile
                    && !(call.func.inner().as_ref() as &dyn Any)
                        .is::<datafusion::logical_expr::async_udf::AsyncScalarUDF>()
            }
            Expr::ScalarSubquery(_)
            | Expr::InSubquery(_)
            | Expr::Exists(_)
            | Expr::SetComparison(_)
            | Expr::OuterReferenceColumn(_, _)
            | Expr::Placeholder(_)
            | Expr::AggregateFunction(_)
            | Expr::WindowFunction(_) => false,
            _ => true,
        };
        Ok(if able { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
    });
    able && walked.is_ok()
}

/// The filter over bare column names, as the reading node's own schema has them.
fn unqualified(filter: Expr) -> Result<Expr> {
    use datafusion::common::tree_node::Transformed;
    let bare = |expr| match expr {
        Expr::Column(column) => {
            let column = datafusion::common::Column::new_unqualified(column.name);
            Ok(Transformed::yes(Expr::Column(column)))
        }
        other => Ok(Transformed::no(other)),
    };
    Ok(filter.transform(bare)?.data)
}
