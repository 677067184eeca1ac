//! Messages of the client, decoded by hand from the read buffer without copying.
//!
//! [`frame`] finds one message and checks its length before anything is allocated for it;
//! [`decode`] reads its fields. Every count is checked against the bytes that are there, so a
//! message cannot ask for more memory than it brings. What is malformed is 08P01 and ends the
//! session; text that is not UTF-8 is 22021 and ends the statement.

use sql::{SqlError, SqlResult};

use super::wire::Failure;

/// A message, borrowing from the read buffer.
#[derive(Debug, PartialEq)]
pub(crate) enum Message<'a> {
    Query(&'a str),
    Parse {
        name: &'a str,
        text: &'a str,
        types: Vec<u32>,
    },
    Bind(Bind<'a>),
    Describe(Target<'a>),
    Execute {
        portal: &'a str,
        max_rows: u32,
    },
    Close(Target<'a>),
    Sync,
    Flush,
    Terminate,
    FunctionCall,
    /// CopyData, CopyDone, CopyFail: a client may still send them after its COPY was refused.
    Copy,
}

/// Bind, its values still in the client's encoding.
#[derive(Debug, PartialEq)]
pub(crate) struct Bind<'a> {
    pub(crate) portal: &'a str,
    pub(crate) statement: &'a str,
    pub(crate) formats: Shorts<'a>,
    pub(crate) values: Values<'a>,
    pub(crate) results: Shorts<'a>,
}

/// 16-bit numbers, two bytes each, as they came.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Shorts<'a>(&'a [u8]);

impl Shorts<'_> {
    pub(crate) fn len(&self) -> usize {
        self.0.len() / 2
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = u16> {
        self.0.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
    }
}

/// Values with their lengths, `None` = NULL. They were all looked at, so that reading them again
/// cannot fail.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Values<'a> {
    count: usize,
    bytes: &'a [u8],
}

impl<'a> Values<'a> {
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Option<&'a [u8]>> {
        let mut rest = Reader(self.bytes);
        (0..self.count).map_while(move |_| rest.value().ok())
    }
}

/// What Describe and Close are about.
#[derive(Debug, PartialEq)]
pub(crate) enum Target<'a> {
    Statement(&'a str),
    Portal(&'a str),
}

/// Bytes of type and length.
pub(crate) const HEADER: usize = 5;

/// The length of the message that `input` begins with, type and length included, once its header
/// is there.
pub(crate) fn frame(input: &[u8], max: usize) -> SqlResult<Option<usize>> {
    let Some(&kind) = input.first() else { return Ok(None) };
    if !b"QPBDECSHXFdcfp".contains(&kind) {
        return Err(protocol(format!("invalid frontend message type {kind}")));
    }
    let Some(length) = input.get(1..HEADER).and_then(|b| b.try_into().ok()).map(u32::from_be_bytes)
    else {
        return Ok(None);
    };
    let length = length as usize;
    if length < 4 {
        return Err(protocol("invalid message length"));
    }
    if length > max {
        return Err(protocol(format!("invalid message length: {length} bytes; at most {max}"))
            .hint("send the data in several statements"));
    }
    Ok(Some(length + 1))
}

/// Reads a whole message.
pub(crate) fn decode(message: &[u8]) -> Result<Message<'_>, Failure> {
    let mut body = Reader(message.get(HEADER..).unwrap_or(&[]));
    let decoded = match message.first() {
        Some(b'Q') => Message::Query(body.text()?),
        Some(b'P') => Message::Parse {
            name: body.text()?,
            text: body.text()?,
            types: body.list(4, |r| r.u32())?,
        },
        Some(b'B') => Message::Bind(body.bind()?),
        Some(b'D') => Message::Describe(body.target()?),
        Some(b'E') => Message::Execute { portal: body.text()?, max_rows: body.u32()? },
        Some(b'C') => Message::Close(body.target()?),
        Some(b'S') => Message::Sync,
        Some(b'H') => Message::Flush,
        Some(b'X') => return Ok(Message::Terminate),
        Some(b'F') => return Ok(Message::FunctionCall),
        Some(b'd' | b'c' | b'f') => return Ok(Message::Copy),
        _ => return Err(Failure::Fatal(protocol("unexpected message"))),
    };
    if !body.0.is_empty() {
        return Err(Failure::Fatal(protocol("invalid message format")));
    }
    Ok(decoded)
}

/// 08P01.
pub(crate) fn protocol(message: impl Into<String>) -> SqlError {
    SqlError::new("08P01", message)
}

/// The rest of a message.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Failure> {
        let Some((taken, rest)) = self.0.split_at_checked(count) else {
            return Err(Failure::Fatal(protocol("insufficient data left in message")));
        };
        self.0 = rest;
        Ok(taken)
    }

    fn u16(&mut self) -> Result<u16, Failure> {
        let bytes = self.take(2)?;
        Ok(u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    fn u32(&mut self) -> Result<u32, Failure> {
        let bytes = self.take(4)?;
        Ok(u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    fn text(&mut self) -> Result<&'a str, Failure> {
        if let [0, rest @ ..] = self.0 {
            self.0 = rest;
            return Ok("");
        }
        let Some(end) = self.0.iter().position(|b| *b == 0) else {
            return Err(Failure::Fatal(protocol("invalid string in message")));
        };
        let text = self.take(end)?;
        self.take(1)?;
        std::str::from_utf8(text).map_err(|_| Failure::Statement(not_utf8()))
    }

    /// A 16-bit count and that many items of at least `size` bytes each.
    fn list<T>(
        &mut self,
        size: usize,
        item: impl Fn(&mut Reader<'a>) -> Result<T, Failure>,
    ) -> Result<Vec<T>, Failure> {
        let count = usize::from(self.u16()?);
        if count * size > self.0.len() {
            return Err(Failure::Fatal(protocol("insufficient data left in message")));
        }
        (0..count).map(|_| item(self)).collect()
    }

    fn bind(&mut self) -> Result<Bind<'a>, Failure> {
        Ok(Bind {
            portal: self.text()?,
            statement: self.text()?,
            formats: self.shorts()?,
            values: self.values()?,
            results: self.shorts()?,
        })
    }

    fn shorts(&mut self) -> Result<Shorts<'a>, Failure> {
        let count = usize::from(self.u16()?);
        self.take(2 * count).map(Shorts)
    }

    fn values(&mut self) -> Result<Values<'a>, Failure> {
        let count = usize::from(self.u16()?);
        let all = self.0;
        for _ in 0..count {
            self.value()?;
        }
        Ok(Values { count, bytes: &all[..all.len() - self.0.len()] })
    }

    fn value(&mut self) -> Result<Option<&'a [u8]>, Failure> {
        match self.u32()? {
            u32::MAX => Ok(None),
            length => self.take(length as usize).map(Some),
        }
    }

    fn target(&mut self) -> Result<Target<'a>, Failure> {
        match self.take(1)? {
            b"S" => Ok(Target::Statement(self.text()?)),
            b"P" => Ok(Target::Portal(self.text()?)),
            _ => Err(Failure::Fatal(protocol("invalid message subtype"))),
        }
    }
}

/// 22021.
pub(crate) fn not_utf8() -> SqlError {
    SqlError::new("22021", "invalid byte sequence for encoding \"UTF8\"")
        .hint("set client_encoding to UTF8 and send text in it")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_checked_before_their_bytes_are_there() {
        assert_eq!(frame(b"", 100), Ok(None));
        assert_eq!(frame(b"Q\0\0", 100), Ok(None));
        assert_eq!(frame(b"Q\0\0\0\x08", 100), Ok(Some(9)));
        assert!(frame(b"Q\0\0\0\x03", 100).is_err());
        assert!(frame(b"Q\x7f\xff\xff\xff", 100).is_err());
        assert!(frame(b"!", 100).is_err());
    }

    #[test]
    fn a_bind_is_read_and_a_short_one_refused() {
        let body = b"p\0s\0\0\x01\0\x01\0\x02\0\0\0\x02hi\xff\xff\xff\xff\0\0";
        let mut message = vec![b'B', 0, 0, 0, 0];
        message.extend_from_slice(body);
        let Ok(Message::Bind(bind)) = decode(&message) else { panic!("no Bind") };
        assert_eq!((bind.portal, bind.statement), ("p", "s"));
        assert_eq!(bind.formats.iter().collect::<Vec<_>>(), [1]);
        assert_eq!(bind.values.iter().collect::<Vec<_>>(), [Some(&b"hi"[..]), None]);
        assert_eq!((bind.formats.len(), bind.values.len(), bind.results.len()), (1, 2, 0));
        for cut in HEADER..message.len() {
            assert!(decode(&message[..cut]).is_err(), "cut at {cut}");
        }
        message.push(0);
        assert!(decode(&message).is_err(), "one byte too many");
    }
}
