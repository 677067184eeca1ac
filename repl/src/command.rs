//! Backslash commands: their names, their arguments, their help.

use std::time::Duration;

use crate::describe::Pattern;
use crate::format::Expanded;

/// A command to carry out.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Command {
    /// `\d` and `\dt`: relations as a list, or each one with its columns.
    Relations {
        tables_only: bool,
        pattern: Option<Pattern>,
    },
    Describe(Pattern),
    Namespaces(Option<Pattern>),
    Databases,
    Expanded(Option<Expanded>),
    Timing(Option<bool>),
    Tuples,
    Align,
    /// Words of `\c`; `-` keeps what is.
    Connect(Vec<String>),
    ConnectionInfo,
    Include(String),
    Output(Option<String>),
    Echo(String),
    Watch {
        interval: Duration,
        count: Option<u64>,
    },
    Go {
        expanded: bool,
    },
    Print,
    Reset,
    Help,
    SqlHelp(String),
    Quit,
}

/// Name, arguments, what it does: the table behind `\?` and did-you-mean.
pub(crate) const COMMANDS: &[(&str, &str, &str)] = &[
    ("d", "[NAME]", "list sets (tables) and views, or describe NAME; * and ? are wildcards"),
    ("dt", "[NAME]", "list sets (tables)"),
    ("dn", "[NAME]", "list namespaces (schemas)"),
    ("l", "", "list databases"),
    ("x", "[on|off|auto]", "expanded output: one record a block"),
    ("t", "", "rows only: no header, no footer"),
    ("a", "", "switch between aligned and unaligned cells"),
    ("timing", "[on|off]", "time of each statement"),
    ("c", "[DB [USER [HOST [PORT]]]]", "connect anew; a URL does as well, - keeps what is"),
    ("conninfo", "", "where this session is connected"),
    ("i", "FILE", "run the statements of FILE"),
    ("o", "[FILE|'|'PROGRAM]", "send results there, or back to the terminal"),
    ("echo", "[TEXT]", "print TEXT"),
    ("watch", "[SECONDS] [i=S] [c=N]", "repeat the statement every S seconds (2), N times"),
    ("g", "", "run the statement, as ; does"),
    ("gx", "", "run the statement with expanded output"),
    ("p", "", "print the statement being typed"),
    ("r", "", "forget the statement being typed"),
    ("?", "", "this help"),
    ("h", "[STATEMENT]", "help on statements"),
    ("q", "", "quit"),
];

/// Reads the text after the backslash; the error says what to try.
pub(crate) fn parse(text: &str) -> Result<Command, String> {
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    let (name, rest) = (text[..end].trim_end_matches(';'), text[end..].trim());
    let bare = rest.trim_end_matches(';').trim_end();
    let pattern = || Pattern::parse(bare);
    Ok(match name {
        "d" | "d+" => match pattern() {
            Some(pattern) => Command::Describe(pattern),
            None => Command::Relations { tables_only: false, pattern: None },
        },
        "dt" | "dt+" => Command::Relations { tables_only: true, pattern: pattern() },
        "dn" | "dn+" => Command::Namespaces(pattern()),
        "l" | "l+" | "list" => Command::Databases,
        "x" => Command::Expanded(expanded(bare)?),
        "t" => Command::Tuples,
        "a" => Command::Align,
        "timing" => Command::Timing(on_off(name, bare)?),
        "c" | "connect" => Command::Connect(words(bare)),
        "conninfo" => Command::ConnectionInfo,
        "i" | "include" => Command::Include(one_word(name, rest)?),
        "o" | "out" => Command::Output(output(rest)),
        "echo" => Command::Echo(words(rest).join(" ")),
        "watch" => watch(bare)?,
        "g" => Command::Go { expanded: false },
        "gx" => Command::Go { expanded: true },
        "p" | "print" => Command::Print,
        "r" | "reset" => Command::Reset,
        "?" => Command::Help,
        "h" | "help" => Command::SqlHelp(bare.into()),
        "q" | "quit" => Command::Quit,
        unknown => return Err(unknown_command(unknown)),
    })
}

fn unknown_command(name: &str) -> String {
    let names = COMMANDS.iter().map(|(name, ..)| *name).chain(["connect", "quit", "help", "list"]);
    match nearest(name, names) {
        Some(near) => {
            format!("unknown command \\{name}; did you mean \\{near}? \\? lists them all\n")
        }
        None => format!("unknown command \\{name}; \\? lists them all\n"),
    }
}

fn expanded(word: &str) -> Result<Option<Expanded>, String> {
    match word.to_ascii_lowercase().as_str() {
        "" => Ok(None),
        "on" | "true" | "1" => Ok(Some(Expanded::On)),
        "off" | "false" | "0" => Ok(Some(Expanded::Off)),
        "auto" => Ok(Some(Expanded::Auto)),
        _ => Err(format!("\\x takes on, off or auto, not {word}\n")),
    }
}

fn on_off(name: &str, word: &str) -> Result<Option<bool>, String> {
    match word.to_ascii_lowercase().as_str() {
        "" => Ok(None),
        "on" | "true" | "1" => Ok(Some(true)),
        "off" | "false" | "0" => Ok(Some(false)),
        _ => Err(format!("\\{name} takes on or off, not {word}\n")),
    }
}

fn one_word(name: &str, rest: &str) -> Result<String, String> {
    match words(rest).into_iter().next() {
        Some(word) => Ok(word),
        None => Err(format!("\\{name} needs the name of a file\n")),
    }
}

fn output(rest: &str) -> Option<String> {
    match rest {
        "" => None,
        program if program.starts_with('|') => Some(program.into()),
        file => words(file).into_iter().next(),
    }
}

fn watch(rest: &str) -> Result<Command, String> {
    let (mut interval, mut count) = (2.0, None);
    for word in words(rest) {
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

/// Arguments between spaces; quotes of either kind keep spaces together.
fn words(text: &str) -> Vec<String> {
    let (mut found, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in text.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, c) if c.is_whitespace() => found.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    found.extend(word);
    found
}

/// The candidate that is at most a third of its length away in edits.
pub(crate) fn nearest<'a>(
    word: &str,
    candidates: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    let word = word.to_lowercase();
    candidates
        .map(|candidate| (distance(&word, &candidate.to_lowercase()), candidate))
        .filter(|(edits, candidate)| *edits <= candidate.chars().count().div_ceil(3))
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
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

    #[test]
    fn every_listed_command_is_known() {
        for (name, arguments, _) in COMMANDS {
            let argument = if arguments.starts_with("FILE") { "x" } else { "" };
            assert!(parse(&format!("{name} {argument}")).is_ok(), "\\{name}");
        }
    }

    #[test]
    fn arguments() {
        assert_eq!(parse("x auto"), Ok(Command::Expanded(Some(Expanded::Auto))));
        assert_eq!(parse("timing off;"), Ok(Command::Timing(Some(false))));
        assert_eq!(parse("i 'a b.sql'"), Ok(Command::Include("a b.sql".into())));
        assert_eq!(parse("echo  a 'b  c'"), Ok(Command::Echo("a b  c".into())));
        assert_eq!(parse("o |wc -l"), Ok(Command::Output(Some("|wc -l".into()))));
        assert_eq!(
            parse("c - \"some one\""),
            Ok(Command::Connect(vec!["-".into(), "some one".into()]))
        );
        let interval = Duration::from_millis(500);
        assert_eq!(parse("watch 0.5 c=3"), Ok(Command::Watch { interval, count: Some(3) }));
        assert_eq!(parse("q;"), Ok(Command::Quit));
    }

    #[test]
    fn wrong_arguments_say_what_is_right() {
        for (text, advice) in [
            ("x maybe", "on, off or auto"),
            ("timing 5", "on or off"),
            ("i", "name of a file"),
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
        assert!(!error("zzzzzzz").contains("did you mean"));
    }

    #[test]
    fn distances() {
        for (a, b, edits) in [("", "abc", 3), ("abc", "abc", 0), ("kitten", "sitting", 3)] {
            assert_eq!(distance(a, b), edits);
        }
    }
}
