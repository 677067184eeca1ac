//! From the devices back to a log: which blocks there are, which of them have to be read again.
//!
//! 1. Every block's header is read: in use, never used or given back (zeros), or damaged.
//! 2. If the manifest names a checkpoint and all of it is there, only blocks that were not full
//!    when it began are read again, else all.
//! 3. The last block of each stream is cut into records to find where the stream ends. Blocks without
//!    a footer get theirs now, and none is ever continued: what is written later goes to others.
//! 4. Of every other block the footer is read, or, where there is none, it left the entries out or
//!    the block has names or markers, the records.
//!
//! What is found is given to the caller as [`Replay`]: items, of which the greatest LSN of each
//! digest counts. Where it does not fit into memory at once, it is read in passes over the
//! partitions. A damaged checkpoint falls back to footers, a damaged footer to records; the log
//! says so.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::*};
use std::sync::{Arc, Mutex};

use model::{Digest, PARTITIONS, PartitionId, Result};

use crate::block::{BlockHeader, CHECKPOINT, COPIES, PAGE, WRITES};
use crate::blocks::{Block, Blocks, Start, Use};
use crate::checkpoint::{self, Manifest, Meta};
use crate::device::Device;
use crate::dictionary::{Dictionary, Family};
use crate::flat::{self, KEY_SHAPE, Kind, Metadata, UNIT};
use crate::footer::{Builder, Described, Shapes, Summary, TAG_SIZE, Trailer};
use crate::marker::{Markers, Said};
use crate::salvage::{self, Contents, Damage, Extent, Found};
use crate::{Options, Sabotage};

/// What the log says of one version of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item {
    tag: [u8; TAG_SIZE],
    /// What it is.
    pub kind: ItemKind,
    /// Generation.
    pub generation: u16,
    /// The id of its set; 0 for a damaged record, of which it is not known.
    pub set_id: u16,
    /// Second since 1970 from which it is gone; 0 = never.
    pub void_time: u32,
    /// Length in 16-byte units.
    pub units: u32,
    /// Where it is, in 16-byte units.
    pub location: u64,
    /// Its place in the order of all writes.
    pub lsn: u64,
}

/// What an [`Item`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ItemKind {
    /// A version that can no longer be read: reading it must give an error.
    Damaged,
    /// A version of the record.
    Record,
    /// The record was deleted.
    Tombstone,
}

impl Item {
    /// The digest as far as the index compares it; zeros behind that.
    pub fn digest(&self) -> Digest {
        let mut digest = [0; 20];
        digest[..TAG_SIZE].copy_from_slice(&self.tag);
        Digest(digest)
    }

    /// Puts versions of one record next to each other, the newest first; of two copies of one
    /// version the readable one.
    pub fn order(&self, other: &Item) -> std::cmp::Ordering {
        let newest =
            (other.lsn, other.kind, other.location).cmp(&(self.lsn, self.kind, self.location));
        self.tag[2..].cmp(&other.tag[2..]).then(newest)
    }

    /// Whether both are versions of one record, as far as the index can tell.
    pub fn same_record(&self, other: &Item) -> bool {
        self.tag == other.tag
    }
}

/// How far a restart has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// What is being read: `checkpoint` or `log`.
    pub what: &'static str,
    /// Bytes of the blocks that are done.
    pub done: u64,
    /// Bytes of all blocks.
    pub all: u64,
}

/// A block to be read again.
#[derive(Debug, Clone, Copy)]
struct Planned {
    header: BlockHeader,
    extent: Extent,
}

/// What a checkpoint offers: the index as of an LSN.
#[derive(Debug)]
struct Base {
    manifest: Manifest,
    blocks: Vec<BlockHeader>,
    /// Incarnations of the blocks that were in use at that LSN.
    known: HashMap<u64, u64>,
    extra: Vec<u8>,
}

/// What recovery found, for the one who builds the index.
pub struct Replay {
    base: Option<Base>,
    plan: Vec<Planned>,
    first: Option<Vec<Vec<Item>>>,
    passes: u16,
    shapes: Shapes,
    blocks: Arc<Blocks>,
    threads: usize,
    progress: Box<dyn Fn(Progress) + Send + Sync>,
}

/// What [`recover`] gives to the storage.
pub(crate) struct Recovery {
    pub(crate) blocks: Arc<Blocks>,
    pub(crate) dictionary: Dictionary,
    pub(crate) markers: Markers,
    pub(crate) damage: Damage,
    pub(crate) checkpoints: u64,
    pub(crate) replay: Replay,
}

/// What reading one block gave.
#[derive(Default)]
struct Read {
    items: Vec<(u16, Item)>,
    names: Vec<(Family, u16, String, u64)>,
    markers: Vec<(u64, Said, u64)>,
    shapes: Shapes,
    summary: Summary,
    damage: Damage,
    next_lsn: u64,
    footer: Option<Builder>,
    end: u32,
    torn_end: u32,
}

/// Reads the devices. `life` is block size, storage id and how often it was opened.
pub(crate) fn recover(
    devices: Vec<Arc<dyn Device>>,
    life: (u32, u128, u64),
    options: &Options,
    progress: Box<dyn Fn(Progress) + Send + Sync>,
) -> Result<Recovery> {
    let (block_size, storage_id, _) = life;
    let threads = options.threads.max(1);
    if options.ignore_checkpoint {
        Manifest::erase(&*devices[0])?;
    }
    let Headers { headers, damaged, ids } =
        read_headers(&devices, storage_id, block_size, threads)?;
    let mut damage = Damage { unidentified: damaged.len() as u64, ..Damage::default() };
    for id in &damaged {
        tracing::error!(block = id, "both headers of a block are damaged; its records are lost");
    }
    let checkpoint = find_checkpoint(&devices, block_size, storage_id, &headers)?;
    let (base, meta) = checkpoint.unzip();
    let known = meta.as_ref().map_or(&[][..], |meta| &meta.blocks[..]);
    let full: HashMap<(u64, u64), Summary> = known
        .iter()
        .filter(|known| known.sealed)
        .map(|known| ((known.id, known.incarnation), known.summary))
        .collect();

    let mut start = Start {
        next_sequence: headers.iter().map(|h| h.sequence + 1).max().unwrap_or(1),
        next_lsn: base.as_ref().map_or(1, |base: &Base| base.manifest.lsn + 1),
        blocks: Vec::new(),
    };
    start.blocks.resize_with(ids, || None);
    let log: Vec<&BlockHeader> = headers.iter().filter(|h| h.stream != CHECKPOINT).collect();
    for header in &log {
        start.next_lsn = start.next_lsn.max(header.base_lsn);
        let block = Block::of(header, Use::Sealed);
        if let Some(summary) = full.get(&(header.id, header.incarnation)) {
            block.set_summary(summary);
        }
        start.blocks[header.id as usize] = Some(block);
    }
    for header in base.iter().flat_map(|base| &base.blocks) {
        start.blocks[header.id as usize] = Some(Block::of(header, Use::Checkpoint));
    }
    for id in damaged {
        start.blocks[id as usize] = Some(Block::unreadable());
    }
    let mut plan = plan(&log, &full);
    if base.is_some() && options.sabotage.is(Sabotage::SkipReplay) {
        plan.clear();
    }
    let blocks =
        Arc::new(Blocks::new(devices, life, options.recent_blocks, start, options.sabotage));
    let checkpoints = headers.iter().filter(|h| h.stream == CHECKPOINT);
    let checkpoints = checkpoints.map(|h| h.first_group).max().unwrap_or(0);
    if let Some(base) = &base {
        blocks.checkpoint_lsn.store(base.manifest.lsn, Release);
    }
    let (dictionary, markers, extra) = match meta {
        Some(mut meta) => {
            // What the checkpoint knows in blocks that were given back is elsewhere now.
            let known = base.as_ref().map(|base| &base.known);
            let table = blocks.table();
            let here = |place| {
                let (id, _) = blocks.at(place);
                let now = table.get(id as usize).filter(|block| block.holds_records());
                let then = known.and_then(|known| known.get(&id));
                now.is_some_and(|block| then == Some(&block.incarnation))
            };
            meta.dictionary.keep_places(here);
            meta.markers.keep_places(here);
            drop(table);
            (meta.dictionary, meta.markers, meta.extra)
        }
        None => (Dictionary::new(), Markers::default(), Vec::new()),
    };
    let base = base.map(|base| Base { extra, ..base });
    let passes = passes(&blocks, &plan, options)?;
    let mut replay = Replay {
        base,
        plan,
        first: None,
        passes,
        shapes: Shapes::new(),
        blocks: blocks.clone(),
        threads,
        progress,
    };
    let (mut dictionary, mut markers) = (dictionary, markers);
    let (first, reads) = replay.read(0)?;
    replay.first = Some(first);
    let mut next_lsn = blocks.next_lsn.load(Acquire);
    let mut footers = Vec::new();
    let mut empty = Vec::new();
    for (planned, read) in replay.plan.iter().zip(reads) {
        let header = &planned.header;
        damage.add(read.damage);
        next_lsn = next_lsn.max(read.next_lsn);
        for (family, id, name, place) in read.names {
            dictionary.put(family, id, &name, Some(place));
        }
        for (lsn, said, place) in read.markers {
            markers.note(lsn, said, place);
        }
        for (ids, types) in read.shapes {
            *replay.shapes.entry(ids).or_default() |= types;
        }
        blocks.table()[header.id as usize].set_summary(&read.summary);
        blocks.reached(header.id, read.end);
        if read.torn_end > read.end {
            // Should the footer be damaged one day, nothing of the torn group is taken for valid.
            let size = (read.torn_end - read.end).next_multiple_of(PAGE as u32);
            let (device, at) = blocks.place(header.id);
            device.write_at(at + u64::from(read.end), &vec![0; size as usize])?;
        }
        if let Some(footer) = read.footer {
            match read.end as usize == PAGE && !footer.damaged {
                true => empty.push(header.id),
                false => footers.push((*header, read.end, footer)),
            }
        }
    }
    markers.drop_lost();
    blocks.next_lsn.store(next_lsn, Release);
    // What was found may still be in a cache, and is about to be shown and called proved.
    blocks.sync_all()?;
    for (header, end, footer) in footers {
        let (device, at) = blocks.place(header.id);
        let bytes = footer.finish(header.seed(), end, block_size);
        device.write_at(at + u64::from(block_size) - bytes.len() as u64, &bytes)?;
    }
    blocks.wipe(&empty)?;
    blocks.sync_all()?;
    Ok(Recovery { blocks, dictionary, markers, damage, checkpoints, replay })
}

/// How many times the log is read, each time for other partitions, so that the items of one pass
/// fit the memory that a restart may take.
fn passes(blocks: &Blocks, plan: &[Planned], options: &Options) -> Result<u16> {
    /// Bytes of log that make one item at least: no record is much smaller.
    const ITEM_EVERY: u64 = 64;
    /// Blocks whose items are counted where that many would not fit.
    const SAMPLES: usize = 16;
    // Items are gathered per block and then put in order.
    let bytes_of = |items: u64| items.saturating_mul(2 * size_of::<Item>() as u64);
    let most = bytes_of(plan.len() as u64 * u64::from(blocks.block_size) / ITEM_EVERY);
    if most <= options.recovery_memory {
        return Ok(1);
    }
    let every = plan.len().div_ceil(SAMPLES);
    let sample: Vec<&Planned> = plan.iter().step_by(every).collect();
    let items = in_parallel(&sample, options.threads, |planned| {
        Ok(read_block(blocks, planned)?.items.len() as u64)
    })?;
    let all = items.iter().sum::<u64>() * plan.len() as u64 / sample.len() as u64;
    // Blocks differ.
    let likely = bytes_of(all + all / 10).div_ceil(options.recovery_memory.max(1));
    Ok(likely.clamp(1, u64::from(PARTITIONS)) as u16)
}

struct Headers {
    headers: Vec<BlockHeader>,
    damaged: Vec<u64>,
    /// One more than the greatest id that has a place.
    ids: usize,
}

/// Runs `work` on every item, on some threads, and gives the results in the order of the items.
pub(crate) fn in_parallel<T: Sync, R: Send>(
    items: &[T],
    threads: usize,
    work: impl Fn(&T) -> Result<R> + Sync,
) -> Result<Vec<R>> {
    let next = AtomicUsize::new(0);
    let stop = AtomicBool::new(false);
    let results = Mutex::new(Vec::with_capacity(items.len()));
    let failed = Mutex::new(None);
    std::thread::scope(|scope| {
        let worker = || {
            while !stop.load(Relaxed) {
                let n = next.fetch_add(1, Relaxed);
                let Some(item) = items.get(n) else { break };
                match work(item) {
                    Ok(result) => results.lock().expect("no panic here").push((n, result)),
                    Err(error) => {
                        stop.store(true, Relaxed);
                        failed.lock().expect("no panic here").get_or_insert(error);
                    }
                }
            }
        };
        for _ in 1..threads.min(items.len()) {
            scope.spawn(worker);
        }
        worker();
    });
    match failed.into_inner().expect("no panic here") {
        Some(error) => Err(error),
        None => {
            let mut results = results.into_inner().expect("no panic here");
            results.sort_by_key(|(n, _)| *n);
            Ok(results.into_iter().map(|(_, result)| result).collect())
        }
    }
}

/// Headers of all blocks in use, in the order in which they were opened.
fn read_headers(
    devices: &[Arc<dyn Device>],
    storage_id: u128,
    block_size: u32,
    threads: usize,
) -> Result<Headers> {
    const BATCH: u64 = 64;
    let n = devices.len() as u64;
    let locals = devices.iter().map(|d| d.size() / u64::from(block_size)).max().unwrap_or(0);
    let batches: Vec<u64> = (0..locals.div_ceil(BATCH)).collect();
    let found = in_parallel(&batches, threads.max(4), |batch| {
        let (mut headers, mut damaged) = (Vec::new(), Vec::new());
        let mut page = vec![0; PAGE];
        for local in (batch * BATCH).max(1)..((batch + 1) * BATCH).min(locals) {
            for (d, device) in devices.iter().enumerate() {
                let at = local * u64::from(block_size);
                if at + u64::from(block_size) > device.size() {
                    continue;
                }
                let id = local * n + d as u64;
                device.read_at(at, &mut page)?;
                match BlockHeader::decode(&page, storage_id, id) {
                    Some(header) => headers.push(header),
                    None if page.iter().any(|byte| *byte != 0) => damaged.push(id),
                    None => {}
                }
            }
        }
        Ok((headers, damaged))
    })?;
    let (headers, damaged): (Vec<_>, Vec<_>) = found.into_iter().unzip();
    let mut headers: Vec<BlockHeader> = headers.into_iter().flatten().collect();
    headers.sort_by_key(|header| header.sequence);
    let damaged: Vec<u64> = damaged.into_iter().flatten().collect();
    let ids = headers.iter().map(|h| h.id).chain(damaged.iter().copied());
    let ids = ids.map(|id| id as usize + 1).max().unwrap_or(0).max(devices.len());
    Ok(Headers { headers, damaged, ids })
}

/// The checkpoint to begin with, if there is one and what it says beside the index is whole.
fn find_checkpoint(
    devices: &[Arc<dyn Device>],
    block_size: u32,
    storage_id: u128,
    headers: &[BlockHeader],
) -> Result<Option<(Base, Meta)>> {
    let Some(manifest) = Manifest::read(&*devices[0], storage_id)? else { return Ok(None) };
    let number = manifest.number;
    let Some(blocks) = checkpoint::blocks_of(&manifest, headers) else {
        tracing::warn!(number, "blocks of the index checkpoint are missing; reading the log");
        Manifest::erase(&*devices[0])?;
        return Ok(None);
    };
    let Some(meta) = checkpoint::read_meta(devices, block_size, &manifest, &blocks)? else {
        tracing::warn!(number, "the index checkpoint is damaged; reading the log");
        Manifest::erase(&*devices[0])?;
        return Ok(None);
    };
    // An older copy of the manifest must never be believed again.
    manifest.write(&*devices[0])?;
    let known = meta.blocks.iter().map(|known| (known.id, known.incarnation)).collect();
    Ok(Some((Base { manifest, blocks, known, extra: Vec::new() }, meta)))
}

/// The blocks that have to be read, with what proves where they end.
fn plan(log: &[&BlockHeader], full: &HashMap<(u64, u64), Summary>) -> Vec<Planned> {
    let mut plan = Vec::new();
    for stream in [WRITES, COPIES] {
        let of: Vec<&BlockHeader> = log.iter().copied().filter(|h| h.stream == stream).collect();
        for (i, header) in of.iter().enumerate() {
            if full.contains_key(&(header.id, header.incarnation)) {
                continue;
            }
            let after = of.get(i + 1).filter(|next| next.previous == header.id);
            let extent = match (after, i + 1 == of.len()) {
                (_, true) => Extent::Last,
                // The block after it in the stream was opened when all of this was synced.
                (Some(next), _) => {
                    let lsn = (stream == WRITES).then_some(next.base_lsn);
                    Extent::Proved(next.previous_end, lsn)
                }
                // The block after it was given back: its footer tells.
                (None, _) => Extent::Sealed,
            };
            plan.push(Planned { header: **header, extent });
        }
    }
    plan
}

impl Replay {
    /// What the caller gave to [`Storage::begin_checkpoint`](crate::Storage::begin_checkpoint), and
    /// the number of shards, if there is a checkpoint to begin with.
    pub fn checkpoint(&self) -> Option<(&[u8], u32)> {
        self.base.as_ref().map(|base| (&base.extra[..], base.manifest.shards))
    }

    /// The LSN of the checkpoint: items up to it count only where the checkpoint's entry points at
    /// a block that was given back. 0 without one.
    pub fn checkpoint_lsn(&self) -> u64 {
        self.base.as_ref().map_or(0, |base| base.manifest.lsn)
    }

    /// Tells `each` the entries of the checkpoint's shards, from several threads. False if the
    /// checkpoint is damaged: open the storage again without it.
    pub fn load_shards(&self, each: &(dyn Fn(u32, &[u8]) -> Result<()> + Sync)) -> Result<bool> {
        let Some(base) = &self.base else { return Ok(true) };
        let all = base.blocks.len() as u64 * u64::from(self.blocks.block_size);
        let done = AtomicU64::new(0);
        let progress = |bytes| {
            let done = done.fetch_add(bytes, Relaxed) + bytes;
            (self.progress)(Progress { what: "checkpoint", done, all });
        };
        let (blocks, threads) = (&self.blocks, self.threads);
        checkpoint::load_shards(blocks, &base.manifest, &base.blocks, threads, each, &progress)
    }

    /// Blocks, by number, that the checkpoint knows in a life that is over: what it says is there
    /// is elsewhere now, or gone. Numbers beyond the end are such, too.
    pub fn stale_blocks(&self) -> Vec<bool> {
        let Some(base) = &self.base else { return Vec::new() };
        let trusting = self.blocks.sabotaged(Sabotage::TrustStaleCheckpoint);
        let table = self.blocks.table();
        let stale = |(id, block): (usize, &Block)| {
            let now = block.holds_records().then_some(block.incarnation);
            let same = now.is_some() && now == base.known.get(&(id as u64)).copied();
            !same && !trusting
        };
        table.iter().enumerate().map(stale).collect()
    }

    /// Set, bin (or [`Replay::KEY`]) and bits of the types that the records of the log hold there.
    pub fn shapes(&self) -> impl Iterator<Item = (u16, u16, u32)> {
        self.shapes.iter().map(|((set, bin), types)| (*set, *bin, *types))
    }

    /// The bin id that stands for the user key in [`Replay::shapes`].
    pub const KEY: u16 = KEY_SHAPE;

    /// In how many passes the items are read.
    pub fn passes(&self) -> u16 {
        self.passes
    }

    /// The items of a pass, by partition; partitions of other passes have none.
    pub fn pass(&mut self, pass: u16) -> Result<Vec<Vec<Item>>> {
        match self.first.take_if(|_| pass == 0) {
            Some(items) => Ok(items),
            None => Ok(self.read(pass)?.0),
        }
    }

    /// How many threads a restart may use.
    pub fn threads(&self) -> usize {
        self.threads
    }

    fn read(&self, pass: u16) -> Result<(Vec<Vec<Item>>, Vec<Read>)> {
        let partitions = u32::from(PARTITIONS);
        let per_pass = partitions.div_ceil(self.passes.into());
        let wanted = u32::from(pass) * per_pass..(u32::from(pass) + 1) * per_pass;
        let all = self.plan.len() as u64 * u64::from(self.blocks.block_size);
        let done = AtomicU64::new(0);
        let merged: Vec<Mutex<Vec<Item>>> = (0..partitions).map(|_| Mutex::default()).collect();
        let reads = in_parallel(&self.plan, self.threads, |planned| {
            let mut read = read_block(&self.blocks, planned)?;
            read.items.retain(|(partition, _)| wanted.contains(&u32::from(*partition)));
            read.items.sort_unstable_by_key(|(partition, _)| *partition);
            for of in std::mem::take(&mut read.items).chunk_by(|a, b| a.0 == b.0) {
                let mut items = merged[usize::from(of[0].0)].lock().expect("no panic here");
                items.extend(of.iter().map(|(_, item)| item));
            }
            let done = done.fetch_add(self.blocks.block_size.into(), Relaxed);
            let done = done + u64::from(self.blocks.block_size);
            (self.progress)(Progress { what: "log", done, all });
            Ok(read)
        })?;
        let items = merged.into_iter().map(|items| items.into_inner().expect("no panic here"));
        Ok((items.collect(), reads))
    }
}

/// Reads one block: its footer if that says everything, else its records.
fn read_block(blocks: &Blocks, planned: &Planned) -> Result<Read> {
    let header = &planned.header;
    let (device, at) = blocks.place(header.id);
    let size = blocks.block_size;
    let mut page = vec![0; PAGE];
    device.read_at(at + u64::from(size) - PAGE as u64, &mut page)?;
    let trailer = Trailer::decode(&page, header.seed(), size);
    if let Some(trailer) = &trailer
        && trailer.summary.system == 0
        && let Some((begin, bytes, ..)) = trailer.entries
    {
        let mut entries = vec![0; (bytes as usize).next_multiple_of(PAGE)];
        device.read_at(at + u64::from(begin), &mut entries)?;
        match trailer.decode_entries(&entries) {
            Some(entries) => return Ok(from_footer(blocks, header, trailer, &entries)),
            None => {
                tracing::warn!(block = header.id, "a block's footer is damaged; reading records");
            }
        }
    }
    let proved = trailer.as_ref().map(|t| Extent::Proved(t.data_end, next_lsn_of(planned)));
    let extent = proved.unwrap_or(planned.extent);
    let mut bytes = vec![0; size as usize];
    device.read_at(at, &mut bytes)?;
    let contents = salvage::contents(&bytes, header.id, header.seed(), header.base_lsn, extent);
    Ok(from_records(blocks, header, &bytes, contents, trailer.is_none()))
}

fn next_lsn_of(planned: &Planned) -> Option<u64> {
    match planned.extent {
        Extent::Proved(_, lsn) => lsn,
        _ => None,
    }
}

fn item_of(blocks: &Blocks, block: u64, record: &Described, kind: ItemKind) -> (u16, Item) {
    let partition = PartitionId::of_bytes([record.tag[0], record.tag[1]]).get();
    let item = Item {
        tag: record.tag,
        kind,
        generation: record.generation.max(1),
        set_id: record.set_id,
        void_time: record.void_time,
        units: record.units,
        location: blocks.location(block, record.offset),
        lsn: record.lsn,
    };
    (partition, item)
}

fn from_footer(
    blocks: &Blocks,
    header: &BlockHeader,
    trailer: &Trailer,
    entries: &[Described],
) -> Read {
    let item = |entry: &Described| {
        let kind = match entry.kind {
            Kind::Tombstone => ItemKind::Tombstone,
            _ => ItemKind::Record,
        };
        item_of(blocks, header.id, entry, kind)
    };
    Read {
        items: entries.iter().map(item).collect(),
        shapes: trailer.shapes.clone(),
        summary: trailer.summary,
        next_lsn: entries.iter().map(|entry| entry.lsn + 1).max().unwrap_or(header.base_lsn),
        end: trailer.data_end,
        ..Read::default()
    }
}

fn from_records(
    blocks: &Blocks,
    header: &BlockHeader,
    bytes: &[u8],
    contents: Contents,
    footer_due: bool,
) -> Read {
    let mut read = Read {
        damage: contents.damage,
        next_lsn: contents.next_lsn,
        end: contents.end,
        torn_end: contents.torn_end,
        ..Read::default()
    };
    let mut footer = Builder::default();
    for found in &contents.records {
        let record = &bytes[found.offset as usize..][..found.header.size];
        read.next_lsn = read.next_lsn.max(found.lsn + 1);
        match found.header.kind {
            Kind::Record | Kind::Tombstone => {
                user_record(blocks, header, found, record, &mut read, &mut footer);
            }
            _ if !found.damaged => {
                system_record(blocks, header, found, record, &mut read, &mut footer)
            }
            _ => {}
        }
    }
    read.summary = footer.summary;
    read.shapes = footer.shapes().clone();
    footer.damaged = read.damage.records + read.damage.unidentified > 0;
    read.footer = footer_due.then_some(footer);
    read
}

fn user_record(
    blocks: &Blocks,
    header: &BlockHeader,
    found: &Found,
    record: &[u8],
    read: &mut Read,
    footer: &mut Builder,
) {
    let mut shape = Vec::new();
    let meta = Metadata::decode(record, &found.header).ok().filter(|_| !found.damaged);
    let whole = meta.filter(|meta| meta.shape(&mut |bin, of| shape.push((bin, of))).is_ok());
    if whole.is_none() && !found.damaged {
        let digest = found.header.digest;
        tracing::error!(block = header.id, %digest, "a right checksum, but wrong contents");
        read.damage.records += 1;
    }
    let described = Described {
        kind: found.header.kind,
        tag: tag_of(&found.header.digest),
        offset: found.offset,
        units: (found.header.size / UNIT) as u32,
        generation: found.header.generation,
        void_time: whole.as_ref().map_or(0, |meta| meta.void_time),
        set_id: whole.as_ref().map_or(0, |meta| meta.set_id),
        lsn: found.lsn,
    };
    let kind = match (whole.is_some(), found.header.kind) {
        (false, _) => ItemKind::Damaged,
        (_, Kind::Tombstone) => ItemKind::Tombstone,
        _ => ItemKind::Record,
    };
    footer.add(&described, &shape);
    read.items.push(item_of(blocks, header.id, &described, kind));
}

fn system_record(
    blocks: &Blocks,
    header: &BlockHeader,
    found: &Found,
    record: &[u8],
    read: &mut Read,
    footer: &mut Builder,
) {
    let place = blocks.location(header.id, found.offset);
    let known = match found.header.kind {
        Kind::SetName | Kind::BinName => flat::decode_name(record).map(|(id, name)| {
            let set = found.header.kind == Kind::SetName;
            let family = if set { Family::Set } else { Family::Bin };
            read.names.push((family, id, name.to_string(), place));
        }),
        kind => said(kind, record).map(|said| read.markers.push((found.lsn, said, place))),
    };
    if known.is_none() {
        tracing::error!(block = header.id, "a name or marker has wrong contents; it is left out");
    }
    footer.add(&system(found), &[]);
}

/// What a marker's record says.
pub(crate) fn said(kind: Kind, record: &[u8]) -> Option<Said> {
    match kind {
        Kind::Truncate => flat::decode_truncate(record).map(|(id, before_lut_ms)| {
            let set_id = (id != flat::EVERY_SET).then_some(id);
            Said::Truncate { set_id, before_lut_ms }
        }),
        Kind::Evict => flat::decode_evict(record).map(|(limits, spared)| {
            let (void_until, void_until_there, partitions) = limits;
            Said::Evict { void_until, void_until_there, partitions, spared }
        }),
        _ => None,
    }
}

fn system(found: &Found) -> Described {
    Described {
        kind: found.header.kind,
        tag: [0; TAG_SIZE],
        offset: found.offset,
        units: (found.header.size / UNIT) as u32,
        generation: 0,
        void_time: 0,
        set_id: 0,
        lsn: found.lsn,
    }
}

/// What the index compares of a digest.
pub(crate) fn tag_of(digest: &Digest) -> [u8; TAG_SIZE] {
    let mut tag = [0; TAG_SIZE];
    tag.copy_from_slice(&digest.0[..TAG_SIZE]);
    tag
}
