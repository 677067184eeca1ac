//! What the node, its namespaces and sets hold, in the names of Aerospike's metrics.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering::Relaxed;

use model::{Error, ErrorKind, Result};
use store::{NamespaceInfo, SetInfo};

use super::{Ask, Info, cluster, config, pairs};
use crate::exec::Operated;

pub(super) fn answer<S: Operated>(info: &Info, node: &S, ask: &Ask<'_>) -> Option<Result<String>> {
    Some(match ask.name {
        "statistics" => Ok(statistics(info, node)),
        "namespaces" => Ok(names(node).join(";")),
        "namespace" => {
            namespace(node, if ask.of.is_empty() { ask.namespace() } else { Some(ask.of) })
        }
        "sets" => sets(node, ask),
        "bins" => bins(node, ask.of),
        "replicas" => Ok(cluster::replicas(names(node).iter().map(String::as_str))),
        _ => return None,
    })
}

fn names<S: Operated>(node: &S) -> Vec<String> {
    node.namespaces().into_iter().map(|info| info.name).collect()
}

type Pairs = Vec<(String, String)>;

fn pair(name: &str, value: impl ToString) -> (String, String) {
    (name.to_string(), value.to_string())
}

/// Numbers of the whole node.
fn statistics<S: Operated>(info: &Info, node: &S) -> String {
    let namespaces = node.namespaces();
    let sum = |of: fn(&NamespaceInfo) -> u64| namespaces.iter().map(of).sum::<u64>();
    let opened = info.connections.opened.load(Relaxed);
    let closed = info.connections.closed.load(Relaxed);
    let mut all = vec![
        pair("failed_best_practices", false),
        pair("cluster_size", 1),
        pair("cluster_min_compatibility_id", 0),
        pair("cluster_max_compatibility_id", 0),
        pair("cluster_key", cluster::cluster_key(info)),
        pair("cluster_generation", 1),
        pair("cluster_principal", &info.node_id),
        pair("cluster_integrity", true),
        pair("cluster_is_member", true),
        pair("cluster_clock_skew_ms", 0),
        pair("uptime", info.started.elapsed().as_secs()),
        pair("objects", sum(|n| n.objects)),
        pair("tombstones", sum(|n| n.tombstones)),
        pair("client_connections", opened.saturating_sub(closed)),
        pair("client_connections_opened", opened),
        pair("client_connections_closed", closed),
        pair("migrate_allowed", true),
        pair("migrate_partitions_remaining", 0),
    ];
    all.extend(system());
    pairs(all)
}

/// What the system says of its memory and of this process, where it does.
fn system() -> Pairs {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let kib = |text: &str, name: &str| -> Option<u64> {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim_start_matches(':').split_whitespace().next()?.parse().ok()
    };
    let (memory, process) = (read("/proc/meminfo"), read("/proc/self/status"));
    let mut all = Pairs::new();
    if let (Some(free), Some(total)) = (kib(&memory, "MemAvailable"), kib(&memory, "MemTotal")) {
        all.push(pair("system_free_mem_kbytes", free));
        all.push(pair("system_free_mem_pct", free * 100 / total.max(1)));
    }
    if let Some(resident) = kib(&process, "VmRSS") {
        all.push(pair("process_resident_kbytes", resident));
    }
    if let Some(threads) = kib(&process, "Threads") {
        all.push(pair("threads", threads));
    }
    all
}

/// Numbers and settings of one namespace.
fn namespace<S: Operated>(node: &S, name: Option<&str>) -> Result<String> {
    let name = name.unwrap_or_default();
    let info = node.namespaces().into_iter().find(|info| info.name == name);
    let info = info.ok_or_else(|| {
        Error::new(ErrorKind::NamespaceNotFound, format!("namespace {name:?} does not exist"))
    })?;
    let mut all = counts(&info);
    for stat in node.stats(Some(name))? {
        if !all.iter().any(|(name, _)| name == stat.name) {
            all.push(pair(stat.name, stat.value.replace(';', ",")));
        }
    }
    for latency in node.latencies(Some(name))? {
        if let Some(name) = operations(latency.operation) {
            all.push(pair(name, latency.count));
        }
    }
    all.extend(config::of_namespace(node, name)?);
    Ok(pairs(all))
}

/// What counts as done how often, by the histogram that times it.
fn operations(histogram: &str) -> Option<&'static str> {
    Some(match histogram {
        "read" => "client_read_success",
        "write" => "client_write_success",
        "batch-read" => "batch_sub_read_success",
        "scan" => "pi_query_short_basic_complete",
        _ => return None,
    })
}

/// One node holds every record once: all are a master's.
fn counts(info: &NamespaceInfo) -> Pairs {
    vec![
        pair("ns_cluster_size", 1),
        pair("effective_replication_factor", 1),
        pair("objects", info.objects),
        pair("tombstones", info.tombstones),
        pair("master_objects", info.objects),
        pair("master_tombstones", info.tombstones),
        pair("prole_objects", 0),
        pair("prole_tombstones", 0),
        pair("non_replica_objects", 0),
        pair("non_replica_tombstones", 0),
        pair("unreplicated_records", 0),
        pair("dead_partitions", 0),
        pair("unavailable_partitions", 0),
        pair("clock_skew_stop_writes", false),
        pair("stop_writes", info.stop_writes.is_some()),
        pair("index_used_bytes", info.index_bytes),
        pair("sindex_used_bytes", 0),
        pair("data_total_bytes", info.capacity_bytes),
        pair("nsup_cycle_deleted_pct", 0),
        pair("migrate_tx_partitions_remaining", 0),
        pair("migrate_rx_partitions_remaining", 0),
    ]
}

/// `sets`, `sets/NS` or `sets/NS/SET`.
fn sets<S: Operated>(node: &S, ask: &Ask<'_>) -> Result<String> {
    let (namespace, set) = ask.of.split_once('/').unwrap_or((ask.of, ""));
    let namespace = if namespace.is_empty() { ask.namespace().unwrap_or("") } else { namespace };
    let set = if set.is_empty() { ask.get("set").unwrap_or("") } else { set };
    let chosen = if namespace.is_empty() { names(node) } else { vec![namespace.to_string()] };
    let mut out = String::new();
    for namespace in chosen {
        for info in node.sets(&namespace)? {
            // Records of no set are in none that Aerospike lists.
            if !info.name.is_empty() && (set.is_empty() || set == info.name) {
                out += &one_set(node, &info)?;
            }
        }
    }
    Ok(out)
}

fn one_set<S: Operated>(node: &S, info: &SetInfo) -> Result<String> {
    let mut line = format!(
        "ns={}:set={}:objects={}:tombstones=0:data_used_bytes={}:sindexes=0",
        info.namespace, info.name, info.objects, info.bytes
    );
    for (name, value) in config::of_set(node, &info.namespace, &info.name)? {
        line += &format!(":{name}={value}");
    }
    Ok(line + ";")
}

/// `bins` or `bins/NS`: names that bins have or had.
fn bins<S: Operated>(node: &S, of: &str) -> Result<String> {
    let chosen = if of.is_empty() { names(node) } else { vec![of.to_string()] };
    let mut out = String::new();
    for namespace in chosen {
        let mut names = BTreeSet::new();
        for set in node.sets(&namespace)? {
            names.extend(node.bins(&namespace, &set.name)?.into_iter().map(|bin| bin.name));
        }
        let head = if of.is_empty() { format!("{namespace}:") } else { String::new() };
        out += &format!("{head}bin_names={},bin_names_quota=65535", names.len());
        names.iter().for_each(|name| out += &format!(",{name}"));
        if of.is_empty() {
            out.push(';');
        }
    }
    Ok(out)
}
