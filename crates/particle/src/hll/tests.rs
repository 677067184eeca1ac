//! Exact expectations are facts from the suites of the official clients (Rust's hll and exp_hll,
//! Java's TestOperateHll, Python's test_hll); the statistical ones are from the papers' error bounds.

use model::{ErrorKind, Value};

use super::*;

fn text(text: impl Into<String>) -> Value {
    Value::String(text.into())
}

fn keys(range: std::ops::Range<u64>) -> Vec<Value> {
    range.map(|n| text(format!("key{n}"))).collect()
}

fn shape(index_bits: i64, min_hash_bits: i64) -> Shape {
    Shape::new(index_bits, min_hash_bits).unwrap()
}

fn sketch(shape: Shape, elements: &[Value]) -> Sketch {
    let mut sketch = Sketch::new(shape);
    for element in elements {
        sketch.add(element);
    }
    sketch
}

fn edit(change: Change) -> Edit {
    Edit { flags: WriteFlags::default(), change }
}

fn bits(index: i64, min_hash: i64) -> Bits {
    let said = |bits| (bits >= 0).then_some(bits);
    Bits { index: said(index), min_hash: said(min_hash) }
}

fn refused(change: Change, sketch: Option<Sketch>) -> ErrorKind {
    edit(change).on(sketch).unwrap_err().kind
}

#[test]
fn bytes_and_counts_of_the_rust_suite() {
    let first = sketch(shape(4, 0), &[text("asd123")]);
    assert_eq!(first.count(), 1);
    let (folded, _) = edit(Change::Fold(6)).on(Some(Sketch::new(shape(8, 0)))).unwrap().unwrap();
    let add = Change::Add { elements: vec![text("123asd")], bits: bits(-1, -1) };
    let (second, added) = edit(add).on(Some(folded)).unwrap().unwrap();
    assert_eq!(added, Some(Value::Integer(1)));
    let others = vec![second.clone()];
    assert_eq!(Read::IntersectCount(others.clone()).on(&first), Ok(Value::Integer(0)));
    assert_eq!(Read::UnionCount(others.clone()).on(&first), Ok(Value::Integer(2)));
    let union = [0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    assert_eq!(Read::Union(others.clone()).on(&first), Ok(Value::Hll(union.to_vec())));
    let (both, _) = edit(Change::Union(others.clone())).on(Some(first)).unwrap().unwrap();
    assert_eq!(both.count(), 2);
    assert_eq!(Read::Similarity(others).on(&both), Ok(Value::Double(0.5)));
}

#[test]
fn counts_of_the_python_suite() {
    let hundred = sketch(shape(8, 0), &keys(0..100));
    assert_eq!(hundred.count(), 97);
    let five = sketch(shape(10, 0), &keys(6..11));
    let firsts = (1..6).map(|n| sketch(shape(8, 0), &keys(0..n))).collect::<Vec<_>>();
    assert_eq!(Read::UnionCount(firsts.clone()).on(&five), Ok(Value::Integer(10)));
    let Value::Hll(union) = Read::Union(vec![five.clone()]).on(&firsts[4]).unwrap() else {
        panic!("a union is a sketch");
    };
    let union = vec![Sketch::from_bytes(&union).unwrap()];
    assert_eq!(Read::IntersectCount(union.clone()).on(&firsts[4]), Ok(Value::Integer(5)));
    assert_eq!(Read::IntersectCount(union).on(&five), Ok(Value::Integer(5)));
    let many = Read::IntersectCount(firsts);
    assert_eq!(many.on(&five).unwrap_err().kind, ErrorKind::Parameter);

    let mut hashed = (1..6).map(|n| sketch(shape(6, 12), &keys(0..n))).collect::<Vec<_>>();
    let last = hashed.pop().unwrap();
    assert_eq!(Read::IntersectCount(hashed).on(&last), Ok(Value::Integer(1)));
    assert_eq!(Read::UnionCount(vec![]).on(&last).unwrap_err().kind, ErrorKind::Parameter);
}

/// The 100 records of the Rust suite's expressions, each with "asd" and its number.
#[test]
fn collisions_of_the_expression_suite() {
    let of = |elements: &[i64]| {
        let mut all = vec![text("asd")];
        all.extend(elements.iter().map(|n| Value::Integer(*n)));
        sketch(shape(8, 0), &all)
    };
    let counted = |test: &dyn Fn(i64) -> bool| (0..100).filter(|n| test(*n)).count();
    assert_eq!(counted(&|n| of(&[n, 48_715_414]).count() == 3), 99);
    assert_eq!(counted(&|n| of(&[n]).may_contain(&Value::Integer(55))), 1);
    assert_eq!(counted(&|n| of(&[n, n + 1]).count() == 3), 98);
    let both = |n| Read::IntersectCount(vec![of(&[n, n + 1])]).on(&of(&[n]));
    assert_eq!(counted(&|n| both(n) == Ok(Value::Integer(2))), 99);
}

#[test]
fn init_and_its_limits() {
    for (index, min_hash) in [(4, 0), (4, 4), (4, 51), (9, 51), (13, 51), (16, 48), (16, 0)] {
        let (made, answer) = edit(Change::Init(bits(index, min_hash))).on(None).unwrap().unwrap();
        assert_eq!((made.shape(), answer), (shape(index, min_hash), None));
        assert_eq!(made.count(), 0);
        assert_eq!(Sketch::from_bytes(&made.clone().into_bytes()), Ok(made));
    }
    for (index, min_hash) in [(3, 0), (17, 0), (4, 3), (4, 52), (16, 49), (0, 0), (i64::MAX, 4)] {
        assert_eq!(refused(Change::Init(bits(index, min_hash)), None), ErrorKind::Parameter);
    }
    let there = Some(Sketch::new(shape(16, 0)));
    assert_eq!(refused(Change::Init(bits(-1, 51)), there.clone()), ErrorKind::NotApplicable);
    assert_eq!(refused(Change::Init(bits(-1, -1)), None), ErrorKind::NotApplicable);
    let add = Change::Add { elements: keys(0..3), bits: bits(-1, -1) };
    assert_eq!(refused(add, None), ErrorKind::NotApplicable);
    let (again, _) = edit(Change::Init(bits(-1, -1))).on(there).unwrap().unwrap();
    assert_eq!(again.shape(), shape(16, 0));
}

#[test]
fn flags_allow_and_deny() {
    let there = || Some(Sketch::new(shape(6, 0)));
    let create = WriteFlags { create_only: true, ..WriteFlags::default() };
    let update = WriteFlags { update_only: true, ..WriteFlags::default() };
    let init = |flags| Edit { flags, change: Change::Init(bits(6, 0)) };
    assert_eq!(init(create).on(there()).unwrap_err().kind, ErrorKind::BinExists);
    assert_eq!(init(update).on(None).unwrap_err().kind, ErrorKind::BinNotFound);
    let quiet = |flags| WriteFlags { no_fail: true, ..flags };
    assert_eq!(init(quiet(create)).on(there()), Ok(None));
    assert_eq!(init(quiet(update)).on(None), Ok(None));
    assert_eq!(refused(Change::RefreshCount, None), ErrorKind::BinNotFound);
    assert_eq!(refused(Change::Fold(4), None), ErrorKind::BinNotFound);
    assert_eq!(refused(Change::Fold(16), there()), ErrorKind::NotApplicable);
    assert_eq!(refused(Change::Fold(2), there()), ErrorKind::Parameter);
    let hashed = Some(Sketch::new(shape(6, 8)));
    assert_eq!(refused(Change::Fold(4), hashed), ErrorKind::NotApplicable);

    let smaller = vec![sketch(shape(4, 0), &keys(0..50))];
    let union = Change::Union(smaller);
    assert_eq!(refused(union.clone(), there()), ErrorKind::NotApplicable);
    let fold = WriteFlags { allow_fold: true, ..WriteFlags::default() };
    let (folded, _) = Edit { flags: fold, change: union }.on(there()).unwrap().unwrap();
    assert_eq!(folded.shape(), shape(4, 0));
}

#[test]
fn decoded() {
    let integer = Value::Integer;
    let list = |items: Vec<Value>| Value::list(items);
    let init = Edit::decode(0, &[integer(4), integer(-1), integer(5)]).unwrap();
    assert_eq!(init.change, Change::Init(bits(4, -1)));
    assert!(init.flags.create_only && init.flags.no_fail);
    assert!(Edit::decode(0, &[integer(4), integer(-1), integer(8)]).is_err());
    let add = [list(keys(0..2)), integer(8), integer(0), integer(2)];
    assert_eq!(Edit::decode(1, &add).unwrap_err().kind, ErrorKind::Parameter);
    assert_eq!(Edit::decode(3, &[]).unwrap().change, Change::RefreshCount);
    let other = Sketch::new(shape(4, 0));
    let bytes = Value::Blob(other.clone().into_bytes());
    let read = Read::Union(vec![other]);
    assert_eq!(Read::decode(51, std::slice::from_ref(&bytes)), Ok(read.clone()));
    assert_eq!(Read::decode(51, &[list(vec![bytes])]), Ok(read));
    for wrong in [vec![], vec![0], vec![0, 4, 0], vec![1; 23], vec![0; 23]] {
        assert!(Read::decode(51, &[Value::Hll(wrong)]).is_err());
    }
    assert!(Read::decode(57, &[]).is_err());
    assert!(Edit::decode(5, &[]).is_err());
}

/// Five standard errors of a plain sketch: 1.04 / sqrt(registers).
fn bound(index_bits: u8) -> f64 {
    5.0 * 1.04 / f64::from(1u32 << index_bits).sqrt()
}

#[test]
fn counts_are_within_their_error() {
    for index_bits in [4, 8, 12, 16] {
        let mut seen = Sketch::new(shape(index_bits.into(), 0));
        let mut hashed = Sketch::new(shape(index_bits.into(), 20));
        for n in 1..=40_000u64 {
            let element = text(format!("element {index_bits} {n}"));
            seen.add(&element);
            hashed.add(&element);
            if n.is_power_of_two() || n == 40_000 {
                let error = (seen.count() as f64 - n as f64).abs() / n as f64;
                assert!(error <= bound(index_bits) + 0.5 / n as f64, "{index_bits} {n}: {error}");
                assert_eq!(seen.count(), hashed.count());
            }
        }
    }
}

#[test]
fn folding_and_union_are_as_if_added_there() {
    let elements = keys(0..5_000);
    let precise = sketch(shape(12, 0), &elements);
    for index_bits in 4..12 {
        let (folded, _) =
            edit(Change::Fold(index_bits)).on(Some(precise.clone())).unwrap().unwrap();
        assert_eq!(folded, sketch(shape(index_bits, 0), &elements));
    }
    for min_hash_bits in [0, 4, 17, 51] {
        let shape = shape(9, min_hash_bits);
        let (left, right) = elements.split_at(2_000);
        let union = Change::Union(vec![sketch(shape, right)]);
        let (both, _) = edit(union).on(Some(sketch(shape, left))).unwrap().unwrap();
        assert_eq!(both, sketch(shape, &elements));
    }
    let mut counted = precise.clone();
    let count = counted.refresh_count();
    assert_eq!((counted.count(), precise.count()), (count, count));
    counted.add(&text("one more"));
    elements.iter().for_each(|element| assert!(!counted.add(element)));
}

/// The error of a similarity `s` is about `sqrt(s (1 - s) / registers)`.
#[test]
fn similarities_are_within_their_error() {
    let parts = |n: u64, name: &str| (0..n).map(|i| text(format!("{name}{i}"))).collect::<Vec<_>>();
    for (index_bits, min_hash_bits) in [(8, 8), (10, 20), (12, 51)] {
        let shape = shape(index_bits, min_hash_bits);
        for (common, apart) in [(0, 4_000), (40, 1_000), (1_000, 1_000), (3_000, 10), (500, 0)] {
            let shared = parts(common, "shared");
            let [a, b] = ["a", "b"]
                .map(|name| sketch(shape, &[shared.clone(), parts(apart, name)].concat()));
            let exact = common as f64 / (common + 2 * apart) as f64;
            let Ok(Value::Double(share)) = Read::Similarity(vec![b]).on(&a) else {
                panic!("a similarity is a double");
            };
            let error = (exact * (1.0 - exact) / f64::from(1 << index_bits)).sqrt();
            assert!((share - exact).abs() <= 5.0 * error + 0.005, "{share} for {exact}");
        }
    }
    let same = sketch(shape(10, 12), &keys(0..777));
    assert_eq!(Read::Similarity(vec![same.clone(); 3]).on(&same), Ok(Value::Double(1.0)));
    let nothing = Sketch::new(shape(10, 12));
    assert_eq!(Read::Similarity(vec![nothing.clone()]).on(&nothing), Ok(Value::Double(0.0)));
}

#[test]
fn requests_on_bins() {
    let payload = |values: Vec<Value>| model::msgpack::encode(&Value::list(values));
    let add = payload(vec![Value::Integer(1), Value::list(keys(0..3)), Value::Integer(8)]);
    let made = modify(None, &add).unwrap();
    assert_eq!(made.result, Some(Value::Integer(3)));
    let count = payload(vec![Value::Integer(50)]);
    assert_eq!(read(made.bin.as_ref(), &count), Ok(Some(Value::Integer(3))));
    assert_eq!(read(None, &count), Ok(None));
    assert_eq!(read(Some(&text("no")), &count).unwrap_err().kind, ErrorKind::BinType);
    for wrong in [&[][..], &[0x90], &[0xC0], &[0x92, 50, 1], &[0x91, 50, 1]] {
        assert_eq!(read(None, wrong).unwrap_err().kind, ErrorKind::Parameter);
    }
}
