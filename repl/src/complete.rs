//! What Tab offers: pure functions of the text before the cursor and of the names that the server
//! has.

use crate::command::COMMANDS;
use crate::format::Format;
use crate::lexer::{Kind, Token, ends_inside, tokens};
use crate::{options, pset};

/// Names to complete with.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    pub(crate) namespaces: Vec<String>,
    /// Namespace and set.
    pub(crate) sets: Vec<(String, String)>,
    /// Namespace, set and bin.
    pub(crate) bins: Vec<(String, String, String)>,
    pub(crate) indexes: Vec<String>,
    /// Those of the catalogue, beside [`FUNCTIONS`].
    pub(crate) functions: Vec<String>,
    /// Of the server.
    pub(crate) settings: Vec<String>,
}

/// What statements begin with.
pub(crate) const VERBS: &[&str] = &[
    "AGGREGATE",
    "ALTER NAMESPACE",
    "ALTER TABLE",
    "ANALYZE",
    "BEGIN",
    "CALL",
    "COMMIT",
    "COPY",
    "CREATE INDEX",
    "CREATE NAMESPACE",
    "CREATE TABLE",
    "DEALLOCATE",
    "DELETE FROM",
    "DESC",
    "DROP INDEX",
    "DROP NAMESPACE",
    "DROP TABLE",
    "EXECUTE",
    "EXIT",
    "EXPLAIN",
    "FETCH",
    "GET",
    "GRANT",
    "HELP",
    "INSERT INTO",
    "MERGE INTO",
    "PREPARE",
    "QUIT",
    "REGISTER MODULE",
    "REMOVE MODULE",
    "RESET",
    "REVOKE",
    "ROLLBACK",
    "RUN",
    "SAVEPOINT",
    "SELECT",
    "SET",
    "SHOW",
    "TRUNCATE",
    "UPDATE",
    "UPSERT INTO",
    "VALUES",
    "WITH",
];

const SHOWN: &[&str] =
    &["NAMESPACES", "SETS", "BINS", "MODULES", "CONFIG", "STATS", "LATENCIES", "ALL"];

pub(crate) const KEYWORDS: &[&str] = &[
    "AND",
    "AS",
    "ASC",
    "BETWEEN",
    "BY",
    "CASE",
    "CONFLICT",
    "COUNT",
    "DEFAULT",
    "DESC",
    "DISTINCT",
    "DO",
    "ELSE",
    "END",
    "EXISTS",
    "FROM",
    "GROUP BY",
    "HAVING",
    "IN",
    "INNER",
    "INTO",
    "IS",
    "JOIN",
    "KEY",
    "LEFT",
    "LIKE",
    "LIMIT",
    "NOT",
    "NOTHING",
    "NULL",
    "OFFSET",
    "ON",
    "OR",
    "ORDER BY",
    "PRIMARY KEY",
    "RETURNING",
    "SELECT",
    "SET",
    "TABLE",
    "THEN",
    "UNION",
    "UPDATE",
    "USING",
    "VALUES",
    "WHEN",
    "WHERE",
    "PK",
    "GEN",
    "TTL",
];

/// Functions that are there without an entry in the catalogue.
#[rustfmt::skip]
const FUNCTIONS: &[&str] = &[
    "abs", "array_agg", "array_append", "array_remove", "avg", "cardinality", "ceil",
    "char_length", "coalesce", "concat", "count", "current_date", "current_timestamp",
    "date_part", "date_trunc", "extract", "floor", "format_type", "generate_series", "greatest",
    "initcap", "jsonb_array_length", "jsonb_typeof", "least", "left", "length", "list_append",
    "list_length", "list_prepend", "list_remove", "lower", "lpad", "ltrim", "max", "md5", "min",
    "now", "nullif", "octet_length", "power", "random", "regexp_replace", "repeat", "replace",
    "reverse", "right", "round", "row_number", "rpad", "rtrim", "sign", "split_part", "sqrt",
    "starts_with", "stddev", "string_agg", "strpos", "substr", "sum", "to_jsonb", "trim", "trunc",
    "upper", "version",
];

/// Where the completed word begins in `line`, and what it may become. `pending` is the statement's
/// earlier lines, `line` ends at the cursor.
pub(crate) fn complete(
    pending: &str,
    line: &str,
    names: &Names,
    variables: &[String],
) -> (usize, Vec<String>) {
    let trimmed = line.trim_start();
    if pending.is_empty() && trimmed.starts_with('\\') {
        return command(line, trimmed, names, variables);
    }
    let start = word_start(line);
    let word = &line[start..];
    if line[..start].ends_with(':') && !line[..start].ends_with("::") {
        let fitting = variables.iter().filter(|name| name.starts_with(word));
        return (start, fitting.cloned().collect());
    }
    let before = format!("{pending}\n{}", &line[..start]);
    if ends_inside(&before) {
        return (start, Vec::new());
    }
    (start, statement(&tokens(&before), word, names))
}

fn command(line: &str, trimmed: &str, names: &Names, variables: &[String]) -> (usize, Vec<String>) {
    let start = word_start(line);
    let Some((name, _)) = trimmed.split_once(char::is_whitespace) else {
        let start = line.len() - trimmed.len();
        let all = COMMANDS.iter().map(|(name, ..)| format!("\\{name}"));
        return (start, all.filter(|name| name.starts_with(trimmed)).collect());
    };
    let word = &line[start..];
    let offers = match name {
        "\\d" | "\\d+" | "\\dt" | "\\dv" | "\\copy" => sets(word, names),
        "\\di" => matching(word, names.indexes.iter().cloned()),
        "\\df" => matching(word, names.functions.iter().cloned()),
        "\\dn" => matching(word, names.namespaces.iter().cloned()),
        "\\x" => keywords(word, &["on", "off", "auto"]),
        "\\timing" | "\\t" => keywords(word, &["on", "off"]),
        "\\pset" if trimmed.split_whitespace().nth(1) == Some("format") && word != "format" => {
            keywords(word, &formats())
        }
        "\\pset" => keywords(word, pset::OPTIONS),
        "\\set" | "\\unset" => matching(word, variables.iter().cloned()),
        "\\h" => keywords(word, VERBS),
        _ => Vec::new(),
    };
    (start, offers)
}

/// The word may have dots: `test.us`.
fn word_start(line: &str) -> usize {
    let part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-') || !c.is_ascii();
    line.char_indices().rev().take_while(|(_, c)| part(*c)).last().map_or(line.len(), |(at, _)| at)
}

fn statement(before: &[Token<'_>], word: &str, names: &Names) -> Vec<String> {
    let Some(last) = before.last().filter(|token| token.kind != Kind::Symbol(';')) else {
        return keywords(word, VERBS);
    };
    let verb = before.first().map(|token| token.text.to_ascii_uppercase()).unwrap_or_default();
    let last = last.text.to_ascii_uppercase();
    match (verb.as_str(), last.as_str()) {
        (_, "FROM" | "INTO" | "JOIN" | "TABLE" | "TRUNCATE") => sets(word, names),
        ("UPDATE", "UPDATE") => sets(word, names),
        ("DROP", "INDEX") => matching(word, names.indexes.iter().cloned()),
        ("SET" | "GET" | "RESET" | "SHOW", "SET" | "GET" | "RESET" | "SHOW") => {
            let shown = if verb == "SHOW" { keywords(word, SHOWN) } else { Vec::new() };
            let options = options::TABLE.iter().map(|option| option.name).collect::<Vec<_>>();
            let own = if verb == "SHOW" { Vec::new() } else { keywords(word, &options) };
            [shown, own, matching(word, names.settings.iter().cloned())].concat()
        }
        ("SET", "OUTPUT") => keywords(word, &formats()),
        ("SET", name) if options::find(name).is_some() => keywords(word, &["true", "false"]),
        ("EXPLAIN" | "HELP", "EXPLAIN" | "HELP") => keywords(word, VERBS),
        _ if word.is_empty() => [bins(before, word, names), keywords(word, KEYWORDS)].concat(),
        _ => {
            let own = FUNCTIONS.iter().map(|name| name.to_string());
            let known = own.chain(names.functions.iter().cloned());
            let functions = matching(word, known.map(|name| format!("{name}(")));
            [bins(before, word, names), keywords(word, KEYWORDS), functions].concat()
        }
    }
}

/// Of SET OUTPUT and `\pset format`.
fn formats() -> Vec<&'static str> {
    Format::NAMES.split(", ").flat_map(|name| name.split(" or ")).collect()
}

/// Sets by name, by `namespace.name`, and namespaces to go on from.
fn sets(word: &str, names: &Names) -> Vec<String> {
    let spaces = names.namespaces.iter().map(|name| format!("{name}."));
    let full = names.sets.iter().map(|(space, set)| format!("{space}.{set}"));
    if word.contains('.') {
        return matching(word, full);
    }
    matching(word, names.sets.iter().map(|(_, set)| set.clone()).chain(spaces))
}

/// Bins of the sets that the statement names; of all sets if it names none.
fn bins(before: &[Token<'_>], word: &str, names: &Names) -> Vec<String> {
    let named = |set: &str| before.iter().any(|token| token.value().eq_ignore_ascii_case(set));
    let any = names.sets.iter().any(|(_, set)| named(set));
    let fitting = names.bins.iter().filter(|(_, set, _)| !any || named(set));
    matching(word, fitting.map(|(.., bin)| bin.clone()))
}

/// Names that begin with the word, whatever the case, sorted, once each.
fn matching(word: &str, names: impl Iterator<Item = String>) -> Vec<String> {
    let word = word.to_lowercase();
    let mut found: Vec<String> =
        names.filter(|name| name.to_lowercase().starts_with(&word)).map(quoted).collect();
    found.sort();
    found.dedup();
    found
}

/// A name that needs quotes gets them.
fn quoted(name: String) -> String {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '$' | '(');
    if name.chars().all(plain) { name } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

/// Keywords in the case that the word is typed in.
fn keywords(word: &str, all: &[&str]) -> Vec<String> {
    let lower = word.chars().any(char::is_lowercase);
    let typed = word.to_ascii_uppercase();
    let fitting = all.iter().filter(|keyword| keyword.to_ascii_uppercase().starts_with(&typed));
    fitting.map(|k| if lower { k.to_lowercase() } else { k.to_string() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        let pair = |a: &str, b: &str| (a.to_string(), b.to_string());
        let bin = |a: &str, b: &str, c: &str| (a.to_string(), b.to_string(), c.to_string());
        Names {
            namespaces: vec!["test".into(), "mem".into()],
            sets: vec![pair("test", "users"), pair("test", "flights"), pair("mem", "Odd Name")],
            bins: vec![
                bin("test", "users", "name"),
                bin("test", "users", "email"),
                bin("test", "flights", "number"),
            ],
            indexes: vec!["users_email".into()],
            functions: vec!["normalize".into()],
            settings: vec!["search_path".into()],
        }
    }

    fn offers(line: &str) -> Vec<String> {
        complete("", line, &names(), &["who".into()]).1
    }

    #[test]
    fn statements_begin_with_verbs() {
        assert_eq!(offers("sel"), ["select"]);
        assert_eq!(offers("SEL"), ["SELECT"]);
        assert_eq!(offers("select 1; ins"), ["insert into"]);
    }

    #[test]
    fn sets_come_after_from() {
        assert_eq!(offers("select * from u"), ["users"]);
        assert_eq!(offers("select * from te"), ["test."]);
        assert_eq!(offers("select * from test."), ["test.flights", "test.users"]);
        assert_eq!(offers("update odd"), ["\"Odd Name\""]);
        assert_eq!(
            complete("select *", "from fl", &names(), &[]),
            (5, vec!["flights".to_string()])
        );
    }

    #[test]
    fn bins_are_those_of_the_named_sets() {
        let found = ["name", "not", "nothing", "null", "normalize(", "now(", "nullif("];
        assert_eq!(offers("select * from users where n"), found);
        assert_eq!(offers("drop index us"), ["users_email"]);
        assert_eq!(offers("select nu"), ["number", "null", "nullif("]);
    }

    #[test]
    fn aql_and_backslash_commands() {
        assert_eq!(offers("SHOW N"), ["NAMESPACES"]);
        assert_eq!(offers("set output j"), ["json", "jsonl"]);
        assert_eq!(offers("\\ti"), ["\\timing"]);
        assert_eq!(offers("\\d us"), ["users"]);
        assert_eq!(offers("\\x a"), ["auto"]);
        assert_eq!(offers("set key"), ["key_send"]);
        assert_eq!(offers("set se"), ["search_path"]);
        assert_eq!(offers("set key_send t"), ["true"]);
        assert_eq!(offers("\\pset nul"), ["null"]);
        assert_eq!(offers("\\pset format mark"), ["markdown"]);
        assert_eq!(offers("select :w"), ["who"]);
        assert_eq!(offers("select 1::te"), Vec::<String>::new());
    }

    #[test]
    fn nothing_is_offered_inside_a_string() {
        assert_eq!(offers("select 'a sel"), Vec::<String>::new());
        assert_eq!(offers("select /* sel"), Vec::<String>::new());
    }
}
