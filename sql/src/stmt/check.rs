//! CHECK constraints: named and written down when they are declared, compiled for every write.

use std::ops::ControlFlow;
use std::sync::Arc;

use model::{Column, Notes, Table};
use sqlparser::ast;

use super::{Context, ours};
use crate::deparse;
use crate::expr::{Compiler, Unfit};
use crate::parse::{self, Places};
use crate::plan::{Check, TableChange};
use crate::{SqlError, SqlResult};

impl Context<'_> {
    /// The checks that every new row of a table is held to.
    pub(super) fn checks(&self, table: &Arc<Table>) -> SqlResult<Vec<Check>> {
        if !table.declared {
            return Ok(Vec::new());
        }
        let declared = self.scope.catalog.objects(&table.namespace).checks(&table.name);
        let check = |check: &model::Check| {
            let condition = parse::expression(&check.text)?;
            compiled(&check.name, &condition, table, &Places::default())
        };
        declared.iter().map(check).collect()
    }

    /// Adds a check to what is said of a table; gives it compiled.
    pub(super) fn add_check(
        &self,
        table: &Table,
        notes: &mut Notes,
        constraint: &ast::CheckConstraint,
        name: Option<&ast::Ident>,
    ) -> SqlResult<Check> {
        let table = Arc::new(table.clone());
        let given = name.or(constraint.name.as_ref());
        let name = match given {
            Some(ident) => ident.value.clone(),
            None => chosen(&table, notes, &constraint.expr),
        };
        if notes.checks.iter().any(|check| check.name == name) {
            let message =
                format!("constraint \"{name}\" for relation \"{}\" already exists", table.name);
            let error = SqlError::new("42710", message);
            return Err(match given {
                Some(ident) => self.places.mark(error, ident.span),
                None => error,
            });
        }
        let check = compiled(&name, &constraint.expr, &table, self.places)?;
        // As PostgreSQL would print it, where that means the same to us.
        let canonical = deparse::condition(&constraint.expr, &table);
        let same = parse::expression(&canonical)
            .and_then(|e| compiled(&name, &e, &table, &Places::default()));
        let text = same.map_or_else(|_| constraint.expr.to_string(), |_| canonical);
        notes.checks.push(model::Check { name, text });
        notes.checks.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(check)
    }

    /// The checks of a table's columns and of the table itself, as CREATE TABLE says them.
    pub(super) fn declared_checks(
        &self,
        table: &Table,
        create: &ast::CreateTable,
        notes: &mut Notes,
    ) -> SqlResult<()> {
        for def in &create.columns {
            self.column_checks(table, def, notes, &mut |_| ())?;
        }
        for constraint in &create.constraints {
            if let ast::TableConstraint::Check(check) = constraint {
                self.add_check(table, notes, check, None)?;
            }
        }
        Ok(())
    }

    /// The checks that a column's definition holds.
    pub(super) fn column_checks(
        &self,
        table: &Table,
        def: &ast::ColumnDef,
        notes: &mut Notes,
        each: &mut dyn FnMut(Check),
    ) -> SqlResult<()> {
        for option in &def.options {
            if let ast::ColumnOption::Check(check) = &option.option {
                each(self.add_check(table, notes, check, option.name.as_ref())?);
            }
        }
        Ok(())
    }

    /// ALTER TABLE .. DROP CONSTRAINT.
    pub(super) fn drop_constraint(
        &self,
        table: &Table,
        notes: &Notes,
        name: &ast::Ident,
        if_exists: bool,
    ) -> SqlResult<Option<TableChange>> {
        let mut notes = notes.clone();
        let before = notes.checks.len();
        notes.checks.retain(|check| check.name != name.value);
        if notes.checks.len() < before {
            return Ok(Some(TableChange::Notes(notes)));
        }
        if name.value == format!("{}_pkey", table.name) && !table.key.is_empty() {
            let message = "a primary key cannot be dropped";
            return Err(SqlError::unsupported(message)
                .hint("records are stored under it; CREATE TABLE, then INSERT INTO .. SELECT"));
        }
        if if_exists {
            return Ok(None);
        }
        let message =
            format!("constraint \"{}\" of relation \"{}\" does not exist", name.value, table.name);
        let mut names: Vec<&str> = notes.checks.iter().map(|check| check.name.as_str()).collect();
        names.truncate(12);
        let error = SqlError::new("42704", message);
        Err(match names.is_empty() {
            true => error,
            false => error.hint(format!("constraints are {}", names.join(", "))),
        })
    }
}

fn compiled(
    name: &str,
    condition: &ast::Expr,
    table: &Arc<Table>,
    places: &Places,
) -> SqlResult<Check> {
    let c = Compiler::new(places, &[], Some(table));
    let expr = match c.condition(condition) {
        Err(Unfit::Wrong(mut error)) => {
            error.message = error.message.replace("argument of WHERE", "argument of CHECK");
            return Err(error);
        }
        expr => ours(expr, "this expression in a CHECK constraint")?,
    };
    Ok(Check { name: name.to_string(), expr })
}

/// PostgreSQL's choice: after the column, if the condition is about one.
fn chosen(table: &Table, notes: &Notes, condition: &ast::Expr) -> String {
    let mut columns: Vec<&str> = Vec::new();
    let _ = ast::visit_expressions(condition, |e| {
        if let ast::Expr::Identifier(ident) = e
            && let Some(column) = table.resolve(&ident.value, ident.quote_style.is_some())
            && !columns.contains(&column.name.as_str())
        {
            columns.push(&column.name);
        }
        ControlFlow::<()>::Continue(())
    });
    let base = match columns[..] {
        [only] => format!("{}_{only}_check", table.name),
        _ => format!("{}_check", table.name),
    };
    let free = |name: &String| notes.checks.iter().all(|check| check.name != *name);
    let numbered = (1..).map(|n| format!("{base}{n}"));
    std::iter::once(base.clone()).chain(numbered).find(free).unwrap_or(base)
}

/// What is said of a table once columns have gone: checks that mention them and their comments go
/// too.
pub(super) fn without_columns(notes: &Notes, gone: &[String]) -> Notes {
    let mut notes = notes.clone();
    let about = |check: &model::Check| mentions(&check.text, |name| gone.iter().any(|g| g == name));
    notes.checks.retain(|check| !about(check));
    notes.comments.retain(|column, _| !gone.contains(column));
    notes
}

/// What is said of a table once a column has a new name.
pub(super) fn with_renamed(notes: &Notes, table: &Table, from: &Column, to: &str) -> Notes {
    let mut notes = notes.clone();
    let mut after = table.clone();
    TableChange::RenameColumn { from: from.name.clone(), to: to.to_string() }.apply(&mut after);
    for check in &mut notes.checks {
        let Ok(mut condition) = parse::expression(&check.text) else { continue };
        let _ = ast::visit_expressions_mut(&mut condition, |e| {
            if let ast::Expr::Identifier(ident) = e
                && table.resolve(&ident.value, ident.quote_style.is_some()) == Some(from)
            {
                *ident = ast::Ident::with_quote('"', to);
            }
            ControlFlow::<()>::Continue(())
        });
        check.text = deparse::condition(&condition, &after);
    }
    if let Some(comment) = notes.comments.remove(&from.name) {
        notes.comments.insert(to.to_string(), comment);
    }
    notes
}

fn mentions(text: &str, is: impl Fn(&str) -> bool) -> bool {
    let Ok(condition) = parse::expression(text) else { return false };
    let found = ast::visit_expressions(&condition, |e| match e {
        ast::Expr::Identifier(ident) if is(&ident.value) => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    found.is_break()
}
