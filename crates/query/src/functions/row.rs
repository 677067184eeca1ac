//! `aeriedb_row('a', a, 'b', b)`: columns as one value, each with its own type and mark.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, StructArray};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Fields};
use datafusion::common::{DataFusionError, Result, ScalarValue};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};

#[derive(Debug, PartialEq, Eq, Hash)]
struct Row(Signature);

/// The function.
pub(super) fn row() -> Arc<ScalarUDF> {
    let row = Row(Signature::variadic_any(Volatility::Immutable));
    Arc::new(ScalarUDF::new_from_impl(row))
}

impl ScalarUDFImpl for Row {
    fn name(&self) -> &str {
        "aeriedb_row"
    }

    fn signature(&self) -> &Signature {
        &self.0
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Err(DataFusionError::Internal("aeriedb_row is asked for a field".into()))
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let mut fields = Vec::with_capacity(args.arg_fields.len() / 2);
        for (name, field) in args.scalar_arguments.chunks(2).zip(args.arg_fields.chunks(2)) {
            let ([Some(ScalarValue::Utf8(Some(name))), _], [_, field]) = (name, field) else {
                return Err(DataFusionError::Internal("a row's names are constants".into()));
            };
            fields.push(field.as_ref().clone().with_name(name).with_nullable(true));
        }
        Ok(Arc::new(Field::new("row", DataType::Struct(Fields::from(fields)), true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let DataType::Struct(fields) = args.return_field.data_type() else {
            return Err(DataFusionError::Internal("a row is a struct".into()));
        };
        let values = args.args.iter().skip(1).step_by(2);
        let array = |value: &ColumnarValue| value.clone().into_array(args.number_rows);
        let arrays = values.map(array).collect::<Result<Vec<ArrayRef>>>()?;
        let row = StructArray::try_new(fields.clone(), arrays, None)?;
        Ok(ColumnarValue::Array(Arc::new(row)))
    }
}
