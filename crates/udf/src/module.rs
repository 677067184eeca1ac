//! Modules: named texts of Lua code, checked before they are kept.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{Error, ErrorKind, Result};

use crate::failure::Failure;
use crate::sandbox;

/// Most bytes of a module's source: it has to fit into a record of the usual size.
pub const SOURCE_MAX: usize = 1_000_000;
/// Longest name of a module, bytes: Aerospike allows 128 for each part of a function's name.
pub const NAME_MAX: usize = 128;
/// Names of the libraries that every module has.
const RESERVED: &[&str] =
    &["aerospike", "bytes", "geojson", "iterator", "list", "map", "record", "stream", "stream_ops"];

/// A module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Module {
    /// Its name, the ending `.lua` left out.
    pub name: String,
    /// Its source.
    pub source: Arc<str>,
}

impl Module {
    /// A module of this file name and source, if both can be accepted: the source is compiled, so
    /// what is wrong with it is said with its line.
    pub fn new(file: &str, source: &[u8]) -> Result<Module> {
        let name = module_name(file)?;
        if source.len() > SOURCE_MAX {
            return Err(parameter(format!(
                "the source of module {name:?} has {} bytes; at most {SOURCE_MAX} are allowed",
                source.len()
            )));
        }
        let source = std::str::from_utf8(source)
            .map_err(|_| parameter(format!("the source of module {name:?} is not text")))?;
        sandbox::check_source(name, source).map_err(|failure| match failure {
            Failure::Syntax(text) => parameter(text),
            failure => failure.into(),
        })?;
        Ok(Module { name: name.to_string(), source: source.into() })
    }

    /// The name as files have it.
    pub fn file(&self) -> String {
        format!("{}.lua", self.name)
    }
}

/// The module that a file name or a bare name means. A directory in front is none of a server's
/// business and is refused, as every other name that could be a path.
pub fn module_name(file: &str) -> Result<&str> {
    let name = file.strip_suffix(".lua").unwrap_or(file);
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '$' | '-');
    let wrong = match () {
        () if name.is_empty() => "is empty",
        () if name.len() > NAME_MAX => "is longer than 128 bytes",
        () if !name.chars().all(allowed) => {
            "has a character other than letters, digits, '.', '_', '$' and '-'"
        }
        () if name.starts_with('.') => "begins with a dot",
        () if name.contains("..") => "has two dots in a row",
        () if RESERVED.contains(&name) => "is that of a library that every module has",
        () => return Ok(name),
    };
    Err(parameter(format!("the module name {file:?} {wrong}")))
}

fn parameter(detail: String) -> Error {
    Error::new(ErrorKind::Parameter, detail)
}

/// The modules that are registered, by name.
pub type Modules = BTreeMap<String, Arc<Module>>;
