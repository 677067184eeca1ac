//! Defragmentation: room is won back by copying what is live out of a block.
//!
//! 1. [`Storage::next_victim`] chooses a sealed block and reads it. Blocks in which nothing is needed
//!    are given back unread.
//! 2. The caller goes through its records, asks its index which are live, copies these with
//!    [`Storage::copy`] and moves their index entries; tombstones are kept with
//!    [`Storage::keep_tombstone`], and so is the fact that a record has expired, where an older
//!    version of it may still lie somewhere.
//! 3. [`Storage::finish_victim`] copies names and markers, makes everything durable - the copies,
//!    and the newer versions because of which records of the victim were dropped - and gives the
//!    block back.
//!
//! Victims are chosen only when free blocks run short: the longer one waits, the emptier the
//! blocks. Then by benefit and age, (1 - u) x sqrt(age) / (1 + u) with u the share of a block that is
//! still needed: what has been stable for long is worth moving earlier than what is about to be
//! overwritten anyway. (Rosenblum and Ousterhout, 1991, multiply by the age itself; its root wrote
//! less in `aerie bench engine churn`, uniform and Zipf.) Copies go to a stream of their own, so
//! that cold records end up among cold ones.
//!
//! A tombstone with LSN t protects from older versions, and these can only lie in blocks that were
//! opened before t: defragmentation does not copy dead versions. So it is dropped with its victim
//! when every other block in use was opened after t, and the checkpoint has seen the delete. When
//! tombstones take much room, the oldest block is rewritten, whatever is in it.

use std::sync::atomic::Ordering::*;

use model::{Digest, Result};

use crate::block::PAGE;
use crate::blocks::{Block, Purpose, Room, Use};
use crate::dictionary::Family;
use crate::flat::{self, Kind, Metadata, UNIT};
use crate::footer::{Described, Trailer};
use crate::recover::{self, tag_of};
use crate::salvage::{self, Extent, Found};
use crate::stream::{Encoded, Placed};
use crate::{Appended, Sabotage, Storage};

/// Length of a tombstone, in 16-byte units.
const TOMBSTONE_UNITS: u32 = 3;
/// Share of all room that tombstones may take before the oldest block is rewritten for them.
const TOMBSTONES_MAX: u64 = 16;
/// Empty blocks given back with one sync, at most.
const EMPTY_BATCH: usize = 64;

/// A block whose records are being copied.
pub struct Victim {
    id: u64,
    bytes: Vec<u8>,
    records: Vec<Found>,
    /// Whether something in it could not even be identified.
    unidentified: bool,
}

/// A record of a victim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VictimRecord {
    /// Its digest.
    pub digest: Digest,
    /// Where it is.
    pub location: u64,
    /// Whether it is a tombstone.
    pub tombstone: bool,
    /// Whether it can be read.
    pub damaged: bool,
    /// Second since 1970 from which it is gone; 0 = never.
    pub void_time: u32,
    /// The id of its set.
    pub set_id: u16,
    /// Its place in the order of all writes.
    pub lsn: u64,
}

impl Victim {
    /// The number of its block.
    pub fn block(&self) -> u64 {
        self.id
    }

    /// How many records it has, those of the system included.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    fn bytes_of(&self, found: &Found) -> &[u8] {
        &self.bytes[found.offset as usize..][..found.header.size]
    }
}

/// What choosing a victim came to.
pub enum Chosen {
    /// This block is to be emptied.
    Victim(Victim),
    /// So many blocks were given back unread.
    Freed(usize),
    /// Nothing to do.
    Nothing,
}

/// How much of a block is needed, of 1.
fn share(block: &Block, floor: u64, units: f64) -> f64 {
    let summary = block.summary();
    let tombstones = match summary.tombstone_lsn >= floor {
        true => summary.tombstones * TOMBSTONE_UNITS,
        false => 0,
    };
    (f64::from(block.live_units() + tombstones) / units).min(1.0)
}

impl Storage {
    /// Chooses the block to empty next. Blocks with at least `lwm_pct` percent of needed data are
    /// taken only when writes are about to find no room; `eager` takes the best one even where
    /// there is room enough.
    pub fn next_victim(&self, lwm_pct: u8, eager: bool) -> Result<Chosen> {
        self.blocks.check_sound()?;
        let empty = self.empty_blocks();
        if !empty.is_empty() {
            self.settle_before_wipe()?;
            self.blocks.wipe(&empty)?;
            return Ok(Chosen::Freed(empty.len()));
        }
        let Some(id) = self.choose(lwm_pct, eager) else { return Ok(Chosen::Nothing) };
        self.read_victim(id).map(Chosen::Victim)
    }

    /// Whether free blocks run short: a few more than are kept back, and what a checkpoint lacks.
    fn short(&self, room: Room) -> bool {
        room.free <= room.reserve + (room.all / 100).max(2) + self.blocks.wanted.load(Relaxed)
    }

    /// Sealed blocks that hold nothing that anybody needs, made victims.
    fn empty_blocks(&self) -> Vec<u64> {
        let table = self.blocks.table();
        let nothing = |block: &Block| {
            let summary = block.summary();
            let kept = summary.tombstones + summary.mortal + summary.system;
            block.used() == Use::Sealed && block.live_units() == 0 && kept == 0
        };
        let empty = table.iter().enumerate().filter(|(_, block)| nothing(block));
        let empty: Vec<u64> = empty.map(|(id, _)| id as u64).take(EMPTY_BATCH).collect();
        empty.iter().for_each(|id| table[*id as usize].set_used(Use::Victim));
        empty
    }

    fn choose(&self, lwm_pct: u8, eager: bool) -> Option<u64> {
        // Before the table is taken: both look at it.
        let (room, floor) = (self.blocks.room(), self.blocks.tombstone_floor(u64::MAX));
        let units = f64::from(self.blocks.block_size - 2 * PAGE as u32) / UNIT as f64;
        let table = self.blocks.table();
        let sealed = || table.iter().enumerate().filter(|(_, block)| block.used() == Use::Sealed);
        let tombstones = sealed().map(|(_, block)| u64::from(block.tombstones.load(Relaxed)));
        let tombstone_room = room.all * units as u64 / TOMBSTONES_MAX;
        let oldest = sealed().min_by_key(|(_, block)| block.base_lsn).map(|(id, _)| id);
        let too_many = tombstones.sum::<u64>() * u64::from(TOMBSTONE_UNITS) > tombstone_room;
        // Where tombstones wait for a checkpoint, rewriting helps none of them.
        let seen = self.blocks.checkpoint_lsn.load(Acquire);
        let oldest = oldest.filter(|id| too_many && table[*id].base_lsn <= seen);
        let chosen = if oldest.is_some() {
            oldest
        } else if self.short(room) || eager {
            let newest = table.iter().map(|block| block.sequence).max().unwrap_or(0);
            let best = sealed()
                .filter(|(_, block)| !block.is_packed())
                .map(|(id, block)| {
                    let (u, age) = (share(block, floor, units), newest - block.sequence + 1);
                    (id, u, (1.0 - u) * (age as f64).sqrt() / (1.0 + u))
                })
                .filter(|(_, u, _)| *u < if Storage::scarce(room) { 0.98 } else { pct(lwm_pct) });
            best.max_by(|a, b| a.2.total_cmp(&b.2)).map(|(id, ..)| id)
        } else {
            None
        };
        let id = chosen?;
        table[id].set_used(Use::Victim);
        Some(id as u64)
    }

    /// Whether the next write may find no room.
    fn scarce(room: Room) -> bool {
        room.free <= room.reserve + 1
    }

    fn read_victim(&self, id: u64) -> Result<Victim> {
        let table = self.blocks.table();
        let block = &table[id as usize];
        let (seed, base_lsn) = (block.seed, block.base_lsn);
        drop(table);
        let size = self.blocks.block_size;
        let mut bytes = vec![0; size as usize];
        let (device, at) = self.blocks.place(id);
        let tail = size as usize - PAGE;
        device.read_at(at + tail as u64, &mut bytes[tail..])?;
        let trailer = Trailer::decode(&bytes[tail..], seed, size);
        let end = trailer.as_ref().map_or(size, |trailer| trailer.data_end);
        let data = &mut bytes[..(end as usize).next_multiple_of(PAGE)];
        if !self.blocks.recent.whole(id, seed, data) {
            device.read_at(at, data)?;
        }
        let extent =
            trailer.map_or(Extent::Sealed, |trailer| Extent::Proved(trailer.data_end, None));
        let contents = salvage::contents(&bytes, id, seed, base_lsn, extent);
        let unidentified = contents.damage.unidentified > 0;
        Ok(Victim { id, bytes, records: contents.records, unidentified })
    }

    /// A record of a victim; `None` where it is one of the system's own.
    pub fn victim_record(&self, victim: &Victim, n: usize) -> Option<VictimRecord> {
        let found = &victim.records[n];
        if !found.header.kind.of_user() {
            return None;
        }
        let meta = Metadata::decode(victim.bytes_of(found), &found.header).ok();
        let meta = meta.filter(|_| !found.damaged);
        Some(VictimRecord {
            digest: found.header.digest,
            location: self.blocks.location(victim.id, found.offset),
            tombstone: found.header.kind == Kind::Tombstone,
            damaged: meta.is_none(),
            void_time: meta.as_ref().map_or(0, |meta| meta.void_time),
            set_id: meta.as_ref().map_or(0, |meta| meta.set_id),
            lsn: found.lsn,
        })
    }

    /// Copies a live record of a victim: it keeps its LSN. The caller holds the record's lock.
    pub fn copy(&self, victim: &Victim, n: usize) -> Result<Appended> {
        let found = &victim.records[n];
        let record = victim.bytes_of(found);
        let mut copy = Vec::new();
        flat::copy(record, &found.header, found.lsn, &mut copy)?;
        let meta = Metadata::decode(record, &found.header)?;
        let mut shape = Vec::new();
        meta.shape(&mut |bin, value_type| shape.push((bin, value_type)))?;
        let described = Described {
            void_time: meta.void_time,
            set_id: meta.set_id,
            ..describe(found, found.header.kind, copy.len())
        };
        let encoded = Encoded { bytes: &mut copy, described, shape: &shape };
        let placed = self.append_copy(encoded)?;
        Ok(Appended {
            location: self.blocks.location(placed.block, placed.offset),
            units: described.units,
            lsn: found.lsn,
            set_id: meta.set_id,
            ticket: crate::Ticket::of(&placed.done),
        })
    }

    /// Keeps the fact that a record of a victim, which the index does not know any more, is deleted
    /// or expired; unless nothing is left that this protects from.
    pub fn keep_tombstone(&self, victim: &Victim, n: usize) -> Result<()> {
        let found = &victim.records[n];
        if found.lsn < self.blocks.tombstone_floor(victim.id) {
            return Ok(());
        }
        let was_record = found.header.kind == Kind::Record;
        if was_record && self.blocks.sabotaged(Sabotage::ForgetExpired) {
            return Ok(());
        }
        let record = victim.bytes_of(found);
        let set_id = match found.damaged {
            true => 0,
            false => Metadata::decode(record, &found.header)?.set_id,
        };
        let mut copy = Vec::new();
        flat::tombstone_of(&found.header, set_id, found.lsn, &mut copy);
        let described = Described { set_id, ..describe(found, Kind::Tombstone, copy.len()) };
        self.append_copy(Encoded { bytes: &mut copy, described, shape: &[] }).map(drop)
    }

    fn append_copy(&self, encoded: Encoded<'_>) -> Result<Placed> {
        let mut one = [encoded];
        let mut placed = self.copies.append(&mut one, Purpose::Copy, true)?;
        let gone = || model::Error::new(model::ErrorKind::Internal, "a copy has no place");
        placed.pop().ok_or_else(gone)
    }

    /// Gives the victim back once everything is durable that its records were dropped for. False if
    /// something in it cannot be read or has to stay: then it is left as it is.
    pub fn finish_victim(&self, victim: Victim) -> Result<bool> {
        self.copy_system(&victim)?;
        let live = self.blocks.table()[victim.id as usize].live_units();
        if live > 0 || victim.unidentified {
            tracing::warn!(block = victim.id, live, "a block with damaged records is kept");
            self.blocks.table()[victim.id as usize].set_used(Use::Damaged);
            return Ok(false);
        }
        self.settle_before_wipe()?;
        self.blocks.wipe(&[victim.id])?;
        Ok(true)
    }

    /// Puts a victim back that could not be emptied.
    pub fn abandon_victim(&self, victim: &Victim) {
        self.blocks.table()[victim.id as usize].set_used(Use::Sealed);
    }

    /// What superseded the records of a victim, and their copies, must not be lost with a crash.
    fn settle_before_wipe(&self) -> Result<()> {
        match self.blocks.sabotaged(Sabotage::FreeEarly) {
            true => Ok(()),
            false => self.flush(),
        }
    }

    /// Copies the names and markers of a victim that still count.
    fn copy_system(&self, victim: &Victim) -> Result<()> {
        for found in &victim.records {
            if found.damaged || found.header.kind.of_user() {
                continue;
            }
            if self.blocks.sabotaged(Sabotage::LoseNames) {
                continue;
            }
            let old = self.blocks.location(victim.id, found.offset);
            let record = victim.bytes_of(found);
            match found.header.kind {
                Kind::SetName => self.copy_name(Family::Set, found, record, old)?,
                Kind::BinName => self.copy_name(Family::Bin, found, record, old)?,
                _ => self.copy_marker(victim.id, found, record, old)?,
            }
        }
        Ok(())
    }

    fn copy_name(&self, family: Family, found: &Found, record: &[u8], old: u64) -> Result<()> {
        let Some((id, _)) = flat::decode_name(record) else { return Ok(()) };
        let mut dictionary = self.dictionary.write().expect("nobody panics with the dictionary");
        if dictionary.moved(family, id, old, None) {
            let new = self.copy_as_is(found, record)?;
            dictionary.put(family, id, dictionary_name(record), Some(new));
        }
        Ok(())
    }

    fn copy_marker(&self, block: u64, found: &Found, record: &[u8], old: u64) -> Result<()> {
        if recover::said(found.header.kind, record).is_none() {
            return Ok(());
        }
        let mut markers = self.markers();
        let Some(marker) = markers.at(old) else { return Ok(()) };
        let needed = marker.lsn >= self.blocks.tombstone_floor(block);
        let new = if needed { Some(self.copy_as_is(found, record)?) } else { None };
        markers.moved(old, new);
        Ok(())
    }

    fn copy_as_is(&self, found: &Found, record: &[u8]) -> Result<u64> {
        let mut copy = Vec::new();
        flat::copy(record, &found.header, found.lsn, &mut copy)?;
        let described = describe(found, found.header.kind, copy.len());
        let placed = self.append_copy(Encoded { bytes: &mut copy, described, shape: &[] })?;
        Ok(self.blocks.location(placed.block, placed.offset))
    }
}

fn dictionary_name(record: &[u8]) -> &str {
    flat::decode_name(record).map_or("", |(_, name)| name)
}

fn pct(lwm_pct: u8) -> f64 {
    if lwm_pct == 0 { 0.98 } else { f64::from(lwm_pct) / 100.0 }
}

/// What a copy's footer says; offset is filled in by the stream.
fn describe(found: &Found, kind: Kind, size: usize) -> Described {
    Described {
        kind,
        tag: tag_of(&found.header.digest),
        offset: 0,
        units: (size / UNIT) as u32,
        generation: found.header.generation,
        void_time: 0,
        set_id: 0,
        lsn: found.lsn,
    }
}
