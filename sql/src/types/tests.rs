use super::*;
use model::{ColumnType, Value};

fn code(t: ColumnType, text: &str) -> &'static str {
    parse_text(t, text).map_or_else(|e| e.sqlstate, |_| "ok")
}

fn again(t: ColumnType, text: &str) -> String {
    text_of(t, &parse_text(t, text).unwrap_or_else(|e| panic!("{text}: {e}")))
}

#[test]
fn doubles_print_as_postgres_prints_them() {
    let shown = |d: f64| text_of(ColumnType::Float8, &Value::Double(d));
    for (d, text) in [
        (0.0, "0"),
        (-0.0, "-0"),
        (1.0, "1"),
        (1.5, "1.5"),
        (1e14, "100000000000000"),
        (123456789012345.0, "123456789012345"),
        (1e15, "1e+15"),
        (1e20, "1e+20"),
        (1.25e-4, "0.000125"),
        (1e-5, "1e-05"),
        (-1234.5, "-1234.5"),
        (0.1 + 0.2, "0.30000000000000004"),
        (f64::NAN, "NaN"),
        (f64::INFINITY, "Infinity"),
        (f64::NEG_INFINITY, "-Infinity"),
    ] {
        assert_eq!(shown(d), text);
    }
    assert_eq!(again(ColumnType::Float4, "1000000"), "1e+06");
    assert_eq!(again(ColumnType::Float4, "123456"), "123456");
    assert_eq!(again(ColumnType::Float4, "0.1"), "0.1");
}

#[test]
fn texts_that_are_not_of_the_type() {
    use ColumnType::*;
    for (t, text, expected) in [
        (Int4, "12a", "22P02"),
        (Int4, "", "22P02"),
        (Int4, "3000000000", "22003"),
        (Int2, "-32769", "22003"),
        (Int8, " -9223372036854775808 ", "ok"),
        (Int8, "9223372036854775808", "22003"),
        (Float8, "1e400", "22003"),
        (Float8, "1e-400", "22003"),
        (Float8, "infinity", "ok"),
        (Float8, "x", "22P02"),
        (Bool, "tru", "ok"),
        (Bool, "o", "22P02"),
        (Varchar(Some(3)), "abc  ", "ok"),
        (Varchar(Some(3)), "abcd", "22001"),
        (Date, "2024-02-30", "22008"),
        (Date, "2024-13-01", "22008"),
        (Date, "tomorrowish", "22007"),
        (Timestamp, "2024-01-01 25:00", "22008"),
        (Timestamptz, "2024-01-01 10:00+99", "22007"),
        (Uuid, "123", "22P02"),
        (Bytea, "\\x1", "22023"),
        (Bytea, "\\xgg", "22023"),
        (Bytea, "\\9", "22P02"),
        (Jsonb, "{", "22P02"),
        (GeoJson, "{}", "22P02"),
        (Int8Array, "{1,2", "22P02"),
        (Int8Array, "1", "22P02"),
        (Numeric { precision: 4, scale: 2 }, "100", "22003"),
        (Numeric { precision: 0, scale: 0 }, "1x", "22P02"),
        (Date, "é", "22007"),
        (Timestamp, "2024-01-01 é:é", "22007"),
    ] {
        assert_eq!(code(t, text), expected, "{t} {text}");
    }
}

#[test]
fn what_is_read_is_printed() {
    use ColumnType::*;
    for (t, text, printed) in [
        (Bool, "YES", "t"),
        (Date, "2024-02-29", "2024-02-29"),
        (Date, "20240229", "2024-02-29"),
        (Date, "02/29/2024", "2024-02-29"),
        (Date, "Feb 29, 2024", "2024-02-29"),
        (Date, "0044-03-15 BC", "0044-03-15 BC"),
        (Date, "1969-12-31", "1969-12-31"),
        (Timestamp, "2024-02-29T12:34:56.5000", "2024-02-29 12:34:56.5"),
        (Timestamp, "2024-02-29 24:00:00", "2024-03-01 00:00:00"),
        (Timestamptz, "2024-02-29 12:00:00+05:30", "2024-02-29 06:30:00+00"),
        (Timestamptz, "2024-02-29 12:00:00Z", "2024-02-29 12:00:00+00"),
        (Timestamptz, "2024-02-29", "2024-02-29 00:00:00+00"),
        (Timestamp, "infinity", "infinity"),
        (Uuid, "A0EEBC999C0B4EF8BB6D6BB9BD380A11", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
        (Bytea, "\\xDE AD", "\\xdead"),
        (Bytea, "a\\\\b\\001", "\\x615c6201"),
        (Int8Array, "{1, NULL,-3}", "{1,NULL,-3}"),
        (TextArray, r#"{a,"b c","",NULL,"null","x\"y"}"#, r#"{a,"b c","",NULL,"null","x\"y"}"#),
        (TextArray, "{}", "{}"),
        (BoolArray, "{t,false}", "{t,f}"),
        (Numeric { precision: 0, scale: 0 }, " 001.50 ", "1.50"),
        (Numeric { precision: 0, scale: 0 }, "-.5e1", "-5"),
        (Numeric { precision: 0, scale: 0 }, "1.25e-2", "0.0125"),
        (Numeric { precision: 0, scale: 0 }, "-0.0", "0.0"),
        (Numeric { precision: 5, scale: 2 }, "9.995", "10.00"),
        (Numeric { precision: 5, scale: 0 }, "-2.5", "-3"),
        (Jsonb, r#"{"b":1,"a":[1,2]}"#, r#"{"a": [1, 2], "b": 1}"#),
    ] {
        assert_eq!(again(t, text), printed, "{t} {text}");
    }
}

#[test]
fn numerics_compute_as_postgres_computes() {
    use numeric::{Op, compare, compute, round, whole};
    let div = |a, b| compute(Op::Div, a, b).unwrap();
    assert_eq!(div("1", "3"), "0.33333333333333333333");
    assert_eq!(div("10", "4"), "2.5000000000000000");
    assert_eq!(compute(Op::Mul, "1.5", "2.50").unwrap(), "3.750");
    assert_eq!(compute(Op::Div, "1", "0").unwrap_err().sqlstate, "22012");
    assert!(compare("-2", "-10").is_gt());
    assert!(compare("1.50", "1.5").is_eq());
    assert!(compare("NaN", "99999999999999999999999999999999").is_gt());
    assert_eq!(round("15.5", -1), "20");
    assert_eq!(round("-2.345", 2), "-2.35");
    assert_eq!(
        (whole("-1.5", -1), whole("-1.5", 1), whole("1.2", 1)),
        ("-2".into(), "-1".into(), "2".into())
    );
}

#[test]
fn coercion() {
    use ColumnType::*;
    let int = Value::Integer;
    assert_eq!(coerce(Int2, int(40000)).unwrap_err().sqlstate, "22003");
    assert_eq!(coerce(Int8, Value::Double(2.5)), Ok(int(2)));
    assert_eq!(coerce(Int8, Value::Double(1e19)).unwrap_err().sqlstate, "22003");
    assert_eq!(coerce(Text, Value::Bool(true)), Ok(Value::String("true".into())));
    assert_eq!(coerce(Bool, int(1)).unwrap_err().sqlstate, "42804");
    assert_eq!(coerce(Date, Value::String("1970-01-02".into())), Ok(int(1)));
    assert_eq!(
        coerce(Numeric { precision: 5, scale: 2 }, Value::Double(1.005e1)),
        Ok(Value::String("10.05".into()))
    );
    let list = Value::list(vec![int(1), Value::Nil]);
    assert_eq!(coerce(Float8Array, list), Ok(Value::list(vec![Value::Double(1.0), Value::Nil])));
    assert_eq!(coerce(Jsonb, Value::String("{}".into())), Ok(Value::String("{}".into())));
}

#[test]
fn times_to_live() {
    assert_eq!(parse_interval_s("30d"), Ok(2_592_000));
    assert_eq!(parse_interval_s("never"), Ok(-1));
    assert!(parse_interval_s("20 years").is_err());
    assert!(parse_interval_s("11000d").is_err());
}
