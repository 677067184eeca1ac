//! The arguments of one call, as what operations take.

use model::msgpack::Arg as Bound;
use model::{ErrorKind, Value};
use particle::cdt::{Answer, Interval, Return, Span, What};

use super::Function;
use crate::{SqlError, SqlResult};

/// The arguments of one call.
pub(super) struct Call<'f> {
    function: &'f Function,
    values: Vec<Option<Value>>,
}

impl<'f> Call<'f> {
    pub(super) fn new(function: &'f Function, values: Vec<Option<Value>>) -> Call<'f> {
        Call { function, values }
    }

    /// What the operation is about.
    pub(super) fn subject(&mut self) -> Option<Value> {
        self.values.first_mut().and_then(Option::take).filter(|value| *value != Value::Nil)
    }

    pub(super) fn given(&self, at: usize) -> Option<&Value> {
        self.values.get(at).and_then(Option::as_ref)
    }

    /// An argument that may be anything; NULL is nil.
    pub(super) fn value(&self, at: usize) -> Value {
        self.given(at).cloned().unwrap_or(Value::Nil)
    }

    pub(super) fn bound(&self, at: usize) -> Bound {
        Bound::Value(self.value(at))
    }

    pub(super) fn integer(&self, at: usize) -> SqlResult<i64> {
        match self.given(at) {
            Some(Value::Integer(number)) => Ok(*number),
            other => Err(self.wrong("an integer", other)),
        }
    }

    pub(super) fn integer_or(&self, at: usize, absent: i64) -> SqlResult<i64> {
        if self.given(at).is_none() { Ok(absent) } else { self.integer(at) }
    }

    pub(super) fn bool_or(&self, at: usize, absent: bool) -> SqlResult<bool> {
        match self.given(at) {
            None => Ok(absent),
            Some(Value::Bool(truth)) => Ok(*truth),
            other => Err(self.wrong("a boolean", other)),
        }
    }

    pub(super) fn text(&self, at: usize) -> Option<&str> {
        match self.given(at) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        }
    }

    pub(super) fn bytes(&self, at: usize) -> SqlResult<Vec<u8>> {
        match self.given(at) {
            Some(Value::Blob(bytes)) => Ok(bytes.clone()),
            other => Err(self.wrong("bytes", other)),
        }
    }

    pub(super) fn items(&self, at: usize) -> SqlResult<Vec<Value>> {
        match self.given(at) {
            Some(Value::List(list)) => Ok(list.items.clone()),
            other => Err(self.wrong("a list", other)),
        }
    }

    pub(super) fn bounds(&self, at: usize) -> SqlResult<Vec<Bound>> {
        Ok(self.items(at)?.into_iter().map(Bound::Value).collect())
    }

    /// From the place at `at`, as many as the next argument says, else all.
    pub(super) fn span(&self, at: usize) -> SqlResult<Span> {
        let count = u64::try_from(self.integer_or(at + 1, -1)?).ok();
        Ok(Span { start: self.integer(at)?, count })
    }

    /// From the value at `at` on and below the next one; NULL there is no end.
    pub(super) fn interval(&self, at: usize) -> Interval {
        let to = self.given(at + 1).cloned().map(Bound::Value);
        Interval { from: self.bound(at), to }
    }

    /// What is to be said of the elements: their values, unless an argument names something else.
    pub(super) fn what(&self, at: usize) -> SqlResult<Return> {
        let Some(text) = self.text(at) else { return Ok(What::Value.into()) };
        let upper = text.trim().to_ascii_uppercase();
        let (inverted, name) = match upper.strip_prefix("INVERTED ") {
            Some(rest) => (true, rest.trim_start()),
            None => (false, &upper[..]),
        };
        let what = match name {
            "VALUE" => What::Value,
            "INDEX" => What::Index,
            "REVERSE_INDEX" => What::ReverseIndex,
            "RANK" => What::Rank,
            "REVERSE_RANK" => What::ReverseRank,
            "COUNT" => What::Count,
            "KEY" => What::Key,
            "KEY_VALUE" | "UNORDERED_MAP" => What::UnorderedMap,
            "ORDERED_MAP" => What::OrderedMap,
            "EXISTS" => What::Exists,
            _ => {
                return Err(SqlError::new("22023", format!("return type {text:?} is unknown"))
                    .hint(
                        "VALUE, INDEX, REVERSE_INDEX, RANK, REVERSE_RANK, COUNT, KEY, \
                         UNORDERED_MAP, ORDERED_MAP and EXISTS are there, INVERTED before them",
                    ));
            }
        };
        Ok(Return { what, inverted })
    }

    /// The word among these that an argument is; the first of them if it is not given.
    pub(super) fn word<T: Copy>(&self, at: usize, words: &[(&str, T)]) -> SqlResult<T> {
        let text = self.text(at).unwrap_or(words[0].0).to_ascii_lowercase();
        words.iter().find(|(word, _)| *word == text).map(|(_, meant)| *meant).ok_or_else(|| {
            let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            SqlError::new("22023", format!("{}: {text:?} is unknown", self.function.name))
                .hint(format!("one of {}", known.join(", ")))
        })
    }

    pub(super) fn wrong(&self, wanted: &str, found: Option<&Value>) -> SqlError {
        let found = found.map_or("NULL", |value| value.value_type().name());
        let name = self.function.name;
        SqlError::new("42804", format!("{name} takes {wanted}, not {found}"))
    }
}

/// An answer as a value. That there is no such element is NULL: a query may meet many rows.
pub(super) fn answered(answer: model::Result<Option<Answer>>) -> SqlResult<Option<Value>> {
    match answer {
        Err(error) if error.kind == ErrorKind::NotApplicable => Ok(None),
        answer => Ok(answer?.map(Answer::into_value)),
    }
}
