//! Transaction blocks: optimistic, on the records of one namespace.
//!
//! A [`Transaction`] keeps what a block has written, and the version of every record that the block
//! has read by key or is about to change. A [`View`] is the store as a statement sees it: inside a
//! block with what the block has written laid over it. [`Transaction::commit`] gives all changes to
//! [`Store::apply`], each for the version that was seen: one of them changed by others, and nothing
//! happens.
//!
//! Whoever changes a record first holds its lock ([`Locks`]) to the end of the block, and others who
//! want to change it wait. So blocks that change the same records without having read them before
//! come one after the other, as in PostgreSQL.
//!
//! What that isolates: records read by key and records changed are as if the block had run alone at
//! the time of its commit. Records that a scan met are not held to their versions, and a block whose
//! writes are in one namespace is not told of changes in another.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard};

use model::{Digest, Error, ErrorKind, Key, Record, Result, Rows, Value, Wanted};

use crate::locks::Held;
use crate::{
    Address, Bins, Change, Expect, GroupChange, Locks, Outcome, ScanCursor, Seen, Store, Target,
    Ttl, merged,
};

/// Bytes that the records written by one block may take in memory, about. What a commit can write
/// at once is less: a write block.
const BYTES_MAX: usize = 64 << 20;
/// Records read by key that one block may remember.
const READS_MAX: usize = 1 << 20;

/// A transaction block of one session.
#[derive(Debug)]
pub struct Transaction {
    locks: Arc<Locks>,
    /// As the locks know it.
    owner: u64,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// Versions that were seen, by namespace.
    seen: HashMap<String, HashMap<Digest, Version>>,
    /// Where the writes are.
    namespace: String,
    written: HashMap<Digest, Arc<Written>>,
    /// What each write replaced here, oldest first.
    undo: Vec<(Digest, Option<Arc<Written>>)>,
    bytes: usize,
    /// Locks of records that were changed, or were to be.
    held: HashMap<Digest, Held>,
    /// Sets that the block itself has emptied or made.
    emptied: HashSet<(String, String)>,
    /// Those of them into which rows were put past the block.
    loaded: HashSet<(String, String)>,
}

/// The version of a record that the block has seen first.
#[derive(Debug)]
struct Version {
    set: String,
    expect: Expect,
}

/// A record as the block leaves it.
#[derive(Debug)]
struct Written {
    set: String,
    key: Option<Key>,
    /// `None` = deleted.
    record: Option<Record>,
    ttl: Ttl,
    /// Whether it was there before the block.
    existed: bool,
    /// The generation that the commit gives it.
    generation: u16,
    bytes: usize,
}

/// A place in a block to which its writes can be taken back.
#[derive(Debug, Clone, Copy)]
pub struct Savepoint(usize);

impl Transaction {
    /// A block that has done nothing yet.
    pub fn new(locks: Arc<Locks>) -> Transaction {
        let owner = locks.owner();
        Transaction { locks, owner, inner: Mutex::default() }
    }

    /// Forgets everything that was written and gives the locks back.
    pub fn end(&self) {
        drop(std::mem::take(&mut *self.lock()));
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Every change is one insertion or removal: nothing is half done where somebody panicked.
        self.inner.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// The place where the block stands.
    pub fn savepoint(&self) -> Savepoint {
        Savepoint(self.lock().undo.len())
    }

    /// Takes back what was written since. What was read stays read.
    pub fn rollback_to(&self, place: Savepoint) {
        let mut inner = self.lock();
        while inner.undo.len() > place.0
            && let Some((digest, before)) = inner.undo.pop()
        {
            inner.put(digest, before);
        }
    }

    /// Notes that the block has made this set, or made it empty.
    pub fn emptied(&self, namespace: &str, set: &str) {
        self.lock().emptied.insert((namespace.to_string(), set.to_string()));
    }

    /// Whether rows may go into this set past the block, in any number: nothing was in it that a
    /// ROLLBACK would have to bring back. They are seen by others before the COMMIT.
    pub fn loads(&self, namespace: &str, set: &str) -> bool {
        let mut inner = self.lock();
        let name = (namespace.to_string(), set.to_string());
        let pending = inner.namespace == namespace;
        let pending = pending && inner.written.values().any(|written| written.set == set);
        if pending || !inner.emptied.contains(&name) {
            return false;
        }
        inner.loaded.insert(name);
        true
    }

    /// Namespaces and sets that a ROLLBACK has to empty.
    pub fn loaded(&self) -> Vec<(String, String)> {
        self.lock().loaded.iter().cloned().collect()
    }

    /// Makes everything that the block has written happen, or nothing:
    /// [`ErrorKind::GenerationMismatch`] where a record that it read by key or wrote was changed by
    /// others. A block that wrote nothing is held to what it read only if it is `strict`.
    pub async fn commit<S: Store>(&self, store: &S, strict: bool) -> Result<()> {
        let inner = {
            let mut inner = self.lock();
            // Should the commit fail, this has still to be undone.
            let loaded = inner.loaded.clone();
            std::mem::replace(&mut *inner, Inner { loaded, ..Inner::default() })
            // The locks go when this goes: after the commit.
        };
        if inner.written.is_empty() && !strict {
            return Ok(());
        }
        let namespaces = inner
            .seen
            .iter()
            .filter(|(namespace, _)| inner.written.is_empty() || **namespace == inner.namespace);
        for (namespace, seen) in namespaces {
            let change = |(digest, version): (&Digest, &Version)| {
                let written = inner.written.get(digest);
                GroupChange {
                    set: written.map_or("", |written| &written.set),
                    digest: *digest,
                    key: written.and_then(|written| written.key.as_ref()),
                    expect: version.expect,
                    change: written.map_or(Change::Keep, |written| written.change()),
                }
            };
            let group: Vec<_> = seen.iter().map(change).collect();
            if !group.is_empty() {
                store.apply(namespace, &group).await?;
            }
        }
        Ok(())
    }

    /// Whether the block has changed anything in this namespace.
    fn writes_to(&self, namespace: &str) -> bool {
        let inner = self.lock();
        inner.namespace == namespace && !inner.written.is_empty()
    }

    fn written(&self, namespace: &str, digest: &Digest) -> Option<Arc<Written>> {
        let inner = self.lock();
        let here = inner.namespace == namespace;
        inner.written.get(digest).filter(|_| here).cloned()
    }

    /// Notes which version of a record was seen. The first one counts: the commit of a block that
    /// has seen two fails.
    fn saw(&self, namespace: &str, set: &str, digest: &Digest, expect: Expect) -> Result<Expect> {
        let mut inner = self.lock();
        if !inner.seen.contains_key(namespace) {
            inner.seen.insert(namespace.to_string(), HashMap::new());
        }
        let Some(seen) = inner.seen.get_mut(namespace) else { return Ok(expect) };
        if seen.len() >= READS_MAX && !seen.contains_key(digest) {
            let detail = format!(
                "the transaction has read {READS_MAX} records by key, the most it can; read in \
                 smaller transactions"
            );
            return Err(Error::new(ErrorKind::RecordTooBig, detail));
        }
        let version =
            seen.entry(*digest).or_insert_with(|| Version { set: set.to_string(), expect });
        Ok(version.expect)
    }

    /// [`Store::get`] with what the block has written, noting what it saw.
    pub async fn get<S: Store>(
        &self,
        store: &S,
        at: Address<'_>,
        bins: Bins<'_>,
    ) -> Result<Option<Record>> {
        if let Some(written) = self.written(at.namespace, &at.digest) {
            return Ok(written.record.clone());
        }
        let record = store.get(at, bins).await?;
        self.saw(at.namespace, at.set, &at.digest, Expect::of(record.as_ref()))?;
        Ok(record)
    }

    /// [`Store::get_many`] with what the block has written, noting what it saw.
    pub async fn get_many<S: Store>(
        &self,
        store: &S,
        namespace: &str,
        set: &str,
        digests: &[Digest],
        bins: Bins<'_>,
    ) -> Result<Vec<Option<Record>>> {
        let mut records = store.get_many(namespace, set, digests, bins).await?;
        for (digest, record) in digests.iter().zip(&mut records) {
            match self.written(namespace, digest) {
                Some(written) => *record = written.record.clone(),
                None => {
                    self.saw(namespace, set, digest, Expect::of(record.as_ref()))?;
                }
            }
        }
        Ok(records)
    }

    /// Holds a record's lock from here to the end of the block.
    pub async fn hold(&self, digest: &Digest) -> Result<()> {
        let held = self.lock().held.contains_key(digest);
        if !held {
            let held = self.locks.take(self.owner, *digest).await?;
            self.lock().held.insert(*digest, held);
        }
        Ok(())
    }

    /// Changes one record of the block.
    async fn modify<S: Store>(
        &self,
        store: &S,
        at: Address<'_>,
        change: impl FnOnce(Seen<'_>) -> Result<Change>,
    ) -> Result<Outcome> {
        self.hold(&at.digest).await?;
        let before = self.written(at.namespace, &at.digest);
        let (now, existed, new_generation) = match &before {
            Some(written) => (written.record.clone(), written.existed, written.generation),
            None => {
                let record = match store.get(at, Bins::All).await {
                    Err(error) if error.kind == ErrorKind::Corrupt => {
                        return match change(Seen::Damaged(&error))? {
                            Change::Keep => Ok(Outcome {
                                existed: true,
                                generation: 0,
                                void_time: 0,
                                changed: false,
                            }),
                            _ => Err(error),
                        };
                    }
                    read => read?,
                };
                let now = Expect::of(record.as_ref());
                if self.saw(at.namespace, at.set, &at.digest, now)? != now {
                    return Err(changed_by_others(&at.digest));
                }
                let generation = record.as_ref().map_or(0, |record| record.generation);
                (record, now != Expect::Absent, generation.checked_add(1).unwrap_or(1))
            }
        };
        let seen = now.as_ref().map_or(Seen::Absent, Seen::Record);
        let stamp = |record: &Option<Record>| {
            record.as_ref().map_or((0, 0), |r| (r.generation, r.void_time))
        };
        let (generation, void_time) = stamp(&now);
        let there = now.is_some();
        let unchanged = Outcome { existed: there, generation, void_time, changed: false };
        let new = match change(seen)? {
            Change::Keep => return Ok(unchanged),
            Change::Delete if !there => return Ok(unchanged),
            Change::Delete => Written {
                set: at.set.to_string(),
                key: None,
                record: None,
                ttl: Ttl::Default,
                existed,
                generation: new_generation,
                bytes: PER_RECORD,
            },
            Change::Write { bins, replace, ttl } => {
                let key = at.key.cloned();
                let key = key.or_else(|| now.as_ref().and_then(|record| record.key.clone()));
                let kept = before.as_ref().filter(|_| there && ttl == Ttl::Keep);
                let old_bins = match &now {
                    Some(record) if !replace => record.bins.clone(),
                    _ => Vec::new(),
                };
                let bins = merged(old_bins, bins)?;
                let bytes: usize = bins.iter().map(|(_, value)| size(value)).sum();
                let record = Record {
                    digest: at.digest,
                    key: key.clone(),
                    bins,
                    generation: new_generation,
                    lut_ms: store.now_ms(),
                    void_time: match ttl {
                        Ttl::Never => 0,
                        Ttl::Seconds(s) => {
                            u32::try_from(store.now_ms().div_ceil(1000) + u64::from(s))
                                .unwrap_or(u32::MAX)
                        }
                        Ttl::Keep | Ttl::Default => now.as_ref().map_or(0, |r| r.void_time),
                    },
                    size: now.as_ref().map_or(0, |record| record.size),
                };
                Written {
                    set: at.set.to_string(),
                    key,
                    record: Some(record),
                    ttl: kept.map_or(ttl, |written| written.ttl),
                    existed,
                    generation: new_generation,
                    bytes: PER_RECORD + bytes,
                }
            }
        };
        let (generation, void_time) = stamp(&new.record);
        self.lock().write(at.namespace, at.digest, new)?;
        Ok(Outcome { existed: there, generation, void_time, changed: true })
    }

    /// Lays what the block has written over records of a set that a scan met, and adds those of its
    /// own whose partitions the scan has finished.
    fn overlay(&self, namespace: &str, set: &str, done: Range<u16>, records: &mut Vec<Record>) {
        let inner = self.lock();
        if inner.namespace != namespace || inner.written.is_empty() {
            return;
        }
        records.retain_mut(|record| match inner.written.get(&record.digest) {
            None => true,
            Some(written) => match &written.record {
                Some(new) => {
                    *record = new.clone();
                    true
                }
                None => false,
            },
        });
        let own = inner.written.iter().filter(|(digest, written)| {
            !written.existed && written.set == set && done.contains(&digest.partition().get())
        });
        records.extend(own.filter_map(|(_, written)| written.record.clone()));
    }

    /// The records of a set as the block leaves them, those that it has written.
    fn written_in(&self, namespace: &str, set: &str) -> HashMap<Digest, Option<Record>> {
        let inner = self.lock();
        let here = inner.namespace == namespace;
        let of_set = inner.written.iter().filter(|(_, written)| here && written.set == set);
        of_set.map(|(digest, written)| (*digest, written.record.clone())).collect()
    }

    /// Records that the block has added to a set, less those that it has taken away.
    fn added(&self, namespace: &str, set: &str) -> i64 {
        let inner = self.lock();
        let here = inner.namespace == namespace;
        let of_set = inner.written.values().filter(|written| here && written.set == set);
        of_set.map(|w| i64::from(w.record.is_some()) - i64::from(w.existed)).sum()
    }

    /// Forgets a set that was emptied.
    fn forget(&self, namespace: &str, set: &str) {
        self.emptied(namespace, set);
        let mut inner = self.lock();
        if let Some(seen) = inner.seen.get_mut(namespace) {
            seen.retain(|_, version| version.set != set);
        }
        if inner.namespace == namespace {
            inner.written.retain(|_, written| written.set != set);
            for (_, before) in &mut inner.undo {
                *before = before.take().filter(|before| before.set != set);
            }
            inner.bytes = inner.written.values().map(|written| written.bytes).sum();
        }
    }
}

/// Bytes that a record takes here beside its bins, about.
const PER_RECORD: usize = 200;

impl Inner {
    fn put(&mut self, digest: Digest, new: Option<Arc<Written>>) -> Option<Arc<Written>> {
        self.bytes += new.as_ref().map_or(0, |new| new.bytes);
        let old = match new {
            Some(new) => self.written.insert(digest, new),
            None => self.written.remove(&digest),
        };
        self.bytes -= old.as_ref().map_or(0, |old| old.bytes);
        old
    }

    fn write(&mut self, namespace: &str, digest: Digest, new: Written) -> Result<()> {
        if self.written.is_empty() {
            self.namespace = namespace.to_string();
        }
        if self.namespace != namespace {
            let detail = format!(
                "the transaction has written to namespace {} and cannot write to {namespace} too: \
                 a commit is atomic in one namespace; write to each in a transaction of its own",
                self.namespace
            );
            return Err(Error::new(ErrorKind::Unsupported, detail));
        }
        if self.bytes + new.bytes > BYTES_MAX {
            let detail = format!(
                "the transaction would write more than {} MiB at once; write in smaller \
                 transactions",
                BYTES_MAX >> 20
            );
            return Err(Error::new(ErrorKind::RecordTooBig, detail));
        }
        let before = self.put(digest, Some(Arc::new(new)));
        self.undo.push((digest, before));
        Ok(())
    }
}

impl Written {
    fn change(&self) -> Change {
        match &self.record {
            Some(record) => Change::Write {
                bins: record.bins.iter().map(|(n, v)| (n.clone(), Some(v.clone()))).collect(),
                replace: true,
                ttl: self.ttl,
            },
            None if self.existed => Change::Delete,
            None => Change::Keep,
        }
    }
}

/// Bytes of memory that a value takes, about.
fn size(value: &Value) -> usize {
    let beyond = match value {
        Value::String(text) | Value::GeoJson(text) => text.len(),
        Value::Blob(bytes) | Value::Hll(bytes) => bytes.len(),
        Value::List(items) => items.iter().map(size).sum(),
        Value::Map(pairs) => pairs.iter().map(|(key, value)| size(key) + size(value)).sum(),
        Value::Nil | Value::Bool(_) | Value::Integer(_) | Value::Double(_) => 0,
    };
    size_of::<Value>() + beyond
}

fn changed_by_others(digest: &Digest) -> Error {
    let detail = format!("record {digest} was changed by others since the transaction read it");
    Error::new(ErrorKind::GenerationMismatch, detail)
}

/// A store as a statement sees it.
#[derive(Debug)]
pub struct View<S> {
    store: Arc<S>,
    transaction: Option<Arc<Transaction>>,
    /// Of the blocks that a write outside of them waits for.
    locks: Option<Arc<Locks>>,
}

impl<S> Clone for View<S> {
    fn clone(&self) -> View<S> {
        View {
            store: self.store.clone(),
            transaction: self.transaction.clone(),
            locks: self.locks.clone(),
        }
    }
}

impl<S: Store> View<S> {
    /// The store, inside this block if there is one.
    pub fn new(store: Arc<S>, transaction: Option<Arc<Transaction>>) -> View<S> {
        View { store, transaction, locks: None }
    }

    /// Outside of blocks, changes wait for those that hold these locks.
    pub fn waiting_for(self, locks: &Arc<Locks>) -> View<S> {
        View { locks: Some(locks.clone()), ..self }
    }

    /// The store itself.
    pub fn store(&self) -> &S {
        &self.store
    }

    /// Whether a block has changed anything in this namespace, so that the store alone does not know
    /// what this statement sees.
    pub fn writes_to(&self, namespace: &str) -> bool {
        self.transaction.as_ref().is_some_and(|block| block.writes_to(namespace))
    }

    /// The records of a set that the block has written; `None` of those that it has deleted.
    pub(crate) fn written_in(&self, namespace: &str, set: &str) -> HashMap<Digest, Option<Record>> {
        let block = self.transaction.as_ref();
        block.map(|block| block.written_in(namespace, set)).unwrap_or_default()
    }

    /// [`Store::now_ms`].
    pub fn now_ms(&self) -> u64 {
        self.store.now_ms()
    }

    /// [`Store::get`].
    pub async fn get(&self, at: Address<'_>, bins: Bins<'_>) -> Result<Option<Record>> {
        match &self.transaction {
            None => self.store.get(at, bins).await,
            Some(transaction) => transaction.get(&*self.store, at, bins).await,
        }
    }

    /// [`Store::get_many`].
    pub async fn get_many(
        &self,
        namespace: &str,
        set: &str,
        digests: &[Digest],
        bins: Bins<'_>,
    ) -> Result<Vec<Option<Record>>> {
        let store = &*self.store;
        match &self.transaction {
            None => store.get_many(namespace, set, digests, bins).await,
            Some(transaction) => transaction.get_many(store, namespace, set, digests, bins).await,
        }
    }

    /// [`Store::modify_many`]; inside a block nothing is written before its commit.
    pub async fn modify_many<F>(
        &self,
        namespace: &str,
        set: &str,
        targets: &[Target],
        mut change: F,
    ) -> Result<Vec<Outcome>>
    where
        F: FnMut(usize, Seen<'_>) -> Result<Change> + Send,
    {
        let Some(transaction) = &self.transaction else {
            if let Some(locks) = &self.locks {
                locks.wait(targets.iter().map(|target| target.digest)).await?;
            }
            return self.store.modify_many(namespace, set, targets, change).await;
        };
        let mut outcomes = Vec::with_capacity(targets.len());
        for (number, target) in targets.iter().enumerate() {
            let at = Address { namespace, set, digest: target.digest, key: target.key.as_ref() };
            let change = |seen: Seen<'_>| change(number, seen);
            outcomes.push(transaction.modify(&*self.store, at, change).await?);
        }
        Ok(outcomes)
    }

    /// [`Store::scan`].
    pub async fn scan(
        &self,
        namespace: &str,
        set: &str,
        bins: Bins<'_>,
        cursor: &mut ScanCursor,
        max: usize,
    ) -> Result<Vec<Record>> {
        let from = cursor.partition;
        let mut records = self.store.scan(namespace, set, bins, cursor, max).await?;
        if let Some(transaction) = &self.transaction {
            transaction.overlay(namespace, set, from..cursor.partition, &mut records);
        }
        Ok(records)
    }

    /// [`Store::visit`].
    pub async fn visit<R: Rows>(
        &self,
        namespace: &str,
        set: &str,
        wanted: Wanted<'_>,
        cursor: &mut ScanCursor,
        max: usize,
        rows: &mut R,
    ) -> Result<()> {
        let written = self.transaction.as_ref().is_some_and(|block| block.writes_to(namespace));
        if !written {
            return self.store.visit(namespace, set, wanted, cursor, max, rows).await;
        }
        let records = self.scan(namespace, set, Bins::Named(wanted.bins), cursor, max).await?;
        records.iter().for_each(|record| record.give(wanted, rows));
        Ok(())
    }

    /// [`Store::count`].
    pub async fn count(&self, namespace: &str, set: &str) -> Result<u64> {
        let count = self.store.count(namespace, set).await?;
        let added = self.transaction.as_ref().map_or(0, |block| block.added(namespace, set));
        Ok(count.saturating_add_signed(added))
    }

    /// [`Store::truncate`], at once also inside a block.
    pub async fn truncate(&self, namespace: &str, set: &str, before: Option<u64>) -> Result<()> {
        self.store.truncate(namespace, set, before).await?;
        if let Some(transaction) = &self.transaction {
            transaction.forget(namespace, set);
        }
        Ok(())
    }
}
