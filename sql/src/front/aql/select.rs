//! aql's habits in SELECT: `IN LIST` before WHERE, and `WITHIN` and `CONTAINS` of GeoJSON.
//!
//! Both become calls of `bin_matches(bin, place, test, value, high)`, which looks at each record of
//! a scan: `place` says whether the bin itself is meant or what it holds.

use std::ops::ControlFlow;

use model::{ColumnType, Value, json};
use sqlparser::ast;
use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::names::joined;
use crate::expr::{Compiler, Unfit};
use crate::front::{limit_last, parsed};
use crate::matches::call;
use crate::parse::Cut;
use crate::{SqlError, SqlResult, types};

/// Parses a query with aql's habits taken out of its tokens.
pub(in crate::front) fn query(cut: &Cut) -> SqlResult<ast::Statement> {
    let (tokens, place) = without_place(&joined(cut.tokens));
    let tokens = geo_operators(limit_last(&tokens));
    let mut statement = parsed(cut, tokens)?;
    if let ast::Statement::Query(query) = &mut statement {
        geo_calls(cut, query)?;
        if let Some(place) = place {
            first_term(cut, query, place)?;
        }
    }
    Ok(statement)
}

/// Takes `IN LIST`, `IN MAPKEYS` or `IN MAPVALUES` of the whole query out.
fn without_place(tokens: &[TokenWithSpan]) -> (Vec<TokenWithSpan>, Option<&'static str>) {
    let place = |token: &TokenWithSpan| match upper(&token.token).as_str() {
        "LIST" => Some("list"),
        "MAPKEYS" => Some("mapkeys"),
        "MAPVALUES" => Some("mapvalues"),
        _ => None,
    };
    let mut depth = 0usize;
    let found = tokens.windows(2).position(|w| {
        match w[0].token {
            Token::LParen => depth += 1,
            Token::RParen => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && upper(&w[0].token) == "IN" && place(&w[1]).is_some()
    });
    match found {
        None => (tokens.to_vec(), None),
        Some(at) => {
            let rest = tokens[..at].iter().chain(&tokens[at + 2..]).cloned().collect();
            (rest, place(&tokens[at + 1]))
        }
    }
}

fn upper(token: &Token) -> String {
    match token {
        Token::Word(word) if word.quote_style.is_none() => word.value.to_ascii_uppercase(),
        _ => String::new(),
    }
}

/// `bin WITHIN x` and `bin CONTAINS x` as operators of which nothing else here makes use, so that
/// they bind as operators do; [`geo_calls`] turns them into calls.
fn geo_operators(mut tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    for at in 1..tokens.len() {
        let operator = match upper(&tokens[at].token).as_str() {
            "WITHIN" => Token::AmpersandLeftAngleBracketVerticalBar,
            "CONTAINS" => Token::VerticalBarAmpersandRightAngleBracket,
            _ => continue,
        };
        let before = match &tokens[at - 1].token {
            Token::Word(word) => word.quote_style.is_some() || word.keyword == Keyword::NoKeyword,
            _ => false,
        };
        let after = tokens.get(at + 1).map(|token| upper(&token.token));
        let value = matches!(after.as_deref(), Some("GEOJSON" | "CAST"));
        if before || value {
            tokens[at].token = operator;
        }
    }
    tokens
}

fn geo_calls(cut: &Cut, query: &mut ast::Query) -> SqlResult<()> {
    struct Calls<'c, 'a>(&'c Cut<'a>);
    impl ast::VisitorMut for Calls<'_, '_> {
        type Break = SqlError;
        fn pre_visit_expr(&mut self, e: &mut ast::Expr) -> ControlFlow<SqlError> {
            let ast::Expr::BinaryOp { left, op, right } = e else {
                return ControlFlow::Continue(());
            };
            let test = match op {
                ast::BinaryOperator::AndLtPipe => "within",
                ast::BinaryOperator::PipeAndGt => "contains",
                _ => return ControlFlow::Continue(()),
            };
            match geo_value(self.0, right) {
                Err(error) => ControlFlow::Break(error),
                Ok(value) => {
                    *e = call((**left).clone(), "bin", test, &value, None);
                    ControlFlow::Continue(())
                }
            }
        }
    }
    match ast::VisitMut::visit(query, &mut Calls(cut)) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(error),
    }
}

/// Makes the condition's first term one about what the bin holds. Further terms are about their
/// bins themselves.
fn first_term(cut: &Cut, query: &mut ast::Query, place: &str) -> SqlResult<()> {
    let ast::SetExpr::Select(select) = &mut *query.body else { return Ok(()) };
    let Some(mut term) = select.selection.as_mut() else { return Ok(()) };
    loop {
        term = match term {
            ast::Expr::BinaryOp { left, op: ast::BinaryOperator::And, .. } => left,
            ast::Expr::Nested(inner) => inner,
            _ => break,
        };
    }
    let held = match term {
        ast::Expr::BinaryOp { left, op: ast::BinaryOperator::Eq, right } if is_bin(left) => {
            Some(call((**left).clone(), place, "=", &constant(cut, right)?, None))
        }
        ast::Expr::Between { expr, negated: false, low, high } if is_bin(expr) => {
            let (low, high) = (constant(cut, low)?, constant(cut, high)?);
            Some(call((**expr).clone(), place, "between", &low, Some(&high)))
        }
        ast::Expr::Function(_) => crate::matches::moved(term, place),
        _ => None,
    };
    match held {
        Some(held) => {
            *term = held;
            Ok(())
        }
        None => Err(SqlError::unsupported(format!(
            "IN {} is not supported before this condition",
            place.to_uppercase()
        ))
        .hint("the first condition is bin = value, bin BETWEEN a AND b, or WITHIN and CONTAINS")),
    }
}

fn is_bin(e: &ast::Expr) -> bool {
    matches!(e, ast::Expr::Identifier(_) | ast::Expr::CompoundIdentifier(_))
}

/// The value of a constant. What stands in double quotes is text.
pub(super) fn constant(cut: &Cut, e: &ast::Expr) -> SqlResult<Value> {
    if let ast::Expr::Identifier(ident) = e
        && ident.quote_style.is_some()
    {
        return Ok(Value::String(ident.value.clone()));
    }
    let compiler = Compiler::new(cut.places, &[], None);
    let not_constant = || {
        SqlError::unsupported("a bin is compared with a constant here")
            .hint("write a number, a text in single quotes, or a cast of one")
    };
    match compiler.any(e) {
        Ok(expr) => match expr.as_const() {
            None => Err(not_constant()),
            Some(None) => Ok(Value::Nil),
            Some(Some(value)) => match expr.column_type() {
                // A number with a point is a double in a bin.
                t @ ColumnType::Numeric { .. } => types::cast(t, ColumnType::Float8, value.clone()),
                _ => Ok(value.clone()),
            },
        },
        Err(Unfit::Wrong(error)) => Err(error),
        Err(Unfit::NotOurs) => Err(not_constant()),
    }
}

fn geo_value(cut: &Cut, e: &ast::Expr) -> SqlResult<Value> {
    match constant(cut, e)? {
        Value::GeoJson(text) => {
            let value = json::parse(&text)?;
            particle::geo::Shape::of(&value).map(|_| value).ok_or_else(|| {
                SqlError::new("22023", "the GeoJSON is no point and no region")
                    .hint("a region is a Polygon, a MultiPolygon or an AeroCircle")
            })
        }
        _ => Err(SqlError::new("42804", "WITHIN and CONTAINS take GeoJSON")
            .hint("WHERE bin WITHIN GEOJSON('{\"type\": \"Polygon\", ..}')")),
    }
}
