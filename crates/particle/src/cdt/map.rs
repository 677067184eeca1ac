//! Operations on a map.

use model::{ErrorKind, Map, Result, Value};

use super::answer::{Answer, answer, count};
use super::error;
use super::list::take_out;
use super::number::{sum, zero_for};
use super::op::{MapEdit, MapFlags, MapRead, Pick, Return};
use super::select::picked;

/// Answers what is asked of a map.
pub(super) fn read(map: &Map, read: &MapRead) -> Result<Option<Answer>> {
    match read {
        MapRead::Size => Ok(count(map.len())),
        MapRead::By(pick, give) => answer(map, &picked(map, pick, give.inverted)?, give.what),
    }
}

/// Does something to a map. Where it fails, the map may have changed.
pub(super) fn edit(map: &mut Map, edit: MapEdit) -> Result<Option<Answer>> {
    match edit {
        MapEdit::SetOrder(order) => map.order = order,
        MapEdit::Put { pairs, flags, .. } => return put(map, pairs, flags),
        MapEdit::Add { key, by, .. } => return add(map, key, &by),
        MapEdit::Clear => map.clear(),
        MapEdit::RemoveBy(pick, give) => return remove(map, &pick, give),
    }
    Ok(None)
}

/// The map that an operation makes where there is none; `None` if it does not make one.
pub(super) fn made_for(edit: &MapEdit) -> Option<Map> {
    match edit {
        MapEdit::SetOrder(order) | MapEdit::Put { order, .. } | MapEdit::Add { order, .. } => {
            Some(Map::new(Vec::new(), *order))
        }
        MapEdit::Clear | MapEdit::RemoveBy(..) => None,
    }
}

fn put(map: &mut Map, pairs: Vec<(Value, Value)>, flags: MapFlags) -> Result<Option<Answer>> {
    pairs.iter().try_for_each(|(key, _)| check_key(key))?;
    let mut pairs = admitted(map, pairs, flags)?;
    if pairs.len() == 1 {
        let (key, value) = pairs.remove(0);
        match map.find(&key) {
            Ok(at) => map[at].1 = value,
            Err(at) => map.insert(at, (key, value)),
        }
    } else if !pairs.is_empty() {
        let mut all = std::mem::take(&mut map.pairs);
        all.append(&mut pairs);
        // Of equal keys the later ones stay: those that are put.
        *map = Map::new(all, map.order);
    }
    Ok(count(map.len()))
}

/// The pairs that may be put.
fn admitted(
    map: &Map,
    mut pairs: Vec<(Value, Value)>,
    flags: MapFlags,
) -> Result<Vec<(Value, Value)>> {
    let refused = |key: &Value| match map.find(key) {
        Ok(_) if flags.create_only => Some((ErrorKind::ElementExists, "is there already")),
        Err(_) if flags.update_only => Some((ErrorKind::ElementNotFound, "is not there")),
        _ => None,
    };
    let Some((kind, wrong)) = pairs.iter().find_map(|(key, _)| refused(key)) else {
        return Ok(pairs);
    };
    match (flags.no_fail, flags.partial) {
        (false, _) => Err(error(kind, format!("a key that is put {wrong}"))),
        (true, false) => Ok(Vec::new()),
        (true, true) => {
            pairs.retain(|(key, _)| refused(key).is_none());
            Ok(pairs)
        }
    }
}

fn add(map: &mut Map, key: Value, by: &Value) -> Result<Option<Answer>> {
    check_key(&key)?;
    let value = match map.find(&key) {
        Ok(at) => {
            map[at].1 = sum(&map[at].1, by)?;
            map[at].1.clone()
        }
        Err(at) => {
            let value = sum(&zero_for(by), by)?;
            map.insert(at, (key, value.clone()));
            value
        }
    };
    Ok(Some(value.into()))
}

fn remove(map: &mut Map, pick: &Pick, give: Return) -> Result<Option<Answer>> {
    let picked = picked(map, pick, give.inverted)?;
    let answer = answer(map, &picked, give.what)?;
    take_out(&mut map.pairs, &picked);
    Ok(answer)
}

/// Checks that a value may be a key, as Aerospike's maps have them.
pub(super) fn check_key(key: &Value) -> Result<()> {
    match key {
        Value::Integer(_) | Value::String(_) | Value::Blob(_) => Ok(()),
        other => {
            let detail = format!(
                "a {} is no key of a map; integers, strings and blobs are",
                other.value_type()
            );
            Err(error(ErrorKind::Parameter, detail))
        }
    }
}
