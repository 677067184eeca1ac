//! The layouts for documents, as psql writes them: HTML and LaTeX tables.

use std::io::{self, Write};

use super::{Cells, Expanded, Layout, Look, footer};
use crate::wire::Column;

/// What both need to know of the result.
struct Table {
    border: u8,
    null: String,
    title: Option<String>,
    expanded: bool,
    tuples_only: bool,
    footer: bool,
    /// Names and whether values line up right.
    columns: Vec<(String, bool)>,
    rows: u64,
}

impl Table {
    fn new(look: &Look) -> Self {
        let expanded = look.expanded == Expanded::On;
        Self {
            border: look.border,
            null: look.null.clone().unwrap_or_default(),
            title: look.title.clone(),
            expanded,
            tuples_only: look.tuples_only,
            footer: look.footer && !look.tuples_only && !expanded,
            columns: Vec::new(),
            rows: 0,
        }
    }

    fn begin(&mut self, columns: &[Column]) {
        let known = |column: &Column| (column.name.clone(), column.is_number());
        self.columns = columns.iter().map(known).collect();
    }

    fn text<'a>(&'a self, cell: Option<&'a str>) -> &'a str {
        cell.unwrap_or(&self.null)
    }
}

/// A `<table>`.
pub(super) struct Html(Table);

impl Html {
    pub(super) fn new(look: &Look) -> Self {
        Self(Table::new(look))
    }
}

fn html(text: &str) -> String {
    let inner = text.trim_start_matches(' ');
    let mut out = "&nbsp;".repeat(text.len() - inner.len());
    for c in inner.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("<br />\n"),
            c => out.push(c),
        }
    }
    out
}

/// A cell of nothing but space would be drawn without its lines.
fn html_cell(text: &str) -> String {
    match text.trim_matches([' ', '\t']) {
        "" => "&nbsp; ".into(),
        _ => html(text),
    }
}

impl Layout for Html {
    fn begin(&mut self, out: &mut dyn Write, columns: &[Column]) -> io::Result<()> {
        self.0.begin(columns);
        let Html(table) = self;
        writeln!(out, "<table border=\"{}\">", table.border)?;
        if let Some(title) = &table.title {
            writeln!(out, "  <caption>{}</caption>", html(title))?;
        }
        if table.expanded || table.tuples_only {
            return Ok(());
        }
        writeln!(out, "  <tr>")?;
        for (name, _) in &table.columns {
            writeln!(out, "    <th align=\"center\">{}</th>", html(name))?;
        }
        writeln!(out, "  </tr>")
    }

    fn row(&mut self, out: &mut dyn Write, cells: Cells<'_>) -> io::Result<()> {
        self.0.rows += 1;
        let Html(table) = self;
        match (table.expanded, table.tuples_only) {
            (false, _) => writeln!(out, "  <tr valign=\"top\">")?,
            (true, true) => writeln!(out, "\n  <tr><td colspan=\"2\">&nbsp;</td></tr>")?,
            (true, false) => {
                let heading = format!("Record {}", table.rows);
                writeln!(out, "\n  <tr><td colspan=\"2\" align=\"center\">{heading}</td></tr>")?;
            }
        }
        for ((name, number), cell) in table.columns.iter().zip(cells) {
            let align = if *number { "right" } else { "left" };
            if table.expanded {
                writeln!(out, "  <tr valign=\"top\">\n    <th>{}</th>", html(name))?;
            }
            writeln!(out, "    <td align=\"{align}\">{}</td>", html_cell(table.text(*cell)))?;
            if table.expanded {
                writeln!(out, "  </tr>")?;
            }
        }
        if table.expanded { Ok(()) } else { writeln!(out, "  </tr>") }
    }

    fn end(&mut self, out: &mut dyn Write, complete: bool) -> io::Result<()> {
        writeln!(out, "</table>")?;
        match self.0.footer && complete {
            true => writeln!(out, "<p>{}<br />\n</p>", footer(self.0.rows)),
            false => writeln!(out),
        }
    }
}

/// A `tabular` of LaTeX.
pub(super) struct Latex(Table);

impl Latex {
    pub(super) fn new(look: &Look) -> Self {
        Self(Table::new(look))
    }

    fn rule(&self, out: &mut dyn Write, least_border: u8) -> io::Result<()> {
        if self.0.border >= least_border { writeln!(out, "\\hline") } else { Ok(()) }
    }
}

fn latex(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '#' | '$' | '%' | '&' | '_' | '{' | '}' => {
                out.push('\\');
                out.push(c);
            }
            '\\' => out.push_str("\\textbackslash{}"),
            '^' => out.push_str("\\^{}"),
            '~' => out.push_str("\\~{}"),
            '<' => out.push_str("\\textless{}"),
            '>' => out.push_str("\\textgreater{}"),
            '|' => out.push_str("\\textbar{}"),
            '\n' => out.push_str("\\\\"),
            c => out.push(c),
        }
    }
    out
}

impl Layout for Latex {
    fn begin(&mut self, out: &mut dyn Write, columns: &[Column]) -> io::Result<()> {
        self.0.begin(columns);
        let Latex(table) = &*self;
        if let Some(title) = &table.title {
            writeln!(out, "\\begin{{center}}\n{}\n\\end{{center}}\n", latex(title))?;
        }
        let align = |(_, number): &(String, bool)| if *number { "r" } else { "l" };
        let aligned: Vec<&str> = match table.expanded {
            true => vec!["c", "l"],
            false => table.columns.iter().map(align).collect(),
        };
        let shape = match (table.border, table.expanded) {
            (0, _) => aligned.concat(),
            (1, true) => aligned.join("|"),
            (1, false) => aligned.join(" | "),
            (_, true) => format!("|{}|", aligned.join("|")),
            (_, false) => format!("| {} |", aligned.join(" | ")),
        };
        writeln!(out, "\\begin{{tabular}}{{{shape}}}")?;
        if table.expanded {
            return Ok(());
        }
        self.rule(out, 2)?;
        if table.tuples_only {
            return Ok(());
        }
        let name = |(name, _): &(String, bool)| format!("\\textit{{{}}}", latex(name));
        let names: Vec<String> = table.columns.iter().map(name).collect();
        writeln!(out, "{} \\\\\n\\hline", names.join(" & "))
    }

    fn row(&mut self, out: &mut dyn Write, cells: Cells<'_>) -> io::Result<()> {
        self.0.rows += 1;
        let Latex(table) = &*self;
        if !table.expanded {
            let cells: Vec<String> = cells.iter().map(|cell| latex(table.text(*cell))).collect();
            return writeln!(out, "{} \\\\", cells.join(" & "));
        }
        if !table.tuples_only {
            self.rule(out, 2)?;
            let shape = if table.border >= 2 { "|c|" } else { "c" };
            let heading = format!("\\textit{{Record {}}}", table.rows);
            writeln!(out, "\\multicolumn{{2}}{{{shape}}}{{{heading}}} \\\\")?;
        }
        self.rule(out, 1)?;
        for ((name, _), cell) in table.columns.iter().zip(cells) {
            writeln!(out, "{} & {} \\\\", latex(name), latex(table.text(*cell)))?;
        }
        Ok(())
    }

    fn end(&mut self, out: &mut dyn Write, complete: bool) -> io::Result<()> {
        self.rule(out, 2)?;
        writeln!(out, "\\end{{tabular}}\n")?;
        match self.0.footer && complete {
            true => writeln!(out, "\\noindent {} \\\\\n", footer(self.0.rows)),
            false => writeln!(out, "\\noindent "),
        }
    }
}
