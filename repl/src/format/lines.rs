//! The layouts that need no widths: each row is written as it comes.

use std::io::{self, Write};

use super::{Cells, Expanded, Layout, Look, footer};
use crate::wire::Column;

/// psql's `-A`: cells between separators, NULL empty unless it is told otherwise.
pub(super) struct Unaligned {
    separator: String,
    null: String,
    expanded: bool,
    tuples_only: bool,
    footer: bool,
    names: Vec<String>,
    rows: u64,
}

impl Unaligned {
    pub(super) fn new(look: &Look) -> Self {
        let separator = look.separator.clone().unwrap_or_else(|| "|".into());
        let expanded = look.expanded == Expanded::On;
        let (null, tuples_only) = (look.null.clone().unwrap_or_default(), look.tuples_only);
        let (footer, names) = (look.footer && !tuples_only, Vec::new());
        Self { separator, null, expanded, tuples_only, footer, names, rows: 0 }
    }
}

impl Layout for Unaligned {
    fn begin(&mut self, out: &mut dyn Write, columns: &[Column]) -> io::Result<()> {
        self.names = names(columns);
        if self.expanded || self.tuples_only || columns.is_empty() {
            return Ok(());
        }
        writeln!(out, "{}", self.names.join(&self.separator))
    }

    fn row(&mut self, out: &mut dyn Write, cells: Cells<'_>) -> io::Result<()> {
        self.rows += 1;
        if cells.is_empty() {
            return Ok(());
        }
        if !self.expanded {
            let cells: Vec<&str> = cells.iter().map(|cell| cell.unwrap_or(&self.null)).collect();
            return writeln!(out, "{}", cells.join(&self.separator));
        }
        if self.rows > 1 {
            writeln!(out)?;
        }
        for (name, cell) in self.names.iter().zip(cells) {
            writeln!(out, "{name}{}{}", self.separator, cell.unwrap_or(&self.null))?;
        }
        Ok(())
    }

    fn end(&mut self, out: &mut dyn Write, complete: bool) -> io::Result<()> {
        if !self.footer || self.expanded || !complete {
            return Ok(());
        }
        writeln!(out, "{}", footer(self.rows))
    }
}

/// An array of objects, one a line, or the bare lines. Numbers, booleans and JSON columns keep
/// their type.
pub(super) struct Json {
    bare: bool,
    columns: Vec<(String, Value)>,
    rows: u64,
}

impl Json {
    pub(super) fn new(bare: bool) -> Self {
        Self { bare, columns: Vec::new(), rows: 0 }
    }
}

/// How a column's text becomes JSON.
#[derive(Clone, Copy)]
enum Value {
    Text,
    Number,
    Bool,
    Json,
}

impl Value {
    fn of(column: &Column) -> Self {
        match column.type_oid {
            oid if column.is_number() && oid != MONEY => Self::Number,
            16 => Self::Bool,
            114 | 3802 => Self::Json,
            _ => Self::Text,
        }
    }
}

/// The one numeric type whose text is no number (`$1.00`).
const MONEY: u32 = 790;

impl Layout for Json {
    fn begin(&mut self, out: &mut dyn Write, columns: &[Column]) -> io::Result<()> {
        let key = |column: &Column| (quoted(&column.name), Value::of(column));
        self.columns = columns.iter().map(key).collect();
        if self.bare { Ok(()) } else { write!(out, "[") }
    }

    fn row(&mut self, out: &mut dyn Write, cells: Cells<'_>) -> io::Result<()> {
        match self.bare {
            true => write!(out, "{{")?,
            false => write!(out, "{}\n  {{", if self.rows > 0 { "," } else { "" })?,
        }
        self.rows += 1;
        for (i, ((key, kind), cell)) in self.columns.iter().zip(cells).enumerate() {
            let comma = if i > 0 { ", " } else { "" };
            write!(out, "{comma}{key}: {}", cell.map_or("null".into(), |cell| json(cell, *kind)))?;
        }
        if self.bare { writeln!(out, "}}") } else { write!(out, "}}") }
    }

    fn end(&mut self, out: &mut dyn Write, _: bool) -> io::Result<()> {
        if self.bare {
            return Ok(());
        }
        writeln!(out, "{}]", if self.rows > 0 { "\n" } else { "" })
    }
}

/// The cell as JSON; text that is not what its type promises (`NaN`) becomes a string.
fn json(cell: &str, kind: Value) -> String {
    let whole = || serde_json::from_str::<serde_json::Value>(cell).is_ok();
    match (kind, cell) {
        (Value::Bool, "t") => "true".into(),
        (Value::Bool, "f") => "false".into(),
        (Value::Json, cell) if whole() => cell.into(),
        (Value::Number, cell) if is_json_number(cell) => cell.into(),
        _ => quoted(cell),
    }
}

/// Digits of any length stay exact: they are copied, not converted.
fn is_json_number(text: &str) -> bool {
    let digits = text.trim_start_matches('-');
    let starts = digits.starts_with(|c: char| c.is_ascii_digit());
    let zero = digits.len() > 1
        && digits.starts_with('0')
        && digits[1..].starts_with(|c: char| c.is_ascii_digit());
    let known = |c: char| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '+' | '-');
    starts
        && !zero
        && text.chars().all(known)
        && text.parse::<f64>().is_ok()
        && !text.ends_with('.')
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// aql's RAW: a starred heading a record, then `bin: value` lines.
pub(super) struct Raw {
    null: String,
    names: Vec<String>,
    rows: u64,
}

impl Raw {
    pub(super) fn new(look: &Look) -> Self {
        let null = look.null.clone().unwrap_or_else(|| "NULL".into());
        Self { null, names: Vec::new(), rows: 0 }
    }
}

impl Layout for Raw {
    fn begin(&mut self, _: &mut dyn Write, columns: &[Column]) -> io::Result<()> {
        self.names = names(columns);
        Ok(())
    }

    fn row(&mut self, out: &mut dyn Write, cells: Cells<'_>) -> io::Result<()> {
        self.rows += 1;
        let stars = "*".repeat(27);
        writeln!(out, "{stars} {}. row {stars}", self.rows)?;
        for (name, cell) in self.names.iter().zip(cells) {
            writeln!(out, "{name}: {}", cell.unwrap_or(&self.null))?;
        }
        Ok(())
    }

    fn end(&mut self, out: &mut dyn Write, complete: bool) -> io::Result<()> {
        if complete { writeln!(out, "{}", footer(self.rows)) } else { Ok(()) }
    }
}

/// aql's MUTE: the count only.
#[derive(Default)]
pub(super) struct Mute {
    rows: u64,
}

impl Layout for Mute {
    fn begin(&mut self, _: &mut dyn Write, _: &[Column]) -> io::Result<()> {
        Ok(())
    }

    fn row(&mut self, _: &mut dyn Write, _: Cells<'_>) -> io::Result<()> {
        self.rows += 1;
        Ok(())
    }

    fn end(&mut self, out: &mut dyn Write, complete: bool) -> io::Result<()> {
        if complete { writeln!(out, "{}", footer(self.rows)) } else { Ok(()) }
    }
}

fn names(columns: &[Column]) -> Vec<String> {
    columns.iter().map(|column| column.name.clone()).collect()
}
