//! The shell as a person and a script meet it: in a pseudo-terminal, and in pipes with exit
//! statuses.
//!
//! Each test starts `aql` on the server that `Server::start` gives. Statements are portable between
//! AerieDB and PostgreSQL, so both can stand there; tables are named after their test and dropped
//! at its end.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};

use rexpect::session::{PtySession, spawn_command};
use slt::node::Node;
use tempfile::TempDir;

/// Long enough for a busy machine; reached only when something is broken.
const PATIENCE_MS: u64 = 30_000;

/// A server to talk to.
struct Server {
    url: String,
    _node: Option<Node>,
}

impl Server {
    /// The one at AQL_TEST_URL, else a node of its own.
    fn start() -> Self {
        if let Ok(url) = std::env::var("AQL_TEST_URL") {
            return Self { url, _node: None };
        }
        let node = Node::start();
        let url = format!("postgres://test@127.0.0.1:{}/test", node.port);
        Self { url, _node: Some(node) }
    }

    /// `aql` with an environment of its own.
    fn aql(&self, home: &TempDir) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_aql"));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("PG")) {
            command.env_remove(name);
        }
        command.env("AQL_HISTORY", history(home)).env("HOME", home.path()).env("TERM", "xterm");
        command.env("NO_COLOR", "1").arg("-d").arg(&self.url);
        command
    }

    /// Runs a batch; `input` goes to standard input.
    fn batch(&self, arguments: &[&str], input: &str) -> Output {
        let home = tempfile::tempdir().expect("a folder");
        let mut command = self.aql(&home);
        command.args(arguments).stdin(Stdio::piped());
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("aql starts");
        let mut stdin = child.stdin.take().expect("a pipe");
        // A batch that ends at its first failure may not read it all.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        child.wait_with_output().expect("aql ends")
    }
}

fn history(home: &TempDir) -> PathBuf {
    home.path().join("history")
}

/// One connection of a server that says it is AerieDB, agrees to every statement, and hangs up at
/// `BYE`.
fn fake_aerie() -> (Server, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("postgres://u@{}/test", listener.local_addr().expect("an address"));
    let (sender, seen) = channel();
    std::thread::spawn(move || {
        let (stream, _) = listener.accept().expect("a client");
        let _ = agree(stream, &sender);
    });
    (Server { url, _node: None }, seen)
}

fn agree(mut stream: TcpStream, seen: &Sender<String>) -> io::Result<()> {
    let message = |stream: &mut TcpStream, kind: Option<u8>| -> io::Result<(u8, Vec<u8>)> {
        let mut head = [kind.unwrap_or(0), 0, 0, 0, 0];
        stream.read_exact(if kind.is_some() { &mut head[1..] } else { &mut head })?;
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
        let mut body = vec![0; length - 4];
        stream.read_exact(&mut body)?;
        Ok((head[0], body))
    };
    message(&mut stream, Some(0))?;
    stream.write_all(&reply(b'R', &[0; 4]))?;
    stream.write_all(&reply(b'S', b"server_version\x0015.0 (AerieDB 0.1.0)\0"))?;
    stream.write_all(&reply(b'Z', b"I"))?;
    while let (b'Q', body) = message(&mut stream, None)? {
        let sql = String::from_utf8_lossy(&body).trim_end_matches('\0').to_string();
        let _ = seen.send(sql.clone());
        if sql == "BYE" {
            return Ok(());
        }
        stream.write_all(&[reply(b'C', b"SET\0"), reply(b'Z', b"I")].concat())?;
    }
    Ok(())
}

fn reply(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).expect("small");
    [&[kind][..], &length.to_be_bytes(), body].concat()
}

/// `aql` in a terminal.
struct Terminal {
    session: PtySession,
    home: TempDir,
}

impl Terminal {
    fn open(server: &Server) -> Self {
        let home = tempfile::tempdir().expect("a folder");
        let session = spawn_command(server.aql(&home), Some(PATIENCE_MS)).expect("aql starts");
        let mut terminal = Self { session, home };
        terminal.expect("for help, \\q to quit");
        terminal.expect("aql> ");
        terminal
    }

    #[track_caller]
    fn expect(&mut self, text: &str) -> String {
        self.session
            .exp_string(text)
            .unwrap_or_else(|error| panic!("waiting for {text:?}: {error}"))
    }

    /// Types a line and gives what is printed until the next prompt.
    #[track_caller]
    fn enter(&mut self, line: &str, next_prompt: &str) -> String {
        self.session.send_line(line).expect("typed");
        // The editor echoes the line and ends it; what comes then is the answer.
        self.expect("\n");
        self.expect(next_prompt).replace('\r', "")
    }

    /// Types a key or a part of a line.
    fn press(&mut self, keys: &str) {
        self.session.send(keys).expect("typed");
        self.session.flush().expect("typed");
    }

    #[track_caller]
    fn answer(&mut self, line: &str) -> String {
        self.enter(line, "aql> ")
    }

    #[track_caller]
    fn ends_well(mut self) -> TempDir {
        self.session.exp_eof().expect("the end");
        let status = format!("{:?}", self.session.process().wait().expect("a status"));
        assert!(status.starts_with("Exited(") && status.ends_with(", 0)"), "{status}");
        self.home
    }
}

#[track_caller]
fn contains(text: &str, part: &str) {
    assert!(text.contains(part), "no {part:?} in:\n{text}");
}

fn texts(output: &Output) -> (String, String, Option<i32>) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr), output.status.code())
}

#[test]
fn a_first_session() {
    let server = Server::start();
    let mut terminal = Terminal::open(&server);
    terminal.answer("\\timing off");
    terminal.answer("CREATE TABLE aql_first (id bigint PRIMARY KEY, name text);");
    contains(
        &terminal.answer("INSERT INTO aql_first (id, name) VALUES (1, 'Ann'), (2, NULL);"),
        "INSERT 0 2",
    );
    let rows = terminal.answer("SELECT id, name FROM aql_first ORDER BY id;");
    contains(&rows, " id | name \n----+------\n  1 | Ann\n  2 | NULL\n(2 rows)\n");
    contains(&terminal.answer("\\dt"), "aql_first");
    contains(&terminal.answer("\\d"), "List of relations");
    let described = terminal.answer("\\d aql_first");
    contains(&described, "aql_first\"");
    contains(&described, " name   | text ");
    contains(&terminal.answer("\\d aql_frist"), "Did you mean \"aql_first\"?");
    contains(&terminal.answer("\\dn"), "List of namespaces");
    contains(&terminal.answer("\\l"), "List of databases");
    contains(&terminal.answer("\\conninfo"), "Connected to database");
    terminal.answer("DROP TABLE aql_first;");
    terminal.session.send_line("\\q").expect("typed");
    terminal.ends_well();
}

#[test]
fn continuation_prompts_show_what_is_open() {
    let server = Server::start();
    let mut terminal = Terminal::open(&server);
    terminal.enter("select", "aql-> ");
    terminal.enter("(", "aql(> ");
    terminal.enter("'a", "aql'> ");
    terminal.enter("b' /*", "aql/*> ");
    terminal.enter("*/ ) as", "aql-> ");
    terminal.enter("\"x", "aql\"> ");
    contains(&terminal.answer("y\";"), "(1 row)");
    terminal.enter("select 'dropped", "aql'> ");
    terminal.session.send_control('c').expect("typed");
    terminal.expect("aql> ");
    contains(&terminal.answer("select 6 * 7 as answer;"), "     42\n(1 row)\n");
    terminal.session.send_control('d').expect("typed");
    terminal.ends_well();
}

#[test]
fn errors_point_at_their_place() {
    let server = Server::start();
    let mut terminal = Terminal::open(&server);
    let answer = terminal.answer("select * from aql_no_such_table;");
    contains(&answer, "ERROR:  42P01: ");
    contains(&answer, "LINE 1: select * from aql_no_such_table\n");
    assert!(answer.lines().any(|line| line.trim() == "^"), "a caret in:\n{answer}");
    contains(&terminal.answer("\\timming"), "did you mean \\timing?");
    contains(&terminal.answer("select 1 as still_here;"), "(1 row)");
    terminal.session.send_control('d').expect("typed");
    terminal.ends_well();
}

#[test]
fn output_changes_as_aql_and_psql_users_ask() {
    let server = Server::start();
    let mut terminal = Terminal::open(&server);
    contains(&terminal.answer("\\x on"), "Expanded display is on.");
    contains(&terminal.answer("select 'a' as one;"), "-[ RECORD 1 ]\none | a\n");
    terminal.answer("\\x off");
    terminal.answer("SET OUTPUT JSON");
    contains(&terminal.answer("GET OUTPUT"), "OUTPUT = JSON");
    contains(
        &terminal.answer("select 'a' as one, null as two;"),
        "{\"one\": \"a\", \"two\": null}",
    );
    terminal.answer("set output raw;");
    contains(&terminal.answer("select 'a' as one;"), " 1. row ");
    terminal.answer("RESET OUTPUT");
    contains(&terminal.answer("SET OUTPUT PRETTY"), "TABLE, JSON, RAW, CSV or MUTE");
    contains(&terminal.answer("\\timing on"), "Timing is on.");
    contains(&terminal.answer("select 1 as one;"), "Time: ");
    contains(&terminal.answer("\\echo a 'b  c'"), "a b  c");
    contains(&terminal.answer("HELP"), "\\conninfo");
    contains(&terminal.answer("\\h insert"), "INSERT INTO");
    contains(&terminal.answer("select 7 as lucky \\g"), "    7\n");
    contains(&terminal.answer("\\watch 0 c=2"), "(every 0s)");
    terminal.session.send_line("EXIT").expect("typed");
    terminal.ends_well();
}

#[test]
fn tab_completes_keywords_and_names() {
    let server = Server::start();
    let mut terminal = Terminal::open(&server);
    terminal.answer("CREATE TABLE aql_completed (id bigint PRIMARY KEY, peculiar text);");
    terminal.press("sel\t");
    terminal.expect("select");
    terminal.press(" pecu\t");
    terminal.expect("peculiar");
    terminal.press(" from aql_compl\t");
    terminal.expect("aql_completed");
    contains(&terminal.answer(";"), "(0 rows)");
    terminal.press("\\conni\t");
    terminal.expect("\\conninfo");
    contains(&terminal.answer(""), "Connected to database");
    terminal.answer("DROP TABLE aql_completed;");
    terminal.session.send_control('d').expect("typed");
    terminal.ends_well();
}

#[test]
fn control_c_cancels_the_running_statement() {
    let server = Server::start();
    let mut terminal = Terminal::open(&server);
    let values: Vec<String> = (0..200).map(|id| format!("({id})")).collect();
    let fill = format!("INSERT INTO aql_cancelled (id) VALUES {};", values.join(", "));
    let setup = server
        .batch(&["-c", "CREATE TABLE aql_cancelled (id bigint PRIMARY KEY);", "-c", &fill], "");
    assert_eq!(setup.status.code(), Some(0), "{setup:?}");
    // 200 to the fifth combinations take longer than anybody waits.
    terminal.answer("\\timing off");
    let endless = "select count(*) from aql_cancelled a, aql_cancelled b, aql_cancelled c, \
                   aql_cancelled d, aql_cancelled e where a.id + b.id + c.id + d.id + e.id = -1;";
    terminal.session.send_line(endless).expect("typed");
    terminal.expect("\n");
    // The line end is printed before the statement is sent; Ctrl-C in between would find nothing to
    // cancel.
    std::thread::sleep(std::time::Duration::from_millis(500));
    terminal.session.send_control('c').expect("typed");
    terminal.expect("Cancel request sent");
    let answer = terminal.expect("aql> ");
    contains(&answer, "ERROR:  57014: ");
    contains(&terminal.answer("select 1 as alive;"), "(1 row)");
    terminal.answer("DROP TABLE aql_cancelled;");
    terminal.session.send_control('d').expect("typed");
    terminal.ends_well();
}

#[test]
fn history_keeps_statements_but_no_secrets() {
    let server = Server::start();
    let mut terminal = Terminal::open(&server);
    terminal.enter("select 1", "aql-> ");
    terminal.answer("as kept;");
    terminal.answer(" select 2 as hidden_by_space;");
    terminal.answer("select 'password' as secret;");
    terminal.answer("select 3 as sent_by_g \\g");
    terminal.session.send_control('d').expect("typed");
    let home = terminal.ends_well();
    let kept = std::fs::read_to_string(history(&home)).expect("a history");
    contains(&kept, "as kept;");
    contains(&kept, "sent_by_g");
    assert!(!kept.contains("hidden") && !kept.contains("secret"), "{kept}");
}

#[test]
fn batches_tell_failure_by_their_status() {
    let server = Server::start();
    let (out, _, status) =
        texts(&server.batch(&["-At", "-c", "select 1", "-c", "select 2; select 3"], ""));
    assert_eq!((out.as_str(), status), ("1\n2\n3\n", Some(0)));
    let (out, err, status) =
        texts(&server.batch(&["-At"], "select 1;\nselect * from aql_missing;\nselect 2;\n"));
    assert_eq!((out.as_str(), status), ("1\n", Some(3)));
    contains(&err, "aql:<stdin>:2: ERROR:  42P01: ");
    let (_, err, status) = texts(&server.batch(&["-f", "/no/such/file.sql"], ""));
    assert_eq!(status, Some(1));
    contains(&err, "/no/such/file.sql");
    assert_eq!(server.batch(&["--no-such-flag"], "").status.code(), Some(1));
    assert_eq!(
        server.batch(&["-h", "127.0.0.1", "-p", "1", "-c", "select 1"], "").status.code(),
        Some(2)
    );
}

#[test]
fn files_run_with_includes_in_order() {
    let server = Server::start();
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let inner = "# aql's scripts end statements with lines\nSELECT 2\nSELECT 3\n";
    std::fs::write(path("inner.aql"), inner).expect("written");
    let outer = format!("select\n 1;\nRUN '{}'\n\\echo four\nselect 5", path("inner.aql"));
    std::fs::write(path("outer.sql"), outer).expect("written");
    let (out, err, status) = texts(&server.batch(&["-At", "-f", &path("outer.sql")], ""));
    assert_eq!((out.as_str(), status), ("1\n2\n3\nfour\n5\n", Some(0)), "{err}");
    std::fs::write(path("loop.sql"), format!("\\i {}\n", path("loop.sql"))).expect("written");
    let (_, err, status) = texts(&server.batch(&["-f", &path("loop.sql")], ""));
    assert_eq!(status, Some(3));
    contains(&err, "include each other too deep");
}

#[test]
fn formats_for_programs() {
    let server = Server::start();
    let query = "select 'a,b' as one, null as two";
    let output = |format| texts(&server.batch(&[format, "-c", query], "")).0;
    assert_eq!(output("--csv"), "one,two\n\"a,b\",\n");
    assert_eq!(output("--json"), "[\n  {\"one\": \"a,b\", \"two\": null}\n]\n");
    assert_eq!(output("-A"), "one|two\na,b|\n(1 row)\n");
}

#[test]
fn a_reader_that_leaves_is_no_failure() {
    let server = Server::start();
    let values: Vec<String> = (0..1000).map(|id| format!("({id})")).collect();
    let fill = format!("INSERT INTO aql_piped (id) VALUES {};", values.join(", "));
    let create = "CREATE TABLE aql_piped (id bigint PRIMARY KEY);";
    assert_eq!(server.batch(&["-c", create, "-c", &fill], "").status.code(), Some(0));
    let home = tempfile::tempdir().expect("a folder");
    let mut command = server.aql(&home);
    command.args(["-c", "select a.id from aql_piped a, aql_piped b"]);
    let mut child =
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("aql starts");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
    let mut complaints = String::new();
    child.stderr.take().expect("a pipe").read_to_string(&mut complaints).expect("read");
    assert_eq!(child.wait().expect("a status").code(), Some(0), "{complaints}");
    assert_eq!(complaints, "");
    server.batch(&["-c", "DROP TABLE aql_piped;"], "");
}

#[test]
fn inserts_are_upserts_on_aerie_only_and_unless_told() {
    let (server, seen) = fake_aerie();
    assert_eq!(server.batch(&["-c", "SELECT 1"], "").status.code(), Some(0));
    let statements: Vec<String> = seen.iter().collect();
    assert_eq!(statements, ["SET record_exists_action = 'update'", "SELECT 1"]);
    let (server, seen) = fake_aerie();
    server.batch(&["--postgres-insert", "-c", "SHOW SETS"], "");
    assert_eq!(seen.iter().collect::<Vec<_>>(), ["SHOW SETS"]);
}

#[test]
fn a_lost_connection_has_its_own_status() {
    let (server, seen) = fake_aerie();
    let (_, err, status) = texts(&server.batch(&["-c", "BYE", "-c", "SELECT 1"], ""));
    assert_eq!(status, Some(2), "{err}");
    contains(&err, " lost: ");
    assert_eq!(seen.iter().last().as_deref(), Some("BYE"));
}
