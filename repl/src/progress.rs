//! How far a long statement is: one line on standard error that is written over and taken away.
//!
//! It shows after two seconds, and only where a person looks and nothing else is printed.

use std::time::{Duration, Instant};

use crate::terminal::say_error;

/// Nobody wonders before that.
const PATIENCE: Duration = Duration::from_secs(2);
/// Columns of the bar.
const BAR: usize = 20;

/// What has been moved since the statement began.
pub(crate) struct Progress {
    begun: Instant,
    pub(crate) bytes: u64,
    pub(crate) rows: u64,
    /// Bytes in all, where that is known.
    pub(crate) total: Option<u64>,
    pub(crate) wanted: bool,
    shown: bool,
}

impl Progress {
    /// How often it is worth drawing.
    pub(crate) const TICK: Duration = Duration::from_millis(250);

    pub(crate) fn new(wanted: bool) -> Self {
        Self { begun: Instant::now(), bytes: 0, rows: 0, total: None, wanted, shown: false }
    }

    /// Draws the line anew if it is time.
    pub(crate) fn tick(&mut self) {
        let elapsed = self.begun.elapsed();
        if self.wanted && elapsed >= PATIENCE {
            self.shown = true;
            say_error(&format!("\r\x1b[K{}", self.line(elapsed)));
        }
    }

    /// Takes the line away.
    pub(crate) fn clear(&mut self) {
        if std::mem::take(&mut self.shown) {
            say_error("\r\x1b[K");
        }
    }

    fn line(&self, elapsed: Duration) -> String {
        let seconds = elapsed.as_secs_f64();
        let mut parts = Vec::new();
        let done =
            self.total.filter(|total| *total > 0).map(|total| self.bytes as f64 / total as f64);
        if let Some(done) = done {
            let full = ((done * BAR as f64) as usize).min(BAR);
            let (full, empty) = ("#".repeat(full), ".".repeat(BAR - full));
            parts.push(format!("[{full}{empty}] {:3.0} %", done * 100.0));
        }
        if self.rows > 0 {
            parts.push(format!("{} rows", self.rows));
        }
        if self.bytes > 0 {
            let speed = size(self.bytes as f64 / seconds);
            parts.push(format!("{}, {speed}/s", size(self.bytes as f64)));
        }
        parts.push(format!("{seconds:.0} s"));
        if let Some(done) = done.filter(|done| *done > 0.0 && *done < 1.0) {
            parts.push(format!("{:.0} s left", seconds / done * (1.0 - done)));
        }
        parts.join(", ")
    }
}

/// Bytes in the largest unit that leaves a whole part.
fn size(bytes: f64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let step = (bytes.max(1.0).log2() / 10.0).floor().clamp(0.0, 4.0);
    let digits = usize::from(step > 0.0);
    format!("{:.digits$} {}", bytes / 1024f64.powf(step), units[step as usize])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let mut progress = Progress::new(true);
        let line = |progress: &Progress| progress.line(Duration::from_secs(10));
        assert_eq!(line(&progress), "10 s");
        progress.rows = 1000;
        progress.bytes = 5 << 20;
        assert_eq!(line(&progress), "1000 rows, 5.0 MiB, 512.0 KiB/s, 10 s");
        progress.total = Some(20 << 20);
        progress.rows = 0;
        let expected = "[#####...............]  25 %, 5.0 MiB, 512.0 KiB/s, 10 s, 30 s left";
        assert_eq!(line(&progress), expected);
    }

    #[test]
    fn sizes() {
        for (bytes, shown) in
            [(0.0, "0 B"), (1023.0, "1023 B"), (1536.0, "1.5 KiB"), (1e15, "909.5 TiB")]
        {
            assert_eq!(size(bytes), shown);
        }
    }
}
