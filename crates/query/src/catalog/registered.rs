//! OIDs by name and names by OID: what `regclass`, `regtype` and their like read and print.

use sql::{SqlError, SqlResult};

use super::lists::{self, type_named, type_of, types};
use super::{
    INFORMATION_SCHEMA_OID, OWNER_OID, PG_CATALOG_OID, index_name, index_oid, namespace_oid,
    objects, secondary, table_of_index, tables,
};
use crate::functions::quoted_ident;
use crate::session::Context;

/// What such a type prints for 0, and reads as 0.
const NONE: &str = "-";

/// The OID that `text` means as a value of this `reg*` type: a number, a name, or `-`. An error
/// says that there is none of the name.
pub(crate) fn read(kind: &str, text: &str, context: &Context) -> SqlResult<u32> {
    if let Ok(oid) = text.trim().parse() {
        return Ok(oid);
    }
    if text == NONE {
        return Ok(0);
    }
    find(kind, text, context)?.ok_or_else(|| missing(kind, text))
}

/// The OID of what this name means, if there is any.
pub(crate) fn find(kind: &str, text: &str, context: &Context) -> SqlResult<Option<u32>> {
    Ok(match kind {
        "regclass" => relation_oid(text, context),
        "regtype" => type_oid(text),
        "regnamespace" => schema_oid(&parts(text), context),
        "regrole" => role_oid(&parts(text), context),
        "regprocedure" => procedure_oid(text),
        _ => function_oid(text)?,
    })
}

/// What a value of this `reg*` type prints.
pub(crate) fn print(kind: &str, oid: i64, context: &Context) -> String {
    if oid == 0 {
        return NONE.to_string();
    }
    let name = match kind {
        "regclass" => relation_name(oid, context),
        "regtype" => u32::try_from(oid).ok().and_then(type_of).map(|_| format_type(oid, -1)),
        "regnamespace" => namespace_name(oid, context).map(|name| quoted_ident(&name)),
        "regrole" => (oid == i64::from(OWNER_OID)).then(|| quoted_ident(&context.session.user)),
        "regprocedure" => procedure_name(oid),
        _ => lists::function_name(oid).map(quoted_ident),
    };
    name.unwrap_or_else(|| oid.to_string())
}

fn missing(kind: &str, text: &str) -> SqlError {
    match kind {
        "regclass" => SqlError::new("42P01", format!("relation \"{text}\" does not exist")),
        "regtype" => SqlError::new("42704", format!("type \"{text}\" does not exist")),
        "regnamespace" => SqlError::new("3F000", format!("schema \"{text}\" does not exist")),
        "regrole" => SqlError::new("42704", format!("role \"{text}\" does not exist")),
        _ => SqlError::new("42883", format!("function \"{text}\" does not exist")),
    }
}

/// The namespace of this OID.
pub(crate) fn namespace_name(oid: i64, context: &Context) -> Option<String> {
    let system = ["pg_catalog", "information_schema"].into_iter();
    let own = context.catalog.namespaces.keys().map(String::as_str);
    system.chain(own).find(|name| i64::from(namespace_oid(name)) == oid).map(str::to_string)
}

fn schema_oid(parts: &[(String, bool)], context: &Context) -> Option<u32> {
    let [(name, quoted)] = parts else { return None };
    match name.as_str() {
        "pg_catalog" => Some(PG_CATALOG_OID),
        "information_schema" => Some(INFORMATION_SCHEMA_OID),
        _ => context.catalog.resolve(name, *quoted).map(|(name, _)| namespace_oid(name)),
    }
}

fn role_oid(parts: &[(String, bool)], context: &Context) -> Option<u32> {
    let [(name, _)] = parts else { return None };
    (*name == context.session.user).then_some(OWNER_OID)
}

/// The name of the table, index or system relation of this OID, with its namespace where that is
/// not the session's.
fn relation_name(oid: i64, context: &Context) -> Option<String> {
    let shown = |namespace: &str, name: &str| match namespace {
        _ if namespace == context.session.namespace => quoted_ident(name),
        "pg_catalog" => quoted_ident(name),
        _ => format!("{}.{}", quoted_ident(namespace), quoted_ident(name)),
    };
    if let Some(table) = tables(context).find(|table| i64::from(table.oid) == oid) {
        return Some(shown(&table.namespace, &table.name));
    }
    if let Some(table) = table_of_index(oid, context) {
        return Some(shown(&table.namespace, &index_name(&table)));
    }
    if let Some(index) = secondary::of_oid(oid, context) {
        return Some(shown(&index.table.namespace, index.name()));
    }
    if let Some((namespace, name)) = objects::name_of(oid, context) {
        return Some(shown(namespace, name));
    }
    let system = lists::relations().iter().find(|known| i64::from(known.oid) == oid)?;
    Some(shown(system.schema, system.name))
}

/// Whether the relation of this OID is found without its schema; `None` if there is none.
pub(crate) fn is_visible(oid: i64, context: &Context) -> Option<bool> {
    let own = tables(context).find(|table| i64::from(table.oid) == oid).cloned();
    let indexed = || secondary::of_oid(oid, context).map(|index| index.table.clone());
    if let Some(table) = own.or_else(|| table_of_index(oid, context)).or_else(indexed) {
        return Some(table.namespace == context.session.namespace);
    }
    if let Some((namespace, _)) = objects::name_of(oid, context) {
        return Some(namespace == context.session.namespace);
    }
    let system = lists::relations().iter().find(|known| i64::from(known.oid) == oid)?;
    Some(system.schema == "pg_catalog")
}

/// The OID of the relation that this text names: exact, then without regard to case.
fn relation_oid(text: &str, context: &Context) -> Option<u32> {
    let parts = parts(text);
    let (namespace, name) = match &parts[..] {
        [name] => (None, name),
        [.., namespace, name] => (Some(namespace), name),
        [] => return None,
    };
    let wanted = namespace.map_or(&context.session.namespace, |(name, _)| name);
    let quoted = namespace.is_none_or(|(_, quoted)| *quoted);
    if let Some((exact, found)) = context.catalog.resolve(wanted, quoted) {
        if let Some(oid) = objects::oid_of(exact, &name.0, name.1, context) {
            return Some(oid);
        }
        if let Some(table) = found.resolve(&name.0, name.1) {
            return Some(table.oid);
        }
        let index = found.tables.values().find(|table| index_name(table) == name.0);
        if let Some(table) = index.filter(|table| !table.key.is_empty()) {
            return Some(index_oid(table));
        }
        if let Some(oid) = secondary::oid_of(exact, &name.0, context) {
            return Some(oid);
        }
    }
    let schema = namespace.map_or("pg_catalog", |(name, _)| name);
    lists::find(schema, &name.0.to_lowercase()).map(|known| known.oid)
}

/// The parts of a dotted name, and whether each was quoted. Blanks around a part do not count.
fn parts(text: &str) -> Vec<(String, bool)> {
    let mut parts = Vec::new();
    let mut part = String::new();
    let (mut inside, mut quoted) = (false, false);
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '"' if inside && rest.peek() == Some(&'"') => {
                rest.next();
                part.push('"');
            }
            '"' => {
                inside = !inside;
                quoted = true;
            }
            '.' if !inside => {
                parts.push((std::mem::take(&mut part), std::mem::take(&mut quoted)));
            }
            c if c.is_whitespace() && !inside => {}
            c => part.push(c),
        }
    }
    parts.push((part, quoted));
    parts
}

/// The OID of a type by any of its names, with or without a modifier.
pub(crate) fn type_oid(name: &str) -> Option<u32> {
    let name = name.trim().trim_start_matches("pg_catalog.");
    if name == "\"char\"" {
        return type_named("char");
    }
    let name = unmodified(&name.trim_matches('"').to_lowercase());
    let (element, array) = match name.strip_suffix("[]") {
        Some(element) => (element.trim_end(), true),
        None => (name.as_str(), false),
    };
    let element = match element {
        "int" => "int4",
        "dec" | "decimal" => "numeric",
        "float" => "float8",
        "char" => "bpchar",
        other => other,
    };
    let known = types().iter().find(|t| t.name == element || t.sql_name == element)?;
    let oid = if array { known.array } else { known.oid };
    Some(oid).filter(|oid| *oid != 0)
}

/// `numeric(10,2)[]` is `numeric[]`.
fn unmodified(name: &str) -> String {
    match (name.find('('), name.rfind(')')) {
        (Some(open), Some(close)) if open < close => {
            format!("{}{}", name[..open].trim_end(), &name[close + 1..])
        }
        _ => name.to_string(),
    }
}

/// A type's SQL name with its modifier.
pub(crate) fn format_type(oid: i64, typmod: i64) -> String {
    let Some(known) = u32::try_from(oid).ok().and_then(type_of) else {
        return if oid == 0 { NONE.to_string() } else { "???".to_string() };
    };
    if known.element != 0 && known.size == -1 && known.name.starts_with('_') {
        return format!("{}[]", format_type(known.element.into(), typmod));
    }
    match known.name {
        "varchar" if typmod >= 4 => format!("character varying({})", typmod - 4),
        "bpchar" if typmod >= 4 => format!("character({})", typmod - 4),
        "numeric" if typmod >= 4 => {
            format!("numeric({},{})", (typmod - 4) >> 16, (typmod - 4) & 0xffff)
        }
        _ => known.sql_name.to_string(),
    }
}

/// The OID of the only function of this name.
fn function_oid(text: &str) -> SqlResult<Option<u32>> {
    let parts = parts(text);
    let name = match &parts[..] {
        [(name, _)] => name,
        [(schema, _), (name, _)] if schema == "pg_catalog" => name,
        _ => return Ok(None),
    };
    match lists::functions_named(name)[..] {
        [] => Ok(None),
        [(oid, _)] => Ok(u32::try_from(oid).ok()),
        _ => Err(SqlError::new("42725", format!("more than one function named \"{text}\""))
            .hint("say which by the types of its arguments, as regprocedure")),
    }
}

/// The OID of the function of this name and these types of arguments: `lower(text)`.
fn procedure_oid(text: &str) -> Option<u32> {
    let (name, arguments) = text.trim().strip_suffix(')')?.split_once('(')?;
    let name = parts(name).pop()?.0;
    let mut types = Vec::new();
    for argument in arguments.split(',').filter(|argument| !argument.trim().is_empty()) {
        types.push(type_oid(argument)?.to_string());
    }
    let wanted = types.join(" ");
    let found = lists::functions_named(&name).into_iter().find(|(_, args)| *args == wanted);
    found.and_then(|(oid, _)| u32::try_from(oid).ok())
}

fn procedure_name(oid: i64) -> Option<String> {
    let name = lists::function_name(oid)?;
    let types = lists::function_arguments(oid)?.split(' ').filter_map(|oid| oid.parse().ok());
    let types: Vec<String> = types.map(|oid| format_type(oid, -1)).collect();
    Some(format!("{}({})", quoted_ident(name), types.join(",")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_by_name_and_back() {
        assert_eq!(type_oid("int8"), Some(20));
        assert_eq!(type_oid("pg_catalog.text[]"), Some(1009));
        assert_eq!(type_oid("numeric(10, 2)"), Some(1700));
        assert_eq!(type_oid("trigger"), Some(2279));
        assert_eq!((type_oid("char"), type_oid("\"char\"")), (Some(1042), Some(18)));
        assert_eq!(format_type(1043, 24), "character varying(20)");
        assert_eq!(format_type(1700, (10 << 16 | 2) + 4), "numeric(10,2)");
        assert_eq!(format_type(1016, -1), "bigint[]");
        assert_eq!(format_type(22, -1), "int2vector");
    }

    #[test]
    fn names_are_taken_apart() {
        let part = |text: &str, quoted| (text.to_string(), quoted);
        assert_eq!(parts("a.\"B.c\""), [part("a", false), part("B.c", true)]);
        assert_eq!(parts("\"test\" . \"t \"\"x\""), [part("test", true), part("t \"x", true)]);
    }

    #[test]
    fn functions_by_signature_and_back() {
        assert_eq!(procedure_oid("lower(text)"), Some(870));
        assert_eq!(procedure_name(870).as_deref(), Some("lower(text)"));
        assert_eq!(function_oid("boolrecv").ok().flatten(), Some(2436));
        assert_eq!(function_oid("nosuch").ok().flatten(), None);
        assert_eq!(function_oid("abs").map_err(|e| e.sqlstate).err(), Some("42725"));
    }
}
