//! A namespace on a simulated disk against a map, through everything that happens to a database in
//! years: writes, deletes, groups, expiry, eviction, truncates, defragmentation, checkpoints, clean
//! stops, power cuts in the middle of all these, flipped bytes, misdirected writes, full devices,
//! failing syncs.
//!
//! What is checked after each power cut is stronger than "acknowledged writes are there": the log is
//! a sequence, so there must be one point of it, not before the last acknowledged operation and
//! never inside a group, such that every record is exactly as it was at that point.
//!
//! `AERIE_MODEL_RUNS=100000 cargo test --release -p namespace --test crash` runs more of them,
//! `AERIE_MODEL_SEED=n` one of them again, `AERIE_MODEL_TRACE=1` tells every step, and
//! `AERIE_MODEL_KEEP=folder` keeps the devices as they were before the opening that failed. With `--features sabotage` the engine gets one bug after
//! the other, each of which must be noticed.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use model::{Digest, ErrorKind, Key, Name, Value};
use namespace::{Namespace, Options, ReadAhead, Settings};
use storage::{Device, Durability, Faults, Sabotage, Sabotaged, SimDevice, Storage, Ticket};
use store::{Bins, Change, Expect, GroupChange, ScanCursor, Seen, Ttl};

const SETS: [&str; 3] = ["a", "b", "c"];
const BLOCK: u32 = storage::Options::BLOCK_SIZE_MIN;
const START_MS: u64 = 1_800_000_000_000;

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n.max(1)
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

/// A record as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Version {
    value: i64,
    void_time: u32,
    lut_ms: u64,
}

/// Records by number; absent ones are missing.
type State = BTreeMap<i64, Version>;

/// One step of the log: what it made of some records, and when it is durable; without a ticket it
/// was never acknowledged, and may have happened or not.
struct Step {
    effects: Vec<(i64, Option<Version>)>,
    ticket: Option<Ticket>,
}

/// What is known for sure, and what has been done since.
#[derive(Default)]
struct Model {
    base: State,
    steps: Vec<Step>,
    /// The state with all steps.
    now: State,
}

impl Model {
    fn step(&mut self, effects: Vec<(i64, Option<Version>)>, ticket: Option<Ticket>) {
        trace(|| {
            let effects: Vec<_> = effects.iter().map(|(n, v)| (n, v.map(|v| v.value))).collect();
            format!("step {effects:?} ticket {:?}", ticket.as_ref().map(|t| t.outcome()))
        });
        apply(&mut self.now, &effects);
        self.steps.push(Step { effects, ticket });
    }

    /// Moves what is acknowledged into the base.
    fn settle(&mut self) {
        let acked = |step: &Step| {
            step.ticket.as_ref().is_some_and(|ticket| matches!(ticket.outcome(), Some(Ok(()))))
        };
        let last = self.steps.iter().rposition(acked).map_or(0, |last| last + 1);
        for step in self.steps.drain(..last) {
            apply(&mut self.base, &step.effects);
        }
    }

    /// Takes what was found after a power cut for the truth, if it is one of the states that the log
    /// has been in since the last acknowledged step.
    fn adopt(&mut self, found: &State, now_ms: u64) -> Result<(), String> {
        let mut state = std::mem::take(&mut self.base);
        let steps = std::mem::take(&mut self.steps);
        let mut differences = Vec::new();
        for effects in [vec![]].into_iter().chain(steps.into_iter().map(|step| step.effects)) {
            apply(&mut state, &effects);
            match difference(&visible(&state, now_ms), found) {
                None => {
                    self.base = state.clone();
                    self.now = state;
                    return Ok(());
                }
                Some(difference) => differences.push(difference),
            }
        }
        let shown: Vec<_> = differences.iter().take(3).chain(differences.last()).collect();
        Err(format!("of {} states none was found: {shown:?}", differences.len()))
    }
}

fn apply(state: &mut State, effects: &[(i64, Option<Version>)]) {
    for (number, version) in effects {
        match version {
            Some(version) => drop(state.insert(*number, *version)),
            None => drop(state.remove(number)),
        }
    }
}

fn visible(state: &State, now_ms: u64) -> State {
    let alive = |v: &Version| v.void_time == 0 || u64::from(v.void_time) * 1000 > now_ms;
    state.iter().filter(|(_, v)| alive(v)).map(|(n, v)| (*n, *v)).collect()
}

fn difference(expected: &State, found: &State) -> Option<String> {
    let wrong = expected.iter().find(|(n, v)| found.get(n) != Some(v));
    let extra = found.iter().find(|(n, _)| !expected.contains_key(n));
    match (wrong, extra) {
        (None, None) => None,
        (Some((n, v)), _) => Some(format!("record {n}: {v:?} expected, {:?} found", found.get(n))),
        (_, Some((n, v))) => Some(format!("record {n}: none expected, {v:?} found")),
    }
}

fn set_of(number: i64) -> &'static str {
    SETS[number as usize % SETS.len()]
}

fn digest_of(number: i64) -> Digest {
    Key::Integer(number).digest(set_of(number))
}

/// Value and filling depend on each other, so that a mixture shows. The size follows from both.
fn bins(number: i64, value: i64) -> Vec<(Name, Option<Value>)> {
    let size = Random((number * 1_000_003 + value) as u64).below(2_500) as usize;
    let size = if value % 3 == 0 { size } else { size / 20 };
    let filling = (0..size).map(|i| (i as i64 * 31 + value * 7 + number) as u8).collect();
    // New bin names keep coming.
    let extra = Name::from(format!("x{}", value % 40));
    let pairs = [
        (Name::from("v"), Value::Integer(value)),
        (Name::from("f"), Value::Blob(filling)),
        (extra, Value::Integer(number)),
    ];
    pairs.into_iter().map(|(name, value)| (name, Some(value))).collect()
}

/// The version that a record shows, if every byte of it is right.
fn version_of(number: i64, record: &model::Record) -> Result<Version, String> {
    let Some(Value::Integer(value)) = record.bin("v") else {
        return Err(format!("record {number} has no value: {record:?}"));
    };
    let mut expected: Vec<_> = bins(number, *value);
    let mut found: Vec<_> =
        record.bins.iter().map(|(name, value)| (name.clone(), Some(value.clone()))).collect();
    expected.sort_by(|a, b| a.0.cmp(&b.0));
    found.sort_by(|a, b| a.0.cmp(&b.0));
    if expected != found || record.key != Some(Key::Integer(number)) {
        return Err(format!("record {number} has wrong bytes"));
    }
    Ok(Version { value: *value, void_time: record.void_time, lut_ms: record.lut_ms })
}

/// One life after the other of one namespace.
struct Run {
    random: Random,
    devices: Vec<Arc<SimDevice>>,
    capacity: u64,
    sabotage: Sabotaged,
    compression: storage::Compression,
    model: Model,
    now_ms: u64,
    value: i64,
    keys: u64,
}

type Checked<T = ()> = Result<T, String>;

/// The power went while something was looked at: nothing is wrong, and nothing more to learn.
const OFF: &str = "the power is off";

impl Run {
    fn new(seed: u64, sabotage: Sabotaged) -> Run {
        let mut random = Random(seed);
        let blocks = 8 + random.below(12);
        let capacity = (blocks + 1) * u64::from(BLOCK);
        let devices = 1 + random.below(6) / 5;
        let compression = match random.below(6) {
            0 => storage::Compression::Lz4,
            1 => storage::Compression::Zstd(1),
            _ => storage::Compression::None,
        };
        Run {
            devices: (0..devices).map(|_| Arc::new(SimDevice::new(capacity))).collect(),
            capacity,
            sabotage,
            compression,
            model: Model::default(),
            now_ms: START_MS,
            value: 0,
            keys: 8 + random.below(120),
            random,
        }
    }

    fn settings(&self) -> Settings {
        let mut settings = Settings {
            evict_used_pct: 25,
            evict_tenths_pct: 200,
            stop_writes_used_pct: 0,
            compression: self.compression,
            durability: Durability::Commit,
            ..Settings::default()
        };
        let spared = namespace::SetSettings { disable_eviction: true, ..Default::default() };
        settings.sets.insert("c".to_string(), spared);
        settings
    }

    fn open(&self, ignore_checkpoint: bool) -> model::Result<Namespace> {
        let options = Options {
            name: "test".to_string(),
            storage_engine: "device",
            settings: self.settings(),
            replication_factor: 1,
            shards_per_partition: 1,
        };
        let storage = storage::Options {
            block_size: BLOCK,
            recent_blocks: 2,
            threads: 1,
            // Little enough for a few passes, every other time.
            recovery_memory: [4 << 30, 8 << 10][self.now_ms as usize % 2],
            compression: self.compression,
            sabotage: self.sabotage,
            ..storage::Options::new("test", 7)
        };
        let devices = || self.devices.iter().map(|d| d.clone() as Arc<dyn Device>).collect();
        Namespace::open(options, self.now_ms, |ignore| {
            let ignore_checkpoint = ignore || ignore_checkpoint;
            Storage::open(devices(), &storage::Options { ignore_checkpoint, ..storage.clone() })
        })
    }

    fn fault(&self, faults: Faults) {
        self.devices.iter().for_each(|device| device.set_faults(faults.clone()));
    }

    /// Everything that is there. What cannot be read is counted.
    fn found(&self, namespace: &Namespace) -> Checked<(State, usize)> {
        let mut state = State::new();
        let mut damaged = 0;
        for number in 0..self.keys as i64 {
            match namespace.get(&digest_of(number), Bins::All, self.now_ms) {
                Ok(found) => {
                    if let Some(record) = &found.record {
                        state.insert(number, version_of(number, record)?);
                    }
                }
                Err(error) if error.kind == ErrorKind::Corrupt => {
                    trace(|| format!("record {number}: {error}"));
                    damaged += 1;
                }
                Err(error) if error.kind == ErrorKind::Io => return Err(OFF.to_string()),
                Err(error) => return Err(format!("record {number}: {error}")),
            }
        }
        Ok((state, damaged))
    }

    /// What every reader sees is the state with all steps.
    fn check(&self, namespace: &Namespace) -> Checked {
        let (found, damaged) = self.found(namespace)?;
        let expected = visible(&self.model.now, self.now_ms);
        if let Some(difference) = difference(&expected, &found) {
            return Err(format!("while running: {difference}, {damaged} damaged"));
        }
        for set in SETS {
            let mut scanned = State::new();
            let mut cursor = ScanCursor::all();
            while !cursor.done() {
                let scan = namespace.scan(set, Bins::All, &mut cursor, 50, self.now_ms);
                let off = |error: model::Error| match error.kind {
                    ErrorKind::Io => OFF.to_string(),
                    _ => error.to_string(),
                };
                for record in scan.map_err(off)?.0 {
                    let Some(Key::Integer(number)) = record.key else {
                        return Err(format!("a foreign record in set {set}"));
                    };
                    scanned.insert(number, version_of(number, &record)?);
                }
            }
            let of_set = expected.iter().filter(|(n, _)| set_of(**n) == set);
            let of_set: State = of_set.map(|(n, v)| (*n, *v)).collect();
            if let Some(difference) = difference(&of_set, &scanned) {
                return Err(format!("scan of {set}: {difference}"));
            }
        }
        namespace.check().map_err(|e| e.to_string())
    }

    /// One operation. `Ok(false)` when the device is off.
    fn operate(&mut self, namespace: &Namespace) -> Checked<bool> {
        let number = self.random.below(self.keys) as i64;
        let done = match self.random.below(100) {
            0..55 => self.put(namespace, number),
            55..68 => self.delete(namespace, number),
            68..76 => self.group(namespace),
            76..78 => self.truncate(namespace),
            78..82 => {
                self.now_ms += self.random.below(200_000);
                return Ok(true);
            }
            82..84 => return self.sweep(namespace),
            84..87 => {
                let done = match self.random.one_in(2) {
                    true => namespace.defrag_now(),
                    false => namespace.defrag_step(),
                };
                trace(|| format!("defrag {done:?}"));
                done.map(drop)
            }
            87..89 => {
                let done = namespace.checkpoint();
                trace(|| format!("checkpoint {done:?}"));
                done
            }
            89 => {
                return match self.check(namespace) {
                    Err(error) if error == OFF => Ok(false),
                    checked => checked.map(|()| true),
                };
            }
            90..96 => {
                let found = namespace.get(&digest_of(number), Bins::All, self.now_ms);
                return match found {
                    Ok(found) => self.compare(number, found.record.as_ref()).map(|()| true),
                    Err(error) => self.tell(error),
                };
            }
            _ => {
                // Somebody waits for an answer, and may do the flusher's work meanwhile.
                let last = self.model.steps.last().and_then(|step| step.ticket.clone());
                let hasten = number % 2 == 0;
                last.map_or(Ok(()), |ticket| {
                    if hasten {
                        ticket.hasten();
                    }
                    ticket.wait_blocking()
                })
            }
        };
        match done {
            Ok(()) => Ok(true),
            Err(error) => self.tell(error),
        }
    }

    /// What an error of an operation means: the power is off, or the device is full.
    fn tell(&self, error: model::Error) -> Checked<bool> {
        match error.kind {
            ErrorKind::Io | ErrorKind::Unavailable => Ok(false),
            ErrorKind::NoSpace | ErrorKind::GenerationMismatch => Ok(true),
            _ => Err(format!("an operation failed: {error}")),
        }
    }

    fn compare(&self, number: i64, found: Option<&model::Record>) -> Checked {
        let found = found.map(|record| version_of(number, record)).transpose()?;
        let expected = visible(&self.model.now, self.now_ms).get(&number).copied();
        match found == expected {
            true => Ok(()),
            false => Err(format!("record {number}: {expected:?} expected, {found:?} read")),
        }
    }

    fn ttl(&mut self) -> Ttl {
        match self.random.below(10) {
            0..5 => Ttl::Never,
            5..8 => Ttl::Seconds(1 + self.random.below(600) as u32),
            8 => Ttl::Seconds(1 + self.random.below(20_000) as u32),
            _ => Ttl::Seconds(10_000_000),
        }
    }

    fn void_time(&self, ttl: Ttl, lut_ms: u64) -> u32 {
        match ttl {
            Ttl::Seconds(seconds) => lut_ms.div_ceil(1000) as u32 + seconds,
            _ => 0,
        }
    }

    /// What is about to be changed, read before; every other time.
    fn ahead<'n>(&mut self, namespace: &'n Namespace, digests: &[Digest]) -> ReadAhead<'n> {
        match self.random.one_in(2) {
            true => futures::executor::block_on(namespace.read_ahead(digests)),
            false => ReadAhead::default(),
        }
    }

    fn put(&mut self, namespace: &Namespace, number: i64) -> model::Result<()> {
        self.value += 1;
        let (value, ttl, now_ms) = (self.value, self.ttl(), self.now_ms);
        let key = Key::Integer(number);
        let mut write = |seen: Seen<'_>| {
            seen.record()?;
            Ok(Change::Write { bins: bins(number, value), replace: true, ttl })
        };
        let digest = digest_of(number);
        let set = set_of(number);
        let ahead = &mut self.ahead(namespace, &[digest]);
        let (_, ticket) = namespace.change(set, &digest, Some(&key), now_ms, ahead, &mut write)?;
        let version = Version { value, void_time: self.void_time(ttl, now_ms), lut_ms: now_ms };
        self.model.step(vec![(number, Some(version))], ticket);
        Ok(())
    }

    fn delete(&mut self, namespace: &Namespace, number: i64) -> model::Result<()> {
        let mut delete = |_: Option<&model::Record>| Ok(Change::Delete);
        let digest = digest_of(number);
        let (_, ticket) =
            namespace.modify(set_of(number), &digest, None, self.now_ms, &mut delete)?;
        if ticket.is_some() {
            self.model.step(vec![(number, None)], ticket);
        }
        Ok(())
    }

    fn group(&mut self, namespace: &Namespace) -> model::Result<()> {
        let mut numbers: Vec<i64> =
            (0..2 + self.random.below(5)).map(|_| self.random.below(self.keys) as i64).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let keys: Vec<Key> = numbers.iter().map(|number| Key::Integer(*number)).collect();
        let mut group = Vec::new();
        let mut effects = Vec::new();
        for (number, key) in numbers.iter().zip(&keys) {
            self.value += 1;
            let there = visible(&self.model.now, self.now_ms).contains_key(number);
            let change = if there && self.random.one_in(3) {
                effects.push((*number, None));
                Change::Delete
            } else {
                let (ttl, value) = (self.ttl(), self.value);
                let void_time = self.void_time(ttl, self.now_ms);
                effects.push((*number, Some(Version { value, void_time, lut_ms: self.now_ms })));
                Change::Write { bins: bins(*number, value), replace: true, ttl }
            };
            let expect = if there || self.random.one_in(2) { Expect::Any } else { Expect::Absent };
            let digest = digest_of(*number);
            group.push(GroupChange {
                set: set_of(*number),
                digest,
                key: Some(key),
                expect,
                change,
            });
        }
        if self.random.one_in(10) {
            // One record is not as expected: nothing happens.
            group[0].expect = Expect::Generation(60_000);
            let nothing = &mut ReadAhead::default();
            let refused = namespace.apply(&group, self.now_ms, nothing);
            return refused.map(|_| panic!("it was not refused"));
        }
        let digests: Vec<Digest> = group.iter().map(|of| of.digest).collect();
        let ahead = &mut self.ahead(namespace, &digests);
        let (_, ticket) = namespace.apply(&group, self.now_ms, ahead)?;
        self.model.step(effects, ticket);
        Ok(())
    }

    fn truncate(&mut self, namespace: &Namespace) -> model::Result<()> {
        let set = SETS[self.random.below(3) as usize];
        let before = match self.random.one_in(2) {
            true => None,
            false => Some(self.now_ms - 1 - self.random.below(100_000)),
        };
        let done = namespace.truncate(Some(set), before, self.now_ms);
        let goes = |v: &Version| before.is_none_or(|before| v.lut_ms <= before);
        let gone = self.model.now.iter().filter(|(n, v)| set_of(**n) == set && goes(v));
        let effects = gone.map(|(n, _)| (*n, None)).collect();
        // Later writes have a later time of update.
        self.now_ms += 1;
        match done {
            Ok(None) => {}
            Ok(ticket) => self.model.step(effects, ticket),
            Err(error) => {
                if error.kind == ErrorKind::Io {
                    // The marker may be in the log, though records could not be read.
                    self.model.step(effects, None);
                }
                return Err(error);
            }
        }
        Ok(())
    }

    /// Expired records go without a trace; of the mortal ones some may be evicted.
    fn sweep(&mut self, namespace: &Namespace) -> Checked<bool> {
        let swept = match namespace.sweep(self.now_ms) {
            Ok(swept) => swept,
            Err(error) => {
                // Whether and what it has evicted cannot be learnt any more.
                return if self.tell(error)? { Ok(true) } else { Err(OFF.to_string()) };
            }
        };
        if swept.evicted > 0 {
            self.note_evicted(namespace)?;
        }
        Ok(true)
    }

    fn note_evicted(&mut self, namespace: &Namespace) -> Checked {
        let (found, _) = self.found(namespace)?;
        let expected = visible(&self.model.now, self.now_ms);
        let gone: Vec<_> = expected.iter().filter(|(n, _)| !found.contains_key(n)).collect();
        for (number, version) in &gone {
            if version.void_time == 0 || set_of(**number) == "c" {
                return Err(format!("record {number} was evicted: {version:?}"));
            }
        }
        let effects = gone.into_iter().map(|(n, _)| (*n, None)).collect();
        self.model.step(effects, Some(Ticket::done()));
        Ok(())
    }

    /// Opens, after a power cut or not, and checks that nothing is lost and nothing is back.
    fn reopen(&mut self) -> Checked<Namespace> {
        let ignore = self.random.one_in(3);
        trace(|| format!("reopen, ignore {ignore}"));
        let kept = std::env::var_os("AERIE_MODEL_KEEP");
        let images: Vec<_> = match &kept {
            Some(_) => self.devices.iter().map(|device| device.image()).collect(),
            None => Vec::new(),
        };
        let keep = |error: String| {
            for (n, image) in images.iter().enumerate() {
                let folder = std::path::PathBuf::from(kept.clone().unwrap_or_default());
                let _ = std::fs::write(folder.join(format!("device{n}")), image);
            }
            format!("ignore {ignore} now {} life's end: {error}", self.now_ms)
        };
        let namespace = self.open(ignore).map_err(|e| keep(format!("does not open: {e}")))?;
        let (found, damaged) = self.found(&namespace).map_err(keep)?;
        if damaged > 0 {
            return Err(keep(format!("{damaged} records cannot be read after opening")));
        }
        self.model.adopt(&found, self.now_ms).map_err(keep)?;
        namespace.check().map_err(|e| format!("after opening: {e}"))?;
        Ok(namespace)
    }

    /// Cuts the power: every device keeps some of what was not synced.
    fn crash(&mut self) {
        let crashed = |device: &Arc<SimDevice>| Arc::new(device.crash(self.random.next()));
        self.devices = self.devices.iter().map(crashed).collect();
    }

    /// Reads all the time while the others write, and looks whether what it gets is whole.
    fn watch(&self, namespace: &Namespace, stop: &AtomicBool) -> Checked {
        let mut number = 0;
        while !stop.load(Relaxed) {
            number = (number + 1) % self.keys as i64;
            match namespace.get(&digest_of(number), Bins::All, self.now_ms) {
                Ok(found) => {
                    if let Some(record) = &found.record {
                        version_of(number, record)?;
                    }
                }
                Err(error) if error.kind == ErrorKind::Corrupt => return Err(error.to_string()),
                Err(_) => return Ok(()),
            }
        }
        Ok(())
    }

    /// One life: opened, used, ended by a power cut, a failing device or a clean stop.
    fn life(&mut self) -> Checked {
        let mut cut = Faults::default();
        if self.random.one_in(4) {
            // The power may go while the storage is being opened, too.
            cut.power_cut_after = Some(self.random.below(30));
        }
        self.fault(cut);
        trace(|| format!("open {} devices", self.devices.len()));
        let opened = self.open(self.random.0.is_multiple_of(3));
        let Ok(namespace) = opened else {
            self.crash();
            return self.reopen().map(drop);
        };
        let watched = self.random.one_in(6);
        let cut = (!watched && self.random.one_in(2)).then(|| self.random.below(600));
        self.fault(Faults {
            power_cut_after: cut,
            read_takes: Duration::from_micros(if watched { 30 } else { 0 }),
            ..Faults::default()
        });
        let stop = AtomicBool::new(false);
        let operations = 20 + self.random.below(400);
        let view = Run { random: Random(0), model: Model::default(), devices: vec![], ..*self };
        let seen = std::thread::scope(|scope| {
            let watcher = watched.then(|| scope.spawn(|| view.watch(&namespace, &stop)));
            let mut outcome = Ok(());
            for _ in 0..operations {
                match self.operate(&namespace) {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(error) => {
                        outcome = Err(error);
                        break;
                    }
                }
            }
            stop.store(true, Relaxed);
            let watched = watcher.map_or(Ok(()), |w| w.join().expect("the watcher does not panic"));
            outcome.and(watched)
        });
        seen?;
        match self.random.below(6) {
            0 => {
                // What was closed cleanly is all there.
                let closed = namespace.close().is_ok();
                trace(|| format!("closed {closed}"));
                if closed {
                    self.model.steps.clear();
                    self.model.base = self.model.now.clone();
                }
            }
            1 => {
                self.fault(Faults { syncs_fail: true, ..Faults::default() });
                for _ in 0..5 {
                    let number = self.random.below(self.keys) as i64;
                    let _ = self.put(&namespace, number);
                }
            }
            _ => {}
        }
        // Acknowledged first, then the cut: what the flusher still does is not counted.
        self.model.settle();
        // All devices go at once.
        self.fault(Faults { power_cut_after: Some(0), ..Faults::default() });
        drop(namespace);
        self.crash();
        self.reopen().map(drop)
    }

    /// After a clean stop one byte changes: at most one record is lost, and it is said so.
    fn flip(&mut self) -> Checked {
        self.fault(Faults::default());
        let namespace = self.reopen()?;
        for _ in 0..self.random.below(60) {
            self.operate(&namespace)?;
        }
        self.flush(&namespace)?;
        if self.random.one_in(2) {
            namespace.close().map_err(|e| e.to_string())?;
        }
        self.model.settle();
        drop(namespace);
        let device = self.random.below(self.devices.len() as u64) as usize;
        let image = self.devices[device].image();
        let used: Vec<usize> = (0..image.len())
            .step_by(4096)
            .filter(|at| image[*at..][..4096].iter().any(|b| *b != 0))
            .collect();
        let at =
            used[self.random.below(used.len() as u64) as usize] as u64 + self.random.below(4096);
        let bits = 1 << self.random.below(8);
        let flipped = SimDevice::from_image(image, self.capacity);
        flipped.flip(at, bits);
        let sound = std::mem::replace(&mut self.devices[device], Arc::new(flipped));
        let ignore = self.random.one_in(3);
        let namespace = self.open(ignore).map_err(|e| format!("byte {at}: {e}"))?;
        let (found, damaged) = self.found(&namespace)?;
        let expected = visible(&self.model.now, self.now_ms);
        let wrong = expected.iter().filter(|(n, v)| found.get(n) != Some(v)).count();
        let extra = found.keys().filter(|n| !expected.contains_key(n)).count();
        // A tombstone that cannot be read gives an error, too.
        if damaged > 1 || wrong > damaged || extra > 0 {
            let what = difference(&expected, &found);
            if let Some(folder) = std::env::var_os("AERIE_MODEL_KEEP") {
                let folder = std::path::PathBuf::from(folder);
                let _ = std::fs::write(folder.join("sound"), sound.image());
            }
            return Err(format!(
                "byte {at}: {damaged} damaged, {wrong} wrong, {extra} extra {what:?}"
            ));
        }
        drop(namespace);
        self.devices[device] = sound;
        Ok(())
    }

    fn flush(&mut self, namespace: &Namespace) -> Checked {
        for ticket in self.model.steps.iter().filter_map(|step| step.ticket.as_ref()) {
            ticket.wait_blocking().map_err(|e| e.to_string())?;
        }
        self.check(namespace)
    }

    /// A write lands in a wrong place: what is served is right or an error, and every byte of it is
    /// what was once written.
    fn misdirect(&mut self) -> Checked {
        self.fault(Faults::default());
        let namespace = self.reopen()?;
        let by = 4096 * (1 + self.random.below(60));
        self.fault(Faults { misdirect_by: Some(by), ..Faults::default() });
        for _ in 0..40 {
            let number = self.random.below(self.keys) as i64;
            match self.put(&namespace, number) {
                // The version that was there cannot be read any more.
                Err(error) if error.kind == ErrorKind::Corrupt => {}
                Err(error) => drop(self.tell(error)?),
                Ok(()) => {}
            }
            let _ = namespace.defrag_step();
        }
        self.found(&namespace)?;
        let _ = namespace.close();
        drop(namespace);
        match self.open(false) {
            Ok(namespace) => self.found(&namespace).map(drop),
            Err(error) if error.kind == ErrorKind::Corrupt => Ok(()),
            Err(error) => Err(format!("does not open: {error}")),
        }
    }
}

fn trace(text: impl FnOnce() -> String) {
    if std::env::var_os("AERIE_MODEL_TRACE").is_some() {
        eprintln!("{:?} {}", std::thread::current().id(), text());
    }
}

/// One run; what went wrong, if anything.
fn run(seed: u64, sabotage: Sabotaged) -> Checked {
    let run = || {
        let mut run = Run::new(seed, sabotage);
        for life in 0..1 + run.random.below(4) {
            run.life().map_err(|error| format!("life {life}: {error}"))?;
        }
        match run.random.below(4) {
            0 => run.flip().map_err(|error| format!("flip: {error}")),
            1 => run.misdirect().map_err(|error| format!("misdirect: {error}")),
            _ => Ok(()),
        }
    };
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Err(error)) if error.ends_with(OFF) => Ok(()),
        Ok(outcome) => outcome,
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            Err(text.unwrap_or_else(|| "a panic".to_string()))
        }
    }
}

fn number_from(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// Runs seeds on four threads until one fails (each waits for its flusher now and then); its seed
/// and what went wrong.
fn first_failure(seeds: std::ops::Range<u64>, sabotage: Sabotaged) -> Option<(u64, String)> {
    let next = AtomicU64::new(seeds.start);
    let failed = std::sync::Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while failed.lock().expect("no panic").is_none() {
                    let seed = next.fetch_add(1, Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    if let Err(error) = run(seed, sabotage) {
                        failed.lock().expect("no panic").get_or_insert((seed, error));
                    }
                }
            });
        }
    });
    failed.into_inner().expect("no panic")
}

#[test]
fn nothing_is_lost_and_nothing_comes_back() {
    let seeds = match number_from("AERIE_MODEL_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number_from("AERIE_MODEL_RUNS").unwrap_or(150),
    };
    let count = seeds.end - seeds.start;
    if let Some((seed, error)) = first_failure(seeds, Sabotaged::default()) {
        panic!("seed {seed}: {error}");
    }
    println!("{count} runs");
}

/// Each bug is noticed, or the test above proves nothing.
#[test]
#[cfg_attr(not(feature = "sabotage"), ignore = "needs --features sabotage")]
fn every_bug_is_noticed() {
    let most = number_from("AERIE_MODEL_RUNS").unwrap_or(20_000);
    let quiet = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| ()));
    let missed: Vec<_> = Sabotage::ALL
        .into_iter()
        .filter(|bug| {
            let found = first_failure(0..most, Sabotaged::with(*bug));
            match &found {
                Some((seed, error)) => println!("{bug:?}: seed {seed}: {error}"),
                None => println!("{bug:?}: not noticed in {most} runs"),
            }
            found.is_none()
        })
        .collect();
    std::panic::set_hook(quiet);
    assert_eq!(missed, []);
}
