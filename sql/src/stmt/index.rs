//! CREATE INDEX, DROP INDEX, SHOW INDEXES.

use std::sync::Arc;

use model::{
    Collection, ColumnType, IndexDef, IndexSource, IndexType, Name, Table, ValueType, limits,
};
use sqlparser::ast;

use super::{Context, ours};
use crate::access::index_type;
use crate::expr::{Expr, Unfit, element_type};
use crate::parse::{CreateIndex, DropIndex, Elements};
use crate::plan::{DroppedIndex, NewIndex, Plan};
use crate::resolve;
use crate::{SqlError, SqlResult};

impl Context<'_> {
    pub(super) fn create_index(&self, create: &CreateIndex) -> SqlResult<Plan> {
        if create.unique {
            return Err(SqlError::unsupported("UNIQUE indexes are not supported")
                .hint("only the primary key is unique: make it the key, or leave UNIQUE out"));
        }
        if resolve::view(&create.table, self.scope)?.is_some() {
            let message = format!("cannot create index on relation \"{}\"", create.table);
            let error = SqlError::new("42809", message).hint("an index is on a set");
            return Err(self.at(error, &create.table));
        }
        let (namespace, table) = self.indexed(create)?;
        let (key, rest) = create.keys.split_first().ok_or_else(|| SqlError::syntax("no key"))?;
        let c = self.compiler(table.as_ref());
        let source = match (&table, key) {
            // A bin that nobody has written yet has no column.
            (None, ast::Expr::Identifier(ident)) => Source::Unseen(ident.value.clone()),
            (Some(table), ast::Expr::Identifier(ident)) if self.unseen(table, ident) => {
                Source::Unseen(ident.value.clone())
            }
            (None, _) => {
                return Err(SqlError::unsupported("an index of all sets is on a bin")
                    .hint("CREATE INDEX i ON namespace (bin) NUMERIC"));
            }
            _ => match c.any(key) {
                Ok(expr) => Source::Of(expr),
                Err(Unfit::Wrong(error)) => return Err(error),
                Err(Unfit::NotOurs) => return Err(self.at(beyond("this expression"), key)),
            },
        };
        let (collection, value_type) =
            kind(create, &source).map_err(|error| self.at(error, key))?;
        let filter = match &create.filter {
            None => None,
            Some(filter) => {
                let expr = ours(c.condition(filter), "this condition of an index")?;
                let bytes = expr.exported();
                Some(bytes.ok_or_else(|| self.at(beyond("this condition"), filter))?.into())
            }
        };
        let name = match &create.name {
            Some(name) => name.value.clone(),
            None => self.free_index_name(&namespace, table.as_deref(), &source),
        };
        let source = source.indexed().ok_or_else(|| self.at(beyond("this expression"), key))?;
        let set = table.as_ref().map(|table| Name::from(table.name.as_str()));
        let def =
            IndexDef { name: name.as_str().into(), set, source, collection, value_type, filter };
        def.check().map_err(|e| {
            let sqlstate = if name.len() > limits::INDEX_NAME_MAX { "42622" } else { "42602" };
            SqlError::new(sqlstate, e.detail).hint("choose another name")
        })?;
        Ok(Plan::CreateIndex(NewIndex {
            namespace,
            def,
            if_not_exists: create.if_not_exists,
            waits: !create.concurrently,
            left_out: rest.iter().map(ToString::to_string).collect(),
        }))
    }

    /// The namespace and the set that an index is on; aql means all sets where a namespace is named.
    fn indexed(&self, create: &CreateIndex) -> SqlResult<(String, Option<Arc<Table>>)> {
        let table = resolve::table(&create.table, self.scope, self.places);
        if let Ok(table) = table {
            return Ok((table.namespace.clone(), Some(table)));
        }
        if let [ast::ObjectNamePart::Identifier(ident)] = &create.table.0[..]
            && self.scope.catalog.namespaces.contains_key(&ident.value)
        {
            return Ok((ident.value.clone(), None));
        }
        match create.value_type.is_some() {
            // aql makes indexes before there are records.
            true => {
                let table = resolve::table_or_new(&create.table, self.scope, self.places)?;
                Ok((table.namespace.clone(), Some(table)))
            }
            false => table.map(|table| (table.namespace.clone(), Some(table))),
        }
    }

    /// Whether the name is that of no column of an undeclared set.
    fn unseen(&self, table: &Table, ident: &ast::Ident) -> bool {
        let quoted = ident.quote_style.is_some();
        let pk = ident.value.eq_ignore_ascii_case("PK");
        !table.declared && !pk && table.resolve(&ident.value, quoted).is_none()
    }

    /// PostgreSQL's name for an index without one: `table_column_idx`, numbered.
    fn free_index_name(&self, namespace: &str, table: Option<&Table>, source: &Source) -> String {
        let column = match source {
            Source::Unseen(name) => name.as_str(),
            Source::Of(expr) => expr.as_column().map_or("expr", |name| name),
        };
        let table = table.map_or("all", |table| table.name.as_str());
        let taken = self.scope.catalog.indexes(namespace);
        let free = |name: &String| taken.iter().all(|index| *index.def.name != **name);
        let named = |suffix: &str| {
            let room = limits::INDEX_NAME_MAX - suffix.len();
            let mut base = format!("{table}_{column}");
            while base.len() > room {
                base.pop();
            }
            base + suffix
        };
        let numbered = (1u32..).map(|n| named(&format!("_idx{n}")));
        let mut names = std::iter::once(named("_idx")).chain(numbered);
        names.find(free).unwrap_or_default()
    }

    pub(super) fn drop_indexes(&self, drop: &DropIndex) -> SqlResult<Plan> {
        let mut dropped = Vec::new();
        for (of, name) in &drop.names {
            let namespace = match of.as_ref().map(|of| &of.0[..]) {
                None => None,
                // aql says the namespace and perhaps the set, PostgreSQL the schema.
                Some([ast::ObjectNamePart::Identifier(first), ..]) => Some(first),
                Some(_) => None,
            };
            let namespace = match resolve::namespace(namespace, self.scope, self.places) {
                Ok((namespace, _)) => namespace.to_string(),
                Err(_) if drop.if_exists => String::new(),
                Err(error) => return Err(error),
            };
            let indexes = self.scope.catalog.indexes(&namespace);
            let alike = |name: &str, other: &str| match name == other {
                true => true,
                false => name.eq_ignore_ascii_case(other),
            };
            let exact = indexes.iter().find(|index| *index.def.name == *name.value);
            let unquoted = name.quote_style.is_none();
            let near = || indexes.iter().find(|i| unquoted && alike(&i.def.name, &name.value));
            let found = exact.or_else(near).map(|index| index.def.name.to_string());
            dropped.push(match found {
                Some(name) => DroppedIndex::There { namespace, name },
                None if drop.if_exists => DroppedIndex::Missing(format!(
                    "index \"{}\" does not exist, skipping",
                    name.value
                )),
                None => return Err(self.places.mark(no_index(&name.value), name.span)),
            });
        }
        Ok(Plan::DropIndex(dropped))
    }

    pub(super) fn show_indexes(&self, of: Option<&ast::ObjectName>) -> SqlResult<Plan> {
        let Some(of) = of else { return Ok(Plan::ShowIndexes { namespace: None, set: None }) };
        if let [ast::ObjectNamePart::Identifier(ident)] = &of.0[..]
            && let Some((name, _)) =
                self.scope.catalog.resolve(&ident.value, ident.quote_style.is_some())
        {
            return Ok(Plan::ShowIndexes { namespace: Some(name.to_string()), set: None });
        }
        let table = resolve::table(of, self.scope, self.places)?;
        let (namespace, set) = (Some(table.namespace.clone()), Some(table.name.clone()));
        Ok(Plan::ShowIndexes { namespace, set })
    }
}

/// What an index is over.
enum Source {
    /// A bin without a column, of which only the name is known.
    Unseen(String),
    Of(Expr),
}

impl Source {
    fn indexed(self) -> Option<IndexSource> {
        let bin = |bin: Name| IndexSource::Bin { bin, context: None };
        Some(match self {
            Source::Unseen(name) => bin(name.as_str().into()),
            Source::Of(expr) => match expr.as_bin() {
                Some(name) => bin(name.clone()),
                None => IndexSource::Expression(expr.exported()?.into()),
            },
        })
    }

    fn column_type(&self) -> ColumnType {
        match self {
            Source::Unseen(_) => ColumnType::Jsonb,
            Source::Of(expr) => expr.column_type(),
        }
    }
}

/// What of the value is indexed, and the type of what is: as the statement says it, else as the
/// column's type does.
fn kind(create: &CreateIndex, source: &Source) -> SqlResult<(Collection, IndexType)> {
    let t = source.column_type();
    let element = element_type(t);
    let is_array = element != ColumnType::Jsonb;
    let method = create.method.as_deref().unwrap_or("BTREE");
    let by_method = match method {
        "LIST" => Some(Collection::List),
        "MAPKEYS" => Some(Collection::MapKeys),
        "MAPVALUES" => Some(Collection::MapValues),
        "GIN" if is_array => Some(Collection::List),
        "BTREE" | "HASH" | "GEO" | "GIST" | "SPGIST" | "BRIN" => None,
        "GIN" => {
            return Err(SqlError::unsupported("an index USING gin is on an array")
                .hint("of jsonb, say what is indexed: USING list, mapkeys or mapvalues, and NUMERIC or STRING behind the column"));
        }
        other => {
            let other = other.to_lowercase();
            return Err(SqlError::new(
                "42704",
                format!("access method \"{other}\" does not exist"),
            )
            .hint("there are btree, geo, list, mapkeys and mapvalues"));
        }
    };
    let collection = match create.elements {
        Some(Elements::List) => Collection::List,
        Some(Elements::MapKeys) => Collection::MapKeys,
        Some(Elements::MapValues) => Collection::MapValues,
        None => by_method.unwrap_or(match is_array {
            true => Collection::List,
            false => Collection::Scalar,
        }),
    };
    let said = match create.value_type.as_deref() {
        Some("NUMERIC" | "INTEGER") => Some(IndexType::Integer),
        Some("DOUBLE") => Some(IndexType::Double),
        Some("STRING") => Some(IndexType::String),
        Some("BLOB") => Some(IndexType::Blob),
        Some("BOOL") => Some(IndexType::Bool),
        Some(_) => Some(IndexType::Geo),
        None if matches!(method, "GEO" | "GIST" | "SPGIST") => Some(IndexType::Geo),
        None => None,
    };
    let own = match (collection, t) {
        (_, ColumnType::Numeric { .. }) => return Err(no_order()),
        (Collection::Scalar, t) => t.stored_as().and_then(index_type),
        (Collection::List, _) if is_array => element.stored_as().and_then(index_type),
        _ => None,
    };
    match (said, own) {
        (Some(said), Some(own)) if said != own && !create_is_loose(t) => {
            let message = format!("an index of {said} values holds nothing of a column of type {t}");
            Err(SqlError::new("42804", message).hint(format!("leave the type out: it is {own}")))
        }
        (Some(said), _) => Ok((collection, said)),
        (None, Some(own)) => Ok((collection, own)),
        (None, None) if collection == Collection::Scalar && !is_open(t) => {
            let message = format!("data type {t} has no default operator class for an index");
            Err(SqlError::new("42704", message).hint("an index is on numbers, text, bytes, booleans, times or shapes; USING list, mapkeys and mapvalues on what a value holds"))
        }
        (None, None) => Err(SqlError::new("42P17", "the index does not say what type its values have")
            .hint("say it behind the column: CREATE INDEX i ON ns.set (bin) NUMERIC; STRING, DOUBLE, BLOB, BOOL and GEO2DSPHERE are the others")),
    }
}

/// Whether values of any type may be in it.
fn is_open(t: ColumnType) -> bool {
    t == ColumnType::Jsonb
}

/// Whether the type of a column that nobody declared says only what was seen so far.
fn create_is_loose(t: ColumnType) -> bool {
    is_open(t) || t.stored_as() == Some(ValueType::List)
}

fn no_order() -> SqlError {
    SqlError::unsupported("a column of type numeric cannot be indexed")
        .hint("it is kept as digits, whose order is not that of numbers: use bigint, in the smallest unit, or double precision")
}

fn beyond(what: &str) -> SqlError {
    SqlError::unsupported(format!("{what} cannot be indexed"))
        .hint("bins, constants, +, -, *, /, abs(), comparisons, AND, OR and NOT can")
}

fn no_index(name: &str) -> SqlError {
    SqlError::new("42704", format!("index \"{name}\" does not exist"))
        .hint("SHOW INDEXES lists them")
}
