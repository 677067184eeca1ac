//! `OPERATE op(bin, ..) [WITH_POLICY(..)], .. ON ns[.set] WHERE PK = k`.

use sqlparser::ast;
use sqlparser::tokenizer::Token;

use super::select::constant;
use crate::front::Words;
use crate::operate::Operation;
use crate::parse::{Cut, Operate, Statement};
use crate::{SqlError, SqlResult};

pub(super) fn operate(cut: &Cut, mut words: Words) -> SqlResult<Statement> {
    let mut operations = vec![operation(cut, &mut words)?];
    while words.eat_token(&Token::Comma) {
        operations.push(operation(cut, &mut words)?);
    }
    words.expect("ON")?;
    let mut name = vec![words.label_ident()?];
    if words.eat_token(&Token::Period) {
        name.push(words.label_ident()?);
    }
    words.expect("WHERE")?;
    let condition = cut.skip(words.at());
    if condition.tokens.is_empty() {
        return Err(words.error());
    }
    let condition = condition.with_parser(condition.tokens.to_vec(), |p| p.parse_expr())?;
    Ok(Statement::Operate(Box::new(Operate {
        name: ast::ObjectName::from(name),
        condition,
        operations,
    })))
}

fn operation(cut: &Cut, words: &mut Words) -> SqlResult<Operation> {
    let place = words.at();
    let verb = words.word().ok_or_else(|| words.error())?;
    words.expect_token(&Token::LParen)?;
    let bin = match words.token() {
        Some(Token::RParen) => None,
        _ => Some(words.label()?),
    };
    let args = match words.eat_token(&Token::Comma) {
        true => arguments(cut, words)?,
        false => Vec::new(),
    };
    words.skip_to_close()?;
    let mut policy = Vec::new();
    if words.eat("WITH_POLICY") {
        words.expect_token(&Token::LParen)?;
        policy.push(words.label()?);
        while words.eat_token(&Token::Comma) {
            policy.push(words.label()?);
        }
        words.expect_token(&Token::RParen)?;
    }
    let mark = |error: SqlError| match cut.tokens.get(place) {
        Some(token) => cut.places.mark(error, token.span),
        None => error,
    };
    Operation::new(&verb, bin, args, &policy).map_err(mark)
}

/// Constants with commas between them, up to the parenthesis that closes; a bare word is a text.
pub(super) fn arguments(cut: &Cut, words: &Words) -> SqlResult<Vec<model::Value>> {
    let rest = cut.skip(words.at());
    let inner = rest.first(super::super::session::matching(&rest));
    let parsed = inner.with_parser(inner.tokens.to_vec(), |parser| {
        parser.parse_comma_separated(|parser| parser.parse_expr())
    })?;
    let value = |e: &ast::Expr| match e {
        ast::Expr::Identifier(word) => Ok(model::Value::String(word.value.clone())),
        e => constant(cut, e),
    };
    parsed.iter().map(value).collect()
}
