"""psycopg 3 against the server of PGHOST, PGPORT, PGDATABASE, PGUSER."""

import logging
import threading
import time

import psycopg
from psycopg import sql
from psycopg.pq import TransactionStatus
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from checks import COLUMNS, EDGES, ERRORS, NAMES, NULLS, ROW, SLOW, Checks, equal

check = Checks("psycopg")
T = "drv_psycopg"
logging.getLogger("psycopg").setLevel(logging.ERROR)  # it warns of the pipeline that fails on purpose


def connect():
    return psycopg.connect(autocommit=True, options="-c timezone=UTC")


def fresh(conn, columns="id int8 PRIMARY KEY, v text, n int8", rows=0, name=T):
    conn.execute(f"DROP TABLE IF EXISTS {name}")
    conn.execute(f"CREATE TABLE {name} ({columns})")
    if rows:
        conn.execute(f"INSERT INTO {name} (id, v, n) SELECT g, 'v' || g, g FROM generate_series(1, {rows}) AS s (g)")


def parameters(row):
    j = row["j"]
    return row | {"j": None if j is None else Jsonb(j)}


@check
def connection_facts(conn):
    assert conn.info.server_version >= 150000, conn.info.server_version
    equal(conn.info.parameter_status("client_encoding"), "UTF8")
    equal(conn.info.parameter_status("integer_datetimes"), "on")
    equal(conn.info.parameter_status("standard_conforming_strings"), "on")
    assert conn.info.parameter_status("DateStyle").startswith("ISO")
    assert conn.info.backend_pid
    equal(conn.execute("SELECT 1").fetchone(), (1,))
    equal(conn.execute("").statusmessage, None)


@check
def insert_and_read_with_parameters(conn):
    fresh(conn)
    cur = conn.execute(f"INSERT INTO {T} (id, v, n) VALUES (%s, %s, %s)", (1, "one", 10))
    equal((cur.rowcount, cur.statusmessage), (1, "INSERT 0 1"))
    cur = conn.cursor()
    cur.executemany(f"INSERT INTO {T} (id, v, n) VALUES (%s, %s, %s)", [(i, f"v{i}", i) for i in range(2, 50)])
    equal(cur.rowcount, 48)
    equal(conn.execute(f"SELECT v FROM {T} WHERE id = %s", (7,)).fetchone(), ("v7",))
    equal(conn.execute(f"SELECT v FROM {T} WHERE id = %s", (700,)).fetchone(), None)
    equal(conn.execute(f"SELECT v FROM {T} WHERE n > %s AND v LIKE %s ORDER BY id", (46, "v4%")).fetchall(), [("v47",), ("v48",), ("v49",)])
    equal(conn.execute(f"SELECT id FROM {T} WHERE id = ANY(%s) ORDER BY id", ([3, 1, 99],)).fetchall(), [(1,), (3,)])
    equal(conn.execute(f"SELECT v FROM {T} WHERE id = %(id)s", {"id": 5}).fetchone(), ("v5",))
    cur = conn.execute(f"UPDATE {T} SET n = n + %s WHERE id = %s RETURNING n", (5, 1))
    equal((cur.fetchone(), cur.statusmessage), ((15,), "UPDATE 1"))
    equal(conn.execute(f"DELETE FROM {T} WHERE id = %s", (1,)).statusmessage, "DELETE 1")
    equal(conn.execute(f"SELECT count(*) FROM {T}").fetchone(), (48,))


@check
def every_type_in_text_and_binary(conn):
    fresh(conn, COLUMNS)
    names = ", ".join(NAMES)
    for placeholder, shift in (("%s", 0), ("%t", 10), ("%b", 20)):
        values = ", ".join(placeholder for _ in NAMES)
        for row in (ROW, EDGES, NULLS):
            row = parameters(row | {"id": row["id"] + shift})
            conn.execute(f"INSERT INTO {T} ({names}) VALUES ({values})", [row[name] for name in NAMES])
    for binary in (False, True):
        cur = conn.cursor(binary=binary, row_factory=dict_row)
        for shift in (0, 10, 20):
            for row in (ROW, EDGES, NULLS):
                want = row | {"id": row["id"] + shift}
                by_key = cur.execute(f"SELECT {names} FROM {T} WHERE id = %s", (want["id"],)).fetchone()
                equal(by_key, want)
                scanned = cur.execute(f"SELECT * FROM {T} WHERE id + 0 = %s", (want["id"],)).fetchone()
                equal(scanned, want)


@check
def large_batches_and_values(conn):
    fresh(conn)
    rows = [(i, f"v{i}", i) for i in range(1, 1001)]
    values = ", ".join(["(%s, %s, %s)"] * len(rows))
    equal(conn.execute(f"INSERT INTO {T} (id, v, n) VALUES {values}", [x for row in rows for x in row]).rowcount, 1000)
    keys = list(range(-2000, 5000))
    equal(sorted(conn.execute(f"SELECT id, v, n FROM {T} WHERE id = ANY(%s)", (keys,)).fetchall()), rows)
    text = "ø✈'\\\n" * 60_000
    conn.execute(f"UPDATE {T} SET v = %s WHERE id = %s", (text, 1))
    for binary in (False, True):
        equal(conn.execute(f"SELECT v FROM {T} WHERE id = %s", (1,), binary=binary).fetchone(), (text,))


@check
def simple_protocol_and_many_statements(conn):
    fresh(conn)
    cur = psycopg.ClientCursor(conn)
    cur.execute(f"INSERT INTO {T} (id, v) VALUES (%s, %s); SELECT v FROM {T} WHERE id = %s; SELECT 2", (1, "it's", 1))
    equal(cur.statusmessage, "INSERT 0 1")
    assert cur.nextset()
    equal(cur.fetchall(), [("it's",)])
    assert cur.nextset()
    equal(cur.fetchall(), [(2,)])
    assert not cur.nextset()


@check
def prepared_statements(conn):
    fresh(conn, rows=20)
    for i in range(1, 21):  # named from the sixth on
        equal(conn.execute(f"SELECT v FROM {T} WHERE id = %s", (i,)).fetchone(), (f"v{i}",))
    for i in range(3):
        equal(conn.execute(f"SELECT n FROM {T} WHERE id = %s", (i + 1,), prepare=True).fetchone(), (i + 1,))


@check
def pipeline(conn):
    fresh(conn)
    with conn.pipeline():
        cursors = [conn.execute(f"INSERT INTO {T} (id, v) VALUES (%s, %s) RETURNING v", (i, f"p{i}")) for i in range(50)]
        equal([cur.fetchone()[0] for cur in cursors], [f"p{i}" for i in range(50)])
    try:
        with conn.pipeline():
            conn.execute("SELECT 1")
            conn.execute("SELECT 1 / 0")
            conn.execute("SELECT 2")
        raise AssertionError("no error")
    except psycopg.errors.DivisionByZero:
        pass
    equal(conn.execute("SELECT 3").fetchone(), (3,))


@check
def messages_up_to_a_sync_are_one_transaction(conn):
    fresh(conn)
    for broken in ("SELECT 1 / 0", f"INSERT INTO {T} (id) VALUES (3)"):
        try:
            with conn.pipeline():
                conn.execute(f"INSERT INTO {T} (id, v) VALUES (3, 'a')")
                conn.execute(f"UPDATE {T} SET v = 'b' WHERE id = 3")
                conn.execute(broken)
            raise AssertionError("no error")
        except (psycopg.errors.DivisionByZero, psycopg.errors.UniqueViolation):
            pass
        equal(conn.execute(f"SELECT count(*) FROM {T}").fetchone(), (0,))
    with conn.pipeline():
        conn.execute(f"INSERT INTO {T} (id, v) VALUES (3, 'a')")
        conn.execute(f"UPDATE {T} SET v = v || 'b' WHERE id = 3")
        seen = conn.execute(f"SELECT v FROM {T}")
    equal(seen.fetchall(), [("ab",)])
    equal(conn.execute(f"SELECT v FROM {T} WHERE id = 3").fetchall(), [("ab",)])


@check
def named_cursor(conn):
    fresh(conn, rows=1000)
    with conn.transaction():
        with conn.cursor(name="pages") as cur:
            cur.execute(f"SELECT id, v FROM {T} WHERE id > %s ORDER BY id", (10,))
            equal(cur.fetchmany(3), [(11, "v11"), (12, "v12"), (13, "v13")])
            equal(cur.fetchone(), (14, "v14"))
            equal(len(cur.fetchmany(100)), 100)
            equal(len(cur.fetchall()), 886)
            equal(cur.fetchmany(5), [])
        with conn.cursor(name="iterated", binary=True) as cur:
            cur.itersize = 64
            cur.execute(f"SELECT id FROM {T}")
            equal(sorted(row[0] for row in cur), list(range(1, 1001)))


@check
def declare_by_hand(conn):
    fresh(conn, rows=10)
    with conn.transaction():
        conn.execute(f"DECLARE by_hand CURSOR FOR SELECT id FROM {T} ORDER BY id")
        equal(conn.execute("FETCH 3 FROM by_hand").fetchall(), [(1,), (2,), (3,)])
        equal(conn.execute("FETCH FORWARD 2 FROM by_hand").fetchall(), [(4,), (5,)])
        equal(len(conn.execute("FETCH ALL FROM by_hand").fetchall()), 5)
        conn.execute("CLOSE by_hand")


@check
def streamed_rows(conn):
    fresh(conn, rows=1000)
    rows = conn.cursor().stream(f"SELECT id FROM {T} ORDER BY id")
    equal([row[0] for row in rows], list(range(1, 1001)))


@check
def cancel(conn):
    fresh(conn, rows=2000)
    for _ in range(2):
        timer = threading.Timer(0.5, conn.cancel_safe)
        timer.start()
        began = time.monotonic()
        try:
            conn.execute(SLOW.format(t=T))
            raise AssertionError("the slow query ended")
        except psycopg.errors.QueryCanceled as error:
            equal(error.sqlstate, "57014")
        finally:
            timer.join()
        assert time.monotonic() - began < 60
        equal(conn.execute(f"SELECT v FROM {T} WHERE id = 5").fetchone(), ("v5",))


@check
def statement_timeout(conn):
    fresh(conn, rows=2000)
    conn.execute("SET statement_timeout = 300")
    try:
        conn.execute(SLOW.format(t=T))
        raise AssertionError("the slow query ended")
    except psycopg.errors.QueryCanceled as error:
        equal(error.sqlstate, "57014")
    conn.execute("RESET statement_timeout")
    equal(conn.execute("SELECT 1").fetchone(), (1,))


@check
def transaction_status(conn):
    fresh(conn)
    conn.autocommit = False
    status = lambda: conn.info.transaction_status
    equal(status(), TransactionStatus.IDLE)
    conn.execute(f"INSERT INTO {T} (id, v) VALUES (1, 'a')")
    equal(status(), TransactionStatus.INTRANS)
    conn.commit()
    equal(status(), TransactionStatus.IDLE)
    equal(conn.execute(f"SELECT v FROM {T} WHERE id = 1").fetchone(), ("a",))
    conn.rollback()
    equal(status(), TransactionStatus.IDLE)
    for statement in ("SELECT 1 / 0", "SELEC"):
        try:
            conn.execute(statement)
            raise AssertionError("no error")
        except psycopg.Error:
            equal(status(), TransactionStatus.INERROR)
        try:
            conn.execute("SELECT 1")
            raise AssertionError("no error")
        except psycopg.errors.InFailedSqlTransaction as error:
            equal(error.sqlstate, "25P02")
        conn.rollback()
        equal(status(), TransactionStatus.IDLE)
    conn.autocommit = True
    with conn.transaction():
        equal(status(), TransactionStatus.INTRANS)
        equal(conn.execute("SELECT 1").fetchone(), (1,))
    equal(status(), TransactionStatus.IDLE)


@check
def errors(conn):
    fresh(conn, "id int8 PRIMARY KEY, n int8, small int2")
    conn.execute(f"INSERT INTO {T} (id, n) VALUES (1, 1)")
    for statement, state in ERRORS:
        for cursor in (psycopg.Cursor(conn), psycopg.ClientCursor(conn)):
            try:
                cursor.execute(statement.format(t=T))
                raise AssertionError(f"no error: {statement}")
            except psycopg.Error as error:
                assert error.sqlstate == state, f"{statement}: {error.sqlstate} {error}, not {state}"
                equal(error.diag.severity_nonlocalized, "ERROR")
                assert error.diag.message_primary
    try:
        conn.execute(f"SELECT n FROM {T} WHERE id = %s AND nosuch = 1", (1,))
        raise AssertionError("no error")
    except psycopg.errors.UndefinedColumn as error:
        equal(error.diag.statement_position, "45")
    for statement, value, state in [
        (f"SELECT * FROM {T} WHERE id = %s", "one", "22P02"),
        (f"INSERT INTO {T} (id, small) VALUES (2, %s)", 70000, "22003"),
        (f"INSERT INTO {T} (id, n) VALUES (%s, 1)", 1, "23505"),
        ("SELECT 1 / %s::int8", 0, "22012"),
    ]:
        try:
            conn.execute(statement, (value,))
            raise AssertionError(f"no error: {statement}")
        except psycopg.Error as error:
            assert error.sqlstate == state, f"{statement}: {error.sqlstate} {error}, not {state}"
    equal(conn.execute(f"SELECT count(*) FROM {T}").fetchone(), (1,))


@check
def names_composed_by_the_driver(conn):
    name = sql.Identifier("drv psycopg Quoted")
    conn.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(name))
    conn.execute(sql.SQL("CREATE TABLE {} (id int8 PRIMARY KEY, {} text)").format(name, sql.Identifier("Odd Name")))
    conn.execute(sql.SQL("INSERT INTO {} VALUES ({}, {})").format(name, sql.Literal(1), sql.Literal("it's \\")))
    cur = conn.execute(sql.SQL("SELECT * FROM {}").format(name))
    equal([column.name for column in cur.description], ["id", "Odd Name"])
    equal([column.type_code for column in cur.description], [20, 25])
    equal(cur.fetchall(), [(1, "it's \\")])
    conn.execute(sql.SQL("DROP TABLE {}").format(name))


@check
def copy_in_and_out(conn):
    fresh(conn)
    rows = [(i, None if i % 10 == 0 else f"v\t{i}\\ \n\u2708", -i) for i in range(1, 2501)]
    with conn.cursor() as cur:
        with cur.copy(f"COPY {T} (id, v, n) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        equal(cur.statusmessage, "COPY 2500")
    query = f"SELECT id, v, n FROM {T} ORDER BY id"
    equal(conn.execute(query).fetchall(), rows)
    for how in ["", "(FORMAT binary)"]:
        with conn.cursor().copy(f"COPY ({query}) TO STDOUT {how}") as copy:
            copy.set_types(["int8", "text", "int8"])
            equal(list(copy.rows()), rows)
    fresh(conn)
    with conn.cursor().copy(f"COPY {T} FROM STDIN (FORMAT binary)") as copy:
        copy.set_types(["int8", "text", "int8"])
        for row in rows:
            copy.write_row(row)
    equal(conn.execute(query).fetchall(), rows)
    with conn.cursor().copy(f"COPY ({query} LIMIT 2) TO STDOUT (FORMAT csv, HEADER, FORCE_QUOTE (v))") as copy:
        csv = b"".join(copy).decode()
    equal(csv, 'id,v,n\n1,"v\t1\\ \n\u2708",-1\n2,"v\t2\\ \n\u2708",-2\n')
    with conn.cursor().copy(f"COPY {T} FROM STDIN WITH CSV HEADER") as copy:
        copy.write("id,v,n\r\n3000,\"a \"\"b\"\"\",\r\n3001,,5\r\n")
    equal(conn.execute(f"SELECT id, v, n FROM {T} WHERE id >= 3000 ORDER BY id").fetchall(), [(3000, 'a "b"', None), (3001, None, 5)])


@check
def copy_that_fails(conn):
    fresh(conn)
    for data, state in [("1\tx\tno number\n", "22P02"), ("1\tx\n", "22P04"), ("1\tx\t1\t1\n", "22P04"), ("\\N\tx\t1\n", "23502")]:
        try:
            with conn.cursor().copy(f"COPY {T} FROM STDIN") as copy:
                copy.write(data)
            raise AssertionError(f"no error: {data!r}")
        except psycopg.Error as error:
            equal(error.sqlstate, state)
    try:
        with conn.cursor().copy(f"COPY {T} FROM STDIN") as copy:
            copy.write("1\tx\t1\n")
            raise ZeroDivisionError
    except ZeroDivisionError:
        pass
    equal(conn.execute(f"SELECT count(*) FROM {T}").fetchone(), (0,))
    with conn.cursor().copy(f"COPY {T} FROM STDIN") as copy:
        copy.write("1\tx\t1\n")
    try:
        with conn.cursor().copy(f"COPY {T} FROM STDIN") as copy:
            copy.write("2\tx\t1\n1\ttwice\t1\n")
        raise AssertionError("a key was taken twice")
    except psycopg.errors.UniqueViolation:
        pass


@check
def copy_inside_a_block(conn):
    fresh(conn, rows=3)
    try:
        with conn.transaction():
            with conn.cursor().copy(f"COPY {T} FROM STDIN") as copy:
                copy.write("10\tten\t1\n11\televen\t1\n")
            equal(conn.execute(f"SELECT count(*) FROM {T}").fetchone(), (5,))
            raise ZeroDivisionError
    except ZeroDivisionError:
        pass
    equal(conn.execute(f"SELECT count(*) FROM {T}").fetchone(), (3,))
    # Of a set that the block has emptied itself any number of rows is taken.
    try:
        with conn.transaction():
            conn.execute(f"TRUNCATE {T}")
            with conn.cursor().copy(f"COPY {T} (id, v) FROM STDIN") as copy:
                for i in range(30_000):
                    copy.write_row((i, "x" * 100))
            equal(conn.execute(f"SELECT count(*) FROM {T}").fetchone(), (30_000,))
            raise ZeroDivisionError
    except ZeroDivisionError:
        pass
    equal(conn.execute(f"SELECT count(*) FROM {T}").fetchone(), (0,))


@check
def blocks_are_undone(conn):
    fresh(conn, rows=2)
    try:
        with conn.transaction():
            conn.execute(f"UPDATE {T} SET n = n + 100")
            conn.execute(f"DELETE FROM {T} WHERE id = 2")
            try:
                with conn.transaction():
                    conn.execute(f"INSERT INTO {T} VALUES (3, 'three', 3)")
                    raise KeyError
            except KeyError:
                pass
            equal(conn.execute(f"SELECT id, n FROM {T}").fetchall(), [(1, 101)])
            raise ZeroDivisionError
    except ZeroDivisionError:
        pass
    equal(conn.execute(f"SELECT id, n FROM {T} ORDER BY id").fetchall(), [(1, 1), (2, 2)])


@check
def two_blocks_on_one_row(conn):
    fresh(conn, rows=2)

    def add(amount, *ids):
        with connect() as other, other.transaction():
            for i in ids:
                other.execute(f"UPDATE {T} SET n = n + {amount} WHERE id = {i}")
                time.sleep(0.01)

    # Both come to be: the second waits for the first.
    threads = [threading.Thread(target=add, args=(10**k, 1, 2)) for k in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    equal(conn.execute(f"SELECT n FROM {T} ORDER BY id").fetchall(), [(11111,), (11112,)])
    # Neither could go on: one is told so.
    with connect() as other:
        conn.execute("BEGIN")
        other.execute("BEGIN")
        conn.execute(f"UPDATE {T} SET n = 1 WHERE id = 1")
        other.execute(f"UPDATE {T} SET n = 2 WHERE id = 2")
        waits = threading.Thread(target=lambda: conn.execute(f"UPDATE {T} SET n = 1 WHERE id = 2"))
        waits.start()
        time.sleep(0.2)
        try:
            other.execute(f"UPDATE {T} SET n = 2 WHERE id = 1")
            raise AssertionError("no deadlock")
        except psycopg.errors.DeadlockDetected:
            pass
        other.execute("ROLLBACK")
        waits.join()
        conn.execute("COMMIT")
    equal(conn.execute(f"SELECT n FROM {T} ORDER BY id").fetchall(), [(1,), (1,)])
    # What was read by key is held to its version.
    with connect() as other:
        other.execute("BEGIN")
        equal(other.execute(f"SELECT n FROM {T} WHERE id = 1").fetchone(), (1,))
        conn.execute(f"UPDATE {T} SET n = 5 WHERE id = 1")
        other.execute(f"UPDATE {T} SET n = 6 WHERE id = 2")
        try:
            other.execute("COMMIT")
            raise AssertionError("the read was not held to its version")
        except psycopg.errors.SerializationFailure:
            pass
        equal(other.info.transaction_status, TransactionStatus.IDLE)
    equal(conn.execute(f"SELECT n FROM {T} ORDER BY id").fetchall(), [(5,), (1,)])


@check
def clean_up(conn):
    conn.execute(f"DROP TABLE IF EXISTS {T}")


if __name__ == "__main__":
    check.run(connect)
