//! Modules of users' functions: put, listed, read, removed.
//!
//! What cannot be put is told as `error=..;file=..;line=..;message=..` with the message in base64,
//! which clients take apart.

use model::{Error, Key, Result};
use query::{base64, unbase64};
use udf::{Module, SOURCE_MAX, module_name};

use super::{Ask, parameter};
use crate::exec::Operated;

pub(super) async fn answer<S: Operated>(node: &S, ask: &Ask<'_>) -> Option<Result<String>> {
    Some(match ask.name {
        "udf-list" => Ok(list(node)),
        "udf-get" => get(node, ask),
        "udf-put" => Ok(put(node, ask).await.unwrap_or_else(|error| not_put(ask, &error))),
        "udf-remove" => remove(node, ask).await,
        // States are kept for as long as their modules are the same; there is nothing to clear.
        "udf-clear-cache" => Ok("ok".to_string()),
        _ => return None,
    })
}

/// 40 hex digits by which one source is told from another.
fn hash(module: &Module) -> String {
    Key::String(module.source.to_string()).digest("").to_string()
}

fn list<S: Operated>(node: &S) -> String {
    let modules = node.functions().modules();
    let line =
        |module: &Module| format!("filename={},hash={},type=LUA;", module.file(), hash(module));
    modules.values().map(|module| line(module)).collect()
}

fn get<S: Operated>(node: &S, ask: &Ask<'_>) -> Result<String> {
    let name = module_name(ask.need("filename")?)?;
    Ok(match node.functions().modules().get(name) {
        None => "error=not_found".to_string(),
        Some(module) => {
            let content = base64(module.source.as_bytes());
            format!("gen={};type=LUA;content={content};", hash(module))
        }
    })
}

async fn put<S: Operated>(node: &S, ask: &Ask<'_>) -> Result<String> {
    let file = ask.need("filename")?;
    if let Some(other) = ask.get("udf-type").filter(|kind| !kind.eq_ignore_ascii_case("lua")) {
        return Err(parameter(format!("functions are written in Lua, not in {other:?}")));
    }
    let content = ask.need("content")?;
    // Four characters are three bytes; what is too long is not decoded first.
    if content.len() / 4 > SOURCE_MAX {
        let bytes = content.len() / 4 * 3;
        return Err(parameter(format!(
            "the source of {file:?} has about {bytes} bytes; at most {SOURCE_MAX} are allowed"
        )));
    }
    let source = unbase64(content).ok_or_else(|| parameter("content is not base64"))?;
    node.put_module(Module::new(file, &source)?).await?;
    Ok("ok".to_string())
}

/// Why a module was not put. Lua's messages begin with the file and the line.
fn not_put(ask: &Ask<'_>, error: &Error) -> String {
    let file = ask.get("filename").unwrap_or("");
    let line = error.detail.split(':').nth(1).and_then(|line| line.parse::<u32>().ok());
    let kind = if line.is_some() { "compile_error" } else { "invalid_module" };
    let (line, message) = (line.unwrap_or(0), base64(error.detail.as_bytes()));
    let file: String = file.chars().filter(|c| !matches!(c, ';' | ':' | '=')).take(256).collect();
    format!("error={kind};file={file};line={line};message={message}")
}

async fn remove<S: Operated>(node: &S, ask: &Ask<'_>) -> Result<String> {
    let name = module_name(ask.need("filename")?)?;
    Ok(match node.remove_module(name).await? {
        true => "ok".to_string(),
        false => "error=file_not_found".to_string(),
    })
}
