//! The engine over a store in memory.

mod catalog;
mod interrupt;
mod memory;
mod queries;
mod store;

use std::sync::Arc;

use datafusion::sql::sqlparser::ast::{Query, Statement};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;
use futures::StreamExt;
use model::{ColumnType, Key, Table, Value};
use query::{Engine, Options, SessionInfo};
use sql::SqlResult;
use tokio_util::sync::CancellationToken;

use store::{Memory, column};

pub(crate) struct Bench {
    pub(crate) engine: Engine<Memory>,
    pub(crate) store: Arc<Memory>,
}

pub(crate) fn session() -> SessionInfo {
    SessionInfo {
        user: "ann".into(),
        database: "test".into(),
        namespace: "test".into(),
        pid: 7,
        settings: Arc::new(|name| (name == "server_version_num").then(|| "150000".to_string())),
        known_settings: Arc::new([]),
        transaction: None,
        numbers: None,
    }
}

fn parse(text: &str) -> Query {
    let mut statements = Parser::parse_sql(&PostgreSqlDialect {}, text).expect(text);
    match statements.remove(0) {
        Statement::Query(query) => *query,
        other => panic!("not a query: {other}"),
    }
}

impl Bench {
    /// People with keys 1..=count, an undeclared set, a set with a composite key, one of each type.
    pub(crate) fn new(count: i64) -> Bench {
        Bench::with(count, Options { parallelism: 2, ..Options::default() })
    }

    /// The same with other limits.
    pub(crate) fn with(count: i64, options: Options) -> Bench {
        use ColumnType::*;
        let mut store = Memory::default();
        let table = |name: &str, key, columns, declared, oid| Table {
            namespace: "test".into(),
            name: name.into(),
            key,
            columns,
            declared,
            ttl_s: None,
            oid,
        };
        let mut name = column("name", Varchar(Some(20)));
        (name.not_null, name.default) = (true, Some("'x'".into()));
        let columns = vec![name, column("age", Int4), column("city", Text), column("Mixed", Jsonb)];
        store.table(table("people", vec![column("id", Int8)], columns, true, 100_001));
        let columns = vec![column("v", Int8), column("w", Jsonb)];
        store.table(table("free", vec![column("PK", Text)], columns, false, 100_002));
        let key = vec![column("a", Text), column("b", Int8)];
        store.table(table("pairs", key, vec![column("v", Text)], true, 100_003));
        let columns = vec![
            column("n", Numeric { precision: 10, scale: 2 }),
            column("u", Uuid),
            column("d", Date),
            column("ts", Timestamptz),
            column("tags", TextArray),
            column("by", Bytea),
            column("f", Float8),
            column("ok", Bool),
        ];
        store.table(table("kinds", vec![column("id", Int8)], columns, true, 100_004));
        store.table(table("keyless", vec![], vec![column("a", Int8)], true, 100_005));
        let cities = ["Rome", "Oslo", "Bonn"];
        for id in 1..=count {
            let mut bins = vec![("name", Value::String(format!("n{id}")))];
            if id % 5 != 0 {
                bins.push(("age", Value::Integer(20 + id)));
            }
            bins.push(("city", Value::String(cities[id as usize % 3].into())));
            store.put("people", Key::Integer(id), bins);
        }
        store.put(
            "free",
            Key::String("a".into()),
            vec![("v", Value::Integer(1)), ("w", Value::Bool(true))],
        );
        store.put("free", Key::Integer(7), vec![("w", Value::list(vec![Value::Integer(2)]))]);
        let key = |a: &str, b| model::encode_composite(&[Key::String(a.into()), Key::Integer(b)]);
        store.put("pairs", key("x", 1), vec![("v", Value::String("x1".into()))]);
        store.put("pairs", key("x", 2), vec![("v", Value::String("x2".into()))]);
        store.put("keyless", Key::Blob(vec![1; 16]), vec![("a", Value::Integer(5))]);
        store.put(
            "kinds",
            Key::Integer(1),
            vec![
                ("n", Value::String("12.50".into())),
                ("u", Value::Blob((0..16).collect())),
                ("d", Value::Integer(19_782)),
                ("ts", Value::Integer(1_709_202_896_789_000)),
                ("tags", Value::list(vec![Value::String("a".into()), Value::Nil])),
                ("by", Value::Blob(vec![0, 255])),
                ("f", Value::Double(2.5)),
                ("ok", Value::Bool(true)),
            ],
        );
        let store = Arc::new(store);
        Bench { engine: Engine::new(store.clone(), options).expect("engine"), store }
    }

    /// The answer as lines: names, then values separated by `|`.
    pub(crate) async fn run(&self, text: &str, params: &[Option<Value>]) -> SqlResult<Vec<String>> {
        let session = session();
        let prepared = self.engine.prepare(&parse(text), &session, &[]).await?;
        let names: Vec<&str> = prepared.fields().iter().map(|f| f.name.as_str()).collect();
        let types: Vec<ColumnType> = prepared.fields().iter().map(|_| ColumnType::Text).collect();
        let mut lines = vec![names.join("|")];
        let mut stream =
            self.engine.execute(&prepared, params, &session, &CancellationToken::new()).await?;
        while let Some(batch) = stream.next().await {
            let batch = batch.map_err(query::sql_error)?;
            for (field, column) in prepared.fields().iter().zip(batch.schema().fields()) {
                assert_eq!(field.oid, query::field_oid(column), "{} in {text}", field.name);
            }
            for row in query::batch_values(&batch, &types)? {
                let shown = row.iter().map(|value| match value {
                    Some(Value::String(text)) => text.clone(),
                    _ => "NULL".to_string(),
                });
                lines.push(shown.collect::<Vec<_>>().join("|"));
            }
        }
        Ok(lines)
    }

    /// The same, as one text.
    pub(crate) async fn text(&self, text: &str) -> String {
        match self.run(text, &[]).await {
            Ok(lines) => lines.join("\n"),
            Err(error) => format!("{} {}", error.sqlstate, error.message),
        }
    }

    pub(crate) async fn explain(&self, text: &str) -> String {
        let session = session();
        let prepared = self.engine.prepare(&parse(text), &session, &[]).await.expect(text);
        let cancel = CancellationToken::new();
        let lines = self.engine.explain(&prepared, &[], false, &session, &cancel).await;
        lines.expect(text).join("\n")
    }
}
