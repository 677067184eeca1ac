//! Bytes that an entry takes, however entries come and go. What [`Index::bytes`] counts is what the
//! allocator is asked for.

use sindex::{Index, Width};

const ENTRIES: u64 = 200_000;

fn random(n: u64) -> u64 {
    let z = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z ^ (z >> 27)
}

/// Bytes of an entry of an index of these keys.
fn bytes_each(width: Width, keys: impl Fn(u64) -> u128) -> f64 {
    let index = Index::new(width, 8);
    (0..ENTRIES).for_each(|n| index.insert(random(n), &[keys(n)]));
    assert_eq!(index.len(), ENTRIES);
    index.bytes() as f64 / ENTRIES as f64
}

#[test]
fn an_entry_takes_less_than_aerospikes() {
    let narrow = [
        bytes_each(Width::Narrow, |n| random(!n).into()),
        bytes_each(Width::Narrow, |n| n.into()),
        bytes_each(Width::Narrow, |n| (ENTRIES - n).into()),
        bytes_each(Width::Narrow, |n| (n % 2).into()),
    ];
    narrow.iter().for_each(|each| assert!(*each < 19.0, "{narrow:?} bytes an entry"));
    let wide = bytes_each(Width::Wide, |n| u128::from(random(!n)) << 64);
    assert!(wide < 28.0, "{wide} bytes a wide entry");
}

#[test]
fn what_is_taken_out_is_given_back() {
    let index = Index::new(Width::Narrow, 8);
    let key = |n: u64| u128::from(random(!n));
    (0..ENTRIES).for_each(|n| index.insert(random(n), &[key(n)]));
    (0..ENTRIES).filter(|n| n % 10 != 0).for_each(|n| index.remove(random(n), &[key(n)]));
    let each = index.bytes() as f64 / index.len() as f64;
    assert!(each < 24.0, "{each} bytes an entry of those that stayed");
    (0..ENTRIES).for_each(|n| index.remove(random(n), &[key(n)]));
    assert!(index.is_empty());
    let empty = Index::new(Width::Narrow, 64).bytes();
    assert!(
        empty < 4096 * 8,
        "{empty} bytes without an entry: an empty partition costs less than 8"
    );
}
