//! Operations on maps. What is read or removed is answered as a map of keys and values, as aql
//! asks for it.

use model::Value;

use super::collection::{picked, sum};
use super::names::Verb;
use super::{MapWrite, Operation};
use crate::{SqlError, SqlResult};

pub(super) fn run(operation: &Operation, bin: &mut Option<Value>) -> SqlResult<Option<Value>> {
    use Verb::*;
    let adds =
        matches!(operation.verb, MapPut | MapPutItems | MapIncrement | MapDecrement | MapSetType);
    let pairs = match bin {
        Some(Value::Map(pairs)) => pairs,
        Some(other) => return Err(operation.kind_error(other, "map")),
        None if !adds => return Ok(None),
        None => match bin.insert(Value::map([])) {
            Value::Map(pairs) => pairs,
            _ => return Ok(None),
        },
    };
    match operation.verb {
        MapSize => {}
        MapGetBy(pick) => {
            let found = chosen(operation, pick, pairs)?;
            return Ok(Some(Value::map(found.iter().map(|i| pairs[*i].clone()))));
        }
        MapRemoveBy(pick) => {
            let found = chosen(operation, pick, pairs)?;
            let mut gone: Vec<_> = found.iter().rev().map(|i| pairs.remove(*i)).collect();
            gone.reverse();
            return Ok(Some(Value::map(gone)));
        }
        MapClear => {
            pairs.clear();
            return Ok(None);
        }
        MapSetType => return Ok(None),
        MapPutItems => {
            if let Value::Map(items) = operation.arg(0) {
                for (key, value) in items {
                    put(operation, pairs, key, value.clone())?;
                }
            }
        }
        MapIncrement | MapDecrement => {
            let key = operation.arg(0);
            let delta = delta(operation)?;
            let old = pairs.iter().find(|(known, _)| known == key).map(|(_, value)| value);
            let new = old.map_or(Ok(delta.clone()), |old| sum(operation, old, &delta))?;
            put(operation, pairs, key, new.clone())?;
            return Ok(Some(new));
        }
        _ => put(operation, pairs, operation.arg(0), operation.arg(1).clone())?,
    }
    Ok(Some(Value::Integer(pairs.len() as i64)))
}

fn delta(operation: &Operation) -> SqlResult<Value> {
    match (operation.verb, operation.arg(1)) {
        (Verb::MapDecrement, Value::Integer(n)) => {
            let error = || SqlError::new("22003", "bigint out of range");
            Ok(Value::Integer(n.checked_neg().ok_or_else(error)?))
        }
        (Verb::MapDecrement, Value::Double(d)) => Ok(Value::Double(-d)),
        (_, other) => Ok(other.clone()),
    }
}

/// Puts a pair in its place, as far as the policy allows.
fn put(
    operation: &Operation,
    pairs: &mut Vec<(Value, Value)>,
    key: &Value,
    value: Value,
) -> SqlResult<()> {
    if !matches!(key, Value::Integer(_) | Value::String(_) | Value::Blob(_)) {
        return Err(SqlError::new("42804", format!("a {} is no key of a map", key.value_type()))
            .hint("integer, text and bytes can be keys"));
    }
    let refused = |sqlstate, what: &str| {
        let message = format!("key {} {what}", model::json::print(key));
        Err(SqlError::new(sqlstate, message)
            .detail(format!("The map is bin \"{}\".", operation.name()))
            .hint("AS_MAP_UPDATE writes a key that is there and one that is not"))
    };
    match (pairs.binary_search_by(|(known, _)| known.cmp(key)), operation.write) {
        (Ok(_), MapWrite::CreateOnly) => refused("23505", "already exists"),
        (Err(_), MapWrite::UpdateOnly) => refused("02000", "does not exist"),
        (Ok(at), _) => {
            pairs[at].1 = value;
            Ok(())
        }
        (Err(at), _) => {
            pairs.insert(at, (key.clone(), value));
            Ok(())
        }
    }
}

fn chosen(
    operation: &Operation,
    pick: super::collection::Pick,
    pairs: &[(Value, Value)],
) -> SqlResult<Vec<usize>> {
    let elements: Vec<(&Value, &Value)> = pairs.iter().map(|(key, value)| (key, value)).collect();
    picked(operation, pick, &elements)
}
