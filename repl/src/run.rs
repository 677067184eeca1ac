//! One statement: sent, its rows streamed into a layout, its end told.
//!
//! 1. The statement goes out as a simple query; its stream is read one message at a time.
//! 2. Rows go to the layout as they come, rows of COPY as they are. Ctrl-C sends a cancel request
//!    and the rest is dropped; a second Ctrl-C gives the connection up.
//! 3. When the server waits for rows of COPY, a `Feed` gives them.
//! 4. The stream is read to its end even after an error, so the session is ready for the next
//!    statement.

use std::io::{self, IsTerminal, Write};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures::StreamExt;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Error, SimpleQueryMessage, SimpleQueryRow};

use crate::copy::Feed;
use crate::format::{Cells, Layout, layout};
use crate::help;
use crate::progress::Progress;
use crate::report::Report;
use crate::session::{Fetched, OpenError, Session, cells, explain};
use crate::shell::{Shell, Step, Stop};
use crate::target::Target;
use crate::terminal::{Out, say_error};
use crate::wire::{Column, Copy};

/// Ctrl-C, counted. While nothing runs that it could stop, it ends a batch.
#[derive(Clone)]
pub(crate) struct Interrupts {
    count: watch::Receiver<u64>,
    held: Arc<AtomicBool>,
}

impl Interrupts {
    /// Listens from now on; call inside the runtime.
    pub(crate) fn listen() -> Self {
        let (sender, count) = watch::channel(0);
        let held = Arc::new(AtomicBool::new(false));
        let holding = held.clone();
        tokio::spawn(async move {
            while tokio::signal::ctrl_c().await.is_ok() {
                if !holding.load(Ordering::Relaxed) {
                    // What the shell itself says of a program that Ctrl-C ended.
                    std::process::exit(130);
                }
                sender.send_modify(|count| *count += 1);
            }
        });
        Self { count, held }
    }

    /// Whether Ctrl-C is taken care of, instead of ending the process.
    pub(crate) fn hold(&self, held: bool) -> bool {
        self.held.swap(held, Ordering::Relaxed)
    }

    /// Forgets what was pressed before.
    fn clear(&mut self) {
        self.count.mark_unchanged();
    }

    /// Whether Ctrl-C came since this was asked.
    pub(crate) fn take(&mut self) -> bool {
        let pressed = self.count.has_changed().unwrap_or(false);
        self.count.mark_unchanged();
        pressed
    }

    /// Completes at the next Ctrl-C.
    pub(crate) async fn pressed(&mut self) {
        if self.count.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// A result on its way out. Its heading waits for the first row or a good end: an error may come
/// instead.
struct Showing {
    layout: Box<dyn Layout>,
    columns: Option<Vec<Column>>,
}

impl Showing {
    fn begin(&mut self, out: &mut dyn Write) -> io::Result<()> {
        self.columns.take().map_or(Ok(()), |columns| self.layout.begin(out, &columns))
    }

    fn row(&mut self, out: &mut dyn Write, cells: Cells<'_>) -> io::Result<()> {
        self.begin(out)?;
        self.layout.row(out, cells)
    }

    /// What broke off before its first row leaves no trace.
    fn end(&mut self, out: &mut dyn Write, complete: bool) -> io::Result<()> {
        if !complete && self.columns.is_some() {
            return Ok(());
        }
        self.begin(out)?;
        self.layout.end(out, complete)
    }
}

/// A statement under way.
pub(crate) struct Run {
    pub(crate) session: Arc<Session>,
    number: u64,
    showing: Option<Showing>,
    pub(crate) progress: Progress,
    /// Whether rows of COPY came.
    pub(crate) copied: bool,
    pub(crate) cancelled: bool,
    /// Whether the reader of the pager left, so that the cancel request is nobody's business.
    left: bool,
    pub(crate) failure: Option<Stop>,
}

impl Run {
    fn new(session: Arc<Session>, number: u64, progress: Progress) -> Self {
        let (copied, cancelled, left) = (false, false, false);
        Self { session, number, showing: None, progress, copied, cancelled, left, failure: None }
    }
}

impl Shell {
    /// Runs one statement to its end and prints all there is to print. `feed` has the rows, should
    /// it be a COPY FROM STDIN.
    pub(crate) fn run_sql(&mut self, sql: &str, feed: &mut dyn Feed) -> Step {
        if self.echo {
            self.print(&format!("{sql};\n"))?;
        }
        let session = self.connected()?;
        let started = Instant::now();
        let held = self.interrupts.hold(true);
        let before = self.begin_paging();
        let step = self.runtime.clone().block_on(self.stream(session, sql, feed));
        let flushed = self.flush();
        let elapsed = started.elapsed();
        self.end_paging(before);
        self.interrupts.hold(held);
        if self.timing {
            self.tell(&timing(elapsed))?;
        }
        step.and(flushed)
    }

    async fn stream(&mut self, session: Arc<Session>, sql: &str, feed: &mut dyn Feed) -> Step {
        self.interrupts.clear();
        let (number, stream) = match session.start(sql).await {
            Ok(started) => started,
            Err(error) => return Err(self.lost(&session, &error).await),
        };
        let mut stream = pin!(stream);
        let mut run = Run::new(session, number, Progress::new(self.shows_progress()));
        let mut ticks = tokio::time::interval(Progress::TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let message = tokio::select! {
                biased;
                _ = self.interrupts.pressed() => {
                    self.interrupted(&mut run)?;
                    continue;
                }
                message = stream.next() => message,
                _ = ticks.tick() => {
                    run.progress.tick();
                    continue;
                }
            };
            let copy = match &message {
                Some(Err(error)) if error.as_db_error().is_none() => run.session.copy(number),
                _ => None,
            };
            let step = match (message, copy) {
                (None, _) => break,
                (_, Some(Copy::In)) => self.feed(&mut run, stream.as_mut(), feed, sql).await,
                (_, Some(copy)) => self.take_copy(&mut run, copy),
                (Some(Ok(message)), None) => self.take(&mut run, message),
                (Some(Err(error)), None) => {
                    self.failed(&mut run, &error, sql).await?;
                    Ok(())
                }
            };
            if let Err(stop) = step {
                run.progress.clear();
                if stop != Stop::Lost {
                    run.session.cancel().await;
                }
                return Err(stop);
            }
        }
        run.progress.clear();
        run.failure.map_or(Ok(()), Err)
    }

    /// Whether a person looks at standard error and no rows go there.
    fn shows_progress(&self) -> bool {
        let elsewhere = self.out.is_redirected() || !io::stdout().is_terminal();
        io::stderr().is_terminal() && (self.interactive || elsewhere)
    }

    pub(crate) fn take(&mut self, run: &mut Run, message: SimpleQueryMessage) -> Step {
        match message {
            SimpleQueryMessage::RowDescription(plain) => {
                let untyped = |name: &str| Column { name: name.into(), type_oid: 0 };
                let columns = run
                    .session
                    .columns(run.number)
                    .unwrap_or_else(|| plain.iter().map(|column| untyped(column.name())).collect());
                run.showing = Some(Showing { layout: layout(&self.look), columns: Some(columns) });
                Ok(())
            }
            SimpleQueryMessage::Row(row) if !run.cancelled => self.take_row(run, &row),
            SimpleQueryMessage::CommandComplete(_) => self.take_end(run),
            _ => Ok(()),
        }
    }

    fn take_row(&mut self, run: &mut Run, row: &SimpleQueryRow) -> Step {
        let cells = cells(row);
        self.count_row(run, 0);
        let written = match &mut run.showing {
            Some(showing) => showing.row(&mut self.out, &cells),
            None => Ok(()),
        };
        self.written(written)?;
        self.notice_departure(run);
        Ok(())
    }

    /// Rows that go to the terminal are progress enough.
    pub(crate) fn count_row(&mut self, run: &mut Run, bytes: usize) {
        if run.progress.rows == 0 && !self.out.is_redirected() && io::stdout().is_terminal() {
            run.progress.clear();
            run.progress.wanted = false;
        }
        run.progress.rows += 1;
        run.progress.bytes += bytes as u64;
    }

    /// Nobody reads the pager any more: the rest of the result need not come.
    pub(crate) fn notice_departure(&mut self, run: &mut Run) {
        if self.interactive && matches!(self.out, Out::Nowhere) && !run.cancelled {
            (run.cancelled, run.left) = (true, true);
            let session = run.session.clone();
            self.runtime.spawn(async move { session.cancel().await });
        }
    }

    fn take_end(&mut self, run: &mut Run) -> Step {
        let tag = run.session.tag(run.number).unwrap_or_default();
        let has_rows = run.showing.is_some();
        run.progress.clear();
        self.finish(run, true)?;
        self.note_success(&tag);
        let verb = tag.split(' ').next().unwrap_or("");
        if !matches!(verb, "SELECT" | "SHOW" | "EXPLAIN" | "") {
            self.names.outdate();
        }
        let told = !has_rows || matches!(verb, "INSERT" | "UPDATE" | "DELETE" | "MERGE");
        let silent = self.quiet || (self.look.format.is_data() && !self.interactive);
        match (told && !silent && !tag.is_empty(), run.copied) {
            (false, _) => Ok(()),
            (true, false) => self.print(&format!("{tag}\n")),
            // Behind rows that are data the tag would be taken for one.
            (true, true) if self.out.is_redirected() => self.tell(&format!("{tag}\n")),
            (true, true) => Ok(()),
        }
    }

    fn finish(&mut self, run: &mut Run, complete: bool) -> Step {
        let Some(mut showing) = run.showing.take() else { return Ok(()) };
        let written = showing.end(&mut self.out, complete);
        self.written(written)?;
        let blank = complete && self.look.format.is_lined_up();
        if blank { self.print("\n") } else { Ok(()) }
    }

    /// An error of the server is told and remembered; anything else ends the session.
    pub(crate) async fn failed(&mut self, run: &mut Run, error: &Error, sql: &str) -> Step {
        run.progress.clear();
        self.finish(run, false)?;
        let Some(said) = error.as_db_error() else {
            return Err(self.lost(&run.session, error).await);
        };
        self.flush()?;
        if run.left && said.code() == &SqlState::QUERY_CANCELED {
            return Ok(());
        }
        let mut report = Report::from(said);
        if report.hint.is_none() {
            report.hint = help::hint(&report.code, sql);
        }
        self.note_failure(&report);
        self.out.release();
        self.tell_error(&report.render(Some(sql)));
        run.failure = Some(Stop::Failed);
        Ok(())
    }

    fn interrupted(&mut self, run: &mut Run) -> Step {
        if std::mem::replace(&mut run.cancelled, true) {
            return Err(self.give_up(&run.session));
        }
        run.progress.clear();
        run.progress.wanted = false;
        say_error("Cancel request sent\n");
        let session = run.session.clone();
        self.runtime.spawn(async move { session.cancel().await });
        Ok(())
    }

    /// The server does not even heed a cancel request.
    pub(crate) fn give_up(&mut self, session: &Session) -> Stop {
        session.abandon();
        self.session = None;
        self.tell_error("The statement does not end; the connection is given up.\n");
        Stop::Lost
    }

    /// The connection is gone: what the server said last, else what went wrong.
    async fn lost(&mut self, session: &Session, error: &Error) -> Stop {
        let _ = self.flush();
        // The task that reads the socket notes the server's last words a moment after the stream
        // breaks.
        tokio::time::sleep(Duration::from_millis(20)).await;
        let why = session.last_words().unwrap_or_else(|| explain(error));
        self.tell_error(&format!("connection to {} lost: {why}\n", session.target));
        session.abandon();
        self.session = None;
        Stop::Lost
    }

    /// Runs a query of the shell's own.
    pub(crate) fn fetch(&mut self, sql: &str) -> Result<Fetched, Stop> {
        let session = self.connected()?;
        let held = self.interrupts.hold(true);
        self.interrupts.clear();
        let mut interrupts = self.interrupts.clone();
        let answer = self.runtime.clone().block_on(async {
            let mut fetch = pin!(session.fetch(sql));
            tokio::select! {
                answer = &mut fetch => return Some(answer),
                _ = interrupts.pressed() => session.cancel().await,
            }
            tokio::select! {
                answer = &mut fetch => Some(answer),
                _ = interrupts.pressed() => None,
            }
        });
        self.interrupts.hold(held);
        let Some(answer) = answer else { return Err(self.give_up(&session)) };
        match answer {
            Ok(fetched) => Ok(fetched),
            Err(error) if error.as_db_error().is_some() => {
                self.tell_error(&format!("{}\n", explain(&error)));
                Err(Stop::Failed)
            }
            Err(error) => {
                let runtime = self.runtime.clone();
                Err(runtime.block_on(self.lost(&session, &error)))
            }
        }
    }

    /// Connects, unless Ctrl-C comes first.
    pub(crate) fn open(&mut self, target: &Target) -> Result<Session, OpenError> {
        self.interrupts.clear();
        let mut interrupts = self.interrupts.clone();
        self.runtime.block_on(async move {
            tokio::select! {
                opened = Session::open(target) => opened,
                _ = interrupts.pressed() => Err(OpenError::Refused("not connected\n".into())),
            }
        })
    }

    /// Waits, or not to the end: true when Ctrl-C came.
    pub(crate) fn pause(&mut self, interval: Duration) -> bool {
        let held = self.interrupts.hold(true);
        self.interrupts.clear();
        let mut interrupts = self.interrupts.clone();
        let pressed = self.runtime.block_on(async move {
            tokio::time::timeout(interval, interrupts.pressed()).await.is_ok()
        });
        self.interrupts.hold(held);
        pressed
    }

    /// Prints rows that are already here.
    pub(crate) fn show(&mut self, fetched: &Fetched, title: Option<String>) -> Step {
        let mut look = self.look.clone();
        look.title = title.filter(|_| !look.tuples_only);
        let mut layout = layout(&look);
        let mut write = || {
            layout.begin(&mut self.out, &fetched.columns)?;
            for row in &fetched.rows {
                let cells: Vec<Option<&str>> = row.iter().map(|cell| cell.as_deref()).collect();
                layout.row(&mut self.out, &cells)?;
            }
            layout.end(&mut self.out, true)?;
            self.out.flush()
        };
        let written = write();
        self.written(written)
    }
}

/// `Time: 12.345 ms`, with minutes and seconds once it is longer.
fn timing(elapsed: Duration) -> String {
    let ms = elapsed.as_secs_f64() * 1000.0;
    if ms < 1000.0 {
        return format!("Time: {ms:.3} ms\n");
    }
    let (minutes, seconds) = (elapsed.as_secs() / 60, elapsed.as_secs_f64() % 60.0);
    format!("Time: {ms:.3} ms ({minutes:02}:{seconds:06.3})\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        assert_eq!(timing(Duration::from_micros(1234)), "Time: 1.234 ms\n");
        assert_eq!(timing(Duration::from_millis(61_500)), "Time: 61500.000 ms (01:01.500)\n");
    }
}
