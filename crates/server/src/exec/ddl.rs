//! Relations that come and go: tables made of queries, views, and what depends on them.

use std::sync::Arc;

use model::{
    Catalog, Column, ColumnType, Notes, Object, ObjectKind, Owner, Sequence, Table, View, limits,
};
use sql::plan::{CreateTableAs, Insert, InsertSource, OnConflict};
use sql::{SqlError, SqlResult};

use super::admin::Operated;
use super::background::ArrowRows;
use super::{Executor, Ready, no_query, write};
use store::Given;

use crate::pg::{Answer, Notice, SessionState, Tag};

/// Whether a relation of this name is declared.
pub(super) fn is_taken(catalog: &Catalog, namespace: &str, name: &str) -> bool {
    let tables = catalog.namespaces.get(namespace);
    let table = tables.and_then(|n| n.tables.get(name)).is_some_and(|table| table.declared);
    let objects = catalog.objects(namespace);
    table || objects.views.contains_key(name) || objects.sequences.contains_key(name)
}

/// Answers for a relation that is there already: an error, or a notice.
pub(super) fn taken(
    session: &mut SessionState,
    name: &str,
    if_not_exists: bool,
    hint: &str,
) -> SqlResult<()> {
    let message = format!("relation \"{name}\" already exists");
    if !if_not_exists {
        return Err(SqlError::new("42P07", message).hint(hint));
    }
    let message = format!("{message}, skipping");
    session.notice(Notice { sqlstate: "42P07", ..Notice::notice(message) });
    Ok(())
}

impl<S: Operated> Executor<S> {
    /// CREATE TABLE AS: a table without a primary key, whose columns are those of the query. If the
    /// rows cannot be stored there is no table.
    pub(super) async fn create_table_as(
        &self,
        session: &mut SessionState,
        create: &CreateTableAs,
        ready: &Ready,
        params: &[Option<model::Value>],
    ) -> SqlResult<Answer<ArrowRows>> {
        let (namespace, name) = (&create.namespace, &create.name);
        if is_taken(&self.store.catalog(), namespace, name) {
            let hint = "DROP TABLE it first, or say CREATE TABLE IF NOT EXISTS";
            taken(session, name, create.if_not_exists, hint)?;
            return Ok(Answer::Done(Tag::Text("CREATE TABLE AS")));
        }
        let fields = ready.query.as_ref().ok_or_else(no_query)?.fields();
        let table = Table {
            namespace: namespace.clone(),
            name: name.clone(),
            key: Vec::new(),
            columns: columns_of(fields, &create.names)?,
            declared: true,
            ttl_s: None,
            oid: model::relation_oid(namespace, name),
        };
        for column in &table.columns {
            let too_long = |e: model::Error| SqlError::new("42622", e.detail);
            limits::check_bin(&column.name).map_err(too_long)?;
        }
        self.store.declare(table.clone()).await?;
        if !create.with_data {
            return Ok(Answer::Done(Tag::Text("CREATE TABLE AS")));
        }
        let table = Arc::new(table);
        let stored = self.fill(session, &table, create, params).await;
        if stored.is_err() {
            self.store.drop_table(namespace, name).await?;
        }
        Ok(Answer::Done(Tag::Count("SELECT", stored?)))
    }

    async fn fill(
        &self,
        session: &mut SessionState,
        table: &Arc<Table>,
        create: &CreateTableAs,
        params: &[Option<model::Value>],
    ) -> SqlResult<u64> {
        if let Some(block) = &session.block {
            block.emptied(&table.namespace, &table.name);
        }
        let (query, defaults) = (create.query.clone(), Vec::new());
        let source = InsertSource::Query { query, defaults, whole: false };
        let insert = Insert {
            table: table.clone(),
            columns: table.columns.clone(),
            source,
            on_conflict: OnConflict::Error,
            ttl: None,
            checks: Vec::new(),
            returning: Vec::new(),
        };
        let settings = self.settings(session)?;
        // A block may fill a set that it has made itself with any number of rows.
        let loads = |block: &Arc<store::Transaction>| !block.loads(&table.namespace, &table.name);
        let block = session.block.clone().filter(loads);
        let view = store::View::new(self.store.clone(), block);
        let writer = write::Writer {
            store: &view,
            queries: &self.queries,
            session: &settings,
            params,
            now_ms: self.store.now_ms(),
            sequences: &self.sequences,
            drawn: &session.drawn,
        };
        Ok(writer.insert(&insert).await?.count)
    }

    pub(super) async fn create_view(
        &self,
        session: &mut SessionState,
        view: &View,
        names: &[String],
        or_replace: bool,
        ready: &Ready,
    ) -> SqlResult<Answer<ArrowRows>> {
        let fields = ready.query.as_ref().ok_or_else(no_query)?.fields();
        let view = View { columns: columns_of(fields, names)?, ..view.clone() };
        let catalog = self.store.catalog();
        let (namespace, name) = (&view.namespace, &view.name);
        let tables = catalog.namespaces.get(namespace);
        if tables.is_some_and(|tables| tables.tables.contains_key(name)) {
            return Err(match or_replace {
                true => SqlError::new("42809", format!("\"{name}\" is not a view")),
                false => SqlError::new("42P07", format!("relation \"{name}\" already exists"))
                    .hint("choose another name: a set has this one"),
            });
        }
        match (catalog.objects(namespace).views.get(name), or_replace) {
            (Some(old), true) => check_replaced(old, &view)?,
            (None, _) if !is_taken(&catalog, namespace, name) => {}
            _ => taken(session, name, false, "DROP VIEW it first, or CREATE OR REPLACE VIEW")?,
        }
        self.store.define(namespace, name, Object::View(view.clone())).await?;
        Ok(Answer::Done(Tag::Text("CREATE VIEW")))
    }

    pub(super) async fn drop_views(
        &self,
        session: &mut SessionState,
        views: &[Arc<View>],
        missing: &[String],
        cascade: bool,
    ) -> SqlResult<Answer<ArrowRows>> {
        tell_missing(session, missing);
        let names = views.iter().map(|view| (view.namespace.clone(), view.name.clone())).collect();
        let all = self.with_dependents("view", names, cascade, session)?;
        for (namespace, name) in &all {
            self.drop_view(namespace, name).await?;
        }
        Ok(Answer::Done(Tag::Text("DROP VIEW")))
    }

    pub(super) async fn drop_tables(
        &self,
        session: &mut SessionState,
        tables: &[Arc<Table>],
        missing: &[String],
        cascade: bool,
    ) -> SqlResult<Answer<ArrowRows>> {
        tell_missing(session, missing);
        let names: Vec<_> = tables.iter().map(|t| (t.namespace.clone(), t.name.clone())).collect();
        let all = self.with_dependents("table", names.clone(), cascade, session)?;
        for (namespace, name) in all.iter().filter(|one| !names.contains(one)) {
            self.drop_view(namespace, name).await?;
        }
        let catalog = self.store.catalog();
        for (namespace, name) in &names {
            self.store.drop_table(namespace, name).await?;
            let all = catalog.objects(namespace).sequences.values();
            let owned = |s: &&Arc<Sequence>| s.owner.as_ref().is_some_and(|o| o.table == *name);
            for sequence in all.filter(owned) {
                self.store.undefine(namespace, ObjectKind::Sequence, &sequence.name).await?;
            }
        }
        Ok(Answer::Done(Tag::Text("DROP TABLE")))
    }

    pub(super) async fn comment(
        &self,
        (namespace, name): &(String, String),
        column: &str,
        text: Option<&str>,
    ) -> SqlResult<Answer<ArrowRows>> {
        let catalog = self.store.catalog();
        let said = catalog.objects(namespace).notes.get(name);
        let mut notes = said.map_or_else(Notes::default, |notes| (**notes).clone());
        // As in PostgreSQL an empty comment is none.
        match text.filter(|text| !text.is_empty()) {
            Some(text) => notes.comments.insert(column.to_string(), text.to_string()),
            None => notes.comments.remove(column),
        };
        self.store.define(namespace, name, Object::Notes(notes)).await?;
        Ok(Answer::Done(Tag::Text("COMMENT")))
    }

    pub(super) async fn create_sequence(
        &self,
        session: &mut SessionState,
        sequence: &Sequence,
        if_not_exists: bool,
    ) -> SqlResult<Answer<ArrowRows>> {
        let (namespace, name) = (&sequence.namespace, &sequence.name);
        if is_taken(&self.store.catalog(), namespace, name) {
            taken(session, name, if_not_exists, "choose another name")?;
        } else {
            let object = Object::Sequence(sequence.clone());
            self.store.define(namespace, name, object).await?;
        }
        Ok(Answer::Done(Tag::Text("CREATE SEQUENCE")))
    }

    /// Lets a sequence begin anew: with this number, or with its first.
    pub(super) async fn restart(&self, sequence: &Sequence, next: Option<i64>) -> SqlResult<()> {
        let last = next.unwrap_or(sequence.start);
        self.sequences.set(sequence, Given { last, called: false }).await
    }

    pub(super) async fn drop_sequences(
        &self,
        session: &mut SessionState,
        sequences: &[Arc<Sequence>],
        missing: &[String],
    ) -> SqlResult<Answer<ArrowRows>> {
        tell_missing(session, missing);
        let catalog = self.store.catalog();
        for sequence in sequences {
            if let Some(owner) = used_by(sequence, &catalog) {
                let name = &sequence.name;
                let message =
                    format!("cannot drop sequence {name} because other objects depend on it");
                return Err(SqlError::new("2BP01", message)
                    .detail(format!(
                        "default value for column {} of table {} depends on sequence {name}",
                        owner.column, owner.table
                    ))
                    .hint("ALTER TABLE .. ALTER COLUMN .. DROP DEFAULT first, or DROP TABLE."));
            }
        }
        for sequence in sequences {
            let (namespace, name) = (&sequence.namespace, &sequence.name);
            self.store.undefine(namespace, ObjectKind::Sequence, name).await?;
            self.store.undefine(namespace, ObjectKind::Notes, name).await?;
        }
        Ok(Answer::Done(Tag::Text("DROP SEQUENCE")))
    }

    async fn drop_view(&self, namespace: &str, name: &str) -> SqlResult<()> {
        self.store.undefine(namespace, ObjectKind::View, name).await?;
        Ok(self.store.undefine(namespace, ObjectKind::Notes, name).await?)
    }

    /// The relations and the views that read them, those included that read the views. Without
    /// CASCADE others than the named ones are an error.
    fn with_dependents(
        &self,
        kind: &str,
        named: Vec<(String, String)>,
        cascade: bool,
        session: &mut SessionState,
    ) -> SqlResult<Vec<(String, String)>> {
        let catalog = self.store.catalog();
        let views: Vec<&Arc<View>> =
            catalog.objects.values().flat_map(|objects| objects.views.values()).collect();
        let mut all = named.clone();
        let mut at = 0;
        while let Some(used) = all.get(at).cloned() {
            for view in views.iter().filter(|view| view.uses.contains(&used)) {
                let reader = (view.namespace.clone(), view.name.clone());
                if all.contains(&reader) {
                    continue;
                }
                if !cascade {
                    let of = if at < named.len() { kind } else { "view" };
                    return Err(depended_on(of, &used.1, &view.name));
                }
                all.push(reader);
            }
            at += 1;
        }
        match &all[named.len()..] {
            [] => {}
            [(_, one)] => session.notice(Notice::notice(format!("drop cascades to view {one}"))),
            more => {
                let message = format!("drop cascades to {} other objects", more.len());
                session.notice(Notice::notice(message));
            }
        }
        Ok(all)
    }
}

fn depended_on(kind: &str, name: &str, view: &str) -> SqlError {
    let message = format!("cannot drop {kind} {name} because other objects depend on it");
    SqlError::new("2BP01", message)
        .detail(format!("view {view} depends on {kind} {name}"))
        .hint("Use DROP ... CASCADE to drop the dependent objects too.")
}

/// The column that still draws its default from its sequence.
fn used_by<'s>(sequence: &'s Sequence, catalog: &Catalog) -> Option<&'s Owner> {
    let owner = sequence.owner.as_ref()?;
    let table = catalog.namespaces.get(&sequence.namespace)?.tables.get(&owner.table)?;
    let default = table.column(&owner.column)?.default.as_ref()?;
    default.starts_with("nextval(").then_some(owner)
}

fn tell_missing(session: &mut SessionState, missing: &[String]) {
    for message in missing {
        session.notice(Notice::notice(message.clone()));
    }
}

/// Columns of these names and types; the first ones may be named by the statement.
fn columns_of(fields: &[query::Field], names: &[String]) -> SqlResult<Vec<Column>> {
    if names.len() > fields.len() {
        return Err(SqlError::syntax("too many column names were specified"));
    }
    let mut columns: Vec<Column> = Vec::with_capacity(fields.len());
    for (i, field) in fields.iter().enumerate() {
        let name = names.get(i).unwrap_or(&field.name).clone();
        if columns.iter().any(|column| column.name == name) {
            let message = format!("column \"{name}\" specified more than once");
            return Err(SqlError::new("42701", message).hint("give it another name with AS"));
        }
        let column_type = type_of(field);
        columns.push(Column { name, column_type, not_null: false, default: None });
    }
    Ok(columns)
}

/// The type of a query's column, with its length or precision where that is known.
fn type_of(field: &query::Field) -> ColumnType {
    // PostgreSQL keeps them four above what they are.
    let Ok(modifier) = u32::try_from(field.typmod.saturating_sub(4)) else {
        return field.column_type;
    };
    match crate::pg::column_type(field.oid) {
        Some(ColumnType::Varchar(_)) => ColumnType::Varchar(Some(modifier)),
        Some(ColumnType::Numeric { .. }) => {
            let (precision, scale) = (modifier >> 16, modifier & 0xffff);
            match (u8::try_from(precision), u8::try_from(scale)) {
                (Ok(precision), Ok(scale)) => ColumnType::Numeric { precision, scale },
                _ => field.column_type,
            }
        }
        _ => field.column_type,
    }
}

/// A view may get more columns at its end; others may rest on those that it has.
fn check_replaced(old: &View, new: &View) -> SqlResult<()> {
    let wrong = |message: String| Err(SqlError::new("42P16", message));
    if new.columns.len() < old.columns.len() {
        return wrong("cannot drop columns from view".to_string());
    }
    for (old, new) in old.columns.iter().zip(&new.columns) {
        if old.name != new.name {
            let (from, to) = (&old.name, &new.name);
            return wrong(format!("cannot change name of view column \"{from}\" to \"{to}\""));
        }
        if old.column_type != new.column_type {
            return wrong(format!(
                "cannot change data type of view column \"{}\" from {} to {}",
                old.name, old.column_type, new.column_type
            ));
        }
    }
    Ok(())
}
