//! A file or raw device that this process alone has open.
//!
//! 1. [`FileDevice::open_with`] opens, locks and measures it, and switches it to direct I/O where
//!    that works (`kernel.rs`).
//! 2. [`Device::read_at`] and [`Device::write_at`] do their work on the caller's thread
//!    (`access.rs`).
//! 3. [`Device::read_later`] hands a read to the back end that was chosen at opening: an io_uring if
//!    a first read through it works, else threads.

use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Seek, SeekFrom};
use std::os::unix::fs::FileTypeExt;
#[cfg(target_os = "linux")]
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use model::{Error, ErrorKind, Result};

use super::access::Access;
use super::aligned::{AlignedBuf, PAGE};
use super::kernel::switch_to_direct;
use super::pool::Pool;
#[cfg(target_os = "linux")]
use super::uring::Ring;
use super::{Device, ReadDone, Request, answer, check_range, no_space};

/// Whether reads and writes pass by the page cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Direct {
    /// Where the file system can do that.
    #[default]
    Auto,
    /// Never; for comparison, and for file systems that lie.
    Never,
}

/// Who waits for the reads of [`Device::read_later`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Backend {
    /// An io_uring if the kernel lets us have one, else a pool.
    #[default]
    Auto,
    /// Threads, [`FileOptions::pool_threads`] at most.
    Pool,
    /// As `Auto`, with a warning where there is no io_uring.
    Uring,
    /// The caller.
    Caller,
}

/// How a [`FileDevice`] is opened.
#[derive(Debug, Clone)]
pub struct FileOptions {
    /// Whether reads and writes pass by the page cache.
    pub direct: Direct,
    /// Who waits for reads.
    pub backend: Backend,
    /// Threads of a pool at most, each started when it is needed; 1 or more.
    pub pool_threads: usize,
}

impl Default for FileOptions {
    /// The best that the kernel gives; 32 threads, as many as a SATA device takes commands at once.
    fn default() -> FileOptions {
        FileOptions { direct: Direct::Auto, backend: Backend::Auto, pool_threads: 32 }
    }
}

/// A file, or a raw device, that this process alone has open.
///
/// A file grows by [`FileDevice::EXTENT`] at a time, and each extent is written with zeros once.
/// Only allocating it (`set_len`, `fallocate`) would be quicker, but then the first sync of every
/// page pays a journal commit for turning an unwritten extent into a written one, and a full disk
/// would show in the middle of a commit group instead of here.
pub struct FileDevice {
    access: Arc<Access>,
    readers: Readers,
    size: AtomicU64,
    capacity: u64,
    growing: Mutex<()>,
}

/// The back end. Dropping it answers the reads that it has.
enum Readers {
    #[cfg(target_os = "linux")]
    Ring(Ring),
    Pool(Pool),
    Caller,
}

impl FileDevice {
    /// Bytes by which a file grows: a few ms of zeros, and rare enough not to matter.
    pub const EXTENT: u64 = 16 << 20;

    /// [`FileDevice::open_with`] the default options.
    pub fn open(path: &Path, capacity: u64) -> Result<FileDevice> {
        FileDevice::open_with(path, capacity, &FileOptions::default())
    }

    /// Opens `path`, or creates it, and locks it for the life of this value. `capacity` is the most
    /// that the file may grow to, in whole 4096 bytes; a raw device has its own.
    pub fn open_with(path: &Path, capacity: u64, options: &FileOptions) -> Result<FileDevice> {
        let failed = |what: &str, error: io::Error| {
            let detail = format!("cannot {what} {}: {error}", path.display());
            Error::new(ErrorKind::Io, detail)
        };
        let mut file = open_file(path).map_err(|error| match error.kind() {
            io::ErrorKind::ResourceBusy => in_use(path, "mounted, or in use by another program"),
            _ => failed("open for reading and writing", error),
        })?;
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => in_use(path, "in use by another node"),
            TryLockError::Error(e) => failed("lock", e),
        })?;
        let size = file.seek(SeekFrom::End(0)).map_err(|e| failed("measure", e))?;
        if size == 0 {
            sync_folder_of(path).map_err(|e| failed("make durable", e))?;
        }
        let raw = is_raw(file.metadata());
        let capacity = if raw { size } else { (capacity / PAGE as u64 * PAGE as u64).max(size) };
        let direct = match options.direct {
            Direct::Auto => switch_to_direct(&file, raw),
            Direct::Never => Err("the options say so".to_string()),
        };
        match &direct {
            Ok(alignment) => tracing::info!(device = %path.display(), ?alignment, "direct I/O"),
            Err(reason) => {
                tracing::info!(device = %path.display(), reason, "I/O through the page cache");
            }
        }
        let access = Arc::new(Access::new(file, path.to_path_buf(), direct.ok()));
        let readers = choose(&access, options);
        let (size, growing) = (AtomicU64::new(size), Mutex::new(()));
        Ok(FileDevice { access, readers, size, capacity, growing })
    }

    fn write_zeros(&self, from: u64, to: u64) -> io::Result<()> {
        let zeros = AlignedBuf::zeroed(1 << 20);
        let mut at = from;
        while at < to {
            // The first step ends at a multiple of the buffer, so that those after it are aligned.
            let n = (to - at).min(zeros.len() as u64 - at % zeros.len() as u64);
            self.access.try_write_at(at, &zeros[..n as usize])?;
            at += n;
        }
        self.access.file.sync_data()
    }
}

/// A raw device is opened exclusively, which fails while it is mounted.
fn open_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(target_os = "linux")]
    if is_raw(std::fs::metadata(path)) {
        return options.custom_flags(libc::O_EXCL).open(path);
    }
    options.create(true).truncate(false).open(path)
}

fn is_raw(metadata: io::Result<std::fs::Metadata>) -> bool {
    metadata.is_ok_and(|m| m.file_type().is_block_device())
}

fn in_use(path: &Path, how: &str) -> Error {
    let detail = format!("{} is {how}; end that use or name another file", path.display());
    Error::new(ErrorKind::Forbidden, detail)
}

/// Makes the entry of a new file survive a power cut.
fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

/// The back end of these options, or the nearest that there is.
fn choose(access: &Arc<Access>, options: &FileOptions) -> Readers {
    let device = access.path.display();
    let threads = options.pool_threads.max(1);
    let reason = match options.backend {
        Backend::Caller => return Readers::Caller,
        Backend::Pool => "the options say so".to_string(),
        Backend::Auto | Backend::Uring => match start_ring(access) {
            Ok(ring) => return ring,
            Err(error) => format!("no io_uring: {error}"),
        },
    };
    match options.backend {
        Backend::Uring => tracing::warn!(%device, threads, reason, "reads on threads"),
        _ => tracing::info!(%device, threads, reason, "reads on threads"),
    }
    Readers::Pool(Pool::new(access.clone(), threads))
}

#[cfg(target_os = "linux")]
fn start_ring(access: &Arc<Access>) -> io::Result<Readers> {
    let ring = Ring::start(access.clone())?;
    tracing::info!(device = %access.path.display(), how = ring.how(), "reads through io_uring");
    Ok(Readers::Ring(ring))
}

#[cfg(not(target_os = "linux"))]
fn start_ring(_: &Arc<Access>) -> io::Result<Readers> {
    Err(io::ErrorKind::Unsupported.into())
}

impl Device for FileDevice {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        check_range(self, offset, buf.len())?;
        self.access.read_at(offset, buf)
    }

    fn write_at(&self, offset: u64, buf: &[u8]) -> Result<()> {
        check_range(self, offset, buf.len())?;
        self.access.write_at(offset, buf)
    }

    fn sync(&self) -> Result<()> {
        self.access.file.sync_data().map_err(|e| self.access.failed("a sync", e))
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
        let new = size.checked_next_multiple_of(FileDevice::EXTENT);
        let new = new.map_or(self.capacity, |new| new.min(self.capacity));
        self.write_zeros(old, new).map_err(|error| {
            // What was half written must not count as written with zeros.
            let _ = self.access.file.set_len(old);
            match error.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                    let detail = format!(
                        "{} cannot grow to {new} bytes: {error}; free space on its disk",
                        self.name()
                    );
                    Error::new(ErrorKind::NoSpace, detail)
                }
                _ => self.access.failed("growing", error),
            }
        })?;
        self.size.store(new, Ordering::Release);
        Ok(())
    }

    fn name(&self) -> String {
        self.access.path.display().to_string()
    }

    fn read_later(&self, offset: u64, len: usize, done: ReadDone) {
        if let Err(error) = check_range(self, offset, len) {
            return answer(done, Err(error));
        }
        let request = Request { offset, len, done };
        let refused = match &self.readers {
            #[cfg(target_os = "linux")]
            Readers::Ring(ring) => ring.submit(request),
            Readers::Pool(pool) => pool.submit(request),
            Readers::Caller => Err(request),
        };
        if let Err(request) = refused {
            answer(request.done, self.access.read(offset, len));
        }
    }

    fn immediate(&self) -> bool {
        false
    }

    fn backend(&self) -> &'static str {
        match (&self.readers, self.access.is_direct()) {
            #[cfg(target_os = "linux")]
            (Readers::Ring(_), true) => "file+uring+direct",
            #[cfg(target_os = "linux")]
            (Readers::Ring(_), false) => "file+uring",
            (Readers::Pool(_), true) => "file+pool+direct",
            (Readers::Pool(_), false) => "file+pool",
            (Readers::Caller, true) => "file+caller+direct",
            (Readers::Caller, false) => "file+caller",
        }
    }
}

impl fmt::Debug for FileDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut f = f.debug_struct("FileDevice");
        f.field("path", &self.access.path).field("backend", &self.backend());
        f.field("size", &self.size()).field("capacity", &self.capacity).finish_non_exhaustive()
    }
}
