"""A small SQLite file that several processes of the agent share, durable at every commit.

Rollback journal and ``synchronous=FULL``: SQLite before 3.51.3 has a corruption bug in WAL mode
(7-dependencies.md). The journal file is kept; a commit overwrites and syncs its header. That is five times
as fast here as deleting it, and surer: a deletion that a power cut takes back would undo the commit
(https://sqlite.org/pragma.html#pragma_synchronous, EXTRA).

Every failure of the file is ``cannot-record``: what cannot be written down must not happen.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from protocol.drivers.files import private_folder
from protocol.errors import Code, RelevoError

_BUSY_S = 5.0
"""Longest wait for another process that is writing."""


_KEPT_JOURNAL = 1 << 20
"""Bytes of rollback journal that stay on disk between commits."""


class Database:
    """One connection. Owner-only file in an owner-only folder."""

    def __init__(self, path: Path, schema: Sequence[str]) -> None:
        """Open or create; ``schema`` are ``CREATE … IF NOT EXISTS`` statements.

        Raises:
            RelevoError: ``cannot-record``.
        """
        private_folder(path.parent)
        self._name = path.name
        old = os.umask(0o077)
        try:
            self._db = sqlite3.connect(path, isolation_level=None, timeout=_BUSY_S, check_same_thread=False)
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.execute("PRAGMA journal_mode=PERSIST")
            self._db.execute(f"PRAGMA journal_size_limit={_KEPT_JOURNAL}")
            for statement in schema:
                self._db.execute(statement)
        except sqlite3.Error as error:
            raise self._problem(error) from error
        finally:
            os.umask(old)

    def close(self) -> None:
        self._db.close()

    def rows(self, query: str, values: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query. Raises RelevoError: ``cannot-record``."""
        try:
            return self._db.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise self._problem(error) from error

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Alone among all processes; on disk when the block was left, undone if it raises.

        Raises:
            RelevoError: ``cannot-record``; nothing of the block was kept.
        """
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise self._problem(error) from error

    def _problem(self, error: sqlite3.Error) -> RelevoError:
        return RelevoError(Code.CANNOT_RECORD, f"{self._name}: {error}")
