//! Starting: from the production file, and refusing in one clear line.

use std::net::TcpListener;
use std::path::PathBuf;

use crate::support::{Node, command, run};

fn samples() -> PathBuf {
    crate_folder().join("../../testdata/config")
}

/// Runs a start that must fail, and returns its one line.
fn refusal(command: &mut std::process::Command) -> String {
    let (output, text) = run(command);
    assert_eq!(output.status.code(), Some(1), "{text}");
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    assert_eq!(lines.len(), 1, "one clear line, not: {text}");
    lines[0].to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_production_file_starts_a_node_on_files_and_loopback() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let node = Node::with(
        command().current_dir(folder.path()).arg("--config").arg(samples().join("local.conf")),
    );
    let client = node.client("user_data").await;
    let setup = "CREATE TABLE t (id int8 PRIMARY KEY, s text); INSERT INTO t VALUES (1, 'kept');
        CREATE TABLE sessions.s (id int8 PRIMARY KEY); INSERT INTO sessions.s VALUES (1)";
    client.batch_execute(setup).await.expect("both namespaces take tables");
    let ttl = client.query_one("SELECT \"TTL\" FROM t WHERE id = 1", &[]).await.expect("a row");
    let ttl: i64 = ttl.get(0);
    assert!(ttl > 29 * 86_400 && ttl <= 30 * 86_400 + 1, "default-ttl 30D, not {ttl}");
    node.stop();
    let node = Node::with(
        command().current_dir(folder.path()).arg("--config").arg(samples().join("local.conf")),
    );
    let client = node.client("user_data").await;
    let row = client.query_one("SELECT s FROM t WHERE id = 1", &[]).await.expect("a row");
    assert_eq!(row.get::<_, String>(0), "kept");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_record_cache_is_as_large_as_configured() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("cache.conf");
    let config = "namespace test { storage-engine device {\nfile test.dat\npost-write-cache 0\n\
                  record-cache-size 1M\n} }";
    std::fs::write(&file, config).expect("a file");
    let node = Node::with(command().arg("--config").arg(&file).arg("--data").arg(folder.path()));
    let client = node.client("test").await;
    let setup = "CREATE TABLE t (id int8 PRIMARY KEY); INSERT INTO t VALUES (1)";
    client.batch_execute(setup).await.expect("written");
    for _ in 0..3 {
        client.query_one("SELECT id FROM t WHERE id = 1", &[]).await.expect("a row");
    }
    let stats = client.query("SHOW STATS FOR test", &[]).await.expect("stats");
    let stat = |name: &str| -> u64 {
        let row = stats.iter().find(|row| row.get::<_, &str>("name") == name);
        row.and_then(|row| row.get::<_, &str>("value").parse().ok()).expect("a number")
    };
    assert_eq!((stat("record_cache_misses"), stat("record_cache_hits")), (1, 2));
    let bytes = stat("record_cache_bytes");
    assert!(bytes > 0 && bytes < 1000, "{bytes}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_data_folder_need_not_be_there() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("memory.conf");
    let namespace = "namespace mem {\n storage-engine memory {\n data-size 64M\n }\n}\n";
    std::fs::write(&file, namespace).expect("a configuration");
    let data = folder.path().join("new/data");
    let node = Node::with(command().arg("--config").arg(&file).arg("--data").arg(&data));
    let client = node.client("mem").await;
    let sorted = client.query("SELECT g FROM generate_series(1, 9) AS s (g) ORDER BY g DESC", &[]);
    assert_eq!(sorted.await.expect("rows")[0].get::<_, i32>(0), 9);
}

#[test]
fn config_check_knows_every_parameter_of_the_production_file() {
    let (output, text) =
        run(command().args(["config", "check"]).arg(samples().join("appendix.conf")));
    assert!(output.status.success(), "{text}");
    assert!(!text.contains("unknown:"), "{text}");
    for word in ["honoured", "translated", "ignored"] {
        assert!(text.contains(word), "{word} is missing in {text}");
    }
}

#[test]
fn a_port_in_use_is_one_clear_line() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("its address").to_string();
    let line = refusal(
        command()
            .args(["--pg", &address, "--aerospike", "127.0.0.1:0"])
            .arg("--data")
            .arg(folder.path()),
    );
    assert!(line.contains(&address) && line.contains("in use"), "{line}");
}

#[test]
fn an_unwritable_folder_is_one_clear_line() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("file");
    std::fs::write(&file, "not a folder").expect("a file");
    let line = refusal(
        command()
            .args(["--pg", "127.0.0.1:0", "--aerospike", "127.0.0.1:0"])
            .arg("--data")
            .arg(&file),
    );
    assert!(line.contains("file"), "{line}");
}

#[test]
fn a_second_node_on_the_same_data_is_one_clear_line() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let _first = Node::on(folder.path());
    let line = refusal(
        command()
            .args(["--pg", "127.0.0.1:0", "--aerospike", "127.0.0.1:0"])
            .arg("--data")
            .arg(folder.path()),
    );
    assert!(line.contains("test.dat") && line.contains("another"), "{line}");
}

#[test]
fn a_foreign_file_is_one_clear_line() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("test.dat"), vec![0xa5; 1 << 20]).expect("a file");
    let line = refusal(
        command()
            .args(["--pg", "127.0.0.1:0", "--aerospike", "127.0.0.1:0"])
            .arg("--data")
            .arg(folder.path()),
    );
    assert!(line.contains("test.dat"), "{line}");
}

#[test]
fn other_addresses_need_insecure() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let line = refusal(
        command()
            .args(["--pg", "0.0.0.0:0", "--aerospike", "127.0.0.1:0"])
            .arg("--data")
            .arg(folder.path()),
    );
    assert!(line.contains("--insecure"), "{line}");
}

/// The folder of the crate, asked when it runs: several checkouts may share what was compiled.
fn crate_folder() -> std::path::PathBuf {
    let now = std::env::var_os("CARGO_MANIFEST_DIR");
    now.map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), Into::into)
}
