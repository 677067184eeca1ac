//! Who the node is, where it is found and which partitions it holds.

use std::net::SocketAddr;

use model::{Key, Result};

use super::{Ask, BUILD, Info, parameter};

/// Counts changes of the list of peers and of who holds which partition: one node has neither.
const GENERATION: &str = "1";
/// What 8.1 servers name, as far as it is here: clients before `build` choose by these.
const FEATURES: &str = "batch-any;batch-index;blob-bits;cdt-index;cdt-list;cdt-map;cluster-stable;\
                        float;geo;peers;pipelining;pquery;pscans;query-show;relaxed-sc;replicas;\
                        replicas-all;replicas-master;replicas-max;truncate-namespace";
const EDITION: &str = "AerieDB Community Edition";

pub(super) fn answer(info: &Info, local: SocketAddr, ask: &Ask<'_>) -> Option<Result<String>> {
    let value = match ask.name {
        "node" | "name" => info.node_id.clone(),
        "build" => BUILD.to_string(),
        "version" => format!("{EDITION} build {BUILD}"),
        "edition" => EDITION.to_string(),
        "build-os" => std::env::consts::OS.to_string(),
        "build-arch" => std::env::consts::ARCH.to_string(),
        "release" => release(),
        "features" => FEATURES.to_string(),
        "status" => "ok".to_string(),
        "cluster-name" => "null".to_string(),
        "cluster-stable" => return Some(stable(info, ask)),
        "service" | "service-clear-std" | "service-clear-alt" => local.to_string(),
        "services" | "services-alternate" | "services-alumni" => String::new(),
        "service-tls-std" | "service-tls-alt" | "admin-clear-std" => String::new(),
        "peers-generation" | "partition-generation" | "rebalance-generation" => {
            GENERATION.to_string()
        }
        "peers-clear-std" | "peers-clear-alt" | "alumni-clear-std" | "alumni-clear-alt" => {
            let port = local.port();
            format!("{GENERATION},{port},[]")
        }
        "peers-tls-std" | "peers-tls-alt" | "alumni-tls-std" => format!("{GENERATION},,[]"),
        "partitions" => model::PARTITIONS.to_string(),
        "user-agent-set" => return Some(user_agent(ask)),
        _ => return None,
    };
    Some(Ok(value))
}

/// One node is a stable cluster of itself; a size that was asked for must be 1.
fn stable(info: &Info, ask: &Ask<'_>) -> Result<String> {
    match ask.get("size") {
        None | Some("1") => Ok(cluster_key(info)),
        Some(size) => Err(parameter(format!("the cluster has 1 node, not {size}"))),
    }
}

/// Names the cluster's members: of one node its own id is enough.
pub(super) fn cluster_key(info: &Info) -> String {
    info.node_id.clone()
}

fn release() -> String {
    let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
    format!("arch={arch};edition={EDITION};os={os};version={BUILD}")
}

/// Clients from 8.1 on say who they are. It is taken note of in the log.
fn user_agent(ask: &Ask<'_>) -> Result<String> {
    let base64 = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=');
    let value = ask.need("value")?;
    if !value.chars().all(base64) {
        return Err(parameter("value= of user-agent-set is no base64"));
    }
    tracing::debug!(value, "a client's user agent");
    Ok("ok".to_string())
}

/// Which partitions the node is the master of, for each namespace: all. The bitmap's 512 bytes are
/// base64, partition 0 is the highest bit of the first byte; 0 before it: no strong consistency,
/// one copy.
pub(super) fn replicas<'a>(namespaces: impl Iterator<Item = &'a str>) -> String {
    let all = base64_of_ones(usize::from(model::PARTITIONS) / 8);
    namespaces.map(|name| format!("{name}:0,1,{all}")).collect::<Vec<_>>().join(";")
}

/// Base64 of so many bytes 255: three of them are four `/`, and the rest is padded.
fn base64_of_ones(bytes: usize) -> String {
    let tail = ["", "/w==", "//8="][bytes % 3];
    "////".repeat(bytes / 3) + tail
}

/// 16 hex digits: a mark, the port, a hash of what the node is: the same after a restart at
/// the same place, and never with a zero in front, which clients would lose.
pub(super) fn node_id(identity: &str, port: u16) -> String {
    let digest = Key::String(identity.to_string()).digest("node");
    let mut id = [0u8; 8];
    id.copy_from_slice(&digest.0[..8]);
    let port = port.to_be_bytes();
    id[..3].copy_from_slice(&[0xBB, port[0], port[1]]);
    id.iter().fold(String::new(), |text, byte| text + &format!("{byte:02X}"))
}
