//! What is known of the sets: declared tables and the columns that undeclared sets show.
//!
//! A [`Catalog`] is an immutable snapshot; the store makes a new one when a name, a type or a
//! declaration is new. Planning reads one snapshot from start to end.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::{CatalogIndex, Error, ErrorKind, Objects, Result, ValueType};

/// The type of a column, and how its values are stored in a bin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ColumnType {
    /// Stored as integer, range of 16 bits checked on writing.
    Int2,
    /// Stored as integer, range of 32 bits checked on writing.
    Int4,
    /// Stored as integer.
    Int8,
    /// Stored as double, rounded to 32 bits on writing.
    Float4,
    /// Stored as double.
    Float8,
    /// Stored as string.
    Text,
    /// Stored as string; at most this many characters where a number is given.
    Varchar(Option<u32>),
    /// Stored as blob.
    Bytea,
    /// Stored as bool.
    Bool,
    /// Stored as the value itself: list, map or any scalar.
    Jsonb,
    /// Stored as integer: microseconds since 1970-01-01 00:00 UTC.
    Timestamptz,
    /// Stored as integer: microseconds since 1970-01-01 00:00, no zone.
    Timestamp,
    /// Stored as integer: days since 1970-01-01.
    Date,
    /// Stored as string: decimal digits with sign and point, as PostgreSQL prints it.
    Numeric {
        /// Most digits in all, 0 = not limited.
        precision: u8,
        /// Digits after the point.
        scale: u8,
    },
    /// Stored as blob of 16 bytes.
    Uuid,
    /// Stored as GeoJSON.
    GeoJson,
    /// Stored as HLL.
    Hll,
    /// Stored as list of 64-bit integers.
    Int8Array,
    /// Stored as list of doubles.
    Float8Array,
    /// Stored as list of strings.
    TextArray,
    /// Stored as list of bools.
    BoolArray,
}

impl ColumnType {
    /// The column type in which a bin that has only ever held `value_type` is shown.
    pub fn of_value(value_type: ValueType) -> ColumnType {
        match value_type {
            ValueType::Integer => ColumnType::Int8,
            ValueType::Double => ColumnType::Float8,
            ValueType::String => ColumnType::Text,
            ValueType::Blob => ColumnType::Bytea,
            ValueType::Bool => ColumnType::Bool,
            ValueType::GeoJson => ColumnType::GeoJson,
            ValueType::Hll => ColumnType::Hll,
            ValueType::List | ValueType::Map | ValueType::Nil => ColumnType::Jsonb,
        }
    }

    /// The type of the values that a column of this type stores; `None` for jsonb, which stores
    /// any.
    pub fn stored_as(self) -> Option<ValueType> {
        use ColumnType::*;
        Some(match self {
            Int2 | Int4 | Int8 | Timestamptz | Timestamp | Date => ValueType::Integer,
            Float4 | Float8 => ValueType::Double,
            Text | Varchar(_) | Numeric { .. } => ValueType::String,
            Bytea | Uuid => ValueType::Blob,
            Bool => ValueType::Bool,
            GeoJson => ValueType::GeoJson,
            Hll => ValueType::Hll,
            Int8Array | Float8Array | TextArray | BoolArray => ValueType::List,
            Jsonb => return None,
        })
    }
}

/// PostgreSQL's name of the type, as `format_type` prints it; our own names for GeoJSON and HLL.
impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use ColumnType::*;
        match self {
            Varchar(Some(n)) => write!(f, "character varying({n})"),
            Numeric { precision: 0, .. } => f.write_str("numeric"),
            Numeric { precision, scale } => write!(f, "numeric({precision},{scale})"),
            other => f.write_str(match other {
                Int2 => "smallint",
                Int4 => "integer",
                Int8 => "bigint",
                Float4 => "real",
                Float8 => "double precision",
                Text => "text",
                Varchar(_) => "character varying",
                Bytea => "bytea",
                Bool => "boolean",
                Jsonb => "jsonb",
                Timestamptz => "timestamp with time zone",
                Timestamp => "timestamp without time zone",
                Date => "date",
                Numeric { .. } => "numeric",
                Uuid => "uuid",
                GeoJson => "geojson",
                Hll => "hll",
                Int8Array => "bigint[]",
                Float8Array => "double precision[]",
                TextArray => "text[]",
                BoolArray => "boolean[]",
            }),
        }
    }
}

impl FromStr for ColumnType {
    type Err = Error;

    /// Reads what [`fmt::Display`] writes.
    fn from_str(text: &str) -> Result<ColumnType> {
        use ColumnType::*;
        let plain = [
            Int2,
            Int4,
            Int8,
            Float4,
            Float8,
            Text,
            Varchar(None),
            Bytea,
            Bool,
            Jsonb,
            Timestamptz,
            Timestamp,
            Date,
            Numeric { precision: 0, scale: 0 },
            Uuid,
            GeoJson,
            Hll,
            Int8Array,
            Float8Array,
            TextArray,
            BoolArray,
        ];
        if let Some(found) = plain.into_iter().find(|t| t.to_string() == text) {
            return Ok(found);
        }
        let sized = |prefix: &str| text.strip_prefix(prefix)?.strip_suffix(')');
        if let Some(n) = sized("character varying(").and_then(|n| n.parse().ok()) {
            return Ok(Varchar(Some(n)));
        }
        if let Some((p, s)) = sized("numeric(").and_then(|args| args.split_once(','))
            && let (Ok(precision), Ok(scale)) = (p.parse(), s.parse())
        {
            return Ok(Numeric { precision, scale });
        }
        Err(Error::new(ErrorKind::Parameter, format!("{text:?} is no column type")))
    }
}

/// A column: a declared one, or what the bin catalogue knows of a bin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Name, which is also the bin's name, case kept.
    pub name: String,
    /// Type in which values are taken and given.
    pub column_type: ColumnType,
    /// Whether a row without a value is refused.
    pub not_null: bool,
    /// Default as SQL text.
    pub default: Option<String>,
}

/// A set as a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Namespace, the table's schema.
    pub namespace: String,
    /// Set name, case kept.
    pub name: String,
    /// Columns of the primary key. One column is the user key itself; several are encoded into one
    /// blob key ([`crate::encode_composite`]); none means that each row gets a generated blob key.
    /// An undeclared set has one, named `PK`. Key columns are not bins.
    pub key: Vec<Column>,
    /// The other columns, each one bin.
    pub columns: Vec<Column>,
    /// Whether `CREATE TABLE` declared it: then writes are held to the columns. An undeclared set
    /// takes any bin.
    pub declared: bool,
    /// Time to live of new records in seconds, where the declaration gives one; 0 = never.
    pub ttl_s: Option<u32>,
    /// Stable object id for `pg_catalog`.
    pub oid: u32,
}

impl Table {
    /// The column of this exact name, key columns included.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.key.iter().chain(&self.columns).find(|c| c.name == name)
    }

    /// The column that an identifier means: the exact name, else the only one that is equal but
    /// for case, unless the identifier was quoted.
    pub fn resolve(&self, name: &str, quoted: bool) -> Option<&Column> {
        unique(self.key.iter().chain(&self.columns), |c| &c.name, name, quoted)
    }
}

/// The tables of one namespace.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NamespaceCatalog {
    /// Tables by exact name.
    pub tables: BTreeMap<String, Arc<Table>>,
}

impl NamespaceCatalog {
    /// The table that an identifier means, as [`Table::resolve`] does for columns.
    pub fn resolve(&self, name: &str, quoted: bool) -> Option<&Arc<Table>> {
        unique(self.tables.values(), |t| &t.name, name, quoted)
    }
}

/// Every namespace's tables at one version.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Catalog {
    /// Grows by one with each change.
    pub version: u64,
    /// Namespaces by name.
    pub namespaces: BTreeMap<String, NamespaceCatalog>,
    /// What they have beside tables, where there is something.
    pub objects: BTreeMap<String, Arc<Objects>>,
    /// Their secondary indexes, by name, where there are any.
    pub indexes: BTreeMap<String, Arc<[CatalogIndex]>>,
}

impl Catalog {
    /// The namespace that an identifier means: the exact name, else the only one that is equal but
    /// for case, unless the identifier was quoted.
    pub fn resolve(&self, name: &str, quoted: bool) -> Option<(&str, &NamespaceCatalog)> {
        unique(self.namespaces.iter(), |(n, _)| n, name, quoted).map(|(n, c)| (n.as_str(), c))
    }

    /// What the namespace of this exact name has beside tables.
    pub fn objects(&self, namespace: &str) -> &Objects {
        static NONE: Objects =
            Objects { views: BTreeMap::new(), sequences: BTreeMap::new(), notes: BTreeMap::new() };
        self.objects.get(namespace).map_or(&NONE, |objects| objects)
    }

    /// The secondary indexes of the namespace of this exact name, by their names.
    pub fn indexes(&self, namespace: &str) -> &[CatalogIndex] {
        self.indexes.get(namespace).map_or(&[], |indexes| indexes)
    }
}

pub(crate) fn unique<T: Copy>(
    items: impl Iterator<Item = T> + Clone,
    name_of: impl Fn(&T) -> &str,
    name: &str,
    quoted: bool,
) -> Option<T> {
    if let Some(exact) = items.clone().find(|item| name_of(item) == name) {
        return Some(exact);
    }
    if quoted {
        return None;
    }
    let mut alike = items.filter(|item| name_of(item).eq_ignore_ascii_case(name));
    let first = alike.next()?;
    alike.next().is_none().then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn column_types_read_what_they_print() {
        let sized = [ColumnType::Varchar(Some(9)), ColumnType::Numeric { precision: 10, scale: 2 }];
        for column_type in sized.into_iter().chain([ColumnType::Timestamptz, ColumnType::TextArray])
        {
            assert_eq!(column_type.to_string().parse(), Ok(column_type));
        }
        assert!("numeric(300,2)".parse::<ColumnType>().is_err());
    }

    #[test]
    fn identifiers_resolve_exactly_then_by_unique_case() {
        let column = |name: &str| Column {
            name: name.into(),
            column_type: ColumnType::Text,
            not_null: false,
            default: None,
        };
        let table = Table {
            namespace: "test".into(),
            name: "t".into(),
            key: vec![column("PK")],
            columns: vec![column("userName"), column("ab"), column("AB")],
            declared: false,
            ttl_s: None,
            oid: 0,
        };
        let found = |name, quoted| table.resolve(name, quoted).map(|c| c.name.as_str());
        assert_eq!(found("username", false), Some("userName"));
        assert_eq!(found("username", true), None);
        assert_eq!(found("ab", false), Some("ab"));
        assert_eq!(found("Ab", false), None, "two columns are alike");
        assert_eq!(found("pk", false), Some("PK"));
    }
}
