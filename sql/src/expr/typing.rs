//! Which types meet: promotion, comparison, arithmetic.

use model::ColumnType;

use crate::SqlError;
use crate::types::numeric::Op;

/// `numeric` without limits.
pub(super) const NUMERIC: ColumnType = ColumnType::Numeric { precision: 0, scale: 0 };

pub(super) fn no_operator(what: &str) -> SqlError {
    SqlError::new("42883", format!("operator does not exist: {what}")).hint(
        "No operator matches the given types: add a cast, such as CAST(x AS text) or x::bigint, or \
         put quotes around text",
    )
}

pub(super) fn is_integer(t: ColumnType) -> bool {
    matches!(t, ColumnType::Int2 | ColumnType::Int4 | ColumnType::Int8)
}

pub(super) fn is_float(t: ColumnType) -> bool {
    matches!(t, ColumnType::Float4 | ColumnType::Float8)
}

pub(super) fn is_number(t: ColumnType) -> bool {
    is_integer(t) || is_float(t) || matches!(t, ColumnType::Numeric { .. })
}

pub(super) fn is_text(t: ColumnType) -> bool {
    matches!(t, ColumnType::Text | ColumnType::Varchar(_))
}

pub(super) fn is_timestamp(t: ColumnType) -> bool {
    matches!(t, ColumnType::Timestamp | ColumnType::Timestamptz)
}

/// The type that a literal takes from what it meets: without limits of length or scale.
pub(super) fn met(t: ColumnType) -> ColumnType {
    match t {
        ColumnType::Varchar(_) => ColumnType::Text,
        ColumnType::Numeric { .. } => NUMERIC,
        other => other,
    }
}

/// The type that a literal takes as an operand of arithmetic.
pub(super) fn operand(t: ColumnType) -> ColumnType {
    if t == ColumnType::Date { ColumnType::Int4 } else { met(t) }
}

/// The type in which values of both types can be compared.
pub(super) fn common(a: ColumnType, b: ColumnType) -> Option<ColumnType> {
    use ColumnType::*;
    let rank = |t| match t {
        Int2 => 0,
        Int4 => 1,
        Int8 => 2,
        Numeric { .. } => 3,
        Float4 => 4,
        _ => 5,
    };
    Some(match (a, b) {
        (a, b) if a == b => a,
        (Jsonb, _) | (_, Jsonb) => Jsonb,
        (Float4, b) | (b, Float4) if is_number(b) && b != Float4 => Float8,
        (a, b) if is_number(a) && is_number(b) => {
            if rank(a) >= rank(b) {
                a
            } else {
                b
            }
        }
        (a, b) if is_text(a) && is_text(b) => Text,
        (a, b) if is_timestamp(a) && is_timestamp(b) => Timestamptz,
        (Date, t) | (t, Date) if is_timestamp(t) => t,
        _ => return None,
    })
}

/// The type of a date shifted by days, or of the days between two dates.
pub(super) fn date_arith(op: Op, a: ColumnType, b: ColumnType) -> Option<ColumnType> {
    match (op, a, b) {
        (Op::Add | Op::Sub, ColumnType::Date, b) if is_integer(b) => Some(ColumnType::Date),
        (Op::Add, a, ColumnType::Date) if is_integer(a) => Some(ColumnType::Date),
        (Op::Sub, ColumnType::Date, ColumnType::Date) => Some(ColumnType::Int4),
        _ => None,
    }
}

/// The array type of elements of this type.
pub(crate) fn array_of(t: ColumnType) -> Option<ColumnType> {
    use ColumnType::*;
    Some(match t {
        Int2 | Int4 | Int8 => Int8Array,
        Float4 | Float8 => Float8Array,
        Text | Varchar(_) => TextArray,
        Bool => BoolArray,
        _ => return None,
    })
}
