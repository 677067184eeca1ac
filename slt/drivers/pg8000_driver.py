"""pg8000, written in Python alone, against the server of PGHOST, PGPORT, PGDATABASE, PGUSER: extended
protocol with text values, statements without values through the simple one."""

import contextlib
import io
import json
import os

import pg8000.dbapi
import pg8000.native

from checks import COLUMNS, EDGES, ERRORS, NAMES, NULLS, ROW, Checks, equal, fails

check = Checks("pg8000")
T = "drv_pg8000"
SERVER = dict(
    user=os.environ["PGUSER"], host=os.environ["PGHOST"], port=int(os.environ["PGPORT"]), database=os.environ["PGDATABASE"],
    startup_params={"options": "-c timezone=UTC"},
)


def connect():
    """The native interface; each statement is its own transaction."""
    return pg8000.native.Connection(**SERVER)


def fresh(conn, columns="id int8 PRIMARY KEY, v text, n int8", rows=0):
    conn.run(f"DROP TABLE IF EXISTS {T}")
    conn.run(f"CREATE TABLE {T} ({columns})")
    if rows:
        conn.run(f"INSERT INTO {T} (id, v, n) SELECT g, 'v' || g, g FROM generate_series(1, {rows}) AS s (g)")


@check
def connection_facts(conn):
    status = conn.parameter_statuses
    assert int(status["server_version"].split(".")[0]) >= 15, status
    equal((status["client_encoding"], status["integer_datetimes"], status["TimeZone"]), ("UTF8", "on", "UTC"))
    equal(conn.run("SELECT 1, 'it''s'"), [[1, "it's"]])
    equal(conn.run("SELECT :a || :b || 'x'", a="1", b="2"), [["12x"]])


@check
def insert_and_read_with_parameters(conn):
    fresh(conn)
    conn.run(f"INSERT INTO {T} (id, v, n) VALUES (:id, :v, :n)", id=1, v="it's \\", n=None)
    equal((conn.row_count, conn.run(f"SELECT * FROM {T} WHERE id = :id", id=1)), (1, [[1, "it's \\", None]]))
    equal([(c["name"], c["type_oid"]) for c in conn.columns], [("id", 20), ("v", 25), ("n", 20)])
    insert = conn.prepare(f"INSERT INTO {T} (id, v, n) VALUES (:id, :v, :n) RETURNING id")
    equal([insert.run(id=i, v=f"v{i}", n=i) for i in range(2, 500)], [[[i]] for i in range(2, 500)])
    insert.close()
    equal(conn.run(f"SELECT v FROM {T} WHERE id = ANY(:ids) ORDER BY id", ids=[3, 2, 99999]), [["v2"], ["v3"]])
    equal(conn.run(f"SELECT count(*) FROM {T} WHERE n > :n AND v LIKE :v", n=100, v="v4%"), [[100]])
    equal(conn.run(f"UPDATE {T} SET n = n + :by WHERE id = :id RETURNING n", by=5, id=2), [[7]])


@check
def every_type(conn):
    fresh(conn, COLUMNS)
    places = ", ".join(f":{n}" for n in NAMES)
    for row in (ROW, EDGES, NULLS):
        j = row["j"] if row["j"] is None else json.dumps(row["j"])  # a list would be taken as an array
        conn.run(f"INSERT INTO {T} ({', '.join(NAMES)}) VALUES ({places})", **row | {"j": j})
    by_key = [conn.run(f"SELECT * FROM {T} WHERE id = :id", id=i)[0] for i in (1, 2, 3)]
    for rows in by_key, conn.run(f"SELECT * FROM {T} WHERE id + 0 > 0 ORDER BY id"):
        equal([dict(zip(NAMES, row)) for row in rows], [ROW, EDGES, NULLS])


@check
def copy(conn):
    fresh(conn)
    lines = [f"{i}\tv\\\\{i}\t\\N\n" for i in range(3000)]
    conn.run(f"COPY {T} FROM STDIN", stream=lines)
    equal(conn.run(f"SELECT count(*), count(n), max(v) FROM {T}"), [[3000, 0, "v\\999"]])
    out = io.StringIO()
    conn.run(f"COPY (SELECT * FROM {T} ORDER BY id) TO STDOUT", stream=out)
    equal(out.getvalue(), "".join(lines))
    conn.run(f"TRUNCATE {T}")
    conn.run(f"COPY {T} FROM STDIN WITH (FORMAT csv, DELIMITER ';', NULL 'none')", stream=io.BytesIO('1;"a;""b""";none\n2;✈;2\n'.encode()))
    equal(conn.run(f"SELECT * FROM {T} ORDER BY id"), [[1, 'a;"b"', None], [2, "✈", 2]])
    fails("22P02", lambda: conn.run(f"COPY {T} FROM STDIN", stream=["3\tx\t1\n", "four\tx\t1\n"]))
    equal(conn.run(f"SELECT count(*) FROM {T}"), [[2]])


@check
def blocks(conn):
    fresh(conn, rows=2)
    for end, rows in ("ROLLBACK", 2), ("COMMIT", 0):
        conn.run("START TRANSACTION")
        conn.run(f"DELETE FROM {T} WHERE id > :id", id=0)
        equal(conn.run(f"SELECT count(*) FROM {T}"), [[0]])
        conn.run(end)
        equal(conn.run(f"SELECT count(*) FROM {T}"), [[rows]])
    with contextlib.closing(pg8000.dbapi.connect(**SERVER)) as dbapi:
        cur = dbapi.cursor()
        cur.execute(f"INSERT INTO {T} VALUES (%s, %s, %s)", (1, "a", 1))
        dbapi.rollback()
        cur.executemany(f"INSERT INTO {T} VALUES (%s, %s, %s)", [(2, "b", 2), (3, "c", 3)])
        fails("23505", cur.execute, f"INSERT INTO {T} (id) VALUES (%s)", (2,))
        fails("25P02", cur.execute, "SELECT 1")
        dbapi.rollback()
        cur.executemany(f"INSERT INTO {T} VALUES (%s, %s, %s)", [(4, "b", 2), (5, "c", 3)])
        dbapi.commit()
        cur.execute(f"SELECT id FROM {T} WHERE n > %s ORDER BY id", (0,))
        equal((cur.fetchone(), cur.fetchall()), ([4], ([5],)))


@check
def errors(conn):
    fresh(conn, "id int8 PRIMARY KEY, n int8, small int2")
    conn.run(f"INSERT INTO {T} (id, n) VALUES (1, 1)")
    for statement, state in ERRORS:
        fails(state, conn.run, statement.format(t=T))
        fails(state, lambda: conn.prepare(statement.format(t=T)).run())
    equal(conn.run(f"SELECT count(*) FROM {T}"), [[1]])
    conn.run(f"DROP TABLE {T}")


if __name__ == "__main__":
    check.run(connect)
