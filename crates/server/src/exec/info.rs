//! ASINFO: requests of Aerospike's info protocol that this node can answer, in that protocol's
//! words: `name=value` with `;` between them, `:` inside one thing.

use sql::{SqlError, SqlResult};
use store::Store;

use super::ArrowRows;
use super::show::{answer, fields, text};
use crate::pg::{Answer, Field};

pub(super) fn info_fields() -> Vec<Field> {
    fields(&[("request", model::ColumnType::Text), ("value", model::ColumnType::Text)])
}

pub(super) fn info<S: Store>(store: &S, request: &str) -> SqlResult<Answer<ArrowRows>> {
    let (word, of) = request.split_once('/').unwrap_or((request, ""));
    let value = match (word.trim(), of.trim()) {
        ("build" | "version", "") => env!("CARGO_PKG_VERSION").to_string(),
        ("status", "") => "ok".to_string(),
        ("namespaces", "") => names(store).join(";"),
        ("statistics", "") => stats(store, None)?,
        ("namespace", namespace) if !namespace.is_empty() => stats(store, Some(namespace))?,
        ("sets", of) => sets(store, of)?,
        ("bins", of) => bins(store, of)?,
        _ => {
            let message = format!("the info request \"{request}\" is not supported");
            return Err(SqlError::unsupported(message).hint(
                "build, status, namespaces, namespace/NS, sets[/NS[/SET]], bins[/NS] and statistics \
                 are there; SHOW CONFIG and SHOW LATENCIES have more",
            ));
        }
    };
    Ok(answer(vec![vec![text(request), text(&value)]]))
}

fn names<S: Store>(store: &S) -> Vec<String> {
    store.namespaces().into_iter().map(|info| info.name).collect()
}

/// The namespaces that `NS` means, or all.
fn chosen<S: Store>(store: &S, of: &str) -> Vec<String> {
    if of.is_empty() { names(store) } else { vec![of.to_string()] }
}

fn stats<S: Store>(store: &S, of: Option<&str>) -> SqlResult<String> {
    let one = |stat: store::Stat| match of {
        Some(_) => format!("{}={}", stat.name, stat.value),
        None => format!("{}.{}={}", stat.namespace, stat.name, stat.value),
    };
    Ok(store.stats(of)?.into_iter().map(one).collect::<Vec<_>>().join(";"))
}

fn sets<S: Store>(store: &S, of: &str) -> SqlResult<String> {
    let (namespace, set) = of.split_once('/').unwrap_or((of, ""));
    let mut out = String::new();
    for namespace in chosen(store, namespace) {
        for info in store.sets(&namespace)? {
            if set.is_empty() || set == info.name {
                let (ns, set) = (&info.namespace, &info.name);
                let (objects, bytes) = (info.objects, info.bytes);
                out += &format!("ns={ns}:set={set}:objects={objects}:data_used_bytes={bytes};");
            }
        }
    }
    Ok(out)
}

fn bins<S: Store>(store: &S, of: &str) -> SqlResult<String> {
    let mut out = String::new();
    for namespace in chosen(store, of) {
        let mut names = std::collections::BTreeSet::new();
        for set in store.sets(&namespace)? {
            names.extend(store.bins(&namespace, &set.name)?.into_iter().map(|bin| bin.name));
        }
        let count = names.len();
        out += &format!("{namespace}:bin_names={count}");
        names.iter().for_each(|name| out += &format!(",{name}"));
        out.push(';');
    }
    Ok(out)
}
