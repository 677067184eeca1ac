//! Functions and operators of arrays.

use std::cmp::Ordering;

use super::{Call, Datum, Family, Type, text};
use crate::types::numeric;
use crate::{SqlError, SqlResult};

pub(super) const FAMILY: Family = &[
    ("?array_append(anyarray, anyelement) anyarray", |c| added(c, 0, 1, false)),
    ("?array_prepend(anyelement, anyarray) anyarray", |c| added(c, 1, 0, true)),
    ("?aeriedb_array(anyarray) anyarray", |c| {
        Ok(match &c.values[0] {
            Datum::Null => Datum::Array(Vec::new()),
            some => some.clone(),
        })
    }),
    ("?array_cat(anyarray, anyarray) anyarray", cat),
    ("?aeriedb_concat(anyarray, anyarray) anyarray", cat),
    ("?aeriedb_concat(anyarray, anyelement) anyarray", |c| added(c, 0, 1, false)),
    ("?aeriedb_concat(anyelement, anyarray) anyarray", |c| added(c, 1, 0, true)),
    ("?array_remove(anyarray, anyelement) anyarray", |c| {
        if c.values[0] == Datum::Null {
            return Ok(Datum::Null);
        }
        Ok(Datum::Array(c.items(0).iter().filter(|i| !same(i, &c.values[1])).cloned().collect()))
    }),
    ("?array_replace(anyarray, anyelement, anyelement) anyarray", |c| {
        if c.values[0] == Datum::Null {
            return Ok(Datum::Null);
        }
        let one = |item: &Datum| {
            if same(item, &c.values[1]) { c.values[2].clone() } else { item.clone() }
        };
        Ok(Datum::Array(c.items(0).iter().map(one).collect()))
    }),
    ("?array_position(anyarray, anyelement) int4", |c| position(c, 1)),
    ("?array_position(anyarray, anyelement, int4) int4", |c| position(c, c.int(2))),
    ("?array_positions(anyarray, anyelement) int4[]", |c| {
        if c.values[0] == Datum::Null {
            return Ok(Datum::Null);
        }
        let found = c.items(0).iter().enumerate().filter(|(_, item)| same(item, &c.values[1]));
        Ok(Datum::Array(found.map(|(i, _)| Datum::Int(i as i64 + 1)).collect()))
    }),
    ("array_length(anyarray, int4) int4", |c| {
        Ok(length(c.items(0), c.int(1)).map_or(Datum::Null, Datum::Int))
    }),
    ("array_upper(anyarray, int4) int4", |c| {
        Ok(length(c.items(0), c.int(1)).map_or(Datum::Null, Datum::Int))
    }),
    ("array_lower(anyarray, int4) int4", |c| {
        Ok(length(c.items(0), c.int(1)).map_or(Datum::Null, |_| Datum::Int(1)))
    }),
    ("array_ndims(anyarray) int4", |c| {
        let deep = (1..=6).take_while(|d| length(c.items(0), *d).is_some()).count();
        Ok(if deep == 0 { Datum::Null } else { Datum::Int(deep as i64) })
    }),
    ("array_dims(anyarray) text", |c| {
        let lengths = (1..=6).map_while(|d| length(c.items(0), d));
        let dims: String = lengths.map(|n| format!("[1:{n}]")).collect();
        if dims.is_empty() { Ok(Datum::Null) } else { text(dims) }
    }),
    ("cardinality(anyarray) int4", |c| Ok(Datum::Int(leaves(c.items(0))))),
    ("?array_to_string(anyarray, text) text", to_string),
    ("?array_to_string(anyarray, text, text) text", to_string),
    ("?aeriedb_any(text, anyelement, anyarray) bool", |c| some(c, true)),
    ("?aeriedb_all(text, anyelement, anyarray) bool", |c| some(c, false)),
    ("aeriedb_contains(samearray, samearray) bool", |c| {
        Ok(Datum::Bool(within(c.items(1), c.items(0))))
    }),
    ("aeriedb_within(samearray, samearray) bool", |c| {
        Ok(Datum::Bool(within(c.items(0), c.items(1))))
    }),
    ("aeriedb_overlap(samearray, samearray) bool", |c| {
        let known = |item: &&Datum| **item != Datum::Null;
        Ok(Datum::Bool(
            c.items(0).iter().filter(known).any(|a| c.items(1).iter().any(|b| same(a, b))),
        ))
    }),
    ("aeriedb_subscript(anyarray, int4) anyelement", |c| {
        let at = usize::try_from(c.int(1) - 1).ok();
        Ok(at.and_then(|at| c.items(0).get(at)).cloned().unwrap_or(Datum::Null))
    }),
    ("?aeriedb_slice(anyarray, int4, int4) anyarray", slice),
    ("trim_array(anyarray, int4) anyarray", |c| {
        let n = c.int(1);
        let length = c.items(0).len() as i64;
        if !(0..=length).contains(&n) {
            let message = format!("number of elements to trim must be between 0 and {length}");
            return Err(SqlError::new("2202E", message));
        }
        Ok(Datum::Array(c.items(0)[..(length - n) as usize].to_vec()))
    }),
    ("array_fill(anyelement, int4[]) anyarray", |c| {
        let count = match c.items(1) {
            [Datum::Int(n)] if (0..=1_000_000).contains(n) => *n as usize,
            _ => return Err(SqlError::unsupported("array_fill of several dimensions")),
        };
        Ok(Datum::Array(vec![c.values[0].clone(); count]))
    }),
    ("unnest(anyarray) setof anyelement", |c| Ok(Datum::Array(flat(c.items(0))))),
    ("generate_subscripts(anyarray, int4) setof int4", |c| {
        let length = length(c.items(0), c.int(1)).unwrap_or(0);
        Ok(Datum::Array((1..=length).map(Datum::Int).collect()))
    }),
    ("generate_series(int4, int4) setof int4", series),
    ("generate_series(int4, int4, int4) setof int4", series),
    ("generate_series(int8, int8) setof int8", series),
    ("generate_series(int8, int8, int8) setof int8", series),
];

/// Most rows of a series that depends on other columns or on parameters.
const SERIES_MAX: usize = 10_000_000;

/// Whether two elements are the same, NULL being so to itself.
fn same(a: &Datum, b: &Datum) -> bool {
    match (a, b) {
        (Datum::Numeric(a), Datum::Numeric(b)) => numeric::compare(a, b) == Ordering::Equal,
        (a, b) => a == b,
    }
}

/// `x op ANY (array)` for `wanted`, `x op ALL (array)` for its opposite.
fn some(c: &Call<'_>, wanted: bool) -> SqlResult<Datum> {
    if c.values[2] == Datum::Null {
        return Ok(Datum::Null);
    }
    let mut known = true;
    for item in flat(c.items(2)) {
        match compared(c.text(0), &c.values[1], &item) {
            Some(found) if found == wanted => return Ok(Datum::Bool(wanted)),
            Some(_) => {}
            None => known = false,
        }
    }
    Ok(if known { Datum::Bool(!wanted) } else { Datum::Null })
}

/// `a op b`; NULL is not known.
fn compared(op: &str, a: &Datum, b: &Datum) -> Option<bool> {
    if *a == Datum::Null || *b == Datum::Null {
        return None;
    }
    let order = a.order(b);
    Some(match op {
        "=" => order.is_eq(),
        "<>" | "!=" => order.is_ne(),
        "<" => order.is_lt(),
        "<=" => order.is_le(),
        ">" => order.is_gt(),
        _ => order.is_ge(),
    })
}

fn added(c: &Call<'_>, list: usize, item: usize, first: bool) -> SqlResult<Datum> {
    let mut items = c.items(list).to_vec();
    let item = c.values[item].clone();
    if first {
        items.insert(0, item)
    } else {
        items.push(item)
    }
    Ok(Datum::Array(items))
}

fn cat(c: &Call<'_>) -> SqlResult<Datum> {
    Ok(match (&c.values[0], &c.values[1]) {
        (Datum::Null, other) | (other, Datum::Null) => other.clone(),
        _ => Datum::Array([c.items(0), c.items(1)].concat()),
    })
}

fn position(c: &Call<'_>, from: i64) -> SqlResult<Datum> {
    let skip = usize::try_from(from - 1).unwrap_or(0);
    let found = c.items(0).iter().skip(skip).position(|item| same(item, &c.values[1]));
    Ok(found.map_or(Datum::Null, |at| Datum::Int((at + skip) as i64 + 1)))
}

/// Elements of this dimension; `None` where there is none of it.
fn length(items: &[Datum], dimension: i64) -> Option<i64> {
    match (dimension, items.first()) {
        (..=0, _) | (_, None) => None,
        (1, _) => Some(items.len() as i64),
        (n, Some(Datum::Array(inner))) => length(inner, n - 1),
        _ => None,
    }
}

fn leaves(items: &[Datum]) -> i64 {
    let one = |item: &Datum| if let Datum::Array(inner) = item { leaves(inner) } else { 1 };
    items.iter().map(one).sum()
}

fn flat(items: &[Datum]) -> Vec<Datum> {
    let one = |item: &Datum| match item {
        Datum::Array(inner) => flat(inner),
        other => vec![other.clone()],
    };
    items.iter().flat_map(one).collect()
}

fn to_string(c: &Call<'_>) -> SqlResult<Datum> {
    if c.values[0] == Datum::Null || c.values[1] == Datum::Null {
        return Ok(Datum::Null);
    }
    let Type::Array(element) = &c.types[0] else { return Ok(Datum::Null) };
    let null = match c.values.get(2) {
        Some(Datum::Text(null)) => Some(null.clone()),
        _ => None,
    };
    let shown = flat(c.items(0)).into_iter().filter_map(|item| match item {
        Datum::Null => null.clone(),
        item => Some(item.print(element)),
    });
    text(shown.collect::<Vec<_>>().join(c.text(1)))
}

fn within(some: &[Datum], all: &[Datum]) -> bool {
    some.iter().all(|a| *a != Datum::Null && all.iter().any(|b| same(a, b)))
}

/// `a[from:to]`; a side that is NULL is open.
fn slice(c: &Call<'_>) -> SqlResult<Datum> {
    if c.values[0] == Datum::Null {
        return Ok(Datum::Null);
    }
    let items = c.items(0);
    let bound = |i: usize, open: i64| if c.values[i] == Datum::Null { open } else { c.int(i) };
    let from = bound(1, 1).max(1) as usize;
    let to = usize::try_from(bound(2, items.len() as i64)).unwrap_or(0).min(items.len());
    Ok(Datum::Array(if from > to { Vec::new() } else { items[from - 1..to].to_vec() }))
}

fn series(c: &Call<'_>) -> SqlResult<Datum> {
    let (from, to) = (c.int(0), c.int(1));
    let step = if c.given(2) { c.int(2) } else { 1 };
    if step == 0 {
        return Err(SqlError::new("22023", "step size cannot equal zero"));
    }
    let mut rows = Vec::new();
    let mut at = Some(from);
    while let Some(n) = at.filter(|n| if step > 0 { *n <= to } else { *n >= to }) {
        if rows.len() >= SERIES_MAX {
            let message = format!("the series has more than {SERIES_MAX} rows");
            return Err(SqlError::new("54000", message).hint("give the bounds as constants"));
        }
        rows.push(Datum::Int(n));
        at = n.checked_add(step);
    }
    Ok(Datum::Array(rows))
}
