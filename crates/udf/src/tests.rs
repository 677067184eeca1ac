//! Calls as a node makes them: on threads of the pool, with what each comes to.

mod hostile;
mod streams;
mod types;

use std::sync::mpsc;
use std::time::Duration;

use model::{Key, Map, MapOrder, Name, Record, Value};
use store::{Change, Ttl};

use super::*;

/// Calls `f(rec, ..)` of this source.
fn call(source: &str, record: Option<Record>, args: &[Value]) -> Result<Done, Failure> {
    let functions = Functions::new(1);
    functions.put(Module::new("m.lua", source.as_bytes()).expect("a module"));
    on(&functions, "f", record, args, Duration::from_secs(60))
}

fn on(
    functions: &Functions,
    function: &str,
    record: Option<Record>,
    args: &[Value],
    limit: Duration,
) -> Result<Done, Failure> {
    let key = Key::Integer(1);
    let subject = Subject {
        record,
        digest: key.digest("s"),
        set: "s".into(),
        key: Some(key),
        now_ms: 1_000_000,
    };
    let call = Call::new("m", function, args.into(), limit);
    wait(|then| functions.record(call, subject, then))
}

/// What a callback is given.
fn wait<T: Send + 'static>(start: impl FnOnce(Then<T>)) -> Result<T, Failure> {
    let (send, receive) = mpsc::channel();
    start(Box::new(move |done| drop(send.send(done))));
    receive.recv().expect("an answer")
}

/// What `f` of this source returns, without a record.
fn value(source: &str) -> Value {
    call(source, None, &[]).expect("a result").result
}

/// What a function with this body returns.
fn returns(body: &str) -> Value {
    value(&format!("function f(rec) {body} end"))
}

fn record(bins: &[(&str, Value)]) -> Record {
    Record {
        digest: Key::Integer(1).digest("s"),
        key: Some(Key::Integer(1)),
        bins: bins.iter().map(|(name, value)| (Name::from(*name), value.clone())).collect(),
        generation: 3,
        lut_ms: 5_000,
        void_time: 1_060,
        size: 128,
    }
}

fn int(n: i64) -> Value {
    Value::Integer(n)
}

fn text(text: &str) -> Value {
    Value::String(text.to_string())
}

fn written(bins: &[(&str, Option<Value>)]) -> Change {
    let bins = bins.iter().map(|(name, value)| (Name::from(*name), value.clone())).collect();
    Change::Write { bins, replace: false, ttl: Ttl::Default }
}

#[test]
fn a_function_reads_and_writes_its_record() {
    let source = "function f(rec, div)
        local ret = map()
        rec['q'] = rec['n'] // div
        rec['gone'] = nil
        local status = aerospike:update(rec)
        rec['unsaved'] = 1
        ret['status'], ret['q'] = status, rec.q
        return ret
    end";
    let done = call(source, Some(record(&[("n", int(7)), ("gone", int(1))])), &[int(2)]);
    let done = done.expect("done");
    let pairs = vec![(text("q"), int(3)), (text("status"), int(0))];
    let map = Map::new(pairs, MapOrder::Unordered);
    assert_eq!(done.result, Value::Map(map.clone()));
    let Value::Map(result) = done.result else { panic!("a map") };
    assert_eq!(result.order, map.order);
    assert_eq!(done.change, written(&[("q", Some(int(3))), ("gone", None)]));
}

#[test]
fn a_record_comes_and_goes() {
    let source = "function f(rec)
        if aerospike:exists(rec) then return aerospike:create(rec) + aerospike:remove(rec) end
        local early = aerospike:update(rec) + aerospike:remove(rec)
        rec.a = 1
        return early + aerospike:create(rec)
    end";
    let made = call(source, None, &[]).expect("made");
    assert_eq!((made.result, made.change), (int(2), written(&[("a", Some(int(1)))])));
    let gone = call(source, Some(record(&[("a", int(1))])), &[]).expect("gone");
    assert_eq!((gone.result, gone.change), (int(1), Change::Delete));
    let last = "function f(rec) rec.a = nil; aerospike:update(rec) end";
    let done = call(last, Some(record(&[("a", int(1))])), &[]).expect("done");
    assert_eq!((done.result, done.change), (Value::Nil, Change::Delete));
    let again = "function f(rec) aerospike:remove(rec); rec.b = 2; aerospike:create(rec) end";
    let done = call(again, Some(record(&[("a", int(1))])), &[]).expect("done");
    let bins = vec![("b".into(), Some(int(2)))];
    assert_eq!(done.change, Change::Write { bins, replace: true, ttl: Ttl::Default });
    let nothing = call("function f(rec) rec.a = 1 end", None, &[]).expect("done");
    assert_eq!(nothing.change, Change::Keep);
}

#[test]
fn what_is_inside_of_a_bin_is_shared() {
    let source = "function f(rec)
        local l = rec.l
        list.append(l[1], 9)
        rec.l = l
        list.append(rec.l, 'x')
        aerospike:update(rec)
        return rec.l
    end";
    let inner = |items: &[i64]| Value::list(items.iter().map(|n| int(*n)).collect::<Vec<_>>());
    let before = Value::list(vec![inner(&[1])]);
    let after = Value::list(vec![inner(&[1, 9]), text("x")]);
    let done = call(source, Some(record(&[("l", before)])), &[]).expect("done");
    assert_eq!(done.result, after);
    assert_eq!(done.change, written(&[("l", Some(after))]));
}

#[test]
fn a_record_tells_about_itself() {
    let source = "function f(rec)
        record.set_ttl(rec, 30)
        rec.new = true
        aerospike:update(rec)
        return list { record.ttl(rec), record.gen(rec), record.setname(rec), record.key(rec),
            record.numbins(rec), record.last_update_time(rec), record.size(rec),
            bytes.size(record.digest(rec)), tostring(rec), type(rec),
            table.concat(record.bin_names(rec), ',') }
    end";
    let done = call(source, Some(record(&[("n", int(1))])), &[]).expect("done");
    let told = vec![
        int(60),
        int(3),
        text("s"),
        int(1),
        int(2),
        int(5_000),
        int(128),
        int(20),
        text("[ REC ]"),
        text("userdata"),
        text("n,new"),
    ];
    assert_eq!(done.result, Value::list(told));
    let bins = vec![("new".into(), Some(Value::Bool(true)))];
    let change = Change::Write { bins, replace: false, ttl: Ttl::Seconds(30) };
    assert_eq!(done.change, change);
}

#[test]
fn a_function_that_fails_changes_nothing() {
    let source = "function f(rec)\n rec.a = 2\n aerospike:update(rec)\n error('no ' .. rec.a)\nend";
    let failed = call(source, Some(record(&[("a", int(1))])), &[]).unwrap_err();
    assert_eq!(failed, Failure::Runtime("m.lua:4: no 2".to_string()));
    let source = "function f(rec) rec.a = f; aerospike:update(rec) end";
    let Err(Failure::Runtime(said)) = call(source, None, &[]).map(|done| done.change) else {
        // There is no record, so nothing was taken.
        let done = call(source, Some(record(&[])), &[]).unwrap_err();
        assert!(done.to_string().contains("bin \"a\": a function cannot be stored"), "{done}");
        return;
    };
    panic!("{said}");
}

#[test]
fn names_and_sources_are_checked() {
    for wrong in ["", ".lua", ".x.lua", "a/b.lua", "../x.lua", "a..b", "list.lua", "stream", "ä"] {
        let error = Module::new(wrong, b"").unwrap_err();
        assert_eq!(error.kind, model::ErrorKind::Parameter, "{wrong}: {error}");
    }
    assert!(Module::new(&"m".repeat(NAME_MAX + 1), b"").is_err());
    assert_eq!(Module::new("a.b-$_1.lua", b"").expect("a module").file(), "a.b-$_1.lua");
    let error = Module::new("m.lua", b"local x = 1\nfunction f(\n").unwrap_err();
    assert!(error.detail.starts_with("m.lua:3:"), "{error}");
    let bytecode = Module::new("m.lua", b"\x1bLua\x54\x00\x19\x93").unwrap_err();
    assert!(bytecode.detail.contains("text"), "{bytecode}");
    assert!(Module::new("m.lua", b"\xff\xfe").is_err());
}

#[test]
fn functions_and_modules_that_are_not_there() {
    let functions = Functions::new(1);
    functions.put(Module::new("m.lua", b"function f() end local function g() end").expect("m"));
    let run = |function: &str| on(&functions, function, None, &[], Duration::from_secs(60));
    assert!(run("f").is_ok());
    for missing in ["g", "no_such", "info", "list", "math"] {
        let failure = run(missing).unwrap_err();
        assert_eq!(failure.to_string(), "function not found", "{missing}");
    }
    assert!(functions.remove("m") && !functions.remove("m"));
    assert_eq!(run("f").unwrap_err(), Failure::NoModule("m".to_string()));
}

#[test]
fn modules_are_replaced_and_required() {
    let functions = Functions::new(1);
    let put = |file: &str, source: &str| {
        functions.put(Module::new(file, source.as_bytes()).expect("a module"));
    };
    let run = || on(&functions, "f", None, &[], Duration::from_secs(60));
    put("base.lua", "local M = {} function M.one() return 1 end return M");
    put("m.lua", "local base = require('base') function f() return base.one() end");
    assert_eq!(run().expect("one").result, int(1));
    put("base.lua", "local M = {} function M.one() return 2 end return M");
    assert_eq!(run().expect("two").result, int(2));
    put("m.lua", "require('aerospike') local x = require('stream_ops') function f() return 3 end");
    assert!(run().is_err());
    put("m.lua", "require('missing') function f() return 3 end");
    assert_eq!(run().unwrap_err(), Failure::NoModule("missing".to_string()));
    // A ring ends.
    put("base.lua", "require('m')");
    put("m.lua", "require('base') function f() return 4 end");
    assert_eq!(run().expect("four").result, int(4));
}

#[test]
fn rows_of_values() {
    let functions = Functions::new(1);
    functions.put(Module::new("m", b"function add(a, b) return b and a + b end").expect("m"));
    let rows = vec![vec![int(1), int(2)], vec![int(3), Value::Nil], vec![int(5), int(6)]];
    let call = Call::new("m", "add", [].into(), Duration::from_secs(60));
    let sums = wait(|then| functions.rows(call, rows, then));
    assert_eq!(sums.expect("sums"), [int(3), Value::Nil, int(11)]);
}
