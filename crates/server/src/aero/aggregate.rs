//! A user's function on the stream of records of a scan: `filter`, `map`, `aggregate` and the first
//! `reduce` run here, what comes out goes to the client, which does the rest.
//!
//! Records go to the function's threads a few at a time and values come back; nothing waits for the
//! scan but this connection.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use model::{Name, Record, Value};
use store::{Bins, Store};
use tokio::time::{Instant, sleep_until};
use udf::{Call, Failure, Input, Part, StreamRun};
use wire::frame::{self, Kind};
use wire::{Header, Message, MessageOut, OpKind, code, value};

use super::Front;
use super::ask::{Ask, Refused};
use super::dispatch::reply;
use super::jobs::{Job, Work};
use super::scan::{Scan, paced, put_done};
use super::socket::Socket;
use super::udf::{FAILURE, Function, SUCCESS};
use crate::functions::{Cancel, waited};
use crate::listener::Ended;

/// Records that a stream is given at once.
const AT_ONCE: usize = 128;

/// Appends the answer to a query with an aggregation, and writes it out as it grows.
pub(super) async fn answer<S: Store>(
    front: &Front<S>,
    socket: &mut Socket,
    message: Message<'_>,
) -> Result<(), Ended> {
    let asked = Function::of(&message).and_then(|function| {
        let digest = Some(model::Digest([0; 20]));
        Ok((function.ok_or(code::PARAMETER)?, Scan::of(message)?, Ask::of(message, digest)?))
    });
    let (function, scan, ask) = match asked {
        Ok(asked) => asked,
        Err(refused) => {
            reply(&mut socket.out, refused);
            return Ok(());
        }
    };
    let call = function.call(&message);
    let _cancel = Cancel(call.cancelled.clone());
    let pace = scan.records_per_second;
    let job = front.info.jobs.begin(scan.id, scan.namespace, scan.set, Work::Aggregate, pace);
    let mut work = Aggregate { front, scan: &scan, ask: &ask, seen: 0, job: &job };
    let result = match work.run(socket, call).await? {
        Ok(()) => code::OK,
        Err(Stopped::Refused(refused)) => refused,
        Err(Stopped::Failed(failure)) => {
            tracing::debug!("a client's function failed: {failure}");
            put(socket, FAILURE, &[Value::String(failure.to_string())]).await?;
            code::UDF
        }
    };
    job.end(result);
    reply(&mut socket.out, result);
    Ok(())
}

/// Why a stream has no end.
enum Stopped {
    Refused(Refused),
    Failed(Failure),
}

impl From<Refused> for Stopped {
    fn from(refused: Refused) -> Stopped {
        Stopped::Refused(refused)
    }
}

impl From<Failure> for Stopped {
    fn from(failure: Failure) -> Stopped {
        Stopped::Failed(failure)
    }
}

struct Aggregate<'a, S> {
    front: &'a Front<S>,
    scan: &'a Scan<'a>,
    ask: &'a Ask<'a>,
    /// Records so far.
    seen: u64,
    job: &'a Job,
}

impl<S: Store> Aggregate<'_, S> {
    async fn run(&mut self, socket: &mut Socket, call: Call) -> Result<Result<(), Stopped>, Ended> {
        let functions = self.front.functions.clone();
        let mut run = match waited(|then| functions.stream(call, Part::Beside, then)).await {
            Ok(run) => run,
            Err(failure) => return Ok(Err(failure.into())),
        };
        let began = Instant::now();
        let store = &*self.front.store;
        let ready = || Ok((self.scan.cursors(store)?, self.scan.source(store)?));
        let (cursors, source) = match ready() {
            Ok(ready) => ready,
            Err(refused) => return Ok(Err(Stopped::Refused(refused))),
        };
        let partitions = cursors.iter().map(|cursor| cursor.partition..cursor.end);
        let partitions: Vec<_> = partitions.collect();
        for mut cursor in cursors {
            while !cursor.done() && self.seen < self.scan.most {
                let left = self.scan.most - self.seen;
                let most = usize::try_from(left).unwrap_or(usize::MAX).min(AT_ONCE);
                let next = self.scan.next(store, source.as_ref(), Bins::All, &mut cursor, most);
                let records = match next.await {
                    Ok(records) => records,
                    Err(refused) => return Ok(Err(refused.into())),
                };
                let (on, values) = match self.feed(run, records).await {
                    Ok(fed) => fed,
                    Err(failure) => return Ok(Err(failure.into())),
                };
                run = on;
                put(socket, SUCCESS, &values).await?;
                if let ControlFlow::Break(stopped) = self.stopped() {
                    return Ok(Err(stopped.into()));
                }
                match self.scan.records_per_second {
                    0 => tokio::task::yield_now().await,
                    pace => sleep_until(began + paced(self.seen, pace)).await,
                }
                socket.goes_on()?;
            }
        }
        let values = match waited(|then| functions.finish(run, then)).await {
            Ok(values) => values,
            Err(failure) => return Ok(Err(failure.into())),
        };
        put(socket, SUCCESS, &values).await?;
        if self.scan.tells_done {
            partitions.into_iter().for_each(|partitions| put_done(socket, partitions));
        }
        Ok(Ok(()))
    }

    /// Gives the stream records, as far as they pass the filter.
    async fn feed(
        &mut self,
        run: StreamRun,
        mut records: Vec<(Name, Record)>,
    ) -> Result<(StreamRun, Vec<Value>), Failure> {
        let now_ms = self.front.store.now_ms();
        records.retain(|(set, record)| self.ask.in_set(set).passes(record, now_ms).is_ok());
        self.seen += records.len() as u64;
        self.job.succeeded.store(self.seen, Relaxed);
        let functions: Arc<_> = self.front.functions.clone();
        waited(|then| functions.feed(run, Input::Records(records, now_ms), then)).await
    }

    /// Whether somebody or the time ends it.
    fn stopped(&self) -> ControlFlow<Refused> {
        if let Err(aborted) = self.job.check() {
            return ControlFlow::Break(aborted);
        }
        match self.scan.deadline {
            Some(deadline) if deadline <= Instant::now() => ControlFlow::Break(code::TIMEOUT),
            _ => ControlFlow::Continue(()),
        }
    }
}

/// Appends a row for each value, as the bin of this name.
async fn put(socket: &mut Socket, bin: &str, values: &[Value]) -> Result<(), Ended> {
    for one in values {
        socket.flush_if_full().await?;
        let start = frame::begin(&mut socket.out, Kind::Message);
        let mut row = MessageOut::begin(&mut socket.out, &Header::default());
        row.op(OpKind::Read as u8, bin, |out| value::put(one, out));
        row.end();
        frame::end(&mut socket.out, start);
    }
    Ok(())
}
