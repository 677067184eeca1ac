//! Nodes of a plan whose columns hold numbers of several types: VALUES, UNION, joins.

use std::sync::Arc;

use datafusion::arrow::datatypes::Field;
use datafusion::common::{DFSchema, JoinConstraint, Result};
use datafusion::logical_expr::{Expr, Join, LogicalPlan, LogicalPlanBuilder, Union, Values};

use super::groups;
use super::plan::{brought, is_numeric, key, unified};
use super::types::Kind;
use crate::types::field_typmod;

/// The node with the schema that its inputs and expressions have now, numbers of several types in
/// one column brought together.
pub(crate) fn reconciled(plan: LogicalPlan) -> Result<LogicalPlan> {
    match plan {
        LogicalPlan::Values(values) => values_of(values),
        LogicalPlan::Union(union) => union_of(union),
        LogicalPlan::Join(join) => {
            let keyed = |(left, right): (Expr, Expr)| {
                let numeric = is_numeric(&left, join.left.schema())
                    || is_numeric(&right, join.right.schema());
                match numeric {
                    true => (key(left), key(right)),
                    false => (left, right),
                }
            };
            let on: Vec<_> = join.on.iter().cloned().map(keyed).collect();
            // USING is about columns only.
            let join_constraint =
                if on == join.on { join.join_constraint } else { JoinConstraint::On };
            LogicalPlan::Join(Join { on, join_constraint, ..join }).recompute_schema()
        }
        LogicalPlan::Sort(sort) => Ok(groups::sort(sort)),
        other => match other.recompute_schema()? {
            LogicalPlan::Aggregate(aggregate) => groups::group(aggregate),
            LogicalPlan::Distinct(distinct) => groups::distinct(distinct),
            other => Ok(other),
        },
    }
}

fn values_of(values: Values) -> Result<LogicalPlan> {
    let schema = DFSchema::empty();
    let count = values.schema.fields().len();
    let mut columns = Vec::with_capacity(count);
    for i in 0..count {
        let column = values.values.iter().map(|row| row[i].clone()).collect();
        columns.push(unified(column, &schema)?.into_iter());
    }
    let row = |_| columns.iter_mut().filter_map(Iterator::next).collect();
    let rows = (0..values.values.len()).map(row).collect();
    LogicalPlanBuilder::values(rows)?.build()
}

fn union_of(union: Union) -> Result<LogicalPlan> {
    let count = union.inputs[0].schema().fields().len();
    let kinds: Vec<_> = (0..count).map(|i| kind_of_column(&union, i)).collect();
    let input = |input: &Arc<LogicalPlan>| in_kinds(input, &kinds);
    let inputs = union.inputs.iter().map(input).collect::<Result<_>>()?;
    Ok(LogicalPlan::Union(Union::try_new_with_loose_types(inputs)?))
}

/// A number type, and whether the inputs differ in the scale that they declare: the result declares
/// none then.
type ColumnKind = Option<(Kind, bool)>;

fn kind_of_column(union: &Union, i: usize) -> ColumnKind {
    let fields = union.inputs.iter().filter_map(|input| input.schema().fields().get(i));
    let fields: Vec<_> = fields.filter(|field| !field.data_type().is_null()).collect();
    let kinds = fields.iter().map(|field| Kind::of(field.data_type()));
    let kind = kinds.collect::<Option<Vec<_>>>()?.into_iter().max()?;
    let first = field_typmod(fields.first()?);
    Some((kind, fields.iter().any(|field| field_typmod(field) != first)))
}

/// An input of a UNION with its columns in these types.
fn in_kinds(input: &Arc<LogicalPlan>, kinds: &[ColumnKind]) -> Result<Arc<LogicalPlan>> {
    let schema = input.schema();
    let wanted = |i: usize, field: &Field| {
        let (kind, bare) = kinds[i]?;
        let differs = field.data_type() != &kind.data_type();
        (differs || bare && field_typmod(field) != -1).then_some(kind)
    };
    let fields = schema.fields().iter().enumerate();
    if fields.clone().all(|(i, field)| wanted(i, field).is_none()) {
        return Ok(input.clone());
    }
    let items = schema.columns().into_iter().zip(fields).map(|(column, (i, field))| {
        let expr = Expr::Column(column.clone());
        match wanted(i, field) {
            Some(kind) => brought(expr, kind).alias_qualified(column.relation, column.name),
            None => expr,
        }
    });
    let items: Vec<_> = items.collect();
    LogicalPlanBuilder::from(input.as_ref().clone()).project(items)?.build().map(Arc::new)
}
