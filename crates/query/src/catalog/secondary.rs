//! Secondary indexes in the catalogue: those of one set.

use std::sync::Arc;

use model::{CatalogIndex, Collection, IndexDef, IndexSource, IndexType, Table, relation_oid};
use sql::expr::shown;

use super::grid::{Cell, Row};
use super::lists::type_of;
use super::{INDEX_BIT, namespace_oid, tables};
use crate::functions::quoted_ident;
use crate::session::Context;
use crate::types::column_oid;

/// OID of the access method `btree`.
const BTREE: u32 = 403;

/// An index with the table that it is on.
pub(crate) struct Secondary<'c> {
    pub(crate) table: &'c Arc<Table>,
    index: &'c CatalogIndex,
}

/// Every secondary index that is on one set, in order.
pub(crate) fn all(context: &Context) -> impl Iterator<Item = Secondary<'_>> {
    tables(context).flat_map(|table| {
        let indexes = context.catalog.indexes(&table.namespace).iter();
        let own = indexes.filter(|index| index.def.set.as_deref() == Some(&*table.name));
        own.map(move |index| Secondary { table, index })
    })
}

/// The index of this OID.
pub(crate) fn of_oid(oid: i64, context: &Context) -> Option<Secondary<'_>> {
    all(context).find(|index| i64::from(index.oid()) == oid)
}

/// The OID of the index of this name.
pub(super) fn oid_of(namespace: &str, name: &str, context: &Context) -> Option<u32> {
    let named = |index: &Secondary| index.table.namespace == namespace && index.name() == name;
    all(context).find(named).map(|index| index.oid())
}

/// Whether a set has one.
pub(super) fn is_on(table: &Table, context: &Context) -> bool {
    let indexes = context.catalog.indexes(&table.namespace);
    indexes.iter().any(|index| index.def.set.as_deref() == Some(&*table.name))
}

impl Secondary<'_> {
    fn def(&self) -> &IndexDef {
        &self.index.def
    }

    pub(crate) fn name(&self) -> &str {
        &self.index.def.name
    }

    pub(crate) fn oid(&self) -> u32 {
        // Names of indexes are not those of tables here.
        relation_oid(&self.table.namespace, &format!("index {}", self.name())) | INDEX_BIT
    }

    /// The number of the indexed column, 0 where it is none.
    fn column(&self) -> i64 {
        let columns = self.table.key.iter().chain(&self.table.columns);
        let bin = self.def().bin();
        columns
            .zip(1i64..)
            .find(|(c, _)| bin.is_some_and(|bin| **bin == *c.name))
            .map_or(0, |f| f.1)
    }

    /// What is indexed, as SQL.
    pub(crate) fn key(&self) -> String {
        match &self.def().source {
            IndexSource::Bin { bin, context: None } => quoted_ident(bin),
            IndexSource::Bin { bin, context: Some(_) } => {
                format!("{} /* part */", quoted_ident(bin))
            }
            IndexSource::Expression(bytes) => match shown(bytes) {
                Some(text) if text.starts_with('(') => text,
                Some(text) => format!("({text})"),
                None => "(expression)".to_string(),
            },
        }
    }

    fn condition(&self) -> Option<String> {
        let filter = self.def().filter.as_ref()?;
        Some(shown(filter).unwrap_or_else(|| "(expression)".to_string()))
    }

    /// The statement that would make it.
    pub(crate) fn definition(&self) -> String {
        let def = self.def();
        let method = match (def.collection, def.value_type) {
            (Collection::Scalar, IndexType::Geo) => "geo".to_string(),
            (Collection::Scalar, _) => "btree".to_string(),
            (collection, _) => collection.to_string(),
        };
        let known =
            match &self.table.columns.iter().find(|c| def.bin().is_some_and(|b| **b == *c.name)) {
                Some(column) => column.column_type.stored_as() == Some(def.value_type.value_type()),
                None => def.bin().is_none(),
            };
        let kind = match def.value_type {
            _ if known => "",
            IndexType::Integer => " NUMERIC",
            IndexType::Double => " DOUBLE",
            IndexType::String => " STRING",
            IndexType::Blob => " BLOB",
            IndexType::Bool => " BOOL",
            IndexType::Geo => " GEO2DSPHERE",
        };
        let condition = self.condition().map_or(String::new(), |text| format!(" WHERE {text}"));
        format!(
            "CREATE INDEX {} ON {}.{} USING {method} ({}){kind}{condition}",
            quoted_ident(self.name()),
            quoted_ident(&self.table.namespace),
            quoted_ident(&self.table.name),
            self.key(),
        )
    }

    /// Its row of `pg_class`.
    pub(super) fn class(&self) -> Row {
        vec![
            ("oid", self.oid().into()),
            ("relname", self.name().into()),
            ("relnamespace", namespace_oid(&self.table.namespace).into()),
            ("relfilenode", self.oid().into()),
            ("relam", BTREE.into()),
            ("relkind", "i".into()),
            ("relreplident", "n".into()),
            ("relnatts", 1i64.into()),
        ]
    }

    /// Its row of `pg_index`.
    pub(super) fn index(&self) -> Row {
        let column = self.column();
        let t =
            self.table.columns.iter().find(|c| self.def().bin().is_some_and(|b| **b == *c.name));
        let oid = t.map_or(0, |column| column_oid(column.column_type));
        let mut row: Row = vec![
            ("indexrelid", self.oid().into()),
            ("indrelid", self.table.oid.into()),
            ("indisunique", false.into()),
            ("indisprimary", false.into()),
            ("indisvalid", self.index.ready.into()),
            ("indnatts", 1i64.into()),
            ("indnkeyatts", 1i64.into()),
            ("indkey", Cell::Ints(vec![column])),
            ("indcollation", Cell::Ints(vec![type_of(oid).map_or(0, |t| i64::from(t.collation))])),
            ("indclass", Cell::Ints(vec![0])),
            ("indoption", Cell::Ints(vec![0])),
        ];
        if column == 0 {
            row.push(("indexprs", self.key().as_str().into()));
        }
        if let Some(condition) = self.condition() {
            row.push(("indpred", condition.as_str().into()));
        }
        row
    }

    /// Its row of `pg_indexes`.
    pub(super) fn listed(&self) -> Row {
        vec![
            ("schemaname", self.table.namespace.as_str().into()),
            ("tablename", self.table.name.as_str().into()),
            ("indexname", self.name().into()),
            ("indexdef", self.definition().into()),
        ]
    }
}

/// Rows of `pg_stat_progress_create_index`: the indexes that are being built.
pub(super) fn building(context: &Context) -> Vec<Row> {
    let row = |index: Secondary| -> Row {
        vec![
            ("relid", index.table.oid.into()),
            ("index_relid", index.oid().into()),
            ("command", "CREATE INDEX".into()),
            ("phase", "building index".into()),
        ]
    };
    all(context).filter(|index| !index.index.ready).map(row).collect()
}
