//! Tests over the whole configuration: golden files, the table's own promises, layers, hostile
//! bytes. Files are in `testdata/config`; `X.check.txt` is what `aerie config check X` prints.
//! `AERIE_BLESS=1 cargo test` writes the golden files anew.

use super::flags::{Args, NodeFlags, resolve};
use super::*;

use clap::Parser as _;
use namespace::{Compression, SetSettings};
use proptest::prelude::*;

fn folder() -> PathBuf {
    crate_folder().join("../../testdata/config")
}

fn text(name: &str) -> String {
    std::fs::read_to_string(folder().join(name)).unwrap()
}

fn one(text: &str) -> NamespaceConfig {
    let (config, _) = parse(text, "t").unwrap_or_else(|e| panic!("{e}"));
    config.namespaces.into_iter().next().unwrap()
}

fn wrong(text: &str) -> String {
    parse(text, "t").map(|(c, _)| panic!("{c:?}")).unwrap_err().to_string()
}

#[test]
fn golden() {
    let files = ["appendix", "appendix-oneline", "local", "enterprise", "tuned"];
    let bad = ["bad-names", "bad-values", "bad-brace", "bad-tuned"];
    for name in files.into_iter().chain(bad) {
        let report = check_text(&text(&format!("{name}.conf")), &format!("{name}.conf"));
        compare(&format!("{name}.check.txt"), &report.text);
        assert_eq!(report.starts, !name.starts_with("bad"), "{name}");
    }
}

fn compare(name: &str, now: &str) {
    let path = folder().join(name);
    if std::env::var_os("AERIE_BLESS").is_some() {
        std::fs::write(&path, now).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(golden, now, "{name}; AERIE_BLESS=1 writes it anew");
}

#[test]
fn the_two_forms_of_the_appendix_are_one_configuration() {
    let (many, _) = parse(&text("appendix.conf"), "many").unwrap();
    let (compact, _) = parse(&text("appendix-oneline.conf"), "one").unwrap();
    assert_eq!(many, compact);

    assert_eq!(many.connections_max, 15_000);
    assert_eq!(many.postgres, [HostPort::default()]);
    assert_eq!(many.aerospike, [HostPort::new("any", 3000)]);
    let devices = ["/dev/nvme0n1", "/dev/nvme1n1"].map(PathBuf::from).to_vec();
    let user_data = NamespaceConfig {
        name: "user_data".to_owned(),
        engine: Engine::Device { files: vec![], devices },
        in_memory: false,
        write_block_size: 128 << 10,
        replication_factor: 2,
        shards_per_partition: 8,
        compression_level: 3,
        direct_io: true,
        io_backend: IoBackend::Auto,
        // 256 blocks.
        post_write_cache: 32 << 20,
        record_cache: 0,
        settings: Settings {
            default_ttl_s: 30 * 86_400,
            record_size_max: 128 << 10,
            ..Settings::default()
        },
    };
    let sessions = NamespaceConfig {
        name: "sessions".to_owned(),
        engine: Engine::Memory { size: 32 << 30 },
        write_block_size: 8 << 20,
        post_write_cache: 256 << 20,
        settings: Settings { durability: Durability::Memory, ..Settings::default() },
        ..user_data.clone()
    };
    assert_eq!(many.namespaces, [user_data, sessions]);
}

#[test]
fn the_sample_is_what_the_table_says_and_holds_the_defaults() {
    compare("sample.conf", &sample());
    compare("sample.check.txt", &check_text(&sample(), "sample.conf").text);
    let (config, findings) = parse(&sample(), "sample").unwrap();
    assert!(findings.iter().all(|f| !matches!(f.verdict, Verdict::Ignored(_))));
    let expected = embedded_default(Path::new(""));
    assert_eq!(config, Config { log: config.log.clone(), data_dir: None, ..expected });
    // Every default that is shown as a comment is the default: saying it changes nothing.
    let all = sample().lines().map(said).collect::<Vec<_>>().join("\n");
    let all = all.replace("durability memory", "durability commit");
    let (said, _) = parse(&all, "all").unwrap();
    assert_eq!(said, config);
}

fn pairs(settings: &[(&str, &str)]) -> Vec<(String, String)> {
    settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn kept_in(folder: &Path) -> Kept {
    Kept::load(embedded_default(folder)).unwrap_or_else(|e| panic!("{e}"))
}

#[test]
fn what_sql_changes_is_read_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut kept = kept_in(dir.path());
    kept.create("scratch", &pairs(&[("filesize", "1G"), ("compression", "lz4")])).unwrap();
    kept.create("fast", &pairs(&[("data-size", "64M")])).unwrap();
    kept.alter("test", None, &pairs(&[("default-ttl", "30d"), ("nsup-period", "5")])).unwrap();
    kept.alter("test", Some("users"), &pairs(&[("stop-writes-count", "10")])).unwrap();
    kept.alter("scratch", Some("a"), &pairs(&[("disable-eviction", "true")])).unwrap();
    kept.alter("test", None, &pairs(&[("nsup-period", "DEFAULT")])).unwrap();
    kept.set_node("proto-fd-max", "77").unwrap();
    // Of two names of one setting the later counts.
    kept.alter("scratch", None, &pairs(&[("high-water-disk-pct", "60")])).unwrap();
    kept.alter("scratch", None, &pairs(&[("evict-used-pct", "70")])).unwrap();
    kept.save().unwrap();

    let again = kept_in(dir.path());
    assert_eq!(again.to_string(), kept.to_string());
    let config = again.config().unwrap();
    assert_eq!(config, kept.config().unwrap());
    assert_eq!(config.connections_max, 77);
    let of = |name: &str| config.namespaces.iter().find(|n| n.name == name).unwrap();
    assert_eq!(
        (of("test").settings.default_ttl_s, of("test").settings.nsup_period_s),
        (2_592_000, 120)
    );
    assert_eq!(of("test").settings.sets["users"].stop_writes_count, 10);
    assert_eq!(of("fast").engine, Engine::Memory { size: 64 << 20 });
    let path = dir.path().join("scratch.dat");
    let files = vec![FileSpec { path, size: 1 << 30 }];
    assert_eq!(of("scratch").engine, Engine::Device { files, devices: vec![] });
    assert_eq!(of("scratch").settings.compression, Compression::Lz4);
    assert_eq!(of("scratch").settings.evict_used_pct, 70);

    let mut kept = again;
    kept.forget("scratch").unwrap();
    kept.save().unwrap();
    assert!(kept_in(dir.path()).config().unwrap().namespaces.iter().all(|n| n.name != "scratch"));
}

#[test]
fn settings_that_sql_may_not_change() {
    let dir = tempfile::tempdir().unwrap();
    let mut kept = kept_in(dir.path());
    let told = |name: &str, value: &str| {
        let error = kept.clone().alter("test", None, &pairs(&[(name, value)])).unwrap_err();
        (error.kind, error.detail)
    };
    use model::ErrorKind::{Parameter, Unsupported};
    assert_eq!(
        told("filesize", "1G"),
        (Unsupported, "setting \"filesize\" needs a restart".into())
    );
    let unknown = "setting \"defualt-ttl\" is unknown; did you mean default_ttl?";
    assert_eq!(told("defualt-ttl", "1"), (Parameter, unknown.into()));
    assert!(told("default-ttl", "x").1.starts_with("default-ttl: `x` is not a time"));
    assert!(told("max-record-size", "9M").1.contains("out of range"));
    assert!(told("nsup-threads", "2").1.contains("has no effect here"));
    assert!(told("default-ttl", "1 }").1.contains("cannot stand in a configuration file"));
    assert!(told("default-ttl", "1\n}").1.contains("cannot stand in a configuration file"));
    let memory = |settings: &[(&str, &str)]| {
        kept.clone().alter("mem", None, &pairs(settings)).unwrap_err().detail
    };
    assert!(
        memory(&[("durability", "commit")]).contains("cannot be kept by storage-engine memory")
    );
    let create = |name: &str, settings: &[(&str, &str)]| {
        kept.clone().create(name, &pairs(settings)).unwrap_err().detail
    };
    assert!(create("test", &[]).contains("already exists"));
    assert!(create("a b", &[]).contains("has blanks"));
    assert!(create("a/b", &[]).contains("no file can be named after"));
    assert!(create("n", &[("file", "../x.dat")]).contains("leads out of its folder"));
    assert!(create("n", &[("file", "test.dat")]).contains("is used by namespace test"));
    assert!(create("n", &[("default-ttl", "1"), ("default-ttl", "2")]).contains("given twice"));
    assert!(create("n", &[("replication-factor", "0")]).contains("out of range"));
    kept.base_without_folder();
    assert!(
        kept.create("n", &pairs(&[("file", "x")])).unwrap_err().detail.contains("no data folder")
    );
    assert_eq!(kept.create("n", &[]).unwrap().engine, Engine::Memory { size: 4 << 30 });
}

#[test]
fn a_damaged_file_of_changes_is_named_with_its_line() {
    let dir = tempfile::tempdir().unwrap();
    let told = |text: &str| {
        std::fs::write(dir.path().join(KEPT_FILE), text).unwrap();
        let error = Kept::load(embedded_default(dir.path())).unwrap_err().to_string();
        error.strip_prefix(&format!("{}/", dir.path().display())).unwrap().to_owned()
    };
    assert!(told("namespace a {\n").starts_with("namespaces.conf:1: `namespace` opens `{`"));
    let unknown = told("\nnamespace test {\n  defualt-ttl 5\n}\n");
    assert!(
        unknown.starts_with("namespaces.conf:3: setting \"defualt-ttl\" is unknown"),
        "{unknown}"
    );
    assert!(unknown.ends_with("correct the line, or remove its stanza to forget the change"));
    assert!(
        told("namespace test {\n  filesize 1G\n}")
            .contains(":2: setting \"filesize\" needs a restart")
    );
    assert!(
        told("namespace gone {\n  default-ttl 1\n}")
            .contains(":1: namespace gone has no storage-engine")
    );
    let both = "namespace test {\n  storage-engine memory\n}";
    assert!(told(both).contains(":1: namespace test was made by SQL, and the configuration file"));
    let value = told("namespace n {\n  storage-engine memory\n  default-ttl x\n}");
    assert!(value.contains(":3: namespace.n.default-ttl: `x` is not a time"), "{value}");
    assert!(told("network {\n}").contains(":1: `network` is neither"));
    let again = "namespace n {\n storage-engine memory\n}\n";
    assert!(told(&format!("{again}{again}")).contains(":4: a namespace n stands above already"));
}

/// What `SHOW CONFIG` says of a setting is what the file would have said.
#[test]
fn what_is_shown_can_be_said() {
    let dir = tempfile::tempdir().unwrap();
    let kept = kept_in(dir.path());
    let shown = kept.shown().unwrap();
    for row in settings().iter().filter(|row| row.dynamic && !row.default.is_empty()) {
        let of = shown.iter().find(|s| s.name == row.name && s.namespace.as_deref() != Some("mem"));
        let of = of.unwrap_or_else(|| panic!("{} is not shown", row.name));
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let (now, default) = (words(of.value.as_deref().unwrap_or_default()), words(row.default));
        assert_eq!(
            row.read(&now).unwrap().number,
            row.read(&default).unwrap().number,
            "{}",
            row.name
        );
    }
    assert!(
        shown
            .iter()
            .any(|s| s.name == "file" && s.value.as_ref().is_some_and(|v| v.ends_with("test.dat")))
    );
}

/// A commented parameter without its `#`; prose stays a comment.
fn said(line: &str) -> String {
    let words: Vec<&str> = line.split_whitespace().collect();
    match words[..] {
        ["#", name, value] if settings().iter().any(|s| s.name == name) => {
            format!("{name} {value}")
        }
        _ => line.to_owned(),
    }
}

#[test]
fn every_row_of_the_table_is_sound() {
    let mut seen = std::collections::HashSet::new();
    for row in settings() {
        let at = format!("{}.{}", row.context, row.name);
        assert!(seen.insert((row.context, row.name)), "{at} stands twice");
        assert!(
            row.name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-' || b.is_ascii_digit())
        );
        let (parent, name) = row.context.rsplit_once('.').unwrap_or(("", row.context));
        assert!(
            row.context.is_empty()
                || settings().iter().any(|s| s.context == parent && s.name == name),
            "{at} has no context"
        );
        if !row.default.is_empty() {
            assert!(row.read(&[row.default.to_owned()]).is_ok(), "{at} = {}", row.default);
        }
        let works = matches!(row.status, Status::Honoured | Status::Translated(_));
        assert!(!works || !row.help.is_empty(), "{at} has no help");
    }
    // The page has every name.
    let page = reference();
    let has = |s: &&Setting| page.contains(&format!("`{}`", s.name));
    let is_parameter = |s: &&Setting| !matches!(s.kind, Kind::Block | Kind::Named(_));
    assert!(settings().iter().filter(is_parameter).all(|s| has(&s)));
}

#[test]
fn a_namespace_by_its_parameters() {
    let device = |more: &str| {
        one(&format!("namespace n {{ storage-engine device {{ file /d/n.dat  {more} }} }}"))
    };
    let plain = device("");
    let files = vec![FileSpec { path: "/d/n.dat".into(), size: 16 << 30 }];
    assert_eq!(plain.engine, Engine::Device { files, devices: vec![] });
    assert_eq!(plain.settings.durability, Durability::Commit);
    assert_eq!(device("write-block-size 2m").write_block_size, 2 << 20);

    // Blocks of old files are raised to the smallest of ours.
    assert_eq!(device("write-block-size 8192").write_block_size, 128 << 10);
    // A flag needs no value.
    assert_eq!(device("commit-to-device").settings.durability, Durability::Commit);

    let memory = |more: &str| one(&format!("namespace n {{ {more}  storage-engine memory }}"));
    assert_eq!(memory("").engine, Engine::Memory { size: 4 << 30 });
    assert_eq!(memory("memory-size 1G").engine, Engine::Memory { size: 1 << 30 });
    for (sprigs, shards) in [(16, 1), (256, 8), (1024, 32), (4096, 64), (1 << 20, 64)] {
        let n = memory(&format!("partition-tree-sprigs {sprigs}"));
        assert_eq!(n.shards_per_partition, shards, "{sprigs}");
    }
    // The codec's level stands beside it, in any order.
    let level = |n: NamespaceConfig| n.settings.compression;
    assert_eq!(level(device("compression-level 7\ncompression zstd")), Compression::Zstd(7));
    assert_eq!(level(device("compression snappy")), Compression::Lz4);
    // Blocks of the old spelling are bytes once the block is known.
    let queue = device("post-write-queue 4\nwrite-block-size 1M");
    assert_eq!(queue.post_write_cache, 4 << 20);
    let old = memory("high-water-memory-pct 60  stop-writes-pct 90").settings;
    assert_eq!((old.evict_used_pct, old.stop_writes_used_pct), (60, 90));
    let backed = one("namespace n { storage-engine memory { file f } }");
    assert!(backed.in_memory && matches!(backed.engine, Engine::Device { .. }));
    for (said, durability) in [
        ("interval 50", Durability::Interval(50)),
        ("interval 50ms", Durability::Interval(50)),
        ("commit", Durability::Commit),
    ] {
        let n = one(&format!(
            "namespace n {{\ndurability {said}\nstorage-engine device {{ file f }}\n}}"
        ));
        assert_eq!(n.settings.durability, durability);
    }
    let of_sets =
        memory("set a {\n default-ttl 1d\n disable-eviction\n}\nset b {\n stop-writes-count 5\n}");
    let a =
        SetSettings { default_ttl_s: Some(86_400), disable_eviction: true, ..Default::default() };
    assert_eq!(of_sets.settings.sets["a"], a);
    assert_eq!(of_sets.settings.sets["b"].stop_writes_count, 5);
    let both = "namespace n { memory-size 1G\nstorage-engine memory {\ndata-size 2G\n}\n}";
    assert_eq!(one(both).engine, Engine::Memory { size: 2 << 30 });
    let off = "namespace n { durability memory  storage-engine device { file f } }";
    assert_eq!(one(off).settings.durability, Durability::Memory);
}

#[test]
fn of_several_logs_the_most_talkative() {
    let log = |levels: [&str; 2]| {
        let stanza = |level| format!("file /l {{ context any {level} }}");
        let [a, b] = levels.map(stanza);
        let text = format!("logging {{\n{a}\n{b}\n}} namespace n {{ storage-engine memory }}");
        parse(&text, "t").unwrap().0.log
    };
    assert_eq!(log(["info", "critical"]).as_deref(), Some("info"));
    assert_eq!(log(["WARNING", "detail"]).as_deref(), Some("trace"));
}

#[test]
fn errors_say_where_and_what_to_try() {
    assert_eq!(
        wrong("namespace n {\n storage-engine memory\n defualt-ttl 1d\n}"),
        "t:3: namespace.n.defualt-ttl: unknown: did you mean `default-ttl`?"
    );
    assert_eq!(
        wrong("default-ttl 5"),
        "t:1: default-ttl: unknown: did you mean `default-ttl of namespace`?"
    );
    assert!(wrong("").starts_with("t:1: namespace: the file has no namespace"));
    assert!(wrong("a {").starts_with("t:1: `a` opens"));
    let two = wrong("namespace a { }\nnamespace b { }");
    assert!(two.ends_with("(and 1 more: aerie config check t)"), "{two}");
    let missing = load(Path::new("/nowhere/a.conf")).unwrap_err().to_string();
    assert!(missing.starts_with("/nowhere/a.conf: cannot be read:"), "{missing}");
}

#[test]
fn bytes_that_are_not_text_are_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.conf");
    std::fs::write(&path, b"service {\n}\n\xff\xfe").unwrap();
    let error = load(&path).unwrap_err();
    assert_eq!(error.problems[0].0, 3);
    assert!(!check(&path).starts);
    std::fs::write(&path, "#".repeat(2 << 20)).unwrap();
    assert!(load(&path).unwrap_err().to_string().contains("larger than 1M"));
}

#[test]
fn flags_lie_over_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.conf");
    let file = "network { postgres { port 0 }  service { address any  port 4000 } }
                namespace n { storage-engine device { file n.dat  filesize 1G } }";
    std::fs::write(&path, file).unwrap();
    let run = |more: &[&str]| {
        let path = path.to_str().unwrap();
        let args = ["aerie", "--config", path].into_iter().chain(more.iter().copied());
        Args::try_parse_from(args).unwrap().node.config().unwrap().0
    };
    let file_of = |c: &Config| c.namespaces[0].engine.paths().next().unwrap().to_owned();

    let plain = run(&[]);
    assert_eq!(plain.postgres, [HostPort::new("127.0.0.1", 0)]);
    assert_eq!(file_of(&plain), Path::new("n.dat"));
    assert_eq!(plain.aerospike, [HostPort::new("127.0.0.1", 4000)], "open without --insecure");
    assert_eq!(run(&["--insecure"]).aerospike, [HostPort::new("any", 4000)]);
    let told = run(&["--pg", "[::1]:6000", "--data", "/d", "--insecure", "--log", "debug"]);
    assert_eq!(told.postgres, [HostPort::new("::1", 6000)]);
    let told_other = run(&["--aerospike", "any:0"]);
    assert_eq!(told_other.aerospike, [HostPort::new("any", 0)], "refused when it is to listen");
    assert_eq!(file_of(&told), Path::new("/d/n.dat"));
    assert!(told.insecure);
    assert_eq!(told.log.as_deref(), Some("debug"));

    let (embedded, _) = NodeFlags::default().config().unwrap();
    assert_eq!(embedded, embedded_default(Path::new("./aerie-data")));
    assert_eq!(file_of(&embedded), Path::new("./aerie-data/test.dat"));
    assert_eq!(embedded.namespaces[1].engine, Engine::Memory { size: 4 << 30 });
}

#[test]
fn the_command_line() {
    let good = |line: &str| Args::try_parse_from(line.split(' ')).is_ok();
    for line in [
        "aerie",
        "aerie config check a.conf",
        "aerie config sample",
        "aerie config reference",
        "aerie demo --exit --data d --pg localhost:0",
    ] {
        assert!(good(line), "{line}");
    }
    for line in ["aerie --pg 5432", "aerie config check", "aerie start", "aerie --service a:1"] {
        assert!(!good(line), "{line}");
    }
    use clap::CommandFactory as _;
    Args::command().debug_assert();
}

#[test]
fn addresses_beyond_loopback_need_a_word() {
    let at = |text: &str| text.parse::<HostPort>().unwrap();
    assert!(resolve(&at("127.0.0.1:0"), false).is_ok());
    assert!(resolve(&at("[::1]:0"), false).is_ok());
    assert!(resolve(&at("[::ffff:127.0.0.1]:0"), false).is_ok());
    for open in ["any:0", "0.0.0.0:0", "[::]:0", "10.0.0.1:5432"] {
        let refused = resolve(&at(open), false).unwrap_err();
        assert!(refused.contains("no authentication is configured"), "{refused}");
        assert!(resolve(&at(open), true).is_ok());
    }
    assert!(resolve(&at("no.such.host.invalid:1"), true).is_err());
}

#[test]
fn every_truncation_of_a_good_file_is_an_answer() {
    for (name, step) in [("appendix-oneline.conf", 2), ("enterprise.conf", 11)] {
        let whole = text(name);
        for end in (0..whole.len()).step_by(step) {
            let _ = check_text(&whole[..end], name);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_text_makes_it_panic(text in "(?s).{0,200}") {
        let _ = check_text(&text, "t");
    }

    /// Words of the table in any order, with braces in any place.
    #[test]
    fn no_order_of_words_makes_it_panic(picks in prop::collection::vec(any::<(u16, u8)>(), 0..60)) {
        let all = settings();
        let odd = ["{", "}", "\n", "  ", "#", "{}", "${x}", "1", "1G", "30D", "memory", "any", "é"];
        let word = |(at, kind): &(u16, u8)| match usize::from(*kind) {
            k if k < odd.len() * 8 => odd[k % odd.len()],
            _ => all[usize::from(*at) % all.len()].name,
        };
        let text: Vec<&str> = picks.iter().map(word).collect();
        let _ = check_text(&text.join(" "), "t");
        let _ = check_text(&format!("namespace a {{ {} }}", text.join("  ")), "t");
    }

    /// A byte of a good file changed.
    #[test]
    fn no_flipped_byte_makes_it_panic(at in 0usize..900, byte in any::<u8>()) {
        let mut bytes = text("appendix.conf").into_bytes();
        if let Some(b) = bytes.get_mut(at) {
            *b = byte;
        }
        let _ = check_text(&String::from_utf8_lossy(&bytes), "t");
    }
}

/// The folder of the crate, asked when it runs: several checkouts may share what was compiled.
fn crate_folder() -> std::path::PathBuf {
    let now = std::env::var_os("CARGO_MANIFEST_DIR");
    now.map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), Into::into)
}
