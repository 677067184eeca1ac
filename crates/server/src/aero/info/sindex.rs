//! Secondary indexes: made, listed, measured and dropped.

use std::sync::Arc;

use model::{Collection, Error, ErrorKind, IndexDef, IndexSource, IndexType, Name, Result, limits};
use sql::expr::{from_base64, to_base64};
use store::IndexInfo;
use wire::code;

use super::{Ask, pairs, parameter};
use crate::exec::Operated;
use crate::exec::indexes::{numbers, type_name};

/// What a set index is over: the same value of every record.
const EVERY_RECORD: &[u8] = &[0xc3];

pub(super) async fn answer<S: Operated>(node: &S, ask: &Ask<'_>) -> Option<Result<String>> {
    Some(match ask.name {
        "sindex-create" => create(node, ask).await,
        "sindex-delete" | "sindex-remove" => drop(node, ask).await,
        "sindex-exists" => named(node, ask).map(|index| index.is_some().to_string()),
        "sindex-stat" => stat(node, ask),
        "sindex" | "sindex-list" if name_of(ask).is_some() => stat(node, ask),
        "sindex" | "sindex-list" => list(node, ask),
        _ => return None,
    })
}

/// The namespace that is meant, where one is: `sindex/ns`, or a parameter.
fn namespace_of<'a>(ask: &Ask<'a>) -> Option<&'a str> {
    let path = ask.of.split('/').next().filter(|name| !name.is_empty());
    path.or(ask.namespace()).filter(|name| !name.is_empty())
}

/// The index that is meant, where one is: `sindex/ns/name`, or a parameter.
fn name_of<'a>(ask: &Ask<'a>) -> Option<&'a str> {
    let path = ask.of.split('/').nth(1);
    path.or(ask.get("indexname")).filter(|name| !name.is_empty())
}

fn needed<'a>(ask: &Ask<'a>) -> Result<(&'a str, &'a str)> {
    let namespace =
        namespace_of(ask).ok_or_else(|| parameter(format!("{} needs namespace=..", ask.name)))?;
    let name = name_of(ask).ok_or_else(|| parameter(format!("{} needs indexname=..", ask.name)))?;
    Ok((namespace, name))
}

fn named<S: Operated>(node: &S, ask: &Ask<'_>) -> Result<Option<IndexInfo>> {
    let (namespace, name) = needed(ask)?;
    let indexes = node.indexes(Some(namespace))?;
    Ok(indexes.into_iter().find(|index| *index.def.name == *name))
}

async fn create<S: Operated>(node: &S, ask: &Ask<'_>) -> Result<String> {
    let (namespace, name) = needed(ask)?;
    if name.len() > limits::INDEX_NAME_MAX {
        let most = limits::INDEX_NAME_MAX;
        return Ok(format!("ERROR:{}:index names have at most {most} bytes", code::INDEX_NAME));
    }
    let def = def(ask, name)?;
    match node.create_index(namespace, def.clone()).await {
        // The same once more is what there is.
        Err(error) if error.kind == ErrorKind::IndexExists => {
            let there = named(node, ask)?.is_some_and(|index| *index.def == def);
            if there { Ok("ok".to_string()) } else { Err(error) }
        }
        made => made.map(|()| "ok".to_string()),
    }
}

/// What the parameters say of an index: `indexdata=bin,type`, or `bin=` and `type=` since 8.1.
fn def(ask: &Ask<'_>, name: &str) -> Result<IndexDef> {
    let some = |key| ask.get(key).filter(|value| !value.is_empty() && *value != "null");
    let set = some("set").map(Name::from);
    let filter = None;
    let is_set = some("indextype") == Some("set");
    let (bin, value_type) = match some("indexdata") {
        Some(data) => {
            let (bin, kind) = data
                .split_once(',')
                .ok_or_else(|| parameter(format!("indexdata={data:?} is not bin,type")))?;
            (Some(bin), Some(kind))
        }
        None => (some("bin"), some("type")),
    };
    let (context, expression) = (bytes(ask, "context")?, bytes(ask, "exp")?);
    if is_set {
        let more = bin.is_some() || value_type.is_some() || context.is_some();
        if set.is_none() || more || expression.is_some() {
            return Err(parameter("a set index takes a set, and no bin, type, context and exp"));
        }
        let source = IndexSource::Expression(EVERY_RECORD.into());
        let (collection, value_type) = (Collection::Scalar, IndexType::Bool);
        return Ok(IndexDef { name: name.into(), set, source, collection, value_type, filter });
    }
    let source = match (bin, expression) {
        (Some(bin), None) => IndexSource::Bin { bin: bin.into(), context: context.map(Into::into) },
        (None, Some(expression)) if context.is_none() => IndexSource::Expression(expression.into()),
        _ => return Err(parameter("an index is over bin=.., with or without context, or exp=..")),
    };
    if bin.is_some_and(|bin| bin.len() > wire::BIN_NAME_MAX) {
        let detail = format!("bin names have at most {} bytes", wire::BIN_NAME_MAX);
        return Err(Error::new(ErrorKind::BinName, detail));
    }
    let collection = match some("indextype").map(str::to_ascii_lowercase).as_deref() {
        None | Some("default" | "none") => Collection::Scalar,
        Some(other) => other.parse()?,
    };
    let value_type = match value_type.map(str::to_ascii_lowercase).as_deref() {
        Some("numeric" | "integer") => IndexType::Integer,
        Some("string") => IndexType::String,
        Some("blob") => IndexType::Blob,
        Some("geo2dsphere") => IndexType::Geo,
        Some("double") => IndexType::Double,
        Some("bool") => IndexType::Bool,
        other => {
            let other = other.unwrap_or_default();
            return Err(parameter(format!(
                "type={other:?}; there are numeric, string, blob, geo2dsphere, double and bool"
            )));
        }
    };
    Ok(IndexDef { name: name.into(), set, source, collection, value_type, filter })
}

fn bytes(ask: &Ask<'_>, key: &str) -> Result<Option<Vec<u8>>> {
    let Some(text) = ask.get(key).filter(|text| !text.is_empty() && *text != "null") else {
        return Ok(None);
    };
    let decoded = from_base64(text).filter(|bytes| !bytes.is_empty());
    decoded.map(Some).ok_or_else(|| parameter(format!("{key}={text:?} is no base64")))
}

async fn drop<S: Operated>(node: &S, ask: &Ask<'_>) -> Result<String> {
    let (namespace, name) = needed(ask)?;
    // To be without it is what was wanted.
    node.drop_index(namespace, name).await.map(|_| "ok".to_string())
}

fn none(name: &str) -> Error {
    Error::new(ErrorKind::IndexNotFound, format!("no index {name:?}"))
}

fn stat<S: Operated>(node: &S, ask: &Ask<'_>) -> Result<String> {
    let (_, name) = needed(ask)?;
    let index = named(node, ask)?.ok_or_else(|| none(name))?;
    Ok(pairs(numbers(&index)))
}

fn list<S: Operated>(node: &S, ask: &Ask<'_>) -> Result<String> {
    let lines: Vec<String> = node.indexes(namespace_of(ask))?.iter().map(line).collect();
    Ok(lines.join(";"))
}

fn line(index: &IndexInfo) -> String {
    let def: &Arc<IndexDef> = &index.def;
    let encoded = |bytes: Option<&[u8]>| bytes.map_or("null".to_string(), to_base64);
    let or_null = |text: Option<&str>| text.unwrap_or("null").to_string();
    let is_set = def.source == IndexSource::Expression(EVERY_RECORD.into());
    let (bin, context, expression) = match &def.source {
        IndexSource::Bin { bin, context } => (Some(&**bin), context.as_deref(), None),
        IndexSource::Expression(_) if is_set => (None, None, None),
        IndexSource::Expression(bytes) => (None, None, Some(&**bytes)),
    };
    let kind = if is_set { "set".to_string() } else { def.collection.to_string() };
    format!(
        "ns={}:indexname={}:set={}:bin={}:type={}:indextype={kind}:context={}:exp={}:state={}",
        index.namespace,
        def.name,
        or_null(def.set.as_deref()),
        or_null(bin),
        if is_set { "null" } else { type_name(def.value_type) },
        encoded(context),
        encoded(expression),
        if index.ready { "RW" } else { "WO" },
    )
}
