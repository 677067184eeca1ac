//! The bytes of a sketch.

use model::msgpack;
use model::{Error, ErrorKind, Result, Value};

use super::estimate;
use super::hash::murmur3;

/// Bits of a register's rank.
const RANK_BITS: u8 = 6;
/// Largest rank.
pub(super) const RANK_MAX: usize = (1 << RANK_BITS) - 1;
/// The only layout there is.
const LAYOUT: u8 = 0;
/// Bytes in front of the registers.
const HEADER: usize = 11;
/// Where in the header the count stands that was worked out last.
const COUNT: std::ops::Range<usize> = 3..HEADER;

/// How precise a sketch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    index_bits: u8,
    min_hash_bits: u8,
}

impl Shape {
    /// `None` unless there are 4 to 16 index bits and no or 4 to 51 min-hash bits, together at most
    /// 64.
    pub fn new(index_bits: i64, min_hash_bits: i64) -> Option<Shape> {
        let fits = (4..=16).contains(&index_bits)
            && (min_hash_bits == 0 || (4..=51).contains(&min_hash_bits))
            && index_bits + min_hash_bits <= 64;
        fits.then_some(Shape { index_bits: index_bits as u8, min_hash_bits: min_hash_bits as u8 })
    }

    /// The sketch has two to the power of this registers.
    pub fn index_bits(self) -> u8 {
        self.index_bits
    }

    /// Bits of a register that tell equal ranks apart; 0 in a plain HyperLogLog.
    pub fn min_hash_bits(self) -> u8 {
        self.min_hash_bits
    }

    pub(super) fn registers(self) -> usize {
        1 << self.index_bits
    }

    fn register_bits(self) -> usize {
        usize::from(RANK_BITS + self.min_hash_bits)
    }

    /// Bytes of a sketch.
    fn size(self) -> usize {
        HEADER + (self.registers() * self.register_bits()).div_ceil(8)
    }
}

/// A sketch of a set: it knows about how many elements have been added, and remembers none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sketch {
    shape: Shape,
    bytes: Vec<u8>,
}

impl Sketch {
    /// The sketch of nothing.
    pub fn new(shape: Shape) -> Sketch {
        let mut bytes = vec![0; shape.size()];
        bytes[..3].copy_from_slice(&[LAYOUT, shape.index_bits, shape.min_hash_bits]);
        Sketch { shape, bytes }
    }

    /// The sketch that these bytes are.
    pub fn from_bytes(bytes: &[u8]) -> Result<Sketch> {
        let shape = match bytes {
            [LAYOUT, index, min_hash, ..] => Shape::new((*index).into(), (*min_hash).into()),
            _ => None,
        };
        match shape {
            Some(shape) if shape.size() == bytes.len() => {
                Ok(Sketch { shape, bytes: bytes.to_vec() })
            }
            _ => {
                let detail = format!("these {} bytes are no HyperLogLog sketch", bytes.len());
                Err(Error::new(ErrorKind::Parameter, detail))
            }
        }
    }

    /// Its bytes.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Its shape.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Adds an element. Whether the sketch is another one now.
    pub fn add(&mut self, element: &Value) -> bool {
        let (at, register) = self.seat(element);
        let new = register > self.register(at);
        if new {
            self.set_register(at, register);
            self.bytes[COUNT].fill(0);
        }
        new
    }

    /// Whether the element may have been added; if not, it has not.
    pub fn may_contain(&self, element: &Value) -> bool {
        let (at, register) = self.seat(element);
        register <= self.register(at)
    }

    /// About how many different elements have been added.
    pub fn count(&self) -> u64 {
        match self.counted() {
            0 => self.estimate().round() as u64,
            counted => counted,
        }
    }

    /// The count, kept in the bytes until an element changes it.
    pub fn refresh_count(&mut self) -> u64 {
        let count = self.count();
        self.bytes[COUNT].copy_from_slice(&count.to_be_bytes());
        count
    }

    pub(super) fn estimate(&self) -> f64 {
        let mut ranks = [0; RANK_MAX + 1];
        for at in 0..self.shape.registers() {
            ranks[(self.register(at) >> self.shape.min_hash_bits) as usize] += 1;
        }
        estimate::count(&ranks)
    }

    /// This sketch with fewer index bits, or without its min-hash bits, or both. Min-hash bits cannot
    /// be kept when the index gets shorter: what is left of it would be among them.
    pub(super) fn fold(&self, shape: Shape) -> Sketch {
        let mut folded = Sketch::new(shape);
        let dropped = self.shape.min_hash_bits - shape.min_hash_bits;
        for at in 0..self.shape.registers() {
            folded.raise(at & (shape.registers() - 1), self.register(at) >> dropped);
        }
        folded
    }

    /// Takes in all that another sketch of the same shape has seen.
    pub(super) fn merge(&mut self, other: &Sketch) {
        self.bytes[COUNT].fill(0);
        for at in 0..self.shape.registers() {
            self.raise(at, other.register(at));
        }
    }

    fn raise(&mut self, at: usize, register: u64) {
        if register > self.register(at) {
            self.set_register(at, register);
        }
    }

    fn counted(&self) -> u64 {
        let mut count = [0; 8];
        count.copy_from_slice(&self.bytes[COUNT]);
        u64::from_be_bytes(count)
    }

    /// The register of an element, and what it says there.
    ///
    /// Index and min-hash bits are the lowest of the hash's first half, the rank is the place of
    /// the lowest set bit of the second half.
    fn seat(&self, element: &Value) -> (usize, u64) {
        let (first, second) = murmur3(&msgpack::encode(element));
        let Shape { index_bits, min_hash_bits } = self.shape;
        let rank = (u64::from(second.trailing_zeros()) + 1).min(RANK_MAX as u64);
        let low = |bits: u8| (1u64 << bits) - 1;
        let min_hash = first >> index_bits & low(min_hash_bits);
        ((first & low(index_bits)) as usize, rank << min_hash_bits | min_hash)
    }

    /// A register has at most 57 bits, so that it and the bits before it in its first byte fit 64.
    pub(super) fn register(&self, at: usize) -> u64 {
        let (first, shift) = self.bits_of(at);
        self.word(first) << shift >> (64 - self.shape.register_bits())
    }

    fn set_register(&mut self, at: usize, register: u64) {
        let (first, shift) = self.bits_of(at);
        let unused = 64 - self.shape.register_bits();
        let mask = u64::MAX << unused >> shift;
        let word = self.word(first) & !mask | register << unused >> shift;
        let end = self.bytes.len().min(first + 8);
        self.bytes[first..end].copy_from_slice(&word.to_be_bytes()[..end - first]);
    }

    /// The byte in which a register begins, and its first bit there.
    fn bits_of(&self, at: usize) -> (usize, usize) {
        let bit = at * self.shape.register_bits();
        (HEADER + bit / 8, bit % 8)
    }

    /// Eight bytes, of which those behind the end are zero.
    fn word(&self, first: usize) -> u64 {
        let mut word = [0; 8];
        let bytes = &self.bytes[first..self.bytes.len().min(first + 8)];
        word[..bytes.len()].copy_from_slice(bytes);
        u64::from_be_bytes(word)
    }
}
