//! The shell as a person and a script meet it: in a pseudo-terminal, and in pipes with exit
//! statuses.
//!
//! Each test starts `aql` on the server that `Server::start` gives. Statements are portable between
//! AerieDB and PostgreSQL, so both can stand there; tables are named after their test and dropped
//! at its end.

mod aql;
mod habits;

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
        for name in ["AQLRC", "AQL_PAGER", "PAGER", "AQL_EDITOR", "EDITOR", "VISUAL"] {
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

/// The next message of a client; the first one has no kind of its own.
fn message(stream: &mut TcpStream, kind: Option<u8>) -> io::Result<(u8, Vec<u8>)> {
    let mut head = [kind.unwrap_or(0), 0, 0, 0, 0];
    stream.read_exact(if kind.is_some() { &mut head[1..] } else { &mut head })?;
    let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
    let mut body = vec![0; length - 4];
    stream.read_exact(&mut body)?;
    Ok((head[0], body))
}

fn agree(mut stream: TcpStream, seen: &Sender<String>) -> io::Result<()> {
    message(&mut stream, Some(0))?;
    stream.write_all(&reply(b'R', &[0; 4]))?;
    stream.write_all(&reply(b'S', b"server_version\x0015.0 (AerieDB 0.1.0)\0"))?;
    stream.write_all(&reply(b'Z', b"I"))?;
    while let (b'Q', body) = message(&mut stream, None)? {
        let text = |body: &[u8]| String::from_utf8_lossy(body).trim_end_matches('\0').to_string();
        let sql = text(&body);
        let _ = seen.send(sql.clone());
        let answer = match sql.as_str() {
            "BYE" => return Ok(()),
            sql if sql.starts_with("COPY refused") => {
                reply(b'E', b"SERROR\0C0A000\0MCOPY is not supported\0\0")
            }
            sql if sql.contains("TO STDOUT") => [
                reply(b'H', &[0, 0, 0]),
                reply(b'd', b"1\ta\n"),
                reply(b'd', b"2\tb\n"),
                reply(b'c', b""),
                reply(b'C', b"COPY 2\0"),
            ]
            .concat(),
            sql if sql.contains("FROM STDIN") => {
                stream.write_all(&reply(b'G', &[0, 0, 0]))?;
                let mut rows = String::new();
                let end = loop {
                    let (kind, body) = message(&mut stream, None)?;
                    if kind != b'd' {
                        break (kind, text(&body));
                    }
                    rows += &text(&body);
                };
                let _ = seen.send(rows);
                match end {
                    (b'c', _) => reply(b'C', b"COPY 2\0"),
                    (_, why) => {
                        let error = format!("SERROR\0C57014\0MCOPY failed: {why}\0\0");
                        reply(b'E', error.as_bytes())
                    }
                }
            }
            _ => reply(b'C', b"SET\0"),
        };
        stream.write_all(&[answer, reply(b'Z', b"I")].concat())?;
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
        Self::open_with(server, &[], "")
    }

    /// With more environment, and a start-up file.
    fn open_with(server: &Server, environment: &[(&str, &str)], start: &str) -> Self {
        let home = tempfile::tempdir().expect("a folder");
        std::fs::write(home.path().join(".aqlrc"), start).expect("written");
        let mut command = server.aql(&home);
        command.envs(environment.iter().copied());
        let session = spawn_command(command, Some(PATIENCE_MS)).expect("aql starts");
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
    contains(&terminal.answer("SET OUTPUT PRETTY"), "OUTPUT is TABLE, BOX, JSON");
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

/// What takes long says how far it is, on a line that goes away.
#[test]
fn long_statements_tell_how_far_they_are() {
    let server = Server::start();
    let mut terminal = Terminal::open(&server);
    terminal.answer("CREATE TABLE aql_slow (id bigint PRIMARY KEY);");
    let mut shows = |line: &str, progress: &str| {
        terminal.session.send_line(line).expect("typed");
        let shown = terminal.session.exp_regex(progress).map(|(_, shown)| shown);
        assert!(shown.is_ok(), "{line}: {shown:?}");
        terminal.expect("aql> ");
    };
    shows("select pg_sleep(3);", "\r\u{1b}\\[K[0-9]+ s");
    shows(
        "\\copy aql_slow from program 'echo 1; sleep 3; echo 2'",
        "[0-9]+ B, [0-9]+ B/s, [0-9]+ s",
    );
    contains(&terminal.answer("select count(*) from aql_slow;"), "     2\n");
    terminal.answer("DROP TABLE aql_slow;");
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

#[test]
fn copy_moves_rows_of_files_programs_and_scripts() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    std::fs::write(path("in"), "1\ta\n2\tb\n").expect("written");
    let (server, seen) = fake_aerie();
    let script = format!(
        "\\copy t (a, b) from '{}' with (format text)\n\\copy t to '{}'\nCOPY t TO STDOUT;\n\
         COPY t FROM STDIN;\n5\te\n;\n\\.\n\\copy t from program 'echo 7' csv\nselect 1;\n",
        path("in"),
        path("out")
    );
    let (out, err, status) = texts(&server.batch(&[], &script));
    assert_eq!(status, Some(0), "{err}");
    assert_eq!(out, "COPY 2\nCOPY 2\n1\ta\n2\tb\nCOPY 2\nCOPY 2\nSET\n");
    assert_eq!(std::fs::read_to_string(path("out")).expect("a file"), "1\ta\n2\tb\n");
    let seen: Vec<String> = seen.iter().skip(1).collect();
    let expected = [
        "COPY t (a, b) FROM STDIN with (format text)",
        "1\ta\n2\tb\n",
        "COPY t TO STDOUT",
        "COPY t TO STDOUT",
        "COPY t FROM STDIN",
        "5\te\n;\n",
        "COPY t FROM STDIN csv",
        "7\n",
        "select 1",
    ];
    assert_eq!(seen, expected);
}

#[test]
fn copy_that_fails_is_a_failure_and_no_more() {
    let (server, _seen) = fake_aerie();
    let script = "\\set ON_ERROR_STOP off\n\\copy refused from program 'echo 1'\n\
                  \\copy refused to stdout\n\\copy t from program 'echo 1; exit 3'\n\
                  \\copy t from '/no/such/file'\n\\copy nonsense\n\\echo :SQLSTATE\nselect 1;\n";
    let (out, err, status) = texts(&server.batch(&[], script));
    assert_eq!((out.as_str(), status), ("57014\nSET\n", Some(0)), "{err}");
    contains(&err, "aql:<stdin>:2: ERROR:  0A000: COPY is not supported");
    contains(&err, "HINT:  this server has no COPY of this kind");
    contains(&err, "COPY failed: program: exit status: 3");
    contains(&err, "/no/such/file: No such file");
    contains(&err, "\\copy takes SET");
    let (server, _seen) = fake_aerie();
    assert_eq!(server.batch(&["-c", "\\copy refused to stdout"], "").status.code(), Some(3));
    let (server, seen) = fake_aerie();
    let batch = server.batch(&["-c", "COPY t FROM STDIN"], "on standard input\n");
    assert_eq!(batch.status.code(), Some(0));
    assert_eq!(seen.iter().last().as_deref(), Some("on standard input\n"));
}

#[test]
fn variables_are_put_into_statements_and_commands() {
    let (server, seen) = fake_aerie();
    let script = "\\set t 'my table'\n\\set n 4 2\n\
                  select :n, :'who', ':n', a::int from :\"t\";\n\
                  \\unset n\nselect :n;\n\\echo :who :'t' `echo out`\n\\qecho results\n";
    let (out, err, status) = texts(&server.batch(&["-q", "-v", "who=O'Hara"], script));
    assert_eq!((out.as_str(), status), ("O'Hara 'my table' out\nresults\n", Some(0)), "{err}");
    let seen: Vec<String> = seen.iter().skip(1).collect();
    let first = "select 42, 'O''Hara', ':n', a::int from \"my table\"";
    assert_eq!(seen, [first, "select :n"]);
}

#[test]
fn options_of_aql_are_taken() {
    let (server, seen) = fake_aerie();
    let script = "SET TIMEOUT 1000\nSET RECORD_TTL 0\nSET key_send f\nRESET KEY_SEND\n\
                  SET VERBOSE true\nGET VERBOSE\nRESET VERBOSE\nGET VERBOSE\n\
                  SET LINEARIZE_READ true\nSET SOCKET_TIMEOUT -1\n";
    let (out, err, status) = texts(&server.batch(&["-q"], script));
    assert_eq!((out.as_str(), status), ("VERBOSE = true\nVERBOSE = false\n", Some(0)), "{err}");
    contains(&err, "NOTICE:  VERBOSE has no effect here: ");
    let expected = [
        "SET statement_timeout = '1000'",
        "SET record_ttl = 'default'",
        "SET key_send = 'false'",
        "RESET key_send",
        "SET read_mode = 'linearize'",
    ];
    assert_eq!(seen.iter().skip(1).collect::<Vec<_>>(), expected);
    let (server, _seen) = fake_aerie();
    assert_eq!(server.batch(&["-c", "SET TIMEOUT soon"], "").status.code(), Some(3));
}

#[test]
fn aql_options_reach_a_node() {
    let server = Server::start();
    if server._node.is_none() {
        return;
    }
    let script = "SET TIMEOUT 60000\nGET TIMEOUT\nSET RECORD_TTL 0\nGET RECORD_TTL\n\
                  SET KEY_SEND false\nGET KEY_SEND\nRESET KEY_SEND\nGET KEY_SEND\n";
    let (out, err, status) = texts(&server.batch(&["-q"], script));
    assert_eq!(status, Some(0), "{err}");
    contains(&out, "RECORD_TTL = default\nKEY_SEND = false\nKEY_SEND = true\n");
    let script = "INSERT INTO aql_meta (PK, a) VALUES ('k', 1);\nSET RECORD_PRINT_METADATA true\n\
                  SELECT * FROM aql_meta;\nSET NO_BINS true\nSELECT * FROM aql_meta;\n\
                  RESET RECORD_PRINT_METADATA\nSELECT * FROM aql_meta WHERE PK = 'k';\n";
    let (out, err, status) = texts(&server.batch(&["-qA"], script));
    assert_eq!(status, Some(0), "{err}");
    contains(&out, "a|{edigest}|{set}|{ttl}|{gen}\n");
    contains(&out, "{digest}|{set}|{ttl}|{gen}\n");
    contains(&out, "{digest}\n");
    let (out, err, status) = texts(&server.batch(&["-qAt", "-c", "GET ALL"], ""));
    assert_eq!(status, Some(0), "{err}");
    contains(&out, "LINEARIZE_READ = false\n");
    contains(&out, "search_path|");
}

#[test]
fn results_go_where_they_are_sent() {
    let server = Server::start();
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let read = |name: &str| std::fs::read_to_string(path(name)).expect("a file");
    let script = format!(
        "select 1 as one \\g '{g}'\nselect 2 as two \\gx '{gx}'\n\\o '{o}'\nselect 3;\n\
         \\qecho kept\n\\echo told\n\\o\nselect 4 \\g | sed s/4/four/\n\
         select 5 as n, 'x' as s \\gset my_\nselect :my_n + 1, :'my_s';\n\
         select 'select 7' union all select 'select 7' \\gexec\nselect 8\n\\w '{w}'\n\\r\n\
         \\echo :ROW_COUNT :SQLSTATE\n",
        g = path("g"),
        gx = path("gx"),
        o = path("o"),
        w = path("w")
    );
    let (out, err, status) = texts(&server.batch(&["-qAt"], &script));
    assert_eq!(status, Some(0), "{err}");
    assert_eq!(out, "told\nfour\n6|x\n7\n7\n1 00000\n");
    assert_eq!((read("g").as_str(), read("gx").as_str()), ("1\n", "two|2\n"));
    assert_eq!((read("o").as_str(), read("w").as_str()), ("3\nkept\n", "select 8;\n"));
    let (_, err, status) = texts(&server.batch(&["-c", "select 1 where false \\gset"], ""));
    assert_eq!(status, Some(3));
    contains(&err, "this statement has 0");
}

#[test]
fn looks_are_set() {
    let server = Server::start();
    let script = "\\pset null ~\nselect null as a;\n\\pset format markdown\nselect 'x' as a;\n\
                  .mode tsv\nselect 'x' as a, null as b;\n\\pset format aligned\n\\pset border 2\n\
                  \\t on\nselect 'y' as a;\n";
    let (out, err, status) = texts(&server.batch(&["-q"], script));
    assert_eq!(status, Some(0), "{err}");
    let expected = " a \n---\n ~\n(1 row)\n\n| a |\n| --- |\n| x |\na\tb\nx\t~\n\
                    | y |\n+---+\n\n";
    assert_eq!(out, expected);
    let (out, ..) = texts(&server.batch(&["-P", "format=jsonl", "-c", "select 'x' as a"], ""));
    assert_eq!(out, "{\"a\": \"x\"}\n");
    let (out, ..) = texts(&server.batch(&["-o", "json", "-c", "select 'x' as a"], ""));
    assert_eq!(out, "[\n  {\"a\": \"x\"}\n]\n");
    let (_, err, status) = texts(&server.batch(&["-P", "format=pdf", "-c", "select 1"], ""));
    assert_eq!(status, Some(3));
    contains(&err, "format is TABLE");
}

#[test]
fn catalogues_of_every_kind_are_listed() {
    let server = Server::start();
    for command in
        ["\\di", "\\dv", "\\df", "\\du", "\\dn", "\\d+", "\\l", ".tables", "\\pset", "\\set"]
    {
        let (_, err, status) = texts(&server.batch(&["-c", command], ""));
        assert_eq!((status, err.as_str()), (Some(0), ""), "{command}");
    }
    let (out, ..) = texts(&server.batch(&["-l"], ""));
    contains(&out, "List of databases");
}

#[test]
fn a_session_begins_with_its_start_file() {
    let server = Server::start();
    let start = "\\set PROMPT1 '%/%x=%# '\n\\set greeting hello\n\\pset null nothing\n\\nonsense\n";
    let home = tempfile::tempdir().expect("a folder");
    std::fs::write(home.path().join(".aqlrc"), start).expect("written");
    let session = spawn_command(server.aql(&home), Some(PATIENCE_MS)).expect("aql starts");
    let mut terminal = Terminal { session, home };
    terminal.expect(".aqlrc:4: unknown command \\nonsense");
    terminal.expect("=> ");
    contains(&terminal.enter("select null as none;", "=> "), "nothing");
    contains(&terminal.enter("\\echo :greeting", "=> "), "hello");
    terminal.session.send_control('d').expect("typed");
    terminal.ends_well();
}

#[test]
fn statements_go_through_the_editor() {
    let server = Server::start();
    let mut terminal = Terminal::open_with(&server, &[("AQL_EDITOR", "sed -i s/one/two/")], "");
    contains(&terminal.answer("select 'one' as edited;"), " one\n");
    contains(&terminal.answer("\\e"), " two\n");
    terminal.session.send_control('d').expect("typed");
    let home = terminal.ends_well();
    contains(&std::fs::read_to_string(history(&home)).expect("a history"), "'two' as edited;");
}

#[test]
fn tall_results_go_through_the_pager() {
    let server = Server::start();
    let tall = (0..20).map(|n| format!("select {n}")).collect::<Vec<_>>().join(" union all ");
    let start = format!("\\set tall '{tall}'\n");
    let mut terminal = Terminal::open_with(&server, &[("PAGER", "sed s/^/paged/")], &start);
    terminal.answer("\\timing off");
    terminal.answer("\\! stty rows 10 columns 80");
    contains(&terminal.answer(":tall;"), "paged(20 rows)");
    assert!(!terminal.answer("select 1 as short;").contains("paged"));
    terminal.answer("\\pset pager off");
    assert!(!terminal.answer(":tall;").contains("paged"));
    terminal.session.send_control('d').expect("typed");
    terminal.ends_well();
}

#[test]
fn rows_are_typed_after_copy() {
    let (server, seen) = fake_aerie();
    let mut terminal = Terminal::open(&server);
    terminal.session.send_line("COPY t FROM STDIN;").expect("typed");
    terminal.expect("End with \\.");
    terminal.session.send_line("1").expect("typed");
    contains(&terminal.answer("\\."), "COPY 2");
    terminal.session.send_control('d').expect("typed");
    terminal.ends_well();
    assert_eq!(seen.iter().last().as_deref(), Some("1\n"));
}

#[test]
fn a_paste_is_as_good_as_typing() {
    let (server, seen) = fake_aerie();
    let mut terminal = Terminal::open(&server);
    terminal.press("\x1b[200~select 1;\n\\echo pasted\nCOPY t FROM STDIN;\n1\n\\.\n\x1b[201~");
    terminal.press("\r");
    terminal.expect("COPY 2");
    terminal.session.send_control('d').expect("typed");
    terminal.ends_well();
    let seen: Vec<String> = seen.iter().skip(1).collect();
    assert_eq!(seen, ["select 1", "COPY t FROM STDIN", "1\n"]);
}

#[test]
fn rows_go_to_a_server_and_come_back() {
    let server = Server::start();
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let rows = "id,s\n1,\"a,b\"\n2,\n3,\"say \"\"hi\"\"\"\n";
    std::fs::write(path("in.csv"), rows).expect("written");
    let script = format!(
        "CREATE TABLE aql_copied (id bigint PRIMARY KEY, s text);\n\
         \\copy aql_copied (id, s) from '{}' with (format csv, header)\n\
         \\copy (SELECT id, s FROM aql_copied ORDER BY id) to '{}' with (format csv, header)\n\
         COPY aql_copied (id, s) FROM STDIN;\n4\tfour\n5\t\\N\n\\.\n\
         \\copy (SELECT id, s FROM aql_copied WHERE id > 3 ORDER BY id) to program 'sort -r'\n\
         SELECT count(*) FROM aql_copied;\nDROP TABLE aql_copied;\n",
        path("in.csv"),
        path("out.csv")
    );
    let (out, err, status) = texts(&server.batch(&["-qAt"], &script));
    assert_eq!((out.as_str(), status), ("5\t\\N\n4\tfour\n5\n", Some(0)), "{err}");
    assert_eq!(std::fs::read_to_string(path("out.csv")).expect("a file"), rows);
    let script = "\\set ON_ERROR_STOP off\n\\copy aql_not_there (a) from program 'echo 1'\nselect 7;\n\
                  \\copy (select 1 from aql_not_there) to stdout\nselect 8;\n";
    let (out, err, _) = texts(&server.batch(&["-qAt"], script));
    contains(&out, "8\n");
    assert!(err.contains("ERROR: "), "{err}");
    server.batch(&["-c", "DROP TABLE IF EXISTS aql_not_there"], "");
}

#[test]
fn the_environment_says_where_and_who() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let asked = std::thread::spawn(move || -> io::Result<(String, String)> {
        let (mut stream, _) = listener.accept()?;
        let (_, hello) = message(&mut stream, Some(0))?;
        stream.write_all(&reply(b'R', &3_u32.to_be_bytes()))?;
        let (_, password) = message(&mut stream, None)?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace('\0', " ");
        Ok((text(&hello[4..]), text(&password)))
    });
    let home = tempfile::tempdir().expect("a folder");
    let file = home.path().join("passwords");
    std::fs::write(&file, format!("127.0.0.1:{port}:*:ann:secret of ann\n")).expect("written");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).expect("set");
    }
    let status = Command::new(env!("CARGO_BIN_EXE_aql"))
        .envs([("PGHOST", "127.0.0.1"), ("PGUSER", "ann"), ("PGDATABASE", "places")])
        .env("PGPORT", port.to_string())
        .env("PGPASSFILE", &file)
        .env_remove("PGPASSWORD")
        .args(["-w", "-c", "select 1"])
        .stderr(Stdio::null())
        .status()
        .expect("aql runs");
    assert_eq!(status.code(), Some(2), "the server hangs up");
    let (hello, password) = asked.join().expect("a thread").expect("a client");
    contains(&hello, "user ann ");
    contains(&hello, "database places ");
    assert_eq!(password, "secret of ann ");
}

#[test]
fn dumps_are_held_to_statements() {
    let (server, seen) = fake_aerie();
    let script = "\\set ON_ERROR_STOP off\n\\restrict key\nselect 1;\n\\! echo reached\n\
                  \\echo `echo reached >&2`\n\
                  \\unrestrict other\n\\unrestrict key\n\\echo free\n";
    let (out, err, status) = texts(&server.batch(&["-q"], script));
    assert_eq!((out.as_str(), status), ("free\n", Some(0)), "{err}");
    contains(&err, "aql:<stdin>:4: commands are refused here");
    contains(&err, "aql:<stdin>:6: this is not the key");
    assert!(!err.contains("reached"), "{err}");
    assert_eq!(seen.iter().skip(1).collect::<Vec<_>>(), ["select 1"]);
}

#[test]
fn scripts_branch() {
    let (server, seen) = fake_aerie();
    let folder = tempfile::tempdir().expect("a folder");
    let inner = folder.path().join("inner.sql");
    std::fs::write(&inner, "\\if 1\nselect inner;\n\\endif\n\\endif\n").expect("written");
    let script = format!(
        "\\set ON_ERROR_STOP off\n\\if :yes\nselect 1;\n\\if off\nselect 2;\n\\elif :no\nselect 3;\n\
         \\else\nselect 4;\n\\endif\n\\else\n\\echo `echo reached >&2`\n\\if true\nselect 5;\n\
         \\endif\n\\endif\n\\i '{}'\n\\if maybe\nselect 6;\n\\endif\n\\else\n\\if true\nselect 7;\n",
        inner.display()
    );
    let (_, err, status) = texts(&server.batch(&["-q", "-v", "yes=1", "-v", "no=f"], &script));
    let seen: Vec<String> = seen.iter().skip(1).collect();
    assert_eq!(seen, ["select 1", "select 4", "select inner", "select 7"]);
    contains(&err, "inner.sql:4: \\endif has no \\if");
    contains(&err, "\\if takes true or false, not \"maybe\"");
    contains(&err, "\\else has no \\if");
    contains(&err, "ends before its \\endif");
    assert!(!err.contains("reached"), "{err}");
    assert_eq!(status, Some(3), "a script that breaks off is no success");
}
