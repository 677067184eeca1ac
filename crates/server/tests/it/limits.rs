//! Statements that run on and on end when they are told to, and the session goes on.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::pin::pin;
use std::time::Duration;

use tokio_postgres::{Client, Error, NoTls};

use crate::support::Node;

/// How often it is asked to end what may not have begun yet.
const AGAIN: Duration = Duration::from_millis(50);

fn state(error: &Error) -> &str {
    error.as_db_error().map_or("no answer", |error| error.code().code())
}

/// Runs a statement that takes for ever and cancels it; its error.
async fn cancelled(client: &Client, statement: &str) -> Error {
    let mut running = pin!(client.batch_execute(statement));
    loop {
        tokio::select! {
            ended = &mut running => return ended.expect_err(statement),
            () = tokio::time::sleep(AGAIN) => {
                client.cancel_token().cancel_query(NoTls).await.expect("the node listens");
            }
        }
    }
}

async fn node_and_client() -> (Node, Client) {
    let node = Node::start();
    let client = node.client("mem").await;
    client.batch_execute("CREATE TABLE t (id int8 PRIMARY KEY, v text)").await.expect("a table");
    (node, client)
}

#[tokio::test]
async fn long_statements_are_cancelled() {
    let (_node, client) = node_and_client().await;
    let many = "generate_series(1, 1000000000000) AS s (g)";
    for statement in [
        format!("SELECT g FROM {many} ORDER BY g + 1 LIMIT 1"),
        format!("SELECT count(*) FROM {many} JOIN generate_series(1, 1000) AS u (h) ON g + h < 0"),
        format!("SELECT g % 7, count(*) FROM {many} GROUP BY 1"),
        format!("UPSERT INTO t (id, v) SELECT g % 100, 'x' FROM {many}"),
    ] {
        let error = cancelled(&client, &statement).await;
        assert_eq!(state(&error), "57014", "{statement}: {error:?}");
        client.query_one("SELECT 1", &[]).await.expect("the session goes on");
    }
}

#[tokio::test]
async fn long_statements_run_out_of_time() {
    let (_node, client) = node_and_client().await;
    client.batch_execute("SET statement_timeout = 200").await.expect("SET");
    let insert =
        "UPSERT INTO t (id, v) SELECT g % 100, 'x' FROM generate_series(1, 1000000000000) AS s (g)";
    let error = client.batch_execute(insert).await.expect_err("no end");
    assert_eq!(state(&error), "57014");
}

/// A client of bare messages: drivers do not look at what is said while they give rows.
struct Raw {
    socket: TcpStream,
    /// What a cancel request has to say.
    key: Vec<u8>,
}

impl Raw {
    fn connect(port: u16) -> Raw {
        let socket = TcpStream::connect(("127.0.0.1", port)).expect("the node listens");
        let mut raw = Raw { socket, key: Vec::new() };
        raw.send(None, b"\0\x03\0\0user\0u\0database\0mem\0\0");
        let (_, key) =
            raw.read_to(b"Z").into_iter().find(|(kind, _)| *kind == b'K').expect("a key");
        raw.key = key;
        raw
    }

    fn send(&mut self, kind: Option<u8>, body: &[u8]) {
        let mut message: Vec<u8> = kind.into_iter().collect();
        message.extend((body.len() as u32 + 4).to_be_bytes());
        message.extend_from_slice(body);
        self.socket.write_all(&message).expect("sent");
    }

    fn query(&mut self, text: &str) {
        self.send(Some(b'Q'), format!("{text}\0").as_bytes());
    }

    /// Messages up to one of these types.
    fn read_to(&mut self, kinds: &[u8]) -> Vec<(u8, Vec<u8>)> {
        let mut messages = Vec::new();
        loop {
            let mut head = [0; 5];
            self.socket.read_exact(&mut head).expect("an answer");
            let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
            let mut body = vec![0; length as usize - 4];
            self.socket.read_exact(&mut body).expect("a whole answer");
            messages.push((head[0], body));
            if kinds.contains(&head[0]) {
                return messages;
            }
        }
    }

    /// Gives a row and the end to the COPY that runs; the error that it ends with.
    fn end_copy(&mut self) -> String {
        self.send(Some(b'd'), b"1\tx\n");
        self.send(Some(b'c'), b"");
        let answers = self.read_to(b"Z");
        let error = answers.iter().find(|(kind, _)| *kind == b'E').map(|(_, body)| body);
        String::from_utf8_lossy(error.map_or(b"no error", |body| body)).into_owned()
    }
}

#[tokio::test]
async fn a_copy_has_one_timeout_for_all_its_rows() {
    let (node, client) = node_and_client().await;
    let mut raw = Raw::connect(node.port);
    raw.query("SET statement_timeout = 300");
    raw.read_to(b"Z");
    raw.query("COPY t FROM STDIN");
    raw.read_to(b"G");
    std::thread::sleep(Duration::from_millis(400));
    let error = raw.end_copy();
    assert!(error.contains("C57014") && error.contains("timeout"), "{error}");
    let stored = client.query_one("SELECT count(*) FROM t", &[]).await.expect("a count");
    assert_eq!(stored.get::<_, i64>(0), 0);
}

#[tokio::test]
async fn a_copy_that_waits_for_rows_is_cancelled() {
    let (node, client) = node_and_client().await;
    let mut raw = Raw::connect(node.port);
    raw.query("COPY t FROM STDIN");
    raw.read_to(b"G");
    let mut cancel = TcpStream::connect(("127.0.0.1", node.port)).expect("the node listens");
    let packet = [&16_u32.to_be_bytes()[..], &80_877_102_u32.to_be_bytes(), &raw.key].concat();
    cancel.write_all(&packet).expect("sent");
    // It is obeyed, then closed.
    assert_eq!(cancel.read(&mut [0]).expect("the end"), 0);
    let error = raw.end_copy();
    assert!(error.contains("C57014") && error.contains("user request"), "{error}");
    raw.query("SELECT 1");
    assert_eq!(raw.read_to(b"Z").len(), 4, "the session goes on");
    let stored = client.query_one("SELECT count(*) FROM t", &[]).await.expect("a count");
    assert_eq!(stored.get::<_, i64>(0), 0);
}
