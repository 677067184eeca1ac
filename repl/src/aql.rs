//! The habits of aql users: what the shell answers itself, and what Enter alone ends.
//!
//! `SET OUTPUT JSON`, `SET ECHO true`, `GET`, `RESET`, `RUN 'file'`, `HELP` and `QUIT` belong to
//! the shell. Everything else, with `SHOW SETS` and `SET record_ttl 60` among it, goes to the
//! server as it was typed.

use crate::lexer::{Kind, Token, tokens};

/// A statement that the shell answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Habit {
    SetOutput(String),
    SetEcho(String),
    GetOutput,
    GetEcho,
    /// `GET ALL`: the shell's options, then the server's.
    GetAll,
    ResetOutput,
    ResetEcho,
    Run(String),
    Help(String),
    Quit,
    /// Another spelling of a statement that the server knows.
    Server(String),
}

/// Reads `text` as one of the shell's own statements; `None` sends it to the server.
pub(crate) fn habit(text: &str) -> Option<Habit> {
    let found = tokens(text);
    let (verb, rest) = found.split_first()?;
    if verb.kind != Kind::Word {
        return None;
    }
    match (verb.text.to_ascii_uppercase().as_str(), rest) {
        ("QUIT" | "EXIT" | "Q", []) => Some(Habit::Quit),
        ("HELP", topic) => Some(Habit::Help(join(topic))),
        ("RUN", [path]) => Some(Habit::Run(path.value())),
        ("SET", [name, value @ ..]) => set(name, value),
        ("GET", [name]) => Some(get(name)),
        ("RESET", [name]) if name.is("OUTPUT") => Some(Habit::ResetOutput),
        ("RESET", [name]) if name.is("ECHO") => Some(Habit::ResetEcho),
        _ => None,
    }
}

fn set(name: &Token<'_>, value: &[Token<'_>]) -> Option<Habit> {
    let value = match value {
        [value] => value,
        [to, value] if to.is("TO") || to.kind == Kind::Symbol('=') => value,
        _ => return None,
    };
    match name {
        name if name.is("OUTPUT") => Some(Habit::SetOutput(value.value())),
        name if name.is("ECHO") => Some(Habit::SetEcho(value.value())),
        _ => None,
    }
}

fn get(name: &Token<'_>) -> Habit {
    match name {
        name if name.is("OUTPUT") => Habit::GetOutput,
        name if name.is("ECHO") => Habit::GetEcho,
        name if name.is("ALL") => Habit::GetAll,
        name => Habit::Server(format!("SHOW {}", name.text)),
    }
}

fn join(found: &[Token<'_>]) -> String {
    found.iter().map(|token| token.text).collect::<Vec<_>>().join(" ")
}

/// Whether a single line is a whole AQL command, so that Enter ends it without `;`.
pub(crate) fn ends_at_enter(line: &str) -> bool {
    let found = tokens(line);
    let Some((verb, rest)) = found.split_first() else { return false };
    match (verb.text.to_ascii_uppercase().as_str(), rest) {
        ("QUIT" | "EXIT" | "Q", []) | ("HELP", _) => true,
        ("GET" | "RESET" | "RUN", [_]) => true,
        ("SHOW" | "DESC", [_, ..]) => true,
        ("SET", [name, value @ ..]) => is_plain(name) && is_setting(value),
        _ => false,
    }
}

/// What may follow `SET name`: a value, behind `=`, `TO` or nothing; or a negative number.
fn is_setting(value: &[Token<'_>]) -> bool {
    match value {
        [value] => is_plain(value),
        [sign, value] if sign.kind == Kind::Symbol('-') => is_plain(value),
        [to, value] => (to.is("TO") || to.kind == Kind::Symbol('=')) && is_plain(value),
        _ => false,
    }
}

fn is_plain(token: &Token<'_>) -> bool {
    let grammar = ["TO", "TIME", "SESSION", "LOCAL", "TRANSACTION"];
    matches!(token.kind, Kind::Word | Kind::Quoted) && !grammar.iter().any(|word| token.is(word))
}

/// Why the shell cannot send this statement, if so: the rows of a COPY have no place to come from.
pub(crate) fn refusal(text: &str) -> Option<String> {
    let found = tokens(text);
    let copies = found.first().is_some_and(|verb| verb.is("COPY"));
    let stream = found.iter().find(|token| token.is("STDIN") || token.is("STDOUT"))?;
    copies.then(|| {
        format!(
            "COPY with {} is not supported in this shell; try INSERT with several rows, \
             or --csv with a SELECT",
            stream.text.to_ascii_uppercase()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shell_answers_its_own() {
        let own = [
            ("set output json", Habit::SetOutput("json".into())),
            ("SET OUTPUT = 'RAW'", Habit::SetOutput("RAW".into())),
            ("SET ECHO true", Habit::SetEcho("true".into())),
            ("get all", Habit::GetAll),
            ("GET record_ttl", Habit::Server("SHOW record_ttl".into())),
            ("RESET OUTPUT", Habit::ResetOutput),
            ("run 'a b.aql'", Habit::Run("a b.aql".into())),
            ("HELP create table", Habit::Help("create table".into())),
            ("q", Habit::Quit),
        ];
        for (text, expected) in own {
            assert_eq!(habit(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn the_rest_goes_to_the_server() {
        let all =
            ["SHOW SETS", "SET record_ttl 60", "RESET ALL", "select 1", "'q'", "", "quit now"];
        for text in all {
            assert_eq!(habit(text), None, "{text}");
        }
    }

    #[test]
    fn enter_ends_only_whole_commands() {
        let whole = ["SHOW SETS", "set timeout 1000", "SET x = 'y'", "SET RECORD_TTL -1", "exit"];
        let open = ["SHOW", "SET x", "SET x =", "SET x TO", "SET TIME ZONE", "select 1", "GET"];
        assert!(whole.iter().all(|text| ends_at_enter(text)));
        assert!(!open.iter().any(|text| ends_at_enter(text)));
    }

    #[test]
    fn copy_through_the_terminal_is_refused() {
        assert!(refusal("copy t from stdin").is_some_and(|why| why.contains("COPY with STDIN")));
        assert_eq!(refusal("copy t from '/tmp/x'"), None);
        assert_eq!(refusal("select 'stdin'"), None);
    }
}
