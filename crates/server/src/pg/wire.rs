//! The server's side of a connection: an output buffer, the messages that go in, and the socket.
//!
//! Replies are appended and leave in one write per read batch: when the input is drained, when the
//! buffer passes [`FLUSH_AT`], or when a statement has to wait and finished replies are held up.
//! Writing waits for a slow client, and so does whoever makes the rows.

use std::io;
use std::time::Duration;

use bytes::{BufMut, BytesMut};
use sql::SqlError;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::backend::{Field, Notice, Tag};
use super::state::Transaction;
use super::types;
use crate::listener::{Connection, Ended};

/// Bytes in the output buffer at which it is written out: large enough to make a system call per
/// batch of rows cheap, small enough to keep a thousand streaming sessions in 64 MiB.
const FLUSH_AT: usize = 64 * 1024;
/// A buffer that grew beyond this for one message is given back.
const KEEP: usize = 1 << 20;
/// Bytes that a read asks for at least, PostgreSQL's own number.
const READ: usize = 8 * 1024;
/// How long a client may take to hear why it is sent away.
const LINGER: Duration = Duration::from_secs(1);
/// Longest message that a client must accept (libpq's limit).
const MESSAGE_MAX: usize = 0x3fff_ffff;

/// Why a message was not answered as asked.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The statement fails, the session goes on.
    Statement(SqlError),
    /// The session ends with this error.
    Fatal(SqlError),
    /// The connection is gone; there is nobody to tell.
    Gone,
}

impl From<SqlError> for Failure {
    fn from(error: SqlError) -> Failure {
        Failure::Statement(error)
    }
}

impl From<io::Error> for Failure {
    fn from(_: io::Error) -> Failure {
        Failure::Gone
    }
}

/// 57P01.
pub(crate) fn shutting_down() -> SqlError {
    SqlError::new("57P01", "terminating connection due to administrator command")
}

/// Socket and output buffer.
pub(crate) struct Wire {
    connection: Connection,
    pub(crate) out: Vec<u8>,
    /// How far the buffer holds replies that end with ReadyForQuery.
    finished: usize,
}

impl Wire {
    pub(crate) fn new(connection: Connection) -> Wire {
        Wire { connection, out: Vec::new(), finished: 0 }
    }

    /// Reads what is there into `input`, at least one byte.
    pub(crate) async fn read(&mut self, input: &mut BytesMut) -> Result<(), Failure> {
        if input.is_empty() && input.capacity() > KEEP {
            *input = BytesMut::new();
        }
        input.reserve(READ);
        self.connection.read(input).await.map_err(|ended| match ended {
            Ended::Gone => Failure::Gone,
            Ended::Stopped => Failure::Fatal(shutting_down()),
        })
    }

    /// Writes everything out. A shutdown ends a wait for a client that does not read.
    pub(crate) async fn flush(&mut self) -> Result<(), Failure> {
        if self.out.is_empty() {
            return Ok(());
        }
        self.connection.write(&self.out).await.map_err(|_| Failure::Gone)?;
        self.out.clear();
        self.finished = 0;
        if self.out.capacity() > KEEP {
            self.out = Vec::new();
        }
        Ok(())
    }

    /// Writes out if the buffer is full.
    pub(crate) async fn flush_if_full(&mut self) -> Result<(), Failure> {
        if self.out.len() >= FLUSH_AT { self.flush().await } else { Ok(()) }
    }

    /// Writes out if somebody waits for a reply that is complete.
    pub(crate) async fn flush_finished(&mut self) -> Result<(), Failure> {
        if self.finished > 0 { self.flush().await } else { Ok(()) }
    }

    /// Says a session's last words and closes.
    pub(crate) async fn close(mut self) {
        let words = async {
            let socket = &mut self.connection.socket;
            socket.write_all(&self.out).await?;
            socket.shutdown().await?;
            // Unread input would make the close a reset, and the client would lose the words.
            let mut sink = [0; 4096];
            while socket.read(&mut sink).await? > 0 {}
            io::Result::Ok(())
        };
        let _ = tokio::time::timeout(LINGER, words).await;
    }

    /// Marks what is in the buffer as a reply that somebody waits for.
    pub(crate) fn mark_finished(&mut self) {
        self.finished = self.out.len();
    }

    /// Appends one message; `body` appends its fields.
    fn message(&mut self, kind: u8, body: impl FnOnce(&mut Vec<u8>)) {
        let start = begin(&mut self.out, kind);
        body(&mut self.out);
        end(&mut self.out, start);
    }

    /// Appends a message that has no fields.
    pub(crate) fn bare(&mut self, kind: u8) {
        self.out.put_slice(&[kind, 0, 0, 0, 4]);
    }

    pub(crate) fn parameter_status(&mut self, name: &str, value: &str) {
        self.message(b'S', |out| {
            put_cstr(out, name);
            put_cstr(out, value);
        });
    }

    pub(crate) fn ready(&mut self, transaction: Transaction) {
        self.out.put_slice(&[b'Z', 0, 0, 0, 5, transaction.status()]);
        self.mark_finished();
    }

    pub(crate) fn complete(&mut self, tag: &Tag, rows: u64) {
        self.message(b'C', |out| {
            let (word, count) = match tag {
                Tag::Text(text) => (*text, None),
                Tag::Named(text) => return put_cstr(out, text),
                Tag::Count(word, count) => (*word, Some(*count)),
                Tag::Rows(word) => (*word, Some(rows)),
            };
            out.put_slice(word.as_bytes());
            if let Some(count) = count {
                out.put_u8(b' ');
                put_number(out, count);
            }
            out.put_u8(0);
        });
    }

    pub(crate) fn error(&mut self, severity: &str, error: &SqlError) {
        self.message(b'E', |out| {
            put_report(out, severity, error.sqlstate, &error.message);
            let position = error.position.map(|p| p.to_string());
            put_fields(out, &[(b'D', &error.detail), (b'H', &error.hint), (b'P', &position)]);
            if let Some(about) = &error.about {
                let named = [
                    (b'W', &about.context),
                    (b's', &about.schema),
                    (b't', &about.table),
                    (b'c', &about.column),
                    (b'n', &about.constraint),
                ];
                put_fields(out, &named);
            }
            out.put_u8(0);
        });
    }

    pub(crate) fn notice(&mut self, notice: &Notice) {
        self.message(b'N', |out| {
            put_report(out, notice.severity, notice.sqlstate, &notice.message);
            if let Some(hint) = &notice.hint {
                out.put_u8(b'H');
                put_cstr(out, hint);
            }
            out.put_u8(0);
        });
    }

    /// CopyInResponse or CopyOutResponse: one format for all columns.
    pub(crate) fn copy_response(&mut self, kind: u8, format: u16, columns: usize) {
        self.message(kind, |out| {
            out.put_u8(format as u8);
            out.put_u16(columns as u16);
            (0..columns).for_each(|_| out.put_u16(format));
        });
    }

    pub(crate) fn parameter_description(&mut self, oids: &[u32]) {
        self.message(b't', |out| {
            out.put_u16(oids.len() as u16);
            oids.iter().for_each(|oid| out.put_u32(*oid));
        });
    }

    /// RowDescription; `format` gives each column's format by its number.
    pub(crate) fn row_description(&mut self, fields: &[Field], format: impl Fn(usize) -> u16) {
        put_row_description(&mut self.out, fields, format);
    }
}

/// Appends a RowDescription; `format` gives each column's format by its number.
pub(crate) fn put_row_description(
    out: &mut Vec<u8>,
    fields: &[Field],
    format: impl Fn(usize) -> u16,
) {
    let start = begin(out, b'T');
    out.put_u16(fields.len() as u16);
    for (i, field) in fields.iter().enumerate() {
        put_cstr(out, &field.name);
        let mut fixed = [0; 18];
        fixed[..4].copy_from_slice(&field.table_oid.to_be_bytes());
        fixed[4..6].copy_from_slice(&field.attnum.to_be_bytes());
        fixed[6..10].copy_from_slice(&field.oid.to_be_bytes());
        fixed[10..12].copy_from_slice(&types::size_of(field.oid).to_be_bytes());
        fixed[12..16].copy_from_slice(&field.typmod.to_be_bytes());
        fixed[16..].copy_from_slice(&format(i).to_be_bytes());
        out.put_slice(&fixed);
    }
    end(out, start);
}

fn put_report(out: &mut Vec<u8>, severity: &str, sqlstate: &str, message: &str) {
    for (code, text) in [(b'S', severity), (b'V', severity), (b'C', sqlstate), (b'M', message)] {
        out.put_u8(code);
        put_cstr(out, text);
    }
}

/// Appends those fields of a report that there are.
fn put_fields(out: &mut Vec<u8>, fields: &[(u8, &Option<String>)]) {
    for (code, text) in fields {
        if let Some(text) = text {
            out.put_u8(*code);
            put_cstr(out, text);
        }
    }
}

/// Appends text and its end. A zero inside would end it early and break the message: it is left
/// out.
fn put_cstr(out: &mut Vec<u8>, text: &str) {
    if text.contains('\0') {
        out.put_slice(text.replace('\0', "").as_bytes());
    } else {
        out.put_slice(text.as_bytes());
    }
    out.put_u8(0);
}

/// Appends a number's decimal digits.
pub(crate) fn put_number(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.put_slice(&digits[at..]);
}

/// Begins a message; the place of its length is for [`end`].
pub(crate) fn begin(out: &mut Vec<u8>, kind: u8) -> usize {
    out.put_slice(&[kind, 0, 0, 0, 0]);
    out.len() - 4
}

/// Writes the length of the message begun at `start`.
pub(crate) fn end(out: &mut [u8], start: usize) {
    let length = (out.len() - start) as u32;
    out[start..start + 4].copy_from_slice(&length.to_be_bytes());
}

/// Like [`end`] for a message that data may make too long: then it is taken back.
pub(crate) fn end_row(out: &mut Vec<u8>, start: usize) -> Result<(), SqlError> {
    if out.len() - start <= MESSAGE_MAX {
        end(out, start);
        return Ok(());
    }
    out.truncate(start - 1);
    Err(SqlError::new("54000", "the row is larger than 1 GB").hint("select fewer columns"))
}
