//! Golden images: storage as version 1 of the format wrote it, which every later version must open.
//!
//! `testdata/flat/v1` has three images (`storage/FORMAT.md` says what their bytes mean), each beside
//! the records that it holds as text. They were made once, by [`write_history`], and are never made
//! again: `AERIE_BLESS=1 cargo test -p namespace --test image` writes only images that are missing. A
//! new version of the format gets a folder of its own and leaves this one as it is.
//!
//! * `clean`: closed as a node closes it, so that its checkpoint covers everything.
//! * `crashed`: as a power cut left it in the middle of a write; the log goes on behind the checkpoint.
//! * `striped`: the same on two devices.

mod rows;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use model::{Column, ColumnType, Digest, Key, Name, Record, Table, Value};
use namespace::{
    Compression, Durability, Namespace, Options, ReadAhead, SetSettings, Settings, TABLES_SET,
};
use rows::visited;
use storage::{Backend, Device, FileDevice, FileOptions, Storage};
use store::{Bins, Change, Expect, GroupChange, ScanCursor, Ttl};

/// When the images were written.
const WRITTEN_MS: u64 = 1_800_000_000_000;
/// When they are read: some records have expired by then.
const READ_MS: u64 = WRITTEN_MS + 3_600_000;
const BLOCK: u32 = storage::Options::BLOCK_SIZE_MIN;
/// Bytes of all devices of an image: the namespace has room for twice what lives in it.
const CAPACITY: u64 = 2 << 20;
/// Groups end where the history says so, not when a second is over.
const UNHURRIED: Durability = Durability::Interval(600_000);

/// An image, and how it is left.
struct Image {
    name: &'static str,
    devices: usize,
    closed: bool,
}

const IMAGES: [Image; 3] = [
    Image { name: "clean", devices: 1, closed: true },
    Image { name: "crashed", devices: 1, closed: false },
    Image { name: "striped", devices: 2, closed: false },
];

#[test]
fn every_image_of_version_1_opens() {
    for image in &IMAGES {
        let folder = image.folder();
        if std::env::var_os("AERIE_BLESS").is_some() && !folder.exists() {
            image.bless(&folder);
        }
        let expected = fs::read_to_string(folder.join("expected.txt")).expect("it is there");
        for ignore_checkpoint in [false, true] {
            let bytes = (0..image.devices).map(|n| fs::read(folder.join(file(n))));
            let bytes: Vec<Vec<u8>> = bytes.map(|bytes| bytes.expect("it is there")).collect();
            image.opens(&bytes, ignore_checkpoint, &expected);
        }
    }
}

impl Image {
    fn folder(&self) -> PathBuf {
        let v1 = crate_folder().join("../../testdata/flat/v1");
        v1.join(self.name)
    }

    fn opens(&self, bytes: &[Vec<u8>], ignore_checkpoint: bool, expected: &str) {
        let (name, scratch) = (self.name, Scratch::new());
        for (n, bytes) in bytes.iter().enumerate() {
            fs::write(scratch.0.join(file(n)), bytes).expect("a copy is written");
        }
        let namespace = self.open(&scratch, ignore_checkpoint, true, READ_MS);
        assert_same(&text_of(&namespace), expected, name, ignore_checkpoint);
        namespace.check().expect("its counters agree");

        let user = |n: i64| (Key::Integer(n), Key::Integer(n).digest("users"));
        put(
            &namespace,
            "users",
            &user(1000).0,
            bins(&[("name", text("new"))]),
            Ttl::Never,
            READ_MS,
        );
        put(&namespace, "added", &user(1).0, bins(&[("also", text("new"))]), Ttl::Never, READ_MS);
        delete(&namespace, "users", &user(2).0, READ_MS);
        while namespace.defrag_now().expect("old blocks can be emptied") {}
        let written = text_of(&namespace);
        assert_eq!(written.lines().count(), expected.lines().count() + 2, "{name}: 2 + table - 1");
        namespace.check().expect("its counters agree");
        namespace.close().expect("closed");
        drop(namespace);

        let namespace = self.open(&scratch, ignore_checkpoint, false, READ_MS);
        assert_same(&text_of(&namespace), &written, name, ignore_checkpoint);
        namespace.check().expect("its counters agree");
    }

    /// Opens what is in the folder, and sees to it that it opens without a fallback.
    fn open(&self, at: &Scratch, ignore: bool, as_made: bool, now_ms: u64) -> Namespace {
        let options = Options {
            name: "golden".to_string(),
            storage_engine: "device",
            settings: settings(),
            replication_factor: 1,
            shards_per_partition: 1,
        };
        let capacity = CAPACITY / self.devices as u64;
        let files = FileOptions { backend: Backend::Caller, ..FileOptions::default() };
        let open = |again: bool| {
            assert!(!again, "{}: the checkpoint could not be used", self.name);
            let device = |n| FileDevice::open_with(&at.0.join(file(n)), capacity, &files);
            let devices: model::Result<Vec<_>> =
                (0..self.devices).map(|n| Ok(Arc::new(device(n)?) as Arc<dyn Device>)).collect();
            let options = storage::Options {
                block_size: BLOCK,
                durability: UNHURRIED,
                ignore_checkpoint: ignore,
                threads: 2,
                ..storage::Options::new("golden", 0x0123_4567_89ab_cdef_0011_2233_4455_6677)
            };
            let (storage, replay) = Storage::open(devices?, &options)?;
            if as_made {
                let damage = storage.stats().damage;
                assert_eq!((damage.records, damage.unidentified), (0, 0), "{}", self.name);
                assert_eq!(replay.checkpoint().is_none(), ignore, "{}", self.name);
            }
            Ok((storage, replay))
        };
        Namespace::open(options, now_ms, open).expect("the namespace opens")
    }

    /// Makes the image and the text of its records. What is made twice is made the same.
    fn bless(&self, folder: &Path) {
        let (bytes, expected) = self.make();
        assert!(self.make().0 == bytes, "{} is not made the same way twice", self.name);
        fs::create_dir_all(folder).expect("a folder");
        for (n, bytes) in bytes.iter().enumerate() {
            fs::write(folder.join(file(n)), bytes).expect("an image is written");
        }
        fs::write(folder.join("expected.txt"), expected).expect("the text is written");
    }

    fn make(&self) -> (Vec<Vec<u8>>, String) {
        let scratch = Scratch::new();
        let read = || -> Vec<Vec<u8>> {
            (0..self.devices)
                .map(|n| fs::read(scratch.0.join(file(n))).expect("the device can be read"))
                .collect()
        };
        let namespace = self.open(&scratch, true, false, WRITTEN_MS);
        write_history(&namespace);
        settle(&namespace);
        let expected = text_of(&namespace);
        let mut bytes;
        if self.closed {
            namespace.close().expect("closed");
            drop(namespace);
            bytes = read();
        } else {
            bytes = read();
            set_durability(&namespace, Durability::Commit);
            let torn = bins(&[("big", Value::Blob(pattern(9, 9000)))]);
            put(&namespace, "users", &Key::Integer(1), torn, Ttl::Never, WRITTEN_MS);
            tear(&mut bytes, &read());
        }
        bytes.iter_mut().for_each(cut_unused);
        (bytes, expected)
    }
}

/// Does everything that leaves traces in the format.
fn write_history(namespace: &Namespace) {
    let set = |change: &dyn Fn(&mut Settings)| {
        let mut settings = (*namespace.settings()).clone();
        change(&mut settings);
        namespace.change_settings(settings).expect("they make sense");
    };
    write_types(namespace);
    for (name, how) in [("lz4", Compression::Lz4), ("zstd", Compression::Zstd(3))] {
        set(&|settings| settings.compression = how);
        for n in 0..20 {
            let line = format!("line {n} of what repeats itself. ").repeat(40 + n as usize);
            let all = bins(&[("text", text(&line)), ("n", Value::Integer(n))]);
            put(namespace, name, &Key::Integer(n), all, Ttl::Never, WRITTEN_MS);
        }
    }
    set(&|settings| settings.compression = Compression::None);
    write_users(namespace);
    write_tables(namespace);

    for n in 0..20 {
        let written_ms = WRITTEN_MS + n;
        for name in ["emptied", "aged"] {
            let all = bins(&[("n", Value::Integer(n as i64))]);
            put(namespace, name, &Key::Integer(n as i64), all, Ttl::Never, written_ms);
        }
    }
    namespace.truncate(Some("emptied"), None, WRITTEN_MS + 50).expect("truncated");
    put(
        namespace,
        "emptied",
        &Key::Integer(3),
        bins(&[("n", text("again"))]),
        Ttl::Never,
        WRITTEN_MS,
    );
    namespace.truncate(Some("aged"), Some(WRITTEN_MS + 9), WRITTEN_MS + 50).expect("truncated");

    for n in 0..60 {
        let ttl = Ttl::Seconds(7200 + 60 * n as u32);
        for name in ["mortal", "spared"] {
            put(
                namespace,
                name,
                &Key::Integer(n),
                bins(&[("n", Value::Integer(n))]),
                ttl,
                WRITTEN_MS,
            );
        }
    }
    set(&|settings| {
        (settings.evict_used_pct, settings.evict_tenths_pct) = (1, 400);
        let spared = SetSettings { disable_eviction: true, ..SetSettings::default() };
        settings.sets.insert("spared".to_string(), spared);
    });
    assert!(namespace.sweep(WRITTEN_MS + 100).expect("swept").evicted > 0);
    set(&|settings| settings.evict_used_pct = 0);

    // Blocks that are mostly dead.
    for round in 0..5 {
        write_churn(namespace, round);
    }
    settle(namespace);
    namespace.checkpoint().expect("a checkpoint");
    let mut given_back = 0;
    while given_back < 4 && namespace.defrag_now().expect("blocks are emptied") {
        given_back += 1;
    }
    assert_eq!(given_back, 4);
    write_churn(namespace, 5);
    settle(namespace);
    namespace.checkpoint().expect("a checkpoint");

    // Behind the checkpoint: new names, a block is emptied that it knows, then small groups.
    let key = Key::Integer;
    put(
        namespace,
        "late",
        &key(1),
        bins(&[("first", text("name"))]),
        Ttl::Seconds(600),
        WRITTEN_MS,
    );
    put(
        namespace,
        "late",
        &key(2),
        bins(&[("first", text("x"))]),
        Ttl::Seconds(86_400),
        WRITTEN_MS,
    );
    assert!(namespace.defrag_now().expect("a block is emptied"));
    set_durability(namespace, Durability::Commit);
    put(
        namespace,
        "users",
        &key(2),
        bins(&[("seen", Value::Bool(true))]),
        Ttl::Keep,
        WRITTEN_MS + 200,
    );
    delete(namespace, "users", &key(3), WRITTEN_MS + 200);
    let truncated = namespace.truncate(Some("aged"), Some(WRITTEN_MS + 12), WRITTEN_MS + 200);
    let durable = truncated.expect("truncated").expect("the set is known").wait_blocking();
    durable.expect("durable");
    write_group(namespace);
}

/// Writes a record and waits until it is durable, with all before it: what is done next does not
/// depend on how far the flushers are.
fn settle(namespace: &Namespace) {
    let key = Key::Integer(0);
    put(namespace, "settled", &key, bins(&[("n", Value::Integer(0))]), Ttl::Never, WRITTEN_MS);
    set_durability(namespace, Durability::Commit);
    change(namespace, "settled", &key, WRITTEN_MS, Change::Keep);
    set_durability(namespace, UNHURRIED);
}

fn set_durability(namespace: &Namespace, durability: Durability) {
    let settings = Settings { durability, ..(*namespace.settings()).clone() };
    namespace.change_settings(settings).expect("they make sense");
}

/// Every type of bin and of user key, in sets with and without a name.
fn write_types(namespace: &Namespace) {
    let int = Value::Integer;
    let long = "ein längerer Text, der nicht in ein Byte Länge passt: ".repeat(4);
    let numbers =
        [0, -16, -17, 111, 112, 127, -128, 128, 32_767, -32_768, 32_768, 1 << 31, -1 << 40];
    let map = Value::map(vec![
        (
            text("key"),
            Value::list(vec![int(1), Value::Nil, Value::map(vec![(int(7), Value::Nil)])]),
        ),
        (int(-5), Value::Blob(vec![0, 255])),
        (Value::Bool(false), Value::Double(-0.0)),
    ]);
    let all = [
        ("true", Value::Bool(true)),
        ("false", Value::Bool(false)),
        (
            "integers",
            Value::List(numbers.into_iter().chain([i64::MIN, i64::MAX]).map(int).collect()),
        ),
        ("double", Value::Double(0.1)),
        ("nan", Value::Double(f64::NAN)),
        ("short", text("kurz \"\\ é")),
        ("empty", text("")),
        ("long", text(&long)),
        ("blob", Value::Blob((0..=255).collect())),
        ("geojson", Value::GeoJson(r#"{"type":"Point","coordinates":[9.18,48.78]}"#.to_string())),
        ("hll", Value::Hll(pattern(3, 70))),
        ("list", Value::list(vec![Value::Nil, Value::list(Vec::new()), map.clone()])),
        ("map", map),
        ("integer", int(1 << 40)),
    ];
    let keys = [
        Key::Integer(0),
        Key::Integer(i64::MIN),
        Key::String("a key".to_string()),
        Key::String("k".repeat(100)),
        Key::Blob(vec![1, 2, 0]),
    ];
    for set in ["", "types"] {
        for key in &keys {
            put(namespace, set, key, bins(&all), Ttl::Never, WRITTEN_MS);
        }
        for (n, one) in all.iter().enumerate() {
            let key = Key::String(format!("only its digest {n}"));
            let mut only =
                |_: Option<&Record>| Ok(write(bins(std::slice::from_ref(one)), Ttl::Never));
            namespace
                .modify(set, &key.digest(set), None, WRITTEN_MS, &mut only)
                .expect("written without a user key");
        }
    }
    for n in 1..=3 {
        let big = bins(&[("big", Value::Blob(pattern(n, 70_000)))]);
        put(namespace, "types", &Key::String("big".to_string()), big, Ttl::Never, WRITTEN_MS);
    }
}

/// Records with and without an end, some updated, some deleted, some deleted and written again.
fn write_users(namespace: &Namespace) {
    for n in 0..150 {
        let ttl =
            [Ttl::Never, Ttl::Seconds(1800), Ttl::Seconds(90_000), Ttl::Default][n as usize % 4];
        let name = format!("user number {n}, who is called {}", "so ".repeat(n as usize % 50));
        let all = bins(&[("name", text(&name)), ("n", Value::Integer(n * n * n))]);
        put(namespace, "users", &Key::Integer(n), all, ttl, WRITTEN_MS);
    }
    for n in (0..150).step_by(3) {
        let all = bins(&[("n", Value::Integer(-n)), ("seen", Value::Bool(n % 2 == 0))]);
        put(namespace, "users", &Key::Integer(n), all, Ttl::Keep, WRITTEN_MS + 1);
    }
    for n in (5..150).step_by(7) {
        delete(namespace, "users", &Key::Integer(n), WRITTEN_MS + 2);
    }
    for n in (5..150).step_by(35) {
        let back = bins(&[("name", text("back"))]);
        put(namespace, "users", &Key::Integer(n), back, Ttl::Never, WRITTEN_MS + 3);
    }
}

/// A table that is declared, and one that was.
fn write_tables(namespace: &Namespace) {
    let column = |name: &str, column_type, default: Option<&str>| Column {
        name: name.to_string(),
        column_type,
        not_null: default.is_some(),
        default: default.map(str::to_string),
    };
    for name in ["orders", "dropped"] {
        let table = Table {
            namespace: "golden".to_string(),
            name: name.to_string(),
            key: vec![column("id", ColumnType::Int8, None)],
            columns: vec![
                column("price", ColumnType::Numeric { precision: 9, scale: 2 }, Some("7")),
                column("note", ColumnType::Text, None),
            ],
            declared: true,
            ttl_s: Some(500_000),
            oid: 0,
        };
        namespace.declare(table, WRITTEN_MS).expect("declared");
        for n in 0..5 {
            let all = bins(&[("price", text("1.50")), ("note", text("as declared"))]);
            put(namespace, name, &Key::Integer(n), all, Ttl::Default, WRITTEN_MS);
        }
    }
    namespace.drop_table("dropped", WRITTEN_MS).expect("dropped");
}

/// Overwrites most of the records of a set; every round leaves some that stay as they are.
fn write_churn(namespace: &Namespace, round: i64) {
    for n in round * 4..60 {
        let all =
            bins(&[("round", Value::Integer(round)), ("fill", Value::Blob(pattern(n, 1500)))]);
        put(namespace, "churn", &Key::Integer(n), all, Ttl::Never, WRITTEN_MS + 110);
    }
}

/// Three changes that are there together or not at all.
fn write_group(namespace: &Namespace) {
    let keys: Vec<Key> = (0..3).map(|n| Key::String(format!("together {n}"))).collect();
    let change = |key| GroupChange {
        set: "late",
        digest: Key::digest(key, "late"),
        key: Some(key),
        expect: Expect::Absent,
        change: write(bins(&[("first", text("of three"))]), Ttl::Never),
    };
    let group: Vec<GroupChange<'_>> = keys.iter().map(change).collect();
    let (_, ticket) =
        namespace.apply(&group, WRITTEN_MS + 200, &mut ReadAhead::default()).expect("applied");
    ticket.expect("it wrote").wait_blocking().expect("durable");
}

fn write(bins: Vec<(Name, Option<Value>)>, ttl: Ttl) -> Change {
    Change::Write { bins, replace: false, ttl }
}

fn put(
    namespace: &Namespace,
    set: &str,
    key: &Key,
    bins: Vec<(Name, Option<Value>)>,
    ttl: Ttl,
    now_ms: u64,
) {
    change(namespace, set, key, now_ms, write(bins, ttl));
}

fn delete(namespace: &Namespace, set: &str, key: &Key, now_ms: u64) {
    change(namespace, set, key, now_ms, Change::Delete);
}

fn change(namespace: &Namespace, set: &str, key: &Key, now_ms: u64, change: Change) {
    let mut change = |_: Option<&Record>| Ok(change.clone());
    let changed = namespace.modify(set, &key.digest(set), Some(key), now_ms, &mut change);
    let (_, ticket) = changed.expect("changed");
    ticket.map_or(Ok(()), |ticket| ticket.wait_blocking()).expect("durable");
}

fn bins(pairs: &[(&str, Value)]) -> Vec<(Name, Option<Value>)> {
    pairs.iter().map(|(name, value)| (Name::from(*name), Some(value.clone()))).collect()
}

fn text(s: &str) -> Value {
    Value::String(s.to_string())
}

fn pattern(seed: i64, size: usize) -> Vec<u8> {
    (0..size).map(|i| (i as i64 / 50 * 31 + seed) as u8).collect()
}

/// No sweeps and checkpoints but those that the history asks for.
fn settings() -> Settings {
    Settings { durability: UNHURRIED, default_ttl_s: 200_000, ..Settings::default() }
}

/// Puts the first page of what was written between two moments into the image of the first.
fn tear(before: &mut [Vec<u8>], after: &[Vec<u8>]) {
    let pages = before.iter_mut().zip(after);
    let mut pages =
        pages.flat_map(|(before, after)| before.chunks_mut(4096).zip(after.chunks(4096)));
    let (old, new) = pages.find(|(old, new)| old != new).expect("something was written");
    old.copy_from_slice(new);
    assert!(pages.any(|(old, new)| old != new), "more than a page was written");
}

/// Leaves out blocks at the end that were never written, as if the file had not grown yet.
fn cut_unused(bytes: &mut Vec<u8>) {
    let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    bytes.truncate(used.next_multiple_of(BLOCK as usize));
}

fn file(device: usize) -> String {
    format!("{device}.img")
}

/// A folder that goes with its owner.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Scratch {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let name = format!("image-{}-{}", std::process::id(), NUMBER.fetch_add(1, Relaxed));
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&folder).expect("a folder for the copy");
        Scratch(folder)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Tables and records as text: one a line, in the order of sets and digests.
fn text_of(namespace: &Namespace) -> String {
    let mut out = format!("now\t{READ_MS}\n");
    for (name, table) in namespace.tables().tables {
        let columns = |columns: &[Column]| -> String {
            let mut shown: Vec<String> =
                columns.iter().map(|c| format!("{} {}", c.name, c.column_type)).collect();
            shown.sort();
            shown.join(", ")
        };
        let (key, others) = (columns(&table.key), columns(&table.columns));
        let ttl_s = table.ttl_s.map_or("-".to_string(), |ttl_s| ttl_s.to_string());
        let declared = if table.declared { "declared" } else { "seen" };
        writeln!(out, "table\t{name:?}\t{declared}\t{ttl_s}\t{key}\t{others}").expect("text");
    }
    let mut sets: Vec<String> = namespace.set_infos().into_iter().map(|set| set.name).collect();
    sets.push(TABLES_SET.to_string());
    sets.sort();
    for set in &sets {
        let mut cursor = ScanCursor::all();
        let mut records = BTreeMap::<Digest, Record>::new();
        while !cursor.done() {
            let scan = namespace.scan(set, Bins::All, &mut cursor, 100, READ_MS);
            let found = scan.expect("nothing is damaged").0;
            records.extend(found.into_iter().map(|record| (record.digest, record)));
        }
        let mut names: Vec<Name> =
            records.values().flat_map(|r| &r.bins).map(|(name, _)| name.clone()).collect();
        names.sort();
        names.dedup();
        let visited = visited(namespace, set, &names, 100, READ_MS).expect("nothing is damaged");
        assert_eq!(visited.len(), records.len(), "each once");
        for record in visited {
            assert_eq!(records.get(&record.digest), Some(&record), "a visit as a scan");
        }
        for record in records.values() {
            let again = namespace.get(&record.digest, Bins::All, READ_MS).expect("it can be read");
            assert_eq!(again.record.as_ref(), Some(record), "by digest as by scan");
            writeln!(out, "{}", line_of(set, record)).expect("text");
        }
    }
    out
}

fn assert_same(found: &str, expected: &str, image: &str, ignore_checkpoint: bool) {
    let end = [None];
    let lines = |text| str::lines(text).map(Some).chain(end).collect::<Vec<_>>();
    let (found, expected) = (lines(found), lines(expected));
    let differ = found.iter().zip(&expected).find(|(found, expected)| found != expected);
    assert_eq!(
        differ, None,
        "found and expected; {image}, checkpoint ignored: {ignore_checkpoint}"
    );
}

fn line_of(set: &str, record: &Record) -> String {
    let key = match &record.key {
        None => "-".to_string(),
        Some(Key::Integer(n)) => value_text(&Value::Integer(*n)),
        Some(Key::String(s)) => value_text(&text(s)),
        Some(Key::Blob(b)) => value_text(&Value::Blob(b.clone())),
    };
    let Record { digest, generation, void_time, lut_ms, .. } = record;
    let mut line = format!("record\t{set:?}\t{digest}\t{key}\t{generation}\t{void_time}\t{lut_ms}");
    for (name, value) in &record.bins {
        write!(line, "\t{name}={}", value_text(value)).expect("text");
    }
    line
}

fn value_text(value: &Value) -> String {
    match value {
        Value::Nil => "nil".to_string(),
        Value::Bool(b) => b.to_string(),
        Value::Integer(n) => n.to_string(),
        Value::Double(d) => format!("double:{:016x}", d.to_bits()),
        Value::String(s) => bytes_text("", s.as_bytes()),
        Value::Blob(b) => bytes_text("blob", b),
        Value::GeoJson(s) => bytes_text("geojson", s.as_bytes()),
        Value::Hll(b) => bytes_text("hll", b),
        Value::List(items) => {
            let items: Vec<String> = items.iter().map(value_text).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Map(pairs) => {
            let pair = |(key, value)| format!("{}: {}", value_text(key), value_text(value));
            let pairs: Vec<String> = pairs.iter().map(|(k, v)| pair((k, v))).collect();
            format!("{{{}}}", pairs.join(", "))
        }
    }
}

/// Bytes in quotes, those beyond printable ASCII escaped; of long ones length and FNV-1a.
fn bytes_text(prefix: &str, bytes: &[u8]) -> String {
    if bytes.len() > 300 {
        let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
        let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325, step);
        return format!("{prefix}#{}:{hash:016x}", bytes.len());
    }
    let mut out = format!("{prefix}\"");
    for byte in bytes {
        match byte {
            b'"' | b'\\' => write!(out, "\\{}", *byte as char),
            0x20..=0x7e => write!(out, "{}", *byte as char),
            _ => write!(out, "\\x{byte:02x}"),
        }
        .expect("text");
    }
    out + "\""
}

/// The folder of the crate, asked when it runs: several checkouts may share what was compiled.
fn crate_folder() -> std::path::PathBuf {
    let now = std::env::var_os("CARGO_MANIFEST_DIR");
    now.map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), Into::into)
}
