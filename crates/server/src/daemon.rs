//! Starting and stopping a node: configuration to namespaces to listening sockets.
//!
//! Whatever keeps a node from starting is one line: what was tried, what is wrong, what to do.

use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use storage::{Device, FileDevice, MemoryDevice, Storage};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::config::{self, Config, Durability, Engine, FileSpec, HostPort, NamespaceConfig};
use crate::exec::Executor;
use crate::node::{Node, now_ms};
use crate::pg;
use namespace::Namespace;

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
        let node = Arc::new(open_node(config)?);
        let backend = Arc::new(Executor::new(node.clone()).map_err(|e| e.to_string())?);
        let shutdown = CancellationToken::new();
        let options = pg::Options {
            max_connections: config.connections_max as usize,
            ..pg::Options::default()
        };
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

fn open_node(config: &Config) -> Result<Node, String> {
    let open = |namespace: &NamespaceConfig| {
        open_namespace(namespace).map_err(|e| format!("namespace {}: {e}", namespace.name))
    };
    let namespaces = config.namespaces.iter().map(open).collect::<Result<_, String>>()?;
    Node::new(namespaces).map_err(|e| e.to_string())
}

fn open_namespace(config: &NamespaceConfig) -> model::Result<Namespace> {
    let (storage_engine, devices) = match &config.engine {
        Engine::Memory { size } => {
            ("memory", vec![Arc::new(MemoryDevice::new(*size)) as Arc<dyn Device>])
        }
        Engine::Device { files, devices } => {
            let files = files.iter().map(open_file);
            // A block device has a size of its own.
            let whole = devices.iter().map(|path| Ok(Arc::new(FileDevice::open(path, 0)?) as _));
            ("device", files.chain(whole).collect::<model::Result<_>>()?)
        }
    };
    let durability = match config.durability {
        Durability::Commit => storage::Durability::Commit,
        Durability::Memory => storage::Durability::Memory,
    };
    let options = namespace::Options {
        name: config.name.clone(),
        storage_engine,
        settings: namespace::Settings {
            default_ttl_s: config.default_ttl_s,
            nsup_period_s: config.nsup_period_s,
            durability,
            record_size_max: config.record_size_max,
            ..namespace::Settings::default()
        },
        replication_factor: config.replication_factor.into(),
        shards_per_partition: config.shards_per_partition,
    };
    let storage_options = storage::Options {
        block_size: config.write_block_size,
        record_size_max: config.record_size_max,
        durability,
        ..storage::Options::new(&config.name, new_storage_id())
    };
    Namespace::open(options, now_ms(), |each| Storage::open(devices, &storage_options, each))
}

/// A number that no storage has been named before: the time in nanoseconds, and what the process
/// draws at its start.
fn new_storage_id() -> u128 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let drawn = RandomState::new().hash_one(std::process::id());
    since.as_nanos() << 64 | u128::from(drawn)
}

fn open_file(file: &FileSpec) -> model::Result<Arc<dyn Device>> {
    if let Some(folder) = file.path.parent() {
        make_folder(folder)?;
    }
    Ok(Arc::new(FileDevice::open(&file.path, file.size)?))
}

fn make_folder(folder: &Path) -> model::Result<()> {
    std::fs::create_dir_all(folder).map_err(|e| io_error("cannot make the folder", folder, &e))
}

fn io_error(what: &str, path: &Path, error: &std::io::Error) -> model::Error {
    model::Error::new(model::ErrorKind::Io, format!("{what} {}: {error}", path.display()))
}
