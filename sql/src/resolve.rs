//! Names to tables and columns, and what to say when there is none.
//!
//! A name resolves exactly, else to the only one that is equal but for case. `public` means the
//! default namespace where no namespace has that name.

use std::sync::Arc;

use model::{Column, ColumnType, NamespaceCatalog, Table, View, limits};
use sqlparser::ast::{self, Spanned};

use crate::parse::Places;
use crate::{Scope, SqlError, SqlResult};

/// A table's name in a statement.
pub(crate) struct TableName<'n> {
    pub(crate) namespace: Option<&'n ast::Ident>,
    pub(crate) table: &'n ast::Ident,
}

impl<'n> TableName<'n> {
    /// One or two identifiers; a database's name in front is left out.
    pub(crate) fn of(name: &'n ast::ObjectName) -> SqlResult<TableName<'n>> {
        let idents: Option<Vec<&ast::Ident>> = name
            .0
            .iter()
            .map(|part| match part {
                ast::ObjectNamePart::Identifier(ident) => Some(ident),
                _ => None,
            })
            .collect();
        match idents.as_deref() {
            Some([table]) => Ok(TableName { namespace: None, table }),
            Some([namespace, table] | [_, namespace, table]) => {
                Ok(TableName { namespace: Some(namespace), table })
            }
            _ => Err(SqlError::syntax(format!("improper qualified name: {name}"))
                .hint("a table is named namespace.set")),
        }
    }
}

/// Whether the schema is PostgreSQL's own, not a namespace.
pub(crate) fn is_system(ident: &ast::Ident) -> bool {
    ["pg_catalog", "information_schema"].iter().any(|s| s.eq_ignore_ascii_case(&ident.value))
}

/// The namespace that a table's name is in.
pub(crate) fn namespace<'c>(
    name: Option<&ast::Ident>,
    scope: &'c Scope,
    places: &Places,
) -> SqlResult<(&'c str, &'c NamespaceCatalog)> {
    let default = || scope.catalog.resolve(scope.namespace, true);
    let (found, asked) = match name {
        None => (default(), scope.namespace),
        Some(ident) => {
            let quoted = ident.quote_style.is_some();
            let found = scope.catalog.resolve(&ident.value, quoted);
            let public = ident.value.eq_ignore_ascii_case("public");
            (found.or_else(|| if public { default() } else { None }), ident.value.as_str())
        }
    };
    found.ok_or_else(|| {
        let names: Vec<&str> = scope.catalog.namespaces.keys().map(String::as_str).collect();
        let error = SqlError::new("3F000", format!("namespace \"{asked}\" does not exist"))
            .hint(format!("namespaces are {}", names.join(", ")));
        match name {
            Some(ident) => places.mark(error, ident.span),
            None => error,
        }
    })
}

/// The view of this name, if there is one and no declared table of the name.
pub(crate) fn view(name: &ast::ObjectName, scope: &Scope) -> SqlResult<Option<Arc<View>>> {
    let parts = TableName::of(name)?;
    if scope.catalog.objects.values().all(|objects| objects.views.is_empty()) {
        return Ok(None);
    }
    let Ok((namespace, _)) = namespace(parts.namespace, scope, &Places::default()) else {
        return Ok(None);
    };
    let quoted = parts.table.quote_style.is_some();
    Ok(scope.catalog.objects(namespace).view(&parts.table.value, quoted).cloned())
}

/// A table that must be there.
pub(crate) fn table(
    name: &ast::ObjectName,
    scope: &Scope,
    places: &Places,
) -> SqlResult<Arc<Table>> {
    let parts = TableName::of(name).map_err(|e| places.mark(e, name.span()))?;
    let quoted = parts.table.quote_style.is_some();
    let place = |e| places.mark(e, name.span());
    let (namespace, tables) = namespace(parts.namespace, scope, places).map_err(|e| {
        // A schema that is not there is, for a reader, a table that is not there.
        match parts.namespace {
            Some(_) => SqlError { sqlstate: "42P01", message: no_relation(&parts), ..e },
            None => e,
        }
    })?;
    if let Some(view) = scope.catalog.objects(namespace).view(&parts.table.value, quoted) {
        return Err(place(read_only(&view.name)));
    }
    tables.resolve(&parts.table.value, quoted).cloned().ok_or_else(|| {
        if !quoted && RESERVED.iter().any(|word| word.eq_ignore_ascii_case(&parts.table.value)) {
            let message = format!("syntax error at or near \"{}\"", parts.table.value);
            return place(SqlError::syntax(message).hint("a table's name stands after FROM"));
        }
        let error = SqlError::new("42P01", no_relation(&parts));
        if let Some(sets) = scope.catalog.namespaces.get(&parts.table.value) {
            let set = sets.tables.keys().next().map_or("set", String::as_str);
            let name = &parts.table.value;
            return place(error.hint(format!(
                "{name} is a namespace: name a set of it, such as {name}.{set}; SHOW SETS lists them"
            )));
        }
        let near = nearest(&parts.table.value, tables.tables.keys().map(String::as_str));
        place(match near {
            Some(near) => error.hint(format!("did you mean \"{namespace}.{near}\"?")),
            None => error.hint(format!(
                "SHOW SETS lists what there is; the first INSERT into {namespace}.{} makes it",
                parts.table.value
            )),
        })
    })
}

fn read_only(view: &str) -> SqlError {
    SqlError::unsupported(format!("\"{view}\" is a view, which can only be read"))
        .hint("write to the tables that it reads")
}

fn no_relation(parts: &TableName) -> String {
    match parts.namespace {
        Some(namespace) => {
            format!("relation \"{}.{}\" does not exist", namespace.value, parts.table.value)
        }
        None => format!("relation \"{}\" does not exist", parts.table.value),
    }
}

/// A table to write to: a set that nobody has written to yet is an undeclared table.
pub(crate) fn table_or_new(
    name: &ast::ObjectName,
    scope: &Scope,
    places: &Places,
) -> SqlResult<Arc<Table>> {
    let parts = TableName::of(name).map_err(|e| places.mark(e, name.span()))?;
    let quoted = parts.table.quote_style.is_some();
    let (namespace, tables) = namespace(parts.namespace, scope, places)?;
    if let Some(table) = tables.resolve(&parts.table.value, quoted) {
        return Ok(table.clone());
    }
    let set = &parts.table.value;
    if let Some(view) = scope.catalog.objects(namespace).view(set, quoted) {
        return Err(places.mark(read_only(&view.name), name.span()));
    }
    limits::check_set(set)
        .map_err(|e| places.mark(SqlError::new("42602", e.detail), name.span()))?;
    Ok(Arc::new(Table {
        namespace: namespace.to_string(),
        name: set.clone(),
        key: vec![Column {
            name: "PK".to_string(),
            column_type: ColumnType::Text,
            not_null: true,
            default: None,
        }],
        columns: Vec::new(),
        declared: false,
        ttl_s: None,
        oid: 0,
    }))
}

/// Words that the parser takes for a table's name and PostgreSQL does not.
const RESERVED: [&str; 8] =
    ["where", "group", "order", "having", "limit", "union", "select", "from"];

/// 42703, with the nearest name or the names that there are.
pub(crate) fn no_column(table: &Table, name: &str) -> SqlError {
    let error = SqlError::new("42703", format!("column \"{name}\" does not exist"));
    if name.eq_ignore_ascii_case("ctid") {
        // DuckDB changes and deletes rows by it.
        return error.hint("records do not stand in pages: DIGEST names one, for as long as it is");
    }
    let names = || table.key.iter().chain(&table.columns).map(|c| c.name.as_str());
    let alike: Vec<&str> = names().filter(|n| n.eq_ignore_ascii_case(name)).collect();
    if let [first, second, ..] = alike[..] {
        return SqlError::new("42702", format!("column reference \"{name}\" is ambiguous"))
            .hint(format!("quote the one you mean: \"{first}\" or \"{second}\""));
    }
    if let Some(near) = nearest(name, names()) {
        return error.hint(format!("did you mean \"{near}\"?"));
    }
    let mut known: Vec<&str> = names().take(12).collect();
    if names().count() > known.len() {
        known.push("..");
    }
    let what = if table.declared { "columns" } else { "bins known so far" };
    error.hint(format!("{what} of {}.{} are {}", table.namespace, table.name, known.join(", ")))
}

/// The name that is at most a third of its letters away.
pub(crate) fn nearest<'n>(name: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    // Names are at most 63 bytes; a longer one is none of ours.
    if name.len() > 2 * limits::BIN_NAME_MAX {
        return None;
    }
    let wanted = name.to_ascii_lowercase();
    let allowed = (wanted.chars().count() / 3).max(1);
    names
        .take(10_000)
        .map(|n| (distance(&wanted, &n.to_ascii_lowercase()), n))
        .filter(|(d, n)| *d <= allowed && *d < n.chars().count())
        .min_by_key(|(d, _)| *d)
        .map(|(_, n)| n)
}

/// Letters to insert, delete, change or swap with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let change = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = change.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}
