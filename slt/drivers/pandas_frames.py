"""pandas over SQLAlchemy against the server of PGHOST, PGPORT, PGDATABASE, PGUSER: a frame becomes a
table, a query becomes a frame."""

import csv
import io

import pandas as pd
from pandas.testing import assert_frame_equal
from sqlalchemy import create_engine, text

from checks import Checks, equal, fails

check = Checks("pandas")
T = "drv_pandas"
engine = create_engine("postgresql+psycopg2://", connect_args={"options": "-c timezone=UTC"})
FRAME = pd.DataFrame({
    "id": range(1000),
    "f": [i / 8 if i % 7 else None for i in range(1000)],
    "name": [f"n{i}✈" if i % 5 else None for i in range(1000)],
    "odd one": [i % 2 == 1 for i in range(1000)],
    "at": pd.date_range("2024-02-28", periods=1000, freq="37min", tz="UTC"),
})


def connect():
    return engine.connect()


def same(actual, expected):
    assert_frame_equal(actual, expected, check_dtype=False, check_index_type=False, check_column_type=False)


@check
def frame_to_table_and_back(conn):
    FRAME.to_sql(T, conn, if_exists="replace", index=False, chunksize=300)
    conn.commit()
    query = f"SELECT * FROM {T} ORDER BY id"
    same(pd.read_sql(query, conn), FRAME)
    same(pd.read_sql_table(T, conn).sort_values("id", ignore_index=True), FRAME)
    chunks = list(pd.read_sql(query, conn.execution_options(stream_results=True), chunksize=250))
    equal([len(chunk) for chunk in chunks], [250] * 4)
    same(pd.concat(chunks, ignore_index=True), FRAME)
    assert pd.read_sql(f"SELECT * FROM {T} WHERE id < 0", conn).empty


@check
def parameters_and_groups(conn):
    few = pd.read_sql(text(f'SELECT id, "odd one" AS odd FROM {T} WHERE id < :top AND name LIKE :like'), conn, params={"top": 20, "like": "n1%"})
    equal(sorted(few["id"]), [1, 11, 12, 13, 14, 16, 17, 18, 19])
    grouped = pd.read_sql(f'SELECT "odd one" AS odd, count(f) AS n, sum(f) AS f FROM {T} GROUP BY 1 ORDER BY 1', conn)
    same(grouped, FRAME.groupby("odd one").agg(n=("f", "count"), f=("f", "sum")).reset_index(names="odd"))
    days = pd.read_sql(f"SELECT date_trunc('day', at) AS day, count(*) AS n FROM {T} GROUP BY 1 ORDER BY 1", conn, index_col="day")
    equal(days["n"].tolist(), FRAME.groupby(FRAME["at"].dt.floor("D")).size().tolist())


@check
def append_fail_and_roll_back(conn):
    more = FRAME.head(10).assign(id=range(5000, 5010))
    with conn.begin() as block:
        more.to_sql(T, conn, if_exists="append", index=False, method="multi")
        equal(pd.read_sql(f"SELECT count(*) AS n FROM {T}", conn)["n"][0], 1010)
        block.rollback()
    equal(pd.read_sql(f"SELECT count(*) AS n FROM {T}", conn)["n"][0], 1000)
    try:
        more.to_sql(T, conn, if_exists="fail", index=False)
        raise AssertionError("a table was made twice")
    except ValueError as error:
        assert "already exists" in str(error), error
    fails("42P01", driver_error, conn, f"SELECT * FROM {T}_nosuch")


def driver_error(conn, query):
    """Raises the driver's own error, which pandas and SQLAlchemy wrap."""
    try:
        pd.read_sql(query, conn)
    except pd.errors.DatabaseError as error:
        raise error.__cause__.orig


@check
def rows_by_copy(conn):
    def copy(table, dbapi, columns, rows):
        lines = io.StringIO()
        csv.writer(lines).writerows(rows)
        lines.seek(0)
        names = ", ".join(f'"{name}"' for name in columns)
        with dbapi.connection.cursor() as cur:
            cur.copy_expert(f"COPY {table.name} ({names}) FROM STDIN WITH CSV", lines)

    FRAME.to_sql(T, conn, if_exists="replace", index=False, method=copy)
    same(pd.read_sql(f"SELECT * FROM {T} ORDER BY id", conn, index_col="id"), FRAME.set_index("id"))
    conn.execute(text(f"DROP TABLE {T}"))
    conn.commit()


if __name__ == "__main__":
    check.run(connect)
