//! COPY: in, an INSERT whose rows come from the client; out, a query.

use model::ColumnType;
use sqlparser::ast;

use super::{Context, Params};
use crate::parse::{Copy, CopyWhat, InsertMode, Options, Statement};
use crate::plan::{Insert, InsertSource, Plan};
use crate::{SqlError, SqlResult};

impl Context<'_> {
    pub(super) fn copy(&self, copy: &Copy) -> SqlResult<(Plan, Params)> {
        let options = copy.options.clone();
        match &copy.what {
            CopyWhat::Query(query) => {
                let (plan, params) = self.select(query)?;
                Ok((Plan::CopyOut { plan: Box::new(plan), options }, params))
            }
            CopyWhat::Set { name, columns } if !copy.from => {
                let columns: Vec<String> = columns.iter().map(|c| c.to_string()).collect();
                let columns = if columns.is_empty() { "*".into() } else { columns.join(", ") };
                let query = crate::parse::query(&format!("SELECT {columns} FROM {name}"))?;
                let (plan, _) = self.select(&query).map_err(unplaced)?;
                Ok((Plan::CopyOut { plan: Box::new(plan), options }, Vec::new()))
            }
            CopyWhat::Set { name, columns } => {
                let insert = self.copied(name, columns).map_err(unplaced)?;
                Ok((Plan::CopyIn { insert, options }, Vec::new()))
            }
        }
    }

    /// The INSERT that stores the rows.
    fn copied(&self, name: &ast::ObjectName, columns: &[ast::Ident]) -> SqlResult<Insert> {
        let columns: Vec<String> = columns.iter().map(|c| c.to_string()).collect();
        let columns =
            if columns.is_empty() { String::new() } else { format!("({})", columns.join(", ")) };
        // The query stands for the rows: what it would give is never asked.
        let text = format!("INSERT INTO {name} {columns} SELECT * FROM {name}");
        let statement = crate::parse(&text)?.into_iter().next().map(|parsed| parsed.statement);
        let Some(Statement::Insert(insert, ..)) = statement else {
            return Err(SqlError::new("XX000", "COPY made no INSERT"));
        };
        let options = Options { overriding: true, ..Options::default() };
        let (plan, _) = self.insert(&insert, InsertMode::Insert, &options)?;
        match plan {
            Plan::Insert(Insert {
                table,
                mut columns,
                source: InsertSource::Query { defaults, .. },
                on_conflict,
                ttl,
                checks,
                returning,
            }) => {
                let source = InsertSource::Copied { defaults };
                // Of an undeclared set a bin takes what it has held, a new one text.
                for column in columns.iter_mut().filter(|_| !table.declared) {
                    let known = table.key.iter().chain(&table.columns);
                    let known = known.into_iter().find(|known| known.name == column.name);
                    column.column_type = known.map_or(ColumnType::Text, |known| known.column_type);
                }
                Ok(Insert { table, columns, source, on_conflict, ttl, checks, returning })
            }
            _ => Err(SqlError::new("XX000", "COPY made no INSERT")),
        }
    }
}

/// Places are those of the text that stands for the COPY.
fn unplaced(error: SqlError) -> SqlError {
    SqlError { position: None, ..error }
}
