//! What is not there, said by name; and what a misspelt word may have meant.

use sqlparser::tokenizer::{Token, Word};

use super::Words;
use crate::parse::Cut;
use crate::resolve::nearest;
use crate::{SqlError, SqlResult};

/// Words that a statement may begin with.
const FIRST: [&str; 44] = [
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
        "AGGREGATE" => (
            "AGGREGATE with stream functions",
            "SELECT with GROUP BY and count, sum, min, max, avg aggregates on the node",
        ),
        "REGISTER" | "REMOVE" | "RUN" | "DESC" | "DESCRIBE" | "SHOW MODULES" | "SHOW PACKAGES" => {
            (first, "\\d NAME in the shell and SHOW BINS describe a set; Lua modules come later")
        }
        "OPERATE" => (
            "OPERATE",
            "UPDATE .. SET with expressions works under the record's lock, for instance SET tags = list_append(tags, 'x')",
        ),
        "SHOW INDEXES" => ("SHOW INDEXES", "there are no secondary indexes yet"),
        "STAT" | "ASINFO" => {
            (first, "SHOW SETS counts records; SHOW STATS and SHOW LATENCIES have the rest")
        }
        "KILL_QUERY" | "KILL_SCAN" | "SHOW SCANS" | "SHOW QUERIES" => {
            (first, "a client cancels its own query, psql and aql with Ctrl-C")
        }
        "SHOW USER" | "SHOW USERS" | "SHOW ROLE" | "SHOW ROLES" | "GRANT" | "REVOKE" => {
            (first, "this release has no users and roles of its own")
        }
        "ALTER" => (
            "ALTER",
            "columns need no declaration: an undeclared set takes any bin; DROP TABLE and CREATE TABLE declare anew, ALTER TABLE .. SET (..) changes settings",
        ),
        "NOTIFY" => ("NOTIFY", "there is no message bus here"),
        "COMMENT" | "SECURITY" | "IMPORT" | "REFRESH" | "REINDEX" | "CLUSTER" | "CALL" | "DO"
        | "MERGE" | "LOAD" | "REASSIGN" => {
            (first, "SELECT, INSERT, UPSERT, UPDATE, DELETE, CREATE TABLE and SHOW are there")
        }
        "PRINT" | "SYSTEM" | "HELP" | "QUIT" | "EXIT" | "Q" => {
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
        "INDEX" | "LIST" | "MAPKEYS" | "MAPVALUES" | "UNIQUE" => {
            ("INDEX", "secondary indexes are not there yet; a WHERE without key scans the set")
        }
        "VIEW" | "MATERIALIZED" | "RECURSIVE" => {
            ("VIEW", "use WITH name AS (SELECT ..) in the query")
        }
        "DATABASE" => ("DATABASE", "a node is one database; its schemas are namespaces"),
        "USER" | "ROLE" => ("ROLE", "this release has no users and roles of its own"),
        "OR" | "FUNCTION" | "PROCEDURE" | "TRIGGER" | "TYPE" | "DOMAIN" | "SEQUENCE"
        | "EXTENSION" | "POLICY" | "RULE" | "AGGREGATE" | "OPERATOR" | "CAST" | "COLLATION"
        | "SERVER" | "FOREIGN" => (kind, "CREATE TABLE is there"),
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

/// aql's `FROM set IN LIST WHERE ..`: a query of a collection index.
pub(super) fn collection_index(cut: &Cut) -> SqlResult<()> {
    let word = |t: &Token| match t {
        Token::Word(w) if w.quote_style.is_none() => w.value.to_ascii_uppercase(),
        _ => String::new(),
    };
    let found = cut.tokens.windows(3).find(|w| {
        word(&w[0].token) == "IN"
            && matches!(word(&w[1].token).as_str(), "LIST" | "MAPKEYS" | "MAPVALUES")
            && word(&w[2].token) == "WHERE"
    });
    match found {
        None => Ok(()),
        Some(w) => {
            let error = SqlError::unsupported(format!("IN {} is not supported", word(&w[1].token)))
                .hint("indexes on lists and maps are not there yet");
            Err(cut.places.mark(error, w[0].span))
        }
    }
}

/// A syntax error at this token, with what may have been meant.
pub(crate) fn explain_syntax_error(cut: &Cut, index: usize) -> SqlError {
    let Token::Word(Word { value, quote_style: None, .. }) = &cut.tokens[index].token else {
        return cut.syntax_error(index);
    };
    if matches!(value.to_ascii_uppercase().as_str(), "CONTAINS" | "WITHIN") {
        let error = SqlError::unsupported(format!("{} is not supported", value.to_uppercase()))
            .hint("geographic predicates come with secondary indexes");
        return cut.places.mark(error, cut.tokens[index].span);
    }
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
