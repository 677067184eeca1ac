//! One ordered tree: a root of leaves, as a B+-tree has it, of two levels.
//!
//! A leaf is a sorted array that takes hardly more memory than its entries: it grows by [`STEP`]
//! entries at a time, and one of [`LEAF_MAX`] is parted in two. The root has the first entry of every
//! leaf, so that a look-up misses the cache once in the root and once in the leaf; a leaf more or less
//! moves the root's rear, which for a tree of a million entries is 200 KB once in 64 insertions.
//!
//! Memory: an entry, 4 % for what leaves have free, and 40 bytes of root for each leaf of 64 to 128
//! entries: 17 to 18 bytes for a narrow entry, 26 for a wide one.

use crate::Span;

/// Most entries of a leaf: an insertion moves half of it at most, 1 or 2 KiB.
const LEAF_MAX: usize = 128;
/// A leaf of fewer is joined with a neighbour, where both together are no more than
/// [`JOINED_MAX`].
const LEAF_MIN: usize = 32;
const JOINED_MAX: usize = 96;
/// Entries by which a leaf grows.
const STEP: usize = 8;

/// A key as it is stored.
pub(crate) trait Stored: Copy + Ord {
    fn of(key: u128) -> Self;
    fn key(self) -> u128;
}

impl Stored for u64 {
    /// What is too large is greater than all.
    fn of(key: u128) -> u64 {
        u64::try_from(key).unwrap_or(u64::MAX)
    }

    fn key(self) -> u128 {
        self.into()
    }
}

/// 16 bytes, aligned to 8 so that an entry takes 24.
pub(crate) type Wide = [u64; 2];

impl Stored for Wide {
    fn of(key: u128) -> Wide {
        [(key >> 64) as u64, key as u64]
    }

    fn key(self) -> u128 {
        u128::from(self[0]) << 64 | u128::from(self[1])
    }
}

/// Key and tag.
type Entry<K> = (K, u64);

const _: () = assert!(size_of::<Entry<u64>>() == 16);
const _: () = assert!(size_of::<Entry<Wide>>() == 24);

/// Entries in order, each once.
pub(crate) struct Tree<K> {
    leaves: Vec<Leaf<K>>,
}

/// Never empty.
struct Leaf<K> {
    /// Not above any of its entries, and above all of the leaf before.
    first: Entry<K>,
    entries: Vec<Entry<K>>,
}

impl<K> Default for Tree<K> {
    fn default() -> Tree<K> {
        Tree { leaves: Vec::new() }
    }
}

impl<K: Stored> Tree<K> {
    /// Adds an entry; false where it is there.
    pub(crate) fn insert(&mut self, key: u128, tag: u64) -> bool {
        let entry = (K::of(key), tag);
        if self.leaves.is_empty() {
            self.leaves.push(Leaf { first: entry, entries: vec![entry] });
            return true;
        }
        let mut at = self.leaf_of(&entry);
        let Err(mut place) = self.leaves[at].entries.binary_search(&entry) else { return false };
        if self.leaves[at].entries.len() == LEAF_MAX {
            self.split(at);
            let half = self.leaves[at].entries.len();
            if place > half {
                (at, place) = (at + 1, place - half);
            }
        }
        let leaf = &mut self.leaves[at];
        if leaf.entries.len() == leaf.entries.capacity() {
            leaf.entries.reserve_exact(STEP);
        }
        leaf.entries.insert(place, entry);
        leaf.first = leaf.first.min(entry);
        true
    }

    /// Takes an entry out; false where it is not there.
    pub(crate) fn remove(&mut self, key: u128, tag: u64) -> bool {
        let entry = (K::of(key), tag);
        if self.leaves.is_empty() {
            return false;
        }
        let at = self.leaf_of(&entry);
        let Ok(place) = self.leaves[at].entries.binary_search(&entry) else { return false };
        self.leaves[at].entries.remove(place);
        self.tidy(at);
        true
    }

    /// Takes out the entries whose tags `keep` says no to, and returns how many.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(u64) -> bool) -> usize {
        let before = self.len();
        for leaf in &mut self.leaves {
            let had = leaf.entries.len();
            leaf.entries.retain(|(_, tag)| keep(*tag));
            if leaf.entries.len() < had {
                leaf.entries.shrink_to_fit();
            }
        }
        self.leaves.retain(|leaf| !leaf.entries.is_empty());
        let mut at = 0;
        while at < self.leaves.len() {
            at += usize::from(!self.join(at));
        }
        self.leaves.shrink_to(2 * self.leaves.len());
        before - self.len()
    }

    /// Takes everything out, and returns how many entries that were.
    pub(crate) fn clear(&mut self) -> usize {
        let before = self.len();
        self.leaves = Vec::new();
        before
    }

    /// Gives `each` the entries of a span behind `after` in order, until it says stop (`false`).
    pub(crate) fn ascend(
        &self,
        (from, to): Span,
        after: Option<(u128, u64)>,
        mut each: impl FnMut(u128, u64) -> bool,
    ) {
        let start = (K::of(from), 0);
        let after = after.map(|(key, tag)| (K::of(key), tag));
        let (mut at, mut place) = match after {
            Some(after) if after >= start => self.place_of(|entry| *entry <= after),
            _ => self.place_of(|entry| *entry < start),
        };
        let to = K::of(to);
        while let Some(leaf) = self.leaves.get(at) {
            for (key, tag) in &leaf.entries[place..] {
                if *key > to || !each(key.key(), *tag) {
                    return;
                }
            }
            (at, place) = (at + 1, 0);
        }
    }

    /// The same against the order.
    pub(crate) fn descend(
        &self,
        (from, to): Span,
        after: Option<(u128, u64)>,
        mut each: impl FnMut(u128, u64) -> bool,
    ) {
        let start = (K::of(to), u64::MAX);
        let after = after.map(|(key, tag)| (K::of(key), tag));
        let (at, place) = match after {
            Some(after) if after <= start => self.place_of(|entry| *entry < after),
            _ => self.place_of(|entry| *entry <= start),
        };
        let from = K::of(from);
        let last = self.leaves.get(at).map_or(&[][..], |leaf| &leaf.entries[..place]);
        let before = self.leaves[..at].iter().rev().map(|leaf| &leaf.entries[..]);
        for entries in std::iter::once(last).chain(before) {
            for (key, tag) in entries.iter().rev() {
                if *key < from || !each(key.key(), *tag) {
                    return;
                }
            }
        }
    }

    /// Number of entries of a span.
    pub(crate) fn count(&self, (from, to): Span) -> usize {
        let (from, to) = ((K::of(from), 0), (K::of(to), u64::MAX));
        let (first, start) = self.place_of(|entry| *entry < from);
        let (last, end) = self.place_of(|entry| *entry <= to);
        if (first, start) >= (last, end) {
            return 0;
        }
        let whole: usize = self.leaves[first..last].iter().map(|leaf| leaf.entries.len()).sum();
        whole + end - start
    }

    /// Number of entries.
    pub(crate) fn len(&self) -> usize {
        self.leaves.iter().map(|leaf| leaf.entries.len()).sum()
    }

    /// Bytes of memory beside its own size.
    pub(crate) fn bytes(&self) -> usize {
        let entries: usize = self.leaves.iter().map(|leaf| leaf.entries.capacity()).sum();
        entries * size_of::<Entry<K>>() + self.leaves.capacity() * size_of::<Leaf<K>>()
    }

    /// The number of entries, or which promise is broken.
    pub(crate) fn check(&self) -> Result<usize, String> {
        let mut last = None;
        for (at, leaf) in self.leaves.iter().enumerate() {
            let sorted = leaf.entries.is_sorted_by(|a, b| a < b);
            let (first, len) = (leaf.entries.first(), leaf.entries.len());
            let fits = first.is_some_and(|first| leaf.first <= *first) && len <= LEAF_MAX;
            if !sorted || !fits || last.is_some_and(|last| last >= leaf.first) {
                return Err(format!("leaf {at} of {len} entries is out of order"));
            }
            last = leaf.entries.last().copied();
        }
        Ok(self.len())
    }

    /// The leaf that an entry is in or belongs to. There is one.
    fn leaf_of(&self, entry: &Entry<K>) -> usize {
        self.leaves.partition_point(|leaf| leaf.first <= *entry).saturating_sub(1)
    }

    /// The first place whose entry does not come before something: its leaf, and the place inside,
    /// which may be the leaf's end.
    fn place_of(&self, before: impl Fn(&Entry<K>) -> bool) -> (usize, usize) {
        let at = self.leaves.partition_point(|leaf| before(&leaf.first)).saturating_sub(1);
        let place = self.leaves.get(at).map_or(0, |leaf| leaf.entries.partition_point(before));
        (at, place)
    }

    /// Parts a leaf in two.
    fn split(&mut self, at: usize) {
        let leaf = &mut self.leaves[at];
        let half = leaf.entries.len() / 2;
        let mut rear = Vec::with_capacity(leaf.entries.len() - half + STEP);
        rear.extend_from_slice(&leaf.entries[half..]);
        leaf.entries.truncate(half);
        leaf.entries.shrink_to(half + STEP);
        if self.leaves.len() == self.leaves.capacity() {
            // A root that doubles would be half empty.
            self.leaves.reserve_exact((self.leaves.len() / 4).max(1));
        }
        self.leaves.insert(at + 1, Leaf { first: rear[0], entries: rear });
    }

    /// Gives back what a leaf does not need after a removal.
    fn tidy(&mut self, at: usize) {
        let leaf = &mut self.leaves[at];
        let len = leaf.entries.len();
        if len == 0 {
            self.leaves.remove(at);
            return;
        }
        if leaf.entries.capacity() >= len + 2 * STEP {
            leaf.entries.shrink_to(len + STEP);
        }
        if len < LEAF_MIN && !self.join(at) && at > 0 {
            self.join(at - 1);
        }
    }

    /// Joins a leaf with the next one, if one is small and both have room together.
    fn join(&mut self, at: usize) -> bool {
        let [Some(here), Some(next)] = [at, at + 1].map(|at| self.leaves.get(at)) else {
            return false;
        };
        let (one, other) = (here.entries.len(), next.entries.len());
        if one.min(other) >= LEAF_MIN || one + other > JOINED_MAX {
            return false;
        }
        let next = self.leaves.remove(at + 1);
        let here = &mut self.leaves[at].entries;
        here.reserve_exact(next.entries.len());
        here.extend_from_slice(&next.entries);
        true
    }
}
