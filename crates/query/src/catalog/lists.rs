//! What PostgreSQL 15 itself knows of its relations, types and functions: the lists of `data/`,
//! which `data/make` writes.
//!
//! Relations and types are read once, as all statements ask for them. The rows of other lists are
//! read each time a query names their table, and kept nowhere.

use std::collections::{HashMap, HashSet};
use std::sync::OnceLock;

use super::grid::{Cell, Row};

/// A table or view of `pg_catalog` or `information_schema`.
#[derive(Debug)]
pub(crate) struct Relation {
    pub(super) schema: &'static str,
    pub(super) name: &'static str,
    pub(super) oid: u32,
    /// `r`, `v`, or `f` for a function's rows.
    pub(super) kind: &'static str,
    pub(super) columns: Vec<Attribute>,
}

impl Relation {
    /// The names of its columns, in order.
    pub(crate) fn column_names(&self) -> impl Iterator<Item = &'static str> {
        self.columns.iter().map(|column| column.name)
    }
}

/// A column of a [`Relation`].
#[derive(Debug)]
pub(super) struct Attribute {
    pub(super) name: &'static str,
    /// The type's name in `pg_type`, with `[]` behind that of an array's element.
    pub(super) kind: &'static str,
    pub(super) not_null: bool,
}

/// All system relations.
pub(super) fn relations() -> &'static [Relation] {
    static ALL: OnceLock<Vec<Relation>> = OnceLock::new();
    ALL.get_or_init(|| include_str!("data/relations.txt").lines().filter_map(relation).collect())
}

/// The relation of this name.
pub(crate) fn find(schema: &str, name: &str) -> Option<&'static Relation> {
    static BY_NAME: OnceLock<HashMap<(&str, &str), &Relation>> = OnceLock::new();
    let all = BY_NAME.get_or_init(|| {
        let all = relations().iter().chain(functions_as_relations());
        all.map(|one| ((one.schema, one.name), one)).collect()
    });
    all.get(&(schema, name)).copied()
}

/// Functions that are asked for rows as a table is.
fn functions_as_relations() -> &'static [Relation] {
    static ALL: OnceLock<Vec<Relation>> = OnceLock::new();
    let line = "pg_catalog pg_get_keywords 1686 f word:text catcode:char barelabel:bool \
                catdesc:text baredesc:text";
    ALL.get_or_init(|| relation(line).into_iter().collect())
}

fn relation(line: &'static str) -> Option<Relation> {
    let mut words = line.split(' ');
    let (schema, name) = (words.next()?, words.next()?);
    let (oid, kind) = (words.next()?.parse().ok()?, words.next()?);
    let columns = words.filter_map(attribute).collect();
    Some(Relation { schema, name, oid, kind, columns })
}

fn attribute(word: &'static str) -> Option<Attribute> {
    let (name, kind) = word.split_once(':')?;
    let not_null = kind.ends_with('!');
    Some(Attribute { name, kind: kind.trim_end_matches('!'), not_null })
}

/// A row of `pg_type`, as far as others than that table need it.
#[derive(Debug)]
pub(super) struct Type {
    pub(super) oid: u32,
    pub(super) name: &'static str,
    /// The name that `format_type` gives.
    pub(super) sql_name: &'static str,
    /// Bytes of a value; -1 varies, -2 ends with a zero byte.
    pub(super) size: i64,
    pub(super) by_value: bool,
    pub(super) align: &'static str,
    pub(super) storage: &'static str,
    pub(super) collation: u32,
    /// OID of the element of an array, or 0.
    pub(super) element: u32,
    /// OID of the array of it, or 0.
    pub(super) array: u32,
}

/// The types that clients may meet here, arrays among them.
pub(super) fn types() -> &'static [Type] {
    static ALL: OnceLock<Vec<Type>> = OnceLock::new();
    ALL.get_or_init(|| lines(TYPES).map(|line| one_type(&line)).collect())
}

/// The type of this OID.
pub(super) fn type_of(oid: u32) -> Option<&'static Type> {
    static BY_OID: OnceLock<HashMap<u32, &Type>> = OnceLock::new();
    BY_OID.get_or_init(|| types().iter().map(|one| (one.oid, one)).collect()).get(&oid).copied()
}

/// The OID of the type that `pg_type` calls so, or `name[]` for an array.
pub(crate) fn type_named(name: &str) -> Option<u32> {
    static BY_NAME: OnceLock<HashMap<&str, &Type>> = OnceLock::new();
    let all = BY_NAME.get_or_init(|| types().iter().map(|one| (one.name, one)).collect());
    match name.strip_suffix("[]") {
        Some(element) => Some(all.get(element)?.array).filter(|oid| *oid != 0),
        None => Some(all.get(name)?.oid),
    }
}

pub(super) const TYPES: &str = include_str!("data/pg_type.txt");
pub(super) const OPERATOR_CLASSES: &str = include_str!("data/pg_opclass.txt");
pub(super) const CASTS: &str = include_str!("data/pg_cast.txt");
pub(super) const FUNCTIONS: &str = include_str!("data/pg_proc.txt");

fn one_type(line: &HashMap<&'static str, &'static str>) -> Type {
    let text = |name| line.get(name).copied().unwrap_or_default();
    let number = |name| text(name).parse::<i64>().unwrap_or_default();
    let oid = |name| text(name).parse().unwrap_or_default();
    Type {
        oid: oid("oid"),
        name: text("typname"),
        sql_name: text("sql_name"),
        size: number("typlen"),
        by_value: text("typbyval") == "t",
        align: text("typalign"),
        storage: text("typstorage"),
        collation: oid("typcollation"),
        element: if text("typcategory") == "A" { oid("typelem") } else { 0 },
        array: oid("typarray"),
    }
}

/// The OID of the operator class by which values of a type are hashed; 0 for none.
pub(super) fn operator_class(type_oid: u32) -> i64 {
    const VARCHAR: u32 = 1043;
    const TEXT: u32 = 25;
    let wanted = if type_oid == VARCHAR { TEXT } else { type_oid }.to_string();
    let hashes = |class: &HashMap<&str, &str>| {
        let value = |name| class.get(name).copied().unwrap_or_default();
        value("opcmethod") == "405" && value("opcintype") == wanted && value("opcdefault") == "t"
    };
    let class = lines(OPERATOR_CLASSES).find(hashes);
    class.and_then(|class| class.get("oid")?.parse().ok()).unwrap_or_default()
}

/// OIDs of the functions that casts call.
pub(super) fn cast_functions() -> HashSet<i64> {
    lines(CASTS).filter_map(|cast| cast.get("castfunc")?.parse().ok()).collect()
}

/// The name of the function of this OID.
pub(super) fn function_name(oid: i64) -> Option<&'static str> {
    functions().find(|(known, ..)| *known == oid).map(|(_, name, _)| name)
}

/// OIDs and argument types of the functions of this name.
pub(super) fn functions_named(name: &str) -> Vec<(i64, &'static str)> {
    functions().filter(|(_, known, _)| *known == name).map(|(oid, _, args)| (oid, args)).collect()
}

/// OIDs of the argument types of the function of this OID, separated by blanks.
pub(super) fn function_arguments(oid: i64) -> Option<&'static str> {
    functions().find(|(known, ..)| *known == oid).map(|(_, _, args)| args)
}

/// OID, name and argument types of all functions.
fn functions() -> impl Iterator<Item = (i64, &'static str, &'static str)> {
    let place = FUNCTIONS.lines().next().and_then(|head| {
        head.split('\t').position(|name| name == "proargtypes").filter(|place| *place > 1)
    });
    FUNCTIONS.lines().skip(1).filter_map(move |line| {
        let mut values = line.split('\t');
        let (oid, name) = (values.next()?.parse().ok()?, values.next()?);
        Some((oid, name, values.nth(place? - 2)?))
    })
}

/// A function, as its declaration needs it.
#[derive(Debug)]
pub(super) struct Routine {
    pub(super) name: &'static str,
    /// `f` function, `a` aggregate, `w` window function, `p` procedure.
    pub(super) kind: &'static str,
    pub(super) strict: bool,
    pub(super) leakproof: bool,
    pub(super) returns_set: bool,
    pub(super) variadic: bool,
    pub(super) volatility: &'static str,
    pub(super) parallel: &'static str,
    /// Number of arguments.
    pub(super) count: usize,
    /// OIDs of the arguments' types, separated by blanks.
    pub(super) arguments: &'static str,
    pub(super) names: Vec<&'static str>,
    pub(super) result: i64,
    pub(super) source: &'static str,
}

/// The function of this OID.
pub(super) fn routine(oid: i64) -> Option<Routine> {
    static BY_OID: OnceLock<HashMap<i64, &str>> = OnceLock::new();
    let (head, body) = FUNCTIONS.split_once('\n')?;
    let number = |line: &'static str| Some((line.split('\t').next()?.parse().ok()?, line));
    let line = BY_OID.get_or_init(|| body.lines().filter_map(number).collect()).get(&oid)?;
    let values: HashMap<_, _> = head.split('\t').zip(line.split('\t')).collect();
    let text = |name| values.get(name).copied().unwrap_or_default();
    let names = text("proargnames");
    Some(Routine {
        name: text("proname"),
        kind: text("prokind"),
        strict: text("proisstrict") == "t",
        leakproof: text("proleakproof") == "t",
        returns_set: text("proretset") == "t",
        variadic: text("provariadic") != "0",
        volatility: text("provolatile"),
        parallel: text("proparallel"),
        count: text("pronargs").parse().ok()?,
        arguments: text("proargtypes"),
        names: match names {
            "\\N" => Vec::new(),
            names => {
                names.trim_matches(['{', '}']).split(',').map(|n| n.trim_matches('"')).collect()
            }
        },
        result: text("prorettype").parse().ok()?,
        source: text("prosrc"),
    })
}

/// The lines of a list, each value with the name of its column.
fn lines(list: &'static str) -> impl Iterator<Item = HashMap<&'static str, &'static str>> {
    let (head, body) = list.split_once('\n').unwrap_or_default();
    body.lines().map(|line| head.split('\t').zip(line.split('\t')).collect())
}

/// A list as rows of this relation: values of its own columns alone.
pub(super) fn rows(relation: &Relation, list: &'static str) -> Vec<Row> {
    let (head, body) = list.split_once('\n').unwrap_or_default();
    let columns: Vec<Option<&Attribute>> =
        head.split('\t').map(|name| relation.columns.iter().find(|c| c.name == name)).collect();
    let row = |line: &'static str| -> Row {
        let values = columns.iter().zip(line.split('\t'));
        values.filter_map(|(c, text)| c.map(|c| (c.name, Cell::read(c.kind, text)))).collect()
    };
    body.lines().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_has_a_type_that_is_known() {
        assert!(relations().len() > 190);
        for relation in relations() {
            for column in &relation.columns {
                let known = type_named(column.kind.trim_end_matches("[]"));
                let what = format!("{}.{}: {}", relation.name, column.name, column.kind);
                assert!(known.is_some() || relation.name == "pg_statistic_ext_data", "{what}");
            }
        }
    }

    #[test]
    fn functions_by_name_and_back() {
        assert_eq!(function_name(2436), Some("boolrecv"));
        assert_eq!(functions_named("boolrecv"), [(2436, "2281")]);
        assert_eq!(function_arguments(870), Some("25"));
        assert_eq!(type_named("int2[]"), Some(1005));
        assert_eq!(type_of(1016).map(|t| t.element), Some(20));
    }
}
