//! Numbers of one type as numbers of another, with PostgreSQL's rounding and errors.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float32Array, Float64Array, Int64Array,
    LargeBinaryArray, LargeBinaryBuilder, StringArray,
};
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::arrow::datatypes::{DataType, Float32Type, Float64Type, Int64Type};
use model::{ColumnType, Value};
use sql::types::numeric::Numeric;
use sql::{SqlError, SqlResult};

use super::codec::{decode, encode, numeric_text};
use super::types::Kind;
use crate::error::sql_error;

/// 2^63, the first double that is no bigint.
const INT8_END: f64 = 9_223_372_036_854_775_808.0;

/// Numbers, texts or truth values as numbers of this type. `limits` are precision and scale of a
/// numeric that declares them.
pub(crate) fn convert(array: &ArrayRef, to: Kind, limits: Option<(u8, u8)>) -> SqlResult<ArrayRef> {
    let array = plain(array)?;
    if array.data_type() == &to.data_type() && limits.is_none() {
        return Ok(array);
    }
    match (array.data_type(), to) {
        (DataType::Null, _) => {
            Ok(datafusion::arrow::array::new_null_array(&to.data_type(), array.len()))
        }
        (DataType::Utf8, _) => of_texts(array.as_string::<i32>(), to, limits),
        (DataType::Boolean, Kind::Int4) => arrow(&array, &to.data_type()),
        (_, Kind::Numeric) => Ok(Arc::new(numerics(&array, limits)?)),
        (DataType::LargeBinary, _) => of_numerics(array.as_binary::<i64>(), to),
        (DataType::Float32 | DataType::Float64, to) if to.is_integer() => rounded(&array, to),
        (_, to) => {
            let converted = arrow(&array, &to.data_type()).map_err(|_| out_of_range(to))?;
            match to {
                Kind::Float4 => no_new_infinity(&array, converted),
                _ => Ok(converted),
            }
        }
    }
}

pub(crate) fn out_of_range(kind: Kind) -> SqlError {
    SqlError::new("22003", format!("{} out of range", kind.name()))
}

fn arrow(array: &ArrayRef, to: &DataType) -> SqlResult<ArrayRef> {
    let options = CastOptions { safe: false, ..CastOptions::default() };
    cast_with_options(array, to, &options).map_err(|e| sql_error(e.into()))
}

/// The array as one of the Arrow types that number types have: DataFusion's own functions give some
/// that are none.
fn plain(array: &ArrayRef) -> SqlResult<ArrayRef> {
    let wanted = match array.data_type() {
        DataType::Utf8View | DataType::LargeUtf8 => DataType::Utf8,
        t if t.is_decimal() => {
            let texts = arrow(array, &DataType::Utf8)?;
            return of_texts(texts.as_string::<i32>(), Kind::Numeric, None);
        }
        t => match Kind::of(t) {
            Some(kind) => kind.data_type(),
            None => return Ok(array.clone()),
        },
    };
    if array.data_type() == &wanted { Ok(array.clone()) } else { arrow(array, &wanted) }
}

fn column_type(kind: Kind, limits: Option<(u8, u8)>) -> ColumnType {
    let (precision, scale) = limits.unwrap_or((0, 0));
    match kind {
        Kind::Int2 => ColumnType::Int2,
        Kind::Int4 => ColumnType::Int4,
        Kind::Int8 => ColumnType::Int8,
        Kind::Numeric => ColumnType::Numeric { precision, scale },
        Kind::Float4 => ColumnType::Float4,
        Kind::Float8 => ColumnType::Float8,
    }
}

fn of_texts(texts: &StringArray, to: Kind, limits: Option<(u8, u8)>) -> SqlResult<ArrayRef> {
    let column_type = column_type(to, limits);
    let read =
        |text: Option<&str>| text.map(|text| sql::types::parse_text(column_type, text)).transpose();
    if to == Kind::Numeric {
        let mut builder = Builder::with_capacity(texts.len());
        for text in texts {
            match read(text)? {
                Some(Value::String(text)) => builder.push(&Numeric::parse(&text, 0, 0)?),
                _ => builder.push_null(),
            }
        }
        return Ok(builder.finish());
    }
    let values = texts.iter().map(read).collect::<SqlResult<Vec<_>>>()?;
    if to.is_integer() {
        let integer = |value: &Option<Value>| match value {
            Some(Value::Integer(n)) => Some(*n),
            _ => None,
        };
        let array: ArrayRef = Arc::new(Int64Array::from_iter(values.iter().map(integer)));
        return arrow(&array, &to.data_type());
    }
    let double = |value: &Option<Value>| match value {
        Some(Value::Double(d)) => Some(*d),
        _ => None,
    };
    let array: ArrayRef = Arc::new(Float64Array::from_iter(values.iter().map(double)));
    arrow(&array, &to.data_type())
}

/// Numbers as numerics.
fn numerics(array: &ArrayRef, limits: Option<(u8, u8)>) -> SqlResult<LargeBinaryArray> {
    let (precision, scale) = limits.unwrap_or((0, 0));
    let mut builder = Builder::with_capacity(array.len());
    let mut push = |number: Option<Numeric>| match number {
        Some(number) => number.fitted(precision, scale).map(|number| builder.push(&number)),
        None => {
            builder.push_null();
            Ok(())
        }
    };
    match array.data_type() {
        DataType::LargeBinary => {
            for bytes in array.as_binary::<i64>() {
                push(bytes.map(decode))?;
            }
        }
        DataType::Float32 => {
            for n in array.as_primitive::<Float32Type>() {
                push(n.map(Numeric::of_f32))?;
            }
        }
        DataType::Float64 => {
            for n in array.as_primitive::<Float64Type>() {
                push(n.map(Numeric::of_f64))?;
            }
        }
        _ => {
            let array = arrow(array, &DataType::Int64)?;
            for n in array.as_primitive::<Int64Type>() {
                push(n.map(Numeric::from))?;
            }
        }
    }
    Ok(builder.finish_binary())
}

fn of_numerics(array: &LargeBinaryArray, to: Kind) -> SqlResult<ArrayRef> {
    let numbers = array.iter().map(|bytes| bytes.map(decode));
    if to.is_integer() {
        let integer = |number: Option<Numeric>| number.map(|n| integer(&n, to)).transpose();
        let integers = numbers.map(integer).collect::<SqlResult<Vec<_>>>()?;
        let array: ArrayRef = Arc::new(Int64Array::from(integers));
        return arrow(&array, &to.data_type()).map_err(|_| out_of_range(to));
    }
    let double = |number: Option<Numeric>| {
        let Some(number) = number else { return Ok(None) };
        let double = number.to_f64();
        let double = if to == Kind::Float4 { f64::from(double as f32) } else { double };
        match double.is_infinite() && matches!(number, Numeric::Finite(_)) {
            true => {
                let message = format!("\"{number}\" is out of range for type {}", to.name());
                Err(SqlError::new("22003", message))
            }
            false => Ok(Some(double)),
        }
    };
    let doubles = numbers.map(double).collect::<SqlResult<Vec<_>>>()?;
    arrow(&(Arc::new(Float64Array::from(doubles)) as ArrayRef), &to.data_type())
}

/// The nearest integer, halves away from zero.
fn integer(number: &Numeric, to: Kind) -> SqlResult<i64> {
    let cannot =
        |what: &str| SqlError::new("0A000", format!("cannot convert {what} to {}", to.name()));
    match number {
        Numeric::NaN => Err(cannot("NaN")),
        Numeric::Infinity | Numeric::MinusInfinity => Err(cannot("infinity")),
        Numeric::Finite(_) => number.to_i64().ok_or_else(|| out_of_range(to)),
    }
}

/// Floats as integers: the nearest, halves to even.
fn rounded(array: &ArrayRef, to: Kind) -> SqlResult<ArrayRef> {
    let doubles = arrow(array, &DataType::Float64)?;
    let integer = |n: f64| {
        let n = n.round_ties_even();
        let fits = (-INT8_END..INT8_END).contains(&n);
        if fits { Ok(n as i64) } else { Err(out_of_range(to)) }
    };
    let integers = doubles.as_primitive::<Float64Type>().iter();
    let integers = integers.map(|n| n.map(integer).transpose()).collect::<SqlResult<Vec<_>>>()?;
    let array: ArrayRef = Arc::new(Int64Array::from(integers));
    arrow(&array, &to.data_type()).map_err(|_| out_of_range(to))
}

/// Refuses floats that only became infinite by being shortened.
fn no_new_infinity(from: &ArrayRef, to: ArrayRef) -> SqlResult<ArrayRef> {
    if from.data_type() != &DataType::Float64 {
        return Ok(to);
    }
    let (wide, short) = (from.as_primitive::<Float64Type>(), to.as_primitive::<Float32Type>());
    let (wide, short): (&Float64Array, &Float32Array) = (wide, short);
    let lost = |(a, b): (Option<f64>, Option<f32>)| {
        a.is_some_and(f64::is_finite) && b.is_some_and(f32::is_infinite)
    };
    match wide.iter().zip(short).any(lost) {
        true => Err(SqlError::new("22003", "value out of range: overflow")),
        false => Ok(to),
    }
}

/// Numerics as PostgreSQL prints them.
pub(crate) fn texts_of(array: &ArrayRef) -> ArrayRef {
    let texts = array.as_binary::<i64>().iter().map(|bytes| bytes.map(numeric_text));
    Arc::new(texts.collect::<StringArray>())
}

/// Whether integers are other than zero.
pub(crate) fn truths(array: &ArrayRef) -> SqlResult<ArrayRef> {
    let numbers = arrow(array, &DataType::Int64)?;
    let numbers = numbers.as_primitive::<Int64Type>().iter();
    Ok(Arc::new(numbers.map(|n| n.map(|n| n != 0)).collect::<BooleanArray>()))
}

/// A column of numerics that grows.
pub(crate) struct Builder {
    builder: LargeBinaryBuilder,
    bytes: Vec<u8>,
}

impl Builder {
    pub(crate) fn with_capacity(rows: usize) -> Builder {
        Builder { builder: LargeBinaryBuilder::with_capacity(rows, rows * 10), bytes: Vec::new() }
    }

    pub(crate) fn push(&mut self, number: &Numeric) {
        encode(number, &mut self.bytes);
        self.builder.append_value(&self.bytes);
    }

    pub(crate) fn push_null(&mut self) {
        self.builder.append_null();
    }

    pub(crate) fn finish(self) -> ArrayRef {
        Arc::new(self.finish_binary())
    }

    fn finish_binary(mut self) -> LargeBinaryArray {
        self.builder.finish()
    }
}
