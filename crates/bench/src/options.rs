//! What can be asked for on the command line.

use std::path::PathBuf;

use clap::ValueEnum;
use model::Result;
use storage::{Backend, Direct, Durability};
use tempfile::TempDir;

use crate::data::Data;
use crate::engine::{Setup, failed};

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Workload {
    /// Loads records: rate, bytes of index and of storage per record (goals 10 and 11)
    Load,
    /// Gets from memory: ns per get, single and in batches (goal 9)
    Get,
    /// Loads, then times restarts: clean, after kill -9, and from the log alone (goals 16 and 17)
    Restart,
    /// Overwrites a device many times over: write amplification, space, read latency (goal 18)
    Churn,
    /// Gets from disk with many under way, beside fio where that is installed (goal 19)
    Read,
    /// Reads of large objects at a fixed rate under writes: share over 1, 8 and 64 ms
    Act,
    /// Secondary indexes in memory: bytes of an entry, building, ranges (goal 8 without the wire)
    Sindex,
}

/// Flags of `aerie bench engine`. Counts take k, M, G (thousands); sizes take K, M, G, T (1024).
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// What to measure
    #[arg(value_enum)]
    pub workload: Workload,
    /// Records [default: 1M; churn and act: as --fill says]
    #[arg(long, value_parser = count)]
    pub records: Option<u64>,
    /// Bytes of the one blob in each record [default: 100; act: 1536]
    #[arg(long, value_name = "BYTES")]
    pub value_size: Option<usize>,
    /// Store the 16-byte key beside the digest, as SQL does
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set)]
    pub store_key: bool,
    /// Data files or block devices; a fresh file in a temporary folder below this one unless given
    #[arg(long, value_delimiter = ',', value_name = "FILE")]
    pub path: Vec<PathBuf>,
    /// load: keep the records in memory, without a file
    #[arg(long)]
    pub memory: bool,
    /// Bytes of all data files together [default: what the records need; churn and act: 2G]
    #[arg(long, value_parser = size)]
    pub size: Option<u64>,
    /// Write block
    #[arg(long, value_parser = size, default_value = "8M")]
    pub block_size: u64,
    /// Shards per partition of the index [default: 8, or 64 above 30 M records]
    #[arg(long)]
    pub shards: Option<u16>,
    /// When a write is answered: commit, interval:MS or memory [default: memory; restart's writes
    /// before the kill: commit]
    #[arg(long, value_parser = durability)]
    pub durability: Option<Durability>,
    /// Threads that write
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..))]
    pub threads: u8,
    /// Who waits for reads: auto, pool, uring or caller [default: auto; read: uring, then pool]
    #[arg(long, value_parser = backend)]
    pub backend: Option<Backend>,
    /// Pass by the page cache: auto or never
    #[arg(long, value_parser = direct, default_value = "auto")]
    pub direct: Direct,
    /// Skew of the keys: Zipf's exponent, such as 0.99; uniform unless given
    #[arg(long, value_name = "THETA")]
    pub zipf: Option<f64>,
    /// Seed of all that is random
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Seconds of each measurement [default: 5; restart's writes: 20; act: 60]
    #[arg(long)]
    pub seconds: Option<u64>,
    /// Seconds between checkpoints
    #[arg(long, default_value_t = 300)]
    pub checkpoint_period: u32,
    /// churn and act: share of the device that the records take, percent [default: 70; act: 50]
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=95))]
    pub fill: Option<u8>,
    /// churn: bytes of records to write, in sizes of the device
    #[arg(long, default_value_t = 20.0)]
    pub turns: f64,
    /// churn, act: reads a second [default: churn 500, act 2000]
    #[arg(long)]
    pub reads_per_s: Option<u32>,
    /// act: records overwritten a second
    #[arg(long, default_value_t = 1000)]
    pub writes_per_s: u32,
    /// act: seconds of an interval
    #[arg(long, default_value_t = 10)]
    pub interval: u64,
    /// read: gets under way at once
    #[arg(long, default_value_t = 32)]
    pub depth: usize,
    /// read: how often each of the compared runs
    #[arg(long, default_value_t = 3)]
    pub rounds: usize,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// The process that restart kills.
    #[arg(long, hide = true, value_delimiter = ',')]
    pub writer_of: Option<Vec<PathBuf>>,
}

/// Where the data is; a folder that was made for it goes when this does.
pub(crate) struct Place {
    pub(crate) paths: Vec<PathBuf>,
    _folder: Option<TempDir>,
}

impl Args {
    /// The records of a workload.
    pub(crate) fn data(&self, records: u64, value_size: usize) -> Data {
        Data {
            records: self.records.unwrap_or(records),
            value_size: self.value_size.unwrap_or(value_size),
            store_key: self.store_key,
            seed: self.seed,
        }
    }

    pub(crate) fn place(&self) -> Result<Place> {
        if !self.path.is_empty() {
            return Ok(Place { paths: self.path.clone(), _folder: None });
        }
        let folder = tempfile::Builder::new().prefix("aerie-bench-").tempdir_in(".");
        let folder = folder.map_err(|e| failed("cannot make a folder here", &e))?;
        Ok(Place { paths: vec![folder.path().join("bench.dat")], _folder: Some(folder) })
    }

    /// The namespace of a workload on these files; in memory without one.
    pub(crate) fn setup(&self, paths: &[PathBuf], size: u64, records: u64) -> Setup {
        Setup {
            paths: paths.to_vec(),
            size: self.size.unwrap_or(size),
            block_size: u32::try_from(self.block_size).unwrap_or(u32::MAX),
            shards: self.shards.unwrap_or(if records > 30_000_000 { 64 } else { 8 }),
            durability: self.durability.unwrap_or(Durability::Memory),
            backend: self.backend.unwrap_or_default(),
            direct: self.direct,
            checkpoint_period_s: self.checkpoint_period,
            ignore_checkpoint: false,
        }
    }

    /// Bytes that these records need: with two checkpoints, and a fifth of room.
    pub(crate) fn size_for(&self, data: &Data) -> Result<u64> {
        let bytes = data.records * (data.record_size()? + 2 * 20);
        Ok(bytes + bytes / 5 + 32 * self.block_size)
    }
}

pub(crate) fn count(text: &str) -> std::result::Result<u64, String> {
    number(text, 1000)
}

fn size(text: &str) -> std::result::Result<u64, String> {
    number(text, 1024)
}

fn number(text: &str, thousand: u64) -> std::result::Result<u64, String> {
    let wrong = || format!("{text:?} is no number, such as 500k or 10M");
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let power = match text[digits.len()..].to_ascii_lowercase().as_str() {
        "" => 0,
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        _ => return Err(wrong()),
    };
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    number.checked_mul(thousand.pow(power)).ok_or_else(wrong)
}

fn durability(text: &str) -> std::result::Result<Durability, String> {
    match (text, text.strip_prefix("interval:").map(str::parse)) {
        ("commit", _) => Ok(Durability::Commit),
        ("memory", _) => Ok(Durability::Memory),
        (_, Some(Ok(ms))) => Ok(Durability::Interval(ms)),
        _ => Err(format!("{text:?} is not commit, interval:MS or memory")),
    }
}

fn backend(text: &str) -> std::result::Result<Backend, String> {
    match text {
        "auto" => Ok(Backend::Auto),
        "pool" => Ok(Backend::Pool),
        "uring" => Ok(Backend::Uring),
        "caller" => Ok(Backend::Caller),
        _ => Err(format!("{text:?} is not auto, pool, uring or caller")),
    }
}

fn direct(text: &str) -> std::result::Result<Direct, String> {
    match text {
        "auto" => Ok(Direct::Auto),
        "never" => Ok(Direct::Never),
        _ => Err(format!("{text:?} is not auto or never")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_with_suffixes() {
        assert_eq!((count("10M"), size("8M")), (Ok(10_000_000), Ok(8 << 20)));
        assert_eq!((count("7"), size("2g")), (Ok(7), Ok(2 << 30)));
        for bad in ["", "M", "1x", "1.5M", "99999999999T", "é"] {
            assert!(count(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn durabilities() {
        assert_eq!(durability("interval:50"), Ok(Durability::Interval(50)));
        assert!(durability("interval:").is_err() && durability("fsync").is_err());
    }
}
