//! From the blocks of the devices back to a log: what is there, what is torn, what is damaged.
//!
//! 1. Every block's header is read; blocks in order of their sequence are the log.
//! 2. A block is cut into records, each one verified. Where one fails, the next valid one is
//!    searched in steps of 16 bytes; what lies between is a bad span.
//! 3. Bad bytes in the last group of the log, which nothing proves, are a torn write that was never
//!    acknowledged: the log ends before that group. (Unless exactly one byte of one record is
//!    wrong: a torn write does not look like that.)
//! 4. Bad bytes anywhere else are damage to acknowledged data. The span says how long the record
//!    is; a single wrong byte is found by running the checksum backwards, so that a damaged header
//!    still tells its digest. The record is reported as damaged: it must never be "not found", and
//!    never an older version of itself.
//! 5. Each record gets its LSN from the group it is in, and is reported, oldest first.
//!
//! Always true: nothing is reported that was not verified, but for the identity of damaged records;
//! one wrong byte anywhere costs at most the record that it is in.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use model::{Digest, Error, ErrorKind, Name, Result, ValueType};

use crate::block::{BlockHeader, PAGE};
use crate::device::Device;
use crate::dictionary::{Dictionary, Family};
use crate::flat::{self, GROUP_END_MIN, GroupEnd, HEADER_SIZE, Header, Kind, Metadata, UNIT};
use crate::stream::{BlockState, Start, Tail};

/// What recovery tells of, oldest first.
#[derive(Debug)]
pub enum Recovered<'a> {
    /// A record was written.
    Record {
        /// Its name.
        digest: Digest,
        /// Its set.
        set: &'a Name,
        /// The set's id.
        set_id: u16,
        /// Type of its user key, where one is stored.
        key_type: Option<ValueType>,
        /// Names and types of its bins.
        bins: &'a [(Name, ValueType)],
        /// Where it is.
        location: u64,
        /// Length in 16-byte units.
        units: u32,
        /// Generation.
        generation: u16,
        /// Last update time, ms since 1970.
        lut_ms: u64,
        /// Second from which it is gone; 0 = never.
        void_time: u32,
        /// Its place in the order of all writes.
        lsn: u64,
    },
    /// A record was deleted.
    Tombstone {
        /// Its name.
        digest: Digest,
        /// The id of its set.
        set_id: u16,
        /// Where the tombstone is.
        location: u64,
        /// Length in 16-byte units.
        units: u32,
        /// Generation.
        generation: u16,
        /// Time of the delete, ms since 1970.
        lut_ms: u64,
        /// Its place in the order of all writes.
        lsn: u64,
    },
    /// A record or tombstone was written that can no longer be read. Reading it must give an error.
    Damaged {
        /// Its name.
        digest: Digest,
        /// Where it is.
        location: u64,
        /// Length in 16-byte units.
        units: u32,
        /// Its place in the order of all writes.
        lsn: u64,
    },
    /// Every record of a set (`None`: of all sets) that was written before and has a last update
    /// time not after this is gone.
    Truncate {
        /// The set.
        set: Option<Name>,
        /// The time, ms since 1970.
        before_lut_ms: u64,
        /// Its place in the order of all writes.
        lsn: u64,
    },
}

/// How much recovery found wrong.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Damage {
    /// Records and tombstones that are damaged and known by digest.
    pub records: u64,
    /// Damaged records of which not even the digest could be learnt: an older version of them may
    /// be served. Restore a backup if this is not 0.
    pub unidentified: u64,
    /// Whether the last commit group was torn and left out.
    pub torn: bool,
}

/// What recovery found.
pub(crate) struct Recovery {
    pub(crate) start: Start,
    pub(crate) dictionary: Dictionary,
    pub(crate) damage: Damage,
    /// Torn bytes that must be zeroed before anything is written: block, offset, length.
    pub(crate) torn: Option<(u64, u32, u32)>,
}

static ZEROS: [u8; PAGE] = [0; PAGE];

/// A stretch of a block's data area; they follow each other without a gap.
#[derive(Debug, Clone, Copy)]
struct Item {
    at: usize,
    size: usize,
    what: What,
}

#[derive(Debug, Clone, Copy)]
enum What {
    Valid(Header),
    /// A bad span, not looked into yet.
    Bad,
    /// One damaged record with this header.
    Damaged(Header),
    /// Damage that tells nothing.
    Unknown,
}

impl Item {
    fn end(&self) -> usize {
        self.at + self.size
    }

    fn valid(&self) -> bool {
        matches!(self.what, What::Valid(_))
    }

    /// Whether this is a whole record, readable or not, that took an LSN.
    fn counts(&self) -> bool {
        matches!(self.what, What::Valid(h) | What::Damaged(h) if h.kind.counts())
    }

    fn group_end(&self, bytes: &[u8]) -> Option<GroupEnd> {
        let What::Valid(header) = self.what else { return None };
        (header.kind == Kind::GroupEnd)
            .then(|| GroupEnd::decode(&bytes[self.at..self.end()]))
            .flatten()
    }
}

/// Reads the whole log and tells `each` what is in it.
pub(crate) fn recover(
    devices: &[Arc<dyn Device>],
    storage_id: u128,
    block_size: u32,
    each: &mut dyn FnMut(Recovered<'_>),
) -> Result<Recovery> {
    let log = read_headers(devices, storage_id, block_size)?;
    let mut replay = Replay::new(block_size, each);
    let mut blocks = Vec::new();
    let mut tail = None;
    let mut torn = None;
    let mut block = vec![0; block_size as usize];
    for (i, header) in log.iter().enumerate() {
        let next = log.get(i + 1);
        replay.check_sequence(header);
        let end = replay.block_end(header, next);
        let n = devices.len() as u64;
        let offset = header.id / n * u64::from(block_size);
        devices[(header.id % n) as usize].read_at(offset, &mut block[..end])?;
        let end = match next {
            Some(next) => {
                let items = scan(&block[..end], header.seed());
                replay.block(header, &block, items, Some(next.base_lsn));
                end
            }
            None => {
                let (accepted, dirty) = replay.last_block(header, &block[..end]);
                torn = dirty.then_some((header.id, accepted as u32, (end - accepted) as u32));
                tail = Some(Tail { header: *header, end: accepted as u32 });
                accepted
            }
        };
        let id = header.id as usize;
        blocks.resize_with(blocks.len().max(id + 1), BlockState::default);
        blocks[id] = BlockState { seed: header.seed(), on_device: AtomicU32::new(end as u32) };
    }
    replay.damage.torn = torn.is_some();
    let start = Start {
        tail,
        next_block: log.iter().map(|h| h.id + 1).max().unwrap_or(devices.len() as u64),
        next_sequence: log.last().map_or(1, |h| h.sequence + 1),
        next_lsn: replay.lsn,
        next_group: replay.group,
        unproved: replay.unproved || torn.is_some(),
        blocks,
    };
    Ok(Recovery { start, dictionary: replay.dictionary, damage: replay.damage, torn })
}

/// Headers of all blocks in use, in the order of the log.
fn read_headers(
    devices: &[Arc<dyn Device>],
    storage_id: u128,
    block_size: u32,
) -> Result<Vec<BlockHeader>> {
    let n = devices.len() as u64;
    let mut log = Vec::new();
    let mut page = vec![0; PAGE];
    for (d, device) in devices.iter().enumerate() {
        for local in 1..device.size() / u64::from(block_size) {
            device.read_at(local * u64::from(block_size), &mut page)?;
            log.extend(BlockHeader::decode(&page, storage_id, local * n + d as u64));
        }
    }
    log.sort_by_key(|header| header.sequence);
    Ok(log)
}

/// Cuts a block's data area, `bytes[PAGE..]`, into valid records and bad spans.
fn scan(bytes: &[u8], seed: u32) -> Vec<Item> {
    let mut items = Vec::new();
    let mut at = PAGE;
    while at < bytes.len() {
        let item = match Header::verify(&bytes[at..], seed, at as u32) {
            Some(header) => Item { at, size: header.size, what: What::Valid(header) },
            None => {
                let valid = |p: &usize| Header::verify(&bytes[*p..], seed, *p as u32).is_some();
                let next = (at + UNIT..bytes.len()).step_by(UNIT).find(valid);
                Item { at, size: next.unwrap_or(bytes.len()) - at, what: What::Bad }
            }
        };
        at = item.end();
        items.push(item);
    }
    items
}

/// Looks into a bad span for the records that it was.
fn identify(bytes: &[u8], span: Item, seed: u32) -> Vec<Item> {
    let mut found = Vec::new();
    let mut at = span.at;
    while at < span.end() {
        let rest = &bytes[at..span.end()];
        let size = rest.len();
        let fits = |header: &Header| header.size <= size;
        let Some(header) = damaged_header(rest, seed, at as u32).filter(fits) else {
            found.push(Item { at, size, what: What::Unknown });
            break;
        };
        found.push(Item { at, size: header.size, what: What::Damaged(header) });
        at += header.size;
    }
    found
}

/// The header of the record that `span` was, if one wrong byte is all, or as it stands.
fn damaged_header(span: &[u8], seed: u32, offset: u32) -> Option<Header> {
    let mut head: [u8; HEADER_SIZE] = *span.first_chunk()?;
    let fixed =
        flips(span, seed, offset).find(|(at, _)| *at < HEADER_SIZE).and_then(|(at, flip)| {
            head[at] ^= flip;
            Header::parse(&head).filter(|header| header.size == span.len())
        });
    fixed.or_else(|| Header::parse(span))
}

/// Every way in which changing one byte of `record` makes its checksum right: (where, which bits).
///
/// A CRC is linear: the difference between the stored and the computed one depends on the wrong
/// bits and on how many bytes follow them, not on the rest. So the difference is run backwards over
/// the record, one zero byte a step, and wherever it is what a single byte causes, that byte may be
/// the one. Chance matches: one in 2^24 per byte of the record.
fn flips(record: &[u8], seed: u32, offset: u32) -> impl Iterator<Item = (usize, u8)> {
    let mut state = flat::stored_crc(record) ^ flat::crc(record, seed, offset);
    let stored = state.to_le_bytes();
    let wrong = |b: &&(usize, u8)| b.1 != 0;
    let wrong_bytes: Vec<(usize, u8)> = stored.into_iter().enumerate().collect();
    let in_crc = (wrong_bytes.iter().filter(wrong).count() == 1)
        .then(|| wrong_bytes.iter().find(wrong).copied())
        .flatten();
    let in_rest = (4..record.len()).rev().filter_map(move |at| {
        let byte = BY_TOP[(state >> 24) as usize];
        let here = CRC_TABLE[usize::from(byte)];
        let matches = state == here && byte != 0;
        state = (state ^ here) << 8 | u32::from(byte);
        matches.then_some((at, byte))
    });
    in_crc.into_iter().chain(in_rest)
}

/// What each byte does to a CRC-32C that was 0.
const CRC_TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
};

/// The byte whose entry in [`CRC_TABLE`] has this top byte; each top byte occurs once.
const BY_TOP: [u8; 256] = {
    let mut by_top = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        by_top[(CRC_TABLE[byte] >> 24) as usize] = byte as u8;
        byte += 1;
    }
    by_top
};

/// Longest record in the last group in which one wrong byte is taken for damage and not for a torn
/// write: chance matches stay below one in 4,000.
const FLIP_PROOF_MAX: usize = 4096;

/// Whether the span is a whole record of this length with exactly one wrong byte.
fn one_flip(span: &[u8], seed: u32, offset: u32) -> bool {
    span.len() <= FLIP_PROOF_MAX
        && flips(span, seed, offset).any(|(at, flip)| {
            let mut head: [u8; HEADER_SIZE] = span[..HEADER_SIZE].try_into().unwrap_or([0; 36]);
            if let Some(byte) = head.get_mut(at) {
                *byte ^= flip;
            }
            Header::parse(&head).is_some_and(|header| header.size == span.len())
        })
}

/// The state of the replay of a log.
struct Replay<'a> {
    block_size: u32,
    each: &'a mut dyn FnMut(Recovered<'_>),
    dictionary: Dictionary,
    damage: Damage,
    /// LSN of the next record.
    lsn: u64,
    /// Number of the next group.
    group: u64,
    /// Whether the last group seen holds records.
    unproved: bool,
    /// The last truncate marker, whose second copy is not news.
    truncate: Option<(u16, u64, u64)>,
    /// Kept for its allocation.
    bins: Vec<(Name, ValueType)>,
}

impl<'a> Replay<'a> {
    fn new(block_size: u32, each: &'a mut dyn FnMut(Recovered<'_>)) -> Replay<'a> {
        Replay {
            block_size,
            each,
            dictionary: Dictionary::new(),
            damage: Damage::default(),
            lsn: 1,
            group: 1,
            unproved: false,
            truncate: None,
            bins: Vec::new(),
        }
    }

    /// Takes note of blocks whose header cannot be read.
    fn check_sequence(&mut self, header: &BlockHeader) {
        if header.base_lsn > self.lsn {
            let lost = header.base_lsn - self.lsn;
            tracing::error!(before = header.id, lost, "records before this block cannot be read");
            self.damage.unidentified += lost;
        }
        self.lsn = header.base_lsn;
        self.group = header.first_group;
    }

    /// Up to where a block holds data, as the block after it says.
    fn block_end(&self, header: &BlockHeader, next: Option<&BlockHeader>) -> usize {
        let told = next.filter(|n| n.previous == header.id && n.sequence == header.sequence + 1);
        let end = told.map_or(header.data_end, |next| next.previous_end);
        end.clamp(PAGE as u32, self.block_size) as usize
    }

    /// Replays the last block. Returns where the log ends and whether anything lies behind.
    fn last_block(&mut self, header: &BlockHeader, bytes: &[u8]) -> (usize, bool) {
        let seed = header.seed();
        let mut items = scan(bytes, seed);
        let end = accepted_end(bytes, &items, seed);
        items.retain(|item| item.at < end);
        if let Some(last) = items.last_mut() {
            last.size = end - last.at;
        }
        self.block(header, bytes, items, None);
        (end, bytes[end..].chunks(PAGE).any(|page| *page != ZEROS[..page.len()]))
    }

    /// Replays a block, group by group. `next_lsn` is the first LSN of the next block, if known.
    fn block(
        &mut self,
        header: &BlockHeader,
        bytes: &[u8],
        items: Vec<Item>,
        next_lsn: Option<u64>,
    ) {
        let mut group = Vec::new();
        for item in items {
            match (item.what, item.group_end(bytes)) {
                (What::Bad, _) => group.extend(identify(bytes, item, header.seed())),
                (_, None) => group.push(item),
                (_, Some(end)) => {
                    // Records from before the group's start had a group end that is damaged now.
                    let first = group.iter().position(|item| item.at >= end.start as usize);
                    let rest = group.split_off(first.unwrap_or(group.len()));
                    self.records(header, bytes, &group, Some(end.base_lsn));
                    self.lsn = end.base_lsn;
                    self.records(header, bytes, &rest, Some(end.base_lsn + u64::from(end.count)));
                    self.group = end.group + 1;
                    self.unproved = end.count > 0;
                    group.clear();
                }
            }
        }
        if !group.is_empty() {
            self.records(header, bytes, &group, next_lsn);
            self.group += 1;
            self.unproved = true;
        }
    }

    /// Replays records that follow each other, up to the LSN that the next one has.
    fn records(
        &mut self,
        header: &BlockHeader,
        bytes: &[u8],
        items: &[Item],
        next_lsn: Option<u64>,
    ) {
        let known = items.iter().filter(|item| item.counts()).count() as u64;
        let mut lost = next_lsn.map(|next| next.saturating_sub(self.lsn + known));
        if items.iter().all(|item| matches!(item.what, What::Valid(_) | What::Damaged(_))) {
            // What is missing was in the bad span before these.
            let lost = lost.take().unwrap_or(0);
            self.lsn += lost;
            self.damage.unidentified += lost;
        }
        for item in items {
            match item.what {
                What::Valid(record) => self.record(header, bytes, item, &record),
                What::Damaged(record) => self.damaged(header, item, &record),
                What::Bad | What::Unknown => {
                    let lost = lost.replace(0).unwrap_or(1);
                    self.lsn += lost;
                    self.damage.unidentified += lost;
                    let (block, at, size) = (header.id, item.at, item.size);
                    tracing::error!(block, at, size, lost, "damaged beyond recognition");
                }
            }
            self.lsn += u64::from(item.counts());
        }
        if let Some(next) = next_lsn {
            self.lsn = next;
        }
    }

    fn location(&self, header: &BlockHeader, item: &Item) -> u64 {
        (header.id * u64::from(self.block_size) + item.at as u64) / UNIT as u64
    }

    fn damaged(&mut self, header: &BlockHeader, item: &Item, record: &Header) {
        let (block, at) = (header.id, item.at);
        if !matches!(record.kind, Kind::Record | Kind::Tombstone) {
            tracing::warn!(block, at, kind = ?record.kind, "damaged, nothing is lost with it");
            return;
        }
        let (digest, location) = (record.digest, self.location(header, item));
        tracing::error!(block, at, %digest, "a record is damaged; reading it gives an error");
        self.damage.records += 1;
        let units = (item.size / UNIT) as u32;
        (self.each)(Recovered::Damaged { digest, location, units, lsn: self.lsn });
    }

    fn record(&mut self, header: &BlockHeader, bytes: &[u8], item: &Item, record: &Header) {
        let body = &bytes[item.at..item.end()];
        let outcome = match record.kind {
            Kind::Record | Kind::Tombstone => {
                self.user_record(body, self.location(header, item), record)
            }
            Kind::SetName => self.name(Family::Set, body),
            Kind::BinName => self.name(Family::Bin, body),
            Kind::Truncate => self.truncate(body),
            Kind::GroupEnd => Ok(()),
        };
        if let Err(error) = outcome {
            tracing::error!(%error, "a record with a right checksum has wrong contents");
            self.damaged(header, item, record);
        }
    }

    fn user_record(&mut self, body: &[u8], location: u64, record: &Header) -> Result<()> {
        let meta = Metadata::decode(body, record)?;
        let set = self.set(meta.set_id)?;
        let key_type = meta.decode_shape(&self.dictionary, &mut self.bins)?;
        let Header { digest, generation, lut_ms, .. } = *record;
        let (set_id, units, lsn) = (meta.set_id, (record.size / UNIT) as u32, self.lsn);
        (self.each)(match record.kind {
            Kind::Tombstone => {
                Recovered::Tombstone { digest, set_id, location, units, generation, lut_ms, lsn }
            }
            _ => Recovered::Record {
                digest,
                set: &set,
                set_id,
                key_type,
                bins: &self.bins,
                location,
                units,
                generation,
                lut_ms,
                void_time: meta.void_time,
                lsn,
            },
        });
        Ok(())
    }

    fn set(&self, id: u16) -> Result<Name> {
        self.dictionary.set_name(id).cloned().ok_or_else(|| {
            Error::new(ErrorKind::Corrupt, format!("the name of set {id} cannot be read"))
        })
    }

    fn name(&mut self, family: Family, body: &[u8]) -> Result<()> {
        let wrong = || Error::new(ErrorKind::Corrupt, "a dictionary entry has no name");
        let (id, name) = flat::decode_name(body).ok_or_else(wrong)?;
        self.dictionary.put(family, id, name);
        Ok(())
    }

    fn truncate(&mut self, body: &[u8]) -> Result<()> {
        let wrong = || Error::new(ErrorKind::Corrupt, "a truncate marker has no time");
        let (id, before_lut_ms) = flat::decode_truncate(body).ok_or_else(wrong)?;
        let lsn = self.lsn;
        let twice = self.truncate == Some((id, before_lut_ms, lsn - 1));
        self.truncate = Some((id, before_lut_ms, lsn));
        if !twice {
            let set = (id != flat::EVERY_SET).then(|| self.set(id)).transpose()?;
            (self.each)(Recovered::Truncate { set, before_lut_ms, lsn });
        }
        Ok(())
    }
}

/// Where the acknowledged log ends in the last block.
fn accepted_end(bytes: &[u8], items: &[Item], seed: u32) -> usize {
    let found =
        items.iter().enumerate().rev().find_map(|(i, item)| Some((i, item.group_end(bytes)?)));
    let Some((last, end)) = found else { return accept_flipped_end(bytes, items, 0, seed) };
    let start = end.start as usize;
    let group: Vec<&Item> = items[..last].iter().filter(|item| item.end() > start).collect();
    let bad: Vec<&&Item> = group.iter().filter(|item| !item.valid()).collect();
    let flip = |item: &Item| one_flip(&bytes[item.at..item.end()], seed, item.at as u32);
    match bad.as_slice() {
        [] => accept_flipped_end(bytes, items, last + 1, seed),
        [one] if one.at >= start && flip(one) => items[last].end(),
        _ => start,
    }
}

/// The end of the log if the group that begins at `items[first]` lacks nothing but one byte of its
/// group end; otherwise that group's start.
fn accept_flipped_end(bytes: &[u8], items: &[Item], first: usize, seed: u32) -> usize {
    let Some(begin) = items.get(first).map(|item| item.at) else { return bytes.len() };
    let Some(bad) = items[first..].iter().find(|item| !item.valid()) else { return begin };
    let end = (bad.at + GROUP_END_MIN).next_multiple_of(PAGE);
    let flipped = end <= bytes.len() && {
        let span = &bytes[bad.at..end];
        one_flip(span, seed, bad.at as u32)
            && damaged_header(span, seed, bad.at as u32).is_some_and(|h| h.kind == Kind::GroupEnd)
    };
    if flipped { end } else { begin }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(digest: u8, size: usize, seed: u32, offset: u32) -> Vec<u8> {
        let bins = [(Name::from("b"), model::Value::Blob(vec![digest; size]))];
        let content = flat::Content {
            kind: Kind::Record,
            digest: Digest([digest; 20]),
            set_id: 0,
            key: None,
            bin_ids: &[0],
            bins: &bins,
            generation: 1,
            lut_ms: 1,
            void_time: 0,
        };
        let mut bytes = Vec::new();
        flat::encode(&content, &mut bytes);
        flat::seal(&mut bytes, seed, offset);
        bytes
    }

    #[test]
    fn one_wrong_byte_is_found_wherever_it_is() {
        let (seed, offset) = (99, 8192);
        let sound = record(5, 300, seed, offset);
        for at in 0..sound.len() {
            for bits in [1, 0x80, 0xff] {
                let mut bytes = sound.clone();
                bytes[at] ^= bits;
                assert!(flips(&bytes, seed, offset).any(|flip| flip == (at, bits)), "{at} {bits}");
                assert!(one_flip(&bytes, seed, offset));
                let header = damaged_header(&bytes, seed, offset).unwrap();
                assert_eq!((header.digest, header.size), (Digest([5; 20]), sound.len()), "{at}");
            }
        }
    }

    #[test]
    fn a_torn_record_does_not_look_like_a_flip() {
        let mut torn = record(5, 1500, 1, 4096);
        torn[512..1024].fill(0);
        assert!(!one_flip(&torn, 1, 4096));
        assert!(!one_flip(&vec![0; 4096], 1, 4096));
    }

    /// Three records damaged side by side: each header still says where the next one begins.
    #[test]
    fn neighbours_that_are_all_damaged_are_told_apart() {
        let mut block = vec![0; PAGE];
        for digest in 1..=5 {
            let at = block.len();
            let mut bytes = record(digest, 100, 7, at as u32);
            if (2..=4).contains(&digest) {
                bytes[60..70].fill(0xee);
            }
            block.extend(bytes);
        }
        let items = scan(&block, 7);
        assert_eq!(items.len(), 3, "{items:?}");
        let found: Vec<u8> = identify(&block, items[1], 7)
            .iter()
            .map(|item| match item.what {
                What::Damaged(header) => header.digest.0[0],
                _ => 0,
            })
            .collect();
        assert_eq!(found, [2, 3, 4]);
    }

    /// The records of a lost stretch are counted, and those after it have their own LSNs.
    #[test]
    fn what_cannot_be_told_apart_is_counted() {
        let header = BlockHeader {
            storage_id: 1,
            id: 1,
            incarnation: 1,
            sequence: 1,
            base_lsn: 100,
            first_group: 1,
            previous: 0,
            previous_end: 0,
            data_end: 128 << 10,
        };
        let seed = header.seed();
        let mut block = vec![0; PAGE];
        let mut starts = Vec::new();
        for digest in 1..=6 {
            starts.push(block.len());
            let at = block.len() as u32;
            block.extend(record(digest, 100, seed, at));
        }
        let at = block.len();
        let end = GroupEnd { group: 1, start: PAGE as u32, count: 6, base_lsn: 100 };
        let mut mark = Vec::new();
        end.encode((at + GROUP_END_MIN).next_multiple_of(PAGE) - at, &mut mark);
        flat::seal(&mut mark, seed, at as u32);
        block.extend(mark);
        block[starts[1]..starts[4]].fill(0);

        let mut lsns = Vec::new();
        let mut each = |recovered: Recovered<'_>| match recovered {
            Recovered::Record { digest, lsn, .. } => lsns.push((digest.0[0], lsn)),
            other => panic!("{other:?}"),
        };
        let mut replay = Replay::new(128 << 10, &mut each);
        replay.dictionary.put(Family::Bin, 0, "b");
        replay.check_sequence(&header);
        replay.damage = Damage::default();
        replay.block(&header, &block, scan(&block, seed), Some(106));
        assert_eq!((replay.damage.unidentified, replay.lsn), (3, 106));
        assert_eq!(lsns, [(1, 100), (5, 104), (6, 105)]);
    }
}
