//! Reading a record: from the buffers of a stream, from the blocks written last, from the record
//! cache, else from the device; verified each time.

use std::sync::Arc;

use model::{Digest, Error, ErrorKind, Record, Result};

use crate::device::Device;
use crate::flat::{BinSelect, Header, Kind, Metadata, UNIT};
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
        let at = self.blocks.at(location);
        let (seed, found) = self.in_memory(location, expected.is_some())?;
        if let Some((bytes, durable)) = found {
            return self.verify(at, seed, &bytes, durable, expected, bins);
        }
        let bytes = self.fetch(at.0, at.1, units_hint)?;
        let read = self.verify(at, seed, &bytes, None, expected, bins)?;
        self.keep(location, seed, &bytes, expected, read.as_ref());
        Ok(read)
    }

    /// Like [`Storage::read`], without keeping the thread while the device reads.
    pub async fn read_async(
        &self,
        location: u64,
        units_hint: u32,
        expected: Option<&Digest>,
        bins: BinSelect<'_>,
    ) -> Result<Option<Read>> {
        let at = self.blocks.at(location);
        let (seed, found) = self.in_memory(location, expected.is_some())?;
        if let Some((bytes, durable)) = found {
            return self.verify(at, seed, &bytes, durable, expected, bins);
        }
        let bytes = self.fetch_async(at.0, at.1, units_hint).await?;
        let read = self.verify(at, seed, &bytes, None, expected, bins)?;
        self.keep(location, seed, &bytes, expected, read.as_ref());
        Ok(read)
    }

    /// Keeps what was read from a device and was right, if somebody asked for this record.
    fn keep(
        &self,
        location: u64,
        seed: u32,
        bytes: &[u8],
        expected: Option<&Digest>,
        read: Option<&Read>,
    ) {
        if let (Some(_), Some(read)) = (expected, read) {
            self.often.put(location, seed, &bytes[..read.record.size as usize]);
        }
    }

    fn verify(
        &self,
        (block, offset): (u64, u32),
        seed: u32,
        bytes: &[u8],
        durable: Option<Ticket>,
        expected: Option<&Digest>,
        bins: BinSelect<'_>,
    ) -> Result<Option<Read>> {
        let mut header = Header::verify(bytes, seed, offset);
        if self.blocks.sabotaged(Sabotage::SkipChecksum) {
            header = Header::parse(bytes).filter(|header| header.size <= bytes.len());
        }
        let header = header.ok_or_else(|| self.corrupt(block, offset, "fails its checksum"))?;
        if expected.is_some_and(|expected| *expected != header.digest) {
            return Ok(None);
        }
        self.decode(&header, &bytes[..header.size], bins, durable).map(Some)
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
    fn in_memory(
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
    fn extent(&self, block: u64, offset: u32, units_hint: u32) -> (&Arc<dyn Device>, u64, usize) {
        let (device, start) = self.blocks.place(block);
        let room = (self.superblock.block_size - offset) as usize;
        let size = (units_hint.max(3) as usize).saturating_mul(UNIT).min(room);
        (device, start + u64::from(offset), size)
    }

    /// How many bytes of a record are still missing.
    fn missing(&self, bytes: &[u8], offset: u32) -> usize {
        let room = (self.superblock.block_size - offset) as usize;
        let whole = Header::parse(bytes).map_or(0, |header| header.size.min(room));
        whole.saturating_sub(bytes.len())
    }

    fn fetch(&self, block: u64, offset: u32, units_hint: u32) -> Result<Vec<u8>> {
        let (device, at, size) = self.extent(block, offset, units_hint);
        let mut bytes = vec![0; size];
        device.read_at(at, &mut bytes)?;
        let missing = self.missing(&bytes, offset);
        if missing > 0 {
            bytes.resize(size + missing, 0);
            device.read_at(at + size as u64, &mut bytes[size..])?;
        }
        Ok(bytes)
    }

    async fn fetch_async(&self, block: u64, offset: u32, units_hint: u32) -> Result<Vec<u8>> {
        let (device, at, size) = self.extent(block, offset, units_hint);
        if device.immediate() {
            return self.fetch(block, offset, units_hint);
        }
        let mut bytes = read_later(device, at, size).await?;
        let missing = self.missing(&bytes, offset);
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
        let wrong = |what: &str| {
            Error::new(ErrorKind::Corrupt, format!("stored record {} {what}", header.digest))
        };
        if !matches!(header.kind, Kind::Record | Kind::Tombstone) {
            return Err(wrong("is no record of a user"));
        }
        let names = self.names();
        let meta = Metadata::decode(bytes, header)?;
        let set = names.set_name(meta.set_id).cloned();
        let set = set.ok_or_else(|| wrong("is in a set whose name cannot be read"))?;
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
        Ok(Read { record, set, set_id: meta.set_id, tombstone, durable })
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
enum Kept {
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

async fn read_later(device: &Arc<dyn Device>, at: u64, size: usize) -> Result<Vec<u8>> {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    // Nobody may be waiting any more: a cancelled statement.
    device.read_later(at, size, Box::new(move |bytes| drop(sender.send(bytes))));
    let lost = || Error::new(ErrorKind::Io, "a device gave no answer to a read");
    receiver.await.map_err(|_| lost())?
}
