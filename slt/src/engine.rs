//! One connection to the server as sqllogictest's engine.
//!
//! [`Connect`] opens connections, also the further ones that a file asks for by name. An [`Engine`]
//! runs one statement: simple (one Query message, then a Describe of the same text for the types of
//! the columns, which simple answers do not hold in tokio-postgres) or extended (prepare, run,
//! values in binary). It never retries.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;
use std::{error, fmt};

use async_trait::async_trait;
use futures::TryStreamExt;
use sqllogictest::{AsyncDB, ColumnType, DBOutput, MakeConnection};
use tokio::time::timeout;
use tokio_postgres::types::{FromSql, Type};
use tokio_postgres::{Client, NoTls, Row, SimpleQueryMessage};

use crate::{Protocol, Target, text};

/// Longer than any statement of the files takes on a busy machine; what is slower hangs.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// How the error of a statement begins that took longer.
pub const NO_ANSWER: &str = "no answer within";

/// A column's letter in a `query` line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Letter {
    /// `I`: int2, int4, int8, oid.
    Integer,
    /// `R`: float4, float8, numeric.
    Real,
    /// `B`: bool, shown as `t` or `f`.
    Bool,
    /// `T`: all others.
    Text,
    /// `?`: not checked.
    Any,
}

impl ColumnType for Letter {
    fn from_char(value: char) -> Option<Letter> {
        Some(match value {
            'I' => Letter::Integer,
            'R' => Letter::Real,
            'B' => Letter::Bool,
            'T' => Letter::Text,
            '?' => Letter::Any,
            _ => return None,
        })
    }

    fn to_char(&self) -> char {
        match self {
            Letter::Integer => 'I',
            Letter::Real => 'R',
            Letter::Bool => 'B',
            Letter::Text => 'T',
            Letter::Any => '?',
        }
    }
}

impl Letter {
    fn of(ty: &Type) -> Letter {
        match *ty {
            Type::INT2 | Type::INT4 | Type::INT8 | Type::OID => Letter::Integer,
            Type::FLOAT4 | Type::FLOAT8 | Type::NUMERIC => Letter::Real,
            Type::BOOL => Letter::Bool,
            _ => Letter::Text,
        }
    }
}

/// Whether the columns of an answer are those that the file expects.
#[allow(clippy::ptr_arg)] // the signature that sqllogictest asks for
pub fn letters_match(actual: &Vec<Letter>, expected: &Vec<Letter>) -> bool {
    let same = |a: Letter, e: Letter| a == e || a == Letter::Any || e == Letter::Any;
    actual.len() == expected.len() && actual.iter().zip(expected).all(|(a, e)| same(*a, *e))
}

/// Opens connections to one target.
#[derive(Debug, Clone)]
pub struct Connect {
    config: tokio_postgres::Config,
    protocol: Protocol,
}

impl Connect {
    /// For this target.
    pub fn new(target: &Target) -> Connect {
        let mut config = tokio_postgres::Config::new();
        config.host("127.0.0.1").port(target.port).dbname(&target.database);
        config.user(std::env::var("PGUSER").unwrap_or_else(|_| "postgres".into()));
        config.application_name("slt").connect_timeout(ANSWER_WITHIN);
        Connect { config, protocol: target.protocol }
    }

    async fn open(self) -> Result<Engine, Error> {
        let (client, connection) = self.config.connect(NoTls).await?;
        tokio::spawn(connection);
        client.batch_execute("SET timezone = 'UTC'").await?;
        Ok(Engine { client, protocol: self.protocol })
    }
}

impl MakeConnection for Connect {
    type Conn = Engine;
    type MakeFuture = Pin<Box<dyn Future<Output = Result<Engine, Error>> + Send>>;

    fn make(&mut self) -> Self::MakeFuture {
        Box::pin(self.clone().open())
    }
}

/// One connection.
#[derive(Debug)]
pub struct Engine {
    client: Client,
    protocol: Protocol,
}

#[async_trait]
impl AsyncDB for Engine {
    type Error = Error;
    type ColumnType = Letter;

    async fn run(&mut self, sql: &str) -> Result<DBOutput<Letter>, Error> {
        let answer = async {
            match self.protocol {
                Protocol::Simple => self.simple(sql).await,
                Protocol::Extended => self.extended(sql).await,
            }
        };
        timeout(ANSWER_WITHIN, answer).await.unwrap_or_else(|_| {
            let waited = ANSWER_WITHIN.as_secs();
            Err(Error::Runner(format!("{NO_ANSWER} {waited} s; does the server hang?")))
        })
    }

    async fn shutdown(&mut self) {}

    async fn sleep(duration: Duration) {
        tokio::time::sleep(duration).await;
    }

    fn error_sql_state(error: &Error) -> Option<String> {
        match error {
            Error::Postgres(error) => error.code().map(|code| code.code().to_owned()),
            Error::Runner(_) => None,
        }
    }
}

impl Engine {
    async fn simple(&self, sql: &str) -> Result<DBOutput<Letter>, Error> {
        let (mut columns, mut rows, mut statements, mut count) = (None, Vec::new(), 0, 0);
        for message in self.client.simple_query(sql).await? {
            match message {
                SimpleQueryMessage::RowDescription(c) => columns = Some(c.len()),
                SimpleQueryMessage::Row(row) => {
                    let cells = 0..row.len();
                    rows.push(cells.map(|i| shown(row.get(i).map(str::to_owned))).collect());
                }
                SimpleQueryMessage::CommandComplete(n) => (statements, count) = (statements + 1, n),
                _ => {}
            }
        }
        let Some(columns) = columns else { return Ok(DBOutput::StatementComplete(count)) };
        let types = match statements {
            1 => self.letters(sql).await?,
            _ => vec![Letter::Any; columns],
        };
        Ok(DBOutput::Rows { types, rows })
    }

    async fn letters(&self, sql: &str) -> Result<Vec<Letter>, Error> {
        let statement = self.client.prepare(sql).await?;
        Ok(statement.columns().iter().map(|column| Letter::of(column.type_())).collect())
    }

    async fn extended(&self, sql: &str) -> Result<DBOutput<Letter>, Error> {
        let statement = self.client.prepare(sql).await?;
        let none: [bool; 0] = [];
        if statement.columns().is_empty() {
            let count = self.client.execute_raw(&statement, none).await?;
            return Ok(DBOutput::StatementComplete(count));
        }
        let types = statement.columns().iter().map(|c| Letter::of(c.type_())).collect();
        let answer: Vec<Row> = self.client.query_raw(&statement, none).await?.try_collect().await?;
        let rows = answer.iter().map(cells).collect::<Result<_, _>>()?;
        Ok(DBOutput::Rows { types, rows })
    }
}

/// Any value as it came.
struct Raw(Vec<u8>);

impl<'a> FromSql<'a> for Raw {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Raw, Box<dyn error::Error + Sync + Send>> {
        Ok(Raw(raw.to_vec()))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

fn cells(row: &Row) -> Result<Vec<String>, Error> {
    let cell = |(i, column): (usize, &tokio_postgres::Column)| {
        let raw: Option<Raw> = row.try_get(i)?;
        let value = raw.map(|raw| text::of(column.type_(), &raw.0)).transpose();
        value.map(shown).map_err(Error::Runner)
    };
    row.columns().iter().enumerate().map(cell).collect()
}

fn shown(value: Option<String>) -> String {
    match value {
        None => "NULL".into(),
        Some(text) if text.is_empty() => "(empty)".into(),
        Some(text) => text,
    }
}

/// Why a statement has no result.
#[derive(Debug)]
pub enum Error {
    /// The server or the connection said so.
    Postgres(tokio_postgres::Error),
    /// The runner could not go on.
    Runner(String),
}

impl From<tokio_postgres::Error> for Error {
    fn from(error: tokio_postgres::Error) -> Error {
        Error::Postgres(error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Runner(what) => f.write_str(what),
            Error::Postgres(error) => match error.as_db_error() {
                Some(db) => write!(f, "{} (SQLSTATE {})", db.message(), db.code().code()),
                None => write!(f, "{error}"),
            },
        }
    }
}

impl error::Error for Error {}
