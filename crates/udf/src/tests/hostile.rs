//! Functions that would run on, or take everything: each ends, and says why.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::*;

/// Short, so that the tests are; nothing depends on how short.
const SHORT: Duration = Duration::from_millis(100);
/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(60);

/// What this source's `f` ends in.
fn ends(source: &str, limit: Duration) -> Failure {
    let functions = Functions::new(1);
    functions.put(Module::new("m.lua", source.as_bytes()).expect("a module"));
    let failure = on(&functions, "f", None, &[], limit).expect_err(source);
    // The thread is free again, and so is the module.
    functions.put(Module::new("m.lua", b"function f() return 7 end").expect("a module"));
    let done = on(&functions, "f", None, &[], Duration::from_secs(60));
    assert_eq!(done.expect("it goes on").result, int(7));
    failure
}

fn runs_out_of_time(body: &str) {
    let failure = ends(&format!("local function spin() while true do end end {body}"), SHORT);
    assert!(matches!(failure, Failure::Time { .. }), "{body}: {failure}");
}

fn runs_out_of_memory(body: &str) {
    let failure = ends(body, LONG);
    assert_eq!(failure, Failure::Memory { limit: MEMORY_MAX }, "{body}");
}

#[test]
fn loops_end() {
    runs_out_of_time("function f() spin() end");
    runs_out_of_time("function f() return f() end");
    runs_out_of_time("function f() for i = 1, math.huge do end end");
    runs_out_of_time("spin() function f() end");
}

#[test]
fn coroutines_end() {
    runs_out_of_time("function f() coroutine.wrap(spin)() end");
    runs_out_of_time("function f() while true do coroutine.resume(coroutine.create(spin)) end end");
    runs_out_of_time(
        "function f() while true do
            local c = coroutine.create(function() while true do coroutine.yield() end end)
            coroutine.resume(c)
        end end",
    );
}

#[test]
fn caught_errors_end() {
    runs_out_of_time("function f() while true do pcall(spin) end end");
    runs_out_of_time("function f() while true do xpcall(spin, spin) end end");
    runs_out_of_time("function f() while true do xpcall(spin, function() pcall(spin) end) end end");
    runs_out_of_time(
        "local function g() local x <close> = setmetatable({}, { __close = g }) spin() end
        function f() while true do pcall(g) end end",
    );
    runs_out_of_time(
        "function f() string.gsub(('x'):rep(99), '.', function() pcall(spin) end) end",
    );
    runs_out_of_time("function f() local ok = pcall(spin) return ok end");
}

#[test]
fn patterns_end() {
    let text = "local s = ('a'):rep(30000)";
    runs_out_of_time(&format!("{text} function f() return s:find(('.-'):rep(20) .. 'b') end"));
    runs_out_of_time(&format!("{text} function f() return s:match(('a*'):rep(20) .. 'b') end"));
    runs_out_of_time(&format!("{text} function f() return s:gsub('(.-)(.-)(.-)b', '') end"));
    runs_out_of_time(&format!(
        "{text} function f() for x in s:gmatch(('a?'):rep(150) .. ('a-'):rep(9) .. 'b') do end end"
    ));
    runs_out_of_time(&format!("{text} function f() return s:find('%b' .. 'ab') or f() end"));
}

#[test]
fn loops_over_claimed_lengths_end() {
    let endless = "local t = setmetatable({}, { __len = function() return 1 << 60 end })";
    runs_out_of_time(&format!("{endless} function f() table.insert(t, 1, 1) end"));
    runs_out_of_time(&format!("{endless} function f() table.remove(t, 1) end"));
    runs_out_of_time(&format!("{endless} function f() table.sort(t) end"));
    runs_out_of_time("function f() table.move({}, 1, 1 << 60, 2) end");
    runs_out_of_time("function f() while ('').rep('', 1 << 60) do end end");
    runs_out_of_time(
        "function f() while true do table.sort({ 3, 2, 1 }, function() spin() end) end end",
    );
}

#[test]
fn finalizers_are_refused() {
    let failure = ends("function f() setmetatable({}, { __gc = function() end }) end", LONG);
    assert!(failure.to_string().contains("__gc is not available"), "{failure}");
}

#[test]
fn hogs_end() {
    runs_out_of_memory("function f() local t = {} for i = 1, math.huge do t[i] = i end end");
    runs_out_of_memory("function f() local s = 'x' while true do s = s .. s end end");
    runs_out_of_memory("function f() return ('x'):rep(1 << 30) end");
    runs_out_of_memory("function f() while true do pcall(string.rep, 'x', 1 << 30) end end");
    runs_out_of_memory("function f() return (('x'):rep(1 << 20):gsub('x', ('y'):rep(100))) end");
    runs_out_of_memory(
        "function f() local l = list() while true do
            local b = bytes() bytes.set_byte(b, 1 << 20, 1) list.append(l, b) end end",
    );
    // Before there is a function, there is a second.
    runs_out_of_memory("local t = ('x'):rep(1 << 30) function f() end");
}

#[test]
fn what_is_thrown_away_may_be_had_again() {
    let source = "function f()
        for i = 1, 200 do local b = bytes() bytes.set_byte(b, 1 << 20, 1) end
        return 1
    end";
    assert_eq!(value(source), int(1));
}

#[test]
fn values_that_would_grow_on_their_way_out_are_refused() {
    let source =
        "function f() local l = list() for i = 1, 30 do l = list { l, l } end return l end";
    let failure = ends(source, LONG);
    assert!(failure.to_string().contains("more than 8 MiB"), "{failure}");
    let failure = ends("function f() local l = list() list.append(l, l) return l end", LONG);
    assert!(failure.to_string().contains("deeper than 32"), "{failure}");
}

#[test]
fn sources_have_a_limit() {
    let source = vec![b' '; 50 << 20];
    let error = Module::new("m.lua", &source).unwrap_err();
    assert!(error.detail.contains("52428800 bytes; at most 1000000"), "{error}");
    // What compiles into more than the source itself.
    let nested = format!("return {}{}", "(".repeat(100_000), ")".repeat(100_000));
    assert!(Module::new("m.lua", nested.as_bytes()).is_err());
    let many = "a={{},{},{},{},{},{},{},{},{},{}}\n".repeat(20_000);
    assert!(Module::new("m.lua", many.as_bytes()).is_ok());
}

#[test]
fn nothing_leads_out() {
    for name in ["io", "package", "load", "loadstring", "dofile", "loadfile", "print", "module"] {
        assert_eq!(returns(&format!("return _G['{name}']")), Value::Nil, "{name}");
    }
    for name in ["os.execute", "os.exit", "os.getenv", "os.remove", "os.tmpname", "os.setlocale"] {
        assert_eq!(returns(&format!("return {name}")), Value::Nil, "{name}");
    }
    assert_eq!(returns("return string.dump"), Value::Nil);
    assert_eq!(returns("return type(debug)"), text("function"));
    assert_eq!(returns("return type(os.clock() + os.time())"), text("number"));
    assert_eq!(returns("return getmetatable('')"), Value::Bool(false));
    // The log takes messages, but not without end.
    assert_eq!(returns("for i = 1, 1000 do info('%d', i) end return 1"), int(1));
}

#[test]
fn calls_are_cancelled() {
    let functions = Functions::new(1);
    functions.put(Module::new("m", b"function f() while true do end end").expect("m"));
    let call = Call::new("m", "f", [].into(), Duration::from_secs(60));
    let cancelled: Arc<_> = call.cancelled.clone();
    let (send, receive) = mpsc::channel();
    let subject = Subject {
        record: None,
        digest: Key::Integer(1).digest("s"),
        set: "s".into(),
        key: None,
        now_ms: 0,
    };
    functions.record(call, subject, Box::new(move |done| drop(send.send(done))));
    cancelled.store(true, Relaxed);
    assert_eq!(receive.recv().expect("an answer").unwrap_err(), Failure::Cancelled);
}

#[test]
fn states_are_apart_and_a_kept_record_is_no_record() {
    let functions = Functions::new(1);
    functions.put(
        Module::new("m", b"function f(rec) local old = kept kept = rec return old and old.a end")
            .expect("m"),
    );
    let run = || on(&functions, "f", Some(record(&[("a", int(1))])), &[], Duration::from_secs(60));
    assert_eq!(run().expect("first").result, Value::Nil);
    assert_eq!(run().expect("second").result, Value::Nil);
    functions.put(
        Module::new("m", b"function f(rec) string.rep = nil list.append = nil return 1 end")
            .expect("m"),
    );
    run().expect("it spoils its own");
    functions.put(Module::new("m", b"function f() return ('x'):rep(2) end").expect("m"));
    assert_eq!(run().expect("whole").result, text("xx"));
}
