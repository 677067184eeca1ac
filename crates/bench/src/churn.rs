//! Overwriting a device many times over, while somebody reads.
//!
//! Write amplification = bytes written for users (padding and marks included), by defragmentation
//! and by checkpoints, divided by the bytes of the encoded records that users wrote. Beside it: the
//! same divided by the bytes of keys and values alone. The zeros with which a file grows for the
//! first time are not counted: that happens once in its life.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use model::{Error, ErrorKind, Result};

use crate::data::{Data, KEY_SIZE, Picks};
use crate::engine::{Engine, failed};
use crate::load::{SAY_EVERY, in_threads, load, write};
use crate::meter::{Latencies, Watch};
use crate::options::Args;
use crate::pace::{Arrivals, Reads};
use crate::report::Report;

/// How often free blocks are looked at.
const LOOK: Duration = Duration::from_millis(100);
/// Rows of the table over time.
const ROWS: u64 = 20;

/// What has been written so far.
#[derive(Clone, Copy)]
struct Written {
    users: u64,
    defrag: u64,
    checkpoints: u64,
    records: u64,
}

impl Written {
    fn now(engine: &Engine, records: u64) -> Result<Written> {
        Ok(Written {
            users: engine.stat("written_bytes")?,
            defrag: engine.stat("defrag_written_bytes")?,
            checkpoints: engine.stat("checkpoint_written_bytes")?,
            records,
        })
    }

    fn since(self, before: Written) -> Written {
        Written {
            users: self.users - before.users,
            defrag: self.defrag - before.defrag,
            checkpoints: self.checkpoints - before.checkpoints,
            records: self.records - before.records,
        }
    }

    fn amplification(self, record_size: u64) -> f64 {
        let all = self.users + self.defrag + self.checkpoints;
        all as f64 / (self.records * record_size).max(1) as f64
    }
}

pub(crate) fn run(args: &Args) -> Result<Report> {
    let place = args.place()?;
    let (engine, data) = filled(args, &place.paths, 70, 100)?;
    let (device, record_size) = (engine.info().capacity_bytes, data.record_size()?);
    let target = (args.turns * device as f64 / record_size as f64) as u64;
    let mut report = Report::new("churn");
    report.fact("device_bytes", device);
    report.fact("records", data.records);
    report.fact("fill_pct", engine.stat("data_used_bytes")? as f64 * 100.0 / device as f64);
    report.fact("keys", args.zipf.map_or("uniform".to_string(), |theta| format!("zipf {theta}")));
    report.fact("durability", engine.info().durability.clone());
    let reads = Arc::new(Reads::default());
    let (records, waits, ended) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
    let runtime = tokio::runtime::Runtime::new().map_err(|e| failed("cannot start threads", &e))?;
    let arrivals = Arrivals::new(args.reads_per_s.unwrap_or(500), args.seed)?;
    let picks = Picks::new(&data, args.zipf, args.seed ^ 1)?;
    let (watch, begun) = (Watch::start()?, Written::now(&engine, 0)?);
    let mut over_time = OverTime::new(begun, target, record_size);
    std::thread::scope(|scope| {
        let writers = scope.spawn(|| {
            let outcome = in_threads(args.threads, |thread| {
                let mut picks = Picks::new(&data, args.zipf, args.seed + 2 + u64::from(thread))?;
                while !ended.load(Relaxed) {
                    let version = records.fetch_add(1, Relaxed);
                    if version >= target {
                        return Ok(());
                    }
                    waits.fetch_add(write(&engine, &data, picks.draw(), version + 1)?, Relaxed);
                }
                Ok(())
            });
            ended.store(true, Relaxed);
            outcome
        });
        let (shared, handle) = (engine.shared(), runtime.handle().clone());
        let (of_reader, data) = (reads.clone(), data.clone());
        let reader = scope.spawn(move || of_reader.run(&shared, &data, picks, arrivals, &handle));
        let watched = over_time.watch(&engine, &records, &reads, &ended);
        ended.store(true, Relaxed);
        reads.stop();
        let panicked = |_| Error::new(ErrorKind::Internal, "a thread of the measurement panicked");
        let (written, read) = (writers.join(), reader.join());
        written.map_err(panicked)??;
        read.map_err(panicked)?;
        watched
    })?;
    let (seconds, cpu) = (watch.seconds(), watch.cpu_seconds()?);
    reads.check()?;
    let whole = Written::now(&engine, target)?.since(begun);
    report.fact("turns", (target * record_size) as f64 / device as f64);
    report.fact("seconds", seconds);
    report.fact("writes_per_s", target as f64 / seconds);
    report.fact("cpu_us_per_write", cpu * 1e6 / target.max(1) as f64);
    report.fact("waits_for_room", waits.into_inner());
    report.fact("record_bytes_of_users", whole.records * record_size);
    report.fact("written_bytes", whole.users);
    report.fact("defrag_written_bytes", whole.defrag);
    report.fact("checkpoint_bytes", whole.checkpoints);
    report.fact("write_amplification", whole.amplification(record_size));
    let pair = KEY_SIZE + data.value_size as u64;
    report.fact("write_amplification_of_keys_and_values", whole.amplification(pair));
    over_time.report(&mut report, &engine)?;
    data.check_sample(&engine, 10_000)?;
    report.fact("objects", engine.info().objects);
    engine.close()?;
    Ok(report)
}

/// A namespace whose records take the share of its device that was asked for.
pub(crate) fn filled(
    args: &Args,
    paths: &[std::path::PathBuf],
    fill_pct: u8,
    value_size: usize,
) -> Result<(Engine, Arc<Data>)> {
    let mut data = args.data(0, value_size);
    let size = args.size.unwrap_or(2 << 30);
    if args.records.is_none() {
        let record_size = data.record_size()?;
        data.records = size * u64::from(args.fill.unwrap_or(fill_pct)) / 100 / record_size;
    }
    let engine = Engine::open(&args.setup(paths, size, data.records))?;
    if engine.info().objects != data.records {
        load(&engine, &data, args.threads)?;
    }
    Ok((engine, Arc::new(data)))
}

/// How it goes, in [`ROWS`] steps.
struct OverTime {
    rows: Vec<[serde_json::Value; 7]>,
    before: Written,
    /// When half was written: from there on the device is in its steady state.
    half: Option<Written>,
    target: u64,
    record_size: u64,
    latencies: Latencies,
    free: (u64, u64),
}

impl OverTime {
    fn new(begun: Written, target: u64, record_size: u64) -> OverTime {
        let (rows, latencies, free) = (Vec::new(), Latencies::new(), (u64::MAX, 0));
        OverTime { rows, before: begun, half: None, target, record_size, latencies, free }
    }

    fn watch(
        &mut self,
        engine: &Engine,
        records: &AtomicU64,
        reads: &Reads,
        ended: &AtomicBool,
    ) -> Result<()> {
        let (mut since, mut said) = (Instant::now(), Instant::now());
        let mut free = (u64::MAX, 0);
        loop {
            let over = ended.load(Relaxed);
            let done = records.load(Relaxed).min(self.target);
            let blocks = engine.stat("free_blocks")?;
            free = (free.0.min(blocks), free.1.max(blocks));
            if over || done >= self.target * (self.rows.len() as u64 + 1) / ROWS {
                self.row(engine, done, free, reads.take(), since.elapsed())?;
                (since, free) = (Instant::now(), (u64::MAX, 0));
            }
            if over {
                return Ok(());
            }
            if said.elapsed() > SAY_EVERY {
                said = Instant::now();
                eprintln!("churning: {done} of {} writes, {blocks} blocks free", self.target);
            }
            std::thread::sleep(LOOK);
        }
    }

    fn row(
        &mut self,
        engine: &Engine,
        done: u64,
        free: (u64, u64),
        latencies: Latencies,
        took: Duration,
    ) -> Result<()> {
        let now = Written::now(engine, done)?;
        let step = now.since(self.before);
        self.before = now;
        if self.half.is_none() && done * 2 >= self.target {
            self.half = Some(now);
        }
        self.latencies.merge(&latencies);
        self.free = (self.free.0.min(free.0), self.free.1.max(free.1));
        if step.records > 0 {
            self.rows.push([
                (done as f64 * 100.0 / self.target as f64).into(),
                (step.records as f64 / took.as_secs_f64()).into(),
                step.amplification(self.record_size).into(),
                free.0.into(),
                free.1.into(),
                latencies.percentile_us(50.0).into(),
                latencies.percentile_us(99.0).into(),
            ]);
        }
        Ok(())
    }

    fn report(self, report: &mut Report, engine: &Engine) -> Result<()> {
        if let Some(half) = self.half {
            let last = self.before.since(half);
            report.fact("write_amplification_last_half", last.amplification(self.record_size));
        }
        report.fact("blocks", engine.stat("blocks")?);
        report.fact("free_blocks_min", self.free.0);
        report.fact("free_blocks_max", self.free.1);
        report.fact("reads", self.latencies.count());
        for (name, percent) in [("p50", 50.0), ("p99", 99.0), ("p999", 99.9)] {
            report.fact(format!("read_{name}_us"), self.latencies.percentile_us(percent));
        }
        report.fact("read_max_us", self.latencies.max_us());
        let columns = [
            "done_pct",
            "writes_per_s",
            "amplification",
            "free_min",
            "free_max",
            "p50_us",
            "p99_us",
        ];
        report.table("over_time", &columns);
        self.rows.into_iter().for_each(|row| report.row(row));
        Ok(())
    }
}
