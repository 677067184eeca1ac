//! A node for tests: a process of its own on a free port, killed when dropped, also by a failing
//! test.
//!
//! Where the program is: `AERIE_BIN`, else beside the test's own program, where
//! `cargo test --workspace` puts it.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};

/// A running `aerie`.
pub struct Node {
    /// Port of its Postgres wire on 127.0.0.1.
    pub port: u16,
    /// Port of Aerospike's client protocol on 127.0.0.1.
    pub aerospike_port: u16,
    child: Child,
    _data: Option<TempDir>,
}

/// The path of `aerie`.
pub fn program() -> PathBuf {
    if let Some(program) = std::env::var_os("AERIE_BIN") {
        return program.into();
    }
    let mut path = std::env::current_exe().expect("the path of this program");
    path.pop();
    path.with_file_name("aerie")
}

/// The command `aerie` with a quiet log and nothing from the environment.
pub fn command() -> Command {
    let mut command = Command::new(program());
    for name in ["AERIE_CONFIG", "AERIE_DATA", "AERIE_PG", "AERIE_AEROSPIKE", "AERIE_INSECURE"] {
        command.env_remove(name);
    }
    command.env("AERIE_LOG", "error");
    command
}

impl Node {
    /// An embedded node on a fresh folder that goes with it.
    pub fn start() -> Node {
        let data = tempfile::tempdir().expect("a temporary folder");
        let mut node = Node::on(data.path());
        node._data = Some(data);
        node
    }

    /// An embedded node on this folder.
    pub fn on(data: &Path) -> Node {
        Node::with(command().arg("--data").arg(data))
    }

    /// The node that this command starts, on a free port, once it is ready.
    pub fn with(command: &mut Command) -> Node {
        let mut child = command
            .args(["--pg", "127.0.0.1:0", "--aerospike", "127.0.0.1:0"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| {
                let program = program().display().to_string();
                panic!("cannot start {program}: {error}; cargo build -p server, or set AERIE_BIN")
            });
        let (stdout, mut stderr) = child.stdout.take().zip(child.stderr.take()).expect("pipes");
        let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
        let mut port_of = |what: &str| {
            let Some(ready) = lines.find(|line| line.starts_with(what)) else {
                let mut log = String::new();
                let _ = stderr.read_to_string(&mut log);
                panic!("aerie ended before it was ready: {log}");
            };
            let port = ready.rsplit(':').next().and_then(|port| port.parse().ok());
            port.unwrap_or_else(|| panic!("no port in {ready:?}"))
        };
        let (port, aerospike_port) = (port_of("ready: postgres"), port_of("ready: aerospike"));
        // What it says later must not fill the pipes.
        std::thread::spawn(move || lines.for_each(drop));
        std::thread::spawn(move || std::io::copy(&mut stderr, &mut std::io::sink()));
        Node { port, aerospike_port, child, _data: None }
    }

    /// A client of namespace `database`.
    pub async fn client(&self, database: &str) -> Client {
        let config = format!("host=127.0.0.1 port={} user=test dbname={database}", self.port);
        let (client, connection) =
            tokio_postgres::connect(&config, NoTls).await.expect("the node takes a client");
        tokio::spawn(connection);
        client
    }

    /// `kill -9`, and waits for the end.
    pub fn kill(mut self) {
        self.end();
    }

    /// SIGTERM, and waits for a clean end.
    pub fn stop(mut self) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status().expect("kill runs");
        assert!(sent.success());
        let status = self.child.wait().expect("it ends");
        assert!(status.success(), "a clean stop ended with {status}");
    }

    /// Whether the process is still there.
    pub fn lives(&mut self) -> bool {
        self.child.try_wait().expect("the process is ours").is_none()
    }

    fn end(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.end();
    }
}
