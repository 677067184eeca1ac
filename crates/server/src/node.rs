//! The node: its namespaces behind the [`Store`] trait.
//!
//! `node/members.rs` holds who is there with their threads, `node/open.rs` opens a namespace and
//! `node/progress.rs` tells how far that is, `node/changes.rs` does what SQL changes while the node
//! runs, `node/objects.rs` keeps views, sequences and the like, `node/modules.rs` modules of functions.
//!
//! Everything below is synchronous; an async method runs it where it is called and then waits for
//! the commit ticket, if there is one. The clock enters here.

mod changes;
mod members;
mod modules;
mod objects;
mod open;
mod progress;

use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use model::{
    Catalog, Digest, Error, ErrorKind, IndexDef, Name, Object, ObjectKind, Record, Result, Rows,
    Table, Wanted,
};
use namespace::{INDEXES_SET, Namespace, ReadAhead, TABLES_SET};
use storage::Ticket;
use store::{
    Address, BinInfo, Bins, Change, Given, GroupChange, IndexCount, IndexInfo, IndexRange, Latency,
    NamespaceInfo, OrderedCursor, Outcome, ScanCursor, ScanPosition, Seen, SetInfo, Stat, Store,
    Target,
};
use udf::{Functions, Module};

use crate::config::{Config, Kept, Shown};
use crate::exec::Operated;
use crate::workers;
use members::Members;
use modules::Found;
use objects::{Declared, OBJECTS_SET};

/// The namespaces of this process.
pub struct Node {
    members: Members,
    objects: Declared,
    functions: Arc<Functions>,
    /// The configuration and what SQL made of it.
    kept: Mutex<Kept>,
    connections_max: Arc<AtomicUsize>,
    /// The catalogue of the members' version.
    catalog: Mutex<Arc<Catalog>>,
}

/// Milliseconds since 1970-01-01 UTC.
pub fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

impl Node {
    /// Opens every namespace of a configuration, with what SQL made and changed before. An error is
    /// one line: what was tried, what is wrong, what to do.
    pub fn open(config: Config) -> std::result::Result<Node, String> {
        let kept = Kept::load(config).map_err(|e| e.to_string())?;
        let config = kept.config().map_err(|e| e.to_string())?;
        let (members, objects) = (Members::default(), Declared::default());
        let mut modules = Found::default();
        for namespace in &config.namespaces {
            open::open(namespace)
                .and_then(|opened| {
                    objects.load(&opened, &mut modules)?;
                    members.add(opened)
                })
                .map_err(|e| format!("namespace {}: {e}", namespace.name))?;
        }
        let connections_max = Arc::new(AtomicUsize::new(config.connections_max as usize));
        Ok(Node {
            members,
            objects,
            functions: Arc::new(modules.functions()),
            kept: Mutex::new(kept),
            connections_max,
            catalog: Mutex::default(),
        })
    }

    /// Most client connections at a time, as it is set now.
    pub fn connections_max(&self) -> Arc<AtomicUsize> {
        self.connections_max.clone()
    }

    /// Stops every namespace cleanly and ends its threads. The first error is given, all are
    /// logged.
    pub fn close(&self) -> Result<()> {
        self.members.close()
    }

    /// The version of the catalogue: a sum of two that only grow, so never the same again after a
    /// change.
    fn version_with(&self, members: &members::List) -> u64 {
        members.catalogue_version() + self.objects.version()
    }

    fn namespace(&self, name: &str) -> Result<Arc<Namespace>> {
        self.members.with(|members| members.get(name).cloned())
    }

    /// The namespace, for a write into this set.
    fn writable(&self, namespace: &str, set: &str) -> Result<Arc<Namespace>> {
        if hidden(set) {
            let detail =
                format!("the set {set} is the system's own; use CREATE TABLE or CREATE INDEX");
            return Err(Error::new(ErrorKind::Forbidden, detail));
        }
        self.namespace(namespace)
    }

    /// What each namespace, or the named one, says.
    fn of_each<T>(
        &self,
        namespace: Option<&str>,
        say: impl Fn(&Namespace) -> Vec<T>,
    ) -> Result<Vec<T>> {
        let now = self.members.now();
        match namespace {
            Some(name) => Ok(say(now.get(name)?)),
            None => Ok(now.iter().flat_map(|namespace| say(namespace)).collect()),
        }
    }
}

impl Operated for Node {
    fn settings(&self) -> Result<Vec<Shown>> {
        self.shown()
    }

    fn set_node(&self, name: &str, value: &str) -> Result<()> {
        self.change_node(name, value)
    }

    fn keeps_changes(&self) -> bool {
        self.keeps()
    }

    fn functions(&self) -> &Arc<Functions> {
        &self.functions
    }

    async fn put_module(&self, module: Module) -> Result<()> {
        self.keep_module(module).await
    }

    async fn remove_module(&self, name: &str) -> Result<bool> {
        self.forget_module(name).await
    }
}

/// Records of a statement that are read before they are changed, at once.
const READ_AHEAD: usize = 256;
/// Longest wait for defragmentation, in all: it gives a block back in a few milliseconds.
const ROOM_WAIT: Duration = Duration::from_secs(2);
/// First pause and longest pause of that wait.
const PAUSES: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(100));

/// Does what needs room. Where there is none although much of what is stored is dead, or where too
/// much waits for the device, it is tried again after a pause: a burst of writes is faster than
/// defragmentation and devices for a moment.
async fn with_room<T>(
    namespace: &Namespace,
    set: &str,
    mut attempt: impl FnMut() -> Result<T> + Send,
) -> Result<T> {
    let (mut pause, longest) = PAUSES;
    let mut waited = Duration::ZERO;
    loop {
        match attempt() {
            Err(error)
                if waited < ROOM_WAIT
                    && match error.kind {
                        ErrorKind::DeviceOverload => true,
                        ErrorKind::NoSpace => namespace.may_win_room(set),
                        _ => false,
                    } =>
            {
                // Boxed: writes that need no pause carry none.
                Box::pin(tokio::time::sleep(pause)).await;
                waited += pause;
                pause = (2 * pause).min(longest);
            }
            done => return done,
        }
    }
}

/// Forgets what was read ahead of a change that failed: while it is held no block is given back, and
/// the next attempt may wait for one.
fn let_go<T>(done: Result<T>, ahead: &mut ReadAhead<'_>) -> Result<T> {
    if done.is_err() {
        *ahead = ReadAhead::default();
    }
    done
}

/// Whether a set is the system's own.
fn hidden(set: &str) -> bool {
    set == TABLES_SET || set == INDEXES_SET || set == OBJECTS_SET
}

async fn durable<T>(value: T, ticket: Option<Ticket>) -> Result<T> {
    if let Some(ticket) = ticket {
        if workers::serves_one() {
            ticket.hasten();
        }
        ticket.wait().await?;
    }
    Ok(value)
}

impl Store for Node {
    fn catalog(&self) -> Arc<Catalog> {
        let members = self.members.now();
        let version = self.version_with(&members);
        let mut cached = self.catalog.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if cached.version != version {
            let tables = |n: &Arc<Namespace>| {
                let mut tables = n.tables();
                tables.tables.remove(OBJECTS_SET);
                (n.name().to_string(), tables)
            };
            let namespaces = members.iter().map(tables).collect();
            let objects = self.objects.now();
            let indexes = |n: &Arc<Namespace>| (n.name().to_string(), n.catalog_indexes());
            let indexes = members.iter().map(indexes).filter(|(_, of)| !of.is_empty()).collect();
            *cached = Arc::new(Catalog { version, namespaces, objects, indexes });
        }
        cached.clone()
    }

    fn catalog_version(&self) -> u64 {
        self.members.with(|members| self.version_with(members))
    }

    async fn get(&self, at: Address<'_>, bins: Bins<'_>) -> Result<Option<Record>> {
        let found = self.namespace(at.namespace)?.get_async(&at.digest, bins, now_ms()).await?;
        durable(found.record, found.ticket).await
    }

    async fn get_many(
        &self,
        namespace: &str,
        _set: &str,
        digests: &[Digest],
        bins: Bins<'_>,
    ) -> Result<Vec<Option<Record>>> {
        let (records, ticket) =
            self.namespace(namespace)?.get_many_async(digests, bins, now_ms()).await?;
        durable(records, ticket).await
    }

    async fn modify<F>(&self, at: Address<'_>, mut change: F) -> Result<Outcome>
    where
        F: FnMut(Seen<'_>) -> Result<Change> + Send,
    {
        let namespace = self.writable(at.namespace, at.set)?;
        let mut ahead = namespace.read_ahead(&[at.digest]).await;
        let attempt = || {
            let now_ms = now_ms();
            let done =
                namespace.change(at.set, &at.digest, at.key, now_ms, &mut ahead, &mut change);
            let_go(done, &mut ahead)
        };
        let (outcome, ticket) = with_room(&namespace, at.set, attempt).await?;
        drop(change);
        durable(outcome, ticket).await
    }

    async fn modify_many<F>(
        &self,
        namespace: &str,
        set: &str,
        targets: &[Target],
        mut change: F,
    ) -> Result<Vec<Outcome>>
    where
        F: FnMut(usize, Seen<'_>) -> Result<Change> + Send,
    {
        let namespace = self.writable(namespace, set)?;
        let mut outcomes = Vec::with_capacity(targets.len());
        let mut newest = None;
        let mut failed = None;
        let mut ahead = ReadAhead::default();
        for (number, target) in targets.iter().enumerate() {
            if number.is_multiple_of(READ_AHEAD) {
                let next = targets[number..].iter().take(READ_AHEAD);
                let next: Vec<_> = next.map(|target| target.digest).collect();
                ahead = namespace.read_ahead(&next).await;
            }
            let mut change = |seen: Seen<'_>| change(number, seen);
            let key = target.key.as_ref();
            let attempt = || {
                let digest = &target.digest;
                let done = namespace.change(set, digest, key, now_ms(), &mut ahead, &mut change);
                let_go(done, &mut ahead)
            };
            match with_room(&namespace, set, attempt).await {
                Ok((outcome, ticket)) => {
                    outcomes.push(outcome);
                    newest = ticket.or(newest.take());
                }
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            }
        }
        drop(change);
        durable((), newest).await?;
        failed.map_or(Ok(outcomes), Err)
    }

    async fn apply(&self, namespace: &str, group: &[GroupChange<'_>]) -> Result<Vec<Outcome>> {
        let namespace = self.namespace(namespace)?;
        for of in group.iter().filter(|of| of.change != Change::Keep) {
            self.writable(namespace.name(), of.set)?;
        }
        let set = group.iter().map(|of| of.set).max().unwrap_or("");
        let digests: Vec<_> = group.iter().map(|of| of.digest).collect();
        let mut ahead = namespace.read_ahead(&digests).await;
        let attempt = || {
            let done = namespace.apply(group, now_ms(), &mut ahead);
            let_go(done, &mut ahead)
        };
        let (outcomes, ticket) = with_room(&namespace, set, attempt).await?;
        durable(outcomes, ticket).await
    }

    async fn scan(
        &self,
        namespace: &str,
        set: &str,
        bins: Bins<'_>,
        cursor: &mut ScanCursor,
        max: usize,
    ) -> Result<Vec<Record>> {
        let namespace = self.namespace(namespace)?;
        let (records, ticket) = namespace.scan(set, bins, cursor, max, now_ms())?;
        durable(records, ticket).await
    }

    async fn scan_sets(
        &self,
        namespace: &str,
        bins: Bins<'_>,
        cursor: &mut ScanCursor,
        max: usize,
    ) -> Result<Vec<(Name, Record)>> {
        let namespace = self.namespace(namespace)?;
        let (records, ticket) = namespace.scan_sets(hidden, bins, cursor, max, now_ms())?;
        durable(records, ticket).await
    }

    fn scan_position_after(&self, namespace: &str, digest: &Digest) -> Result<ScanPosition> {
        Ok(self.namespace(namespace)?.scan_position_after(digest))
    }

    async fn visit<R: Rows>(
        &self,
        namespace: &str,
        set: &str,
        wanted: Wanted<'_>,
        cursor: &mut ScanCursor,
        max: usize,
        rows: &mut R,
    ) -> Result<()> {
        let namespace = self.namespace(namespace)?;
        let ticket = namespace.visit(set, wanted, cursor, max, now_ms(), rows)?;
        durable((), ticket).await
    }

    async fn count(&self, namespace: &str, set: &str) -> Result<u64> {
        self.namespace(namespace)?.count(set, now_ms())
    }

    async fn truncate(&self, namespace: &str, set: &str, before: Option<u64>) -> Result<()> {
        let namespace = self.writable(namespace, set)?;
        let attempt = || namespace.truncate(Some(set), before, now_ms());
        let ticket = with_room(&namespace, set, attempt).await?;
        durable((), ticket).await
    }

    async fn declare(&self, table: Table) -> Result<()> {
        let namespace = self.namespace(&table.namespace)?;
        let attempt = || namespace.declare(table.clone(), now_ms());
        let ticket = with_room(&namespace, TABLES_SET, attempt).await?;
        durable((), ticket).await
    }

    async fn drop_table(&self, namespace: &str, name: &str) -> Result<()> {
        let namespace = self.writable(namespace, name)?;
        let attempt = || namespace.drop_table(name, now_ms());
        let ticket = with_room(&namespace, name, attempt).await?;
        durable((), ticket).await?;
        self.undefine_object(namespace.name(), ObjectKind::Notes, name).await
    }

    async fn define(&self, namespace: &str, name: &str, object: Object) -> Result<()> {
        self.define_object(namespace, name, object).await
    }

    async fn undefine(&self, namespace: &str, kind: ObjectKind, name: &str) -> Result<()> {
        self.undefine_object(namespace, kind, name).await
    }

    async fn sequence(&self, namespace: &str, name: &str) -> Result<Option<Given>> {
        self.given(namespace, name).await
    }

    async fn set_sequence(&self, namespace: &str, name: &str, given: Given) -> Result<()> {
        self.set_given(namespace, name, given).await
    }

    async fn create_index(&self, namespace: &str, def: IndexDef) -> Result<()> {
        let namespace = self.namespace(namespace)?;
        let attempt = || namespace.create_index(def.clone(), now_ms());
        let ticket = with_room(&namespace, INDEXES_SET, attempt).await?;
        durable((), ticket).await
    }

    async fn drop_index(&self, namespace: &str, name: &str) -> Result<bool> {
        let namespace = self.namespace(namespace)?;
        let attempt = || namespace.drop_index(name, now_ms());
        let (there, ticket) = with_room(&namespace, INDEXES_SET, attempt).await?;
        durable(there, ticket).await
    }

    fn indexes(&self, namespace: Option<&str>) -> Result<Vec<IndexInfo>> {
        self.of_each(namespace, Namespace::index_infos)
    }

    fn index_count(
        &self,
        namespace: &str,
        index: &str,
        range: &IndexRange,
        at_most: u64,
    ) -> Result<IndexCount> {
        self.namespace(namespace)?.index_count(index, range, at_most)
    }

    async fn index_scan(
        &self,
        namespace: &str,
        index: &str,
        range: &IndexRange,
        bins: Bins<'_>,
        cursor: &mut ScanCursor,
        max: usize,
    ) -> Result<Vec<(Name, Record)>> {
        let namespace = self.namespace(namespace)?;
        let (records, ticket) =
            namespace.index_scan(index, range, bins, cursor, max, now_ms()).await?;
        durable(records, ticket).await
    }

    async fn index_ordered(
        &self,
        namespace: &str,
        index: &str,
        range: &IndexRange,
        descending: bool,
        bins: Bins<'_>,
        cursor: &mut OrderedCursor,
        max: usize,
    ) -> Result<Vec<(Name, Record)>> {
        let namespace = self.namespace(namespace)?;
        let (records, ticket) =
            namespace.index_ordered(index, range, descending, bins, cursor, max, now_ms()).await?;
        durable(records, ticket).await
    }

    fn namespaces(&self) -> Vec<NamespaceInfo> {
        self.members.now().iter().map(|namespace| namespace.info()).collect()
    }

    fn sets(&self, namespace: &str) -> Result<Vec<SetInfo>> {
        let mut sets = self.namespace(namespace)?.set_infos();
        sets.retain(|set| set.name != OBJECTS_SET);
        Ok(sets)
    }

    fn bins(&self, namespace: &str, set: &str) -> Result<Vec<BinInfo>> {
        match set {
            OBJECTS_SET => Ok(Vec::new()),
            set => Ok(self.namespace(namespace)?.bin_infos(set)),
        }
    }

    fn stats(&self, namespace: Option<&str>) -> Result<Vec<Stat>> {
        self.of_each(namespace, Namespace::stats)
    }

    fn latencies(&self, namespace: Option<&str>) -> Result<Vec<Latency>> {
        self.of_each(namespace, Namespace::latencies)
    }

    async fn create_namespace(&self, name: &str, settings: &[(String, String)]) -> Result<()> {
        self.create(name, settings)
    }

    async fn alter_namespace(
        &self,
        name: &str,
        set: Option<&str>,
        settings: &[(String, String)],
    ) -> Result<()> {
        self.alter(name, set, settings)
    }

    async fn drop_namespace(&self, name: &str) -> Result<()> {
        self.forget(name)
    }

    fn now_ms(&self) -> u64 {
        now_ms()
    }
}
