//! Operations, or a user's function, on all records of a scan or a query, in the background: the client is
//! told that they began, and asks with `query-show` how far they are.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use futures::StreamExt;
use store::{Bins, Store};
use tokio::time::{Instant, sleep_until};
use wire::{Message, OpKind, code};

use super::Front;
use super::ask::{Ask, Refused};
use super::jobs::{Running, Work};
use super::scan::{Scan, paced};
use super::single;

/// Records that are changed side by side, so that they share a sync.
const AT_ONCE: usize = 64;

/// Begins what `body`, the body of a message, asks for. The client is told how that went.
pub(super) fn begin<S: Store>(front: &Arc<Front<S>>, body: &[u8]) -> u8 {
    match started(front, body) {
        Ok(()) => code::OK,
        Err(refused) => refused,
    }
}

fn started<S: Store>(front: &Arc<Front<S>>, body: &[u8]) -> Result<(), Refused> {
    let scan = scan_of(body)?;
    let ops = &scan.message.ops;
    let writes = |kind| OpKind::of(kind).is_some_and(|kind| !kind.reads());
    let ask = Ask::of(scan.message, Some(model::Digest([0; 20])))?;
    let work = match &ask.function {
        Some(function) => {
            function.check(&front.functions)?;
            Work::Function
        }
        None if ops.is_empty() || !ops.iter().all(|op| writes(op.kind)) => {
            return Err(code::PARAMETER);
        }
        None => Work::Operate,
    };
    scan.cursors(&*front.store)?;
    scan.source(&*front.store)?;
    let job =
        front.info.jobs.begin(scan.id, scan.namespace, scan.set, work, scan.records_per_second);
    let (front, body) = (front.clone(), body.to_vec());
    tokio::spawn(async move {
        let ended = run(&front, &body, &job).await;
        job.end(ended.err().unwrap_or(code::OK));
    });
    Ok(())
}

fn scan_of(body: &[u8]) -> Result<Scan<'_>, Refused> {
    let (message, _) = Message::parse(body).map_err(|_| code::PARAMETER)?;
    Scan::of(message)
}

async fn run<S: Store>(front: &Front<S>, body: &[u8], job: &Running) -> Result<(), Refused> {
    let scan = scan_of(body)?;
    let store = &*front.store;
    let source = scan.source(store)?;
    let (mut seen, began) = (0, Instant::now());
    for mut cursor in scan.cursors(store)? {
        while !cursor.done() {
            job.check()?;
            let records =
                scan.next(store, source.as_ref(), Bins::None, &mut cursor, AT_ONCE).await?;
            seen += records.len() as u64;
            let changes = records.iter().map(|(set, record)| async {
                let ask = Ask::of(scan.message, Some(record.digest))?;
                let done = single::run(front, &ask.of_existing(set)).await;
                if done.result == code::OK { Ok(()) } else { Err(done.result) }
            });
            let changes: Vec<_> = changes.collect();
            let mut changes = futures::stream::iter(changes).buffered(AT_ONCE);
            while let Some(done) = changes.next().await {
                let counter = match done {
                    Ok(()) => &job.succeeded,
                    // It went meanwhile.
                    Err(code::NOT_FOUND) => continue,
                    Err(code::FILTERED_OUT) => &job.filtered,
                    Err(_) => &job.failed,
                };
                counter.fetch_add(1, Relaxed);
            }
            match scan.records_per_second {
                0 => tokio::task::yield_now().await,
                pace => sleep_until(began + paced(seen, pace)).await,
            }
        }
    }
    Ok(())
}
