//! Readers, writers, scanners and movers on threads.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::*;

/// Digest number `n`. All lie in eight partitions, so that threads meet in shards.
fn digest(n: usize) -> Digest {
    let mut digest = Rng(n as u64).digest();
    (digest.0[0], digest.0[1]) = (n as u8 % 8, 0);
    digest
}

/// Version `version` of record `n`. Every field follows from both, so a torn entry shows.
fn entry(n: usize, version: usize) -> Entry {
    let sum = n * 31 + version;
    Entry {
        location: (n as u64) << 18 | version as u64,
        size_class: sum as u8,
        generation: (version % 65_535) as u16 + 1,
        set_id: sum as u16 % index::SET_ID_END,
        expiry_hours: sum as u32 % index::EXPIRY_HOURS_END,
        tombstone: sum.is_multiple_of(2),
        in_sindex: sum.is_multiple_of(3),
        replication: (sum % 4) as u8,
    }
}

/// Panics unless this is some version of record `n`, whole.
fn assert_whole(n: usize, found: Entry) {
    assert_eq!((found.location >> 18) as usize, n);
    assert_eq!(found, entry(n, (found.location & ((1 << 18) - 1)) as usize));
}

fn new_index() -> Index {
    Index::new(Options { shards_per_partition: 2 }).expect("options")
}

/// Three writers, each with digests of its own; a reader, a batch reader and a scanner look on.
/// Every tenth record is inserted before and only ever replaced: the scanner must always see it.
#[test]
fn readers_see_whole_entries_while_writers_write() {
    const WRITERS: usize = 3;
    let keys = WRITERS * 10 * steps(3000).div_ceil(50);
    let index = new_index();
    let lasting = keys.div_ceil(10);
    (0..keys).step_by(10).for_each(|n| index.insert(&digest(n), entry(n, 0)).expect("memory"));
    let working = AtomicUsize::new(WRITERS);
    let versions: Vec<Option<usize>> = thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|w| {
                let (index, working) = (&index, Working(&working));
                scope.spawn(move || {
                    let _working = working;
                    write(index, w, WRITERS, keys)
                })
            })
            .collect();
        scope.spawn(|| while_any(&working, |rng| read(&index, rng.below(keys))));
        scope.spawn(|| while_any(&working, |rng| read_batch(&index, rng, keys)));
        scope.spawn(|| while_any(&working, |_| scan_all(&index, lasting)));
        let left = writers.into_iter().map(|w| w.join().expect("no panic"));
        left.fold(vec![None; keys], |all, some| {
            all.iter().zip(&some).map(|(a, b)| a.or(*b)).collect()
        })
    });
    index.check().expect("kept promises");
    assert_eq!(index.len() as usize, versions.iter().flatten().count());
    for (n, version) in versions.into_iter().enumerate() {
        let stored = version.map(|version| entry(n, version));
        assert!(index.get(&digest(n)).eq(stored), "record {n}");
    }
}

/// Counts a thread out when it ends, by a panic too: the others must not wait for it for ever.
struct Working<'a>(&'a AtomicUsize);

impl Drop for Working<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// Repeats `work` while there are writers.
fn while_any(working: &AtomicUsize, mut work: impl FnMut(&mut Rng)) {
    let mut rng = Rng(9);
    loop {
        // Once more after the last writer: then nothing moves.
        let last = working.load(Relaxed) == 0;
        work(&mut rng);
        if last {
            return;
        }
    }
}

/// Writes the keys `n` with `n % writers == w`; gives the version left of each.
fn write(index: &Index, w: usize, writers: usize, keys: usize) -> Vec<Option<usize>> {
    let mut rng = Rng(w as u64);
    let mut versions: Vec<Option<usize>> =
        (0..keys).map(|n| (n % writers == w && n % 10 == 0).then_some(0)).collect();
    for step in 1..=steps(3000) * 4 {
        let n = rng.below(keys / writers) * writers + w;
        match versions[n] {
            None => {
                index.insert(&digest(n), entry(n, step)).expect("memory");
                versions[n] = Some(step);
            }
            Some(old) if n.is_multiple_of(10) || rng.below(2) == 0 => {
                assert!(index.replace(&digest(n), entry(n, old).location, entry(n, step)));
                versions[n] = Some(step);
            }
            Some(old) => {
                let removed = index.remove(&digest(n), entry(n, old).location);
                assert_eq!(removed, Some(entry(n, old)));
                versions[n] = None;
            }
        }
    }
    versions
}

fn read(index: &Index, n: usize) {
    index.get(&digest(n)).for_each(|found| assert_whole(n, found));
}

fn read_batch(index: &Index, rng: &mut Rng, keys: usize) {
    let numbers: Vec<usize> = (0..50).map(|_| rng.below(keys)).collect();
    let digests: Vec<Digest> = numbers.iter().map(|&n| digest(n)).collect();
    let mut found = Vec::new();
    index.get_batch(&digests, &mut found);
    found.iter().for_each(|&(at, entry)| assert_whole(numbers[at], entry));
}

/// Scans all partitions in small pieces: each lasting record once, no record twice.
fn scan_all(index: &Index, lasting: usize) {
    let mut seen: BTreeSet<usize> = BTreeSet::new();
    for partition in (0..8).filter_map(PartitionId::new) {
        let (mut found, mut more) = (Vec::new(), true);
        while more {
            let after = found.last().map(|(position, _)| *position);
            more = index.scan(partition, after, 7, &mut found);
        }
        let before = seen.len();
        let mut numbers: Vec<usize> = found.iter().map(|f| (f.1.location >> 18) as usize).collect();
        found.iter().zip(&numbers).for_each(|(f, &n)| assert_whole(n, f.1));
        numbers.retain(|n| n % 10 == 0);
        seen.extend(&numbers);
        assert_eq!(seen.len() - before, numbers.len(), "a lasting record was seen twice");
    }
    assert_eq!(seen.len(), lasting, "a lasting record was skipped");
}

/// Several movers race to replace the same few entries: one wins each time, none is lost.
#[test]
fn compare_and_swap_has_one_winner() {
    const KEYS: usize = 5;
    const MOVERS: usize = 3;
    let index = new_index();
    (0..KEYS).for_each(|n| index.insert(&digest(n), entry(n, 0)).expect("memory"));
    let racing = AtomicUsize::new(MOVERS);
    let wins: usize = thread::scope(|scope| {
        // Neighbours come and go, so that the entries move while they are replaced.
        scope.spawn(|| while_any(&racing, |_| churn(&index, KEYS..400)));
        let movers: Vec<_> = (0..MOVERS as u64)
            .map(|m| {
                let (index, working) = (&index, Working(&racing));
                scope.spawn(move || {
                    let _working = working;
                    race(index, m, KEYS)
                })
            })
            .collect();
        movers.into_iter().map(|m| m.join().expect("no panic")).sum()
    });
    let moved: u64 = (0..KEYS)
        .map(|n| index.get(&digest(n)).next().expect("still there").location & ((1 << 18) - 1))
        .sum();
    assert_eq!(moved, wins as u64);
    index.check().expect("kept promises");
}

/// Inserts all these, then removes them.
fn churn(index: &Index, keys: Range<usize>) {
    for n in keys.clone() {
        index.insert(&digest(n), entry(n, 0)).expect("memory");
    }
    for n in keys {
        assert!(index.remove(&digest(n), entry(n, 0).location).is_some());
    }
}

/// Moves each entry to its next version; gives how often this thread was first.
fn race(index: &Index, seed: u64, keys: usize) -> usize {
    let mut rng = Rng(seed);
    let attempts = (0..steps(3000)).map(|_| {
        let n = rng.below(keys);
        let found = index.get(&digest(n)).next().expect("never removed");
        let version = (found.location & ((1 << 18) - 1)) as usize;
        index.replace(&digest(n), found.location, entry(n, version + 1))
    });
    attempts.filter(|&won| won).count()
}
