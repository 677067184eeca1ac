//! The value of a tree on a record.

use std::cmp::Ordering;
use std::rc::Rc;

use model::msgpack::Arg;
use model::{Key, Value};

use super::tree::{Comparison, Field, Node, Part, Type};
use super::{Bins, Element, Meta, STEPS_MAX, arithmetic, call};
use crate::geo::Shape;

/// What a node gave.
#[derive(Debug, Clone)]
pub(super) enum Computed<'a> {
    /// Nothing is known.
    Unknown,
    /// The element is to be removed.
    Remove,
    /// Infinity, wildcard, or a list with one of them.
    Pattern(&'a Arg),
    /// A value of the expression or the record.
    Borrowed(&'a Value),
    /// A value of its own.
    Owned(Value),
    /// The value of a variable.
    Shared(Rc<Value>),
}

impl<'a> Computed<'a> {
    pub(super) fn value(&self) -> Option<&Value> {
        match self {
            Computed::Borrowed(value) => Some(value),
            Computed::Owned(value) => Some(value),
            Computed::Shared(value) => Some(value),
            Computed::Unknown | Computed::Remove | Computed::Pattern(_) => None,
        }
    }

    pub(super) fn into_value(self) -> Option<Value> {
        match self {
            Computed::Owned(value) => Some(value),
            other => other.value().cloned(),
        }
    }

    /// Whether it is true; `None` if that is not known.
    pub(super) fn truth(&self) -> Option<bool> {
        match self.value() {
            Some(Value::Bool(truth)) => Some(*truth),
            _ => None,
        }
    }

    fn owned(value: Option<Value>) -> Computed<'a> {
        value.map_or(Computed::Unknown, Computed::Owned)
    }

    fn of_truth(truth: Option<bool>) -> Computed<'a> {
        Computed::owned(truth.map(Value::Bool))
    }

    /// The value, if it has this type.
    fn of_type(self, wanted: Type) -> Computed<'a> {
        match self.value() {
            Some(value) if Type::of(value).fits(wanted) => self,
            _ => Computed::Unknown,
        }
    }

    /// To be named by a variable: what is its own is shared from here on.
    fn shared(self) -> Computed<'a> {
        match self {
            Computed::Owned(value) => Computed::Shared(Rc::new(value)),
            other => other,
        }
    }
}

/// One evaluation.
pub(super) struct Evaluation<'a> {
    meta: Meta<'a>,
    bins: Option<&'a dyn Bins>,
    element: Option<Element<'a>>,
    variables: Vec<Computed<'a>>,
    steps: u64,
}

impl<'a> Evaluation<'a> {
    pub(super) fn new(
        meta: Meta<'a>,
        bins: Option<&'a dyn Bins>,
        element: Option<Element<'a>>,
    ) -> Evaluation<'a> {
        Evaluation { meta, bins, element, variables: Vec::new(), steps: STEPS_MAX }
    }

    /// The evaluation with so many steps.
    pub(super) fn with_steps(self, steps: u64) -> Evaluation<'a> {
        Evaluation { steps, ..self }
    }

    /// The steps that are left.
    pub(super) fn steps(&mut self) -> &mut u64 {
        &mut self.steps
    }

    /// Takes steps; whether there were as many left.
    pub(super) fn spend(&mut self, steps: u64) -> bool {
        let enough = self.steps >= steps;
        self.steps = self.steps.saturating_sub(steps);
        enough
    }

    pub(super) fn run(&mut self, node: &'a Node) -> Computed<'a> {
        if !self.spend(1) {
            return Computed::Unknown;
        }
        match node {
            Node::Unknown => Computed::Unknown,
            Node::Remove => Computed::Remove,
            Node::Literal(value) => Computed::Borrowed(value),
            Node::Pattern(arg) => Computed::Pattern(arg),
            Node::Compare(how, sides) => self.compare(*how, sides),
            Node::Regex(regex, text) => self.regex(regex, text),
            Node::Geo(sides) => self.geo(sides),
            Node::InList(sides) => self.in_list(sides),
            Node::And(nodes) => Computed::of_truth(self.all(nodes, true)),
            Node::Or(nodes) => Computed::of_truth(self.all(nodes, false)),
            Node::Not(node) => Computed::of_truth(self.run(node).truth().map(|truth| !truth)),
            Node::Exclusive(nodes) => self.exclusive(nodes),
            Node::Compute(what, nodes) => {
                let numbers: Vec<_> = nodes.iter().map(|node| self.run(node)).collect();
                let values: Option<Vec<_>> = numbers.iter().map(Computed::value).collect();
                Computed::owned(values.and_then(|values| arithmetic::compute(*what, &values)))
            }
            Node::DigestModulo(modulo) => self.digest_modulo(*modulo),
            Node::Meta(field) => Computed::owned(self.field(*field)),
            Node::Key(wanted) => {
                let key = self.bins.and_then(|bins| bins.key()).map(key_value);
                Computed::owned(key).of_type(*wanted)
            }
            Node::Bin(wanted, name) => {
                let value = self.bins.and_then(|bins| bins.bin(name));
                value.map_or(Computed::Unknown, Computed::Borrowed).of_type(*wanted)
            }
            Node::BinType(name) => Computed::owned(self.bins.map(|bins| {
                Value::Integer(bins.bin(name).map_or(0, |value| value.value_type() as i64))
            })),
            Node::MapKeys(map) => self.of_pairs(map, |(key, _)| key.clone()),
            Node::MapValues(map) => self.of_pairs(map, |(_, value)| value.clone()),
            Node::Loop(wanted, part) => self.loop_variable(*part).of_type(*wanted),
            Node::Cond(branches, otherwise) => self.cond(branches, otherwise),
            Node::Variable(at) => self.variables.get(*at).cloned().unwrap_or(Computed::Unknown),
            Node::Let(definitions, scope) => {
                let outside = self.variables.len();
                for definition in definitions {
                    let value = self.run(definition).shared();
                    self.variables.push(value);
                }
                let result = self.run(scope);
                self.variables.truncate(outside);
                result
            }
            Node::Call(call) => {
                let result = Computed::owned(call::run(self, call));
                result.of_type(call.result)
            }
        }
    }

    /// `and` with `neutral` true, `or` with it false: the other one decides alone.
    fn all(&mut self, nodes: &'a [Node], neutral: bool) -> Option<bool> {
        let mut known = true;
        for node in nodes {
            match self.run(node).truth() {
                Some(truth) if truth != neutral => return Some(truth),
                Some(_) => {}
                None => known = false,
            }
        }
        known.then_some(neutral)
    }

    /// True if exactly one is.
    fn exclusive(&mut self, nodes: &'a [Node]) -> Computed<'a> {
        let truths: Option<Vec<bool>> = nodes.iter().map(|node| self.run(node).truth()).collect();
        Computed::of_truth(truths.map(|all| all.into_iter().filter(|truth| *truth).count() == 1))
    }

    /// A test that is unknown makes the whole unknown: a later branch must not be taken for it.
    fn cond(&mut self, branches: &'a [(Node, Node)], otherwise: &'a Node) -> Computed<'a> {
        for (test, action) in branches {
            match self.run(test).truth() {
                Some(true) => return self.run(action),
                Some(false) => {}
                None => return Computed::Unknown,
            }
        }
        self.run(otherwise)
    }

    fn compare(&mut self, how: Comparison, [left, right]: &'a [Node; 2]) -> Computed<'a> {
        let (left, right) = (self.run(left), self.run(right));
        let order = match (&left, &right) {
            (Computed::Pattern(pattern), other) => {
                other.value().map(|value| pattern.order_of(value).reverse()).map(Some)
            }
            (other, Computed::Pattern(pattern)) => {
                other.value().map(|value| pattern.order_of(value)).map(Some)
            }
            _ => left.value().zip(right.value()).map(|(left, right)| {
                self.spend(length(left).min(length(right)));
                arithmetic::order(left, right)
            }),
        };
        Computed::of_truth(order.map(|order| holds(how, order)))
    }

    fn regex(&mut self, regex: &regex::Regex, text: &'a Node) -> Computed<'a> {
        let text = self.run(text);
        match text.value() {
            Some(Value::String(text)) if self.spend(text.len() as u64) => {
                Computed::Owned(Value::Bool(regex.is_match(text)))
            }
            _ => Computed::Unknown,
        }
    }

    /// Whether a point is in a region, whichever of the two comes first.
    fn geo(&mut self, [left, right]: &'a [Node; 2]) -> Computed<'a> {
        let (left, right) = (self.run(left), self.run(right));
        let size = [&left, &right].iter().filter_map(|side| side.value()).map(length).sum();
        if !self.spend(size) {
            return Computed::Unknown;
        }
        let shape = |side: &Computed| side.value().and_then(Shape::of);
        let inside = shape(&left)
            .zip(shape(&right))
            .map(|(left, right)| left.contains(&right) || right.contains(&left));
        Computed::of_truth(inside)
    }

    fn in_list(&mut self, [item, list]: &'a [Node; 2]) -> Computed<'a> {
        let (item, list) = (self.run(item), self.run(list));
        match (item.value(), list.value()) {
            (Some(item), Some(Value::List(list))) if self.spend(list.items.len() as u64) => {
                let same = |other| arithmetic::order(item, other) == Some(Ordering::Equal);
                Computed::Owned(Value::Bool(list.items.iter().any(same)))
            }
            _ => Computed::Unknown,
        }
    }

    fn of_pairs(&mut self, map: &'a Node, of: fn(&(Value, Value)) -> Value) -> Computed<'a> {
        let map = self.run(map);
        match map.value() {
            Some(all @ Value::Map(map)) if self.spend(weight(all)) => {
                Computed::Owned(Value::list(map.pairs.iter().map(of).collect::<Vec<_>>()))
            }
            _ => Computed::Unknown,
        }
    }

    fn loop_variable(&self, part: Part) -> Computed<'a> {
        match (self.element, part) {
            (None, _) => Computed::Unknown,
            (Some(element), Part::Value) => Computed::Borrowed(element.value),
            (Some(element), Part::Key) => element.key.map_or(Computed::Unknown, Computed::Borrowed),
            (Some(element), Part::Index) => Computed::Owned(Value::Integer(element.index as i64)),
        }
    }

    /// The last four bytes of the digest as a little-endian number, modulo `modulo`.
    fn digest_modulo(&self, modulo: i64) -> Computed<'a> {
        Computed::owned(self.meta.digest.map(|digest| {
            let [.., a, b, c, d] = digest.0;
            Value::Integer(i64::from(u32::from_le_bytes([a, b, c, d])) % modulo)
        }))
    }

    fn field(&self, field: Field) -> Option<Value> {
        let meta = &self.meta;
        let integer = |number: u64| Value::Integer(i64::try_from(number).unwrap_or(i64::MAX));
        match field {
            Field::Size => meta.size.map(|size| integer(size.into())),
            // Records are on a device; what they take in memory is their index entry alone.
            Field::MemorySize => Some(Value::Integer(0)),
            Field::LastUpdate => meta.lut_ms.map(|lut| integer(lut.saturating_mul(1_000_000))),
            Field::SinceUpdate => meta.lut_ms.map(|lut| integer(meta.now_ms.saturating_sub(lut))),
            Field::VoidTime => meta.void_time.map(|void_time| match void_time {
                0 => Value::Integer(-1),
                second => integer(u64::from(second) * 1_000_000_000),
            }),
            Field::TimeToLive => meta.void_time.map(|void_time| match void_time {
                0 => Value::Integer(-1),
                second => integer((u64::from(second) * 1_000).saturating_sub(meta.now_ms) / 1_000),
            }),
            Field::SetName => meta.set.map(|set| Value::String(set.into())),
            Field::KeyExists => meta.key_stored.map(Value::Bool),
            Field::IsTombstone => Some(Value::Bool(meta.tombstone)),
        }
    }
}

/// No order is that of a NaN: only unequal.
fn holds(how: Comparison, order: Option<Ordering>) -> bool {
    match how {
        Comparison::Equal => order == Some(Ordering::Equal),
        Comparison::NotEqual => order != Some(Ordering::Equal),
        Comparison::Greater => order == Some(Ordering::Greater),
        Comparison::GreaterOrEqual => order.is_some_and(Ordering::is_ge),
        Comparison::Less => order == Some(Ordering::Less),
        Comparison::LessOrEqual => order.is_some_and(Ordering::is_le),
    }
}

fn key_value(key: &Key) -> Value {
    match key {
        Key::Integer(number) => Value::Integer(*number),
        Key::String(text) => Value::String(text.to_string()),
        Key::Blob(bytes) => Value::Blob(bytes.to_vec()),
    }
}

/// About how long it takes to look a value through: its bytes or its elements.
pub(super) fn length(value: &Value) -> u64 {
    match value {
        Value::String(text) | Value::GeoJson(text) => text.len() as u64,
        Value::Blob(bytes) | Value::Hll(bytes) => bytes.len() as u64,
        Value::List(list) => list.items.len() as u64,
        Value::Map(map) => map.pairs.len() as u64,
        _ => 1,
    }
}

/// About how many bytes a copy of a value takes, what is inside it included.
pub(super) fn weight(value: &Value) -> u64 {
    let inside = match value {
        Value::List(list) => list.items.iter().map(weight).sum(),
        Value::Map(map) => map.pairs.iter().map(|(key, value)| weight(key) + weight(value)).sum(),
        other => length(other),
    };
    inside + size_of::<Value>() as u64
}
