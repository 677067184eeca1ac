//! A client that says exactly what a test wants.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use model::{Digest, Key, Value};
use wire::flags::{info1, info2, info3};
use wire::frame::{self, Frame, Kind};
use wire::{Field, Header, Message, MessageOut, OpKind, value};

use crate::support::Node;

/// One connection.
pub(super) struct Client(TcpStream);

/// A row of a reply, read.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    pub(super) header: Header,
    pub(super) fields: Vec<(u8, Vec<u8>)>,
    pub(super) bins: Vec<(String, Option<Value>)>,
}

impl Row {
    pub(super) fn bin(&self, name: &str) -> Option<&Value> {
        self.bins.iter().find(|(n, _)| n == name).and_then(|(_, value)| value.as_ref())
    }
}

/// An operation.
pub(super) type Op = (OpKind, &'static str, Option<Value>);

pub(super) fn put(bin: &'static str, value: impl Into<Scalar>) -> Op {
    (OpKind::Write, bin, Some(value.into().0))
}

pub(super) fn get(bin: &'static str) -> Op {
    (OpKind::Read, bin, None)
}

/// What a literal of a test stands for.
pub(super) struct Scalar(Value);

impl From<i64> for Scalar {
    fn from(n: i64) -> Scalar {
        Scalar(Value::Integer(n))
    }
}

impl From<f64> for Scalar {
    fn from(n: f64) -> Scalar {
        Scalar(Value::Double(n))
    }
}

impl From<&str> for Scalar {
    fn from(text: &str) -> Scalar {
        Scalar(Value::String(text.to_string()))
    }
}

impl From<Value> for Scalar {
    fn from(value: Value) -> Scalar {
        Scalar(value)
    }
}

/// A header that reads.
pub(super) const READ: Header = Header { info1: info1::READ, ..BLANK };
/// A header that reads every bin.
pub(super) const READ_ALL: Header = Header { info1: info1::READ | info1::GET_ALL, ..BLANK };
/// A header that writes.
pub(super) const WRITE: Header = Header { info2: info2::WRITE, ..BLANK };
/// A header that deletes.
pub(super) const DELETE: Header = Header { info2: info2::WRITE | info2::DELETE, ..BLANK };

/// No flags; enough time for a busy machine.
pub(super) const BLANK: Header = Header {
    info1: 0,
    info2: 0,
    info3: 0,
    info4: 0,
    result: 0,
    generation: 0,
    ttl: 0,
    timeout: 60_000,
};

/// The digest of a key in set `t`.
pub(super) fn digest(key: i64) -> Digest {
    Key::Integer(key).digest("t")
}

/// A request on a record of namespace `test`, set `t`.
pub(super) fn request(header: &Header, digest: &Digest, ops: &[Op]) -> Vec<u8> {
    let fields = [(Field::NAMESPACE, &b"test"[..]), (Field::SET, b"t"), (Field::DIGEST, &digest.0)];
    message(header, &fields, ops)
}

/// Any request.
pub(super) fn message(header: &Header, fields: &[(Field, &[u8])], ops: &[Op]) -> Vec<u8> {
    let mut out = Vec::new();
    let start = frame::begin(&mut out, Kind::Message);
    let mut message = MessageOut::begin(&mut out, header);
    fields.iter().for_each(|(field, data)| message.field(*field, data));
    for (kind, bin, operand) in ops {
        message.op(*kind as u8, bin, |out| match operand {
            Some(operand) => value::put(operand, out),
            None => 0,
        });
    }
    message.end();
    frame::end(&mut out, start);
    out
}

impl Client {
    pub(super) fn of(node: &Node) -> Client {
        let stream = TcpStream::connect(("127.0.0.1", node.aerospike_port)).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout");
        Client(stream)
    }

    pub(super) fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).expect("the node reads");
    }

    /// The next frame; `None` where the node has closed.
    pub(super) fn frame(&mut self) -> Option<(Kind, Vec<u8>)> {
        let mut header = [0; frame::HEADER_SIZE];
        self.0.read_exact(&mut header).ok()?;
        let frame = Frame::parse(&header).expect("a frame").expect("a whole header");
        let mut body = vec![0; frame.body_size];
        self.0.read_exact(&mut body).expect("the body that was promised");
        Some((frame.kind, body))
    }

    /// The rows of the next frame.
    pub(super) fn rows(&mut self) -> Vec<Row> {
        let (kind, body) = self.frame().expect("an answer");
        assert_eq!(kind, Kind::Message);
        let mut rest = &body[..];
        let mut rows = Vec::new();
        while !rest.is_empty() {
            let (message, behind) = Message::parse(rest).expect("a row");
            let bin = |op: wire::Op<'_>| {
                let value = value::read(op.particle, op.value).expect("a value");
                (op.bin.to_string(), value)
            };
            rows.push(Row {
                header: message.header,
                fields: message.fields.iter().map(|(f, data)| (f.0, data.to_vec())).collect(),
                bins: message.ops.iter().map(bin).collect(),
            });
            rest = behind;
        }
        assert!(!rows.is_empty(), "a frame without rows");
        rows
    }

    /// Every row up to the one that says that it is the last, and that one.
    pub(super) fn all_rows(&mut self) -> (Vec<Row>, Row) {
        let mut all = Vec::new();
        loop {
            all.extend(self.rows());
            let last = all.last().expect("rows").header.info3 & info3::LAST != 0;
            if last {
                let last = all.pop().expect("the last");
                return (all, last);
            }
        }
    }

    /// Asks a record for something.
    pub(super) fn ask(&mut self, header: &Header, key: i64, ops: &[Op]) -> Row {
        self.send(&request(header, &digest(key), ops));
        let mut rows = self.rows();
        assert_eq!(rows.len(), 1);
        rows.remove(0)
    }

    /// The result code of what a record is asked for.
    pub(super) fn code(&mut self, header: &Header, key: i64, ops: &[Op]) -> u8 {
        self.ask(header, key, ops).header.result
    }
}
