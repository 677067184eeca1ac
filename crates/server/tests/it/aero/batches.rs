//! Batches.

use model::Value;
use wire::batch::{BatchOut, flags};
use wire::flags::info1;
use wire::{Field, Header, MessageOut, OpKind, code, put_op};

use super::client::*;
use crate::support::Node;

const BATCH: Header = Header { info1: info1::READ | info1::BATCH, ..BLANK };

fn send(client: &mut Client, rows: BatchOut) -> (Vec<Row>, Row) {
    let rows = rows.end();
    client.send(&message(&BATCH, &[(Field::BATCH, &rows)], &[]));
    let (mut rows, last) = client.all_rows();
    rows.sort_by_key(|row| row.header.timeout);
    (rows, last)
}

/// A row in namespace `test` (or another), set `t`.
fn row(batch: &mut BatchOut, namespace: &str, header: &Header, key: i64, ops: &[Op]) {
    let mut parts = Vec::new();
    let mut message = MessageOut::begin(&mut parts, &Header::default());
    message.field(Field::NAMESPACE, namespace.as_bytes());
    message.field(Field::SET, b"t");
    message.end();
    let mut parts = parts.split_off(22);
    for (kind, bin, operand) in ops {
        put_op(&mut parts, *kind as u8, bin, |out| match operand {
            Some(operand) => wire::value::put(operand, out),
            None => 0,
        });
    }
    batch.row(&digest(key), header, (2, ops.len() as u16), &parts);
}

#[test]
fn reads_with_repeats() {
    let node = Node::start();
    let mut client = Client::of(&node);
    for key in 0..1000 {
        assert_eq!(client.code(&WRITE, key, &[put("n", key), put("m", -key)]), code::OK);
    }
    let mut batch = BatchOut::new(flags::ANSWER_ALL);
    row(&mut batch, "test", &READ, 0, &[get("n")]);
    (1..1001).for_each(|key| batch.repeat(&digest(key)));
    row(&mut batch, "test", &READ_ALL, 5, &[]);
    let exists = Header { info1: info1::READ | info1::NO_BIN_DATA, ..BLANK };
    row(&mut batch, "test", &exists, 6, &[]);
    batch.repeat(&digest(-1));
    let (rows, last) = send(&mut client, batch);
    assert_eq!((rows.len(), last.header.result), (1004, code::OK));
    for (key, row) in rows[..1000].iter().enumerate() {
        let expected = vec![("n".to_string(), Some(Value::Integer(key as i64)))];
        assert_eq!((row.header.result, &row.bins), (code::OK, &expected));
    }
    assert_eq!(rows[1000].header.result, code::NOT_FOUND);
    assert_eq!(rows[1001].bins.len(), 2);
    assert_eq!((rows[1002].header.generation, rows[1002].bins.len()), (1, 0));
    assert_eq!(rows[1003].header.result, code::NOT_FOUND);
}

#[test]
fn rows_that_write_delete_and_fail() {
    let node = Node::start();
    let mut client = Client::of(&node);
    let both = Header { info1: info1::READ, ..WRITE };
    let fill = |batch: &mut BatchOut| {
        row(batch, "test", &WRITE, 1, &[put("a", 1)]);
        batch.repeat(&digest(2));
        row(batch, "nowhere", &READ_ALL, 1, &[]);
        row(batch, "test", &WRITE, 3, &[put("a", 1)]);
        row(batch, "test", &both, 4, &[(OpKind::Add, "a", Some(Value::Integer(2))), get("a")]);
        row(batch, "test", &DELETE, 5, &[]);
    };
    let mut batch = BatchOut::new(flags::ANSWER_ALL);
    fill(&mut batch);
    let (rows, last) = send(&mut client, batch);
    let codes: Vec<u8> = rows.iter().map(|row| row.header.result).collect();
    assert_eq!((codes, last.header.result), (vec![0, 0, 20, 0, 0, code::NOT_FOUND], code::OK));
    assert_eq!(rows[4].bin("a"), Some(&Value::Integer(2)));
    assert_eq!(client.code(&READ_ALL, 2, &[]), code::OK);
    // Without the flag it ends at the first error, and says which.
    let mut batch = BatchOut::new(0);
    fill(&mut batch);
    let (rows, last) = send(&mut client, batch);
    assert_eq!((rows.len(), last.header.result), (3, 20));
    assert_eq!(client.ask(&READ_ALL, 4, &[]).bin("a"), Some(&Value::Integer(2)), "did not run");
}

#[test]
fn batches_that_are_none() {
    let node = Node::start();
    let mut client = Client::of(&node);
    let mut batch = BatchOut::new(0);
    row(&mut batch, "test", &READ_ALL, 0, &[]);
    (1..5001).for_each(|key| batch.repeat(&digest(key)));
    let rows = batch.end();
    client.send(&message(&BATCH, &[(Field::BATCH, &rows)], &[]));
    assert_eq!(client.rows()[0].header.result, code::BATCH_MAX_REQUESTS);
    let mut promising = rows.clone();
    promising[..4].copy_from_slice(&100u32.to_be_bytes());
    for bad in [&rows[..3], &promising[..20], &promising[..200], &[0, 0, 0, 1, 0][..]] {
        client.send(&message(&BATCH, &[(Field::BATCH, bad)], &[]));
        assert_eq!(client.rows()[0].header.result, code::PARAMETER);
    }
    let mut first = BatchOut::new(0);
    first.repeat(&digest(1));
    client.send(&message(&BATCH, &[(Field::BATCH, &first.end())], &[]));
    assert_eq!(client.rows()[0].header.result, code::PARAMETER, "nothing to repeat");
    client.send(&message(&BATCH, &[], &[]));
    assert_eq!(client.rows()[0].header.result, code::PARAMETER);
    client.send(&message(&BATCH, &[(Field::BATCH, &BatchOut::new(0).end())], &[]));
    let (none, last) = client.all_rows();
    assert_eq!((none.len(), last.header.result), (0, code::OK));
}
