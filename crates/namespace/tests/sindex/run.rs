//! The scheduler: one step after the other, as a seed says.

use std::sync::Arc;

use model::{ErrorKind, Key, Name, Value};
use namespace::{IndexBug, Namespace, Options, ReadAhead, Settings};
use storage::{Device, Durability, Faults, SimDevice, Storage, Ticket};
use store::{Bins, Change, Expect, GroupChange, Ttl};

use crate::model_of::{Over, SETS, State, Version, digest_of, is_in, set_of, written};
use crate::query::{Query, Step};
use crate::{Checked, Random};

const BLOCK: u32 = storage::Options::BLOCK_SIZE_MIN;
const CAPACITY: u64 = 24 * BLOCK as u64;
const START_MS: u64 = 1_800_000_000_000;

/// One run.
pub(crate) fn run(seed: u64, bug: Option<IndexBug>) -> Checked {
    let mut random = Random(seed);
    let mut run = Run {
        device: Arc::new(SimDevice::new(CAPACITY)),
        state: State::new(),
        queries: Vec::new(),
        newest: None,
        now_ms: START_MS,
        keys: 8 + random.below(40),
        evicts: random.one_in(4),
        bug,
        random,
    };
    let mut namespace = run.open()?;
    for _ in 0..2 + run.random.below(2) {
        for _ in 0..run.random.below(250) {
            run.step(&namespace)?;
        }
        namespace = run.restart(namespace)?;
    }
    run.finish(&namespace)
}

struct Run {
    random: Random,
    device: Arc<SimDevice>,
    state: State,
    queries: Vec<Query>,
    /// Of the last write.
    newest: Option<Ticket>,
    now_ms: u64,
    keys: u64,
    evicts: bool,
    bug: Option<IndexBug>,
}

impl Run {
    fn open(&self) -> Checked<Namespace> {
        let options = Options {
            name: "test".to_string(),
            storage_engine: "device",
            settings: Settings {
                evict_used_pct: u8::from(self.evicts),
                evict_tenths_pct: 200,
                stop_writes_used_pct: 0,
                durability: Durability::Commit,
                ..Settings::default()
            },
            replication_factor: 1,
            shards_per_partition: 1,
        };
        let storage =
            storage::Options { block_size: BLOCK, threads: 1, ..storage::Options::new("test", 7) };
        let devices = || vec![self.device.clone() as Arc<dyn Device>];
        let open = |ignore_checkpoint| {
            Storage::open(devices(), &storage::Options { ignore_checkpoint, ..storage.clone() })
        };
        let namespace = Namespace::open(options, self.now_ms, open).map_err(|e| e.to_string())?;
        namespace.order_bug(self.bug);
        Ok(namespace)
    }

    fn step(&mut self, namespace: &Namespace) -> Checked {
        let number = self.random.below(self.keys) as i64;
        match self.random.below(100) {
            0..30 => self.put(namespace, number),
            30..36 => self.delete(namespace, number),
            36..41 => self.group(namespace),
            41..42 => self.truncate(namespace),
            42..45 => {
                self.now_ms += self.random.below(100_000);
                self.note_all();
                Ok(())
            }
            45..47 => self.sweep(namespace),
            47..50 => namespace.defrag_now().map(drop).or_else(|error| self.tell(error)),
            50..51 => namespace.checkpoint().or_else(|error| self.tell(error)),
            51..54 => self.define(namespace),
            54..60 => self.build(namespace),
            60..66 => self.begin(namespace),
            66..92 => self.go_on(namespace),
            92..94 => self.count(namespace),
            94..96 => self.too_big(namespace, number),
            96..97 => namespace.check_indexes().map_err(|error| error.to_string()),
            _ => self.wait(),
        }
    }

    /// What an error means that is none of the indexes'.
    fn tell(&self, error: model::Error) -> Checked {
        match error.kind {
            ErrorKind::NoSpace => Ok(()),
            _ => Err(format!("a step failed: {error}")),
        }
    }

    fn put(&mut self, namespace: &Namespace, number: i64) -> Checked {
        let (change, version) = self.write(number);
        self.change(namespace, number, change, Some(version))
    }

    fn delete(&mut self, namespace: &Namespace, number: i64) -> Checked {
        self.change(namespace, number, Change::Delete, None)
    }

    /// A write, and what it makes of the record.
    fn write(&mut self, number: i64) -> (Change, Version) {
        let bins = written(&mut self.random);
        let replace = self.random.one_in(3);
        let ttl = match self.random.below(4) {
            0 => Ttl::Seconds(1 + self.random.below(300) as u32),
            _ => Ttl::Never,
        };
        let void_time = match ttl {
            Ttl::Seconds(seconds) => self.now_ms.div_ceil(1000) as u32 + seconds,
            _ => 0,
        };
        let old = self.state.get(&number).filter(|old| old.alive(self.now_ms) && !replace);
        let mut version = Version { bins: Default::default(), void_time, lut_ms: self.now_ms };
        version.bins.extend(old.map(|old| old.bins.clone()).unwrap_or_default());
        for (name, value) in &bins {
            match value {
                Some(value) => drop(version.bins.insert(name, value.clone())),
                None => drop(version.bins.remove(name)),
            }
        }
        let bins = bins.into_iter().map(|(name, value)| (Name::from(name), value)).collect();
        (Change::Write { bins, replace, ttl }, version)
    }

    fn change(
        &mut self,
        namespace: &Namespace,
        number: i64,
        change: Change,
        version: Option<Version>,
    ) -> Checked {
        let key = Key::Integer(number);
        let (set, digest) = (set_of(number), digest_of(number));
        let mut decide = |_: Option<&model::Record>| Ok(change.clone());
        match namespace.modify(set, &digest, Some(&key), self.now_ms, &mut decide) {
            Ok((_, ticket)) => {
                self.newest = ticket.or(self.newest.take());
                self.note(number, version);
                Ok(())
            }
            Err(error) => self.tell(error),
        }
    }

    fn group(&mut self, namespace: &Namespace) -> Checked {
        let first = self.random.below(self.keys) as i64;
        let numbers: Vec<i64> = (0..3).map(|n| (first + 5 * n) % self.keys as i64).collect();
        if numbers[0] == numbers[1] || numbers[1] == numbers[2] || numbers[0] == numbers[2] {
            return Ok(());
        }
        let keys: Vec<Key> = numbers.iter().map(|number| Key::Integer(*number)).collect();
        let mut versions = Vec::new();
        let mut group = Vec::new();
        for (number, key) in numbers.iter().zip(&keys) {
            let (change, version) = match self.random.one_in(4) {
                true => (Change::Delete, None),
                false => {
                    let (change, version) = self.write(*number);
                    (change, Some(version))
                }
            };
            versions.push((*number, version));
            group.push(GroupChange {
                set: set_of(*number),
                digest: digest_of(*number),
                key: Some(key),
                expect: Expect::Any,
                change,
            });
        }
        match namespace.apply(&group, self.now_ms, &mut ReadAhead::default()) {
            Ok((_, ticket)) => {
                self.newest = ticket.or(self.newest.take());
                versions.into_iter().for_each(|(number, version)| self.note(number, version));
                Ok(())
            }
            Err(error) => self.tell(error),
        }
    }

    /// A write that cannot be appended: nothing happens.
    fn too_big(&mut self, namespace: &Namespace, number: i64) -> Checked {
        let mut bins = written(&mut self.random);
        bins.push(("id", Some(Value::Blob(vec![7; 2 * BLOCK as usize]))));
        let bins: Vec<_> = bins.into_iter().map(|(name, v)| (Name::from(name), v)).collect();
        let change = Change::Write { bins, replace: true, ttl: Ttl::Never };
        let mut decide = |_: Option<&model::Record>| Ok(change.clone());
        let digest = digest_of(number);
        match namespace.modify(set_of(number), &digest, None, self.now_ms, &mut decide) {
            Err(error) if error.kind == ErrorKind::RecordTooBig => Ok(()),
            Err(error) => self.tell(error),
            Ok(_) => Err("a record larger than a block was taken".to_string()),
        }
    }

    fn truncate(&mut self, namespace: &Namespace) -> Checked {
        let set = *self.random.of(&SETS);
        let before = self.random.one_in(2).then(|| self.now_ms - self.random.below(200_000));
        self.now_ms += 1;
        match namespace.truncate(Some(set), before, self.now_ms) {
            Ok(ticket) => {
                self.newest = ticket.or(self.newest.take());
                let goes = |number: i64, version: &Version| {
                    set_of(number) == set && before.is_none_or(|before| version.lut_ms <= before)
                };
                self.state.retain(|number, version| !goes(*number, version));
                self.note_all();
                Ok(())
            }
            Err(error) => self.tell(error),
        }
    }

    /// Records that have expired go; of those that will, some may.
    fn sweep(&mut self, namespace: &Namespace) -> Checked {
        namespace.sweep(self.now_ms).map(drop).or_else(|error| self.tell(error))?;
        if !self.evicts {
            return Ok(());
        }
        let mortal: Vec<i64> =
            self.state.iter().filter(|(_, v)| v.void_time != 0).map(|(n, _)| *n).collect();
        for number in mortal {
            let found = namespace.get(&digest_of(number), Bins::None, self.now_ms);
            if found.map_err(|e| e.to_string())?.record.is_none() {
                self.note(number, None);
            }
        }
        Ok(())
    }

    /// An index comes or goes.
    fn define(&mut self, namespace: &Namespace) -> Checked {
        let over = *self.random.of(&Over::ALL);
        let known = self.known(namespace).contains(&over);
        let done = match known && self.random.one_in(2) {
            true => namespace.drop_index(&over.name(), self.now_ms).map(|(_, ticket)| ticket),
            false => namespace.create_index(over.def(), self.now_ms),
        };
        match done {
            Ok(ticket) => {
                self.newest = ticket.or(self.newest.take());
                Ok(())
            }
            Err(error) if known && error.kind == ErrorKind::IndexExists => Ok(()),
            Err(error) => self.tell(error),
        }
    }

    fn known(&self, namespace: &Namespace) -> Vec<Over> {
        let indexes = namespace.catalog_indexes();
        let there = |over: &Over| indexes.iter().any(|index| *index.def.name == *over.name());
        Over::ALL.into_iter().filter(there).collect()
    }

    fn build(&mut self, namespace: &Namespace) -> Checked {
        for _ in 0..self.random.below(3_000) {
            if !namespace.build_step().map_err(|error| error.to_string())? {
                break;
            }
        }
        Ok(())
    }

    fn begin(&mut self, namespace: &Namespace) -> Checked {
        let known = self.known(namespace);
        if !known.is_empty() && self.queries.len() < 4 {
            let over = *self.random.of(&known);
            self.queries.push(Query::begin(&mut self.random, over, &self.state, self.now_ms));
        }
        Ok(())
    }

    fn go_on(&mut self, namespace: &Namespace) -> Checked {
        if self.queries.is_empty() {
            return Ok(());
        }
        let at = self.random.below(self.queries.len() as u64) as usize;
        match self.queries[at].step(namespace, &self.state, self.now_ms)? {
            Step::More => {}
            Step::Done => drop(self.queries.swap_remove(at)),
        }
        Ok(())
    }

    fn count(&mut self, namespace: &Namespace) -> Checked {
        for over in self.known(namespace) {
            let range = over.range(&mut self.random);
            let count = namespace.index_count(&over.name(), &range, u64::MAX);
            let count = count.map_err(|error| error.to_string())?;
            let alive = self.state.iter().filter(|(_, version)| version.alive(self.now_ms));
            let fits = alive.filter(|(number, version)| {
                over.values(**number, version).iter().any(|value| is_in(value, &range))
            });
            let (fits, ready) = (fits.count() as u64, self.is_ready(namespace, over));
            if ready && (count.entries < fits || count.exact && count.entries != fits) {
                return Err(format!("{over:?} {range:?}: {count:?}, {fits} records fit"));
            }
        }
        Ok(())
    }

    fn is_ready(&self, namespace: &Namespace, over: Over) -> bool {
        let indexes = namespace.catalog_indexes();
        indexes.iter().any(|index| *index.def.name == *over.name() && index.ready)
    }

    fn wait(&mut self) -> Checked {
        match self.newest.take() {
            Some(ticket) => ticket.wait_blocking().map_err(|error| error.to_string()),
            None => Ok(()),
        }
    }

    fn note(&mut self, number: i64, version: Option<Version>) {
        for query in &mut self.queries {
            query.note(number, version.as_ref(), self.now_ms);
        }
        match version {
            Some(version) => drop(self.state.insert(number, version)),
            None => drop(self.state.remove(&number)),
        }
    }

    /// Many records may be other than they were.
    fn note_all(&mut self) {
        for number in 0..self.keys as i64 {
            let version = self.state.get(&number);
            for query in &mut self.queries {
                query.note(number, version, self.now_ms);
            }
        }
    }

    /// A clean stop, or a cut of the power when all that was written is durable. What the records are
    /// then is the business of another test.
    fn restart(&mut self, namespace: Namespace) -> Checked<Namespace> {
        self.queries.clear();
        self.wait()?;
        if self.random.one_in(2) {
            namespace.close().map_err(|error| error.to_string())?;
            drop(namespace);
        } else {
            self.device.set_faults(Faults { power_cut_after: Some(0), ..Faults::default() });
            drop(namespace);
            self.device = Arc::new(self.device.crash(self.random.next()));
        }
        let namespace = self.open()?;
        let now_ms = self.now_ms;
        self.state.retain(|_, version| version.alive(now_ms));
        Ok(namespace)
    }

    /// Everything is built and every query ends, then the indexes are what the records are.
    fn finish(&mut self, namespace: &Namespace) -> Checked {
        for _ in 0..30 {
            self.step(namespace)?;
        }
        while namespace.build_step().map_err(|error| error.to_string())? {}
        for over in self.known(namespace) {
            if !self.is_ready(namespace, over) {
                return Err(format!("{over:?} is not ready, though nothing is to be built"));
            }
            let mut query = Query::begin(&mut self.random, over, &self.state, self.now_ms);
            while let Step::More = query.step(namespace, &self.state, self.now_ms)? {}
        }
        namespace.check().and_then(|()| namespace.check_indexes()).map_err(|e| e.to_string())
    }
}
