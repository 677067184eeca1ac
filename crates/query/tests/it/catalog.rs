//! What clients ask of the system catalogue, as they ask it, and what they are answered.

use std::fmt::Write;

use crate::Bench;

/// Runs each statement of a script and compares, or writes the answers into the script.
async fn script(name: &str) {
    let path = crate_folder().join("tests/it").join(name);
    let text = std::fs::read_to_string(&path).expect(name);
    let bench = Bench::new(9);
    let mut out = String::new();
    for (i, block) in text.split("\n\n").map(str::trim).filter(|b| !b.is_empty()).enumerate() {
        if i > 0 {
            out.push('\n');
        }
        let Some((statement, _)) = block.split_once("\n----") else {
            let _ = writeln!(out, "{block}");
            continue;
        };
        let answer = bench.text(statement.trim_end_matches(';')).await;
        let _ = writeln!(out, "{statement}\n----\n{answer}");
    }
    if std::env::var("AERIE_GOLDEN").as_deref() == Ok("write") {
        std::fs::write(&path, out).expect(name);
    } else {
        assert_eq!(out, text, "{name}");
    }
}

#[tokio::test]
async fn psql() {
    script("psql.txt").await;
}

#[tokio::test]
async fn pgjdbc() {
    script("pgjdbc.txt").await;
}

#[tokio::test]
async fn sqlalchemy() {
    script("sqlalchemy.txt").await;
}

/// The folder of the crate, asked when it runs: several checkouts may share what was compiled.
fn crate_folder() -> std::path::PathBuf {
    let now = std::env::var_os("CARGO_MANIFEST_DIR");
    now.map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), Into::into)
}
