//! sqlx: a pool, rows into structs, statements prepared and kept.

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use futures::TryStreamExt;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use sqlx::postgres::{PgConnectOptions, PgPoolCopyExt, PgPoolOptions};
use sqlx::types::Json;
use sqlx::{
    Acquire, AssertSqlSafe, Column, Connection, Executor, PgPool, QueryBuilder, Row, SqlSafeStr, Statement, TypeInfo,
};
use uuid::Uuid;

use crate::{COLUMNS, ERRORS, Outcome, server};

crate::checks![every_type, described, builder, streamed, copy, blocks, migrations_lock, errors];

const T: &str = "drv_sqlx";
const SMALL: &str = "id int8 PRIMARY KEY, v text, n int8";

async fn connect() -> Result<PgPool, sqlx::Error> {
    let options = PgConnectOptions::new_without_pgpass()
        .host(&server("PGHOST"))
        .port(server("PGPORT").parse().expect("a port"))
        .username(&server("PGUSER"))
        .database(&server("PGDATABASE"))
        .ssl_mode(sqlx::postgres::PgSslMode::Disable);
    PgPoolOptions::new().max_connections(3).connect_with(options).await
}

/// A statement whose text is put together here.
fn text(text: String) -> AssertSqlSafe<String> {
    AssertSqlSafe(text)
}

async fn fresh(columns: &str, rows: i64) -> Result<PgPool, sqlx::Error> {
    let pool = connect().await?;
    pool.execute(text(format!("DROP TABLE IF EXISTS {T}"))).await?;
    pool.execute(text(format!("CREATE TABLE {T} ({columns})"))).await?;
    if rows > 0 {
        let fill = format!("INSERT INTO {T} (id, v, n) SELECT g, 'v' || g, g FROM generate_series(1, {rows}) AS s (g)");
        pool.execute(text(fill)).await?;
    }
    Ok(pool)
}

#[derive(sqlx::FromRow, Debug, PartialEq, Clone)]
struct Wide {
    id: i64,
    i2: Option<i16>,
    i4: Option<i32>,
    f4: Option<f32>,
    f8: Option<f64>,
    t: Option<String>,
    b: Option<bool>,
    by: Option<Vec<u8>>,
    d: Option<NaiveDate>,
    ts: Option<NaiveDateTime>,
    tz: Option<DateTime<Utc>>,
    num: Option<Decimal>,
    u: Option<Uuid>,
    j: Option<Json<Value>>,
    ai: Option<Vec<i64>>,
    at: Option<Vec<String>>,
    af: Option<Vec<f64>>,
    ab: Option<Vec<bool>>,
}

fn wide() -> Wide {
    let day = NaiveDate::from_ymd_opt(2024, 2, 29).expect("a leap year");
    let time = day.and_hms_micro_opt(12, 34, 56, 789_001).expect("a time");
    Wide {
        id: 1,
        i2: Some(i16::MIN),
        i4: Some(i32::MAX),
        f4: Some(-0.25),
        f8: Some(0.1),
        t: Some("tëxt ✈".into()),
        b: Some(false),
        by: Some(vec![0, 255, 92]),
        d: Some(day),
        ts: Some(time),
        tz: Some(time.and_utc()),
        num: Some(Decimal::new(-123_456_789_125, 3)),
        u: Some(Uuid::from_u128(7)),
        j: Some(Json(json!({"a": [1, null, "x"]}))),
        ai: Some(vec![1, i64::MAX]),
        at: Some(vec!["a,b".into(), "".into()]),
        af: Some(vec![]),
        ab: Some(vec![true]),
    }
}

async fn every_type() -> Outcome {
    let pool = fresh(COLUMNS, 0).await?;
    let row = wide();
    let insert = format!(
        "INSERT INTO {T} (id, i2, i4, f4, f8, t, b, \"by\", d, ts, tz, num, u, j, ai, at, af, ab)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)"
    );
    let bound = sqlx::query(text(insert)).bind(row.id).bind(row.i2).bind(row.i4).bind(row.f4).bind(row.f8);
    let bound = bound.bind(row.t.clone()).bind(row.b).bind(row.by.clone()).bind(row.d).bind(row.ts).bind(row.tz);
    let bound = bound.bind(row.num).bind(row.u).bind(row.j.clone()).bind(row.ai.clone()).bind(row.at.clone());
    assert_eq!(bound.bind(row.af.clone()).bind(row.ab.clone()).execute(&pool).await?.rows_affected(), 1);
    for condition in ["id = $1", "id + 0 = $1"] {
        let select = format!("SELECT * FROM {T} WHERE {condition}");
        let found: Option<Wide> = sqlx::query_as(text(select)).bind(1i64).fetch_optional(&pool).await?;
        assert_eq!(found, Some(row.clone()));
    }
    let ids = format!("SELECT id FROM {T} WHERE id = ANY($1)");
    let ids: Vec<i64> = sqlx::query_scalar(text(ids)).bind(vec![1i64, 2]).fetch_all(&pool).await?;
    assert_eq!(ids, [1]);
    Ok(())
}

/// What the compile-time macros ask of a server.
async fn described() -> Outcome {
    let pool = fresh(COLUMNS, 0).await?;
    let select = text(format!("SELECT id, num, j, at FROM {T} WHERE id = $1")).into_sql_str();
    let statement = pool.prepare(select).await?;
    let types: Vec<_> = statement.columns().iter().map(|c| (c.name(), c.type_info().name())).collect();
    assert_eq!(types, [("id", "INT8"), ("num", "NUMERIC"), ("j", "JSONB"), ("at", "TEXT[]")]);
    Ok(())
}

async fn builder() -> Outcome {
    let pool = fresh(SMALL, 0).await?;
    let mut insert = QueryBuilder::new(format!("INSERT INTO {T} (id, v) "));
    insert.push_values(0..500i64, |mut row, id| {
        row.push_bind(id).push_bind(format!("v{id}"));
    });
    assert_eq!(insert.build().execute(&pool).await?.rows_affected(), 500);
    Ok(())
}

async fn streamed() -> Outcome {
    let pool = fresh(SMALL, 1000).await?;
    let select = format!("SELECT id FROM {T} WHERE n > $1");
    let mut rows = sqlx::query(text(select)).bind(0i64).fetch(&pool);
    let mut sum = 0;
    while let Some(row) = rows.try_next().await? {
        sum += row.try_get::<i64, _>("id")?;
    }
    assert_eq!(sum, 500_500);
    Ok(())
}

async fn copy() -> Outcome {
    let pool = fresh(SMALL, 0).await?;
    let mut sink = pool.copy_in_raw(&format!("COPY {T} FROM STDIN (FORMAT csv)")).await?;
    sink.send(&b"1,a,10\n2,,20\n"[..]).await?;
    assert_eq!(sink.finish().await?, 2);
    let mut out = pool.copy_out_raw(&format!("COPY (SELECT id, v FROM {T} ORDER BY id) TO STDOUT")).await?;
    let mut all = Vec::new();
    while let Some(bytes) = out.try_next().await? {
        all.extend_from_slice(&bytes);
    }
    assert_eq!(String::from_utf8(all)?, "1\ta\n2\t\\N\n");
    Ok(())
}

async fn blocks() -> Outcome {
    let pool = fresh(SMALL, 2).await?;
    let count = || sqlx::query_scalar::<_, i64>(text(format!("SELECT count(*) FROM {T}")));
    let mut block = pool.begin().await?;
    block.execute(text(format!("DELETE FROM {T}"))).await?;
    assert_eq!((count().fetch_one(&mut *block).await?, count().fetch_one(&pool).await?), (0, 2));
    block.rollback().await?;
    let mut block = pool.begin().await?;
    let mut inner = block.begin().await?;
    assert!(inner.execute(text(format!("INSERT INTO {T} (id) VALUES (1)"))).await.is_err());
    inner.rollback().await?;
    block.execute(text(format!("INSERT INTO {T} (id) VALUES (3)"))).await?;
    block.commit().await?;
    assert_eq!(count().fetch_one(&pool).await?, 3);
    Ok(())
}

/// What sqlx's migrator asks before and after its work.
async fn migrations_lock() -> Outcome {
    let pool = connect().await?;
    let mut one = pool.acquire().await?;
    let name: String = sqlx::query_scalar("SELECT current_database()").fetch_one(&mut *one).await?;
    assert_eq!(name, server("PGDATABASE"));
    sqlx::query("SELECT pg_advisory_lock($1)").bind(42i64).execute(&mut *one).await?;
    sqlx::query("SELECT pg_advisory_unlock($1)").bind(42i64).execute(&mut *one).await?;
    one.ping().await?;
    Ok(())
}

async fn errors() -> Outcome {
    let pool = fresh("id int8 PRIMARY KEY, n int8, small int2", 0).await?;
    pool.execute(text(format!("INSERT INTO {T} (id, n) VALUES (1, 1)"))).await?;
    for (statement, state) in ERRORS {
        let outcome = sqlx::query(text(statement.replace("{t}", T))).fetch_all(&pool).await;
        let error = outcome.err().and_then(|error| error.into_database_error());
        assert_eq!(error.and_then(|e| e.code().map(String::from)).as_deref(), Some(state), "{statement}");
    }
    pool.execute(text(format!("DROP TABLE {T}"))).await?;
    Ok(())
}
