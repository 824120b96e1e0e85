"""How each database is opened: durability, isolation, and which of its errors mean a storage fault."""

from __future__ import annotations

import sqlite3
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from protocol.errors import Code, RelevoError

WAL_SINCE = (3, 51, 3)
"""Older SQLite can corrupt a WAL database (7-dependencies.md); it gets the rollback journal."""
BUSY_MS = 10_000

_STORAGE = frozenset(
    {
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_AUTH,
    }
)


def make_engine(url: str, *, writer: bool, pool: int = 1) -> Engine:
    """An engine of at most ``pool`` connections.

    Raises:
        RelevoError: ``usage`` for a database this version does not know.
    """
    if make_url(url).get_backend_name() != "sqlite":
        raise RelevoError(Code.USAGE, "this version keeps its state in SQLite only")
    engine = create_engine(
        url,
        poolclass=QueuePool,
        pool_size=pool,
        max_overflow=0,
        # An unexpected error is logged with its text, and values are what people wrote.
        hide_parameters=True,
        # Connections move between threads of the pool but are used by one at a time.
        connect_args={"check_same_thread": False, "timeout": BUSY_MS / 1000},
    )
    event.listen(engine, "connect", _prepare_writer if writer else _prepare_reader)
    event.listen(engine, "begin", _begin_immediate if writer else _begin)
    return engine


def is_storage_fault(error: BaseException) -> bool:
    """True when the database itself could not do it, as opposed to a constraint or a wrong query."""
    original = error.orig if isinstance(error, DBAPIError) else error
    if not isinstance(original, sqlite3.Error):
        return False
    code = getattr(original, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in _STORAGE


def _prepare(connection: sqlite3.Connection) -> None:
    # The driver's implicit BEGIN would break SAVEPOINT; transactions are begun by the listeners.
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA trusted_schema = OFF")


def _prepare_writer(connection: Any, _entry: ConnectionPoolEntry) -> None:
    _prepare(connection)
    # TRUNCATE syncs the emptied journal; with DELETE the commit could still be undone by a power
    # cut, because the folder is synced only with synchronous=EXTRA (sqlite.org/pragma.html).
    mode = "WAL" if sqlite3.sqlite_version_info >= WAL_SINCE else "TRUNCATE"
    connection.execute(f"PRAGMA journal_mode = {mode}").fetchone()
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA secure_delete = ON")


def _prepare_reader(connection: Any, _entry: ConnectionPoolEntry) -> None:
    _prepare(connection)
    connection.execute("PRAGMA query_only = ON")


def _begin_immediate(conn: Connection) -> None:
    conn.exec_driver_sql("BEGIN IMMEDIATE")


def _begin(conn: Connection) -> None:
    conn.exec_driver_sql("BEGIN")
