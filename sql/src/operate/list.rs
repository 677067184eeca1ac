//! Operations on lists. A bin without a value is an empty list to those that add to it.

use model::{Value, limits};

use super::Operation;
use super::collection::{picked, place, range, sum};
use super::names::Verb;
use crate::{SqlError, SqlResult};

pub(super) fn run(operation: &Operation, bin: &mut Option<Value>) -> SqlResult<Option<Value>> {
    use Verb::*;
    let adds = matches!(
        operation.verb,
        ListAppend | ListAppendItems | ListInsert | ListInsertItems | ListSet | ListIncrement
    );
    let items = match bin {
        Some(Value::List(items)) => items,
        Some(other) => return Err(operation.kind_error(other, "list")),
        None if !adds => return Ok(None),
        None => match bin.insert(Value::list(Vec::new())) {
            Value::List(items) => items,
            _ => return Ok(None),
        },
    };
    match operation.verb {
        ListGet => Ok(Some(items[place(operation, items.len())?].clone())),
        ListGetRange => Ok(Some(Value::list(items[range(operation, items.len())].to_vec()))),
        ListSize => Ok(size(items)),
        ListGetBy(pick) => {
            let found = chosen(operation, pick, items)?;
            let values = found.iter().map(|i| items[*i].clone());
            Ok(answer(pick.is_single(), values.collect()))
        }
        ListRemoveBy(pick) => {
            let found = chosen(operation, pick, items)?;
            let gone = found.iter().rev().map(|i| items.remove(*i));
            let mut gone: Vec<Value> = gone.collect();
            gone.reverse();
            Ok(answer(pick.is_single(), gone))
        }
        ListPop => {
            let at = place(operation, items.len())?;
            Ok(Some(items.remove(at)))
        }
        ListRemove => {
            let at = place(operation, items.len())?;
            items.remove(at);
            Ok(Some(Value::Integer(1)))
        }
        ListPopRange => {
            let range = range(operation, items.len());
            Ok(Some(Value::List(items.drain(range).collect())))
        }
        ListRemoveRange => {
            let range = range(operation, items.len());
            Ok(Some(Value::Integer(items.drain(range).count() as i64)))
        }
        ListTrim => {
            let kept = items[range(operation, items.len())].to_vec();
            let gone = items.len() - kept.len();
            items.items = kept;
            Ok(Some(Value::Integer(gone as i64)))
        }
        ListClear => {
            items.clear();
            Ok(None)
        }
        _ => add(operation, items),
    }
}

fn add(operation: &Operation, items: &mut Vec<Value>) -> SqlResult<Option<Value>> {
    let given = |i: usize| match operation.arg(i) {
        Value::List(list) => list.items.clone(),
        _ => Vec::new(),
    };
    match operation.verb {
        Verb::ListAppend => items.push(operation.arg(0).clone()),
        Verb::ListAppendItems => items.extend(given(0)),
        Verb::ListInsert => {
            let at = padded(operation, items, 0)?;
            items.insert(at, operation.arg(1).clone());
        }
        Verb::ListInsertItems => {
            let at = padded(operation, items, 0)?;
            items.splice(at..at, given(1));
        }
        Verb::ListSet => {
            let at = padded(operation, items, 1)?;
            items[at] = operation.arg(1).clone();
            return Ok(None);
        }
        _ => {
            let at = place(operation, items.len())?;
            items[at] = sum(operation, &items[at], operation.arg(1))?;
            return Ok(Some(items[at].clone()));
        }
    }
    Ok(size(items))
}

/// The place that the first argument means; a place behind the end is filled up to with nil, and
/// with `more` behind it.
fn padded(operation: &Operation, items: &mut Vec<Value>, more: usize) -> SqlResult<usize> {
    let index = operation.index(0).unwrap_or(0);
    if index < 0 {
        return place(operation, items.len());
    }
    // An element takes a byte at least, so no record holds a longer list.
    let at = usize::try_from(index).ok().filter(|at| *at < limits::RECORD_SIZE_MAX);
    let at = at.ok_or_else(|| {
        SqlError::new("54000", format!("a list of {index} elements is too long for a record"))
    })?;
    if items.len() < at + more {
        items.resize(at + more, Value::Nil);
    }
    Ok(at)
}

fn chosen(
    operation: &Operation,
    pick: super::collection::Pick,
    items: &[Value],
) -> SqlResult<Vec<usize>> {
    let elements: Vec<(&Value, &Value)> = items.iter().map(|item| (&Value::Nil, item)).collect();
    picked(operation, pick, &elements)
}

fn answer(single: bool, mut values: Vec<Value>) -> Option<Value> {
    match single {
        true => values.pop(),
        false => Some(Value::list(values)),
    }
}

fn size(items: &[Value]) -> Option<Value> {
    Some(Value::Integer(items.len() as i64))
}
