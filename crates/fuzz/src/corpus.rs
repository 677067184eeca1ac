//! Statements that make sense, to begin with: those of the .slt files, and aql's.

use std::path::Path;
use std::sync::LazyLock;

use arbitrary::{Result, Unstructured};

/// What only aql's users type, one statement a line.
const AQL: &str = include_str!("../corpus/aql.txt");

static STATEMENTS: LazyLock<Vec<String>> = LazyLock::new(read);

/// One of them.
pub(crate) fn statement(u: &mut Unstructured<'_>) -> Result<&'static str> {
    u.choose(&STATEMENTS).map(String::as_str)
}

fn read() -> Vec<String> {
    // Asked when it runs: several checkouts may share what was compiled.
    let here = std::env::var("CARGO_MANIFEST_DIR");
    let here = here.unwrap_or_else(|_| env!("CARGO_MANIFEST_DIR").to_string());
    let folder = Path::new(&here).join("../../slt");
    let files = slt::files(&folder).expect("the folder slt");
    let scripts = files.iter().map(|file| std::fs::read_to_string(file).expect("a readable file"));
    let mut all: Vec<String> = AQL.lines().map(str::to_string).collect();
    scripts.for_each(|script| all.extend(statements(&script)));
    all
}

/// The statements of an .slt file: what stands between `statement` or `query` and the answer.
fn statements(script: &str) -> impl Iterator<Item = String> {
    script.split("\n\n").filter_map(|record| {
        let lines =
            record.lines().skip_while(|l| !l.starts_with("statement") && !l.starts_with("query"));
        let text: Vec<&str> = lines.skip(1).take_while(|line| *line != "----").collect();
        (!text.is_empty()).then(|| text.join("\n"))
    })
}
