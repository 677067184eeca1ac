//! A thousand malformed messages: an error or a closed connection each time, and the node lives.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use crate::support::{Node, Random};

const ROUNDS: u64 = 1000;

fn startup() -> Vec<u8> {
    let parameters = b"\0\x03\0\0user\0test\0database\0test\0\0";
    let mut packet = (parameters.len() as u32 + 4).to_be_bytes().to_vec();
    packet.extend_from_slice(parameters);
    packet
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut message = vec![kind];
    message.extend_from_slice(&(body.len() as u32 + 4).to_be_bytes());
    message.extend_from_slice(body);
    message
}

fn garbage(random: &mut Random, most: u64) -> Vec<u8> {
    (0..random.below(most)).map(|_| random.next() as u8).collect()
}

/// Well-formed messages with statements made of SQL's own words in any order.
fn word_soup(random: &mut Random) -> Vec<u8> {
    const WORDS: [&str; 30] = [
        "SELECT",
        "FROM",
        "WHERE",
        "PK",
        "=",
        "(",
        ")",
        ",",
        "'x'",
        "$1",
        "::",
        "int8",
        "t",
        "*",
        "INSERT INTO",
        "VALUES",
        "UPDATE",
        "SET",
        "DELETE",
        "GROUP BY",
        "ORDER BY",
        "1e400",
        "\"",
        "ARRAY[",
        "]",
        "-9223372036854775808",
        "/",
        "0",
        "UNION",
        ";",
    ];
    let count = random.below(25);
    let words: Vec<&str> = (0..count).map(|_| WORDS[random.below(30) as usize]).collect();
    let mut text = words.join(" ").into_bytes();
    text.push(0);
    text
}

/// One malformed conversation.
fn conversation(random: &mut Random) -> Vec<u8> {
    let mut sent = match random.below(4) {
        0 => return garbage(random, 64),
        1 => {
            let mut packet = startup();
            let place = random.below(packet.len() as u64) as usize;
            packet[place] = random.next() as u8;
            return packet;
        }
        _ => startup(),
    };
    for _ in 0..1 + random.below(6) {
        let kind = b"QPBDESHCXfdcpF\0~"[random.below(16) as usize];
        let body = if random.below(2) == 0 { garbage(random, 80) } else { word_soup(random) };
        let mut one = message(kind, &body);
        if random.below(4) == 0 {
            let place = random.below(one.len() as u64) as usize;
            one[place] ^= 1 << random.below(8);
        }
        sent.extend(one);
    }
    sent.extend(message(b'S', b""));
    sent
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_node_outlives_a_thousand_malformed_conversations() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut node = Node::on(folder.path());
    let client = node.client("test").await;
    client.batch_execute("CREATE TABLE t (id int8 PRIMARY KEY)").await.expect("a table");
    let mut random = Random(42);
    for round in 0..ROUNDS {
        let sent = conversation(&mut random);
        let port = node.port;
        let talk = tokio::task::spawn_blocking(move || {
            let mut socket = TcpStream::connect(("127.0.0.1", port)).expect("the node listens");
            socket.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
            let _ = socket.write_all(&sent);
            let _ = socket.shutdown(Shutdown::Write);
            let mut answer = Vec::new();
            let _ = socket.read_to_end(&mut answer);
        });
        talk.await.expect("the conversation ends");
        assert!(node.lives(), "round {round} ended the node");
        if round % 100 == 0 {
            client.query_one("SELECT 1", &[]).await.expect("good clients are served");
        }
    }
    let count = client.query_one("SELECT count(*) FROM t", &[]).await.expect("still there");
    assert!(count.get::<_, i64>(0) >= 0);
}
