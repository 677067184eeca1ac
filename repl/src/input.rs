//! Where the shell's input comes from: the keyboard, files, standard input, `-c`.
//!
//! Lines go through a `Splitter`, its pieces are run in order. From the keyboard a failure skips
//! the rest of its line; everywhere else it ends the input, and whoever asked for it decides what
//! then.

use std::fs::File;
use std::io::{self, BufRead, BufReader};

use crate::args::Task;
use crate::command::parse;
use crate::edit::{Keyboard, Typed};
use crate::lexer::{Ends, Open, Piece, Splitter};
use crate::shell::{Shell, Step, Stop};
use crate::terminal::say_error;
use crate::wire::Transaction;

/// Files that include each other end here.
const INCLUDE_DEPTH: usize = 16;

impl Shell {
    /// Reads the keyboard until it ends; failures are told and do not end it.
    pub(crate) fn run_keyboard(&mut self, mut keyboard: Keyboard) -> Step {
        let mut splitter = Splitter::new(Ends::Semicolon);
        let mut entry = String::new();
        loop {
            self.look.width = keyboard.width();
            let prompt = self.prompt(splitter.open());
            match keyboard.read(&prompt, splitter.pending(), self.session.clone()) {
                Ok(Typed::Line(line)) => {
                    entry.push_str(if entry.is_empty() { "" } else { "\n" });
                    entry.push_str(&line);
                    let pieces = splitter.push(&line);
                    if splitter.open() == Open::Nothing {
                        keyboard.remember(&std::mem::take(&mut entry));
                    }
                    self.run_typed(pieces, &mut splitter)?;
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
    fn run_typed(&mut self, pieces: Vec<Piece>, splitter: &mut Splitter) -> Step {
        for piece in pieces {
            match self.run_piece(piece, splitter) {
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

    fn reset_connection(&mut self) {
        if self.session.is_some() {
            return;
        }
        say_error("Connecting anew ... ");
        if self.connect(self.target.clone()).is_ok() {
            say_error("done. Settings of the lost session are gone.\n");
        }
    }

    /// `aql> `, with `*` in a transaction and `!` in a failed one; later lines show what is open.
    fn prompt(&self, open: Open) -> String {
        let sign = match open {
            Open::Nothing => match self.session.as_ref().map(|session| session.transaction()) {
                None => "?",
                Some(Transaction::Idle) => "",
                Some(Transaction::Open) => "*",
                Some(Transaction::Failed) => "!",
            },
            Open::Statement => "-",
            Open::SingleQuote => "'",
            Open::DoubleQuote => "\"",
            Open::Dollar => "$",
            Open::Comment => "/*",
            Open::Paren => "(",
        };
        format!("aql{sign}> ")
    }

    /// Runs batch work in order; the first failure ends it.
    pub(crate) fn run_tasks(&mut self, tasks: &[Task]) -> Step {
        tasks.iter().try_for_each(|task| match task {
            Task::Text(text) => self.run_lines(text.as_bytes(), Ends::Semicolon),
            Task::File(path) if path == "-" => self.run_stdin(),
            Task::File(path) => self.run_file(path, Ends::Semicolon),
        })
    }

    pub(crate) fn run_stdin(&mut self) -> Step {
        self.places.push(("<stdin>".into(), 0));
        let step = self.run_lines(io::stdin().lock(), Ends::Semicolon);
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

    fn run_lines(&mut self, mut input: impl BufRead, ends: Ends) -> Step {
        let mut splitter = Splitter::new(ends);
        let mut line = Vec::new();
        loop {
            line.clear();
            match input.read_until(b'\n', &mut line) {
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
                self.run_piece(piece, &mut splitter)?;
            }
        }
        splitter.finish().map_or(Ok(()), |piece| self.run_piece(piece, &mut splitter))
    }

    fn run_piece(&mut self, piece: Piece, splitter: &mut Splitter) -> Step {
        let (Piece::Statement { line, .. } | Piece::Command { line, .. }) = &piece;
        if let Some((_, at)) = self.places.last_mut() {
            *at = *line;
        }
        match piece {
            Piece::Statement { text, .. } => self.run_statement(&text),
            Piece::Command { text, .. } => match parse(&text) {
                Ok(command) => self.run_command(command, splitter),
                Err(why) => self.complain(&why),
            },
        }
    }
}
