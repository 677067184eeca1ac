//! Starting and stopping a node: configuration to namespaces to listening sockets.
//!
//! Whatever keeps a node from starting is one line: what was tried, what is wrong, what to do.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::aero;
use crate::config::{self, Config, HostPort};
use crate::exec::Executor;
use crate::node::Node;
use crate::pg;
use crate::workers::Workers;

/// A running node.
pub struct Daemon {
    /// Where its Postgres wire listens; the port is the real one where 0 was asked for.
    pub postgres: Vec<SocketAddr>,
    /// Where Aerospike's client protocol listens, likewise.
    pub aerospike: Vec<SocketAddr>,
    node: Arc<Node>,
    shutdown: CancellationToken,
    servers: Vec<JoinHandle<std::io::Result<()>>>,
}

impl Daemon {
    /// Opens every namespace and listens. Returns when clients can connect.
    pub async fn start(config: &Config) -> Result<Daemon, String> {
        // Listening first: a port in use is known before gigabytes are read.
        let mut listeners = Vec::new();
        for at in &config.postgres {
            listeners.push(listen(at, config.insecure, "--pg").await?);
        }
        let mut aero_listeners = Vec::new();
        for at in &config.aerospike {
            aero_listeners.push(listen(at, config.insecure, "--aerospike").await?);
        }
        let node = Arc::new(Node::open(config.clone())?);
        let backend = Executor::new(node.clone(), config.queries()).map_err(|e| e.to_string())?;
        let backend = Arc::new(backend);
        let shutdown = CancellationToken::new();
        let options =
            pg::Options { max_connections: node.connections_max(), ..pg::Options::default() };
        let workers = Workers::start().map_err(|e| format!("cannot start threads: {e}"))?;
        let postgres = addresses(&listeners)?;
        let mut servers = Vec::new();
        for listener in listeners {
            let (backend, options) = (backend.clone(), options.clone());
            let serve = pg::serve(listener, backend, options, workers.clone(), shutdown.clone());
            servers.push(tokio::spawn(serve));
        }
        let aerospike = addresses(&aero_listeners)?;
        let port = aerospike.first().map_or(0, SocketAddr::port);
        let front =
            Arc::new(aero::Front::new(node.clone(), backend.locks(), &identity(config), port));
        let options =
            aero::Options { max_connections: node.connections_max(), ..aero::Options::default() };
        for listener in aero_listeners {
            let (front, options) = (front.clone(), options.clone());
            let serve = aero::serve(listener, front, options, workers.clone(), shutdown.clone());
            servers.push(tokio::spawn(serve));
        }
        Ok(Daemon { postgres, aerospike, node, shutdown, servers })
    }

    /// Ends the sessions, then closes every namespace cleanly.
    pub async fn stop(self) -> Result<(), String> {
        self.shutdown.cancel();
        for server in self.servers {
            let ended = server.await.map_err(|e| e.to_string())?;
            ended.map_err(|e| e.to_string())?;
        }
        self.node.close().map_err(|e| e.to_string())
    }
}

fn addresses(listeners: &[TcpListener]) -> Result<Vec<SocketAddr>, String> {
    listeners.iter().map(|l| l.local_addr().map_err(|e| e.to_string())).collect()
}

/// What tells this node from others, and is the same after a restart: its data folder.
fn identity(config: &Config) -> String {
    let folder = config.data_dir.as_deref().unwrap_or(".".as_ref());
    let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    folder.display().to_string()
}

async fn listen(at: &HostPort, insecure: bool, flag: &str) -> Result<TcpListener, String> {
    let addresses = config::flags::resolve(at, insecure)?;
    TcpListener::bind(&addresses[..]).await.map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => format!(
            "cannot listen on {at}: the address is in use; stop what listens there, or give \
             another with {flag} HOST:PORT (port 0 takes a free one)"
        ),
        _ => format!("cannot listen on {at}: {error}"),
    })
}
