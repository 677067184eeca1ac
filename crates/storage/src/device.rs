//! Where blocks live: a file or raw device, or memory. The faulty one of the tests is in `sim`.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Seek, SeekFrom};
use std::os::unix::fs::{FileExt, FileTypeExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock};

use model::{Error, ErrorKind, Result};

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
}

pub(crate) fn no_space(name: &str, size: u64, capacity: u64) -> Error {
    let detail = format!(
        "{name} is full: {size} bytes were needed and it may have {capacity}; raise its size in \
         the configuration or add a device"
    );
    Error::new(ErrorKind::NoSpace, detail)
}

/// A file, or a raw device, that this process alone has open.
///
/// A file grows by [`FileDevice::EXTENT`] at a time, and each extent is written with zeros once.
/// Only allocating it (`set_len`, `fallocate`) would be quicker, but then the first sync of every
/// page pays a journal commit for turning an unwritten extent into a written one, and a full disk
/// would show in the middle of a commit group instead of here.
#[derive(Debug)]
pub struct FileDevice {
    file: File,
    path: PathBuf,
    size: AtomicU64,
    capacity: u64,
    growing: Mutex<()>,
}

impl FileDevice {
    /// Bytes by which a file grows: a few ms of zeros, and rare enough not to matter.
    pub const EXTENT: u64 = 16 << 20;

    /// Opens `path`, or creates it, and locks it for the life of this value. `capacity` is the most
    /// that the file may grow to; a raw device has its own.
    pub fn open(path: &Path, capacity: u64) -> Result<FileDevice> {
        let failed = |what: &str, error: std::io::Error| {
            let detail = format!("cannot {what} {}: {error}", path.display());
            Error::new(ErrorKind::Io, detail)
        };
        let created = !path.exists();
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(|e| failed("open for reading and writing", e))?;
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => in_use(path),
            TryLockError::Error(e) => failed("lock", e),
        })?;
        if created {
            sync_folder_of(path).map_err(|e| failed("make durable", e))?;
        }
        let size = file.seek(SeekFrom::End(0)).map_err(|e| failed("measure", e))?;
        let raw = file.metadata().is_ok_and(|m| m.file_type().is_block_device());
        let capacity = if raw { size } else { capacity.max(size) };
        let (path, size, growing) = (path.to_path_buf(), AtomicU64::new(size), Mutex::new(()));
        Ok(FileDevice { file, path, size, capacity, growing })
    }

    fn failed(&self, what: &str, error: std::io::Error) -> Error {
        let detail = format!("{what} of {} failed: {error}", self.path.display());
        Error::new(ErrorKind::Io, detail)
    }

    fn write_zeros(&self, from: u64, to: u64) -> std::io::Result<()> {
        let zeros = vec![0; 1 << 20];
        let mut at = from;
        while at < to {
            let n = (to - at).min(zeros.len() as u64);
            self.file.write_all_at(&zeros[..n as usize], at)?;
            at += n;
        }
        self.file.sync_data()
    }
}

fn in_use(path: &Path) -> Error {
    let detail = format!(
        "{} is in use by another node; stop that node or name another file",
        path.display()
    );
    Error::new(ErrorKind::Forbidden, detail)
}

/// Makes the entry of a new file survive a power cut.
fn sync_folder_of(path: &Path) -> std::io::Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

impl Device for FileDevice {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        self.file.read_exact_at(buf, offset).map_err(|e| self.failed("a read", e))
    }

    fn write_at(&self, offset: u64, buf: &[u8]) -> Result<()> {
        self.file.write_all_at(buf, offset).map_err(|e| self.failed("a write", e))
    }

    fn sync(&self) -> Result<()> {
        self.file.sync_data().map_err(|e| self.failed("a sync", e))
    }

    fn size(&self) -> u64 {
        self.size.load(Ordering::Acquire)
    }

    fn capacity(&self) -> u64 {
        self.capacity
    }

    fn grow(&self, size: u64) -> Result<()> {
        let _one_at_a_time = self.growing.lock().expect("growing does not panic");
        let old = self.size();
        if size <= old {
            return Ok(());
        }
        if size > self.capacity {
            return Err(no_space(&self.name(), size, self.capacity));
        }
        let new = size.next_multiple_of(FileDevice::EXTENT).min(self.capacity);
        self.write_zeros(old, new).map_err(|error| {
            // What was half written must not count as written with zeros.
            let _ = self.file.set_len(old);
            match error.kind() {
                std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                    let detail = format!(
                        "{} cannot grow to {new} bytes: {error}; free space on its disk",
                        self.name()
                    );
                    Error::new(ErrorKind::NoSpace, detail)
                }
                _ => self.failed("growing", error),
            }
        })?;
        self.size.store(new, Ordering::Release);
        Ok(())
    }

    fn name(&self) -> String {
        self.path.display().to_string()
    }
}

/// Memory that looks like a device; lives as long as this value.
#[derive(Debug)]
pub struct MemoryDevice {
    chunks: RwLock<Vec<RwLock<Box<[u8]>>>>,
    capacity: u64,
}

/// Memory is taken in pieces of this size, so that growing copies nothing.
const CHUNK: usize = 1 << 20;

impl MemoryDevice {
    /// An empty device that may grow to `capacity` bytes, rounded up to whole MiB.
    pub fn new(capacity: u64) -> MemoryDevice {
        let capacity = capacity.next_multiple_of(CHUNK as u64);
        MemoryDevice { chunks: RwLock::default(), capacity }
    }

    /// Calls `each` with every piece of `offset..offset + len`: its chunk, the place inside the
    /// chunk and the place inside the caller's buffer.
    fn pieces(
        &self,
        offset: u64,
        len: usize,
        mut each: impl FnMut(&RwLock<Box<[u8]>>, std::ops::Range<usize>, std::ops::Range<usize>),
    ) -> Result<()> {
        let chunks = self.chunks.read().expect("memory is not poisoned");
        if offset + len as u64 > (chunks.len() * CHUNK) as u64 {
            let detail = format!("{len} bytes at {offset} lie beyond the end of memory");
            return Err(Error::new(ErrorKind::Io, detail));
        }
        let (mut at, mut done) = (offset as usize, 0);
        while done < len {
            let inside = at % CHUNK;
            let n = (CHUNK - inside).min(len - done);
            each(&chunks[at / CHUNK], inside..inside + n, done..done + n);
            at += n;
            done += n;
        }
        Ok(())
    }
}

impl Device for MemoryDevice {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        self.pieces(offset, buf.len(), |chunk, inside, outside| {
            let chunk = chunk.read().expect("memory is not poisoned");
            buf[outside].copy_from_slice(&chunk[inside]);
        })
    }

    fn write_at(&self, offset: u64, buf: &[u8]) -> Result<()> {
        self.pieces(offset, buf.len(), |chunk, inside, outside| {
            let mut chunk = chunk.write().expect("memory is not poisoned");
            chunk[inside].copy_from_slice(&buf[outside]);
        })
    }

    fn sync(&self) -> Result<()> {
        Ok(())
    }

    fn size(&self) -> u64 {
        (self.chunks.read().expect("memory is not poisoned").len() * CHUNK) as u64
    }

    fn capacity(&self) -> u64 {
        self.capacity
    }

    fn grow(&self, size: u64) -> Result<()> {
        if size > self.capacity {
            return Err(no_space(&self.name(), size, self.capacity));
        }
        let mut chunks = self.chunks.write().expect("memory is not poisoned");
        while ((chunks.len() * CHUNK) as u64) < size {
            chunks.push(RwLock::new(vec![0; CHUNK].into_boxed_slice()));
        }
        Ok(())
    }

    fn name(&self) -> String {
        "memory".to_string()
    }
}
