//! Functions in the place of operators, casts and comparisons of numbers.
//!
//! DataFusion asks for operators while it resolves a syntax tree, where the type of a subquery's or a
//! CASE's value may not be its last; so what is put there takes numbers of any types. `semantics.rs`
//! asks again, and for everything else, over the finished plan.

use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::logical_expr::expr::{Between, Case, InList, Placeholder};
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, Operator, not};
use sql::SqlError;

use super::arith::{function_of, operator_of};
use super::choose::cast_of;
use super::types::Kind;
use crate::error::external;
use crate::operators::call;
use crate::semantics::text_scalar;
use crate::types::numeric_limits;

impl Kind {
    /// The number type of an expression, if its type is known and is one.
    pub(super) fn of_expr(expr: &Expr, schema: &DFSchema) -> Option<Kind> {
        Kind::of(&type_of(expr, schema)?)
    }
}

fn kind_of(expr: &Expr, schema: &DFSchema) -> Option<Kind> {
    Kind::of_expr(expr, schema)
}

/// A call of one of our functions with one argument.
pub(super) fn call_of(name: &str, arg: Expr) -> Expr {
    call(name, vec![arg])
}

fn type_of(expr: &Expr, schema: &DFSchema) -> Option<DataType> {
    match expr {
        Expr::Placeholder(Placeholder { field: None, .. }) => None,
        expr => expr.to_field(schema).ok().map(|(_, field)| field.data_type().clone()),
    }
}

fn compares(op: Operator) -> bool {
    use Operator::{Eq, Gt, GtEq, IsDistinctFrom, IsNotDistinctFrom, Lt, LtEq, NotEq};
    matches!(op, Eq | NotEq | Lt | LtEq | Gt | GtEq | IsDistinctFrom | IsNotDistinctFrom)
}

/// What stands for an operator of two numbers, where that is not DataFusion's own.
pub(crate) fn binary(
    left: &Expr,
    op: Operator,
    right: &Expr,
    schema: &DFSchema,
) -> Result<Option<Expr>> {
    if !compares(op) && function_of(&op).is_none() {
        return Ok(None);
    }
    let (kinds, left, right) = settled(left, right, schema)?;
    let Some((l, r)) = kinds else { return Ok(None) };
    if compares(op) {
        return Ok(compared(left, op, right, l.operated(r), (l, r)));
    }
    Ok(function_of(&op).map(|name| call(name, vec![left, right])))
}

/// The types of both sides, where both are numbers, and the sides.
type Sides = (Option<(Kind, Kind)>, Expr, Expr);

/// Both sides of an operator: text without a type, NULL and parameters are what the other
/// side is.
fn settled(left: &Expr, right: &Expr, schema: &DFSchema) -> Result<Sides> {
    let (l, r) = (kind_of(left, schema), kind_of(right, schema));
    Ok(match (l, r) {
        (Some(l), Some(r)) => (Some((l, r)), left.clone(), right.clone()),
        (Some(l), None) => match taking(right, l, schema)? {
            Some(right) => (Some((l, l)), left.clone(), right),
            None => (None, left.clone(), right.clone()),
        },
        (None, Some(r)) => match taking(left, r, schema)? {
            Some(left) => (Some((r, r)), left, right.clone()),
            None => (None, left.clone(), right.clone()),
        },
        (None, None) => (None, left.clone(), right.clone()),
    })
}

/// What has no type of its own, in this one.
fn taking(expr: &Expr, kind: Kind, schema: &DFSchema) -> Result<Option<Expr>> {
    let field = Field::new("", kind.data_type(), true);
    Ok(match expr {
        Expr::Placeholder(Placeholder { id, field: None }) => {
            let field = Some(std::sync::Arc::new(field));
            Some(Expr::Placeholder(Placeholder { id: id.clone(), field }))
        }
        Expr::Literal(ScalarValue::Utf8(Some(text)), _) => {
            Some(Expr::Literal(text_scalar(text, &field).map_err(external)?, None))
        }
        expr if type_of(expr, schema).is_some_and(|t| t.is_null()) => {
            Some(Expr::Literal(ScalarValue::try_from(&kind.data_type())?, None))
        }
        _ => None,
    })
}

/// A comparison of numbers of which one is a numeric; DataFusion compares all others.
fn compared(
    left: Expr,
    op: Operator,
    right: Expr,
    kind: Kind,
    (l, r): (Kind, Kind),
) -> Option<Expr> {
    if l != Kind::Numeric && r != Kind::Numeric {
        return None;
    }
    let side = |expr: Expr, own: Kind| match kind {
        Kind::Numeric => key(expr),
        // Beside a double everything is one.
        _ if own == Kind::Float8 => expr,
        _ => call(cast_of(Kind::Float8), vec![expr]),
    };
    let (left, right) = (Box::new(side(left, l)), Box::new(side(right, r)));
    Some(Expr::BinaryExpr(BinaryExpr { left, op, right }))
}

/// A number of another type, or NULL, in this one.
pub(crate) fn brought(expr: Expr, kind: Kind) -> Expr {
    call(cast_of(kind), vec![expr])
}

/// What equal numerics have in common.
pub(crate) fn key(expr: Expr) -> Expr {
    call("aeriedb_number", vec![expr])
}

/// Whether values of an expression are numerics.
pub(crate) fn is_numeric(expr: &Expr, schema: &DFSchema) -> bool {
    kind_of(expr, schema) == Some(Kind::Numeric)
}

/// Arithmetic that turned out to be of other things than numbers, as DataFusion's own.
pub(crate) fn restored(name: &str, args: &[Expr], schema: &DFSchema) -> Option<Expr> {
    let op = operator_of(name)?;
    let [left, right] = args else { return None };
    let number = |expr: &Expr| match type_of(expr, schema) {
        Some(t) => t.is_null() || Kind::of(&t).is_some(),
        None => true,
    };
    if number(left) && number(right) {
        return None;
    }
    let (left, right) = (Box::new(left.clone()), Box::new(right.clone()));
    Some(Expr::BinaryExpr(BinaryExpr { left, op, right }))
}

/// `x BETWEEN a AND b` where one of them is a numeric.
pub(crate) fn between(between: &Between, schema: &DFSchema) -> Result<Option<Expr>> {
    let Between { expr, negated, low, high } = between;
    if ![expr, low, high].iter().any(|e| is_numeric(e, schema)) {
        return Ok(None);
    }
    let side = |op, bound: &Expr| -> Result<Expr> {
        let plain = || {
            let (left, right) = (expr.clone(), Box::new(bound.clone()));
            Expr::BinaryExpr(BinaryExpr { left, op, right })
        };
        Ok(binary(expr, op, bound, schema)?.unwrap_or_else(plain))
    };
    let both = side(Operator::GtEq, low)?.and(side(Operator::LtEq, high)?);
    Ok(Some(if *negated { not(both) } else { both }))
}

/// `x IN (..)` where x or a member is a numeric.
pub(crate) fn in_list(list: &InList, schema: &DFSchema) -> Result<Option<Expr>> {
    let kinds = |expr: &Expr| kind_of(expr, schema);
    let all = || std::iter::once(&*list.expr).chain(&list.list);
    if !all().any(|expr| kinds(expr) == Some(Kind::Numeric)) {
        return Ok(None);
    }
    let Some(kind) = all().filter_map(kinds).reduce(Kind::operated) else { return Ok(None) };
    let side = |expr: &Expr| -> Result<Expr> {
        let expr = taking(expr, kind, schema)?.unwrap_or_else(|| expr.clone());
        Ok(match kind {
            Kind::Numeric => key(expr),
            _ => call(cast_of(Kind::Float8), vec![expr]),
        })
    };
    Ok(Some(Expr::InList(InList {
        expr: Box::new(side(&list.expr)?),
        list: list.list.iter().map(side).collect::<Result<_>>()?,
        negated: list.negated,
    })))
}

/// Expressions in one number type, where all are numbers of several: as the branches of CASE and the
/// arguments of coalesce.
pub(crate) fn unified(exprs: Vec<Expr>, schema: &DFSchema) -> Result<Vec<Expr>> {
    let mut kinds = Vec::new();
    for expr in &exprs {
        match type_of(expr, schema) {
            Some(t) if t.is_null() => {}
            Some(_) if matches!(expr, Expr::Literal(ScalarValue::Utf8(_), _)) => {}
            Some(t) => match Kind::of(&t) {
                Some(kind) => kinds.push(kind),
                None => return Ok(exprs),
            },
            None => {}
        }
    }
    let Some(kind) = kinds.iter().copied().max() else { return Ok(exprs) };
    exprs
        .into_iter()
        .map(|expr| match kind_of(&expr, schema) {
            Some(own) if own == kind => Ok(expr),
            Some(_) => Ok(call(cast_of(kind), vec![expr])),
            None => Ok(taking(&expr, kind, schema)?.unwrap_or(expr)),
        })
        .collect()
}

/// A CASE whose branches are of one type, and whose operand, if it is a numeric, is compared as one.
pub(crate) fn case(case: Case, schema: &DFSchema) -> Result<Case> {
    let Case { expr, when_then_expr, else_expr } = case;
    let (whens, thens): (Vec<_>, Vec<_>) = when_then_expr.into_iter().unzip();
    let last = else_expr.is_some();
    let branches = thens.into_iter().chain(else_expr).map(|e| *e).collect();
    let mut branches = unified(branches, schema)?;
    let else_expr = if last { branches.pop().map(Box::new) } else { None };
    let numeric = expr.iter().chain(&whens).any(|e| is_numeric(e, schema));
    let (expr, whens) = match expr {
        Some(operand) if numeric => {
            let searched = whens.iter().map(|when| {
                let plain = || operand.as_ref().clone().eq(when.as_ref().clone());
                let equal = binary(&operand, Operator::Eq, when, schema)?.unwrap_or_else(plain);
                Ok(Box::new(equal))
            });
            (None, searched.collect::<Result<Vec<_>>>()?)
        }
        other => (other, whens),
    };
    let when_then_expr = whens.into_iter().zip(branches.into_iter().map(Box::new)).collect();
    Ok(Case { expr, when_then_expr, else_expr })
}

/// `nullif(a, b)` of two numbers.
pub(crate) fn nullif(args: &[Expr], schema: &DFSchema) -> Result<Option<Expr>> {
    let [a, b] = args else { return Ok(None) };
    if kind_of(a, schema).is_none() || type_of(b, schema).is_some_and(|t| Kind::of(&t).is_none()) {
        return Ok(None);
    }
    let plain = || a.clone().eq(b.clone());
    let equal = binary(a, Operator::Eq, b, schema)?.unwrap_or_else(plain);
    let null = Expr::Literal(ScalarValue::Null, None);
    // The result has the type in which both were compared.
    let kind = kind_of(a, schema).zip(kind_of(b, schema)).map(|(a, b)| a.operated(b));
    let result = match kind {
        Some(kind) if Some(kind) != kind_of(a, schema) => brought(a.clone(), kind),
        _ => a.clone(),
    };
    Ok(Some(Expr::Case(Case {
        expr: None,
        when_then_expr: vec![(Box::new(equal), Box::new(null))],
        else_expr: Some(Box::new(result)),
    })))
}

/// A cast to or from a number type, by PostgreSQL's rules; `None` where DataFusion's own will do.
pub(crate) fn cast(expr: &Expr, from: &Field, to: &Field) -> Result<Option<Expr>> {
    let (source, target) = (from.data_type(), to.data_type());
    let number = |kind: Kind| call(cast_of(kind), vec![expr.clone()]);
    // OIDs are bigints with another name.
    if crate::types::mark(to).is_some() {
        return Ok(None);
    }
    let Some(kind) = Kind::of(target) else {
        return Ok(match (Kind::of(source), target) {
            (Some(kind), DataType::Boolean) if kind.is_integer() => {
                Some(call("aeriedb_bool", vec![expr.clone()]))
            }
            (Some(_), DataType::Boolean | DataType::Date32 | DataType::Binary) => {
                return Err(no_cast(from, to));
            }
            _ => None,
        });
    };
    if source.is_null() {
        return Ok(Some(Expr::Literal(ScalarValue::try_from(target)?, None)));
    }
    if let (Expr::Literal(ScalarValue::Int64(Some(n)), _), Kind::Int4) = (expr, kind)
        && let Ok(n) = i32::try_from(*n)
    {
        return Ok(Some(Expr::Literal(ScalarValue::Int32(Some(n)), None)));
    }
    match source {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {}
        DataType::Boolean if kind == Kind::Int4 => {}
        source => match Kind::of(source) {
            Some(own) if own == kind && from.metadata() == to.metadata() => {
                return Ok(Some(expr.clone()));
            }
            Some(_) => {}
            // Catalogue types are numbers with another name.
            None if source == target => return Ok(None),
            None if matches!(source, DataType::Boolean | DataType::Date32 | DataType::Binary) => {
                return Err(no_cast(from, to));
            }
            None => return Ok(None),
        },
    }
    Ok(Some(match (kind, numeric_limits(to)) {
        (Kind::Numeric, Some((precision, scale))) => {
            let literal = |n: u8| Expr::Literal(ScalarValue::Int64(Some(n.into())), None);
            call(cast_of(kind), vec![expr.clone(), literal(precision), literal(scale)])
        }
        _ => number(kind),
    }))
}

fn no_cast(from: &Field, to: &Field) -> datafusion::common::DataFusionError {
    let (from, to) = (crate::types::type_name(from), crate::types::type_name(to));
    external(SqlError::new("42846", format!("cannot cast type {from} to {to}")))
}
