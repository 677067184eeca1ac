//! MurmurHash3, the variant of 128 bits for 64-bit machines, seed 0.
//!
//! After Austin Appleby's public domain description (`MurmurHash3_x64_128`). What a sketch holds
//! depends on it, so it never changes.

const C1: u64 = 0x87C3_7B91_1142_53D5;
const C2: u64 = 0x4CF5_AD43_2745_937F;

/// The hash, as its two halves.
pub(super) fn murmur3(bytes: &[u8]) -> (u64, u64) {
    let (mut h1, mut h2) = (0u64, 0u64);
    let mut blocks = bytes.chunks_exact(16);
    for block in &mut blocks {
        h1 ^= mix1(little_endian(&block[..8]));
        h1 = h1.rotate_left(27).wrapping_add(h2).wrapping_mul(5).wrapping_add(0x52DC_E729);
        h2 ^= mix2(little_endian(&block[8..]));
        h2 = h2.rotate_left(31).wrapping_add(h1).wrapping_mul(5).wrapping_add(0x3849_5AB5);
    }
    let rest = blocks.remainder();
    let (low, high) = rest.split_at(rest.len().min(8));
    h2 ^= mix2(little_endian(high));
    h1 ^= mix1(little_endian(low));

    h1 ^= bytes.len() as u64;
    h2 ^= bytes.len() as u64;
    h1 = h1.wrapping_add(h2);
    h2 = h2.wrapping_add(h1);
    h1 = avalanche(h1);
    h2 = avalanche(h2);
    h1 = h1.wrapping_add(h2);
    (h1, h2.wrapping_add(h1))
}

/// Up to eight bytes as a number.
fn little_endian(bytes: &[u8]) -> u64 {
    let mut padded = [0; 8];
    padded[..bytes.len()].copy_from_slice(bytes);
    u64::from_le_bytes(padded)
}

fn mix1(k: u64) -> u64 {
    k.wrapping_mul(C1).rotate_left(31).wrapping_mul(C2)
}

fn mix2(k: u64) -> u64 {
    k.wrapping_mul(C2).rotate_left(33).wrapping_mul(C1)
}

fn avalanche(mut k: u64) -> u64 {
    k ^= k >> 33;
    k = k.wrapping_mul(0xFF51_AFD7_ED55_8CCD);
    k ^= k >> 33;
    k = k.wrapping_mul(0xC4CE_B9FE_1A85_EC53);
    k ^ k >> 33
}

#[cfg(test)]
mod tests {
    use super::murmur3;

    /// Known answers of the function, computed with an implementation of its own (Python).
    #[test]
    fn known_answers() {
        let hex = |text: &str| {
            let (h1, h2) = murmur3(text.as_bytes());
            format!("{h1:016x}{h2:016x}")
        };
        assert_eq!(hex(""), "00000000000000000000000000000000");
        assert_eq!(hex("hello"), "cbd8a7b341bd9b025b1e906a48ae1d19");
        assert_eq!(hex("hello, world"), "342fac623a5ebc8e4cdcbc079642414d");
        assert_eq!(hex("19 Jan 2038 at 3:14:07 AM"), "b89e5988b737affc664fc2950231b2cb");
        assert_eq!(
            hex("The quick brown fox jumps over the lazy dog."),
            "cd99481f9ee902c9695da1a38987b6e7"
        );
    }
}
