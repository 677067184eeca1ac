//! What `\?`, `\h` and `HELP` print.

use crate::command::{COMMANDS, nearest};
use crate::complete::VERBS;
use crate::lexer::tokens;

/// Statements and their form. `namespace.set` is what PostgreSQL calls schema and table, a bin is a
/// column.
const STATEMENTS: &[(&str, &str)] = &[
    (
        "AGGREGATE",
        "AGGREGATE module.function(value, ...) ON [namespace.]set [WHERE condition] [LIMIT count]",
    ),
    (
        "ALTER NAMESPACE",
        "ALTER NAMESPACE name SET setting = {value | DEFAULT}, ...\n\
         ALTER TABLE [namespace.]set SET (setting = value, ...)",
    ),
    (
        "COPY",
        "COPY [namespace.]set [(bin, ...)] FROM STDIN [WITH (FORMAT csv, HEADER, ...)]\n\
         COPY {[namespace.]set [(bin, ...)] | (query)} TO STDOUT [WITH (...)]\n\
         \\copy does the same with files and programs of this machine:\n\
         \\copy users from 'users.csv' with (format csv, header)",
    ),
    (
        "CREATE NAMESPACE",
        "CREATE NAMESPACE [IF NOT EXISTS] name [WITH (setting = value, ...)]\n\
         SHOW CONFIG lists the settings.",
    ),
    (
        "CREATE TABLE",
        "CREATE TABLE [IF NOT EXISTS] [namespace.]set (\n\
         \x20   name type [PRIMARY KEY] [NOT NULL] [DEFAULT value], ...\n)",
    ),
    ("DELETE", "DELETE FROM [namespace.]set [WHERE condition] [RETURNING ...]"),
    ("DESC MODULE", "DESC MODULE name"),
    ("DROP NAMESPACE", "DROP NAMESPACE [IF EXISTS] name, ... [CASCADE]"),
    ("DROP TABLE", "DROP TABLE [IF EXISTS] [namespace.]set"),
    (
        "EXECUTE",
        "EXECUTE module.function(value, ...) ON [namespace.]set [WHERE condition] [LIMIT count]\n\
         EXECUTE name [(value, ...)]        (a prepared statement)",
    ),
    ("EXPLAIN", "EXPLAIN statement"),
    ("GET", "GET {ALL | option | setting}        (aql; GET ALL lists them)"),
    (
        "INSERT",
        "INSERT INTO [namespace.]set [(bin, ...)] VALUES (value, ...), ...\n\
         \x20   [ON CONFLICT (key) DO {NOTHING | UPDATE SET bin = value, ...}] [RETURNING ...]\n\n\
         In this shell INSERT on AerieDB updates a record that exists, \
         as aql does; see --postgres-insert.",
    ),
    (
        "OPERATE",
        "OPERATE operation(bin, ...) [WITH_POLICY (policy, ...)], ... ON [namespace.]set\n\
         \x20   WHERE PK = key        (aql)\n\
         READ, WRITE, INCR, APPEND, PREPEND, TOUCH, DELETE, LIST_APPEND, LIST_GET, LIST_POP, ...,\n\
         MAP_PUT, MAP_GET_BY_KEY, MAP_REMOVE_BY_VALUE, ...",
    ),
    ("PRINT", "PRINT text        (aql)"),
    (
        "REGISTER MODULE",
        "REGISTER MODULE 'file'        (aql: a file of this machine)\n\
         REGISTER MODULE 'name' AS $$ source in Lua $$",
    ),
    ("REMOVE MODULE", "REMOVE MODULE name"),
    ("RESET", "RESET {option | setting | ALL}"),
    ("RUN", "RUN 'file'        (aql: every line is a statement)"),
    (
        "SELECT",
        "SELECT {* | expression [AS name], ...} FROM [namespace.]set\n\
         \x20   [JOIN ... ON ...] [WHERE condition] [GROUP BY ...] [HAVING ...]\n\
         \x20   [ORDER BY ... [ASC | DESC]] [LIMIT count] [OFFSET count]\n\n\
         SELECT {* | bin, ...} FROM [namespace.]set [LIMIT count] [IN {LIST | MAPKEYS | MAPVALUES}]\n\
         \x20   [WHERE {PK | DIGEST | EDIGEST} = value |\n\
         \x20   bin {= value | BETWEEN a AND b | WITHIN GEOJSON('..') | CONTAINS GEOJSON('..')}]        (aql)",
    ),
    (
        "SET",
        "SET setting {= | TO} value\nSET setting value        (aql)\n\
         SET OUTPUT {TABLE | JSON | RAW | MUTE | CSV | TSV | MARKDOWN | HTML | LATEX | BOX | JSONL}\n\
         SET {ECHO | KEY_SEND | DURABLE_DELETE} {true | false}\n\
         SET TIMEOUT milliseconds, SET RECORD_TTL seconds",
    ),
    (
        "SHOW",
        "SHOW {NAMESPACES | SETS | BINS | MODULES | setting | ALL}\n\
         SHOW {STATS | LATENCIES} [FOR namespace]\nSHOW CONFIG [LIKE 'pattern'] [FOR namespace]",
    ),
    ("STAT", "STAT {SYSTEM | NAMESPACE name}        (aql; SHOW STATS is the same)"),
    ("SYSTEM", "SYSTEM program        (aql; \\! does the same)"),
    ("TRUNCATE", "TRUNCATE [TABLE] {[namespace.]set | namespace} [UPTO {nanoseconds | date}]"),
    ("UPDATE", "UPDATE [namespace.]set SET bin = value, ... [WHERE condition] [RETURNING ...]"),
    ("UPSERT", "UPSERT INTO [namespace.]set [(bin, ...)] VALUES (value, ...), ..."),
];

/// The backslash commands.
pub(crate) fn commands() -> String {
    let mut text = String::from("Statements end with ; and \\h tells about them. Commands:\n");
    for (name, arguments, about) in COMMANDS {
        let head = format!("\\{name} {arguments}");
        text.push_str(&format!("  {head:<32} {about}\n"));
    }
    text.push_str(
        "\nFrom aql, also without ;: SHOW NAMESPACES, SHOW SETS, SHOW BINS, SET OUTPUT JSON,\n\
         GET ALL, RUN 'file', HELP, QUIT\n\
         Tab completes. Ctrl-C drops the line, or cancels the running statement. Ctrl-D quits.\n",
    );
    text
}

/// Help on statements: all names, or the form of those that begin with `topic`.
pub(crate) fn statements(topic: &str) -> String {
    let topic = topic.trim().to_ascii_uppercase();
    if topic.is_empty() {
        let names: Vec<&str> = STATEMENTS.iter().map(|(name, _)| *name).collect();
        return format!(
            "Help on a statement: \\h NAME. There is help on\n  {}\n",
            names.join(", ")
        );
    }
    let forms: Vec<String> = STATEMENTS
        .iter()
        .filter(|(name, _)| name.starts_with(&topic) || topic.starts_with(&format!("{name} ")))
        .map(|(_, form)| format!("{form}\n"))
        .collect();
    if !forms.is_empty() {
        return forms.join("\n");
    }
    let near = nearest(&topic, STATEMENTS.iter().map(|(name, _)| *name));
    let hint = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
    format!("There is no help on {topic}{hint}\n")
}

/// What helps where the server does not say it: after a syntax error, or with a COPY that it has
/// not.
pub(crate) fn hint(code: &str, sql: &str) -> Option<String> {
    let copies = tokens(sql).first().is_some_and(|token| token.is("COPY"));
    match code {
        "42601" => meant(sql),
        "0A000" if copies => Some(
            "this server has no COPY of this kind; --csv with a SELECT writes rows, INSERT with \
             several rows reads them"
                .into(),
        ),
        _ => None,
    }
}

/// What the first word of a statement was meant to be, if it is none that statements begin with.
fn meant(sql: &str) -> Option<String> {
    let first = tokens(sql).first().map(|token| token.text.to_ascii_uppercase())?;
    let verbs = || VERBS.iter().filter_map(|verb| verb.split(' ').next());
    if verbs().any(|verb| verb == first) {
        return None;
    }
    let begun = verbs().find(|verb| first.len() > 1 && verb.starts_with(&first));
    let near = begun.or_else(|| nearest(&first, verbs()))?;
    Some(format!("did you mean {near}? \\h lists the statements"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_words() {
        assert!(meant("selct 1").is_some_and(|hint| hint.contains("did you mean SELECT?")));
        assert!(meant("sel").is_some_and(|hint| hint.contains("did you mean SELECT?")));
        assert_eq!(meant("select from from"), None);
        assert_eq!(meant("xyzzy"), None);
        assert!(hint("0A000", "copy t from stdin").is_some_and(|hint| hint.contains("INSERT")));
        assert_eq!(hint("0A000", "select 1"), None);
    }

    #[test]
    fn topics() {
        assert!(statements("").contains("CREATE TABLE, DELETE"));
        assert!(statements("create table").starts_with("CREATE TABLE [IF NOT EXISTS]"));
        assert!(statements("insert into").starts_with("INSERT INTO"));
        assert!(statements("selct").contains("did you mean SELECT?"));
        assert!(commands().lines().all(|line| line.len() <= 120));
    }
}
