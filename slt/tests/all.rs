//! Runs every .slt file in four ways: namespace in memory and on file, simple and extended protocol;
//! and holds EXPLAIN to what must not be in a plan.
//!
//! Environment, for a person at work:
//! - `SLT_FILES=text`: only files whose path contains it.
//! - `SLT_FOLDER=path`: the files of another folder, for instance SQLite's.
//! - `SLT_TEST_PORT=n`: a server that runs already, in place of a node of our own.
//! - `SLT_SERVER=postgres`: that server is PostgreSQL; what is only ours is left out.
//! - `SLT_UPDATE=1`: write what the server answers into the files, in place of checking.

use std::path::PathBuf;

use slt::node::Node;
use slt::{Protocol, Target, applies, files, records, run_file, update_file};
use tokio::sync::Mutex;
use tokio_postgres::error::ErrorPosition;
use tokio_postgres::{Client, NoTls};

/// With `SLT_TEST_PORT` all ways share one server; one namespace is used by one way at a time.
static MEM: Mutex<()> = Mutex::const_new(());
static TEST: Mutex<()> = Mutex::const_new(());

/// Where the files are, and whether they are our own.
fn folder() -> (PathBuf, bool) {
    match std::env::var_os("SLT_FOLDER") {
        Some(folder) => (folder.into(), false),
        None => {
            // Asked when it runs: several checkouts may share what was compiled.
            let now = std::env::var_os("CARGO_MANIFEST_DIR");
            (now.map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from), true)
        }
    }
}

/// What the files run against.
struct Server {
    port: u16,
    _node: Option<Node>,
}

/// The server of `SLT_TEST_PORT`, else a new node with its two built-in namespaces.
fn start_node() -> Server {
    if let Ok(port) = std::env::var("SLT_TEST_PORT") {
        let port = port.parse().expect("SLT_TEST_PORT is a port number");
        return Server { port, _node: None };
    }
    let node = Node::start();
    Server { port: node.port, _node: Some(node) }
}

async fn run_all(namespace: &Mutex<()>, database: &str, protocol: Protocol) {
    let _alone = namespace.lock().await;
    let node = start_node();
    let (folder, letters) = folder();
    let server = std::env::var("SLT_SERVER").unwrap_or_else(|_| "aerie".into());
    let target = Target { port: node.port, database: database.into(), protocol, server, letters };
    let only = std::env::var("SLT_FILES").unwrap_or_default();
    let (mut ran, mut failed) = (0, Vec::new());
    let (mut on_it, mut elsewhere) = (0, 0);
    for file in files(&folder).expect("the folder of the crate") {
        let name = file.strip_prefix(&folder).unwrap_or(&file).display().to_string();
        if !name.contains(&only) {
            continue;
        }
        if !applies(&file, &target).expect("a readable file") {
            elsewhere += records(&file);
            continue;
        }
        if std::env::var_os("SLT_UPDATE").is_some() {
            update_file(&file, &target).await.expect("a file that can be updated");
        }
        let outcome = run_file(&file, &target).await;
        ran += 1;
        on_it += outcome.ran;
        elsewhere += outcome.left_out;
        if !outcome.failures.is_empty() {
            eprintln!("---- {name}\n{}", outcome.failures.join("\n"));
            failed.push(format!("{name} ({})", outcome.failures.len()));
        }
    }
    let way = format!("{}, {database}, {}", target.server, protocol.label());
    let failing = failed.len();
    println!(
        "{way}: {ran} files, {failing} failed; {on_it} records, {elsewhere} more are not for it"
    );
    assert!(ran > 0, "no .slt file ran; is SLT_FILES={only:?} right?");
    assert!(failed.is_empty(), "{way}: failing records in {}", failed.join(", "));
}

#[tokio::test]
async fn memory_simple() {
    run_all(&MEM, "mem", Protocol::Simple).await;
}

#[tokio::test]
async fn memory_extended() {
    run_all(&MEM, "mem", Protocol::Extended).await;
}

#[tokio::test]
async fn file_simple() {
    run_all(&TEST, "test", Protocol::Simple).await;
}

#[tokio::test]
async fn file_extended() {
    run_all(&TEST, "test", Protocol::Extended).await;
}

async fn connect(node: &Server) -> Client {
    let mut config = tokio_postgres::Config::new();
    config.host("127.0.0.1").port(node.port).dbname("mem").user("postgres");
    let (client, connection) = config.connect(NoTls).await.expect("a connection");
    tokio::spawn(connection);
    client
}

/// The plan of a statement, one line a row.
async fn explain(client: &Client, statement: &str) -> String {
    let rows = client.query(&format!("EXPLAIN {statement}"), &[]).await.expect(statement);
    rows.iter().map(|row| row.get::<_, String>(0)).collect::<Vec<_>>().join("\n")
}

/// The .slt files can say what a plan contains; this says what it must not.
#[tokio::test]
async fn keys_never_reach_datafusion() {
    if std::env::var("SLT_SERVER").is_ok_and(|server| server == "postgres") {
        return;
    }
    let _alone = MEM.lock().await;
    let node = start_node();
    let client = connect(&node).await;
    let create = "DROP TABLE IF EXISTS plans; CREATE TABLE plans (id int8 PRIMARY KEY, v text)";
    client.batch_execute(create).await.expect(create);
    for (statement, plan) in [
        ("SELECT * FROM plans WHERE id = 1", "PointGet"),
        ("SELECT v FROM plans WHERE PK = 1", "PointGet"),
        ("SELECT * FROM plans WHERE id IN (1, 2, 3)", "BatchGet"),
        ("SELECT * FROM plans WHERE id = 1 OR id = 2", "BatchGet"),
        ("SELECT * FROM plans WHERE id = ANY(ARRAY[1, 2, 3])", "BatchGet"),
    ] {
        let lines = explain(&client, statement).await;
        assert!(lines.contains(plan), "{statement}: no {plan} in\n{lines}");
        for other in ["DataFusion", "SetScan"] {
            assert!(!lines.contains(other), "{statement}: {other} in\n{lines}");
        }
    }
    let scan = explain(&client, "SELECT v, count(*) FROM plans GROUP BY v").await;
    assert!(scan.contains("SetScan") && !scan.contains("PointGet"), "not a scan:\n{scan}");
    client.batch_execute("DROP TABLE plans").await.expect("DROP TABLE");
}

/// psql puts its caret there.
#[tokio::test]
async fn errors_carry_their_place() {
    let _alone = MEM.lock().await;
    let node = start_node();
    let client = connect(&node).await;
    let create = "DROP TABLE IF EXISTS places; CREATE TABLE places (id int8 PRIMARY KEY, v text)";
    client.batch_execute(create).await.expect(create);
    for (statement, place) in [
        ("SELECT 'é', nosuch FROM places", 13),
        ("SELECT v FROM places WHERE id = 1 AND nosuch = 2", 39),
        ("SELECT v FROM nosuch WHERE id = 1", 15),
        ("SELECT v FROM places WHERE WHERE", 28),
        ("SELEC 1", 1),
    ] {
        let error = client.simple_query(statement).await.expect_err(statement);
        let error = error.as_db_error().expect(statement);
        let at = ErrorPosition::Original(place);
        assert_eq!(error.position(), Some(&at), "{statement}: {}", error.message());
    }
    client.batch_execute("DROP TABLE places").await.expect("DROP TABLE");
}
