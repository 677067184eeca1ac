//! SHOW NAMESPACES, SETS and BINS.

use model::{ColumnType, Value};
use sql::SqlResult;
use store::Store;

use super::ArrowRows;
use crate::pg::{Answer, Field, Row, Tag};

pub(super) fn int(n: u64) -> Option<Value> {
    Some(Value::Integer(i64::try_from(n).unwrap_or(i64::MAX)))
}

pub(super) fn text(s: &str) -> Option<Value> {
    Some(Value::String(s.to_string()))
}

pub(super) fn fields(columns: &[(&str, ColumnType)]) -> Vec<Field> {
    columns.iter().map(|(name, column_type)| Field::new(*name, *column_type)).collect()
}

pub(super) fn answer(rows: Vec<Row>) -> Answer<ArrowRows> {
    Answer::Values(Tag::Text("SHOW"), rows)
}

pub(super) fn namespace_fields() -> Vec<Field> {
    use ColumnType::{Int8, Text};
    fields(&[
        ("namespace", Text),
        ("storage_engine", Text),
        ("durability", Text),
        ("objects", Int8),
        ("tombstones", Int8),
        ("index_bytes", Int8),
        ("used_bytes", Int8),
        ("capacity_bytes", Int8),
        ("default_ttl", Int8),
        ("replication_factor", Int8),
        ("stop_writes", Text),
    ])
}

pub(super) fn namespaces<S: Store>(store: &S) -> Answer<ArrowRows> {
    let row = |info: store::NamespaceInfo| {
        vec![
            text(&info.name),
            text(info.storage_engine),
            text(&info.durability),
            int(info.objects),
            int(info.tombstones),
            int(info.index_bytes),
            int(info.used_bytes),
            int(info.capacity_bytes),
            int(info.default_ttl_s.into()),
            int(info.replication_factor.into()),
            info.stop_writes.as_deref().and_then(text),
        ]
    };
    answer(store.namespaces().into_iter().map(row).collect())
}

pub(super) fn set_fields() -> Vec<Field> {
    use ColumnType::{Bool, Int8, Text};
    fields(&[
        ("namespace", Text),
        ("set", Text),
        ("objects", Int8),
        ("bytes", Int8),
        ("declared", Bool),
    ])
}

/// The namespaces that a SHOW is about.
fn chosen<S: Store>(store: &S, namespace: Option<&str>) -> Vec<String> {
    match namespace {
        Some(name) => vec![name.to_string()],
        None => store.namespaces().into_iter().map(|info| info.name).collect(),
    }
}

pub(super) fn sets<S: Store>(store: &S, namespace: Option<&str>) -> SqlResult<Answer<ArrowRows>> {
    let mut rows = Vec::new();
    for namespace in chosen(store, namespace) {
        for info in store.sets(&namespace)? {
            rows.push(vec![
                text(&info.namespace),
                text(&info.name),
                int(info.objects),
                int(info.bytes),
                Some(Value::Bool(info.declared)),
            ]);
        }
    }
    Ok(answer(rows))
}

pub(super) fn bin_fields() -> Vec<Field> {
    use ColumnType::Text;
    fields(&[("namespace", Text), ("set", Text), ("bin", Text), ("types", Text)])
}

pub(super) fn bins<S: Store>(
    store: &S,
    namespace: Option<&str>,
    set: Option<&str>,
) -> SqlResult<Answer<ArrowRows>> {
    let mut rows = Vec::new();
    for namespace in chosen(store, namespace) {
        let sets = match set {
            Some(set) => vec![set.to_string()],
            None => store.sets(&namespace)?.into_iter().map(|info| info.name).collect(),
        };
        for set in sets {
            for info in store.bins(&namespace, &set)? {
                let types: Vec<&str> = info.types.iter().map(|t| t.name()).collect();
                let types = text(&types.join(", "));
                rows.push(vec![text(&info.namespace), text(&info.set), text(&info.name), types]);
            }
        }
    }
    Ok(answer(rows))
}
