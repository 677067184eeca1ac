//! Before the first statement: encryption, versions, names, limits, the end.

use std::time::Duration;

use tokio::io::AsyncReadExt;

use super::super::Options;
use super::fake::Server;
use super::raw::*;

const V3: u32 = 3 << 16;

async fn first_reply(server: &Server, bytes: &[u8]) -> String {
    let mut raw = Raw::connect(server.port).await;
    raw.send(bytes).await;
    short(&raw.round().await)
}

#[tokio::test]
async fn encryption_is_refused_and_the_session_goes_on() {
    let server = Server::start(Options::default()).await;
    let mut raw = Raw::connect(server.port).await;
    for code in [80_877_104u32, 80_877_103] {
        raw.send(&packet(&code.to_be_bytes())).await;
        assert_eq!(raw.socket.read_u8().await.expect("an answer"), b'N');
    }
    raw.send(&startup(V3, &[("user", "u"), ("database", "mem"), ("application_name", "a")])).await;
    let replies = short(&raw.round().await);
    for part in [
        "R S:application_name=a",
        "S:server_version=15.0 (AerieDB 0.1.0)",
        "S:client_encoding=UTF8",
        "S:DateStyle=ISO, MDY",
        "S:TimeZone=UTC",
        "S:standard_conforming_strings=on",
        "S:integer_datetimes=on",
        "S:in_hot_standby=off",
        "S:session_authorization=u",
        "K Z:I",
    ] {
        assert!(replies.contains(part), "{part} in {replies}");
    }
    assert_eq!(raw.ask(&query("where")).await, "T D:mem C:SELECT 1 Z:I");
}

#[tokio::test]
async fn databases_are_namespaces() {
    let server = Server::start(Options::default()).await;
    for (database, namespace) in [("mem", "mem"), ("postgres", "test"), ("u", "test")] {
        let mut raw = Raw::connect(server.port).await;
        raw.send(&startup(V3, &[("user", "u"), ("database", database)])).await;
        raw.round().await;
        let expected = format!("T D:{namespace} C:SELECT 1 Z:I");
        assert_eq!(raw.ask(&query("where")).await, expected);
    }
    let mut raw = Raw::connect(server.port).await;
    raw.send(&startup(V3, &[("user", "u"), ("database", "nope")])).await;
    let (kind, body) = raw.reply().await.expect("an error");
    assert_eq!(
        (kind, report(&body, 'C'), report(&body, 'S')),
        ('E', "3D000".into(), "FATAL".into())
    );
    assert!(report(&body, 'H').contains("test, mem"));
    assert!(raw.reply().await.is_none(), "the connection is closed");
}

#[tokio::test]
async fn versions_are_negotiated() {
    let server = Server::start(Options::default()).await;
    let user = [("user", "u"), ("_pq_.thing", "1")];
    assert!(first_reply(&server, &startup(V3 | 9, &user[..1])).await.starts_with("v R S"));
    assert!(first_reply(&server, &startup(V3, &user)).await.starts_with("v R S"));
    assert_eq!(first_reply(&server, &startup(2 << 16, &user)).await, "E:0A000");
    let mut raw = Raw::connect(server.port).await;
    raw.send(&startup(V3 | 2, &user[..1])).await;
    let replies = raw.round().await;
    let key = replies.iter().find(|(kind, _)| *kind == 'K').map(|(_, body)| body.len());
    assert_eq!(key, Some(36), "protocol 3.2 has long secrets");
}

#[tokio::test]
async fn start_up_settings_are_checked() {
    let server = Server::start(Options::default()).await;
    let user = ("user", "u");
    for (parameter, expected) in [
        (("nonsense", "1"), "E:42704"),
        (("client_encoding", "LATIN1"), "E:22023"),
        (("replication", "true"), "E:0A000"),
        (("options", "-c jit=perhaps"), "E:22023"),
        (("options", "jit"), "E:42601"),
    ] {
        assert_eq!(first_reply(&server, &startup(V3, &[user, parameter])).await, expected);
    }
    assert_eq!(first_reply(&server, &startup(V3, &[])).await, "E:28000");
    let mut raw = Raw::connect(server.port).await;
    let options = ("options", "-c statement_timeout=5s --search-path=mem  -cmy.x=a\\ b");
    raw.send(&startup(V3, &[user, options, ("TimeZone", "Europe/Berlin")])).await;
    raw.round().await;
    assert_eq!(
        raw.ask(&query("set statement_timeout 0; reset all; show statement_timeout")).await,
        "C:SET C:RESET T D:5s C:SHOW Z:I"
    );
    assert_eq!(raw.ask(&query("show my.x; where")).await, "T D:a b C:SHOW T D:mem C:SELECT 1 Z:I");
}

#[tokio::test]
async fn too_many_and_too_slow_are_sent_away() {
    let options = Options {
        max_connections: std::sync::Arc::new(1.into()),
        startup_timeout: Duration::from_millis(50),
        ..Options::default()
    };
    let server = Server::start(options).await;
    let (first, _) = Raw::session(server.port).await;
    assert_eq!(short(&Raw::session(server.port).await.1), "E:53300");
    let mut silent = Raw::connect(server.port).await;
    assert!(silent.reply().await.is_none(), "closed after the timeout");
    drop(first);
    loop {
        let (_, replies) = Raw::session(server.port).await;
        if short(&replies).ends_with("Z:I") {
            break;
        }
    }
}

#[tokio::test]
async fn shutdown_tells_every_session() {
    let server = Server::start(Options::default()).await;
    let (mut idle, _) = Raw::session(server.port).await;
    let (mut busy, _) = Raw::session(server.port).await;
    busy.send(&query("sleep")).await;
    let (mut spinning, _) = Raw::session(server.port).await;
    spinning.send(&query("spin")).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    server.stop.cancel();
    assert_eq!(short(&idle.round().await), "E:57P01");
    let replies = spinning.round().await;
    assert_eq!(short(&replies[replies.len() - 1..]), "E:57P01");
    let replies = short(&busy.round().await);
    assert!(replies.ends_with("E:57P01"), "{replies}");
    drop((idle, busy, spinning));
    server.task.await.expect("no panic").expect("ended well");
}
