//! What the node is told: the `aerospike.conf` stanzas that operators know, and flags above them.
//!
//! 1. `syntax.rs` reads text into nodes with lines.
//! 2. `draft.rs` takes each node through the settings table (`table.rs`; its rows are in `rows.rs`)
//!    into a typed [`Config`], and notes what became of it as a [`Finding`].
//! 3. `flags.rs` lays environment and flags over that: defaults, file, environment, flags.
//! 4. `kept.rs` lays what SQL made and changed over that, from `namespaces.conf` in the data folder,
//!    and makes of a statement's settings what the file would have made of them.
//! 5. `check.rs` writes the findings out for `aerie config check`, and the table as a sample file
//!    and a reference page.
//!
//! Always true: a file is taken whole or not at all; every parameter of it has a finding; nothing
//! that would weaken a promise (encryption, a shadow device, a misspelt name) is passed over.
//! Opening files, devices and sockets is left to the node.

mod check;
mod draft;
pub mod flags;
mod kept;
mod near;
mod rows;
mod syntax;
mod table;
#[cfg(test)]
mod tests;
mod units;

use std::fmt;
use std::path::{Path, PathBuf};

use namespace::Settings;

use draft::Draft;

pub use check::{Report, check, check_text, reference, sample};
pub use kept::{KEPT_FILE, Kept, Shown};
pub use namespace::Durability;
pub use table::{Kind, Setting, Status, Verdict, settings};
pub use units::HostPort;

/// All that the node needs to know to start.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Where the Postgres wire listens.
    pub postgres: Vec<HostPort>,
    /// Most client connections at a time.
    pub connections_max: u32,
    /// Bytes of memory that running queries share for sorting, grouping and joining.
    pub query_memory: u64,
    /// Bytes on disk that running queries share for what does not fit there.
    pub query_spill_size: u64,
    /// Whether addresses beyond loopback are allowed without authentication. A flag only.
    pub insecure: bool,
    /// Filter of the log, as `tracing` reads it; `None` leaves it to the daemon.
    pub log: Option<String>,
    /// What is served, in the order of the file; never empty.
    pub namespaces: Vec<NamespaceConfig>,
    /// Folder of the data files and of what SQL changes; `None` keeps no changes.
    pub data_dir: Option<PathBuf>,
    /// Where Aerospike's client protocol listens.
    pub aerospike: Vec<HostPort>,
    /// Where administration would listen; kept for the release that serves it.
    pub admin: Listen,
}

impl Config {
    /// No namespace, no address: where a draft begins.
    fn empty() -> Config {
        Config {
            postgres: Vec::new(),
            connections_max: 0,
            query_memory: 0,
            query_spill_size: 0,
            insecure: false,
            log: None,
            namespaces: Vec::new(),
            data_dir: None,
            aerospike: Vec::new(),
            admin: Listen::default(),
        }
    }
}

/// Addresses and a port as the file has them, not looked up.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Listen {
    /// Addresses, interfaces or `any`.
    pub addresses: Vec<String>,
    /// The port, where one is given.
    pub port: Option<u16>,
}

/// One namespace.
#[derive(Debug, Clone, PartialEq)]
pub struct NamespaceConfig {
    /// Its name, checked against the limits of the model.
    pub name: String,
    /// Where its records are.
    pub engine: Engine,
    /// Bytes of a write block: a power of two from 128 KiB to 8 MiB.
    pub write_block_size: u32,
    /// Whether a copy of all records of the files or devices is in memory.
    pub in_memory: bool,
    /// Copies wished for; one node keeps one.
    pub replication_factor: u16,
    /// Parts of each partition's index: a power of two from 1 to 64.
    pub shards_per_partition: u16,
    /// Level of `compression zstd`, 1 to 9, whether or not it is in use.
    pub compression_level: u8,
    /// Whether files and devices are read and written past the system's page cache.
    pub direct_io: bool,
    /// How files and devices are asked.
    pub io_backend: IoBackend,
    /// Bytes of memory for the write blocks that were written last.
    pub post_write_cache: u64,
    /// Bytes of memory for records that are read often; 0 is none.
    pub record_cache: u64,
    /// What may change while it runs. Its largest record is never more than a write block, of which
    /// storage needs a part itself.
    pub settings: Settings,
}

impl NamespaceConfig {
    /// `memory` or `device`, as the file says it.
    fn engine_word(&self) -> &'static str {
        match (&self.engine, self.in_memory) {
            (Engine::Device { .. }, false) => "device",
            _ => "memory",
        }
    }

    fn files_shown(&self) -> String {
        match &self.engine {
            Engine::Device { files, .. } => joined(files.iter().map(|file| file.path.as_path())),
            Engine::Memory { .. } => String::new(),
        }
    }

    fn file_size_shown(&self) -> String {
        match &self.engine {
            Engine::Device { files, .. } => {
                files.first().map(|file| units::show_size(file.size)).unwrap_or_default()
            }
            Engine::Memory { .. } => String::new(),
        }
    }

    fn devices_shown(&self) -> String {
        match &self.engine {
            Engine::Device { devices, .. } => joined(devices.iter().map(PathBuf::as_path)),
            Engine::Memory { .. } => String::new(),
        }
    }

    fn data_size_shown(&self) -> String {
        match self.engine {
            Engine::Memory { size } => units::show_size(size),
            Engine::Device { .. } => String::new(),
        }
    }
}

fn joined<'a>(paths: impl Iterator<Item = &'a Path>) -> String {
    paths.map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

/// How files and devices are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IoBackend {
    /// The best that the system has.
    #[default]
    Auto,
    /// Linux's io_uring.
    Uring,
    /// A pool of threads.
    Pool,
}

impl IoBackend {
    fn word(self) -> &'static str {
        match self {
            IoBackend::Auto => "auto",
            IoBackend::Uring => "uring",
            IoBackend::Pool => "pool",
        }
    }
}

/// Where records are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Engine {
    /// In memory, gone when the process ends.
    Memory {
        /// Most bytes of records.
        size: u64,
    },
    /// In files, or on block devices used whole: one of the lists is empty, not both. Blocks go to
    /// several in turn.
    Device {
        /// Files that grow up to their size.
        files: Vec<FileSpec>,
        /// Block devices, of the size they have.
        devices: Vec<PathBuf>,
    },
}

impl Engine {
    /// Every file and device.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        let (files, devices): (&[FileSpec], &[PathBuf]) = match self {
            Engine::Memory { .. } => (&[], &[]),
            Engine::Device { files, devices } => (files, devices),
        };
        files.iter().map(|f| f.path.as_path()).chain(devices.iter().map(PathBuf::as_path))
    }
}

/// A data file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSpec {
    /// Its path.
    pub path: PathBuf,
    /// Most bytes it may grow to.
    pub size: u64,
}

/// What became of one parameter of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Its line, from 1.
    pub line: u32,
    /// Contexts and name with dots: `namespace.user_data.default-ttl`.
    pub path: String,
    /// Its value as written.
    pub value: String,
    /// What the node makes of it.
    pub verdict: Verdict,
}

impl Finding {
    /// Whether the node does not start because of it.
    pub fn stops(&self) -> bool {
        matches!(self.verdict, Verdict::Unknown(_) | Verdict::Wrong(_))
    }
}

/// Why a configuration cannot be used: `file:line: what, what to try`, one line for one problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// The file, or where else the text comes from.
    pub origin: String,
    /// Lines and what is wrong there, in order; line 0 stands for the file as a whole. Never empty.
    pub problems: Vec<(u32, String)>,
}

impl ConfigError {
    fn one(origin: &str, line: u32, text: String) -> ConfigError {
        ConfigError { origin: origin.to_owned(), problems: vec![(line, text)] }
    }
}

impl fmt::Display for ConfigError {
    /// One line: the first problem, and how to see the others.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origin = &self.origin;
        match self.problems.first() {
            Some((0, text)) => write!(f, "{origin}: {text}")?,
            Some((line, text)) => write!(f, "{origin}:{line}: {text}")?,
            None => write!(f, "{origin}: cannot be used")?,
        }
        match self.problems.len() {
            0 | 1 => Ok(()),
            n => write!(f, " (and {} more: aerie config check {origin})", n - 1),
        }
    }
}

impl std::error::Error for ConfigError {}

impl From<ConfigError> for model::Error {
    fn from(error: ConfigError) -> model::Error {
        model::Error::new(model::ErrorKind::Parameter, error.to_string())
    }
}

/// Reads and checks a configuration file.
pub fn load(path: &Path) -> Result<(Config, Vec<Finding>), ConfigError> {
    parse(&read(path)?, &path.display().to_string())
}

/// Checks a configuration's text; `origin` names it in errors.
pub fn parse(text: &str, origin: &str) -> Result<(Config, Vec<Finding>), ConfigError> {
    let (config, findings) = examine(text, origin)?;
    let wrong = |f: &Finding| f.stops().then(|| (f.line, f.sentence()));
    let problems: Vec<(u32, String)> = findings.iter().filter_map(wrong).collect();
    match problems.is_empty() {
        true => Ok((config, findings)),
        false => Err(ConfigError { origin: origin.to_owned(), problems }),
    }
}

/// The configuration without a file: `test` on a file in `data_dir`, `mem` in memory.
pub fn embedded_default(data_dir: &Path) -> Config {
    let text = "namespace test { storage-engine device { file test.dat } }
                namespace mem { storage-engine memory }";
    let (mut config, _) = parse(text, "built-in").expect("the built-in configuration is sound");
    config.below(data_dir);
    config
}

impl Config {
    /// The limits of queries. What they put on disk is beside the data, and gone after a restart.
    pub fn queries(&self) -> query::Options {
        query::Options {
            memory_size: usize::try_from(self.query_memory).unwrap_or(usize::MAX),
            spill_folder: self.data_dir.as_ref().map(|folder| folder.join("query-spill")),
            spill_size: self.query_spill_size,
            ..query::Options::default()
        }
    }

    /// Puts relative data files below a folder, which becomes the data folder.
    fn below(&mut self, folder: &Path) {
        self.namespaces.iter_mut().for_each(|namespace| namespace.below(folder));
        self.data_dir = Some(folder.to_owned());
    }

    /// Whether a data file's path is relative to the data folder.
    fn has_relative_files(&self) -> bool {
        self.namespaces.iter().any(|n| n.engine.paths().any(Path::is_relative))
    }
}

impl NamespaceConfig {
    fn below(&mut self, folder: &Path) {
        if let Engine::Device { files, .. } = &mut self.engine {
            // An absolute path stays what it is.
            files.iter_mut().for_each(|f| f.path = folder.join(&f.path));
        }
    }
}

fn read(path: &Path) -> Result<String, ConfigError> {
    let origin = path.display().to_string();
    let fail = |why: String| ConfigError::one(&origin, 0, why);
    let bytes = std::fs::read(path).map_err(|e| fail(format!("cannot be read: {e}")))?;
    String::from_utf8(bytes).map_err(|e| {
        let good = &e.as_bytes()[..e.utf8_error().valid_up_to()];
        let line = good.iter().filter(|b| **b == b'\n').count() as u32 + 1;
        let why = "has bytes that are not UTF-8; is this a configuration file?";
        ConfigError::one(&origin, line, why.to_owned())
    })
}

/// Reads text through the table; only the syntax can fail here.
fn examine(text: &str, origin: &str) -> Result<(Config, Vec<Finding>), ConfigError> {
    if text.len() > syntax::FILE_SIZE_MAX {
        let most = units::show_size(syntax::FILE_SIZE_MAX as u64);
        let why = format!("is larger than {most}; is this a configuration file?");
        return Err(ConfigError::one(origin, 0, why));
    }
    let nodes = syntax::read(text, &table::is_name)
        .map_err(|e| ConfigError::one(origin, e.line, e.text))?;
    let mut draft = Draft::new();
    draft.file(&nodes);
    Ok(draft.finish())
}
