//! A data message, and the command that it is.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use store::Store;
use tokio::time::{Instant, timeout_at};
use wire::flags::{info1, info2};
use wire::frame::{self, Kind};
use wire::{Field, Header, Malformed, Message, MessageOut, code};

use super::ask::Ask;
use super::single::{self, Done};
use super::socket::Socket;
use super::{Front, batch};
use crate::listener::Ended;

/// Bytes of a buffer that are kept from one message to the next.
pub(super) const KEEP: usize = 64 * 1024;
/// Time that a command on one record or a batch may take where the client does not say.
const TIME_DEFAULT: Duration = Duration::from_secs(1);

/// Appends the answer to a data message.
pub(super) async fn answer<S: Store>(
    front: &Front<S>,
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
    let one =
        message.fields.get(Field::DIGEST).is_some() || message.fields.get(Field::KEY).is_some();
    if !one {
        reply(&mut socket.out, code::UNSUPPORTED);
        return Ok(());
    }
    if header.info1 & info1::READ == 0 && header.info2 & info2::WRITE == 0 {
        reply(&mut socket.out, code::PARAMETER);
        return Ok(());
    }
    one_record(front, socket, message).await
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

impl Deadline {
    /// Of a message that came just now.
    pub(super) fn of(header: &Header) -> Deadline {
        let limit = match header.timeout {
            0 => TIME_DEFAULT,
            milliseconds => Duration::from_millis(milliseconds.into()),
        };
        Deadline(Instant::now() + limit)
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

/// Answers with a result code alone.
pub(super) fn reply(out: &mut Vec<u8>, result: u8) {
    let start = frame::begin(out, Kind::Message);
    MessageOut::begin(out, &Header { result, ..Header::default() }).end();
    frame::end(out, start);
}
