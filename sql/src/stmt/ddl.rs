//! CREATE TABLE, and the tables that DROP and TRUNCATE name.

use std::sync::Arc;

use model::{Column, ColumnType, Notes, Table, limits};
use sqlparser::ast;

use super::Context;
use super::sequence::serial_type;
use crate::front;
use crate::parse::Like;
use crate::plan::Plan;
use crate::resolve;
use crate::types::from_sql_name;
use crate::{SqlError, SqlResult};

impl Context<'_> {
    /// Those of the named tables that exist.
    pub(super) fn tables(
        &self,
        names: &[ast::ObjectName],
        if_exists: bool,
    ) -> SqlResult<Vec<Arc<Table>>> {
        let mut found = Vec::with_capacity(names.len());
        for name in names {
            match resolve::table(name, self.scope, self.places) {
                Err(error) if if_exists && error.sqlstate == "42P01" => {}
                table => found.push(table?),
            }
        }
        Ok(found)
    }

    /// The same, and the notices about the others.
    pub(super) fn dropped(
        &self,
        names: &[ast::ObjectName],
        if_exists: bool,
    ) -> SqlResult<(Vec<Arc<Table>>, Vec<String>)> {
        let mut missing = Vec::new();
        for name in names {
            let last = name.0.last().map(ToString::to_string).unwrap_or_default();
            if resolve::view(name, self.scope)?.is_some() {
                let error = SqlError::new("42809", format!("\"{last}\" is not a table"));
                return Err(self.at(error.hint("Use DROP VIEW to remove a view."), name));
            }
            if if_exists && self.tables(std::slice::from_ref(name), true)?.is_empty() {
                missing.push(format!("table \"{last}\" does not exist, skipping"));
            }
        }
        Ok((self.tables(names, if_exists)?, missing))
    }

    pub(super) fn create_table(
        &self,
        create: &ast::CreateTable,
        likes: &[Like],
    ) -> SqlResult<Plan> {
        let foreign = create.or_replace
            || create.query.is_some()
            || create.like.is_some()
            || create.partition_by.is_some()
            || create.inherits.is_some()
            || create.partition_of.is_some()
            || create.external;
        if foreign {
            return Err(SqlError::unsupported("this form of CREATE TABLE is not supported")
                .hint("CREATE TABLE [IF NOT EXISTS] ns.set (column type .., PRIMARY KEY (..))"));
        }
        let (namespace, name) = self.new_name(&create.name)?;
        let mut key_names = Vec::new();
        let (mut notes, mut sequences) = (Notes::default(), Vec::new());
        let mut columns = Vec::with_capacity(create.columns.len());
        for (number, def) in create.columns.iter().enumerate() {
            let here = likes.iter().filter(|like| like.before == number);
            here.clone().try_for_each(|like| {
                self.take_alike(like, &mut columns, &mut key_names, &mut notes)
            })?;
            let (mut column, is_key) = self.column_def(def)?;
            sequences.extend(self.numbered((&namespace, &name), def, &mut column)?);
            if columns.iter().any(|c: &Column| c.name == column.name) {
                let message = format!("column \"{}\" specified more than once", column.name);
                return Err(self.places.mark(SqlError::new("42701", message), def.name.span));
            }
            if is_key && !key_names.is_empty() {
                return Err(self.places.mark(several_keys(), def.name.span));
            }
            if is_key {
                key_names.push(column.name.clone());
            }
            columns.push(column);
        }
        let count = create.columns.len();
        likes
            .iter()
            .filter(|like| like.before >= count)
            .try_for_each(|like| self.take_alike(like, &mut columns, &mut key_names, &mut notes))?;
        for constraint in &create.constraints {
            if !matches!(constraint, ast::TableConstraint::Check(_)) {
                self.constraint(constraint, &columns, &mut key_names)?;
            }
        }
        let (key, columns) = self.split(key_names, columns)?;
        let table = Table {
            namespace,
            name,
            key,
            columns,
            declared: true,
            ttl_s: self.table_options(&create.table_options)?,
            oid: 0,
        };
        self.declared_checks(&table, create, &mut notes)?;
        Ok(Plan::CreateTable { table, notes, sequences, if_not_exists: create.if_not_exists })
    }

    /// Adds what a LIKE gives.
    fn take_alike(
        &self,
        like: &Like,
        columns: &mut Vec<Column>,
        key: &mut Vec<String>,
        notes: &mut Notes,
    ) -> SqlResult<()> {
        let alike = self.alike(like)?;
        let twice = |c: &&Column| columns.iter().any(|there: &Column| there.name == c.name);
        if let Some(column) = alike.columns.iter().find(twice) {
            let message = format!("column \"{}\" specified more than once", column.name);
            return Err(self.at(SqlError::new("42701", message), &like.name));
        }
        if !key.is_empty() && !alike.key.is_empty() {
            return Err(self.at(several_keys(), &like.name));
        }
        columns.extend(alike.columns);
        key.extend(alike.key);
        notes.checks.extend(alike.notes.checks);
        notes.comments.extend(alike.notes.comments);
        Ok(())
    }

    pub(super) fn name_error(
        &self,
        e: model::Error,
        name: &str,
        ident: &ast::Ident,
        max: usize,
    ) -> SqlError {
        let sqlstate = if name.len() > max { "42622" } else { "42602" };
        self.places.mark(SqlError::new(sqlstate, e.detail).hint("choose another name"), ident.span)
    }

    /// A column, and whether it says PRIMARY KEY.
    pub(super) fn column_def(&self, def: &ast::ColumnDef) -> SqlResult<(Column, bool)> {
        let name = def.name.value.clone();
        let place = |error| self.places.mark(error, def.name.span);
        limits::check_bin(&name)
            .map_err(|e| self.name_error(e, &name, &def.name, limits::BIN_NAME_MAX))?;
        if crate::expr::Pseudo::named(&name).is_some() {
            let message = format!("column name \"{name}\" is a system column's");
            return Err(place(SqlError::new("42701", message).hint("choose another name")));
        }
        let column_type = match serial_type(&def.data_type) {
            Some(serial) => serial,
            None => from_sql_name(&def.data_type).map_err(place)?,
        };
        let mut column = Column { name, column_type, not_null: false, default: None };
        let mut is_key = false;
        for option in &def.options {
            match &option.option {
                ast::ColumnOption::Null | ast::ColumnOption::Comment(_) => {}
                ast::ColumnOption::NotNull => column.not_null = true,
                ast::ColumnOption::PrimaryKey(_) => is_key = true,
                ast::ColumnOption::Default(e) => {
                    column.default = Some(self.checked_default(e, &column)?)
                }
                // Planned once all columns are known.
                ast::ColumnOption::Check(_) => {}
                // See `numbered`.
                ast::ColumnOption::Generated { generation_expr: None, .. } => {}
                other => return Err(place(refused(&other.to_string()))),
            }
        }
        Ok((column, is_key))
    }

    /// The text of a default that will compile when rows are inserted.
    pub(super) fn checked_default(&self, e: &ast::Expr, column: &Column) -> SqlResult<String> {
        let mut c = crate::expr::Compiler::new(self.places, &[], None);
        c.draws = Some(self.scope.namespace);
        super::ours(c.assigned(e, column, false), "this expression as a default")?;
        Ok(e.to_string())
    }

    pub(super) fn constraint(
        &self,
        constraint: &ast::TableConstraint,
        columns: &[Column],
        key: &mut Vec<String>,
    ) -> SqlResult<()> {
        let ast::TableConstraint::PrimaryKey(primary) = constraint else {
            return Err(refused(&constraint.to_string()));
        };
        if !key.is_empty() {
            return Err(several_keys());
        }
        for part in &primary.columns {
            let ast::Expr::Identifier(ident) = &part.column.expr else {
                return Err(SqlError::unsupported("a primary key is made of columns")
                    .hint("PRIMARY KEY (a, b)"));
            };
            let quoted = ident.quote_style.is_some();
            let same = |c: &&Column| match quoted {
                true => c.name == ident.value,
                false => c.name.eq_ignore_ascii_case(&ident.value),
            };
            let exact = columns.iter().find(|c| c.name == ident.value);
            match exact.or_else(|| columns.iter().find(same)) {
                Some(column) if !key.contains(&column.name) => key.push(column.name.clone()),
                Some(_) => {
                    let message =
                        format!("column \"{}\" appears twice in primary key", ident.value);
                    return Err(self.places.mark(SqlError::new("42701", message), ident.span));
                }
                None => {
                    let message = format!("column \"{}\" named in key does not exist", ident.value);
                    return Err(self.places.mark(SqlError::new("42703", message), ident.span));
                }
            }
        }
        Ok(())
    }

    /// Key columns in the key's order, and the others.
    pub(super) fn split(
        &self,
        names: Vec<String>,
        columns: Vec<Column>,
    ) -> SqlResult<(Vec<Column>, Vec<Column>)> {
        let (mut key, columns): (Vec<Column>, Vec<Column>) =
            columns.into_iter().partition(|c| names.contains(&c.name));
        key.sort_by_key(|c| names.iter().position(|n| *n == c.name));
        for column in &mut key {
            column.not_null = true;
            use ColumnType::*;
            let fits = matches!(
                column.column_type,
                Int2 | Int4
                    | Int8
                    | Text
                    | Varchar(_)
                    | Bytea
                    | Bool
                    | Uuid
                    | Date
                    | Timestamp
                    | Timestamptz
            );
            if !fits {
                let message = format!("a primary key cannot be of type {}", column.column_type);
                return Err(SqlError::unsupported(message)
                    .hint("integer, text, bytea, uuid, boolean, date and timestamp can"));
            }
        }
        Ok((key, columns))
    }

    /// `WITH (ttl = '30d')`.
    fn table_options(&self, options: &ast::CreateTableOptions) -> SqlResult<Option<u32>> {
        use ast::CreateTableOptions as O;
        let options = match options {
            O::None => return Ok(None),
            O::With(o) | O::Options(o) | O::Plain(o) | O::TableProperties(o) => o,
        };
        let mut ttl = None;
        for option in options {
            match option {
                ast::SqlOption::KeyValue { key, value }
                    if key.value.eq_ignore_ascii_case("ttl") =>
                {
                    ttl = Some(constant_seconds(value)?);
                }
                // Those of PostgreSQL's own storage say nothing here.
                ast::SqlOption::KeyValue { key, .. }
                    if key.value.eq_ignore_ascii_case("fillfactor")
                        || key.value.to_ascii_lowercase().starts_with("autovacuum_") => {}
                other => {
                    return Err(SqlError::new(
                        "22023",
                        format!("unrecognized parameter \"{other}\""),
                    )
                    .hint("there is ttl: WITH (ttl = '30d')"));
                }
            }
        }
        Ok(ttl)
    }
}

fn constant_seconds(value: &ast::Expr) -> SqlResult<u32> {
    let number = match front::seconds(value.clone())? {
        ast::Expr::Value(v) => match v.value {
            ast::Value::Number(text, _) => text.parse::<i64>().ok(),
            _ => None,
        },
        ast::Expr::UnaryOp { .. } => Some(-1),
        _ => None,
    };
    match number {
        Some(-1) => Ok(0),
        Some(n) => u32::try_from(n).map_err(|_| SqlError::new("22023", "ttl is out of range")),
        None => Err(SqlError::new("22023", "ttl is a number of seconds, or text such as '30d'")
            .hint("'never' is for ever")),
    }
}

fn several_keys() -> SqlError {
    SqlError::new("42P16", "multiple primary keys are not allowed")
        .hint("PRIMARY KEY (a, b) makes one key of several columns")
}

/// Constraints that nothing here would hold.
fn refused(constraint: &str) -> SqlError {
    let upper = constraint.to_ascii_uppercase();
    let (what, hint) = if upper.contains("REFERENCES") || upper.contains("FOREIGN") {
        ("FOREIGN KEY", "the store keeps no references between records; leave it out")
    } else if upper.contains("UNIQUE") {
        ("UNIQUE", "only the primary key is unique; make it the key, or part of it")
    } else if upper.contains("GENERATED") || upper.contains("IDENTITY") {
        ("GENERATED .. STORED", "compute the value where it is read, in a view for instance")
    } else {
        (constraint, "columns take NOT NULL, DEFAULT and PRIMARY KEY")
    };
    SqlError::unsupported(format!("{what} constraints are not supported")).hint(hint)
}
