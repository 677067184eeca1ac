//! What changes of records do to the indexes.

use std::collections::HashSet;
use std::sync::Arc;

use index::Entry;
use model::{Digest, Key, Name, Record, Value};
use particle::exp;

use super::{IndexBug, Secondary, tag_of};
use crate::Namespace;
use crate::read::Located;

/// A record as an index sees it: what stays the same however often and whenever it is looked at.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'a> {
    pub(crate) digest: Digest,
    pub(crate) set: &'a str,
    pub(crate) key: Option<&'a Key>,
    pub(crate) bins: &'a [(Name, Value)],
}

impl<'a> Fields<'a> {
    pub(crate) fn of(record: &'a Record, set: &'a str) -> Fields<'a> {
        Fields { digest: record.digest, set, key: record.key.as_ref(), bins: &record.bins }
    }
}

impl exp::Bins for Fields<'_> {
    fn bin(&self, name: &str) -> Option<&Value> {
        self.bins.iter().find(|(n, _)| &**n == name).map(|(_, value)| value)
    }

    fn key(&self) -> Option<&Key> {
        self.key
    }
}

/// What a change of one record does to the indexes, while the record is locked: nothing to those
/// under whose keys it stays.
#[derive(Default)]
pub(crate) struct Change {
    tag: u64,
    of: Vec<OfIndex>,
}

struct OfIndex {
    index: Arc<Secondary>,
    added: Vec<u128>,
    removed: Vec<u128>,
}

impl Namespace {
    /// What it does to the indexes that a record was as `old` says and will be as `new` says, whose
    /// set has the id beside it.
    pub(crate) fn index_change(
        &self,
        digest: &Digest,
        old: Option<&Located>,
        new: Option<(u16, Fields<'_>)>,
    ) -> Change {
        let old_id = old.map(|old| old.entry.set_id);
        let new_id = new.map(|(id, _)| id);
        if ![old_id, new_id].into_iter().flatten().any(|id| self.indexes.any_of(id)) {
            return Change::default();
        }
        let tag = tag_of(digest);
        if let Some(old) = old.filter(|old| old.damaged) {
            // Nobody can tell any more what it was.
            self.unindex(&mut vec![(tag, old.entry)], 1);
        }
        let old_set = old_id.and_then(|id| self.sets.get(id));
        let old = old.filter(|old| !old.damaged).zip(old_set.as_ref());
        let mut of = Vec::new();
        for index in &*self.indexes.now() {
            if self.has_bug(IndexBug::BuildLeftAlone) && !index.ready() {
                continue;
            }
            let covered = |of: Fields<'_>| index.covers(of.set).then(|| index.keys(&of));
            let before = old.and_then(|(old, set)| covered(Fields::of(&old.record, &set.name)));
            let after = new.and_then(|(_, new)| covered(new));
            let (before, after) = (before.unwrap_or_default(), after.unwrap_or_default());
            if before != after {
                of.push(OfIndex {
                    index: index.clone(),
                    added: without(&after, &before),
                    removed: without(&before, &after),
                });
            }
        }
        Change { tag, of }
    }

    /// Adds what the new version is under. Before the primary index shows it.
    pub(crate) fn index_new(&self, change: &Change) {
        if self.has_bug(IndexBug::ForgetsNew) {
            return;
        }
        for of in change.of.iter().filter(|of| !of.added.is_empty()) {
            of.index.entries.insert(change.tag, &of.added);
        }
    }

    /// Takes out what the old version was under. `stays` is how many live entries the primary index
    /// has of the record itself: if it has more, another record has the same tag, and what the old
    /// version was under may be the other's. To leave it costs a look at a record now and then.
    pub(crate) fn unindex_old(&self, change: &Change, stays: usize) {
        let removed = || change.of.iter().filter(|of| !of.removed.is_empty());
        if removed().next().is_none() || self.is_shared(change.tag, stays) {
            return;
        }
        if self.has_bug(IndexBug::KeepsOld) {
            return;
        }
        for of in removed() {
            of.index.entries.remove(change.tag, &of.removed);
        }
    }

    /// Takes back what [`Namespace::index_new`] did.
    pub(crate) fn unindex_new(&self, change: &Change, stays: usize) {
        if self.is_shared(change.tag, stays) {
            return;
        }
        for of in &change.of {
            of.index.entries.remove(change.tag, &of.added);
        }
    }

    /// Takes everything of these records, which the primary index has `stays` live entries of, out of
    /// the indexes, whatever it is. The caller holds their locks or the gate.
    pub(crate) fn unindex(&self, records: &mut Vec<(u64, Entry)>, stays: usize) {
        records.retain(|(_, entry)| self.indexes.any_of(entry.set_id));
        if records.is_empty() {
            return;
        }
        records.retain(|(tag, _)| !self.is_shared(*tag, stays));
        records.sort_unstable_by_key(|(tag, _)| *tag);
        for index in &*self.indexes.now() {
            let tree_of = |(tag, _): &(u64, Entry)| index.entries.tree_of(*tag);
            for records in records.chunk_by(|a, b| tree_of(a) == tree_of(b)) {
                let covered = |entry: &Entry| index.set_id.is_none_or(|id| id == entry.set_id);
                let own = records.iter().filter(|(_, entry)| covered(entry));
                let tags: HashSet<u64> = own.map(|(tag, _)| *tag).collect();
                if !tags.is_empty() {
                    index.entries.purge(tree_of(&records[0]), &tags);
                }
            }
        }
    }

    fn is_shared(&self, tag: u64, own: usize) -> bool {
        self.index.get_tag(tag).filter(|entry| !entry.tombstone).count() > own
    }
}

/// What is in `of` and not in `other`; both are in order.
fn without(of: &[u128], other: &[u128]) -> Vec<u128> {
    of.iter().filter(|key| other.binary_search(key).is_err()).copied().collect()
}
