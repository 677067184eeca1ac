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
use crate::command::Command;
use crate::edit::{NameCache, ask_password};
use crate::format::{Expanded, Format, Look};
use crate::help;
use crate::lexer::{Ends, Splitter};
use crate::run::Interrupts;
use crate::session::{OpenError, Session};
use crate::target::{Target, Wanted};
use crate::terminal::{Out, say_error};

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
    pub(crate) timing: bool,
    pub(crate) echo: bool,
    pub(crate) quiet: bool,
    pub(crate) interactive: bool,
    pub(crate) names: NameCache,
    /// The last statement, for `\g` and `\watch` on an empty line.
    pub(crate) last: String,
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

    pub(crate) fn run_statement(&mut self, text: &str) -> Step {
        match habit(text) {
            Some(habit) => self.run_habit(habit),
            None => {
                self.last = text.to_string();
                self.run_sql(text)
            }
        }
    }

    fn run_habit(&mut self, habit: Habit) -> Step {
        match habit {
            Habit::SetOutput(name) => match Format::parse(&name) {
                Some(format) => self.look.format = format,
                None => {
                    return self.complain(&format!("OUTPUT is {}, not {name}\n", Format::NAMES));
                }
            },
            Habit::SetEcho(word) => match word.to_ascii_lowercase().as_str() {
                "true" | "t" | "1" | "on" => self.echo = true,
                "false" | "f" | "0" | "off" => self.echo = false,
                _ => return self.complain(&format!("ECHO is true or false, not {word}\n")),
            },
            Habit::ResetOutput => self.look.format = Format::Table,
            Habit::ResetEcho => self.echo = false,
            Habit::GetOutput => return self.print(&self.output_option()),
            Habit::GetEcho => return self.print(&self.echo_option()),
            Habit::GetAll => {
                self.print(&format!("{}{}", self.output_option(), self.echo_option()))?;
                return self.run_sql("SHOW ALL");
            }
            Habit::Run(path) => return self.run_file(&path, Ends::Line),
            Habit::Help(topic) if topic.is_empty() => return self.print(&help::commands()),
            Habit::Help(topic) => return self.print(&help::statements(&topic)),
            Habit::Quit => return Err(Stop::Quit),
            Habit::Server(sql) => return self.run_sql(&sql),
        }
        Ok(())
    }

    fn output_option(&self) -> String {
        format!("OUTPUT = {}\n", self.look.format.name())
    }

    fn echo_option(&self) -> String {
        format!("ECHO = {}\n", self.echo)
    }

    pub(crate) fn run_command(&mut self, command: Command, splitter: &mut Splitter) -> Step {
        match command {
            Command::Relations { tables_only, pattern } => {
                self.list_relations(tables_only, pattern)
            }
            Command::Describe(pattern) => self.describe(&pattern),
            Command::Namespaces(pattern) => self.list_namespaces(pattern),
            Command::Databases => self.list_databases(),
            Command::Expanded(wanted) => self.set_expanded(wanted),
            Command::Timing(wanted) => {
                self.timing = wanted.unwrap_or(!self.timing);
                self.remark(if self.timing { "Timing is on.\n" } else { "Timing is off.\n" })
            }
            Command::Tuples => {
                self.look.tuples_only = !self.look.tuples_only;
                let state = if self.look.tuples_only { "on" } else { "off" };
                self.remark(&format!("Tuples only is {state}.\n"))
            }
            Command::Align => {
                let aligned = self.look.format == Format::Unaligned;
                self.look.format = if aligned { Format::Table } else { Format::Unaligned };
                self.remark(&format!("Output format is {}.\n", self.look.format.name()))
            }
            Command::Connect(words) => self.reconnect(&words),
            Command::ConnectionInfo => self.connection_info(),
            Command::Include(path) => self.run_file(&path, Ends::Semicolon),
            Command::Output(target) => self.redirect(target),
            Command::Echo(text) => self.print(&format!("{text}\n")),
            Command::Watch { interval, count } => {
                let sql = self.take_pending(splitter)?;
                self.watch(&sql, interval, count)
            }
            Command::Go { expanded } => {
                let sql = self.take_pending(splitter)?;
                let before = self.look.expanded;
                self.look.expanded = if expanded { Expanded::On } else { before };
                let step = self.run_sql(&sql);
                self.look.expanded = before;
                step
            }
            Command::Print => self.print(&format!("{}\n", splitter.pending())),
            Command::Reset => {
                splitter.reset();
                self.remark("The statement is forgotten.\n")
            }
            Command::Help => self.print(&help::commands()),
            Command::SqlHelp(topic) => self.print(&help::statements(&topic)),
            Command::Quit => Err(Stop::Quit),
        }
    }

    /// The statement being typed, else the last one.
    fn take_pending(&mut self, splitter: &mut Splitter) -> Result<String, Stop> {
        if !splitter.pending().is_empty() {
            self.last = splitter.pending().to_string();
            splitter.reset();
        }
        if self.last.is_empty() {
            self.tell_error("there is no statement to run yet\n");
            return Err(Stop::Failed);
        }
        Ok(self.last.clone())
    }

    fn set_expanded(&mut self, wanted: Option<Expanded>) -> Step {
        self.look.expanded = wanted.unwrap_or(match self.look.expanded {
            Expanded::On => Expanded::Off,
            Expanded::Off | Expanded::Auto => Expanded::On,
        });
        self.remark(match self.look.expanded {
            Expanded::On => "Expanded display is on.\n",
            Expanded::Off => "Expanded display is off.\n",
            Expanded::Auto => "Expanded display is used for what is wider than the terminal.\n",
        })
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

    fn redirect(&mut self, target: Option<String>) -> Step {
        self.flush()?;
        self.out = Out::standard();
        let Some(target) = target else { return Ok(()) };
        match Out::open(&target) {
            Ok(out) => self.out = out,
            Err(error) => return self.complain(&format!("{target}: {error}\n")),
        }
        Ok(())
    }

    fn watch(&mut self, sql: &str, interval: std::time::Duration, count: Option<u64>) -> Step {
        let mut runs = 0;
        while count.is_none_or(|count| runs < count) {
            if runs > 0 && self.pause(interval) {
                break;
            }
            runs += 1;
            let heading = format!("{} (every {}s)\n\n", clock(), interval.as_secs_f64());
            self.print(&heading)?;
            self.run_sql(sql)?;
        }
        Ok(())
    }

    /// Prints to where results go.
    pub(crate) fn print(&mut self, text: &str) -> Step {
        let written = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
        self.written(written)
    }

    /// Prints what only a person wants to know.
    fn remark(&mut self, text: &str) -> Step {
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
        self.complain(&format!("\\o ends, its target takes no more: {error}\n"))
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

/// The time of day in UTC.
fn clock() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let seconds = now.map_or(0, |now| now.as_secs() % 86_400);
    format!("{:02}:{:02}:{:02} UTC", seconds / 3600, seconds / 60 % 60, seconds % 60)
}
