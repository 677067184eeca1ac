//! A device that fails as real ones do, replayable from a seed. For tests, of this crate and of
//! those above.
//!
//! What was written since the last sync is in a volatile cache. [`SimDevice::crash`] keeps any
//! subset of it, sector by sector, in any order: of each 512-byte sector the image has the synced
//! version or any one written since. Writes can be misdirected, bits flipped, and reads, writes and
//! syncs made to fail; [`Faults::power_cut_after`] stops the device in the middle of what it does.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use model::{Error, ErrorKind, Result};

use crate::device::{Device, no_space};

/// The unit that a write tears at.
const SECTOR: usize = 512;

/// What is to go wrong. All fields count from now; `None` and `false` are a sound device.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    /// Every read fails.
    pub reads_fail: bool,
    /// Every write fails.
    pub writes_fail: bool,
    /// Every sync fails; what was cached stays volatile.
    pub syncs_fail: bool,
    /// After this many more writes, syncs and growths the power is cut: the next one has an effect
    /// of which nothing is known, it and everything later fails.
    pub power_cut_after: Option<u64>,
    /// The next write lands this many bytes away from where it belongs (wrapping around at the
    /// end), and says it went well.
    pub misdirect_by: Option<u64>,
    /// How long a sync takes.
    pub sync_takes: Duration,
    /// How long a read takes.
    pub read_takes: Duration,
}

#[derive(Debug)]
struct State {
    /// What has been synced.
    durable: Vec<u8>,
    /// Versions of sectors written since, oldest first.
    cache: BTreeMap<usize, Vec<[u8; SECTOR]>>,
    faults: Faults,
    off: bool,
    writes: u64,
    syncs: u64,
}

/// A simulated device in memory.
#[derive(Debug)]
pub struct SimDevice {
    state: Mutex<State>,
    capacity: u64,
}

impl SimDevice {
    /// An empty device that may grow to `capacity` bytes.
    pub fn new(capacity: u64) -> SimDevice {
        SimDevice::from_image(Vec::new(), capacity)
    }

    /// A device that holds `image`, all of it durable.
    pub fn from_image(mut image: Vec<u8>, capacity: u64) -> SimDevice {
        image.resize(image.len().next_multiple_of(SECTOR), 0);
        let state = State {
            durable: image,
            cache: BTreeMap::new(),
            faults: Faults::default(),
            off: false,
            writes: 0,
            syncs: 0,
        };
        SimDevice { state: Mutex::new(state), capacity }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("the simulated device does not panic")
    }

    /// What goes wrong from now on.
    pub fn set_faults(&self, faults: Faults) {
        self.state().faults = faults;
    }

    /// Flips these bits of the byte at `offset`, under the feet of whoever has the device open.
    pub fn flip(&self, offset: u64, bits: u8) {
        let mut state = self.state();
        let at = offset as usize;
        state.durable[at] ^= bits;
        if let Some(sector) = state.cache.get_mut(&(at / SECTOR)).and_then(|v| v.last_mut()) {
            sector[at % SECTOR] ^= bits;
        }
    }

    /// Everything that was written, as a reader sees it.
    pub fn image(&self) -> Vec<u8> {
        let state = self.state();
        let mut image = state.durable.clone();
        for (sector, versions) in &state.cache {
            if let Some(newest) = versions.last() {
                image[sector * SECTOR..][..SECTOR].copy_from_slice(newest);
            }
        }
        image
    }

    /// What is left after a power cut at this moment: of each sector that was written and not
    /// synced some version, chosen by `seed`. How much is lost depends on the seed too: from
    /// everything to nothing.
    pub fn crash(&self, seed: u64) -> SimDevice {
        let state = self.state();
        let mut image = state.durable.clone();
        let mut random = Random(seed);
        let keep_percent = [0, 10, 50, 90, 100][(random.next() % 5) as usize];
        for (sector, versions) in &state.cache {
            if random.next() % 100 < keep_percent {
                let version = random.next() as usize % versions.len();
                image[sector * SECTOR..][..SECTOR].copy_from_slice(&versions[version]);
            }
        }
        SimDevice::from_image(image, self.capacity)
    }

    /// Writes so far.
    pub fn writes(&self) -> u64 {
        self.state().writes
    }

    /// Syncs so far.
    pub fn syncs(&self) -> u64 {
        self.state().syncs
    }
}

/// SplitMix64: enough to choose faults.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

fn failed(what: &str) -> Error {
    Error::new(ErrorKind::Io, format!("a {what} of the simulated device failed"))
}

impl State {
    /// Counts one operation towards the power cut; true if this is the one it hits.
    fn power_cut(&mut self) -> bool {
        match &mut self.faults.power_cut_after {
            Some(0) => self.off = true,
            Some(n) => *n -= 1,
            None => {}
        }
        self.off
    }

    /// Puts bytes into the cache, sector by sector.
    fn cache(&mut self, offset: usize, buf: &[u8]) {
        let mut done = 0;
        while done < buf.len() {
            let at = offset + done;
            let (sector, inside) = (at / SECTOR, at % SECTOR);
            let n = (SECTOR - inside).min(buf.len() - done);
            let mut version = self.sector(sector);
            version[inside..inside + n].copy_from_slice(&buf[done..done + n]);
            self.cache.entry(sector).or_default().push(version);
            done += n;
        }
    }

    fn sector(&self, sector: usize) -> [u8; SECTOR] {
        let mut bytes = [0; SECTOR];
        match self.cache.get(&sector).and_then(|versions| versions.last()) {
            Some(newest) => bytes = *newest,
            None => bytes.copy_from_slice(&self.durable[sector * SECTOR..][..SECTOR]),
        }
        bytes
    }
}

impl Device for SimDevice {
    /// Like a file, so that what waits for a device elsewhere is asked to wait here.
    fn immediate(&self) -> bool {
        false
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        let takes = self.state().faults.read_takes;
        if !takes.is_zero() {
            std::thread::sleep(takes);
        }
        let state = self.state();
        let (start, end) = (offset as usize, offset as usize + buf.len());
        if state.off || state.faults.reads_fail || end > state.durable.len() {
            return Err(failed("read"));
        }
        buf.copy_from_slice(&state.durable[start..end]);
        let sectors = start / SECTOR..end.div_ceil(SECTOR);
        for (sector, versions) in state.cache.range(sectors) {
            let Some(newest) = versions.last() else { continue };
            let from = (sector * SECTOR).max(start);
            let to = ((sector + 1) * SECTOR).min(end);
            let inside = from - sector * SECTOR;
            buf[from - start..to - start].copy_from_slice(&newest[inside..inside + to - from]);
        }
        Ok(())
    }

    fn write_at(&self, offset: u64, buf: &[u8]) -> Result<()> {
        let mut state = self.state();
        if state.off || state.faults.writes_fail {
            return Err(failed("write"));
        }
        let size = state.durable.len();
        let mut at = offset as usize;
        if at + buf.len() > size {
            return Err(failed("write"));
        }
        state.writes += 1;
        if let Some(by) = state.faults.misdirect_by.take() {
            at = (at + by as usize) % (size - buf.len()).max(1);
        }
        let cut = state.power_cut();
        state.cache(at, buf);
        if cut { Err(failed("write")) } else { Ok(()) }
    }

    fn sync(&self) -> Result<()> {
        let takes = self.state().faults.sync_takes;
        if !takes.is_zero() {
            std::thread::sleep(takes);
        }
        let mut state = self.state();
        if state.off || state.faults.syncs_fail || state.power_cut() {
            return Err(failed("sync"));
        }
        state.syncs += 1;
        for (sector, versions) in std::mem::take(&mut state.cache) {
            if let Some(newest) = versions.last() {
                state.durable[sector * SECTOR..][..SECTOR].copy_from_slice(newest);
            }
        }
        Ok(())
    }

    fn size(&self) -> u64 {
        self.state().durable.len() as u64
    }

    fn capacity(&self) -> u64 {
        self.capacity
    }

    fn grow(&self, size: u64) -> Result<()> {
        let mut state = self.state();
        if size > self.capacity {
            return Err(no_space(&self.name(), size, self.capacity));
        }
        if size <= state.durable.len() as u64 {
            return Ok(());
        }
        if state.off || state.power_cut() {
            return Err(failed("growth"));
        }
        state.durable.resize((size as usize).next_multiple_of(SECTOR), 0);
        Ok(())
    }

    fn name(&self) -> String {
        "the simulated device".to_string()
    }
}
