//! Reads of large objects at a fixed rate while records are overwritten and their blocks written and
//! defragmented: the question that Aerospike's ACT asks of a drive, asked of the whole engine. A
//! system passes it if at most 5 % of reads take over 1 ms, 1 % over 8 ms and 0.1 % over 64 ms.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use model::{Error, ErrorKind, Result};
use serde_json::Value;

use crate::churn::filled;
use crate::data::Picks;
use crate::engine::failed;
use crate::load::write;
use crate::meter::{Latencies, Watch};
use crate::options::Args;
use crate::pace::{Arrivals, Reads};
use crate::report::Report;

/// Bytes of an object.
const OBJECT: usize = 1536;

pub(crate) fn run(args: &Args) -> Result<Report> {
    let place = args.place()?;
    let (engine, data) = filled(args, &place.paths, 50, OBJECT)?;
    let per_s = args.reads_per_s.unwrap_or(2000);
    let arrivals = Arrivals::new(per_s, args.seed)?;
    let mut writes = Arrivals::new(args.writes_per_s, args.seed ^ 1)?;
    let picks = |seed| Picks::new(&data, args.zipf, seed);
    let (picks_of_reads, mut picks_of_writes) = (picks(args.seed ^ 2)?, picks(args.seed ^ 3)?);
    let runtime = tokio::runtime::Runtime::new().map_err(|e| failed("cannot start threads", &e))?;
    let mut report = Report::new("act");
    report.fact("objects", data.records);
    report.fact("object_bytes", data.record_size()?);
    report.fact("durability", engine.info().durability.clone());
    let (reads, ended) = (Arc::new(Reads::default()), AtomicBool::new(false));
    let (written, watch) = (AtomicU64::new(0), Watch::start()?);
    let intervals = std::thread::scope(|scope| {
        let writer = scope.spawn(|| -> Result<()> {
            for version in 1.. {
                if ended.load(Relaxed) {
                    break;
                }
                writes.wait();
                write(&engine, &data, picks_of_writes.draw(), version)?;
                written.fetch_add(1, Relaxed);
            }
            Ok(())
        });
        let (shared, handle) = (engine.shared(), runtime.handle().clone());
        let (of_reader, data) = (reads.clone(), data.clone());
        let reader =
            scope.spawn(move || of_reader.run(&shared, &data, picks_of_reads, arrivals, &handle));
        let intervals = collect(args, &reads, || writer.is_finished());
        ended.store(true, Relaxed);
        reads.stop();
        let panicked = |_| Error::new(ErrorKind::Internal, "a thread of the measurement panicked");
        let (wrote, read) = (writer.join(), reader.join());
        wrote.map_err(panicked)??;
        read.map_err(panicked).map(|()| intervals)
    })?;
    reads.check()?;
    let seconds = watch.seconds();
    let mut all = Latencies::new();
    intervals.iter().for_each(|one| all.merge(one));
    report.fact("seconds", seconds);
    report.fact("reads_per_s", all.count() as f64 / seconds);
    report.fact("writes_per_s", written.into_inner() as f64 / seconds);
    report.fact("cpu_cores", watch.cpu_seconds()? / seconds);
    report.fact("defrag_written_bytes", engine.stat("defrag_written_bytes")?);
    report.fact("read_p50_us", all.percentile_us(50.0));
    report.fact("read_p99_us", all.percentile_us(99.0));
    report.fact("read_p999_us", all.percentile_us(99.9));
    let columns = ["until_s", "reads", "over_1ms_pct", "over_8ms_pct", "over_64ms_pct", "max_us"];
    report.table("intervals", &columns);
    for (n, one) in intervals.iter().enumerate() {
        report.row(row(((n as u64 + 1) * args.interval).into(), one));
    }
    report.row(row("all".into(), &all));
    engine.close()?;
    Ok(report)
}

/// The latencies of each interval, until `--seconds` have passed or the writer has ended too early.
fn collect(args: &Args, reads: &Reads, ended: impl Fn() -> bool) -> Vec<Latencies> {
    let until = Instant::now() + Duration::from_secs(args.seconds.unwrap_or(60));
    let mut intervals = Vec::new();
    while Instant::now() < until && !ended() {
        let left = until.saturating_duration_since(Instant::now());
        std::thread::sleep(Duration::from_secs(args.interval.max(1)).min(left));
        intervals.push(reads.take());
    }
    intervals
}

fn row(until: Value, latencies: &Latencies) -> [Value; 6] {
    let over = |ms| Value::from(latencies.over_ms_pct(ms));
    let (reads, max) = (latencies.count().into(), latencies.max_us().into());
    [until, reads, over(1), over(8), over(64), max]
}
