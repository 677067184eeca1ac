//! The promise that everything stands on: what was acknowledged outlives `kill -9`.
//!
//! Writers note each acknowledged write; the node is killed at a random moment and started again;
//! each key must hold its last acknowledged value, or that of the one write that was under way.
//! `AERIE_KILL_ROUNDS` sets the number of kills (200 for the full check: `slt/kill9 200`).

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio_postgres::Client;

use crate::support::{Node, Random};

const WRITERS: u64 = 4;
const KEYS_PER_WRITER: u64 = 50;

/// What a writer knows of a key: `None` = deleted or never there.
#[derive(Debug, Clone, Default)]
struct Known {
    acknowledged: Option<i64>,
    under_way: Option<Option<i64>>,
}

type Ledger = Arc<Mutex<HashMap<i64, Known>>>;

#[test]
fn acknowledged_writes_outlive_kill_9() {
    let rounds = std::env::var("AERIE_KILL_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(6);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let ledger = Ledger::default();
    let mut random = Random(0x5eed);
    let mut acknowledged = 0;
    runtime.block_on(async {
        for round in 0..rounds {
            acknowledged += one_round(folder.path(), &ledger, &mut random, round).await;
        }
        let node = Node::on(folder.path());
        verify(&node.client("test").await, &ledger).await;
        node.stop();
        let node = Node::on(folder.path());
        verify(&node.client("test").await, &ledger).await;
    });
    println!("{rounds} kills, {acknowledged} acknowledged writes, none lost, no delete undone");
    assert!(acknowledged > rounds * 10, "only {acknowledged} writes in {rounds} rounds");
}

async fn one_round(data: &Path, ledger: &Ledger, random: &mut Random, round: u64) -> u64 {
    let node = Node::on(data);
    let client = node.client("test").await;
    client
        .batch_execute("CREATE TABLE IF NOT EXISTS kill9 (id int8 PRIMARY KEY, n int8)")
        .await
        .expect("the table is there");
    verify(&client, ledger).await;
    let mut tasks = Vec::new();
    for writer in 0..WRITERS {
        let client = node.client("test").await;
        let random = Random(round << 8 | writer);
        tasks.push(tokio::spawn(write_until_killed(client, ledger.clone(), random, writer)));
    }
    tokio::time::sleep(Duration::from_millis(20 + random.below(300))).await;
    node.kill();
    let mut acknowledged = 0;
    for task in tasks {
        acknowledged += task.await.expect("a writer ends when the node does");
    }
    acknowledged
}

/// Inserts, updates and deletes random keys of its own until the connection breaks.
async fn write_until_killed(
    client: Client,
    ledger: Ledger,
    mut random: Random,
    writer: u64,
) -> u64 {
    let mut acknowledged = 0;
    loop {
        let key = (writer * KEYS_PER_WRITER + random.below(KEYS_PER_WRITER)) as i64;
        let value = (random.below(4) > 0).then(|| random.below(1 << 40) as i64);
        ledger.lock().expect("no panics").entry(key).or_default().under_way = Some(value);
        let done = match value {
            Some(n) => {
                client.execute("UPSERT INTO kill9 (id, n) VALUES ($1, $2)", &[&key, &n]).await
            }
            None => client.execute("DELETE FROM kill9 WHERE id = $1", &[&key]).await,
        };
        if let Err(error) = done {
            assert!(error.as_db_error().is_none(), "a write failed: {error:?}");
            return acknowledged;
        }
        let mut ledger = ledger.lock().expect("no panics");
        *ledger.entry(key).or_default() = Known { acknowledged: value, under_way: None };
        acknowledged += 1;
    }
}

/// Checks every key and takes what is there as the truth for the next round.
async fn verify(client: &Client, ledger: &Ledger) {
    let keys: Vec<i64> = ledger.lock().expect("no panics").keys().copied().collect();
    for key in keys {
        let row = client
            .query_opt("SELECT n FROM kill9 WHERE id = $1", &[&key])
            .await
            .expect("the read is answered");
        let found: Option<i64> = row.map(|row| row.get(0));
        let mut ledger = ledger.lock().expect("no panics");
        let known = ledger.get_mut(&key).expect("the key was listed");
        assert!(
            found == known.acknowledged || Some(found) == known.under_way,
            "key {key}: found {found:?}, expected {known:?}"
        );
        *known = Known { acknowledged: found, under_way: None };
    }
    let row = client.query_one("SELECT count(*) FROM kill9", &[]).await.expect("counted");
    let ledger = ledger.lock().expect("no panics");
    let expected = ledger.values().filter(|known| known.acknowledged.is_some()).count();
    assert_eq!(row.get::<_, i64>(0), expected as i64, "records that nobody wrote");
}
