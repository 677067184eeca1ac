//! Each operation on one bin: what it answers and what the bin holds then.

use model::json;

use super::*;

fn value(text: &str) -> Value {
    json::parse(text).unwrap()
}

/// Runs `verb(b, args..)` on a bin; gives the answer and the bin as JSON, or the SQLSTATE.
fn on(bin: &str, verb: &str, args: &str) -> String {
    on_with(bin, verb, args, &[])
}

fn on_with(bin: &str, verb: &str, args: &str, policy: &[&str]) -> String {
    let Value::List(args) = value(&format!("[{args}]")) else { unreachable!() };
    let policy: Vec<String> = policy.iter().map(|word| word.to_string()).collect();
    let operation = Operation::new(verb, Some("b".into()), args.items, &policy);
    let bins = match bin {
        "" => Vec::new(),
        text => vec![(Name::from("b"), value(text))],
    };
    let operated = match operation.and_then(|operation| apply(&[operation], &bins)) {
        Ok(operated) => operated,
        Err(error) => return error.sqlstate.to_string(),
    };
    let print = |value: &Option<Value>| value.as_ref().map_or("-".to_string(), json::print);
    let answer = operated.answers.first().map(print).unwrap_or_default();
    match &operated.effect {
        Effect::Write(bins) => format!("{answer}|{}", print(&bins[0].1)),
        _ => answer,
    }
}

#[test]
fn lists() {
    let cases = [
        ("", "LIST_APPEND", "1", "1|[1]"),
        ("[1]", "list_append", "\"a\"", "2|[1, \"a\"]"),
        ("[1, 3]", "LIST_INSERT", "1, 2", "3|[1, 2, 3]"),
        ("[1]", "LIST_INSERT", "3, 2", "4|[1, null, null, 2]"),
        ("[1, 2]", "LIST_INSERT", "-1, 9", "3|[1, 9, 2]"),
        ("[1, 2]", "LIST_SET", "0, 5", "|[5, 2]"),
        ("[1]", "LIST_SET", "2, 5", "|[1, null, 5]"),
        ("[1, 2, 3]", "LIST_GET", "-1", "3"),
        ("[1]", "LIST_GET", "1", "2202E"),
        ("", "LIST_GET", "0", "-"),
        ("[1, 2, 3]", "LIST_POP", "1", "2|[1, 3]"),
        ("[1, 2, 3]", "LIST_REMOVE", "0", "1|[2, 3]"),
        ("[1]", "LIST_APPEND_ITEMS", "[2, 3]", "3|[1, 2, 3]"),
        ("[1, 4]", "LIST_INSERT_ITEMS", "1, [2, 3]", "4|[1, 2, 3, 4]"),
        ("[1, 2, 3, 4]", "LIST_GET_RANGE", "1, 2", "[2, 3]"),
        ("[1, 2, 3, 4]", "LIST_GET_RANGE", "-2", "[3, 4]"),
        ("[1, 2, 3, 4]", "LIST_GET_RANGE", "9", "[]"),
        ("[1, 2, 3, 4]", "LIST_POP_RANGE", "0, 2", "[1, 2]|[3, 4]"),
        ("[1, 2, 3, 4]", "LIST_REMOVE_RANGE", "1", "3|[1]"),
        ("[1, 2, 3, 4]", "LIST_TRIM", "1, 2", "2|[2, 3]"),
        ("[1, 2]", "LIST_INCREMENT", "1, 5", "7|[1, 7]"),
        ("[9223372036854775807]", "LIST_INCREMENT", "0, 1", "22003"),
        ("[1, 2]", "LIST_CLEAR", "", "|[]"),
        ("[1, 2]", "LIST_SIZE", "", "2"),
        ("5", "LIST_SIZE", "", "42804"),
        ("[3, 1, 2]", "LIST_GET_BY_INDEX", "0", "3"),
        ("[3, 1, 2]", "LIST_GET_BY_RANK", "0", "1"),
        ("[3, 1, 2]", "LIST_GET_BY_RANK_RANGE", "1, 2", "[2, 3]"),
        ("[3, 1, 2]", "LIST_GET_BY_INDEX_RANGE", "1", "[1, 2]"),
        ("[3, 1, 3]", "LIST_GET_BY_VALUE", "3", "[3, 3]"),
        ("[3, 1, 2]", "LIST_GET_BY_VALUE_RANGE", "1, 3", "[1, 2]"),
        ("[3, 1, 2]", "LIST_GET_BY_VALUE_LIST", "[1, 3]", "[3, 1]"),
        ("[3, 1, 2]", "LIST_REMOVE_BY_RANK", "-1", "3|[1, 2]"),
        ("[3, 1, 3]", "LIST_REMOVE_BY_VALUE", "3", "[3, 3]|[1]"),
        ("[1]", "LIST_SET", "100000000000, 1", "54000"),
    ];
    for (bin, verb, args, expected) in cases {
        assert_eq!(on(bin, verb, args), expected, "{verb}({args}) on {bin}");
    }
}

#[test]
fn maps() {
    let map = r#"{"a": 2, "b": 1, "c": 3}"#;
    let cases = [
        ("", "MAP_PUT", "\"k\", 1", r#"1|{"k": 1}"#),
        (map, "MAP_PUT", "\"a\", 9", r#"3|{"a": 9, "b": 1, "c": 3}"#),
        ("{}", "MAP_PUT_ITEMS", r#"{"x": 1, "y": 2}"#, r#"2|{"x": 1, "y": 2}"#),
        (map, "MAP_INCREMENT", "\"a\", 5", r#"7|{"a": 7, "b": 1, "c": 3}"#),
        ("{}", "MAP_DECREMENT", "\"n\", 5", r#"-5|{"n": -5}"#),
        (map, "MAP_GET_BY_KEY", "\"b\"", r#"{"b": 1}"#),
        (map, "MAP_GET_BY_KEY", "\"z\"", "{}"),
        (map, "MAP_GET_BY_KEY_LIST", r#"["a", "c"]"#, r#"{"a": 2, "c": 3}"#),
        (map, "MAP_GET_BY_KEY_RANGE", r#""a", "c""#, r#"{"a": 2, "b": 1}"#),
        (map, "MAP_GET_BY_KEY_RANGE", r#""b", null"#, r#"{"b": 1, "c": 3}"#),
        (map, "MAP_GET_BY_VALUE", "3", r#"{"c": 3}"#),
        (map, "MAP_GET_BY_VALUE_LIST", "[1, 3]", r#"{"b": 1, "c": 3}"#),
        (map, "MAP_GET_BY_VALUE_RANGE", "1, 3", r#"{"a": 2, "b": 1}"#),
        (map, "MAP_GET_BY_INDEX", "0", r#"{"a": 2}"#),
        (map, "MAP_GET_BY_INDEX", "5", "2202E"),
        (map, "MAP_GET_BY_INDEX_RANGE", "1", r#"{"b": 1, "c": 3}"#),
        (map, "MAP_GET_BY_RANK", "0", r#"{"b": 1}"#),
        (map, "MAP_GET_BY_RANK_RANGE", "-1", r#"{"c": 3}"#),
        (map, "MAP_REMOVE_BY_KEY", "\"a\"", r#"{"a": 2}|{"b": 1, "c": 3}"#),
        (map, "MAP_REMOVE_BY_KEY_LIST", r#"["a", "b"]"#, r#"{"a": 2, "b": 1}|{"c": 3}"#),
        (map, "MAP_REMOVE_BY_KEY_RANGE", r#""a", "b""#, r#"{"a": 2}|{"b": 1, "c": 3}"#),
        (map, "MAP_REMOVE_BY_VALUE", "1", r#"{"b": 1}|{"a": 2, "c": 3}"#),
        (map, "MAP_REMOVE_BY_VALUE_LIST", "[1]", r#"{"b": 1}|{"a": 2, "c": 3}"#),
        (map, "MAP_REMOVE_BY_VALUE_RANGE", "1, 3", r#"{"a": 2, "b": 1}|{"c": 3}"#),
        (map, "MAP_REMOVE_BY_INDEX", "-1", r#"{"c": 3}|{"a": 2, "b": 1}"#),
        (map, "MAP_REMOVE_BY_INDEX_RANGE", "0, 2", r#"{"a": 2, "b": 1}|{"c": 3}"#),
        (map, "MAP_REMOVE_BY_RANK", "-1", r#"{"c": 3}|{"a": 2, "b": 1}"#),
        (map, "MAP_REMOVE_BY_RANK_RANGE", "0, 1", r#"{"b": 1}|{"a": 2, "c": 3}"#),
        (map, "MAP_CLEAR", "", "|{}"),
        (map, "MAP_SIZE", "", "3"),
        ("", "MAP_SET_TYPE", "\"AS_MAP_KEY_ORDERED\"", "|{}"),
        ("[]", "MAP_SIZE", "", "42804"),
        ("{}", "MAP_PUT", "[1], 1", "42804"),
    ];
    for (bin, verb, args, expected) in cases {
        assert_eq!(on(bin, verb, args), expected, "{verb}({args}) on {bin}");
    }
}

#[test]
fn policies_of_maps() {
    let put = |bin, key, policy| on_with(bin, "MAP_PUT", &format!("{key}, 1"), &[policy]);
    assert_eq!(put("{\"a\": 0}", "\"a\"", "AS_MAP_CREATE_ONLY"), "23505");
    assert_eq!(put("{\"a\": 0}", "\"b\"", "as_map_update_only"), "02000");
    assert_eq!(put("{\"a\": 0}", "\"a\"", "AS_MAP_UPDATE"), "1|{\"a\": 1}");
    assert_eq!(put("{\"a\": 0}", "\"a\"", "AS_MAP_KEY_VALUE_ORDERED"), "1|{\"a\": 1}");
    assert_eq!(put("{}", "\"a\"", "AS_MAP_WILD"), "22023");
    assert_eq!(on_with("[]", "LIST_SIZE", "", &["AS_MAP_UPDATE"]), "22023");
    assert_eq!(on("{}", "MAP_SET_TYPE", "\"AS_MAP_WILD\""), "22023");
}

#[test]
fn orders_of_lists_and_maps_are_kept() {
    use model::{List, ListOrder, MapOrder};
    let run = |bin: Option<Value>, verb: &str, args: &str, policy: &[String]| {
        let Value::List(args) = value(&format!("[{args}]")) else { unreachable!() };
        let operation = Operation::new(verb, Some("b".into()), args.items, policy).unwrap();
        let bins: Vec<_> = bin.into_iter().map(|bin| (Name::from("b"), bin)).collect();
        match apply(&[operation], &bins).unwrap().effect {
            Effect::Write(mut bins) => bins.remove(0).1,
            other => panic!("{other:?}"),
        }
    };
    let policy = ["AS_MAP_KEY_ORDERED".to_string(), "as_map_create_only".to_string()];
    let made = run(None, "MAP_PUT", "1, 2", &policy);
    assert!(matches!(&made, Some(Value::Map(map)) if map.order == MapOrder::KeyOrdered));
    let set = run(made, "MAP_SET_TYPE", "\"as_map_key_value_ordered\"", &[]);
    assert!(matches!(set, Some(Value::Map(map)) if map.order == MapOrder::KeyValueOrdered));
    let ordered = List::new(vec![Value::Integer(5), Value::Integer(1)], ListOrder::Ordered);
    let longer = run(Some(Value::List(ordered)), "LIST_APPEND", "3", &[]);
    assert_eq!(longer, Some(value("[1, 3, 5]")));
}

#[test]
fn scalars() {
    let cases = [
        ("", "INCR", "5", "|5"),
        ("5", "INCR", "-7", "|-2"),
        ("1.5", "INCR", "1", "|2.5"),
        ("1", "INCR", "1.5", "42804"),
        ("9223372036854775807", "INCR", "1", "22003"),
        ("\"b\"", "APPEND", "\"c\"", "|\"bc\""),
        ("\"b\"", "PREPEND", "\"a\"", "|\"ab\""),
        ("", "APPEND", "\"x\"", "|\"x\""),
        ("1", "APPEND", "\"x\"", "42804"),
        ("1", "WRITE", "\"x\"", "|\"x\""),
        ("1", "WRITE", "null", "|-"),
        ("1", "READ", "", "1"),
        ("", "READ", "", "-"),
    ];
    for (bin, verb, args, expected) in cases {
        assert_eq!(on(bin, verb, args), expected, "{verb}({args}) on {bin}");
    }
}

#[test]
fn operations_see_those_before_them() {
    let incr = Operation::new("INCR", Some("n".into()), vec![Value::Integer(1)], &[]).unwrap();
    let read = Operation::new("READ", Some("n".into()), vec![], &[]).unwrap();
    let touch = Operation::new("TOUCH", None, vec![], &[]).unwrap();
    let delete = Operation::new("DELETE", None, vec![], &[]).unwrap();
    let bins = [(Name::from("n"), Value::Integer(1))];
    let run = |operations: &[&Operation]| {
        let operations: Vec<Operation> = operations.iter().map(|o| (*o).clone()).collect();
        apply(&operations, &bins).unwrap()
    };
    let done = run(&[&incr, &incr, &read]);
    assert_eq!(done.answers, [Some(Value::Integer(3))]);
    assert_eq!(done.effect, Effect::Write(vec![("n".into(), Some(Value::Integer(3)))]));
    assert_eq!(run(&[&read]).effect, Effect::None);
    assert_eq!(run(&[&touch]).effect, Effect::Write(vec![]));
    let read_then_gone = run(&[&read, &delete]);
    assert_eq!(read_then_gone.answers, [Some(Value::Integer(1))]);
    assert_eq!(read_then_gone.effect, Effect::Delete);
    let begun_anew = run(&[&delete, &incr]);
    assert_eq!(begun_anew.effect, Effect::Write(vec![("n".into(), Some(Value::Integer(1)))]));
}

#[test]
fn what_is_written_wrong_is_told() {
    let new = |verb: &str, bin: Option<&str>, args: Vec<Value>| {
        Operation::new(verb, bin.map(str::to_string), args, &[]).map(|_| ())
    };
    let error = new("LIST_APEND", Some("b"), vec![]).unwrap_err();
    assert_eq!(
        (error.sqlstate, error.hint.as_deref()),
        ("42883", Some("did you mean LIST_APPEND?"))
    );
    let error = new("LIST_INSERT", Some("b"), vec![Value::Integer(1)]).unwrap_err();
    assert_eq!(error.hint.as_deref(), Some("it is written LIST_INSERT(bin, index, value)"));
    assert_eq!(new("TOUCH", Some("b"), vec![]).unwrap_err().sqlstate, "22023");
    assert_eq!(new("READ", None, vec![]).unwrap_err().sqlstate, "22023");
    assert_eq!(new("READ", Some(&"b".repeat(64)), vec![]).unwrap_err().sqlstate, "42602");
}
