//! What a secondary index is over. The index itself is the store's affair.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::{Error, ErrorKind, Name, Result, ValueType, limits};

/// A secondary index of a namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexDef {
    /// Name, unique in its namespace.
    pub name: Name,
    /// The set whose records are in it; `None`: every set of the users.
    pub set: Option<Name>,
    /// Where the indexed value comes from.
    pub source: IndexSource,
    /// What of that value is indexed.
    pub collection: Collection,
    /// The type of the values in it; values of other types are left out.
    pub value_type: IndexType,
    /// An expression of Aerospike's, as msgpack: only records for which it is true are in the index.
    pub filter: Option<Box<[u8]>>,
}

/// Where an indexed value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IndexSource {
    /// A bin.
    Bin {
        /// Its name.
        bin: Name,
        /// The way to an element inside the bin: the msgpack of a context of Aerospike's.
        context: Option<Box<[u8]>>,
    },
    /// What this expression of Aerospike's, as msgpack, gives of the record.
    Expression(Box<[u8]>),
}

/// What of the value is indexed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Collection {
    /// The value itself.
    Scalar,
    /// Each element of a list.
    List,
    /// Each key of a map.
    MapKeys,
    /// Each value of a map.
    MapValues,
}

/// The type of the values in an index. Times and dates are integers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IndexType {
    /// 64-bit integers.
    Integer,
    /// Doubles in PostgreSQL's order: -0 equals 0, NaN is the greatest and equals itself.
    Double,
    /// Strings, in the order of their bytes.
    String,
    /// Blobs, in the order of their bytes.
    Blob,
    /// False before true.
    Bool,
    /// Points and regions on the sphere.
    Geo,
}

/// An index as the catalogue shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogIndex {
    /// What it is over.
    pub def: Arc<IndexDef>,
    /// Whether it is built. Until then the store answers from scans.
    pub ready: bool,
}

impl IndexDef {
    /// Checks names and sizes. What the expressions say is checked by who can evaluate them.
    pub fn check(&self) -> Result<()> {
        limits::check_index(&self.name)?;
        if let Some(set) = &self.set {
            limits::check_set(set)?;
        }
        let mut expressions = vec![self.filter.as_deref()];
        match &self.source {
            IndexSource::Bin { bin, context } => {
                limits::check_bin(bin)?;
                expressions.push(context.as_deref());
            }
            IndexSource::Expression(expression) => expressions.push(Some(expression)),
        }
        let size = expressions.iter().flatten().map(|bytes| bytes.len()).max().unwrap_or(0);
        if size > limits::INDEX_EXPRESSION_MAX {
            let detail = format!(
                "the index {:?} has an expression or a context of {size} bytes; at most {} are allowed",
                self.name,
                limits::INDEX_EXPRESSION_MAX
            );
            return Err(Error::new(ErrorKind::Parameter, detail));
        }
        Ok(())
    }

    /// Whether records of this set may be in the index, as far as the set's name tells.
    pub fn covers(&self, set: &str) -> bool {
        self.set.as_deref().is_none_or(|own| own == set)
    }

    /// The bin that the value comes from, if it comes from one.
    pub fn bin(&self) -> Option<&Name> {
        match &self.source {
            IndexSource::Bin { bin, .. } => Some(bin),
            IndexSource::Expression(_) => None,
        }
    }
}

impl IndexType {
    /// All of them.
    pub const ALL: [IndexType; 6] = [
        IndexType::Integer,
        IndexType::Double,
        IndexType::String,
        IndexType::Blob,
        IndexType::Bool,
        IndexType::Geo,
    ];

    /// The type of the values in such an index.
    pub fn value_type(self) -> ValueType {
        match self {
            IndexType::Integer => ValueType::Integer,
            IndexType::Double => ValueType::Double,
            IndexType::String => ValueType::String,
            IndexType::Blob => ValueType::Blob,
            IndexType::Bool => ValueType::Bool,
            IndexType::Geo => ValueType::GeoJson,
        }
    }
}

impl Collection {
    /// All of them.
    pub const ALL: [Collection; 4] =
        [Collection::Scalar, Collection::List, Collection::MapKeys, Collection::MapValues];
}

impl fmt::Display for IndexType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.value_type().name())
    }
}

impl FromStr for IndexType {
    type Err = Error;

    /// Reads what [`fmt::Display`] writes.
    fn from_str(text: &str) -> Result<IndexType> {
        let found = IndexType::ALL.into_iter().find(|of| of.to_string() == text);
        found.ok_or_else(|| Error::new(ErrorKind::Parameter, format!("{text:?} cannot be indexed")))
    }
}

impl fmt::Display for Collection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Collection::Scalar => "default",
            Collection::List => "list",
            Collection::MapKeys => "mapkeys",
            Collection::MapValues => "mapvalues",
        })
    }
}

impl FromStr for Collection {
    type Err = Error;

    /// Reads what [`fmt::Display`] writes.
    fn from_str(text: &str) -> Result<Collection> {
        let found = Collection::ALL.into_iter().find(|of| of.to_string() == text);
        found.ok_or_else(|| {
            let detail =
                format!("{text:?} is no part of a value; give default, list, mapkeys or mapvalues");
            Error::new(ErrorKind::Parameter, detail)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(name: &str, bin: &str) -> IndexDef {
        IndexDef {
            name: name.into(),
            set: Some("s".into()),
            source: IndexSource::Bin { bin: bin.into(), context: None },
            collection: Collection::Scalar,
            value_type: IndexType::Integer,
            filter: None,
        }
    }

    #[test]
    fn names_and_sizes_are_held_to_their_limits() {
        assert!(index("i", "b").check().is_ok());
        assert!(index("", "b").check().is_err());
        assert!(index(&"i".repeat(64), "b").check().is_err());
        assert_eq!(index("i", "").check().unwrap_err().kind, ErrorKind::BinName);
        let filter = Some(vec![0; limits::INDEX_EXPRESSION_MAX + 1].into());
        assert!(IndexDef { filter, ..index("i", "b") }.check().is_err());
    }

    #[test]
    fn types_and_collections_read_what_they_print() {
        IndexType::ALL.iter().for_each(|of| assert_eq!(of.to_string().parse(), Ok(*of)));
        Collection::ALL.iter().for_each(|of| assert_eq!(of.to_string().parse(), Ok(*of)));
        assert!("list of list".parse::<Collection>().is_err());
    }
}
