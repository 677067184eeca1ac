//! The shell itself: its state, and what each statement and command does to it.
//!
//! 1. `input` reads lines and hands over pieces: a statement or a backslash command.
//! 2. A statement is a habit of aql that is answered here, or it goes to the server (`run`).
//! 3. What cannot go on is a `Stop`: a batch turns it into its exit status, the keyboard goes on.
//!
//! Always true: whoever returns a `Stop` has told the reason on standard error.

use std::sync::Arc;

use tokio::runtime::Handle;

use crate::aql::{Habit, habit};
use crate::branch::Branch;
use crate::command::{Command, Stream};
use crate::edit::NameCache;
use crate::format::{Expanded, Format, Look};
use crate::help;
use crate::input::Input;
use crate::lexer::Ends;
use crate::options::Options;
use crate::pager::Paging;
use crate::pset;
use crate::report::Report;
use crate::run::Interrupts;
use crate::session::Session;
use crate::target::Target;
use crate::terminal::{Out, say_error};
use crate::vars::Vars;

/// Why a source of input ends before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// A statement or command failed.
    Failed,
    /// The connection is gone.
    Lost,
    /// A file cannot be read or written.
    Fatal,
    /// Nobody reads standard output any more.
    Closed,
    Quit,
}

pub(crate) type Step = Result<(), Stop>;

/// What `\restrict` answers to anything that is no statement.
pub(crate) const RESTRICTED: &str =
    "commands are refused here, until \\unrestrict comes with the key of \\restrict\n";

/// When to ask for a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asking {
    Never,
    IfNeeded,
    First,
}

/// The state between statements.
pub(crate) struct Shell {
    pub(crate) runtime: Handle,
    pub(crate) interrupts: Interrupts,
    pub(crate) target: Target,
    pub(crate) session: Option<Arc<Session>>,
    pub(crate) asking: Asking,
    pub(crate) postgres_insert: bool,
    pub(crate) out: Out,
    pub(crate) look: Look,
    pub(crate) paging: Paging,
    /// Lines of the terminal, once a person sits there.
    pub(crate) height: Option<usize>,
    pub(crate) vars: Vars,
    pub(crate) options: Options,
    pub(crate) timing: bool,
    pub(crate) echo: bool,
    pub(crate) quiet: bool,
    pub(crate) interactive: bool,
    pub(crate) names: NameCache,
    /// The last statement, for `\g` and `\watch` on an empty line.
    pub(crate) last: String,
    /// The key of `\restrict`: a dump that was tampered with must not reach the machine.
    pub(crate) restricted: Option<String>,
    /// Each `\if` of the script that is being read.
    pub(crate) branches: Vec<Branch>,
    /// Statements from the editor that the history does not have yet.
    pub(crate) edited: Vec<String>,
    /// The files being read, innermost last, each with its current line.
    pub(crate) places: Vec<(String, usize)>,
}

impl Shell {
    pub(crate) fn run_statement(&mut self, text: &str, input: &mut Input<'_>) -> Step {
        match habit(text) {
            Some(Habit::Run(_) | Habit::System(_)) if self.restricted.is_some() => {
                self.complain(RESTRICTED)
            }
            Some(habit) => self.run_habit(habit, input),
            None => {
                self.last = self.with_columns(text).into_owned();
                self.run_sql(&self.last.clone(), input)
            }
        }
    }

    pub(crate) fn run_command(&mut self, command: Command, input: &mut Input<'_>) -> Step {
        match command {
            Command::Unrestrict(key) if self.restricted.as_ref() == Some(&key) => {
                self.restricted = None;
                Ok(())
            }
            Command::Unrestrict(_) => self.complain("this is not the key of \\restrict\n"),
            Command::Restrict(key) if key.is_empty() => self.complain("\\restrict needs a key\n"),
            Command::Restrict(key) => {
                self.restricted = Some(key);
                Ok(())
            }
            Command::Relations { kinds, pattern } => self.list_relations(kinds, pattern),
            Command::Describe(pattern) => self.describe(&pattern),
            Command::Namespaces(pattern) => self.list_namespaces(pattern),
            Command::Functions(pattern) => self.list_functions(pattern),
            Command::Roles(pattern) => self.list_roles(pattern),
            Command::Databases => self.list_databases(),
            Command::Expanded(wanted) => self.set_expanded(wanted),
            Command::Timing(wanted) => {
                self.timing = wanted.unwrap_or(!self.timing);
                self.remark(if self.timing { "Timing is on.\n" } else { "Timing is off.\n" })
            }
            Command::Look(option, value) => self.set_look(option.as_deref(), value.as_deref()),
            Command::Align => {
                let aligned = self.look.format == Format::Unaligned;
                let format = if aligned { "table" } else { "unaligned" };
                self.set_look(Some("format"), Some(format))
            }
            Command::Set(words) => self.set_variable(&words),
            Command::Unset(name) => {
                self.vars.unset(&name);
                Ok(())
            }
            Command::Connect(words) => self.reconnect(&words),
            Command::ConnectionInfo => self.connection_info(),
            Command::Include { path, relative } => {
                let path = if relative { self.beside(&path) } else { path };
                self.run_file(&path, Ends::Semicolon)
            }
            Command::Output(target) => self.redirect(target),
            Command::Echo { text, to } => match to {
                Stream::Standard => self.tell(&text),
                Stream::Results => self.print(&text),
                Stream::Errors => {
                    self.flush()?;
                    say_error(&text);
                    Ok(())
                }
            },
            Command::Watch { interval, count } => self.watch(interval, count, input),
            Command::Go { expanded, target } => self.go(expanded, target, input),
            Command::GoSet(prefix) => self.go_set(&prefix, input),
            Command::GoExec => self.go_exec(input),
            Command::Copy(text) => self.copy(&text, input),
            Command::Edit(path) => self.edit(path, input),
            Command::Shell(program) => self.run_program(&program),
            Command::Prompt { text, name } => self.ask(&text, &name, input),
            Command::Folder(path) => self.change_folder(path),
            Command::Write(path) => self.write_statement(&path, input),
            Command::History(path) => self.show_history(path.as_deref()),
            Command::Print => {
                let pending = input.splitter.pending();
                let text = if pending.is_empty() { &self.last } else { pending }.to_string();
                self.print(&format!("{text}\n"))
            }
            Command::Reset => {
                input.splitter.reset();
                self.remark("The statement is forgotten.\n")
            }
            Command::Help => self.page(&help::commands()),
            Command::SqlHelp(topic) => self.page(&help::statements(&topic)),
            Command::Quit => Err(Stop::Quit),
        }
    }

    /// A file beside the one that is being read.
    fn beside(&self, path: &str) -> String {
        let here = self.places.last().and_then(|(place, _)| std::path::Path::new(place).parent());
        here.map_or(path.into(), |folder| folder.join(path).to_string_lossy().into_owned())
    }

    pub(crate) fn set_look(&mut self, option: Option<&str>, value: Option<&str>) -> Step {
        let Some(option) = option else {
            return self.print(&pset::list(&self.look, &self.paging));
        };
        match pset::set(&mut self.look, &mut self.paging, option, value) {
            Ok(sentence) => self.remark(&sentence),
            Err(why) => self.complain(&why),
        }
    }

    /// `\set`: some variables are the shell's own switches.
    pub(crate) fn set_variable(&mut self, words: &[String]) -> Step {
        let Some((name, value)) = words.split_first() else {
            return self.print(&self.vars.list());
        };
        let value = value.concat();
        match name.as_str() {
            "ECHO" => self.echo = matches!(value.as_str(), "all" | "queries"),
            "QUIET" => self.quiet = !matches!(value.as_str(), "off" | "false" | "0"),
            _ => {}
        }
        match self.vars.set(name, &value) {
            Ok(()) => Ok(()),
            Err(why) => self.complain(&why),
        }
    }

    /// Variables that tell how the last statement went, as psql has them.
    pub(crate) fn note_success(&mut self, tag: &str) {
        let rows = tag.rsplit(' ').next().filter(|word| word.parse::<u64>().is_ok());
        self.note([("ERROR", "false"), ("SQLSTATE", "00000"), ("ROW_COUNT", rows.unwrap_or("0"))]);
    }

    pub(crate) fn note_failure(&mut self, report: &Report) {
        self.note([("ERROR", "true"), ("SQLSTATE", &report.code), ("ROW_COUNT", "0")]);
        self.note([
            ("LAST_ERROR_MESSAGE", report.message.as_str()),
            ("LAST_ERROR_SQLSTATE", &report.code),
        ]);
    }

    pub(crate) fn note<const N: usize>(&mut self, values: [(&str, &str); N]) {
        for (name, value) in values {
            // These names are letters and _.
            let _ = self.vars.set(name, value);
        }
    }

    fn set_expanded(&mut self, wanted: Option<Expanded>) -> Step {
        let value = wanted.map(|wanted| match wanted {
            Expanded::On => "on",
            Expanded::Off => "off",
            Expanded::Auto => "auto",
        });
        self.set_look(Some("expanded"), value)
    }
}
