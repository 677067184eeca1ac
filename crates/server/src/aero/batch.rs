//! Batches: many records in one message, each with a command of its own.
//!
//! 1. All rows are read first; a batch with a row that cannot be read does nothing.
//! 2. Neighbours that read the same bins are looked up together, so that their index misses and
//!    device reads overlap. Other neighbours run side by side, so that they share a sync.
//! 3. Answers go out as they come, each with its row's place; the last one is empty and says how
//!    the batch ended.

use std::ops::ControlFlow;
use std::pin::pin;

use futures::StreamExt;
use model::Digest;
use store::{Bins, Store};
use wire::batch::{Batch, Row, flags};
use wire::frame::{self, Kind};
use wire::{Field, Malformed, Message, code};

use super::Front;
use super::ask::{Ask, Refused, filter_of};
use super::dispatch::{Deadline, refuse, reply};
use super::single::{self, Done};
use super::socket::Socket;
use crate::listener::Ended;

/// Most rows of a batch, Aerospike's `batch-max-requests`.
const ROWS_MAX: u32 = 5_000;
/// Rows of one look-up or of one round of commands, whose answers are in memory together.
const AT_ONCE: usize = 128;

/// A row and what it asks for.
struct Asked<'a> {
    row: Row<'a>,
    ask: Result<Ask<'a>, Refused>,
}

impl Asked<'_> {
    /// The row's command, if it only reads bins or nothing but that the record is there.
    fn plain_read(&self) -> Option<&Ask<'_>> {
        let ask = self.ask.as_ref().ok()?;
        let more = ask.filter.is_some()
            || ask.writes()
            || ask.touch_pct().is_some()
            || ask.function.is_some();
        (!more && single::plain(&ask.message)).then_some(ask)
    }
}

/// Appends the answer to a batch.
pub(super) async fn answer<S: Store>(
    front: &Front<S>,
    socket: &mut Socket,
    message: Message<'_>,
) -> Result<(), Ended> {
    let (batch, rows) = match read(&message) {
        Ok(Some(read)) => read,
        Ok(None) => {
            reply(&mut socket.out, code::BATCH_MAX_REQUESTS);
            return Ok(());
        }
        Err(malformed) => {
            refuse(&mut socket.out, malformed);
            return Ok(());
        }
    };
    let deadline = Deadline::of(&message.header);
    let mut out = Out { result: code::OK, goes_on: batch.flags & flags::ANSWER_ALL != 0 };
    for group in groups(&rows) {
        let done = deadline.meet(socket, pin!(run(front, group))).await?;
        let Some(done) = done else {
            out.result = code::TIMEOUT;
            break;
        };
        if out.put(socket, group, &done).await?.is_break() {
            break;
        }
    }
    reply(&mut socket.out, out.result);
    Ok(())
}

/// The rows of a batch; `None` where they are too many.
fn read<'a>(message: &Message<'a>) -> Result<Option<(Batch<'a>, Vec<Asked<'a>>)>, Malformed> {
    let field = message.fields.get(Field::BATCH).ok_or(Malformed("a batch without rows"))?;
    let batch = Batch::parse(field)?;
    if batch.count > ROWS_MAX {
        return Ok(None);
    }
    // A filter that cannot be read is the answer of every row without its own.
    let filter = filter_of(message);
    let asked = |row: wire::Result<Row<'a>>| {
        let row = row?;
        let ask = Ask::of(row.message, Some(row.digest));
        let ask = ask.and_then(|ask| match ask.filter {
            None => Ok(Ask { filter: filter.clone()?, ..ask }),
            Some(_) => Ok(ask),
        });
        Ok(Asked { row, ask })
    };
    Ok(Some((batch, batch.rows().map(asked).collect::<Result<_, _>>()?)))
}

/// Neighbours that run together.
fn groups<'r, 'a>(rows: &'r [Asked<'a>]) -> impl Iterator<Item = &'r [Asked<'a>]> {
    let together = |a: &Asked<'_>, b: &Asked<'_>| match (a.plain_read(), b.plain_read()) {
        (Some(_), Some(_)) => b.row.repeats,
        (None, None) => true,
        _ => false,
    };
    rows.chunk_by(together).flat_map(|group| group.chunks(AT_ONCE))
}

/// What the commands of neighbours come to, in their order.
async fn run<S: Store>(front: &Front<S>, group: &[Asked<'_>]) -> Vec<Done> {
    if let [Asked { ask: Ok(first), .. }, _, ..] = group
        && group[0].plain_read().is_some()
        && let Some(done) = look_up(front, first, group).await
    {
        return done;
    }
    let commands = group.iter().map(|asked| async {
        match &asked.ask {
            Ok(ask) => single::run(front, ask).await,
            Err(refused) => Done::refused(*refused),
        }
    });
    let commands: Vec<_> = commands.collect();
    futures::stream::iter(commands).buffered(AT_ONCE).collect().await
}

/// Looks up all records of a group at once; `None` where that fails for one of them.
async fn look_up<S: Store>(
    front: &Front<S>,
    first: &Ask<'_>,
    group: &[Asked<'_>],
) -> Option<Vec<Done>> {
    let names = single::names(&first.message)?;
    let bins = match &names[..] {
        _ if first.no_bins() => Bins::None,
        [] => Bins::All,
        names => Bins::Named(names),
    };
    let digests: Vec<Digest> = group.iter().map(|asked| asked.row.digest).collect();
    let found = front.store.get_many(first.namespace, first.set, &digests, bins).await.ok()?;
    let done = group.iter().zip(found).map(|(asked, found)| match &asked.ask {
        Ok(ask) => single::found_one(ask, found, || front.store.now_ms()).into(),
        Err(refused) => Done::refused(*refused),
    });
    Some(done.collect())
}

/// How the batch goes.
struct Out {
    /// How it ends.
    result: u8,
    /// Whether rows that fail do not end it.
    goes_on: bool,
}

impl Out {
    /// Appends the answers of a group.
    async fn put(
        &mut self,
        socket: &mut Socket,
        group: &[Asked<'_>],
        done: &[Done],
    ) -> Result<ControlFlow<()>, Ended> {
        let mut rows = group.iter().zip(done).peekable();
        while rows.peek().is_some() {
            socket.flush_if_full().await?;
            let start = frame::begin(&mut socket.out, Kind::Message);
            while let Some((asked, done)) = rows.next_if(|_| !socket.is_full()) {
                single::put_row(&mut socket.out, asked.ask.as_ref().ok(), done, asked.row.index);
                if !self.goes_on && fails(done) {
                    self.result = done.result;
                    frame::end(&mut socket.out, start);
                    return Ok(ControlFlow::Break(()));
                }
            }
            frame::end(&mut socket.out, start);
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// Whether a row ends a batch that is to end at the first error. That a record is not there, or
/// does not pass the filter, is none.
fn fails(done: &Done) -> bool {
    !matches!(done.result, code::OK | code::NOT_FOUND | code::FILTERED_OUT)
}
