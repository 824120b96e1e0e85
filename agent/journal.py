"""The agent's journal: every act is written here, durably, before its effect.

One SQLite file (rollback journal, ``synchronous=FULL``) that the main process, the session workers
and the command line all append to; a write that fails stops the act. Entries are signed by the
agent's key and chained, so a broker can neither forge one nor leave one out unseen.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from protocol.audit import Action
from protocol.documents import PROTOCOL_VERSION, JournalEntry
from protocol.drivers.files import private_folder
from protocol.envelope import Envelope
from protocol.errors import Code, RelevoError
from protocol.wire import Fact, from_json, to_json

if TYPE_CHECKING:
    from protocol.sshkeys import Signer

FIRST_PREVIOUS = "0" * 64
_BUSY_S = 5.0


class Journal:
    """Append and read. Each instance has its own connection; processes share the file."""

    def __init__(self, path: Path, agent: str, on_append: Callable[[], None] = lambda: None) -> None:
        """Open or create the journal; ``on_append`` is called after each entry is on disk.

        Raises:
            RelevoError: ``cannot-record`` when the file cannot be opened.
        """
        private_folder(path.parent)
        self._agent = agent
        self._on_append = on_append
        old = os.umask(0o077)
        try:
            self._db = sqlite3.connect(path, isolation_level=None, timeout=_BUSY_S, check_same_thread=False)
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.execute(
                "CREATE TABLE IF NOT EXISTS entry (sequence INTEGER PRIMARY KEY, grant_id TEXT, "
                "payload_sha256 TEXT NOT NULL, envelope BLOB NOT NULL)"
            )
            self._db.execute(
                "CREATE TABLE IF NOT EXISTS sent (one INTEGER PRIMARY KEY CHECK (one = 1), upto INTEGER)"
            )
        except sqlite3.Error as error:
            raise RelevoError(Code.CANNOT_RECORD, f"journal: {error}") from error
        finally:
            os.umask(old)

    def close(self) -> None:
        self._db.close()

    def append(
        self,
        signer: Signer,
        action: Action,
        *,
        grant: str | None = None,
        ticket: str | None = None,
        facts: tuple[Fact, ...] = (),
    ) -> int:
        """Write one entry and return its sequence number once it is on disk.

        Raises:
            RelevoError: ``cannot-record``; nothing was written and the act must not happen.
        """
        from protocol.dsse import seal  # brings `cryptography`, which the idle process never loads

        with self._transaction():
            row = self._db.execute(
                "SELECT sequence, payload_sha256 FROM entry ORDER BY sequence DESC LIMIT 1"
            ).fetchone()
            sequence, previous = (row[0] + 1, row[1]) if row else (1, FIRST_PREVIOUS)
            entry = JournalEntry(
                version=PROTOCOL_VERSION,
                agent=self._agent,
                sequence=sequence,
                previous=previous,
                at=datetime.now(UTC),
                action=action,
                grant=grant,
                ticket=ticket,
                facts=facts,
            )
            envelope = seal(entry, signer)
            self._db.execute(
                "INSERT INTO entry VALUES (?, ?, ?, ?)",
                (sequence, grant, hashlib.sha256(envelope.payload).hexdigest(), to_json(envelope)),
            )
        self._on_append()
        return sequence

    def unsent_after(self, sequence: int, limit: int) -> list[tuple[int, Envelope]]:
        """Entries after ``sequence`` and after what the broker acknowledged, in order."""
        rows = self._rows(
            "SELECT sequence, envelope FROM entry WHERE sequence > max(?, COALESCE((SELECT upto FROM sent), 0)) "
            "ORDER BY sequence LIMIT ?",
            (sequence, limit),
        )
        return [(row[0], from_json(row[1], Envelope)) for row in rows]

    def waiting(self) -> int:
        """How many entries the broker has not acknowledged yet."""
        query = "SELECT count(*) FROM entry WHERE sequence > COALESCE((SELECT upto FROM sent), 0)"
        return int(self._rows(query)[0][0])

    def acknowledged(self, upto: int) -> None:
        """Remember that the broker durably holds every entry up to ``upto``."""
        with self._transaction():
            self._db.execute(
                "INSERT INTO sent VALUES (1, ?) ON CONFLICT (one) DO UPDATE SET upto = excluded.upto", (upto,)
            )

    def of_grant(self, grant: str) -> list[Envelope]:
        """The entries of one session, in order."""
        rows = self._rows("SELECT envelope FROM entry WHERE grant_id = ? ORDER BY sequence", (grant,))
        return [from_json(row[0], Envelope) for row in rows]

    def grants(self) -> list[str]:
        """Sessions that have entries, oldest first."""
        rows = self._rows(
            "SELECT grant_id FROM entry WHERE grant_id IS NOT NULL GROUP BY grant_id ORDER BY MIN(sequence)"
        )
        return [row[0] for row in rows]

    def last_sequence(self) -> int:
        return int(self._rows("SELECT COALESCE(MAX(sequence), 0) FROM entry")[0][0])

    def _rows(self, query: str, values: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        try:
            return self._db.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise RelevoError(Code.CANNOT_RECORD, f"journal: {error}") from error

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise RelevoError(Code.CANNOT_RECORD, f"journal: {error}") from error
