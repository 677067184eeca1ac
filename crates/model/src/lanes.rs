//! RIPEMD-160 of several short messages at once.
//!
//! The function is a chain of 160 steps, each of which waits for the one before it. Of several
//! messages the same step is taken side by side, in the lanes of the processor's vector registers: a
//! batch of keys costs about a sixth of what they cost one by one. The loops over lanes are plain on
//! purpose: the compiler makes vector instructions of them, and of nothing more elegant. The function
//! is that of Dobbertin, Bosselaers and Preneel, "RIPEMD-160: a strengthened version of RIPEMD" (1996);
//! the tests compare it with the crate that single keys go through.

/// Messages taken at once.
pub(crate) const LANES: usize = 8;

/// Longest message of one block, bytes: a byte of padding and eight of its length follow.
pub(crate) const MESSAGE_MAX: usize = 55;

/// One word of each message.
type Words = [u32; LANES];

/// A message of at most [`MESSAGE_MAX`] bytes with its padding.
pub(crate) fn block(parts: &[&[u8]]) -> Option<[u8; 64]> {
    let mut block = [0; 64];
    let mut length = 0;
    for part in parts {
        block.get_mut(length..length + part.len())?.copy_from_slice(part);
        length += part.len();
    }
    if length > MESSAGE_MAX {
        return None;
    }
    block[length] = 0x80;
    block[56..].copy_from_slice(&(8 * length as u64).to_le_bytes());
    Some(block)
}

/// The digests of these padded messages.
pub(crate) fn digests(blocks: &[[u8; 64]; LANES]) -> [[u8; 20]; LANES] {
    let mut message = [[0; LANES]; 16];
    for (lane, block) in blocks.iter().enumerate() {
        for (words, bytes) in message.iter_mut().zip(block.as_chunks().0) {
            words[lane] = u32::from_le_bytes(*bytes);
        }
    }
    let begin = START.map(|word| [word; LANES]);
    let (mut left, mut right) = (begin, begin);
    round::<0>(&mut left, &message, &LEFT[0]);
    round::<1>(&mut left, &message, &LEFT[1]);
    round::<2>(&mut left, &message, &LEFT[2]);
    round::<3>(&mut left, &message, &LEFT[3]);
    round::<4>(&mut left, &message, &LEFT[4]);
    round::<4>(&mut right, &message, &RIGHT[0]);
    round::<3>(&mut right, &message, &RIGHT[1]);
    round::<2>(&mut right, &message, &RIGHT[2]);
    round::<1>(&mut right, &message, &RIGHT[3]);
    round::<0>(&mut right, &message, &RIGHT[4]);
    let mut digests = [[0; 20]; LANES];
    for (lane, digest) in digests.iter_mut().enumerate() {
        for (i, bytes) in digest.as_chunks_mut::<4>().0.iter_mut().enumerate() {
            let of = |state: &[Words; 5], step: usize| state[(i + step) % 5][lane];
            let word = START[(i + 1) % 5].wrapping_add(of(&left, 2)).wrapping_add(of(&right, 3));
            *bytes = word.to_le_bytes();
        }
    }
    digests
}

/// Sixteen steps with the function of this number.
#[inline(always)]
fn round<const FUNCTION: usize>(state: &mut [Words; 5], message: &[Words; 16], round: &Round) {
    for step in 0..16 {
        let word = &message[round.words[step]];
        let rotate = round.rotations[step];
        let [a, b, c, d, e] = *state;
        let (mut next, mut rotated) = ([0; LANES], [0; LANES]);
        for lane in 0..LANES {
            let (x, y, z) = (b[lane], c[lane], d[lane]);
            let mixed = match FUNCTION {
                0 => x ^ y ^ z,
                1 => (x & y) | (!x & z),
                2 => (x | !y) ^ z,
                3 => (x & z) | (y & !z),
                _ => x ^ (y | !z),
            };
            let sum = a[lane].wrapping_add(mixed).wrapping_add(word[lane]);
            let sum = sum.wrapping_add(round.constant);
            next[lane] = sum.rotate_left(rotate).wrapping_add(e[lane]);
            rotated[lane] = y.rotate_left(10);
        }
        *state = [e, next, b, rotated, d];
    }
}

const START: [u32; 5] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];

/// Which word each of sixteen steps takes, how far it rotates, and what it adds.
struct Round {
    words: [usize; 16],
    rotations: [u32; 16],
    constant: u32,
}

const fn of(constant: u32, words: [usize; 16], rotations: [u32; 16]) -> Round {
    Round { words, rotations, constant }
}

const LEFT: [Round; 5] = [
    of(
        0,
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
        [11, 14, 15, 12, 5, 8, 7, 9, 11, 13, 14, 15, 6, 7, 9, 8],
    ),
    of(
        0x5a82_7999,
        [7, 4, 13, 1, 10, 6, 15, 3, 12, 0, 9, 5, 2, 14, 11, 8],
        [7, 6, 8, 13, 11, 9, 7, 15, 7, 12, 15, 9, 11, 7, 13, 12],
    ),
    of(
        0x6ed9_eba1,
        [3, 10, 14, 4, 9, 15, 8, 1, 2, 7, 0, 6, 13, 11, 5, 12],
        [11, 13, 6, 7, 14, 9, 13, 15, 14, 8, 13, 6, 5, 12, 7, 5],
    ),
    of(
        0x8f1b_bcdc,
        [1, 9, 11, 10, 0, 8, 12, 4, 13, 3, 7, 15, 14, 5, 6, 2],
        [11, 12, 14, 15, 14, 15, 9, 8, 9, 14, 5, 6, 8, 6, 5, 12],
    ),
    of(
        0xa953_fd4e,
        [4, 0, 5, 9, 7, 12, 2, 10, 14, 1, 3, 8, 11, 6, 15, 13],
        [9, 15, 5, 11, 6, 8, 13, 12, 5, 12, 13, 14, 11, 8, 5, 6],
    ),
];

const RIGHT: [Round; 5] = [
    of(
        0x50a2_8be6,
        [5, 14, 7, 0, 9, 2, 11, 4, 13, 6, 15, 8, 1, 10, 3, 12],
        [8, 9, 9, 11, 13, 15, 15, 5, 7, 7, 8, 11, 14, 14, 12, 6],
    ),
    of(
        0x5c4d_d124,
        [6, 11, 3, 7, 0, 13, 5, 10, 14, 15, 8, 12, 4, 9, 1, 2],
        [9, 13, 15, 7, 12, 8, 9, 11, 7, 7, 12, 7, 6, 15, 13, 11],
    ),
    of(
        0x6d70_3ef3,
        [15, 5, 1, 3, 7, 14, 6, 9, 11, 8, 12, 2, 10, 0, 4, 13],
        [9, 7, 15, 11, 8, 6, 6, 14, 12, 13, 5, 14, 13, 13, 7, 5],
    ),
    of(
        0x7a6d_76e9,
        [8, 6, 4, 1, 3, 11, 15, 0, 5, 12, 2, 13, 9, 7, 10, 14],
        [15, 5, 8, 11, 14, 14, 6, 14, 6, 9, 12, 9, 12, 5, 15, 8],
    ),
    of(
        0,
        [12, 15, 10, 4, 1, 5, 8, 7, 6, 2, 13, 14, 0, 3, 9, 11],
        [8, 5, 12, 9, 12, 5, 14, 6, 8, 13, 6, 5, 15, 13, 11, 11],
    ),
];

#[cfg(test)]
mod tests {
    use ripemd::{Digest, Ripemd160};

    use super::*;

    #[test]
    fn every_lane_gives_what_the_function_gives() {
        let text: Vec<u8> = (0..64u8).map(|i| i.wrapping_mul(37)).collect();
        for length in 0..=MESSAGE_MAX {
            let messages: Vec<&[u8]> =
                (0..LANES).map(|lane| &text[lane..(lane + length).min(60)]).collect();
            let blocks = std::array::from_fn(|lane| block(&[messages[lane]]).unwrap());
            let expected: Vec<[u8; 20]> =
                messages.iter().map(|message| Ripemd160::digest(message).into()).collect();
            assert_eq!(digests(&blocks).to_vec(), expected, "{length} bytes");
        }
    }

    #[test]
    fn a_message_of_more_than_a_block_is_not_taken() {
        assert!(block(&[&[1; 30], &[2; 25]]).is_some());
        assert!(block(&[&[1; 30], &[2; 26]]).is_none());
        assert!(block(&[&[1; 100]]).is_none());
    }
}
