//! The rows of COPY on their way, in the middle of a statement: see `run`.

use std::io::Write;
use std::pin::{Pin, pin};

use futures::{FutureExt, StreamExt};
use tokio_postgres::SimpleQueryStream;

use crate::copy::Feed;
use crate::run::Run;
use crate::session::Session;
use crate::shell::{Shell, Step, Stop};
use crate::terminal::say_error;
use crate::wire::Copy;

impl Shell {
    /// Sends the rows of COPY until they end, Ctrl-C comes or the server has had enough.
    pub(crate) async fn feed(
        &mut self,
        run: &mut Run,
        mut stream: Pin<&mut SimpleQueryStream>,
        feed: &mut dyn Feed,
        sql: &str,
    ) -> Step {
        run.progress.total = feed.total();
        run.progress.wanted &= !feed.is_typed();
        if feed.is_typed() && !self.quiet {
            say_error("Enter the rows, one a line. End with \\. on a line by itself, or Ctrl-D.\n");
        }
        let (mut rows, session) = (Vec::new(), run.session.clone());
        loop {
            match stream.next().now_or_never() {
                None => {}
                Some(Some(Err(error))) => return self.failed(run, &error, sql).await,
                Some(Some(Ok(message))) => return self.take(run, message),
                Some(None) => return Ok(()),
            }
            rows.clear();
            // A read that waits for standard input ends a batch at Ctrl-C, as any other does.
            let held = self.interrupts.hold(self.interactive);
            let more = feed.chunk(&mut rows);
            self.interrupts.hold(held);
            let cancelled = match more {
                _ if self.interrupts.take() => true,
                Err(error) => return self.end_rows(run, Some(&error.to_string())).await,
                Ok(false) => return self.end_rows(run, None).await,
                Ok(true) => self.send_rows(&session, &rows).await?,
            };
            if cancelled {
                return self.end_rows(run, Some("cancelled")).await;
            }
            run.progress.bytes += rows.len() as u64;
            run.progress.tick();
        }
    }

    /// True when Ctrl-C came meanwhile. A message cannot be left halfway: a second Ctrl-C gives the
    /// connection up.
    async fn send_rows(&mut self, session: &Session, rows: &[u8]) -> Result<bool, Stop> {
        // Where this fails the stream tells why.
        let mut sending = pin!(session.send_rows(rows));
        tokio::select! {
            _ = &mut sending => return Ok(false),
            _ = self.interrupts.pressed() => {}
        }
        tokio::select! {
            _ = &mut sending => Ok(true),
            _ = self.interrupts.pressed() => Err(self.give_up(session)),
        }
    }

    async fn end_rows(&mut self, run: &mut Run, failure: Option<&str>) -> Step {
        if failure.is_some() {
            run.failure = Some(Stop::Failed);
        }
        // Where this fails the stream tells why.
        let _ = run.session.end_rows(failure).await;
        Ok(())
    }

    pub(crate) fn take_copy(&mut self, run: &mut Run, copy: Copy) -> Step {
        run.copied = true;
        let Copy::Data(rows) = copy else { return Ok(()) };
        if run.cancelled {
            return Ok(());
        }
        self.count_row(run, rows.len());
        let written = self.out.write_all(&rows);
        self.written(written)?;
        self.notice_departure(run);
        Ok(())
    }
}
