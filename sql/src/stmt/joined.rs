//! UPDATE .. FROM and DELETE .. USING, and writes whose RETURNING our evaluator cannot say.
//!
//! All become one query, in the order of its columns: digest and generation of the record, the new
//! values of an UPDATE, and what RETURNING gives. A record is applied only while it is as the query
//! has seen it, so RETURNING may be computed with it: columns that are assigned stand there as their
//! new values.

use std::ops::ControlFlow;

use model::{Column, ColumnType, Table};
use sqlparser::ast;

use super::{Context, output_name};
use crate::parse;
use crate::plan::Target;
use crate::rewrite;
use crate::{SqlError, SqlResult};

/// A write with what it reads.
pub(super) struct Joined<'a> {
    /// The table that is written, as the statement names it.
    pub(super) name: &'a ast::ObjectName,
    /// Its alias.
    pub(super) alias: Option<&'a str>,
    /// The table.
    pub(super) table: &'a Table,
    /// Common table expressions before the statement.
    pub(super) with: Option<&'a ast::With>,
    /// What else it reads.
    pub(super) from: &'a [ast::TableWithJoins],
    /// Columns and their new values.
    pub(super) values: &'a [(Column, &'a ast::Expr)],
    /// WHERE.
    pub(super) selection: Option<ast::Expr>,
    /// RETURNING, where the query is to compute it.
    pub(super) returning: &'a [ast::SelectItem],
}

impl Context<'_> {
    /// The query, and the names of what it returns.
    pub(super) fn joined(&self, joined: Joined) -> SqlResult<(Target, Vec<String>)> {
        let own = joined.alias.unwrap_or(&joined.table.name);
        let mut projection = vec![numbered(of(own, "DIGEST"), "d"), numbered(of(own, "GEN"), "g")];
        let mut assigned = Vec::with_capacity(joined.values.len());
        for (column, value) in joined.values {
            assigned.push((column, self.plain_value(column, value)?));
        }
        for (i, (_, value)) in assigned.iter().enumerate() {
            projection.push(numbered(value.clone(), &i.to_string()));
        }
        let (mut names, mut returned) = (Vec::new(), Vec::new());
        for item in joined.returning {
            self.returned(&joined, item, &mut names, &mut returned)?;
        }
        for (i, mut item) in returned.into_iter().enumerate() {
            let item = match &mut item {
                ast::SelectItem::UnnamedExpr(e) => {
                    after(e, &joined, own, &assigned);
                    numbered(e.clone(), &format!("r{i}"))
                }
                _ => item,
            };
            projection.push(item);
        }
        let (name, selection) = (joined.name.clone(), joined.selection.clone());
        let mut query = rewrite::query_of(name, joined.alias, projection, selection);
        query.with = joined.with.cloned();
        if let ast::SetExpr::Select(select) = &mut *query.body {
            select.from.extend(joined.from.iter().cloned());
        }
        rewrite::prepare(&mut query, self.scope, self.places)?;
        Ok((Target::Query(Box::new(query)), names))
    }

    /// The value of an assignment, DEFAULT included.
    fn plain_value(&self, column: &Column, value: &ast::Expr) -> SqlResult<ast::Expr> {
        match (super::insert::is_default(value), &column.default) {
            (false, _) => Ok(value.clone()),
            (true, Some(text)) => parse::expression(text),
            (true, None) => Ok(ast::Expr::Value(ast::Value::Null.into())),
        }
    }

    /// The columns that an item of RETURNING means.
    fn returned(
        &self,
        joined: &Joined,
        item: &ast::SelectItem,
        names: &mut Vec<String>,
        items: &mut Vec<ast::SelectItem>,
    ) -> SqlResult<()> {
        let mut add = |name: String, e: ast::Expr| {
            names.push(name);
            items.push(ast::SelectItem::UnnamedExpr(e));
        };
        let own = joined.alias.unwrap_or(&joined.table.name);
        match item {
            ast::SelectItem::UnnamedExpr(e) => add(output_name(e), e.clone()),
            ast::SelectItem::ExprWithAlias { expr, alias } => {
                add(alias.value.clone(), expr.clone());
            }
            ast::SelectItem::Wildcard(_) => {
                for column in own_columns(joined.table) {
                    add(column.name.clone(), of(own, &column.name));
                }
                for relation in relations(joined.from) {
                    for (relation, column) in self.columns_of(relation, joined.with)? {
                        add(column.clone(), of(&relation, &column));
                    }
                }
            }
            ast::SelectItem::QualifiedWildcard(
                ast::SelectItemQualifiedWildcardKind::ObjectName(name),
                _,
            ) => {
                let wanted = name.0.last().map(ToString::to_string).unwrap_or_default();
                let wanted = wanted.trim_matches('"');
                if wanted.eq_ignore_ascii_case(own) {
                    for column in own_columns(joined.table) {
                        add(column.name.clone(), of(own, &column.name));
                    }
                    return Ok(());
                }
                for relation in relations(joined.from) {
                    for (relation, column) in self.columns_of(relation, joined.with)? {
                        if relation.eq_ignore_ascii_case(wanted) {
                            add(column.clone(), of(&relation, &column));
                        }
                    }
                }
            }
            other => {
                return Err(SqlError::unsupported(format!("RETURNING {other} is not supported"))
                    .hint("name the columns"));
            }
        }
        Ok(())
    }

    /// Name and columns of something in FROM.
    fn columns_of(
        &self,
        relation: &ast::TableFactor,
        with: Option<&ast::With>,
    ) -> SqlResult<Vec<(String, String)>> {
        let all = rewrite::columns_of(relation, with, self.scope, self.places)?;
        all.ok_or_else(|| {
            SqlError::unsupported(format!("RETURNING * of {relation} is not supported"))
                .hint("name the columns")
        })
    }
}

/// Replaces columns that are assigned by their new values.
fn after(e: &mut ast::Expr, joined: &Joined, own: &str, assigned: &[(&Column, ast::Expr)]) {
    let _ = ast::visit_expressions_mut(e, |e| {
        let ident = match e {
            ast::Expr::Identifier(ident) => ident,
            ast::Expr::CompoundIdentifier(idents) => match &idents[..] {
                [of, ident] if of.value.eq_ignore_ascii_case(own) => ident,
                _ => return ControlFlow::<()>::Continue(()),
            },
            _ => return ControlFlow::Continue(()),
        };
        let column = joined.table.resolve(&ident.value, ident.quote_style.is_some());
        let new =
            assigned.iter().find(|(c, _)| Some(c.name.as_str()) == column.map(|c| c.name.as_str()));
        if let Some((column, value)) = new {
            // The new value may mention the columns itself: as they were.
            *e = cast(value, column.column_type);
        }
        ControlFlow::Continue(())
    });
}

/// The value as the column will hold it.
fn cast(value: &ast::Expr, to: ColumnType) -> ast::Expr {
    if matches!(to, ColumnType::Jsonb | ColumnType::GeoJson | ColumnType::Hll) {
        return value.clone();
    }
    match parse::expression(&format!("CAST(NULL AS {to})")) {
        Ok(ast::Expr::Cast { kind, data_type, array, format, .. }) => {
            ast::Expr::Cast { kind, expr: Box::new(value.clone()), data_type, array, format }
        }
        _ => value.clone(),
    }
}

fn own_columns(table: &Table) -> impl Iterator<Item = &Column> {
    table.key.iter().chain(&table.columns)
}

fn relations(from: &[ast::TableWithJoins]) -> impl Iterator<Item = &ast::TableFactor> {
    from.iter().flat_map(|one| {
        std::iter::once(&one.relation).chain(one.joins.iter().map(|join| &join.relation))
    })
}

fn of(relation: &str, column: &str) -> ast::Expr {
    let ident = |name: &str| ast::Ident::with_quote('"', name);
    ast::Expr::CompoundIdentifier(vec![ident(relation), ident(column)])
}

fn numbered(expr: ast::Expr, name: &str) -> ast::SelectItem {
    ast::SelectItem::ExprWithAlias { expr, alias: ast::Ident::with_quote('"', name) }
}
