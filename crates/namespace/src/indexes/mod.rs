//! Secondary indexes of a namespace: which there are, kept true by every change of a record.
//!
//! 1. A definition is a record of a set of its own (`define.rs`); `values.rs` says under which values
//!    an index has a record, `keys.rs` what these are in its trees.
//! 2. A change of a record (`maintain.rs`) adds its new entries before the primary index shows the new
//!    version and takes the old ones out afterwards, under the record's lock: of whatever version a
//!    query finds, the entries are there. What is removed by the thousand, by expiry, eviction and
//!    truncates, is taken out by tag, while writers wait.
//! 3. A new index, and every index after a restart, is built in the background (`build.rs`) by a
//!    walk over the records. Entries are sets: to add what is there and to take out what is not does
//!    nothing. So writers keep an index that is being built as they keep any other, and the walk adds
//!    what it finds, each record under its lock.
//! 4. A query (`query.rs`, `ordered.rs`) takes tags from the trees, reads the records and asks each
//!    whether it is in the range as it is now. Until an index is built `scan.rs` answers.

mod build;
mod check;
mod define;
mod keys;
mod maintain;
mod ordered;
mod query;
mod sabotage;
mod scan;
mod values;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::*};
use std::sync::{Arc, Condvar, Mutex, RwLock};

use index::Index as Primary;
use model::{
    CatalogIndex, Digest, Error, ErrorKind, IndexDef, IndexType, PARTITIONS, Result, limits,
};
use storage::Ticket;
use store::IndexInfo;

use crate::{Namespace, SYSTEM_SETS};
use build::Build;
pub(crate) use maintain::Fields;
pub use sabotage::IndexBug;
use values::Extract;

/// Ids of sets, and words of a bit each.
const SET_WORDS: usize = model::limits::SETS_MAX / 64 + 1;

/// The indexes of a namespace, by name.
pub(crate) struct Indexes {
    list: RwLock<Arc<Vec<Arc<Secondary>>>>,
    /// Whether there is an index of every set.
    all_sets: AtomicBool,
    /// A bit for each set with an index of its own.
    sets: [AtomicU64; SET_WORDS],
    /// Held while indexes are made and dropped.
    defining: Mutex<()>,
    builds: Mutex<VecDeque<Arc<Build>>>,
    /// Tells who builds that there is something to build, or nothing any more.
    work: Condvar,
    bug: sabotage::Ordered,
}

/// One index.
pub(crate) struct Secondary {
    def: Arc<IndexDef>,
    extract: Extract,
    /// The id of its set.
    set_id: Option<u16>,
    entries: sindex::Index,
    /// Partitions that are built.
    built: AtomicU32,
    ready: AtomicBool,
    dropped: AtomicBool,
    /// What it costs to find out: entries at that time, bytes, different keys.
    measured: Mutex<Option<(u64, u64, u64)>>,
}

impl Secondary {
    /// Whether records of this set may be in it.
    fn covers(&self, set: &str) -> bool {
        self.def.covers(set) && !set.starts_with(SYSTEM_SETS)
    }

    fn ready(&self) -> bool {
        self.ready.load(Acquire)
    }

    fn built_pct(&self) -> u8 {
        (self.built.load(Relaxed) * 100 / u32::from(PARTITIONS)) as u8
    }

    /// Bytes and different keys, measured anew when it has grown or shrunk by a sixteenth.
    fn measured(&self) -> (u64, u64) {
        let len = self.entries.len();
        let mut measured = crate::lock(&self.measured);
        match *measured {
            Some((then, bytes, distinct)) if then.abs_diff(len) <= then / 16 => {
                (bytes, distinct.min(len))
            }
            _ => {
                let (bytes, distinct) = (self.entries.bytes(), self.entries.distinct());
                *measured = Some((len, bytes, distinct));
                (bytes, distinct)
            }
        }
    }

    fn info(&self, namespace: &str) -> IndexInfo {
        let (bytes, distinct) = self.measured();
        IndexInfo {
            namespace: namespace.to_string(),
            def: self.def.clone(),
            ready: self.ready(),
            built_pct: self.built_pct(),
            entries: self.entries.len(),
            bytes,
            distinct,
        }
    }
}

impl Indexes {
    pub(crate) fn new() -> Indexes {
        Indexes {
            list: RwLock::default(),
            all_sets: AtomicBool::new(false),
            sets: [const { AtomicU64::new(0) }; SET_WORDS],
            defining: Mutex::default(),
            builds: Mutex::default(),
            work: Condvar::new(),
            bug: sabotage::Ordered::default(),
        }
    }

    /// Those that there are now.
    fn now(&self) -> Arc<Vec<Arc<Secondary>>> {
        self.list.read().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }

    /// Whether records of this set may be in an index. Asked at every write.
    fn any_of(&self, set_id: u16) -> bool {
        let word = &self.sets[usize::from(set_id) / 64];
        word.load(Relaxed) >> (set_id % 64) & 1 == 1 || self.all_sets.load(Relaxed)
    }

    /// Changes the list, while nobody writes.
    fn change(&self, change: impl FnOnce(&mut Vec<Arc<Secondary>>)) {
        let mut list = self.list.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        let mut next = list.to_vec();
        change(&mut next);
        next.sort_by(|a, b| a.def.name.cmp(&b.def.name));
        self.all_sets.store(next.iter().any(|index| index.set_id.is_none()), Relaxed);
        for (number, word) in self.sets.iter().enumerate() {
            let ids = next.iter().filter_map(|index| index.set_id.map(usize::from));
            let own = ids.filter(|id| id / 64 == number);
            word.store(own.fold(0, |bits, id| bits | 1 << (id % 64)), Relaxed);
        }
        *list = Arc::new(next);
    }
}

impl Namespace {
    /// Makes an index, and leaves it to [`Namespace::run_builds`] to build it, if there is anything to
    /// build. It holds once the ticket is done.
    pub fn create_index(&self, def: IndexDef, now_ms: u64) -> Result<Option<Ticket>> {
        def.check()?;
        let made = self.secondary(def)?;
        let name = &made.def.name;
        let _one = crate::lock(&self.indexes.defining);
        let known = self.indexes.now();
        if known.iter().any(|index| index.def.name == *name) {
            let detail = format!("there is an index {name:?}; drop it or choose another name");
            return Err(Error::new(ErrorKind::IndexExists, detail));
        }
        if known.len() >= limits::INDEXES_MAX {
            let most = limits::INDEXES_MAX;
            let detail = format!("a namespace has at most {most} indexes; drop one");
            return Err(Error::new(ErrorKind::NoSpace, detail));
        }
        let ticket = self.keep_index(name, Some(&made.def), now_ms)?;
        // From here on every write keeps it.
        let gate = self.gate.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        self.indexes.change(|list| list.push(made.clone()));
        let empty = self.is_nothing_for(&made);
        drop(gate);
        match empty {
            true => self.index_is_ready(&made),
            false => self.begin_build(vec![made]),
        }
        Ok(ticket)
    }

    /// Forgets an index; whether there was one. It holds once the ticket is done.
    pub fn drop_index(&self, name: &str, now_ms: u64) -> Result<(bool, Option<Ticket>)> {
        let _one = crate::lock(&self.indexes.defining);
        let Ok(index) = self.index_named(name) else { return Ok((false, None)) };
        let ticket = self.keep_index(name, None, now_ms)?;
        index.dropped.store(true, Relaxed);
        let gate = self.gate.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        self.indexes.change(|list| list.retain(|index| *index.def.name != *name));
        drop(gate);
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
        let shown =
            |index: &Arc<Secondary>| CatalogIndex { def: index.def.clone(), ready: index.ready() };
        self.indexes.now().iter().map(shown).collect()
    }

    /// What the indexes say of themselves, by name.
    pub fn index_infos(&self) -> Vec<IndexInfo> {
        self.indexes.now().iter().map(|index| index.info(&self.options.name)).collect()
    }

    /// Reads the definitions back. The indexes are built by [`Namespace::run_builds`].
    pub(crate) fn load_indexes(&self, now_ms: u64) -> Result<()> {
        let mut found = Vec::new();
        for def in self.kept_indexes(now_ms)? {
            found.push(self.secondary(def)?);
        }
        self.indexes.change(|list| list.extend(found.iter().cloned()));
        let (empty, rest): (Vec<_>, Vec<_>) =
            found.into_iter().partition(|index| self.is_nothing_for(index));
        empty.iter().for_each(|index| self.index_is_ready(index));
        if !rest.is_empty() {
            self.begin_build(rest);
        }
        Ok(())
    }

    /// An index without an entry.
    fn secondary(&self, def: IndexDef) -> Result<Arc<Secondary>> {
        let width = match def.value_type {
            IndexType::String | IndexType::Blob => sindex::Width::Wide,
            _ => sindex::Width::Narrow,
        };
        let set_id = def.set.as_deref().map(|set| self.storage.intern_set(set)).transpose()?;
        Ok(Arc::new(Secondary {
            extract: Extract::of(&def)?,
            def: Arc::new(def),
            set_id,
            entries: sindex::Index::new(width, self.index_trees()),
            built: AtomicU32::new(0),
            ready: AtomicBool::new(false),
            dropped: AtomicBool::new(false),
            measured: Mutex::default(),
        }))
    }

    /// Trees of an index: as the primary index has shards, for as many records as are expected, one for
    /// half a million or so. Each costs a small question a microsecond, and a large one goes over all
    /// entries of a tree for each [`query::STEP`] records.
    fn index_trees(&self) -> usize {
        usize::from(self.options.shards_per_partition) * 2
    }

    /// Partitions that share a tree.
    pub(crate) fn partitions_together(&self) -> u16 {
        PARTITIONS / self.index_trees() as u16
    }

    fn index_named(&self, name: &str) -> Result<Arc<Secondary>> {
        let known = self.indexes.now();
        known.iter().find(|index| *index.def.name == *name).cloned().ok_or_else(|| {
            let detail = format!("there is no index {name:?} in namespace {}", self.name());
            Error::new(ErrorKind::IndexNotFound, detail)
        })
    }
}

/// The tag of a record in the trees.
fn tag_of(digest: &Digest) -> u64 {
    Primary::tag_of(digest)
}
