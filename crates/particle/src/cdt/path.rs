//! Paths: operations on many elements at once, at any depth, that expressions choose.
//!
//! A path has levels. Each says which elements of a collection it goes on with: one, as a context
//! does, those of some keys, or all for which an expression holds, which sees each element as its loop
//! variables. What the last level chooses is answered, or changed as another expression says.
//!
//! An expression here knows the element, not the record around it, and has no path in it. All
//! expressions of an operation share the steps that one evaluation may take.

use model::limits::{self, NESTING_MAX, RECORD_SIZE_MAX};
use model::msgpack::{Arg, Reader, encode};
use model::{ErrorKind, List, ListOrder, Map, Result, Value};

use super::context::{By, place};
use super::op::Pick;
use super::payload::{self, Edit, Op, Read};
use super::select::picked;
use super::{args, error};
use crate::exp::{Element, ElementResult, Expression};

/// Kind of a level: the elements for which an expression holds.
const FILTER: i64 = 0x04;
/// Flag of such a kind: not of all elements, but of those that the level before has chosen.
const AND: i64 = 0x200;
/// Kind of a level: the pairs of these keys.
const KEYS: i64 = 0x2a;
/// What is answered, in the flags of an operation.
const GIVE: i64 = 0x3;
/// Flag of an operation that changes elements.
const APPLY: i64 = 0x04;
/// Flag of an operation: elements of the wrong type are left alone.
const NO_FAIL: i64 = 0x10;

/// A path.
#[derive(Debug)]
struct Path {
    levels: Vec<Level>,
    no_fail: bool,
}

/// An operation that answers something of the elements that a path leads to.
#[derive(Debug)]
pub(super) struct Select {
    path: Path,
    give: Give,
}

/// An operation that makes something else of the elements that a path leads to.
#[derive(Debug)]
pub(super) struct Apply {
    path: Path,
    makes: Expression,
}

/// What is answered of the elements.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Give {
    /// The collection that they are in, without what was not chosen.
    Tree,
    /// Their values.
    Values,
    /// Their keys.
    Keys,
    /// Their keys and values, one behind the other.
    Pairs,
}

#[derive(Debug)]
struct Level {
    which: Which,
    and: Option<Expression>,
}

#[derive(Debug)]
enum Which {
    One(By),
    Keys(Vec<Arg>),
    Fitting(Expression),
}

/// Reads `path, flags [, expression]`, which are `count` arguments.
pub(super) fn decode(reader: &mut Reader, count: usize) -> Result<Op> {
    let levels = levels(reader)?;
    let flags = reader.integer()?;
    let path = Path { levels, no_fail: flags & NO_FAIL != 0 };
    match (flags & !(NO_FAIL | GIVE), count) {
        (0, 2) => {
            let give = match flags & GIVE {
                0 => Give::Tree,
                1 => Give::Values,
                2 => Give::Keys,
                _ => Give::Pairs,
            };
            Ok(Op::Read(Read::Path(Select { path, give })))
        }
        (APPLY, 3) => Ok(Op::Edit(Edit::Path(Apply { path, makes: expression(reader)? }))),
        _ => {
            let detail = format!("{flags:#x} are no flags of a path with {count} arguments");
            Err(error(ErrorKind::Parameter, detail))
        }
    }
}

impl Select {
    /// The answer of a list or a map.
    pub(super) fn of(&self, root: &Value, steps: &mut u64) -> Result<Value> {
        let mut walk = Walk::of(&self.path, steps);
        if self.give == Give::Tree {
            return walk.tree(root, &self.path.levels);
        }
        let mut found = Vec::new();
        walk.collect(root, &self.path.levels, self.give, &mut found)?;
        Ok(Value::list(found))
    }
}

impl Apply {
    /// Changes the elements of a list or a map.
    pub(super) fn to(&self, root: &mut Value, steps: &mut u64) -> Result<()> {
        Walk::of(&self.path, steps).apply(root, &self.path.levels, &self.makes)?;
        limits::check_value(root)
    }
}

fn levels(reader: &mut Reader) -> Result<Vec<Level>> {
    let count = payload::pairs_of_context(reader)?;
    let mut levels: Vec<Level> = Vec::new();
    for _ in 0..count {
        let kind = reader.integer()?;
        let which = match kind {
            FILTER => Which::Fitting(expression(reader)?),
            KEYS => Which::Keys(args::list(reader)?),
            _ if kind == FILTER | AND => {
                let and = Some(expression(reader)?);
                match levels.last_mut() {
                    Some(level @ Level { which: Which::One(_) | Which::Keys(_), and: None }) => {
                        level.and = and;
                    }
                    _ => {
                        let detail = "a further filter follows one level without any expression";
                        return Err(error(ErrorKind::Parameter, detail));
                    }
                }
                continue;
            }
            _ => Which::One(payload::step_of(kind, reader)?.by),
        };
        levels.push(Level { which, and: None });
    }
    if levels.is_empty() || levels.len() > NESTING_MAX {
        let detail = format!("a path has 1 to {NESTING_MAX} levels, not {}", levels.len());
        return Err(error(ErrorKind::Parameter, detail));
    }
    Ok(levels)
}

/// An expression: as such, or in the bytes of a blob, as contexts of indexes have it.
fn expression(reader: &mut Reader) -> Result<Expression> {
    let bytes = reader.element()?;
    match bytes.first() {
        Some(0xc4..=0xc6) => Expression::decode_in_path(Reader::new(bytes).raw()?),
        _ => Expression::decode_in_path(bytes),
    }
}

/// One operation on its way.
struct Walk<'s> {
    no_fail: bool,
    /// Steps of expressions that are left.
    steps: &'s mut u64,
    /// Bytes that changed elements may still take.
    room: usize,
}

impl<'s> Walk<'s> {
    fn of(path: &Path, steps: &'s mut u64) -> Walk<'s> {
        Walk { no_fail: path.no_fail, steps, room: RECORD_SIZE_MAX }
    }

    fn tree(&mut self, value: &Value, levels: &[Level]) -> Result<Value> {
        let Some((level, rest)) = levels.split_first() else { return Ok(value.clone()) };
        let places = self.chosen(value, level)?;
        match value {
            Value::List(list) => {
                let items = places.iter().map(|at| self.tree(&list[*at], rest));
                let items = items.collect::<Result<Vec<_>>>()?;
                Ok(Value::List(List::new(items, list.order)))
            }
            Value::Map(map) => {
                let pairs = places.iter().map(|at| {
                    let (key, value) = &map[*at];
                    Ok((key.clone(), self.tree(value, rest)?))
                });
                Ok(Value::Map(Map::new(pairs.collect::<Result<Vec<_>>>()?, map.order)))
            }
            other => Ok(other.clone()),
        }
    }

    fn collect(
        &mut self,
        value: &Value,
        levels: &[Level],
        give: Give,
        found: &mut Vec<Value>,
    ) -> Result<()> {
        let Some((level, rest)) = levels.split_first() else { return Ok(()) };
        for at in self.chosen(value, level)? {
            let (key, value) = element(value, at);
            if !rest.is_empty() {
                self.collect(value, rest, give, found)?;
                continue;
            }
            match (give, key) {
                (Give::Keys, Some(key)) => found.push(key.clone()),
                (Give::Pairs, Some(key)) => found.extend([key.clone(), value.clone()]),
                (Give::Keys | Give::Pairs, None) => {
                    self.wrong("the elements of a list have no keys")?;
                }
                _ => found.push(value.clone()),
            }
        }
        Ok(())
    }

    fn apply(&mut self, value: &mut Value, levels: &[Level], makes: &Expression) -> Result<()> {
        let Some((level, rest)) = levels.split_first() else { return Ok(()) };
        let places = self.chosen(value, level)?;
        let mut removed = Vec::new();
        for at in places {
            if !rest.is_empty() {
                self.apply(element_mut(value, at), rest, makes)?;
                continue;
            }
            match self.evaluate(makes, value, at) {
                ElementResult::Value(new) => {
                    let size = encode(&new).len();
                    self.room = self.room.checked_sub(size).ok_or_else(|| {
                        let detail = "the changed elements are too large for a record together";
                        error(ErrorKind::RecordTooBig, detail)
                    })?;
                    *element_mut(value, at) = new;
                }
                ElementResult::Remove => removed.push(at),
                ElementResult::Unknown => self.wrong("the expression has no value for one")?,
            }
        }
        remove(value, &removed);
        match value {
            Value::List(list) if list.order == ListOrder::Ordered => list.sort(),
            _ => {}
        }
        Ok(())
    }

    /// The places of the elements that a level chooses.
    fn chosen(&mut self, value: &Value, level: &Level) -> Result<Vec<usize>> {
        let places = match (&level.which, value) {
            (Which::Fitting(_), Value::List(list)) => (0..list.len()).collect(),
            (Which::Fitting(_), Value::Map(map)) => (0..map.len()).collect(),
            (Which::Keys(keys), Value::Map(map)) => {
                picked(map, &Pick::Keys(keys.clone()), false)?.places
            }
            (Which::One(by @ By::List(_)), Value::List(_))
            | (Which::One(by @ By::Map(_)), Value::Map(_)) => {
                place(value, by)?.into_iter().collect()
            }
            (_, other) => {
                self.wrong(&format!("a level of the path leads into a {}", other.value_type()))?;
                Vec::new()
            }
        };
        let filters = level.and.iter().chain(match &level.which {
            Which::Fitting(filter) => Some(filter),
            _ => None,
        });
        let mut chosen = places;
        for filter in filters {
            let mut fitting = Vec::new();
            for at in chosen {
                match self.evaluate(filter, value, at) {
                    ElementResult::Value(Value::Bool(true)) => fitting.push(at),
                    ElementResult::Value(Value::Bool(false)) => {}
                    _ => self.wrong("a filter is neither true nor false for an element")?,
                }
            }
            chosen = fitting;
        }
        Ok(chosen)
    }

    fn evaluate(&mut self, expression: &Expression, of: &Value, at: usize) -> ElementResult {
        let (key, value) = element(of, at);
        expression.of_element(Element { key, value, index: at }, None, self.steps)
    }

    /// An element has the wrong type: an error, unless those are to be left alone.
    fn wrong(&self, detail: &str) -> Result<()> {
        if self.no_fail { Ok(()) } else { Err(error(ErrorKind::NotApplicable, detail)) }
    }
}

/// The element at a place, which is there, with its key if it has one.
fn element(of: &Value, at: usize) -> (Option<&Value>, &Value) {
    match of {
        Value::List(list) => (None, &list[at]),
        Value::Map(map) => (Some(&map[at].0), &map[at].1),
        other => (None, other),
    }
}

fn element_mut(of: &mut Value, at: usize) -> &mut Value {
    match of {
        Value::List(list) => &mut list[at],
        Value::Map(map) => &mut map[at].1,
        other => other,
    }
}

/// Removes the elements at these ascending places.
fn remove(of: &mut Value, places: &[usize]) {
    let mut gone = vec![false; places.last().map_or(0, |last| last + 1)];
    places.iter().for_each(|at| gone[*at] = true);
    let mut gone = gone.into_iter();
    match of {
        Value::List(list) => list.retain(|_| !gone.next().unwrap_or(false)),
        Value::Map(map) => map.retain(|_| !gone.next().unwrap_or(false)),
        _ => {}
    }
}
