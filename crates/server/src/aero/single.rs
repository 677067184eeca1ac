//! Commands on one record.

use model::{Name, Record};
use store::{Bins, Change, Seen, Store, renewal};
use wire::{Header, Message, MessageOut, OpKind, code};

use super::Front;
use super::ask::{Ask, Refused, refused};
use super::operate::{self, Results};
use super::udf;

/// What a command came to.
pub(super) struct Done {
    pub(super) result: u8,
    pub(super) answer: Answer,
}

impl Done {
    pub(super) fn refused(result: Refused) -> Done {
        Done { result, answer: Answer::Nothing }
    }
}

/// What there is to tell beside the result code.
pub(super) enum Answer {
    Nothing,
    /// The record's bins, as they are: all of them, or those that the message names.
    Record(Record),
    /// The results of operations, on a record of this generation and void time (seconds since
    /// 1970-01-01 UTC).
    Results {
        results: Results,
        generation: u16,
        void_time: u32,
    },
}

impl From<Result<Answer, Refused>> for Done {
    fn from(done: Result<Answer, Refused>) -> Done {
        match done {
            Ok(answer) => Done { result: code::OK, answer },
            Err(refused) => Done::refused(refused),
        }
    }
}

/// Does what is asked, whatever it is.
pub(super) async fn run<S: Store>(front: &Front<S>, ask: &Ask<'_>) -> Done {
    match ask.writes() {
        _ if ask.function.is_some() => udf::run(front, ask).await,
        true => write(front, ask).await.into(),
        false => read(front, ask).await.into(),
    }
}

async fn read<S: Store>(front: &Front<S>, ask: &Ask<'_>) -> Result<Answer, Refused> {
    let names = names(&ask.message);
    let bins = match (&names, &ask.filter) {
        (_, Some(_)) => Bins::All,
        _ if ask.no_bins() => Bins::None,
        (Some(names), _) if !names.is_empty() => Bins::Named(names),
        _ => Bins::All,
    };
    let found = front.store.get(ask.address(), bins).await.map_err(refused)?;
    if let Some(record) = &found {
        touch_if_due(front, ask, record).await;
    }
    found_one(ask, found, || front.store.now_ms())
}

/// Gives a record that was read its whole time to live again, where less is left of it than its
/// reader says. The read succeeds even if nothing can be written.
async fn touch_if_due<S: Store>(front: &Front<S>, ask: &Ask<'_>, record: &Record) {
    let Some(pct) = ask.touch_pct() else { return };
    let Some(renew) = renewal(record, pct, front.store.now_ms()) else { return };
    let touch = |now: Seen<'_>| match now {
        Seen::Record(now) => renew(Some(now)),
        _ => Ok(Change::Keep),
    };
    if let Err(error) = front.store.modify(ask.address(), touch).await {
        tracing::debug!(digest = %ask.digest, %error, "a read could not touch its record");
    }
}

/// What a read answers that found this.
pub(super) fn found_one(
    ask: &Ask<'_>,
    found: Option<Record>,
    now_ms: impl Fn() -> u64,
) -> Result<Answer, Refused> {
    let record = found.ok_or(code::NOT_FOUND)?;
    ask.fits(&record)?;
    if ask.filter.is_some() {
        ask.passes(&record, now_ms())?;
    }
    if plain(&ask.message) {
        return Ok(Answer::Record(record));
    }
    let mut results = Results::default();
    operate::apply(ask, Some(&record), now_ms(), &mut results)?;
    let Record { generation, void_time, .. } = record;
    Ok(Answer::Results { results, generation, void_time })
}

/// The bins that a message reads, where it does nothing else; empty where it names none.
pub(super) fn names(message: &Message<'_>) -> Option<Vec<Name>> {
    if !plain(message) {
        return None;
    }
    Some(message.ops.iter().map(|op| Name::from(op.bin)).collect())
}

/// Whether a message only reads bins by name, or all.
pub(super) fn plain(message: &Message<'_>) -> bool {
    let reads = |op: wire::Op<'_>| op.kind == OpKind::Read as u8 && !op.bin.is_empty();
    message.ops.iter().all(reads) && message.header.info2 & wire::flags::info2::RESPOND_ALL_OPS == 0
}

async fn write<S: Store>(front: &Front<S>, ask: &Ask<'_>) -> Result<Answer, Refused> {
    if ask.message.ops.is_empty() && !ask.rules.delete {
        return Err(code::PARAMETER);
    }
    let wait = front.locks.wait(std::iter::once(ask.digest));
    wait.await.map_err(refused)?;
    let mut results = Results::default();
    let mut refusal = code::OK;
    let change = |seen: Seen<'_>| {
        results.clear();
        let decided = match seen {
            // What replaces or removes a record need not be able to read it.
            Seen::Damaged(_) if ask.rules.delete => Ok(Change::Delete),
            Seen::Damaged(error) => return Err(error.clone()),
            Seen::Absent => decide(ask, None, front.store.now_ms(), &mut results),
            Seen::Record(record) => decide(ask, Some(record), front.store.now_ms(), &mut results),
        };
        refusal = decided.as_ref().err().copied().unwrap_or(code::OK);
        Ok(decided.unwrap_or(Change::Keep))
    };
    let outcome = front.store.modify(ask.address(), change).await.map_err(refused)?;
    match refusal {
        code::OK => {
            let (generation, void_time) = (outcome.generation, outcome.void_time);
            Ok(Answer::Results { results, generation, void_time })
        }
        refusal => Err(refusal),
    }
}

/// What becomes of a record that is as it is.
fn decide(
    ask: &Ask<'_>,
    record: Option<&Record>,
    now_ms: u64,
    results: &mut Results,
) -> Result<Change, Refused> {
    ask.rules.admit(record)?;
    if let Some(record) = record {
        ask.fits(record)?;
        ask.passes(record, now_ms)?;
    }
    if ask.rules.delete {
        return Ok(Change::Delete);
    }
    if record.is_none() && ask.message.ops.iter().all(|op| reads(op.kind)) {
        return Err(code::NOT_FOUND);
    }
    operate::apply(ask, record, now_ms, results)
}

fn reads(kind: u8) -> bool {
    OpKind::of(kind).is_some_and(OpKind::reads)
}

/// Appends a row of a reply: what a command came to. `index` is its place in a batch.
pub(super) fn put_row(out: &mut Vec<u8>, ask: Option<&Ask<'_>>, done: &Done, index: u32) {
    let mut header = Header { result: done.result, timeout: index, ..Header::default() };
    let mut stamp = |generation: u16, void_time: u32| {
        header.generation = generation.into();
        header.ttl = wire::void_time_out(void_time);
    };
    match &done.answer {
        Answer::Nothing => MessageOut::begin(out, &header).end(),
        Answer::Record(record) => {
            stamp(record.generation, record.void_time);
            let mut row = MessageOut::begin(out, &header);
            if let Some(ask) = ask.filter(|ask| !ask.no_bins()) {
                put_bins(&mut row, &ask.message, record);
            }
            row.end();
        }
        Answer::Results { results, generation, void_time } => {
            stamp(*generation, *void_time);
            let mut row = MessageOut::begin(out, &header);
            row.encoded_ops(&results.bytes, results.count);
            row.end();
        }
    }
}

/// Appends the bins that a message names, in its order, or all.
pub(super) fn put_bins(row: &mut MessageOut<'_>, message: &Message<'_>, record: &Record) {
    let mut put = |name: &str, value: &model::Value| {
        row.op(OpKind::Read as u8, name, |out| wire::value::put(value, out));
    };
    if message.ops.is_empty() {
        return record.bins.iter().for_each(|(name, value)| put(name, value));
    }
    for op in message.ops.iter() {
        if let Some(value) = record.bin(op.bin) {
            put(op.bin, value);
        }
    }
}
