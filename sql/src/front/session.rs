//! Statements that concern the session alone.

use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::words::Words;
use crate::expr::{Compiler, Expr, Unfit};
use crate::parse::Cut;
use crate::plan::Session;
use crate::{SqlError, SqlResult};

/// Reads the command that begins with this word; `None` if it is none of these.
pub(super) fn command(first: &str, cut: &Cut, mut words: Words) -> SqlResult<Option<Session>> {
    let session = match first {
        "BEGIN" => begin(&mut words)?,
        "START" => {
            words.expect("TRANSACTION")?;
            begin(&mut words)?
        }
        "COMMIT" | "END" => {
            let _ = words.eat("WORK") || words.eat("TRANSACTION");
            Session::Commit
        }
        "ROLLBACK" | "ABORT" => rollback(&mut words)?,
        "SAVEPOINT" => Session::Savepoint(words.name()?),
        "RELEASE" => {
            words.eat("SAVEPOINT");
            Session::Release(words.name()?)
        }
        "SET" => set(cut, &mut words)?,
        "GET" => Session::Show(setting(&mut words)?),
        "RESET" => match time_zone(&mut words) {
            true => Session::Reset("timezone".to_string()),
            false => Session::Reset(setting(&mut words)?),
        },
        "PREPARE" => return prepare(cut, words).map(Some),
        "EXECUTE" => return execute(cut, words),
        "DEALLOCATE" => {
            words.eat("PREPARE");
            Session::Deallocate(all_or_name(&mut words)?)
        }
        "DECLARE" => return declare(cut, words).map(Some),
        "FETCH" | "MOVE" => fetch(first == "MOVE", &mut words)?,
        "CLOSE" => Session::Close(all_or_name(&mut words)?),
        "DISCARD" => match words.word().as_deref() {
            Some(what @ ("ALL" | "PLANS" | "SEQUENCES")) => Session::Discard(what.to_string()),
            Some("TEMP" | "TEMPORARY") => Session::Discard("TEMP".to_string()),
            _ => return Err(cut.syntax_error(1)),
        },
        "LISTEN" | "UNLISTEN" | "VACUUM" | "ANALYZE" | "LOCK" | "CHECKPOINT" => {
            let tag = if first == "LOCK" { "LOCK TABLE" } else { first };
            return Ok(Some(Session::Accepted { tag: tag.to_string(), warning: None }));
        }
        _ => return Ok(None),
    };
    words.end(cut)?;
    Ok(Some(session))
}

/// `SHOW name`.
pub(super) fn show(cut: &Cut, mut words: Words) -> SqlResult<Session> {
    let session = if time_zone(&mut words) {
        Session::Show("timezone".to_string())
    } else if words.eat("TRANSACTION") {
        words.expect("ISOLATION")?;
        words.expect("LEVEL")?;
        Session::Show("transaction_isolation".to_string())
    } else if words.eat("SESSION") {
        words.expect("AUTHORIZATION")?;
        Session::Show("session_authorization".to_string())
    } else {
        Session::Show(setting(&mut words)?)
    };
    words.end(cut)?;
    Ok(session)
}

fn time_zone(words: &mut Words) -> bool {
    let zone =
        matches!(words.token_after(), Some(Token::Word(w)) if w.value.eq_ignore_ascii_case("zone"));
    zone && words.eat("TIME") && words.eat("ZONE")
}

/// A setting's name, lower case, points allowed.
fn setting(words: &mut Words) -> SqlResult<String> {
    let mut name = words.name()?.to_lowercase();
    while words.eat_token(&Token::Period) {
        name.push('.');
        name.push_str(&words.name()?.to_lowercase());
    }
    Ok(name)
}

fn begin(words: &mut Words) -> SqlResult<Session> {
    let _ = words.eat("WORK") || words.eat("TRANSACTION");
    modes(words).map(Session::Begin)
}

/// Modes of a transaction, as the settings that they are.
fn modes(words: &mut Words) -> SqlResult<Vec<(&'static str, &'static str)>> {
    let mut modes = Vec::new();
    loop {
        modes.push(if words.eat("ISOLATION") {
            words.expect("LEVEL")?;
            let level = match words.word().as_deref() {
                Some("SERIALIZABLE") => "serializable",
                Some("REPEATABLE") => {
                    words.expect("READ")?;
                    "repeatable read"
                }
                Some("READ") if words.eat("UNCOMMITTED") => "read uncommitted",
                Some("READ") if words.eat("COMMITTED") => "read committed",
                _ => return Err(words.error()),
            };
            ("transaction_isolation", level)
        } else if words.eat("READ") {
            let only = words.eat("ONLY");
            if !only {
                words.expect("WRITE")?;
            }
            ("transaction_read_only", if only { "on" } else { "off" })
        } else if words.eat("DEFERRABLE") {
            ("transaction_deferrable", "on")
        } else if words.eat("NOT") {
            words.expect("DEFERRABLE")?;
            ("transaction_deferrable", "off")
        } else {
            return Ok(modes);
        });
        words.eat_token(&Token::Comma);
    }
}

fn rollback(words: &mut Words) -> SqlResult<Session> {
    let _ = words.eat("WORK") || words.eat("TRANSACTION");
    if !words.eat("TO") {
        return Ok(Session::Rollback);
    }
    words.eat("SAVEPOINT");
    Ok(Session::RollbackTo(words.name()?))
}

/// `SET [LOCAL|SESSION] name = value`, `SET name value`, and the forms with words of their own.
fn set(cut: &Cut, words: &mut Words) -> SqlResult<Session> {
    let rest = cut.tokens.len();
    let local = match words.peek().as_deref() {
        Some("LOCAL") => words.eat("LOCAL"),
        Some("SESSION") => {
            words.word();
            match words.peek().as_deref() {
                Some("CHARACTERISTICS") => {
                    words.word();
                    words.expect("AS")?;
                    words.expect("TRANSACTION")?;
                    return Ok(Session::SetTransaction { modes: modes(words)?, session: true });
                }
                Some("AUTHORIZATION") => {
                    words.word();
                    let value = words.text().filter(|v| !v.eq_ignore_ascii_case("default"));
                    let name = "session_authorization".to_string();
                    return Ok(Session::Set { name, value, local: false });
                }
                _ => false,
            }
        }
        _ => false,
    };
    let named = matches!(words.token_after(), Some(Token::Eq));
    if !named && words.eat("TRANSACTION") {
        return Ok(Session::SetTransaction { modes: modes(words)?, session: false });
    }
    if !named && matches!(words.peek().as_deref(), Some("CONSTRAINTS")) {
        while words.at() < rest && advance(words) {}
        return Ok(Session::Accepted { tag: "SET".to_string(), warning: None });
    }
    let name = if time_zone(words) { "timezone".to_string() } else { setting(words)? };
    let name = if name == "names" { "client_encoding".to_string() } else { name };
    if !words.eat_token(&Token::Eq) {
        words.eat("TO");
    }
    let mut values = vec![words.text().ok_or_else(|| words.error())?];
    while words.eat_token(&Token::Comma) {
        values.push(words.text().ok_or_else(|| words.error())?);
    }
    let default = values.len() == 1 && values[0].eq_ignore_ascii_case("default");
    let value = (!default).then(|| values.join(", "));
    Ok(Session::Set { name, value, local })
}

/// Skips one token.
fn advance(words: &mut Words) -> bool {
    words.word().is_some() || words.eat_token(&Token::Comma) || words.text().is_some()
}

fn all_or_name(words: &mut Words) -> SqlResult<Option<String>> {
    if words.eat("ALL") { Ok(None) } else { words.name().map(Some) }
}

/// `PREPARE name [(types)] AS statement`.
fn prepare(cut: &Cut, mut words: Words) -> SqlResult<Session> {
    let name = words.name()?;
    let mut types = Vec::new();
    if words.eat_token(&Token::LParen) {
        let inner = cut.skip(words.at());
        let close = matching(&inner);
        let inner = inner.first(close);
        let parsed = inner.with_parser(inner.tokens.to_vec(), |parser: &mut Parser| {
            parser.parse_comma_separated(|p| p.parse_data_type())
        })?;
        types = parsed.iter().map(ToString::to_string).collect();
        (0..close).for_each(|_| words.skip());
        words.expect_token(&Token::RParen)?;
    }
    words.expect("AS")?;
    let at = words.at();
    if at >= cut.tokens.len() {
        return Err(words.error());
    }
    // Read now, so that an error has its place; planned when it is executed.
    super::statement(&cut.skip(at))?;
    Ok(Session::Prepare { name, types, statement: cut.text_from(at) })
}

/// Index of the parenthesis that closes one opened before the first token.
pub(super) fn matching(cut: &Cut) -> usize {
    let mut depth = 1usize;
    let place = cut.tokens.iter().position(|t| {
        match t.token {
            Token::LParen => depth += 1,
            Token::RParen => depth -= 1,
            _ => {}
        }
        depth == 0
    });
    place.unwrap_or(cut.tokens.len())
}

/// `EXECUTE name (args)`.
fn execute(cut: &Cut, mut words: Words) -> SqlResult<Option<Session>> {
    let name = words.name()?;
    let mut args = Vec::new();
    if words.eat_token(&Token::LParen) {
        let inner = cut.skip(words.at());
        let close = matching(&inner);
        let inner = inner.first(close);
        if close > 0 {
            args = constants(&inner, inner.tokens.to_vec())?;
        }
        (0..close).for_each(|_| words.skip());
        words.expect_token(&Token::RParen)?;
    }
    words.end(cut)?;
    Ok(Some(Session::Execute { name, args }))
}

fn constants(cut: &Cut, tokens: Vec<TokenWithSpan>) -> SqlResult<Vec<Expr>> {
    let args = cut.with_parser(tokens, |p| p.parse_comma_separated(|p| p.parse_expr()))?;
    let compiler = Compiler::new(cut.places, &[], None);
    let compile = |e| match compiler.any(e) {
        Ok(expr) if expr.is_constant() => Ok(expr),
        Err(Unfit::Wrong(error)) => Err(error),
        _ => Err(SqlError::unsupported("arguments of EXECUTE are constants")
            .hint("SELECT the value first, then EXECUTE with it")),
    };
    args.iter().map(compile).collect()
}

/// `DECLARE name [BINARY] [INSENSITIVE] [[NO] SCROLL] CURSOR [WITH|WITHOUT HOLD] FOR query`.
fn declare(cut: &Cut, mut words: Words) -> SqlResult<Session> {
    let name = words.name()?;
    while !words.eat("CURSOR") {
        match words.word().as_deref() {
            Some("NO") => {
                words.expect("SCROLL")?;
            }
            Some("SCROLL") => {
                let error = SqlError::unsupported("SCROLL cursors are not supported")
                    .hint("leave SCROLL out: FETCH and MOVE go forward, or read all rows at once");
                return Err(cut.places.mark(error, cut.tokens[words.at() - 1].span));
            }
            Some("BINARY" | "INSENSITIVE" | "ASENSITIVE") => {}
            _ => return Err(cut.syntax_error(words.at())),
        }
    }
    let hold = words.eat("WITH") && words.expect("HOLD")?;
    let _ = words.eat("WITHOUT") && words.expect("HOLD")?;
    words.expect("FOR")?;
    match super::statement(&cut.skip(words.at()))? {
        crate::parse::Statement::Query(query) => Ok(Session::Declare { name, hold, query }),
        _ => Err(cut.syntax_error(words.at())),
    }
}

/// `FETCH [FORWARD] [n|ALL|NEXT] [FROM|IN] name`.
fn fetch(skip: bool, words: &mut Words) -> SqlResult<Session> {
    let backward = matches!(
        words.peek().as_deref(),
        Some("BACKWARD" | "PRIOR" | "FIRST" | "LAST" | "ABSOLUTE" | "RELATIVE")
    );
    let direction = words.token_after().is_some();
    if direction && (backward || words.token() == Some(&Token::Minus)) {
        return Err(SqlError::new("55000", "cursor can only scan forward")
            .hint("FETCH [FORWARD] n, NEXT and ALL are there"));
    }
    let mut count = Some(1);
    if direction {
        let forward = words.eat("FORWARD");
        if words.eat("ALL") {
            count = None;
        } else if !words.eat("NEXT") {
            let given = words.count();
            let fits = given.is_some()
                || forward
                || matches!(words.peek().as_deref(), Some("FROM" | "IN"));
            if !fits {
                return Err(words.error());
            }
            count = Some(given.unwrap_or(1));
        }
        let _ = words.eat("FROM") || words.eat("IN");
    }
    Ok(Session::Fetch { name: words.name()?, count, skip })
}
