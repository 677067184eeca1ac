//! The layouts with a separator between cells that programs read back: CSV, TSV, Markdown.

use std::borrow::Cow;
use std::io::{self, Write};

use super::{Cells, Layout, Look};
use crate::wire::Column;

/// Which of them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// RFC 4180, with line feeds.
    Csv,
    /// The text format of COPY: `\t`, `\n` and `\\` stand for themselves, `\N` for NULL.
    Tsv,
    /// A table of GitHub's Markdown; its header is part of the form.
    Markdown,
}

pub(super) struct Separated {
    form: Form,
    header: bool,
    null: String,
}

impl Separated {
    pub(super) fn new(look: &Look, form: Form) -> Self {
        let default = if form == Form::Tsv { "\\N" } else { "" };
        let null = look.null.clone().unwrap_or_else(|| default.into());
        Self { form, header: !look.tuples_only, null }
    }

    fn cell<'a>(&'a self, cell: Option<&'a str>) -> Cow<'a, str> {
        let Some(text) = cell else { return self.null.as_str().into() };
        match self.form {
            Form::Csv if text.contains([',', '"', '\n', '\r']) || text == "\\." => {
                format!("\"{}\"", text.replace('"', "\"\"")).into()
            }
            Form::Tsv if text.contains(['\\', '\t', '\n', '\r']) => {
                let text = text.replace('\\', "\\\\").replace('\t', "\\t");
                text.replace('\n', "\\n").replace('\r', "\\r").into()
            }
            Form::Markdown if text.contains(['|', '\n', '\r']) => text
                .replace('|', "\\|")
                .replace("\r\n", "<br>")
                .replace(['\n', '\r'], "<br>")
                .into(),
            _ => text.into(),
        }
    }
}

impl Layout for Separated {
    fn begin(&mut self, out: &mut dyn Write, columns: &[Column]) -> io::Result<()> {
        let names: Vec<_> = columns.iter().map(|column| Some(column.name.as_str())).collect();
        if !self.header {
            return Ok(());
        }
        self.row(out, &names)?;
        if self.form == Form::Markdown {
            let rule = |column: &Column| if column.is_number() { " ---: |" } else { " --- |" };
            writeln!(out, "|{}", columns.iter().map(rule).collect::<String>())?;
        }
        Ok(())
    }

    fn row(&mut self, out: &mut dyn Write, cells: Cells<'_>) -> io::Result<()> {
        if cells.is_empty() {
            return Ok(());
        }
        let (before, between, after) = match self.form {
            Form::Csv => ("", ",", ""),
            Form::Tsv => ("", "\t", ""),
            Form::Markdown => ("| ", " | ", " |"),
        };
        for (i, cell) in cells.iter().enumerate() {
            let lead = if i > 0 { between } else { before };
            write!(out, "{lead}{}", self.cell(*cell))?;
        }
        writeln!(out, "{after}")
    }

    fn end(&mut self, _: &mut dyn Write, _: bool) -> io::Result<()> {
        Ok(())
    }
}
