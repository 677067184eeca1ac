"""SQLAlchemy 2.1 over psycopg 3 against the server of PGHOST, PGPORT, PGDATABASE, PGUSER: what its
dialect asks on connecting, Core, ORM, and a look at the catalogue."""

import contextlib
import threading

from sqlalchemy import (ARRAY, BigInteger, Boolean, Column, Date, DateTime, Double, Integer, LargeBinary, MetaData, Numeric,
                        REAL, SmallInteger, String, Table, Text, Uuid, bindparam, create_engine, delete, exc, func, inspect,
                        select, text, update)
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from checks import EDGES, ERRORS, NAMES, NULLS, ROW, SLOW, Checks, equal

check = Checks("sqlalchemy")
engine = create_engine("postgresql+psycopg://", connect_args={"options": "-c timezone=UTC"})
meta = MetaData()

TYPES = dict(
    id=BigInteger, i2=SmallInteger, i4=Integer, i8=BigInteger, f4=REAL, f8=Double, t=Text, vc=String(20), b=Boolean, by=LargeBinary,
    d=Date, ts=DateTime, tz=DateTime(timezone=True), num=Numeric(12, 3), u=Uuid, j=JSONB(none_as_null=True),
    ai=ARRAY(BigInteger), at=ARRAY(Text), af=ARRAY(Double), ab=ARRAY(Boolean),
)
key = dict(primary_key=True, autoincrement=False)
types = Table("drv_sa_types", meta, *(Column(n, TYPES[n], **(key if n == "id" else {})) for n in NAMES))
rows = Table("drv_sa_rows", meta, Column("id", BigInteger, **key), Column("v", Text), Column("n", BigInteger), Column("small", SmallInteger))


class Base(DeclarativeBase):
    metadata = meta


class Person(Base):
    __tablename__ = "drv_sa_people"
    id: Mapped[int] = mapped_column(BigInteger, **key)
    name: Mapped[str] = mapped_column(Text)
    city: Mapped[str | None] = mapped_column(Text)


@contextlib.contextmanager
def connect():
    with engine.connect() as connection:
        yield connection


def fill(conn, count):
    conn.execute(delete(rows))
    conn.execute(text(f"INSERT INTO drv_sa_rows (id, v, n) SELECT g, 'v' || g, g FROM generate_series(1, {count}) AS s (g)"))
    conn.commit()


@check
def connection_facts(conn):
    assert conn.dialect.server_version_info >= (15,), conn.dialect.server_version_info
    assert conn.dialect.default_schema_name
    equal(conn.execute(select(1)).scalar_one(), 1)
    equal(conn.get_isolation_level(), "READ COMMITTED")


@check
def create_tables(conn):
    meta.drop_all(conn)
    meta.create_all(conn)
    conn.commit()
    meta.create_all(conn)  # finds them in the catalogue
    assert inspect(conn).has_table("drv_sa_rows")
    assert not inspect(conn).has_table("drv_sa_nosuch")


@check
def insert_and_read_with_parameters(conn):
    conn.execute(delete(rows))
    conn.execute(rows.insert(), {"id": 1, "v": "one", "n": 10})
    conn.execute(rows.insert(), [{"id": i, "v": f"v{i}", "n": i} for i in range(2, 50)])
    conn.commit()
    equal(conn.execute(select(rows.c.v).where(rows.c.id == 7)).scalar_one(), "v7")
    equal(conn.execute(select(rows).where(rows.c.id == 700)).first(), None)
    found = conn.execute(select(rows.c.id).where(rows.c.id.in_([3, 1, 99])).order_by(rows.c.id)).scalars().all()
    equal(found, [1, 3])
    top = select(rows.c.v).where(rows.c.n > 10, rows.c.v.like("v4%")).order_by(rows.c.n.desc()).limit(2).offset(1)
    equal(conn.execute(top).scalars().all(), ["v48", "v47"])
    equal(conn.execute(select(func.count(), func.max(rows.c.n)).select_from(rows)).one(), (49, 49))
    changed = conn.execute(update(rows).where(rows.c.id == 1).values(n=rows.c.n + 5).returning(rows.c.n))
    equal(changed.scalar_one(), 15)
    equal(conn.execute(update(rows).where(rows.c.n > 45).values(v=None)).rowcount, 4)
    equal(conn.execute(delete(rows).where(rows.c.id == 1)).rowcount, 1)
    merge = insert(rows).values(id=2, v="merged", n=0)
    merge = merge.on_conflict_do_update(index_elements=["id"], set_={"v": merge.excluded.v})
    conn.execute(merge)
    conn.execute(insert(rows).values(id=2, v="ignored").on_conflict_do_nothing())
    equal(conn.execute(select(rows.c.v, rows.c.n).where(rows.c.id == 2)).one(), ("merged", 2))
    conn.commit()


@check
def every_type(conn):
    conn.execute(delete(types))
    for row in (ROW, EDGES, NULLS):
        conn.execute(types.insert(), row)
    conn.commit()
    for want in (ROW, EDGES, NULLS):
        equal(dict(conn.execute(select(types).where(types.c.id == want["id"])).mappings().one()), want)
    scanned = conn.execute(select(types).where(types.c.id + 0 > 0).order_by(types.c.id)).mappings().all()
    equal([dict(row) for row in scanned], [ROW, EDGES, NULLS])


@check
def join_and_group(conn):
    fill(conn, 20)
    a, b = rows.alias("a"), rows.alias("b")
    joined = select(a.c.v, b.c.n).join_from(a, b, a.c.n == b.c.id).where(b.c.id <= 2).order_by(a.c.id)
    equal(conn.execute(joined).all(), [("v1", 1), ("v2", 2)])
    odd = (rows.c.n % 2).label("odd")
    grouped = select(odd, func.count()).group_by(odd).order_by(odd)
    equal(conn.execute(grouped).all(), [(0, 10), (1, 10)])
    inner = select(func.max(rows.c.n)).scalar_subquery()
    equal(conn.execute(select(rows.c.id).where(rows.c.n == inner)).scalar_one(), 20)


@check
def stream(conn):
    fill(conn, 1000)
    result = conn.execution_options(stream_results=True, max_row_buffer=64).execute(select(rows.c.id).order_by(rows.c.id))
    equal([row.id for row in result], list(range(1, 1001)))
    conn.commit()
    with Session(engine) as session:
        pages = session.execute(select(rows.c.id).order_by(rows.c.id).execution_options(yield_per=100)).partitions()
        equal([len(list(page)) for page in pages], [100] * 10)


@check
def orm(_):
    with Session(engine) as session:
        session.execute(delete(Person))
        session.add_all([Person(id=1, name="Ann", city="Rome"), Person(id=2, name="Bob"), Person(id=3, name="Cid", city="Oslo")])
        session.commit()
    with Session(engine) as session:
        ann = session.get(Person, 1)
        equal((ann.name, ann.city), ("Ann", "Rome"))
        equal(session.get(Person, 77), None)
        ann.city = "Bonn"
        session.delete(session.get(Person, 2))
        session.commit()
    with Session(engine) as session:
        people = session.scalars(select(Person).order_by(Person.name)).all()
        equal([(p.id, p.city) for p in people], [(1, "Bonn"), (3, "Oslo")])


@check
def cancel(conn):
    fill(conn, 2000)
    timer = threading.Timer(0.5, conn.connection.driver_connection.cancel_safe)
    timer.start()
    try:
        conn.execute(text(SLOW.format(t="drv_sa_rows")))
        raise AssertionError("the slow query ended")
    except exc.OperationalError as error:
        equal(error.orig.sqlstate, "57014")
    finally:
        timer.join()
    conn.rollback()
    equal(conn.execute(select(rows.c.v).where(rows.c.id == 5)).scalar_one(), "v5")


@check
def errors(conn):
    fill(conn, 1)
    for statement, state in ERRORS:
        try:
            conn.exec_driver_sql(statement.format(t="drv_sa_rows"))
            raise AssertionError(f"no error: {statement}")
        except exc.DBAPIError as error:
            assert error.orig.sqlstate == state, f"{statement}: {error.orig.sqlstate} {error}, not {state}"
        conn.rollback()
    try:
        conn.execute(rows.insert(), {"id": 1})
        raise AssertionError("no error")
    except exc.IntegrityError as error:
        equal(error.orig.sqlstate, "23505")
    conn.rollback()
    try:
        conn.execute(text("SELECT 1 / :n"), {"n": 0})
        raise AssertionError("no error")
    except exc.DataError as error:
        equal(error.orig.sqlstate, "22012")
    try:
        conn.execute(select(bindparam("x", 1)))
        raise AssertionError("no error")
    except exc.DBAPIError as error:
        equal(error.orig.sqlstate, "25P02")
    conn.rollback()
    equal(conn.execute(select(func.count()).select_from(rows)).scalar_one(), 1)


@check
def reflection(conn):
    look = inspect(conn)
    names = [name for name in look.get_table_names() if name.startswith("drv_sa_")]
    equal(sorted(names), ["drv_sa_people", "drv_sa_rows", "drv_sa_types"])
    columns = look.get_columns("drv_sa_people")
    equal([(c["name"], str(c["type"]), c["nullable"]) for c in columns], [("id", "BIGINT", False), ("name", "TEXT", False), ("city", "TEXT", True)])
    equal(look.get_pk_constraint("drv_sa_people")["constrained_columns"], ["id"])
    equal([str(c["type"]) for c in look.get_columns("drv_sa_types")][:8], ["BIGINT", "SMALLINT", "INTEGER", "BIGINT", "REAL", "DOUBLE PRECISION", "TEXT", "VARCHAR(20)"])
    equal(look.get_pk_constraint("drv_sa_people")["name"], "drv_sa_people_pkey")
    for of_table in look.get_indexes, look.get_foreign_keys, look.get_unique_constraints, look.get_check_constraints:
        equal(of_table("drv_sa_people"), [])
    equal(look.get_table_comment("drv_sa_people"), {"text": None})
    equal(look.get_table_options("drv_sa_people"), {})
    assert "drv_sa_people" not in look.get_view_names() + look.get_materialized_view_names() + look.get_sequence_names()
    assert look.get_schema_names() and look.default_schema_name in look.get_schema_names()
    equal((look.get_enums(), look.get_domains(), look.get_temp_table_names()), ([], [], []))
    found = MetaData()
    found.reflect(conn, only=["drv_sa_people", "drv_sa_types"])
    equal(found.tables["drv_sa_people"].primary_key.columns.keys(), ["id"])


@check
def clean_up(conn):
    meta.drop_all(conn)
    conn.commit()


if __name__ == "__main__":
    check.run(connect)
