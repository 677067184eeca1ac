//! Modules of users' functions, kept like other objects: as a record of the set `aerie$objects`.
//!
//! A module belongs to the node, not to one of its namespaces, so each namespace has a copy: it is
//! there for as long as one of them is. Where copies differ, since the node ended between two writes,
//! the one that was written last counts.

use std::collections::BTreeMap;

use model::{Key, Name, Record, Result, Value};
use udf::{Functions, Module};

use super::Node;

/// What a module's key begins with; behind it stands its name.
const KIND: &str = "module:";
const SOURCE: &str = "source";

/// Modules that were found when the node started, and when each was written (milliseconds since
/// 1970-01-01 UTC).
#[derive(Default)]
pub(super) struct Found(BTreeMap<String, (u64, Module)>);

impl Found {
    /// Takes what a record holds; whether it holds a module.
    pub(super) fn take(&mut self, record: &Record) -> bool {
        let Some(Key::String(key)) = &record.key else { return false };
        let Some(name) = key.strip_prefix(KIND) else { return false };
        let Some(Value::String(source)) = record.bin(SOURCE) else { return false };
        match Module::new(name, source.as_bytes()) {
            Ok(module) => {
                let newer = |(written, _): &(u64, Module)| record.lut_ms > *written;
                if self.0.get(name).is_none_or(newer) {
                    self.0.insert(name.to_string(), (record.lut_ms, module));
                }
            }
            // Another release may have had other limits; the node is worth more than a module.
            Err(error) => tracing::warn!(module = name, "a module cannot be used: {error}"),
        }
        true
    }

    /// The functions of all that was found.
    pub(super) fn functions(self) -> Functions {
        let functions = Functions::default();
        for (_, module) in self.0.into_values() {
            functions.put(module);
        }
        functions
    }
}

fn key_of(name: &str) -> Key {
    Key::String(format!("{KIND}{name}"))
}

impl Node {
    pub(super) async fn keep_module(&self, module: Module) -> Result<()> {
        let source = Value::String(module.source.to_string());
        self.keep_in_all(&module.name, Some(source)).await?;
        self.functions.put(module);
        Ok(())
    }

    pub(super) async fn forget_module(&self, name: &str) -> Result<bool> {
        if !self.functions.modules().contains_key(name) {
            return Ok(false);
        }
        self.keep_in_all(name, None).await?;
        Ok(self.functions.remove(name))
    }

    async fn keep_in_all(&self, name: &str, source: Option<Value>) -> Result<()> {
        for namespace in self.members.now().iter() {
            let bins = source.clone().map(|source| vec![(Name::from(SOURCE), Some(source))]);
            self.keep(namespace.name(), &key_of(name), bins).await?;
        }
        Ok(())
    }
}
