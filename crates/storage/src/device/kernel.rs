//! What is asked of the kernel about direct I/O: whether a file can do it, and with which alignment.
#![allow(unsafe_code)]

use std::fs::File;

use super::aligned::PAGE;

/// What direct I/O on a file asks for, bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Alignment {
    /// Of the address in memory; at most 4096.
    pub(super) memory: usize,
    /// Of offset and length; at most 4096.
    pub(super) offset: usize,
}

/// Switches an open file or raw device to direct I/O, proves it with a read, and returns what that
/// asks for. On an error, which is the reason, the file goes through the page cache as before.
#[cfg(target_os = "linux")]
pub(super) fn switch_to_direct(file: &File, raw: bool) -> Result<Alignment, String> {
    let found = linux::alignment(file, raw)?;
    let usable = |n: usize| n.is_power_of_two() && n <= PAGE;
    if let Some(a) = found
        && !(usable(a.memory) && usable(a.offset))
    {
        return Err(format!("{a:?} is more than the 4096 bytes that writes are aligned to"));
    }
    linux::set_direct(file, true).map_err(|e| format!("the file system refuses O_DIRECT: {e}"))?;
    let tried = match found {
        Some(alignment) => linux::try_read(file, alignment.offset).map(|()| alignment),
        None => linux::try_alignments(file),
    };
    tried.map_err(|error| {
        let reason = format!("a direct read failed: {error}");
        match linux::set_direct(file, false) {
            Ok(()) => reason,
            Err(error) => format!("{reason}, and O_DIRECT stays: {error}"),
        }
    })
}

#[cfg(not(target_os = "linux"))]
pub(super) fn switch_to_direct(_: &File, _: bool) -> Result<Alignment, String> {
    Err("direct I/O is done on Linux only".to_string())
}

#[cfg(target_os = "linux")]
mod linux {
    use std::fs::File;
    use std::io;
    use std::mem::MaybeUninit;
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::FileExt;

    use super::super::aligned::{AlignedBuf, PAGE};
    use super::Alignment;

    /// Smallest logical block there is, and so the smallest alignment worth trying.
    const SECTOR: usize = 512;

    /// The alignment as far as the kernel tells (6.1 and later for most file systems, always for
    /// raw devices). An error is why there is no direct I/O.
    pub(super) fn alignment(file: &File, raw: bool) -> Result<Option<Alignment>, String> {
        if let Some(alignment) = statx(file) {
            return match alignment.offset {
                0 => Err("the file system has no direct I/O for it".to_string()),
                _ => Ok(Some(alignment)),
            };
        }
        if raw {
            let size = logical_block_size(file).map_err(|e| format!("no block size: {e}"))?;
            return Ok(Some(Alignment { memory: size, offset: size }));
        }
        match in_memory(file) {
            true => Err("it is in memory already (tmpfs)".to_string()),
            false => Ok(None),
        }
    }

    /// What statx says of direct I/O, if it knows: zeros where it is not possible.
    fn statx(file: &File) -> Option<Alignment> {
        let mut status = MaybeUninit::<libc::statx>::zeroed();
        // SAFETY: the path is an empty string, `status` is large enough and outlives the call.
        let result = unsafe {
            let (fd, flags) = (file.as_raw_fd(), libc::AT_EMPTY_PATH);
            libc::statx(fd, c"".as_ptr(), flags, libc::STATX_DIOALIGN, status.as_mut_ptr())
        };
        // SAFETY: zeroed before, and all zeros is a valid `statx`.
        let status = unsafe { status.assume_init() };
        let told = result == 0 && status.stx_mask & libc::STATX_DIOALIGN != 0;
        told.then_some(Alignment {
            memory: status.stx_dio_mem_align as usize,
            offset: status.stx_dio_offset_align as usize,
        })
    }

    fn logical_block_size(file: &File) -> io::Result<usize> {
        let mut size: libc::c_int = 0;
        // SAFETY: this ioctl writes one int, to `size`.
        let result = unsafe { libc::ioctl(file.as_raw_fd(), libc::BLKSSZGET as _, &mut size) };
        match result {
            0 => usize::try_from(size).map_err(io::Error::other),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// tmpfs takes O_DIRECT since Linux 6.6 and copies all the same.
    fn in_memory(file: &File) -> bool {
        let mut status = MaybeUninit::<libc::statfs>::zeroed();
        // SAFETY: `status` is large enough and outlives the call; all zeros is a valid `statfs`.
        let (result, status) =
            unsafe { (libc::fstatfs(file.as_raw_fd(), status.as_mut_ptr()), status.assume_init()) };
        // The field's type is another on 32-bit systems and with musl.
        #[allow(clippy::unnecessary_cast)]
        let tmpfs = status.f_type as i64 == libc::TMPFS_MAGIC as i64;
        result == 0 && tmpfs
    }

    pub(super) fn set_direct(file: &File, on: bool) -> io::Result<()> {
        let fd = file.as_raw_fd();
        // SAFETY: both calls take and return numbers only.
        let result = unsafe {
            let flags = libc::fcntl(fd, libc::F_GETFL);
            let flags = if on { flags | libc::O_DIRECT } else { flags & !libc::O_DIRECT };
            libc::fcntl(fd, libc::F_SETFL, flags)
        };
        if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    /// Reads as much as `alignment` bytes at that offset; an empty file passes.
    pub(super) fn try_read(file: &File, alignment: usize) -> io::Result<()> {
        let mut buf = AlignedBuf::zeroed(alignment);
        file.read_at(&mut buf, alignment as u64).map(drop)
    }

    /// A kernel that does not tell is asked by reading. Beyond the end of a file it may accept
    /// anything, so there only what every device takes is used.
    pub(super) fn try_alignments(file: &File) -> io::Result<Alignment> {
        if file.metadata()?.len() >= 2 * PAGE as u64 && try_read(file, SECTOR).is_ok() {
            return Ok(Alignment { memory: SECTOR, offset: SECTOR });
        }
        try_read(file, PAGE).map(|()| Alignment { memory: PAGE, offset: PAGE })
    }
}
