//! EXPLAIN of plans that are not DataFusion's: which records, and how they are reached.

use model::{Table, Value};

use crate::access::{Access, Reach};
use crate::expr::{Expr, Row, identifier, key_of};
use crate::plan::{
    Assignment, Get, IndexGet, Insert, InsertSource, KeyLookup, Keys, OnConflict, Plan, Target,
};

/// Most keys that are printed one by one.
const KEYS_SHOWN: usize = 10;

/// The way that a plan takes which may go through secondary indexes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// It reads the whole set.
    Scan,
    /// The plan's way of this number.
    Index {
        /// Its number.
        number: usize,
        /// About how many rows its ranges hold.
        entries: u64,
    },
}

/// The lines of EXPLAIN for a plan; none for [`Plan::Query`], which the query engine explains. A
/// write that holds a query gets the engine's lines below these. `way` is known once the values are.
pub fn explain_lines(plan: &Plan, params: &[Option<Value>], way: Option<Way>) -> Vec<String> {
    let mut lines = Lines { out: Vec::new(), params, way };
    match plan {
        Plan::Query(_) => {}
        Plan::PointGet(get) => lines.get("PointGet", get),
        Plan::BatchGet(get) => lines.get("BatchGet", get),
        Plan::IndexGet(plan) => lines.index_get(plan),
        Plan::Insert(insert) => lines.insert(insert),
        Plan::Update(update) => {
            lines.target("Update", &update.table, &update.target);
            match update.target {
                Target::Query(_) => {
                    let name = |a: &Assignment| identifier(&a.column.name);
                    let names: Vec<String> = update.assignments.iter().map(name).collect();
                    lines.out.push(format!("  Set: {} of the query", names.join(", ")));
                }
                _ => lines.assignments("Set", &update.assignments),
            }
        }
        Plan::Delete(delete) => lines.target("Delete", &delete.table, &delete.target),
        Plan::Operate(operate) => {
            lines.top("Operate", &operate.table);
            lines.keys(&operate.table, &operate.keys);
            let operations: Vec<String> =
                operate.operations.iter().map(ToString::to_string).collect();
            lines.out.push(format!("  Operations: {}", operations.join(", ")));
        }
        Plan::Truncate { tables, .. } => {
            tables.iter().for_each(|table| lines.top("Truncate", table));
        }
        Plan::Explain { plan, .. } => return explain_lines(plan, params, way),
        _ => lines.out.push("Result".to_string()),
    }
    lines.out
}

struct Lines<'a> {
    out: Vec<String>,
    params: &'a [Option<Value>],
    way: Option<Way>,
}

impl Lines<'_> {
    fn top(&mut self, what: &str, table: &Table) {
        let name = format!("{}.{}", identifier(&table.namespace), identifier(&table.name));
        self.out.push(format!("{what} on {name}"));
    }

    fn get(&mut self, what: &str, get: &Get) {
        self.top(what, &get.table);
        self.keys(&get.table, &get.keys);
        self.filter(get.filter.as_ref());
        self.bounds(get);
    }

    fn index_get(&mut self, plan: &IndexGet) {
        match plan.order {
            None => self.index("", &plan.get.table, &plan.accesses),
            Some(order) => {
                self.top("IndexOrder", &plan.get.table);
                self.ranges("", &plan.accesses);
                let direction = if order.descending { "descending" } else { "ascending" };
                self.out.push(format!("  Order: {direction}"));
            }
        }
        self.filter(plan.get.filter.as_ref());
        self.bounds(&plan.get);
    }

    /// A read by one of these ways.
    fn index(&mut self, indent: &str, table: &Table, accesses: &[Access]) {
        let chosen = self.chosen(accesses);
        let several = chosen.iter().any(|access| access.reaches.len() > 1);
        let node = if several { "IndexUnion" } else { "IndexRange" };
        self.top(&format!("{indent}{node}"), table);
        self.ranges(indent, accesses);
    }

    fn chosen<'p>(&self, accesses: &'p [Access]) -> &'p [Access] {
        match self.way {
            Some(Way::Index { number, .. }) => accesses.get(number..=number).unwrap_or(accesses),
            _ => accesses,
        }
    }

    fn ranges(&mut self, indent: &str, accesses: &[Access]) {
        let reaches = self.chosen(accesses).iter().flat_map(|access| &access.reaches);
        let line = |reach: &Reach| format!("{indent}  Index: {} {}", reach.index, reach.range);
        self.out.extend(reaches.take(KEYS_SHOWN).map(line));
        if let Some(Way::Index { entries, .. }) = self.way {
            self.out.push(format!("{indent}  Estimated Rows: {entries}"));
        }
    }

    fn bounds(&mut self, get: &Get) {
        for (word, bound) in [("Offset", &get.offset), ("Limit", &get.limit)] {
            if let Some(bound) = bound {
                self.out.push(format!("  {word}: {bound}"));
            }
        }
    }

    fn filter(&mut self, filter: Option<&Expr>) {
        self.out.extend(filter.map(|filter| format!("  Filter: {filter}")));
    }

    fn keys(&mut self, table: &Table, keys: &Keys) {
        match keys {
            Keys::Any(array) => self.out.push(format!("  Keys: any of {array}")),
            Keys::Each(lookups) => {
                for lookup in lookups.iter().take(KEYS_SHOWN) {
                    let line = self.key(table, lookup);
                    self.out.push(line);
                }
                if lookups.len() > KEYS_SHOWN {
                    self.out.push(format!("  .. {} keys in all", lookups.len()));
                }
            }
        }
    }

    /// A key's value, digest and partition, as far as they are known.
    fn key(&self, table: &Table, lookup: &KeyLookup) -> String {
        let parts = match lookup {
            KeyLookup::Digest(digest) => {
                return match digest.as_const() {
                    Some(Some(Value::Blob(bytes))) => match <[u8; 20]>::try_from(&bytes[..]) {
                        Ok(bytes) => {
                            let digest = model::Digest(bytes);
                            format!("  Digest: {digest}  Partition: {}", digest.partition())
                        }
                        Err(_) => "  Digest: of a wrong length".to_string(),
                    },
                    _ => format!("  Digest: {digest}"),
                };
            }
            KeyLookup::Key(parts) => parts,
        };
        let row = Row { params: self.params, ..Row::default() };
        let values: Option<Vec<Value>> =
            parts.iter().map(|part| part.eval(&row).ok().flatten()).collect();
        let shown = |parts: Vec<String>| match &parts[..] {
            [one] => one.clone(),
            many => format!("({})", many.join(", ")),
        };
        let key = values.clone().and_then(key_of);
        match (values, key) {
            (Some(values), Some(key)) => {
                let literal = |(part, value): (&Expr, Value)| {
                    Expr::constant(Some(value), part.column_type()).to_string()
                };
                let shown = shown(parts.iter().zip(values).map(literal).collect());
                let digest = key.digest(&table.name);
                format!("  Key: {shown}  Digest: {digest}  Partition: {}", digest.partition())
            }
            _ => format!("  Key: {}", shown(parts.iter().map(ToString::to_string).collect())),
        }
    }

    fn insert(&mut self, insert: &Insert) {
        let rows = match &insert.source {
            InsertSource::Values(rows) => rows,
            InsertSource::Query { .. } | InsertSource::Copied { .. } => {
                self.top("BatchWrite", &insert.table);
                self.conflict(&insert.on_conflict);
                self.out.push("  Rows: of the query".to_string());
                return;
            }
        };
        let what = if rows.len() == 1 { "PointWrite" } else { "BatchWrite" };
        self.top(what, &insert.table);
        let key: Option<Vec<usize>> = insert
            .table
            .key
            .iter()
            .map(|k| insert.columns.iter().position(|c| c.name == k.name))
            .collect();
        match key.filter(|key| !key.is_empty()) {
            None => self.out.push("  Key: generated".to_string()),
            Some(key) => {
                let lookup = |row: &Vec<Expr>| {
                    let part = |i: &usize| row.get(*i).cloned();
                    key.iter().map(part).collect::<Option<_>>().map(KeyLookup::Key)
                };
                let lookups = rows.iter().filter_map(lookup).collect();
                self.keys(&insert.table, &Keys::Each(lookups));
            }
        }
        self.conflict(&insert.on_conflict);
    }

    fn conflict(&mut self, on_conflict: &OnConflict) {
        let word = match on_conflict {
            OnConflict::Error => "error",
            OnConflict::Nothing => "leave it",
            OnConflict::Merge => "merge bins",
            OnConflict::Replace => "replace it",
            OnConflict::UpdateOnly => "merge bins, error unless there",
            OnConflict::ReplaceOnly => "replace it, error unless there",
            OnConflict::Update { .. } => "update it",
        };
        self.out.push(format!("  If there: {word}"));
        if let OnConflict::Update { assignments, filter } = on_conflict {
            self.assignments("Set", assignments);
            self.filter(filter.as_ref());
        }
    }

    fn assignments(&mut self, word: &str, assignments: &[Assignment]) {
        let one = |a: &Assignment| format!("{} = {}", identifier(&a.column.name), a.expr);
        let all: Vec<String> = assignments.iter().map(one).collect();
        self.out.push(format!("  {word}: {}", all.join(", ")));
    }

    fn target(&mut self, what: &str, table: &Table, target: &Target) {
        match target {
            Target::Keys(keys, filter) => {
                let one = matches!(keys, Keys::Each(lookups) if lookups.len() == 1);
                let write = if one { "PointWrite" } else { "BatchWrite" };
                self.top(&format!("{write} ({what})"), table);
                self.keys(table, keys);
                self.filter(filter.as_ref());
            }
            Target::Scan(filter, accesses) => {
                self.top(what, table);
                match accesses[..] {
                    [] => self.top("  SetScan", table),
                    _ if self.way == Some(Way::Scan) => self.top("  SetScan", table),
                    _ => self.index("  ", table, accesses),
                }
                self.out.extend(filter.as_ref().map(|filter| format!("    Filter: {filter}")));
            }
            Target::Query(_) => {
                self.top(what, table);
                self.out.push("  Rows: of the query".to_string());
            }
        }
    }
}
