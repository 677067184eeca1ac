//! A range of addresses whose memory is asked for step by step, in huge pages where there are any.
//!
//! The whole range is reserved at once, without memory, so that what is in it never moves and
//! growing copies nothing. [`Mapping::commit`] makes the first so many bytes usable; they are
//! zero, and become resident when they are touched.
#![allow(unsafe_code)]

use std::io;
use std::ptr::{self, NonNull};
use std::sync::atomic::Ordering::{Acquire, Release};
use std::sync::atomic::{AtomicU64, AtomicUsize};

use super::aligned::PAGE;

/// Size and alignment of a huge page, bytes.
pub(super) const HUGE: usize = 2 << 20;

/// A reserved range, given back when this is dropped.
#[derive(Debug)]
pub(super) struct Mapping {
    base: NonNull<u8>,
    /// A multiple of [`HUGE`].
    len: usize,
    /// Bytes at the beginning that are usable.
    committed: AtomicUsize,
}

// SAFETY: a mapping owns its range; nothing in it belongs to one thread.
unsafe impl Send for Mapping {}
// SAFETY: through a shared mapping only atomics are reached, and raw pointers.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Reserves `len` bytes, rounded up to whole huge pages; at least one.
    pub(super) fn reserve(len: usize) -> io::Result<Mapping> {
        let len = len.max(1).checked_next_multiple_of(HUGE);
        // One huge page more than needed: the unaligned ends are given back.
        let sizes = len.and_then(|len| Some((len, len.checked_add(HUGE)?)));
        let (len, size) = sizes.ok_or(io::ErrorKind::OutOfMemory)?;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: a new anonymous mapping at an address of the kernel's choice replaces nothing.
        let start = unsafe { libc::mmap(ptr::null_mut(), size, libc::PROT_NONE, flags, -1, 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let head = start.align_offset(HUGE);
        // SAFETY: `head` is below HUGE, so head + len is inside the mapping.
        let (base, end) = unsafe { (start.byte_add(head), start.byte_add(head + len)) };
        unmap(start, head);
        unmap(end, HUGE - head);
        advise_huge(base, len);
        let base = NonNull::new(base.cast()).expect("mmap gives no null");
        Ok(Mapping { base, len, committed: AtomicUsize::new(0) })
    }

    /// Makes the first `len` bytes usable, a multiple of 4096. Those that were stay as they are.
    pub(super) fn commit(&self, len: usize) -> io::Result<()> {
        assert!(len <= self.len && len.is_multiple_of(PAGE));
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: the range is ours, and only gains rights.
        let result = unsafe { libc::mprotect(self.base.as_ptr().cast(), len, protection) };
        if result != 0 {
            return Err(io::Error::last_os_error());
        }
        self.committed.fetch_max(len, Release);
        Ok(())
    }

    /// The usable bytes as words.
    pub(super) fn words(&self) -> &[AtomicU64] {
        let len = self.committed.load(Acquire);
        // SAFETY: the range is aligned, usable, initialized (the kernel's zeros), lives as long
        // as `self`, and is never reached as `&mut`. Who takes `as_ptr` does not take words.
        unsafe { std::slice::from_raw_parts(self.base.as_ptr().cast(), len / 8) }
    }

    /// Asks the processor to bring a range close: its first eight cache lines, as there is room for
    /// few more, and what follows in order comes by itself.
    pub(super) fn prefetch(&self, at: usize, len: usize) {
        const LINE: usize = 64;
        const LINES_MAX: usize = 8;
        let words = self.words();
        for line in (at / LINE..at.saturating_add(len).div_ceil(LINE)).take(LINES_MAX) {
            if let Some(word) = words.get(line * LINE / size_of::<AtomicU64>()) {
                prefetch(word);
            }
        }
    }

    /// The first byte, for those who use the range through pointers only.
    #[cfg(target_os = "linux")]
    pub(super) fn as_ptr(&self) -> *mut u8 {
        self.base.as_ptr()
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        unmap(self.base.as_ptr().cast(), self.len);
    }
}

/// Asks the processor to bring the cache line of `place` close.
fn prefetch<T>(place: &T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: SSE is part of x86_64, and a prefetch reads nothing into the program.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(ptr::from_ref(place).cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = place;
}

/// Unmaps a range that [`Mapping::reserve`] got and that no reference points into.
fn unmap(start: *mut libc::c_void, len: usize) {
    if len > 0 {
        // SAFETY: both callers own the range: `reserve` before anyone saw it, `drop` after all.
        let result = unsafe { libc::munmap(start, len) };
        debug_assert_eq!(result, 0, "{}", io::Error::last_os_error());
    }
}

/// Asks for huge pages, for fewer address-translation misses. A refusal costs only speed.
fn advise_huge(_base: *mut libc::c_void, _len: usize) {
    #[cfg(target_os = "linux")]
    // SAFETY: advice about a range that the caller has just mapped; contents do not change.
    unsafe {
        libc::madvise(_base, _len, libc::MADV_HUGEPAGE);
    }
}
