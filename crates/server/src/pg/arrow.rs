//! An element of an Arrow array as a [`Cell`], for every type that the query engine may give.
//!
//! Scalars and rows borrow from the array. Maps and unions, and lists where the column is no
//! Postgres array, become JSON text.

use std::borrow::Cow;
use std::fmt::Write;

use query::arrow::array::{Array, ArrayRef, AsArray, PrimitiveArray, RecordBatch, StringArray};
use query::arrow::compute::cast;
use query::arrow::datatypes::*;
use query::arrow::util::display::{ArrayFormatter, FormatOptions};
use query::numeric_text;
use sql::{SqlError, SqlResult};

use super::rows::Cell;

/// Unpacks what is encoded (dictionaries, runs), so that each element is at hand.
pub(crate) fn unpack(batch: &RecordBatch) -> SqlResult<Vec<ArrayRef>> {
    let plain = |array: &ArrayRef| match array.data_type() {
        DataType::Dictionary(_, values) => cast(array, values).map_err(failed),
        DataType::RunEndEncoded(_, values) => cast(array, values.data_type()).map_err(failed),
        _ => Ok(array.clone()),
    };
    batch.columns().iter().map(plain).collect()
}

fn failed(error: impl std::fmt::Display) -> SqlError {
    SqlError::new("XX000", format!("cannot read the result: {error}"))
}

/// The element number `i`.
pub(crate) fn cell(array: &dyn Array, i: usize) -> SqlResult<Cell<'_>> {
    use DataType::*;
    if array.is_null(i) {
        return Ok(Cell::Null);
    }
    Ok(match array.data_type() {
        Null => Cell::Null,
        Boolean => Cell::Bool(array.as_boolean().value(i)),
        Int8 => Cell::Int(array.as_primitive::<Int8Type>().value(i).into()),
        Int16 => Cell::Int(array.as_primitive::<Int16Type>().value(i).into()),
        Int32 => Cell::Int(array.as_primitive::<Int32Type>().value(i).into()),
        Int64 => Cell::Int(array.as_primitive::<Int64Type>().value(i)),
        UInt8 => Cell::Int(array.as_primitive::<UInt8Type>().value(i).into()),
        UInt16 => Cell::Int(array.as_primitive::<UInt16Type>().value(i).into()),
        UInt32 => Cell::Int(array.as_primitive::<UInt32Type>().value(i).into()),
        UInt64 => unsigned(array.as_primitive::<UInt64Type>().value(i)),
        Float16 => Cell::Float4(array.as_primitive::<Float16Type>().value(i).into()),
        Float32 => Cell::Float4(array.as_primitive::<Float32Type>().value(i)),
        Float64 => Cell::Float8(array.as_primitive::<Float64Type>().value(i)),
        Utf8 => text(array.as_string::<i32>().value(i)),
        LargeUtf8 => text(array.as_string::<i64>().value(i)),
        Utf8View => text(array.as_string_view().value(i)),
        Binary => Cell::Bytes(array.as_binary::<i32>().value(i)),
        LargeBinary => Cell::Text(Cow::Owned(numeric_text(array.as_binary::<i64>().value(i)))),
        BinaryView => Cell::Bytes(array.as_binary_view().value(i)),
        FixedSizeBinary(_) => Cell::Bytes(array.as_fixed_size_binary().value(i)),
        Date32 => Cell::Date(array.as_primitive::<Date32Type>().value(i).into()),
        Date64 => Cell::Timestamp(times(array.as_primitive::<Date64Type>().value(i), 1_000)?),
        Time32(_) | Time64(_) => time(array, i)?,
        Timestamp(unit, _) => Cell::Timestamp(timestamp(array, unit, i)?),
        Duration(unit) => duration(array, unit, i)?,
        Interval(unit) => interval(array, unit, i),
        Decimal32(_, scale) => {
            decimal(array.as_primitive::<Decimal32Type>().value(i).to_string(), *scale)
        }
        Decimal64(_, scale) => {
            decimal(array.as_primitive::<Decimal64Type>().value(i).to_string(), *scale)
        }
        Decimal128(_, scale) => {
            decimal(array.as_primitive::<Decimal128Type>().value(i).to_string(), *scale)
        }
        Decimal256(_, scale) => {
            decimal(array.as_primitive::<Decimal256Type>().value(i).to_string(), *scale)
        }
        List(_) => Cell::Array(array.as_list::<i32>().value(i)),
        LargeList(_) => Cell::Array(array.as_list::<i64>().value(i)),
        FixedSizeList(_, _) => Cell::Array(array.as_fixed_size_list().value(i)),
        Struct(_) => match named(array) {
            Some((oids, names)) => Cell::Named(oids.value(i), names.value(i)),
            None => Cell::Record(array.as_struct(), i),
        },
        _ => Cell::Text(Cow::Owned(json_element(array, i)?)),
    })
}

/// Ids and names of objects, if that is what the structs of the array are.
fn named(array: &dyn Array) -> Option<(&PrimitiveArray<Int64Type>, &StringArray)> {
    let structs = array.as_struct_opt()?;
    if structs.column_names() != ["oid", "name"] {
        return None;
    }
    Some((structs.column(0).as_primitive_opt()?, structs.column(1).as_string_opt()?))
}

fn text(text: &str) -> Cell<'_> {
    Cell::Text(Cow::Borrowed(text))
}

fn unsigned(n: u64) -> Cell<'static> {
    match i64::try_from(n) {
        Ok(n) => Cell::Int(n),
        Err(_) => Cell::Text(Cow::Owned(n.to_string())),
    }
}

fn times(n: i64, factor: i64) -> SqlResult<i64> {
    n.checked_mul(factor).ok_or_else(|| SqlError::new("22008", "timestamp out of range"))
}

fn micros(n: i64, unit: &TimeUnit) -> SqlResult<i64> {
    match unit {
        TimeUnit::Second => times(n, 1_000_000),
        TimeUnit::Millisecond => times(n, 1_000),
        TimeUnit::Microsecond => Ok(n),
        TimeUnit::Nanosecond => Ok(n.div_euclid(1_000)),
    }
}

fn timestamp(array: &dyn Array, unit: &TimeUnit, i: usize) -> SqlResult<i64> {
    let n = match unit {
        TimeUnit::Second => array.as_primitive::<TimestampSecondType>().value(i),
        TimeUnit::Millisecond => array.as_primitive::<TimestampMillisecondType>().value(i),
        TimeUnit::Microsecond => array.as_primitive::<TimestampMicrosecondType>().value(i),
        TimeUnit::Nanosecond => array.as_primitive::<TimestampNanosecondType>().value(i),
    };
    micros(n, unit)
}

fn duration(array: &dyn Array, unit: &TimeUnit, i: usize) -> SqlResult<Cell<'static>> {
    let n = match unit {
        TimeUnit::Second => array.as_primitive::<DurationSecondType>().value(i),
        TimeUnit::Millisecond => array.as_primitive::<DurationMillisecondType>().value(i),
        TimeUnit::Microsecond => array.as_primitive::<DurationMicrosecondType>().value(i),
        TimeUnit::Nanosecond => array.as_primitive::<DurationNanosecondType>().value(i),
    };
    let micros = micros(n, unit)?;
    const DAY: i64 = 86_400_000_000;
    // As PostgreSQL's difference of two timestamps: whole days apart from the rest.
    let days = i32::try_from(micros / DAY).unwrap_or(0);
    Ok(Cell::Interval { months: 0, days, micros: micros - i64::from(days) * DAY })
}

fn time(array: &dyn Array, i: usize) -> SqlResult<Cell<'static>> {
    Ok(Cell::Time(match array.data_type() {
        DataType::Time32(TimeUnit::Second) => {
            i64::from(array.as_primitive::<Time32SecondType>().value(i)) * 1_000_000
        }
        DataType::Time32(_) => {
            i64::from(array.as_primitive::<Time32MillisecondType>().value(i)) * 1_000
        }
        DataType::Time64(TimeUnit::Nanosecond) => {
            array.as_primitive::<Time64NanosecondType>().value(i) / 1_000
        }
        _ => array.as_primitive::<Time64MicrosecondType>().value(i),
    }))
}

fn interval(array: &dyn Array, unit: &IntervalUnit, i: usize) -> Cell<'static> {
    match unit {
        IntervalUnit::YearMonth => {
            let months = array.as_primitive::<IntervalYearMonthType>().value(i);
            Cell::Interval { months, days: 0, micros: 0 }
        }
        IntervalUnit::DayTime => {
            let v = array.as_primitive::<IntervalDayTimeType>().value(i);
            let micros = i64::from(v.milliseconds) * 1_000;
            Cell::Interval { months: 0, days: v.days, micros }
        }
        IntervalUnit::MonthDayNano => {
            let v = array.as_primitive::<IntervalMonthDayNanoType>().value(i);
            Cell::Interval { months: v.months, days: v.days, micros: v.nanoseconds / 1_000 }
        }
    }
}

/// Puts the point into the digits of a decimal.
fn decimal(digits: String, scale: i8) -> Cell<'static> {
    let (sign, digits) = match digits.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", digits.as_str()),
    };
    let text = match usize::try_from(scale) {
        Ok(0) => format!("{sign}{digits}"),
        Ok(scale) => {
            let padded = format!("{digits:0>width$}", width = scale + 1);
            let (whole, fraction) = padded.split_at(padded.len() - scale);
            format!("{sign}{whole}.{fraction}")
        }
        Err(_) if digits == "0" => "0".into(),
        Err(_) => format!("{sign}{digits}{}", "0".repeat(usize::from(scale.unsigned_abs()))),
    };
    Cell::Text(Cow::Owned(text))
}

/// The array as a JSON list.
pub(crate) fn json_list(array: &dyn Array) -> SqlResult<String> {
    let items: Vec<String> =
        (0..array.len()).map(|i| json_element(array, i)).collect::<SqlResult<_>>()?;
    Ok(format!("[{}]", items.join(", ")))
}

fn json_element(array: &dyn Array, i: usize) -> SqlResult<String> {
    if array.is_null(i) {
        return Ok("null".into());
    }
    Ok(match array.data_type() {
        DataType::Struct(fields) => {
            let columns = array.as_struct();
            json_object(fields.iter().enumerate().map(|(n, field)| {
                Ok((field.name().clone(), json_element(columns.column(n).as_ref(), i)?))
            }))?
        }
        DataType::Map(_, _) => {
            let entries = array.as_map().value(i);
            let (keys, values) = (entries.column(0).clone(), entries.column(1).clone());
            json_object(
                (0..entries.len())
                    .map(|n| Ok((shown(keys.as_ref(), n)?, json_element(values.as_ref(), n)?))),
            )?
        }
        _ => json_scalar(array, i)?,
    })
}

fn json_object(pairs: impl Iterator<Item = SqlResult<(String, String)>>) -> SqlResult<String> {
    let mut out = String::from("{");
    for (n, pair) in pairs.enumerate() {
        let (key, value) = pair?;
        let comma = if n > 0 { ", " } else { "" };
        let _ = write!(out, "{comma}{}: {value}", serde_json::Value::String(key));
    }
    out.push('}');
    Ok(out)
}

fn json_scalar(array: &dyn Array, i: usize) -> SqlResult<String> {
    if matches!(array.data_type(), DataType::Union(_, _) | DataType::Dictionary(_, _)) {
        return Ok(serde_json::Value::String(shown(array, i)?).to_string());
    }
    Ok(match cell(array, i)? {
        Cell::Null => "null".into(),
        Cell::Bool(b) => b.to_string(),
        Cell::Int(n) => n.to_string(),
        Cell::Float4(f) => serde_json::Value::from(f).to_string(),
        Cell::Float8(f) => serde_json::Value::from(f).to_string(),
        Cell::Text(t) if is_number(array.data_type()) => t.into_owned(),
        Cell::Text(t) => serde_json::Value::String(t.into_owned()).to_string(),
        Cell::Array(items) => json_list(items.as_ref())?,
        _ => serde_json::Value::String(shown(array, i)?).to_string(),
    })
}

fn is_number(data_type: &DataType) -> bool {
    data_type.is_decimal() || data_type == &DataType::LargeBinary
}

/// The element as Arrow prints it.
fn shown(array: &dyn Array, i: usize) -> SqlResult<String> {
    let formatter = ArrayFormatter::try_new(array, &FormatOptions::default()).map_err(failed)?;
    Ok(formatter.value(i).to_string())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use model::ColumnType;
    use query::arrow::array::*;

    use super::super::backend::Field as Column;
    use super::super::rows::{Formats, put_data_row};
    use super::super::types::oid;
    use super::*;

    /// The text of the one column of the one row.
    fn shown_as(oid: u32, array: ArrayRef) -> String {
        let mut out = Vec::new();
        let field = Column::of_oid("c", oid);
        put_data_row(&mut out, &[field], &Formats::default(), |_, _| cell(array.as_ref(), 0))
            .expect("a row");
        String::from_utf8_lossy(&out[11..]).into_owned()
    }

    #[test]
    fn every_kind_of_array_has_a_text() {
        let list = ListArray::from_iter_primitive::<Int32Type, _, _>([Some([Some(1), None])]);
        let pair = StructArray::from(vec![(
            Arc::new(Field::new("a", DataType::Int32, true)),
            Arc::new(Int32Array::from(vec![5])) as ArrayRef,
        )]);
        let decimal = |n: i128, scale| {
            Arc::new(
                Decimal128Array::from(vec![n]).with_precision_and_scale(38, scale).expect("fits"),
            ) as ArrayRef
        };
        let cases: Vec<(u32, ArrayRef, &str)> = vec![
            (oid::BOOL, Arc::new(BooleanArray::from(vec![true])), "t"),
            (oid::INT2, Arc::new(Int8Array::from(vec![-3])), "-3"),
            (oid::NUMERIC, Arc::new(UInt64Array::from(vec![u64::MAX])), "18446744073709551615"),
            (oid::TEXT, Arc::new(StringViewArray::from(vec!["v"])), "v"),
            (oid::BYTEA, Arc::new(BinaryArray::from(vec![&b"\x01\xff"[..]])), "\\x01ff"),
            (oid::NUMERIC, decimal(-5, 2), "-0.05"),
            (oid::NUMERIC, decimal(5, -2), "500"),
            (oid::TIME, Arc::new(Time64NanosecondArray::from(vec![1_500_000_000])), "00:00:01.5"),
            (oid::INTERVAL, Arc::new(DurationSecondArray::from(vec![90_000])), "1 day 01:00:00"),
            (oid::INT8_ARRAY, Arc::new(list), "{1,NULL}"),
            (oid::RECORD, Arc::new(pair), "(5)"),
        ];
        for (oid, array, expected) in cases {
            assert_eq!(shown_as(oid, array.clone()), expected, "{:?}", array.data_type());
        }
    }

    #[test]
    fn dictionaries_are_unpacked() {
        let array: DictionaryArray<Int32Type> = ["x", "y", "x"].into_iter().collect();
        let column = Arc::new(array) as ArrayRef;
        let batch = RecordBatch::try_from_iter([("c", column)]).expect("a batch");
        let plain = unpack(&batch).expect("unpacked");
        assert!(matches!(cell(plain[0].as_ref(), 2), Ok(Cell::Text(t)) if t == "x"));
        assert_eq!(Column::new("c", ColumnType::Text).oid, oid::TEXT);
    }
}
