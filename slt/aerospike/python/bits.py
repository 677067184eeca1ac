"""Bit and HyperLogLog operations, and GeoJSON values."""

import aerospike
from aerospike_helpers.operations import bitwise_operations as bit
from aerospike_helpers.operations import hll_operations as hll
from aerospike_helpers.operations import operations

from client import NAMESPACE, Checks, Operations, connect, equal, fails, stored

check = Checks("aerospike-python bits")
B = "b"
BITS = Operations("bits", B)
FIVE = bytes([0b00000001, 0b01000010, 0b00000011, 0b00000100, 0b00000101])
ONES = b"\xff\xff"


@check
def reading_bits(_):
    BITS.reads(FIVE, [
        (bit.bit_get(B, 9, 5), bytes([0b10000000])),
        (bit.bit_get(B, 32, 8), b"\x05"),
        (bit.bit_get(B, -8, 8), b"\x05"),
        (bit.bit_count(B, 20, 4), 2),
        (bit.bit_count(B, 0, 40), 8),
        (bit.bit_lscan(B, 24, 8, True), 5),
        (bit.bit_lscan(B, 0, 8, True), 7),
        (bit.bit_lscan(B, 32, 4, True), -1),
        (bit.bit_rscan(B, 32, 8, True), 7),
        (bit.bit_rscan(B, 24, 8, False), 7),
        (bit.bit_get_int(B, 8, 16, False), 0b0100001000000011),
        (bit.bit_get_int(B, 8, 8, True), 66),
        (bit.bit_get(B, 41, 1), (26,)),
    ])
    BITS.reads(ONES, [(bit.bit_get_int(B, 0, 8, True), -1), (bit.bit_get_int(B, 0, 8, False), 255)])


@check
def changing_bits(_):
    wrap, fail, top = aerospike.BIT_OVERFLOW_WRAP, aerospike.BIT_OVERFLOW_FAIL, aerospike.BIT_OVERFLOW_SATURATE
    front = aerospike.BIT_RESIZE_FROM_FRONT
    BITS.writes([
        (None, bit.bit_resize(B, 2), None, b"\0\0"),
        (ONES, bit.bit_resize(B, 3), None, b"\xff\xff\0"),
        (ONES, bit.bit_resize(B, 3, resize_flags=front), None, b"\0\xff\xff"),
        (ONES, bit.bit_resize(B, 1, resize_flags=aerospike.BIT_RESIZE_GROW_ONLY), (4,), ONES),
        (b"\1\2\3", bit.bit_remove(B, 0, 2), None, b"\3"),
        (b"\1\2", bit.bit_insert(B, 1, 2, bytearray(b"\xaa\xbb")), None, b"\1\xaa\xbb\2"),
        (b"\0\0", bit.bit_set(B, 4, 8, 1, bytearray(b"\xff")), None, b"\x0f\xf0"),
        (b"\0\0", bit.bit_set_int(B, 4, 8, 127), None, b"\x07\xf0"),
        (b"\x0f", bit.bit_or(B, 0, 8, 1, bytearray(b"\xf0")), None, b"\xff"),
        (b"\x3f", bit.bit_and(B, 0, 8, 1, bytearray(b"\xfc")), None, b"\x3c"),
        (b"\x3f", bit.bit_xor(B, 0, 8, 1, bytearray(b"\xff")), None, b"\xc0"),
        (b"\x3f", bit.bit_not(B, 0, 4), None, b"\xcf"),
        (b"\1\1", bit.bit_lshift(B, 0, 16, 4), None, b"\x10\x10"),
        (b"\1\1", bit.bit_rshift(B, 0, 16, 4), None, b"\0\x10"),
        (b"\x05", bit.bit_add(B, 0, 8, 250, False, wrap), None, b"\xff"),
        (b"\x06", bit.bit_add(B, 0, 8, 250, False, wrap), None, b"\0"),
        (b"\x06", bit.bit_add(B, 0, 8, 250, False, top), None, b"\xff"),
        (b"\x06", bit.bit_add(B, 0, 8, 250, False, fail), (26,), b"\x06"),
        (b"\x06", bit.bit_subtract(B, 0, 8, 7, False, top), None, b"\0"),
        (b"\x06", bit.bit_subtract(B, 0, 8, 7, False, wrap), None, b"\xff"),
        ("text", bit.bit_not(B, 0, 1), (12,), "text"),
        (b"\0", bit.bit_resize(B, 2, {"bit_write_flags": aerospike.BIT_WRITE_CREATE_ONLY}), (6,), b"\0"),
        (b"\0", bit.bit_set(B, 8, 8, 1, bytearray(b"\1")), (26,), b"\0"),
    ])


def words(begin, end):
    return [f"word{n}" for n in range(begin, end)]


def near(found, right, percent):
    assert abs(found - right) <= right * percent / 100, f"{found}, not within {percent} % of {right}"


@check
def sketches(client):
    one, two = (NAMESPACE, "sketches", 1), (NAMESPACE, "sketches", 2)
    for key in one, two:
        client.put(key, {"n": 1}, policy={"exists": aerospike.POLICY_EXISTS_CREATE_OR_REPLACE})
    run = lambda key, *ops: client.operate_ordered(key, list(ops))[2][-1][1]
    near(run(one, hll.hll_add("h", words(0, 1000), 12, 24)), 1000, 5)
    near(run(two, hll.hll_add("h", words(500, 1500), 12, 24)), 1000, 5)
    equal(run(one, hll.hll_add("h", words(0, 1000))), 0)
    equal(run(one, hll.hll_describe("h")), [12, 24])
    near(run(one, hll.hll_get_count("h")), 1000, 5)
    other = [stored(two)["h"]]
    near(run(one, hll.hll_get_union_count("h", other)), 1500, 5)
    near(run(one, hll.hll_get_intersect_count("h", other)), 500, 15)
    near(run(one, hll.hll_get_similarity("h", other)), 1 / 3, 15)
    union = run(one, hll.hll_get_union("h", other))
    client.put(two, {"u": union})
    near(run(two, hll.hll_get_count("u")), 1500, 5)
    run(one, hll.hll_set_union("h", other), operations.read("n"))
    near(run(one, hll.hll_refresh_count("h")), 1500, 5)
    fails(26, run, one, hll.hll_fold("h", 8))  # not with minhash bits


@check
def sketches_without_minhash(client):
    key = (NAMESPACE, "sketches", 3)
    client.put(key, {"n": 1}, policy={"exists": aerospike.POLICY_EXISTS_CREATE_OR_REPLACE})
    run = lambda *ops: client.operate_ordered(key, list(ops))[2][-1][1]
    run(hll.hll_init("h", 10), operations.read("n"))
    equal(run(hll.hll_get_count("h")), 0)
    near(run(hll.hll_add("h", words(0, 300))), 300, 10)
    run(hll.hll_fold("h", 8), operations.read("n"))
    equal(run(hll.hll_describe("h")), [8, 0])
    near(run(hll.hll_get_count("h")), 300, 20)
    fails(6, run, hll.hll_init("h", 10, policy={"flags": aerospike.HLL_WRITE_CREATE_ONLY}))
    fails(4, run, hll.hll_init("i", 3))
    fails(12, run, hll.hll_get_count("n"))


@check
def shapes(client):
    key = (NAMESPACE, "shapes", 1)
    point = aerospike.GeoJSON({"type": "Point", "coordinates": [-80.604333, 28.608389]})
    circle = aerospike.geojson('{"type": "AeroCircle", "coordinates": [[-80.6, 28.6], 1000.0]}')
    client.put(key, {"p": point, "c": circle, "l": [point]})
    bins = stored(key)
    equal(bins["p"].unwrap(), point.unwrap())
    equal(bins["c"].unwrap(), circle.unwrap())
    equal(bins["l"][0].unwrap(), point.unwrap())
    fails(160, client.put, key, {"p": aerospike.GeoJSON({"type": "Point", "coordinates": [1000]})})


check.run(connect)
