//! The server's side of a connection: what has come in, what is to go out.
//!
//! Replies are appended and leave in one write for all requests that one read brought, or when there
//! are [`FLUSH_AT`] bytes of them. Writing waits for a slow client, and so does whoever makes the
//! rows: neither buffer grows by what the other side does not take.

use bytes::{Buf, BytesMut};
use wire::frame::Frame;

use crate::listener::{Connection, Ended};

/// Bytes in the output buffer at which it is written out.
const FLUSH_AT: usize = 64 * 1024;
/// A buffer that grew beyond this is given back once it is empty.
pub(super) const KEEP: usize = 64 * 1024;
/// Bytes that a read asks for at least: most requests have a few hundred.
const READ: usize = 4 * 1024;
/// Bytes that room is made for ahead of what has come, however long a frame says it is.
const AHEAD_MAX: usize = 1 << 20;

/// Socket and buffers.
pub(super) struct Socket {
    connection: Connection,
    input: BytesMut,
    pub(super) out: Vec<u8>,
}

impl Socket {
    pub(super) fn new(connection: Connection) -> Socket {
        Socket { connection, input: BytesMut::new(), out: Vec::new() }
    }

    /// Takes the next frame out of what was read. Its bytes are whole.
    pub(super) fn frame(&mut self) -> Result<Option<(Frame, BytesMut)>, wire::Malformed> {
        let Some(frame) = Frame::parse(&self.input)? else { return Ok(None) };
        if self.input.len() < frame.size() {
            return Ok(None);
        }
        let mut body = self.input.split_to(frame.size());
        body.advance(wire::frame::HEADER_SIZE);
        Ok(Some((frame, body)))
    }

    /// Reads what is there, at least one byte.
    pub(super) async fn read(&mut self) -> Result<(), Ended> {
        if self.input.is_empty() && self.input.capacity() > KEEP {
            self.input = BytesMut::new();
        }
        let missing = match Frame::parse(&self.input) {
            Ok(Some(frame)) => frame.size().saturating_sub(self.input.len()),
            _ => 0,
        };
        self.input.reserve(missing.clamp(READ, AHEAD_MAX));
        self.connection.read(&mut self.input).await
    }

    /// Writes everything out. A shutdown ends a wait for a client that does not read.
    pub(super) async fn flush(&mut self) -> Result<(), Ended> {
        if self.out.is_empty() {
            return Ok(());
        }
        self.connection.write(&self.out).await?;
        self.out.clear();
        if self.out.capacity() > KEEP {
            self.out = Vec::new();
        }
        Ok(())
    }

    /// Whether the node still wants to be heard.
    pub(super) fn goes_on(&self) -> Result<(), Ended> {
        if self.connection.stop.is_over() { Err(Ended::Stopped) } else { Ok(()) }
    }

    /// Whether there is much to be written out.
    pub(super) fn is_full(&self) -> bool {
        self.out.len() >= FLUSH_AT
    }

    /// Writes out if there is much.
    pub(super) async fn flush_if_full(&mut self) -> Result<(), Ended> {
        if self.is_full() { self.flush().await } else { Ok(()) }
    }
}
