//! Casts, CASE, arrays and function calls.

use model::{ColumnType, Value};
use sqlparser::ast;

use super::*;
use crate::expr::eval::element_type;
use crate::matches::{self, Matcher};
use crate::particles;

impl Compiler<'_> {
    pub(super) fn cast_name(&self, inner: &ast::Expr, name: &ast::DataType) -> Compiled<Part> {
        Ok(self.cast(inner, self.own_type(name)?)?.into())
    }

    pub(super) fn cast(&self, inner: &ast::Expr, t: ColumnType) -> Compiled<Expr> {
        // aql's `INT("5")`: where there are no columns, double quotes hold text.
        let part = match self.table {
            None => self.value_part(inner)?,
            Some(_) => self.part(inner)?,
        };
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
        if from == ColumnType::Jsonb && self.is_declared() {
            return Err(Unfit::NotOurs);
        }
        if !can_cast(from, t) {
            let message = format!("cannot cast type {from} to {t}");
            return Err(SqlError::new("42846", message).into());
        }
        self.folded(Expr::new(Node::Cast(Box::new(part.expr)), t))
    }

    pub(super) fn case(
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
    pub(super) fn same_type(
        &self,
        parts: Vec<Part>,
        what: &str,
    ) -> Compiled<(Vec<Expr>, ColumnType)> {
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

    pub(super) fn array(&self, items: &[ast::Expr]) -> Compiled<Expr> {
        let parts = items.iter().map(|e| self.part(e)).collect::<Compiled<Vec<_>>>()?;
        let (items, t) = self.same_type(parts, "ARRAY")?;
        if self.is_declared() && (t == ColumnType::Jsonb || element_type(t) != ColumnType::Jsonb) {
            return Err(Unfit::NotOurs);
        }
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

    pub(super) fn function(&self, function: &ast::Function) -> Compiled<Part> {
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
        match (name.as_str(), &args[..]) {
            ("nextval", [sequence]) => return self.nextval(sequence),
            (matches::NAME, [bin, words @ ..]) => return Ok(self.matches(bin, words)?.into()),
            ("gen_random_uuid", []) if self.draws.is_some() => {
                return Ok(Expr::new(Node::RandomUuid, ColumnType::Uuid).into());
            }
            _ => {}
        }
        if let ([only], Some(t)) = (&args[..], aql_cast(&name)) {
            return self.aql_cast(only, t, &name);
        }
        Ok(self.call(&name, &args)?.into())
    }

    /// aql's test of what a bin holds.
    fn matches(&self, bin: &ast::Expr, words: &[&ast::Expr]) -> Compiled<Expr> {
        let bin = self.any(bin)?;
        if bin.as_bin().is_none() {
            return Err(Unfit::NotOurs);
        }
        let words = words.iter().map(|word| self.any(word)).collect::<Compiled<Vec<_>>>()?;
        let text = |e: &Expr| match e.as_const() {
            Some(Some(Value::String(text))) => Some(text.clone()),
            _ => None,
        };
        let words = words.iter().map(text).collect::<Option<Vec<_>>>().ok_or(Unfit::NotOurs)?;
        let (place, test, value, high) = match &words[..] {
            [place, test, value] => (place, test, value, None),
            [place, test, value, high] => (place, test, value, Some(high.as_str())),
            _ => return Err(Unfit::NotOurs),
        };
        let matcher = Matcher::new(place, test, value, high)?;
        Ok(Expr::matched(bin, matcher))
    }

    /// `nextval('ns.name')`, where the name is written there.
    fn nextval(&self, sequence: &ast::Expr) -> Compiled<Part> {
        let text = match sequence {
            ast::Expr::Cast { expr, .. } => &**expr,
            other => other,
        };
        let (ast::Expr::Value(value), Some(namespace)) = (text, self.draws) else {
            return Err(Unfit::NotOurs);
        };
        let ast::Value::SingleQuotedString(text) = &value.value else {
            return Err(Unfit::NotOurs);
        };
        let folded = |ident: &ast::Ident| match ident.quote_style {
            Some(_) => ident.value.clone(),
            None => ident.value.to_lowercase(),
        };
        let (namespace, name) = match parse::expression(text)? {
            ast::Expr::CompoundIdentifier(parts) => match &parts[..] {
                [namespace, name] => (folded(namespace), folded(name)),
                _ => return Err(Unfit::NotOurs),
            },
            ast::Expr::Identifier(name) => (namespace.to_string(), folded(&name)),
            _ => return Err(Unfit::NotOurs),
        };
        Ok(Expr::new(Node::NextVal(namespace, name), ColumnType::Int8).into())
    }

    /// aql's `JSON('..')`, `INT('5')`.
    pub(super) fn aql_cast(&self, inner: &ast::Expr, t: ColumnType, name: &str) -> Compiled<Part> {
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

    pub(super) fn call(&self, name: &str, args: &[&ast::Expr]) -> Compiled<Expr> {
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
        if let Some(function) = particles::find(name, parts.len()) {
            return self.particle(function, parts);
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

    /// An operation of Aerospike's.
    fn particle(&self, function: &'static particles::Function, parts: Vec<Part>) -> Compiled<Expr> {
        let mut exprs: Vec<Expr> = Vec::with_capacity(parts.len());
        for (arg, part) in function.args().iter().zip(parts) {
            // What is put into a typed array has the type of its elements.
            let element = exprs.first().map_or(ColumnType::Jsonb, |e| element_type(e.column_type));
            let typed = *arg == particles::Arg::Any && element != ColumnType::Jsonb;
            exprs.push(match (part.loose, &part.expr.node) {
                (Loose::Literal, Node::Const(Some(Value::String(text)))) if !typed => {
                    Expr::constant(Some(arg.literal(text)?), arg.loose())
                }
                _ => self.particle_argument(*arg, typed.then_some(element), part)?,
            });
        }
        let t = function.result(exprs.first().map_or(ColumnType::Jsonb, |e| e.column_type));
        self.folded(Expr::new(Node::Call(Function::Particle(function), exprs), t))
    }

    fn particle_argument(
        &self,
        arg: particles::Arg,
        element: Option<ColumnType>,
        part: Part,
    ) -> Compiled<Expr> {
        let expr = self.adapt(part, element.unwrap_or(arg.loose()))?;
        let t = expr.column_type;
        match element {
            Some(element) if common(t, element) == Some(element) => self.promoted(expr, element),
            Some(_) => Err(Unfit::NotOurs),
            // What a bin holds in a form of its own is put into lists and maps as others read it.
            None if matches!(t, ColumnType::Numeric { .. }) => {
                self.promoted(expr, ColumnType::Float8)
            }
            None if is_timestamp(t) || matches!(t, ColumnType::Date | ColumnType::Uuid) => {
                self.folded(Expr::new(Node::Cast(Box::new(expr)), ColumnType::Text))
            }
            None if arg.takes(t) => Ok(expr),
            None => Err(Unfit::NotOurs),
        }
    }

    /// A function whose arguments and result are of one type.
    pub(super) fn alike(&self, function: Function, parts: Vec<Part>) -> Compiled<Expr> {
        let (exprs, t) = self.same_type(parts, &function.name().to_uppercase())?;
        self.folded(Expr::new(Node::Call(function, exprs), t))
    }

    pub(super) fn argument(
        &self,
        arg: Arg,
        part: Part,
        list: Option<ColumnType>,
    ) -> Compiled<Expr> {
        let loose = match arg {
            Arg::Text | Arg::Any => ColumnType::Text,
            Arg::Integer => ColumnType::Int8,
            Arg::Number | Arg::Double => ColumnType::Float8,
            Arg::List => ColumnType::Jsonb,
            Arg::Element => list.map_or(ColumnType::Jsonb, element_type),
            Arg::Moment => ColumnType::Timestamptz,
        };
        let literal = part.loose == Loose::Literal;
        let expr = match self.adapt(part, loose) {
            Err(Unfit::Wrong(_)) if literal => return Err(Unfit::NotOurs),
            other => other?,
        };
        let t = expr.column_type;
        let is_list = t == ColumnType::Jsonb || element_type(t) != ColumnType::Jsonb;
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
