//! The shell aql: a Postgres-wire client like any other, with the habits of psql and of Aerospike's
//! aql.
//!
//! 1. `args` and `target` settle what to do and where; `connect` and `session` open the session,
//!    `wire` listens to what tokio-postgres does not pass on.
//! 2. `input` reads lines, `lexer` cuts them into statements and commands, `vars` puts variables in,
//!    `shell` carries them out; `aql`, `options` and `command` know which of them are the shell's
//!    own, `branch`, `buffer` and `copy` do the larger ones.
//! 3. `run` sends a statement and streams its rows into a layout of `format`, `transfer` those of
//!    COPY; `output` knows where they go, through `pager` where they are many; `report` shows
//!    errors, `progress` how far it is.
//! 4. `edit`, `highlight`, `complete` and `describe` serve the person at the keyboard.
//!
//! Always true: results go to standard output, everything else to standard error; a result is never
//! held whole, but for `\gset` and `\gexec`; the exit status of a batch tells whether every
//! statement went well.
//! Left to the server: every statement's meaning, with SHOW and EXPLAIN among them. Left for later:
//! TLS.

mod aql;
mod args;
mod branch;
mod buffer;
mod catalog;
mod command;
mod complete;
mod connect;
mod copy;
mod describe;
mod edit;
mod format;
mod help;
mod highlight;
mod input;
mod lexer;
mod options;
mod output;
mod pager;
mod progress;
mod prompt;
mod pset;
mod report;
mod run;
mod session;
mod shell;
mod target;
mod terminal;
mod transfer;
mod vars;
mod wire;

use std::io::{self, IsTerminal};
use std::process::ExitCode;

use tokio::runtime::Handle;

use args::Args;
use edit::{Keyboard, NameCache};
use format::Look;
use lexer::Ends;
use options::Options;
use pager::Paging;
use run::Interrupts;
use shell::{Asking, Shell, Step, Stop};
use target::Target;
use terminal::{Out, say_error};
use vars::Vars;

/// The exit status for a wrong command line, or a file that cannot be read.
const FATAL: u8 = 1;
/// The exit status for a connection that could not be made or was lost.
const LOST: u8 = 2;
/// The exit status for a statement that failed in a batch.
const FAILED: u8 = 3;

/// Runs the shell as the command line asks.
pub fn run() -> ExitCode {
    let args = match Args::read(std::env::args_os()) {
        Ok(args) => args,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { FATAL } else { 0 });
        }
    };
    let target = match Target::resolve(&args.wanted(), &|name| std::env::var(name).ok()) {
        Ok(target) => target,
        Err(why) => return fatal(&why),
    };
    // One thread drives the connection while the main thread reads and prints.
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return fatal(&format!("no runtime: {error}")),
    };
    let interrupts = runtime.block_on(async { Interrupts::listen() });
    let mut shell = new_shell(&args, target.clone(), runtime.handle().clone(), interrupts);
    let step = shell.connect(target).and_then(|()| work(&mut shell, &args));
    let step = step.and(shell.flush());
    shell.disconnect();
    drop(shell);
    runtime.shutdown_background();
    status(step)
}

fn fatal(why: &str) -> ExitCode {
    say_error(&format!("aql: {why}\n"));
    ExitCode::from(FATAL)
}

fn status(step: Step) -> ExitCode {
    match step {
        Ok(()) | Err(Stop::Quit | Stop::Closed) => ExitCode::SUCCESS,
        Err(Stop::Fatal) => ExitCode::from(FATAL),
        Err(Stop::Lost) => ExitCode::from(LOST),
        Err(Stop::Failed) => ExitCode::from(FAILED),
    }
}

fn new_shell(args: &Args, target: Target, runtime: Handle, interrupts: Interrupts) -> Shell {
    let interactive = args.tasks.is_empty() && io::stdin().is_terminal();
    let asking = match (args.password, args.no_password) {
        (true, _) => Asking::First,
        (_, true) => Asking::Never,
        _ => Asking::IfNeeded,
    };
    let look = Look {
        format: args.format(),
        expanded: args.expanded(interactive),
        tuples_only: args.tuples_only,
        separator: args.field_separator.clone(),
        color: terminal::wants_color(),
        ..Look::default()
    };
    Shell {
        runtime,
        interrupts,
        target,
        session: None,
        asking,
        postgres_insert: args.postgres_insert,
        out: Out::standard(),
        look,
        timing: interactive && !args.quiet,
        echo: args.echo,
        quiet: args.quiet,
        interactive,
        names: NameCache::default(),
        paging: Paging::default(),
        height: None,
        vars: Vars::default(),
        options: Options::default(),
        last: String::new(),
        restricted: None,
        branches: Vec::new(),
        edited: Vec::new(),
        places: Vec::new(),
    }
}

fn work(shell: &mut Shell, args: &Args) -> Step {
    args.settle(shell)?;
    if !args.tasks.is_empty() {
        return shell.run_tasks(&args.tasks);
    }
    if !shell.interactive {
        return shell.run_stdin();
    }
    let color = terminal::wants_color();
    let history = edit::history_path();
    let (runtime, names) = (shell.runtime.clone(), shell.names.clone());
    let keyboard = Keyboard::new(runtime, names, history, color).map_err(|error| {
        say_error(&format!("the terminal cannot be used: {error}\n"));
        Stop::Fatal
    })?;
    if !args.quiet {
        shell.print(&banner(shell))?;
    }
    if !args.no_start_file {
        start_file(shell)?;
    }
    // At the prompt the editor sees Ctrl-C itself; between statements it must not end the shell.
    shell.interrupts.hold(true);
    shell.run_keyboard(keyboard)
}

/// Runs `AQLRC`, else `~/.aqlrc`, if it is there. What fails in it is told and ends it, not the
/// session. Scripts never see it: they should do the same for everybody.
fn start_file(shell: &mut Shell) -> Step {
    let home = || Some(std::path::Path::new(&std::env::var_os("HOME")?).join(".aqlrc"));
    let named = std::env::var_os("AQLRC").filter(|path| !path.is_empty()).map(Into::into);
    let Some(path) = named.or_else(home).filter(|path| path.exists()) else { return Ok(()) };
    let quiet = std::mem::replace(&mut shell.quiet, true);
    let step = shell.run_file(&path.to_string_lossy(), Ends::Semicolon);
    let told = shell.vars.get("QUIET").is_some();
    shell.quiet = if told { shell.quiet } else { quiet };
    match step {
        Err(Stop::Failed | Stop::Fatal) => Ok(()),
        step => step,
    }
}

fn banner(shell: &Shell) -> String {
    let server = shell.session.as_ref().map_or("", |session| session.server_version.as_str());
    let version = env!("CARGO_PKG_VERSION");
    format!(
        "aql {version}, server {server}, at {}. Statements end with ;\n\
         \\? for help, \\q to quit.\n",
        shell.target
    )
}
