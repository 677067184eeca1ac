//! One connection: frames in, answers out, in order.

use std::net::SocketAddr;
use std::sync::Arc;

use wire::frame::{self, Frame, Kind};
use wire::{code, compress};

use super::socket::{KEEP, Socket};
use super::{Front, dispatch};
use crate::exec::Operated;
use crate::listener::Ended;

/// Bytes of a security answer: the result code is the second.
const SECURITY_SIZE: usize = 16;

/// What one connection has.
pub(super) struct Session<S> {
    front: Arc<Front<S>>,
    socket: Socket,
    /// This end of the connection.
    local: SocketAddr,
    /// The message inside a compressed one.
    unpacked: Vec<u8>,
}

impl<S: Operated> Session<S> {
    pub(super) fn new(front: Arc<Front<S>>, socket: Socket, local: SocketAddr) -> Session<S> {
        Session { front, socket, local, unpacked: Vec::new() }
    }

    /// Serves the connection until it ends.
    pub(super) async fn run(&mut self) {
        let Err(ended) = self.serve().await;
        tracing::debug!("a connection of an Aerospike client ends: {ended:?}");
    }

    async fn serve(&mut self) -> Result<std::convert::Infallible, Ended> {
        loop {
            loop {
                match self.socket.frame() {
                    Ok(Some((frame, body))) => self.answer(frame, &body).await?,
                    Ok(None) => break,
                    Err(malformed) => {
                        tracing::debug!("a client sent {malformed}");
                        self.socket.flush().await?;
                        return Err(Ended::Gone);
                    }
                }
                self.socket.flush_if_full().await?;
            }
            self.socket.flush().await?;
            self.socket.read().await?;
        }
    }

    /// Appends the answer to one frame.
    async fn answer(&mut self, frame: Frame, body: &[u8]) -> Result<(), Ended> {
        match frame.kind {
            Kind::Info => {
                let front = &self.front;
                let reply = front.info.reply(&*front.store, self.local, body).await;
                let start = frame::begin(&mut self.socket.out, Kind::Info);
                self.socket.out.extend_from_slice(&reply);
                frame::end(&mut self.socket.out, start);
                Ok(())
            }
            Kind::Security => {
                let mut reply = [0; SECURITY_SIZE];
                reply[1] = code::SECURITY_UNSUPPORTED;
                let start = frame::begin(&mut self.socket.out, Kind::Security);
                self.socket.out.extend_from_slice(&reply);
                frame::end(&mut self.socket.out, start);
                Ok(())
            }
            Kind::Message => dispatch::answer(&self.front, &mut self.socket, body).await,
            Kind::Compressed => {
                let mut unpacked = std::mem::take(&mut self.unpacked);
                let done = match compress::unpack(body, &mut unpacked) {
                    Ok(body) => dispatch::answer(&self.front, &mut self.socket, body).await,
                    Err(malformed) => {
                        dispatch::refuse(&mut self.socket.out, malformed);
                        Ok(())
                    }
                };
                // Few messages are long: the room is given back.
                unpacked.clear();
                unpacked.shrink_to(KEEP);
                self.unpacked = unpacked;
                done
            }
        }
    }
}
