//! Repeatable numbers (SplitMix64).

/// A generator.
pub(crate) struct Random(u64);

/// Most random bytes of a case: a statement of a few thousand characters.
const BYTES_MAX: u64 = 4096;

impl Random {
    /// The generator of one case, whatever other cases drew.
    pub(crate) fn of_case(seed: u64, case: u64) -> Random {
        let mut of_seed = Random(seed);
        Random(of_seed.next() ^ case.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// The next 64 bits.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// The bytes that a case is made of: few in most cases.
    pub(crate) fn case_bytes(&mut self) -> Vec<u8> {
        let most = BYTES_MAX >> (self.next() % 6);
        let count = 16 + self.next() % most;
        (0..count).map(|_| self.next() as u8).collect()
    }
}
