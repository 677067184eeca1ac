//! What operators measure: latencies per operation, and named counters.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Sub-buckets per power of two: bounds are exact to 1/8, 12.5 %.
const SUB_BITS: u32 = 3;
const SUBS: usize = 1 << SUB_BITS;
/// Up to 2^36 ns, 68 s; what takes longer is counted there.
const POWERS: usize = 36;
const BUCKETS: usize = (POWERS + 1) * SUBS;

/// A latency histogram that many threads add to: log-linear buckets, as in HdrHistogram, of one
/// atomic each. Takes 2.4 KiB.
pub struct Histogram {
    buckets: Box<[AtomicU64; BUCKETS]>,
    max_ns: AtomicU64,
}

impl Default for Histogram {
    fn default() -> Histogram {
        let buckets = Box::new([const { AtomicU64::new(0) }; BUCKETS]);
        Histogram { buckets, max_ns: AtomicU64::new(0) }
    }
}

fn bucket_of(ns: u64) -> usize {
    if ns < SUBS as u64 {
        return ns as usize;
    }
    let power = ns.ilog2();
    let sub = (ns >> (power - SUB_BITS)) as usize & (SUBS - 1);
    (((power - SUB_BITS + 1) as usize) * SUBS + sub).min(BUCKETS - 1)
}

/// First value, ns, that is beyond a bucket.
fn end_of(bucket: usize) -> u64 {
    if bucket < SUBS {
        return bucket as u64 + 1;
    }
    let (power, sub) = (bucket / SUBS - 1, bucket % SUBS);
    ((SUBS + sub + 1) as u64) << power
}

impl Histogram {
    /// Counts one operation.
    pub fn add(&self, ns: u64) {
        self.add_many(ns, 1);
    }

    /// Counts one operation that was timed for several.
    pub fn add_many(&self, ns: u64, operations: u64) {
        self.buckets[bucket_of(ns)].fetch_add(operations, Relaxed);
        if ns > self.max_ns.load(Relaxed) {
            self.max_ns.fetch_max(ns, Relaxed);
        }
    }

    /// The counts as they are now, for an operation of this name.
    pub fn latency(&self, namespace: &str, operation: &'static str) -> Latency {
        let counts: Vec<u64> = self.buckets.iter().map(|b| b.load(Relaxed)).collect();
        let count: u64 = counts.iter().sum();
        let max_ns = self.max_ns.load(Relaxed);
        let at = |per_mille: u64| {
            let rank = (count * per_mille).div_ceil(1000).max(1);
            let mut seen = 0;
            let found = counts.iter().position(|n| {
                seen += n;
                seen >= rank
            });
            found.map_or(0, |bucket| end_of(bucket).min(max_ns))
        };
        let over = |ms: u64| {
            let first = bucket_of(ms * 1_000_000);
            counts[first..].iter().sum()
        };
        Latency {
            namespace: namespace.to_string(),
            operation,
            count,
            p50_ns: at(500),
            p90_ns: at(900),
            p99_ns: at(990),
            p999_ns: at(999),
            max_ns,
            over_ms: std::array::from_fn(|power| over(1 << power)),
        }
    }
}

/// How long one kind of operation took since the node started. Percentiles are upper bounds of
/// their bucket, at most 12.5 % too high.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Latency {
    /// Namespace.
    pub namespace: String,
    /// `read`, `write`, `defrag`, `nsup` and so on.
    pub operation: &'static str,
    /// Operations.
    pub count: u64,
    /// Half took at most this, ns.
    pub p50_ns: u64,
    /// 90 % took at most this, ns.
    pub p90_ns: u64,
    /// 99 % took at most this, ns.
    pub p99_ns: u64,
    /// 99.9 % took at most this, ns.
    pub p999_ns: u64,
    /// The longest, ns.
    pub max_ns: u64,
    /// Operations of 2^n ms and more, n from 0, to the bucket's exactness.
    pub over_ms: [u64; Latency::POWERS],
}

impl Latency {
    /// Up to 65.5 seconds.
    pub const POWERS: usize = 17;
}

/// One number of `SHOW STATS`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stat {
    /// Namespace.
    pub namespace: String,
    /// Name, in Aerospike's words where it has one.
    pub name: &'static str,
    /// Value, as people read it.
    pub value: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_lies_in_its_bucket() {
        let mut last = 0;
        for ns in (0..100_000).chain((10..36).flat_map(|p| [(1 << p) - 1, 1 << p, (1 << p) + 1])) {
            let bucket = bucket_of(ns);
            assert!(ns < end_of(bucket) && (bucket == 0 || ns >= end_of(bucket - 1)), "{ns}");
            last = last.max(bucket);
        }
        assert!(last < BUCKETS);
        assert_eq!(bucket_of(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn percentiles() {
        let histogram = Histogram::default();
        (1..=1000).for_each(|n| histogram.add(n * 10_000));
        let latency = histogram.latency("test", "read");
        assert_eq!((latency.count, latency.max_ns), (1000, 10_000_000));
        for (found, right) in [(latency.p50_ns, 5_000_000), (latency.p99_ns, 9_900_000)] {
            assert!((right..=right * 9 / 8).contains(&found), "{found} {right}");
        }
        assert!((890..=910).contains(&latency.over_ms[0]), "{}", latency.over_ms[0]);
        assert_eq!(latency.over_ms[6], 0);
    }
}
