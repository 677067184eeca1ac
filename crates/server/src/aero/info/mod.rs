//! The info protocol: short texts that say what the node is and does, and change it.
//!
//! 1. A request is lines of `name`, `name/of/what` or `name:key=value;key=value`; `Ask` reads one.
//! 2. `cluster.rs` says who the node is and where it is found, `stats.rs` what it holds, `config.rs`
//!    how it is set, `latency.rs` how long things took, `histogram.rs` how large and old records are;
//!    `sindex.rs` makes and lists secondary indexes, `modules.rs` keeps modules of functions; `admin.rs` does
//!    what operators ask for.
//! 3. The reply has a line `request<TAB>value` for each, in their order.
//!
//! An error is a value too: `ERROR:code:text`, with the result code of the data protocol, as since
//! Aerospike 7.2. Requests come from anybody, so a text that is not UTF-8 is read with replacement
//! characters, and values cannot break lines.

mod admin;
mod cluster;
mod config;
mod histogram;
mod latency;
mod modules;
mod sindex;
mod stats;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::atomic::AtomicU64;
use std::time::Instant;

use model::{Error, ErrorKind};

use super::jobs::Jobs;
use crate::exec::Operated;

/// The release of Aerospike whose client protocol this node speaks: clients choose by it what they
/// send.
pub const BUILD: &str = "8.1.2.0";

/// What an empty request asks for.
const DEFAULT: &[&str] =
    &["node", "edition", "build", "version", "status", "namespaces", "service"];
/// Most requests in one frame; the longest that tools send has about ten.
const REQUESTS_MAX: usize = 1024;

/// What one listener of the protocol says of its node.
pub struct Info {
    /// 16 hex digits, the first not zero.
    node_id: String,
    started: Instant,
    /// Connections of this protocol.
    pub connections: Connections,
    /// Scans that take a while.
    pub jobs: Jobs,
    windows: latency::Windows,
}

/// Connections of the protocol, as the listener counts them.
#[derive(Debug, Default)]
pub struct Connections {
    /// Accepted since the start.
    pub opened: AtomicU64,
    /// Ended since the start.
    pub closed: AtomicU64,
}

impl Info {
    /// For a node that listens at `port`. `identity` is what tells it from others, and is the same
    /// after a restart: its data folder, say.
    pub fn new(identity: &str, port: u16) -> Info {
        Info {
            node_id: cluster::node_id(identity, port),
            started: Instant::now(),
            connections: Connections::default(),
            jobs: Jobs::default(),
            windows: latency::Windows::default(),
        }
    }

    /// The reply to the body of an info frame. `local` is this end of the client's connection: an
    /// address of the node that the client can reach, also where it listens at all of them.
    pub async fn reply<S: Operated>(&self, node: &S, local: SocketAddr, body: &[u8]) -> Vec<u8> {
        let text = String::from_utf8_lossy(body);
        let mut lines: Vec<&str> = text.split('\n').filter(|line| !line.is_empty()).collect();
        if lines.is_empty() {
            lines = DEFAULT.to_vec();
        }
        lines.truncate(REQUESTS_MAX);
        let mut reply = String::new();
        for line in lines {
            let value = match self.answer(node, local, &Ask::read(line)).await {
                Ok(value) => value,
                Err(error) => refusal(&error),
            };
            reply += line;
            reply.push('\t');
            reply += &value;
            reply.push('\n');
        }
        reply.into_bytes()
    }

    async fn answer<S: Operated>(
        &self,
        node: &S,
        local: SocketAddr,
        ask: &Ask<'_>,
    ) -> model::Result<String> {
        if let Some(value) = cluster::answer(self, local, ask) {
            return value;
        }
        if let Some(value) = stats::answer(self, node, ask) {
            return value;
        }
        if let Some(value) = latency::answer(&self.windows, node, ask) {
            return value;
        }
        if let Some(value) = config::answer(node, ask).await {
            return value;
        }
        if let Some(value) = histogram::answer(node, ask).await {
            return value;
        }
        if let Some(value) = sindex::answer(node, ask).await {
            return value;
        }
        if let Some(value) = modules::answer(node, ask).await {
            return value;
        }
        match admin::answer(&self.jobs, node, ask).await {
            Some(value) => value,
            None => Err(parameter(format!("unknown info command {:?}", ask.name))),
        }
    }
}

/// An error as the protocol says it, on one line.
fn refusal(error: &Error) -> String {
    let text = error.detail.replace(['\n', '\t', ';'], " ");
    format!("ERROR:{}:{text}", error.kind.result_code())
}

fn parameter(detail: impl Into<String>) -> Error {
    Error::new(ErrorKind::Parameter, detail)
}

/// One request, taken apart.
#[derive(Debug, PartialEq, Eq)]
struct Ask<'a> {
    name: &'a str,
    /// What stands after `/`.
    of: &'a str,
    params: Vec<(&'a str, &'a str)>,
}

impl<'a> Ask<'a> {
    fn read(line: &'a str) -> Ask<'a> {
        let line = line.trim();
        let (name, rest) = line.split_once(['/', ':']).unwrap_or((line, ""));
        match line.as_bytes().get(name.len()) {
            Some(b'/') => Ask { name, of: rest, params: Vec::new() },
            _ => {
                let pairs = rest.split(';').filter(|pair| !pair.is_empty());
                let params = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
                Ask { name, of: "", params: params.collect() }
            }
        }
    }

    /// The value of a parameter.
    fn get(&self, name: &str) -> Option<&'a str> {
        self.params.iter().find(|(key, _)| *key == name).map(|(_, value)| *value)
    }

    fn need(&self, name: &str) -> model::Result<&'a str> {
        let missing = || parameter(format!("{} needs {name}=..", self.name));
        self.get(name).filter(|value| !value.is_empty()).ok_or_else(missing)
    }

    /// The namespace that is meant: `namespace=`, and `ns=` or `id=` as before Aerospike 7.2.
    fn namespace(&self) -> Option<&'a str> {
        ["namespace", "ns", "id"].into_iter().find_map(|name| self.get(name))
    }

    fn need_namespace(&self) -> model::Result<&'a str> {
        let missing = || parameter(format!("{} needs namespace=..", self.name));
        self.namespace().filter(|name| !name.is_empty()).ok_or_else(missing)
    }
}

/// `name=value` with `;` between.
fn pairs<N: AsRef<str>, V: AsRef<str>>(pairs: impl IntoIterator<Item = (N, V)>) -> String {
    let pair = |(name, value): (N, V)| format!("{}={}", name.as_ref(), value.as_ref());
    pairs.into_iter().map(pair).collect::<Vec<_>>().join(";")
}
