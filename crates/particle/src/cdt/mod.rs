//! Operations on lists and maps, at any depth.
//!
//! 1. A payload becomes a path and an operation (`payload.rs`, `args.rs`, `op.rs`).
//! 2. The path leads from the bin to a list or a map inside it, and makes what it says is to be made
//!    (`context.rs`).
//! 3. The operation runs there, in place (`list.rs`, `map.rs`). Which elements it means is decided by
//!    `select.rs`, what it says of them by `answer.rs`.
//!
//! A path instead (`path.rs`) leads to many elements, which expressions choose.
//!
//! SQL begins at step 3, with the types of `op.rs`.
//!
//! A list that is declared ordered is sorted after every operation; the pairs of a map always are.
//! What is not there, in a bin that has a collection, is `NotApplicable`, but for keys and values,
//! which may be missing. An absent bin reads as nothing; what adds to it makes it.
//!
//! The semantics are those of Aerospike's public documentation and of the tests of its clients.

mod answer;
mod args;
mod context;
mod list;
mod map;
mod number;
mod op;
mod path;
mod payload;
mod select;
#[cfg(test)]
mod tests;

use model::{Error, ErrorKind, Result, Value, limits};

pub use answer::Answer;
pub use context::{By, Context, Create, Family, Step};
pub use op::{
    Interval, ListEdit, ListFlags, ListRead, MapEdit, MapFlags, MapRead, Pick, Return, Span, What,
};

use crate::Modified;
use crate::exp::STEPS_MAX;
pub(crate) use context::{change, find};
pub(crate) use payload::context_of;
use payload::{Call, Edit, Op, Read};

/// Fails if a payload is no operation, or not one that modifies exactly if `modifies` says so.
pub(crate) fn check(payload: &[u8], modifies: bool) -> Result<()> {
    match (Call::decode(payload)?.op, modifies) {
        (Op::Read(_), false) | (Op::Edit(_), true) => Ok(()),
        (Op::Read(_), true) => Err(misplaced("reads", "a modification")),
        (Op::Edit(_), false) => Err(misplaced("modifies", "a read")),
    }
}

/// The answer to a read operation on a bin; `None` is nothing, as of a bin that is absent.
pub fn read(bin: Option<&Value>, payload: &[u8]) -> Result<Option<Answer>> {
    read_within(bin, payload, &mut { STEPS_MAX })
}

/// What an operation makes of a bin, and what it answers. A bin stays absent where nothing was added.
pub fn modify(bin: Option<Value>, payload: &[u8]) -> Result<Modified<Answer>> {
    modify_within(bin, payload, &mut { STEPS_MAX })
}

/// [`read`] of a list, without a payload.
pub fn read_list(bin: Option<&Value>, read: ListRead) -> Result<Option<Answer>> {
    answered(bin, &[], &Read::List(read), &mut 0)
}

/// [`read`] of a map, without a payload.
pub fn read_map(bin: Option<&Value>, read: MapRead) -> Result<Option<Answer>> {
    answered(bin, &[], &Read::Map(read), &mut 0)
}

/// [`modify`] of a list, without a payload.
pub fn edit_list(bin: Option<Value>, edit: ListEdit) -> Result<Modified<Answer>> {
    edited(bin, &[], Edit::List(edit), &mut 0)
}

/// [`modify`] of a map, without a payload.
pub fn edit_map(bin: Option<Value>, edit: MapEdit) -> Result<Modified<Answer>> {
    edited(bin, &[], Edit::Map(edit), &mut 0)
}

/// [`read`], where expressions in a path take from `steps`.
pub(crate) fn read_within(
    bin: Option<&Value>,
    payload: &[u8],
    steps: &mut u64,
) -> Result<Option<Answer>> {
    match Call::decode(payload)? {
        Call { path, op: Op::Read(read) } => answered(bin, &path, &read, steps),
        Call { op: Op::Edit(_), .. } => Err(misplaced("modifies", "a read")),
    }
}

/// [`modify`], where expressions in a path take from `steps`.
pub(crate) fn modify_within(
    bin: Option<Value>,
    payload: &[u8],
    steps: &mut u64,
) -> Result<Modified<Answer>> {
    match Call::decode(payload)? {
        Call { path, op: Op::Edit(edit) } => edited(bin, &path, edit, steps),
        Call { op: Op::Read(_), .. } => Err(misplaced("reads", "a modification")),
    }
}

fn answered(
    bin: Option<&Value>,
    path: &[Step],
    read: &Read,
    steps: &mut u64,
) -> Result<Option<Answer>> {
    let Some(bin) = bin else { return Ok(None) };
    match (context::find(bin, path)?, read) {
        (Value::List(list), Read::List(read)) => list::read(list, read),
        (Value::Map(map), Read::Map(read)) => map::read(map, read),
        (Value::List(_) | Value::Map(_), Read::Path(select)) => {
            select.of(bin, steps).map(|value| Some(value.into()))
        }
        (other, Read::Map(_)) => Err(wrong_type(other, "map", !path.is_empty())),
        (other, _) => Err(wrong_type(other, "list", false)),
    }
}

fn edited(
    bin: Option<Value>,
    path: &[Step],
    edit: Edit,
    steps: &mut u64,
) -> Result<Modified<Answer>> {
    let (nested, was_absent) = (!path.is_empty(), bin.is_none());
    let (adds, declares) = (edit.made().is_some(), edit.declares());
    let made = || if nested { context::root_for(path) } else { edit.made() };
    let Some(mut bin) = bin.or_else(made) else {
        return match adds && nested {
            true => Err(error(ErrorKind::NotApplicable, "the context leads into an absent bin")),
            false => Ok(Modified { bin: None, result: None }),
        };
    };
    let result = context::change(&mut bin, path, edit.family(), |value| match (value, edit) {
        (Value::List(list), Edit::List(edit)) => list::edit(list, edit),
        (Value::Map(map), Edit::Map(edit)) => map::edit(map, edit),
        (value @ (Value::List(_) | Value::Map(_)), Edit::Path(apply)) => {
            apply.to(value, steps).map(|()| None)
        }
        (other, Edit::Map(_)) => Err(wrong_type(other, "map", nested)),
        (other, _) => Err(wrong_type(other, "list", nested)),
    })?;
    if adds || nested {
        limits::check_value(&bin)?;
    }
    let nothing_made = was_absent && !nested && !declares && is_empty(&bin);
    Ok(Modified { bin: (!nothing_made).then_some(bin), result })
}

impl Edit {
    /// What a context that makes something makes for it.
    fn family(&self) -> Family {
        match self {
            Edit::List(_) => Family::List,
            Edit::Map(_) | Edit::Path(_) => Family::Map,
        }
    }

    /// What the operation makes where there is nothing.
    fn made(&self) -> Option<Value> {
        match self {
            Edit::List(edit) => list::made_for(edit).map(Value::List),
            Edit::Map(edit) => map::made_for(edit).map(Value::Map),
            Edit::Path(_) => None,
        }
    }

    /// Whether it declares an order, which an empty collection can have too.
    fn declares(&self) -> bool {
        matches!(self, Edit::List(ListEdit::SetOrder(_)) | Edit::Map(MapEdit::SetOrder(_)))
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
fn wrong_type(value: &Value, wanted: &str, inside: bool) -> Error {
    let detail = format!("the operation is one of a {wanted}, but finds a {}", value.value_type());
    error(if inside { ErrorKind::Parameter } else { ErrorKind::BinType }, detail)
}

fn misplaced(does: &str, sent_as: &str) -> Error {
    error(ErrorKind::Parameter, format!("the operation {does}, and was sent as {sent_as}"))
}

fn error(kind: ErrorKind, detail: impl Into<String>) -> Error {
    Error::new(kind, detail)
}
