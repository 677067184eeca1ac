//! What is not there, said by name; and what a misspelt word may have meant.

use sqlparser::tokenizer::{Token, Word};

use super::Words;
use crate::SqlError;
use crate::parse::Cut;
use crate::resolve::nearest;

/// Words that a statement may begin with.
const FIRST: [&str; 53] = [
    "SELECT",
    "VALUES",
    "TABLE",
    "WITH",
    "INSERT",
    "UPSERT",
    "REPLACE",
    "UPDATE",
    "DELETE",
    "CREATE",
    "DROP",
    "TRUNCATE",
    "EXPLAIN",
    "SHOW",
    "SET",
    "GET",
    "RESET",
    "BEGIN",
    "START",
    "COMMIT",
    "END",
    "ROLLBACK",
    "ABORT",
    "SAVEPOINT",
    "RELEASE",
    "PREPARE",
    "EXECUTE",
    "DEALLOCATE",
    "DECLARE",
    "FETCH",
    "MOVE",
    "CLOSE",
    "DISCARD",
    "LISTEN",
    "UNLISTEN",
    "VACUUM",
    "ANALYZE",
    "LOCK",
    "CHECKPOINT",
    "COPY",
    "ALTER",
    "GRANT",
    "REVOKE",
    "DESC",
    "AGGREGATE",
    "OPERATE",
    "REGISTER",
    "REMOVE",
    "STAT",
    "ASINFO",
    "KILL_QUERY",
    "KILL_SCAN",
    "PRINT",
];

/// Words that stand inside a statement.
const INNER: [&str; 31] = [
    "SELECT",
    "FROM",
    "WHERE",
    "VALUES",
    "INTO",
    "SET",
    "GROUP",
    "ORDER",
    "BY",
    "HAVING",
    "LIMIT",
    "OFFSET",
    "RETURNING",
    "CONFLICT",
    "ON",
    "DO",
    "NOTHING",
    "UPDATE",
    "JOIN",
    "LEFT",
    "INNER",
    "UNION",
    "BETWEEN",
    "LIKE",
    "DISTINCT",
    "PRIMARY",
    "DEFAULT",
    "TABLE",
    "EXISTS",
    "VALUE",
    "AS",
];

/// A statement whose first word is none of ours.
pub(super) fn unknown(first: &str, cut: &Cut) -> SqlError {
    let (what, hint) = match first {
        "GRANT" | "REVOKE" => (first, "this release has no users and roles of its own"),
        "DESC" | "DESCRIBE" => (first, "\\d NAME in the shell and SHOW BINS describe a set"),
        "ALTER" => (
            "ALTER",
            "columns need no declaration: an undeclared set takes any bin; DROP TABLE and CREATE TABLE declare anew, ALTER TABLE .. SET (..) changes settings",
        ),
        "NOTIFY" => ("NOTIFY", "there is no message bus here"),
        "DO" | "CALL" => (first, "there is no procedural language; send the statements one by one"),
        "SECURITY" | "IMPORT" | "REFRESH" | "REINDEX" | "CLUSTER" | "MERGE" | "LOAD"
        | "REASSIGN" => {
            (first, "SELECT, INSERT, UPSERT, UPDATE, DELETE, CREATE TABLE and SHOW are there")
        }
        "PRINT" | "SYSTEM" | "RUN" | "HELP" | "QUIT" | "EXIT" | "Q" => {
            (first, "this one is for the aql shell itself")
        }
        _ => {
            let error = cut.syntax_error(0);
            return match nearest(first, FIRST.into_iter()) {
                Some(near) => error.hint(format!("did you mean {near}?")),
                None => error,
            };
        }
    };
    let error = SqlError::unsupported(format!("{what} is not supported")).hint(hint);
    cut.places.mark(error, cut.tokens[0].span)
}

/// CREATE or DROP of something that is no table.
pub(super) fn create(kind: &str, cut: &Cut) -> SqlError {
    let verb = Words::new(cut).word().unwrap_or_default();
    let (what, hint) = match kind {
        "MATERIALIZED" | "RECURSIVE" => {
            ("VIEW of this kind", "CREATE [OR REPLACE] VIEW name AS SELECT .. is there")
        }
        "DATABASE" => ("DATABASE", "a node is one database; its schemas are namespaces"),
        "USER" | "ROLE" => ("ROLE", "this release has no users and roles of its own"),
        "FUNCTION" | "PROCEDURE" | "AGGREGATE" | "OPERATOR" | "CAST" => (
            kind,
            "there is no procedural language; a view names a query, the client runs the rest",
        ),
        "TRIGGER" | "RULE" | "EVENT" => {
            (kind, "nothing runs by itself after a write; DEFAULT and CHECK act on each row")
        }
        "TYPE" | "DOMAIN" => (kind, "use a built-in type with a CHECK constraint"),
        "EXTENSION" => (kind, "what is there is built in: gen_random_uuid() for instance"),
        "POLICY" => (kind, "this release has no users and roles of its own"),
        "OR" | "COLLATION" | "SERVER" | "FOREIGN" | "PUBLICATION" | "SUBSCRIPTION" => {
            (kind, "CREATE TABLE, VIEW and SEQUENCE are there")
        }
        other => {
            let error = cut.syntax_error(1);
            return match nearest(
                other,
                ["TABLE", "NAMESPACE", "SCHEMA", "INDEX", "VIEW"].into_iter(),
            ) {
                Some(near) => error.hint(format!("did you mean {verb} {near}?")),
                None => error,
            };
        }
    };
    let error = SqlError::unsupported(format!("{verb} {what} is not supported")).hint(hint);
    cut.places.mark(error, cut.tokens[0].span)
}

/// A syntax error at this token, with what may have been meant.
pub(crate) fn explain_syntax_error(cut: &Cut, index: usize) -> SqlError {
    let Token::Word(Word { value, quote_style: None, .. }) = &cut.tokens[index].token else {
        return cut.syntax_error(index);
    };
    let upper = value.to_ascii_uppercase();
    let error = cut.syntax_error(index);
    let near = nearest(&upper, INNER.into_iter()).filter(|near| *near != upper);
    // The word before may be the misspelt one: `SELECT * FORM t`.
    let before = index.checked_sub(1).and_then(|i| match &cut.tokens[i].token {
        Token::Word(w) if w.quote_style.is_none() => Some(w.value.to_ascii_uppercase()),
        _ => None,
    });
    let before = before.and_then(|w| nearest(&w, INNER.into_iter()).filter(|near| *near != w));
    match near.or(before) {
        Some(near) => error.hint(format!("did you mean {near}?")),
        None => error,
    }
}
