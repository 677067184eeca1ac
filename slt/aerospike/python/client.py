"""What the programs beside this one share: a client of AEROSPIKE_HOST and AEROSPIKE_PORT, and checks."""

import contextlib
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "drivers"))

import aerospike
from aerospike import exception
from checks import Checks, equal

HOST = os.environ["AEROSPIKE_HOST"]
PORT = int(os.environ["AEROSPIKE_PORT"])
NAMESPACE = "test"

_clients = []


def client():
    """One client for all checks of a program."""
    if not _clients:
        _clients.append(aerospike.client({"hosts": [(HOST, PORT)]}).connect())
    return _clients[0]


@contextlib.contextmanager
def connect():
    yield client()


def fails(code, run, *arguments, **named):
    """That `run` raises the server's error of this number."""
    try:
        run(*arguments, **named)
    except exception.AerospikeError as error:
        assert error.code == code, f"code {error.code} {error.msg}, expected {code}"
        return error
    raise AssertionError(f"no error, expected code {code}")


def stored(key):
    """The bins of a record."""
    return client().get(key)[2]


class Operations:
    """Operations on one bin of one record: what each gives, and what the bin holds then."""

    def __init__(self, set_name, bin_name):
        self.key, self.bin = (NAMESPACE, set_name, 1), bin_name

    def start(self, value):
        """The record anew, with this in the bin; without the bin for None."""
        bins = {"other": 1} if value is None else {self.bin: value}
        client().put(self.key, bins, policy={"exists": aerospike.POLICY_EXISTS_CREATE_OR_REPLACE})

    def run(self, *operations):
        """What the last of the operations gives."""
        results = client().operate_ordered(self.key, list(operations))[2]
        return results[-1][1] if results else None

    def reads(self, value, cases, prepare=()):
        """Each case is an operation and what it gives, or the error's code in a one-tuple; `set` where
        the order is not promised. The bin stays. `prepare` are operations before the first."""
        self.start(value)
        if prepare:
            self.run(*prepare)
        for operation, expected in cases:
            self._one(operation, expected)
            equal(stored(self.key)[self.bin], value)

    def writes(self, cases):
        """Each case is the bin before, an operation, what it gives, the bin after."""
        for before, operation, expected, after in cases:
            self.start(before)
            self._one(operation, expected)
            found = stored(self.key).get(self.bin)
            assert found == after, f"{operation}: {found!r}, expected {after!r}"

    def _one(self, operation, expected):
        if isinstance(expected, tuple):
            fails(expected[0], self.run, operation)
            return
        found = self.run(operation)
        if isinstance(expected, set):
            found = set(found)
        alike = isinstance(found, type(expected)) and isinstance(found, bool) == isinstance(expected, bool)
        assert found == expected and alike, f"{operation}: {found!r}, expected {expected!r}"
