//! Secondary indexes: which there are, and questions to them.

mod define;
mod query;
mod values;

use std::sync::{Arc, RwLock};

use model::{CatalogIndex, Error, ErrorKind, IndexDef, Result, limits};
use storage::Ticket;
use store::IndexInfo;

use crate::{Namespace, SYSTEM_SETS};
use values::Extract;

/// The indexes of a namespace, by name.
#[derive(Default)]
pub(crate) struct Indexes {
    list: RwLock<Arc<Vec<Arc<Secondary>>>>,
}

/// One index.
pub(crate) struct Secondary {
    def: Arc<IndexDef>,
    extract: Extract,
}

impl Secondary {
    fn new(def: IndexDef) -> Result<Secondary> {
        Ok(Secondary { extract: Extract::of(&def)?, def: Arc::new(def) })
    }

    /// Whether records of this set may be in it.
    fn covers(&self, set: &str) -> bool {
        self.def.covers(set) && !set.starts_with(SYSTEM_SETS)
    }
}

impl Indexes {
    /// Those that there are now.
    pub(crate) fn now(&self) -> Arc<Vec<Arc<Secondary>>> {
        self.list.read().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }

    fn change(&self, change: impl FnOnce(&mut Vec<Arc<Secondary>>)) {
        let mut list = self.list.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        let mut next = list.to_vec();
        change(&mut next);
        next.sort_by(|a, b| a.def.name.cmp(&b.def.name));
        *list = Arc::new(next);
    }
}

impl Namespace {
    /// Makes an index. It holds once the ticket is done.
    pub fn create_index(&self, def: IndexDef, now_ms: u64) -> Result<Option<Ticket>> {
        def.check()?;
        let name = def.name.clone();
        let made = Arc::new(Secondary::new(def)?);
        let _one = crate::lock(&self.defining);
        let known = self.indexes.now();
        if known.iter().any(|index| index.def.name == name) {
            let detail =
                format!("there is an index {name:?}; drop it first or choose another name");
            return Err(Error::new(ErrorKind::IndexExists, detail));
        }
        if known.len() >= limits::INDEXES_MAX {
            let most = limits::INDEXES_MAX;
            let detail = format!("a namespace has at most {most} indexes; drop one");
            return Err(Error::new(ErrorKind::NoSpace, detail));
        }
        let ticket = self.keep_index(&name, Some(&made.def), now_ms)?;
        self.indexes.change(|list| list.push(made));
        self.sets.bump();
        Ok(ticket)
    }

    /// Forgets an index; whether there was one. It holds once the ticket is done.
    pub fn drop_index(&self, name: &str, now_ms: u64) -> Result<(bool, Option<Ticket>)> {
        let _one = crate::lock(&self.defining);
        if self.index_named(name).is_err() {
            return Ok((false, None));
        }
        let ticket = self.keep_index(name, None, now_ms)?;
        self.indexes.change(|list| list.retain(|index| *index.def.name != *name));
        self.sets.bump();
        Ok((true, ticket))
    }

    /// Forgets the indexes of a set.
    pub(crate) fn drop_indexes_of(&self, set: &str, now_ms: u64) -> Result<()> {
        for index in &*self.indexes.now() {
            if index.def.set.as_deref() == Some(set) {
                self.drop_index(&index.def.name, now_ms)?;
            }
        }
        Ok(())
    }

    /// The indexes as the catalogue shows them, by name.
    pub fn catalog_indexes(&self) -> Arc<[CatalogIndex]> {
        let shown = |index: &Arc<Secondary>| CatalogIndex { def: index.def.clone(), ready: true };
        self.indexes.now().iter().map(shown).collect()
    }

    /// What the indexes say of themselves, by name.
    pub fn index_infos(&self) -> Vec<IndexInfo> {
        let info = |index: &Arc<Secondary>| IndexInfo {
            namespace: self.options.name.clone(),
            def: index.def.clone(),
            ready: true,
            built_pct: 100,
            entries: 0,
            bytes: 0,
            distinct: 0,
        };
        self.indexes.now().iter().map(info).collect()
    }

    /// Reads the definitions back.
    pub(crate) fn load_indexes(&self, now_ms: u64) -> Result<()> {
        for def in self.kept_indexes(now_ms)? {
            let index = Arc::new(Secondary::new(def)?);
            self.indexes.change(|list| list.push(index));
        }
        Ok(())
    }

    fn index_named(&self, name: &str) -> Result<Arc<Secondary>> {
        let known = self.indexes.now();
        known.iter().find(|index| *index.def.name == *name).cloned().ok_or_else(|| {
            let detail = format!("there is no index {name:?} in namespace {}", self.name());
            Error::new(ErrorKind::IndexNotFound, detail)
        })
    }
}
