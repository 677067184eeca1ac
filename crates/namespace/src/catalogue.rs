//! What is known of the sets: counters, bins with the types they have ever held, declarations.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, RwLock};

use model::{Key, Name, Table, TypeSet, Value, ValueType};
use store::{BinInfo, SetInfo};

/// Every set of a namespace, by its id in storage's dictionary.
pub(crate) struct Sets {
    by_id: RwLock<Vec<Option<Arc<Set>>>>,
    /// Grows when a name, a type or a declaration is new.
    version: AtomicU64,
}

/// One set.
pub(crate) struct Set {
    pub(crate) name: Name,
    pub(crate) objects: AtomicU64,
    pub(crate) bytes: AtomicU64,
    /// Bits of [`TypeSet`]: types of user keys ever written.
    key_types: AtomicU32,
    bins: RwLock<Vec<(Name, TypeSet)>>,
    declaration: RwLock<Option<Arc<Table>>>,
}

impl Set {
    fn new(name: Name) -> Set {
        Set {
            name,
            objects: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            key_types: AtomicU32::new(0),
            bins: RwLock::new(Vec::new()),
            declaration: RwLock::new(None),
        }
    }

    /// Time to live that the declaration gives, seconds.
    pub(crate) fn ttl_s(&self) -> Option<u32> {
        read(&self.declaration).as_ref().and_then(|table| table.ttl_s)
    }

    /// The declaration, if there is one.
    pub(crate) fn declaration(&self) -> Option<Arc<Table>> {
        read(&self.declaration).clone()
    }

    /// Bins in the order of their first write.
    pub(crate) fn bins(&self) -> Vec<(Name, TypeSet)> {
        read(&self.bins).clone()
    }

    /// Types of user keys ever written.
    pub(crate) fn key_types(&self) -> TypeSet {
        TypeSet::from_bits(self.key_types.load(Ordering::Relaxed))
    }

    /// Notes a bin's type. True if that is news.
    fn note_bin(&self, name: &Name, value_type: ValueType) -> bool {
        let known = |bins: &[(Name, TypeSet)]| {
            bins.iter().any(|(n, types)| n == name && types.contains(value_type))
        };
        if known(&read(&self.bins)) {
            return false;
        }
        let mut bins = write(&self.bins);
        match bins.iter_mut().find(|(n, _)| n == name) {
            Some((_, types)) => *types = types.with(value_type),
            None => bins.push((name.clone(), TypeSet::EMPTY.with(value_type))),
        }
        true
    }

    fn note_key_type(&self, key_type: ValueType) -> bool {
        let bit = TypeSet::EMPTY.with(key_type).bits();
        self.key_types.load(Ordering::Relaxed) & bit == 0
            && self.key_types.fetch_or(bit, Ordering::Relaxed) & bit == 0
    }
}

/// The type of a key as the type of the value that SQL shows for it.
pub(crate) fn key_type(key: &Key) -> ValueType {
    match key {
        Key::Integer(_) => ValueType::Integer,
        Key::String(_) => ValueType::String,
        Key::Blob(_) => ValueType::Blob,
    }
}

impl Sets {
    pub(crate) fn new() -> Sets {
        Sets { by_id: RwLock::new(Vec::new()), version: AtomicU64::new(1) }
    }

    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    pub(crate) fn get(&self, id: u16) -> Option<Arc<Set>> {
        read(&self.by_id).get(usize::from(id)).cloned().flatten()
    }

    pub(crate) fn by_name(&self, name: &str) -> Option<(u16, Arc<Set>)> {
        let sets = read(&self.by_id);
        sets.iter().enumerate().find_map(|(id, set)| {
            let set = set.as_ref().filter(|set| *set.name == *name)?;
            Some((id as u16, set.clone()))
        })
    }

    /// Every set with its id.
    pub(crate) fn with_ids(&self) -> Vec<(u16, Arc<Set>)> {
        let sets = read(&self.by_id);
        let known = sets.iter().enumerate();
        known.filter_map(|(id, set)| Some((id as u16, set.clone()?))).collect()
    }

    /// Every set, in the order of ids.
    pub(crate) fn all(&self) -> Vec<Arc<Set>> {
        read(&self.by_id).iter().flatten().cloned().collect()
    }

    /// The set of this id, made if it is new.
    pub(crate) fn ensure(&self, id: u16, name: &Name) -> Arc<Set> {
        if let Some(set) = self.get(id) {
            return set;
        }
        let mut sets = write(&self.by_id);
        let slot = usize::from(id);
        if sets.len() <= slot {
            sets.resize_with(slot + 1, || None);
        }
        let set = sets[slot].get_or_insert_with(|| Arc::new(Set::new(name.clone()))).clone();
        drop(sets);
        self.bump();
        set
    }

    /// Notes what a record shows of its set.
    pub(crate) fn note<'a>(
        &self,
        set: &Set,
        key_type: Option<ValueType>,
        bins: impl Iterator<Item = (&'a Name, ValueType)>,
    ) {
        let mut news = key_type.is_some_and(|key_type| set.note_key_type(key_type));
        for (name, value_type) in bins {
            news |= set.note_bin(name, value_type);
        }
        if news {
            self.bump();
        }
    }

    /// Notes a declaration, or that it is gone together with what was known of the bins.
    pub(crate) fn declare(&self, set: &Set, table: Option<Table>) {
        if table.is_none() {
            write(&set.bins).clear();
            set.key_types.store(0, Ordering::Relaxed);
        }
        *write(&set.declaration) = table.map(Arc::new);
        self.bump();
    }

    /// Counts a record in (`objects` 1) or out (-1) of its set, with its bytes.
    pub(crate) fn count(&self, id: u16, objects: i64, bytes: i64) {
        if let Some(set) = self.get(id) {
            set.objects.fetch_add(objects as u64, Ordering::Relaxed);
            set.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        }
    }

    /// Records of all sets.
    pub(crate) fn objects(&self) -> u64 {
        let users = self.all().into_iter().filter(|set| !is_own(&set.name));
        users.map(|set| set.objects.load(Ordering::Relaxed)).sum()
    }

    /// Notes what a restart finds: bits of types that a bin (`None`: the user key) has held.
    pub(crate) fn restore(&self, set: &Set, bin: Option<&Name>, types: u32) {
        match bin {
            None => drop(set.key_types.fetch_or(types, Ordering::Relaxed)),
            Some(name) => {
                let types = TypeSet::from_bits(types);
                for value_type in types.iter() {
                    set.note_bin(name, value_type);
                }
            }
        }
        self.bump();
    }

    /// Forgets the bins of sets that are empty and not declared: what a dropped table had.
    pub(crate) fn forget_empty(&self) {
        for set in self.all() {
            if set.objects.load(Ordering::Relaxed) == 0 && set.declaration().is_none() {
                write(&set.bins).clear();
                set.key_types.store(0, Ordering::Relaxed);
            }
        }
    }

    /// What is known of keys and bins, for a checkpoint: sets, each with its id, the types of its
    /// keys and its bins in the order of their first write.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for (id, set) in read(&self.by_id).iter().enumerate() {
            let Some(set) = set else { continue };
            out.extend_from_slice(&(id as u16).to_le_bytes());
            out.extend_from_slice(&set.key_types.load(Ordering::Relaxed).to_le_bytes());
            let bins = set.bins();
            out.extend_from_slice(&(bins.len() as u16).to_le_bytes());
            for (name, types) in bins {
                out.push(name.len() as u8);
                out.extend_from_slice(name.as_bytes());
                out.extend_from_slice(&types.bits().to_le_bytes());
            }
        }
        out
    }

    /// Reads what [`Sets::encode`] wrote, with the names of the sets; `None` for anything else.
    pub(crate) fn decode(
        &self,
        mut input: &[u8],
        name_of: impl Fn(u16) -> Option<Name>,
    ) -> Option<()> {
        fn take<'a>(input: &mut &'a [u8], n: usize) -> Option<&'a [u8]> {
            let (head, tail) = input.split_at_checked(n)?;
            *input = tail;
            Some(head)
        }
        let word = |bytes: &[u8]| Some(u32::from_le_bytes(*bytes.first_chunk()?));
        let short = |bytes: &[u8]| Some(u16::from_le_bytes(*bytes.first_chunk()?));
        while !input.is_empty() {
            let id = short(take(&mut input, 2)?)?;
            let set = self.ensure(id, &name_of(id)?);
            self.restore(&set, None, word(take(&mut input, 4)?)?);
            for _ in 0..short(take(&mut input, 2)?)? {
                let size = take(&mut input, 1)?[0];
                let name = std::str::from_utf8(take(&mut input, size.into())?).ok()?;
                self.restore(&set, Some(&Name::from(name)), word(take(&mut input, 4)?)?);
            }
        }
        Some(())
    }

    /// Tells that something that the catalogue shows has changed.
    pub(crate) fn bump(&self) {
        self.version.fetch_add(1, Ordering::Release);
    }
}

impl crate::Namespace {
    /// Sets that have records or a declaration, by name.
    pub fn set_infos(&self) -> Vec<SetInfo> {
        let mut infos: Vec<SetInfo> = self
            .visible_sets()
            .map(|set| SetInfo {
                namespace: self.options.name.clone(),
                name: set.name.to_string(),
                objects: set.objects.load(Ordering::Relaxed),
                bytes: set.bytes.load(Ordering::Relaxed),
                declared: set.declaration().is_some(),
            })
            .collect();
        infos.sort_by(|a, b| a.name.cmp(&b.name));
        infos
    }

    /// Bins of a set that has ever held any, in the order of their first write.
    pub fn bin_infos(&self, set: &str) -> Vec<BinInfo> {
        let Some((_, set)) = self.sets.by_name(set) else { return Vec::new() };
        let info = |(name, types)| BinInfo {
            namespace: self.options.name.clone(),
            set: set.name.to_string(),
            name,
            types,
        };
        set.bins().into_iter().map(info).collect()
    }

    /// Sets that a user can see: with records, bins or a declaration.
    pub(crate) fn visible_sets(&self) -> impl Iterator<Item = Arc<Set>> {
        self.sets.all().into_iter().filter(|set| {
            !is_own(&set.name)
                && (set.objects.load(Ordering::Relaxed) > 0
                    || set.declaration().is_some()
                    || !read(&set.bins).is_empty())
        })
    }
}

/// Whether a set is this crate's own, which the catalogue does not show.
pub(crate) fn is_own(set: &str) -> bool {
    set == crate::TABLES_SET || set == crate::INDEXES_SET
}

/// The types that a record's bins show.
pub(crate) fn bin_types(bins: &[(Name, Value)]) -> impl Iterator<Item = (&Name, ValueType)> {
    bins.iter().map(|(name, value)| (name, value.value_type()))
}

fn read<T>(lock: &RwLock<T>) -> std::sync::RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(|poisoned| poisoned.into_inner())
}

fn write<T>(lock: &RwLock<T>) -> std::sync::RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(|poisoned| poisoned.into_inner())
}
