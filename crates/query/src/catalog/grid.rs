//! Rows of a system table, and Arrow columns of them.

use std::borrow::Cow;
use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BooleanArray, Float32Array, Float64Array, Int16Array, Int16Builder, Int32Array,
    Int64Array, Int64Builder, IntervalMonthDayNanoArray, ListBuilder, StringArray, StringBuilder,
    TimestampMicrosecondArray,
};
use datafusion::arrow::datatypes::{DataType, Field, IntervalMonthDayNano, IntervalUnit, TimeUnit};

use super::lists::{Attribute, type_named};
use crate::types::{PG_TYPE, field_oid};

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell {
    Null,
    Int(i64),
    Float(f64),
    Text(Cow<'static, str>),
    Bool(bool),
    Ints(Vec<i64>),
    Texts(Vec<String>),
}

impl From<&str> for Cell {
    fn from(text: &str) -> Cell {
        Cell::Text(Cow::Owned(text.to_string()))
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Cell {
        Cell::Text(Cow::Owned(text))
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

impl From<f64> for Cell {
    fn from(n: f64) -> Cell {
        Cell::Float(n)
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

impl Cell {
    /// A value of a list, as `COPY` writes it.
    pub(super) fn read(kind: &str, text: &'static str) -> Cell {
        match kind {
            _ if text == "\\N" => Cell::Null,
            "bool" => Cell::Bool(text == "t"),
            "float4" | "float8" => text.parse().map_or(Cell::Null, Cell::Float),
            "oidvector" | "int2vector" => Cell::Ints(numbers(text.split(' '))),
            "oid[]" | "int2[]" => Cell::Ints(numbers(items(text))),
            _ if kind.ends_with("[]") => Cell::Texts(items(text).map(unquoted).collect()),
            _ if is_number(kind) => text.parse().map_or(Cell::Null, Cell::Int),
            _ => Cell::Text(Cow::Borrowed(text)),
        }
    }
}

fn numbers<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<i64> {
    texts.filter_map(|text| text.parse().ok()).collect()
}

/// The elements of an array's text; no element of the lists has a comma in it.
fn items(text: &str) -> impl Iterator<Item = &str> {
    text.trim_matches(['{', '}']).split(',')
}

fn unquoted(text: &str) -> String {
    text.trim_matches('"').to_string()
}

/// Types whose values are [`Cell::Int`].
fn is_number(kind: &str) -> bool {
    matches!(
        kind,
        "int2" | "int4" | "int8" | "oid" | "xid" | "cid" | "regproc" | "regtype" | "timestamptz"
    )
}

/// A row: the values of some columns, the others have their defaults.
pub(super) type Row = Vec<(&'static str, Cell)>;

/// The rows of a table, and what columns hold that a row does not name: `name=value`, separated by
/// blanks. Without a default that is NULL, or 0, false and the empty text where a column cannot be
/// NULL.
pub(super) struct Grid {
    defaults: &'static str,
    rows: Vec<Row>,
}

impl Grid {
    pub(super) fn new(defaults: &'static str, rows: Vec<Row>) -> Grid {
        Grid { defaults, rows }
    }

    /// A table that is always empty.
    pub(super) fn empty() -> Grid {
        Grid { defaults: "", rows: Vec::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The values of one column.
    pub(super) fn column(&self, column: &Attribute) -> ArrayRef {
        let default = self.default(column);
        let mut cells = Vec::with_capacity(self.rows.len());
        for row in &self.rows {
            let found = row.iter().find(|(name, _)| *name == column.name);
            cells.push(found.map_or(&default, |(_, cell)| cell));
        }
        array(column.kind, &cells)
    }

    fn default(&self, column: &Attribute) -> Cell {
        let named = |word: &'static str| word.split_once('=').filter(|(n, _)| *n == column.name);
        match self.defaults.split_whitespace().find_map(named) {
            Some((_, text)) => Cell::read(column.kind, text),
            None if !column.not_null => Cell::Null,
            None => match column.kind {
                "bool" => Cell::Bool(false),
                "float4" | "float8" => Cell::Float(0.0),
                kind if kind.ends_with("vector") => Cell::Ints(Vec::new()),
                kind if is_number(kind) => Cell::Int(0),
                _ => Cell::Text(Cow::Borrowed("")),
            },
        }
    }
}

/// The Arrow field of a column, with the type's name where the Arrow type alone does not tell it.
pub(super) fn field(column: &Attribute) -> Field {
    let field = Field::new(column.name, data_type(column.kind), true);
    if type_named(column.kind) == Some(field_oid(&field)) {
        return field;
    }
    field.with_metadata([(PG_TYPE.to_string(), column.kind.to_string())].into())
}

fn data_type(kind: &str) -> DataType {
    match kind {
        "bool" => DataType::Boolean,
        "int2" => DataType::Int16,
        "int4" => DataType::Int32,
        "timestamptz" => DataType::Timestamp(TimeUnit::Microsecond, Some("+00:00".into())),
        "float4" => DataType::Float32,
        "float8" => DataType::Float64,
        "interval" => DataType::Interval(IntervalUnit::MonthDayNano),
        "int2vector" | "int2[]" => DataType::new_list(DataType::Int16, true),
        "oidvector" | "oid[]" => DataType::new_list(DataType::Int64, true),
        _ if kind.ends_with("[]") => DataType::new_list(DataType::Utf8, true),
        _ if is_number(kind) => DataType::Int64,
        _ => DataType::Utf8,
    }
}

fn int(cell: &Cell) -> Option<i64> {
    match cell {
        Cell::Int(n) => Some(*n),
        _ => None,
    }
}

fn float(cell: &Cell) -> Option<f64> {
    match cell {
        Cell::Float(n) => Some(*n),
        _ => None,
    }
}

fn text(cell: &Cell) -> Option<&str> {
    match cell {
        Cell::Text(text) => Some(text),
        _ => None,
    }
}

fn array(kind: &str, cells: &[&Cell]) -> ArrayRef {
    let cells = cells.iter().copied();
    match data_type(kind) {
        DataType::Boolean => {
            let bools = cells.map(|cell| match cell {
                Cell::Bool(b) => Some(*b),
                _ => None,
            });
            Arc::new(bools.collect::<BooleanArray>())
        }
        DataType::Int16 => {
            Arc::new(cells.map(|c| int(c).map(|n| n as i16)).collect::<Int16Array>())
        }
        DataType::Int32 => {
            Arc::new(cells.map(|c| int(c).map(|n| n as i32)).collect::<Int32Array>())
        }
        DataType::Int64 => Arc::new(cells.map(int).collect::<Int64Array>()),
        DataType::Timestamp(_, zone) => {
            let times: TimestampMicrosecondArray = cells.map(int).collect();
            Arc::new(times.with_timezone_opt(zone))
        }
        DataType::Float32 => {
            Arc::new(cells.map(|c| float(c).map(|n| n as f32)).collect::<Float32Array>())
        }
        DataType::Float64 => Arc::new(cells.map(float).collect::<Float64Array>()),
        DataType::Interval(_) => {
            // As microseconds; no interval of the catalogue is as long as a day.
            let time = |n: i64| IntervalMonthDayNano::new(0, 0, n.saturating_mul(1000));
            let times: IntervalMonthDayNanoArray = cells.map(|c| int(c).map(time)).collect();
            Arc::new(times)
        }
        DataType::List(item) => lists(item.data_type(), cells),
        _ => Arc::new(cells.map(text).collect::<StringArray>()),
    }
}

fn lists<'a>(item: &DataType, cells: impl Iterator<Item = &'a Cell>) -> ArrayRef {
    match item {
        DataType::Int16 => {
            let mut builder = ListBuilder::new(Int16Builder::new());
            for cell in cells {
                let items = ints(cell).map(|items| items.iter().map(|n| Some(*n as i16)));
                builder.append_option(items);
            }
            Arc::new(builder.finish())
        }
        DataType::Int64 => {
            let mut builder = ListBuilder::new(Int64Builder::new());
            for cell in cells {
                builder.append_option(ints(cell).map(|items| items.iter().copied().map(Some)));
            }
            Arc::new(builder.finish())
        }
        _ => {
            let mut builder = ListBuilder::new(StringBuilder::new());
            for cell in cells {
                builder.append_option(match cell {
                    Cell::Texts(items) => Some(items.iter().map(Some)),
                    _ => None,
                });
            }
            Arc::new(builder.finish())
        }
    }
}

fn ints(cell: &Cell) -> Option<&[i64]> {
    match cell {
        Cell::Ints(items) => Some(items),
        _ => None,
    }
}
