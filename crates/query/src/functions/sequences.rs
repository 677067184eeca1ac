//! nextval, setval, currval, lastval.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, FixedSizeBinaryBuilder, Int64Array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::common::{DataFusionError, Result};
use datafusion::logical_expr::async_udf::{AsyncScalarUDF, AsyncScalarUDFImpl};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature,
    Volatility,
};
use futures::future::BoxFuture;
use sql::{SqlError, SqlResult};

use crate::catalog;
use crate::error::external;
use crate::session::Context;

/// What the server does with sequences for a session.
pub trait Numbers: Send + Sync {
    /// The next numbers.
    fn next<'a>(
        &'a self,
        namespace: &'a str,
        name: &'a str,
        count: usize,
    ) -> BoxFuture<'a, SqlResult<Vec<i64>>>;

    /// Lets a sequence go on after this number, or with it where it was not `called`.
    fn set<'a>(
        &'a self,
        namespace: &'a str,
        name: &'a str,
        value: i64,
        called: bool,
    ) -> BoxFuture<'a, SqlResult<()>>;

    /// The number that the session drew last from this sequence.
    fn current(&self, namespace: &str, name: &str) -> SqlResult<i64>;

    /// The number that the session drew last.
    fn last(&self) -> SqlResult<i64>;

    /// 128 bits that nobody can guess.
    fn random(&self) -> u128;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Next,
    Set,
    Current,
    Last,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Function {
    kind: Kind,
    signature: Signature,
}

/// The functions.
pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    [Kind::Next, Kind::Set, Kind::Current, Kind::Last].map(function).into()
}

fn function(kind: Kind) -> Arc<ScalarUDF> {
    let taken = match kind {
        Kind::Next | Kind::Current => TypeSignature::Any(1),
        Kind::Set => TypeSignature::OneOf(vec![TypeSignature::Any(2), TypeSignature::Any(3)]),
        Kind::Last => TypeSignature::Nullary,
    };
    let function = Function { kind, signature: Signature::new(taken, Volatility::Volatile) };
    Arc::new(AsyncScalarUDF::new(Arc::new(function)).into_scalar_udf())
}

impl ScalarUDFImpl for Function {
    fn name(&self) -> &str {
        match self.kind {
            Kind::Next => "nextval",
            Kind::Set => "setval",
            Kind::Current => "currval",
            Kind::Last => "lastval",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int64)
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue> {
        Err(DataFusionError::Internal(format!("{} waits", self.name())))
    }
}

#[async_trait]
impl AsyncScalarUDFImpl for Function {
    async fn invoke_async_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let context = Context::of(&args.config_options)?;
        let Some(numbers) = &context.session.numbers else {
            return Err(DataFusionError::Internal("a session without sequences".into()));
        };
        let rows = args.number_rows;
        let mut columns = Vec::with_capacity(args.args.len());
        for arg in &args.args {
            columns.push(arg.clone().into_array(rows)?);
        }
        if self.kind == Kind::Last {
            let last = numbers.last().map_err(external)?;
            return Ok(ColumnarValue::Array(Arc::new(Int64Array::from(vec![last; rows]))));
        }
        let names = names(&columns[0], context).map_err(external)?;
        let mut out: Vec<Option<i64>> = Vec::with_capacity(rows);
        let mut row = 0;
        while row < rows {
            let Some((namespace, name)) = &names[row] else {
                out.push(None);
                row += 1;
                continue;
            };
            let same = names[row..].iter().take_while(|other| **other == names[row]).count();
            match self.kind {
                Kind::Next => {
                    let next = numbers.next(namespace, name, same).await.map_err(external)?;
                    out.extend(next.into_iter().map(Some));
                    row += same;
                }
                Kind::Set => {
                    let value = set(numbers.as_ref(), (namespace, name), &columns, row).await?;
                    out.push(value);
                    row += 1;
                }
                _ => {
                    let current = numbers.current(namespace, name).map_err(external)?;
                    out.extend(std::iter::repeat_n(Some(current), same));
                    row += same;
                }
            }
        }
        Ok(ColumnarValue::Array(Arc::new(Int64Array::from(out))))
    }
}

/// `gen_random_uuid()`: version 4, variant 1 of RFC 4122.
pub(super) fn random_uuids(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let context = Context::of(&args.config_options)?;
    let Some(numbers) = &context.session.numbers else {
        return Err(DataFusionError::Internal("a session without random numbers".into()));
    };
    let mut builder = FixedSizeBinaryBuilder::with_capacity(args.number_rows, 16);
    for _ in 0..args.number_rows {
        builder.append_value(sql::types::random_uuid(numbers.random()))?;
    }
    Ok(ColumnarValue::Array(Arc::new(builder.finish())))
}

async fn set(
    numbers: &dyn Numbers,
    (namespace, name): (&str, &str),
    columns: &[ArrayRef],
    row: usize,
) -> Result<Option<i64>> {
    let values = cast(&columns[1], &DataType::Int64)?;
    let called = match columns.get(2) {
        Some(called) => {
            let called = cast(called, &DataType::Boolean)?;
            let called = called.as_boolean();
            called.is_valid(row).then(|| called.value(row))
        }
        None => Some(true),
    };
    let values = values.as_primitive::<Int64Type>();
    let (Some(called), true) = (called, values.is_valid(row)) else { return Ok(None) };
    let value = values.value(row);
    numbers.set(namespace, name, value, called).await.map_err(external)?;
    Ok(Some(value))
}

/// Namespace and name of the sequences that texts or OIDs mean.
fn names(column: &ArrayRef, context: &Context) -> SqlResult<Vec<Option<(String, String)>>> {
    let oid = |text: &str| catalog::registered::read("regclass", text, context).map(i64::from);
    let found = |oid: i64| {
        let found = catalog::objects::sequence_name(oid, context);
        found.map(Some).ok_or_else(|| {
            let name = catalog::registered::print("regclass", oid, context);
            SqlError::new("42809", format!("\"{name}\" is not a sequence"))
        })
    };
    let texts = cast(column, &DataType::Utf8).map_err(|_| not_a_name())?;
    texts.as_string::<i32>().iter().map(|text| text.map_or(Ok(None), |t| found(oid(t)?))).collect()
}

fn not_a_name() -> SqlError {
    SqlError::new("42883", "a sequence is given by its name")
}
