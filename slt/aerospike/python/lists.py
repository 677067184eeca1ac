"""List operations: each selector, return type, policy and context, with what its documentation says it gives."""

import aerospike
from aerospike_helpers import cdt_ctx
from aerospike_helpers.operations import list_operations as op

from client import Checks, Operations, connect, equal, fails, stored

check = Checks("aerospike-python lists")
B = "l"
LISTS = Operations("lists", B)
NONE, INDEX, REVERSE_INDEX, RANK, REVERSE_RANK, COUNT, VALUE, EXISTS = (
    getattr(aerospike, f"LIST_RETURN_{name}")
    for name in "NONE INDEX REVERSE_INDEX RANK REVERSE_RANK COUNT VALUE EXISTS".split()
)
UNIQUE = {"write_flags": aerospike.LIST_WRITE_ADD_UNIQUE}
QUIET = aerospike.LIST_WRITE_NO_FAIL
PARTIAL = aerospike.LIST_WRITE_PARTIAL


@check
def reading_by_place(_):
    LISTS.reads([5, 3, 9, 3, 1], [
        (op.list_size(B), 5),
        (op.list_get(B, 0), 5),
        (op.list_get(B, -1), 1),
        (op.list_get(B, 5), (26,)),
        (op.list_get_range(B, 1, 2), [3, 9]),
        (op.list_get_range(B, -2, 9), [3, 1]),
        (op.list_get_by_index(B, 2, VALUE), 9),
        (op.list_get_by_index(B, -1, VALUE), 1),
        (op.list_get_by_index(B, 2, INDEX), 2),
        (op.list_get_by_index(B, 2, REVERSE_INDEX), 2),
        (op.list_get_by_index(B, 2, RANK), 4),
        (op.list_get_by_index(B, 2, REVERSE_RANK), 0),
        (op.list_get_by_index(B, 2, COUNT), 1),
        (op.list_get_by_index(B, 2, EXISTS), True),
        (op.list_get_by_index_range(B, 1, VALUE, 3), [3, 9, 3]),
        (op.list_get_by_index_range(B, 1, VALUE), [3, 9, 3, 1]),
        (op.list_get_by_index_range(B, 1, VALUE, 3, inverted=True), [5, 1]),
        (op.list_get_by_index_range(B, 1, COUNT, 9), 4),
    ])


@check
def reading_by_rank_and_value(_):
    LISTS.reads([5, 3, 9, 3, 1], [
        (op.list_get_by_rank(B, 0, VALUE), 1),
        (op.list_get_by_rank(B, -1, VALUE), 9),
        (op.list_get_by_rank(B, -1, INDEX), 2),
        (op.list_get_by_rank_range(B, 3, VALUE), {5, 9}),
        (op.list_get_by_rank_range(B, 3, VALUE, 1), [5]),
        (op.list_get_by_rank_range(B, 1, COUNT, 2, inverted=True), 3),
        (op.list_get_by_value(B, 3, INDEX), {1, 3}),
        (op.list_get_by_value(B, 3, COUNT), 2),
        (op.list_get_by_value(B, 3, COUNT, inverted=True), 3),
        (op.list_get_by_value(B, 4, EXISTS), False),
        (op.list_get_by_value(B, 4, VALUE), []),
        (op.list_get_by_value_list(B, [1, 9, 77], VALUE), {1, 9}),
        (op.list_get_by_value_list(B, [1, 9, 77], COUNT, inverted=True), 3),
        (op.list_get_by_value_range(B, VALUE, 3, 6), {3, 5}),
        (op.list_get_by_value_range(B, COUNT, 3, 9), 3),
        (op.list_get_by_value_range(B, COUNT, 3, aerospike.CDTInfinite()), 4),
        (op.list_get_by_value_range(B, COUNT, 3, None), 4),
        (op.list_get_by_value_range(B, COUNT, 3, 6, inverted=True), 2),
    ])


@check
def reading_relative_to_a_value(_):
    def to_end(value, offset):
        return op.list_get_by_value_rank_range_relative(B, value, offset, VALUE)

    def some(value, offset, count):
        return op.list_get_by_value_rank_range_relative(B, value, offset, VALUE, count)

    LISTS.reads([0, 4, 5, 9, 11, 15], [
        (to_end(5, 0), [5, 9, 11, 15]),
        (to_end(5, 1), [9, 11, 15]),
        (to_end(5, -1), [4, 5, 9, 11, 15]),
        (to_end(3, 0), [4, 5, 9, 11, 15]),
        (to_end(3, 3), [11, 15]),
        (to_end(3, -3), [0, 4, 5, 9, 11, 15]),
        (some(5, 0, 2), [5, 9]),
        (some(5, 1, 1), [9]),
        (some(5, -1, 2), [4, 5]),
        (some(3, 0, 1), [4]),
        (some(3, 3, 7), [11, 15]),
        (some(3, -3, 2), []),
    ], prepare=[op.list_set_order(B, aerospike.LIST_ORDERED)])


@check
def changing(_):
    LISTS.writes([
        (None, op.list_append(B, "x"), 1, ["x"]),
        ([1], op.list_append(B, [2, {"a": 1}]), 2, [1, [2, {"a": 1}]]),
        ([1], op.list_append_items(B, [2, 3]), 3, [1, 2, 3]),
        ([1, 2], op.list_insert(B, 0, 9), 3, [9, 1, 2]),
        ([1, 2], op.list_insert(B, -1, 9), 3, [1, 9, 2]),
        ([1], op.list_insert(B, 3, 9), 4, [1, None, None, 9]),
        ([1, 2], op.list_insert_items(B, 1, [8, 9]), 4, [1, 8, 9, 2]),
        ([1, 2], op.list_increment(B, 1, 5), 7, [1, 7]),
        ([1, 2.5], op.list_increment(B, 1, 0.5), 3.0, [1, 3.0]),
        ([1, 2, 3], op.list_pop(B, 0), 1, [2, 3]),
        ([1, 2, 3], op.list_pop(B, -1), 3, [1, 2]),
        ([1, 2, 3], op.list_pop(B, 3), (26,), [1, 2, 3]),
        ([1, 2, 3], op.list_pop_range(B, 1, 5), [2, 3], [1]),
        ([1, 2, 3], op.list_remove(B, 1), 1, [1, 3]),
        ([1, 2, 3], op.list_remove_range(B, 0, 2), 2, [3]),
        ([1, 2], op.list_set(B, 1, "b"), None, [1, "b"]),
        ([1, 2], op.list_set(B, 3, "d"), None, [1, 2, None, "d"]),
        ([1, 2, 3, 4], op.list_trim(B, 1, 2), 2, [2, 3]),
        ([1, 2], op.list_clear(B), None, []),
        ([3, 1, 3, 2], op.list_sort(B), None, [1, 2, 3, 3]),
        ([3, 1, 3], op.list_sort(B, aerospike.LIST_SORT_DROP_DUPLICATES), None, [1, 3]),
        ([3, 1, 2], op.list_set_order(B, aerospike.LIST_ORDERED), None, [1, 2, 3]),
        ("text", op.list_append(B, 1), (12,), "text"),
    ])


@check
def removing(_):
    five = [5, 3, 9, 3, 1]
    LISTS.writes([
        (five, op.list_remove_by_index(B, 0, VALUE), 5, [3, 9, 3, 1]),
        (five, op.list_remove_by_index(B, 0, NONE), None, [3, 9, 3, 1]),
        (five, op.list_remove_by_index_range(B, 3, VALUE), [3, 1], [5, 3, 9]),
        (five, op.list_remove_by_index_range(B, 1, COUNT, 3), 3, [5, 1]),
        (five, op.list_remove_by_index_range(B, 1, COUNT, 3, inverted=True), 2, [3, 9, 3]),
        (five, op.list_remove_by_rank(B, -1, VALUE), 9, [5, 3, 3, 1]),
        (five, op.list_remove_by_rank_range(B, 0, COUNT, 3), 3, [5, 9]),
        (five, op.list_remove_by_value(B, 3, COUNT), 2, [5, 9, 1]),
        (five, op.list_remove_by_value(B, 3, INDEX), {1, 3}, [5, 9, 1]),
        (five, op.list_remove_by_value_list(B, [1, 9], COUNT), 2, [5, 3, 3]),
        (five, op.list_remove_by_value_list(B, [1, 9], COUNT, inverted=True), 3, [9, 1]),
        (five, op.list_remove_by_value_range(B, COUNT, 3, 6), 3, [9, 1]),
        ([0, 4, 5, 9], op.list_remove_by_value_rank_range_relative(B, 5, 0, COUNT), 2, [0, 4]),
        ([0, 4, 5, 9], op.list_remove_by_value_rank_range_relative(B, 5, -1, COUNT, 2), 2, [0, 9]),
    ])


@check
def policies(_):
    quiet = {"write_flags": aerospike.LIST_WRITE_ADD_UNIQUE | QUIET}
    partial = {"write_flags": aerospike.LIST_WRITE_ADD_UNIQUE | QUIET | PARTIAL}
    bounded = {"write_flags": aerospike.LIST_WRITE_INSERT_BOUNDED}
    ordered = {"list_order": aerospike.LIST_ORDERED}
    LISTS.writes([
        ([1, 2], op.list_append(B, 2, UNIQUE), (24,), [1, 2]),
        ([1, 2], op.list_append(B, 2, quiet), 2, [1, 2]),
        ([1, 2], op.list_append_items(B, [2, 3], quiet), 2, [1, 2]),
        ([1, 2], op.list_append_items(B, [2, 3], partial), 3, [1, 2, 3]),
        ([1, 2], op.list_insert(B, 3, 9, bounded), (26,), [1, 2]),
        ([1, 2], op.list_insert(B, 2, 9, bounded), 3, [1, 2, 9]),
        (None, op.list_append_items(B, [3, 1, 2], ordered), 3, [1, 2, 3]),
        (None, op.list_create(B, aerospike.LIST_ORDERED, False, False), None, []),
    ])
    LISTS.start(None)
    LISTS.run(op.list_append_items(B, [3, 1], ordered), op.list_append(B, 2, ordered))
    equal(stored(LISTS.key)[B], [1, 2, 3])
    fails(26, LISTS.run, op.list_set(B, 0, 9, ordered))


@check
def order_of_types(_):
    """nil, boolean, integer, string, list, map, bytes, double."""
    mixed = [1.5, b"b", {"m": 1}, [1], "s", 7, True, False, None]
    in_order = [None, False, True, 7, "s", [1], {"m": 1}, b"b", 1.5]
    LISTS.writes([(mixed, op.list_sort(B), None, in_order)])
    LISTS.reads(mixed, [(op.list_get_by_rank(B, n, VALUE), value) for n, value in enumerate(in_order) if n])
    LISTS.reads([[2], [1, 5], [1, 7], []], [
        (op.list_get_by_rank_range(B, 0, INDEX, 2), {3, 1}),
        (op.list_get_by_value_range(B, COUNT, [1], [2]), 2),
        (op.list_get_by_value(B, [1, aerospike.CDTWildcard()], COUNT), 2),
    ])


@check
def contexts(_):
    inner = [cdt_ctx.cdt_ctx_list_index(1), cdt_ctx.cdt_ctx_list_index(-1)]
    by_key = [cdt_ctx.cdt_ctx_list_index(0), cdt_ctx.cdt_ctx_map_key("k")]
    LISTS.writes([
        ([[1], [2, [3]]], op.list_append(B, 4, ctx=inner), 2, [[1], [2, [3, 4]]]),
        ([{"k": [1]}], op.list_append(B, 2, ctx=by_key), 2, [{"k": [1, 2]}]),
        ([[5, 1], [2]], op.list_sort(B, ctx=[cdt_ctx.cdt_ctx_list_rank(-1)]), None, [[1, 5], [2]]),
        ([[1], [2]], op.list_clear(B, ctx=[cdt_ctx.cdt_ctx_list_value([2])]), None, [[1], []]),
        ([[1]], op.list_append(B, 9, ctx=[cdt_ctx.cdt_ctx_list_index_create(1)]), 1, [[1], [9]]),
        ([[1]], op.list_append(B, 9, ctx=[cdt_ctx.cdt_ctx_list_index(4)]), (26,), [[1]]),
        ([[1]], op.list_append(B, 9, ctx=[cdt_ctx.cdt_ctx_map_key("k")]), (26,), [[1]]),
    ])
    LISTS.reads([[1, 2, 3], [4]], [
        (op.list_size(B, ctx=[cdt_ctx.cdt_ctx_list_index(0)]), 3),
        (op.list_get_by_rank(B, -1, VALUE, ctx=[cdt_ctx.cdt_ctx_list_rank(-1)]), 4),
    ])


check.run(connect)
