//! Secondary indexes: bytes of an entry, how fast they are built and kept, how fast they answer.
//!
//! Records have an integer and a string, each different in every record and in no order of theirs.

use std::ops::Bound;
use std::time::{Duration, Instant};

use futures::executor::block_on;
use model::{
    Collection, Error, ErrorKind, IndexDef, IndexSource, IndexType, Key, Name, Result, Value,
};
use sindex::{EVERYTHING, Index, Width};
use store::{Bins, Change, IndexRange, OrderedCursor, ScanCursor, Ttl};

use crate::SET;
use crate::engine::{Engine, Setup, now_ms};
use crate::load::in_threads;
use crate::meter::{Watch, resident};
use crate::options::Args;
use crate::report::Report;

/// Bytes of memory that a record of this workload takes at most, with what defragmentation wants.
const RECORD_BYTES: u64 = 256;
/// Entries that are taken from a tree at once where entries alone are walked over.
const WALKED: usize = 1000;

pub(crate) fn run(args: &Args) -> Result<Report> {
    let records = args.records.unwrap_or(1_000_000);
    let size = args.size.unwrap_or((records * RECORD_BYTES).max(256 << 20));
    let shards = args.setup(&[], size, records).shards;
    let engine = Engine::open(&Setup { shards, ..Setup::in_memory(size) })?;
    let seconds = Duration::from_secs(args.seconds.unwrap_or(5));
    let mut report = Report::new("sindex");
    report.fact("records", records);
    let plain_us = write_all(&engine, records, 0, args.threads)?;
    report.table(
        "indexes",
        &[
            "index",
            "entries",
            "bytes_per_entry",
            "resident_per_entry",
            "built_per_s",
            "built_cpu_us",
        ],
    );
    for (name, bin, value_type) in
        [("number", "n", IndexType::Integer), ("text", "t", IndexType::String)]
    {
        let before = resident()?;
        let watch = Watch::start()?;
        engine.create_index(def(name, bin, value_type), now_ms())?;
        wait_until_ready(&engine, name)?;
        let (took, cpu) = (watch.seconds(), watch.cpu_seconds()?);
        let infos = engine.index_infos();
        let info = infos.into_iter().find(|info| *info.def.name == *name);
        let info = info.ok_or_else(|| wrong("the index is gone"))?;
        if info.entries != records {
            return Err(wrong(&format!("{} entries of {records} records", info.entries)));
        }
        let per_entry = |bytes: u64| bytes as f64 / records as f64;
        report.row([
            name.into(),
            info.entries.into(),
            per_entry(info.bytes).into(),
            per_entry(resident()?.saturating_sub(before)).into(),
            (records as f64 / took).into(),
            (cpu * 1e6 / records as f64).into(),
        ]);
    }
    let indexed_us = write_all(&engine, records, 1, args.threads)?;
    report.fact("write_cpu_us", plain_us);
    report.fact("write_of_both_indexed_cpu_us", indexed_us);
    report.fact("entries_walked_per_s", entries_per_s(records, shards)?);
    report.table("queries", &["query", "rows", "cpu_us_per_query", "queries_per_s", "rows_per_s"]);
    for rows in [1, 10, 100, 10_000] {
        let rows = rows.min(records);
        let find = |from: i64| unordered(&engine, from, rows);
        measure(&mut report, "range", rows, records, seconds, find)?;
        let find = |from: i64| ordered(&engine, from, rows);
        measure(&mut report, "ordered", rows, records, seconds, find)?;
    }
    engine.close()?;
    Ok(report)
}

fn def(name: &str, bin: &str, value_type: IndexType) -> IndexDef {
    IndexDef {
        name: name.into(),
        set: Some(SET.into()),
        source: IndexSource::Bin { bin: bin.into(), context: None },
        collection: Collection::Scalar,
        value_type,
        filter: None,
    }
}

/// The number in version `version` of record `n`: each number below `records` once, in no order.
fn number_of(n: u64, version: u64, records: u64) -> i64 {
    /// A prime above every count of records.
    const STEP: u128 = (1 << 48) + 21;
    (u128::from(n + version * 7) * STEP % u128::from(records)) as i64
}

/// Writes a version of every record. The CPU of a write, microseconds.
fn write_all(engine: &Engine, records: u64, version: u64, threads: u8) -> Result<f64> {
    let (number, text) = (Name::from("n"), Name::from("t"));
    let watch = Watch::start()?;
    in_threads(threads, |thread| {
        for n in (u64::from(thread)..records).step_by(threads.into()) {
            let value = number_of(n, version, records);
            let bins = vec![
                (number.clone(), Some(Value::Integer(value))),
                (text.clone(), Some(Value::String(format!("text {value:08}")))),
            ];
            let key = Key::Integer(n as i64);
            let write = Change::Write { bins, replace: true, ttl: Ttl::Never };
            let mut decide = |_: Option<&model::Record>| Ok(write.clone());
            engine.modify(SET, &key.digest(SET), None, now_ms(), &mut decide)?;
        }
        Ok(())
    })?;
    Ok(watch.cpu_seconds()? * 1e6 / records as f64)
}

fn wait_until_ready(engine: &Engine, name: &str) -> Result<()> {
    let ready = || {
        let indexes = engine.catalog_indexes();
        indexes.iter().any(|index| *index.def.name == *name && index.ready)
    };
    let begun = Instant::now();
    while !ready() {
        if begun.elapsed() > Duration::from_secs(3600) {
            return Err(wrong("an index was not built in an hour"));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

/// Entries alone, without the records.
fn entries_per_s(records: u64, shards: u16) -> Result<f64> {
    let index = Index::new(Width::Narrow, usize::from(shards) * 2);
    for n in 0..records {
        let tag = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        index.insert(tag, &[sindex::key::of_integer(number_of(n, 0, records))]);
    }
    let begun = Instant::now();
    let mut walked = 0;
    for tree in 0..index.trees() {
        let mut last = None;
        loop {
            let entries = index.walk(tree, EVERYTHING, last, false, WALKED);
            walked += entries.len() as u64;
            last = entries.last().copied();
            if entries.len() < WALKED {
                break;
            }
        }
    }
    match walked == records {
        true => Ok(walked as f64 / begun.elapsed().as_secs_f64()),
        false => Err(wrong(&format!("{walked} entries of {records} walked over"))),
    }
}

fn range(from: i64, rows: u64) -> IndexRange {
    let end = Value::Integer(from + rows as i64);
    IndexRange::Between(Bound::Included(Value::Integer(from)), Bound::Excluded(end))
}

fn unordered(engine: &Engine, from: i64, rows: u64) -> Result<u64> {
    let (mut found, mut cursor, range) = (0, ScanCursor::all(), range(from, rows));
    while !cursor.done() {
        let next = engine.index_scan("number", &range, Bins::All, &mut cursor, 1000, now_ms());
        found += block_on(next)?.0.len() as u64;
    }
    Ok(found)
}

fn ordered(engine: &Engine, from: i64, rows: u64) -> Result<u64> {
    let (mut found, mut cursor, range) = (0, OrderedCursor::default(), range(from, rows));
    while !cursor.done {
        let all = Bins::All;
        let next = engine.index_ordered("number", &range, false, all, &mut cursor, 1000, now_ms());
        found += block_on(next)?.0.len() as u64;
    }
    Ok(found)
}

/// Asks for a while, on one thread, each time somewhere else.
fn measure(
    report: &mut Report,
    query: &str,
    rows: u64,
    records: u64,
    time: Duration,
    find: impl Fn(i64) -> Result<u64>,
) -> Result<()> {
    let watch = Watch::start()?;
    let begun = Instant::now();
    let mut asked = 0;
    while asked == 0 || begun.elapsed() < time {
        let from = number_of(asked, 1, records - rows + 1);
        let found = find(from)?;
        if found != rows {
            return Err(wrong(&format!("{found} rows from {from} on, {rows} are there")));
        }
        asked += 1;
    }
    let per_s = asked as f64 / watch.seconds();
    let cpu_us = watch.cpu_seconds()? * 1e6 / asked as f64;
    report.row([
        query.into(),
        rows.into(),
        cpu_us.into(),
        per_s.into(),
        (per_s * rows as f64).into(),
    ]);
    Ok(())
}

fn wrong(what: &str) -> Error {
    Error::new(ErrorKind::Internal, what)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    #[test]
    fn a_small_run_finds_what_is_there() {
        let line = ["bench", "sindex", "--records", "20k", "--seconds", "0", "--size", "64M"];
        let report = run(&Line::parse_from(line).args).expect("a report").json();
        let indexes = report["indexes"].as_array().expect("a table");
        assert_eq!(indexes.len(), 2);
        assert!(indexes.iter().all(|index| index["entries"] == 20_000), "{report}");
    }
}
