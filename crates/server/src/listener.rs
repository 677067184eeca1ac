//! Accepting connections, and what both protocols do with one: read what has come, write, be told
//! that the node stops.
//!
//! [`serve`] accepts and gives each connection to one of the [`Workers`]. Nothing is shared between
//! connections while they are served: a [`Stop`] of its own tells each that it has to end, which
//! costs a read of the socket two atomic operations and no lock.

use std::collections::HashMap;
use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::BytesMut;
use futures::task::AtomicWaker;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{Id, JoinSet};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::workers::Workers;

/// Pause when the system has no more sockets to give.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Tells one connection that it has to end.
#[derive(Debug, Default)]
pub struct Stop {
    over: AtomicBool,
    /// The connection's task.
    task: AtomicWaker,
}

impl Stop {
    /// Says that the connection has to end.
    pub fn end(&self) {
        self.over.store(true, Ordering::SeqCst);
        self.task.wake();
    }

    /// Whether the connection has to end.
    pub fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }

    /// Like [`Stop::is_over`]; if not yet, the connection's task is woken then.
    pub fn poll_over(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.task.register(cx.waker());
        if self.is_over() { Poll::Ready(()) } else { Poll::Pending }
    }
}

/// Why a connection can neither be read nor written any more.
#[derive(Debug)]
pub enum Ended {
    /// The client went, or the system gave an error.
    Gone,
    /// The node stops.
    Stopped,
}

impl From<io::Error> for Ended {
    fn from(_: io::Error) -> Ended {
        Ended::Gone
    }
}

/// A client's connection.
pub struct Connection {
    /// The socket, for what is not said here.
    pub socket: TcpStream,
    /// Set when the node stops.
    pub stop: Arc<Stop>,
}

impl Connection {
    /// Appends what has come to `input`, at least one byte, as much as it has room for.
    pub async fn read(&self, input: &mut BytesMut) -> Result<(), Ended> {
        // A client that always has more is not to keep the others of its thread waiting.
        tokio::task::consume_budget().await;
        loop {
            match self.socket.try_read_buf(input) {
                Ok(0) => return Err(Ended::Gone),
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
            self.wait(|cx| self.socket.poll_read_ready(cx)).await?;
        }
    }

    /// Writes all of `bytes`. That the node stops ends a wait for a client that does not read.
    pub async fn write(&self, mut bytes: &[u8]) -> Result<(), Ended> {
        while !bytes.is_empty() {
            match self.socket.try_write(bytes) {
                Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.wait(|cx| self.socket.poll_write_ready(cx)).await?;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    async fn wait(
        &self,
        ready: impl Fn(&mut Context<'_>) -> Poll<io::Result<()>>,
    ) -> Result<(), Ended> {
        poll_fn(|cx| match self.stop.poll_over(cx) {
            Poll::Ready(()) => Poll::Ready(Err(Ended::Stopped)),
            Poll::Pending => ready(cx).map_err(Ended::from),
        })
        .await
    }
}

/// Serves the listener until `shutdown`, at most `max()` connections at a time: one more is closed at
/// once. Every connection is then stopped; those that have not ended after `drain` are dropped.
pub async fn serve<F: Future<Output = ()> + Send + 'static>(
    listener: TcpListener,
    workers: Workers,
    max: impl Fn() -> usize,
    drain: Duration,
    shutdown: CancellationToken,
    each: impl Fn(Connection) -> F + Clone + Send + 'static,
) -> io::Result<()> {
    let mut tasks = JoinSet::new();
    let mut stops: HashMap<Id, Arc<Stop>> = HashMap::new();
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            Some(ended) = tasks.join_next_with_id() => {
                stops.remove(&ended.map_or_else(|error| error.id(), |(id, ())| id));
                continue;
            }
            accepted = listener.accept() => accepted.and_then(|(socket, _)| socket.into_std()),
        };
        match accepted {
            Ok(socket) if tasks.len() < max() => {
                let stop = Arc::new(Stop::default());
                let (each, own) = (each.clone(), stop.clone());
                let serve = async move {
                    // The thread that serves it waits for it too.
                    if let Ok(socket) = TcpStream::from_std(socket) {
                        let _ = socket.set_nodelay(true);
                        each(Connection { socket, stop: own }).await;
                    }
                };
                stops.insert(workers.serve(&mut tasks, serve), stop);
            }
            Ok(socket) => drop(socket),
            Err(error) => {
                tracing::warn!("cannot accept a connection: {error}");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    stops.values().for_each(|stop| stop.end());
    let drained = timeout(drain, async { while tasks.join_next().await.is_some() {} });
    if drained.await.is_err() {
        tracing::warn!("{} connections did not end in time and are dropped", tasks.len());
        tasks.shutdown().await;
    }
    Ok(())
}
