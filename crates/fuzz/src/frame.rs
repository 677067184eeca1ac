//! Conversations in Aerospike's client protocol with a node that serves: info, commands on records,
//! batches and scans, in any order, one behind the other, partly damaged.
//!
//! What is held against the server, panics apart: it answers in whole frames and rows, it closes once
//! the client has said all, and each request of a conversation without damage has its answer, in order.

use std::fmt;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use ::wire::batch::BatchOut;
use ::wire::flags::{info1, info2, info3};
use ::wire::frame::{self, Frame as Head, HEADER_SIZE, Kind};
use ::wire::{Field, Header, Message, MessageOut, compress, value};
use arbitrary::{Result, Unstructured};
use model::{Digest, Key, Value};

use crate::Target;
use crate::node::Node;

/// Longest wait for the server's next bytes.
const ANSWER_WITHIN: Duration = Duration::from_secs(45);
/// Keys that are used, so that commands meet each other's records.
const KEYS: i64 = 8;
const BINS: [&str; 5] = ["a", "b", "c", "", "a_name_of_16_byt"];
const INFO: [&str; 6] = ["node", "build", "replicas", "namespaces", "query-show", "sets/mem"];

/// A node that serves.
#[derive(Default)]
pub struct Frame(Option<Node>);

/// What a request is answered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    /// One frame that is no message.
    Frame(Kind),
    /// One row.
    Row,
    /// Rows up to the last.
    Rows,
}

/// What a client sends.
pub struct Conversation {
    requests: Vec<(Vec<u8>, Answer)>,
    damaged: bool,
}

impl fmt::Display for Conversation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "damaged: {}", self.damaged)?;
        self.requests.iter().try_for_each(|(bytes, _)| writeln!(f, "  {}", bytes.escape_ascii()))
    }
}

impl Target for Frame {
    type Input = Conversation;

    fn renew(&mut self) {
        self.0 = Some(Node::start());
    }

    fn input(&self, bytes: &[u8]) -> Result<Conversation> {
        conversation(&mut Unstructured::new(bytes))
    }

    fn feed(&mut self, input: &Conversation) -> std::result::Result<(), String> {
        let Some(node) = &self.0 else { return Err("no node".into()) };
        let replies = talk(node.aerospike_port, input)?;
        if input.damaged { Ok(()) } else { check(&replies, input) }
    }
}

fn conversation(u: &mut Unstructured<'_>) -> Result<Conversation> {
    let damaged = u.ratio(1, 2)?;
    let mut requests: Vec<(Vec<u8>, Answer)> = Vec::new();
    while !u.is_empty() && requests.len() < 30 {
        requests.push(request(u)?);
    }
    let mut damage = damaged && !requests.is_empty();
    while damage {
        let which = u.choose_index(requests.len())?;
        let (bytes, _) = &mut requests[which];
        let place = u.choose_index(bytes.len())?;
        match u.int_in_range(0..=3)? {
            0 => bytes.truncate(place + 1),
            1 => bytes[place] ^= 1 << u.int_in_range(0..=7)?,
            _ => bytes[place] = u.arbitrary()?,
        }
        damage = !u.is_empty() && u.ratio(2, 3)?;
    }
    Ok(Conversation { requests, damaged })
}

fn request(u: &mut Unstructured<'_>) -> Result<(Vec<u8>, Answer)> {
    let bytes_of = |kind, bytes: &[u8]| {
        let put = |out: &mut Vec<u8>| {
            out.extend_from_slice(bytes);
            Ok(())
        };
        Ok((framed(kind, put)?, Answer::Frame(kind)))
    };
    Ok(match u.int_in_range(0..=9)? {
        0 => return bytes_of(Kind::Info, u.choose(&INFO)?.as_bytes()),
        1 => return bytes_of(Kind::Security, &[0; 16]),
        2 | 3 => (batch(u)?, Answer::Rows),
        4 => (scan(u)?, Answer::Rows),
        5 => {
            let mut packed = Vec::new();
            compress::pack(&single(u)?, &mut packed);
            (packed, Answer::Row)
        }
        _ => (single(u)?, Answer::Row),
    })
}

fn framed(kind: Kind, put: impl FnOnce(&mut Vec<u8>) -> Result<()>) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    let start = frame::begin(&mut out, kind);
    put(&mut out)?;
    frame::end(&mut out, start);
    Ok(out)
}

/// Flags that read or write, and others as they come; none that makes it another kind of request.
fn header(u: &mut Unstructured<'_>) -> Result<Header> {
    let numbers: [u32; 2] = u.arbitrary()?;
    let [ttl, generation] = numbers;
    let writes = u.arbitrary()?;
    Ok(Header {
        info1: (u.arbitrary::<u8>()? & !info1::BATCH) | if writes { 0 } else { info1::READ },
        info2: match writes {
            true => u.arbitrary::<u8>()? | info2::WRITE,
            false => u.arbitrary::<u8>()? & info2::RESPOND_ALL_OPS,
        },
        info3: u.arbitrary()?,
        generation: generation % 8,
        ttl: if u.ratio(1, 2)? { 0 } else { ttl },
        // Long enough that none is too late.
        timeout: 60_000,
        ..Header::default()
    })
}

fn ops(u: &mut Unstructured<'_>, message: &mut MessageOut<'_>) -> Result<()> {
    for _ in 0..u.int_in_range(0..=4)? {
        let (kind, bin) = (u.int_in_range(0..=17)?, *u.choose(&BINS)?);
        let operand = match u.int_in_range(0..=5)? {
            0 => Some(Value::Integer(u.arbitrary()?)),
            1 => Some(Value::String(u.arbitrary()?)),
            2 => Some(Value::Blob(u.arbitrary()?)),
            3 => Some(Value::List(call(u)?.into())),
            4 => Some(Value::Double(u.arbitrary()?)),
            _ => None,
        };
        message.op(kind, bin, |out| operand.map_or(0, |operand| value::put(&operand, out)));
    }
    Ok(())
}

/// What may be an operation on a list, a map, bits, a sketch, or an expression.
fn call(u: &mut Unstructured<'_>) -> Result<Vec<Value>> {
    let mut call = vec![Value::Integer(u.int_in_range(0..=110)?)];
    for _ in 0..u.int_in_range(0..=4)? {
        call.push(match u.int_in_range(0..=3)? {
            0 => Value::Integer(u.int_in_range(-9..=9)?),
            1 => Value::String(u.arbitrary()?),
            2 => Value::Blob(u.arbitrary()?),
            _ => Value::List(vec![Value::Integer(u.arbitrary()?)].into()),
        });
    }
    Ok(call)
}

fn digest(u: &mut Unstructured<'_>) -> Result<Digest> {
    Ok(Key::Integer(u.int_in_range(0..=KEYS)?).digest("s"))
}

fn names(message: &mut MessageOut<'_>) {
    message.field(Field::NAMESPACE, b"mem");
    message.field(Field::SET, b"s");
}

fn single(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let (header, digest) = (header(u)?, digest(u)?);
    framed(Kind::Message, |out| {
        let mut message = MessageOut::begin(out, &header);
        names(&mut message);
        message.field(Field::DIGEST, &digest.0);
        if u.ratio(1, 4)? {
            message.field(Field::FILTER, &model::msgpack::encode(&Value::List(call(u)?.into())));
        }
        ops(u, &mut message)?;
        message.end();
        Ok(())
    })
}

fn batch(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let mut rows = BatchOut::new(u.arbitrary()?);
    for row in 0..u.int_in_range(0..=6)? {
        if row > 0 && u.ratio(1, 2)? {
            rows.repeat(&digest(u)?);
            continue;
        }
        let (header, mut parts) = (header(u)?, Vec::new());
        let mut message = MessageOut::begin(&mut parts, &header);
        names(&mut message);
        ops(u, &mut message)?;
        message.end();
        let (body, _) = Message::parse(&parts).map_err(|_| arbitrary::Error::IncorrectFormat)?;
        let counts = (2, body.ops.len() as u16);
        rows.row(&digest(u)?, &header, counts, &parts[22..]);
    }
    let header = Header { info1: info1::READ | info1::BATCH, timeout: 60_000, ..Header::default() };
    framed(Kind::Message, |out| {
        let mut message = MessageOut::begin(out, &header);
        message.field(Field::BATCH, &rows.end());
        message.end();
        Ok(())
    })
}

fn scan(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let header = Header { info1: info1::READ, info3: info3::PARTITION_DONE, ..Header::default() };
    let (partitions, digest) = (u.arbitrary::<[u8; 4]>()?, digest(u)?);
    framed(Kind::Message, |out| {
        let mut message = MessageOut::begin(out, &header);
        names(&mut message);
        if u.arbitrary()? {
            message.field(Field::PARTITIONS, &partitions);
        }
        if u.arbitrary()? {
            message.field(Field::DIGESTS, &digest.0);
        }
        if u.arbitrary()? {
            message.field(Field::MAX_RECORDS, &u.arbitrary::<u64>()?.to_be_bytes());
        }
        message.end();
        Ok(())
    })
}

/// Says everything, and gives all answers.
fn talk(port: u16, conversation: &Conversation) -> std::result::Result<Vec<u8>, String> {
    let failed = |error: std::io::Error| format!("the connection fails: {error}");
    let mut socket = TcpStream::connect(("127.0.0.1", port)).map_err(failed)?;
    socket.set_read_timeout(Some(ANSWER_WITHIN)).map_err(failed)?;
    let mut reading = socket.try_clone().map_err(failed)?;
    let reader = std::thread::spawn(move || {
        let mut all = Vec::new();
        let ended = reading.read_to_end(&mut all);
        (all, ended)
    });
    for (bytes, _) in &conversation.requests {
        // The server may have closed already.
        if socket.write_all(bytes).is_err() {
            break;
        }
    }
    let _ = socket.shutdown(Shutdown::Write);
    match reader.join().map_err(|_| "the reader failed")? {
        (_, Err(error)) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
            Err(format!("no answer and no end within {ANSWER_WITHIN:?}"))
        }
        (_, Err(error)) if !conversation.damaged => Err(format!("the connection breaks: {error}")),
        (all, _) => Ok(all),
    }
}

/// Holds the answers to the requests.
fn check(replies: &[u8], conversation: &Conversation) -> std::result::Result<(), String> {
    let mut rest = replies;
    for (place, (_, answer)) in conversation.requests.iter().enumerate() {
        loop {
            let head = Head::parse(rest).map_err(|e| format!("answer {place}: {e}"))?;
            let head = head.ok_or(format!("request {place} has no answer"))?;
            let body =
                rest.get(HEADER_SIZE..head.size()).ok_or(format!("answer {place} is torn"))?;
            rest = &rest[head.size()..];
            let ended = match answer {
                Answer::Frame(kind) if head.kind == *kind => true,
                Answer::Row | Answer::Rows if head.kind == Kind::Message => {
                    let last = rows(body).map_err(|e| format!("answer {place}: {e}"))?;
                    last || *answer == Answer::Row
                }
                _ => return Err(format!("answer {place} is {:?}, for {answer:?}", head.kind)),
            };
            if ended {
                break;
            }
        }
    }
    if rest.is_empty() {
        Ok(())
    } else {
        Err(format!("{} bytes that nobody asked for", rest.len()))
    }
}

/// Reads all rows of a frame; whether one of them is the last.
fn rows(mut body: &[u8]) -> std::result::Result<bool, String> {
    if body.is_empty() {
        return Err("a frame without rows".into());
    }
    let mut last = false;
    while !body.is_empty() {
        let (row, rest) = Message::parse(body).map_err(|e| e.to_string())?;
        for op in row.ops.iter() {
            value::read(op.particle, op.value).map_err(|e| e.to_string())?;
        }
        last |= row.header.info3 & info3::LAST != 0;
        body = rest;
    }
    Ok(last)
}
