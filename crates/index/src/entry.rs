//! The 20-byte entry: five 32-bit words, packed and unpacked.
//!
//! | word | bits, from the lowest | field |
//! |---|---|---|
//! | 0 | 32 | tag, high half: with word 1 the sort key inside a shard |
//! | 1 | 32 | tag, low half |
//! | 2 | 17 / 12 / 1 / 1 / 1 | expiry hours, set id, tombstone, in-sindex, spare |
//! | 3 | 32 | location, low |
//! | 4 | 6 / 8 / 16 / 2 | location, high; size class; generation (0 = empty slot); replication |
//!
//! Little-endian, word by word, this is also how an entry stands in a checkpoint. So a change of the
//! layout is a change of the checkpoint's format, and the spare bit is zero until it has a meaning.
//!
//! What is not here lies in the record's header on the device: the whole digest, the exact
//! void-time, the last-update time.

/// Words in an entry.
pub(crate) const WORDS: usize = 5;
/// A packed entry, tag included.
pub(crate) type Words = [u32; WORDS];
/// The slot that holds nothing.
pub(crate) const EMPTY: Words = [0; WORDS];
/// Which word tells whether a slot is used.
pub(crate) const GENERATION_WORD: usize = 4;

/// Size of an entry, in memory and in a checkpoint, bytes.
pub const ENTRY_SIZE: usize = 20;

const _: () = assert!(size_of::<Words>() == ENTRY_SIZE);

const EXPIRY_BITS: u32 = 17;
const SET_BITS: u32 = 12;
const TOMBSTONE: u32 = 1 << 29;
const IN_SINDEX: u32 = 1 << 30;
const SPARE: u32 = 1 << 31;
const LOCATION_HIGH_BITS: u32 = 6;
const CLASS_SHIFT: u32 = LOCATION_HIGH_BITS;
const GENERATION_SHIFT: u32 = CLASS_SHIFT + 8;
const REPLICATION_SHIFT: u32 = GENERATION_SHIFT + 16;

/// First location that does not fit: 4 TiB in 16-byte units.
pub const LOCATION_END: u64 = 1 << (32 + LOCATION_HIGH_BITS);
/// First set id that does not fit.
pub const SET_ID_END: u16 = 1 << SET_BITS;
/// First expiry that does not fit: 14.9 years in hours.
pub const EXPIRY_HOURS_END: u32 = 1 << EXPIRY_BITS;
/// First replication state that does not fit.
pub const REPLICATION_END: u8 = 4;

/// What the index knows of one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Entry {
    /// Where the record lies, in 16-byte units. Below [`LOCATION_END`].
    pub location: u64,
    /// How much to read there: see [`model::size_class::units_of`].
    pub size_class: u8,
    /// The record's generation, 1 to 65535.
    pub generation: u16,
    /// The record's set; 0 is the null set. Below [`SET_ID_END`].
    pub set_id: u16,
    /// Hour since the namespace's epoch after which the record may be dead; 0 is never. Below
    /// [`EXPIRY_HOURS_END`]. The record itself has the exact second.
    pub expiry_hours: u32,
    /// The record is deleted, and its tombstone must not be forgotten yet.
    pub tombstone: bool,
    /// A secondary index refers to the record.
    pub in_sindex: bool,
    /// Replication state. Below [`REPLICATION_END`].
    pub replication: u8,
}

impl Entry {
    /// The entry's words. Panics when a field is out of its range: the fields come from our own
    /// layers, and cutting bits off would point at somebody else's record.
    #[inline]
    pub(crate) fn pack(&self, tag: u64) -> Words {
        assert!(self.generation != 0, "generation 0 marks an empty slot");
        assert!(self.location < LOCATION_END, "location {} is beyond 4 TiB", self.location);
        assert!(self.set_id < SET_ID_END, "set id {} has over 12 bits", self.set_id);
        assert!(self.expiry_hours < EXPIRY_HOURS_END, "{} h is over 17 bits", self.expiry_hours);
        assert!(self.replication < REPLICATION_END, "{} is over 2 bits", self.replication);
        let tombstone = if self.tombstone { TOMBSTONE } else { 0 };
        let in_sindex = if self.in_sindex { IN_SINDEX } else { 0 };
        [
            (tag >> 32) as u32,
            tag as u32,
            self.expiry_hours | u32::from(self.set_id) << EXPIRY_BITS | tombstone | in_sindex,
            self.location as u32,
            (self.location >> 32) as u32
                | u32::from(self.size_class) << CLASS_SHIFT
                | u32::from(self.generation) << GENERATION_SHIFT
                | u32::from(self.replication) << REPLICATION_SHIFT,
        ]
    }

    /// The entry of these words.
    #[inline]
    pub(crate) fn unpack(words: Words) -> Entry {
        let [_, _, meta, _, high] = words;
        Entry {
            location: location_of(words),
            size_class: (high >> CLASS_SHIFT) as u8,
            generation: (high >> GENERATION_SHIFT) as u16,
            set_id: (meta >> EXPIRY_BITS) as u16 & (SET_ID_END - 1),
            expiry_hours: meta & (EXPIRY_HOURS_END - 1),
            tombstone: meta & TOMBSTONE != 0,
            in_sindex: meta & IN_SINDEX != 0,
            replication: (high >> REPLICATION_SHIFT) as u8,
        }
    }
}

/// The words as bytes of a checkpoint.
#[inline]
pub(crate) fn to_bytes(words: Words) -> [u8; ENTRY_SIZE] {
    let mut bytes = [0; ENTRY_SIZE];
    for (to, word) in bytes.as_chunks_mut().0.iter_mut().zip(words) {
        *to = word.to_le_bytes();
    }
    bytes
}

/// The words that [`to_bytes`] wrote.
#[inline]
pub(crate) fn from_bytes(bytes: &[u8; ENTRY_SIZE]) -> Words {
    let words = bytes.as_chunks().0;
    std::array::from_fn(|n| u32::from_le_bytes(words[n]))
}

/// Whether [`Entry::pack`] could have made these words.
#[inline]
pub(crate) fn is_entry(words: Words) -> bool {
    is_used(words[GENERATION_WORD]) && words[2] & SPARE == 0
}

/// Whether a slot with this [`GENERATION_WORD`] holds an entry.
#[inline]
pub(crate) fn is_used(generation_word: u32) -> bool {
    (generation_word >> GENERATION_SHIFT) as u16 != 0
}

/// The location in these words.
#[inline]
pub(crate) fn location_of(words: Words) -> u64 {
    let high = words[4] & ((1 << LOCATION_HIGH_BITS) - 1);
    u64::from(high) << 32 | u64::from(words[3])
}

/// The tag in these words.
#[inline]
pub(crate) fn tag_of(words: Words) -> u64 {
    u64::from(words[0]) << 32 | u64::from(words[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRY: Entry = Entry {
        location: 0x2a_1234_5678,
        size_class: 0x9c,
        generation: 0xbeef,
        set_id: 0xabc,
        expiry_hours: 0x1_5555,
        tombstone: true,
        in_sindex: false,
        replication: 2,
    };

    /// Sets one field to its least and greatest value in turn: no field may leak into another.
    #[test]
    fn every_field_survives_at_both_ends() {
        let ends: [fn(&mut Entry, bool); 8] = [
            |e, high| e.location = if high { LOCATION_END - 1 } else { 0 },
            |e, high| e.size_class = if high { 255 } else { 0 },
            |e, high| e.generation = if high { u16::MAX } else { 1 },
            |e, high| e.set_id = if high { SET_ID_END - 1 } else { 0 },
            |e, high| e.expiry_hours = if high { EXPIRY_HOURS_END - 1 } else { 0 },
            |e, high| e.tombstone = high,
            |e, high| e.in_sindex = high,
            |e, high| e.replication = if high { 3 } else { 0 },
        ];
        for set in ends {
            for high in [false, true] {
                for tag in [0, 0x0123_4567_89ab_cdef, u64::MAX] {
                    let mut entry = ENTRY;
                    set(&mut entry, high);
                    let words = entry.pack(tag);
                    assert_eq!((Entry::unpack(words), tag_of(words)), (entry, tag));
                    assert!(is_entry(words));
                    assert_eq!(from_bytes(&to_bytes(words)), words);
                }
            }
        }
        assert!(!is_used(EMPTY[GENERATION_WORD]) && !is_entry(EMPTY));
        let [a, b, meta, c, d] = ENTRY.pack(1);
        assert!(!is_entry([a, b, meta | SPARE, c, d]));
    }

    #[test]
    fn a_checkpoint_has_words_low_byte_first() {
        let bytes = to_bytes([0x0403_0201, 0x0807_0605, 9, 10, 0x1413_1211]);
        let expected = [1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 0, 0, 10, 0, 0, 0, 0x11, 0x12, 0x13, 0x14];
        assert_eq!(bytes, expected);
    }

    #[test]
    #[should_panic(expected = "beyond 4 TiB")]
    fn a_location_that_does_not_fit_is_refused() {
        Entry { location: LOCATION_END, ..ENTRY }.pack(0);
    }
}
