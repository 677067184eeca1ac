//! Operators that DataFusion has no meaning for, or another one than PostgreSQL: JSON, arrays, moments
//! and spans; subscripts; rows as one value.

use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::logical_expr::expr::{Placeholder, ScalarFunction};
use datafusion::logical_expr::planner::{
    ExprPlanner, PlannerResult, RawAggregateExpr, RawBinaryExpr, RawFieldAccessExpr,
};
use datafusion::logical_expr::{Expr, ExprSchemable, GetFieldAccess, Operator, lit};
use datafusion::sql::sqlparser::ast::BinaryOperator;
use sql::SqlError;
use sql::functions::Type;

use crate::columns::PSEUDO_COLUMNS;
use crate::error::external;
use crate::{functions, numbers, types};

/// What a row as one value is written as: the name of its relation, this operator, NULL.
pub(crate) const ROW: &str = "aeriedb_row";

/// The operators.
#[derive(Debug)]
pub(crate) struct Operators;

impl ExprPlanner for Operators {
    fn plan_binary_op(
        &self,
        expr: RawBinaryExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>> {
        use BinaryOperator as B;
        let types = || (type_of(&expr.left, schema), type_of(&expr.right, schema));
        let name = match &expr.op {
            B::PGCustomBinaryOperator(parts) if parts.last().is_some_and(|name| name == ROW) => {
                return Ok(PlannerResult::Planned(row(&expr.left, schema)?));
            }
            B::Arrow => "aeriedb_get",
            B::LongArrow => "aeriedb_get_text",
            B::HashArrow => "aeriedb_path",
            B::HashLongArrow => "aeriedb_path_text",
            B::AtArrow => "aeriedb_contains",
            B::ArrowAt => "aeriedb_within",
            B::PGOverlap => "aeriedb_overlap",
            B::Question => "aeriedb_exists",
            B::QuestionPipe => "aeriedb_exists_any",
            B::QuestionAnd => "aeriedb_exists_all",
            B::HashMinus => "aeriedb_delete_path",
            B::AtQuestion => "aeriedb_path_exists",
            B::AtAt => "aeriedb_path_match",
            B::StringConcat if is_compound(types()) => "aeriedb_concat",
            B::Minus if is_json(types()) => "aeriedb_minus",
            B::Plus if is_moment(types()) => "aeriedb_plus",
            B::Minus if is_moment(types()) => "aeriedb_minus",
            B::Multiply if is_moment(types()) => "aeriedb_times",
            B::Divide if is_moment(types()) => "aeriedb_divided",
            B::Eq | B::NotEq | B::Lt | B::LtEq | B::Gt | B::GtEq if is_span(types()) => {
                let RawBinaryExpr { op, left, right } = expr;
                let length = |side| call("aeriedb_span", vec![side]);
                let (left, right) = (length(left), length(right));
                return Ok(PlannerResult::Original(RawBinaryExpr { op, left, right }));
            }
            B::StringConcat => {
                let mut expr = expr;
                for side in [&mut expr.left, &mut expr.right] {
                    if numbers::is_numeric(side, schema) {
                        *side = call("aeriedb_text", vec![side.clone()]);
                    }
                }
                return Ok(PlannerResult::Original(expr));
            }
            _ => {
                let found = match number_operator(&expr.op) {
                    Some(op) => numbers::binary(&expr.left, op, &expr.right, schema)?,
                    None => None,
                };
                return Ok(match found {
                    Some(planned) => PlannerResult::Planned(planned),
                    None => PlannerResult::Original(expr),
                });
            }
        };
        let RawBinaryExpr { left, right, .. } = expr;
        Ok(PlannerResult::Planned(call(name, vec![left, right])))
    }

    fn plan_field_access(
        &self,
        expr: RawFieldAccessExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawFieldAccessExpr>> {
        let mut expr = expr;
        // `vector[0]` is the first element of a vector of the catalogue.
        if let GetFieldAccess::ListIndex { key } = &mut expr.field_access
            && types::is_vector(&expr.expr.to_field(schema)?.1)
        {
            **key = key.as_ref().clone() + lit(1);
        }
        let of = type_of(&expr.expr, schema);
        if !matches!(of, Some(Type::Array(_) | Type::Jsonb)) {
            return Ok(PlannerResult::Original(expr));
        }
        let RawFieldAccessExpr { field_access, expr } = expr;
        let index = |key: Expr| match &key {
            // A text that is a number is one, as subscripts of PostgreSQL read it.
            Expr::Literal(ScalarValue::Utf8(Some(text)), _) if of != Some(Type::Jsonb) => {
                text.trim().parse::<i64>().map_or(key, lit)
            }
            _ => key,
        };
        Ok(PlannerResult::Planned(match field_access {
            GetFieldAccess::NamedStructField { name } => {
                let key = index(Expr::Literal(name, None));
                call("aeriedb_subscript", vec![expr, key])
            }
            GetFieldAccess::ListIndex { key } => call("aeriedb_subscript", vec![expr, index(*key)]),
            GetFieldAccess::ListRange { start, stop, .. } => {
                call("aeriedb_slice", vec![expr, *start, *stop])
            }
        }))
    }

    fn plan_aggregate(&self, expr: RawAggregateExpr) -> Result<PlannerResult<RawAggregateExpr>> {
        let name = expr.func.name();
        if !(name == "corr" || name.starts_with("covar_") || name.starts_with("regr_")) {
            return Ok(PlannerResult::Original(expr));
        }
        // PostgreSQL has these of doubles only.
        let double = |arg| call("aeriedb_float8", vec![arg]);
        let args = expr.args.into_iter().map(double).collect();
        Ok(PlannerResult::Original(RawAggregateExpr { args, ..expr }))
    }

    fn plan_array_literal(
        &self,
        exprs: Vec<Expr>,
        schema: &DFSchema,
    ) -> Result<PlannerResult<Vec<Expr>>> {
        Ok(PlannerResult::Original(numbers::unified(exprs, schema)?))
    }

    fn plan_substring(&self, args: Vec<Expr>) -> Result<PlannerResult<Vec<Expr>>> {
        Ok(PlannerResult::Planned(call("substring", args)))
    }

    fn plan_overlay(&self, args: Vec<Expr>) -> Result<PlannerResult<Vec<Expr>>> {
        Ok(PlannerResult::Planned(call("overlay", args)))
    }
}

fn number_operator(op: &BinaryOperator) -> Option<Operator> {
    Some(match op {
        BinaryOperator::Plus => Operator::Plus,
        BinaryOperator::Minus => Operator::Minus,
        BinaryOperator::Multiply => Operator::Multiply,
        BinaryOperator::Divide => Operator::Divide,
        BinaryOperator::Modulo => Operator::Modulo,
        BinaryOperator::Eq => Operator::Eq,
        BinaryOperator::NotEq => Operator::NotEq,
        BinaryOperator::Lt => Operator::Lt,
        BinaryOperator::LtEq => Operator::LtEq,
        BinaryOperator::Gt => Operator::Gt,
        BinaryOperator::GtEq => Operator::GtEq,
        _ => return None,
    })
}

/// A call of one of our functions.
pub(crate) fn call(name: &str, args: Vec<Expr>) -> Expr {
    Expr::ScalarFunction(ScalarFunction::new_udf(functions::internal(name), args))
}

/// The type of an operand; `None` where it has none yet.
fn type_of(expr: &Expr, schema: &DFSchema) -> Option<Type> {
    if matches!(expr, Expr::Placeholder(Placeholder { field: None, .. })) {
        return Some(Type::Unknown);
    }
    let field = expr.to_field(schema).ok()?.1;
    Some(functions::type_of(&field, matches!(expr, Expr::Literal(..))))
}

type Pair = (Option<Type>, Option<Type>);

fn either((a, b): Pair, is: impl Fn(&Type) -> bool) -> bool {
    a.iter().chain(&b).any(is)
}

fn is_json(types: Pair) -> bool {
    either(types, |t| matches!(t, Type::Json | Type::Jsonb))
}

/// What `||` joins and is no text.
fn is_compound(types: Pair) -> bool {
    either(types, |t| matches!(t, Type::Jsonb | Type::Array(_) | Type::Bytea))
}

fn is_moment(types: Pair) -> bool {
    use Type::*;
    either(types, |t| matches!(t, Date | Time | Timestamp | Timestamptz | Interval))
}

/// Spans are compared by their length, a month taken for 30 days.
fn is_span(types: Pair) -> bool {
    either(types, |t| *t == Type::Interval)
}

/// The columns of a relation that its `*` shows, as one value.
fn row(relation: &Expr, schema: &DFSchema) -> Result<Expr> {
    let Expr::Literal(ScalarValue::Utf8(Some(name)), _) = relation else {
        return Err(external(SqlError::syntax("a row is named by its relation")));
    };
    let mut args = Vec::new();
    for (qualifier, field) in schema.iter() {
        let ours = qualifier.is_some_and(|q| q.table() == name);
        if ours && !PSEUDO_COLUMNS.contains(&field.name().as_str()) {
            args.push(lit(field.name().clone()));
            args.push(Expr::Column(datafusion::common::Column::from((qualifier, field))));
        }
    }
    if args.is_empty() {
        let message = format!("column \"{name}\" does not exist");
        return Err(external(SqlError::new("42703", message)));
    }
    Ok(call("aeriedb_row", args))
}
