//! The pages of one shard, in order: twelve ids in the shard's header, further ones in overflow.
//!
//! ```text
//! pages    12        up to 268              up to 65 548
//! header   inline    inline + leaf          inline + root -> leaves
//! ```
//!
//! A leaf is an arena page of 256 ids, a root one of 256 leaves. Which of the two `overflow`
//! means follows from the number of pages alone.

use model::{Error, ErrorKind, Result};

use crate::arena::{Arena, PAGE_SLOTS, PAGE_WORDS, PageId};

/// Ids in the header: with them it fills one cache line.
const INLINE: usize = 12;
/// Ids in a leaf and leaves in a root.
const FAN: usize = PAGE_WORDS;
/// Most pages of a shard: about three million entries.
pub(crate) const PAGES_MAX: usize = INLINE + FAN * FAN;

/// The ids of a shard's pages.
pub(crate) struct PageList {
    len: u32,
    overflow: PageId,
    inline: [PageId; INLINE],
}

impl PageList {
    /// No pages.
    pub(crate) fn new() -> PageList {
        PageList { len: 0, overflow: PageId::NONE, inline: [PageId::NONE; INLINE] }
    }

    /// Number of pages.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len as usize
    }

    /// The id of page `n`.
    #[inline]
    pub(crate) fn get(&self, n: usize, arena: &Arena) -> PageId {
        debug_assert!(n < self.len(), "page {n} of {}", self.len);
        match n.checked_sub(INLINE) {
            None => self.inline[n],
            Some(n) => arena.page(self.leaf(n / FAN, arena)).id(n % FAN),
        }
    }

    /// Adds an empty page at the end. On an error nothing has changed.
    pub(crate) fn push(&mut self, arena: &Arena) -> Result<()> {
        if self.len() >= PAGES_MAX {
            return Err(shard_full());
        }
        let page = arena.alloc()?;
        if let Err(error) = self.make_room(arena) {
            arena.free(page);
            return Err(error);
        }
        self.len += 1;
        match (self.len() - 1).checked_sub(INLINE) {
            None => self.inline[self.len() - 1] = page,
            Some(n) => arena.page(self.leaf(n / FAN, arena)).set_id(n % FAN, page),
        }
        Ok(())
    }

    /// Gives the last page back, and the overflow page that it leaves empty. The list is not
    /// empty.
    pub(crate) fn pop(&mut self, arena: &Arena) {
        let last = self.len() - 1;
        arena.free(self.get(last, arena));
        if let Some(n) = last.checked_sub(INLINE)
            && n.is_multiple_of(FAN)
        {
            arena.free(self.leaf(n / FAN, arena));
            if n == FAN {
                let root = self.overflow;
                self.overflow = arena.page(root).id(0);
                arena.free(root);
            }
        }
        self.len -= 1;
    }

    /// Makes the overflow pages that one more page needs.
    fn make_room(&mut self, arena: &Arena) -> Result<()> {
        let Some(n) = self.len().checked_sub(INLINE).filter(|n| n.is_multiple_of(FAN)) else {
            return Ok(());
        };
        let leaf = arena.alloc()?;
        if n == 0 {
            self.overflow = leaf;
            return Ok(());
        }
        if n == FAN {
            let root = arena.alloc().inspect_err(|_| arena.free(leaf))?;
            arena.page(root).set_id(0, self.overflow);
            self.overflow = root;
        }
        arena.page(self.overflow).set_id(n / FAN, leaf);
        Ok(())
    }

    /// Leaf `n`.
    #[inline]
    fn leaf(&self, n: usize, arena: &Arena) -> PageId {
        if self.len() > INLINE + FAN { arena.page(self.overflow).id(n) } else { self.overflow }
    }
}

fn shard_full() -> Error {
    let detail = format!(
        "a shard of the index has {} entries, the most it can have; \
         raise the number of shards per partition",
        PAGES_MAX * PAGE_SLOTS
    );
    Error::new(ErrorKind::NoSpace, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_to_the_bound_and_back() {
        let arena = Arena::new();
        let mut list = PageList::new();
        let mut ids = Vec::new();
        for n in 0..PAGES_MAX {
            list.push(&arena).expect("memory");
            ids.push(list.get(n, &arena));
        }
        let error = list.push(&arena).expect_err("the bound");
        assert_eq!(error.kind, ErrorKind::NoSpace);
        assert!(error.detail.contains("raise the number of shards"), "{error}");
        assert_eq!(arena.used_pages(), PAGES_MAX + FAN + 1);
        for n in (0..PAGES_MAX).rev() {
            let checked = [0, 11, 12, 267, 268, 523, 524, n / 2, n];
            for n in checked.into_iter().filter(|&c| c <= n) {
                assert_eq!(list.get(n, &arena), ids[n], "page {n}");
            }
            list.pop(&arena);
            let overflow = match n {
                0..=12 => 0,
                13..=268 => 1,
                _ => 1 + (n - 12).div_ceil(FAN),
            };
            assert_eq!(arena.used_pages(), n + overflow, "{n} pages");
        }
    }
}
