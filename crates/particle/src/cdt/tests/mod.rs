//! What each operation answers and leaves behind, as the tests and the documentation of Aerospike's
//! clients have it.
//!
//! A case is written `number(args) on bin` in JSON: integers, texts, doubles, lists, maps with text
//! keys. `{"$map": [k, v, ..]}` is a map with any keys, `{"$ordered": ..}` a list or a map that is
//! declared ordered, `"$inf"` and `"$any"` are infinity and wildcard.

mod contexts;
mod lists;
mod maps;
mod paths;
mod wrong;

use model::msgpack::{put_integer, put_list_header, put_map_header, put_value};
use model::{ListOrder, Map, MapOrder, Value, json};

use super::*;

/// A value, as this folder's JSON writes it.
fn value(text: &str) -> Value {
    marked(json::parse(text).unwrap_or_else(|e| panic!("{text}: {e:?}")))
}

fn marked(value: Value) -> Value {
    match value {
        Value::List(list) => Value::list(list.into_iter().map(marked).collect::<Vec<_>>()),
        Value::Map(map) => match &map.pairs[..] {
            [(Value::String(mark), Value::List(flat))] if mark == "$map" => {
                let pairs = flat.chunks(2).map(|kv| (marked(kv[0].clone()), marked(kv[1].clone())));
                Value::map(pairs.collect::<Vec<_>>())
            }
            [(Value::String(mark), inner)] if mark == "$ordered" => match marked(inner.clone()) {
                Value::List(list) => Value::List(model::List::new(list.items, ListOrder::Ordered)),
                Value::Map(map) => Value::Map(Map::new(map.pairs, MapOrder::KeyOrdered)),
                other => other,
            },
            _ => Value::map(map.into_iter().map(|(k, v)| (k, marked(v))).collect::<Vec<_>>()),
        },
        other => other,
    }
}

/// Appends a value; texts that mean infinity and wildcard become those.
fn put_arg(out: &mut Vec<u8>, arg: &Value) {
    match arg {
        Value::String(text) if text == "$inf" => out.extend([0xd4, 0xff, 1]),
        Value::String(text) if text == "$any" => out.extend([0xd4, 0xff, 0]),
        Value::List(list) if list.order == ListOrder::Unordered => {
            put_list_header(out, list.len());
            list.iter().for_each(|item| put_arg(out, item));
        }
        Value::Map(map) if map.order == MapOrder::Unordered => {
            put_map_header(out, map.len());
            map.iter().for_each(|(key, item)| {
                put_value(out, key);
                put_arg(out, item);
            });
        }
        other => put_value(out, other),
    }
}

/// `[number, args..]`, in a context if there is one.
fn payload(context: &str, number: i64, args: &str) -> Vec<u8> {
    let list = |text: &str| match value(&format!("[{text}]")) {
        Value::List(list) => list.items,
        _ => Vec::new(),
    };
    let mut out = Vec::new();
    if !context.is_empty() {
        put_list_header(&mut out, 3);
        put_integer(&mut out, 0xff);
        put_arg(&mut out, &Value::list(list(context)));
    }
    let args = list(args);
    put_list_header(&mut out, args.len() + 1);
    put_integer(&mut out, number);
    args.iter().for_each(|arg| put_arg(&mut out, arg));
    out
}

fn shown(answer: &Option<Answer>) -> String {
    match answer {
        None => "-".into(),
        Some(Answer::Value(value)) => json::print(value),
        Some(Answer::Pairs(pairs)) => {
            let pairs = pairs.iter().map(|(k, v)| format!("{}={}", json::print(k), json::print(v)));
            pairs.collect::<Vec<_>>().join(" ")
        }
    }
}

/// Runs one operation on a bin (`""` is none); gives `answer | bin afterwards` of one that modifies,
/// the answer of one that reads, or the kind of error.
fn run_in(context: &str, bin: &str, number: i64, args: &str) -> String {
    let bin = (!bin.is_empty()).then(|| value(bin));
    let payload = payload(context, number, args);
    if matches!(number, 16..=31 | 96..=110) {
        return match read(bin.as_ref(), &payload) {
            Ok(answer) => shown(&answer),
            Err(error) => format!("{:?}", error.kind),
        };
    }
    match modify(bin, &payload) {
        Ok(Modified { bin, result }) => {
            let bin = bin.as_ref().map_or("-".into(), json::print);
            format!("{} | {bin}", shown(&result))
        }
        Err(error) => format!("{:?}", error.kind),
    }
}

fn check(cases: &[(&str, i64, &str, &str)]) {
    for (bin, number, args, expected) in cases {
        assert_eq!(run_in("", bin, *number, args), *expected, "{number}({args}) on {bin}");
    }
}

fn check_in(cases: &[(&str, &str, i64, &str, &str)]) {
    for (context, bin, number, args, expected) in cases {
        let got = run_in(context, bin, *number, args);
        assert_eq!(got, *expected, "{number}({args}) on {bin} in [{context}]");
    }
}

#[test]
fn answers_become_values_and_bytes() {
    let int = Value::Integer;
    let pairs = Answer::Pairs(vec![(int(2), int(1)), (int(1), int(2))]);
    assert_eq!(pairs.encode(), [0x83, 0xc7, 0, 8, 0xc0, 2, 1, 1, 2]);
    assert_eq!(pairs.into_value(), Value::map([(int(1), int(2)), (int(2), int(1))]));
    assert_eq!(Answer::from(int(5)).encode(), [5]);
}
