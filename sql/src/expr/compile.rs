//! Syntax to expressions.
//!
//! Types follow PostgreSQL: a quoted literal or an undeclared parameter has no type until what it
//! meets gives it one; numbers are promoted; a text and a number do not meet without a cast
//! (42883). One exception serves schemaless sets: a jsonb column meets any scalar, value by value.

mod calls;
mod operators;

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
use crate::parse::{self, Places, too_deep};
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
    /// The namespace of sequences that give none, where numbers may be drawn: once for each value
    /// that is written.
    pub(crate) draws: Option<&'a str>,
    pub(crate) places: &'a Places,
    /// Types of `$1..` as far as they are known.
    params: RefCell<Vec<Option<ColumnType>>>,
    depth: Cell<usize>,
    /// Whether the value is for a bin, where json and jsonb are the same.
    stored: Cell<bool>,
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
            draws: None,
            places,
            params: RefCell::new(declared.iter().map(known).collect()),
            depth: Cell::new(0),
            stored: Cell::new(false),
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
            draws: None,
            places: self.places,
            params: RefCell::new(self.params.borrow().clone()),
            depth: Cell::new(0),
            stored: Cell::new(false),
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

    /// Types of the parameters, where something gave one.
    pub(crate) fn known_params(&self) -> Vec<Option<ColumnType>> {
        self.params.borrow().clone()
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
        self.stored.set(true);
        let part = self.value_part(e);
        self.stored.set(false);
        let part = part?;
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
        let schemaless = self.table.is_some_and(|table| !table.declared);
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
                let t = self.own_type(&typed.data_type)?;
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
                let clock = matches!(field, Field::Hour | Field::Minute | Field::Second);
                if clock && moment.column_type == ColumnType::Date {
                    return Err(Unfit::NotOurs);
                }
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
            // A row as one value.
            Some(table) if ident.value.eq_ignore_ascii_case(self.alias.unwrap_or(&table.name)) => {
                return Err(Unfit::NotOurs);
            }
            Some(table) => resolve::no_column(table, &ident.value),
            None if is_niladic_of_session(&ident.value) => return Err(Unfit::NotOurs),
            None => SqlError::new("42703", format!("column \"{}\" does not exist", ident.value))
                .hint("text is written in single quotes"),
        };
        Err(Unfit::Wrong(self.places.mark(error, ident.span)))
    }

    /// The type of this name, where its values are our own: not those of the catalogue, spans of
    /// time, and json, which keeps its text.
    fn own_type(&self, name: &ast::DataType) -> Compiled<ColumnType> {
        let json = matches!(name, ast::DataType::JSON) && !self.stored.get();
        from_sql_name(name).ok().filter(|_| !json).ok_or(Unfit::NotOurs)
    }

    /// Whether jsonb here is PostgreSQL's, and not a bin of several types.
    fn is_declared(&self) -> bool {
        self.table.is_none_or(|table| table.declared)
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

/// The type that aql's `name(value)` casts to.
pub(crate) fn aql_cast(name: &str) -> Option<ColumnType> {
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
