//! Ways to a set's records through secondary indexes: DataFusion's filters as conditions of
//! [`sql::access`], and which way is worth taking.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::{InList, Like, ScalarFunction};
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{Between, BinaryExpr, Expr, Operator};
use model::{ColumnType, Table, Value};
use sql::access::{Indexes, Values, accesses};
use sql::expr::{Expr as Condition, Row};
use sql::matches::{self, Matcher};
use store::{IndexRange, Store};

use crate::columns::{SetColumn, Source, value_of};
use crate::functions::PARTICLE;

/// Fewer entries than these are read by index, however small the set is.
const FEW: u64 = 1024;
/// An index is taken as long as it gives no more than one record of so many.
const SHARE: u64 = 3;

/// A way that was chosen.
#[derive(Debug, Clone)]
pub(crate) struct Way {
    /// Ranges of indexes, by name.
    pub(crate) reaches: Vec<(String, IndexRange)>,
    /// About how many records they hold.
    pub(crate) entries: u64,
    /// Whether they hold the very records of which the filters are true: one range of an index of
    /// the set itself, and no filter says more.
    pub(crate) exact: bool,
}

/// The way with the fewest records, if it is shorter than reading the set.
pub(crate) fn choose<S: Store>(
    store: &S,
    table: &Table,
    columns: &[SetColumn],
    filters: &[Expr],
    records: Option<usize>,
) -> Option<Way> {
    let catalog = store.catalog();
    let all = catalog.indexes(&table.namespace).iter();
    let usable = all.filter(|index| index.ready && index.def.covers(&table.name));
    let indexes = Indexes { table, defs: usable.map(|index| &*index.def).collect() };
    if indexes.defs.is_empty() {
        return None;
    }
    let filters: Vec<&Expr> = filters.iter().flat_map(split_conjunction).collect();
    let known: Vec<Condition> =
        filters.iter().filter_map(|filter| condition(table, columns, filter)).collect();
    let all_known = known.len() == filters.len() && filters.iter().all(|filter| is_simple(filter));
    let own = |name: &str| {
        let def = indexes.defs.iter().find(|def| *def.name == *name);
        def.is_some_and(|def| def.set.is_some() && def.filter.is_none())
    };
    let records = records.and_then(|records| u64::try_from(records).ok()).unwrap_or(u64::MAX);
    let mut most = (records / SHARE).max(FEW);
    let mut best = None;
    for access in accesses(&Condition::every(known)?, &indexes) {
        let mut reaches = Vec::new();
        for reach in &access.reaches {
            let mut add = |range| {
                let reach = (reach.index.clone(), range);
                if !reaches.contains(&reach) {
                    reaches.push(reach);
                }
            };
            match reach.range.values(&Row::default()).ok()? {
                Values::None => {}
                Values::Between(low, high) => add(IndexRange::Between(low, high)),
                Values::Equal(values) => values.into_iter().map(IndexRange::Equal).for_each(add),
                Values::Prefix(text) => add(IndexRange::Prefix(Value::String(text))),
                Values::Geo(text) => add(IndexRange::Geo(text)),
            }
        }
        let mut entries = 0;
        for (index, range) in &reaches {
            let left = most.saturating_sub(entries).saturating_add(1);
            let count = store.index_count(&table.namespace, index, range, left).ok()?;
            entries = count.entries.saturating_add(entries);
        }
        if entries <= most {
            most = entries;
            let exact = all_known && access.exact;
            let exact = exact && matches!(&reaches[..], [(index, _)] if own(index));
            best = Some(Way { reaches, entries, exact });
        }
    }
    best
}

/// Whether a filter is a comparison, so that all of it is in its condition.
fn is_simple(filter: &Expr) -> bool {
    match filter {
        Expr::BinaryExpr(BinaryExpr { op, .. }) => {
            matches!(
                op,
                Operator::Eq | Operator::Lt | Operator::LtEq | Operator::Gt | Operator::GtEq
            )
        }
        Expr::Between(between) => !between.negated,
        _ => false,
    }
}

/// A filter as a condition of our own; `None` where it says nothing of an index.
fn condition(table: &Table, columns: &[SetColumn], filter: &Expr) -> Option<Condition> {
    let inner = |e: &Expr| condition(table, columns, e);
    let bin = |e: &Expr| column(table, columns, e);
    match filter {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
            Condition::every([inner(left), inner(right)].into_iter().flatten().collect())
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
            Some(Condition::either(vec![inner(left)?, inner(right)?]))
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            let symbol = op.to_string();
            match (bin(left), bin(right)) {
                (Some(source), None) => {
                    let value = constant(source.column_type(), right)?;
                    Condition::compared(&symbol, source, value)
                }
                (None, Some(source)) => {
                    let value = constant(source.column_type(), left)?;
                    Condition::compared(&symbol, value, source)
                }
                _ => None,
            }
        }
        Expr::Between(Between { expr, negated: false, low, high }) => {
            let source = bin(expr)?;
            let t = source.column_type();
            let low = Condition::compared(">=", source.clone(), constant(t, low)?)?;
            Condition::every(vec![low, Condition::compared("<=", source, constant(t, high)?)?])
        }
        Expr::InList(InList { expr, list, negated: false }) => {
            let source = bin(expr)?;
            let values = list.iter().map(|item| constant(source.column_type(), item));
            Some(Condition::is_one_of(source.clone(), values.collect::<Option<_>>()?))
        }
        Expr::Like(Like {
            negated: false,
            expr,
            pattern,
            escape_char,
            case_insensitive: false,
        }) => {
            let source = bin(expr)?;
            let pattern = constant(ColumnType::Text, pattern)?;
            Some(Condition::is_like(source, pattern, escape_char.or(Some('\\'))))
        }
        Expr::IsNotNull(inner) => Some(Condition::is_not_null(bin(inner)?)),
        Expr::Not(negated) => Some(Condition::is_not(bin(negated)?)),
        Expr::Column(_) => bin(filter).filter(|source| source.column_type() == ColumnType::Bool),
        Expr::ScalarFunction(call) => called(table, columns, call),
        _ => None,
    }
}

/// A bin or a key column, also where its integers are widened.
fn column(table: &Table, columns: &[SetColumn], e: &Expr) -> Option<Condition> {
    match e {
        Expr::Column(named) => {
            let column = columns.iter().find(|column| column.name == named.name)?;
            match &column.source {
                Source::Bin(_) | Source::Key(_) => {
                    Some(Condition::of_column(table, table.column(&column.name)?))
                }
                _ => None,
            }
        }
        Expr::Cast(cast) => {
            let source = column(table, columns, &cast.expr)?;
            let integer = |t| matches!(t, ColumnType::Int2 | ColumnType::Int4 | ColumnType::Int8);
            let wide = *cast.field.data_type() == DataType::Int64;
            (integer(source.column_type()) && wide).then_some(source)
        }
        _ => None,
    }
}

/// A literal that is compared with a column of this type.
fn constant(t: ColumnType, e: &Expr) -> Option<Condition> {
    let Expr::Literal(scalar, _) = e else { return None };
    let wider = match t {
        ColumnType::Int2 | ColumnType::Int4 => Some(ColumnType::Int8),
        ColumnType::Varchar(_) => Some(ColumnType::Text),
        _ => None,
    };
    if t == ColumnType::Jsonb {
        return None;
    }
    let value = value_of(scalar, t).or_else(|| value_of(scalar, wider?))?;
    Some(Condition::of_value(value, t))
}

fn text(e: &Expr) -> Option<&str> {
    match e {
        Expr::Literal(ScalarValue::Utf8(Some(text)), _) => Some(text),
        _ => None,
    }
}

/// What a function says of a bin.
fn called(table: &Table, columns: &[SetColumn], call: &ScalarFunction) -> Option<Condition> {
    let args = &call.args[..];
    let bin = |e: &Expr| column(table, columns, e);
    match (call.name(), args) {
        (matches::NAME, [source, place, test, value, high @ ..]) => {
            let high = match high {
                [] => None,
                [high] => Some(text(high)?),
                _ => return None,
            };
            let matcher = Matcher::new(text(place)?, text(test)?, text(value)?, high).ok()?;
            Some(Condition::matched(bin(source)?, matcher))
        }
        ("starts_with", [source, start]) => {
            let start = constant(ColumnType::Text, start)?;
            Condition::called("starts_with", vec![bin(source)?, start])
        }
        ("aeriedb_any", [op, element, array]) if text(op) == Some("=") => {
            let (source, listed) = match bin(array) {
                Some(array) => (array, true),
                None => (bin(element)?, false),
            };
            let other = if listed { element } else { array };
            let Expr::Literal(scalar, _) = other else { return None };
            let t = if listed {
                element_of(source.column_type())?
            } else {
                array_of(source.column_type())?
            };
            let other = Condition::of_value(value_of(scalar, t)?, t);
            Some(match listed {
                true => Condition::equals_any(other, source),
                false => Condition::equals_any(source, other),
            })
        }
        ("aeriedb_contains", [source, part]) => {
            let source = bin(source)?;
            let t = source.column_type();
            let Expr::Literal(scalar, _) = part else { return None };
            let Some(Value::List(list)) = value_of(scalar, t)? else { return None };
            let element = element_of(t)?;
            let one = |value: &Value| {
                let value = Condition::of_value(Some(value.clone()), element);
                Condition::equals_any(value, source.clone())
            };
            Condition::every(list.items.iter().map(one).collect())
        }
        (name, [first, rest @ ..]) => {
            let name = name.strip_prefix(PARTICLE).filter(|name| name.starts_with("st_"))?;
            let shape = |e: &Expr| match bin(e) {
                Some(source) => Some(source),
                None => Some(Condition::of_value(
                    Some(Value::GeoJson(text(e)?.to_string())),
                    ColumnType::GeoJson,
                )),
            };
            let mut all = vec![shape(first)?];
            for (at, e) in rest.iter().enumerate() {
                all.push(match (at, e) {
                    (0, e) => shape(e)?,
                    (_, Expr::Literal(scalar, _)) => {
                        let metres = value_of(scalar, ColumnType::Float8)
                            .or_else(|| value_of(scalar, ColumnType::Int8))?;
                        Condition::of_value(metres, ColumnType::Float8)
                    }
                    _ => return None,
                });
            }
            Condition::called(name, all)
        }
        _ => None,
    }
}

fn element_of(array: ColumnType) -> Option<ColumnType> {
    Some(match array {
        ColumnType::Int8Array => ColumnType::Int8,
        ColumnType::Float8Array => ColumnType::Float8,
        ColumnType::TextArray => ColumnType::Text,
        ColumnType::BoolArray => ColumnType::Bool,
        _ => return None,
    })
}

fn array_of(element: ColumnType) -> Option<ColumnType> {
    Some(match element {
        ColumnType::Int8 => ColumnType::Int8Array,
        ColumnType::Float8 => ColumnType::Float8Array,
        ColumnType::Text => ColumnType::TextArray,
        ColumnType::Bool => ColumnType::BoolArray,
        _ => return None,
    })
}
