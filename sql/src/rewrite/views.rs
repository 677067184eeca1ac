//! A view in a FROM clause becomes its query.

use std::sync::Arc;

use model::View;
use sqlparser::ast;

use super::{Kind, Rewriter, query_of, quote, same};
use crate::parse::{self, Places};
use crate::resolve;
use crate::{Scope, SqlError, SqlResult};

/// Most views that one statement may become, all counted.
const VIEWS_MAX: usize = 256;
/// Deepest nesting of views in views.
const DEEP_MAX: usize = 32;

impl Rewriter<'_> {
    /// The view that a table's name means, unless a common table expression hides it.
    pub(super) fn view(&self, name: &ast::ObjectName) -> SqlResult<Option<Arc<View>>> {
        let hidden = match &name.0[..] {
            [ast::ObjectNamePart::Identifier(ident)] => {
                self.ctes.iter().any(|(cte, _)| same(ident, cte))
            }
            _ => false,
        };
        match hidden {
            true => Ok(None),
            false => resolve::view(name, self.scope),
        }
    }

    /// The view as a subquery, its own names resolved as they were when it was made. Columns that
    /// its tables have got since are not shown.
    pub(super) fn view_query(
        &mut self,
        view: &View,
        alias: Option<ast::TableAlias>,
    ) -> SqlResult<ast::TableFactor> {
        self.views += 1;
        if self.views_deep >= DEEP_MAX {
            let message = format!("infinite recursion detected in view \"{}\"", view.name);
            return Err(SqlError::new("42P17", message).hint("two views read each other"));
        }
        if self.views > VIEWS_MAX {
            let message = format!("a statement may read at most {VIEWS_MAX} views");
            return Err(SqlError::new("54001", message).hint("join the tables themselves"));
        }
        self.uses.push((view.namespace.clone(), view.name.clone()));
        let mut query = parse::query(&view.text)?;
        let scope =
            Scope { namespace: &view.path, insert: self.scope.insert.clone(), ..*self.scope };
        let places = Places::default();
        let mut inner = Rewriter::new(&scope, &places);
        (inner.views, inner.views_deep) = (self.views, self.views_deep + 1);
        let given = inner.query(&mut query)?;
        self.views = inner.views;
        self.through_views.append(&mut inner.uses);
        self.through_views.append(&mut inner.through_views);
        let names: Vec<String> = view.columns.iter().map(|column| column.name.clone()).collect();
        let shown = alias.as_ref().map_or(view.name.as_str(), |alias| alias.name.value.as_str());
        let more = given.map_or(0, |given| given.len().saturating_sub(names.len()));
        let query = match more {
            0 => query,
            more => Box::new(first_columns(query, &names, more)),
        };
        let mut listed = names;
        let renamed = alias.iter().flat_map(|alias| &alias.columns).map(|c| c.name.value.clone());
        listed.splice(..renamed.clone().count().min(listed.len()), renamed);
        let alias = alias_of(shown, &listed);
        self.relation(String::new(), Some(&mut alias.clone()), Kind::Columns(listed));
        Ok(derived(query, alias))
    }
}

/// The first columns of a query, which has some more.
fn first_columns(query: Box<ast::Query>, names: &[String], more: usize) -> ast::Query {
    let ident = |name: &String| ast::Ident::with_quote('"', name);
    let item = |name| ast::SelectItem::UnnamedExpr(ast::Expr::Identifier(ident(name)));
    let mut all = names.to_vec();
    // No column is named like this: the name is longer than a name may be.
    all.extend((0..more).map(|n| format!("{}{n}", "_".repeat(2 * model::limits::BIN_NAME_MAX))));
    let projection = names.iter().map(item).collect();
    let placeholder = ast::ObjectName::from(vec![ast::Ident::new("v")]);
    let mut outer = query_of(placeholder, None, projection, None);
    if let ast::SetExpr::Select(select) = &mut *outer.body {
        let relation = derived(query, alias_of("v", &all));
        select.from = vec![ast::TableWithJoins { relation, joins: Vec::new() }];
    }
    outer
}

fn derived(subquery: Box<ast::Query>, alias: ast::TableAlias) -> ast::TableFactor {
    ast::TableFactor::Derived { lateral: false, subquery, alias: Some(alias), sample: None }
}

fn alias_of(name: &str, columns: &[String]) -> ast::TableAlias {
    let column = |name: &String| {
        let mut name = ast::Ident::new(name);
        quote(&mut name);
        ast::TableAliasColumnDef { name, data_type: None }
    };
    ast::TableAlias {
        explicit: true,
        name: ast::Ident::with_quote('"', name),
        columns: columns.iter().map(column).collect(),
        at: None,
    }
}
