//! An index against a sorted set of the standard library.

use std::collections::{BTreeSet, HashSet};

use proptest::prelude::*;
use sindex::{EVERYTHING, Index, Width};

#[derive(Debug, Clone)]
enum Step {
    Insert(u64, Vec<u128>),
    Remove(u64, Vec<u128>),
    Purge(Vec<u64>),
    Clear,
}

/// Few different keys and tags, so that steps meet; tags of both trees.
fn key() -> impl Strategy<Value = u128> {
    prop_oneof![0..40_u128, 0..4000_u128, Just(u128::from(u64::MAX))]
}

fn tag() -> impl Strategy<Value = u64> {
    (0..60_u64, any::<bool>()).prop_map(|(tag, high)| tag | u64::from(high) << 63)
}

fn step() -> impl Strategy<Value = Step> {
    let keys = || prop::collection::vec(key(), 1..40);
    prop_oneof![
        12 => (tag(), keys()).prop_map(|(tag, keys)| Step::Insert(tag, keys)),
        8 => (tag(), keys()).prop_map(|(tag, keys)| Step::Remove(tag, keys)),
        1 => prop::collection::vec(tag(), 1..20).prop_map(Step::Purge),
        1 => (0..20).prop_map(|n| if n == 0 { Step::Clear } else { Step::Purge(vec![]) }),
    ]
}

fn apply(index: &Index, model: &mut BTreeSet<(u128, u64)>, step: &Step) {
    match step {
        Step::Insert(tag, keys) => {
            index.insert(*tag, keys);
            model.extend(keys.iter().map(|key| (*key, *tag)));
        }
        Step::Remove(tag, keys) => {
            index.remove(*tag, keys);
            model.retain(|(key, of)| of != tag || !keys.contains(key));
        }
        Step::Purge(tags) => {
            for tree in 0..index.trees() {
                let own = tags.iter().filter(|tag| index.tree_of(**tag) == tree);
                index.purge(tree, &own.copied().collect::<HashSet<_>>());
            }
            model.retain(|(_, tag)| !tags.contains(tag));
        }
        Step::Clear => {
            index.clear();
            model.clear();
        }
    }
}

/// What a walk over a tree gives, a few entries at a time.
fn walk(index: &Index, tree: usize, span: (u128, u128), descending: bool) -> Vec<(u128, u64)> {
    let mut found = Vec::new();
    loop {
        let next = index.walk(tree, span, found.last().copied(), descending, 7);
        let done = next.len() < 7;
        found.extend(next);
        if done {
            return found;
        }
    }
}

/// The tags of a tree in two spans, a few at a time.
fn tags(index: &Index, tree: usize, spans: [(u128, u128); 2], until: u64) -> Vec<u64> {
    let mut found: Vec<u64> = Vec::new();
    loop {
        let next = index.tags(tree, &spans, found.last().copied(), until, 5);
        let done = next.len() < 5;
        found.extend(next);
        if done {
            return found;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn like_a_sorted_set(
        wide: bool,
        steps in prop::collection::vec(step(), 1..120),
        (a, b) in (key(), key()),
        until in tag(),
    ) {
        let width = if wide { Width::Wide } else { Width::Narrow };
        let index = Index::new(width, 2);
        let mut model = BTreeSet::new();
        for step in &steps {
            apply(&index, &mut model, step);
        }
        index.check().expect("nothing is broken");
        prop_assert_eq!(index.len(), model.len() as u64);
        let span = (a.min(b), a.max(b));
        let within = |key: u128, span: (u128, u128)| span.0 <= key && key <= span.1;
        let of = |tree: usize, span| -> Vec<(u128, u64)> {
            let own = |(key, tag): &&(u128, u64)| index.tree_of(*tag) == tree && within(*key, span);
            model.iter().filter(own).copied().collect()
        };
        for tree in 0..2 {
            for span in [span, EVERYTHING] {
                let mut expected = of(tree, span);
                prop_assert_eq!(walk(&index, tree, span, false), &expected[..]);
                expected.reverse();
                prop_assert_eq!(walk(&index, tree, span, true), &expected[..]);
            }
            let spans = [span, (20, 30)];
            let expected: BTreeSet<u64> = spans.iter().flat_map(|span| of(tree, *span))
                .map(|(_, tag)| tag).filter(|tag| *tag <= until).collect();
            prop_assert_eq!(tags(&index, tree, spans, until), expected.into_iter().collect::<Vec<_>>());
        }
        let expected = of(0, span).len() + of(1, span).len();
        prop_assert_eq!(index.count(&[span], u64::MAX), expected as u64);
    }
}

/// SplitMix64 of a number.
fn random(n: u64) -> u64 {
    let z = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[test]
fn different_keys_are_estimated() {
    let index = |keys: u64| {
        let index = Index::new(Width::Narrow, 8);
        for n in 0..40_000_u64 {
            index.insert(random(n), &[u128::from(random(!n) % keys)]);
        }
        index.distinct()
    };
    assert_eq!(index(2), 2);
    assert_eq!(index(100), 100);
    assert!((8_000..12_000).contains(&index(10_000)));
    assert!(index(1 << 40) > 35_000);
}
