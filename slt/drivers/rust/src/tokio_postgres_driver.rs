//! tokio-postgres: everything prepared and binary, requests of one connection pipelined.

use std::pin::pin;

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use futures::{SinkExt, StreamExt, TryStreamExt};
use serde_json::{Value, json};
use tokio_postgres::binary_copy::{BinaryCopyInWriter, BinaryCopyOutStream};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};
use uuid::Uuid;

use crate::{COLUMNS, ERRORS, Outcome, server};

crate::checks![every_type, portals, simple, copy, pipelined, blocks, cancelled, unknown_types, errors];

const T: &str = "drv_tokio_postgres";

async fn connect() -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::Config::new()
        .host(server("PGHOST"))
        .port(server("PGPORT").parse().expect("a port"))
        .user(server("PGUSER"))
        .dbname(server("PGDATABASE"))
        .options("-c timezone=UTC")
        .connect(NoTls)
        .await?;
    tokio::spawn(connection);
    Ok(client)
}

async fn fresh(columns: &str, rows: i64) -> Result<Client, tokio_postgres::Error> {
    let client = connect().await?;
    client.batch_execute(&format!("DROP TABLE IF EXISTS {T}; CREATE TABLE {T} ({columns})")).await?;
    if rows > 0 {
        let fill = format!("INSERT INTO {T} (id, v, n) SELECT g, 'v' || g, g FROM generate_series(1, {rows}) AS s (g)");
        client.batch_execute(&fill).await?;
    }
    Ok(client)
}

const SMALL: &str = "id int8 PRIMARY KEY, v text, n int8";

async fn every_type() -> Outcome {
    let client = fresh(COLUMNS, 0).await?;
    let insert = client
        .prepare(&format!(
            "INSERT INTO {T} (id, i2, i4, i8, f4, f8, t, b, \"by\", d, ts, tz, u, j, ai, at, af, ab)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)"
        ))
        .await?;
    assert_eq!(insert.params()[1..4], [Type::INT2, Type::INT4, Type::INT8]);
    assert_eq!(insert.params()[12..15], [Type::UUID, Type::JSONB, Type::INT8_ARRAY]);
    let day = NaiveDate::from_ymd_opt(2024, 2, 29).expect("a leap year");
    let time: NaiveDateTime = day.and_hms_micro_opt(12, 34, 56, 789_000).expect("a time");
    let (zoned, id) = (time.and_utc(), Uuid::from_u128(0xa0eebc99_9c0b_4ef8_bb6d_6bb9bd380a11));
    let object = json!({"a": [1, 2.5, "x"], "b": null});
    client
        .execute(
            &insert,
            &[
                &1i64,
                &i16::MAX,
                &i32::MIN,
                &i64::MAX,
                &1.5f32,
                &1e300f64,
                &"tëxt ✈",
                &true,
                &&b"\x00\xff"[..],
                &day,
                &time,
                &zoned,
                &id,
                &object,
                &vec![1i64, i64::MIN],
                &vec!["a b", "", "q\"\\"],
                &vec![1.5f64],
                &vec![true, false],
            ],
        )
        .await?;
    let nulls: Option<&str> = None;
    let partly = format!("INSERT INTO {T} (id, t) VALUES ($1, $2)");
    assert_eq!(client.execute(&partly, &[&2i64, &nulls]).await?, 1);
    for condition in ["id = $1", "id + 0 = $1"] {
        let row = client.query_one(&format!("SELECT * FROM {T} WHERE {condition}"), &[&1i64]).await?;
        assert_eq!((row.get("i2"), row.get("i4"), row.get("i8")), (i16::MAX, i32::MIN, i64::MAX));
        assert_eq!((row.get("f4"), row.get("f8")), (1.5f32, 1e300f64));
        assert_eq!((row.get::<_, &str>("t"), row.get("b")), ("tëxt ✈", true));
        assert_eq!(row.get::<_, &[u8]>("by"), b"\x00\xff");
        assert_eq!((row.get("d"), row.get("ts")), (day, time));
        assert_eq!(row.get::<_, DateTime<Utc>>("tz"), zoned);
        assert_eq!((row.get("u"), row.get::<_, Value>("j")), (id, object.clone()));
        assert_eq!(row.get::<_, Vec<i64>>("ai"), [1, i64::MIN]);
        assert_eq!(row.get::<_, Vec<&str>>("at"), ["a b", "", "q\"\\"]);
        assert_eq!((row.get("af"), row.get("ab")), (vec![1.5f64], vec![true, false]));
        let row = client.query_one(&format!("SELECT * FROM {T} WHERE {condition}"), &[&2i64]).await?;
        assert_eq!(row.get::<_, Option<i16>>("i2"), None);
        assert_eq!(row.get::<_, Option<Vec<i64>>>("ai"), None);
    }
    let found = client.query_opt(&format!("SELECT id FROM {T} WHERE id = ANY($1)"), &[&vec![1i64, 9]]).await?;
    assert_eq!(found.map(|row| row.get::<_, i64>(0)), Some(1));
    Ok(())
}

async fn portals() -> Outcome {
    let mut client = fresh(SMALL, 1000).await?;
    let block = client.transaction().await?;
    let portal = block.bind(&format!("SELECT id FROM {T} WHERE n > $1 ORDER BY id"), &[&10i64]).await?;
    let mut seen = Vec::new();
    loop {
        let rows = block.query_portal(&portal, 300).await?;
        if rows.is_empty() {
            break;
        }
        seen.extend(rows.iter().map(|row| row.get::<_, i64>(0)));
    }
    assert_eq!(seen, (11..=1000).collect::<Vec<i64>>());
    block.commit().await?;
    let rows = client.query_raw(&format!("SELECT id FROM {T}"), Vec::<i64>::new()).await?;
    assert_eq!(rows.try_fold(0, async |n, row| Ok(n + row.get::<_, i64>(0))).await?, 500_500);
    Ok(())
}

async fn simple() -> Outcome {
    let client = fresh(SMALL, 2).await?;
    let answers = client.simple_query(&format!("SELECT id, v FROM {T} ORDER BY id; UPDATE {T} SET n = 5")).await?;
    let rows: Vec<_> = answers
        .iter()
        .filter_map(|answer| match answer {
            SimpleQueryMessage::Row(row) => Some((row.get("id"), row.get(1))),
            _ => None,
        })
        .collect();
    assert_eq!(rows, [(Some("1"), Some("v1")), (Some("2"), Some("v2"))]);
    assert!(matches!(answers.last(), Some(SimpleQueryMessage::CommandComplete(2))));
    Ok(())
}

async fn copy() -> Outcome {
    let client = fresh(SMALL, 0).await?;
    let sink = client.copy_in(&format!("COPY {T} (id, v, n) FROM STDIN (FORMAT binary)")).await?;
    let mut writer = pin!(BinaryCopyInWriter::new(sink, &[Type::INT8, Type::TEXT, Type::INT8]));
    for id in 1..=5000i64 {
        let text = (id % 3 > 0).then(|| format!("v{id}"));
        writer.as_mut().write(&[&id, &text, &-id]).await?;
    }
    assert_eq!(writer.finish().await?, 5000);
    let out = client.copy_out(&format!("COPY (SELECT id, v FROM {T} ORDER BY id) TO STDOUT (FORMAT binary)")).await?;
    let rows: Vec<_> = BinaryCopyOutStream::new(out, &[Type::INT8, Type::TEXT]).try_collect().await?;
    assert_eq!(rows.len(), 5000);
    assert_eq!((rows[3].get::<i64>(0), rows[3].get::<Option<&str>>(1)), (4, Some("v4")));
    assert_eq!(rows[2].get::<Option<&str>>(1), None);
    let mut sink = pin!(client.copy_in::<_, std::io::Cursor<Vec<u8>>>(&format!("COPY {T} FROM STDIN")).await?);
    sink.send(std::io::Cursor::new(b"6001\ta\t\\N\n".to_vec())).await?;
    assert_eq!(sink.finish().await?, 1);
    Ok(())
}

async fn pipelined() -> Outcome {
    let client = fresh(SMALL, 0).await?;
    let insert = client.prepare(&format!("INSERT INTO {T} (id, n) VALUES ($1, $2)")).await?;
    let values: Vec<(i64, i64)> = (0..200).map(|i| (i, i * i)).collect();
    let all = values.iter().map(|(id, n)| {
        let (client, insert) = (&client, &insert);
        async move { client.execute(insert, &[id, n]).await }
    });
    let counts = futures::future::try_join_all(all).await?;
    assert_eq!(counts.iter().sum::<u64>(), 200);
    let read = client.prepare(&format!("SELECT n FROM {T} WHERE id = $1")).await?;
    let all = values.iter().map(|(id, _)| {
        let (client, read) = (&client, &read);
        async move { client.query_one(read, &[id]).await }
    });
    let rows = futures::future::try_join_all(all).await?;
    assert!(rows.iter().zip(&values).all(|(row, (_, n))| row.get::<_, i64>(0) == *n));
    Ok(())
}

async fn blocks() -> Outcome {
    let mut client = fresh(SMALL, 2).await?;
    let count = format!("SELECT count(*) FROM {T}");
    let block = client.transaction().await?;
    block.execute(&format!("DELETE FROM {T}"), &[]).await?;
    assert_eq!(block.query_one(&count, &[]).await?.get::<_, i64>(0), 0);
    drop(block); // is a ROLLBACK
    assert_eq!(client.query_one(&count, &[]).await?.get::<_, i64>(0), 2);
    let mut block = client.build_transaction().start().await?;
    let inner = block.savepoint("tried").await?;
    let insert = format!("INSERT INTO {T} (id) VALUES ($1)");
    let error = inner.execute(&insert, &[&1i64]).await.expect_err("the key is there");
    assert_eq!(error.code(), Some(&SqlState::UNIQUE_VIOLATION));
    inner.rollback().await?;
    block.execute(&insert, &[&3i64]).await?;
    block.commit().await?;
    assert_eq!(client.query_one(&count, &[]).await?.get::<_, i64>(0), 3);
    Ok(())
}

async fn cancelled() -> Outcome {
    let client = fresh(SMALL, 2000).await?;
    let token = client.cancel_token();
    let slow = format!("SELECT count(*) FROM {T} a CROSS JOIN {T} b CROSS JOIN {T} c WHERE a.n + b.n + c.n < 0");
    let query = client.query(&slow, &[]);
    let cancel = async {
        // Until the server has the query there is nothing to cancel, so ask again and again.
        loop {
            let _ = token.cancel_query(NoTls).await;
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    };
    let error = tokio::select! { rows = query => rows.expect_err("it was cancelled"), () = cancel => unreachable!() };
    assert_eq!(error.code(), Some(&SqlState::QUERY_CANCELED));
    assert_eq!(connect().await?.query_one("SELECT 1", &[]).await?.get::<_, i32>(0), 1);
    Ok(())
}

/// Types that the driver does not know are asked of `pg_type`, `pg_range`, `pg_enum`, `pg_attribute`.
async fn unknown_types() -> Outcome {
    let client = connect().await?;
    let row =
        client.query_one("SELECT oid, typname, typreceive::text FROM pg_type WHERE typname = 'int8'", &[]).await?;
    assert_eq!((row.get(0), row.get(1), row.get(2)), (20u32, "int8", "int8recv"));
    let statement = client.prepare("SELECT table_name, is_typed FROM information_schema.tables LIMIT 1").await?;
    assert_eq!(statement.columns().len(), 2);
    Ok(())
}

async fn errors() -> Outcome {
    let client = fresh("id int8 PRIMARY KEY, n int8, small int2", 0).await?;
    client.execute(&format!("INSERT INTO {T} (id, n) VALUES (1, 1)"), &[]).await?;
    for (text, state) in ERRORS {
        let text = text.replace("{t}", T);
        let outcome = client.query(&text, &[]).await;
        let code = outcome.err().and_then(|error| error.code().map(|code| code.code().to_string()));
        assert_eq!(code.as_deref(), Some(state), "{text}");
    }
    let mut rows = pin!(client.query_raw("SELECT 1::int4", Vec::<i64>::new()).await?);
    assert_eq!(rows.next().await.transpose()?.map(|row| row.get::<_, i32>(0)), Some(1));
    client.batch_execute(&format!("DROP TABLE {T}")).await?;
    Ok(())
}
