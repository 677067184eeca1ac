//! fio on the data files: what the device gives to a program that does nothing but read.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use model::{Error, ErrorKind, Result};
use serde_json::Value;

use crate::engine::failed;
use crate::read::Run;

/// How fio reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fio {
    Libaio,
    Uring,
}

/// Whether there is a fio to run.
pub(crate) fn is_there() -> bool {
    let version = Command::new("fio").arg("--version").stdout(Stdio::null()).status();
    version.is_ok_and(|status| status.success())
}

/// Reads 4 KiB at a time at random places, directly, and writes nothing.
pub(crate) fn run(
    engine: Fio,
    paths: &[PathBuf],
    depth: usize,
    time: Duration,
    seed: u64,
) -> Result<Run> {
    let engine = match engine {
        Fio::Libaio => "libaio",
        Fio::Uring => "io_uring",
    };
    // A colon separates files, so that one inside a path is escaped.
    let path = |path: &PathBuf| path.display().to_string().replace(':', "\\:");
    let paths = paths.iter().map(path).collect::<Vec<_>>().join(":");
    let said = Command::new("fio")
        .args(["--name=read", "--readonly", "--rw=randread", "--bs=4k", "--direct=1"])
        .args(["--time_based", "--norandommap", "--group_reporting", "--output-format=json"])
        .arg(format!("--filename={paths}"))
        .arg(format!("--ioengine={engine}"))
        .arg(format!("--iodepth={depth}"))
        .arg(format!("--runtime={}", time.as_secs()))
        .arg(format!("--randseed={seed}"))
        .output()
        .map_err(|e| failed("cannot start fio", &e))?;
    if !said.status.success() {
        let why = String::from_utf8_lossy(&said.stderr);
        return Err(Error::new(ErrorKind::Io, format!("fio failed: {}", why.trim())));
    }
    // Notes may stand before the object.
    let text = String::from_utf8_lossy(&said.stdout);
    let json = text.find('{').map_or("", |start| &text[start..]);
    let strange = || Error::new(ErrorKind::Io, format!("fio answered something else: {text}"));
    let told: Value = serde_json::from_str(json).map_err(|_| strange())?;
    figures(&told).ok_or_else(strange)
}

fn figures(told: &Value) -> Option<Run> {
    let job = told.get("jobs")?.get(0)?;
    let read = job.get("read")?;
    let per_s = read.get("iops")?.as_f64()?;
    let cpu_pct = job.get("usr_cpu")?.as_f64()? + job.get("sys_cpu")?.as_f64()?;
    let latency = |percentile: &str| {
        Some(read.get("clat_ns")?.get("percentile")?.get(percentile)?.as_f64()? / 1e3)
    };
    let (p50_us, p99_us) = (latency("50.000000")?, latency("99.000000")?);
    Some(Run { per_s, cpu_us: cpu_pct * 1e4 / per_s, p50_us, p99_us })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fio_says_is_understood() {
        let told = serde_json::json!({"jobs": [{
            "usr_cpu": 5.0, "sys_cpu": 15.0,
            "read": {"iops": 20_000.0, "clat_ns": {"percentile":
                {"50.000000": 100_000, "99.000000": 900_000}}},
        }]});
        let run = figures(&told).unwrap();
        assert_eq!((run.per_s, run.cpu_us, run.p50_us, run.p99_us), (20_000.0, 10.0, 100.0, 900.0));
        assert!(figures(&serde_json::json!({"jobs": []})).is_none());
    }
}
