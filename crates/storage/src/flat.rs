//! Records as bytes.
//!
//! Everything in a block's data area is a record: what users write, tombstones, names of sets and
//! bins, truncate markers, and the mark that ends a commit group. Numbers are little-endian.
//!
//! | offset | size | field |
//! |---|---|---|
//! | 0 | 4 | CRC-32C, begun with (storage id, block id, incarnation, offset in block), over 4..length |
//! | 4 | 4 | bits 0..=19 length in 16-byte units; 20..=22 kind; 23.. flags, below |
//! | 8 | 20 | digest; zero in system records |
//! | 28 | 2 | generation |
//! | 30 | 6 | last update time, ms since 1970 |
//! | 36 | | LSN 6 if flagged; void-time 4 if flagged; set id 2 if flagged; then the body: |
//! | | | user key if flagged (a value); |
//! | | | if flagged: count of bins as LEB128, then per bin its id as LEB128 and its value |
//! | | | zeros up to the length |
//!
//! A compressed body is its length before and after compression, both LEB128, and the compressed
//! bytes: an LZ4 block or a Zstandard frame.
//!
//! | bit | flag |
//! |---|---|
//! | 23 | void-time present |
//! | 24 | set id present (absent: the null set) |
//! | 25 | user key present |
//! | 26 | bins present |
//! | 27 | LSN present: a copy that defragmentation made |
//! | 28, 29 | the body is compressed: with LZ4, with Zstandard |
//! | 30, 31 | reserved, zero |
//!
//! | kind | record | after the header |
//! |---|---|---|
//! | 0 | record | as above |
//! | 1 | tombstone: the digest is deleted | as above, no bins |
//! | 2, 3 | name of a set, of a bin | id 2, length 1, name |
//! | 4 | truncate | set id 2 (0xffff = every set), last update time 8 |
//! | 5 | end of a commit group | group number 8, offset of the group 4, records in it 4, first LSN 8 |
//! | 6 | evict | void-time 4, void-time of low partitions 4, first partition above 2, count of |
//! | | | sets that are spared as LEB128, their ids as LEB128 |
//!
//! The CRC's beginning makes stale bytes of an earlier life of the block, and sectors that went to
//! a wrong place, fail like flipped bits do. In the stream of writes LSNs are not stored: records
//! count up from the group's first LSN. In the stream of copies each record has its own, behind the
//! header, names and markers too; the counts of its group ends mean nothing. Kinds 2, 3, 4 and 6 are written twice, at two offsets.

use std::borrow::Cow;

use model::{Digest, Error, ErrorKind, Head, Key, Name, Result, Rows, Value, ValueType};

use crate::Compression;
use crate::dictionary::Dictionary;
use crate::value;

/// Records begin at multiples of this many bytes; locations and lengths count in it.
pub(crate) const UNIT: usize = 16;
pub(crate) const HEADER_SIZE: usize = 36;
/// Length of the shortest possible group end.
pub(crate) const GROUP_END_MIN: usize = 64;
const _: () = assert!(GROUP_END_MIN >= HEADER_SIZE + 24 && GROUP_END_MIN.is_multiple_of(UNIT));
/// Set id of a truncate marker for every set.
pub(crate) const EVERY_SET: u16 = 0xffff;

const LENGTH_MASK: u32 = (1 << 20) - 1;
const KIND_SHIFT: u32 = 20;
const HAS_VOID_TIME: u32 = 1 << 23;
const HAS_SET: u32 = 1 << 24;
const HAS_KEY: u32 = 1 << 25;
const HAS_BINS: u32 = 1 << 26;
const HAS_LSN: u32 = 1 << 27;
const LZ4: u32 = 1 << 28;
const ZSTD: u32 = 1 << 29;
const RESERVED: u32 = 3 << 30;
const LSN_SIZE: usize = 6;
/// Largest body that decompression may claim: no larger record is taken, compressed or not.
const BODY_MAX: usize = model::limits::RECORD_SIZE_MAX;
const LUT_MAX: u64 = (1 << 48) - 1;

/// What a stored record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Record = 0,
    Tombstone = 1,
    SetName = 2,
    BinName = 3,
    Truncate = 4,
    GroupEnd = 5,
    Evict = 6,
}

impl Kind {
    fn from_bits(bits: u32) -> Option<Kind> {
        use Kind::*;
        let kinds = [Record, Tombstone, SetName, BinName, Truncate, GroupEnd, Evict];
        kinds.get(bits as usize).copied()
    }

    /// Whether records of this kind take an LSN in the stream of writes.
    pub(crate) fn counts(self) -> bool {
        self != Kind::GroupEnd
    }

    /// Whether a user's record is named by its digest.
    pub(crate) fn of_user(self) -> bool {
        matches!(self, Kind::Record | Kind::Tombstone)
    }
}

/// The first 36 bytes of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) kind: Kind,
    flags: u32,
    /// Whole length, bytes.
    pub(crate) size: usize,
    pub(crate) digest: Digest,
    pub(crate) generation: u16,
    pub(crate) lut_ms: u64,
}

impl Header {
    /// Reads a header whose shape is possible; says nothing about its checksum.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Header> {
        let head: &[u8; HEADER_SIZE] = bytes.first_chunk()?;
        let word = u32::from_le_bytes(*head[4..].first_chunk()?);
        let size = (word & LENGTH_MASK) as usize * UNIT;
        if word & RESERVED != 0 || size < HEADER_SIZE {
            return None;
        }
        let mut lut = [0; 8];
        lut[..6].copy_from_slice(&head[30..36]);
        Some(Header {
            kind: Kind::from_bits(word >> KIND_SHIFT & 7)?,
            flags: word,
            size,
            digest: Digest(*head[8..].first_chunk()?),
            generation: u16::from_le_bytes([head[28], head[29]]),
            lut_ms: u64::from_le_bytes(lut),
        })
    }

    /// The length that the record at the front of `bytes` claims.
    #[inline]
    pub(crate) fn claimed_size(bytes: &[u8]) -> usize {
        let word = bytes.get(4..8).and_then(|word| word.first_chunk());
        word.map_or(0, |word| (u32::from_le_bytes(*word) & LENGTH_MASK) as usize * UNIT)
    }

    /// Whether the record carries its LSN.
    pub(crate) fn has_lsn(&self) -> bool {
        self.flags & HAS_LSN != 0
    }

    /// Reads the header of the record at the front of `bytes` if the whole record is there and its
    /// checksum is right for this place.
    pub(crate) fn verify(bytes: &[u8], seed: u32, offset: u32) -> Option<Header> {
        let header = Header::parse(bytes)?;
        let body = bytes.get(..header.size)?;
        (stored_crc(body) == crc(body, seed, offset)).then_some(header)
    }
}

/// [`Header::verify`] in one pass over bytes that may be changed: afterwards the checksum is gone.
pub(crate) fn verify_once(bytes: &mut [u8], seed: u32, offset: u32) -> Option<Header> {
    let header = Header::parse(bytes)?;
    let record = bytes.get_mut(..header.size)?;
    let stored = stored_crc(record);
    // What the checksum begins with has its size, and takes its place.
    record[..4].copy_from_slice(&offset.to_le_bytes());
    (stored == crc32c::crc32c_append(seed, record)).then_some(header)
}

pub(crate) fn stored_crc(record: &[u8]) -> u32 {
    record.first_chunk().map_or(0, |c| u32::from_le_bytes(*c))
}

/// The checksum that `record` must carry at `offset` of the block with this `seed`.
pub(crate) fn crc(record: &[u8], seed: u32, offset: u32) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c_append(seed, &offset.to_le_bytes()), &record[4..])
}

/// Writes the checksum into a finished record.
pub(crate) fn seal(record: &mut [u8], seed: u32, offset: u32) {
    let crc = crc(record, seed, offset);
    record[..4].copy_from_slice(&crc.to_le_bytes());
}

/// What a user's write puts into a record, ids in place of names.
pub(crate) struct Content<'a> {
    pub(crate) kind: Kind,
    pub(crate) digest: Digest,
    pub(crate) set_id: u16,
    pub(crate) key: Option<&'a Key>,
    pub(crate) bin_ids: &'a [u16],
    pub(crate) bins: &'a [(Name, Value)],
    pub(crate) generation: u16,
    pub(crate) lut_ms: u64,
    pub(crate) void_time: u32,
}

/// Replaces `out` by the record, checksum still missing. Returns how many bytes it would have
/// without compression, but for padding.
pub(crate) fn encode(content: &Content<'_>, compression: Compression, out: &mut Vec<u8>) -> usize {
    let mut flags = 0;
    begin(out, &content.digest, content.generation, content.lut_ms);
    if content.void_time != 0 {
        flags |= HAS_VOID_TIME;
        out.extend_from_slice(&content.void_time.to_le_bytes());
    }
    if content.set_id != 0 {
        flags |= HAS_SET;
        out.extend_from_slice(&content.set_id.to_le_bytes());
    }
    let body = out.len();
    if let Some(key) = content.key {
        flags |= HAS_KEY;
        value::encode_key(key, out);
    }
    if !content.bins.is_empty() {
        flags |= HAS_BINS;
        value::put_varint(content.bins.len(), out);
        for (id, (_, v)) in content.bin_ids.iter().zip(content.bins) {
            value::put_varint(usize::from(*id), out);
            value::encode(v, out);
        }
    }
    let plain = out.len();
    flags |= compress(out, body, compression);
    let size = out.len();
    finish(out, content.kind, flags, size);
    plain
}

/// Compresses what begins at `body` if that saves a unit; the flag that says how.
fn compress(out: &mut Vec<u8>, body: usize, compression: Compression) -> u32 {
    let plain = &out[body..];
    let (flag, packed) = match compression {
        Compression::None => return 0,
        Compression::Lz4 => (LZ4, lz4_flex::block::compress(plain)),
        Compression::Zstd(level) => match zstd::bulk::compress(plain, level.into()) {
            Ok(packed) => (ZSTD, packed),
            Err(_) => return 0,
        },
    };
    let mut lengths = Vec::with_capacity(10);
    value::put_varint(plain.len(), &mut lengths);
    value::put_varint(packed.len(), &mut lengths);
    if lengths.len() + packed.len() + UNIT > plain.len() {
        return 0;
    }
    out.truncate(body);
    out.extend_from_slice(&lengths);
    out.extend_from_slice(&packed);
    flag
}

/// Replaces `out` by a copy of a verified record that carries its LSN, checksum still missing.
pub(crate) fn copy(record: &[u8], header: &Header, lsn: u64, out: &mut Vec<u8>) -> Result<()> {
    out.clear();
    if header.has_lsn() {
        out.extend_from_slice(&record[..header.size]);
        return Ok(());
    }
    let end = content_end(record, header)?;
    out.extend_from_slice(&record[..HEADER_SIZE]);
    out.extend_from_slice(&lsn.to_le_bytes()[..LSN_SIZE]);
    out.extend_from_slice(&record[HEADER_SIZE..end]);
    let size = out.len();
    let flags = header.flags & !(LENGTH_MASK | 7 << KIND_SHIFT) | HAS_LSN;
    finish(out, header.kind, flags, size);
    Ok(())
}

/// Replaces `out` by the tombstone of a record that expired, with the record's own LSN.
pub(crate) fn tombstone_of(header: &Header, set_id: u16, lsn: u64, out: &mut Vec<u8>) {
    begin(out, &header.digest, header.generation, header.lut_ms);
    out.extend_from_slice(&lsn.to_le_bytes()[..LSN_SIZE]);
    let mut flags = HAS_LSN;
    if set_id != 0 {
        flags |= HAS_SET;
        out.extend_from_slice(&set_id.to_le_bytes());
    }
    let size = out.len();
    finish(out, Kind::Tombstone, flags, size);
}

/// Where the content of a verified record ends and its padding begins.
fn content_end(record: &[u8], header: &Header) -> Result<usize> {
    let record = &record[..header.size];
    if !header.kind.of_user() {
        let body = HEADER_SIZE + if header.has_lsn() { LSN_SIZE } else { 0 };
        let mut rest = &record[body..];
        match header.kind {
            Kind::SetName | Kind::BinName => {
                let size = rest.get(2).map_or(0, |size| usize::from(*size));
                value::take(&mut rest, 3 + size)?;
            }
            Kind::Truncate => drop(value::take(&mut rest, 10)?),
            _ => rest = &rest[rest.len()..],
        }
        return Ok(header.size - rest.len());
    }
    let meta = Metadata::decode(record, header)?;
    let mut rest = meta.rest;
    if header.flags & (LZ4 | ZSTD) != 0 {
        value::take_varint(&mut rest)?;
        let packed = value::take_varint(&mut rest)?;
        value::take(&mut rest, packed)?;
    } else {
        if meta.has_key {
            value::skip(&mut rest)?;
        }
        if meta.has_bins {
            for _ in 0..value::take_varint(&mut rest)? {
                value::take_varint(&mut rest)?;
                value::skip(&mut rest)?;
            }
        }
    }
    Ok(header.size - rest.len())
}

fn begin(out: &mut Vec<u8>, digest: &Digest, generation: u16, lut_ms: u64) {
    out.clear();
    out.extend_from_slice(&[0; 8]);
    out.extend_from_slice(&digest.0);
    out.extend_from_slice(&generation.to_le_bytes());
    out.extend_from_slice(&lut_ms.min(LUT_MAX).to_le_bytes()[..6]);
}

/// Pads to `size` rounded up to units and fills in length, kind and flags. A length beyond its 20
/// bits belongs to a record that the caller refuses for its size.
fn finish(out: &mut Vec<u8>, kind: Kind, flags: u32, size: usize) {
    let units = size.div_ceil(UNIT);
    out.resize(units * UNIT, 0);
    let word = (units as u32 & LENGTH_MASK) | (kind as u32) << KIND_SHIFT | flags;
    out[4..8].copy_from_slice(&word.to_le_bytes());
}

fn encode_system(out: &mut Vec<u8>, kind: Kind, size: Option<usize>, parts: &[&[u8]]) {
    begin(out, &Digest([0; 20]), 0, 0);
    parts.iter().for_each(|part| out.extend_from_slice(part));
    let size = size.unwrap_or(out.len());
    finish(out, kind, 0, size);
}

/// Replaces `out` by the record that gives a set or a bin its id. Names have at most 255 bytes.
pub(crate) fn encode_name(kind: Kind, id: u16, name: &str, out: &mut Vec<u8>) {
    encode_system(out, kind, None, &[&id.to_le_bytes(), &[name.len() as u8], name.as_bytes()]);
}

/// Replaces `out` by a truncate marker.
pub(crate) fn encode_truncate(set_id: u16, before_lut_ms: u64, out: &mut Vec<u8>) {
    let parts: [&[u8]; 2] = [&set_id.to_le_bytes(), &before_lut_ms.to_le_bytes()];
    encode_system(out, Kind::Truncate, None, &parts);
}

/// Replaces `out` by an eviction marker: void-time, void-time of the partitions below the third.
pub(crate) fn encode_evict(limits: (u32, u32, u16), spared: &[u16], out: &mut Vec<u8>) {
    let mut sets = Vec::new();
    value::put_varint(spared.len(), &mut sets);
    spared.iter().for_each(|id| value::put_varint(usize::from(*id), &mut sets));
    let (void_until, there, partitions) = limits;
    let parts: [&[u8]; 4] =
        [&void_until.to_le_bytes(), &there.to_le_bytes(), &partitions.to_le_bytes(), &sets];
    encode_system(out, Kind::Evict, None, &parts);
}

/// Reads limits and spared sets out of a verified eviction marker.
pub(crate) fn decode_evict(record: &[u8]) -> Option<((u32, u32, u16), Vec<u16>)> {
    let header = Header::parse(record)?;
    let (void_until, rest) = system_body(record, &header)?.split_first_chunk()?;
    let (there, rest) = rest.split_first_chunk()?;
    let (partitions, mut rest) = rest.split_first_chunk()?;
    let count = value::take_varint(&mut rest).ok().filter(|count| *count <= rest.len())?;
    let id = |_| value::take_varint(&mut rest).ok().and_then(|id| u16::try_from(id).ok());
    let limits = (
        u32::from_le_bytes(*void_until),
        u32::from_le_bytes(*there),
        u16::from_le_bytes(*partitions),
    );
    Some((limits, (0..count).map(id).collect::<Option<_>>()?))
}

/// What follows header and LSN of a system record.
fn system_body<'a>(record: &'a [u8], header: &Header) -> Option<&'a [u8]> {
    record.get(HEADER_SIZE + if header.has_lsn() { LSN_SIZE } else { 0 }..)
}

/// The LSN that a record carries.
pub(crate) fn lsn_of(record: &[u8], header: &Header) -> Option<u64> {
    let bytes = record.get(HEADER_SIZE..HEADER_SIZE + LSN_SIZE).filter(|_| header.has_lsn())?;
    let mut lsn = [0; 8];
    lsn[..LSN_SIZE].copy_from_slice(bytes);
    Some(u64::from_le_bytes(lsn))
}

/// The end of a commit group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GroupEnd {
    /// Number of the group, one more than that of the group before it.
    pub(crate) group: u64,
    /// Where the group begins in the block.
    pub(crate) start: u32,
    /// Records in the group that take an LSN.
    pub(crate) count: u32,
    /// LSN of the first of them.
    pub(crate) base_lsn: u64,
}

impl GroupEnd {
    /// Replaces `out` by the mark, `size` bytes long.
    pub(crate) fn encode(&self, size: usize, out: &mut Vec<u8>) {
        let parts: [&[u8]; 4] = [
            &self.group.to_le_bytes(),
            &self.start.to_le_bytes(),
            &self.count.to_le_bytes(),
            &self.base_lsn.to_le_bytes(),
        ];
        encode_system(out, Kind::GroupEnd, Some(size), &parts);
    }

    /// Reads the mark out of a verified record.
    pub(crate) fn decode(record: &[u8]) -> Option<GroupEnd> {
        let body: &[u8; 24] = record.get(HEADER_SIZE..)?.first_chunk()?;
        Some(GroupEnd {
            group: u64::from_le_bytes(*body.first_chunk()?),
            start: u32::from_le_bytes(*body[8..].first_chunk()?),
            count: u32::from_le_bytes(*body[12..].first_chunk()?),
            base_lsn: u64::from_le_bytes(*body[16..].first_chunk()?),
        })
    }
}

/// Reads id and name out of a verified name record.
pub(crate) fn decode_name(record: &[u8]) -> Option<(u16, &str)> {
    let body = system_body(record, &Header::parse(record)?)?;
    let (head, rest) = body.split_first_chunk::<3>()?;
    let name = std::str::from_utf8(rest.get(..usize::from(head[2]))?).ok()?;
    Some((u16::from_le_bytes([head[0], head[1]]), name))
}

/// Reads set id and time out of a verified truncate marker.
pub(crate) fn decode_truncate(record: &[u8]) -> Option<(u16, u64)> {
    let body = system_body(record, &Header::parse(record)?)?;
    let (id, rest) = body.split_first_chunk()?;
    Some((u16::from_le_bytes(*id), u64::from_le_bytes(*rest.first_chunk()?)))
}

/// Which bins of a record are wanted.
#[derive(Debug, Clone, Copy)]
pub enum BinSelect<'a> {
    /// Every bin.
    All,
    /// Metadata only.
    None,
    /// These, where the record has them.
    Named(&'a [Name]),
}

impl BinSelect<'_> {
    fn wants(&self, name: &Name) -> bool {
        match self {
            BinSelect::All => true,
            BinSelect::None => false,
            BinSelect::Named(names) => names.iter().any(|n| n == name),
        }
    }
}

/// Bins with their names.
pub(crate) type Bins = Vec<(Name, Value)>;

/// What stands between the header and the bins.
pub(crate) struct Metadata<'a> {
    pub(crate) void_time: u32,
    pub(crate) set_id: u16,
    flags: u32,
    has_key: bool,
    has_bins: bool,
    rest: &'a [u8],
}

impl<'a> Metadata<'a> {
    /// Reads the fixed optional fields of a verified record.
    #[inline]
    pub(crate) fn decode(record: &'a [u8], header: &Header) -> Result<Metadata<'a>> {
        let mut rest = record.get(HEADER_SIZE..).unwrap_or_default();
        let has = |flag| header.flags & flag != 0;
        if has(HAS_LSN) {
            value::take(&mut rest, LSN_SIZE)?;
        }
        let void_time = match has(HAS_VOID_TIME) {
            true => u32::from_le_bytes(value::take_array(&mut rest)?),
            false => 0,
        };
        let set_id = match has(HAS_SET) {
            true => u16::from_le_bytes(value::take_array(&mut rest)?),
            false => 0,
        };
        let (has_key, has_bins) = (header.flags & HAS_KEY != 0, header.flags & HAS_BINS != 0);
        Ok(Metadata { void_time, set_id, flags: header.flags, has_key, has_bins, rest })
    }

    /// Key and bins, decompressed.
    #[inline]
    fn body(&self) -> Result<Cow<'a, [u8]>> {
        match self.flags & (LZ4 | ZSTD) {
            0 => Ok(Cow::Borrowed(self.rest)),
            _ => self.decompressed().map(Cow::Owned),
        }
    }

    fn decompressed(&self) -> Result<Vec<u8>> {
        let wrong = |what: &str| Error::new(ErrorKind::Corrupt, format!("a stored body {what}"));
        let mut rest = self.rest;
        let size = value::take_varint(&mut rest)?;
        if size > BODY_MAX {
            return Err(wrong("claims more bytes than a record can have"));
        }
        let packed = value::take_varint(&mut rest)?;
        let packed = value::take(&mut rest, packed)?;
        let plain = if self.flags & LZ4 != 0 {
            lz4_flex::block::decompress(packed, size).ok()
        } else {
            zstd::bulk::decompress(packed, size).ok()
        };
        let plain = plain.filter(|plain| plain.len() == size);
        plain.ok_or_else(|| wrong("does not decompress"))
    }

    /// Reads key and wanted bins.
    pub(crate) fn decode_body(
        &self,
        names: &Dictionary,
        select: BinSelect<'_>,
    ) -> Result<(Option<Key>, Bins)> {
        let body = self.body()?;
        let mut rest = &*body;
        let key = self.has_key.then(|| value::decode_key(&mut rest)).transpose()?;
        let mut bins = Vec::new();
        if self.has_bins && !matches!(select, BinSelect::None) {
            for _ in 0..value::take_varint(&mut rest)? {
                let name = bin_name(names, &mut rest)?;
                if select.wants(name) {
                    bins.push((name.clone(), value::decode(&mut rest)?));
                } else {
                    value::skip(&mut rest)?;
                }
            }
        }
        Ok((key, bins))
    }

    /// Gives `rows` the record: its key if that is wanted, and the bins of these ids, each known to
    /// `rows` by its place among them.
    pub(crate) fn give(
        &self,
        header: &Header,
        names: &Dictionary,
        key: bool,
        ids: &[Option<u16>],
        rows: &mut impl Rows,
    ) -> Result<()> {
        let body = self.body()?;
        let mut rest = &*body;
        let key = match (self.has_key, key) {
            (false, _) => None,
            (true, true) => Some(value::borrow_key(&mut rest)?),
            (true, false) => value::skip(&mut rest).map(|_| None)?,
        };
        let head = Head {
            digest: header.digest,
            key,
            generation: header.generation,
            lut_ms: header.lut_ms,
            void_time: self.void_time,
            size: header.size as u32,
        };
        if !rows.record(&head) || !self.has_bins || ids.is_empty() {
            return Ok(());
        }
        let mut missing = ids.len();
        for _ in 0..value::take_varint(&mut rest)? {
            let id = value::take_varint(&mut rest)?;
            let wanted = |wanted: &Option<u16>| wanted.is_some_and(|own| usize::from(own) == id);
            if let Some(place) = ids.iter().position(wanted) {
                rows.bin(place, value::borrow(&mut rest)?);
                missing -= 1;
                if missing == 0 {
                    break;
                }
            } else {
                name_of(names, id)?;
                value::skip(&mut rest)?;
            }
        }
        Ok(())
    }

    /// Tells `each` the type of the key (as bin [`KEY_SHAPE`]) and id and type of each bin.
    pub(crate) fn shape(&self, each: &mut dyn FnMut(u16, ValueType)) -> Result<()> {
        let body = self.body()?;
        let mut rest = &*body;
        if self.has_key {
            each(KEY_SHAPE, value::skip(&mut rest)?);
        }
        if self.has_bins {
            for _ in 0..value::take_varint(&mut rest)? {
                let id = u16::try_from(value::take_varint(&mut rest)?).unwrap_or(KEY_SHAPE - 1);
                each(id, value::skip(&mut rest)?);
            }
        }
        Ok(())
    }
}

/// Where the shape of a record names its user key instead of a bin.
pub(crate) const KEY_SHAPE: u16 = u16::MAX;

fn bin_name<'a>(names: &'a Dictionary, rest: &mut &[u8]) -> Result<&'a Name> {
    let id = value::take_varint(rest)?;
    name_of(names, id)
}

fn name_of(names: &Dictionary, id: usize) -> Result<&Name> {
    u16::try_from(id).ok().and_then(|id| names.bin_name(id)).ok_or_else(|| {
        Error::new(
            ErrorKind::Corrupt,
            format!("a stored record has bin id {id}, which has no name"),
        )
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::dictionary::Family;

    fn dictionary() -> Dictionary {
        let mut names = Dictionary::new();
        names.put(Family::Bin, 0, "a", None);
        names.put(Family::Bin, 300, "b", None);
        names.put(Family::Set, 9, "s", None);
        names
    }

    fn record() -> Vec<u8> {
        record_of("x", Compression::None)
    }

    fn record_of(text: &str, compression: Compression) -> Vec<u8> {
        let bins =
            [(Name::from("a"), Value::Integer(7)), (Name::from("b"), Value::String(text.into()))];
        let content = Content {
            kind: Kind::Record,
            digest: Digest([3; 20]),
            set_id: 9,
            key: Some(&Key::Integer(5)),
            bin_ids: &[0, 300],
            bins: &bins,
            generation: 4,
            lut_ms: 123_456_789,
            void_time: 77,
        };
        let mut bytes = Vec::new();
        encode(&content, compression, &mut bytes);
        seal(&mut bytes, 1, 4096);
        bytes
    }

    fn decode_all(bytes: &[u8], header: &Header, names: &Dictionary) -> Result<()> {
        let meta = Metadata::decode(bytes, header)?;
        meta.shape(&mut |_, _| ())?;
        meta.decode_body(names, BinSelect::All)?;
        Ok(())
    }

    #[test]
    fn a_record_is_as_small_as_promised() {
        let bytes = record();
        // 36 header, 4 void-time, 2 set, 1 key, 1 count, 1 + 1 first bin, 2 + 2 second bin.
        assert_eq!(bytes.len(), 64);
        let header = Header::verify(&bytes, 1, 4096).unwrap();
        assert_eq!((header.generation, header.lut_ms), (4, 123_456_789));
        let meta = Metadata::decode(&bytes, &header).unwrap();
        assert_eq!((meta.void_time, meta.set_id), (77, 9));
        let (key, bins) = meta.decode_body(&dictionary(), BinSelect::All).unwrap();
        assert_eq!(key, Some(Key::Integer(5)));
        assert_eq!(bins[1], (Name::from("b"), Value::String("x".into())));
    }

    #[test]
    fn a_checksum_holds_in_its_place_only() {
        let bytes = record();
        assert_eq!(verify_once(&mut bytes.clone(), 1, 4096), Header::verify(&bytes, 1, 4096));
        assert!(Header::verify(&bytes, 2, 4096).is_none(), "another block or incarnation");
        assert!(Header::verify(&bytes, 1, 4112).is_none(), "another offset");
        assert!(Header::verify(&bytes[..48], 1, 4096).is_none(), "cut short");
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 0x20;
            assert!(Header::verify(&flipped, 1, 4096).is_none(), "byte {at}");
            assert!(verify_once(&mut flipped, 1, 4096).is_none(), "byte {at}");
        }
    }

    #[test]
    fn compressed_records_and_copies_say_the_same() {
        let text = "all work and no play ".repeat(40);
        let plain = record_of(&text, Compression::None);
        for compression in [Compression::None, Compression::Lz4, Compression::Zstd(3)] {
            let record = record_of(&text, compression);
            assert!(compression == Compression::None || record.len() < plain.len() / 4);
            let header = Header::parse(&record).unwrap();
            let mut copied = Vec::new();
            copy(&record, &header, 0x1234_5678_9abc, &mut copied).unwrap();
            let copy_header = Header::parse(&copied).unwrap();
            assert_eq!(lsn_of(&copied, &copy_header), Some(0x1234_5678_9abc));
            assert_eq!(lsn_of(&record, &header), None);
            for (bytes, header) in [(&record, &header), (&copied, &copy_header)] {
                let meta = Metadata::decode(bytes, header).unwrap();
                assert_eq!((meta.void_time, meta.set_id), (77, 9));
                let (key, bins) = meta.decode_body(&dictionary(), BinSelect::All).unwrap();
                assert_eq!(key, Some(Key::Integer(5)));
                assert_eq!(bins[1].1, Value::String(text.clone()));
            }
            let mut again = Vec::new();
            copy(&copied, &copy_header, 1, &mut again).unwrap();
            assert_eq!(again[4..], copied[4..], "a copy of a copy is the same");
        }
        assert_eq!(record_of("x", Compression::Zstd(1)).len(), 64, "kept plain where that is less");
    }

    proptest! {
        #[test]
        fn any_bytes_decode_without_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Some(header) = Header::parse(&bytes) {
                let _ = decode_all(&bytes, &header, &dictionary());
            }
            if bytes.len() > 8 {
                // The shape is right, everything behind it is chance.
                for how in [0, HAS_LSN, LZ4, ZSTD] {
                    let word: &mut [u8] = &mut bytes[4..8];
                    let flags = 4 | how | HAS_VOID_TIME | HAS_SET | HAS_KEY | HAS_BINS;
                    word.copy_from_slice(&flags.to_le_bytes());
                    if let Some(header) = Header::parse(&bytes).filter(|h| h.size <= bytes.len()) {
                        let _ = decode_all(&bytes, &header, &dictionary());
                        let _ = copy(&bytes, &header, 5, &mut Vec::new());
                    }
                }
            }
            let _ = (decode_name(&bytes), decode_truncate(&bytes), decode_evict(&bytes));
            let _ = GroupEnd::decode(&bytes);
        }
    }

    #[test]
    fn system_records() {
        let mut bytes = Vec::new();
        encode_name(Kind::BinName, 513, "né", &mut bytes);
        assert_eq!(decode_name(&bytes), Some((513, "né")));
        encode_truncate(EVERY_SET, u64::MAX, &mut bytes);
        assert_eq!(decode_truncate(&bytes), Some((EVERY_SET, u64::MAX)));
        encode_evict((77, 99, 8), &[3, 400], &mut bytes);
        assert_eq!(decode_evict(&bytes), Some(((77, 99, 8), vec![3, 400])));
        let end = GroupEnd { group: 1 << 40, start: 4096, count: 3, base_lsn: 1 << 47 };
        end.encode(GROUP_END_MIN, &mut bytes);
        assert_eq!((GroupEnd::decode(&bytes), bytes.len()), (Some(end), GROUP_END_MIN));
    }
}
