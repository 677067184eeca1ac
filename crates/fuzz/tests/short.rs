//! Some cases of each target, always the same: `cargo run -p fuzz -- planner --seconds 600` does more.

use std::process::ExitCode;
use std::time::Duration;

use fuzz::{
    Limits, Report, cdt::Cdt, expression::Expressions, frame::Frame, planner::Planner, run,
    wire::Wire,
};

/// A few seconds in an unoptimized build.
const PLANS: u64 = 400;
const CONVERSATIONS: u64 = 100;
const FRAMES: u64 = 100;
const OPERATIONS: u64 = 2000;
const EXPRESSIONS: u64 = 20_000;
const SEED: u64 = 7;

fn limits(cases: u64) -> Limits {
    Limits { seed: SEED, first: 0, cases, time: Duration::MAX, show: false }
}

fn told(target: &str, report: &Report) -> bool {
    for failure in &report.failures {
        eprintln!("{target}, case {}: {}\n{}", failure.case, failure.wrong, failure.input);
    }
    println!("{target}: {} cases, {} failures", report.cases, report.failures.len());
    report.failures.is_empty()
}

fn main() -> ExitCode {
    let plans = told("planner", &run(&mut Planner::default(), limits(PLANS)));
    let conversations = told("wire", &run(&mut Wire::default(), limits(CONVERSATIONS)));
    let frames = told("frame", &run(&mut Frame::default(), limits(FRAMES)));
    let operations = told("cdt", &run(&mut Cdt, limits(OPERATIONS)));
    let expressions = told("expression", &run(&mut Expressions::default(), limits(EXPRESSIONS)));
    if plans && conversations && frames && operations && expressions {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
