//! `\copy`: COPY with a file or a program of this machine at the other end.
//!
//! 1. The words are read: what, FROM or TO, which end, and options, which go to the server as they
//!    are.
//! 2. It becomes `COPY what FROM STDIN options` or `... TO STDOUT options`.
//! 3. FROM: a `Feed` gives the rows in chunks. TO: results go to the file while it runs.
//!
//! A program that fails ends the rows with a failure, so the server takes none of them.

use std::fs::File;
use std::io::{self, BufRead, Read};
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::input::Input;
use crate::lexer::{Kind, Token, spans};
use crate::shell::{Shell, Step};

/// Large enough that a message's head does not count, small enough for a lively progress bar.
const CHUNK: usize = 64 * 1024;

/// Where the rows of a COPY FROM STDIN come from.
pub(crate) trait Feed {
    /// Adds some rows to `rows`; false when there are no more.
    fn chunk(&mut self, rows: &mut Vec<u8>) -> io::Result<bool>;

    /// Bytes in all, where that is known.
    fn total(&self) -> Option<u64> {
        None
    }

    /// Whether a person types them.
    fn is_typed(&self) -> bool {
        false
    }
}

/// A file.
struct FileFeed {
    file: File,
    total: Option<u64>,
}

impl Feed for FileFeed {
    fn chunk(&mut self, rows: &mut Vec<u8>) -> io::Result<bool> {
        Ok((&mut self.file).take(CHUNK as u64).read_to_end(rows)? > 0)
    }

    fn total(&self) -> Option<u64> {
        self.total
    }
}

/// The output of a program.
struct ProgramFeed {
    child: Child,
    output: ChildStdout,
}

impl ProgramFeed {
    fn start(program: &str) -> io::Result<Self> {
        let mut child = Command::new("sh")
            .arg("-c")
            .arg(program)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let output = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        Ok(Self { child, output })
    }
}

impl Feed for ProgramFeed {
    fn chunk(&mut self, rows: &mut Vec<u8>) -> io::Result<bool> {
        rows.resize(CHUNK, 0);
        let length = self.output.read(rows)?;
        rows.truncate(length);
        if length > 0 {
            return Ok(true);
        }
        let status = self.child.wait()?;
        if status.success() {
            Ok(false)
        } else {
            Err(io::Error::other(format!("program: {status}")))
        }
    }
}

impl Drop for ProgramFeed {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Standard input, whatever the script comes from.
struct Standard;

impl Feed for Standard {
    fn chunk(&mut self, rows: &mut Vec<u8>) -> io::Result<bool> {
        let mut input = io::stdin().lock();
        let length = {
            let waiting = input.fill_buf()?;
            rows.extend_from_slice(waiting);
            waiting.len()
        };
        input.consume(length);
        Ok(length > 0)
    }
}

/// The end that is not the server's.
#[derive(Clone, Debug, PartialEq, Eq)]
enum End {
    File(String),
    Program(String),
    /// Rows between the statements, or where results go.
    Inline,
    /// The process's own standard input or output.
    Process,
}

#[derive(Debug, PartialEq, Eq)]
struct Request {
    from: bool,
    end: End,
    /// What the server is asked.
    sql: String,
}

const USAGE: &str = "\\copy takes SET [(BIN, ...)] or (QUERY), then FROM or TO, then 'FILE', \
                     PROGRAM 'COMMAND', STDIN or STDOUT, then options such as (FORMAT csv)\n";

/// Reads what stands behind `\copy`.
fn parse(text: &str) -> Result<Request, String> {
    let text = text.trim();
    let parts = meaningful(text);
    let mut depth = 0_usize;
    let direction = parts.iter().position(|(_, token)| {
        match token.kind {
            Kind::Symbol('(') => depth += 1,
            Kind::Symbol(')') => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && (token.is("FROM") || token.is("TO"))
    });
    let direction = direction.filter(|at| *at > 0).ok_or(USAGE)?;
    let (at, verb) = parts[direction];
    let (what, from) = (text[..at].trim_end(), verb.is("FROM"));
    let target = *parts.get(direction + 1).ok_or(USAGE)?;
    let (place, target) = target;
    let behind = place + target.text.len();
    let (end, options) = match target {
        token if token.is("PROGRAM") => match parts.get(direction + 2) {
            Some((place, command)) if command.text.starts_with('\'') => {
                (End::Program(command.value()), place + command.text.len())
            }
            _ => return Err("\\copy wants PROGRAM 'COMMAND', in single quotes\n".into()),
        },
        token if token.is("STDIN") || token.is("STDOUT") => {
            if from != token.is("STDIN") {
                return Err("\\copy goes FROM STDIN or TO STDOUT\n".into());
            }
            (End::Inline, behind)
        }
        token if token.is("PSTDIN") || token.is("PSTDOUT") => (End::Process, behind),
        token if token.kind == Kind::Quoted => (End::File(token.value()), behind),
        _ => {
            // Without quotes a path goes to the next space.
            let length = text[place..].find(char::is_whitespace).unwrap_or(text.len() - place);
            (End::File(text[place..place + length].into()), place + length)
        }
    };
    let options = text[options..].trim();
    let stream = if from { "FROM STDIN" } else { "TO STDOUT" };
    let sql = format!("COPY {what} {stream} {options}").trim_end().to_string();
    Ok(Request { from, end, sql })
}

/// Tokens that carry meaning, each with its place.
fn meaningful(text: &str) -> Vec<(usize, Token<'_>)> {
    let place = |text: &str, part: &str| part.as_ptr() as usize - text.as_ptr() as usize;
    spans(text)
        .filter(|(kind, _)| !matches!(kind, Kind::Space | Kind::Comment))
        .map(|(kind, part)| (place(text, part), Token { kind, text: part }))
        .collect()
}

impl Shell {
    pub(crate) fn copy(&mut self, text: &str, input: &mut Input<'_>) -> Step {
        let Request { from, end, sql } = match parse(text) {
            Ok(request) => request,
            Err(why) => return self.complain(&why),
        };
        if from { self.copy_from(&end, &sql, input) } else { self.copy_to(&end, &sql, input) }
    }

    fn copy_from(&mut self, end: &End, sql: &str, input: &mut Input<'_>) -> Step {
        let opened = match end {
            End::Inline => return self.run_sql(sql, input),
            End::Process => return self.run_sql(sql, &mut Standard),
            End::Program(program) => match ProgramFeed::start(program) {
                Ok(mut feed) => return self.run_sql(sql, &mut feed),
                Err(error) => return self.complain(&format!("{program}: {error}\n")),
            },
            End::File(path) => File::open(path).and_then(|file| Ok((file.metadata()?, file))),
        };
        match (opened, end) {
            (Ok((metadata, _)), End::File(path)) if metadata.is_dir() => {
                self.complain(&format!("{path}: is a folder\n"))
            }
            (Ok((metadata, file)), _) => {
                let total = metadata.is_file().then_some(metadata.len());
                self.run_sql(sql, &mut FileFeed { file, total })
            }
            (Err(error), End::File(path)) => self.complain(&format!("{path}: {error}\n")),
            (Err(error), _) => self.complain(&format!("{error}\n")),
        }
    }

    fn copy_to(&mut self, end: &End, sql: &str, input: &mut Input<'_>) -> Step {
        let target = match end {
            End::Inline => return self.run_sql(sql, input),
            End::Process => None,
            End::File(path) => Some(path.clone()),
            End::Program(program) => Some(format!("|{program}")),
        };
        self.with_output(target.as_deref(), |shell| shell.run_sql(sql, input))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests() {
        let file = |path: &str| End::File(path.into());
        for (text, from, end, sql) in [
            ("t from 'a b.csv' csv", true, file("a b.csv"), "COPY t FROM STDIN csv"),
            (
                "test.\"T 1\" (a, b) from /tmp/x-1.csv with (format csv, header)",
                true,
                file("/tmp/x-1.csv"),
                "COPY test.\"T 1\" (a, b) FROM STDIN with (format csv, header)",
            ),
            (
                "(select 'from' from t) to program 'gzip > ''x''' (delimiter ';')",
                false,
                End::Program("gzip > 'x'".into()),
                "COPY (select 'from' from t) TO STDOUT (delimiter ';')",
            ),
            ("t to stdout", false, End::Inline, "COPY t TO STDOUT"),
            ("t from stdin null ''", true, End::Inline, "COPY t FROM STDIN null ''"),
            ("t from pstdin", true, End::Process, "COPY t FROM STDIN"),
            ("t to ../out.txt", false, file("../out.txt"), "COPY t TO STDOUT"),
        ] {
            let expected = Request { from, end, sql: sql.into() };
            assert_eq!(parse(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_copy_is_refused() {
        for (text, advice) in [
            ("", "takes SET"),
            ("t", "FROM or TO"),
            ("from 'x'", "takes SET"),
            ("t from", "takes SET"),
            ("t from program ls", "single quotes"),
            ("t to stdin", "TO STDOUT"),
        ] {
            assert!(parse(text).is_err_and(|why| why.contains(advice)), "{text}");
        }
    }

    #[test]
    fn programs_that_fail_are_noticed() {
        let mut rows = Vec::new();
        let mut feed = ProgramFeed::start("echo 1; exit 3").unwrap();
        assert!(feed.chunk(&mut rows).unwrap());
        assert_eq!(rows, b"1\n");
        assert!(feed.chunk(&mut rows).is_err());
    }
}
