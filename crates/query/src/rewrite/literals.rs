//! Number literals in PostgreSQL's types: integer, else bigint, else numeric.
//!
//! DataFusion takes each for a bigint or a double. So a literal becomes a cast of itself; but not
//! where a bare number means a place or a count: `ORDER BY 1`, `LIMIT 5`, `ntile(4)`.

use datafusion::sql::sqlparser::ast::{
    CastKind, DataType, Distinct, ExactNumberInfo, Expr, Function, FunctionArg, FunctionArgExpr,
    FunctionArguments, GroupByExpr, LimitClause, OrderByKind, Query, Select, SetExpr,
    UnaryOperator, Value, WindowFrameBound, WindowType,
};

use super::{call, string, take};
use crate::names::last_of;

/// The literal with its type, if the expression is one; signs with their operands.
pub(super) fn typed(expr: &mut Expr) -> Option<Expr> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::Number(text, _) => Some(number(&text.replace('_', ""))),
            _ => None,
        },
        Expr::UnaryOp { op: UnaryOperator::Minus, expr: inner } => Some(match literal_of(inner) {
            Some(text) => number(&format!("-{text}")),
            None => call("aeriedb_negate", vec![take(inner)]),
        }),
        Expr::UnaryOp { op: UnaryOperator::Plus, expr: inner } => Some(take(inner)),
        Expr::UnaryOp { op: UnaryOperator::BitwiseNot, expr: inner } => {
            Some(call("aeriedb_not", vec![take(inner)]))
        }
        _ => None,
    }
}

fn number(text: &str) -> Expr {
    let cast = |expr, data_type| Expr::Cast {
        kind: CastKind::Cast,
        expr: Box::new(expr),
        data_type,
        array: false,
        format: None,
    };
    let bare = |text: &str| match text.strip_prefix('-') {
        Some(digits) => Expr::UnaryOp {
            op: UnaryOperator::Minus,
            expr: Box::new(Expr::Value(Value::Number(digits.into(), false).into())),
        },
        None => Expr::Value(Value::Number(text.into(), false).into()),
    };
    if text.parse::<i32>().is_ok() {
        return cast(bare(text), DataType::Int4(None));
    }
    if text.parse::<i64>().is_ok() {
        return cast(bare(text), DataType::Int8(None));
    }
    cast(string(text), DataType::Numeric(ExactNumberInfo::None))
}

/// The digits of a literal that [`typed`] made, if it is not negative.
fn literal_of(expr: &Expr) -> Option<&str> {
    let Expr::Cast { expr: inner, kind: CastKind::Cast, .. } = expr else { return None };
    let Expr::Value(value) = &**inner else { return None };
    match &value.value {
        Value::Number(text, _) => Some(text),
        Value::SingleQuotedString(text) => {
            let digit = |c: char| c.is_ascii_digit() || c == '.';
            text.starts_with(digit).then_some(text)
        }
        _ => None,
    }
}

/// Takes the type from an integer literal again.
fn plain(expr: &mut Expr) {
    if let Expr::Cast { expr: inner, data_type: DataType::Int4(_) | DataType::Int8(_), .. } = expr
        && let Expr::Value(value) = &**inner
        && matches!(value.value, Value::Number(..))
    {
        *expr = take(inner);
    }
}

/// A cast to a number type as a call, which has a name of its own.
pub(super) fn named_cast(expr: &mut Expr) -> Option<Expr> {
    let Expr::Cast { expr: inner, data_type, .. } = expr else { return None };
    let name = match data_type {
        DataType::Int2(_) | DataType::SmallInt(_) => "aeriedb_int2",
        DataType::Int4(_) | DataType::Int(_) | DataType::Integer(_) => "aeriedb_int4",
        DataType::Int8(_) | DataType::BigInt(_) => "aeriedb_int8",
        DataType::Numeric(ExactNumberInfo::None) => "aeriedb_numeric",
        DataType::Float4 | DataType::Real => "aeriedb_float4",
        DataType::Float8 | DataType::DoublePrecision => "aeriedb_float8",
        _ => return None,
    };
    Some(call(name, vec![take(inner)]))
}

/// ORDER BY, LIMIT, OFFSET; and VALUES, whose columns have one type each.
pub(super) fn plain_in_query(query: &mut Query) {
    if let Some(order) = &mut query.order_by
        && let OrderByKind::Expressions(items) = &mut order.kind
    {
        items.iter_mut().for_each(|item| plain(&mut item.expr));
    }
    match &mut query.limit_clause {
        Some(LimitClause::LimitOffset { limit, offset, .. }) => {
            limit.iter_mut().for_each(plain);
            offset.iter_mut().for_each(|offset| plain(&mut offset.value));
        }
        Some(LimitClause::OffsetCommaLimit { offset, limit }) => {
            plain(offset);
            plain(limit);
        }
        None => {}
    }
    if let Some(fetch) = &mut query.fetch {
        fetch.quantity.iter_mut().for_each(plain);
    }
    if let SetExpr::Values(values) = &mut *query.body {
        let width = values.rows.iter().map(|row| row.len()).min().unwrap_or(0);
        for i in 0..width {
            if values.rows.iter().any(|row| is_numeric(&row[i])) {
                values.rows.iter_mut().for_each(|row| make_numeric(&mut row[i]));
            }
        }
    }
}

fn is_numeric(expr: &Expr) -> bool {
    matches!(expr, Expr::Cast { data_type: DataType::Numeric(ExactNumberInfo::None), .. })
}

fn make_numeric(expr: &mut Expr) {
    if let Expr::Cast { expr: inner, data_type, .. } = expr
        && matches!(data_type, DataType::Int4(_) | DataType::Int8(_))
        && matches!(&**inner, Expr::Value(_) | Expr::UnaryOp { .. })
    {
        **inner = string(inner.to_string());
        *data_type = DataType::Numeric(ExactNumberInfo::None);
    }
}

/// GROUP BY and DISTINCT ON.
pub(super) fn plain_in_select(select: &mut Select) {
    if let GroupByExpr::Expressions(exprs, _) = &mut select.group_by {
        exprs.iter_mut().for_each(plain);
    }
    if let Some(Distinct::On(exprs)) = &mut select.distinct {
        exprs.iter_mut().for_each(plain);
    }
}

/// Arguments that count rows, and the bounds of a window's frame.
pub(super) fn plain_in_call(function: &mut Function) {
    if let Some(WindowType::WindowSpec(spec)) = &mut function.over
        && let Some(frame) = &mut spec.window_frame
    {
        for bound in std::iter::once(&mut frame.start_bound).chain(&mut frame.end_bound) {
            if let WindowFrameBound::Preceding(Some(n)) | WindowFrameBound::Following(Some(n)) =
                bound
            {
                plain(n);
            }
        }
    }
    let counts = matches!(last_of(&function.name).as_str(), "ntile" | "lag" | "lead" | "nth_value");
    if counts && let FunctionArguments::List(list) = &mut function.args {
        let first = usize::from(last_of(&function.name) != "ntile");
        for arg in list.args.iter_mut().skip(first).take(1) {
            if let FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) = arg {
                plain(expr);
            }
        }
    }
}
