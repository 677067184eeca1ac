//! The command line, with psql's letters.

use clap::{ArgAction, CommandFactory, FromArgMatches, Parser};

use crate::format::{Expanded, Format};
use crate::shell::{Shell, Step};
use crate::target::{Wanted, is_connection_string};

/// aql, the shell of AerieDB. It talks to AerieDB and to PostgreSQL alike.
///
/// Exit status: 0 all went well, 1 the command line or a file is wrong, 2 no connection or the
/// connection was lost, 3 a statement failed (the first failure ends a batch).
#[derive(Debug, Parser)]
#[command(name = "aql", version, disable_help_flag = true)]
pub(crate) struct Args {
    /// Database, or a URL: postgres://user@host:5432/database
    #[arg(value_name = "DBNAME")]
    positional: Option<String>,
    /// User, if -U does not say it
    #[arg(value_name = "USERNAME")]
    positional_user: Option<String>,

    /// Server host, or the folder of its Unix socket [PGHOST, localhost]
    #[arg(short = 'h', long)]
    host: Option<String>,
    /// Server port [PGPORT, 5432]
    #[arg(short, long)]
    port: Option<u16>,
    /// User [PGUSER, the operating system's]
    #[arg(short = 'U', long, visible_alias = "user")]
    username: Option<String>,
    /// Database or URL [PGDATABASE, the user's name]
    #[arg(short, long)]
    dbname: Option<String>,
    /// Ask for a password before connecting
    #[arg(short = 'W', long, conflicts_with = "no_password")]
    pub(crate) password: bool,
    /// Never ask for a password
    #[arg(short = 'w', long)]
    pub(crate) no_password: bool,

    /// Run this, then exit; may be repeated, mixed with -f
    #[arg(short, long, value_name = "STATEMENTS")]
    command: Vec<String>,
    /// Run this file (- is standard input), then exit; may be repeated
    #[arg(short, long, value_name = "FILE", allow_hyphen_values = true)]
    file: Vec<String>,

    /// Cells without alignment, between separators
    #[arg(short = 'A', long)]
    no_align: bool,
    /// Rows only: no header, no footer
    #[arg(short, long)]
    pub(crate) tuples_only: bool,
    /// Separator for -A
    #[arg(short = 'F', long, value_name = "STRING")]
    pub(crate) field_separator: Option<String>,
    /// One record a block
    #[arg(short = 'x', long)]
    expanded: bool,
    /// Comma-separated values
    #[arg(long, conflicts_with_all = ["json", "no_align"])]
    csv: bool,
    /// An array of objects
    #[arg(long, conflicts_with = "no_align")]
    json: bool,
    /// A table of HTML
    #[arg(short = 'H', long, conflicts_with_all = ["json", "csv", "no_align"])]
    html: bool,
    /// Only results: no banner, no command tags
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// Print each statement before it runs
    #[arg(short, long, short_alias = 'a', alias = "echo-all", alias = "echo-queries")]
    pub(crate) echo: bool,
    /// Set a variable, as \set does; without a value it is unset
    #[arg(short = 'v', long = "set", visible_alias = "variable", value_name = "NAME=VALUE")]
    variables: Vec<String>,
    /// Set how results look, as \pset does
    #[arg(short = 'P', long = "pset", value_name = "OPTION=VALUE")]
    looks: Vec<String>,
    /// Send results to this file, or to a program behind |. As in aql, the bare words table, json,
    /// raw and mute are formats
    #[arg(short, long, alias = "outputmode", value_name = "FILE")]
    output: Option<String>,
    /// Longest time of a statement, milliseconds, as SET TIMEOUT has it
    #[arg(long, value_name = "MS")]
    timeout: Option<u64>,
    /// All of -c and -f in one transaction block
    #[arg(short = '1', long)]
    single_transaction: bool,
    /// List databases, then exit
    #[arg(short, long)]
    list: bool,
    /// Leave INSERT as PostgreSQL has it: a second INSERT of a key fails (aql's habit is an upsert)
    #[arg(long)]
    pub(crate) postgres_insert: bool,
    /// Leave the start-up file alone: $AQLRC, else ~/.aqlrc. Only sessions at a terminal read it
    #[arg(short = 'X', long = "no-aqlrc", alias = "no-psqlrc")]
    pub(crate) no_start_file: bool,
    /// Print help
    #[arg(short = '?', long, action = ArgAction::Help)]
    help: Option<bool>,

    /// What -c and -f ask for, in their order.
    #[arg(skip)]
    pub(crate) tasks: Vec<Task>,
}

/// A piece of batch work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    Text(String),
    File(String),
}

impl Args {
    /// Reads the command line; the error prints itself and knows whether it is `--help`.
    pub(crate) fn read<I, T>(words: I) -> Result<Self, clap::Error>
    where
        I: IntoIterator<Item = T>,
        T: Into<std::ffi::OsString> + Clone,
    {
        let matches = Self::command().try_get_matches_from(words)?;
        let mut args = Self::from_arg_matches(&matches)?;
        let places = |id| matches.indices_of(id).into_iter().flatten();
        let texts = places("command").zip(args.command.iter().cloned().map(Task::Text));
        let files = places("file").zip(args.file.iter().cloned().map(Task::File));
        let mut tasks: Vec<(usize, Task)> = texts.chain(files).collect();
        tasks.sort_by_key(|(place, _)| *place);
        args.tasks = tasks.into_iter().map(|(_, task)| task).collect();
        if args.list {
            args.tasks = vec![Task::Text("\\l".into())];
        }
        if args.single_transaction {
            args.tasks.insert(0, Task::Text("BEGIN".into()));
            args.tasks.push(Task::Text("COMMIT".into()));
        }
        Ok(args)
    }

    /// With -d given, the first bare word is the user, as in psql; a URL is always the database.
    pub(crate) fn wanted(&self) -> Wanted {
        let mut bare = [&self.positional, &self.positional_user].into_iter().flatten();
        let is_url = self.positional.as_deref().is_some_and(is_connection_string);
        let database = match &self.dbname {
            Some(name) if !is_url => Some(name.clone()),
            _ => bare.next().cloned(),
        };
        Wanted {
            host: self.host.clone(),
            port: self.port,
            user: self.username.clone().or_else(|| bare.next().cloned()),
            database,
        }
    }

    /// Carries out what is left of the options once there is a shell.
    pub(crate) fn settle(&self, shell: &mut Shell) -> Step {
        for variable in &self.variables {
            match variable.split_once('=') {
                Some((name, value)) => shell.set_variable(&[name.into(), value.into()])?,
                None => shell.vars.unset(variable),
            }
        }
        for look in &self.looks {
            let (option, value) = match look.split_once('=') {
                Some((option, value)) => (option, Some(value)),
                None => (look.as_str(), None),
            };
            let quiet = std::mem::replace(&mut shell.quiet, true);
            let step = shell.set_look(Some(option), value);
            shell.quiet = quiet;
            step?;
        }
        if let Some(ms) = self.timeout {
            shell.fetch(&format!("SET statement_timeout = {ms}"))?;
        }
        match self.output.as_deref() {
            Some(mode @ ("table" | "json" | "raw" | "mute")) => {
                shell.look.format = Format::parse(mode).unwrap_or_default();
                Ok(())
            }
            Some(target) => shell.redirect(Some(target.into())),
            None => Ok(()),
        }
    }

    pub(crate) fn format(&self) -> Format {
        match (self.csv, self.json, self.html, self.no_align) {
            (true, ..) => Format::Csv,
            (_, true, ..) => Format::Json,
            (.., true, _) => Format::Html,
            (.., true) => Format::Unaligned,
            _ => Format::Table,
        }
    }

    /// A person's terminal chooses by width; a program gets what it asks for.
    pub(crate) fn expanded(&self, interactive: bool) -> Expanded {
        match (self.expanded, interactive) {
            (true, _) => Expanded::On,
            (false, true) => Expanded::Auto,
            (false, false) => Expanded::Off,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Args, clap::Error> {
        Args::read(["aql"].into_iter().chain(line.split_whitespace()))
    }

    #[test]
    fn the_definition_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn connection_flags() {
        let wanted = read("-h h -p 7 -U u -d d").unwrap().wanted();
        assert_eq!((wanted.host.as_deref(), wanted.port), (Some("h"), Some(7)));
        assert_eq!((wanted.user.as_deref(), wanted.database.as_deref()), (Some("u"), Some("d")));
        let wanted = read("d u").unwrap().wanted();
        assert_eq!((wanted.user.as_deref(), wanted.database.as_deref()), (Some("u"), Some("d")));
        let wanted = read("-d d u").unwrap().wanted();
        assert_eq!((wanted.user.as_deref(), wanted.database.as_deref()), (Some("u"), Some("d")));
        let wanted = read("postgres://h/x").unwrap().wanted();
        assert_eq!(wanted.database.as_deref(), Some("postgres://h/x"));
    }

    #[test]
    fn tasks_keep_their_order() {
        let args = read("-c a -f x.sql -c b --file=-").unwrap();
        let expected = [
            Task::Text("a".into()),
            Task::File("x.sql".into()),
            Task::Text("b".into()),
            Task::File("-".into()),
        ];
        assert_eq!(args.tasks, expected);
        let text = |text: &str| Task::Text(text.into());
        let block = read("-1 -c a").unwrap().tasks;
        assert_eq!(block, [text("BEGIN"), text("a"), text("COMMIT")]);
        assert_eq!(read("-l").unwrap().tasks, [text("\\l")]);
    }

    #[test]
    fn formats() {
        assert_eq!(read("-At").unwrap().format(), Format::Unaligned);
        assert!(read("-At").unwrap().tuples_only);
        assert_eq!(read("--csv").unwrap().format(), Format::Csv);
        assert_eq!(read("--json").unwrap().format(), Format::Json);
        assert_eq!(read("-H").unwrap().format(), Format::Html);
        assert_eq!(read("--outputmode raw").unwrap().output.as_deref(), Some("raw"));
        assert_eq!(read("--timeout 500").unwrap().timeout, Some(500));
        assert_eq!(read("-x").unwrap().expanded(true), Expanded::On);
        assert_eq!(read("").unwrap().expanded(true), Expanded::Auto);
        let args = read("-aqX -F , -A -v a=b -P null=x -o f").unwrap();
        assert_eq!(args.field_separator.as_deref(), Some(","));
        assert_eq!((args.variables, args.looks), (vec!["a=b".into()], vec!["null=x".into()]));
        assert!(args.echo && args.no_start_file && args.output.as_deref() == Some("f"));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for line in ["--csv --json", "-p x", "--nonsense", "-W -w", "a b c"] {
            assert!(read(line).is_err(), "{line}");
        }
        assert_eq!(read("-?").unwrap_err().kind(), clap::error::ErrorKind::DisplayHelp);
        assert_eq!(read("-V").unwrap_err().kind(), clap::error::ErrorKind::DisplayVersion);
    }
}
