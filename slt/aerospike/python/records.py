"""Policies of one record: times to live, generations, keys that are stored, sizes, names and every type."""

import math
import time

import aerospike
from aerospike_helpers.operations import operations as op

from client import NAMESPACE, Checks, connect, equal, fails, stored

check = Checks("aerospike-python records")
NEVER = 0xFFFFFFFF


def key(name):
    return (NAMESPACE, "records", name)


def fresh(client, name, bins=None):
    if client.exists(key(name))[1]:
        client.remove(key(name))
    if bins:
        client.put(key(name), bins)
    return key(name)


def ttl(client, k):
    return client.exists(k)[1]["ttl"]


@check
def times_to_live(client):
    k = fresh(client, "ttl", {"a": 1})
    equal(ttl(client, k), NEVER)
    client.put(k, {"a": 2}, meta={"ttl": 1000})
    assert 990 <= ttl(client, k) <= 1000
    client.put(k, {"a": 3}, meta={"ttl": aerospike.TTL_DONT_UPDATE})
    assert 990 <= ttl(client, k) <= 1000
    client.touch(k, 5000)
    assert 4990 <= ttl(client, k) <= 5000
    client.operate(k, [op.touch()], meta={"ttl": 700})
    assert 690 <= ttl(client, k) <= 700
    client.put(k, {"a": 4}, meta={"ttl": aerospike.TTL_NEVER_EXPIRE})
    equal(ttl(client, k), NEVER)
    client.put(k, {"a": 5}, meta={"ttl": 1})
    until = time.monotonic() + 5
    while client.exists(k)[1]:
        assert time.monotonic() < until, "a record outlived its second"
    fails(2, client.get, k)
    fails(4, client.put, k, {"a": 1}, meta={"ttl": 400_000_000})  # more than ten years


@check
def generations(client):
    k = fresh(client, "gen", {"a": 1})
    equal(client.get(k)[1]["gen"], 1)
    equal_gen, newer = {"gen": aerospike.POLICY_GEN_EQ}, {"gen": aerospike.POLICY_GEN_GT}
    client.put(k, {"a": 2}, meta={"gen": 1}, policy=equal_gen)
    fails(3, client.put, k, {"a": 3}, meta={"gen": 1}, policy=equal_gen)
    fails(3, client.put, k, {"a": 3}, meta={"gen": 2}, policy=newer)
    client.put(k, {"a": 3}, meta={"gen": 9}, policy=newer)
    equal((stored(k), client.get(k)[1]["gen"]), ({"a": 3}, 3))
    fails(3, client.remove, k, meta={"gen": 1}, policy=equal_gen)
    fails(3, client.operate, k, [op.increment("a", 1)], meta={"gen": 1}, policy=equal_gen)
    client.remove(k, meta={"gen": 3}, policy=equal_gen)
    equal(client.exists(k)[1], None)


@check
def operations_in_order(client):
    k = fresh(client, "ops")
    _, meta, results = client.operate_ordered(k, [
        op.write("a", 1), op.increment("a", 4), op.read("a"), op.append("s", "x"), op.prepend("s", "w"), op.read("s"),
    ])
    equal([value for _, value in results if value is not None], [5, "wx"])
    equal((stored(k), meta["gen"]), ({"a": 5, "s": "wx"}, 1))
    fails(12, client.operate, k, [op.write("a", 9), op.append("a", "x")])
    equal(stored(k)["a"], 5)  # all of them or none
    client.operate(k, [op.read("a"), op.delete()])
    equal(client.exists(k)[1], None)
    client.operate(k, [op.write("a", 1)])
    client.operate(k, [op.delete(), op.write("b", 2)])
    equal(stored(k), {"b": 2})


@check
def keys_that_are_stored(client):
    client.truncate(NAMESPACE, "sent", 0)
    sent = {"key": aerospike.POLICY_KEY_SEND}
    for user_key in ("text", 7, bytearray(b"\1\2")):
        client.put((NAMESPACE, "sent", user_key), {"a": 1}, policy=sent)
    client.put((NAMESPACE, "sent", "unsent"), {"a": 1}, policy={"key": aerospike.POLICY_KEY_DIGEST})
    keys = [found[0][2] for found in client.query(NAMESPACE, "sent").results()]
    keys = [bytes(k) if isinstance(k, (bytes, bytearray)) else k for k in keys]
    equal({k for k in keys if k is not None}, {"text", 7, b"\1\2"})
    digest = aerospike.calc_digest(NAMESPACE, "sent", "unsent")
    equal(client.get((NAMESPACE, "sent", None, digest))[2], {"a": 1})


@check
def every_type(client):
    bins = {
        "int": -(2**63), "max": 2**63 - 1, "float": -0.1, "inf": math.inf, "text": "tëxt ✈", "empty": "",
        "bytes": b"\0\xff", "none": b"", "yes": True, "no": False, "list": [1, "a", 1.5, b"\1", None, True, [[]], {}],
        "map": {1: "i", "s": 2, -7: {"x": [1, {2: 3}]}, b"k": None},
    }
    k = fresh(client, "types", bins)
    found = stored(k)
    equal(found, bins)
    equal({name: type(value) for name, value in found.items()}, {name: type(value) for name, value in bins.items()})
    client.put(k, {"text": aerospike.null(), "int": aerospike.null()})
    assert not {"text", "int"} & stored(k).keys()


@check
def limits(client):
    k = fresh(client, "limits", {"fifteen_letters": 1})
    fails(21, client.put, k, {"sixteen_letters_": 1})
    big = fresh(client, "big", {"b": b"x" * 1_000_000})
    equal(len(stored(big)["b"]), 1_000_000)
    fails(13, client.put, big, {"b": b"x" * 1_100_000})
    equal(len(stored(big)["b"]), 1_000_000)
    many = fresh(client, "bins", {f"b{n}": n for n in range(500)})
    equal(len(stored(many)), 500)


@check
def replaced_and_emptied(client):
    k = fresh(client, "replace", {"a": 1, "b": 2})
    client.put(k, {"c": 3}, policy={"exists": aerospike.POLICY_EXISTS_CREATE_OR_REPLACE})
    equal(stored(k), {"c": 3})
    client.remove_bin(k, ["c"])
    equal(client.exists(k)[1], None)  # the last bin takes the record with it


check.run(connect)
