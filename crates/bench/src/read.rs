//! Gets from disk with many under way: both back ends of a device, and fio on the same file.
//!
//! The namespace keeps no records in memory and the file is read directly, so each get is a read of
//! the device. fio reads 4 KiB at a time at random places of the same file, at the same depth. All of
//! them run in turn, `--rounds` times; the figures that count are medians.

use std::sync::Arc;
use std::time::{Duration, Instant};

use model::{Error, ErrorKind, Result};
use namespace::Namespace;
use storage::Backend;
use store::Bins;

use crate::data::{Data, Picks};
use crate::engine::{Engine, Setup, failed, now_ms};
use crate::fio::{self, Fio};
use crate::load::{in_threads, load};
use crate::meter::{Latencies, Watch};
use crate::options::Args;
use crate::report::Report;

/// One run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    pub(crate) per_s: f64,
    pub(crate) cpu_us: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
}

/// Who reads.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Reader {
    Aerie(Backend),
    Fio(Fio),
}

impl Reader {
    fn name(self) -> &'static str {
        match self {
            Reader::Aerie(Backend::Auto) => "aerie auto",
            Reader::Aerie(Backend::Pool) => "aerie pool",
            Reader::Aerie(Backend::Uring) => "aerie uring",
            Reader::Aerie(Backend::Caller) => "aerie caller",
            Reader::Fio(Fio::Libaio) => "fio libaio",
            Reader::Fio(Fio::Uring) => "fio io_uring",
        }
    }
}

pub(crate) fn run(args: &Args) -> Result<Report> {
    let data = Arc::new(args.data(1_000_000, 100));
    let place = args.place()?;
    let setup = args.setup(&place.paths, args.size_for(&data)?, data.records);
    let engine = Engine::open(&setup)?;
    if engine.info().objects != data.records {
        load(&engine, &data, args.threads)?;
    }
    data.check_sample(&engine, 10_000)?;
    let mut report = Report::new("read");
    report.fact("records", data.records);
    report.fact("data_bytes", engine.stat("data_used_bytes")?);
    report.fact("depth", args.depth);
    engine.close()?;
    let readers = readers(args, &mut report);
    let columns = ["round", "reader", "reads_per_s", "cpu_us_per_read", "p50_us", "p99_us"];
    report.table("runs", &columns);
    let mut runs = vec![Vec::new(); readers.len()];
    for round in 1..=args.rounds {
        for (reader, runs) in readers.iter().zip(&mut runs) {
            let run = one(*reader, args, &setup, &data)?;
            let figures = [run.per_s, run.cpu_us, run.p50_us, run.p99_us].map(Into::into);
            let [per_s, cpu_us, p50_us, p99_us] = figures;
            report.row([round.into(), reader.name().into(), per_s, cpu_us, p50_us, p99_us]);
            runs.push(run);
        }
    }
    medians(&readers, &runs, &mut report);
    Ok(report)
}

/// Ours and fio's in turn.
fn readers(args: &Args, report: &mut Report) -> Vec<Reader> {
    let ours = match args.backend {
        Some(backend) => vec![backend],
        None => vec![Backend::Uring, Backend::Pool],
    };
    let theirs = if fio::is_there() { &[Fio::Uring, Fio::Libaio][..] } else { &[] };
    if theirs.is_empty() {
        report.fact("fio", "not there; install the Debian package fio to compare");
    }
    let longest = ours.len().max(theirs.len());
    let turn = |n: usize| {
        let mine = ours.get(n).map(|backend| Reader::Aerie(*backend));
        mine.into_iter().chain(theirs.get(n).map(|engine| Reader::Fio(*engine)))
    };
    (0..longest).flat_map(turn).collect()
}

fn one(reader: Reader, args: &Args, setup: &Setup, data: &Arc<Data>) -> Result<Run> {
    let time = Duration::from_secs(args.seconds.unwrap_or(5));
    match reader {
        Reader::Fio(engine) => fio::run(engine, &setup.paths, args.depth, time, args.seed),
        Reader::Aerie(backend) => {
            let engine = Engine::open(&Setup { backend, ..setup.clone() })?;
            let run = match backend {
                Backend::Caller => with_threads(args, &engine, data, time),
                _ => with_tasks(args, &engine, data, time),
            }?;
            engine.close()?;
            Ok(run)
        }
    }
}

/// `--depth` tasks on tokio's threads, each with one get under way.
fn with_tasks(args: &Args, engine: &Engine, data: &Arc<Data>, time: Duration) -> Result<Run> {
    let runtime = tokio::runtime::Runtime::new().map_err(|e| failed("cannot start threads", &e))?;
    let watch = Watch::start()?;
    let until = Instant::now() + time;
    let mut tasks = Vec::with_capacity(args.depth);
    for task in 0..args.depth as u64 {
        let picks = Picks::new(data, args.zipf, args.seed ^ task << 32)?;
        tasks.push(runtime.spawn(read_on(engine.shared(), data.clone(), picks, until)));
    }
    let mut all = Latencies::new();
    for task in tasks {
        let panicked = |_| Error::new(ErrorKind::Internal, "a reader panicked");
        all.merge(&runtime.block_on(task).map_err(panicked)??);
    }
    figures(&all, &watch)
}

async fn read_on(
    namespace: Arc<Namespace>,
    data: Arc<Data>,
    mut picks: Picks,
    until: Instant,
) -> Result<Latencies> {
    let mut latencies = Latencies::new();
    while Instant::now() < until {
        let n = picks.draw();
        let digest = data.digest(n);
        let begun = Instant::now();
        let found = namespace.get_async(&digest, Bins::All, now_ms()).await?;
        latencies.add(begun.elapsed());
        data.check(n, found.record.as_ref())?;
    }
    Ok(latencies)
}

/// `--depth` threads, each of which waits for its own get.
fn with_threads(args: &Args, engine: &Engine, data: &Data, time: Duration) -> Result<Run> {
    let threads = u8::try_from(args.depth).map_err(|_| {
        let detail = format!("{} threads for the caller's reads; give at most 255", args.depth);
        Error::new(ErrorKind::Parameter, detail)
    })?;
    let watch = Watch::start()?;
    let until = Instant::now() + time;
    let all = std::sync::Mutex::new(Latencies::new());
    in_threads(threads, |thread| {
        let mut picks = Picks::new(data, args.zipf, args.seed ^ u64::from(thread) << 32)?;
        let mut latencies = Latencies::new();
        while Instant::now() < until {
            let n = picks.draw();
            let digest = data.digest(n);
            let begun = Instant::now();
            let found = engine.get(&digest, Bins::All, now_ms())?;
            latencies.add(begun.elapsed());
            data.check(n, found.record.as_ref())?;
        }
        all.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).merge(&latencies);
        Ok(())
    })?;
    let all = all.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    figures(&all, &watch)
}

fn figures(latencies: &Latencies, watch: &Watch) -> Result<Run> {
    let reads = latencies.count().max(1) as f64;
    Ok(Run {
        per_s: reads / watch.seconds(),
        cpu_us: watch.cpu_seconds()? * 1e6 / reads,
        p50_us: latencies.percentile_us(50.0),
        p99_us: latencies.percentile_us(99.0),
    })
}

/// The median of each reader, and ours as shares of fio's best.
fn medians(readers: &[Reader], runs: &[Vec<Run>], report: &mut Report) {
    let per_s: Vec<f64> = runs.iter().map(|runs| median(runs, |run| run.per_s)).collect();
    let of = |ours: bool| {
        let each = readers.iter().zip(runs).zip(&per_s);
        each.filter(move |((reader, _), _)| matches!(reader, Reader::Aerie(_)) == ours)
    };
    let best = of(false).max_by(|a, b| a.1.total_cmp(b.1));
    for ((reader, runs), per_s) in of(true) {
        let name = reader.name();
        report.fact(format!("{name}: reads_per_s"), *per_s);
        report.fact(format!("{name}: cpu_us_per_read"), median(runs, |run| run.cpu_us));
        let p99_us = median(runs, |run| run.p99_us);
        report.fact(format!("{name}: p99_us"), p99_us);
        if let Some(((fio, theirs), best)) = best {
            report.fact(format!("{name}: share_of_{}_pct", fio.name()), per_s * 100.0 / best);
            let times = p99_us / median(theirs, |run| run.p99_us);
            report.fact(format!("{name}: p99_in_{}'s", fio.name()), times);
        }
    }
}

fn median(runs: &[Run], figure: impl Fn(&Run) -> f64) -> f64 {
    let mut figures: Vec<f64> = runs.iter().map(figure).collect();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}
