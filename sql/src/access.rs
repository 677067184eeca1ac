//! Ways to the records of a condition through secondary indexes.
//!
//! [`accesses`] looks at what AND joins and says, for each index that can answer a part of it, which
//! ranges of the index hold every record of which the whole is true. Which way is cheapest is asked of
//! the index when the values of parameters are known; the condition is checked on each record again,
//! whichever way it came.
//!
//! An index holds the values of one type only. So a way is one only where no value of another type
//! could make the condition true: a bin that shows one type holds no other, and text is equal to
//! nothing but text.

use std::fmt;
use std::ops::Bound;

use model::{Collection, ColumnType, IndexDef, IndexSource, IndexType, Table, Value, ValueType};

use crate::SqlResult;
use crate::expr::{Cmp, Expr, Function, Node, Row};
use crate::matches::{Matcher, Place, Region, Test};
use crate::particles;

/// One way: the records in any of these ranges.
#[derive(Debug, Clone)]
pub struct Access {
    /// The ranges; a record may be in several of them.
    pub reaches: Vec<Reach>,
    /// Whether the condition says no more than the ranges do.
    pub exact: bool,
}

/// A range of an index.
#[derive(Debug, Clone)]
pub struct Reach {
    /// The index.
    pub index: String,
    /// Its range.
    pub range: Range,
}

/// A range, as the statement gives it: expressions without a record.
#[derive(Debug, Clone)]
pub enum Range {
    /// Values between these.
    Between(Bound<Expr>, Bound<Expr>),
    /// This value. NULL is none.
    Equal(Expr),
    /// Each value of an array.
    Any(Expr),
    /// Text that begins with what stands before the first wildcard of a pattern of LIKE.
    Like(Expr, Option<char>),
    /// Text that begins with this.
    Prefix(Expr),
    /// Points in this region.
    Within(Expr),
    /// Regions around this point.
    Around(Expr),
    /// Points that are no further from this one than so many metres.
    Near(Expr, Expr),
}

/// A range with its values.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Nothing is in it.
    None,
    /// Values between these.
    Between(Bound<Value>, Bound<Value>),
    /// These values.
    Equal(Vec<Value>),
    /// Text that begins with this.
    Prefix(String),
    /// Points in this region, or regions around this point: GeoJSON.
    Geo(String),
}

impl Range {
    /// The values for this row of parameters.
    pub fn values(&self, row: &Row) -> SqlResult<Values> {
        let of = |e: &Expr| e.eval(row);
        let bound = |bound: &Bound<Expr>| -> SqlResult<Option<Bound<Value>>> {
            Ok(match bound {
                Bound::Unbounded => Some(Bound::Unbounded),
                Bound::Included(e) => of(e)?.map(Bound::Included),
                Bound::Excluded(e) => of(e)?.map(Bound::Excluded),
            })
        };
        let text = |e: &Expr| -> SqlResult<Option<String>> {
            Ok(match of(e)? {
                Some(Value::String(text)) => Some(text),
                _ => None,
            })
        };
        let geo = |text: Option<String>| text.map_or(Values::None, Values::Geo);
        Ok(match self {
            Range::Between(low, high) => match (bound(low)?, bound(high)?) {
                (Some(low), Some(high)) => Values::Between(low, high),
                _ => Values::None,
            },
            Range::Equal(e) => of(e)?.map_or(Values::None, |value| Values::Equal(vec![value])),
            Range::Any(array) => match of(array)? {
                Some(Value::List(list)) => {
                    let known = |value: &Value| *value != Value::Nil;
                    let mut values: Vec<Value> = list.items.into_iter().filter(known).collect();
                    values.sort();
                    values.dedup();
                    Values::Equal(values)
                }
                _ => Values::None,
            },
            Range::Prefix(e) => text(e)?.map_or(Values::None, Values::Prefix),
            Range::Like(pattern, escape) => match text(pattern)? {
                Some(pattern) => beginning(&pattern, *escape),
                None => Values::None,
            },
            Range::Within(e) | Range::Around(e) => geo(shape_text(of(e)?)),
            Range::Near(place, metres) => geo(circle(of(place)?, of(metres)?)),
        })
    }
}

/// As EXPLAIN shows it, behind the name of the index.
impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Range::Between(Bound::Unbounded, Bound::Unbounded) => f.write_str("all"),
            Range::Between(low, high) => {
                let parts = [(low, ">"), (high, "<")].into_iter().filter_map(|(bound, sign)| {
                    Some(match bound {
                        Bound::Unbounded => return None,
                        Bound::Included(e) => format!("{sign}= {e}"),
                        Bound::Excluded(e) => format!("{sign} {e}"),
                    })
                });
                f.write_str(&parts.collect::<Vec<_>>().join(" and "))
            }
            Range::Equal(e) => write!(f, "= {e}"),
            Range::Any(e) => write!(f, "= any of {e}"),
            Range::Like(e, _) => write!(f, "like {e}"),
            Range::Prefix(e) => write!(f, "begins with {e}"),
            Range::Within(e) => write!(f, "points in {e}"),
            Range::Around(e) => write!(f, "regions around {e}"),
            Range::Near(e, metres) => write!(f, "points within {metres} m of {e}"),
        }
    }
}

/// The text that everything which is like the pattern begins with, or is.
fn beginning(pattern: &str, escape: Option<char>) -> Values {
    let mut prefix = String::new();
    let mut rest = pattern.chars();
    while let Some(c) = rest.next() {
        match c {
            c if Some(c) == escape => match rest.next() {
                Some(c) => prefix.push(c),
                // LIKE itself says what is wrong with it.
                None => return Values::Prefix(prefix),
            },
            '%' | '_' => return Values::Prefix(prefix),
            c => prefix.push(c),
        }
    }
    Values::Equal(vec![Value::String(prefix)])
}

fn shape_text(value: Option<Value>) -> Option<String> {
    match value? {
        Value::GeoJson(text) | Value::String(text) => Some(text),
        value @ Value::Map(_) => Some(model::json::print(&value)),
        _ => None,
    }
}

/// A circle around a point, as GeoJSON.
fn circle(place: Option<Value>, metres: Option<Value>) -> Option<String> {
    let place = model::json::parse(&shape_text(place)?).ok()?;
    let (longitude, latitude) = particle::geo::coordinates(&place)?;
    let metres = match metres? {
        Value::Integer(n) => n as f64,
        Value::Double(d) => d,
        _ => return None,
    };
    // Wider by what rounding may cost: who is in it is checked again.
    let metres = metres * (1.0 + 1e-9) + 0.001;
    (metres >= 0.0 && metres.is_finite()).then(|| {
        format!(r#"{{"type":"AeroCircle","coordinates":[[{longitude},{latitude}],{metres}]}}"#)
    })
}

/// The indexes of a set as they bear on a condition.
pub struct Indexes<'a> {
    /// The set.
    pub table: &'a Table,
    /// Its indexes, and those of all sets of its namespace.
    pub defs: Vec<&'a IndexDef>,
}

/// Ways to the records of which `filter` is true: one for each index that has one.
pub fn accesses(filter: &Expr, indexes: &Indexes) -> Vec<Access> {
    let parts = conjuncts(filter);
    let held: Vec<Vec<u8>> = match indexes.defs.iter().any(|def| def.filter.is_some()) {
        true => parts.iter().filter_map(|part| part.exported()).collect(),
        false => Vec::new(),
    };
    let usable = |def: &&&IndexDef| match &def.filter {
        None => true,
        Some(bytes) => implied(bytes, &parts, &held),
    };
    let usable: Vec<&IndexDef> = indexes.defs.iter().filter(usable).copied().collect();
    let mut found: Vec<Access> =
        usable.iter().filter_map(|def| by_one(def, &parts, indexes.table)).collect();
    for part in &parts {
        if let Node::Or(arms) = &part.node {
            found.extend(by_each(arms, indexes, parts.len() == 1));
        }
    }
    found
}

/// What AND joins.
fn conjuncts(filter: &Expr) -> Vec<&Expr> {
    match &filter.node {
        Node::And(parts) => parts.iter().flat_map(conjuncts).collect(),
        _ => vec![filter],
    }
}

/// Whether the condition of a partial index follows from these.
fn implied(bytes: &[u8], parts: &[&Expr], held: &[Vec<u8>]) -> bool {
    let whole = || {
        let all: Vec<Expr> = parts.iter().map(|part| (*part).clone()).collect();
        Expr::all(all).and_then(|all| all.exported())
    };
    held.iter().any(|part| part == bytes) || whole().as_deref() == Some(bytes)
}

/// An OR, of which each arm has a way of its own.
fn by_each(arms: &[Expr], indexes: &Indexes, whole: bool) -> Option<Access> {
    let mut all = Access { reaches: Vec::new(), exact: whole };
    for arm in arms {
        // An equality, if there is one: it reaches fewest.
        let equal = |access: &Access| {
            let one = |reach: &Reach| matches!(reach.range, Range::Equal(_) | Range::Any(_));
            !access.reaches.iter().all(one)
        };
        let best = accesses(arm, indexes).into_iter().min_by_key(equal)?;
        all.exact &= best.exact;
        all.reaches.extend(best.reaches);
    }
    Some(all)
}

/// The way through one index.
fn by_one(def: &IndexDef, parts: &[&Expr], table: &Table) -> Option<Access> {
    let (mut low, mut high) = (None, None);
    let mut used = 0;
    for part in parts {
        match reached(def, part, table) {
            Some(Found::Ranges(ranges)) => {
                let reach = |range| Reach { index: def.name.to_string(), range };
                let reaches = ranges.into_iter().map(reach).collect();
                return Some(Access { reaches, exact: parts.len() == 1 && exact(part) });
            }
            Some(Found::Low(bound)) if low.is_none() => (low, used) = (Some(bound), used + 1),
            Some(Found::High(bound)) if high.is_none() => (high, used) = (Some(bound), used + 1),
            _ => {}
        }
    }
    if low.is_none() && high.is_none() {
        return None;
    }
    // Of several elements one may be above and another below.
    if def.collection != Collection::Scalar && low.is_some() {
        high = None;
    }
    let bound = |bound: Option<Bound<Expr>>| bound.unwrap_or(Bound::Unbounded);
    let range = Range::Between(bound(low), bound(high));
    let exact = used == parts.len();
    Some(Access { reaches: vec![Reach { index: def.name.to_string(), range }], exact })
}

/// Whether the ranges say all that the condition says.
fn exact(part: &Expr) -> bool {
    matches!(part.node, Node::Compare(..) | Node::In { .. } | Node::Bin(_))
}

/// What a condition says of an index.
enum Found {
    Ranges(Vec<Range>),
    Low(Bound<Expr>),
    High(Bound<Expr>),
}

fn one(range: Range) -> Option<Found> {
    Some(Found::Ranges(vec![range]))
}

fn reached(def: &IndexDef, part: &Expr, table: &Table) -> Option<Found> {
    let on = |e: &Expr| is_source(def, e, table);
    let scalar = def.collection == Collection::Scalar;
    match &part.node {
        Node::Compare(cmp, a, b) if scalar => match (on(a), on(b)) {
            (true, false) => compared(def, *cmp, a, b),
            (false, true) => compared(def, cmp.turned(), b, a),
            _ => None,
        },
        Node::In { negated: false, inner, list } if scalar && on(inner) => {
            let fits = list.iter().all(|item| fits(def, inner, item));
            fits.then(|| Found::Ranges(list.iter().cloned().map(Range::Equal).collect()))
        }
        Node::Any { op: Cmp::Eq, all: false, inner, array } => {
            if scalar && on(inner) && array.is_constant() {
                let element = stored(crate::expr::element_type(array.column_type));
                return (element == stored(inner.column_type) && holds(def, element?))
                    .then(|| Found::Ranges(vec![Range::Any((**array).clone())]));
            }
            let listed = def.collection == Collection::List && on(array);
            let element = crate::expr::element_type(array.column_type);
            (listed && inner.is_constant() && stored(inner.column_type) == stored(element))
                .then(|| holds(def, stored(element)?).then(|| one(Range::Equal((**inner).clone()))))
                .flatten()
                .flatten()
        }
        Node::Like { negated: false, fold: false, escape, sides } if scalar => {
            let (text, pattern) = &**sides;
            let whole = on(text) && pattern.is_constant() && def.value_type == IndexType::String;
            if whole { one(Range::Like(pattern.clone(), *escape)) } else { None }
        }
        Node::Bin(_) if scalar && on(part) && part.column_type == ColumnType::Bool => {
            one(Range::Equal(truth(true)))
        }
        Node::Not(inner) if scalar && on(inner) && inner.column_type == ColumnType::Bool => {
            matches!(inner.node, Node::Bin(_)).then(|| one(Range::Equal(truth(false)))).flatten()
        }
        Node::IsNull { negated: true, inner } if scalar && on(inner) => {
            let whole = stored(inner.column_type).is_some_and(|t| holds(def, t));
            if whole { Some(Found::Low(Bound::Unbounded)) } else { None }
        }
        Node::Call(Function::StartsWith, args) if scalar => match &args[..] {
            [text, start] if on(text) && start.is_constant() => one(Range::Prefix(start.clone())),
            _ => None,
        },
        Node::Matches(matcher, bin) if on(bin) => matched(def, matcher),
        Node::Call(Function::Particle(function), args) => geo(def, function, args, &on),
        _ => None,
    }
}

fn truth(value: bool) -> Expr {
    Expr::constant(Some(Value::Bool(value)), ColumnType::Bool)
}

/// A comparison of what is indexed with a constant.
fn compared(def: &IndexDef, cmp: Cmp, source: &Expr, value: &Expr) -> Option<Found> {
    if !fits(def, source, value) {
        return None;
    }
    // Values of several types: no order that an index of one has.
    let mixed = source.column_type == ColumnType::Jsonb;
    let value = value.clone();
    match cmp {
        Cmp::Eq => one(Range::Equal(value)),
        _ if mixed || def.value_type == IndexType::Bool => None,
        Cmp::Gt => Some(Found::Low(Bound::Excluded(value))),
        Cmp::Ge => Some(Found::Low(Bound::Included(value))),
        Cmp::Lt => Some(Found::High(Bound::Excluded(value))),
        Cmp::Le => Some(Found::High(Bound::Included(value))),
        Cmp::Ne => None,
    }
}

/// Whether the index holds all values that could be equal to this one, or in order with it.
fn fits(def: &IndexDef, source: &Expr, value: &Expr) -> bool {
    if !value.is_constant() {
        return false;
    }
    if source.column_type == ColumnType::Jsonb {
        // A number may be equal to an integer and to a double.
        return match value.as_const() {
            Some(Some(Value::String(_))) => def.value_type == IndexType::String,
            Some(Some(Value::Bool(_))) => def.value_type == IndexType::Bool,
            _ => false,
        };
    }
    let same = stored(source.column_type) == stored(value.column_type);
    same && stored(source.column_type).is_some_and(|t| holds(def, t))
        && is_date(source.column_type) == is_date(value.column_type)
}

/// Days and microseconds are both integers.
fn is_date(t: ColumnType) -> bool {
    t == ColumnType::Date
}

/// How an index sees values of a column; `None` where its order is not that of SQL.
fn stored(t: ColumnType) -> Option<ValueType> {
    match t {
        ColumnType::Numeric { .. } => None,
        t => t.stored_as(),
    }
}

/// Whether the index holds values of this type.
fn holds(def: &IndexDef, t: ValueType) -> bool {
    index_type(t) == Some(def.value_type)
}

/// The type of an index that holds values of this one.
pub(crate) fn index_type(t: ValueType) -> Option<IndexType> {
    Some(match t {
        ValueType::Integer => IndexType::Integer,
        ValueType::Double => IndexType::Double,
        ValueType::String => IndexType::String,
        ValueType::Blob => IndexType::Blob,
        ValueType::Bool => IndexType::Bool,
        ValueType::GeoJson => IndexType::Geo,
        ValueType::Nil | ValueType::Hll | ValueType::List | ValueType::Map => return None,
    })
}

/// Whether the expression is what the index is over.
fn is_source(def: &IndexDef, e: &Expr, table: &Table) -> bool {
    if def.set.as_ref().is_some_and(|set| **set != *table.name) {
        return false;
    }
    match &def.source {
        IndexSource::Bin { bin, context: None } => e.as_bin() == Some(bin),
        IndexSource::Bin { context: Some(_), .. } => false,
        IndexSource::Expression(bytes) => e.exported().as_ref().is_some_and(|own| **own == **bytes),
    }
}

/// aql's tests of what a bin holds.
fn matched(def: &IndexDef, matcher: &Matcher) -> Option<Found> {
    let place = match matcher.place {
        Place::Bin => Collection::Scalar,
        Place::List => Collection::List,
        Place::MapKeys => Collection::MapKeys,
        Place::MapValues => Collection::MapValues,
    };
    // Of the bin itself a number may be equal to an integer and to a double. Keys that look like
    // numbers may be either.
    let known = |value: &Value| match (value, place) {
        (Value::String(text), Collection::MapKeys) => text.parse::<i64>().is_err(),
        (Value::String(_) | Value::Bool(_), _) => true,
        (Value::Integer(_), Collection::List | Collection::MapValues) => true,
        _ => false,
    };
    let fits = |value: &Value| known(value) && holds(def, value.value_type());
    let constant = |value: &Value| {
        let t = ColumnType::of_value(value.value_type());
        Expr::constant(Some(value.clone()), t)
    };
    let text = |region: &Region| {
        Expr::constant(Some(Value::GeoJson(region.text.clone())), ColumnType::GeoJson)
    };
    if place != def.collection {
        return None;
    }
    match &matcher.test {
        Test::Compare(Cmp::Eq, value) if fits(value) => one(Range::Equal(constant(value))),
        Test::Between(low, high) if fits(low) && fits(high) && place != Collection::MapKeys => {
            let (low, high) = (Bound::Included(constant(low)), Bound::Included(constant(high)));
            one(Range::Between(low, high))
        }
        Test::In(values) if values.iter().all(fits) => {
            let equal = |value: &Value| Range::Equal(constant(value));
            Some(Found::Ranges(values.iter().map(equal).collect()))
        }
        Test::Within(region) if def.value_type == IndexType::Geo => {
            one(Range::Within(text(region)))
        }
        Test::Contains(point) if def.value_type == IndexType::Geo => {
            one(Range::Around(text(point)))
        }
        _ => None,
    }
}

/// PostGIS's conditions on a bin.
fn geo(
    def: &IndexDef,
    function: &particles::Function,
    args: &[Expr],
    on: &dyn Fn(&Expr) -> bool,
) -> Option<Found> {
    let geo = def.value_type == IndexType::Geo && def.collection == Collection::Scalar;
    let [a, b, rest @ ..] = args else { return None };
    if !geo || !rest.iter().all(Expr::is_constant) {
        return None;
    }
    let (bin_first, other) = match (on(a) && b.is_constant(), on(b) && a.is_constant()) {
        (true, _) => (true, b.clone()),
        (_, true) => (false, a.clone()),
        _ => return None,
    };
    // What a point is in, and what is in a region, are both in a geo index; a point in a point is not.
    let by = |inside: bool| {
        if inside { Range::Within(other.clone()) } else { Range::Around(other.clone()) }
    };
    match (function.name, rest) {
        ("st_within" | "st_coveredby", []) => one(by(bin_first)),
        ("st_contains" | "st_covers", []) => one(by(!bin_first)),
        ("st_dwithin", [metres]) => one(Range::Near(other, metres.clone())),
        _ => None,
    }
}
