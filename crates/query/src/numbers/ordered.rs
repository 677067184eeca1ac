//! `percentile_cont`, `percentile_disc` and `mode`: aggregates `WITHIN GROUP (ORDER BY ..)`.
//!
//! DataFusion gives what is ordered as the first argument. All values of a group are kept until it
//! ends, sorted, and one is picked, or two are interpolated.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Float64Array, ListArray};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::compute::{SortOptions, concat, sort_to_indices, take};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Float64Type};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility,
};
use sql::SqlError;

use super::convert::convert;
use super::types::Kind;
use crate::error::external;

pub(super) fn aggregates() -> Vec<Arc<AggregateUDF>> {
    let all = [
        ("percentile_cont", Pick::Between, 2),
        ("percentile_disc", Pick::At, 2),
        ("mode", Pick::Commonest, 1),
    ];
    all.map(|(name, pick, arguments)| {
        let signature = Signature::any(arguments, Volatility::Immutable);
        Arc::new(AggregateUDF::new_from_impl(Ordered { name, pick, signature }))
    })
    .into()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Pick {
    /// The double at a fraction of the way, between two values where it is none of them.
    Between,
    /// The first value that has at least this fraction of all at or before it.
    At,
    /// The value that is there most often, the first of such.
    Commonest,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Ordered {
    name: &'static str,
    pick: Pick,
    signature: Signature,
}

impl AggregateUDFImpl for Ordered {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        match self.pick {
            Pick::Between if Kind::of(&types[0]).is_none() => {
                let name = crate::types::data_type_name(&types[0]);
                let message = format!("function {}({name}) does not exist", self.name);
                Err(external(SqlError::new("42883", message).hint("cast what is ordered")))
            }
            Pick::Between => Ok(DataType::Float64),
            _ => Ok(types[0].clone()),
        }
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let item = Field::new_list_field(args.input_fields[0].data_type().clone(), true);
        let values =
            Field::new(format!("{}[values]", args.name), DataType::List(Arc::new(item)), true);
        let fraction = Field::new(format!("{}[fraction]", args.name), DataType::Float64, true);
        Ok(vec![Arc::new(values), Arc::new(fraction)])
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let descending = args.order_bys.first().is_some_and(|sort| sort.options.descending);
        let data_type = args.expr_fields[0].data_type().clone();
        let (pick, values) = (self.pick, Vec::new());
        Ok(Box::new(Values { pick, descending, data_type, values, fraction: None }))
    }

    fn supports_within_group_clause(&self) -> bool {
        true
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }
}

#[derive(Debug)]
struct Values {
    pick: Pick,
    descending: bool,
    data_type: DataType,
    values: Vec<ArrayRef>,
    fraction: Option<f64>,
}

impl Values {
    fn see_fraction(&mut self, fractions: &ArrayRef) -> Result<()> {
        let fractions = convert(fractions, Kind::Float8, None).map_err(external)?;
        let fractions: &Float64Array = fractions.as_primitive::<Float64Type>();
        let Some(fraction) = fractions.iter().flatten().next() else { return Ok(()) };
        if !(0.0..=1.0).contains(&fraction) {
            let message = format!("percentile value {fraction} is not between 0 and 1");
            return Err(external(SqlError::new("22003", message)));
        }
        self.fraction = Some(fraction);
        Ok(())
    }

    fn all(&self) -> Result<ArrayRef> {
        let arrays: Vec<&dyn Array> = self.values.iter().map(AsRef::as_ref).collect();
        match arrays.is_empty() {
            true => Ok(datafusion::arrow::array::new_empty_array(&self.data_type)),
            false => Ok(concat(&arrays)?),
        }
    }

    /// The values that are not NULL, in order.
    fn sorted(&self) -> Result<ArrayRef> {
        let all = self.all()?;
        let options = SortOptions { descending: self.descending, nulls_first: false };
        let order = sort_to_indices(&all, Some(options), None)?;
        let sorted = take(&all, &order, None)?;
        Ok(sorted.slice(0, all.len() - all.null_count()))
    }
}

impl Accumulator for Values {
    fn update_batch(&mut self, columns: &[ArrayRef]) -> Result<()> {
        self.values.push(columns[0].clone());
        columns.get(1).map_or(Ok(()), |fractions| self.see_fraction(fractions))
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.values.extend(states[0].as_list::<i32>().iter().flatten());
        self.see_fraction(&states[1])
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let all = self.all()?;
        let item = Arc::new(Field::new_list_field(self.data_type.clone(), true));
        let list = ListArray::new(item, OffsetBuffer::from_lengths([all.len()]), all, None);
        Ok(vec![ScalarValue::List(Arc::new(list)), ScalarValue::Float64(self.fraction)])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let sorted = self.sorted()?;
        let last = sorted.len().checked_sub(1);
        match (self.pick, last, self.fraction) {
            (Pick::Commonest, Some(_), _) => {
                ScalarValue::try_from_array(&sorted, commonest(&sorted)?)
            }
            (Pick::At, Some(last), Some(fraction)) => {
                let before = (fraction * sorted.len() as f64).ceil() as usize;
                ScalarValue::try_from_array(&sorted, before.saturating_sub(1).min(last))
            }
            (Pick::Between, Some(last), Some(fraction)) => {
                let doubles = convert(&sorted, Kind::Float8, None).map_err(external)?;
                let doubles: &Float64Array = doubles.as_primitive::<Float64Type>();
                let place = fraction * last as f64;
                let (low, high) = (place.floor(), place.ceil());
                let (a, b) = (doubles.value(low as usize), doubles.value(high as usize));
                let between = if low == high { a } else { a + (place - low) * (b - a) };
                Ok(ScalarValue::Float64(Some(between)))
            }
            (Pick::Between, ..) => Ok(ScalarValue::Float64(None)),
            _ => ScalarValue::try_from(&self.data_type),
        }
    }

    fn size(&self) -> usize {
        let values: usize = self.values.iter().map(|array| array.get_array_memory_size()).sum();
        size_of_val(self) + values
    }
}

/// Where the longest run of equal values begins.
fn commonest(sorted: &ArrayRef) -> Result<usize> {
    let numeric = sorted.data_type() == &DataType::LargeBinary;
    let compared = if numeric { super::choose::keys(sorted) } else { sorted.clone() };
    let runs = datafusion::arrow::compute::partition(&[compared])?.ranges();
    let longest = runs.iter().map(|run| run.len()).max().unwrap_or(0);
    let first = runs.into_iter().find(|run| run.len() == longest);
    Ok(first.map_or(0, |run| run.start))
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::arrow::array::Int32Array;

    fn picked(pick: Pick, fraction: f64, values: &[Option<i32>]) -> ScalarValue {
        let mut all = Values {
            pick,
            descending: false,
            data_type: DataType::Int32,
            values: Vec::new(),
            fraction: None,
        };
        let fractions = Arc::new(Float64Array::from(vec![fraction; values.len()]));
        let column = Arc::new(Int32Array::from(values.to_vec()));
        all.update_batch(&[column, fractions]).expect("adds");
        let state = all.state().expect("a state");
        let state: Vec<_> = state.iter().map(|s| s.to_array().expect("an array")).collect();
        let mut merged = Values { values: Vec::new(), fraction: None, ..all };
        merged.merge_batch(&state).expect("merges");
        merged.evaluate().expect("a value")
    }

    #[test]
    fn what_is_picked_of_what_was_merged() {
        let values = [Some(4), None, Some(1), Some(2), Some(2)];
        assert_eq!(picked(Pick::Between, 0.5, &values), ScalarValue::Float64(Some(2.0)));
        assert_eq!(picked(Pick::Between, 0.75, &values), ScalarValue::Float64(Some(2.5)));
        assert_eq!(picked(Pick::At, 0.8, &values), ScalarValue::Int32(Some(4)));
        assert_eq!(picked(Pick::At, 0.0, &values), ScalarValue::Int32(Some(1)));
        assert_eq!(picked(Pick::Commonest, 0.0, &values), ScalarValue::Int32(Some(2)));
        assert_eq!(picked(Pick::Commonest, 0.0, &[None]), ScalarValue::Int32(None));
    }
}
