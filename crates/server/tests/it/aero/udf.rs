//! Users' functions through the client protocol: modules, calls on records, on all of a scan, and on
//! the stream of it; and functions that would keep the node.

use model::{Value, msgpack};
use wire::flags::info3;
use wire::frame::{self, Kind};
use wire::{Field, Header, code};

use super::client::*;
use crate::support::Node;

const SOURCE: &str = "
function add(rec, more)
  if not aerospike:exists(rec) then
    rec.n = more
    aerospike:create(rec)
  else
    rec.n = rec.n + more
    aerospike:update(rec)
  end
  return rec.n
end
function nothing(rec) end
function fails(rec) rec.n = 0 aerospike:update(rec) error('on purpose') end
function spin(rec) while true do pcall(spin) end end
function hog(rec) local t = {} while true do t[#t + 1] = #t end end
function match(rec) return (('a'):rep(30000)):find(('.-'):rep(20) .. 'b') end
function total(s, bin)
  return s : map(function(rec) return rec[bin] end) : reduce(function(a, b) return a + b end)
end
";

/// What the node answers to one request of the info protocol.
fn info(client: &mut Client, request: &str) -> String {
    let mut sent = Vec::new();
    let start = frame::begin(&mut sent, Kind::Info);
    sent.extend_from_slice(request.as_bytes());
    sent.push(b'\n');
    frame::end(&mut sent, start);
    client.send(&sent);
    let (_, body) = client.frame().expect("an answer");
    let body = String::from_utf8(body).expect("text");
    let (_, value) = body.split_once('\t').expect("a name and a value");
    value.trim_end().to_string()
}

fn put_module(client: &mut Client, file: &str, source: &[u8]) -> String {
    let content = query::base64(source);
    let len = content.len();
    info(
        client,
        &format!("udf-put:filename={file};content={content};content-len={len};udf-type=LUA;"),
    )
}

fn ready() -> (Node, Client) {
    let node = Node::start();
    let mut client = Client::of(&node);
    assert_eq!(put_module(&mut client, "m.lua", SOURCE.as_bytes()), "ok");
    (node, client)
}

/// The fields of a call of this function of module `m`.
fn call<'a>(function: &'a str, args: &'a [u8]) -> Vec<(Field, &'a [u8])> {
    vec![
        (Field::NAMESPACE, b"test"),
        (Field::SET, b"t"),
        (Field::UDF_MODULE, b"m"),
        (Field::UDF_FUNCTION, function.as_bytes()),
        (Field::UDF_ARGS, args),
    ]
}

fn args(args: &[Value]) -> Vec<u8> {
    msgpack::encode(&Value::list(args.to_vec()))
}

fn on(client: &mut Client, header: &Header, key: i64, function: &str, given: &[Value]) -> Row {
    let (given, digest) = (args(given), digest(key));
    let mut fields = call(function, &given);
    fields.push((Field::DIGEST, &digest.0));
    client.send(&message(header, &fields, &[]));
    client.rows().remove(0)
}

#[test]
fn modules_come_and_go() {
    let (_node, mut client) = ready();
    let list = info(&mut client, "udf-list");
    assert!(list.starts_with("filename=m.lua,hash=") && list.ends_with(",type=LUA;"), "{list}");
    let got = info(&mut client, "udf-get:filename=m.lua");
    assert!(got.contains(&format!("content={};", query::base64(SOURCE.as_bytes()))), "{got}");
    let bad = put_module(&mut client, "bad.lua", b"x = 1\nfunction f(");
    assert!(bad.starts_with("error=compile_error;file=bad.lua;line=2;message="), "{bad}");
    for file in ["../m.lua", "a/b.lua", "list.lua", ".m.lua"] {
        let refused = put_module(&mut client, file, b"x = 1");
        assert!(refused.starts_with("error=invalid_module;"), "{file}: {refused}");
    }
    let large = put_module(&mut client, "large.lua", &vec![b' '; 50 << 20]);
    assert!(large.starts_with("error=invalid_module;"), "{}", &large[..100.min(large.len())]);
    assert_eq!(info(&mut client, "udf-remove:filename=m.lua"), "ok");
    assert_eq!(info(&mut client, "udf-remove:filename=m.lua"), "error=file_not_found");
    assert_eq!(info(&mut client, "udf-list"), "");
    let gone = on(&mut client, &WRITE, 1, "add", &[Value::Integer(1)]);
    assert_eq!(gone.header.result, code::UDF);
}

#[test]
fn functions_work_on_records() {
    let (_node, mut client) = ready();
    for (given, n) in [(5, 5), (7, 12)] {
        let row = on(&mut client, &WRITE, 1, "add", &[Value::Integer(given)]);
        assert_eq!((row.header.result, row.bin("SUCCESS")), (code::OK, Some(&Value::Integer(n))));
    }
    assert_eq!(client.ask(&READ_ALL, 1, &[]).header.generation, 2);
    let row = on(&mut client, &WRITE, 1, "nothing", &[]);
    assert_eq!(
        (row.header.result, &row.bins[..]),
        (code::OK, &[("SUCCESS".to_string(), None)][..])
    );
    let row = on(&mut client, &WRITE, 1, "fails", &[]);
    assert_eq!(row.header.result, code::UDF);
    assert_eq!(row.bin("FAILURE"), Some(&Value::String("m.lua:13: on purpose".into())));
    assert_eq!(client.ask(&READ_ALL, 1, &[]).bin("n"), Some(&Value::Integer(12)), "as it was");
    let row = on(&mut client, &WRITE, 1, "no_such", &[]);
    assert_eq!(row.bin("FAILURE"), Some(&Value::String("function not found".into())));
}

#[test]
fn calls_that_meet_on_a_record_all_count() {
    let (node, mut client) = ready();
    const EACH: i64 = 50;
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let mut client = Client::of(&node);
            scope.spawn(move || {
                for _ in 0..EACH {
                    let row = on(&mut client, &WRITE, 1, "add", &[Value::Integer(1)]);
                    assert_eq!(row.header.result, code::OK);
                }
            });
        }
    });
    assert_eq!(client.ask(&READ_ALL, 1, &[]).bin("n"), Some(&Value::Integer(4 * EACH)));
}

/// Functions that never end by themselves are ended, and others are served meanwhile.
#[test]
fn functions_that_run_on_are_ended_and_the_node_serves() {
    let (node, mut client) = ready();
    assert_eq!(client.code(&WRITE, 1, &[put("n", 1)]), code::OK);
    let short = Header { timeout: 500, ..WRITE };
    std::thread::scope(|scope| {
        for function in ["spin", "match", "hog", "spin", "match", "spin"] {
            let mut client = Client::of(&node);
            scope.spawn(move || {
                let row = on(&mut client, &short, 1, function, &[]);
                let ended = [code::UDF, code::TIMEOUT].contains(&row.header.result);
                assert!(ended, "{function}: {row:?}");
            });
        }
        for _ in 0..200 {
            assert_eq!(client.ask(&READ_ALL, 1, &[]).bin("n"), Some(&Value::Integer(1)));
        }
    });
    let row = on(&mut client, &WRITE, 1, "add", &[Value::Integer(1)]);
    assert_eq!(row.bin("SUCCESS"), Some(&Value::Integer(2)), "and functions run again");
}

#[test]
fn functions_work_on_scans() {
    let (_node, mut client) = ready();
    for key in 0..500 {
        assert_eq!(client.code(&WRITE, key, &[put("n", key)]), code::OK);
    }
    let (one, id) = (args(&[Value::Integer(1)]), 9u64.to_be_bytes());
    let mut fields = call("add", &one);
    fields.extend([(Field::UDF_OP, &[2][..]), (Field::QUERY_ID, &id)]);
    client.send(&message(&WRITE, &fields, &[]));
    assert_eq!(client.rows()[0].header.result, code::OK);
    let said = loop {
        let said = info(&mut client, "query-show:id=9");
        if !said.contains("status=active") {
            break said;
        }
    };
    assert!(
        said.contains("job-type=background-udf") && said.contains("recs-succeeded=500:"),
        "{said}"
    );

    let bin = args(&[Value::String("n".into())]);
    let header = Header { info3: info3::PARTITION_DONE, ..READ };
    let mut fields = call("total", &bin);
    fields.push((Field::UDF_OP, &[1]));
    let partitions: Vec<u8> = (0..model::PARTITIONS).flat_map(u16::to_le_bytes).collect();
    fields.push((Field::PARTITIONS, &partitions));
    client.send(&message(&header, &fields, &[]));
    let (rows, last) = client.all_rows();
    assert_eq!((rows.len(), last.header.result), (1, code::OK), "{rows:?}");
    assert_eq!(rows[0].bin("SUCCESS"), Some(&Value::Integer(500 * 501 / 2)));

    let none = args(&[]);
    let mut fields = call("fails", &none);
    fields.extend([(Field::UDF_OP, &[1][..]), (Field::PARTITIONS, &partitions)]);
    client.send(&message(&header, &fields, &[]));
    let (rows, last) = client.all_rows();
    assert!(rows[0].bin("FAILURE").is_some() && last.header.result == code::UDF, "{rows:?}");
}
