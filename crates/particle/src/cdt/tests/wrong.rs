//! Payloads that are wrong.

use super::*;

#[test]
fn types_and_numbers() {
    check(&[
        ("5", 16, "", "BinType"),
        ("5", 1, "1", "BinType"),
        ("[]", 96, "", "BinType"),
        ("[]", 67, "1, 1", "BinType"),
        ("{}", 1, "1", "BinType"),
        ("[1]", 19, "42, 0", "NotApplicable"),
        ("[1]", 19, "6, 0", "NotApplicable"),
        ("[1]", 19, "65543, 0", "Parameter"),
        (r#"{"a": 1}"#, 76, r#"65543, "a""#, "Parameter"),
        ("[1]", 2, "1", "Parameter"),
        ("[1]", 4, "0, 1", "Parameter"),
        ("{}", 68, "1", "Parameter"),
        ("[1]", 17, r#""cat""#, "Parameter"),
        ("[1]", 17, "", "Parameter"),
        ("[1]", 17, "0, 0", "Parameter"),
        ("[1]", 1, "1, 0, 16", "Parameter"),
        ("[1]", 1, "1, 2, 0", "Parameter"),
        ("{}", 64, "2", "Parameter"),
        ("{}", 67, "null, 1", "Parameter"),
        ("{}", 67, "[1], 1", "Parameter"),
        ("{}", 67, "true, 1", "Parameter"),
        ("[1]", 14, "", "Parameter"),
        ("[1]", 28, "", "Parameter"),
        ("[1]", 41, "", "Parameter"),
        ("{}", 80, "", "Parameter"),
        ("{}", 101, "0", "Parameter"),
        ("[1]", 1, r#""$any""#, "Parameter"),
        ("[1]", 3, "100000000000, 1", "RecordTooBig"),
        ("[1]", 9, "1048576, 1", "RecordTooBig"),
        ("[1]", 3, "-3, 1", "NotApplicable"),
    ]);
    check_in(&[
        (r#"16, "cat""#, "[[1]]", 16, "", "Parameter"),
        ("16", "[[1]]", 16, "", "Parameter"),
        ("18, 0", "[[1]]", 16, "", "Parameter"),
        ("4, 0", "[[1]]", 16, "", "Parameter"),
        ("144, 10000000", "[[1]]", 1, "1", "NotApplicable"),
        // What steps pad is bounded for all of them together.
        ("144, 600000, 144, 600000", "[]", 1, "1", "NotApplicable"),
    ]);
}

#[test]
fn reads_and_modifications_are_kept_apart() {
    let bin = value("[1]");
    let kind = |result: Result<()>| result.unwrap_err().kind;
    assert_eq!(kind(read(Some(&bin), &payload("", 11, "")).map(drop)), ErrorKind::Parameter);
    assert_eq!(kind(modify(Some(bin), &payload("", 16, "")).map(drop)), ErrorKind::Parameter);
}

#[test]
fn depth_is_bounded() {
    let deep = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
    let max = limits::NESTING_MAX;
    assert_eq!(run_in("", &deep(1), 1, &deep(max - 1)), format!("1 | [{}]", deep(max - 1)));
    assert_eq!(run_in("16, 0", "[[]]", 1, &deep(max - 1)), "Parameter");
    let steps = |n: usize| vec!["80, 0"; n].join(", ");
    assert_eq!(
        run_in(&steps(max - 1), "[]", 1, "1"),
        format!("1 | {}", deep(max - 1).replace("[]", "[[1]]"))
    );
    assert_eq!(run_in(&steps(max), "[]", 1, "1"), "Parameter");
    assert_eq!(run_in(&steps(max + 1), "[]", 1, "1"), "Parameter");
}

#[test]
fn bytes_that_end_early_are_errors() {
    let payload = payload(r#"162, "k""#, 68, r#"{"a": [1, 2.5, "x"]}, 1, 12"#);
    assert!(modify(None, &payload).is_ok());
    for cut in 0..payload.len() {
        assert_eq!(modify(None, &payload[..cut]).unwrap_err().kind, ErrorKind::Parameter);
    }
    let longer = [&payload[..], &[0]].concat();
    assert_eq!(modify(None, &longer).unwrap_err().kind, ErrorKind::Parameter);
}
