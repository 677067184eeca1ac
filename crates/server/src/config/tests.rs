//! Tests over the whole configuration: golden files, the table's own promises, layers, hostile
//! bytes. Files are in `testdata/config`; `X.check.txt` is what `aerie config check X` prints.
//! `AERIE_BLESS=1 cargo test` writes the golden files anew.

use super::flags::{Args, NodeFlags, resolve};
use super::*;

use clap::Parser as _;
use proptest::prelude::*;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/config")
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
    let files = ["appendix", "appendix-oneline", "local", "enterprise"];
    let bad = ["bad-names", "bad-values", "bad-brace"];
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
    let listen = Listen { addresses: vec!["any".to_owned()], port: Some(3000) };
    assert_eq!(many.aerospike, listen);
    let devices = ["/dev/nvme0n1", "/dev/nvme1n1"].map(PathBuf::from).to_vec();
    let user_data = NamespaceConfig {
        name: "user_data".to_owned(),
        engine: Engine::Device { files: vec![], devices },
        write_block_size: 128 << 10,
        default_ttl_s: 30 * 86_400,
        nsup_period_s: 120,
        replication_factor: 2,
        record_size_max: 128 << 10,
        durability: Durability::Commit,
        shards_per_partition: 8,
    };
    let sessions = NamespaceConfig {
        name: "sessions".to_owned(),
        engine: Engine::Memory { size: 32 << 30 },
        write_block_size: 8 << 20,
        default_ttl_s: 0,
        nsup_period_s: 0,
        record_size_max: 1 << 20,
        durability: Durability::Memory,
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
    assert_eq!(config, Config { log: config.log.clone(), ..expected });
    // Every default that is shown as a comment is the default: saying it changes nothing.
    let all = sample().lines().map(said).collect::<Vec<_>>().join("\n");
    let all = all.replace("durability memory", "durability commit");
    let (said, _) = parse(&all, "all").unwrap();
    assert_eq!(said, config);
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
    assert_eq!(plain.durability, Durability::Commit);
    assert_eq!(device("write-block-size 2m").write_block_size, 2 << 20);

    // Blocks of old files are raised to the smallest of ours.
    assert_eq!(device("write-block-size 8192").write_block_size, 128 << 10);
    // A flag needs no value.
    assert_eq!(device("commit-to-device").durability, Durability::Commit);

    let memory = |more: &str| one(&format!("namespace n {{ {more}  storage-engine memory }}"));
    assert_eq!(memory("").engine, Engine::Memory { size: 4 << 30 });
    assert_eq!(memory("memory-size 1G").engine, Engine::Memory { size: 1 << 30 });
    for (sprigs, shards) in [(16, 1), (256, 8), (1024, 32), (4096, 64), (1 << 20, 64)] {
        let n = memory(&format!("partition-tree-sprigs {sprigs}"));
        assert_eq!(n.shards_per_partition, shards, "{sprigs}");
    }
    let both = "namespace n { memory-size 1G\nstorage-engine memory {\ndata-size 2G\n}\n}";
    assert_eq!(one(both).engine, Engine::Memory { size: 2 << 30 });
    let off = "namespace n { durability memory  storage-engine device { file f } }";
    assert_eq!(one(off).durability, Durability::Memory);
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
    let file = "network { postgres { port 0 } }
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
    let told = run(&["--pg", "[::1]:6000", "--data", "/d", "--insecure", "--log", "debug"]);
    assert_eq!(told.postgres, [HostPort::new("::1", 6000)]);
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
