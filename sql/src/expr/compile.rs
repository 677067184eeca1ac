//! Syntax to expressions.
//!
//! Types follow PostgreSQL: a quoted literal or an undeclared parameter has no type until what it
//! meets gives it one; numbers are promoted; a text and a number do not meet without a cast
//! (42883). One exception serves schemaless sets: a jsonb column meets any scalar, value by value.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use model::{Column, ColumnType, Name, Table, Value, json};
use sqlparser::ast::{self, Spanned};

use super::functions::{self, Arg, Function, Gives};
use super::typing::{
    NUMERIC, array_of, common, date_arith, is_float, is_integer, is_number, is_text, is_timestamp,
    met, no_operator, operand,
};
use super::{Cmp, Expr, Node, Pseudo, Row, literal};
use crate::parse::{Places, too_deep};
use crate::resolve;
use crate::types::numeric::Op;
use crate::types::{self, Field, can_cast, from_sql_name, parse_text};
use crate::{SqlError, SqlResult};

/// Deepest nesting of an expression while it is compiled and computed.
const DEPTH_MAX: usize = 200;
/// Stack below which more is taken before a level of nesting is entered, and how much.
const STACK_LEFT: usize = 128 << 10;
const STACK_MORE: usize = 1 << 20;

/// Why an expression was not compiled.
#[derive(Debug)]
pub(crate) enum Unfit {
    /// It is beyond our evaluator: DataFusion's.
    NotOurs,
    /// It is wrong.
    Wrong(SqlError),
}

impl From<SqlError> for Unfit {
    fn from(error: SqlError) -> Unfit {
        Unfit::Wrong(error)
    }
}

pub(crate) type Compiled<T> = Result<T, Unfit>;

/// Where a value may come from while an expression is compiled.
pub(crate) struct Compiler<'a> {
    /// The table whose columns are seen.
    pub(crate) table: Option<&'a Arc<Table>>,
    /// Its alias, which hides its name.
    pub(crate) alias: Option<&'a str>,
    /// Whether `excluded.x` is seen.
    pub(crate) excluded: bool,
    pub(crate) places: &'a Places,
    /// Types of `$1..` as far as they are known.
    params: RefCell<Vec<Option<ColumnType>>>,
    depth: Cell<usize>,
}

/// A compiled part, and whether its type is settled.
struct Part {
    expr: Expr,
    loose: Loose,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Loose {
    No,
    /// A quoted literal or NULL.
    Literal,
    /// A parameter of no type yet.
    Param(usize),
}

impl From<Expr> for Part {
    fn from(expr: Expr) -> Part {
        Part { expr, loose: Loose::No }
    }
}

impl<'a> Compiler<'a> {
    pub(crate) fn new(
        places: &'a Places,
        declared: &[Option<ColumnType>],
        table: Option<&'a Arc<Table>>,
    ) -> Compiler<'a> {
        // A parameter declared as text is one of a driver that does not know better.
        let known = |t: &Option<ColumnType>| {
            t.filter(|t| !matches!(t, ColumnType::Text | ColumnType::Varchar(_)))
        };
        Compiler {
            table,
            alias: None,
            excluded: false,
            places,
            params: RefCell::new(declared.iter().map(known).collect()),
            depth: Cell::new(0),
        }
    }

    /// The same compiler over a table, with the parameters that it knows so far.
    pub(crate) fn of_table<'t>(&self, table: &'t Arc<Table>) -> Compiler<'t>
    where
        'a: 't,
    {
        Compiler {
            table: Some(table),
            alias: None,
            excluded: false,
            places: self.places,
            params: RefCell::new(self.params.borrow().clone()),
            depth: Cell::new(0),
        }
    }

    /// A column of a table as an expression.
    pub(crate) fn column(table: &Table, column: &Column) -> Expr {
        column_expr(table, column)
    }

    /// Types of the parameters, after everything is compiled. What nothing gave a type is text.
    pub(crate) fn params(&self) -> Vec<Option<ColumnType>> {
        let params = self.params.borrow();
        params.iter().map(|t| Some(t.unwrap_or(ColumnType::Text))).collect()
    }

    /// An expression of whatever type it has.
    pub(crate) fn any(&self, e: &ast::Expr) -> Compiled<Expr> {
        let part = self.part(e)?;
        Ok(self.settle(part))
    }

    /// A condition.
    pub(crate) fn condition(&self, e: &ast::Expr) -> Compiled<Expr> {
        let part = self.part(e)?;
        let expr = self.adapt(part, ColumnType::Bool).map_err(|u| self.mark(u, e))?;
        if expr.column_type == ColumnType::Bool {
            return Ok(expr);
        }
        let message =
            format!("argument of WHERE must be type boolean, not type {}", expr.column_type);
        Err(self.wrong(e, SqlError::new("42804", message)))
    }

    /// An integer: LIMIT, OFFSET.
    pub(crate) fn integer(&self, e: &ast::Expr) -> Compiled<Expr> {
        let part = self.part(e)?;
        let expr = self.adapt(part, ColumnType::Int8).map_err(|u| self.mark(u, e))?;
        match is_integer(expr.column_type) {
            true => Ok(expr),
            false => Ok(Expr::new(Node::Coerce(Box::new(expr)), ColumnType::Int8)),
        }
    }

    /// A value for a column: converted as an assignment does it. A schemaless set's column takes
    /// the value as it is, and the type given back is that of the value.
    pub(crate) fn assigned(
        &self,
        e: &ast::Expr,
        column: &Column,
        schemaless: bool,
    ) -> Compiled<Expr> {
        let part = self.value_part(e)?;
        let t = column.column_type;
        if schemaless {
            return self.natural(part, t).map_err(|u| self.mark(u, e));
        }
        let expr = self.adapt(part, t).map_err(|u| self.mark(u, e))?;
        self.assignable(expr, column).map_err(|u| self.mark(u, e))
    }

    fn assignable(&self, expr: Expr, column: &Column) -> Compiled<Expr> {
        let (from, to) = (expr.column_type, column.column_type);
        if from == to {
            return Ok(expr);
        }
        let fits = can_cast(from, to)
            && (!is_text(from) || is_text(to))
            && !(from == ColumnType::Bool && !is_text(to) && to != ColumnType::Jsonb)
            && (to != ColumnType::Bool || from == ColumnType::Jsonb);
        if !fits {
            let message = format!(
                "column \"{}\" is of type {to} but expression is of type {from}",
                column.name
            );
            return Err(SqlError::new("42804", message)
                .hint("You will need to rewrite or cast the expression.")
                .into());
        }
        let direct = to.stored_as() == from.stored_as() && !matches!(from, ColumnType::Jsonb);
        let node = match (from, to) {
            // Moments and numerics print and shift by their types: a cast knows both.
            (ColumnType::Date, _) | (_, ColumnType::Date) => Node::Cast(Box::new(expr)),
            (from, to) if is_text(to) && !is_text(from) => {
                let text = Expr::new(Node::Cast(Box::new(expr)), ColumnType::Text);
                Node::Coerce(Box::new(text))
            }
            (ColumnType::Numeric { .. }, to) if !direct => {
                let cast = Expr::new(Node::Cast(Box::new(expr)), to);
                return self.folded(cast);
            }
            (_, ColumnType::Jsonb) => Node::Cast(Box::new(expr)),
            _ => Node::Coerce(Box::new(expr)),
        };
        self.folded(Expr::new(node, to))
    }

    /// A value as a schemaless set stores it.
    fn natural(&self, part: Part, known: ColumnType) -> Compiled<Expr> {
        use ColumnType::*;
        let expr = match part.loose {
            Loose::Param(_) => self.adapt(part, known)?,
            _ => self.settle(part),
        };
        let to = match expr.column_type {
            Int2 | Int4 | Int8 => Int8,
            Float4 | Float8 | Numeric { .. } => Float8,
            Varchar(_) | Text | Date | Timestamp | Timestamptz | Uuid => Text,
            Int8Array | Float8Array | TextArray | BoolArray => Jsonb,
            same => same,
        };
        let from = expr.column_type;
        if from == to || is_integer(from) && is_integer(to) {
            return Ok(Expr { column_type: to, ..expr });
        }
        self.folded(Expr::new(Node::Cast(Box::new(expr)), to))
    }

    /// A value to look a key column up by; `None` where its type cannot be the key's own, so that
    /// it has to be compared instead.
    pub(crate) fn key(
        &self,
        e: &ast::Expr,
        column: &Column,
        schemaless: bool,
    ) -> Compiled<Option<Expr>> {
        let part = self.value_part(e)?;
        let t = column.column_type;
        if !self.steady(&part.expr) {
            return Ok(None);
        }
        if schemaless && part.loose != Loose::No && !matches!(part.loose, Loose::Param(_)) {
            return Ok(Some(self.settle(part)));
        }
        let wanted = if is_text(t) { ColumnType::Text } else { t };
        let wanted = if t == ColumnType::Jsonb { ColumnType::Text } else { wanted };
        let expr = self.adapt(part, wanted).map_err(|u| self.mark(u, e))?;
        let from = expr.column_type;
        let same = is_integer(from) && is_integer(t) || is_text(from) && is_text(t) || from == t;
        let any = schemaless && (is_integer(from) || is_text(from) || from == ColumnType::Bytea);
        Ok((same || any).then_some(expr))
    }

    /// An array to look keys up by.
    pub(crate) fn key_array(
        &self,
        e: &ast::Expr,
        column: &Column,
        schemaless: bool,
    ) -> Compiled<Option<Expr>> {
        let part = self.part(e)?;
        let Some(array) = array_of(column.column_type) else { return Ok(None) };
        let expr = self.adapt(part, array).map_err(|u| self.mark(u, e))?;
        let any =
            schemaless && matches!(expr.column_type, ColumnType::Int8Array | ColumnType::TextArray);
        let fits = (expr.column_type == array || any) && self.steady(&expr);
        Ok(fits.then_some(expr))
    }

    fn steady(&self, expr: &Expr) -> bool {
        expr.is_constant()
    }

    fn wrong(&self, e: &ast::Expr, error: SqlError) -> Unfit {
        Unfit::Wrong(self.places.mark(error, e.span()))
    }

    fn mark(&self, unfit: Unfit, e: &ast::Expr) -> Unfit {
        match unfit {
            Unfit::Wrong(error) => self.wrong(e, error),
            Unfit::NotOurs => Unfit::NotOurs,
        }
    }

    /// Gives a part its type where it has none: text.
    fn settle(&self, part: Part) -> Expr {
        if let Loose::Param(index) = part.loose {
            self.params.borrow_mut()[index] = Some(ColumnType::Text);
        }
        part.expr
    }

    /// Gives a part that has no type this one; other parts stay as they are.
    fn adapt(&self, part: Part, t: ColumnType) -> Compiled<Expr> {
        Ok(match (part.loose, part.expr.node) {
            (Loose::No, node) => Expr::new(node, part.expr.column_type),
            (Loose::Param(index), node) => {
                self.params.borrow_mut()[index] = Some(t);
                Expr::new(node, t)
            }
            (Loose::Literal, Node::Const(Some(Value::String(text)))) => {
                Expr::constant(Some(self.literal(t, &text)?), t)
            }
            (Loose::Literal, _) => Expr::constant(None, t),
        })
    }

    /// A quoted literal of this type. Text that is no JSON is a string where jsonb is wanted of a
    /// schemaless bin.
    fn literal(&self, t: ColumnType, text: &str) -> SqlResult<Value> {
        let schemaless = self.table.is_none_or(|table| !table.declared);
        match t {
            ColumnType::Jsonb if schemaless => {
                let container = text.trim_start().starts_with(['{', '[']);
                let parsed = if container { json::parse(text).ok() } else { None };
                Ok(parsed.unwrap_or_else(|| Value::String(text.to_string())))
            }
            t => parse_text(t, text),
        }
    }

    /// Computes what depends on nothing.
    fn folded(&self, expr: Expr) -> Compiled<Expr> {
        let mut steady = true;
        expr.children(&mut |child| steady &= matches!(child.node, Node::Const(_)));
        if !steady || matches!(expr.node, Node::Call(Function::Now | Function::CurrentDate, _)) {
            return Ok(expr);
        }
        let value = expr.eval(&Row::default())?;
        Ok(Expr::constant(value, expr.column_type))
    }

    fn part(&self, e: &ast::Expr) -> Compiled<Part> {
        if self.depth.get() >= DEPTH_MAX {
            return Err(self.wrong(e, too_deep()));
        }
        self.depth.set(self.depth.get() + 1);
        // A level of nesting takes some 20 KiB in an unoptimized build; a connection's thread may
        // have 2 MiB in all.
        let part = stacker::maybe_grow(STACK_LEFT, STACK_MORE, || self.part_inner(e))
            .map_err(|unfit| self.mark(unfit, e));
        self.depth.set(self.depth.get() - 1);
        part
    }

    /// A part in the place of a value: there aql writes text in double quotes.
    fn value_part(&self, e: &ast::Expr) -> Compiled<Part> {
        match unnested(e) {
            ast::Expr::Identifier(ident) if ident.quote_style == Some('"') => {
                let known =
                    |table: &Arc<Table>| self.column_of(table, &ident.value, true).is_some();
                if self.table.is_some_and(known) {
                    return self.part(e);
                }
                let text = Value::String(ident.value.clone());
                let expr = Expr::constant(Some(text), ColumnType::Text);
                Ok(Part { expr, loose: Loose::Literal })
            }
            _ => self.part(e),
        }
    }

    fn part_inner(&self, e: &ast::Expr) -> Compiled<Part> {
        use ast::Expr as E;
        Ok(match e {
            E::Nested(inner) => return self.part(inner),
            E::Identifier(ident) => return self.identifier(ident),
            E::CompoundIdentifier(idents) => self.compound(idents)?.into(),
            E::Value(value) => return self.value(&value.value),
            E::TypedString(typed) => {
                let t = from_sql_name(&typed.data_type)?;
                let ast::Value::SingleQuotedString(text) = &typed.value.value else {
                    return Err(Unfit::NotOurs);
                };
                Expr::constant(Some(parse_text(t, text)?), t).into()
            }
            E::UnaryOp { op, expr } => return self.unary(op, expr),
            E::BinaryOp { left, op, right } => self.binary(e, left, op, right)?.into(),
            E::IsNull(inner) => self.is_null(inner, false)?.into(),
            E::IsNotNull(inner) => self.is_null(inner, true)?.into(),
            E::IsTrue(inner) => self.is_bool(inner, Some(true), false)?.into(),
            E::IsNotTrue(inner) => self.is_bool(inner, Some(true), true)?.into(),
            E::IsFalse(inner) => self.is_bool(inner, Some(false), false)?.into(),
            E::IsNotFalse(inner) => self.is_bool(inner, Some(false), true)?.into(),
            E::IsUnknown(inner) => self.is_bool(inner, None, false)?.into(),
            E::IsNotUnknown(inner) => self.is_bool(inner, None, true)?.into(),
            E::IsDistinctFrom(a, b) => self.distinct(a, b, false)?.into(),
            E::IsNotDistinctFrom(a, b) => self.distinct(a, b, true)?.into(),
            E::InList { expr, list, negated } => self.in_list(expr, list, *negated)?.into(),
            E::Between { expr, negated, low, high } => {
                let low = self.compare(Cmp::Ge, expr, low)?;
                let high = self.compare(Cmp::Le, expr, high)?;
                let both = boolean(Node::And(vec![low, high]));
                (if *negated { boolean(Node::Not(Box::new(both))) } else { both }).into()
            }
            E::Like { negated, any: false, expr, pattern, escape_char } => {
                self.like(*negated, false, expr, pattern, escape_char.as_ref())?.into()
            }
            E::ILike { negated, any: false, expr, pattern, escape_char } => {
                self.like(*negated, true, expr, pattern, escape_char.as_ref())?.into()
            }
            E::AnyOp { left, compare_op, right, .. } => {
                self.any_op(left, compare_op, right, false)?.into()
            }
            E::AllOp { left, compare_op, right } => {
                self.any_op(left, compare_op, right, true)?.into()
            }
            E::Cast { kind, expr, data_type, array: false, format: None } => {
                if !matches!(kind, ast::CastKind::Cast | ast::CastKind::DoubleColon) {
                    return Err(Unfit::NotOurs);
                }
                return self.cast_name(expr, data_type);
            }
            E::Case { operand, conditions, else_result, .. } => {
                return self.case(operand.as_deref(), conditions, else_result.as_deref());
            }
            E::Array(array) => self.array(&array.elem)?.into(),
            E::Function(function) => return self.function(function),
            E::Ceil { expr, field: ast::CeilFloorKind::DateTimeField(f) }
                if *f == ast::DateTimeField::NoDateTime =>
            {
                self.call("ceil", &[expr.as_ref()])?.into()
            }
            E::Floor { expr, field: ast::CeilFloorKind::DateTimeField(f) }
                if *f == ast::DateTimeField::NoDateTime =>
            {
                self.call("floor", &[expr.as_ref()])?.into()
            }
            E::Position { expr, r#in } => {
                self.call("strpos", &[r#in.as_ref(), expr.as_ref()])?.into()
            }
            E::Substring { expr, substring_from: Some(from), substring_for, .. } => {
                let mut args = vec![expr.as_ref(), from.as_ref()];
                args.extend(substring_for.as_deref());
                self.call("substr", &args)?.into()
            }
            E::Trim { trim_where, trim_what, expr, trim_characters: None } => {
                let name = match trim_where {
                    Some(ast::TrimWhereField::Leading) => "ltrim",
                    Some(ast::TrimWhereField::Trailing) => "rtrim",
                    _ => "trim",
                };
                let mut args = vec![expr.as_ref()];
                args.extend(trim_what.as_deref());
                self.call(name, &args)?.into()
            }
            E::Extract { field, expr, .. } => {
                let field = Field::named(&field.to_string()).ok_or(Unfit::NotOurs)?;
                let moment = self.argument(Arg::Moment, self.part(expr)?, None)?;
                self.folded(Expr::new(Node::Call(Function::Extract(field), vec![moment]), NUMERIC))?
                    .into()
            }
            _ => return Err(Unfit::NotOurs),
        })
    }

    fn value(&self, value: &ast::Value) -> Compiled<Part> {
        use ast::Value as V;
        let literal = |text: &str| Part {
            expr: Expr::constant(Some(Value::String(text.to_string())), ColumnType::Text),
            loose: Loose::Literal,
        };
        Ok(match value {
            V::Number(text, _) => literal::number(text, false)?.into(),
            V::HexStringLiteral(text) => literal::hex(text)?.into(),
            V::SingleQuotedString(s) | V::EscapedStringLiteral(s) | V::UnicodeStringLiteral(s) => {
                literal(s)
            }
            V::NationalStringLiteral(s) | V::DoubleQuotedString(s) => literal(s),
            V::DollarQuotedString(s) => literal(&s.value),
            V::Boolean(b) => Expr::constant(Some(Value::Bool(*b)), ColumnType::Bool).into(),
            V::Null => Part { expr: Expr::constant(None, ColumnType::Text), loose: Loose::Literal },
            V::Placeholder(name) => self.param(name)?,
            _ => return Err(Unfit::NotOurs),
        })
    }

    fn param(&self, name: &str) -> Compiled<Part> {
        let number = name.strip_prefix('$').and_then(|n| n.parse::<usize>().ok());
        let Some(index) = number.filter(|n| (1..=crate::PARAMS_MAX).contains(n)).map(|n| n - 1)
        else {
            return Err(SqlError::new("42P02", format!("there is no parameter {name}")).into());
        };
        let mut params = self.params.borrow_mut();
        if params.len() <= index {
            params.resize(index + 1, None);
        }
        let (t, loose) = match params[index] {
            Some(t) => (t, Loose::No),
            None => (ColumnType::Text, Loose::Param(index)),
        };
        Ok(Part { expr: Expr::new(Node::Param(index), t), loose })
    }

    fn identifier(&self, ident: &ast::Ident) -> Compiled<Part> {
        let quoted = ident.quote_style.is_some();
        if let Some(table) = self.table
            && let Some(expr) = self.column_of(table, &ident.value, quoted)
        {
            return Ok(expr.into());
        }
        if !quoted && let Some(signature) = niladic(&ident.value) {
            return Ok(self.call(signature, &[])?.into());
        }
        let error = match self.table {
            Some(table) => resolve::no_column(table, &ident.value),
            None if is_niladic_of_session(&ident.value) => return Err(Unfit::NotOurs),
            None => SqlError::new("42703", format!("column \"{}\" does not exist", ident.value))
                .hint("text is written in single quotes"),
        };
        Err(Unfit::Wrong(self.places.mark(error, ident.span)))
    }

    fn compound(&self, idents: &[ast::Ident]) -> Compiled<Expr> {
        let [qualifier @ .., column] = idents else { return Err(Unfit::NotOurs) };
        let Some(table) = self.table else { return Err(Unfit::NotOurs) };
        let quoted = column.quote_style.is_some();
        let span = idents[0].span;
        if let [only] = qualifier
            && self.excluded
            && only.value.eq_ignore_ascii_case("excluded")
        {
            let found = table.resolve(&column.value, quoted).or_else(|| pk(table, &column.value));
            let (name, t) = match found {
                Some(column) => (column.name.as_str(), column.column_type),
                None if !table.declared => (column.value.as_str(), ColumnType::Jsonb),
                None => {
                    let error = resolve::no_column(table, &column.value);
                    return Err(Unfit::Wrong(self.places.mark(error, span)));
                }
            };
            return Ok(Expr::new(Node::Excluded(name.into()), t));
        }
        let same = |ident: &ast::Ident, name: &str| match ident.quote_style {
            Some(_) => ident.value == name,
            None => ident.value.eq_ignore_ascii_case(name),
        };
        let ours = match (qualifier, self.alias) {
            ([only], Some(alias)) => same(only, alias),
            ([only], None) => same(only, &table.name),
            ([schema, only], None) => {
                let public = schema.value.eq_ignore_ascii_case("public");
                (same(schema, &table.namespace) || public) && same(only, &table.name)
            }
            _ => false,
        };
        if !ours {
            let name: Vec<&str> = qualifier.iter().map(|i| i.value.as_str()).collect();
            let name = name.join(".");
            let shown = self.alias.unwrap_or(&table.name);
            let error =
                SqlError::new("42P01", format!("missing FROM-clause entry for table \"{name}\""))
                    .hint(format!("the table of this statement is \"{shown}\""));
            return Err(Unfit::Wrong(self.places.mark(error, span)));
        }
        self.column_of(table, &column.value, quoted).ok_or_else(|| {
            let error = resolve::no_column(table, &column.value);
            Unfit::Wrong(self.places.mark(error, column.span))
        })
    }

    /// A column, key column or pseudo-column of this name.
    fn column_of(&self, table: &Table, name: &str, quoted: bool) -> Option<Expr> {
        if let Some(column) = table.resolve(name, quoted) {
            return Some(column_expr(table, column));
        }
        if name.eq_ignore_ascii_case("PK") {
            return Some(match &table.key[..] {
                [only] => column_expr(table, only),
                _ => Expr::new(Node::WholeKey, ColumnType::Bytea),
            });
        }
        let (pseudo, _, t) = Pseudo::named(name)?;
        Some(Expr::new(Node::Pseudo(pseudo), t))
    }

    fn unary(&self, op: &ast::UnaryOperator, inner: &ast::Expr) -> Compiled<Part> {
        use ast::UnaryOperator as U;
        match op {
            U::Not => {
                let inner = self.condition(inner)?;
                Ok(boolean(Node::Not(Box::new(inner))).into())
            }
            U::Minus => {
                if let ast::Expr::Value(value) = inner
                    && let ast::Value::Number(text, _) = &value.value
                {
                    return Ok(literal::number(text, true)?.into());
                }
                let part = self.part(inner)?;
                let expr = self.adapt(part, ColumnType::Float8)?;
                let t = expr.column_type;
                if !is_number(t) {
                    return Err(no_operator(&format!("- {t}")).into());
                }
                Ok(self.folded(Expr::new(Node::Neg(Box::new(expr)), t))?.into())
            }
            U::Plus => {
                let part = self.part(inner)?;
                let expr = self.adapt(part, ColumnType::Float8)?;
                match is_number(expr.column_type) {
                    true => Ok(expr.into()),
                    false => Err(no_operator(&format!("+ {}", expr.column_type)).into()),
                }
            }
            _ => Err(Unfit::NotOurs),
        }
    }

    fn binary(
        &self,
        whole: &ast::Expr,
        left: &ast::Expr,
        op: &ast::BinaryOperator,
        right: &ast::Expr,
    ) -> Compiled<Expr> {
        use ast::BinaryOperator as B;
        let arith = |op| self.arith(op, left, right);
        match op {
            B::And | B::Or => self.junction(whole, matches!(op, B::Or)),
            B::Plus => arith(Op::Add),
            B::Minus => arith(Op::Sub),
            B::Multiply => arith(Op::Mul),
            B::Divide => arith(Op::Div),
            B::Modulo => arith(Op::Rem),
            B::StringConcat => self.concat(left, right),
            B::Arrow | B::LongArrow => self.member(left, right, matches!(op, B::LongArrow)),
            B::PGLikeMatch => self.like(false, false, left, right, None),
            B::PGNotLikeMatch => self.like(true, false, left, right, None),
            B::PGILikeMatch => self.like(false, true, left, right, None),
            B::PGNotILikeMatch => self.like(true, true, left, right, None),
            other => self.compare(comparison(other).ok_or(Unfit::NotOurs)?, left, right),
        }
    }

    /// A tree of one kind of AND or OR as one flat list.
    fn junction(&self, e: &ast::Expr, or: bool) -> Compiled<Expr> {
        let mut parts = Vec::new();
        for part in operands(e, or) {
            parts.push(self.condition(part)?);
        }
        Ok(boolean(if or { Node::Or(parts) } else { Node::And(parts) }))
    }

    fn compare(&self, op: Cmp, a: &ast::Expr, b: &ast::Expr) -> Compiled<Expr> {
        let (x, y) = (self.part(a)?, self.value_part(b)?);
        let (x, y) = self.unified(x, y, op.symbol())?;
        Ok(boolean(Node::Compare(op, Box::new(x), Box::new(y))))
    }

    fn distinct(&self, a: &ast::Expr, b: &ast::Expr, negated: bool) -> Compiled<Expr> {
        let (x, y) = (self.part(a)?, self.part(b)?);
        let sides = self.unified(x, y, "=")?;
        Ok(boolean(Node::Distinct { negated, sides: Box::new(sides) }))
    }

    /// Two parts as values that can be compared.
    fn unified(&self, a: Part, b: Part, symbol: &str) -> Compiled<(Expr, Expr)> {
        let (a, b) = match (a.loose, b.loose) {
            (Loose::No, Loose::No) => (a.expr, b.expr),
            (Loose::No, _) => {
                let b = self.adapt(b, met(a.expr.column_type))?;
                (a.expr, b)
            }
            (_, Loose::No) => {
                let a = self.adapt(a, met(b.expr.column_type))?;
                (a, b.expr)
            }
            _ => (self.settle(a), self.settle(b)),
        };
        let (ta, tb) = (a.column_type, b.column_type);
        let Some(t) = common(ta, tb) else {
            return Err(no_operator(&format!("{ta} {symbol} {tb}")).into());
        };
        Ok((self.promoted(a, t)?, self.promoted(b, t)?))
    }

    /// The same value in the wider type; types of one representation stay as they are.
    fn promoted(&self, expr: Expr, t: ColumnType) -> Compiled<Expr> {
        let from = expr.column_type;
        let same = from == t
            || is_integer(from) && is_integer(t)
            || is_text(from) && is_text(t)
            || is_float(from) && is_float(t)
            || matches!(from, ColumnType::Numeric { .. })
                && matches!(t, ColumnType::Numeric { .. })
            || t == ColumnType::Jsonb
            || is_timestamp(from) && is_timestamp(t);
        if same {
            return Ok(expr);
        }
        self.folded(Expr::new(Node::Cast(Box::new(expr)), t))
    }

    fn is_null(&self, inner: &ast::Expr, negated: bool) -> Compiled<Expr> {
        let inner = Box::new(self.any(inner)?);
        Ok(boolean(Node::IsNull { negated, inner }))
    }

    fn is_bool(&self, inner: &ast::Expr, wanted: Option<bool>, negated: bool) -> Compiled<Expr> {
        let inner = Box::new(self.condition(inner)?);
        Ok(boolean(Node::IsBool { negated, wanted, inner }))
    }

    fn in_list(&self, left: &ast::Expr, list: &[ast::Expr], negated: bool) -> Compiled<Expr> {
        let inner = self.any_of(left, list)?;
        let mut items = Vec::with_capacity(list.len());
        let mut alone = Vec::new();
        for item in list {
            let item = self.value_part(item)?;
            let left = Part::from(inner.clone());
            let (x, y) = self.unified(left, item, "=")?;
            match x.column_type == inner.column_type {
                true => items.push(y),
                // The left side had to be promoted for this one.
                false => alone.push(boolean(Node::Compare(Cmp::Eq, Box::new(x), Box::new(y)))),
            }
        }
        let listed = Node::In { negated: false, inner: Box::new(inner), list: items };
        alone.insert(0, boolean(listed));
        let found = if alone.len() == 1 { alone.remove(0) } else { boolean(Node::Or(alone)) };
        Ok(match (negated, found) {
            (false, found) => found,
            (true, Expr { node: Node::In { inner, list, .. }, .. }) => {
                boolean(Node::In { negated: true, inner, list })
            }
            (true, found) => boolean(Node::Not(Box::new(found))),
        })
    }

    /// The left side of IN: a parameter takes its type from the list.
    fn any_of(&self, left: &ast::Expr, list: &[ast::Expr]) -> Compiled<Expr> {
        let part = self.part(left)?;
        if part.loose == Loose::No {
            return Ok(part.expr);
        }
        for item in list {
            let item = self.value_part(item)?;
            if item.loose == Loose::No {
                return self.adapt(part, item.expr.column_type);
            }
        }
        Ok(self.settle(part))
    }

    fn like(
        &self,
        negated: bool,
        fold: bool,
        text: &ast::Expr,
        pattern: &ast::Expr,
        escape: Option<&ast::ValueWithSpan>,
    ) -> Compiled<Expr> {
        let escape = match escape.map(|e| &e.value) {
            None => Some('\\'),
            Some(ast::Value::SingleQuotedString(s)) if s.is_empty() => None,
            Some(ast::Value::SingleQuotedString(s)) if s.chars().count() == 1 => s.chars().next(),
            Some(_) => {
                return Err(SqlError::new("22019", "invalid escape string")
                    .hint("Escape string must be empty or one character.")
                    .into());
            }
        };
        let side = |e| {
            let part = self.part(e)?;
            let expr = self.adapt(part, ColumnType::Text)?;
            match expr.column_type {
                t if is_text(t) => Ok(expr),
                // What is not text in a bin of many types is not like anything.
                ColumnType::Jsonb => Ok(expr),
                t => Err(Unfit::from(no_operator(&format!("{t} ~~ text")))),
            }
        };
        let sides = Box::new((side(text)?, side(pattern)?));
        Ok(boolean(Node::Like { negated, fold, escape, sides }))
    }

    fn any_op(
        &self,
        left: &ast::Expr,
        op: &ast::BinaryOperator,
        right: &ast::Expr,
        all: bool,
    ) -> Compiled<Expr> {
        let op = comparison(op).ok_or(Unfit::NotOurs)?;
        let array = self.part(unnested(right))?;
        let part = self.part(left)?;
        let (inner, array) = match (part.loose, array.loose) {
            (Loose::No, Loose::No) => (part.expr, array.expr),
            (Loose::No, _) => {
                let t = array_of(part.expr.column_type).ok_or(Unfit::NotOurs)?;
                (part.expr, self.adapt(array, t)?)
            }
            (_, Loose::No) => {
                let t = super::eval::element_type(array.expr.column_type);
                (self.adapt(part, t)?, array.expr)
            }
            _ => (self.settle(part), self.adapt(array, ColumnType::TextArray)?),
        };
        let element = super::eval::element_type(array.column_type);
        let is_list = array_of(element) == Some(array.column_type) || element == ColumnType::Jsonb;
        if !is_list || common(inner.column_type, element).is_none() {
            let (a, b) = (inner.column_type, array.column_type);
            return Err(no_operator(&format!("{a} {} {b}", op.symbol())).into());
        }
        Ok(boolean(Node::Any { op, all, inner: Box::new(inner), array: Box::new(array) }))
    }

    /// A moment shifted by an interval of fixed length.
    fn shifted(&self, op: Op, moment: &ast::Expr, interval: &ast::Interval) -> Compiled<Expr> {
        let ast::Expr::Value(value) = &*interval.value else { return Err(Unfit::NotOurs) };
        let ast::Value::SingleQuotedString(text) = &value.value else { return Err(Unfit::NotOurs) };
        let unit = interval.leading_field.as_ref().map(ToString::to_string);
        let us = types::parse_interval_us(text, unit.as_deref()).ok_or(Unfit::NotOurs)?;
        let moment = self.argument(Arg::Moment, self.part(moment)?, None)?;
        let t = match moment.column_type {
            ColumnType::Timestamptz => ColumnType::Timestamptz,
            _ => ColumnType::Timestamp,
        };
        let moment = self.promoted(moment, t)?;
        let us = Expr::constant(Some(Value::Integer(us)), ColumnType::Int8);
        self.folded(Expr::new(Node::Arith(op, Box::new(moment), Box::new(us)), t))
    }

    fn arith(&self, op: Op, a: &ast::Expr, b: &ast::Expr) -> Compiled<Expr> {
        match (op, unnested(a), unnested(b)) {
            (Op::Add | Op::Sub, moment, ast::Expr::Interval(i))
            | (Op::Add, ast::Expr::Interval(i), moment) => return self.shifted(op, moment, i),
            _ => {}
        }
        let symbol = super::display::sign(op);
        let (x, y) = (self.part(a)?, self.part(b)?);
        let (x, y) = match (x.loose, y.loose) {
            (Loose::No, Loose::No) => (x.expr, y.expr),
            (Loose::No, _) => {
                let t = operand(x.expr.column_type);
                (x.expr, self.adapt(y, t)?)
            }
            (_, Loose::No) => {
                let t = operand(y.expr.column_type);
                (self.adapt(x, t)?, y.expr)
            }
            _ => (self.adapt(x, ColumnType::Int8)?, self.adapt(y, ColumnType::Int8)?),
        };
        let (ta, tb) = (x.column_type, y.column_type);
        let none = || Unfit::from(no_operator(&format!("{ta} {symbol} {tb}")));
        if let Some(t) = date_arith(op, ta, tb) {
            return self.folded(Expr::new(Node::Arith(op, Box::new(x), Box::new(y)), t));
        }
        if !is_number(ta) || !is_number(tb) {
            // Moments and intervals are DataFusion's.
            let moment = |t| is_timestamp(t) || t == ColumnType::Date;
            return Err(if moment(ta) || moment(tb) { Unfit::NotOurs } else { none() });
        }
        let t = common(ta, tb).ok_or_else(none)?;
        let t = if matches!(t, ColumnType::Numeric { .. }) { NUMERIC } else { t };
        let (x, y) = (self.promoted(x, t)?, self.promoted(y, t)?);
        self.folded(Expr::new(Node::Arith(op, Box::new(x), Box::new(y)), t))
    }

    fn concat(&self, a: &ast::Expr, b: &ast::Expr) -> Compiled<Expr> {
        let (x, y) = (self.part(a)?, self.part(b)?);
        let list =
            |t| matches!(t, ColumnType::Jsonb) || super::eval::element_type(t) != ColumnType::Jsonb;
        let (tx, ty) = (x.expr.column_type, y.expr.column_type);
        let of = match (x.loose, y.loose) {
            (Loose::No, _) if list(tx) => Some(tx),
            (_, Loose::No) if list(ty) => Some(ty),
            _ => None,
        };
        if let Some(t) = of {
            let x = self.adapt(x, t)?;
            let y = self.adapt(y, t)?;
            let fits = |u| {
                u == t
                    || u == super::eval::element_type(t)
                    || t == ColumnType::Jsonb
                    || is_integer(u) && t == ColumnType::Int8Array
                    || is_text(u) && t == ColumnType::TextArray
            };
            if !fits(x.column_type) || !fits(y.column_type) {
                return Err(no_operator(&format!("{tx} || {ty}")).into());
            }
            return self.folded(Expr::new(Node::Concat(Box::new(x), Box::new(y)), t));
        }
        if tx == ColumnType::Bytea && ty == ColumnType::Bytea {
            return self.folded(Expr::new(Node::Concat(Box::new(x.expr), Box::new(y.expr)), tx));
        }
        if x.loose == Loose::No && y.loose == Loose::No && !is_text(tx) && !is_text(ty) {
            return Err(no_operator(&format!("{tx} || {ty}")).into());
        }
        let text = |part: Part| {
            let expr = self.adapt(part, ColumnType::Text)?;
            self.promoted(expr, ColumnType::Text)
        };
        let (x, y) = (text(x)?, text(y)?);
        self.folded(Expr::new(Node::Concat(Box::new(x), Box::new(y)), ColumnType::Text))
    }

    fn member(&self, value: &ast::Expr, path: &ast::Expr, text: bool) -> Compiled<Expr> {
        let value = self.part(value)?;
        let value = self.adapt(value, ColumnType::Jsonb)?;
        let path = self.part(path)?;
        let path = self.adapt(path, ColumnType::Text)?;
        let fits = is_text(path.column_type) || is_integer(path.column_type);
        if !matches!(value.column_type, ColumnType::Jsonb | ColumnType::GeoJson) || !fits {
            let arrow = if text { "->>" } else { "->" };
            let (a, b) = (value.column_type, path.column_type);
            return Err(no_operator(&format!("{a} {arrow} {b}")).into());
        }
        let t = if text { ColumnType::Text } else { ColumnType::Jsonb };
        self.folded(Expr::new(Node::Member { text, sides: Box::new((value, path)) }, t))
    }

    fn cast_name(&self, inner: &ast::Expr, name: &ast::DataType) -> Compiled<Part> {
        // `'pg_class'::regclass` and its like are the catalogue's.
        let Ok(t) = from_sql_name(name) else { return Err(Unfit::NotOurs) };
        Ok(self.cast(inner, t)?.into())
    }

    fn cast(&self, inner: &ast::Expr, t: ColumnType) -> Compiled<Expr> {
        let part = self.part(inner)?;
        if part.loose != Loose::No {
            let met = met(t);
            if let (Loose::Literal, Node::Const(Some(Value::String(text)))) =
                (part.loose, &part.expr.node)
            {
                let text = Value::String(text.clone());
                let value = types::cast(ColumnType::Text, t, text)?;
                return Ok(Expr::constant(Some(value), t));
            }
            let expr = self.adapt(part, if is_text(t) { met } else { t })?;
            return if expr.column_type == t {
                Ok(expr)
            } else {
                self.folded(Expr::new(Node::Cast(Box::new(expr)), t))
            };
        }
        let from = part.expr.column_type;
        if from == t {
            return Ok(part.expr);
        }
        if !can_cast(from, t) {
            let message = format!("cannot cast type {from} to {t}");
            return Err(SqlError::new("42846", message).into());
        }
        self.folded(Expr::new(Node::Cast(Box::new(part.expr)), t))
    }

    fn case(
        &self,
        operand: Option<&ast::Expr>,
        conditions: &[ast::CaseWhen],
        otherwise: Option<&ast::Expr>,
    ) -> Compiled<Part> {
        let mut results = Vec::new();
        let mut whens = Vec::new();
        for when in conditions {
            whens.push(match operand {
                Some(operand) => self.compare(Cmp::Eq, operand, &when.condition)?,
                None => self.condition(&when.condition)?,
            });
            results.push(self.part(&when.result)?);
        }
        if let Some(otherwise) = otherwise {
            results.push(self.part(otherwise)?);
        }
        let (mut results, t) = self.same_type(results, "CASE")?;
        let otherwise = match otherwise {
            Some(_) => results.pop().map(Box::new),
            None => None,
        };
        let whens = whens.into_iter().zip(results).collect();
        Ok(Expr::new(Node::Case { whens, otherwise }, t).into())
    }

    /// Parts as values of one type.
    fn same_type(&self, parts: Vec<Part>, what: &str) -> Compiled<(Vec<Expr>, ColumnType)> {
        let mut t: Option<ColumnType> = None;
        for part in parts.iter().filter(|p| p.loose == Loose::No) {
            let own = met(part.expr.column_type);
            t = Some(match t {
                None => own,
                Some(t) => common(t, own).ok_or_else(|| {
                    let message = format!("{what} types {t} and {own} cannot be matched");
                    SqlError::new("42804", message).hint("cast them to one type")
                })?,
            });
        }
        let t = t.unwrap_or(ColumnType::Text);
        let one = |part: Part| {
            let expr = self.adapt(part, t)?;
            let expr = self.promoted(expr, t)?;
            let direct = expr.column_type == t || expr.column_type.stored_as() == t.stored_as();
            Ok(if direct { expr } else { Expr::new(Node::Cast(Box::new(expr)), t) })
        };
        Ok((parts.into_iter().map(one).collect::<Compiled<_>>()?, t))
    }

    fn array(&self, items: &[ast::Expr]) -> Compiled<Expr> {
        let parts = items.iter().map(|e| self.part(e)).collect::<Compiled<Vec<_>>>()?;
        let (items, t) = self.same_type(parts, "ARRAY")?;
        let (t, items) = match t {
            ColumnType::Numeric { .. } => {
                let double = |e| self.promoted(e, ColumnType::Float8);
                (ColumnType::Float8, items.into_iter().map(double).collect::<Compiled<_>>()?)
            }
            t => (t, items),
        };
        let array = array_of(t).unwrap_or(ColumnType::Jsonb);
        self.folded(Expr::new(Node::List(items), array))
    }

    fn function(&self, function: &ast::Function) -> Compiled<Part> {
        let plain = function.filter.is_none()
            && function.over.is_none()
            && function.within_group.is_empty()
            && function.null_treatment.is_none()
            && matches!(function.parameters, ast::FunctionArguments::None);
        let [ast::ObjectNamePart::Identifier(name)] = &function.name.0[..] else {
            return Err(Unfit::NotOurs);
        };
        let args = match &function.args {
            ast::FunctionArguments::None => Vec::new(),
            ast::FunctionArguments::List(list)
                if list.clauses.is_empty() && list.duplicate_treatment.is_none() =>
            {
                let arg = |arg: &'_ ast::FunctionArg| match arg {
                    ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(_)) => Ok(()),
                    _ => Err(Unfit::NotOurs),
                };
                list.args.iter().try_for_each(arg)?;
                list.args.iter().filter_map(plain_arg).collect()
            }
            _ => return Err(Unfit::NotOurs),
        };
        if !plain {
            return Err(Unfit::NotOurs);
        }
        let name = name.value.to_ascii_lowercase();
        if let ([only], Some(t)) = (&args[..], aql_cast(&name)) {
            return self.aql_cast(only, t, &name);
        }
        Ok(self.call(&name, &args)?.into())
    }

    /// aql's `JSON('..')`, `INT('5')`.
    fn aql_cast(&self, inner: &ast::Expr, t: ColumnType, name: &str) -> Compiled<Part> {
        let expr = self.cast(inner, t)?;
        let fits = match (name, expr.as_const()) {
            ("list", Some(Some(value))) => matches!(value, Value::List(_)),
            ("map", Some(Some(value))) => matches!(value, Value::Map(_)),
            _ => true,
        };
        match fits {
            true => Ok(expr.into()),
            false => Err(SqlError::new("22P02", format!("invalid input syntax for type {name}"))
                .hint("a list is written '[..]', a map '{..}'")
                .into()),
        }
    }

    fn call(&self, name: &str, args: &[&ast::Expr]) -> Compiled<Expr> {
        let parts = args.iter().map(|e| self.part(e)).collect::<Compiled<Vec<_>>>()?;
        let many = |function: Function| match args.is_empty() {
            true => Err(Unfit::NotOurs),
            false => Ok(function),
        };
        match (name, parts.len()) {
            ("coalesce", _) => return self.alike(many(Function::Coalesce)?, parts),
            ("greatest", _) => return self.alike(many(Function::Greatest)?, parts),
            ("least", _) => return self.alike(many(Function::Least)?, parts),
            ("nullif", 2) => return self.alike(Function::NullIf, parts),
            ("concat", 1..) => {
                let parts = parts.into_iter().map(|p| self.settle(p)).collect();
                return self
                    .folded(Expr::new(Node::Call(Function::Concat, parts), ColumnType::Text));
            }
            _ => {}
        }
        let signature = functions::find(name, parts.len()).ok_or(Unfit::NotOurs)?;
        debug_assert!(signature.least <= parts.len());
        let list = signature.args.iter().position(|arg| *arg == Arg::List);
        let list = list
            .map(|i| parts[i].expr.column_type)
            .filter(|_| list.is_some_and(|i| parts[i].loose == Loose::No));
        let mut exprs = Vec::with_capacity(parts.len());
        for (arg, part) in signature.args.iter().zip(parts) {
            exprs.push(self.argument(*arg, part, list)?);
        }
        let t = match signature.gives {
            Gives::Type(t) => t,
            Gives::First => exprs.first().map_or(ColumnType::Text, |e| e.column_type),
            Gives::List => list.unwrap_or(ColumnType::Jsonb),
        };
        self.folded(Expr::new(Node::Call(signature.function, exprs), t))
    }

    /// A function whose arguments and result are of one type.
    fn alike(&self, function: Function, parts: Vec<Part>) -> Compiled<Expr> {
        let (exprs, t) = self.same_type(parts, &function.name().to_uppercase())?;
        self.folded(Expr::new(Node::Call(function, exprs), t))
    }

    fn argument(&self, arg: Arg, part: Part, list: Option<ColumnType>) -> Compiled<Expr> {
        let loose = match arg {
            Arg::Text | Arg::Any => ColumnType::Text,
            Arg::Integer => ColumnType::Int8,
            Arg::Number | Arg::Double => ColumnType::Float8,
            Arg::List => ColumnType::Jsonb,
            Arg::Element => list.map_or(ColumnType::Jsonb, super::eval::element_type),
            Arg::Moment => ColumnType::Timestamptz,
        };
        let expr = self.adapt(part, loose)?;
        let t = expr.column_type;
        let is_list = t == ColumnType::Jsonb || super::eval::element_type(t) != ColumnType::Jsonb;
        Ok(match arg {
            Arg::Any => expr,
            Arg::Text if is_text(t) => expr,
            Arg::Integer if is_integer(t) => expr,
            Arg::Number if is_number(t) => expr,
            Arg::Double if is_number(t) => self.promoted(expr, ColumnType::Float8)?,
            Arg::List if is_list => expr,
            Arg::Element if loose == ColumnType::Jsonb || common(t, loose) == Some(loose) => {
                self.promoted(expr, loose)?
            }
            Arg::Moment if is_timestamp(t) || t == ColumnType::Date => expr,
            // DataFusion may know a function of this name for other types.
            _ => return Err(Unfit::NotOurs),
        })
    }
}

fn boolean(node: Node) -> Expr {
    Expr::new(node, ColumnType::Bool)
}

fn column_expr(table: &Table, column: &Column) -> Expr {
    let name = Name::from(column.name.as_str());
    let node = match table.key.iter().position(|k| k.name == column.name) {
        Some(index) => Node::Key { name, index, of: table.key.len() },
        None => Node::Bin(name),
    };
    Expr::new(node, column.column_type)
}

fn pk<'t>(table: &'t Table, name: &str) -> Option<&'t Column> {
    match &table.key[..] {
        [only] if name.eq_ignore_ascii_case("PK") => Some(only),
        _ => None,
    }
}

fn plain_arg(arg: &ast::FunctionArg) -> Option<&ast::Expr> {
    match arg {
        ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(e)) => Some(e),
        _ => None,
    }
}

/// Without parentheses around it.
pub(crate) fn unnested(mut e: &ast::Expr) -> &ast::Expr {
    while let ast::Expr::Nested(inner) = e {
        e = inner;
    }
    e
}

/// The operands of a tree of ANDs (or ORs), from left to right.
pub(crate) fn operands(e: &ast::Expr, or: bool) -> Vec<&ast::Expr> {
    let wanted = if or { ast::BinaryOperator::Or } else { ast::BinaryOperator::And };
    let mut found = Vec::new();
    let mut left = vec![e];
    while let Some(e) = left.pop() {
        match unnested(e) {
            ast::Expr::BinaryOp { left: a, op, right: b } if *op == wanted => {
                left.push(b);
                left.push(a);
            }
            other => found.push(other),
        }
    }
    found
}

pub(crate) fn comparison(op: &ast::BinaryOperator) -> Option<Cmp> {
    use ast::BinaryOperator as B;
    Some(match op {
        B::Eq => Cmp::Eq,
        B::NotEq => Cmp::Ne,
        B::Lt => Cmp::Lt,
        B::LtEq => Cmp::Le,
        B::Gt => Cmp::Gt,
        B::GtEq => Cmp::Ge,
        _ => return None,
    })
}

/// Functions that are called without parentheses.
fn niladic(name: &str) -> Option<&'static str> {
    ["current_timestamp", "localtimestamp", "current_date"]
        .into_iter()
        .find(|f| f.eq_ignore_ascii_case(name))
}

fn is_niladic_of_session(name: &str) -> bool {
    ["current_user", "session_user", "user", "current_role", "current_catalog", "current_schema"]
        .iter()
        .any(|f| f.eq_ignore_ascii_case(name))
}

fn aql_cast(name: &str) -> Option<ColumnType> {
    Some(match name {
        "int" | "decimal" | "numeric" => ColumnType::Int8,
        "float" | "real" => ColumnType::Float8,
        "bool" => ColumnType::Bool,
        "char" | "string" | "text" | "varchar" => ColumnType::Text,
        "json" | "list" | "map" => ColumnType::Jsonb,
        "geojson" => ColumnType::GeoJson,
        _ => return None,
    })
}
