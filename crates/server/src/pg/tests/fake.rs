//! A backend with a toy language, so that the protocol is tested without a database.
//!
//! `echo int8 text` gives its parameters back; `gen N` and `arrow N` stream N rows; `write` and `create` write;
//! `sleep` never ends; `spin` gives rows for ever without waiting; `fail`, `panic` and `changed` do
//! as they say. The session's commands are spelled as in SQL.

use std::borrow::Cow;
use std::future::pending;
use std::sync::Arc;

use model::{ColumnType, Value};
use query::arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use sql::plan::Session as Command;
use sql::{Lifted, SqlError, SqlResult};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::super::*;

pub(super) struct Fake;

pub(super) struct Statement {
    text: String,
    command: Option<Command>,
}

pub(super) enum Rows {
    Counting { next: i64, end: i64, arrow: bool },
    Sleeping,
}

impl RowSource for Rows {
    async fn next(&mut self) -> SqlResult<Option<Chunk>> {
        let Rows::Counting { next, end, arrow } = self else { return pending().await };
        if *next >= *end {
            return Ok(None);
        }
        let from = *next;
        *next = end.min(&mut (from + 100)).to_owned();
        if *arrow {
            let numbers = Arc::new(Int64Array::from_iter_values(from..*next)) as ArrayRef;
            let words: StringArray = (from..*next).map(|n| Some(format!("w{n}"))).collect();
            let batch = RecordBatch::try_from_iter([("n", numbers), ("w", Arc::new(words) as _)]);
            return Ok(Some(Chunk::Arrow(batch.expect("columns of one length"))));
        }
        tokio::task::yield_now().await;
        let row = |n| vec![Some(Value::Integer(n))];
        Ok(Some(Chunk::Values((from..*next).map(row).collect())))
    }
}

/// What `echo` finds: one row, its parameters.
pub(super) struct Echo;

impl Found for Echo {
    fn each(
        &self,
        params: &[Option<Value>],
        mut row: impl FnMut(&[Option<Cow<'_, Value>>]) -> SqlResult<()>,
    ) -> SqlResult<u64> {
        let values: Vec<_> = params.iter().map(|p| p.as_ref().map(Cow::Borrowed)).collect();
        row(&values).map(|()| 1)
    }
}

impl Backend for Fake {
    type Parsed = String;
    type Statement = Statement;
    type Rows = Rows;
    type Found<'s> = Echo;

    fn serves_all(&self, statement: &Statement) -> bool {
        statement.text.starts_with("echo") && statement.command.is_none()
    }

    fn lift(&self, _: &str) -> Option<Lifted> {
        None
    }

    fn takes_literals(&self, _: &Statement) -> bool {
        false
    }

    async fn find(
        &self,
        _: &SessionState,
        statement: &Statement,
        _: &[Option<Value>],
    ) -> SqlResult<Option<Echo>> {
        let found = statement.command.is_none() && statement.text.starts_with("echo");
        Ok(found.then_some(Echo))
    }

    fn namespaces(&self) -> Vec<String> {
        vec!["test".into(), "mem".into()]
    }

    fn parse(&self, _: &SessionState, text: &str) -> SqlResult<Vec<String>> {
        if let Some(at) = text.find("syntax") {
            return Err(SqlError::syntax("syntax error").at(at + 1));
        }
        let one = text.starts_with("prepare ") || text.starts_with("declare ");
        let parts = text.split(if one { '\0' } else { ';' });
        Ok(parts.map(str::trim).filter(|s| !s.is_empty()).map(str::to_string).collect())
    }

    async fn prepare(
        &self,
        _: &SessionState,
        text: String,
        _: &[u32],
    ) -> SqlResult<Prepared<Statement>> {
        let command = command(&text);
        let query = match &command {
            Some(Command::Declare { .. }) => {
                text.split_once(" for ").map_or("", |(_, query)| query).to_string()
            }
            _ => text,
        };
        let mut words = query.split_whitespace();
        let column = |(i, t): (usize, &Option<ColumnType>)| {
            Field::new(format!("c{i}"), t.unwrap_or(ColumnType::Text))
        };
        let mut params = Vec::new();
        let columns = match words.next() {
            Some("echo") => {
                let by_name = |w| types::named(w).and_then(types::column_type);
                params = words.map(by_name).collect();
                Some(params.iter().enumerate().map(column).collect())
            }
            Some("gen" | "spin" | "sleep" | "changed") => {
                Some(vec![Field::new("n", ColumnType::Int8)])
            }
            Some("arrow") => {
                Some(vec![Field::new("n", ColumnType::Int8), Field::of_oid("w", types::oid::NAME)])
            }
            Some("where") => Some(vec![Field::new("namespace", ColumnType::Text)]),
            Some("nowhere") => return Err(SqlError::new("42P01", "no set \"nowhere\"")),
            _ => None,
        };
        let param_oids = Vec::new();
        Ok(Prepared { statement: Statement { text: query, command }, params, param_oids, columns })
    }

    async fn execute(
        &self,
        session: &mut SessionState,
        statement: &Arc<Statement>,
        params: Vec<Option<Value>>,
    ) -> SqlResult<Answer<Rows>> {
        let select = Tag::Rows("SELECT");
        let mut words = statement.text.split_whitespace();
        let word = words.next().unwrap_or("");
        let number = words.next().and_then(|n| n.parse().ok()).unwrap_or(3);
        Ok(match word {
            "echo" => Answer::Values(select, vec![params]),
            "gen" | "arrow" | "spin" => {
                let (arrow, end) = (word != "gen", if word == "spin" { i64::MAX } else { number });
                Answer::Stream(select, Rows::Counting { next: 0, end, arrow })
            }
            "sleep" => Answer::Stream(select, Rows::Sleeping),
            "changed" => Answer::Values(select, vec![vec![Some(Value::String("x".into()))]]),
            "where" => {
                let namespace = Value::String(session.namespace().to_string());
                Answer::Values(select, vec![vec![Some(namespace)]])
            }
            "write" => Answer::Done(Tag::Count("INSERT 0", 1)),
            "create" => Answer::Done(Tag::Text("CREATE TABLE")),
            "notice" => {
                session.notice(Notice::notice("full scan"));
                Answer::Done(Tag::Text("NOTHING"))
            }
            "panic" => panic!("as asked"),
            _ => {
                let error = SqlError::new("42703", "column \"x\" does not exist").at(3);
                return Err(error.hint("try y").detail("of set t"));
            }
        })
    }

    fn session<'a>(&self, statement: &'a Statement) -> Option<&'a Command> {
        statement.command.as_ref()
    }

    fn writes(&self, statement: &Statement) -> Writes {
        match statement.text.as_str() {
            "write" => Writes::InBlock,
            "create" => Writes::AtOnce,
            _ => Writes::Nothing,
        }
    }

    fn begin(&self) -> Arc<store::Transaction> {
        Arc::new(store::Transaction::new(Arc::default()))
    }

    async fn commit(&self, _: &SessionState) -> SqlResult<()> {
        Ok(())
    }

    async fn rollback(&self, _: &SessionState) -> SqlResult<()> {
        Ok(())
    }

    async fn copy(
        &self,
        _: &mut SessionState,
        _: &Arc<Statement>,
        rows: Vec<Row>,
    ) -> SqlResult<u64> {
        Ok(rows.len() as u64)
    }

    fn constants(
        &self,
        _: &SessionState,
        args: &[sql::expr::Expr],
        types: &[Option<ColumnType>],
    ) -> SqlResult<Vec<Option<Value>>> {
        assert_eq!(args.len(), types.len());
        Ok(types.iter().map(|_| Some(Value::Integer(42))).collect())
    }
}

fn command(text: &str) -> Option<Command> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let name = |i: usize| words.get(i).unwrap_or(&"").to_string();
    let all = |i: usize| words.get(i).filter(|w| **w != "all").map(|w| w.to_string());
    Some(match words.as_slice() {
        ["begin"] => Command::Begin(Vec::new()),
        ["commit"] => Command::Commit,
        ["rollback"] => Command::Rollback,
        ["savepoint", _] => Command::Savepoint(name(1)),
        ["release", _] => Command::Release(name(1)),
        ["rollback", "to", _] => Command::RollbackTo(name(2)),
        ["set", "local", _, value] => {
            Command::Set { name: name(2), value: Some(value.to_string()), local: true }
        }
        ["set", _, value] => {
            Command::Set { name: name(1), value: Some(value.to_string()), local: false }
        }
        ["show", _] => Command::Show(name(1)),
        ["reset", _] => Command::Reset(name(1)),
        ["prepare", _, "as", rest @ ..] => {
            Command::Prepare { name: name(1), types: vec![], statement: rest.join(" ") }
        }
        ["execute", _] => Command::Execute { name: name(1), args: Vec::new() },
        ["deallocate", _] => Command::Deallocate(all(1)),
        ["declare", _, hold @ ("hold" | "nohold"), "for", ..] => {
            return declare(name(1), *hold == "hold");
        }
        [verb @ ("fetch" | "move"), count, "from", _] => {
            Command::Fetch { name: name(3), count: count.parse().ok(), skip: *verb == "move" }
        }
        ["close", _] => Command::Close(all(1)),
        ["discard", _] => Command::Discard(name(1)),
        ["listen", _] => Command::Accepted { tag: "LISTEN".into(), warning: None },
        _ => return None,
    })
}

/// A DECLARE of any query: the toy language keeps its own.
fn declare(name: String, hold: bool) -> Option<Command> {
    let parsed = sql::parse("DECLARE c CURSOR FOR SELECT 1").expect("SQL");
    match sql::session_command(&parsed[0]) {
        Some(Command::Declare { query, .. }) => {
            Some(Command::Declare { name, hold, query: query.clone() })
        }
        _ => None,
    }
}

/// A server on a free port.
pub(super) struct Server {
    pub(super) port: u16,
    pub(super) stop: CancellationToken,
    pub(super) task: JoinHandle<io::Result<()>>,
}

impl Server {
    pub(super) async fn start(options: Options) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let stop = CancellationToken::new();
        let workers = Workers::start().expect("threads");
        let serve = serve(listener, Arc::new(Fake), options, workers, stop.clone());
        let task = tokio::spawn(serve);
        Server { port, stop, task }
    }

    pub(super) async fn client(&self) -> tokio_postgres::Client {
        let config = format!("host=127.0.0.1 port={} user=u dbname=test", self.port);
        let (client, connection) =
            tokio_postgres::connect(&config, tokio_postgres::NoTls).await.expect("a session");
        tokio::spawn(connection);
        client
    }
}
