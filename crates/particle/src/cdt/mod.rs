//! Operations on lists and maps, at any depth.
//!
//! 1. A payload becomes a path and an operation (`payload.rs`, `op.rs`).
//! 2. The path leads from the bin to a list or a map inside it, and makes what it says is to be made
//!    (`context.rs`).
//! 3. The operation runs there, in place (`list.rs`, `map.rs`). Which elements it means is decided by
//!    `select.rs`, what it says of them by `answer.rs`.
//!
//! SQL and expressions call step 3 themselves, with the types of `op.rs`.
//!
//! A list that is declared ordered is sorted after every operation; the pairs of a map always are.
//! What is not there, in a bin that has a collection, is `NotApplicable`, but for keys and values,
//! which may be missing. An absent bin reads as nothing; what adds to it makes it.
//!
//! The semantics are those of Aerospike's public documentation and of the tests of its clients.

mod answer;
mod context;
mod list;
mod map;
mod number;
mod op;
mod payload;
mod select;
#[cfg(test)]
mod tests;

use model::{Error, ErrorKind, Result, Value, limits};

pub use answer::Answer;
pub use context::{By, Create, Family, Step};
pub use list::{edit as edit_list, read as read_list};
pub use map::{edit as edit_map, read as read_map};
pub use op::{
    Interval, ListEdit, ListFlags, ListRead, MapEdit, MapFlags, MapRead, Pick, Return, Span, What,
};

use crate::Modified;
pub(crate) use context::{change, find};
pub(crate) use payload::path;
use payload::{Call, Op};

/// Fails if a payload is no operation, or not one that modifies exactly if `modifies` says so.
pub(crate) fn check(payload: &[u8], modifies: bool) -> Result<()> {
    let edits = matches!(Call::decode(payload)?.op, Op::ListEdit(_) | Op::MapEdit(_));
    if edits == modifies {
        return Ok(());
    }
    let detail = if edits { "an operation that modifies, not a read" } else { "a read" };
    Err(error(ErrorKind::Parameter, format!("the payload is {detail}")))
}

/// The answer to a read operation on a bin; `None` is nothing, as of a bin that is absent.
pub fn read(bin: Option<&Value>, payload: &[u8]) -> Result<Option<Answer>> {
    let Call { path, op } = Call::decode(payload)?;
    let family = op.family();
    let nested = !path.is_empty();
    let (list_read, map_read) = match op {
        Op::ListRead(read) => (Some(read), None),
        Op::MapRead(read) => (None, Some(read)),
        Op::ListEdit(_) | Op::MapEdit(_) => {
            return Err(error(
                ErrorKind::Parameter,
                "the operation modifies, and was sent as a read",
            ));
        }
    };
    let Some(bin) = bin else { return Ok(None) };
    match (context::find(bin, &path)?, list_read, map_read) {
        (Value::List(list), Some(read), _) => list::read(list, &read),
        (Value::Map(map), _, Some(read)) => map::read(map, &read),
        (other, ..) => Err(wrong_type(other, family, nested && family == Family::Map)),
    }
}

/// What an operation makes of a bin, and what it answers. A bin stays absent where nothing was added.
pub fn modify(bin: Option<Value>, payload: &[u8]) -> Result<Modified<Answer>> {
    let Call { path, op } = Call::decode(payload)?;
    let adds = op.made().is_some();
    let declares =
        matches!(op, Op::ListEdit(ListEdit::SetOrder(_)) | Op::MapEdit(MapEdit::SetOrder(_)));
    let was_absent = bin.is_none();
    let made = || if path.is_empty() { op.made() } else { context::root_for(&path) };
    let Some(mut bin) = bin.or_else(made) else {
        return match adds && !path.is_empty() {
            true => Err(error(ErrorKind::NotApplicable, "the context leads into an absent bin")),
            false => Ok(Modified { bin: None, result: None }),
        };
    };
    let nested = !path.is_empty();
    let family = op.family();
    let result = context::change(&mut bin, &path, family, |value| match (value, op) {
        (Value::List(list), Op::ListEdit(edit)) => list::edit(list, edit),
        (Value::Map(map), Op::MapEdit(edit)) => map::edit(map, edit),
        (_, Op::ListRead(_) | Op::MapRead(_)) => {
            Err(error(ErrorKind::Parameter, "the operation reads, and was sent as a modification"))
        }
        (other, _) => Err(wrong_type(other, family, nested)),
    })?;
    if adds || nested {
        limits::check_value(&bin)?;
    }
    let nothing_made = was_absent && !nested && !declares && is_empty(&bin);
    Ok(Modified { bin: (!nothing_made).then_some(bin), result })
}

impl Op {
    fn family(&self) -> Family {
        match self {
            Op::ListRead(_) | Op::ListEdit(_) => Family::List,
            Op::MapRead(_) | Op::MapEdit(_) => Family::Map,
        }
    }

    /// What the operation makes where there is nothing.
    fn made(&self) -> Option<Value> {
        match self {
            Op::ListEdit(edit) => list::made_for(edit).map(Value::List),
            Op::MapEdit(edit) => map::made_for(edit).map(Value::Map),
            Op::ListRead(_) | Op::MapRead(_) => None,
        }
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::List(list) => list.is_empty(),
        Value::Map(map) => map.is_empty(),
        _ => false,
    }
}

/// Aerospike calls the wrong type of a bin another error than most wrong types inside of one.
fn wrong_type(value: &Value, family: Family, inside: bool) -> Error {
    let wanted = match family {
        Family::List => "list",
        Family::Map => "map",
    };
    let detail = format!("the operation is one of a {wanted}, but finds a {}", value.value_type());
    error(if inside { ErrorKind::Parameter } else { ErrorKind::BinType }, detail)
}

fn error(kind: ErrorKind, detail: impl Into<String>) -> Error {
    Error::new(kind, detail)
}
