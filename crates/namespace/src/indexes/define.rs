//! Definitions of indexes, kept as records of a set of their own, so that they are as durable as data.

use model::{Error, ErrorKind, IndexDef, IndexSource, Key, Name, Record, Result, Value};
use storage::Ticket;
use store::{Bins, Change, ScanCursor, Ttl};

use crate::{INDEXES_SET, Namespace};

impl Namespace {
    /// Writes a definition, or deletes the one of this name.
    pub(super) fn keep_index(
        &self,
        name: &str,
        def: Option<&IndexDef>,
        now_ms: u64,
    ) -> Result<Option<Ticket>> {
        let key = Key::String(name.to_string());
        let change = match def {
            Some(def) => Change::Write { bins: bins_of(def), replace: true, ttl: Ttl::Never },
            None => Change::Delete,
        };
        let digest = key.digest(INDEXES_SET);
        let mut decide = |_: Option<&Record>| Ok(change.clone());
        Ok(self.modify(INDEXES_SET, &digest, Some(&key), now_ms, &mut decide)?.1)
    }

    /// Every definition.
    pub(super) fn kept_indexes(&self, now_ms: u64) -> Result<Vec<IndexDef>> {
        let mut defs = Vec::new();
        let mut cursor = ScanCursor::all();
        while !cursor.done() {
            let (records, _) = self.scan(INDEXES_SET, Bins::All, &mut cursor, 1000, now_ms)?;
            for record in records {
                defs.push(def_of(&record).ok_or_else(|| {
                    let namespace = self.name();
                    let detail = format!("a definition of an index of {namespace} is damaged");
                    Error::new(ErrorKind::Corrupt, detail)
                })?);
            }
        }
        Ok(defs)
    }
}

fn text(text: impl ToString) -> Option<Value> {
    Some(Value::String(text.to_string()))
}

fn bytes(bytes: Option<&[u8]>) -> Option<Value> {
    bytes.map(|bytes| Value::Blob(bytes.to_vec()))
}

fn bins_of(def: &IndexDef) -> Vec<(Name, Option<Value>)> {
    let (bin, context, expression) = match &def.source {
        IndexSource::Bin { bin, context } => (text(bin), bytes(context.as_deref()), None),
        IndexSource::Expression(expression) => (None, None, bytes(Some(expression))),
    };
    let values = [
        ("set", def.set.as_ref().and_then(text)),
        ("bin", bin),
        ("context", context),
        ("expression", expression),
        ("collection", text(def.collection)),
        ("type", text(def.value_type)),
        ("filter", bytes(def.filter.as_deref())),
    ];
    values.into_iter().map(|(name, value)| (Name::from(name), value)).collect()
}

fn def_of(record: &Record) -> Option<IndexDef> {
    let Some(Key::String(name)) = &record.key else { return None };
    let text = |bin: &str| match record.bin(bin) {
        Some(Value::String(text)) => Some(text.as_str()),
        _ => None,
    };
    let bytes = |bin: &str| match record.bin(bin) {
        Some(Value::Blob(bytes)) => Some(bytes.clone().into_boxed_slice()),
        _ => None,
    };
    let source = match (text("bin"), bytes("expression")) {
        (Some(bin), None) => IndexSource::Bin { bin: bin.into(), context: bytes("context") },
        (None, Some(expression)) => IndexSource::Expression(expression),
        _ => return None,
    };
    Some(IndexDef {
        name: name.as_str().into(),
        set: text("set").map(Name::from),
        source,
        collection: text("collection")?.parse().ok()?,
        value_type: text("type")?.parse().ok()?,
        filter: bytes("filter"),
    })
}
