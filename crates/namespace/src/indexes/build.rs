//! Building indexes in the background, while writes go on.
//!
//! Partitions are read one by one, each record is added under its lock if the primary index still has
//! that version of it. One that has changed was added by its writer, as every writer since the index
//! was made has kept it. Indexes that are made together, as after a restart, are built together.

use std::sync::atomic::{AtomicU32, Ordering::*};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::StreamExt;
use index::Entry;
use model::{ErrorKind, Name, PARTITIONS, PartitionId, Result};
use store::Bins;

use super::{IndexBug, Secondary, tag_of};
use crate::Namespace;
use crate::indexes::Fields;
use crate::read::{Located, READS_AT_ONCE};

/// Index entries looked at under one lock round, and records of them that are held at once.
const STEP: usize = 512;
/// Most threads of a build: the records come from devices that serve others, too.
const THREADS_MAX: usize = 4;
/// How long a build waits after a device refused a read.
const PAUSE: Duration = Duration::from_millis(200);

/// A walk over the records for some indexes.
pub(super) struct Build {
    indexes: Vec<Arc<Secondary>>,
    next: AtomicU32,
    /// Partitions that could not be read.
    again: Mutex<Vec<PartitionId>>,
    done: AtomicU32,
    /// The bins that decide everything, if some do.
    bins: Option<Vec<Name>>,
}

impl Namespace {
    /// Builds what is to be built, until the namespace is closed: the life of a thread.
    pub fn run_builds(&self) {
        while !self.storage.closed() {
            if self.next_build().is_some() {
                let threads = std::thread::available_parallelism().map_or(1, |n| n.get());
                std::thread::scope(|scope| {
                    for _ in 1..threads.min(THREADS_MAX) {
                        scope.spawn(|| self.work_on_builds());
                    }
                    self.work_on_builds();
                });
            }
            let builds = crate::lock(&self.indexes.builds);
            let idle = |builds: &mut std::collections::VecDeque<_>| {
                builds.is_empty() && !self.storage.closed()
            };
            drop(self.indexes.work.wait_while(builds, idle));
        }
    }

    fn work_on_builds(&self) {
        while !self.storage.closed() {
            match self.build_step() {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => {
                    let namespace = self.name();
                    tracing::warn!(namespace, %error, "building secondary indexes waits");
                    self.storage.wait_for_change(PAUSE);
                }
            }
        }
    }

    /// Builds one partition of what is to be built; false if there is none that nobody is at. Several
    /// threads may. After an error the partition is still to be built.
    pub fn build_step(&self) -> Result<bool> {
        let Some(build) = self.next_build() else { return Ok(false) };
        let Some(partition) = build.take() else { return Ok(false) };
        self.build_partition(&build, partition)
            .inspect_err(|_| crate::lock(&build.again).push(partition))?;
        self.partition_is_built(&build);
        Ok(true)
    }

    pub(super) fn begin_build(&self, indexes: Vec<Arc<Secondary>>) {
        let bins = indexes.iter().map(|index| index.extract.only_bin().cloned()).collect();
        let (next, done) = (AtomicU32::new(0), AtomicU32::new(0));
        let build = Build { indexes, next, again: Mutex::default(), done, bins };
        crate::lock(&self.indexes.builds).push_back(Arc::new(build));
        self.indexes.work.notify_all();
    }

    /// Wakes who builds, to see that the namespace is closed.
    pub(crate) fn end_builds(&self) {
        let _builds = crate::lock(&self.indexes.builds);
        self.indexes.work.notify_all();
    }

    /// Whether there is no record that the index could have, so that it is built. While nobody writes.
    pub(super) fn is_nothing_for(&self, index: &Secondary) -> bool {
        let sets = self.sets.with_ids();
        let mut own = sets.iter().filter(|(_, set)| index.covers(&set.name));
        own.all(|(_, set)| set.objects.load(Relaxed) == 0)
    }

    pub(super) fn index_is_ready(&self, index: &Secondary) {
        index.built.store(PARTITIONS.into(), Relaxed);
        index.ready.store(true, Release);
        self.sets.bump();
    }

    fn next_build(&self) -> Option<Arc<Build>> {
        crate::lock(&self.indexes.builds).front().cloned()
    }

    fn partition_is_built(&self, build: &Build) {
        let done = build.done.fetch_add(1, AcqRel) + 1;
        build.indexes.iter().for_each(|index| index.built.store(done, Relaxed));
        let half = self.has_bug(IndexBug::ReadyEarly) && done == u32::from(PARTITIONS) / 2;
        if done == u32::from(PARTITIONS) || half {
            for index in &build.indexes {
                let (namespace, name) = (self.name(), &*index.def.name);
                tracing::info!(namespace, index = name, entries = index.entries.len(), "built");
                self.index_is_ready(index);
            }
        }
        if done == u32::from(PARTITIONS) {
            crate::lock(&self.indexes.builds).retain(|of| !std::ptr::eq(&**of, build));
        }
    }

    fn build_partition(&self, build: &Build, partition: PartitionId) -> Result<()> {
        let mut last = None;
        let mut step = Vec::with_capacity(STEP);
        loop {
            step.clear();
            let _pin = self.storage.pin();
            let more = self.index.scan_each(partition, last, STEP, |position, entry| {
                last = Some(position.past());
                if !entry.tombstone && build.indexes.iter().any(|index| self.has_of(index, &entry))
                {
                    step.push(entry);
                }
            });
            futures::executor::block_on(self.build_records(build, &step))?;
            if !more {
                return Ok(());
            }
        }
    }

    fn has_of(&self, index: &Secondary, entry: &Entry) -> bool {
        let covered = match index.set_id {
            Some(id) => entry.set_id == id,
            None => self.sets.get(entry.set_id).is_some_and(|set| index.covers(&set.name)),
        };
        covered && !index.dropped.load(Relaxed)
    }

    async fn build_records(&self, build: &Build, entries: &[Entry]) -> Result<()> {
        let select = match &build.bins {
            Some(bins) => Bins::Named(bins),
            None => Bins::All,
        };
        let reads: Vec<_> = entries.iter().map(|entry| self.read_to_build(entry, select)).collect();
        let mut reads = futures::stream::iter(reads).buffer_unordered(READS_AT_ONCE);
        while let Some(read) = reads.next().await {
            if let Some(found) = read? {
                self.build_record(build, found, select)?;
            }
        }
        Ok(())
    }

    async fn read_to_build(&self, entry: &Entry, bins: Bins<'_>) -> Result<Option<Located>> {
        let read = self.read_entry_async(entry, bins).await;
        self.unless_damaged(read.map(|read| Some(Located::of(*entry, read?))))
    }

    /// Adds a record as it is now.
    fn build_record(&self, build: &Build, read: Located, bins: Bins<'_>) -> Result<()> {
        let digest = read.record.digest;
        let _gate = self.gate.read().unwrap_or_else(|poisoned| poisoned.into_inner());
        let _lock = self.lock_record(&digest);
        let entries = self.index.get(&digest);
        let current = entries.clone().any(|entry| entry.location == read.entry.location);
        let found = match current {
            true => Some(read),
            // It was written since, or moved.
            false => self.unless_damaged(self.locate(&digest, entries, bins))?,
        };
        let Some(found) = found else { return Ok(()) };
        let Some(set) = self.sets.get(found.entry.set_id) else { return Ok(()) };
        for index in build.indexes.iter().filter(|index| self.has_of(index, &found.entry)) {
            let keys = index.keys(&Fields::of(&found.record, &set.name));
            index.entries.insert(tag_of(&digest), &keys);
        }
        Ok(())
    }

    fn unless_damaged<T>(&self, read: Result<Option<T>>) -> Result<Option<T>> {
        read.or_else(|error| match error.kind {
            ErrorKind::Corrupt => {
                let namespace = self.name();
                tracing::warn!(namespace, %error, "a damaged record is in no secondary index");
                Ok(None)
            }
            _ => Err(error),
        })
    }
}

impl Build {
    /// A partition that is to be built and nobody is at.
    fn take(&self) -> Option<PartitionId> {
        if let Some(again) = crate::lock(&self.again).pop() {
            return Some(again);
        }
        let next = self.next.fetch_update(Relaxed, Relaxed, |next| {
            (next < u32::from(PARTITIONS)).then_some(next + 1)
        });
        PartitionId::new(next.ok()? as u16)
    }
}
