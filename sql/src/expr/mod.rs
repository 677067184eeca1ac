//! Expressions that our own evaluator can answer, compiled against one table.

mod row;

use std::fmt;

use model::{ColumnType, Name, Value};

pub use row::Row;

use crate::SqlResult;

/// A compiled expression.
#[derive(Debug, Clone)]
pub struct Expr {
    pub(crate) column_type: ColumnType,
    pub(crate) bin: Option<Name>,
}

impl Expr {
    /// The type of the values.
    pub fn column_type(&self) -> ColumnType {
        self.column_type
    }

    /// The value for this row; `None` = NULL.
    pub fn eval(&self, row: &Row) -> SqlResult<Option<Value>> {
        let bin = self.bin.as_deref();
        Ok(bin.and_then(|bin| row.record?.bin(bin)).cloned())
    }

    /// Whether the value is true, neither false nor NULL.
    pub fn is_true(&self, row: &Row) -> SqlResult<bool> {
        Ok(self.eval(row)? == Some(Value::Bool(true)))
    }

    /// Adds the bins that the expression reads, each once.
    pub fn bins(&self, out: &mut Vec<Name>) {
        out.extend(self.bin.iter().cloned());
    }

    /// The bin, where the expression is just one, of the column's own type.
    pub fn as_bin(&self) -> Option<&Name> {
        self.bin.as_ref()
    }

    /// The column, where the expression is just one: a bin or a key column.
    pub fn as_column(&self) -> Option<&str> {
        self.bin.as_deref()
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.bin.as_deref().unwrap_or_default())
    }
}
