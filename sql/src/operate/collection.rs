//! Operations on lists and maps: aql's words for operations of `particle`, which runs them.
//!
//! What is read or removed of a map is answered as a map of keys and values, as aql asks for it. In
//! intervals a nil is no bound.

use model::{ErrorKind, ListOrder, MapOrder, Value, ValueType};
use particle::Modified;
use particle::cdt::{
    self, Answer, Interval, ListEdit, ListFlags, ListRead, MapEdit, MapRead, Pick, Return, Span,
    What,
};

use super::Operation;
use super::names::{By, Verb};
use crate::{SqlError, SqlResult};

/// Runs an operation on a list or a map.
pub(super) fn run(operation: &Operation, bin: &mut Option<Value>) -> SqlResult<Option<Value>> {
    let held = bin.as_ref().map(Value::value_type);
    let sums = operation.adds_to_what_is_there(bin.as_ref());
    let done = match Call::of(operation)? {
        Call::ListRead(read) => cdt::read_list(bin.as_ref(), read),
        Call::MapRead(read) => cdt::read_map(bin.as_ref(), read),
        Call::ListEdit(edit) => cdt::edit_list(bin.take(), edit).map(|done| kept(bin, done)),
        Call::MapEdit(edit) => cdt::edit_map(bin.take(), edit).map(|done| kept(bin, done)),
    };
    match done {
        Ok(answer) => Ok(answer.map(Answer::into_value)),
        Err(error) => Err(refused(operation, held, sums, error)),
    }
}

fn kept(bin: &mut Option<Value>, done: Modified<Answer>) -> Option<Answer> {
    *bin = done.bin;
    done.result
}

enum Call {
    ListRead(ListRead),
    ListEdit(ListEdit),
    MapRead(MapRead),
    MapEdit(MapEdit),
}

impl Call {
    fn of(operation: &Operation) -> SqlResult<Call> {
        let by = |by, what| (operation.pick(by), Return::from(what));
        Ok(match operation.verb {
            Verb::ListSize => Call::ListRead(ListRead::Size),
            Verb::ListGet => Call::ListRead(ListRead::Get(operation.place())),
            Verb::ListGetRange => Call::ListRead(ListRead::Range(operation.span(0))),
            Verb::ListGetBy(pick) => {
                let (pick, give) = by(pick, What::Value);
                Call::ListRead(ListRead::By(pick, give))
            }
            Verb::MapSize => Call::MapRead(MapRead::Size),
            Verb::MapGetBy(pick) => {
                let (pick, give) = by(pick, What::UnorderedMap);
                Call::MapRead(MapRead::By(pick, give))
            }
            Verb::ListRemoveBy(pick) => {
                let (pick, give) = by(pick, What::Value);
                Call::ListEdit(ListEdit::RemoveBy(pick, give))
            }
            Verb::MapRemoveBy(pick) => {
                let (pick, give) = by(pick, What::UnorderedMap);
                Call::MapEdit(MapEdit::RemoveBy(pick, give))
            }
            Verb::MapPut
            | Verb::MapPutItems
            | Verb::MapIncrement
            | Verb::MapDecrement
            | Verb::MapClear
            | Verb::MapSetType => Call::MapEdit(operation.map_edit()?),
            _ => Call::ListEdit(operation.list_edit()),
        })
    }
}

impl Operation {
    fn list_edit(&self) -> ListEdit {
        let (at, span, flags) = (self.place(), self.span(0), ListFlags::default());
        let order = ListOrder::Unordered;
        match self.verb {
            Verb::ListAppend => ListEdit::Append { items: vec![self.arg(0).clone()], order, flags },
            Verb::ListAppendItems => ListEdit::Append { items: self.items(0), order, flags },
            Verb::ListInsert => ListEdit::Insert { at, items: vec![self.arg(1).clone()], flags },
            Verb::ListInsertItems => ListEdit::Insert { at, items: self.items(1), flags },
            Verb::ListSet => ListEdit::Set { at, value: self.arg(1).clone(), flags },
            Verb::ListIncrement => {
                ListEdit::Increment { at, by: self.arg(1).clone(), order, flags }
            }
            Verb::ListPop => ListEdit::Pop(at),
            Verb::ListPopRange => ListEdit::PopRange(span),
            Verb::ListRemove => ListEdit::Remove(at),
            Verb::ListRemoveRange => ListEdit::RemoveRange(span),
            Verb::ListTrim => ListEdit::Trim(span),
            _ => ListEdit::Clear,
        }
    }

    fn map_edit(&self) -> SqlResult<MapEdit> {
        let (order, flags) = (self.policy.order, self.policy.flags);
        let key = self.arg(0).clone();
        Ok(match self.verb {
            Verb::MapPut => MapEdit::Put { pairs: vec![(key, self.arg(1).clone())], order, flags },
            Verb::MapPutItems => match key {
                Value::Map(map) => MapEdit::Put { pairs: map.pairs, order, flags },
                _ => MapEdit::Put { pairs: Vec::new(), order, flags },
            },
            Verb::MapIncrement => MapEdit::Add { key, by: self.arg(1).clone(), order },
            Verb::MapDecrement => MapEdit::Add { key, by: negative(self.arg(1))?, order },
            Verb::MapSetType => MapEdit::SetOrder(match &key {
                Value::String(word) => order_named(word)?,
                _ => MapOrder::Unordered,
            }),
            _ => MapEdit::Clear,
        })
    }

    fn pick(&self, by: By) -> Pick {
        let first = || self.arg(0).clone().into();
        let values = || self.items(0).into_iter().map(Into::into).collect();
        let interval = || {
            let to = Some(self.arg(1).clone()).filter(|to| *to != Value::Nil);
            Interval { from: first(), to: to.map(Into::into) }
        };
        match by {
            By::Key => Pick::Key(first()),
            By::KeyList => Pick::Keys(values()),
            By::KeyRange => Pick::KeyInterval(interval()),
            By::Value => Pick::Value(first()),
            By::ValueList => Pick::Values(values()),
            By::ValueRange => Pick::ValueInterval(interval()),
            By::Index => Pick::Index(self.place()),
            By::IndexRange => Pick::Indexes(self.span(0)),
            By::Rank => Pick::Rank(self.place()),
            By::RankRange => Pick::Ranks(self.span(0)),
        }
    }

    /// Whether it adds to a number, and one is at the place that it names.
    fn adds_to_what_is_there(&self, bin: Option<&Value>) -> bool {
        match self.verb {
            Verb::MapIncrement | Verb::MapDecrement => true,
            Verb::ListIncrement => {
                matches!(cdt::read_list(bin, ListRead::Get(self.place())), Ok(Some(_)))
            }
            _ => false,
        }
    }

    /// The first argument as a place; negative from the end.
    fn place(&self) -> i64 {
        self.index(0).unwrap_or_default()
    }

    /// Two arguments from `at` on as a start and a count, which may be left out.
    fn span(&self, at: usize) -> Span {
        let count = self.index(at + 1).and_then(|count| u64::try_from(count).ok());
        Span { start: self.index(at).unwrap_or_default(), count }
    }

    fn items(&self, at: usize) -> Vec<Value> {
        match self.arg(at) {
            Value::List(list) => list.items.clone(),
            _ => Vec::new(),
        }
    }
}

/// The order of a map that aql calls so.
pub(super) fn order_named(word: &str) -> SqlResult<MapOrder> {
    match word.to_ascii_uppercase().as_str() {
        "AS_MAP_UNORDERED" => Ok(MapOrder::Unordered),
        "AS_MAP_KEY_ORDERED" => Ok(MapOrder::KeyOrdered),
        "AS_MAP_KEY_VALUE_ORDERED" => Ok(MapOrder::KeyValueOrdered),
        other => Err(SqlError::new("22023", format!("order of maps {other} is unknown"))
            .hint("AS_MAP_UNORDERED, AS_MAP_KEY_ORDERED and AS_MAP_KEY_VALUE_ORDERED are there")),
    }
}

fn negative(by: &Value) -> SqlResult<Value> {
    match by {
        Value::Integer(n) => {
            let error = || SqlError::new("22003", "bigint out of range");
            Ok(Value::Integer(n.checked_neg().ok_or_else(error)?))
        }
        Value::Double(d) => Ok(Value::Double(-d)),
        other => Ok(other.clone()),
    }
}

/// What SQL says of an error of an operation on a bin that held something of this type. Where `sums`, a
/// number was there, or made, to add to.
fn refused(
    operation: &Operation,
    held: Option<ValueType>,
    sums: bool,
    error: model::Error,
) -> SqlError {
    let name = operation.name();
    let told = |sqlstate| SqlError::new(sqlstate, format!("bin \"{name}\": {}", error.detail));
    match error.kind {
        ErrorKind::BinType => {
            let held = held.unwrap_or(ValueType::Nil);
            let message = format!("bin \"{name}\" holds a {held}, which {operation} is not for");
            SqlError::new("42804", message).hint("WRITE(bin, value) gives the bin another value")
        }
        ErrorKind::Parameter => {
            told("42804").hint("cast the argument, or WRITE what is there anew")
        }
        ErrorKind::NotApplicable if sums => told("22003"),
        ErrorKind::NotApplicable => told("2202E"),
        ErrorKind::ElementNotFound => told("02000").hint("AS_MAP_UPDATE writes any key"),
        ErrorKind::ElementExists => told("23505").hint("AS_MAP_UPDATE writes any key"),
        _ => SqlError::from(error),
    }
}
