//! A thousand malformed start-ups, messages and statements, from fixed seeds: each gets an error or
//! a closed connection, and a good client is served after each batch.

use std::time::Duration;

use slt::random::Random;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::super::Options;
use super::fake::Server;
use super::raw::*;

/// A seed names the whole run.
struct Chance(Random);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0.next()
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    fn bytes(&mut self, max: usize) -> Vec<u8> {
        (0..self.below(max)).map(|_| self.next() as u8).collect()
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

/// Changes a few bytes, and sometimes the length.
fn spoil(chance: &mut Chance, mut bytes: Vec<u8>) -> Vec<u8> {
    for _ in 0..=chance.below(4) {
        let at = chance.below(bytes.len());
        bytes[at] = chance.next() as u8;
    }
    match chance.below(4) {
        0 => bytes.truncate(1 + chance.below(bytes.len())),
        1 => bytes.extend(chance.bytes(40)),
        _ => {}
    }
    bytes
}

fn bad_startup(chance: &mut Chance) -> Vec<u8> {
    match chance.below(3) {
        0 => {
            let mut noise = chance.bytes(60);
            noise.push(0);
            noise
        }
        1 => spoil(
            chance,
            startup(3 << 16, &[("user", "u"), ("database", "test"), ("options", "-c a=b")]),
        ),
        _ => {
            let code = 80_877_102 + chance.below(4) as u32;
            let body = [&code.to_be_bytes()[..], &chance.bytes(30)].concat();
            spoil(chance, packet(&body))
        }
    }
}

fn bad_messages(chance: &mut Chance) -> Vec<u8> {
    let texts =
        ["gen 3", "echo int8 text", "echo numeric uuid jsonb int8[]", "fail", "", "show all"];
    let mut batch = Vec::new();
    for _ in 0..=chance.below(6) {
        let text = chance.pick(&texts).to_string();
        let good = match chance.below(8) {
            0 => query(&text),
            1 => parse(chance.pick(&["", "s"]), &text),
            2 => bind(chance.pick(&["", "p"]), chance.pick(&["", "s"]), &["1", "x"]),
            3 => describe(chance.pick(&['S', 'P', 'x']), ""),
            4 => execute("", chance.next() as u32),
            5 => sync(),
            6 => message(chance.pick(&['F', 'd', 'c', 'f', 'p', 'C', '!']), &chance.bytes(20)),
            _ => binary_bind(chance),
        };
        batch.extend(if chance.below(2) == 0 { spoil(chance, good) } else { good });
    }
    batch
}

/// A Bind whose values are noise in binary.
fn binary_bind(chance: &mut Chance) -> Vec<u8> {
    let mut body = b"\0\0\0\x01\0\x01".to_vec();
    let count = chance.below(5);
    body.extend_from_slice(&(count as u16).to_be_bytes());
    for _ in 0..count {
        let value = chance.bytes(40);
        body.extend_from_slice(&(value.len() as u32).to_be_bytes());
        body.extend_from_slice(&value);
    }
    body.extend_from_slice(b"\0\x01\0\x01");
    message('B', &body)
}

fn bad_statement(chance: &mut Chance) -> Vec<u8> {
    let words = [
        "begin",
        "commit",
        "rollback",
        "to",
        "set",
        "local",
        "show",
        "fetch",
        "move",
        "from",
        "all",
        "declare",
        "c",
        "hold",
        "for",
        "gen",
        "9",
        "prepare",
        "as",
        "execute",
        "close",
        "\u{0}",
        ";",
        "é",
        "discard",
        "statement_timeout",
        "-1",
        "savepoint",
        "release",
        "nowhere",
        "write",
    ];
    let text: Vec<&str> = (0..chance.below(12)).map(|_| chance.pick(&words)).collect();
    let mut bytes = text.join(" ").into_bytes();
    if chance.below(5) == 0 {
        bytes.extend(chance.bytes(20));
    }
    bytes.push(0);
    [message('Q', &bytes), sync()].concat()
}

/// Sends and reads whatever comes until the server closes, is ready, or has nothing to say.
async fn provoke(raw: &mut Raw, bytes: &[u8]) {
    let _ = raw.socket.write_all(bytes).await;
    let _ = raw.socket.shutdown().await;
    let mut sink = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(10), raw.socket.read_to_end(&mut sink));
    assert!(read.await.is_ok(), "neither answered nor closed: {bytes:?}");
}

#[tokio::test]
async fn the_server_outlives_a_thousand_malformed_inputs() {
    let server = Server::start(Options::default()).await;
    for seed in 0..1_000 {
        let mut chance = Chance(Random(seed));
        match seed % 3 {
            0 => {
                let mut raw = Raw::connect(server.port).await;
                provoke(&mut raw, &bad_startup(&mut chance)).await;
            }
            1 => {
                let (mut raw, _) = Raw::session(server.port).await;
                provoke(&mut raw, &bad_messages(&mut chance)).await;
            }
            _ => {
                let (mut raw, _) = Raw::session(server.port).await;
                provoke(&mut raw, &bad_statement(&mut chance)).await;
            }
        }
        if seed % 50 == 49 {
            let (mut good, _) = Raw::session(server.port).await;
            assert_eq!(good.ask(&query("gen 2")).await, "T D:0 D:1 C:SELECT 2 Z:I", "after {seed}");
        }
    }
}
