//! Integer arithmetic that overflows is an error, as in PostgreSQL; DataFusion's own wraps around.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::BinaryExpr;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::filter::{FilterExec, FilterExecBuilder};
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};

/// The expression with sums, differences and products that tell of an overflow.
pub(crate) fn checked(expr: Arc<dyn PhysicalExpr>) -> Result<Arc<dyn PhysicalExpr>> {
    let check = |expr: Arc<dyn PhysicalExpr>| {
        let Some(binary) = expr.downcast_ref::<BinaryExpr>() else {
            return Ok(Transformed::no(expr));
        };
        if !matches!(binary.op(), Operator::Plus | Operator::Minus | Operator::Multiply) {
            return Ok(Transformed::no(expr));
        }
        let (left, right) = (binary.left().clone(), binary.right().clone());
        let checked = BinaryExpr::new(left, *binary.op(), right).with_fail_on_overflow(true);
        Ok(Transformed::yes(Arc::new(checked) as Arc<dyn PhysicalExpr>))
    };
    Ok(expr.transform_up(check)?.data)
}

/// Checks the arithmetic of projections and filters; scans check their own filters.
#[derive(Debug)]
pub(crate) struct CheckOverflow;

impl PhysicalOptimizerRule for CheckOverflow {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let check = |plan: Arc<dyn ExecutionPlan>| {
            if let Some(projection) = plan.downcast_ref::<ProjectionExec>() {
                let one = |e: &ProjectionExpr| {
                    Ok(ProjectionExpr { expr: checked(e.expr.clone())?, alias: e.alias.clone() })
                };
                let exprs = projection.expr().iter().map(one).collect::<Result<Vec<_>>>()?;
                let checked = ProjectionExec::try_new(exprs, projection.input().clone())?;
                return Ok(Transformed::yes(Arc::new(checked) as Arc<dyn ExecutionPlan>));
            }
            if let Some(filter) = plan.downcast_ref::<FilterExec>() {
                let predicate = checked(filter.predicate().clone())?;
                let checked = FilterExecBuilder::from(filter).with_predicate(predicate).build()?;
                return Ok(Transformed::yes(Arc::new(checked) as Arc<dyn ExecutionPlan>));
            }
            Ok(Transformed::no(plan))
        };
        Ok(plan.transform_up(check)?.data)
    }

    fn name(&self) -> &str {
        "CheckOverflow"
    }

    fn schema_check(&self) -> bool {
        true
    }
}
