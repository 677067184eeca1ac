"""DuckDB's postgres extension against the server of PGHOST, PGPORT, PGDATABASE, PGUSER: it reads the
catalogue, fetches and writes tables by COPY in binary, and joins them with its own."""

import contextlib
import json
import pathlib
import sysconfig

import duckdb

from checks import COLUMNS, EDGES, NAMES, NULLS, ROW, Checks, equal

check = Checks("duckdb")
T = "drv_duckdb"
EXTENSION = next(pathlib.Path(sysconfig.get_path("purelib")).glob("duckdb_ext/extensions/*/*/postgres_scanner.duckdb_extension"))


@contextlib.contextmanager
def connect():
    with duckdb.connect(":memory:") as conn:
        conn.execute(f"LOAD '{EXTENSION}'")
        conn.execute("SET TimeZone = 'UTC'")
        conn.execute("SET pg_use_ctid_scan = false")  # pages of PostgreSQL's own files
        conn.execute("ATTACH '' AS pg (TYPE postgres)")
        conn.execute(f"USE pg.{remote(conn, 'SELECT current_schema() AS s')[0][0]}")
        yield conn


def remote(conn, query):
    """A query that the server runs as it stands."""
    return conn.execute("FROM postgres_query('pg', ?)", [query]).fetchall()


def fresh(conn, columns="id int8 PRIMARY KEY, v text, n int8", rows=0):
    for statement in f"DROP TABLE IF EXISTS {T}", f"CREATE TABLE {T} ({columns})":
        conn.execute("CALL postgres_execute('pg', ?)", [statement])
    conn.execute("CALL pg_clear_cache()")
    if rows:
        conn.execute(f"INSERT INTO {T} (id, v, n) SELECT g, 'v' || g, g FROM range(1, {rows + 1}) AS s (g)")


@check
def catalogue(conn):
    fresh(conn, COLUMNS)
    described = conn.execute(f"DESCRIBE {T}").fetchall()
    equal([column[0] for column in described], NAMES)
    equal([column[1] for column in described[:8]], ["BIGINT", "SMALLINT", "INTEGER", "BIGINT", "FLOAT", "DOUBLE", "VARCHAR", "VARCHAR"])
    assert (T,) in conn.execute("SHOW TABLES").fetchall()
    equal(remote(conn, "SELECT 1::int8 AS one, 'it''s' AS t"), [(1, "it's")])


@check
def every_type(conn):
    fresh(conn, COLUMNS)
    for row in (ROW, EDGES, NULLS):
        j = row["j"] if row["j"] is None else json.dumps(row["j"])
        conn.execute(f"INSERT INTO {T} VALUES ({', '.join('?' * len(NAMES))})", [*(row | {"j": j}).values()])
    cur = conn.execute(f"SELECT * FROM {T} ORDER BY id")
    rows = [dict(zip(NAMES, row)) for row in cur.fetchall()]
    equal([row | {"j": row["j"] if row["j"] is None else json.loads(row["j"])} for row in rows], [ROW, EDGES, NULLS])


@check
def many_rows_filters_and_joins(conn):
    fresh(conn, rows=3000)
    equal(conn.execute(f"SELECT count(*), sum(n), max(v) FROM {T}").fetchone(), (3000, 4_501_500, "v999"))
    conn.execute("SET pg_experimental_filter_pushdown = true")
    equal(conn.execute(f"SELECT v FROM {T} WHERE id = ?", [77]).fetchall(), [("v77",)])
    equal(conn.execute(f"SELECT id FROM {T} WHERE v IN ('v5', 'v6', 'none') AND n > 5").fetchall(), [(6,)])
    equal(conn.execute(f"SELECT id FROM {T} WHERE v LIKE 'v199%' ORDER BY id LIMIT 2 OFFSET 1").fetchall(), [(1990,), (1991,)])
    conn.execute("CREATE TABLE memory.main.local AS SELECT * FROM range(100, 103) AS s (k)")
    equal(conn.execute(f"SELECT v FROM {T} JOIN memory.main.local ON k = id ORDER BY k").fetchall(), [("v100",), ("v101",), ("v102",)])


@check
def tables_made_of_queries(conn):
    conn.execute(f"DROP TABLE IF EXISTS {T}_made")
    conn.execute(f"CREATE TABLE {T}_made AS SELECT g AS id, 'n' || g AS name, g / 4 AS quarter FROM range(2000) AS s (g)")
    equal(remote(conn, f"SELECT count(*), sum(quarter), max(name) FROM {T}_made"), [(2000, 499750.0, "n999")])
    conn.execute(f"DROP TABLE {T}_made")


@check
def blocks(conn):
    fresh(conn, rows=3)
    conn.execute("BEGIN")
    conn.execute(f"INSERT INTO {T} VALUES (10, 'ten', 10)")
    equal(conn.execute(f"SELECT count(*) FROM {T}").fetchone(), (4,))
    conn.execute("ROLLBACK")
    equal(conn.execute(f"SELECT count(*) FROM {T}").fetchone(), (3,))
    conn.execute("BEGIN")
    conn.execute(f"INSERT INTO {T} VALUES (10, 'ten', 10)")
    conn.execute("COMMIT")
    equal(remote(conn, f"SELECT count(*) AS n FROM {T}"), [(4,)])


@check
def errors(conn):
    fresh(conn, rows=1)
    for statement, message in [
        (f"INSERT INTO {T} VALUES (1, 'twice', 1)", "duplicate key"),
        (f"SELECT * FROM postgres_query('pg', 'SELECT nosuch FROM {T}')", "does not exist"),
        (f"SELECT * FROM postgres_query('pg', 'SELECT 1 / (n - n) AS x FROM {T}')", "division by zero"),
    ]:
        try:
            conn.execute(statement)
            raise AssertionError(f"no error: {statement}")
        except duckdb.Error as error:
            assert message in str(error), error
    equal(conn.execute(f"SELECT count(*) FROM {T}").fetchone(), (1,))
    conn.execute(f"DROP TABLE {T}")


if __name__ == "__main__":
    check.run(connect)
