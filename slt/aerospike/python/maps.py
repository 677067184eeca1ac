"""Map operations: each selector, return type, order, policy and context, with what its documentation says."""

import aerospike
from aerospike_helpers import cdt_ctx
from aerospike_helpers.operations import map_operations as op

from client import Checks, Operations, connect, equal, stored

check = Checks("aerospike-python maps")
B = "m"
MAPS = Operations("maps", B)
NONE, INDEX, REVERSE_INDEX, RANK, REVERSE_RANK, COUNT, KEY, VALUE, KEY_VALUE, EXISTS, ORDERED, UNORDERED = (
    getattr(aerospike, f"MAP_RETURN_{name}")
    for name in (
        "NONE INDEX REVERSE_INDEX RANK REVERSE_RANK COUNT KEY VALUE KEY_VALUE EXISTS ORDERED_MAP UNORDERED_MAP"
    ).split()
)
SCORES = {"ann": 7, "bob": 3, "cid": 9, "dan": 3}
BY_KEY = {"map_order": aerospike.MAP_KEY_ORDERED}


def flags(value):
    return {"map_write_flags": value, "map_order": aerospike.MAP_KEY_ORDERED}


@check
def reading_by_key_and_index(_):
    MAPS.reads(SCORES, [
        (op.map_size(B), 4),
        (op.map_get_by_key(B, "bob", VALUE), 3),
        (op.map_get_by_key(B, "bob", INDEX), 1),
        (op.map_get_by_key(B, "bob", REVERSE_INDEX), 2),
        (op.map_get_by_key(B, "cid", RANK), 3),
        (op.map_get_by_key(B, "cid", REVERSE_RANK), 0),
        (op.map_get_by_key(B, "cid", KEY), "cid"),
        (op.map_get_by_key(B, "cid", COUNT), 1),
        (op.map_get_by_key(B, "cid", EXISTS), True),
        (op.map_get_by_key(B, "eve", EXISTS), False),
        (op.map_get_by_key(B, "eve", VALUE), None),
        (op.map_get_by_key(B, "cid", ORDERED), {"cid": 9}),
        (op.map_get_by_key_range(B, "b", "d", KEY), {"bob", "cid"}),
        (op.map_get_by_key_range(B, "b", "d", COUNT, inverted=True), 2),
        (op.map_get_by_key_list(B, ["ann", "dan", "eve"], VALUE), [7, 3]),
        (op.map_get_by_key_list(B, ["ann", "dan", "eve"], COUNT), 2),
        (op.map_get_by_key_list(B, ["ann"], UNORDERED, inverted=True), {"bob": 3, "cid": 9, "dan": 3}),
        (op.map_get_by_index(B, 0, KEY), "ann"),
        (op.map_get_by_index(B, -1, KEY), "dan"),
        (op.map_get_by_index(B, 4, KEY), (26,)),
        (op.map_get_by_index_range(B, 1, 2, KEY), {"bob", "cid"}),
        (op.map_get_by_index_range(B, 1, 2, ORDERED), {"bob": 3, "cid": 9}),
        (op.map_get_by_index_range(B, 1, 2, COUNT, inverted=True), 2),
        (op.map_get_by_key_index_range_relative(B, "bob", 0, KEY), {"bob", "cid", "dan"}),
        (op.map_get_by_key_index_range_relative(B, "bz", -1, KEY, 2), {"bob", "cid"}),
    ])


@check
def reading_by_value_and_rank(_):
    MAPS.reads(SCORES, [
        (op.map_get_by_value(B, 3, KEY), {"bob", "dan"}),
        (op.map_get_by_value(B, 3, COUNT), 2),
        (op.map_get_by_value(B, 4, KEY), []),
        (op.map_get_by_value_range(B, 4, 9, KEY), ["ann"]),
        (op.map_get_by_value_range(B, 3, 8, COUNT), 3),
        (op.map_get_by_value_list(B, [9, 7, 1], KEY), {"ann", "cid"}),
        (op.map_get_by_value_list(B, [9, 7, 1], COUNT, inverted=True), 2),
        (op.map_get_by_rank(B, 0, VALUE), 3),
        (op.map_get_by_rank(B, -1, KEY), "cid"),
        (op.map_get_by_rank(B, -1, KEY_VALUE), ["cid", 9]),
        (op.map_get_by_rank_range(B, 2, 2, KEY), ["ann", "cid"]),
        (op.map_get_by_rank_range(B, -1, 1, UNORDERED), {"cid": 9}),
        (op.map_get_by_value_rank_range_relative(B, 7, 0, KEY), {"ann", "cid"}),
        (op.map_get_by_value_rank_range_relative(B, 7, -1, COUNT, 2), 2),
    ])


@check
def changing(_):
    MAPS.writes([
        (None, op.map_put(B, "a", 1), 1, {"a": 1}),
        ({"a": 1}, op.map_put(B, "a", [2]), 1, {"a": [2]}),
        ({"a": 1}, op.map_put(B, 7, 1.5), 2, {"a": 1, 7: 1.5}),
        ({"a": 1}, op.map_put(B, b"k", True), 2, {"a": 1, b"k": True}),
        ({"a": 1}, op.map_put_items(B, {"b": 2, "c": None}), 3, {"a": 1, "b": 2, "c": None}),
        ({"a": 1}, op.map_increment(B, "a", 4), 5, {"a": 5}),
        ({"a": 1}, op.map_increment(B, "b", 4), 4, {"a": 1, "b": 4}),
        ({"a": 1}, op.map_decrement(B, "a", 4), -3, {"a": -3}),
        ({"a": 1.5}, op.map_increment(B, "a", 0.5), 2.0, {"a": 2.0}),
        ({"a": "x"}, op.map_increment(B, "a", 4), (4,), {"a": "x"}),
        ({"a": 1}, op.map_clear(B), None, {}),
        ({"b": 1, "a": 2}, op.map_set_policy(B, BY_KEY), None, {"a": 2, "b": 1}),
        (None, op.map_create(B, aerospike.MAP_KEY_ORDERED, False), None, {}),
        (5, op.map_put(B, "a", 1), (12,), 5),
    ])


@check
def removing(_):
    MAPS.writes([
        (SCORES, op.map_remove_by_key(B, "bob", VALUE), 3, {"ann": 7, "cid": 9, "dan": 3}),
        (SCORES, op.map_remove_by_key(B, "eve", COUNT), 0, SCORES),
        (SCORES, op.map_remove_by_key_list(B, ["bob", "eve", "cid"], COUNT), 2, {"ann": 7, "dan": 3}),
        (SCORES, op.map_remove_by_key_list(B, ["bob"], COUNT, inverted=True), 3, {"bob": 3}),
        (SCORES, op.map_remove_by_key_range(B, "b", "d", COUNT), 2, {"ann": 7, "dan": 3}),
        (SCORES, op.map_remove_by_value(B, 3, KEY), {"bob", "dan"}, {"ann": 7, "cid": 9}),
        (SCORES, op.map_remove_by_value_list(B, [3, 9], COUNT), 3, {"ann": 7}),
        (SCORES, op.map_remove_by_value_range(B, 4, 9, COUNT), 1, {"bob": 3, "cid": 9, "dan": 3}),
        (SCORES, op.map_remove_by_index(B, 0, KEY), "ann", {"bob": 3, "cid": 9, "dan": 3}),
        (SCORES, op.map_remove_by_index_range(B, 1, 3, COUNT), 3, {"ann": 7}),
        (SCORES, op.map_remove_by_rank(B, -1, KEY), "cid", {"ann": 7, "bob": 3, "dan": 3}),
        (SCORES, op.map_remove_by_rank_range(B, 0, 2, COUNT), 2, {"ann": 7, "cid": 9}),
        (SCORES, op.map_remove_by_key_index_range_relative(B, "bob", 1, COUNT), 2, {"ann": 7, "bob": 3}),
        (SCORES, op.map_remove_by_value_rank_range_relative(B, 7, 0, COUNT), 2, {"bob": 3, "dan": 3}),
    ])


@check
def policies(_):
    create, update = aerospike.MAP_WRITE_FLAGS_CREATE_ONLY, aerospike.MAP_WRITE_FLAGS_UPDATE_ONLY
    quiet, partial = aerospike.MAP_WRITE_FLAGS_NO_FAIL, aerospike.MAP_WRITE_FLAGS_PARTIAL
    one = {"a": 1}
    MAPS.writes([
        (one, op.map_put(B, "a", 2, flags(create)), (24,), one),
        (one, op.map_put(B, "b", 2, flags(create)), 2, {"a": 1, "b": 2}),
        (one, op.map_put(B, "a", 2, flags(create | quiet)), 1, one),
        (one, op.map_put(B, "a", 2, flags(update)), 1, {"a": 2}),
        (one, op.map_put(B, "b", 2, flags(update)), (23,), one),
        (one, op.map_put(B, "b", 2, flags(update | quiet)), 1, one),
        (one, op.map_put_items(B, {"a": 2, "b": 2}, flags(create)), (24,), one),
        (one, op.map_put_items(B, {"a": 2, "b": 2}, flags(create | quiet)), 1, one),
        (one, op.map_put_items(B, {"a": 2, "b": 2}, flags(create | quiet | partial)), 2, {"a": 1, "b": 2}),
    ])


@check
def order_of_keys(_):
    mixed = {b"b": 1, "s": 2, 5: 3, -1: 4, "a": 5}
    MAPS.start(None)
    MAPS.run(op.map_put_items(B, mixed, BY_KEY))
    equal(list(stored(MAPS.key)[B]), [-1, 5, "a", "s", b"b"])
    equal(MAPS.run(op.map_get_by_index_range(B, 0, 3, KEY)), [-1, 5, "a"])
    MAPS.run(op.map_put(B, 0, 0, BY_KEY))
    equal(list(stored(MAPS.key)[B])[:3], [-1, 0, 5])


@check
def contexts(_):
    key, at_key = cdt_ctx.cdt_ctx_map_key, lambda k: [cdt_ctx.cdt_ctx_map_key(k)]
    nested = {"x": {"n": 1}, "y": {"n": 2, "o": [1]}}
    MAPS.writes([
        (nested, op.map_put(B, "m", 5, ctx=at_key("x")), 2, {"x": {"n": 1, "m": 5}, "y": {"n": 2, "o": [1]}}),
        (nested, op.map_increment(B, "n", 5, ctx=[cdt_ctx.cdt_ctx_map_index(-1)]), 7, {"x": {"n": 1}, "y": {"n": 7, "o": [1]}}),
        (nested, op.map_remove_by_key(B, "n", NONE, ctx=[cdt_ctx.cdt_ctx_map_rank(0)]), None, {"x": {}, "y": {"n": 2, "o": [1]}}),
        (nested, op.map_clear(B, ctx=[cdt_ctx.cdt_ctx_map_value({"n": 1})]), None, {"x": {}, "y": {"n": 2, "o": [1]}}),
        (nested, op.map_put(B, "m", 5, ctx=at_key("z")), (26,), nested),
        (
            {"x": {}}, op.map_put(B, "m", 5, ctx=[cdt_ctx.cdt_ctx_map_key_create("z", aerospike.MAP_KEY_ORDERED)]),
            1, {"x": {}, "z": {"m": 5}},
        ),
        (
            {}, op.map_put(B, "m", 5, ctx=[cdt_ctx.cdt_ctx_map_key_create("p"), cdt_ctx.cdt_ctx_map_key_create("q")]),
            1, {"p": {"q": {"m": 5}}},
        ),
    ])
    MAPS.reads({"deep": {"deeper": {"deepest": [1, 2]}}}, [
        (op.map_get_by_key(B, "deepest", VALUE, ctx=[key("deep"), key("deeper")]), [1, 2]),
        (op.map_size(B, ctx=at_key("deep")), 1),
    ])


check.run(connect)
