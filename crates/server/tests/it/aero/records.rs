//! Commands on one record.

use model::{Digest, Key, Value};
use wire::flags::{info1, info2, info3};
use wire::{Field, Header, OpKind, code};

use super::client::*;
use crate::support::Node;

fn bins(row: &Row) -> Vec<(&str, Option<&Value>)> {
    row.bins.iter().map(|(name, value)| (name.as_str(), value.as_ref())).collect()
}

#[test]
fn a_record_is_written_read_and_deleted() {
    let node = Node::start();
    let mut client = Client::of(&node);
    assert_eq!(client.code(&READ_ALL, 1, &[]), code::NOT_FOUND);
    let values = [
        put("n", i64::MIN),
        put("d", -0.5),
        put("s", "grüße"),
        put("b", Value::Blob(vec![0, 255])),
        put("t", Value::Bool(true)),
        put("g", Value::GeoJson(r#"{"type":"Point","coordinates":[1,2]}"#.into())),
        put("l", Value::List(vec![Value::Integer(1), Value::Nil].into())),
        put("m", Value::map([(Value::Integer(1), Value::Double(0.5))])),
    ];
    let written = client.ask(&WRITE, 1, &values);
    assert_eq!((written.header.result, written.header.generation), (code::OK, 1));
    assert_eq!(written.bins, []);
    let all = client.ask(&READ_ALL, 1, &[]);
    let expected: Vec<_> = values.iter().map(|(_, name, v)| (*name, v.as_ref())).collect();
    assert_eq!(bins(&all), expected);
    let some = client.ask(&READ, 1, &[get("t"), get("none"), get("n")]);
    let expected = [("t", Some(&Value::Bool(true))), ("n", Some(&Value::Integer(i64::MIN)))];
    assert_eq!(bins(&some), expected);
    let exists = Header { info1: info1::READ | info1::NO_BIN_DATA, ..BLANK };
    let header = client.ask(&exists, 1, &[]);
    assert_eq!((header.header.generation, header.bins.len()), (1, 0));
    assert_eq!(client.code(&DELETE, 1, &[]), code::OK);
    assert_eq!(client.code(&DELETE, 1, &[]), code::NOT_FOUND);
    assert_eq!(client.code(&exists, 1, &[]), code::NOT_FOUND);
}

#[test]
fn conditions_on_being_there_and_on_the_generation() {
    let node = Node::start();
    let mut client = Client::of(&node);
    let with2 = |flag, generation| Header { info2: info2::WRITE | flag, generation, ..BLANK };
    let with3 = |info3| Header { info2: info2::WRITE, info3, ..BLANK };
    let a = [put("a", 1)];
    assert_eq!(client.code(&with3(info3::UPDATE_ONLY), 1, &a), code::NOT_FOUND);
    assert_eq!(client.code(&with3(info3::REPLACE_ONLY), 1, &a), code::NOT_FOUND);
    assert_eq!(client.code(&with2(info2::GENERATION, 3), 1, &a), code::GENERATION);
    assert_eq!(client.code(&with2(info2::CREATE_ONLY, 0), 1, &a), code::OK);
    assert_eq!(client.code(&with2(info2::CREATE_ONLY, 0), 1, &a), code::EXISTS);
    assert_eq!(client.code(&with3(info3::UPDATE_ONLY), 1, &[put("b", 2)]), code::OK);
    assert_eq!(client.code(&with2(info2::GENERATION, 1), 1, &a), code::GENERATION);
    assert_eq!(client.code(&with2(info2::GENERATION, 2), 1, &a), code::OK);
    assert_eq!(client.code(&with2(info2::GENERATION_GT, 3), 1, &a), code::GENERATION);
    assert_eq!(client.code(&with2(info2::GENERATION_GT, 4), 1, &a), code::OK);
    assert_eq!(client.ask(&READ_ALL, 1, &[]).bins.len(), 2);
    assert_eq!(client.code(&with3(info3::CREATE_OR_REPLACE), 1, &[put("c", 1)]), code::OK);
    let left = client.ask(&READ_ALL, 1, &[]);
    assert_eq!((bins(&left), left.header.generation), (vec![("c", Some(&Value::Integer(1)))], 5));
    let delete = Header { generation: 4, ..with2(info2::DELETE | info2::GENERATION, 4) };
    assert_eq!(client.code(&delete, 1, &[]), code::GENERATION);
}

#[test]
fn operations_see_what_those_before_them_did() {
    let node = Node::start();
    let mut client = Client::of(&node);
    let both = Header { info1: info1::READ, ..WRITE };
    let all = Header { info2: info2::WRITE | info2::RESPOND_ALL_OPS, ..both };
    let text = |s: &str| Some(Value::String(s.into()));
    let ops = [
        put("n", 1),
        get("n"),
        (OpKind::Add, "n", Some(Value::Integer(41))),
        get("n"),
        (OpKind::Append, "s", text("b")),
        (OpKind::Prepend, "s", text("a")),
        get("s"),
        get("none"),
    ];
    let done = client.ask(&both, 1, &ops);
    let (one, many) = (Value::Integer(1), Value::Integer(42));
    let joined = Value::String("ab".into());
    let answers = [("n", Some(&one)), ("n", Some(&many)), ("s", Some(&joined))];
    assert_eq!(bins(&done), answers);
    let done = client.ask(&all, 2, &ops);
    let answers = [
        ("n", None),
        ("n", Some(&one)),
        ("n", None),
        ("n", Some(&many)),
        ("s", None),
        ("s", None),
        ("s", Some(&joined)),
        ("none", None),
    ];
    assert_eq!(bins(&done), answers);
    // One that fails leaves everything as it was.
    let fails = [put("n", 7), (OpKind::Add, "s", Some(Value::Integer(1)))];
    assert_eq!(client.code(&both, 1, &fails), code::BIN_TYPE);
    assert_eq!(client.code(&both, 1, &[(OpKind::Append, "n", text("x"))]), code::BIN_TYPE);
    let after = client.ask(&READ, 1, &[get("n")]);
    assert_eq!((after.bin("n"), after.header.generation), (Some(&many), 1));
    // Read, delete, write anew.
    let again = client.ask(&both, 1, &[get("s"), (OpKind::Delete, "", None), put("z", 1)]);
    assert_eq!((bins(&again), again.header.generation), (vec![("s", Some(&joined))], 2));
    assert_eq!(bins(&client.ask(&READ_ALL, 1, &[])), [("z", Some(&one))]);
    let gone = client.ask(&both, 1, &[get("z"), (OpKind::Delete, "", None)]);
    assert_eq!(bins(&gone), [("z", Some(&one))]);
    assert_eq!(client.code(&READ_ALL, 1, &[]), code::NOT_FOUND);
    let touch = [(OpKind::Touch, "", None)];
    assert_eq!(client.code(&WRITE, 1, &touch), code::NOT_FOUND);
    assert_eq!(client.code(&both, 3, &[get("a"), get("b")]), code::NOT_FOUND);
}

#[test]
fn what_may_be_added_and_what_is_a_shape() {
    let node = Node::start();
    let mut client = Client::of(&node);
    let text = (OpKind::Add, "s", Some(Value::String("a".into())));
    assert_eq!(client.code(&WRITE, 1, std::slice::from_ref(&text)), code::OK, "there was no bin");
    assert_eq!(client.ask(&READ_ALL, 1, &[]).bin("s"), Some(&Value::String("a".into())));
    assert_eq!(client.code(&WRITE, 1, &[text]), code::BIN_TYPE);
    let joined = (OpKind::Append, "d", Some(Value::Double(0.5)));
    assert_eq!(client.code(&WRITE, 1, &[joined]), code::BIN_TYPE, "a double is nothing to append");
    let geo = |text: &str| put("g", Value::GeoJson(text.into()));
    for wrong in [r#"{"type":"Point","coordinates":[1000]}"#, "{}", "no JSON", ""] {
        assert_eq!(client.code(&WRITE, 1, &[geo(wrong)]), code::GEO_JSON, "{wrong}");
    }
    assert_eq!(client.ask(&READ_ALL, 1, &[]).bins.len(), 1);
}

#[test]
fn a_record_goes_with_its_last_bin() {
    let node = Node::start();
    let mut client = Client::of(&node);
    let none = |bin| (OpKind::Write, bin, None);
    assert_eq!(client.code(&WRITE, 1, &[none("a")]), code::OK);
    assert_eq!(client.code(&READ_ALL, 1, &[]), code::NOT_FOUND);
    assert_eq!(client.code(&WRITE, 1, &[put("a", 1), put("b", 1)]), code::OK);
    assert_eq!(client.code(&WRITE, 1, &[none("a")]), code::OK);
    assert_eq!(client.ask(&READ_ALL, 1, &[]).bins.len(), 1);
    assert_eq!(client.code(&WRITE, 1, &[none("b")]), code::OK);
    assert_eq!(client.code(&READ_ALL, 1, &[]), code::NOT_FOUND);
}

#[test]
fn times_to_live() {
    let node = Node::start();
    let mut client = Client::of(&node);
    let with = |ttl| Header { ttl, ..WRITE };
    assert_eq!(client.ask(&WRITE, 1, &[put("a", 1)]).header.ttl, 0, "the default is for ever");
    let dies = client.ask(&with(1000), 1, &[put("a", 1)]).header.ttl;
    let now = std::time::UNIX_EPOCH.elapsed().expect("a clock").as_secs() as u32;
    let left = dies + wire::EPOCH_2010_S - now;
    assert!((940..=1000).contains(&left), "{left} seconds");
    assert_eq!(client.ask(&with(u32::MAX - 1), 1, &[put("a", 2)]).header.ttl, dies, "kept");
    assert_eq!(client.ask(&READ_ALL, 1, &[]).header.ttl, dies);
    let touched = client.ask(&with(5000), 1, &[(OpKind::Touch, "", None)]);
    assert!(touched.header.ttl >= dies + 3900, "{}", touched.header.ttl);
    assert_eq!(touched.header.generation, 4);
    assert_eq!(client.ask(&with(u32::MAX), 1, &[put("a", 1)]).header.ttl, 0, "never");
    let too_long = with(10 * 366 * 24 * 3600);
    assert_eq!(client.code(&too_long, 1, &[put("a", 1)]), code::PARAMETER);
}

#[test]
fn a_read_can_give_the_time_to_live_again() {
    let node = Node::start();
    let mut client = Client::of(&node);
    let with = |ttl| Header { ttl, ..WRITE };
    let reading = |pct| Header { ttl: pct, ..READ_ALL };
    let first = client.ask(&with(1000), 1, &[put("a", 1)]).header;
    // All of it is left: that is not less than 100 percent, but for the second that begins.
    assert_eq!(client.ask(&reading(50), 1, &[]).header.ttl, first.ttl);
    assert_eq!(client.ask(&reading(u32::MAX), 1, &[]).header.generation, 1);
    while client.ask(&reading(100), 1, &[]).header.generation == 1 {
        std::thread::yield_now();
    }
    assert!(client.ask(&READ_ALL, 1, &[]).header.ttl > first.ttl);
}

#[test]
fn keys_that_are_sent_are_kept() {
    let node = Node::start();
    let mut client = Client::of(&node);
    let key = [&[1][..], &7i64.to_be_bytes()].concat();
    let digest = digest(7);
    let with = |header: &Header, key: &[u8], ops: &[Op]| {
        let fields = [
            (Field::NAMESPACE, &b"test"[..]),
            (Field::SET, b"t"),
            (Field::DIGEST, &digest.0),
            (Field::KEY, key),
        ];
        message(header, &fields, ops)
    };
    client.send(&with(&WRITE, &key, &[put("a", 1)]));
    assert_eq!(client.rows()[0].header.result, code::OK);
    let other = [&[3][..], b"seven"].concat();
    for header in [&READ_ALL, &DELETE] {
        client.send(&with(header, &other, &[]));
        assert_eq!(client.rows()[0].header.result, code::KEY_MISMATCH);
    }
    // The key alone names the record too.
    let fields = [(Field::NAMESPACE, &b"test"[..]), (Field::SET, b"t"), (Field::KEY, &key)];
    client.send(&message(&READ_ALL, &fields, &[]));
    assert_eq!(client.rows()[0].bin("a"), Some(&Value::Integer(1)));
}

#[test]
fn what_cannot_be_done_has_the_documented_code() {
    let node = Node::start();
    let mut client = Client::of(&node);
    let long = "a_name_of_16_byt";
    assert_eq!(client.code(&WRITE, 1, &[put(long, 1)]), code::BIN_NAME);
    assert_eq!(client.code(&WRITE, 1, &[]), code::PARAMETER);
    assert_eq!(client.code(&WRITE, 1, &[put("", 1)]), code::PARAMETER);
    assert_eq!(client.code(&BLANK, 1, &[get("a")]), code::PARAMETER);
    assert_eq!(client.code(&READ, 1, &[put("a", 1)]), code::NOT_FOUND, "there is none");
    assert_eq!(client.code(&WRITE, 1, &[put("a", 1)]), code::OK);
    assert_eq!(client.code(&READ, 1, &[put("a", 2)]), code::PARAMETER, "a read that writes");
    let large = Value::Blob(vec![0; 2 << 20]);
    assert_eq!(client.code(&WRITE, 1, &[put("a", large)]), 13);
    let fields = [(Field::NAMESPACE, &b"nowhere"[..]), (Field::DIGEST, &[0; 20])];
    client.send(&message(&READ_ALL, &fields, &[]));
    assert_eq!(client.rows()[0].header.result, 20);
    let fields = [(Field::NAMESPACE, &b"test"[..]), (Field::DIGEST, &[0; 19])];
    client.send(&message(&READ_ALL, &fields, &[]));
    assert_eq!(client.rows()[0].header.result, code::PARAMETER);
    let system = [
        (Field::NAMESPACE, &b"test"[..]),
        (Field::SET, b"aerie$tables"),
        (Field::DIGEST, &[0; 20]),
    ];
    client.send(&message(&WRITE, &system, &[put("a", 1)]));
    assert_eq!(client.rows()[0].header.result, 22);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_of_clients_are_rows_and_rows_are_records() {
    let node = Node::start();
    let mut client = Client::of(&node);
    let sql = node.client("test").await;
    let create = "CREATE TABLE t (id int8 PRIMARY KEY, name text, n int8)";
    sql.batch_execute(create).await.expect("a table");
    let key = [&[1][..], &1i64.to_be_bytes()].concat();
    let digest = digest(1);
    let fields = [
        (Field::NAMESPACE, &b"test"[..]),
        (Field::SET, b"t"),
        (Field::DIGEST, &digest.0),
        (Field::KEY, &key),
    ];
    client.send(&message(&WRITE, &fields, &[put("name", "one"), put("n", 5)]));
    assert_eq!(client.rows()[0].header.result, code::OK);
    let row = sql.query_one("SELECT name, n, id FROM t WHERE id = 1", &[]).await.expect("a row");
    assert_eq!((row.get::<_, &str>(0), row.get::<_, i64>(1), row.get::<_, i64>(2)), ("one", 5, 1));
    let change = "UPDATE t SET n = n + 1 WHERE id = 1; INSERT INTO t VALUES (2, 'two', 9)";
    sql.batch_execute(change).await.expect("changed");
    let one = client.ask(&READ_ALL, 1, &[]);
    assert_eq!((one.bin("n"), one.header.generation), (Some(&Value::Integer(6)), 2));
    assert_eq!(client.ask(&READ_ALL, 2, &[]).bin("name"), Some(&Value::String("two".into())));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_waits_for_the_block_that_holds_its_record() {
    let node = Node::start();
    let mut client = Client::of(&node);
    let sql = node.client("test").await;
    let create = "CREATE TABLE t (id int8 PRIMARY KEY, n int8); INSERT INTO t VALUES (1, 1)";
    sql.batch_execute(create).await.expect("a table");
    sql.batch_execute("BEGIN; UPDATE t SET n = 2 WHERE id = 1").await.expect("a block");
    let soon = Header { timeout: 50, ..WRITE };
    assert_eq!(client.code(&soon, 1, &[put("n", 3)]), code::TIMEOUT);
    assert_eq!(client.ask(&READ, 1, &[get("n")]).bin("n"), Some(&Value::Integer(1)));
    sql.batch_execute("COMMIT").await.expect("nobody was in between");
    assert_eq!(client.code(&WRITE, 1, &[put("n", 3)]), code::OK);
    let n = sql.query_one("SELECT n FROM t WHERE id = 1", &[]).await.expect("a row");
    assert_eq!(n.get::<_, i64>(0), 3);
}

/// The bytes of an operation on a list, map, blob or sketch travel as the value of the operation.
fn inside(kind: OpKind, bin: &'static str, call: &[Value]) -> Op {
    (kind, bin, Some(Value::List(call.to_vec().into())))
}

#[test]
fn operations_inside_lists_blobs_and_sketches() {
    use OpKind::{BitsModify, BitsRead, CollectionModify, CollectionRead, HllModify, HllRead};
    let node = Node::start();
    let mut client = Client::of(&node);
    let both = Header { info1: info1::READ, ..WRITE };
    let n = |n: i64| Value::Integer(n);
    let (append, size, resize, count) = (n(1), n(16), n(0), n(51));
    let (hll_add, hll_count) = (n(1), n(50));
    let elements = Value::List(vec![n(1), n(2), n(3)].into());
    let ops = [
        inside(CollectionModify, "l", &[append.clone(), n(7)]),
        inside(CollectionModify, "l", &[append, n(8)]),
        inside(CollectionRead, "l", std::slice::from_ref(&size)),
        inside(BitsModify, "b", &[resize, n(4), n(0)]),
        inside(BitsRead, "b", &[count, n(0), n(32)]),
        inside(HllModify, "h", &[hll_add, elements, n(8), n(0)]),
        inside(HllRead, "h", &[hll_count]),
        get("l"),
    ];
    let done = client.ask(&both, 1, &ops);
    let list = Value::List(vec![n(7), n(8)].into());
    let (one, two, zero, three) = (n(1), n(2), n(0), n(3));
    let answers = [
        ("l", Some(&one)),
        ("l", Some(&two)),
        ("l", Some(&two)),
        ("b", Some(&zero)),
        ("h", Some(&three)),
        ("h", Some(&three)),
        ("l", Some(&list)),
    ];
    assert_eq!((done.header.result, bins(&done)), (code::OK, answers.to_vec()));
    let reads = [inside(CollectionRead, "l", std::slice::from_ref(&size))];
    assert_eq!(bins(&client.ask(&READ, 1, &reads)), [("l", Some(&two))]);
    let wrong = [inside(CollectionRead, "b", &[size])];
    assert_eq!(client.code(&READ, 1, &wrong), code::BIN_TYPE);
    let torn = [(CollectionRead, "l", Some(Value::Blob(vec![0x92, 1])))];
    assert_eq!(client.code(&READ, 1, &torn), code::PARAMETER);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_is_named_by_its_digest_alone_stays_in_its_set() {
    let node = Node::start();
    let mut client = Client::of(&node);
    let sql = node.client("test").await;
    let create = "CREATE TABLE t (id int8 PRIMARY KEY, n int8); INSERT INTO t VALUES (1, 1)";
    sql.batch_execute(create).await.expect("a table");
    let bare = |digest: &Digest, header: &Header, ops: &[Op]| {
        message(header, &[(Field::NAMESPACE, b"test"), (Field::DIGEST, &digest.0)], ops)
    };
    client.send(&bare(&digest(1), &WRITE, &[put("n", 2)]));
    assert_eq!(client.rows()[0].header.result, code::OK);
    let n = sql.query_one("SELECT sum(n)::int8 FROM t", &[]).await.expect("a row of the set");
    assert_eq!(n.get::<_, i64>(0), 2);
    // What the system keeps is not to be had that way.
    let declaration = Key::String("t".into()).digest("aerie$tables");
    client.send(&bare(&declaration, &READ_ALL, &[]));
    assert_eq!(client.rows()[0].header.result, code::OK, "that is where it is");
    for (header, ops) in [(&WRITE, &[put("n", 2)][..]), (&DELETE, &[])] {
        client.send(&bare(&declaration, header, ops));
        assert_eq!(client.rows()[0].header.result, 22);
    }
}
