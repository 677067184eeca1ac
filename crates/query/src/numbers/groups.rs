//! Where numerics are sorted, grouped or counted once: by value, not by the digits they show.
//!
//! `1.5` and `1.50` are one group and stand side by side. A column that declares its scale shows the
//! same digits for the same value, and is left as it is.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Column, DFSchema, Result};
use datafusion::functions_aggregate::min_max::min;
use datafusion::logical_expr::expr::{AggregateFunction, Case, Sort as SortExpr, WindowFunction};
use datafusion::logical_expr::{
    Aggregate, Distinct, DistinctOn, Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, Sort,
    lit,
};

use super::plan::key;
use super::types::Kind;
use crate::types::field_typmod;

/// Whether values of an expression may be equal and yet show different digits.
fn is_loose(expr: &Expr, schema: &DFSchema) -> bool {
    let Ok((_, field)) = expr.to_field(schema) else { return false };
    Kind::of(field.data_type()) == Some(Kind::Numeric) && field_typmod(&field) == -1
}

fn keyed(expr: Expr, schema: &DFSchema) -> Expr {
    if is_loose(&expr, schema) { key(expr) } else { expr }
}

fn keyed_sorts(sorts: Vec<SortExpr>, schema: &DFSchema) -> Vec<SortExpr> {
    let one =
        |sort: SortExpr| SortExpr { expr: one_zero(keyed(sort.expr, schema), schema), ..sort };
    sorts.into_iter().map(one).collect()
}

/// What to sort and count by so that 0.0 and -0.0 are equal; Arrow's order has the negative one first.
fn one_zero(expr: Expr, schema: &DFSchema) -> Expr {
    let zero = match expr.get_type(schema) {
        Ok(DataType::Float64) => lit(0.0_f64),
        Ok(DataType::Float32) => lit(0.0_f32),
        _ => return expr,
    };
    let is_zero = Box::new(expr.clone().eq(zero.clone()));
    Expr::Case(Case::new(None, vec![(is_zero, Box::new(zero))], Some(Box::new(expr))))
}

/// An aggregate's own order, and what it counts once.
pub(crate) fn aggregate(mut call: AggregateFunction, schema: &DFSchema) -> AggregateFunction {
    let params = &mut call.params;
    if call.func.name() == "count" && params.distinct {
        let once = |arg| one_zero(keyed(arg, schema), schema);
        params.args = params.args.drain(..).map(once).collect();
    }
    if params.distinct
        && params.order_by.is_empty()
        && matches!(call.func.name(), "Sum" | "avg")
        && params.args.iter().any(|arg| is_loose(arg, schema))
    {
        // An order keeps DataFusion from grouping the values by their bytes.
        params.order_by = params.args.iter().map(|arg| arg.clone().sort(true, false)).collect();
    }
    if !params.distinct {
        params.order_by = keyed_sorts(std::mem::take(&mut params.order_by), schema);
    }
    call
}

/// A window's order and partitions.
pub(crate) fn window(mut call: WindowFunction, schema: &DFSchema) -> WindowFunction {
    let params = &mut call.params;
    for sort in &mut params.order_by {
        if Kind::of_expr(&sort.expr, schema) == Some(Kind::Numeric) {
            sort.expr = super::plan::call_of("aeriedb_number_hex", sort.expr.clone());
        }
        sort.expr = one_zero(sort.expr.clone(), schema);
    }
    params.partition_by = params.partition_by.drain(..).map(|e| keyed(e, schema)).collect();
    call
}

/// ORDER BY.
pub(crate) fn sort(sort: Sort) -> LogicalPlan {
    let expr = keyed_sorts(sort.expr, sort.input.schema());
    LogicalPlan::Sort(Sort { expr, ..sort })
}

/// GROUP BY: the groups are those of the keys, and each shows the least of its values, which has the
/// fewest digits.
pub(crate) fn group(aggregate: Aggregate) -> Result<LogicalPlan> {
    let schema = aggregate.input.schema().clone();
    let sets = aggregate.group_expr.iter().any(|e| matches!(e, Expr::GroupingSet(_)));
    let loose: Vec<bool> = aggregate.group_expr.iter().map(|e| is_loose(e, &schema)).collect();
    if sets || !loose.contains(&true) {
        return Ok(LogicalPlan::Aggregate(aggregate));
    }
    let names = aggregate.schema.columns();
    let (mut groups, mut shown, mut values) = (Vec::new(), Vec::new(), Vec::new());
    for (i, expr) in aggregate.group_expr.into_iter().enumerate() {
        let Column { relation, name, .. } = names[i].clone();
        if loose[i] {
            let value = format!("__value {i}");
            values.push(min(expr.clone().unalias()).alias(value.clone()));
            groups.push(key(expr.unalias()).alias(format!("__key {i}")));
            shown.push(Expr::Column(Column::from_name(value)).alias_qualified(relation, name));
        } else {
            groups.push(expr);
            shown.push(Expr::Column(names[i].clone()));
        }
    }
    shown.extend(names[groups.len()..].iter().cloned().map(Expr::Column));
    let all = aggregate.aggr_expr.into_iter().chain(values).collect::<Vec<_>>();
    let grouped = Aggregate::try_new(aggregate.input, groups, all)?;
    LogicalPlanBuilder::from(LogicalPlan::Aggregate(grouped)).project(shown)?.build()
}

/// DISTINCT.
pub(crate) fn distinct(distinct: Distinct) -> Result<LogicalPlan> {
    match distinct {
        Distinct::All(input) => {
            let columns: Vec<_> = input.schema().columns().into_iter().map(Expr::Column).collect();
            if !columns.iter().any(|column| is_loose(column, input.schema())) {
                return Ok(LogicalPlan::Distinct(Distinct::All(input)));
            }
            group(Aggregate::try_new(input, columns, Vec::new())?)
        }
        Distinct::On(on) => {
            let schema = Arc::clone(on.input.schema());
            let on_expr = on.on_expr.into_iter().map(|e| keyed(e, &schema)).collect();
            let sort_expr = on.sort_expr.map(|sorts| keyed_sorts(sorts, &schema));
            let on = DistinctOn::try_new(on_expr, on.select_expr, sort_expr, on.input)?;
            Ok(LogicalPlan::Distinct(Distinct::On(on)))
        }
    }
}
