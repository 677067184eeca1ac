//! The table is whole, and functions are found by the types of their arguments.

use super::*;

#[test]
fn every_line_is_a_function() {
    assert!(names().count() > 150);
    assert!(is_set("jsonb_array_elements") && !is_set("lpad"));
}

#[test]
fn functions_are_picked_by_types() {
    let picked = |name: &str, types: &[Type]| resolve(name, types).map(|r| (r.args, r.result));
    let array = || Type::Int8.array();
    assert_eq!(
        picked("array_append", &[array(), Type::Unknown]),
        Ok((vec![array(), Type::Int8], array()))
    );
    assert_eq!(picked("length", &[Type::Unknown]), Ok((vec![Type::Text], Type::Int4)));
    assert_eq!(
        picked("date_trunc", &[Type::Unknown, Type::Date]).map(|r| r.1),
        Ok(Type::Timestamptz)
    );
    assert_eq!(picked("lpad", &[Type::Bool]).map_err(|e| e.sqlstate), Err("42883"));
}

#[test]
fn null_is_null_unless_a_function_takes_it() {
    let call = |name: &str, types: &[Type], values: &[Datum]| {
        let resolved = resolve(name, types).expect("a function");
        resolved.function.call(&Call { types: &resolved.args, values, now_us: 0 })
    };
    let null = [Datum::Null, Datum::Int(1)];
    assert_eq!(call("left", &[Type::Text, Type::Int4], &null), Ok(Datum::Null));
    assert_eq!(call("quote_nullable", &[Type::Text], &null[..1]), Ok(Datum::Text("NULL".into())));
}
