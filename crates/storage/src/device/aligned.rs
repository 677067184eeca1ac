//! Bytes that begin at a multiple of 4096, as direct I/O wants them.
#![allow(unsafe_code)]

use std::fmt;
use std::ops::{Deref, DerefMut};

/// Alignment of memory, and the unit of growth, bytes.
pub(super) const PAGE: usize = 4096;

#[derive(Clone, Copy)]
#[repr(C, align(4096))]
struct Page([u8; PAGE]);

const ZEROS: Page = Page([0; PAGE]);

/// A growing buffer of bytes whose first byte is 4096-aligned. What a device writes from it or
/// reads into it, at whole multiples of 4096, is not copied on the way.
#[derive(Clone, Default)]
pub struct AlignedBuf {
    /// All initialized; those behind `len` hold anything.
    pages: Vec<Page>,
    len: usize,
}

impl AlignedBuf {
    /// An empty buffer without memory.
    pub const fn new() -> AlignedBuf {
        AlignedBuf { pages: Vec::new(), len: 0 }
    }

    /// An empty buffer with room for `bytes`.
    pub fn with_capacity(bytes: usize) -> AlignedBuf {
        AlignedBuf { pages: Vec::with_capacity(bytes.div_ceil(PAGE)), len: 0 }
    }

    /// A buffer of `len` zeros.
    pub fn zeroed(len: usize) -> AlignedBuf {
        AlignedBuf { pages: vec![ZEROS; len.div_ceil(PAGE)], len }
    }

    /// Bytes that it holds without asking for more memory.
    pub fn capacity(&self) -> usize {
        self.pages.capacity() * PAGE
    }

    /// Appends `bytes`.
    pub fn extend_from_slice(&mut self, bytes: &[u8]) {
        let old = self.len;
        self.set_len(old + bytes.len());
        self[old..].copy_from_slice(bytes);
    }

    /// Makes it `len` bytes long; new ones are `value`.
    pub fn resize(&mut self, len: usize, value: u8) {
        let old = self.len;
        self.set_len(len);
        if old < len {
            self[old..].fill(value);
        }
    }

    /// Forgets the bytes from `len` on and keeps their memory. Does nothing if it is shorter.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// Forgets all bytes and keeps their memory.
    pub fn clear(&mut self) {
        self.len = 0;
    }

    /// Makes it `len` bytes long; new ones are anything. Memory doubles, as that of a `Vec`.
    pub(super) fn set_len(&mut self, len: usize) {
        let pages = len.div_ceil(PAGE);
        if pages > self.pages.len() {
            self.pages.resize(pages, ZEROS);
        }
        self.len = len;
    }
}

impl Deref for AlignedBuf {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: `len` is at most the bytes of `pages`, which are initialized, have no padding
        // and are borrowed for as long as the slice is.
        unsafe { std::slice::from_raw_parts(self.pages.as_ptr().cast(), self.len) }
    }
}

impl DerefMut for AlignedBuf {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `deref`; the borrow is exclusive, and any byte is valid in a page.
        unsafe { std::slice::from_raw_parts_mut(self.pages.as_mut_ptr().cast(), self.len) }
    }
}

impl AsRef<[u8]> for AlignedBuf {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl fmt::Debug for AlignedBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AlignedBuf").field("len", &self.len).finish_non_exhaustive()
    }
}

impl From<&[u8]> for AlignedBuf {
    fn from(bytes: &[u8]) -> AlignedBuf {
        let mut buf = AlignedBuf::with_capacity(bytes.len());
        buf.extend_from_slice(bytes);
        buf
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_vec_that_is_aligned() {
        let (mut buf, mut model) = (AlignedBuf::new(), Vec::new());
        for n in [0, 1, 4095, 4096, 5, 70_000] {
            let bytes: Vec<u8> = (0..n).map(|i| (i % 251) as u8).collect();
            buf.extend_from_slice(&bytes);
            model.extend_from_slice(&bytes);
            assert_eq!(*buf, *model);
            assert_eq!(buf.as_ptr().align_offset(PAGE), 0);
        }
        buf.truncate(5000);
        model.truncate(5000);
        buf.truncate(6000);
        buf.resize(9000, 7);
        model.resize(9000, 7);
        assert_eq!(*buf, *model);
        buf[8999] = 1;
        assert_eq!((buf.len(), buf.last()), (9000, Some(&1)));
        assert_eq!(*AlignedBuf::from(&model[..100]), model[..100]);
        buf.clear();
        assert!(buf.is_empty() && buf.capacity() >= 80_000);
        assert_eq!(*AlignedBuf::zeroed(4097), [0; 4097]);
    }
}
