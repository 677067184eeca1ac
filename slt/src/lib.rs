//! SQL-visible behaviour as .slt files, and the runner for them.
//!
//! How a file runs:
//!
//! 1. [`files`] lists the .slt files below a folder; a file whose head says `# onlyif LABEL` is left
//!    out unless the [`Target`] has that label ([`applies`]).
//! 2. [`run_file`] gives each record of the file to crate `sqllogictest`, whose engine here is one
//!    connection of tokio-postgres ([`engine`]).
//! 3. The engine sends the statement through the simple or the extended protocol. Simple answers
//!    are the server's text; extended answers come in binary and [`text`] writes them as the server
//!    would have, so one expected result holds for both.
//! 4. Column letters are checked against the types that the server describes: `I` integers, `R`
//!    floats and numeric, `B` bool, `T` the rest; `?` in a file takes any.
//!
//! Always true: NULL shows as `NULL`, the empty string as `(empty)`; a failing record does not end
//! its file, only one without an answer within [`engine::ANSWER_WITHIN`] does. Which server, and
//! how it is started, is left to the test (`tests/all.rs`); the language of the files is in
//! README.md.

pub mod engine;
pub mod node;
pub mod random;
pub mod text;

use std::path::{Path, PathBuf};
use std::{fs, io};

use sqllogictest::{
    AsyncDB, Condition, MakeConnection, Record, Runner, default_normalizer, default_validator,
};

use engine::{Connect, Letter, letters_match};

/// Which of the two ways a statement travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// One Query message, answers in text.
    Simple,
    /// Parse, Describe, Bind, Execute, answers in binary.
    Extended,
}

impl Protocol {
    /// The label that `onlyif` and `skipif` know.
    pub fn label(self) -> &'static str {
        match self {
            Protocol::Simple => "simple",
            Protocol::Extended => "extended",
        }
    }
}

/// Where files run.
#[derive(Debug, Clone)]
pub struct Target {
    /// Port on 127.0.0.1.
    pub port: u16,
    /// Database name, which is the default namespace: `mem` or `test`. A label too.
    pub database: String,
    /// How statements travel. A label too.
    pub protocol: Protocol,
    /// What answers: `aerie` or `postgres`. A label too.
    pub server: String,
    /// Whether the letters of `query` lines are checked; SQLite's files use them otherwise.
    pub letters: bool,
}

impl Target {
    /// What `onlyif` and `skipif` may ask for. `postgresql` is what SQLite's files call a server
    /// that divides integers as PostgreSQL does.
    pub fn labels(&self) -> [&str; 4] {
        [&self.server, &self.database, self.protocol.label(), "postgresql"]
    }
}

/// The .slt files below a folder, sorted.
pub fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else if path.extension().is_some_and(|e| e == "slt") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Whether a file is for this target: each `# onlyif LABEL` among its first comment lines must be
/// one of the target's labels.
pub fn applies(file: &Path, target: &Target) -> io::Result<bool> {
    let script = fs::read_to_string(file)?;
    let head = script.lines().take_while(|line| line.starts_with('#'));
    let mut wanted = head.filter_map(|line| line.strip_prefix("# onlyif ")).map(str::trim);
    Ok(wanted.all(|label| target.labels().contains(&label)))
}

/// What a file gave.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Statements and queries that ran.
    pub ran: usize,
    /// Those that are for another target.
    pub left_out: usize,
    /// What failed, in order, as text for a person.
    pub failures: Vec<String>,
}

impl Outcome {
    fn failed(failure: String) -> Outcome {
        Outcome { failures: vec![failure], ..Outcome::default() }
    }
}

/// Runs a file.
pub async fn run_file(file: &Path, target: &Target) -> Outcome {
    let records = match sqllogictest::parse_file::<Letter>(file) {
        Ok(records) => records,
        Err(error) => return Outcome::failed(error.to_string()),
    };
    if let Err(error) = drop_tables(file, target).await {
        return Outcome::failed(format!("before the file: {error}"));
    }
    let (mut runner, mut outcome) = (runner(target), Outcome::default());
    for record in records {
        if matches!(record, Record::Halt { .. }) {
            break;
        }
        match is_for(&record, target) {
            Some(true) => outcome.ran += 1,
            Some(false) => outcome.left_out += 1,
            None => {}
        }
        let Err(error) = runner.run_async(record).await else { continue };
        outcome.failures.push(error.display(false).to_string());
        if outcome.failures.last().is_some_and(|failure| failure.contains(engine::NO_ANSWER)) {
            break;
        }
    }
    runner.shutdown_async().await;
    outcome
}

/// Statements and queries of a file, whatever they are for.
pub fn records(file: &Path) -> usize {
    let records = sqllogictest::parse_file::<Letter>(file).unwrap_or_default();
    records.iter().filter(|r| matches!(r, Record::Statement { .. } | Record::Query { .. })).count()
}

/// Whether a statement or a query is for this target; `None` of what is neither.
fn is_for(record: &Record<Letter>, target: &Target) -> Option<bool> {
    let (Record::Statement { conditions, .. } | Record::Query { conditions, .. }) = record else {
        return None;
    };
    Some(conditions.iter().all(|condition| match condition {
        Condition::OnlyIf { label } => target.labels().contains(&label.as_str()),
        Condition::SkipIf { label } => !target.labels().contains(&label.as_str()),
    }))
}

/// Drops what the file will create, so that what an earlier run left behind is no matter.
async fn drop_tables(file: &Path, target: &Target) -> Result<(), String> {
    let script = fs::read_to_string(file).map_err(|error| error.to_string())?;
    let mut engine = Connect::new(target).make().await.map_err(|error| error.to_string())?;
    for table in created_tables(&script) {
        let drop = format!("DROP TABLE IF EXISTS {table}");
        engine.run(&drop).await.map_err(|error| format!("{drop}: {error}"))?;
    }
    Ok(())
}

/// Names in the lines that begin with `CREATE TABLE name (`, as they are written. A name with a dot
/// is left out: schemas are not the files' own.
fn created_tables(script: &str) -> impl Iterator<Item = &str> {
    script.lines().filter_map(|line| {
        let rest = line.strip_prefix("CREATE TABLE ")?;
        let rest = rest.strip_prefix("IF NOT EXISTS ").unwrap_or(rest);
        let end = rest.find([' ', '(']).unwrap_or(rest.len());
        Some(&rest[..end]).filter(|name| !name.is_empty() && !name.contains('.'))
    })
}

/// Writes what the server answers into a file, in place of what the file expects. For new files,
/// with PostgreSQL as the server; read the difference before it is committed.
pub async fn update_file(file: &Path, target: &Target) -> Result<(), String> {
    runner(target)
        .update_test_file(file, " ", default_validator, default_normalizer, letters_match)
        .await
        .map_err(|error| error.to_string())?;
    let script = fs::read_to_string(file).map_err(|error| error.to_string())?;
    let lines = script.lines().map(|line| expected_state(line) + "\n");
    fs::write(file, lines.collect::<String>()).map_err(|error| error.to_string())
}

/// `statement error MESSAGE \(SQLSTATE 42P01\)`, which the crate writes, as `statement error (42P01)`.
fn expected_state(line: &str) -> String {
    let state = line.strip_suffix("\\)").and_then(|rest| rest.rsplit_once("\\(SQLSTATE "));
    let record =
        ["statement", "query"].into_iter().find(|r| line.starts_with(&format!("{r} error")));
    match (record, state) {
        (Some(record), Some((_, state))) => format!("{record} error ({state})"),
        _ => line.to_owned(),
    }
}

fn runner(target: &Target) -> Runner<engine::Engine, Connect> {
    let mut runner = Runner::new(Connect::new(target));
    for label in target.labels() {
        runner.add_label(label);
    }
    if target.letters {
        runner.with_column_validator(letters_match);
    }
    runner
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_for_those_that_its_head_names() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.slt");
        fs::write(&file, "# onlyif aerie\n# onlyif mem\n\n# onlyif nobody\n").unwrap();
        let target = |database: &str, server: &str| Target {
            port: 0,
            database: database.into(),
            protocol: Protocol::Simple,
            server: server.into(),
            letters: true,
        };
        assert!(applies(&file, &target("mem", "aerie")).unwrap());
        assert!(!applies(&file, &target("test", "aerie")).unwrap());
        assert!(!applies(&file, &target("mem", "postgres")).unwrap());
        assert_eq!(files(folder.path()).unwrap(), [file]);
    }

    #[test]
    fn records_are_counted_for_their_target() {
        let script = "statement ok\nSELECT 1\n\nonlyif aerie\nstatement ok\nSELECT 2\n\n\
                      skipif postgres\nquery I\nSELECT 3\n----\n3\n\nsleep 1s\n";
        let records = sqllogictest::parse::<Letter>(script).unwrap();
        let count = |server: &str| {
            let target = Target {
                port: 0,
                database: "mem".into(),
                protocol: Protocol::Simple,
                server: server.into(),
                letters: true,
            };
            let of = |wanted| records.iter().filter(|r| is_for(r, &target) == wanted).count();
            (of(Some(true)), of(Some(false)))
        };
        assert_eq!((count("aerie"), count("postgres")), ((3, 0), (1, 2)));
    }

    #[test]
    fn tables_that_a_file_creates() {
        let script = "CREATE TABLE t1(a int8)\nstatement ok\nCREATE TABLE IF NOT EXISTS t2 (a int8)\n\
                      CREATE TABLE nosuch.t (a int8)\nSELECT 'CREATE TABLE x'";
        assert_eq!(created_tables(script).collect::<Vec<_>>(), ["t1", "t2"]);
    }

    #[test]
    fn an_updated_file_expects_states_and_no_words() {
        let line = r"statement error no \(such\) table \(SQLSTATE 42P01\)";
        assert_eq!(expected_state(line), "statement error (42P01)");
        assert_eq!(expected_state("statement error (42P01)"), "statement error (42P01)");
        assert_eq!(expected_state("SELECT 1"), "SELECT 1");
    }
}
