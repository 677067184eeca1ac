//! Expressions as SQL, for EXPLAIN.

use std::fmt::{self, Display};

use model::{ColumnType, Value, json};

use super::{Cmp, Expr, Node, Pseudo};
use crate::types::numeric::Op;
use crate::types::text_of;

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let not = |negated: &bool| if *negated { "NOT " } else { "" };
        match &self.node {
            Node::Const(None) => f.write_str("NULL"),
            Node::Const(Some(value)) => f.write_str(&literal(self.column_type, value)),
            Node::Param(index) => write!(f, "${}", index + 1),
            Node::Bin(name) | Node::Key { name, .. } => f.write_str(&identifier(name)),
            Node::WholeKey => f.write_str("PK"),
            Node::NextVal(_, name) => write!(f, "nextval('{}'::regclass)", identifier(name)),
            Node::RandomUuid => f.write_str("gen_random_uuid()"),
            Node::Pseudo(pseudo) => f.write_str(pseudo.name()),
            Node::Excluded(name) => write!(f, "excluded.{}", identifier(name)),
            Node::Not(inner) => write!(f, "NOT {}", Inner(inner)),
            Node::And(parts) => joined(f, parts, " AND "),
            Node::Or(parts) => joined(f, parts, " OR "),
            Node::Compare(op, a, b) => write!(f, "{} {} {}", Inner(a), op.symbol(), Inner(b)),
            Node::Distinct { negated, sides: s } => {
                write!(f, "{} IS {}DISTINCT FROM {}", Inner(&s.0), not(negated), Inner(&s.1))
            }
            Node::IsNull { negated, inner } => {
                write!(f, "{} IS {}NULL", Inner(inner), not(negated))
            }
            Node::IsBool { negated, wanted, inner } => {
                let word = wanted.map_or("UNKNOWN", |b| if b { "TRUE" } else { "FALSE" });
                write!(f, "{} IS {}{word}", Inner(inner), not(negated))
            }
            Node::In { negated, inner, list } => {
                write!(f, "{} {}IN (", Inner(inner), not(negated))?;
                shortened(f, list)?;
                f.write_str(")")
            }
            Node::Any { op, all, inner, array } => {
                let word = if *all { "ALL" } else { "ANY" };
                write!(f, "{} {} {word}({array})", Inner(inner), op.symbol())
            }
            Node::Like { negated, fold, sides, .. } => {
                let word = if *fold { "ILIKE" } else { "LIKE" };
                write!(f, "{} {}{word} {}", Inner(&sides.0), not(negated), Inner(&sides.1))
            }
            Node::Case { whens, otherwise } => {
                f.write_str("CASE")?;
                for (when, then) in whens {
                    write!(f, " WHEN {when} THEN {then}")?;
                }
                if let Some(otherwise) = otherwise {
                    write!(f, " ELSE {otherwise}")?;
                }
                f.write_str(" END")
            }
            Node::Arith(op, a, b) if is_moment(self.column_type) => match b.as_const() {
                Some(Some(Value::Integer(us))) => {
                    let seconds = *us as f64 / 1e6;
                    write!(f, "{} {} interval '{seconds} seconds'", Inner(a), sign(*op))
                }
                _ => write!(f, "{} {} {}", Inner(a), sign(*op), Inner(b)),
            },
            Node::Arith(op, a, b) => write!(f, "{} {} {}", Inner(a), sign(*op), Inner(b)),
            Node::Neg(inner) => write!(f, "-{}", Inner(inner)),
            Node::Concat(a, b) => write!(f, "{} || {}", Inner(a), Inner(b)),
            Node::Cast(inner) => write!(f, "{}::{}", Inner(inner), self.column_type),
            Node::Coerce(inner) => inner.fmt(f),
            Node::List(parts) => {
                f.write_str("ARRAY[")?;
                shortened(f, parts)?;
                f.write_str("]")
            }
            Node::Member { text, sides } => {
                let arrow = if *text { "->>" } else { "->" };
                write!(f, "{} {arrow} {}", Inner(&sides.0), Inner(&sides.1))
            }
            Node::Matches(matcher, bin) => write!(f, "{bin} {matcher}"),
            Node::Call(function, args) => {
                write!(f, "{}(", function.name())?;
                shortened(f, args)?;
                f.write_str(")")
            }
        }
    }
}

impl Pseudo {
    pub(super) fn name(self) -> &'static str {
        Pseudo::ALL.into_iter().find(|(p, _, _)| *p == self).map_or("", |(_, name, _)| name)
    }
}

impl Cmp {
    pub(crate) fn symbol(self) -> &'static str {
        match self {
            Cmp::Eq => "=",
            Cmp::Ne => "<>",
            Cmp::Lt => "<",
            Cmp::Le => "<=",
            Cmp::Gt => ">",
            Cmp::Ge => ">=",
        }
    }
}

fn is_moment(t: ColumnType) -> bool {
    matches!(t, ColumnType::Timestamp | ColumnType::Timestamptz)
}

pub(super) fn sign(op: Op) -> &'static str {
    match op {
        Op::Add => "+",
        Op::Sub => "-",
        Op::Mul => "*",
        Op::Div => "/",
        Op::Rem => "%",
    }
}

/// In parentheses unless it is one word.
struct Inner<'a>(&'a Expr);

impl fmt::Display for Inner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let simple = matches!(
            self.0.node,
            Node::Const(_)
                | Node::Param(_)
                | Node::Bin(_)
                | Node::Key { .. }
                | Node::WholeKey
                | Node::NextVal(..)
                | Node::RandomUuid
                | Node::Pseudo(_)
                | Node::Excluded(_)
                | Node::Call(..)
                | Node::Matches(..)
                | Node::List(_)
                | Node::Cast(_)
        );
        if simple { self.0.fmt(f) } else { write!(f, "({})", self.0) }
    }
}

fn joined(f: &mut fmt::Formatter<'_>, parts: &[Expr], word: &str) -> fmt::Result {
    for (i, part) in parts.iter().enumerate() {
        if i > 0 {
            f.write_str(word)?;
        }
        match part.node {
            Node::And(_) | Node::Or(_) => write!(f, "({part})")?,
            _ => part.fmt(f)?,
        }
    }
    Ok(())
}

/// The first of a list, and how many more there are.
fn shortened(f: &mut fmt::Formatter<'_>, parts: &[Expr]) -> fmt::Result {
    const SHOWN: usize = 10;
    for (i, part) in parts.iter().take(SHOWN).enumerate() {
        if i > 0 {
            f.write_str(", ")?;
        }
        part.fmt(f)?;
    }
    match parts.len() > SHOWN {
        true => write!(f, ", .. {} in all", parts.len()),
        false => Ok(()),
    }
}

/// An identifier as SQL, quoted where it has to be.
pub(crate) fn identifier(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let begins = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    match begins && name.chars().all(plain) {
        true => name.to_string(),
        false => format!("\"{}\"", name.replace('"', "\"\"")),
    }
}

/// A value as a literal.
fn literal(t: ColumnType, value: &Value) -> String {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
    match (t, value) {
        (ColumnType::Text | ColumnType::Varchar(_), Value::String(s)) => quoted(s),
        (ColumnType::Numeric { .. }, Value::String(s)) => s.clone(),
        (ColumnType::Bool, Value::Bool(b)) => b.to_string(),
        (ColumnType::Jsonb, value) => format!("{}::jsonb", quoted(&json::print(value))),
        (ColumnType::Int2 | ColumnType::Int4 | ColumnType::Int8, value)
        | (ColumnType::Float4 | ColumnType::Float8, value) => text_of(t, value),
        (t, value) => format!("{}::{t}", quoted(&text_of(t, value))),
    }
}
