//! The Aerospike client protocol as a codec: frames, fields, operations. No socket.
//!
//! 1. [`frame`] finds where a message on a connection ends and what it is.
//! 2. [`compress`] unpacks a compressed one into the message that it holds.
//! 3. [`Message`] is the body of a data message: [`Header`], [`Fields`], [`Ops`]. Requests and
//!    rows of replies have one shape, so both sides read with [`Message::parse`] and write with
//!    [`MessageOut`].
//! 4. [`batch`] reads the rows of a batch, [`query`] what a scan asks for.
//! 5. [`value`] is between the bytes of a bin and [`model::Value`].
//!
//! Always true: every length is checked before it is believed, nothing is allocated for a length
//! that its bytes have not arrived for, and what was read borrows from the buffer it came in. What
//! cannot be read is [`Malformed`], which a client is told as result code 4.
//!
//! All integers are big-endian but where a field says otherwise. Facts are from the official
//! clients, which are under the Apache licence (Java 9.0.5, C 7.5.0, Rust 3.0.0).

pub mod batch;
mod bytes;
pub mod compress;
pub mod flags;
pub mod frame;
mod message;
pub mod query;
pub mod value;

pub use message::{Field, Fields, Header, Message, MessageOut, Op, OpKind, Ops, put_op};

/// Bytes that are not what they should be. The text says what is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

impl std::fmt::Display for Malformed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Malformed {}

impl From<Malformed> for model::Error {
    fn from(error: Malformed) -> model::Error {
        model::Error::new(model::ErrorKind::Parameter, error.0)
    }
}

/// What reading gives.
pub type Result<T> = std::result::Result<T, Malformed>;

/// Result codes that no [`model::ErrorKind`] has, because they are about the protocol.
pub mod code {
    /// Done.
    pub const OK: u8 = 0;
    /// The record is not there.
    pub const NOT_FOUND: u8 = 2;
    /// The generation is not the expected one.
    pub const GENERATION: u8 = 3;
    /// A parameter is out of its range or shape.
    pub const PARAMETER: u8 = 4;
    /// The record is there already.
    pub const EXISTS: u8 = 5;
    /// The time that the client gave is over.
    pub const TIMEOUT: u8 = 9;
    /// Not for clients.
    pub const ALWAYS_FORBIDDEN: u8 = 10;
    /// The bin holds another type.
    pub const BIN_TYPE: u8 = 12;
    /// Not served here.
    pub const UNSUPPORTED: u8 = 16;
    /// The record was stored under another key.
    pub const KEY_MISMATCH: u8 = 19;
    /// A bin name that is too long.
    pub const BIN_NAME: u8 = 21;
    /// The filter expression does not hold.
    pub const FILTERED_OUT: u8 = 27;
    /// Users and roles are not served.
    pub const SECURITY_UNSUPPORTED: u8 = 51;
    /// A user's function failed.
    pub const UDF: u8 = 100;
    /// GeoJSON that is none, or a shape that cannot be.
    pub const GEO_JSON: u8 = 160;
    /// There is a secondary index of this name.
    pub const INDEX_FOUND: u8 = 200;
    /// There is no secondary index of this name, or none for this question.
    pub const INDEX_NOT_FOUND: u8 = 201;
    /// The name of a secondary index is too long.
    pub const INDEX_NAME: u8 = 205;
    /// More rows in a batch than are allowed.
    pub const BATCH_MAX_REQUESTS: u8 = 151;
    /// A query was ended by somebody.
    pub const QUERY_ABORTED: u8 = 210;
}

/// Seconds from 1970-01-01 to 2010-01-01 UTC, where the protocol counts void times from.
pub const EPOCH_2010_S: u32 = 1_262_304_000;

/// A void time as the protocol has it: seconds since 2010-01-01 UTC, 0 = never. Ours is rounded up,
/// so that no record dies early; clients take the second that they are in away from it, and are
/// never to see more than was given: one second less.
pub fn void_time_out(void_time_s: u32) -> u32 {
    match void_time_s {
        0 => 0,
        s => s.saturating_sub(EPOCH_2010_S + 1).max(1),
    }
}

/// Longest bin name that the protocol knows, bytes.
pub const BIN_NAME_MAX: usize = 15;
