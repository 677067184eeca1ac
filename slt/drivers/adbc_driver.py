"""ADBC against the server of PGHOST, PGPORT, PGDATABASE, PGUSER: Arrow tables go in and come out
through COPY in binary."""

import json
import os

import pyarrow as pa
from adbc_driver_postgresql import StatementOptions, dbapi

from checks import COLUMNS, EDGES, ERRORS, NAMES, NULLS, ROW, Checks, equal, fails

check = Checks("adbc")
T = "drv_adbc"
URI = "postgresql://{PGUSER}@{PGHOST}:{PGPORT}/{PGDATABASE}?options=-c%20timezone%3DUTC".format(**os.environ)
#: The types that Arrow has and the driver writes as they are.
ARROW = dict(
    id=pa.int64(), i2=pa.int16(), i4=pa.int32(), i8=pa.int64(), f4=pa.float32(), f8=pa.float64(), t=pa.string(), vc=pa.string(),
    b=pa.bool_(), by=pa.binary(), d=pa.date32(), ts=pa.timestamp("us"), tz=pa.timestamp("us", "UTC"),
    ai=pa.list_(pa.int64()), at=pa.list_(pa.string()), af=pa.list_(pa.float64()),
)
ROWS = pa.Table.from_pylist([{name: row[name] for name in ARROW} for row in (ROW, EDGES, NULLS)], pa.schema(ARROW))


def connect():
    return dbapi.connect(URI, autocommit=True)


def fresh(conn, columns="id int8 PRIMARY KEY, v text, n int8", rows=0):
    cur = conn.cursor()
    cur.execute(f"DROP TABLE IF EXISTS {T}")
    cur.execute(f"CREATE TABLE {T} ({columns})")
    if rows:
        cur.execute(f"INSERT INTO {T} (id, v, n) SELECT g, 'v' || g, g FROM generate_series(1, {rows}) AS s (g)")
    return cur


def answer(cur, statement, values=None):
    cur.execute(statement, values)
    return cur.fetchall()


@check
def connection_facts(conn):
    assert conn.adbc_get_info()["vendor_version"].startswith("15")
    equal(answer(conn.cursor(), "SELECT 1::int8, 'it''s', NULL::text"), [(1, "it's", None)])


@check
def ingest_and_fetch_every_type(conn):
    cur = fresh(conn, COLUMNS)
    equal(cur.adbc_ingest(T, ROWS, mode="append"), 3)
    cur.execute(f"UPDATE {T} SET num = {ROW['num']}, u = '{ROW['u']}', j = '{json.dumps(ROW['j'])}', ab = '{{t,f}}' WHERE id = 1")
    cur.execute(f"SELECT {', '.join(ARROW)} FROM {T} ORDER BY id")
    equal(cur.fetch_arrow_table().cast(ROWS.schema).to_pylist(), ROWS.to_pylist())
    ((num, u, j, ab),) = answer(cur, f"SELECT num, u, j, ab FROM {T} WHERE id = 1")
    equal((num, u, json.loads(j), ab), (str(ROW["num"]), ROW["u"], ROW["j"], ROW["ab"]))


@check
def without_copy(conn):
    cur = fresh(conn, COLUMNS)
    places = ", ".join(f"${i + 1}" for i in range(len(ARROW)))
    cur.executemany(f"INSERT INTO {T} ({', '.join(ARROW)}) VALUES ({places})", ROWS)
    cur.adbc_statement.set_options(**{StatementOptions.USE_COPY.value: "false"})
    cur.execute(f"SELECT {', '.join(ARROW)} FROM {T} ORDER BY id")
    equal(cur.fetch_arrow_table().to_pylist(), ROWS.to_pylist())
    equal(answer(conn.cursor(), f"SELECT i4 FROM {T} WHERE id = $1", (1,)), [(ROW["i4"],)])
    equal(answer(conn.cursor(), f"SELECT id FROM {T} WHERE id > $1 AND t = $2", (0, ROW["t"])), [(1,)])


@check
def many_rows(conn):
    cur = conn.cursor()
    many = pa.table({"id": range(20_000), "v": [f"v{i}" if i % 3 else None for i in range(20_000)]})
    for mode, count in ("replace", 20_000), ("append", 40_000):
        equal(cur.adbc_ingest(T, many, mode=mode), 20_000)
        equal(answer(cur, f"SELECT count(*) FROM {T}"), [(count,)])
    cur.execute(f"SELECT DISTINCT id, v FROM {T} ORDER BY id")
    equal(cur.fetch_arrow_table().to_pydict(), many.to_pydict())


@check
def blocks(conn):
    fresh(conn, rows=2)
    with dbapi.connect(URI) as blocks, blocks.cursor() as cur:
        cur.execute(f"DELETE FROM {T}")
        equal((answer(cur, f"SELECT count(*) FROM {T}"), answer(conn.cursor(), f"SELECT count(*) FROM {T}")), ([(0,)], [(2,)]))
        blocks.rollback()
        equal(answer(cur, f"SELECT count(*) FROM {T}"), [(2,)])
        cur.adbc_ingest(T, pa.table({"id": [3, 4], "v": ["c", None], "n": [3, 4]}), mode="append")
        blocks.commit()
        fails("22012", answer, cur, "SELECT 1 / 0")
        blocks.rollback()
        equal(answer(cur, f"SELECT count(*) FROM {T}"), [(4,)])


@check
def catalogue(conn):
    fresh(conn, COLUMNS)
    schema = conn.adbc_get_table_schema(T)
    equal(schema.names, NAMES)
    equal((schema.field("i2").type, schema.field("at").type), (pa.int16(), pa.list_(pa.string())))
    objects = conn.adbc_get_objects(depth="tables", table_name_filter=T).read_all().to_pylist()
    tables = [t for c in objects for s in c["catalog_db_schemas"] or [] for t in s["db_schema_tables"] or []]
    equal([t["table_name"] for t in tables], [T])


@check
def errors(conn):
    cur = fresh(conn, "id int8 PRIMARY KEY, n int8, small int2")
    cur.execute(f"INSERT INTO {T} (id, n) VALUES (1, 1)")
    for statement, state in ERRORS:
        fails(state, answer, cur, statement.format(t=T))
    fails("23505", cur.adbc_ingest, T, pa.table({"id": [7, 1], "n": [7, 7]}), "append")
    equal(answer(cur, f"SELECT count(*) FROM {T}"), [(1,)])
    cur.execute(f"DROP TABLE {T}")


if __name__ == "__main__":
    check.run(connect)
