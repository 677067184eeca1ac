//! The random bytes of a case.

use slt::random::Random;

/// Most random bytes of a case: a statement of a few thousand characters.
const BYTES_MAX: u64 = 4096;

/// The bytes that a case is made of, whatever other cases drew: few in most cases.
pub(crate) fn case_bytes(seed: u64, case: u64) -> Vec<u8> {
    let of_seed = Random(seed).next();
    let mut random = Random(of_seed ^ case.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let most = BYTES_MAX >> (random.next() % 6);
    let count = 16 + random.next() % most;
    (0..count).map(|_| random.next() as u8).collect()
}
