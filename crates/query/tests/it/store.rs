//! A store in memory that counts what is asked of it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use model::{
    Catalog, Column, ColumnType, Digest, Error, ErrorKind, IndexDef, Key, Name, NamespaceCatalog,
    Object, ObjectKind, Record, Result, Table, Value,
};
use store::{
    Address, BinInfo, Bins, Change, Given, GroupChange, IndexCount, IndexInfo, IndexRange, Latency,
    NamespaceInfo, OrderedCursor, Outcome, ScanCursor, ScanPosition, Seen, SetInfo, Stat, Store,
    Target,
};

/// What the store was asked for.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    pub(crate) scanned: AtomicU64,
    pub(crate) gets: AtomicU64,
    pub(crate) counts: AtomicU64,
    /// Most bins named by any read.
    pub(crate) bins: AtomicUsize,
}

#[derive(Debug, Default)]
pub(crate) struct Memory {
    catalog: Catalog,
    sets: BTreeMap<(String, String), BTreeMap<(u16, Digest), Record>>,
    pub(crate) asked: Asked,
    broken: Mutex<bool>,
}

pub(crate) const NOW_MS: u64 = 1_700_000_000_000;

pub(crate) fn column(name: &str, column_type: ColumnType) -> Column {
    Column { name: name.into(), column_type, not_null: false, default: None }
}

impl Memory {
    pub(crate) fn table(&mut self, table: Table) {
        let namespace = self.catalog.namespaces.entry(table.namespace.clone()).or_default();
        let NamespaceCatalog { tables } = namespace;
        self.sets.insert((table.namespace.clone(), table.name.clone()), BTreeMap::new());
        tables.insert(table.name.clone(), Arc::new(table));
    }

    pub(crate) fn put(&mut self, set: &str, key: Key, bins: Vec<(&str, Value)>) {
        let digest = key.digest(set);
        let record = Record {
            digest,
            key: Some(key),
            bins: bins.into_iter().map(|(name, value)| (Name::from(name), value)).collect(),
            generation: 3,
            lut_ms: NOW_MS - 1000,
            void_time: 0,
            size: 64,
        };
        let records = self.sets.get_mut(&("test".into(), set.into())).expect("a set");
        records.insert((digest.partition().get(), digest), record);
    }

    /// From now on every scan meets a damaged record.
    pub(crate) fn damage(&self) {
        *self.broken.lock().expect("no panic") = true;
    }

    fn note(&self, bins: Bins<'_>) {
        let count = match bins {
            Bins::All => usize::MAX,
            Bins::None => 0,
            Bins::Named(names) => names.len(),
        };
        self.asked.bins.fetch_max(count, Ordering::Relaxed);
    }
}

fn only(record: &Record, bins: Bins<'_>) -> Record {
    let mut record = record.clone();
    match bins {
        Bins::All => {}
        Bins::None => record.bins.clear(),
        Bins::Named(names) => record.bins.retain(|(name, _)| names.contains(name)),
    }
    record
}

fn read_only<T>() -> Result<T> {
    Err(Error::new(ErrorKind::Forbidden, "queries do not write"))
}

fn no_index<T>(name: &str) -> Result<T> {
    Err(Error::new(ErrorKind::IndexNotFound, format!("there is no index {name:?}")))
}

impl Store for Memory {
    fn catalog(&self) -> Arc<Catalog> {
        Arc::new(self.catalog.clone())
    }

    async fn get(&self, at: Address<'_>, bins: Bins<'_>) -> Result<Option<Record>> {
        Ok(self.get_many(at.namespace, at.set, &[at.digest], bins).await?.remove(0))
    }

    async fn get_many(
        &self,
        namespace: &str,
        set: &str,
        digests: &[Digest],
        bins: Bins<'_>,
    ) -> Result<Vec<Option<Record>>> {
        self.note(bins);
        self.asked.gets.fetch_add(digests.len() as u64, Ordering::Relaxed);
        let records = &self.sets[&(namespace.to_string(), set.to_string())];
        let one = |d: &Digest| records.get(&(d.partition().get(), *d)).map(|r| only(r, bins));
        Ok(digests.iter().map(one).collect())
    }

    async fn modify<F>(&self, _: Address<'_>, _: F) -> Result<Outcome>
    where
        F: FnMut(Seen<'_>) -> Result<Change> + Send,
    {
        read_only()
    }

    async fn modify_many<F>(&self, _: &str, _: &str, _: &[Target], _: F) -> Result<Vec<Outcome>>
    where
        F: FnMut(usize, Seen<'_>) -> Result<Change> + Send,
    {
        read_only()
    }

    async fn apply(&self, _: &str, _: &[GroupChange<'_>]) -> Result<Vec<Outcome>> {
        read_only()
    }

    async fn scan(
        &self,
        namespace: &str,
        set: &str,
        bins: Bins<'_>,
        cursor: &mut ScanCursor,
        max: usize,
    ) -> Result<Vec<Record>> {
        self.note(bins);
        if *self.broken.lock().expect("no panic") {
            return Err(Error::new(ErrorKind::Corrupt, "a record fails its checksum"));
        }
        let records = &self.sets[&(namespace.to_string(), set.to_string())];
        let done = cursor.position.map_or(0, |p| p.0[0]) as usize;
        let start = (cursor.partition, Digest([0; 20]));
        let range = records.range(start..(cursor.end, Digest([0; 20])));
        let found: Vec<Record> = range.skip(done).take(max).map(|(_, r)| only(r, bins)).collect();
        match found.len() < max {
            true => cursor.partition = cursor.end,
            false => cursor.position = Some(ScanPosition([(done + max) as u64, 0, 0])),
        }
        self.asked.scanned.fetch_add(found.len() as u64, Ordering::Relaxed);
        Ok(found)
    }

    async fn scan_sets(
        &self,
        namespace: &str,
        bins: Bins<'_>,
        cursor: &mut ScanCursor,
        _: usize,
    ) -> Result<Vec<(Name, Record)>> {
        cursor.partition = cursor.end;
        let sets = self.sets.iter().filter(|((of, _), _)| of == namespace);
        let records = sets.flat_map(|((_, set), records)| {
            records.values().map(|record| (Name::from(set.as_str()), only(record, bins)))
        });
        Ok(records.collect())
    }

    fn scan_position_after(&self, _: &str, _: &Digest) -> Result<ScanPosition> {
        read_only()
    }

    async fn count(&self, namespace: &str, set: &str) -> Result<u64> {
        self.asked.counts.fetch_add(1, Ordering::Relaxed);
        Ok(self.sets[&(namespace.to_string(), set.to_string())].len() as u64)
    }

    async fn truncate(&self, _: &str, _: &str, _: Option<u64>) -> Result<()> {
        read_only()
    }

    async fn declare(&self, _: Table) -> Result<()> {
        read_only()
    }

    async fn drop_table(&self, _: &str, _: &str) -> Result<()> {
        read_only()
    }

    async fn define(&self, _: &str, _: &str, _: Object) -> Result<()> {
        read_only()
    }

    async fn undefine(&self, _: &str, _: ObjectKind, _: &str) -> Result<()> {
        read_only()
    }

    async fn sequence(&self, _: &str, _: &str) -> Result<Option<Given>> {
        Ok(None)
    }

    async fn set_sequence(&self, _: &str, _: &str, _: Given) -> Result<()> {
        read_only()
    }

    async fn create_index(&self, _: &str, _: IndexDef) -> Result<()> {
        read_only()
    }

    async fn drop_index(&self, _: &str, _: &str) -> Result<bool> {
        read_only()
    }

    fn indexes(&self, _: Option<&str>) -> Result<Vec<IndexInfo>> {
        Ok(Vec::new())
    }

    fn index_count(&self, _: &str, name: &str, _: &IndexRange, _: u64) -> Result<IndexCount> {
        no_index(name)
    }

    async fn index_scan(
        &self,
        _: &str,
        name: &str,
        _: &IndexRange,
        _: Bins<'_>,
        _: &mut ScanCursor,
        _: usize,
    ) -> Result<Vec<(Name, Record)>> {
        no_index(name)
    }

    async fn index_ordered(
        &self,
        _: &str,
        name: &str,
        _: &IndexRange,
        _: bool,
        _: Bins<'_>,
        _: &mut OrderedCursor,
        _: usize,
    ) -> Result<Vec<(Name, Record)>> {
        no_index(name)
    }

    fn namespaces(&self) -> Vec<NamespaceInfo> {
        Vec::new()
    }

    fn sets(&self, namespace: &str) -> Result<Vec<SetInfo>> {
        let own = self.sets.iter().filter(|((n, _), _)| n == namespace);
        Ok(own
            .map(|((namespace, name), records)| SetInfo {
                namespace: namespace.clone(),
                name: name.clone(),
                objects: records.len() as u64,
                bytes: 0,
                declared: true,
            })
            .collect())
    }

    fn bins(&self, _: &str, _: &str) -> Result<Vec<BinInfo>> {
        Ok(Vec::new())
    }

    fn stats(&self, _: Option<&str>) -> Result<Vec<Stat>> {
        Ok(Vec::new())
    }

    fn latencies(&self, _: Option<&str>) -> Result<Vec<Latency>> {
        Ok(Vec::new())
    }

    async fn create_namespace(&self, _: &str, _: &[(String, String)]) -> Result<()> {
        read_only()
    }

    async fn alter_namespace(
        &self,
        _: &str,
        _: Option<&str>,
        _: &[(String, String)],
    ) -> Result<()> {
        read_only()
    }

    async fn drop_namespace(&self, _: &str) -> Result<()> {
        read_only()
    }

    fn now_ms(&self) -> u64 {
        NOW_MS
    }
}
