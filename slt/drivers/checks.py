"""Checks of one driver: run each, say what failed, count.

A check is a function of one fresh connection; an exception is its failure. Each runs on its own, so
one failure hides no other. A check that hangs ends the program after TIME_LIMIT_S with all stacks.
"""

import datetime as dt
import decimal
import faulthandler
import inspect
import pathlib
import sys
import traceback
import uuid

TIME_LIMIT_S = 240

COLUMNS = pathlib.Path(__file__).with_name("columns.sql").read_text()
NAMES = "id i2 i4 i8 f4 f8 t vc b by d ts tz num u j ai at af ab".split()

#: One row of every type, one row of edges, and one of NULLs; jsonb is left to the driver's own form.
ROW = dict(
    id=1, i2=32767, i4=2147483647, i8=9223372036854775807, f4=1.5, f8=0.1,
    t="tëxt ✈", vc="varchar", b=True, by=b"\x00\xff\\",
    d=dt.date(2024, 2, 29), ts=dt.datetime(2024, 2, 29, 12, 34, 56, 789000),
    tz=dt.datetime(2024, 2, 29, 12, 34, 56, 789001, dt.timezone.utc),
    num=decimal.Decimal("123456789.125"), u=uuid.UUID("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
    j={"a": [1, 2.5, "x"], "b": None}, ai=[1, -2, 9223372036854775807],
    at=["a", "b c", "", 'q"\\'], af=[1.5, -0.25], ab=[True, False],
)
EDGES = dict(
    id=2, i2=-32768, i4=-2147483648, i8=-9223372036854775808, f4=-0.25, f8=1e300,
    t="", vc="", b=False, by=b"",
    d=dt.date(1969, 7, 20), ts=dt.datetime(1969, 7, 20, 20, 17, 40),
    tz=dt.datetime(1969, 7, 20, 20, 17, 40, tzinfo=dt.timezone.utc),
    num=decimal.Decimal("-0.001"), u=uuid.UUID(int=0),
    j=[], ai=[], at=[], af=[], ab=[],
)
NULLS = dict.fromkeys(NAMES) | {"id": 3}

#: Statements over a table `{t}` (id int8 primary key, n int8, small int2) that holds id 1, and the
#: SQLSTATE of each.
ERRORS = [
    ("SELEC 1", "42601"),
    ("SELECT * FROM {t} WHERE id =", "42601"),
    ("SELECT * FROM {t}_nosuch", "42P01"),
    ("SELECT nosuch FROM {t}", "42703"),
    ("SELECT nosuch FROM {t} WHERE id = 1", "42703"),
    ("INSERT INTO {t} (id) VALUES (1)", "23505"),
    ("SELECT * FROM {t} WHERE id = 'one'", "22P02"),
    ("SELECT 'x'::int8", "22P02"),
    ("INSERT INTO {t} (id, small) VALUES (9, 70000)", "22003"),
    ("SELECT 9223372036854775807 + n FROM {t} WHERE id = 1", "22003"),
    ("SELECT 1 / 0", "22012"),
    ("SELECT n / (n - n) FROM {t} WHERE id = 1", "22012"),
]

#: Runs for hours on any server; `{t}` has 2 000 rows.
SLOW = "SELECT count(*) FROM {t} a CROSS JOIN {t} b CROSS JOIN {t} c WHERE a.n + b.n + c.n < 0"


class Checks:
    """The checks of one driver, in the order in which they are written."""

    def __init__(self, driver):
        self.driver, self.checks = driver, []

    def __call__(self, function):
        self.checks.append(function)
        return function

    def _report(self, failed):
        passed = len(self.checks) - len(failed)
        print(f"{self.driver}: {passed} passed, {len(failed)} failed", flush=True)
        sys.exit(min(len(failed), 100))

    def _failed(self, check):
        print(f"---- {self.driver}: {check.__name__}", flush=True)
        traceback.print_exc(file=sys.stdout)
        return check.__name__

    def run(self, connect):
        """`connect()` is a context manager that gives a connection."""
        faulthandler.dump_traceback_later(TIME_LIMIT_S, exit=True)
        failed = []
        for check in self.checks:
            try:
                with connect() as connection:
                    check(connection)
            except Exception:
                failed.append(self._failed(check))
        self._report(failed)

    async def run_async(self, connect):
        """`await connect()` gives a connection with `close()`."""
        faulthandler.dump_traceback_later(TIME_LIMIT_S, exit=True)
        failed = []
        for check in self.checks:
            assert inspect.iscoroutinefunction(check)
            try:
                connection = await connect()
                try:
                    await check(connection)
                finally:
                    await connection.close(timeout=10)
            except Exception:
                failed.append(self._failed(check))
        self._report(failed)


def equal(actual, expected):
    """An assertion that shows both sides."""
    assert actual == expected, f"got {actual!r}, expected {expected!r}"


def fails(state, run, *arguments):
    """The error that `run(*arguments)` raises; an assertion that it has this SQLSTATE."""
    try:
        run(*arguments)
    except AssertionError:
        raise
    except Exception as error:
        found = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)
        if found is None and error.args and isinstance(error.args[0], dict):  # pg8000: the message's fields
            found = error.args[0].get("C")
        assert found == state, f"{arguments}: {found} {error!r}, not {state}"
        return error
    raise AssertionError(f"no error: {arguments}")
