//! What the process uses, as the kernel accounts for it, and latencies.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use model::{Error, ErrorKind, Result};

/// Ticks of a second in `/proc/self/stat`: 100 on every Linux, as programs see it.
const TICKS_PER_S: u64 = 100;

/// User and system time of all threads of this process, exact to 10 ms.
pub(crate) fn cpu() -> Result<Duration> {
    cpu_of("self")
}

/// The same of another process, by its number.
pub(crate) fn cpu_of(process: &str) -> Result<Duration> {
    let stat = read(&format!("/proc/{process}/stat"))?;
    // The name of the process, in parentheses, may hold anything.
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let mut times = fields.split_whitespace().skip(11).map(str::parse::<u64>);
    match (times.next(), times.next()) {
        (Some(Ok(user)), Some(Ok(system))) => {
            Ok(Duration::from_millis((user + system) * 1000 / TICKS_PER_S))
        }
        _ => Err(Error::new(ErrorKind::Internal, "/proc/PID/stat has another shape")),
    }
}

/// Bytes of this process in memory now.
pub(crate) fn resident() -> Result<u64> {
    status("VmRSS:")
}

/// The most bytes that it ever had in memory.
pub(crate) fn resident_peak() -> Result<u64> {
    status("VmHWM:")
}

fn status(name: &str) -> Result<u64> {
    let status = read("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kib = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    let unknown = || Error::new(ErrorKind::Internal, format!("/proc/self/status has no {name}"));
    Ok(kib.ok_or_else(unknown)? << 10)
}

fn read(path: &str) -> Result<String> {
    std::fs::read_to_string(path).map_err(|e| crate::engine::failed(path, &e))
}

/// Time and CPU since it was made.
pub(crate) struct Watch(Instant, Duration);

impl Watch {
    pub(crate) fn start() -> Result<Watch> {
        Ok(Watch(Instant::now(), cpu()?))
    }

    pub(crate) fn seconds(&self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }

    pub(crate) fn cpu_seconds(&self) -> Result<f64> {
        Ok((cpu()? - self.1).as_secs_f64())
    }
}

/// Latencies in ns, exact to 0.1 %.
#[derive(Debug, Clone)]
pub(crate) struct Latencies(Histogram<u64>);

impl Latencies {
    pub(crate) fn new() -> Latencies {
        let (shortest, longest, digits) = (1, 3_600_000_000_000, 3);
        let histogram = Histogram::new_with_bounds(shortest, longest, digits);
        Latencies(histogram.expect("these bounds are in order"))
    }

    pub(crate) fn add(&mut self, took: Duration) {
        self.0.saturating_record(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }

    pub(crate) fn merge(&mut self, other: &Latencies) {
        self.0.add(&other.0).expect("all have the same bounds");
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.len()
    }

    /// The latency that this share of all, percent, does not exceed, µs.
    pub(crate) fn percentile_us(&self, percent: f64) -> f64 {
        self.0.value_at_quantile(percent / 100.0) as f64 / 1e3
    }

    pub(crate) fn max_us(&self) -> f64 {
        self.0.max() as f64 / 1e3
    }

    /// Share of latencies above this many ms, percent.
    pub(crate) fn over_ms_pct(&self, ms: u64) -> f64 {
        let over = self.0.count_between(ms * 1_000_000 + 1, u64::MAX);
        over as f64 * 100.0 / self.0.len().max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_has_memory_and_time() {
        assert!(resident().unwrap() > 0 && resident_peak().unwrap() >= resident().unwrap() / 2);
        cpu().unwrap();
    }

    #[test]
    fn latencies_are_counted_by_bounds() {
        let mut latencies = Latencies::new();
        for ms in 1..=100 {
            latencies.add(Duration::from_millis(ms) + Duration::from_micros(100));
        }
        assert_eq!(latencies.over_ms_pct(8), 93.0);
        assert_eq!(latencies.over_ms_pct(64), 37.0);
        assert!((49_900.0..50_300.0).contains(&latencies.percentile_us(50.0)));
    }
}
