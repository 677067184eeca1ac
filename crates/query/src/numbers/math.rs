//! Functions of numbers under PostgreSQL's names: `round`, `sqrt`, `mod`, ..
//!
//! A function has up to three forms: over integers, numerics and doubles. PostgreSQL takes that of
//! the arguments' own type, else the double's for integers where there is one, since integers become
//! doubles before they become numerics.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int64Array};
use datafusion::arrow::datatypes::{DataType, Float64Type, Int64Type};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use sql::types::numeric::{Numeric, Op};
use sql::{SqlError, SqlResult};

use super::arith::power;
use super::codec::decode;
use super::convert::{Builder, convert};
use super::types::Kind;
use crate::error::external;

type OfIntegers = fn(&[i64]) -> SqlResult<i64>;
type OfNumerics = fn(&[Numeric]) -> SqlResult<Numeric>;
type OfDoubles = fn(&[f64]) -> SqlResult<f64>;

/// One function with this many arguments.
#[derive(Debug, Clone, Copy, Default)]
struct Form {
    arity: usize,
    integers: Option<OfIntegers>,
    numerics: Option<OfNumerics>,
    doubles: Option<OfDoubles>,
    /// The type of the result where it is not that of the form.
    result: Option<Kind>,
    /// Whether a real stays a real.
    keeps_real: bool,
}

#[derive(Debug)]
struct Math {
    name: &'static str,
    aliases: Vec<String>,
    forms: Vec<Form>,
    signature: Signature,
}

impl PartialEq for Math {
    fn eq(&self, other: &Math) -> bool {
        self.name == other.name
    }
}

impl Eq for Math {}

impl Hash for Math {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

/// How a call is computed.
struct Chosen {
    form: Form,
    /// The type that the arguments are brought to.
    kind: Kind,
    result: Kind,
}

impl Math {
    fn choose(&self, types: &[DataType]) -> Option<Chosen> {
        let form = *self.forms.iter().find(|form| form.arity == types.len())?;
        let kind = |t: &DataType| match t {
            // Text without a type and NULL are doubles where they may be anything.
            DataType::Null | DataType::Utf8 => Some(None),
            t => Kind::of(t).map(Some),
        };
        let kinds = types.iter().map(kind).collect::<Option<Vec<_>>>()?;
        let given = kinds.into_iter().flatten().reduce(Kind::operated);
        let real = form.keeps_real && given == Some(Kind::Float4);
        let kind = match given {
            Some(kind) if kind.is_integer() && form.integers.is_some() => kind,
            Some(kind) if kind <= Kind::Numeric && form.numerics.is_some() => {
                let double = kind.is_integer() && form.doubles.is_some();
                if double { Kind::Float8 } else { Kind::Numeric }
            }
            _ if form.doubles.is_some() => Kind::Float8,
            None => Kind::Numeric,
            Some(_) => return None,
        };
        let result = if real { Kind::Float4 } else { form.result.unwrap_or(kind) };
        Some(Chosen { form, kind, result })
    }

    fn needed(&self, types: &[DataType]) -> Result<Chosen> {
        self.choose(types).ok_or_else(|| {
            let types: Vec<_> = types.iter().map(crate::types::data_type_name).collect();
            let message = format!("function {}({}) does not exist", self.name, types.join(", "));
            external(
                SqlError::new("42883", message).hint(
                    "no function matches the given name and argument types; add explicit casts",
                ),
            )
        })
    }
}

impl ScalarUDFImpl for Math {
    fn name(&self) -> &str {
        self.name
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        Ok(self.needed(types)?.result.data_type())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let types: Vec<_> = args.arg_fields.iter().map(|f| f.data_type().clone()).collect();
        let Chosen { form, kind, result } = self.needed(&types)?;
        let scalar = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let rows = if scalar { 1 } else { args.number_rows };
        let arrays = args.args.iter().map(|arg| {
            let array = arg.to_array(rows)?;
            convert(&array, kind, None).map_err(external)
        });
        let arrays = arrays.collect::<Result<Vec<_>>>()?;
        let array = apply(&form, kind, &arrays, rows);
        let array = array.and_then(|array| convert(&array, result, None)).map_err(external)?;
        match scalar {
            true => Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&array, 0)?)),
            false => Ok(ColumnarValue::Array(array)),
        }
    }
}

/// The function over columns of one type; NULL of a NULL.
fn apply(form: &Form, kind: Kind, arrays: &[ArrayRef], rows: usize) -> SqlResult<ArrayRef> {
    let absent = |i: usize| arrays.iter().any(|array| array.is_null(i));
    if let (true, Some(of)) = (kind.is_integer(), form.integers) {
        let wide = arrays.iter().map(|array| convert(array, Kind::Int8, None));
        let wide = wide.collect::<SqlResult<Vec<_>>>()?;
        let columns: Vec<_> = wide.iter().map(|a| a.as_primitive::<Int64Type>()).collect();
        let one = |i: usize| {
            let args: Vec<i64> = columns.iter().map(|column| column.value(i)).collect();
            if absent(i) { Ok(None) } else { of(&args).map(Some) }
        };
        let values = (0..rows).map(one).collect::<SqlResult<Int64Array>>()?;
        return convert(&(Arc::new(values) as ArrayRef), kind, None);
    }
    if let (Kind::Numeric, Some(of)) = (kind, form.numerics) {
        let columns: Vec<_> = arrays.iter().map(|array| array.as_binary::<i64>()).collect();
        let mut builder = Builder::with_capacity(rows);
        for i in 0..rows {
            if absent(i) {
                builder.push_null();
                continue;
            }
            let args: Vec<_> = columns.iter().map(|column| decode(column.value(i))).collect();
            builder.push(&of(&args)?);
        }
        return Ok(builder.finish());
    }
    let columns: Vec<_> = arrays.iter().map(|array| array.as_primitive::<Float64Type>()).collect();
    let of = form.doubles.ok_or_else(|| SqlError::new("XX000", "a function without a form"))?;
    let one = |i: usize| {
        let args: Vec<f64> = columns.iter().map(|column| column.value(i)).collect();
        if absent(i) { Ok(None) } else { of(&args).map(Some) }
    };
    Ok(Arc::new((0..rows).map(one).collect::<SqlResult<Float64Array>>()?))
}

pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    let mut list = Vec::new();
    roundings(&mut list);
    divisions(&mut list);
    powers(&mut list);
    digits(&mut list);
    angles(&mut list);
    list
}

fn add(
    list: &mut Vec<Arc<ScalarUDF>>,
    name: &'static str,
    aliases: &[&str],
    forms: impl Into<Vec<Form>>,
) {
    let aliases = aliases.iter().map(|alias| (*alias).to_string()).collect();
    let signature = Signature::variadic_any(Volatility::Immutable);
    let function = Math { name, aliases, forms: forms.into(), signature };
    list.push(Arc::new(ScalarUDF::new_from_impl(function)));
}

fn one() -> Form {
    Form { arity: 1, ..Form::default() }
}

fn two() -> Form {
    Form { arity: 2, ..Form::default() }
}

/// How many digits an argument says, within what any number has.
fn places(n: &Numeric) -> i64 {
    n.to_i64().unwrap_or(0).clamp(-200_000, 200_000)
}

fn range(what: &str) -> SqlError {
    SqlError::new("22003", format!("{what} out of range"))
}

fn roundings(list: &mut Vec<Arc<ScalarUDF>>) {
    add(
        list,
        "abs",
        &[],
        [Form {
            integers: Some(|n| n[0].checked_abs().ok_or_else(|| range("bigint"))),
            numerics: Some(|n| Ok(n[0].abs())),
            doubles: Some(|n| Ok(n[0].abs())),
            keeps_real: true,
            ..one()
        }],
    );
    add(
        list,
        "sign",
        &["signum"],
        [Form {
            numerics: Some(|n| match &n[0] {
                Numeric::NaN => Ok(Numeric::NaN),
                n => Ok(Numeric::from(i64::from(n.signum()))),
            }),
            doubles: Some(|n| match n[0] {
                n if n == 0.0 || n.is_nan() => Ok(n),
                n => Ok(n.signum()),
            }),
            ..one()
        }],
    );
    add(
        list,
        "round",
        &[],
        [
            Form {
                numerics: Some(|n| Ok(n[0].round(0))),
                doubles: Some(|n| Ok(n[0].round_ties_even())),
                ..one()
            },
            Form { numerics: Some(|n| Ok(n[0].round(places(&n[1])))), ..two() },
        ],
    );
    add(
        list,
        "trunc",
        &[],
        [
            Form {
                numerics: Some(|n| Ok(n[0].trunc(0))),
                doubles: Some(|n| Ok(n[0].trunc())),
                ..one()
            },
            Form { numerics: Some(|n| Ok(n[0].trunc(places(&n[1])))), ..two() },
        ],
    );
    add(
        list,
        "ceil",
        &["ceiling"],
        [Form { numerics: Some(|n| Ok(n[0].ceil())), doubles: Some(|n| Ok(n[0].ceil())), ..one() }],
    );
    add(
        list,
        "floor",
        &[],
        [Form {
            numerics: Some(|n| Ok(n[0].floor())),
            doubles: Some(|n| Ok(n[0].floor())),
            ..one()
        }],
    );
}

fn division_by_zero() -> SqlError {
    SqlError::new("22012", "division by zero")
}

fn gcd(mut a: i64, mut b: i64) -> SqlResult<i64> {
    while b != 0 {
        (a, b) = (b, a.wrapping_rem(b));
    }
    a.checked_abs().ok_or_else(|| range("bigint"))
}

fn numeric_gcd(a: &Numeric, b: &Numeric) -> SqlResult<Numeric> {
    let (mut a, mut b) = (a.abs(), b.abs());
    while b.signum() != 0 && b != Numeric::NaN {
        (a, b) = (b.clone(), a.compute(Op::Rem, &b)?);
    }
    // The digits of both are shown, also where the last divisor has fewer.
    a.compute(Op::Add, &b)
}

fn divisions(list: &mut Vec<Arc<ScalarUDF>>) {
    add(
        list,
        "mod",
        &[],
        [Form {
            integers: Some(|n| match n[1] {
                0 => Err(division_by_zero()),
                divisor => Ok(n[0].wrapping_rem(divisor)),
            }),
            numerics: Some(|n| n[0].compute(Op::Rem, &n[1])),
            ..two()
        }],
    );
    add(list, "div", &[], [Form { numerics: Some(|n| n[0].div_trunc(&n[1])), ..two() }]);
    add(
        list,
        "gcd",
        &[],
        [Form {
            integers: Some(|n| gcd(n[0], n[1])),
            numerics: Some(|n| numeric_gcd(&n[0], &n[1])),
            ..two()
        }],
    );
    add(
        list,
        "lcm",
        &[],
        [Form {
            integers: Some(|n| match gcd(n[0], n[1])? {
                0 => Ok(0),
                gcd => {
                    let product = (n[0] / gcd).checked_mul(n[1]).and_then(i64::checked_abs);
                    product.ok_or_else(|| range("bigint"))
                }
            }),
            numerics: Some(|n| {
                let gcd = numeric_gcd(&n[0], &n[1])?;
                if gcd.signum() == 0 {
                    return Ok(gcd);
                }
                let quotient = n[0].abs().div_trunc(&gcd)?;
                quotient.compute(Op::Mul, &n[1].abs())
            }),
            ..two()
        }],
    );
    add(
        list,
        "width_bucket",
        &[],
        [Form {
            arity: 4,
            numerics: Some(numeric_bucket),
            doubles: Some(|n| bucket(n[0], n[1], n[2], n[3])),
            result: Some(Kind::Int4),
            ..Form::default()
        }],
    );
    add(list, "factorial", &[], [Form { numerics: Some(|n| factorial(&n[0])), ..one() }]);
}

fn bad_bucket(message: &str) -> SqlError {
    SqlError::new("2201G", message.to_string())
}

fn bucket(n: f64, low: f64, high: f64, count: f64) -> SqlResult<f64> {
    if count < 1.0 {
        return Err(bad_bucket("count must be greater than zero"));
    }
    if n.is_nan() || low.is_nan() || high.is_nan() {
        return Err(bad_bucket("operand, lower bound, and upper bound cannot be NaN"));
    }
    if !low.is_finite() || !high.is_finite() {
        return Err(bad_bucket("lower and upper bounds must be finite"));
    }
    if low == high {
        return Err(bad_bucket("lower bound cannot equal upper bound"));
    }
    let (n, low, high) = if low < high { (n, low, high) } else { (-n, -low, -high) };
    Ok(match n {
        n if n < low => 0.0,
        n if n >= high => count + 1.0,
        n => ((n - low) / (high - low) * count).floor() + 1.0,
    })
}

fn numeric_bucket(n: &[Numeric]) -> SqlResult<Numeric> {
    let [operand, low, high, count] = n else { return Ok(Numeric::NaN) };
    if *count < Numeric::from(1) {
        return Err(bad_bucket("count must be greater than zero"));
    }
    if n.contains(&Numeric::NaN) {
        return Err(bad_bucket("operand, lower bound, and upper bound cannot be NaN"));
    }
    let finite = |n: &Numeric| matches!(n, Numeric::Finite(_));
    if !finite(low) || !finite(high) {
        return Err(bad_bucket("lower and upper bounds must be finite"));
    }
    if low.cmp(high).is_eq() {
        return Err(bad_bucket("lower bound cannot equal upper bound"));
    }
    let negated = [operand.neg(), low.neg(), high.neg()];
    let (operand, low, high) = match low < high {
        true => (operand, low, high),
        false => (&negated[0], &negated[1], &negated[2]),
    };
    let one = Numeric::from(1);
    if operand < low {
        return Ok(Numeric::from(0));
    }
    if operand >= high {
        return count.compute(Op::Add, &one);
    }
    let place = operand.compute(Op::Sub, low)?.compute(Op::Mul, count)?;
    place.div_trunc(&high.compute(Op::Sub, low)?)?.compute(Op::Add, &one)
}

fn factorial(n: &Numeric) -> SqlResult<Numeric> {
    let n = n.to_i64().ok_or_else(|| range("bigint"))?;
    if n < 0 {
        return Err(SqlError::new("22003", "factorial of a negative number is undefined"));
    }
    // The largest whose digits a numeric may have.
    if n > 32_177 {
        return Err(SqlError::new("22003", "value overflows numeric format"));
    }
    (2..=n).try_fold(Numeric::from(1), |product, n| product.compute(Op::Mul, &Numeric::from(n)))
}

fn logarithm(n: f64, of: fn(f64) -> f64) -> SqlResult<f64> {
    if n == 0.0 {
        return Err(SqlError::new("2201E", "cannot take logarithm of zero"));
    }
    if n < 0.0 {
        return Err(SqlError::new("2201E", "cannot take logarithm of a negative number"));
    }
    Ok(of(n))
}

fn powers(list: &mut Vec<Arc<ScalarUDF>>) {
    add(
        list,
        "power",
        &["pow"],
        [Form {
            numerics: Some(|n| n[0].pow(&n[1])),
            doubles: Some(|n| power(n[0], n[1])),
            ..two()
        }],
    );
    add(
        list,
        "sqrt",
        &[],
        [Form {
            numerics: Some(|n| n[0].sqrt()),
            doubles: Some(|n| match n[0] < 0.0 {
                true => Err(SqlError::new("2201F", "cannot take square root of a negative number")),
                false => Ok(n[0].sqrt()),
            }),
            ..one()
        }],
    );
    add(
        list,
        "exp",
        &[],
        [Form {
            numerics: Some(|n| n[0].exp()),
            doubles: Some(|n| match (n[0].exp(), n[0].is_finite()) {
                (f64::INFINITY, true) => Err(range("value")),
                (result, _) => Ok(result),
            }),
            ..one()
        }],
    );
    add(
        list,
        "ln",
        &[],
        [Form {
            numerics: Some(|n| n[0].ln()),
            doubles: Some(|n| logarithm(n[0], f64::ln)),
            ..one()
        }],
    );
    let ten = Form {
        numerics: Some(|n| n[0].log(&Numeric::from(10))),
        doubles: Some(|n| logarithm(n[0], f64::log10)),
        ..one()
    };
    add(list, "log10", &[], [ten]);
    add(list, "log", &[], [ten, Form { numerics: Some(|n| n[1].log(&n[0])), ..two() }]);
}

fn digits(list: &mut Vec<Arc<ScalarUDF>>) {
    add(
        list,
        "scale",
        &[],
        [Form {
            numerics: Some(|n| match &n[0] {
                Numeric::Finite(number) => Ok(Numeric::from(number.scale() as i64)),
                _ => Ok(Numeric::NaN),
            }),
            result: Some(Kind::Int4),
            ..one()
        }],
    );
    add(
        list,
        "min_scale",
        &[],
        [Form {
            numerics: Some(|n| {
                Ok(n[0].min_scale().map_or(Numeric::NaN, |s| Numeric::from(s as i64)))
            }),
            result: Some(Kind::Int4),
            ..one()
        }],
    );
    add(list, "trim_scale", &[], [Form { numerics: Some(|n| Ok(n[0].trim_scale())), ..one() }]);
}

fn angles(list: &mut Vec<Arc<ScalarUDF>>) {
    let of = |doubles: OfDoubles| [Form { doubles: Some(doubles), ..one() }];
    add(list, "cbrt", &[], of(|n| Ok(n[0].cbrt())));
    add(list, "degrees", &[], of(|n| Ok(n[0].to_degrees())));
    add(list, "radians", &[], of(|n| Ok(n[0].to_radians())));
    add(list, "sin", &[], of(|n| Ok(n[0].sin())));
    add(list, "cos", &[], of(|n| Ok(n[0].cos())));
    add(list, "tan", &[], of(|n| Ok(n[0].tan())));
    add(list, "cot", &[], of(|n| Ok(n[0].tan().recip())));
    add(list, "sinh", &[], of(|n| Ok(n[0].sinh())));
    add(list, "cosh", &[], of(|n| Ok(n[0].cosh())));
    add(list, "tanh", &[], of(|n| Ok(n[0].tanh())));
    add(list, "asinh", &[], of(|n| Ok(n[0].asinh())));
    add(list, "atan", &[], of(|n| Ok(n[0].atan())));
    add(list, "asin", &[], of(|n| within(n[0].asin())));
    add(list, "acos", &[], of(|n| within(n[0].acos())));
    add(list, "acosh", &[], of(|n| within(n[0].acosh())));
    add(list, "atanh", &[], of(|n| within(n[0].atanh())));
    let two = Form { doubles: Some(|n| Ok(n[0].atan2(n[1]))), ..two() };
    add(list, "atan2", &[], [two]);
}

fn within(n: f64) -> SqlResult<f64> {
    if n.is_nan() { Err(SqlError::new("22003", "input is out of range")) } else { Ok(n) }
}
