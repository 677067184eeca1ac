//! Statements, messages and expressions that nobody would send, against what strangers' bytes reach.
//!
//! 1. A [`Target`] makes its input from a case's random bytes: [`planner`] statements, [`wire`]
//!    whole conversations. Both draw on the statements of the .slt files (`corpus.rs`), cut and
//!    mixed (`mutate.rs`), and on ones that follow SQL's shape without sense (`statement.rs`).
//!    [`frame`] conversations of Aerospike's clients, [`cdt`] operations on lists and maps,
//!    [`expression`] expressions, and operations on bits and sketches.
//! 2. [`run`] feeds the cases one after the other to a node in this process, or to what it is about.
//! 3. `watch.rs` looks on: a panic counts also where the server catches it, and so do an answer
//!    that does not come and memory that does not go back.
//!
//! Always true: a case is a function of seed and number alone, so that `--seed S --first N
//! --cases 1` runs it again. What the node has stored is not part of it; it begins anew every
//! [`CASES_PER_NODE`] cases, from where a case that needs it may be repeated.

pub mod cdt;
mod corpus;
pub mod expression;
pub mod frame;
mod message;
mod mutate;
mod node;
pub mod planner;
mod random;
mod statement;
mod watch;
pub mod wire;

use std::fmt::Display;
use std::time::{Duration, Instant};

use random::case_bytes;
use watch::Watch;

/// Cases that one node sees: enough for its tables to fill, few enough to repeat.
pub const CASES_PER_NODE: u64 = 500;

/// What is fed.
pub trait Target {
    /// One case's input; it is shown when the case fails.
    type Input: Display;

    /// Starts over with a fresh node.
    fn renew(&mut self);

    /// Makes the input of a case from its random bytes.
    fn input(&self, bytes: &[u8]) -> arbitrary::Result<Self::Input>;

    /// Feeds it. An error is a broken promise of the server, a panic apart.
    fn feed(&mut self, input: &Self::Input) -> Result<(), String>;
}

/// Which cases, and how long.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The number that all cases come from.
    pub seed: u64,
    /// Number of the first case.
    pub first: u64,
    /// Cases at most.
    pub cases: u64,
    /// Time at most; the case that runs is ended.
    pub time: Duration,
    /// Whether each input is shown before it is fed.
    pub show: bool,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Report {
    /// Cases that were run.
    pub cases: u64,
    /// Failures, each told once: case, what is wrong, input.
    pub failures: Vec<Failure>,
}

/// A case that failed.
#[derive(Debug)]
pub struct Failure {
    /// Its number.
    pub case: u64,
    /// What is wrong: the panic's text and place, or the broken promise.
    pub wrong: String,
    /// What was fed.
    pub input: String,
}

/// Feeds cases to the target until a limit is met. Equal failures are told once.
pub fn run<T: Target>(target: &mut T, limits: Limits) -> Report {
    let (watch, began) = (Watch::start(limits.seed), Instant::now());
    let mut report = Report::default();
    for case in limits.first..limits.first.saturating_add(limits.cases) {
        if began.elapsed() >= limits.time {
            break;
        }
        if case == limits.first || case.is_multiple_of(CASES_PER_NODE) {
            target.renew();
        }
        let bytes = case_bytes(limits.seed, case);
        let Ok(input) = target.input(&bytes) else { continue };
        let shown = input.to_string();
        if limits.show {
            println!("case {case}: {shown}");
        }
        watch.begin(case, &shown);
        let fed = target.feed(&input);
        let wrong = watch.end().into_iter().chain(fed.err());
        report.cases += 1;
        for wrong in wrong {
            let known = report.failures.iter().any(|f| first_line(&f.wrong) == first_line(&wrong));
            if !known {
                report.failures.push(Failure { case, wrong, input: shown.clone() });
            }
        }
    }
    report
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}
