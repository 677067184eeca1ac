//! The body of a data message: header, fields, operations. Also one row of a reply.

use crate::bytes::Reader;
use crate::{Malformed, Result};

/// Bytes of a header inside the body.
const HEADER_SIZE: u8 = 22;

/// What stands before fields and operations. Some numbers mean one thing in requests and another in
/// replies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Header {
    /// [`crate::flags::info1`].
    pub info1: u8,
    /// [`crate::flags::info2`].
    pub info2: u8,
    /// [`crate::flags::info3`].
    pub info3: u8,
    /// [`crate::flags::info4`].
    pub info4: u8,
    /// The result code of a reply.
    pub result: u8,
    /// The expected generation, or the record's; a partition's number where one is finished.
    pub generation: u32,
    /// Time to live as asked for, or the void time, seconds since 2010-01-01 UTC.
    pub ttl: u32,
    /// Milliseconds that the server may take; in a row of a batch the place of the row.
    pub timeout: u32,
}

/// The numbers of fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field(pub u8);

impl Field {
    /// Name of the namespace.
    pub const NAMESPACE: Field = Field(0);
    /// Name of the set.
    pub const SET: Field = Field(1);
    /// User key: particle type and value.
    pub const KEY: Field = Field(2);
    /// Digest.
    pub const DIGEST: Field = Field(4);
    /// Transaction.
    pub const TRANSACTION: Field = Field(5);
    /// The client's number for a scan, query or job.
    pub const QUERY_ID: Field = Field(7);
    /// Milliseconds that a socket may be silent.
    pub const SOCKET_TIMEOUT: Field = Field(9);
    /// Records a second at most.
    pub const RECORDS_PER_SECOND: Field = Field(10);
    /// Partitions that are wanted whole.
    pub const PARTITIONS: Field = Field(11);
    /// Digests after which partitions go on.
    pub const DIGESTS: Field = Field(12);
    /// Records at most.
    pub const MAX_RECORDS: Field = Field(13);
    /// Bin values that go with [`Field::DIGESTS`] in an index query.
    pub const BIN_VALUES: Field = Field(15);
    /// Name of a secondary index.
    pub const INDEX_NAME: Field = Field(21);
    /// Range of an index query.
    pub const INDEX_RANGE: Field = Field(22);
    /// Path inside a bin of an index query.
    pub const INDEX_CONTEXT: Field = Field(23);
    /// Expression of an index query.
    pub const INDEX_EXPRESSION: Field = Field(24);
    /// What of a bin an index query is about.
    pub const INDEX_TYPE: Field = Field(26);
    /// Module of a user-defined function.
    pub const UDF_MODULE: Field = Field(30);
    /// Name of a user-defined function.
    pub const UDF_FUNCTION: Field = Field(31);
    /// What a user-defined function is for.
    pub const UDF_OP: Field = Field(33);
    /// Arguments of a user's function, a list in MessagePack.
    pub const UDF_ARGS: Field = Field(32);
    /// Bin names of an old query.
    pub const QUERY_BINS: Field = Field(40);
    /// Rows of a batch.
    pub const BATCH: Field = Field(41);
    /// Filter expression.
    pub const FILTER: Field = Field(43);
    /// Condition in text.
    pub const WHERE: Field = Field(44);
}

/// The fields of a message, in any order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Fields<'a> {
    /// Checked: blocks of a length, a number and data.
    bytes: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(crate) fn parse(from: &mut Reader<'a>, count: u16) -> Result<Fields<'a>> {
        let all = from.0;
        for _ in 0..count {
            from.block("a field that does not fit its message")?;
        }
        Ok(Fields { bytes: &all[..all.len() - from.0.len()] })
    }

    /// The data of a field, if it is there; of a field that is there twice, the first one's.
    pub fn get(&self, field: Field) -> Option<&'a [u8]> {
        self.iter().find(|(number, _)| *number == field).map(|(_, data)| data)
    }

    /// A field that is text.
    pub fn text(&self, field: Field) -> Result<Option<&'a str>> {
        let text = |data| std::str::from_utf8(data).map_err(|_| Malformed("a name is not UTF-8"));
        self.get(field).map(text).transpose()
    }

    /// A field that is a 32-bit number.
    pub fn number32(&self, field: Field) -> Result<Option<u32>> {
        let number = |data: &[u8]| {
            let data = data.try_into().map_err(|_| Malformed("a field is not 4 bytes long"))?;
            Ok(u32::from_be_bytes(data))
        };
        self.get(field).map(number).transpose()
    }

    /// A field that is a 64-bit number.
    pub fn number64(&self, field: Field) -> Result<Option<u64>> {
        let number = |data: &[u8]| {
            let data = data.try_into().map_err(|_| Malformed("a field is not 8 bytes long"))?;
            Ok(u64::from_be_bytes(data))
        };
        self.get(field).map(number).transpose()
    }

    /// The digest, if it is there.
    pub fn digest(&self) -> Result<Option<model::Digest>> {
        let digest = |data: &[u8]| {
            let data = data.try_into().map_err(|_| Malformed("a digest is not 20 bytes long"))?;
            Ok(model::Digest(data))
        };
        self.get(Field::DIGEST).map(digest).transpose()
    }

    /// Every field.
    pub fn iter(&self) -> impl Iterator<Item = (Field, &'a [u8])> + use<'a> {
        let mut rest = Reader(self.bytes);
        std::iter::from_fn(move || {
            let (number, data) = rest.block("").ok()?.split_first()?;
            Some((Field(*number), data))
        })
    }
}

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum OpKind {
    /// Reads a bin, or all without a name.
    Read = 1,
    /// Writes a bin; without a value, removes it.
    Write = 2,
    /// Reads inside a list or map.
    CollectionRead = 3,
    /// Changes inside a list or map.
    CollectionModify = 4,
    /// Adds to a number.
    Add = 5,
    /// Gives what an expression says.
    ExpressionRead = 7,
    /// Writes what an expression says.
    ExpressionModify = 8,
    /// Adds behind a text or blob.
    Append = 9,
    /// Adds before a text or blob.
    Prepend = 10,
    /// Makes the record as of now.
    Touch = 11,
    /// Reads bits of a blob.
    BitsRead = 12,
    /// Changes bits of a blob.
    BitsModify = 13,
    /// Deletes the record.
    Delete = 14,
    /// Reads a HyperLogLog sketch.
    HllRead = 15,
    /// Changes a HyperLogLog sketch.
    HllModify = 16,
}

impl OpKind {
    /// The operation of this number.
    pub fn of(number: u8) -> Option<OpKind> {
        use OpKind::*;
        let all = [
            Read,
            Write,
            CollectionRead,
            CollectionModify,
            Add,
            ExpressionRead,
            ExpressionModify,
            Append,
            Prepend,
            Touch,
            BitsRead,
            BitsModify,
            Delete,
            HllRead,
            HllModify,
        ];
        all.into_iter().find(|kind| *kind as u8 == number)
    }

    /// Whether it leaves the record as it is.
    pub fn reads(self) -> bool {
        use OpKind::*;
        matches!(self, Read | CollectionRead | ExpressionRead | BitsRead | HllRead)
    }
}

/// One operation; in a reply, one bin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Op<'a> {
    /// The number of what it does, [`OpKind::of`].
    pub kind: u8,
    /// Particle type of the value.
    pub particle: u8,
    /// Name of the bin.
    pub bin: &'a str,
    /// The value.
    pub value: &'a [u8],
}

impl<'a> Op<'a> {
    fn parse(block: &'a [u8]) -> Result<Op<'a>> {
        const WRONG: &str = "an operation that is shorter than its parts";
        let mut from = Reader(block);
        let (kind, particle) = (from.u8(WRONG)?, from.u8(WRONG)?);
        let (flags, name_size) = (from.u8(WRONG)?, from.u8(WRONG)?);
        let name = from.take(name_size.into(), WRONG)?;
        if flags & 1 != 0 {
            return Err(Malformed("an operation with a time of its own"));
        }
        let bin = std::str::from_utf8(name).map_err(|_| Malformed("a bin name is not UTF-8"))?;
        Ok(Op { kind, particle, bin, value: from.0 })
    }
}

/// The operations of a message, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ops<'a> {
    /// Checked: blocks that [`Op::parse`] takes.
    bytes: &'a [u8],
    count: u16,
}

impl<'a> Ops<'a> {
    pub(crate) fn parse(from: &mut Reader<'a>, count: u16) -> Result<Ops<'a>> {
        let all = from.0;
        for _ in 0..count {
            Op::parse(from.block("an operation that does not fit its message")?)?;
        }
        Ok(Ops { bytes: &all[..all.len() - from.0.len()], count })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.count.into()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = Op<'a>> + Clone + use<'a> {
        let mut rest = Reader(self.bytes);
        std::iter::from_fn(move || Op::parse(rest.block("").ok()?).ok())
    }
}

/// A data message, or one row of a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Message<'a> {
    /// Flags and numbers.
    pub header: Header,
    /// Fields.
    pub fields: Fields<'a>,
    /// Operations.
    pub ops: Ops<'a>,
}

impl<'a> Message<'a> {
    /// The message at the beginning of `body`, and what stands behind it.
    pub fn parse(body: &'a [u8]) -> Result<(Message<'a>, &'a [u8])> {
        const WRONG: &str = "a message that is shorter than its header";
        let mut from = Reader(body);
        if from.u8(WRONG)? != HEADER_SIZE {
            return Err(Malformed("a message header is 22 bytes long"));
        }
        let mut byte = || from.u8(WRONG);
        let (info1, info2, info3, info4, result) = (byte()?, byte()?, byte()?, byte()?, byte()?);
        let mut number = || from.u32(WRONG);
        let (generation, ttl, timeout) = (number()?, number()?, number()?);
        let (fields, ops) = (from.u16(WRONG)?, from.u16(WRONG)?);
        let header = Header { info1, info2, info3, info4, result, generation, ttl, timeout };
        let fields = Fields::parse(&mut from, fields)?;
        let ops = Ops::parse(&mut from, ops)?;
        Ok((Message { header, fields, ops }, from.0))
    }
}

/// A message, or a row of a reply, that is being written at the end of a buffer: header, then
/// fields, then operations.
pub struct MessageOut<'o> {
    out: &'o mut Vec<u8>,
    /// Where the header begins.
    start: usize,
    fields: u16,
    ops: u16,
}

impl<'o> MessageOut<'o> {
    /// Begins with this header.
    pub fn begin(out: &'o mut Vec<u8>, header: &Header) -> MessageOut<'o> {
        let start = out.len();
        let Header { info1, info2, info3, info4, result, generation, ttl, timeout } = *header;
        let mut bytes = [0; HEADER_SIZE as usize];
        bytes[..6].copy_from_slice(&[HEADER_SIZE, info1, info2, info3, info4, result]);
        bytes[6..10].copy_from_slice(&generation.to_be_bytes());
        bytes[10..14].copy_from_slice(&ttl.to_be_bytes());
        bytes[14..18].copy_from_slice(&timeout.to_be_bytes());
        out.extend_from_slice(&bytes);
        MessageOut { out, start, fields: 0, ops: 0 }
    }

    /// Appends a field.
    pub fn field(&mut self, field: Field, data: &[u8]) {
        self.out.extend_from_slice(&(data.len() as u32 + 1).to_be_bytes());
        self.out.push(field.0);
        self.out.extend_from_slice(data);
        self.fields += 1;
    }

    /// Appends a user key.
    pub fn key(&mut self, key: &model::Key) {
        let (particle, data) = match key {
            model::Key::Integer(n) => (1, &n.to_be_bytes()[..]),
            model::Key::String(s) => (3, s.as_bytes()),
            model::Key::Blob(b) => (4, &b[..]),
        };
        self.out.extend_from_slice(&(data.len() as u32 + 2).to_be_bytes());
        self.out.extend_from_slice(&[Field::KEY.0, particle]);
        self.out.extend_from_slice(data);
        self.fields += 1;
    }

    /// Appends an operation, as [`put_op`] does.
    pub fn op(&mut self, kind: u8, bin: &str, put: impl FnOnce(&mut Vec<u8>) -> u8) {
        put_op(self.out, kind, bin, put);
        self.ops += 1;
    }

    /// Appends operations that stand in `encoded` already, so many.
    pub fn encoded_ops(&mut self, encoded: &[u8], count: u16) {
        self.out.extend_from_slice(encoded);
        self.ops += count;
    }

    /// Ends it.
    pub fn end(self) {
        let counts = self.start + 18;
        self.out[counts..counts + 2].copy_from_slice(&self.fields.to_be_bytes());
        self.out[counts + 2..counts + 4].copy_from_slice(&self.ops.to_be_bytes());
    }
}

/// Appends an operation whose value `put` appends, and which says its particle type. A name longer
/// than a byte can count is cut there; the model allows 63 bytes.
pub fn put_op(out: &mut Vec<u8>, kind: u8, bin: &str, put: impl FnOnce(&mut Vec<u8>) -> u8) {
    let start = out.len();
    let name = &bin.as_bytes()[..bin.len().min(u8::MAX.into())];
    out.extend_from_slice(&[0, 0, 0, 0, kind, 0, 0, name.len() as u8]);
    out.extend_from_slice(name);
    let particle = put(out);
    out[start + 5] = particle;
    let size = (out.len() - start - 4) as u32;
    out[start..start + 4].copy_from_slice(&size.to_be_bytes());
}
