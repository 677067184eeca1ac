//! Expressions in Aerospike's own form: what an index is over, and which records a partial one holds.
//!
//! The form is that of `particle::exp`. An expression is exported where it is true, or has a value,
//! of every record of which SQL says so; else an index over it would miss rows. NULL is *unknown*
//! there. Doubles are compared so that a NaN is greater than all numbers, as in PostgreSQL.

use model::msgpack::{put_integer, put_list_header, put_raw, put_value};
use model::{ColumnType, Value, ValueType};

use super::functions::Function;
use super::typing::{is_float, is_integer};
use super::{Cmp, Expr, Node};
use crate::types::numeric::Op;

/// The operations that are used, by their numbers in the protocol.
mod code {
    pub(super) const EQ: i64 = 1;
    pub(super) const NE: i64 = 2;
    pub(super) const GT: i64 = 3;
    pub(super) const GE: i64 = 4;
    pub(super) const LT: i64 = 5;
    pub(super) const LE: i64 = 6;
    pub(super) const AND: i64 = 16;
    pub(super) const OR: i64 = 17;
    pub(super) const NOT: i64 = 18;
    pub(super) const ADD: i64 = 20;
    pub(super) const SUB: i64 = 21;
    pub(super) const MUL: i64 = 22;
    pub(super) const DIV: i64 = 23;
    pub(super) const MOD: i64 = 26;
    pub(super) const ABS: i64 = 27;
    pub(super) const FLOOR: i64 = 28;
    pub(super) const CEIL: i64 = 29;
    pub(super) const TO_DOUBLE: i64 = 31;
    pub(super) const KEY: i64 = 80;
    pub(super) const BIN: i64 = 81;
    pub(super) const BIN_TYPE: i64 = 82;
}

impl Expr {
    /// The bytes of the expression; `None` where Aerospike's have no word for a part of it.
    pub fn exported(&self) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        put(&mut out, self)?;
        Some(out)
    }
}

/// The protocol's number of the type of a column's values.
fn type_number(t: ColumnType) -> Option<i64> {
    Some(match t.stored_as()? {
        ValueType::Bool => 1,
        ValueType::Integer => 2,
        ValueType::String if !matches!(t, ColumnType::Numeric { .. }) => 3,
        ValueType::Blob => 6,
        ValueType::Double => 7,
        ValueType::GeoJson => 8,
        _ => return None,
    })
}

/// An operation of these arguments.
fn op<'e>(out: &mut Vec<u8>, code: i64, args: impl IntoIterator<Item = &'e Expr>) -> Option<()> {
    let args: Vec<&Expr> = args.into_iter().collect();
    put_list_header(out, args.len() + 1);
    put_integer(out, code);
    args.into_iter().try_for_each(|arg| put(out, arg))
}

fn put(out: &mut Vec<u8>, expr: &Expr) -> Option<()> {
    match &expr.node {
        Node::Const(Some(value)) => constant(out, value),
        Node::Bin(name) => named(out, code::BIN, Some(type_number(expr.column_type)?), name),
        Node::Key { of: 1, .. } => {
            put_list_header(out, 2);
            put_integer(out, code::KEY);
            put_integer(out, type_number(expr.column_type).filter(|t| [2, 3, 6].contains(t))?);
            Some(())
        }
        Node::Not(inner) => op(out, code::NOT, [&**inner]),
        Node::And(parts) => op(out, code::AND, parts),
        Node::Or(parts) => op(out, code::OR, parts),
        Node::Compare(cmp, a, b) => compare(out, *cmp, a, b),
        Node::In { negated: false, inner, list } if !list.is_empty() => {
            put_list_header(out, list.len() + 1);
            put_integer(out, code::OR);
            list.iter().try_for_each(|item| compare(out, Cmp::Eq, inner, item))
        }
        Node::IsNull { negated, inner } => {
            let Node::Bin(name) = &inner.node else { return None };
            put_list_header(out, 3);
            put_integer(out, if *negated { code::NE } else { code::EQ });
            named(out, code::BIN_TYPE, None, name)?;
            put_integer(out, 0);
            Some(())
        }
        Node::Arith(what, a, b) => {
            let alike = [a, b].iter().all(|side| {
                is_integer(side.column_type) && is_integer(expr.column_type)
                    || is_float(side.column_type) && is_float(expr.column_type)
            });
            let code = match what {
                Op::Add => code::ADD,
                Op::Sub => code::SUB,
                Op::Mul => code::MUL,
                Op::Div => code::DIV,
                Op::Rem if is_integer(expr.column_type) => code::MOD,
                Op::Rem => return None,
            };
            alike.then(|| op(out, code, [&**a, &**b]))?
        }
        Node::Neg(inner) if is_integer(inner.column_type) => op(out, code::SUB, [&**inner]),
        Node::Cast(inner) if is_integer(inner.column_type) && is_integer(expr.column_type) => {
            put(out, inner)
        }
        Node::Cast(inner)
            if is_integer(inner.column_type) && expr.column_type == ColumnType::Float8 =>
        {
            op(out, code::TO_DOUBLE, [&**inner])
        }
        Node::Call(function, args) => {
            let doubles = args.iter().all(|arg| is_float(arg.column_type));
            match (function, &args[..]) {
                (Function::Abs, [one]) if doubles || is_integer(one.column_type) => {
                    op(out, code::ABS, args)
                }
                (Function::Floor, [_]) if doubles => op(out, code::FLOOR, args),
                (Function::Ceil, [_]) if doubles => op(out, code::CEIL, args),
                _ => None,
            }
        }
        _ => None,
    }
}

fn constant(out: &mut Vec<u8>, value: &Value) -> Option<()> {
    let plain = match value {
        Value::Bool(_) | Value::Integer(_) | Value::String(_) | Value::Blob(_) => true,
        Value::Double(d) => !d.is_nan(),
        _ => false,
    };
    plain.then(|| put_value(out, value))
}

/// A bin, with the type that it is to have or without.
fn named(out: &mut Vec<u8>, code: i64, wanted: Option<i64>, name: &str) -> Option<()> {
    put_list_header(out, 2 + usize::from(wanted.is_some()));
    put_integer(out, code);
    wanted.into_iter().for_each(|wanted| put_integer(out, wanted));
    put_raw(out, name.as_bytes());
    Some(())
}

/// A comparison of two values that are stored alike.
fn compare(out: &mut Vec<u8>, cmp: Cmp, a: &Expr, b: &Expr) -> Option<()> {
    let number = type_number(a.column_type)?;
    if type_number(b.column_type)? != number || number == 8 {
        return None;
    }
    if is_float(a.column_type) {
        // No comparison with a NaN holds there: what is not less or equal is greater.
        let constant = |e: &Expr| matches!(e.node, Node::Const(_));
        if !constant(b) || constant(a) {
            return None;
        }
        let inverse = match cmp {
            Cmp::Gt => Some(code::LE),
            Cmp::Ge => Some(code::LT),
            _ => None,
        };
        if let Some(inverse) = inverse {
            put_list_header(out, 2);
            put_integer(out, code::NOT);
            return op(out, inverse, [a, b]);
        }
    }
    let code = match cmp {
        Cmp::Eq => code::EQ,
        Cmp::Ne => code::NE,
        Cmp::Lt => code::LT,
        Cmp::Le => code::LE,
        Cmp::Gt => code::GT,
        Cmp::Ge => code::GE,
    };
    op(out, code, [a, b])
}
