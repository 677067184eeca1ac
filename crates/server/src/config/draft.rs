//! The configuration under construction: nodes of the file in, typed configuration and findings
//! out.
//!
//! 1. [`Draft::walk`] looks each node up in the settings table, reads its value by the row's kind
//!    and lets the row take it into the draft; what came of it becomes a [`Finding`].
//! 2. A namespace begins with the defaults of the table and is checked as a whole at its `}`.
//! 3. [`Draft::finish`] checks what concerns several namespaces.
//!
//! Always true: walking never stops at a wrong value, so one pass reports everything that is wrong.

use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};

use model::limits;
use namespace::{Compression, SetSettings, Settings};

use super::syntax::Node;
use super::table::{self, Kind, Setting, Status, Verdict};
use super::units::{HostPort, show_size};
use super::{Config, Durability, Engine, FileSpec, Finding, IoBackend, NamespaceConfig};

/// Most bytes of one namespace: 38 bits of 16-byte units in an index entry.
pub(super) const NAMESPACE_SIZE_MAX: u64 = 1 << 42;

/// The configuration so far.
pub(super) struct Draft {
    pub(super) config: Config,
    pub(super) findings: Vec<Finding>,
    /// Of `network.postgres`.
    pub(super) postgres_hosts: Vec<String>,
    pub(super) postgres_port: u16,
    /// Of `network.service`.
    pub(super) aerospike_hosts: Vec<String>,
    pub(super) aerospike_port: u16,
    /// The namespace being read.
    pub(super) namespace: NamespaceDraft,
    /// Which file or device belongs to which namespace.
    stores: HashMap<PathBuf, String>,
}

/// A namespace so far.
#[derive(Default)]
pub(super) struct NamespaceDraft {
    name: String,
    /// From its `storage-engine`, before anything else is read: other parameters depend on it.
    pub(super) engine: Option<EngineKind>,
    /// Parameters of the file, not of the defaults.
    given: Vec<&'static str>,
    pub(super) data_size: u64,
    pub(super) files: Vec<PathBuf>,
    pub(super) file_size: u64,
    pub(super) devices: Vec<PathBuf>,
    /// Whether a copy of all records is in memory.
    pub(super) in_memory: bool,
    pub(super) write_block_size: u32,
    pub(super) replication_factor: u16,
    pub(super) shards_per_partition: u16,
    pub(super) durability: Option<Durability>,
    pub(super) compression_level: u8,
    pub(super) direct_files: bool,
    pub(super) buffered_devices: bool,
    pub(super) io_backend: IoBackend,
    pub(super) post_write_cache: u64,
    /// `post-write-queue`, which waits for the size of a block.
    pub(super) post_write_blocks: Option<u64>,
    pub(super) record_cache: u64,
    /// What may change later; its durability and level of compression stand above until the end.
    pub(super) settings: Settings,
    /// The set whose stanza is being read.
    set: String,
}

/// Where a namespace keeps its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EngineKind {
    Memory,
    /// `memory` with a file or device behind it.
    MemoryBacked,
    Device,
}

/// Where a node stands: the contexts around it, as the table spells them and as people read them.
#[derive(Clone)]
struct Place {
    context: String,
    shown: String,
    /// Why nothing in here has an effect, where that is so.
    ignored: Option<&'static str>,
}

impl Place {
    fn of(&self, name: &str) -> String {
        if self.shown.is_empty() { name.to_owned() } else { format!("{}.{name}", self.shown) }
    }

    /// The place inside a node of this place.
    fn inside(&self, node: &Node, row: &Setting) -> Place {
        let dot = if self.context.is_empty() { "" } else { "." };
        let mut shown = self.of(&node.name);
        if let (Kind::Named(_), Some(name)) = (row.kind, node.values.first()) {
            shown = format!("{shown}.{name}");
        }
        let ignored = match row.status {
            Status::Ignored(why) => Some(why),
            _ => self.ignored,
        };
        Place { context: format!("{}{dot}{}", self.context, node.name), shown, ignored }
    }
}

impl Draft {
    /// The defaults of the table, and no namespace.
    pub(super) fn new() -> Draft {
        let mut draft = Draft {
            config: Config::empty(),
            findings: Vec::new(),
            postgres_hosts: Vec::new(),
            postgres_port: 0,
            aerospike_hosts: Vec::new(),
            aerospike_port: 0,
            namespace: NamespaceDraft::default(),
            stores: HashMap::new(),
        };
        draft.defaults("service");
        draft.defaults("network.postgres");
        draft.defaults("network.service");
        draft
    }

    /// Takes the defaults of a context. That they fit their own rows is a test.
    fn defaults(&mut self, context: &str) {
        for row in table::rows_of(context).filter(|r| !r.default.is_empty()) {
            let words = [row.default.to_owned()];
            let given = row.read(&words).expect("a default is of its own kind");
            (row.apply)(self, &given).expect("a default is allowed");
        }
    }

    pub(super) fn file(&mut self, nodes: &[Node]) {
        let top = Place { context: String::new(), shown: String::new(), ignored: None };
        self.walk(nodes, &top);
    }

    fn walk(&mut self, nodes: &[Node], place: &Place) {
        let mut seen: HashMap<&str, usize> = HashMap::new();
        for node in nodes {
            let at = self.findings.len();
            let Some(row) = table::find(&place.context, &node.name) else {
                self.unlisted(node, place);
                continue;
            };
            if !self.opens_rightly(node, row, place) {
                continue;
            }
            match row.kind {
                Kind::Block | Kind::Named(_) => self.context(node, row, place),
                _ => self.parameter(node, row, place),
            }
            if !row.many
                && let Some(before) = seen.insert(row.name, at)
            {
                self.said_again(before, node.line);
            }
        }
    }

    /// Tells of a node whose name the table does not have.
    fn unlisted(&mut self, node: &Node, place: &Place) {
        let near = table::suggest(&place.context, &node.name);
        let verdict = match place.ignored {
            Some(why) if near.is_none() => Verdict::Ignored(why.to_owned()),
            _ => Verdict::Unknown(near),
        };
        self.found(node, place, verdict);
    }

    /// Braces where the table knows a context, and only there.
    fn opens_rightly(&mut self, node: &Node, row: &Setting, place: &Place) -> bool {
        let inner = format!("{}.{}", place.context, node.name);
        let is_context = matches!(row.kind, Kind::Block | Kind::Named(_))
            || table::rows_of(inner.trim_start_matches('.')).next().is_some();
        let wrong = match (&node.children, row.kind) {
            (Some(_), _) if !is_context && place.ignored.is_none() => {
                "is a parameter, not a context; remove its `{` and `}`"
            }
            (None, Kind::Block | Kind::Named(_)) => "is a context; write `{` after it",
            _ => return true,
        };
        self.found(node, place, Verdict::Wrong(wrong.to_owned()));
        false
    }

    fn context(&mut self, node: &Node, row: &Setting, place: &Place) {
        if let Err(wrong) = row.read(&node.values) {
            return self.found(node, place, Verdict::Wrong(wrong));
        }
        let children = node.children.as_deref().unwrap_or_default();
        let inside = place.inside(node, row);
        match inside.context.as_str() {
            "namespace" => self.namespace(node, children, &inside),
            "namespace.set" => self.set_of_namespace(node, children, &inside),
            _ => self.walk(children, &inside),
        }
    }

    fn set_of_namespace(&mut self, node: &Node, children: &[Node], inside: &Place) {
        let name = node.values.first().map_or("", String::as_str);
        if let Err(wrong) = limits::check_set(name) {
            return self.wrong_namespace(node.line, &inside.shown, wrong.detail);
        }
        self.namespace.begin_set(name);
        self.walk(children, inside);
    }

    /// The settings of the set whose stanza is being read.
    pub(super) fn set(&mut self) -> &mut SetSettings {
        let NamespaceDraft { settings, set, .. } = &mut self.namespace;
        settings.sets.entry(set.clone()).or_default()
    }

    /// A draft that begins with what a namespace is.
    pub(super) fn of_namespace(config: &NamespaceConfig) -> Draft {
        let mut draft = Draft::new();
        draft.namespace = NamespaceDraft {
            name: config.name.clone(),
            engine: Some(match config.engine {
                Engine::Memory { .. } => EngineKind::Memory,
                Engine::Device { .. } => EngineKind::Device,
            }),
            write_block_size: config.write_block_size,
            durability: Some(config.settings.durability),
            compression_level: config.compression_level,
            settings: config.settings.clone(),
            ..NamespaceDraft::default()
        };
        draft
    }

    /// Takes one setting of the namespace, or of its set where one is begun.
    pub(super) fn take(&mut self, row: &'static Setting, words: &[String]) -> Result<(), String> {
        let given = row.read(words)?;
        let verdict = (row.apply)(self, &given)?;
        self.namespace.given.push(row.name);
        match verdict {
            Some(Verdict::Wrong(wrong)) => Err(wrong),
            Some(Verdict::Ignored(why)) => Err(format!("has no effect here: {why}")),
            _ => Ok(()),
        }
    }

    fn parameter(&mut self, node: &Node, row: &'static Setting, place: &Place) {
        let taken = row.read(&node.values).and_then(|given| (row.apply)(self, &given));
        let verdict = match taken {
            Ok(other) => other.unwrap_or_else(|| row.status.into()),
            Err(wrong) => Verdict::Wrong(wrong),
        };
        self.namespace.given.push(row.name);
        self.found(node, place, verdict);
        if let Some(children) = &node.children {
            self.walk(children, &place.inside(node, row));
        }
    }

    fn found(&mut self, node: &Node, place: &Place, verdict: Verdict) {
        let (path, value) = (place.of(&node.name), node.values.join(" "));
        self.findings.push(Finding { line: node.line, path, value, verdict });
    }

    fn said_again(&mut self, before: usize, line: u32) {
        if let Some(finding) = self.findings.get_mut(before)
            && !matches!(finding.verdict, Verdict::Wrong(_))
        {
            finding.verdict = Verdict::Ignored(format!("line {line} says it again"));
        }
    }

    /// A namespace: its name, its defaults, its parameters, then all of it together.
    fn namespace(&mut self, node: &Node, children: &[Node], inside: &Place) {
        let name = node.values.first().cloned().unwrap_or_default();
        let line = node.line;
        self.namespace = NamespaceDraft { name, ..NamespaceDraft::default() };
        self.defaults("namespace");
        self.defaults("namespace.storage-engine");
        self.namespace.engine = engine_of(children);
        self.namespace.given.clear();
        let from = self.findings.len();
        self.walk(children, inside);
        let draft = std::mem::take(&mut self.namespace);
        match draft.finish() {
            Ok(namespace) => self.add_namespace(namespace, line),
            // What follows from a parameter that is wrong already would only confuse.
            Err(_) if self.findings[from..].iter().any(Finding::stops) => {}
            Err(wrong) => self.wrong_namespace(line, &inside.shown, wrong),
        }
    }

    fn wrong_namespace(&mut self, line: u32, path: &str, wrong: String) {
        let verdict = Verdict::Wrong(wrong);
        self.findings.push(Finding { line, path: path.to_owned(), value: String::new(), verdict });
    }

    fn add_namespace(&mut self, namespace: NamespaceConfig, line: u32) {
        let name = namespace.name.clone();
        let path = format!("namespace.{name}");
        if self.config.namespaces.iter().any(|n| n.name == name) {
            let wrong = format!("a namespace `{name}` stands above already; give it another name");
            self.wrong_namespace(line, &path, wrong);
        }
        for store in namespace.engine.paths() {
            let Some(other) = self.stores.insert(plain(store), name.clone()) else { continue };
            let whose =
                if other == name { "twice".to_owned() } else { format!("by `{other}` too") };
            let store = store.display();
            let wrong = format!("`{store}` is used {whose}; give each namespace its own files");
            self.wrong_namespace(line, &path, wrong);
        }
        self.config.namespaces.push(namespace);
    }

    /// What concerns the whole file, then configuration and findings in the order of the file.
    pub(super) fn finish(mut self) -> (Config, Vec<Finding>) {
        self.config.postgres = places(&self.postgres_hosts, self.postgres_port);
        self.config.aerospike = places(&self.aerospike_hosts, self.aerospike_port);
        if self.config.namespaces.is_empty() && !self.findings.iter().any(Finding::stops) {
            let wrong = "the file has no namespace; add `namespace test { storage-engine memory }`";
            self.wrong_namespace(1, "namespace", wrong.to_owned());
        }
        self.findings.sort_by_key(|f| f.line);
        (self.config, self.findings)
    }
}

/// These hosts at one port; loopback where none is given.
fn places(hosts: &[String], port: u16) -> Vec<HostPort> {
    match hosts {
        [] => vec![HostPort::new(&HostPort::default().host, port)],
        hosts => hosts.iter().map(|host| HostPort::new(host, port)).collect(),
    }
}

/// The engine of a namespace, looked up ahead.
fn engine_of(children: &[Node]) -> Option<EngineKind> {
    let node = children.iter().find(|n| n.name == "storage-engine")?;
    let inner = node.children.as_deref().unwrap_or_default();
    let backed = inner.iter().any(|n| n.name == "file" || n.name == "device");
    match node.values.first()?.as_str() {
        "memory" if backed => Some(EngineKind::MemoryBacked),
        "memory" => Some(EngineKind::Memory),
        _ => Some(EngineKind::Device),
    }
}

/// A path without `.` parts, so that two spellings of one file meet. Links are not followed.
fn plain(path: &Path) -> PathBuf {
    path.components().filter(|c| *c != Component::CurDir).collect()
}

impl NamespaceDraft {
    pub(super) fn is_given(&self, name: &str) -> bool {
        self.given.contains(&name)
    }

    /// The set that what follows belongs to.
    pub(super) fn begin_set(&mut self, name: &str) {
        self.set = name.to_owned();
    }

    fn finish(self) -> Result<NamespaceConfig, String> {
        limits::check_namespace(&self.name).map_err(|e| e.detail)?;
        let blocks = |count: u64| count.saturating_mul(self.write_block_size.into());
        let cache_given = self.is_given("post-write-cache");
        let queue = self.post_write_blocks.filter(|_| !cache_given);
        Ok(NamespaceConfig {
            settings: self.settled()?,
            engine: self.engine()?,
            in_memory: self.in_memory && self.engine != Some(EngineKind::Memory),
            write_block_size: self.write_block_size,
            replication_factor: self.replication_factor,
            shards_per_partition: self.shards_per_partition,
            compression_level: self.compression_level,
            direct_io: match self.devices.is_empty() {
                true => self.direct_files,
                false => !self.buffered_devices,
            },
            io_backend: self.io_backend,
            post_write_cache: queue.map_or(self.post_write_cache, blocks),
            record_cache: self.record_cache,
            name: self.name,
        })
    }

    /// The dynamic settings, all of them together.
    pub(super) fn settled(&self) -> Result<Settings, String> {
        let mut settings = self.settings.clone();
        settings.durability = self.durability()?;
        settings.record_size_max = self.record_size()?;
        if let Compression::Zstd(level) = &mut settings.compression {
            *level = self.compression_level;
        }
        settings.check().map_err(|e| e.detail)?;
        Ok(settings)
    }

    fn engine(&self) -> Result<Engine, String> {
        let none = "it has no storage-engine; add `storage-engine memory`, or `storage-engine \
                    device` with a `file`";
        match self.engine.ok_or(none)? {
            EngineKind::Memory => Ok(Engine::Memory { size: self.data_size }),
            EngineKind::MemoryBacked | EngineKind::Device => self.device(),
        }
    }

    fn device(&self) -> Result<Engine, String> {
        let (files, devices) = (&self.files, &self.devices);
        match (files.is_empty(), devices.is_empty()) {
            (true, true) => {
                let try_this = "add `file PATH` and `filesize 16G`, or `device /dev/..`";
                return Err(format!("its storage-engine has neither file nor device; {try_this}"));
            }
            (false, false) => {
                return Err("its storage-engine has files and devices; give one kind".to_owned());
            }
            _ => {}
        }
        let (size, block) = (self.file_size, u64::from(self.write_block_size));
        let (shown, block_shown) = (show_size(size), show_size(block));
        if !files.is_empty() && size < 2 * block {
            let least = show_size(2 * block);
            return Err(format!(
                "filesize {shown} is less than two write blocks of {block_shown}; give {least} or more"
            ));
        }
        if size.saturating_mul(files.len() as u64) > NAMESPACE_SIZE_MAX {
            let most = show_size(NAMESPACE_SIZE_MAX);
            return Err(format!("its files are more than {most} together; give fewer or less"));
        }
        let files = files.iter().map(|path| FileSpec { path: path.clone(), size }).collect();
        Ok(Engine::Device { files, devices: devices.clone() })
    }

    fn durability(&self) -> Result<Durability, String> {
        let said = self.durability.filter(|_| self.is_given("durability"));
        match (self.engine, said) {
            (Some(EngineKind::Memory), Some(asked)) if asked != Durability::Memory => {
                let try_this = "give it a `file`, or leave durability out";
                Err(format!(
                    "durability {asked} cannot be kept by storage-engine memory; {try_this}"
                ))
            }
            (Some(EngineKind::Memory), _) => Ok(Durability::Memory),
            _ => Ok(self.durability.unwrap_or(Durability::Commit)),
        }
    }

    /// A record stays in one write block.
    fn record_size(&self) -> Result<u32, String> {
        let (record, block) = (self.settings.record_size_max, self.write_block_size);
        if record > block && self.is_given("max-record-size") {
            let (record, block) = (show_size(record.into()), show_size(block.into()));
            return Err(format!(
                "max-record-size {record} is more than write-block-size {block}; a record must fit a block"
            ));
        }
        Ok(record.min(block))
    }
}
