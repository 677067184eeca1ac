//! ALTER TABLE: what becomes of a declaration, and of the records under it.

use model::{Column, ColumnType, Notes, Table};
use sqlparser::ast;

use super::{Context, check};
use crate::plan::{Plan, TableChange};
use crate::resolve;
use crate::types::from_sql_name;
use crate::{SqlError, SqlResult};

impl Context<'_> {
    pub(super) fn alter_columns(&self, alter: &ast::AlterTable) -> SqlResult<Plan> {
        let table = match resolve::table(&alter.name, self.scope, self.places) {
            Err(error) if alter.if_exists && error.sqlstate == "42P01" => {
                return Ok(Plan::AlterTable { table: None, changes: Vec::new() });
            }
            table => table?,
        };
        if !table.declared {
            let message = format!("set \"{}\" is not declared", table.name);
            return Err(self.at(
                SqlError::new("42809", message)
                    .hint("an undeclared set takes any bin; CREATE TABLE declares its columns"),
                &alter.name,
            ));
        }
        // Each operation sees what those before it have made of the declaration.
        let mut now = (*table).clone();
        let notes = self.scope.catalog.objects(&table.namespace).notes.get(&table.name);
        let mut notes = notes.map_or_else(Notes::default, |notes| (**notes).clone());
        let mut changes = Vec::new();
        for operation in &alter.operations {
            let Some(change) = self.change(&now, &notes, operation)? else { continue };
            let more = self.follows(&now, &notes, operation, &change)?;
            for change in std::iter::once(change).chain(more) {
                change.apply(&mut now);
                if let TableChange::Notes(new) | TableChange::AddCheck { notes: new, .. } = &change
                {
                    notes = new.clone();
                }
                changes.push(change);
            }
        }
        Ok(Plan::AlterTable { table: Some(table), changes })
    }

    /// What else has to change with it: checks follow their columns.
    fn follows(
        &self,
        table: &Table,
        notes: &Notes,
        operation: &ast::AlterTableOperation,
        change: &TableChange,
    ) -> SqlResult<Vec<TableChange>> {
        let new = match change {
            TableChange::DropColumns(gone) => check::without_columns(notes, gone),
            TableChange::RenameColumn { from, to } => match table.column(from) {
                Some(column) => check::with_renamed(notes, table, column, to),
                None => return Ok(Vec::new()),
            },
            TableChange::AddColumn { .. } => {
                let ast::AlterTableOperation::AddColumn { column_def, .. } = operation else {
                    return Ok(Vec::new());
                };
                let (mut table, mut notes) = (table.clone(), notes.clone());
                change.apply(&mut table);
                let mut checks = Vec::new();
                let mut each = |check| checks.push(check);
                self.column_checks(&table, column_def, &mut notes, &mut each)?;
                let add = |check| TableChange::AddCheck { check, notes: notes.clone() };
                return Ok(checks.into_iter().map(add).collect());
            }
            _ => return Ok(Vec::new()),
        };
        let changed = new != *notes;
        Ok(changed.then_some(TableChange::Notes(new)).into_iter().collect())
    }

    fn change(
        &self,
        table: &Table,
        notes: &Notes,
        operation: &ast::AlterTableOperation,
    ) -> SqlResult<Option<TableChange>> {
        use ast::AlterTableOperation as Op;
        Ok(Some(match operation {
            Op::AddColumn { if_not_exists, column_def, .. } => {
                let (mut column, is_key) = self.column_def(column_def)?;
                let place = |error| self.places.mark(error, column_def.name.span);
                let of = (table.namespace.as_str(), table.name.as_str());
                if self.numbered(of, column_def, &mut column)?.is_some() {
                    let message = "a new column cannot be serial or an identity column";
                    return Err(place(SqlError::unsupported(message).hint(
                        "CREATE SEQUENCE, ADD COLUMN, fill it, then SET DEFAULT nextval('..')",
                    )));
                }
                if table.resolve(&column.name, false).is_some() {
                    if *if_not_exists {
                        return Ok(None);
                    }
                    let message = format!(
                        "column \"{}\" of relation \"{}\" already exists",
                        column.name, table.name
                    );
                    return Err(place(SqlError::new("42701", message)));
                }
                if is_key {
                    let message = "a new column cannot be the primary key at once";
                    return Err(place(
                        SqlError::unsupported(message)
                            .hint("ADD COLUMN, fill it, then ADD PRIMARY KEY (column)"),
                    ));
                }
                let fill = column.default.is_some();
                let fill = fill.then(|| self.default(table, &column)).transpose()?;
                TableChange::AddColumn { column, fill }
            }
            Op::DropColumn { column_names, if_exists, .. } => {
                let mut columns = Vec::new();
                for ident in column_names {
                    match self.existing(table, ident) {
                        Err(_) if *if_exists => {}
                        column => columns.push(self.no_key(table, column?, ident)?),
                    }
                }
                TableChange::DropColumns(columns)
            }
            Op::RenameColumn { old_column_name, new_column_name } => {
                let from = self.existing(table, old_column_name)?.name.clone();
                let to = new_column_name.value.clone();
                if table.resolve(&to, true).is_some() {
                    let message =
                        format!("column \"{to}\" of relation \"{}\" already exists", table.name);
                    let error = SqlError::new("42701", message);
                    return Err(self.places.mark(error, new_column_name.span));
                }
                model::limits::check_bin(&to).map_err(|e| {
                    self.places.mark(SqlError::new("42622", e.detail), new_column_name.span)
                })?;
                TableChange::RenameColumn { from, to }
            }
            Op::AlterColumn { column_name, op } => {
                let column = self.existing(table, column_name)?;
                self.alter_column(table, column, column_name, op)?
            }
            Op::AddConstraint { constraint: ast::TableConstraint::Check(check), .. } => {
                let mut notes = notes.clone();
                let check = self.add_check(table, &mut notes, check, None)?;
                TableChange::AddCheck { check, notes }
            }
            Op::DropConstraint { name, if_exists, .. } => {
                return self.drop_constraint(table, notes, name, *if_exists);
            }
            Op::AddConstraint { constraint, .. } => {
                let mut names = Vec::new();
                self.constraint(constraint, &all(table), &mut names)?;
                if !table.key.is_empty() {
                    let message = format!(
                        "multiple primary keys for table \"{}\" are not allowed",
                        table.name
                    );
                    return Err(SqlError::new("42P16", message));
                }
                let (key, _) = self.split(names, table.columns.clone())?;
                TableChange::PrimaryKey(key)
            }
            Op::OwnerTo { .. } => return Ok(None),
            Op::RenameTable { .. } => {
                return Err(SqlError::unsupported("ALTER TABLE RENAME TO is not supported")
                    .hint("a record's digest is made with its set's name; CREATE TABLE, then INSERT INTO .. SELECT"));
            }
            other => {
                let first = other.to_string();
                let words: Vec<&str> = first.split_whitespace().take(3).collect();
                let message = format!("ALTER TABLE {} is not supported", words.join(" "));
                return Err(SqlError::unsupported(message).hint(
                    "ADD, DROP, RENAME and ALTER COLUMN, ADD PRIMARY KEY or CHECK and SET (..) are there",
                ));
            }
        }))
    }

    fn alter_column(
        &self,
        table: &Table,
        column: &Column,
        ident: &ast::Ident,
        op: &ast::AlterColumnOperation,
    ) -> SqlResult<TableChange> {
        use ast::AlterColumnOperation as Op;
        let with = |change: &dyn Fn(&mut Column)| {
            let mut new = column.clone();
            change(&mut new);
            new
        };
        Ok(match op {
            Op::SetNotNull => {
                let check = !table.key.iter().any(|key| key.name == column.name);
                TableChange::Column { new: with(&|c| c.not_null = true), check_null: check }
            }
            Op::DropNotNull => {
                self.no_key(table, column, ident)?;
                TableChange::Column { new: with(&|c| c.not_null = false), check_null: false }
            }
            Op::DropDefault => {
                TableChange::Column { new: with(&|c| c.default = None), check_null: false }
            }
            Op::SetDefault { value } => {
                let default = self.checked_default(value, column)?;
                let new = with(&|c| c.default = Some(default.clone()));
                TableChange::Column { new, check_null: false }
            }
            Op::SetDataType { data_type, using: None, .. } => {
                let to = from_sql_name(data_type)
                    .map_err(|error| self.places.mark(error, ident.span))?;
                if !widens(column.column_type, to) {
                    let message = format!(
                        "column \"{}\" cannot be changed from {} to {to} in place",
                        column.name, column.column_type
                    );
                    return Err(SqlError::unsupported(message)
                        .hint("ADD COLUMN, UPDATE it from the old one, DROP COLUMN and RENAME"));
                }
                TableChange::Column { new: with(&|c| c.column_type = to), check_null: false }
            }
            other => {
                let message = format!("ALTER COLUMN {other} is not supported");
                return Err(SqlError::unsupported(message).hint(
                    "SET or DROP DEFAULT, SET or DROP NOT NULL, and a wider TYPE are there",
                ));
            }
        })
    }

    fn existing<'t>(&self, table: &'t Table, ident: &ast::Ident) -> SqlResult<&'t Column> {
        table.resolve(&ident.value, ident.quote_style.is_some()).ok_or_else(|| {
            let message =
                format!("column \"{}\" of relation \"{}\" does not exist", ident.value, table.name);
            let error = SqlError { message, ..resolve::no_column(table, &ident.value) };
            self.places.mark(error, ident.span)
        })
    }

    fn no_key(&self, table: &Table, column: &Column, ident: &ast::Ident) -> SqlResult<String> {
        if table.key.iter().any(|key| key.name == column.name) {
            let message = format!("column \"{}\" is in a primary key", column.name);
            return Err(self.places.mark(SqlError::new("42P16", message), ident.span));
        }
        Ok(column.name.clone())
    }
}

/// Whether every value of one type is one of the other, stored in the same way.
fn widens(from: ColumnType, to: ColumnType) -> bool {
    use ColumnType::*;
    match (from, to) {
        (Int2, Int4 | Int8) | (Int4, Int8) | (Float4, Float8) | (Varchar(_), Text) => true,
        (Varchar(Some(a)), Varchar(Some(b))) => b >= a,
        (Varchar(_) | Text, Varchar(None)) => true,
        (from, to) => from == to,
    }
}

fn all(table: &Table) -> Vec<Column> {
    table.key.iter().chain(&table.columns).cloned().collect()
}

impl TableChange {
    /// What becomes of the declaration.
    pub fn apply(&self, table: &mut Table) {
        let columns = |table: &mut Table, change: &dyn Fn(&mut Column)| {
            table.key.iter_mut().chain(&mut table.columns).for_each(change);
        };
        match self {
            TableChange::AddColumn { column, .. } => table.columns.push(column.clone()),
            TableChange::DropColumns(names) => {
                table.columns.retain(|column| !names.contains(&column.name));
            }
            TableChange::RenameColumn { from, to } => columns(table, &|column| {
                if column.name == *from {
                    column.name = to.clone();
                }
            }),
            TableChange::Column { new, .. } => columns(table, &|column| {
                if column.name == new.name {
                    *column = new.clone();
                }
            }),
            TableChange::PrimaryKey(key) => {
                table.columns.retain(|column| !key.iter().any(|k| k.name == column.name));
                table.key = key.clone();
            }
            TableChange::Notes(_) | TableChange::AddCheck { .. } => {}
        }
    }
}
