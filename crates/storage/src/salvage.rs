//! From the bytes of one block back to its records: what is there, what is torn, what is damaged.
//!
//! 1. The block is cut into records, each one verified. Where one fails, the next valid one is
//!    searched in steps of 16 bytes; what lies between is a bad span.
//! 2. Bad bytes in the last group of a stream, which nothing proves, are a torn write that was never
//!    acknowledged: the stream ends before that group. (Unless exactly one byte of one record is
//!    wrong: a torn write does not look like that.) What an earlier life of the block left behind
//!    the end fails its checksums.
//! 3. Bad bytes anywhere else are damage to acknowledged data. The span says how long the record
//!    is; a single wrong byte is found by running the checksum backwards, so that a damaged header
//!    still tells its digest. The record is reported as damaged: it must never be "not found", and
//!    never an older version of itself.
//! 4. Each record gets its LSN: its own if it carries one, else from the group it is in.
//!
//! Always true: nothing is reported that was not verified, but for the identity of damaged records;
//! one wrong byte anywhere costs at most the record that it is in.

use crate::block::PAGE;
use crate::flat::{self, GROUP_END_MIN, GroupEnd, HEADER_SIZE, Header, Kind, UNIT};

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

impl Damage {
    pub(crate) fn add(&mut self, other: Damage) {
        self.records += other.records;
        self.unidentified += other.unidentified;
        self.torn |= other.torn;
    }
}

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

    /// Whether this is a whole record, readable or not, that took an LSN of its group.
    fn counts(&self) -> bool {
        matches!(self.what, What::Valid(h) | What::Damaged(h) if h.kind.counts() && !h.has_lsn())
    }

    fn group_end(&self, bytes: &[u8]) -> Option<GroupEnd> {
        let What::Valid(header) = self.what else { return None };
        (header.kind == Kind::GroupEnd)
            .then(|| GroupEnd::decode(&bytes[self.at..self.end()]))
            .flatten()
    }
}

/// A record found in a block.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found {
    pub(crate) offset: u32,
    pub(crate) header: Header,
    pub(crate) lsn: u64,
    pub(crate) damaged: bool,
}

/// What a block holds.
#[derive(Debug)]
pub(crate) struct Contents {
    /// In order; commit marks left out.
    pub(crate) records: Vec<Found>,
    /// Where the records end.
    pub(crate) end: u32,
    /// Where the last readable piece of a torn group behind that ends; `end` if there is none.
    pub(crate) torn_end: u32,
    pub(crate) damage: Damage,
    /// The LSN after the last one seen.
    pub(crate) next_lsn: u64,
}

/// How far a block is known to hold what was acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// Up to this offset: its footer or the block after it says so. The LSN that follows the last
    /// of its records, if that is known.
    Proved(u32, Option<u64>),
    /// It is not the last of its stream, so all of its groups are proved, but what said where it ends
    /// is gone: up to the last group that can be found.
    Sealed,
    /// It is the last of its stream.
    Last,
}

/// Reads what a block holds out of its bytes, of which the first page is its header.
pub(crate) fn contents(
    bytes: &[u8],
    id: u64,
    seed: u32,
    base_lsn: u64,
    extent: Extent,
) -> Contents {
    let mut scan = Scan {
        id,
        lsn: base_lsn,
        contents: Contents {
            records: Vec::new(),
            end: bytes.len() as u32,
            torn_end: 0,
            damage: Damage::default(),
            next_lsn: base_lsn,
        },
    };
    match extent {
        Extent::Proved(end, next_lsn) => {
            let bytes = &bytes[..(end as usize).clamp(PAGE, bytes.len())];
            scan.contents.end = bytes.len() as u32;
            scan.block(bytes, cut(bytes, seed), seed, next_lsn);
        }
        Extent::Sealed => {
            let mut items = cut(bytes, seed);
            let last = items.iter().rposition(|item| item.group_end(bytes).is_some());
            items.truncate(last.map_or(0, |last| last + 1));
            scan.contents.end = items.last().map_or(PAGE, Item::end) as u32;
            scan.block(bytes, items, seed, None);
        }
        Extent::Last => scan.last_block(bytes, seed),
    }
    scan.contents.next_lsn = scan.lsn;
    scan.contents
}

/// Bytes that may be checksummed while searching for the next valid record, in blocks: garbage that
/// looks like many long records must not stop a restart.
const SEARCH_MAX: usize = 64;

/// Cuts a block's data area, `bytes[PAGE..]`, into valid records and bad spans.
fn cut(bytes: &[u8], seed: u32) -> Vec<Item> {
    let mut items = Vec::new();
    let mut at = PAGE;
    let mut budget = SEARCH_MAX * bytes.len();
    while at < bytes.len() {
        let item = match Header::verify(&bytes[at..], seed, at as u32) {
            Some(header) => Item { at, size: header.size, what: What::Valid(header) },
            None => {
                let next = next_valid(bytes, at + UNIT, seed, &mut budget);
                Item { at, size: next.unwrap_or(bytes.len()) - at, what: What::Bad }
            }
        };
        at = item.end();
        items.push(item);
    }
    items
}

fn next_valid(bytes: &[u8], from: usize, seed: u32, budget: &mut usize) -> Option<usize> {
    (from..bytes.len()).step_by(UNIT).find(|at| {
        let rest = &bytes[*at..];
        let size = Header::parse(rest).map_or(0, |header| header.size);
        if size == 0 || size > rest.len() || size > *budget {
            return false;
        }
        *budget -= size;
        Header::verify(rest, seed, *at as u32).is_some()
    })
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

/// The state of the scan of one block.
struct Scan {
    id: u64,
    /// LSN of the next record that takes one of its group.
    lsn: u64,
    contents: Contents,
}

impl Scan {
    /// Reads the last block of a stream, whose end is not known.
    fn last_block(&mut self, bytes: &[u8], seed: u32) {
        let mut items = cut(bytes, seed);
        let end = accepted_end(bytes, &items, seed);
        let beyond = items.iter().rfind(|item| item.at >= end && item.valid());
        self.contents.damage.torn = beyond.is_some();
        self.contents.torn_end = beyond.map_or(end, Item::end) as u32;
        items.retain(|item| item.at < end);
        if let Some(last) = items.last_mut() {
            last.size = end - last.at;
        }
        self.contents.end = end as u32;
        self.block(bytes, items, seed, None);
    }

    /// Reads a block, group by group. `next_lsn` is the LSN after its last record, if known.
    fn block(&mut self, bytes: &[u8], items: Vec<Item>, seed: u32, next_lsn: Option<u64>) {
        let mut group = Vec::new();
        for item in items {
            match (item.what, item.group_end(bytes)) {
                (What::Bad, _) => group.extend(identify(bytes, item, seed)),
                (_, None) => group.push(item),
                (_, Some(end)) => {
                    // Records from before the group's start had a group end that is damaged now.
                    let first = group.iter().position(|item| item.at >= end.start as usize);
                    let rest = group.split_off(first.unwrap_or(group.len()));
                    // Copies are not counted: they have LSNs of their own.
                    let known = |lsn| (end.count > 0).then_some(lsn);
                    self.records(bytes, &group, known(end.base_lsn));
                    self.lsn = end.base_lsn;
                    self.records(bytes, &rest, known(end.base_lsn + u64::from(end.count)));
                    group.clear();
                }
            }
        }
        if !group.is_empty() {
            self.records(bytes, &group, next_lsn);
        }
    }

    /// Reads records that follow each other, up to the LSN that the next one has.
    fn records(&mut self, bytes: &[u8], items: &[Item], next_lsn: Option<u64>) {
        let known = items.iter().filter(|item| item.counts()).count() as u64;
        let mut lost = next_lsn.map(|next| next.saturating_sub(self.lsn + known));
        if items.iter().all(|item| matches!(item.what, What::Valid(_) | What::Damaged(_))) {
            // What is missing was in the bad span before these.
            let lost = lost.take().unwrap_or(0);
            self.lsn += lost;
            self.contents.damage.unidentified += lost;
        }
        for item in items {
            match item.what {
                What::Valid(header) => self.record(bytes, item, header, false),
                What::Damaged(header) => self.record(bytes, item, header, true),
                What::Bad | What::Unknown => {
                    let lost = lost.replace(0).unwrap_or(1);
                    self.lsn += lost;
                    self.contents.damage.unidentified += lost;
                    let (block, at, size) = (self.id, item.at, item.size);
                    tracing::error!(block, at, size, lost, "damaged beyond recognition");
                }
            }
            self.lsn += u64::from(item.counts());
        }
        if let Some(next) = next_lsn {
            self.lsn = next;
        }
    }

    fn record(&mut self, bytes: &[u8], item: &Item, header: Header, damaged: bool) {
        let (block, offset) = (self.id, item.at as u32);
        if damaged {
            if !header.kind.of_user() {
                let kind = header.kind;
                tracing::warn!(block, offset, ?kind, "damaged, nothing is lost with it");
                return;
            }
            let digest = header.digest;
            tracing::error!(block, offset, %digest, "a record is damaged: its reads are errors");
            self.contents.damage.records += 1;
        }
        if header.kind == Kind::GroupEnd {
            return;
        }
        let lsn = flat::lsn_of(&bytes[item.at..item.end()], &header).unwrap_or(self.lsn);
        self.contents.records.push(Found { offset, header, lsn, damaged });
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
    use model::{Digest, Name};

    use super::*;
    use crate::Compression;

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
        flat::encode(&content, Compression::None, &mut bytes);
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
        let items = cut(&block, 7);
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
        let seed = 99;
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

        let extent = Extent::Proved(block.len() as u32, Some(106));
        let contents = contents(&block, 1, seed, 100, extent);
        assert_eq!((contents.damage.unidentified, contents.next_lsn), (3, 106));
        let lsns: Vec<_> =
            contents.records.iter().map(|found| (found.header.digest.0[0], found.lsn)).collect();
        assert_eq!(lsns, [(1, 100), (5, 104), (6, 105)]);
    }
}
