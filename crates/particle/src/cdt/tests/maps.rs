//! Operations on maps.

use super::*;

const ABC: &str = r#"{"a": 1, "b": 2, "c": 3}"#;
const PEOPLE: &str = r#"{"Charlie": 55, "Harry": 82, "Jim": 94, "John": 81}"#;
const ABCDE: &str = r#"{"a": 1, "b": 2, "c": 3, "d": 4, "e": 5}"#;

#[test]
fn pairs_get_in() {
    check(&[
        (ABC, 67, r#""d", 99"#, r#"4 | {"a": 1, "b": 2, "c": 3, "d": 99}"#),
        (ABC, 67, r#""b", 99, 1, 0"#, r#"3 | {"a": 1, "b": 99, "c": 3}"#),
        ("", 67, r#""a", 1"#, r#"1 | {"a": 1}"#),
        (ABC, 68, r#"{"c": 99, "d": 100}"#, r#"4 | {"a": 1, "b": 2, "c": 99, "d": 100}"#),
        (ABC, 68, "{}", r#"3 | {"a": 1, "b": 2, "c": 3}"#),
        ("", 64, "1", "- | {}"),
        (ABC, 75, "", "- | {}"),
        ("", 75, "", "- | -"),
        (ABC, 96, "", "3"),
        ("{}", 96, "", "0"),
        ("", 96, "", "-"),
    ]);
    for (order, expected) in
        [(0, MapOrder::Unordered), (17, MapOrder::KeyOrdered), (3, MapOrder::KeyValueOrdered)]
    {
        let payload = payload("", 67, &format!("1, 2, {order}"));
        let Some(Value::Map(map)) = modify(None, &payload).unwrap().bin else { panic!() };
        assert_eq!(map.order, expected);
        // A map that is there keeps its order until it is set.
        let again = modify(Some(Value::Map(map)), &payload).unwrap();
        assert!(matches!(again.bin, Some(Value::Map(map)) if map.order == expected));
    }
}

#[test]
fn flags_decide_what_gets_in() {
    let (create, update, no_fail, partial) = (1, 2, 4, 8);
    let cases = [
        (67, r#""b", 9, 0"#, create, "ElementExists"),
        (67, r#""d", 9, 0"#, create, r#"4 | {"a": 1, "b": 2, "c": 3, "d": 9}"#),
        (67, r#""b", 9, 0"#, create | no_fail, r#"3 | {"a": 1, "b": 2, "c": 3}"#),
        (67, r#""b", 9, 0"#, update, r#"3 | {"a": 1, "b": 9, "c": 3}"#),
        (67, r#""d", 9, 0"#, update, "ElementNotFound"),
        (67, r#""d", 9, 0"#, update | no_fail, r#"3 | {"a": 1, "b": 2, "c": 3}"#),
        (68, r#"{"c": 9, "x": 8}, 0"#, create, "ElementExists"),
        (68, r#"{"c": 9, "x": 8}, 0"#, create | no_fail, r#"3 | {"a": 1, "b": 2, "c": 3}"#),
        (
            68,
            r#"{"c": 9, "x": 8}, 0"#,
            create | no_fail | partial,
            r#"4 | {"a": 1, "b": 2, "c": 3, "x": 8}"#,
        ),
        (68, r#"{"c": 9, "x": 8}, 0"#, update, "ElementNotFound"),
        (
            68,
            r#"{"c": 9, "x": 8}, 0"#,
            update | no_fail | partial,
            r#"3 | {"a": 1, "b": 2, "c": 9}"#,
        ),
        (67, r#""b", 9, 0"#, create | update, "Parameter"),
    ];
    for (number, args, flags, expected) in cases {
        let args = format!("{args}, {flags}");
        assert_eq!(run_in("", ABC, number, &args), expected, "{number}({args})");
    }
}

/// Clients from before write flags have an operation for each of them.
#[test]
fn old_operations_put_too() {
    check(&[
        (ABC, 65, r#""d", 9, 1"#, r#"4 | {"a": 1, "b": 2, "c": 3, "d": 9}"#),
        (ABC, 65, r#""a", 9, 1"#, "ElementExists"),
        (ABC, 66, r#"{"a": 9, "x": 1}, 0"#, "ElementExists"),
        (ABC, 69, r#""a", 9"#, r#"3 | {"a": 9, "b": 2, "c": 3}"#),
        (ABC, 69, r#""d", 9"#, "ElementNotFound"),
        (ABC, 70, r#"{"a": 8, "b": 9}"#, r#"3 | {"a": 8, "b": 9, "c": 3}"#),
        ("", 69, r#""d", 9"#, "ElementNotFound"),
    ]);
}

#[test]
fn numbers_grow_and_shrink() {
    check(&[
        (ABC, 73, r#""b", 10"#, r#"12 | {"a": 1, "b": 12, "c": 3}"#),
        (ABC, 73, r#""b""#, r#"3 | {"a": 1, "b": 3, "c": 3}"#),
        (ABC, 73, r#""d", 10, 1"#, r#"10 | {"a": 1, "b": 2, "c": 3, "d": 10}"#),
        (ABC, 74, r#""b", 10"#, r#"-8 | {"a": 1, "b": -8, "c": 3}"#),
        (ABC, 74, r#""d", 1"#, r#"-1 | {"a": 1, "b": 2, "c": 3, "d": -1}"#),
        ("", 73, r#""d", 1.5"#, r#"1.5 | {"d": 1.5}"#),
        (r#"{"a": "x"}"#, 73, r#""a", 1"#, "Parameter"),
        (ABC, 73, r#""d", "x""#, "Parameter"),
        (ABC, 74, r#""a", -9223372036854775808"#, "Parameter"),
    ]);
}

#[test]
fn one_pair_by_key() {
    check(&[
        (ABC, 97, r#"7, "b""#, "2"),
        (ABC, 97, r#"6, "b""#, r#""b""#),
        (ABC, 97, r#"8, "b""#, r#""b"=2"#),
        (ABC, 97, r#"0, "b""#, "-"),
        (ABC, 97, r#"1, "a""#, "0"),
        (ABC, 97, r#"2, "a""#, "2"),
        (ABC, 97, r#"3, "b""#, "1"),
        (ABC, 97, r#"4, "a""#, "2"),
        (ABC, 97, r#"5, "a""#, "1"),
        (ABC, 97, r#"16, "a""#, r#"{"a": 1}"#),
        (ABC, 97, r#"17, "a""#, r#"{"a": 1}"#),
        (ABC, 97, r#"7, "z""#, "null"),
        (ABC, 97, r#"8, "z""#, ""),
        (ABC, 97, r#"1, "z""#, "-1"),
        (ABC, 97, r#"5, "z""#, "0"),
        (ABC, 97, r#"13, "z""#, "false"),
        (ABC, 97, r#"16, "z""#, "{}"),
        (ABC, 76, r#"7, "b""#, r#"2 | {"a": 1, "c": 3}"#),
        (ABC, 76, r#"7, "z""#, r#"null | {"a": 1, "b": 2, "c": 3}"#),
        ("", 76, r#"7, "z""#, "- | -"),
    ]);
    let one = |what| read(Some(&value(ABC)), &payload("", 97, &format!(r#"{what}, "a""#)));
    let order = |answer| match answer {
        Some(Answer::Value(Value::Map(map))) => map.order,
        other => panic!("{other:?}"),
    };
    assert_eq!(order(one(16).unwrap()), MapOrder::Unordered);
    assert_eq!(order(one(17).unwrap()), MapOrder::KeyOrdered);
}

#[test]
fn pairs_by_key() {
    let numbers = r#"{"$map": [0, 17, 4, 2, 5, 15, 9, 10]}"#;
    check(&[
        (ABC, 107, r#"8, ["b", "c"]"#, r#""b"=2 "c"=3"#),
        (ABC, 107, r#"8, ["z"]"#, ""),
        (ABC, 107, r#"7, ["c", "z", "a", "a"]"#, "[1, 3]"),
        (ABC, 107, r#"13, ["z", "a"]"#, "true"),
        (ABC, 107, r#"65542, ["a"]"#, r#"["b", "c"]"#),
        (
            r#"{"$map": ["greet", "hi", "numbers", 1, 3, "hello"]}"#,
            107,
            r#"7, ["numbers", 3]"#,
            r#"["hello", 1]"#,
        ),
        (ABC, 81, r#"7, ["a", "x", "c"]"#, r#"[1, 3] | {"b": 2}"#),
        (ABC, 81, r#"65541, ["a"]"#, r#"2 | {"a": 1}"#),
        (ABCDE, 103, r#"6, "b", "d""#, r#"["b", "c"]"#),
        (ABCDE, 103, r#"6, "d""#, r#"["d", "e"]"#),
        (ABCDE, 103, r#"6, null, "b""#, r#"["a"]"#),
        (numbers, 103, r#"6, 5, "$inf""#, "[5, 9]"),
        (ABCDE, 84, r#"7, "b", "d""#, r#"[2, 3] | {"a": 1, "d": 4, "e": 5}"#),
        (numbers, 109, "6, 5, 0", "[5, 9]"),
        (numbers, 109, "6, 5, -1", "[4, 5, 9]"),
        (numbers, 109, "6, 3, 2", "[9]"),
        (numbers, 109, "6, 3, -2", "[0, 4, 5, 9]"),
        (numbers, 109, "6, 5, -1, 1", "[4]"),
        (numbers, 109, "6, 3, -2, 2", "[0]"),
        (ABCDE, 88, r#"7, "c", 0, 2"#, r#"[3, 4] | {"a": 1, "b": 2, "e": 5}"#),
    ]);
}

#[test]
fn pairs_by_place() {
    check(&[
        (ABC, 98, "8, 1", r#""b"=2"#),
        (ABC, 98, "8, -1", r#""c"=3"#),
        (ABC, 98, "7, 3", "NotApplicable"),
        (ABCDE, 104, "7, 1, 2", "[2, 3]"),
        (ABCDE, 104, "7, 3", "[4, 5]"),
        (ABCDE, 104, "8, -2, 2", r#""d"=4 "e"=5"#),
        (ABCDE, 104, "17, 0, 2", r#"{"a": 1, "b": 2}"#),
        (ABC, 77, "6, 1", r#""b" | {"a": 1, "c": 3}"#),
        (ABC, 77, "7, 3", "NotApplicable"),
        (ABCDE, 85, "6, 1, 2", r#"["b", "c"] | {"a": 1, "d": 4, "e": 5}"#),
        (ABC, 85, "65537, 1, 2", r#"[0] | {"b": 2, "c": 3}"#),
        (ABC, 85, "0, 1", r#"- | {"a": 1}"#),
    ]);
}

#[test]
fn pairs_by_rank() {
    let down = r#"{"a": 3, "b": 2, "c": 1}"#;
    check(&[
        (down, 100, "7, 0", "1"),
        (down, 100, "6, -1", r#""a""#),
        (down, 100, "7, 3", "NotApplicable"),
        (down, 106, "7, 0, 2", "[1, 2]"),
        (down, 106, "7, -2, 2", "[2, 3]"),
        (down, 106, "7, 1", "[2, 3]"),
        (down, 79, "7, 0", r#"1 | {"a": 3, "b": 2}"#),
        (down, 87, "7, 0, 2", r#"[1, 2] | {"a": 3}"#),
        (PEOPLE, 106, "6, -2, 2", r#"["Harry", "Jim"]"#),
        (PEOPLE, 106, "8, 0, 2", r#""Charlie"=55 "John"=81"#),
        (PEOPLE, 106, "65542, -2, 2", r#"["Charlie", "John"]"#),
        // Of equal values the lower key has the lower rank.
        (
            r#"{"brianb": 1, "briann": 20, "meher": 20}"#,
            106,
            "6, -3, 3",
            r#"["brianb", "briann", "meher"]"#,
        ),
    ]);
}

#[test]
fn pairs_by_value() {
    let numbers = r#"{"$map": [0, 17, 4, 2, 5, 15, 9, 10]}"#;
    let mixed = r#"{"barn": {"x": 1}, "cage": ["bird"], "cat": "dog"}"#;
    check(&[
        (ABC, 102, "7, 2", "[2]"),
        (PEOPLE, 102, "6, 77", "[]"),
        (PEOPLE, 102, "3, 81", "[1]"),
        (PEOPLE, 102, "65539, 82", "[0, 1, 3]"),
        (ABC, 99, "6, 2", r#""b""#),
        (ABC, 99, "1, 9", "-1"),
        (ABC, 78, "6, 2", r#""b" | {"a": 1, "c": 3}"#),
        (ABC, 108, "8, [2, 3, 9]", r#""b"=2 "c"=3"#),
        (ABC, 108, "13, [9]", "false"),
        (ABC, 83, "3, [1, 99, 3]", r#"[0, 2] | {"b": 2}"#),
        (PEOPLE, 108, "65544, [81, 55, 94, 50]", r#""Harry"=82"#),
        (PEOPLE, 105, "8, 90, 95", r#""Jim"=94"#),
        (PEOPLE, 105, "3, 90, 95", "[3]"),
        (PEOPLE, 105, "65539, 90, 100", "[0, 1, 2]"),
        (r#"{"a": 1, "b": 2, "c": 2, "d": 3}"#, 86, "3, 2, 3", r#"[1, 2] | {"a": 1, "d": 3}"#),
        (ABC, 86, "3, null, 2", r#"[0] | {"b": 2, "c": 3}"#),
        (ABC, 82, "5, 2", r#"1 | {"a": 1, "c": 3}"#),
        (numbers, 110, "7, 11, 1", "[17]"),
        (numbers, 110, "7, 11, -1", "[10, 15, 17]"),
        (numbers, 110, "7, 11, -1, 1", "[10]"),
        (numbers, 89, "6, 11, -1", "[9, 5, 0] | {\"4\": 2}"),
        (mixed, 110, r#"65543, {"x": 1}, 0, 2"#, r#"["dog", ["bird"]]"#),
        (r#"{"$map": [4, ["John", 55], 9, ["Joe", 80]]}"#, 102, r#"6, ["Joe", "$any"]"#, "[9]"),
    ]);
}
