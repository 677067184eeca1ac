//! The columns of a set, and Arrow columns as values.
//!
//! A [`Source`] says where a column's value is in a record: a part of the user key, a bin, or the
//! metadata. `collect.rs` turns records into columns, `cells.rs` builds one of them.

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Field, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type,
    TimestampMicrosecondType,
};
use datafusion::common::ScalarValue;
use model::{ColumnType, Name, Table, Value, json};
use sql::{SqlError, SqlResult};

use crate::cells::Cells;
use crate::error::sql_error;
use crate::numbers::{Kind, convert, numeric_text};
use crate::types::{self, data_type};

/// Where a column's value is in a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// This part of the user key.
    Key(usize),
    /// The user key as it is stored.
    WholeKey,
    /// A bin.
    Bin(Name),
    /// The digest, 20 bytes.
    Digest,
    /// The digest in base64.
    Edigest,
    /// Generation.
    Gen,
    /// Seconds to live, -1 = for ever.
    Ttl,
    /// Last update time.
    Lut,
    /// The set's name.
    SetName,
    /// Bytes in storage.
    RecordSize,
}

/// A column of a set: name, type, and where its values are.
#[derive(Debug, Clone)]
pub(crate) struct SetColumn {
    pub(crate) name: String,
    pub(crate) column_type: ColumnType,
    pub(crate) source: Source,
}

impl SetColumn {
    pub(crate) fn field(&self) -> Field {
        types::field(&self.name, self.column_type)
    }
}

/// Names of the columns that `*` does not show, but for `PK` of an undeclared set.
pub(crate) const PSEUDO_COLUMNS: [&str; 8] =
    ["PK", "DIGEST", "EDIGEST", "GEN", "TTL", "LUT", "SET_NAME", "RECORD_SIZE"];

/// The columns that `*` shows: key columns, then bins.
pub(crate) fn visible_columns(table: &Table) -> Vec<SetColumn> {
    let key = table.key.iter().enumerate().map(|(i, column)| SetColumn {
        name: column.name.clone(),
        column_type: column.column_type,
        source: Source::Key(i),
    });
    let bins = table.columns.iter().map(|column| SetColumn {
        name: column.name.clone(),
        column_type: column.column_type,
        source: Source::Bin(Name::from(column.name.as_str())),
    });
    key.chain(bins).collect()
}

/// The hidden column of this name, unless the table has a column that is called so.
pub(crate) fn pseudo_column(table: &Table, name: &str) -> Option<SetColumn> {
    if table.column(name).is_some() {
        return None;
    }
    let (source, column_type) = match name {
        "PK" => match &table.key[..] {
            [only] => (Source::Key(0), only.column_type),
            _ => (Source::WholeKey, ColumnType::Bytea),
        },
        "DIGEST" => (Source::Digest, ColumnType::Text),
        "EDIGEST" => (Source::Edigest, ColumnType::Text),
        "GEN" => (Source::Gen, ColumnType::Int4),
        "TTL" => (Source::Ttl, ColumnType::Int8),
        "LUT" => (Source::Lut, ColumnType::Timestamptz),
        "SET_NAME" => (Source::SetName, ColumnType::Text),
        "RECORD_SIZE" => (Source::RecordSize, ColumnType::Int4),
        _ => return None,
    };
    Some(SetColumn { name: name.to_string(), column_type, source })
}

/// The digest as AQL's EDIGEST shows it.
pub fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let at = |i: usize| u32::from(chunk.get(i).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for digit in 0..4 {
            let index = (bits >> (18 - 6 * digit) & 63) as usize;
            text.push(if digit <= chunk.len() { DIGITS[index] as char } else { '=' });
        }
    }
    text
}

/// The bytes that a base64 text stands for.
pub fn unbase64(text: &str) -> Option<Vec<u8>> {
    let mut bits = 0u32;
    let mut count = 0;
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    for c in text.trim_end_matches('=').bytes() {
        let digit = match c {
            b'A'..=b'Z' => c - b'A',
            b'a'..=b'z' => c - b'a' + 26,
            b'0'..=b'9' => c - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(digit);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    Some(bytes)
}

/// Rows of a batch as values in the stored representation of these column types, one per column:
/// what INSERT .. SELECT and UPDATE by query write.
pub fn batch_values(
    batch: &RecordBatch,
    types: &[ColumnType],
) -> SqlResult<Vec<Vec<Option<Value>>>> {
    let mut rows = vec![Vec::with_capacity(types.len()); batch.num_rows()];
    let fields = batch.schema_ref().fields();
    for ((array, field), column_type) in batch.columns().iter().zip(fields).zip(types) {
        let array = assignable(array, field, *column_type)?;
        for (i, row) in rows.iter_mut().enumerate() {
            row.push(value_at(&array, i, *column_type)?);
        }
    }
    Ok(rows)
}

/// Every value of one array.
pub(crate) fn array_values(array: &ArrayRef, field: &Field) -> SqlResult<Vec<Option<Value>>> {
    let column_type = types::column_type(field);
    let array = assignable(array, field, column_type)?;
    (0..array.len()).map(|i| value_at(&array, i, column_type)).collect()
}

/// The array as the Arrow type of the column that takes it: numbers among themselves, times among
/// themselves, anything to text; all else needs a cast in the statement, as in PostgreSQL.
fn assignable(array: &ArrayRef, field: &Field, to: ColumnType) -> SqlResult<ArrayRef> {
    let wanted = data_type(to);
    let from = types::column_type(field);
    let is_json = matches!(from, ColumnType::Jsonb | ColumnType::GeoJson);
    let to_text = matches!(to, ColumnType::Text | ColumnType::Varchar(_));
    let textual = matches!(from, ColumnType::Text | ColumnType::Varchar(_));
    let json_target = matches!(to, ColumnType::Jsonb | ColumnType::GeoJson);
    let numbers = Kind::of(&wanted).filter(|_| Kind::of(array.data_type()).is_some());
    let same = array.data_type() == &wanted && (to_text || !json_target || is_json);
    let allowed = same
        || array.data_type() == &DataType::Null
        || to_text
        || json_target && textual
        || numbers.is_some()
        || (array.data_type().is_temporal() && wanted.is_temporal())
        || (array.data_type().is_nested() && wanted.is_nested())
        || textual && data_type(from) == wanted
        || matches!(
            (from, to),
            (ColumnType::Bytea | ColumnType::Hll, ColumnType::Bytea | ColumnType::Hll)
        );
    if !allowed {
        let message = format!("the column is of type {to} but the expression is of type {from}");
        return Err(SqlError::new("42804", message)
            .detail(format!("the expression is \"{}\"", field.name()))
            .hint("cast the expression"));
    }
    if let Some(kind) = numbers {
        let limits = match to {
            ColumnType::Numeric { precision, scale } if precision > 0 => Some((precision, scale)),
            _ => None,
        };
        return convert(array, kind, limits);
    }
    if array.data_type() == &wanted {
        return Ok(array.clone());
    }
    if to_text {
        return crate::text::to_text(array, field);
    }
    let options = CastOptions { safe: false, ..CastOptions::default() };
    cast_with_options(array, &wanted, &options).map_err(|e| sql_error(e.into()))
}

/// The value in row `i` of an array of exactly the Arrow type of `column_type`.
fn value_at(array: &ArrayRef, i: usize, column_type: ColumnType) -> SqlResult<Option<Value>> {
    use ColumnType::*;
    if array.is_null(i) {
        return Ok(None);
    }
    Ok(Some(match column_type {
        Int2 => Value::Integer(array.as_primitive::<Int16Type>().value(i).into()),
        Int4 => Value::Integer(array.as_primitive::<Int32Type>().value(i).into()),
        Int8 => Value::Integer(array.as_primitive::<Int64Type>().value(i)),
        Float4 => Value::Double(array.as_primitive::<Float32Type>().value(i).into()),
        Float8 => Value::Double(array.as_primitive::<Float64Type>().value(i)),
        Text | Varchar(_) => Value::String(array.as_string::<i32>().value(i).to_string()),
        Jsonb => json::parse(array.as_string::<i32>().value(i))?,
        GeoJson => Value::GeoJson(array.as_string::<i32>().value(i).to_string()),
        Bytea => Value::Blob(array.as_binary::<i32>().value(i).to_vec()),
        Hll => Value::Hll(array.as_binary::<i32>().value(i).to_vec()),
        Bool => Value::Bool(array.as_boolean().value(i)),
        Timestamptz | Timestamp => {
            Value::Integer(array.as_primitive::<TimestampMicrosecondType>().value(i))
        }
        Date => Value::Integer(array.as_primitive::<Date32Type>().value(i).into()),
        Numeric { .. } => Value::String(numeric_text(array.as_binary::<i64>().value(i))),
        Uuid => Value::Blob(array.as_fixed_size_binary().value(i).to_vec()),
        Int8Array => items(array, i, Int8)?,
        Float8Array => items(array, i, Float8)?,
        TextArray => items(array, i, Text)?,
        BoolArray => items(array, i, Bool)?,
    }))
}

fn items(array: &ArrayRef, i: usize, element: ColumnType) -> SqlResult<Value> {
    let items = array.as_list::<i32>().value(i);
    let item = |i| Ok(value_at(&items, i, element)?.unwrap_or(Value::Nil));
    Ok(Value::List((0..items.len()).map(item).collect::<SqlResult<_>>()?))
}

/// One value as an array of one row of its column type.
fn one(value: Option<&Value>, column_type: ColumnType) -> SqlResult<ArrayRef> {
    let mut cells = Cells::new(column_type, 1);
    let pushed = value.map_or(Ok(()), |value| cells.push(value.into()));
    cells.fill(1);
    let array = pushed.and_then(|()| cells.finish());
    array.map_err(|bad| SqlError::new("42804", format!("{} is no {column_type}", bad.0)))
}

/// A constant as the value that a column of this type holds: `None` where it is of another type,
/// `Some(None)` for NULL.
pub(crate) fn value_of(scalar: &ScalarValue, column_type: ColumnType) -> Option<Option<Value>> {
    if scalar.is_null() {
        return Some(None);
    }
    let array = scalar.to_array().ok()?;
    if array.data_type() != &data_type(column_type) {
        return None;
    }
    value_at(&array, 0, column_type).ok()
}

/// A value as a constant of its column type's Arrow type.
pub(crate) fn scalar_of(value: Option<&Value>, column_type: ColumnType) -> SqlResult<ScalarValue> {
    let array = one(value, column_type)?;
    ScalarValue::try_from_array(&array, 0).map_err(sql_error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_round_trip() {
        let digest = model::Key::Integer(1).digest("demo").0;
        assert_eq!(base64(&digest), "t/S4OIni2mfeaD4d9pGaHqzERsg=");
        assert_eq!(unbase64(&base64(&digest)).as_deref(), Some(&digest[..]));
        assert_eq!(unbase64("t/S4OIn i2mf"), None);
    }
}
