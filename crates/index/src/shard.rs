//! One shard: entries sorted by tag in an open-addressed array made of 1 KiB pages.
//!
//! A tag's *home* is its proportional place in the array, `tag * slots / 2^64`, so homes rise with
//! tags and the array can be both a hash table and a sorted list:
//!
//! 1. Look-up starts at the home slot and walks to the first tag that is not smaller; equal tags
//!    stand next to each other. Usually that is one cache line.
//! 2. Insert finds the same place, then moves the run between it and the nearest hole, to either
//!    side, by one slot.
//! 3. Delete pulls displaced neighbours back until the hole disturbs nobody: no tombstone slots.
//! 4. Above 90 % the array grows, by one page or an eighth, and is spread anew in one pass. Below
//!    60 % it shrinks to 80 %. The work is bounded by the shard: a few hundred entries as a rule.
//! 5. Passes over a whole shard, for checkpoints and restarts, stand in `shard/bulk.rs`.
//!
//! Always true, and what [`Shard::check`] checks:
//! * Used slots are sorted by tag; equal tags stand in the order of their insertion.
//! * No slot between an entry and its home is empty. An entry may stand on either side of its
//!   home, so the array needs no reserve at its end and can be filled to the last slot.
//! * No entry, no page.
//!
//! Left to others: the lock ([`crate::Index`] holds it around each call), the meaning of entries.
//! Left out: a client that picks keys for one shard or one home slot (about 2^15 or 2^23 hashes
//! each) makes long runs. Look-ups then cost the run's logarithm, inserts and deletes its length.

use model::{Error, ErrorKind, Result};

use crate::arena::{Arena, PAGE_SLOTS, Page};
use crate::entry::{self, EMPTY, Entry, GENERATION_WORD, Words, tag_of};
use crate::pages::{PAGES_MAX, PageList};

pub(crate) use bulk::parse;

/// Header of a shard. With its one-byte lock it fills one cache line.
pub(crate) struct Shard {
    count: u32,
    pages: PageList,
}

impl Shard {
    /// A shard without entries.
    pub(crate) fn new() -> Shard {
        Shard { count: 0, pages: PageList::new() }
    }

    /// Number of entries.
    pub(crate) fn len(&self) -> usize {
        self.count as usize
    }

    /// Gives `found` each entry of this tag, oldest first.
    pub(crate) fn get(&self, arena: &Arena, tag: u64, mut found: impl FnMut(Entry)) {
        let slots = self.slots(arena);
        slots.prefetch(tag);
        let mut at = slots.lower_bound(tag);
        while slots.tag(at) == Some(tag) {
            found(Entry::unpack(slots.load(at)));
            at += 1;
        }
    }

    /// Asks the processor to bring the tag's home close.
    pub(crate) fn prefetch(&self, arena: &Arena, tag: u64) {
        self.slots(arena).prefetch(tag);
    }

    /// Adds an entry, behind those of the same tag.
    pub(crate) fn insert(&mut self, arena: &Arena, tag: u64, entry: Entry) -> Result<()> {
        let words = entry.pack(tag);
        self.grow(arena)?;
        self.count += 1;
        self.slots(arena).insert(tag, words);
        Ok(())
    }

    /// Puts `new` in the place of the entry of this tag that points at `old_location`.
    pub(crate) fn replace(&self, arena: &Arena, tag: u64, old_location: u64, new: Entry) -> bool {
        let words = new.pack(tag);
        let slots = self.slots(arena);
        let found = slots.find(tag, old_location);
        found.inspect(|&at| slots.store(at, words)).is_some()
    }

    /// Takes out the entry of this tag that points at `location`.
    pub(crate) fn remove(&mut self, arena: &Arena, tag: u64, location: u64) -> Option<Entry> {
        let slots = self.slots(arena);
        let at = slots.find(tag, location)?;
        let entry = Entry::unpack(slots.load(at));
        slots.remove(at);
        self.count -= 1;
        self.shrink(arena);
        Some(entry)
    }

    /// Takes out everything and gives the pages back. Returns how many entries there were.
    pub(crate) fn clear(&mut self, arena: &Arena) -> usize {
        while self.pages.len() > 0 {
            self.pages.pop(arena);
        }
        std::mem::take(&mut self.count) as usize
    }

    /// Gives `emit` the entries after `after` (a tag and a rank among equal tags) in order with
    /// their tag and rank. Stops when `emit` has had `max` of them, but not between equal tags.
    /// Returns how many that were.
    pub(crate) fn scan(
        &self,
        arena: &Arena,
        after: Option<(u64, u32)>,
        max: usize,
        mut emit: impl FnMut(u64, u32, Entry),
    ) -> usize {
        let slots = self.slots(arena);
        let start = after.map_or(0, |(tag, _)| slots.lower_bound(tag));
        let (mut emitted, mut last) = (0, None);
        for words in slots.entries(start) {
            let tag = tag_of(words);
            let rank = last.filter(|&(t, _)| t == tag).map_or(0, |(_, rank)| rank + 1);
            if emitted >= max && rank == 0 {
                break;
            }
            last = Some((tag, rank));
            if after < last {
                emit(tag, rank, Entry::unpack(words));
                emitted += 1;
            }
        }
        emitted
    }

    /// Gives `emit` the entries of tags from `first` to `last`, in order.
    pub(crate) fn range(&self, arena: &Arena, first: u64, last: u64, mut emit: impl FnMut(Entry)) {
        let slots = self.slots(arena);
        let within = slots.entries(slots.lower_bound(first)).take_while(|w| tag_of(*w) <= last);
        within.for_each(|words| emit(Entry::unpack(words)));
    }

    /// Says which promise of this module the shard breaks, if any.
    pub(crate) fn check(&self, arena: &Arena) -> Result<()> {
        let broken = |what: String| Err(Error::new(ErrorKind::Internal, what));
        let slots = self.slots(arena);
        // The first slot behind the last hole, and the slot up to which there may be no hole.
        let (mut used, mut run, mut reach, mut last) = (0, 0, 0, 0);
        for at in 0..slots.count {
            let Some(tag) = slots.tag(at) else {
                if at < reach {
                    return broken(format!("hole {at} parts an entry from its home {}", reach - 1));
                }
                run = at + 1;
                continue;
            };
            used += 1;
            let home = slots.home(tag);
            if tag < last {
                return broken(format!("tag {tag:x} in slot {at} follows {last:x}"));
            }
            if home < run {
                return broken(format!("a hole parts slot {at} from its home {home}"));
            }
            (reach, last) = (home + 1, tag);
        }
        if used != self.len() || (used == 0 && slots.count > 0) {
            let (count, pages) = (self.count, self.pages.len());
            return broken(format!("{used} slots used, {count} counted, {pages} pages"));
        }
        Ok(())
    }

    #[inline]
    fn slots<'a>(&'a self, arena: &'a Arena) -> Slots<'a> {
        Slots { count: self.pages.len() * PAGE_SLOTS, pages: &self.pages, arena }
    }

    /// Makes room for one more entry, and more pages when there would be under 10 % left.
    fn grow(&mut self, arena: &Arena) -> Result<()> {
        let slots = self.pages.len() * PAGE_SLOTS;
        if (self.len() + 1) * 10 <= slots * 9 {
            return Ok(());
        }
        match self.resize(arena, grown(self.pages.len())) {
            // What could not grow can still be filled.
            Err(_) if self.len() < slots => Ok(()),
            result => result,
        }
    }

    /// Gives pages back when the shard is used under 60 %.
    fn shrink(&mut self, arena: &Arena) {
        let pages = shrunk(self.pages.len(), self.len());
        if pages < self.pages.len() {
            self.resize(arena, pages).expect("fewer pages need no memory");
        }
    }

    /// Spreads the entries over `pages` pages. On an error nothing has moved, and the shard has no
    /// more pages than before.
    fn resize(&mut self, arena: &Arena, pages: usize) -> Result<()> {
        // New pages would be empty: what is read here does not depend on where homes are.
        let entries: Vec<Words> = self.slots(arena).entries(0).collect();
        self.lay_out(arena, pages, entries.into_iter())
    }

    /// Makes these the shard's entries, over `pages` pages. They are sorted and fit. On an error
    /// nothing has changed.
    fn lay_out(
        &mut self,
        arena: &Arena,
        pages: usize,
        entries: impl ExactSizeIterator<Item = Words>,
    ) -> Result<()> {
        let before = self.pages.len();
        while self.pages.len() < pages {
            if let Err(error) = self.pages.push(arena) {
                (before..self.pages.len()).for_each(|_| self.pages.pop(arena));
                return Err(error);
            }
        }
        while self.pages.len() > pages {
            self.pages.pop(arena);
        }
        self.count = entries.len() as u32;
        self.slots(arena).spread(entries);
        Ok(())
    }
}

/// The pages that so many entries need of `pages`: all, or 80 % full when they are under 60 %.
fn shrunk(pages: usize, entries: usize) -> usize {
    let enough = (entries * 10).div_ceil(PAGE_SLOTS * 8);
    let sparse = entries * 10 < pages * PAGE_SLOTS * 6;
    if sparse { enough.min(pages) } else { pages }
}

/// How many pages follow on so many: one more, or an eighth, so that even in large shards an entry
/// is moved few times. Stops at the bound once, and then asks for one more, to be refused.
fn grown(pages: usize) -> usize {
    let left = PAGES_MAX.saturating_sub(pages);
    pages + (pages / 8).min(left).max(1)
}

/// The array of a shard: slot numbers, 0 to `count`, to words in pages.
struct Slots<'a> {
    count: usize,
    pages: &'a PageList,
    arena: &'a Arena,
}

impl<'a> Slots<'a> {
    /// The slot where this tag would stand in an otherwise empty array.
    #[inline]
    fn home(&self, tag: u64) -> usize {
        ((u128::from(tag) * self.count as u128) >> 64) as usize
    }

    #[inline]
    fn page(&self, n: usize) -> &'a Page {
        self.arena.page(self.pages.get(n, self.arena))
    }

    #[inline]
    fn place(&self, slot: usize) -> (&'a Page, usize) {
        (self.page(slot / PAGE_SLOTS), slot % PAGE_SLOTS)
    }

    /// The tag in a slot; `None` in an empty slot and behind the last.
    #[inline]
    fn tag(&self, slot: usize) -> Option<u64> {
        if slot >= self.count {
            return None;
        }
        let (page, slot) = self.place(slot);
        let used = entry::is_used(page.word(slot, GENERATION_WORD));
        used.then(|| u64::from(page.word(slot, 0)) << 32 | u64::from(page.word(slot, 1)))
    }

    /// Asks the processor to bring the tag's home close.
    #[inline]
    fn prefetch(&self, tag: u64) {
        if self.count > 0 {
            let (page, slot) = self.place(self.home(tag));
            page.prefetch(slot);
        }
    }

    #[inline]
    fn load(&self, slot: usize) -> Words {
        let (page, slot) = self.place(slot);
        page.load(slot)
    }

    #[inline]
    fn store(&self, slot: usize, words: Words) {
        let (page, slot) = self.place(slot);
        page.store(slot, words);
    }

    /// The first slot, seen from the tag's home, that does not hold a smaller tag: the first entry
    /// of this tag if there is one, else the place to insert it. May be one behind the last slot.
    ///
    /// Smaller tags behind the home, and others before it, stand there displaced, so no hole parts
    /// them from it: to be one of these is true up to some distance and false from there on.
    #[inline]
    fn lower_bound(&self, tag: u64) -> usize {
        let home = self.home(tag);
        if self.tag(home).is_some_and(|t| t >= tag) {
            let before = |n| n < home && self.tag(home - 1 - n).is_some_and(|t| t >= tag);
            home - first_false(before)
        } else {
            home + first_false(|n| self.tag(home + n).is_some_and(|t| t < tag))
        }
    }

    /// The slot of the entry of this tag that points at `location`.
    fn find(&self, tag: u64, location: u64) -> Option<usize> {
        let first = self.lower_bound(tag);
        (first..)
            .take_while(|&at| self.tag(at) == Some(tag))
            .find(|&at| entry::location_of(self.load(at)) == location)
    }

    /// Adds an entry. One slot at least is empty.
    fn insert(&self, tag: u64, words: Words) {
        let mut at = self.lower_bound(tag);
        while self.tag(at) == Some(tag) {
            at += 1;
        }
        let hole = self.hole_near(at);
        for to in (at + 1..=hole).rev() {
            self.store(to, self.load(to - 1));
        }
        for to in hole..at.max(1) - 1 {
            self.store(to, self.load(to + 1));
        }
        self.store(if hole < at { at - 1 } else { at }, words);
    }

    /// The empty slot nearest to the gap before slot `at`.
    fn hole_near(&self, at: usize) -> usize {
        for far in 0..=self.count {
            if at + far < self.count && self.tag(at + far).is_none() {
                return at + far;
            }
            if far < at && self.tag(at - 1 - far).is_none() {
                return at - 1 - far;
            }
        }
        unreachable!("the shard grew before it was full")
    }

    /// Empties a slot and pulls back the neighbours that stood off their home because of it: those
    /// behind it, or those before it. Both cannot be, as homes rise with slots.
    fn remove(&self, mut at: usize) {
        let before = at;
        while self.tag(at + 1).is_some_and(|t| self.home(t) <= at) {
            self.store(at, self.load(at + 1));
            at += 1;
        }
        if at == before {
            while at > 0 && self.tag(at - 1).is_some_and(|t| self.home(t) >= at) {
                self.store(at, self.load(at - 1));
                at -= 1;
            }
        }
        self.store(at, EMPTY);
    }

    /// Writes the sorted entries, each at its home or the next free slot behind it, but early
    /// enough that the rest still fits; all other slots become empty.
    fn spread(&self, mut entries: impl ExactSizeIterator<Item = Words>) {
        let mut holes = self.count - entries.len();
        let mut next = || entries.next().map(|words| (self.home(tag_of(words)), words));
        let mut waiting = next();
        for n in 0..self.pages.len() {
            let page = self.page(n);
            for slot in 0..PAGE_SLOTS {
                match waiting {
                    Some((home, words)) if holes == 0 || home <= n * PAGE_SLOTS + slot => {
                        page.store(slot, words);
                        waiting = next();
                    }
                    _ => {
                        page.store(slot, EMPTY);
                        holes -= 1;
                    }
                }
            }
        }
    }

    /// The entries from a slot on.
    #[inline]
    fn entries(&self, start: usize) -> impl Iterator<Item = Words> {
        let end = self.count / PAGE_SLOTS;
        let pages = (start / PAGE_SLOTS..end).map(move |n| {
            // The lines behind the first come by themselves.
            if n + 1 < end {
                self.page(n + 1).prefetch(0);
            }
            self.page(n)
        });
        let words = pages.flat_map(|page| (0..PAGE_SLOTS).map(|slot| page.load(slot)));
        words.skip(start % PAGE_SLOTS).filter(|words| entry::is_used(words[GENERATION_WORD]))
    }
}

/// The first number for which `test` is false; it is true for all before and false for all behind.
/// Walks, as the answer is near as a rule; leaps when it is not, so that a run as long as the
/// shard costs its logarithm.
fn first_false(test: impl Fn(usize) -> bool) -> usize {
    const WALK: usize = 8;
    if let Some(near) = (0..WALK).find(|&n| !test(n)) {
        return near;
    }
    let (mut low, mut high) = (WALK, 2 * WALK);
    while test(high) {
        (low, high) = (high + 1, 2 * high);
    }
    while low < high {
        let middle = low.midpoint(high);
        if test(middle) { low = middle + 1 } else { high = middle }
    }
    low
}

mod bulk;
#[cfg(test)]
mod tests;
