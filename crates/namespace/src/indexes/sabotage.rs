//! Bugs to order, one at a time: what the model test of the indexes is tested with.

use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

use crate::Namespace;

/// A bug of the indexes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum IndexBug {
    /// A change leaves the entries of the old version.
    KeepsOld = 1,
    /// A change leaves out the entries of the new version.
    ForgetsNew,
    /// A delete leaves the entries.
    DeleteForgets,
    /// Expiry leaves the entries.
    ExpiryForgets,
    /// A truncate leaves the entries.
    TruncateForgets,
    /// Old entries are taken out before the primary index shows the new version, and new ones added
    /// when it has shown it for a moment.
    RemovesFirst,
    /// The indexes are changed although nothing could be appended.
    ChangesFirst,
    /// The record that was read is believed to be in the range.
    NoRecheck,
    /// Records that have expired are given.
    GivesExpired,
    /// Writers leave an index alone that is being built.
    BuildLeftAlone,
    /// An index is ready when half of the partitions are built.
    ReadyEarly,
    /// A walk in order gives a record anew that moved ahead of it.
    GivesTwice,
    /// A walk goes on behind the partition, where it stopped inside of it.
    SkipsRest,
    /// Strings that share their first bytes are in the order of their keys.
    TiesUnsorted,
}

impl IndexBug {
    /// All of them.
    pub const ALL: [IndexBug; 14] = [
        IndexBug::KeepsOld,
        IndexBug::ForgetsNew,
        IndexBug::DeleteForgets,
        IndexBug::ExpiryForgets,
        IndexBug::TruncateForgets,
        IndexBug::RemovesFirst,
        IndexBug::ChangesFirst,
        IndexBug::NoRecheck,
        IndexBug::GivesExpired,
        IndexBug::BuildLeftAlone,
        IndexBug::ReadyEarly,
        IndexBug::GivesTwice,
        IndexBug::SkipsRest,
        IndexBug::TiesUnsorted,
    ];
}

/// The bug that the indexes have, if any. Without the feature `sabotage` they have none.
#[derive(Default)]
pub(super) struct Ordered(AtomicU8);

impl Namespace {
    /// Gives the indexes this bug.
    pub fn order_bug(&self, bug: Option<IndexBug>) {
        self.indexes.bug.0.store(bug.map_or(0, |bug| bug as u8), Relaxed);
    }

    pub(crate) fn has_bug(&self, bug: IndexBug) -> bool {
        cfg!(feature = "sabotage") && self.indexes.bug.0.load(Relaxed) == bug as u8
    }
}
