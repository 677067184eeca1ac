//! What operations answer.

use model::msgpack::{encode, put_pairs};
use model::{ErrorKind, Map, MapOrder, Result, Value};

use super::error;
use super::op::What;
use super::select::{Elements, Picked, Ranks, ranked};

/// What an operation on a list or a map answers.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// A value.
    Value(Value),
    /// Keys with their values, in an order that a map could not keep.
    Pairs(Vec<(Value, Value)>),
}

impl Answer {
    /// The answer as a value: pairs become a map.
    pub fn into_value(self) -> Value {
        match self {
            Answer::Value(value) => value,
            Answer::Pairs(pairs) => Value::map(pairs),
        }
    }

    /// The answer as msgpack: pairs as a map that a client reads as a list of pairs.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Answer::Value(value) => encode(value),
            Answer::Pairs(pairs) => {
                let mut out = Vec::new();
                put_pairs(&mut out, pairs);
                out
            }
        }
    }
}

impl From<Value> for Answer {
    fn from(value: Value) -> Answer {
        Answer::Value(value)
    }
}

/// A number of elements.
pub(super) fn count(n: usize) -> Option<Answer> {
    Some(Value::Integer(n as i64).into())
}

/// What is answered of the elements that were picked; `None` is nothing.
pub(super) fn answer(of: &impl Elements, picked: &Picked, what: What) -> Result<Option<Answer>> {
    let len = of.len();
    let pairs = || {
        let detail = "the elements of a list have values, but no keys that could be answered";
        let all = of.pairs().ok_or_else(|| error(ErrorKind::NotApplicable, detail))?;
        Ok(picked.places.iter().map(|i| all[*i].clone()).collect::<Vec<_>>())
    };
    let numbers = |places: Vec<usize>| each(picked, places.into_iter().map(number));
    let value = match what {
        What::Nothing => return Ok(None),
        What::Count => return Ok(count(picked.places.len())),
        What::Exists => Value::Bool(!picked.places.is_empty()),
        What::Index => numbers(picked.places.clone()),
        What::ReverseIndex => numbers(picked.places.iter().map(|i| len - 1 - i).collect()),
        What::Rank => numbers(ranks(of, picked)),
        What::ReverseRank => {
            numbers(ranks(of, picked).into_iter().map(|rank| len - 1 - rank).collect())
        }
        What::Value => each(picked, picked.places.iter().map(|i| of.value(*i).clone())),
        What::Key => each(picked, pairs()?.into_iter().map(|(key, _)| key)),
        What::KeyValue => return pairs().map(|pairs| Some(Answer::Pairs(pairs))),
        What::UnorderedMap => Value::Map(Map::new(pairs()?, MapOrder::Unordered)),
        What::OrderedMap => Value::Map(Map::new(pairs()?, MapOrder::KeyOrdered)),
    };
    // Where one element was asked for and is not there, a place is -1 and anything else is nil.
    let is_place =
        matches!(what, What::Index | What::ReverseIndex | What::Rank | What::ReverseRank);
    Ok(Some(match value {
        Value::Nil if is_place => Value::Integer(-1).into(),
        value => value.into(),
    }))
}

fn number(n: usize) -> Value {
    Value::Integer(n as i64)
}

/// A list of what each element has, or just that of the one that was asked for.
fn each(picked: &Picked, mut values: impl Iterator<Item = Value>) -> Value {
    match picked.single {
        true => values.next().unwrap_or(Value::Nil),
        false => Value::list(values.collect::<Vec<_>>()),
    }
}

/// The ranks of the elements that were picked.
fn ranks(of: &impl Elements, picked: &Picked) -> Vec<usize> {
    if let (true, [place]) = (picked.single, &picked.places[..]) {
        return vec![rank(of, *place)];
    }
    let mut rank_of = vec![0; of.len()];
    ranked(of).into_iter().enumerate().for_each(|(rank, place)| rank_of[place] = rank);
    let of_places = |places: &[usize]| places.iter().map(|i| rank_of[*i]).collect::<Vec<_>>();
    match &picked.ranks {
        Ranks::AsPicked => of_places(&picked.places),
        Ranks::Of(places) => of_places(places),
        Ranks::Ascending => {
            let mut ranks = of_places(&picked.places);
            ranks.sort_unstable();
            ranks
        }
    }
}

fn rank(of: &impl Elements, place: usize) -> usize {
    if of.is_ranked() {
        return place;
    }
    let value = of.value(place);
    (0..of.len()).filter(|i| of.value(*i).cmp(value).then(i.cmp(&place)).is_lt()).count()
}
