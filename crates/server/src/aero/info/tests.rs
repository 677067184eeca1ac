//! Requests and replies as clients and tools send and read them.

use model::{Key, Name, Value};
use store::{Address, Change, Store, Ttl};

use super::*;
use crate::config;
use crate::node::Node;

const TEXT: &str = "namespace test { storage-engine memory { data-size 64M } default-ttl 60 }
                    namespace other { storage-engine memory { data-size 64M } }";

fn node() -> Node {
    let (config, _) = config::parse(TEXT, "test").unwrap();
    Node::open(config).unwrap()
}

fn local() -> SocketAddr {
    "127.0.0.1:3000".parse().unwrap()
}

async fn ask(node: &Node, request: &str) -> String {
    let info = Info::new("a node", 3000);
    let reply = info.reply(node, local(), request.as_bytes()).await;
    let reply = String::from_utf8(reply).unwrap();
    let (asked, value) = reply.trim_end_matches('\n').split_once('\t').unwrap();
    assert_eq!(asked, request);
    value.to_string()
}

async fn put(node: &Node, set: &str, key: i64) {
    let key = Key::Integer(key);
    let digest = key.digest(set);
    let at = Address { namespace: "test", set, digest, key: Some(&key) };
    let bins = vec![(Name::from("n"), Some(Value::Integer(1)))];
    let write = |_: store::Seen<'_>| {
        Ok(Change::Write { bins: bins.clone(), replace: false, ttl: Ttl::Default })
    };
    node.modify(at, write).await.unwrap();
}

#[test]
fn requests_are_taken_apart() {
    let read = Ask::read("get-config:context=namespace;id=test;;flag");
    assert_eq!(read.params, [("context", "namespace"), ("id", "test"), ("flag", "")]);
    assert_eq!((read.name, read.of, read.namespace()), ("get-config", "", Some("test")));
    let read = Ask::read("sets/test/a:b");
    assert_eq!((read.name, read.of, read.params.len()), ("sets", "test/a:b", 0));
    let read = Ask::read("sindex-list:ns=a/b");
    assert_eq!((read.name, read.namespace()), ("sindex-list", Some("a/b")));
}

#[tokio::test]
async fn a_client_connects() {
    let node = node();
    let id = ask(&node, "node").await;
    assert!(id.len() == 16 && id.bytes().all(|c| c.is_ascii_hexdigit()) && !id.starts_with('0'));
    assert_eq!(id, ask(&node, "node").await);
    let version: Vec<u64> =
        ask(&node, "build").await.split('.').map(|part| part.parse().unwrap()).collect();
    assert!(version.len() == 4 && version >= vec![8, 0, 0, 0]);
    assert_eq!(ask(&node, "service-clear-std").await, "127.0.0.1:3000");
    assert_eq!(ask(&node, "peers-clear-std").await, "1,3000,[]");
    let replicas = ask(&node, "replicas").await;
    for of in replicas.split(';') {
        let (_, rest) = of.split_once(':').unwrap();
        let bitmap = rest.strip_prefix("0,1,").unwrap();
        // 512 bytes: 682 digits of six ones, one of two bytes' last four, padding.
        assert_eq!((bitmap.len(), bitmap.trim_end_matches("8=").len()), (684, 682));
        assert!(bitmap[..682].bytes().all(|digit| digit == b'/'));
    }
    assert_eq!(replicas.split(';').count(), 2);
    assert_eq!(ask(&node, "user-agent-set:value=MSxydXN0").await, "ok");
    assert!(ask(&node, "user-agent-set:value=;").await.starts_with("ERROR:4:"));
}

#[tokio::test]
async fn one_reply_line_for_each_request_in_order() {
    let node = node();
    let info = Info::new("a node", 3000);
    let reply = info.reply(&node, local(), b"status\nnope\n\nedition\n").await;
    let reply = String::from_utf8(reply).unwrap();
    let lines: Vec<&str> = reply.lines().collect();
    assert_eq!(lines[0], "status\tok");
    assert!(lines[1].starts_with("nope\tERROR:4:"), "{reply}");
    assert!(lines[2].starts_with("edition\t") && lines.len() == 3);
    let default = info.reply(&node, local(), b"").await;
    assert_eq!(default.iter().filter(|byte| **byte == b'\n').count(), DEFAULT.len());
    let odd = info.reply(&node, local(), &[0xFF, b'\n', 0, b'\t']).await;
    assert_eq!(String::from_utf8(odd).unwrap().matches("ERROR:4:").count(), 2);
}

#[tokio::test]
async fn what_is_stored_is_counted() {
    let node = node();
    put(&node, "people", 1).await;
    put(&node, "people", 2).await;
    assert_eq!(ask(&node, "namespaces").await, "other;test");
    let of = ask(&node, "namespace/test").await;
    let wanted = ["objects=2", "master_objects=2", "replication-factor=2", "default-ttl=60"];
    for pair in wanted.into_iter().chain(["client_write_success=2", "stop_writes=false"]) {
        assert!(of.split(';').any(|found| found == pair), "{pair} in {of}");
    }
    let names: Vec<&str> = of.split(';').filter_map(|p| p.split('=').next()).collect();
    let distinct: std::collections::HashSet<_> = names.iter().collect();
    assert_eq!(names.len(), distinct.len(), "{of}");
    let sets = ask(&node, "sets/test").await;
    assert!(sets.starts_with("ns=test:set=people:objects=2:tombstones=0:"), "{sets}");
    assert_eq!(ask(&node, "sets/test/nobody").await, "");
    assert_eq!(ask(&node, "bins/test").await, "bin_names=1,bin_names_quota=65535,n");
    assert!(ask(&node, "statistics").await.contains(";objects=2;"));
    assert!(ask(&node, "namespace/nope").await.starts_with("ERROR:20:"));
    assert!(ask(&node, "sets/nope").await.starts_with("ERROR:20:"));
}

#[tokio::test]
async fn settings_are_read_and_changed() {
    let node = node();
    let get = "get-config:context=namespace;namespace=test";
    assert!(ask(&node, get).await.contains("default-ttl=60"));
    assert!(ask(&node, get).await.contains("storage-engine.data-size=67108864;"));
    let set = "set-config:context=namespace;id=test;default-ttl=90";
    assert_eq!(ask(&node, set).await, "ok");
    assert!(ask(&node, get).await.contains("default-ttl=90"));
    assert_eq!(ask(&node, "config-set:context=service;proto-fd-max=77").await, "ok");
    assert!(ask(&node, "config-get:context=service").await.contains("proto-fd-max=77"));
    for wrong in [
        "set-config:context=namespace;id=nope;default-ttl=90",
        "set-config:context=namespace;id=test;no-such-setting=1",
        "set-config:context=namespace;id=test;default-ttl=soon",
        "set-config:context=service",
        "set-config:default-ttl=1",
        "get-config:context=nope",
    ] {
        assert!(ask(&node, wrong).await.starts_with("ERROR:"), "{wrong}");
    }
}

#[tokio::test]
async fn sets_are_emptied() {
    let node = node();
    for set in ["a", "b", ""] {
        put(&node, set, 1).await;
    }
    assert_eq!(ask(&node, "truncate:ns=test;set=a").await, "ok");
    assert_eq!(node.count("test", "a").await.unwrap(), 0);
    assert_eq!(node.count("test", "b").await.unwrap(), 1);
    // Everything was written after the first nanosecond of 1970.
    assert_eq!(ask(&node, "truncate-namespace:namespace=test;lut=1").await, "ok");
    assert_eq!(node.count("test", "b").await.unwrap(), 1);
    assert_eq!(ask(&node, "truncate-namespace:namespace=test").await, "ok");
    assert_eq!(node.namespaces().iter().map(|n| n.objects).sum::<u64>(), 0);
    assert!(ask(&node, "truncate:ns=nope;set=a").await.starts_with("ERROR:20:"));
    assert!(ask(&node, "truncate:set=a").await.starts_with("ERROR:4:"));
    assert!(ask(&node, "truncate:ns=test;set=a;lut=soon").await.starts_with("ERROR:4:"));
}

#[tokio::test]
async fn latencies_have_seventeen_thresholds() {
    let node = node();
    let line = ask(&node, "latencies:hist={test}-write").await;
    assert_eq!(line, "{test}-write:");
    put(&node, "a", 1).await;
    let line = ask(&node, "latencies:hist={test}-write").await;
    let (head, numbers) = line.split_once(",").unwrap();
    assert_eq!((head, numbers.split(',').count()), ("{test}-write:msec", 18));
    assert!(numbers.split(',').all(|number| number.parse::<f64>().is_ok()));
    assert!(ask(&node, "latencies:").await.contains(";{test}-read:;"));
    assert!(ask(&node, "latencies:hist={test}-nope").await.starts_with("ERROR:4:"));
}

#[tokio::test]
async fn histograms_count_every_record() {
    let node = node();
    for key in 0..5 {
        put(&node, "a", key).await;
    }
    put(&node, "", 1).await;
    let total = |reply: &str| -> u64 {
        let buckets = reply.split_once("buckets=").unwrap().1;
        buckets.split(',').map(|count| count.parse::<u64>().unwrap()).sum()
    };
    let ttl = ask(&node, "histogram:namespace=test;type=ttl").await;
    assert!(ttl.starts_with("units=seconds:hist-width=100:bucket-width=1:"), "{ttl}");
    assert_eq!(total(&ttl), 6);
    assert_eq!(total(&ask(&node, "histogram:namespace=test;set=a;type=ttl").await), 5);
    assert_eq!(total(&ask(&node, "histogram:namespace=other;type=ttl").await), 0);
    assert_eq!(total(&ask(&node, "histogram:ns=test;type=object-size-linear").await), 6);
    let sizes = ask(&node, "histogram:namespace=test;type=object-size").await;
    assert!(sizes.starts_with("units=bytes:[") && sizes.ends_with("=6"), "{sizes}");
    for wrong in
        ["histogram:namespace=test;type=nope", "histogram:type=ttl", "histogram:ns=nope;type=ttl"]
    {
        assert!(ask(&node, wrong).await.starts_with("ERROR:"), "{wrong}");
    }
}

#[tokio::test]
async fn no_index_function_or_job_is_there() {
    let node = node();
    assert_eq!(ask(&node, "sindex-list:namespace=test").await, "");
    assert_eq!(ask(&node, "sindex-exists:ns=test;indexname=i").await, "false");
    assert!(ask(&node, "sindex-stat:ns=test;indexname=i").await.starts_with("ERROR:201:"));
    assert_eq!(ask(&node, "sindex-delete:ns=test;indexname=i").await, "ok");
    assert!(ask(&node, "sindex-create:ns=test;indexname=i").await.starts_with("ERROR:4:"));
    assert_eq!(ask(&node, "udf-list").await, "");
    assert_eq!(ask(&node, "query-show").await, "");
    assert!(ask(&node, "query-show:id=7").await.starts_with("ERROR:2:"));
    assert!(ask(&node, "roster:namespace=test").await.starts_with("ERROR:25:"));
}

#[tokio::test]
async fn indexes_are_made_in_the_old_words_and_in_the_new() {
    let node = node();
    let old = "sindex-create:ns=test;set=a;indexname=i;indexdata=n,numeric";
    assert_eq!(ask(&node, old).await, "ok");
    assert_eq!(ask(&node, old).await, "ok");
    let other = "sindex-create:ns=test;set=a;indexname=i;indexdata=n,string";
    assert!(ask(&node, other).await.starts_with("ERROR:200:"));
    let new = "sindex-create:namespace=test;indexname=j;indextype=list;bin=l;type=string";
    assert_eq!(ask(&node, new).await, "ok");
    let list = ask(&node, "sindex-list:namespace=test").await;
    let lines: Vec<&str> = list.split(';').collect();
    let first = "ns=test:indexname=i:set=a:bin=n:type=numeric:indextype=default:context=null:\
                 exp=null:state=";
    assert!(lines.len() == 2 && lines[0].starts_with(first), "{list}");
    assert!(lines[1].contains(":set=null:bin=l:type=string:indextype=list:"), "{list}");
    assert_eq!(ask(&node, "sindex-exists:namespace=test;indexname=j").await, "true");
    for stat in ["sindex/test/j", "sindex-stat:namespace=test;indexname=j"] {
        assert!(ask(&node, stat).await.contains("load_pct="), "{stat}");
    }
    for wrong in [
        "sindex-create:ns=test;indexname=k;bin=n;type=colour",
        "sindex-create:ns=test;indexname=k;type=string",
        "sindex-create:ns=test;indexname=k;bin=n;type=string;context=%",
        "sindex-create:ns=test;indexname=k;indextype=set",
        "sindex-create:ns=test;bin=n;type=string",
    ] {
        assert!(ask(&node, wrong).await.starts_with("ERROR:4:"), "{wrong}");
    }
    let long = format!("sindex-create:ns=test;indexname={};bin=n;type=string", "i".repeat(64));
    assert!(ask(&node, &long).await.starts_with("ERROR:205:"));
    assert_eq!(ask(&node, "sindex-delete:ns=test;set=a;indexname=i").await, "ok");
    assert_eq!(ask(&node, "sindex-exists:ns=test;indexname=i").await, "false");
}
