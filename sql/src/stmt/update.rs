//! UPDATE.

use std::sync::Arc;

use model::Table;
use sqlparser::ast;

use super::insert::typed;
use super::keys::pinned;
use super::{Context, Params, plain_table};
use crate::expr::compile::Compiled;
use crate::expr::{Compiler, Expr, Unfit};
use crate::parse::Options;
use crate::plan::{Assignment, Plan, Target, Update};
use crate::resolve;
use crate::{SqlError, SqlResult};

impl Context<'_> {
    pub(super) fn update(
        &self,
        update: &ast::Update,
        options: &Options,
    ) -> SqlResult<(Plan, Params)> {
        let plain = update.table.joins.is_empty()
            && update.from.is_none()
            && update.or.is_none()
            && update.output.is_none();
        let named = plain_table(&update.table.relation).filter(|_| plain);
        let Some((name, alias)) = named else {
            return Err(SqlError::unsupported("UPDATE with FROM or a join is not supported")
                .hint("use a subquery: UPDATE t SET a = (SELECT ..) WHERE id IN (SELECT ..)"));
        };
        if !update.order_by.is_empty() || update.limit.is_some() {
            return Err(SqlError::unsupported("UPDATE with ORDER BY or LIMIT is not supported")
                .hint("name the rows: WHERE id IN (SELECT id FROM .. ORDER BY .. LIMIT ..)"));
        }
        let table = resolve::table(name, self.scope, self.places)?;
        let alias = alias.map(|a| a.name.value.as_str());
        let compiler = || {
            let mut c = self.compiler(Some(&table));
            c.alias = alias;
            c
        };
        let c = compiler();
        let selection = with_generation(update.selection.as_ref(), options.generation.as_ref());
        let pairs = self.assignments(&c, &table, &update.assignments)?;
        let new_value = |(column, e): &(model::Column, &ast::Expr)| {
            let expr = self.new_value(&c, &table, column, e)?;
            Ok(Assignment { column: typed(column.clone(), &expr, &table), expr })
        };
        let compiled: Compiled<Vec<Assignment>> = pairs.iter().map(new_value).collect();
        let compiled = compiled.and_then(|a| Ok((a, self.target(&c, &table, selection.as_ref())?)));
        let (assignments, target, c) = match compiled {
            Ok((assignments, target)) => (assignments, target, c),
            Err(Unfit::Wrong(error)) => return Err(error),
            Err(Unfit::NotOurs) => {
                let values = pairs.iter().map(|(_, e)| *e);
                let target = self.target_query(name, alias, values, selection.as_ref())?;
                let value = |(column, _): (model::Column, &ast::Expr)| {
                    let expr = Expr::constant(None, column.column_type);
                    Assignment { column, expr }
                };
                (pairs.into_iter().map(value).collect(), target, compiler())
            }
        };
        let ttl = self.ttl(&c, options.ttl.as_ref())?;
        let returning = self.returning(&c, update.returning.as_ref())?;
        let params = self.params_of(&c, &target);
        let (table, checks) = (table.clone(), self.checks(&table)?);
        Ok((Plan::Update(Update { table, target, assignments, ttl, checks, returning }), params))
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
            None => Target::Scan(filter),
        })
    }

    /// Which records, asked of DataFusion: digest, generation and the new values.
    pub(super) fn target_query<'e>(
        &self,
        name: &ast::ObjectName,
        alias: Option<&str>,
        values: impl Iterator<Item = &'e ast::Expr>,
        selection: Option<&ast::Expr>,
    ) -> SqlResult<Target> {
        let pseudo = |name: &str| {
            ast::SelectItem::UnnamedExpr(ast::Expr::Identifier(ast::Ident::with_quote('"', name)))
        };
        let mut projection = vec![pseudo("DIGEST"), pseudo("GEN")];
        for (i, value) in values.enumerate() {
            let alias = ast::Ident::with_quote('"', format!("{i}"));
            projection.push(ast::SelectItem::ExprWithAlias { expr: value.clone(), alias });
        }
        let mut query =
            crate::rewrite::query_of(name.clone(), alias, projection, selection.cloned());
        crate::rewrite::prepare(&mut query, self.scope, self.places)?;
        Ok(Target::Query(Box::new(query)))
    }

    pub(super) fn params_of(&self, c: &Compiler, target: &Target) -> Params {
        match target {
            Target::Query(_) => self.scope.params.to_vec(),
            _ => c.params(),
        }
    }
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
