//! Scalar subqueries about the outer row that DataFusion cannot turn into joins: those that are tied
//! to it by something else than equality, take rows in an order, or expand arrays.
//!
//! `SELECT (SELECT count(*) FROM t AS x WHERE x.b < t.b) FROM t`: the subquery's value is computed for
//! all outer rows at once, as of a lateral one (`lateral.rs`), and stands beside them as a column.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, Result};
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{
    BinaryExpr, Expr, Filter, LogicalPlan, LogicalPlanBuilder, Operator, Projection, Subquery, lit,
};

use model::ColumnType;

use crate::functions::only::only;
use crate::lateral::beside;
use crate::types;

/// The plan without such subqueries in its projections and filters.
pub(crate) fn decorrelate(plan: LogicalPlan) -> Result<LogicalPlan> {
    let plan = plan.transform_up_with_subqueries(|node| node.map_expressions(one_row))?.data;
    let mut number = 0;
    Ok(plan.transform_up_with_subqueries(|node| rewrite(node, &mut number))?.data)
}

/// Correlated scalar subqueries without an aggregate get one that takes a single row: so DataFusion
/// knows that they give one value.
fn one_row(expr: Expr) -> Result<Transformed<Expr>> {
    expr.transform(|expr| {
        let Expr::ScalarSubquery(subquery) = &expr else { return Ok(Transformed::no(expr)) };
        let LogicalPlan::Projection(projection) = &*subquery.subquery else {
            return Ok(Transformed::no(expr));
        };
        let ([value], LogicalPlan::Filter(_)) = (&projection.expr[..], &*projection.input) else {
            return Ok(Transformed::no(expr));
        };
        if subquery.outer_ref_columns.is_empty() || value.contains_outer() {
            return Ok(Transformed::no(expr));
        }
        let (qualifier, name) = value.qualified_name();
        let only = only().call(vec![value.clone().unalias()]);
        let plan = LogicalPlanBuilder::from(projection.input.as_ref().clone())
            .aggregate(Vec::<Expr>::new(), [only.alias("only")])?
            .project([Expr::Column(Column::from_name("only")).alias_qualified(qualifier, name)])?
            .build()?;
        let one = Subquery { subquery: Arc::new(plan), ..subquery.clone() };
        Ok(Transformed::yes(Expr::ScalarSubquery(one)))
    })
}

fn rewrite(node: LogicalPlan, number: &mut usize) -> Result<Transformed<LogicalPlan>> {
    let (exprs, input) = match &node {
        LogicalPlan::Projection(projection) => (projection.expr.clone(), &projection.input),
        LogicalPlan::Filter(filter) => (vec![filter.predicate.clone()], &filter.input),
        _ => return Ok(Transformed::no(node)),
    };
    let mut found: Vec<(Subquery, Expr)> = Vec::new();
    let mut plan = input.as_ref().clone();
    for expr in &exprs {
        for subquery in subqueries(expr)? {
            if found.iter().any(|(known, _)| *known == subquery) {
                continue;
            }
            if let Some((joined, value)) = join(&plan, &subquery, *number)? {
                *number += 1;
                plan = joined;
                found.push((subquery, value));
            }
        }
    }
    if found.is_empty() {
        return Ok(Transformed::no(node));
    }
    let replaced =
        exprs.into_iter().map(|expr| replace(expr, &found)).collect::<Result<Vec<_>>>()?;
    let plan = Arc::new(plan);
    Ok(Transformed::yes(match &node {
        LogicalPlan::Filter(filter) => {
            let predicate = replaced.into_iter().next().unwrap_or_else(|| lit(true));
            let filtered = LogicalPlan::Filter(Filter::try_new(predicate, plan)?);
            // What was added for the filter ends with it.
            let columns = filter.input.schema().columns().into_iter().map(Expr::Column).collect();
            LogicalPlan::Projection(Projection::try_new(columns, Arc::new(filtered))?)
        }
        _ => LogicalPlan::Projection(Projection::try_new(replaced, plan)?),
    }))
}

/// The correlated scalar subqueries of an expression.
fn subqueries(expr: &Expr) -> Result<Vec<Subquery>> {
    let mut found = Vec::new();
    expr.apply(|expr| {
        if let Expr::ScalarSubquery(subquery) = expr
            && !subquery.outer_ref_columns.is_empty()
        {
            found.push(subquery.clone());
        }
        Ok(datafusion::common::tree_node::TreeNodeRecursion::Continue)
    })?;
    Ok(found)
}

/// The expression with the subqueries' values in their places, under its old name.
fn replace(expr: Expr, found: &[(Subquery, Expr)]) -> Result<Expr> {
    let (qualifier, name) = expr.qualified_name();
    let new = expr.transform(|expr| {
        if let Expr::ScalarSubquery(subquery) = &expr
            && let Some((_, value)) = found.iter().find(|(known, _)| known == subquery)
        {
            return Ok(Transformed::yes(value.clone()));
        }
        Ok(Transformed::no(expr))
    })?;
    Ok(match (new.transformed, &new.data) {
        (true, data) if !matches!(data, Expr::Alias(_)) => {
            new.data.alias_qualified(qualifier, name)
        }
        _ => new.data,
    })
}

/// Outer rows with the subquery's value beside them; `None` where DataFusion can do it.
fn join(
    outer: &LogicalPlan,
    subquery: &Subquery,
    number: usize,
) -> Result<Option<(LogicalPlan, Expr)>> {
    if !is_ours(&subquery.subquery)? {
        return Ok(None);
    }
    let name = format!("__value {number}");
    // Numbers of lateral subqueries count from 1 on: these are apart from them.
    let joined = beside(outer, &subquery.subquery, &name, number + 1_000_000)?;
    Ok(joined.map(|joined| (joined, Expr::Column(Column::from_name(name)))))
}

/// Whether DataFusion gives up on a subquery.
fn is_ours(plan: &LogicalPlan) -> Result<bool> {
    plan.exists(|node| {
        Ok(match node {
            LogicalPlan::Filter(filter) => {
                split_conjunction(&filter.predicate).into_iter().any(is_hard)
            }
            LogicalPlan::Aggregate(aggregate) => {
                let collects = |expr: &Expr| match expr.clone().unalias() {
                    Expr::AggregateFunction(call) => call.func.name() == "array_agg",
                    _ => false,
                };
                aggregate.aggr_expr.iter().any(|expr| collects(expr) || expr.contains_outer())
            }
            LogicalPlan::Sort(_) | LogicalPlan::Limit(_) => true,
            LogicalPlan::Unnest(_) | LogicalPlan::Subquery(_) => true,
            LogicalPlan::EmptyRelation(_) => true,
            _ => false,
        })
    })
}

/// Whether a condition ties the subquery to the outer row by something else than `inner = outer`, or
/// by an equality of numerics, which are compared by keys made of them.
fn is_hard(condition: &Expr) -> bool {
    let by_equality = match condition {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) => {
            matches!((&**left, &**right),
                (Expr::Column(_), Expr::OuterReferenceColumn(field, _))
                | (Expr::OuterReferenceColumn(field, _), Expr::Column(_))
                    if !matches!(types::column_type(field), ColumnType::Numeric { .. }))
        }
        _ => false,
    };
    condition.contains_outer() && !by_equality
}
