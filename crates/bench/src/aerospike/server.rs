//! The server that is measured: one that runs, or a node that is started for it and ends with it.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use model::{Error, ErrorKind, Result};
use tempfile::TempDir;

use super::Args;
use crate::data::Data;
use crate::engine::failed;
use crate::meter;

/// Bytes of memory that the node gets beside what the records need: blocks of 8 MiB, some of them
/// free, and room for what is not yet defragmented.
const ROOM: u64 = 1 << 30;

/// A server of the protocol.
pub(super) struct Server {
    address: String,
    pid: Option<u32>,
    _own: Option<Own>,
}

/// A node that was started here.
struct Own {
    child: Child,
    _folder: TempDir,
}

impl Drop for Own {
    fn drop(&mut self) {
        // It has nothing to keep; a node that has ended already is what was wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    /// One that runs.
    pub(super) fn running(at: &str, pid: Option<u32>) -> Result<Server> {
        let server = Server { address: at.to_string(), pid, _own: None };
        match (pid, server.cpu()) {
            (Some(pid), None) => {
                let detail = format!("/proc/{pid}/stat cannot be read; give the server's --pid");
                Err(Error::new(ErrorKind::Parameter, detail))
            }
            _ => Ok(server),
        }
    }

    /// This program as a node with the namespace in memory, at a free port of loopback.
    pub(super) fn start(args: &Args, data: &Data) -> Result<Server> {
        let folder = tempfile::tempdir().map_err(|e| failed("cannot make a folder", &e))?;
        let size = ROOM + data.records * (data.value_size as u64 + 128) * 2;
        let namespace = &args.namespace;
        let text = format!(
            "namespace {namespace} {{\n storage-engine memory {{\n data-size {size}\n }}\n}}\n"
        );
        let file = folder.path().join("aerie.conf");
        std::fs::write(&file, text).map_err(|e| failed("cannot write a configuration", &e))?;
        let program =
            std::env::current_exe().map_err(|e| failed("cannot find this program", &e))?;
        let mut child = Command::new(program)
            .args(["--pg", "127.0.0.1:0", "--aerospike", "127.0.0.1:0", "--config"])
            .arg(&file)
            .arg("--data")
            .arg(folder.path().join("data"))
            .env("AERIE_LOG", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|e| failed("cannot start a node", &e))?;
        let said = child.stdout.take();
        let own = Own { child, _folder: folder };
        let lines = said.into_iter().flat_map(|out| BufReader::new(out).lines());
        let ready = lines.map_while(std::result::Result::ok);
        let address =
            ready.filter_map(|line| Some(line.strip_prefix("ready: aerospike ")?.to_string()));
        let silent = || Error::new(ErrorKind::Unavailable, "the node ended before it was ready");
        let address = { address }.next().ok_or_else(silent)?;
        Ok(Server { address, pid: Some(own.child.id()), _own: Some(own) })
    }

    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// User and system time of the server's process, where it is known.
    pub(super) fn cpu(&self) -> Option<Duration> {
        meter::cpu_of(&self.pid?.to_string()).ok()
    }
}
