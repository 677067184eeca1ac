//! Whole conversations over a socket with a node that serves: start-up, simple and extended queries,
//! COPY, in any order and partly damaged, cut into pieces anywhere.
//!
//! What is held against the server, panics apart: it answers in whole messages, it closes once the
//! client has said all, and a conversation without damage ends with ReadyForQuery or FATAL.

use std::fmt;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use arbitrary::{Result, Unstructured};

use crate::message::{self, Step};
use crate::node::{Node, TABLES};
use crate::{Target, mutate};

/// Longest wait for the server's next bytes: a statement has half a second.
const ANSWER_WITHIN: Duration = Duration::from_secs(45);
/// Bytes of answers that are looked at; the rest is only counted down.
const LOOKED_AT: usize = 64 << 20;
/// What conversations do not say: it would change the node itself, wait, or lift the time limit.
const UNSAID: &[&str] = &["timeout", "namespace", "schema", "config", "sleep"];

/// A node that serves.
#[derive(Default)]
pub struct Wire(Option<Node>);

/// What a client sends.
pub struct Conversation {
    steps: Vec<Step>,
    /// Bytes of each write; the last one repeats.
    cuts: Vec<usize>,
    damaged: bool,
}

impl fmt::Display for Conversation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "in pieces of {:?}, damaged: {}", self.cuts, self.damaged)?;
        self.steps.iter().try_for_each(|step| writeln!(f, "  {}", step.0.escape_ascii()))
    }
}

impl Target for Wire {
    type Input = Conversation;

    fn renew(&mut self) {
        let node = Node::start();
        let set_up = Conversation {
            steps: vec![message::startup(), message::query(TABLES), message::terminate()],
            cuts: vec![usize::MAX],
            damaged: false,
        };
        let replies = talk(node.port, &set_up).expect("answers");
        assert!(!kinds(&replies).expect("messages").contains(&b'E'), "the tables are not made");
        self.0 = Some(node);
    }

    fn input(&self, bytes: &[u8]) -> Result<Conversation> {
        conversation(&mut Unstructured::new(bytes))
    }

    fn feed(&mut self, input: &Conversation) -> std::result::Result<(), String> {
        let Some(node) = &self.0 else { return Err("no node".into()) };
        let replies = talk(node.port, input)?;
        if input.damaged {
            return Ok(());
        }
        let kinds = kinds(&replies)?;
        match kinds.last() {
            Some(b'Z') => Ok(()),
            Some(b'E') if ends_fatal(&replies) => Ok(()),
            last => Err(format!("the last answer is {:?}", last.map(|kind| *kind as char))),
        }
    }
}

fn conversation(u: &mut Unstructured<'_>) -> Result<Conversation> {
    let mut damaged = u.ratio(1, 3)?;
    let mut steps = Vec::new();
    if damaged && u.ratio(1, 8)? {
        steps.push(Step(u.arbitrary()?));
    }
    let (opening, session) = message::openings(u)?;
    steps.extend(opening);
    damaged |= !session;
    while !u.is_empty() && steps.len() < 60 {
        steps.extend(message::steps(u, statement)?);
    }
    let mut damage = damaged;
    while damage && !steps.is_empty() {
        let step = u.choose_index(steps.len())?;
        steps[step].damage(u)?;
        damage = !u.is_empty() && u.ratio(1, 2)?;
    }
    steps.extend(message::ending());
    let cuts = match u.int_in_range(0..=3)? {
        0 => vec![usize::MAX],
        1 => vec![u.int_in_range(1..=20)?, usize::MAX],
        2 => vec![u.int_in_range(1..=300)?, u.int_in_range(1..=3)?, u.int_in_range(5..=2000)?],
        _ => vec![u.int_in_range(20..=200)?],
    };
    Ok(Conversation { steps, cuts, damaged })
}

fn statement(u: &mut Unstructured<'_>) -> Result<String> {
    let text = mutate::statement(u)?;
    let lower = text.to_lowercase();
    Ok(match UNSAID.iter().any(|word| lower.contains(word)) {
        true => "SELECT * FROM people".into(),
        false => text,
    })
}

/// Says everything, and gives all answers.
fn talk(port: u16, conversation: &Conversation) -> std::result::Result<Vec<u8>, String> {
    let failed = |error: std::io::Error| format!("the connection fails: {error}");
    let mut socket = TcpStream::connect(("127.0.0.1", port)).map_err(failed)?;
    socket.set_nodelay(true).map_err(failed)?;
    socket.set_read_timeout(Some(ANSWER_WITHIN)).map_err(failed)?;
    let reading = socket.try_clone().map_err(failed)?;
    let damaged = conversation.damaged;
    let reader = std::thread::spawn(move || read_all(reading, damaged));
    let bytes = conversation.steps.iter().flat_map(|step| &step.0).copied().collect::<Vec<u8>>();
    let (mut rest, mut cuts) = (&bytes[..], conversation.cuts.iter());
    let mut size = usize::MAX;
    while !rest.is_empty() {
        size = cuts.next().copied().unwrap_or(size);
        let (piece, after) = rest.split_at(size.min(rest.len()));
        // The server may have closed already: what it said tells whether it was right.
        if socket.write_all(piece).is_err() {
            break;
        }
        rest = after;
    }
    let _ = socket.shutdown(Shutdown::Write);
    reader.join().map_err(|_| "the reader failed")?
}

fn read_all(mut socket: TcpStream, damaged: bool) -> std::result::Result<Vec<u8>, String> {
    let (mut all, mut piece) = (Vec::new(), vec![0; 64 << 10]);
    loop {
        match socket.read(&mut piece) {
            Ok(0) => return Ok(all),
            Ok(count) if all.len() < LOOKED_AT => all.extend_from_slice(&piece[..count]),
            Ok(_) => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                return Err(format!("no answer and no end within {ANSWER_WITHIN:?}"));
            }
            Err(_) if damaged => return Ok(all),
            Err(error) => return Err(format!("the connection breaks: {error}")),
        }
    }
}

/// The types of the answers, which have to be whole.
fn kinds(replies: &[u8]) -> std::result::Result<Vec<u8>, String> {
    let (mut rest, mut kinds) = (refusals_skipped(replies), Vec::new());
    while let Some((&kind, after)) = rest.split_first() {
        let length = after.first_chunk::<4>().map(|length| u32::from_be_bytes(*length) as usize);
        let whole = length.filter(|length| *length >= 4).and_then(|length| after.get(length..));
        let known = b"RKSZvTDCEINtn123sGHdcA".contains(&kind);
        let (Some(after), true) = (whole, known) else {
            if replies.len() >= LOOKED_AT {
                return Ok(kinds);
            }
            let shown = &rest[..rest.len().min(80)];
            return Err(format!("the answers are torn at: {}", shown.escape_ascii()));
        };
        kinds.push(kind);
        rest = after;
    }
    Ok(kinds)
}

/// What comes after the `N` of encryption requests; a notice's `N` is followed by its length.
fn refusals_skipped(replies: &[u8]) -> &[u8] {
    let mut rest = replies;
    while let [b'N', after @ ..] = rest
        && after.first() != Some(&0)
    {
        rest = after;
    }
    rest
}

fn ends_fatal(replies: &[u8]) -> bool {
    replies.windows(7).any(|part| part == b"SFATAL\0")
}
