//! The layouts that line up: the table, and the expanded record for tables too wide.
//!
//! The first rows are kept until the sample is full or the result ends; they decide the widths and,
//! with `\x auto`, the shape. Later rows stream: a cell wider than its column pushes the rest of
//! its line right.

use std::io::{self, Write};

use unicode_width::UnicodeWidthStr;

use super::border::{Border, Place};
use super::{Cells, Expanded, Format, Layout, Look, footer};
use crate::wire::Column;

/// A screenful is under a hundred rows; ten of them settle the widths, and nobody waits for them.
const SAMPLE_ROWS: usize = 1000;
/// Bounds the sample when the rows are large.
const SAMPLE_BYTES: usize = 1 << 20;

pub(super) struct Sampled {
    look: Look,
    border: Border,
    columns: Vec<Column>,
    sample: Vec<Vec<Cell>>,
    bytes: usize,
    /// Set once the sample has decided.
    shape: Option<Shape>,
    rows: u64,
}

enum Shape {
    /// The width of each column.
    Table(Vec<usize>),
    /// The widths of names and of values.
    Records(usize, usize),
}

/// The lines of a cell as a terminal may have them.
struct Cell {
    lines: Vec<String>,
    null: bool,
}

impl Cell {
    fn new(text: Option<&str>, null: &str) -> Self {
        let lines = text.unwrap_or(null).split('\n').map(printable).collect();
        Self { lines, null: text.is_none() }
    }

    fn width(&self) -> usize {
        self.lines.iter().map(|line| line.width()).max().unwrap_or(0)
    }

    fn bytes(&self) -> usize {
        self.lines.iter().map(String::len).sum()
    }
}

/// `line` without anything that a terminal would obey.
fn printable(line: &str) -> String {
    let mut shown = String::with_capacity(line.len());
    for c in line.chars() {
        match c {
            '\t' => shown.push_str(&" ".repeat(8 - shown.width() % 8)),
            '\r' => shown.push_str("\\r"),
            c if c.is_control() => shown.push_str(&format!("\\x{:02X}", c as u32)),
            c => shown.push(c),
        }
    }
    shown
}

impl Layout for Sampled {
    fn begin(&mut self, _: &mut dyn Write, columns: &[Column]) -> io::Result<()> {
        self.columns = columns.to_vec();
        for column in &mut self.columns {
            column.name = printable(&column.name.replace('\n', " "));
        }
        Ok(())
    }

    fn row(&mut self, out: &mut dyn Write, cells: Cells<'_>) -> io::Result<()> {
        let null = self.look.null.as_deref().unwrap_or("NULL");
        let cells: Vec<Cell> = cells.iter().map(|cell| Cell::new(*cell, null)).collect();
        if self.shape.is_some() {
            return self.write_row(out, &cells);
        }
        self.bytes += cells.iter().map(Cell::bytes).sum::<usize>();
        self.sample.push(cells);
        if self.sample.len() < SAMPLE_ROWS && self.bytes < SAMPLE_BYTES {
            return Ok(());
        }
        self.settle(out)
    }

    fn end(&mut self, out: &mut dyn Write, complete: bool) -> io::Result<()> {
        if self.shape.is_none() {
            self.settle(out)?;
        }
        let records = matches!(self.shape, Some(Shape::Records(..)));
        if self.border.has(Place::Bottom) && (!records || self.rows > 0) {
            let widths = match &self.shape {
                Some(Shape::Table(widths)) => widths.clone(),
                Some(Shape::Records(names, values)) => vec![*names, *values],
                None => Vec::new(),
            };
            writeln!(out, "{}", self.border.line(Place::Bottom, &widths))?;
        }
        if complete && self.look.footer && !self.look.tuples_only && (!records || self.rows == 0) {
            writeln!(out, "{}", footer(self.rows))?;
        }
        Ok(())
    }
}

impl Sampled {
    pub(super) fn new(look: &Look) -> Self {
        let (look, columns, sample) = (look.clone(), Vec::new(), Vec::new());
        let border = match look.format {
            Format::Box => Border::new(2, true),
            _ => Border::new(look.border, look.drawn),
        };
        Self { look, border, columns, sample, bytes: 0, shape: None, rows: 0 }
    }

    /// Decides the shape, then writes what the sample holds.
    fn settle(&mut self, out: &mut dyn Write) -> io::Result<()> {
        let sample = std::mem::take(&mut self.sample);
        let shape = self.choose(&sample);
        if let (Some(title), Shape::Table(widths)) = (&self.look.title, &shape) {
            let total = self.border.width(widths);
            writeln!(out, "{:space$}{title}", "", space = total.saturating_sub(title.width()) / 2)?;
        } else if let Some(title) = self.look.title.as_ref().filter(|_| !sample.is_empty()) {
            writeln!(out, "{title}")?;
        }
        if let (Shape::Table(widths), false) = (&shape, self.look.tuples_only) {
            self.write_header(out, widths)?;
        }
        self.shape = Some(shape);
        sample.iter().try_for_each(|cells| self.write_row(out, cells))
    }

    fn choose(&self, sample: &[Vec<Cell>]) -> Shape {
        let widest = |i: usize| sample.iter().map(|row| row[i].width()).max().unwrap_or(0);
        let names = self.columns.iter().map(|column| column.name.width());
        let widths: Vec<usize> = names.clone().enumerate().map(|(i, n)| n.max(widest(i))).collect();
        let wide = self.look.width.is_some_and(|limit| self.border.width(&widths) > limit);
        let records = match self.look.expanded {
            Expanded::On => !self.columns.is_empty(),
            Expanded::Auto => wide && !sample.is_empty(),
            Expanded::Off => false,
        };
        if !records {
            return Shape::Table(widths);
        }
        let values = (0..self.columns.len()).map(widest).max().unwrap_or(0);
        Shape::Records(names.max().unwrap_or(0), values)
    }

    fn write_header(&self, out: &mut dyn Write, widths: &[usize]) -> io::Result<()> {
        if widths.is_empty() {
            return writeln!(out, "--");
        }
        if self.border.has(Place::Top) {
            writeln!(out, "{}", self.border.line(Place::Top, widths))?;
        }
        let last = widths.len() - 1;
        write!(out, "{}", self.border.left())?;
        for (i, (column, width)) in self.columns.iter().zip(widths).enumerate() {
            let space = width - column.name.width();
            let (left, right) = (space / 2, space - space / 2);
            let bar = if i == last && !self.border.closed() { "" } else { self.border.between() };
            let pad = self.border.pad();
            write!(out, "{pad}{:left$}{}{:right$} {bar}", "", column.name, "")?;
        }
        writeln!(out, "\n{}", self.border.line(Place::Middle, widths))
    }

    fn write_row(&mut self, out: &mut dyn Write, cells: &[Cell]) -> io::Result<()> {
        self.rows += 1;
        match &self.shape {
            Some(Shape::Table(widths)) => self.write_line(out, widths, cells),
            Some(Shape::Records(names, values)) => self.write_record(out, *names, *values, cells),
            None => Ok(()),
        }
    }

    /// One row; a `+` marks a cell that goes on in the next line.
    fn write_line(&self, out: &mut dyn Write, widths: &[usize], cells: &[Cell]) -> io::Result<()> {
        let height = cells.iter().map(|cell| cell.lines.len()).max().unwrap_or(0);
        let last = cells.len().saturating_sub(1);
        for line in 0..height {
            write!(out, "{}", self.border.left())?;
            for (i, (cell, width)) in cells.iter().zip(widths).enumerate() {
                let text = cell.lines.get(line).map_or("", String::as_str);
                let more = line + 1 < cell.lines.len();
                let right = self.columns[i].is_number() && !cell.null;
                let open_end = i == last && !self.border.closed();
                write!(out, "{}", self.border.pad())?;
                self.write_cell(out, text, cell.null, *width, right, open_end && !more)?;
                let mark = if more { self.border.mark() } else { " " };
                match (open_end, more) {
                    (true, false) => {}
                    (true, true) => write!(out, "{mark}")?,
                    (false, _) => write!(out, "{mark}{}", self.border.between())?,
                }
            }
            writeln!(out)?;
        }
        Ok(())
    }

    fn write_cell(
        &self,
        out: &mut dyn Write,
        text: &str,
        null: bool,
        width: usize,
        right: bool,
        bare: bool,
    ) -> io::Result<()> {
        let space = width.saturating_sub(text.width());
        let (before, after) = match (right, bare) {
            (true, _) => (space, 0),
            (false, true) => (0, 0),
            (false, false) => (0, space),
        };
        write!(out, "{:before$}{}{:after$}", "", self.dimmed(text, null), "")
    }

    /// The text, dimmed when it stands for NULL and the terminal has colours.
    fn dimmed(&self, text: &str, null: bool) -> String {
        if null && self.look.color { format!("\x1b[2m{text}\x1b[0m") } else { text.into() }
    }

    fn write_record(
        &self,
        out: &mut dyn Write,
        names: usize,
        values: usize,
        cells: &[Cell],
    ) -> io::Result<()> {
        if !self.look.tuples_only || self.rows > 1 || self.border.closed() {
            let label = (!self.look.tuples_only).then_some(self.rows);
            let heading = self.border.record(label, self.rows == 1, [names, values]);
            writeln!(out, "{heading}")?;
        }
        let (left, closed) = (self.border.left(), self.border.closed());
        let edge = if closed { " " } else { "" };
        let bar = if self.border.between().is_empty() {
            " ".to_string()
        } else {
            format!(" {} ", self.border.between())
        };
        for (column, cell) in self.columns.iter().zip(cells) {
            for (i, line) in cell.lines.iter().enumerate() {
                let name = if i == 0 { column.name.as_str() } else { "" };
                let space = names - name.width();
                let text = self.dimmed(line, cell.null);
                let more = i + 1 < cell.lines.len();
                let mark = if more { self.border.mark() } else { edge };
                let fill = if more || closed { values.saturating_sub(line.width()) } else { 0 };
                writeln!(
                    out,
                    "{left}{edge}{name}{:space$}{bar}{text}{:fill$}{mark}{left}",
                    "", ""
                )?;
            }
        }
        Ok(())
    }
}
