//! Small habits that users bring from psql and sqlite3, which no other test needs.

use super::{Server, Terminal, contains, texts};

#[test]
fn control_r_finds_what_was_typed_before() {
    let server = Server::start();
    let mut terminal = Terminal::open(&server);
    contains(&terminal.answer("select 40 + 2 as found_again;"), "          42\n");
    terminal.answer("select 1 as other;");
    terminal.session.send_control('r').expect("typed");
    terminal.press("found_ag");
    terminal.expect("select 40 + 2 as found_again;");
    contains(&terminal.answer(""), "          42\n");
    terminal.session.send_control('d').expect("typed");
    terminal.ends_well();
}

#[test]
fn prompt_asks_the_person_who_types() {
    let server = Server::start();
    let mut terminal = Terminal::open(&server);
    terminal.enter("\\prompt 'Which number? ' n", "Which number? ");
    terminal.answer("41");
    contains(&terminal.answer("select :n + 1 as next;"), "   42\n");
    terminal.session.send_control('d').expect("typed");
    terminal.ends_well();
}

#[test]
fn files_beside_each_other_and_folders() {
    let server = Server::start();
    let folder = tempfile::tempdir().expect("a folder");
    let inside = folder.path().join("inside");
    std::fs::create_dir(&inside).expect("made");
    let path = |name: &str| inside.join(name).to_string_lossy().into_owned();
    std::fs::write(path("a.sql"), "select 1;\n\\ir b.sql\nselect 3;\n").expect("written");
    std::fs::write(path("b.sql"), "select 2;\n").expect("written");
    let (out, err, status) = texts(&server.batch(&["-At", "-f", &path("a.sql")], ""));
    assert_eq!((out.as_str(), status), ("1\n2\n3\n", Some(0)), "{err}");
    let moved = format!("\\cd '{}'\n\\i b.sql\n\\! pwd\n", inside.display());
    let (out, err, status) = texts(&server.batch(&["-At"], &moved));
    assert_eq!(status, Some(0), "{err}");
    contains(&out, "2\n");
    contains(&out, "/inside\n");
}

#[test]
fn dot_commands_and_separators() {
    let server = Server::start();
    let script = "CREATE TABLE aql_dots (id bigint PRIMARY KEY, name text);\n\
                  .tables aql_dots\n.schema aql_dots\nDROP TABLE aql_dots;\n";
    let (out, err, status) = texts(&server.batch(&["-q"], script));
    assert_eq!(status, Some(0), "{err}");
    contains(&out, "List of relations");
    contains(&out, " name ");
    let cells = texts(&server.batch(&["-At", "-F", ";", "-c", "select 1, 2"], "")).0;
    assert_eq!(cells, "1;2\n");
    let csv = texts(&server.batch(&["-t"], ".mode csv\nselect 'a,b', 2;\n")).0;
    contains(&csv, "\"a,b\",2\n");
}
