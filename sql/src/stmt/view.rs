//! CREATE VIEW, DROP VIEW, and tables made of queries.

use std::sync::Arc;

use model::{Table, limits};
use sqlparser::ast;

use super::{Context, Params};
use crate::parse::{TableAs, View};
use crate::plan::{CreateTableAs, Plan};
use crate::resolve::{self, TableName};
use crate::{SqlError, SqlResult, rewrite};

impl Context<'_> {
    pub(super) fn create_view(&self, create: &View) -> SqlResult<Plan> {
        let (namespace, name) = self.new_name(&create.name)?;
        if has_parameter(&create.query) {
            return Err(SqlError::new("42P02", "there is no parameter $1")
                .hint("a view takes no parameters; write the value into the query"));
        }
        let mut query = create.query.clone();
        let known = rewrite::prepare_noting(&mut query, self.scope, self.places)?;
        let names = create.columns.iter().map(|column| column.value.clone()).collect();
        let view = model::View {
            namespace,
            name,
            columns: Vec::new(),
            named: !create.columns.is_empty(),
            text: create.text.clone(),
            path: self.scope.namespace.to_string(),
            uses: known.named,
        };
        Ok(Plan::CreateView { view, query, names, or_replace: create.or_replace })
    }

    pub(super) fn create_table_as(&self, create: &TableAs) -> SqlResult<(Plan, Params)> {
        let (namespace, name) = self.new_name(&create.name)?;
        let plan = CreateTableAs {
            namespace,
            name,
            names: create.columns.iter().map(|column| column.value.clone()).collect(),
            query: self.query(&create.query)?,
            if_not_exists: create.if_not_exists,
            with_data: create.with_data,
        };
        Ok((Plan::CreateTableAs(plan), self.scope.params.to_vec()))
    }

    /// `SELECT .. INTO name ..` as CREATE TABLE AS.
    pub(super) fn select_into(&self, query: &ast::Query) -> SqlResult<Option<(Plan, Params)>> {
        let mut query = query.clone();
        let ast::SetExpr::Select(select) = &mut *query.body else { return Ok(None) };
        let Some(into) = select.into.take() else { return Ok(None) };
        if into.temporary {
            return Err(SqlError::unsupported("temporary tables are not supported")
                .hint("a table WITH (ttl = '1h') forgets its rows by itself"));
        }
        let create = TableAs {
            name: into.name,
            columns: Vec::new(),
            query: Box::new(query),
            if_not_exists: false,
            with_data: true,
        };
        self.create_table_as(&create).map(Some)
    }

    /// The namespace and the name of a relation that is to be made.
    pub(super) fn new_name(&self, name: &ast::ObjectName) -> SqlResult<(String, String)> {
        let parts = TableName::of(name).map_err(|e| self.at(e, name))?;
        let (namespace, _) = resolve::namespace(parts.namespace, self.scope, self.places)?;
        let name = parts.table.value.clone();
        limits::check_set(&name)
            .map_err(|e| self.name_error(e, &name, parts.table, limits::SET_NAME_MAX))?;
        Ok((namespace.to_string(), name))
    }

    /// Namespace and name of the views that exist, and the names of the others.
    pub(super) fn views(
        &self,
        names: &[ast::ObjectName],
        if_exists: bool,
    ) -> SqlResult<(Vec<Arc<model::View>>, Vec<String>)> {
        let (mut found, mut missing) = (Vec::new(), Vec::new());
        for name in names {
            if let Some(view) = resolve::view(name, self.scope)? {
                found.push(view);
                continue;
            }
            let last = name.0.last().map(ToString::to_string).unwrap_or_default();
            if let Ok(table) = resolve::table(name, self.scope, self.places) {
                return Err(self.at(wrong_kind(&table, "view"), name));
            }
            if !if_exists {
                let message = format!("view \"{last}\" does not exist");
                return Err(self.at(SqlError::new("42P01", message), name));
            }
            missing.push(format!("view \"{last}\" does not exist, skipping"));
        }
        Ok((found, missing))
    }
}

/// 42809 of a table where something else is named.
fn wrong_kind(table: &Table, wanted: &str) -> SqlError {
    SqlError::new("42809", format!("\"{}\" is not a {wanted}", table.name))
        .hint("Use DROP TABLE to remove a table.")
}

fn has_parameter(query: &ast::Query) -> bool {
    let found = ast::visit_expressions(query, |e| match e {
        ast::Expr::Value(value) if matches!(value.value, ast::Value::Placeholder(_)) => {
            std::ops::ControlFlow::Break(())
        }
        _ => std::ops::ControlFlow::Continue(()),
    });
    found.is_break()
}
