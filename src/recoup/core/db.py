"""The database: one declarative base, sessions opened by doors, locks that any process may ask for."""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar
from uuid import UUID

import psycopg
from sqlalchemy import (
    BigInteger,
    Connection,
    DateTime,
    Engine,
    LargeBinary,
    MetaData,
    Numeric,
    Text,
    Uuid,
    create_engine,
    event,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, DisconnectionError, OperationalError
from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker

from recoup.core.errors import Unavailable

T = TypeVar("T")

AS_SYSTEM = "-c recoup.role=system"
"""What a connection of ours starts with. Row security shows nothing to one that does not say who it is."""

ACTS_AS = "recoup.acts_as"
SERIALIZATION_FAILURE, DEADLOCK = "40001", "40P01"
TRANSACTION_ATTEMPTS = 5


class Base(DeclarativeBase):
    """The parent of every table; amounts are exact, instants carry their zone, text is unbounded."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads it from the class
        int: BigInteger,
        str: Text,
        bytes: LargeBinary,
        datetime: DateTime(timezone=True),
        Decimal: Numeric,
        UUID: Uuid,
        dict[str, Any]: JSONB,
        list[Any]: JSONB,
    }


def connect(url: str, *, pool_size: int = 10) -> Engine:
    """Open an engine on ``url``. Sessions run in UTC; a lock is waited for at most 30 s, a statement 10 min."""
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=30,
        connect_args={
            "connect_timeout": 10,
            "options": "-c timezone=UTC -c lock_timeout=30s -c statement_timeout=600s "
            f"-c idle_in_transaction_session_timeout=600s {AS_SYSTEM}",
        },
    )

    @event.listens_for(engine, "connect")
    def _no_server_side_plans(connection: DBAPIConnection, _record: object) -> None:
        # A generic plan made on a small table is a trap for queue-like tables that grow.
        connection.prepare_threshold = None

    @event.listens_for(engine, "checkout")
    def _still_there(connection: DBAPIConnection, _record: object, _proxy: object) -> None:
        # The server has nothing to say to a connection that rests: what can be read there is that it ended. This is
        # what a ping would find out, without the way to the server and back that each request would pay for.
        if connection.closed or _can_be_read(connection.fileno()):
            raise DisconnectionError("the server closed the connection while it rested")

    return engine


def _can_be_read(descriptor: int) -> bool:
    waiting = select.poll()
    waiting.register(descriptor, select.POLLIN)
    return bool(waiting.poll(0))


def session_factory(engine: Engine) -> sessionmaker[Session]:
    """Return the factory that doors open transactions with: ``with sessions.begin() as db``."""
    sessions = sessionmaker(engine, expire_on_commit=False)

    @event.listens_for(sessions, "after_begin")
    def _begun(db: Session, _transaction: object, connection: Connection) -> None:
        if ACTS_AS in db.info:
            role, person = db.info[ACTS_AS]
            _act_as(connection, role=role, person=person)

    return sessions


def one_by_one(engine: Engine) -> Engine:
    """Return the engine as one whose every statement stands for itself: no begin and no commit on the wire."""
    return engine.execution_options(isolation_level="AUTOCOMMIT")


def in_transaction(sessions: sessionmaker[Session], work: Callable[[Session], T]) -> T:
    """Run ``work`` in a transaction of its own, again from the start when Postgres chose it as a victim.

    Only serialization failures and deadlocks are repeated (at most 5 times): they promise that nothing happened.
    """
    for attempt in range(1, TRANSACTION_ATTEMPTS + 1):
        try:
            with sessions.begin() as db:
                return work(db)
        except DBAPIError as error:
            if attempt == TRANSACTION_ATTEMPTS or sqlstate(error) not in {SERIALIZATION_FAILURE, DEADLOCK}:
                raise
            time.sleep(0.05 * attempt)
    raise AssertionError  # pragma: no cover - the loop returns or raises


def sqlstate(error: DBAPIError) -> str | None:
    """Return Postgres's code of a failure (``40001``, ``23505``), or None where the connection is gone."""
    return getattr(error.orig, "sqlstate", None)


def is_connection_lost(error: BaseException) -> bool:
    """Say whether Postgres went away (so that trying again later is right), not that our SQL is wrong."""
    return isinstance(error, OperationalError) or (
        isinstance(error, DBAPIError) and error.connection_invalidated
    )


def wait_until_ready(engine: Engine, *, seconds: float) -> None:
    """Wait until the database answers; raise Unavailable after ``seconds``."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            with engine.connect() as connection:
                connection.execute(text("select 1"))
        except OperationalError as error:
            if time.monotonic() >= deadline:
                raise Unavailable(
                    "The database does not answer.", fix="Look at the end of its log, or check DATABASE_URL."
                ) from error
            time.sleep(0.2)
        else:
            return


def acting(db: Session, *, role: str, person: UUID | None) -> None:
    """Let a session act as somebody (see ``act_as``) in each of its transactions, from their beginning."""
    db.info[ACTS_AS] = (role, person)


def act_as(db: Session, *, role: str, person: UUID | None) -> None:
    """Let row security see, until this transaction ends, who it is done for; ``role`` "" is nobody."""
    _act_as(db.connection(), role=role, person=person)


def _act_as(connection: Connection, *, role: str, person: UUID | None) -> None:
    statement = (
        "select set_config('recoup.role', %(role)s, true), set_config('recoup.person', %(person)s, true)"
    )
    with at_the_driver(connection, statement) as raw:
        raw.execute(statement, {"role": role, "person": str(person or "")})


@contextmanager
def at_the_driver(connection: Connection, words: str) -> Iterator[Any]:
    """Yield the driver's own connection, for what every request pays for; failures are told in SQLAlchemy's words."""
    raw: Any = connection.connection.driver_connection
    try:
        yield raw
    except psycopg.Error as error:
        if raw.closed:
            connection.invalidate(error)
        raise DBAPIError.instance(words, {}, error, psycopg.Error, dialect=connection.dialect) from error


def database_now(db: Session) -> datetime:
    """Return the database's clock (the start of this transaction): the one clock that all leases use."""
    now: datetime = db.execute(text("select now()")).scalar_one()
    return now


def try_lock(db: Session, name: str) -> bool:
    """Take the advisory lock ``name`` until this transaction ends; say whether it was free."""
    statement = text("select pg_try_advisory_xact_lock(hashtextextended(:name, 0))")
    return bool(db.execute(statement, {"name": name}).scalar_one())


def lock(db: Session, name: str) -> None:
    """Wait for the advisory lock ``name`` and hold it until this transaction ends."""
    db.execute(text("select pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": name})


def copy_rows(db: Session, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
    """Load rows through COPY in this transaction; return how many. For loads of more than a few hundred rows."""
    connection = db.connection().connection.driver_connection
    count = 0
    with connection.cursor() as cursor:  # type: ignore[union-attr]
        names = ", ".join(f'"{column}"' for column in columns)
        with cursor.copy(f'COPY "{table}" ({names}) FROM STDIN') as copy:
            for row in rows:
                copy.write_row(row)
                count += 1
    return count
