//! Parse, Bind, Describe, Execute, Close: formats, pipelines, portals.

use tokio_postgres::types::Type;

use super::super::Options;
use super::fake::Server;
use super::raw::*;

async fn session() -> (Server, Raw) {
    let server = Server::start(Options::default()).await;
    let (raw, _) = Raw::session(server.port).await;
    (server, raw)
}

#[tokio::test]
async fn a_driver_reads_back_what_it_sends() {
    let server = Server::start(Options::default()).await;
    let client = server.client().await;
    let text = "echo int2 int4 int8 float4 float8 bool text bytea";
    let sent = (1i16, -2i32, i64::MAX, 1.5f32, -0.1f64, true, "héllo", &b"\x00\xff"[..]);
    let row = client
        .query_one(text, &[&sent.0, &sent.1, &sent.2, &sent.3, &sent.4, &sent.5, &sent.6, &sent.7])
        .await
        .expect("one row");
    assert_eq!(
        (row.get::<_, i16>(0), row.get::<_, i32>(1), row.get::<_, i64>(2)),
        (1, -2, i64::MAX)
    );
    assert_eq!(
        (row.get::<_, f32>(3), row.get::<_, f64>(4), row.get::<_, bool>(5)),
        (1.5, -0.1, true)
    );
    assert_eq!((row.get::<_, &str>(6), row.get::<_, &[u8]>(7)), ("héllo", &b"\x00\xff"[..]));
    let row = client
        .query_one(
            "echo int8[] text[] int8",
            &[&vec![1i64, 2], &vec![Some("a"), None], &None::<i64>],
        )
        .await
        .expect("one row");
    assert_eq!(row.get::<_, Vec<i64>>(0), [1, 2]);
    assert_eq!(row.get::<_, Vec<Option<&str>>>(1), [Some("a"), None]);
    assert_eq!(row.get::<_, Option<i64>>(2), None);
    let typed = client.prepare_typed("echo int8", &[Type::INT4]).await.expect("prepared");
    assert_eq!(client.query_one(&typed, &[&7i32]).await.expect("one row").get::<_, i64>(0), 7);
    let rows = client.query("arrow 250", &[]).await.expect("rows");
    assert_eq!((rows.len(), rows[249].get::<_, &str>(1)), (250, "w249"));
    let error = client.query("fail", &[]).await.expect_err("an error");
    let error = error.as_db_error().expect("of the server");
    assert_eq!(
        (error.code().code(), error.hint(), error.detail()),
        ("42703", Some("try y"), Some("of set t"))
    );
}

#[tokio::test]
async fn a_pipeline_skips_to_sync_after_an_error() {
    let (_server, mut raw) = session().await;
    let one = |text: &str, param: &[&str]| {
        [parse("", text), bind("", "", param), describe('P', ""), execute("", 0)].concat()
    };
    let batch = [
        one("echo int8", &["1"]),
        sync(),
        one("fail", &[]),
        one("echo int8", &["2"]),
        sync(),
        one("echo text", &["3"]),
        sync(),
    ]
    .concat();
    raw.send(&batch).await;
    assert_eq!(short(&raw.round().await), "1 2 T D:1 C:SELECT 1 Z:I");
    assert_eq!(short(&raw.round().await), "1 2 n E:42703 Z:I");
    assert_eq!(short(&raw.round().await), "1 2 T D:3 C:SELECT 1 Z:I");
    let batch = [one("echo int8", &["1"]), query("where"), one("", &[]), sync()].concat();
    raw.send(&batch).await;
    assert_eq!(short(&raw.round().await), "1 2 T D:1 C:SELECT 1 T D:test C:SELECT 1 Z:I");
    assert_eq!(short(&raw.round().await), "1 2 n I Z:I");
}

#[tokio::test]
async fn portals_stop_and_go_on() {
    let (_server, mut raw) = session().await;
    raw.ask(&query("begin")).await;
    let open =
        [parse("s", "gen 5"), bind("a", "s", &[]), bind("b", "s", &[]), execute("a", 2), sync()]
            .concat();
    assert_eq!(raw.ask(&open).await, "1 2 2 D:0 D:1 s Z:T");
    let on = [
        execute("b", 1),
        execute("a", 2),
        execute("b", 0),
        execute("a", 2),
        execute("a", 2),
        sync(),
    ]
    .concat();
    assert_eq!(
        raw.ask(&on).await,
        "D:0 s D:2 D:3 s D:1 D:2 D:3 D:4 C:SELECT 4 D:4 C:SELECT 1 C:SELECT 0 Z:T"
    );
    assert_eq!(raw.ask(&query("commit")).await, "C:COMMIT Z:I");
    assert_eq!(raw.ask(&[execute("a", 0), sync()].concat()).await, "E:34000 Z:I");
    let again = [bind("", "s", &[]), execute("", 3), sync(), execute("", 3), sync()].concat();
    raw.send(&again).await;
    assert_eq!(short(&raw.round().await), "2 D:0 D:1 D:2 s Z:I");
    assert_eq!(short(&raw.round().await), "E:34000 Z:I", "portals end with Sync outside a block");
}

#[tokio::test]
async fn names_counts_and_formats_are_checked() {
    let (_server, mut raw) = session().await;
    let cases: Vec<(Vec<Vec<u8>>, &str)> = vec![
        (vec![parse("s", "echo int8"), parse("s", "gen 1")], "1 E:42P05 Z:I"),
        (vec![bind("", "nope", &[])], "E:26000 Z:I"),
        (vec![bind("", "s", &[])], "E:08P01 Z:I"),
        (vec![bind("", "s", &["x"])], "E:22P02 Z:I"),
        (vec![bind("p", "s", &["1"]), bind("p", "s", &["1"])], "2 E:42P03 Z:I"),
        (vec![parse("", "gen 1; gen 2")], "E:42601 Z:I"),
        (vec![execute("nope", 0)], "E:34000 Z:I"),
        (vec![describe('S', "nope")], "E:26000 Z:I"),
        (vec![describe('S', "s")], "t T Z:I"),
        (vec![message('C', b"Snope\0"), message('C', b"Ss\0")], "3 3 Z:I"),
        (vec![message('H', b""), message('d', b"x"), message('c', b"")], "Z:I"),
        (vec![message('B', b"\0\0\0\x02\0\0\0\0\0\0\0\0")], "E:26000 Z:I"),
        (
            vec![parse("", "echo int8"), message('B', b"\0\0\0\x02\0\0\0\0\0\x01\0\0\0\x011\0\0")],
            "1 E:08P01 Z:I",
        ),
        (
            vec![parse("", "echo int8"), message('B', b"\0\0\0\x01\0\x07\0\x01\0\0\0\x011\0\0")],
            "1 E:08P01 Z:I",
        ),
        (
            vec![
                parse("", "echo int8"),
                message('B', b"\0\0\0\0\0\x01\0\0\0\x011\0\x03\0\0\0\0\0\0"),
            ],
            "1 E:08P01 Z:I",
        ),
        (
            vec![parse("", "echo int8"), message('B', b"\0\0\0\x01\0\x01\0\x01\0\0\0\x011\0\0")],
            "1 E:22P03 Z:I",
        ),
        (vec![parse("", "echo text"), bind("", "", &["a\0b"])], "1 E:22021 Z:I"),
        (vec![message('P', b"\0\xff\xfe\0\0\0")], "E:22021 Z:I"),
        (vec![parse("", "changed"), bind("", "", &[]), execute("", 0)], "1 2 E:0A000 Z:I"),
        (
            vec![parse("", "write"), bind("", "", &[]), execute("", 0), execute("", 0)],
            "1 2 C:INSERT 0 1 E:55000 Z:I",
        ),
    ];
    for (messages, expected) in cases {
        let batch = [messages.concat(), sync()].concat();
        assert_eq!(raw.ask(&batch).await, expected, "{:?}", String::from_utf8_lossy(&batch));
    }
    assert_eq!(raw.ask(&message('F', b"")).await, "E:0A000 Z:I");
}

#[tokio::test]
async fn limits_hold() {
    let options =
        Options { max_statements: 2, max_portals: 1, max_message: 1_000, ..Options::default() };
    let server = Server::start(options).await;
    let (mut raw, _) = Raw::session(server.port).await;
    let batch = [parse("a", "gen 1"), parse("b", "gen 1"), parse("c", "gen 1"), sync()].concat();
    assert_eq!(raw.ask(&batch).await, "1 1 E:53400 Z:I");
    let batch = [bind("x", "a", &[]), bind("y", "a", &[]), sync()].concat();
    assert_eq!(raw.ask(&batch).await, "2 E:53400 Z:I");
    raw.send(b"Q\x7f\xff\xff\xff").await;
    assert_eq!(short(&raw.round().await), "E:08P01");
}

#[tokio::test]
async fn many_rows_come_through_a_slow_reader() {
    let (_server, mut raw) = session().await;
    raw.send(&query("gen 200000")).await;
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    let replies = raw.round().await;
    assert_eq!(replies.len(), 200_003);
    assert_eq!(short(&replies[200_000..]), "D:199999 C:SELECT 200000 Z:I");
}
