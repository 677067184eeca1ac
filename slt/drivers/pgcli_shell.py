"""pgcli, a shell, against the server of PGHOST, PGPORT, PGDATABASE, PGUSER: the program itself, what
it asks the catalogue for its completions, and its commands with a backslash."""

import contextlib
import logging
import os
import subprocess
import sys
import tempfile

import psycopg
from pgcli.pgexecute import PGExecute
from pgspecial.main import PGSpecial

from checks import Checks, equal, fails

check = Checks("pgcli")
T = "drv_pgcli"
logging.disable(logging.CRITICAL)  # it logs the errors made on purpose


@contextlib.contextmanager
def connect():
    shell = PGExecute(os.environ["PGDATABASE"], os.environ["PGUSER"], None, os.environ["PGHOST"], os.environ["PGPORT"])
    try:
        yield shell
    finally:
        shell.conn.close()


def run(shell, statement):
    """Rows, columns and status of the last statement."""
    for _, rows, columns, status, _, ok, _ in shell.run(statement, PGSpecial(), exception_formatter=None):
        assert ok, statement
    return list(rows or []), columns, status


def pgcli(*arguments):
    """What the program prints, with a home of its own."""
    with tempfile.TemporaryDirectory() as home:
        environment = os.environ | {"HOME": home, "XDG_CONFIG_HOME": home, "XDG_STATE_HOME": home}
        done = subprocess.run([sys.executable, "-m", "pgcli", *arguments], env=environment, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout + done.stderr


@check
def the_program(shell):
    status, out = pgcli("--list")
    assert status == 0 and os.environ["PGDATABASE"] in out, out
    table = f"DROP TABLE IF EXISTS {T}; CREATE TABLE {T} (id int8 PRIMARY KEY, v text)"
    rows = f"INSERT INTO {T} VALUES (1, '✈'), (2, NULL)"
    status, out = pgcli("--yes", "-c", table, "-c", rows, "-c", f"SELECT * FROM {T} ORDER BY id")
    assert status == 0 and "| 1  | ✈      |" in out and "| 2  | <null> |" in out and "SELECT 2" in out, out
    equal(run(shell, f"SELECT count(*) FROM {T}")[0], [(2,)])


@check
def completions(shell):
    path = shell.search_path()
    schema = run(shell, "SELECT current_schema()")[0][0][0]
    assert schema in path and schema in shell.schemata(), path
    assert (schema, T) in shell.tables()
    columns = [c[2:5] for c in shell.table_columns() if c[:2] == (schema, T)]
    equal(columns, [("id", "bigint", False), ("v", "text", False)])
    assert os.environ["PGDATABASE"] in shell.databases()
    assert (schema, T) not in shell.views() and not [c for c in shell.view_columns() if c[1] == T]
    assert isinstance(list(shell.datatypes()), list)
    assert shell.get_timezone()


@check
def commands(shell):
    rows, columns, status = run(shell, f"\\d {T}")
    equal((columns[:2], [row[:2] for row in rows]), (["Column", "Type"], [["id", "bigint"], ["v", "text"]]))
    assert f'"{T}_pkey" PRIMARY KEY' in status, status
    for command, column, name in [("\\l", 0, os.environ["PGDATABASE"]), ("\\dp", 1, T), ("\\du", 0, os.environ["PGUSER"])]:
        rows = run(shell, command)[0]
        assert name in [row[column] for row in rows], (command, rows)
    for command in "\\dn", "\\dT", "\\dx", "\\dD", "\\db":
        run(shell, command)


@check
def statements(shell):
    rows, columns, status = run(shell, "SELECT 1 AS one, 'x' AS t; SELECT g FROM generate_series(1, 2000) AS s (g)")
    equal((len(rows), columns, status), (2000, ["g"], "SELECT 2000"))
    equal(run(shell, f"UPDATE {T} SET v = 'w' WHERE id = 1")[2], "UPDATE 1")
    run(shell, f"BEGIN; DELETE FROM {T}; ROLLBACK")
    equal(run(shell, f"SELECT * FROM {T} ORDER BY id")[0], [(1, "w"), (2, None)])
    assert run(shell, f"EXPLAIN SELECT * FROM {T}")[0]


@check
def errors(shell):
    for statement, state in ("SELEC 1", "42601"), (f"SELECT * FROM {T}_nosuch", "42P01"), ("SELECT 1 / 0", "22012"):
        fails(state, shell.execute_normal_sql, statement)
    assert shell.valid_transaction() is False and not shell.failed_transaction()
    run(shell, "BEGIN")
    with contextlib.suppress(psycopg.Error):
        run(shell, "SELECT 1 / 0")
    assert shell.failed_transaction()
    run(shell, "ROLLBACK")
    run(shell, f"DROP TABLE {T}")


if __name__ == "__main__":
    check.run(connect)
