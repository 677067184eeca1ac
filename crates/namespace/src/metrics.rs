//! What operators see: latencies of every path, counters.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use store::{Histogram, Latency, Stat};

use crate::Namespace;

/// Measured since the namespace was opened.
#[derive(Default)]
pub(crate) struct Metrics {
    pub(crate) read: Histogram,
    pub(crate) batch_read: Histogram,
    pub(crate) write: Histogram,
    pub(crate) scan: Histogram,
    pub(crate) query: Histogram,
    pub(crate) defrag: Histogram,
    pub(crate) nsup: Histogram,
    pub(crate) checkpoint: Histogram,
    pub(crate) expired: AtomicU64,
    pub(crate) evicted: AtomicU64,
    pub(crate) moved: AtomicU64,
    pub(crate) checkpoint_bytes: AtomicU64,
}

/// Adds the time until it is dropped.
pub(crate) struct Timer<'a> {
    histogram: &'a Histogram,
    begun: Instant,
    /// Operations that this one stands for.
    stands_for: u64,
}

impl<'a> Timer<'a> {
    pub(crate) fn of(histogram: &'a Histogram) -> Timer<'a> {
        Timer { histogram, begun: Instant::now(), stands_for: 1 }
    }

    /// Times one operation in 16 of each thread, for all of them: those that would hardly take
    /// longer than the two looks at the clock.
    pub(crate) fn of_few(histogram: &'a Histogram) -> Option<Timer<'a>> {
        const FEW: u32 = 16;
        thread_local! {
            static TURN: Cell<u32> = const { Cell::new(0) };
        }
        let turn = TURN.get();
        TURN.set(turn.wrapping_add(1));
        let due = turn.is_multiple_of(FEW);
        due.then(|| Timer { stands_for: FEW.into(), ..Timer::of(histogram) })
    }
}

impl Drop for Timer<'_> {
    fn drop(&mut self) {
        let ns = u64::try_from(self.begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.histogram.add_many(ns, self.stands_for);
    }
}

impl Namespace {
    /// How long reads, writes and what runs in the background took. A write is timed until it is in
    /// the log's buffer; what it then waits for is the device's sync.
    pub fn latencies(&self) -> Vec<Latency> {
        let m = &self.metrics;
        let all = [
            ("read", &m.read),
            ("batch-read", &m.batch_read),
            ("write", &m.write),
            ("scan", &m.scan),
            ("query", &m.query),
            ("defrag", &m.defrag),
            ("nsup", &m.nsup),
            ("checkpoint", &m.checkpoint),
        ];
        all.into_iter().map(|(name, h)| h.latency(&self.options.name, name)).collect()
    }

    /// Numbers for operators.
    pub fn stats(&self) -> Vec<Stat> {
        let (info, s, m) = (self.info(), self.storage.stats(), &self.metrics);
        let pct = |part: u64, all: u64| part * 100 / all.max(1);
        let numbers = [
            ("objects", info.objects),
            ("mortal_objects", self.mortal.load(Relaxed)),
            ("tombstones", info.tombstones),
            ("index_used_bytes", info.index_bytes),
            ("sindex_used_bytes", self.index_infos().iter().map(|index| index.bytes).sum()),
            ("data_total_bytes", s.capacity_bytes),
            ("data_used_bytes", s.live_bytes),
            ("data_used_pct", pct(s.live_bytes, s.capacity_bytes)),
            ("data_avail_pct", pct(s.free_blocks, s.all_blocks)),
            ("blocks", s.all_blocks),
            ("free_blocks", s.free_blocks),
            ("written_bytes", s.written_bytes),
            ("commit_groups", s.groups_written),
            ("queued_bytes", s.queued_bytes),
            ("defrag_written_bytes", s.copied_bytes),
            ("defrag_moved_records", m.moved.load(Relaxed)),
            ("defrag_freed_blocks", s.freed_blocks),
            ("expired_objects", m.expired.load(Relaxed)),
            ("evicted_objects", m.evicted.load(Relaxed)),
            ("checkpoint_written_bytes", m.checkpoint_bytes.load(Relaxed)),
            ("post_write_cache_bytes", s.recent_bytes),
            ("record_cache_bytes", s.record_cache_bytes),
            ("record_cache_hits", s.record_cache_hits),
            ("record_cache_misses", s.record_cache_misses),
            ("damaged_records", s.damage.records),
            ("unidentified_damage", s.damage.unidentified),
        ];
        let stat = |(name, value): (&'static str, u64)| Stat {
            namespace: info.name.clone(),
            name,
            value: value.to_string(),
        };
        let text = |name, value: String| Stat { namespace: info.name.clone(), name, value };
        let mut stats: Vec<Stat> = numbers.into_iter().map(stat).collect();
        stats.push(text("stop_writes", info.stop_writes.is_some().to_string()));
        stats.push(text("io_backend", self.storage.backends().join(", ")));
        stats
    }
}
