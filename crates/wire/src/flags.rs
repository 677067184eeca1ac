//! The flag bytes of a message, by byte and bit.

/// First flag byte: reads.
pub mod info1 {
    /// Reads the record.
    pub const READ: u8 = 0x01;
    /// Reads every bin.
    pub const GET_ALL: u8 = 0x02;
    /// A query of few records, which is no job.
    pub const SHORT_QUERY: u8 = 0x04;
    /// A batch, in [`crate::Field::BATCH`].
    pub const BATCH: u8 = 0x08;
    /// Reads no bins, only that the record is there.
    pub const NO_BIN_DATA: u8 = 0x20;
    /// The reply may be compressed.
    pub const COMPRESS_RESPONSE: u8 = 0x80;
}

/// Second flag byte: writes.
pub mod info2 {
    /// Writes the record.
    pub const WRITE: u8 = 0x01;
    /// Deletes the record.
    pub const DELETE: u8 = 0x02;
    /// Only if the record's generation is the request's.
    pub const GENERATION: u8 = 0x04;
    /// Only if the request's generation is greater than the record's.
    pub const GENERATION_GT: u8 = 0x08;
    /// The delete outlives a restart.
    pub const DURABLE_DELETE: u8 = 0x10;
    /// The record must not be there.
    pub const CREATE_ONLY: u8 = 0x20;
    /// The reply has one result for each operation.
    pub const RESPOND_ALL_OPS: u8 = 0x80;
}

/// Third flag byte.
pub mod info3 {
    /// The last row of a reply of several.
    pub const LAST: u8 = 0x01;
    /// Does not wait for replicas.
    pub const COMMIT_MASTER: u8 = 0x02;
    /// In a reply: a partition is finished; its number stands for the generation.
    pub const PARTITION_DONE: u8 = 0x04;
    /// The record must be there.
    pub const UPDATE_ONLY: u8 = 0x08;
    /// Bins that are not named go away.
    pub const CREATE_OR_REPLACE: u8 = 0x10;
    /// The record must be there, and bins that are not named go away.
    pub const REPLACE_ONLY: u8 = 0x20;
}

/// Fourth flag byte: transactions.
pub mod info4 {
    /// The three bits that end or check a transaction.
    pub const TRANSACTION: u8 = 0x07;
}
