//! aql's own statements, and its habits inside SELECT and INSERT.
//!
//! | file | what it reads |
//! |---|---|
//! | `names.rs` | names with `-` and `:` in them |
//! | `select.rs` | `IN LIST` before WHERE, `WITHIN` and `CONTAINS` |
//! | `operate.rs` | OPERATE |
//! | `module.rs` | modules of users' functions, EXECUTE, AGGREGATE |
//! | `later.rs` | what this release reads and does not do, said by name |

mod later;
mod module;
mod names;
mod operate;
mod select;

use crate::SqlResult;
use crate::parse::{Cut, Statement};

use super::Words;

pub(super) use names::joined;
pub(super) use select::query;

/// Reads a statement that only aql has; `None` if it is none of these.
pub(super) fn statement(first: &str, cut: &Cut, words: &Words) -> SqlResult<Option<Statement>> {
    if let Some(error) = later::refusal(first, cut, words.clone())? {
        return Err(error);
    }
    if let Some(statement) = module::statement(first, cut, words.clone())? {
        return Ok(Some(statement));
    }
    match first {
        "OPERATE" => operate::operate(cut, words.clone()).map(Some),
        "STAT" => stat(cut, words.clone()).map(Some),
        "ASINFO" => info(cut, words.clone()).map(Some),
        _ => Ok(None),
    }
}

/// `STAT SYSTEM`, `STAT NAMESPACE ns`, `STAT INDEX ns index`.
fn stat(cut: &Cut, mut words: Words) -> SqlResult<Statement> {
    if words.eat("INDEX") {
        let (namespace, name) = (words.label_ident()?, words.label()?);
        words.end(cut)?;
        return Ok(Statement::StatIndex { namespace, name });
    }
    let namespace = if words.eat("SYSTEM") {
        None
    } else {
        words.expect("NAMESPACE")?;
        Some(words.label_ident()?)
    };
    words.end(cut)?;
    Ok(Statement::ShowStats(namespace))
}

/// `ASINFO command`, in quotes or not.
fn info(cut: &Cut, mut words: Words) -> SqlResult<Statement> {
    use sqlparser::tokenizer::Token;
    let request = match words.token() {
        Some(Token::SingleQuotedString(text)) => text.clone(),
        Some(Token::Word(word)) if word.quote_style.is_some() => word.value.clone(),
        Some(_) => return Ok(Statement::Info(cut.text_from(words.at()))),
        None => return Err(words.error()),
    };
    words.skip();
    words.end(cut)?;
    Ok(Statement::Info(request))
}
