//! A node for the tests: its own process on a free port, with its data in a temp folder. Both go
//! when the [`Node`] is dropped, also by a failing test.
//!
//! Where the program is: `AERIE_BIN`, else beside this test's own program, where
//! `cargo test --workspace` puts it.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// A running server.
pub(crate) struct Node {
    /// Postgres wire on 127.0.0.1.
    pub(crate) port: u16,
    process: Option<(Child, tempfile::TempDir)>,
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some((child, _data)) = &mut self.process {
            child.kill().ok();
            child.wait().ok();
        }
    }
}

/// The server of `SLT_TEST_PORT`, else a new node with its two built-in namespaces.
pub(crate) fn start_node() -> Node {
    if let Ok(port) = std::env::var("SLT_TEST_PORT") {
        let port = port.parse().expect("SLT_TEST_PORT is a port number");
        return Node { port, process: None };
    }
    let (program, data) = (program(), tempfile::tempdir().expect("a temp folder"));
    let mut command = Command::new(&program);
    command.args(["--pg", "127.0.0.1:0", "--data"]).arg(data.path()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| {
        panic!(
            "cannot start {}: {error}; cargo build -p server, or set AERIE_BIN",
            program.display()
        )
    });
    let output = BufReader::new(child.stdout.take().expect("a piped stdout"));
    let port = ready_port(output.lines().map_while(Result::ok));
    Node { port, process: Some((child, data)) }
}

fn program() -> PathBuf {
    if let Some(program) = std::env::var_os("AERIE_BIN") {
        return program.into();
    }
    let mut path = std::env::current_exe().expect("the path of this program");
    path.pop();
    path.with_file_name("aerie")
}

/// The port of the ready line; the rest of the output is read to its end, so that the node never
/// waits for a reader.
fn ready_port(mut lines: impl Iterator<Item = String> + Send + 'static) -> u16 {
    let ready = lines.find(|line| line.starts_with("ready:")).expect("a ready line");
    let port = ready.split_whitespace().find_map(|word| word.strip_prefix("127.0.0.1:"));
    let port = port.and_then(|port| port.parse().ok());
    std::thread::spawn(move || lines.for_each(drop));
    port.unwrap_or_else(|| panic!("no port in {ready:?}"))
}
