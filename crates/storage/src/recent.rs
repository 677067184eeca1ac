//! The write blocks that were written last, kept in memory: what was just written is likely to be
//! read, and to be copied by defragmentation. Aerospike's post-write cache.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, RwLock, RwLockReadGuard};

use crate::flat::Header;

struct Block {
    id: u64,
    seed: u32,
    /// Where `bytes` begin: later than the block where the block was forgotten in between.
    begin: u32,
    /// As far as it was written.
    bytes: RwLock<Vec<u8>>,
}

impl Block {
    fn read(&self) -> RwLockReadGuard<'_, Vec<u8>> {
        self.bytes.read().expect("copying does not panic")
    }
}

/// The last blocks, oldest first.
pub(crate) struct Recent {
    most: AtomicUsize,
    blocks: RwLock<VecDeque<Arc<Block>>>,
}

impl Recent {
    /// Keeps this many blocks.
    pub(crate) fn new(most: usize) -> Recent {
        Recent { most: AtomicUsize::new(most), blocks: RwLock::default() }
    }

    /// Whether any are kept.
    pub(crate) fn keeps(&self) -> bool {
        self.most.load(Relaxed) > 0
    }

    /// Keeps what was written at `at` of a block. Blocks are written from front to back.
    pub(crate) fn put(&self, id: u64, seed: u32, at: u32, bytes: &[u8]) {
        if !self.keeps() {
            return;
        }
        let block = self.block(id, seed).unwrap_or_else(|| self.add(id, seed, at));
        let mut kept = block.bytes.write().expect("copying does not panic");
        if kept.len() == (at - block.begin) as usize {
            kept.extend_from_slice(bytes);
        }
    }

    fn block(&self, id: u64, seed: u32) -> Option<Arc<Block>> {
        if !self.keeps() {
            return None;
        }
        let blocks = self.blocks.read().expect("looking does not panic");
        blocks.iter().rev().find(|block| (block.id, block.seed) == (id, seed)).cloned()
    }

    fn add(&self, id: u64, seed: u32, begin: u32) -> Arc<Block> {
        let block = Arc::new(Block { id, seed, begin, bytes: RwLock::default() });
        let mut blocks = self.blocks.write().expect("moving does not panic");
        while blocks.len() >= self.most.load(Relaxed).max(1) {
            blocks.pop_front();
        }
        blocks.push_back(block.clone());
        block
    }

    /// A copy of the record at `offset` of a block, if it is here.
    pub(crate) fn record(&self, id: u64, seed: u32, offset: u32) -> Option<Vec<u8>> {
        let block = self.block(id, seed)?;
        let bytes = block.read();
        let rest = bytes.get(offset.checked_sub(block.begin)? as usize..)?;
        rest.get(..Header::parse(rest)?.size).map(<[u8]>::to_vec)
    }

    /// Fills `out` from the beginning of a block, if it is here that far.
    pub(crate) fn whole(&self, id: u64, seed: u32, out: &mut [u8]) -> bool {
        let Some(block) = self.block(id, seed) else { return false };
        let bytes = block.read();
        let whole = bytes.get(..out.len()).filter(|_| block.begin == 0);
        whole.map(|bytes| out.copy_from_slice(bytes)).is_some()
    }

    /// Bytes of memory held.
    pub(crate) fn memory_bytes(&self) -> u64 {
        let blocks = self.blocks.read().expect("looking does not panic");
        blocks.iter().map(|block| block.read().capacity() as u64).sum()
    }
}
