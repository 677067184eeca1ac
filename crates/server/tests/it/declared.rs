//! What SQL declares beside tables is there after a `kill -9`: checks, views, comments, sequences.

use std::collections::BTreeSet;

use server::config;
use store::Store;
use tokio_postgres::Client;

use crate::support::Node;

async fn numbers(client: &Client, query: &str) -> Vec<i64> {
    let rows = client.query(query, &[]).await.expect(query);
    rows.iter().map(|row| row.get(0)).collect()
}

async fn text(client: &Client, query: &str) -> Option<String> {
    client.query_one(query, &[]).await.expect(query).get(0)
}

async fn sqlstate(client: &Client, statement: &str) -> String {
    let error = client.batch_execute(statement).await.expect_err(statement);
    error.code().expect("the server said it").code().to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn declarations_survive_a_kill() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let node = Node::on(folder.path());
    let client = node.client("test").await;
    client
        .batch_execute(
            "CREATE TABLE base (id int8 PRIMARY KEY, n int8 CHECK (n > 0), t text);
            INSERT INTO base VALUES (1, 10, 'a'), (2, 20, 'b');
            CREATE VIEW big AS SELECT id, n FROM base WHERE n > 10;
            CREATE VIEW named (x, y) AS SELECT count(*), max(n) FROM big;
            CREATE VIEW gone AS SELECT 1 AS one; DROP VIEW gone;
            COMMENT ON TABLE base IS 'the base'; COMMENT ON COLUMN base.t IS 'its text';
            ALTER TABLE base ADD CONSTRAINT short CHECK (length(t) < 3);
            CREATE TABLE plain (id int8 PRIMARY KEY, n int8 CHECK (n > 0));
            DROP TABLE plain; CREATE TABLE plain (id int8 PRIMARY KEY, n int8);
            CREATE TABLE copied AS SELECT * FROM base",
        )
        .await
        .expect("the statements run");
    node.kill();

    let node = Node::on(folder.path());
    let client = node.client("test").await;
    assert_eq!(numbers(&client, "SELECT id FROM big").await, [2]);
    assert_eq!(numbers(&client, "SELECT x + y FROM named").await, [21]);
    assert_eq!(sqlstate(&client, "SELECT * FROM gone").await, "42P01");
    assert_eq!(sqlstate(&client, "INSERT INTO base VALUES (3, 0, 'a')").await, "23514");
    assert_eq!(sqlstate(&client, "INSERT INTO base VALUES (3, 1, 'abc')").await, "23514");
    client.batch_execute("INSERT INTO plain VALUES (1, -1)").await.expect("no check is left");
    assert_eq!(numbers(&client, "SELECT count(*) FROM copied").await, [2]);
    let comment = "SELECT obj_description('base'::regclass, 'pg_class')";
    assert_eq!(text(&client, comment).await.as_deref(), Some("the base"));
    let comment = "SELECT col_description('base'::regclass, 3)";
    assert_eq!(text(&client, comment).await.as_deref(), Some("its text"));
    assert_eq!(sqlstate(&client, "DROP TABLE base").await, "2BP01");
    let mine = "SELECT count(*) FROM information_schema.tables WHERE table_name LIKE 'aerie%'";
    assert_eq!(numbers(&client, mine).await, [0], "the system's own set is not shown");
    assert_eq!(sqlstate(&client, "DELETE FROM \"aerie$objects\"").await, "42P01");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_number_is_given_twice() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut node = Node::on(folder.path());
    let client = node.client("test").await;
    client
        .batch_execute(
            "CREATE SEQUENCE s; CREATE SEQUENCE down INCREMENT -1;
            CREATE TABLE numbered (id bigserial PRIMARY KEY, t text)",
        )
        .await
        .expect("the statements run");
    let mut seen = BTreeSet::new();
    let mut greatest = 0;
    for _ in 0..3 {
        let client = node.client("test").await;
        let other = node.client("test").await;
        let many = "SELECT nextval('s') FROM generate_series(1, 50)";
        for number in numbers(&client, many)
            .await
            .into_iter()
            .chain(numbers(&other, "SELECT nextval('s') FROM generate_series(1, 3)").await)
        {
            assert!(seen.insert(number), "{number} was given before");
        }
        let insert = "INSERT INTO numbered (t) VALUES ('a'), ('b') RETURNING id";
        for number in numbers(&client, insert).await {
            assert!(number > greatest, "{number} comes after {greatest}");
            greatest = number;
        }
        let down = numbers(&client, "SELECT nextval('down')").await;
        assert!(seen.insert(down[0]), "{} was given before", down[0]);
        node.kill();
        node = Node::on(folder.path());
    }
    let client = node.client("test").await;
    assert_eq!(numbers(&client, "SELECT setval('s', 1000)").await, [1000]);
    node.kill();
    let node = Node::on(folder.path());
    assert_eq!(numbers(&node.client("test").await, "SELECT nextval('s')").await, [1001]);
}

/// A plan is made again when these differ: were they never the same, each execution would plan.
#[test]
fn the_version_that_plans_are_compared_with_is_the_catalogues() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let node = server::node::Node::open(config::embedded_default(folder.path())).expect("a node");
    assert_eq!(node.catalog_version(), node.catalog().version);
    node.close().expect("a clean stop");
}
