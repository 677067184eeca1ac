//! The eight bytes in front of every message: version, type, and 48 bits of length.

use crate::Malformed;

/// Bytes of a frame's header.
pub const HEADER_SIZE: usize = 8;
/// Most bytes of a body.
pub const BODY_SIZE_MAX: u64 = 128 << 20;
/// The version of the protocol.
const VERSION: u8 = 2;

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Names and answers in text.
    Info = 1,
    /// Log-in, users and roles.
    Security = 2,
    /// Records.
    Message = 3,
    /// A compressed message of records.
    Compressed = 4,
}

/// A frame's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// What its body is.
    pub kind: Kind,
    /// Bytes of the body.
    pub body_size: usize,
}

impl Frame {
    /// Reads the header at the beginning of `bytes`; `None` until all of it is there. After an error
    /// nothing on the connection can be read.
    pub fn parse(bytes: &[u8]) -> Result<Option<Frame>, Malformed> {
        let Some(header) = bytes.first_chunk::<HEADER_SIZE>() else { return Ok(None) };
        let kind = match header[1] {
            1 => Kind::Info,
            2 => Kind::Security,
            3 => Kind::Message,
            4 => Kind::Compressed,
            _ => return Err(Malformed("a frame of unknown type")),
        };
        // Old clients log in with version 0.
        if header[0] != VERSION && !(header[0] == 0 && kind == Kind::Security) {
            return Err(Malformed("a frame of unknown version"));
        }
        let size = u64::from_be_bytes(*header) & ((1 << 48) - 1);
        match usize::try_from(size) {
            Ok(body_size) if size <= BODY_SIZE_MAX => Ok(Some(Frame { kind, body_size })),
            _ => Err(Malformed("a frame of more than 128 MiB")),
        }
    }

    /// Bytes of header and body.
    pub fn size(&self) -> usize {
        HEADER_SIZE + self.body_size
    }
}

/// Begins a frame at the end of `out`; [`end`] takes what this returns.
pub fn begin(out: &mut Vec<u8>, kind: Kind) -> usize {
    let start = out.len();
    out.extend_from_slice(&[VERSION, kind as u8, 0, 0, 0, 0, 0, 0]);
    start
}

/// Ends the frame that began at `start`: everything since is its body.
pub fn end(out: &mut [u8], start: usize) {
    let size = (out.len() - start - HEADER_SIZE) as u64;
    out[start + 2..start + HEADER_SIZE].copy_from_slice(&size.to_be_bytes()[2..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip() {
        let mut out = vec![9];
        let start = begin(&mut out, Kind::Info);
        out.extend_from_slice(b"node\n");
        end(&mut out, start);
        let frame = Frame { kind: Kind::Info, body_size: 5 };
        assert_eq!(Frame::parse(&out[1..]), Ok(Some(frame)));
        assert_eq!(Frame::parse(&out[1..8]), Ok(None));
        assert_eq!(frame.size(), out.len() - 1);
    }

    #[test]
    fn refusals() {
        for bad in [
            [1, 3, 0, 0, 0, 0, 0, 0],
            [2, 5, 0, 0, 0, 0, 0, 0],
            [0, 3, 0, 0, 0, 0, 0, 0],
            [2, 3, 0, 0, 8, 0, 0, 1],
            [2, 3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        ] {
            assert!(Frame::parse(&bad).is_err(), "{bad:?}");
        }
        assert!(Frame::parse(&[2, 3, 0, 0, 8, 0, 0, 0]).is_ok());
        assert!(Frame::parse(&[0, 2, 0, 0, 0, 0, 0, 16]).is_ok());
    }
}
