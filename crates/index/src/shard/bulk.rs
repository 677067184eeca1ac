//! Passes over a whole shard: out as bytes, in from sorted entries, changed in place.

use model::{Error, ErrorKind, Result};

use super::{Shard, shrunk};
use crate::arena::{Arena, PAGE_SLOTS};
use crate::entry::{self, ENTRY_SIZE, Entry, Words, tag_of};
use crate::index::Keep;
use crate::pages::PAGES_MAX;

/// Most entries of a shard.
const ENTRIES_MAX: usize = PAGES_MAX * PAGE_SLOTS;

impl Shard {
    /// Appends the entries' bytes to `out`, in order.
    pub(crate) fn dump(&self, arena: &Arena, out: &mut Vec<u8>) {
        let start = out.len();
        out.resize(start + self.len() * ENTRY_SIZE, 0);
        let mut places = out[start..].as_chunks_mut().0.iter_mut();
        self.slots(arena).entries(0).for_each(|words| {
            let place = places.next().expect("as many used slots as entries");
            *place = entry::to_bytes(words);
        });
    }

    /// Makes these the entries of a shard that has none. They are sorted by tag.
    ///
    /// They stand as loosely as inserts would leave them, so the next insert moves no page: at
    /// most 90 % full, in the fewest pages.
    pub(crate) fn build(
        &mut self,
        arena: &Arena,
        entries: impl ExactSizeIterator<Item = Words>,
    ) -> Result<()> {
        if self.len() > 0 {
            let detail = format!(
                "a shard of the index was to be built from {} entries and has {} already; \
                 build it before anything is inserted",
                entries.len(),
                self.len()
            );
            return Err(Error::new(ErrorKind::Internal, detail));
        }
        self.lay_out(arena, pages_for(entries.len()), entries)
    }

    /// Gives each entry, in order.
    pub(crate) fn for_each(&self, arena: &Arena, f: &mut dyn FnMut(&Entry)) {
        self.slots(arena).entries(0).for_each(|words| f(&Entry::unpack(words)));
    }

    /// Lets `change` change or drop each entry, in order; gives how many were dropped. Nothing has
    /// changed if it panics.
    pub(crate) fn update(
        &mut self,
        arena: &Arena,
        change: &mut dyn FnMut(&mut Entry) -> Keep,
    ) -> usize {
        let mut kept = Vec::with_capacity(self.len());
        self.slots(arena).entries(0).for_each(|words| {
            let mut entry = Entry::unpack(words);
            if change(&mut entry) == Keep::Yes {
                kept.push(entry.pack(tag_of(words)));
            }
        });
        let dropped = self.len() - kept.len();
        let pages = shrunk(self.pages.len(), kept.len());
        self.lay_out(arena, pages, kept.into_iter()).expect("no more pages need no memory");
        dropped
    }
}

/// The entries of a shard's dump, or [`ErrorKind::Corrupt`] if it is none.
pub(crate) fn parse(bytes: &[u8]) -> Result<impl ExactSizeIterator<Item = Words> + Clone> {
    let corrupt = |what: String| {
        let detail = format!(
            "the dump of a shard of the index, {} bytes, {what}; \
             go back to an older one or rebuild the index from the records",
            bytes.len()
        );
        Err(Error::new(ErrorKind::Corrupt, detail))
    };
    let (entries, rest) = bytes.as_chunks::<ENTRY_SIZE>();
    if !rest.is_empty() {
        return corrupt(format!("is not a multiple of {ENTRY_SIZE} long"));
    }
    if entries.len() > ENTRIES_MAX {
        return corrupt(format!("has more than {ENTRIES_MAX} entries"));
    }
    let entries = entries.iter().map(entry::from_bytes);
    let mut last = 0;
    for (n, words) in entries.clone().enumerate() {
        if !entry::is_entry(words) {
            return corrupt(format!("has no entry at place {n}"));
        }
        let tag = tag_of(words);
        if tag < last {
            return corrupt(format!("has tag {tag:x} at place {n} behind {last:x}"));
        }
        last = tag;
    }
    Ok(entries)
}

/// The fewest pages that hold so many entries at most 90 % full; at the bound, fuller.
fn pages_for(entries: usize) -> usize {
    let usual = (entries * 10).div_ceil(PAGE_SLOTS * 9);
    if entries <= ENTRIES_MAX { usual.min(PAGES_MAX) } else { usual }
}
