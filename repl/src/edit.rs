//! The line editor: rustyline with our completion, history and password prompt.
//!
//! Reading blocks its thread, the runtime's other threads go on. Names for completion are fetched
//! at the first Tab after something changed, outside of transactions, and within a deadline: Tab
//! never hangs.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustyline::completion::{Completer, FilenameCompleter, Pair};
use rustyline::error::ReadlineError;
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::{Hinter, HistoryHinter};
use rustyline::{
    Behavior, ColorMode, CompletionType, Config, Context, Editor, Helper, Hinter, Validator,
};
use tokio::runtime::Handle;
use tokio::time::timeout;

use crate::complete::{Names, complete};
use crate::describe;
use crate::highlight::paint;
use crate::session::Session;
use crate::wire::Transaction;

/// As many as a year of daily use leaves behind; the file stays well under a megabyte.
const HISTORY_ENTRIES: usize = 5000;
/// Longer than any healthy catalogue query, shorter than patience.
const NAMES_DEADLINE: Duration = Duration::from_secs(1);

/// What came from the keyboard.
pub(crate) enum Typed {
    Line(String),
    /// Ctrl-C.
    Dropped,
    /// Ctrl-D, or a terminal that is gone.
    End,
}

/// Names of one server, and whether they may be old.
#[derive(Clone, Default)]
pub(crate) struct NameCache(Arc<Mutex<Cached>>);

#[derive(Default)]
struct Cached {
    names: Arc<Names>,
    fresh: bool,
}

impl NameCache {
    /// Something was written: bins appear with the records that bring them.
    pub(crate) fn outdate(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).fresh = false;
    }

    fn names(&self, runtime: &Handle, session: Option<&Session>) -> Arc<Names> {
        let mut cached = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = session.filter(|session| session.transaction() == Transaction::Idle);
        if let (false, Some(session)) = (cached.fresh, idle)
            && let Some(names) = runtime.block_on(fetch_names(session))
        {
            cached.names = Arc::new(names);
            cached.fresh = true;
        }
        cached.names.clone()
    }
}

/// `None` when the server takes too long; what it cannot answer is left empty.
async fn fetch_names(session: &Session) -> Option<Names> {
    let all = async {
        let (relations, indexes) = (describe::all_relations(), describe::all_indexes());
        let queries = [
            describe::all_namespaces(),
            relations.as_str(),
            describe::all_columns(),
            describe::all_functions(),
            describe::all_settings(),
            indexes.as_str(),
        ];
        let mut answers = Vec::new();
        for query in queries {
            let rows = session.fetch(query).await.map(|fetched| fetched.rows).unwrap_or_default();
            answers.push(rows.into_iter().map(|row| row.into_iter().flatten().collect()).collect());
        }
        answers
    };
    match timeout(NAMES_DEADLINE, all).await {
        Ok(answers) => Some(names_of(&answers)),
        Err(_) => {
            session.cancel().await;
            None
        }
    }
}

fn names_of(answers: &[Vec<Vec<String>>]) -> Names {
    let rows = |i: usize| answers.get(i).into_iter().flatten();
    let own = |name: &String| !name.starts_with("pg_") && name != "information_schema";
    let first = |i: usize| rows(i).filter_map(|row| row.first()).cloned();
    Names {
        namespaces: first(0).filter(own).collect(),
        functions: first(3).collect(),
        settings: first(4).collect(),
        indexes: first(5).collect(),
        sets: rows(1).filter_map(|row| Some((row.first()?.clone(), row.get(1)?.clone()))).collect(),
        bins: rows(2)
            .filter_map(|row| {
                Some((row.first()?.clone(), row.get(1)?.clone(), row.get(2)?.clone()))
            })
            .collect(),
    }
}

/// rustyline's hooks.
#[derive(Helper, Validator)]
struct Hooks {
    files: FilenameCompleter,
    names: NameCache,
    runtime: Handle,
    session: Option<Arc<Session>>,
    /// The lines of the statement that came before this one.
    pending: String,
    variables: Vec<String>,
    color: bool,
}

/// Commands whose last argument is a file.
const WITH_FILES: &[&str] = &[
    "\\i ", "\\ir ", "\\o ", "\\e ", "\\w ", "\\g ", "\\gx ", "\\cd ", "\\s ", ".read ", ".output ",
];

/// Whether a file comes next.
fn wants_file(before: &str) -> bool {
    let copies = || {
        let last = before.trim_end_matches(|c: char| !c.is_whitespace()).to_ascii_lowercase();
        before.starts_with("\\copy ") && (last.ends_with(" from ") || last.ends_with(" to "))
    };
    WITH_FILES.iter().any(|command| before.starts_with(command)) || copies()
}

impl Completer for Hooks {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        position: usize,
        context: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        let before = &line[..position];
        if wants_file(before) {
            return self.files.complete(line, position, context);
        }
        let names = self.names.names(&self.runtime, self.session.as_deref());
        let (start, found) = complete(&self.pending, before, &names, &self.variables);
        let pair = |name: String| Pair { display: name.clone(), replacement: name };
        Ok((start, found.into_iter().map(pair).collect()))
    }
}

/// The rest of the last entry that began like this; the right arrow takes it.
impl Hinter for Hooks {
    type Hint = String;

    fn hint(&self, line: &str, position: usize, context: &Context<'_>) -> Option<String> {
        if !self.color || !self.pending.is_empty() {
            return None;
        }
        let hint = HistoryHinter::new().hint(line, position, context)?;
        hint.lines().next().map(str::to_string)
    }
}

impl Highlighter for Hooks {
    fn highlight<'l>(&self, line: &'l str, _: usize) -> Cow<'l, str> {
        if self.color { paint(&self.pending, line).into() } else { line.into() }
    }

    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        format!("\x1b[2m{hint}\x1b[0m").into()
    }

    fn highlight_char(&self, _: &str, _: usize, kind: CmdKind) -> bool {
        self.color && kind != CmdKind::MoveCursor
    }

    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(
        &'s self,
        prompt: &'p str,
        default: bool,
    ) -> Cow<'b, str> {
        if default { format!("\x1b[1m{prompt}\x1b[0m").into() } else { prompt.into() }
    }
}

/// The editor of an interactive session.
pub(crate) struct Keyboard {
    editor: Editor<Hooks, rustyline::history::DefaultHistory>,
    history: Option<PathBuf>,
    /// Further lines of a paste, which the editor gives as one.
    pasted: VecDeque<String>,
}

impl Keyboard {
    /// `history` is where entries are kept; a file that cannot be read is as good as none.
    pub(crate) fn new(
        runtime: Handle,
        names: NameCache,
        history: Option<PathBuf>,
        color: bool,
    ) -> rustyline::Result<Self> {
        let config = Config::builder()
            .max_history_size(HISTORY_ENTRIES)?
            .history_ignore_space(true)
            .completion_type(CompletionType::List)
            .color_mode(if color { ColorMode::Enabled } else { ColorMode::Disabled })
            .build();
        let mut editor = Editor::with_config(config)?;
        let (files, pending, variables) = (FilenameCompleter::new(), String::new(), Vec::new());
        let hooks = Hooks { files, names, runtime, session: None, pending, variables, color };
        editor.set_helper(Some(hooks));
        if let Some(path) = &history {
            let _ = editor.load_history(path);
        }
        Ok(Self { editor, history, pasted: VecDeque::new() })
    }

    /// Reads one line; `pending`, `session` and `variables` serve completion.
    pub(crate) fn read(
        &mut self,
        prompt: &str,
        pending: &str,
        session: Option<Arc<Session>>,
        variables: &[String],
    ) -> io::Result<Typed> {
        if let Some(line) = self.pasted.pop_front() {
            return Ok(Typed::Line(line));
        }
        if let Some(hooks) = self.editor.helper_mut() {
            hooks.pending = pending.to_string();
            hooks.variables = variables.to_vec();
            hooks.session = session;
        }
        let typed = self.editor.readline(prompt);
        if let Some(hooks) = self.editor.helper_mut() {
            hooks.session = None;
        }
        match typed {
            Ok(text) => {
                self.pasted.extend(text.split('\n').map(str::to_string));
                Ok(Typed::Line(self.pasted.pop_front().unwrap_or_default()))
            }
            Err(ReadlineError::Interrupted) => Ok(Typed::Dropped),
            Err(ReadlineError::Eof) => Ok(Typed::End),
            Err(ReadlineError::Signal(_)) => Ok(Typed::Line(String::new())),
            Err(ReadlineError::Io(error)) => Err(error),
            Err(error) => Err(io::Error::other(error.to_string())),
        }
    }

    /// Keeps a whole statement, now and in the file, unless it holds a secret or begins with a
    /// space.
    pub(crate) fn remember(&mut self, entry: &str) {
        if entry.trim().is_empty() || holds_secret(entry) {
            return;
        }
        let kept = self.editor.add_history_entry(entry);
        if let (Ok(true), Some(path)) = (kept, &self.history) {
            let _ = self.editor.append_history(path);
        }
    }

    /// Columns and lines of the terminal.
    pub(crate) fn size(&mut self) -> Option<(usize, usize)> {
        self.editor.dimensions().map(|(columns, lines)| (columns.into(), lines.into()))
    }
}

/// Whether an entry names a password, by word or inside a URL.
fn holds_secret(entry: &str) -> bool {
    let in_url = entry.split("://").skip(1).any(|rest| {
        let place = rest.split(['/', ' ', '?']).next().unwrap_or("");
        place.split_once('@').is_some_and(|(login, _)| login.contains(':'))
    });
    in_url || entry.to_ascii_lowercase().contains("password")
}

/// `AQL_HISTORY`, else `~/.aql_history`.
pub(crate) fn history_path() -> Option<PathBuf> {
    let named = std::env::var_os("AQL_HISTORY").filter(|path| !path.is_empty());
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".aql_history"));
    named.map(PathBuf::from).or_else(home)
}

/// Shows nothing of what is typed.
#[derive(rustyline::Completer, Helper, Hinter, Validator)]
struct Blind;

impl Highlighter for Blind {
    fn highlight<'l>(&self, _: &'l str, _: usize) -> Cow<'l, str> {
        "".into()
    }

    fn highlight_char(&self, _: &str, _: usize, kind: CmdKind) -> bool {
        !matches!(kind, CmdKind::MoveCursor)
    }
}

/// Asks on the terminal itself, whatever standard input is; `None` without a terminal or an answer.
pub(crate) fn ask_password(user: &str) -> Option<String> {
    std::fs::File::open("/dev/tty").ok()?;
    let config = Config::builder()
        .behavior(Behavior::PreferTerm)
        .color_mode(ColorMode::Forced)
        .auto_add_history(false)
        .build();
    let mut editor: Editor<Blind, _> = Editor::with_config(config).ok()?;
    editor.set_helper(Some(Blind));
    let _hidden = editor.set_cursor_visibility(false);
    editor.readline(&format!("Password for user {user}: ")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_kept() {
        for entry in [
            "CREATE USER u PASSWORD 'x'",
            "set password 'x' for u",
            "\\c postgres://u:secret@h/d",
            "\\c host=h password=x",
        ] {
            assert!(holds_secret(entry), "{entry}");
        }
        for entry in ["select 1", "\\c postgres://u@h:5432/d", "select 'http://a/b:c@d'"] {
            assert!(!holds_secret(entry), "{entry}");
        }
    }

    #[test]
    fn files_come_after_some_commands() {
        for before in ["\\i ", "\\o a", "\\copy t from ", "\\copy (select 1) to x", ".read "] {
            assert!(wants_file(before), "{before}");
        }
        for before in ["select ", "\\copy ", "\\copy t fr", "\\d ", "\\info"] {
            assert!(!wants_file(before), "{before}");
        }
    }

    #[test]
    fn rows_become_names() {
        let row = |cells: &[&str]| cells.iter().map(|cell| cell.to_string()).collect::<Vec<_>>();
        let names = names_of(&[
            vec![row(&["test"]), row(&["pg_catalog"]), row(&["information_schema"])],
            vec![row(&["test", "users"]), row(&["broken"])],
        ]);
        assert_eq!(names.namespaces, ["test"]);
        assert_eq!(names.sets, [("test".to_string(), "users".to_string())]);
        assert!(names.bins.is_empty());
    }
}
