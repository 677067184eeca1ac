//! Reading a whole set: [`SetScan`], and [`RecordCount`] where only the number of records is asked.
//!
//! A scan's partitions are ranges of the 4096 partitions. Each asks the store for at most
//! [`SCAN_MAX`] records at a time, turns up to a batch of them into columns, filters, and gives
//! what is left; it asks for more only when it is polled, so that a slow client's back-pressure
//! reaches the store, and a dropped stream reads no more. A scan is no snapshot.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::{AsArray, Int64Array, RecordBatch, RecordBatchOptions};
use datafusion::arrow::compute::filter_record_batch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::config::ConfigOptions;
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DataFusionError, Result, ScalarValue, Statistics};
use datafusion::execution::TaskContext;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::expressions::{BinaryExpr, Literal};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};
use datafusion::physical_plan::coop::cooperative;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties,
    SendableRecordBatchStream,
};
use futures::StreamExt;
use model::{Name, PARTITIONS, Table, Wanted};
use store::{ScanCursor, Store, View};

use crate::collect::Collector;
use crate::columns::{SetColumn, Source};
use crate::error::external;
use crate::session::view;
use crate::table::IndexCount;

/// Records of one call to the store: what one partition of a large set holds, and few enough that
/// other work on the thread waits well below a millisecond.
const SCAN_MAX: usize = 1024;

/// How records become rows: shared by all nodes that read a set.
pub(crate) struct Reader<S> {
    pub(crate) store: Arc<S>,
    pub(crate) table: Arc<Table>,
    /// Columns that are read: those of the output, then those that only the filter needs.
    pub(crate) columns: Arc<[SetColumn]>,
    /// Their schema.
    pub(crate) schema: SchemaRef,
    /// How many of them are output.
    pub(crate) output: usize,
    /// What must be true of a row.
    pub(crate) filter: Option<Arc<dyn PhysicalExpr>>,
}

impl<S> Clone for Reader<S> {
    fn clone(&self) -> Reader<S> {
        Reader {
            store: self.store.clone(),
            table: self.table.clone(),
            columns: self.columns.clone(),
            schema: self.schema.clone(),
            output: self.output,
            filter: self.filter.clone(),
        }
    }
}

impl<S: Store> Reader<S> {
    /// The schema of the rows.
    pub(crate) fn output_schema(&self) -> SchemaRef {
        let fields: Vec<_> = self.schema.fields()[..self.output].to_vec();
        Arc::new(datafusion::arrow::datatypes::Schema::new(fields))
    }

    /// The bins that are read.
    pub(crate) fn bins(&self) -> Vec<Name> {
        let bin = |column: &SetColumn| match &column.source {
            Source::Bin(name) => Some(name.clone()),
            _ => None,
        };
        self.columns.iter().filter_map(bin).collect()
    }

    /// What of each record is read, of these [`Reader::bins`].
    pub(crate) fn wanted<'a>(&self, bins: &'a [Name]) -> Wanted<'a> {
        let of_key =
            |column: &SetColumn| matches!(column.source, Source::Key(_) | Source::WholeKey);
        Wanted { key: self.columns.iter().any(of_key), bins }
    }

    /// Takes records for a batch, of about so many rows.
    pub(crate) fn collector(&self, rows: usize) -> Collector {
        Collector::new(&self.table, &self.columns, self.store.now_ms(), rows)
    }

    /// The records that were collected as rows that pass the filter, if any does: at most as many as
    /// are `left`, which counts down.
    pub(crate) fn emit(
        &self,
        records: Collector,
        left: &mut usize,
        metrics: &BaselineMetrics,
    ) -> Result<Option<RecordBatch>> {
        let rows = {
            let _timer = metrics.elapsed_compute().timer();
            self.rows(records, *left)?
        };
        *left -= rows.num_rows();
        if rows.num_rows() == 0 {
            return Ok(None);
        }
        metrics.record_output(rows.num_rows());
        Ok(Some(rows))
    }

    fn rows(&self, records: Collector, limit: usize) -> Result<RecordBatch> {
        let mut rows = records.finish(&self.schema).map_err(external)?;
        if let Some(filter) = &self.filter {
            rows = passing(rows, filter)?;
        }
        let columns = rows.columns()[..self.output].to_vec();
        let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
        let rows = RecordBatch::try_new_with_options(self.output_schema(), columns, &options)?;
        Ok(if rows.num_rows() > limit { rows.slice(0, limit) } else { rows })
    }

    /// `ns.set  bins=[..] filter=..`, as EXPLAIN shows it.
    pub(crate) fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}.{}  bins=[{}]",
            self.table.namespace,
            self.table.name,
            self.bins().join(", ")
        )?;
        match &self.filter {
            Some(filter) => write!(f, " filter={filter}"),
            None => Ok(()),
        }
    }

    pub(crate) fn visit(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        self.filter.as_ref().map_or(Ok(TreeNodeRecursion::Continue), f)
    }
}

/// The rows of which the filter is true. What stands right of an AND is asked of those only that
/// passed what stands left: `n <> 0 AND 10 / n > 1` divides by no zero.
fn passing(rows: RecordBatch, filter: &Arc<dyn PhysicalExpr>) -> Result<RecordBatch> {
    if let Some(both) = filter.downcast_ref::<BinaryExpr>()
        && *both.op() == Operator::And
    {
        return passing(passing(rows, both.left())?, both.right());
    }
    if rows.num_rows() == 0 {
        return Ok(rows);
    }
    let passed = filter.evaluate(&rows)?.into_array(rows.num_rows())?;
    match passed.data_type().is_null() {
        true => Ok(rows.slice(0, 0)),
        false => Ok(filter_record_batch(&rows, passed.as_boolean())?),
    }
}

/// Properties of a node that reads `partitions` streams of this schema, in no order.
pub(crate) fn properties(schema: SchemaRef, partitions: usize) -> Arc<PlanProperties> {
    Arc::new(PlanProperties::new(
        EquivalenceProperties::new(schema),
        Partitioning::UnknownPartitioning(partitions),
        EmissionType::Incremental,
        Boundedness::Bounded,
    ))
}

/// About how many rows a node of these properties gives, or one of its streams.
pub(crate) fn statistics(
    properties: &PlanProperties,
    estimate: Option<usize>,
    limit: Option<usize>,
    partition: Option<usize>,
) -> Arc<Statistics> {
    let mut statistics = Statistics::new_unknown(properties.eq_properties.schema());
    if let Some(records) = estimate {
        let streams = properties.partitioning.partition_count();
        let share = if partition.is_some() { records / streams } else { records };
        let rows = limit.map_or(share, |limit| share.min(limit));
        statistics.num_rows = Precision::Inexact(rows);
    }
    Arc::new(statistics)
}

/// One row with the same number in each column.
pub(crate) fn one_number(
    schema: SchemaRef,
    count: impl Future<Output = Result<u64>> + Send + 'static,
) -> SendableRecordBatchStream {
    let of = schema.clone();
    let row = async move {
        let count = i64::try_from(count.await?)
            .map_err(|_| DataFusionError::Execution("count overflow".into()))?;
        let columns = of.fields().iter();
        let columns = columns.map(|_| Arc::new(Int64Array::from(vec![count])) as _).collect();
        Ok(RecordBatch::try_new(of.clone(), columns)?)
    };
    Box::pin(RecordBatchStreamAdapter::new(schema, futures::stream::once(row)))
}

/// A scan of one set.
pub(crate) struct SetScan<S> {
    reader: Reader<S>,
    limit: Option<usize>,
    estimate: Option<usize>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl<S> fmt::Debug for SetScan<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SetScan({})", self.reader.table.name)
    }
}

impl<S: Store> SetScan<S> {
    pub(crate) fn new(
        reader: Reader<S>,
        partitions: usize,
        limit: Option<usize>,
        estimate: Option<usize>,
    ) -> SetScan<S> {
        let partitions = partitions.clamp(1, PARTITIONS as usize);
        let properties = properties(reader.output_schema(), partitions);
        let metrics = ExecutionPlanMetricsSet::new();
        SetScan { reader, limit, estimate, properties, metrics }
    }

    /// The partitions of the namespace that stream `number` of this node reads.
    fn range(&self, number: usize) -> ScanCursor {
        let streams = self.properties.partitioning.partition_count();
        let edge = |n: usize| (PARTITIONS as usize * n / streams) as u16;
        ScanCursor::new(edge(number), edge(number + 1))
    }

    fn counts_only(&self) -> bool {
        self.reader.filter.is_none() && self.limit.is_none()
    }
}

impl<S> DisplayAs for SetScan<S>
where
    S: Store,
{
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SetScan on ")?;
        self.reader.describe(f)?;
        match self.limit {
            Some(limit) => write!(f, " limit={limit}"),
            None => Ok(()),
        }
    }
}

/// Where one stream of a scan is.
struct Progress<S> {
    reader: Reader<S>,
    view: View<S>,
    bins: Vec<Name>,
    cursor: ScanCursor,
    left: usize,
    batch_size: usize,
    /// Records of the last batch: the next one has about as many.
    expected: usize,
    metrics: BaselineMetrics,
}

impl<S: Store> Progress<S> {
    /// The next rows; `None` at the end.
    async fn next(mut self) -> Result<Option<(RecordBatch, Self)>> {
        loop {
            let records = self.read().await?;
            if records.rows() == 0 {
                return Ok(None);
            }
            self.expected = records.rows();
            if let Some(rows) = self.reader.emit(records, &mut self.left, &self.metrics)? {
                return Ok(Some((rows, self)));
            }
        }
    }

    /// The next records, up to a batch; none at the end.
    async fn read(&mut self) -> Result<Collector> {
        let most = match self.reader.filter {
            None => self.batch_size.min(self.left),
            Some(_) => self.batch_size,
        };
        let mut records = self.reader.collector(self.expected);
        let wanted = self.reader.wanted(&self.bins);
        while records.rows() < most && self.left > 0 && !self.cursor.done() {
            let max = SCAN_MAX.min(most - records.rows());
            let Table { namespace, name, .. } = &*self.reader.table;
            let read =
                self.view.visit(namespace, name, wanted, &mut self.cursor, max, &mut records);
            read.await.map_err(external)?;
            tokio::task::coop::consume_budget().await;
        }
        Ok(records)
    }
}

impl<S: Store> ExecutionPlan for SetScan<S> {
    fn name(&self) -> &str {
        "SetScan"
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
            cursor: self.range(number),
            left: self.limit.unwrap_or(usize::MAX),
            batch_size: task.session_config().batch_size(),
            expected: 0,
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
        Ok(statistics(&self.properties, self.estimate, self.limit, partition))
    }
}

/// The number of records of a set, from the index: one row, the same number in each column.
pub(crate) struct RecordCount<S> {
    store: Arc<S>,
    table: Arc<Table>,
    properties: Arc<PlanProperties>,
}

impl<S> fmt::Debug for RecordCount<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecordCount({})", self.table.name)
    }
}

impl<S: Store> DisplayAs for RecordCount<S> {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecordCount of {}.{}", self.table.namespace, self.table.name)
    }
}

impl<S: Store> ExecutionPlan for RecordCount<S> {
    fn name(&self) -> &str {
        "RecordCount"
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
        let (view, table) = (view(&self.store, &task)?, self.table.clone());
        let count =
            async move { view.count(&table.namespace, &table.name).await.map_err(external) };
        Ok(one_number(self.schema(), count))
    }
}

/// Turns `count(*)` over a whole [`SetScan`] into a [`RecordCount`], over a range of an index that says
/// all that the filter does into an [`IndexCount`].
pub(crate) struct CountRecords<S>(std::marker::PhantomData<fn() -> S>);

impl<S> CountRecords<S> {
    pub(crate) fn new() -> CountRecords<S> {
        CountRecords(std::marker::PhantomData)
    }
}

impl<S> fmt::Debug for CountRecords<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CountRecords")
    }
}

impl<S: Store> PhysicalOptimizerRule for CountRecords<S> {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let replace = |plan: Arc<dyn ExecutionPlan>| {
            let Some(input) = counted(&plan) else { return Ok(Transformed::no(plan)) };
            if let Some(scan) = input.downcast_ref::<SetScan<S>>().filter(|scan| scan.counts_only())
            {
                return Ok(Transformed::yes(Arc::new(RecordCount {
                    store: scan.reader.store.clone(),
                    table: scan.reader.table.clone(),
                    properties: properties(plan.schema(), 1),
                }) as Arc<dyn ExecutionPlan>));
            }
            match IndexCount::<S>::of(input, plan.schema()) {
                Some(count) => Ok(Transformed::yes(Arc::new(count) as Arc<dyn ExecutionPlan>)),
                None => Ok(Transformed::no(plan)),
            }
        };
        Ok(plan.transform_down(replace)?.data)
    }

    fn name(&self) -> &str {
        "CountRecords"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// The node below, where this one only counts its rows: the first or only step of aggregates that
/// are all `count(constant)`.
fn counted(plan: &Arc<dyn ExecutionPlan>) -> Option<&Arc<dyn ExecutionPlan>> {
    let aggregate = plan.downcast_ref::<AggregateExec>()?;
    let first = matches!(
        aggregate.mode(),
        AggregateMode::Partial | AggregateMode::Single | AggregateMode::SinglePartitioned
    );
    let plain = first
        && aggregate.group_expr().is_empty()
        && aggregate.filter_expr().iter().all(Option::is_none)
        && !aggregate.aggr_expr().is_empty();
    let counts = aggregate.aggr_expr().iter().all(|expr| {
        let constant = |arg: &Arc<dyn PhysicalExpr>| {
            arg.downcast_ref::<Literal>().is_some_and(|l| *l.value() != ScalarValue::Null)
        };
        expr.fun().name() == "count"
            && !expr.is_distinct()
            && expr.expressions().iter().all(constant)
    });
    let mut input = aggregate.input();
    const PLAIN: [&str; 3] = ["CoalescePartitionsExec", "CoalesceBatchesExec", "CooperativeExec"];
    while PLAIN.contains(&input.name()) {
        input = input.children().first().copied()?;
    }
    (plain && counts).then_some(input)
}
