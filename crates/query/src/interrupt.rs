//! Ends a running query.
//!
//! A task that is aborted ends when its poll returns, and a join may compute for minutes inside one
//! poll: an aggregate above it takes batch after batch, or its filter lets nothing through. So
//! [`interruptible`] puts two kinds of checks into a plan that is about to run: [`Checked`] above
//! each join and each source, which gives way to other tasks every so many batches, and [`CheckedFilter`] around
//! the condition of a join, which is asked for at most a batch of pairs at a time. Both fail once
//! the query's token is cancelled. Whatever else loops takes its batches from one of these.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::task::Poll;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{FieldRef, Schema};
use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::coop::cooperative;
use datafusion::physical_plan::joins::utils::JoinFilter;
use datafusion::physical_plan::joins::{
    CrossJoinExec, HashJoinExec, HashJoinExecBuilder, NestedLoopJoinExec,
    NestedLoopJoinExecBuilder, SortMergeJoinExec,
};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::StreamExt;
use sql::SqlError;
use tokio_util::sync::CancellationToken;

use crate::error::external;

/// The plan with checks of `cancel` wherever it may compute for long.
pub(crate) fn interruptible(
    plan: Arc<dyn ExecutionPlan>,
    cancel: &CancellationToken,
) -> Result<Arc<dyn ExecutionPlan>> {
    let guard = |plan: Arc<dyn ExecutionPlan>| {
        Ok(match guarded(&plan, cancel)? {
            Some(node) => Transformed::yes(checked(node, cancel)),
            None => Transformed::no(plan),
        })
    };
    Ok(checked(plan.transform_up(guard)?.data, cancel))
}

/// A join with its condition checked, or a source of rows; `None` for other nodes, which take their
/// batches from one of these.
fn guarded(
    plan: &Arc<dyn ExecutionPlan>,
    cancel: &CancellationToken,
) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    if let Some(join) = plan.downcast_ref::<NestedLoopJoinExec>() {
        let filter = join.filter().map(|filter| checked_filter(filter, cancel));
        let join = NestedLoopJoinExecBuilder::from(join).with_filter(filter).build()?;
        return Ok(Some(Arc::new(join)));
    }
    if let Some(join) = plan.downcast_ref::<HashJoinExec>() {
        let filter = join.filter().map(|filter| checked_filter(filter, cancel));
        return HashJoinExecBuilder::from(join).with_filter(filter).build_exec().map(Some);
    }
    let join = plan.is::<CrossJoinExec>() || plan.is::<SortMergeJoinExec>();
    let source = plan.children().is_empty();
    Ok((join || source).then(|| plan.clone()))
}

fn checked(input: Arc<dyn ExecutionPlan>, cancel: &CancellationToken) -> Arc<dyn ExecutionPlan> {
    Arc::new(Checked { input, cancel: cancel.clone() })
}

fn checked_filter(filter: &JoinFilter, cancel: &CancellationToken) -> JoinFilter {
    let inner = filter.expression().clone();
    let checked = Arc::new(CheckedFilter { inner, cancel: cancel.clone() });
    JoinFilter::new(checked, filter.column_indices().to_vec(), filter.schema().clone())
}

/// The lines of a plan without those of [`Checked`] nodes.
pub(crate) fn shown(plan: &str) -> Vec<String> {
    let mut hidden: Vec<usize> = Vec::new();
    let mut lines = Vec::new();
    for line in plan.lines() {
        let indent = line.len() - line.trim_start().len();
        hidden.retain(|outer| *outer < indent);
        if line.trim_start().starts_with(NAME) {
            hidden.push(indent);
        } else {
            lines.push(line.get(2 * hidden.len()..).unwrap_or(line).to_string());
        }
    }
    lines
}

/// An error if the query is cancelled.
fn check(cancel: &CancellationToken) -> Result<()> {
    match cancel.is_cancelled() {
        true => Err(external(SqlError::new("57014", "canceling statement due to user request"))),
        false => Ok(()),
    }
}

/// What a [`Checked`] node is called.
const NAME: &str = "CancelPoint";

/// Passes batches on until the query is cancelled. What gave way below is polled from the top, so
/// the one on top ends plans without a join.
#[derive(Debug)]
struct Checked {
    input: Arc<dyn ExecutionPlan>,
    cancel: CancellationToken,
}

impl DisplayAs for Checked {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl ExecutionPlan for Checked {
    fn name(&self) -> &str {
        NAME
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(checked(children.swap_remove(0), &self.cancel))
    }

    fn execute(&self, number: usize, task: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let cancel = self.cancel.clone();
        let mut batches = self.input.execute(number, task)?;
        let batches = futures::stream::poll_fn(move |waker| match check(&cancel) {
            Ok(()) => batches.poll_next_unpin(waker),
            Err(error) => Poll::Ready(Some(Err(error))),
        });
        let batches = RecordBatchStreamAdapter::new(self.schema(), batches);
        Ok(Box::pin(cooperative(batches)))
    }
}

/// The condition of a join, until the query is cancelled.
#[derive(Debug)]
struct CheckedFilter {
    inner: Arc<dyn PhysicalExpr>,
    cancel: CancellationToken,
}

impl PartialEq for CheckedFilter {
    fn eq(&self, other: &Self) -> bool {
        self.inner.eq(&other.inner)
    }
}

impl Eq for CheckedFilter {}

impl Hash for CheckedFilter {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.inner.hash(state);
    }
}

impl fmt::Display for CheckedFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl PhysicalExpr for CheckedFilter {
    fn return_field(&self, schema: &Schema) -> Result<FieldRef> {
        self.inner.return_field(schema)
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        check(&self.cancel)?;
        self.inner.evaluate(batch)
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.inner]
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn PhysicalExpr>>,
    ) -> Result<Arc<dyn PhysicalExpr>> {
        let (inner, cancel) = (children.swap_remove(0), self.cancel.clone());
        Ok(Arc::new(CheckedFilter { inner, cancel }))
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt_sql(f)
    }
}
