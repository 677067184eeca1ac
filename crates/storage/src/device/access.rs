//! Any range of an open file, whether it is read and written directly or through the page cache.
//!
//! Direct I/O takes ranges, and addresses in memory, at multiples of the device's alignment. What
//! is aligned goes as it is. The rest goes through an aligned buffer of the thread: a read fetches
//! the range rounded outwards; a write at unaligned ends reads, changes and writes the sectors, alone
//! on the file, so that it takes nobody's neighbouring bytes back.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, ErrorKind::Interrupted, ErrorKind::UnexpectedEof};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::RwLock;

use model::{Error, ErrorKind, Result};

use super::aligned::AlignedBuf;
use super::kernel::Alignment;

/// Bytes that one step through the aligned buffer moves: enough for the full speed of a device.
const PIECE: usize = 1 << 20;
/// Bytes of the aligned buffer that a thread keeps: more than a usual record.
const KEEP: usize = 128 << 10;

thread_local! {
    static SCRATCH: RefCell<AlignedBuf> = const { RefCell::new(AlignedBuf::new()) };
}

/// An open file or raw device.
#[derive(Debug)]
pub(super) struct Access {
    pub(super) file: File,
    pub(super) path: PathBuf,
    /// `None`: through the page cache.
    direct: Option<Alignment>,
    /// Taken for writing by those who write sectors that hold others' bytes too.
    sectors: RwLock<()>,
}

impl Access {
    /// `direct` is what the file was switched to.
    pub(super) fn new(file: File, path: PathBuf, direct: Option<Alignment>) -> Access {
        Access { file, path, direct, sectors: RwLock::new(()) }
    }

    pub(super) fn is_direct(&self) -> bool {
        self.direct.is_some()
    }

    pub(super) fn failed(&self, what: &str, error: io::Error) -> Error {
        let detail = format!("{what} of {} failed: {error}", self.path.display());
        Error::new(ErrorKind::Io, detail)
    }

    /// A read into a new buffer.
    pub(super) fn read(&self, offset: u64, len: usize) -> Result<Vec<u8>> {
        let mut bytes = vec![0; len];
        self.read_at(offset, &mut bytes)?;
        Ok(bytes)
    }

    pub(super) fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        let done = match self.direct {
            Some(alignment) if !alignment.suits(offset, buf) => with_scratch(|scratch| {
                pieces(offset, buf.len()).try_for_each(|(offset, piece)| {
                    self.read_outwards(offset, &mut buf[piece], scratch)
                })
            }),
            _ => self.file.read_exact_at(buf, offset),
        };
        done.map_err(|e| self.failed("a read", e))
    }

    pub(super) fn write_at(&self, offset: u64, buf: &[u8]) -> Result<()> {
        self.try_write_at(offset, buf).map_err(|e| self.failed("a write", e))
    }

    pub(super) fn try_write_at(&self, offset: u64, buf: &[u8]) -> io::Result<()> {
        let Some(alignment) = self.direct else {
            return self.file.write_all_at(buf, offset);
        };
        let whole_sectors = alignment.suits_range(offset, buf.len());
        let poisoned = "nobody panics while writing";
        if whole_sectors {
            let _others_too = self.sectors.read().expect(poisoned);
            if alignment.suits(offset, buf) {
                return self.file.write_all_at(buf, offset);
            }
            return self.write_copied(offset, buf, |_, _| Ok(()));
        }
        let _alone = self.sectors.write().expect(poisoned);
        self.write_copied(offset, buf, |at, scratch| self.fill(at, scratch))
    }

    /// The range that is read for `offset..offset + len`.
    pub(super) fn outwards(&self, offset: u64, len: usize) -> Range<u64> {
        let unit = self.direct.map_or(1, |alignment| alignment.offset as u64);
        let end = offset + len as u64;
        offset / unit * unit..end.next_multiple_of(unit)
    }

    /// Whether a read that ended after `filled` bytes can go on from there.
    pub(super) fn can_go_on(&self, filled: usize) -> bool {
        self.direct.is_none_or(|alignment| filled.is_multiple_of(alignment.offset))
    }

    fn read_outwards(
        &self,
        offset: u64,
        buf: &mut [u8],
        scratch: &mut AlignedBuf,
    ) -> io::Result<()> {
        let range = self.outwards(offset, buf.len());
        let inside = (offset - range.start) as usize;
        scratch.set_len((range.end - range.start) as usize);
        // The last sector may end early: where the file does.
        if self.read_what_is_there(range.start, scratch)? < inside + buf.len() {
            return Err(UnexpectedEof.into());
        }
        buf.copy_from_slice(&scratch[inside..inside + buf.len()]);
        Ok(())
    }

    /// Reads until `buf` is full or the file ends, and says how much that was.
    fn read_what_is_there(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buf.len() && self.can_go_on(filled) {
            match self.file.read_at(&mut buf[filled..], offset + filled as u64) {
                Ok(0) => break,
                Ok(n) => filled += n,
                Err(error) if error.kind() == Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    /// Writes whole sectors through the aligned buffer, after `before` has put there what they hold.
    fn write_copied(
        &self,
        offset: u64,
        buf: &[u8],
        before: impl Fn(u64, &mut [u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        with_scratch(|scratch| {
            pieces(offset, buf.len()).try_for_each(|(offset, piece)| {
                let buf = &buf[piece];
                let range = self.outwards(offset, buf.len());
                let inside = (offset - range.start) as usize;
                scratch.set_len((range.end - range.start) as usize);
                before(range.start, scratch)?;
                scratch[inside..inside + buf.len()].copy_from_slice(buf);
                self.file.write_all_at(scratch, range.start)
            })
        })
    }

    /// Fills `buf` with what is there, and with zeros beyond the end of the file.
    fn fill(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let filled = self.read_what_is_there(offset, buf)?;
        buf[filled..].fill(0);
        Ok(())
    }
}

impl Drop for Access {
    fn drop(&mut self) {
        // Closing unlocks too, but only once nobody has the file open: an io_uring may, for a while.
        let _closing_follows = self.file.unlock();
    }
}

impl Alignment {
    fn suits(self, offset: u64, buf: &[u8]) -> bool {
        self.suits_range(offset, buf.len()) && buf.as_ptr().addr().is_multiple_of(self.memory)
    }

    fn suits_range(self, offset: u64, len: usize) -> bool {
        offset.is_multiple_of(self.offset as u64) && len.is_multiple_of(self.offset)
    }
}

/// Cuts a range so that each piece ends at a multiple of [`PIECE`], which every alignment divides.
fn pieces(offset: u64, len: usize) -> impl Iterator<Item = (u64, Range<usize>)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        let at = offset + done as u64;
        let start = done;
        done = len.min(start + PIECE - (at % PIECE as u64) as usize);
        (start < done).then_some((at, start..done))
    })
}

fn with_scratch<T>(work: impl FnOnce(&mut AlignedBuf) -> T) -> T {
    SCRATCH.with_borrow_mut(|scratch| {
        let result = work(scratch);
        if scratch.capacity() > KEEP {
            *scratch = AlignedBuf::new();
        }
        result
    })
}
