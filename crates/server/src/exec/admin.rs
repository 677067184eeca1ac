//! Statements of operators: namespaces that come and go, settings, and what is measured.

use std::sync::Arc;

use model::{ColumnType, Error, ErrorKind};
use sql::{SqlError, SqlResult};
use store::{Latency, Store};
use udf::{Functions, Module};

use super::show::{answer, fields, int, text};
use super::{ArrowRows, Executor};
use crate::config::Shown;
use crate::pg::{Answer, Field, Notice, SessionState, Tag};

/// A store that is a node of its own, with settings.
pub trait Operated: Store {
    /// Every setting that has an effect, with the value that holds.
    fn settings(&self) -> model::Result<Vec<Shown>>;

    /// Changes a dynamic setting of the node itself.
    fn set_node(&self, name: &str, value: &str) -> model::Result<()>;

    /// Whether changes survive a restart.
    fn keeps_changes(&self) -> bool;

    /// Users' functions.
    fn functions(&self) -> &Arc<Functions>;

    /// Registers a module, or replaces it. Durable on return.
    fn put_module(&self, module: Module) -> impl Future<Output = model::Result<()>> + Send;

    /// Forgets a module; whether it was there.
    fn remove_module(&self, name: &str) -> impl Future<Output = model::Result<bool>> + Send;
}

impl<S: Operated> Executor<S> {
    pub(super) async fn create_namespace(
        &self,
        session: &mut SessionState,
        name: &str,
        settings: &[(String, String)],
        if_not_exists: bool,
        tag: &'static str,
    ) -> SqlResult<Answer<ArrowRows>> {
        // `public` stands for the session's namespace wherever there is none of that name.
        let there = self.exists(name) || name.eq_ignore_ascii_case("public");
        let message = format!("namespace \"{name}\" already exists");
        match (there, if_not_exists) {
            (true, false) => {
                let or = format!("choose another name, or say {tag} IF NOT EXISTS");
                return Err(SqlError::new("42P06", message).hint(or));
            }
            (true, true) => {
                let message = format!("{message}, skipping");
                session.notice(Notice { sqlstate: "42P06", ..Notice::notice(message) });
            }
            (false, _) => {
                let (store, name, settings) =
                    (self.store.clone(), name.to_string(), settings.to_vec());
                let make =
                    async move { store.create_namespace(&name, &settings).await.map_err(refused) };
                self.queries.run(make).await?;
                self.tell_if_lost(session);
            }
        }
        Ok(Answer::Done(Tag::Text(tag)))
    }

    /// All are looked at before the first is dropped.
    pub(super) async fn drop_namespaces(
        &self,
        names: &[String],
        cascade: bool,
        tag: &'static str,
    ) -> SqlResult<Answer<ArrowRows>> {
        for name in names {
            let tables = self.store.sets(name)?;
            let held = tables.iter().find(|set| set.declared || set.objects > 0);
            if let (Some(set), false) = (held, cascade) {
                let word = tag.trim_start_matches("DROP ").to_ascii_lowercase();
                let message =
                    format!("cannot drop {word} {name} because other objects depend on it");
                return Err(SqlError::new("2BP01", message)
                    .detail(format!("table {name}.{} depends on {word} {name}", set.name))
                    .hint("Use DROP .. CASCADE to drop the dependent objects too."));
            }
        }
        for name in names {
            let (store, name) = (self.store.clone(), name.clone());
            let drop = async move { store.drop_namespace(&name).await.map_err(refused) };
            self.queries.run(drop).await?;
        }
        Ok(Answer::Done(Tag::Text(tag)))
    }

    pub(super) async fn alter_namespace(
        &self,
        session: &mut SessionState,
        name: &str,
        set: Option<&str>,
        settings: &[(String, String)],
    ) -> SqlResult<()> {
        self.store.alter_namespace(name, set, settings).await.map_err(refused)?;
        self.tell_if_lost(session);
        Ok(())
    }

    pub(super) fn set_config(
        &self,
        session: &mut SessionState,
        name: &str,
        value: &str,
    ) -> SqlResult<Answer<ArrowRows>> {
        self.store.set_node(name, value).map_err(refused)?;
        self.tell_if_lost(session);
        Ok(Answer::Done(Tag::Text("SET CONFIG")))
    }

    fn exists(&self, name: &str) -> bool {
        self.store.catalog().namespaces.contains_key(name)
    }

    fn tell_if_lost(&self, session: &mut SessionState) {
        if !self.store.keeps_changes() {
            let message = "the change holds until the node stops: it has no data folder";
            let hint = Some("start the node with --data to keep such changes".to_string());
            session.notice(Notice { hint, ..Notice::notice(message) });
        }
    }

    pub(super) fn config(
        &self,
        like: Option<&str>,
        namespace: Option<&str>,
    ) -> SqlResult<Answer<ArrowRows>> {
        let mut rows = Vec::new();
        for shown in self.store.settings()? {
            let named = like.map_or(Ok(true), |pattern| sql::expr::is_like(shown.name, pattern))?;
            if !named || (namespace.is_some() && shown.namespace.as_deref() != namespace) {
                continue;
            }
            rows.push(vec![
                shown.namespace.as_deref().and_then(text),
                shown.set.as_deref().and_then(text),
                text(shown.name),
                shown.value.as_deref().and_then(text),
                shown.unit.and_then(text),
                Some(model::Value::Bool(shown.dynamic)),
                text(shown.help),
            ]);
        }
        Ok(answer(rows))
    }
}

pub(super) fn config_fields() -> Vec<Field> {
    use ColumnType::{Bool, Text};
    fields(&[
        ("namespace", Text),
        ("set", Text),
        ("name", Text),
        ("value", Text),
        ("unit", Text),
        ("dynamic", Bool),
        ("help", Text),
    ])
}

pub(super) fn stat_fields() -> Vec<Field> {
    use ColumnType::Text;
    fields(&[("namespace", Text), ("name", Text), ("value", Text)])
}

pub(super) fn stats<S: Store>(store: &S, of: Option<&str>) -> SqlResult<Answer<ArrowRows>> {
    let row = |stat: store::Stat| vec![text(&stat.namespace), text(stat.name), text(&stat.value)];
    Ok(answer(store.stats(of)?.into_iter().map(row).collect()))
}

pub(super) fn latency_fields() -> Vec<Field> {
    use ColumnType::{Float8, Int8, Text};
    fields(&[
        ("namespace", Text),
        ("operation", Text),
        ("count", Int8),
        ("p50_us", Float8),
        ("p90_us", Float8),
        ("p99_us", Float8),
        ("p999_us", Float8),
        ("max_us", Float8),
        ("over_1ms_pct", Float8),
        ("over_8ms_pct", Float8),
        ("over_64ms_pct", Float8),
    ])
}

pub(super) fn latencies<S: Store>(store: &S, of: Option<&str>) -> SqlResult<Answer<ArrowRows>> {
    let float = |number: f64| Some(model::Value::Double(number));
    let us = |ns: u64| float(ns as f64 / 1000.0);
    let row = |latency: Latency| {
        // To a thousandth of a percent: one slow operation in 100,000.
        let share = |over: u64| (over as f64 * 100_000.0 / latency.count.max(1) as f64).round();
        let pct = |over: u64| float(share(over) / 1000.0);
        vec![
            text(&latency.namespace),
            text(latency.operation),
            int(latency.count),
            us(latency.p50_ns),
            us(latency.p90_ns),
            us(latency.p99_ns),
            us(latency.p999_ns),
            us(latency.max_ns),
            pct(latency.over_ms[0]),
            pct(latency.over_ms[3]),
            pct(latency.over_ms[6]),
        ]
    };
    Ok(answer(store.latencies(of)?.into_iter().map(row).collect()))
}

/// The error of a change, its remedy as the hint.
fn refused(error: Error) -> SqlError {
    let remedy = match error.kind {
        ErrorKind::Unsupported => Some("change it in the configuration file and restart the node"),
        ErrorKind::Forbidden => Some("remove its stanza from the configuration file and restart"),
        ErrorKind::Parameter => Some("SHOW CONFIG lists the settings with their values"),
        _ => None,
    };
    let exists = error.kind == ErrorKind::KeyExists;
    let mut refused = SqlError::from(error);
    if exists {
        refused.sqlstate = "42P06";
    }
    if let Some((message, hint)) = refused.message.clone().split_once("; ") {
        refused.message = message.to_string();
        return refused.hint(hint);
    }
    match remedy {
        Some(remedy) => refused.hint(remedy),
        None => refused,
    }
}
