//! `x IN (SELECT ..)` where DataFusion knows only two of its three answers, or none.
//!
//! The same of `x < ANY (SELECT ..)` and ALL.
//!
//! As a condition of WHERE it makes a join of it, and of a `NOT IN` that is not about the outer row an
//! anti join that minds NULL: these stay. Anywhere else (beside OR, in a select list, in CASE, grouped
//! or sorted by, `NOT IN` of a correlated subquery) a NULL would count as false, so there it becomes
//! what it is short for: true where a row is equal, else unknown where a row may be, else false.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, Result, ScalarValue};
use datafusion::functions_aggregate::expr_fn::{bool_or, count};
use datafusion::logical_expr::expr::{InSubquery, SetComparison, SetQuantifier};
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{
    Aggregate, Expr, Filter, LogicalPlan, LogicalPlanBuilder, Projection, Sort, binary_expr, lit,
    not, scalar_subquery, when,
};

/// The plan with `IN (SELECT ..)` only where DataFusion answers it rightly.
pub(crate) fn spelled_out(plan: LogicalPlan) -> Result<LogicalPlan> {
    Ok(plan.transform_up_with_subqueries(node)?.data)
}

fn node(node: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    if !node.expressions().iter().any(has_membership) {
        return Ok(Transformed::no(node));
    }
    match node {
        LogicalPlan::Filter(filter) => filtered(filter),
        LogicalPlan::Projection(projection) => {
            let schema = projection.input.schema().clone();
            let replaced = |expr: Expr| {
                let (qualifier, name) = expr.qualified_name();
                let new = answers(expr, &schema)?;
                Ok(match (new.transformed, &new.data) {
                    (true, data) if !matches!(data, Expr::Alias(_)) => {
                        new.data.alias_qualified(qualifier, name)
                    }
                    _ => new.data,
                })
            };
            let exprs = projection.expr.into_iter().map(replaced).collect::<Result<_>>()?;
            let new = Projection::try_new(exprs, projection.input)?;
            Ok(Transformed::yes(LogicalPlan::Projection(new)))
        }
        LogicalPlan::Aggregate(aggregate) => aggregated(aggregate),
        LogicalPlan::Sort(sort) => sorted(sort),
        other => Ok(Transformed::no(other)),
    }
}

fn has_membership(expr: &Expr) -> bool {
    let is = |expr: &Expr| matches!(expr, Expr::InSubquery(_) | Expr::SetComparison(_));
    expr.exists(|expr| Ok(is(expr))).unwrap_or(false)
}

fn filtered(filter: Filter) -> Result<Transformed<LogicalPlan>> {
    let schema = filter.input.schema().clone();
    let mut changed = false;
    let mut condition = |expr: Expr| match &expr {
        Expr::InSubquery(search) if !search.negated || !correlated(search) => Ok(expr),
        _ => answers(expr, &schema).map(|new| {
            changed |= new.transformed;
            new.data
        }),
    };
    let conditions = split_conjunction_owned(filter.predicate);
    let conditions = conditions.into_iter().map(&mut condition).collect::<Result<Vec<_>>>()?;
    let predicate = conjunction(conditions).unwrap_or_else(|| lit(true));
    let plan = LogicalPlan::Filter(Filter::try_new(predicate, filter.input)?);
    Ok(match changed {
        true => Transformed::yes(plan),
        false => Transformed::no(plan),
    })
}

/// An aggregate whose keys and arguments are columns where they were memberships.
fn aggregated(aggregate: Aggregate) -> Result<Transformed<LogicalPlan>> {
    let mut below = Below::of(&aggregate.input);
    let group = below.columns_of(aggregate.group_expr)?;
    let aggregates = below.columns_of(aggregate.aggr_expr)?;
    let plan = LogicalPlanBuilder::from(below.plan()?).aggregate(group, aggregates)?.build()?;
    let names = aggregate.schema.iter().map(|(qualifier, field)| (qualifier.cloned(), field));
    let renamed =
        plan.schema().columns().into_iter().zip(names).map(|(column, (qualifier, field))| {
            Expr::Column(column).alias_qualified(qualifier, field.name())
        });
    let renamed = renamed.collect::<Vec<_>>();
    Ok(Transformed::yes(LogicalPlanBuilder::from(plan).project(renamed)?.build()?))
}

/// A sort by columns where it was one by memberships.
fn sorted(sort: Sort) -> Result<Transformed<LogicalPlan>> {
    let mut below = Below::of(&sort.input);
    let columns = sort.input.schema().columns().into_iter().map(Expr::Column);
    let keys = sort.expr.into_iter().map(|key| {
        let by = below.columns_of(vec![key.expr.clone()])?.pop().unwrap_or(key.expr.clone());
        Ok(key.with_expr(by))
    });
    let expr = keys.collect::<Result<Vec<_>>>()?;
    let input = Arc::new(below.plan()?);
    let plan = LogicalPlan::Sort(Sort { expr, input, fetch: sort.fetch });
    Ok(Transformed::yes(LogicalPlanBuilder::from(plan).project(columns)?.build()?))
}

/// What is to be computed below a node.
struct Below<'a> {
    input: &'a Arc<LogicalPlan>,
    memberships: Vec<Expr>,
}

impl Below<'_> {
    fn of(input: &Arc<LogicalPlan>) -> Below<'_> {
        Below { input, memberships: Vec::new() }
    }

    fn columns_of(&mut self, exprs: Vec<Expr>) -> Result<Vec<Expr>> {
        let column = |expr: Expr| {
            if !matches!(expr, Expr::InSubquery(_) | Expr::SetComparison(_)) {
                return Ok(Transformed::no(expr));
            }
            let name = format!("__member {}", self.memberships.len());
            let answer = answers(expr, self.input.schema())?.data;
            self.memberships.push(answer.alias(name.clone()));
            Ok(Transformed::yes(Expr::Column(Column::from_name(name))))
        };
        let mut column = column;
        exprs.into_iter().map(|expr| Ok(expr.transform_down(&mut column)?.data)).collect()
    }

    fn plan(self) -> Result<LogicalPlan> {
        let columns = self.input.schema().columns().into_iter().map(Expr::Column);
        let exprs = columns.chain(self.memberships).collect();
        Ok(LogicalPlan::Projection(Projection::try_new(exprs, self.input.clone())?))
    }
}

fn answers(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    expr.transform_up(|expr| match expr {
        Expr::InSubquery(search) => Ok(Transformed::yes(answer(search, schema)?)),
        Expr::SetComparison(compared) => Ok(Transformed::yes(some_or_all(compared, schema)?)),
        other => Ok(Transformed::no(other)),
    })
}

fn correlated(search: &InSubquery) -> bool {
    !search.subquery.outer_ref_columns.is_empty()
}

/// True, false or NULL.
fn answer(search: InSubquery, schema: &DFSchema) -> Result<Expr> {
    let correlated = correlated(&search);
    let InSubquery { expr, subquery, negated } = search;
    let rows = || LogicalPlanBuilder::from(subquery.subquery.as_ref().clone());
    let [found] = &rows().schema().columns()[..] else {
        // DataFusion says what is wrong with it.
        return Ok(Expr::InSubquery(InSubquery { expr, subquery, negated }));
    };
    let found = Expr::Column(found.clone());
    let equal = found.clone().eq(outer(*expr.clone(), schema)?);
    let answer = match correlated {
        true => among(rows(), equal)?,
        false => {
            let first = |rows: LogicalPlanBuilder| some(rows.limit(0, Some(1))?);
            let is = some(rows().filter(equal)?)?;
            let unknown = first(rows().filter(found.is_null())?)?;
            let may_be = expr.is_null().and(first(rows())?).or(unknown);
            three_valued(is, may_be)?
        }
    };
    Ok(if negated { not(answer) } else { answer })
}

/// `x op ANY (SELECT ..)`, and `ALL` as the opposite: no row for which it is not so.
fn some_or_all(compared: SetComparison, schema: &DFSchema) -> Result<Expr> {
    let SetComparison { expr, subquery, op, quantifier } = compared;
    let rows = LogicalPlanBuilder::from(subquery.subquery.as_ref().clone());
    let [found] = &rows.schema().columns()[..] else {
        return Ok(Expr::SetComparison(SetComparison { expr, subquery, op, quantifier }));
    };
    let found = Expr::Column(found.clone());
    let holds = binary_expr(outer(*expr, schema)?, op, found);
    Ok(match quantifier {
        SetQuantifier::Any => among(rows, holds)?,
        SetQuantifier::All => not(among(rows, not(holds))?),
    })
}

fn three_valued(is: Expr, may_be: Expr) -> Result<Expr> {
    when(is, lit(true)).when(may_be, lit(ScalarValue::Boolean(None))).otherwise(lit(false))
}

/// Whether the condition holds for one of these rows, of all of them at once.
fn among(rows: LogicalPlanBuilder, equal: Expr) -> Result<Expr> {
    let unknown = equal.clone().is_null();
    let counted = [bool_or(equal).alias("__is"), bool_or(unknown).alias("__may_be")];
    let column = |name: &str| Expr::Column(Column::from_name(name));
    let answer = three_valued(column("__is"), column("__may_be"))?;
    let plan = rows.aggregate(Vec::<Expr>::new(), counted)?.project([answer])?.build()?;
    Ok(scalar_subquery(Arc::new(plan)))
}

/// Whether there is a row. Unlike EXISTS it may stand in a select list, too.
fn some(rows: LogicalPlanBuilder) -> Result<Expr> {
    let counted = count(lit(1_i64)).alias("__rows");
    let any = Expr::Column(Column::from_name("__rows")).gt(lit(0_i64));
    let plan = rows.aggregate(Vec::<Expr>::new(), [counted])?.project([any])?.build()?;
    Ok(scalar_subquery(Arc::new(plan)))
}

/// The expression as a subquery beside its row sees it.
fn outer(expr: Expr, schema: &DFSchema) -> Result<Expr> {
    let seen = expr.transform(|expr| {
        let Expr::Column(column) = &expr else { return Ok(Transformed::no(expr)) };
        let (_, field) = schema.qualified_field_from_column(column)?;
        Ok(Transformed::yes(Expr::OuterReferenceColumn(field.clone(), column.clone())))
    });
    Ok(seen?.data)
}
