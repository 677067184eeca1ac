//! `bin_matches`: aql's tests on what a bin holds ([`sql::matches`]).

use std::sync::Arc;

use datafusion::arrow::array::BooleanArray;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, Volatility};
use sql::SqlError;
use sql::matches::{Matcher, NAME};

use super::{Returns, add as add_function, arg, missing};
use crate::columns::array_values;
use crate::error::external;

pub(super) fn add(list: &mut Vec<Arc<ScalarUDF>>) {
    let bool = Returns::Fixed(DataType::Boolean, None);
    add_function(list, NAME, Volatility::Immutable, bool, matches);
}

fn matches(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let word = |i: usize| match args.args.get(i) {
        Some(ColumnarValue::Scalar(scalar)) => Ok(scalar.try_as_str().flatten().unwrap_or("")),
        Some(ColumnarValue::Array(_)) => {
            let message = format!("argument {} of {NAME} is a constant", i + 1);
            Err(external(SqlError::unsupported(message)))
        }
        None => Err(missing(i)),
    };
    let high = (args.args.len() > 4).then(|| word(4)).transpose()?;
    let matcher = Matcher::new(word(1)?, word(2)?, word(3)?, high).map_err(external)?;
    let bins = arg(args, 0)?.ok_or_else(|| missing(0))?;
    let values = array_values(&bins, &args.arg_fields[0]).map_err(external)?;
    let passed = values.iter().map(|value| matcher.matches(value.as_ref()?));
    Ok(ColumnarValue::Array(Arc::new(passed.collect::<BooleanArray>())))
}
