"""Batches: read, write, remove and operate, by row and all alike, with errors by row."""

import aerospike
from aerospike_helpers.batch import records as br
from aerospike_helpers.expressions import arithmetic
from aerospike_helpers.expressions import base as exp
from aerospike_helpers.operations import expression_operations
from aerospike_helpers.operations import list_operations
from aerospike_helpers.operations import operations as op

from client import NAMESPACE, Checks, connect, equal, stored

check = Checks("aerospike-python batches")


def key(n):
    return (NAMESPACE, "batches", n)


def fill(client, count=10):
    client.truncate(NAMESPACE, "batches", 0)
    for n in range(count):
        client.put(key(n), {"n": n, "l": [n]})


@check
def rows_of_each_kind(client):
    fill(client)
    rows = br.BatchRecords([
        br.Write(key(0), [op.increment("n", 100), op.read("n")]),
        br.Read(key(1), [op.read("n")]),
        br.Read(key(2), None, read_all_bins=True),
        br.Remove(key(3)),
        br.Write(key(100), [op.write("n", 1)], policy={"exists": aerospike.POLICY_EXISTS_CREATE}),
        br.Write(key(4), [op.write("n", 1)], policy={"exists": aerospike.POLICY_EXISTS_CREATE}),
        br.Read(key(5), [list_operations.list_size("l")]),
        br.Write(key(6), [list_operations.list_append("l", 7), op.read("l")]),
        br.Read(key(999), [op.read("n")]),
        br.Remove(key(999)),
    ])
    client.batch_write(rows)
    equal([row.result for row in rows.batch_records], [0, 0, 0, 0, 0, 5, 0, 0, 2, 2])
    bins = [row.record[2] if row.record else None for row in rows.batch_records]
    equal(bins[:3], [{"n": 100}, {"n": 1}, {"n": 2, "l": [2]}])
    equal((bins[6], bins[8]), ({"l": 1}, None))
    equal(bins[7]["l"][-1] if isinstance(bins[7]["l"][-1], list) else bins[7]["l"], [6, 7])
    equal((stored(key(100)), client.exists(key(3))[1]), ({"n": 1}, None))


@check
def all_alike(client):
    fill(client)
    keys = [key(n) for n in range(10)]
    done = client.batch_operate(keys, [op.increment("n", 1), op.write("new", "x"), op.read("n")])
    equal((done.result, [row.record[2]["n"] for row in done.batch_records]), (0, list(range(1, 11))))
    gone = client.batch_remove(keys[:5] + [key(77)])
    equal([row.result for row in gone.batch_records], [0] * 5 + [2])
    left = client.batch_read(keys, ["new"]).batch_records
    equal([row.result for row in left], [2] * 5 + [0] * 5)
    equal([row.record[2] for row in left[5:]], [{"new": "x"}] * 5)


@check
def filters_and_expressions(client):
    fill(client)
    keys = [key(n) for n in range(6)]
    small = exp.LT(exp.IntBin("n"), 3).compile()
    found = client.batch_read(keys, policy={"expressions": small}).batch_records
    equal([row.result for row in found], [0, 0, 0, 27, 27, 27])
    double = arithmetic.Add(exp.IntBin("n"), exp.IntBin("n")).compile()
    rows = client.batch_operate(keys, [expression_operations.expression_read("double", double)])
    equal([row.record[2]["double"] for row in rows.batch_records], [0, 2, 4, 6, 8, 10])
    own = br.BatchRecords([br.Read(key(n), [op.read("n")], policy={"expressions": small}) for n in (1, 5)])
    client.batch_write(own)
    equal([row.result for row in own.batch_records], [0, 27])


@check
def generations(client):
    fill(client, 2)
    policy = {"gen": aerospike.POLICY_GEN_EQ}
    rows = br.BatchRecords([
        br.Write(key(0), [op.write("n", 5)], meta={"gen": 1}, policy=policy),
        br.Write(key(1), [op.write("n", 5)], meta={"gen": 9}, policy=policy),
    ])
    client.batch_write(rows)
    equal([row.result for row in rows.batch_records], [0, 3])


@check
def a_thousand_rows(client):
    client.truncate(NAMESPACE, "batches", 0)
    keys = [key(n) for n in range(1000)]
    body = "x" * 300
    client.batch_write(br.BatchRecords([br.Write(k, [op.write("n", k[2]), op.write("body", body)]) for k in keys]))
    found = client.batch_read(keys).batch_records
    equal([row.record[2] for row in found], [{"n": n, "body": body} for n in range(1000)])
    packed = client.batch_read(keys, policy={"compress": True}).batch_records
    equal([row.record[2]["n"] for row in packed], list(range(1000)))


check.run(connect)
