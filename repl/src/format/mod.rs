//! Rows to text: TABLE, expanded records, unaligned, JSON, RAW and CSV.
//!
//! 1. `layout` picks a `Layout` for one result.
//! 2. The shell calls `begin` with the columns, `row` for each row as it arrives, `end` once.
//! 3. A layout that needs widths keeps the first rows as a sample and streams from then on.
//!
//! Always true: memory does not grow with the result; the lined-up layouts show control characters,
//! they do not send them; the others give data as it is.
//! Left to others: where the text goes, and the line that tells what a statement did.

mod lines;
mod sampled;

use std::io::{self, Write};

use crate::wire::Column;

/// Cells of one row; `None` is NULL.
pub(crate) type Cells<'a> = &'a [Option<&'a str>];

/// The named output formats.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Format {
    #[default]
    Table,
    Unaligned,
    Json,
    Raw,
    Csv,
    Mute,
}

impl Format {
    pub(crate) const NAMES: &'static str = "TABLE, JSON, RAW, CSV or MUTE";

    /// As `SET OUTPUT` names it.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        match name.to_ascii_uppercase().as_str() {
            "TABLE" => Some(Self::Table),
            "UNALIGNED" => Some(Self::Unaligned),
            "JSON" => Some(Self::Json),
            "RAW" => Some(Self::Raw),
            "CSV" => Some(Self::Csv),
            "MUTE" => Some(Self::Mute),
            _ => None,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Table => "TABLE",
            Self::Unaligned => "UNALIGNED",
            Self::Json => "JSON",
            Self::Raw => "RAW",
            Self::Csv => "CSV",
            Self::Mute => "MUTE",
        }
    }

    /// Whether a program reads this, so that nothing but rows may be printed.
    pub(crate) fn is_data(self) -> bool {
        matches!(self, Self::Json | Self::Csv)
    }
}

/// `\x`: one record a block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Expanded {
    #[default]
    Off,
    On,
    /// When the table is wider than the terminal.
    Auto,
}

/// How results look; the settings that layouts read.
#[derive(Clone, Debug)]
pub(crate) struct Look {
    pub(crate) format: Format,
    pub(crate) expanded: Expanded,
    /// No header, no footer.
    pub(crate) tuples_only: bool,
    pub(crate) separator: Option<String>,
    pub(crate) color: bool,
    /// Columns of the terminal, for `Expanded::Auto`.
    pub(crate) width: Option<usize>,
    /// What stands above the next table.
    pub(crate) title: Option<String>,
    /// `(3 rows)` after a table.
    pub(crate) footer: bool,
}

impl Default for Look {
    fn default() -> Self {
        Self {
            format: Format::Table,
            expanded: Expanded::Off,
            tuples_only: false,
            separator: None,
            color: false,
            width: None,
            title: None,
            footer: true,
        }
    }
}

/// One result on its way out.
pub(crate) trait Layout {
    fn begin(&mut self, out: &mut dyn Write, columns: &[Column]) -> io::Result<()>;
    fn row(&mut self, out: &mut dyn Write, cells: Cells<'_>) -> io::Result<()>;
    /// `complete` is false when the result broke off: then there is no footer.
    fn end(&mut self, out: &mut dyn Write, complete: bool) -> io::Result<()>;
}

/// The layout for one result.
pub(crate) fn layout(look: &Look) -> Box<dyn Layout> {
    match look.format {
        Format::Table => Box::new(sampled::Sampled::new(look)),
        Format::Unaligned => Box::new(lines::Unaligned::new(look)),
        Format::Json => Box::new(lines::Json::default()),
        Format::Raw => Box::new(lines::Raw::default()),
        Format::Csv => Box::new(lines::Csv::new(look)),
        Format::Mute => Box::new(lines::Mute::default()),
    }
}

/// `(3 rows)`.
fn footer(rows: u64) -> String {
    if rows == 1 { "(1 row)".into() } else { format!("({rows} rows)") }
}

#[cfg(test)]
mod tests;
