//! Plans by their text, for all sessions: drivers send the same few texts again and again.
//!
//! Texts that differ in their literals share a plan: it is kept under the text with parameters in
//! their place ([`Backend::lift`]), and a literal is read as a parameter that came as text. Where
//! that fails the text is planned as it stands, so errors are those of the text.
//!
//! What a plan depends on beside the catalogue is part of the name that it is kept under; whether
//! the catalogue is still the same the backend says ([`Backend::serves_all`]).

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use model::{ColumnType, Value};
use quick_cache::Equivalent;
use quick_cache::sync::Cache;
use sql::{Lifted, Literal};

use super::backend::Backend;
use super::params;
use super::portal::Entry;
use super::state::SessionState;
use super::types::oid;

/// Plans that are kept: an application has some hundreds of texts. A plan of a short text takes a
/// few KiB.
const PLANS: usize = 1_024;
/// Longest text whose plan is kept, bytes. Longer ones are loads of rows, which do not come again.
const TEXT_MAX: usize = 2_048;

/// Plans by text.
pub(crate) struct Plans<B: Backend>(Cache<Kept, Plan<B>>);

/// What is known of a text.
enum Plan<B: Backend> {
    Ready(Arc<Entry<B::Statement>>),
    /// A template whose plan does not take literals.
    Never,
}

impl<B: Backend> Clone for Plan<B> {
    fn clone(&self) -> Plan<B> {
        match self {
            Plan::Ready(entry) => Plan::Ready(entry.clone()),
            Plan::Never => Plan::Never,
        }
    }
}

/// What [`Plans`] know of a text with literals.
pub(crate) enum Template<B: Backend> {
    /// Its plan, and the values of its parameters.
    Known(Arc<Entry<B::Statement>>, Vec<Option<Value>>),
    /// Nothing yet.
    New(Lifted),
    /// It has to be planned as it stands.
    None,
}

/// What a plan is kept under.
struct Kept {
    text: String,
    declared: Vec<u32>,
    namespace: String,
    on_insert: String,
}

/// The same, borrowed.
#[derive(Hash)]
struct Asked<'a> {
    text: &'a str,
    declared: &'a [u32],
    namespace: &'a str,
    on_insert: &'a str,
}

impl Kept {
    fn as_asked(&self) -> Asked<'_> {
        Asked {
            text: &self.text,
            declared: &self.declared,
            namespace: &self.namespace,
            on_insert: &self.on_insert,
        }
    }
}

impl Hash for Kept {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_asked().hash(state);
    }
}

impl PartialEq for Kept {
    fn eq(&self, other: &Kept) -> bool {
        other.as_asked().equivalent(self)
    }
}

impl Eq for Kept {}

impl Equivalent<Kept> for Asked<'_> {
    fn equivalent(&self, kept: &Kept) -> bool {
        self.text == kept.text
            && self.declared == kept.declared
            && self.namespace == kept.namespace
            && self.on_insert == kept.on_insert
    }
}

impl<'a> Asked<'a> {
    fn new(session: &'a SessionState, text: &'a str, declared: &'a [u32]) -> Asked<'a> {
        let on_insert = session.settings.get("record_exists_action").unwrap_or("");
        Asked { text, declared, namespace: session.namespace(), on_insert }
    }

    fn kept(&self) -> Kept {
        Kept {
            text: self.text.to_string(),
            declared: self.declared.to_vec(),
            namespace: self.namespace.to_string(),
            on_insert: self.on_insert.to_string(),
        }
    }
}

impl<B: Backend> Plans<B> {
    pub(crate) fn new() -> Plans<B> {
        Plans(Cache::new(PLANS))
    }

    /// The plan that the text has in this session, if it is kept and still right.
    pub(crate) fn get(
        &self,
        backend: &B,
        session: &SessionState,
        text: &str,
        declared: &[u32],
    ) -> Option<Arc<Entry<B::Statement>>> {
        if text.len() > TEXT_MAX {
            return None;
        }
        match self.0.get(&Asked::new(session, text, declared))? {
            Plan::Ready(entry) => backend.serves_all(entry.statement.as_deref()?).then_some(entry),
            Plan::Never => None,
        }
    }

    /// The plan that a text shares with those that have other literals.
    pub(crate) fn template(&self, backend: &B, session: &SessionState, text: &str) -> Template<B> {
        let Some(lifted) = backend.lift(text) else { return Template::None };
        match self.0.get(&Asked::new(session, &lifted.template, &[])) {
            Some(Plan::Never) => Template::None,
            Some(Plan::Ready(entry))
                if entry.statement.as_deref().is_some_and(|s| backend.serves_all(s)) =>
            {
                match values(&entry, &lifted.literals) {
                    Some(values) => Template::Known(entry, values),
                    None => Template::None,
                }
            }
            _ => Template::New(lifted),
        }
    }

    /// Keeps the plan of a template, if it takes these literals; their values.
    pub(crate) fn keep_template(
        &self,
        backend: &B,
        session: &SessionState,
        lifted: &Lifted,
        entry: Option<&Arc<Entry<B::Statement>>>,
    ) -> Option<Vec<Option<Value>>> {
        let entry = entry.filter(|entry| {
            let takes = |s| backend.serves_all(s) && backend.takes_literals(s);
            entry.statement.as_deref().is_some_and(takes)
        });
        let values = entry.and_then(|entry| values(entry, &lifted.literals));
        let plan = match (entry, &values) {
            (Some(entry), Some(_)) => Plan::Ready(entry.clone()),
            _ => Plan::Never,
        };
        self.0.insert(Asked::new(session, &lifted.template, &[]).kept(), plan);
        values
    }

    /// Keeps the plan of a text that holds just this statement, if it is one that others can use.
    pub(crate) fn keep(
        &self,
        backend: &B,
        session: &SessionState,
        text: &str,
        declared: &[u32],
        entry: &Arc<Entry<B::Statement>>,
    ) {
        let lasts = entry.statement.as_deref().is_some_and(|s| backend.serves_all(s));
        if text.len() <= TEXT_MAX && lasts {
            let kept = Asked::new(session, text, declared).kept();
            self.0.insert(kept, Plan::Ready(entry.clone()));
        }
    }
}

/// The literals as parameters of the plan; `None` where one would mean something else as such.
fn values<S>(entry: &Entry<S>, literals: &[Literal]) -> Option<Vec<Option<Value>>> {
    if entry.params.len() != literals.len() {
        return None;
    }
    let value = |(literal, planned): (&Literal, &Option<ColumnType>)| match (literal, planned) {
        (Literal::Integer(n), Some(planned)) => {
            let fits = match planned {
                ColumnType::Int2 => i16::try_from(*n).is_ok(),
                ColumnType::Int4 => i32::try_from(*n).is_ok(),
                ColumnType::Int8 => true,
                _ => false,
            };
            fits.then_some(Some(Value::Integer(*n)))
        }
        (Literal::Text(text), Some(planned)) => {
            params::decode(oid::UNKNOWN, Some(*planned), false, text.as_bytes()).ok().map(Some)
        }
        (_, None) => None,
    };
    literals.iter().zip(&entry.params).map(value).collect()
}
