//! Load on a node through Aerospike's client protocol: the figures behind goals 5, 6 and 14.
//!
//! [`run`] is `aerie bench aerospike WORKLOAD`.
//!
//! 1. Without `--at` it starts a node of its own, this program with a namespace in memory
//!    (`server.rs`); any server of the protocol can stand at `--at`.
//! 2. All records are written once, spread over the connections.
//! 3. Each connection is a thread that sends `--pipeline` requests and waits for their answers
//!    (`connection.rs`): a closed loop, as asbench's.
//! 4. The server's processor time is its process's, user and system, over the measured time.
//!
//! Always true: every answer is checked to be the record's, one in 64 byte by byte.

mod connection;
mod server;

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use clap::ValueEnum;
use model::{Error, ErrorKind, Result};

use crate::data::{Data, Picks};
use crate::meter::Latencies;
use crate::options::count;
use crate::report::Report;
use connection::{Connection, Request};
use server::Server;

/// Seconds of the same load before what is measured.
const WARM_UP: Duration = Duration::from_secs(2);
/// Requests that a loading connection has under way.
const LOADING: usize = 64;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Workload {
    /// Reads whole records by key (goal 5)
    Get,
    /// Overwrites records by key (goal 14)
    Put,
    /// Reads and overwrites, as --read-pct says (goal 6)
    Mix,
}

/// Flags of `aerie bench aerospike`. Counts take k, M, G.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// What to measure
    #[arg(value_enum)]
    pub workload: Workload,
    /// A server that runs; a node of its own is started unless given
    #[arg(long, value_name = "HOST:PORT")]
    pub at: Option<String>,
    /// Process of the server at --at, for its processor time
    #[arg(long, requires = "at")]
    pub pid: Option<u32>,
    /// The namespace
    #[arg(long, default_value = "test")]
    pub namespace: String,
    /// Records
    #[arg(long, value_parser = count, default_value = "1M")]
    pub records: u64,
    /// Bytes of the one blob in each record
    #[arg(long, value_name = "BYTES", default_value_t = 100)]
    pub value_size: usize,
    /// Connections, a thread each
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..))]
    pub connections: u16,
    /// Requests that each connection sends before it waits for their answers
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub pipeline: u16,
    /// mix: reads among a hundred requests
    #[arg(long, default_value_t = 80, value_parser = clap::value_parser!(u8).range(0..=100))]
    pub read_pct: u8,
    /// Skew of the keys: Zipf's exponent, such as 0.99; uniform unless given
    #[arg(long, value_name = "THETA")]
    pub zipf: Option<f64>,
    /// Seed of all that is random
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Seconds of the measurement
    #[arg(long, default_value_t = 8)]
    pub seconds: u64,
    /// The records are there already, from an earlier run with the same --seed
    #[arg(long, requires = "at")]
    pub loaded: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Runs a workload and prints what it found.
pub fn run(args: &Args) -> Result<()> {
    let data = Data {
        records: args.records,
        value_size: args.value_size.max(connection::VERSION_SIZE),
        store_key: false,
        seed: args.seed,
    };
    let server = match &args.at {
        Some(at) => Server::running(at, args.pid)?,
        None => Server::start(args, &data)?,
    };
    if !args.loaded {
        load(args, &data, &server)?;
    }
    let report = measure(args, &data, &server)?;
    crate::print(&report, args.json)
}

fn connect(args: &Args, server: &Server) -> Result<Vec<Connection>> {
    (0..args.connections).map(|_| Connection::open(server.address(), &args.namespace)).collect()
}

/// Writes every record, each connection its share.
fn load(args: &Args, data: &Data, server: &Server) -> Result<()> {
    let connections = connect(args, server)?;
    let all = u64::from(args.connections);
    in_threads(connections, |thread, mut connection| {
        let mut next = (thread as u64..data.records).step_by(all as usize);
        loop {
            let requests: Vec<Request> = next.by_ref().take(LOADING).map(Request::Put).collect();
            if requests.is_empty() {
                return Ok(());
            }
            connection.run(data, &requests)?;
        }
    })?;
    Ok(())
}

/// What one connection did.
struct Done {
    latencies: Latencies,
    operations: u64,
}

fn measure(args: &Args, data: &Data, server: &Server) -> Result<Report> {
    let connections: Vec<_> = (1..)
        .zip(connect(args, server)?)
        .map(|(number, connection)| {
            Ok((Picks::new(data, args.zipf, args.seed ^ (number << 32))?, connection))
        })
        .collect::<Result<_>>()?;
    let (measured, stop) = (AtomicBool::new(false), AtomicBool::new(false));
    let begin = Barrier::new(connections.len() + 1);
    let (mut seconds, mut cpu) = (0.0, None);
    let done = std::thread::scope(|scope| {
        let clock = scope.spawn(|| {
            begin.wait();
            std::thread::sleep(WARM_UP);
            let (begun, before) = (Instant::now(), server.cpu());
            measured.store(true, Relaxed);
            std::thread::sleep(Duration::from_secs(args.seconds));
            let (after, took) = (server.cpu(), begun.elapsed());
            stop.store(true, Relaxed);
            (took, before.zip(after).map(|(before, after)| after - before))
        });
        let done = in_threads(connections, |_, (picks, connection)| {
            begin.wait();
            ask(args, data, connection, picks, (&measured, &stop))
        });
        let (took, used) = clock.join().unwrap_or_default();
        (seconds, cpu) = (took.as_secs_f64(), used);
        done
    })?;
    let operations: u64 = done.iter().map(|done| done.operations).sum();
    let mut latencies = Latencies::new();
    done.iter().for_each(|done| latencies.merge(&done.latencies));
    Ok(report(args, operations, seconds, cpu, &latencies))
}

/// Asks until `stop`; counts from `measured` on.
fn ask(
    args: &Args,
    data: &Data,
    mut connection: Connection,
    mut picks: Picks,
    (measured, stop): (&AtomicBool, &AtomicBool),
) -> Result<Done> {
    let mut done = Done { latencies: Latencies::new(), operations: 0 };
    let mut requests = Vec::new();
    let mut turn = 0u64;
    while !stop.load(Relaxed) {
        requests.clear();
        for _ in 0..args.pipeline {
            turn += 1;
            let n = picks.draw();
            // 37 has no divisor with 100: reads and writes take turns.
            let reads = match args.workload {
                Workload::Get => true,
                Workload::Put => false,
                Workload::Mix => turn * 37 % 100 < u64::from(args.read_pct),
            };
            requests.push(if reads { Request::Get(n) } else { Request::Put(n) });
        }
        let begun = Instant::now();
        connection.run(data, &requests)?;
        if measured.load(Relaxed) && !stop.load(Relaxed) {
            done.operations += requests.len() as u64;
            done.latencies.add(begun.elapsed());
        }
    }
    Ok(done)
}

fn report(
    args: &Args,
    operations: u64,
    seconds: f64,
    cpu: Option<Duration>,
    latencies: &Latencies,
) -> Report {
    let mut report = Report::new(match args.workload {
        Workload::Get => "get",
        Workload::Put => "put",
        Workload::Mix => "mix",
    });
    report.fact("records", args.records);
    report.fact("keys", args.zipf.map_or("uniform".to_string(), |theta| format!("zipf {theta}")));
    report.fact("connections", args.connections);
    report.fact("pipeline", args.pipeline);
    report.fact("operations_per_s", operations as f64 / seconds.max(1e-9));
    for (name, percent) in [("p50_us", 50.0), ("p99_us", 99.0), ("p999_us", 99.9)] {
        report.fact(name, latencies.percentile_us(percent));
    }
    if let Some(cpu) = cpu {
        report.fact(
            "server_cpu_us_per_operation",
            cpu.as_secs_f64() * 1e6 / operations.max(1) as f64,
        );
    }
    report
}

/// A thread for each connection; the first error counts.
fn in_threads<C: Send, T: Send>(
    connections: Vec<C>,
    work: impl Fn(usize, C) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let panicked = |_| Err(Error::new(ErrorKind::Internal, "a connection's thread panicked"));
    std::thread::scope(|scope| {
        let work = &work;
        let threads: Vec<_> = connections
            .into_iter()
            .enumerate()
            .map(|(thread, connection)| scope.spawn(move || work(thread, connection)))
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(panicked)).collect()
    })
}
