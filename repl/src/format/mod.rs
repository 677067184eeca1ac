//! Rows to text: tables, expanded records, and the formats that other programs read.
//!
//! 1. `layout` picks a `Layout` for one result.
//! 2. The shell calls `begin` with the columns, `row` for each row as it arrives, `end` once.
//! 3. A layout that needs widths keeps the first rows as a sample and streams from then on.
//!
//! Always true: memory does not grow with the result; the lined-up layouts show control characters,
//! they do not send them; the others give data as it is.
//! Left to others: where the text goes, and the line that tells what a statement did.

mod border;
mod lines;
mod markup;
mod sampled;
mod separated;

use std::io::{self, Write};

use crate::wire::Column;

/// Cells of one row; `None` is NULL.
pub(crate) type Cells<'a> = &'a [Option<&'a str>];

/// The named output formats.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Format {
    #[default]
    Table,
    /// A table drawn with lines all around.
    Box,
    Unaligned,
    Json,
    /// One object a line, without brackets around them.
    JsonLines,
    Raw,
    Csv,
    Tsv,
    Markdown,
    Html,
    Latex,
    Mute,
}

impl Format {
    pub(crate) const NAMES: &'static str =
        "TABLE, BOX, JSON, JSONL, RAW, CSV, TSV, MARKDOWN, HTML, LATEX, UNALIGNED or MUTE";

    /// As `SET OUTPUT`, `\pset format` and `.mode` name it.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Some(match name.to_ascii_uppercase().as_str() {
            "TABLE" | "ALIGNED" => Self::Table,
            "BOX" => Self::Box,
            "UNALIGNED" => Self::Unaligned,
            "JSON" => Self::Json,
            "JSONL" | "JSONLINES" => Self::JsonLines,
            "RAW" => Self::Raw,
            "CSV" => Self::Csv,
            "TSV" | "TABS" => Self::Tsv,
            "MARKDOWN" => Self::Markdown,
            "HTML" => Self::Html,
            "LATEX" => Self::Latex,
            "MUTE" | "NONE" => Self::Mute,
            _ => return None,
        })
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Table => "TABLE",
            Self::Box => "BOX",
            Self::Unaligned => "UNALIGNED",
            Self::Json => "JSON",
            Self::JsonLines => "JSONL",
            Self::Raw => "RAW",
            Self::Csv => "CSV",
            Self::Tsv => "TSV",
            Self::Markdown => "MARKDOWN",
            Self::Html => "HTML",
            Self::Latex => "LATEX",
            Self::Mute => "MUTE",
        }
    }

    /// Whether a program reads this, so that nothing but rows may be printed.
    pub(crate) fn is_data(self) -> bool {
        use Format::{Csv, Html, Json, JsonLines, Latex, Markdown, Tsv};
        matches!(self, Json | JsonLines | Csv | Tsv | Markdown | Html | Latex)
    }

    /// Whether results have an empty line between them.
    pub(crate) fn is_lined_up(self) -> bool {
        matches!(self, Self::Table | Self::Box)
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
    /// What stands for NULL, where the format has no NULL of its own.
    pub(crate) null: Option<String>,
    /// Lines around tables: 0 none, 1 between columns, 2 all around.
    pub(crate) border: u8,
    /// Lines are drawn, not made of `-`, `|` and `+`.
    pub(crate) drawn: bool,
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
            null: None,
            border: 1,
            drawn: false,
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
        Format::Table | Format::Box => Box::new(sampled::Sampled::new(look)),
        Format::Unaligned => Box::new(lines::Unaligned::new(look)),
        Format::Json => Box::new(lines::Json::new(false)),
        Format::JsonLines => Box::new(lines::Json::new(true)),
        Format::Raw => Box::new(lines::Raw::new(look)),
        Format::Csv => Box::new(separated::Separated::new(look, separated::Form::Csv)),
        Format::Tsv => Box::new(separated::Separated::new(look, separated::Form::Tsv)),
        Format::Markdown => Box::new(separated::Separated::new(look, separated::Form::Markdown)),
        Format::Html => Box::new(markup::Html::new(look)),
        Format::Latex => Box::new(markup::Latex::new(look)),
        Format::Mute => Box::new(lines::Mute::default()),
    }
}

/// `(3 rows)`.
fn footer(rows: u64) -> String {
    if rows == 1 { "(1 row)".into() } else { format!("({rows} rows)") }
}

#[cfg(test)]
mod tests;
