//! Reading a record: from the buffers of a stream, from the blocks written last, from the record
//! cache, else from the device; verified each time.

use std::cell::RefCell;
use std::sync::Arc;

use model::{Digest, Error, ErrorKind, Record, Result};

use crate::device::Device;
use crate::flat::{BinSelect, Header, Kind, UNIT, verify_once};
use crate::visit::user_record;
use crate::{Read, Sabotage, Storage, Ticket};

impl Storage {
    /// Reads the record at `location`: from memory while it is not yet on the device, else with one
    /// device read of `units_hint` units, which may be a little more than the record has. What is
    /// there must be whole, else the answer is [`ErrorKind::Corrupt`]. `None` where a record other
    /// than the expected one is there: its digest shares the bits that the index compares.
    pub fn read(
        &self,
        location: u64,
        units_hint: u32,
        expected: Option<&Digest>,
        bins: BinSelect<'_>,
    ) -> Result<Option<Read>> {
        match self.in_memory(location, expected.is_some())? {
            (seed, Some((bytes, durable))) => {
                self.verify(location, seed, &bytes, durable, expected, bins)
            }
            (seed, None) => with_scratch(|scratch| {
                let bytes = self.fetch(location, units_hint, scratch)?;
                self.fetched(location, seed, bytes, expected, bins)
            }),
        }
    }

    /// Like [`Storage::read`], without keeping the thread while the device reads.
    pub async fn read_async(
        &self,
        location: u64,
        units_hint: u32,
        expected: Option<&Digest>,
        bins: BinSelect<'_>,
    ) -> Result<Option<Read>> {
        if self.immediate() {
            return self.read(location, units_hint, expected, bins);
        }
        match self.in_memory(location, expected.is_some())? {
            (seed, Some((bytes, durable))) => {
                self.verify(location, seed, &bytes, durable, expected, bins)
            }
            (seed, None) => {
                let bytes = self.fetch_async(location, units_hint).await?;
                self.fetched(location, seed, &bytes, expected, bins)
            }
        }
    }

    /// Begins to bring a record close that is read soon, where that takes memory only: the waits of
    /// many reads then overlap.
    pub fn prefetch(&self, location: u64, units_hint: u32) {
        let (device, at, size) = self.extent(location, units_hint);
        device.prefetch(at, size);
    }

    /// Judges what was read from a device, and keeps what is right if somebody asked for this
    /// record.
    fn fetched(
        &self,
        location: u64,
        seed: u32,
        bytes: &[u8],
        expected: Option<&Digest>,
        bins: BinSelect<'_>,
    ) -> Result<Option<Read>> {
        let read = self.verify(location, seed, bytes, None, expected, bins)?;
        if let (Some(_), Some(read)) = (expected, &read) {
            self.often.put(location, seed, &bytes[..read.record.size as usize]);
        }
        Ok(read)
    }

    fn verify(
        &self,
        location: u64,
        seed: u32,
        bytes: &[u8],
        durable: Option<Ticket>,
        expected: Option<&Digest>,
        bins: BinSelect<'_>,
    ) -> Result<Option<Read>> {
        let header = self.verified(location, seed, bytes)?;
        if expected.is_some_and(|expected| *expected != header.digest) {
            return Ok(None);
        }
        self.decode(&header, &bytes[..header.size], bins, durable).map(Some)
    }

    /// The header of the record at the front of `bytes`, which is whole.
    fn verified(&self, location: u64, seed: u32, bytes: &[u8]) -> Result<Header> {
        let (block, offset) = self.blocks.at(location);
        let mut header = Header::verify(bytes, seed, offset);
        if self.blocks.sabotaged(Sabotage::SkipChecksum) {
            header = Header::parse(bytes).filter(|header| header.size <= bytes.len());
        }
        header.ok_or_else(|| self.corrupt(block, offset, "fails its checksum"))
    }

    /// The same, of bytes that nobody verifies again.
    pub(crate) fn verified_once(
        &self,
        location: u64,
        seed: u32,
        bytes: &mut [u8],
    ) -> Result<Header> {
        if self.blocks.sabotaged(Sabotage::SkipChecksum) {
            return self.verified(location, seed, bytes);
        }
        let (block, offset) = self.blocks.at(location);
        let header = verify_once(bytes, seed, offset);
        header.ok_or_else(|| self.corrupt(block, offset, "fails its checksum"))
    }

    /// While what is at `location` is not durable: what to wait for before it is acted upon.
    pub fn pending(&self, location: u64) -> Option<Ticket> {
        let (block, offset) = self.blocks.at(location);
        let (_, on_device) = self.blocks.block(block)?;
        if offset < on_device {
            return None;
        }
        self.writes.pending(block, offset)
    }

    /// Seed of the block, and the bytes of the record with the ticket while it is not durable, if
    /// they are in memory. `by_key` says that somebody asked for this record.
    #[expect(clippy::type_complexity, reason = "two optional halves of one answer")]
    pub(crate) fn in_memory(
        &self,
        location: u64,
        by_key: bool,
    ) -> Result<(u32, Option<(Kept, Option<Ticket>)>)> {
        let (block, offset) = self.blocks.at(location);
        let unknown = || self.corrupt(block, offset, "is not in use");
        let (seed, on_device) = self.blocks.block(block).ok_or_else(unknown)?;
        if offset >= on_device {
            if let Some((bytes, ticket)) = self.writes.buffered(block, offset) {
                return Ok((seed, Some((Kept::Copied(bytes), Some(ticket)))));
            }
            // A copy shows nothing that its original did not.
            if let Some((bytes, _)) = self.copies.buffered(block, offset) {
                return Ok((seed, Some((Kept::Copied(bytes), None))));
            }
            // Not in memory any more: then it has just reached the device.
            let (_, on_device) = self.blocks.block(block).ok_or_else(unknown)?;
            if offset >= on_device {
                return Err(unknown());
            }
        }
        let recent = self.blocks.recent.record(block, seed, offset).map(Kept::Copied);
        let often = || self.often.get(location, seed, by_key).map(Kept::Cached);
        Ok((seed, recent.or_else(often).map(|bytes| (bytes, None))))
    }

    /// Where a record is on its device, and how much of it to read.
    pub(crate) fn extent(&self, location: u64, units_hint: u32) -> (&Arc<dyn Device>, u64, usize) {
        let (block, offset) = self.blocks.at(location);
        let (device, start) = self.blocks.place(block);
        let room = (self.superblock.block_size - offset) as usize;
        let size = (units_hint.max(3) as usize).saturating_mul(UNIT).min(room);
        (device, start + u64::from(offset), size)
    }

    /// How many bytes of a record are still missing.
    pub(crate) fn missing(&self, bytes: &[u8], location: u64) -> usize {
        let (_, offset) = self.blocks.at(location);
        let room = (self.superblock.block_size - offset) as usize;
        let whole = Header::parse(bytes).map_or(0, |header| header.size.min(room));
        whole.saturating_sub(bytes.len())
    }

    /// Reads a record from its device into the front of `scratch`.
    fn fetch<'a>(
        &self,
        location: u64,
        units_hint: u32,
        scratch: &'a mut Vec<u8>,
    ) -> Result<&'a [u8]> {
        let (device, at, size) = self.extent(location, units_hint);
        let missing = {
            let bytes = at_least(scratch, size);
            device.read_at(at, bytes)?;
            self.missing(bytes, location)
        };
        let bytes = at_least(scratch, size + missing);
        if missing > 0 {
            device.read_at(at + size as u64, &mut bytes[size..])?;
        }
        Ok(bytes)
    }

    async fn fetch_async(&self, location: u64, units_hint: u32) -> Result<Vec<u8>> {
        let (device, at, size) = self.extent(location, units_hint);
        let mut bytes = read_later(device, at, size).await?;
        let missing = self.missing(&bytes, location);
        if missing > 0 {
            bytes.extend(read_later(device, at + size as u64, missing).await?);
        }
        Ok(bytes)
    }

    fn decode(
        &self,
        header: &Header,
        bytes: &[u8],
        bins: BinSelect<'_>,
        durable: Option<Ticket>,
    ) -> Result<Read> {
        let names = self.names();
        let meta = user_record(header, bytes, &names)?;
        let (key, bins) = meta.decode_body(&names, bins)?;
        let record = Record {
            digest: header.digest,
            key,
            bins,
            generation: header.generation,
            lut_ms: header.lut_ms,
            void_time: meta.void_time,
            size: header.size as u32,
        };
        let tombstone = header.kind == Kind::Tombstone;
        Ok(Read { record, set_id: meta.set_id, tombstone, durable })
    }

    fn corrupt(&self, block: u64, offset: u32, what: &str) -> Error {
        let name = self.blocks.place(block).0.name();
        let detail = format!(
            "what is stored on {name}, block {block} offset {offset}, {what}; delete or replace the \
             record by its key, or restore it from a backup"
        );
        Error::new(ErrorKind::Corrupt, detail)
    }
}

/// The bytes of a record from memory.
pub(crate) enum Kept {
    /// From a buffer that goes on being written.
    Copied(Vec<u8>),
    /// From the record cache.
    Cached(Arc<[u8]>),
}

impl std::ops::Deref for Kept {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Kept::Copied(bytes) => bytes,
            Kept::Cached(bytes) => bytes,
        }
    }
}

/// Calls `work` with bytes of this thread that a read may overwrite.
fn with_scratch<T>(work: impl FnOnce(&mut Vec<u8>) -> T) -> T {
    /// What is kept between two reads, bytes: most records have less.
    const KEPT: usize = 64 << 10;
    thread_local! {
        static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    }
    SCRATCH.with_borrow_mut(|scratch| {
        let done = work(scratch);
        if scratch.len() > KEPT {
            *scratch = Vec::new();
        }
        done
    })
}

/// The first `size` bytes, whatever they are.
fn at_least(bytes: &mut Vec<u8>, size: usize) -> &mut [u8] {
    if bytes.len() < size {
        bytes.resize(size, 0);
    }
    &mut bytes[..size]
}

async fn read_later(device: &Arc<dyn Device>, at: u64, size: usize) -> Result<Vec<u8>> {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    // Nobody may be waiting any more: a cancelled statement.
    device.read_later(at, size, Box::new(move |bytes| drop(sender.send(bytes))));
    let lost = || Error::new(ErrorKind::Io, "a device gave no answer to a read");
    receiver.await.map_err(|_| lost())?
}
