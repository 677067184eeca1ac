//! Checkpoints: the index as of some moment, written to blocks of their own, so that a restart reads
//! 20 bytes a record instead of the records.
//!
//! 1. [`Storage::begin_checkpoint`] is called while no write is between log and index, and takes
//!    the LSN S, the block table, names and markers as they are.
//! 2. The caller dumps shard after shard while writes go on: the dump is fuzzy, it has all that was
//!    written up to S and some of what came later.
//! 3. [`CheckpointWriter::finish`] makes the log durable that the dump knows of, then the manifest.
//!
//! After a restart the dump is loaded; of the blocks that were not sealed at S everything newer than
//! S is applied again. An entry of the dump may point at a block that has been given back since
//! (its incarnation is not the one in the table, or there is none): then defragmentation has copied
//! the record to a block opened after S, and the copy is found there.
//!
//! A checkpoint's blocks hold chunks, each beginning at a multiple of 4096 bytes:
//!
//! | offset | size | field |
//! |---|---|---|
//! | 0 | 4 | CRC-32C, begun with the block's seed and the chunk's offset, over what follows |
//! | 4 | 4 | kind: 1 = block table, names, markers, the caller's bytes; 2 = shards; 0 = no more |
//! | 8 | 4 | number of the chunk, from 0 |
//! | 12 | 4 | bytes of payload |
//! | 16 | | payload; of shards: shard number 4, entries 4, 20 bytes each |
//!
//! The manifest, twice on the first device, at 8192 and at 12288, one durable before the other is
//! touched:
//!
//! | offset | size | field |
//! |---|---|---|
//! | 0 | 8 | magic `AERIECKP` |
//! | 8 | 4 | CRC-32C over everything but itself, to 512 |
//! | 12 | 4 | which copy, 0 or 1 |
//! | 16 | 16 | storage id |
//! | 32 | 8 | number of the checkpoint |
//! | 40 | 8 | LSN S |
//! | 48 | 4 | blocks |
//! | 52 | 4 | chunks |
//! | 56 | 4 | bytes of the payloads of kind 1 |
//! | 60 | 4 | shards |

use std::sync::Arc;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Release};

use model::{Error, ErrorKind, Result};

use crate::block::{BlockHeader, CHECKPOINT, PAGE, field, put, seal, sealed};
use crate::blocks::{Block, Blocks, Purpose, Use};
use crate::device::{AlignedBuf, Device};
use crate::dictionary::{Dictionary, Family, Places};
use crate::footer::Summary;
use crate::marker::{Marker, Markers, Said};
use crate::{Sabotage, Storage, value};

const MAGIC: &[u8; 8] = b"AERIECKP";
const MANIFEST_AT: [u64; 2] = [8192, 12288];
const MANIFEST_SIZE: usize = 512;
const CHUNK_HEADER: usize = 16;
const META: u32 = 1;
const SHARDS: u32 = 2;
/// Bytes of an index entry.
const ENTRY: usize = 20;

/// The newest checkpoint, as the first device says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Manifest {
    pub(crate) storage_id: u128,
    pub(crate) number: u64,
    pub(crate) lsn: u64,
    pub(crate) blocks: u32,
    pub(crate) chunks: u32,
    pub(crate) meta_size: u32,
    pub(crate) shards: u32,
}

impl Manifest {
    fn encode(&self, copy: u8) -> Vec<u8> {
        let mut page = vec![0; PAGE];
        let sector = &mut page[..MANIFEST_SIZE];
        put(sector, 0, MAGIC);
        put(sector, 12, &u32::from(copy).to_le_bytes());
        put(sector, 16, &self.storage_id.to_le_bytes());
        put(sector, 32, &self.number.to_le_bytes());
        put(sector, 40, &self.lsn.to_le_bytes());
        let words = [self.blocks, self.chunks, self.meta_size, self.shards];
        for (i, word) in words.iter().enumerate() {
            put(sector, 48 + 4 * i, &word.to_le_bytes());
        }
        seal(sector);
        page
    }

    /// The newest readable copy.
    pub(crate) fn read(device: &dyn Device, storage_id: u128) -> Result<Option<Manifest>> {
        let mut newest: Option<Manifest> = None;
        for (copy, at) in (0u32..).zip(MANIFEST_AT) {
            let mut sector = vec![0; MANIFEST_SIZE];
            device.read_at(at, &mut sector)?;
            let word = |at| u32::from_le_bytes(field(&sector, at));
            let manifest = Manifest {
                storage_id: u128::from_le_bytes(field(&sector, 16)),
                number: u64::from_le_bytes(field(&sector, 32)),
                lsn: u64::from_le_bytes(field(&sector, 40)),
                blocks: word(48),
                chunks: word(52),
                meta_size: word(56),
                shards: word(60),
            };
            if !sealed(&sector, MAGIC) || word(12) != copy || manifest.storage_id != storage_id {
                continue;
            }
            if newest.is_none_or(|newest| newest.number < manifest.number) {
                newest = Some(manifest);
            }
        }
        Ok(newest)
    }

    pub(crate) fn write(&self, device: &dyn Device) -> Result<()> {
        for (copy, at) in (0..).zip(MANIFEST_AT) {
            device.write_at(at, &self.encode(copy))?;
            device.sync()?;
        }
        Ok(())
    }

    /// Makes sure that no checkpoint is found.
    pub(crate) fn erase(device: &dyn Device) -> Result<()> {
        for at in MANIFEST_AT {
            device.write_at(at, &[0; PAGE])?;
        }
        device.sync()
    }
}

/// A block as a checkpoint knew it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) id: u64,
    pub(crate) incarnation: u64,
    /// Whether it was full: nothing newer than the checkpoint is in it.
    pub(crate) sealed: bool,
    pub(crate) summary: Summary,
}

/// Everything in a checkpoint but the index.
#[derive(Debug)]
pub(crate) struct Meta {
    pub(crate) blocks: Vec<Known>,
    pub(crate) dictionary: Dictionary,
    pub(crate) markers: Markers,
    /// What the caller gave to [`Storage::begin_checkpoint`].
    pub(crate) extra: Vec<u8>,
}

fn put_places(places: &Places, out: &mut Vec<u8>) {
    for place in places {
        out.extend_from_slice(&place.unwrap_or(u64::MAX).to_le_bytes());
    }
}

fn put_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    value::put_varint(bytes.len(), out);
    out.extend_from_slice(bytes);
}

impl Meta {
    fn encode(blocks: &[Known], names: &Dictionary, markers: &Markers, extra: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        value::put_varint(blocks.len(), &mut out);
        for block in blocks {
            let summary = &block.summary;
            out.extend_from_slice(&block.id.to_le_bytes());
            out.extend_from_slice(&block.incarnation.to_le_bytes());
            out.push(block.sealed.into());
            for count in [summary.tombstones, summary.mortal, summary.system] {
                out.extend_from_slice(&count.to_le_bytes());
            }
            out.extend_from_slice(&summary.tombstone_lsn.to_le_bytes());
        }
        for family in [Family::Set, Family::Bin] {
            let entries: Vec<_> = names.entries(family).collect();
            value::put_varint(entries.len(), &mut out);
            for (id, name, places) in entries {
                out.extend_from_slice(&id.to_le_bytes());
                put_bytes(name.as_bytes(), &mut out);
                put_places(&places, &mut out);
            }
        }
        value::put_varint(markers.0.len(), &mut out);
        for marker in &markers.0 {
            out.extend_from_slice(&marker.lsn.to_le_bytes());
            put_places(&marker.places, &mut out);
            match &marker.said {
                Said::Truncate { set_id, before_lut_ms } => {
                    out.push(0);
                    out.extend_from_slice(&set_id.map_or(u32::MAX, u32::from).to_le_bytes());
                    out.extend_from_slice(&before_lut_ms.to_le_bytes());
                }
                Said::Evict { void_until, void_until_there, partitions, spared } => {
                    out.push(1);
                    out.extend_from_slice(&void_until.to_le_bytes());
                    out.extend_from_slice(&void_until_there.to_le_bytes());
                    out.extend_from_slice(&partitions.to_le_bytes());
                    value::put_varint(spared.len(), &mut out);
                    spared.iter().for_each(|id| out.extend_from_slice(&id.to_le_bytes()));
                }
            }
        }
        put_bytes(extra, &mut out);
        out
    }

    /// Reads what [`Meta::encode`] wrote; `None` for anything else.
    fn decode(mut input: &[u8]) -> Option<Meta> {
        let input = &mut input;
        let count = value::take_varint(input).ok()?;
        let blocks = (0..count).map(|_| take_known(input)).collect::<Option<_>>()?;
        let mut dictionary = Dictionary::new();
        for family in [Family::Set, Family::Bin] {
            for _ in 0..value::take_varint(input).ok()? {
                let id = u16::from_le_bytes(take(input)?);
                let name = take_bytes(input)?;
                let name = std::str::from_utf8(name).ok()?;
                for place in take_places(input)? {
                    dictionary.put(family, id, name, place);
                }
            }
        }
        let mut markers = Markers::default();
        for _ in 0..value::take_varint(input).ok()? {
            markers.restore(take_marker(input)?);
        }
        let extra = take_bytes(input)?.to_vec();
        input.is_empty().then_some(Meta { blocks, dictionary, markers, extra })
    }
}

fn take<const N: usize>(input: &mut &[u8]) -> Option<[u8; N]> {
    value::take(input, N).ok()?.first_chunk().copied()
}

fn take_bytes<'a>(input: &mut &'a [u8]) -> Option<&'a [u8]> {
    let size = value::take_varint(input).ok()?;
    value::take(input, size).ok()
}

fn take_places(input: &mut &[u8]) -> Option<Places> {
    let mut place = || {
        let place = u64::from_le_bytes(take(input)?);
        Some((place != u64::MAX).then_some(place))
    };
    Some([place()?, place()?])
}

fn take_known(input: &mut &[u8]) -> Option<Known> {
    let id = u64::from_le_bytes(take(input)?);
    let incarnation = u64::from_le_bytes(take(input)?);
    let sealed = take::<1>(input)? == [1];
    let mut count = || Some(u32::from_le_bytes(take(input)?));
    let (tombstones, mortal, system) = (count()?, count()?, count()?);
    let tombstone_lsn = u64::from_le_bytes(take(input)?);
    let summary = Summary { tombstones, mortal, system, tombstone_lsn };
    Some(Known { id, incarnation, sealed, summary })
}

fn take_marker(input: &mut &[u8]) -> Option<Marker> {
    let lsn = u64::from_le_bytes(take(input)?);
    let places = take_places(input)?;
    let said = match take::<1>(input)? {
        [0] => {
            let set_id = u32::from_le_bytes(take(input)?);
            let before_lut_ms = u64::from_le_bytes(take(input)?);
            Said::Truncate { set_id: u16::try_from(set_id).ok(), before_lut_ms }
        }
        [1] => {
            let void_until = u32::from_le_bytes(take(input)?);
            let void_until_there = u32::from_le_bytes(take(input)?);
            let partitions = u16::from_le_bytes(take(input)?);
            let count = value::take_varint(input).ok()?;
            let id = |_| Some(u16::from_le_bytes(take(input)?));
            let spared = (0..count).map(id).collect::<Option<_>>()?;
            Said::Evict { void_until, void_until_there, partitions, spared }
        }
        _ => return None,
    };
    Some(Marker { lsn, said, places })
}

/// Checksum of a chunk but for its first four bytes.
fn chunk_crc(seed: u32, at: usize, rest: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c_append(seed, &(at as u32).to_le_bytes()), rest)
}

/// A checkpoint that is being written. Dropped before [`CheckpointWriter::finish`] it never was.
pub struct CheckpointWriter<'a> {
    storage: &'a Storage,
    manifest: Manifest,
    before: Vec<u64>,
    floor_before: u64,
    open: Option<(BlockHeader, AlignedBuf)>,
    taken: Vec<u64>,
    shards: Vec<u8>,
    bytes: u64,
    finished: bool,
}

impl Storage {
    /// Begins a checkpoint of an index with this many shards and entries. No write may be between
    /// its append and its index entry during this call: everything appended so far is in the dump,
    /// or is superseded in it.
    pub fn begin_checkpoint(
        &self,
        shards: u32,
        entries: u64,
        extra: &[u8],
    ) -> Result<CheckpointWriter<'_>> {
        let blocks = &self.blocks;
        blocks.check_sound()?;
        self.make_room_for_checkpoint(shards, entries, extra.len() as u64)?;
        let lsn = blocks.next_lsn.load(Acquire) - 1;
        let table = blocks.table();
        let in_use = table.iter().enumerate().filter(|(_, block)| block.holds_records());
        let known: Vec<Known> = in_use
            .map(|(id, block)| Known {
                id: id as u64,
                incarnation: block.incarnation,
                sealed: block.used() != Use::Open,
                summary: block.summary(),
            })
            .collect();
        drop(table);
        let meta = Meta::encode(&known, &self.names(), &self.markers(), extra);
        let floor_before = blocks.checkpoint_lsn.fetch_min(lsn, AcqRel);
        let manifest = Manifest {
            storage_id: blocks.storage_id,
            number: self.checkpoints.fetch_add(1, AcqRel) + 1,
            lsn,
            blocks: 0,
            chunks: 0,
            meta_size: meta.len() as u32,
            shards,
        };
        let mut writer = CheckpointWriter {
            storage: self,
            manifest,
            before: blocks.checkpoint_blocks(),
            floor_before,
            open: None,
            taken: Vec::new(),
            shards: Vec::new(),
            bytes: 0,
            finished: false,
        };
        for piece in meta.chunks(writer.payload_max()) {
            writer.chunk(META, piece)?;
        }
        Ok(writer)
    }
}

impl Storage {
    /// Sees to it that a checkpoint of this size finds its blocks. Where the last checkpoint is in
    /// its way, that one goes first: a crash meanwhile costs a restart the reading of the log.
    fn make_room_for_checkpoint(&self, shards: u32, entries: u64, extra: u64) -> Result<()> {
        let blocks = &self.blocks;
        let bytes = entries * ENTRY as u64 + u64::from(shards) * 8 + extra;
        // A chunk's rest is lost at the end of each block; names, markers and the block table.
        let need = bytes * 17 / 16 / u64::from(blocks.block_size - PAGE as u32) + 3;
        let room = blocks.room();
        let found = room.free.saturating_sub(room.kept_from(Purpose::Checkpoint));
        let waited = blocks.wanted.swap(0, AcqRel) > 0;
        blocks.promised.store(need, Release);
        if found >= need {
            return Ok(());
        }
        let last = blocks.checkpoint_blocks();
        if found + last.len() as u64 >= need {
            Manifest::erase(&**self.first_device()).inspect_err(|error| blocks.fail(error))?;
            blocks.checkpoint_lsn.store(u64::MAX, Release);
            blocks.forget(&last);
            return Ok(());
        }
        blocks.wanted.store(need - found, Release);
        // Writers leave what defragmentation wins until the next attempt, which comes soon; if that
        // was in vain, or there is little to win, they go first.
        let capacity: u64 = blocks.devices.iter().map(|device| device.capacity()).sum();
        if waited || blocks.live_bytes() > capacity / 5 * 4 {
            blocks.promised.store(0, Release);
            blocks.wanted.store(0, Release);
        }
        let detail = format!(
            "a checkpoint of {entries} index entries takes {need} write blocks, {found} are free; \
             it is tried again when defragmentation has won them"
        );
        Err(Error::new(ErrorKind::NoSpace, detail))
    }
}

impl CheckpointWriter<'_> {
    /// Payload that a chunk can have: a MiB, or what a block holds.
    fn payload_max(&self) -> usize {
        let block = self.storage.blocks.block_size as usize - PAGE - CHUNK_HEADER;
        block.min((1 << 20) - CHUNK_HEADER)
    }

    /// The LSN that the checkpoint is of.
    pub fn lsn(&self) -> u64 {
        self.manifest.lsn
    }

    /// Adds a shard's entries, 20 bytes each. Shards come in the order of their numbers; those
    /// without entries may be left out.
    pub fn shard(&mut self, number: u32, entries: &[u8]) -> Result<()> {
        let size = 8 + entries.len();
        if size > self.payload_max() {
            let detail = format!(
                "shard {number} of the index has {} bytes, a checkpoint can keep {}; raise \
                 partition-tree-sprigs or write-block-size",
                entries.len(),
                self.payload_max()
            );
            return Err(Error::new(ErrorKind::NoSpace, detail));
        }
        if self.shards.len() + size > self.payload_max() {
            let shards = std::mem::take(&mut self.shards);
            self.chunk(SHARDS, &shards)?;
        }
        self.shards.extend_from_slice(&number.to_le_bytes());
        self.shards.extend_from_slice(&((entries.len() / ENTRY) as u32).to_le_bytes());
        self.shards.extend_from_slice(entries);
        Ok(())
    }

    fn chunk(&mut self, kind: u32, payload: &[u8]) -> Result<()> {
        let blocks = &self.storage.blocks;
        let size = (CHUNK_HEADER + payload.len()).next_multiple_of(PAGE);
        let full = |bytes: &AlignedBuf| bytes.len() + size > blocks.block_size as usize;
        if self.open.as_ref().is_none_or(|(_, bytes)| full(bytes)) {
            self.write_block()?;
            let taken = blocks.take(Purpose::Checkpoint)?;
            let header = BlockHeader {
                first_group: self.manifest.number,
                ..blocks.header(taken, CHECKPOINT, self.manifest.lsn)
            };
            blocks.enter(header.id, Block::of(&header, Use::Checkpoint));
            self.taken.push(header.id);
            let mut bytes = AlignedBuf::new();
            bytes.extend_from_slice(&header.encode());
            self.open = Some((header, bytes));
        }
        let Some((header, bytes)) = &mut self.open else { unreachable!("a block is open") };
        let at = bytes.len();
        let mut head = [0; CHUNK_HEADER];
        let words = [0, kind, self.manifest.chunks, payload.len() as u32];
        for (i, word) in words.iter().enumerate() {
            head[4 * i..4 * i + 4].copy_from_slice(&word.to_le_bytes());
        }
        let crc = crc32c::crc32c_append(chunk_crc(header.seed(), at, &head[4..]), payload);
        head[..4].copy_from_slice(&crc.to_le_bytes());
        bytes.extend_from_slice(&head);
        bytes.extend_from_slice(payload);
        bytes.resize(at + size, 0);
        self.manifest.chunks += 1;
        Ok(())
    }

    /// Writes the block that is full.
    fn write_block(&mut self) -> Result<()> {
        let Some((header, mut bytes)) = self.open.take() else { return Ok(()) };
        if bytes.len() < self.storage.blocks.block_size as usize {
            // A chunk of kind 0: what an earlier life of the block left is not taken for one.
            bytes.resize(bytes.len() + PAGE, 0);
        }
        let (device, at) = self.storage.blocks.place(header.id);
        self.bytes += bytes.len() as u64;
        device.write_at(at, &bytes).inspect_err(|error| self.storage.blocks.fail(error))
    }

    /// Makes the checkpoint the one that a restart begins with. Returns its size in bytes.
    pub fn finish(mut self) -> Result<u64> {
        let shards = std::mem::take(&mut self.shards);
        if !shards.is_empty() {
            self.chunk(SHARDS, &shards)?;
        }
        self.write_block()?;
        self.manifest.blocks = self.taken.len() as u32;
        let blocks = &self.storage.blocks;
        // What the dump knows of must be in the log before the dump counts.
        if !blocks.sabotaged(Sabotage::CheckpointBeforeLog) {
            self.storage.flush()?;
        }
        let write = || {
            blocks.sync_all()?;
            self.manifest.write(&**self.storage.first_device())
        };
        write().inspect_err(|error| blocks.fail(error))?;
        blocks.checkpoint_lsn.store(self.manifest.lsn, Release);
        self.finished = true;
        blocks.forget(&self.before);
        Ok(self.bytes)
    }
}

impl Drop for CheckpointWriter<'_> {
    fn drop(&mut self) {
        self.storage.blocks.promised.store(0, Release);
        if !self.finished {
            self.storage.blocks.checkpoint_lsn.store(self.floor_before, Release);
            self.storage.blocks.forget(&self.taken);
        }
    }
}

/// The blocks of the checkpoint that a manifest names, in order; `None` if one is missing.
pub(crate) fn blocks_of(manifest: &Manifest, headers: &[BlockHeader]) -> Option<Vec<BlockHeader>> {
    let of = |h: &&BlockHeader| h.stream == CHECKPOINT && h.first_group == manifest.number;
    let mut found: Vec<BlockHeader> = headers.iter().filter(of).copied().collect();
    found.sort_by_key(|header| header.sequence);
    (found.len() == manifest.blocks as usize).then_some(found)
}

/// Tells `each` kind and payload of the chunks of a block; `Ok(false)` if one is damaged.
fn chunks(
    header: &BlockHeader,
    bytes: &[u8],
    each: &mut dyn FnMut(u32, &[u8]) -> Result<bool>,
) -> Result<bool> {
    let mut at = PAGE;
    while at + CHUNK_HEADER <= bytes.len() {
        let word = |i: usize| u32::from_le_bytes(field(bytes, at + 4 * i));
        let (crc, kind, size) = (word(0), word(1), word(3) as usize);
        if kind == 0 {
            break;
        }
        let end = at + CHUNK_HEADER + size.min(bytes.len());
        let sound = end <= bytes.len() && chunk_crc(header.seed(), at, &bytes[at + 4..end]) == crc;
        if !sound || !each(kind, &bytes[at + CHUNK_HEADER..end])? {
            return Ok(false);
        }
        at = end.next_multiple_of(PAGE);
    }
    Ok(true)
}

fn read_block(blocks: &Blocks, header: &BlockHeader) -> Result<Vec<u8>> {
    let (device, at) = blocks.place(header.id);
    let mut bytes = vec![0; blocks.block_size as usize];
    device.read_at(at, &mut bytes)?;
    Ok(bytes)
}

/// Reads what a checkpoint says beside the index; `None` if it is damaged.
pub(crate) fn read_meta(
    device: &[Arc<dyn Device>],
    block_size: u32,
    manifest: &Manifest,
    headers: &[BlockHeader],
) -> Result<Option<Meta>> {
    let mut meta = Vec::new();
    for header in headers {
        if meta.len() >= manifest.meta_size as usize {
            break;
        }
        let n = device.len() as u64;
        let mut bytes = vec![0; block_size as usize];
        let at = header.id / n * u64::from(block_size);
        device[(header.id % n) as usize].read_at(at, &mut bytes)?;
        let sound = chunks(header, &bytes, &mut |kind, payload| {
            if kind == META {
                meta.extend_from_slice(payload);
            }
            Ok(true)
        })?;
        if !sound {
            return Ok(None);
        }
    }
    Ok((meta.len() == manifest.meta_size as usize).then(|| Meta::decode(&meta)).flatten())
}

/// Tells `each` the entries of every shard, from several threads. False if something is damaged.
pub(crate) fn load_shards(
    blocks: &Blocks,
    manifest: &Manifest,
    headers: &[BlockHeader],
    threads: usize,
    each: &(dyn Fn(u32, &[u8]) -> Result<()> + Sync),
    progress: &(dyn Fn(u64) + Sync),
) -> Result<bool> {
    let seen = std::sync::atomic::AtomicU32::new(0);
    let one = |header: &BlockHeader| {
        let bytes = read_block(blocks, header)?;
        let sound = chunks(header, &bytes, &mut |kind, payload| {
            seen.fetch_add(1, AcqRel);
            if kind == SHARDS { shards(payload, manifest.shards, each) } else { Ok(true) }
        })?;
        progress(bytes.len() as u64);
        Ok(sound)
    };
    let sound = crate::recover::in_parallel(headers, threads, one)?;
    Ok(sound.iter().all(|sound| *sound) && seen.into_inner() == manifest.chunks)
}

fn shards(
    mut payload: &[u8],
    most: u32,
    each: &(dyn Fn(u32, &[u8]) -> Result<()> + Sync),
) -> Result<bool> {
    while !payload.is_empty() {
        let Some(number) = take(&mut payload).map(u32::from_le_bytes) else { return Ok(false) };
        let Some(count) = take(&mut payload).map(u32::from_le_bytes) else { return Ok(false) };
        let Ok(entries) = value::take(&mut payload, count as usize * ENTRY) else {
            return Ok(false);
        };
        if number >= most {
            return Ok(false);
        }
        each(number, entries)?;
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use model::Name;
    use proptest::prelude::*;

    use super::*;

    fn meta() -> Vec<u8> {
        let summary = Summary { tombstones: 1, mortal: 2, system: 3, tombstone_lsn: 1 << 40 };
        let blocks = [Known { id: 7, incarnation: 1 << 33, sealed: true, summary }];
        let mut names = Dictionary::new();
        names.put(Family::Set, 1, "users", Some(100));
        names.put(Family::Bin, 9, "né", Some(200));
        names.put(Family::Bin, 9, "né", Some(300));
        let mut markers = Markers::default();
        markers.note(5, Said::Truncate { set_id: None, before_lut_ms: u64::MAX }, 400);
        markers.note(6, Said::Truncate { set_id: None, before_lut_ms: u64::MAX }, 500);
        let evict =
            Said::Evict { void_until: 77, void_until_there: 99, partitions: 8, spared: vec![1, 2] };
        markers.note(9, evict, 600);
        Meta::encode(&blocks, &names, &markers, b"extra")
    }

    #[test]
    fn what_goes_in_comes_out() {
        let meta = Meta::decode(&meta()).unwrap();
        assert_eq!((meta.blocks[0].id, meta.blocks[0].summary.system), (7, 3));
        let bins: Vec<_> = meta.dictionary.entries(Family::Bin).collect();
        assert_eq!(bins, [(9, &Name::from("né"), [Some(200), Some(300)])]);
        assert_eq!((meta.markers.0.len(), &meta.extra[..]), (2, &b"extra"[..]));
        assert_eq!(meta.markers.0[0].places, [Some(400), Some(500)]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(
            mut bytes in Just(meta()), at in any::<prop::sample::Index>(), byte in any::<u8>(),
        ) {
            let at = at.index(bytes.len());
            bytes[at] = byte;
            let _ = Meta::decode(&bytes);
            let _ = Meta::decode(&bytes[..at]);
        }
    }

    #[test]
    fn a_manifest_has_two_copies() {
        let device = crate::MemoryDevice::new(1 << 20);
        device.grow(1 << 20).unwrap();
        let manifest = |number| Manifest {
            storage_id: 5,
            number,
            lsn: 99,
            blocks: 1,
            chunks: 2,
            meta_size: 3,
            shards: 4,
        };
        assert_eq!(Manifest::read(&device, 5).unwrap(), None);
        manifest(1).write(&device).unwrap();
        assert_eq!(Manifest::read(&device, 5).unwrap(), Some(manifest(1)));
        assert_eq!(Manifest::read(&device, 6).unwrap(), None, "of another storage");
        device.write_at(8192 + 40, &[1]).unwrap();
        assert_eq!(Manifest::read(&device, 5).unwrap(), Some(manifest(1)), "the other copy");
        device.write_at(8192, &manifest(2).encode(0)).unwrap();
        assert_eq!(Manifest::read(&device, 5).unwrap(), Some(manifest(2)), "the newer copy");
        Manifest::erase(&device).unwrap();
        assert_eq!(Manifest::read(&device, 5).unwrap(), None);
    }
}
