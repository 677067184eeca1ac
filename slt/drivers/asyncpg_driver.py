"""asyncpg against the server of PGHOST, PGPORT, PGDATABASE, PGUSER. It speaks binary only, prepares
everything, and asks the catalogue about any type that is not built in."""

import asyncio
import json

import asyncpg

from checks import COLUMNS, EDGES, ERRORS, NAMES, NULLS, ROW, SLOW, Checks, equal

check = Checks("asyncpg")
T = "drv_asyncpg"


async def connect():
    return await asyncpg.connect(server_settings={"timezone": "UTC"}, timeout=30)


async def fresh(conn, columns="id int8 PRIMARY KEY, v text, n int8", rows=0):
    await conn.execute(f"DROP TABLE IF EXISTS {T}")
    await conn.execute(f"CREATE TABLE {T} ({columns})")
    if rows:
        await conn.execute(f"INSERT INTO {T} (id, v, n) SELECT g, 'v' || g, g FROM generate_series(1, {rows}) AS s (g)")


@check
async def connection_facts(conn):
    assert conn.get_server_version().major >= 15, conn.get_server_version()
    equal(conn.get_settings().client_encoding.lower(), "utf8")
    assert conn.get_server_pid()
    equal(await conn.fetchval("SELECT 1"), 1)
    equal(await conn.fetch("SELECT 1 WHERE false"), [])


@check
async def insert_and_read_with_parameters(conn):
    await fresh(conn)
    equal(await conn.execute(f"INSERT INTO {T} (id, v, n) VALUES ($1, $2, $3)", 1, "one", 10), "INSERT 0 1")
    await conn.executemany(f"INSERT INTO {T} (id, v, n) VALUES ($1, $2, $3)", [(i, f"v{i}", i) for i in range(2, 50)])
    equal(await conn.fetchval(f"SELECT v FROM {T} WHERE id = $1", 7), "v7")
    equal(await conn.fetchrow(f"SELECT v FROM {T} WHERE id = $1", 700), None)
    rows = await conn.fetch(f"SELECT v FROM {T} WHERE n > $1 AND v LIKE $2 ORDER BY id", 46, "v4%")
    equal([row["v"] for row in rows], ["v47", "v48", "v49"])
    rows = await conn.fetch(f"SELECT id FROM {T} WHERE id = ANY($1) ORDER BY id", [3, 1, 99])
    equal([tuple(row) for row in rows], [(1,), (3,)])
    rows = await conn.fetch(f"SELECT id FROM {T} WHERE id IN ($1, $2) ORDER BY id", 4, 2)
    equal([row[0] for row in rows], [2, 4])
    equal(await conn.fetchval(f"UPDATE {T} SET n = n + $1 WHERE id = $2 RETURNING n", 5, 1), 15)
    equal(await conn.execute(f"DELETE FROM {T} WHERE id = $1", 1), "DELETE 1")
    equal(await conn.fetchval(f"SELECT count(*) FROM {T}"), 48)
    many = await conn.fetchmany(f"INSERT INTO {T} (id, v) VALUES ($1, $2) RETURNING id", [(101, "a"), (102, "b")])
    equal([row["id"] for row in many], [101, 102])


@check
async def every_type_in_binary(conn):
    await fresh(conn, COLUMNS)
    names = ", ".join(NAMES)
    places = ", ".join(f"${i + 1}" for i in range(len(NAMES)))
    as_text = lambda row: row | {"j": None if row["j"] is None else json.dumps(row["j"])}
    for row in (ROW, EDGES, NULLS):
        row = as_text(row)
        await conn.execute(f"INSERT INTO {T} ({names}) VALUES ({places})", *[row[name] for name in NAMES])
    for want in (ROW, EDGES, NULLS):
        for statement in (f"SELECT {names} FROM {T} WHERE id = $1", f"SELECT * FROM {T} WHERE id + 0 = $1"):
            row = dict(await conn.fetchrow(statement, want["id"]))
            row["j"] = None if row["j"] is None else json.loads(row["j"])
            equal(row, want)


@check
async def prepared_statements(conn):
    await fresh(conn, rows=20)
    statement = await conn.prepare(f"SELECT id, v FROM {T} WHERE id = $1 AND v <> $2")
    equal([p.name for p in statement.get_parameters()], ["int8", "text"])
    equal([(a.name, a.type.name) for a in statement.get_attributes()], [("id", "int8"), ("v", "text")])
    for i in range(1, 21):
        equal(tuple(await statement.fetchrow(i, "x")), (i, f"v{i}"))
    other = await conn.prepare(f"SELECT n FROM {T} WHERE id = $1")
    equal([await s.fetchval(3, *more) for s, more in ((other, ()), (statement, ("x",)))], [3, 3])


@check
async def cursors(conn):
    await fresh(conn, rows=1000)
    async with conn.transaction():
        seen = [row["id"] async for row in conn.cursor(f"SELECT id FROM {T} ORDER BY id", prefetch=64)]
        equal(seen, list(range(1, 1001)))
        a = await conn.cursor(f"SELECT id, v FROM {T} WHERE id > $1 ORDER BY id", 10)
        b = await conn.cursor(f"SELECT id FROM {T} ORDER BY id DESC")
        equal([tuple(row) for row in await a.fetch(2)], [(11, "v11"), (12, "v12")])
        equal([row[0] for row in await b.fetch(2)], [1000, 999])
        equal((await a.fetchrow())["id"], 13)
        equal((await b.fetchrow())["id"], 998)
        equal(len(await a.fetch(5000)), 987)
        equal(await a.fetchrow(), None)


@check
async def cancel(conn):
    await fresh(conn, rows=2000)
    for _ in range(2):
        try:
            await conn.execute(SLOW.format(t=T), timeout=0.5)
            raise AssertionError("the slow query ended")
        except TimeoutError:
            pass
        equal(await conn.fetchval(f"SELECT v FROM {T} WHERE id = $1", 5), "v5")
    task = asyncio.ensure_future(conn.fetch(SLOW.format(t=T)))
    await asyncio.sleep(0.5)
    task.cancel()
    try:
        await task
        raise AssertionError("the slow query ended")
    except asyncio.CancelledError:
        pass
    equal(await conn.fetchval("SELECT 1"), 1)


@check
async def statement_timeout(conn):
    await fresh(conn, rows=2000)
    await conn.execute("SET statement_timeout = '300ms'")
    try:
        await conn.fetch(SLOW.format(t=T))
        raise AssertionError("the slow query ended")
    except asyncpg.QueryCanceledError as error:
        equal(error.sqlstate, "57014")
    await conn.execute("RESET statement_timeout")


@check
async def transactions(conn):
    await fresh(conn)
    async with conn.transaction():
        assert conn.is_in_transaction()
        await conn.execute(f"INSERT INTO {T} (id, v) VALUES ($1, $2)", 1, "a")
    assert not conn.is_in_transaction()
    equal(await conn.fetchval(f"SELECT v FROM {T} WHERE id = 1"), "a")
    try:
        async with conn.transaction():
            try:
                await conn.execute("SELECT 1 / 0")
            except asyncpg.DivisionByZeroError:
                pass
            await conn.execute("SELECT 1")
        raise AssertionError("no error")
    except asyncpg.InFailedSQLTransactionError as error:
        equal(error.sqlstate, "25P02")
    assert not conn.is_in_transaction()
    equal(await conn.fetchval("SELECT 1"), 1)


@check
async def pool(_):
    pool = await asyncpg.create_pool(min_size=1, max_size=3)
    async def one(i):
        async with pool.acquire() as conn:
            return await conn.fetchval("SELECT $1::int8 + 1", i)
    equal(await asyncio.gather(*(one(i) for i in range(20))), list(range(1, 21)))
    await asyncio.wait_for(pool.close(), 30)


@check
async def errors(conn):
    await fresh(conn, "id int8 PRIMARY KEY, n int8, small int2")
    await conn.execute(f"INSERT INTO {T} (id, n) VALUES (1, 1)")
    for statement, state in ERRORS:
        for run in (conn.fetch, conn.execute):  # extended, simple
            try:
                await run(statement.format(t=T))
                raise AssertionError(f"no error: {statement}")
            except asyncpg.PostgresError as error:
                assert error.sqlstate == state, f"{statement}: {error.sqlstate} {error}, not {state}"
    for statement, value, state in [
        (f"INSERT INTO {T} (id, n) VALUES ($1, 1)", 1, "23505"),
        ("SELECT 1 / $1::int8", 0, "22012"),
        ("SELECT $1::text::int8", "one", "22P02"),
    ]:
        try:
            await conn.fetch(statement, value)
            raise AssertionError(f"no error: {statement}")
        except asyncpg.PostgresError as error:
            assert error.sqlstate == state, f"{statement}: {error.sqlstate} {error}, not {state}"
    equal(await conn.fetchval(f"SELECT count(*) FROM {T}"), 1)


@check
async def clean_up(conn):
    await conn.execute(f"DROP TABLE IF EXISTS {T}")
    await conn.reset()


if __name__ == "__main__":
    asyncio.run(check.run_async(connect))
