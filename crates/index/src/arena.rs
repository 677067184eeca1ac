//! Page arena: 1 KiB pages cut from 2 MiB-aligned chunks of anonymous memory.
//!
//! How data moves: [`Arena::alloc`] gives a [`PageId`], from the free list if there is one, else
//! the next page of the newest chunk, else from a new chunk. [`Arena::page`] turns the id into
//! words. [`Arena::free`] puts the page on the free list (its first word links to the next).
//!
//! Always true:
//! * A page handed out is all zero, which the layers above read as "no entries".
//! * Words are atomics, read and written relaxed: on the usual processors plain moves. So a wrong
//!   or stale id reads wrong words but never breaks memory safety, and nothing outside this file
//!   is `unsafe`. Which thread may write a page is decided by the shard's lock above.
//! * A chunk stays mapped, at its place, until the arena is dropped.
//!
//! Left out: giving wholly free chunks back to the system before the arena is dropped, touching
//! pages ahead of use, a memory budget.

use std::io;
use std::ptr::{self, NonNull};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use model::{Error, ErrorKind, Result};
use parking_lot::Mutex;

use crate::entry::{WORDS, Words};

/// Size of a page, bytes.
pub(crate) const PAGE_SIZE: usize = 1024;
/// 32-bit words in a page.
pub(crate) const PAGE_WORDS: usize = PAGE_SIZE / 4;
/// Entries in a page; one word is left over.
pub(crate) const PAGE_SLOTS: usize = PAGE_WORDS / WORDS;

/// Size and alignment of a huge page.
const HUGE_SIZE: usize = 2 << 20;
/// A chunk is 16 MiB: eight huge pages, few mappings even for a large index. Its memory becomes
/// resident as pages are used, not when it is mapped.
const CHUNK_SIZE: usize = 16 << 20;
const CHUNK_PAGES: usize = CHUNK_SIZE / PAGE_SIZE;
/// 128 GiB of pages, over five billion entries. The table of chunks costs 16 B for each.
const CHUNKS_MAX: usize = 1 << 13;
/// End of the free list, and "no page" in a header.
const NONE: u32 = u32::MAX;

/// The number of a page in its arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PageId(u32);

impl PageId {
    /// No page.
    pub(crate) const NONE: PageId = PageId(NONE);
}

/// One page: entries of five words, or 256 ids of other pages.
#[repr(C, align(1024))]
pub(crate) struct Page([AtomicU32; PAGE_WORDS]);

const _: () = assert!(size_of::<Page>() == PAGE_SIZE);

impl Page {
    /// One word of the entry in `slot`.
    #[inline]
    pub(crate) fn word(&self, slot: usize, word: usize) -> u32 {
        self.slot(slot)[word].load(Relaxed)
    }

    /// The entry in `slot`.
    #[inline]
    pub(crate) fn load(&self, slot: usize) -> Words {
        let slot = self.slot(slot);
        std::array::from_fn(|n| slot[n].load(Relaxed))
    }

    /// Writes the entry in `slot`.
    #[inline]
    pub(crate) fn store(&self, slot: usize, words: Words) {
        for (to, word) in self.slot(slot).iter().zip(words) {
            to.store(word, Relaxed);
        }
    }

    /// Asks the processor to bring the entry in `slot` close, and the two or three on either side
    /// of it: they may lie in another cache line.
    #[inline]
    pub(crate) fn prefetch(&self, slot: usize) {
        prefetch(self.slot(slot));
        prefetch(self.slot(slot.saturating_sub(2)));
        prefetch(self.slot((slot + 3).min(PAGE_SLOTS - 1)));
    }

    /// The page id at place `n`, in a page of ids.
    #[inline]
    pub(crate) fn id(&self, n: usize) -> PageId {
        PageId(self.0[n].load(Relaxed))
    }

    /// Writes the page id at place `n`, in a page of ids.
    pub(crate) fn set_id(&self, n: usize, id: PageId) {
        self.0[n].store(id.0, Relaxed);
    }

    #[inline]
    fn slot(&self, slot: usize) -> &[AtomicU32; WORDS] {
        &self.0.as_chunks().0[slot]
    }

    fn clear(&self) {
        self.0.iter().for_each(|w| w.store(0, Relaxed));
    }
}

/// The pages of one index.
pub(crate) struct Arena {
    chunks: Box<[OnceLock<Chunk>]>,
    state: Mutex<State>,
}

struct State {
    /// First page of the free list.
    free: u32,
    /// Pages on the free list.
    free_count: usize,
    /// Pages ever cut from chunks.
    cut: usize,
}

impl Arena {
    /// An arena without pages.
    pub(crate) fn new() -> Arena {
        Arena {
            chunks: (0..CHUNKS_MAX).map(|_| OnceLock::new()).collect(),
            state: Mutex::new(State { free: NONE, free_count: 0, cut: 0 }),
        }
    }

    /// An empty page.
    pub(crate) fn alloc(&self) -> Result<PageId> {
        let mut state = self.state.lock();
        let id = PageId(state.free);
        if id == PageId::NONE {
            return self.cut(&mut state);
        }
        state.free = self.page(id).id(0).0;
        state.free_count -= 1;
        drop(state);
        self.page(id).clear();
        Ok(id)
    }

    /// Takes a page back. The caller has forgotten its id.
    pub(crate) fn free(&self, id: PageId) {
        let mut state = self.state.lock();
        self.page(id).set_id(0, PageId(state.free));
        state.free = id.0;
        state.free_count += 1;
    }

    /// The page of this id.
    #[inline]
    pub(crate) fn page(&self, id: PageId) -> &Page {
        let n = id.0 as usize;
        let chunk = self.chunks[n / CHUNK_PAGES].get().expect("an id comes from alloc");
        chunk.page(n % CHUNK_PAGES)
    }

    /// Bytes held: chunks as far as they were touched, and the table of chunks.
    pub(crate) fn memory_bytes(&self) -> usize {
        let touched = self.state.lock().cut * PAGE_SIZE;
        touched.next_multiple_of(HUGE_SIZE) + size_of_val(&*self.chunks)
    }

    /// Pages handed out and not yet taken back.
    #[cfg(test)]
    pub(crate) fn used_pages(&self) -> usize {
        let state = self.state.lock();
        state.cut - state.free_count
    }

    /// The next page of the newest chunk, mapping a chunk where needed.
    fn cut(&self, state: &mut State) -> Result<PageId> {
        let n = state.cut;
        if n.is_multiple_of(CHUNK_PAGES) {
            let place = self.chunks.get(n / CHUNK_PAGES).ok_or_else(table_full)?;
            let chunk = Chunk::map().map_err(no_memory)?;
            assert!(place.set(chunk).is_ok(), "chunks are mapped once, in order");
        }
        state.cut += 1;
        Ok(PageId(n as u32))
    }
}

fn table_full() -> Error {
    let detail = format!(
        "the index has {} GiB, the most one namespace can have; spread it over more nodes",
        (CHUNKS_MAX * CHUNK_SIZE) >> 30
    );
    Error::new(ErrorKind::NoSpace, detail)
}

fn no_memory(error: io::Error) -> Error {
    let detail = format!(
        "the index asked for {} MiB more memory and the system refused: {error}; \
         free memory on this node or raise its limit",
        CHUNK_SIZE >> 20
    );
    Error::new(ErrorKind::NoSpace, detail)
}

/// A mapped range of `CHUNK_PAGES` zeroed pages.
struct Chunk(NonNull<Page>);

// SAFETY: a chunk owns its mapping; nothing in it belongs to one thread.
unsafe impl Send for Chunk {}
// SAFETY: through a shared chunk only `&Page` is reached, which is made of atomics.
unsafe impl Sync for Chunk {}

impl Chunk {
    /// Maps a chunk: asks for one huge page more than needed and gives the unaligned ends back.
    fn map() -> io::Result<Chunk> {
        let size = CHUNK_SIZE + HUGE_SIZE;
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        // SAFETY: a new anonymous mapping at an address of the kernel's choice replaces nothing.
        let start = unsafe { libc::mmap(ptr::null_mut(), size, protection, flags, -1, 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let head = start.align_offset(HUGE_SIZE);
        // SAFETY: `head` is below HUGE_SIZE, so head + CHUNK_SIZE is inside the mapping.
        let (base, end) = unsafe { (start.byte_add(head), start.byte_add(head + CHUNK_SIZE)) };
        unmap(start, head);
        unmap(end, HUGE_SIZE - head);
        advise_huge(base);
        let base = NonNull::new(base.cast()).expect("mmap gives no null");
        Ok(Chunk(base))
    }

    #[inline]
    fn page(&self, n: usize) -> &Page {
        assert!(n < CHUNK_PAGES);
        // SAFETY: `n` is inside the mapping, which is aligned for `Page`, starts as zeros (valid
        // atomics), lives as long as `self`, and is never reached as `&mut`.
        unsafe { self.0.add(n).as_ref() }
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        unmap(self.0.as_ptr().cast(), CHUNK_SIZE);
    }
}

/// Unmaps a range that [`Chunk::map`] got and that no reference points into.
fn unmap(start: *mut libc::c_void, size: usize) {
    if size > 0 {
        // SAFETY: both callers own the range: `map` before anyone saw it, `drop` after everyone.
        let result = unsafe { libc::munmap(start, size) };
        debug_assert_eq!(result, 0, "{}", io::Error::last_os_error());
    }
}

/// Asks for huge pages, for fewer address-translation misses. A refusal costs only speed.
fn advise_huge(_base: *mut libc::c_void) {
    #[cfg(target_os = "linux")]
    // SAFETY: advice about a range that the caller has just mapped; contents do not change.
    unsafe {
        libc::madvise(_base, CHUNK_SIZE, libc::MADV_HUGEPAGE);
    }
}

/// Asks the processor to bring the first cache line of `place` close.
#[inline]
pub(crate) fn prefetch<T>(place: &T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: SSE is part of x86_64, and a prefetch reads nothing into the program.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(ptr::from_ref(place).cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = place;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_zero_distinct_and_used_again() {
        let arena = Arena::new();
        let ids: Vec<PageId> = (0..100).map(|_| arena.alloc().expect("memory")).collect();
        for (n, &id) in ids.iter().enumerate() {
            assert_eq!(arena.page(id).load(0), [0; WORDS]);
            arena.page(id).store(0, [n as u32; WORDS]);
            arena.page(id).store(PAGE_SLOTS - 1, [n as u32; WORDS]);
        }
        for (n, &id) in ids.iter().enumerate() {
            assert_eq!(arena.page(id).load(PAGE_SLOTS - 1), [n as u32; WORDS]);
        }
        let bytes = arena.memory_bytes();
        ids.iter().for_each(|&id| arena.free(id));
        assert_eq!(arena.used_pages(), 0);
        for _ in 0..100 {
            let id = arena.alloc().expect("memory");
            assert!(ids.contains(&id));
            assert!((0..PAGE_SLOTS).all(|s| arena.page(id).load(s) == [0; WORDS]));
        }
        assert_eq!((arena.used_pages(), arena.memory_bytes()), (100, bytes));
    }

    #[test]
    fn a_second_chunk_follows_the_first() {
        let arena = Arena::new();
        let last = (0..=CHUNK_PAGES).map(|_| arena.alloc().expect("memory")).last();
        let id = last.expect("pages");
        arena.page(id).store(7, [1; WORDS]);
        assert_eq!(arena.page(id).load(7), [1; WORDS]);
        assert_eq!(ptr::from_ref(arena.page(id)).align_offset(HUGE_SIZE), 0);
        assert_eq!(arena.used_pages(), CHUNK_PAGES + 1);
    }
}
