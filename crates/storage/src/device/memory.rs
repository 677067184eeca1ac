//! Memory that looks like a device.
//!
//! Bytes are read and written as relaxed atomic words of 8, plain moves on the usual processors. By
//! the promise of [`Device`] nobody writes where somebody reads, so no lock is needed for the bytes
//! to be right; if the promise is broken, a reader gets a mixture of words and memory stays safe.
//! That a reader sees what was written before is the caller's doing: it learned the place from the
//! writer, through something that synchronizes.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, OnceLock};

use model::{Error, ErrorKind, Result};

use super::mapping::{HUGE, Mapping};
use super::{Device, check_range, no_space};

/// Capacity is counted in these, bytes.
const MIB: u64 = 1 << 20;
const WORD: usize = 8;

/// Memory that looks like a device; lives as long as this value. Its bytes become resident when
/// they are written first.
#[derive(Debug)]
pub struct MemoryDevice {
    /// Reserved for the whole capacity at the first growth.
    mapping: OnceLock<Mapping>,
    capacity: u64,
    growing: Mutex<()>,
}

impl MemoryDevice {
    /// An empty device that may grow to `capacity` bytes, rounded up to whole MiB.
    pub fn new(capacity: u64) -> MemoryDevice {
        let capacity = capacity.checked_next_multiple_of(MIB).unwrap_or(u64::MAX / MIB * MIB);
        MemoryDevice { mapping: OnceLock::new(), capacity, growing: Mutex::new(()) }
    }

    /// All bytes there are.
    fn words(&self) -> &[AtomicU64] {
        self.mapping.get().map_or(&[], Mapping::words)
    }

    fn try_grow(&self, size: u64) -> std::io::Result<()> {
        let too_large = |_| std::io::ErrorKind::OutOfMemory;
        let mapping = match self.mapping.get() {
            Some(mapping) => mapping,
            None => {
                let capacity = usize::try_from(self.capacity).map_err(too_large)?;
                let new = Mapping::reserve(capacity)?;
                self.mapping.get_or_init(|| new)
            }
        };
        mapping.commit(usize::try_from(size).map_err(too_large)?)
    }
}

impl Device for MemoryDevice {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        check_range(self, offset, buf.len())?;
        copy_out(self.words(), offset as usize, buf);
        Ok(())
    }

    fn write_at(&self, offset: u64, buf: &[u8]) -> Result<()> {
        check_range(self, offset, buf.len())?;
        copy_in(self.words(), offset as usize, buf);
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        Ok(())
    }

    fn size(&self) -> u64 {
        (self.words().len() * WORD) as u64
    }

    fn capacity(&self) -> u64 {
        self.capacity
    }

    fn grow(&self, size: u64) -> Result<()> {
        let _one_at_a_time = self.growing.lock().expect("growing does not panic");
        if size <= self.size() {
            return Ok(());
        }
        if size > self.capacity {
            return Err(no_space(&self.name(), size, self.capacity));
        }
        let new = size.checked_next_multiple_of(HUGE as u64);
        let new = new.map_or(self.capacity, |new| new.min(self.capacity));
        self.try_grow(new).map_err(|error| {
            let detail = format!(
                "memory cannot grow to {new} of {} bytes: {error}; free memory on this node or \
                 raise its limit",
                self.capacity
            );
            Error::new(ErrorKind::NoSpace, detail)
        })
    }

    fn prefetch(&self, offset: u64, len: usize) {
        if let Some(mapping) = self.mapping.get() {
            mapping.prefetch(offset as usize, len);
        }
    }

    fn name(&self) -> String {
        "memory".to_string()
    }
}

/// Bytes from `at` up to the next word, `len` at most.
fn head_len(at: usize, len: usize) -> usize {
    (at.next_multiple_of(WORD) - at).min(len)
}

fn copy_out(words: &[AtomicU64], at: usize, buf: &mut [u8]) {
    let part = |at: usize, out: &mut [u8]| {
        if !out.is_empty() {
            let bytes = words[at / WORD].load(Relaxed).to_ne_bytes();
            out.copy_from_slice(&bytes[at % WORD..][..out.len()]);
        }
    };
    let (head, rest) = buf.split_at_mut(head_len(at, buf.len()));
    part(at, head);
    let at = at + head.len();
    let (whole, tail) = rest.as_chunks_mut::<WORD>();
    for (out, word) in whole.iter_mut().zip(&words[at / WORD..]) {
        *out = word.load(Relaxed).to_ne_bytes();
    }
    part(at + whole.len() * WORD, tail);
}

fn copy_in(words: &[AtomicU64], at: usize, buf: &[u8]) {
    // The other bytes of a word may be written by somebody else at the same time.
    let part = |at: usize, bytes: &[u8]| {
        let change = |word: u64| {
            let mut word = word.to_ne_bytes();
            word[at % WORD..][..bytes.len()].copy_from_slice(bytes);
            Some(u64::from_ne_bytes(word))
        };
        if !bytes.is_empty() {
            let _always_some = words[at / WORD].fetch_update(Relaxed, Relaxed, change);
        }
    };
    let (head, rest) = buf.split_at(head_len(at, buf.len()));
    part(at, head);
    let at = at + head.len();
    let (whole, tail) = rest.as_chunks::<WORD>();
    for (bytes, word) in whole.iter().zip(&words[at / WORD..]) {
        word.store(u64::from_ne_bytes(*bytes), Relaxed);
    }
    part(at + whole.len() * WORD, tail);
}
