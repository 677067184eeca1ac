//! From registers to numbers of elements.

use super::sketch::{RANK_MAX, Shape, Sketch};

/// How many different elements a sketch with these ranks has seen; `ranks[r]` registers have rank
/// `r`, 0 for registers that have seen nothing.
///
/// Otmar Ertl, "New cardinality estimation algorithms for HyperLogLog sketches" (2017), algorithm 6:
/// no table, no switch between ranges, no bias to correct.
pub(super) fn count(ranks: &[u64; RANK_MAX + 1]) -> f64 {
    let registers = ranks.iter().sum::<u64>() as f64;
    let full = ranks[RANK_MAX] as f64;
    let mut z = registers * tau(1.0 - full / registers);
    for rank in (1..RANK_MAX).rev() {
        z = 0.5 * (z + ranks[rank] as f64);
    }
    z += registers * sigma(ranks[0] as f64 / registers);
    registers * registers / (2.0 * std::f64::consts::LN_2 * z)
}

/// `x + sum of x^(2^k) * 2^(k-1)`, infinite at 1.
fn sigma(x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut power, mut weight, mut sum) = (x, 1.0, x);
    loop {
        power *= power;
        let next = sum + power * weight;
        weight += weight;
        if next == sum {
            return sum;
        }
        sum = next;
    }
}

/// `(1 - x - sum of (1 - x^(2^-k))^2 * 2^-k) / 3`.
fn tau(x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut root, mut weight, mut sum) = (x, 1.0, 1.0 - x);
    loop {
        root = root.sqrt();
        weight *= 0.5;
        let next = sum - (1.0 - root).powi(2) * weight;
        if next == sum {
            return sum / 3.0;
        }
        sum = next;
    }
}

/// The share of the elements of all sketches that is in each of them, for sketches of one shape
/// with min-hash bits.
///
/// Yu and Weber, "HyperMinHash: MinHash in LogLog space" (2020): of the registers that are used, the
/// share that is equal in all sketches, less those that are expected to be equal by chance. Where
/// the paper subtracts the expected collisions `e` from `equal / used`, the share here is solved from
/// `equal / used = share + (1 - share) * e`, so that equal sketches are exactly 1.
pub(super) fn similarity(sketches: &[&Sketch]) -> f64 {
    let shape = sketches[0].shape();
    let (mut used, mut equal) = (0u64, 0u64);
    for at in 0..shape.registers() {
        let first = sketches[0].register(at);
        if sketches.iter().any(|sketch| sketch.register(at) != 0) {
            used += 1;
            equal += u64::from(sketches.iter().all(|sketch| sketch.register(at) == first));
        }
    }
    if used == 0 {
        return 0.0;
    }
    let counts: Vec<f64> = sketches.iter().map(|sketch| sketch.estimate()).collect();
    let chance = (collisions(shape, &counts) * shape.registers() as f64 / used as f64).min(1.0);
    let share = equal as f64 / used as f64;
    if chance >= 1.0 { 0.0 } else { ((share - chance) / (1.0 - chance)).clamp(0.0, 1.0) }
}

/// Resolution of the sum in [`collisions`]: the chance is smooth below 2^6 parts of a rank.
const PARTS_BITS: u8 = 6;

/// The chance that a register is used and equal in sketches of disjoint sets of these sizes.
///
/// A register is at most `v` with probability `(1 - P(element > v) / registers) ^ size`; the chance
/// of one value in all sketches is the product of the differences, summed over all values. Values
/// finer than [`PARTS_BITS`] are taken together and counted by how many they are.
fn collisions(shape: Shape, sizes: &[f64]) -> f64 {
    let parts_bits = shape.min_hash_bits().min(PARTS_BITS);
    let parts = 1u32 << parts_bits;
    let finer = f64::from(shape.min_hash_bits() - parts_bits);
    let registers = shape.registers() as f64;
    let at_most = |above: f64, size: f64| (size * (-above / registers).ln_1p()).exp();
    let mut sum = 0.0;
    let mut above = 1.0;
    for rank in 1..RANK_MAX {
        let part = 0.5f64.powi(rank as i32) / f64::from(parts);
        for _ in 0..parts {
            let next = (above - part).max(0.0);
            let all = |product, size: &f64| {
                product * (at_most(next, *size) - at_most(above, *size)).max(0.0)
            };
            sum += sizes.iter().fold(1.0, all);
            above = next;
        }
    }
    sum * 0.5f64.powf(finer * (sizes.len() as f64 - 1.0))
}
