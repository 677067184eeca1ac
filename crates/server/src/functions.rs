//! Users' functions on records of a store, for Aerospike's clients and SQL alike.
//!
//! A function runs on threads of its own (crate `udf`) on the record as it was read, and no lock is
//! held meanwhile: a function that computes for long keeps nobody from the record. What it makes of
//! the record is written if the record is still the one that it has seen; else it is called again with
//! what is there now. So each call has happened at one moment, as if it had been alone, and of
//! calls that meet on one record one always gets through.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use model::{Error, ErrorKind, Name, Record, Result, Value};
use store::{Address, Bins, Change, Locks, Outcome, Seen, Store};
use tokio::sync::oneshot;
use udf::{Call, Failure, Functions, Subject, Then};

/// What a function on a record came to.
pub(crate) struct Applied {
    /// What it returned.
    pub(crate) result: Value,
    /// Generation of the record after it, 0 where there is none.
    pub(crate) generation: u16,
    /// Second since 1970-01-01 UTC from which the record is gone; 0 = never, or absent.
    pub(crate) void_time: u32,
}

/// Calls a function on a record. `admit` says whether the record, as it was read, may be worked on;
/// its error is the answer if not.
pub(crate) async fn apply<S: Store, E: From<Error>>(
    store: &S,
    locks: &Arc<Locks>,
    functions: &Functions,
    at: Address<'_>,
    call: &Call,
    admit: impl Fn(Option<&Record>) -> std::result::Result<(), E>,
) -> std::result::Result<Applied, E> {
    let set = Name::from(at.set);
    loop {
        locks.wait(std::iter::once(at.digest)).await?;
        let record = store.get(at, Bins::All).await?;
        admit(record.as_ref())?;
        let seen = record.as_ref().map(Version::of);
        let stays = record.as_ref().map_or((0, 0), |r| (r.generation, r.void_time));
        let subject = Subject {
            record,
            digest: at.digest,
            set: set.clone(),
            key: at.key.cloned(),
            now_ms: store.now_ms(),
        };
        let done = one(functions, call, subject).await.map_err(Error::from)?;
        let result = done.result;
        if done.change == Change::Keep {
            let (generation, void_time) = stays;
            return Ok(Applied { result, generation, void_time });
        }
        if let Some(outcome) = write(store, at, seen, done.change).await? {
            let Outcome { generation, void_time, .. } = outcome;
            return Ok(Applied { result, generation, void_time });
        }
    }
}

/// What tells one state of a record from another.
#[derive(PartialEq, Eq, Clone, Copy)]
struct Version {
    generation: u16,
    lut_ms: u64,
    void_time: u32,
}

impl Version {
    fn of(record: &Record) -> Version {
        let Record { generation, lut_ms, void_time, .. } = *record;
        Version { generation, lut_ms, void_time }
    }
}

/// Writes what a function made of a record; `None` where the record is not the one that it has seen.
async fn write<S: Store>(
    store: &S,
    at: Address<'_>,
    seen: Option<Version>,
    change: Change,
) -> Result<Option<Outcome>> {
    let mut moved = false;
    let decide = |now: Seen<'_>| {
        moved = now.record()?.map(Version::of) != seen;
        Ok(if moved { Change::Keep } else { change.clone() })
    };
    let outcome = store.modify(at, decide).await?;
    Ok((!moved).then_some(outcome))
}

async fn one(
    functions: &Functions,
    call: &Call,
    subject: Subject,
) -> std::result::Result<udf::Done, Failure> {
    // Each attempt is cancelled when nobody waits for it any more.
    let call = Call { cancelled: Arc::default(), ..call.clone() };
    let _guard = Cancel(call.cancelled.clone());
    waited(|then| functions.record(call, subject, then)).await
}

/// What a thread of the functions' comes to with what `start` gives it.
pub(crate) async fn waited<T: Send + 'static>(
    start: impl FnOnce(Then<T>),
) -> std::result::Result<T, Failure> {
    let (send, receive) = oneshot::channel();
    start(Box::new(move |done| drop(send.send(done))));
    let lost = || Failure::Runtime("the function was lost in an internal error".to_string());
    receive.await.unwrap_or_else(|_| Err(lost()))
}

/// Ends a call when it is dropped.
pub(crate) struct Cancel(pub(crate) Arc<AtomicBool>);

impl Drop for Cancel {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Arguments that no function can take: they would not fit into its memory.
pub(crate) fn check_args(bytes: usize) -> Result<()> {
    /// Bytes of a call's encoded arguments at most, as many as a record's.
    const ARGS_MAX: usize = model::limits::RECORD_SIZE_DEFAULT;
    if bytes <= ARGS_MAX {
        return Ok(());
    }
    let detail = format!("the arguments have {bytes} bytes; at most {ARGS_MAX} are allowed");
    Err(Error::new(ErrorKind::Parameter, detail))
}
