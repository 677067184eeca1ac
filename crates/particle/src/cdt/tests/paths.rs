//! Operations with a path. Kinds of levels beside those of contexts: 4 elements for which an expression
//! holds, 516 a further filter, 42 keys. Of expressions: 3 greater, 5 less, 1 equal, 22 multiply,
//! 100 remove, 122 loop variable (type; 0 key, 1 value, 2 place), 127 call.

use super::*;
use crate::exp::{Element, ElementResult, Expression};

const BOOKS: &str = r#"{"book": [
    {"title": "Sayings", "price": 8.95},
    {"title": "Sword", "price": 12.99},
    {"title": "Moby", "price": 8.99}
]}"#;
/// The price of a book is less than ten.
const CHEAP: &str = r#"4, [5, [127, 7, 0, [97, 7, "price"], [122, 5, 1]], 10.0]"#;
const NUMBERS: &str = r#"{"n": [1, 5, 10, 15]}"#;
const NESTED: &str = r#"[{"a": 1, "b": {"c": 2}}, {"d": 3}]"#;
/// The values, the keys, both; leaving alone what has the wrong type.
const VALUES: i64 = 1;
const KEYS: i64 = 2;
const PAIRS: i64 = 3;
const NO_FAIL: i64 = 16;

fn select(bin: &str, path: &str, flags: i64) -> String {
    let bin = (!bin.is_empty()).then(|| value(bin));
    match read(bin.as_ref(), &payload("", 254, &format!("[{path}], {flags}"))) {
        Ok(answer) => shown(&answer),
        Err(error) => format!("{:?}", error.kind),
    }
}

fn apply(bin: &str, path: &str, flags: i64, makes: &str) -> String {
    run_in("", bin, 254, &format!("[{path}], {}, {makes}", flags | 4))
}

#[test]
fn values_keys_and_trees_are_answered() {
    let data = r#"{"data": {"a": 100, "b": 5, "c": 200}}"#;
    let above_50 = r#"34, "data", 4, [3, [122, 2, 1], 50]"#;
    let cases = [
        (NESTED, "4, true", 0, r#"[{"a": 1, "b": {"c": 2}}, {"d": 3}]"#),
        (NESTED, "4, true, 4, true", VALUES, r#"[1, {"c": 2}, 3]"#),
        (NESTED, "4, true, 4, true", KEYS, r#"["a", "b", "d"]"#),
        (NESTED, "16, 1, 4, true", PAIRS, r#"["d", 3]"#),
        (BOOKS, &format!(r#"34, "book", {CHEAP}, 34, "title""#), VALUES, r#"["Sayings", "Moby"]"#),
        (NUMBERS, r#"34, "n", 4, [5, [122, 2, 2], 2]"#, VALUES, "[1, 5]"),
        (NUMBERS, r#"34, "none", 4, true"#, VALUES, "[]"),
        (NUMBERS, r#"34, "n", 16, -1"#, VALUES, "[15]"),
        (data, above_50, 0, r#"{"data": {"a": 100, "c": 200}}"#),
        (data, above_50, KEYS, r#"["a", "c"]"#),
        (data, r#"34, "data", 42, ["c", "x", "a"]"#, VALUES, "[100, 200]"),
        (data, r#"34, "data", 42, ["b", "c"], 516, [3, [122, 2, 1], 50]"#, PAIRS, r#"["c", 200]"#),
        (data, r#"34, "data", 34, "a", 516, [3, [122, 2, 1], 500]"#, VALUES, "[]"),
        ("", "4, true", VALUES, "-"),
    ];
    for (bin, path, flags, expected) in cases {
        assert_eq!(select(bin, path, flags), expected, "[{path}], {flags} of {bin}");
    }
}

#[test]
fn elements_are_changed() {
    let doubled = "[22, [122, 2, 1], 2]";
    let cases = [
        (NUMBERS, r#"34, "n", 4, true"#, 0, doubled, r#"- | {"n": [2, 10, 20, 30]}"#),
        (NUMBERS, r#"34, "n", 4, [3, [122, 2, 1], 5]"#, 0, "[100]", r#"- | {"n": [1, 5]}"#),
        (NUMBERS, r#"34, "n", 4, true"#, 0, "[100]", r#"- | {"n": []}"#),
        (NUMBERS, r#"34, "n""#, 0, "[100]", "- | {}"),
        (r#"{"v": [1, "x", 3]}"#, r#"34, "v", 4, true"#, 0, doubled, "NotApplicable"),
        (
            r#"{"v": [1, "x", 3]}"#,
            r#"34, "v", 4, true"#,
            NO_FAIL,
            doubled,
            r#"- | {"v": [2, "x", 6]}"#,
        ),
        (r#"{"$ordered": [1, 2, 3]}"#, "4, true", 0, "[22, [122, 2, 1], -1]", "- | [-3, -2, -1]"),
        (
            r#"{"a": {"x": 1}, "b": {"x": 2}}"#,
            r#"4, true, 34, "x""#,
            0,
            doubled,
            r#"- | {"a": {"x": 2}, "b": {"x": 4}}"#,
        ),
        ("", "4, true", 0, "[100]", "- | -"),
    ];
    for (bin, path, flags, makes, expected) in cases {
        assert_eq!(apply(bin, path, flags, makes), expected, "[{path}], {flags}, {makes} of {bin}");
    }
}

#[test]
fn what_does_not_fit_fails_or_is_left_alone() {
    let mixed = r#"[1, "a", {"k": 2}]"#;
    let cases = [
        (mixed, "4, [3, [122, 2, 1], 0]", VALUES, "NotApplicable", "[1]"),
        (mixed, "4, true, 4, true", VALUES, "NotApplicable", "[2]"),
        (mixed, r#"34, "k""#, VALUES, "NotApplicable", "[]"),
        (mixed, "4, true", KEYS, "NotApplicable", "[]"),
        (mixed, r#"42, ["k"]"#, VALUES, "NotApplicable", "[]"),
        ("5", "4, true", VALUES, "BinType", "BinType"),
    ];
    for (bin, path, flags, fails, left) in cases {
        assert_eq!(select(bin, path, flags), fails, "[{path}], {flags} of {bin}");
        assert_eq!(select(bin, path, flags | NO_FAIL), left, "[{path}], {flags} of {bin}");
    }
}

#[test]
fn paths_that_are_wrong() {
    let inner = format!("[127, 4, 0, [254, [4, true], {VALUES}], [122, 4, 1]]");
    let cases = [
        ("", VALUES),
        ("4", VALUES),
        ("516, true", VALUES),
        ("4, true, 516, true", VALUES),
        ("34, 1, 516, true, 516, true", VALUES),
        ("4, [3, 1]", VALUES),
        ("18, 1", VALUES),
        ("4, true", 32),
        ("4, true", 4),
        // A path in an expression of a path.
        (&format!("4, [1, {inner}, {inner}]"), VALUES),
    ];
    for (path, flags) in cases {
        assert_eq!(select("[[1]]", path, flags), "Parameter", "[{path}], {flags}");
    }
    let deep = vec!["16, 0"; limits::NESTING_MAX + 1].join(", ");
    assert_eq!(select("[[1]]", &deep, VALUES), "Parameter");
    assert_eq!(apply("[1]", "4, true", VALUES | 32, "1"), "Parameter");
    assert_eq!(run_in("16, 0", "[[1]]", 254, "[4, true], 1"), "Parameter");
}

/// An expression is small and may make something large, once for each element.
#[test]
fn what_elements_become_is_bounded() {
    let list = format!("[{}]", vec!["1"; 2000].join(", "));
    let text = format!("\"{}\"", "x".repeat(5000));
    assert_eq!(apply(&list, "4, true", 0, &text), "RecordTooBig");
    let deep = |n: usize| format!("[126, {}{}]", "[".repeat(n), "]".repeat(n));
    assert_eq!(apply("[[1]]", "4, true, 4, true", 0, &deep(30)).len(), "- | [[]]".len() + 60);
}

#[test]
fn expressions_call_paths() {
    let call = |module: i64, operation: &str, steps: &mut u64| {
        let mut bytes = Vec::new();
        put_arg(&mut bytes, &value(&format!("[127, 4, {module}, {operation}, [122, 4, 1]]")));
        let element = Element { key: None, value: &value("[1, 2, 3]"), index: 0 };
        Expression::decode(&bytes).unwrap().of_element(element, None, steps)
    };
    let above_1 = "[254, [4, [3, [122, 2, 1], 1]], 1]";
    let enough = &mut 1000;
    assert_eq!(call(0, above_1, enough), ElementResult::Value(value("[2, 3]")));
    let remove = call(64, "[254, [4, true], 4, [100]]", enough);
    assert_eq!(remove, ElementResult::Value(value("[]")));
    // The elements of the path take from the same steps.
    assert!(*enough < 1000 - 10, "{enough}");
    assert_eq!(call(0, above_1, &mut 10), ElementResult::Unknown);
}
