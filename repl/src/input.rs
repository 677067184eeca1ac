//! Where the shell's input comes from: the keyboard, files, standard input, `-c`.
//!
//! Lines go through a `Splitter`, its pieces are run in order. From the keyboard a failure skips
//! the rest of its line; everywhere else it ends the input, and whoever asked for it decides what
//! then.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};

use crate::args::Task;
use crate::command::parse;
use crate::copy::Feed;
use crate::edit::{Keyboard, Typed};
use crate::lexer::{Ends, Open, Piece, Splitter};
use crate::shell::{RESTRICTED, Shell, Step, Stop};
use crate::terminal::say_error;

/// Files that include each other end here.
const INCLUDE_DEPTH: usize = 16;

/// Lines one at a time, each with its end; nothing at the end of all.
pub(crate) trait Lines {
    fn line(&mut self, line: &mut Vec<u8>) -> io::Result<usize>;

    /// The line that a person answers: typed behind `prompt`, else the next one of standard input,
    /// wherever these lines come from.
    fn answer(&mut self, prompt: &str, line: &mut Vec<u8>) -> io::Result<usize> {
        let mut out = io::stdout();
        out.write_all(prompt.as_bytes()).and_then(|()| out.flush())?;
        Standard.line(line)
    }

    /// Whether a person types them.
    fn is_typed(&self) -> bool {
        false
    }

    /// Whether they are standard input's.
    fn is_standard(&self) -> bool {
        false
    }
}

impl<R: BufRead> Lines for R {
    fn line(&mut self, line: &mut Vec<u8>) -> io::Result<usize> {
        self.read_until(b'\n', line)
    }
}

/// Standard input, locked for one line at a time: a statement of it may read it too.
struct Standard;

impl Lines for Standard {
    fn line(&mut self, line: &mut Vec<u8>) -> io::Result<usize> {
        io::stdin().lock().read_until(b'\n', line)
    }

    fn is_standard(&self) -> bool {
        true
    }
}

impl Lines for Keyboard {
    fn line(&mut self, line: &mut Vec<u8>) -> io::Result<usize> {
        self.answer("", line)
    }

    fn answer(&mut self, prompt: &str, line: &mut Vec<u8>) -> io::Result<usize> {
        match self.read(prompt, "", None, &[])? {
            Typed::Line(text) => {
                line.extend_from_slice(text.as_bytes());
                line.push(b'\n');
                Ok(text.len() + 1)
            }
            Typed::Dropped => Err(io::Error::other("cancelled")),
            Typed::End => Ok(0),
        }
    }

    fn is_typed(&self) -> bool {
        true
    }
}

/// As many bytes of rows go into one message.
const CHUNK: usize = 32 * 1024;

/// What a statement or command is run from: it may take lines that follow it, and change what is
/// being typed.
pub(crate) struct Input<'a> {
    pub(crate) splitter: &'a mut Splitter,
    lines: &'a mut dyn Lines,
    ended: bool,
}

impl<'a> Input<'a> {
    pub(crate) fn new(splitter: &'a mut Splitter, lines: &'a mut dyn Lines) -> Self {
        Self { splitter, lines, ended: false }
    }

    /// One line that a person answers, without its end; nothing at the end of the input.
    fn answer(&mut self, prompt: &str) -> io::Result<Option<String>> {
        let mut line = Vec::new();
        if self.lines.answer(prompt, &mut line)? == 0 {
            return Ok(None);
        }
        if self.lines.is_standard() {
            self.splitter.skip_line();
        }
        let wrong = |_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8");
        let text = String::from_utf8(line).map_err(wrong)?;
        Ok(Some(text.trim_end_matches(['\r', '\n']).into()))
    }
}

/// The rows of a COPY FROM STDIN are the lines that follow it, up to one with `\.` alone.
impl Feed for Input<'_> {
    fn chunk(&mut self, rows: &mut Vec<u8>) -> io::Result<bool> {
        while !self.ended && rows.len() < CHUNK {
            let begin = rows.len();
            self.ended = self.lines.line(rows)? == 0;
            self.splitter.skip_line();
            if rows[begin..].trim_ascii_end() == b"\\." {
                rows.truncate(begin);
                self.ended = true;
            }
        }
        Ok(!rows.is_empty())
    }

    fn is_typed(&self) -> bool {
        self.lines.is_typed()
    }
}

impl Shell {
    /// Reads the keyboard until it ends; failures are told and do not end it.
    pub(crate) fn run_keyboard(&mut self, mut keyboard: Keyboard) -> Step {
        let mut splitter = Splitter::new(Ends::Semicolon);
        let mut entry = String::new();
        loop {
            let size = keyboard.size();
            self.look.width = size.map(|(columns, _)| columns);
            self.height = size.map(|(_, lines)| lines);
            let prompt = self.prompt(splitter.open());
            let variables: Vec<String> = self.vars.names().cloned().collect();
            let session = self.session.clone();
            match keyboard.read(&prompt, splitter.pending(), session, &variables) {
                Ok(Typed::Line(line)) => {
                    entry.push_str(if entry.is_empty() { "" } else { "\n" });
                    entry.push_str(&line);
                    let pieces = splitter.push(&line);
                    if splitter.open() == Open::Nothing {
                        keyboard.remember(&std::mem::take(&mut entry));
                    }
                    self.run_typed(pieces, &mut Input::new(&mut splitter, &mut keyboard))?;
                    self.edited.drain(..).for_each(|text| keyboard.remember(&text));
                    // A command such as \g ends a statement that was still open above.
                    if splitter.open() == Open::Nothing && !entry.is_empty() {
                        keyboard.remember(&std::mem::take(&mut entry));
                    }
                }
                Ok(Typed::Dropped) => {
                    splitter.reset();
                    entry.clear();
                }
                Ok(Typed::End) => return Ok(()),
                Err(error) => {
                    self.tell_error(&format!("the terminal cannot be read: {error}\n"));
                    return Err(Stop::Fatal);
                }
            }
        }
    }

    /// The pieces of one typed line; the first failure skips the rest of the line.
    fn run_typed(&mut self, pieces: Vec<Piece>, input: &mut Input<'_>) -> Step {
        for piece in pieces {
            match self.run_piece(piece, input) {
                Ok(()) => {}
                Err(Stop::Failed | Stop::Fatal) => return Ok(()),
                Err(Stop::Lost) => {
                    self.reset_connection();
                    return Ok(());
                }
                Err(stop) => return Err(stop),
            }
        }
        Ok(())
    }

    /// `\prompt`: the answer becomes a variable.
    pub(crate) fn ask(&mut self, prompt: &str, name: &str, input: &mut Input<'_>) -> Step {
        self.flush()?;
        match input.answer(prompt) {
            Ok(Some(answer)) => self.set_variable(&[name.into(), answer]),
            Ok(None) => self.complain(&format!("\\prompt {name}: the input ends here\n")),
            Err(error) => self.complain(&format!("\\prompt {name}: {error}\n")),
        }
    }

    fn reset_connection(&mut self) {
        if self.session.is_some() {
            return;
        }
        say_error("Connecting anew ... ");
        if self.connect(self.target.clone()).is_ok() {
            say_error("done. Settings of the lost session are gone.\n");
        }
    }

    /// Runs batch work in order; the first failure ends it.
    pub(crate) fn run_tasks(&mut self, tasks: &[Task]) -> Step {
        tasks.iter().try_for_each(|task| match task {
            Task::Text(text) => self.run_text(text),
            Task::File(path) if path == "-" => self.run_stdin(),
            Task::File(path) => self.run_file(path, Ends::Semicolon),
        })
    }

    pub(crate) fn run_stdin(&mut self) -> Step {
        self.places.push(("<stdin>".into(), 0));
        let step = self.run_lines(Standard, Ends::Semicolon);
        self.places.pop();
        step
    }

    /// Runs a file; inside it a failure ends it, and whoever asked for it decides what then.
    pub(crate) fn run_file(&mut self, path: &str, ends: Ends) -> Step {
        if self.places.len() >= INCLUDE_DEPTH {
            return self.complain(&format!("{path}: files include each other too deep\n"));
        }
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) => {
                self.tell_error(&format!("{path}: {error}\n"));
                return Err(Stop::Fatal);
            }
        };
        self.places.push((path.into(), 0));
        let step = self.run_lines(BufReader::new(file), ends);
        self.places.pop();
        step
    }

    /// Statements of the command line; the rows of a COPY FROM STDIN are on standard input.
    fn run_text(&mut self, text: &str) -> Step {
        let mut splitter = Splitter::new(Ends::Semicolon);
        for line in text.lines() {
            for piece in splitter.push(line) {
                self.run_scripted(piece, &mut splitter, &mut Standard)?;
            }
        }
        let last = splitter.finish();
        last.map_or(Ok(()), |last| self.run_scripted(last, &mut splitter, &mut Standard))
    }

    /// The `\if`s of one script are no other's.
    fn run_lines(&mut self, lines: impl Lines, ends: Ends) -> Step {
        let around = std::mem::take(&mut self.branches);
        let step = self.run_script(lines, ends).and_then(|()| self.end_branches());
        self.branches = around;
        step
    }

    fn run_script(&mut self, mut lines: impl Lines, ends: Ends) -> Step {
        let mut splitter = Splitter::new(ends);
        let mut line = Vec::new();
        loop {
            line.clear();
            match lines.line(&mut line) {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) => {
                    self.tell_error(&format!("the input cannot be read: {error}\n"));
                    return Err(Stop::Fatal);
                }
            }
            let Ok(text) = std::str::from_utf8(&line) else {
                if let Some((_, at)) = self.places.last_mut() {
                    *at = splitter.lines() + 1;
                }
                self.tell_error("the input is not UTF-8\n");
                return Err(Stop::Fatal);
            };
            for piece in splitter.push(text.trim_start_matches('\u{feff}')) {
                self.run_scripted(piece, &mut splitter, &mut lines)?;
            }
        }
        let last = splitter.finish();
        last.map_or(Ok(()), |last| self.run_scripted(last, &mut splitter, &mut lines))
    }

    /// A failure ends a script, unless it has said `\set ON_ERROR_STOP off`.
    fn run_scripted(
        &mut self,
        piece: Piece,
        splitter: &mut Splitter,
        lines: &mut dyn Lines,
    ) -> Step {
        match self.run_piece(piece, &mut Input::new(splitter, lines)) {
            Err(Stop::Failed) if !self.vars.is_on("ON_ERROR_STOP", true) => Ok(()),
            step => step,
        }
    }

    pub(crate) fn run_piece(&mut self, piece: Piece, input: &mut Input<'_>) -> Step {
        let (Piece::Statement { line, .. } | Piece::Command { line, .. }) = &piece;
        if let Some((_, at)) = self.places.last_mut() {
            *at = *line;
        }
        match piece {
            Piece::Statement { .. } if !self.reaches() => Ok(()),
            Piece::Statement { text, .. } => {
                let text = self.vars.expand(&text);
                self.run_statement(&text, input)
            }
            // Before its arguments are read: they may run programs.
            Piece::Command { text, .. }
                if self.restricted.is_some() && !text.starts_with("unrestrict") =>
            {
                self.complain(RESTRICTED)
            }
            Piece::Command { text, .. } => {
                if let Some(step) = self.branch(&text) {
                    return step;
                }
                if !self.reaches() {
                    return Ok(());
                }
                match parse(&text, &self.vars) {
                    Ok(command) => self.run_command(command, input),
                    Err(why) => self.complain(&why),
                }
            }
        }
    }
}
