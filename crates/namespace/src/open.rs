//! Opening: storage hands over what it holds, and the index is built again.

use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, RwLock};

use index::{Entry, Index};
use model::{Digest, Key, Name, Result};
use storage::{Recovered, Storage};
use store::{Bins, ScanCursor};

use crate::catalogue::{Set, Sets};
use crate::truncate::EVERYTHING;
use crate::{BLANK, LOCKS, Namespace, Options, TABLES_SET, class_of, expiry_hours};

/// What recovery collects before there is a namespace.
struct Recovery {
    index: Index,
    sets: Sets,
    mortal: u64,
    now_ms: u64,
    /// Ids of sets by the digest of their declaration: its tombstone means DROP TABLE.
    declarations: HashMap<Digest, u16>,
    /// Truncates up to a time, by set name (`None`: all), that need the records' own times.
    truncates: Vec<(Option<Name>, u64)>,
    /// The first error of the index, which ends the recovery.
    failed: Option<model::Error>,
}

impl Namespace {
    /// Opens a namespace on this storage: `open` is given the sink of recovered records and makes
    /// the [`Storage`].
    pub fn open(
        options: Options,
        now_ms: u64,
        open: impl FnOnce(&mut dyn FnMut(Recovered<'_>)) -> Result<Storage>,
    ) -> Result<Namespace> {
        model::limits::check_namespace(&options.name)?;
        let shards_per_partition = options.shards_per_partition;
        let mut recovery = Recovery {
            index: Index::new(index::Options { shards_per_partition })?,
            sets: Sets::new(),
            mortal: 0,
            now_ms,
            declarations: HashMap::new(),
            truncates: Vec::new(),
            failed: None,
        };
        let storage = open(&mut |recovered| recovery.take(recovered))?;
        if let Some(error) = recovery.failed {
            return Err(error);
        }
        options.settings.check()?;
        let settings = RwLock::new(Arc::new(options.settings.clone()));
        let namespace = Namespace {
            options,
            settings,
            index: recovery.index,
            storage,
            locks: (0..LOCKS).map(|_| Mutex::new(())).collect(),
            gate: RwLock::new(()),
            sets: recovery.sets,
            pending_tombstones: Mutex::default(),
            mortal: AtomicU64::new(recovery.mortal),
        };
        for (set, before_lut_ms) in recovery.truncates {
            namespace.remove_until(set.as_deref(), before_lut_ms)?;
        }
        namespace.load_declarations(now_ms)?;
        Ok(namespace)
    }

    fn load_declarations(&self, now_ms: u64) -> Result<()> {
        let mut cursor = ScanCursor::all();
        while !cursor.done() {
            let (records, _) = self.scan(TABLES_SET, Bins::All, &mut cursor, 1000, now_ms)?;
            for record in records {
                if let Some(Key::String(name)) = &record.key {
                    let table = crate::declare::table_of(&self.options.name, name, &record)?;
                    let set = self.ensure_set(self.storage.intern_set(name)?);
                    self.sets.declare(&set, Some(table));
                }
            }
        }
        Ok(())
    }
}

impl Recovery {
    fn take(&mut self, recovered: Recovered<'_>) {
        if let Err(error) = self.try_take(recovered) {
            self.failed.get_or_insert(error);
        }
    }

    fn try_take(&mut self, recovered: Recovered<'_>) -> Result<()> {
        match recovered {
            Recovered::Record {
                digest,
                set,
                set_id,
                key_type,
                bins,
                location,
                units,
                generation,
                void_time,
                ..
            } => {
                self.remove(&digest);
                let set = self.set(set_id, set);
                self.sets.note(&set, key_type, bins.iter().map(|(n, value_type)| (n, *value_type)));
                if void_time != 0 && u64::from(void_time) * 1000 <= self.now_ms {
                    return Ok(());
                }
                let (size_class, expiry_hours) = (class_of(units)?, expiry_hours(void_time));
                let entry =
                    Entry { location, size_class, generation, set_id, expiry_hours, ..BLANK };
                self.place(&digest, entry)
            }
            Recovered::Tombstone { digest, .. } => {
                self.remove(&digest);
                if let Some(set) = self.declarations.get(&digest).and_then(|id| self.sets.get(*id))
                {
                    self.sets.declare(&set, None);
                }
                Ok(())
            }
            Recovered::Damaged { digest, location, units, .. } => {
                self.remove(&digest);
                // The set cannot be told; reads by key find the entry and get the error.
                let size_class = class_of(units)?;
                self.place(&digest, Entry { location, size_class, ..BLANK })
            }
            Recovered::Truncate { set, before_lut_ms: EVERYTHING, .. } => {
                self.truncate(set.as_deref());
                Ok(())
            }
            Recovered::Truncate { set, before_lut_ms, .. } => {
                self.truncates.push((set, before_lut_ms));
                Ok(())
            }
        }
    }

    fn set(&mut self, id: u16, name: &Name) -> Arc<Set> {
        self.sets.get(id).unwrap_or_else(|| {
            self.declarations.insert(crate::declare::digest_of(name), id);
            self.sets.ensure(id, name)
        })
    }

    fn place(&mut self, digest: &Digest, entry: Entry) -> Result<()> {
        self.count(&entry, 1);
        self.index.insert(digest, entry)
    }

    /// Removes the older version. Two digests that share 82 bits would be taken for one here, with
    /// odds of 2e-17 at 100 million records.
    fn remove(&mut self, digest: &Digest) {
        for entry in self.index.get(digest) {
            if let Some(entry) = self.index.remove(digest, entry.location) {
                self.count(&entry, -1);
            }
        }
    }

    fn truncate(&mut self, set: Option<&str>) {
        let set_id = match set {
            None => None,
            Some(name) => match self.sets.by_name(name) {
                Some((id, _)) => Some(id),
                None => return,
            },
        };
        for partition in 0..model::PARTITIONS {
            let Some(partition) = model::PartitionId::new(partition) else { continue };
            let removed =
                self.index.retain(partition, |entry| set_id.is_some_and(|id| id != entry.set_id));
            for entry in &removed {
                self.count(entry, -1);
            }
        }
    }

    fn count(&mut self, entry: &Entry, sign: i64) {
        self.sets.count(
            entry.set_id,
            sign,
            sign * i64::from(index::units_of(entry.size_class)) * 16,
        );
        if entry.expiry_hours != 0 {
            self.mortal = self.mortal.wrapping_add_signed(sign);
        }
    }
}
