//! Conditions that others have planned, put together for [`crate::access`]: no syntax, no compiler.

use std::sync::Arc;

use model::{ColumnType, Value};

use super::functions::Function;
use super::{Cmp, Expr, Node};
use crate::matches::Matcher;
use crate::particles;

fn boolean(node: Node) -> Expr {
    Expr::new(node, ColumnType::Bool)
}

impl Expr {
    /// A constant, in the stored form of its type.
    pub fn of_value(value: Option<Value>, t: ColumnType) -> Expr {
        Expr::constant(value, t)
    }

    /// A comparison by its symbol.
    pub fn compared(symbol: &str, a: Expr, b: Expr) -> Option<Expr> {
        let cmp = match symbol {
            "=" => Cmp::Eq,
            "<>" | "!=" => Cmp::Ne,
            "<" => Cmp::Lt,
            "<=" => Cmp::Le,
            ">" => Cmp::Gt,
            ">=" => Cmp::Ge,
            _ => return None,
        };
        Some(boolean(Node::Compare(cmp, Box::new(a), Box::new(b))))
    }

    /// All of these; `None` of none.
    pub fn every(parts: Vec<Expr>) -> Option<Expr> {
        Expr::all(parts)
    }

    /// One of these.
    pub fn either(parts: Vec<Expr>) -> Expr {
        boolean(Node::Or(parts))
    }

    /// Not this.
    pub fn is_not(inner: Expr) -> Expr {
        boolean(Node::Not(Box::new(inner)))
    }

    /// IS NOT NULL.
    pub fn is_not_null(inner: Expr) -> Expr {
        boolean(Node::IsNull { negated: true, inner: Box::new(inner) })
    }

    /// IN.
    pub fn is_one_of(inner: Expr, list: Vec<Expr>) -> Expr {
        boolean(Node::In { negated: false, inner: Box::new(inner), list })
    }

    /// LIKE.
    pub fn is_like(text: Expr, pattern: Expr, escape: Option<char>) -> Expr {
        let sides = Box::new((text, pattern));
        boolean(Node::Like { negated: false, fold: false, escape, sides })
    }

    /// `= ANY`.
    pub fn equals_any(inner: Expr, array: Expr) -> Expr {
        let (inner, array) = (Box::new(inner), Box::new(array));
        boolean(Node::Any { op: Cmp::Eq, all: false, inner, array })
    }

    /// The condition that a function of this name gives, where indexes know the function.
    pub fn called(name: &str, args: Vec<Expr>) -> Option<Expr> {
        let function = match name {
            "starts_with" => Function::StartsWith,
            _ => Function::Particle(particles::find(name, args.len())?),
        };
        Some(boolean(Node::Call(function, args)))
    }

    /// aql's test of what a bin holds.
    pub fn matched(bin: Expr, matcher: Matcher) -> Expr {
        boolean(Node::Matches(Arc::new(matcher), Box::new(bin)))
    }
}
