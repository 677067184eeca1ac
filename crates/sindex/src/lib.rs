//! Secondary indexes: values to the digests of the records that have them.
//!
//! An entry is a key and a tag, 16 bytes, or 24 where the values are strings or blobs. The key orders
//! like the value and mostly is the value ([`key`]); the tag is the first 64 bits of the record's
//! place in the order of partitions and digests, so that it leads to the primary index's entry, and
//! entries sorted by tag are in the order in which scans go.
//!
//! An [`Index`] is some ordered trees (`tree.rs`), each with a lock, for some partitions that are
//! neighbours. One tree for each partition would be as right, but a question that a few records answer
//! has to ask every tree, and 4096 cache misses are dearer than a hundred records: a node of ten
//! million records has 16.
//!
//! Always true: an entry is in a tree at most once; [`Index::insert`] and [`Index::remove`] are each
//! one step; no lock is held beyond one tree's, and none while something else is waited for. What
//! keys and tags mean, and that the record is as they say, is the caller's affair: it reads the record.

pub mod key;
mod tree;

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use model::{Error, ErrorKind, Result};
use parking_lot::Mutex;

use tree::{Tree, Wide};

/// Both ends of a range of keys, inclusive.
pub type Span = (u128, u128);
/// The span of all keys.
pub const EVERYTHING: Span = (0, u128::MAX);

/// How many bytes a key needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Width {
    /// 8: numbers, and whatever else is one.
    Narrow,
    /// 16: strings and blobs.
    Wide,
}

/// The entries of one secondary index. Every method may be called from any thread.
pub struct Index {
    trees: Trees,
    /// Bits of a tag behind those that name its tree.
    shift: u32,
    len: AtomicU64,
}

enum Trees {
    Narrow(Box<[Mutex<Tree<u64>>]>),
    Wide(Box<[Mutex<Tree<Wide>>]>),
}

/// Does the same with the tree of either width.
macro_rules! with_tree {
    ($trees:expr, $number:expr, $tree:ident => $does:expr) => {
        match &$trees {
            Trees::Narrow(trees) => {
                let mut locked = trees[$number].lock();
                let $tree = &mut *locked;
                $does
            }
            Trees::Wide(trees) => {
                let mut locked = trees[$number].lock();
                let $tree = &mut *locked;
                $does
            }
        }
    };
}

impl Index {
    /// An empty index of so many trees, a power of two up to 4096: 2 for each million records or so.
    pub fn new(width: Width, trees: usize) -> Index {
        assert!(trees.is_power_of_two() && trees <= 4096, "{trees} trees were asked for");
        let shift = 64 - trees.ilog2();
        let trees = match width {
            Width::Narrow => Trees::Narrow((0..trees).map(|_| Mutex::default()).collect()),
            Width::Wide => Trees::Wide((0..trees).map(|_| Mutex::default()).collect()),
        };
        Index { trees, shift, len: AtomicU64::new(0) }
    }

    /// Number of trees.
    pub fn trees(&self) -> usize {
        match &self.trees {
            Trees::Narrow(trees) => trees.len(),
            Trees::Wide(trees) => trees.len(),
        }
    }

    /// The tree that entries of this tag are in.
    pub fn tree_of(&self, tag: u64) -> usize {
        // One tree has no bits to be named by.
        tag.checked_shr(self.shift).unwrap_or(0) as usize
    }

    /// Adds those of the entries that are not there, in one step.
    pub fn insert(&self, tag: u64, keys: &[u128]) {
        let added = with_tree!(self.trees, self.tree_of(tag), tree => {
            keys.iter().filter(|key| tree.insert(**key, tag)).count()
        });
        self.len.fetch_add(added as u64, Relaxed);
    }

    /// Takes out those of the entries that are there, in one step.
    pub fn remove(&self, tag: u64, keys: &[u128]) {
        let removed = with_tree!(self.trees, self.tree_of(tag), tree => {
            keys.iter().filter(|key| tree.remove(**key, tag)).count()
        });
        self.len.fetch_sub(removed as u64, Relaxed);
    }

    /// Takes all entries of these tags, which belong to one tree, out of it, in one step.
    pub fn purge(&self, tree: usize, tags: &HashSet<u64>) {
        let purged = with_tree!(self.trees, tree, tree => {
            tree.retain(|tag| !tags.contains(&tag))
        });
        self.len.fetch_sub(purged as u64, Relaxed);
    }

    /// Takes everything out, tree by tree.
    pub fn clear(&self) {
        for number in 0..self.trees() {
            let removed = with_tree!(self.trees, number, tree => tree.clear());
            self.len.fetch_sub(removed as u64, Relaxed);
        }
    }

    /// The least `most` of the different tags that a tree has under the keys of some spans, above
    /// `after` and up to `until`, in order. As of one moment. There may be more if there are `most`.
    pub fn tags(
        &self,
        tree: usize,
        spans: &[Span],
        after: Option<u64>,
        until: u64,
        most: usize,
    ) -> Vec<u64> {
        let mut least = Least { tags: Vec::new(), until, most };
        with_tree!(self.trees, tree, tree => {
            for span in spans {
                tree.ascend(*span, None, |_, tag| {
                    if after.is_none_or(|after| tag > after) {
                        least.push(tag);
                    }
                    true
                });
            }
        });
        least.done()
    }

    /// The next `most` entries of a tree in a span behind a place, in the order of keys and tags, or
    /// against it. As of one moment.
    pub fn walk(
        &self,
        tree: usize,
        span: Span,
        after: Option<(u128, u64)>,
        descending: bool,
        most: usize,
    ) -> Vec<(u128, u64)> {
        let mut found = Vec::new();
        let mut each = |key, tag| {
            found.push((key, tag));
            found.len() < most
        };
        if most > 0 {
            with_tree!(self.trees, tree, tree => match descending {
                false => tree.ascend(span, after, &mut each),
                true => tree.descend(span, after, &mut each),
            });
        }
        found
    }

    /// How many entries the spans have together, an entry in two of them counted twice. Stops when
    /// there are `at_most`.
    pub fn count(&self, spans: &[Span], at_most: u64) -> u64 {
        let mut count = 0;
        for number in 0..self.trees() {
            if count >= at_most {
                break;
            }
            count += with_tree!(self.trees, number, tree => {
                spans.iter().map(|span| tree.count(*span)).sum::<usize>()
            }) as u64;
        }
        count
    }

    /// Number of entries.
    pub fn len(&self) -> u64 {
        self.len.load(Relaxed)
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of memory that it takes, everything counted.
    pub fn bytes(&self) -> u64 {
        let trees = (0..self.trees())
            .map(|number| with_tree!(self.trees, number, tree => tree.bytes()) as u64)
            .sum::<u64>();
        let heads = match &self.trees {
            Trees::Narrow(trees) => size_of_val(&**trees),
            Trees::Wide(trees) => size_of_val(&**trees),
        };
        trees + heads as u64 + size_of::<Index>() as u64
    }

    /// About how many different keys there are. Two trees are drawn from the same records: of their
    /// keys d1 and d2, of which both have the same s, there are d1 * d2 / s in all, the estimate of
    /// Lincoln and Petersen for fish in a lake.
    pub fn distinct(&self) -> u64 {
        let keys = |number: usize| -> Vec<u128> {
            let mut keys = Vec::new();
            with_tree!(self.trees, number, tree => tree.ascend(EVERYTHING, None, |key, _| {
                if keys.last() != Some(&key) {
                    keys.push(key);
                }
                true
            }));
            keys
        };
        let first = keys(0);
        if self.trees() == 1 {
            return first.len() as u64;
        }
        let second = keys(1);
        let shared = first.iter().filter(|key| second.binary_search(key).is_ok()).count() as u64;
        let (d1, d2, len) = (first.len() as u64, second.len() as u64, self.len());
        match shared {
            0 => len,
            shared => (d1 * d2 / shared).min(len),
        }
    }

    /// Walks over everything and fails with [`ErrorKind::Internal`] at the first tree that breaks a
    /// promise. For tests and for operators in doubt.
    pub fn check(&self) -> Result<()> {
        let mut len = 0;
        for number in 0..self.trees() {
            len += with_tree!(self.trees, number, tree => tree.check())
                .map_err(|what| Error::new(ErrorKind::Internal, format!("tree {number}: {what}")))?
                as u64;
            let strays = self.walk(number, EVERYTHING, None, false, usize::MAX);
            if let Some((_, tag)) = strays.iter().find(|(_, tag)| self.tree_of(*tag) != number) {
                let detail = format!("tag {tag:x} is in tree {number}");
                return Err(Error::new(ErrorKind::Internal, detail));
            }
        }
        match self.len() {
            counted if counted == len => Ok(()),
            counted => {
                let detail = format!("{len} entries, {counted} counted");
                Err(Error::new(ErrorKind::Internal, detail))
            }
        }
    }
}

/// The least different tags of many.
struct Least {
    tags: Vec<u64>,
    until: u64,
    most: usize,
}

impl Least {
    /// Tags beyond those wanted that are kept until the next sorting.
    const SLACK: usize = 4096;

    fn push(&mut self, tag: u64) {
        if tag > self.until {
            return;
        }
        self.tags.push(tag);
        if self.tags.len() >= 2 * self.most.saturating_add(Least::SLACK) {
            self.sort();
            if self.tags.len() == self.most {
                self.until = self.tags.last().copied().unwrap_or(0);
            }
        }
    }

    fn sort(&mut self) {
        self.tags.sort_unstable();
        self.tags.dedup();
        self.tags.truncate(self.most);
    }

    fn done(mut self) -> Vec<u64> {
        self.sort();
        self.tags
    }
}
