//! A flipped byte in the data file is an error of that record, never another answer.

use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::support::{Node, Random, command};

const ROWS: i64 = 200;

fn text(id: i64, version: i64) -> String {
    format!("row {id} version {version} {}", "x".repeat((id % 50) as usize))
}

/// Flips a byte of the file at `offset`, or flips it back.
fn flip(file: &Path, offset: u64) {
    let file = std::fs::OpenOptions::new().read(true).write(true).open(file).expect("the file");
    let mut byte = [0];
    file.read_exact_at(&mut byte, offset).expect("a byte");
    byte[0] ^= 0x40;
    file.write_all_at(&byte, offset).expect("a byte");
}

/// Offsets of the last version of each row's text in the file.
fn places(file: &Path) -> Vec<u64> {
    let image = std::fs::read(file).expect("the file");
    let place = |id: i64| {
        let wanted = text(id, 2);
        image
            .windows(wanted.len())
            .rposition(|window| window == wanted.as_bytes())
            .expect("the row is in the file") as u64
    };
    (0..ROWS).step_by(20).map(place).collect()
}

async fn write_rows(node: &Node) {
    let client = node.client("test").await;
    let create = "CREATE TABLE flip (id int8 PRIMARY KEY, t text)";
    client.batch_execute(create).await.expect("the table is new");
    for version in 1..=2 {
        for id in 0..ROWS {
            let upsert = "UPSERT INTO flip (id, t) VALUES ($1, $2)";
            client.execute(upsert, &[&id, &text(id, version)]).await.expect("written");
        }
    }
}

/// Reads every row by key; returns those that gave an error, and checks all others.
async fn damaged_rows(node: &Node) -> Vec<i64> {
    let client = node.client("test").await;
    let mut damaged = Vec::new();
    for id in 0..ROWS {
        match client.query_one("SELECT t FROM flip WHERE id = $1", &[&id]).await {
            Ok(row) => assert_eq!(row.get::<_, String>(0), text(id, 2), "row {id}"),
            Err(error) => {
                let code = error.code().map(|code| code.code().to_string());
                assert_eq!(code.as_deref(), Some("XX001"), "row {id}: {error:?}");
                damaged.push(id);
            }
        }
    }
    damaged
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flipped_byte_is_an_error_of_its_record_alone() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("test.dat");
    // What was written last is kept in memory, where no byte flips.
    let bare = "namespace test { storage-engine device {\nfile test.dat\npost-write-cache 0\n} }";
    let config = folder.path().join("bare.conf");
    std::fs::write(&config, bare).expect("a file");
    let node = Node::with(command().arg("--config").arg(&config).arg("--data").arg(folder.path()));
    write_rows(&node).await;
    let places = places(&file);
    let expected: Vec<i64> = (0..ROWS).step_by(20).collect();

    // While the node runs.
    places.iter().for_each(|place| flip(&file, *place));
    assert_eq!(damaged_rows(&node).await, expected);
    places.iter().for_each(|place| flip(&file, *place));
    assert_eq!(damaged_rows(&node).await, [0_i64; 0]);
    node.stop();

    // Between two runs.
    places.iter().for_each(|place| flip(&file, *place));
    let node = Node::on(folder.path());
    assert_eq!(damaged_rows(&node).await, expected);
}

/// The row of a damaged record can be deleted and written anew by its key; what would need its old
/// bytes is refused with a hint.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_row_can_be_deleted_and_replaced() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("test.dat");
    let node = Node::on(folder.path());
    write_rows(&node).await;
    let places = places(&file);
    node.stop();
    places.iter().for_each(|place| flip(&file, *place));
    let node = Node::on(folder.path());
    let client = node.client("test").await;
    for refused in [
        "UPDATE flip SET t = 'new' WHERE id = 0",
        "UPSERT INTO flip (id, t) VALUES (0, 'new')",
        "INSERT INTO flip (id, t) VALUES (0, 'new')",
        "DELETE FROM flip WHERE id = 0 AND t = 'new'",
        "DELETE FROM flip WHERE id = 0 RETURNING t",
        "SELECT * FROM flip WHERE id = 0",
    ] {
        let error = client.batch_execute(refused).await.expect_err(refused);
        let error = error.as_db_error().unwrap_or_else(|| panic!("{refused}: {error:?}"));
        assert_eq!(error.code().code(), "XX001", "{refused}: {error:?}");
        let hint = error.hint().unwrap_or_default();
        assert!(hint.contains("DELETE") && hint.contains("REPLACE"), "{refused}: {hint}");
    }
    let count = client.execute("DELETE FROM flip WHERE id = 0", &[]).await.expect("deleted");
    assert_eq!(count, 1);
    let replace = "REPLACE INTO flip (id, t) VALUES ($1, $2), ($3, $4) RETURNING id";
    let rows = [(20_i64, text(20, 2)), (40, text(40, 2))];
    let rows = client
        .query(replace, &[&rows[0].0, &rows[0].1, &rows[1].0, &rows[1].1])
        .await
        .expect("replaced");
    assert_eq!(rows.iter().map(|row| row.get::<_, i64>(0)).collect::<Vec<_>>(), [20, 40]);
    let delete = "DELETE FROM flip WHERE id IN (60, 80, 61)";
    assert_eq!(client.execute(delete, &[]).await.expect("deleted"), 3);
    for id in [0_i64, 60, 61, 80] {
        let upsert = "UPSERT INTO flip (id, t) VALUES ($1, $2)";
        client.execute(upsert, &[&id, &text(id, 2)]).await.expect("written");
    }
    let still: Vec<i64> = (100..ROWS).step_by(20).collect();
    assert_eq!(damaged_rows(&node).await, still);
    node.stop();
    assert_eq!(damaged_rows(&Node::on(folder.path())).await, still);
}

/// Random places anywhere in the used part of the file, one node start for each.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_byte_may_flip_between_two_runs() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("test.dat");
    let node = Node::on(folder.path());
    write_rows(&node).await;
    node.stop();
    let image = std::fs::read(&file).expect("the file");
    let used = image.iter().rposition(|byte| *byte != 0).expect("data") as u64;
    let rounds = std::env::var("AERIE_FLIP_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(8);
    let mut random = Random(7);
    for _ in 0..rounds {
        let place = random.below(used + 1);
        std::fs::write(&file, &image).expect("the image is put back");
        flip(&file, place);
        let node = Node::on(folder.path());
        let damaged = damaged_rows(&node).await;
        assert!(damaged.len() <= 1, "byte {place} damaged rows {damaged:?}");
        node.stop();
    }
}
