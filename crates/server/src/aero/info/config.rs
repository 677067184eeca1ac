//! `get-config` and `set-config`, named `config-get` and `config-set` since 8.1: the settings of the
//! node's own table, in the names of the configuration file.

use model::Result;

use super::{Ask, pairs, parameter};
use crate::config::Shown;
use crate::exec::Operated;

pub(super) async fn answer<S: Operated>(node: &S, ask: &Ask<'_>) -> Option<Result<String>> {
    Some(match ask.name {
        "get-config" | "config-get" => get(node, ask),
        "set-config" | "config-set" => set(node, ask).await.map(|()| "ok".to_string()),
        _ => return None,
    })
}

fn get<S: Operated>(node: &S, ask: &Ask<'_>) -> Result<String> {
    let shown = node.settings()?;
    let wanted = |setting: &&Shown| match ask.get("context") {
        None => true,
        Some("namespace") => {
            setting.namespace.is_some()
                && setting.namespace.as_deref() == ask.namespace()
                && setting.set.as_deref() == ask.get("set")
        }
        Some("service") => setting.namespace.is_none(),
        Some(_) => false,
    };
    match ask.get("context") {
        None | Some("service") => {}
        Some("namespace") => {
            node.stats(Some(ask.need_namespace()?))?;
        }
        // Parts of the configuration that have no settings here.
        Some("network" | "security" | "xdr" | "logging") => return Ok(String::new()),
        Some(other) => return Err(parameter(format!("no configuration context {other:?}"))),
    }
    Ok(pairs(shown.iter().filter(wanted).map(named)))
}

/// The name as Aerospike gives it, with the stanza inside of the namespace in front.
fn named(setting: &Shown) -> (String, String) {
    let context = match setting.set {
        None => setting.context.strip_prefix("namespace.").unwrap_or(""),
        Some(_) => "",
    };
    let name = match context {
        "" => setting.name.to_string(),
        stanza => format!("{stanza}.{}", setting.name),
    };
    let value = setting.value.as_deref().unwrap_or("null");
    let value = match setting.bytes() {
        Some(bytes) => bytes.to_string(),
        None => value.replace([';', ':'], ","),
    };
    (name, value)
}

/// Settings of a namespace itself.
pub(super) fn of_namespace<S: Operated>(
    node: &S,
    namespace: &str,
) -> Result<Vec<(String, String)>> {
    let of = |s: &&Shown| s.namespace.as_deref() == Some(namespace) && s.set.is_none();
    Ok(node.settings()?.iter().filter(of).map(named).collect())
}

/// What is set for one set.
pub(super) fn of_set<S: Operated>(
    node: &S,
    namespace: &str,
    set: &str,
) -> Result<Vec<(String, String)>> {
    let of =
        |s: &&Shown| s.namespace.as_deref() == Some(namespace) && s.set.as_deref() == Some(set);
    Ok(node.settings()?.iter().filter(of).map(named).collect())
}

/// `context=namespace;namespace=NS[;set=SET];name=value..` or `context=service;name=value..`.
async fn set<S: Operated>(node: &S, ask: &Ask<'_>) -> Result<()> {
    let context = ask.need("context")?;
    let around = ["context", "namespace", "ns", "id", "set"];
    let settings = ask.params.iter().filter(|(name, _)| !around.contains(name));
    let settings: Vec<(String, String)> = settings
        .map(|(name, value)| {
            (name.trim_start_matches("storage-engine.").to_string(), value.to_string())
        })
        .collect();
    if settings.is_empty() {
        return Err(parameter("set-config needs a setting: name=value"));
    }
    match context {
        "service" => settings.iter().try_for_each(|(name, value)| node.set_node(name, value)),
        "namespace" => node.alter_namespace(ask.need_namespace()?, ask.get("set"), &settings).await,
        other => Err(parameter(format!("the context {other:?} has no dynamic settings here"))),
    }
}
