//! One connection: requests out, answers in, each looked at.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use model::{Error, ErrorKind, Result};
use wire::flags::{info1, info2};
use wire::frame::{self, Frame, HEADER_SIZE, Kind};
use wire::{Field, Header, Message, MessageOut, OpKind};

use crate::data::{Data, SET};
use crate::engine::failed;

/// Bytes at the beginning of a value that say its version.
pub(super) const VERSION_SIZE: usize = 8;
/// The one bin.
const BIN: &str = "value";
/// Particle type of bytes.
const BLOB: u8 = 4;
/// Milliseconds that the server may take, as clients say by default.
const TIMEOUT_MS: u32 = 1000;
/// Longest silence of a server that is still waited for.
const SILENCE_MAX: Duration = Duration::from_secs(30);
/// Answers of which one is compared byte by byte.
const COMPARED: u64 = 64;

/// One request on a record.
#[derive(Debug, Clone, Copy)]
pub(super) enum Request {
    Get(u64),
    Put(u64),
}

/// A connection to the server.
pub(super) struct Connection {
    socket: TcpStream,
    namespace: String,
    out: Vec<u8>,
    answers: Vec<u8>,
    /// Answers until now.
    seen: u64,
}

impl Connection {
    pub(super) fn open(address: &str, namespace: &str) -> Result<Connection> {
        let refused = |e| failed(&format!("cannot connect to {address}"), &e);
        let socket = TcpStream::connect(address).map_err(refused)?;
        socket.set_nodelay(true).map_err(refused)?;
        socket.set_read_timeout(Some(SILENCE_MAX)).map_err(refused)?;
        let namespace = namespace.to_string();
        Ok(Connection { socket, namespace, out: Vec::new(), answers: Vec::new(), seen: 0 })
    }

    /// Sends all of them at once and waits for all answers.
    pub(super) fn run(&mut self, data: &Data, requests: &[Request]) -> Result<()> {
        self.out.clear();
        for request in requests {
            self.put_request(data, *request);
        }
        self.socket.write_all(&self.out).map_err(|e| failed("cannot send a request", &e))?;
        let (mut start, mut waiting) = (0, requests.iter());
        let mut next = waiting.next();
        while let Some(request) = next {
            let rest = &self.answers[start..];
            match Frame::parse(rest)?.filter(|frame| frame.size() <= rest.len()) {
                Some(frame) => {
                    self.seen += 1;
                    let compared = self.seen.is_multiple_of(COMPARED);
                    look_at(data, *request, &rest[HEADER_SIZE..frame.size()], compared)?;
                    start += frame.size();
                    next = waiting.next();
                }
                None => {
                    self.answers.drain(..start);
                    start = 0;
                    self.receive()?;
                }
            }
        }
        self.answers.drain(..start);
        Ok(())
    }

    fn put_request(&mut self, data: &Data, request: Request) {
        let start = frame::begin(&mut self.out, Kind::Message);
        let (n, header) = match request {
            Request::Get(n) => {
                (n, Header { info1: info1::READ | info1::GET_ALL, ..Header::default() })
            }
            Request::Put(n) => (n, Header { info2: info2::WRITE, ..Header::default() }),
        };
        let header = Header { timeout: TIMEOUT_MS, ..header };
        let mut message = MessageOut::begin(&mut self.out, &header);
        message.field(Field::NAMESPACE, self.namespace.as_bytes());
        message.field(Field::SET, SET.as_bytes());
        message.field(Field::DIGEST, &data.digest(n).0);
        if let Request::Put(n) = request {
            message.op(OpKind::Write as u8, BIN, |out| {
                out.extend_from_slice(&data.value(n, 0));
                BLOB
            });
        }
        message.end();
        frame::end(&mut self.out, start);
    }

    fn receive(&mut self) -> Result<()> {
        let filled = self.answers.len();
        self.answers.resize(filled + (64 << 10), 0);
        let read = self.socket.read(&mut self.answers[filled..]);
        let read = read.map_err(|e| failed("no answer", &e))?;
        self.answers.truncate(filled + read);
        match read {
            0 => Err(Error::new(ErrorKind::Unavailable, "the server has closed the connection")),
            _ => Ok(()),
        }
    }
}

/// An error where the answer is not the one to this request.
fn look_at(data: &Data, request: Request, body: &[u8], compared: bool) -> Result<()> {
    let (message, _) = Message::parse(body)?;
    let wrong = |what: String| Err(Error::new(ErrorKind::Corrupt, format!("{request:?}: {what}")));
    match (request, message.header.result) {
        (Request::Put(_), 0) => Ok(()),
        (Request::Get(n), 0) => match message.ops.iter().next() {
            Some(op) if op.value.len() != data.value_size => {
                wrong(format!("{} bytes came back", op.value.len()))
            }
            Some(op) if compared && op.value != data.value(n, 0) => {
                wrong("other bytes came back".to_string())
            }
            Some(_) => Ok(()),
            None => wrong("no bin came back".to_string()),
        },
        (_, code) => wrong(format!("result code {code}")),
    }
}
