//! Expressions that our own evaluator can answer, compiled against one table.
//!
//! 1. `compile.rs` turns syntax into an [`Expr`]: names become bins and key columns, every part
//!    gets its static type by PostgreSQL's rules, literals are read once.
//! 2. `eval.rs` computes it for a [`Row`]; `functions.rs` holds the functions by name.
//! 3. `display.rs` prints it for EXPLAIN.
//!
//! Always true: a value stands in the stored representation of its expression's type, and NULL is
//! `None`. What cannot be compiled is told apart from what is wrong (`Unfit`): the
//! former is left to DataFusion.

mod build;
pub(crate) mod compile;
mod display;
mod eval;
mod exported;
mod functions;
mod literal;
mod row;
mod shown;
mod typing;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::sync::Arc;

use model::{Column, ColumnType, Name, Table, Value};

pub use row::{Draw, Excluded, Row};
pub use shown::shown;

pub(crate) use compile::{Compiler, Unfit, aql_cast};
pub(crate) use display::identifier;
pub(crate) use eval::{element_type, key_of};
pub use eval::{from_base64, is_like, to_base64};
pub(crate) use functions::Function;

use crate::SqlResult;
use crate::matches::Matcher;
use crate::types::numeric::Op;

/// A compiled expression.
#[derive(Debug, Clone)]
pub struct Expr {
    pub(crate) node: Node,
    pub(crate) column_type: ColumnType,
}

#[derive(Debug, Clone)]
pub(crate) enum Node {
    Const(Option<Value>),
    Param(usize),
    Bin(Name),
    /// One of `of` key columns.
    Key {
        name: Name,
        index: usize,
        of: usize,
    },
    /// The whole key, whatever it is.
    WholeKey,
    Pseudo(Pseudo),
    Excluded(Name),
    /// `nextval`: namespace and name.
    NextVal(String, String),
    /// `gen_random_uuid()`.
    RandomUuid,
    Not(Box<Expr>),
    And(Vec<Expr>),
    Or(Vec<Expr>),
    Compare(Cmp, Box<Expr>, Box<Expr>),
    Distinct {
        negated: bool,
        sides: Box<(Expr, Expr)>,
    },
    IsNull {
        negated: bool,
        inner: Box<Expr>,
    },
    /// IS TRUE, FALSE, UNKNOWN (`None`).
    IsBool {
        negated: bool,
        wanted: Option<bool>,
        inner: Box<Expr>,
    },
    In {
        negated: bool,
        inner: Box<Expr>,
        list: Vec<Expr>,
    },
    /// `inner op ANY(array)`, or ALL.
    Any {
        op: Cmp,
        all: bool,
        inner: Box<Expr>,
        array: Box<Expr>,
    },
    Like {
        negated: bool,
        fold: bool,
        escape: Option<char>,
        sides: Box<(Expr, Expr)>,
    },
    Case {
        whens: Vec<(Expr, Expr)>,
        otherwise: Option<Box<Expr>>,
    },
    Arith(Op, Box<Expr>, Box<Expr>),
    Neg(Box<Expr>),
    Concat(Box<Expr>, Box<Expr>),
    /// Of the inner type to this expression's own.
    Cast(Box<Expr>),
    /// The same as an assignment does it: too long is an error.
    Coerce(Box<Expr>),
    List(Vec<Expr>),
    /// `->` and `->>`.
    Member {
        text: bool,
        sides: Box<(Expr, Expr)>,
    },
    Call(Function, Vec<Expr>),
    /// aql's test of what a bin holds.
    Matches(Arc<Matcher>, Box<Expr>),
}

/// Columns that every set has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pseudo {
    Digest,
    Edigest,
    Gen,
    Ttl,
    Lut,
    SetName,
    RecordSize,
}

impl Pseudo {
    /// Those that there are, with name and type.
    pub(crate) const ALL: [(Pseudo, &'static str, ColumnType); 7] = [
        (Pseudo::Digest, "DIGEST", ColumnType::Text),
        (Pseudo::Edigest, "EDIGEST", ColumnType::Text),
        (Pseudo::Gen, "GEN", ColumnType::Int4),
        (Pseudo::Ttl, "TTL", ColumnType::Int8),
        (Pseudo::Lut, "LUT", ColumnType::Timestamptz),
        (Pseudo::SetName, "SET_NAME", ColumnType::Text),
        (Pseudo::RecordSize, "RECORD_SIZE", ColumnType::Int4),
    ];

    /// The one of this name, whatever its case.
    pub(crate) fn named(name: &str) -> Option<(Pseudo, &'static str, ColumnType)> {
        Pseudo::ALL.into_iter().find(|(_, n, _)| n.eq_ignore_ascii_case(name))
    }
}

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cmp {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

impl Cmp {
    /// Whether values in this order pass.
    pub(crate) fn holds(self, order: std::cmp::Ordering) -> bool {
        match self {
            Cmp::Eq => order.is_eq(),
            Cmp::Ne => order.is_ne(),
            Cmp::Lt => order.is_lt(),
            Cmp::Le => order.is_le(),
            Cmp::Gt => order.is_gt(),
            Cmp::Ge => order.is_ge(),
        }
    }

    /// The same with the sides changed.
    pub(crate) fn turned(self) -> Cmp {
        match self {
            Cmp::Lt => Cmp::Gt,
            Cmp::Le => Cmp::Ge,
            Cmp::Gt => Cmp::Lt,
            Cmp::Ge => Cmp::Le,
            same => same,
        }
    }
}

impl Expr {
    /// A column of a table.
    pub fn of_column(table: &Table, column: &Column) -> Expr {
        Compiler::column(table, column)
    }

    /// The type of the values.
    pub fn column_type(&self) -> ColumnType {
        self.column_type
    }

    /// The value for this row; `None` = NULL.
    pub fn eval(&self, row: &Row) -> SqlResult<Option<Value>> {
        eval::eval(self, row)
    }

    /// Like [`Expr::eval`], without copying a value that is the record's, a parameter or a constant.
    pub fn value<'a>(&'a self, row: &Row<'a>) -> SqlResult<Option<Cow<'a, Value>>> {
        eval::value(self, row)
    }

    /// Whether the value is true, neither false nor NULL.
    pub fn is_true(&self, row: &Row) -> SqlResult<bool> {
        Ok(eval::truth(self, row)? == Some(true))
    }

    /// Adds the bins that the expression reads, each once.
    pub fn bins(&self, out: &mut Vec<Name>) {
        if let Node::Bin(name) = &self.node
            && !out.contains(name)
        {
            out.push(name.clone());
        }
        self.children(&mut |child| child.bins(out));
    }

    /// Whether each evaluation gives another value, drawn from outside.
    pub(crate) fn draws(&self) -> bool {
        let mut draws = matches!(self.node, Node::NextVal(..) | Node::RandomUuid);
        self.children(&mut |child| draws |= child.draws());
        draws
    }

    /// Adds namespace and name of the sequences that the expression takes a number from, each as
    /// often as it does so.
    pub fn sequences<'e>(&'e self, out: &mut Vec<(&'e str, &'e str)>) {
        if let Node::NextVal(namespace, name) = &self.node {
            out.push((namespace, name));
        }
        self.children(&mut |child| child.sequences(out));
    }

    /// The bin, where the expression is just one. Its value is the record's own, except that a
    /// value which does not have the column's type is an error in [`Expr::eval`].
    pub fn as_bin(&self) -> Option<&Name> {
        match &self.node {
            Node::Bin(name) => Some(name),
            _ => None,
        }
    }

    /// The column's name, where the expression is just one: a bin or a key column.
    pub fn as_column(&self) -> Option<&Name> {
        match &self.node {
            Node::Bin(name) | Node::Key { name, .. } => Some(name),
            _ => None,
        }
    }

    /// The value, where it depends on nothing.
    pub(crate) fn as_const(&self) -> Option<&Option<Value>> {
        match &self.node {
            Node::Const(value) => Some(value),
            _ => None,
        }
    }

    /// Whether the value is the same for every record.
    pub(crate) fn is_constant(&self) -> bool {
        match &self.node {
            Node::Bin(_) | Node::Key { .. } | Node::WholeKey => false,
            Node::Pseudo(_) | Node::Excluded(_) => false,
            Node::NextVal(..) | Node::RandomUuid => false,
            _ => {
                let mut all = true;
                self.children(&mut |child| all &= child.is_constant());
                all
            }
        }
    }

    pub(crate) fn new(node: Node, column_type: ColumnType) -> Expr {
        Expr { node, column_type }
    }

    pub(crate) fn constant(value: Option<Value>, column_type: ColumnType) -> Expr {
        Expr { node: Node::Const(value), column_type }
    }

    /// All of these; `None` of none.
    pub(crate) fn all(mut parts: Vec<Expr>) -> Option<Expr> {
        match parts.len() {
            0 | 1 => parts.pop(),
            _ => Some(Expr::new(Node::And(parts), ColumnType::Bool)),
        }
    }

    fn children<'a>(&'a self, see: &mut dyn FnMut(&'a Expr)) {
        match &self.node {
            Node::Const(_) | Node::Param(_) | Node::Bin(_) | Node::Key { .. } => {}
            Node::WholeKey | Node::Pseudo(_) | Node::Excluded(_) => {}
            Node::NextVal(..) | Node::RandomUuid => {}
            Node::Not(inner) | Node::Neg(inner) | Node::Cast(inner) | Node::Coerce(inner) => {
                see(inner)
            }
            Node::IsNull { inner, .. } | Node::IsBool { inner, .. } => see(inner),
            Node::Matches(_, inner) => see(inner),
            Node::And(parts) | Node::Or(parts) | Node::List(parts) | Node::Call(_, parts) => {
                parts.iter().for_each(see)
            }
            Node::Compare(_, a, b) | Node::Arith(_, a, b) | Node::Concat(a, b) => {
                see(a);
                see(b);
            }
            Node::Distinct { sides, .. }
            | Node::Like { sides, .. }
            | Node::Member { sides, .. } => {
                see(&sides.0);
                see(&sides.1);
            }
            Node::In { inner, list, .. } => {
                see(inner);
                list.iter().for_each(see);
            }
            Node::Any { inner, array, .. } => {
                see(inner);
                see(array);
            }
            Node::Case { whens, otherwise } => {
                for (when, then) in whens {
                    see(when);
                    see(then);
                }
                otherwise.iter().for_each(|e| see(e));
            }
        }
    }
}
