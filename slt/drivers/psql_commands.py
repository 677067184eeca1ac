"""psql's backslash commands against the server of PGHOST, PGPORT, PGDATABASE, PGUSER: none may fail, and each
shows what there is. The program is Debian's, of the version that the server says it is."""

import contextlib
import subprocess

from checks import Checks, equal

check = Checks("psql")
T = "drv_psql"


def psql(*commands):
    """What psql prints for these commands; an assertion that it has nothing to complain of."""
    arguments = [word for command in commands for word in ("-c", command)]
    done = subprocess.run(["psql", "-X", "-v", "ON_ERROR_STOP=1", *arguments], capture_output=True, text=True, timeout=120)
    # "Did not find any relations." is no error.
    complaint = "\n".join(line for line in done.stderr.splitlines() if not line.startswith("Did not find any"))
    assert not complaint and done.returncode == 0, f"{commands}: {complaint}"
    return done.stdout


@contextlib.contextmanager
def connect():
    psql("SET client_min_messages = warning", f"DROP TABLE IF EXISTS {T}",
         f"CREATE TABLE {T} (id int8 PRIMARY KEY, name varchar(20) NOT NULL, n numeric(10,2) DEFAULT 0, tags text[], at timestamptz)")
    try:
        yield None
    finally:
        psql(f"DROP TABLE {T}")


def shows(command, *words):
    out = psql(command)
    for word in words:
        assert word in out, f"{command} shows no {word!r}:\n{out}"


@check
def a_table(_):
    for command in f"\\d {T}", f"\\d+ {T}":
        shows(command, f'.{T}"', "Column", "character varying(20)", "numeric(10,2)", "not null", "timestamp with time zone", "text[]",
              "Indexes:", f'"{T}_pkey" PRIMARY KEY')
    shows(f"\\d {T}_pkey", f'Index "', "primary key", f'for table "')
    shows(f"\\dt {T}", T, "table")
    shows(f"\\dt+ {T}", T, "permanent", "heap")
    shows(f"\\di {T}*", f"{T}_pkey", "index", T)
    shows(f"\\di+ {T}*", f"{T}_pkey")
    shows(f"\\dp {T}", "Access privileges", T)
    shows(f"\\z {T}", T)


@check
def all_objects(_):
    shows("\\d", T, "List of relations")
    shows("\\dt", T)
    shows("\\di", f"{T}_pkey")
    for command in "\\dv", "\\ds", "\\dm", "\\dE":
        psql(command)
    for command in "\\dn", "\\dn+":
        shows(command, "List of schemas", "Owner")
    for command in "\\l", "\\l+":
        shows(command, "List of databases", "UTF8", "test")
    for command in "\\du", "\\du+", "\\dg":
        shows(command, "Superuser")
    for command in "\\db", "\\db+":
        shows(command, "pg_default")
    shows("\\dx", "List of installed extensions", "Version")
    shows("\\dy", "List of event triggers")
    shows("\\ddp", "Default access privileges")
    shows("\\dT", "List of data types")
    shows("\\df", "List of functions")
    shows("\\do", "List of operators")
    psql("\\drds")


@check
def what_the_system_has(_):
    shows("\\dS pg_class", "pg_catalog", "table")
    shows("\\d pg_class", "relname", "name", "oid", "not null")
    shows("\\d information_schema.tables", "table_name")
    shows("\\dT int8", "bigint")
    shows("\\dT+ numeric", "numeric", "var")
    shows("\\df lower", "lower", "text")
    shows("\\df+ lower", "immutable", "internal", "safe")
    shows("\\da count", "bigint", "any")
    shows("\\do =", "boolean", "bigint", "text")
    shows("\\dC", "bigint", "integer", "in assignment")
    shows("\\sf lower(text)", "CREATE OR REPLACE FUNCTION pg_catalog.lower(text)", "RETURNS text")
    shows("\\dconfig server_*", "server_version", "server_encoding")
    shows("\\dconfig *", "TimeZone", "max_identifier_length")
    for command in "\\dd", "\\dD", "\\des", "\\det", "\\deu", "\\dew", "\\dF", "\\dFd", "\\dFp", "\\dFt", "\\dL", "\\dO", "\\dP", "\\dRp", "\\dRs", "\\dl", "\\dc":
        psql(command)


@check
def of_the_session(_):
    shows("\\conninfo", 'You are connected to database "')
    equal(psql("\\encoding"), "UTF8\n")
    shows("\\echo :SERVER_VERSION_NAME", "15")


if __name__ == "__main__":
    check.run(connect)
