//! Where what is printed goes: results, remarks and complaints, the pager and `\o`.

use std::io::{self, Write};

use crate::pager::{self, Pager};
use crate::shell::{Shell, Step, Stop};
use crate::terminal::{Out, say_error};

impl Shell {
    /// Results go to a file, or to a program behind `|`, while `work` runs; without a target to
    /// standard output.
    pub(crate) fn with_output(
        &mut self,
        target: Option<&str>,
        work: impl FnOnce(&mut Self) -> Step,
    ) -> Step {
        self.flush()?;
        let opened = target.map_or_else(|| Ok(Out::standard()), Out::open);
        let out = match opened {
            Ok(out) => out,
            Err(error) => {
                return self.complain(&format!("{}: {error}\n", target.unwrap_or("")));
            }
        };
        let before = std::mem::replace(&mut self.out, out);
        let step = work(self);
        let flushed = self.flush();
        self.out = before;
        step.and(flushed)
    }

    pub(crate) fn redirect(&mut self, target: Option<String>) -> Step {
        self.flush()?;
        self.out = Out::standard();
        let Some(target) = target else { return Ok(()) };
        match Out::open(&target) {
            Ok(out) => self.out = out,
            Err(error) => return self.complain(&format!("{target}: {error}\n")),
        }
        Ok(())
    }

    /// From here on a tall result goes through the pager; gives where results went before.
    pub(crate) fn begin_paging(&mut self) -> Option<Out> {
        let height = self.height.filter(|_| self.interactive && self.paging.wanted)?;
        if !matches!(self.out, Out::Terminal(_)) {
            return None;
        }
        // The prompt and the time of the statement want their lines.
        let limit = height.saturating_sub(2).max(self.paging.min_lines);
        let pager = Pager::new(pager::program()?, limit);
        Some(std::mem::replace(&mut self.out, Out::Paged(pager)))
    }

    /// Waits for the pager, if there is one.
    pub(crate) fn end_paging(&mut self, before: Option<Out>) {
        if let Some(before) = before {
            self.out = before;
        }
    }

    /// Prints through the pager.
    pub(crate) fn page(&mut self, text: &str) -> Step {
        let held = self.interrupts.hold(true);
        let before = self.begin_paging();
        let step = self.print(text);
        self.end_paging(before);
        self.interrupts.hold(held);
        step
    }

    /// Prints to where results go.
    pub(crate) fn print(&mut self, text: &str) -> Step {
        let written = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
        self.written(written)
    }

    /// Prints what only a person wants to know.
    pub(crate) fn remark(&mut self, text: &str) -> Step {
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
        if matches!(self.out, Out::Paged(_)) && error.kind() == io::ErrorKind::BrokenPipe {
            self.out = Out::Nowhere;
            return Ok(());
        }
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
        self.complain(&format!("results go to standard output again: {error}\n"))
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
