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
//! | 36 | | void-time 4 if flagged; set id 2 if flagged; user key if flagged (a value); |
//! | | | if flagged: count of bins as LEB128, then per bin its id as LEB128 and its value |
//! | | | zeros up to the length |
//!
//! | bit | flag |
//! |---|---|
//! | 23 | void-time present |
//! | 24 | set id present (absent: the null set) |
//! | 25 | user key present |
//! | 26 | bins present |
//! | 27 | reserved: the LSN follows the header (copies that defragmentation will make) |
//! | 28..=31 | reserved, zero |
//!
//! | kind | record | after the header |
//! |---|---|---|
//! | 0 | record | as above |
//! | 1 | tombstone: the digest is deleted | as above, no bins |
//! | 2, 3 | name of a set, of a bin | id 2, length 1, name |
//! | 4 | truncate | set id 2 (0xffff = every set), last update time 8 |
//! | 5 | end of a commit group | group number 8, offset of the group 4, records in it 4, first LSN 8 |
//!
//! The CRC's beginning makes stale bytes of an earlier life of the block, and sectors that went to
//! a wrong place, fail like flipped bits do. LSNs are not stored: records of kinds 0 to 4 count up
//! from the group's first LSN. Kinds 2, 3, 4 are written twice, at two offsets.

use model::{Digest, Error, ErrorKind, Key, Name, Result, Value, ValueType};

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
const RESERVED: u32 =
    !(LENGTH_MASK | 7 << KIND_SHIFT | HAS_VOID_TIME | HAS_SET | HAS_KEY | HAS_BINS);
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
}

impl Kind {
    fn from_bits(bits: u32) -> Option<Kind> {
        use Kind::*;
        [Record, Tombstone, SetName, BinName, Truncate, GroupEnd].get(bits as usize).copied()
    }

    /// Whether records of this kind take an LSN.
    pub(crate) fn counts(self) -> bool {
        self != Kind::GroupEnd
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

    /// Reads the header of the record at the front of `bytes` if the whole record is there and its
    /// checksum is right for this place.
    pub(crate) fn verify(bytes: &[u8], seed: u32, offset: u32) -> Option<Header> {
        let header = Header::parse(bytes)?;
        let body = bytes.get(..header.size)?;
        (stored_crc(body) == crc(body, seed, offset)).then_some(header)
    }
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

/// Replaces `out` by the record, checksum still missing.
pub(crate) fn encode(content: &Content<'_>, out: &mut Vec<u8>) {
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
    let size = out.len();
    finish(out, content.kind, flags, size);
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
    let body = record.get(HEADER_SIZE..)?;
    let (head, rest) = body.split_first_chunk::<3>()?;
    let name = std::str::from_utf8(rest.get(..usize::from(head[2]))?).ok()?;
    Some((u16::from_le_bytes([head[0], head[1]]), name))
}

/// Reads set id and time out of a verified truncate marker.
pub(crate) fn decode_truncate(record: &[u8]) -> Option<(u16, u64)> {
    let body = record.get(HEADER_SIZE..)?;
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
    has_key: bool,
    has_bins: bool,
    rest: &'a [u8],
}

impl<'a> Metadata<'a> {
    /// Reads the fixed optional fields of a verified record.
    pub(crate) fn decode(record: &'a [u8], header: &Header) -> Result<Metadata<'a>> {
        let mut rest = record.get(HEADER_SIZE..).unwrap_or_default();
        let mut field = |flag, size| -> Result<u32> {
            let mut bytes = [0; 4];
            if header.flags & flag != 0 {
                bytes[..size].copy_from_slice(value::take(&mut rest, size)?);
            }
            Ok(u32::from_le_bytes(bytes))
        };
        let void_time = field(HAS_VOID_TIME, 4)?;
        let set_id = field(HAS_SET, 2)? as u16;
        let (has_key, has_bins) = (header.flags & HAS_KEY != 0, header.flags & HAS_BINS != 0);
        Ok(Metadata { void_time, set_id, has_key, has_bins, rest })
    }

    /// Reads key and wanted bins.
    pub(crate) fn decode_body(
        &self,
        names: &Dictionary,
        select: BinSelect<'_>,
    ) -> Result<(Option<Key>, Bins)> {
        let mut rest = self.rest;
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

    /// Reads the type of the key, and name and type of each bin into `bins`.
    pub(crate) fn decode_shape(
        &self,
        names: &Dictionary,
        bins: &mut Vec<(Name, ValueType)>,
    ) -> Result<Option<ValueType>> {
        bins.clear();
        let mut rest = self.rest;
        let key = self.has_key.then(|| value::skip(&mut rest)).transpose()?;
        if self.has_bins {
            for _ in 0..value::take_varint(&mut rest)? {
                let name = bin_name(names, &mut rest)?;
                bins.push((name.clone(), value::skip(&mut rest)?));
            }
        }
        Ok(key)
    }
}

fn bin_name<'a>(names: &'a Dictionary, rest: &mut &[u8]) -> Result<&'a Name> {
    let id = value::take_varint(rest)?;
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
        names.put(Family::Bin, 0, "a");
        names.put(Family::Bin, 300, "b");
        names.put(Family::Set, 9, "s");
        names
    }

    fn record() -> Vec<u8> {
        let bins =
            [(Name::from("a"), Value::Integer(7)), (Name::from("b"), Value::String("x".into()))];
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
        encode(&content, &mut bytes);
        seal(&mut bytes, 1, 4096);
        bytes
    }

    fn decode_all(bytes: &[u8], header: &Header, names: &Dictionary) -> Result<()> {
        let meta = Metadata::decode(bytes, header)?;
        meta.decode_shape(names, &mut Vec::new())?;
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
        assert!(Header::verify(&bytes, 2, 4096).is_none(), "another block or incarnation");
        assert!(Header::verify(&bytes, 1, 4112).is_none(), "another offset");
        assert!(Header::verify(&bytes[..48], 1, 4096).is_none(), "cut short");
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 0x20;
            assert!(Header::verify(&flipped, 1, 4096).is_none(), "byte {at}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_decode_without_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Some(header) = Header::parse(&bytes) {
                let _ = decode_all(&bytes, &header, &dictionary());
            }
            if let Some(word) = bytes.get_mut(4..8) {
                // The shape is right, everything behind it is chance.
                word.copy_from_slice(&(4 | HAS_VOID_TIME | HAS_SET | HAS_KEY | HAS_BINS).to_le_bytes());
                if let Some(header) = Header::parse(&bytes) {
                    let _ = decode_all(&bytes, &header, &dictionary());
                }
            }
            let _ = (decode_name(&bytes), decode_truncate(&bytes), GroupEnd::decode(&bytes));
        }
    }

    #[test]
    fn system_records() {
        let mut bytes = Vec::new();
        encode_name(Kind::BinName, 513, "né", &mut bytes);
        assert_eq!(decode_name(&bytes), Some((513, "né")));
        encode_truncate(EVERY_SET, u64::MAX, &mut bytes);
        assert_eq!(decode_truncate(&bytes), Some((EVERY_SET, u64::MAX)));
        let end = GroupEnd { group: 1 << 40, start: 4096, count: 3, base_lsn: 1 << 47 };
        end.encode(GROUP_END_MIN, &mut bytes);
        assert_eq!((GroupEnd::decode(&bytes), bytes.len()), (Some(end), GROUP_END_MIN));
    }
}
