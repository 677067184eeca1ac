//! A data message, and the command that it is.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use store::Store;
use tokio::time::{Instant, timeout_at};
use wire::flags::{info1, info2, info3};
use wire::frame::{self, Kind};
use wire::{Field, Header, Malformed, Message, MessageOut, code};

use super::ask::Ask;
use super::scan::{self, Scan};
use super::single::{self, Done};
use super::socket::Socket;
use super::{Front, aggregate, background, batch};
use crate::listener::Ended;

/// Time that a command on one record or a batch may take where the client does not say.
const TIME_DEFAULT: Duration = Duration::from_secs(1);

/// Appends the answer to a data message.
pub(super) async fn answer<S: Store>(
    front: &Arc<Front<S>>,
    socket: &mut Socket,
    body: &[u8],
) -> Result<(), Ended> {
    let message = match Message::parse(body) {
        Ok((message, _)) => message,
        Err(malformed) => {
            refuse(&mut socket.out, malformed);
            return Ok(());
        }
    };
    let header = &message.header;
    if header.info1 & info1::BATCH != 0 {
        return batch::answer(front, socket, message).await;
    }
    if header.info1 & info1::READ == 0 && header.info2 & info2::WRITE == 0 {
        reply(&mut socket.out, code::PARAMETER);
        return Ok(());
    }
    let named = |field| message.fields.get(field).is_some();
    if named(Field::DIGEST) || named(Field::KEY) {
        return one_record(front, socket, message).await;
    }
    if header.info2 & info2::WRITE != 0 {
        let result = background::begin(front, body);
        reply(&mut socket.out, result);
        return Ok(());
    }
    if [Field::UDF_MODULE, Field::UDF_FUNCTION, Field::UDF_OP].into_iter().any(named) {
        return aggregate::answer(front, socket, message).await;
    }
    match Scan::of(message) {
        Ok(scan) => scan::answer(front, socket, &scan).await,
        Err(refused) => {
            reply(&mut socket.out, refused);
            Ok(())
        }
    }
}

/// A command on one record.
async fn one_record<S: Store>(
    front: &Front<S>,
    socket: &mut Socket,
    message: Message<'_>,
) -> Result<(), Ended> {
    let deadline = Deadline::of(&message.header);
    let (ask, done) = match Ask::of(message, None) {
        Ok(ask) => {
            let done = deadline.meet(socket, pin!(single::run(front, &ask))).await?;
            (Some(ask), done.unwrap_or_else(|| Done::refused(code::TIMEOUT)))
        }
        Err(refused) => (None, Done::refused(refused)),
    };
    let start = frame::begin(&mut socket.out, Kind::Message);
    single::put_row(&mut socket.out, ask.as_ref(), &done, 0);
    frame::end(&mut socket.out, start);
    Ok(())
}

/// Until when a client waits for a command.
pub(super) struct Deadline(Instant);

/// How long a client waits for a command.
pub(super) fn time_of(header: &Header) -> Duration {
    match header.timeout {
        0 => TIME_DEFAULT,
        milliseconds => Duration::from_millis(milliseconds.into()),
    }
}

impl Deadline {
    /// Of a message that came just now.
    pub(super) fn of(header: &Header) -> Deadline {
        Deadline(Instant::now() + time_of(header))
    }

    /// Runs a command, or a part of one; `None` where it takes too long. Where it has to wait, what
    /// was answered before goes out first.
    pub(super) async fn meet<T>(
        &self,
        socket: &mut Socket,
        mut work: Pin<&mut impl Future<Output = T>>,
    ) -> Result<Option<T>, Ended> {
        if let Poll::Ready(done) = futures::poll!(work.as_mut()) {
            return Ok(Some(done));
        }
        socket.flush().await?;
        Ok(timeout_at(self.0, work).await.ok())
    }
}

/// Answers a message that cannot be read.
pub(super) fn refuse(out: &mut Vec<u8>, malformed: Malformed) {
    tracing::debug!("a client sent {malformed}");
    reply(out, code::PARAMETER);
}

/// Answers with a result code alone, as the last row of a reply: who waits for several rows waits no
/// longer, and who waits for one does not look at that.
pub(super) fn reply(out: &mut Vec<u8>, result: u8) {
    let start = frame::begin(out, Kind::Message);
    let header = Header { info3: info3::LAST, result, ..Header::default() };
    MessageOut::begin(out, &header).end();
    frame::end(out, start);
}
