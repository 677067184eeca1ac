//! Statements of one message are one transaction, as in PostgreSQL.

use tokio_postgres::Client;

use crate::support::Node;

async fn sum(client: &Client) -> Option<i64> {
    client.query_one("SELECT sum(n)::int8 FROM t", &[]).await.expect("a sum").get(0)
}

async fn fails(client: &Client, message: &str, sqlstate: &str) {
    let error = client.batch_execute(message).await.expect_err(message);
    assert_eq!(error.code().map(|code| code.code()), Some(sqlstate), "{message}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statements_of_one_message_happen_together() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let node = Node::on(folder.path());
    let client = node.client("test").await;
    let run = async |message: &str| client.batch_execute(message).await.expect(message);
    run("CREATE TABLE t (id int8 PRIMARY KEY, n int8 NOT NULL); INSERT INTO t VALUES (1, 1)").await;

    fails(&client, "INSERT INTO t VALUES (2, 2); SELECT 1 / 0", "22012").await;
    fails(&client, "UPDATE t SET n = 9; INSERT INTO t VALUES (1, 1)", "23505").await;
    fails(&client, "DELETE FROM t; INSERT INTO t VALUES (3, NULL)", "23502").await;
    assert_eq!(sum(&client).await, Some(1), "nothing of a message that fails");

    run("INSERT INTO t VALUES (2, 2); UPDATE t SET n = n * 10; SELECT n FROM t").await;
    assert_eq!(sum(&client).await, Some(30));

    // BEGIN takes over what the message has written; COMMIT makes it stay, whatever follows.
    fails(
        &client,
        "INSERT INTO t VALUES (3, 300); BEGIN; UPDATE t SET n = 0; SELECT 1 / 0",
        "22012",
    )
    .await;
    run("ROLLBACK").await;
    assert_eq!(sum(&client).await, Some(30));
    fails(&client, "INSERT INTO t VALUES (3, 300); COMMIT; DELETE FROM t; SELECT 1 / 0", "22012")
        .await;
    assert_eq!(sum(&client).await, Some(330));
    run("DELETE FROM t; ROLLBACK").await;
    assert_eq!(sum(&client).await, Some(330), "ROLLBACK undoes the message's own writes");

    // A declaration happens at once, and what was written before it with it.
    fails(&client, "DELETE FROM t WHERE id = 3; CREATE TABLE u (id int8); SELECT 1 / 0", "22012")
        .await;
    assert_eq!(sum(&client).await, Some(30));
    assert_eq!(client.query("SELECT * FROM u", &[]).await.expect("u is there").len(), 0);

    // The locks are given back: others write the same records.
    let other = node.client("test").await;
    fails(&client, "UPDATE t SET n = 5; SELECT 1 / 0", "22012").await;
    other.batch_execute("UPDATE t SET n = n + 1").await.expect("nobody holds the records");
    assert_eq!(sum(&client).await, Some(32));
}
