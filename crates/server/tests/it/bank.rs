//! A bank: transfers between accounts in transaction blocks, some of them with savepoints, all in
//! each other's way, while readers look.
//!
//! Every transfer is two balances and a line in the books, so three things must agree whenever they
//! are looked at: the sum of all balances, which never changes; the books, which tell each balance;
//! and what a client was told, which the books must hold. At the end, and after `kill -9` in the
//! middle. A reader sees the sum in a serializable block: its COMMIT says whether the balances that
//! it read by key were there at one time. `AERIE_BANK_TRANSFERS` sets how many transfers each of the
//! clients makes.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::watch;
use tokio_postgres::{Client, Error, SimpleQueryMessage};

use crate::support::{Node, Random};

const ACCOUNTS: i64 = 12;
const OPENING_BALANCE: i64 = 1_000;
const TELLERS: u64 = 6;
const READERS: u64 = 2;
/// Transfers of each teller, unless the environment says otherwise.
const TRANSFERS: u64 = 60;

/// How a day ended for a client.
type Ended = Result<(), Error>;

/// Transfers that were acknowledged: number to source, target, amount.
type Told = HashMap<i64, (i64, i64, i64)>;

/// Tells how many transfers there were, so that the kill comes in the middle.
struct Progress {
    done: AtomicU64,
    seen: watch::Sender<u64>,
}

impl Progress {
    fn new() -> Arc<Progress> {
        Arc::new(Progress { done: AtomicU64::new(0), seen: watch::Sender::new(0) })
    }

    fn one(&self) {
        self.seen.send_replace(self.done.fetch_add(1, Ordering::Relaxed) + 1);
    }

    async fn reaches(&self, count: u64) {
        let mut seen = self.seen.subscribe();
        seen.wait_for(|done| *done >= count).await.expect("the sender is ours");
    }
}

fn transfers() -> u64 {
    std::env::var("AERIE_BANK_TRANSFERS").ok().and_then(|n| n.parse().ok()).unwrap_or(TRANSFERS)
}

async fn open_bank(client: &Client) {
    let accounts: Vec<String> =
        (0..ACCOUNTS).map(|id| format!("({id}, {OPENING_BALANCE})")).collect();
    let open = format!(
        "CREATE TABLE accounts (id int8 PRIMARY KEY, n int8 NOT NULL);
         CREATE TABLE books (id int8 PRIMARY KEY, source int8, target int8, amount int8);
         INSERT INTO accounts VALUES {}",
        accounts.join(", ")
    );
    client.batch_execute(&open).await.expect("a bank");
}

/// One who moves money.
struct Teller {
    client: Client,
    random: Random,
    /// Number of the next line in the books.
    next: i64,
    told: Told,
    again: u64,
}

impl Teller {
    fn new(client: Client, number: u64) -> Teller {
        let next = (number as i64) << 32;
        Teller { client, random: Random(number), next, told: Told::new(), again: 0 }
    }

    /// Makes transfers until there were enough or the connection breaks.
    async fn work(&mut self, count: u64, progress: &Progress) -> Ended {
        for _ in 0..count {
            let source = self.random.below(ACCOUNTS as u64) as i64;
            let target = (source + 1 + self.random.below(ACCOUNTS as u64 - 1) as i64) % ACCOUNTS;
            let transfer = (source, target, 1 + self.random.below(50) as i64);
            let id = self.next;
            self.next += 1;
            let way = self.random.below(6);
            while let Err(error) = self.transfer(id, transfer, way).await {
                retry(&self.client, error).await?;
                self.again += 1;
            }
            if way != GIVEN_UP {
                self.told.insert(id, transfer);
            }
            progress.one();
        }
        Ok(())
    }

    async fn transfer(&self, id: i64, transfer: (i64, i64, i64), way: u64) -> Ended {
        let (source, target, amount) = transfer;
        let bank = &self.client;
        let entry = format!("INSERT INTO books VALUES ({id}, {source}, {target}, {amount})");
        let take = format!("UPDATE accounts SET n = n - {amount} WHERE id = {source}");
        let give = format!("UPDATE accounts SET n = n + {amount} WHERE id = {target}");
        bank.batch_execute("BEGIN").await?;
        match way {
            // What was read is written back: another's transfer in between must not be lost.
            0 => {
                let from: i64 = self.balance(source).await?;
                let to: i64 = self.balance(target).await?;
                let set = "UPDATE accounts SET n = $2 WHERE id = $1";
                bank.execute(set, &[&source, &(from - amount)]).await?;
                bank.execute(set, &[&target, &(to + amount)]).await?;
                bank.batch_execute(&entry).await?;
            }
            1 => {
                let both = "UPDATE accounts SET n = n + CASE id WHEN $1 THEN -$3::int8 ELSE $3 END \
                            WHERE id IN ($1, $2)";
                assert_eq!(bank.execute(both, &[&source, &target, &amount]).await?, 2);
                bank.batch_execute(&entry).await?;
            }
            2 => {
                bank.batch_execute(&format!("{take}; SAVEPOINT s; {take}; {entry}")).await?;
                bank.batch_execute("ROLLBACK TO s").await?;
                bank.batch_execute(&format!("{give}; RELEASE s; {entry}")).await?;
            }
            // An error inside is undone by the savepoint, too.
            3 => {
                bank.batch_execute(&format!("{entry}; {give}; SAVEPOINT s; {give}")).await?;
                let twice = bank.batch_execute(&entry).await.expect_err("the key is there");
                match state(&twice) {
                    Some("23505") => bank.batch_execute("ROLLBACK TO s").await?,
                    _ => return Err(twice),
                }
                bank.batch_execute(&take).await?;
            }
            GIVEN_UP => {
                bank.batch_execute(&format!("{take}; {entry}")).await?;
                return bank.batch_execute("ROLLBACK").await;
            }
            _ => bank.batch_execute(&format!("{take}; {give}; {entry}")).await?,
        }
        bank.batch_execute("COMMIT").await
    }

    async fn balance(&self, account: i64) -> Result<i64, Error> {
        let row =
            self.client.query_one("SELECT n FROM accounts WHERE id = $1", &[&account]).await?;
        Ok(row.get(0))
    }
}

/// The way of a transfer that is rolled back.
const GIVEN_UP: u64 = 4;

fn state(error: &Error) -> Option<&str> {
    error.as_db_error().map(|error| error.code().code())
}

/// Rolls back what is worth another attempt; gives the error of a broken connection. Any other error
/// is not one that a bank may see.
async fn retry(client: &Client, error: Error) -> Ended {
    match state(&error) {
        Some("40001" | "40P01") => client.batch_execute("ROLLBACK").await,
        Some(_) => panic!("a transfer failed: {error:?}"),
        None => Err(error),
    }
}

/// Reads all balances at one time, again and again; how often the sum was right.
async fn read_sums(client: Client, mut stop: watch::Receiver<bool>) -> u64 {
    let mut right = 0;
    while !*stop.borrow_and_update() {
        match read_sum(&client).await {
            Ok(sum) => {
                assert_eq!(sum, ACCOUNTS * OPENING_BALANCE, "after {right} right ones");
                right += 1;
            }
            Err(error) => {
                if retry(&client, error).await.is_err() {
                    break;
                }
            }
        }
    }
    right
}

async fn read_sum(client: &Client) -> Result<i64, Error> {
    let ids: Vec<String> = (0..ACCOUNTS).map(|id| id.to_string()).collect();
    let select = format!("SELECT n FROM accounts WHERE id IN ({})", ids.join(", "));
    client.batch_execute("BEGIN ISOLATION LEVEL SERIALIZABLE").await?;
    let rows = client.simple_query(&select).await?;
    client.batch_execute("COMMIT").await?;
    let number = |row: SimpleQueryMessage| match row {
        SimpleQueryMessage::Row(row) => row.get(0).and_then(|n| n.parse::<i64>().ok()),
        _ => None,
    };
    Ok(rows.into_iter().filter_map(number).sum())
}

/// The sum, the books against the balances, and the books against what was told.
async fn check(client: &Client, told: &Told, when: &str) {
    let sum = client.query_one("SELECT sum(n)::int8 FROM accounts", &[]).await.expect("a sum");
    assert_eq!(sum.get::<_, i64>(0), ACCOUNTS * OPENING_BALANCE, "{when}");
    let rows =
        client.query("SELECT id, source, target, amount FROM books", &[]).await.expect("books");
    let books: Told = rows.iter().map(|r| (r.get(0), (r.get(1), r.get(2), r.get(3)))).collect();
    assert_eq!(books.len(), rows.len(), "{when}: no line twice");
    for (id, transfer) in told {
        assert_eq!(books.get(id), Some(transfer), "{when}: transfer {id} was acknowledged");
    }
    let mut balances = vec![OPENING_BALANCE; ACCOUNTS as usize];
    for (source, target, amount) in books.values() {
        balances[*source as usize] -= amount;
        balances[*target as usize] += amount;
    }
    for row in client.query("SELECT id, n FROM accounts", &[]).await.expect("balances") {
        let (id, balance): (i64, i64) = (row.get(0), row.get(1));
        assert_eq!(balance, balances[id as usize], "{when}: account {id} against the books");
    }
}

/// What a day's clients say in the end.
struct Day {
    told: Told,
    again: u64,
    sums: u64,
}

/// A day of all clients; the node is killed in its middle, if it is to be.
async fn day(node: Node, namespace: &str, first_teller: u64, kill: bool) -> (Option<Node>, Day) {
    let (progress, count) = (Progress::new(), transfers());
    let each = if kill { u64::MAX } else { count };
    let stop = watch::Sender::new(false);
    let (mut tellers, mut readers) = (Vec::new(), Vec::new());
    for number in first_teller..first_teller + TELLERS {
        let mut teller = Teller::new(node.client(namespace).await, number);
        let progress = progress.clone();
        tellers.push(tokio::spawn(async move {
            let ended = teller.work(each, &progress).await;
            (teller, ended)
        }));
    }
    for _ in 0..READERS {
        readers.push(tokio::spawn(read_sums(node.client(namespace).await, stop.subscribe())));
    }
    let node = if kill {
        progress.reaches(TELLERS * count / 2).await;
        node.kill();
        None
    } else {
        Some(node)
    };
    let mut day = Day { told: Told::new(), again: 0, sums: 0 };
    for teller in tellers {
        let (teller, ended) = teller.await.expect("a teller");
        assert_eq!(ended.is_err(), kill, "{ended:?}");
        day.told.extend(teller.told);
        day.again += teller.again;
    }
    stop.send_replace(true);
    for reader in readers {
        day.sums += reader.await.expect("a reader");
    }
    (node, day)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sum_of_all_accounts_never_changes() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let node = Node::on(folder.path());
    open_bank(&node.client("test").await).await;
    let (node, quiet) = day(node, "test", 0, false).await;
    let node = node.expect("it was not killed");
    let mut told = quiet.told;
    check(&node.client("test").await, &told, "after a day").await;
    let (_, killed) = day(node, "test", TELLERS, true).await;
    told.extend(killed.told);
    let node = Node::on(folder.path());
    check(&node.client("test").await, &told, "after kill -9 and a restart").await;
    let (transfers, again) = (told.len(), quiet.again + killed.again);
    let sums = quiet.sums + killed.sums;
    println!("{transfers} transfers told, {again} attempts again, {sums} sums read, all right");
    assert!(again > 0, "nobody was in anybody's way");
    assert!(sums > 0, "no reader saw a sum");
    node.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nor_where_the_bank_is_in_memory() {
    let node = Node::start();
    open_bank(&node.client("mem").await).await;
    let (node, day) = day(node, "mem", 0, false).await;
    let node = node.expect("it was not killed");
    check(&node.client("mem").await, &day.told, "after a day").await;
}
