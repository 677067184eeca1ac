//! The table itself; what the functions give is in slt/cdt.

use super::*;

#[test]
fn every_name_is_one_function() {
    let families = [list::FAMILY, map::FAMILY, bits::FAMILY, hll::FAMILY, geo::FAMILY];
    let lines: usize = families.iter().map(|family| family.len()).sum();
    assert_eq!(all().count(), lines);
    for function in all() {
        assert_eq!(function.args.iter().filter(|arg| **arg == Arg::Sketch).count() > 0, {
            function.name.starts_with("hll_") && function.name != "hll_init"
        });
    }
}

#[test]
fn as_many_arguments_as_it_takes() {
    assert!(find("list_pop_range", 2).is_some() && find("list_pop_range", 3).is_some());
    assert!(find("list_pop_range", 1).is_none() && find("list_pop_range", 4).is_none());
    assert!(find("list_nothing", 2).is_none());
}

#[test]
fn null_makes_what_an_operation_makes() {
    let call = |name: &str, values: &[Option<Value>]| {
        find(name, values.len()).unwrap().call(values.to_vec()).unwrap()
    };
    let one = Some(Value::Integer(1));
    let list = Some(Value::list(vec![Value::Integer(1)]));
    assert_eq!(call("list_append", &[None, one.clone()]), list);
    assert_eq!(call("list_append", &[None, None]), Some(Value::list(vec![Value::Nil])));
    assert_eq!(call("list_size", &[None]), None);
    assert_eq!(call("list_pop", &[list.clone(), None]), None);
    assert_eq!(call("list_get", &[list, Some(Value::Integer(7))]), None);
    assert_eq!(call("bit_not", &[None, one.clone(), one]), None);
}
