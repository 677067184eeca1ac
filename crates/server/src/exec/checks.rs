//! CHECK constraints on records.

use model::{Column, ColumnType, Table, Value};
use sql::expr::{Expr, Row};
use sql::plan::Check;
use sql::types::format_text;
use sql::{SqlError, SqlResult};

/// Holds a row to the checks, in the order of their names.
pub(super) fn hold(checks: &[Check], table: &Table, row: &Row<'_>) -> SqlResult<()> {
    for check in checks {
        if fails(check, row)? {
            return Err(violated(check, table, row));
        }
    }
    Ok(())
}

/// Whether the condition is false; NULL is as good as true.
pub(super) fn fails(check: &Check, row: &Row<'_>) -> SqlResult<bool> {
    Ok(check.expr.eval(row)? == Some(Value::Bool(false)))
}

/// 23514 of rows that were there before the check.
pub(super) fn violated_by_some_row(check: &Check, table: &Table) -> SqlError {
    let message = format!(
        "check constraint \"{}\" of relation \"{}\" is violated by some row",
        check.name, table.name
    );
    about(SqlError::new("23514", message), check, table)
        .hint("UPDATE or DELETE the rows first for which the condition is false")
}

fn violated(check: &Check, table: &Table, row: &Row<'_>) -> SqlError {
    let message = format!(
        "new row for relation \"{}\" violates check constraint \"{}\"",
        table.name, check.name
    );
    let error = about(SqlError::new("23514", message), check, table);
    error.detail(format!("Failing row contains ({}).", shown(table, row)))
}

fn about(error: SqlError, check: &Check, table: &Table) -> SqlError {
    error.of_table(table).of_constraint(&check.name)
}

/// The values of a row as PostgreSQL names them in its details: key columns first, long values cut.
fn shown(table: &Table, row: &Row<'_>) -> String {
    /// Characters of a value that are shown.
    const SHOWN_MAX: usize = 64;
    let value = |column_type: ColumnType, value: Option<Value>| {
        let Some(value) = value else { return "null".to_string() };
        let mut text = String::new();
        format_text(column_type, &value, &mut text);
        match text.char_indices().nth(SHOWN_MAX) {
            Some((end, _)) => format!("{}...", &text[..end]),
            None => text,
        }
    };
    let shown = |column: &Column| {
        // What is damaged is not shown.
        let found = Expr::of_column(table, column).eval(row).unwrap_or(None);
        value(column.column_type, found)
    };
    table.key.iter().chain(&table.columns).map(shown).collect::<Vec<_>>().join(", ")
}
