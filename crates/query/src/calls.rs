//! Expressions that SQL has its own words for, said as calls of functions: `EXTRACT (..)`, `AT TIME
//! ZONE`, `SIMILAR TO`, aggregates of JSON, comparisons of rows, functions that give rows.

use datafusion::sql::sqlparser::ast::helpers::attached_token::AttachedToken;
use datafusion::sql::sqlparser::ast::{
    AccessExpr, BinaryOperator, CaseWhen, CastKind, DataType, DateTimeField, DuplicateTreatment,
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause, FunctionArguments, Ident,
    OrderByExpr, OrderByOptions, Query, SetExpr, Subscript, TableAlias, TableAliasColumnDef,
    UnaryOperator, Value,
};
use sql::functions::is_set;
use sql::particles;

use crate::from_rows::query_over;
use crate::functions::{LIST, PARTICLE};
use crate::names::last_of;
use crate::rewrite::{call, null, number, string, take};

/// What stands in place of an expression, if something else does.
pub(crate) fn called(expr: &mut Expr) -> Option<Expr> {
    match expr {
        Expr::Function(function) => of_function(function),
        Expr::Extract { field, expr, .. } => Some(extract(field, take(expr))),
        Expr::AtTimeZone { timestamp, time_zone } => {
            Some(call("timezone", vec![take(time_zone), take(timestamp)]))
        }
        Expr::Position { expr, r#in } => Some(call("strpos", vec![take(r#in), take(expr)])),
        Expr::SimilarTo { negated, expr, pattern, escape_char } => {
            let mut args = vec![take(expr), take(pattern)];
            args.extend(escape_char.take().map(Expr::Value));
            Some(not(*negated, call("aeriedb_similar", args)))
        }
        Expr::CompoundFieldAccess { access_chain, .. } => {
            for access in access_chain {
                if let AccessExpr::Subscript(Subscript::Slice {
                    lower_bound, upper_bound, ..
                }) = access
                {
                    lower_bound.get_or_insert_with(null);
                    upper_bound.get_or_insert_with(null);
                }
            }
            None
        }
        Expr::Interval(interval) => {
            let unit = interval.leading_field.as_ref().map(|f| format!(" {f}")).unwrap_or_default();
            let Expr::Value(value) = &*interval.value else { return None };
            let text = match &value.value {
                Value::SingleQuotedString(text) | Value::Number(text, _) => text,
                _ => return None,
            };
            Some(cast(string(format!("{text}{unit}")), INTERVAL))
        }
        Expr::UnaryOp { op: UnaryOperator::Minus, expr }
            if matches!(**expr, Expr::Cast { data_type: DataType::Interval { .. }, .. }) =>
        {
            Some(call("aeriedb_negated", vec![take(expr)]))
        }
        Expr::BinaryOp { left, op: BinaryOperator::Overlaps, right } => {
            let (Expr::Tuple(a), Expr::Tuple(b)) = (&mut **left, &mut **right) else { return None };
            let args = a.iter_mut().chain(b).map(take);
            Some(call("aeriedb_overlaps", args.collect()))
        }
        Expr::BinaryOp { left, op: BinaryOperator::PGStartsWith, right } => {
            Some(call("starts_with", vec![take(left), take(right)]))
        }
        Expr::BinaryOp { left, op, right } => {
            let (a, b) = (row(left)?, row(right)?);
            compared(&a, op, &b)
        }
        Expr::InList { expr, list, negated } => {
            let left = row(expr)?;
            let rows = list.iter().map(row).collect::<Option<Vec<_>>>()?;
            let equal = |row: Vec<Expr>| compared(&left, &BinaryOperator::Eq, &row);
            let any = rows.into_iter().map(equal).collect::<Option<Vec<_>>>()?;
            any.into_iter()
                .reduce(|a, b| nested(a, BinaryOperator::Or, b))
                .map(|e| not(*negated, e))
        }
        Expr::InSubquery { expr, subquery, negated } => {
            let found = one_of(row(expr)?, subquery);
            Some(not(*negated, found))
        }
        _ => None,
    }
}

/// Whether a row is one of a subquery's: true where all parts of one are equal, else unknown where no
/// part of one differs, else false.
fn one_of(parts: Vec<Expr>, subquery: &Query) -> Expr {
    let name = |i: usize| Ident::with_quote('"', format!("__{i}"));
    let among = |part_agrees: &dyn Fn(Expr) -> Expr| {
        let agree = parts.iter().enumerate().map(|(i, part)| {
            let found = Expr::Identifier(name(i));
            part_agrees(nested(found, BinaryOperator::Eq, part.clone()))
        });
        let condition = agree.reduce(|a, b| nested(a, BinaryOperator::And, b));
        let columns = (0..parts.len()).map(name).collect();
        let count = counted(subquery.clone(), columns, condition);
        nested(count, BinaryOperator::Gt, number(0))
    };
    let is = among(&|equal| equal);
    let may_be = among(&|equal| Expr::IsNotFalse(Box::new(equal)));
    let truth = |truth| Expr::Value(Value::Boolean(truth).into());
    let when = |condition, result| CaseWhen { condition, result };
    Expr::Case {
        case_token: AttachedToken::empty(),
        end_token: AttachedToken::empty(),
        operand: None,
        conditions: vec![when(is, truth(true)), when(may_be, null())],
        else_result: Some(Box::new(truth(false))),
    }
}

/// `(SELECT count(*) FROM (subquery) AS "__in" (columns) WHERE condition)`
fn counted(subquery: Query, columns: Vec<Ident>, condition: Option<Expr>) -> Expr {
    let column = |name| TableAliasColumnDef { name, data_type: None };
    let columns = columns.into_iter().map(column).collect();
    let name = Ident::with_quote('"', "__in");
    let alias = TableAlias { explicit: true, name, columns, at: None };
    let mut query = query_over(subquery, alias, call("count", vec![number(1)]));
    if let SetExpr::Select(select) = &mut *query.body {
        select.selection = condition;
    }
    Expr::Subquery(Box::new(query))
}

const INTERVAL: DataType = DataType::Interval { fields: None, precision: None };

fn cast(expr: Expr, data_type: DataType) -> Expr {
    let (kind, expr) = (CastKind::Cast, Box::new(expr));
    Expr::Cast { kind, expr, data_type, array: false, format: None }
}

fn not(negated: bool, expr: Expr) -> Expr {
    match negated {
        true => Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(expr) },
        false => expr,
    }
}

fn nested(left: Expr, op: BinaryOperator, right: Expr) -> Expr {
    let whole = Expr::BinaryOp { left: Box::new(left), op, right: Box::new(right) };
    Expr::Nested(Box::new(whole))
}

/// The parts of a row: `(a, b)` or `ROW (a, b)`.
fn row(expr: &Expr) -> Option<Vec<Expr>> {
    match expr {
        Expr::Tuple(parts) => Some(parts.clone()),
        // What `ROW (..)` has become by now: names and values.
        Expr::Function(function) if last_of(&function.name) == RECORD => {
            let FunctionArguments::List(list) = &function.args else { return None };
            let part = |arg: &FunctionArg| match arg {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(e)) => Some(e.clone()),
                _ => None,
            };
            list.args.iter().skip(1).step_by(2).map(part).collect()
        }
        _ => None,
    }
}

/// The function that makes a row of names and values.
const RECORD: &str = "aeriedb_row";

/// A row whose columns have no names of their own.
fn record(values: Vec<Expr>) -> Expr {
    let named = values.into_iter().enumerate();
    call(RECORD, named.flat_map(|(i, value)| [string(format!("f{}", i + 1)), value]).collect())
}

/// Rows are compared part by part, the first that differs decides.
fn compared(a: &[Expr], op: &BinaryOperator, b: &[Expr]) -> Option<Expr> {
    use BinaryOperator as B;
    if a.len() != b.len() || a.is_empty() {
        return None;
    }
    let pairs = a.iter().cloned().zip(b.iter().cloned());
    let each = |op: B, with: B| {
        let parts = pairs.clone().map(move |(x, y)| nested(x, op.clone(), y));
        parts.reduce(move |x, y| nested(x, with.clone(), y))
    };
    let strict = match op {
        B::Eq => return each(B::Eq, B::And),
        B::NotEq => return each(B::NotEq, B::Or),
        B::Lt | B::LtEq => B::Lt,
        B::Gt | B::GtEq => B::Gt,
        _ => return None,
    };
    let mut pairs = pairs.rev();
    let (x, y) = pairs.next()?;
    let last = nested(x, op.clone(), y);
    Some(pairs.fold(last, |rest, (x, y)| {
        let same = nested(nested(x.clone(), B::Eq, y.clone()), B::And, rest);
        nested(nested(x, strict.clone(), y), B::Or, same)
    }))
}

fn extract(field: &DateTimeField, expr: Expr) -> Expr {
    let name = field.to_string().to_lowercase();
    call("aeriedb_extract", vec![string(name.trim_matches('\'')), expr])
}

fn of_function(function: &mut Function) -> Option<Expr> {
    let name = last_of(&function.name);
    match name.as_str() {
        "every" => function.name = vec![Ident::new("bool_and")].into(),
        "row" => return args(function).map(record),
        _ => {}
    }
    if let FunctionArguments::List(list) = &function.args
        && particles::find(&name, list.args.len()).is_some()
    {
        return args(function).map(|args| call(&format!("{PARTICLE}{name}"), args));
    }
    if matches!(last_word(&name), "agg") {
        sort_distinct(function);
    }
    let aggregate = match name.as_str() {
        "json_agg" => Some(("aeriedb_json_item", "aeriedb_json_array")),
        "jsonb_agg" => Some(("aeriedb_json_item", "aeriedb_jsonb_array")),
        "json_object_agg" => Some(("aeriedb_json_pair", "aeriedb_json_object")),
        "jsonb_object_agg" => Some(("aeriedb_json_pair", "aeriedb_jsonb_object")),
        _ => None,
    };
    if let Some((part, whole)) = aggregate {
        return collected(function, part, whole);
    }
    if name == "make_interval" {
        return positional(
            function,
            &["years", "months", "weeks", "days", "hours", "mins", "secs"],
        );
    }
    // Those of vectors count from 0: `rewrite.rs` knows.
    if matches!(name.as_str(), "unnest" | "generate_subscripts") || !is_set(&name) {
        return None;
    }
    let args = args(function)?;
    Some(rows_of(&name, args))
}

fn last_word(name: &str) -> &str {
    name.rsplit('_').next().unwrap_or(name)
}

/// `array_agg(DISTINCT x)` gives what it collects in order, as PostgreSQL finds duplicates by sorting.
fn sort_distinct(function: &mut Function) {
    let FunctionArguments::List(list) = &mut function.args else { return };
    let distinct = matches!(list.duplicate_treatment, Some(DuplicateTreatment::Distinct));
    let sorted = |c: &FunctionArgumentClause| matches!(c, FunctionArgumentClause::OrderBy(_));
    if distinct
        && !list.clauses.iter().any(sorted)
        && let Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(first))) = list.args.first()
    {
        let options = OrderByOptions { asc: None, nulls_first: None };
        let order = OrderByExpr { expr: first.clone(), options, with_fill: None };
        list.clauses.push(FunctionArgumentClause::OrderBy(vec![order]));
    }
}

/// Unnamed arguments, taken out.
fn args(function: &mut Function) -> Option<Vec<Expr>> {
    let FunctionArguments::List(list) = &mut function.args else { return None };
    let plain = |arg: &FunctionArg| matches!(arg, FunctionArg::Unnamed(FunctionArgExpr::Expr(_)));
    if !list.args.iter().all(plain) {
        return None;
    }
    let one = |arg: FunctionArg| match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(e)) => Some(e),
        _ => None,
    };
    std::mem::take(&mut list.args).into_iter().map(one).collect()
}

/// The rows that a set function gives.
fn rows_of(name: &str, args: Vec<Expr>) -> Expr {
    marked(name, call("unnest", vec![call(&format!("{LIST}{name}"), args)]))
}

/// Rows of JSON, marked as such: DataFusion's expansion of arrays loses the mark.
pub(crate) fn marked(name: &str, rows: Expr) -> Expr {
    match name {
        "jsonb_array_elements" | "jsonb_path_query" | "jsonb_each" => {
            call("aeriedb_as_jsonb", vec![rows])
        }
        "json_array_elements" | "json_each" => call("aeriedb_as_json", vec![rows]),
        _ => rows,
    }
}

/// An aggregate of JSON: the rows' parts are collected as they are asked for, then put together.
fn collected(function: &mut Function, part: &str, whole: &str) -> Option<Expr> {
    let parts = call(part, args(function)?);
    let mut inner = function.clone();
    // What is collected DISTINCT is sorted by what is collected.
    if let FunctionArguments::List(list) = &mut inner.args
        && list.duplicate_treatment.is_some()
    {
        for clause in &mut list.clauses {
            if let FunctionArgumentClause::OrderBy(order) = clause {
                order.iter_mut().for_each(|order| order.expr = parts.clone());
            }
        }
    }
    inner.name = vec![Ident::new("array_agg")].into();
    if let FunctionArguments::List(list) = &mut inner.args {
        list.args = vec![FunctionArg::Unnamed(FunctionArgExpr::Expr(parts))];
    }
    Some(call(whole, vec![Expr::Function(inner)]))
}

/// Arguments by name in their places; what is not given is 0.
fn positional(function: &mut Function, names: &[&str]) -> Option<Expr> {
    let FunctionArguments::List(list) = &mut function.args else { return None };
    let named = |arg: &FunctionArg| !matches!(arg, FunctionArg::Unnamed(_));
    if !list.args.iter().any(named) {
        return None;
    }
    let mut places: Vec<Expr> = names.iter().map(|_| number(0)).collect();
    for (i, arg) in list.args.iter().enumerate() {
        let (at, value) = match arg {
            FunctionArg::Unnamed(value) => (i, value),
            FunctionArg::Named { name, arg, .. } => {
                (names.iter().position(|n| name.value.eq_ignore_ascii_case(n))?, arg)
            }
            FunctionArg::ExprNamed { name: Expr::Identifier(name), arg, .. } => {
                (names.iter().position(|n| name.value.eq_ignore_ascii_case(n))?, arg)
            }
            _ => return None,
        };
        let FunctionArgExpr::Expr(value) = value else { return None };
        *places.get_mut(at)? = value.clone();
    }
    Some(call(&last_of(&function.name), places))
}

/// Whether nothing but numbers is given.
pub(crate) fn is_constant(args: &[FunctionArg]) -> bool {
    let constant = |arg: &FunctionArg| match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(e)) => is_number(e),
        _ => false,
    };
    args.iter().all(constant)
}

fn is_number(expr: &Expr) -> bool {
    match expr {
        Expr::Value(value) => matches!(value.value, Value::Number(..)),
        Expr::UnaryOp { op: UnaryOperator::Minus | UnaryOperator::Plus, expr } => is_number(expr),
        Expr::Nested(expr) | Expr::Cast { expr, .. } => is_number(expr),
        _ => false,
    }
}
