//! One total: how many numbers, their sum, and the sum of their squares where it is asked for.
//! Integers without squares are in `whole.rs`.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int64Array};
use datafusion::arrow::datatypes::{
    DataType, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type,
};
use sql::types::numeric::{Numeric, Op, spread};
use sql::{SqlError, SqlResult};

use super::Question;
use crate::numbers::codec::{decode, key};
use crate::numbers::convert::{Builder, convert};
use crate::numbers::types::Kind;

/// What is added to a total.
pub(super) enum Value<'a> {
    Integer(i64),
    Numeric(&'a [u8]),
    Double(f64),
}

/// Calls `of` with each value that is not NULL and its place.
pub(super) fn each(
    array: &ArrayRef,
    mut of: impl FnMut(usize, Value<'_>) -> SqlResult<()>,
) -> SqlResult<()> {
    let rows = (0..array.len()).filter(|i| array.is_valid(*i));
    macro_rules! walk {
        ($array:expr, $value:expr) => {{
            let array = $array;
            for i in rows {
                of(i, $value(array.value(i)))?;
            }
        }};
    }
    match array.data_type() {
        DataType::Int16 => {
            walk!(array.as_primitive::<Int16Type>(), |n: i16| Value::Integer(n.into()));
        }
        DataType::Int32 => {
            walk!(array.as_primitive::<Int32Type>(), |n: i32| Value::Integer(n.into()));
        }
        DataType::Int64 => walk!(array.as_primitive::<Int64Type>(), Value::Integer),
        DataType::LargeBinary => walk!(array.as_binary::<i64>(), Value::Numeric),
        DataType::Float32 => {
            walk!(array.as_primitive::<Float32Type>(), |n: f32| Value::Double(n.into()));
        }
        DataType::Float64 => walk!(array.as_primitive::<Float64Type>(), Value::Double),
        other => return Err(SqlError::new("XX000", format!("{other} is no number"))),
    }
    Ok(())
}

/// What equal values have in common.
pub(super) fn key_of(array: &ArrayRef, i: usize) -> Vec<u8> {
    match array.data_type() {
        DataType::Int16 => array.as_primitive::<Int16Type>().value(i).to_be_bytes().into(),
        DataType::Int32 => array.as_primitive::<Int32Type>().value(i).to_be_bytes().into(),
        DataType::Int64 => array.as_primitive::<Int64Type>().value(i).to_be_bytes().into(),
        DataType::Float32 => bits(array.as_primitive::<Float32Type>().value(i).into()),
        DataType::Float64 => bits(array.as_primitive::<Float64Type>().value(i)),
        _ => key(array.as_binary::<i64>().value(i)).to_vec(),
    }
}

/// Minus zero is zero.
fn bits(n: f64) -> Vec<u8> {
    (n + 0.0).to_bits().to_be_bytes().into()
}

/// A total of numbers of one type.
#[derive(Debug, Clone)]
pub(super) enum Total {
    Exact(Box<Exact>),
    Double { count: i64, sum: f64, deviation: f64 },
}

/// Numerics, or integers whose squares are needed.
#[derive(Debug, Clone)]
pub(super) struct Exact {
    count: i64,
    /// How many are NaN, infinite, infinite below zero: they are in no sum.
    specials: [i64; 3],
    sum: Numeric,
    squares: Numeric,
    squared: bool,
}

fn special(number: &Numeric) -> Option<usize> {
    match number {
        Numeric::Finite(_) => None,
        Numeric::NaN => Some(0),
        Numeric::Infinity => Some(1),
        Numeric::MinusInfinity => Some(2),
    }
}

impl Total {
    pub(super) fn new(kind: Kind, squared: bool) -> Total {
        match kind {
            kind if kind.is_float() => Total::Double { count: 0, sum: 0.0, deviation: 0.0 },
            _ => Total::Exact(Box::new(Exact::new(squared))),
        }
    }

    pub(super) fn add(&mut self, value: &Value<'_>) -> SqlResult<()> {
        match (self, value) {
            (Total::Exact(exact), Value::Numeric(bytes)) => exact.change(&decode(bytes), true)?,
            (Total::Exact(exact), Value::Integer(n)) => exact.change(&Numeric::from(*n), true)?,
            (total @ Total::Double { .. }, Value::Double(n)) => {
                let one = Total::Double { count: 1, sum: *n, deviation: 0.0 };
                total.merge(&one)?;
            }
            _ => return Err(mixed()),
        }
        Ok(())
    }

    pub(super) fn remove(&mut self, value: &Value<'_>) -> SqlResult<()> {
        match (self, value) {
            (Total::Exact(exact), Value::Numeric(bytes)) => exact.change(&decode(bytes), false)?,
            (Total::Exact(exact), Value::Integer(n)) => exact.change(&Numeric::from(*n), false)?,
            (Total::Double { count, sum, deviation }, Value::Double(n)) => {
                let rest = (*count - 1) as f64;
                if rest > 0.0 {
                    let off = (*sum - n) / rest - n;
                    *deviation -= off * off * rest / (rest + 1.0);
                }
                *count -= 1;
                *sum = if *count == 0 { 0.0 } else { *sum - n };
            }
            _ => return Err(mixed()),
        }
        Ok(())
    }

    pub(super) fn merge(&mut self, other: &Total) -> SqlResult<()> {
        match (self, other) {
            (Total::Exact(a), Total::Exact(b)) => a.merge(b)?,
            (
                Total::Double { count, sum, deviation },
                Total::Double { count: n, sum: more, deviation: off },
            ) => {
                let (a, b) = (*count as f64, *n as f64);
                if *n > 0 && *count > 0 {
                    let distance = *sum / a - more / b;
                    *deviation += off + a * b * distance * distance / (a + b);
                } else {
                    *deviation += off;
                }
                let total = *sum + more;
                if total.is_infinite() && sum.is_finite() && more.is_finite() {
                    return Err(SqlError::new("22003", "value out of range: overflow"));
                }
                (*count, *sum) = (*count + n, total);
            }
            _ => return Err(mixed()),
        }
        Ok(())
    }

    /// What was asked: `None` for NULL.
    fn exact(&self, question: Question) -> SqlResult<Option<Numeric>> {
        let (count, sum, squares) = match self {
            Total::Exact(exact) => (exact.count, exact.total(), Some(&exact.squares)),
            Total::Double { .. } => return Err(mixed()),
        };
        if count == 0 {
            return Ok(None);
        }
        match question {
            Question::Sum => Ok(Some(sum)),
            Question::Average => sum.compute(Op::Div, &Numeric::from(count)).map(Some),
            Question::Spread { sample, root } => {
                spread(count, &sum, squares.unwrap_or(&Numeric::NaN), sample, root)
            }
        }
    }

    fn double(&self, question: Question) -> Option<f64> {
        let Total::Double { count, sum, deviation } = self else { return None };
        let n = *count as f64;
        match question {
            _ if *count == 0 => None,
            Question::Sum => Some(*sum),
            Question::Average => Some(*sum / n),
            Question::Spread { sample: true, .. } if *count == 1 => None,
            Question::Spread { sample, root } => {
                // Rounding may leave less than nothing.
                let least = if deviation.is_nan() { f64::NAN } else { deviation.max(0.0) };
                let variance = least / if sample { n - 1.0 } else { n };
                Some(if root { variance.sqrt() } else { variance })
            }
        }
    }
}

fn mixed() -> SqlError {
    SqlError::new("XX000", "a total of numbers of two types")
}

impl Exact {
    fn new(squared: bool) -> Exact {
        let zero = Numeric::from(0);
        Exact { count: 0, specials: [0; 3], sum: zero.clone(), squares: zero, squared }
    }

    fn change(&mut self, number: &Numeric, add: bool) -> SqlResult<()> {
        let by = if add { 1 } else { -1 };
        self.count += by;
        if let Some(which) = special(number) {
            self.specials[which] += by;
            return Ok(());
        }
        let op = if add { Op::Add } else { Op::Sub };
        self.sum = self.sum.compute(op, number)?;
        if self.squared {
            self.squares = self.squares.compute(op, &number.compute(Op::Mul, number)?)?;
        }
        Ok(())
    }

    fn merge(&mut self, other: &Exact) -> SqlResult<()> {
        self.count += other.count;
        for (mine, theirs) in self.specials.iter_mut().zip(other.specials) {
            *mine += theirs;
        }
        self.sum = self.sum.compute(Op::Add, &other.sum)?;
        self.squares = self.squares.compute(Op::Add, &other.squares)?;
        Ok(())
    }

    fn total(&self) -> Numeric {
        match self.specials {
            [0, 0, 0] => self.sum.clone(),
            [0, _, 0] => Numeric::Infinity,
            [0, 0, _] => Numeric::MinusInfinity,
            _ => Numeric::NaN,
        }
    }
}

/// The answers to a question as a column.
pub(super) fn array_of(totals: &[Total], question: Question, result: Kind) -> SqlResult<ArrayRef> {
    let double = |total: &Total| total.double(question);
    let array: ArrayRef = match result.is_float() {
        true => Arc::new(totals.iter().map(double).collect::<Float64Array>()),
        false => {
            let mut builder = Builder::with_capacity(totals.len());
            for total in totals {
                match total.exact(question)? {
                    Some(number) => builder.push(&number),
                    None => builder.push_null(),
                }
            }
            builder.finish()
        }
    };
    convert(&array, result, None)
}

/// Arrow types of a total's state.
pub(super) fn state_types(kind: Kind) -> Vec<DataType> {
    let count = DataType::Int64;
    match kind.is_float() {
        true => vec![count, DataType::Float64, DataType::Float64],
        false => {
            let specials = vec![DataType::Int64; 4];
            [specials, vec![DataType::LargeBinary; 2]].concat()
        }
    }
}

/// Totals as columns, for another node to merge.
pub(super) fn states_of(totals: &[Total]) -> Vec<ArrayRef> {
    if let Some(Total::Double { .. }) = totals.first() {
        let of = |total: &Total| match total {
            Total::Double { count, sum, deviation } => (*count, *sum, *deviation),
            _ => (0, 0.0, 0.0),
        };
        let all: Vec<_> = totals.iter().map(of).collect();
        return vec![
            Arc::new(all.iter().map(|t| Some(t.0)).collect::<Int64Array>()),
            Arc::new(all.iter().map(|t| Some(t.1)).collect::<Float64Array>()),
            Arc::new(all.iter().map(|t| Some(t.2)).collect::<Float64Array>()),
        ];
    }
    let mut counts: [Vec<i64>; 4] = Default::default();
    let mut sums = Builder::with_capacity(totals.len());
    let mut squares = Builder::with_capacity(totals.len());
    for total in totals {
        let exact = match total {
            Total::Exact(exact) => (**exact).clone(),
            Total::Double { .. } => Exact::new(false),
        };
        counts[0].push(exact.count);
        counts[1..].iter_mut().zip(exact.specials).for_each(|(column, n)| column.push(n));
        sums.push(&exact.sum);
        squares.push(&exact.squares);
    }
    let mut columns: Vec<ArrayRef> =
        counts.into_iter().map(|column| Arc::new(Int64Array::from(column)) as ArrayRef).collect();
    columns.extend([sums.finish(), squares.finish()]);
    columns
}

/// Calls `of` with each total that such columns hold, and its place.
pub(super) fn merge_states(
    states: &[ArrayRef],
    mut of: impl FnMut(usize, Total) -> SqlResult<()>,
) -> SqlResult<()> {
    let int = |column: usize, i: usize| states[column].as_primitive::<Int64Type>().value(i);
    for i in 0..states[0].len() {
        let total = match states.len() {
            3 => Total::Double {
                count: int(0, i),
                sum: states[1].as_primitive::<Float64Type>().value(i),
                deviation: states[2].as_primitive::<Float64Type>().value(i),
            },
            _ => Total::Exact(Box::new(Exact {
                count: int(0, i),
                specials: [int(1, i), int(2, i), int(3, i)],
                sum: decode(states[4].as_binary::<i64>().value(i)),
                squares: decode(states[5].as_binary::<i64>().value(i)),
                squared: true,
            })),
        };
        of(i, total)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numbers::codec::encoded;

    fn numeric(text: &str) -> Vec<u8> {
        encoded(&Numeric::parse(text, 0, 0).expect("a number"))
    }

    #[test]
    fn what_is_added_can_be_taken_away_and_merged() {
        let values = ["1.50", "NaN", "-2", "1000000000000000000000000000000000000000"].map(numeric);
        let mut total = Total::new(Kind::Numeric, true);
        let mut half = total.clone();
        for value in &values {
            total.add(&Value::Numeric(value)).expect("fits");
        }
        half.add(&Value::Numeric(&values[0])).expect("fits");
        let sum = |total: &Total| total.exact(Question::Sum).expect("fits").map(|n| n.to_string());
        assert_eq!(sum(&total).as_deref(), Some("NaN"));
        total.remove(&Value::Numeric(&values[1])).expect("fits");
        total.remove(&Value::Numeric(&values[3])).expect("fits");
        assert_eq!(sum(&total).as_deref(), Some("-0.50"));
        let states = states_of(&[total.clone()]);
        merge_states(&states, |_, other| half.merge(&other)).expect("merges");
        assert_eq!(sum(&half).as_deref(), Some("1.00"));
        assert_eq!(sum(&Total::new(Kind::Numeric, false)), None);
    }
}
