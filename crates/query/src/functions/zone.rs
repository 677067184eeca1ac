//! `timezone(zone, moment)`, which is `moment AT TIME ZONE zone`: the clock of a zone at a moment, or
//! the moment at which a zone's clock shows this.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringArray, TimestampMicrosecondArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, TimeUnit, TimestampMicrosecondType};
use datafusion::common::Result;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use sql::SqlError;

use crate::error::external;
use crate::text;

#[derive(Debug, PartialEq, Eq, Hash)]
struct Zone(Signature);

/// The function.
pub(super) fn timezone() -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::new_from_impl(Zone(Signature::any(2, Volatility::Immutable))))
}

fn zoned(zone: &str) -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some(zone.into()))
}

const LOCAL: DataType = DataType::Timestamp(TimeUnit::Microsecond, None);

impl ScalarUDFImpl for Zone {
    fn name(&self) -> &str {
        "timezone"
    }

    fn signature(&self) -> &Signature {
        &self.0
    }

    fn return_type(&self, args: &[DataType]) -> Result<DataType> {
        Ok(match &args[1] {
            DataType::Timestamp(_, None) => zoned("+00:00"),
            _ => LOCAL,
        })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let local = matches!(args.args[1].data_type(), DataType::Timestamp(_, None));
        let zones = args.args[0].clone().into_array(args.number_rows)?;
        let zones = text::to_text(&zones, &args.arg_fields[0]).map_err(external)?;
        let moments = args.args[1].clone().into_array(args.number_rows)?;
        let own = if local { LOCAL } else { zoned("+00:00") };
        let moments = cast(&moments, &own)?;
        let mut out = Vec::with_capacity(args.number_rows);
        for (i, zone) in zones.as_string::<i32>().iter().enumerate() {
            let shifted = match zone {
                Some(zone) if moments.is_valid(i) => shift(&moments.slice(i, 1), zone, local)?,
                _ => None,
            };
            out.push(shifted);
        }
        let array = TimestampMicrosecondArray::from(out);
        Ok(ColumnarValue::Array(match local {
            true => Arc::new(array.with_timezone("+00:00")),
            false => Arc::new(array),
        }))
    }
}

/// One moment in a zone.
fn shift(moment: &ArrayRef, zone: &str, local: bool) -> Result<Option<i64>> {
    let unknown = || {
        let message = format!("time zone \"{zone}\" not recognized");
        external(SqlError::new("22023", message).hint("zones are named as Europe/Berlin or UTC"))
    };
    let name = match zone.to_ascii_lowercase().as_str() {
        "utc" | "gmt" | "z" | "zulu" => "+00:00".to_string(),
        _ => zone.to_string(),
    };
    let shifted = match local {
        true => cast(moment, &zoned(&name)).map_err(|_| unknown())?,
        false => {
            let moment = moment.as_primitive::<TimestampMicrosecondType>().clone();
            let there: ArrayRef = Arc::new(moment.with_timezone(name));
            // As text it shows the clock of its zone.
            let shown = cast(&there, &DataType::Utf8).map_err(|_| unknown())?;
            let clock = shown.as_string::<i32>().iter().flatten().map(|text| {
                let end = text.rfind(['+', '-', 'Z']).filter(|at| *at > 10).unwrap_or(text.len());
                text[..end].to_string()
            });
            let clock: ArrayRef = Arc::new(StringArray::from_iter_values(clock));
            cast(&clock, &LOCAL)?
        }
    };
    Ok(shifted.as_primitive::<TimestampMicrosecondType>().iter().next().flatten())
}
