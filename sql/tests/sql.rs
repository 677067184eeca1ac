//! Golden scripts: `testdata/sql/*.txt`, and random text that must not panic.
//!
//! A script is blocks of a statement, a line of dashes, and what it becomes; blank lines between
//! them. `AERIE_BLESS=1` writes what statements become now into the scripts.

use std::fmt::Write;
use std::sync::Arc;

use model::{Catalog, Column, ColumnType, NamespaceCatalog, Table};
use sql::expr::Row;
use sql::plan::{InsertSource, OnConflict, Output, Plan, Session, Target};
use sql::{Parsed, Scope, SqlError, SqlResult};

fn column(name: &str, column_type: ColumnType) -> Column {
    Column { name: name.into(), column_type, not_null: false, default: None }
}

fn table(
    namespace: &str,
    name: &str,
    key: &[Column],
    columns: &[Column],
    declared: bool,
) -> Arc<Table> {
    Arc::new(Table {
        namespace: namespace.into(),
        name: name.into(),
        key: key.to_vec(),
        columns: columns.to_vec(),
        declared,
        ttl_s: None,
        oid: 16_400,
    })
}

/// Two namespaces. `demo` is a schemaless set; the others are declared.
fn catalog() -> Catalog {
    use ColumnType::*;
    let price = Column {
        default: Some("9.5".into()),
        ..column("price", Numeric { precision: 8, scale: 2 })
    };
    let test = [
        table(
            "test",
            "demo",
            &[column("PK", Text)],
            &[
                column("userName", Text),
                column("age", Int8),
                column("mixed", Jsonb),
                column("tags", Jsonb),
            ],
            false,
        ),
        table(
            "test",
            "airports",
            &[column("iata", Varchar(Some(3)))],
            &[
                column("name", Text),
                column("city", Text),
                column("latitude", Float8),
                column("opened", Date),
                column("updated", Timestamptz),
                column("open", Bool),
                column("runways", Int4),
            ],
            true,
        ),
        table(
            "test",
            "orders",
            &[column("customer", Text), column("number", Int8)],
            &[column("items", TextArray), price, column("data", Jsonb)],
            true,
        ),
        table("test", "log", &[], &[column("line", Text)], true),
        table("test", "devices", &[column("id", Uuid)], &[column("Label", Text)], true),
    ];
    let mem = [table("mem", "cache", &[column("PK", Int8)], &[column("v", Bytea)], false)];
    let of = |tables: &[Arc<Table>]| NamespaceCatalog {
        tables: tables.iter().map(|t| (t.name.clone(), t.clone())).collect(),
    };
    Catalog {
        version: 7,
        namespaces: [("test".to_string(), of(&test)), ("mem".to_string(), of(&mem))].into(),
        ..Catalog::default()
    }
}

fn plan(parsed: &Parsed, catalog: &Catalog) -> SqlResult<sql::plan::Planned> {
    let scope = Scope { catalog, namespace: "test", insert: OnConflict::Error, params: &[] };
    sql::plan(parsed, &scope)
}

fn becomes(text: &str, catalog: &Catalog) -> String {
    let mut out = String::new();
    let parsed = match sql::parse(text) {
        Ok(parsed) => parsed,
        Err(error) => return shown_error(&error),
    };
    for one in &parsed {
        match plan(one, catalog) {
            Err(error) => out.push_str(&shown_error(&error)),
            Ok(planned) => {
                let mut plan = &planned.plan;
                while let Plan::Explain { plan: inner, .. } = plan {
                    let _ = writeln!(out, "Explain");
                    plan = inner;
                }
                shown_plan(plan, &mut out);
                if !planned.params.is_empty() {
                    let types: Vec<String> = planned
                        .params
                        .iter()
                        .map(|t| t.map_or("?".into(), |t| t.to_string()))
                        .collect();
                    let _ = writeln!(out, "  Parameters: {}", types.join(", "));
                }
            }
        }
    }
    out
}

fn shown_error(error: &SqlError) -> String {
    let mut out = format!("{}: {}", error.sqlstate, error.message);
    if let Some(position) = error.position {
        let _ = write!(out, " @{position}");
    }
    out.push('\n');
    if let Some(detail) = &error.detail {
        let _ = writeln!(out, "  detail: {detail}");
    }
    if let Some(hint) = &error.hint {
        let _ = writeln!(out, "  hint: {hint}");
    }
    out
}

fn shown_output(output: &[Output], out: &mut String) {
    for o in output {
        // Nothing comes of it without a record, but nothing may break either.
        let _ = o.expr.eval(&Row::default());
        let _ = writeln!(out, "  {} {}: {}", o.name, o.expr.column_type(), o.expr);
    }
}

fn shown_plan(plan: &Plan, out: &mut String) {
    for line in sql::explain_lines(plan, &[], None) {
        let _ = writeln!(out, "{line}");
    }
    match plan {
        Plan::Query(query) => {
            let _ = writeln!(out, "Query {query}");
        }
        Plan::Values(output) => shown_output(output, out),
        Plan::PointGet(get) | Plan::BatchGet(get) => {
            let _ = writeln!(
                out,
                "  Bins: {}{}",
                get.bins.join(", "),
                if get.all_bins { " (all)" } else { "" }
            );
            shown_output(&get.output, out);
        }
        Plan::Insert(insert) => {
            let columns: Vec<String> =
                insert.columns.iter().map(|c| format!("{} {}", c.name, c.column_type)).collect();
            let _ = writeln!(out, "  Columns: {}", columns.join(", "));
            match &insert.source {
                InsertSource::Values(rows) => {
                    for row in rows {
                        let row: Vec<String> = row.iter().map(ToString::to_string).collect();
                        let _ = writeln!(out, "  Row: {}", row.join(", "));
                    }
                }
                InsertSource::Query { query, defaults, .. } => {
                    let _ = writeln!(out, "  Query {query}; {} defaults", defaults.len());
                }
                InsertSource::Copied { defaults } => {
                    let _ = writeln!(out, "  Copied; {} defaults", defaults.len());
                }
            }
            insert.ttl.iter().for_each(|ttl| out.push_str(&format!("  Ttl: {ttl}\n")));
            shown_output(&insert.returning, out);
        }
        Plan::Update(update) => {
            if let Target::Query(query) = &update.target {
                let _ = writeln!(out, "  Query {query}");
            }
            update.ttl.iter().for_each(|ttl| out.push_str(&format!("  Ttl: {ttl}\n")));
            shown_output(&update.returning, out);
        }
        Plan::Delete(delete) => {
            if let Target::Query(query) = &delete.target {
                let _ = writeln!(out, "  Query {query}");
            }
            shown_output(&delete.returning, out);
        }
        Plan::CreateTable { table, if_not_exists, .. } => {
            let shown = |c: &Column| {
                format!(
                    "{} {}{}{}",
                    c.name,
                    c.column_type,
                    if c.not_null { " not null" } else { "" },
                    c.default.as_ref().map_or(String::new(), |d| format!(" default {d}"))
                )
            };
            let key: Vec<String> = table.key.iter().map(shown).collect();
            let columns: Vec<String> = table.columns.iter().map(shown).collect();
            let _ = writeln!(
                out,
                "CreateTable {}.{} key ({}) columns ({}) ttl {:?} if not exists {if_not_exists}",
                table.namespace,
                table.name,
                key.join(", "),
                columns.join(", "),
                table.ttl_s
            );
        }
        Plan::DropTable { tables, .. } => {
            let names: Vec<&str> = tables.iter().map(|t| t.name.as_str()).collect();
            let _ = writeln!(out, "DropTable {}", names.join(", "));
        }
        Plan::CopyIn { insert, options } => {
            let columns: Vec<String> =
                insert.columns.iter().map(|c| format!("{} {}", c.name, c.column_type)).collect();
            let _ = writeln!(out, "CopyIn {} ({})", insert.table.name, columns.join(", "));
            let _ = writeln!(out, "  {options:?}");
        }
        Plan::CopyOut { plan, options } => {
            let _ = writeln!(out, "CopyOut {options:?}");
            shown_plan(plan, out);
        }
        Plan::AlterTable { table, changes } => {
            let name = table.as_ref().map_or("nothing", |table| &table.name);
            let _ = writeln!(out, "AlterTable {name}");
            changes.iter().for_each(|change| out.push_str(&format!("  {change:?}\n")));
        }
        Plan::Truncate { before_lut_ms: Some(lut), .. } => {
            let _ = writeln!(out, "  Upto: {lut} ms");
        }
        Plan::Session(Session::Declare { query, .. }) => {
            let _ = writeln!(out, "Declare {query}");
        }
        Plan::Session(session) => {
            let _ = writeln!(out, "{session:?}");
        }
        Plan::ShowNamespaces | Plan::ShowSets(_) | Plan::ShowBins { .. } => {
            let _ = writeln!(out, "{plan:?}");
        }
        Plan::CreateNamespace { .. } | Plan::DropNamespace { .. } | Plan::AlterNamespace { .. } => {
            let _ = writeln!(out, "{plan:?}");
        }
        Plan::SetConfig { .. } | Plan::ShowConfig { .. } => {
            let _ = writeln!(out, "{plan:?}");
        }
        Plan::ShowStats(_) | Plan::ShowLatencies(_) => {
            let _ = writeln!(out, "{plan:?}");
        }
        _ => {}
    }
}

/// One block: its statement and what stands below the dashes.
fn blocks(script: &str) -> Vec<(String, String)> {
    let mut blocks = Vec::new();
    for block in script.split("\n\n").map(str::trim).filter(|b| !b.is_empty()) {
        let (statement, expected) = block.split_once("\n----").unwrap_or((block, ""));
        blocks.push((statement.to_string(), expected.trim_start_matches(['-', '\n']).to_string()));
    }
    blocks
}

/// Asked when it runs: several checkouts may share what was compiled.
fn crate_folder() -> std::path::PathBuf {
    let now = std::env::var_os("CARGO_MANIFEST_DIR");
    now.map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), Into::into)
}

#[test]
fn golden_scripts() {
    let folder = crate_folder().join("../testdata/sql");
    let catalog = catalog();
    let mut scripts: Vec<_> = std::fs::read_dir(&folder)
        .expect("testdata/sql")
        .map(|e| e.expect("entry").path())
        .filter(|p| p.extension().is_some_and(|e| e == "txt"))
        .collect();
    scripts.sort();
    assert!(!scripts.is_empty());
    let mut wrong = String::new();
    for path in scripts {
        let script = std::fs::read_to_string(&path).expect("script");
        let mut now = String::new();
        for (statement, expected) in blocks(&script) {
            let actual = becomes(&strip_comments(&statement), &catalog);
            if actual.trim_end() != expected.trim_end() {
                let _ = writeln!(
                    wrong,
                    "{}: {statement}\n--expected\n{expected}\n--actual\n{actual}",
                    path.display()
                );
            }
            let _ = write!(now, "{statement}\n----\n{actual}\n");
        }
        if std::env::var_os("AERIE_BLESS").is_some() {
            std::fs::write(&path, now.trim_end().to_string() + "\n").expect("writable");
        }
    }
    assert!(std::env::var_os("AERIE_BLESS").is_some() || wrong.is_empty(), "{wrong}");
}

/// Lines that begin with # are for readers.
fn strip_comments(text: &str) -> String {
    text.lines().filter(|l| !l.starts_with('#')).collect::<Vec<_>>().join("\n")
}

/// A small generator, so that a failure comes back with its seed.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n
    }
}

fn statements() -> Vec<String> {
    let folder = crate_folder().join("../testdata/sql");
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).expect("testdata/sql") {
        let script = std::fs::read_to_string(entry.expect("entry").path()).expect("script");
        all.extend(blocks(&script).into_iter().map(|(statement, _)| strip_comments(&statement)));
    }
    all
}

#[test]
fn random_text_never_panics() {
    let catalog = catalog();
    let statements = statements();
    let soup: Vec<&str> = "SELECT FROM WHERE AND OR NOT IN ANY ( ( ) ) , , . ; * + - / % = < > <> || -> ->> :: \
        ' \" $1 $2 $99999 $0 1 1.5 1e400 0x1F 'a' 'x' \"y\" PK DIGEST GEN demo test.demo airports orders age \
        mixed NULL TRUE CASE WHEN THEN ELSE END CAST AS int4 numeric date '2024-01-01' ARRAY [ ] INSERT INTO \
        VALUES UPSERT UPDATE SET DELETE RETURNING ON CONFLICT DO NOTHING WITH ttl LIMIT OFFSET ORDER BY GROUP \
        LIKE BETWEEN IS DISTINCT UNION EXPLAIN CREATE TABLE PRIMARY KEY DEFAULT excluded interval é \u{1F600} \
        FETCH DECLARE PREPARE EXECUTE SHOW BINS TRUNCATE UPTO OPERATE LIST_APPEND(b, MAP_PUT(b, \
        WITH_POLICY LIST MAPKEYS WITHIN CONTAINS GEOJSON('{}') AGGREGATE a.b( REGISTER MODULE STAT \
        GRANT -- /* */ E'\\' \\ \n \t { } : @ # ~ ! ? & |"
        .split(' ').collect();
    for seed in 0..4000 {
        let mut random = Random(seed * 7919 + 1);
        let text = match seed % 3 {
            // A statement cut anywhere.
            0 => {
                let statement = &statements[random.below(statements.len())];
                let cut = random.below(statement.chars().count() + 1);
                statement.chars().take(cut).collect()
            }
            // A statement with words changed.
            1 => {
                let statement = &statements[random.below(statements.len())];
                let mut words: Vec<&str> = statement.split(' ').collect();
                for _ in 0..=random.below(3) {
                    let at = random.below(words.len());
                    words[at] = soup[random.below(soup.len())];
                }
                words.join(" ")
            }
            _ => {
                let length = 1 + random.below(30);
                let words: Vec<&str> =
                    (0..length).map(|_| soup[random.below(soup.len())]).collect();
                words.join(if random.below(8) == 0 { "" } else { " " })
            }
        };
        let run = std::panic::catch_unwind(|| drop(becomes(&text, &catalog)));
        assert!(run.is_ok(), "seed {seed}: {text}");
    }
}

/// Whatever text comes for a type, it is read or refused, and what was read can be printed and
/// read again.
#[test]
fn random_values_never_panic() {
    use ColumnType::*;
    let numeric = Numeric { precision: 10, scale: 3 };
    let types = [
        Int2,
        Int4,
        Int8,
        Float4,
        Float8,
        Text,
        Varchar(Some(5)),
        Bytea,
        Bool,
        Jsonb,
        Timestamptz,
        Timestamp,
        Date,
        numeric,
        Numeric { precision: 0, scale: 0 },
        Uuid,
        GeoJson,
        Hll,
        Int8Array,
        Float8Array,
        TextArray,
        BoolArray,
    ];
    let parts = [
        "0",
        "1",
        "9",
        "12",
        "2024",
        "-",
        "+",
        ".",
        ":",
        " ",
        "T",
        "Z",
        "e",
        "E",
        "{",
        "}",
        ",",
        "\"",
        "\\",
        "\\x",
        "ab",
        "NaN",
        "inf",
        "t",
        "null",
        "[",
        "]",
        "é",
        "\u{1F600}",
        "/",
        "BC",
        "utc",
        "-02-29",
        "12:30",
        "99999999999999999999",
    ];
    for seed in 0..6000 {
        let mut random = Random(seed * 104_729 + 3);
        let t = types[random.below(types.len())];
        let length = random.below(8);
        let text: String = (0..length).map(|_| parts[random.below(parts.len())]).collect();
        let Ok(value) = sql::types::parse_text(t, &text) else { continue };
        let mut printed = String::new();
        sql::types::format_text(t, &value, &mut printed);
        let again = sql::types::parse_text(t, &printed);
        assert_eq!(again.as_ref(), Ok(&value), "seed {seed}: {t} {text:?} printed {printed:?}");
        for other in types {
            let _ = sql::types::coerce(other, value.clone());
        }
    }
}

/// sqlparser tries a word as a special form and as a name: with a mistake inside, forty levels of
/// that would be 2^40 attempts.
#[test]
fn mistakes_deep_inside_are_found_soon() {
    let catalog = catalog();
    let forms = [
        ("CASE WHEN true THEN ", " END"),
        ("CAST(", " AS int)"),
        ("NOT (", ")"),
        ("ARRAY[", "]"),
        ("extract(year FROM ", ")"),
        ("position('a' IN ", ")"),
    ];
    for (open, close) in forms {
        let text = format!("SELECT {}1 1{}", open.repeat(40), close.repeat(40));
        let result = becomes(&text, &catalog);
        let ends = ["42601", "54001"].iter().any(|state| result.starts_with(state));
        assert!(ends, "{open}: {result}");
    }
}

/// What is too deep is an error, not the end of the process.
#[test]
fn depth_is_bounded() {
    let catalog = catalog();
    let deep = [
        format!("SELECT {}1{}", "(".repeat(5000), ")".repeat(5000)),
        format!("SELECT {}1", "- ".repeat(5000)),
        format!("SELECT {}true", "NOT ".repeat(5000)),
        format!("SELECT 1{}", " + 1".repeat(5000)),
        format!("SELECT 1{}", "::int".repeat(5000)),
        format!("SELECT * FROM demo WHERE age = 1{}", " BETWEEN 1 AND 2".repeat(2000)),
        format!("SELECT * FROM demo WHERE age = 1{}", " OR age = 1".repeat(20_000)),
        format!("SELECT 1{}", " UNION SELECT 1, 2".repeat(5000)),
        format!("SELECT {}1{}", "CASE WHEN true THEN ".repeat(2000), " END".repeat(2000)),
        format!("SELECT '{{'::jsonb{}", " -> 'a'".repeat(5000)),
        format!("{}SELECT 1", "EXPLAIN ".repeat(5000)),
        format!("SELECT {}1{}", "(SELECT ".repeat(1000), ")".repeat(1000)),
        format!("SELECT {}1{}", "[".repeat(5000), "]".repeat(5000)),
        format!("SELECT {}", "a.".repeat(50_000)),
        format!("SELECT 1{}", " IS NULL".repeat(5000)),
        format!("SELECT 1{}", " COLLATE x".repeat(5000)),
        format!("SELECT * FROM demo{}", " JOIN demo USING (PK)".repeat(5000)),
    ];
    for text in &deep {
        let result = becomes(text, &catalog);
        assert!(
            result.starts_with("54001")
                || result.starts_with("42")
                || result.contains("nests deeper"),
            "{}: {result}",
            &text[..60]
        );
    }
    // Within the limits all goes well, on the small stack of a test's thread.
    let fine = [
        format!("SELECT {}1{}", "(".repeat(60), ")".repeat(60)),
        format!("SELECT {}1{}", "(1 + ".repeat(48), ")".repeat(48)),
        format!("SELECT {}1{}", "CASE WHEN true THEN ".repeat(60), " END".repeat(60)),
        format!("SELECT * FROM {}demo{}", "(SELECT * FROM ".repeat(48), ") AS q".repeat(48)),
        format!("SELECT CASE 1 {} END", "WHEN 2 THEN 3".repeat(500)),
        format!("SELECT * FROM demo WHERE PK = 'a' AND (age = 1{})", " OR age = 1".repeat(4000)),
        format!("SELECT 1{}", " + 1".repeat(98)),
        format!(
            "DELETE FROM demo WHERE age = 0{}",
            " OR age = (SELECT max(age) FROM demo)".repeat(300)
        ),
    ];
    for text in &fine {
        let result = becomes(text, &catalog);
        assert!(!result.starts_with('5') && !result.starts_with('4'), "{}: {result}", &text[..60]);
    }
}
