//! The daemon's command line: `aerie [flags]`, `aerie config ..`, `aerie demo`, `aerie bench ..`.
//!
//! Each flag has an environment variable. They lie over the configuration file, which lies over the
//! defaults: [`NodeFlags::config`] does all of it. [`resolve`] is the gate before a socket is bound.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};

use clap::builder::FalseyValueParser;
use clap::{Args as ClapArgs, Parser, Subcommand};

use super::{Config, ConfigError, Finding, HostPort, embedded_default, load};

/// Where an embedded node keeps its data unless told otherwise.
pub const DATA_DIR: &str = "./aerie-data";

/// `aerie`: a node of AerieDB.
#[derive(Debug, Clone, Parser)]
#[command(name = "aerie", version, about = "A node of AerieDB", max_term_width = 100)]
pub struct Args {
    /// How to start the node.
    #[command(flatten)]
    pub node: NodeFlags,
    /// What to do instead of starting it.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Flags of a node.
#[derive(Debug, Clone, Default, ClapArgs)]
pub struct NodeFlags {
    /// Configuration file, in the stanzas of aerospike.conf; without it an embedded node starts
    #[arg(long, env = "AERIE_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Folder of the data files [default: ./aerie-data, or as the configuration file says]
    #[arg(long, env = "AERIE_DATA", value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Address of the Postgres wire; port 0 takes a free one [default: 127.0.0.1:5432]
    #[arg(long, env = "AERIE_PG", value_name = "HOST:PORT")]
    pub pg: Option<HostPort>,
    /// Address of Aerospike's client protocol; port 0 takes a free one [default: 127.0.0.1:3000]
    #[arg(long, env = "AERIE_AEROSPIKE", value_name = "HOST:PORT")]
    pub aerospike: Option<HostPort>,
    /// Listen beyond loopback although no authentication is configured
    #[arg(long, env = "AERIE_INSECURE", value_parser = FalseyValueParser::new())]
    pub insecure: bool,
    /// What to log: a level, or target=level pairs
    #[arg(long, env = "AERIE_LOG", value_name = "FILTER")]
    pub log: Option<String>,
}

/// What `aerie` does besides being a node.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Work on configuration files
    Config {
        /// Which work.
        #[command(subcommand)]
        action: ConfigCommand,
    },
    /// Start an embedded node with sample data and take a tour
    Demo(DemoFlags),
    /// Measure this machine with AerieDB on it
    Bench {
        /// What of it.
        #[command(subcommand)]
        action: BenchCommand,
    },
}

/// What can be measured.
#[derive(Debug, Clone, Subcommand)]
pub enum BenchCommand {
    /// The engine in this process, without a node or a socket
    Engine(Box<bench::Args>),
    /// A node, through Aerospike's client protocol
    Aerospike(Box<bench::aerospike::Args>),
}

/// Work on configuration files.
#[derive(Debug, Clone, Subcommand)]
pub enum ConfigCommand {
    /// Say of each parameter what the node makes of it; status 1 if it would not start
    Check {
        /// The file.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Print a sample configuration file
    Sample,
    /// Print all parameters as a page of Markdown
    Reference,
}

/// Flags of the demonstration.
#[derive(Debug, Clone, Default, ClapArgs)]
pub struct DemoFlags {
    /// End after the tour
    #[arg(long)]
    pub exit: bool,
    /// Folder of the data files [default: a fresh one]
    // No variable: the tour does not belong into a folder that something else is told to use.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Address of the Postgres wire; port 0 takes a free one [default: 127.0.0.1:5432]
    #[arg(long, env = "AERIE_PG", value_name = "HOST:PORT")]
    pub pg: Option<HostPort>,
}

impl NodeFlags {
    /// The configuration that holds: defaults, then the file, then environment and flags. Findings
    /// are those of the file.
    pub fn config(&self) -> Result<(Config, Vec<Finding>), ConfigError> {
        let (config, findings) = match &self.config {
            Some(file) => load(file)?,
            None => (embedded_default(Path::new("")), Vec::new()),
        };
        Ok((merge(config, self), findings))
    }

    /// The folder that relative data files are in.
    pub fn data_dir(&self) -> &Path {
        match (&self.data, &self.config) {
            (Some(folder), _) => folder,
            (None, Some(_)) => Path::new(""),
            (None, None) => Path::new(DATA_DIR),
        }
    }
}

/// Lays flags over a configuration whose relative data files have no folder yet.
fn merge(mut config: Config, flags: &NodeFlags) -> Config {
    // Without a folder of its own a node of a configuration file has one only if files are in it.
    let kept = flags.data.is_some() || flags.config.is_none() || config.has_relative_files();
    config.below(flags.data_dir());
    if !kept {
        config.data_dir = None;
    }
    if let Some(at) = &flags.pg {
        config.postgres = vec![at.clone()];
    }
    if let Some(filter) = &flags.log {
        config.log = Some(filter.clone());
    }
    config.insecure |= flags.insecure;
    match &flags.aerospike {
        Some(at) => config.aerospike = vec![at.clone()],
        None if !config.insecure => config.aerospike = closed(&config.aerospike),
        None => {}
    }
    config
}

/// The places of a file, loopback for those that other machines can reach: files of Aerospike say
/// `address any` as a rule, and their nodes are to start all the same.
fn closed(places: &[HostPort]) -> Vec<HostPort> {
    let mut closed = Vec::new();
    for at in places {
        let at = match at.is_open() {
            true => HostPort::new(&HostPort::default().host, at.port),
            false => at.clone(),
        };
        if !closed.contains(&at) {
            closed.push(at);
        }
    }
    closed
}

/// Looks up where to listen; try the addresses in turn. An address that other machines can reach is
/// refused unless `insecure`: nobody would ask them for a password.
pub fn resolve(at: &HostPort, insecure: bool) -> Result<Vec<SocketAddr>, String> {
    let cannot = |why: String| format!("cannot listen on {at}: {why}");
    let found = (at.host.as_str(), at.port).to_socket_addrs();
    let found: Vec<SocketAddr> = found.map_err(|e| cannot(e.to_string()))?.collect();
    if found.is_empty() {
        return Err(cannot("the name has no address".to_owned()));
    }
    let open = found.iter().any(|a| !a.ip().to_canonical().is_loopback());
    if open && !insecure {
        return Err(cannot(
            "no authentication is configured, and other machines could connect; listen on \
             127.0.0.1, or say --insecure if that is meant"
                .to_owned(),
        ));
    }
    Ok(found)
}
