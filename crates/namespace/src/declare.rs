//! Table declarations, kept as records of a set of their own, so that they are as durable as data;
//! and the tables that the catalogue shows.

use std::sync::Arc;

use model::{
    Column, ColumnType, Digest, Error, ErrorKind, Key, Name, NamespaceCatalog, Record, Result,
    Table, TypeSet, Value,
};
use storage::Ticket;
use store::{Change, Ttl};

use crate::catalogue::{self, Set};
use crate::{Namespace, TABLES_SET};

/// First object id of tables, as in PostgreSQL the first that is not the system's own.
const FIRST_OID: u32 = 16_384;

impl Namespace {
    /// Declares a table, or declares it anew.
    pub fn declare(&self, mut table: Table, now_ms: u64) -> Result<Option<Ticket>> {
        model::limits::check_set(&table.name)?;
        for column in &table.columns {
            model::limits::check_bin(&column.name)?;
        }
        if catalogue::is_own(&table.name) || table.name.is_empty() {
            let detail = format!("the set name {:?} is reserved; choose another", table.name);
            return Err(Error::new(ErrorKind::Forbidden, detail));
        }
        table.declared = true;
        table.oid = oid_of(&self.options.name, &table.name);
        let bins = bins_of(&table);
        let key = Key::String(table.name.clone());
        let digest = digest_of(&table.name);
        let write = |_: Option<&Record>| {
            Ok(Change::Write { bins: bins.clone(), replace: true, ttl: Ttl::Never })
        };
        let (_, ticket) = self.modify(TABLES_SET, &digest, Some(&key), now_ms, &mut { write })?;
        let set = self.ensure_set(self.storage.intern_set(&table.name)?);
        self.sets.declare(&set, Some(table));
        Ok(ticket)
    }

    /// Deletes a set's records, its indexes, its declaration and what was known of its bins. The declaration's
    /// tombstone tells recovery so, therefore an undeclared set is declared first.
    pub fn drop_table(&self, name: &str, now_ms: u64) -> Result<Option<Ticket>> {
        let Some((_, set)) = self.sets.by_name(name) else { return Ok(None) };
        if set.declaration().is_none() {
            self.declare(self.shown(&set), now_ms)?;
        }
        self.drop_indexes_of(name, now_ms)?;
        self.truncate(Some(name), None, now_ms)?;
        let digest = digest_of(name);
        let (_, ticket) =
            self.modify(TABLES_SET, &digest, None, now_ms, &mut |_| Ok(Change::Delete))?;
        self.sets.declare(&set, None);
        Ok(ticket)
    }

    /// The tables that statements see: declared ones, and undeclared sets with the columns that
    /// their records have shown.
    pub fn tables(&self) -> NamespaceCatalog {
        let table = |set: Arc<Set>| {
            let table = set.declaration().unwrap_or_else(|| Arc::new(self.shown(&set)));
            (table.name.clone(), table)
        };
        NamespaceCatalog { tables: self.visible_sets().map(table).collect() }
    }

    fn shown(&self, set: &Set) -> Table {
        let column = |name: &str, types: TypeSet, mixed| Column {
            name: name.to_string(),
            column_type: types.single().map_or(mixed, ColumnType::of_value),
            not_null: false,
            default: None,
        };
        Table {
            namespace: self.options.name.clone(),
            name: set.name.to_string(),
            key: vec![column("PK", set.key_types(), ColumnType::Text)],
            columns: set
                .bins()
                .iter()
                .map(|(name, types)| column(name, *types, ColumnType::Jsonb))
                .collect(),
            declared: false,
            ttl_s: None,
            oid: oid_of(&self.options.name, &set.name),
        }
    }
}

/// The digest of the record that holds a set's declaration.
pub(crate) fn digest_of(set: &str) -> Digest {
    Key::String(set.to_string()).digest(TABLES_SET)
}

/// The same id for the same name at every node and after every restart: FNV-1a over the names, in
/// 30 bits.
fn oid_of(namespace: &str, set: &str) -> u32 {
    let bytes = namespace.bytes().chain([b'.']).chain(set.bytes());
    let hash = bytes.fold(0x811c_9dc5_u32, |h, b| (h ^ u32::from(b)).wrapping_mul(0x0100_0193));
    FIRST_OID + (hash & 0x3fff_ffff)
}

fn text(s: &str) -> Value {
    Value::String(s.to_string())
}

fn columns_value(columns: &[Column]) -> Value {
    let column = |c: &Column| {
        Value::list(vec![
            text(&c.name),
            text(&c.column_type.to_string()),
            Value::Bool(c.not_null),
            c.default.as_deref().map_or(Value::Nil, text),
        ])
    };
    Value::List(columns.iter().map(column).collect())
}

fn bins_of(table: &Table) -> Vec<(Name, Option<Value>)> {
    vec![
        (Name::from("key"), Some(columns_value(&table.key))),
        (Name::from("columns"), Some(columns_value(&table.columns))),
        (Name::from("ttl_s"), table.ttl_s.map(|s| Value::Integer(s.into()))),
    ]
}

/// The declaration that a record of [`TABLES_SET`] holds.
pub(crate) fn table_of(namespace: &str, name: &str, record: &Record) -> Result<Table> {
    let bad = || {
        Error::new(ErrorKind::Corrupt, format!("the declaration of {namespace}.{name} is damaged"))
    };
    let columns = |bin: &str| -> Result<Vec<Column>> {
        match record.bin(bin) {
            Some(Value::List(items)) => {
                items.iter().map(|item| column_of(item).ok_or_else(bad)).collect()
            }
            _ => Err(bad()),
        }
    };
    Ok(Table {
        namespace: namespace.to_string(),
        name: name.to_string(),
        key: columns("key")?,
        columns: columns("columns")?,
        declared: true,
        ttl_s: match record.bin("ttl_s") {
            Some(Value::Integer(s)) => Some(u32::try_from(*s).map_err(|_| bad())?),
            _ => None,
        },
        oid: oid_of(namespace, name),
    })
}

fn column_of(item: &Value) -> Option<Column> {
    let Value::List(parts) = item else { return None };
    let [Value::String(name), Value::String(column_type), Value::Bool(not_null), default] =
        &parts[..]
    else {
        return None;
    };
    Some(Column {
        name: name.clone(),
        column_type: column_type.parse().ok()?,
        not_null: *not_null,
        default: match default {
            Value::String(text) => Some(text.clone()),
            _ => None,
        },
    })
}
