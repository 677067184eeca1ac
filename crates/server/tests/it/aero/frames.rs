//! Frames: pipelined, compressed, cut, malformed.

use std::io::Write;
use std::net::{Shutdown, TcpStream};

use model::Value;
use wire::frame::{self, Kind};
use wire::{code, compress};

use super::client::*;
use crate::support::{Node, Random};

#[test]
fn answers_come_in_the_order_of_the_questions() {
    let node = Node::start();
    let mut client = Client::of(&node);
    let mut sent = Vec::new();
    for n in 0..50 {
        sent.extend(request(&WRITE, &digest(n), &[put("n", n)]));
        sent.extend(request(&READ, &digest(n), &[get("n")]));
        let start = frame::begin(&mut sent, Kind::Info);
        sent.extend_from_slice(b"build\n");
        frame::end(&mut sent, start);
    }
    // In pieces that end anywhere.
    for piece in sent.chunks(37) {
        client.send(piece);
    }
    for n in 0..50 {
        assert_eq!(client.rows()[0].header.result, code::OK);
        assert_eq!(client.rows()[0].bin("n"), Some(&Value::Integer(n)));
        let (kind, body) = client.frame().expect("an answer");
        assert!(kind == Kind::Info && body.starts_with(b"build\t"), "{body:?}");
    }
}

#[test]
fn compressed_requests_are_requests() {
    let node = Node::start();
    let mut client = Client::of(&node);
    let text = "a text that is worth it ".repeat(100);
    let mut packed = Vec::new();
    compress::pack(&request(&WRITE, &digest(1), &[put("s", text.as_str())]), &mut packed);
    client.send(&packed);
    assert_eq!(client.rows()[0].header.result, code::OK);
    assert_eq!(client.ask(&READ_ALL, 1, &[]).bin("s"), Some(&Value::String(text)));
    packed[20] ^= 0xff;
    client.send(&packed);
    assert_eq!(client.rows()[0].header.result, code::PARAMETER);
    assert_eq!(client.code(&READ_ALL, 1, &[]), code::OK, "the connection goes on");
}

#[test]
fn users_and_roles_are_refused_and_the_connection_stays() {
    let node = Node::start();
    let mut client = Client::of(&node);
    for _ in 0..2 {
        let mut login = Vec::new();
        let start = frame::begin(&mut login, Kind::Security);
        login.extend_from_slice(&[0, 0, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        frame::end(&mut login, start);
        client.send(&login);
        let (kind, body) = client.frame().expect("an answer");
        assert_eq!((kind, body.len(), body[1]), (Kind::Security, 16, code::SECURITY_UNSUPPORTED));
    }
}

#[test]
fn what_is_no_frame_ends_the_connection() {
    let node = Node::start();
    for bytes in [[9, 3, 0, 0, 0, 0, 0, 0], [2, 5, 0, 0, 0, 0, 0, 0], [2, 3, 0, 0, 9, 0, 0, 0]] {
        let mut client = Client::of(&node);
        client.send(&request(&READ_ALL, &digest(1), &[]));
        client.send(&bytes);
        assert_eq!(client.rows()[0].header.result, code::NOT_FOUND, "what came before is answered");
        assert_eq!(client.frame(), None, "{bytes:?}");
    }
}

/// A request with a few bytes that are not what they were.
fn malformed(random: &mut Random) -> Vec<u8> {
    let ops = [put("a", 1), put("l", Value::List(vec![Value::Integer(1)].into())), get("b")];
    let mut sent = request(&WRITE, &digest(1), &ops[..1 + random.below(3) as usize]);
    for _ in 0..1 + random.below(4) {
        let place = random.below(sent.len() as u64) as usize;
        sent[place] = random.next() as u8;
    }
    if random.below(3) == 0 {
        sent.truncate(random.below(sent.len() as u64) as usize);
    }
    sent
}

#[test]
fn the_node_outlives_malformed_requests() {
    let mut node = Node::start();
    let port = node.aerospike_port;
    let mut random = Random(7);
    for round in 0..1000 {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("the node listens");
        stream.write_all(&malformed(&mut random)).expect("it reads");
        let _ = stream.shutdown(Shutdown::Write);
        let _ = std::io::copy(&mut stream, &mut std::io::sink());
        assert!(node.lives(), "round {round} ended the node");
    }
    let mut client = Client::of(&node);
    assert_eq!(client.code(&WRITE, 2, &[put("a", 1)]), code::OK);
}
