//! A data message, and the command that it is.

use wire::frame::{self, Kind};
use wire::{Header, Malformed, Message, MessageOut, code};

use super::Front;
use super::socket::Socket;
use crate::exec::Operated;
use crate::listener::Ended;

/// Bytes of a buffer that are kept from one message to the next.
pub(super) const KEEP: usize = 64 * 1024;

/// Appends the answer to a data message.
pub(super) async fn answer<S: Operated>(
    _front: &Front<S>,
    socket: &mut Socket,
    body: &[u8],
) -> Result<(), Ended> {
    match Message::parse(body) {
        Ok(_) => reply(&mut socket.out, code::UNSUPPORTED),
        Err(malformed) => refuse(&mut socket.out, malformed),
    }
    Ok(())
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
