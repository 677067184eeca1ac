//! The node that is fed: in this process, on a free port, in memory.

use server::config::{self, Config, HostPort};
use server::daemon::Daemon;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

/// Tables of every kind: keys of one and of several columns, none, all types.
pub(crate) const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS people (id int8 PRIMARY KEY, name varchar(20) NOT NULL DEFAULT 'x',
        age int4, city text, tags text[]);
    CREATE TABLE IF NOT EXISTS pairs (a text, b int8, v text, PRIMARY KEY (a, b));
    CREATE TABLE IF NOT EXISTS kinds (id text PRIMARY KEY, b bool, i2 int2, i4 int4, i8 int8, f4 real,
        f8 float8, n numeric(20,5), t text, by bytea, d date, ts timestamp, tz timestamptz, u uuid,
        j jsonb, ia int8[], ta text[]);
    CREATE TABLE IF NOT EXISTS keyless (a int8, b text);
    UPSERT INTO people (id, name, age, city, tags) VALUES (1, 'ann', 30, 'Oslo', '{a,b}'),
        (2, 'bob', NULL, 'Rome', NULL), (3, 'cid', 2147483647, '', '{}');
    UPSERT INTO pairs VALUES ('x', 1, 'one'), ('x', 9223372036854775807, NULL);
    UPSERT INTO kinds VALUES ('all', true, 32767, -2147483648, 9223372036854775807, 1.5, 1e308,
        99999999999999.99999, 'ä', '\\x00ff', '2024-02-29', '2024-02-29 23:59:59.999999',
        '1970-01-01 00:00:00+00', '00000000-0000-0000-0000-000000000000', '{\"a\": [1, null]}',
        '{1,NULL}', '{\"x y\"}'), ('null', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
        NULL, NULL, NULL, NULL, NULL, NULL);
    INSERT INTO keyless VALUES (1, 'a'), (1, 'a');
    UPSERT INTO loose (PK, v, w) VALUES ('k', 1, 'w'), ('l', 'two', 2.5);";

/// A node with its folder and its threads.
pub(crate) struct Node {
    runtime: Option<Runtime>,
    daemon: Option<Daemon>,
    pub(crate) port: u16,
    pub(crate) aerospike_port: u16,
    _folder: TempDir,
}

/// A configuration whose namespaces live in memory.
pub(crate) fn config(folder: &TempDir) -> Config {
    let mut config = config::embedded_default(folder.path());
    config.namespaces.retain(|namespace| namespace.name == "mem");
    config.postgres = vec![HostPort::new("127.0.0.1", 0)];
    config.aerospike = vec![HostPort::new("127.0.0.1", 0)];
    config
}

/// A runtime as the daemon has it.
pub(crate) fn runtime() -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(2)
        .thread_stack_size(server::STACK_SIZE)
        .enable_all()
        .build()
        .expect("threads")
}

impl Node {
    /// A node that serves.
    pub(crate) fn start() -> Node {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let runtime = runtime();
        let daemon = runtime.block_on(Daemon::start(&config(&folder))).expect("a node");
        let (port, aerospike_port) = (daemon.postgres[0].port(), daemon.aerospike[0].port());
        let (runtime, daemon) = (Some(runtime), Some(daemon));
        Node { runtime, daemon, port, aerospike_port, _folder: folder }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            if let Some(daemon) = self.daemon.take() {
                runtime.block_on(daemon.stop()).expect("a clean end");
            }
            runtime.shutdown_background();
        }
    }
}
