//! `sum`, `avg`, `variance` and `stddev`, in the types that PostgreSQL gives them.
//!
//! | argument | sum | avg | variance, stddev |
//! |---|---|---|---|
//! | smallint, integer | bigint | numeric | numeric |
//! | bigint, numeric | numeric | numeric | numeric |
//! | real | real | double precision | double precision |
//! | double precision | double precision | double precision | double precision |
//!
//! Numbers that are not floats are added exactly, as many digits as that takes. What is no number,
//! such as a duration, is left to DataFusion's function of the name.

mod total;
mod whole;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, ScalarValue};
use datafusion::functions_aggregate::{average::avg_udaf, sum::sum_udaf};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, Signature, Volatility,
};
use sql::SqlError;

use super::convert::convert;
use super::types::Kind;
use crate::error::external;
use total::{Total, array_of, merge_states, states_of};

pub(super) fn aggregates() -> Vec<Arc<AggregateUDF>> {
    let spread = |sample, root| Question::Spread { sample, root };
    let all = [
        // Not `sum`: of that DataFusion believes that sums of sums are of the same type.
        ("Sum", vec!["sum"], Question::Sum, Some(sum_udaf())),
        ("avg", vec![], Question::Average, Some(avg_udaf())),
        ("variance", vec!["var_samp", "var", "var_sample"], spread(true, false), None),
        ("var_pop", vec![], spread(false, false), None),
        ("stddev", vec!["stddev_samp"], spread(true, true), None),
        ("stddev_pop", vec![], spread(false, true), None),
    ];
    let of = |(name, aliases, question, other)| {
        let of = |alias: &str| alias.to_string();
        let aliases: Vec<&str> = aliases;
        let aliases = aliases.into_iter().map(of).collect();
        let signature = Signature::any(1, Volatility::Immutable);
        Arc::new(AggregateUDF::new_from_impl(Totals { name, aliases, question, other, signature }))
    };
    all.map(of).into()
}

/// What is asked of a total.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Question {
    Sum,
    Average,
    /// Variance, or its root: of a sample or of all.
    Spread {
        sample: bool,
        root: bool,
    },
}

impl Question {
    fn result(self, kind: Kind) -> Kind {
        match (self, kind) {
            (Question::Sum, Kind::Int2 | Kind::Int4) => Kind::Int8,
            (Question::Sum, Kind::Int8) => Kind::Numeric,
            (Question::Sum, kind) => kind,
            (_, kind) if kind.is_float() => Kind::Float8,
            _ => Kind::Numeric,
        }
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Totals {
    name: &'static str,
    aliases: Vec<String>,
    question: Question,
    /// DataFusion's function for what is no number.
    other: Option<Arc<AggregateUDF>>,
    signature: Signature,
}

impl Totals {
    fn kind(&self, data_type: &DataType) -> Option<Kind> {
        if data_type.is_null() { Some(Kind::Float8) } else { Kind::of(data_type) }
    }

    fn other(&self, data_type: &DataType) -> Result<&Arc<AggregateUDF>> {
        self.other.as_ref().filter(|_| data_type.is_temporal()).ok_or_else(|| {
            let name = crate::types::data_type_name(data_type);
            let own = self.name.to_lowercase();
            let message = format!("function {own}({name}) does not exist");
            external(
                SqlError::new("42883", message).hint(
                    "no function matches the given name and argument types; add explicit casts",
                ),
            )
        })
    }

    /// An empty total for these arguments, or DataFusion's function for them.
    fn begin(
        &self,
        args: &AccumulatorArgs,
    ) -> std::result::Result<Begun, Result<Arc<AggregateUDF>>> {
        let data_type = args.expr_fields[0].data_type();
        match self.kind(data_type) {
            Some(kind) => Ok(Begun { kind, question: self.question }),
            None => Err(self.other(data_type).cloned()),
        }
    }
}

/// What a total is made of, and what is asked of it.
#[derive(Debug, Clone, Copy)]
struct Begun {
    kind: Kind,
    question: Question,
}

impl Begun {
    fn squared(self) -> bool {
        matches!(self.question, Question::Spread { .. })
    }

    /// Whether it is of integers, and their squares are not needed.
    fn is_whole(self) -> bool {
        self.kind.is_integer() && !self.squared()
    }

    fn empty(self) -> Total {
        Total::new(self.kind, self.squared())
    }

    fn one(self) -> Box<dyn Accumulator> {
        match self.is_whole() {
            true => Box::new(whole::One::new(self)),
            false => Box::new(One { begun: self, total: self.empty() }),
        }
    }

    fn groups(self) -> Box<dyn GroupsAccumulator> {
        match self.is_whole() {
            true => Box::new(whole::Groups::new(self)),
            false => Box::new(Groups { begun: self, totals: Vec::new() }),
        }
    }

    fn answers(self, totals: &[Total]) -> Result<ArrayRef> {
        let result = self.question.result(self.kind);
        array_of(totals, self.question, result).map_err(external)
    }
}

impl AggregateUDFImpl for Totals {
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
        match self.kind(&types[0]) {
            Some(kind) => Ok(self.question.result(kind).data_type()),
            None => self.other(&types[0])?.return_type(types),
        }
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let data_type = args.input_fields[0].data_type();
        let Some(kind) = self.kind(data_type) else {
            return self.other(data_type)?.state_fields(args);
        };
        if args.is_distinct {
            let item = Field::new_list_field(kind.data_type(), true);
            let list = DataType::List(Arc::new(item));
            return Ok(vec![Arc::new(Field::new(format!("{}[values]", args.name), list, true))]);
        }
        let field =
            |(i, data_type)| Arc::new(Field::new(format!("{}[{i}]", args.name), data_type, true));
        let types = match (Begun { kind, question: self.question }).is_whole() {
            true => whole::state_types(),
            false => total::state_types(kind),
        };
        Ok(types.into_iter().enumerate().map(field).collect())
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        match self.begin(&args) {
            Ok(begun) if args.is_distinct => {
                Ok(Box::new(Distinct { begun, seen: BTreeMap::new() }))
            }
            Ok(begun) => Ok(begun.one()),
            Err(other) => other?.accumulator(args),
        }
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        match self.begin(&args) {
            Ok(_) => self.accumulator(args),
            Err(other) => other?.create_sliding_accumulator(args),
        }
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        match self.begin(&args) {
            Ok(_) => !args.is_distinct,
            Err(other) => other.is_ok_and(|other| other.groups_accumulator_supported(args)),
        }
    }

    fn create_groups_accumulator(
        &self,
        args: AccumulatorArgs,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        match self.begin(&args) {
            Ok(begun) => Ok(begun.groups()),
            Err(other) => other?.create_groups_accumulator(args),
        }
    }
}

/// The values of a column, ready to be added.
fn values(begun: Begun, values: &[ArrayRef]) -> Result<ArrayRef> {
    convert(&values[0], begun.kind, None).map_err(external)
}

/// One total; also of a window's frame that moves.
#[derive(Debug)]
struct One {
    begun: Begun,
    total: Total,
}

impl Accumulator for One {
    fn update_batch(&mut self, columns: &[ArrayRef]) -> Result<()> {
        let array = values(self.begun, columns)?;
        let total = &mut self.total;
        total::each(&array, |_, value| total.add(&value)).map_err(external)
    }

    fn retract_batch(&mut self, columns: &[ArrayRef]) -> Result<()> {
        let array = values(self.begun, columns)?;
        let total = &mut self.total;
        total::each(&array, |_, value| total.remove(&value)).map_err(external)
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let total = &mut self.total;
        merge_states(states, |_, other| total.merge(&other)).map_err(external)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let states = states_of(std::slice::from_ref(&self.total));
        states.iter().map(|array| ScalarValue::try_from_array(array, 0)).collect()
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let answer = self.begun.answers(std::slice::from_ref(&self.total))?;
        ScalarValue::try_from_array(&answer, 0)
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }
}

/// A total for each group.
#[derive(Debug)]
struct Groups {
    begun: Begun,
    totals: Vec<Total>,
}

impl Groups {
    fn grow(&mut self, count: usize) {
        let begun = self.begun;
        self.totals.resize_with(count, || begun.empty());
    }
}

/// Whether row `i` is to be counted.
fn passes(filter: Option<&BooleanArray>, i: usize) -> bool {
    filter.is_none_or(|filter| filter.is_valid(i) && filter.value(i))
}

impl GroupsAccumulator for Groups {
    fn update_batch(
        &mut self,
        columns: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        count: usize,
    ) -> Result<()> {
        self.grow(count);
        let array = values(self.begun, columns)?;
        let totals = &mut self.totals;
        let add = |i: usize, value: total::Value<'_>| match passes(filter, i) {
            true => totals[groups[i]].add(&value),
            false => Ok(()),
        };
        total::each(&array, add).map_err(external)
    }

    fn merge_batch(&mut self, states: &[ArrayRef], groups: &[usize], count: usize) -> Result<()> {
        self.grow(count);
        let totals = &mut self.totals;
        merge_states(states, |i, other| totals[groups[i]].merge(&other)).map_err(external)
    }

    fn state(&mut self, emit: EmitTo) -> Result<Vec<ArrayRef>> {
        Ok(states_of(&emit.take_needed(&mut self.totals)))
    }

    fn evaluate(&mut self, emit: EmitTo) -> Result<ArrayRef> {
        let totals = emit.take_needed(&mut self.totals);
        self.begun.answers(&totals)
    }

    fn convert_to_state(
        &self,
        columns: &[ArrayRef],
        filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let array = values(self.begun, columns)?;
        let mut totals: Vec<_> = (0..array.len()).map(|_| self.begun.empty()).collect();
        let add = |i: usize, value: total::Value<'_>| match passes(filter, i) {
            true => totals[i].add(&value),
            false => Ok(()),
        };
        total::each(&array, add).map_err(external)?;
        Ok(states_of(&totals))
    }

    fn size(&self) -> usize {
        self.totals.capacity() * size_of::<Total>()
    }
}

/// A total of each value once.
#[derive(Debug)]
struct Distinct {
    begun: Begun,
    /// Values by what equal ones have in common.
    seen: BTreeMap<Vec<u8>, ScalarValue>,
}

impl Distinct {
    fn see(&mut self, array: &ArrayRef) -> Result<()> {
        for i in (0..array.len()).filter(|i| array.is_valid(*i)) {
            if let Entry::Vacant(unseen) = self.seen.entry(total::key_of(array, i)) {
                unseen.insert(ScalarValue::try_from_array(array, i)?);
            }
        }
        Ok(())
    }
}

impl Accumulator for Distinct {
    fn update_batch(&mut self, columns: &[ArrayRef]) -> Result<()> {
        let array = values(self.begun, columns)?;
        self.see(&array)
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let lists = states[0].as_list::<i32>();
        lists.iter().flatten().try_for_each(|items| self.see(&items))
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let values: Vec<_> = self.seen.values().cloned().collect();
        let list = ScalarValue::new_list_nullable(&values, &self.begun.kind.data_type());
        Ok(vec![ScalarValue::List(list)])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let mut one = self.begun.one();
        if !self.seen.is_empty() {
            let array = ScalarValue::iter_to_array(self.seen.values().cloned())?;
            one.update_batch(&[array])?;
        }
        one.evaluate()
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.seen.len() * 100
    }
}
