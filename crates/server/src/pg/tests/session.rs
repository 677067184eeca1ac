//! What a session keeps: transaction blocks, settings, statements by name, cursors; and what ends
//! a statement.

use std::time::Duration;

use super::super::Options;
use super::fake::Server;
use super::raw::*;

/// Runs queries in one session and compares each round.
async fn script(lines: &[(&str, &str)]) {
    let server = Server::start(Options::default()).await;
    let (mut raw, _) = Raw::session(server.port).await;
    for (text, expected) in lines {
        assert_eq!(raw.ask(&query(text)).await, *expected, "{text}");
    }
}

#[tokio::test]
async fn one_query_holds_several_statements() {
    script(&[
        ("gen 1; arrow 1", "T D:0 C:SELECT 1 T D:0,w0 C:SELECT 1 Z:I"),
        ("", "I Z:I"),
        (" ;; ", "I Z:I"),
        ("gen 1; fail; gen 1", "T D:0 C:SELECT 1 E:42703 Z:I"),
        ("gen 1; syntax", "E:42601 Z:I"),
        ("echo int8", "E:42P02 Z:I"),
        ("notice; listen x", "N:00000 C:NOTHING C:LISTEN Z:I"),
        ("set client_min_messages error; notice", "C:SET C:NOTHING Z:I"),
    ])
    .await;
}

#[tokio::test]
async fn a_block_follows_postgresql() {
    script(&[
        ("begin", "C:BEGIN Z:T"),
        ("begin", "N:25001 C:BEGIN Z:T"),
        ("fail", "E:42703 Z:E"),
        ("gen 1", "E:25P02 Z:E"),
        ("nowhere", "E:25P02 Z:E"),
        ("commit", "C:ROLLBACK Z:I"),
        ("commit", "N:25P01 C:COMMIT Z:I"),
        ("rollback", "N:25P01 C:ROLLBACK Z:I"),
        ("begin; write", "C:BEGIN C:INSERT 0 1 Z:T"),
        ("rollback", "C:ROLLBACK Z:I"),
        ("begin; create", "C:BEGIN C:CREATE TABLE Z:T"),
        ("rollback", "N:01000 C:ROLLBACK Z:I"),
        ("begin; write; commit", "C:BEGIN C:INSERT 0 1 C:COMMIT Z:I"),
        ("savepoint a", "E:25P01 Z:I"),
        ("begin; savepoint a; savepoint b", "C:BEGIN C:SAVEPOINT C:SAVEPOINT Z:T"),
        ("fail", "E:42703 Z:E"),
        ("savepoint c", "E:25P02 Z:E"),
        ("rollback to a", "C:ROLLBACK Z:T"),
        ("rollback to b", "E:3B001 Z:E"),
        ("rollback to a; release a; commit", "C:ROLLBACK C:RELEASE C:COMMIT Z:I"),
        ("set default_transaction_read_only on", "C:SET S:default_transaction_read_only=on Z:I"),
        ("write", "E:25006 Z:I"),
    ])
    .await;
}

#[tokio::test]
async fn settings_are_kept_told_and_brought_back() {
    script(&[
        ("set application_name x", "C:SET S:application_name=x Z:I"),
        ("show application_name", "T D:x C:SHOW Z:I"),
        ("set local jit on", "N:25P01 C:SET Z:I"),
        ("begin; set local jit on; show jit", "C:BEGIN C:SET T D:on C:SHOW Z:T"),
        ("commit; show jit", "C:COMMIT T D:off C:SHOW Z:I"),
        ("begin; set application_name y", "C:BEGIN C:SET S:application_name=y Z:T"),
        ("rollback", "C:ROLLBACK S:application_name=x Z:I"),
        ("set nope 1", "E:42704 Z:I"),
        ("show nope", "E:42704 Z:I"),
        ("set my.own 1; show my.own", "C:SET T D:1 C:SHOW Z:I"),
        ("set timezone Asia/Tokyo", "N:01000 C:SET Z:I"),
        ("set search_path mem; where", "C:SET T D:mem C:SELECT 1 Z:I"),
        ("set search_path $user,public; where", "C:SET T D:test C:SELECT 1 Z:I"),
        ("discard all", "C:DISCARD ALL S:application_name= Z:I"),
        ("begin; discard all", "C:BEGIN E:25001 Z:E"),
    ])
    .await;
    let server = Server::start(Options::default()).await;
    let client = server.client().await;
    let rows = client.query("show all", &[]).await.expect("settings");
    assert!(rows.iter().any(|r| r.get::<_, &str>("name") == "statement_timeout"));
}

#[tokio::test]
async fn statements_by_name() {
    script(&[
        ("prepare p as gen 2", "C:PREPARE Z:I"),
        ("prepare p as gen 2", "E:42P05 Z:I"),
        ("execute p", "T D:0 D:1 C:SELECT 2 Z:I"),
        ("prepare q as echo int8", "C:PREPARE Z:I"),
        ("execute q", "E:42601 Z:I"),
        ("prepare r as begin", "E:42601 Z:I"),
        ("deallocate p", "C:DEALLOCATE Z:I"),
        ("execute p", "E:26000 Z:I"),
        ("deallocate p", "E:26000 Z:I"),
        ("deallocate all", "C:DEALLOCATE ALL Z:I"),
    ])
    .await;
}

#[tokio::test]
async fn cursors() {
    script(&[
        ("declare c nohold for gen 5", "E:25P01 Z:I"),
        ("begin", "C:BEGIN Z:T"),
        ("declare c nohold for gen 5", "C:DECLARE CURSOR Z:T"),
        ("fetch 2 from c", "T D:0 D:1 C:FETCH 2 Z:T"),
        ("move 1 from c", "C:MOVE 1 Z:T"),
        ("fetch all from c", "T D:3 D:4 C:FETCH 2 Z:T"),
        ("fetch 1 from c", "T C:FETCH 0 Z:T"),
        ("declare h hold for arrow 3", "C:DECLARE CURSOR Z:T"),
        ("commit", "C:COMMIT Z:I"),
        ("fetch 1 from c", "E:34000 Z:I"),
        ("fetch 2 from h", "T D:0,w0 D:1,w1 C:FETCH 2 Z:I"),
        ("close h", "C:CLOSE CURSOR Z:I"),
        ("close h", "E:34000 Z:I"),
        ("close all", "C:CLOSE CURSOR ALL Z:I"),
        ("begin", "C:BEGIN Z:T"),
        ("declare h hold for gen 3", "C:DECLARE CURSOR Z:T"),
        ("rollback; fetch 1 from h", "C:ROLLBACK E:34000 Z:I"),
    ])
    .await;
    // A cursor is a portal: it can be described and executed as one.
    let server = Server::start(Options::default()).await;
    let (mut raw, _) = Raw::session(server.port).await;
    raw.ask(&query("begin; declare c nohold for gen 3")).await;
    let batch = [describe('P', "c"), execute("c", 2), sync()].concat();
    assert_eq!(raw.ask(&batch).await, "T D:0 D:1 s Z:T");
    // A cursor declared with a parameter and fetched in binary, as psycopg does.
    let server = Server::start(Options::default()).await;
    let client = server.client().await;
    client.batch_execute("begin").await.expect("begin");
    client.execute("declare c nohold for echo int8", &[&7i64]).await.expect("declared");
    let rows = client.query("fetch 5 from c", &[]).await.expect("rows");
    assert_eq!(rows.iter().map(|r| r.get(0)).collect::<Vec<i64>>(), [7]);
}

#[tokio::test]
async fn a_cancel_request_ends_the_statement_only() {
    let server = Server::start(Options::default()).await;
    for text in ["sleep", "spin"] {
        let client = server.client().await;
        let cancel = client.cancel_token();
        cancel.cancel_query(tokio_postgres::NoTls).await.expect("a cancel that finds it idle");
        let run = client.query(text, &[]);
        let stop = async {
            // The request may come before the statement: ask until it is heard.
            loop {
                tokio::time::sleep(Duration::from_millis(20)).await;
                cancel.cancel_query(tokio_postgres::NoTls).await.expect("a connection");
            }
        };
        let error = tokio::select! {
            result = run => result.expect_err("cancelled"),
            () = stop => unreachable!(),
        };
        assert_eq!(error.code().map(|c| c.code()), Some("57014"), "{text}");
        assert_eq!(client.query("gen 3", &[]).await.expect("rows").len(), 3);
    }
    let (mut raw, replies) = Raw::session(server.port).await;
    let (_, key) = replies.iter().find(|(kind, _)| *kind == 'K').expect("a key");
    let mut wrong = [&80_877_102u32.to_be_bytes()[..], key].concat();
    wrong[11] ^= 1;
    let mut other = Raw::connect(server.port).await;
    other.send(&packet(&wrong)).await;
    assert!(other.reply().await.is_none(), "closed without a word");
    assert_eq!(raw.ask(&query("gen 1")).await, "T D:0 C:SELECT 1 Z:I");
}

#[tokio::test]
async fn timeouts() {
    script(&[
        ("set statement_timeout 300ms", "C:SET Z:I"),
        ("sleep", "T E:57014 Z:I"),
        ("gen 1", "T D:0 C:SELECT 1 Z:I"),
    ])
    .await;
    let server = Server::start(Options::default()).await;
    let (mut raw, _) = Raw::session(server.port).await;
    raw.ask(&query("set idle_in_transaction_session_timeout 30ms; begin")).await;
    assert_eq!(short(&raw.round().await), "E:25P03");
    let (mut raw, _) = Raw::session(server.port).await;
    raw.ask(&query("set idle_session_timeout 30ms")).await;
    assert_eq!(short(&raw.round().await), "E:57P05");
}

#[tokio::test]
async fn finished_replies_do_not_wait_for_a_slow_statement() {
    let server = Server::start(Options::default()).await;
    let (mut raw, _) = Raw::session(server.port).await;
    raw.send(&[query("gen 1"), query("sleep")].concat()).await;
    assert_eq!(short(&raw.round().await), "T D:0 C:SELECT 1 Z:I");
}

#[tokio::test]
async fn a_panic_ends_its_session_and_no_other() {
    let server = Server::start(Options::default()).await;
    let (mut other, _) = Raw::session(server.port).await;
    let (mut raw, _) = Raw::session(server.port).await;
    assert_eq!(raw.ask(&query("panic")).await, "E:XX000");
    assert!(raw.reply().await.is_none());
    assert_eq!(other.ask(&query("gen 1")).await, "T D:0 C:SELECT 1 Z:I");
}

#[tokio::test]
async fn terminate_closes_the_socket() {
    let server = Server::start(Options::default()).await;
    let (mut raw, _) = Raw::session(server.port).await;
    raw.send(&message('X', b"")).await;
    assert!(raw.reply().await.is_none());
}
