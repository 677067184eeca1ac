//! The habits of aql users: what the shell answers itself, and what Enter alone ends.
//!
//! `SET`, `GET` and `RESET` of aql's options, `RUN 'file'`, `PRINT`, `SYSTEM`, `HELP` and `QUIT`
//! belong to the shell.
//! Everything else, with `SHOW SETS` and `SET record_ttl 60` among it, goes to the server as it was
//! typed.

use crate::help;
use crate::input::Input;
use crate::lexer::{Ends, Kind, Token, tokens};
use crate::options::{self, OptionRow};
use crate::shell::{Shell, Step, Stop};

/// A statement that the shell answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Habit {
    Set(&'static OptionRow, String),
    Get(&'static OptionRow),
    /// `GET ALL`: the shell's options, then the server's.
    GetAll,
    Reset(&'static OptionRow),
    Run(String),
    Help(String),
    Quit,
    /// `REGISTER MODULE 'path'`: the file is the shell's to read.
    Register(String),
    /// `PRINT text`.
    Print(String),
    /// `SYSTEM program`.
    System(String),
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
    let option = |name: &Token<'_>| options::find(name.text);
    match (verb.text.to_ascii_uppercase().as_str(), rest) {
        ("QUIT" | "EXIT" | "Q", []) => Some(Habit::Quit),
        ("HELP", topic) => Some(Habit::Help(join(topic))),
        ("PRINT", [_, ..]) => Some(Habit::Print(behind(text, verb))),
        ("SYSTEM", [_, ..]) => Some(Habit::System(behind(text, verb))),
        ("REGISTER", [module, path])
            if (module.is("MODULE") || module.is("PACKAGE")) && path.kind == Kind::Quoted =>
        {
            Some(Habit::Register(path.value()))
        }
        ("RUN", [path]) => Some(Habit::Run(path.value())),
        ("SET", [name, value @ ..]) => Some(Habit::Set(option(name)?, value_of(value)?)),
        ("GET", [name]) if name.is("ALL") => Some(Habit::GetAll),
        ("GET", [name]) => Some(match option(name) {
            Some(option) => Habit::Get(option),
            None => Habit::Server(format!("SHOW {}", name.text)),
        }),
        ("RESET", [name]) => Some(Habit::Reset(option(name)?)),
        _ => None,
    }
}

/// What stands behind the name in a SET: a value, behind `=`, `TO` or nothing; or a negative
/// number.
fn value_of(value: &[Token<'_>]) -> Option<String> {
    match value {
        [value] => Some(value.value()),
        [sign, value] if sign.kind == Kind::Symbol('-') => Some(format!("-{}", value.text)),
        [to, rest @ ..] if to.is("TO") || to.kind == Kind::Symbol('=') => {
            value_of(rest).filter(|_| !rest.is_empty())
        }
        _ => None,
    }
}

impl Shell {
    pub(crate) fn run_habit(&mut self, habit: Habit, input: &mut Input<'_>) -> Step {
        match habit {
            Habit::Set(option, value) => self.set_option(option, &value, input),
            Habit::Get(option) => {
                let line = self.option_line(option)?;
                self.print(&line)
            }
            Habit::GetAll => {
                let lines = self.option_lines()?;
                self.print(&lines)?;
                self.run_sql("SHOW ALL", input)
            }
            Habit::Reset(option) => self.reset_option(option, input),
            Habit::Run(path) => self.run_file(&path, Ends::Line),
            Habit::Register(path) => match register(&path) {
                Ok(statement) => self.run_sql(&statement, input),
                Err(error) => self.complain(&error),
            },
            Habit::Help(topic) if topic.is_empty() => self.page(&help::commands()),
            Habit::Help(topic) => self.page(&help::statements(&topic)),
            Habit::Quit => Err(Stop::Quit),
            Habit::Print(text) => self.print(&format!("{text}\n")),
            Habit::System(program) => self.run_program(&program),
            Habit::Server(sql) => self.run_sql(&sql, input),
        }
    }
}

/// The statement that sends a module's text, quoted by a tag that is not in it. A file that is larger
/// than any module may be is not sent.
fn register(path: &str) -> Result<String, String> {
    const LARGEST: u64 = 8 << 20;
    let unread = |error: std::io::Error| format!("{path}: {error}");
    let size = std::fs::metadata(path).map_err(unread)?.len();
    if size > LARGEST {
        return Err(format!("{path}: {size} bytes are too many for a module"));
    }
    let source = std::fs::read_to_string(path).map_err(unread)?;
    let mut tag = "$lua$".to_string();
    while source.contains(&tag) {
        tag.insert(1, '_');
    }
    let file = path.rsplit('/').next().unwrap_or(path).replace('\'', "''");
    Ok(format!("REGISTER MODULE '{file}' AS {tag}{source}{tag}"))
}

/// The text behind the first word; in quotes, what is in them.
fn behind(text: &str, verb: &Token<'_>) -> String {
    let at = verb.text.as_ptr() as usize - text.as_ptr() as usize + verb.text.len();
    let rest = text[at..].trim();
    match &tokens(rest)[..] {
        [only] if only.kind == Kind::Quoted => only.value(),
        _ => rest.into(),
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
        ("SHOW" | "DESC" | "PRINT" | "SYSTEM" | "STAT" | "ASINFO", [_, ..]) => true,
        ("REMOVE" | "KILL_QUERY" | "KILL_SCAN", [_, ..]) => true,
        // A source behind AS has lines of its own.
        ("REGISTER", [_, _]) => true,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shell_answers_its_own() {
        let option = |name| options::find(name).unwrap();
        let own = [
            ("set output json", Habit::Set(option("OUTPUT"), "json".into())),
            ("SET OUTPUT = 'RAW'", Habit::Set(option("OUTPUT"), "RAW".into())),
            ("SET ECHO true", Habit::Set(option("ECHO"), "true".into())),
            ("SET SOCKET_TIMEOUT -1", Habit::Set(option("SOCKET_TIMEOUT"), "-1".into())),
            ("get all", Habit::GetAll),
            ("GET timeout", Habit::Get(option("TIMEOUT"))),
            ("GET search_path", Habit::Server("SHOW search_path".into())),
            ("RESET OUTPUT", Habit::Reset(option("OUTPUT"))),
            ("run 'a b.aql'", Habit::Run("a b.aql".into())),
            ("register module 'a/m.lua'", Habit::Register("a/m.lua".into())),
            ("HELP create table", Habit::Help("create table".into())),
            ("print a  'b'", Habit::Print("a  'b'".into())),
            ("PRINT 'it''s'", Habit::Print("it's".into())),
            ("System ls -l | wc", Habit::System("ls -l | wc".into())),
            ("q", Habit::Quit),
        ];
        for (text, expected) in own {
            assert_eq!(habit(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn modules_are_sent_as_they_are() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("m.lua");
        std::fs::write(&path, "x = '$lua$'").expect("written");
        let statement = register(path.to_str().expect("a path")).expect("a statement");
        assert_eq!(statement, "REGISTER MODULE 'm.lua' AS $_lua$x = '$lua$'$_lua$");
        assert!(register("no/such.lua").unwrap_err().starts_with("no/such.lua: "));
    }

    #[test]
    fn the_rest_goes_to_the_server() {
        let all =
            ["SHOW SETS", "SET search_path x", "RESET ALL", "select 1", "'q'", "", "quit now"];
        for text in all {
            assert_eq!(habit(text), None, "{text}");
        }
    }

    #[test]
    fn enter_ends_only_whole_commands() {
        let whole = [
            "STAT SYSTEM",
            "print x",
            "KILL_QUERY 5",
            "REGISTER MODULE 'm.lua'",
            "SHOW SETS",
            "set timeout 1000",
            "SET x = 'y'",
            "SET RECORD_TTL -1",
            "exit",
        ];
        let open = [
            "STAT",
            "REGISTER MODULE 'm.lua' AS $$ x",
            "PRINT",
            "SHOW",
            "SET x",
            "SET x =",
            "SET x TO",
            "SET TIME ZONE",
            "select 1",
            "GET",
        ];
        assert!(whole.iter().all(|text| ends_at_enter(text)));
        assert!(!open.iter().any(|text| ends_at_enter(text)));
    }
}
