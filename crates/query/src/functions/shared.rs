//! The functions of [`sql::functions`] as DataFusion's.
//!
//! A name stands for all functions of that name until the types of its arguments are known:
//! [`pick`] then puts the one function in its place, reads untyped literals as what it takes, and
//! gives parameters without a type theirs.

use std::hash::{Hash, Hasher};
use std::sync::{Arc, OnceLock};

use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{DFSchema, DataFusionError, Result, ScalarValue};
use datafusion::logical_expr::expr::{Placeholder, ScalarFunction};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ExprSchemable, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature, TypeSignature, Volatility,
};
use sql::functions::{self, Call, Datum, Resolved, Type};

use super::datum::{array_of, datums, field_of, type_of};
use super::particles;
use crate::error::external;
use crate::session::Context;
use crate::types;

/// What stands before the name of a set function that gives its rows as one array.
pub(crate) const LIST: &str = "aeriedb_list_";

/// Functions of one name, or the one that was picked of them.
#[derive(Debug)]
struct Shared {
    /// As it is called.
    name: String,
    /// As it stands in the table.
    base: &'static str,
    signature: Signature,
    picked: Option<Resolved>,
}

impl PartialEq for Shared {
    fn eq(&self, other: &Shared) -> bool {
        let of =
            |shared: &Shared| shared.picked.as_ref().map(|p| (p.args.clone(), p.result.clone()));
        self.name == other.name && of(self) == of(other)
    }
}

impl Eq for Shared {}

impl Hash for Shared {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
        self.picked.as_ref().map(|p| &p.args).hash(state);
    }
}

impl Shared {
    fn udf(base: &'static str, name: String, picked: Option<Resolved>) -> ScalarUDF {
        // The age of a moment depends on the time of day.
        let volatility = if base == "age" { Volatility::Stable } else { Volatility::Immutable };
        let any = vec![TypeSignature::Nullary, TypeSignature::VariadicAny];
        let signature = Signature::one_of(any, volatility);
        ScalarUDF::new_from_impl(Shared { name, base, signature, picked })
    }

    fn resolved(&self, given: &[Type]) -> Result<Resolved> {
        match &self.picked {
            Some(picked) if picked.args.len() == given.len() => Ok(picked.clone()),
            _ => functions::resolve(self.base, given).map_err(external),
        }
    }
}

/// What the call gives: of a set all rows as one array.
fn result(resolved: &Resolved) -> Type {
    match resolved.function.set {
        true => resolved.result.clone().array(),
        false => resolved.result.clone(),
    }
}

impl ScalarUDFImpl for Shared {
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
        let given = args.arg_fields.iter().zip(args.scalar_arguments);
        let given: Vec<Type> = given.map(|(f, scalar)| type_of(f, scalar.is_some())).collect();
        Ok(Arc::new(field_of(&self.name, &result(&self.resolved(&given)?))))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let given: Vec<Type> = args
            .args
            .iter()
            .zip(&args.arg_fields)
            .map(|(arg, field)| type_of(field, matches!(arg, ColumnarValue::Scalar(_))))
            .collect();
        let resolved = self.resolved(&given)?;
        let now_us = Context::of(&args.config_options)?.now_ms as i64 * 1_000;
        let constant = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let rows = if constant { 1 } else { args.number_rows };
        let mut columns = Vec::with_capacity(args.args.len());
        for ((arg, field), (from, to)) in
            args.args.iter().zip(&args.arg_fields).zip(given.iter().zip(&resolved.args))
        {
            columns.push(column(arg, field, from, to)?);
        }
        let mut values = Vec::with_capacity(columns.len());
        let mut out = Vec::with_capacity(rows);
        for row in 0..rows {
            values.clear();
            values.extend(columns.iter().map(|c| c[if c.len() == 1 { 0 } else { row }].clone()));
            let call = Call { types: &resolved.args, values: &values, now_us };
            out.push(resolved.function.call(&call).map_err(external)?);
        }
        let array = array_of(&result(&resolved), &out)?;
        Ok(match constant {
            true => ColumnarValue::Scalar(ScalarValue::try_from_array(&array, 0)?),
            false => ColumnarValue::Array(array),
        })
    }
}

/// An argument's values in the type that the function takes: one of a constant.
fn column(arg: &ColumnarValue, field: &FieldRef, from: &Type, to: &Type) -> Result<Vec<Datum>> {
    let array = match arg {
        ColumnarValue::Array(array) => array.clone(),
        ColumnarValue::Scalar(scalar) => scalar.to_array()?,
    };
    let from = if *from == Type::Unknown { &Type::Text } else { from };
    let cast = |value: Datum| value.cast(from, to).map_err(external);
    datums(&array, field)?.into_iter().map(cast).collect()
}

/// The function of this name, and of set functions also the one that gives an array.
pub(super) fn all() -> &'static [Arc<ScalarUDF>] {
    static ALL: OnceLock<Vec<Arc<ScalarUDF>>> = OnceLock::new();
    ALL.get_or_init(|| {
        let one = |(name, set): (&'static str, bool)| {
            let called = if set { format!("{LIST}{name}") } else { name.to_string() };
            Arc::new(Shared::udf(name, called, None))
        };
        functions::names().map(one).collect()
    })
}

/// Puts the function that is meant in the place of its name: its arguments' untyped literals are
/// read as it takes them, and its parameters without a type have one.
pub(crate) fn pick(call: ScalarFunction, schema: &DFSchema) -> Result<Expr> {
    let Some(shared) = call.func.inner().downcast_ref::<Shared>() else {
        return Ok(particles::pick(call));
    };
    if shared.picked.is_some() {
        return Ok(Expr::ScalarFunction(call));
    }
    // Vectors of the catalogue count from 0.
    if let ("array_upper" | "array_lower", Some(first)) = (shared.base, call.args.first())
        && types::is_vector(&first.to_field(schema)?.1)
    {
        let bound = shared.base.replace("array", "aeriedb_vector");
        return Ok(crate::operators::call(&bound, call.args));
    }
    let mut given = Vec::with_capacity(call.args.len());
    for arg in &call.args {
        let field = match arg {
            Expr::Placeholder(Placeholder { field: None, .. }) => None,
            arg => Some(arg.to_field(schema)?.1),
        };
        let constant = matches!(arg, Expr::Literal(..));
        given.push(field.map_or(Type::Unknown, |field| type_of(&field, constant)));
    }
    let resolved = functions::resolve(shared.base, &given).map_err(external)?;
    let mut args = Vec::with_capacity(call.args.len());
    for ((arg, from), to) in call.args.into_iter().zip(&given).zip(&resolved.args) {
        args.push(typed(arg, from, to)?);
    }
    let func = Shared::udf(shared.base, shared.name.clone(), Some(resolved));
    Ok(Expr::ScalarFunction(ScalarFunction::new_udf(Arc::new(func), args)))
}

fn typed(arg: Expr, from: &Type, to: &Type) -> Result<Expr> {
    if *from != Type::Unknown {
        return Ok(arg);
    }
    let field = field_of("", to);
    Ok(match arg {
        Expr::Placeholder(Placeholder { id, .. }) => {
            Expr::Placeholder(Placeholder { id, field: Some(Arc::new(field)) })
        }
        Expr::Literal(ScalarValue::Utf8(Some(text)), _) => {
            let value = Datum::parse(to, &text).map_err(external)?;
            let scalar = ScalarValue::try_from_array(&array_of(to, &[value])?, 0)?;
            Expr::Literal(scalar, Some(field.metadata().clone().into()))
        }
        Expr::Literal(ScalarValue::Utf8(None) | ScalarValue::Null, _) => {
            let scalar = ScalarValue::try_from_array(&array_of(to, &[Datum::Null])?, 0)?;
            Expr::Literal(scalar, Some(field.metadata().clone().into()))
        }
        other => other,
    })
}
