//! Operators: logic, comparison, arithmetic, membership, text and JSON.

use model::ColumnType;
use sqlparser::ast;

use super::*;
use crate::expr::display::sign;
use crate::expr::eval::element_type;

impl Compiler<'_> {
    pub(super) fn unary(&self, op: &ast::UnaryOperator, inner: &ast::Expr) -> Compiled<Part> {
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

    pub(super) fn binary(
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
    pub(super) fn junction(&self, e: &ast::Expr, or: bool) -> Compiled<Expr> {
        let mut parts = Vec::new();
        for part in operands(e, or) {
            parts.push(self.condition(part)?);
        }
        Ok(boolean(if or { Node::Or(parts) } else { Node::And(parts) }))
    }

    pub(super) fn compare(&self, op: Cmp, a: &ast::Expr, b: &ast::Expr) -> Compiled<Expr> {
        let (x, y) = (self.part(a)?, self.value_part(b)?);
        let (x, y) = self.unified(x, y, op.symbol())?;
        Ok(boolean(Node::Compare(op, Box::new(x), Box::new(y))))
    }

    pub(super) fn distinct(&self, a: &ast::Expr, b: &ast::Expr, negated: bool) -> Compiled<Expr> {
        let (x, y) = (self.part(a)?, self.part(b)?);
        let sides = self.unified(x, y, "=")?;
        Ok(boolean(Node::Distinct { negated, sides: Box::new(sides) }))
    }

    /// Two parts as values that can be compared.
    pub(super) fn unified(&self, a: Part, b: Part, symbol: &str) -> Compiled<(Expr, Expr)> {
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
    pub(super) fn promoted(&self, expr: Expr, t: ColumnType) -> Compiled<Expr> {
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

    pub(super) fn is_null(&self, inner: &ast::Expr, negated: bool) -> Compiled<Expr> {
        let inner = Box::new(self.any(inner)?);
        Ok(boolean(Node::IsNull { negated, inner }))
    }

    pub(super) fn is_bool(
        &self,
        inner: &ast::Expr,
        wanted: Option<bool>,
        negated: bool,
    ) -> Compiled<Expr> {
        let inner = Box::new(self.condition(inner)?);
        Ok(boolean(Node::IsBool { negated, wanted, inner }))
    }

    pub(super) fn in_list(
        &self,
        left: &ast::Expr,
        list: &[ast::Expr],
        negated: bool,
    ) -> Compiled<Expr> {
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
    pub(super) fn any_of(&self, left: &ast::Expr, list: &[ast::Expr]) -> Compiled<Expr> {
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

    pub(super) fn like(
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

    pub(super) fn any_op(
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
                let t = element_type(array.expr.column_type);
                (self.adapt(part, t)?, array.expr)
            }
            _ => (self.settle(part), self.adapt(array, ColumnType::TextArray)?),
        };
        let element = element_type(array.column_type);
        let is_list = array_of(element) == Some(array.column_type) || element == ColumnType::Jsonb;
        if !is_list || common(inner.column_type, element).is_none() {
            let (a, b) = (inner.column_type, array.column_type);
            return Err(no_operator(&format!("{a} {} {b}", op.symbol())).into());
        }
        Ok(boolean(Node::Any { op, all, inner: Box::new(inner), array: Box::new(array) }))
    }

    /// A moment shifted by an interval of fixed length.
    pub(super) fn shifted(
        &self,
        op: Op,
        moment: &ast::Expr,
        interval: &ast::Interval,
    ) -> Compiled<Expr> {
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

    pub(super) fn arith(&self, op: Op, a: &ast::Expr, b: &ast::Expr) -> Compiled<Expr> {
        match (op, unnested(a), unnested(b)) {
            (Op::Add | Op::Sub, moment, ast::Expr::Interval(i))
            | (Op::Add, ast::Expr::Interval(i), moment) => return self.shifted(op, moment, i),
            _ => {}
        }
        let symbol = sign(op);
        let (x, y) = (self.part(a)?, self.part(b)?);
        let compound =
            |part: &Part| part.loose == Loose::No && part.expr.column_type == ColumnType::Jsonb;
        let moment = |part: &Part| {
            part.loose == Loose::No && matches!(part.expr.column_type, ColumnType::Date)
        };
        // A quoted literal beside a date is a date or a span.
        let loose = x.loose == Loose::Literal || y.loose == Loose::Literal;
        if (compound(&x) || compound(&y)) && self.is_declared()
            || loose && (moment(&x) || moment(&y))
        {
            return Err(Unfit::NotOurs);
        }
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
        if op == Op::Rem && is_float(t) {
            return Err(none());
        }
        let t = if matches!(t, ColumnType::Numeric { .. }) { NUMERIC } else { t };
        let (x, y) = (self.promoted(x, t)?, self.promoted(y, t)?);
        self.folded(Expr::new(Node::Arith(op, Box::new(x), Box::new(y)), t))
    }

    pub(super) fn concat(&self, a: &ast::Expr, b: &ast::Expr) -> Compiled<Expr> {
        let (x, y) = (self.part(a)?, self.part(b)?);
        let list = |t| matches!(t, ColumnType::Jsonb) || element_type(t) != ColumnType::Jsonb;
        let (tx, ty) = (x.expr.column_type, y.expr.column_type);
        let of = match (x.loose, y.loose) {
            (Loose::No, _) if list(tx) => Some(tx),
            (_, Loose::No) if list(ty) => Some(ty),
            _ => None,
        };
        let null = |part: &Part| {
            part.loose == Loose::Literal && matches!(part.expr.node, Node::Const(None))
        };
        if of.is_some() && (null(&x) || null(&y)) && self.is_declared() {
            return Err(Unfit::NotOurs);
        }
        if let Some(t) = of {
            let x = self.adapt(x, t)?;
            let y = self.adapt(y, t)?;
            let fits = |u| {
                u == t
                    || u == element_type(t)
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

    pub(super) fn member(&self, value: &ast::Expr, path: &ast::Expr, text: bool) -> Compiled<Expr> {
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
}
