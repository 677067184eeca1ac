//! The promise that everything stands on: what was acknowledged outlives `kill -9`.
//!
//! Writers note each acknowledged write; the node is killed at a random moment and started again;
//! each key must hold its last acknowledged value, or that of the one write that was under way. The
//! device is so small that defragmentation never rests, sweeps and checkpoints come each second, and
//! kills also hit them and the next start. `AERIE_KILL_ROUNDS` sets the number of rounds (200 for
//! the full check: `slt/kill9 200`).

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio_postgres::{Client, Error};

use crate::support::{Node, Random, command};

const WRITERS: u64 = 4;
const KEYS_PER_WRITER: u64 = 100;
/// Longest filling of a record, bytes: all records together are a fifth of the device.
const FILLING: i64 = 4000;

const CONFIG: &str = "namespace test {
    nsup-period 1
    checkpoint-period 1
    max-record-size 64K
    storage-engine device {
        file test.dat
        filesize 4M
        write-block-size 128K
        post-write-cache 1M
        record-cache-size 256K
    }
}";

/// What was written.
#[derive(Debug, Clone, PartialEq)]
struct Version {
    n: i64,
    /// Between which times, ms since 1970, it expires.
    dies: Option<(u64, u64)>,
}

/// What a writer knows of a key: `None` = deleted or never there.
#[derive(Debug, Clone, Default)]
struct Known {
    acknowledged: Option<Version>,
    under_way: Option<Option<Version>>,
}

type Ledger = Arc<Mutex<HashMap<i64, Known>>>;

/// What was done in all rounds.
#[derive(Debug, Default)]
struct Done {
    /// Records written or deleted whose statement was answered.
    acknowledged: u64,
    kills: u64,
    kills_of_starts: u64,
    freed_blocks: u64,
    moved_records: u64,
    checkpoint_bytes: u64,
    lives_with_checkpoint: u64,
    expired: u64,
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis() as u64
}

fn filling(n: i64) -> String {
    char::from(b'a' + (n % 26) as u8).to_string().repeat((n % FILLING) as usize)
}

fn lock(ledger: &Ledger) -> MutexGuard<'_, HashMap<i64, Known>> {
    ledger.lock().expect("no panics")
}

/// Where the node of this test lives.
struct Home {
    data: PathBuf,
    config: PathBuf,
}

impl Home {
    fn new(data: &Path) -> Home {
        let config = data.join("kill9.conf");
        std::fs::write(&config, CONFIG).expect("a file");
        Home { data: data.to_path_buf(), config }
    }

    fn command(&self) -> std::process::Command {
        let mut command = command();
        command.arg("--config").arg(&self.config).arg("--data").arg(&self.data);
        command
    }

    fn start(&self) -> Node {
        Node::with(&mut self.command())
    }

    /// Starts a node and kills it before it is ready, most times.
    fn kill_a_start(&self, after: Duration) {
        let mut child = self
            .command()
            .args(["--pg", "127.0.0.1:0", "--aerospike", "127.0.0.1:0"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("aerie runs");
        std::thread::sleep(after);
        child.kill().expect("the process is ours");
        child.wait().expect("it ends");
    }
}

#[test]
fn acknowledged_writes_outlive_kill_9() {
    let rounds = std::env::var("AERIE_KILL_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(6);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let home = Home::new(folder.path());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let ledger = Ledger::default();
    let mut random = Random(0x5eed);
    let mut done = Done::default();
    runtime.block_on(async {
        for round in 0..rounds {
            one_round(&home, &ledger, &mut random, round, &mut done).await;
        }
        for _ in 0..2 {
            let node = home.start();
            verify(&node.client("test").await, &ledger).await;
            node.stop();
        }
    });
    println!("{rounds} rounds, none of the acknowledged writes lost, no delete undone: {done:#?}");
    assert!(done.acknowledged > rounds * 10, "too few writes: {done:?}");
    // A few rounds may be too short for it on a slow disk.
    if rounds >= 50 {
        let all = [done.freed_blocks, done.moved_records, done.checkpoint_bytes, done.expired];
        assert!(!all.contains(&0), "something never ran: {done:?}");
    }
}

async fn one_round(home: &Home, ledger: &Ledger, random: &mut Random, round: u64, done: &mut Done) {
    if random.below(3) == 0 {
        for _ in 0..=random.below(2) {
            home.kill_a_start(Duration::from_millis(random.below(150)));
            done.kills_of_starts += 1;
        }
    }
    let node = home.start();
    let began = Instant::now();
    let client = node.client("test").await;
    client
        .batch_execute("CREATE TABLE IF NOT EXISTS kill9 (id int8 PRIMARY KEY, n int8, t text)")
        .await
        .expect("the table is there");
    verify(&client, ledger).await;
    let mut tasks = Vec::new();
    for writer in 0..WRITERS {
        let client = node.client("test").await;
        let writer = Writer {
            client,
            ledger: ledger.clone(),
            random: Random(round << 8 | writer),
            first_key: (writer * KEYS_PER_WRITER) as i64,
        };
        tasks.push(tokio::spawn(writer.write_until_killed()));
    }
    tokio::time::sleep(life(random, round).saturating_sub(began.elapsed())).await;
    note_stats(&client, done).await;
    tokio::time::sleep(Duration::from_millis(random.below(20))).await;
    node.kill();
    done.kills += 1;
    for task in tasks {
        done.acknowledged += task.await.expect("a writer ends when the node does");
    }
}

/// How long a node lives: most not for long, some until a checkpoint was written or is being
/// written, which the first one of a life is after two seconds.
fn life(random: &mut Random, round: u64) -> Duration {
    Duration::from_millis(match round % 5 {
        1 => 2000 + 1000 * random.below(2) + random.below(60),
        3 => 2000 + random.below(1500),
        _ => 100 + random.below(400),
    })
}

async fn note_stats(client: &Client, done: &mut Done) {
    let stats = client.query("SHOW STATS FOR test", &[]).await.expect("stats");
    let stats: HashMap<String, String> =
        stats.iter().map(|row| (row.get("name"), row.get("value"))).collect();
    let stat = |name: &str| stats[name].parse::<u64>().expect("a number");
    done.freed_blocks += stat("defrag_freed_blocks");
    done.moved_records += stat("defrag_moved_records");
    done.checkpoint_bytes += stat("checkpoint_written_bytes");
    done.lives_with_checkpoint += u64::from(stat("checkpoint_written_bytes") > 0);
    done.expired += stat("expired_objects");
}

/// Writes random keys of its own.
struct Writer {
    client: Client,
    ledger: Ledger,
    random: Random,
    first_key: i64,
}

impl Writer {
    /// Until the connection breaks. Gives the number of acknowledged changes of records.
    async fn write_until_killed(mut self) -> u64 {
        let mut acknowledged = 0;
        loop {
            let done = match self.random.below(10) {
                0..4 => self.upsert(1, None).await,
                4 => self.upsert(3, None).await,
                5..7 => {
                    let ttl = 1 + self.random.below(3);
                    self.upsert(1, Some(ttl)).await
                }
                7 => self.update().await,
                8 => self.delete(1).await,
                _ => self.delete(3).await,
            };
            match done {
                Ok(changes) => acknowledged += changes,
                Err(error) => {
                    assert!(error.as_db_error().is_none(), "a write failed: {error:?}");
                    return acknowledged;
                }
            }
        }
    }

    fn keys(&mut self, count: u64) -> Vec<i64> {
        let first = self.random.below(KEYS_PER_WRITER);
        let step = 1 + self.random.below(KEYS_PER_WRITER / count);
        let key = |i| self.first_key + ((first + i * step) % KEYS_PER_WRITER) as i64;
        (0..count).map(key).collect()
    }

    fn number(&mut self) -> i64 {
        self.random.below(1 << 40) as i64
    }

    /// Notes what is about to become of keys.
    fn begin(&self, changes: &[(i64, Option<Version>)]) {
        let mut ledger = lock(&self.ledger);
        for (key, version) in changes {
            ledger.entry(*key).or_default().under_way = Some(version.clone());
        }
    }

    /// Notes that it was acknowledged.
    fn end(&self, changes: Vec<(i64, Option<Version>)>) -> u64 {
        let count = changes.len() as u64;
        let mut ledger = lock(&self.ledger);
        for (key, acknowledged) in changes {
            ledger.insert(key, Known { acknowledged, under_way: None });
        }
        count
    }

    async fn upsert(&mut self, count: u64, ttl_s: Option<u64>) -> Result<u64, Error> {
        let dies = ttl_s.map(|ttl_s| (now_ms() + ttl_s * 1000, u64::MAX));
        let mut changes: Vec<(i64, Option<Version>)> = Vec::new();
        let mut rows = Vec::new();
        for key in self.keys(count) {
            let n = self.number();
            rows.push(format!("({key}, {n}, '{}')", filling(n)));
            changes.push((key, Some(Version { n, dies })));
        }
        self.begin(&changes);
        let ttl = ttl_s.map_or(String::new(), |ttl_s| format!(" WITH (ttl = {ttl_s})"));
        let upsert = format!("UPSERT INTO kill9 (id, n, t) VALUES {}{ttl}", rows.join(", "));
        assert_eq!(self.client.execute(&upsert, &[]).await?, count);
        for (_, version) in &mut changes {
            // Times to live end with a whole second.
            let latest = ttl_s.map(|ttl_s| now_ms() + ttl_s * 1000 + 1000);
            if let Some(Version { dies: Some(dies), .. }) = version {
                dies.1 = latest.unwrap_or(dies.1);
            }
        }
        Ok(self.end(changes))
    }

    async fn delete(&mut self, count: u64) -> Result<u64, Error> {
        let changes: Vec<_> = self.keys(count).into_iter().map(|key| (key, None)).collect();
        self.begin(&changes);
        let keys: Vec<String> = changes.iter().map(|(key, _)| key.to_string()).collect();
        let delete = format!("DELETE FROM kill9 WHERE id IN ({})", keys.join(", "));
        self.client.execute(&delete, &[]).await?;
        Ok(self.end(changes))
    }

    /// Updates a key if a record is there that does not expire.
    async fn update(&mut self) -> Result<u64, Error> {
        let key = self.keys(1)[0];
        let known = lock(&self.ledger).get(&key).cloned().unwrap_or_default();
        if known.acknowledged.is_none_or(|version| version.dies.is_some()) {
            return Ok(0);
        }
        let n = self.number();
        let changes = vec![(key, Some(Version { n, dies: None }))];
        self.begin(&changes);
        let update = "UPDATE kill9 SET n = $2, t = $3 WHERE id = $1";
        let count = self.client.execute(update, &[&key, &n, &filling(n)]).await?;
        assert_eq!(count, 1, "key {key} is there");
        Ok(self.end(changes))
    }
}

/// Whether what was found between two times is what was expected.
fn fits(expected: &Option<Version>, found: Option<i64>, (from, to): (u64, u64)) -> bool {
    match (expected, found) {
        (None, None) => true,
        (None, Some(_)) => false,
        (Some(version), Some(n)) => {
            version.n == n && version.dies.is_none_or(|(_, latest)| from <= latest)
        }
        (Some(version), None) => version.dies.is_some_and(|(earliest, _)| to >= earliest),
    }
}

/// Checks every key and takes what is there as the truth for the next round.
async fn verify(client: &Client, ledger: &Ledger) {
    let keys: Vec<i64> = lock(ledger).keys().copied().collect();
    let select = client.prepare("SELECT n, t FROM kill9 WHERE id = $1").await.expect("prepared");
    for key in keys {
        let from = now_ms();
        let row = client.query_opt(&select, &[&key]).await.expect("the read is answered");
        let at = (from, now_ms());
        let found: Option<i64> = row.as_ref().map(|row| row.get(0));
        if let Some(row) = &row {
            assert_eq!(row.get::<_, String>(1), filling(row.get(0)), "key {key}");
        }
        let mut ledger = lock(ledger);
        let known = ledger.get_mut(&key).expect("the key was listed");
        let told = [Some(known.acknowledged.clone()), known.under_way.clone()];
        let Some(truth) = told.into_iter().flatten().find(|told| fits(told, found, at)) else {
            panic!("key {key}: found {found:?} at {at:?}, expected {known:?}")
        };
        *known = Known { acknowledged: found.and(truth), under_way: None };
    }
    let row = client.query_one("SELECT count(*) FROM kill9", &[]).await.expect("counted");
    let ledger = lock(ledger);
    let there = ledger.values().filter_map(|known| known.acknowledged.as_ref());
    let (mortal, lasting): (Vec<_>, Vec<_>) = there.partition(|version| version.dies.is_some());
    let (least, most) = (lasting.len() as i64, (lasting.len() + mortal.len()) as i64);
    let count = row.get::<_, i64>(0);
    assert!((least..=most).contains(&count), "{count} records, {least} to {most} were written");
}
