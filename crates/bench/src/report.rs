//! What a workload found: single figures, and tables of them.

use std::fmt;

use serde_json::{Map, Value, json};

/// Figures with names that carry their unit, and tables.
#[derive(Debug, Clone)]
pub struct Report {
    workload: &'static str,
    facts: Vec<(String, Value)>,
    tables: Vec<Table>,
}

#[derive(Debug, Clone)]
struct Table {
    name: &'static str,
    columns: Vec<&'static str>,
    rows: Vec<Vec<Value>>,
}

impl Report {
    pub(crate) fn new(workload: &'static str) -> Report {
        Report { workload, facts: Vec::new(), tables: Vec::new() }
    }

    /// Adds a figure.
    pub(crate) fn fact(&mut self, name: impl Into<String>, value: impl Into<Value>) {
        self.facts.push((name.into(), value.into()));
    }

    /// Begins a table, which later rows go to.
    pub(crate) fn table(&mut self, name: &'static str, columns: &[&'static str]) {
        self.tables.push(Table { name, columns: columns.to_vec(), rows: Vec::new() });
    }

    /// Adds a row to the last table, in the order of its columns.
    pub(crate) fn row<const N: usize>(&mut self, cells: [Value; N]) {
        let table = self.tables.last_mut().expect("a table was begun");
        assert_eq!(table.columns.len(), N, "as many cells as columns");
        table.rows.push(cells.into());
    }

    /// All of it as one object.
    pub fn json(&self) -> Value {
        let mut whole = Map::new();
        whole.insert("workload".to_string(), self.workload.into());
        whole.extend(self.facts.iter().cloned());
        for table in &self.tables {
            let row = |cells: &Vec<Value>| {
                let names = table.columns.iter().map(|name| (*name).to_string());
                Value::Object(names.zip(cells.iter().cloned()).collect())
            };
            let rows: Vec<Value> = table.rows.iter().map(row).collect();
            whole.insert(table.name.to_string(), json!(rows));
        }
        Value::Object(whole)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.workload)?;
        let width = self.facts.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        for (name, value) in &self.facts {
            writeln!(f, "  {name:width$}  {}", text(value))?;
        }
        self.tables.iter().try_for_each(|table| table.fmt(f))
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows: Vec<Vec<String>> =
            self.rows.iter().map(|row| row.iter().map(text).collect()).collect();
        let widths: Vec<usize> = self
            .columns
            .iter()
            .enumerate()
            .map(|(n, name)| {
                rows.iter().map(|row| row[n].len()).chain([name.len()]).max().unwrap_or(0)
            })
            .collect();
        writeln!(f, "  {}:", self.name)?;
        let line = |f: &mut fmt::Formatter<'_>, cells: &mut dyn Iterator<Item = &str>| {
            for (cell, width) in cells.zip(&widths) {
                write!(f, "  {cell:>width$}")?;
            }
            writeln!(f)
        };
        line(f, &mut self.columns.iter().copied())?;
        rows.iter().try_for_each(|row| line(f, &mut row.iter().map(String::as_str)))
    }
}

/// A number as people read it: thousands apart, fractions as far as they tell something.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => match (number.as_u64(), number.as_f64()) {
            (Some(whole), _) => apart(whole),
            (None, Some(n)) if (1000.0..1e15).contains(&n) => apart(n.round() as u64),
            (None, Some(n)) if n >= 10.0 => format!("{n:.1}"),
            (None, Some(n)) => format!("{n:.3}"),
            (None, None) => number.to_string(),
        },
        other => other.to_string(),
    }
}

fn apart(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn for_people_and_for_programs() {
        let mut report = Report::new("load");
        report.fact("records", 1_234_567);
        report.fact("share_pct", 12.345);
        report.table("runs", &["backend", "iops"]);
        report.row(["uring".into(), 50_000.4.into()]);
        let text = "load\n  records    1 234 567\n  share_pct  12.3\n  runs:\n  backend    iops\n    \
                    uring  50 000\n";
        assert_eq!(report.to_string(), text);
        let json = json!({
            "workload": "load", "records": 1_234_567, "share_pct": 12.345,
            "runs": [{"backend": "uring", "iops": 50_000.4}],
        });
        assert_eq!(report.json(), json);
    }
}
