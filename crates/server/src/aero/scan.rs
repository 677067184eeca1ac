//! Scans and queries: the records of a set, or of all sets, partition by partition; of a query those
//! alone that have values which an index knows (`indexed.rs`).
//!
//! 1. The request names partitions, and digests where others were left off ([`wire::query`]).
//!    Neighbours become one cursor of the store.
//! 2. Records are read a few at a time, encoded, and written out before the next ones are read: a
//!    scan is as fast as its client.
//! 3. A partition that is finished is told where the client wants to hear it, and the end is told
//!    with how the scan ended.
//!
//! Records come in the order of their digests inside a partition, always the same, so the last
//! digest that a client has seen is where it goes on.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use model::{Name, Record};
use store::{Bins, ScanCursor, Store};
use tokio::time::{Instant, sleep_until, timeout};
use wire::flags::{info1, info3};
use wire::frame::{self, Kind};
use wire::query::{Wanted, wanted};
use wire::{Field, Fields, Header, Message, MessageOut, code};

use super::Front;
use super::ask::{Ask, Refused, refused};
use super::dispatch::reply;
use super::indexed::{Asked, Source};
use super::jobs::{Job, Work};
use super::single::{self, Answer, Done};
use super::socket::Socket;
use crate::listener::Ended;

/// Records that are read at once.
const AT_ONCE: usize = 128;

/// A scan, as asked for.
pub(super) struct Scan<'a> {
    /// The client's number for it.
    pub(super) id: u64,
    pub(super) namespace: &'a str,
    /// `None` is all sets.
    pub(super) set: Option<&'a str>,
    pub(super) message: Message<'a>,
    wanted: Vec<Wanted>,
    /// Values of an index that are asked for.
    asked: Option<Asked<'a>>,
    /// Records at most.
    pub(super) most: u64,
    /// Records a second at most; 0 is as many as there are.
    pub(super) records_per_second: u32,
    /// Whether the client wants to hear of each partition that is finished.
    pub(super) tells_done: bool,
    /// How long a client may leave unread what there is for it.
    patience: Option<Duration>,
    /// When it has to be over.
    pub(super) deadline: Option<Instant>,
}

impl<'a> Scan<'a> {
    pub(super) fn of(message: Message<'a>) -> Result<Scan<'a>, Refused> {
        let (header, fields) = (&message.header, &message.fields);
        if let Some(field) = unsupported(fields) {
            tracing::debug!("field {} of a query is not supported", field.0);
            return Err(code::UNSUPPORTED);
        }
        let text = |field| fields.text(field).map_err(refused);
        let milliseconds = |ms: u32| (ms > 0).then(|| Duration::from_millis(ms.into()));
        let patience = fields.number32(Field::SOCKET_TIMEOUT).map_err(refused)?;
        let most = fields.number64(Field::MAX_RECORDS).map_err(refused)?.unwrap_or(0);
        let per_second = fields.number32(Field::RECORDS_PER_SECOND).map_err(refused)?;
        Ok(Scan {
            id: fields.number64(Field::QUERY_ID).map_err(refused)?.unwrap_or(0),
            namespace: text(Field::NAMESPACE)?.ok_or(code::PARAMETER)?,
            set: text(Field::SET)?.filter(|set| !set.is_empty()),
            wanted: wanted(fields).map_err(refused)?,
            asked: Asked::of(fields)?,
            most: if most == 0 { u64::MAX } else { most },
            records_per_second: per_second.unwrap_or(0),
            tells_done: header.info3 & info3::PARTITION_DONE == 0,
            patience: patience.and_then(milliseconds),
            deadline: milliseconds(header.timeout).map(|limit| Instant::now() + limit),
            message,
        })
    }

    /// The cursors that lead through all that is wanted.
    pub(super) fn cursors<S: Store>(&self, store: &S) -> Result<Vec<ScanCursor>, Refused> {
        let mut cursors: Vec<ScanCursor> = Vec::new();
        for wanted in &self.wanted {
            let number = wanted.partition.get();
            let position = match &wanted.after {
                Some(digest) => {
                    Some(store.scan_position_after(self.namespace, digest).map_err(refused)?)
                }
                None => None,
            };
            match cursors.last_mut() {
                Some(last) if position.is_none() && last.end == number => last.end += 1,
                _ => cursors.push(ScanCursor { position, ..ScanCursor::new(number, number + 1) }),
            }
        }
        Ok(cursors)
    }

    /// The index that answers, if values of one are asked for.
    pub(super) fn source<S: Store>(&self, store: &S) -> Result<Option<Source>, Refused> {
        let asked = self.asked.as_ref();
        asked.map(|asked| asked.source(&store.catalog(), self.namespace, self.set)).transpose()
    }

    /// The next records, with their sets.
    pub(super) async fn next<S: Store>(
        &self,
        store: &S,
        source: Option<&Source>,
        bins: Bins<'_>,
        cursor: &mut ScanCursor,
        most: usize,
    ) -> Result<Vec<(Name, Record)>, Refused> {
        if let Some(Source { index, range }) = source {
            let scan = store.index_scan(self.namespace, index, range, bins, cursor, most);
            let mut records = scan.await.map_err(refused)?;
            records.retain(|(set, _)| self.set.is_none_or(|wanted| **set == *wanted));
            return Ok(records);
        }
        let records = match self.set {
            None => store.scan_sets(self.namespace, bins, cursor, most).await,
            Some(set) => {
                let name = Name::from(set);
                let named = |record| (name.clone(), record);
                let scan = store.scan(self.namespace, set, bins, cursor, most);
                scan.await.map(|records| records.into_iter().map(named).collect())
            }
        };
        records.map_err(refused)
    }
}

/// A field that asks for what is not served.
fn unsupported(fields: &Fields<'_>) -> Option<Field> {
    fields.get(Field::WHERE).map(|_| Field::WHERE)
}

/// Appends the answer to a scan, and writes it out as it grows.
pub(super) async fn answer<S: Store>(
    front: &Front<S>,
    socket: &mut Socket,
    scan: &Scan<'_>,
) -> Result<(), Ended> {
    let short = scan.message.header.info1 & info1::SHORT_QUERY != 0;
    let Scan { id, namespace, set, records_per_second, .. } = *scan;
    let jobs = &front.info.jobs;
    let job = (!short).then(|| jobs.begin(id, namespace, set, Work::Read, records_per_second));
    let mut out = Out { scan, sent: 0, started: Instant::now(), job: job.as_deref() };
    let result = out.run(front, socket).await?.err().unwrap_or(code::OK);
    if let Some(job) = job {
        job.end(result);
    }
    reply(&mut socket.out, result);
    Ok(())
}

/// How far a scan is.
struct Out<'s, 'a> {
    scan: &'s Scan<'a>,
    sent: u64,
    started: Instant,
    /// As others see it.
    job: Option<&'s Job>,
}

impl<'a> Out<'_, 'a> {
    /// Sends what is wanted. An inner error is how the scan ends.
    async fn run<S: Store>(
        &mut self,
        front: &Front<S>,
        socket: &mut Socket,
    ) -> Result<Result<(), Refused>, Ended> {
        let (scan, store) = (self.scan, &*front.store);
        let ready = || Ok((self.ask()?, scan.cursors(store)?, scan.source(store)?));
        let (ask, cursors, source) = match ready() {
            Ok(ready) => ready,
            Err(refused) => return Ok(Err(refused)),
        };
        let names = single::names(&scan.message);
        let bins = match (&names, &ask.filter) {
            (_, Some(_)) => Bins::All,
            _ if ask.no_bins() => Bins::None,
            (Some(names), _) if !names.is_empty() => Bins::Named(names),
            _ => Bins::All,
        };
        for mut cursor in cursors {
            while !cursor.done() {
                let left = scan.most - self.sent;
                if left == 0 {
                    return Ok(Ok(()));
                }
                let from = cursor.partition;
                let most = usize::try_from(left).unwrap_or(usize::MAX).min(AT_ONCE);
                let records = match scan.next(store, source.as_ref(), bins, &mut cursor, most).await
                {
                    Ok(records) => records,
                    Err(refused) => return Ok(Err(refused)),
                };
                let some = !records.is_empty();
                self.put(socket, &ask, records, store.now_ms());
                if scan.tells_done {
                    put_done(socket, from..cursor.partition);
                }
                if let Some(job) = self.job {
                    job.succeeded.store(self.sent, Relaxed);
                    if let Err(aborted) = job.check() {
                        return Ok(Err(aborted));
                    }
                }
                if scan.deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                    return Ok(Err(code::TIMEOUT));
                }
                self.give_way(socket, some).await?;
            }
        }
        Ok(Ok(()))
    }

    /// What is asked of each record. Its digest is the record's own.
    fn ask(&self) -> Result<Ask<'a>, Refused> {
        Ask::of(self.scan.message, Some(model::Digest([0; 20])))
    }

    /// Writes out what there is much of, keeps to the pace, and lets others work.
    async fn give_way(&mut self, socket: &mut Socket, worked: bool) -> Result<(), Ended> {
        if socket.is_full() {
            match self.scan.patience {
                Some(patience) => {
                    timeout(patience, socket.flush()).await.map_err(|_| Ended::Gone)??;
                }
                None => socket.flush().await?,
            }
        }
        match self.scan.records_per_second {
            0 if worked => tokio::task::yield_now().await,
            0 => tokio::task::consume_budget().await,
            pace => {
                socket.flush().await?;
                sleep_until(self.started + paced(self.sent, pace)).await;
            }
        }
        socket.goes_on()
    }

    /// Appends a frame of records, as far as they pass the filter.
    fn put(
        &mut self,
        socket: &mut Socket,
        ask: &Ask<'_>,
        records: Vec<(Name, Record)>,
        now_ms: u64,
    ) {
        let mut start = None;
        for (set, record) in records {
            let digest = record.digest;
            let key = record.key.clone();
            let (void_time, generation) = (record.void_time, record.generation);
            let done = match self.scan.set {
                Some(_) => single::found_one(ask, Some(record), || now_ms),
                None => single::found_one(&ask.in_set(&set), Some(record), || now_ms),
            };
            let done = Done::from(done);
            if done.result == code::FILTERED_OUT {
                continue;
            }
            self.sent += 1;
            start.get_or_insert_with(|| frame::begin(&mut socket.out, Kind::Message));
            let header = Header {
                result: done.result,
                generation: generation.into(),
                ttl: wire::void_time_out(void_time),
                ..Header::default()
            };
            let mut row = MessageOut::begin(&mut socket.out, &header);
            row.field(Field::NAMESPACE, ask.namespace.as_bytes());
            row.field(Field::SET, set.as_bytes());
            row.field(Field::DIGEST, &digest.0);
            if let Some(key) = &key {
                row.key(key);
            }
            match &done.answer {
                Answer::Record(record) if !ask.no_bins() => {
                    single::put_bins(&mut row, &ask.message, record);
                }
                Answer::Results { results, .. } => row.encoded_ops(&results.bytes, results.count),
                _ => {}
            }
            row.end();
        }
        if let Some(start) = start {
            frame::end(&mut socket.out, start);
        }
    }
}

/// The time that so many records take at so many a second.
pub(super) fn paced(records: u64, per_second: u32) -> Duration {
    Duration::from_secs(records).checked_div(per_second).unwrap_or_default()
}

/// Tells which partitions are finished.
pub(super) fn put_done(socket: &mut Socket, partitions: std::ops::Range<u16>) {
    if partitions.is_empty() {
        return;
    }
    let start = frame::begin(&mut socket.out, Kind::Message);
    for partition in partitions {
        let header = Header {
            info3: info3::PARTITION_DONE,
            generation: partition.into(),
            ..Header::default()
        };
        MessageOut::begin(&mut socket.out, &header).end();
    }
    frame::end(&mut socket.out, start);
}
