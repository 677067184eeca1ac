//! What people read: the report of `aerie config check`, the sample file, the reference page.

use std::fmt::{self, Write as _};
use std::path::Path;

use super::table::{self, Kind, Setting, Status, Verdict};
use super::{Config, ConfigError, Finding, HostPort, examine, read, rows};

/// What `aerie config check` prints, and whether the node would start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// One line for each parameter in the order of the file, then a summary.
    pub text: String,
    /// Whether the node would start from this file: exit status 0 or 1.
    pub starts: bool,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Examines a file. A file that cannot be read is a report too.
pub fn check(path: &Path) -> Report {
    match read(path) {
        Ok(text) => check_text(&text, &path.display().to_string()),
        Err(error) => broken(&error),
    }
}

/// Examines a text; `origin` names it in the summary.
pub fn check_text(text: &str, origin: &str) -> Report {
    match examine(text, origin) {
        Ok((config, findings)) => examined(&config, &findings, origin),
        Err(error) => broken(&error),
    }
}

fn broken(error: &ConfigError) -> Report {
    Report { text: format!("{error}\n"), starts: false }
}

fn examined(config: &Config, findings: &[Finding], origin: &str) -> Report {
    let left: Vec<String> = findings.iter().map(Finding::assignment).collect();
    // Wide enough for nearly all; a long path pushes its own verdict out, not everybody's.
    let width = left.iter().map(|l| l.chars().count()).max().unwrap_or(0).min(64);
    let mut text = String::new();
    for (finding, left) in findings.iter().zip(left) {
        let (line, said) = (finding.line, finding.verdict.to_string());
        let _ = writeln!(text, "{line:>4}  {left:<width$}  {said}");
    }
    let stops = findings.iter().filter(|f| f.stops()).count();
    let open = config.postgres.iter().any(HostPort::is_open);
    let _ = writeln!(text, "{origin}: {}", summary(findings));
    let _ = match (stops, open) {
        (0, false) => writeln!(text, "The node would start from it."),
        (0, true) => writeln!(text, "The node would start from it with --insecure."),
        (1, _) => writeln!(text, "The node would not start: correct 1 line."),
        (n, _) => writeln!(text, "The node would not start: correct {n} lines."),
    };
    Report { text, starts: stops == 0 }
}

/// How many of each verdict.
fn summary(findings: &[Finding]) -> String {
    let mut counts = [0; 5];
    for finding in findings {
        counts[match finding.verdict {
            Verdict::Honoured => 0,
            Verdict::Translated(_) => 1,
            Verdict::Ignored(_) => 2,
            Verdict::Unknown(_) => 3,
            Verdict::Wrong(_) => 4,
        }] += 1;
    }
    let [honoured, translated, ignored, unknown, wrong] = counts;
    format!(
        "{honoured} honoured, {translated} translated, {ignored} ignored, {unknown} unknown, \
         {wrong} wrong"
    )
}

impl Finding {
    /// `path = value`, with what could upset a terminal escaped.
    fn assignment(&self) -> String {
        let equals = if self.value.is_empty() { "" } else { " = " };
        printable(&format!("{}{equals}{}", self.path, self.value))
    }

    /// What is wrong with it in one sentence.
    pub(super) fn sentence(&self) -> String {
        let path = printable(&self.path);
        match &self.verdict {
            Verdict::Wrong(why) => format!("{path}: {}", printable(why)),
            other => format!("{path}: {other}"),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Honoured => f.write_str("honoured"),
            Verdict::Translated(to) => write!(f, "translated: {to}"),
            Verdict::Ignored(why) => write!(f, "ignored: {why}"),
            Verdict::Unknown(Some(near)) => write!(f, "unknown: did you mean `{near}`?"),
            Verdict::Unknown(None) => f.write_str("unknown: no parameter has such a name"),
            Verdict::Wrong(why) => write!(f, "wrong: {}", printable(why)),
        }
    }
}

fn printable(text: &str) -> String {
    let shown = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.into() };
    text.chars().map(shown).collect()
}

/// A configuration file that the node starts from, with every setting it honours or translates.
/// Those that this example leaves alone stand as comments, with their defaults.
pub fn sample() -> String {
    let mut out = String::from(
        "# AerieDB, a sample configuration. Start with: aerie --config FILE\n\
         # Sizes take K, M, G, T, P; times take s, m, h, d. A setting shown as a comment has the\n\
         # value that holds without it.\n\n",
    );
    for (context, head) in SAMPLE {
        stanza(&mut out, context, head, 0);
        out.push('\n');
    }
    out.push_str(SAMPLE_MEMORY);
    out
}

/// The stanzas of the sample: context of the table, opening words.
const SAMPLE: &[(&str, &str)] = &[
    ("service", "service"),
    ("logging", "logging"),
    ("network", "network"),
    ("namespace", "namespace test"),
];

const SAMPLE_MEMORY: &str = "namespace mem {
    storage-engine memory {
        data-size 4G
    }
}
";

fn stanza(out: &mut String, context: &str, head: &str, depth: usize) {
    let indent = "    ".repeat(depth);
    let _ = writeln!(out, "{indent}{head} {{");
    for row in table::rows_of(context).filter(|r| is_shown(r)) {
        let inner = format!("{context}.{}", row.name);
        match (row.kind, row.name) {
            (Kind::Block, name) => stanza(out, &inner, name, depth + 1),
            (_, "storage-engine") => {
                let _ = writeln!(out, "{indent}    # {}", row.help);
                stanza(out, &inner, "storage-engine device", depth + 1);
            }
            _ => parameter(out, row, depth + 1),
        }
    }
    let _ = writeln!(out, "{indent}}}");
}

/// What the sample has: settings with an effect. `data-size` stands in the other namespace.
fn is_shown(row: &Setting) -> bool {
    row.works() && !matches!(row.kind, Kind::Named(_)) && row.name != "data-size"
}

fn parameter(out: &mut String, row: &Setting, depth: usize) {
    let indent = "    ".repeat(depth);
    let said = match (row.context, row.name) {
        ("logging.console", "context") => "any info",
        ("network.postgres" | "network.service", "address") => "127.0.0.1",
        ("namespace.storage-engine", "file") => "test.dat",
        // Nothing to show without a value.
        _ if row.default.is_empty() => return,
        _ => "",
    };
    let _ = writeln!(out, "{indent}# {}", row.help);
    let _ = match said {
        "" => writeln!(out, "{indent}# {} {}", row.name, row.default),
        value => writeln!(out, "{indent}{} {value}", row.name),
    };
}

/// The reference page, as Markdown: one table for each context, then what is ignored by reason.
pub fn reference() -> String {
    let mut out = String::from("# Configuration parameters\n");
    let mut contexts: Vec<&str> = Vec::new();
    for row in table::settings().iter().filter(|r| !is_listed(r) && is_parameter(r)) {
        if !contexts.contains(&row.context) {
            contexts.push(row.context);
        }
    }
    for context in contexts {
        let _ = writeln!(out, "\n## {context}\n");
        out.push_str("| name | value | default | scope | change | status | meaning |\n");
        out.push_str("|---|---|---|---|---|---|---|\n");
        let rows = table::rows_of(context).filter(|r| !is_listed(r) && is_parameter(r));
        rows.for_each(|row| reference_row(&mut out, row));
    }
    out.push_str("\n## Accepted without effect\n\n| context | names | why |\n|---|---|---|\n");
    for group in rows::IGNORED {
        let names = group.names.split_whitespace().map(|n| format!("`{n}`"));
        let names = names.collect::<Vec<_>>().join(" ");
        let _ = writeln!(out, "| {} | {names} | {} |", group.context, group.why);
    }
    out
}

fn reference_row(out: &mut String, row: &Setting) {
    let default = if row.default.is_empty() { "–" } else { row.default };
    let change = if row.dynamic { "dynamic" } else { "restart" };
    let (name, kind, scope) = (row.name, row.kind.describe(), row.scope());
    let status = match row.status {
        Status::Honoured => "honoured".to_owned(),
        Status::Translated(to) => format!("translated: {to}"),
        Status::Ignored(why) => format!("ignored: {why}"),
        Status::Refused(why) => format!("refused: {why}"),
    };
    let help = row.help;
    let _ =
        writeln!(out, "| `{name}` | {kind} | {default} | {scope} | {change} | {status} | {help} |");
}

/// Whether the row only stands in a list of what is ignored.
fn is_listed(row: &Setting) -> bool {
    row.help.is_empty()
}

fn is_parameter(row: &Setting) -> bool {
    !matches!(row.kind, Kind::Block | Kind::Named(_))
}
