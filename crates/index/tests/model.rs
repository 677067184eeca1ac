//! The index against a `BTreeMap`, seeded: random operations over digests that spread, crowd into
//! one shard, are nearly equal, or are equal in all compared bits.
//!
//! `INDEX_MODEL_STEPS` sets the operations of each run (valgrind.sh lowers it). A failure names
//! the seed and the step; the same seed gives the same run.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;

use index::{Entry, Index, Options, ScanPosition};
use model::{Digest, PartitionId};

#[path = "model/bulk.rs"]
mod bulk;
#[path = "model/concurrent.rs"]
mod concurrent;

/// Operations of one run, and what other tests scale by.
fn steps(default: usize) -> usize {
    std::env::var("INDEX_MODEL_STEPS").ok().and_then(|v| v.parse().ok()).unwrap_or(default)
}

/// SplitMix64.
struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    fn digest(&mut self) -> Digest {
        let mut bytes = [0; 20];
        bytes
            .chunks_mut(8)
            .for_each(|to| to.copy_from_slice(&self.next().to_le_bytes()[..to.len()]));
        Digest(bytes)
    }
}

/// How the digests of a run are related.
#[derive(Clone, Copy, Debug)]
enum Digests {
    /// Random, in two partitions.
    Spread,
    /// Random behind the bits that choose partition and shard.
    OneShard,
    /// Different in the last ten of the compared bits only, at the low end, inside, or at the top.
    NearEqual,
    /// Thirty that differ, each with others that equal it in every compared bit.
    Equal,
}

impl Digests {
    fn pool(self, rng: &mut Rng) -> Vec<Digest> {
        (0..1500).map(|n| self.make(n, rng)).collect()
    }

    fn make(self, n: usize, rng: &mut Rng) -> Digest {
        let mut digest = rng.digest();
        let bytes = &mut digest.0;
        (bytes[0], bytes[1]) = (0x21, bytes[1] & 0xf0);
        match self {
            Digests::Spread => bytes[1] |= (n % 2) as u8,
            Digests::OneShard => bytes[2] |= 0xfc,
            Digests::NearEqual => {
                let fill = [0x00, 0x5a, 0xff][n % 3];
                bytes[2..10].fill(fill);
            }
            Digests::Equal => bytes[2..12].fill((n % 30) as u8 * 8),
        }
        digest
    }
}

/// What is compared: partition, then the shard's bits and the 64 bits behind them.
type Name = (PartitionId, u128);

/// A name, and the place among entries of that name.
type Place = (Name, usize);

/// An index beside what it should hold.
struct Pair {
    index: Index,
    shards: u16,
    model: BTreeMap<Name, Vec<Entry>>,
    scan: Option<Scan>,
    inserted: u64,
    rng: Rng,
}

/// A scan under way.
struct Scan {
    partition: PartitionId,
    after: Option<(ScanPosition, Place)>,
    /// Ids that were there at the start and still are.
    lasting: BTreeSet<u32>,
    seen: BTreeSet<u32>,
}

impl Pair {
    fn new(shards: u16, seed: u64) -> Pair {
        let index = Index::new(Options { shards_per_partition: shards }).expect("options");
        Pair { index, shards, model: BTreeMap::new(), scan: None, inserted: 0, rng: Rng(seed) }
    }

    fn name(&self, digest: &Digest) -> Name {
        let order = digest.0[2..18].iter().fold(0, |all, &byte| all << 8 | u128::from(byte));
        (digest.partition(), order >> (64 - self.shards.ilog2()))
    }

    fn stored(&self, digest: &Digest) -> Vec<Entry> {
        self.model.get(&self.name(digest)).cloned().unwrap_or_default()
    }

    /// An entry with a location of its own, and an id (where its expiry would be).
    fn entry(&mut self, id: Option<u32>) -> Entry {
        self.inserted += 1;
        let random = self.rng.next();
        Entry {
            location: self.inserted.wrapping_mul(0x2b_5a3c_19e7) % index::LOCATION_END,
            size_class: random as u8,
            generation: (random >> 8) as u16 | 1,
            set_id: (random >> 24) as u16 % index::SET_ID_END,
            expiry_hours: id.unwrap_or(self.inserted as u32 % index::EXPIRY_HOURS_END),
            tombstone: random >> 40 & 1 == 1,
            in_sindex: random >> 41 & 1 == 1,
            replication: (random >> 42) as u8 % index::REPLICATION_END,
        }
    }

    fn insert(&mut self, digest: &Digest) {
        let entry = self.entry(None);
        self.index.insert(digest, entry).expect("memory");
        self.model.entry(self.name(digest)).or_default().push(entry);
    }

    fn replace(&mut self, digest: &Digest) {
        let stored = self.stored(digest);
        let missing = self.entry(None);
        assert!(!self.index.replace(digest, missing.location, missing));
        if stored.is_empty() {
            return;
        }
        let n = self.rng.below(stored.len());
        let new = self.entry(Some(stored[n].expiry_hours));
        assert!(self.index.replace(digest, stored[n].location, new));
        assert!(!self.index.replace(digest, stored[n].location, missing));
        self.model.get_mut(&self.name(digest)).expect("stored")[n] = new;
    }

    fn remove(&mut self, digest: &Digest) {
        let missing = self.entry(None).location;
        assert_eq!(self.index.remove(digest, missing), None);
        let stored = self.stored(digest);
        if stored.is_empty() {
            return;
        }
        let n = self.rng.below(stored.len());
        assert_eq!(self.index.remove(digest, stored[n].location), Some(stored[n]));
        assert_eq!(self.index.remove(digest, stored[n].location), None);
        let name = self.name(digest);
        let group = self.model.get_mut(&name).expect("stored");
        group.remove(n);
        if group.is_empty() {
            self.model.remove(&name);
        }
        self.forget(&stored[n..=n]);
    }

    /// These need no longer be seen by the scan under way.
    fn forget(&mut self, entries: &[Entry]) {
        if let Some(scan) = &mut self.scan {
            entries.iter().for_each(|e| _ = scan.lasting.remove(&e.expiry_hours));
        }
    }

    fn drop_partition(&mut self, partition: PartitionId) {
        let gone: Vec<Entry> = self.entries_of(partition, None).map(|(_, e)| e).collect();
        assert_eq!(self.index.drop_partition(partition), gone.len() as u64);
        self.model.retain(|name, _| name.0 != partition);
        self.forget(&gone);
    }

    /// Keeps two of three.
    fn retain(&mut self, partition: PartitionId) {
        let keep = |entry: &Entry| !entry.expiry_hours.is_multiple_of(3);
        let gone = self.entries_of(partition, None).map(|(_, e)| e).filter(|e| !keep(e));
        let gone: Vec<Entry> = gone.collect();
        let removed: Vec<Entry> =
            self.index.retain(partition, keep).into_iter().map(|(_, entry)| entry).collect();
        assert_eq!(removed, gone);
        for (_, group) in self.model.iter_mut().filter(|(name, _)| name.0 == partition) {
            group.retain(keep);
        }
        self.model.retain(|_, group| !group.is_empty());
        self.forget(&gone);
    }

    fn get(&self, digest: &Digest) {
        assert_eq!(self.index.get(digest).collect::<Vec<_>>(), self.stored(digest));
    }

    fn get_batch(&mut self, pool: &[Digest]) {
        let digests: Vec<Digest> = (0..self.rng.below(100)).map(|_| self.rng.pick(pool)).collect();
        let mut found = Vec::new();
        self.index.get_batch(&digests, &mut found);
        let stored = digests.iter().enumerate();
        let stored = stored.flat_map(|(n, d)| self.stored(d).into_iter().map(move |e| (n, e)));
        assert_eq!(found, stored.collect::<Vec<_>>());
    }

    /// The model's entries of a partition, from the start or behind a place among equals.
    fn entries_of(
        &self,
        partition: PartitionId,
        after: Option<Place>,
    ) -> impl Iterator<Item = (Place, Entry)> {
        let start = after.map_or((partition, 0), |(name, _)| name);
        let groups = self.model.range(start..).take_while(move |(name, _)| name.0 == partition);
        let all = groups.flat_map(|(name, group)| {
            group.iter().enumerate().map(|(rank, entry)| ((*name, rank), *entry))
        });
        all.filter(move |(place, _)| after < Some(*place))
    }

    /// One call of the scan under way, or of a new one.
    fn scan(&mut self, partition: PartitionId) {
        let mut scan = self.scan.take().unwrap_or_else(|| Scan {
            partition,
            after: None,
            lasting: self.entries_of(partition, None).map(|(_, e)| e.expiry_hours).collect(),
            seen: BTreeSet::new(),
        });
        let max = 1 + self.rng.below(200);
        let mut found = Vec::new();
        let after = scan.after.map(|a| a.0);
        let words = after.map(|a| a.to_words());
        assert_eq!(words.map(|w| ScanPosition::from_words(scan.partition, w)), after);
        let more = self.index.scan(scan.partition, after, max, &mut found);
        let expected: Vec<(Place, Entry)> =
            self.entries_of(scan.partition, scan.after.map(|a| a.1)).collect();
        // `max` of them, and the rest of the last one's equals.
        let end = max.min(expected.len());
        let end = (end..expected.len())
            .find(|&n| expected[n].0.0 != expected[n - 1].0.0)
            .unwrap_or(expected.len());
        assert_eq!(more, found.len() >= max);
        let entries = |all: &[(Place, Entry)]| all.iter().map(|e| e.1).collect::<Vec<_>>();
        assert_eq!(found.iter().map(|f| f.1).collect::<Vec<_>>(), entries(&expected[..end]));
        assert!(after < found.first().map(|f| f.0) || found.is_empty());
        assert!(found.is_sorted_by(|a, b| a.0 < b.0));
        for (position, entry) in &found {
            assert_eq!(position.partition(), scan.partition);
            assert!(scan.seen.insert(entry.expiry_hours), "seen twice: {entry:?}");
        }
        if more {
            scan.after = Some((found[end - 1].0, expected[end - 1].0));
            self.scan = Some(scan);
        } else {
            assert!(scan.lasting.is_subset(&scan.seen), "an entry was skipped");
        }
    }

    fn check(&self) {
        self.index.check().expect("kept promises");
        let count = self.model.values().map(|group| group.len() as u64).sum::<u64>();
        assert_eq!(self.index.len(), count);
        for partition in self.model.keys().map(|name| name.0).collect::<BTreeSet<_>>() {
            let count = self.entries_of(partition, None).count() as u64;
            assert_eq!(self.index.partition_len(partition), count);
        }
    }
}

/// One run. Fills in its first third, holds in its second, empties in its third.
fn run(digests: Digests, shards: u16, seed: u64, steps: usize) {
    let mut pair = Pair::new(shards, seed);
    let pool = digests.pool(&mut pair.rng);
    for step in 0..steps {
        let digest = pair.rng.pick(&pool);
        let (inserts, removes) = [(45, 15), (30, 30), (15, 45)][step * 3 / steps];
        match pair.rng.below(100) {
            n if n < inserts => pair.insert(&digest),
            n if n < inserts + removes => pair.remove(&digest),
            60..70 => pair.replace(&digest),
            70..85 => pair.get(&digest),
            85..90 => pair.get_batch(&pool),
            _ => pair.scan(digest.partition()),
        }
        if step % 1000 == 999 {
            pair.check();
        }
        if step % 900 == 899 {
            pair.retain(digest.partition());
        }
        if step % 2500 == 2499 {
            pair.drop_partition(digest.partition());
        }
    }
    pair.check();
    println!("{digests:?}, {shards} shards, seed {seed}: {} left", pair.index.len());
}

fn run_all(digests: Digests) {
    for (seed, shards) in [(1, 1), (2, 2), (3, 8), (4, 64)] {
        println!("{digests:?}, {shards} shards, seed {seed}, {} steps", steps(4000));
        run(digests, shards, seed, steps(4000));
    }
}

#[test]
fn spread_digests() {
    run_all(Digests::Spread);
}

#[test]
fn digests_of_one_shard() {
    run_all(Digests::OneShard);
}

#[test]
fn nearly_equal_digests() {
    run_all(Digests::NearEqual);
}

#[test]
fn digests_equal_in_all_compared_bits() {
    run_all(Digests::Equal);
}

/// One partition, one shard: thousands of pages, listed two levels deep.
#[test]
fn a_very_large_shard() {
    let count = steps(12_500) * 8;
    let index = Index::new(Options { shards_per_partition: 1 }).expect("options");
    let mut rng = Rng(5);
    let mut digests: Vec<Digest> = (0..count).map(|_| rng.digest()).collect();
    digests.iter_mut().for_each(|d| (d.0[0], d.0[1]) = (7, 0));
    let mut pair = Pair::new(1, 6);
    let entries: Vec<Entry> = digests.iter().map(|_| pair.entry(None)).collect();
    for (digest, entry) in digests.iter().zip(&entries) {
        index.insert(digest, *entry).expect("memory");
    }
    index.check().expect("kept promises");
    let mut found = Vec::new();
    index.get_batch(&digests, &mut found);
    assert!(found.iter().map(|f| f.1).eq(entries.iter().copied()));

    let (mut order, mut after) = (Vec::new(), None);
    while index.scan(digests[0].partition(), after, 997, &mut order) {
        after = order.last().map(|o| o.0);
    }
    let mut sorted: Vec<(&Digest, &Entry)> = digests.iter().zip(&entries).collect();
    sorted.sort_by_key(|(digest, _)| digest.0[2..].to_vec());
    assert!(order.iter().map(|o| &o.1).eq(sorted.iter().map(|s| s.1)));

    for (digest, entry) in digests.iter().zip(&entries) {
        assert_eq!(index.remove(digest, entry.location), Some(*entry));
    }
    index.check().expect("kept promises");
    assert!(index.is_empty());
}
