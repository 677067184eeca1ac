//! A run of bits inside bytes: taken out, put back, read as a number, searched.
//!
//! Bit 0 is the most significant bit of byte 0. What is taken out is aligned to the left: its first
//! bit is the most significant bit of its first byte, and the bits after its last are zero. So every
//! operation on bits is one on whole bytes, between [`take`] and [`put`].

/// Bits `offset..offset + size` of `bytes`. The caller has checked that they are there.
pub(super) fn take(bytes: &[u8], offset: usize, size: usize) -> Vec<u8> {
    let (first, shift) = (offset / 8, offset % 8);
    let mut taken: Vec<u8> = (first..first + size.div_ceil(8))
        .map(|at| {
            let next = bytes.get(at + 1).copied().unwrap_or(0);
            (u16::from_be_bytes([bytes[at], next]) << shift >> 8) as u8
        })
        .collect();
    if let Some(last) = taken.last_mut() {
        *last &= tail_mask(size);
    }
    taken
}

/// Writes the first `size` bits of `bits` over bits `offset..offset + size` of `bytes`.
pub(super) fn put(bytes: &mut [u8], offset: usize, size: usize, bits: &[u8]) {
    let (first, shift) = (offset / 8, offset % 8);
    for (at, byte) in bits.iter().enumerate().take(size.div_ceil(8)) {
        let last = (at + 1) * 8 >= size;
        let mask = if last { tail_mask(size) } else { 0xFF };
        let [mask, mask_next] = (u16::from(mask) << 8 >> shift).to_be_bytes();
        let [bit, bit_next] = (u16::from(*byte) << 8 >> shift).to_be_bytes();
        let here = first + at;
        bytes[here] = bytes[here] & !mask | bit & mask;
        if mask_next != 0 {
            bytes[here + 1] = bytes[here + 1] & !mask_next | bit_next & mask_next;
        }
    }
}

/// The bits that count in the last byte of `size` bits.
fn tail_mask(size: usize) -> u8 {
    match size % 8 {
        0 => 0xFF,
        used => 0xFF << (8 - used),
    }
}

/// The bits moved by `by` places to the left, zeros following.
pub(super) fn shift_left(bits: &[u8], by: usize) -> Vec<u8> {
    let (whole, part) = (by / 8, by % 8);
    let byte = |at: usize| bits.get(at).copied().unwrap_or(0);
    (0..bits.len())
        .map(|at| {
            let pair = [byte(at.saturating_add(whole)), byte(at.saturating_add(whole + 1))];
            (u16::from_be_bytes(pair) << part >> 8) as u8
        })
        .collect()
}

/// The bits moved by `by` places to the right, zeros in front.
pub(super) fn shift_right(bits: &[u8], by: usize) -> Vec<u8> {
    let (whole, part) = (by / 8, by % 8);
    let byte = |at: Option<usize>| at.map_or(0, |at| bits[at]);
    (0..bits.len())
        .map(|at| {
            let pair = [byte(at.checked_sub(whole + 1)), byte(at.checked_sub(whole))];
            (u16::from_be_bytes(pair) >> part) as u8
        })
        .collect()
}

/// The place of the first bit, of `size`, that is `wanted`.
pub(super) fn find_first(bits: &[u8], size: usize, wanted: bool) -> Option<usize> {
    let hit = bits.iter().position(|byte| *byte != if wanted { 0 } else { 0xFF })?;
    let byte = if wanted { bits[hit] } else { !bits[hit] };
    Some(hit * 8 + byte.leading_zeros() as usize).filter(|place| *place < size)
}

/// The place of the last bit, of `size`, that is `wanted`.
pub(super) fn find_last(bits: &[u8], size: usize, wanted: bool) -> Option<usize> {
    (0..bits.len()).rev().find_map(|at| {
        let counted = if at + 1 == bits.len() { tail_mask(size) } else { 0xFF };
        let byte = if wanted { bits[at] } else { !bits[at] } & counted;
        (byte != 0).then(|| at * 8 + 7 - byte.trailing_zeros() as usize)
    })
}

/// `size` bits, at most 64, as a number without sign.
pub(super) fn to_number(bits: &[u8], size: usize) -> u64 {
    let mut bytes = [0; 8];
    bytes[..bits.len()].copy_from_slice(bits);
    if size == 0 { 0 } else { u64::from_be_bytes(bytes) >> (64 - size) }
}

/// The low `size` bits, 1 to 64, of a number.
pub(super) fn from_number(number: u64, size: usize) -> Vec<u8> {
    (number << (64 - size)).to_be_bytes()[..size.div_ceil(8)].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_goes_back() {
        let bytes = [0xC1, 0xAA, 0xAB, 0x0F];
        for offset in 0..32 {
            for size in 0..=32 - offset {
                let taken = take(&bytes, offset, size);
                for (filler, mut other) in [(0, [0; 4]), (0xFF, [0xFF; 4])] {
                    put(&mut other, offset, size, &taken);
                    assert_eq!(take(&other, offset, size), taken, "{offset} {size}");
                    assert_eq!(take(&other, 0, offset), take(&[filler; 4], 0, offset));
                    let rest = 32 - offset - size;
                    assert_eq!(take(&other, 32 - rest, rest), take(&[filler; 4], 0, rest));
                }
            }
        }
    }

    #[test]
    fn shifts_past_the_end_leave_zeros() {
        assert_eq!(shift_left(&[0xFF, 0xFF], 9), [0xFE, 0]);
        assert_eq!(shift_right(&[0xFF, 0xFF], 9), [0, 0x7F]);
        assert_eq!(shift_left(&[0xFF], usize::MAX / 2), [0]);
        assert_eq!(shift_right(&[0xFF], 64), [0]);
    }
}
