//! What operators and clients have done: sets emptied, jobs looked at.

use model::{Error, ErrorKind, Result};

use super::{Ask, parameter};
use crate::aero::jobs::Jobs;
use crate::exec::Operated;

/// Names of the server's table whose features only its Enterprise edition has; the code 25 says so.
const ENTERPRISE: &[&str] = &[
    "quiesce",
    "quiesce-undo",
    "rack-ids",
    "racks",
    "roster",
    "roster-set",
    "revive",
    "feature-key",
    "masking",
    "masking-show",
    "xdr-dc-state",
    "xdr-get-filter",
    "xdr-set-filter",
];

pub(super) async fn answer<S: Operated>(
    running: &Jobs,
    node: &S,
    ask: &Ask<'_>,
) -> Option<Result<String>> {
    let done = |result: Result<()>| result.map(|()| "ok".to_string());
    Some(match ask.name {
        "truncate" => done(truncate(node, ask).await),
        "truncate-namespace" => done(truncate_namespace(node, ask).await),
        "query-show" | "scan-show" | "jobs" => jobs(running, ask),
        "query-abort" | "scan-abort" => abort(running, ask),
        "query-abort-all" | "scan-abort-all" => {
            Ok(format!("OK - number of queries killed: {}", running.abort(None)))
        }
        "best-practices" => Ok("failed_best_practices=none".to_string()),
        "logs" => Ok("0:stderr".to_string()),
        name if ENTERPRISE.contains(&name) => return Some(Ok(enterprise(name))),
        _ => return None,
    })
}

fn enterprise(name: &str) -> String {
    format!("ERROR:25:{name} is a feature of Aerospike's Enterprise edition")
}

/// `lut` is nanoseconds since 1970: only records that were last written before it go. Ours keep
/// milliseconds, so one that was written in the millisecond of `lut` stays.
fn before_ms(ask: &Ask<'_>) -> Result<Option<u64>> {
    match ask.get("lut") {
        None | Some("" | "0") => Ok(None),
        Some(text) => {
            let lut: u64 = text.parse().map_err(|_| {
                parameter(format!("lut {text:?} is no number of nanoseconds since 1970"))
            })?;
            Ok(Some((lut / 1_000_000).saturating_sub(1)))
        }
    }
}

async fn truncate<S: Operated>(node: &S, ask: &Ask<'_>) -> Result<()> {
    let namespace = ask.need_namespace()?;
    match ask.get("set") {
        None | Some("") => truncate_namespace(node, ask).await,
        Some(set) => node.truncate(namespace, set, before_ms(ask)?).await,
    }
}

/// Every set, and what is in none.
async fn truncate_namespace<S: Operated>(node: &S, ask: &Ask<'_>) -> Result<()> {
    let (namespace, before_ms) = (ask.need_namespace()?, before_ms(ask)?);
    for set in node.sets(namespace)? {
        node.truncate(namespace, &set.name, before_ms).await?;
    }
    node.truncate(namespace, "", before_ms).await
}

/// The job that is asked for, or all of them.
fn jobs(running: &Jobs, ask: &Ask<'_>) -> Result<String> {
    match job_of(ask)? {
        None => Ok(running.show(None).join(";")),
        Some(id) => running.show(Some(id)).into_iter().next().ok_or_else(|| no_job(id)),
    }
}

fn abort(running: &Jobs, ask: &Ask<'_>) -> Result<String> {
    let id = job_of(ask)?.ok_or_else(|| parameter(format!("{} needs id=..", ask.name)))?;
    if running.abort(Some(id)) == 0 { Err(no_job(id)) } else { Ok("OK".to_string()) }
}

fn job_of(ask: &Ask<'_>) -> Result<Option<u64>> {
    let Some(id) = ask.get("id").or(ask.get("trid")).filter(|id| !id.is_empty()) else {
        return Ok(None);
    };
    let wrong = |_| parameter(format!("{id:?} is no number of a job"));
    id.parse().map(Some).map_err(wrong)
}

fn no_job(id: u64) -> Error {
    Error::new(ErrorKind::NotFound, format!("no job {id} is known"))
}
