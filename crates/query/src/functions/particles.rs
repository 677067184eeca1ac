//! Aerospike's operations inside one value ([`sql::particles`]) as DataFusion's functions.
//!
//! They have names of their own here, since DataFusion has a `list_append`, and aggregates `bit_and`,
//! `bit_or` and `bit_xor`; `calls.rs` knows which calls are meant.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::Array;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{DataFusionError, Result, ScalarValue};
use datafusion::logical_expr::expr::{Placeholder, ScalarFunction};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};
use model::{ColumnType, Value};
use sql::particles::{self, Arg, Function};

use crate::columns::{array_values, scalar_of};
use crate::error::external;
use crate::types;

/// What stands before the name.
pub(crate) const PARTICLE: &str = "aeriedb_particle_";

#[derive(Debug, PartialEq, Eq)]
struct Particle {
    name: String,
    function: &'static Function,
    signature: Signature,
}

impl Hash for Particle {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

pub(super) fn all() -> impl Iterator<Item = Arc<ScalarUDF>> {
    particles::all().map(|function| {
        Arc::new(ScalarUDF::new_from_impl(Particle {
            name: format!("{PARTICLE}{}", function.name),
            function,
            signature: Signature::variadic_any(Volatility::Immutable),
        }))
    })
}

/// A parameter without a type gets the one that the function takes there.
pub(super) fn pick(mut call: ScalarFunction) -> Expr {
    if let Some(particle) = call.func.inner().downcast_ref::<Particle>() {
        for (arg, expr) in particle.function.args().iter().zip(&mut call.args) {
            if let Expr::Placeholder(Placeholder { field: field @ None, .. }) = expr {
                *field = Some(Arc::new(types::field("", arg.loose())));
            }
        }
    }
    Expr::ScalarFunction(call)
}

/// Whether a cell of this field is an untyped literal.
fn is_literal(field: &Field, constant: bool) -> bool {
    let text = matches!(field.data_type(), DataType::Utf8 | DataType::Null);
    constant && text && types::mark(field).is_none()
}

impl ScalarUDFImpl for Particle {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Err(DataFusionError::Internal(format!("{} is asked for a field", self.name)))
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let function = self.function;
        let fits = |(arg, (field, constant)): (&Arg, (&FieldRef, bool))| {
            is_literal(field, constant) || arg.takes(types::column_type(field))
        };
        let given =
            || args.arg_fields.iter().zip(args.scalar_arguments.iter().map(|s| s.is_some()));
        if !function.args().iter().zip(given()).all(fits) {
            let types: Vec<String> = args.arg_fields.iter().map(|f| types::type_name(f)).collect();
            return Err(external(particles::unknown(function.name, &types)));
        }
        let first = given().next().filter(|(field, constant)| !is_literal(field, *constant));
        let first = first.map_or(ColumnType::Jsonb, |(field, _)| types::column_type(field));
        Ok(Arc::new(types::field(&self.name, function.result(first))))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let constant = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let rows = if constant { 1 } else { args.number_rows };
        let given = self.function.args().iter().zip(args.args.iter().zip(&args.arg_fields));
        let mut columns: Vec<Vec<Option<Value>>> = given
            .map(|(arg, (values, field))| column(*arg, values, field))
            .collect::<Result<_>>()?;
        // A jsonb was text on its way here.
        if args.arg_fields.first().is_some_and(|f| types::column_type(f) == ColumnType::Jsonb) {
            for (arg, values) in self.function.args().iter().zip(&mut columns).skip(1) {
                values.iter_mut().for_each(|it| *it = it.take().map(|value| arg.in_json(value)));
            }
        }
        let result = types::column_type(&args.return_field);
        let cells = (0..rows).map(|row| {
            let of = |c: &Vec<Option<Value>>| c[if c.len() == 1 { 0 } else { row }].clone();
            let value = self.function.call(columns.iter().map(of).collect()).map_err(external)?;
            scalar_of(value.as_ref(), result).map_err(external)
        });
        let mut cells = cells.collect::<Result<Vec<ScalarValue>>>()?;
        if constant {
            return Ok(ColumnarValue::Scalar(cells.swap_remove(0)));
        }
        if cells.is_empty() {
            cells.push(scalar_of(None, result).map_err(external)?);
            return Ok(ColumnarValue::Array(ScalarValue::iter_to_array(cells)?.slice(0, 0)));
        }
        Ok(ColumnarValue::Array(ScalarValue::iter_to_array(cells)?))
    }
}

/// An argument's values as they are stored: one of a constant.
fn column(arg: Arg, values: &ColumnarValue, field: &Field) -> Result<Vec<Option<Value>>> {
    let array = match values {
        ColumnarValue::Array(array) => array.clone(),
        ColumnarValue::Scalar(scalar) if is_literal(field, true) => {
            let text = scalar.try_as_str().flatten();
            let value = text.map(|text| arg.literal(text)).transpose().map_err(external)?;
            return Ok(vec![value]);
        }
        ColumnarValue::Scalar(scalar) => scalar.to_array()?,
    };
    let t = types::column_type(field);
    let values = array_values(&array, field).map_err(external)?;
    Ok(values.into_iter().map(|value| value.map(|value| arg.stored(t, value))).collect())
}
