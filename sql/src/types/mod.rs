//! SQL types: text in, text out, conversion between them.
//!
//! A value always stands in the stored representation of its [`ColumnType`] (see there): a date is
//! an integer of days, a numeric a string of digits.

use model::{ColumnType, Value, json};
use sqlparser::ast::DataType;

use crate::{SqlError, SqlResult};

/// Reads a value as PostgreSQL's input function of the type does.
pub fn parse_text(t: ColumnType, text: &str) -> SqlResult<Value> {
    coerce(t, Value::String(text.to_string()))
}

/// Appends a value as PostgreSQL's output function of the type prints it.
pub fn format_text(_t: ColumnType, value: &Value, out: &mut String) {
    json::print_into(value, out);
}

/// Turns a value of whatever provenance into the stored representation of a column's type.
pub fn coerce(t: ColumnType, value: Value) -> SqlResult<Value> {
    match t.stored_as().is_none_or(|stored| stored == value.value_type()) {
        true => Ok(value),
        false => Err(SqlError::new("42804", format!("{} is no {t}", value.value_type()))),
    }
}

/// The column type that a type's name in a statement means.
pub fn from_sql_name(name: &DataType) -> SqlResult<ColumnType> {
    match name {
        DataType::Text => Ok(ColumnType::Text),
        other => Err(SqlError::new("42704", format!("type \"{other}\" does not exist"))),
    }
}
