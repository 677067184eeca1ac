//! Reading a set through secondary indexes: [`IndexRange`], a scan's node for fewer records, and
//! [`IndexCount`] where only their number is asked.
//!
//! Like a scan's, its streams are ranges of the 4096 partitions, and each reads more only when it is
//! polled. Every filter is evaluated on every record again.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, Statistics};
use datafusion::execution::TaskContext;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::coop::cooperative;
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, SendableRecordBatchStream,
};
use futures::StreamExt;
use model::{Name, PARTITIONS};
use store::{Bins, IndexWalk, Store, View};

use crate::error::external;
use crate::scan::{Reader, one_number, properties, statistics};
use crate::session::view;

use super::ways::Way;

/// Records of one call to the store.
const READ_MAX: usize = 256;
/// Records for each of which another stream is worth while.
const PER_STREAM: u64 = 4096;

/// A read of the records in ranges of indexes.
pub(crate) struct IndexRange<S> {
    reader: Reader<S>,
    way: Way,
    limit: Option<usize>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl<S> fmt::Debug for IndexRange<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IndexRange({})", self.reader.table.name)
    }
}

impl<S: Store> IndexRange<S> {
    pub(crate) fn new(
        reader: Reader<S>,
        way: Way,
        streams: usize,
        limit: Option<usize>,
    ) -> IndexRange<S> {
        let worth = usize::try_from(way.entries / PER_STREAM).unwrap_or(usize::MAX);
        let properties = properties(reader.output_schema(), streams.min(worth).max(1));
        IndexRange { reader, way, limit, properties, metrics: ExecutionPlanMetricsSet::new() }
    }
}

impl<S: Store> DisplayAs for IndexRange<S> {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IndexRange on ")?;
        self.reader.describe(f)?;
        let mut names: Vec<&str> = self.way.reaches.iter().map(|(index, _)| &**index).collect();
        names.dedup();
        write!(f, " index=[{}]", names.join(", "))?;
        write!(f, " ranges={} estimated_rows={}", self.way.reaches.len(), self.way.entries)?;
        match self.limit {
            Some(limit) => write!(f, " limit={limit}"),
            None => Ok(()),
        }
    }
}

struct Progress<S> {
    reader: Reader<S>,
    view: View<S>,
    bins: Vec<Name>,
    walk: IndexWalk,
    left: usize,
    batch_size: usize,
    metrics: BaselineMetrics,
}

impl<S: Store> Progress<S> {
    /// The next rows; `None` at the end.
    async fn next(mut self) -> Result<Option<(RecordBatch, Self)>> {
        while self.left > 0 && !self.walk.done() {
            let wanted = self.reader.wanted(&self.bins);
            let mut records = self.reader.collector(READ_MAX);
            while records.rows() < self.batch_size && !self.walk.done() {
                let bins = if self.bins.is_empty() { Bins::None } else { Bins::Named(&self.bins) };
                let read = self.walk.next(&self.view, bins, READ_MAX).await.map_err(external)?;
                read.iter().for_each(|record| record.give(wanted, &mut records));
                tokio::task::coop::consume_budget().await;
            }
            if let Some(rows) = self.reader.emit(records, &mut self.left, &self.metrics)? {
                return Ok(Some((rows, self)));
            }
        }
        Ok(None)
    }
}

impl<S: Store> ExecutionPlan for IndexRange<S> {
    fn name(&self) -> &str {
        "IndexRange"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        self.reader.visit(f)
    }

    fn with_new_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn execute(&self, number: usize, task: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let streams = self.properties.partitioning.partition_count();
        let edge = |n: usize| (PARTITIONS as usize * n / streams) as u16;
        let view = view(&self.reader.store, &task)?;
        let table = &self.reader.table;
        let of = (table.namespace.as_str(), table.name.as_str());
        let partitions = edge(number)..edge(number + 1);
        let progress = Progress {
            bins: self.reader.bins(),
            walk: IndexWalk::new(&view, of, self.way.reaches.clone(), partitions),
            view,
            reader: self.reader.clone(),
            left: self.limit.unwrap_or(usize::MAX),
            batch_size: task.session_config().batch_size(),
            metrics: BaselineMetrics::new(&self.metrics, number),
        };
        let rows = futures::stream::try_unfold(progress, Progress::next).boxed();
        let rows = RecordBatchStreamAdapter::new(self.schema(), rows);
        Ok(Box::pin(cooperative(rows)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn partition_statistics(&self, partition: Option<usize>) -> Result<Arc<Statistics>> {
        let entries = usize::try_from(self.way.entries).unwrap_or(usize::MAX);
        Ok(statistics(&self.properties, Some(entries), self.limit, partition))
    }
}

/// The number of records in a range of an index, from the index: one row, the same number in each
/// column.
pub(crate) struct IndexCount<S> {
    /// What reads the records, where the index alone does not know.
    range: Arc<IndexRange<S>>,
    properties: Arc<PlanProperties>,
}

impl<S: Store> IndexCount<S> {
    /// Of this node, if it is a read whose range says all that its filter says.
    pub(crate) fn of(node: &Arc<dyn ExecutionPlan>, schema: SchemaRef) -> Option<IndexCount<S>> {
        let node: Arc<dyn Any + Send + Sync> = node.clone();
        let range = node.downcast::<IndexRange<S>>().ok()?;
        let whole = range.way.exact && range.limit.is_none();
        whole.then(|| IndexCount { range, properties: properties(schema, 1) })
    }

    /// The number that the index knows; `None` where records have to be looked at.
    fn known(&self, view: &View<S>) -> Result<Option<u64>> {
        let namespace = &self.range.reader.table.namespace;
        let [(index, values)] = &self.range.way.reaches[..] else { return Ok(None) };
        if view.writes_to(namespace) {
            return Ok(None);
        }
        let count = view.store().index_count(namespace, index, values, u64::MAX);
        let count = count.map_err(external)?;
        Ok(count.exact.then_some(count.entries))
    }
}

/// The rows of all streams of a node.
async fn rows_of(node: Arc<dyn ExecutionPlan>, task: Arc<TaskContext>) -> Result<u64> {
    let mut rows = 0;
    for stream in 0..node.properties().partitioning.partition_count() {
        let mut batches = node.execute(stream, task.clone())?;
        while let Some(batch) = batches.next().await {
            rows += batch?.num_rows() as u64;
        }
    }
    Ok(rows)
}

impl<S> fmt::Debug for IndexCount<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IndexCount")
    }
}

impl<S: Store> DisplayAs for IndexCount<S> {
    fn fmt_as(&self, t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IndexCount of ")?;
        self.range.fmt_as(t, f)
    }
}

impl<S: Store> ExecutionPlan for IndexCount<S> {
    fn name(&self) -> &str {
        "IndexCount"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn execute(&self, _: usize, task: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let known = self.known(&view(&self.range.reader.store, &task)?)?;
        let range = self.range.clone();
        let count = async move {
            match known {
                Some(count) => Ok(count),
                None => rows_of(range, task).await,
            }
        };
        Ok(one_number(self.schema(), count))
    }
}
