"""Scans: whole sets, partitions, pages, limits, filters, and writes in the background."""

import aerospike
from aerospike_helpers.expressions import base as exp
from aerospike_helpers.operations import operations as op

from client import NAMESPACE, Checks, connect, equal

check = Checks("aerospike-python scans")
SET, COUNT = "scans", 1000


def fill(client):
    client.truncate(NAMESPACE, SET, 0)
    for n in range(COUNT):
        client.put((NAMESPACE, SET, n), {"n": n, "third": n % 3}, policy={"key": aerospike.POLICY_KEY_SEND})


def numbers(records):
    return sorted(bins["n"] for _, _, bins in records)


@check
def a_whole_set(client):
    fill(client)
    records = client.query(NAMESPACE, SET).results()
    equal(numbers(records), list(range(COUNT)))
    key, meta, bins = records[0]
    equal((key[:3], meta["gen"]), ((NAMESPACE, SET, bins["n"]), 1))
    equal(key[3], aerospike.calc_digest(NAMESPACE, SET, bins["n"]))


@check
def some_bins_or_none(client):
    query = client.query(NAMESPACE, SET)
    query.select("third")
    equal({tuple(bins) for _, _, bins in query.results()}, {("third",)})
    bare = client.query(NAMESPACE, SET).results(options={"nobins": True})
    equal((len(bare), [bins for _, _, bins in bare if bins]), (COUNT, []))
    equal(client.query(NAMESPACE, "no_such_set").results(), [])


@check
def callbacks_end_it(client):
    seen = []

    def three(record):
        seen.append(record)
        return len(seen) < 3

    client.query(NAMESPACE, SET).foreach(three)
    assert 3 <= len(seen) < COUNT, len(seen)


@check
def by_partition(client):
    halves = [
        numbers(client.query(NAMESPACE, SET).results({"partition_filter": {"begin": begin, "count": 2048}}))
        for begin in (0, 2048)
    ]
    assert all(300 < len(half) < 700 for half in halves)
    equal(sorted(halves[0] + halves[1]), list(range(COUNT)))
    for number in halves[0][:20]:
        assert client.get_key_partition_id(NAMESPACE, SET, number) < 2048
    one = client.get_key_partition_id(NAMESPACE, SET, 7)
    assert 7 in numbers(client.query(NAMESPACE, SET).results({"partition_filter": {"begin": one, "count": 1}}))


@check
def pages(client):
    query = client.query(NAMESPACE, SET)
    query.max_records = 100
    query.paginate()
    seen, rounds = [], 0
    while not query.is_done():
        page = query.results()
        assert len(page) <= 100
        seen += page
        rounds += 1
        assert rounds < 30
    equal(numbers(seen), list(range(COUNT)))


@check
def goes_on_where_another_ended(client):
    first = client.query(NAMESPACE, SET)
    first.max_records = 300
    first.paginate()
    seen = first.results({"partition_filter": {"begin": 0, "count": 4096}})
    rest = client.query(NAMESPACE, SET).results(
        {"partition_filter": {"begin": 0, "count": 4096, "partition_status": first.get_partitions_status()}}
    )
    equal(numbers(seen + rest), list(range(COUNT)))


@check
def filtered(client):
    third = exp.Eq(exp.IntBin("third"), 1).compile()
    found = numbers(client.query(NAMESPACE, SET).results({"expressions": third}))
    equal(found, [n for n in range(COUNT) if n % 3 == 1])


@check
def at_a_slow_pace(client):
    query = client.query(NAMESPACE, SET)
    query.records_per_second = 5000
    equal(len(query.results()), COUNT)


@check
def old_scans(client):
    scan = client.scan(NAMESPACE, SET)
    equal(numbers(scan.results()), list(range(COUNT)))


@check
def in_the_background(client):
    query = client.query(NAMESPACE, SET)
    query.add_ops([op.increment("n", 10_000)])
    job = query.execute_background({"expressions": exp.Eq(exp.IntBin("third"), 2).compile()})
    for _ in range(1000):
        if client.job_info(job, aerospike.JOB_QUERY)["status"] == aerospike.JOB_STATUS_COMPLETED:
            break
    else:
        raise AssertionError("the job does not end")
    found = numbers(client.query(NAMESPACE, SET).results())
    equal(found, sorted(n + 10_000 * (n % 3 == 2) for n in range(COUNT)))


@check
def emptied(client):
    client.truncate(NAMESPACE, SET, 0)
    equal(client.query(NAMESPACE, SET).results(), [])


check.run(connect)
