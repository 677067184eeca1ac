//! Conditions as PostgreSQL prints them back: every operator in parentheses, quoted literals with
//! the type that they were read as. What is not known here stays as it was written.

use std::ops::ControlFlow;

use model::{Column, ColumnType, Table};
use sqlparser::ast::{self, BinaryOperator as Op, Expr};

use crate::expr::identifier;
use crate::parse;

/// `CHECK (..)` as `pg_get_constraintdef` gives it; `pretty` leaves parentheses out where they say
/// nothing.
pub fn check_definition(text: &str, pretty: bool) -> String {
    match parse::expression(text) {
        Ok(condition) if pretty => {
            let shown = Printer { table: None, pretty }.shown(&condition, Around::Nothing, None);
            format!("CHECK ({shown})")
        }
        _ => format!("CHECK ({text})"),
    }
}

/// Names that stand in a condition where columns may.
pub fn check_columns(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    if let Ok(condition) = parse::expression(text) {
        let _ = ast::visit_expressions(&condition, |e| {
            if let Expr::Identifier(ident) = e {
                names.push(ident.value.clone());
            }
            ControlFlow::<()>::Continue(())
        });
    }
    names
}

/// The text of a condition on rows of a table.
pub(crate) fn condition(e: &Expr, table: &Table) -> String {
    let whole = Printer { table: Some(table), pretty: false }.shown(e, Around::Nothing, None);
    match whole.starts_with('(') {
        true => whole,
        false => format!("({whole})"),
    }
}

/// What an expression stands in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Around {
    Nothing,
    Or,
    And,
    Not,
    Operator,
}

struct Printer<'a> {
    /// Whose columns are known.
    table: Option<&'a Table>,
    pretty: bool,
}

impl Printer<'_> {
    /// An expression; `beside` is the type of what it is compared with, where that is known.
    fn shown(&self, e: &Expr, around: Around, beside: Option<ColumnType>) -> String {
        let plain = |e: &Expr| self.shown(e, Around::Operator, None);
        let operator = |text: String| self.within(text, around == Around::Operator);
        match e {
            Expr::Nested(inner) => self.shown(inner, around, beside),
            Expr::Identifier(ident) => match self.column(ident) {
                Some(column) => identifier(&column.name).to_string(),
                None => ident.to_string(),
            },
            Expr::Value(value) => literal(value, beside),
            Expr::Cast { expr, data_type, kind: ast::CastKind::DoubleColon, .. } => {
                format!("{}::{}", plain(expr), data_type.to_string().to_lowercase())
            }
            Expr::BinaryOp { left, op, right } => match op {
                Op::And | Op::Or => {
                    let (inside, wrapped) = match op {
                        Op::And => (Around::And, matches!(around, Around::Not | Around::Operator)),
                        _ => (Around::Or, around != Around::Nothing && around != Around::Or),
                    };
                    let mut parts = Vec::new();
                    flatten(e, op, &mut parts);
                    let part = |e| self.shown(e, inside, None);
                    let parts: Vec<String> = parts.into_iter().map(part).collect();
                    self.within(parts.join(&format!(" {op} ")), wrapped)
                }
                _ => {
                    let (of_left, of_right) = (self.type_of(left), self.type_of(right));
                    let left = self.shown(left, Around::Operator, of_right);
                    let right = self.shown(right, Around::Operator, of_left);
                    operator(format!("{left} {op} {right}"))
                }
            },
            Expr::UnaryOp { op: ast::UnaryOperator::Not, expr } => {
                operator(format!("NOT {}", self.shown(expr, Around::Not, None)))
            }
            Expr::IsNull(inner) => operator(format!("{} IS NULL", plain(inner))),
            Expr::IsNotNull(inner) => operator(format!("{} IS NOT NULL", plain(inner))),
            Expr::Between { expr, negated, low, high } => {
                self.between((expr, low, high), *negated, around)
            }
            Expr::InList { expr, list, negated } => {
                let beside = self.type_of(expr);
                let item = |e| self.shown(e, Around::Operator, beside);
                let items: Vec<String> = list.iter().map(item).collect();
                let op = if *negated { "<> ALL" } else { "= ANY" };
                operator(format!("{} {op} (ARRAY[{}])", plain(expr), items.join(", ")))
            }
            Expr::AnyOp { left, compare_op, right, .. } => {
                operator(format!("{} {compare_op} ANY ({})", plain(left), self.array(right)))
            }
            Expr::AllOp { left, compare_op, right } => {
                operator(format!("{} {compare_op} ALL ({})", plain(left), self.array(right)))
            }
            Expr::Function(function) => self.call(function),
            other => other.to_string(),
        }
    }

    /// In parentheses: always, or where they are needed.
    fn within(&self, text: String, needed: bool) -> String {
        match needed || !self.pretty {
            true => format!("({text})"),
            false => text,
        }
    }

    fn between(
        &self,
        (e, low, high): (&Expr, &Expr, &Expr),
        negated: bool,
        around: Around,
    ) -> String {
        let beside = self.type_of(e);
        let bound = |e| self.shown(e, Around::Operator, beside);
        let (e, low, high) = (self.shown(e, Around::Operator, None), bound(low), bound(high));
        let (first, word, second) = if negated { ("<", "OR", ">") } else { (">=", "AND", "<=") };
        let first = self.within(format!("{e} {first} {low}"), false);
        let second = self.within(format!("{e} {second} {high}"), false);
        let plain = around == Around::Nothing || (around == Around::And && !negated);
        self.within(format!("{first} {word} {second}"), !plain)
    }

    fn array(&self, e: &Expr) -> String {
        match e {
            Expr::Nested(inner) => self.array(inner),
            Expr::Array(array) => {
                let item = |e| self.shown(e, Around::Operator, None);
                let items: Vec<String> = array.elem.iter().map(item).collect();
                format!("ARRAY[{}]", items.join(", "))
            }
            other => other.to_string(),
        }
    }

    fn call(&self, function: &ast::Function) -> String {
        let ast::FunctionArguments::List(list) = &function.args else {
            return function.to_string();
        };
        let arg = |arg: &ast::FunctionArg| match arg {
            ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(e)) => {
                Some(self.shown(e, Around::Nothing, None))
            }
            _ => None,
        };
        let args: Option<Vec<String>> = list.args.iter().map(arg).collect();
        match args.filter(|_| list.clauses.is_empty() && list.duplicate_treatment.is_none()) {
            Some(args) => {
                format!("{}({})", function.name.to_string().to_lowercase(), args.join(", "))
            }
            None => function.to_string(),
        }
    }

    fn column(&self, ident: &ast::Ident) -> Option<&Column> {
        self.table?.resolve(&ident.value, ident.quote_style.is_some())
    }

    fn type_of(&self, e: &Expr) -> Option<ColumnType> {
        match e {
            Expr::Nested(inner) => self.type_of(inner),
            Expr::Identifier(ident) => self.column(ident).map(|column| column.column_type),
            _ => None,
        }
    }
}

fn flatten<'e>(e: &'e Expr, wanted: &Op, parts: &mut Vec<&'e Expr>) {
    match e {
        Expr::BinaryOp { left, op, right } if op == wanted => {
            flatten(left, wanted, parts);
            flatten(right, wanted, parts);
        }
        other => parts.push(other),
    }
}

fn literal(value: &ast::ValueWithSpan, beside: Option<ColumnType>) -> String {
    match (&value.value, beside) {
        (ast::Value::SingleQuotedString(_), Some(t)) => match t {
            ColumnType::Varchar(_) => format!("{value}::text"),
            t => format!("{value}::{t}"),
        },
        (ast::Value::Boolean(b), _) => b.to_string(),
        _ => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_printed_as_postgresql_does() {
        let pretty = |text: &str| check_definition(text, true);
        assert_eq!(pretty("((n > 0) AND (t <> 'x'::text))"), "CHECK (n > 0 AND t <> 'x'::text)");
        assert_eq!(pretty("((a OR b) AND c)"), "CHECK ((a OR b) AND c)");
        assert_eq!(pretty("((n + 1) > 2)"), "CHECK ((n + 1) > 2)");
        assert_eq!(
            pretty("(t = ANY (ARRAY['a'::text, 'b'::text]))"),
            "CHECK (t = ANY (ARRAY['a'::text, 'b'::text]))"
        );
        assert_eq!(check_definition("(n > 0)", false), "CHECK ((n > 0))");
    }
}
