//! CREATE INDEX, DROP INDEX, SHOW INDEXES.

use std::time::Duration;

use model::{ColumnType, ErrorKind, IndexSource, IndexType};
use sql::plan::{DroppedIndex, NewIndex};
use sql::{SqlError, SqlResult};
use store::{IndexInfo, Store};

use super::background::ArrowRows;
use super::show::{answer, fields, int, text};
use super::{Executor, Operated, ddl};
use crate::pg::{Answer, Field, Notice, SessionState, Tag};

/// How often a statement looks whether its index is built: at first, and later.
const LOOK_FIRST: Duration = Duration::from_millis(1);
const LOOK_LATER: Duration = Duration::from_millis(100);

impl<S: Operated> Executor<S> {
    pub(super) async fn create_index(
        &self,
        session: &mut SessionState,
        new: &NewIndex,
    ) -> SqlResult<Answer<ArrowRows>> {
        let (namespace, name) = (&new.namespace, &*new.def.name);
        match self.store.create_index(namespace, new.def.clone()).await {
            Err(error) if error.kind == ErrorKind::IndexExists => {
                let hint = "DROP INDEX it first, or say CREATE INDEX IF NOT EXISTS";
                ddl::taken(session, name, new.if_not_exists, hint)?;
            }
            made => {
                made?;
                for key in &new.left_out {
                    let message = format!("the index is on its first key only: {key} is left out");
                    session.notice(Notice::notice(message));
                }
                if new.waits {
                    self.built(namespace, name).await?;
                }
            }
        }
        Ok(Answer::Done(Tag::Text("CREATE INDEX")))
    }

    /// Waits until an index is built, or gone.
    async fn built(&self, namespace: &str, name: &str) -> SqlResult<()> {
        let mut pause = LOOK_FIRST;
        loop {
            let indexes = self.store.indexes(Some(namespace))?;
            let index = indexes.into_iter().find(|index| *index.def.name == *name);
            if index.is_none_or(|index| index.ready) {
                return Ok(());
            }
            tokio::time::sleep(pause).await;
            pause = (2 * pause).min(LOOK_LATER);
        }
    }

    pub(super) async fn drop_indexes(
        &self,
        session: &mut SessionState,
        dropped: &[DroppedIndex],
    ) -> SqlResult<Answer<ArrowRows>> {
        for index in dropped {
            match index {
                DroppedIndex::Missing(message) => session.notice(Notice::notice(message.clone())),
                DroppedIndex::There { namespace, name } => {
                    self.store.drop_index(namespace, name).await?;
                }
            }
        }
        Ok(Answer::Done(Tag::Text("DROP INDEX")))
    }
}

pub(super) fn index_fields() -> Vec<Field> {
    use ColumnType::{Int4, Int8, Text};
    fields(&[
        ("namespace", Text),
        ("set", Text),
        ("indexname", Text),
        ("bin", Text),
        ("type", Text),
        ("indextype", Text),
        ("context", Text),
        ("exp", Text),
        ("where", Text),
        ("state", Text),
        ("built_pct", Int4),
        ("entries", Int8),
        ("distinct_values", Int8),
        ("bytes", Int8),
    ])
}

pub(super) fn show<S: Store>(
    store: &S,
    namespace: Option<&str>,
    set: Option<&str>,
) -> SqlResult<Answer<ArrowRows>> {
    let mut indexes = store.indexes(namespace)?;
    indexes.retain(|index| set.is_none_or(|set| index.def.covers(set)));
    let row = |index: IndexInfo| {
        let def = &index.def;
        let (bin, context, exp) = match &def.source {
            IndexSource::Bin { bin, context } => (Some(&**bin), context.as_deref(), None),
            IndexSource::Expression(bytes) => (None, None, Some(&**bytes)),
        };
        let encoded =
            |bytes: Option<&[u8]>| bytes.and_then(|bytes| text(&sql::expr::to_base64(bytes)));
        vec![
            text(&index.namespace),
            def.set.as_deref().and_then(text),
            text(&def.name),
            bin.and_then(text),
            text(type_name(def.value_type)),
            text(&def.collection.to_string()),
            encoded(context),
            encoded(exp),
            encoded(def.filter.as_deref()),
            text(if index.ready { "RW" } else { "WO" }),
            int(index.built_pct.into()),
            int(index.entries),
            int(index.distinct),
            int(index.bytes),
        ]
    };
    Ok(answer(indexes.into_iter().map(row).collect()))
}

/// aql's name of the type of an index.
pub(crate) fn type_name(t: IndexType) -> &'static str {
    match t {
        IndexType::Integer => "numeric",
        IndexType::Double => "double",
        IndexType::String => "string",
        IndexType::Blob => "blob",
        IndexType::Bool => "bool",
        IndexType::Geo => "geo2dsphere",
    }
}

pub(super) fn stat_fields() -> Vec<Field> {
    fields(&[("name", ColumnType::Text), ("value", ColumnType::Text)])
}

/// STAT INDEX.
pub(super) fn stat<S: Store>(
    store: &S,
    namespace: &str,
    name: &str,
) -> SqlResult<Answer<ArrowRows>> {
    let indexes = store.indexes(Some(namespace))?;
    let index = indexes.into_iter().find(|index| *index.def.name == *name).ok_or_else(|| {
        SqlError::new("42704", format!("index \"{name}\" does not exist"))
            .hint("SHOW INDEXES lists them")
    })?;
    let rows = numbers(&index).into_iter();
    Ok(answer(rows.map(|(name, value)| vec![text(name), text(&value)]).collect()))
}

/// An index in numbers, under Aerospike's names.
pub(crate) fn numbers(index: &IndexInfo) -> [(&'static str, String); 4] {
    let per_value = index.entries.checked_div(index.distinct).unwrap_or(0);
    [
        ("entries", index.entries.to_string()),
        ("entries_per_bval", per_value.to_string()),
        ("load_pct", index.built_pct.to_string()),
        ("used_bytes", index.bytes.to_string()),
    ]
}
