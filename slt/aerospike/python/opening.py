"""The steps that the client's documentation opens with: put, get, select, increment, remove, many, policies."""

import aerospike
from aerospike import exception

from client import NAMESPACE, Checks, connect, equal, fails

check = Checks("aerospike-python opening")
KEY = (NAMESPACE, "people", "peter")
PETER = {
    "name": "Peter", "age": 41, "height": 1.83, "likes": ["tea", {"sport": "go"}], "scores": {1: "one", "two": 2},
    "raw": bytearray(b"\x00\xff"), "member": True,
}


@check
def put_and_get(client):
    client.put(KEY, PETER, meta={"ttl": 60}, policy={"key": aerospike.POLICY_KEY_SEND})
    key, meta, bins = client.get(KEY)
    equal(bins, PETER | {"raw": b"\x00\xff"})
    equal((key[:2], key[3]), (KEY[:2], aerospike.calc_digest(*KEY)))
    assert 55 <= meta["ttl"] <= 60 and meta["gen"] >= 1, meta


@check
def select_and_exists(client):
    equal(client.select(KEY, ["name", "age", "nothing"])[2], {"name": "Peter", "age": 41})
    key, meta = client.exists(KEY)
    equal(meta["gen"], client.get(KEY)[1]["gen"])
    equal(client.exists((NAMESPACE, "people", "nobody"))[1], None)


@check
def increment_append_prepend(client):
    before = client.get(KEY)[1]["gen"]
    client.increment(KEY, "age", 2)
    client.increment(KEY, "height", 0.25)
    client.increment(KEY, "fresh", -5)
    client.append(KEY, "name", " P.")
    client.prepend(KEY, "name", "Dr. ")
    _, meta, bins = client.get(KEY)
    equal((bins["age"], bins["height"], bins["fresh"]), (43, 2.08, -5))
    equal((bins["name"], meta["gen"]), ("Dr. Peter P.", before + 5))
    fails(12, client.increment, KEY, "name", 1)
    fails(12, client.append, KEY, "age", "x")


@check
def bins_go_and_records_go(client):
    client.remove_bin(KEY, ["fresh", "height"])
    assert not {"fresh", "height"} & client.get(KEY)[2].keys()
    client.remove(KEY)
    fails(2, client.get, KEY)
    fails(2, client.remove, KEY)
    fails(2, client.touch, KEY, 10)


@check
def many(client):
    keys = [(NAMESPACE, "people", f"p{n}") for n in range(20)]
    for n, key in enumerate(keys):
        client.put(key, {"n": n, "odd": n % 2 == 1})
    absent = (NAMESPACE, "people", "absent")
    found = client.batch_read(keys + [absent]).batch_records
    equal([row.record[2]["n"] for row in found[:20]], list(range(20)))
    equal((found[20].result, found[20].record), (2, None))
    some = client.batch_read(keys[:3], ["odd"]).batch_records
    equal([row.record[2] for row in some], [{"odd": False}, {"odd": True}, {"odd": False}])
    there = client.batch_read(keys[:2] + [absent], []).batch_records
    equal([row.result for row in there], [0, 0, 2])


@check
def policies(client):
    key = (NAMESPACE, "people", "policy")
    if client.exists(key)[1]:
        client.remove(key)
    only = lambda how: {"exists": how}
    fails(2, client.put, key, {"a": 1}, policy=only(aerospike.POLICY_EXISTS_UPDATE))
    fails(2, client.put, key, {"a": 1}, policy=only(aerospike.POLICY_EXISTS_REPLACE))
    client.put(key, {"a": 1, "b": 2}, policy=only(aerospike.POLICY_EXISTS_CREATE))
    fails(5, client.put, key, {"a": 2}, policy=only(aerospike.POLICY_EXISTS_CREATE))
    client.put(key, {"a": 3}, policy=only(aerospike.POLICY_EXISTS_UPDATE))
    equal(client.get(key)[2], {"a": 3, "b": 2})
    client.put(key, {"c": 4}, policy=only(aerospike.POLICY_EXISTS_REPLACE))
    equal(client.get(key)[2], {"c": 4})


@check
def information(client):
    (error, build), = [(error, text) for error, text in client.info_all("build").values()]
    assert error is None and build.strip().split("\t")[-1].count(".") == 3, build
    equal(client.info_random_node("status").strip().split("\t"), ["status", "ok"])
    equal(len(client.get_node_names()), 1)
    with_namespaces = client.info_random_node("namespaces")
    assert NAMESPACE in with_namespaces.strip().split("\t")[1].split(";")
    try:
        client.get(("no_such_namespace", "s", 1))
    except exception.AerospikeError as error:
        assert error.code in (20, -8, 4), error.code
    else:
        raise AssertionError("a namespace that is not there was read")


check.run(connect)
