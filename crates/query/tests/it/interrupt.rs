//! Queries that would run for hours end when they are cancelled.

use std::time::Duration;

use futures::StreamExt;
use tokio_util::sync::CancellationToken;

use crate::{Bench, parse, session};

/// Each would take longer than anybody waits, with nothing to give meanwhile.
const ENDLESS: [&str; 7] = [
    "SELECT count(*) FROM people a CROSS JOIN people b CROSS JOIN people c
     WHERE a.age + b.age + c.age < 0",
    "SELECT count(*) FROM people a CROSS JOIN people b CROSS JOIN people c",
    "SELECT a.id FROM people a, people b, people c, people d ORDER BY a.id + b.id LIMIT 1",
    "SELECT count(*) FROM people a LEFT JOIN people b ON a.age <> b.age
     LEFT JOIN people c ON b.age <> c.age LEFT JOIN people d ON c.age + d.age < a.age",
    "SELECT count(*) FROM people a JOIN people b ON a.city = b.city AND a.age + b.age < 0
     JOIN people c ON a.city = c.city JOIN people d ON c.city = d.city
     JOIN people e ON e.city = d.city",
    "SELECT max(n) FROM (WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n FROM t)
     SELECT n FROM t) x",
    "SELECT count(*) FROM generate_series(1, 1000000000000)",
];

/// A join whose condition lets nothing through computes in one poll, so cancelling comes from
/// another thread.
fn cancel_soon() -> CancellationToken {
    let cancel = CancellationToken::new();
    let canceller = cancel.clone();
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(200));
        canceller.cancel();
    });
    cancel
}

#[tokio::test]
async fn a_cancelled_query_ends() {
    let bench = Bench::new(3000);
    for text in ENDLESS {
        let session = session();
        let prepared = bench.engine.prepare(&parse(text), &session, &[]).await.expect(text);
        let cancel = cancel_soon();
        let stream = bench.engine.execute(&prepared, &[], &session, &cancel).await;
        let first = stream.expect(text).next().await;
        let error = first.expect(text).expect_err(text);
        assert_eq!(query::sql_error(error).sqlstate, "57014", "{text}");
    }
}

#[tokio::test]
async fn a_cancelled_analysis_ends() {
    let bench = Bench::new(3000);
    let session = session();
    let prepared = bench.engine.prepare(&parse(ENDLESS[0]), &session, &[]).await.expect("planned");
    let lines = bench.engine.explain(&prepared, &[], true, &session, &cancel_soon()).await;
    assert_eq!(lines.expect_err("no lines").sqlstate, "57014");
}
