//! CREATE TABLE, and the tables that DROP and TRUNCATE name.

use std::sync::Arc;

use model::{Column, ColumnType, Table, limits};
use sqlparser::ast;

use super::Context;
use crate::front;
use crate::plan::Plan;
use crate::resolve::{self, TableName};
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

    pub(super) fn create_table(&self, create: &ast::CreateTable) -> SqlResult<Plan> {
        if create.query.is_some() {
            return Err(SqlError::unsupported("CREATE TABLE AS is not supported")
                .hint("CREATE TABLE with columns, then INSERT INTO .. SELECT"));
        }
        let foreign = create.or_replace
            || create.like.is_some()
            || create.partition_by.is_some()
            || create.inherits.is_some()
            || create.partition_of.is_some()
            || create.external;
        if foreign {
            return Err(SqlError::unsupported("this form of CREATE TABLE is not supported")
                .hint("CREATE TABLE [IF NOT EXISTS] ns.set (column type .., PRIMARY KEY (..))"));
        }
        let parts = TableName::of(&create.name).map_err(|e| self.at(e, &create.name))?;
        let (namespace, _) = resolve::namespace(parts.namespace, self.scope, self.places)?;
        let name = parts.table.value.clone();
        limits::check_set(&name)
            .map_err(|e| self.name_error(e, &name, parts.table, limits::SET_NAME_MAX))?;
        let mut key_names = Vec::new();
        let mut columns = Vec::with_capacity(create.columns.len());
        for def in &create.columns {
            let (column, is_key) = self.column_def(def)?;
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
        for constraint in &create.constraints {
            self.constraint(constraint, &columns, &mut key_names)?;
        }
        let (key, columns) = self.split(key_names, columns)?;
        let table = Table {
            namespace: namespace.to_string(),
            name,
            key,
            columns,
            declared: true,
            ttl_s: self.table_options(&create.table_options)?,
            oid: 0,
        };
        Ok(Plan::CreateTable { table, if_not_exists: create.if_not_exists })
    }

    fn name_error(&self, e: model::Error, name: &str, ident: &ast::Ident, max: usize) -> SqlError {
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
        let column_type = from_sql_name(&def.data_type).map_err(place)?;
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
                other => return Err(place(refused(&other.to_string()))),
            }
        }
        Ok((column, is_key))
    }

    /// The text of a default that will compile when rows are inserted.
    pub(super) fn checked_default(&self, e: &ast::Expr, column: &Column) -> SqlResult<String> {
        let c = crate::expr::Compiler::new(self.places, &[], None);
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
    } else if upper.contains("CHECK") {
        ("CHECK", "check the value where it is written; leave it out")
    } else if upper.contains("GENERATED") || upper.contains("IDENTITY") {
        ("GENERATED", "a table without PRIMARY KEY gets generated keys")
    } else {
        (constraint, "columns take NOT NULL, DEFAULT and PRIMARY KEY")
    };
    SqlError::unsupported(format!("{what} constraints are not supported")).hint(hint)
}
