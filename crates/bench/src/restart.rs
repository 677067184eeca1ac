//! Restarts: clean, after kill -9, and from the log without its checkpoint.
//!
//! 1. The records are loaded, or those of `--path` are used; the namespace is closed and opened.
//! 2. A child, this program with the same flags, opens it, overwrites records with checkpoints on,
//!    tells on its standard output which writes were answered, and is killed.
//! 3. The namespace is opened. Every write that the child told of has to be there.
//! 4. It is closed and opened once more, without the checkpoint.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use model::{Error, ErrorKind, Result};
use serde_json::Value;
use storage::Durability;
use store::Bins;

use crate::data::{Data, Picks};
use crate::engine::{Engine, Setup, failed, now_ms};
use crate::load::{in_threads, load, write};
use crate::meter::{Watch, resident_peak};
use crate::options::Args;
use crate::report::Report;

/// How long the file of a process that was killed may stay locked: until the kernel has taken back
/// the io_uring that had it open.
const LOCKED_MAX: Duration = Duration::from_secs(10);
/// Records that are read and checked after each restart.
const SAMPLE: u64 = 10_000;

pub(crate) fn run(args: &Args) -> Result<Report> {
    let data = args.data(1_000_000, 100);
    let place = args.place()?;
    let setup = args.setup(&place.paths, args.size_for(&data)?, data.records);
    let engine = Engine::open(&setup)?;
    match engine.info().objects {
        0 => drop(load(&engine, &data, args.threads)?),
        n if n == data.records => {}
        n => {
            let detail = format!("the files hold {n} records; say --records {n}, or name others");
            return Err(Error::new(ErrorKind::Parameter, detail));
        }
    }
    let closing = Watch::start()?;
    engine.close()?;
    let mut report = Report::new("restart");
    report.fact("records", data.records);
    report.fact("close_seconds", closing.seconds());
    let mut restarts = Vec::new();
    reopen(&setup, &data, "clean", &mut restarts)?.close()?;
    let acknowledged = killed(args, &place.paths)?;
    report.fact("locked_after_the_kill_seconds", unlocked(&place.paths)?);
    let engine = reopen(&setup, &data, "after kill -9", &mut restarts)?;
    find_all(&engine, &data, &acknowledged)?;
    engine.close()?;
    let setup = Setup { ignore_checkpoint: true, ..setup };
    reopen(&setup, &data, "log only", &mut restarts)?.close()?;
    report.fact("writes_before_the_kill", acknowledged.told);
    report.fact("of_which_found_again", acknowledged.newest.len());
    report.fact("resident_peak_bytes", resident_peak()?);
    report.table("restarts", &["restart", "seconds", "cpu_seconds", "objects", "read"]);
    restarts.into_iter().for_each(|row| report.row(row));
    Ok(report)
}

/// Opens the namespace, times that, and checks a sample of its records.
fn reopen(
    setup: &Setup,
    data: &Data,
    what: &str,
    restarts: &mut Vec<[Value; 5]>,
) -> Result<Engine> {
    let watch = Watch::start()?;
    let engine = Engine::open(setup)?;
    let (seconds, cpu) = (watch.seconds(), watch.cpu_seconds()?);
    let phases = engine.phases.iter().map(|phase| {
        let (mib, took) = (phase.bytes >> 20, phase.took.as_secs_f64());
        format!("{} {mib} MiB {took:.2} s", phase.what)
    });
    let phases = phases.collect::<Vec<_>>().join(", ");
    let objects = engine.info().objects;
    restarts.push([what.into(), seconds.into(), cpu.into(), objects.into(), phases.into()]);
    data.check_sample(&engine, SAMPLE)?;
    Ok(engine)
}

/// What the child said before it died.
struct Acknowledged {
    /// Writes of all its threads.
    told: u64,
    /// The newest version of each record that its first thread wrote.
    newest: HashMap<u64, u64>,
}

/// Starts the child and kills it after `--seconds` of writing.
fn killed(args: &Args, paths: &[PathBuf]) -> Result<Acknowledged> {
    let program = std::env::current_exe().map_err(|e| failed("cannot find this program", &e))?;
    let paths: Vec<_> = paths.iter().map(|path| path.as_os_str()).collect();
    let mut child = Command::new(program)
        .args(std::env::args_os().skip(1))
        .arg("--writer-of")
        .arg(paths.join(",".as_ref()))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|e| failed("cannot start a process", &e))?;
    let said = child.stdout.take().map(BufReader::new);
    let mut acknowledged = Acknowledged { told: 0, newest: HashMap::new() };
    let mut until = None;
    for line in said.into_iter().flat_map(BufReader::lines) {
        let line = line.map_err(|e| failed("cannot hear the process that writes", &e))?;
        let words: Vec<u64> = line.split(' ').map_while(|word| word.parse().ok()).collect();
        match words[..] {
            [n, version] => drop(acknowledged.newest.insert(n, version)),
            [told] => acknowledged.told = told,
            _ => until = Some(Instant::now() + Duration::from_secs(args.seconds.unwrap_or(20))),
        }
        if until.is_some_and(|until| Instant::now() > until) {
            child.kill().map_err(|e| failed("cannot kill the process that writes", &e))?;
            until = None;
        }
    }
    let status = child.wait().map_err(|e| failed("cannot wait for a process", &e))?;
    match std::os::unix::process::ExitStatusExt::signal(&status) {
        Some(_) => Ok(acknowledged),
        None => {
            let detail = format!("the process that writes ended by itself: {status}");
            Err(Error::new(ErrorKind::Internal, detail))
        }
    }
}

/// Waits until nobody holds the files' locks any more, and says how long that took, seconds.
fn unlocked(paths: &[PathBuf]) -> Result<f64> {
    let begun = Instant::now();
    for path in paths {
        let file = File::open(path).map_err(|e| failed("cannot open the data file", &e))?;
        while let Err(error) = file.try_lock() {
            if begun.elapsed() > LOCKED_MAX {
                return Err(failed("the killed process still has the data file", &error.into()));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    Ok(begun.elapsed().as_secs_f64())
}

/// The child: overwrites records until it is killed. Its first line says that it begins; then each
/// write of the first thread is told once it is answered, as record and version, and from time to
/// time the number of all writes.
pub(crate) fn write_until_killed(args: &Args, paths: &[PathBuf]) -> Result<()> {
    let data = args.data(1_000_000, 100);
    let setup = Setup {
        durability: args.durability.unwrap_or(Durability::Commit),
        ..args.setup(paths, args.size_for(&data)?, data.records)
    };
    let engine = Engine::open(&setup)?;
    let told = |e: std::io::Error| failed("nobody listens to the process that writes", &e);
    let mut out = std::io::stdout();
    writeln!(out, "writing").map_err(told)?;
    let all = std::sync::atomic::AtomicU64::new(0);
    in_threads(args.threads, |thread| {
        let mut picks = Picks::new(&data, args.zipf, args.seed + u64::from(thread))?;
        let mut out = std::io::stdout();
        for version in 1.. {
            // Each thread has records of its own, so that versions of a record only grow.
            let threads = u64::from(args.threads);
            let n = picks.draw() / threads * threads + u64::from(thread);
            if n >= data.records {
                continue;
            }
            write(&engine, &data, n, version)?;
            let all = 1 + all.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            if thread == 0 {
                writeln!(out, "{n} {version}\n{all}").map_err(told)?;
            }
        }
        Ok(())
    })
}

/// An error unless each record has at least the version that was acknowledged.
fn find_all(engine: &Engine, data: &Data, acknowledged: &Acknowledged) -> Result<()> {
    for (&n, &version) in &acknowledged.newest {
        let found = engine.get(&data.digest(n), Bins::All, now_ms())?;
        let found = data.check(n, found.record.as_ref())?;
        if found < version {
            let detail = format!(
                "record {n} has version {found} after the kill, {version} was acknowledged"
            );
            return Err(Error::new(ErrorKind::Corrupt, detail));
        }
    }
    Ok(())
}
