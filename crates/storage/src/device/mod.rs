//! Where blocks live: a file or raw device, or memory. The faulty one of the tests is in `sim`.
//!
//! | file | what it is |
//! |---|---|
//! | `file.rs` | [`FileDevice`]: opening, locking, growing; hands reads to a back end |
//! | `access.rs` | any range of an open file, through O_DIRECT or the page cache |
//! | `kernel.rs` | what is asked of the kernel: O_DIRECT and its alignment |
//! | `uring.rs` | back end of one thread that owns an io_uring |
//! | `pool.rs` | back end of threads that wait for a read each |
//! | `memory.rs` | [`MemoryDevice`] |
//! | `backed.rs` | [`BackedMemory`]: memory for reads, a file for the next start |
//! | `mapping.rs` | memory in huge pages |
//! | `aligned.rs` | [`AlignedBuf`]: bytes that O_DIRECT takes without a copy |
//!
//! `unsafe` stands in `aligned.rs`, `kernel.rs`, `mapping.rs` and `uring.rs`.

mod access;
mod aligned;
mod backed;
mod file;
mod kernel;
mod mapping;
mod memory;
mod pool;
#[cfg(test)]
mod tests;
#[cfg(target_os = "linux")]
mod uring;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use model::{Error, ErrorKind, Result};

pub use aligned::AlignedBuf;
pub use backed::BackedMemory;
pub use file::{Backend, Direct, FileDevice, FileOptions};
pub use memory::MemoryDevice;

/// Takes the bytes of a [`Device::read_later`], or why there are none. It is called once, on a
/// thread that other reads wait for: it passes the bytes on (to a oneshot, say) and neither blocks
/// nor panics.
pub type ReadDone = Box<dyn FnOnce(Result<Vec<u8>>) + Send>;

/// A growing array of bytes that may lose everything written since the last [`sync`].
///
/// Every method may be called from many threads at once; nobody writes where somebody reads.
///
/// [`sync`]: Device::sync
pub trait Device: Send + Sync {
    /// Fills `buf` from `offset`. Reading past [`size`](Device::size) is an error.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()>;
    /// Writes `buf` at `offset`, inside [`size`](Device::size).
    fn write_at(&self, offset: u64, buf: &[u8]) -> Result<()>;
    /// Returns once everything written before survives a power cut (fdatasync).
    fn sync(&self) -> Result<()>;
    /// Bytes that exist now.
    fn size(&self) -> u64;
    /// Bytes that may exist at most.
    fn capacity(&self) -> u64;
    /// Makes the device at least `size` bytes large, new bytes zero and already durable.
    fn grow(&self, size: u64) -> Result<()>;
    /// What people call it, for messages.
    fn name(&self) -> String;

    /// Reads `len` bytes at `offset` and gives them to `done`, errors too: now or on another
    /// thread, but always, also when the device is dropped meanwhile.
    fn read_later(&self, offset: u64, len: usize, done: ReadDone) {
        answer(done, read_now(self, offset, len));
    }

    /// Whether reads wait for nothing, so that [`read_at`](Device::read_at) may be called where
    /// nothing may block.
    fn immediate(&self) -> bool {
        true
    }

    /// Says that this range is read soon. Only memory takes the hint.
    fn prefetch(&self, _offset: u64, _len: usize) {}

    /// How reads and writes are done, for statistics, such as `file+uring+direct`.
    fn backend(&self) -> &'static str {
        "memory"
    }
}

impl<D: Device + ?Sized> Device for Arc<D> {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        (**self).read_at(offset, buf)
    }
    fn write_at(&self, offset: u64, buf: &[u8]) -> Result<()> {
        (**self).write_at(offset, buf)
    }
    fn sync(&self) -> Result<()> {
        (**self).sync()
    }
    fn size(&self) -> u64 {
        (**self).size()
    }
    fn capacity(&self) -> u64 {
        (**self).capacity()
    }
    fn grow(&self, size: u64) -> Result<()> {
        (**self).grow(size)
    }
    fn name(&self) -> String {
        (**self).name()
    }
    fn read_later(&self, offset: u64, len: usize, done: ReadDone) {
        (**self).read_later(offset, len, done);
    }
    fn immediate(&self) -> bool {
        (**self).immediate()
    }
    fn prefetch(&self, offset: u64, len: usize) {
        (**self).prefetch(offset, len);
    }
    fn backend(&self) -> &'static str {
        (**self).backend()
    }
}

pub(crate) fn no_space(name: &str, size: u64, capacity: u64) -> Error {
    let detail = format!(
        "{name} is full: {size} bytes were needed and it may have {capacity}; raise its size in \
         the configuration or add a device"
    );
    Error::new(ErrorKind::NoSpace, detail)
}

/// A read that a back end has to do. Its range was checked to lie inside the device.
struct Request {
    offset: u64,
    len: usize,
    done: ReadDone,
}

/// Reads that may wait in a back end; whoever brings one more reads it himself, which slows down
/// those who ask too much. At 100 000 reads a second this is a sixth of a second.
const WAITING_MAX: usize = 16 << 10;

/// Gives the outcome to who waits for it. A panic there must not end the thread that answers the
/// others.
fn answer(done: ReadDone, outcome: Result<Vec<u8>>) {
    if catch_unwind(AssertUnwindSafe(|| done(outcome))).is_err() {
        tracing::error!("who waited for a read panicked with its answer");
    }
}

fn read_now<D: Device + ?Sized>(device: &D, offset: u64, len: usize) -> Result<Vec<u8>> {
    // Checked before memory is taken: a damaged location may ask for anything.
    check_range(device, offset, len)?;
    let mut bytes = vec![0; len];
    device.read_at(offset, &mut bytes)?;
    Ok(bytes)
}

/// An error unless `offset..offset + len` lies inside the device.
fn check_range<D: Device + ?Sized>(device: &D, offset: u64, len: usize) -> Result<()> {
    let size = device.size();
    if offset.checked_add(len as u64).is_some_and(|end| end <= size) {
        return Ok(());
    }
    let detail = format!(
        "{len} bytes at {offset} lie beyond the end of {}, which has {size}",
        device.name()
    );
    Err(Error::new(ErrorKind::Io, detail))
}
