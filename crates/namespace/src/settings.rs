//! What operators may change while a namespace runs.

use std::collections::HashMap;

use model::{Error, ErrorKind, Result, limits};

pub use storage::{Compression, Durability};

/// The dynamic settings of a namespace, named after Aerospike's parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// `default-ttl`: time to live of records that name none, seconds; 0 = never.
    pub default_ttl_s: u32,
    /// `nsup-period`: seconds between sweeps for expired records; 0 = only reads hide them.
    pub nsup_period_s: u32,
    /// `evict-used-pct`: share of storage in use above which records that would die soonest are
    /// evicted, percent; 0 = never.
    pub evict_used_pct: u8,
    /// `evict-tenths-pct`: share of the mortal records that one sweep may evict, tenths of a
    /// percent.
    pub evict_tenths_pct: u16,
    /// `stop-writes-used-pct`: share of storage in use above which writes stop, percent; 0 = never.
    pub stop_writes_used_pct: u8,
    /// `stop-writes-avail-pct`: share of free blocks below which writes stop, percent; 0 = never.
    pub stop_writes_avail_pct: u8,
    /// `index-memory-budget`: bytes of index above which writes stop; 0 = no limit.
    pub index_memory_budget: u64,
    /// `defrag-lwm-pct`: blocks with less live data than this are rewritten, percent; 0 = only
    /// when room is needed.
    pub defrag_lwm_pct: u8,
    /// `default-read-touch-ttl-pct`: a read of a record with less than this share of its time to
    /// live left gives it the whole again, percent; 0 = never.
    pub read_touch_pct: u8,
    /// `compression` (and `compression-level`) of records.
    pub compression: Compression,
    /// `durability`: when a write is answered.
    pub durability: Durability,
    /// `max-record-size`, bytes.
    pub record_size_max: u32,
    /// `checkpoint-period`: seconds between checkpoints of the index; 0 = only at a clean stop.
    pub checkpoint_period_s: u32,
    /// What is set for single sets, by set name.
    pub sets: HashMap<String, SetSettings>,
}

/// The dynamic settings of one set (`namespace.set NAME { ... }`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SetSettings {
    /// `default-ttl` of the set, seconds; `None` = the namespace's.
    pub default_ttl_s: Option<u32>,
    /// `disable-eviction`: records of this set are never evicted.
    pub disable_eviction: bool,
    /// `stop-writes-count`: records at which writes to the set stop; 0 = no limit.
    pub stop_writes_count: u64,
    /// `stop-writes-size`: bytes at which writes to the set stop; 0 = no limit.
    pub stop_writes_size: u64,
}

impl Default for Settings {
    /// Aerospike's defaults, but for `nsup-period` (0 there: nothing ever leaves) and `durability`.
    fn default() -> Settings {
        Settings {
            default_ttl_s: 0,
            nsup_period_s: 120,
            evict_used_pct: 0,
            evict_tenths_pct: 5,
            stop_writes_used_pct: 70,
            stop_writes_avail_pct: 5,
            index_memory_budget: 0,
            defrag_lwm_pct: 50,
            read_touch_pct: 0,
            compression: Compression::None,
            durability: Durability::Commit,
            record_size_max: limits::RECORD_SIZE_DEFAULT as u32,
            checkpoint_period_s: 300,
            sets: HashMap::new(),
        }
    }
}

impl Settings {
    /// Refuses what makes no sense, naming the parameter and its range.
    pub fn check(&self) -> Result<()> {
        let range = |name: &str, value: u64, most: u64| match value <= most {
            true => Ok(()),
            false => {
                let detail = format!("{name} is {value}; give a number from 0 to {most}");
                Err(Error::new(ErrorKind::Parameter, detail))
            }
        };
        let ttls = self.sets.values().filter_map(|set| set.default_ttl_s);
        for ttl_s in ttls.chain([self.default_ttl_s]) {
            range("default-ttl", ttl_s.into(), limits::TTL_MAX_S.into())?;
        }
        range("evict-used-pct", self.evict_used_pct.into(), 100)?;
        range("evict-tenths-pct", self.evict_tenths_pct.into(), 1000)?;
        range("stop-writes-used-pct", self.stop_writes_used_pct.into(), 100)?;
        range("stop-writes-avail-pct", self.stop_writes_avail_pct.into(), 100)?;
        range("defrag-lwm-pct", self.defrag_lwm_pct.into(), 99)?;
        range("default-read-touch-ttl-pct", self.read_touch_pct.into(), 100)?;
        range("max-record-size", self.record_size_max.into(), limits::RECORD_SIZE_MAX as u64)
    }

    /// What is set for a set.
    pub(crate) fn of_set(&self, set: &str) -> Option<&SetSettings> {
        self.sets.get(set)
    }
}
