//! `aerie demo`: a node in a fresh folder, real data, and a tour through the Postgres wire.
//!
//! The tour is an ordinary client: what it shows is what any driver gets. Progress goes to the
//! standard error, the tour to the standard output.

use std::io::Write;
use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

const AIRPORTS_SCHEMA: &str = include_str!("../../../testdata/airports/schema.sql");
const AIRPORTS: &str = include_str!("../../../testdata/airports/airports.csv");
const FLIGHTS_SCHEMA: &str = include_str!("../../../testdata/flights/schema.sql");
const FLIGHTS: &str = include_str!("../../../testdata/flights/flights.csv");

/// Rows in one INSERT: one parse and one group commit for all of them.
const ROWS_PER_INSERT: usize = 500;
/// Rows of an answer that the tour prints.
const ROWS_SHOWN: usize = 8;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Comments and statements, in the order of the tour.
const TOUR: &[(&str, &[&str])] = &[
    (
        "One record by its key: one index probe, one device read. No optimizer is asked.",
        &[
            "SELECT code, name, city, state FROM airports WHERE code = 'JFK'",
            "EXPLAIN SELECT code, name, city, state FROM airports WHERE code = 'JFK'",
        ],
    ),
    (
        "Several records in one batch.",
        &[
            "SELECT code, name, latitude, longitude FROM airports WHERE code IN ('JFK', 'LGA', 'EWR')",
            "EXPLAIN SELECT code, name, latitude, longitude FROM airports WHERE code IN ('JFK', 'LGA', 'EWR')",
        ],
    ),
    (
        "Everything else runs on Arrow, streamed from a scan of the set.",
        &[
            "SELECT carrier, count(*) AS flights, round(avg(delay), 1) AS minutes_late FROM flights GROUP BY carrier ORDER BY flights DESC LIMIT 5",
            "EXPLAIN SELECT carrier, count(*) AS flights, round(avg(delay), 1) AS minutes_late FROM flights GROUP BY carrier ORDER BY flights DESC LIMIT 5",
        ],
    ),
    (
        "Joins too: where do New York's flights go?",
        &[
            "SELECT a.name, a.city, count(*) AS flights FROM flights f JOIN airports a ON f.destination = a.code GROUP BY a.name, a.city ORDER BY flights DESC LIMIT 5",
            "EXPLAIN SELECT a.name, a.city, count(*) AS flights FROM flights f JOIN airports a ON f.destination = a.code GROUP BY a.name, a.city ORDER BY flights DESC LIMIT 5",
        ],
    ),
    (
        "By value: an index on a column answers ranges, prefixes, and ORDER BY with LIMIT.",
        &[
            "CREATE INDEX ON airports (latitude)",
            "CREATE INDEX ON airports (city)",
            "SELECT code, name, latitude FROM airports WHERE latitude BETWEEN 70 AND 72",
            "EXPLAIN SELECT code, name, latitude FROM airports WHERE latitude BETWEEN 70 AND 72",
            "SELECT code, city, state FROM airports WHERE city LIKE 'New Y%'",
            "EXPLAIN SELECT code, city, state FROM airports WHERE city LIKE 'New Y%'",
            "SELECT code, name, latitude FROM airports ORDER BY latitude LIMIT 3",
        ],
    ),
    (
        "By place: what lies within 30 km of Times Square? Distances are metres on the sphere.",
        &[
            "ALTER TABLE airports ADD COLUMN place geojson",
            "UPDATE airports SET place = ST_Point(longitude, latitude)",
            "CREATE INDEX ON airports USING geo (place)",
            "SELECT code, name, round(ST_Distance(place, ST_Point(-73.986, 40.758))) AS metres FROM airports WHERE ST_DWithin(place, ST_Point(-73.986, 40.758), 30000)",
            "EXPLAIN SELECT code, name FROM airports WHERE ST_DWithin(place, ST_Point(-73.986, 40.758), 30000)",
            "SHOW INDEXES",
        ],
    ),
    (
        "A counter: the expression is evaluated under the record's lock.",
        &[
            "UPDATE flights SET delay = delay + 5 WHERE id = 8 RETURNING id, delay, \"GEN\"",
            "EXPLAIN UPDATE flights SET delay = delay + 5 WHERE id = 8",
        ],
    ),
    (
        "Compare-and-set: GEN counts the writes of a record. The second statement comes too late.",
        &[
            "UPDATE flights SET delay = 0 WHERE id = 8 AND GEN = 2 RETURNING id, delay, \"GEN\"",
            "UPDATE flights SET delay = 99 WHERE id = 8 AND GEN = 2 RETURNING id, delay, \"GEN\"",
        ],
    ),
    (
        "Your own functions, in Lua: on one record, or on a stream of them.",
        &[
            "REGISTER MODULE 'tour.lua' AS $$
function late(rec, minutes)
  rec.delay = rec.delay + minutes
  aerospike:update(rec)
  return rec.delay
end
function miles(s)
  return s : map(function(rec) return rec.distance end) : reduce(function(a, b) return a + b end)
end
$$",
            "EXECUTE tour.late(10) ON flights WHERE id = 8",
            "AGGREGATE tour.miles() ON flights WHERE carrier = 'AA'",
        ],
    ),
    (
        "A set needs no declaration, and a record may die by itself: TTL is in seconds.",
        &[
            "UPSERT INTO sessions (PK, visitor, pages) VALUES ('s-1', 'ada', 3) WITH (ttl = '30m')",
            "SELECT PK, visitor, pages, TTL FROM sessions WHERE PK = 's-1'",
        ],
    ),
    (
        "A delete writes a tombstone: it stays deleted, whatever happens to the node.",
        &["DELETE FROM sessions WHERE PK = 's-1'", "SELECT count(*) FROM sessions"],
    ),
    ("What is here.", &["SHOW NAMESPACES", "SHOW SETS"]),
];

/// Loads the sample data through the Postgres wire at `port` and runs the tour.
pub async fn tour(port: u16) -> Result<(), Failure> {
    let config = format!("host=127.0.0.1 port={port} user=demo dbname=test");
    let (client, connection) = tokio_postgres::connect(&config, NoTls).await?;
    let connection = tokio::spawn(connection);
    load(&client, "airports", AIRPORTS_SCHEMA, AIRPORTS).await?;
    load(&client, "flights", FLIGHTS_SCHEMA, FLIGHTS).await?;
    for (comment, statements) in TOUR {
        println!("\n-- {comment}");
        for statement in *statements {
            show(&client, statement).await?;
        }
    }
    drop(client);
    connection.await??;
    Ok(())
}

/// Creates a table and inserts every row of a CSV file with a header line.
async fn load(client: &Client, table: &str, schema: &str, data: &str) -> Result<(), Failure> {
    client.batch_execute(schema).await?;
    let mut reader = csv::Reader::from_reader(data.as_bytes());
    let columns = reader.headers()?.iter().collect::<Vec<_>>().join(", ");
    let rows = reader.records().collect::<Result<Vec<_>, _>>()?;
    let style = ProgressStyle::with_template("{msg:9} {bar:40} {pos}/{len} rows, {per_sec}")?;
    let bar = ProgressBar::new(rows.len() as u64).with_style(style).with_message(table.to_string());
    let begun = Instant::now();
    for chunk in rows.chunks(ROWS_PER_INSERT) {
        let values: Vec<String> = chunk.iter().map(row_literal).collect();
        let insert = format!("INSERT INTO {table} ({columns}) VALUES {}", values.join(", "));
        client.batch_execute(&insert).await?;
        bar.inc(chunk.len() as u64);
    }
    bar.finish();
    let seconds = begun.elapsed().as_secs_f64();
    println!("{table}: {} rows, each durable when acknowledged, in {seconds:.1} s", rows.len());
    Ok(())
}

/// `('a', NULL)`: an empty field is NULL.
fn row_literal(record: &csv::StringRecord) -> String {
    let literal = |field: &str| match field {
        "" => "NULL".to_string(),
        text => format!("'{}'", text.replace('\'', "''")),
    };
    format!("({})", record.iter().map(literal).collect::<Vec<_>>().join(", "))
}

/// Prints a statement, its rows and the time that it took.
async fn show(client: &Client, statement: &str) -> Result<(), Failure> {
    println!("\ntest=> {statement};");
    let begun = Instant::now();
    let answer = client.simple_query(statement).await?;
    let took = begun.elapsed();
    let mut table: Vec<Vec<String>> = Vec::new();
    let mut count = 0;
    for message in &answer {
        match message {
            SimpleQueryMessage::RowDescription(columns) => {
                table.push(columns.iter().map(|column| column.name().to_string()).collect());
            }
            SimpleQueryMessage::Row(row) => {
                let cell = |i| row.get(i).unwrap_or("").to_string();
                table.push((0..row.len()).map(cell).collect());
            }
            SimpleQueryMessage::CommandComplete(n) => count = *n,
            _ => {}
        }
    }
    let mut out = std::io::stdout().lock();
    let whole = statement.starts_with("EXPLAIN");
    print_table(&mut out, &table, if whole { usize::MAX } else { ROWS_SHOWN })?;
    let count = table.len().checked_sub(1).map_or(count, |rows| rows as u64);
    let unit = if count == 1 { "row" } else { "rows" };
    writeln!(out, "({count} {unit}, {:.2} ms)", took.as_secs_f64() * 1000.0)?;
    Ok(())
}

/// Header, rule and at most `most` rows, aligned.
fn print_table(out: &mut impl Write, table: &[Vec<String>], most: usize) -> std::io::Result<()> {
    let Some((header, rows)) = table.split_first() else { return Ok(()) };
    let width = |column: usize| {
        table.iter().take(most.saturating_add(1)).map(|r| r[column].chars().count()).max()
    };
    let widths: Vec<usize> = (0..header.len()).map(|column| width(column).unwrap_or(0)).collect();
    let line = |cells: &[String]| {
        let padded: Vec<_> = cells.iter().zip(&widths).map(|(c, w)| format!("{c:w$}")).collect();
        format!(" {}", padded.join(" | ")).trim_end().to_string()
    };
    writeln!(out, "{}", line(header))?;
    let rule: Vec<_> = widths.iter().map(|w| "-".repeat(w + 2)).collect();
    writeln!(out, "{}", rule.join("+"))?;
    for row in rows.iter().take(most) {
        writeln!(out, "{}", line(row))?;
    }
    if rows.len() > most {
        writeln!(out, " ... {} more", rows.len() - most)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_and_tables() {
        let record = csv::StringRecord::from(vec!["O'Hare", "", "7"]);
        assert_eq!(row_literal(&record), "('O''Hare', NULL, '7')");
        let table = [vec!["a".to_string(), "bb".into()], vec!["1".into(), "2".into()]];
        let mut out = Vec::new();
        print_table(&mut out, &table, 8).expect("memory");
        assert_eq!(String::from_utf8_lossy(&out), " a | bb\n---+----\n 1 | 2\n");
    }
}
