//! The nouns of AerieDB: key, digest, partition, bin, value, record, schema, error kinds.
//!
//! Everything above imports these; nothing here does I/O, reads a clock or draws a random number.
//! A write begins as a [`Key`] and bins of [`Value`]s; [`Key::digest`] names the record and its
//! [`PartitionId`]; [`limits`] checks every name and size where it enters; what goes wrong is an
//! [`Error`] with a [`ErrorKind`] named after Aerospike's result codes.

mod collection;
mod composite;
mod error;
mod index_def;
pub mod json;
mod key;
pub mod limits;
pub mod msgpack;
mod objects;
mod record;
mod row;
mod schema;
pub mod size_class;
mod value;

pub use collection::{List, ListOrder, Map, MapOrder};
pub use composite::{decode_composite, encode_composite};
pub use error::{Error, ErrorKind, Result};
pub use index_def::{CatalogIndex, Collection, IndexDef, IndexSource, IndexType};
pub use key::{Digest, Key, PARTITIONS, PartitionId};
pub use objects::{Check, Notes, Object, ObjectKind, Objects, Owner, Sequence, View, relation_oid};
pub use record::{Name, Record};
pub use row::{Head, Rows, ValueRef, Wanted};
pub use schema::{Catalog, Column, ColumnType, NamespaceCatalog, Table};
pub use value::{TypeSet, Value, ValueType};
