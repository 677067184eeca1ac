//! What a program reads of an error: table, column, constraint, and the line of a COPY, as
//! PostgreSQL 15 gives them.

use std::pin::pin;

use bytes::Bytes;
use futures::SinkExt;
use tokio_postgres::error::DbError;
use tokio_postgres::{Client, Error};

use crate::support::Node;

fn told(error: Error) -> DbError {
    error.as_db_error().expect("the server said it").clone()
}

async fn refused(client: &Client, statement: &str) -> [DbError; 2] {
    let simple = client.batch_execute(statement).await.expect_err(statement);
    let extended = client.execute(statement, &[]).await.expect_err(statement);
    [told(simple), told(extended)]
}

/// Loads `data` into `table`, which must fail.
async fn load(client: &Client, copy: &str, data: &'static str) -> DbError {
    let sink = client.copy_in(copy).await.expect(copy);
    let mut sink = pin!(sink);
    // The refusal may come before all is sent.
    let _ = sink.send(Bytes::from_static(data.as_bytes())).await;
    told(sink.finish().await.expect_err(copy))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn errors_name_what_they_are_about() {
    let node = Node::start();
    let client = node.client("test").await;
    client
        .batch_execute(
            "CREATE TABLE rz (id int8 PRIMARY KEY, n int8 NOT NULL); INSERT INTO rz VALUES (1, 1)",
        )
        .await
        .expect("the statements run");
    for error in refused(&client, "INSERT INTO rz VALUES (1, 2)").await {
        assert_eq!(error.code().code(), "23505");
        let about = (error.schema(), error.table(), error.column(), error.constraint());
        assert_eq!(about, (Some("test"), Some("rz"), None, Some("rz_pkey")));
    }
    let nulls = ["INSERT INTO rz VALUES (2, NULL)", "UPDATE rz SET n = NULL WHERE id = 1"];
    for statement in nulls {
        for error in refused(&client, statement).await {
            assert_eq!(error.code().code(), "23502");
            let about = (error.schema(), error.table(), error.column(), error.constraint());
            assert_eq!(about, (Some("test"), Some("rz"), Some("n"), None));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn errors_of_a_copy_name_the_line() {
    let node = Node::start();
    let client = node.client("test").await;
    client
        .batch_execute("CREATE TABLE rx (id int8 PRIMARY KEY, t text NOT NULL)")
        .await
        .expect("CREATE TABLE");
    let cases = [
        ("1\ta\nsix\tb\n", "22P02", "COPY rx, line 2, column id: \"six\""),
        ("1\ta\n2\n", "22P04", "COPY rx, line 2: \"2\""),
        ("1\ta\n2\tb\tc\n", "22P04", "COPY rx, line 2: \"2\tb\tc\""),
        ("1\ta\n2\t\\N\n", "23502", "COPY rx, line 2: \"2\t\\N\""),
        ("1\ta\n2\tb\n1\tc\n", "23505", "COPY rx, line 3"),
    ];
    for (data, code, context) in cases {
        let error = load(&client, "COPY rx FROM STDIN", data).await;
        assert_eq!((error.code().code(), error.where_()), (code, Some(context)));
        if code != "23502" && code != "23505" {
            assert_eq!(error.detail(), None);
        }
    }
    let error = load(&client, "COPY rx FROM STDIN (FORMAT csv)", "1,a\n2,\n").await;
    assert_eq!(error.where_(), Some("COPY rx, line 2: \"2,\""));
    assert_eq!((error.table(), error.column()), (Some("rx"), Some("t")));
    let error = load(&client, "COPY rx FROM STDIN (FORMAT csv)", "1,a\n2,\"b").await;
    assert_eq!(error.where_(), Some("COPY rx, line 2: \"2,\"b\""));
}
