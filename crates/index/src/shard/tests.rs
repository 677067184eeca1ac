//! A shard against a sorted list, over tags that spread, crowd, and are equal.

use super::*;

/// Operations of one test; `INDEX_MODEL_STEPS` may lower them, for valgrind.
fn steps(default: usize) -> usize {
    let limit = std::env::var("INDEX_MODEL_STEPS").ok().and_then(|v| v.parse().ok());
    limit.unwrap_or(default).min(default)
}

/// SplitMix64: small, seeded, good enough to spread tags.
struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

fn entry(location: u64) -> Entry {
    Entry {
        location,
        size_class: location as u8,
        generation: (location % 65_535) as u16 + 1,
        set_id: 7,
        expiry_hours: 0,
        tombstone: false,
        in_sindex: true,
        replication: 1,
    }
}

/// A shard beside what it should hold: (tag, location) by tag, then by age.
struct Pair {
    arena: Arena,
    shard: Shard,
    model: Vec<(u64, u64)>,
    next: u64,
}

impl Pair {
    fn new() -> Pair {
        Pair { arena: Arena::new(), shard: Shard::new(), model: Vec::new(), next: 0 }
    }

    fn insert(&mut self, tag: u64) {
        self.next += 1;
        self.shard.insert(&self.arena, tag, entry(self.next)).expect("memory");
        let at = self.model.partition_point(|&(t, _)| t <= tag);
        self.model.insert(at, (tag, self.next));
    }

    fn remove(&mut self, n: usize) {
        let (tag, location) = self.model.remove(n);
        assert_eq!(self.shard.remove(&self.arena, tag, u64::MAX >> 30), None);
        assert_eq!(self.shard.remove(&self.arena, tag, location), Some(entry(location)));
        assert_eq!(self.shard.remove(&self.arena, tag, location), None);
    }

    fn check(&self) {
        self.shard.check(&self.arena).expect("kept promises");
        let mut found = Vec::new();
        let emit = |tag, _, entry: Entry| found.push((tag, entry.location));
        self.shard.scan(&self.arena, None, usize::MAX, emit);
        assert_eq!(found, self.model);
        for &(tag, _) in self.model.iter().step_by(self.model.len() / 16 + 1) {
            let mut found = Vec::new();
            self.shard.get(&self.arena, tag, |e| found.push((tag, e.location)));
            let same = self.model.iter().filter(|m| m.0 == tag).copied();
            assert_eq!(found, same.collect::<Vec<_>>());
        }
    }

    fn slots(&self) -> usize {
        self.shard.pages.len() * PAGE_SLOTS
    }
}

/// Ways to choose tags: spread, at either end, near-equal, equal, and a mix.
const TAGS: [fn(&mut Rng) -> u64; 6] = [
    |rng| rng.next(),
    |rng| u64::MAX - rng.below(4),
    |rng| rng.below(4),
    |rng| 0x8000_0000_0000_0000 + rng.below(1000),
    |_| 0x7777_7777_7777_7777,
    |rng| {
        let kind = rng.below(5) as usize;
        TAGS[kind](rng)
    },
];

#[test]
fn grows_and_shrinks_with_any_tags() {
    for (seed, choose) in TAGS.iter().enumerate() {
        let mut rng = Rng(seed as u64);
        let mut pair = Pair::new();
        for n in 0..steps(800) {
            pair.insert(choose(&mut rng));
            if n.is_multiple_of(97) {
                pair.check();
            }
        }
        pair.check();
        assert!(pair.shard.len() * 10 >= (pair.slots() - PAGE_SLOTS) * 9, "{} slots", pair.slots());
        while !pair.model.is_empty() {
            let n = rng.below(pair.model.len() as u64) as usize;
            pair.remove(n);
            if n.is_multiple_of(97) {
                pair.check();
            }
            let slots = pair.slots();
            assert!(slots <= PAGE_SLOTS || pair.shard.len() * 10 >= slots * 4, "{slots} slots");
        }
        assert_eq!((pair.slots(), pair.arena.used_pages()), (0, 0), "tags {seed}");
    }
}

/// Inserts and removes in turn, so that entries stand on both sides of their homes.
#[test]
fn churn_at_a_constant_size() {
    for (seed, choose) in TAGS.iter().enumerate() {
        let mut rng = Rng(100 + seed as u64);
        let mut pair = Pair::new();
        for _ in 0..300 {
            pair.insert(choose(&mut rng));
        }
        for n in 0..steps(1000) {
            let victim = rng.below(pair.model.len() as u64) as usize;
            pair.remove(victim);
            pair.insert(choose(&mut rng));
            if n.is_multiple_of(53) {
                pair.check();
            }
        }
        pair.check();
    }
}

#[test]
fn replace_keeps_place_and_needs_the_old_location() {
    let mut pair = Pair::new();
    (0..3).for_each(|_| pair.insert(5));
    assert!(pair.shard.replace(&pair.arena, 5, 2, entry(9)));
    assert!(!pair.shard.replace(&pair.arena, 5, 2, entry(10)));
    assert!(!pair.shard.replace(&pair.arena, 6, 9, entry(10)));
    pair.model[1].1 = 9;
    pair.check();
}

#[test]
fn a_full_array_without_memory_to_grow_is_filled_to_the_last_slot() {
    for tag in [0, 1 << 63, u64::MAX] {
        let mut pair = Pair::new();
        pair.insert(tag);
        let slots = pair.shard.slots(&pair.arena);
        for location in 2..=PAGE_SLOTS as u64 {
            slots.insert(tag, entry(location).pack(tag));
        }
        pair.shard.count = PAGE_SLOTS as u32;
        pair.model = (1..=PAGE_SLOTS as u64).map(|location| (tag, location)).collect();
        pair.check();
        let mut missing = true;
        pair.shard.get(&pair.arena, tag ^ 1, |_| missing = false);
        assert!(missing);
        (0..PAGE_SLOTS).for_each(|_| pair.remove(0));
        pair.check();
    }
}

#[test]
fn scan_goes_on_after_any_entry_and_keeps_equal_tags_together() {
    let mut pair = Pair::new();
    for tag in [3, 3, 3, 8, 8, u64::MAX, 0, 0, 9] {
        pair.insert(tag);
    }
    for max in 0..10 {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let before = found.len();
            let count = pair.shard.scan(&pair.arena, after, max, |tag, rank, entry| {
                found.push((tag, entry.location));
                after = Some((tag, rank));
            });
            assert_eq!(found.len() - before, count);
            if count == 0 {
                break;
            }
            assert!(count >= max.min(pair.model.len() - before));
        }
        assert_eq!(found, if max == 0 { vec![] } else { pair.model.clone() });
    }
}

#[test]
fn first_false_finds_every_border() {
    for border in 0..200 {
        assert_eq!(first_false(|n| n < border), border);
    }
}

#[test]
fn growth_is_by_a_page_or_an_eighth_and_stops_at_the_bound() {
    let last = [PAGES_MAX - 5, PAGES_MAX - 1, PAGES_MAX].map(grown);
    assert_eq!([0, 1, 15, 16, 80].map(grown), [1, 2, 16, 18, 90]);
    assert_eq!(last, [PAGES_MAX, PAGES_MAX, PAGES_MAX + 1]);
}

#[test]
fn a_shard_is_built_to_the_bound_and_not_beyond() {
    let end = PAGES_MAX * PAGE_SLOTS;
    if steps(end) < end {
        return; // Over three million entries: minutes under valgrind.
    }
    let words = |n: usize| entry(1).pack((n as u64) << 42);
    let (arena, mut shard) = (Arena::new(), Shard::new());
    let error = shard.build(&arena, (0..end + 1).map(words)).expect_err("the bound");
    assert_eq!((error.kind, shard.len(), arena.used_pages()), (ErrorKind::NoSpace, 0, 0));
    shard.build(&arena, (0..end).map(words)).expect("as many as there are slots");
    shard.check(&arena).expect("kept promises");
    let error = shard.insert(&arena, 5, entry(2)).expect_err("the bound");
    assert_eq!((error.kind, shard.len()), (ErrorKind::NoSpace, end));
    assert_eq!(shard.remove(&arena, 9 << 42, 1), Some(entry(1)));
    shard.insert(&arena, 5, entry(2)).expect("one slot is free");
}
