//! Measurements of the engine, in process: the figures behind goals 9, 10, 11, 16, 17, 18 and 19.
//!
//! [`run`] is `aerie bench engine WORKLOAD`; `cargo bench -p bench` measures single calls with the
//! same [`Data`] and [`Engine`].
//!
//! 1. [`Args`] says what; each workload has defaults of its own (`options.rs`).
//! 2. [`Engine`] is a namespace with the threads that a server gives it: one for defragmentation, one
//!    for what is due each second, one that builds indexes.
//! 3. A workload (`load.rs`, `get.rs`, `restart.rs`, `churn.rs`, `read.rs`, `act.rs`,
//!    `sindex.rs`) fills it with
//!    [`Data`] and measures: time, CPU and memory of the process (`meter.rs`), latencies from the
//!    intended start of each operation (`pace.rs`).
//! 4. A [`Report`] is the answer, for people or as JSON.
//!
//! Always true: what a workload reads is checked; a record that is missing or holds wrong bytes is an
//! error, not a figure.
//!
//! [`aerospike`] is the one measurement with a socket in it. `peers` and `wire` beside this crate run
//! the daemon against Redis and PostgreSQL.

mod act;
pub mod aerospike;
mod churn;
mod data;
mod engine;
mod fio;
mod get;
mod load;
mod meter;
mod options;
mod pace;
mod read;
mod report;
mod restart;
mod sindex;

pub use data::{Data, Picks, SET};
pub use engine::{Engine, Setup, now_ms};
pub use options::{Args, Workload};
pub use report::Report;

use std::io::Write;

use model::Result;

/// Runs a workload and prints what it found.
pub fn run(args: &Args) -> Result<()> {
    if let Some(paths) = &args.writer_of {
        return restart::write_until_killed(args, paths);
    }
    let report = match args.workload {
        Workload::Load => load::run(args),
        Workload::Get => get::run(args),
        Workload::Restart => restart::run(args),
        Workload::Churn => churn::run(args),
        Workload::Read => read::run(args),
        Workload::Act => act::run(args),
        Workload::Sindex => sindex::run(args),
    }?;
    print(&report, args.json)
}

fn print(report: &Report, json: bool) -> Result<()> {
    let mut out = std::io::stdout();
    let printed = match json {
        true => writeln!(out, "{:#}", report.json()),
        false => write!(out, "{report}"),
    };
    printed.map_err(|e| engine::failed("cannot print", &e))
}
