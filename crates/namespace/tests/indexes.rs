//! Secondary indexes of a namespace, one thing at a time. `sindex.rs` throws dice.

use std::ops::Bound::{Excluded, Included, Unbounded};
use std::sync::Arc;

use futures::executor::block_on;
use model::msgpack::encode;
use model::{Collection, ErrorKind, IndexDef, IndexSource, IndexType, Key, Name, Value};
use namespace::{Namespace, Options, Settings};
use storage::{Device, MemoryDevice, Storage};
use store::{Bins, Change, IndexRange, OrderedCursor, ScanCursor, Ttl};

const NOW_MS: u64 = 1_800_000_000_000;

fn open(device: &Arc<MemoryDevice>) -> Namespace {
    let options = Options {
        name: "test".to_string(),
        storage_engine: "device",
        settings: Settings::default(),
        replication_factor: 1,
        shards_per_partition: 1,
    };
    let storage = storage::Options::new("test", 7);
    let devices = || vec![device.clone() as Arc<dyn Device>];
    Namespace::open(options, NOW_MS, |_| Storage::open(devices(), &storage)).expect("it opens")
}

/// Builds what is to be built.
fn build(namespace: &Namespace) {
    while namespace.build_step().expect("a step") {}
    assert!(namespace.index_infos().iter().all(|index| index.ready && index.built_pct == 100));
    namespace.check_indexes().expect("they are as the records are");
}

fn fresh() -> Namespace {
    open(&Arc::new(MemoryDevice::new(64 << 20)))
}

fn put(namespace: &Namespace, set: &str, key: i64, bins: &[(&str, Value)], ttl: Ttl) {
    let key = Key::Integer(key);
    let bins: Vec<_> = bins.iter().map(|(n, v)| (Name::from(*n), Some(v.clone()))).collect();
    let mut write =
        |_: Option<&model::Record>| Ok(Change::Write { bins: bins.clone(), replace: false, ttl });
    namespace.modify(set, &key.digest(set), Some(&key), NOW_MS, &mut write).expect("a write");
}

fn on(name: &str, set: Option<&str>, bin: &str, value_type: IndexType) -> IndexDef {
    IndexDef {
        name: name.into(),
        set: set.map(Name::from),
        source: IndexSource::Bin { bin: bin.into(), context: None },
        collection: Collection::Scalar,
        value_type,
        filter: None,
    }
}

/// Keys of what a scan gives, in their order, a few at a time.
fn scan(namespace: &Namespace, name: &str, range: &IndexRange) -> Vec<i64> {
    let mut keys = Vec::new();
    let mut cursor = ScanCursor::all();
    while !cursor.done() {
        let found = namespace.index_scan(name, range, Bins::None, &mut cursor, 2, NOW_MS);
        let (found, _) = block_on(found).expect("a scan");
        keys.extend(found.iter().map(|(_, record)| key_of(record)));
    }
    keys.sort_unstable();
    keys
}

fn ordered(namespace: &Namespace, name: &str, range: &IndexRange, descending: bool) -> Vec<i64> {
    let mut keys = Vec::new();
    let mut cursor = OrderedCursor::default();
    while !cursor.done {
        let found =
            namespace.index_ordered(name, range, descending, Bins::All, &mut cursor, 2, NOW_MS);
        keys.extend(block_on(found).expect("a walk").0.iter().map(|(_, record)| key_of(record)));
    }
    keys
}

fn key_of(record: &model::Record) -> i64 {
    match record.key {
        Some(Key::Integer(key)) => key,
        _ => panic!("a record without its key"),
    }
}

fn everything() -> IndexRange {
    IndexRange::Between(Unbounded, Unbounded)
}

#[test]
fn ranges_of_integers() {
    let namespace = fresh();
    namespace.create_index(on("i", Some("s"), "n", IndexType::Integer), NOW_MS).unwrap();
    for key in 0..10 {
        put(&namespace, "s", key, &[("n", Value::Integer(10 - key))], Ttl::Never);
        put(&namespace, "other", key, &[("n", Value::Integer(5))], Ttl::Never);
    }
    put(&namespace, "s", 100, &[("n", Value::String("5".into()))], Ttl::Never);
    let int = Value::Integer;
    assert_eq!(scan(&namespace, "i", &IndexRange::Equal(int(5))), [5]);
    let half_open = IndexRange::Between(Included(int(3)), Excluded(int(6)));
    assert_eq!(scan(&namespace, "i", &half_open), [5, 6, 7]);
    assert_eq!(ordered(&namespace, "i", &half_open, false), [7, 6, 5]);
    assert_eq!(ordered(&namespace, "i", &everything(), true), (0..10).collect::<Vec<_>>());
}

#[test]
fn strings_have_ranges_and_prefixes() {
    let namespace = fresh();
    namespace.create_index(on("i", Some("s"), "t", IndexType::String), NOW_MS).unwrap();
    let texts = [
        "",
        "a",
        "https://www.aerie.example/a",
        "https://www.aerie.example/b",
        "https://www.aerie.example/",
        "https://www.b",
        "https://www.aerie.example/a\u{0}",
        "b",
    ];
    for (key, text) in (0..).zip(texts) {
        put(&namespace, "s", key, &[("t", Value::String(text.into()))], Ttl::Never);
    }
    let prefix = |text: &str| IndexRange::Prefix(Value::String(text.into()));
    assert_eq!(scan(&namespace, "i", &prefix("https://www.aerie.example/")), [2, 3, 4, 6]);
    assert_eq!(scan(&namespace, "i", &prefix("a")), [1]);
    assert_eq!(scan(&namespace, "i", &prefix("")), [0, 1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(scan(&namespace, "i", &IndexRange::Equal(Value::String(texts[2].into()))), [2]);
    let mut by_text: Vec<i64> = (0..8).collect();
    by_text.sort_by_key(|key| texts[*key as usize]);
    assert_eq!(ordered(&namespace, "i", &everything(), false), by_text);
    by_text.reverse();
    assert_eq!(ordered(&namespace, "i", &everything(), true), by_text);
    let from = IndexRange::Between(Excluded(Value::String(texts[2].into())), Unbounded);
    assert_eq!(scan(&namespace, "i", &from), [3, 5, 6]);
}

#[test]
fn doubles_are_ordered_as_in_postgresql() {
    let namespace = fresh();
    namespace.create_index(on("i", None, "d", IndexType::Double), NOW_MS).unwrap();
    let doubles = [f64::NEG_INFINITY, -1.5, -0.0, 0.0, 2.0, f64::INFINITY, f64::NAN, -f64::NAN];
    for (key, double) in (0..).zip(doubles) {
        put(&namespace, "s", key, &[("d", Value::Double(double))], Ttl::Never);
    }
    assert_eq!(scan(&namespace, "i", &IndexRange::Equal(Value::Double(0.0))), [2, 3]);
    assert_eq!(scan(&namespace, "i", &IndexRange::Equal(Value::Double(f64::NAN))), [6, 7]);
    let found = ordered(&namespace, "i", &everything(), false);
    assert_eq!(found[..2], [0, 1]);
    assert_eq!(found[4..6], [4, 5]);
}

#[test]
fn elements_of_collections() {
    let namespace = fresh();
    let of = |name: &str, collection| IndexDef {
        collection,
        ..on(name, Some("s"), "c", IndexType::Integer)
    };
    namespace.create_index(of("l", Collection::List), NOW_MS).unwrap();
    namespace.create_index(of("k", Collection::MapKeys), NOW_MS).unwrap();
    namespace.create_index(of("v", Collection::MapValues), NOW_MS).unwrap();
    let int = Value::Integer;
    let list = |of: &[i64]| Value::list(of.iter().map(|n| int(*n)).collect::<Vec<_>>());
    put(&namespace, "s", 1, &[("c", list(&[1, 2, 2, 9]))], Ttl::Never);
    put(&namespace, "s", 2, &[("c", list(&[3]))], Ttl::Never);
    put(&namespace, "s", 3, &[("c", Value::map([(int(1), int(3)), (int(2), int(4))]))], Ttl::Never);
    let low = IndexRange::Between(Unbounded, Included(int(2)));
    assert_eq!(scan(&namespace, "l", &low), [1], "once, though it has two such values");
    assert_eq!(scan(&namespace, "k", &low), [3]);
    assert_eq!(scan(&namespace, "v", &low), [] as [i64; 0]);
    assert_eq!(ordered(&namespace, "l", &everything(), false), [1, 2]);
    assert_eq!(ordered(&namespace, "l", &everything(), true), [1, 2], "at its greatest value");
}

#[test]
fn what_cannot_be_is_refused() {
    let namespace = fresh();
    let def = on("i", Some("s"), "n", IndexType::Integer);
    namespace.create_index(def.clone(), NOW_MS).unwrap();
    let kind = |error: model::Error| error.kind;
    assert_eq!(
        namespace.create_index(def.clone(), NOW_MS).map(drop).map_err(kind),
        Err(ErrorKind::IndexExists)
    );
    let broken = IndexDef { name: "j".into(), filter: Some([0xc1].into()), ..def };
    assert_eq!(
        namespace.create_index(broken, NOW_MS).map(drop).map_err(kind),
        Err(ErrorKind::Parameter)
    );
    // Its last update, 66, is before 5.
    let dated = op(4, &[op(66, &[]), encode(&Value::Integer(5))]);
    let def = on("k", Some("s"), "n", IndexType::Integer);
    let dated = IndexDef { filter: Some(dated.into()), ..def };
    let refused = namespace.create_index(dated, NOW_MS).map(drop).unwrap_err();
    assert!(refused.detail.contains("times"), "{refused}");
    let range = everything();
    let mut cursor = ScanCursor::all();
    let scan = namespace.index_scan("j", &range, Bins::All, &mut cursor, 9, NOW_MS);
    assert_eq!(block_on(scan).map(drop).map_err(kind), Err(ErrorKind::IndexNotFound));
    assert!(namespace.drop_index("i", NOW_MS).unwrap().0);
    assert!(!namespace.drop_index("i", NOW_MS).unwrap().0);
}

#[test]
fn definitions_outlive_a_restart() {
    let device = Arc::new(MemoryDevice::new(64 << 20));
    let namespace = open(&device);
    put(&namespace, "s", 1, &[("n", Value::Integer(7))], Ttl::Never);
    namespace.create_index(on("i", Some("s"), "n", IndexType::Integer), NOW_MS).unwrap();
    namespace.create_index(on("j", Some("s"), "n", IndexType::Integer), NOW_MS).unwrap();
    namespace.drop_index("j", NOW_MS).unwrap();
    namespace.close().unwrap();
    let namespace = open(&device);
    assert_eq!(namespace.index_infos().len(), 1);
    assert!(!namespace.index_infos()[0].ready, "it is to be built");
    assert_eq!(scan(&namespace, "i", &IndexRange::Equal(Value::Integer(7))), [1]);
    build(&namespace);
    assert_eq!(scan(&namespace, "i", &IndexRange::Equal(Value::Integer(7))), [1]);
    namespace.drop_table("s", NOW_MS).unwrap();
    assert!(namespace.index_infos().is_empty(), "they go with their set");
}

#[test]
fn an_index_is_built_while_writes_go_on() {
    let namespace = fresh();
    let int = Value::Integer;
    for key in 0..500 {
        put(&namespace, "s", key, &[("n", int(key % 10))], Ttl::Never);
    }
    namespace.create_index(on("i", Some("s"), "n", IndexType::Integer), NOW_MS).unwrap();
    let three = IndexRange::Equal(int(3));
    let expected: Vec<i64> = (0..500).filter(|key| key % 10 == 3).collect();
    assert_eq!(scan(&namespace, "i", &three), expected, "from a scan");
    assert_eq!(ordered(&namespace, "i", &three, false).len(), expected.len());
    for key in 0..500 {
        (0..4).for_each(|_| assert!(namespace.build_step().unwrap()));
        put(&namespace, "s", key, &[("n", int(3 - (key & 1)))], Ttl::Never);
        put(&namespace, "s", 1000 + key, &[("n", int(3))], Ttl::Never);
    }
    let info = namespace.index_infos().remove(0);
    assert!(!info.ready && (40..60).contains(&info.built_pct), "{info:?}");
    build(&namespace);
    let expected: Vec<i64> = (0..500).step_by(2).chain(1000..1500).collect();
    assert_eq!(scan(&namespace, "i", &three), expected);
    let count = namespace.index_count("i", &three, u64::MAX).unwrap();
    assert_eq!((count.entries, count.exact), (750, true));
    assert_eq!(namespace.index_infos()[0].distinct, 2);
}

#[test]
fn what_goes_goes_from_the_index() {
    let namespace = fresh();
    for (name, set) in [("i", Some("s")), ("all", None)] {
        namespace.create_index(on(name, set, "n", IndexType::Integer), NOW_MS).unwrap();
    }
    let int = Value::Integer;
    let of =
        |key: i64, ttl| put(&namespace, ["s", "t"][key as usize % 2], key, &[("n", int(key))], ttl);
    (0..100).for_each(|key| of(key, if key < 40 { Ttl::Seconds(60) } else { Ttl::Never }));
    let lens = || namespace.index_infos().iter().map(|index| index.entries).collect::<Vec<_>>();
    assert_eq!(lens(), [100, 50]);
    let later_ms = NOW_MS + 100_000;
    let find = |name: &str| {
        let (mut found, mut cursor) = (0, ScanCursor::all());
        while !cursor.done() {
            let all = everything();
            let next = namespace.index_scan(name, &all, Bins::None, &mut cursor, 7, later_ms);
            found += block_on(next).unwrap().0.len();
        }
        found
    };
    assert_eq!((find("all"), find("i")), (60, 30), "what has expired is not found");
    assert_eq!(namespace.sweep(later_ms).unwrap().expired, 40);
    assert_eq!(lens(), [60, 30], "and goes");
    namespace.check_indexes().unwrap();
    let delete = |key: i64| {
        let digest = Key::Integer(key).digest("s");
        namespace.modify("s", &digest, None, later_ms, &mut |_| Ok(Change::Delete)).unwrap();
    };
    (40..50).step_by(2).for_each(delete);
    assert_eq!(lens(), [55, 25]);
    namespace.truncate(Some("s"), None, later_ms).unwrap();
    assert_eq!(lens(), [30, 0]);
    assert_eq!((find("all"), find("i")), (30, 0));
    namespace.check_indexes().unwrap();
}

/// Digests that differ behind what an index compares.
#[test]
fn records_of_one_tag_are_two_records() {
    let namespace = fresh();
    namespace.create_index(on("i", Some("s"), "n", IndexType::Integer), NOW_MS).unwrap();
    let digests = [1, 2].map(|last| {
        let mut digest = Key::Integer(1).digest("s");
        digest.0[19] = last;
        digest
    });
    let put = |digest: &model::Digest, n: i64| {
        let bins = vec![(Name::from("n"), Some(Value::Integer(n)))];
        let write = Change::Write { bins, replace: false, ttl: Ttl::Never };
        namespace.modify("s", digest, None, NOW_MS, &mut |_| Ok(write.clone())).unwrap();
    };
    let find = |n: i64| {
        let range = IndexRange::Equal(Value::Integer(n));
        let mut cursor = ScanCursor::all();
        let found = namespace.index_scan("i", &range, Bins::None, &mut cursor, 9, NOW_MS);
        block_on(found).unwrap().0.into_iter().map(|(_, record)| record.digest).collect::<Vec<_>>()
    };
    digests.iter().for_each(|digest| put(digest, 5));
    assert_eq!(find(5), digests);
    put(&digests[0], 6);
    assert_eq!((find(5), find(6)), (vec![digests[1]], vec![digests[0]]));
    namespace.modify("s", &digests[0], None, NOW_MS, &mut |_| Ok(Change::Delete)).unwrap();
    assert_eq!((find(5), find(6)), (vec![digests[1]], vec![]));
}

/// An operation of an expression, and a name in one.
fn op(code: i64, arguments: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::new();
    model::msgpack::put_list_header(&mut out, arguments.len() + 1);
    model::msgpack::put_integer(&mut out, code);
    arguments.iter().for_each(|argument| out.extend(argument));
    out
}

fn raw(name: &str) -> Vec<u8> {
    let mut out = Vec::new();
    model::msgpack::put_raw(&mut out, name.as_bytes());
    out
}

#[test]
fn partial_indexes_and_indexes_of_expressions() {
    let namespace = fresh();
    let (int, text) = (Value::Integer, |text: &str| Value::String(text.into()));
    let bin_n = op(81, &[encode(&int(2)), raw("n")]);
    let above = op(3, &[bin_n.clone(), encode(&int(5))]);
    let plus = op(20, &[bin_n, encode(&int(1))]);
    let partial =
        IndexDef { filter: Some(above.into()), ..on("p", Some("s"), "t", IndexType::String) };
    let source = IndexSource::Expression(plus.into());
    let computed = IndexDef { source, ..on("e", Some("s"), "", IndexType::Integer) };
    namespace.create_index(partial, NOW_MS).unwrap();
    namespace.create_index(computed, NOW_MS).unwrap();
    for key in 0..10 {
        put(&namespace, "s", key, &[("n", int(key)), ("t", text("x"))], Ttl::Never);
    }
    assert_eq!(scan(&namespace, "p", &everything()), [6, 7, 8, 9]);
    assert_eq!(scan(&namespace, "e", &IndexRange::Equal(int(4))), [3]);
    put(&namespace, "s", 3, &[("n", int(8))], Ttl::Never);
    put(&namespace, "s", 8, &[("n", int(1))], Ttl::Never);
    assert_eq!(scan(&namespace, "p", &everything()), [3, 6, 7, 9]);
    assert_eq!(scan(&namespace, "e", &IndexRange::Equal(int(9))), [3]);
    namespace.check_indexes().unwrap();
}

#[test]
fn a_place_inside_a_bin() {
    let namespace = fresh();
    let (int, text) = (Value::Integer, |text: &str| Value::String(text.into()));
    // By map key "a", then by list index -1.
    let context = encode(&Value::list(vec![int(0x22), text("a"), int(0x10), int(-1)]));
    let source = IndexSource::Bin { bin: "m".into(), context: Some(context.into()) };
    let def = IndexDef { source, ..on("i", Some("s"), "", IndexType::Integer) };
    namespace.create_index(def, NOW_MS).unwrap();
    for key in 0..5 {
        let list = Value::list(vec![int(100), int(key)]);
        put(&namespace, "s", key, &[("m", Value::map([(text("a"), list)]))], Ttl::Never);
    }
    assert_eq!(scan(&namespace, "i", &everything()), [0, 1, 2, 3, 4]);
    assert_eq!(scan(&namespace, "i", &IndexRange::Equal(int(3))), [3]);
}
