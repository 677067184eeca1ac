//! One statement: sent, its rows streamed into a layout, its end told.
//!
//! 1. The statement goes out as a simple query; its stream is read one message at a time.
//! 2. Rows go to the layout as they come. Ctrl-C sends a cancel request and the rest is dropped; a
//!    second Ctrl-C gives the connection up.
//! 3. The stream is read to its end even after an error, so the session is ready for the next
//!    statement.

use std::io::{self, Write};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures::StreamExt;
use tokio::sync::watch;
use tokio_postgres::{Error, SimpleQueryMessage, SimpleQueryRow};

use crate::aql;
use crate::format::{Cells, Format, Layout, layout};
use crate::report::Report;
use crate::session::{Fetched, OpenError, Session, cells, explain};
use crate::shell::{Shell, Step, Stop};
use crate::target::Target;
use crate::terminal::say_error;
use crate::wire::Column;

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
struct Run {
    session: Arc<Session>,
    number: u64,
    showing: Option<Showing>,
    cancelled: bool,
    failure: Option<Stop>,
}

impl Shell {
    /// Runs one statement to its end and prints all there is to print.
    pub(crate) fn run_sql(&mut self, sql: &str) -> Step {
        if let Some(why) = aql::refusal(sql) {
            return self.complain(&format!("{why}\n"));
        }
        if self.echo {
            self.print(&format!("{sql};\n"))?;
        }
        let session = self.connected()?;
        let started = Instant::now();
        let held = self.interrupts.hold(true);
        let step = self.runtime.clone().block_on(self.stream(session, sql));
        self.interrupts.hold(held);
        let flushed = self.flush();
        if self.timing {
            self.tell(&timing(started.elapsed()))?;
        }
        step.and(flushed)
    }

    async fn stream(&mut self, session: Arc<Session>, sql: &str) -> Step {
        self.interrupts.clear();
        let (number, stream) = match session.start(sql).await {
            Ok(started) => started,
            Err(error) => return Err(self.lost(&session, &error).await),
        };
        let mut stream = pin!(stream);
        let mut run = Run { session, number, showing: None, cancelled: false, failure: None };
        loop {
            let message = tokio::select! {
                biased;
                _ = self.interrupts.pressed() => {
                    self.interrupted(&mut run)?;
                    continue;
                }
                message = stream.next() => message,
            };
            match message {
                None => break,
                Some(Ok(message)) => {
                    if let Err(stop) = self.take(&mut run, message) {
                        run.session.cancel().await;
                        return Err(stop);
                    }
                }
                Some(Err(error)) => self.failed(&mut run, &error, sql).await?,
            }
        }
        run.failure.map_or(Ok(()), Err)
    }

    fn take(&mut self, run: &mut Run, message: SimpleQueryMessage) -> Step {
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
        let written = match &mut run.showing {
            Some(showing) => showing.row(&mut self.out, &cells),
            None => Ok(()),
        };
        self.written(written)
    }

    fn take_end(&mut self, run: &mut Run) -> Step {
        let tag = run.session.tag(run.number).unwrap_or_default();
        let has_rows = run.showing.is_some();
        self.finish(run, true)?;
        let verb = tag.split(' ').next().unwrap_or("");
        if !matches!(verb, "SELECT" | "SHOW" | "EXPLAIN" | "") {
            self.names.outdate();
        }
        let told = !has_rows || matches!(verb, "INSERT" | "UPDATE" | "DELETE" | "MERGE");
        let silent = self.quiet || (self.look.format.is_data() && !self.interactive);
        if told && !silent && !tag.is_empty() {
            return self.print(&format!("{tag}\n"));
        }
        Ok(())
    }

    fn finish(&mut self, run: &mut Run, complete: bool) -> Step {
        let Some(mut showing) = run.showing.take() else { return Ok(()) };
        let written = showing.end(&mut self.out, complete);
        self.written(written)?;
        let blank = complete && self.look.format == Format::Table;
        if blank { self.print("\n") } else { Ok(()) }
    }

    /// An error of the server is told and remembered; anything else ends the session.
    async fn failed(&mut self, run: &mut Run, error: &Error, sql: &str) -> Step {
        self.finish(run, false)?;
        let Some(said) = error.as_db_error() else {
            return Err(self.lost(&run.session, error).await);
        };
        self.flush()?;
        self.tell_error(&Report::from(said).render(Some(sql)));
        run.failure = Some(Stop::Failed);
        Ok(())
    }

    fn interrupted(&mut self, run: &mut Run) -> Step {
        if std::mem::replace(&mut run.cancelled, true) {
            return Err(self.give_up(&run.session));
        }
        say_error("Cancel request sent\n");
        let session = run.session.clone();
        self.runtime.spawn(async move { session.cancel().await });
        Ok(())
    }

    /// The server does not even heed a cancel request.
    fn give_up(&mut self, session: &Session) -> Stop {
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
