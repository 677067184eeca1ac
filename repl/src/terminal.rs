//! The two streams of the process: where results go, where complaints go, and whether a person sees
//! them.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::process::{Child, ChildStdin, Command, Stdio};

use crate::pager::Pager;

/// Writes to standard error. If that is gone there is nobody left to tell.
pub(crate) fn say_error(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Whether a person reads standard output and wants colours (NO_COLOR, TERM=dumb).
pub(crate) fn wants_color() -> bool {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    io::stdout().is_terminal()
        && set("NO_COLOR").is_none()
        && set("TERM").is_none_or(|t| t != "dumb")
}

/// Where results go: standard output, or what `\o` names. Dropped, it flushes and waits for its
/// program.
pub(crate) enum Out {
    Terminal(BufWriter<io::Stdout>),
    File(BufWriter<File>),
    Program(Option<BufWriter<ChildStdin>>, Child),
    /// Standard output, through a pager if the result is tall.
    Paged(Pager),
    /// Standard output failed once, which has been told; or the reader of the pager has left.
    Nowhere,
}

impl Out {
    pub(crate) fn standard() -> Self {
        Self::Terminal(BufWriter::new(io::stdout()))
    }

    /// A file, or a program after `|`.
    pub(crate) fn open(target: &str) -> io::Result<Self> {
        let Some(program) = target.strip_prefix('|') else {
            return Ok(Self::File(BufWriter::new(File::create(target)?)));
        };
        let mut child = Command::new("sh").arg("-c").arg(program).stdin(Stdio::piped()).spawn()?;
        Ok(Self::Program(child.stdin.take().map(BufWriter::new), child))
    }

    /// Shows what a pager holds back, before something else is printed beside it.
    pub(crate) fn release(&mut self) {
        if let Self::Paged(pager) = self {
            pager.release();
        }
    }

    /// Whether results go elsewhere than to standard output.
    pub(crate) fn is_redirected(&self) -> bool {
        matches!(self, Self::File(_) | Self::Program(..))
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Terminal(sink) => sink.write(bytes),
            Self::File(sink) => sink.write(bytes),
            Self::Program(Some(sink), _) => sink.write(bytes),
            Self::Program(None, _) => Err(io::ErrorKind::BrokenPipe.into()),
            Self::Paged(pager) => pager.write(bytes),
            Self::Nowhere => Ok(bytes.len()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Terminal(sink) => sink.flush(),
            Self::File(sink) => sink.flush(),
            Self::Program(sink, _) => sink.as_mut().map_or(Ok(()), BufWriter::flush),
            Self::Paged(pager) => pager.flush(),
            Self::Nowhere => Ok(()),
        }
    }
}

impl Drop for Out {
    fn drop(&mut self) {
        if let Self::Program(sink, child) = self {
            drop(sink.take());
            let _ = child.wait();
        }
    }
}
