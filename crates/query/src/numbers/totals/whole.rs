//! Totals of integers: how many, and their sum, which 128 bits hold for as many as there can be.
//!
//! Between nodes a total is three columns: the count, and the upper and the lower half of the sum.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray, Int64Array, PrimitiveArray,
};
use datafusion::arrow::datatypes::{DataType, Int16Type, Int32Type, Int64Type};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};
use sql::SqlResult;
use sql::types::numeric::{Numeric, Op};

use super::{Begun, Question, passes, values};
use crate::error::external;
use crate::numbers::convert::{Builder, out_of_range};
use crate::numbers::types::Kind;

/// A total of integers.
#[derive(Debug, Clone, Copy, Default)]
struct Whole {
    sum: i128,
    count: i64,
}

impl Whole {
    #[inline]
    fn add(&mut self, n: i64) {
        self.sum += i128::from(n);
        self.count += 1;
    }

    fn merge(&mut self, other: Whole) {
        self.sum += other.sum;
        self.count += other.count;
    }
}

/// Calls `of` with each value that is not NULL and its place. The column is one of integers.
#[inline]
fn each(array: &ArrayRef, of: impl FnMut(usize, i64)) {
    fn walk<T>(array: &PrimitiveArray<T>, mut of: impl FnMut(usize, i64))
    where
        T: ArrowPrimitiveType<Native: Into<i64>>,
    {
        let values = array.values().iter().map(|n| (*n).into()).enumerate();
        match array.nulls().filter(|nulls| nulls.null_count() > 0) {
            None => values.for_each(|(i, n)| of(i, n)),
            Some(nulls) => values.filter(|(i, _)| nulls.is_valid(*i)).for_each(|(i, n)| of(i, n)),
        }
    }
    match array.data_type() {
        DataType::Int16 => walk(array.as_primitive::<Int16Type>(), of),
        DataType::Int32 => walk(array.as_primitive::<Int32Type>(), of),
        _ => walk(array.as_primitive::<Int64Type>(), of),
    }
}

/// Arrow types of the state.
pub(super) fn state_types() -> Vec<DataType> {
    vec![DataType::Int64; 3]
}

fn states_of(totals: &[Whole]) -> Vec<ArrayRef> {
    let column =
        |of: fn(&Whole) -> i64| Arc::new(totals.iter().map(of).collect::<Int64Array>()) as ArrayRef;
    let halves: [fn(&Whole) -> i64; 2] = [|t| (t.sum >> 64) as i64, |t| t.sum as u64 as i64];
    vec![column(|t| t.count), column(halves[0]), column(halves[1])]
}

/// Calls `of` with each total that such columns hold, and its place.
fn merge_states(states: &[ArrayRef], mut of: impl FnMut(usize, Whole)) {
    let [counts, high, low] = [0, 1, 2].map(|i| states[i].as_primitive::<Int64Type>().values());
    for (i, ((count, high), low)) in counts.iter().zip(high).zip(low).enumerate() {
        let sum = i128::from(*high) << 64 | i128::from(*low as u64);
        of(i, Whole { sum, count: *count });
    }
}

/// The answers to a question as a column.
fn answers(totals: &[Whole], begun: Begun) -> SqlResult<ArrayRef> {
    if begun.question.result(begun.kind) == Kind::Int8 {
        let fit = |total: &Whole| match total.count {
            0 => Ok(None),
            _ => i64::try_from(total.sum).map(Some).map_err(|_| out_of_range(Kind::Int8)),
        };
        let sums = totals.iter().map(fit).collect::<SqlResult<Int64Array>>()?;
        return Ok(Arc::new(sums));
    }
    let mut builder = Builder::with_capacity(totals.len());
    for total in totals {
        let sum = Numeric::from(total.sum);
        match begun.question {
            _ if total.count == 0 => builder.push_null(),
            Question::Average => builder.push(&sum.compute(Op::Div, &Numeric::from(total.count))?),
            _ => builder.push(&sum),
        }
    }
    Ok(builder.finish())
}

/// One total; also of a window's frame that moves.
#[derive(Debug)]
pub(super) struct One {
    begun: Begun,
    total: Whole,
}

impl One {
    pub(super) fn new(begun: Begun) -> One {
        One { begun, total: Whole::default() }
    }
}

impl Accumulator for One {
    fn update_batch(&mut self, columns: &[ArrayRef]) -> Result<()> {
        let mut total = self.total;
        each(&values(self.begun, columns)?, |_, n| total.add(n));
        self.total = total;
        Ok(())
    }

    fn retract_batch(&mut self, columns: &[ArrayRef]) -> Result<()> {
        let total = &mut self.total;
        each(&values(self.begun, columns)?, |_, n| {
            total.sum -= i128::from(n);
            total.count -= 1;
        });
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        merge_states(states, |_, other| self.total.merge(other));
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let states = states_of(&[self.total]);
        states.iter().map(|array| ScalarValue::try_from_array(array, 0)).collect()
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let answer = answers(&[self.total], self.begun).map_err(external)?;
        ScalarValue::try_from_array(&answer, 0)
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }
}

/// A total for each group.
#[derive(Debug)]
pub(super) struct Groups {
    begun: Begun,
    totals: Vec<Whole>,
}

impl Groups {
    pub(super) fn new(begun: Begun) -> Groups {
        Groups { begun, totals: Vec::new() }
    }
}

impl GroupsAccumulator for Groups {
    fn update_batch(
        &mut self,
        columns: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        count: usize,
    ) -> Result<()> {
        self.totals.resize(count, Whole::default());
        let totals = &mut self.totals[..];
        let array = values(self.begun, columns)?;
        match filter {
            None => each(&array, |i, n| totals[groups[i]].add(n)),
            filter => each(&array, |i, n| {
                if passes(filter, i) {
                    totals[groups[i]].add(n);
                }
            }),
        }
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef], groups: &[usize], count: usize) -> Result<()> {
        self.totals.resize(count, Whole::default());
        merge_states(states, |i, other| self.totals[groups[i]].merge(other));
        Ok(())
    }

    fn state(&mut self, emit: EmitTo) -> Result<Vec<ArrayRef>> {
        Ok(states_of(&emit.take_needed(&mut self.totals)))
    }

    fn evaluate(&mut self, emit: EmitTo) -> Result<ArrayRef> {
        answers(&emit.take_needed(&mut self.totals), self.begun).map_err(external)
    }

    fn convert_to_state(
        &self,
        columns: &[ArrayRef],
        filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let array = values(self.begun, columns)?;
        let mut totals = vec![Whole::default(); array.len()];
        each(&array, |i, n| {
            if passes(filter, i) {
                totals[i].add(n);
            }
        });
        Ok(states_of(&totals))
    }

    fn size(&self) -> usize {
        self.totals.capacity() * size_of::<Whole>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numbers::numeric_text;

    const SUM: Begun = Begun { kind: Kind::Int8, question: Question::Sum };

    fn column(values: impl Iterator<Item = Option<i64>>) -> ArrayRef {
        Arc::new(values.collect::<Int64Array>())
    }

    fn shown(array: &ArrayRef) -> Vec<Option<String>> {
        array.as_binary::<i64>().iter().map(|bytes| bytes.map(numeric_text)).collect()
    }

    #[test]
    fn integers_never_wrap() {
        let mut parts = [One::new(SUM), One::new(SUM), One::new(SUM)];
        let [most, least, all] = &mut parts;
        most.update_batch(&[column([Some(i64::MAX); 3].into_iter())]).unwrap();
        least.update_batch(&[column([Some(i64::MIN), None].into_iter())]).unwrap();
        for part in [most, least] {
            let states: Vec<_> =
                part.state().unwrap().iter().map(|state| state.to_array().unwrap()).collect();
            all.merge_batch(&states).unwrap();
        }
        let sum = all.evaluate().unwrap().to_array().unwrap();
        assert_eq!(shown(&sum), [Some("18446744073709551613".to_string())]);
        all.retract_batch(&[column([Some(i64::MAX); 3].into_iter())]).unwrap();
        let sum = all.evaluate().unwrap().to_array().unwrap();
        assert_eq!(shown(&sum), [Some("-9223372036854775808".to_string())]);
    }

    #[test]
    fn groups_are_what_their_rows_are_however_they_come_together() {
        let values = column((0..1000).map(|i| (i % 7 != 3).then_some(i * i - 5000)));
        let filter: BooleanArray = (0..1000).map(|i| (i % 11 != 0).then_some(i % 5 != 0)).collect();
        let of: Vec<usize> = (0..1000).map(|i| i * i % 13).collect();
        let mut at_once = Groups::new(SUM);
        at_once.update_batch(std::slice::from_ref(&values), &of, Some(&filter), 14).unwrap();
        let mut by_states = Groups::new(SUM);
        let states = by_states.convert_to_state(&[values], Some(&filter)).unwrap();
        by_states.merge_batch(&states, &of, 14).unwrap();
        let sum = |group: usize| {
            let passes = |i: &i64| i % 7 != 3 && i % 11 != 0 && i % 5 != 0;
            let mut rows = (0..1000).filter(|i| (i * i % 13) as usize == group).filter(passes);
            let first = rows.next()?;
            Some((rows.map(|i| i * i - 5000).sum::<i64>() + first * first - 5000).to_string())
        };
        let expected: Vec<_> = (0..14).map(sum).collect();
        assert_eq!(expected[13], None);
        assert_eq!(shown(&by_states.evaluate(EmitTo::All).unwrap()), expected);
        assert_eq!(shown(&at_once.evaluate(EmitTo::All).unwrap()), expected);
    }
}
