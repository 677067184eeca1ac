//! `latencies`: operations per second and how many took how long, of the last seconds.
//!
//! Histograms count since the start. What is said is the difference to a look ten to twenty seconds
//! ago: each answer keeps its counts, and the two before it are what later ones are compared with.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use model::Result;
use store::Latency;

use super::{Ask, parameter};
use crate::exec::Operated;

/// Aerospike's own slice of time.
const SLICE: Duration = Duration::from_secs(10);

/// What was counted when.
pub(super) struct Windows {
    started: Instant,
    /// By name of the histogram.
    seen: Mutex<HashMap<String, Window>>,
}

impl Default for Windows {
    fn default() -> Windows {
        Windows { started: Instant::now(), seen: Mutex::default() }
    }
}

struct Window {
    before: Counts,
    last: Counts,
}

#[derive(Clone, Copy)]
struct Counts {
    at: Instant,
    count: u64,
    /// Of 2^n ms and more.
    over: [u64; Latency::POWERS],
}

impl Counts {
    fn of(latency: &Latency, at: Instant) -> Counts {
        Counts { at, count: latency.count, over: latency.over_ms }
    }
}

pub(super) fn answer<S: Operated>(
    windows: &Windows,
    node: &S,
    ask: &Ask<'_>,
) -> Option<Result<String>> {
    match ask.name {
        "latencies" => Some(latencies(windows, node, ask.get("hist"))),
        _ => None,
    }
}

/// The names under which clients and tools know what is timed here.
fn known(operation: &str) -> Option<&'static str> {
    Some(match operation {
        "read" => "read",
        "write" => "write",
        "batch-read" => "batch-sub-read",
        "scan" => "pi-query",
        _ => return None,
    })
}

fn latencies<S: Operated>(windows: &Windows, node: &S, hist: Option<&str>) -> Result<String> {
    let mut lines = Vec::new();
    for latency in node.latencies(None)? {
        let Some(operation) = known(latency.operation) else { continue };
        let name = format!("{{{}}}-{operation}", latency.namespace);
        if hist.is_none_or(|wanted| wanted == name) {
            let line = windows.line(&name, &latency, Instant::now());
            lines.push(format!("{name}:{line}"));
        }
    }
    match (lines.is_empty(), hist) {
        (true, Some(wanted)) => Err(parameter(format!("no histogram {wanted:?}"))),
        _ => Ok(lines.join(";")),
    }
}

impl Windows {
    /// Unit, operations per second, and percent of 1, 2, 4 .. 65536 ms and more. Nothing where
    /// nothing was ever counted.
    fn line(&self, name: &str, latency: &Latency, now: Instant) -> String {
        if latency.count == 0 {
            return String::new();
        }
        let counts = Counts::of(latency, now);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let zero = Counts { at: self.started, count: 0, over: [0; Latency::POWERS] };
        let window = seen.entry(name.to_string()).or_insert(Window { before: zero, last: zero });
        if now.duration_since(window.last.at) >= SLICE {
            (window.before, window.last) = (window.last, counts);
        }
        counts.since(&window.before)
    }
}

impl Counts {
    fn since(&self, before: &Counts) -> String {
        let seconds = self.at.duration_since(before.at).as_secs_f64().max(1.0);
        let operations = self.count.saturating_sub(before.count);
        let percent = |over: u64| 100.0 * over as f64 / operations.max(1) as f64;
        let mut line = format!("msec,{:.1}", operations as f64 / seconds);
        for (over, then) in self.over.iter().zip(before.over) {
            line += &format!(",{:.2}", percent(over.saturating_sub(then)));
        }
        line
    }
}
