//! A client of bare messages.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A message of the server: type and body.
pub(super) type Reply = (char, Vec<u8>);

pub(super) struct Raw {
    pub(super) socket: TcpStream,
}

/// A message: type, length, body.
pub(super) fn message(kind: char, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind as u8];
    bytes.extend_from_slice(&(body.len() as u32 + 4).to_be_bytes());
    bytes.extend_from_slice(body);
    bytes
}

pub(super) fn query(text: &str) -> Vec<u8> {
    message('Q', format!("{text}\0").as_bytes())
}

pub(super) fn parse(name: &str, text: &str) -> Vec<u8> {
    message('P', format!("{name}\0{text}\0\0\0").as_bytes())
}

/// A Bind of text parameters and text results.
pub(super) fn bind(portal: &str, statement: &str, params: &[&str]) -> Vec<u8> {
    let mut body = format!("{portal}\0{statement}\0\0\0").into_bytes();
    body.extend_from_slice(&(params.len() as u16).to_be_bytes());
    for param in params {
        body.extend_from_slice(&(param.len() as u32).to_be_bytes());
        body.extend_from_slice(param.as_bytes());
    }
    body.extend_from_slice(&[0, 0]);
    message('B', &body)
}

pub(super) fn describe(kind: char, name: &str) -> Vec<u8> {
    message('D', format!("{kind}{name}\0").as_bytes())
}

pub(super) fn execute(portal: &str, rows: u32) -> Vec<u8> {
    let mut body = format!("{portal}\0").into_bytes();
    body.extend_from_slice(&rows.to_be_bytes());
    message('E', &body)
}

pub(super) fn sync() -> Vec<u8> {
    message('S', b"")
}

/// A start-up packet.
pub(super) fn startup(version: u32, parameters: &[(&str, &str)]) -> Vec<u8> {
    let mut body = version.to_be_bytes().to_vec();
    for (name, value) in parameters {
        body.extend_from_slice(format!("{name}\0{value}\0").as_bytes());
    }
    body.push(0);
    packet(&body)
}

/// A packet without a type.
pub(super) fn packet(body: &[u8]) -> Vec<u8> {
    let mut bytes = (body.len() as u32 + 4).to_be_bytes().to_vec();
    bytes.extend_from_slice(body);
    bytes
}

impl Raw {
    pub(super) async fn connect(port: u16) -> Raw {
        Raw { socket: TcpStream::connect(("127.0.0.1", port)).await.expect("a connection") }
    }

    /// Connects and starts a session; the replies up to ReadyForQuery.
    pub(super) async fn session(port: u16) -> (Raw, Vec<Reply>) {
        let mut raw = Raw::connect(port).await;
        raw.send(&startup(3 << 16, &[("user", "u"), ("database", "test")])).await;
        let replies = raw.round().await;
        (raw, replies)
    }

    pub(super) async fn send(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).await.expect("sent");
    }

    /// The next message, `None` when the server has closed.
    pub(super) async fn reply(&mut self) -> Option<Reply> {
        let kind = self.socket.read_u8().await.ok()?;
        let length = self.socket.read_u32().await.ok()? as usize;
        let mut body = vec![0; length - 4];
        self.socket.read_exact(&mut body).await.ok()?;
        Some((kind as char, body))
    }

    /// Messages up to ReadyForQuery or the end of the connection.
    pub(super) async fn round(&mut self) -> Vec<Reply> {
        let mut replies = Vec::new();
        while let Some(reply) = self.reply().await {
            let last = reply.0 == 'Z';
            replies.push(reply);
            if last {
                break;
            }
        }
        replies
    }

    /// Sends and gives the round in short.
    pub(super) async fn ask(&mut self, bytes: &[u8]) -> String {
        self.send(bytes).await;
        short(&self.round().await)
    }
}

/// Replies in short: `T D:1 C:SELECT 1 Z:I`; errors and notices by SQLSTATE.
pub(super) fn short(replies: &[Reply]) -> String {
    let one = |(kind, body): &Reply| match kind {
        'C' => format!("C:{}", String::from_utf8_lossy(&body[..body.len() - 1])),
        'Z' => format!("Z:{}", body[0] as char),
        'E' | 'N' => format!("{kind}:{}", report(body, 'C')),
        'D' => format!("D:{}", columns(body).join(",")),
        'S' => {
            let text = String::from_utf8_lossy(&body[..body.len() - 1]);
            format!("S:{}", text.replace('\0', "="))
        }
        kind => kind.to_string(),
    };
    replies.iter().map(one).collect::<Vec<_>>().join(" ")
}

/// One field of an error or notice.
pub(super) fn report(body: &[u8], field: char) -> String {
    let fields = body.split(|b| *b == 0).filter_map(|f| f.split_first());
    let found = fields.filter(|(code, _)| **code == field as u8).map(|(_, text)| text).next();
    String::from_utf8_lossy(found.unwrap_or_default()).into_owned()
}

/// The columns of a DataRow in text format.
fn columns(body: &[u8]) -> Vec<String> {
    let mut rest = &body[2..];
    let mut columns = Vec::new();
    while let Some((head, tail)) = rest.split_first_chunk::<4>() {
        let length = u32::from_be_bytes(*head);
        if length == u32::MAX {
            columns.push("NULL".into());
            rest = tail;
            continue;
        }
        let (text, tail) = tail.split_at(length as usize);
        columns.push(String::from_utf8_lossy(text).into_owned());
        rest = tail;
    }
    columns
}
