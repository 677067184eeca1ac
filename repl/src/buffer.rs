//! Commands that work on the statement being typed, or on the last one: `\g`, `\gset`, `\gexec`,
//! `\watch`, `\e`, `\w`; and those that leave for the operating system: `\!`, `\cd`, `\s`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::edit::history_path;
use crate::format::Expanded;
use crate::input::Input;
use crate::lexer::Open;
use crate::shell::{Shell, Step, Stop};

impl Shell {
    /// The statement being typed, else the last one, with its variables put in.
    fn take_pending(&mut self, input: &mut Input<'_>) -> Result<String, Stop> {
        if !input.splitter.pending().is_empty() {
            self.last = self.vars.expand(input.splitter.pending());
            input.splitter.reset();
        }
        if self.last.is_empty() {
            self.tell_error("there is no statement to run yet\n");
            return Err(Stop::Failed);
        }
        Ok(self.last.clone())
    }

    pub(crate) fn go(
        &mut self,
        expanded: bool,
        target: Option<String>,
        input: &mut Input<'_>,
    ) -> Step {
        let sql = self.take_pending(input)?;
        let before = self.look.expanded;
        self.look.expanded = if expanded { Expanded::On } else { before };
        let step = match target {
            None => self.run_sql(&sql, input),
            Some(target) => self.with_output(Some(&target), |shell| shell.run_sql(&sql, input)),
        };
        self.look.expanded = before;
        step
    }

    /// One row becomes variables; NULL unsets.
    pub(crate) fn go_set(&mut self, prefix: &str, input: &mut Input<'_>) -> Step {
        let sql = self.take_pending(input)?;
        let found = self.fetch(&sql)?;
        let [row] = &found.rows[..] else {
            let count = found.rows.len();
            return self.complain(&format!("\\gset wants one row, this statement has {count}\n"));
        };
        for (column, cell) in found.columns.iter().zip(row) {
            let name = format!("{prefix}{}", column.name);
            match cell {
                Some(value) => self.set_variable(&[name, value.clone()])?,
                None => self.vars.unset(&name),
            }
        }
        Ok(())
    }

    pub(crate) fn go_exec(&mut self, input: &mut Input<'_>) -> Step {
        let sql = self.take_pending(input)?;
        let found = self.fetch(&sql)?;
        for statement in found.rows.iter().flatten().flatten() {
            match self.run_sql(statement, input) {
                Err(Stop::Failed) if self.interactive => {}
                step => step?,
            }
        }
        Ok(())
    }

    pub(crate) fn watch(
        &mut self,
        interval: Duration,
        count: Option<u64>,
        input: &mut Input<'_>,
    ) -> Step {
        let sql = self.take_pending(input)?;
        // Each run shows at once; nobody wants to leave a pager every two seconds.
        let paging = std::mem::replace(&mut self.paging.wanted, false);
        let step = self.repeat(&sql, interval, count, input);
        self.paging.wanted = paging;
        step
    }

    fn repeat(
        &mut self,
        sql: &str,
        interval: Duration,
        count: Option<u64>,
        input: &mut Input<'_>,
    ) -> Step {
        let mut runs = 0;
        while count.is_none_or(|count| runs < count) {
            if runs > 0 && self.pause(interval) {
                break;
            }
            runs += 1;
            let heading = format!("{} (every {}s)\n\n", clock(), interval.as_secs_f64());
            self.print(&heading)?;
            self.run_sql(sql, input)?;
        }
        Ok(())
    }

    /// `\e`: the statement goes through an editor; what ends with `;` is run, the rest is typed on.
    pub(crate) fn edit(&mut self, path: Option<String>, input: &mut Input<'_>) -> Step {
        if !self.interactive {
            return self.complain("\\e needs a terminal\n");
        }
        let own = path.is_none();
        let path = path.map_or_else(draft_path, PathBuf::from);
        let text = match input.splitter.pending() {
            "" if self.last.is_empty() => String::new(),
            "" => format!("{};\n", self.last),
            pending => format!("{pending}\n"),
        };
        let edited = edit_at(&path, own.then_some(text.as_str()));
        if own {
            let _ = std::fs::remove_file(&path);
        }
        let edited = match edited {
            Ok(edited) => edited,
            Err(why) => return self.complain(&format!("{}: {why}\n", path.display())),
        };
        input.splitter.reset();
        self.edited.push(edited.trim_end().to_string());
        for line in edited.lines() {
            for piece in input.splitter.push(line) {
                self.run_piece(piece, input)?;
            }
        }
        if input.splitter.open() == Open::Nothing {
            return Ok(());
        }
        self.tell(&format!("{}\n", input.splitter.pending()))
    }

    pub(crate) fn run_program(&mut self, program: &str) -> Step {
        self.flush()?;
        let shell = std::env::var("SHELL").unwrap_or_else(|_| "sh".into());
        let mut command = Command::new(if program.is_empty() { shell.as_str() } else { "sh" });
        if !program.is_empty() {
            command.arg("-c").arg(program);
        }
        let held = self.interrupts.hold(true);
        let status = command.status();
        self.interrupts.hold(held);
        match status {
            // As in psql a program that fails is no failure of the script.
            Ok(status) => {
                let code = status.code().unwrap_or(-1).to_string();
                self.set_variable(&["SHELL_EXIT_CODE".into(), code])
            }
            Err(error) => self.complain(&format!("{program}: {error}\n")),
        }
    }

    pub(crate) fn change_folder(&mut self, path: Option<String>) -> Step {
        let home = || std::env::var("HOME").unwrap_or_else(|_| "/".into());
        let path = path.unwrap_or_else(home);
        match std::env::set_current_dir(&path) {
            Ok(()) => Ok(()),
            Err(error) => self.complain(&format!("{path}: {error}\n")),
        }
    }

    pub(crate) fn write_statement(&mut self, path: &str, input: &mut Input<'_>) -> Step {
        let pending = input.splitter.pending();
        let text = if pending.is_empty() { &self.last } else { pending }.to_string();
        self.with_output(Some(path), |shell| shell.print(&format!("{text};\n")))
    }

    /// Prints the history file, or writes it to another.
    pub(crate) fn show_history(&mut self, path: Option<&str>) -> Step {
        let text = history_path().and_then(|path| std::fs::read_to_string(path).ok());
        let text = history(text.as_deref().unwrap_or(""));
        match path {
            None => self.page(&text),
            Some(path) => self.with_output(Some(path), |shell| shell.print(&text)),
        }
    }
}

/// Entries as they were typed: the file begins with a mark of its version and escapes line ends.
fn history(file: &str) -> String {
    let entries = file.lines().filter(|line| *line != "#V2");
    let typed = |line: &str| line.replace("\\\\", "\0").replace("\\n", "\n").replace('\0', "\\");
    entries.map(|entry| format!("{}\n", typed(entry))).collect()
}

/// A new name among the temporary files.
fn draft_path() -> PathBuf {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_nanos());
    std::env::temp_dir().join(format!("aql.{}.{now}.sql", std::process::id()))
}

/// Runs the editor on a file, which is made first if there is a draft for it; gives its text then.
fn edit_at(path: &Path, draft: Option<&str>) -> Result<String, String> {
    let told = |error: std::io::Error| error.to_string();
    if let Some(draft) = draft {
        let mut file = private_file(path).map_err(told)?;
        file.write_all(draft.as_bytes()).map_err(told)?;
    }
    let named = ["AQL_EDITOR", "PSQL_EDITOR", "EDITOR", "VISUAL"];
    let editor = named.iter().find_map(|name| std::env::var(name).ok());
    let editor = editor.filter(|editor| !editor.is_empty()).unwrap_or_else(|| "vi".into());
    // The editor may be a command with arguments of its own.
    let status = Command::new("sh")
        .arg("-c")
        .arg(format!("{editor} \"$1\""))
        .arg("sh")
        .arg(path)
        .status()
        .map_err(told)?;
    if !status.success() {
        return Err(format!("{editor}: {status}; the statement stays as it was"));
    }
    std::fs::read_to_string(path).map_err(told)
}

/// A file that nobody had, and that nobody else may read: statements hold what is private.
fn private_file(path: &Path) -> std::io::Result<std::fs::File> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// The time of day in UTC.
fn clock() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let seconds = now.map_or(0, |now| now.as_secs() % 86_400);
    format!("{:02}:{:02}:{:02} UTC", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn history_is_as_it_was_typed() {
        assert_eq!(history("#V2\nselect\\n1;\nselect '\\\\n';\n"), "select\n1;\nselect '\\n';\n");
    }
}
