//! What stands behind the records of a finished block: a list of what is in it, so that a restart
//! need not read the records, and the proof that all of it was synced.
//!
//! The trailer is the block's last page, 4096 bytes:
//!
//! | offset | size | field |
//! |---|---|---|
//! | 0 | 8 | magic `AERIEFTR` |
//! | 8 | 4 | CRC-32C over everything but itself |
//! | 12 | 4 | checksum seed of the block |
//! | 16 | 4 | where the block's data ends |
//! | 20 | 4 | where the entries begin, a multiple of 4096 |
//! | 24 | 4 | bytes of entries |
//! | 28 | 4 | CRC-32C of the entries |
//! | 32 | 4 | entries; 2^32 - 1 = not written, read the records |
//! | 36 | 4 | tombstones in the block |
//! | 40 | 4 | records with a void-time |
//! | 44 | 4 | names and markers |
//! | 48 | 8 | greatest LSN of a tombstone |
//! | 56 | 2 | shapes that follow |
//! | 64 | 8 each | shape: set id 2, bin id 2 (0xffff = user key), types ever held 4 |
//!
//! An entry, in the order of the records:
//!
//! | size | field |
//! |---|---|
//! | 1 | bits 0..=2 kind; 3 void-time; 4 set id; 5 LSN; 6 offset |
//! | 1..3 | length in 16-byte units, LEB128 |
//! | 11 | first bytes of the digest: all that the index compares |
//! | 1..3 | generation, LEB128 |
//! | | if flagged: void-time 4; set id 2, else that of the entry before; LSN 6, else one more than |
//! | | that of the entry before; offset in 16-byte units 4, else where the entry before ends |
//!
//! A footer is written after the last group of its block was synced. Entries that would take more
//! than 1/16 of what stands before them are left out (and those of a block with damage, or with more
//! shapes than fit): reading records that small costs a restart
//! little more, and every record would cost a tenth more of the device for ever.

use std::collections::{BTreeMap, HashSet};

use model::ValueType;

use crate::block::{PAGE, field, put, seal, sealed};
use crate::flat::{Kind, UNIT};
use crate::value;

const MAGIC: &[u8; 8] = b"AERIEFTR";
const SHAPES_AT: usize = 64;
const SHAPES_MAX: usize = (PAGE - SHAPES_AT) / 8;
const LEFT_OUT: u32 = u32::MAX;
/// Bytes of a digest that an entry keeps: 12 bits of partition, then 72 in the index's order.
pub(crate) const TAG_SIZE: usize = 11;

const HAS_VOID_TIME: u8 = 1 << 3;
const HAS_SET: u8 = 1 << 4;
const HAS_LSN: u8 = 1 << 5;
const HAS_OFFSET: u8 = 1 << 6;

/// Of which kinds the records of a block are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) tombstones: u32,
    /// Records with a void-time.
    pub(crate) mortal: u32,
    /// Names and markers.
    pub(crate) system: u32,
    /// Greatest LSN of a tombstone.
    pub(crate) tombstone_lsn: u64,
}

/// What a restart needs to know of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Described {
    pub(crate) kind: Kind,
    pub(crate) tag: [u8; TAG_SIZE],
    pub(crate) offset: u32,
    pub(crate) units: u32,
    pub(crate) generation: u16,
    pub(crate) void_time: u32,
    pub(crate) set_id: u16,
    pub(crate) lsn: u64,
}

impl Summary {
    pub(crate) fn count(&mut self, record: &Described) {
        match record.kind {
            Kind::Tombstone => {
                self.tombstones += 1;
                self.tombstone_lsn = self.tombstone_lsn.max(record.lsn);
            }
            Kind::Record => self.mortal += u32::from(record.void_time != 0),
            _ => self.system += 1,
        }
    }
}

/// Which bins a set has, with the types that they hold: by set id and bin id, bits of types.
pub(crate) type Shapes = BTreeMap<(u16, u16), u32>;

/// The footer of a block that is being filled.
#[derive(Debug, Clone, Default)]
pub(crate) struct Builder {
    entries: Vec<u8>,
    count: u32,
    pub(crate) summary: Summary,
    shapes: Shapes,
    /// Hashes of whole shapes of records, so that the usual one costs one look-up.
    seen: HashSet<u64>,
    set_id: u16,
    lsn: u64,
    end: u32,
    /// Whether something in the block cannot be read: a restart has to look at the records.
    pub(crate) damaged: bool,
}

impl Builder {
    /// Which bins the records have.
    pub(crate) fn shapes(&self) -> &Shapes {
        &self.shapes
    }

    /// Adds a record that stands behind those added before.
    pub(crate) fn add(&mut self, record: &Described, shape: &[(u16, ValueType)]) {
        self.summary.count(record);
        if !record.kind.of_user() {
            return;
        }
        self.note_shape(record.set_id, shape);
        let mut flags = record.kind as u8;
        let mut flag = |bit, set: bool| flags |= if set { bit } else { 0 };
        flag(HAS_VOID_TIME, record.void_time != 0);
        flag(HAS_SET, record.set_id != self.set_id);
        flag(HAS_LSN, record.lsn != self.lsn + 1);
        flag(HAS_OFFSET, record.offset != self.end);
        let out = &mut self.entries;
        out.push(flags);
        value::put_varint(record.units as usize, out);
        out.extend_from_slice(&record.tag);
        value::put_varint(usize::from(record.generation), out);
        if flags & HAS_VOID_TIME != 0 {
            out.extend_from_slice(&record.void_time.to_le_bytes());
        }
        if flags & HAS_SET != 0 {
            out.extend_from_slice(&record.set_id.to_le_bytes());
        }
        if flags & HAS_LSN != 0 {
            out.extend_from_slice(&record.lsn.to_le_bytes()[..6]);
        }
        if flags & HAS_OFFSET != 0 {
            out.extend_from_slice(&(record.offset / UNIT as u32).to_le_bytes());
        }
        self.count += 1;
        self.set_id = record.set_id;
        self.lsn = record.lsn;
        self.end = record.offset + record.units * UNIT as u32;
    }

    fn note_shape(&mut self, set_id: u16, shape: &[(u16, ValueType)]) {
        // FNV-1a; two shapes of one hash would lose a type of SHOW BINS after a crash, no data.
        let step = |hash: u64, word: u64| (hash ^ word).wrapping_mul(0x100_0000_01b3);
        let start = step(0xcbf2_9ce4_8422_2325, set_id.into());
        let hash = shape.iter().fold(start, |hash, (bin, value_type)| {
            step(hash, u64::from(*bin) << 32 | u64::from(bit_of(*value_type)))
        });
        if self.seen.insert(hash) {
            for (bin, value_type) in shape {
                *self.shapes.entry((set_id, *bin)).or_default() |= bit_of(*value_type);
            }
        }
    }

    /// Whether entries are worth their bytes behind `data` bytes of records.
    fn worth_it(&self, data: u32) -> bool {
        let small = self.entries.len() * 16 <= data as usize;
        small && self.shapes.len() <= SHAPES_MAX && !self.damaged
    }

    /// Bytes that the footer takes behind a data area that ends at `end`.
    pub(crate) fn size(&self, end: u32) -> u32 {
        let entries = if self.worth_it(end) { self.entries.len() } else { 0 };
        (entries.next_multiple_of(PAGE) + PAGE) as u32
    }

    /// The footer's bytes, which belong at the end of the block.
    pub(crate) fn finish(&self, seed: u32, data_end: u32, block_size: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut count = LEFT_OUT;
        let fits = data_end + self.size(data_end) <= block_size;
        if fits && self.worth_it(data_end) {
            bytes.extend_from_slice(&self.entries);
            count = self.count;
        }
        let entries = bytes.len();
        let crc = crc32c::crc32c(&bytes);
        bytes.resize(entries.next_multiple_of(PAGE) + PAGE, 0);
        let begin = block_size - bytes.len() as u32;
        let page = bytes.len() - PAGE;
        let page = &mut bytes[page..];
        put(page, 0, MAGIC);
        let words = [seed, data_end, begin, entries as u32, crc, count];
        let summary = [self.summary.tombstones, self.summary.mortal, self.summary.system];
        for (i, word) in words.iter().chain(&summary).enumerate() {
            put(page, 12 + 4 * i, &word.to_le_bytes());
        }
        put(page, 48, &self.summary.tombstone_lsn.to_le_bytes());
        let shapes = self.shapes.iter().take(SHAPES_MAX);
        put(page, 56, &(shapes.len() as u16).to_le_bytes());
        for (i, ((set, bin), types)) in shapes.enumerate() {
            let at = SHAPES_AT + 8 * i;
            put(page, at, &set.to_le_bytes());
            put(page, at + 2, &bin.to_le_bytes());
            put(page, at + 4, &types.to_le_bytes());
        }
        seal(page);
        bytes
    }
}

/// The bit of a type in a set of types.
pub(crate) fn bit_of(value_type: ValueType) -> u32 {
    model::TypeSet::EMPTY.with(value_type).bits()
}

/// The last page of a finished block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trailer {
    pub(crate) data_end: u32,
    pub(crate) summary: Summary,
    pub(crate) shapes: Shapes,
    /// Where the entries begin, bytes, checksum, number; `None` if they were left out.
    pub(crate) entries: Option<(u32, u32, u32, u32)>,
}

impl Trailer {
    /// Reads a block's last page; `None` unless it is whole and of this life of the block.
    pub(crate) fn decode(page: &[u8], seed: u32, block_size: u32) -> Option<Trailer> {
        let word = |at| u32::from_le_bytes(field(page, at));
        if page.len() != PAGE || !sealed(page, MAGIC) || word(12) != seed {
            return None;
        }
        let (data_end, begin, size, crc, count) =
            (word(16), word(20), word(24), word(28), word(32));
        let last = block_size - PAGE as u32;
        let shapes = usize::from(u16::from_le_bytes(field(page, 56)));
        let fits = data_end as usize >= PAGE
            && data_end <= begin
            && begin <= last
            && u64::from(begin) + u64::from(size) <= u64::from(last)
            && shapes <= SHAPES_MAX;
        let shape = |i| {
            let at = SHAPES_AT + 8 * i;
            let ids =
                (u16::from_le_bytes(field(page, at)), u16::from_le_bytes(field(page, at + 2)));
            (ids, word(at + 4))
        };
        fits.then(|| Trailer {
            data_end,
            summary: Summary {
                tombstones: word(36),
                mortal: word(40),
                system: word(44),
                tombstone_lsn: u64::from_le_bytes(field(page, 48)),
            },
            shapes: (0..shapes).map(shape).collect(),
            entries: (count != LEFT_OUT).then_some((begin, size, crc, count)),
        })
    }

    /// Reads the entries out of the bytes that the trailer points at; `None` if they are damaged.
    pub(crate) fn decode_entries(&self, bytes: &[u8]) -> Option<Vec<Described>> {
        let (_, size, crc, count) = self.entries?;
        let mut rest = bytes.get(..size as usize)?;
        if crc32c::crc32c(rest) != crc {
            return None;
        }
        let mut entries = Vec::with_capacity(rest.len() / 14);
        let (mut set_id, mut lsn, mut end) = (0, 0, 0);
        for _ in 0..count {
            let entry = entry(&mut rest, set_id, lsn, end)?;
            (set_id, lsn) = (entry.set_id, entry.lsn);
            end = entry.offset.checked_add(entry.units.checked_mul(UNIT as u32)?)?;
            if (entry.offset as usize) < PAGE || end > self.data_end {
                return None;
            }
            entries.push(entry);
        }
        rest.is_empty().then_some(entries)
    }
}

fn entry(rest: &mut &[u8], set_id: u16, lsn: u64, end: u32) -> Option<Described> {
    let flags = value::take(rest, 1).ok()?[0];
    let kind = match flags & 7 {
        0 => Kind::Record,
        1 => Kind::Tombstone,
        _ => return None,
    };
    let units = u32::try_from(value::take_varint(rest).ok()?).ok()?;
    let tag = *value::take(rest, TAG_SIZE).ok()?.first_chunk()?;
    let generation = u16::try_from(value::take_varint(rest).ok()?).ok()?;
    let mut number = |flag, size| {
        let mut bytes = [0; 8];
        if flags & flag == 0 {
            return Some(None);
        }
        bytes[..size].copy_from_slice(value::take(rest, size).ok()?);
        Some(Some(u64::from_le_bytes(bytes)))
    };
    let void_time = number(HAS_VOID_TIME, 4)?.unwrap_or(0) as u32;
    let set_id = number(HAS_SET, 2)?.map_or(set_id, |id| id as u16);
    let lsn = number(HAS_LSN, 6)?.unwrap_or(lsn + 1);
    let offset = match number(HAS_OFFSET, 4)? {
        Some(units) => u32::try_from(units.checked_mul(UNIT as u64)?).ok()?,
        None => end,
    };
    Some(Described { kind, tag, offset, units, generation, void_time, set_id, lsn })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SIZE: u32 = 128 << 10;

    fn records() -> Vec<Described> {
        let record = |i: u32| Described {
            kind: if i % 5 == 4 { Kind::Tombstone } else { Kind::Record },
            tag: [i as u8; TAG_SIZE],
            offset: 4096 + i * 1024 + if i > 20 { 4096 } else { 0 },
            units: 64,
            generation: (i * 1000) as u16,
            void_time: if i.is_multiple_of(3) { 1_800_000_000 + i } else { 0 },
            set_id: (i / 10) as u16,
            lsn: if i < 30 { 500 + u64::from(i) } else { 7000 - u64::from(i) },
        };
        (0..60).map(record).collect()
    }

    fn built(records: &[Described]) -> Builder {
        let mut builder = Builder::default();
        for record in records {
            builder.add(record, &[(1, ValueType::Integer), (300, ValueType::String)]);
        }
        builder
    }

    fn decode(bytes: &[u8], seed: u32) -> Option<(Trailer, Vec<Described>)> {
        let trailer = Trailer::decode(&bytes[bytes.len() - PAGE..], seed, SIZE)?;
        let (begin, ..) = trailer.entries?;
        let at = (begin as usize).checked_sub(SIZE as usize - bytes.len())?;
        let entries = trailer.decode_entries(&bytes[at..])?;
        Some((trailer, entries))
    }

    #[test]
    fn what_goes_in_comes_out() {
        let records = records();
        let builder = built(&records);
        let end = 4096 + 65 * 1024;
        let bytes = builder.finish(77, end, SIZE);
        assert_eq!(bytes.len() as u32, builder.size(end));
        let (trailer, entries) = decode(&bytes, 77).unwrap();
        assert_eq!(entries, records);
        assert_eq!((trailer.data_end, trailer.shapes.len()), (end, 12));
        assert_eq!((trailer.summary.tombstones, trailer.summary.mortal), (12, 16));
        assert!(decode(&bytes, 78).is_none(), "of another life of the block");
    }

    #[test]
    fn entries_that_cost_too_much_are_left_out() {
        let records: Vec<_> = records().into_iter().map(|r| Described { units: 4, ..r }).collect();
        let builder = built(&records);
        let bytes = builder.finish(1, 4096 + 60 * 64, SIZE);
        assert_eq!(bytes.len(), PAGE);
        let trailer = Trailer::decode(&bytes, 1, SIZE).unwrap();
        assert_eq!((trailer.entries, trailer.summary.tombstones), (None, 12));
    }

    proptest! {
        #[test]
        fn a_changed_byte_is_noticed(at in any::<prop::sample::Index>(), bits in 1..=255u8) {
            let mut bytes = built(&records()).finish(77, 4096 + 65 * 1024, SIZE);
            let at = at.index(bytes.len());
            bytes[at] ^= bits;
            if let Some((_, entries)) = decode(&bytes, 77) {
                prop_assert_eq!(entries, records(), "only padding may change unnoticed");
            }
        }

        #[test]
        fn any_entries_decode_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let crc = crc32c::crc32c(&bytes);
            let trailer = Trailer {
                data_end: SIZE,
                summary: Summary::default(),
                shapes: Shapes::new(),
                entries: Some((0, bytes.len() as u32, crc, 9)),
            };
            let _ = trailer.decode_entries(&bytes);
        }
    }
}
