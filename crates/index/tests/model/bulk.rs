//! Dumps, loads, fills and updates of whole shards, against the index that inserts made.

use index::{ENTRY_SIZE, Keep};
use model::ErrorKind;
use proptest::prelude::*;

use super::*;

fn new_index(shards_per_partition: u16) -> Index {
    Index::new(Options { shards_per_partition }).expect("options")
}

fn partition(number: u16) -> PartitionId {
    PartitionId::new(number).expect("below 4096")
}

/// An index of about `count` records: of all partitions, of one shard that they overfill, and some
/// that are equal in all compared bits.
fn mixed(shards: u16, count: usize) -> Pair {
    let mut pair = Pair::new(shards, u64::from(shards));
    for n in 0..count {
        let mut digest = pair.rng.digest();
        match n % 4 {
            0 => digest = Digests::OneShard.make(n, &mut pair.rng),
            1 => digest = Digests::Equal.make(n, &mut pair.rng),
            _ => {}
        }
        pair.insert(&digest);
    }
    pair
}

fn dump(index: &Index, shard: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let count = index.dump_shard(shard, &mut bytes);
    assert_eq!(bytes.len(), count as usize * ENTRY_SIZE);
    bytes
}

/// All entries of an index with their positions.
fn scanned(index: &Index) -> Vec<(ScanPosition, Entry)> {
    let mut all = Vec::new();
    for number in 0..4096 {
        assert!(!index.scan(partition(number), None, usize::MAX, &mut all));
    }
    all
}

/// Panics unless both indexes look the same from outside. Their memory may differ by what inserts
/// leave over when large shards grow, and by one huge page.
fn assert_same(a: &Index, b: &Index) {
    a.check().expect("kept promises");
    b.check().expect("kept promises");
    assert_eq!((a.len(), a.is_empty()), (b.len(), b.is_empty()));
    for number in 0..4096 {
        assert_eq!(a.partition_len(partition(number)), b.partition_len(partition(number)));
    }
    assert_eq!(scanned(a), scanned(b));
    assert!((0..a.shard_count()).all(|n| dump(a, n) == dump(b, n)));
}

/// Loads every dump of `from` into a new index, on two threads.
fn reloaded(from: &Index) -> Index {
    let to = new_index(from.shards_per_partition());
    thread::scope(|scope| {
        for first in 0..2 {
            let to = &to;
            scope.spawn(move || {
                for shard in (first..from.shard_count()).step_by(2) {
                    let (mut visited, mut there) = (Vec::new(), Vec::new());
                    to.load_shard(shard, &dump(from, shard), &mut |e| visited.push(*e))
                        .expect("a dump");
                    from.for_each(shard, &mut |e| there.push(*e));
                    assert_eq!(visited, there);
                }
            });
        }
    });
    to
}

#[test]
fn a_dump_loads_to_the_same_index() {
    let many = steps(8000);
    for (shards, count) in [(1, many), (8, many), (64, many), (8, 0), (1, 1), (64, 1)] {
        let mut pair = mixed(shards, count);
        assert_eq!(pair.index.shard_count(), 4096 * u32::from(shards));
        let loaded = reloaded(&pair.index);
        assert_same(&pair.index, &loaded);
        assert!(loaded.memory_bytes() <= pair.index.memory_bytes());
        pair.index = loaded;
        churn(&mut pair, steps(2000));
    }
}

#[test]
fn a_dump_is_appended() {
    let pair = mixed(1, 50);
    let mut bytes = b"head".to_vec();
    pair.index.dump_shard(0x021, &mut bytes);
    assert_eq!(bytes, [&b"head"[..], &dump(&pair.index, 0x021)].concat());
}

/// Random operations, half of them on records that are there, then everything taken out.
fn churn(pair: &mut Pair, steps: usize) {
    let pool: Vec<Digest> = (0..300).map(|n| Digests::Equal.make(n, &mut pair.rng)).collect();
    for _ in 0..steps {
        let digest = pair.rng.pick(&pool);
        match pair.rng.below(4) {
            0 => pair.insert(&digest),
            1 => pair.remove(&digest),
            2 => pair.replace(&digest),
            _ => pair.get(&digest),
        }
    }
    pair.check();
    for number in 0..4096 {
        pair.index.drop_partition(partition(number));
    }
    assert!(pair.index.is_empty());
    pair.index.check().expect("kept promises");
}

#[test]
fn a_filled_partition_equals_inserts() {
    for shards in [1, 8, 64] {
        let inserted = new_index(shards);
        let filled = new_index(shards);
        let mut pair = Pair::new(shards, 11);
        for (digests, number) in [(Digests::Spread, 0x021), (Digests::Equal, 0x022)] {
            let mut pool: Vec<(Digest, Entry)> = (0..steps(3000))
                .map(|n| (digests.make(n, &mut pair.rng), pair.entry(None)))
                .collect();
            pool.iter_mut().for_each(|(d, _)| (d.0[0], d.0[1]) = (number as u8, 0));
            pool.sort_by_key(|(digest, _)| Index::order(digest));
            pool.iter().for_each(|(d, e)| inserted.insert(d, *e).expect("memory"));
            filled.fill_partition(partition(number), &pool).expect("memory");
            assert!(pool.iter().all(|(d, e)| filled.get(d).any(|found| found == *e)));
        }
        filled.fill_partition(partition(7), &[]).expect("nothing to do");
        assert_same(&inserted, &filled);
        assert!(filled.memory_bytes() <= inserted.memory_bytes());
    }
}

#[test]
fn the_order_is_partition_then_bytes_from_the_third_on() {
    let mut rng = Rng(3);
    let mut digests: Vec<Digest> = (0..steps(2000)).map(|_| rng.digest()).collect();
    digests.iter_mut().for_each(|d| d.0[0] %= 3);
    digests.sort_by_key(Index::order);
    assert!(digests.is_sorted_by_key(|d| (d.partition(), d.0[2..].to_vec())));
}

#[test]
fn a_fill_that_is_refused_leaves_the_partition_as_it_was() {
    let index = new_index(8);
    let mut pair = Pair::new(8, 12);
    let mut sorted: Vec<(Digest, Entry)> =
        (0..400).map(|n| (Digests::Spread.make(2 * n, &mut pair.rng), pair.entry(None))).collect();
    sorted.sort_by_key(|(digest, _)| Index::order(digest));
    let here = sorted[0].0.partition();
    let refused = |all: &[(Digest, Entry)], into, why: &str| {
        let error = index.fill_partition(into, all).expect_err("refused");
        assert_eq!(error.kind, ErrorKind::Internal);
        assert!(error.detail.contains(why), "{error}");
        index.check().expect("kept promises");
    };
    refused(&sorted, partition(0x022), "another partition");
    let mut mixed = sorted.clone();
    mixed[399].0.0[0] += 1;
    refused(&mixed, here, "another partition");
    sorted.swap(100, 300);
    refused(&sorted, here, "order");
    sorted.swap(100, 300);
    assert!(index.is_empty());

    // The last shard has an entry: those before it are emptied again.
    let (digest, entry) = sorted.pop().expect("400 of them");
    index.insert(&digest, entry).expect("memory");
    refused(&sorted, here, "already");
    assert_eq!((index.len(), index.partition_len(here)), (1, 1));
    assert!(index.get(&digest).eq([entry]));
}

#[test]
fn a_loaded_shard_is_not_loaded_again() {
    let pair = mixed(1, 50);
    let before = scanned(&pair.index);
    let full = (0..4096).find(|&n| !dump(&pair.index, n).is_empty()).expect("50 records");
    for bytes in [dump(&pair.index, full), Vec::new()] {
        let visit = &mut |_: &Entry| panic!("nothing was loaded");
        let error = pair.index.load_shard(full, &bytes, visit).expect_err("not empty");
        assert_eq!(error.kind, ErrorKind::Internal);
    }
    assert_eq!(scanned(&pair.index), before);
}

#[test]
fn an_update_changes_and_drops_entries_where_they_are() {
    for shards in [1, 8, 64] {
        let mut pair = mixed(shards, steps(5000));
        let index = &pair.index;
        let moved = |e: &Entry| Entry { location: e.location ^ 1, generation: 9, ..*e };
        let dropped: u32 = (0..index.shard_count())
            .map(|shard| {
                index.update_shard(shard, &mut |entry| {
                    *entry = moved(entry);
                    if entry.expiry_hours.is_multiple_of(3) { Keep::No } else { Keep::Yes }
                })
            })
            .sum();
        let groups = pair.model.values_mut();
        groups.for_each(|group| {
            group.retain(|e| !e.expiry_hours.is_multiple_of(3));
            group.iter_mut().for_each(|e| *e = moved(e));
        });
        pair.model.retain(|_, group| !group.is_empty());
        let left: Vec<Entry> = pair.model.values().flatten().copied().collect();
        assert!(scanned(index).iter().map(|(_, e)| e).eq(&left));
        assert_eq!(u64::from(dropped) + index.len(), steps(5000) as u64);
        pair.check();
        for shard in 0..pair.index.shard_count() {
            pair.index.update_shard(shard, &mut |_| Keep::No);
        }
        assert!(pair.index.is_empty());
        pair.index.check().expect("kept promises");
    }
}

#[test]
fn an_update_that_panics_changes_nothing() {
    let pair = mixed(1, 300);
    let before = scanned(&pair.index);
    for last_change in [|_: &mut Entry| panic!("asked to"), |e: &mut Entry| e.generation = 0] {
        let update = std::panic::AssertUnwindSafe(|| {
            let mut calls = 0;
            pair.index.update_shard(0x021, &mut |entry| {
                entry.location ^= 1;
                calls += 1;
                if calls == 100 {
                    last_change(entry);
                }
                if calls % 3 == 2 { Keep::No } else { Keep::Yes }
            });
        });
        assert!(std::panic::catch_unwind(update).is_err());
        assert_eq!(scanned(&pair.index), before);
        pair.index.check().expect("kept promises");
    }
}

#[test]
fn what_no_dump_looks_like_is_corrupt() {
    let entry = |tag: u8, generation: u8, meta: u8| {
        let mut bytes = [0; ENTRY_SIZE];
        (bytes[3], bytes[11], bytes[18]) = (tag, meta, generation);
        bytes
    };
    let good = [entry(1, 1, 0), entry(1, 1, 0), entry(2, 1, 0x7f)].concat();
    let index = new_index(1);
    index.load_shard(0, &good, &mut |_| ()).expect("a dump");
    for (bytes, why) in [
        (good[..59].to_vec(), "multiple of 20"),
        (vec![0], "multiple of 20"),
        ([entry(1, 1, 0), entry(2, 0, 0)].concat(), "no entry at place 1"),
        (entry(1, 1, 0x80).to_vec(), "no entry at place 0"),
        ([entry(2, 1, 0), entry(1, 1, 0)].concat(), "behind"),
        (vec![0; 4 * 1024 * 1024 * ENTRY_SIZE], "more than"),
    ] {
        let error = index.load_shard(1, &bytes, &mut |_| panic!("bad")).expect_err(why);
        assert_eq!(error.kind, ErrorKind::Corrupt);
        assert!(error.detail.contains(why), "{error}");
    }
    assert_eq!(index.len(), 3);
    index.check().expect("kept promises");
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: steps(500) as u32,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// A damaged dump is refused, or is a dump of other entries: then the index is whole.
    #[test]
    fn damaged_dumps_never_panic(
        count in 0..200usize,
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut pair = Pair::new(1, count as u64);
        for n in 0..count {
            let digest = Digests::NearEqual.make(n, &mut pair.rng);
            pair.insert(&Digest([&[0x21, 0], &digest.0[2..]].concat().try_into().expect("20")));
        }
        let mut bytes = dump(&pair.index, 0x21);
        for (at, value) in damage {
            if !bytes.is_empty() {
                let at = at.index(bytes.len());
                bytes[at] = value;
            }
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len() + 1));
        }
        let (index, mut visited) = (new_index(1), 0);
        match index.load_shard(0x21, &bytes, &mut |_| visited += 1) {
            Ok(()) => {
                prop_assert_eq!(visited, bytes.len() / ENTRY_SIZE);
                prop_assert_eq!(dump(&index, 0x21), bytes);
            }
            Err(error) => {
                prop_assert_eq!(error.kind, ErrorKind::Corrupt);
                prop_assert_eq!(visited, 0);
            }
        }
        prop_assert_eq!(index.len(), visited as u64);
        index.check().expect("kept promises");
    }
}
