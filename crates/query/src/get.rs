//! Reading named records: [`BatchGet`].

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::common::Result;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::execution::TaskContext;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, SendableRecordBatchStream,
};
use model::{Digest, Key, Name, Record, Table};
use store::{Bins, Store, View};

use crate::error::external;
use crate::scan::{Reader, properties};
use crate::session::view;
use crate::table::Wanted;

/// A read of records by key or digest, a batch of them at a time.
pub(crate) struct BatchGet<S> {
    reader: Reader<S>,
    wanted: Arc<[Wanted]>,
    limit: Option<usize>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl<S> fmt::Debug for BatchGet<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BatchGet({} keys)", self.wanted.len())
    }
}

impl<S: Store> BatchGet<S> {
    pub(crate) fn new(reader: Reader<S>, wanted: Vec<Wanted>, limit: Option<usize>) -> BatchGet<S> {
        let properties = properties(reader.output_schema(), 1);
        let metrics = ExecutionPlanMetricsSet::new();
        BatchGet { reader, wanted: wanted.into(), limit, properties, metrics }
    }
}

impl<S: Store> DisplayAs for BatchGet<S> {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BatchGet on ")?;
        self.reader.describe(f)?;
        write!(f, " keys={}", self.wanted.len())
    }
}

struct Progress<S> {
    reader: Reader<S>,
    view: View<S>,
    bins: Vec<Name>,
    wanted: Arc<[Wanted]>,
    next: usize,
    left: usize,
    batch_size: usize,
    metrics: BaselineMetrics,
}

impl<S: Store> Progress<S> {
    async fn next(mut self) -> Result<Option<(RecordBatch, Self)>> {
        while self.next < self.wanted.len() && self.left > 0 {
            let end = self.wanted.len().min(self.next + self.batch_size);
            let records = self.read(&self.wanted[self.next..end]).await?;
            self.next = end;
            let wanted = self.reader.wanted(&self.bins);
            let mut collected = self.reader.collector(records.len());
            records.iter().for_each(|record| record.give(wanted, &mut collected));
            if let Some(rows) = self.reader.emit(collected, &mut self.left, &self.metrics)? {
                return Ok(Some((rows, self)));
            }
        }
        Ok(None)
    }

    async fn read(&self, wanted: &[Wanted]) -> Result<Vec<Record>> {
        let digests: Vec<Digest> = wanted.iter().map(|one| one.digest).collect();
        let bins = if self.bins.is_empty() { Bins::None } else { Bins::Named(&self.bins) };
        let Table { namespace, name, .. } = &*self.reader.table;
        let found = self.view.get_many(namespace, name, &digests, bins).await;
        let keys: HashMap<Digest, &Key> =
            wanted.iter().filter_map(|one| Some((one.digest, one.key.as_ref()?))).collect();
        // A record whose key was not stored is still known by the key that found it.
        let named = |mut record: Record| {
            if record.key.is_none() {
                record.key = keys.get(&record.digest).map(|key| (*key).clone());
            }
            record
        };
        Ok(found.map_err(external)?.into_iter().flatten().map(named).collect())
    }
}

impl<S: Store> ExecutionPlan for BatchGet<S> {
    fn name(&self) -> &str {
        "BatchGet"
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
        let progress = Progress {
            bins: self.reader.bins(),
            view: view(&self.reader.store, &task)?,
            reader: self.reader.clone(),
            wanted: self.wanted.clone(),
            next: 0,
            left: self.limit.unwrap_or(usize::MAX),
            batch_size: task.session_config().batch_size().min(1024),
            metrics: BaselineMetrics::new(&self.metrics, number),
        };
        let rows = futures::stream::try_unfold(progress, Progress::next);
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), rows)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}
