"""psycopg2 against the server of PGHOST, PGPORT, PGDATABASE, PGUSER: values are put into the text by
the driver, so all goes through the simple protocol, in a block unless autocommit is on."""

import contextlib
import io

import psycopg2
from psycopg2 import errors, extensions, extras

from checks import COLUMNS, EDGES, ERRORS, NAMES, NULLS, ROW, Checks, equal, fails

check = Checks("psycopg2")
T = "drv_psycopg2"
extras.register_uuid()


@contextlib.contextmanager
def connect():
    conn = psycopg2.connect("", options="-c timezone=UTC")
    try:
        yield conn
    finally:
        conn.close()


def fresh(conn, columns="id int8 PRIMARY KEY, v text, n int8", rows=0):
    """A cursor, and the table with this many rows; all of it is committed."""
    cur = conn.cursor()
    cur.execute(f"DROP TABLE IF EXISTS {T}")
    cur.execute(f"CREATE TABLE {T} ({columns})")
    if rows:
        cur.execute(f"INSERT INTO {T} (id, v, n) SELECT g, 'v' || g, g FROM generate_series(1, %s) AS s (g)", (rows,))
    conn.commit()
    return cur


def answer(cur, statement, values=None):
    cur.execute(statement, values)
    return cur.fetchall()


@check
def connection_facts(conn):
    assert conn.server_version >= 150000, conn.server_version
    equal((conn.encoding, conn.get_parameter_status("integer_datetimes")), ("UTF8", "on"))
    conn.set_session(isolation_level="READ COMMITTED", readonly=False, autocommit=False)
    equal(answer(conn.cursor(), "SELECT 1, %s, %s", ("it's \\", None)), [(1, "it's \\", None)])
    equal(conn.get_transaction_status(), extensions.TRANSACTION_STATUS_INTRANS)


@check
def every_type(conn):
    cur = fresh(conn, COLUMNS)
    names = ", ".join(NAMES)
    places = ", ".join({"j": "%s::jsonb", "ai": "%s::int8[]", "at": "%s::text[]", "af": "%s::float8[]", "ab": "%s::bool[]"}.get(n, "%s") for n in NAMES)
    for row in (ROW, EDGES, NULLS):
        j = row["j"]
        cur.execute(f"INSERT INTO {T} ({names}) VALUES ({places})", [*(row | {"j": None if j is None else extras.Json(j)}).values()])
    cur = conn.cursor(cursor_factory=extras.RealDictCursor)
    by_key = [answer(cur, f"SELECT * FROM {T} WHERE id = %s", (i,))[0] for i in (1, 2, 3)]
    for rows in by_key, answer(cur, f"SELECT * FROM {T} WHERE id + 0 > 0 ORDER BY id"):
        rows = [row | {"by": None if row["by"] is None else bytes(row["by"])} for row in rows]
        equal(rows, [ROW, EDGES, NULLS])


@check
def many_rows(conn):
    cur = fresh(conn)
    rows = [(i, f"v{i}'\\", i) for i in range(1, 3001)]
    extras.execute_values(cur, f"INSERT INTO {T} (id, v, n) VALUES %s", rows[:2000], page_size=500)
    extras.execute_batch(cur, f"INSERT INTO {T} (id, v, n) VALUES (%s, %s, %s)", rows[2000:], page_size=200)
    taken = extras.execute_values(cur, f"INSERT INTO {T} (id) VALUES %s RETURNING id", [(-1,), (-2,)], fetch=True)
    equal(sorted(taken), [(-2,), (-1,)])
    cur.executemany(f"DELETE FROM {T} WHERE id = %s", taken)
    conn.commit()
    equal(answer(cur, f"SELECT id, v, n FROM {T} ORDER BY id"), rows)
    equal(answer(cur, f"SELECT count(*) FROM {T} WHERE id = ANY(%s)", ([1, 2, 9999],)), [(2,)])


@check
def named_cursors(conn):
    fresh(conn, rows=1000)
    with conn.cursor("pages") as cur:
        cur.execute(f"SELECT id, v FROM {T} WHERE id > %s ORDER BY id", (10,))
        equal(cur.fetchmany(2), [(11, "v11"), (12, "v12")])
        equal((cur.fetchone(), len(cur.fetchmany(100)), len(cur.fetchall()), cur.fetchone()), ((13, "v13"), 100, 887, None))
    with conn.cursor("iterated") as cur:
        cur.itersize = 64
        cur.execute(f"SELECT id FROM {T} ORDER BY id")
        equal([row[0] for row in cur], list(range(1, 1001)))
    with conn.cursor("moved") as cur:
        cur.execute(f"SELECT id FROM {T} ORDER BY id")
        cur.scroll(50)
        equal(cur.fetchone(), (51,))
    with conn.cursor("held", withhold=True) as cur:
        cur.execute(f"SELECT id FROM {T} ORDER BY id")
        conn.commit()
        equal((cur.fetchmany(2), len(cur.fetchall())), ([(1,), (2,)], 998))


@check
def blocks(conn):
    cur = fresh(conn, rows=2)
    with contextlib.suppress(ZeroDivisionError), conn:
        cur.execute(f"UPDATE {T} SET n = 100")
        cur.execute("SAVEPOINT a")
        cur.execute(f"DELETE FROM {T}")
        cur.execute("ROLLBACK TO SAVEPOINT a")
        equal(answer(cur, f"SELECT id, n FROM {T} ORDER BY id"), [(1, 100), (2, 100)])
        raise ZeroDivisionError
    equal(answer(cur, f"SELECT id, n FROM {T} ORDER BY id"), [(1, 1), (2, 2)])
    conn.rollback()
    with conn:
        cur.execute(f"INSERT INTO {T} VALUES (3, 'three', 3)")
    with connect() as other:
        equal(answer(other.cursor(), f"SELECT count(*) FROM {T}"), [(3,)])
        other.rollback()
        cur.execute(f"DELETE FROM {T}")
        equal(answer(other.cursor(), f"SELECT count(*) FROM {T}"), [(3,)])
    fails("22012", cur.execute, "SELECT 1 / 0")
    equal(conn.get_transaction_status(), extensions.TRANSACTION_STATUS_INERROR)
    fails("25P02", cur.execute, "SELECT 1")
    conn.rollback()
    conn.set_session(readonly=True)
    fails("25006", cur.execute, f"DELETE FROM {T}")
    conn.rollback()
    equal(answer(cur, f"SELECT count(*) FROM {T}"), [(3,)])


@check
def copy(conn):
    cur = fresh(conn)
    cur.copy_expert(f"COPY {T} (id, v, n) FROM STDIN WITH (FORMAT csv, HEADER)", io.StringIO('id,v,n\n1,"a ""b"", c",10\n2,,20\n3,"",\n'))
    equal((cur.rowcount, answer(cur, f"SELECT * FROM {T} ORDER BY id")), (3, [(1, 'a "b", c', 10), (2, None, 20), (3, "", None)]))
    out = io.StringIO()
    cur.copy_expert(f"COPY (SELECT * FROM {T} ORDER BY id) TO STDOUT WITH CSV HEADER DELIMITER ';' NULL 'none'", out)
    equal(out.getvalue(), 'id;v;n\n1;"a ""b"", c";10\n2;none;20\n3;;none\n')
    conn.commit()
    cur.copy_from(io.StringIO("".join(f"{i}|v\\\\{i}|\\N\n" for i in range(10, 5010))), T, sep="|", columns=("id", "v", "n"))
    equal(answer(cur, f"SELECT count(*), count(n), max(v) FROM {T} WHERE id >= 10"), [(5000, 0, "v\\999")])
    conn.rollback()
    out = io.StringIO()
    cur.copy_to(out, T, sep="|", null="-", columns=("id", "n"))
    equal(sorted(out.getvalue().splitlines()), ["1|10", "2|20", "3|-"])
    binary, back = "COPY {} (id, v, n) {} (FORMAT binary)", io.BytesIO()
    cur.copy_expert(binary.format(T, "TO STDOUT"), back)
    cur.execute(f"TRUNCATE {T}")
    cur.copy_expert(binary.format(T, "FROM STDIN"), io.BytesIO(back.getvalue()))
    equal(answer(cur, f"SELECT id FROM {T} ORDER BY id"), [(1,), (2,), (3,)])
    error = fails("22P02", cur.copy_expert, f"COPY {T} FROM STDIN", io.StringIO("5\tx\t1\nsix\tx\t1\n"))
    assert isinstance(error, errors.InvalidTextRepresentation) and "line 2" in str(error), error


@check
def errors_by_state(conn):
    cur = fresh(conn, "id int8 PRIMARY KEY, n int8, small int2")
    conn.autocommit = True
    cur.execute(f"INSERT INTO {T} (id, n) VALUES (1, 1)")
    for statement, state in ERRORS:
        fails(state, cur.execute, statement.format(t=T))
    error = fails("23505", cur.execute, f"INSERT INTO {T} (id) VALUES (%s)", (1,))
    assert isinstance(error, errors.UniqueViolation)


@check
def many_statements(conn):
    cur = fresh(conn)
    cur.execute(f"INSERT INTO {T} VALUES (1, 'a', 1); UPDATE {T} SET v = 'b'; SELECT v FROM {T}")
    equal(cur.fetchall(), [("b",)])
    conn.rollback()
    equal(answer(cur, f"SELECT count(*) FROM {T}"), [(0,)])
    cur.execute(f"DROP TABLE {T}")
    conn.commit()


if __name__ == "__main__":
    check.run(connect)
