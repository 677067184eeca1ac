//! The rows of a batch.

use model::Digest;

use crate::bytes::Reader;
use crate::message::{Fields, Header, Message, Ops};
use crate::{Malformed, Result};

/// Bits of a row's kind.
mod kind {
    pub(super) const REPEAT: u8 = 0x01;
    pub(super) const INFO: u8 = 0x02;
    pub(super) const GENERATION: u8 = 0x04;
    pub(super) const TTL: u8 = 0x08;
    pub(super) const INFO4: u8 = 0x10;
    pub(super) const ALL: u8 = 0x1f;
}

/// Bits of a batch.
pub mod flags {
    /// A row that fails does not end the batch.
    pub const ANSWER_ALL: u8 = 0x04;
}

/// One row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row<'a> {
    /// Its place in the caller's list; the answer says it.
    pub index: u32,
    /// The record.
    pub digest: Digest,
    /// Whether it asks for what the row before asks for.
    pub repeats: bool,
    /// What it asks for. The header has no timeout and no result.
    pub message: Message<'a>,
}

/// The rows of a batch, not yet read.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a> {
    /// Rows as announced.
    pub count: u32,
    /// [`flags`].
    pub flags: u8,
    rest: Reader<'a>,
}

const WRONG: &str = "a batch that is shorter than its rows";

impl<'a> Batch<'a> {
    /// The beginning of a batch's field.
    pub fn parse(field: &'a [u8]) -> Result<Batch<'a>> {
        let mut from = Reader(field);
        let (count, flags) = (from.u32(WRONG)?, from.u8(WRONG)?);
        Ok(Batch { count, flags, rest: from })
    }

    /// Its rows, in order. Ends with the first one that is malformed.
    pub fn rows(&self) -> impl Iterator<Item = Result<Row<'a>>> + use<'a> {
        let (mut from, mut left) = (self.rest, self.count);
        let mut before = None;
        std::iter::from_fn(move || {
            left = left.checked_sub(1)?;
            let row = read_row(&mut from, &before);
            match &row {
                Ok(row) => before = Some(row.message),
                Err(_) => left = 0,
            }
            Some(row)
        })
    }
}

fn read_row<'a>(from: &mut Reader<'a>, before: &Option<Message<'a>>) -> Result<Row<'a>> {
    let (index, digest) = (from.u32(WRONG)?, from.digest(WRONG)?);
    let kind = from.u8(WRONG)?;
    if kind & !kind::ALL != 0 {
        return Err(Malformed("a row of a batch of unknown kind"));
    }
    if kind & kind::REPEAT != 0 {
        let message = before.ok_or(Malformed("the first row of a batch repeats nothing"))?;
        return Ok(Row { index, digest, repeats: true, message });
    }
    let mut header = Header { info1: from.u8(WRONG)?, ..Header::default() };
    if kind & kind::INFO != 0 {
        (header.info2, header.info3) = (from.u8(WRONG)?, from.u8(WRONG)?);
    }
    if kind & kind::INFO4 != 0 {
        header.info4 = from.u8(WRONG)?;
    }
    if kind & kind::GENERATION != 0 {
        header.generation = from.u16(WRONG)?.into();
    }
    if kind & kind::TTL != 0 {
        header.ttl = from.u32(WRONG)?;
    }
    let (fields, ops) = (from.u16(WRONG)?, from.u16(WRONG)?);
    let fields = Fields::parse(from, fields)?;
    let ops = Ops::parse(from, ops)?;
    Ok(Row { index, digest, repeats: false, message: Message { header, fields, ops } })
}

/// A batch that is being written: rows one after the other, then [`BatchOut::end`].
pub struct BatchOut {
    bytes: Vec<u8>,
    count: u32,
}

impl BatchOut {
    /// A batch with these [`flags`].
    pub fn new(flags: u8) -> BatchOut {
        BatchOut { bytes: vec![0, 0, 0, 0, flags], count: 0 }
    }

    /// Appends a row that says what it asks for. `parts` has fields and operations, as they stand
    /// in a message behind its counts.
    pub fn row(&mut self, digest: &Digest, header: &Header, counts: (u16, u16), parts: &[u8]) {
        self.head(digest, kind::INFO | kind::GENERATION | kind::TTL);
        self.bytes.extend_from_slice(&[header.info1, header.info2, header.info3]);
        self.bytes.extend_from_slice(&(header.generation as u16).to_be_bytes());
        self.bytes.extend_from_slice(&header.ttl.to_be_bytes());
        self.bytes.extend_from_slice(&counts.0.to_be_bytes());
        self.bytes.extend_from_slice(&counts.1.to_be_bytes());
        self.bytes.extend_from_slice(parts);
    }

    /// Appends a row that asks for what the row before asks for.
    pub fn repeat(&mut self, digest: &Digest) {
        self.head(digest, kind::REPEAT);
    }

    fn head(&mut self, digest: &Digest, kind: u8) {
        self.bytes.extend_from_slice(&self.count.to_be_bytes());
        self.bytes.extend_from_slice(&digest.0);
        self.bytes.push(kind);
        self.count += 1;
    }

    /// The field.
    pub fn end(mut self) -> Vec<u8> {
        self.bytes[..4].copy_from_slice(&self.count.to_be_bytes());
        self.bytes
    }
}
