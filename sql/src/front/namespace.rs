//! Statements about namespaces and their settings, which sqlparser does not know.
//!
//! Settings have the words of the configuration file, with `_` or `-`; what stands after `=` goes
//! to the node as text.

use sqlparser::ast::Ident;
use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::refuse;
use super::words::Words;
use crate::parse::{Cut, Statement};
use crate::{SqlError, SqlResult};

/// The word for a namespace that a statement uses, if it is one.
pub(super) fn word(kind: &str) -> Option<&'static str> {
    match kind {
        "NAMESPACE" => Some("NAMESPACE"),
        "SCHEMA" => Some("SCHEMA"),
        _ => None,
    }
}

/// `CREATE NAMESPACE [IF NOT EXISTS] name [WITH (setting = value, ..)]`, and PostgreSQL's
/// `CREATE SCHEMA [name] [AUTHORIZATION role]`: there are no roles to own anything.
pub(super) fn create(cut: &Cut, mut words: Words, word: &'static str) -> SqlResult<Statement> {
    let if_not_exists = words.eat("IF") && words.expect("NOT")? && words.expect("EXISTS")?;
    let owned = |words: &mut Words| word == "SCHEMA" && words.eat("AUTHORIZATION");
    let name = if owned(&mut words) {
        words.ident().ok_or_else(|| words.error())?
    } else {
        let name = words.ident().ok_or_else(|| words.error())?;
        if owned(&mut words) {
            words.ident().ok_or_else(|| words.error())?;
        }
        name
    };
    let mut settings = Vec::new();
    if words.eat("WITH") {
        settings = list(cut, &mut words)?;
    }
    words.end(cut)?;
    Ok(Statement::CreateNamespace { name, settings, if_not_exists, word })
}

/// `DROP NAMESPACE|SCHEMA [IF EXISTS] name, .. [CASCADE|RESTRICT]`.
pub(super) fn drop(cut: &Cut, mut words: Words, word: &'static str) -> SqlResult<Statement> {
    let if_exists = words.eat("IF") && words.expect("EXISTS")?;
    let mut names = vec![words.ident().ok_or_else(|| words.error())?];
    while words.eat_token(&Token::Comma) {
        names.push(words.ident().ok_or_else(|| words.error())?);
    }
    let cascade = words.eat("CASCADE");
    let _ = cascade || words.eat("RESTRICT");
    words.end(cut)?;
    Ok(Statement::DropNamespace { names, if_exists, cascade, word })
}

/// `ALTER NAMESPACE name SET ..` and `ALTER TABLE [IF EXISTS] name SET (..)`.
pub(super) fn alter(cut: &Cut, mut words: Words) -> SqlResult<Statement> {
    let statement = match words.word().as_deref() {
        Some("NAMESPACE") => {
            let name = words.ident().ok_or_else(|| words.error())?;
            words.expect("SET")?;
            let settings = match words.token() {
                Some(Token::LParen) => list(cut, &mut words)?,
                _ => assignments(cut, &mut words)?,
            };
            Statement::AlterNamespace { name, settings }
        }
        Some("TABLE") => {
            let if_exists = words.eat("IF") && words.expect("EXISTS")?;
            words.eat("ONLY");
            let name = words.object_name()?;
            if !(words.eat("SET") && words.token() == Some(&Token::LParen)) {
                return super::alter_columns(cut);
            }
            Statement::AlterTable { name, if_exists, settings: list(cut, &mut words)? }
        }
        _ => return Err(refuse::unknown("ALTER", cut)),
    };
    words.end(cut)?;
    Ok(statement)
}

/// Whether what follows SET is `CONFIG name`: `SET config = ..` is a session's setting.
pub(super) fn is_set_config(words: &Words) -> bool {
    let name = match words.token_after() {
        Some(Token::Word(word)) => !word.value.eq_ignore_ascii_case("to"),
        _ => false,
    };
    name && words.peek().as_deref() == Some("CONFIG")
}

/// `SET CONFIG name = value [FOR NAMESPACE ns]`.
pub(super) fn set_config(cut: &Cut, mut words: Words) -> SqlResult<Statement> {
    words.expect("CONFIG")?;
    let (name, value) = assignment(cut, &mut words)?;
    let namespace = of_namespace(&mut words)?;
    words.end(cut)?;
    Ok(Statement::SetConfig { name, value, namespace })
}

/// `SHOW CONFIG [LIKE 'pattern'] [FOR [NAMESPACE] ns]`, after its words.
pub(super) fn show_config(words: &mut Words) -> SqlResult<Statement> {
    let mut like = None;
    if words.eat("LIKE") {
        match words.token() {
            Some(Token::SingleQuotedString(_)) => like = words.text(),
            _ => return Err(words.error()),
        }
    }
    Ok(Statement::ShowConfig { like, namespace: of_namespace(words)? })
}

/// `FOR [NAMESPACE] ns`, if it is there; FROM and IN say the same.
pub(super) fn of_namespace(words: &mut Words) -> SqlResult<Option<Ident>> {
    if !(words.eat("FOR") || words.eat("FROM") || words.eat("IN")) {
        return Ok(None);
    }
    let named = matches!(words.token_after(), Some(Token::Word(_)));
    if named {
        words.eat("NAMESPACE");
    }
    words.ident().map(Some).ok_or_else(|| words.error())
}

/// `(name = value, ..)`.
fn list(cut: &Cut, words: &mut Words) -> SqlResult<Vec<(String, String)>> {
    words.expect_token(&Token::LParen)?;
    let settings = assignments(cut, words)?;
    words.expect_token(&Token::RParen)?;
    Ok(settings)
}

fn assignments(cut: &Cut, words: &mut Words) -> SqlResult<Vec<(String, String)>> {
    let mut settings = vec![assignment(cut, words)?];
    while words.eat_token(&Token::Comma) {
        settings.push(assignment(cut, words)?);
    }
    Ok(settings)
}

fn assignment(cut: &Cut, words: &mut Words) -> SqlResult<(String, String)> {
    let mut name = words.ident().ok_or_else(|| words.error())?.value;
    while words.eat_token(&Token::Minus) {
        name.push('-');
        name.push_str(&words.ident().ok_or_else(|| words.error())?.value);
    }
    words.expect_token(&Token::Eq)?;
    let begin = words.at();
    while words.token().is_some_and(is_value) && !ends_value(words) {
        words.skip();
    }
    let value = text(&cut.tokens[begin..words.at()]);
    match value.is_empty() {
        true => Err(words.error()),
        false => Ok((name.to_ascii_lowercase().replace('_', "-"), value)),
    }
}

fn is_value(token: &Token) -> bool {
    matches!(
        token,
        Token::Word(_)
            | Token::Number(..)
            | Token::SingleQuotedString(_)
            | Token::EscapedStringLiteral(_)
            | Token::Minus
            | Token::Plus
            | Token::Period
            | Token::Div
    )
}

/// FOR ends a value that is written without quotes.
fn ends_value(words: &Words) -> bool {
    words.peek().as_deref() == Some("FOR")
}

/// What the tokens say, as close to each other as they are written: `16G` is two tokens.
fn text(tokens: &[TokenWithSpan]) -> String {
    let mut text = String::new();
    for (at, token) in tokens.iter().enumerate() {
        if at > 0 && tokens[at - 1].span.end != token.span.start {
            text.push(' ');
        }
        match &token.token {
            Token::Word(word) => text.push_str(&word.value),
            Token::SingleQuotedString(inner) | Token::EscapedStringLiteral(inner) => {
                text.push_str(inner);
            }
            other => text.push_str(&other.to_string()),
        }
    }
    text.trim().to_string()
}

/// A name that PostgreSQL keeps for itself.
pub(crate) fn reserved(name: &str) -> Option<SqlError> {
    let lower = name.to_ascii_lowercase();
    let system = lower.starts_with("pg_") || lower == "information_schema";
    system.then(|| {
        SqlError::new("42939", format!("unacceptable schema name \"{name}\""))
            .detail("information_schema and names that begin with pg_ are the system's own.")
            .hint("choose another name")
    })
}
