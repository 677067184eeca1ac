//! One error type for every floor below the Postgres wire.

use std::fmt;

/// What went wrong, as a closed list named after Aerospike's result codes. Absence of a record is
/// `Option` where absence is normal, so [`ErrorKind::NotFound`] appears only where it was required.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The record was required and is not there.
    NotFound,
    /// The record's generation is not the expected one.
    GenerationMismatch,
    /// A value, name or number from outside is out of its range or shape.
    Parameter,
    /// The record was to be created and exists.
    KeyExists,
    /// The namespace has no room left: memory or device.
    NoSpace,
    /// A deadline passed before the answer.
    Timeout,
    /// The operation is not allowed here or now (stop-writes, read-only device, disabled command).
    Forbidden,
    /// Two transactions wait for each other; one of them has to give up.
    Deadlock,
    /// The partition or device cannot be served at the moment.
    Unavailable,
    /// Too much waits to be written to the device; it may be tried again in a moment.
    DeviceOverload,
    /// The bin was to be created and exists.
    BinExists,
    /// The bin holds another type than the operation needs.
    BinType,
    /// The bin was required and is not there.
    BinNotFound,
    /// The element of a list or map was required and is not there.
    ElementNotFound,
    /// The element of a list or map was to be created and exists.
    ElementExists,
    /// The operation does not apply to the value as it is.
    NotApplicable,
    /// The record is there, but the filter expression does not hold.
    FilteredOut,
    /// Text that is no GeoJSON, or a shape that cannot be.
    GeoJson,
    /// A user's function failed, or was ended.
    Udf,
    /// The record would be larger than the namespace allows.
    RecordTooBig,
    /// The operation exists in the field but not in this release.
    Unsupported,
    /// No namespace of this name.
    NamespaceNotFound,
    /// There is a secondary index of this name.
    IndexExists,
    /// No secondary index of this name.
    IndexNotFound,
    /// A bin name breaks the rules for names.
    BinName,
    /// Stored bytes fail their checksum or their shape.
    Corrupt,
    /// The operating system refused a read, a write or a sync.
    Io,
    /// A broken promise of our own.
    Internal,
}

impl ErrorKind {
    /// Aerospike's result code of this kind.
    pub fn result_code(self) -> u8 {
        match self {
            ErrorKind::Internal | ErrorKind::Corrupt | ErrorKind::Io => 1,
            ErrorKind::NotFound => 2,
            ErrorKind::GenerationMismatch => 3,
            ErrorKind::Parameter => 4,
            ErrorKind::KeyExists => 5,
            ErrorKind::NoSpace => 8,
            ErrorKind::Timeout => 9,
            ErrorKind::BinExists => 6,
            ErrorKind::Unavailable => 11,
            ErrorKind::BinType => 12,
            ErrorKind::RecordTooBig => 13,
            ErrorKind::Unsupported => 16,
            ErrorKind::BinNotFound => 17,
            ErrorKind::DeviceOverload => 18,
            ErrorKind::NamespaceNotFound => 20,
            ErrorKind::BinName => 21,
            ErrorKind::Forbidden => 22,
            ErrorKind::ElementNotFound => 23,
            ErrorKind::ElementExists => 24,
            ErrorKind::NotApplicable => 26,
            ErrorKind::FilteredOut => 27,
            ErrorKind::Udf => 100,
            ErrorKind::Deadlock => 120,
            ErrorKind::GeoJson => 160,
            ErrorKind::IndexExists => 200,
            ErrorKind::IndexNotFound => 201,
        }
    }
}

/// An error: its kind for programs, its detail for people (what was asked, what is wrong, what to
/// try).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// The kind that callers branch on.
    pub kind: ErrorKind,
    /// One sentence for a person.
    pub detail: String,
}

impl Error {
    /// An error of `kind` that says `detail`.
    pub fn new(kind: ErrorKind, detail: impl Into<String>) -> Error {
        Error { kind, detail: detail.into() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl std::error::Error for Error {}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Error {
        Error::new(ErrorKind::Io, error.to_string())
    }
}

/// The result of everything below the Postgres wire.
pub type Result<T> = std::result::Result<T, Error>;
