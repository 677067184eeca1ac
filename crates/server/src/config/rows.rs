//! The settings: one row each for what the node knows, one group for each reason to ignore.
//!
//! To add a setting, add a row; to honour one that was ignored, move its name from its group to a
//! row. Names are Aerospike's, of every release from 4.0 on, so that a production file has no
//! unknown parameter; `network.postgres`, `durability` and the two `query-` ones are our own.

use std::path::PathBuf;

use model::limits;

use super::draft::{Draft, EngineKind, NAMESPACE_SIZE_MAX};
use super::table::{Apply, Given, Group, Kind, Setting, Show, Status, Verdict};
use super::units::{self, HostPort, show_size};
use super::{Durability, IoBackend, Listen, NamespaceConfig};
use namespace::{Compression, SetSettings};

use Kind::{Block, Choice, Count, Flag, Named, Seconds, Size, Words};
use Status::{Honoured, Ignored, Refused, Translated};

type Taken = Result<Option<Verdict>, String>;

/// For rows that are only listed.
pub(super) fn nothing(_: &mut Draft, _: &Given<'_>) -> Taken {
    Ok(None)
}

const fn row(
    context: &'static str,
    name: &'static str,
    kind: Kind,
    default: &'static str,
    status: Status,
    help: &'static str,
    apply: Apply,
) -> Setting {
    let (many, dynamic, show) = (false, false, Show::Nowhere);
    Setting { context, name, kind, default, many, dynamic, status, help, apply, show }
}

const fn context(
    context: &'static str,
    name: &'static str,
    kind: Kind,
    status: Status,
    help: &'static str,
) -> Setting {
    row(context, name, kind, "", status, help, nothing).many()
}

impl Setting {
    const fn many(mut self) -> Setting {
        self.many = true;
        self
    }

    const fn dynamic(mut self) -> Setting {
        self.dynamic = true;
        self
    }

    /// How the node says it.
    const fn node_shown(mut self, show: fn(&super::Config) -> String) -> Setting {
        self.show = Show::Node(show);
        self
    }

    /// How a running namespace says it.
    const fn shown(mut self, show: fn(&NamespaceConfig) -> String) -> Setting {
        self.show = Show::Namespace(show);
        self
    }

    /// How a set of a running namespace says it.
    const fn set_shown(mut self, show: fn(&SetSettings) -> Option<String>) -> Setting {
        self.show = Show::Set(show);
        self
    }
}

const SINGLE: &str = "single node in this release";
const NO_HEARTBEAT: &str = "this node has no heartbeat yet: single node in this release";
const NO_FABRIC: &str = "this node has no fabric yet: single node in this release";
const NO_INFO_PORT: &str = "the info protocol is served on the port of network.service";
const NO_ACCESS: &str = "clients are told the address that they have connected to";
const NO_ADMIN: &str = "there is no admin port in this release";
const NO_TLS: &str = "connections are not encrypted in this release";
const NO_USERS: &str = "no users and roles in this release; other machines connect only with \
                        --insecure";
const NO_XDR: &str = "records are not shipped to other clusters in this release";
const NO_UDF: &str = "no user-defined functions in this release";
const NO_SINDEX: &str = "secondary indexes have nothing to be set";
const ONE_MARK: &str = "records are evicted by evict-used-pct alone";
const ONE_SWEEP: &str = "one sweep at a time walks the index; nothing to tune";
const DEFRAG: &str = "defragmentation paces itself by the room that is left";
const MEMORY_MARK: &str = "of memory, only the index has a mark: indexes-memory-budget";
const NO_METRICS: &str = "histograms and metrics come in a later release";
const NO_CONVERGENCE: &str = "no conflicts to resolve: single node in this release";
const NO_WIRE_COMPRESSION: &str = "nothing is sent between nodes in this release";
const NO_BACKGROUND: &str = "no background or client-driven queries in this release";
const THREADS: &str = "the node takes as many threads as it finds cores";
const QUERY_LIMITS: &str = "the SQL engine has limits of its own";
const OS: &str = "start, user and files of the process are left to the service manager";
const LOG: &str = "the log goes to standard error in one format";
const FREE: &str = "no feature needs a key";
const SECRETS: &str = "no secret is fetched from elsewhere in this release";
const INDEX: &str = "the index is in memory, takes about 24 bytes a record and grows by need";
const PAGE_CACHE: &str = "record-cache-size holds what is read often, record by record";
const SCHEDULER: &str = "the system's own scheduler of the device is left as it is";
const GROUP_COMMIT: &str = "writes are grouped and synced by load; nothing to tune";
const OLD: &str = "gone from current Aerospike releases too";
const TOMBSTONES: &str =
    "tombstones are always written, and dropped once no older version is left anywhere";
const GEO: &str = "no geospatial index in this release";
const ONE_KEY: &str = "writers of one record wait for each other; there is no limit to set";
const ALLOC: &str = "for debugging Aerospike's own memory";
const KEPT: &str = "Kept for the release that serves it.";

const ENGINES: &[&str] = &["memory", "device", "pmem"];
const TTL_MAX: u64 = limits::TTL_MAX_S as u64;
/// A sort keeps 10 MiB aside in each of its streams, to be able to read back what it has put on disk.
const QUERY_MEMORY_MIN: u64 = 64 << 20;
const RECORD_MAX: u64 = limits::RECORD_SIZE_MAX as u64;
const PERCENT: Kind = Count(0, 100);
const CODECS: &[&str] = &["none", "lz4", "snappy", "zstd"];
const BACKENDS: &[&str] = &["auto", "uring", "pool"];
const DURABILITY: Kind = Words(1, 3, "commit, memory, or interval and milliseconds");
/// Longest time that `durability interval` may leave a write without a sync: a minute.
const INTERVAL_MAX_MS: u64 = 60_000;
const LEVELS: &[(&str, &str)] = &[
    ("critical", "error"),
    ("warning", "warn"),
    ("info", "info"),
    ("debug", "debug"),
    ("detail", "trace"),
];

/// What the node honours, translates, keeps for later or refuses.
pub(super) static ROWS: &[Setting] = &[
    context("", "service", Block, Honoured, "The node as a whole."),
    row(
        "service",
        "proto-fd-max",
        Count(1, 1 << 20),
        "15000",
        Translated("the most client connections over the Postgres wire"),
        "Most client connections at a time.",
        |d, v| {
            d.config.connections_max = v.u32();
            Ok(None)
        },
    )
    .dynamic()
    .node_shown(|c| c.connections_max.to_string()),
    row(
        "service",
        "query-memory",
        Size(QUERY_MEMORY_MIN, u64::MAX),
        "512M",
        Honoured,
        "Memory that running queries share for sorting, grouping and joining.",
        |d, v| {
            d.config.query_memory = v.number;
            Ok(None)
        },
    )
    .node_shown(|c| show_size(c.query_memory)),
    row(
        "service",
        "query-spill-size",
        Size(0, u64::MAX),
        "16G",
        Honoured,
        "Disk that running queries share for what they sort and group beyond query-memory.",
        |d, v| {
            d.config.query_spill_size = v.number;
            Ok(None)
        },
    )
    .node_shown(|c| show_size(c.query_spill_size)),
    context("", "logging", Block, Honoured, "What is logged."),
    context("logging", "console", Block, Honoured, "The log on standard error."),
    row("logging.console", "context", LOG_WORDS, "", LOG_LEVEL, "How much is logged.", log_level)
        .many(),
    context("logging", "file", Named("PATH"), Ignored(LOG), "A log file."),
    row("logging.file", "context", LOG_WORDS, "", LOG_LEVEL, "How much is logged.", log_level)
        .many(),
    context("logging", "syslog", Block, Ignored(LOG), "The system's log."),
    row("logging.syslog", "context", LOG_WORDS, "", LOG_LEVEL, "How much is logged.", log_level)
        .many(),
    context("", "network", Block, Honoured, "Where the node listens."),
    context("network", "postgres", Block, Honoured, "The Postgres wire: psql, aql, drivers."),
    row("network.postgres", "address", HOST, "", Honoured, HOSTS_HELP, |d, v| {
        let open = "listens there with --insecure only: no authentication is configured";
        keep_host(&mut d.postgres_hosts, v, open)
    })
    .many(),
    row("network.postgres", "port", Count(0, 65_535), "5432", Honoured, PORT_HELP, |d, v| {
        d.postgres_port = port(v);
        Ok(None)
    }),
    context("network", "service", Block, Honoured, "The client protocol of Aerospike."),
    row("network.service", "address", HOST, "", Honoured, HOSTS_HELP, |d, v| {
        let open = "listens there with --insecure only, without it on 127.0.0.1: no \
                        authentication is configured";
        keep_host(&mut d.aerospike_hosts, v, open)
    })
    .many(),
    row("network.service", "port", Count(0, 65_535), "3000", Honoured, PORT_HELP, |d, v| {
        d.aerospike_port = port(v);
        Ok(None)
    }),
    context("network", "admin", Block, Ignored(NO_ADMIN), "Administration and metrics."),
    row("network.admin", "address", ADDRESS, "", Ignored(NO_ADMIN), KEPT, |d, v| {
        keep_address(&mut d.config.admin, v)
    })
    .many(),
    row("network.admin", "port", PORT, "", Ignored(NO_ADMIN), KEPT, |d, v| {
        keep_port(&mut d.config.admin, v)
    }),
    context("network", "heartbeat", Block, Ignored(NO_HEARTBEAT), "Who is in the cluster."),
    context("network", "fabric", Block, Ignored(NO_FABRIC), "Between nodes."),
    context("network", "info", Block, Ignored(NO_INFO_PORT), "Aerospike's text protocol."),
    context("network", "tls", Named("NAME"), Ignored(NO_TLS), "Certificates."),
    context("", "namespace", Named("NAME"), Honoured, "Records under one storage policy."),
    row(
        "namespace",
        "replication-factor",
        Count(1, 256),
        "2",
        Honoured,
        "Copies of each record, as far as there are nodes.",
        |d, v| {
            d.namespace.replication_factor = u16::try_from(v.number).unwrap_or(u16::MAX);
            let one = format!("wished {}, effective 1: {SINGLE}", v.number);
            Ok((v.number > 1).then_some(Verdict::Translated(one)))
        },
    )
    .shown(|n| n.replication_factor.to_string()),
    row(
        "namespace",
        "default-ttl",
        Seconds(0, TTL_MAX),
        "0",
        Honoured,
        "Life of a record that is written without a TTL; 0 is for ever.",
        |d, v| {
            d.namespace.settings.default_ttl_s = v.u32();
            Ok(None)
        },
    )
    .dynamic()
    .shown(|n| n.settings.default_ttl_s.to_string()),
    row(
        "namespace",
        "nsup-period",
        Seconds(0, u32::MAX as u64),
        "120",
        Honoured,
        "Pause between two sweeps for expired records; 0 is never.",
        |d, v| {
            d.namespace.settings.nsup_period_s = v.u32();
            Ok(None)
        },
    )
    .dynamic()
    .shown(|n| n.settings.nsup_period_s.to_string()),
    row(
        "namespace",
        "evict-tenths-pct",
        Count(0, 1000),
        "5",
        Honoured,
        "Most of the records with a TTL that one sweep evicts, in tenths of a percent.",
        |d, v| {
            d.namespace.settings.evict_tenths_pct = v.u16();
            Ok(None)
        },
    )
    .dynamic()
    .shown(|n| n.settings.evict_tenths_pct.to_string()),
    row(
        "namespace",
        "high-water-disk-pct",
        PERCENT,
        "",
        Translated("evict-used-pct"),
        "The mark of eviction in releases before 7.0.",
        evict_used,
    )
    .dynamic(),
    row(
        "namespace",
        "high-water-memory-pct",
        PERCENT,
        "",
        Translated("evict-used-pct of storage-engine memory"),
        "The mark of eviction for memory in releases before 7.0.",
        |d, v| for_memory(d, v, evict_used),
    )
    .dynamic(),
    row("namespace", "evict-used-pct", PERCENT, "", Honoured, EVICT, evict_used).dynamic(),
    row(
        "namespace",
        "stop-writes-pct",
        PERCENT,
        "",
        Translated("stop-writes-used-pct of storage-engine memory"),
        "The mark at which writes to memory stop in releases before 7.0.",
        |d, v| for_memory(d, v, stop_writes_used),
    )
    .dynamic(),
    row(
        "namespace",
        "indexes-memory-budget",
        Size(0, u64::MAX),
        "0",
        Honoured,
        "Memory of the index above which writes stop; 0 is no limit.",
        |d, v| {
            d.namespace.settings.index_memory_budget = v.number;
            Ok(None)
        },
    )
    .dynamic()
    .shown(|n| show_size(n.settings.index_memory_budget)),
    row(
        "namespace",
        "default-read-touch-ttl-pct",
        PERCENT,
        "0",
        Honoured,
        "A read gives a record with less of its TTL left than this the whole again; 0 is never.",
        |d, v| {
            d.namespace.settings.read_touch_pct = v.u8();
            Ok(None)
        },
    )
    .dynamic()
    .shown(|n| n.settings.read_touch_pct.to_string()),
    row(
        "namespace",
        "max-record-size",
        Size(0, RECORD_MAX),
        "1M",
        Honoured,
        "Largest record with all its bins, never more than write-block-size; 0 is the default.",
        |d, v| {
            let whole = if v.number == 0 { limits::RECORD_SIZE_DEFAULT as u32 } else { v.u32() };
            d.namespace.settings.record_size_max = whole;
            Ok(None)
        },
    )
    .dynamic()
    .shown(|n| show_size(n.settings.record_size_max.into())),
    row(
        "namespace",
        "durability",
        DURABILITY,
        "commit",
        Honoured,
        "commit: writes are synced before their answer; interval MS: a power cut may lose the \
         last MS milliseconds; memory: a crash may lose the last writes.",
        durability,
    )
    .dynamic()
    .shown(|n| n.settings.durability.to_string().trim_end_matches(" ms").to_owned()),
    row(
        "namespace",
        "checkpoint-period",
        Seconds(0, u32::MAX as u64),
        "300",
        Honoured,
        "Pause between two checkpoints of the index, which shorten a restart; 0 is at a stop only.",
        |d, v| {
            d.namespace.settings.checkpoint_period_s = v.u32();
            Ok(None)
        },
    )
    .dynamic()
    .shown(|n| n.settings.checkpoint_period_s.to_string()),
    row(
        "namespace",
        "partition-tree-sprigs",
        Count(16, 1 << 28),
        "256",
        Translated("shards of the index"),
        "Parts of each partition's index. 32 sprigs are one shard of ours; at most 64 shards.",
        sprigs,
    )
    .shown(|n| (u32::from(n.shards_per_partition) * 32).to_string()),
    row(
        "namespace",
        "memory-size",
        Size(0, u64::MAX),
        "",
        Translated("data-size of storage-engine memory"),
        "Memory of a namespace in releases before 7.0; use data-size.",
        memory_size,
    ),
    row(
        "namespace",
        "strong-consistency",
        Flag,
        "",
        Ignored("one node is always consistent: an answered write is seen by every later read"),
        "Never lose or reorder an answered write.",
        nothing,
    ),
    row(
        "namespace",
        "storage-engine",
        Choice(ENGINES),
        "",
        Honoured,
        "Where records are kept: memory, with or without a file behind it, or device for files \
         and block devices.",
        storage_engine,
    )
    .shown(|n| n.engine_word().to_owned()),
    row(
        "namespace.storage-engine",
        "file",
        STORE,
        "",
        Honoured,
        "Data file, made if need be; relative to --data. Several lines for several, striped.",
        |d, v| store(v).map(|path| d.namespace.files.push(path)).map(|()| None),
    )
    .many()
    .shown(NamespaceConfig::files_shown),
    row(
        "namespace.storage-engine",
        "filesize",
        Size(1, NAMESPACE_SIZE_MAX),
        "16G",
        Honoured,
        "Most bytes of each data file; it grows as it fills.",
        |d, v| {
            d.namespace.file_size = v.number;
            Ok(None)
        },
    )
    .shown(NamespaceConfig::file_size_shown),
    row(
        "namespace.storage-engine",
        "device",
        STORE,
        "",
        Honoured,
        "Block device, used whole: what is on it is lost. Several lines for several, striped.",
        |d, v| store(v).map(|path| d.namespace.devices.push(path)).map(|()| None),
    )
    .many()
    .shown(NamespaceConfig::devices_shown),
    row(
        "namespace.storage-engine",
        "data-size",
        Size(1 << 20, NAMESPACE_SIZE_MAX),
        "4G",
        Honoured,
        "Most bytes of records in storage-engine memory; taken as it fills.",
        |d, v| {
            d.namespace.data_size = v.number;
            let files = "storage-engine device is bounded by its files";
            let used = d.namespace.engine == Some(EngineKind::Memory);
            Ok((!used).then(|| Verdict::Ignored(files.to_owned())))
        },
    )
    .shown(NamespaceConfig::data_size_shown),
    row(
        "namespace.storage-engine",
        "write-block-size",
        Size(1 << 10, 8 << 20),
        "8M",
        Honoured,
        "Unit of writing and of reuse: a power of two from 128K; a record must fit one.",
        write_block_size,
    )
    .shown(|n| show_size(n.write_block_size.into())),
    row(
        "namespace.storage-engine",
        "compression",
        Choice(CODECS),
        "none",
        Honoured,
        "Codec of records that are written from now on: none, lz4 or zstd.",
        compression,
    )
    .dynamic()
    .shown(|n| match n.settings.compression {
        Compression::None => "none".to_owned(),
        Compression::Lz4 => "lz4".to_owned(),
        Compression::Zstd(_) => "zstd".to_owned(),
    }),
    row(
        "namespace.storage-engine",
        "compression-level",
        Count(1, 9),
        // Aerospike has 9, which takes some five times the time of 3 for a tenth of the room.
        "3",
        Honoured,
        "Level of compression zstd: 1 is quick, 9 is small.",
        |d, v| {
            d.namespace.compression_level = v.u8();
            Ok(None)
        },
    )
    .dynamic()
    .shown(|n| n.compression_level.to_string()),
    row(
        "namespace.storage-engine",
        "defrag-lwm-pct",
        Count(0, 99),
        "50",
        Honoured,
        "Blocks with less live data than this are rewritten; 0 is only when room is needed.",
        |d, v| {
            d.namespace.settings.defrag_lwm_pct = v.u8();
            Ok(None)
        },
    )
    .dynamic()
    .shown(|n| n.settings.defrag_lwm_pct.to_string()),
    row("namespace.storage-engine", "evict-used-pct", PERCENT, "0", Honoured, EVICT, evict_used)
        .dynamic()
        .shown(|n| n.settings.evict_used_pct.to_string()),
    row(
        "namespace.storage-engine",
        "stop-writes-used-pct",
        PERCENT,
        "70",
        Honoured,
        "Share of storage in use above which writes stop; 0 is never.",
        stop_writes_used,
    )
    .dynamic()
    .shown(|n| n.settings.stop_writes_used_pct.to_string()),
    row(
        "namespace.storage-engine",
        "max-used-pct",
        PERCENT,
        "",
        Translated("stop-writes-used-pct"),
        "The mark at which writes stop in releases before 7.0.",
        stop_writes_used,
    )
    .dynamic(),
    row(
        "namespace.storage-engine",
        "stop-writes-avail-pct",
        PERCENT,
        "5",
        Honoured,
        "Share of free write blocks below which writes stop; 0 is never.",
        stop_writes_avail,
    )
    .dynamic()
    .shown(|n| n.settings.stop_writes_avail_pct.to_string()),
    row(
        "namespace.storage-engine",
        "min-avail-pct",
        PERCENT,
        "",
        Translated("stop-writes-avail-pct"),
        "The mark of free blocks in releases before 7.0.",
        stop_writes_avail,
    )
    .dynamic(),
    row(
        "namespace.storage-engine",
        "post-write-cache",
        Size(0, CACHE_MAX),
        "256M",
        Honoured,
        "Memory for the write blocks that were written last, which are read again soonest.",
        |d, v| {
            d.namespace.post_write_cache = v.number;
            Ok(None)
        },
    )
    .shown(|n| show_size(n.post_write_cache)),
    row(
        "namespace.storage-engine",
        "post-write-queue",
        Count(0, 8192),
        "",
        Translated("post-write-cache"),
        "The same in releases before 7.1, as a number of write blocks.",
        |d, v| {
            d.namespace.post_write_blocks = Some(v.number);
            Ok(None)
        },
    ),
    row(
        "namespace.storage-engine",
        "record-cache-size",
        Size(0, CACHE_MAX),
        "0",
        Honoured,
        "Memory for records that are read often; 0 is none.",
        |d, v| {
            d.namespace.record_cache = v.number;
            Ok(None)
        },
    )
    .shown(|n| show_size(n.record_cache)),
    row(
        "namespace.storage-engine",
        "direct-files",
        Flag,
        // Aerospike has false; what the page cache would hold here, our own caches hold already.
        "true",
        Honoured,
        "Whether files are read and written past the system's page cache, where it can be done.",
        |d, v| {
            d.namespace.direct_files = v.flag();
            Ok(None)
        },
    )
    .shown(|n| n.direct_io.to_string()),
    row(
        "namespace.storage-engine",
        "disable-odirect",
        Flag,
        "",
        Honoured,
        "Whether devices are read and written through the system's page cache.",
        |d, v| {
            d.namespace.buffered_devices = v.flag();
            Ok(None)
        },
    ),
    row(
        "namespace.storage-engine",
        "io-backend",
        Choice(BACKENDS),
        "auto",
        Honoured,
        "How devices are asked: uring (io_uring), pool (threads), auto for what the system has.",
        |d, v| {
            d.namespace.io_backend = match v.text() {
                "uring" => IoBackend::Uring,
                "pool" => IoBackend::Pool,
                _ => IoBackend::Auto,
            };
            Ok(None)
        },
    )
    .shown(|n| n.io_backend.word().to_owned()),
    row(
        "namespace.storage-engine",
        "commit-to-device",
        Flag,
        "",
        Translated("durability commit"),
        "Sync each write before its answer.",
        |d, v| {
            if v.flag() {
                d.namespace.durability = Some(Durability::Commit);
                return Ok(None);
            }
            let kept = "durability commit is the default here; `durability memory` gives it up";
            Ok(Some(Verdict::Translated(kept.to_owned())))
        },
    ),
    row(
        "namespace.storage-engine",
        "data-in-memory",
        Flag,
        "",
        Translated("storage-engine memory with its file or device"),
        "Whether a copy of all records is kept in memory.",
        |d, v| {
            d.namespace.in_memory |= v.flag();
            Ok((!v.flag()).then_some(Verdict::Honoured))
        },
    ),
    row(
        "namespace.storage-engine",
        "encryption",
        Words(1, 1, "a cipher"),
        "",
        Refused(NO_CIPHER),
        "Cipher of the data on the device.",
        |_, v| Ok((v.text() == "none").then_some(Verdict::Honoured)),
    ),
    row(
        "namespace.storage-engine",
        "encryption-key-file",
        Words(1, 1, "a path"),
        "",
        Refused(NO_CIPHER),
        "Key of the data on the device.",
        nothing,
    ),
    row(
        "namespace.storage-engine",
        "cold-start-empty",
        Flag,
        "",
        Refused("the node never drops data by a setting; remove the line, and the file if meant"),
        "Forget what is on the device.",
        |_, v| Ok((!v.flag()).then_some(Verdict::Honoured)),
    ),
    context("namespace", "set", Named("NAME"), Honoured, "One set of the namespace."),
    row(
        "namespace.set",
        "default-ttl",
        Seconds(0, TTL_MAX),
        "",
        Honoured,
        "Life of this set's records that are written without a TTL; 0 is for ever.",
        |d, v| {
            d.set().default_ttl_s = Some(v.u32());
            Ok(None)
        },
    )
    .dynamic()
    .set_shown(|s| s.default_ttl_s.map(|ttl_s| ttl_s.to_string())),
    row(
        "namespace.set",
        "disable-eviction",
        Flag,
        "",
        Honoured,
        "Whether records of this set are never evicted.",
        disable_eviction,
    )
    .dynamic()
    .set_shown(|s| Some(s.disable_eviction.to_string())),
    row(
        "namespace.set",
        "set-disable-eviction",
        Flag,
        "",
        Translated("disable-eviction"),
        "The same in releases before 5.6.",
        disable_eviction,
    )
    .dynamic(),
    row(
        "namespace.set",
        "stop-writes-count",
        Count(0, u64::MAX),
        "",
        Honoured,
        "Records at which writes to this set stop; 0 is no limit.",
        stop_writes_count,
    )
    .dynamic()
    .set_shown(|s| Some(s.stop_writes_count.to_string())),
    row(
        "namespace.set",
        "set-stop-writes-count",
        Count(0, u64::MAX),
        "",
        Translated("stop-writes-count"),
        "The same in releases before 5.6.",
        stop_writes_count,
    )
    .dynamic(),
    row(
        "namespace.set",
        "stop-writes-size",
        Size(0, u64::MAX),
        "",
        Honoured,
        "Bytes at which writes to this set stop; 0 is no limit.",
        |d, v| {
            d.set().stop_writes_size = v.number;
            Ok(None)
        },
    )
    .dynamic()
    .set_shown(|s| Some(show_size(s.stop_writes_size))),
    context("", "security", Block, Ignored(NO_USERS), "Users, roles, audit."),
    context("security", "ldap", Block, Ignored(NO_USERS), "Users from a directory."),
    context("security", "log", Block, Ignored(NO_USERS), "Audit trail."),
    context("security", "syslog", Block, Ignored(NO_USERS), "Audit trail in the system's log."),
    context("", "mod-lua", Block, Ignored(NO_UDF), "Lua functions."),
    context("", "xdr", Block, Ignored(NO_XDR), "Shipping to other clusters."),
    context("xdr", "dc", Named("NAME"), Ignored(NO_XDR), "One other cluster."),
    context("xdr", "datacenter", Named("NAME"), Ignored(NO_XDR), "One other cluster, before 5.0."),
    context("xdr.dc", "namespace", Named("NAME"), Ignored(NO_XDR), "What is shipped of it."),
    context("", "cluster", Block, Ignored(SINGLE), "Racks, in old releases."),
    context("namespace", "geo2dsphere-within", Block, Ignored(GEO), "Cells of regions."),
];

const HOST: Kind = Words(1, 1, "an address, a host name or any");
const HOSTS_HELP: &str = "Address to listen on, 127.0.0.1 unless given; several lines for several.";
const PORT_HELP: &str = "Port to listen on; 0 takes a free one, which the ready line prints.";
const ADDRESS: Kind = Words(1, 1, "an address, an interface or any");
const PORT: Kind = Count(1, 65_535);
const STORE: Kind = Words(1, 2, "a path");
const LOG_WORDS: Kind = Words(2, 2, "a context and a level");
const LOG_LEVEL: Status = Translated("the level of --log");
const NO_CIPHER: &str = "data is not encrypted on the device in this release; use an encrypted \
                         volume and remove the line";

const EVICT: &str =
    "Share of storage in use above which the records that die soonest are evicted; 0 is never.";
/// Most memory of a cache: what the records of a namespace may be.
const CACHE_MAX: u64 = NAMESPACE_SIZE_MAX;

fn evict_used(d: &mut Draft, v: &Given<'_>) -> Taken {
    d.namespace.settings.evict_used_pct = v.u8();
    Ok(None)
}

fn stop_writes_used(d: &mut Draft, v: &Given<'_>) -> Taken {
    d.namespace.settings.stop_writes_used_pct = v.u8();
    Ok(None)
}

fn stop_writes_avail(d: &mut Draft, v: &Given<'_>) -> Taken {
    d.namespace.settings.stop_writes_avail_pct = v.u8();
    Ok(None)
}

fn stop_writes_count(d: &mut Draft, v: &Given<'_>) -> Taken {
    d.set().stop_writes_count = v.number;
    Ok(None)
}

fn disable_eviction(d: &mut Draft, v: &Given<'_>) -> Taken {
    d.set().disable_eviction = v.flag();
    Ok(None)
}

/// Marks of memory were those of the data too where the data is in memory.
fn for_memory(d: &mut Draft, v: &Given<'_>, apply: Apply) -> Taken {
    match d.namespace.engine {
        Some(EngineKind::Memory) => apply(d, v),
        _ => Ok(Some(Verdict::Ignored(MEMORY_MARK.to_owned()))),
    }
}

fn durability(d: &mut Draft, v: &Given<'_>) -> Taken {
    let wrong = || format!("`{}` is none of commit, memory, interval MS", v.words.join(" "));
    let words: Vec<&str> = v.words.iter().map(String::as_str).collect();
    d.namespace.durability = Some(match words[..] {
        ["commit"] => Durability::Commit,
        ["memory"] => Durability::Memory,
        ["interval"] => {
            return Err("interval has no milliseconds; write for instance `interval 50`".to_owned());
        }
        ["interval", ms] | ["interval", ms, "ms"] => {
            let number = units::number(ms.trim_end_matches("ms")).map_err(|_| wrong())?;
            if !(1..=INTERVAL_MAX_MS).contains(&number) {
                return Err(format!("`{ms}` is out of range; give 1 to {INTERVAL_MAX_MS} ms"));
            }
            Durability::Interval(u32::try_from(number).unwrap_or(u32::MAX))
        }
        _ => return Err(wrong()),
    });
    Ok(None)
}

/// The level comes from its own parameter, in whatever order they stand.
fn compression(d: &mut Draft, v: &Given<'_>) -> Taken {
    let (codec, verdict) = match v.text() {
        "lz4" => (Compression::Lz4, None),
        "zstd" => (Compression::Zstd(0), None),
        "snappy" => {
            let near = "lz4, which is as quick and as small".to_owned();
            (Compression::Lz4, Some(Verdict::Translated(near)))
        }
        _ => (Compression::None, None),
    };
    d.namespace.settings.compression = codec;
    Ok(verdict)
}

fn port(v: &Given<'_>) -> u16 {
    u16::try_from(v.number).unwrap_or(0)
}

/// Keeps a host to listen on; `open` is said of one that other machines reach.
fn keep_host(hosts: &mut Vec<String>, v: &Given<'_>, open: &str) -> Taken {
    let host = HostPort::new(v.text(), 0);
    let is_open = host.is_open();
    hosts.push(host.host);
    Ok(is_open.then(|| Verdict::Translated(open.to_owned())))
}

fn keep_address(listen: &mut Listen, v: &Given<'_>) -> Taken {
    listen.addresses.push(v.text().to_owned());
    Ok(None)
}

fn keep_port(listen: &mut Listen, v: &Given<'_>) -> Taken {
    listen.port = Some(port(v));
    Ok(None)
}

fn log_level(d: &mut Draft, v: &Given<'_>) -> Taken {
    let [context, level] = v.words else { return Ok(None) };
    let level = level.to_ascii_lowercase();
    let Some(at) = LEVELS.iter().position(|(theirs, _)| *theirs == level) else {
        let levels: Vec<&str> = LEVELS.iter().map(|(theirs, _)| *theirs).collect();
        return Err(format!("`{level}` is none of {}", levels.join(", ")));
    };
    if context != "any" {
        let own = "the parts of the server differ; name ours in --log";
        return Ok(Some(Verdict::Ignored(own.to_owned())));
    }
    let ours = LEVELS[at].1;
    // Of several logs the one that tells most: there is one log here.
    let before = LEVELS.iter().position(|(_, ours)| d.config.log.as_deref() == Some(ours));
    if before.is_none_or(|before| before < at) {
        d.config.log = Some(ours.to_owned());
    }
    Ok(Some(Verdict::Translated(format!("--log {ours}, on standard error"))))
}

/// Old files have blocks down to 1 KiB; whatever fits those fits the smallest of ours.
fn write_block_size(d: &mut Draft, v: &Given<'_>) -> Taken {
    const LEAST: u32 = 128 << 10;
    if !v.number.is_power_of_two() {
        return Err(format!("`{}` is not a power of two; try 128K or 1M", v.text()));
    }
    d.namespace.write_block_size = v.u32().max(LEAST);
    let raised = v.u32() < LEAST;
    Ok(raised.then(|| Verdict::Translated("128K, the smallest block here".to_owned())))
}

/// 256 sprigs, Aerospike's default, is 8 shards: some 300 entries a shard at 10 M records.
fn sprigs(d: &mut Draft, v: &Given<'_>) -> Taken {
    if !v.number.is_power_of_two() {
        return Err(format!("`{}` is not a power of two; try 256 or 1024", v.text()));
    }
    let shards = u16::try_from(v.number / 32).unwrap_or(u16::MAX).clamp(1, 64);
    d.namespace.shards_per_partition = shards;
    let each = if shards == 1 { "1 index shard" } else { &format!("{shards} index shards") };
    Ok(Some(Verdict::Translated(format!("{each} in each partition"))))
}

fn memory_size(d: &mut Draft, v: &Given<'_>) -> Taken {
    let namespace = &mut d.namespace;
    if namespace.engine != Some(EngineKind::Memory) {
        return Ok(Some(Verdict::Ignored(format!("not needed: {INDEX}"))));
    }
    if namespace.is_given("data-size") {
        return Ok(Some(Verdict::Ignored("data-size says it".to_owned())));
    }
    namespace.data_size = v.number.clamp(1 << 20, NAMESPACE_SIZE_MAX);
    let size = show_size(namespace.data_size);
    Ok(Some(Verdict::Translated(format!("data-size {size} of storage-engine memory"))))
}

fn storage_engine(d: &mut Draft, v: &Given<'_>) -> Taken {
    match v.text() {
        "pmem" => {
            let files = "device: files on persistent memory are files";
            Ok(Some(Verdict::Translated(files.to_owned())))
        }
        _ => {
            d.namespace.in_memory |= d.namespace.engine == Some(EngineKind::MemoryBacked);
            Ok(None)
        }
    }
}

fn store(v: &Given<'_>) -> Result<PathBuf, String> {
    match v.words {
        [path] => Ok(PathBuf::from(path)),
        _ => Err("has a shadow behind it, which this release cannot write; give the durable one \
                  alone"
            .to_owned()),
    }
}

/// What the node does not have or need, by reason.
pub(super) static IGNORED: &[Group] = &[
    Group {
        context: "service",
        why: THREADS,
        names: "service-threads work-threads auto-pin batch-index-threads batch-threads \
                transaction-queues transaction-threads-per-queue info-threads query-threads \
                query-threads-limit query-worker-threads scan-threads scan-threads-limit \
                fabric-workers use-queue-per-device",
    },
    Group {
        context: "service",
        why: QUERY_LIMITS,
        names: "batch-max-requests batch-max-buffers-per-queue batch-max-unused-buffers \
                batch-priority batch-without-digests query-batch-size query-bufpool-size \
                query-buf-size query-in-transaction-thread query-long-q-max-size query-max-done \
                query-pre-reserve-partitions query-priority query-priority-sleep-us \
                query-rec-count-bound query-req-in-query-thread query-req-max-inflight \
                query-short-q-max-size query-sleep-us query-threshold query-untracked-time-ms \
                scan-max-active scan-max-done scan-max-udf-transactions scan-priority scan-sleep \
                transaction-max-ms transaction-retry-ms transaction-repeatable-read \
                transaction-duplicate-threads allow-inline-transactions proto-fd-idle-ms \
                proto-slow-netio-sleep-ms info-max-ms error-details-max-verbosity",
    },
    Group {
        context: "service",
        why: OS,
        names: "user group pidfile run-as-daemon os-group-perms keep-caps-ssd-health \
                work-directory cgroup-mem-tracking enforce-best-practices client-fd-max",
    },
    Group {
        context: "service",
        why: SINGLE,
        names: "cluster-name node-id node-id-interface min-cluster-size stay-quiesced \
                advertise-ipv6 paxos-single-replica-limit paxos-protocol paxos-recovery-policy \
                paxos-retransmit-period paxos-max-cluster-size migrate-threads \
                migrate-max-num-incoming migrate-fill-delay migrate-rx-lifetime-ms \
                migrate-xmit-hwm migrate-xmit-lwm migrate-xmit-priority migrate-xmit-sleep \
                migrate-read-priority migrate-read-sleep replication-fire-and-forget \
                respond-client-on-master-completion write-duplicate-resolution-disable snub-nodes \
                smd-compression-mode smd-compression-level",
    },
    Group { context: "service", why: FREE, names: "feature-key-file feature-key-files" },
    Group {
        context: "service",
        why: SECRETS,
        names: "secrets-address-port secrets-tls-context secrets-uds-path vault-ca \
                vault-namespace vault-path vault-token-file vault-url",
    },
    Group {
        context: "service",
        why: NO_METRICS,
        names: "enable-benchmarks-fabric enable-benchmarks-svc enable-health-check \
                enable-hist-info enable-hist-proxy enable-benchmarks-wire-compression \
                hist-track-back hist-track-slice hist-track-thresholds microbenchmarks \
                microsecond-histograms query-microbenchmark storage-benchmarks ldt-benchmarks \
                ticker-interval",
    },
    Group {
        context: "service",
        why: LOG,
        names: "log-local-time log-millis log-milliseconds dump-message-above-size",
    },
    Group {
        context: "service",
        why: ALLOC,
        names: "debug-allocations indent-allocations salt-allocations poison-allocations \
                quarantine-allocations max-msgs-per-type",
    },
    Group {
        context: "service",
        why: NO_SINDEX,
        names: "sindex-builder-threads sindex-data-max-memory sindex-gc-enable-histogram \
                sindex-gc-max-rate sindex-gc-period sindex-populator-scan-priority",
    },
    Group {
        context: "service",
        why: NO_UDF,
        names: "disable-udf-execution udf-runtime-max-memory udf-runtime-max-gmemory \
                udf-runtime-gmax-memory",
    },
    Group {
        context: "service",
        why: "each namespace says it for itself",
        names: "nsup-period nsup-delete-sleep nsup-queue-escape nsup-queue-hwm nsup-queue-lwm \
                nsup-reduce-priority nsup-reduce-sleep nsup-startup-evict nsup-threads \
                nsup-auto-hwm nsup-auto-hwm-pct nsup-max-deletes prole-extra-ttl \
                transaction-pending-limit defrag-queue-hwm defrag-queue-lwm \
                defrag-queue-priority defrag-queue-escape",
    },
    Group { context: "service", why: NO_TLS, names: "tls-refresh-period" },
    Group { context: "service", why: INDEX, names: "index-checkpoint-path" },
    Group {
        context: "network.service",
        why: NO_ACCESS,
        names: "access-address access-port alternate-access-address alternate-access-port \
                alternate-address external-address network-interface-name disable-localhost",
    },
    Group { context: "network.service", why: OS, names: "reuse-address" },
    Group {
        context: "network.service",
        why: NO_TLS,
        names: "tls-address tls-port tls-name tls-access-address tls-access-port \
                tls-alternate-access-address tls-alternate-access-port tls-authenticate-client \
                tls-mode tls-cafile tls-capath tls-certfile tls-keyfile tls-cipher-suite \
                tls-protocols tls-cert-blacklist",
    },
    Group {
        context: "network.heartbeat",
        why: NO_HEARTBEAT,
        names: "mode address port interval timeout mesh-seed-address-port mesh-address mesh-port \
                mesh-rw-retry-timeout multicast-group multicast-ttl mcast-ttl mtu protocol \
                interface-address connect-timeout-ms tls-address tls-port tls-name \
                tls-mesh-seed-address-port",
    },
    Group {
        context: "network.fabric",
        why: NO_FABRIC,
        names: "address port channel-bulk-fds channel-bulk-recv-threads channel-ctrl-fds \
                channel-ctrl-recv-threads channel-meta-fds channel-meta-recv-threads \
                channel-rw-fds channel-rw-recv-pools channel-rw-recv-threads keepalive-enabled \
                keepalive-intvl keepalive-probes keepalive-time latency-max-ms \
                recv-rearm-threshold send-threads tls-address tls-port tls-name",
    },
    Group {
        context: "network.info",
        why: NO_INFO_PORT,
        names: "address port enable-fastpath tls-address tls-port tls-name",
    },
    Group {
        context: "network.admin",
        why: NO_ADMIN,
        names: "disable-localhost tls-address tls-port tls-name tls-authenticate-client",
    },
    Group {
        context: "network.tls",
        why: NO_TLS,
        names: "ca-file ca-path cert-blacklist cert-file cipher-suite key-file key-file-password \
                protocols",
    },
    Group {
        context: "namespace",
        why: ONE_MARK,
        names: "high-water-pct evict-pct evict-hist-buckets evict-sys-memory-pct \
                evict-indexes-memory-pct cold-start-evict-ttl disable-cold-start-eviction \
                low-water-pct",
    },
    Group { context: "namespace", why: ONE_SWEEP, names: "nsup-threads nsup-hist-period" },
    Group {
        context: "namespace",
        why: "a TTL is always allowed: an expired record is hidden at once",
        names: "allow-ttl-without-nsup apply-ttl-reductions",
    },
    Group { context: "namespace", why: "a TTL may be as long as ten years", names: "max-ttl" },
    Group { context: "namespace", why: MEMORY_MARK, names: "stop-writes-sys-memory-pct" },
    Group {
        context: "namespace",
        why: INDEX,
        names: "index-type index-stage-size partition-tree-locks index-checkpoint-compression \
                index-checkpoint-threads skip-checkpoint",
    },
    Group {
        context: "namespace.index-type",
        why: INDEX,
        names: "mount mounts-high-water-pct mounts-size-limit mounts-budget evict-mounts-pct",
    },
    Group {
        context: "namespace",
        why: NO_SINDEX,
        names: "sindex sindex-type sindex-stage-size num-sindex-partitions si inline-short-queries",
    },
    Group {
        context: "namespace.sindex-type",
        why: NO_SINDEX,
        names: "mount mounts-high-water-pct mounts-size-limit mounts-budget evict-mounts-pct",
    },
    Group { context: "namespace.sindex", why: NO_SINDEX, names: "data-max-memory num-partitions" },
    Group {
        context: "namespace",
        why: SINGLE,
        names: "rack-id active-rack prefer-uniform-balance effective-rack-id migrate-order \
                migrate-retransmit-ms migrate-sleep migrate-skip-unreadable auto-revive \
                ignore-migrate-fill-delay read-consistency-level-override \
                write-commit-level-override disable-write-dup-res read-replica-fallback \
                strong-consistency-allow-expunge",
    },
    Group {
        context: "namespace",
        why: NO_WIRE_COMPRESSION,
        names: "replication-compression-mode replication-compression-level \
                migrate-compression-mode migrate-compression-level",
    },
    Group {
        context: "namespace",
        why: NO_CONVERGENCE,
        names: "conflict-resolution-policy conflict-resolve-writes allow-versions \
                allow-nonxdr-writes allow-xdr-writes reject-non-xdr-writes reject-xdr-writes",
    },
    Group {
        context: "namespace",
        why: NO_XDR,
        names: "enable-xdr xdr-remote-datacenter sets-enable-xdr ns-forward-xdr-writes \
                xdr-bin-tombstone-ttl xdr-tomb-raider-period xdr-tomb-raider-threads \
                ship-changes-only",
    },
    Group {
        context: "namespace",
        why: "one statement is one transaction in this release",
        names: "disable-mrt-writes mrt-duration disable-proxies",
    },
    Group {
        context: "namespace",
        why: TOMBSTONES,
        names: "disallow-expunge tomb-raider-eligible-age tomb-raider-period \
                tomb-raider-unmark-threads truncate-threads",
    },
    Group {
        context: "namespace",
        why: "records of the null set are allowed",
        names: "disallow-null-setname",
    },
    Group {
        context: "namespace",
        why: "one thread reads a scan, and more where SQL runs in parallel",
        names: "single-query-threads single-scan-threads",
    },
    Group {
        context: "namespace",
        why: NO_BACKGROUND,
        names: "background-query-max-rps background-scan-max-rps",
    },
    Group { context: "namespace", why: ONE_KEY, names: "transaction-pending-limit" },
    Group {
        context: "namespace",
        why: NO_METRICS,
        names: "enable-benchmarks-batch-sub enable-benchmarks-migrate enable-benchmarks-ops-sub \
                enable-benchmarks-read enable-benchmarks-repl enable-benchmarks-storage \
                enable-benchmarks-udf enable-benchmarks-udf-sub enable-benchmarks-write \
                enable-hist-proxy hist-track-back hist-track-slice hist-track-thresholds \
                obj-size-hist-max",
    },
    Group {
        context: "namespace",
        why: OLD,
        names: "single-bin data-in-index force-long-queries ldt-enabled ldt-gc-rate ldt-page-size \
                geo2dsphere-within-strict geo2dsphere-within-max-cells",
    },
    Group {
        context: "namespace.geo2dsphere-within",
        why: GEO,
        names: "strict min-level max-level max-cells level-mod earth-radius-meters",
    },
    Group {
        context: "namespace.set",
        why: "a scan of a set reads the index of its namespace, at memory speed",
        names: "enable-index",
    },
    Group {
        context: "namespace.set",
        why: "that of the namespace holds for all its sets",
        names: "default-read-touch-ttl-pct",
    },
    Group { context: "namespace.set", why: NO_XDR, names: "set-enable-xdr" },
    Group {
        context: "namespace.storage-engine",
        why: DEFRAG,
        names: "defrag-queue-min defrag-sleep defrag-startup-minimum defrag-period \
                defrag-max-blocks defrag-queue-hwm defrag-queue-lwm defrag-queue-escape \
                defrag-queue-priority",
    },
    Group {
        context: "namespace.storage-engine",
        why: GROUP_COMMIT,
        names: "flush-size flush-max-ms fsync-max-sec commit-min-size max-write-cache \
                write-smoothing-period write-threads disable-odsync enable-osync",
    },
    Group { context: "namespace.storage-engine", why: SINGLE, names: "cache-replica-writes" },
    Group { context: "namespace.storage-engine", why: PAGE_CACHE, names: "read-page-cache" },
    Group { context: "namespace.storage-engine", why: SCHEDULER, names: "scheduler-mode" },
    Group {
        context: "namespace.storage-engine",
        why: "direct-files says it of files, disable-odirect of devices",
        names: "direct-io",
    },
    Group {
        context: "namespace.storage-engine",
        why: "lz4 has one speed here",
        names: "compression-acceleration",
    },
    Group {
        context: "namespace.storage-engine",
        why: "data is not encrypted on the device in this release",
        names: "encryption-old-key-file",
    },
    Group {
        context: "namespace.storage-engine",
        why: TOMBSTONES,
        names: "serialize-tomb-raider tomb-raider-sleep",
    },
    Group {
        context: "namespace.storage-engine",
        why: NO_SINDEX,
        names: "sindex-startup-device-scan",
    },
    Group {
        context: "namespace.storage-engine",
        why: NO_METRICS,
        names: "enable-benchmarks-storage",
    },
    Group {
        context: "namespace.storage-engine",
        why: "every record has a CRC, checked at each read",
        names: "signature",
    },
    Group {
        context: "namespace.storage-engine",
        why: OLD,
        names: "load-at-startup persist memory-all max-data-size",
    },
    Group {
        context: "security",
        why: NO_USERS,
        names: "enable-security enable-quotas enable-ldap ldap-login-threads \
                privilege-refresh-period session-ttl tps-weight default-password-file",
    },
    Group {
        context: "security.ldap",
        why: NO_USERS,
        names: "disable-tls login-threads polling-period query-base-dn query-user-dn \
                query-user-password-file role-query-base-dn role-query-pattern \
                role-query-search-ou server session-ttl tls-ca-file token-hash-method \
                user-dn-pattern user-query-pattern",
    },
    Group {
        context: "security.log",
        why: NO_USERS,
        names: "report-authentication report-data-op report-data-op-role report-data-op-user \
                report-sys-admin report-user-admin report-violation",
    },
    Group {
        context: "security.syslog",
        why: NO_USERS,
        names: "local report-authentication report-data-op report-sys-admin report-user-admin \
                report-violation",
    },
    Group {
        context: "mod-lua",
        why: NO_UDF,
        names: "cache-enabled user-path system-path allow-unsafe-lua",
    },
    Group {
        context: "xdr",
        why: NO_XDR,
        names: "src-id trace-sample enable-xdr xdr-digestlog-path xdr-errorlog-path xdr-pidfile \
                xdr-compression-threshold xdr-client-threads xdr-max-ship-throughput \
                xdr-max-ship-bandwidth xdr-hotkey-time-ms xdr-info-port xdr-ship-bins \
                xdr-shipping-enabled xdr-delete-shipping-enabled xdr-digestlog-iowait-ms \
                xdr-info-timeout xdr-min-digestlog-free-pct xdr-read-threads xdr-write-timeout \
                xdr-ship-delay xdr-nw-timeout",
    },
    Group {
        context: "xdr.dc",
        why: NO_XDR,
        names: "auth-mode auth-password-file auth-user connector max-recoveries-interleaved \
                max-used-service-threads node-address-port period-ms recovery-threads tls-name \
                use-alternate-access-address",
    },
    Group {
        context: "xdr.dc.namespace",
        why: NO_XDR,
        names: "bin-policy compression-level compression-threshold delay-ms enable-compression \
                forward hot-key-ms ignore-bin ignore-expunges ignore-set max-throughput \
                remote-namespace sc-replication-wait-ms ship-bin ship-bin-luts \
                ship-nsup-deletes ship-only-specified-sets ship-set ship-versions-interval \
                ship-versions-policy transaction-queue-limit write-policy",
    },
    Group {
        context: "xdr.datacenter",
        why: NO_XDR,
        names: "dc-node-address-port dc-int-ext-ipmap dc-connections dc-connections-idle-ms \
                dc-name dc-security-config-file dc-ship-bins dc-use-alternate-services tls-name \
                tls-node",
    },
    Group { context: "cluster", why: SINGLE, names: "mode self-group-id self-node-id group" },
];
