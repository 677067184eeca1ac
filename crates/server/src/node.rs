//! The node: its namespaces behind the [`Store`] trait.
//!
//! Everything below is synchronous; an async method runs it where it is called and then waits for
//! the commit ticket, if there is one. The clock enters here.

use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use model::{Catalog, Digest, Error, ErrorKind, Record, Result, Table};
use namespace::{Namespace, TABLES_SET};
use storage::Ticket;
use store::{
    Address, BinInfo, Bins, Change, NamespaceInfo, Outcome, ScanCursor, SetInfo, Store, Target,
};

/// The namespaces of this process.
pub struct Node {
    namespaces: Vec<Namespace>,
    /// The catalogue as of the sum of the namespaces' versions.
    catalog: Mutex<Arc<Catalog>>,
}

/// Milliseconds since 1970-01-01 UTC.
pub fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

impl Node {
    /// A node of these namespaces, whose names differ.
    pub fn new(mut namespaces: Vec<Namespace>) -> Node {
        namespaces.sort_by(|a, b| a.name().cmp(b.name()));
        Node { namespaces, catalog: Mutex::default() }
    }

    /// Stops every namespace cleanly. The first error is given, the others are logged.
    pub fn close(&self) -> Result<()> {
        let mut first = Ok(());
        for namespace in &self.namespaces {
            if let Err(error) = namespace.close() {
                tracing::error!(namespace = namespace.name(), %error, "closing failed");
                first = first.and(Err(error));
            }
        }
        first
    }

    fn namespace(&self, name: &str) -> Result<&Namespace> {
        self.namespaces.iter().find(|n| n.name() == name).ok_or_else(|| {
            let known: Vec<&str> = self.namespaces.iter().map(Namespace::name).collect();
            let detail = format!("namespace {name:?} does not exist; there are {known:?}");
            Error::new(ErrorKind::NamespaceNotFound, detail)
        })
    }

    /// The namespace, for a write into this set.
    fn writable(&self, namespace: &str, set: &str) -> Result<&Namespace> {
        if set == TABLES_SET {
            let detail = format!("the set {TABLES_SET} is the system's own; use CREATE TABLE");
            return Err(Error::new(ErrorKind::Forbidden, detail));
        }
        self.namespace(namespace)
    }
}

async fn durable<T>(value: T, ticket: Option<Ticket>) -> Result<T> {
    if let Some(ticket) = ticket {
        ticket.wait().await?;
    }
    Ok(value)
}

impl Store for Node {
    fn catalog(&self) -> Arc<Catalog> {
        let version = self.namespaces.iter().map(Namespace::catalogue_version).sum();
        let mut cached = self.catalog.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if cached.version != version {
            let tables = |n: &Namespace| (n.name().to_string(), n.tables());
            let namespaces = self.namespaces.iter().map(tables).collect();
            *cached = Arc::new(Catalog { version, namespaces });
        }
        cached.clone()
    }

    async fn get(&self, at: Address<'_>, bins: Bins<'_>) -> Result<Option<Record>> {
        let found = self.namespace(at.namespace)?.get(&at.digest, bins, now_ms())?;
        durable(found.record, found.ticket).await
    }

    async fn get_many(
        &self,
        namespace: &str,
        _set: &str,
        digests: &[Digest],
        bins: Bins<'_>,
    ) -> Result<Vec<Option<Record>>> {
        let (records, ticket) = self.namespace(namespace)?.get_many(digests, bins, now_ms())?;
        durable(records, ticket).await
    }

    async fn modify<F>(&self, at: Address<'_>, mut change: F) -> Result<Outcome>
    where
        F: FnMut(Option<&Record>) -> Result<Change> + Send,
    {
        let namespace = self.writable(at.namespace, at.set)?;
        let (outcome, ticket) =
            namespace.modify(at.set, &at.digest, at.key, now_ms(), &mut change)?;
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
        F: FnMut(usize, Option<&Record>) -> Result<Change> + Send,
    {
        let namespace = self.writable(namespace, set)?;
        let mut outcomes = Vec::with_capacity(targets.len());
        let mut newest = None;
        let mut failed = None;
        for (number, target) in targets.iter().enumerate() {
            let mut change = |record: Option<&Record>| change(number, record);
            let key = target.key.as_ref();
            match namespace.modify(set, &target.digest, key, now_ms(), &mut change) {
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

    async fn count(&self, namespace: &str, set: &str) -> Result<u64> {
        self.namespace(namespace)?.count(set, now_ms())
    }

    async fn truncate(&self, namespace: &str, set: &str, before: Option<u64>) -> Result<()> {
        let ticket = self.writable(namespace, set)?.truncate(set, before, now_ms())?;
        durable((), ticket).await
    }

    async fn declare(&self, table: Table) -> Result<()> {
        let ticket = self.namespace(&table.namespace)?.declare(table, now_ms())?;
        durable((), ticket).await
    }

    async fn drop_table(&self, namespace: &str, name: &str) -> Result<()> {
        let ticket = self.writable(namespace, name)?.drop_table(name, now_ms())?;
        durable((), ticket).await
    }

    fn namespaces(&self) -> Vec<NamespaceInfo> {
        self.namespaces.iter().map(Namespace::info).collect()
    }

    fn sets(&self, namespace: &str) -> Result<Vec<SetInfo>> {
        Ok(self.namespace(namespace)?.set_infos())
    }

    fn bins(&self, namespace: &str, set: &str) -> Result<Vec<BinInfo>> {
        Ok(self.namespace(namespace)?.bin_infos(set))
    }

    fn now_ms(&self) -> u64 {
        now_ms()
    }
}
