"""Expressions: as filter, as read and as write; and paths into nested values."""

import aerospike
from aerospike_helpers import cdt_ctx
from aerospike_helpers.expressions import arithmetic as ar
from aerospike_helpers.expressions import base as ex
from aerospike_helpers.expressions import bitwise as bw
from aerospike_helpers.expressions import bitwise_operators as bo
from aerospike_helpers.expressions import hll as hx
from aerospike_helpers.expressions import list as li
from aerospike_helpers.expressions import map as ma
from aerospike_helpers.expressions.resources import ResultType
from aerospike_helpers.operations import expression_operations as xop
from aerospike_helpers.operations import hll_operations
from aerospike_helpers.operations import operations as op

from client import NAMESPACE, Checks, connect, equal, fails, stored

check = Checks("aerospike-python expressions")
KEY = (NAMESPACE, "expressions", "k")
BINS = {
    "i": 7, "f": 2.5, "s": "hello world", "b": b"\x0f\xff", "t": True, "l": [3, 1, 2], "m": {"a": 1, "b": [10, 20]},
    "g": aerospike.GeoJSON({"type": "Point", "coordinates": [1.0, 1.0]}),
}
REGION = aerospike.GeoJSON({"type": "Polygon", "coordinates": [[[0, 0], [2, 0], [2, 2], [0, 2], [0, 0]]]})
I, F, S, LIST, MAP = ex.IntBin("i"), ex.FloatBin("f"), ex.StrBin("s"), ex.ListBin("l"), ex.MapBin("m")
COUNT, VALUE = aerospike.LIST_RETURN_COUNT, aerospike.LIST_RETURN_VALUE


def start(client):
    client.put(KEY, BINS, meta={"ttl": 1000}, policy={
        "exists": aerospike.POLICY_EXISTS_CREATE_OR_REPLACE, "key": aerospike.POLICY_KEY_SEND})
    client.operate(KEY, [hll_operations.hll_add("h", ["a", "b", "c"], 10)], meta={"ttl": aerospike.TTL_DONT_UPDATE})


def read(client, expression, flags=0):
    return client.operate(KEY, [xop.expression_read("x", expression.compile(), flags)])[2]["x"]


@check
def filters(client):
    start(client)
    here = aerospike.GeoJSON({"type": "Point", "coordinates": [1, 1]})
    true = [
        ex.Eq(I, 7), ex.NE(I, 8), ex.GT(F, 2.0), ex.GE(F, 2.5), ex.LT(S, "i"), ex.LE(I, 7),
        ex.Not(ex.Eq(I, 8)), ex.And(ex.Eq(I, 7), ex.Eq(F, 2.5), ex.BoolBin("t")), ex.Or(ex.Eq(I, 1), ex.Eq(I, 7)),
        ex.Exclusive(ex.Eq(I, 1), ex.Eq(I, 7)), ex.Eq(ex.BlobBin("b"), b"\x0f\xff"), ex.Eq(LIST, [3, 1, 2]),
        ex.Eq(MAP, {"a": 1, "b": [10, 20]}), ex.CmpRegex(aerospike.REGEX_ICASE, "^HELLO", S),
        ex.BinExists("i"), ex.Not(ex.BinExists("zz")), ex.Eq(ex.BinType("i"), aerospike.AS_BYTES_INTEGER),
        ex.Eq(ex.BinType("m"), aerospike.AS_BYTES_MAP), ex.Eq(ex.SetName(), "expressions"), ex.KeyExists(),
        ex.Eq(ex.KeyStr(), "k"), ex.GT(ex.TTL(), 900), ex.GT(ex.VoidTime(), 1_600_000_000_000_000_000),
        ex.LT(ex.SinceUpdateTime(), 60_000), ex.GT(ex.LastUpdateTime(), 1_600_000_000_000_000_000),
        ex.Not(ex.IsTombstone()), ex.LT(ex.DigestMod(3), 3), ex.GT(ex.RecordSize(), 20),
        ex.CmpGeo(ex.GeoBin("g"), REGION), ex.CmpGeo(REGION, here),
    ]
    for expression in true:
        policy = {"expressions": expression.compile()}
        assert client.get(KEY, policy)[2]["i"] == 7, expression
        opposite = {"expressions": ex.Not(expression).compile()}
        fails(27, client.get, KEY, opposite)
    # What is not known is not true, and neither is its opposite.
    for unknown in (ex.Eq(ex.IntBin("zz"), 1), ex.Not(ex.Eq(ex.IntBin("zz"), 1)), ex.Eq(ex.IntBin("s"), 1)):
        fails(27, client.get, KEY, {"expressions": unknown.compile()})


@check
def filters_of_every_command(client):
    start(client)
    no, yes = ({"expressions": ex.Eq(I, n).compile()} for n in (8, 7))
    fails(27, client.put, KEY, {"i": 9}, policy=no)
    fails(27, client.touch, KEY, 10, policy=no)
    fails(27, client.remove, KEY, policy=no)
    fails(27, client.operate, KEY, [op.increment("i", 1)], policy=no)
    fails(27, client.select, KEY, ["i"], policy=no)
    equal(stored(KEY)["i"], 7)
    client.put(KEY, {"i": 8}, policy=yes)
    fails(2, client.get, (NAMESPACE, "expressions", "absent"), yes)
    client.remove(KEY, policy=no)
    equal(client.exists(KEY)[1], None)


@check
def arithmetic(client):
    start(client)
    for expression, expected in [
        (ar.Add(I, 1, 2), 10), (ar.Sub(I, 10), -3), (ar.Mul(I, I), 49), (ar.Div(I, 2), 3), (ar.Mod(I, 4), 3),
        (ar.Abs(ar.Sub(I, 10)), 3), (ar.Min(I, 3, 9), 3), (ar.Max(I, 3, 9), 9), (ar.Add(F, 0.25), 2.75),
        (ar.Pow(F, 2.0), 6.25), (ar.Log(8.0, 2.0), 3.0), (ar.Floor(F), 2.0), (ar.Ceil(F), 3.0),
        (ar.ToInt(F), 2), (ar.ToFloat(I), 7.0), (ar.Div(F, 2.0), 1.25),
        (bo.IntAnd(I, 3), 3), (bo.IntOr(I, 8), 15), (bo.IntXOr(I, 1), 6), (bo.IntNot(I), -8),
        (bo.IntLeftShift(I, 2), 28), (bo.IntRightShift(I, 1), 3), (bo.IntArithmeticRightShift(-8, 1), -4),
        (bo.IntCount(I), 3), (bo.IntLeftScan(I, True), 61), (bo.IntRightScan(I, False), 60),
    ]:
        found = read(client, expression)
        assert found == expected and type(found) is type(expected), f"{expression}: {found!r}, not {expected!r}"
    fails(26, read, client, ar.Add(ex.IntBin("zz"), 1))
    equal(read(client, ar.Add(ex.IntBin("zz"), 1), aerospike.EXP_READ_EVAL_NO_FAIL), None)


@check
def variables_and_branches(client):
    start(client)
    double = ex.Let(ex.Def("n", ar.Add(I, 1)), ar.Mul(ex.Var("n"), ex.Var("n")))
    equal(read(client, double), 64)
    size = ex.Cond(ex.LT(I, 5), "small", ex.LT(I, 10), "middle", "large")
    equal(read(client, size), "middle")
    fails(26, read, client, ex.Cond(ex.Eq(I, 1), 1, ex.Unknown()))


@check
def collections(client):
    start(client)
    for expression, expected in [
        (li.ListSize(None, LIST), 3),
        (li.ListGetByIndex(None, VALUE, ResultType.INTEGER, 0, LIST), 3),
        (li.ListGetByRank(None, VALUE, ResultType.INTEGER, -1, LIST), 3),
        (li.ListGetByValueRange(None, COUNT, 2, 9, LIST), 2),
        (li.ListAppend(None, None, 9, LIST), [3, 1, 2, 9]),
        (li.ListSort(None, 0, LIST), [1, 2, 3]),
        (li.ListRemoveByIndex(None, 0, LIST), [1, 2]),
        (li.ListSize([cdt_ctx.cdt_ctx_map_key("b")], MAP), 2),
        (ma.MapSize(None, MAP), 2),
        (ma.MapGetByKey(None, aerospike.MAP_RETURN_VALUE, ResultType.INTEGER, "a", MAP), 1),
        (ma.MapPut(None, None, "c", 3, MAP), {"a": 1, "b": [10, 20], "c": 3}),
        (ma.MapRemoveByKey(None, "b", MAP), {"a": 1}),
        (ma.MapGetByKeyRange(None, aerospike.MAP_RETURN_COUNT, "a", "b", MAP), 1),
        (bw.BitCount(0, 16, ex.BlobBin("b")), 12),
        (bw.BitGet(4, 8, ex.BlobBin("b")), b"\xff"),
        (bw.BitOr(None, 0, 4, b"\xf0", ex.BlobBin("b")), b"\xff\xff"),
        (hx.HLLGetCount(ex.HLLBin("h")), 3),
        (hx.HLLMayContain(["a"], ex.HLLBin("h")), 1),
        (li.InList(2, LIST), True),
    ]:
        found = read(client, expression)
        assert found == expected, f"{expression}: {found!r}, not {expected!r}"
    equal(sorted(read(client, ma.MapGetKeys(MAP))), ["a", "b"])
    equal(stored(KEY)["l"], [3, 1, 2])


@check
def writes(client):
    start(client)

    def write(bin_name, expression, flags=0):
        client.operate(KEY, [xop.expression_write(bin_name, expression.compile(), flags)])
        return stored(KEY).get(bin_name)

    equal(write("n", ar.Add(I, 1)), 8)
    equal(write("i", ar.Mul(I, 2)), 14)
    equal(write("l", li.ListAppend(None, None, 9, LIST)), [3, 1, 2, 9])
    create, update, quiet = (
        aerospike.EXP_WRITE_CREATE_ONLY, aerospike.EXP_WRITE_UPDATE_ONLY, aerospike.EXP_WRITE_POLICY_NO_FAIL)
    fails(6, write, "i", ar.Add(I, 1), create)
    equal(write("i", ar.Add(I, 1), create | quiet), 14)
    fails(17, write, "zz", ar.Add(I, 1), update)
    equal(write("f", ex.Unknown(), aerospike.EXP_WRITE_EVAL_NO_FAIL), 2.5)
    fails(26, write, "f", ex.Unknown())
    fails(26, write, "f", ex.Val(aerospike.null()))
    equal(write("f", ex.Val(aerospike.null()), aerospike.EXP_WRITE_ALLOW_DELETE), None)


BOOKS = {
    "books": [
        {"title": "one", "price": 10.5, "tags": ["x", "y"]},
        {"title": "two", "price": 20.25, "tags": ["y"]},
        {"title": "three", "price": 5.0, "tags": []},
    ]
}


@check
def paths(client):
    client.put(KEY, {"d": BOOKS}, policy={"exists": aerospike.POLICY_EXISTS_CREATE_OR_REPLACE})
    books, all_of = cdt_ctx.cdt_ctx_map_key("books"), cdt_ctx.cdt_ctx_all_children
    price = ma.MapGetByKey(
        None, aerospike.MAP_RETURN_VALUE, ResultType.FLOAT, "price", ex.LoopVarMap(aerospike.EXP_LOOPVAR_VALUE))
    cheap = cdt_ctx.cdt_ctx_all_children_with_filter(ex.LT(price, 15.0).compile())

    def select(flags, *ctx):
        return client.operate(KEY, [op.select_by_path("d", list(ctx), flags)])[2]["d"]

    equal(select(aerospike.EXP_PATH_SELECT_VALUE, books, all_of(), cdt_ctx.cdt_ctx_map_key("title")), ["one", "two", "three"])
    equal(select(aerospike.EXP_PATH_SELECT_VALUE, books, cheap, cdt_ctx.cdt_ctx_map_key("title")), ["one", "three"])
    tree = select(aerospike.EXP_PATH_SELECT_MATCHING_TREE, books, cheap)
    equal(tree, {"books": [BOOKS["books"][0], BOOKS["books"][2]]})
    dearer = ar.Mul(ex.LoopVarFloat(aerospike.EXP_LOOPVAR_VALUE), 2.0).compile()
    ctx = [books, cheap, cdt_ctx.cdt_ctx_map_key("price")]
    client.operate(KEY, [op.modify_by_path("d", ctx, dearer, aerospike.EXP_PATH_MODIFY_DEFAULT)])
    equal([book["price"] for book in stored(KEY)["d"]["books"]], [21.0, 20.25, 10.0])


check.run(connect)
