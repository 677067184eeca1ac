//! Bytes that clients write and read, and bytes that nobody should send.

use std::cmp::Ordering;

use super::*;
use crate::limits::NESTING_MAX;
use crate::{List, ListOrder, Map, MapOrder, Value};

fn int(n: i64) -> Value {
    Value::Integer(n)
}

fn text(s: &str) -> Value {
    Value::String(s.into())
}

#[test]
fn scalars_have_the_bytes_that_clients_write() {
    let cases: &[(Value, &[u8])] = &[
        (Value::Nil, &[0xc0]),
        (Value::Bool(false), &[0xc2]),
        (Value::Bool(true), &[0xc3]),
        (int(0), &[0]),
        (int(127), &[0x7f]),
        (int(128), &[0xcc, 0x80]),
        (int(255), &[0xcc, 0xff]),
        (int(256), &[0xcd, 1, 0]),
        (int(65_536), &[0xce, 0, 1, 0, 0]),
        (int(1 << 32), &[0xcf, 0, 0, 0, 1, 0, 0, 0, 0]),
        (int(-1), &[0xff]),
        (int(-32), &[0xe0]),
        (int(-33), &[0xd0, 0xdf]),
        (int(-128), &[0xd0, 0x80]),
        (int(-129), &[0xd1, 0xff, 0x7f]),
        (int(-32_769), &[0xd2, 0xff, 0xff, 0x7f, 0xff]),
        (int(i64::MIN), &[0xd3, 0x80, 0, 0, 0, 0, 0, 0, 0]),
        (Value::Double(1.5), &[0xcb, 0x3f, 0xf8, 0, 0, 0, 0, 0, 0]),
        (text("k"), &[0xa2, 3, b'k']),
        (text(""), &[0xa1, 3]),
        (Value::Blob(vec![9]), &[0xa2, 4, 9]),
        (Value::GeoJson("{}".into()), &[0xa3, 23, b'{', b'}']),
        (Value::Hll(vec![1]), &[0xa2, 18, 1]),
    ];
    for (value, bytes) in cases {
        assert_eq!(encode(value), *bytes, "{value:?}");
        assert_eq!(&decode(bytes).unwrap(), value);
    }
    for size in [30, 31, 254, 255, 65_534, 65_535] {
        let value = text(&"x".repeat(size));
        assert_eq!(decode(&encode(&value)).unwrap(), value);
    }
}

#[test]
fn other_forms_are_read_too() {
    assert_eq!(decode(&[0xd3, 0, 0, 0, 0, 0, 0, 0, 5]).unwrap(), int(5));
    assert_eq!(decode(&[0xca, 0x3f, 0xc0, 0, 0]).unwrap(), Value::Double(1.5));
    assert_eq!(decode(&[0xc4, 2, 3, b'k']).unwrap(), text("k"));
    assert_eq!(decode(&[0xdc, 0, 1, 7]).unwrap(), Value::list(vec![int(7)]));
    // A blob of Python's own.
    assert_eq!(decode(&[0xa3, 9, 1, 2]).unwrap(), Value::Blob(vec![1, 2]));
}

#[test]
fn orders_travel_in_front() {
    let list = |order| Value::List(List::new(vec![int(2), int(1)], order));
    let ordered = [0x93, 0xc7, 0, 1, 1, 2];
    assert_eq!(encode(&list(ListOrder::Unordered)), [0x92, 2, 1]);
    assert_eq!(encode(&list(ListOrder::Ordered)), ordered);
    let Value::List(back) = decode(&ordered).unwrap() else { panic!() };
    assert_eq!(back.order, ListOrder::Ordered);
    assert_eq!(encode(&Value::List(List::new(vec![], ListOrder::Ordered))), [0x91, 0xc7, 0, 1]);

    let map = |order| Value::Map(Map::new(vec![(text("b"), int(2)), (text("a"), int(1))], order));
    let pairs = [0xa2, 3, b'a', 1, 0xa2, 3, b'b', 2];
    for (order, front) in [
        (MapOrder::Unordered, &[0x82][..]),
        (MapOrder::KeyOrdered, &[0x83, 0xc7, 0, 1, 0xc0]),
        (MapOrder::KeyValueOrdered, &[0x83, 0xc7, 0, 3, 0xc0]),
    ] {
        let bytes = [front, &pairs].concat();
        assert_eq!(encode(&map(order)), bytes);
        let Value::Map(back) = decode(&bytes).unwrap() else { panic!() };
        assert_eq!((back.order, back.pairs.len()), (order, 2));
    }
    let mut out = Vec::new();
    put_pairs(&mut out, &[(int(2), int(1)), (int(1), int(2))]);
    assert_eq!(out, [0x83, 0xc7, 0, 8, 0xc0, 2, 1, 1, 2]);
}

#[test]
fn an_ordered_list_that_is_not_is_sorted() {
    let Value::List(list) = decode(&[0x93, 0xc7, 0, 1, 5, 4]).unwrap() else { panic!() };
    assert_eq!(list.items, [int(4), int(5)]);
}

#[test]
fn arguments_know_infinity_and_wildcard() {
    let arg = |bytes: &[u8]| Reader::new(bytes).arg().unwrap();
    let infinity = [0xd4, 0xff, 1];
    assert_eq!(arg(&infinity), Arg::Infinity);
    assert_eq!(arg(&[0xd4, 0xff, 0]), Arg::Wildcard);
    let pattern = arg(&[0x92, 0xa2, 3, b'a', 0xd4, 0xff, 0]);
    assert_eq!(pattern, Arg::List(vec![text("a").into(), Arg::Wildcard]));
    let list = |items: &[Value]| Value::list(items.to_vec());
    assert!(pattern.matches(&list(&[text("a"), int(1)])));
    assert!(pattern.matches(&list(&[text("a"), int(1), int(2)])));
    assert_eq!(pattern.order_of(&list(&[text("a")])), Ordering::Less);
    assert_eq!(pattern.order_of(&list(&[text("b"), int(1)])), Ordering::Greater);
    assert_eq!(pattern.order_of(&int(5)), Ordering::Less);
    assert_eq!(pattern.order_of(&Value::Blob(vec![])), Ordering::Greater);
    assert_eq!(Arg::Infinity.order_of(&Value::GeoJson("{}".into())), Ordering::Less);
    // Neither can be stored.
    assert!(decode(&infinity).is_err());
    assert!(decode(&[0x91, 0xd4, 0xff, 0]).is_err());
    assert!(decode(&[0x81, 1, 0xd4, 0xff, 0]).is_err());
}

#[test]
fn hostile_bytes_are_errors() {
    let cases: &[&[u8]] = &[
        &[],
        &[0xc1],
        &[0xcb],
        &[0xce, 0, 1],
        &[0xa5, 3],
        &[0xa0],
        &[0xa2, 99, 0],
        &[0xa2, 3, 0xff],
        &[0xdb, 0xff, 0xff, 0xff, 0xff, 3],
        &[0xdd, 0xff, 0xff, 0xff, 0xff],
        &[0xdf, 0xff, 0xff, 0xff, 0xff],
        &[0xdf, 0x80, 0, 0, 0, 1, 1],
        &[0xc9, 0xff, 0xff, 0xff, 0xff, 0],
        &[0xc7, 0, 1],
        &[0x92, 0xc7, 0, 1],
        &[0x81, 0xc7, 0, 1],
        &[1, 2],
    ];
    for bytes in cases {
        assert!(decode(bytes).is_err(), "{bytes:02x?}");
    }
}

#[test]
fn depth_is_bounded() {
    let nest = |n: usize| [vec![0x91; n], vec![0xc0]].concat();
    assert!(decode(&nest(NESTING_MAX)).is_ok());
    let error = decode(&nest(NESTING_MAX + 1)).unwrap_err();
    assert!(error.detail.contains("deeper"), "{error}");
    // Skipping does not recurse.
    let deep = nest(1_000_000);
    assert_eq!(Reader::new(&deep).element().unwrap().len(), deep.len());
}

#[test]
fn elements_are_cut_whole() {
    let bytes = [0x92, 0x81, 1, 0x91, 0xd4, 0xff, 0, 0xa1, 3, 5];
    let mut reader = Reader::new(&bytes);
    assert_eq!(reader.element().unwrap(), &bytes[..9]);
    assert_eq!((reader.integer().unwrap(), reader.is_empty()), (5, true));
    assert!(Reader::new(&bytes[..8]).element().is_err());
}
