//! What PostgreSQL 15 answers, and what must be so whatever it answers.

use super::{Numeric, Op, spread};

/// `operation a [b] = result`, computed by PostgreSQL 15.
const VECTORS: &str = include_str!("vectors.txt");

fn number(text: &str) -> Numeric {
    Numeric::parse(text, 0, 0).expect("a number")
}

fn answer(operation: &str, a: &str, b: &str) -> String {
    let (x, y) = (number(a), if b.is_empty() { Numeric::NaN } else { number(b) });
    let places = y.to_i64().unwrap_or(0);
    let result = match operation {
        "+" => x.compute(Op::Add, &y),
        "-" => x.compute(Op::Sub, &y),
        "*" => x.compute(Op::Mul, &y),
        "/" => x.compute(Op::Div, &y),
        "%" => x.compute(Op::Rem, &y),
        "sqrt" => x.sqrt(),
        "exp" => x.exp(),
        "ln" => x.ln(),
        "log" => y.log(&x),
        "pow" => x.pow(&y),
        "round" => Ok(x.round(places)),
        "trunc" => Ok(x.trunc(places)),
        "ceil" => Ok(x.ceil()),
        "floor" => Ok(x.floor()),
        "div" => x.div_trunc(&y),
        other => panic!("{other} is no operation"),
    };
    result.map_or_else(|error| error.sqlstate.to_string(), |result| result.to_string())
}

#[test]
fn every_result_equals_postgresqls() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for line in VECTORS.lines() {
        let (left, expected) = line.split_once(" = ").expect("an operation and its result");
        let mut words = left.split(' ');
        let mut next = || words.next().unwrap_or_default();
        let got = answer(next(), next(), next());
        if got != expected {
            wrong.push(format!("{left}: {got}, PostgreSQL {expected}"));
        }
        count += 1;
    }
    assert!(count > 200 && wrong.is_empty(), "{count} in all\n{}", wrong.join("\n"));
}

#[test]
fn specials() {
    let [nan, inf, minus] = ["NaN", "Infinity", "-inf"].map(number);
    let one = number("1");
    let sum = |a: &Numeric, b: &Numeric| a.compute(Op::Add, b).expect("a sum");
    assert_eq!(sum(&inf, &minus), nan);
    assert_eq!(sum(&inf, &one), inf);
    assert_eq!(one.compute(Op::Sub, &inf), Ok(minus.clone()));
    assert_eq!(one.compute(Op::Div, &inf).map(|n| n.to_string()), Ok("0".into()));
    assert_eq!(inf.compute(Op::Mul, &number("0")), Ok(nan.clone()));
    assert!(minus < one && one < inf && inf < nan);
    assert_eq!(inf.fitted(5, 2).map_err(|e| e.sqlstate), Err("22003"));
}

#[test]
fn powers_have_an_end() {
    assert_eq!(answer("exp", "6001", ""), "22003");
    assert_eq!(answer("pow", "10", "200000"), "22003");
    assert_eq!(answer("pow", "2.5", "1e9"), "22003");
    assert!(number("-6001").exp().is_ok_and(|n| n.signum() == 0));
    assert_eq!(answer("pow", "-2", "0.5"), "2201F");
    assert_eq!(answer("pow", "0", "-1"), "2201F");
    assert_eq!(answer("ln", "0", ""), "2201E");
    assert_eq!(answer("sqrt", "-1", ""), "2201F");
}

#[test]
fn doubles_by_their_fifteen_digits() {
    assert_eq!(Numeric::of_f64(0.1).to_string(), "0.1");
    assert_eq!(Numeric::of_f64(1e20).to_string(), "100000000000000000000");
    assert_eq!(Numeric::of_f64(-2.5e-7).to_string(), "-0.00000025");
    assert_eq!(Numeric::of_f32(0.1).to_string(), "0.1");
    assert_eq!(number("2.5").to_i64(), Some(3));
    assert_eq!(number("9223372036854775807.5").to_i64(), None);
}

#[test]
fn spreads() {
    let of = |sample, root| {
        let spread = spread(4, &number("10"), &number("30"), sample, root).expect("fits");
        spread.map(|n| n.to_string())
    };
    assert_eq!(of(true, false).as_deref(), Some("1.6666666666666667"));
    assert_eq!(of(false, true).as_deref(), Some("1.1180339887498948"));
    assert_eq!(spread(1, &number("1"), &number("1"), true, false), Ok(None));
}
