//! Aerospike's client protocol: sockets and sessions in front of a store.
//!
//! 1. [`serve`] accepts; each connection is a task of its own (`listener.rs`).
//! 2. `session.rs` reads frames, has each of them answered, in order, and writes what one read of
//!    the socket gave rise to in one write. `socket.rs` has the buffers.
//! 3. [`info`] answers names in text; users and roles are refused there and then.
//! 4. `dispatch.rs` looks at a data message and gives it to the command that it is.
//!
//! Always true: nothing is allocated for a length whose bytes have not come; a panic ends its
//! session and nothing else; what is wrong inside a frame is answered with a result code, what is
//! wrong with a frame ends the connection, since nobody knows where the next one begins.
//!
//! The codec is the crate `wire`.

mod aggregate;
mod ask;
mod background;
mod batch;
mod dispatch;
mod indexed;
pub mod info;
mod jobs;
mod operate;
mod scan;
mod session;
mod single;
mod socket;
mod udf;

use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ::udf::Functions;
use futures::FutureExt;
use store::Locks;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::exec::Operated;
use crate::listener::{self, Connection};
use crate::workers::Workers;
use info::Info;
use session::Session;
use socket::Socket;

/// What the sessions of one node share.
pub struct Front<S> {
    /// The records.
    pub store: Arc<S>,
    /// Locks of transaction blocks, which writes wait for.
    locks: Arc<Locks>,
    /// Users' functions.
    functions: Arc<Functions>,
    /// What the node says of itself.
    pub info: Info,
}

impl<S> Front<S> {
    /// In front of this store; writes wait for the blocks that hold these locks. `identity` tells
    /// the node from others, also after a restart, together with the port that it listens at.
    pub fn new(store: Arc<S>, locks: Arc<Locks>, identity: &str, port: u16) -> Front<S>
    where
        S: Operated,
    {
        let functions = store.functions().clone();
        Front { store, locks, functions, info: Info::new(identity, port) }
    }
}

/// Limits of the listener.
#[derive(Debug, Clone)]
pub struct Options {
    /// Connections at a time, which may change meanwhile; one more is closed at once.
    pub max_connections: Arc<AtomicUsize>,
    /// How long commands may take to end at shutdown.
    pub drain: Duration,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            max_connections: Arc::new(AtomicUsize::new(1_000)),
            drain: Duration::from_secs(5),
        }
    }
}

/// Serves the listener until `shutdown`. Connections that are idle are closed then, commands that
/// run are ended at their next step, and what has not left after [`Options::drain`] is dropped.
pub async fn serve<S: Operated>(
    listener: TcpListener,
    front: Arc<Front<S>>,
    options: Options,
    workers: Workers,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let max = move || options.max_connections.load(Ordering::Relaxed);
    let each = move |connection| served(connection, front.clone());
    listener::serve(listener, workers, max, options.drain, shutdown, each).await
}

/// One connection from accept to close.
async fn served<S: Operated>(connection: Connection, front: Arc<Front<S>>) {
    let Ok(local) = connection.socket.local_addr() else { return };
    front.info.connections.opened.fetch_add(1, Ordering::Relaxed);
    let mut session = Session::new(front.clone(), Socket::new(connection), local);
    if AssertUnwindSafe(session.run()).catch_unwind().await.is_err() {
        tracing::error!("a connection of an Aerospike client ended by a panic");
    }
    front.info.connections.closed.fetch_add(1, Ordering::Relaxed);
}
