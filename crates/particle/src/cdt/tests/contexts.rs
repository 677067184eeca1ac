//! Operations inside of lists and maps.

use super::*;

const NESTED: &str =
    r#"[["hi", "friend", ["how", "are", ["you"]]], ["hey", ["numbers", [1, 2, 3]], "home boy"]]"#;
const MAP: &str = r#"{"first": {"greet": "hi", "n": [3, 1, 2]}, "second": {"hundred": 100}}"#;

// Kinds of steps: 16 list place, 17 list rank, 19 list value, 32 map place, 33 map rank, 34 map key,
// 35 map value.

#[test]
fn steps_lead_inside() {
    check_in(&[
        ("16, 1, 16, 1, 16, 1", NESTED, 17, "0", "1"),
        ("16, 1, 16, 1, 17, -1", NESTED, 16, "", "3"),
        ("16, -1", NESTED, 16, "", "3"),
        (r#"16, 1, 19, ["numbers", [1, 2, 3]]"#, NESTED, 16, "", "2"),
        (r#"19, ["hey", "$any"]"#, NESTED, 17, "0", r#""hey""#),
        (r#"34, "first", 34, "n""#, MAP, 16, "", "3"),
        ("32, 0", MAP, 96, "", "2"),
        ("33, 0", MAP, 97, r#"7, "hundred""#, "100"),
        (r#"35, {"hundred": 100}"#, MAP, 97, r#"7, "hundred""#, "100"),
        ("16, 0", "[[1, 2], 3]", 1, "9", "3 | [[1, 2, 9], 3]"),
        ("16, 2", r#"[1, 2, ["a"], 4]"#, 1, r#""d""#, r#"2 | [1, 2, ["a", "d"], 4]"#),
        (
            r#"34, "k", 17, 0"#,
            r#"{"k": [[9], [2, 4], [6]]}"#,
            1,
            "11",
            r#"3 | {"k": [[9], [2, 4, 11], [6]]}"#,
        ),
        // Of equal elements the first.
        (r#"19, {"b": 2}"#, r#"[{"b": 2}, {"b": 2}]"#, 82, "3, 2", r#"[0] | [{}, {"b": 2}]"#),
        (
            r#"34, "a""#,
            r#"{"a": {"x": 1, "y": 2}}"#,
            67,
            r#""y", 8"#,
            r#"2 | {"a": {"x": 1, "y": 8}}"#,
        ),
        (
            r#"34, "a", 33, -1"#,
            r#"{"a": {"b": {"x": 1}, "c": {"x": 5}}}"#,
            67,
            r#""x", 11"#,
            r#"1 | {"a": {"b": {"x": 1}, "c": {"x": 11}}}"#,
        ),
        (r#"16, 0"#, "[[3, 1, 2], [6]]", 0, "1", "- | [[1, 2, 3], [6]]"),
    ]);
}

#[test]
fn steps_that_lead_nowhere() {
    let cases = [
        ("16, 2", NESTED, 1, "1"),
        ("16, 2", NESTED, 16, ""),
        ("16, 1, 16, 1, 16, 1, 16, 6", NESTED, 16, ""),
        // A step of a list in a map, a step into a number.
        ("16, 0", MAP, 16, ""),
        ("32, 1, 32, 0, 32, 0", MAP, 97, "7, 1"),
        (r#"34, "none""#, MAP, 67, "1, 1"),
        (r#"35, {"dog": 1}"#, MAP, 96, ""),
        ("17, 9", NESTED, 16, ""),
        // Nothing there, and nothing says that it should be made.
        (r#"34, "a""#, "", 67, "1, 1"),
    ];
    for (context, bin, number, args) in cases {
        let got = run_in(context, bin, number, args);
        assert_eq!(got, "NotApplicable", "{number}({args}) in [{context}]");
    }
    check_in(&[
        ("16, 0", "", 16, "", "-"),
        ("16, 0", "", 5, "0", "- | -"),
        // They lead to something of another type.
        ("16, 1, 16, 1, 16, 1, 16, 1", NESTED, 16, "", "BinType"),
        ("16, 1, 16, 1, 16, 1, 16, 1", NESTED, 11, "", "Parameter"),
        ("16, 1, 16, 1, 16, 1, 16, 1", NESTED, 96, "", "Parameter"),
        ("16, 1, 16, 0", NESTED, 67, "1, 1", "Parameter"),
    ]);
}

#[test]
fn steps_make_what_is_missing() {
    // 64 unordered, 128 padded or ordered by key, 192 ordered.
    check_in(&[
        ("80, 2", "[[1], [2]]", 1, "9", "1 | [[1], [2], [9]]"),
        ("80, 3", "[[1], [2]]", 1, "9", "NotApplicable"),
        ("144, 3", "[[1], [2]]", 1, "9", "1 | [[1], [2], null, [9]]"),
        ("208, 10", "[[1], [2]]", 1, "9", "NotApplicable"),
        ("80, 0", "[[1], [2]]", 1, "9", "2 | [[1, 9], [2]]"),
        ("80, 1", "[[1], null]", 1, "9", "1 | [[1], [9]]"),
        ("80, -9", "[[1]]", 1, "9", "NotApplicable"),
        (r#"162, "k""#, r#"{"c": 1}"#, 67, r#""a", 1"#, r#"1 | {"c": 1, "k": {"a": 1}}"#),
        (r#"162, "l""#, r#"{"c": 1}"#, 0, "1", r#"- | {"c": 1, "l": []}"#),
        ("144, 3", "[1]", 0, "0", "- | [1, null, null, []]"),
        // What is made is what the next step, or the operation, needs.
        (r#"98, "a", 80, 0, 98, "b""#, r#"{"x": 1}"#, 1, "5", r#"1 | {"a": [{"b": [5]}], "x": 1}"#),
        (r#"98, "a""#, "", 67, "1, 2", r#"1 | {"a": {"1": 2}}"#),
        ("80, 0", "", 1, "2", "1 | [[2]]"),
    ]);
    let nested = |context: &str, number, args: &str| {
        let bin = modify(Some(value("{}")), &payload(context, number, args)).unwrap().bin;
        match bin {
            Some(Value::Map(map)) => map.pairs[0].1.clone(),
            other => panic!("{other:?}"),
        }
    };
    for (kind, expected) in
        [(98, MapOrder::Unordered), (162, MapOrder::KeyOrdered), (226, MapOrder::KeyValueOrdered)]
    {
        let made = nested(&format!("{kind}, 1"), 67, "1, 1");
        assert!(matches!(made, Value::Map(map) if map.order == expected));
    }
    let made = nested("226, 1", 1, "1");
    assert!(matches!(made, Value::List(list) if list.order == ListOrder::Ordered));
}

#[test]
fn lists_that_are_ordered_stay_so() {
    let lists = r#"{"$ordered": [[1, 2, 3], [6, 5], [7]]}"#;
    check_in(&[
        ("16, 0", lists, 9, "0, 9", "- | [[6, 5], [7], [9, 2, 3]]"),
        ("16, 2", lists, 9, "0, 0", "- | [[0], [1, 2, 3], [6, 5]]"),
        ("16, 1", lists, 1, "0", "3 | [[1, 2, 3], [6, 5, 0], [7]]"),
        ("208, 3", lists, 1, "2", "1 | [[1, 2, 3], [2], [6, 5], [7]]"),
    ]);
}
