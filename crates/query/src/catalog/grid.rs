//! Small tables in memory.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BooleanArray, Float32Array, Int16Array, Int16Builder, Int32Array, Int64Array,
    ListBuilder, RecordBatch, RecordBatchOptions, StringArray, StringBuilder,
};
use datafusion::arrow::datatypes::{Field, Schema};
use datafusion::common::Result;
use datafusion::datasource::{MemTable, TableProvider};

use crate::types::PG_TYPE;

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell {
    Null,
    Int(i64),
    Text(String),
    Bool(bool),
    Ints(Vec<i64>),
}

impl From<&str> for Cell {
    fn from(text: &str) -> Cell {
        Cell::Text(text.to_string())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Cell {
        Cell::Text(text)
    }
}

impl From<u32> for Cell {
    fn from(n: u32) -> Cell {
        Cell::Int(n.into())
    }
}

impl From<i64> for Cell {
    fn from(n: i64) -> Cell {
        Cell::Int(n)
    }
}

impl From<bool> for Cell {
    fn from(b: bool) -> Cell {
        Cell::Bool(b)
    }
}

impl<T: Into<Cell>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Cell {
        value.map_or(Cell::Null, Into::into)
    }
}

/// A row: the values of some columns, the others have their defaults.
pub(super) type Row = Vec<(&'static str, Cell)>;

/// A table: columns as `name:type` or `name:type=default`, separated by blanks, and rows.
pub(super) struct Grid {
    pub(super) columns: &'static str,
    pub(super) rows: Vec<Row>,
}

impl Grid {
    pub(super) fn new(columns: &'static str, rows: Vec<Row>) -> Grid {
        Grid { columns, rows }
    }

    /// A table that is always empty.
    pub(super) fn empty(columns: &'static str) -> Grid {
        Grid { columns, rows: Vec::new() }
    }

    pub(super) fn into_table(self) -> Result<Arc<dyn TableProvider>> {
        let rows: Vec<HashMap<&str, Cell>> =
            self.rows.into_iter().map(|row| row.into_iter().collect()).collect();
        let mut fields = Vec::new();
        let mut arrays = Vec::new();
        for spec in self.columns.split_whitespace() {
            let (spec, default) = spec.split_once('=').map_or((spec, None), |(s, d)| (s, Some(d)));
            let (name, kind) = spec.split_once(':').unwrap_or((spec, "text"));
            let default = default.map_or(Cell::Null, |text| default_cell(kind, text));
            let cells: Vec<&Cell> =
                rows.iter().map(|row| row.get(name).unwrap_or(&default)).collect();
            let array = array(kind, &cells);
            let metadata = [(PG_TYPE.to_string(), kind.to_string())].into();
            let field = Field::new(name, array.data_type().clone(), true).with_metadata(metadata);
            fields.push(field);
            arrays.push(array);
        }
        let schema = Arc::new(Schema::new(fields));
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        let batch = RecordBatch::try_new_with_options(schema.clone(), arrays, &options)?;
        Ok(Arc::new(MemTable::try_new(schema, vec![vec![batch]])?))
    }
}

fn default_cell(kind: &str, text: &str) -> Cell {
    match kind {
        "bool" => Cell::Bool(text == "t"),
        "int2" | "int4" | "int8" | "oid" | "xid" | "float4" => {
            Cell::Int(text.parse().unwrap_or_default())
        }
        _ => Cell::Text(text.to_string()),
    }
}

fn int(cell: &Cell) -> Option<i64> {
    match cell {
        Cell::Int(n) => Some(*n),
        _ => None,
    }
}

fn array(kind: &str, cells: &[&Cell]) -> ArrayRef {
    let ints = cells.iter().map(|cell| int(cell));
    match kind {
        "bool" => {
            let bools = cells.iter().map(|cell| match cell {
                Cell::Bool(b) => Some(*b),
                _ => None,
            });
            Arc::new(bools.collect::<BooleanArray>())
        }
        "int2" => Arc::new(ints.map(|n| n.map(|n| n as i16)).collect::<Int16Array>()),
        "int4" => Arc::new(ints.map(|n| n.map(|n| n as i32)).collect::<Int32Array>()),
        "int8" | "oid" | "xid" => Arc::new(ints.collect::<Int64Array>()),
        "float4" => Arc::new(ints.map(|n| n.map(|n| n as f32)).collect::<Float32Array>()),
        "int2vector" | "int2[]" => {
            let mut builder = ListBuilder::new(Int16Builder::new());
            for cell in cells {
                match cell {
                    Cell::Ints(items) => {
                        items.iter().for_each(|n| builder.values().append_value(*n as i16));
                        builder.append(true);
                    }
                    _ => builder.append_null(),
                }
            }
            Arc::new(builder.finish())
        }
        "oidvector" | "text[]" | "name[]" | "oid[]" | "char[]" => {
            // Only ever NULL: access lists, options.
            let mut builder = ListBuilder::new(StringBuilder::new());
            cells.iter().for_each(|_| builder.append_null());
            Arc::new(builder.finish())
        }
        _ => {
            let texts = cells.iter().map(|cell| match cell {
                Cell::Text(text) => Some(text.as_str()),
                _ => None,
            });
            Arc::new(texts.collect::<StringArray>()) as ArrayRef
        }
    }
}
