//! Starting and stopping a node: configuration to namespaces to listening sockets.
//!
//! Whatever keeps a node from starting is one line: what was tried, what is wrong, what to do.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::config::{self, Config, HostPort};
use crate::exec::Executor;
use crate::node::Node;
use crate::pg;

/// A running node.
pub struct Daemon {
    /// Where its Postgres wire listens; the port is the real one where 0 was asked for.
    pub postgres: Vec<SocketAddr>,
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
            listeners.push(listen(at, config.insecure).await?);
        }
        let node = Arc::new(Node::open(config.clone())?);
        let backend = Executor::new(node.clone(), config.queries()).map_err(|e| e.to_string())?;
        let backend = Arc::new(backend);
        let shutdown = CancellationToken::new();
        let options =
            pg::Options { max_connections: node.connections_max(), ..pg::Options::default() };
        let mut postgres = Vec::new();
        let mut servers = Vec::new();
        for listener in listeners {
            postgres.push(listener.local_addr().map_err(|e| e.to_string())?);
            let serve = pg::serve(listener, backend.clone(), options.clone(), shutdown.clone());
            servers.push(tokio::spawn(serve));
        }
        Ok(Daemon { postgres, node, shutdown, servers })
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

async fn listen(at: &HostPort, insecure: bool) -> Result<TcpListener, String> {
    let addresses = config::flags::resolve(at, insecure)?;
    TcpListener::bind(&addresses[..]).await.map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => format!(
            "cannot listen on {at}: the address is in use; stop what listens there, or give \
             another with --pg HOST:PORT (port 0 takes a free one)"
        ),
        _ => format!("cannot listen on {at}: {error}"),
    })
}
