//! Arrow arrays as the values that functions of [`sql::functions`] take, and back.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BinaryBuilder, BooleanArray, Date32Array, FixedSizeBinaryBuilder,
    Float32Array, Float64Array, Int16Array, Int32Array, Int64Array, IntervalMonthDayNanoArray,
    LargeBinaryBuilder, ListArray, NullArray, StringArray, StructArray, Time64NanosecondArray,
    TimestampMicrosecondArray,
};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    DataType, Date32Type, DurationMicrosecondType, Field, FieldRef, Fields, Float64Type, Int64Type,
    IntervalMonthDayNano, IntervalMonthDayNanoType, IntervalUnit, Time64MicrosecondType, TimeUnit,
    TimestampMicrosecondType,
};
use datafusion::common::Result;
use model::ColumnType;
use sql::functions::{Datum, Interval, Type};
use sql::types::numeric::Numeric;

use crate::error::external;
use crate::numbers;
use crate::text;
use crate::types::{self, PG_TYPE};

/// The type that a column of this field has. What is a constant of no marked type is an untyped
/// literal.
pub(crate) fn type_of(field: &Field, constant: bool) -> Type {
    match types::mark(field) {
        Some("jsonb" | "geojson") => return Type::Jsonb,
        Some("json") => return Type::Json,
        Some("hll") => return Type::Bytea,
        _ => {}
    }
    match field.data_type() {
        DataType::Null => Type::Unknown,
        DataType::Boolean => Type::Bool,
        DataType::Int8 | DataType::Int16 | DataType::UInt8 => Type::Int2,
        DataType::Int32 | DataType::UInt16 => Type::Int4,
        t if t.is_integer() => Type::Int8,
        DataType::Float16 | DataType::Float32 => Type::Float4,
        DataType::Float64 => Type::Float8,
        DataType::LargeBinary => Type::Numeric,
        t if t.is_decimal() => Type::Numeric,
        DataType::Binary | DataType::BinaryView => Type::Bytea,
        DataType::Date32 | DataType::Date64 => Type::Date,
        DataType::Time32(_) | DataType::Time64(_) => Type::Time,
        DataType::Timestamp(_, None) => Type::Timestamp,
        DataType::Timestamp(_, Some(_)) => Type::Timestamptz,
        DataType::Interval(_) | DataType::Duration(_) => Type::Interval,
        DataType::FixedSizeBinary(16) => Type::Uuid,
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            type_of(item, false).array()
        }
        DataType::Struct(fields) => {
            let column = |f: &FieldRef| (f.name().clone(), type_of(f, false));
            Type::Record(fields.iter().map(column).collect())
        }
        DataType::Utf8 if constant && types::mark(field).is_none() => Type::Unknown,
        _ => Type::Text,
    }
}

/// The field of a value of this type.
pub(crate) fn field_of(name: &str, t: &Type) -> Field {
    use ColumnType as C;
    let of = |column_type| types::field(name, column_type);
    match t {
        Type::Bool => of(C::Bool),
        Type::Int2 => of(C::Int2),
        Type::Int4 => of(C::Int4),
        Type::Int8 => of(C::Int8),
        Type::Float4 => of(C::Float4),
        Type::Float8 => of(C::Float8),
        Type::Numeric => of(C::Numeric { precision: 0, scale: 0 }),
        Type::Text | Type::Unknown => of(C::Text),
        Type::Bytea => of(C::Bytea),
        Type::Date => of(C::Date),
        Type::Timestamp => of(C::Timestamp),
        Type::Timestamptz => of(C::Timestamptz),
        Type::Uuid => of(C::Uuid),
        Type::Jsonb => of(C::Jsonb),
        Type::Json => {
            let mark = [(PG_TYPE.to_string(), "json".to_string())].into();
            Field::new(name, DataType::Utf8, true).with_metadata(mark)
        }
        Type::Time => Field::new(name, DataType::Time64(TimeUnit::Nanosecond), true),
        Type::Interval => Field::new(name, DataType::Interval(IntervalUnit::MonthDayNano), true),
        Type::Array(element) => {
            // Without a mark: DataFusion's constants lose those of elements.
            let item = field_of("", element).data_type().clone();
            let item = Field::new_list_field(item, true);
            Field::new(name, DataType::List(Arc::new(item)), true)
        }
        Type::Record(columns) => {
            let fields: Fields = columns.iter().map(|(name, t)| field_of(name, t)).collect();
            Field::new(name, DataType::Struct(fields), true)
        }
    }
}

/// All values of an array.
pub(crate) fn datums(array: &ArrayRef, field: &Field) -> Result<Vec<Datum>> {
    let t = type_of(field, false);
    let array = plain(array, &t)?;
    (0..array.len()).map(|i| datum(&array, field, &t, i)).collect()
}

/// The array in the one Arrow type that stands for its type here.
fn plain(array: &ArrayRef, t: &Type) -> Result<ArrayRef> {
    let wanted = match t {
        Type::Int2 | Type::Int4 | Type::Int8 => DataType::Int64,
        Type::Float4 | Type::Float8 => DataType::Float64,
        Type::Text | Type::Json | Type::Jsonb => DataType::Utf8,
        Type::Bytea => DataType::Binary,
        Type::Date => DataType::Date32,
        Type::Time => DataType::Time64(TimeUnit::Microsecond),
        Type::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
        Type::Timestamptz => DataType::Timestamp(TimeUnit::Microsecond, Some("+00:00".into())),
        Type::Interval => match array.data_type() {
            DataType::Duration(_) => DataType::Duration(TimeUnit::Microsecond),
            _ => DataType::Interval(IntervalUnit::MonthDayNano),
        },
        Type::Array(_) => match array.data_type() {
            DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
                DataType::List(item.clone())
            }
            same => same.clone(),
        },
        _ => return Ok(array.clone()),
    };
    Ok(if array.data_type() == &wanted { array.clone() } else { cast(array, &wanted)? })
}

fn datum(array: &ArrayRef, field: &Field, t: &Type, i: usize) -> Result<Datum> {
    if array.is_null(i) {
        return Ok(Datum::Null);
    }
    Ok(match t {
        Type::Unknown => Datum::Null,
        Type::Bool => Datum::Bool(array.as_boolean().value(i)),
        Type::Int2 | Type::Int4 | Type::Int8 => {
            Datum::Int(array.as_primitive::<Int64Type>().value(i))
        }
        Type::Float4 | Type::Float8 => Datum::Float(array.as_primitive::<Float64Type>().value(i)),
        Type::Text => Datum::Text(array.as_string::<i32>().value(i).to_string()),
        Type::Json | Type::Jsonb => Datum::Json(array.as_string::<i32>().value(i).to_string()),
        Type::Bytea => Datum::Bytes(array.as_binary::<i32>().value(i).to_vec()),
        Type::Uuid => Datum::Bytes(array.as_fixed_size_binary().value(i).to_vec()),
        Type::Date => Datum::Date(array.as_primitive::<Date32Type>().value(i).into()),
        Type::Time => Datum::Time(array.as_primitive::<Time64MicrosecondType>().value(i)),
        Type::Timestamp | Type::Timestamptz => {
            Datum::Timestamp(array.as_primitive::<TimestampMicrosecondType>().value(i))
        }
        Type::Interval => Datum::Interval(interval(array, i)),
        Type::Numeric => {
            let printed = text::to_text(&array.slice(i, 1), field).map_err(external)?;
            Datum::Numeric(printed.as_string::<i32>().value(0).to_string())
        }
        Type::Array(_) => {
            let DataType::List(item) = array.data_type() else { return Ok(Datum::Null) };
            Datum::Array(datums(&array.as_list::<i32>().value(i), item)?)
        }
        Type::Record(_) => {
            let row = array.as_struct();
            let column = |(column, field): (&ArrayRef, &FieldRef)| {
                Ok(datums(&column.slice(i, 1), field)?.pop().unwrap_or(Datum::Null))
            };
            Datum::Record(
                row.columns().iter().zip(row.fields()).map(column).collect::<Result<_>>()?,
            )
        }
    })
}

fn interval(array: &ArrayRef, i: usize) -> Interval {
    match array.data_type() {
        DataType::Duration(_) => {
            // As PostgreSQL's difference of two moments: whole days apart from the rest.
            const DAY: i64 = 86_400_000_000;
            let us = array.as_primitive::<DurationMicrosecondType>().value(i);
            Interval { months: 0, days: us / DAY, us: us % DAY }
        }
        _ => {
            let v = array.as_primitive::<IntervalMonthDayNanoType>().value(i);
            Interval { months: v.months.into(), days: v.days.into(), us: v.nanoseconds / 1_000 }
        }
    }
}

/// Values of this type as an array.
pub(crate) fn array_of(t: &Type, values: &[Datum]) -> Result<ArrayRef> {
    let int = |v: &Datum| match v {
        Datum::Int(n) | Datum::Date(n) | Datum::Time(n) | Datum::Timestamp(n) => Some(*n),
        _ => None,
    };
    let float = |v: &Datum| match v {
        Datum::Float(d) => Some(*d),
        _ => None,
    };
    let text = |v: &'_ Datum| match v {
        Datum::Text(s) | Datum::Json(s) | Datum::Numeric(s) => Some(s.clone()),
        _ => None,
    };
    Ok(match t {
        Type::Bool => {
            let bool = |v: &Datum| if let Datum::Bool(b) = v { Some(*b) } else { None };
            Arc::new(values.iter().map(bool).collect::<BooleanArray>())
        }
        Type::Int2 => {
            Arc::new(values.iter().map(|v| int(v).map(|n| n as i16)).collect::<Int16Array>())
        }
        Type::Int4 => {
            Arc::new(values.iter().map(|v| int(v).map(|n| n as i32)).collect::<Int32Array>())
        }
        Type::Int8 => Arc::new(values.iter().map(int).collect::<Int64Array>()),
        Type::Float4 => {
            Arc::new(values.iter().map(|v| float(v).map(|d| d as f32)).collect::<Float32Array>())
        }
        Type::Float8 => Arc::new(values.iter().map(float).collect::<Float64Array>()),
        Type::Text | Type::Json | Type::Jsonb => {
            Arc::new(values.iter().map(text).collect::<StringArray>())
        }
        Type::Unknown => Arc::new(NullArray::new(values.len())),
        Type::Numeric => {
            let mut builder = LargeBinaryBuilder::new();
            for value in values {
                match value {
                    Datum::Numeric(digits) => {
                        let number = Numeric::parse(digits, 0, 0).map_err(external)?;
                        builder.append_value(numbers::encoded(&number));
                    }
                    _ => builder.append_null(),
                }
            }
            Arc::new(builder.finish())
        }
        Type::Bytea => {
            let mut builder = BinaryBuilder::new();
            for value in values {
                match value {
                    Datum::Bytes(bytes) => builder.append_value(bytes),
                    _ => builder.append_null(),
                }
            }
            Arc::new(builder.finish())
        }
        Type::Uuid => {
            let mut builder = FixedSizeBinaryBuilder::new(16);
            for value in values {
                match value {
                    Datum::Bytes(bytes) if bytes.len() == 16 => builder.append_value(bytes)?,
                    _ => builder.append_null(),
                }
            }
            Arc::new(builder.finish())
        }
        Type::Date => {
            Arc::new(values.iter().map(|v| int(v).map(|n| n as i32)).collect::<Date32Array>())
        }
        Type::Time => {
            let ns = |v: &Datum| int(v).map(|us| us * 1_000);
            Arc::new(values.iter().map(ns).collect::<Time64NanosecondArray>())
        }
        Type::Timestamp => Arc::new(values.iter().map(int).collect::<TimestampMicrosecondArray>()),
        Type::Timestamptz => {
            let array = values.iter().map(int).collect::<TimestampMicrosecondArray>();
            Arc::new(array.with_timezone("+00:00"))
        }
        Type::Interval => {
            let one = |v: &Datum| match v {
                Datum::Interval(i) => Some(IntervalMonthDayNano {
                    months: i.months as i32,
                    days: i.days as i32,
                    nanoseconds: i.us.saturating_mul(1_000),
                }),
                _ => None,
            };
            Arc::new(values.iter().map(one).collect::<IntervalMonthDayNanoArray>())
        }
        Type::Array(element) => list(t, element, values)?,
        Type::Record(columns) => {
            let DataType::Struct(fields) = field_of("", t).data_type().clone() else {
                return Ok(Arc::new(NullArray::new(values.len())));
            };
            let nulls = values.iter().map(|v| *v != Datum::Null).collect::<NullBuffer>();
            let column = |(i, (_, t)): (usize, &(String, Type))| {
                let cells: Vec<Datum> = values.iter().map(|row| cell(row, i)).collect();
                array_of(t, &cells)
            };
            let arrays = columns.iter().enumerate().map(column).collect::<Result<Vec<_>>>()?;
            Arc::new(StructArray::try_new(fields, arrays, Some(nulls))?)
        }
    })
}

fn cell(row: &Datum, i: usize) -> Datum {
    match row {
        Datum::Record(cells) => cells.get(i).cloned().unwrap_or(Datum::Null),
        _ => Datum::Null,
    }
}

fn list(t: &Type, element: &Type, values: &[Datum]) -> Result<ArrayRef> {
    let DataType::List(item) = field_of("", t).data_type().clone() else {
        return Ok(Arc::new(NullArray::new(values.len())));
    };
    let (mut flat, mut lengths) = (Vec::new(), Vec::with_capacity(values.len()));
    for value in values {
        let before = flat.len();
        if let Datum::Array(items) = value {
            flat.extend(items.iter().cloned());
        }
        lengths.push(flat.len() - before);
    }
    let nulls = values.iter().map(|v| *v != Datum::Null).collect::<NullBuffer>();
    let items = array_of(element, &flat)?;
    let offsets = OffsetBuffer::from_lengths(lengths);
    Ok(Arc::new(ListArray::try_new(item, offsets, items, Some(nulls))?))
}
