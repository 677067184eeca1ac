//! Reads of sets: what is asked of the store, names, types, errors.

use std::sync::atomic::Ordering::Relaxed;

use model::{ColumnType, Value};

use crate::{Bench, parse, session};

#[tokio::test]
async fn a_key_is_got_and_never_scanned() {
    let bench = Bench::new(100);
    let cases = [
        ("SELECT name FROM people WHERE id = 7", "name\nn7", 1),
        ("SELECT name FROM people WHERE id IN (7, 8, 7, 1000) ORDER BY 1", "name\nn7\nn8", 3),
        ("SELECT name FROM people WHERE id = 7 OR id = 9 ORDER BY name", "name\nn7\nn9", 2),
        ("SELECT name FROM people WHERE id = 7 AND age > 100", "name", 1),
        ("SELECT v FROM pairs WHERE b = 2 AND a = 'x'", "v\nx2", 1),
        ("SELECT v FROM free WHERE \"PK\" = 'a'", "v\n1", 1),
        ("SELECT w FROM free WHERE \"PK\" = '7'", "w\n[2]", 2),
        ("SELECT \"PK\", \"GEN\" FROM people WHERE \"PK\" = 5", "PK|GEN\n5|3", 1),
        ("SELECT name FROM people WHERE id = NULL", "name", 0),
    ];
    for (text, expected, gets) in cases {
        bench.store.asked.gets.store(0, Relaxed);
        assert_eq!(bench.text(text).await, expected, "{text}");
        assert_eq!(bench.store.asked.gets.load(Relaxed), gets, "{text}");
    }
    let digest = model::Key::Integer(3).digest("people");
    let text = format!("SELECT name FROM people WHERE \"DIGEST\" = '{digest}'");
    assert_eq!(bench.text(&text).await, "name\nn3");
    assert_eq!(bench.store.asked.scanned.load(Relaxed), 0);
    let plan = bench.explain("SELECT name FROM people WHERE id = 7").await;
    assert!(plan.contains("BatchGet on test.people  bins=[name] keys=1"), "{plan}");
}

#[tokio::test]
async fn a_limit_stops_the_scan() {
    let bench = Bench::new(5000);
    let lines = bench.run("SELECT id FROM people LIMIT 10", &[]).await.expect("runs");
    assert_eq!(lines.len(), 11);
    assert!(bench.store.asked.scanned.load(Relaxed) <= 10);
    let plan = bench.explain("SELECT id FROM people WHERE age > 30 LIMIT 10").await;
    assert!(plan.contains("filter=") && plan.contains("limit=10"), "{plan}");
    assert!(!plan.contains("FilterExec"), "{plan}");
}

#[tokio::test]
async fn count_reads_no_record() {
    let bench = Bench::new(1234);
    assert_eq!(bench.text("SELECT count(*) FROM people").await, "count\n1234");
    assert_eq!(bench.store.asked.scanned.load(Relaxed), 0);
    assert_eq!(bench.store.asked.counts.load(Relaxed), 1);
    let plan = bench.explain("SELECT count(*) FROM people").await;
    assert!(plan.contains("RecordCount of test.people"), "{plan}");
    assert_eq!(
        bench.text("SELECT count(*), count(age) FROM people").await,
        "count|count\n1234|988"
    );
    assert_eq!(bench.text("SELECT count(*) FROM people WHERE age > 1200").await, "count\n44");
}

#[tokio::test]
async fn only_needed_bins_are_read() {
    let bench = Bench::new(50);
    bench.text("SELECT id FROM people").await;
    assert_eq!(bench.store.asked.bins.load(Relaxed), 0);
    bench.text("SELECT age FROM people WHERE city = 'Rome'").await;
    assert_eq!(bench.store.asked.bins.load(Relaxed), 2);
}

#[tokio::test]
async fn order_group_join_and_friends() {
    let bench = Bench::new(30);
    let cases = [
        ("SELECT id, age FROM people ORDER BY age DESC, id LIMIT 2", "id|age\n5|NULL\n10|NULL"),
        ("SELECT id FROM people ORDER BY age LIMIT 2", "id\n1\n2"),
        (
            "SELECT city, count(*), sum(id) FROM people GROUP BY city ORDER BY city",
            "city|count|sum\nBonn|10|155\nOslo|10|145\nRome|10|165",
        ),
        (
            "SELECT a.id, b.name FROM people a JOIN people b ON a.id = b.id + 1 WHERE a.id < 4 \
             ORDER BY 1",
            "id|name\n2|n1\n3|n2",
        ),
        (
            "SELECT id, (SELECT count(*) FROM people b WHERE b.city = a.city) FROM people a \
             WHERE id < 3 ORDER BY id",
            "id|count\n1|10\n2|10",
        ),
        ("WITH x AS (SELECT max(id) FROM people) SELECT * FROM x", "max\n30"),
        ("SELECT id FROM people WHERE id < 3 UNION ALL SELECT 9 ORDER BY 1", "id\n1\n2\n9"),
        ("SELECT g FROM generate_series(1, 3) AS g WHERE g > 1", "g\n2\n3"),
        (
            "SELECT row_number() OVER (ORDER BY id DESC) AS r, id FROM people ORDER BY r LIMIT 1",
            "r|id\n1|30",
        ),
        ("SELECT 1, 1, 'a' FROM people WHERE id = 1", "?column?|?column?|?column?\n1|1|a"),
        (
            "SELECT id::text, 7 / 2, 2.5::float8::int8 FROM people WHERE id = 1",
            "id|?column?|int8\n1|3|2",
        ),
        ("SELECT name FROM people WHERE name LIKE 'n2_' AND id > 27 ORDER BY id", "name\nn28\nn29"),
        ("SELECT * FROM people WHERE id = 1", "id|name|age|city|Mixed\n1|n1|21|Oslo|NULL"),
        (
            "SELECT *, \"GEN\" FROM people WHERE id = 1",
            "id|name|age|city|Mixed|GEN\n1|n1|21|Oslo|NULL|3",
        ),
        ("SELECT * FROM keyless", "a\n5"),
        ("SELECT id FROM people WHERE age = ANY(ARRAY[21, 22]) ORDER BY id", "id\n1\n2"),
        ("SELECT w->>0 FROM free WHERE w IS NOT NULL AND \"PK\" = '7'", "?column?\n2"),
    ];
    for (text, expected) in cases {
        assert_eq!(bench.text(text).await, expected, "{text}");
    }
}

#[tokio::test]
async fn every_type() {
    let bench = Bench::new(1);
    let expected = "id|n|u|d|ts|tags|by|f|ok\n1|12.50|00010203-0405-0607-0809-0a0b0c0d0e0f|\
                    2024-02-29|2024-02-29 10:34:56.789+00|{a,NULL}|\\x00ff|2.5|true";
    assert_eq!(bench.text("SELECT * FROM kinds").await, expected);
    let conditions = [
        "n = 12.5",
        "n > '12'",
        "u = '00010203-0405-0607-0809-0A0B0C0D0E0F'",
        "d = '2024-02-29'",
        "ts > '2024-01-01'",
        "ts = '2024-02-29 10:34:56.789+00'",
        "by = '\\x00ff'",
        "f < 3",
        "ok",
        "ok = 't'",
        "d BETWEEN '2024-01-01' AND '2024-12-31'",
        "id IN ('1', '2')",
    ];
    for condition in conditions {
        let text = format!("SELECT id FROM kinds WHERE {condition}");
        assert_eq!(bench.text(&text).await, "id\n1", "{condition}");
    }
    let query = parse("SELECT * FROM kinds");
    let prepared = bench.engine.prepare(&query, &session(), &[]).await.expect("plans");
    let oids: Vec<u32> = prepared.fields().iter().map(|f| f.oid).collect();
    assert_eq!(oids, [20, 1700, 2950, 1082, 1184, 1009, 17, 701, 16]);
}

#[tokio::test]
async fn parameters_are_typed_by_what_they_meet() {
    let bench = Bench::new(10);
    let query = parse("SELECT name, $3 FROM people WHERE id = $1 AND age < $2");
    let prepared = bench.engine.prepare(&query, &session(), &[]).await.expect("plans");
    let expected = [ColumnType::Int8, ColumnType::Int4, ColumnType::Text].map(Some);
    assert_eq!(prepared.params(), expected);
    let params = [Value::Integer(4), Value::Integer(50), Value::String("p".into())].map(Some);
    let text = "SELECT name, $3 FROM people WHERE id = $1 AND age < $2";
    assert_eq!(bench.run(text, &params).await.expect("runs")[1..], ["n4|p"]);
    assert_eq!(bench.store.asked.scanned.load(Relaxed), 0);
    let limited = bench.run("SELECT id FROM people LIMIT $1", &[Some(Value::Integer(2))]).await;
    assert_eq!(limited.expect("runs").len(), 3);
}

#[tokio::test]
async fn errors_have_postgres_codes() {
    let bench = Bench::new(3);
    let cases = [
        ("SELECT * FROM peple", "42P01 relation \"peple\" does not exist"),
        ("SELECT nosuch FROM people", "42703 column \"nosuch\" does not exist"),
        ("SELECT p.nosuch FROM people p", "42703 column p.nosuch does not exist"),
        ("SELECT x.id FROM people p", "42P01 missing FROM-clause entry for table \"x\""),
        (
            "SELECT id FROM people a JOIN people b ON a.id = b.id",
            "42702 column reference \"id\" is ambiguous",
        ),
        ("SELECT nosuch(id) FROM people", "42883 function nosuch does not exist"),
        ("SELECT id / 0 FROM people", "22012 division by zero"),
        (
            "SELECT * FROM people WHERE age = 'ten'",
            "22P02 invalid input syntax for type integer: \"ten\"",
        ),
        (
            "SELECT * FROM kinds WHERE d = 'no date'",
            "22007 invalid input syntax for type date: \"no date\"",
        ),
        (
            "SELECT name::int8 FROM people WHERE id = 1",
            "22P02 invalid input syntax for type bigint: \"n1\"",
        ),
        ("SELECT city + 1 FROM people", "42883 operator does not exist: text + integer"),
        (
            "SELECT id FROM people WHERE age",
            "42804 argument of WHERE must be type boolean, not type integer",
        ),
    ];
    let mut wrong = Vec::new();
    for (text, expected) in cases {
        let found = bench.text(text).await;
        if found != expected {
            wrong.push(format!("{text}: {found}"));
        }
    }
    let codes = [
        ("SELECT city, age FROM people GROUP BY city", "42803"),
        ("SELECT city, count(*) FROM people", "42803"),
        ("SELECT id FROM people WHERE count(*) > 1", "42803"),
        ("SELECT (SELECT id FROM people)", "21000"),
        ("SELECT id FROM people ORDER BY 5", "42P10"),
        ("SELECT id FROM people UNION SELECT id, age FROM people", "42601"),
        ("SELECT id FROM people WHERE id IN (SELECT id, age FROM people)", "42601"),
        ("SELECT id FROM people LIMIT -1", "2201W"),
        ("SELECT id FROM people OFFSET -1", "2201X"),
        ("SELECT CASE WHEN id THEN 1 END FROM people", "42804"),
    ];
    for (text, code) in codes {
        let found = bench.text(text).await;
        if !found.starts_with(code) {
            wrong.push(format!("{text}: {found}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let error = bench.run("SELECT nme FROM people", &[]).await.expect_err("no column");
    assert_eq!(
        (error.position, error.hint.as_deref()),
        (Some(8), Some("perhaps you meant the column \"name\""))
    );
    bench.store.damage();
    assert!(bench.text("SELECT id FROM people").await.starts_with("XX001"));
}

#[tokio::test]
async fn a_parameter_of_any_is_an_array() {
    let bench = Bench::new(10);
    let list = |values: Vec<Value>| [Some(Value::list(values))];
    let numbers = list(vec![Value::Integer(3), Value::Integer(99)]);
    let ages = list(vec![Value::Integer(26), Value::Integer(99)]);
    let names = list(vec![Value::String("n3".into()), Value::String("x".into())]);
    for (text, kind, params, expected) in [
        ("SELECT id FROM people WHERE id = ANY($1)", ColumnType::Int8Array, &numbers, ["id", "3"]),
        ("SELECT id FROM people WHERE age = ANY($1)", ColumnType::Int8Array, &ages, ["id", "6"]),
        ("SELECT id FROM people WHERE name = ANY($1)", ColumnType::TextArray, &names, ["id", "3"]),
    ] {
        let prepared = bench.engine.prepare(&parse(text), &session(), &[]).await.expect(text);
        assert_eq!(prepared.params(), [Some(kind)], "{text}");
        assert_eq!(bench.run(text, params).await.expect(text), expected, "{text}");
    }
}
