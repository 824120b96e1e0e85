"""Samples that wait for the broker, bounded.

One SQLite file that the sampling child writes, the idle process reads, and ``relevo-agent trends`` shows.
"""

from __future__ import annotations

from datetime import datetime

from agent.durable import Database
from agent.folder import Folder
from protocol.times import rfc3339
from protocol.trends import KEPT, MAX_SEQUENCE, Reading, Sample
from protocol.wire import from_json, to_json

_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS sample (sequence INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, "
    "sample BLOB)",
    "CREATE TABLE IF NOT EXISTS sent (one INTEGER PRIMARY KEY CHECK (one = 1), upto INTEGER NOT NULL)",
)
PLAUSIBLE = 1_000 * 366 * 24
"""Samples of a thousand years; no broker has been told of more."""


class Ring:
    """The newest samples. Numbers go on where they were, also after everything was forgotten."""

    def __init__(self, folder: Folder) -> None:
        """Open or create. Raises RelevoError: ``cannot-record``."""
        self._db = Database(folder.trends, _SCHEMA)

    def close(self) -> None:
        self._db.close()

    def append(self, at: datetime, readings: tuple[Reading, ...]) -> Sample:
        """Store the next sample; what is older than the newest ``KEPT`` goes. Raises as ``Database``."""
        with self._db.transaction() as database:
            cursor = database.execute("INSERT INTO sample (at) VALUES (?)", (rfc3339(at),))
            sample = Sample(sequence=cursor.lastrowid or 1, at=at, readings=readings)
            database.execute(
                "UPDATE sample SET sample = ? WHERE sequence = ?", (to_json(sample), sample.sequence)
            )
            database.execute("DELETE FROM sample WHERE sequence <= ?", (sample.sequence - KEPT,))
        return sample

    def newest(self, before: int | None = None) -> Sample | None:
        """The last sample, or the last before a number."""
        rows = self._db.rows(
            "SELECT sample FROM sample WHERE sequence < ? ORDER BY sequence DESC LIMIT 1",
            (before if before is not None else MAX_SEQUENCE + 1,),
        )
        return from_json(rows[0][0], Sample) if rows else None

    def unsent(self, limit: int) -> list[Sample]:
        """What the broker has not acknowledged, oldest first."""
        rows = self._db.rows(
            "SELECT sample FROM sample WHERE sequence > ? ORDER BY sequence LIMIT ?",
            (self.sent_upto(), limit),
        )
        return [from_json(row[0], Sample) for row in rows]

    def all(self) -> list[Sample]:
        """Everything that is kept, oldest first."""
        return [
            from_json(row[0], Sample) for row in self._db.rows("SELECT sample FROM sample ORDER BY sequence")
        ]

    def sent_upto(self) -> int:
        return int(self._db.rows("SELECT COALESCE((SELECT upto FROM sent), 0)")[0][0])

    def acknowledged(self, upto: int) -> None:
        """The broker knows everything up to ``upto``. If that is more than there is (this file was lost), go
        on from there: numbers that it knows it would pass over. It can never make us send anything again.
        A number over ``PLAUSIBLE`` moves nothing: some must be left.
        """
        if upto > PLAUSIBLE:
            return
        with self._db.transaction() as database:
            last = database.execute("SELECT COALESCE(MAX(seq), 0) FROM sqlite_sequence WHERE name = 'sample'")
            if upto > last.fetchone()[0]:
                database.execute("DELETE FROM sample")
                database.execute("DELETE FROM sqlite_sequence WHERE name = 'sample'")
                database.execute("INSERT INTO sqlite_sequence VALUES ('sample', ?)", (upto,))
            database.execute(
                "INSERT INTO sent VALUES (1, ?) ON CONFLICT (one) DO UPDATE SET "
                "upto = MAX(upto, excluded.upto)",
                (upto,),
            )

    def forget(self) -> None:
        """Drop every sample: the owner of this machine wants none told."""
        with self._db.transaction() as database:
            database.execute("DELETE FROM sample")
