//! The pager: a result that is taller than the screen goes to `PAGER`, the rest to the terminal.
//!
//! What is printed is held back until it fills the screen or ends; so memory is a screenful.

use std::io::{self, Write};
use std::process::{Child, ChildStdin, Command, Stdio};

/// Shows colours, leaves at the end what was shown, and ends by itself when all fits.
const DEFAULT: &str = "less -SRFX";

/// Whether and from where on a pager is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Paging {
    pub(crate) wanted: bool,
    /// Fewer lines are never paged, however small the screen.
    pub(crate) min_lines: usize,
}

impl Default for Paging {
    fn default() -> Self {
        Self { wanted: true, min_lines: 0 }
    }
}

/// The program: `AQL_PAGER`, `PSQL_PAGER`, `PAGER`; an empty one means none.
pub(crate) fn program() -> Option<String> {
    let names = ["AQL_PAGER", "PSQL_PAGER", "PAGER"];
    let named = names.iter().find_map(|name| std::env::var(name).ok());
    Some(named.unwrap_or_else(|| DEFAULT.into())).filter(|program| !program.trim().is_empty())
}

/// Text on its way to a terminal of some lines.
pub(crate) struct Pager {
    program: String,
    /// Lines that go to the terminal without a pager.
    limit: usize,
    lines: usize,
    held: Vec<u8>,
    running: Option<(ChildStdin, Child)>,
}

impl Pager {
    pub(crate) fn new(program: String, limit: usize) -> Self {
        Self { program, limit, lines: 0, held: Vec::new(), running: None }
    }

    /// What was held goes to the terminal; a pager that runs gets its end and is waited for.
    pub(crate) fn release(&mut self) {
        let Some((stdin, mut child)) = self.running.take() else {
            let mut terminal = io::stdout().lock();
            let held = std::mem::take(&mut self.held);
            let _ = terminal.write_all(&held).and_then(|()| terminal.flush());
            return;
        };
        drop(stdin);
        let _ = child.wait();
    }

    fn start(&mut self) -> io::Result<()> {
        let mut child =
            Command::new("sh").arg("-c").arg(&self.program).stdin(Stdio::piped()).spawn()?;
        let stdin = child.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let (stdin, _) = self.running.insert((stdin, child));
        stdin.write_all(&std::mem::take(&mut self.held))
    }
}

impl Write for Pager {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some((stdin, _)) = &mut self.running {
            return stdin.write(bytes);
        }
        self.lines += bytes.iter().filter(|byte| **byte == b'\n').count();
        self.held.extend_from_slice(bytes);
        if self.lines > self.limit {
            self.start()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.running.as_mut().map_or(Ok(()), |(stdin, _)| stdin.flush())
    }
}

impl Drop for Pager {
    fn drop(&mut self) {
        self.release();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_tall_starts_the_program() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("seen");
        let mut pager = Pager::new(format!("cat > '{}'", path.display()), 2);
        pager.write_all(b"").unwrap();
        pager.write_all(b"1\n2\n").unwrap();
        assert!(pager.running.is_none());
        pager.write_all(b"3\n").unwrap();
        pager.write_all(b"4\n").unwrap();
        drop(pager);
        assert_eq!(std::fs::read_to_string(path).unwrap(), "1\n2\n3\n4\n");
    }

    #[test]
    fn a_reader_that_leaves_is_an_error() {
        let mut pager = Pager::new("exit".into(), 0);
        let all = (0..100_000).try_for_each(|_| pager.write_all(b"0123456789\n"));
        assert_eq!(all.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }
}
