//! Scalar subqueries that compare with the outer row by something else than equality.
//!
//! `SELECT (SELECT count(*) FROM t AS x WHERE x.b < t.b) FROM t`: DataFusion turns correlated
//! subqueries into joins where they are tied by equality only, and gives up on the rest. Those become
//! a join of their own here:
//!
//! 1. The outer rows get a number each.
//! 2. They are joined, LEFT, with the subquery's rows and a mark, on the subquery's own condition.
//! 3. That is grouped by the number (and by all outer columns, which depend on it); the subquery's
//!    aggregates count only rows that have the mark.
//! 4. The subquery's value is an expression over these groups.
//!
//! The unnesting of Neumann and Kemper, "Unnesting Arbitrary Queries" (BTW 2015), for the case of one
//! aggregate over one filter; everything else is left to DataFusion, and refused by it.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, Result};
use datafusion::functions_window::expr_fn::row_number;
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{
    BinaryExpr, Expr, Filter, JoinType, LogicalPlan, LogicalPlanBuilder, Operator, Projection,
    Subquery, lit,
};

use crate::functions::only::only;

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

/// Outer rows joined with what the subquery says of each, and its value; `None` where it is not one
/// aggregate over one filter, or one that DataFusion can do.
fn join(
    outer: &LogicalPlan,
    subquery: &Subquery,
    number: usize,
) -> Result<Option<(LogicalPlan, Expr)>> {
    let (value, inside) = match &*subquery.subquery {
        LogicalPlan::Projection(projection) => match &projection.expr[..] {
            [value] => (Some(value.clone()), &*projection.input),
            _ => return Ok(None),
        },
        inside => (None, inside),
    };
    let LogicalPlan::Aggregate(aggregate) = inside else { return Ok(None) };
    let LogicalPlan::Filter(filter) = &*aggregate.input else { return Ok(None) };
    let plain = aggregate.group_expr.is_empty()
        && !aggregate.aggr_expr.is_empty()
        && !aggregate.aggr_expr.iter().any(Expr::contains_outer)
        && filter.input.all_out_ref_exprs().is_empty();
    if !plain || !split_conjunction(&filter.predicate).into_iter().any(is_hard) {
        return Ok(None);
    }
    let (row, mark) = (format!("__row {number}"), format!("__mark {number}"));
    let outer = LogicalPlanBuilder::from(outer.clone())
        .window([row_number().alias(row.clone())])?
        .build()?;
    let mut columns: Vec<Expr> =
        filter.input.schema().columns().into_iter().map(Expr::Column).collect();
    columns.push(lit(true).alias(mark.clone()));
    let inner =
        LogicalPlanBuilder::from(filter.input.as_ref().clone()).project(columns)?.build()?;
    let condition = without_outer(filter.predicate.clone())?;
    let groups: Vec<Expr> = outer.schema().columns().into_iter().map(Expr::Column).collect();
    let marked = Expr::Column(Column::from_name(mark)).is_true();
    let mut aggregates = Vec::with_capacity(aggregate.aggr_expr.len());
    let mut names = Vec::with_capacity(aggregate.aggr_expr.len());
    for (i, expr) in aggregate.aggr_expr.iter().enumerate() {
        let Expr::AggregateFunction(AggregateFunction { func, params }) = expr.clone().unalias()
        else {
            return Ok(None);
        };
        let mut params = params;
        let filter = match params.filter.take() {
            Some(filter) => filter.and(marked.clone()),
            None => marked.clone(),
        };
        params.filter = Some(Box::new(filter));
        let name = format!("__value {number} {i}");
        aggregates
            .push(Expr::AggregateFunction(AggregateFunction { func, params }).alias(name.clone()));
        names.push((expr.qualified_name(), name));
    }
    let joined = LogicalPlanBuilder::from(outer)
        .join_on(inner, JoinType::Left, [condition])?
        .aggregate(groups, aggregates)?
        .build()?;
    let first = names.first().map_or_else(String::new, |(_, name)| name.clone());
    let value = match value {
        None => Expr::Column(Column::from_name(first)),
        Some(value) => {
            let column = |expr: Expr| match &expr {
                Expr::Column(column) => {
                    let same = |(of, _): &&((Option<_>, String), String)| {
                        of.0 == column.relation && of.1 == column.name
                    };
                    match names.iter().find(same) {
                        Some((_, name)) => {
                            Ok(Transformed::yes(Expr::Column(Column::from_name(name.clone()))))
                        }
                        None => Ok(Transformed::no(expr)),
                    }
                }
                _ => Ok(Transformed::no(expr)),
            };
            without_outer(value.unalias())?.transform(column)?.data
        }
    };
    Ok(Some((joined, value)))
}

/// Whether a condition ties the subquery to the outer row by something else than `inner = outer`.
fn is_hard(condition: &Expr) -> bool {
    let by_equality = match condition {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) => {
            matches!(**left, Expr::Column(_)) && matches!(**right, Expr::OuterReferenceColumn(..))
                || matches!(**right, Expr::Column(_))
                    && matches!(**left, Expr::OuterReferenceColumn(..))
        }
        _ => false,
    };
    condition.contains_outer() && !by_equality
}

fn without_outer(expr: Expr) -> Result<Expr> {
    let inner = |expr| match expr {
        Expr::OuterReferenceColumn(_, column) => Ok(Transformed::yes(Expr::Column(column))),
        expr => Ok(Transformed::no(expr)),
    };
    Ok(expr.transform(inner)?.data)
}
