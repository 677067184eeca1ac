//! What aql has and this release does not: read as far as it is aql's, then refused by name, with
//! what works instead.

use sqlparser::tokenizer::Token;

use crate::front::Words;
use crate::parse::Cut;
use crate::{SqlError, SqlResult};

const ACCESS: &str =
    "this release has no users and roles of its own: whoever may connect may do everything";
const JOBS: &str = "queries are not jobs here: a client cancels its own with Ctrl-C or a cancel \
     request, and statement_timeout ends what takes too long";

/// The answer to a statement of which only the grammar is here; `None` if it is another one.
pub(super) fn refusal(first: &str, cut: &Cut, mut words: Words) -> SqlResult<Option<SqlError>> {
    let refused = match first {
        "SHOW" => show(&mut words)?,
        "KILL_QUERY" | "KILL_SCAN" => Some((format!("{first} {}", words.label()?), JOBS)),
        "CREATE" | "DROP" => admin(first, &mut words)?,
        "GRANT" | "REVOKE" => grant(first, &mut words)?,
        "SET" => set(&mut words)?,
        _ => None,
    };
    let Some((what, hint)) = refused else { return Ok(None) };
    words.end(cut)?;
    let error = SqlError::unsupported(format!("{what} is not supported")).hint(hint);
    Ok(Some(cut.places.mark(error, cut.tokens[0].span)))
}

type Refused = Option<(String, &'static str)>;

/// `USER [u]`, `ROLE r`, `SCANS`, ..
fn show(words: &mut Words) -> SqlResult<Refused> {
    if matches!(words.token_after(), Some(Token::Period)) {
        return Ok(None);
    }
    let Some(what) = words.peek() else { return Ok(None) };
    let hint = match what.as_str() {
        "USER" | "USERS" | "ROLE" | "ROLES" => ACCESS,
        "SCANS" | "QUERIES" => JOBS,
        _ => return Ok(None),
    };
    words.skip();
    let named = matches!(what.as_str(), "USER" | "ROLE");
    let of = match named && words.token().is_some() {
        true => format!(" {}", words.label()?),
        false => String::new(),
    };
    Ok(Some((format!("SHOW {what}{of}"), hint)))
}

/// CREATE and DROP of users and roles; what is PostgreSQL's alone is left to others.
fn admin(verb: &str, words: &mut Words) -> SqlResult<Refused> {
    let kind = words.peek().unwrap_or_default();
    if kind != "USER" && kind != "ROLE" {
        return Ok(None);
    }
    words.skip();
    if words.eat("IF") {
        words.eat("NOT");
        words.expect("EXISTS")?;
    }
    let name = words.label()?;
    if kind == "USER" && words.eat("PASSWORD") {
        words.label()?;
    }
    if ["ROLE", "ROLES", "PRIVILEGE", "PRIVILEGES"].iter().any(|word| words.eat(word)) {
        words.labels()?;
    }
    if words.eat("WHITELIST") {
        words.labels()?;
    }
    // PostgreSQL's options, and further names.
    while words.token().is_some() {
        words.skip();
    }
    Ok(Some((format!("{verb} {kind} {name}"), ACCESS)))
}

/// `GRANT ROLE[S] r, .. TO u`, `REVOKE PRIVILEGE[S] p, .. FROM r`.
fn grant(verb: &str, words: &mut Words) -> SqlResult<Refused> {
    let kind = match words.peek().as_deref() {
        Some("ROLE" | "ROLES") => "ROLES",
        Some("PRIVILEGE" | "PRIVILEGES") => "PRIVILEGES",
        _ => return Ok(None),
    };
    words.skip();
    let what = words.labels()?;
    let word = if verb == "GRANT" { "TO" } else { "FROM" };
    words.expect(word)?;
    let whom = words.label()?;
    Ok(Some((format!("{verb} {kind} {what} {word} {whom}"), ACCESS)))
}

/// `SET PASSWORD p [FOR u]`, `SET WHITELIST a, .. FOR r`.
fn set(words: &mut Words) -> SqlResult<Refused> {
    let what = match words.peek().as_deref() {
        Some("PASSWORD") => "PASSWORD",
        Some("WHITELIST") => "WHITELIST",
        _ => return Ok(None),
    };
    words.skip();
    words.labels()?;
    let whom = match words.eat("FOR") {
        true => format!(" FOR {}", words.label()?),
        false => String::new(),
    };
    Ok(Some((format!("SET {what}{whom}"), ACCESS)))
}
