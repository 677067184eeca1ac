//! How far a restart has come, for the one who waits for it.
//!
//! A restart that is done within two seconds says nothing. A longer one is a line in the log every
//! two seconds, or, on a terminal, one line that is written again and again.

use std::io::{IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use storage::Progress;

/// Time between two lines, and before the first.
const EVERY: Duration = Duration::from_secs(2);
const MIB: u64 = 1 << 20;

/// Tells the progress of one namespace.
pub(super) struct Watch {
    namespace: String,
    began: Instant,
    terminal: bool,
    told: Mutex<Told>,
}

/// What was told so far.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
struct Told {
    /// Since the restart began.
    last: Duration,
    /// What is being read, and since when.
    phase: Option<(&'static str, Duration)>,
    /// Whether a line stands on the terminal.
    open: bool,
}

/// A line to tell.
#[derive(Debug, PartialEq)]
struct Line {
    progress: Progress,
    percent: u64,
    /// `None` while nothing can be said of it.
    left: Option<Duration>,
}

impl Watch {
    pub(super) fn new(namespace: &str) -> Watch {
        Watch {
            namespace: namespace.to_string(),
            began: Instant::now(),
            terminal: std::io::stderr().is_terminal(),
            told: Mutex::default(),
        }
    }

    /// Tells a progress, if it is time.
    pub(super) fn tell(&self, now: Progress) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(line) = next_line(&mut told, self.began.elapsed(), now) else { return };
        if self.terminal {
            told.open = true;
            // The progress is a comfort: a terminal that went away stops no restart.
            let _ = write!(std::io::stderr(), "\r\x1b[K{}: {}", self.namespace, line.text());
            return;
        }
        tracing::info!(namespace = self.namespace, "{}", line.text());
    }
}

/// Ends the line on the terminal.
impl Drop for Watch {
    fn drop(&mut self) {
        let told = self.told.get_mut().unwrap_or_else(PoisonError::into_inner);
        if told.open {
            let _ = writeln!(std::io::stderr());
        }
    }
}

/// Decides whether a progress is told, `at` this time since the restart began. The time left is
/// reckoned from what this phase has taken; another phase may follow.
fn next_line(told: &mut Told, at: Duration, progress: Progress) -> Option<Line> {
    let since = match told.phase {
        Some((what, since)) if what == progress.what => since,
        before => {
            // The first report comes when the first piece is done.
            let since = before.map_or(Duration::ZERO, |_| at);
            told.phase = Some((progress.what, since));
            since
        }
    };
    if at.saturating_sub(told.last) < EVERY {
        return None;
    }
    told.last = at;
    let Progress { done, all, .. } = progress;
    let rest = all.saturating_sub(done);
    let taken = at.saturating_sub(since);
    // None of what is not a number or longer than time lasts.
    let left = Duration::try_from_secs_f64(taken.as_secs_f64() * (rest as f64 / done as f64)).ok();
    let left = left.filter(|_| done > 0 && !taken.is_zero());
    let percent = (u128::from(done) * 100 / u128::from(all.max(1))).min(100) as u64;
    Some(Line { progress, percent, left })
}

impl Line {
    fn text(&self) -> String {
        let Progress { what, done, all } = self.progress;
        let text =
            format!("reading the {what}: {} %, {} of {} MiB", self.percent, done / MIB, all / MIB);
        match self.left {
            Some(left) => format!("{text}, {} s left", left.as_secs_f64().ceil()),
            None => text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(told: &mut Told, ms: u64, what: &'static str, done: u64, all: u64) -> Option<String> {
        let line = next_line(told, Duration::from_millis(ms), Progress { what, done, all });
        line.map(|line| line.text())
    }

    #[test]
    fn a_short_restart_says_nothing() {
        let mut told = Told::default();
        for ms in 0..2000 {
            assert_eq!(at(&mut told, ms, "log", ms * MIB, 2000 * MIB), None);
        }
    }

    #[test]
    fn a_long_restart_says_something_every_two_seconds() {
        let mut told = Told::default();
        let all = 60_000 * MIB;
        let lines = (0..=60_000).filter_map(|ms| at(&mut told, ms, "log", ms * MIB, all));
        let lines: Vec<String> = lines.collect();
        assert_eq!(lines.len(), 30);
        assert_eq!(lines[0], "reading the log: 3 %, 2000 of 60000 MiB, 58 s left");
        assert_eq!(lines[29], "reading the log: 100 %, 60000 of 60000 MiB, 0 s left");
    }

    #[test]
    fn the_time_left_is_that_of_the_phase() {
        let mut told = Told::default();
        assert_eq!(at(&mut told, 0, "checkpoint", 0, 10 * MIB), None);
        let line = at(&mut told, 9000, "checkpoint", 0, 10 * MIB).expect("it is time");
        assert_eq!(line, "reading the checkpoint: 0 %, 0 of 10 MiB");
        assert_eq!(at(&mut told, 10_000, "log", 0, 4 * MIB), None);
        let line = at(&mut told, 12_000, "log", MIB, 4 * MIB).expect("it is time");
        assert_eq!(line, "reading the log: 25 %, 1 of 4 MiB, 6 s left");
    }

    #[test]
    fn numbers_that_make_no_sense_do_no_harm() {
        let mut told = Told::default();
        let line = at(&mut told, 5000, "log", u64::MAX, 0).expect("it is time");
        assert!(line.starts_with("reading the log: 100 %"), "{line}");
        let line = at(&mut told, 9000, "log", 1, u64::MAX).expect("it is time");
        assert!(line.starts_with("reading the log: 0 %"), "{line}");
    }
}
