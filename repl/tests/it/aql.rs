//! aql's habits in the shell: options, scripts, output modes, statements that are the shell's own,
//! exit statuses. The numbers are the sections of slt/aql/README.md.

use super::{Server, contains, texts};

/// Standard output of statements that must go well.
#[track_caller]
fn run(server: &Server, arguments: &[&str], input: &str) -> String {
    let (out, err, status) = texts(&server.batch(arguments, input));
    assert_eq!(status, Some(0), "{out}\n{err}");
    out
}

/// 7: every option is set, got and reset; a boolean takes true, t, 1 and false, f, 0.
#[test]
fn options() {
    let server = Server::start();
    let changed = [
        ("VERBOSE", "t", "true", "false"),
        ("OUTPUT_TYPES", "0", "false", "true"),
        ("TIMEOUT", "60000", "60000", "0"),
        ("SOCKET_TIMEOUT", "5000", "5000", "-1"),
        ("LUA_USERPATH", "'/tmp/lua'", "/tmp/lua", ""),
        ("RECORD_TTL", "100", "100", "default"),
        ("RECORD_PRINT_METADATA", "TRUE", "true", "false"),
        ("KEY_SEND", "true", "true", "true"),
        ("DURABLE_DELETE", "f", "false", "true"),
        ("SCAN_RECORDS_PER_SECOND", "10", "10", "0"),
        ("NO_BINS", "1", "true", "false"),
        ("USE_SMD", "1", "true", "false"),
        ("REPLICA_ANY", "t", "true", "false"),
        ("LINEARIZE_READ", "false", "false", "false"),
    ];
    for (name, value, set, reset) in changed {
        let lower = name.to_lowercase();
        let script = format!("set {lower} {value}\nGET {name}\nRESET {name}\nGET {lower}\n");
        let out = run(&server, &["-q"], &script);
        let shown: Vec<&str> = out.lines().filter(|line| line.contains(" = ")).collect();
        let value = |value: &str| format!("{name} = {value}");
        assert_eq!(
            shown.join("\n").replace(" = \n", " =\n"),
            format!("{}\n{}", value(set), value(reset))
        );
    }
    // 7 ECHO prints each statement before it runs.
    let out =
        run(&server, &["-Atq"], "SET ECHO true\nSELECT 1;\nGET ECHO\nSET ECHO false\nSELECT 2;\n");
    assert_eq!(out, "SELECT 1;\n1\nECHO = true\n2\n");
    // 7 GET ALL has all of them, and the server's settings.
    let all = run(&server, &[], "GET ALL\n");
    for name in changed.map(|(name, ..)| name).into_iter().chain(["ECHO", "OUTPUT"]) {
        contains(&all, &format!("{name} = "));
    }
    contains(&all, "record_ttl");
    // 7 what does nothing here says so; what does not fit is refused.
    let (_, err, _) = texts(&server.batch(&[], "SET USE_SMD true\n"));
    contains(&err, "USE_SMD has no effect here");
    for wrong in ["SET ECHO maybe", "SET TIMEOUT soon", "SET OUTPUT PRETTY"] {
        let (_, err, status) = texts(&server.batch(&["-c", wrong], ""));
        assert_eq!(status, Some(3), "{wrong}: {err}");
    }
}

/// 7 RECORD_TTL, 4 INSERT: the shell's INSERT is an upsert, unless it is told otherwise.
#[test]
fn insert_updates() {
    let server = Server::start();
    let script = "SET RECORD_TTL 100\n\
        INSERT INTO aql_upsert (PK, a) VALUES ('k', 1);\nINSERT INTO aql_upsert (PK, b) VALUES ('k', 2);\n\
        SELECT a, b, TTL BETWEEN 1 AND 100 FROM aql_upsert WHERE PK = 'k';\n";
    assert_eq!(run(&server, &["-Atq"], script), "1|2|t\n");
    let again = "INSERT INTO aql_upsert (PK, a) VALUES ('k', 1)";
    let (_, err, status) = texts(&server.batch(&["--postgres-insert", "-c", again], ""));
    assert_eq!(status, Some(3));
    contains(&err, "23505");
}

/// 2 and 3 run: in a RUN file each line is a statement, or several; # begins a comment; files run
/// others.
#[test]
fn run_reads_lines() {
    let server = Server::start();
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let inner = "# no statement\nSELECT 2\n\nSELECT 3; SELECT 4;\nSELECT (5 +\n5)\n";
    std::fs::write(path("inner.aql"), inner).expect("written");
    let outer = format!("SELECT 1\nrun '{}'\nSELECT 6", path("inner.aql"));
    std::fs::write(path("outer.aql"), outer).expect("written");
    let command = format!("RUN '{}'", path("outer.aql"));
    assert_eq!(run(&server, &["-Atq", "-c", &command], ""), "1\n2\n3\n4\n10\n6\n");
    // Statements that span lines need no file of their own.
    assert_eq!(
        run(&server, &["-Atq"], &format!("SELECT\n0;\n{command}\nSELECT 7;")),
        "0\n1\n2\n3\n4\n10\n6\n7\n"
    );
    // A failure inside ends all, and tells the file and line.
    std::fs::write(path("inner.aql"), "SELECT 2\nSELECT nothing\nSELECT 3\n").expect("written");
    let (out, err, status) = texts(&server.batch(&["-Atq", "-c", &command], ""));
    assert_eq!((out.as_str(), status), ("1\n2\n", Some(3)));
    contains(&err, "inner.aql:2: ERROR");
    // Files that run each other end.
    std::fs::write(path("inner.aql"), format!("RUN '{}'\n", path("outer.aql"))).expect("written");
    let (_, err, status) = texts(&server.batch(&["-c", &command], ""));
    assert_eq!(status, Some(3));
    contains(&err, "include each other too deep");
    // 10 file not found: the file and the reason.
    let (_, err, status) = texts(&server.batch(&["-c", "RUN '/no/such/file'"], ""));
    assert_eq!(status, Some(1));
    contains(&err, "/no/such/file: No such file");
}

/// 3 help, quit; 10 unknown first word.
#[test]
fn help_and_quit() {
    let server = Server::start();
    contains(&run(&server, &["-c", "HELP"], ""), "\\conninfo");
    for (topic, part) in [
        ("insert", "INSERT INTO"),
        ("SELECT", "IN {LIST | MAPKEYS | MAPVALUES}"),
        ("operate", "WITH_POLICY"),
        ("truncate", "UPTO"),
        ("run", "RUN 'file'"),
        ("stat", "STAT {SYSTEM | NAMESPACE name}"),
    ] {
        contains(&run(&server, &["-c", &format!("HELP {topic}")], ""), part);
    }
    for word in ["QUIT", "exit", "Q"] {
        assert_eq!(run(&server, &["-Atq"], &format!("SELECT 1;\n{word}\nSELECT 2;\n")), "1\n");
    }
    let (_, err, status) = texts(&server.batch(&["-c", "SELEKT 1"], ""));
    assert_eq!(status, Some(3));
    contains(&err, "SELECT?");
}

/// 4 PRINT, SYSTEM.
#[test]
fn print_and_system() {
    let server = Server::start();
    let out =
        run(&server, &["-Atq"], "PRINT hello  world\nprint 'in quotes'\nSYSTEM echo from sh\n");
    assert_eq!(out, "hello  world\nin quotes\nfrom sh\n");
    let (out, err, status) = texts(&server.batch(&[], "\\restrict key\nSYSTEM echo no\n"));
    assert_eq!((out.as_str(), status), ("", Some(3)), "{err}");
}

/// 8: TABLE, JSON, RAW and MUTE, by SET OUTPUT and by -o; 8 is one table, however long.
#[test]
fn output_modes() {
    let server = Server::start();
    let query = "SELECT 1 AS a, NULL AS b, 'x' AS c";
    let expected = [
        ("table", " a |  b   | c \n---+------+---\n 1 | NULL | x\n(1 row)\n"),
        ("json", "[\n  {\"a\": 1, \"b\": null, \"c\": \"x\"}\n]\n"),
        ("mute", "(1 row)\n"),
    ];
    for (mode, shown) in expected {
        contains(&run(&server, &["-o", mode, "-c", query], ""), shown);
        contains(&run(&server, &["--outputmode", mode, "-c", query], ""), shown);
        contains(&run(&server, &[], &format!("SET OUTPUT {mode}\n{query};\n")), shown);
    }
    let stars = "*".repeat(27);
    let raw = format!("{stars} 1. row {stars}\na: 1\nb: NULL\nc: x\n");
    contains(&run(&server, &["-o", "raw", "-c", query], ""), &raw);
    let reset = format!("SET OUTPUT RAW\nRESET OUTPUT\n{query};\nGET OUTPUT\n");
    contains(&run(&server, &[], &reset), "OUTPUT = TABLE");
    let rows: Vec<String> = (0..250).map(|n| format!("({n})")).collect();
    let long = run(&server, &["-c", &format!("VALUES {}", rows.join(", "))], "");
    assert_eq!(long.matches("column1").count(), 1, "one header");
    contains(&long, "(250 rows)");
}

/// 8 values: what bins hold, a bin that is missing, more than 64 columns, long cells.
#[test]
fn values_in_tables() {
    let server = Server::start();
    let long = "x".repeat(300);
    let script = format!(
        "INSERT INTO aql_shown (PK, i, d, s, b, l, m, g, x) VALUES ('k', 5, 1.5, '{long}', true, LIST('[1, \"a\"]'), \
         MAP('{{\"a\": 1}}'), GEOJSON('{{\"type\": \"Point\", \"coordinates\": [1, 2]}}'), '\\x00ff'::bytea);\n\
         INSERT INTO aql_shown (PK, i) VALUES ('n', 6);\n\
         SELECT i, d, s, b, l, m, g, x FROM aql_shown WHERE PK = 'k';\nSELECT PK, i, d FROM aql_shown WHERE PK = 'n';\n"
    );
    let out = run(&server, &["-Atq"], &script);
    let expected = format!(
        "5|1.5|{long}|t|[1, \"a\"]|{{\"a\": 1}}|{{\"type\": \"Point\", \"coordinates\": [1, 2]}}|\\x00ff\nn|6|\n"
    );
    assert_eq!(out, expected);
    let bins: Vec<String> = (0..100).map(|n| format!("bin{n}")).collect();
    let values: Vec<String> = (0..100).map(|n| n.to_string()).collect();
    let script = format!(
        "INSERT INTO aql_wide (PK, {}) VALUES ('k', {});\nSELECT * FROM aql_wide;\n",
        bins.join(", "),
        values.join(", ")
    );
    assert_eq!(run(&server, &["-Atq"], &script), format!("k|{}\n", values.join("|")));
}

/// 7 RECORD_PRINT_METADATA, NO_BINS; 8 metadata columns.
#[test]
fn metadata_columns() {
    let server = Server::start();
    let script = "INSERT INTO aql_meta (PK, a) VALUES ('k', 1);\nSET RECORD_PRINT_METADATA true\n\
        SELECT * FROM aql_meta;\nSET RECORD_PRINT_METADATA false\nSET NO_BINS true\nSELECT * FROM aql_meta;\n";
    let out = run(&server, &["-Aq"], script);
    contains(&out, "PK|a|{edigest}|{set}|{ttl}|{gen}\nk|1|");
    contains(&out, "=|aql_meta|-1|1\n");
    let digest = out.lines().skip_while(|line| *line != "{digest}").nth(1).unwrap_or_default();
    assert!(digest.len() == 40 && digest.bytes().all(|b| b.is_ascii_hexdigit()), "{out}");
}

/// 10: where errors go and what the exit status is. aql's was 0 whatever failed.
#[test]
fn errors_and_exit_status() {
    let server = Server::start();
    let (out, err, status) =
        texts(&server.batch(
            &["-Atq", "-c", "SELECT 1", "-c", "SELECT * FROM aql_none", "-c", "SELECT 2"],
            "",
        ));
    assert_eq!((out.as_str(), status), ("1\n", Some(3)));
    contains(&err, "42P01");
    let (out, _, status) =
        texts(&server.batch(&["-o", "json", "-c", "SELECT * FROM aql_none"], ""));
    assert_eq!((out.as_str(), status), ("", Some(3)));
    let (_, err, _) = texts(&server.batch(&["-c", "SHOW USERS"], ""));
    contains(&err, "0A000");
    contains(&err, "whoever may connect may do everything");
    let go_on = "\\set ON_ERROR_STOP off\nSELECT * FROM aql_none;\nSELECT 2;\n";
    let (out, _, status) = texts(&server.batch(&["-Atq"], go_on));
    assert_eq!((out.as_str(), status), ("2\n", Some(0)));
}

/// 11: the command line's -c, -f, -o, -e, --timeout, -h and -p, --version, --help.
#[test]
fn command_line() {
    let server = Server::start();
    assert_eq!(run(&server, &["-Atq", "-e", "-c", "SELECT 1"], ""), "SELECT 1;\n1\n");
    assert_eq!(
        run(&server, &["-Atq", "--timeout", "5000", "-c", "SHOW statement_timeout"], ""),
        "5s\n"
    );
    contains(&run(&server, &["--version"], ""), "aql ");
    contains(&run(&server, &["--help"], ""), "Exit status:");
    assert_eq!(texts(&server.batch(&["--timeout", "soon"], "")).2, Some(1));
}

/// `\prompt` takes the next line of the input, or of standard input where a file asks.
#[test]
fn prompt_reads_an_answer() {
    let server = Server::start();
    let out = run(&server, &["-Atq"], "\\prompt 'Name? ' who\nAnn O'Hara\nSELECT :'who';\n");
    assert_eq!(out, "Name? Ann O'Hara\n");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("asks.sql").to_string_lossy().into_owned();
    std::fs::write(&file, "\\prompt n\nSELECT :n + 1;\n").expect("written");
    assert_eq!(run(&server, &["-Atq", "-f", &file], "41\n"), "42\n");
    let (_, err, status) = texts(&server.batch(&["-f", &file], ""));
    assert_eq!(status, Some(3));
    contains(&err, "\\prompt n: the input ends here");
    assert_eq!(texts(&server.batch(&["-c", "\\prompt"], "")).2, Some(3));
}

/// `\copy` and formats for documents go through files.
#[test]
fn html_goes_into_a_file() {
    let server = Server::start();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("page.html").to_string_lossy().into_owned();
    run(&server, &["-H", "-o", &file, "-c", "SELECT '<b>' AS tag"], "");
    contains(&std::fs::read_to_string(&file).expect("a page"), "<td align=\"left\">&lt;b&gt;</td>");
    contains(
        &run(&server, &["-P", "format=latex", "-c", "SELECT '50 %' AS share"], ""),
        "50 \\% \\\\",
    );
}
