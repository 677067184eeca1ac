//! Contexts: the way from a bin to the list or the map inside it that an operation is about.

use model::msgpack::{Arg, Reader};
use model::{ErrorKind, List, ListOrder, Map, MapOrder, Result, Value};

use super::error;
use super::list::{PADDED_MAX, pad};
use super::map::check_key;
use super::op::Pick;
use super::payload::context_of;
use super::select::{Elements, picked};

/// A context on its own, as it names the indexed part of a bin.
#[derive(Debug, Clone, PartialEq)]
pub struct Context(Vec<Step>);

impl Context {
    /// The context that these bytes are: the msgpack list of kinds and arguments that clients send.
    pub fn decode(bytes: &[u8]) -> Result<Context> {
        let mut reader = Reader::new(bytes);
        let steps = context_of(&mut reader)?;
        reader.finish()?;
        Ok(Context(steps))
    }

    /// The element that it leads to, if there is one.
    pub fn find<'a>(&self, bin: &'a Value) -> Option<&'a Value> {
        find(bin, &self.0).ok()
    }
}

/// One step from a collection to one of its elements.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Which element.
    pub by: By,
    /// What is made where there is none.
    pub create: Option<Create>,
}

/// Which element of which kind of collection.
#[derive(Debug, Clone, PartialEq)]
pub enum By {
    /// Of a list: by place, rank or value; the first, where several are equal.
    List(Pick),
    /// Of a map: by place, rank, key or value.
    Map(Pick),
}

/// A list or a map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// A list.
    List,
    /// A map.
    Map,
}

/// The collection that is made where a step finds none: a list or a map, as the next step needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Create {
    /// An unordered one.
    Unordered,
    /// An unordered list, with nil before it where its place is behind the end; a map ordered by key.
    PaddedOrKeyOrdered,
    /// An ordered list; a map ordered by key and value.
    Ordered,
}

impl Step {
    fn family(&self) -> Family {
        match self.by {
            By::List(_) => Family::List,
            By::Map(_) => Family::Map,
        }
    }
}

impl Create {
    fn collection(self, family: Family) -> Value {
        match (family, self) {
            (Family::List, Create::Ordered) => {
                Value::List(List { items: Vec::new(), order: ListOrder::Ordered })
            }
            (Family::List, _) => Value::list(Vec::new()),
            (Family::Map, Create::Unordered) => Value::map([]),
            (Family::Map, Create::PaddedOrKeyOrdered) => {
                Value::Map(Map::new(vec![], MapOrder::KeyOrdered))
            }
            (Family::Map, Create::Ordered) => {
                Value::Map(Map::new(vec![], MapOrder::KeyValueOrdered))
            }
        }
    }
}

/// The collection that a path begins in, where the bin is absent and its first step makes something.
pub(super) fn root_for(path: &[Step]) -> Option<Value> {
    let first = path.first()?;
    first.create.map(|_| Create::Unordered.collection(first.family()))
}

/// The value at the end of the path.
pub(crate) fn find<'a>(root: &'a Value, path: &[Step]) -> Result<&'a Value> {
    path.iter().try_fold(root, |value, step| match (value, place(value, &step.by)?) {
        (Value::List(list), Some(at)) => Ok(&list[at]),
        (Value::Map(map), Some(at)) => Ok(&map[at].1),
        _ => Err(nothing_there()),
    })
}

/// Does something to the value at the end of the path, for which `leaf` is made if nothing is there
/// and the last step says so. Lists that are declared ordered stay so.
pub(crate) fn change<T>(
    value: &mut Value,
    path: &[Step],
    leaf: Family,
    does: impl FnOnce(&mut Value) -> Result<T>,
) -> Result<T> {
    change_within(value, path, leaf, PADDED_MAX, does)
}

/// [`change`], where steps may pad lists with up to `room` elements together.
fn change_within<T>(
    value: &mut Value,
    path: &[Step],
    leaf: Family,
    mut room: usize,
    does: impl FnOnce(&mut Value) -> Result<T>,
) -> Result<T> {
    let Some((step, rest)) = path.split_first() else { return does(value) };
    let family = rest.first().map_or(leaf, Step::family);
    let at = found_or_made(value, step, family, &mut room)?;
    match value {
        Value::List(list) => {
            let done = change_within(&mut list[at], rest, leaf, room, does)?;
            if list.order == ListOrder::Ordered {
                move_into_order(list, at);
            }
            Ok(done)
        }
        Value::Map(map) => change_within(&mut map[at].1, rest, leaf, room, does),
        _ => Err(nothing_there()),
    }
}

/// The place that a step leads to; `None` where nothing is.
pub(super) fn place(value: &Value, by: &By) -> Result<Option<usize>> {
    match (value, by) {
        (Value::List(list), By::List(pick)) => first(list, pick),
        (Value::Map(map), By::Map(pick)) => first(map, pick),
        _ => Ok(None),
    }
}

fn first(of: &impl Elements, pick: &Pick) -> Result<Option<usize>> {
    match picked(of, pick, false) {
        Ok(picked) => Ok(picked.places.into_iter().min()),
        Err(error) if error.kind == ErrorKind::NotApplicable => Ok(None),
        Err(error) => Err(error),
    }
}

fn found_or_made(
    value: &mut Value,
    step: &Step,
    family: Family,
    room: &mut usize,
) -> Result<usize> {
    let found = place(value, &step.by)?;
    let Some(create) = step.create else { return found.ok_or_else(nothing_there) };
    match (value, &step.by, found) {
        (Value::List(list), _, Some(at)) => {
            fill(&mut list[at], create, family);
            Ok(at)
        }
        (Value::Map(map), _, Some(at)) => {
            fill(&mut map[at].1, create, family);
            Ok(at)
        }
        (Value::List(list), By::List(Pick::Index(at)), None) => {
            let at = usize::try_from(*at).map_err(|_| nothing_there())?;
            let may_pad = create == Create::PaddedOrKeyOrdered
                && list.order == ListOrder::Unordered
                && at.saturating_sub(list.len()) <= *room;
            if at < list.len() || at > list.len() && !may_pad {
                return Err(nothing_there());
            }
            *room -= at - list.len();
            pad(list, at);
            list.push(create.collection(family));
            Ok(at)
        }
        (Value::Map(map), By::Map(Pick::Key(Arg::Value(key))), None) => {
            check_key(key)?;
            let at = map.find(key).unwrap_or_else(|at| at);
            map.insert(at, (key.clone(), create.collection(family)));
            Ok(at)
        }
        _ => Err(nothing_there()),
    }
}

/// A nil is as good as nothing to a step that makes something.
fn fill(value: &mut Value, create: Create, family: Family) {
    if *value == Value::Nil {
        *value = create.collection(family);
    }
}

/// Moves the element at a place, which has changed, to where it belongs.
fn move_into_order(list: &mut List, at: usize) {
    let in_order = |a: usize, b: usize| list.get(a).zip(list.get(b)).is_none_or(|(a, b)| a <= b);
    if (at == 0 || in_order(at - 1, at)) && in_order(at, at + 1) {
        return;
    }
    let element = list.remove(at);
    let to = list.partition_point(|known| *known <= element);
    list.insert(to, element);
}

fn nothing_there() -> model::Error {
    error(ErrorKind::NotApplicable, "the context leads to nothing: no such element on its way")
}
