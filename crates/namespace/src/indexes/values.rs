//! The values under which an index has a record, and which of them a question means.

use std::cmp::Ordering;
use std::ops::Bound;

use model::{Collection, Error, ErrorKind, IndexDef, IndexSource, IndexType, Name, Result, Value};
use particle::cdt::Context;
use particle::exp::{self, Expression};
use particle::geo::Shape;
use store::IndexRange;

use super::Fields;

/// A definition, ready to be asked for the values of a record.
pub(crate) struct Extract {
    source: Source,
    collection: Collection,
    value_type: IndexType,
    filter: Option<Expression>,
}

enum Source {
    Bin(Name, Option<Context>),
    Expression(Expression),
}

impl Extract {
    /// Reads the expressions and the context of a definition.
    pub(crate) fn of(def: &IndexDef) -> Result<Extract> {
        let source = match &def.source {
            IndexSource::Bin { bin, context } => {
                let context = context.as_deref().map(Context::decode).transpose()?;
                Source::Bin(bin.clone(), context)
            }
            IndexSource::Expression(bytes) => Source::Expression(Expression::decode(bytes)?),
        };
        let filter = def.filter.as_deref().map(Expression::decode_filter).transpose()?;
        let computed = match &source {
            Source::Expression(expression) => Some(expression),
            Source::Bin(..) => None,
        };
        if computed.into_iter().chain(&filter).any(|expression| !expression.is_of_content()) {
            let detail = "an index cannot be over a record's size or its times, which change without \
                          a write; leave them out of its expressions";
            return Err(Error::new(ErrorKind::Parameter, detail));
        }
        let (collection, value_type) = (def.collection, def.value_type);
        Ok(Extract { source, collection, value_type, filter })
    }

    /// The one bin that decides everything, if it is so.
    pub(crate) fn only_bin(&self) -> Option<&Name> {
        match (&self.source, &self.filter) {
            (Source::Bin(bin, _), None) => Some(bin),
            _ => None,
        }
    }

    /// Gives `each` the values under which the record is in the index; equal ones may come twice.
    pub(crate) fn each(&self, record: &Fields<'_>, mut each: impl FnMut(&Value)) {
        let meta = exp::Meta {
            digest: Some(record.digest),
            set: Some(record.set),
            key_stored: Some(record.key.is_some()),
            ..exp::Meta::default()
        };
        let view = exp::View { meta, bins: record };
        if self.filter.as_ref().is_some_and(|filter| !filter.holds(&view)) {
            return;
        }
        match &self.source {
            Source::Bin(name, context) => {
                let Some(value) = exp::Bins::bin(record, name) else { return };
                let found = match context {
                    Some(context) => context.find(value),
                    None => Some(value),
                };
                if let Some(value) = found {
                    self.parts(value, &mut each);
                }
            }
            Source::Expression(expression) => {
                if let Some(value) = expression.value(&view) {
                    self.parts(&value, &mut each);
                }
            }
        }
    }

    fn parts(&self, value: &Value, each: &mut impl FnMut(&Value)) {
        let wanted = self.value_type.value_type();
        let one = |value: &Value| {
            if value.value_type() == wanted {
                each(value);
            }
        };
        match (self.collection, value) {
            (Collection::Scalar, value) => [value].into_iter().for_each(one),
            (Collection::List, Value::List(list)) => list.iter().for_each(one),
            (Collection::MapKeys, Value::Map(map)) => map.iter().map(|(key, _)| key).for_each(one),
            (Collection::MapValues, Value::Map(map)) => {
                map.iter().map(|(_, value)| value).for_each(one);
            }
            _ => {}
        }
    }
}

/// A range, ready to be asked whether a value is in it.
#[derive(Debug)]
pub(crate) enum Asked {
    Between(Bound<Value>, Bound<Value>),
    Prefix(Value),
    Shape(Shape),
}

impl Asked {
    /// A range of values of this type.
    pub(crate) fn of(range: &IndexRange, value_type: IndexType) -> Result<Asked> {
        let geo = matches!(range, IndexRange::Geo(_));
        if geo != (value_type == IndexType::Geo) && !is_everything(range) {
            let detail = format!("{range:?} is no range of an index of type {value_type}");
            return Err(Error::new(ErrorKind::Parameter, detail));
        }
        Ok(match range {
            IndexRange::Between(from, to) => Asked::Between(from.clone(), to.clone()),
            IndexRange::Equal(value) => {
                Asked::Between(Bound::Included(value.clone()), Bound::Included(value.clone()))
            }
            IndexRange::Prefix(value) => Asked::Prefix(value.clone()),
            IndexRange::Geo(text) => {
                let shape = Shape::of(&Value::GeoJson(text.clone()));
                Asked::Shape(shape.ok_or_else(|| {
                    let detail = "the text is no GeoJSON of a point, a polygon or a circle";
                    Error::new(ErrorKind::GeoJson, detail)
                })?)
            }
        })
    }

    /// Whether a value of the index is in the range.
    pub(crate) fn holds(&self, value: &Value) -> bool {
        match self {
            Asked::Between(from, to) => {
                let above = match from {
                    Bound::Unbounded => true,
                    Bound::Included(end) => order(value, end).is_some_and(Ordering::is_ge),
                    Bound::Excluded(end) => order(value, end).is_some_and(Ordering::is_gt),
                };
                above
                    && match to {
                        Bound::Unbounded => true,
                        Bound::Included(end) => order(value, end).is_some_and(Ordering::is_le),
                        Bound::Excluded(end) => order(value, end).is_some_and(Ordering::is_lt),
                    }
            }
            Asked::Prefix(start) => match (value, start) {
                (Value::String(value), Value::String(start)) => value.starts_with(start.as_str()),
                (Value::Blob(value), Value::Blob(start)) => value.starts_with(start),
                _ => false,
            },
            Asked::Shape(asked) => Shape::of(value)
                .is_some_and(|shape| asked.contains(&shape) || shape.contains(asked)),
        }
    }
}

fn is_everything(range: &IndexRange) -> bool {
    matches!(range, IndexRange::Between(Bound::Unbounded, Bound::Unbounded))
}

/// The order of values of one type in an index; `None` between types.
pub(crate) fn order(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::Double(a), Value::Double(b)) => Some(plain(*a).total_cmp(&plain(*b))),
        (a, b) => (a.value_type() == b.value_type()).then(|| a.cmp(b)),
    }
}

/// A double whose bits say what it equals: one zero, one NaN, which is greater than everything.
pub(crate) fn plain(double: f64) -> f64 {
    match double {
        d if d.is_nan() => f64::NAN.copysign(1.0),
        0.0 => 0.0,
        d => d,
    }
}
