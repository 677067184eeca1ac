//! What a query asks of a secondary index, and which index answers.

use model::{Catalog, Collection, IndexDef, IndexSource, IndexType, Value};
use store::IndexRange;
use wire::query::{ValueRange, range};
use wire::{Field, Fields, code};

use super::ask::{Refused, refused};

/// What a query asks of an index.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    /// The index, where it is named.
    name: Option<&'a str>,
    values: ValueRange<'a>,
    collection: Collection,
    context: Option<&'a [u8]>,
    expression: Option<&'a [u8]>,
}

/// An index, and the range of it that is asked for.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) index: String,
    pub(super) range: IndexRange,
}

impl<'a> Asked<'a> {
    /// What the fields of a message ask of an index, if they do.
    pub(super) fn of(fields: &Fields<'a>) -> Result<Option<Asked<'a>>, Refused> {
        let some = |field| fields.get(field).filter(|data| !data.is_empty());
        let Some(values) = range(fields).map_err(refused)? else {
            let others = [Field::INDEX_NAME, Field::INDEX_CONTEXT, Field::INDEX_EXPRESSION];
            let lone = others.into_iter().any(|field| some(field).is_some());
            return if lone { Err(code::PARAMETER) } else { Ok(None) };
        };
        let collection = match fields.get(Field::INDEX_TYPE) {
            None | Some([0]) => Collection::Scalar,
            Some([1]) => Collection::List,
            Some([2]) => Collection::MapKeys,
            Some([3]) => Collection::MapValues,
            Some(_) => return Err(code::PARAMETER),
        };
        let name = fields.text(Field::INDEX_NAME).map_err(refused)?;
        Ok(Some(Asked {
            name: name.filter(|name| !name.is_empty()),
            values,
            collection,
            context: some(Field::INDEX_CONTEXT),
            expression: some(Field::INDEX_EXPRESSION),
        }))
    }

    /// The index that answers for these records: one of the set itself before one of all sets.
    pub(super) fn source(
        &self,
        catalog: &Catalog,
        namespace: &str,
        set: Option<&str>,
    ) -> Result<Source, Refused> {
        let (value_type, range) = self.range()?;
        let indexes = catalog.indexes(namespace).iter().map(|index| &index.def);
        let holds = indexes.filter(|def| {
            let of_set = def.set.is_none() || def.set.as_deref() == set;
            of_set && def.value_type == value_type && self.is_about(def)
        });
        let best = holds.max_by_key(|def| def.set.is_some()).ok_or(code::INDEX_NOT_FOUND)?;
        Ok(Source { index: best.name.to_string(), range })
    }

    fn is_about(&self, def: &IndexDef) -> bool {
        if let Some(name) = self.name {
            return *def.name == *name && def.collection == self.collection;
        }
        let same = match (&def.source, self.expression) {
            (IndexSource::Expression(own), Some(asked)) => **own == *asked,
            (IndexSource::Bin { bin, context }, None) => {
                **bin == *self.values.bin && context.as_deref() == self.context
            }
            _ => false,
        };
        same && def.collection == self.collection && def.filter.is_none()
    }

    /// The range, and the type of the values in it.
    fn range(&self) -> Result<(IndexType, IndexRange), Refused> {
        let ValueRange { low, high, .. } = &self.values;
        let between = || {
            let (low, high) = (low.clone(), high.clone());
            IndexRange::Between(std::ops::Bound::Included(low), std::ops::Bound::Included(high))
        };
        Ok(match (low, high) {
            (Value::Integer(a), Value::Integer(b)) if a == b => {
                (IndexType::Integer, IndexRange::Equal(low.clone()))
            }
            (Value::Integer(_), Value::Integer(_)) => (IndexType::Integer, between()),
            (Value::Double(_), Value::Double(_)) => (IndexType::Double, between()),
            (Value::Bool(_), Value::Bool(_)) => (IndexType::Bool, between()),
            (Value::String(_), Value::String(_)) => (IndexType::String, between()),
            (Value::Blob(_), Value::Blob(_)) => (IndexType::Blob, between()),
            (Value::GeoJson(text), _) => {
                let shape = model::json::parse(text).ok();
                let known = shape.and_then(|shape| particle::geo::Shape::of(&shape));
                known.ok_or(code::GEO_JSON)?;
                (IndexType::Geo, IndexRange::Geo(text.clone()))
            }
            _ => return Err(code::PARAMETER),
        })
    }
}
