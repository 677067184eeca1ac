//! What the server says about a result and tokio-postgres does not pass on: column types, command
//! tags, the transaction state and the rows of COPY; and the way for rows of COPY to the server.
//!
//! 1. `Tapped` wraps the socket under tokio-postgres and reads the server's messages as they go by.
//! 2. RowDescription, CommandComplete, ReadyForQuery and the messages of COPY are kept in `Heard`,
//!    each with the number of the query that it answers; others are skipped by their length.
//! 3. The reader of query `n` asks `Heard` for what belongs to `n`. To tokio-postgres a message of
//!    COPY in the answer to a simple query is unexpected: for each it gives one error that is not
//!    the server's, and goes on.
//! 4. Once the server asks for rows, tokio-postgres has nothing to send, so `Upstream` writes them
//!    to the same socket.
//!
//! COPY as a simple query, because tokio-postgres's own sends a second Sync when the server refuses
//! the COPY at its start, and the answers are then off by one.
//!
//! Always true: every request on the connection is one simple query, so ReadyForQuery counts them;
//! the tap is never behind the reader, because bytes pass here first. A message that cannot be read
//! is skipped: the tap only adds to what tokio-postgres checks.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A column of a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) type_oid: u32,
}

impl Column {
    /// Whether values line up right: int2, int4, int8, oid, xid, cid, float4, float8, numeric,
    /// money.
    pub(crate) fn is_number(&self) -> bool {
        matches!(self.type_oid, 20 | 21 | 23 | 26 | 28 | 29 | 700 | 701 | 790 | 1700)
    }
}

/// Where the session stands, from ReadyForQuery.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Transaction {
    #[default]
    Idle,
    Open,
    Failed,
}

/// A message of COPY.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Copy {
    /// The server waits for rows.
    In,
    /// The server is about to send rows.
    Out,
    Data(Vec<u8>),
    Done,
}

/// What the tap has heard. Shared by the connection task (writes) and the shell (reads).
#[derive(Clone, Debug, Default)]
pub(crate) struct Heard(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    results: VecDeque<(u64, Vec<Column>)>,
    tags: VecDeque<(u64, String)>,
    copies: VecDeque<(u64, Copy)>,
    ready: u64,
    transaction: Transaction,
}

impl Heard {
    /// The columns of the next result of query `number`; the startup counts as number 0.
    pub(crate) fn columns(&self, number: u64) -> Option<Vec<Column>> {
        next(&mut self.lock().results, number)
    }

    /// The tag of the next statement done by query `number`.
    pub(crate) fn tag(&self, number: u64) -> Option<String> {
        next(&mut self.lock().tags, number)
    }

    /// The next message of COPY in the answer to query `number`.
    pub(crate) fn copy(&self, number: u64) -> Option<Copy> {
        next(&mut self.lock().copies, number)
    }

    pub(crate) fn transaction(&self) -> Transaction {
        self.lock().transaction
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hear(&self, kind: u8, body: &[u8]) {
        let mut state = self.lock();
        let number = state.ready;
        match kind {
            b'T' => state.results.push_back((number, row_description(body).unwrap_or_default())),
            b'C' => {
                let tag = body.split(|b| *b == 0).next().unwrap_or_default();
                state.tags.push_back((number, String::from_utf8_lossy(tag).into_owned()));
            }
            b'I' => state.tags.push_back((number, String::new())),
            b'G' => state.copies.push_back((number, Copy::In)),
            b'H' => state.copies.push_back((number, Copy::Out)),
            b'd' => state.copies.push_back((number, Copy::Data(body.to_vec()))),
            b'c' => state.copies.push_back((number, Copy::Done)),
            b'Z' => {
                state.ready += 1;
                state.transaction = match body.first() {
                    Some(b'T') => Transaction::Open,
                    Some(b'E') => Transaction::Failed,
                    _ => Transaction::Idle,
                };
            }
            _ => {}
        }
    }
}

/// The first entry of query `number`; entries of earlier queries had no reader.
fn next<T>(queue: &mut VecDeque<(u64, T)>, number: u64) -> Option<T> {
    while queue.front().is_some_and(|(of, _)| *of < number) {
        queue.pop_front();
    }
    let found = queue.front().is_some_and(|(of, _)| *of == number);
    if found { queue.pop_front().map(|(_, entry)| entry) } else { None }
}

fn row_description(body: &[u8]) -> Option<Vec<Column>> {
    let (count, mut rest) = body.split_first_chunk::<2>()?;
    let mut columns = Vec::new();
    for _ in 0..u16::from_be_bytes(*count) {
        let end = rest.iter().position(|b| *b == 0)?;
        let name = String::from_utf8_lossy(&rest[..end]).into_owned();
        // Table oid 4, attribute 2, type oid 4, type size 2, modifier 4, format 2.
        let fixed = rest.get(end + 1..end + 19)?;
        let type_oid = u32::from_be_bytes(fixed[6..10].try_into().ok()?);
        columns.push(Column { name, type_oid });
        rest = &rest[end + 19..];
    }
    Some(columns)
}

/// A socket whose incoming messages are listened to.
pub(crate) struct Tapped<S> {
    socket: Upstream<S>,
    frames: Frames,
}

impl<S> Tapped<S> {
    pub(crate) fn new(socket: S) -> (Self, Heard, Upstream<S>) {
        let (heard, socket) = (Heard::default(), Upstream(Arc::new(Mutex::new(socket))));
        let frames = Frames { heard: heard.clone(), head: Vec::new(), kept: None, left: 0 };
        (Self { socket: socket.clone(), frames }, heard, socket)
    }
}

/// The way to the server. Two may hold it, one at a time may have something to say.
pub(crate) struct Upstream<S>(Arc<Mutex<S>>);

impl<S> Clone for Upstream<S> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<S> Upstream<S> {
    /// Never held across a wait.
    fn lock(&self) -> MutexGuard<'_, S> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Cuts the byte stream into messages: one byte kind, four bytes length (itself included), body.
struct Frames {
    heard: Heard,
    head: Vec<u8>,
    /// The body so far, of a message that is listened to.
    kept: Option<Vec<u8>>,
    left: usize,
}

impl Frames {
    fn feed(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let head = self.head.len() < 5;
            let want = if head { 5 - self.head.len() } else { self.left };
            let (part, rest) = bytes.split_at(want.min(bytes.len()));
            bytes = rest;
            if head {
                self.head.extend_from_slice(part);
                self.start_body();
            } else {
                self.left -= part.len();
                self.kept.iter_mut().for_each(|kept| kept.extend_from_slice(part));
            }
            self.end_body();
        }
    }

    fn start_body(&mut self) {
        if let [kind, a, b, c, d] = self.head[..] {
            self.left = (u32::from_be_bytes([a, b, c, d]) as usize).saturating_sub(4);
            self.kept = b"TCIZGHdc".contains(&kind).then(Vec::new);
        }
    }

    fn end_body(&mut self) {
        if self.head.len() == 5 && self.left == 0 {
            if let Some(body) = self.kept.take() {
                self.heard.hear(self.head[0], &body);
            }
            self.head.clear();
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Tapped<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut *self.socket.lock()).poll_read(context, buffer))?;
        self.frames.feed(&buffer.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Tapped<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Upstream<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.lock()).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.lock()).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.lock()).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        let length = (body.len() as u32 + 4).to_be_bytes();
        [&[kind][..], &length, body].concat()
    }

    fn described(name: &str, type_oid: u32) -> Vec<u8> {
        let mut body = [&[0, 1], name.as_bytes(), &[0; 7]].concat();
        body.extend(type_oid.to_be_bytes());
        body.extend([0; 8]);
        message(b'T', &body)
    }

    fn stream() -> Vec<u8> {
        [
            message(b'Z', b"I"),
            described("a", 20),
            message(b'D', &[b'Z'; 300]),
            message(b'C', b"SELECT 1\0"),
            message(b'Z', b"T"),
            described("b", 25),
            message(b'C', b"SELECT 2\0"),
            message(b'I', b""),
            message(b'Z', b"E"),
        ]
        .concat()
    }

    #[test]
    fn messages_are_heard_however_the_bytes_are_cut() {
        for size in [1, 2, 3, 7, 64, 10_000] {
            let (mut tapped, heard, _) = Tapped::new(());
            stream().chunks(size).for_each(|part| tapped.frames.feed(part));
            let column = |name: &str, type_oid| vec![Column { name: name.into(), type_oid }];
            assert_eq!(heard.columns(1), Some(column("a", 20)));
            assert_eq!(heard.columns(1), None);
            assert_eq!(
                heard.tag(2).as_deref(),
                Some("SELECT 2"),
                "the unread tag of 1 is passed over"
            );
            assert_eq!(heard.tag(2).as_deref(), Some(""));
            assert_eq!(heard.columns(2), Some(column("b", 25)));
            assert_eq!(heard.transaction(), Transaction::Failed);
        }
    }

    #[test]
    fn rows_of_copy_are_heard_in_order() {
        let (mut tapped, heard, _) = Tapped::new(());
        let messages = [(b'G', ""), (b'Z', "I"), (b'H', ""), (b'd', "1\n"), (b'c', "")];
        for (kind, body) in messages {
            tapped.frames.feed(&message(kind, body.as_bytes()));
        }
        let data = Copy::Data(b"1\n".to_vec());
        for expected in [Some(Copy::Out), Some(data), Some(Copy::Done), None] {
            assert_eq!(heard.copy(1), expected, "what answered query 0 is passed over");
        }
    }

    #[test]
    fn nonsense_is_skipped() {
        let (mut tapped, heard, _) = Tapped::new(());
        tapped.frames.feed(&message(b'T', &[0, 9, b'x']));
        tapped.frames.feed(&[b'T', 0, 0, 0, 0]);
        tapped.frames.feed(&message(b'C', &[]));
        assert_eq!(heard.columns(0), Some(Vec::new()));
        assert_eq!(heard.tag(0).as_deref(), Some(""));
    }
}
