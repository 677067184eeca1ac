//! Lists, maps, bytes and the like, as Aerospike's documentation of its Lua API has them.

use super::*;

fn ints(items: &[i64]) -> Value {
    Value::list(items.iter().map(|n| int(*n)).collect::<Vec<_>>())
}

fn map(pairs: &[(&str, i64)]) -> Value {
    Value::map(pairs.iter().map(|(key, n)| (text(key), int(*n))))
}

#[test]
fn lists() {
    let on = |body: &str| returns(&format!("local l = list {{ 1, 2, 3 }} {body}"));
    assert_eq!(on("return l"), ints(&[1, 2, 3]));
    assert_eq!(on("l[1] = 5 l[4] = 6 return l"), ints(&[5, 2, 3, 6]));
    assert_eq!(on("list.append(l, 4) list.prepend(l, 0) return l"), ints(&[0, 1, 2, 3, 4]));
    assert_eq!(on("list.insert(l, 2, 9) list.remove(l, 1) return l"), ints(&[9, 2, 3]));
    assert_eq!(on("list.trim(l, 2) return l"), ints(&[1]));
    assert_eq!(on("return list.take(l, 2)"), ints(&[1, 2]));
    assert_eq!(on("return list.drop(l, 2)"), ints(&[3]));
    assert_eq!(
        on("return list { list.size(l), #l, list.size(list.drop(l, 9)) }"),
        ints(&[3, 3, 0])
    );
    assert_eq!(on("local c = list.clone(l) c[1] = 7 return list { l[1], c[1] }"), ints(&[1, 7]));
    assert_eq!(on("list.concat(l, l) return l"), ints(&[1, 2, 3, 1, 2, 3]));
    assert_eq!(on("return list.merge(l, list { 4 })"), ints(&[1, 2, 3, 4]));
    assert_eq!(on("local n = 0 for v in list.iterator(l) do n = n + v end return n"), int(6));
    assert_eq!(on("local n = 0 for i, v in pairs(l) do n = n + i * v end return n"), int(14));
    assert_eq!(on("return tostring(l) .. type(l)"), text("List(1, 2, 3)userdata"));
    assert_eq!(on("return list.is_list(l) and not list.is_list({})"), Value::Bool(true));
    assert_eq!(on("list.append(l, nil) return list { #l }"), ints(&[4]));
    assert_eq!(
        returns("local l = list.create(9) l[1] = list() return l"),
        Value::list(vec![ints(&[])])
    );
    for wrong in ["l[5] = 1", "l.x = 1", "list.remove(l, 4)", "list.append({}, 1)", "next(l)"] {
        let source = format!("function f() local l = list {{ 1, 2, 3 }} {wrong} end");
        assert!(matches!(call(&source, None, &[]), Err(Failure::Runtime(_))), "{wrong}");
    }
}

#[test]
fn maps() {
    let on = |body: &str| returns(&format!("local m = map {{ a = 1, b = 2 }} {body}"));
    assert_eq!(on("return m"), map(&[("a", 1), ("b", 2)]));
    assert_eq!(on("m.c = 3 m['a'] = nil return m"), map(&[("b", 2), ("c", 3)]));
    assert_eq!(on("return list { map.size(m), m.b }"), ints(&[2, 2]));
    assert_eq!(on("map.remove(m, 'a') return m"), map(&[("b", 2)]));
    assert_eq!(
        on("local s = '' for k, v in map.pairs(m) do s = s .. k .. v end return s"),
        text("a1b2")
    );
    assert_eq!(on("local s = '' for k in map.keys(m) do s = s .. k end return s"), text("ab"));
    assert_eq!(on("local n = 0 for v in map.values(m) do n = n + v end return n"), int(3));
    assert_eq!(on("local c = map.clone(m) c.a = 9 return m"), map(&[("a", 1), ("b", 2)]));
    assert_eq!(
        on("return map.merge(m, map { b = 5, c = 6 })"),
        map(&[("a", 1), ("b", 5), ("c", 6)])
    );
    let merged = on("return map.merge(m, map { b = 5 }, function(x, y) return x * y end)");
    assert_eq!(merged, map(&[("a", 1), ("b", 10)]));
    assert_eq!(on("return map.diff(m, map { b = 5, c = 6 })"), map(&[("a", 1), ("c", 6)]));
    assert_eq!(on("return tostring(m)"), text("Map(\"a\" => 1, \"b\" => 2)"));
    assert_eq!(on("return map.is_map(m) and type(m) == 'userdata'"), Value::Bool(true));
    let table = returns("return { 1, 2, { x = 1 } }");
    assert_eq!(table, Value::list(vec![int(1), int(2), map(&[("x", 1)])]));
}

#[test]
fn odd_pairs_of_maps_go_through() {
    let odd = Value::map([
        (Value::Blob(vec![1, 2]), int(1)),
        (int(3), Value::Nil),
        (Value::Double(2.0), int(4)),
        (Value::Double(2.5), int(5)),
        (Value::Bool(true), text("t")),
        (Value::list(vec![int(1)]), Value::Hll(vec![9])),
    ]);
    let source = "function f(rec, m)
        local b = bytes() bytes.append_byte(b, 1) bytes.append_byte(b, 2)
        return list { m, m[b], m[3] == nil, m[2.5], m[true], map.size(m) }
    end";
    let done = call(source, None, std::slice::from_ref(&odd)).expect("done");
    let wanted = Value::list(vec![odd, int(1), Value::Bool(true), int(5), text("t"), int(6)]);
    assert_eq!(done.result, wanted);
    let source = "function f(rec, m) m[3] = 7 m[2.0] = nil m[99] = nil return m end";
    let odd = Value::map([(int(3), Value::Nil), (Value::Double(2.0), int(4))]);
    assert_eq!(call(source, None, &[odd]).expect("done").result, Value::map([(int(3), int(7))]));
}

#[test]
fn bytes_values() {
    let on = |body: &str| returns(&format!("local b = bytes(8) {body}"));
    assert_eq!(on("bytes.set_byte(b, 3, 255) return b"), Value::Blob(vec![0, 0, 255]));
    assert_eq!(on("b[1] = 7 return list { b[1], b[2], #b }"), ints(&[7, 0, 1]));
    let numbers = "bytes.append_int16(b, -2) bytes.append_int32_le(b, 5)
        return list { bytes.get_int16(b, 1), bytes.get_int32_le(b, 3), bytes.get_int64(b, 1) }";
    assert_eq!(on(numbers), ints(&[-2, 5, 0]));
    let varied = "local n = bytes.append_var_int(b, 300) local v, s = bytes.get_var_int(b, 1)
        return list { n, v, s, bytes.size(b) }";
    assert_eq!(on(varied), ints(&[2, 300, 2, 2]));
    let parts = "bytes.set_string(b, 1, 'hello') local c = bytes.get_bytes(b, 2, 3)
        bytes.append_bytes(b, b) bytes.set_size(b, 7)
        return list { bytes.get_string(b, 1, 99), bytes.get_string(c, 1, 3), b == b }";
    assert_eq!(on(parts), Value::list(vec![text("hellohe"), text("ell"), Value::Bool(true)]));
    assert_eq!(on("b[1] = 10 return tostring(b)"), text("0A"));
    assert_eq!(
        on("return bytes.set_byte(b, 0, 1) or bytes.set_byte(b, 1 << 40, 1)"),
        Value::Bool(false)
    );
}

#[test]
fn values_keep_their_types() {
    let all = vec![
        Value::Nil,
        Value::Bool(false),
        int(i64::MIN),
        Value::Double(1.0),
        text("é"),
        Value::Blob(vec![0, 255]),
        Value::Hll(vec![1]),
        Value::GeoJson("{\"type\":\"Point\",\"coordinates\":[1,2]}".to_string()),
        Value::list(vec![Value::Nil, int(1), Value::Nil]),
        Value::map([(text("k"), ints(&[1]))]),
    ];
    let list = Value::list(all);
    let done = call("function f(rec, v) return v end", None, std::slice::from_ref(&list));
    let result = done.expect("done").result;
    assert_eq!(result, list);
    let (Value::List(given), Value::List(wanted)) = (&result, &list) else { panic!("lists") };
    let types = |list: &model::List| list.iter().map(Value::value_type).collect::<Vec<_>>();
    assert_eq!(types(given), types(wanted));
    assert_eq!(returns("return '\\255'"), Value::Blob(vec![255]));
    assert_eq!(returns("return geojson('{}') == geojson('{}')"), Value::Bool(true));
}

#[test]
fn iterators() {
    let body = "local it = list.iterator(list { 4, 5 }) local n = 0
        while iterator.has_next(it) do n = n * 10 + iterator.next(it) end
        return list { n, iterator.next(it) == nil, iterator.is_iterator(it) }";
    let wanted = vec![int(45), Value::Bool(true), Value::Bool(true)];
    assert_eq!(returns(body), Value::list(wanted));
}

#[test]
fn table_functions_are_lua_s() {
    let on = |body: &str| returns(&format!("local t = {{ 3, 1, 2 }} {body}"));
    assert_eq!(on("table.sort(t) return t"), ints(&[1, 2, 3]));
    assert_eq!(on("table.sort(t, function(a, b) return a > b end) return t"), ints(&[3, 2, 1]));
    assert_eq!(on("table.insert(t, 9) table.insert(t, 1, 8) return t"), ints(&[8, 3, 1, 2, 9]));
    assert_eq!(on("local x = table.remove(t, 1) table.insert(t, x) return t"), ints(&[1, 2, 3]));
    assert_eq!(on("table.remove(t) return t"), ints(&[3, 1]));
    assert_eq!(on("return table.move(t, 1, 3, 2)"), ints(&[3, 3, 1, 2]));
    assert_eq!(on("return table.concat(t, '-') .. table.concat({}, 'x')"), text("3-1-2"));
    assert_eq!(on("return select('#', table.unpack(t))"), int(3));
    let sorted = returns(
        "local t = {} for i = 1, 1000 do t[i] = (i * 7919) % 1009 end table.sort(t)
        for i = 2, 1000 do if t[i - 1] > t[i] then return i end end return 0",
    );
    assert_eq!(sorted, int(0));
}

#[test]
fn patterns_are_lua_s() {
    let list = |body: &str| returns(&format!("return list {{ {body} }}"));
    assert_eq!(list("('hello world'):find('o w')"), ints(&[5, 7]));
    assert_eq!(list("('hello'):find('l', 1, true)"), ints(&[3, 3]));
    assert_eq!(
        list("('a+b'):find('+', 1, true), ('abc'):find('b', -1) == nil"),
        Value::list(vec![int(2), Value::Bool(true)])
    );
    assert_eq!(
        list("('key = value'):match('^(%w+)%s*=%s*(%w+)$')"),
        Value::list(vec![text("key"), text("value")])
    );
    assert_eq!(
        list("('x(a(b)c)y'):match('%b()'), ('2026-11-22'):match('(%d+)-(%d+)')"),
        Value::list(vec![text("(a(b)c)"), text("2026"), text("11")])
    );
    assert_eq!(
        list("('THE (quick) fox'):find('%((%a+)%)')"),
        Value::list(vec![int(5), int(11), text("quick")])
    );
    assert_eq!(list("('hello'):gsub('l+', '<%0>')"), Value::list(vec![text("he<ll>o"), int(1)]));
    assert_eq!(list("('abc'):gsub('', '-')"), Value::list(vec![text("-a-b-c-"), int(4)]));
    assert_eq!(
        list("('abc'):gsub('%w', { a = 1, b = false })"),
        Value::list(vec![text("1bc"), int(3)])
    );
    assert_eq!(
        list("('a b c'):gsub('%w', string.upper, 2)"),
        Value::list(vec![text("A B c"), int(2)])
    );
    assert_eq!(
        list("('say say'):match('(%a+) %1'), ('x'):match('()')"),
        Value::list(vec![text("say"), int(1)])
    );
    assert_eq!(list("('THE (quick)'):find('%f[%a]%a+%f[%A]', 4)"), ints(&[6, 10]));
    assert_eq!(list("('[]^-'):gsub('[]^%-]', 'x')"), Value::list(vec![text("[xxx"), int(3)]));
    assert_eq!(
        returns(
            "local s = '' for k, v in ('a=1, b=2'):gmatch('(%w+)=(%w+)') do s = s .. k .. v end return s"
        ),
        text("a1b2")
    );
    assert_eq!(
        returns("local n = 0 for w in ('one two'):gmatch('%a*') do n = n + 1 end return n"),
        int(2)
    );
    for wrong in ["'%'", "'[a'", "'(a'", "'a)'", "'%1'", "'%f'", "'%b'"] {
        let source = format!("function f() return ('abc'):match({wrong}) end");
        assert!(matches!(call(&source, None, &[]), Err(Failure::Runtime(_))), "{wrong}");
    }
}
