//! One connection: opened, queried, cancelled.
//!
//! A task of its own drives the socket and prints notices as they come; the shell starts simple
//! queries and reads their streams, one at a time. TLS is left for later.

use std::error::Error as _;
use std::future::poll_fn;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use tokio_postgres::{
    AsyncMessage, Client, Error, NoTls, SimpleQueryMessage, SimpleQueryRow, SimpleQueryStream,
};

use crate::report::Report;
use crate::target::Target;
use crate::terminal;
use crate::wire::{Column, Copy, Heard, Tapped, Transaction, Upstream};

/// A cancel request is one small packet; a server that cannot take it in this time is not there.
const CANCEL_DEADLINE: Duration = Duration::from_secs(5);

/// Nobody should notice that the shell waits at its end.
const GOODBYE_DEADLINE: Duration = Duration::from_millis(200);

trait Socket: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Socket for S {}

/// An open connection.
pub(crate) struct Session {
    client: Client,
    heard: Heard,
    upstream: Upstream<Box<dyn Socket>>,
    sent: AtomicU64,
    last_words: Arc<Mutex<Option<String>>>,
    task: tokio::task::JoinHandle<()>,
    pub(crate) target: Target,
    pub(crate) server_version: String,
}

/// Why there is no connection.
#[derive(Debug)]
pub(crate) enum OpenError {
    /// The server asks for a password and there is none.
    PasswordNeeded,
    Refused(String),
}

/// A whole small result.
#[derive(Debug, Default)]
pub(crate) struct Fetched {
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: Vec<Vec<Option<String>>>,
}

impl Session {
    /// Connects, within the target's time limit if it has one.
    pub(crate) async fn open(target: &Target) -> Result<Self, OpenError> {
        let opening = Self::open_unlimited(target);
        match target.timeout {
            None => opening.await,
            Some(limit) => timeout(limit, opening).await.unwrap_or_else(|_| {
                let why = format!("no answer within {} s", limit.as_secs());
                Err(OpenError::Refused(unreachable_server(target, &why)))
            }),
        }
    }

    async fn open_unlimited(target: &Target) -> Result<Self, OpenError> {
        let socket = dial(target)
            .await
            .map_err(|error| OpenError::Refused(unreachable_server(target, &error.to_string())))?;
        let (tapped, heard, upstream) = Tapped::new(socket);
        let connected = target.config().connect_raw(tapped, NoTls).await;
        let (client, mut connection) = connected.map_err(|error| open_error(target, &error))?;
        let server_version = connection.parameter("server_version").unwrap_or("").to_string();
        let last_words = Arc::new(Mutex::new(None));
        let words = last_words.clone();
        let task = tokio::spawn(async move {
            while let Some(message) = poll_fn(|context| connection.poll_message(context)).await {
                match message {
                    Ok(AsyncMessage::Notice(notice)) => {
                        terminal::say_error(&Report::from(&notice).render_notice());
                    }
                    Ok(_) => {}
                    Err(error) => {
                        *words.lock().unwrap_or_else(PoisonError::into_inner) =
                            Some(explain(&error));
                        return;
                    }
                }
            }
        });
        let sent = AtomicU64::new(0);
        let target = target.clone();
        Ok(Self { client, heard, upstream, sent, last_words, task, target, server_version })
    }

    /// Whether the other end is an AerieDB node.
    pub(crate) fn is_aerie(&self) -> bool {
        self.server_version.contains("AerieDB")
    }

    /// Sends a statement. The number asks `columns` and `tag` about it.
    pub(crate) async fn start(&self, sql: &str) -> Result<(u64, SimpleQueryStream), Error> {
        let stream = self.client.simple_query_raw(sql).await?;
        Ok((self.sent.fetch_add(1, Ordering::Relaxed) + 1, stream))
    }

    /// Runs a query of the shell's own and keeps its rows. An error of the server does not end the
    /// session.
    pub(crate) async fn fetch(&self, sql: &str) -> Result<Fetched, Error> {
        let (number, stream) = self.start(sql).await?;
        let mut stream = std::pin::pin!(stream);
        let (mut fetched, mut failed) = (Fetched::default(), None);
        while let Some(message) = stream.next().await {
            match message {
                Ok(SimpleQueryMessage::Row(row)) => fetched.rows.push(owned(&row)),
                Ok(_) => {}
                Err(error) if error.as_db_error().is_some() => failed = Some(error),
                Err(error) => return Err(error),
            }
        }
        fetched.columns = self.columns(number).unwrap_or_default();
        failed.map_or(Ok(fetched), Err)
    }

    pub(crate) fn columns(&self, number: u64) -> Option<Vec<Column>> {
        self.heard.columns(number)
    }

    pub(crate) fn tag(&self, number: u64) -> Option<String> {
        self.heard.tag(number)
    }

    /// The next message of COPY in the answer to a statement: what an error of the stream stands for
    /// that is not the server's.
    pub(crate) fn copy(&self, number: u64) -> Option<Copy> {
        self.heard.copy(number)
    }

    /// Sends rows, to a server that waits for them. Must not be left halfway.
    pub(crate) async fn send_rows(&self, rows: &[u8]) -> std::io::Result<()> {
        self.send(b'd', rows).await
    }

    /// Ends the rows; with a reason, the server takes none of them.
    pub(crate) async fn end_rows(&self, failure: Option<&str>) -> std::io::Result<()> {
        match failure {
            None => self.send(b'c', &[]).await,
            Some(why) => {
                self.send(b'f', &[why.replace('\0', " ").as_bytes(), b"\0"].concat()).await
            }
        }
    }

    async fn send(&self, kind: u8, body: &[u8]) -> std::io::Result<()> {
        let length = u32::try_from(body.len() + 4).map_err(std::io::Error::other)?;
        let message = [&[kind][..], &length.to_be_bytes(), body].concat();
        let mut upstream = self.upstream.clone();
        upstream.write_all(&message).await?;
        upstream.flush().await
    }

    pub(crate) fn transaction(&self) -> Transaction {
        self.heard.transaction()
    }

    /// What the server said when it closed the connection, once.
    pub(crate) fn last_words(&self) -> Option<String> {
        self.last_words.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Says goodbye, so that the server need not wonder; waits no longer than politeness asks.
    pub(crate) async fn close(self) {
        drop(self.client);
        let _ = timeout(GOODBYE_DEADLINE, self.task).await;
    }

    /// Gives up on a server that does not answer, its running statement included.
    pub(crate) fn abandon(&self) {
        self.task.abort();
    }

    /// Asks the server to stop the running statement; tells when it cannot be asked.
    pub(crate) async fn cancel(&self) {
        let token = self.client.cancel_token();
        let request = async {
            let socket = dial(&self.target).await.map_err(|error| error.to_string())?;
            token.cancel_query_raw(socket, NoTls).await.map_err(|error| error.to_string())
        };
        match timeout(CANCEL_DEADLINE, request).await {
            Ok(Ok(())) => {}
            Ok(Err(why)) => {
                terminal::say_error(&format!("could not send a cancel request: {why}\n"))
            }
            Err(_) => terminal::say_error("could not send a cancel request: no answer\n"),
        }
    }
}

async fn dial(target: &Target) -> std::io::Result<Box<dyn Socket>> {
    if let Some(path) = target.socket_path() {
        return Ok(Box::new(UnixStream::connect(path).await?));
    }
    let socket = TcpStream::connect((target.host.as_str(), target.port)).await?;
    socket.set_nodelay(true)?;
    Ok(Box::new(socket))
}

fn unreachable_server(target: &Target, why: &str) -> String {
    format!("could not connect to {target}: {why}\nIs the server running there? See -h and -p.\n")
}

fn open_error(target: &Target, error: &Error) -> OpenError {
    let missing = error.source().is_some_and(|why| why.to_string().contains("password missing"));
    match error.as_db_error() {
        _ if missing => OpenError::PasswordNeeded,
        Some(refusal) => OpenError::Refused(Report::from(refusal).render(None)),
        None => OpenError::Refused(unreachable_server(target, &explain(error))),
    }
}

/// The error with its cause, in one line; the server's own errors in full.
pub(crate) fn explain(error: &Error) -> String {
    match (error.as_db_error(), error.source()) {
        (Some(said), _) => Report::from(said).render(None).trim_end().to_string(),
        (None, Some(why)) => format!("{error}: {why}"),
        (None, None) => error.to_string(),
    }
}

fn owned(row: &SimpleQueryRow) -> Vec<Option<String>> {
    cells(row).into_iter().map(|cell| cell.map(str::to_string)).collect()
}

/// The cells of a row. Text that breaks the promise of UTF-8 is named as such, never taken for
/// NULL.
pub(crate) fn cells(row: &SimpleQueryRow) -> Vec<Option<&str>> {
    (0..row.len()).map(|i| row.try_get(i).unwrap_or(Some("<not UTF-8>"))).collect()
}
