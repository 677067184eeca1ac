//! The shell itself: its state, and what each statement and command does to it.
//!
//! 1. `input` reads lines and hands over pieces: a statement or a backslash command.
//! 2. A statement is a habit of aql that is answered here, or it goes to the server (`run`).
//! 3. What cannot go on is a `Stop`: a batch turns it into its exit status, the keyboard goes on.
//!
//! Always true: whoever returns a `Stop` has told the reason on standard error.

use std::io::{self, Write};
use std::sync::Arc;

use tokio::runtime::Handle;

use crate::aql::{Habit, habit};
use crate::command::{Command, Stream};
use crate::edit::{NameCache, ask_password};
use crate::format::{Expanded, Format, Look};
use crate::help;
use crate::input::Input;
use crate::lexer::Ends;
use crate::options::Options;
use crate::pager::{self, Pager, Paging};
use crate::pset;
use crate::report::Report;
use crate::run::Interrupts;
use crate::session::{OpenError, Session};
use crate::target::{Target, Wanted};
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
    /// Statements from the editor that the history does not have yet.
    pub(crate) edited: Vec<String>,
    /// The files being read, innermost last, each with its current line.
    pub(crate) places: Vec<(String, usize)>,
}

impl Shell {
    /// Opens the session; asks for a password where that is allowed and needed.
    pub(crate) fn connect(&mut self, target: Target) -> Step {
        let mut target = target;
        if target.password.is_none() {
            target.password = stored_password(&target);
        }
        if self.asking == Asking::First && target.password.is_none() {
            target.password = ask_password(&target.user);
        }
        let mut opened = self.open(&target);
        let asks = self.asking != Asking::Never && target.password.is_none();
        if asks && matches!(opened, Err(OpenError::PasswordNeeded)) {
            target.password = ask_password(&target.user);
            if target.password.is_some() {
                opened = self.open(&target);
            }
        }
        match opened {
            Ok(session) => self.adopt(session),
            Err(why) => {
                self.tell_error(&open_failure(&target, why));
                Err(Stop::Lost)
            }
        }
    }

    /// Makes `session` ours. On AerieDB an INSERT gets aql's meaning.
    fn adopt(&mut self, session: Session) -> Step {
        let upsert = session.is_aerie() && !self.postgres_insert;
        self.target = session.target.clone();
        self.session = Some(Arc::new(session));
        self.names.outdate();
        self.note_connection();
        if upsert {
            self.fetch("SET record_exists_action = 'update'")?;
        }
        Ok(())
    }

    /// The session, opened anew after a loss.
    pub(crate) fn connected(&mut self) -> Result<Arc<Session>, Stop> {
        if let Some(session) = &self.session {
            return Ok(session.clone());
        }
        self.connect(self.target.clone())?;
        self.session.clone().ok_or(Stop::Lost)
    }

    /// Ends the session in good manners.
    pub(crate) fn disconnect(&mut self) {
        if let Some(session) = self.session.take().and_then(Arc::into_inner) {
            self.runtime.block_on(session.close());
        }
    }

    pub(crate) fn run_statement(&mut self, text: &str, input: &mut Input<'_>) -> Step {
        match habit(text) {
            Some(Habit::Run(_)) if self.restricted.is_some() => self.complain(RESTRICTED),
            Some(habit) => self.run_habit(habit, input),
            None => {
                self.last = text.to_string();
                self.run_sql(text, input)
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

    fn note_connection(&mut self) {
        let (target, port) = (self.target.clone(), self.target.port.to_string());
        let version = self.session.as_ref().map(|session| session.server_version.clone());
        self.note([
            ("DBNAME", target.database.as_str()),
            ("USER", &target.user),
            ("HOST", &target.host),
            ("PORT", &port),
            ("SERVER_VERSION_NAME", version.as_deref().unwrap_or("")),
        ]);
    }

    fn note<const N: usize>(&mut self, values: [(&str, &str); N]) {
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

    fn reconnect(&mut self, words: &[String]) -> Step {
        let word = |i: usize| words.get(i).filter(|word| *word != "-").cloned();
        let port = match word(3).map(|port| port.parse()) {
            Some(Err(_)) => return self.complain("\\c takes a port number as its fourth word\n"),
            Some(Ok(port)) => Some(port),
            None => None,
        };
        let wanted = Wanted { database: word(0), user: word(1), host: word(2), port };
        match self.target.changed(&wanted, &|name| std::env::var(name).ok()) {
            Err(why) => return self.complain(&format!("{why}\n")),
            Ok(target) => match self.connect(target) {
                Ok(()) => {}
                Err(stop) if self.interactive && self.session.is_some() => {
                    say_error("The connection before it is kept.\n");
                    return if stop == Stop::Lost { Err(Stop::Failed) } else { Err(stop) };
                }
                Err(stop) => return Err(stop),
            },
        }
        let (database, user) = (self.target.database.clone(), self.target.user.clone());
        self.remark(&format!("Connected to database \"{database}\" as user \"{user}\".\n"))
    }

    fn connection_info(&mut self) -> Step {
        let session = self.connected()?;
        let target = &session.target;
        self.print(&format!(
            "Connected to database \"{}\" as user \"{}\" at {}, server {}.\n",
            target.database, target.user, target, session.server_version
        ))
    }

    pub(crate) fn redirect(&mut self, target: Option<String>) -> Step {
        self.flush()?;
        self.out = Out::standard();
        let Some(target) = target else { return Ok(()) };
        match Out::open(&target) {
            Ok(out) => self.out = out,
            Err(error) => return self.complain(&format!("{target}: {error}\n")),
        }
        Ok(())
    }

    /// Results go to a file, or to a program behind `|`, while `work` runs; without a target to
    /// standard output.
    pub(crate) fn with_output(
        &mut self,
        target: Option<&str>,
        work: impl FnOnce(&mut Self) -> Step,
    ) -> Step {
        self.flush()?;
        let opened = target.map_or_else(|| Ok(Out::standard()), Out::open);
        let out = match opened {
            Ok(out) => out,
            Err(error) => {
                return self.complain(&format!("{}: {error}\n", target.unwrap_or("")));
            }
        };
        let before = std::mem::replace(&mut self.out, out);
        let step = work(self);
        let flushed = self.flush();
        self.out = before;
        step.and(flushed)
    }

    /// From here on a tall result goes through the pager; gives where results went before.
    pub(crate) fn begin_paging(&mut self) -> Option<Out> {
        let height = self.height.filter(|_| self.interactive && self.paging.wanted)?;
        if !matches!(self.out, Out::Terminal(_)) {
            return None;
        }
        // The prompt and the time of the statement want their lines.
        let limit = height.saturating_sub(2).max(self.paging.min_lines);
        let pager = Pager::new(pager::program()?, limit);
        Some(std::mem::replace(&mut self.out, Out::Paged(pager)))
    }

    /// Waits for the pager, if there is one.
    pub(crate) fn end_paging(&mut self, before: Option<Out>) {
        if let Some(before) = before {
            self.out = before;
        }
    }

    /// Prints through the pager.
    pub(crate) fn page(&mut self, text: &str) -> Step {
        let held = self.interrupts.hold(true);
        let before = self.begin_paging();
        let step = self.print(text);
        self.end_paging(before);
        self.interrupts.hold(held);
        step
    }

    /// Prints to where results go.
    pub(crate) fn print(&mut self, text: &str) -> Step {
        let written = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
        self.written(written)
    }

    /// Prints what only a person wants to know.
    pub(crate) fn remark(&mut self, text: &str) -> Step {
        if self.quiet { Ok(()) } else { self.tell(text) }
    }

    /// Prints to standard output, wherever results go.
    pub(crate) fn tell(&mut self, text: &str) -> Step {
        if !self.out.is_redirected() {
            return self.print(text);
        }
        let _ = io::stdout().lock().write_all(text.as_bytes());
        Ok(())
    }

    pub(crate) fn flush(&mut self) -> Step {
        let flushed = self.out.flush();
        self.written(flushed)
    }

    /// What a failed write means: a closed pipe is no failure of ours, a full disk is.
    pub(crate) fn written(&mut self, result: io::Result<()>) -> Step {
        let Err(error) = result else { return Ok(()) };
        if matches!(self.out, Out::Paged(_)) && error.kind() == io::ErrorKind::BrokenPipe {
            self.out = Out::Nowhere;
            return Ok(());
        }
        if !self.out.is_redirected() {
            if !self.interactive {
                self.out = Out::Nowhere;
            }
            if error.kind() == io::ErrorKind::BrokenPipe {
                return Err(Stop::Closed);
            }
            self.tell_error(&format!("output cannot be written: {error}\n"));
            return Err(Stop::Fatal);
        }
        self.out = Out::standard();
        self.complain(&format!("results go to standard output again: {error}\n"))
    }

    /// Tells why something failed, with the place in a file.
    pub(crate) fn tell_error(&self, text: &str) {
        match self.places.last() {
            Some((path, line)) => say_error(&format!("aql:{path}:{line}: {text}")),
            None => say_error(text),
        }
    }

    pub(crate) fn complain(&mut self, text: &str) -> Step {
        self.flush()?;
        self.tell_error(text);
        Err(Stop::Failed)
    }
}

fn open_failure(target: &Target, why: OpenError) -> String {
    match why {
        OpenError::Refused(text) => text,
        OpenError::PasswordNeeded => format!(
            "{target} asks user {} for a password; give it in PGPASSWORD or ~/.pgpass, \
             or at a terminal without -w\n",
            target.user
        ),
    }
}

/// The password from PGPASSFILE or `~/.pgpass`, if only its owner can read that file.
fn stored_password(target: &Target) -> Option<String> {
    let named = std::env::var_os("PGPASSFILE").filter(|path| !path.is_empty());
    let home = || std::env::var_os("HOME").map(|home| std::path::Path::new(&home).join(".pgpass"));
    let path = named.map(Into::into).or_else(home)?;
    let text = std::fs::read_to_string(&path).ok()?;
    if !is_private(&path) {
        let path = path.display();
        say_error(&format!("{path} is not read: others can read it too; chmod 600 mends it\n"));
        return None;
    }
    target.password_in(&text)
}

#[cfg(unix)]
fn is_private(path: &std::path::Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|metadata| metadata.permissions().mode() & 0o077 == 0)
}

#[cfg(not(unix))]
fn is_private(_: &std::path::Path) -> bool {
    true
}
