//! The Postgres wire: sockets and sessions in front of a [`Backend`].
//!
//! 1. [`serve`] accepts; each connection is a task of its own (`listener.rs`).
//! 2. `startup.rs` finds out what the client wants: a session, or to cancel another one's
//!    statement.
//! 3. `session.rs` reads, decodes (`frontend.rs`), runs and answers (`wire.rs`) messages;
//!    `extended.rs` and `command.rs` hold the extended protocol and the session's own commands.
//! 4. Parameters come in through `params.rs`, rows go out through `rows.rs` (values) and `arrow.rs`
//!    (Arrow), both by the OIDs of `types.rs`.
//! 5. `guard.rs` ends a statement early: cancel, timeout, shutdown.
//!
//! Always true: nothing is allocated for a length that was not checked; a panic ends its session
//! and nothing else; a connection that is told FATAL is closed.
//!
//! Left to others: parsing, planning and running ([`Backend`]), passwords and encryption (the
//! listener refuses addresses beyond loopback).

mod arrow;
pub mod backend;
mod cache;
mod command;
mod copy;
mod extended;
mod frontend;
mod guard;
mod known_settings;
mod names;
mod numeric;
mod params;
mod portal;
mod registry;
mod rows;
mod session;
pub mod settings;
mod startup;
pub mod state;
#[cfg(test)]
mod tests;
pub mod types;
mod wire;

use std::collections::BTreeMap;
use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::BytesMut;
use futures::FutureExt;
use sql::{SqlError, SqlResult};
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

pub use backend::{
    Answer, Backend, Chunk, CopyIn, CopyOut, Field, Found, Notice, Prepared, Row, RowSource, Tag,
    Writes,
};
pub(crate) use known_settings::known_settings;
pub use settings::Settings;
pub(crate) use state::Drawn;
pub use state::{SessionState, Transaction};
pub use types::column_type;

use cache::Plans;
use guard::Guard;
use registry::Registry;
use session::Session;
use startup::Opening;
use wire::{Failure, Wire};

use crate::listener::{self, Connection};
use crate::workers::Workers;

/// Limits of the listener.
#[derive(Debug, Clone)]
pub struct Options {
    /// Sessions at a time, which may change meanwhile; one more is 53300.
    pub max_connections: Arc<AtomicUsize>,
    /// Longest message of a client, bytes: 64 MiB hold the largest record eight times.
    pub max_message: usize,
    /// Time from accept to the start-up packet; PostgreSQL's `authentication_timeout`.
    pub startup_timeout: Duration,
    /// Named prepared statements of one session.
    pub max_statements: usize,
    /// Portals and cursors of one session.
    pub max_portals: usize,
    /// How long sessions may take to end at shutdown.
    pub drain: Duration,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            max_connections: Arc::new(AtomicUsize::new(1_000)),
            max_message: 64 << 20,
            startup_timeout: Duration::from_secs(60),
            max_statements: 10_000,
            max_portals: 1_000,
            drain: Duration::from_secs(5),
        }
    }
}

impl Options {
    fn connections(&self) -> usize {
        self.max_connections.load(Ordering::Relaxed)
    }
}

/// Sockets beyond the sessions: they may be cancel requests, or wait to hear 53300.
const EXTRA_SOCKETS: usize = 100;

/// Serves the listener until `shutdown`. Running statements are then ended, every session is told
/// 57P01, and those that have not left after [`Options::drain`] are dropped.
pub async fn serve<B: Backend>(
    listener: TcpListener,
    backend: Arc<B>,
    options: Options,
    workers: Workers,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let registry = Arc::new(Registry::default());
    let plans = Arc::new(Plans::new());
    let (drain, of_max) = (options.drain, options.clone());
    let max = move || of_max.connections() + EXTRA_SOCKETS;
    let each = move |connection| {
        served(connection, backend.clone(), plans.clone(), registry.clone(), options.clone())
    };
    listener::serve(listener, workers, max, drain, shutdown, each).await
}

/// One connection from accept to close.
async fn served<B: Backend>(
    connection: Connection,
    backend: Arc<B>,
    plans: Arc<Plans<B>>,
    registry: Arc<Registry>,
    options: Options,
) {
    let stop = connection.stop.clone();
    let mut wire = Wire::new(connection);
    let mut input = BytesMut::new();
    let opened = timeout(options.startup_timeout, startup::open(&mut wire, &mut input)).await;
    match opened {
        Err(_) => {}
        Ok(Err(failure)) => dismiss(wire, failure).await,
        Ok(Ok(Opening::Cancel { pid, secret })) => registry.cancel(pid, &secret),
        Ok(Ok(Opening::Session { parameters, long_secret })) => {
            let Some(place) = registry.enter(options.connections(), long_secret) else {
                let error = SqlError::new("53300", "sorry, too many clients already")
                    .hint(format!("at most {} are served at a time", options.connections()));
                return dismiss(wire, Failure::Fatal(error)).await;
            };
            let namespaces = backend.namespaces();
            let state = match first_state(place.pid, parameters, namespaces, &options) {
                Ok(state) => state,
                Err(error) => return dismiss(wire, Failure::Fatal(error)).await,
            };
            let guard = Guard::new(place.interrupt.clone(), stop);
            let mut session = Session::new(backend, plans, options, wire, state, guard);
            let failure = match welcome(&mut session, &place.secret) {
                Ok(()) => run(&mut session, input).await,
                Err(failure) => failure,
            };
            session.abandon().await;
            drop(place);
            dismiss(session.wire, failure).await;
        }
    }
}

/// Runs the session. A panic ends it as an internal error.
async fn run<B: Backend>(session: &mut Session<B>, input: BytesMut) -> Failure {
    let pid = session.state.pid;
    AssertUnwindSafe(session.run(input)).catch_unwind().await.unwrap_or_else(|_| {
        tracing::error!("session {pid} ended by a panic");
        Failure::Fatal(
            SqlError::new("XX000", "internal error: the session has to end")
                .hint("connect again; the server's log says more"),
        )
    })
}

/// Tells the client why it has to go, and closes.
async fn dismiss(mut wire: Wire, failure: Failure) {
    if let Failure::Fatal(error) | Failure::Statement(error) = failure {
        tracing::debug!("a session ends: {error}");
        wire.error("FATAL", &error);
        wire.close().await;
    }
}

/// What a session begins with: user, database and settings of the start-up packet.
fn first_state(
    pid: i32,
    mut parameters: BTreeMap<String, String>,
    namespaces: Vec<String>,
    options: &Options,
) -> SqlResult<SessionState> {
    let user = parameters.remove("user").filter(|user| !user.is_empty()).ok_or_else(|| {
        SqlError::new("28000", "no PostgreSQL user name specified in startup packet")
    })?;
    let database = parameters.remove("database").filter(|d| !d.is_empty());
    let database = database.unwrap_or_else(|| user.clone());
    let home = home_namespace(&database, &user, &namespaces)?;
    if let Some(value) = parameters.remove("replication")
        && !matches!(value.to_ascii_lowercase().as_str(), "false" | "off" | "no" | "0" | "")
    {
        return Err(SqlError::unsupported("replication connections are not supported"));
    }
    let mut state = SessionState::new(pid, user.clone(), database, home.clone(), namespaces);
    state.settings.begin_with("session_authorization", user);
    state.settings.begin_with("search_path", home);
    state.settings.begin_with("max_connections", options.connections().to_string());
    if let Some(line) = parameters.remove("options") {
        startup_options(&mut state, &line)?;
    }
    for (name, value) in &parameters {
        state.set(name, Some(value), false)?;
    }
    // Nobody asked for a zone by hand: drivers send their own, and times are in UTC regardless.
    state.take_notices();
    state.settings.keep_as_start();
    Ok(state)
}

/// The namespace that a database name means.
fn home_namespace(database: &str, user: &str, namespaces: &[String]) -> SqlResult<String> {
    let exact = namespaces.iter().find(|n| *n == database);
    let default = || {
        let alias = matches!(database, "postgres" | "aerie") || database == user;
        namespaces.first().filter(|_| alias)
    };
    exact.or_else(default).cloned().ok_or_else(|| {
        SqlError::new("3D000", format!("database \"{database}\" does not exist"))
            .hint(format!("a database is a namespace here; there are: {}", namespaces.join(", ")))
    })
}

/// `-c name=value` and `--name=value`, separated by spaces; a backslash keeps the next character.
fn startup_options(state: &mut SessionState, line: &str) -> SqlResult<()> {
    let mut words = split_options(line).into_iter();
    while let Some(word) = words.next() {
        let pair = match (word.as_str(), word.strip_prefix("-c"), word.strip_prefix("--")) {
            ("-c", ..) => words.next().unwrap_or_default(),
            (_, Some(joined), _) => joined.to_string(),
            (_, _, Some(long)) => long.to_string(),
            _ => {
                let message = format!("invalid command-line argument for server process: {word}");
                return Err(SqlError::new("42601", message).hint("give -c name=value"));
            }
        };
        let Some((name, value)) = pair.split_once('=') else {
            return Err(SqlError::new("42601", format!("-c {pair} requires a value")));
        };
        state.set(&name.trim().replace('-', "_"), Some(value), false)?;
    }
    Ok(())
}

fn split_options(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        let last = words.len() - 1;
        match c {
            '\\' => words[last].extend(chars.next()),
            c if c.is_whitespace() => words.push(String::new()),
            c => words[last].push(c),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Everything between the start-up packet and the first ReadyForQuery.
fn welcome<B: Backend>(session: &mut Session<B>, secret: &[u8]) -> Result<(), Failure> {
    startup::welcome(&mut session.wire)?;
    let settings = &session.state.settings;
    for (setting, value) in settings.all().filter(|(setting, _)| setting.reported) {
        session.wire.parameter_status(setting.name, value);
    }
    startup::key_data(&mut session.wire, session.state.pid, secret)?;
    session.ready();
    Ok(())
}
