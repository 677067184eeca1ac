//! Functions that give one of their arguments: `coalesce`, `nullif`, `greatest`, `least`; and the
//! casts and keys that plans are given by `plan.rs`.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BinaryArray, BooleanArray, StringArray};
use datafusion::arrow::compute::kernels::{cmp, zip::zip};
use datafusion::arrow::compute::{and, is_null, or};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};
use sql::SqlError;

use super::codec::key;
use super::convert::{convert, truths};
use super::types::Kind;
use crate::error::external;
use crate::types::{PG_TYPE, PG_TYPMOD};

pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    use Body::{Bool, Cast, Extreme, First, Hex, Key, Unless};
    let all = [
        ("aeriedb_int2", Cast(Kind::Int2)),
        ("aeriedb_int4", Cast(Kind::Int4)),
        ("aeriedb_int8", Cast(Kind::Int8)),
        ("aeriedb_numeric", Cast(Kind::Numeric)),
        ("aeriedb_float4", Cast(Kind::Float4)),
        ("aeriedb_float8", Cast(Kind::Float8)),
        ("aeriedb_bool", Bool),
        ("aeriedb_number", Key),
        ("aeriedb_number_hex", Hex),
        ("greatest", Extreme { greatest: true }),
        ("least", Extreme { greatest: false }),
        ("coalesce", First),
        ("nullif", Unless),
    ];
    all.map(|(name, body)| {
        let signature = Signature::variadic_any(Volatility::Immutable);
        Arc::new(ScalarUDF::new_from_impl(Choice { name, body, signature }))
    })
    .into()
}

/// The function that casts to a number type.
pub(super) fn cast_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Int2 => "aeriedb_int2",
        Kind::Int4 => "aeriedb_int4",
        Kind::Int8 => "aeriedb_int8",
        Kind::Numeric => "aeriedb_numeric",
        Kind::Float4 => "aeriedb_float4",
        Kind::Float8 => "aeriedb_float8",
    }
}

#[derive(Debug, Clone, Copy)]
enum Body {
    /// A cast to a number type; to numeric with precision and scale, where they are given.
    Cast(Kind),
    /// Whether an integer is not zero.
    Bool,
    /// What equal numerics have in common, in their order.
    Key,
    /// The same as hexadecimal text: DataFusion orders windows by no bytes.
    Hex,
    /// The largest or the smallest argument that is not NULL.
    Extreme { greatest: bool },
    /// The first argument that is not NULL: `semantics.rs` puts DataFusion's function in its place.
    First,
    /// The first argument, unless it equals the second: `semantics.rs` puts a CASE in its place.
    Unless,
}

#[derive(Debug)]
struct Choice {
    name: &'static str,
    body: Body,
    signature: Signature,
}

impl PartialEq for Choice {
    fn eq(&self, other: &Choice) -> bool {
        self.name == other.name
    }
}

impl Eq for Choice {}

impl Hash for Choice {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

/// Precision and scale, where a cast's call gives them.
fn limits<'a>(scalars: impl Iterator<Item = Option<&'a ScalarValue>>) -> Option<(u8, u8)> {
    let given: Vec<u8> = scalars
        .skip(1)
        .map_while(|scalar| match scalar {
            Some(ScalarValue::Int64(Some(n))) => u8::try_from(*n).ok(),
            _ => None,
        })
        .collect();
    match given[..] {
        [precision, scale] => Some((precision, scale)),
        _ => None,
    }
}

impl Choice {
    /// The type in which arguments meet.
    fn common(&self, types: &[DataType]) -> Result<DataType> {
        let known: Vec<_> = types.iter().filter(|t| !t.is_null()).collect();
        let kinds = known.iter().map(|t| Kind::of(t)).collect::<Option<Vec<_>>>();
        if let Some(kind) = kinds.and_then(|kinds| kinds.into_iter().max()) {
            return Ok(kind.data_type());
        }
        match &known[..] {
            [] => Ok(DataType::Utf8),
            [first, rest @ ..] => match rest.iter().find(|t| t != &first) {
                None => Ok((*first).clone()),
                Some(other) => {
                    let names = [first, other].map(|t| crate::types::data_type_name(t));
                    let name = self.name.to_uppercase();
                    let message =
                        format!("{name} types {} and {} cannot be matched", names[0], names[1]);
                    Err(external(SqlError::new("42804", message).hint("cast the arguments")))
                }
            },
        }
    }
}

impl Choice {
    fn missing(&self) -> datafusion::common::DataFusionError {
        external(SqlError::new("42883", format!("function {}() does not exist", self.name)))
    }

    /// The type of `coalesce`: for what are no numbers, DataFusion's.
    fn first(&self, types: &[DataType]) -> Result<DataType> {
        if types.iter().any(|t| Kind::of(t).is_some()) {
            let known: Vec<_> = types.iter().filter(|t| *t != &DataType::Utf8).cloned().collect();
            return self.common(&known);
        }
        let types = datafusion::functions::core::coalesce().coerce_types(types)?;
        types.into_iter().next().ok_or_else(|| self.missing())
    }
}

impl ScalarUDFImpl for Choice {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        match self.body {
            Body::Cast(kind) => Ok(kind.data_type()),
            Body::Bool => Ok(DataType::Boolean),
            Body::Key => Ok(DataType::Binary),
            Body::Hex => Ok(DataType::Utf8),
            Body::Extreme { .. } => self.common(types),
            Body::First => self.first(types),
            Body::Unless => match types {
                [a, b] => Ok(match (Kind::of(a), Kind::of(b)) {
                    (Some(a), Some(b)) => a.operated(b).data_type(),
                    _ => a.clone(),
                }),
                _ => Err(self.missing()),
            },
        }
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let types: Vec<_> = args.arg_fields.iter().map(|f| f.data_type().clone()).collect();
        let field = Field::new(self.name, self.return_type(&types)?, true);
        let limits = limits(args.scalar_arguments.iter().copied());
        Ok(Arc::new(match (self.body, limits) {
            (Body::Cast(Kind::Numeric), Some((precision, scale))) => {
                let typmod = (i32::from(precision) << 16 | i32::from(scale)) + 4;
                field.with_metadata(
                    [
                        (PG_TYPE.to_string(), "numeric".to_string()),
                        (PG_TYPMOD.to_string(), typmod.to_string()),
                    ]
                    .into(),
                )
            }
            _ => field,
        }))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let first = args.args.first().ok_or_else(|| self.missing())?;
        let scalar = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let rows = if scalar { 1 } else { args.number_rows };
        let array = match self.body {
            Body::Cast(kind) => {
                let scalars = args.args.iter().map(|arg| match arg {
                    ColumnarValue::Scalar(scalar) => Some(scalar),
                    ColumnarValue::Array(_) => None,
                });
                convert(&first.to_array(rows)?, kind, limits(scalars)).map_err(external)?
            }
            Body::First | Body::Unless => {
                let message = format!("{} stands where it cannot be planned", self.name);
                return Err(external(SqlError::unsupported(message)));
            }
            Body::Bool => truths(&first.to_array(rows)?).map_err(external)?,
            Body::Hex => {
                let numbers = convert(&first.to_array(rows)?, Kind::Numeric, None);
                let numbers = numbers.map_err(external)?;
                let texts = numbers.as_binary::<i64>().iter();
                let texts = texts.map(|bytes| bytes.map(|bytes| model::json::hex(key(bytes))));
                Arc::new(texts.collect::<StringArray>())
            }
            Body::Key => {
                keys(&convert(&first.to_array(rows)?, Kind::Numeric, None).map_err(external)?)
            }
            Body::Extreme { greatest } => {
                let types: Vec<_> = args.args.iter().map(ColumnarValue::data_type).collect();
                let common = self.common(&types)?;
                let arrays = args.args.iter().map(|arg| brought(arg.to_array(rows)?, &common));
                let arrays = arrays.collect::<Result<Vec<_>>>()?;
                let mut arrays = arrays.into_iter();
                let first =
                    arrays.next().ok_or_else(|| external(SqlError::syntax("no argument")))?;
                arrays.try_fold(first, |best, next| better(&best, &next, greatest))?
            }
        };
        match scalar {
            true => Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&array, 0)?)),
            false => Ok(ColumnarValue::Array(array)),
        }
    }
}

/// What equal numerics have in common.
pub(super) fn keys(array: &ArrayRef) -> ArrayRef {
    let keys = array.as_binary::<i64>().iter().map(|bytes| bytes.map(key));
    Arc::new(keys.collect::<BinaryArray>())
}

fn brought(array: ArrayRef, to: &DataType) -> Result<ArrayRef> {
    if array.data_type() == to {
        return Ok(array);
    }
    match Kind::of(to) {
        Some(kind) => convert(&array, kind, None).map_err(external),
        None => Ok(datafusion::arrow::array::new_null_array(to, array.len())),
    }
}

/// Row by row the one that is more, or less; the other where one is NULL.
fn better(best: &ArrayRef, next: &ArrayRef, greatest: bool) -> Result<ArrayRef> {
    let numeric = best.data_type() == &DataType::LargeBinary;
    let compared = match numeric {
        true => cmp::gt(&keys(next), &keys(best))?,
        false => cmp::gt(next, best)?,
    };
    let equal = match numeric {
        true => cmp::eq(&keys(next), &keys(best))?,
        false => cmp::eq(next, best)?,
    };
    let filled = |array: BooleanArray| array.iter().map(|b| Some(b == Some(true))).collect();
    let (more, equal): (BooleanArray, BooleanArray) = (filled(compared), filled(equal));
    let both = datafusion::arrow::compute::not(&or(&is_null(best)?, &is_null(next)?)?)?;
    let wins = match greatest {
        true => more,
        false => datafusion::arrow::compute::not(&or(&more, &equal)?)?,
    };
    let takes = or(&and(&wins, &both)?, &is_null(best)?)?;
    Ok(zip(&takes, next, best)?)
}
