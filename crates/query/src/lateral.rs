//! Subqueries that are about the rows beside them: LATERAL, and scalar ones that DataFusion cannot
//! turn into joins.
//!
//! `FROM t, LATERAL (SELECT .. FROM u WHERE u.x < t.y ORDER BY .. LIMIT 3) l` becomes a plan that runs
//! once for all rows of `t`:
//!
//! 1. The outer rows get names of their own and a number each.
//! 2. They are put under the subquery, where its innermost input was, and carried through every node:
//!    filters become conditions of a join, aggregates and limits work within a number.
//! 3. Beside them goes a mark, whether this row is one of the subquery's: an outer row for which there
//!    is none stays, without the mark. So an aggregate over nothing is still one row, and LEFT JOIN is
//!    as easy as CROSS JOIN.
//!
//! The unnesting of Neumann and Kemper, "Unnesting Arbitrary Queries" (BTW 2015). Always true: outer
//! rows are computed once. What cannot be carried (two inputs that both depend on the outer row, outer
//! joins inside other than LEFT) is left to DataFusion, and refused by it.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchemaRef, NullHandling, Result, ScalarValue, TableReference};
use datafusion::functions_aggregate::expr_fn::bool_or;
use datafusion::functions_window::expr_fn::row_number;
use datafusion::logical_expr::expr::{AggregateFunction, WindowFunction};
use datafusion::logical_expr::{
    Aggregate, Expr, ExprFunctionExt, Filter, Join, JoinType, Limit, LogicalPlan,
    LogicalPlanBuilder, Projection, Sort, SubqueryAlias, Unnest, Window, lit, when,
};

use crate::operators::call;

/// The plan without lateral subqueries in its joins.
pub(crate) fn flattened(plan: LogicalPlan) -> Result<LogicalPlan> {
    let mut number = 0;
    Ok(plan.transform_up_with_subqueries(|node| joined(node, &mut number))?.data)
}

fn joined(node: LogicalPlan, number: &mut usize) -> Result<Transformed<LogicalPlan>> {
    let LogicalPlan::Join(join) = &node else { return Ok(Transformed::no(node)) };
    let left_join = join.join_type == JoinType::Left;
    if !is_lateral(&join.right) || !(left_join || join.join_type == JoinType::Inner) {
        return Ok(Transformed::no(node));
    }
    let always = match &join.filter {
        None => true,
        Some(filter) => matches!(filter, Expr::Literal(ScalarValue::Boolean(Some(true)), _)),
    };
    if left_join && !(always && join.on.is_empty()) {
        return Ok(Transformed::no(node));
    }
    *number += 1;
    let mut carrier = Carrier::new(*number, join.left.schema().clone());
    let outer = carrier.outer_rows(&join.left)?;
    let Some(rows) = carrier.push(&join.right, outer)? else { return Ok(Transformed::no(node)) };
    let rows = match left_join {
        true => carrier.one_at_least(rows)?,
        false => Rows {
            plan: LogicalPlanBuilder::from(rows.plan).filter(rows.mark.clone())?.build()?,
            ..rows
        },
    };
    let mut columns = carrier.restored();
    for (qualifier, field) in join.right.schema().iter() {
        let column = Expr::Column(Column::from((qualifier, field)));
        columns.push(match left_join {
            true => {
                if_marked(&rows.mark, column)?.alias_qualified(qualifier.cloned(), field.name())
            }
            false => column,
        });
    }
    let mut plan = LogicalPlanBuilder::from(rows.plan).project(columns)?;
    if !left_join {
        for condition in conditions(join) {
            plan = plan.filter(condition)?;
        }
    }
    Ok(Transformed::yes(plan.build()?))
}

fn conditions(join: &Join) -> Vec<Expr> {
    let equal = join.on.iter().map(|(a, b)| a.clone().eq(b.clone()));
    equal.chain(join.filter.clone()).collect()
}

fn is_lateral(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Subquery(_) => true,
        LogicalPlan::SubqueryAlias(alias) => is_lateral(&alias.input),
        _ => false,
    }
}

/// Outer rows with the value of a scalar subquery beside them, under `name`; `None` where that is
/// beyond us, or may be more than one row.
pub(crate) fn beside(
    outer: &LogicalPlan,
    subquery: &LogicalPlan,
    name: &str,
    number: usize,
) -> Result<Option<LogicalPlan>> {
    if !is_single(subquery) {
        return Ok(None);
    }
    let mut carrier = Carrier::new(number, outer.schema().clone());
    let rows = carrier.outer_rows(outer)?;
    let Some(rows) = carrier.push(subquery, rows)? else { return Ok(None) };
    let rows = carrier.one_at_least(rows)?;
    let (qualifier, field) = subquery.schema().qualified_field(0);
    let value = if_marked(&rows.mark, Expr::Column(Column::from((qualifier, field))))?;
    let mut columns = carrier.restored();
    columns.push(value.alias(name));
    Ok(Some(LogicalPlanBuilder::from(rows.plan).project(columns)?.build()?))
}

/// Whether a plan gives one row at most.
fn is_single(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Aggregate(aggregate) => aggregate.group_expr.is_empty(),
        LogicalPlan::EmptyRelation(_) => true,
        LogicalPlan::Limit(limit) => bounds(limit) == Some((0, Some(1))),
        LogicalPlan::Projection(Projection { input, .. })
        | LogicalPlan::Filter(Filter { input, .. })
        | LogicalPlan::SubqueryAlias(SubqueryAlias { input, .. })
        | LogicalPlan::Sort(Sort { input, .. }) => is_single(input),
        LogicalPlan::Subquery(subquery) => is_single(&subquery.subquery),
        _ => false,
    }
}

/// Rows to skip and to give, where they are constants.
fn bounds(limit: &Limit) -> Option<(i64, Option<i64>)> {
    let constant = |expr: &Option<Box<Expr>>| match expr.as_deref() {
        None => Some(None),
        Some(Expr::Literal(ScalarValue::Int64(n), _)) => Some(*n),
        Some(_) => None,
    };
    Some((constant(&limit.skip)?.unwrap_or(0), constant(&limit.fetch)?))
}

fn if_marked(mark: &Expr, value: Expr) -> Result<Expr> {
    when(mark.clone(), value).end()
}

/// A subquery's rows with the outer rows beside them.
struct Rows {
    plan: LogicalPlan,
    /// True in rows that are the subquery's.
    mark: Expr,
}

/// What is carried through a subquery.
struct Carrier {
    number: usize,
    outer: DFSchemaRef,
    /// Number of the outer row.
    row: String,
    /// Columns that hold the order of a subquery inside, last one first to be sorted by.
    ranks: Vec<String>,
    /// Names given so far.
    named: usize,
    /// Whether there may be rows without mark beside others of the same outer row.
    extra: bool,
}

impl Carrier {
    fn new(number: usize, outer: DFSchemaRef) -> Carrier {
        let row = format!("__row {number}");
        Carrier { number, outer, row, ranks: Vec::new(), named: 0, extra: false }
    }

    fn name(&mut self, what: &str) -> String {
        self.named += 1;
        format!("__{what} {} {}", self.number, self.named)
    }

    fn outer_name(&self, i: usize) -> String {
        format!("__outer {} {i}", self.number)
    }

    /// The outer rows, renamed and numbered.
    fn outer_rows(&self, outer: &LogicalPlan) -> Result<LogicalPlan> {
        let named = self.outer.columns().into_iter().enumerate();
        let columns = named.map(|(i, column)| Expr::Column(column).alias(self.outer_name(i)));
        LogicalPlanBuilder::from(outer.clone())
            .project(columns.collect::<Vec<_>>())?
            .window([row_number().alias(self.row.clone())])?
            .build()
    }

    /// The outer columns under their own names.
    fn restored(&self) -> Vec<Expr> {
        let restored = |(i, (qualifier, field)): (usize, (Option<&TableReference>, _))| {
            let field: &Arc<datafusion::arrow::datatypes::Field> = field;
            column(self.outer_name(i)).alias_qualified(qualifier.cloned(), field.name())
        };
        self.outer.iter().enumerate().map(restored).collect()
    }

    /// The columns that go through every node.
    fn carried(&self) -> Vec<Expr> {
        let outer = (0..self.outer.fields().len()).map(|i| column(self.outer_name(i)));
        let ranks = self.ranks.iter().cloned().map(column);
        outer.chain([column(self.row.clone())]).chain(ranks).collect()
    }

    /// The expression with the outer row's columns where it speaks of that.
    fn inside(&self, expr: Expr) -> Result<Expr> {
        let columns = self.outer.columns();
        let replace = |expr: Expr| match &expr {
            Expr::OuterReferenceColumn(_, of) => match columns.iter().position(|c| c == of) {
                Some(i) => Ok(Transformed::yes(column(self.outer_name(i)))),
                None => Ok(Transformed::no(expr)),
            },
            _ => Ok(Transformed::no(expr)),
        };
        Ok(expr.transform(replace)?.data)
    }

    /// The same under its old name.
    fn renamed(&self, expr: &Expr) -> Result<Expr> {
        let (qualifier, name) = expr.qualified_name();
        let new = self.inside(expr.clone())?;
        Ok(match &new == expr || matches!(new, Expr::Alias(_)) {
            true => new,
            false => new.alias_qualified(qualifier, name),
        })
    }

    fn depends(&self, plan: &LogicalPlan) -> bool {
        let columns = self.outer.columns();
        plan.all_out_ref_exprs().iter().any(|expr| match expr {
            Expr::OuterReferenceColumn(_, of) => columns.contains(of),
            _ => false,
        })
    }

    /// `plan` for each row of `rows`, which are the outer ones.
    fn push(&mut self, plan: &LogicalPlan, rows: LogicalPlan) -> Result<Option<Rows>> {
        if let LogicalPlan::EmptyRelation(empty) = plan {
            let mark = self.name("mark");
            let mut columns = self.carried();
            columns.push(lit(empty.produce_one_row).alias(mark.clone()));
            let plan = LogicalPlanBuilder::from(rows).project(columns)?.build()?;
            return Ok(Some(Rows { plan, mark: column(mark) }));
        }
        if !self.depends(plan) {
            return self.beside_free(plan, rows, lit(true)).map(Some);
        }
        match plan {
            LogicalPlan::Subquery(subquery) => self.push(&subquery.subquery, rows),
            LogicalPlan::SubqueryAlias(alias) => self.push_alias(alias, rows),
            LogicalPlan::Filter(filter) => self.push_filter(filter, rows),
            LogicalPlan::Projection(projection) => self.push_projection(projection, rows),
            LogicalPlan::Aggregate(aggregate) => self.push_aggregate(aggregate, rows),
            LogicalPlan::Sort(sort) if sort.fetch.is_none() => self.push_sort(sort, rows),
            LogicalPlan::Limit(limit) => self.push_limit(limit, rows),
            LogicalPlan::Unnest(unnest) => self.push_unnest(unnest, rows),
            LogicalPlan::Window(window) => self.push_window(window, rows),
            LogicalPlan::Join(join) => self.push_join(join, rows),
            _ => Ok(None),
        }
    }

    /// Rows that do not depend on the outer ones, joined on a condition that may.
    fn beside_free(&mut self, plan: &LogicalPlan, rows: LogicalPlan, on: Expr) -> Result<Rows> {
        let (known, mark) = (self.name("known"), self.name("mark"));
        let mut own: Vec<Expr> = plan.schema().columns().into_iter().map(Expr::Column).collect();
        own.push(lit(true).alias(known.clone()));
        let right = LogicalPlanBuilder::from(plan.clone()).project(own.clone())?.build()?;
        own.pop();
        let mut columns = self.carried();
        columns.push(column(known).is_true().alias(mark.clone()));
        columns.extend(own);
        let plan = LogicalPlanBuilder::from(rows)
            .join_on(right, JoinType::Left, [on])?
            .project(columns)?
            .build()?;
        Ok(Rows { plan, mark: column(mark) })
    }

    /// Carried columns, the mark under a new name, and these.
    fn projected(&mut self, rows: Rows, mark: Expr, own: Vec<Expr>) -> Result<Rows> {
        let name = self.name("mark");
        let mut columns = self.carried();
        columns.push(mark.alias(name.clone()));
        columns.extend(own);
        let plan = LogicalPlanBuilder::from(rows.plan).project(columns)?.build()?;
        Ok(Rows { plan, mark: column(name) })
    }

    fn push_alias(&mut self, alias: &SubqueryAlias, rows: LogicalPlan) -> Result<Option<Rows>> {
        let Some(rows) = self.push(&alias.input, rows)? else { return Ok(None) };
        let own = alias.input.schema().columns().into_iter().zip(alias.schema.iter());
        let own = own.map(|(column, (qualifier, field))| {
            Expr::Column(column).alias_qualified(qualifier.cloned(), field.name())
        });
        let (own, mark) = (own.collect(), rows.mark.clone());
        self.projected(rows, mark, own).map(Some)
    }

    fn push_filter(&mut self, filter: &Filter, rows: LogicalPlan) -> Result<Option<Rows>> {
        let condition = self.inside(filter.predicate.clone())?;
        let one_row = matches!(&*filter.input, LogicalPlan::EmptyRelation(_));
        if !one_row && !self.depends(&filter.input) {
            return self.beside_free(&filter.input, rows, condition).map(Some);
        }
        let Some(rows) = self.push(&filter.input, rows)? else { return Ok(None) };
        self.extra |= !one_row;
        let mark = rows.mark.clone().and(condition.is_true());
        let own = columns_of(&filter.input);
        self.projected(rows, mark, own).map(Some)
    }

    fn push_projection(
        &mut self,
        projection: &Projection,
        rows: LogicalPlan,
    ) -> Result<Option<Rows>> {
        let Some(rows) = self.push(&projection.input, rows)? else { return Ok(None) };
        let own = projection.expr.iter().map(|e| self.renamed(e)).collect::<Result<Vec<_>>>()?;
        let mark = rows.mark.clone();
        self.projected(rows, mark, own).map(Some)
    }

    fn push_sort(&mut self, sort: &Sort, rows: LogicalPlan) -> Result<Option<Rows>> {
        let Some(rows) = self.push(&sort.input, rows)? else { return Ok(None) };
        let rank = self.name("rank");
        let window = self.numbered(&sort.expr)?.alias(rank.clone());
        let plan = LogicalPlanBuilder::from(rows.plan).window([window])?.build()?;
        self.ranks.push(rank);
        let (own, mark) = (columns_of(&sort.input), rows.mark.clone());
        self.projected(Rows { plan, ..rows }, mark, own).map(Some)
    }

    /// The places of rows within their outer row, in this order.
    fn numbered(&self, order: &[datafusion::logical_expr::SortExpr]) -> Result<Expr> {
        let order = order
            .iter()
            .map(|sort| Ok(self.inside(sort.expr.clone())?.sort(sort.asc, sort.nulls_first)));
        row_number()
            .partition_by(vec![column(self.row.clone())])
            .order_by(order.collect::<Result<Vec<_>>>()?)
            .build()
    }

    fn push_limit(&mut self, limit: &Limit, rows: LogicalPlan) -> Result<Option<Rows>> {
        let Some((skip, fetch)) = bounds(limit) else { return Ok(None) };
        let Some(rows) = self.push(&limit.input, rows)? else { return Ok(None) };
        // Rows that are the subquery's come first, in its order.
        let mut order = vec![rows.mark.clone().sort(false, false)];
        order.extend(self.ranks.last().map(|rank| column(rank.clone()).sort(true, false)));
        let place = self.name("place");
        let window = self.numbered(&order)?.alias(place.clone());
        let place = column(place);
        let last = fetch.map(|fetch| lit(skip.saturating_add(fetch).max(1) as u64));
        let mut plan = LogicalPlanBuilder::from(rows.plan).window([window])?;
        let mut mark = rows.mark.clone().and(place.clone().gt(lit(skip as u64)));
        if let Some(last) = last {
            plan = plan.filter(place.lt_eq(last))?;
        }
        if fetch == Some(0) {
            mark = lit(false);
        }
        self.extra |= skip > 0;
        let own = columns_of(&limit.input);
        self.projected(Rows { plan: plan.build()?, ..rows }, mark, own).map(Some)
    }

    fn push_unnest(&mut self, unnest: &Unnest, rows: LogicalPlan) -> Result<Option<Rows>> {
        if !unnest.struct_type_columns.is_empty() {
            return Ok(None);
        }
        let Some(rows) = self.push(&unnest.input, rows)? else { return Ok(None) };
        let empty = lit(0i64);
        let filled = unnest.exec_columns.iter().map(|list| {
            let length = call("cardinality", vec![Expr::Column(list.clone())]);
            length.gt(empty.clone()).is_true()
        });
        let any = filled.reduce(Expr::or).unwrap_or_else(|| lit(true));
        let mark = rows.mark.clone().and(any);
        let own = columns_of(&unnest.input);
        let rows = self.projected(rows, mark, own)?;
        let mut options = unnest.options.clone();
        options.null_handling = NullHandling::PreserveAndExpandEmpty;
        let plan = LogicalPlanBuilder::from(rows.plan)
            .unnest_columns_with_options(unnest.exec_columns.clone(), options)?
            .build()?;
        Ok(Some(Rows { plan, mark: rows.mark }))
    }

    fn push_window(&mut self, window: &Window, rows: LogicalPlan) -> Result<Option<Rows>> {
        let Some(rows) = self.push(&window.input, rows)? else { return Ok(None) };
        if self.extra {
            return Ok(None);
        }
        let row = column(self.row.clone());
        let within = |expr: &Expr| {
            let (qualifier, name) = expr.qualified_name();
            let Expr::WindowFunction(call) = self.inside(expr.clone())?.unalias() else {
                return Ok(None);
            };
            let mut params = call.params.clone();
            params.partition_by.push(row.clone());
            let call = WindowFunction { fun: call.fun.clone(), params };
            Ok(Some(Expr::from(call).alias_qualified(qualifier, name)))
        };
        let calls = window.window_expr.iter().map(within).collect::<Result<Option<Vec<_>>>>()?;
        let Some(calls) = calls else { return Ok(None) };
        let plan = LogicalPlanBuilder::from(rows.plan).window(calls)?.build()?;
        Ok(Some(Rows { plan, mark: rows.mark }))
    }

    fn push_join(&mut self, join: &Join, rows: LogicalPlan) -> Result<Option<Rows>> {
        let inner = join.join_type == JoinType::Inner;
        let (bound, free) = match (self.depends(&join.left), self.depends(&join.right)) {
            (true, false) if inner || join.join_type == JoinType::Left => (&join.left, &join.right),
            (false, true) if inner => (&join.right, &join.left),
            // The condition alone is about the outer row.
            (false, false) if inner => (&join.left, &join.right),
            _ => return Ok(None),
        };
        let Some(rows) = self.push(bound, rows)? else { return Ok(None) };
        let known = self.name("known");
        let mut own = columns_of(free);
        own.push(lit(true).alias(known.clone()));
        let right = LogicalPlanBuilder::from(free.as_ref().clone()).project(own)?.build()?;
        let on =
            conditions(join).into_iter().map(|e| self.inside(e)).collect::<Result<Vec<_>>>()?;
        let mut on = if on.is_empty() { vec![lit(true)] } else { on };
        on.push(rows.mark.clone());
        let plan =
            LogicalPlanBuilder::from(rows.plan).join_on(right, JoinType::Left, on)?.build()?;
        let mark = match inner {
            true => rows.mark.clone().and(column(known).is_true()),
            false => rows.mark.clone(),
        };
        self.extra |= inner;
        let own = join.schema.columns().into_iter().map(Expr::Column).collect();
        self.projected(Rows { plan, mark: rows.mark }, mark, own).map(Some)
    }

    fn push_aggregate(&mut self, aggregate: &Aggregate, rows: LogicalPlan) -> Result<Option<Rows>> {
        let Some(rows) = self.push(&aggregate.input, rows)? else { return Ok(None) };
        let names = aggregate.schema.iter().map(|(q, f)| (q.cloned(), f.name().clone()));
        let names: Vec<_> = names.collect();
        let mut groups = Vec::with_capacity(aggregate.group_expr.len());
        let mut given = Vec::with_capacity(names.len());
        for expr in &aggregate.group_expr {
            let name = self.name("group");
            groups.push(self.inside(expr.clone())?.unalias().alias(name.clone()));
            given.push(name);
        }
        let (mut own, mark) = (columns_of(&aggregate.input), rows.mark.clone());
        own.extend(groups);
        let rows = self.projected(rows, mark, own)?;
        let ranks = std::mem::take(&mut self.ranks);
        let mut calls = Vec::with_capacity(aggregate.aggr_expr.len());
        for expr in &aggregate.aggr_expr {
            let Some(call) = self.within(expr, &rows.mark, ranks.last())? else { return Ok(None) };
            let name = self.name("value");
            calls.push(call.alias(name.clone()));
            given.push(name);
        }
        let any = self.name("any");
        calls.push(bool_or(rows.mark.clone()).alias(any.clone()));
        let mut by = self.carried();
        by.extend(given[..aggregate.group_expr.len()].iter().cloned().map(column));
        let plan = LogicalPlanBuilder::from(rows.plan).aggregate(by, calls)?.build()?;
        let own = given.into_iter().zip(names);
        let own =
            own.map(|(given, (qualifier, name))| column(given).alias_qualified(qualifier, name));
        let mark = match aggregate.group_expr.is_empty() {
            true => {
                self.extra = false;
                lit(true)
            }
            false => column(any).is_true(),
        };
        let (own, plan) = (own.collect(), Rows { plan, mark: rows.mark });
        self.projected(plan, mark, own).map(Some)
    }

    /// An aggregate of marked rows only, in the order that they had.
    fn within(&self, expr: &Expr, mark: &Expr, rank: Option<&String>) -> Result<Option<Expr>> {
        let expr = self.inside(expr.clone())?.unalias();
        let Expr::AggregateFunction(AggregateFunction { func, mut params }) = expr else {
            return Ok(None);
        };
        let filter = params.filter.take().map_or(mark.clone(), |f| f.and(mark.clone()));
        params.filter = Some(Box::new(filter));
        if params.order_by.is_empty()
            && !params.distinct
            && matches!(func.name(), "array_agg" | "string_agg")
        {
            params.order_by.extend(rank.map(|rank| column(rank.clone()).sort(true, false)));
        }
        Ok(Some(Expr::AggregateFunction(AggregateFunction { func, params })))
    }

    /// The marked rows, and one of each outer row that has none.
    fn one_at_least(&mut self, rows: Rows) -> Result<Rows> {
        if !self.extra {
            return Ok(rows);
        }
        let place = self.name("place");
        let order = vec![rows.mark.clone().sort(false, false)];
        let window = self.numbered(&order)?.alias(place.clone());
        let kept = rows.mark.clone().or(column(place).eq(lit(1u64)));
        let plan = LogicalPlanBuilder::from(rows.plan).window([window])?.filter(kept)?.build()?;
        Ok(Rows { plan, mark: rows.mark })
    }
}

fn column(name: String) -> Expr {
    Expr::Column(Column::from_name(name))
}

fn columns_of(plan: &LogicalPlan) -> Vec<Expr> {
    plan.schema().columns().into_iter().map(Expr::Column).collect()
}
