//! Loading: how fast, and what a record costs in memory and in storage.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use model::{Error, ErrorKind, Result};

use crate::data::{Data, KEY_SIZE};
use crate::engine::{Engine, failed};
use crate::meter::{Watch, resident, resident_peak};
use crate::options::Args;
use crate::report::Report;

/// Records that a thread takes at a time.
const STRIDE: u64 = 4096;
/// How often a long measurement says how far it is.
pub(crate) const SAY_EVERY: Duration = Duration::from_secs(10);
/// How long a write waits for room before the measurement gives up: defragmentation wins back many
/// blocks in this time, if it wins back any.
const ROOM_WITHIN: Duration = Duration::from_secs(60);

pub(crate) fn run(args: &Args) -> Result<Report> {
    let data = args.data(1_000_000, 100);
    let place = args.place()?;
    let paths = if args.memory { &[][..] } else { &place.paths };
    let before = resident()?;
    let engine = Engine::open(&args.setup(paths, args.size_for(&data)?, data.records))?;
    let watch = Watch::start()?;
    let waits = load(&engine, &data, args.threads)?;
    let (seconds, cpu) = (watch.seconds(), watch.cpu_seconds()?);
    let (info, live) = (engine.info(), engine.stat("data_used_bytes")?);
    let resident = resident()?.saturating_sub(before);
    let per_record = |bytes: u64| bytes as f64 / info.objects.max(1) as f64;
    let mut report = Report::new("load");
    report.fact("records", info.objects);
    report.fact("threads", args.threads);
    report.fact("durability", info.durability.clone());
    report.fact("seconds", seconds);
    report.fact("records_per_s", data.records as f64 / seconds);
    report.fact("cpu_us_per_record", cpu * 1e6 / data.records as f64);
    report.fact("waits_for_room", waits);
    report.fact("index_bytes", info.index_bytes);
    report.fact("index_bytes_per_record", per_record(info.index_bytes));
    report.fact("resident_bytes_per_record", per_record(resident));
    report.fact("resident_peak_bytes", resident_peak()?);
    report.fact("user_bytes_per_record", KEY_SIZE + data.value_size as u64);
    report.fact("live_bytes_per_record", per_record(live));
    report.fact("used_bytes_per_record", per_record(info.used_bytes));
    let closing = Watch::start()?;
    engine.close()?;
    report.fact("close_seconds", closing.seconds());
    Ok(report)
}

/// Writes version 0 of every record, from several threads, and says how often one waited for room.
pub(crate) fn load(engine: &Engine, data: &Data, threads: u8) -> Result<u64> {
    let (next, waits) = (AtomicU64::new(0), AtomicU64::new(0));
    let begun = Instant::now();
    let one = || -> Result<()> {
        let mut said = Instant::now();
        loop {
            let from = next.fetch_add(STRIDE, Relaxed);
            if from >= data.records {
                return Ok(());
            }
            for n in from..data.records.min(from + STRIDE) {
                waits.fetch_add(write(engine, data, n, 0)?, Relaxed);
            }
            if said.elapsed() > SAY_EVERY {
                said = Instant::now();
                let per_s = from as f64 / begun.elapsed().as_secs_f64();
                eprintln!("loading: {from} of {} records, {per_s:.0}/s", data.records);
            }
        }
    };
    in_threads(threads, |_| one())?;
    Ok(waits.into_inner())
}

/// Writes a version of a record and waits until it is answered; says how often there was no room
/// because defragmentation or the device was behind.
pub(crate) fn write(engine: &Engine, data: &Data, n: u64, version: u64) -> Result<u64> {
    let mut waits = 0;
    let mut since = None;
    loop {
        match data.write(engine, n, version) {
            Ok(ticket) => {
                ticket.map_or(Ok(()), |ticket| ticket.wait_blocking())?;
                return Ok(waits);
            }
            Err(error) if matches!(error.kind, ErrorKind::NoSpace | ErrorKind::DeviceOverload) => {
                waits += 1;
                if since.get_or_insert_with(Instant::now).elapsed() > ROOM_WITHIN {
                    return Err(error);
                }
                std::thread::sleep(Duration::from_millis(1));
            }
            Err(error) => return Err(error),
        }
    }
}

/// Runs `work` in this many threads, which it numbers. The first error is given.
pub(crate) fn in_threads(threads: u8, work: impl Fn(u8) -> Result<()> + Sync) -> Result<()> {
    let work = &work;
    std::thread::scope(|scope| {
        let started = (0..threads).map(|n| {
            let name = std::thread::Builder::new().name(format!("work {n}"));
            name.spawn_scoped(scope, move || work(n))
        });
        let started: Vec<_> = started.collect();
        let mut outcome = Ok(());
        for thread in started {
            let ended = match thread {
                Ok(thread) => thread.join().unwrap_or_else(|_| {
                    Err(Error::new(ErrorKind::Internal, "a thread of the measurement panicked"))
                }),
                Err(error) => Err(failed("cannot start a thread", &error)),
            };
            outcome = outcome.and(ended);
        }
        outcome
    })
}
