//! Records that were read from a device, kept in memory while they are read often. Aerospike's
//! record cache (`record-cache-size`).
//!
//! A record is known by its location and the checksum seed of its block. The seed differs in each
//! life of a block, so that bytes of an earlier life are never found; a version that was overwritten
//! is not asked for again and leaves in time. What is kept has passed its checksum, and is verified
//! again by whoever reads it.

use std::sync::Arc;

use quick_cache::Weighter;
use quick_cache::sync::Cache;

/// Bytes of memory that a record takes beside its own: its key, its place in the cache's tables,
/// the head of its allocation.
const BESIDE: u64 = 96;
/// The size of a record for the first guess at how many there will be.
const USUAL: u64 = 1024;

/// Location and seed.
type Place = (u64, u32);

#[derive(Clone)]
struct Bytes;

impl Weighter<Place, Arc<[u8]>> for Bytes {
    fn weight(&self, _: &Place, record: &Arc<[u8]>) -> u64 {
        record.len() as u64 + BESIDE
    }
}

/// The records that are read often.
pub(crate) struct RecordCache(Option<Cache<Place, Arc<[u8]>, Bytes>>);

/// What operators see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Used {
    pub(crate) hits: u64,
    pub(crate) misses: u64,
    pub(crate) bytes: u64,
}

impl RecordCache {
    /// Keeps at most this many bytes, 0 = nothing. Of a small cache a record may take a part only:
    /// one that is larger than a shard is not kept.
    pub(crate) fn new(bytes: u64) -> RecordCache {
        let records = usize::try_from(bytes / USUAL).unwrap_or(usize::MAX);
        RecordCache((bytes > 0).then(|| Cache::with_weighter(records, bytes, Bytes)))
    }

    /// Whether any are kept.
    pub(crate) fn keeps(&self) -> bool {
        self.0.is_some()
    }

    /// The record at a location. `by_key` says that somebody asked for this record: a scan, which
    /// meets all records once, says nothing about which are read often.
    pub(crate) fn get(&self, location: u64, seed: u32, by_key: bool) -> Option<Arc<[u8]>> {
        let cache = self.0.as_ref()?;
        match by_key {
            true => cache.get(&(location, seed)),
            false => cache.peek(&(location, seed)),
        }
    }

    /// Keeps a record whose checksum was right.
    pub(crate) fn put(&self, location: u64, seed: u32, record: &[u8]) {
        if let Some(cache) = &self.0 {
            cache.insert((location, seed), record.into());
        }
    }

    pub(crate) fn used(&self) -> Used {
        self.0.as_ref().map_or(Used::default(), |cache| Used {
            hits: cache.hits(),
            misses: cache.misses(),
            bytes: cache.weight(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recycled_block_is_not_confused_with_its_earlier_life() {
        let cache = RecordCache::new(1 << 20);
        cache.put(7, 1, b"old");
        assert_eq!(cache.get(7, 1, true).as_deref(), Some(&b"old"[..]));
        assert_eq!(cache.get(7, 2, true), None);
        cache.put(7, 2, b"new");
        assert_eq!(cache.get(7, 2, true).as_deref(), Some(&b"new"[..]));
        assert_eq!(cache.get(7, 1, true).as_deref(), Some(&b"old"[..]));
    }

    #[test]
    fn the_budget_holds_and_what_is_read_often_outlives_what_passes_by() {
        let cache = RecordCache::new(1 << 20);
        for n in 0..10_000 {
            cache.put(n, 0, &[0; 1000]);
            for often in 0..10 {
                cache.get(often, 0, true);
            }
        }
        let used = cache.used();
        assert!(used.bytes <= 1 << 20 && used.bytes > 1 << 19, "{used:?}");
        let kept = (0..10).filter(|n| cache.get(*n, 0, false).is_some()).count();
        assert!(kept >= 8, "{kept} of 10");
    }

    #[test]
    fn without_memory_nothing_is_kept() {
        let cache = RecordCache::new(0);
        cache.put(7, 1, b"record");
        assert_eq!((cache.get(7, 1, true), cache.used()), (None, Used::default()));
    }
}
