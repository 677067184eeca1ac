//! Expressions by their text: what they give for one record.

use std::sync::Arc;

use model::{Column, ColumnType, Key, Record, Table, Value};

use super::{Compiler, Row, Unfit};
use crate::parse::{Places, expression};
use crate::types::text_of;

fn column(name: &str, column_type: ColumnType) -> Column {
    Column { name: name.into(), column_type, not_null: false, default: None }
}

fn table() -> Arc<Table> {
    use ColumnType::*;
    Arc::new(Table {
        namespace: "test".into(),
        name: "t".into(),
        key: vec![column("a", Text), column("b", Int8)],
        columns: vec![
            column("n", Int8),
            column("small", Int2),
            column("f", Float8),
            column("s", Text),
            column("yes", Bool),
            column("none", Text),
            column("nob", Bool),
            column("price", Numeric { precision: 10, scale: 2 }),
            column("day", Date),
            column("at", Timestamptz),
            column("tags", TextArray),
            column("mixed", Jsonb),
            column("data", Jsonb),
        ],
        declared: false,
        ttl_s: None,
        oid: 1,
    })
}

fn record() -> Record {
    let key = model::encode_composite(&[Key::String("k".into()), Key::Integer(-3)]);
    let text = |s: &str| Value::String(s.into());
    let bin = |name: &str, value| (name.into(), value);
    Record {
        digest: key.digest("t"),
        key: Some(key),
        bins: vec![
            bin("n", Value::Integer(7)),
            bin("small", Value::Integer(32_767)),
            bin("f", Value::Double(2.5)),
            bin("s", text("Größe_1")),
            bin("yes", Value::Bool(true)),
            bin("price", text("9.50")),
            bin("day", Value::Integer(19_782)),
            bin("at", Value::Integer(1_709_210_096_500_000)),
            bin("tags", Value::list(vec![text("x"), text("y")])),
            bin("mixed", text("abc")),
            bin("data", model::json::parse(r#"{"a": [1, {"b": "c"}], "n": null}"#).expect("json")),
        ],
        generation: 4,
        lut_ms: 1_000,
        void_time: 1_100,
        size: 128,
    }
}

/// The value as text, NULL, an SQLSTATE, or "not ours".
fn eval(text: &str) -> String {
    let (table, record, places) = (table(), record(), Places::default());
    let parsed = match expression(text) {
        Ok(parsed) => parsed,
        Err(error) => return format!("{error}"),
    };
    let compiler = Compiler::new(&places, &[], Some(&table));
    let expr = match compiler.any(&parsed) {
        Ok(expr) => expr,
        Err(Unfit::NotOurs) => return "not ours".to_string(),
        Err(Unfit::Wrong(error)) => return error.sqlstate.to_string(),
    };
    let row = Row { record: Some(&record), set: "t", now_ms: 1_000_000, ..Row::default() };
    match expr.eval(&row) {
        Ok(None) => "NULL".to_string(),
        Ok(Some(value)) => text_of(expr.column_type(), &value),
        Err(error) => error.sqlstate.to_string(),
    }
}

fn check(cases: &[(&str, &str)]) {
    let wrong: Vec<String> = cases
        .iter()
        .map(|(text, expected)| (text, expected, eval(text)))
        .filter(|(_, expected, actual)| **expected != actual)
        .map(|(text, expected, actual)| format!("{text}: expected {expected}, is {actual}"))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn three_valued_logic() {
    let values = [("yes", Some(true)), ("NOT yes", Some(false)), ("nob", None)];
    let shown = |b: Option<bool>| b.map_or("NULL", |b| if b { "t" } else { "f" });
    for (a, x) in values {
        for (b, y) in values {
            let and = match (x, y) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (Some(true), Some(true)) => Some(true),
                _ => None,
            };
            let or = match (x, y) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (Some(false), Some(false)) => Some(false),
                _ => None,
            };
            assert_eq!(eval(&format!("({a}) AND ({b})")), shown(and), "{a} AND {b}");
            assert_eq!(eval(&format!("({a}) OR ({b})")), shown(or), "{a} OR {b}");
        }
    }
    check(&[
        ("NOT nob", "NULL"),
        ("nob IS NULL", "t"),
        ("nob IS NOT TRUE", "t"),
        ("nob IS UNKNOWN", "t"),
        ("yes IS FALSE", "f"),
        ("none = none", "NULL"),
        ("none IS NOT DISTINCT FROM none", "t"),
        ("n IS DISTINCT FROM none::int8", "t"),
        ("1 IN (2, NULL)", "NULL"),
        ("1 IN (1, NULL)", "t"),
        ("1 NOT IN (2, NULL)", "NULL"),
        ("1 NOT IN (2, 3)", "t"),
        ("'z' = ANY(tags)", "f"),
        ("'x' = ANY(tags)", "t"),
        ("'x' <> ALL(tags)", "f"),
        ("n = ANY('{1,NULL}')", "NULL"),
    ]);
}

#[test]
fn numbers() {
    check(&[
        ("n / 2", "3"),
        ("-n / 2", "-3"),
        ("n % -4", "3"),
        ("n / 2.0", "3.5000000000000000"),
        ("n + f", "9.5"),
        ("f / 0", "22012"),
        ("n / (n - 7)", "22012"),
        ("small + 1", "32768"),
        ("small + small", "22003"),
        ("9223372036854775807 + n", "22003"),
        ("-9223372036854775808 - 0", "-9223372036854775808"),
        ("-9223372036854775808 % -1", "0"),
        ("2147483647 + 1", "22003"),
        ("price * 2", "19.00"),
        ("price > 9", "t"),
        ("price = 9.5", "t"),
        ("price < f", "f"),
        ("n > '5'", "t"),
        ("n > '5x'", "22P02"),
        ("n > 6.9", "t"),
        ("n BETWEEN 1 AND 7", "t"),
        ("abs(-n)", "7"),
        ("round(f)", "2"),
        ("round(2.5)", "3"),
        ("round(price, 1)", "9.5"),
        ("ceil(f) + floor(f)", "5"),
        ("'NaN'::float8 = 'NaN'::float8", "t"),
        ("greatest(n, 9, f)", "9"),
        ("least(none, 'b', 'a')", "a"),
        ("n::text || '!'", "7!"),
        ("f::int8", "2"),
        ("'3.7'::float8::int4", "4"),
        ("300::int2 * 300::int2", "22003"),
        ("s = 5", "42883"),
        ("s + 1", "42883"),
        ("yes = 1", "42883"),
        ("day::int8", "42846"),
        ("int('5') + 1", "6"),
    ]);
}

#[test]
fn text_and_time() {
    check(&[
        ("s LIKE 'Gr%\\_1'", "t"),
        ("s LIKE 'gr%'", "f"),
        ("s ILIKE 'GRÖ__%'", "t"),
        ("s LIKE 'x\\'", "22025"),
        ("s LIKE 'Größe!_1' ESCAPE '!'", "t"),
        ("length(s)", "7"),
        ("upper(s)", "GRÖßE_1"),
        ("substr(s, 2, 3)", "röß"),
        ("substring(s FROM -1 FOR 4)", "Gr"),
        ("trim(both 'x' from 'xxaxx')", "a"),
        ("left(s, -2)", "Größe"),
        ("right(s, 2)", "_1"),
        ("position('ö' in s)", "3"),
        ("concat(s, NULL, n, yes)", "Größe_17t"),
        ("'a' || none", "NULL"),
        ("coalesce(none, s)", "Größe_1"),
        ("nullif(n, 7)", "NULL"),
        ("CASE n WHEN 7 THEN 'seven' ELSE 'other' END", "seven"),
        ("CASE WHEN nob THEN 1 WHEN n > 100 THEN 2 END", "NULL"),
        ("CASE WHEN yes THEN 1 ELSE 2.5 END", "1"),
        ("day", "2024-02-29"),
        ("day + 1", "2024-03-01"),
        ("day - date '2024-01-01'", "59"),
        ("day = '2024-02-29'", "t"),
        ("at > day", "t"),
        ("at::date", "2024-02-29"),
        ("extract(year from at)", "2024"),
        ("extract(second from at)", "56.500000"),
        ("at::text", "2024-02-29 12:34:56.5+00"),
        ("now()", "1970-01-01 00:16:40+00"),
        ("date '2024-02-30'", "22008"),
        ("repeat('abc', 1000000000)", "54000"),
        ("now() - interval '1 day 00:16:40'", "1969-12-31 00:00:00+00"),
        ("day + interval '36' hour", "2024-03-01 12:00:00"),
        ("at - interval '1 month'", "not ours"),
        ("at > now() - interval '7 days'", "t"),
        ("md5('a')", "not ours"),
        ("count(*)", "not ours"),
    ]);
}

#[test]
fn records_lists_and_json() {
    check(&[
        ("a", "k"),
        ("b", "-3"),
        ("b + n", "4"),
        ("GEN", "4"),
        ("ttl", "100"),
        ("LUT", "1970-01-01 00:00:01+00"),
        ("SET_NAME", "t"),
        ("record_size", "128"),
        ("length(digest)", "40"),
        ("length(edigest)", "28"),
        ("tags || 'z'", "22P02"),
        ("tags || ARRAY['z']", "{x,y,z}"),
        ("list_append(tags, 'z')", "{x,y,z}"),
        ("array_prepend('w', tags)", "{w,x,y}"),
        ("list_remove(tags, 'x')", "{y}"),
        ("cardinality(tags)", "2"),
        ("ARRAY[1, 2] || 3", "{1,2,3}"),
        ("mixed = 'abc'", "t"),
        ("mixed = 5", "f"),
        ("mixed < 5", "NULL"),
        ("mixed LIKE 'a%'", "t"),
        ("mixed::text", "abc"),
        ("data -> 'a' -> 1 ->> 'b'", "c"),
        ("data -> 'a' -> -1", r#"{"b": "c"}"#),
        ("data ->> 'n'", "NULL"),
        ("data -> 'n'", "null"),
        ("(data -> 'a' ->> 0)::int8 + 1", "2"),
        ("jsonb_typeof(data)", "not ours"),
        ("JSON('[1, 2]')", "[1, 2]"),
        ("list('{}')", "22P02"),
        ("nope", "42703"),
        ("x.n", "42P01"),
        ("t.n", "7"),
    ]);
}
