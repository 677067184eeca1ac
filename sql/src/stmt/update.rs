//! UPDATE.

use std::sync::Arc;

use model::Table;
use sqlparser::ast;

use super::insert::typed;
use super::joined::Joined;
use super::keys::pinned;
use super::{Context, Params, plain_table};
use crate::expr::compile::Compiled;
use crate::expr::{Compiler, Expr, Unfit};
use crate::parse::Options;
use crate::plan::{Assignment, Output, Plan, Target, Update};
use crate::resolve;
use crate::{SqlError, SqlResult};

impl Context<'_> {
    pub(super) fn update(
        &self,
        update: &ast::Update,
        options: &Options,
    ) -> SqlResult<(Plan, Params)> {
        let plain = update.table.joins.is_empty() && update.or.is_none() && update.output.is_none();
        let named = plain_table(&update.table.relation).filter(|_| plain);
        let Some((name, alias)) = named else {
            return Err(SqlError::unsupported("UPDATE of a join is not supported")
                .hint("UPDATE t SET .. FROM other WHERE .. joins them"));
        };
        if !update.order_by.is_empty() || update.limit.is_some() {
            return Err(SqlError::unsupported("UPDATE with ORDER BY or LIMIT is not supported")
                .hint("name the rows: WHERE id IN (SELECT id FROM .. ORDER BY .. LIMIT ..)"));
        }
        let from: &[ast::TableWithJoins] = match &update.from {
            None => &[],
            Some(
                ast::UpdateTableFromKind::BeforeSet(from)
                | ast::UpdateTableFromKind::AfterSet(from),
            ) => from,
        };
        let table = resolve::table(name, self.scope, self.places)?;
        let alias = alias.map(|a| a.name.value.as_str());
        let compiler = || {
            let mut c = self.compiler(Some(&table));
            c.alias = alias;
            c
        };
        let c = compiler();
        let selection = with_generation(update.selection.as_ref(), options.generation.as_ref());
        let assignments = columns_apart(&update.assignments)?;
        let pairs = self.assignments(&c, &table, &assignments)?;
        let (ttl, checks) = (self.ttl(&c, options.ttl.as_ref())?, self.checks(&table)?);
        let compiled = match from.is_empty() && options.with.is_none() {
            true => {
                self.compiled(&c, &table, &pairs, selection.as_ref(), update.returning.as_ref())
            }
            false => Err(Unfit::NotOurs),
        };
        let (assignments, target, returning, returned) = match compiled {
            Ok((assignments, target, returning)) => (assignments, target, returning, Vec::new()),
            Err(Unfit::Wrong(error)) => return Err(error),
            Err(Unfit::NotOurs) => {
                let alone = from.is_empty() && options.with.is_none();
                let returning = match alone {
                    true => self.outputs_of(&compiler(), update.returning.as_ref()),
                    false => Err(Unfit::NotOurs),
                };
                let by_query = match &returning {
                    Ok(_) => &[],
                    Err(_) => update.returning.as_deref().unwrap_or_default(),
                };
                let (target, returned) = self.joined(Joined {
                    name,
                    alias,
                    table: &table,
                    with: options.with.as_ref(),
                    from,
                    values: &pairs,
                    selection,
                    returning: by_query,
                })?;
                let value = |(column, _): (model::Column, &ast::Expr)| {
                    let expr = Expr::constant(None, column.column_type);
                    Assignment { column, expr }
                };
                let assignments = pairs.into_iter().map(value).collect();
                (assignments, target, returning.unwrap_or_default(), returned)
            }
        };
        let params = self.params_of(&c, &target);
        let table = table.clone();
        let update = Update { table, target, assignments, ttl, checks, returning, returned };
        Ok((Plan::Update(update), params))
    }

    /// New values, records and RETURNING, where our evaluator can say them all.
    fn compiled(
        &self,
        c: &Compiler,
        table: &Arc<Table>,
        pairs: &[(model::Column, &ast::Expr)],
        selection: Option<&ast::Expr>,
        returning: Option<&Vec<ast::SelectItem>>,
    ) -> Compiled<(Vec<Assignment>, Target, Vec<Output>)> {
        let new_value = |(column, e): &(model::Column, &ast::Expr)| {
            let expr = self.new_value(c, table, column, e)?;
            Ok(Assignment { column: typed(column.clone(), &expr, table), expr })
        };
        let assignments = pairs.iter().map(new_value).collect::<Compiled<_>>()?;
        let target = self.target(c, table, selection)?;
        Ok((assignments, target, self.outputs_of(c, returning)?))
    }

    /// RETURNING, where our evaluator can say it.
    pub(super) fn outputs_of(
        &self,
        c: &Compiler,
        items: Option<&Vec<ast::SelectItem>>,
    ) -> Compiled<Vec<Output>> {
        items.map_or(Ok(Vec::new()), |items| self.outputs(c, items))
    }

    /// Which records a WHERE clause means, where our evaluator can say it.
    pub(super) fn target(
        &self,
        c: &Compiler,
        table: &Arc<Table>,
        selection: Option<&ast::Expr>,
    ) -> Compiled<Target> {
        let found = pinned(c, table, selection)?;
        let filter = found.rest.into_iter().map(|e| c.condition(e)).collect::<Compiled<_>>()?;
        let filter = Expr::all(filter);
        Ok(match found.keys {
            Some(keys) => Target::Keys(keys, filter),
            None => {
                let accesses = self.accesses(table, filter.as_ref());
                Target::Scan(filter, accesses)
            }
        })
    }

    pub(super) fn params_of(&self, c: &Compiler, target: &Target) -> Params {
        match target {
            Target::Query(_) => self.scope.params.to_vec(),
            _ => c.params(),
        }
    }
}

/// `SET (a, b) = (SELECT x, y ..)` as one assignment a column, each of a query that gives one.
fn columns_apart(assignments: &[ast::Assignment]) -> SqlResult<Vec<ast::Assignment>> {
    let mut apart = Vec::with_capacity(assignments.len());
    for assignment in assignments {
        let (ast::AssignmentTarget::Tuple(names), ast::Expr::Subquery(query)) =
            (&assignment.target, &assignment.value)
        else {
            apart.push(assignment.clone());
            continue;
        };
        let ast::SetExpr::Select(select) = &*query.body else {
            return Err(SqlError::unsupported("SET (..) = takes a plain SELECT")
                .hint("SET a = (SELECT ..), b = (SELECT ..)"));
        };
        if select.projection.len() != names.len() {
            let message = "number of columns does not match number of values";
            return Err(SqlError::syntax(message));
        }
        for (i, name) in names.iter().enumerate() {
            let mut one = query.clone();
            if let ast::SetExpr::Select(select) = &mut *one.body {
                select.projection = vec![select.projection.swap_remove(i)];
            }
            let target = ast::AssignmentTarget::ColumnName(name.clone());
            apart.push(ast::Assignment { target, value: ast::Expr::Subquery(one) });
        }
    }
    Ok(apart)
}

/// `WITH (generation = n)` is one condition more.
pub(super) fn with_generation(
    selection: Option<&ast::Expr>,
    generation: Option<&ast::Expr>,
) -> Option<ast::Expr> {
    let Some(generation) = generation else { return selection.cloned() };
    let equal = ast::Expr::BinaryOp {
        left: Box::new(ast::Expr::Identifier(ast::Ident::new("GEN"))),
        op: ast::BinaryOperator::Eq,
        right: Box::new(generation.clone()),
    };
    Some(match selection {
        None => equal,
        Some(selection) => ast::Expr::BinaryOp {
            left: Box::new(ast::Expr::Nested(Box::new(selection.clone()))),
            op: ast::BinaryOperator::And,
            right: Box::new(equal),
        },
    })
}
