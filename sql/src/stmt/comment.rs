//! COMMENT ON: what people say of tables, views, sequences and their columns.

use sqlparser::ast;

use super::Context;
use crate::plan::Plan;
use crate::resolve;
use crate::{SqlError, SqlResult};

impl Context<'_> {
    pub(super) fn comment(
        &self,
        kind: &str,
        name: &ast::ObjectName,
        text: Option<&str>,
    ) -> SqlResult<Plan> {
        let comment = |relation, column: &str| Plan::Comment {
            relation,
            column: column.to_string(),
            text: text.map(str::to_string),
        };
        if kind == "column" {
            let (relation, column) = self.commented_column(name)?;
            return Ok(comment(relation, &column));
        }
        if kind == "sequence" {
            let sequence = self.sequence(name)?;
            return Ok(comment((sequence.namespace.clone(), sequence.name.clone()), ""));
        }
        let view = resolve::view(name, self.scope)?;
        match (kind, view) {
            ("view", Some(view)) => Ok(comment((view.namespace.clone(), view.name.clone()), "")),
            ("table", Some(view)) => {
                Err(self
                    .at(SqlError::new("42809", format!("\"{}\" is not a table", view.name)), name))
            }
            _ => {
                let table = resolve::table(name, self.scope, self.places)?;
                if kind == "view" {
                    let message = format!("\"{}\" is not a view", table.name);
                    return Err(self.at(SqlError::new("42809", message), name));
                }
                Ok(comment((table.namespace.clone(), table.name.clone()), ""))
            }
        }
    }

    /// The relation and the exact name of the column that `table.column` means.
    fn commented_column(&self, name: &ast::ObjectName) -> SqlResult<((String, String), String)> {
        let mut parts = name.0.clone();
        let (Some(ast::ObjectNamePart::Identifier(column)), false) =
            (parts.pop(), parts.is_empty())
        else {
            return Err(self.at(SqlError::syntax("column name must be qualified"), name));
        };
        let quoted = column.quote_style.is_some();
        let relation = ast::ObjectName(parts);
        let (namespace, of, columns) = match resolve::view(&relation, self.scope)? {
            Some(view) => (view.namespace.clone(), view.name.clone(), view.columns.clone()),
            None => {
                let table = resolve::table(&relation, self.scope, self.places)?;
                let columns = table.key.iter().chain(&table.columns).cloned().collect();
                (table.namespace.clone(), table.name.clone(), columns)
            }
        };
        let same = |c: &&model::Column| match quoted {
            true => c.name == column.value,
            false => c.name.eq_ignore_ascii_case(&column.value),
        };
        match columns.iter().find(same) {
            Some(found) => Ok(((namespace, of), found.name.clone())),
            None => {
                let message =
                    format!("column \"{}\" of relation \"{of}\" does not exist", column.value);
                Err(self.places.mark(SqlError::new("42703", message), column.span))
            }
        }
    }
}
