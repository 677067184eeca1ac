//! Backslash commands: their names, their arguments, their help.

use std::time::Duration;

use crate::describe::Pattern;
use crate::format::Expanded;
use crate::vars::Vars;

/// A command to carry out.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Command {
    /// `\d` and `\dt`: relations as a list, or each one with its columns.
    Relations {
        kinds: Kinds,
        pattern: Option<Pattern>,
    },
    Describe(Pattern),
    Namespaces(Option<Pattern>),
    Functions(Option<Pattern>),
    Roles(Option<Pattern>),
    Databases,
    Expanded(Option<Expanded>),
    Timing(Option<bool>),
    /// `\pset`: all options, one, or one with its new value.
    Look(Option<String>, Option<String>),
    Align,
    /// `\set`: all variables, or a name and the parts of its value.
    Set(Vec<String>),
    Unset(String),
    /// Words of `\c`; `-` keeps what is.
    Connect(Vec<String>),
    ConnectionInfo,
    Include {
        path: String,
        /// From the folder of the file that asks for it.
        relative: bool,
    },
    Output(Option<String>),
    Echo {
        text: String,
        to: Stream,
    },
    Watch {
        interval: Duration,
        count: Option<u64>,
    },
    Go {
        expanded: bool,
        target: Option<String>,
    },
    /// `\gset`: one row into variables, their names behind a prefix.
    GoSet(String),
    /// `\gexec`: each cell of the result is a statement.
    GoExec,
    Copy(String),
    Edit(Option<String>),
    Shell(String),
    /// `\prompt`: a line of the input becomes a variable.
    Prompt {
        text: String,
        name: String,
    },
    Folder(Option<String>),
    Write(String),
    History(Option<String>),
    /// From here on only statements, until the same key comes back: what pg_dump asks for.
    Restrict(String),
    Unrestrict(String),
    Print,
    Reset,
    Help,
    SqlHelp(String),
    Quit,
}

/// Which relations a list shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kinds {
    All,
    Tables,
    Views,
    Indexes,
}

/// Where `\echo` and its kin print.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    Standard,
    /// Where results go.
    Results,
    Errors,
}

/// Name, arguments, what it does: the table behind `\?` and did-you-mean.
pub(crate) const COMMANDS: &[(&str, &str, &str)] = &[
    ("d", "[NAME]", "list sets (tables) and views, or describe NAME; * and ? are wildcards"),
    ("dt", "[NAME]", "list sets (tables)"),
    ("dv", "[NAME]", "list views"),
    ("di", "[NAME]", "list indexes"),
    ("dn", "[NAME]", "list namespaces (schemas)"),
    ("df", "[NAME]", "list functions"),
    ("du", "[NAME]", "list users and roles"),
    ("l", "", "list databases"),
    ("x", "[on|off|auto]", "expanded output: one record a block"),
    ("t", "[on|off]", "rows only: no header, no footer"),
    ("a", "", "switch between aligned and unaligned cells"),
    ("f", "[STRING]", "separator of unaligned cells"),
    ("C", "[TEXT]", "title above tables"),
    ("pset", "[OPTION [VALUE]]", "how results look: format, border, null, pager and more"),
    ("timing", "[on|off]", "time of each statement"),
    ("set", "[NAME [VALUE]]", "variables; :NAME, :'NAME' and :\"NAME\" put them in"),
    ("prompt", "[TEXT] NAME", "print TEXT and read a line into a variable"),
    ("unset", "NAME", "forget a variable"),
    ("c", "[DB [USER [HOST [PORT]]]]", "connect anew; a URL does as well, - keeps what is"),
    ("conninfo", "", "where this session is connected"),
    ("i", "FILE", "run the statements of FILE"),
    ("ir", "FILE", "the same; FILE is beside the file that asks for it"),
    ("o", "[FILE|'|'PROGRAM]", "send results there, or back to the terminal"),
    ("copy", "SET FROM|TO FILE ...", "move rows: 'file', program 'x', stdin, stdout; (format csv)"),
    ("echo", "[-n] [TEXT]", "print TEXT; \\qecho prints to where results go, \\warn to errors"),
    ("qecho", "[-n] [TEXT]", "print TEXT to where results go"),
    ("warn", "[-n] [TEXT]", "print TEXT to standard error"),
    ("watch", "[SECONDS] [i=S] [c=N]", "repeat the statement every S seconds (2), N times"),
    ("g", "[FILE|'|'PROGRAM]", "run the statement, as ; does; its result goes there"),
    ("gx", "[FILE|'|'PROGRAM]", "the same with expanded output"),
    ("gset", "[PREFIX]", "run the statement; its one row becomes variables"),
    ("gexec", "", "run the statement, then each cell of its result as a statement"),
    ("e", "[FILE]", "edit the statement, or FILE, and run it; AQL_EDITOR, EDITOR, VISUAL"),
    ("if", "true|false", "run what follows, up to \\elif, \\else or \\endif, or pass it over"),
    ("elif", "true|false", "else, if this is true"),
    ("else", "", "what runs when nothing before did"),
    ("endif", "", "the end of \\if"),
    ("p", "", "print the statement being typed"),
    ("r", "", "forget the statement being typed"),
    ("w", "FILE", "write the statement to FILE"),
    ("s", "[FILE]", "print the history, or write it to FILE"),
    ("!", "[PROGRAM]", "run a program of the operating system"),
    ("cd", "[FOLDER]", "change the folder that files are looked for in"),
    ("?", "", "this help"),
    ("h", "[STATEMENT]", "help on statements"),
    ("q", "", "quit"),
];

/// Other spellings: long names, and what users of sqlite3 and duckdb type.
const ALIASES: &[(&str, &str)] = &[
    ("connect", "c"),
    ("edit", "e"),
    ("help", "h"),
    ("include", "i"),
    ("include_relative", "ir"),
    ("list", "l"),
    ("out", "o"),
    ("print", "p"),
    ("quit", "q"),
    ("reset", "r"),
    ("write", "w"),
    ("dg", "du"),
    (".databases", "dn"),
    (".exit", "q"),
    (".help", "?"),
    (".mode", "pset format"),
    (".nullvalue", "pset null"),
    (".output", "o"),
    (".quit", "q"),
    (".read", "i"),
    (".schema", "d"),
    (".separator", "f"),
    (".shell", "!"),
    (".tables", "dt"),
    (".timer", "timing"),
];

/// Reads the text after the backslash; the error says what to try.
pub(crate) fn parse(text: &str, vars: &Vars) -> Result<Command, String> {
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    let (name, rest) = (text[..end].trim_end_matches(';'), text[end..].trim());
    if let Some(program) = text.strip_prefix('!') {
        return Ok(Command::Shell(program.trim().into()));
    }
    match ALIASES.iter().find(|(alias, _)| *alias == name) {
        Some((_, known)) => parse(&format!("{known} {rest}"), vars),
        None => known(name.strip_suffix('+').unwrap_or(name), rest, vars),
    }
}

fn known(name: &str, rest: &str, vars: &Vars) -> Result<Command, String> {
    let bare = rest.trim_end_matches(';').trim_end();
    let words = |text: &str| vars.words(text);
    let first = || Ok::<_, String>(words(bare)?.into_iter().next());
    let needed = |what: &str| match words(rest)?.into_iter().next() {
        Some(word) => Ok(word),
        None => Err(format!("\\{name} needs the name of a {what}\n")),
    };
    let pattern = || Pattern::parse(&vars.expand(bare));
    let option = |option: &str| {
        let words = words(rest)?;
        let value = (!words.is_empty()).then(|| words.join(" "));
        Ok::<_, String>(Command::Look(Some(option.into()), value))
    };
    Ok(match name {
        "d" => match pattern() {
            Some(pattern) => Command::Describe(pattern),
            None => Command::Relations { kinds: Kinds::All, pattern: None },
        },
        "dt" => Command::Relations { kinds: Kinds::Tables, pattern: pattern() },
        "dv" => Command::Relations { kinds: Kinds::Views, pattern: pattern() },
        "di" => Command::Relations { kinds: Kinds::Indexes, pattern: pattern() },
        "dn" => Command::Namespaces(pattern()),
        "df" => Command::Functions(pattern()),
        "du" => Command::Roles(pattern()),
        "l" => Command::Databases,
        "x" => Command::Expanded(expanded(bare)?),
        "t" => option("tuples_only")?,
        "a" => Command::Align,
        "f" => option("fieldsep")?,
        "C" => option("title")?,
        "pset" => {
            let mut words = words(rest)?.into_iter();
            Command::Look(words.next(), words.next())
        }
        "timing" => Command::Timing(on_off(name, bare)?),
        "set" => Command::Set(words(rest)?),
        "prompt" => match words(rest)?.as_slice() {
            [name] => Command::Prompt { text: String::new(), name: name.clone() },
            [text, name] => Command::Prompt { text: text.clone(), name: name.clone() },
            _ => {
                return Err(
                    "\\prompt needs the name of a variable, behind an optional text\n".into()
                );
            }
        },
        "unset" => Command::Unset(needed("variable")?),
        "c" => Command::Connect(words(bare)?),
        "conninfo" => Command::ConnectionInfo,
        "i" => Command::Include { path: needed("file")?, relative: false },
        "ir" => Command::Include { path: needed("file")?, relative: true },
        "o" => Command::Output(output(rest, vars)?),
        "copy" => Command::Copy(bare.into()),
        "echo" => Command::Echo { text: echoed(&words(rest)?), to: Stream::Standard },
        "qecho" => Command::Echo { text: echoed(&words(rest)?), to: Stream::Results },
        "warn" => Command::Echo { text: echoed(&words(rest)?), to: Stream::Errors },
        "watch" => watch(words(bare)?)?,
        "g" => Command::Go { expanded: false, target: output(rest, vars)? },
        "gx" => Command::Go { expanded: true, target: output(rest, vars)? },
        "gset" => Command::GoSet(first()?.unwrap_or_default()),
        "gexec" => Command::GoExec,
        "e" => Command::Edit(first()?),
        "cd" => Command::Folder(first()?),
        "p" => Command::Print,
        "r" => Command::Reset,
        "restrict" => Command::Restrict(bare.into()),
        "unrestrict" => Command::Unrestrict(bare.into()),
        "w" => Command::Write(needed("file")?),
        "s" => Command::History(first()?),
        "?" => Command::Help,
        "h" => Command::SqlHelp(bare.into()),
        "q" => Command::Quit,
        unknown => return Err(unknown_command(unknown)),
    })
}

fn unknown_command(name: &str) -> String {
    let names = COMMANDS.iter().map(|(name, ..)| *name);
    let all = if name.starts_with('.') { "\\? lists all commands" } else { "\\? lists them all" };
    let slash = if name.starts_with('.') { "" } else { "\\" };
    match nearest(name, names.chain(ALIASES.iter().map(|(alias, _)| *alias))) {
        Some(near) => {
            let near_slash = if near.starts_with('.') { "" } else { "\\" };
            format!("unknown command {slash}{name}; did you mean {near_slash}{near}? {all}\n")
        }
        None => format!("unknown command {slash}{name}; {all}\n"),
    }
}

fn expanded(word: &str) -> Result<Option<Expanded>, String> {
    match word.to_ascii_lowercase().as_str() {
        "auto" => Ok(Some(Expanded::Auto)),
        _ => match on_off("x", word) {
            Ok(on) => Ok(on.map(|on| if on { Expanded::On } else { Expanded::Off })),
            Err(_) => Err(format!("\\x takes on, off or auto, not {word}\n")),
        },
    }
}

fn on_off(name: &str, word: &str) -> Result<Option<bool>, String> {
    if word.is_empty() {
        return Ok(None);
    }
    let wrong = || format!("\\{name} takes on or off, not {word}\n");
    switch(word).map(Some).ok_or_else(wrong)
}

/// A switch in any of the words that psql and aql have for it.
pub(crate) fn switch(word: &str) -> Option<bool> {
    match word.to_ascii_lowercase().as_str() {
        "on" | "true" | "t" | "yes" | "1" => Some(true),
        "off" | "false" | "f" | "no" | "0" => Some(false),
        _ => None,
    }
}

/// The text of `\echo`, with its line end unless `-n` comes first.
fn echoed(words: &[String]) -> String {
    match words.split_first() {
        Some((first, rest)) if first == "-n" => rest.join(" "),
        _ => format!("{}\n", words.join(" ")),
    }
}

/// A file, or a program behind `|`, which takes the rest of the line as it is.
fn output(rest: &str, vars: &Vars) -> Result<Option<String>, String> {
    match rest {
        "" => Ok(None),
        program if program.starts_with('|') => Ok(Some(program.into())),
        file => Ok(vars.words(file.trim_end_matches(';'))?.into_iter().next()),
    }
}

fn watch(words: Vec<String>) -> Result<Command, String> {
    let (mut interval, mut count) = (2.0, None);
    for word in words {
        let wrong = || format!("\\watch takes seconds, i=SECONDS and c=COUNT, not {word}\n");
        if let Some(times) = word.strip_prefix("c=") {
            count = Some(times.parse().map_err(|_| wrong())?);
        } else {
            interval = word.strip_prefix("i=").unwrap_or(&word).parse().map_err(|_| wrong())?;
        }
    }
    let interval = Duration::try_from_secs_f64(interval)
        .map_err(|_| format!("\\watch cannot wait {interval} seconds\n"))?;
    Ok(Command::Watch { interval, count })
}

/// The candidate that is at most a third of its length away in edits.
pub(crate) fn nearest<'a>(
    word: &str,
    candidates: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    let word = word.to_lowercase();
    candidates
        .map(|candidate| (distance(&word, &candidate.to_lowercase()), candidate))
        .map(|(edits, candidate)| (edits, candidate, candidate.chars().count()))
        .filter(|(edits, _, length)| *edits <= length.div_ceil(3) && edits < length)
        .min_by_key(|(edits, ..)| *edits)
        .map(|(_, candidate, _)| candidate)
}

/// Insertions, deletions and replacements between two words.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Command, String> {
        super::parse(text, &Vars::default())
    }

    #[test]
    fn every_listed_command_is_known() {
        let branches = ["if", "elif", "else", "endif"];
        for (name, arguments, _) in COMMANDS.iter().filter(|(n, ..)| !branches.contains(n)) {
            let needed = ["FILE", "NAME", "[TEXT] NAME"].iter().any(|a| arguments.starts_with(a));
            let argument = if needed { "x" } else { "" };
            assert!(parse(&format!("{name} {argument}")).is_ok(), "\\{name}");
        }
        for (alias, _) in ALIASES {
            assert!(parse(&format!("{alias} off")).is_ok(), "{alias}");
        }
    }

    #[test]
    fn arguments() {
        let include = |path: &str| Command::Include { path: path.into(), relative: false };
        let echo = |text: &str| Command::Echo { text: text.into(), to: Stream::Standard };
        assert_eq!(parse("x auto"), Ok(Command::Expanded(Some(Expanded::Auto))));
        assert_eq!(parse("timing off;"), Ok(Command::Timing(Some(false))));
        assert_eq!(parse("i 'a b.sql'"), Ok(include("a b.sql")));
        assert_eq!(parse("echo  a 'b  c'"), Ok(echo("a b  c\n")));
        assert_eq!(parse("echo -n a"), Ok(echo("a")));
        assert_eq!(parse("o |wc -l"), Ok(Command::Output(Some("|wc -l".into()))));
        let go = |expanded, target: Option<&str>| {
            Ok(Command::Go { expanded, target: target.map(str::to_string) })
        };
        assert_eq!(parse("g"), go(false, None));
        assert_eq!(parse("gx 'a b'"), go(true, Some("a b")));
        assert_eq!(parse("g | sort ';'"), go(false, Some("| sort ';'")));
        assert_eq!(
            parse("c - \"some one\""),
            Ok(Command::Connect(vec!["-".into(), "some one".into()]))
        );
        let interval = Duration::from_millis(500);
        assert_eq!(parse("watch 0.5 c=3"), Ok(Command::Watch { interval, count: Some(3) }));
        assert_eq!(parse("q;"), Ok(Command::Quit));
        assert_eq!(parse("!ls -l"), Ok(Command::Shell("ls -l".into())));
        assert_eq!(
            parse("set a 'b c' d"),
            Ok(Command::Set(vec!["a".into(), "b c".into(), "d".into()]))
        );
        let null = |value: &str| Ok(Command::Look(Some("null".into()), Some(value.into())));
        assert_eq!(parse("pset null ''"), null(""));
        assert_eq!(parse(".nullvalue -"), null("-"));
        assert!(matches!(parse("d+ users"), Ok(Command::Describe(_))));
        assert!(matches!(parse(".tables"), Ok(Command::Relations { kinds: Kinds::Tables, .. })));
    }

    #[test]
    fn variables_are_put_in() {
        let mut vars = Vars::default();
        vars.set("f", "a b.sql").unwrap();
        let include = Command::Include { path: "a b.sql".into(), relative: true };
        assert_eq!(super::parse("ir :f", &vars), Ok(include));
        let program = Command::Output(Some("|cat :f".into()));
        assert_eq!(super::parse("o |cat :f", &vars), Ok(program));
    }

    #[test]
    fn wrong_arguments_say_what_is_right() {
        for (text, advice) in [
            ("x maybe", "on, off or auto"),
            ("timing 5", "on or off"),
            ("i", "name of a file"),
            ("unset", "name of a variable"),
            ("watch soon", "i=SECONDS"),
            ("watch -1", "cannot wait"),
            ("watch 1e300", "cannot wait"),
        ] {
            assert!(parse(text).is_err_and(|error| error.contains(advice)), "{text}");
        }
    }

    #[test]
    fn unknown_commands_name_the_nearest() {
        let error = |text: &str| parse(text).unwrap_err();
        assert!(error("timming").contains("did you mean \\timing?"));
        assert!(error("conifno").contains("did you mean \\conninfo?"));
        assert!(error("exho hello").contains("did you mean \\echo?"));
        assert!(error(".tabels").contains("unknown command .tabels; did you mean .tables?"));
        assert!(!error("zzzzzzz").contains("did you mean"));
        assert!(!error("=").contains("did you mean"), "one letter is like no other");
    }

    #[test]
    fn distances() {
        for (a, b, edits) in [("", "abc", 3), ("abc", "abc", 0), ("kitten", "sitting", 3)] {
            assert_eq!(distance(a, b), edits);
        }
    }
}
