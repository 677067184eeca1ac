//! Expectations are facts from the suites of the official clients (Rust's exp, exp_bitwise, exp_hll and
//! exp_op, Java's TestExpOperation, Python's test_arithmetic_expressions and
//! test_expressions_bitwise_operators), said in our own words.

use std::collections::BTreeMap;

use model::msgpack::{self, put_integer, put_list_header, put_raw};
use model::{Digest, ErrorKind, Key, Value};

use super::*;
use crate::hll;

const NIL: i64 = 0;
const BOOL: i64 = 1;
const INTEGER: i64 = 2;
const STRING: i64 = 3;
const LIST: i64 = 4;
const MAP: i64 = 5;
const BLOB: i64 = 6;
const DOUBLE: i64 = 7;
const GEO: i64 = 8;
const HLL: i64 = 9;

type Packed = Vec<u8>;

fn op(code: i64, arguments: &[Packed]) -> Packed {
    let mut out = Vec::new();
    put_list_header(&mut out, arguments.len() + 1);
    put_integer(&mut out, code);
    arguments.iter().for_each(|argument| out.extend(argument));
    out
}

fn val(value: impl Into<Test>) -> Packed {
    msgpack::encode(&value.into().0)
}

/// A value out of what tests write.
struct Test(Value);

impl From<i64> for Test {
    fn from(number: i64) -> Test {
        Test(Value::Integer(number))
    }
}

impl From<f64> for Test {
    fn from(number: f64) -> Test {
        Test(Value::Double(number))
    }
}

impl From<bool> for Test {
    fn from(truth: bool) -> Test {
        Test(Value::Bool(truth))
    }
}

impl From<&str> for Test {
    fn from(text: &str) -> Test {
        Test(Value::String(text.into()))
    }
}

impl From<Value> for Test {
    fn from(value: Value) -> Test {
        Test(value)
    }
}

fn raw(name: &str) -> Packed {
    let mut out = Vec::new();
    put_raw(&mut out, name.as_bytes());
    out
}

fn bin(kind: i64, name: &str) -> Packed {
    op(81, &[val(kind), raw(name)])
}

fn int(name: &str) -> Packed {
    bin(INTEGER, name)
}

fn eq(left: Packed, right: Packed) -> Packed {
    op(1, &[left, right])
}

fn list(values: impl IntoIterator<Item = i64>) -> Value {
    Value::list(values.into_iter().map(Value::Integer).collect::<Vec<_>>())
}

fn quoted(list: Value) -> Packed {
    op(126, &[val(list)])
}

/// A record of a test.
#[derive(Default)]
struct Bag {
    bins: BTreeMap<String, Value>,
    key: Option<Key>,
}

impl Bins for Bag {
    fn bin(&self, name: &str) -> Option<&Value> {
        self.bins.get(name)
    }

    fn key(&self) -> Option<&Key> {
        self.key.as_ref()
    }
}

fn bag(bins: impl IntoIterator<Item = (&'static str, Test)>) -> Bag {
    let bins = bins.into_iter().map(|(name, value)| (name.into(), value.0)).collect();
    Bag { bins, key: None }
}

fn of(bins: &Bag) -> View<'_> {
    View { meta: meta(), bins }
}

fn meta() -> Meta<'static> {
    Meta {
        digest: Some(Digest([7; 20])),
        set: Some("users"),
        lut_ms: Some(60_000),
        void_time: Some(100),
        size: Some(128),
        key_stored: Some(false),
        tombstone: false,
        now_ms: 70_500,
    }
}

fn value(packed: &[u8], bins: &Bag) -> Option<Value> {
    Expression::decode(packed).unwrap().value(&of(bins))
}

fn refused(packed: &[u8]) -> ErrorKind {
    Expression::decode(packed).unwrap_err().kind
}

fn found(packed: &[u8], bins: &Bag) -> bool {
    Expression::decode_filter(packed).unwrap().holds(&of(bins))
}

/// How many of the 100 records of the Rust suite a filter finds.
fn counted(packed: Packed) -> usize {
    let filter = Expression::decode_filter(&packed).unwrap();
    let records = (0..100).map(|n: i64| {
        bag([
            ("bin", n.into()),
            ("bin2", n.to_string().as_str().into()),
            ("bin3", (n as f64 / 3.0).into()),
            ("bin4", Value::Blob(format!("blob{n}").into_bytes()).into()),
        ])
    });
    records.filter(|record| filter.holds(&of(record))).count()
}

#[test]
fn comparisons() {
    for (code, other, count) in [(1, 1, 1), (2, 1, 99), (5, 10, 10), (6, 10, 11), (3, 1, 98)] {
        assert_eq!(counted(op(code, &[int("bin"), val(other)])), count);
    }
    assert_eq!(counted(eq(bin(STRING, "bin2"), val("1"))), 1);
    assert_eq!(counted(eq(bin(DOUBLE, "bin3"), val(2.0))), 1);
    assert_eq!(counted(eq(bin(BLOB, "bin4"), val(Value::Blob(b"blob5".to_vec())))), 1);
    assert_eq!(counted(op(2, &[op(82, &[raw("bin")]), val(0)])), 100);
    assert_eq!(counted(eq(val(Value::Nil), val(Value::Nil))), 100);
    let zeros = bag([("z", (-0.0).into()), ("nan", f64::NAN.into())]);
    assert!(found(&eq(bin(DOUBLE, "z"), val(0.0)), &zeros));
    let nan = || bin(DOUBLE, "nan");
    assert!(!found(&eq(nan(), nan()), &zeros) && found(&op(2, &[nan(), nan()]), &zeros));
    assert!(!found(&op(4, &[nan(), val(0.0)]), &zeros));
    assert_eq!(refused(&eq(int("bin"), val("1"))), ErrorKind::Parameter);
    assert_eq!(refused(&eq(int("bin"), val(1.0))), ErrorKind::Parameter);
}

#[test]
fn logic() {
    let is = |n: i64| eq(int("bin"), val(n));
    assert_eq!(counted(op(16, &[is(1), eq(bin(STRING, "bin2"), val("1"))])), 1);
    assert_eq!(counted(op(17, &[is(1), is(3)])), 2);
    assert_eq!(counted(op(18, &[is(1)])), 99);
    assert_eq!(counted(op(19, &[is(1), op(5, &[int("bin"), val(10)])])), 9);
    assert_eq!(refused(&op(18, &[is(1), is(2)])), ErrorKind::Parameter);
    assert_eq!(refused(&op(16, &[int("bin")])), ErrorKind::Parameter);
    assert_eq!(refused(&op(16, &[])), ErrorKind::Parameter);
}

#[test]
fn unknown_decides_nothing_alone() {
    let none = bag([("text", "no number".into())]);
    let unknown = || eq(int("missing"), val(1));
    for packed in [
        unknown(),
        op(18, &[unknown()]),
        eq(int("text"), val(1)),
        op(16, &[unknown(), val(true)]),
        op(17, &[unknown(), val(false)]),
        op(19, &[unknown(), val(true)]),
        op(0, &[]),
    ] {
        assert_eq!(value(&packed, &none), None);
        assert!(!found(&packed, &none));
    }
    assert_eq!(value(&op(16, &[unknown(), val(false)]), &none), Some(Value::Bool(false)));
    assert_eq!(value(&op(17, &[unknown(), val(true)]), &none), Some(Value::Bool(true)));
}

#[test]
fn arithmetic() {
    for (code, arguments, compared, other, count) in [
        (20, [int("bin"), val(10)], 1, val(20), 1),
        (21, [int("bin"), val(10)], 1, val(20), 1),
        (22, [int("bin"), val(10)], 1, val(20), 1),
        (23, [int("bin"), val(5)], 3, val(10), 45),
        (26, [int("bin"), val(10)], 1, val(0), 10),
        (24, [bin(DOUBLE, "bin3"), val(2.0)], 1, val(4.0), 1),
        (25, [bin(DOUBLE, "bin3"), val(2.0)], 1, val(4.0), 1),
        (32, [int("bin"), val(0xFF)], 1, val(0x11), 1),
        (34, [int("bin"), val(10)], 1, val(16), 1),
        (36, [int("bin"), val(8)], 3, val(0xFF), 99),
        (37, [int("bin"), val(1)], 3, val(0x2A), 14),
        (38, [int("bin"), val(1)], 3, val(0x2A), 14),
        (40, [int("bin"), val(true)], 3, val(60), 7),
        (41, [int("bin"), val(true)], 3, val(60), 87),
        (50, [int("bin"), val(10)], 1, val(10), 90),
        (51, [int("bin"), val(10)], 1, val(10), 11),
    ] {
        let filter = op(compared, &[op(code, &arguments), other]);
        assert_eq!(counted(filter), count, "operation {code}");
    }
    for (code, argument, other, count) in [
        (27, int("bin"), val(1), 1),
        (28, bin(DOUBLE, "bin3"), val(2.0), 3),
        (29, bin(DOUBLE, "bin3"), val(2.0), 3),
        (30, bin(DOUBLE, "bin3"), val(2), 3),
        (31, int("bin"), val(2.0), 1),
        (35, int("bin"), val(-50), 1),
        (39, int("bin"), val(3), 32),
    ] {
        assert_eq!(counted(eq(op(code, &[argument]), other)), count, "operation {code}");
    }
}

#[test]
fn arithmetic_of_no_result_is_unknown() {
    let nothing = bag([]);
    let result = |code, arguments: &[Packed]| value(&op(code, arguments), &nothing);
    assert_eq!(result(23, &[val(1), val(0)]), None);
    assert_eq!(result(26, &[val(1), val(0)]), None);
    assert_eq!(result(23, &[val(1.0), val(0.0)]), Some(Value::Double(f64::INFINITY)));
    assert_eq!(result(30, &[val(1e300)]), None);
    assert_eq!(result(21, &[val(5)]), Some(Value::Integer(-5)));
    assert_eq!(result(21, &[val(9), val(5), val(5)]), Some(Value::Integer(-1)));
    assert_eq!(result(20, &[val(i64::MAX), val(1)]), Some(Value::Integer(i64::MIN)));
    assert_eq!(result(23, &[val(i64::MIN), val(-1)]), Some(Value::Integer(i64::MIN)));
    assert_eq!(result(36, &[val(1), val(64)]), Some(Value::Integer(0)));
    assert_eq!(result(37, &[val(-1), val(63)]), Some(Value::Integer(1)));
    assert_eq!(result(38, &[val(-8), val(99)]), Some(Value::Integer(-1)));
    assert_eq!(result(37, &[val(1), val(-1)]), None);
    assert_eq!(result(40, &[val(0), val(true)]), Some(Value::Integer(-1)));
    assert_eq!(result(40, &[val(0), val(false)]), Some(Value::Integer(0)));
    assert_eq!(result(41, &[val(0), val(false)]), Some(Value::Integer(63)));
}

#[test]
fn arithmetic_takes_one_type() {
    for (code, arguments) in [
        (20, [int("i"), val(5.0)]),
        (20, [bin(DOUBLE, "d"), val(3)]),
        (22, [bin(DOUBLE, "d"), val("x")]),
        (24, [int("i"), val(2)]),
        (25, [int("i"), val(5.0)]),
        (26, [bin(DOUBLE, "d"), val(4.0)]),
        (32, [int("i"), val("x")]),
        (36, [int("i"), val("x")]),
        (40, [int("i"), val("x")]),
    ] {
        assert_eq!(refused(&op(code, &arguments)), ErrorKind::Parameter, "operation {code}");
    }
    assert_eq!(refused(&op(39, &[val("x")])), ErrorKind::Parameter);
    assert_eq!(refused(&op(27, &[int("i"), int("i")])), ErrorKind::Parameter);
}

#[test]
fn control() {
    let rest = |of: i64| op(26, &[int("bin"), val(of)]);
    let cond = op(
        123,
        &[
            eq(rest(2), val(0)),
            op(20, &[int("bin"), val(100)]),
            op(3, &[rest(2), val(0)]),
            op(20, &[int("bin"), val(10)]),
            val(-1),
        ],
    );
    assert_eq!(counted(op(3, &[cond, val(100)])), 54);
    let x = || op(124, &[raw("x")]);
    let scope = op(16, &[op(5, &[val(5), x()]), op(5, &[x(), val(10)])]);
    assert_eq!(counted(op(125, &[raw("x"), int("bin"), scope])), 4);

    let nothing = bag([]);
    // The second definition sees the first; an inner one hides an outer one, and only inside.
    let inner = op(125, &[raw("x"), val(100), x()]);
    let sum = op(20, &[x(), inner, x(), op(124, &[raw("y")])]);
    let twice = op(20, &[x(), x()]);
    let packed = op(125, &[raw("x"), val(1), raw("y"), twice, sum]);
    assert_eq!(value(&packed, &nothing), Some(Value::Integer(104)));
    assert_eq!(refused(&x()), ErrorKind::Parameter);
    assert_eq!(refused(&op(20, &[inner_of("x"), x()])), ErrorKind::Parameter);
    assert_eq!(refused(&op(123, &[val(true), val(1), val("x")])), ErrorKind::Parameter);
    assert_eq!(refused(&op(123, &[val(true), val(1)])), ErrorKind::Parameter);
}

fn inner_of(name: &str) -> Packed {
    op(125, &[raw(name), val(1), op(124, &[raw(name)])])
}

#[test]
fn metadata_of_records() {
    let record = bag([]);
    for (code, expected) in [
        (65, Value::Integer(128)),
        (74, Value::Integer(128)),
        (73, Value::Integer(0)),
        (66, Value::Integer(60_000_000_000)),
        (67, Value::Integer(10_500)),
        (68, Value::Integer(100_000_000_000)),
        (69, Value::Integer(29)),
        (70, Value::String("users".into())),
        (71, Value::Bool(false)),
        (72, Value::Bool(false)),
    ] {
        assert_eq!(value(&op(code, &[]), &record), Some(expected), "operation {code}");
    }
    let forever = Meta { void_time: Some(0), ..meta() };
    let view = View { meta: forever, bins: &record };
    for code in [68, 69] {
        let value = Expression::decode(&op(code, &[])).unwrap().value(&view);
        assert_eq!(value, Some(Value::Integer(-1)));
    }
    let rest = i64::from(u32::from_le_bytes([7; 4])) % 3;
    assert_eq!(value(&op(64, &[val(3)]), &record), Some(Value::Integer(rest)));
    assert_eq!(refused(&op(64, &[val(0)])), ErrorKind::Parameter);

    let keyed = Bag { key: Some(Key::Integer(50)), ..Bag::default() };
    let key = |kind: i64| op(80, &[val(kind)]);
    assert!(found(&eq(key(INTEGER), val(50)), &keyed));
    assert!(!found(&eq(key(INTEGER), val(50)), &record));
    assert!(!found(&eq(key(STRING), val("50")), &keyed));
}

#[test]
fn metadata_decides_what_it_can() {
    let decided = |packed: &[u8]| Expression::decode_filter(packed).unwrap().metadata(&meta());
    let is = |set: &str| eq(op(70, &[]), val(set));
    let storage = || eq(int("bin"), val(1));
    assert_eq!(decided(&is("users")), Some(true));
    assert_eq!(decided(&is("other")), Some(false));
    assert_eq!(decided(&storage()), None);
    assert_eq!(decided(&op(16, &[storage(), is("other")])), Some(false));
    assert_eq!(decided(&op(16, &[storage(), is("users")])), None);
    assert_eq!(decided(&op(17, &[storage(), is("users")])), Some(true));
    assert_eq!(decided(&op(2, &[op(82, &[raw("bin")]), val(0)])), None);
    assert_eq!(decided(&op(123, &[is("other"), storage(), val(true)])), Some(true));
    assert_eq!(decided(&op(123, &[storage(), val(true), val(true)])), None);
    let blind = Meta { now_ms: 5, ..Meta::default() };
    assert_eq!(Expression::decode(&is("users")).unwrap().metadata(&blind), None);
}

#[test]
fn regular_expressions_and_lists() {
    let regex = |flags: i64, pattern: &str| op(7, &[val(flags), raw(pattern), bin(STRING, "bin2")]);
    assert_eq!(counted(regex(2, "[1-5]")), 75);
    assert_eq!(refused(&regex(0, "[1-5")), ErrorKind::Parameter);
    assert_eq!(refused(&op(7, &[val(0), raw("x"), int("bin")])), ErrorKind::Parameter);

    let in_list = |item: Packed| op(9, &[item, quoted(list([2, 3, 300]))]);
    assert_eq!(counted(in_list(int("bin"))), 2);
    assert_eq!(refused(&op(9, &[val(1), val(2)])), ErrorKind::Parameter);
    let pairs = [("a", 1), ("b", 2)].map(|(k, v)| (Value::String(k.into()), Value::Integer(v)));
    let map = || bin(MAP, "m");
    let record = bag([("m", Value::map(pairs).into())]);
    assert!(found(&op(9, &[val("b"), op(101, &[map()])]), &record));
    assert!(!found(&op(9, &[val("c"), op(101, &[map()])]), &record));
    assert_eq!(value(&op(102, &[map()]), &record), Some(list([1, 2])));
    assert_eq!(refused(&op(101, &[bin(LIST, "m")])), ErrorKind::Parameter);
}

#[test]
fn patterns_stand_above_or_for_anything() {
    let infinity = vec![0xD4, 0xFF, 1];
    let record = bag([("l", list([1, 2]).into()), ("i", 5.into())]);
    assert!(found(&op(5, &[int("i"), infinity.clone()]), &record));
    assert!(found(&op(3, &[infinity.clone(), int("i")]), &record));
    let pattern = [vec![0x92, 126, 0x92, 1], vec![0xD4, 0xFF, 0]].concat();
    assert!(found(&eq(bin(LIST, "l"), pattern.clone()), &record));
    assert!(found(&eq(pattern, bin(LIST, "l")), &record));
    assert_eq!(value(&infinity, &record), None);
}

#[test]
fn points_in_regions() {
    let geo = |text: &str| Value::GeoJson(text.into());
    let point = geo(r#"{"type":"Point","coordinates":[-122.0,37.5]}"#);
    let near = geo(r#"{"type":"AeroCircle","coordinates":[[-122.0,37.5],1000]}"#);
    let far = geo(r#"{"type":"AeroCircle","coordinates":[[12.0,37.5],1000]}"#);
    let record = bag([("p", point.into())]);
    let compared = |left: Packed, right: Packed| op(8, &[left, right]);
    assert!(found(&compared(bin(GEO, "p"), val(near.clone())), &record));
    assert!(found(&compared(val(near), bin(GEO, "p")), &record));
    assert!(!found(&compared(bin(GEO, "p"), val(far)), &record));
    assert_eq!(value(&compared(bin(GEO, "p"), val(geo("{}"))), &record), None);
    assert_eq!(refused(&compared(bin(GEO, "p"), val("{}"))), ErrorKind::Parameter);
}

fn call(result: i64, module: i64, arguments: &[Packed], subject: Packed) -> Packed {
    let mut packed = Vec::new();
    put_list_header(&mut packed, arguments.len());
    arguments.iter().for_each(|argument| packed.extend(argument));
    op(127, &[val(result), val(module), packed, subject])
}

#[test]
fn bits_in_expressions() {
    let record = bag([("bin", Value::Blob(vec![0b0000_0001, 0b0100_0010]).into())]);
    let subject = || bin(BLOB, "bin");
    let count = |offset: i64, size: i64, of: Packed| {
        call(INTEGER, 1, &[val(51), val(offset), val(size)], of)
    };
    let edited = |arguments: &[Packed]| call(BLOB, 65, arguments, subject());
    let blob = |bytes: &[u8]| val(Value::Blob(bytes.to_vec()));
    for (packed, expected) in [
        (count(0, 16, subject()), 3),
        (count(0, 16, edited(&[val(0), val(4), val(0), val(0)])), 3),
        (count(0, 16, edited(&[val(1), val(0), blob(&[255]), val(0)])), 9),
        (count(0, 8, edited(&[val(2), val(0), val(1), val(0)])), 2),
        (count(0, 8, edited(&[val(3), val(0), val(8), blob(&[0b1010_1010]), val(0)])), 4),
        (count(0, 8, edited(&[val(8), val(0), val(16), val(9), val(0)])), 2),
        (count(0, 8, edited(&[val(10), val(0), val(8), val(128), val(0), val(4)])), 2),
        (call(INTEGER, 1, &[val(52), val(8), val(8), val(true)], subject()), 1),
        (call(INTEGER, 1, &[val(53), val(8), val(8), val(true)], subject()), 6),
        (call(INTEGER, 1, &[val(54), val(0), op(20, &[val(4), val(4)])], subject()), 1),
    ] {
        assert_eq!(value(&packed, &record), Some(Value::Integer(expected)));
    }
    let get = |kind: i64| call(kind, 1, &[val(50), val(0), val(8)], subject());
    assert_eq!(value(&get(BLOB), &record), Some(Value::Blob(vec![1])));
    assert_eq!(value(&get(INTEGER), &record), None, "of another type than it says");
    assert_eq!(value(&count(0, 17, subject()), &record), None, "fails");
    assert_eq!(value(&count(0, 8, bin(BLOB, "missing")), &record), None);
    assert_eq!(refused(&count(0, 8, int("bin"))), ErrorKind::Parameter);
    assert_eq!(refused(&call(BLOB, 1, &[val(99)], subject())), ErrorKind::Parameter);
    assert_eq!(refused(&call(BLOB, 7, &[val(50)], subject())), ErrorKind::Parameter);
    assert_eq!(refused(&call(BLOB, 1, &[], subject())), ErrorKind::Parameter);
}

#[test]
fn sketches_in_expressions() {
    let sketch = |elements: &[i64]| {
        let mut sketch = hll::Sketch::new(hll::Shape::new(8, 0).unwrap());
        elements.iter().for_each(|n| _ = sketch.add(&Value::Integer(*n)));
        Value::Hll(sketch.into_bytes())
    };
    let record = bag([("a", sketch(&[1, 2]).into()), ("b", sketch(&[1, 2, 3]).into())]);
    let (a, b) = (|| bin(HLL, "a"), || bin(HLL, "b"));
    let count = |of: Packed| call(INTEGER, 2, &[val(50)], of);
    let added = call(HLL, 66, &[val(1), quoted(list([7, 8])), val(-1), val(-1), val(0)], a());
    for (packed, expected) in [
        (count(a()), Value::Integer(2)),
        (count(added), Value::Integer(4)),
        (count(call(HLL, 2, &[val(51), b()], a())), Value::Integer(3)),
        (call(INTEGER, 2, &[val(52), b()], a()), Value::Integer(3)),
        (call(INTEGER, 2, &[val(53), b()], a()), Value::Integer(2)),
        (call(DOUBLE, 2, &[val(54), b()], a()), Value::Double(2.0 / 3.0)),
        (call(LIST, 2, &[val(55)], a()), list([8, 0])),
        (call(INTEGER, 2, &[val(56), quoted(list([2]))], a()), Value::Integer(1)),
        (call(INTEGER, 2, &[val(56), quoted(list([9]))], a()), Value::Integer(0)),
    ] {
        assert_eq!(value(&packed, &record), Some(expected));
    }
    let made = call(HLL, 66, &[val(0), val(4), val(-1), val(0)], val(Value::Nil));
    let empty = hll::Sketch::new(hll::Shape::new(4, 0).unwrap());
    assert_eq!(value(&made, &record), Some(Value::Hll(empty.into_bytes())));
}

#[test]
fn lists_and_maps_in_expressions() {
    let text = |text: &str| Value::String(text.into());
    let pairs = [(text("a"), Value::Integer(1)), (text("b"), list([5, 6]))];
    let record = bag([("l", list([3, 1, 2]).into()), ("m", Value::map(pairs).into())]);
    let (l, m) = (|| bin(LIST, "l"), || bin(MAP, "m"));
    let get = |at: Packed| call(INTEGER, 0, &[val(19), val(7), at], l());
    let appended = |item: Packed| call(LIST, 64, &[val(1), item, val(0), val(0)], l());
    let by_key = |kind: i64, key: &str| call(kind, 0, &[val(97), val(7), val(key)], m());
    let context = val(Value::list(vec![Value::Integer(0x22), text("b")]));
    let size = [val(255), context, vec![0x91, 16]];
    for (packed, expected) in [
        (call(INTEGER, 0, &[val(16)], l()), Some(Value::Integer(3))),
        (get(val(0)), Some(Value::Integer(3))),
        (get(op(21, &[val(1), val(0)])), Some(Value::Integer(1))),
        (get(val(9)), None),
        (call(INTEGER, 0, &[val(16)], appended(int("missing"))), None),
        (appended(op(20, &[val(4), val(5)])), Some(list([3, 1, 2, 9]))),
        (call(LIST, 64, &[val(13), val(0)], appended(val(0))), Some(list([0, 1, 2, 3]))),
        (by_key(INTEGER, "a"), Some(Value::Integer(1))),
        (by_key(STRING, "a"), None),
        (by_key(INTEGER, "z"), None),
        (by_key(LIST, "b"), Some(list([5, 6]))),
        (call(BOOL, 0, &[val(97), val(13), val("z")], m()), Some(Value::Bool(false))),
        (call(INTEGER, 0, &size, m()), Some(Value::Integer(2))),
        (call(INTEGER, 0, &[val(22), val(5), vec![0xD4, 0xFF, 0]], l()), Some(Value::Integer(3))),
    ] {
        assert_eq!(value(&packed, &record), expected);
    }
    assert_eq!(refused(&call(INTEGER, 0, &[val(1), val(1)], l())), ErrorKind::Parameter);
    assert_eq!(refused(&call(LIST, 64, &[val(16)], l())), ErrorKind::Parameter);
    assert_eq!(refused(&call(INTEGER, 0, &[val(16)], int("l"))), ErrorKind::Parameter);
    assert_eq!(refused(&call(INTEGER, 0, &[val(60)], l())), ErrorKind::Parameter);
}

#[test]
fn operations_that_read() {
    let payload = |expression: Packed, flags: i64| {
        let mut out = vec![0x92];
        out.extend(expression);
        put_integer(&mut out, flags);
        out
    };
    let sum = || op(20, &[int("A"), val(4)]);
    let (a, b) = (bag([("A", 1.into())]), bag([("B", 2.into())]));
    assert_eq!(read_op(&payload(sum(), 0), &of(&a)), Ok(Some(Value::Integer(5))));
    let unknown = read_op(&payload(sum(), 0), &of(&b)).unwrap_err();
    assert_eq!(unknown.kind, ErrorKind::NotApplicable);
    assert_eq!(read_op(&payload(sum(), 16), &of(&b)), Ok(None));
    assert_eq!(read_op(&payload(val(Value::Nil), 0), &of(&a)), Ok(None));
    for wrong in [payload(sum(), 1), vec![], vec![0x91, 1], vec![0x92, 1], vec![0x92, 1, 0, 0]] {
        assert_eq!(read_op(&wrong, &of(&a)).unwrap_err().kind, ErrorKind::Parameter);
    }
}

#[test]
fn operations_that_write() {
    let write = |bin: Option<i64>, expression: Packed, flags: i64| {
        let mut payload = vec![0x92];
        payload.extend(expression);
        put_integer(&mut payload, flags);
        let modified = write_op(bin.map(Value::Integer), &payload, &of(&bag([("A", 1.into())])));
        modified.map(|it| it.bin).map_err(|error| error.kind)
    };
    let sum = || op(20, &[int("A"), val(4)]);
    let (old, five) = (Some(Value::Integer(9)), Some(Value::Integer(5)));
    assert_eq!(write(None, sum(), 0), Ok(five.clone()));
    assert_eq!(write(None, sum(), 2), Err(ErrorKind::BinNotFound));
    assert_eq!(write(None, sum(), 2 | 8), Ok(None));
    assert_eq!(write(None, sum(), 1), Ok(five));
    assert_eq!(write(Some(9), sum(), 1), Err(ErrorKind::BinExists));
    assert_eq!(write(Some(9), sum(), 1 | 8), Ok(old.clone()));
    let nil = || val(Value::Nil);
    assert_eq!(write(Some(9), nil(), 0), Err(ErrorKind::NotApplicable));
    assert_eq!(write(Some(9), nil(), 8), Ok(old.clone()));
    assert_eq!(write(Some(9), nil(), 4), Ok(None));
    let unknown = || {
        let missing = eq(int("C"), val(5));
        let there = op(2, &[op(82, &[raw("A")]), val(0)]);
        op(123, &[missing, op(0, &[]), there, val(5), op(0, &[])])
    };
    assert_eq!(write(Some(9), unknown(), 0), Err(ErrorKind::NotApplicable));
    assert_eq!(write(Some(9), unknown(), 16), Ok(old));
    assert_eq!(write(Some(9), sum(), 3), Err(ErrorKind::Parameter));
    assert_eq!(write(Some(9), sum(), 32), Err(ErrorKind::Parameter));
}

#[test]
fn loop_variables() {
    let index = Expression::decode(&op(122, &[val(INTEGER), val(2)])).unwrap();
    let key = Expression::decode(&op(122, &[val(STRING), val(0)])).unwrap();
    let remove = Expression::decode(&op(100, &[])).unwrap();
    let name = Value::String("k".into());
    let element = Element { key: Some(&name), value: &Value::Integer(5), index: 3 };
    let steps = &mut 6;
    assert_eq!(index.of_element(element, None, steps), ElementResult::Value(Value::Integer(3)));
    assert_eq!(key.of_element(element, None, steps), ElementResult::Value(name.clone()));
    assert_eq!(remove.of_element(element, None, steps), ElementResult::Remove);
    let no_key = Element { key: None, ..element };
    assert_eq!(key.of_element(no_key, None, steps), ElementResult::Unknown);
    // All elements share the steps.
    assert_eq!(*steps, 2);
    assert_eq!(index.of_element(element, None, &mut 0), ElementResult::Unknown);
    assert_eq!(refused(&op(122, &[val(NIL), val(3)])), ErrorKind::Parameter);
}

#[test]
fn hostile_bytes() {
    let deep = |n: usize| (0..n).fold(val(true), |inner, _| op(18, &[inner]));
    assert_eq!(value(&deep(DEPTH_MAX), &bag([])), Some(Value::Bool(DEPTH_MAX.is_multiple_of(2))));
    let branches = (1..DEPTH_MAX).fold(val(1), |inner, _| op(123, &[val(true), inner, val(2)]));
    assert_eq!(value(&branches, &bag([])), Some(Value::Integer(1)));
    assert_eq!(refused(&deep(DEPTH_MAX + 1)), ErrorKind::Parameter);
    assert_eq!(refused(&deep(100_000)), ErrorKind::Parameter);
    assert_eq!(refused(&vec![0xC0; SIZE_MAX + 1]), ErrorKind::Parameter);
    let calls = vec![op(7, &[val(0), raw("x"), val("x")]); CALLS_MAX + 1];
    assert_eq!(refused(&op(16, &calls)), ErrorKind::Parameter);
    for wrong in [
        &[][..],
        &[0x90],
        &[0xDD, 0xFF, 0xFF, 0xFF, 0xFF, 1],
        &[0x93, 1, 1],
        &[0x91, 0xC0],
        &[0x91, 200],
        &[0x92, 126],
        &[0x93, 81, 42, 0xA1],
        &[0x93, 81, 2, 0xA1, 0xFF],
        &[0xC0, 0xC0],
    ] {
        assert_eq!(refused(wrong), ErrorKind::Parameter, "{wrong:x?}");
    }
    let filter = Expression::decode_filter(&val(1)).unwrap_err();
    assert_eq!(filter.kind, ErrorKind::Parameter);
    assert!(Expression::decode_filter(&op(81, &[val(BOOL), raw("b")])).is_ok());
}

/// Doubling a blob forty times would take a terabyte.
#[test]
fn an_expression_that_grows_is_unknown() {
    let variable = |n: usize| op(124, &[raw(&format!("v{n}"))]);
    let mut arguments = vec![raw("v0"), val(Value::Blob(vec![1; 1_000]))];
    for n in 0..40 {
        let doubled = call(BLOB, 65, &[val(1), val(0), variable(n), val(0)], variable(n));
        arguments.extend([raw(&format!("v{}", n + 1)), doubled]);
    }
    arguments.push(variable(40));
    assert_eq!(value(&op(125, &arguments), &bag([])), None);
}
