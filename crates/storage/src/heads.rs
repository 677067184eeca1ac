//! What a read has to know of a block: whether it is in use, its checksum seed, how far it is on the
//! device. One word for each block, read without a lock: reads of all threads pass here.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::*};

/// Words that are made at once: those of a device of 8 GiB and blocks of 8 MiB.
const CHUNK: usize = 1024;
const IN_USE: u64 = 1 << 63;
const SEED_SHIFT: u32 = 24;
/// The largest block has 2^23 bytes.
const REACHED: u64 = (1 << SEED_SHIFT) - 1;

type Chunk = Box<[AtomicU64; CHUNK]>;

/// The heads of so many blocks.
pub(crate) struct Heads(Box<[OnceLock<Chunk>]>);

impl Heads {
    /// Of no blocks yet, and of at most so many.
    pub(crate) fn new(blocks: u64) -> Heads {
        let chunks = blocks.div_ceil(CHUNK as u64);
        Heads((0..chunks).map(|_| OnceLock::new()).collect())
    }

    fn word(&self, id: u64) -> Option<&AtomicU64> {
        let chunk = self.0.get(usize::try_from(id).ok()? / CHUNK)?.get()?;
        Some(&chunk[id as usize % CHUNK])
    }

    /// Checksum seed, and the offset below which everything is on the device; `None` where the block
    /// holds no records.
    pub(crate) fn get(&self, id: u64) -> Option<(u32, u32)> {
        let word = self.word(id)?.load(Acquire);
        let held = word & IN_USE != 0;
        held.then_some(((word >> SEED_SHIFT) as u32, (word & REACHED) as u32))
    }

    /// The block holds records from here on, or does no more.
    pub(crate) fn set(&self, id: u64, head: Option<(u32, u32)>) {
        let word = head.map_or(0, |(seed, reached)| {
            IN_USE | u64::from(seed) << SEED_SHIFT | u64::from(reached) & REACHED
        });
        let chunk = &self.0[id as usize / CHUNK];
        let chunk = chunk.get_or_init(|| Box::new([const { AtomicU64::new(0) }; CHUNK]));
        chunk[id as usize % CHUNK].store(word, Release);
    }

    /// A block in use is on the device up to here. Only one thread at a time says so of a block.
    pub(crate) fn reach(&self, id: u64, end: u32) {
        if let Some((seed, _)) = self.get(id) {
            self.set(id, Some((seed, end)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_known_while_their_blocks_are_in_use() {
        let heads = Heads::new(3000);
        assert_eq!((heads.get(2999), heads.get(1 << 40)), (None, None));
        heads.set(2999, Some((u32::MAX, 0)));
        heads.reach(2999, 8 << 20);
        assert_eq!(heads.get(2999), Some((u32::MAX, 8 << 20)));
        assert_eq!(heads.get(2998), None);
        heads.reach(2998, 1);
        assert_eq!(heads.get(2998), None, "not in use");
        heads.set(2999, None);
        assert_eq!(heads.get(2999), None);
    }
}
