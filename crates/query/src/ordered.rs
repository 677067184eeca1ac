//! Aggregates that collect rows (`array_agg`, `string_agg`, and so `json_agg`) take them in the order
//! in which a subquery gives them, as in PostgreSQL: `SELECT json_agg(t) FROM (SELECT .. ORDER BY ..) t`.
//!
//! DataFusion drops an order that no node asks for. Here the rows get their places as a column, which
//! goes up through the nodes between, and the aggregate asks for it. Where one aggregate of several
//! asks for an order of its own, the others get the rows' places as they come.

use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, Result};
use datafusion::functions_window::expr_fn::row_number;
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::{
    Aggregate, Expr, ExprFunctionExt, Filter, Limit, LogicalPlan, LogicalPlanBuilder, Projection,
    Sort, SubqueryAlias,
};

/// The plan with the order of collected rows asked for.
pub(crate) fn ordered(plan: LogicalPlan) -> Result<LogicalPlan> {
    let mut number = 0;
    Ok(plan.transform_up_with_subqueries(|node| collected(node, &mut number))?.data)
}

fn collected(node: LogicalPlan, number: &mut usize) -> Result<Transformed<LogicalPlan>> {
    let LogicalPlan::Aggregate(aggregate) = &node else { return Ok(Transformed::no(node)) };
    if !aggregate.aggr_expr.iter().any(|e| call_of(e).is_some_and(|c| takes_order(&c))) {
        return Ok(Transformed::no(node));
    }
    let others = aggregate.aggr_expr.iter().filter_map(call_of);
    let mixed = others.into_iter().any(|call| !call.params.order_by.is_empty());
    *number += 1;
    let place = format!("__place {number}");
    let input = match placed(&aggregate.input, &place)? {
        Some(input) => input,
        None if mixed => {
            let window = row_number().alias(place.clone());
            LogicalPlanBuilder::from(aggregate.input.as_ref().clone()).window([window])?.build()?
        }
        None => return Ok(Transformed::no(node)),
    };
    let by = Expr::Column(Column::from_name(place)).sort(true, false);
    let mut calls = Vec::with_capacity(aggregate.aggr_expr.len());
    for expr in &aggregate.aggr_expr {
        calls.push(match call_of(expr) {
            Some(mut call) if takes_order(&call) => {
                let (qualifier, name) = expr.qualified_name();
                call.params.order_by.push(by.clone());
                Expr::AggregateFunction(call).alias_qualified(qualifier, name)
            }
            _ => expr.clone(),
        });
    }
    let new = Aggregate::try_new(input.into(), aggregate.group_expr.clone(), calls)?;
    Ok(Transformed::yes(LogicalPlan::Aggregate(new)))
}

fn call_of(expr: &Expr) -> Option<AggregateFunction> {
    match expr.clone().unalias() {
        Expr::AggregateFunction(call) => Some(call),
        _ => None,
    }
}

/// Whether an aggregate collects rows as they come.
fn takes_order(call: &AggregateFunction) -> bool {
    let collects = matches!(call.func.name(), "array_agg" | "string_agg");
    collects && call.params.order_by.is_empty() && !call.params.distinct
}

/// The plan with the places of its rows as a column of this name; `None` where they have no order.
fn placed(plan: &LogicalPlan, place: &str) -> Result<Option<LogicalPlan>> {
    let column = || Expr::Column(Column::from_name(place));
    Ok(match plan {
        LogicalPlan::Sort(sort) => Some(numbered(plan, sort, place)?),
        LogicalPlan::Limit(Limit { input, .. }) => match input.as_ref() {
            LogicalPlan::Sort(sort) => Some(numbered(plan, sort, place)?),
            _ => None,
        },
        LogicalPlan::Filter(Filter { predicate, input, .. }) => match placed(input, place)? {
            Some(input) => {
                Some(LogicalPlanBuilder::from(input).filter(predicate.clone())?.build()?)
            }
            None => None,
        },
        LogicalPlan::Projection(Projection { expr, input, .. }) => match placed(input, place)? {
            Some(input) => {
                let all = expr.iter().cloned().chain([column()]).collect::<Vec<_>>();
                Some(LogicalPlanBuilder::from(input).project(all)?.build()?)
            }
            None => None,
        },
        LogicalPlan::SubqueryAlias(SubqueryAlias { input, schema, .. }) => {
            let Some(inner) = placed(input, place)? else { return Ok(None) };
            let own = input.schema().columns().into_iter().zip(schema.iter());
            let own = own.map(|(column, (qualifier, field))| {
                Expr::Column(column).alias_qualified(qualifier.cloned(), field.name())
            });
            let all = own.chain([column()]).collect::<Vec<_>>();
            Some(LogicalPlanBuilder::from(inner).project(all)?.build()?)
        }
        _ => None,
    })
}

/// Rows of a plan and their places in the order of a sort.
fn numbered(plan: &LogicalPlan, sort: &Sort, place: &str) -> Result<LogicalPlan> {
    let window = row_number().order_by(sort.expr.clone()).build()?.alias(place);
    LogicalPlanBuilder::from(plan.clone()).window([window])?.build()
}
