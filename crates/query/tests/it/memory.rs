//! Queries that need more memory than there is.

use std::path::Path;

use query::Options;

use crate::Bench;

/// What the sort below takes in memory is more than this, and its spill less than the size given.
const MEMORY: usize = 32 << 20;
const SPILL: u64 = 1 << 30;
/// 60,000 rows of more than a kilobyte, all of them kept by the sort.
const SORT: &str = "SELECT repeat('x', 1000) || g AS t FROM generate_series(1, 60000) AS s (g) \
                    ORDER BY t DESC";

fn bench(folder: &Path, spill_size: u64) -> Bench {
    let spill_folder = Some(folder.to_path_buf());
    Bench::with(
        10,
        Options {
            memory_size: MEMORY,
            spill_folder,
            spill_size,
            parallelism: 2,
            ..Options::default()
        },
    )
}

/// Files below a folder.
fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|e| e.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[tokio::test]
async fn a_sort_goes_to_disk_and_leaves_nothing_there() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("left by a kill"), b"x").expect("a file");
    let bench = bench(folder.path(), SPILL);
    assert_eq!(files(folder.path()), [] as [std::path::PathBuf; 0], "what was left is gone");
    let rows = bench.run(SORT, &[]).await.expect("sorted");
    assert_eq!(rows.len(), 1 + 60_000);
    assert!(rows[1..].is_sorted_by(|a, b| a >= b));
    assert_eq!(files(folder.path()), [] as [std::path::PathBuf; 0], "no file stays");
}

#[tokio::test]
async fn what_fits_nowhere_is_an_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let bench = bench(folder.path(), 1 << 20);
    let error = bench.run(SORT, &[]).await.expect_err("no room");
    assert_eq!(error.sqlstate, "53200", "{error}");
    assert!(error.hint.is_some_and(|hint| hint.contains("raise")));
    // A join keeps one of its sides in memory.
    let sides =
        "(SELECT g AS n, repeat('x', 1000) || g AS t FROM generate_series(1, 60000) AS s (g))";
    let join = format!("SELECT count(*) FROM {sides} a JOIN {sides} b ON a.t = b.t");
    let error = bench.run(&join, &[]).await.expect_err("no room");
    assert_eq!(error.sqlstate, "53200", "{error}");
    assert_eq!(bench.text("SELECT count(*) FROM people").await, "count\n10");
}
