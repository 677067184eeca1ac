//! Scans, page by page, and operations in the background.

use std::collections::BTreeSet;

use model::{Digest, Value};
use wire::flags::{info1, info3};
use wire::frame::{self, Kind};
use wire::{Field, Header, OpKind, code};

use super::client::*;
use crate::support::Node;

const COUNT: i64 = 3000;

/// A node with records 0 to [`COUNT`] in set `t`, and ten in set `other`.
fn filled() -> (Node, Client) {
    let node = Node::start();
    let mut client = Client::of(&node);
    for key in 0..COUNT {
        assert_eq!(client.code(&WRITE, key, &[put("n", key), put("odd", key % 2)]), code::OK);
    }
    for key in 0..10 {
        let digest = model::Key::Integer(key).digest("other");
        let fields =
            [(Field::NAMESPACE, &b"test"[..]), (Field::SET, b"other"), (Field::DIGEST, &digest.0)];
        client.send(&message(&WRITE, &fields, &[put("n", -1)]));
        assert_eq!(client.rows()[0].header.result, code::OK);
    }
    (node, client)
}

/// A scan that is not told of partitions that are done, as clients ask for it.
const SCAN: Header = Header { info3: info3::PARTITION_DONE, ..READ };

/// A scan of namespace `test`, and of set `t` unless `fields` has another.
fn scan(
    client: &mut Client,
    header: &Header,
    fields: &[(Field, &[u8])],
    ops: &[Op],
) -> (Vec<Row>, Row) {
    let mut all = vec![(Field::NAMESPACE, &b"test"[..])];
    all.extend(fields);
    client.send(&message(header, &all, ops));
    client.all_rows()
}

fn digest_of(row: &Row) -> Digest {
    let field = row.fields.iter().find(|(field, _)| *field == Field::DIGEST.0);
    Digest(field.expect("a digest").1.as_slice().try_into().expect("20 bytes"))
}

fn digests<'a>(rows: impl IntoIterator<Item = &'a Row>) -> BTreeSet<Digest> {
    rows.into_iter().map(digest_of).collect()
}

const SET: (Field, &[u8]) = (Field::SET, b"t");

#[test]
fn whole_sets_and_the_whole_namespace() {
    let (_node, mut client) = filled();
    let (rows, last) = scan(&mut client, &SCAN, &[SET], &[]);
    assert_eq!((rows.len(), last.header.result), (COUNT as usize, code::OK));
    assert_eq!(digests(&rows), (0..COUNT).map(digest).collect());
    assert!(rows.iter().all(|row| row.bins.len() == 2 && row.header.generation == 1));
    let (rows, _) = scan(&mut client, &SCAN, &[], &[]);
    assert_eq!(rows.len(), COUNT as usize + 10, "every set");
    let sets = |row: &Row| row.fields.iter().any(|(f, data)| *f == 1 && data == b"other");
    assert_eq!(rows.iter().filter(|row| sets(row)).count(), 10);
    let (rows, last) = scan(&mut client, &SCAN, &[(Field::SET, b"none")], &[]);
    assert_eq!((rows.len(), last.header.result), (0, code::OK));
    let (rows, _) = scan(&mut client, &SCAN, &[SET], &[get("odd")]);
    assert!(rows.iter().all(|row| row.bins.len() == 1));
    let bare = Header { info1: info1::READ | info1::NO_BIN_DATA, ..SCAN };
    let (rows, _) = scan(&mut client, &bare, &[SET], &[]);
    assert!(rows.len() == COUNT as usize && rows.iter().all(|row| row.bins.is_empty()));
}

#[test]
fn partitions_are_told_when_they_are_done() {
    let (_node, mut client) = filled();
    let partitions = [0u16, 1, 2, 7, 4095];
    let list: Vec<u8> = partitions.iter().flat_map(|p| p.to_le_bytes()).collect();
    let (rows, _) = scan(&mut client, &READ, &[SET, (Field::PARTITIONS, &list)], &[]);
    let (done, records): (Vec<Row>, Vec<Row>) =
        rows.into_iter().partition(|row| row.header.info3 & info3::PARTITION_DONE != 0);
    let numbers: Vec<u32> = done.iter().map(|row| row.header.generation).collect();
    assert_eq!(numbers, partitions.map(u32::from));
    let there = (0..COUNT).map(digest).filter(|d| partitions.contains(&d.partition().get()));
    assert_eq!(digests(&records), there.collect());
}

#[test]
fn pages_go_on_after_the_last_digest() {
    let (_node, mut client) = filled();
    let (all, _) = scan(&mut client, &SCAN, &[SET], &[]);
    // What a client does: the last digest of each partition that gave any, all others whole.
    let mut last: Vec<Option<Digest>> = vec![None; 4096];
    let mut seen = Vec::new();
    loop {
        let whole = (0..4096u16).filter(|p| last[usize::from(*p)].is_none());
        let whole: Vec<u8> = whole.flat_map(u16::to_le_bytes).collect();
        let partly: Vec<u8> = last.iter().flatten().flat_map(|digest| digest.0).collect();
        let page = [
            SET,
            (Field::PARTITIONS, &whole),
            (Field::DIGESTS, &partly),
            (Field::MAX_RECORDS, &700u64.to_be_bytes()),
        ];
        let (rows, end) = scan(&mut client, &SCAN, &page, &[]);
        assert_eq!(end.header.result, code::OK);
        assert!(rows.len() <= 700);
        for row in &rows {
            let digest = digest_of(row);
            last[usize::from(digest.partition().get())] = Some(digest);
        }
        let ended = rows.len() < 700;
        seen.extend(rows);
        if ended {
            break;
        }
    }
    assert_eq!(seen.len(), all.len(), "none twice");
    assert_eq!(digests(&seen), digests(&all));
}

#[test]
fn what_a_scan_cannot_be_asked() {
    let node = Node::start();
    let mut client = Client::of(&node);
    let mut code = |header: &Header, fields: &[(Field, &[u8])]| {
        scan(&mut client, header, fields, &[]).1.header.result
    };
    assert_eq!(code(&SCAN, &[(Field::PARTITIONS, &[0, 16])]), code::PARAMETER);
    assert_eq!(code(&SCAN, &[(Field::MAX_RECORDS, &[1])]), code::PARAMETER);
    assert_eq!(code(&SCAN, &[(Field::INDEX_RANGE, &[1])]), code::PARAMETER);
    assert_eq!(code(&SCAN, &[(Field::UDF_MODULE, b"m")]), code::PARAMETER, "no function");
    assert_eq!(code(&WRITE, &[SET]), code::PARAMETER, "nothing to do");
    client.send(&message(&SCAN, &[(Field::NAMESPACE, b"nowhere")], &[]));
    assert_eq!(client.all_rows().1.header.result, 20);
    client.send(&message(&SCAN, &[SET], &[]));
    assert_eq!(client.all_rows().1.header.result, code::PARAMETER, "of no namespace");
}

/// What `query-show` says of a job, once it has ended.
fn ended(client: &mut Client, id: u64) -> String {
    loop {
        let mut sent = Vec::new();
        let start = frame::begin(&mut sent, Kind::Info);
        sent.extend_from_slice(format!("query-show:id={id}\n").as_bytes());
        frame::end(&mut sent, start);
        client.send(&sent);
        let (_, body) = client.frame().expect("an answer");
        let said = String::from_utf8(body).expect("text");
        if !said.contains("status=active") {
            return said;
        }
    }
}

#[test]
fn operations_in_the_background() {
    let (_node, mut client) = filled();
    let id = 77u64.to_be_bytes();
    let one = Value::Integer(1);
    let add = [(OpKind::Add, "n", Some(Value::Integer(1000))), put("new", 1)];
    let (rows, last) = scan(&mut client, &WRITE, &[SET, (Field::QUERY_ID, &id)], &add);
    assert_eq!((rows.len(), last.header.result), (0, code::OK));
    let said = ended(&mut client, 77);
    assert!(said.contains("status=done(ok):") && said.contains("recs-succeeded=3000:"), "{said}");
    for key in [0, 1, COUNT - 1] {
        let row = client.ask(&READ_ALL, key, &[]);
        assert_eq!(row.bin("n"), Some(&Value::Integer(key + 1000)));
        assert_eq!((row.bin("new"), row.header.generation), (Some(&one), 2));
    }
    let (others, _) = scan(&mut client, &SCAN, &[(Field::SET, b"other")], &[]);
    assert!(others.iter().all(|row| row.header.generation == 1), "another set");
    let reads = scan(&mut client, &WRITE, &[SET], &[get("n")]).1.header.result;
    assert_eq!(reads, code::PARAMETER);
}
