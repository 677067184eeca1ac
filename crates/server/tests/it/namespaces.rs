//! Namespaces that SQL makes, changes and drops: they survive a restart, and a stop ends their
//! threads.

use std::path::Path;
use std::time::{Duration, Instant};

use server::config::{self, KEPT_FILE};
use server::daemon::Daemon;
use tokio_postgres::Client;

use crate::support::{Node, command, run};

/// The first column of every row.
async fn texts(client: &Client, query: &str) -> Vec<String> {
    let rows = client.query(query, &[]).await.expect(query);
    rows.iter().map(|row| row.get::<_, Option<String>>(0).unwrap_or_default()).collect()
}

async fn config(client: &Client, name: &str, namespace: &str) -> String {
    let query = format!("SHOW CONFIG LIKE '{name}' FOR NAMESPACE {namespace}");
    let rows = client.query(&query, &[]).await.expect("SHOW CONFIG");
    rows.iter().map(|row| row.get::<_, String>("value")).collect::<Vec<_>>().join(", ")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_sql_made_and_changed_is_there_after_a_restart() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let node = Node::on(folder.path());
    let client = node.client("test").await;
    let setup =
        "CREATE NAMESPACE kept WITH (filesize = 64M, write_block_size = 1M, default_ttl = '1d');
        CREATE NAMESPACE gone WITH (filesize = 64M, write_block_size = 1M);
        CREATE NAMESPACE backed WITH (storage_engine = memory, file = 'backed.dat', filesize = 64M,
            write_block_size = 1M);
        CREATE TABLE backed.t (id int8 PRIMARY KEY); INSERT INTO backed.t VALUES (7);
        CREATE TABLE kept.t (id int8 PRIMARY KEY, v text); INSERT INTO kept.t VALUES (1, 'a');
        CREATE TABLE gone.t (id int8 PRIMARY KEY); INSERT INTO gone.t VALUES (1);
        ALTER NAMESPACE kept SET nsup_period = 7, durability = interval 50;
        ALTER NAMESPACE test SET default_ttl = '2h';
        CREATE TABLE u (id int8 PRIMARY KEY);
        ALTER TABLE u SET (stop_writes_count = 5);
        SET CONFIG proto_fd_max = 77";
    client.batch_execute(setup).await.expect("the statements run");
    assert!(folder.path().join("gone.dat").exists());
    client.batch_execute("DROP NAMESPACE gone CASCADE").await.expect("DROP NAMESPACE");
    assert!(!folder.path().join("gone.dat").exists(), "its file goes with it");
    node.stop();

    let node = Node::on(folder.path());
    let client = node.client("kept").await;
    assert_eq!(texts(&client, "SELECT v FROM t WHERE id = 1").await, ["a"]);
    assert_eq!(texts(&client, "SHOW NAMESPACES").await, ["backed", "kept", "mem", "test"]);
    assert_eq!(texts(&client, "SELECT id::text FROM backed.t").await, ["7"]);
    assert_eq!(config(&client, "storage-engine", "backed").await, "memory");
    assert_eq!(config(&client, "default-ttl", "kept").await, "86400");
    assert_eq!(config(&client, "nsup-period", "kept").await, "7");
    assert_eq!(config(&client, "durability", "kept").await, "interval 50");
    assert_eq!(config(&client, "default-ttl", "test").await, "7200");
    assert_eq!(config(&client, "stop-writes-count", "test").await, "5");
    let rows = client.query("SHOW CONFIG LIKE 'proto-fd-max'", &[]).await.expect("SHOW CONFIG");
    assert_eq!(rows[0].get::<_, String>("value"), "77");
    // Of a kill too.
    client.batch_execute("ALTER NAMESPACE kept SET nsup_period = 8").await.expect("ALTER");
    node.kill();
    let node = Node::on(folder.path());
    assert_eq!(config(&node.client("test").await, "nsup-period", "kept").await, "8");
}

#[test]
fn a_damaged_file_of_changes_is_one_clear_line() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let text = "namespace test {\n    defualt-ttl 5\n}\n";
    std::fs::write(folder.path().join(KEPT_FILE), text).expect("a file");
    let (output, said) = run(command()
        .args(["--pg", "127.0.0.1:0", "--aerospike", "127.0.0.1:0"])
        .arg("--data")
        .arg(folder.path()));
    assert_eq!(output.status.code(), Some(1), "{said}");
    let wanted = "namespaces.conf:2: setting \"defualt-ttl\" is unknown; did you mean default_ttl?";
    assert!(said.contains(wanted) && said.contains("remove its stanza"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_without_data_folder_says_that_nothing_is_kept() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("a.conf");
    std::fs::write(&file, "namespace mem { storage-engine memory }").expect("a file");
    let node = Node::with(command().current_dir(folder.path()).arg("--config").arg(&file));
    let client = node.client("mem").await;
    client
        .batch_execute("CREATE NAMESPACE n; ALTER NAMESPACE mem SET default_ttl = 5")
        .await
        .unwrap();
    assert_eq!(config(&client, "storage-engine", "n").await, "memory");
    let error = client.batch_execute("CREATE NAMESPACE f WITH (file = 'f.dat')").await.unwrap_err();
    let error = error.as_db_error().expect("an answer");
    assert!(error.message().contains("no data folder"), "{}", error.message());
    node.stop();
    assert!(!folder.path().join(KEPT_FILE).exists());
}

/// Names of this process's threads.
fn threads() -> Vec<String> {
    let tasks = std::fs::read_dir("/proc/self/task").expect("Linux");
    let name = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("comm")).ok();
    tasks.filter_map(|task| name(task.ok()?)).map(|name| name.trim().to_string()).collect()
}

/// Waits until so many clocks of this test's namespaces tick: a thread takes its name after it has
/// begun, and leaves the list a moment after it was joined.
async fn clocks(wanted: usize) {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let names: Vec<String> = threads().into_iter().filter(|n| n.contains("stops")).collect();
        if names.iter().filter(|name| name.starts_with("tick stops")).count() == wanted {
            return;
        }
        assert!(Instant::now() < deadline, "{wanted} were to be there: {names:?}");
        tokio::task::yield_now().await;
    }
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_leaves_no_thread() {
    let text = "network { postgres { port 0 } }  namespace stops { storage-engine memory }";
    let (config, _) = config::parse(text, "test").expect("a configuration");
    let daemon = Daemon::start(&config).await.expect("a node");
    let port = daemon.postgres[0].port();
    let at = format!("host=127.0.0.1 port={port} user=test dbname=stops");
    let (client, connection) = tokio_postgres::connect(&at, tokio_postgres::NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    client.batch_execute("CREATE NAMESPACE stopsalso").await.expect("CREATE NAMESPACE");
    clocks(2).await;
    client.batch_execute("DROP NAMESPACE stopsalso").await.expect("DROP NAMESPACE");
    clocks(1).await;
    drop(client);
    let _ = connection.await;
    daemon.stop().await.expect("a clean stop");
    clocks(0).await;
    let left: Vec<String> = threads().into_iter().filter(|name| name.contains("stops")).collect();
    assert!(left.is_empty(), "{left:?}");
    assert!(!Path::new(KEPT_FILE).exists());
}
