//! Random operations on lists and maps against a reference that is written to be plain: it asks of each
//! element whether it is meant, and finds its rank by counting. Those on bits are in `bits.rs`.
//!
//! `AERIE_MODEL_RUNS=1000000 cargo test --release -p particle --test model` runs that many cases;
//! `AERIE_MODEL_SEED` gives others. A case that fails names its own number, to be the seed of one run.

#[path = "model/bits.rs"]
mod bits;
#[path = "model/draw.rs"]
mod draw;
#[path = "model/reference.rs"]
mod reference;

use model::msgpack::{encode, put_integer, put_list_header, put_value};
use model::{ErrorKind, List, ListOrder, MapOrder, Value};
use particle::cdt::{self, Answer};

use draw::Draw;
use reference::Reference;

/// Enough for every operation with every return type, in a second of an unoptimized build.
const RUNS: u64 = 20_000;

/// An argument of an operation.
#[derive(Debug, Clone)]
pub(crate) enum Arg {
    /// A value.
    Value(Value),
    /// Above all values.
    Infinity,
}

/// An operation: its number and its arguments.
#[derive(Debug, Clone)]
pub(crate) struct Operation {
    number: i64,
    args: Vec<Arg>,
}

/// What an operation left behind, or its error.
type Outcome = Result<(Option<Vec<u8>>, Option<Answer>), ErrorKind>;

fn number_of(name: &str, otherwise: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")),
        Err(_) => otherwise,
    }
}

#[test]
fn operations_are_those_of_the_reference() {
    let seed = number_of("AERIE_MODEL_SEED", 1);
    let mut failed = [0u64; 2];
    for case in 0..number_of("AERIE_MODEL_RUNS", RUNS) {
        let mut draw = Draw::new(seed.wrapping_add(case));
        let reference = draw.collection();
        let operation = draw.operation(&reference);
        let (place, rest) = if draw.one_in(3) { draw.place() } else { (Vec::new(), None) };
        let expected = by_reference(&reference, &operation, rest.as_ref());
        let got = by_particle(&reference, &operation, &place, rest.as_ref());
        let told = || format!("seed {}: {operation:?} on {reference:?}", seed.wrapping_add(case));
        assert_eq!(got, expected, "{}", told());
        failed[usize::from(got.is_err())] += 1;
    }
    // A generator that only makes errors would find nothing.
    assert!(failed[0] > failed[1], "{failed:?} cases did and did not succeed");
}

/// What surrounds a collection: a list or a map, and where in it the collection lies.
#[derive(Debug)]
pub(crate) enum Around {
    /// A list that is not declared ordered, with these elements before it and one behind.
    List(Vec<Value>),
    /// A map in which this key leads to it.
    Map(Value),
}

impl Around {
    fn wrap(&self, inner: Value) -> Value {
        match self {
            Around::List(before) => {
                let items = before.iter().cloned().chain([inner, Value::Nil]);
                Value::list(items.collect::<Vec<_>>())
            }
            Around::Map(key) => {
                Value::map([(Value::Blob(vec![9]), Value::Nil), (key.clone(), inner)])
            }
        }
    }
}

fn by_reference(reference: &Reference, operation: &Operation, around: Option<&Around>) -> Outcome {
    let mut reference = reference.clone();
    let answer = reference.run(operation.number, &operation.args)?;
    let bin = reference.bin();
    Ok((Some(encode(&around.map_or(bin.clone(), |around| around.wrap(bin)))), answer))
}

fn by_particle(
    reference: &Reference,
    operation: &Operation,
    place: &[Value],
    around: Option<&Around>,
) -> Outcome {
    let mut payload = Vec::new();
    if !place.is_empty() {
        put_list_header(&mut payload, 3);
        put_integer(&mut payload, 0xff);
        put_value(&mut payload, &Value::list(place.to_vec()));
    }
    put_list_header(&mut payload, operation.args.len() + 1);
    put_integer(&mut payload, operation.number);
    for arg in &operation.args {
        match arg {
            Arg::Value(value) => put_value(&mut payload, value),
            Arg::Infinity => payload.extend([0xd4, 0xff, 1]),
        }
    }
    let bin = reference.bin();
    let bin = around.map_or(bin.clone(), |around| around.wrap(bin));
    if matches!(operation.number, 16..=31 | 96..=110) {
        let answer = cdt::read(Some(&bin), &payload).map_err(|error| error.kind)?;
        return Ok((Some(encode(&bin)), answer));
    }
    let modified = cdt::modify(Some(bin), &payload).map_err(|error| error.kind)?;
    if let Some(bin) = &modified.bin {
        assert_whole(bin);
    }
    Ok((modified.bin.as_ref().map(encode), modified.result))
}

/// What is always true of a list and a map.
fn assert_whole(value: &Value) {
    match value {
        Value::List(List { items, order }) => {
            assert!(*order == ListOrder::Unordered || items.is_sorted(), "{value:?}");
            items.iter().for_each(assert_whole);
        }
        Value::Map(map) => {
            assert!(map.is_sorted_by(|a, b| a.0 < b.0), "{value:?}");
            map.iter().for_each(|(_, value)| assert_whole(value));
        }
        _ => {}
    }
}

/// The orders that maps can have, as operations number them.
pub(crate) const MAP_ORDERS: [(i64, MapOrder); 3] =
    [(0, MapOrder::Unordered), (1, MapOrder::KeyOrdered), (3, MapOrder::KeyValueOrdered)];
