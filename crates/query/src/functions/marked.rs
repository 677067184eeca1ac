//! An expression with another PostgreSQL type on the same Arrow type.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::Result;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};

/// The expression as a value of this field's type. Where DataFusion forgets a field's metadata, as
/// it does for scalar subqueries, this says it again.
pub(crate) fn marked(expr: Expr, field: &Field) -> Expr {
    let function = Marked {
        data_type: field.data_type().clone(),
        metadata: field.metadata().clone(),
        signature: Signature::any(1, Volatility::Immutable),
    };
    let function = Arc::new(ScalarUDF::new_from_impl(function));
    Expr::ScalarFunction(ScalarFunction::new_udf(function, vec![expr]))
}

#[derive(Debug, PartialEq, Eq)]
struct Marked {
    data_type: DataType,
    metadata: HashMap<String, String>,
    signature: Signature,
}

impl Hash for Marked {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.data_type.hash(state);
    }
}

impl ScalarUDFImpl for Marked {
    fn name(&self) -> &str {
        "aeriedb_marked"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.data_type.clone())
    }

    fn return_field_from_args(&self, _: ReturnFieldArgs) -> Result<FieldRef> {
        let field = Field::new(self.name(), self.data_type.clone(), true);
        Ok(Arc::new(field.with_metadata(self.metadata.clone())))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [value] = datafusion::common::utils::take_function_args(self.name(), args.args)?;
        Ok(value)
    }
}
