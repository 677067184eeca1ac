"""psqlODBC through unixODBC and pyodbc against the server of PGHOST, PGPORT, PGDATABASE, PGUSER."""

import os

import pyodbc

from checks import COLUMNS, EDGES, ERRORS, NULLS, ROW, Checks, equal

check = Checks("odbc")
T = "drv_odbc"
pyodbc.pooling = False
#: The types that the driver gives as what they are; arrays, uuid and jsonb come as text.
PLAIN = "id i2 i4 i8 f4 f8 t vc by d ts num".split()


def connect(**options):
    env = os.environ
    return pyodbc.connect(
        "Driver={PostgreSQL Unicode};BoolsAsChar=0;ByteaAsLongVarBinary=1;MaxVarcharSize=4000;"
        f"Server={env['PGHOST']};Port={env['PGPORT']};Database={env['PGDATABASE']};Uid={env['PGUSER']};", **options)


def fresh(conn, columns="id int8 PRIMARY KEY, v text, n int8", rows=0):
    cur = conn.cursor()
    cur.execute(f"DROP TABLE IF EXISTS {T}")
    cur.execute(f"CREATE TABLE {T} ({columns})")
    if rows:
        cur.execute(f"INSERT INTO {T} (id, v, n) SELECT g, 'v' || g, g FROM generate_series(1, {rows}) AS s (g)")
    conn.commit()
    return cur


def answer(cur, statement, *values):
    return [tuple(row) for row in cur.execute(statement, *values).fetchall()]


@check
def connection_facts(conn):
    equal(conn.getinfo(pyodbc.SQL_DBMS_NAME), "PostgreSQL")
    assert conn.getinfo(pyodbc.SQL_DBMS_VER).startswith("15"), conn.getinfo(pyodbc.SQL_DBMS_VER)
    equal(answer(conn.cursor(), "SELECT 1, ?, 'it''s'", "a ✈"), [(1, "a ✈", "it's")])


@check
def every_type(conn):
    cur = fresh(conn, COLUMNS)
    for row in (ROW, EDGES, NULLS):
        places = ", ".join("?" for _ in PLAIN)
        cur.execute(f"INSERT INTO {T} ({', '.join(PLAIN)}) VALUES ({places})", [row[name] for name in PLAIN])
        for condition in "id = ?", "id + 0 = ?":
            (found,) = answer(cur, f"SELECT {', '.join(PLAIN)} FROM {T} WHERE {condition}", row["id"])
            equal(found, tuple(row[name] for name in PLAIN))
    cur.execute(f"UPDATE {T} SET b = true, u = '{ROW['u']}', j = '[1]', at = '{{a,b}}' WHERE id = 1")
    ((b, u, j, at),) = answer(cur, f"SELECT b, u, j, at FROM {T} WHERE id = 1")
    equal((b, str(u).lower(), j, at), (True, str(ROW["u"]), "[1]", "{a,b}"))


@check
def many_rows(conn):
    cur = fresh(conn)
    cur.fast_executemany = True
    cur.executemany(f"INSERT INTO {T} (id, v, n) VALUES (?, ?, ?)", [(i, f"v{i}" if i % 3 else None, -i) for i in range(2000)])
    cur.execute(f"SELECT id, v, n FROM {T} ORDER BY id")
    equal([tuple(r) for r in cur.fetchmany(4)], [(0, None, 0), (1, "v1", -1), (2, "v2", -2), (3, None, -3)])
    equal(len(cur.fetchall()), 1996)


@check
def blocks(conn):
    cur = fresh(conn, rows=2)
    cur.execute(f"DELETE FROM {T}")
    equal(cur.rowcount, 2)
    conn.rollback()
    equal(answer(cur, f"SELECT count(*) FROM {T}"), [(2,)])
    cur.execute(f"INSERT INTO {T} (id) VALUES (3)")
    conn.commit()
    with connect(autocommit=True) as other:
        equal(answer(other.cursor(), f"SELECT count(*) FROM {T}"), [(3,)])


@check
def catalogue(conn):
    cur = fresh(conn, COLUMNS)
    equal([(t.table_name, t.table_type) for t in cur.tables(table=T)], [(T, "TABLE")])
    columns = {c.column_name: c for c in cur.columns(table=T)}
    equal((columns["i8"].type_name, columns["vc"].column_size, columns["id"].nullable), ("int8", 20, 0))
    equal(len(columns), len(ROW))
    equal([k.column_name for k in cur.primaryKeys(table=T)], ["id"])
    equal([s.column_name for s in cur.statistics(table=T, unique=True) if s.column_name], ["id"])
    equal(cur.foreignKeys(table=T).fetchall(), [])
    assert len(cur.getTypeInfo().fetchall()) > 10
    cur.procedures(procedure="lower").fetchall()


@check
def errors(conn):
    cur = fresh(conn, "id int8 PRIMARY KEY, n int8, small int2")
    cur.execute(f"INSERT INTO {T} (id, n) VALUES (1, 1)")
    conn.commit()
    for statement, state in ERRORS:
        try:
            answer(cur, statement.format(t=T))
        except pyodbc.Error as error:
            equal((statement, error.args[0]), (statement, state))
        else:
            raise AssertionError(f"no error: {statement}")
        conn.rollback()
    cur.execute(f"DROP TABLE {T}")
    conn.commit()


if __name__ == "__main__":
    check.run(connect)
