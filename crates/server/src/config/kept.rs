//! What SQL made and changed, kept in `namespaces.conf` in the data folder.
//!
//! 1. [`Kept::load`] reads the file after the configuration; its stanzas are those of the
//!    configuration file. One with a `storage-engine` is a namespace that SQL made; any other
//!    changes dynamic settings of a namespace that the configuration file has.
//! 2. [`Kept::config`] lays that over the configuration.
//! 3. A statement changes a copy ([`Kept::create`], [`Kept::alter`], [`Kept::forget`],
//!    [`Kept::set_node`]), which is saved before anything else happens: [`Kept::save`] is the moment
//!    from which a change holds.
//!
//! Always true: what is kept can be read back, and a start from it gives the settings that the
//! statement was answered with. Starting and stopping namespaces is left to the node.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::path::{Component, Path, PathBuf};

use model::{Error, ErrorKind, Result, limits};

use super::draft::Draft;
use super::syntax::{self, Node};
use super::table::{self, Kind, Setting, Show, Status, Verdict};
use super::{Config, ConfigError, NamespaceConfig, read, units};

/// Name of the file.
pub const KEPT_FILE: &str = "namespaces.conf";

/// Longest value that a statement may give: a path of the longest that Linux has.
const VALUE_MAX: usize = 4096;

const HEAD: &str = "\
# What SQL made and changed: CREATE and ALTER NAMESPACE, ALTER TABLE .. SET, SET CONFIG.
# The node reads this after its configuration file and writes it anew at each change: edit it only
# while the node is stopped. A stanza with a storage-engine is a namespace that SQL made; any other
# changes one of the configuration file.
";

/// The configuration, and what SQL made of it.
#[derive(Debug, Clone)]
pub struct Kept {
    /// What the configuration file and the flags say.
    base: Config,
    service: Vec<Word>,
    namespaces: BTreeMap<String, Stanza>,
}

/// What is said of one namespace.
#[derive(Debug, Clone, Default)]
struct Stanza {
    line: u32,
    words: Vec<Word>,
    sets: BTreeMap<String, Vec<Word>>,
}

/// A setting as it is written.
#[derive(Debug, Clone)]
struct Word {
    /// Its line in the file; 0 when a statement says it.
    line: u32,
    name: String,
    value: String,
}

/// A setting that cannot be taken.
struct Refused {
    line: u32,
    error: Error,
}

impl Refused {
    fn new(line: u32, kind: ErrorKind, detail: String) -> Refused {
        Refused { line, error: Error::new(kind, detail) }
    }

    fn wrong(line: u32, detail: String) -> Refused {
        Refused::new(line, ErrorKind::Parameter, detail)
    }
}

/// One row of `SHOW CONFIG`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// Namespace; `None` for the node's own.
    pub namespace: Option<String>,
    /// Set, where it is said of one.
    pub set: Option<String>,
    /// The stanzas around it, with dots: `namespace.storage-engine`.
    pub context: &'static str,
    /// Name of the setting, as the configuration file spells it.
    pub name: &'static str,
    /// The value that holds, if there is one.
    pub value: Option<String>,
    /// What a number counts: `bytes`, `seconds`, `%`.
    pub unit: Option<&'static str>,
    /// Whether a running node may change it.
    pub dynamic: bool,
    /// What it is for.
    pub help: &'static str,
}

impl Shown {
    /// The value of a size, in bytes.
    pub fn bytes(&self) -> Option<u64> {
        let value = self.value.as_deref().filter(|_| self.unit == Some("bytes"))?;
        units::size(value).ok()
    }
}

impl Kept {
    /// Reads what is kept beside this configuration. Where nothing is kept yet, nothing is changed.
    pub fn load(base: Config) -> std::result::Result<Kept, ConfigError> {
        let mut kept = Kept { base, service: Vec::new(), namespaces: BTreeMap::new() };
        let Some(path) = kept.path().filter(|path| path.exists()) else { return Ok(kept) };
        let origin = path.display().to_string();
        let text = read(&path)?;
        let tree = syntax::read(&text, &table::is_name)
            .map_err(|e| ConfigError::one(&origin, e.line, e.text))?;
        let broken = |refused: Refused| {
            let remedy = "correct the line, or remove its stanza to forget the change";
            let text = format!("{}; {remedy}", refused.error.detail);
            ConfigError::one(&origin, refused.line, text)
        };
        tree.iter().try_for_each(|node| kept.stanza(node)).map_err(broken)?;
        kept.effective().map_err(broken)?;
        Ok(kept)
    }

    /// As a node without a data folder has it.
    #[cfg(test)]
    pub(super) fn base_without_folder(&mut self) {
        self.base.data_dir = None;
    }

    fn path(&self) -> Option<PathBuf> {
        self.base.data_dir.as_ref().map(|folder| folder.join(KEPT_FILE))
    }

    /// Whether changes survive a restart.
    pub fn keeps(&self) -> bool {
        self.base.data_dir.is_some()
    }

    fn stanza(&mut self, node: &Node) -> std::result::Result<(), Refused> {
        let children = node.children.as_deref().unwrap_or_default();
        match (node.name.as_str(), &node.values[..]) {
            ("service", []) => self.service = words(children),
            ("namespace", [name]) => {
                let mut stanza = Stanza { line: node.line, ..Stanza::default() };
                for child in children {
                    match (child.name.as_str(), &child.values[..]) {
                        ("set", [set]) => {
                            let inner = child.children.as_deref().unwrap_or_default();
                            stanza.sets.insert(set.clone(), words(inner));
                        }
                        _ => stanza.words.extend(words(std::slice::from_ref(child))),
                    }
                }
                if self.namespaces.insert(name.clone(), stanza).is_some() {
                    let wrong = format!("a namespace {name} stands above already");
                    return Err(Refused::wrong(node.line, wrong));
                }
            }
            (other, _) => {
                let wrong = format!("`{other}` is neither `service` nor `namespace NAME`");
                return Err(Refused::wrong(node.line, wrong));
            }
        }
        Ok(())
    }

    /// The configuration that holds.
    pub fn config(&self) -> Result<Config> {
        self.effective().map_err(|refused| refused.error)
    }

    fn effective(&self) -> std::result::Result<Config, Refused> {
        let mut config = self.with_service()?;
        let names = self.base.namespaces.iter().map(|n| &n.name);
        let made = self.namespaces.keys().filter(|name| self.base_of(name).is_none());
        config.namespaces = names
            .chain(made)
            .map(|name| self.namespace(name))
            .collect::<std::result::Result<_, _>>()?;
        for (at, namespace) in config.namespaces.iter().enumerate() {
            for path in namespace.engine.paths() {
                let uses = |n: &&NamespaceConfig| n.engine.paths().any(|other| other == path);
                if let Some(other) = config.namespaces[..at].iter().find(uses) {
                    let line = self.namespaces.get(&namespace.name).map_or(0, |s| s.line);
                    let (path, other) = (path.display(), &other.name);
                    let wrong = format!("`{path}` is used by namespace {other} already");
                    return Err(Refused::wrong(line, wrong));
                }
            }
        }
        Ok(config)
    }

    fn with_service(&self) -> std::result::Result<Config, Refused> {
        let mut draft = Draft::new();
        draft.config = self.base.clone();
        for word in &self.service {
            let row = table::find("service", &word.name);
            let row = dynamic(row, "service", word)?;
            take(&mut draft, row, word)?;
        }
        Ok(draft.config)
    }

    fn base_of(&self, name: &str) -> Option<&NamespaceConfig> {
        self.base.namespaces.iter().find(|n| n.name == name)
    }

    /// One namespace as it is to be.
    fn namespace(&self, name: &str) -> std::result::Result<NamespaceConfig, Refused> {
        match (self.base_of(name), self.namespaces.get(name)) {
            (Some(base), None) => Ok(base.clone()),
            (Some(base), Some(stanza)) if !stanza.is_made() => stanza.over(base),
            (None, Some(stanza)) if stanza.is_made() => {
                let mut namespace = stanza.alone(name)?;
                if let Some(folder) = &self.base.data_dir {
                    namespace.below(folder);
                }
                Ok(namespace)
            }
            (Some(_), Some(stanza)) => {
                let wrong = format!(
                    "namespace {name} was made by SQL, and the configuration file has one of this \
                     name too; remove one of them"
                );
                Err(Refused::wrong(stanza.line, wrong))
            }
            (None, Some(stanza)) => {
                let wrong = format!(
                    "namespace {name} has no storage-engine here and is not in the configuration \
                     file; put it back there"
                );
                Err(Refused::wrong(stanza.line, wrong))
            }
            (None, None) => {
                let wrong = format!("namespace {name:?} does not exist");
                Err(Refused::new(0, ErrorKind::NamespaceNotFound, wrong))
            }
        }
    }

    /// Adds a namespace. Without a `storage-engine` it is on a file of its own, in memory where
    /// there is no data folder.
    pub fn create(&mut self, name: &str, settings: &[(String, String)]) -> Result<NamespaceConfig> {
        limits::check_namespace(name)?;
        one_word(name)?;
        if self.base_of(name).is_some() || self.namespaces.contains_key(name) {
            let detail = format!("namespace \"{name}\" already exists");
            return Err(Error::new(ErrorKind::KeyExists, detail));
        }
        let mut stanza = Stanza::default();
        for (name, value) in settings {
            stanza.words.push(Word { line: 0, name: name.clone(), value: plain(value)? });
        }
        self.complete(name, &mut stanza)?;
        self.namespaces.insert(name.to_owned(), stanza);
        self.config()?;
        self.namespace(name).map_err(|refused| refused.error)
    }

    fn complete(&self, name: &str, stanza: &mut Stanza) -> Result<()> {
        let has = |stanza: &Stanza, name: &str| stanza.words.iter().any(|w| w.name == name);
        let word = |name: &str, value: String| Word { line: 0, name: name.to_owned(), value };
        let stored = has(stanza, "file") || has(stanza, "device");
        if !has(stanza, "storage-engine") {
            let memory = has(stanza, "data-size") || !(stored || self.keeps());
            let engine = if memory { "memory" } else { "device" };
            stanza.words.insert(0, word("storage-engine", engine.to_owned()));
        }
        let device = stanza.words.iter().any(|w| w.name == "storage-engine" && w.value == "device");
        if device && !stored {
            stanza.words.push(word("file", self.file_of(name)?));
        }
        for path in stanza.words.iter().filter(|w| w.name == "file") {
            let path = Path::new(&path.value);
            if path.components().any(|part| part == Component::ParentDir) {
                let detail = format!("the file {} leads out of its folder by ..", path.display());
                return Err(Error::new(ErrorKind::Parameter, detail));
            }
            if path.is_relative() && !self.keeps() {
                return Err(no_folder());
            }
        }
        Ok(())
    }

    /// `NAME.dat`, where that is a file's name.
    fn file_of(&self, name: &str) -> Result<String> {
        if !self.keeps() {
            return Err(no_folder());
        }
        let fits = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
        match name.chars().all(fits) {
            true => Ok(format!("{name}.dat")),
            false => {
                let detail = format!("no file can be named after {name:?}; give file = 'x.dat'");
                Err(Error::new(ErrorKind::Parameter, detail))
            }
        }
    }

    /// Changes dynamic settings of a namespace, or of one of its sets. The value `default` takes a
    /// change back.
    pub fn alter(
        &mut self,
        name: &str,
        set: Option<&str>,
        settings: &[(String, String)],
    ) -> Result<NamespaceConfig> {
        self.namespace(name).map_err(|refused| refused.error)?;
        let made = self.base_of(name).is_none();
        let stanza = self.namespaces.entry(name.to_owned()).or_default();
        let words = match set {
            None => &mut stanza.words,
            Some(set) => stanza.sets.entry(one_word(set)?).or_default(),
        };
        for (setting, value) in settings {
            let row = match set {
                None => table::of_namespace(setting),
                Some(_) => table::find("namespace.set", setting),
            };
            let word = Word { line: 0, name: setting.clone(), value: plain(value)? };
            let context = if set.is_some() { "namespace.set" } else { "namespace" };
            dynamic(row, context, &word).map_err(|refused| match refused.error.kind {
                ErrorKind::Unsupported if made => {
                    let detail = refused.error.detail;
                    let remedy = format!("change it in {KEPT_FILE} while the node is stopped");
                    Error::new(ErrorKind::Unsupported, format!("{detail}; {remedy}"))
                }
                _ => refused.error,
            })?;
            change(words, word);
        }
        stanza.sets.retain(|_, words| !words.is_empty());
        if stanza.words.is_empty() && stanza.sets.is_empty() {
            self.namespaces.remove(name);
        }
        self.namespace(name).map_err(|refused| refused.error)
    }

    /// Removes a namespace that SQL made.
    pub fn forget(&mut self, name: &str) -> Result<NamespaceConfig> {
        let namespace = self.namespace(name).map_err(|refused| refused.error)?;
        if self.base_of(name).is_some() {
            let detail = format!("namespace \"{name}\" is in the node's configuration");
            return Err(Error::new(ErrorKind::Forbidden, detail));
        }
        self.namespaces.remove(name);
        Ok(namespace)
    }

    /// Changes a dynamic setting of the node itself.
    pub fn set_node(&mut self, name: &str, value: &str) -> Result<Config> {
        let word = Word { line: 0, name: name.to_owned(), value: plain(value)? };
        let row = table::find("service", name);
        dynamic(row, "service", &word).map_err(|refused| refused.error)?;
        change(&mut self.service, word);
        self.config()
    }

    /// Every setting that has an effect, with the value that holds.
    pub fn shown(&self) -> Result<Vec<Shown>> {
        let config = self.config()?;
        let mut all = Vec::new();
        for row in table::settings() {
            if let Show::Node(show) = row.show {
                all.push(shown(row, None, None, show(&config)));
            }
        }
        for namespace in &config.namespaces {
            let name = Some(namespace.name.as_str());
            for row in table::settings() {
                if let Show::Namespace(show) = row.show {
                    all.push(shown(row, name, None, show(namespace)));
                }
            }
            let sets: BTreeMap<_, _> = namespace.settings.sets.iter().collect();
            for (set, settings) in sets {
                for row in table::settings() {
                    if let Show::Set(show) = row.show
                        && let Some(value) = show(settings)
                    {
                        all.push(shown(row, name, Some(set), value));
                    }
                }
            }
        }
        Ok(all)
    }

    /// Writes the file: whole and durable, or not at all. Without a data folder nothing is kept.
    pub fn save(&self) -> Result<()> {
        let Some(path) = self.path() else { return Ok(()) };
        let text = self.to_string();
        if text.len() > syntax::FILE_SIZE_MAX {
            let most = units::show_size(syntax::FILE_SIZE_MAX as u64);
            let detail = format!(
                "{KEPT_FILE} would be larger than {most}; put settings of sets \
                                  into the configuration file"
            );
            return Err(Error::new(ErrorKind::NoSpace, detail));
        }
        write_durably(&path, &text).map_err(|error| {
            let detail = format!("cannot write {}: {error}", path.display());
            Error::new(ErrorKind::Io, detail)
        })
    }
}

impl std::fmt::Display for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(HEAD)?;
        if !self.service.is_empty() {
            let mut inner = String::new();
            lines(&mut inner, &self.service, 1);
            write!(f, "\nservice {{\n{inner}}}\n")?;
        }
        for (name, stanza) in &self.namespaces {
            let mut inner = String::new();
            stanza.write(&mut inner);
            write!(f, "\nnamespace {name} {{\n{inner}}}\n")?;
        }
        Ok(())
    }
}

impl Stanza {
    /// Whether it is a whole namespace.
    fn is_made(&self) -> bool {
        self.words.iter().any(|word| word.name == "storage-engine")
    }

    /// The namespace that it is.
    fn alone(&self, name: &str) -> std::result::Result<NamespaceConfig, Refused> {
        for word in &self.words {
            let row = known(table::of_namespace(&word.name), "namespace", word)?;
            let again = self.words.iter().filter(|w| w.name == word.name).count() > 1;
            if again && !row.many {
                let wrong = format!("setting \"{}\" is given twice", word.name);
                return Err(Refused::wrong(word.line, wrong));
            }
        }
        let mut draft = Draft::new();
        draft.file(&[self.tree(name)]);
        let (config, findings) = draft.finish();
        for finding in &findings {
            if finding.stops() || matches!(finding.verdict, Verdict::Ignored(_)) {
                return Err(Refused::wrong(finding.line, finding.sentence()));
            }
        }
        let namespace = config.namespaces.into_iter().next();
        let namespace = namespace
            .ok_or_else(|| Refused::wrong(self.line, format!("namespace {name} is empty")))?;
        // Once more in their own order: of two names of one setting the later counts.
        self.over(&namespace)
    }

    /// A namespace with these changes.
    fn over(&self, base: &NamespaceConfig) -> std::result::Result<NamespaceConfig, Refused> {
        let mut draft = Draft::of_namespace(base);
        for word in &self.words {
            let row = table::of_namespace(&word.name);
            if self.is_made() && row.is_some_and(|row| !row.dynamic) {
                continue;
            }
            take(&mut draft, dynamic(row, "namespace", word)?, word)?;
        }
        for (set, words) in &self.sets {
            draft.namespace.begin_set(set);
            for word in words {
                let row = table::find("namespace.set", &word.name);
                take(&mut draft, dynamic(row, "namespace.set", word)?, word)?;
            }
        }
        let settings = draft.namespace.settled().map_err(|wrong| {
            Refused::wrong(self.line, format!("namespace {}: {wrong}", base.name))
        })?;
        let compression_level = draft.namespace.compression_level;
        Ok(NamespaceConfig { settings, compression_level, ..base.clone() })
    }

    /// What the configuration file would say.
    fn tree(&self, name: &str) -> Node {
        let (inner, outer): (Vec<&Word>, Vec<&Word>) =
            self.words.iter().partition(|word| is_of_engine(word));
        let mut children: Vec<Node> = outer.into_iter().map(node).collect();
        if let Some(engine) = children.iter_mut().find(|node| node.name == "storage-engine") {
            engine.children = Some(inner.into_iter().map(node).collect());
        }
        let sets = self.sets.iter().map(|(set, words)| Node {
            line: self.line,
            name: "set".to_owned(),
            values: vec![set.clone()],
            children: Some(words.iter().map(node).collect()),
        });
        children.extend(sets);
        let values = vec![name.to_owned()];
        Node { line: self.line, name: "namespace".to_owned(), values, children: Some(children) }
    }

    fn write(&self, out: &mut String) {
        let made = self.is_made();
        for word in &self.words {
            if made && is_of_engine(word) {
                continue;
            }
            let _ = write!(out, "    {} {}", word.name, word.value);
            if made && word.name == "storage-engine" {
                out.push_str(" {\n");
                let inner: Vec<Word> =
                    self.words.iter().filter(|word| is_of_engine(word)).cloned().collect();
                lines(out, &inner, 2);
                out.push_str("    }");
            }
            out.push('\n');
        }
        for (set, words) in &self.sets {
            let _ = writeln!(out, "    set {set} {{");
            lines(out, words, 2);
            out.push_str("    }\n");
        }
    }
}

/// Whether the file says it inside `storage-engine`.
fn is_of_engine(word: &Word) -> bool {
    table::of_namespace(&word.name).is_some_and(|row| row.context == "namespace.storage-engine")
}

fn lines(out: &mut String, words: &[Word], depth: usize) {
    let indent = "    ".repeat(depth);
    for word in words {
        let _ = writeln!(out, "{indent}{} {}", word.name, word.value);
    }
}

fn node(word: &Word) -> Node {
    let values = word.value.split_whitespace().map(str::to_owned).collect();
    Node { line: word.line, name: word.name.clone(), values, children: None }
}

/// Parameters in the order of the file; those inside `storage-engine` follow it.
fn words(nodes: &[Node]) -> Vec<Word> {
    let word = |node: &Node| Word {
        line: node.line,
        name: node.name.clone(),
        value: node.values.join(" "),
    };
    let mut all = Vec::new();
    for node in nodes {
        all.push(word(node));
        all.extend(node.children.iter().flatten().map(word));
    }
    all
}

/// Puts a setting in place of what was said of it before; `default` only takes that back.
fn change(words: &mut Vec<Word>, word: Word) {
    words.retain(|before| before.name != word.name);
    if !word.value.eq_ignore_ascii_case("default") {
        words.push(word);
    }
}

fn known(
    row: Option<&'static Setting>,
    context: &str,
    word: &Word,
) -> std::result::Result<&'static Setting, Refused> {
    let name = &word.name;
    let parameter = row.filter(|row| !matches!(row.kind, Kind::Block | Kind::Named(_)));
    let Some(row) = parameter else {
        let near = table::suggest(context, name).map(|near| near.replace('-', "_"));
        let near = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
        return Err(Refused::wrong(word.line, format!("setting \"{name}\" is unknown{near}")));
    };
    match row.status {
        Status::Ignored(why) => {
            let wrong = format!("setting \"{name}\" has no effect here: {why}");
            Err(Refused::wrong(word.line, wrong))
        }
        _ => Ok(row),
    }
}

fn dynamic(
    row: Option<&'static Setting>,
    context: &str,
    word: &Word,
) -> std::result::Result<&'static Setting, Refused> {
    let row = known(row, context, word)?;
    match row.dynamic {
        true => Ok(row),
        false => {
            let detail = format!("setting \"{}\" needs a restart", row.name);
            Err(Refused::new(word.line, ErrorKind::Unsupported, detail))
        }
    }
}

fn take(draft: &mut Draft, row: &'static Setting, word: &Word) -> std::result::Result<(), Refused> {
    let words: Vec<String> = word.value.split_whitespace().map(str::to_owned).collect();
    draft
        .take(row, &words)
        .map_err(|wrong| Refused::wrong(word.line, format!("{}: {wrong}", row.name)))
}

fn shown(
    row: &'static Setting,
    namespace: Option<&str>,
    set: Option<&str>,
    value: String,
) -> Shown {
    Shown {
        namespace: namespace.map(str::to_owned),
        set: set.map(str::to_owned),
        context: row.context,
        name: row.name,
        value: Some(value).filter(|value| !value.is_empty()),
        unit: Some(row.unit()).filter(|unit| !unit.is_empty()),
        dynamic: row.dynamic,
        help: row.help,
    }
}

/// The words of a text that can stand in the file.
fn plain(text: &str) -> Result<String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let odd = |c: char| c.is_control() || matches!(c, '{' | '}');
    let fits = !words.is_empty()
        && text.len() <= VALUE_MAX
        && !words.iter().any(|word| word.starts_with('#') || word.contains(odd));
    match fits {
        true => Ok(words.join(" ")),
        false => {
            let detail = format!(
                "{text:?} cannot stand in a configuration file; leave out braces, # and control \
                 characters, and give at most {VALUE_MAX} bytes"
            );
            Err(Error::new(ErrorKind::Parameter, detail))
        }
    }
}

/// A name that can stand in the file.
fn one_word(name: &str) -> Result<String> {
    match name.contains(char::is_whitespace) {
        false => plain(name),
        true => {
            let detail =
                format!("the name {name:?} has blanks, which no configuration file can say");
            Err(Error::new(ErrorKind::Parameter, detail))
        }
    }
}

fn no_folder() -> Error {
    let detail = "this node has no data folder for a file; start it with --data, give the file's \
                  whole path, or say storage_engine = memory";
    Error::new(ErrorKind::Parameter, detail)
}

/// Writes beside the file, then puts that in its place.
fn write_durably(path: &Path, text: &str) -> std::io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    std::fs::create_dir_all(folder)?;
    let fresh = path.with_extension("conf.new");
    let mut file = File::create(&fresh)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&fresh, path)?;
    File::open(folder)?.sync_all()
}
