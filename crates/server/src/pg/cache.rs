//! Plans by their text, for all sessions: drivers send the same few texts again and again.
//!
//! What a plan depends on beside the catalogue is part of the name that it is kept under; whether
//! the catalogue is still the same the backend says ([`Backend::serves_all`]).

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use quick_cache::Equivalent;
use quick_cache::sync::Cache;

use super::backend::Backend;
use super::portal::Entry;
use super::state::SessionState;

/// Plans that are kept: an application has some hundreds of texts. A plan of a short text takes a
/// few KiB.
const PLANS: usize = 1_024;
/// Longest text whose plan is kept, bytes. Longer ones are loads of rows, which do not come again.
const TEXT_MAX: usize = 2_048;

/// Plans by text.
pub(crate) struct Plans<B: Backend>(Cache<Kept, Arc<Entry<B::Statement>>>);

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
        let entry = self.0.get(&Asked::new(session, text, declared))?;
        backend.serves_all(entry.statement.as_deref()?).then_some(entry)
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
            let Asked { namespace, on_insert, .. } = Asked::new(session, text, declared);
            let kept = Kept {
                text: text.to_string(),
                declared: declared.to_vec(),
                namespace: namespace.to_string(),
                on_insert: on_insert.to_string(),
            };
            self.0.insert(kept, entry.clone());
        }
    }
}
