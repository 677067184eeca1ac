//! Modules of users' functions, and their functions on records.
//!
//! `REGISTER MODULE 'name' AS $$ source $$`, `REMOVE MODULE name`, `DESC MODULE name`;
//! `EXECUTE module.function(args) ON ns.set [WHERE ..]` on records, `AGGREGATE ..` on their stream.
//!
//! aql's `REGISTER MODULE 'path'` means a file of the client's, which a server cannot read: the shell
//! sends its text behind AS.

use sqlparser::ast;
use sqlparser::tokenizer::Token;

use super::operate::arguments;
use crate::front::Words;
use crate::parse::{Call, Cut, Statement};
use crate::{SqlError, SqlResult};

/// Reads such a statement; `None` if it is none.
pub(super) fn statement(first: &str, cut: &Cut, words: Words) -> SqlResult<Option<Statement>> {
    let module = matches!(words.peek().as_deref(), Some("MODULE" | "PACKAGE"));
    Ok(Some(match first {
        "EXECUTE" if matches!(words.token_after(), Some(Token::Period)) => call(false, cut, words)?,
        "AGGREGATE" => call(true, cut, words)?,
        "REGISTER" | "REMOVE" if !module => return Err(words.error()),
        "REGISTER" => register(cut, words)?,
        "REMOVE" => Statement::RemoveModule(file(cut, words)?),
        "DESC" if module => Statement::DescModule(file(cut, words)?),
        _ => return Ok(None),
    }))
}

/// A module's file, without the folder that aql's users may write before it.
fn file(cut: &Cut, mut words: Words) -> SqlResult<String> {
    words.skip();
    let name = words.label_with_points()?;
    words.end(cut)?;
    Ok(without_folder(&name).to_string())
}

fn without_folder(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn register(cut: &Cut, mut words: Words) -> SqlResult<Statement> {
    words.skip();
    let file = without_folder(&words.label_with_points()?).to_string();
    if words.token().is_none() {
        let message = format!("a server cannot read the file '{file}' of a client");
        return Err(SqlError::new("22023", message).hint(
            "the shell aql sends the file's text; elsewhere say REGISTER MODULE 'name' AS $$ .. $$",
        ));
    }
    words.expect("AS")?;
    let source = match words.token() {
        Some(Token::DollarQuotedString(text)) => text.value.clone(),
        Some(Token::SingleQuotedString(text) | Token::EscapedStringLiteral(text)) => text.clone(),
        _ => return Err(words.error()),
    };
    words.skip();
    words.end(cut)?;
    Ok(Statement::RegisterModule { file, source })
}

fn call(aggregate: bool, cut: &Cut, mut words: Words) -> SqlResult<Statement> {
    let module = words.label()?;
    words.expect_token(&Token::Period)?;
    let function = words.label()?;
    words.expect_token(&Token::LParen)?;
    let args = match words.token() {
        Some(Token::RParen) => Vec::new(),
        _ => arguments(cut, &words)?,
    };
    words.skip_to_close()?;
    words.expect("ON")?;
    let mut name = vec![words.label_ident()?];
    if words.eat_token(&Token::Period) {
        name.push(words.label_ident()?);
    }
    let mut limit = limit(&mut words)?;
    if words.eat("IN") {
        let error = SqlError::unsupported("IN LIST, IN MAPKEYS and IN MAPVALUES are not here");
        return Err(error.hint("let the function look into the bin"));
    }
    let condition = match words.eat("WHERE") {
        true => {
            let rest = cut.skip(words.at());
            let (condition, behind) = parted(&rest);
            limit = behind.or(limit);
            if condition.tokens.is_empty() {
                return Err(words.error());
            }
            Some(condition.with_parser(condition.tokens.to_vec(), |p| p.parse_expr())?)
        }
        false => {
            limit = self::limit(&mut words)?.or(limit);
            words.end(cut)?;
            None
        }
    };
    let name = ast::ObjectName::from(name);
    Ok(Statement::Call(Box::new(Call {
        aggregate,
        module,
        function,
        args,
        name,
        condition,
        limit,
    })))
}

fn limit(words: &mut Words) -> SqlResult<Option<u64>> {
    match words.eat("LIMIT") {
        true => words.count().map(Some).ok_or_else(|| words.error()),
        false => Ok(None),
    }
}

/// A condition, and the number of a LIMIT behind it.
fn parted<'a>(cut: &Cut<'a>) -> (Cut<'a>, Option<u64>) {
    let tokens = cut.tokens;
    if let [.., word, number] = tokens
        && let (Token::Word(word), Token::Number(digits, _)) = (&word.token, &number.token)
        && word.value.eq_ignore_ascii_case("LIMIT")
        && let Ok(limit) = digits.parse()
    {
        return (cut.first(tokens.len() - 2), Some(limit));
    }
    (cut.first(tokens.len()), None)
}
