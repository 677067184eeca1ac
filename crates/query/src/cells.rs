//! One column under construction: stored values in, an Arrow array out.
//!
//! A value that the column's type cannot hold without loss is a [`Misfit`], never NULL.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BinaryBuilder, BooleanBuilder, Date32Array, FixedSizeBinaryBuilder, Float32Array,
    Float64Array, Float64Builder, Int16Array, Int32Array, Int64Array, Int64Builder,
    LargeBinaryBuilder, ListBuilder, NullBufferBuilder, StringBuilder, TimestampMicrosecondArray,
};
use model::{ColumnType, List, Value, ValueRef, json};
use sql::types::numeric::Numeric;

use crate::numbers::encoded;

/// A value that does not fit its column, as people are told of it.
#[derive(Debug)]
pub(crate) struct Misfit(pub(crate) String);

/// The cells of a column so far.
pub(crate) struct Cells {
    column_type: ColumnType,
    len: usize,
    values: Values,
}

enum Values {
    /// Whole numbers between the least and the most of the type, 0 where there is none.
    Integers(Vec<i64>, NullBufferBuilder, std::ops::RangeInclusive<i64>),
    Doubles(Vec<f64>, NullBufferBuilder),
    Texts(StringBuilder),
    Json(StringBuilder),
    Bytes(BinaryBuilder),
    Bools(BooleanBuilder),
    Numerics(LargeBinaryBuilder),
    Uuids(FixedSizeBinaryBuilder),
    Lists(Vec<Option<List>>),
}

impl Values {
    fn new(column_type: ColumnType, rows: usize) -> Values {
        use ColumnType::*;
        let nulls = || NullBufferBuilder::new(rows);
        let integers = |range| Values::Integers(Vec::with_capacity(rows), nulls(), range);
        match column_type {
            Int2 => integers(i16::MIN.into()..=i16::MAX.into()),
            Int4 | Date => integers(i32::MIN.into()..=i32::MAX.into()),
            Int8 | Timestamptz | Timestamp => integers(i64::MIN..=i64::MAX),
            Float4 | Float8 => Values::Doubles(Vec::with_capacity(rows), nulls()),
            Text | Varchar(_) | GeoJson => Values::Texts(StringBuilder::new()),
            Jsonb => Values::Json(StringBuilder::new()),
            Bytea | Hll => Values::Bytes(BinaryBuilder::new()),
            Bool => Values::Bools(BooleanBuilder::new()),
            Numeric { .. } => Values::Numerics(LargeBinaryBuilder::new()),
            Uuid => Values::Uuids(FixedSizeBinaryBuilder::new(16)),
            Int8Array | Float8Array | TextArray | BoolArray => Values::Lists(Vec::new()),
        }
    }
}

impl Cells {
    /// No cells of this type yet, and room for so many.
    pub(crate) fn new(column_type: ColumnType, rows: usize) -> Cells {
        Cells { column_type, len: 0, values: Values::new(column_type, rows) }
    }

    /// Adds a value.
    #[inline]
    pub(crate) fn push(&mut self, value: ValueRef<'_>) -> Result<(), Misfit> {
        if let (Values::Integers(values, nulls, range), ValueRef::Integer(n)) =
            (&mut self.values, &value)
            && range.contains(n)
        {
            values.push(*n);
            nulls.append_non_null();
            self.len += 1;
            return Ok(());
        }
        self.push_any(value)
    }

    fn push_any(&mut self, value: ValueRef<'_>) -> Result<(), Misfit> {
        if self.put(&value).is_none() {
            let value_type = value.value_type();
            let shown: String = json::print(&value.into_value()).chars().take(40).collect();
            return Err(Misfit(format!("the {value_type} {shown}")));
        }
        self.len += 1;
        Ok(())
    }

    /// Adds a value; `None` where it does not fit.
    fn put(&mut self, value: &ValueRef<'_>) -> Option<()> {
        match &mut self.values {
            Values::Integers(values, nulls, range) => {
                values.push(integer(value).filter(|n| range.contains(n))?);
                nulls.append_non_null();
            }
            Values::Doubles(values, nulls) => {
                values.push(double(value)?);
                nulls.append_non_null();
            }
            Values::Texts(texts) => texts.append_value(text(value)?),
            Values::Json(texts) => {
                texts.append_value(json::print(&value.clone().into_value()));
            }
            Values::Bytes(bytes) => bytes.append_value(self::bytes(value)?),
            Values::Bools(bools) => bools.append_value(boolean(value)?),
            Values::Numerics(numbers) => numbers.append_value(numeric(value)?),
            Values::Uuids(uuids) => uuids.append_value(bytes(value)?).ok()?,
            Values::Lists(lists) => match value {
                ValueRef::Other(other) => match other.as_ref() {
                    Value::List(list) => lists.push(Some(list.clone())),
                    _ => return None,
                },
                _ => return None,
            },
        }
        Some(())
    }

    /// Adds NULLs until there are so many cells.
    #[inline]
    pub(crate) fn fill(&mut self, rows: usize) {
        while self.len < rows {
            self.push_null();
        }
    }

    fn push_null(&mut self) {
        match &mut self.values {
            Values::Integers(values, nulls, _) => {
                values.push(0);
                nulls.append_null();
            }
            Values::Doubles(values, nulls) => {
                values.push(0.0);
                nulls.append_null();
            }
            Values::Texts(texts) | Values::Json(texts) => texts.append_null(),
            Values::Bytes(bytes) => bytes.append_null(),
            Values::Bools(bools) => bools.append_null(),
            Values::Numerics(numbers) => numbers.append_null(),
            Values::Uuids(uuids) => uuids.append_null(),
            Values::Lists(lists) => lists.push(None),
        }
        self.len += 1;
    }

    /// The array; an error where a list holds an element that does not fit.
    pub(crate) fn finish(self) -> Result<ArrayRef, Misfit> {
        use ColumnType::*;
        Ok(match self.values {
            Values::Integers(values, mut nulls, _) => {
                let nulls = nulls.finish();
                match self.column_type {
                    // Each is in its type's range: `push` saw to it.
                    Int2 => {
                        let values = values.into_iter().map(|n| n as i16);
                        Arc::new(Int16Array::new(values.collect(), nulls))
                    }
                    Int4 => {
                        let values = values.into_iter().map(|n| n as i32);
                        Arc::new(Int32Array::new(values.collect(), nulls))
                    }
                    Date => {
                        let values = values.into_iter().map(|n| n as i32);
                        Arc::new(Date32Array::new(values.collect(), nulls))
                    }
                    Timestamptz => {
                        let array = TimestampMicrosecondArray::new(values.into(), nulls);
                        Arc::new(array.with_timezone("+00:00"))
                    }
                    Timestamp => Arc::new(TimestampMicrosecondArray::new(values.into(), nulls)),
                    _ => Arc::new(Int64Array::new(values.into(), nulls)) as ArrayRef,
                }
            }
            Values::Doubles(values, mut nulls) => match self.column_type {
                Float4 => {
                    let values = values.into_iter().map(|d| d as f32);
                    Arc::new(Float32Array::new(values.collect(), nulls.finish()))
                }
                _ => Arc::new(Float64Array::new(values.into(), nulls.finish())),
            },
            Values::Texts(mut texts) | Values::Json(mut texts) => Arc::new(texts.finish()),
            Values::Bytes(mut bytes) => Arc::new(bytes.finish()),
            Values::Bools(mut bools) => Arc::new(bools.finish()),
            Values::Numerics(mut numbers) => Arc::new(numbers.finish()),
            Values::Uuids(mut uuids) => Arc::new(uuids.finish()),
            Values::Lists(rows) => lists(self.column_type, &rows)?,
        })
    }
}

fn integer(value: &ValueRef<'_>) -> Option<i64> {
    match value {
        ValueRef::Integer(n) => Some(*n),
        ValueRef::Double(d) if d.fract() == 0.0 && d.abs() < 9e15 => Some(*d as i64),
        _ => None,
    }
}

fn double(value: &ValueRef<'_>) -> Option<f64> {
    match value {
        ValueRef::Double(d) => Some(*d),
        ValueRef::Integer(n) if n.unsigned_abs() <= 1 << 53 => Some(*n as f64),
        _ => None,
    }
}

fn boolean(value: &ValueRef<'_>) -> Option<bool> {
    match value {
        ValueRef::Bool(b) => Some(*b),
        _ => None,
    }
}

fn bytes<'a>(value: &ValueRef<'a>) -> Option<&'a [u8]> {
    match value {
        ValueRef::Blob(b) | ValueRef::Hll(b) => Some(b),
        _ => None,
    }
}

fn numeric(value: &ValueRef<'_>) -> Option<Vec<u8>> {
    let number = match value {
        ValueRef::String(s) => Numeric::parse(s, 0, 0).ok()?,
        ValueRef::Integer(n) => Numeric::from(*n),
        ValueRef::Double(d) => Numeric::of_f64(*d),
        _ => return None,
    };
    Some(encoded(&number))
}

fn lists(column_type: ColumnType, rows: &[Option<List>]) -> Result<ArrayRef, Misfit> {
    macro_rules! build {
        ($builder:ty, $fit:expr) => {{
            let mut builder = ListBuilder::new(<$builder>::new());
            for row in rows {
                let Some(row) = row else {
                    builder.append_null();
                    continue;
                };
                for item in row.iter() {
                    match item {
                        Value::Nil => builder.values().append_null(),
                        item => {
                            let shown = || Misfit(format!("the element {}", json::print(item)));
                            let fitting = $fit(&ValueRef::from(item)).ok_or_else(shown)?;
                            builder.values().append_value(fitting);
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

fn text<'a>(value: &ValueRef<'a>) -> Option<&'a str> {
    match value {
        ValueRef::String(s) | ValueRef::GeoJson(s) => Some(s),
        _ => None,
    }
}
