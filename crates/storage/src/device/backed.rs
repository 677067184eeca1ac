//! Memory that a file remembers.

use std::sync::{Arc, Mutex};

use model::Result;

use super::aligned::AlignedBuf;
use super::mapping::HUGE;
use super::{Device, MemoryDevice, check_range};

/// Bytes of one read while loading: large enough for the full speed of a device.
const LOAD: usize = 2 * HUGE;

/// A device in memory with a copy on another one: reads come from memory, writes go to both, and
/// what was synced is loaded again at the next opening.
pub struct BackedMemory {
    memory: MemoryDevice,
    file: Arc<dyn Device>,
    growing: Mutex<()>,
}

impl BackedMemory {
    /// Loads all that `file` holds into memory, which may grow as far as `file`. Reads one piece
    /// after the other, at the speed of the device.
    pub fn open(file: Arc<dyn Device>) -> Result<BackedMemory> {
        let memory = MemoryDevice::new(file.capacity());
        memory.grow(file.size())?;
        load(&*file, &memory)?;
        Ok(BackedMemory { memory, file, growing: Mutex::new(()) })
    }
}

fn load(file: &dyn Device, memory: &MemoryDevice) -> Result<()> {
    let (size, mut at) = (file.size(), 0);
    let mut buf = AlignedBuf::zeroed(LOAD);
    while at < size {
        buf.truncate(usize::try_from(size - at).unwrap_or(LOAD));
        file.read_at(at, &mut buf)?;
        // Memory is zero until it is written, and not resident: room for growth stays so.
        for (n, page) in buf.chunks(HUGE).enumerate() {
            if page.iter().any(|&byte| byte != 0) {
                memory.write_at(at + (n * HUGE) as u64, page)?;
            }
        }
        at += buf.len() as u64;
    }
    Ok(())
}

impl Device for BackedMemory {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        // Memory grows in larger steps and has more than there is.
        check_range(self, offset, buf.len())?;
        self.memory.read_at(offset, buf)
    }

    fn write_at(&self, offset: u64, buf: &[u8]) -> Result<()> {
        self.file.write_at(offset, buf)?;
        self.memory.write_at(offset, buf)
    }

    fn sync(&self) -> Result<()> {
        self.file.sync()
    }

    fn size(&self) -> u64 {
        self.memory.size().min(self.file.size())
    }

    fn capacity(&self) -> u64 {
        self.file.capacity()
    }

    fn grow(&self, size: u64) -> Result<()> {
        let _one_at_a_time = self.growing.lock().expect("growing does not panic");
        self.file.grow(size)?;
        self.memory.grow(self.file.size())
    }

    fn name(&self) -> String {
        self.file.name()
    }

    fn prefetch(&self, offset: u64, len: usize) {
        self.memory.prefetch(offset, len);
    }

    fn backend(&self) -> &'static str {
        "memory+file"
    }
}
