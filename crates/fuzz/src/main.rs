//! `fuzz planner|wire|frame|cdt|expression`: feeds random cases and tells what went wrong. Exit status 1 where
//! something did; 2 where a case had to be ended.

use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use fuzz::{
    Limits, Report, cdt::Cdt, expression::Expressions, frame::Frame, planner::Planner, run,
    wire::Wire,
};

/// Feeds random statements, conversations or operations to a node in this process.
#[derive(Parser)]
struct Args {
    /// What is fed.
    target: Which,
    /// Seconds to run for.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// The number that all cases come from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Number of the first case: with the same seed it is the same case.
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// Cases at most.
    #[arg(long, default_value_t = u64::MAX)]
    cases: u64,
    /// Show each case before it runs.
    #[arg(long)]
    show: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Which {
    /// Statements, to the plan.
    Planner,
    /// Conversations over a socket.
    Wire,
    /// Conversations of Aerospike's clients over a socket.
    Frame,
    /// Operations on lists and maps.
    Cdt,
    /// Expressions and operations on a record.
    Expression,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let limits = Limits {
        seed: args.seed,
        first: args.first,
        cases: args.cases,
        time: Duration::from_secs(args.seconds),
        show: args.show,
    };
    let report = match args.target {
        Which::Planner => run(&mut Planner::default(), limits),
        Which::Wire => run(&mut Wire::default(), limits),
        Which::Frame => run(&mut Frame::default(), limits),
        Which::Cdt => run(&mut Cdt, limits),
        Which::Expression => run(&mut Expressions::default(), limits),
    };
    tell(&report, args.seed)
}

fn tell(report: &Report, seed: u64) -> ExitCode {
    for failure in &report.failures {
        println!("---- case {}: {}\n{}", failure.case, failure.wrong, failure.input);
        println!("again: --seed {seed} --first {} --cases 1", failure.case);
    }
    println!("{} cases, {} failures", report.cases, report.failures.len());
    if report.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
