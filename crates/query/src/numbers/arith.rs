//! The operators of numbers: `+ - * / %`, and minus alone.
//!
//! Each is a function of two numbers of any types, which says what type it computes in
//! ([`Kind::operated`]), brings both there, and refuses what that type cannot hold: 22003, or 22012
//! for a division by zero.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Datum, Float64Array, PrimitiveArray, Scalar,
};
use datafusion::arrow::compute::kernels::numeric;
use datafusion::arrow::datatypes::{
    ArrowPrimitiveType, DataType, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type,
};
use datafusion::arrow::error::ArrowError;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{
    ColumnarValue, Operator, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use sql::types::numeric::{Numeric, Op};
use sql::{SqlError, SqlResult};

use super::codec::decode;
use super::convert::{Builder, convert, out_of_range};
use super::types::Kind;
use crate::error::{external, sql_error};

pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    let all = [
        ("aeriedb_add", Sign::Of(Op::Add)),
        ("aeriedb_subtract", Sign::Of(Op::Sub)),
        ("aeriedb_multiply", Sign::Of(Op::Mul)),
        ("aeriedb_divide", Sign::Of(Op::Div)),
        ("aeriedb_modulo", Sign::Of(Op::Rem)),
        ("aeriedb_negate", Sign::Negate),
        ("aeriedb_not", Sign::Not),
    ];
    all.map(|(name, sign)| Arc::new(ScalarUDF::new_from_impl(Arithmetic::new(name, sign)))).into()
}

/// The function that computes an operator of numbers.
pub(super) fn function_of(operator: &Operator) -> Option<&'static str> {
    Some(match operator {
        Operator::Plus => "aeriedb_add",
        Operator::Minus => "aeriedb_subtract",
        Operator::Multiply => "aeriedb_multiply",
        Operator::Divide => "aeriedb_divide",
        Operator::Modulo => "aeriedb_modulo",
        _ => return None,
    })
}

/// The operator that such a function computes.
pub(super) fn operator_of(function: &str) -> Option<Operator> {
    Some(match function {
        "aeriedb_add" => Operator::Plus,
        "aeriedb_subtract" => Operator::Minus,
        "aeriedb_multiply" => Operator::Multiply,
        "aeriedb_divide" => Operator::Divide,
        "aeriedb_modulo" => Operator::Modulo,
        _ => return None,
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Sign {
    Of(Op),
    Negate,
    /// Each bit the other way.
    Not,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Arithmetic {
    name: &'static str,
    sign: Sign,
    signature: Signature,
}

impl Arithmetic {
    fn new(name: &'static str, sign: Sign) -> Arithmetic {
        let count = if matches!(sign, Sign::Of(_)) { 2 } else { 1 };
        Arithmetic { name, sign, signature: Signature::any(count, Volatility::Immutable) }
    }

    /// The type that the operator computes in; `None` for what are no numbers.
    fn kind(&self, types: &[DataType]) -> Option<Kind> {
        let kind = |t: &DataType| if t.is_null() { Some(None) } else { Kind::of(t).map(Some) };
        let kinds = types.iter().map(kind).collect::<Option<Vec<_>>>()?;
        let kind = kinds.into_iter().flatten().reduce(Kind::operated)?;
        let exists = match self.sign {
            Sign::Not => kind.is_integer(),
            Sign::Of(Op::Rem) => !kind.is_float(),
            _ => true,
        };
        exists.then_some(kind)
    }

    fn needed(&self, types: &[DataType]) -> Result<Kind> {
        self.kind(types).ok_or_else(|| {
            let types: Vec<_> = types.iter().map(crate::types::data_type_name).collect();
            let shown = match (&types[..], operator_of(self.name)) {
                ([left, right], Some(operator)) => format!("{left} {operator} {right}"),
                (types, _) => format!("~ {}", types.join(", ")),
            };
            let message = format!("operator does not exist: {shown}");
            external(SqlError::new("42883", message).hint("cast the operands"))
        })
    }
}

impl ScalarUDFImpl for Arithmetic {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        if self.sign == Sign::Negate && self.kind(types).is_none() {
            return Ok(types[0].clone());
        }
        Ok(self.needed(types)?.data_type())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let types: Vec<_> = args.args.iter().map(ColumnarValue::data_type).collect();
        let scalar = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let result = match self.sign {
            Sign::Negate => negated(args.args[0].clone(), self.kind(&types))?,
            Sign::Not => {
                let kind = self.needed(&types)?;
                let ones = ScalarValue::Int16(Some(-1)).into();
                let [ones, operand] = [&ones, &args.args[0]].map(|a| Operand::of(a, kind));
                let (ones, operand) = (ones.map_err(external)?, operand.map_err(external)?);
                // Of two's complement: -1 - x, which never overflows.
                compute(Op::Sub, kind, &ones, &operand).map_err(external)?
            }
            Sign::Of(op) => {
                let kind = self.needed(&types)?;
                let [left, right] = [&args.args[0], &args.args[1]].map(|a| Operand::of(a, kind));
                let (left, right) = (left.map_err(external)?, right.map_err(external)?);
                compute(op, kind, &left, &right).map_err(external)?
            }
        };
        match scalar {
            true => Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&result, 0)?)),
            false => Ok(ColumnarValue::Array(result)),
        }
    }
}

/// A side of an operator: a column, or one value for all rows.
struct Operand {
    array: ArrayRef,
    scalar: bool,
}

impl Operand {
    fn of(value: &ColumnarValue, kind: Kind) -> SqlResult<Operand> {
        let scalar = matches!(value, ColumnarValue::Scalar(_));
        let array = value.to_array(1).map_err(sql_error)?;
        Ok(Operand { array: convert(&array, kind, None)?, scalar })
    }

    fn datum(&self) -> Box<dyn Datum> {
        match self.scalar {
            true => Box::new(Scalar::new(self.array.clone())),
            false => Box::new(self.array.clone()),
        }
    }

    /// The place of row `i`.
    fn at(&self, i: usize) -> usize {
        if self.scalar { 0 } else { i }
    }
}

/// How many rows a result of these two has.
fn rows(left: &Operand, right: &Operand) -> usize {
    if left.scalar { right.array.len() } else { left.array.len() }
}

fn compute(op: Op, kind: Kind, left: &Operand, right: &Operand) -> SqlResult<ArrayRef> {
    match kind {
        Kind::Numeric => numerics(left, right, |a, b| a.compute(op, b)),
        Kind::Int2 => integers::<Int16Type>(op, kind, left, right),
        Kind::Int4 => integers::<Int32Type>(op, kind, left, right),
        Kind::Int8 => integers::<Int64Type>(op, kind, left, right),
        _ => floats(op, kind, left, right),
    }
}

fn numerics(
    left: &Operand,
    right: &Operand,
    of: impl Fn(&Numeric, &Numeric) -> SqlResult<Numeric>,
) -> SqlResult<ArrayRef> {
    let (a, b) = (left.array.as_binary::<i64>(), right.array.as_binary::<i64>());
    // A constant is read once.
    let constant = |side: &Operand| {
        let array = side.array.as_binary::<i64>();
        (side.scalar && array.is_valid(0)).then(|| decode(array.value(0)))
    };
    let constants = (constant(left), constant(right));
    let rows = rows(left, right);
    let mut builder = Builder::with_capacity(rows);
    for i in 0..rows {
        let (x, y) = (left.at(i), right.at(i));
        if a.is_null(x) || b.is_null(y) {
            builder.push_null();
            continue;
        }
        let result = match &constants {
            (None, None) => of(&decode(a.value(x)), &decode(b.value(y))),
            (Some(a), None) => of(a, &decode(b.value(y))),
            (None, Some(b)) => of(&decode(a.value(x)), b),
            (Some(a), Some(b)) => of(a, b),
        };
        builder.push(&result?);
    }
    Ok(builder.finish())
}

fn integers<T: ArrowPrimitiveType<Native: num_like::Remainder>>(
    op: Op,
    kind: Kind,
    left: &Operand,
    right: &Operand,
) -> SqlResult<ArrayRef> {
    let (a, b) = (left.datum(), right.datum());
    let result = match op {
        Op::Add => numeric::add(&*a, &*b),
        Op::Sub => numeric::sub(&*a, &*b),
        Op::Mul => numeric::mul(&*a, &*b),
        Op::Div => numeric::div(&*a, &*b),
        Op::Rem => return remainders::<T>(left, right),
    };
    result.map_err(|error| arithmetic_error(&error, kind))
}

fn arithmetic_error(error: &ArrowError, kind: Kind) -> SqlError {
    match error {
        ArrowError::DivideByZero => division_by_zero(),
        ArrowError::ArithmeticOverflow(_) => out_of_range(kind),
        other => SqlError::new("XX000", other.to_string()),
    }
}

fn division_by_zero() -> SqlError {
    SqlError::new("22012", "division by zero")
}

/// Whole numbers with a remainder that never overflows: of the smallest by -1 it is 0.
mod num_like {
    pub(super) trait Remainder: Copy {
        /// `None` where the divisor is zero.
        fn remainder(self, divisor: Self) -> Option<Self>;
    }

    macro_rules! remainder {
        ($($t:ty),*) => {$(
            impl Remainder for $t {
                fn remainder(self, divisor: $t) -> Option<$t> {
                    (divisor != 0).then(|| self.wrapping_rem(divisor))
                }
            }
        )*};
    }
    remainder!(i16, i32, i64);
}

fn remainders<T: ArrowPrimitiveType<Native: num_like::Remainder>>(
    left: &Operand,
    right: &Operand,
) -> SqlResult<ArrayRef> {
    use num_like::Remainder;
    let (a, b) = (left.array.as_primitive::<T>(), right.array.as_primitive::<T>());
    if right.scalar
        && !left.scalar
        && b.is_valid(0)
        && let divisor = b.value(0)
        && divisor.remainder(divisor).is_some()
    {
        // What stands where a row is NULL has a remainder too.
        let remainders = a.unary::<_, T>(|n| n.remainder(divisor).unwrap_or(n));
        return Ok(Arc::new(remainders));
    }
    let one = |i: usize| {
        let (x, y) = (left.at(i), right.at(i));
        if a.is_null(x) || b.is_null(y) {
            return Ok(None);
        }
        a.value(x).remainder(b.value(y)).map(Some).ok_or_else(division_by_zero)
    };
    let values = (0..rows(left, right)).map(one).collect::<SqlResult<Vec<_>>>()?;
    Ok(Arc::new(values.into_iter().collect::<PrimitiveArray<T>>()))
}

fn floats(op: Op, kind: Kind, left: &Operand, right: &Operand) -> SqlResult<ArrayRef> {
    if kind == Kind::Float4 {
        let (a, b) =
            (left.array.as_primitive::<Float32Type>(), right.array.as_primitive::<Float32Type>());
        let value = |side: &Operand, array: &PrimitiveArray<Float32Type>, i: usize| {
            let i = side.at(i);
            array.is_valid(i).then(|| f64::from(array.value(i)))
        };
        let shorten = |n: f64| f64::from(n as f32);
        let one = |i| float(op, value(left, a, i), value(right, b, i), shorten);
        let values = (0..rows(left, right)).map(one).collect::<SqlResult<Float64Array>>()?;
        return convert(&(Arc::new(values) as ArrayRef), Kind::Float4, None);
    }
    let (a, b) =
        (left.array.as_primitive::<Float64Type>(), right.array.as_primitive::<Float64Type>());
    let value = |side: &Operand, array: &Float64Array, i: usize| {
        let i = side.at(i);
        array.is_valid(i).then(|| array.value(i))
    };
    let one = |i| float(op, value(left, a, i), value(right, b, i), |n| n);
    let values = (0..rows(left, right)).map(one).collect::<SqlResult<Float64Array>>()?;
    Ok(Arc::new(values))
}

/// One result; 22003 where it is infinite, or zero, and PostgreSQL says that it should not be.
fn float(
    op: Op,
    a: Option<f64>,
    b: Option<f64>,
    shortened: impl Fn(f64) -> f64,
) -> SqlResult<Option<f64>> {
    let (Some(a), Some(b)) = (a, b) else { return Ok(None) };
    if matches!(op, Op::Div | Op::Rem) && b == 0.0 && !a.is_nan() {
        return Err(division_by_zero());
    }
    let result = shortened(match op {
        Op::Add => a + b,
        Op::Sub => a - b,
        Op::Mul => a * b,
        Op::Div => a / b,
        Op::Rem => a % b,
    });
    if result.is_infinite() && a.is_finite() && b.is_finite() {
        return Err(SqlError::new("22003", "value out of range: overflow"));
    }
    let lost = match op {
        Op::Mul => a != 0.0 && b != 0.0,
        Op::Div => a != 0.0 && b.is_finite(),
        _ => false,
    };
    match result == 0.0 && lost {
        true => Err(SqlError::new("22003", "value out of range: underflow")),
        false => Ok(Some(result)),
    }
}

/// A power of doubles, with PostgreSQL's errors.
pub(super) fn power(a: f64, b: f64) -> SqlResult<f64> {
    if a == 0.0 && b < 0.0 {
        return Err(SqlError::new("2201F", "zero raised to a negative power is undefined"));
    }
    if a < 0.0 && b.is_finite() && b.fract() != 0.0 {
        let message = "a negative number raised to a non-integer power yields a complex result";
        return Err(SqlError::new("2201F", message));
    }
    let result = a.powf(b);
    if result.is_infinite() && a.is_finite() && b.is_finite() {
        return Err(SqlError::new("22003", "value out of range: overflow"));
    }
    if result == 0.0 && a != 0.0 && a.is_finite() && b.is_finite() {
        return Err(SqlError::new("22003", "value out of range: underflow"));
    }
    Ok(result)
}

fn negated(value: ColumnarValue, kind: Option<Kind>) -> Result<ArrayRef> {
    let array = value.to_array(1)?;
    let Some(kind) = kind else {
        return match array.data_type().is_null() {
            true => Ok(array),
            false => Ok(numeric::neg(&array)?),
        };
    };
    let array = convert(&array, kind, None).map_err(external)?;
    if kind != Kind::Numeric {
        let negated = numeric::neg(&array);
        return negated.map_err(|error| external(arithmetic_error(&error, kind)));
    }
    let mut builder = Builder::with_capacity(array.len());
    for bytes in array.as_binary::<i64>() {
        match bytes {
            Some(bytes) => builder.push(&decode(bytes).neg()),
            None => builder.push_null(),
        }
    }
    Ok(builder.finish())
}
