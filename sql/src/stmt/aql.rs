//! OPERATE and TRUNCATE of a namespace; and what of aql's habits can be read only once the set is
//! known.
//!
//! aql has sets without a declaration alone, so these habits are theirs: in conditions a name in
//! double quotes that is no bin is text, `a-b` may be a bin, and a bin may hold values of several
//! types.

use std::ops::ControlFlow;
use std::sync::Arc;

use model::{ColumnType, Name, Table, Value};
use sqlparser::ast;

use super::keys::pinned;
use super::{Context, Params, ours, plain_table};
use crate::expr::Pseudo;
use crate::matches;
use crate::operate::Operation;
use crate::parse;
use crate::plan::{Call, Keys, Operate, Plan};
use crate::resolve;
use crate::{SqlError, SqlResult};

impl Context<'_> {
    pub(super) fn operate(&self, operate: &parse::Operate) -> SqlResult<(Plan, Params)> {
        let table = resolve::table_or_new(&operate.name, self.scope, self.places)?;
        let known = table.clone();
        let c = self.compiler(Some(&known));
        let found = ours(pinned(&c, &table, Some(&operate.condition)), "this condition")?;
        let keys = match (found.keys, &found.rest[..]) {
            (Some(Keys::Each(lookups)), []) if lookups.len() == 1 => Keys::Each(lookups),
            _ => {
                let error = SqlError::unsupported("OPERATE is about one record")
                    .hint("say WHERE PK = .., DIGEST = .. or EDIGEST = ..");
                return Err(self.at(error, &operate.condition));
            }
        };
        let operations = operate.operations.clone();
        let answering = operations.iter().filter(|operation| operation.answers());
        let output: Vec<Name> = answering.filter_map(Operation::bin).cloned().collect();
        let checks = self.checks(&table)?;
        Ok((
            Plan::Operate(Operate { table: table.clone(), keys, operations, output, checks }),
            c.params(),
        ))
    }

    /// EXECUTE and AGGREGATE of a user's function.
    pub(super) fn call(&self, call: &parse::Call) -> SqlResult<(Plan, Params)> {
        let table = match call.condition.is_some() && !call.aggregate {
            true => resolve::table_or_new(&call.name, self.scope, self.places)?,
            false => resolve::table(&call.name, self.scope, self.places)?,
        };
        let known = table.clone();
        let c = self.compiler(Some(&known));
        let target = ours(self.target(&c, &table, call.condition.as_ref()), "this condition")?;
        let parse::Call { aggregate, module, function, limit, .. } = call.clone();
        let args = call.args.clone().into();
        let params = c.params();
        Ok((Plan::Call(Call { aggregate, module, function, args, table, target, limit }), params))
    }

    /// Tables, and all those of a namespace where a name is a namespace's and no table's.
    pub(super) fn tables_or_namespaces(
        &self,
        names: &[ast::ObjectName],
        if_exists: bool,
    ) -> SqlResult<Vec<Arc<Table>>> {
        let mut tables = Vec::new();
        for name in names {
            match (self.tables(std::slice::from_ref(name), if_exists), self.namespace_named(name)) {
                (Ok(found), _) => tables.extend(found),
                (Err(_), Some(all)) => tables.extend(all),
                (Err(error), None) => return Err(error),
            }
        }
        Ok(tables)
    }

    fn namespace_named(&self, name: &ast::ObjectName) -> Option<Vec<Arc<Table>>> {
        let [ast::ObjectNamePart::Identifier(ident)] = &name.0[..] else { return None };
        let tables = self.scope.catalog.namespaces.get(&ident.value)?;
        Some(tables.tables.values().cloned().collect())
    }

    /// A query of one set without a declaration, as SQL alone would write it; `None` where there
    /// is nothing to change. Queries for DataFusion alone need `mixed`.
    pub(super) fn settled(&self, query: &ast::Query, mixed: bool) -> Option<ast::Query> {
        let ast::SetExpr::Select(select) = &*query.body else { return None };
        let [from] = &select.from[..] else { return None };
        let (name, _) = plain_table(&from.relation).filter(|_| from.joins.is_empty())?;
        let table = resolve::table(name, self.scope, self.places).ok()?;
        if table.declared || query.with.is_some() {
            return None;
        }
        let mut settler = Settler { table: &table, mixed, changed: false, queries: 0 };
        let mut query = query.clone();
        let ControlFlow::Continue(()) = ast::VisitMut::visit(&mut query, &mut settler);
        settler.changed.then_some(query)
    }
}

/// Walks over the expressions of a query.
struct Settler<'t> {
    table: &'t Table,
    mixed: bool,
    changed: bool,
    /// Queries that are open: names in those inside are not this set's.
    queries: usize,
}

impl ast::VisitorMut for Settler<'_> {
    type Break = std::convert::Infallible;

    fn pre_visit_query(&mut self, _: &mut ast::Query) -> ControlFlow<Self::Break> {
        self.queries += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut ast::Query) -> ControlFlow<Self::Break> {
        self.queries -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, e: &mut ast::Expr) -> ControlFlow<Self::Break> {
        if self.queries > 1 {
            return ControlFlow::Continue(());
        }
        if let Some(name) = self.hyphenated(e) {
            *e = ast::Expr::Identifier(name);
            self.changed = true;
        }
        match e {
            ast::Expr::BinaryOp { left, op, right }
                if symbol(op).is_some() && self.is_known(left) =>
            {
                self.text(right);
            }
            ast::Expr::Cast { expr, .. } => self.text(expr),
            ast::Expr::Function(function) => {
                if let Some(argument) = aql_cast_argument(function) {
                    self.text(argument);
                }
            }
            ast::Expr::Between { expr, low, high, .. } if self.is_known(expr) => {
                self.text(low);
                self.text(high);
            }
            _ => {}
        }
        if let Some(test) = self.mixed.then(|| self.of_mixed_bin(e)).flatten() {
            *e = test;
            self.changed = true;
        }
        ControlFlow::Continue(())
    }
}

impl Settler<'_> {
    fn column_type(&self, name: &str) -> Option<ColumnType> {
        let columns = self.table.key.iter().chain(&self.table.columns);
        columns.into_iter().find(|column| column.name == name).map(|column| column.column_type)
    }

    fn is_known(&self, e: &ast::Expr) -> bool {
        match e {
            ast::Expr::Identifier(ident) => {
                self.table.resolve(&ident.value, ident.quote_style.is_some()).is_some()
                    || ident.value.eq_ignore_ascii_case("PK")
                    || Pseudo::named(&ident.value).is_some()
            }
            _ => false,
        }
    }

    /// A name in double quotes that is no bin's is text.
    fn text(&mut self, e: &mut ast::Expr) {
        let value = match e {
            ast::Expr::Identifier(ident) if ident.quote_style == Some('"') => ident.value.clone(),
            _ => return,
        };
        if !self.is_known(e) {
            *e = ast::Expr::Value(ast::Value::SingleQuotedString(value).into());
            self.changed = true;
        }
    }

    /// `a-b` where the pieces touch each other, and it is a bin.
    fn hyphenated(&self, e: &ast::Expr) -> Option<ast::Ident> {
        let name = touching(e)?;
        let differs = !matches!(e, ast::Expr::Identifier(_));
        (differs && self.column_type(&name.value).is_some()).then_some(name)
    }

    /// A comparison of a bin of several types with a constant.
    fn of_mixed_bin(&self, e: &ast::Expr) -> Option<ast::Expr> {
        let bin = |e: &ast::Expr| match e {
            ast::Expr::Identifier(ident) => {
                let quoted = ident.quote_style.is_some();
                let column = self.table.resolve(&ident.value, quoted)?;
                let bins = self.table.columns.iter().any(|bin| bin.name == column.name);
                (bins && column.column_type == ColumnType::Jsonb).then(|| e.clone())
            }
            _ => None,
        };
        match e {
            ast::Expr::BinaryOp { left, op, right } => {
                let value = scalar(right)?;
                Some(matches::call(bin(left)?, "bin", symbol(op)?, &value, None))
            }
            ast::Expr::Between { expr, negated, low, high } => {
                let (low, high) = (scalar(low)?, scalar(high)?);
                let test = matches::call(bin(expr)?, "bin", "between", &low, Some(&high));
                Some(negate(test, *negated))
            }
            ast::Expr::InList { expr, list, negated } => {
                let list = Value::List(list.iter().map(scalar).collect::<Option<_>>()?);
                Some(negate(matches::call(bin(expr)?, "bin", "in", &list, None), *negated))
            }
            _ => None,
        }
    }
}

/// What aql's `INT(..)` and its like cast.
fn aql_cast_argument(function: &mut ast::Function) -> Option<&mut ast::Expr> {
    crate::expr::aql_cast(&function.name.to_string().to_ascii_lowercase())?;
    let ast::FunctionArguments::List(list) = &mut function.args else { return None };
    match &mut list.args[..] {
        [ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(argument))] => Some(argument),
        _ => None,
    }
}

fn negate(e: ast::Expr, negated: bool) -> ast::Expr {
    match negated {
        true => ast::Expr::UnaryOp { op: ast::UnaryOperator::Not, expr: Box::new(e) },
        false => e,
    }
}

fn symbol(op: &ast::BinaryOperator) -> Option<&'static str> {
    Some(match op {
        ast::BinaryOperator::Eq => "=",
        ast::BinaryOperator::NotEq => "<>",
        ast::BinaryOperator::Lt => "<",
        ast::BinaryOperator::LtEq => "<=",
        ast::BinaryOperator::Gt => ">",
        ast::BinaryOperator::GtEq => ">=",
        _ => return None,
    })
}

/// A number, a truth value, or text that is no JSON of its own.
fn scalar(e: &ast::Expr) -> Option<Value> {
    match e {
        ast::Expr::Value(value) => match &value.value {
            ast::Value::Number(digits, _) => match digits.parse() {
                Ok(n) => Some(Value::Integer(n)),
                Err(_) => digits.parse().ok().map(Value::Double),
            },
            ast::Value::SingleQuotedString(text) if !text.trim_start().starts_with(['{', '[']) => {
                Some(Value::String(text.clone()))
            }
            ast::Value::Boolean(b) => Some(Value::Bool(*b)),
            _ => None,
        },
        ast::Expr::UnaryOp { op: ast::UnaryOperator::Minus, expr } => match scalar(expr)? {
            Value::Integer(n) => Some(Value::Integer(-n)),
            Value::Double(d) => Some(Value::Double(-d)),
            _ => None,
        },
        _ => None,
    }
}

/// A difference of names and numbers whose pieces touch each other, as one name.
fn touching(e: &ast::Expr) -> Option<ast::Ident> {
    match e {
        ast::Expr::Identifier(ident) if ident.quote_style.is_none() => Some(ident.clone()),
        ast::Expr::Value(value) => match &value.value {
            ast::Value::Number(digits, _) => {
                Some(ast::Ident { value: digits.clone(), quote_style: None, span: value.span })
            }
            _ => None,
        },
        ast::Expr::BinaryOp { left, op: ast::BinaryOperator::Minus, right } => {
            let (left, right) = (touching(left)?, touching(right)?);
            let (end, start) = (left.span.end, right.span.start);
            let touches = end.line == start.line && end.column + 1 == start.column;
            touches.then(|| ast::Ident {
                value: format!("{}-{}", left.value, right.value),
                quote_style: Some('"'),
                span: sqlparser::tokenizer::Span { start: left.span.start, end: right.span.end },
            })
        }
        _ => None,
    }
}
