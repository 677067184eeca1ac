//! Views, sequences and what is said of relations, kept as records of a set of their own in each
//! namespace, so that they are as durable as data.
//!
//! A record's key is the kind and the name: `view:v`. How far a sequence is stands in a record
//! beside the sequence's own, so that taking numbers changes no declaration. `objects/shape.rs`
//! turns objects to bins and back. Modules of functions are kept beside them (`node/modules.rs`).

mod shape;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::{Error, ErrorKind, Key, Name, Object, ObjectKind, Objects, Record, Result, Value};
use namespace::Namespace;
use storage::Ticket;
use store::{Bins, Change, Given, ScanCursor, Ttl};

use super::{Found, Node, durable, now_ms, with_room};

/// The set that holds them. No user's statement reaches it.
pub(super) const OBJECTS_SET: &str = "aerie$objects";

/// What the catalogue shows of them.
#[derive(Default)]
pub(super) struct Declared {
    /// Grows with each change, after it. Every statement asks it, so it takes no lock.
    version: AtomicU64,
    namespaces: Mutex<ByNamespace>,
}

type ByNamespace = BTreeMap<String, Arc<Objects>>;

impl Declared {
    /// What there is, by namespace.
    pub(super) fn now(&self) -> ByNamespace {
        self.lock().clone()
    }

    /// Grows with each change.
    pub(super) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Reads what a namespace holds; modules among it go into `modules`.
    pub(super) fn load(&self, namespace: &Namespace, modules: &mut Found) -> Result<()> {
        let mut objects = Objects::default();
        let mut cursor = ScanCursor::all();
        while !cursor.done() {
            let (records, _) =
                namespace.scan(OBJECTS_SET, Bins::All, &mut cursor, 1000, now_ms())?;
            for record in records {
                if modules.take(&record) {
                    continue;
                }
                if let Some((name, object)) = read(namespace.name(), &record)? {
                    put(&mut objects, &name, object);
                }
            }
        }
        self.set(namespace.name(), Some(objects));
        Ok(())
    }

    /// Forgets a namespace.
    pub(super) fn forget(&self, namespace: &str) {
        self.set(namespace, None);
    }

    fn set(&self, namespace: &str, objects: Option<Objects>) {
        let mut namespaces = self.lock();
        match objects {
            Some(objects) => namespaces.insert(namespace.to_string(), Arc::new(objects)),
            None => namespaces.remove(namespace),
        };
        self.version.fetch_add(1, Ordering::Release);
    }

    fn change(&self, namespace: &str, change: impl FnOnce(&mut Objects)) {
        let mut namespaces = self.lock();
        change(Arc::make_mut(namespaces.entry(namespace.to_string()).or_default()));
        self.version.fetch_add(1, Ordering::Release);
    }

    fn lock(&self) -> MutexGuard<'_, ByNamespace> {
        // Every change is whole before the lock goes.
        self.namespaces.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Node {
    pub(super) async fn define_object(
        &self,
        namespace: &str,
        name: &str,
        object: Object,
    ) -> Result<()> {
        let empty = matches!(&object, Object::Notes(notes) if *notes == model::Notes::default());
        if empty {
            return self.undefine_object(namespace, ObjectKind::Notes, name).await;
        }
        let key = key_of(kind_of(&object), name);
        self.keep(namespace, &key, Some(shape::bins_of(&object))).await?;
        self.objects.change(namespace, |objects| put(objects, name, object));
        Ok(())
    }

    pub(super) async fn undefine_object(
        &self,
        namespace: &str,
        kind: ObjectKind,
        name: &str,
    ) -> Result<()> {
        let there = |objects: &Objects| match kind {
            ObjectKind::View => objects.views.contains_key(name),
            ObjectKind::Sequence => objects.sequences.contains_key(name),
            ObjectKind::Notes => objects.notes.contains_key(name),
        };
        if !self.objects.now().get(namespace).is_some_and(|objects| there(objects)) {
            return Ok(());
        }
        self.keep(namespace, &key_of(kind, name), None).await?;
        self.objects.change(namespace, |objects| match kind {
            ObjectKind::View => drop(objects.views.remove(name)),
            ObjectKind::Sequence => drop(objects.sequences.remove(name)),
            ObjectKind::Notes => drop(objects.notes.remove(name)),
        });
        if kind == ObjectKind::Sequence {
            self.keep(namespace, &state_key(name), None).await?;
        }
        Ok(())
    }

    pub(super) async fn given(&self, namespace: &str, name: &str) -> Result<Option<Given>> {
        let namespace = self.namespace(namespace)?;
        let digest = state_key(name).digest(OBJECTS_SET);
        let found = namespace.get_async(&digest, Bins::All, now_ms()).await?;
        let record = durable(found.record, found.ticket).await?;
        record.map(|record| shape::given_of(&record).ok_or_else(|| damaged(name))).transpose()
    }

    pub(super) async fn set_given(&self, namespace: &str, name: &str, given: Given) -> Result<()> {
        self.keep(namespace, &state_key(name), Some(shape::given_bins(given))).await
    }

    /// Writes a record, or deletes it.
    pub(super) async fn keep(
        &self,
        namespace: &str,
        key: &Key,
        bins: Option<Vec<(Name, Option<Value>)>>,
    ) -> Result<()> {
        let namespace = self.namespace(namespace)?;
        let attempt = || write(&namespace, key, bins.clone());
        let ticket = with_room(&namespace, OBJECTS_SET, attempt).await?;
        durable((), ticket).await
    }
}

fn write(
    namespace: &Namespace,
    key: &Key,
    bins: Option<Vec<(Name, Option<Value>)>>,
) -> Result<Option<Ticket>> {
    let digest = key.digest(OBJECTS_SET);
    let change = match bins {
        Some(bins) => Change::Write { bins, replace: true, ttl: Ttl::Never },
        None => Change::Delete,
    };
    let mut decide = |_: Option<&Record>| Ok(change.clone());
    let (_, ticket) = namespace.modify(OBJECTS_SET, &digest, Some(key), now_ms(), &mut decide)?;
    Ok(ticket)
}

fn kind_of(object: &Object) -> ObjectKind {
    match object {
        Object::View(_) => ObjectKind::View,
        Object::Sequence(_) => ObjectKind::Sequence,
        Object::Notes(_) => ObjectKind::Notes,
    }
}

fn key_of(kind: ObjectKind, name: &str) -> Key {
    let kind = match kind {
        ObjectKind::View => "view",
        ObjectKind::Sequence => "sequence",
        ObjectKind::Notes => "notes",
    };
    Key::String(format!("{kind}:{name}"))
}

fn state_key(sequence: &str) -> Key {
    Key::String(format!("given:{sequence}"))
}

/// The object that a record holds; `None` where it holds how far a sequence is.
fn read(namespace: &str, record: &Record) -> Result<Option<(String, Object)>> {
    let Some(Key::String(key)) = &record.key else { return Err(damaged("without a key")) };
    let (kind, name) = key.split_once(':').ok_or_else(|| damaged(key))?;
    let object = match kind {
        "view" => shape::view_of(namespace, name, record).map(Object::View),
        "sequence" => shape::sequence_of(namespace, name, record).map(Object::Sequence),
        "notes" => shape::notes_of(record).map(Object::Notes),
        "given" => return Ok(None),
        _ => None,
    };
    Ok(Some((name.to_string(), object.ok_or_else(|| damaged(key))?)))
}

fn put(objects: &mut Objects, name: &str, object: Object) {
    let name = name.to_string();
    match object {
        Object::View(view) => drop(objects.views.insert(name, Arc::new(view))),
        Object::Sequence(sequence) => drop(objects.sequences.insert(name, Arc::new(sequence))),
        Object::Notes(notes) => drop(objects.notes.insert(name, Arc::new(notes))),
    }
}

fn damaged(what: &str) -> Error {
    Error::new(ErrorKind::Corrupt, format!("the declaration {what:?} is damaged"))
}
