//! How digests become shards and tags, and the calls that the model test does not reach.

use super::*;

fn index(shards_per_partition: u16) -> Index {
    Index::new(Options { shards_per_partition }).expect("options")
}

fn digest(n: u64) -> Digest {
    model::Key::Integer(n as i64).digest("set")
}

fn entry(location: u64) -> Entry {
    Entry {
        location,
        size_class: 0,
        generation: 1,
        set_id: 0,
        expiry_hours: 0,
        tombstone: false,
        in_sindex: false,
        replication: 0,
    }
}

#[test]
fn options_are_checked() {
    for shards in [1, 2, 4, 8, 16, 32, 64] {
        assert!(index(shards).is_empty());
    }
    for shards_per_partition in [0, 3, 65, 128, 65_535] {
        let error = Index::new(Options { shards_per_partition }).err().expect("refused");
        assert_eq!(error.kind, ErrorKind::Parameter);
        assert!(error.detail.contains("power of two"), "{error}");
    }
}

/// The digest 00 10 then 80 00 .. 01 : shard bits first, the tag behind them.
#[test]
fn shard_and_tag_are_the_digests_bits_from_the_third_byte_on() {
    let digest = Digest::from_hex("0f30a1000000000000018000000000000000ffff").expect("hex");
    for (shards, shard, tag) in [
        (1, 0x00f, 0xa100_0000_0000_0001),
        (2, 0x00f << 1 | 1, 0x4200_0000_0000_0003),
        (8, 0x00f << 3 | 5, 0x0800_0000_0000_000c),
        (64, 0x00f << 6 | 40, 0x4000_0000_0000_0060),
    ] {
        let home = index(shards).locate(&digest);
        assert_eq!((home.shard, home.tag), (shard, tag), "{shards} shards");
    }
}

#[test]
fn tags_lead_to_entries_and_on() {
    for shards in [1, 8, 64] {
        let index = index(shards);
        let digests: Vec<Digest> = (0..5000).map(digest).collect();
        for (n, digest) in (0..).zip(&digests) {
            index.insert(digest, entry(n)).expect("memory");
        }
        for (n, digest) in (0..).zip(&digests) {
            let tag = Index::tag_of(digest);
            assert_eq!(index.get_tag(tag).map(|entry| entry.location).collect::<Vec<_>>(), [n]);
            assert_eq!(index.get_tag(tag ^ 1).count(), 0);
            let after = index.position_after(digest);
            assert_eq!(index.tag_at(after), tag);
            let (mut one, mut other) = (Vec::new(), Vec::new());
            index.scan(digest.partition(), Some(after), 3, &mut one);
            index.scan(digest.partition(), Some(index.position_past(tag)), 3, &mut other);
            assert_eq!(one, other);
        }
        let mut found = Vec::new();
        index.get_tags(&digests.iter().map(Index::tag_of).collect::<Vec<_>>(), &mut found);
        assert!(found.iter().map(|entry| entry.location).eq(0..5000));
        let tag = Index::tag_of(&digests[7]);
        let gone = index.retain(digests[7].partition(), |entry| entry.location != 7);
        assert_eq!(gone, [(tag, entry(7))]);
    }
}

#[test]
fn drop_partition_takes_one_partition() {
    let index = index(4);
    for n in 0..20_000 {
        index.insert(&digest(n), entry(n)).expect("memory");
    }
    let partition = digest(1).partition();
    let there = (0..20_000).filter(|&n| digest(n).partition() == partition).count() as u64;
    assert_eq!(index.partition_len(partition), there);
    assert_eq!(index.drop_partition(partition), there);
    assert_eq!(index.drop_partition(partition), 0);
    assert_eq!(index.len(), 20_000 - there);
    assert!(!index.scan(partition, None, 10, &mut Vec::new()));
    for n in 0..20_000 {
        assert_eq!(index.get(&digest(n)).len() == 1, digest(n).partition() != partition);
    }
    index.check().expect("kept promises");
}

#[test]
fn memory_is_used_again() {
    let index = index(1);
    let fill = || {
        for n in 0..20_000 {
            index.insert(&digest(n), entry(n)).expect("memory");
        }
    };
    fill();
    let bytes = index.memory_bytes();
    for _ in 0..3 {
        for n in 0..20_000 {
            assert_eq!(index.remove(&digest(n), n), Some(entry(n)));
        }
        assert_eq!((index.len(), index.arena.used_pages()), (0, 0));
        fill();
    }
    assert_eq!(index.memory_bytes(), bytes);
}

#[test]
fn matches_are_given_oldest_first() {
    let index = index(1);
    let digest = digest(1);
    for location in [5, 3, 4] {
        index.insert(&digest, entry(location)).expect("memory");
    }
    let matches = index.get(&digest);
    assert_eq!(matches.len(), 3);
    assert_eq!(matches.map(|e| e.location).collect::<Vec<_>>(), [5, 3, 4]);
}

/// A cursor may come back from a client with any numbers in it.
#[test]
fn a_scan_from_made_up_numbers_ends() {
    let index = index(2);
    (0..5000).for_each(|n| index.insert(&digest(n), entry(n)).expect("memory"));
    let partition = digest(1).partition();
    let there = index.partition_len(partition) as usize;
    let ends = [0, 1, 2, 63, 1 << 16, 1 << 32, u64::MAX];
    for words in ends.iter().flat_map(|&a| ends.map(|b| [a, b, b])) {
        let mut found = Vec::new();
        let after = ScanPosition::from_words(partition, words);
        assert!(!index.scan(partition, Some(after), there + 1, &mut found), "{words:?}");
        assert!(found.len() <= there, "{words:?}");
    }
}

#[test]
fn a_scan_goes_on_after_any_digest_there_or_not() {
    for shards in [1, 4] {
        let index = index(shards);
        (0..5000).for_each(|n| index.insert(&digest(n), entry(n)).expect("memory"));
        let partition = digest(1).partition();
        let mut order: Vec<u64> =
            (0..5000).filter(|n| digest(*n).partition() == partition).collect();
        order.sort_by_key(|n| Index::order(&digest(*n)));
        let rest = |of: &Digest| {
            let mut found = Vec::new();
            index.scan(partition, Some(index.position_after(of)), usize::MAX, &mut found);
            found.into_iter().map(|(_, entry)| entry.location).collect::<Vec<u64>>()
        };
        for (place, n) in order.iter().enumerate() {
            assert_eq!(rest(&digest(*n)), order[place + 1..], "{n}");
        }
        for other in (5000..50_000).map(digest).filter(|d| d.partition() == partition) {
            let behind =
                order.partition_point(|n| Index::order(&digest(*n)) < Index::order(&other));
            assert_eq!(rest(&other), order[behind..]);
        }
    }
}
