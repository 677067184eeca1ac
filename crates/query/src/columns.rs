//! Records as Arrow columns, and Arrow columns as values.
//!
//! A [`Source`] says where a column's value is in a record: a part of the user key, a bin, or the
//! metadata. [`batch`] turns records into columns, one loop per column. A value that its column's
//! type cannot hold without loss is an error, never NULL.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Date32Array, FixedSizeBinaryBuilder,
    Float32Array, Float64Array, Int16Array, Int32Array, Int64Array, LargeBinaryArray, ListBuilder,
    RecordBatch, RecordBatchOptions, StringArray, StringBuilder, TimestampMicrosecondArray,
};
use datafusion::arrow::array::{BooleanBuilder, Float64Builder, Int64Builder};
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Field, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type,
    SchemaRef, TimestampMicrosecondType,
};
use datafusion::common::ScalarValue;
use model::{ColumnType, Key, Name, Record, Table, Value, decode_composite, json};
use sql::types::numeric::Numeric;
use sql::{SqlError, SqlResult};

use crate::error::sql_error;
use crate::numbers::{Kind, convert, encoded, numeric_text};
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

/// Records as a batch. `schema` has one field for each of `columns`.
pub(crate) fn batch(
    table: &Table,
    columns: &[SetColumn],
    schema: &SchemaRef,
    records: &[Record],
    now_ms: u64,
) -> SqlResult<RecordBatch> {
    let composite =
        table.key.len() > 1 && columns.iter().any(|column| matches!(column.source, Source::Key(_)));
    let keys = if composite { decoded_keys(records)? } else { Vec::new() };
    let arrays = columns
        .iter()
        .map(|column| {
            let values = column_values(table, column, records, &keys, now_ms);
            array(column.column_type, &values).map_err(|bad| misfit(table, column, bad))
        })
        .collect::<SqlResult<Vec<_>>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(records.len()));
    RecordBatch::try_new_with_options(schema.clone(), arrays, &options)
        .map_err(|e| SqlError::new("XX000", e.to_string()))
}

fn decoded_keys(records: &[Record]) -> SqlResult<Vec<Vec<Key>>> {
    let parts = |record: &Record| match &record.key {
        Some(Key::Blob(blob)) => Ok(decode_composite(blob)?),
        Some(other) => Ok(vec![other.clone()]),
        None => Ok(Vec::new()),
    };
    records.iter().map(parts).collect()
}

/// A value of a record: borrowed from it, or made for its column.
enum Cell<'a> {
    None,
    Of(&'a Value),
    Made(Value),
}

impl Cell<'_> {
    fn value(&self) -> Option<&Value> {
        match self {
            Cell::None => None,
            Cell::Of(value) => Some(value),
            Cell::Made(value) => Some(value),
        }
    }
}

fn column_values<'a>(
    table: &Table,
    column: &SetColumn,
    records: &'a [Record],
    keys: &[Vec<Key>],
    now_ms: u64,
) -> Vec<Cell<'a>> {
    let made = |value: Option<Value>| value.map_or(Cell::None, Cell::Made);
    let cell = |(i, record): (usize, &'a Record)| match &column.source {
        Source::Bin(name) => record.bin(name).map_or(Cell::None, Cell::Of),
        Source::Key(part) => {
            let key = match keys.get(i) {
                Some(parts) => parts.get(*part),
                None => record.key.as_ref(),
            };
            made(key.map(|key| key_value(key, column.column_type)))
        }
        Source::WholeKey => made(record.key.as_ref().map(|k| key_value(k, ColumnType::Bytea))),
        Source::Digest => Cell::Made(Value::String(record.digest.to_string())),
        Source::Edigest => Cell::Made(Value::String(base64(&record.digest.0))),
        Source::Gen => Cell::Made(Value::Integer(record.generation.into())),
        Source::Ttl => Cell::Made(Value::Integer(record.ttl_s(now_ms))),
        Source::Lut => Cell::Made(Value::Integer(record.lut_ms as i64 * 1000)),
        Source::SetName => Cell::Made(Value::String(table.name.clone())),
        Source::RecordSize => Cell::Made(Value::Integer(record.size.into())),
    };
    records.iter().enumerate().map(cell).collect()
}

/// A key, as the value that a column of this type holds. Any key has a text.
fn key_value(key: &Key, column_type: ColumnType) -> Value {
    use ColumnType::{Bool, Bytea, Text, Varchar};
    match (key, column_type) {
        (Key::Integer(n), Bool) => Value::Bool(*n != 0),
        (Key::Integer(n), Text | Varchar(_)) => Value::String(n.to_string()),
        (Key::Integer(n), Bytea) => Value::Blob(n.to_be_bytes().to_vec()),
        (Key::Integer(n), _) => Value::Integer(*n),
        (Key::String(s), Bytea) => Value::Blob(s.as_bytes().to_vec()),
        (Key::String(s), _) => Value::String(s.clone()),
        (Key::Blob(b), Text | Varchar(_)) => Value::String(json::hex(b)),
        (Key::Blob(b), _) => Value::Blob(b.clone()),
    }
}

/// The digest as AQL's EDIGEST shows it.
pub(crate) fn base64(bytes: &[u8]) -> String {
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
pub(crate) fn unbase64(text: &str) -> Option<Vec<u8>> {
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

/// The first value that does not fit.
struct Misfit(String);

fn misfit(table: &Table, column: &SetColumn, bad: Misfit) -> SqlError {
    let detail = format!(
        "a record of {}.{} holds {} in \"{}\", which is {}",
        table.namespace, table.name, bad.0, column.name, column.column_type
    );
    if table.declared {
        return SqlError::new("42804", "a stored value does not fit its column's type")
            .detail(detail)
            .hint("it was not written through SQL; update the record or declare the column jsonb");
    }
    SqlError::unsupported("cached plan must not change result type")
        .detail(detail)
        .hint("the bin has got a second type; prepare the statement again")
}

fn gather<'a, T>(
    cells: &'a [Cell<'_>],
    fit: impl Fn(&'a Value) -> Option<T>,
) -> Result<Vec<Option<T>>, Misfit> {
    cells
        .iter()
        .map(|cell| match cell.value() {
            None => Ok(None),
            Some(value) => fit(value).map(Some).ok_or_else(|| {
                let shown: String = json::print(value).chars().take(40).collect();
                Misfit(format!("the {} {shown}", value.value_type()))
            }),
        })
        .collect()
}

fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Integer(n) => Some(*n),
        Value::Double(d) if d.fract() == 0.0 && d.abs() < 9e15 => Some(*d as i64),
        _ => None,
    }
}

fn double(value: &Value) -> Option<f64> {
    match value {
        Value::Double(d) => Some(*d),
        Value::Integer(n) if n.unsigned_abs() <= 1 << 53 => Some(*n as f64),
        _ => None,
    }
}

fn boolean(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(b) => Some(*b),
        _ => None,
    }
}

fn text(value: &Value) -> Option<&str> {
    match value {
        Value::String(s) | Value::GeoJson(s) => Some(s),
        _ => None,
    }
}

fn bytes(value: &Value) -> Option<&[u8]> {
    match value {
        Value::Blob(b) | Value::Hll(b) => Some(b),
        _ => None,
    }
}

fn numeric(value: &Value) -> Option<Vec<u8>> {
    let number = match value {
        Value::String(s) => Numeric::parse(s, 0, 0).ok()?,
        Value::Integer(n) => Numeric::from(*n),
        Value::Double(d) => Numeric::of_f64(*d),
        _ => return None,
    };
    Some(encoded(&number))
}

fn array(column_type: ColumnType, cells: &[Cell<'_>]) -> Result<ArrayRef, Misfit> {
    use ColumnType::*;
    Ok(match column_type {
        Int2 => {
            let fit = |v| integer(v).and_then(|n| i16::try_from(n).ok());
            Arc::new(Int16Array::from(gather(cells, fit)?))
        }
        Int4 => {
            let fit = |v| integer(v).and_then(|n| i32::try_from(n).ok());
            Arc::new(Int32Array::from(gather(cells, fit)?))
        }
        Int8 => Arc::new(Int64Array::from(gather(cells, integer)?)),
        Float4 => Arc::new(Float32Array::from(gather(cells, |v| double(v).map(|d| d as f32))?)),
        Float8 => Arc::new(Float64Array::from(gather(cells, double)?)),
        Text | Varchar(_) | GeoJson => Arc::new(StringArray::from(gather(cells, text)?)),
        Jsonb => Arc::new(StringArray::from(gather(cells, |v| Some(json::print(v)))?)),
        Bytea | Hll => Arc::new(BinaryArray::from(gather(cells, bytes)?)),
        Bool => Arc::new(BooleanArray::from(gather(cells, boolean)?)),
        Timestamptz => {
            let array = TimestampMicrosecondArray::from(gather(cells, integer)?);
            Arc::new(array.with_timezone("+00:00"))
        }
        Timestamp => Arc::new(TimestampMicrosecondArray::from(gather(cells, integer)?)),
        Date => {
            let fit = |v| integer(v).and_then(|n| i32::try_from(n).ok());
            Arc::new(Date32Array::from(gather(cells, fit)?))
        }
        Numeric { .. } => {
            let numbers = gather(cells, numeric)?;
            Arc::new(numbers.iter().map(Option::as_deref).collect::<LargeBinaryArray>())
        }
        Uuid => uuids(&gather(cells, |v| bytes(v).filter(|b| b.len() == 16))?),
        Int8Array | Float8Array | TextArray | BoolArray => lists(column_type, cells)?,
    })
}

fn uuids(values: &[Option<&[u8]>]) -> ArrayRef {
    let mut builder = FixedSizeBinaryBuilder::with_capacity(values.len(), 16);
    for value in values {
        match value {
            // Every value has 16 bytes: `gather` saw to it.
            Some(bytes) => drop(builder.append_value(bytes)),
            None => builder.append_null(),
        }
    }
    Arc::new(builder.finish())
}

fn lists(column_type: ColumnType, cells: &[Cell<'_>]) -> Result<ArrayRef, Misfit> {
    let items = |v: &Value| match v {
        Value::List(items) => Some(items.clone()),
        _ => None,
    };
    let rows = gather(cells, items)?;
    macro_rules! build {
        ($builder:ty, $fit:expr) => {{
            let mut builder = ListBuilder::new(<$builder>::new());
            for row in rows {
                let Some(row) = row else {
                    builder.append_null();
                    continue;
                };
                for item in &row {
                    match item {
                        Value::Nil => builder.values().append_null(),
                        item => {
                            let shown = || Misfit(format!("the element {}", json::print(item)));
                            builder.values().append_value($fit(item).ok_or_else(shown)?);
                        }
                    }
                }
                builder.append(true);
            }
            Arc::new(builder.finish())
        }};
    }
    Ok(match column_type {
        ColumnType::Int8Array => build!(Int64Builder, integer),
        ColumnType::Float8Array => build!(Float64Builder, double),
        ColumnType::BoolArray => build!(BooleanBuilder, boolean),
        _ => build!(StringBuilder, text),
    })
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
    let cell = [value.map_or(Cell::None, Cell::Of)];
    array(column_type, &cell)
        .map_err(|bad| SqlError::new("42804", format!("{} is no {column_type}", bad.0)))
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
