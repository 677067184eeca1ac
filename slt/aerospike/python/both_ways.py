"""The same 200 records of all types, written by the client and read through SQL, and the other way round.

What jsonb cannot say has its own text there: keys of maps that are no strings as their text, bytes as \\x and
hexadecimal digits.
"""

import random

import aerospike
import psycopg
from aerospike_helpers.operations import hll_operations, map_operations
from psycopg.types.json import Jsonb

from client import NAMESPACE, Checks, connect, equal

check = Checks("aerospike-python both ways")
COUNT = 200
POINT = {"type": "Point", "coordinates": [12.5, 41.875]}


def scalar(rng):
    """Doubles of few digits: JSON's are read to the last bit but one."""
    double = rng.randrange(-2**40, 2**40) / 8
    return rng.choice([rng.randrange(-2**63, 2**63), double, "tëxt ✈"[: rng.randrange(7)], True, False, None])


def nested(rng, depth):
    """A value of lists and maps, with keys of all types that maps have."""
    if depth == 0 or rng.random() < 0.3:
        return rng.choice([scalar(rng), rng.randbytes(3)])
    if rng.random() < 0.5:
        return [nested(rng, depth - 1) for _ in range(rng.randrange(4))]
    keys = ["a", "key", "ü", rng.randrange(-1000, 1000), rng.randrange(10**12)]
    return {key: nested(rng, depth - 1) for key in rng.sample(keys, rng.randrange(4))}


def record(n):
    rng = random.Random(n)
    return {
        "i": rng.randrange(-2**63, 2**63), "d": rng.uniform(-1e9, 1e9), "s": f"text {n} ✈", "b": rng.randbytes(n % 40),
        "t": n % 2 == 0, "l": [nested(rng, 3) for _ in range(4)], "m": {"n": n, n: "n", "deep": nested(rng, 3)},
        "g": aerospike.GeoJSON(POINT | {"coordinates": [float(n % 90), 0.5]}),
    }


def as_json(value):
    """What jsonb shows of a value."""
    if isinstance(value, (bytes, bytearray)):
        return "\\x" + value.hex()
    if isinstance(value, aerospike.GeoJSON):
        return value.unwrap()
    if isinstance(value, list):
        return [as_json(item) for item in value]
    if isinstance(value, dict):
        return {str(key): as_json(item) for key, item in value.items()}
    return value


def plain(value):
    """A value of the client without its wrappers."""
    return value.unwrap() if isinstance(value, aerospike.GeoJSON) else value


def sql():
    return psycopg.connect(autocommit=True)


def written_by_the_client(client, set_name, user_key):
    client.truncate(NAMESPACE, set_name, 0)
    send = {"key": aerospike.POLICY_KEY_SEND}
    for n in range(COUNT):
        key = (NAMESPACE, set_name, user_key(n))
        client.put(key, record(n), policy=send)
        client.operate(key, [hll_operations.hll_add("h", [f"w{k}" for k in range(n)], 6)])
    names = list(record(0))
    with sql() as conn:
        rows = conn.execute(f"SELECT PK, {', '.join(names)}, h FROM {set_name}").fetchall()
    equal(len(rows), COUNT)
    found = {row[0]: row[1:] for row in rows}
    for n in range(COUNT):
        sketch = client.get((NAMESPACE, set_name, user_key(n)))[2]["h"]
        expected = [value if isinstance(value, bytes) else as_json(value) for value in record(n).values()]
        equal(list(found[user_key(n)]), expected + [bytes(sketch)])


@check
def from_the_client_with_integer_keys(client):
    written_by_the_client(client, "from_client_i", lambda n: n * 1_000_003 - 7)


@check
def from_the_client_with_text_keys(client):
    written_by_the_client(client, "from_client_s", lambda n: f"kéy {n}")


@check
def one_by_one(client):
    """By key, where nothing but that record is read."""
    with sql() as conn:
        for n in (0, 77, COUNT - 1):
            row = conn.execute("SELECT i, m FROM from_client_s WHERE PK = %s", (f"kéy {n}",)).fetchone()
            equal(row, (record(n)["i"], as_json(record(n)["m"])))


@check
def from_sql(client):
    columns = "i int8, d float8, s text, b bytea, t bool, l jsonb, m jsonb, g geojson"
    with sql() as conn:
        conn.execute("DROP TABLE IF EXISTS from_sql")
        conn.execute(f"CREATE TABLE from_sql (id int8 PRIMARY KEY, {columns})")
        for n in range(COUNT):
            values = [Jsonb(as_json(v)) if isinstance(v, (list, dict, aerospike.GeoJSON)) else v for v in record(n).values()]
            conn.execute("INSERT INTO from_sql VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)", [n, *values])
    for n in range(COUNT):
        (_, _, key, _), meta, bins = client.get((NAMESPACE, "from_sql", n))
        expected = {name: as_json(v) if name in "lm" else plain(v) for name, v in record(n).items()}
        found = {name: plain(v) for name, v in bins.items() if name != "id"}
        equal(found, expected)
        equal({name: type(v) for name, v in found.items()}, {name: type(v) for name, v in expected.items()})
        equal(meta["gen"], 1)
    keys = sorted(key[2] for key, _, _ in client.query(NAMESPACE, "from_sql").results())
    equal(keys, list(range(COUNT)))


@check
def each_changes_what_the_other_wrote(client):
    key = (NAMESPACE, "from_sql", 5)
    client.increment(key, "i", -record(5)["i"] + 40)
    client.operate(key, [map_operations.map_put("m", "new", [1])])
    with sql() as conn:
        i, m = conn.execute("SELECT i, m FROM from_sql WHERE id = 5").fetchone()
        equal((i, m), (40, as_json(record(5)["m"]) | {"new": [1]}))
        conn.execute("UPDATE from_sql SET i = i + 2, s = upper(s) WHERE id = 5")
        conn.execute("DELETE FROM from_sql WHERE id = 6")
    bins = client.get(key)[2]
    equal((bins["i"], bins["s"]), (42, "TEXT 5 ✈"))
    equal(client.exists((NAMESPACE, "from_sql", 6))[1], None)


check.run(connect)
